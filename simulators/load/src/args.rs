//! The load generator on the command line.

use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;
use std::time::Duration;

use pointsman_iso8583::FieldSet;
use pointsman_sim_common::{Card, Exit, Failure, WireArgs, duration, resolve, stop_signals};

use crate::config::{LoadConfig, Pace};
use crate::live::Live;
use crate::mix::{Mix, MixError, MixItem, amounts, card, mix_from_toml};
use crate::report::Report;
use crate::run::run_load_until;
use crate::threshold::Threshold;

/// How long a load takes if nothing says otherwise.
const DURATION: Duration = Duration::from_secs(10);

/// How long a load that was stopped may go on before it says what it waits for.
const STOP_QUIET: Duration = Duration::from_millis(500);

/// Options of the load generator.
#[derive(Clone, Debug, clap::Args)]
#[command(
    after_help = "Exit codes: 0 measured, 1 errors that no threshold names, 64 wrong command line, 65 wrong mix, 66 the mix cannot be read, \
                  69 nobody listens there, 73 the report cannot be written, 99 a threshold was crossed, \
                  130 cut short by Ctrl-C."
)]
pub struct Args {
    /// The listener to load, HOST:PORT.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8583")]
    pub to: String,

    #[command(flatten)]
    pub wire: WireArgs,

    /// Requests per second, sent whether or not answers come. 100 if neither this nor --closed is given.
    #[arg(
        long,
        value_name = "NUMBER",
        conflicts_with = "closed",
        help_heading = "Pace"
    )]
    pub rate: Option<f64>,

    /// Reach the rate in a straight line over this time.
    #[arg(long, value_name = "TIME", value_parser = duration, conflicts_with = "closed", help_heading = "Pace")]
    pub ramp: Option<Duration>,

    /// Send the next request when an answer has come, to find out how much is possible.
    #[arg(long, help_heading = "Pace")]
    pub closed: bool,

    /// Connections, each one a terminal.
    #[arg(
        long,
        value_name = "COUNT",
        default_value_t = 10,
        help_heading = "Pace"
    )]
    pub connections: usize,

    /// Requests that a connection may have open at once: 1 in a closed loop, else 64.
    #[arg(long, value_name = "COUNT", help_heading = "Pace")]
    pub in_flight: Option<usize>,

    /// How long to send: 10s if neither this nor --count is given.
    #[arg(long, value_name = "TIME", value_parser = duration, help_heading = "Pace")]
    pub duration: Option<Duration>,

    /// How many requests to send.
    #[arg(long, value_name = "COUNT", help_heading = "Pace")]
    pub count: Option<u64>,

    /// Give an answer up after this time.
    #[arg(long, value_name = "TIME", value_parser = duration, default_value = "20s", help_heading = "Pace")]
    pub timeout: Duration,

    /// Threads to spread the connections over.
    #[arg(long, value_name = "COUNT", default_value_t = 1, help_heading = "Pace")]
    pub threads: usize,

    /// Cards by their first digits, several separated by commas; a valid number is made up for each.
    #[arg(
        long,
        value_name = "DIGITS",
        value_delimiter = ',',
        help_heading = "Purchases"
    )]
    pub bin: Vec<String>,

    /// Cards by name, several separated by commas: test:visa, test:mastercard.
    #[arg(
        long,
        value_name = "CARD",
        value_delimiter = ',',
        help_heading = "Purchases"
    )]
    pub card: Vec<String>,

    /// The amount, or the smallest and largest one.
    #[arg(
        long,
        value_name = "AMOUNT",
        default_value = "1.00-100.00",
        help_heading = "Purchases"
    )]
    pub amount: String,

    /// A TOML file of [[request]] tables with mti, card, amount, weight and fields, in place of --bin, --card, --amount.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["bin", "card", "amount"], help_heading = "Purchases")]
    pub mix: Option<PathBuf>,

    /// A field of every request that differs from the usual, such as 60=22000001000; `60=` leaves it out.
    #[arg(long = "field", value_name = "N=VALUE", help_heading = "Purchases")]
    pub field: Vec<String>,

    /// Field 41 is this, at most three characters, and the number of the connection.
    #[arg(
        long,
        value_name = "TEXT",
        default_value = "T",
        help_heading = "Purchases"
    )]
    pub terminal_prefix: String,

    /// What cards and amounts are drawn from.
    #[arg(
        long,
        value_name = "NUMBER",
        default_value_t = 0,
        help_heading = "Purchases"
    )]
    pub seed: u64,

    /// A limit to keep: p99<20ms, declined<1%, errors==0, rc91<0.1%, rate>=5000. Exit status 99 if one is crossed.
    #[arg(long, value_name = "LIMIT", help_heading = "Result")]
    pub threshold: Vec<Threshold>,

    /// Errors that no --threshold names do not make the exit status 1.
    #[arg(long, help_heading = "Result")]
    pub allow_errors: bool,

    /// Print the report as JSON.
    #[arg(long, help_heading = "Result")]
    pub json: bool,

    /// Write the report as JSON to a file.
    #[arg(long, value_name = "FILE", help_heading = "Result")]
    pub report: Option<PathBuf>,

    /// No progress on standard error.
    #[arg(short, long, help_heading = "Result")]
    pub quiet: bool,
}

