//! The log: records one behind the other in segments that were written with zeros beforehand.
//!
//! A batch is one write and one sync. Recovery follows the chain of checksums to where it ends, makes durable what it
//! accepted, and wipes what stands behind. Where the chain breaks although something written later is there, the log was
//! damaged and is not opened: nothing that was durable is ever cut off in silence.

mod error;
mod format;
mod handle;
mod prepare;
mod recovery;
mod scan;
mod shared;
mod state;
mod walk;

#[cfg(test)]
mod tests;

use std::io;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::{Arc, PoisonError};
use std::thread::JoinHandle;

use self::format::{SEGMENT_HEADER_BYTES, SegmentHeader, encode_record, head_seed, record_bytes};
use self::prepare::Preparer;
use self::recovery::{Inventory, replay, settle, wipe};
use self::shared::{Prepared, Segment, Shared};
use self::state::{Found, State, StateFile};
use self::walk::{Place, first_place};
use crate::limits::{
    RECORD_BYTES_MAX, SEGMENT_BYTES, SEGMENT_BYTES_MAX, SEGMENT_BYTES_MIN, SEGMENTS_RESERVED,
};
use crate::vfs::{Access, Vfs, VfsFile, write_full};
use crate::{Batch, CommitError, Durability, Engine, Lsn, RawRecord, Space};

pub use error::{Damage, Fault, OpenError, ReadError};
pub use handle::{LogHandle, Record};
pub use scan::{End, Scan, ScanSegment, scan, scan_from};

