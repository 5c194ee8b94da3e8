//! `pointsman serve`: the switch, until it is told to stop.

use std::path::PathBuf;

use pointsman_switch::{StartError, Stopped, Switch, SwitchSettings};
use tokio::runtime::Builder;

use crate::config::{self, Config};
use crate::console::Console;
use crate::control::Door;
use crate::exit::{Exit, Failure};
use crate::observe::{self, LogFormat, Logging};
use crate::signals::{self, StopSignals};

#[derive(Debug, clap::Args)]
#[command(
    after_help = "SIGTERM or SIGINT drains: what is in flight is answered, links sign off. A second one ends at once.\n\
                  Exit codes: 0 drained, 2 ended before everything was answered, 64 wrong command line, \
                  66 the file cannot be read, 69 an address cannot be listened on, 78 invalid configuration."
)]
pub(crate) struct Args {
    /// The configuration file (see docs/configuration.md)
    #[arg(short, long, value_name = "FILE", env = "POINTSMAN_CONFIG")]
    config: PathBuf,
    /// What to log: error, warn, info, debug, trace, or target=level pairs
    #[arg(
        long,
        value_name = "FILTER",
        default_value = "info",
        env = "POINTSMAN_LOG"
    )]
    log: String,
    /// How to log
    #[arg(
        long,
        value_name = "FORMAT",
        default_value = "auto",
        value_enum,
        env = "POINTSMAN_LOG_FORMAT"
    )]
    log_format: LogFormat,
}

pub(crate) fn run(args: Args, console: &Console) -> Result<Exit, Failure> {
    let config = config::load_for(&args.config, console)?;
    let logging = observe::start_logging(&args.log, args.log_format)?;
    // Accepts, signals and metrics run here; the work is done by the switch's own threads.
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
    runtime.block_on(serve(config, &logging, console))
}

async fn serve(config: Config, logging: &Logging, console: &Console) -> Result<Exit, Failure> {
    let mut signals = StopSignals::listen()?;
    raise_descriptors(&config.switch);
    if let Some(bind) = config.metrics {
        let address =
            observe::serve_metrics(bind, observe::start_metrics()?, logging.lost()).await?;
        tracing::info!(%address, "metrics at /metrics");
    }
    let journal = config.switch.journal.directory.clone();
    let switch = Switch::start(config.switch).map_err(|error| start_failure(&error))?;
    for (listener, address) in switch.addresses() {
        tracing::info!(%listener, %address, "listening");
    }

    // Without it the switch does its work as well: only orders about what is owed cannot be given.
    let door = match Door::open(&journal) {
        Ok(door) => Some(tokio::spawn(door.serve(switch.orders()))),
        Err(error) => {
            tracing::warn!(%error, journal = %journal.display(), "no orders can be given: the control socket cannot be made");
            None
        }
    };

    signals::ignore_others()?;
    let signal = signals.next().await;
    tracing::info!(signal, "draining; a second signal ends at once");
    if let Some(door) = door {
        door.abort();
    }
    tokio::select! {
        stopped = switch.drain() => match stopped {
            Stopped::Clean => {
                tracing::info!("drained");
                Ok(Exit::Ok)
            }
            Stopped::Undelivered(answers) => Err(Failure::new(
                Exit::Other(FORCED),
                format!("drained, but {answers} answers found their terminal gone or not reading"),
                "pointsman_undelivered_total and the log above say which; reconcile them with the bank",
            )),
            Stopped::CutOff => Err(Failure::new(
                Exit::Other(FORCED),
                "the drain timeout passed with transactions in flight",
                "raise `drain_timeout` in [switch] above the longest link timeout",
            )),
        },
        signal = signals.next() => {
            console.tell(&format!("second signal ({signal}): ended without waiting"));
            Ok(Exit::Other(FORCED))
        }
    }
}

/// Each connection takes a file descriptor. The system's soft limit is often 1,024; what the hard one allows is taken, and
/// said if it is less than the configuration may need.
fn raise_descriptors(settings: &SwitchSettings) {
    let listeners = settings.listeners.iter();
    let connections: usize = listeners.map(|listener| listener.connections_max).sum();
    let wanted = (connections + settings.links.len() + OWN_DESCRIPTORS) as u64;
    match rlimit::increase_nofile_limit(wanted) {
        Ok(limit) if limit < wanted => tracing::warn!(
            limit,
            wanted,
            "fewer file descriptors than `connections` may need; raise `ulimit -n` (LimitNOFILE= of a systemd unit)"
        ),
        Ok(_) => {}
        Err(error) => tracing::warn!(%error, "cannot raise the limit of file descriptors"),
    }
}

/// Runtimes, listeners, the metrics endpoint and its scrapers.
const OWN_DESCRIPTORS: usize = 64;

/// Stopped before everything was answered.
const FORCED: u8 = 2;

pub(crate) fn start_failure(error: &StartError) -> Failure {
    let hint = match error {
        StartError::Bind { .. } => {
            "choose another address for the listener's `bind`, or stop what uses this one"
        }
        StartError::Thread(_) => {
            "check the limits of this process (ulimit -u), or lower `threads` in [switch]"
        }
        StartError::Journal(_) => {
            "see docs/journal.md; `pointsman journal verify` says what a journal holds. Nothing has been sent to any bank"
        }
        StartError::TooManyLinks { .. } => "spread the links over several switches",
    };
    Failure::new(Exit::Unavailable, error.to_string(), hint)
}
