//! The queue in front of an engine, and the one thread that empties it.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::sync::watch;

use crate::limits::{
    BATCH_BYTES_FULL, BATCH_RECORDS_MAX, QUEUE_BYTES_MAX, RECORD_OVERHEAD_BYTES, SPARE_BATCHES_MAX,
    TICK_MS,
};
use crate::{Batch, CommitError, Engine, Lsn, Space};

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
        let mut open = Batch::default();
        open.restart(next);
        let shared = Arc::new(Shared {
            queue: Mutex::new(Queue {
                open,
                full: VecDeque::new(),
                spare: Vec::new(),
                bytes: 0,
                asleep: false,
                closing: false,
                stopped: false,
                failure: None,
                stats: Stats::default(),
                commit_begun: None,
            }),
            wake: Condvar::new(),
            mark,
            queue_bytes_max: options.queue_bytes_max,
            record_bytes_max: engine.record_bytes_max(),
        });
        let writer = Writer {
            shared: Arc::clone(&shared),
            engine,
            follow: options.follow,
            ticked: Instant::now(),
        };
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
        if queue.open.payload_bytes() > BATCH_BYTES_FULL || queue.open.len() >= BATCH_RECORDS_MAX {
            let mut open = queue.spare.pop().unwrap_or_default();
            open.restart(queue.open.end());
            let full = std::mem::replace(&mut queue.open, open);
            queue.full.push_back(full);
        }
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

/// Records that wait: batches that are full, then the open one. Memory is used again, so that nothing is allocated once
/// the batches have grown to what they need.
struct Queue {
    open: Batch,
    full: VecDeque<Batch>,
    spare: Vec<Batch>,
    bytes: usize,
    /// The writer waits to be woken.
    asleep: bool,
    closing: bool,
    stopped: bool,
    /// Why it stopped, if it was not closed.
    failure: Option<String>,
    stats: Stats,
    commit_begun: Option<Instant>,
}

impl Queue {
    fn has_records(&self) -> bool {
        !self.full.is_empty() || !self.open.is_empty()
    }

    /// The next batch to write, in exchange for one that has been written.
    fn take(&mut self, mut written: Batch) -> Batch {
        let batch = match self.full.pop_front() {
            Some(full) => {
                if self.spare.len() < SPARE_BATCHES_MAX {
                    self.spare.push(written);
                }
                full
            }
            None => {
                written.restart(self.open.end());
                std::mem::replace(&mut self.open, written)
            }
        };
        self.bytes = self
            .bytes
            .saturating_sub(batch.payload_bytes() + batch.len() * RECORD_OVERHEAD_BYTES);
        batch
    }
}

/// The thread that writes.
struct Writer {
    shared: Arc<Shared>,
    engine: Box<dyn Engine>,
    follow: Option<Follow>,
    ticked: Instant,
}

/// What there is to do.
enum Task {
    Commit,
    Tick,
    Close,
}

impl Writer {
    fn run(mut self) {
        // Also for the case that the engine panics.
        let mut ending = Ending {
            shared: Arc::clone(&self.shared),
            failure: Some("the thread of the journal panicked".to_owned()),
        };
        ending.failure = match self.serve() {
            Ok(()) => None,
            Err(error) => Some(error.to_string()),
        };
    }

    fn serve(&mut self) -> Result<(), CommitError> {
        let mut batch = Batch::default();
        let mut took = None;
        loop {
            match self.wait(&mut batch, took.take())? {
                Task::Commit => {
                    let begun = Instant::now();
                    self.engine.commit(&batch)?;
                    took = Some(begun.elapsed());
                    self.publish(Some(Lsn::new(batch.end().get().saturating_sub(1))));
                    if let Some(follow) = &mut self.follow {
                        follow(&batch);
                    }
                }
                Task::Tick => {}
                Task::Close => return self.engine.close(),
            }
            if self.ticked.elapsed() >= TICK {
                self.ticked = Instant::now();
                self.engine.tick()?;
                self.publish(None);
            }
        }
    }

    /// Hands back the batch that has been committed, and takes the next one when there is one.
    fn wait(&self, batch: &mut Batch, took: Option<Duration>) -> Result<Task, CommitError> {
        // Poisoned: somebody panicked while adding a record, and half a record may be in the batch.
        let spoilt = |_| std::io::Error::other("a writer panicked while it added a record");
        let mut queue = self
            .shared
            .queue
            .lock()
            .map_err(|error| spoilt(error.to_string()))?;
        if let Some(took) = took {
            let stats = &mut queue.stats;
            stats.commits += 1;
            stats.records += batch.len() as u64;
            stats.payload_bytes += batch.payload_bytes() as u64;
            stats.last_commit = took;
            stats.slowest_commit = stats.slowest_commit.max(took);
            queue.commit_begun = None;
        }
        loop {
            if queue.has_records() {
                *batch = queue.take(std::mem::take(batch));
                queue.commit_begun = Some(Instant::now());
                return Ok(Task::Commit);
            }
            if queue.closing {
                return Ok(Task::Close);
            }
            let left = TICK.saturating_sub(self.ticked.elapsed());
            if left.is_zero() {
                return Ok(Task::Tick);
            }
            queue.asleep = true;
            queue = self
                .shared
                .wake
                .wait_timeout(queue, left)
                .map_err(|error| spoilt(error.to_string()))?
                .0;
            queue.asleep = false;
        }
    }

    fn publish(&self, durable: Option<Lsn>) {
        let health = healthy(self.engine.space());
        self.shared.mark.send_if_modified(|mark| {
            let next = Mark {
                durable: durable.unwrap_or(mark.durable),
                health,
            };
            std::mem::replace(mark, next) != next
        });
    }
}

/// Tells everybody that the journal has ended, and how.
struct Ending {
    shared: Arc<Shared>,
    failure: Option<String>,
}

impl Drop for Ending {
    fn drop(&mut self) {
        let mut queue = self.shared.queue();
        queue.stopped = true;
        queue.failure = self.failure.take();
        let failed = queue.failure.is_some();
        drop(queue);
        if failed {
            self.shared
                .mark
                .send_modify(|mark| mark.health = Health::Failed);
        }
    }
}

fn healthy(space: Space) -> Health {
    match space {
        Space::Plenty => Health::Good,
        Space::Low => Health::SpaceLow,
    }
}

const TICK: Duration = Duration::from_millis(TICK_MS);

#[cfg(test)]
mod tests;
