//! The one who writes: batches into segments, one write and one sync each.

use std::io;
use std::sync::{Arc, PoisonError};
use std::thread::JoinHandle;

use super::Recovered;
use super::format::{SEGMENT_HEADER_BYTES, SegmentHeader, encode_record, head_seed, record_bytes};
use super::handle::LogHandle;
use super::prepare::Preparer;
use super::shared::{Prepared, Segment, Shared};
use super::state::State;
use super::walk::{Place, first_place};
use crate::limits::{RECORD_BYTES_MAX, SEGMENTS_RESERVED};
use crate::vfs::{VfsFile, write_full};
use crate::{Batch, CommitError, Durability, Engine, Lsn, Space};

/// The engine that appends to a log.
pub struct LogEngine {
    pub(super) shared: Arc<Shared>,
    pub(super) durability: Durability,
    pub(super) epoch: u32,
    pub(super) recovered: Recovered,
    /// The open segment; none before the first record of a log.
    pub(super) open: Option<Open>,
    /// Where the next write goes, and what its first record stands behind.
    pub(super) place: Place,
    /// The first record that is not synced.
    pub(super) unsynced: Lsn,
    pub(super) buffer: Vec<u8>,
    /// The next segment, taken before anything is written of a batch that needs it.
    pub(super) ahead: Option<Prepared>,
    pub(super) failed: bool,
    pub(super) preparing: Preparing,
    /// Held as long as the log is open.
    pub(super) _lock: Box<dyn Send + Sync>,
}

pub(super) struct Open {
    pub(super) number: u64,
    pub(super) file: Arc<dyn VfsFile>,
    pub(super) bytes: u64,
    pub(super) seed: u32,
    /// Its head is not yet durable.
    pub(super) fresh: bool,
}

pub(super) enum Preparing {
    Inline(Preparer),
    Background(Option<JoinHandle<()>>),
}

impl LogEngine {
    /// How often this log has been opened, this time included: never the same number twice.
    #[must_use]
    pub fn epoch(&self) -> u32 {
        self.epoch
    }

    #[must_use]
    pub fn recovered(&self) -> Recovered {
        self.recovered
    }

    /// For reading and releasing while the engine itself belongs to the journal's thread.
    #[must_use]
    pub fn handle(&self) -> LogHandle {
        LogHandle::new(Arc::clone(&self.shared))
    }

    fn write(&mut self, batch: &Batch) -> Result<(), CommitError> {
        if batch.first() != self.place.lsn {
            return Err(io::Error::other(format!(
                "a batch begins with record {}, but the next one is {}",
                batch.first(),
                self.place.lsn
            ))
            .into());
        }
        self.buffer.clear();
        let total: usize = batch
            .records()
            .map(|record| record_bytes(record.payload.len()))
            .sum();
        let end = self.place.offset + total as u64;
        if self.open.as_ref().is_none_or(|open| end > open.bytes) && self.ahead.is_none() {
            self.ahead = Some(self.take_prepared()?);
        }
        let mut next = self.place;
        for record in batch.records() {
            let size = record_bytes(record.payload.len()) as u64;
            let end = self.place.offset + self.buffer.len() as u64 + size;
            if self.open.as_ref().is_none_or(|open| end > open.bytes) {
                self.flush(next)?;
                self.begin_segment()?;
                next = Place {
                    chain: self.place.chain,
                    ..next
                };
                let room = self.open.as_ref().map_or(0, |open| open.bytes);
                if self.buffer.len() as u64 + size > room {
                    return Err(io::Error::from(io::ErrorKind::FileTooLarge).into());
                }
            }
            let seed = self.open.as_ref().map_or(0, |open| open.seed);
            let unsynced_before =
                u32::try_from(record.lsn.get() - self.unsynced.get()).unwrap_or(u32::MAX);
            next.chain =
                encode_record(&record, unsynced_before, seed, next.chain, &mut self.buffer);
            next.lsn = record.lsn.next();
        }
        self.flush(next)
    }

    /// Writes what is in the buffer, which ends before `next`, and syncs it if that is due.
    fn flush(&mut self, next: Place) -> Result<(), CommitError> {
        let Some(open) = &mut self.open else {
            return Ok(());
        };
        if self.buffer.is_empty() {
            return Ok(());
        }
        write_full(&*open.file, &self.buffer, self.place.offset)?;
        // The head of a segment is always synced at once: nothing stands behind it that could be lost with it.
        if self.durability == Durability::Commit || open.fresh {
            open.file.sync_data()?;
            self.unsynced = next.lsn;
        }
        if open.fresh {
            open.fresh = false;
            let mut state = self.shared.state();
            let begun = State {
                begun: open.number,
                durable: next.lsn.get(),
                ..state.state()
            };
            state.write(begun)?;
        }
        let first = Place {
            offset: self.place.offset.max(SEGMENT_HEADER_BYTES as u64),
            ..self.place
        };
        let mut segments = self.shared.segments();
        match segments.back_mut() {
            Some(last) if last.number == open.number => last.pass(first),
            _ => segments.push_back(Segment::new(open.number, first)),
        }
        drop(segments);
        self.place = Place {
            offset: self.place.offset + self.buffer.len() as u64,
            ..next
        };
        self.buffer.clear();
        Ok(())
    }

