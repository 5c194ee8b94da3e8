//! What the commands that read a journal share: what is chosen, how a record is shown, how a life is told.

mod cells;
mod choice;
mod life;
mod owed;
mod words;

use std::path::Path;

use pointsman_journal::look::{Flaw, LookError, Looked};
use pointsman_journal::sqlite::OpenError;
use pointsman_journal::{EventError, Lsn, log};

pub(crate) use cells::{csv_head, csv_row, json_object, one_line};
pub(crate) use choice::{Choice, moment};
pub(crate) use life::Life;
pub(crate) use owed::{OwedRow, Waiting};
pub(crate) use words::plain;

use crate::exit::{Exit, Failure};

const COPY: &str =
    "keep a copy of the directory as it is; `pointsman journal show` reads up to that place";

/// A journal that could not be looked at.
pub(crate) fn failure(error: &LookError) -> Failure {
    let message = error.to_string();
    match error {
        LookError::Unreadable { .. } | LookError::NoJournal { .. } => Failure::new(
            Exit::NoInput,
            message,
            "name the directory that the switch keeps its journal in, or a copy of it",
        ),
        LookError::Log(log::OpenError::Newer { .. })
        | LookError::Store(OpenError::Later { .. }) => Failure::new(
            Exit::Data,
            message,
            "read it with the version of the program that wrote it",
        ),
        LookError::Log(log::OpenError::Io { .. })
        | LookError::Store(OpenError::Io { .. } | OpenError::Sqlite { .. }) => Failure::new(
            Exit::Io,
            message,
            "check that this user may read all files of the directory",
        ),
        LookError::Log(_) | LookError::Store(_) => Failure::new(Exit::Data, message, COPY),
    }
}

/// Tables that could not be read.
pub(crate) fn tables_failure(error: &OpenError) -> Failure {
    match error {
        OpenError::Later { .. } => Failure::new(
            Exit::Data,
            error.to_string(),
            "read it with the version of the program that wrote it",
        ),
        _ => Failure::new(
            Exit::Io,
            error.to_string(),
            "check that this user may read the file; `pointsman journal verify` says what is wrong with it",
        ),
    }
}

/// What was read ended before its end.
pub(crate) fn flawed(flaw: &Flaw) -> Failure {
    let message = match flaw {
        Flaw::Log(fault) => format!(
            "the journal is damaged in segment {} at byte {}, where record {} should stand: {}: {}",
            fault.segment,
            fault.offset,
            fault.lsn,
            fault.path.display(),
            fault.damage
        ),
        flaw => format!("the journal is damaged: {flaw}"),
    };
    Failure::new(Exit::Data, message, COPY)
}

/// After everything that could be read has been shown.
pub(crate) fn end_of(looked: &Looked) -> Result<Exit, Failure> {
    match &looked.fault {
        None => Ok(Exit::Ok),
        Some(flaw) => Err(flawed(flaw)),
    }
}

/// A record that this program cannot read although it should.
pub(crate) fn is_broken(error: EventError) -> bool {
    !matches!(error, EventError::Kind(_) | EventError::Version(_))
}

/// A record that is whole, and says what no version of the program writes.
pub(crate) fn meaningless(lsn: Lsn, kind: u8, error: EventError) -> Failure {
    Failure::new(
        Exit::Data,
        format!("record {lsn} of kind {kind} is whole and cannot be read: {error}"),
        "this is a mistake of the program that wrote it: please report it with this line",
    )
}

/// Looks at a directory; a failure is one of the command.
pub(crate) fn look(
    directory: &Path,
    from: Lsn,
    visit: &mut dyn FnMut(pointsman_journal::RawRecord<'_>) -> std::ops::ControlFlow<()>,
) -> Result<Looked, Failure> {
    pointsman_journal::look::look(directory, from, visit).map_err(|error| failure(&error))
}
