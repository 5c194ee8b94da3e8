//! `pointsman journal`: what the switch wrote down, read without touching it.

use crate::console::Console;
use crate::exit::{Exit, Failure};

mod export;
mod show;
mod stats;
mod verify;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Check every record, and name the first fault
    Verify(verify::Args),
    /// Show the last records, or those of some transactions
    Show(show::Args),
    /// Write all records as JSON or CSV
    Export(export::Args),
    /// Count what is in it
    Stats(stats::Args),
}

pub(crate) fn run(args: Args, console: &Console) -> Result<Exit, Failure> {
    match args.action {
        Action::Verify(args) => verify::run(&args, console),
        Action::Show(args) => show::run(args, console),
        Action::Export(args) => export::run(&args),
        Action::Stats(args) => stats::run(&args, console),
    }
}
