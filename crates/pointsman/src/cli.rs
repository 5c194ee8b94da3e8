//! The command line: what there is, and what is said when it is wrong.

use std::ffi::OsString;
use std::io::{self, Write};
use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

use crate::cards;
use crate::commands::{
    chaos, check, convert, decode, dev, dialects, diff, encode, journal, redact, route, saf, serve,
    sim, tx, version,
};
use crate::console::{ColorChoice, Console};
use crate::exit::Exit;

/// What a newcomer sees first.
const ABOUT: &str = "An ISO 8583 POS acquiring switch: terminals on one side, banks on the other.\n\n\
    New here? `pointsman dev` starts a switch with two banks and a few terminals, without any configuration.";

#[derive(Debug, Parser)]
#[command(
    name = "pointsman",
    about = ABOUT,
    version,
    arg_required_else_help = true,
    after_help = "Every command explains itself: pointsman COMMAND --help"
)]
struct Cli {
    #[command(subcommand)]
    command: Command,

    /// Colour the output: by default on a terminal, unless NO_COLOR is set
    #[arg(
        long,
        global = true,
        value_name = "WHEN",
        default_value = "auto",
        value_enum,
        help_heading = "Everywhere"
    )]
    color: ColorChoice,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Start here: a switch, two banks and a few terminals, without any configuration
    Dev(dev::Args),
    /// Run the switch with a configuration file
    Serve(serve::Args),
    /// Check a configuration file and show all its errors
    Check(check::Args),
    /// Say which link a card number goes to, and why
    Route(route::Args),
    /// Explain messages: hex in, a tree or JSON out
    Decode(decode::Args),
    /// Write messages: JSON in, hex out
    Encode(encode::Args),
    /// Compare two messages field by field
    Diff(diff::Args),
    /// Write messages of one dialect in another: hex in, hex out
    Convert(convert::Args),
    /// Take card data out of messages and logs, so that they still decode
    Redact(redact::Args),
    /// List the built-in dialects, or print one as TOML
    Dialects(dialects::Args),
    /// Read what the switch wrote down: check it, show it, export it, count it
    Journal(journal::Args),
    /// Find a transaction, and tell what became of it
    Tx(tx::Args),
    /// See what the switch still owes the banks, and what waits for a person
    Saf(saf::Args),
    /// Simulate a bank or a terminal
    Sim(Box<sim::Args>),
    /// Send one message and explain the answer
    Send(Box<pointsman_sim_terminal::send::Args>),
    /// Put load on a listener, and measure it
    Load(Box<pointsman_sim_load::Args>),
    /// Kill the switch again and again under load, and reconcile terminals with banks
    Chaos(chaos::Args),
    /// Show the version
    Version(version::Args),
}

/// The command line asked for help, or was wrong.
#[derive(Debug)]
pub(crate) struct Stop {
    text: String,
    exit: Exit,
}

impl Stop {
    /// Help is data, a mistake is a diagnostic.
    pub(crate) fn print(&self) -> ExitCode {
        // If nobody listens there is nobody to tell.
        let _ = match self.exit {
            Exit::Ok => io::stdout().write_all(self.text.as_bytes()),
            _ => io::stderr().write_all(self.text.as_bytes()),
        };
        self.exit.into()
    }
}

pub(crate) fn parse(
    arguments: impl IntoIterator<Item = OsString>,
) -> Result<(Command, Console), Stop> {
    Cli::command()
        .try_get_matches_from(arguments)
        .and_then(|matches| Cli::from_arg_matches(&matches))
        .map(|cli| (cli.command, Console::new(cli.color)))
        .map_err(|error| {
            use clap::error::ErrorKind;
            let exit = match error.kind() {
                ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => Exit::Ok,
                // Without arguments the help is what was asked for, and nothing was done wrong.
                ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => Exit::Ok,
                _ => Exit::Usage,
            };
            let text = error.render().to_string();
            Stop {
                // A mistake is repeated to whoever made it, and a card number may stand in the wrong place.
                text: match exit {
                    Exit::Ok => text,
                    _ => cards::masked_in(&text),
                },
                exit,
            }
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definition_is_consistent() {
        Cli::command().debug_assert();
    }
}
