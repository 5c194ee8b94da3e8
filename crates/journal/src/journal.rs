//! The queue in front of an engine, and the one thread that empties it.

mod queue;
mod writer;

use std::fmt;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::watch;

use self::queue::Queue;
use self::writer::{Writer, healthy};
use crate::limits::{QUEUE_BYTES_MAX, RECORD_OVERHEAD_BYTES};
use crate::{Batch, Engine, Lsn};

/// A journal that is being written. Clones are the same one; when the last is dropped, what is queued is committed and
/// the thread ends.
///
/// [`Journal::append`] only puts a record into the queue. It is durable when the [`Mark`] has passed it, not before:
/// whoever promises something waits for that.
#[derive(Clone)]
pub struct Journal {
    owner: Arc<Owner>,
}

/// How a journal is run.
pub struct JournalOptions {
    /// What may wait for the disk, in bytes; beyond it [`Journal::append`] refuses.
    pub queue_bytes_max: usize,
    /// Called by the journal's thread with each batch that has become durable, after the mark has moved. While it runs,
    /// nothing is committed.
    pub follow: Option<Follow>,
}

/// What is done with a batch that has become durable.
pub type Follow = Box<dyn FnMut(&Batch) + Send>;

impl Default for JournalOptions {
    fn default() -> JournalOptions {
        JournalOptions {
            queue_bytes_max: QUEUE_BYTES_MAX,
            follow: None,
        }
    }
}

/// How far the journal has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    /// The last durable record: it and all before it are.
    pub durable: Lsn,
    pub health: Health,
}

/// What can be expected of a journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Health {
    Good,
    /// The disk is full but for what is kept for finishing what has begun: nothing new may start. Passes when there is
    /// room again.
    SpaceLow,
    /// A commit failed. The mark does not move any more; what is behind it may be durable or not, which the next opening
    /// finds out.
    Failed,
}

/// Why a record was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AppendError {
    #[error("the journal has stopped")]
    Stopped,
    /// The disk does not keep up, by far.
    #[error("the journal's queue is full")]
    Full,
    #[error("a record of {bytes} bytes is longer than the journal takes ({most})")]
    TooLong { bytes: usize, most: usize },
}

/// Figures for whoever watches a journal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    pub commits: u64,
    pub records: u64,
    pub payload_bytes: u64,
    /// What waits.
    pub queued_bytes: usize,
    /// How long the last commit took.
    pub last_commit: Duration,
    /// How long the slowest one took since the start.
    pub slowest_commit: Duration,
    /// How long the running one has been taking: a disk that hangs shows here.
    pub running_commit: Option<Duration>,
}

impl Journal {
    /// Starts the thread that writes.
    ///
    /// # Errors
    /// If the thread cannot be started.
    pub fn start(engine: Box<dyn Engine>, options: JournalOptions) -> std::io::Result<Journal> {
        let next = engine.next();
        let (mark, _) = watch::channel(Mark {
            durable: Lsn::new(next.get().saturating_sub(1)),
            health: healthy(engine.space()),
        });
        let shared = Arc::new(Shared {
            queue: Mutex::new(Queue::new(next)),
            wake: Condvar::new(),
            mark,
            queue_bytes_max: options.queue_bytes_max,
            record_bytes_max: engine.record_bytes_max(),
        });
        let writer = Writer::new(Arc::clone(&shared), engine, options.follow);
        let thread = std::thread::Builder::new()
            .name("journal".to_owned())
            .spawn(move || writer.run())?;
        Ok(Journal {
            owner: Arc::new(Owner {
                shared,
                thread: Mutex::new(Some(thread)),
            }),
        })
    }

    /// Queues a record whose payload `write` appends to the buffer, which holds other records before it.
    ///
    /// Never waits for the disk. If `write` panics the journal stops: what it left in the buffer is not known.
    ///
    /// # Errors
    /// If the record was not queued.
    pub fn append(&self, kind: u8, write: impl FnOnce(&mut Vec<u8>)) -> Result<Lsn, AppendError> {
        self.appender()?.append(kind, write)
    }

