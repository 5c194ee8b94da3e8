//! `pointsman check FILE`

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::cards;
use crate::config::{self, Config, LoadError, Loaded};
use crate::console::Console;
use crate::exit::{Exit, Failure};

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Exit codes: 0 valid, 66 not readable, 78 invalid, or a warning with --strict."
)]
pub(crate) struct Args {
    /// The configuration file
    file: PathBuf,

    /// Print one JSON object with all errors and warnings, also if the file cannot be read
    #[arg(long)]
    json: bool,

    /// Treat warnings as errors
    #[arg(long)]
    strict: bool,
}

pub(crate) fn run(args: Args, console: &Console) -> Result<Exit, Failure> {
    let (config, report) = match config::load(&args.file) {
        Ok(Loaded { config, warnings }) => (Some(config), warnings),
        Err(LoadError::Invalid(report)) => (None, report),
        Err(unreadable) => {
            let failure = unreadable.into_failure(&args.file);
            if args.json {
                print_json(&unreadable_json(&args.file, &failure))?;
            }
            return Err(failure);
        }
    };
    let is_valid = config.is_some() && !(args.strict && report.warnings() > 0);
    let path = args.file.display();
    if args.json {
        print_json(&json!({
            "file": path.to_string(),
            "valid": is_valid,
            "errors": report.errors(),
            "warnings": report.warnings(),
            "diagnostics": report.to_json(),
        }))?;
    } else if !report.is_empty() {
        console.tell(&report.render(&console.renderer()));
        console.tell("");
    }
    match config {
        Some(config) if is_valid => {
            if !args.json {
                let summary = summary(&config, report.warnings());
                writeln!(io::stdout(), "{path} is valid: {summary}")
                    .map_err(|error| Failure::output(&error))?;
            }
            Ok(Exit::Ok)
        }
        Some(_) => Err(Failure::new(
            Exit::Config,
            format!(
                "{path} has {} and warnings count as errors",
                count(report.warnings(), "warning")
            ),
            "correct them, or leave out --strict",
        )),
        None => Err(LoadError::Invalid(report).into_failure(&args.file)),
    }
}

/// The same object for a file of which there is nothing to point at. Its name may be a card number in the wrong place.
fn unreadable_json(file: &Path, failure: &Failure) -> Value {
    let file = cards::masked_in(&file.display().to_string());
    json!({
        "file": file,
        "valid": false,
        "errors": 1,
        "warnings": 0,
        "diagnostics": [{
            "severity": "error",
            "message": cards::masked_in(&failure.message),
            "file": file,
            "line": null,
            "column": null,
            "label": "",
            "help": cards::masked_in(&failure.hint),
            "related": [],
        }],
    })
}

fn print_json(object: &Value) -> Result<(), Failure> {
    writeln!(io::stdout(), "{object}").map_err(|error| Failure::output(&error))
}

fn summary(config: &Config, warnings: usize) -> String {
    let switch = &config.switch;
    let mut summary = format!(
        "{}, {}, {}{}",
        count(switch.listeners.len(), "listener"),
        count(switch.links.len(), "link"),
        count(switch.routes.patterns(), "BIN pattern"),
        match switch.routes.default_route() {
            Some(_) => " and a default route",
            None => ", no default route",
        },
    );
    if warnings > 0 {
        summary.push_str(&format!("; {}", count(warnings, "warning")));
    }
    summary
}

fn count(count: usize, what: &str) -> String {
    match count {
        1 => format!("1 {what}"),
        _ => format!("{count} {what}s"),
    }
}
