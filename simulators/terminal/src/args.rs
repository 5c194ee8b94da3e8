//! The terminal on the command line.

use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use pointsman_iso8583::explain;
use pointsman_iso8583::mask::Unmask;
use pointsman_sim_common::{Card, Exit, Failure, WireArgs, duration, resolve, stop_signal};

use crate::player::{PlayConfig, StepResult, play_until};
use crate::request::moment_stan;
use crate::scenario::{EXAMPLE, Scenario, ScenarioError};

/// Options of the terminal.
#[derive(Clone, Debug, clap::Args)]
#[command(
    after_help = "Exit codes: 0 all as expected, 1 something was not, 64 wrong command line, 65 wrong scenario, \
                  66 a scenario cannot be read, 69 nobody listens there, 130 Ctrl-C."
)]
pub struct Args {
    /// Scenarios to play, TOML or JSON lines; `-` is standard input. Without one, the example is played.
    #[arg(value_name = "SCENARIO")]
    pub scenarios: Vec<PathBuf>,

    /// The listener to talk to, HOST:PORT.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8583")]
    pub to: String,

    #[command(flatten)]
    pub wire: WireArgs,

    /// Terminals that play at the same time.
    #[arg(long, value_name = "COUNT", default_value_t = 1)]
    pub terminals: usize,

    /// How often each terminal plays.
    #[arg(long, value_name = "COUNT", default_value_t = 1)]
    pub repeat: u64,

    /// The automatic field 41: this and the number of the terminal.
    #[arg(long, value_name = "TEXT", default_value = "TERM")]
    pub terminal_prefix: String,

    /// The automatic field 42.
    #[arg(long, value_name = "TEXT", default_value = "MERCHANT")]
    pub acceptor: String,

    /// The card of steps that name none.
    #[arg(long, value_name = "CARD", default_value = "test:visa")]
    pub card: String,

    /// The first STAN of each terminal; without it, one that grows with the time of the day.
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..=999_999))]
    pub stan: Option<u32>,

    /// How long connecting may take.
    #[arg(long, value_name = "TIME", value_parser = duration, default_value = "5s")]
    pub connect_timeout: Duration,

    /// Print what is sent and received, explained, card data masked.
    #[arg(short, long, conflicts_with = "json")]
    pub verbose: bool,

    /// Print each result as a JSON object on a line, and the summary on the last.
    #[arg(long)]
    pub json: bool,

    /// Print the example scenario, to be changed and played.
    #[arg(long)]
    pub example: bool,
}

/// Plays scenarios and prints their results.
///
/// # Errors
/// The options make no sense, or a scenario cannot be read.
pub async fn run(args: Args) -> Result<Exit, Failure> {
    if args.example {
        print(EXAMPLE.trim_end())?;
        return Ok(Exit::OK);
    }
    let wire = args.wire.wire()?;
    let dialect = std::sync::Arc::clone(&wire.dialect);
    let scenarios = match &args.scenarios[..] {
        [] => vec![read_scenario("example", EXAMPLE)?],
        paths => paths
            .iter()
            .map(|path| load(path))
            .collect::<Result<_, _>>()?,
    };
    let card = match Card::from_value(&args.card) {
        Some(card) => card.map_err(|error| {
            Failure::new(Exit::USAGE, format_args!("--card {}: {error}", args.card))
        })?,
        None => Card::with_pan(&args.card).ok_or_else(|| {
            Failure::new(
                Exit::USAGE,
                "--card: expected test:NAME, test:BIN or up to 19 digits",
            )
        })?,
    };
    let config = PlayConfig {
        terminals: args.terminals,
        rounds: args.repeat,
        terminal_prefix: args.terminal_prefix.clone(),
        acceptor: args.acceptor.clone(),
        stan: args.stan.unwrap_or_else(moment_stan),
        connect_timeout: args.connect_timeout,
        ..PlayConfig::new(resolve(&args.to).await?, wire, scenarios, card)
    };
    let mut printed = Ok(());
    let stop = stop_signal().map_err(|error| Failure::new(Exit::IO, error))?;
    let summary = play_until(config, stop, |result| {
        if printed.is_ok() {
            printed = show(&args, &dialect, result);
        }
    })
    .await?;
    printed?;
    if args.json {
        print(&json(&serde_json::json!({ "summary": summary }))?)?;
    } else {
        let end = if summary.interrupted {
            ", stopped before the end"
        } else {
            ""
        };
        print(&format!(
            "{} steps, {} failed{end}",
            summary.steps, summary.failed
        ))?;
    }
    Ok(summary.exit())
}

fn load(path: &Path) -> Result<Scenario, Failure> {
    let shown = path.display().to_string();
    let mut text = String::new();
    let read = if shown == "-" {
        io::stdin().lock().read_to_string(&mut text).map(drop)
    } else {
        std::fs::read_to_string(path).map(|content| text = content)
    };
    read.map_err(|error| {
        Failure::new(Exit::NO_INPUT, format_args!("{shown}: {error}"))
            .hint("`--example` prints a scenario to start from")
    })?;
    read_scenario(&shown, &text)
}

fn read_scenario(name: &str, text: &str) -> Result<Scenario, Failure> {
    let all = |errors: Vec<ScenarioError>| {
        let lines: Vec<_> = errors
            .iter()
            .map(|error| format!("{name}: {error}"))
            .collect();
        Failure::new(Exit::DATA, lines.join("\n"))
    };
    Scenario::parse(name, text).map_err(all)
}

fn show(
    args: &Args,
    dialect: &pointsman_iso8583::Dialect,
    result: &StepResult,
) -> Result<(), Failure> {
    if args.json {
        return print(&json(result)?);
    }
    print(&result.text())?;
    if args.verbose {
        for (arrow, bytes) in [("→", &result.request_bytes), ("←", &result.answer_bytes)] {
            if let Some(bytes) = bytes {
                let mut tree = String::new();
                // Writing to a string cannot fail, and an error in the message is part of the tree.
                let _ = explain::tree(dialect, bytes, Unmask::No, &mut tree);
                print(&format!("{arrow} {}", tree.trim_end()))?;
            }
        }
    }
    Ok(())
}

fn json(value: &impl serde::Serialize) -> Result<String, Failure> {
    serde_json::to_string(value).map_err(|error| Failure::new(Exit::IO, error))
}

fn print(line: &str) -> Result<(), Failure> {
    writeln!(io::stdout().lock(), "{line}")
        .map_err(|error| Failure::new(Exit::IO, format_args!("standard output: {error}")))
}
