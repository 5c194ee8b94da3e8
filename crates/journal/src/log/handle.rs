//! Reading single records and giving segments back, while the log is written.

use std::io;
use std::ops::ControlFlow;
use std::sync::Arc;

use super::error::{Damage, Fault, ReadError};
use super::shared::Shared;
use super::walk::{Place, Walk};
use crate::sqlite::Source;
use crate::vfs::Access;
use crate::{Lsn, RawRecord};

/// Read at once when a single record is looked for: as far as the places of the index are apart.
const CHUNK_BYTES: usize = 64 * 1024;

/// A record that was read back.
#[derive(Clone, PartialEq, Eq)]
pub struct Record {
    pub lsn: Lsn,
    pub kind: u8,
    pub payload: Vec<u8>,
}

/// Reads and releases; clones are the same log. Works as long as the files are there, also when the engine has failed.
#[derive(Clone)]
pub struct LogHandle {
    shared: Arc<Shared>,
}

impl LogHandle {
    pub(super) fn new(shared: Arc<Shared>) -> LogHandle {
        LogHandle { shared }
    }

    /// The place of the first record that is still there; that of the next one if there is none.
    #[must_use]
    pub fn first(&self) -> Lsn {
        self.shared
            .segments()
            .front()
            .map_or(self.shared.end(), |segment| segment.first)
    }

    /// The place behind the last record that was committed.
    #[must_use]
    pub fn end(&self) -> Lsn {
        self.shared.end()
    }

    /// The record at the place, or nothing if it was released or is not yet committed.
    ///
    /// # Errors
    /// If the record cannot be read, or does not agree with its checksums.
    pub fn read(&self, lsn: Lsn) -> Result<Option<Record>, ReadError> {
        let mut found = None;
        self.visit(lsn, CHUNK_BYTES, &mut |record| {
            found = Some(Record {
                lsn: record.lsn,
                kind: record.kind,
                payload: record.payload.to_vec(),
            });
            ControlFlow::Break(())
        })?;
        Ok(found)
    }

    /// Visits the committed records from the place on, in order, until `visit` breaks off, and says which record would
    /// be next. Begins later if the place was released.
    ///
    /// # Errors
    /// If a record cannot be read, or does not agree with its checksums.
    pub fn visit_from(
        &self,
        from: Lsn,
        visit: &mut dyn FnMut(RawRecord<'_>) -> ControlFlow<()>,
    ) -> Result<Lsn, ReadError> {
        const CHUNK_BYTES: usize = 1024 * 1024;
        let mut next = from.max(self.first());
        while next < self.shared.end() {
            let before = next;
            let mut broken_off = false;
            self.visit(next, CHUNK_BYTES, &mut |record| {
                next = record.lsn.next();
                let flow = visit(record);
                broken_off = flow.is_break();
                flow
            })?;
            if broken_off {
                break;
            }
            if next == before {
                // Released in the meantime.
                next = next.max(self.first());
                if next == before {
                    break;
                }
            }
        }
        Ok(next)
    }

    /// The first record of each segment, the oldest first.
    #[must_use]
    pub fn segments(&self) -> Vec<Lsn> {
        let segments = self.shared.segments();
        segments.iter().map(|segment| segment.first).collect()
    }

    /// Gives back whole segments of which every record is below `up_to`; they are written again later.
    ///
    /// # Errors
    /// If that cannot be made durable; nothing is given back then.
    pub fn release(&self, up_to: Lsn) -> io::Result<()> {
        self.shared.release(up_to)
    }

    /// Lets segments of which every record is below `up_to` be given back, the oldest first, as soon as the disk has no
    /// room for another one: before space is low, and not otherwise.
    pub fn spare(&self, up_to: Lsn) {
        self.shared.set_spare(up_to);
    }

    /// Visits records of one segment from `lsn` on.
    fn visit(
        &self,
        lsn: Lsn,
        chunk: usize,
        visit: &mut dyn FnMut(RawRecord<'_>) -> ControlFlow<()>,
    ) -> Result<(), ReadError> {
        let end = self.shared.end();
        let Some((number, from)) = self.find(lsn) else {
            return Ok(());
        };
        if lsn >= end {
            return Ok(());
        }
        let path = self.shared.path(number);
        let file = match self.shared.vfs.open(&path, Access::Read) {
            Ok(file) => file,
            Err(_) if !self.is_live(number) => return Ok(()),
            Err(source) => return Err(ReadError::Io { path, source }),
        };
        let mut walk = Walk::with_chunk(chunk);
        walk.enter(self.shared.node, number, from);
        while walk.place().lsn < end {
            let place = walk.place();
            let record = match walk.next(&*file) {
                Ok(Some(record)) => record,
                // It was given to other records while it was read.
                Ok(None) if !self.is_live(number) => return Ok(()),
                // The segment ends before the log does.
                Ok(None) if self.begins_later(number, place.lsn) => return Ok(()),
                Ok(None) => {
                    return Err(ReadError::Damaged(Fault {
                        path,
                        segment: number,
                        offset: place.offset,
                        lsn: place.lsn,
                        damage: Damage::Record { later: end },
                    }));
                }
                Err(source) => return Err(ReadError::Io { path, source }),
            };
            if record.lsn >= lsn && visit(record).is_break() {
                return Ok(());
            }
        }
        Ok(())
    }

    /// The segment of the record, and the last place in the index before it.
    fn find(&self, lsn: Lsn) -> Option<(u64, Place)> {
        let segments = self.shared.segments();
        let after = segments.partition_point(|segment| segment.first <= lsn);
        let segment = segments.get(after.checked_sub(1)?)?;
        let after = segment.index.partition_point(|place| place.lsn <= lsn);
        let place = segment.index.get(after.checked_sub(1)?)?;
        Some((segment.number, *place))
    }

    fn is_live(&self, number: u64) -> bool {
        self.shared
            .segments()
            .front()
            .is_some_and(|first| first.number <= number)
    }

    /// Whether the segment after this one begins with the record.
    fn begins_later(&self, number: u64, lsn: Lsn) -> bool {
        self.shared
            .segments()
            .iter()
            .any(|segment| segment.number == number + 1 && segment.first == lsn)
    }
}

impl Source for LogHandle {
    fn read(
        &mut self,
        from: Lsn,
        visit: &mut dyn FnMut(RawRecord<'_>) -> ControlFlow<()>,
    ) -> io::Result<()> {
        self.visit_from(from, visit)
            .map(drop)
            .map_err(io::Error::other)
    }
}

impl std::fmt::Debug for LogHandle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LogHandle")
            .field("directory", &self.shared.directory)
            .finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Record {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Record")
            .field("lsn", &self.lsn)
            .field("kind", &self.kind)
            .field("bytes", &self.payload.len())
            .finish()
    }
}