    /// Goes on in the next segment: its head is the first thing in the buffer.
    fn begin_segment(&mut self) -> Result<(), CommitError> {
        if let Some(open) = &self.open
            && self.unsynced != self.place.lsn
        {
            open.file.sync_data()?;
            self.unsynced = self.place.lsn;
        }
        let prepared = match self.ahead.take() {
            Some(prepared) => prepared,
            // Only a batch that is longer than a segment comes here, after a part of it was written.
            None => self.take_prepared().map_err(|error| match error {
                CommitError::Full => CommitError::Io(io::ErrorKind::StorageFull.into()),
                error => error,
            })?,
        };
        let header = SegmentHeader {
            node: self.shared.node,
            number: prepared.number,
            first: self.place.lsn,
            epoch: self.epoch,
            previous: self.place.chain,
            bytes: prepared.bytes,
        };
        self.place = Place {
            offset: 0,
            ..first_place(self.place.lsn, header.chain())
        };
        self.buffer.clear();
        self.buffer.extend_from_slice(&header.encode());
        self.open = Some(Open {
            number: prepared.number,
            seed: head_seed(self.shared.node, prepared.number),
            file: prepared.file,
            bytes: prepared.bytes,
            fresh: true,
        });
        Ok(())
    }

    fn take_prepared(&mut self) -> Result<Prepared, CommitError> {
        if let Preparing::Inline(preparer) = &mut self.preparing {
            preparer.catch_up();
        }
        let mut room = self.shared.room();
        loop {
            if let Some(prepared) = room.ready.pop_front() {
                drop(room);
                self.shared.changed.notify_all();
                return Ok(prepared);
            }
            if let Some(error) = room.failed.take() {
                return Err(error.into());
            }
            if room.full || matches!(self.preparing, Preparing::Inline(_)) {
                return Err(CommitError::Full);
            }
            // Writing is faster than preparing: this is the only place where it waits for it.
            room = self
                .shared
                .changed
                .wait(room)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn sync(&mut self) -> Result<(), CommitError> {
        if let Some(open) = &self.open
            && self.unsynced != self.place.lsn
        {
            open.file.sync_data()?;
            self.unsynced = self.place.lsn;
        }
        // From now on damage to these records is no batch that was being written.
        let mut state = self.shared.state();
        if state.state().durable < self.place.lsn.get() {
            let durable = State {
                durable: self.place.lsn.get(),
                ..state.state()
            };
            state.write(durable)?;
        }
        Ok(())
    }

    /// After the first error nothing is tried again: a second sync would say that all is well and it would not be.
    fn once(
        &mut self,
        act: impl FnOnce(&mut LogEngine) -> Result<(), CommitError>,
    ) -> Result<(), CommitError> {
        if self.failed {
            return Err(io::Error::other("the journal has failed before").into());
        }
        let done = act(self);
        self.failed = done.is_err();
        done
    }
}

impl Engine for LogEngine {
    fn next(&self) -> Lsn {
        self.shared.end()
    }

    fn commit(&mut self, batch: &Batch) -> Result<(), CommitError> {
        self.once(|log| log.write(batch))?;
        self.shared.set_end(self.place.lsn);
        Ok(())
    }

    fn space(&self) -> Space {
        let room = self.shared.room();
        if room.full && room.ready.len() <= SEGMENTS_RESERVED {
            Space::Low
        } else {
            Space::Plenty
        }
    }

    fn tick(&mut self) -> Result<(), CommitError> {
        self.once(|log| {
            if let Preparing::Inline(preparer) = &mut log.preparing {
                preparer.catch_up();
            }
            let failed = log.shared.room().failed.take();
            match failed {
                Some(error) => Err(error.into()),
                None => log.sync(),
            }
        })
    }

    fn close(&mut self) -> Result<(), CommitError> {
        self.once(LogEngine::sync)
    }

    fn record_bytes_max(&self) -> usize {
        let room = usize::try_from(self.shared.segment_bytes).unwrap_or(usize::MAX);
        RECORD_BYTES_MAX.min(room - SEGMENT_HEADER_BYTES - record_bytes(0))
    }
}

impl Drop for LogEngine {
    fn drop(&mut self) {
        self.shared.room().closing = true;
        self.shared.changed.notify_all();
        if let Preparing::Background(thread) = &mut self.preparing
            && let Some(thread) = thread.take()
        {
            // It has no result, and if it panicked, there is no one left to tell.
            let _ = thread.join();
        }
    }
}

impl std::fmt::Debug for LogEngine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LogEngine")
            .field("directory", &self.shared.directory)
            .field("epoch", &self.epoch)
            .field("next", &self.place.lsn)
            .finish_non_exhaustive()
    }
}
