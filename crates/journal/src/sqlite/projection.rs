//! The tables beside the log, and how far they are.
//!
//! `synchronous = NORMAL` is enough: a power failure takes whole transactions from the end of the tables, `applied_lsn`
//! with them, and the log still has what they said. How far the log may forget is [`Progress::secured`], which moves when
//! the tables have been synced.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::FILE_NAME;
use super::follow::{Feed, Queue, Source, WAITING_BYTES_MAX};
use super::projector::{Care, Projector};
use super::retention::Retention;
use super::schema::{self, OpenError, Role, Sync};
use crate::{Batch, Lsn};

/// How the projection is kept.
#[derive(Clone, Copy, Debug, Default)]
pub struct ProjectionOptions {
    /// When rows are deleted; never if it is not said.
    pub retention: Option<Retention>,
}

/// How far the projection is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    /// The last record of the log that is durable.
    pub durable: Lsn,
    /// The last record that the tables know of.
    pub applied: Lsn,
    /// The last record that the tables will know of after a power failure. The log may forget what is older.
    pub secured: Lsn,
    pub state: State,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    Following,
    /// It has fallen behind and reads the log.
    CatchingUp,
    /// It cannot go on for now, and tries again.
    Waiting {
        reason: String,
    },
    /// It cannot go on. The journal is not touched by that; only what people look at stays behind.
    Failed {
        reason: String,
    },
}

/// The tables beside the log, and the thread that keeps them.
#[derive(Debug)]
pub struct Projection {
    feed: Feed,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
    set_aside: Option<PathBuf>,
}

/// What both threads look at.
pub(super) struct Shared {
    queue: Arc<Queue>,
    applied: AtomicU64,
    pub(super) secured: AtomicU64,
    closing: AtomicBool,
    state: Mutex<State>,
    /// `applied` or `state` is another one.
    changed: Condvar,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.progress().fmt(f)
    }
}

/// Nobody waits for the tables, and everybody for what else the machine does: where there are too few cores the tables
/// fall behind, and catch up later. On Linux a thread has a priority of its own; where it cannot be had, or a limit
/// forbids to change it, the thread runs as the others do, which is slower and no mistake.
fn give_way() {
    let _ = rustix::process::nice(NICENESS);
}

/// Of 19: a tenth of what the others get, if they want all there is.
const NICENESS: i32 = 10;

impl Projection {
    /// Opens the tables in the journal's directory, or makes them, and starts to follow. `last` is the last record of the
    /// log, which has been opened already.
    ///
    /// # Errors
    /// The file cannot be opened or is not ours.
    pub fn start(
        directory: &Path,
        last: Lsn,
        source: Box<dyn Source>,
        options: ProjectionOptions,
    ) -> Result<Projection, OpenError> {
        let path = directory.join(FILE_NAME);
        let mut connection = schema::open(&path, Role::Projection, Sync::Normal)?;
        let mut applied = schema::applied(&connection).map_err(OpenError::sqlite(&path))?;
        let mut set_aside = None;
        if applied > last {
            // The log knows less than the tables: it was put back from a copy, or the power failed while it was relaxed.
            // Its next records get the places of those that the tables know; they must not be mixed.
            drop(connection);
            set_aside = Some(put_aside(&path, applied)?);
            connection = schema::open(&path, Role::Projection, Sync::Normal)?;
            applied = Lsn::ZERO;
        }
        let feed = Feed::new(last, WAITING_BYTES_MAX);
        let shared = Arc::new(Shared::new(feed.queue(), applied));
        let mut projector = Projector {
            connection,
            next: applied.next(),
            queue: feed.queue(),
            source,
            retention: options.retention,
            shared: Arc::clone(&shared),
            wal: schema::beside(&path, "-wal"),
            care: Care::due(),
            taken: Batch::default(),
            read: Batch::default(),
        };
        let thread = thread::Builder::new()
            .name("journal-tables".to_owned())
            .spawn(move || {
                give_way();
                projector.run();
            })
            .map_err(|error| OpenError::Io { path, error })?;
        Ok(Projection {
            feed,
            shared,
            thread: Some(thread),
            set_aside,
        })
    }

