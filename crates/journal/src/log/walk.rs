//! Reading the records of a segment one after the other.

use std::io;

use super::format::{
    RECORD_HEADER_BYTES, RecordHead, SEGMENT_HEADER_BYTES, head_seed, record_bytes, written_later,
};
use crate::limits::RECORD_BYTES_MAX;
use crate::vfs::{VfsFile, read_full};
use crate::{Lsn, RawRecord};

/// Read at once. Holds more than the longest record.
const BUFFER_BYTES: usize = 1024 * 1024;
const _: () = assert!(BUFFER_BYTES > record_bytes(RECORD_BYTES_MAX));

/// A place in a segment, and the buffer that is read through. One buffer serves all segments.
pub(super) struct Walk {
    buffer: Vec<u8>,
    /// What of the buffer is still to be looked at.
    start: usize,
    end: usize,
    /// Read at once; small for a single record.
    chunk: usize,
    seed: u32,
    at: Place,
    group: Place,
}

/// Where a record stands, and what it must go on from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) offset: u64,
    pub(super) lsn: Lsn,
    pub(super) chain: u32,
}

impl Walk {
    pub(super) fn new() -> Walk {
        Walk::with_chunk(BUFFER_BYTES)
    }

    /// For few records: reads `chunk` bytes at once, and more only for a longer record.
    pub(super) fn with_chunk(chunk: usize) -> Walk {
        Walk {
            buffer: Vec::new(),
            start: 0,
            end: 0,
            chunk,
            seed: 0,
            at: first_place(Lsn::ZERO, 0),
            group: first_place(Lsn::ZERO, 0),
        }
    }

    /// Goes to a place in the segment.
    pub(super) fn enter(&mut self, node: u32, number: u64, at: Place) {
        self.seed = head_seed(node, number);
        self.at = at;
        self.group = at;
        self.refresh();
    }

    pub(super) fn place(&self) -> Place {
        self.at
    }

    /// Where the last records begin that were written together: all before them had been synced.
    pub(super) fn group(&self) -> Place {
        self.group
    }

    /// Forgets what was read ahead: the file may have changed since.
    pub(super) fn refresh(&mut self) {
        self.start = 0;
        self.end = 0;
    }

    /// The next record, or nothing where the chain ends: at the end of what was written, or where it is broken.
    pub(super) fn next(&mut self, file: &dyn VfsFile) -> io::Result<Option<RawRecord<'_>>> {
        if !self.fill(file, RECORD_HEADER_BYTES)? {
            return Ok(None);
        }
        let Some(head) = RecordHead::decode(self.unread(), self.seed) else {
            return Ok(None);
        };
        let size = head.record_bytes();
        if head.lsn != self.at.lsn || !self.fill(file, size)? {
            return Ok(None);
        }
        let start = self.start;
        let Some(bytes) = self.buffer.get(start..start + size) else {
            return Ok(None);
        };
        if !head.follows(bytes, self.at.chain) {
            return Ok(None);
        }
        self.start += size;
        if head.unsynced_before == 0 {
            self.group = self.at;
        }
        self.at = Place {
            offset: self.at.offset + size as u64,
            lsn: head.lsn.next(),
            chain: head.chain,
        };
        Ok(bytes
            .get(RECORD_HEADER_BYTES..RECORD_HEADER_BYTES + head.payload)
            .map(|payload| RawRecord {
                lsn: head.lsn,
                kind: head.kind,
                payload,
            }))
    }

    /// Behind the end of the chain: a record that was written after what should stand here had been synced.
    pub(super) fn written_later(&mut self, file: &dyn VfsFile) -> io::Result<Option<Lsn>> {
        let mut offset = self.at.offset;
        let rest = file.size()?.saturating_sub(offset);
        let room = usize::try_from(rest).unwrap_or(BUFFER_BYTES);
        let mut bytes = vec![0; room.clamp(RECORD_HEADER_BYTES + 1, BUFFER_BYTES)];
        loop {
            let read = read_full(file, &mut bytes, offset)?;
            let piece = bytes.get(..read).unwrap_or_default();
            if let Some(later) = written_later(piece, self.seed, self.at.lsn) {
                return Ok(Some(later));
            }
            if read < bytes.len() || read == room {
                return Ok(None);
            }
            // A head may lie across the border.
            offset += (read - RECORD_HEADER_BYTES) as u64;
        }
    }

    fn unread(&self) -> &[u8] {
        self.buffer.get(self.start..self.end).unwrap_or_default()
    }

    /// Whether that many bytes could be had.
    fn fill(&mut self, file: &dyn VfsFile, wanted: usize) -> io::Result<bool> {
        if self.end - self.start >= wanted {
            return Ok(true);
        }
        self.buffer.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
        let rest = file.size()?.saturating_sub(self.at.offset);
        let room = self
            .chunk
            .min(usize::try_from(rest).unwrap_or(usize::MAX))
            .max(wanted);
        if self.buffer.len() < room {
            self.buffer.resize(room, 0);
        }
        let offset = self.at.offset + self.end as u64;
        if let Some(free) = self.buffer.get_mut(self.end..) {
            self.end += read_full(file, free, offset)?;
        }
        Ok(self.end >= wanted)
    }
}

/// Where the first record of a segment stands.
pub(super) fn first_place(first: Lsn, chain: u32) -> Place {
    Place {
        offset: SEGMENT_HEADER_BYTES as u64,
        lsn: first,
        chain,
    }
}
