//! One file for each command. A command takes its arguments and ends with an exit code or a failure.

pub(crate) mod check;
pub(crate) mod route;
pub(crate) mod version;

use crate::cli::Command;
use crate::console::Console;
use crate::exit::{Exit, Failure};

pub(crate) fn run(command: Command, console: &Console) -> Result<Exit, Failure> {
    match command {
        Command::Check(args) => check::run(args, console),
        Command::Route(args) => route::run(args, console),
        Command::Version(args) => version::run(args),
    }
}