    /// For whoever commits: [`Feed::offer`] takes each batch that has become durable.
    #[must_use]
    pub fn feed(&self) -> Feed {
        self.feed.clone()
    }

    #[must_use]
    pub fn progress(&self) -> Progress {
        self.shared.progress()
    }

    /// Tables that knew more than the log and were put aside under another name.
    #[must_use]
    pub fn set_aside(&self) -> Option<&Path> {
        self.set_aside.as_deref()
    }

    /// Waits until the tables know of a record, at most so long. `false`: they do not yet, or it has failed.
    #[must_use]
    pub fn wait_for(&self, lsn: Lsn, at_most: Duration) -> bool {
        self.feed.want(lsn);
        let state = self.shared.lock();
        let waits = |state: &mut State| {
            self.shared.applied.load(Ordering::Acquire) < lsn.get()
                && !matches!(state, State::Failed { .. })
        };
        let waited = self
            .shared
            .changed
            .wait_timeout_while(state, at_most, waits);
        drop(waited.unwrap_or_else(PoisonError::into_inner));
        self.shared.applied.load(Ordering::Acquire) >= lsn.get()
    }

    /// Applies what was handed over, and ends.
    pub fn close(mut self) -> Progress {
        self.stop();
        self.progress()
    }

    fn stop(&mut self) {
        self.shared.close();
        self.feed.wake();
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            let _ = thread.join();
        }
    }
}

impl Drop for Projection {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Shared {
    pub(super) fn new(queue: Arc<Queue>, applied: Lsn) -> Shared {
        Shared {
            queue,
            applied: AtomicU64::new(applied.get()),
            // What was left by the life before may not have been synced.
            secured: AtomicU64::new(0),
            closing: AtomicBool::new(false),
            state: Mutex::new(State::Following),
            changed: Condvar::new(),
        }
    }

    pub(super) fn close(&self) {
        self.closing.store(true, Ordering::Release);
    }

    pub(super) fn progress(&self) -> Progress {
        Progress {
            durable: self.queue.durable(),
            applied: Lsn::new(self.applied.load(Ordering::Acquire)),
            secured: Lsn::new(self.secured.load(Ordering::Acquire)),
            state: self.lock().clone(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn state(&self, state: State) {
        *self.lock() = state;
        self.changed.notify_all();
    }

    pub(super) fn applied(&self, applied: Lsn) {
        // Under the lock, so that whoever looks and then waits does not miss it.
        let state = self.lock();
        self.applied.store(applied.get(), Ordering::Release);
        drop(state);
        self.changed.notify_all();
    }

    pub(super) fn is_closing(&self) -> bool {
        self.closing.load(Ordering::Acquire)
    }
}
/// The tables get another name, which nobody has yet.
fn put_aside(path: &Path, applied: Lsn) -> Result<PathBuf, OpenError> {
    let mut free = None;
    for number in 0..1_000 {
        let name = format!("{FILE_NAME}.ahead-{applied}-{number}");
        let candidate = path.with_file_name(name);
        if !candidate.exists() {
            free = Some(candidate);
            break;
        }
    }
    let io = |error| OpenError::Io {
        path: path.into(),
        error,
    };
    let free = free.ok_or_else(|| io(io::ErrorKind::AlreadyExists.into()))?;
    std::fs::rename(path, &free).map_err(io)?;
    // Closing the file has taken these away, unless another program reads it.
    for suffix in ["-wal", "-shm"] {
        match std::fs::rename(schema::beside(path, suffix), schema::beside(&free, suffix)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(io(error)),
            _ => {}
        }
    }
    Ok(free)
}