    /// For several records one behind the other: nobody else's come between them. They may become durable one after the
    /// other, always the first ones first. If this succeeds the queue has room for all of them.
    ///
    /// # Errors
    /// If nothing can be queued.
    pub fn appender(&self) -> Result<Appender<'_>, AppendError> {
        let shared = &*self.owner.shared;
        let queue = match shared.queue.lock() {
            Ok(queue) if !queue.closing && !queue.stopped => queue,
            _ => return Err(AppendError::Stopped),
        };
        if queue.bytes >= shared.queue_bytes_max {
            return Err(AppendError::Full);
        }
        Ok(Appender { shared, queue })
    }

    /// Follows the mark.
    #[must_use]
    pub fn mark(&self) -> watch::Receiver<Mark> {
        self.owner.shared.mark.subscribe()
    }

    #[must_use]
    pub fn health(&self) -> Health {
        self.owner.shared.mark.borrow().health
    }

    /// Why the journal failed, for the log.
    #[must_use]
    pub fn failure(&self) -> Option<String> {
        self.owner.shared.queue().failure.clone()
    }

    #[must_use]
    pub fn stats(&self) -> Stats {
        let queue = self.owner.shared.queue();
        Stats {
            queued_bytes: queue.bytes,
            running_commit: queue.commit_begun.map(|begun| begun.elapsed()),
            ..queue.stats
        }
    }

    /// Commits what is queued, refuses everything from now on, waits for the thread and says how far it came. Waits for
    /// the disk: call it where that is no harm.
    pub fn close(&self) -> Mark {
        self.owner.close();
        *self.owner.shared.mark.borrow()
    }
}

impl fmt::Debug for Journal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Journal")
            .field("mark", &*self.owner.shared.mark.borrow())
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for JournalOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JournalOptions")
            .field("queue_bytes_max", &self.queue_bytes_max)
            .finish_non_exhaustive()
    }
}

/// Queues records; the writer waits until it is dropped.
pub struct Appender<'a> {
    shared: &'a Shared,
    queue: MutexGuard<'a, Queue>,
}

impl Appender<'_> {
    /// Queues a record, as [`Journal::append`].
    ///
    /// # Errors
    /// If it is too long.
    pub fn append(
        &mut self,
        kind: u8,
        write: impl FnOnce(&mut Vec<u8>),
    ) -> Result<Lsn, AppendError> {
        let queue = &mut *self.queue;
        let before = queue.open.payload_bytes();
        let lsn = queue.open.push(kind, write);
        let bytes = queue.open.payload_bytes().saturating_sub(before);
        if bytes > self.shared.record_bytes_max {
            queue.open.pop();
            let most = self.shared.record_bytes_max;
            return Err(AppendError::TooLong { bytes, most });
        }
        queue.bytes += bytes + RECORD_OVERHEAD_BYTES;
        queue.cut();
        Ok(lsn)
    }

    /// The place that the next record gets.
    #[must_use]
    pub fn next(&self) -> Lsn {
        self.queue.open.end()
    }
}

impl Drop for Appender<'_> {
    fn drop(&mut self) {
        // A writer that is committing looks at the queue afterwards anyway: waking it costs a system call.
        if self.queue.asleep && self.queue.has_records() {
            self.queue.asleep = false;
            self.shared.wake.notify_one();
        }
    }
}

impl fmt::Debug for Appender<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Appender")
            .field("next", &self.next())
            .finish_non_exhaustive()
    }
}

/// What all clones share; the last one closes the journal.
struct Owner {
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Owner {
    fn close(&self) {
        // Whoever closes second waits for the first one.
        let mut thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner);
        {
            let mut queue = self.shared.queue();
            queue.closing = true;
            queue.asleep = false;
        }
        self.shared.wake.notify_one();
        if let Some(thread) = thread.take() {
            // If it panicked, the mark says that the journal failed.
            let _ = thread.join();
        }
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        self.close();
    }
}

struct Shared {
    queue: Mutex<Queue>,
    wake: Condvar,
    mark: watch::Sender<Mark>,
    queue_bytes_max: usize,
    record_bytes_max: usize,
}

impl Shared {
    /// The queue for looking at it; a panic within it is seen by whoever adds or writes.
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
