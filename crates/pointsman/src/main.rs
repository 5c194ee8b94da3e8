//! The command `pointsman`: the switch, its simulators and its tools in one binary.
//!
//! [`cli`] reads the command line, [`commands`] has one file for each command, [`config`] turns a file into what the
//! switch is made of. A command ends with an [`exit::Exit`] or an [`exit::Failure`]; only this file turns them into
//! text and a process exit code.

mod capture;
mod cards;
mod cli;
mod commands;
mod config;
mod console;
mod control;
mod dialect;
mod dump;
mod exit;
mod guess;
mod hex;
mod input;
mod journal;
mod lines;
mod observe;
mod redact;
mod signals;

use std::process::ExitCode;

fn main() -> ExitCode {
    let (command, console) = match cli::parse(std::env::args_os()) {
        Ok(parsed) => parsed,
        Err(stop) => return stop.print(),
    };
    match commands::run(command, &console) {
        Ok(exit) => exit.into(),
        Err(failure) => console.fail(&failure),
    }
}
