//! Where people look: whether to colour, and how a failure is shown.

use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;

use annotate_snippets::Renderer;

use crate::cards;
use crate::exit::Failure;

/// `--color`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum ColorChoice {
    // If the output is a terminal and NO_COLOR is not set. No doc comment: it would make the help of every command longer.
    #[default]
    Auto,
    Always,
    Never,
}

/// What is decided once about the output for people. Data on stdout is never coloured.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Console {
    pub(crate) stderr_colored: bool,
}

impl Console {
    pub(crate) fn new(choice: ColorChoice) -> Self {
        Console {
            stderr_colored: colored(choice, io::stderr().is_terminal()),
        }
    }

    /// For diagnostics, which go to stderr.
    pub(crate) fn renderer(&self) -> Renderer {
        if self.stderr_colored {
            Renderer::styled()
        } else {
            Renderer::plain()
        }
    }

    /// Writes what was asked for to stdout.
    pub(crate) fn print(&self, text: &str) -> Result<(), Failure> {
        let mut stdout = io::stdout().lock();
        stdout
            .write_all(text.as_bytes())
            .and_then(|()| stdout.flush())
            .map_err(|error| Failure::output(&error))
    }

    /// Writes text for people to stderr. If that is closed there is nobody to tell.
    pub(crate) fn tell(&self, text: &str) {
        let _ = writeln!(io::stderr(), "{text}");
    }

    /// Shows a failure: what happened, and what to do.
    pub(crate) fn fail(&self, failure: &Failure) -> ExitCode {
        if !failure.message.is_empty() {
            let (red, cyan, reset) = if self.stderr_colored {
                ("\u{1b}[1;31m", "\u{1b}[1;36m", "\u{1b}[0m")
            } else {
                ("", "", "")
            };
            // A card number may stand where a file was to be named.
            self.tell(&format!(
                "{red}error{reset}: {}\n{cyan}hint{reset}: {}",
                cards::masked_in(&failure.message),
                cards::masked_in(&failure.hint)
            ));
        }
        failure.exit.into()
    }
}

/// Explicit choices win, then NO_COLOR (no-color.org) and CLICOLOR_FORCE, each if set to anything but nothing.
fn colored(choice: ColorChoice, is_terminal: bool) -> bool {
    let is_set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    match choice {
        ColorChoice::Always => true,
        ColorChoice::Never => false,
        ColorChoice::Auto if is_set("NO_COLOR") => false,
        ColorChoice::Auto if is_set("CLICOLOR_FORCE") => true,
        ColorChoice::Auto => {
            is_terminal && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
        }
    }
}
