//! The log: records one behind the other in segments that were written with zeros beforehand.
//!
//! A batch is one write and one sync. Recovery follows the chain of checksums to where it ends, makes durable what it
//! accepted, and wipes what stands behind. Where the chain breaks although something written later is there, the log was
//! damaged and is not opened: nothing that was durable is ever cut off in silence.

mod engine;
mod error;
mod format;
mod handle;
mod open;
mod prepare;
mod recovery;
mod scan;
mod shared;
mod state;
mod walk;

#[cfg(test)]
mod tests;

use std::io;
use std::path::Path;

use crate::limits::SEGMENT_BYTES;
use crate::{Durability, Lsn};

pub use engine::LogEngine;
pub use error::{Damage, Fault, OpenError, ReadError};
pub use handle::{LogHandle, Record};
pub use scan::{End, Scan, ScanSegment, scan, scan_from};

/// Whether a log keeps a file of this name.
fn is_file_of_a_log(name: &str) -> bool {
    name == state::STATE_NAME || shared::segment_number(name).is_some()
}

/// Whether a directory holds a log, or a part of one. One that is not there holds none.
///
/// # Errors
/// The directory cannot be read.
pub fn is_in(directory: &Path) -> io::Result<bool> {
    let entries = match std::fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(error),
    };
    for entry in entries {
        if entry?.file_name().to_str().is_some_and(is_file_of_a_log) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// How a log is kept.
#[derive(Clone, Copy, Debug)]
pub struct LogOptions {
    pub durability: Durability,
    /// Size of new segments.
    pub segment_bytes: u64,
    /// Who writes it; a log of another node is refused.
    pub node: u32,
    pub prepare: Prepare,
}

impl Default for LogOptions {
    fn default() -> LogOptions {
        LogOptions {
            durability: Durability::Commit,
            segment_bytes: SEGMENT_BYTES,
            node: 0,
            prepare: Prepare::Background,
        }
    }
}

/// Who makes segments ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Prepare {
    /// A thread of its own.
    Background,
    /// The log itself, in between: for simulations, in which one thing happens after the other.
    Inline,
}

/// What was found when a log was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Recovered {
    /// The place of the first record that is there; that of the next one if there is none.
    pub first: Lsn,
    /// The place of the next record.
    pub next: Lsn,
    pub records: u64,
    pub segments: usize,
    /// What stood behind the last record and was wiped: a batch that was being written when the process ended.
    pub wiped_bytes: u64,
}
