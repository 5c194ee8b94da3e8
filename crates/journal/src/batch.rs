//! Records on their way to the disk.

use crate::Lsn;

/// Records that become durable together, in one piece of memory that is used again for the next batch.
#[derive(Debug, Default)]
pub struct Batch {
    first: Lsn,
    bytes: Vec<u8>,
    /// Of each record its kind and where its payload ends in `bytes`.
    ends: Vec<(u8, usize)>,
}

/// A record as the engines see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RawRecord<'a> {
    pub lsn: Lsn,
    pub kind: u8,
    pub payload: &'a [u8],
}

impl Batch {
    /// Empties it; the next record that is put in gets the place `first`.
    pub fn restart(&mut self, first: Lsn) {
        self.first = first;
        self.bytes.clear();
        self.ends.clear();
    }

    /// Appends a record whose payload `write` adds to the buffer. `write` must only append.
    pub fn push(&mut self, kind: u8, write: impl FnOnce(&mut Vec<u8>)) -> Lsn {
        let lsn = Lsn::new(self.first.get() + self.ends.len() as u64);
        write(&mut self.bytes);
        self.ends.push((kind, self.bytes.len()));
        lsn
    }

    /// Appends all records of another batch; they get the places that come next.
    pub fn extend(&mut self, other: &Batch) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(&other.bytes);
        let ends = other.ends.iter();
        self.ends
            .extend(ends.map(|(kind, end)| (*kind, start + end)));
    }

    /// Takes the last record out again.
    pub(crate) fn pop(&mut self) {
        self.ends.pop();
        let end = self.ends.last().map_or(0, |(_, end)| *end);
        self.bytes.truncate(end);
    }

    #[must_use]
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Bytes of all payloads.
    #[must_use]
    pub fn payload_bytes(&self) -> usize {
        self.bytes.len()
    }

    #[must_use]
    pub fn first(&self) -> Lsn {
        self.first
    }

    /// The place that the next record would get.
    #[must_use]
    pub fn end(&self) -> Lsn {
        Lsn::new(self.first.get() + self.ends.len() as u64)
    }

    /// The records in their order.
    pub fn records(&self) -> impl Iterator<Item = RawRecord<'_>> {
        let mut start = 0;
        let mut lsn = self.first;
        self.ends.iter().map(move |(kind, end)| {
            let payload = self.bytes.get(start..*end).unwrap_or_default();
            let record = RawRecord {
                lsn,
                kind: *kind,
                payload,
            };
            start = *end;
            lsn = lsn.next();
            record
        })
    }
}
