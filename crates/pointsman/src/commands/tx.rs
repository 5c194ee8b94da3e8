//! `pointsman tx`: one transaction, and what became of it.

use crate::console::Console;
use crate::exit::{Exit, Failure};

mod find;

pub(crate) use find::lives;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Find transactions by what a receipt says, and tell their lives
    Find(find::Args),
}

pub(crate) fn run(args: Args, console: &Console) -> Result<Exit, Failure> {
    match args.action {
        Action::Find(args) => find::run(args, console),
    }
}
