//! How a command ends: the exit codes of sysexits.h, and failures that say what to do next.

use std::io;
use std::process::ExitCode;

/// What the shell sees. The codes are those of sysexits.h, so that scripts can tell a bad message (65) from a bad
/// configuration (78) and both from a dead peer (69).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// 0
    Ok,
    /// 64: the command line is wrong.
    Usage,
    /// 65: the input data is wrong.
    Data,
    /// 66: an input file does not exist or cannot be read.
    NoInput,
    /// 69: a peer or a resource is not there.
    Unavailable,
    /// 70: our own mistake.
    Software,
    /// 74: reading or writing failed.
    Io,
    /// 78: the configuration is wrong.
    Config,
    /// What a single command defines for itself: `send` declined, `load` over a threshold.
    Other(u8),
}

impl Exit {
    pub(crate) const fn code(self) -> u8 {
        match self {
            Exit::Ok => 0,
            Exit::Usage => 64,
            Exit::Data => 65,
            Exit::NoInput => 66,
            Exit::Unavailable => 69,
            Exit::Software => 70,
            Exit::Io => 74,
            Exit::Config => 78,
            Exit::Other(code) => code,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        ExitCode::from(exit.code())
    }
}

/// Why a command did not do what it was asked, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) exit: Exit,
    /// One line, without a full stop. Empty if there is nobody left to tell.
    pub(crate) message: String,
    /// One line that can be acted on.
    pub(crate) hint: String,
}

impl Failure {
    pub(crate) fn new(exit: Exit, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Failure {
            exit,
            message: message.into(),
            hint: hint.into(),
        }
    }

    pub(crate) fn usage(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Failure::new(Exit::Usage, message, hint)
    }

    /// Writing to stdout failed. The reader of a pipe may leave when it has seen enough: no failure, and nothing to say.
    pub(crate) fn output(error: &io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            return Failure::new(Exit::Ok, "", "");
        }
        Failure::new(
            Exit::Io,
            format!("cannot write to standard output: {error}"),
            "check that the disk is not full and that the output is open for writing",
        )
    }

    pub(crate) fn stdin(error: &io::Error) -> Self {
        Failure::new(
            Exit::Io,
            format!("cannot read standard input: {error}"),
            "check what standard input is connected to",
        )
    }
}
