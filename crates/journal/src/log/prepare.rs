//! Segments made ready ahead of the log, so that the log itself never waits for the file system's own bookkeeping.
//!
//! A segment is written with zeros, synced, and only then gets its name: overwriting blocks that are already there is what
//! makes a sync cheap. One that was released is used again instead: its head is wiped, its name changed. Two are
//! kept for what must still be written when the disk is full.

use std::io;
use std::path::Path;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use super::format::SEGMENT_HEADER_BYTES;
use super::shared::{Prepared, Room, Shared};
use crate::limits::{SEGMENTS_RESERVED, TICK_MS};
use crate::vfs::{Access, VfsFile, is_full, write_full};

/// A segment that is not yet one.
pub(super) const DRAFT_NAME: &str = "prepare.tmp";

/// The reserve, and one to go on with.
const READY: usize = SEGMENTS_RESERVED + 1;

/// Written at once while zeros are written.
const CHUNK_BYTES: usize = 1024 * 1024;
/// Synced at once, so that the log's own syncs never stand behind much.
const SYNC_EVERY_BYTES: u64 = 4 * 1024 * 1024;

/// Makes segments ready.
pub(super) struct Preparer {
    shared: Arc<Shared>,
    /// Begun and not finished: a full disk ends it in the middle, and what it has is not given back and taken again
    /// every second.
    draft: Option<Draft>,
}

struct Draft {
    file: Arc<dyn VfsFile>,
    written: u64,
}

/// What a step came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// Something was done; there may be more.
    Done,
    /// There is nothing to do.
    Idle,
    /// There is something to do, but not now.
    Stuck,
}

impl Preparer {
    pub(super) fn new(shared: Arc<Shared>) -> Preparer {
        Preparer {
            shared,
            draft: None,
        }
    }

    /// Does all there is to do, now.
    pub(super) fn catch_up(&mut self) {
        while self.step() == Step::Done {}
    }

    /// The background thread: until the log closes.
    pub(super) fn run(mut self) {
        loop {
            let step = self.step();
            let mut room = self.shared.room();
            match step {
                Step::Done => {}
                // Looked at again after a while, or when something changes.
                Step::Stuck if !room.closing => {
                    let tick = Duration::from_millis(TICK_MS);
                    room = self
                        .shared
                        .changed
                        .wait_timeout(room, tick)
                        .unwrap_or_else(PoisonError::into_inner)
                        .0;
                }
                Step::Stuck | Step::Idle => {
                    while !room.closing && (room.failed.is_some() || Work::of(&room).is_none()) {
                        room = self
                            .shared
                            .changed
                            .wait(room)
                            .unwrap_or_else(PoisonError::into_inner);
                    }
                }
            }
            if room.closing {
                return;
            }
        }
    }

    fn step(&mut self) -> Step {
        let (work, number) = {
            let mut room = self.shared.room();
            if room.closing || room.failed.is_some() {
                return Step::Idle;
            }
            let Some(work) = Work::of(&room) else {
                return Step::Idle;
            };
            let old = match work {
                Work::Fresh => None,
                Work::Recycle | Work::Remove => room.recyclable.pop_front(),
            };
            ((work, old), room.next)
        };
        let done = match work {
            (Work::Remove, Some(old)) => self.shared.vfs.remove(&old).map(|()| None),
            (_, Some(old)) => self.recycle(&old, number),
            (_, None) => self.fresh(number),
        };
        // Before anybody is turned away what is kept without need goes.
        let done = match done {
            Err(error) if is_full(&error) => match self.shared.release_spare() {
                Ok(true) => Ok(None),
                Ok(false) => Err(error),
                Err(failed) => Err(failed),
            },
            done => done,
        };
        let mut room = self.shared.room();
        let step = match done {
            Ok(Some(prepared)) => {
                room.ready.push_back(prepared);
                room.next = number + 1;
                room.full = false;
                Step::Done
            }
            Ok(None) => Step::Done,
            Err(error) if is_full(&error) => {
                room.full = true;
                Step::Stuck
            }
            Err(error) => {
                room.failed = Some(error);
                Step::Stuck
            }
        };
        drop(room);
        self.shared.changed.notify_all();
        step
    }

    fn recycle(&self, old: &Path, number: u64) -> io::Result<Option<Prepared>> {
        let vfs = &self.shared.vfs;
        let file = vfs.open(old, Access::ReadWrite)?;
        let bytes = file.size()?;
        if bytes != self.shared.segment_bytes {
            // From a time when segments had another size.
            vfs.remove(old)?;
            return Ok(None);
        }
        // The head must be gone before the file has its new name. Records behind it are of no account: they belong to
        // another segment number and chain.
        write_full(&*file, &[0; SEGMENT_HEADER_BYTES], 0)?;
        file.sync_data()?;
        vfs.rename(old, &self.shared.path(number))?;
        vfs.sync_directory(&self.shared.directory)?;
        Ok(Some(Prepared {
            number,
            file,
            bytes,
        }))
    }

    fn fresh(&mut self, number: u64) -> io::Result<Option<Prepared>> {
        let vfs = &self.shared.vfs;
        let path = self.shared.directory.join(DRAFT_NAME);
        let bytes = self.shared.segment_bytes;
        let mut draft = match self.draft.take() {
            Some(draft) => draft,
            None => Draft {
                file: vfs.create(&path)?,
                written: 0,
            },
        };
        let zeros = vec![0; CHUNK_BYTES.min(usize::try_from(bytes).unwrap_or(CHUNK_BYTES))];
        while draft.written < bytes {
            if self.shared.room().closing {
                self.draft = Some(draft);
                return Ok(None);
            }
            let left = usize::try_from(bytes - draft.written).unwrap_or(usize::MAX);
            let chunk = zeros.get(..left.min(zeros.len())).unwrap_or_default();
            match draft.file.write_at(chunk, draft.written) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => {
                    let before = draft.written / SYNC_EVERY_BYTES;
                    draft.written += written as u64;
                    if draft.written / SYNC_EVERY_BYTES != before && draft.written < bytes {
                        draft.file.sync_data()?;
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    if is_full(&error) {
                        self.draft = Some(draft);
                    }
                    return Err(error);
                }
            }
        }
        draft.file.sync_data()?;
        vfs.rename(&path, &self.shared.path(number))?;
        vfs.sync_directory(&self.shared.directory)?;
        Ok(Some(Prepared {
            number,
            file: draft.file,
            bytes,
        }))
    }
}

/// What there is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Work {
    Recycle,
    Fresh,
    /// More was released than is needed: the disk gets it back.
    Remove,
}

impl Work {
    fn of(room: &Room) -> Option<Work> {
        match (room.ready.len() < READY, room.recyclable.is_empty()) {
            (true, false) => Some(Work::Recycle),
            (true, true) => Some(Work::Fresh),
            (false, false) => Some(Work::Remove),
            (false, true) => None,
        }
    }
}
