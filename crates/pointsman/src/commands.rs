//! One file for each command. A command takes its arguments and ends with an exit code or a failure.

pub(crate) mod chaos;
pub(crate) mod check;
pub(crate) mod convert;
pub(crate) mod decode;
pub(crate) mod dev;
pub(crate) mod dialects;
pub(crate) mod diff;
pub(crate) mod encode;
pub(crate) mod journal;
pub(crate) mod load;
pub(crate) mod redact;
pub(crate) mod route;
pub(crate) mod saf;
pub(crate) mod send;
pub(crate) mod serve;
pub(crate) mod sim;
pub(crate) mod tx;
pub(crate) mod version;

use crate::cli::Command;
use crate::console::Console;
use crate::exit::{Exit, Failure};

pub(crate) fn run(command: Command, console: &Console) -> Result<Exit, Failure> {
    match command {
        Command::Dev(args) => dev::run(args, console),
        Command::Check(args) => check::run(args, console),
        Command::Decode(args) => decode::run(args, console),
        Command::Diff(args) => diff::run(args, console),
        Command::Convert(args) => convert::run(args, console),
        Command::Redact(args) => redact::run(args, console),
        Command::Encode(args) => encode::run(args, console),
        Command::Dialects(args) => dialects::run(args, console),
        Command::Route(args) => route::run(args, console),
        Command::Serve(args) => serve::run(args, console),
        Command::Journal(args) => journal::run(args, console),
        Command::Tx(args) => tx::run(args, console),
        Command::Saf(args) => saf::run(args, console),
        Command::Sim(args) => sim::run(*args),
        Command::Load(args) => load::run(*args),
        Command::Send(args) => send::run(*args),
        Command::Chaos(args) => chaos::run(args),
        Command::Version(args) => version::run(args),
    }
}
