//! How durable records come to the projection: handed over behind each commit, and read again where it has fallen behind.

use std::fmt;
use std::io;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::{Batch, Lsn, RawRecord};

/// What waits for the projection at most. What does not fit is read from the log later: the one who commits never waits.
pub(super) const WAITING_BYTES_MAX: usize = 32 * 1024 * 1024;

/// What has come is taken when its first record has waited so long …
const WAIT: Duration = Duration::from_millis(50);
/// … unless it is as much as this: then there is a load, and together with its outcome a request costs half.
const RECORDS_BUSY: usize = 1_000;
const WAIT_BUSY: Duration = Duration::from_millis(250);
/// More than this is not waited for.
const RECORDS_FULL: usize = 16_384;

/// Where records can be read again.
pub trait Source: Send {
    /// Shows records in their order, beginning at `from`, or behind it if those are gone, until there are no more or
    /// `visit` has seen enough.
    ///
    /// # Errors
    /// They cannot be read.
    fn read(
        &mut self,
        from: Lsn,
        visit: &mut dyn FnMut(RawRecord<'_>) -> ControlFlow<()>,
    ) -> io::Result<()>;
}

/// Takes what has become durable to the projection: [`crate::JournalOptions::follow`] is the place for it.
#[derive(Clone)]
pub struct Feed {
    queue: Arc<Queue>,
}

/// What both ends know.
pub(super) struct Queue {
    /// The last record that is durable, whether it was handed over or not.
    durable: AtomicU64,
    waiting: Mutex<Waiting>,
    /// There is as much as is waited for, or another reason to look.
    changed: Condvar,
    bytes_max: usize,
}

/// What was handed over: one piece, without a gap.
struct Waiting {
    batch: Batch,
    /// So many records make it worth waking the other end.
    worth: usize,
    /// Somebody wants the tables to know of this one soon.
    wanted: Lsn,
    /// To be looked at without a record.
    woken: bool,
    /// Nobody takes anything any more.
    ended: bool,
}

impl Feed {
    pub(super) fn new(durable: Lsn, bytes_max: usize) -> Feed {
        Feed {
            queue: Arc::new(Queue {
                durable: AtomicU64::new(durable.get()),
                waiting: Mutex::new(Waiting {
                    batch: Batch::default(),
                    worth: 1,
                    wanted: Lsn::ZERO,
                    woken: false,
                    ended: false,
                }),
                changed: Condvar::new(),
                bytes_max,
            }),
        }
    }

    /// The batch is durable. Never waits for the disk.
    pub fn offer(&self, batch: &Batch) {
        if batch.is_empty() {
            return;
        }
        let mut waiting = self.queue.lock();
        // Under the lock: whoever sees that it is durable sees that it is on its way.
        let last = batch.end().get() - 1;
        self.queue.durable.fetch_max(last, Ordering::AcqRel);
        if waiting.ended {
            return;
        }
        let bytes = waiting.batch.payload_bytes() + batch.payload_bytes();
        if waiting.batch.is_empty() {
            waiting.batch.restart(batch.first());
            waiting.batch.extend(batch);
        } else if waiting.batch.end() == batch.first() && bytes <= self.queue.bytes_max {
            waiting.batch.extend(batch);
        }
        if waiting.batch.len() >= waiting.worth {
            self.queue.changed.notify_one();
        }
    }

    /// Makes the other end look around.
    pub(super) fn wake(&self) {
        self.queue.lock().woken = true;
        self.queue.changed.notify_one();
    }

    /// Makes the other end wait for nothing before it has come to this record.
    pub(super) fn want(&self, lsn: Lsn) {
        let mut waiting = self.queue.lock();
        waiting.wanted = waiting.wanted.max(lsn);
        waiting.woken = true;
        self.queue.changed.notify_one();
    }

    pub(super) fn queue(&self) -> Arc<Queue> {
        Arc::clone(&self.queue)
    }
}

impl fmt::Debug for Feed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Feed")
            .field("durable", &self.queue.durable())
            .finish_non_exhaustive()
    }
}

impl Queue {
    pub(super) fn durable(&self) -> Lsn {
        Lsn::new(self.durable.load(Ordering::Acquire))
    }

    /// Whether records from `next` on are durable and nobody brings them.
    pub(super) fn has_missed(&self, next: Lsn) -> bool {
        self.is_missed(&self.lock(), next)
    }

    fn is_missed(&self, waiting: &Waiting, next: Lsn) -> bool {
        waiting.batch.is_empty() && self.durable() >= next
    }

    /// Takes what was handed over, in exchange for a batch that is done with. Waits for it, at most so long, and while
    /// much comes a little longer for more. `next` is the record that is needed next.
    pub(super) fn gather(&self, next: Lsn, at_most: Duration, batch: &mut Batch) {
        let waiting = self.lock();
        let is_idle =
            |waiting: &mut Waiting| waiting.batch.is_empty() && !self.is_missed(waiting, next);
        let (mut waiting, _) = self
            .changed
            .wait_timeout_while(waiting, at_most, |waiting| {
                is_idle(waiting) && !waiting.woken
            })
            .unwrap_or_else(PoisonError::into_inner);
        let begun = Instant::now();
        waiting.worth = RECORDS_FULL;
        // Where the next one is missing it has to be read, which is done at once.
        while !waiting.batch.is_empty()
            && waiting.batch.first() <= next
            && waiting.batch.len() < RECORDS_FULL
            && waiting.wanted < next
        {
            let wait = match waiting.batch.len() < RECORDS_BUSY {
                true => WAIT,
                false => WAIT_BUSY,
            };
            let left = wait.saturating_sub(begun.elapsed());
            if left.is_zero() || waiting.woken {
                break;
            }
            waiting = self
                .changed
                .wait_timeout(waiting, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
        waiting.worth = 1;
        waiting.woken = false;
        std::mem::swap(&mut waiting.batch, batch);
        waiting.batch.restart(Lsn::ZERO);
    }

    /// Nothing is taken from here on.
    pub(super) fn end(&self) {
        let mut waiting = self.lock();
        waiting.ended = true;
        waiting.batch = Batch::default();
    }

    // Whoever panicked while holding it was adding or taking whole records.
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