/// Runs a load, shows how it goes, prints the report.
///
/// # Errors
/// The options make no sense, the listener cannot be reached, or the report cannot be written.
pub async fn run(args: Args) -> Result<Exit, Failure> {
    let (report, interrupted) = perform(&args).await?;
    write(&args, &report)?;
    outcome(&report, interrupted, args.allow_errors)
}

fn outcome(report: &Report, interrupted: bool, allow_errors: bool) -> Result<Exit, Failure> {
    match report.sent {
        0 if interrupted => Err(Failure::new(
            Exit::INTERRUPTED,
            "stopped before anything was sent",
        )
        .hint("requests leave once all connections stand")),
        0 => {
            Err(Failure::new(Exit::FAILED, "nothing was sent").hint("give it a longer --duration"))
        }
        _ if !report.passed() => Ok(Exit::THRESHOLD),
        // What was not waited for is neither right nor wrong: this is not the result that was asked for.
        _ if report.abandoned > 0 => Ok(Exit::INTERRUPTED),
        _ if report.errors_unjudged() > 0 && !allow_errors => Ok(Exit::FAILED),
        _ => Ok(Exit::OK),
    }
}

/// The report, and whether somebody asked for an end.
async fn perform(args: &Args) -> Result<(Report, bool), Failure> {
    let config = config(args).await?;
    let signals = stop_signals().map_err(|error| Failure::new(Exit::IO, error))?;
    let stop_waiting = async {
        signals.times(1).await;
        tokio::select! {
            () = tokio::time::sleep(STOP_QUIET) => {
                // The live line of a terminal is not to be written over.
                let start = if io::stderr().is_terminal() { "\n" } else { "" };
                let _ = writeln!(
                    io::stderr(),
                    "{start}nothing more is sent; waiting for what is open, Ctrl-C again ends at once"
                );
                signals.times(2).await;
            }
            () = signals.times(2) => {}
        }
    };
    let mut live = Live::new(args.quiet);
    let loaded = run_load_until(config, signals.times(1), stop_waiting, |progress| {
        live.show(progress);
    })
    .await;
    live.end();
    let mut report = loaded?;
    report.thresholds = args
        .threshold
        .iter()
        .map(|threshold| threshold.judge(&report))
        .collect();
    Ok((report, signals.count() > 0))
}

