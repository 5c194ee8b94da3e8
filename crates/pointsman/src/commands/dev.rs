//! `pointsman dev`: the whole product in one process, without a configuration.
//!
//! The real switch between two banks of different dialects and a small fleet of terminals, over real sockets. When it
//! ends it holds what the terminals heard against what the banks have in their ledgers, and fails if they disagree.

mod setup;
mod verdict;

use std::net::SocketAddr;
use std::time::Duration;

use pointsman_sim_load::{Live, LoadConfig, Mix, MixItem, Pace, Report, run_load};
use pointsman_switch::{Stopped, Switch};
use tokio::runtime::Builder;

use self::setup::Place;
use self::verdict::Verdict;
use super::serve::start_failure;
use super::sim::failure;
use crate::config::duration;
use crate::console::Console;
use crate::exit::{Exit, Failure};
use crate::observe::{self, LogFormat};

/// Both banks are on this machine: what takes longer than this does not come.
const LINKS_UP_TIMEOUT: Duration = Duration::from_secs(10);

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Exit codes: 0 nothing lost and nothing mixed up, 1 something was, 64 wrong command line, \
                  69 something cannot be started."
)]
pub(crate) struct Args {
    /// Stop by itself after this long, such as 10s or 2m
    #[arg(long = "for", value_name = "DURATION", value_parser = parse_duration)]
    duration: Option<Duration>,
    /// Purchases a second
    #[arg(long, value_name = "N", default_value_t = 50.0)]
    rate: f64,
    /// Terminals, each with a connection of its own
    #[arg(long, value_name = "N", default_value_t = 8)]
    terminals: usize,
    /// Print the configuration that the switch runs with, and do nothing else
    #[arg(long)]
    print_config: bool,
    /// Print the summary as one JSON object
    #[arg(long)]
    json: bool,
    /// What to log, next to the live line: error, warn, info, debug, trace, or target=level pairs
    #[arg(
        long,
        value_name = "FILTER",
        default_value = "error",
        env = "POINTSMAN_LOG"
    )]
    log: String,
}

fn parse_duration(text: &str) -> Result<Duration, String> {
    match duration::parse(text) {
        Some(duration) if !duration.is_zero() => Ok(duration),
        _ => Err("expected a duration such as 10s, 500ms or 2m".to_owned()),
    }
}

pub(crate) fn run(args: Args, console: &Console) -> Result<Exit, Failure> {
    if !(args.rate > 0.0 && args.rate <= setup::RATE_MAX) {
        return Err(Failure::usage(
            format!(
                "--rate {}: expected more than 0 and at most {}",
                args.rate,
                setup::RATE_MAX
            ),
            "pointsman load puts a load on a switch that runs by itself",
        ));
    }
    if !(1..=setup::TERMINALS_MAX).contains(&args.terminals) {
        return Err(Failure::usage(
            format!(
                "--terminals {}: expected from 1 to {}",
                args.terminals,
                setup::TERMINALS_MAX
            ),
            "each terminal buys over a connection of its own; 8 are enough to see how it works",
        ));
    }
    if args.print_config {
        console.print(&setup::config(&Place::preferred()))?;
        return Ok(Exit::Ok);
    }
    let logging = observe::start_logging(&args.log, LogFormat::Auto)?;
    let runtime = Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| {
            Failure::new(
                Exit::Software,
                format!("cannot start the runtime: {error}"),
                "check the limits of this process",
            )
        })?;
    runtime.block_on(dev(&args, console, &logging))
}

async fn dev(args: &Args, console: &Console, logging: &observe::Logging) -> Result<Exit, Failure> {
    let stop = pointsman_sim_common::stop_signal().map_err(|error| {
        Failure::new(
            Exit::Software,
            format!("cannot listen for signals: {error}"),
            "report this",
        )
    })?;
    let (banks, mut place) = setup::start_banks(Place::preferred()).await?;
    let mut config = setup::resolve(&place)?;
    let journal = setup::journal()?;
    config.switch.journal.directory = journal.path().join("journal");
    let metrics =
        observe::serve_metrics(place.metrics, observe::start_metrics()?, logging.lost()).await?;
    let switch = Switch::start(config.switch).map_err(|error| start_failure(&error))?;
    let listeners: Vec<SocketAddr> = switch
        .addresses()
        .iter()
        .map(|(_, address)| *address)
        .collect();
    let terminals = listeners.first().copied().unwrap_or(place.terminals);
    if !args.json {
        // The system chose the port of whatever had to move.
        (place.terminals, place.metrics) = (terminals, metrics);
        console.print(&setup::banner(&place))?;
    }
    if tokio::time::timeout(LINKS_UP_TIMEOUT, switch.links_up())
        .await
        .is_err()
    {
        return Err(Failure::new(
            Exit::Software,
            "the switch did not sign on to its banks",
            "run it again with --log info to see why",
        ));
    }

    let report = buy(args, terminals, stop).await?;
    let stopped = switch.drain().await;
    let verdict = Verdict::of(&report, &banks.books(), stopped == Stopped::Clean);
    banks.shutdown().await;
    console.print(&if args.json {
        verdict.to_json(&report)
    } else {
        verdict.to_text(&report)
    })?;
    if verdict.is_clean() {
        Ok(Exit::Ok)
    } else {
        Ok(Exit::Other(1))
    }
}

/// The fleet: half its purchases with a card of each bank, the dearest tenth of which the banks decline.
async fn buy(
    args: &Args,
    terminals: SocketAddr,
    stop: impl Future<Output = ()>,
) -> Result<Report, Failure> {
    let items = setup::BANKS
        .iter()
        .map(|bank| Ok(MixItem::purchases(bank.name, setup::card(bank)?)))
        .collect::<Result<Vec<_>, Failure>>()?;
    let broken = |error: &dyn std::fmt::Display| {
        Failure::new(Exit::Software, error.to_string(), "report this")
    };
    let config = LoadConfig {
        pace: Pace::Open {
            rate: args.rate,
            ramp: Duration::ZERO,
        },
        connections: args.terminals,
        duration: args.duration,
        threads: 1,
        terminal_prefix: setup::TERMINAL_PREFIX.to_owned(),
        ..LoadConfig::new(
            terminals,
            setup::terminal_wire()?,
            Mix::new(items).map_err(|error| broken(&error))?,
        )
    };
    let mut live = Live::new(args.json);
    let report = run_load(config, stop, |progress| live.show(progress)).await;
    live.end();
    report.map_err(failure)
}
