//! Looking at a journal that somebody else may be writing, or at a copy of one: nothing is locked and nothing is changed.

use std::io;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use crate::log::{End, Fault, OpenError as LogError, ScanSegment, scan_from};
use crate::sqlite::{OpenError as StoreError, Reader};
use crate::vfs::RealFs;
use crate::{Lsn, RawRecord, log};

/// What is kept in a directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kept {
    /// A log, perhaps with tables beside it.
    Log,
    /// Tables alone, which are the journal.
    Store,
}

/// What was found.
#[derive(Clone, Debug)]
pub struct Looked {
    pub kept: Kept,
    /// How often a log has been opened.
    pub epoch: Option<u32>,
    /// The first record that is there and the place behind the last one that was read.
    pub first: Lsn,
    pub next: Lsn,
    pub records: u64,
    pub payload_bytes: u64,
    /// Of a log.
    pub segments: Vec<ScanSegment>,
    /// Where reading had to end before the end.
    pub fault: Option<Flaw>,
}

/// What is wrong with a journal, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Flaw {
    #[error("{0}")]
    Log(Fault),
    #[error("{} lacks record {lsn}", path.display())]
    Hole { path: PathBuf, lsn: Lsn },
    /// What SQLite says of its own file.
    #[error("{}: {reason}", path.display())]
    Tables { path: PathBuf, reason: String },
}

#[derive(Debug, thiserror::Error)]
pub enum LookError {
    #[error("cannot read {}: {error}", path.display())]
    Unreadable { path: PathBuf, error: io::Error },
    #[error("{} holds no journal", path.display())]
    NoJournal { path: PathBuf },
    #[error(transparent)]
    Log(#[from] LogError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Which kind of journal the directory holds.
///
/// # Errors
/// It holds none, or cannot be read.
pub fn kept(directory: &Path) -> Result<Kept, LookError> {
    let unreadable = |error| LookError::Unreadable {
        path: directory.into(),
        error,
    };
    if log::is_in(directory).map_err(unreadable)? {
        return Ok(Kept::Log);
    }
    match Reader::open(directory) {
        Ok(reader) if reader.is_store().map_err(reader.failed())? => Ok(Kept::Store),
        Err(error @ (StoreError::Later { .. } | StoreError::Sqlite { .. }))
            if directory.join(crate::sqlite::FILE_NAME).exists() =>
        {
            Err(error.into())
        }
        _ => Err(LookError::NoJournal {
            path: directory.into(),
        }),
    }
}

/// Shows every record from `from` on, in order, until `visit` breaks off. Faults are part of what is found.
///
/// # Errors
/// There is no journal, or it cannot be read at all.
pub fn look(
    directory: &Path,
    from: Lsn,
    visit: &mut dyn FnMut(RawRecord<'_>) -> ControlFlow<()>,
) -> Result<Looked, LookError> {
    match kept(directory)? {
        Kept::Log => look_at_log(directory, from, visit),
        Kept::Store => look_at_store(directory, from, visit),
    }
}

fn look_at_log(
    directory: &Path,
    from: Lsn,
    visit: &mut dyn FnMut(RawRecord<'_>) -> ControlFlow<()>,
) -> Result<Looked, LookError> {
    let scan = scan_from(&RealFs, directory, from, &mut |record| {
        if record.lsn < from {
            return ControlFlow::Continue(());
        }
        visit(record)
    })?;
    Ok(Looked {
        kept: Kept::Log,
        epoch: Some(scan.epoch),
        first: scan.first,
        next: scan.next,
        records: scan.records,
        payload_bytes: scan.payload_bytes,
        segments: scan.segments,
        fault: match scan.end {
            End::Complete | End::BrokenOff => None,
            End::Fault(fault) => Some(Flaw::Log(fault)),
        },
    })
}

fn look_at_store(
    directory: &Path,
    from: Lsn,
    visit: &mut dyn FnMut(RawRecord<'_>) -> ControlFlow<()>,
) -> Result<Looked, LookError> {
    let reader = Reader::open(directory)?;
    let last = reader.applied().map_err(reader.failed())?;
    let mut looked = Looked {
        kept: Kept::Store,
        epoch: None,
        first: last.next(),
        next: last.next(),
        records: 0,
        payload_bytes: 0,
        segments: Vec::new(),
        fault: None,
    };
    let result = reader.records_between(from, last, &mut |record| {
        if looked.records == 0 {
            looked.first = record.lsn;
        }
        looked.records += 1;
        looked.payload_bytes += record.payload.len() as u64;
        looked.next = record.lsn.next();
        visit(record)
    });
    match result {
        Ok(()) => Ok(looked),
        Err(StoreError::Hole { path, lsn }) => {
            looked.fault = Some(Flaw::Hole { path, lsn });
            Ok(looked)
        }
        Err(StoreError::Sqlite { path, error }) => {
            looked.fault = Some(Flaw::Tables {
                path,
                reason: error.to_string(),
            });
            Ok(looked)
        }
        Err(error) => Err(error.into()),
    }
}
