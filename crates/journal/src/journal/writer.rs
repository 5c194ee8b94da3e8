//! The thread that empties the queue.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{Follow, Health, Mark, Shared};
use crate::limits::TICK_MS;
use crate::{Batch, CommitError, Engine, Lsn, Space};

/// The thread that writes.
pub(super) struct Writer {
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
    pub(super) fn new(
        shared: Arc<Shared>,
        engine: Box<dyn Engine>,
        follow: Option<Follow>,
    ) -> Writer {
        Writer {
            shared,
            engine,
            follow,
            ticked: Instant::now(),
        }
    }

    pub(super) fn run(mut self) {
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

pub(super) fn healthy(space: Space) -> Health {
    match space {
        Space::Plenty => Health::Good,
        Space::Low => Health::SpaceLow,
    }
}

const TICK: Duration = Duration::from_millis(TICK_MS);
