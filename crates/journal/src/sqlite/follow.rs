//! How durable records come to the projection: handed over behind each commit, and read again where it has fallen behind.

use std::fmt;
use std::io;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};

use crate::{Batch, Lsn, RawRecord};

/// Batches that wait for the projection; one has at most a MiB. What does not fit is read from the log later: the one who
/// commits never waits.
const BATCHES_MAX: usize = 32;

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
    sender: SyncSender<Batch>,
    shared: Arc<Queue>,
}

/// What both ends of the queue know.
#[derive(Default)]
pub(super) struct Queue {
    /// The last record that is durable, whether it was handed over or not.
    durable: AtomicU64,
    waiting: AtomicUsize,
    /// Batches to be used again.
    spare: Mutex<Vec<Batch>>,
}

/// The other end.
pub(super) struct Fed {
    pub(super) receiver: Receiver<Batch>,
    pub(super) queue: Arc<Queue>,
}

pub(super) fn feed(durable: Lsn) -> (Feed, Fed) {
    let (sender, receiver) = sync_channel(BATCHES_MAX);
    let queue = Arc::new(Queue::default());
    queue.durable.store(durable.get(), Ordering::Release);
    let feed = Feed {
        sender,
        shared: Arc::clone(&queue),
    };
    (feed, Fed { receiver, queue })
}

impl Feed {
    /// The batch is durable. Never waits.
    pub fn offer(&self, batch: &Batch) {
        if batch.is_empty() {
            return;
        }
        let last = batch.end().get() - 1;
        // In this order: whoever sees the mark sees that a batch is on its way.
        let is_full = !self.shared.reserve();
        self.shared.durable.fetch_max(last, Ordering::AcqRel);
        if is_full {
            return;
        }
        let mut copy = self.shared.take();
        copy.restart(batch.first());
        for record in batch.records() {
            copy.push(record.kind, |out| out.extend_from_slice(record.payload));
        }
        self.send(copy);
    }

    /// Makes the other end look around.
    pub(super) fn wake(&self) {
        if self.shared.reserve() {
            self.send(self.shared.take());
        }
    }

    /// A place has been reserved for it.
    fn send(&self, batch: Batch) {
        if let Err(TrySendError::Full(batch) | TrySendError::Disconnected(batch)) =
            self.sender.try_send(batch)
        {
            self.shared.taken();
            self.shared.give_back(batch);
        }
    }
}

impl fmt::Debug for Feed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Feed")
            .field("durable", &self.shared.durable())
            .finish_non_exhaustive()
    }
}

impl Queue {
    pub(super) fn durable(&self) -> Lsn {
        Lsn::new(self.durable.load(Ordering::Acquire))
    }

    /// Whether records from `next` on are durable and nobody brings them.
    pub(super) fn has_missed(&self, next: Lsn) -> bool {
        self.durable() >= next && self.waiting.load(Ordering::Acquire) == 0
    }

    fn reserve(&self) -> bool {
        let has_room = self.waiting.fetch_add(1, Ordering::AcqRel) < BATCHES_MAX;
        if !has_room {
            self.taken();
        }
        has_room
    }

    /// One was taken out of the queue.
    pub(super) fn taken(&self) {
        self.waiting.fetch_sub(1, Ordering::AcqRel);
    }

    fn take(&self) -> Batch {
        let mut spare = self.spare.lock().unwrap_or_else(PoisonError::into_inner);
        let mut batch = spare.pop().unwrap_or_default();
        batch.restart(Lsn::ZERO);
        batch
    }

    pub(super) fn give_back(&self, batch: Batch) {
        let mut spare = self.spare.lock().unwrap_or_else(PoisonError::into_inner);
        if spare.len() < BATCHES_MAX {
            spare.push(batch);
        }
    }
}
