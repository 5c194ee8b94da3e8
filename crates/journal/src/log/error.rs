//! Why a log cannot be opened or read, and what a person can do about it.

use std::io;
use std::path::{Path, PathBuf};

use crate::Lsn;

/// Why a log was not opened. Nothing in the directory was changed that matters: it can be copied, looked at and opened
/// again.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        action: &'static str,
        path: PathBuf,
        source: io::Error,
    },
    #[error(
        "{} is locked: another process has this journal open (its number stands in the file); stop that one first, or give \
         this one a directory of its own",
        path.display()
    )]
    Locked { path: PathBuf },
    #[error(
        "the journal is damaged: {0}. What follows there was durable, so nothing is cut off. Keep a copy of the directory; \
         bring it back from a copy of the disk or of a replica, or find out with a read-only scan what can be read"
    )]
    Damaged(Fault),
    #[error(
        "{} belongs to node {found}, but this node is configured as {expected}: it is the wrong directory, or the node \
         number was changed",
        path.display()
    )]
    OtherNode {
        path: PathBuf,
        found: u32,
        expected: u32,
    },
    #[error(
        "{} is written in version {found} of the format, this program reads version {expected}: use the newer program",
        path.display()
    )]
    Newer {
        path: PathBuf,
        found: u32,
        expected: u32,
    },
    #[error("record {lsn} of the journal was not accepted by its reader")]
    Refused { lsn: Lsn },
    #[error("the journal's options: {0}")]
    Options(&'static str),
}

impl OpenError {
    pub(super) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> OpenError {
        let path = path.to_path_buf();
        move |source| OpenError::Io {
            action,
            path,
            source,
        }
    }
}

/// Where a log is damaged, and how.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{} at byte {offset}, where record {lsn} should stand: {damage}", path.display())]
pub struct Fault {
    pub path: PathBuf,
    /// Number of the segment, 0 for a fault that is not in a segment.
    pub segment: u64,
    pub offset: u64,
    /// The record that should stand there.
    pub lsn: Lsn,
    pub damage: Damage,
}

/// What is wrong at a place.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Damage {
    #[error("the head of the segment does not agree with its checksum")]
    Head,
    #[error("the head says that it is segment {found}: the file was renamed or copied")]
    Number { found: u64 },
    #[error("the head says that it was written by node {found}, the other segments are not")]
    Node { found: u32 },
    #[error(
        "segment {later} does not go on from here: one of them is from another journal or an older copy"
    )]
    NotContinued { later: u64 },
    #[error(
        "the record is broken, but record {later}, written after this one was synced, is there"
    )]
    Record { later: Lsn },
    #[error("the record is broken or missing, but all records below {durable} had been synced")]
    Lost { durable: Lsn },
    #[error("the segment ends here, but segment {later} is there")]
    Ended { later: u64 },
    #[error("the file ends after {found} of {expected} bytes: what stood behind is lost")]
    Short { found: u64, expected: u64 },
    #[error("the segment is missing or empty, but it had been begun")]
    Missing,
    #[error(
        "the file that says which segments there are is missing or does not agree with its checksums"
    )]
    State,
}

/// Why a record could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    #[error("cannot read {}: {source}", path.display())]
    Io { path: PathBuf, source: io::Error },
    #[error("the journal is damaged: {0}")]
    Damaged(Fault),
}
