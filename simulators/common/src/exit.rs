//! How a simulator ends: sysexits where one fits, and the codes that `send` and `load` are known by.

use std::fmt;
use std::process::ExitCode;

/// An exit status.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Exit(u8);

impl Exit {
    /// All went as it should.
    pub const OK: Exit = Exit(0);
    /// An expectation was not met.
    pub const FAILED: Exit = Exit(1);
    /// `send`: the bank said no.
    pub const DECLINED: Exit = Exit(10);
    /// `send`: nobody said anything.
    pub const TIMEOUT: Exit = Exit(11);
    /// `EX_USAGE`: the command line makes no sense.
    pub const USAGE: Exit = Exit(64);
    /// `EX_DATAERR`: what was received, or a file that was given, cannot be read.
    pub const DATA: Exit = Exit(65);
    /// `EX_NOINPUT`: a file that was named is not there.
    pub const NO_INPUT: Exit = Exit(66);
    /// `EX_UNAVAILABLE`: nobody listens there.
    pub const UNAVAILABLE: Exit = Exit(69);
    /// `EX_CANTCREAT`: a file or a listening socket cannot be made.
    pub const CANNOT_CREATE: Exit = Exit(73);
    /// `EX_IOERR`: reading or writing failed.
    pub const IO: Exit = Exit(74);
    /// `EX_CONFIG`: a dialect file has errors.
    pub const CONFIG: Exit = Exit(78);
    /// `load`: a threshold was crossed.
    pub const THRESHOLD: Exit = Exit(99);

    /// Ctrl-C came before the work was done, as shells say it: 128 and the number of SIGINT.
    pub const INTERRUPTED: Exit = Exit(130);

    /// The number that the shell sees.
    #[must_use]
    pub const fn code(self) -> u8 {
        self.0
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        ExitCode::from(exit.0)
    }
}

/// Why a simulator could not do its work at all, and what to try next.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Failure {
    /// The status to exit with.
    pub exit: Exit,
    /// What went wrong.
    pub message: String,
    /// One line that says what to do about it.
    pub hint: Option<String>,
}

impl Failure {
    /// A failure without a hint.
    #[must_use]
    pub fn new(exit: Exit, message: impl fmt::Display) -> Self {
        Failure {
            exit,
            message: message.to_string(),
            hint: None,
        }
    }

    /// What to do about it: the hint, or what most often helps with such an exit status.
    #[must_use]
    pub fn advice(&self) -> &str {
        match (&self.hint, self.exit) {
            (Some(hint), _) => hint,
            (None, Exit::USAGE) => "`--help` shows the options of this command",
            (None, Exit::DATA) => "correct it where it says so, and run this again",
            (None, Exit::NO_INPUT) => "check the path, and that the file may be read",
            (None, Exit::UNAVAILABLE) => {
                "`ss -ltn` shows who listens where; the address may be another one"
            }
            (None, Exit::CANNOT_CREATE) => "check that the folder is there and may be written to",
            (None, Exit::IO) => {
                "check that the disk is not full, and the limits of this process (ulimit -a)"
            }
            (None, _) => "run it again",
        }
    }

    /// With a hint.
    #[must_use]
    pub fn hint(self, hint: impl fmt::Display) -> Self {
        Failure {
            hint: Some(hint.to_string()),
            ..self
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        match &self.hint {
            Some(hint) => write!(f, "\n  hint: {hint}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Failure {}
