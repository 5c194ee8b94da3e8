//! What the log's writer, its preparing thread and its readers have in common.

use std::collections::VecDeque;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use super::state::{State, StateFile};
use super::walk::Place;
use crate::Lsn;
use crate::vfs::{Vfs, VfsFile};

/// A place of the index every so many bytes: finding one record reads about this much.
const INDEX_STEP_BYTES: u64 = 64 * 1024;

pub(super) struct Shared {
    pub(super) vfs: Arc<dyn Vfs>,
    pub(super) directory: PathBuf,
    pub(super) node: u32,
    pub(super) segment_bytes: u64,
    /// The place behind the last record that may be read.
    end: AtomicU64,
    /// Records below this are kept because there is room for them, and for no other reason.
    spare: AtomicU64,
    segments: Mutex<VecDeque<Segment>>,
    state: Mutex<StateFile>,
    room: Mutex<Room>,
    /// Something about `room` changed.
    pub(super) changed: Condvar,
}

/// A segment that has been begun and not been released.
#[derive(Clone, Debug)]
pub(super) struct Segment {
    pub(super) number: u64,
    pub(super) first: Lsn,
    /// Places of some of its records, the first among them.
    pub(super) index: Vec<Place>,
}

impl Segment {
    pub(super) fn new(number: u64, first: Place) -> Segment {
        Segment {
            number,
            first: first.lsn,
            index: vec![first],
        }
    }

    /// Remembers the place if the last one remembered is far enough away.
    pub(super) fn pass(&mut self, place: Place) {
        let last = self.index.last().map_or(0, |last| last.offset);
        if place.offset >= last + INDEX_STEP_BYTES {
            self.index.push(place);
        }
    }
}

/// Segments ahead of the log.
#[derive(Default)]
pub(super) struct Room {
    /// Prepared under their own numbers, in order.
    pub(super) ready: VecDeque<Prepared>,
    /// The number of the next one to prepare.
    pub(super) next: u64,
    /// Files of which nothing is needed any more, the oldest first.
    pub(super) recyclable: VecDeque<PathBuf>,
    /// The disk had no room for another one.
    pub(super) full: bool,
    /// The disk failed while one was prepared.
    pub(super) failed: Option<io::Error>,
    pub(super) closing: bool,
}

/// A segment to begin.
pub(super) struct Prepared {
    pub(super) number: u64,
    pub(super) file: Arc<dyn VfsFile>,
    pub(super) bytes: u64,
}

impl Shared {
    pub(super) fn new(
        vfs: Arc<dyn Vfs>,
        directory: &Path,
        node: u32,
        segment_bytes: u64,
        state: StateFile,
    ) -> Shared {
        Shared {
            vfs,
            directory: directory.to_path_buf(),
            node,
            segment_bytes,
            end: AtomicU64::new(1),
            spare: AtomicU64::new(0),
            segments: Mutex::default(),
            state: Mutex::new(state),
            room: Mutex::default(),
            changed: Condvar::new(),
        }
    }

    pub(super) fn end(&self) -> Lsn {
        Lsn::new(self.end.load(Ordering::Acquire))
    }

    pub(super) fn set_end(&self, end: Lsn) {
        self.end.store(end.get(), Ordering::Release);
    }

    pub(super) fn set_spare(&self, up_to: Lsn) {
        self.spare.fetch_max(up_to.get(), Ordering::AcqRel);
    }

    /// Gives back the oldest segment, if it is kept for no other reason than that there was room. `false`: it is not.
    pub(super) fn release_spare(&self) -> io::Result<bool> {
        let spare = Lsn::new(self.spare.load(Ordering::Acquire));
        let second = self.segments().get(1).map(|segment| segment.first);
        match second {
            Some(second) if second <= spare => self.release(second).map(|()| true),
            _ => Ok(false),
        }
    }

    /// Gives back whole segments of which every record is below `up_to`.
    pub(super) fn release(&self, up_to: Lsn) -> io::Result<()> {
        let first = {
            let segments = self.segments();
            let kept = segments
                .iter()
                .zip(segments.iter().skip(1))
                .take_while(|(_, next)| next.first <= up_to)
                .count();
            match segments.get(kept) {
                Some(first) if kept > 0 => first.number,
                _ => return Ok(()),
            }
        };
        // Durable first: from then on nobody expects the segments below, and they may change in any order.
        {
            let mut state = self.state();
            let released = State {
                first: first.max(state.state().first),
                ..state.state()
            };
            state.write(released)?;
        }
        let mut released = Vec::new();
        {
            let mut segments = self.segments();
            while let Some(segment) = segments.front().filter(|segment| segment.number < first) {
                released.push(self.path(segment.number));
                segments.pop_front();
            }
        }
        self.room().recyclable.extend(released);
        self.changed.notify_all();
        Ok(())
    }

    pub(super) fn path(&self, number: u64) -> PathBuf {
        segment_path(&self.directory, number)
    }

    // A thread that panicked while it held one of these left it whole: each change is a single step.

    pub(super) fn segments(&self) -> MutexGuard<'_, VecDeque<Segment>> {
        self.segments.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn state(&self) -> MutexGuard<'_, StateFile> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn room(&self) -> MutexGuard<'_, Room> {
        self.room.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

const SEGMENT_SUFFIX: &str = ".segment";

pub(super) fn segment_path(directory: &Path, number: u64) -> PathBuf {
    directory.join(format!("{number:016}{SEGMENT_SUFFIX}"))
}

/// The number that a file's name says, if it is a segment's name.
pub(super) fn segment_number(name: &str) -> Option<u64> {
    let digits = name.strip_suffix(SEGMENT_SUFFIX)?;
    let number: u64 = digits.parse().ok()?;
    (number > 0 && format!("{number:016}") == digits).then_some(number)
}