/// Whether a log keeps a file of this name.
pub(crate) fn is_file_of_a_log(name: &str) -> bool {
    name == state::STATE_NAME || shared::segment_number(name).is_some()
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

/// The engine that appends to a log.
pub struct LogEngine {
    shared: Arc<Shared>,
    durability: Durability,
    epoch: u32,
    recovered: Recovered,
    /// The open segment; none before the first record of a log.
    open: Option<Open>,
    /// Where the next write goes, and what its first record stands behind.
    place: Place,
    /// The first record that is not synced.
    unsynced: Lsn,
    buffer: Vec<u8>,
    /// The next segment, taken before anything is written of a batch that needs it.
    ahead: Option<Prepared>,
    failed: bool,
    preparing: Preparing,
    /// Held as long as the log is open.
    _lock: Box<dyn Send + Sync>,
}

struct Open {
    number: u64,
    file: Arc<dyn VfsFile>,
    bytes: u64,
    seed: u32,
    /// Its head is not yet durable.
    fresh: bool,
}

enum Preparing {
    Inline(Preparer),
    Background(Option<JoinHandle<()>>),
}

impl LogEngine {
    /// Opens the log in the directory, or begins one. Every record that is there is given to `visit`, in order; it stops
    /// the opening with `Break`.
    ///
    /// # Errors
    /// If the log is damaged, of another node, open elsewhere, or cannot be read or written.
    pub fn open(
        vfs: Arc<dyn Vfs>,
        directory: &Path,
        options: LogOptions,
        visit: &mut dyn FnMut(RawRecord<'_>) -> ControlFlow<()>,
    ) -> Result<LogEngine, OpenError> {
        if !(SEGMENT_BYTES_MIN..=SEGMENT_BYTES_MAX).contains(&options.segment_bytes) {
            return Err(OpenError::Options(
                "a segment has 4 KiB at least and 1 GiB at most",
            ));
        }
        vfs.create_directory(directory)
            .map_err(OpenError::io("make", directory))?;
        let lock_path = directory.join(LOCK_NAME);
        let lock = vfs.lock(&lock_path).map_err(|source| {
            if source.kind() == io::ErrorKind::WouldBlock {
                OpenError::Locked {
                    path: lock_path.clone(),
                }
            } else {
                OpenError::io("lock", &lock_path)(source)
            }
        })?;
        let (state, found) = open_state(&*vfs, directory)?;
        let inventory = Inventory::take(&*vfs, directory, found)?;
        if let Some(other) = inventory
            .begun
            .iter()
            .find(|begun| begun.header.node != options.node)
        {
            return Err(OpenError::OtherNode {
                path: shared::segment_path(directory, other.number),
                found: other.header.node,
                expected: options.node,
            });
        }
        let mut recovered = Recovered::default();
        let (tail, segments) = replay(&*vfs, directory, &inventory, &mut |record| {
            recovered.records += 1;
            visit(record)
        })?;

        // From here on something is changed. What was accepted becomes durable before anyone acts on it: it may have
        // been written and not synced. What stands behind it must never be taken for a record.
        if let Some((number, file)) = &tail.file {
            let path = shared::segment_path(directory, *number);
            recovered.wiped_bytes =
                wipe(&**file, tail.place.offset).map_err(OpenError::io("write", &path))?;
            settle(&**file, tail.unsure, tail.place.offset)
                .map_err(OpenError::io("sync", &path))?;
        }
        for path in &inventory.discarded {
            vfs.remove(path).map_err(OpenError::io("remove", path))?;
        }
        vfs.sync_directory(directory)
            .map_err(OpenError::io("sync", directory))?;
        let epoch = next_epoch(&inventory, found);
        let shared = Shared::new(
            Arc::clone(&vfs),
            directory,
            options.node,
            options.segment_bytes,
            state,
        );
        shared
            .state()
            .write(State {
                epoch,
                first: inventory.state.first,
                begun: inventory.due() - 1,
                durable: tail.place.lsn.get(),
            })
            .map_err(OpenError::io("write", &directory.join(state::STATE_NAME)))?;
        recovered.first = segments
            .first()
            .map_or(tail.place.lsn, |segment| segment.first);
        recovered.next = tail.place.lsn;
        recovered.segments = segments.len();
        shared.segments().extend(segments);
        shared.set_end(tail.place.lsn);
        let open = match tail.file {
            Some((number, file)) => {
                let path = shared.path(number);
                Some(Open {
                    number,
                    bytes: file.size().map_err(OpenError::io("look at", &path))?,
                    file,
                    seed: head_seed(options.node, number),
                    fresh: false,
                })
            }
            None => None,
        };
        fill_room(&shared, &inventory)?;
        let shared = Arc::new(shared);
        let preparing = match options.prepare {
            Prepare::Inline => {
                let mut preparer = Preparer::new(Arc::clone(&shared));
                preparer.catch_up();
                Preparing::Inline(preparer)
            }
            Prepare::Background => {
                let preparer = Preparer::new(Arc::clone(&shared));
                let thread = std::thread::Builder::new()
                    .name("journal-prepare".to_owned())
                    .spawn(move || preparer.run())
                    .map_err(OpenError::io("start the thread that prepares", directory))?;
                Preparing::Background(Some(thread))
            }
        };
        Ok(LogEngine {
            shared,
            durability: options.durability,
            epoch,
            recovered,
            open,
            place: tail.place,
            unsynced: tail.place.lsn,
            buffer: Vec::new(),
            ahead: None,
            failed: false,
            preparing,
            _lock: lock,
        })
    }

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

const LOCK_NAME: &str = "lock";

fn open_state(vfs: &dyn Vfs, directory: &Path) -> Result<(StateFile, Found), OpenError> {
    let path = directory.join(state::STATE_NAME);
    let names = vfs
        .list(directory)
        .map_err(OpenError::io("list", directory))?;
    // Drafts of a former life.
    for name in [state::DRAFT_NAME, prepare::DRAFT_NAME] {
        if !names.iter().any(|there| there == name) {
            continue;
        }
        let draft = directory.join(name);
        vfs.remove(&draft)
            .map_err(OpenError::io("remove", &draft))?;
    }
    if !names.iter().any(|name| name == state::STATE_NAME) {
        if names
            .iter()
            .any(|name| shared::segment_number(name).is_some())
        {
            return Err(recovery::fault(path, 0, 0, Lsn::ZERO, Damage::State));
        }
        StateFile::create(vfs, directory).map_err(OpenError::io("make", &path))?;
    }
    StateFile::open(vfs, directory).map_err(OpenError::io("open", &path))
}

/// Higher than ever before, also if the last change of the state was lost.
fn next_epoch(inventory: &Inventory, found: Found) -> u32 {
    let lost = u32::from(matches!(found, Found::Older(_)));
    inventory
        .begun
        .iter()
        .map(|begun| begun.header.epoch)
        .max()
        .unwrap_or_default()
        .max(inventory.state.epoch + lost)
        + 1
}

/// Takes over what was prepared in a former life.
fn fill_room(shared: &Shared, inventory: &Inventory) -> Result<(), OpenError> {
    let mut room = shared.room();
    room.next = inventory.due();
    room.recyclable.extend(inventory.recyclable.iter().cloned());
    for number in &inventory.prepared {
        let path = shared.path(*number);
        let file = shared
            .vfs
            .open(&path, Access::ReadWrite)
            .map_err(OpenError::io("open", &path))?;
        let bytes = file.size().map_err(OpenError::io("look at", &path))?;
        if bytes == shared.segment_bytes && *number == room.next {
            room.ready.push_back(Prepared {
                number: *number,
                file,
                bytes,
            });
            room.next = number + 1;
        } else {
            // From a time when segments had another size.
            shared
                .vfs
                .remove(&path)
                .map_err(OpenError::io("remove", &path))?;
        }
    }
    Ok(())
}