async fn config(args: &Args) -> Result<LoadConfig, Failure> {
    let to = resolve(&args.to).await?;
    let duration = match (args.duration, args.count) {
        (None, None) => Some(DURATION),
        (duration, _) => duration,
    };
    Ok(LoadConfig {
        pace: if args.closed {
            Pace::Closed
        } else {
            Pace::Open {
                rate: args.rate.unwrap_or(100.0),
                ramp: args.ramp.unwrap_or_default(),
            }
        },
        connections: args.connections,
        in_flight_max: args.in_flight.unwrap_or(if args.closed { 1 } else { 64 }),
        duration,
        count: args.count,
        timeout: args.timeout,
        threads: args.threads.min(args.connections),
        terminal_prefix: args.terminal_prefix.clone(),
        seed: args.seed,
        ..LoadConfig::new(to, args.wire.wire()?, mix(args)?)
    })
}

fn mix(args: &Args) -> Result<Mix, Failure> {
    let usage = |message: &dyn std::fmt::Display| Failure::new(Exit::USAGE, message);
    let mut items = match &args.mix {
        Some(path) => {
            let shown = path.display();
            let text = std::fs::read_to_string(path).map_err(|error| {
                Failure::new(Exit::NO_INPUT, format_args!("--mix {shown}: {error}"))
            })?;
            let all = |errors: Vec<MixError>| {
                let lines: Vec<_> = errors
                    .iter()
                    .map(|error| format!("{shown}: {error}"))
                    .collect();
                Failure::new(Exit::DATA, lines.join("\n"))
            };
            mix_from_toml(&text).map_err(all)?.items().to_vec()
        }
        None => {
            let amount = amounts(&args.amount)
                .map_err(|message| usage(&format_args!("--amount: {message}")))?;
            let mut cards = Vec::new();
            for bin in &args.bin {
                let card = Card::of_bin(bin, 0)
                    .map_err(|error| usage(&format_args!("--bin {bin}: {error}")))?;
                cards.push((format!("bin {bin}"), card));
            }
            for text in &args.card {
                // The name of a card, not a number that somebody typed in full, is what the report may show.
                let made =
                    card(text).map_err(|message| usage(&format_args!("--card: {message}")))?;
                cards.push((
                    text.strip_prefix("test:").unwrap_or("card").to_owned(),
                    made,
                ));
            }
            if cards.is_empty() {
                cards.push((
                    "visa".to_owned(),
                    Card::named("visa").map_err(|error| usage(&error))?,
                ));
            }
            let item = |(name, card): (String, Card)| MixItem {
                amount,
                ..MixItem::purchases(&name, card)
            };
            cards.into_iter().map(item).collect()
        }
    };
    for text in &args.field {
        let parsed = text
            .split_once('=')
            .and_then(|(number, value)| Some((number.parse::<u8>().ok()?, value)));
        let (number, value) = parsed
            .filter(|(number, _)| (2..=FieldSet::NUMBER_MAX).contains(number))
            .ok_or_else(|| {
                usage(&format_args!(
                    "--field {text}: expected N=VALUE with N from 2 to 192"
                ))
            })?;
        let value = (!value.is_empty()).then(|| value.to_owned());
        items
            .iter_mut()
            .for_each(|item: &mut MixItem| drop(item.fields.insert(number, value.clone())));
    }
    Mix::new(items).map_err(|error| usage(&error))
}

fn write(args: &Args, report: &Report) -> Result<(), Failure> {
    let json = serde_json::to_string(report).map_err(|error| {
        Failure::new(
            Exit::IO,
            format_args!("the report cannot be written: {error}"),
        )
    })?;
    if let Some(path) = &args.report {
        std::fs::write(path, format!("{json}\n")).map_err(|error| {
            Failure::new(
                Exit::CANNOT_CREATE,
                format_args!("--report {}: {error}", path.display()),
            )
        })?;
    }
    let mut out = io::stdout().lock();
    let written = if args.json {
        writeln!(out, "{json}")
    } else {
        write!(out, "{}", report.text())
    };
    written.map_err(|error| Failure::new(Exit::IO, format_args!("standard output: {error}")))
}

#[cfg(test)]
mod tests;
