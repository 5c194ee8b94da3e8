//! The thread that keeps the tables up to date with the log.
//!
//! ```text
//!            ┌───── a batch comes, in order ─────┐
//!            ▼                                   │
//!   wait for records ── some are missing ──▶ read them from the log
//!            ▲                                   │
//!            └──── applied, in one transaction with `applied_lsn` ◀─┘
//! ```
//!
//! `synchronous = NORMAL` is enough: a power failure takes whole transactions from the end of the tables, `applied_lsn`
//! with them, and the log still has what they said. How far the log may forget is [`Progress::secured`], which moves when
//! the tables have been synced.

use std::io;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::RecvTimeoutError;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rusqlite::{Connection, ErrorCode};

use super::FILE_NAME;
use super::fold;
use super::follow::{Fed, Feed, Source, feed};
use super::retention::{self, Retention};
use super::schema::{self, FIRST, OpenError, Role, Sync};
use crate::event::UnixMicros;
use crate::{Batch, Lsn, RawRecord};

/// A transaction takes what has come until it has so many events …
const EVENTS_MIN: usize = 1_000;
/// … or until its first one has waited so long.
const WAIT: Duration = Duration::from_millis(50);
/// More than this is left for the next one.
const EVENTS_MAX: usize = 16_384;
/// How often the tables are synced while something changes.
const SECURE_EVERY: Duration = Duration::from_secs(1);
/// How long a full or busy disk is left alone.
const PAUSE: Duration = Duration::from_secs(1);
/// How often old rows are looked for when there were none.
const RETENTION_EVERY: Duration = Duration::from_secs(60);
/// A write-ahead log of this size is copied into the file.
const WAL_BYTES: u64 = 16 * 1024 * 1024;

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

struct Shared {
    queue: Arc<super::follow::Queue>,
    applied: AtomicU64,
    secured: AtomicU64,
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
        let (feed, fed) = feed(last);
        let shared = Arc::new(Shared {
            queue: Arc::clone(&fed.queue),
            applied: AtomicU64::new(applied.get()),
            // What was left by the life before may not have been synced.
            secured: AtomicU64::new(0),
            closing: AtomicBool::new(false),
            state: Mutex::new(State::Following),
            changed: Condvar::new(),
        });
        let mut projector = Projector {
            connection,
            next: applied.next(),
            sync: Sync::Normal,
            secured_at: None,
            retention_due: Instant::now(),
            fed,
            source,
            options,
            shared: Arc::clone(&shared),
            wal: wal(&path),
        };
        let thread = thread::Builder::new()
            .name("journal-tables".to_owned())
            .spawn(move || projector.run())
            .map_err(|error| OpenError::Io { path, error })?;
        Ok(Projection {
            feed,
            shared,
            thread: Some(thread),
            set_aside,
        })
    }

    /// For whoever commits: see [`super::Followed`].
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
        self.shared.closing.store(true, Ordering::Release);
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
    fn progress(&self) -> Progress {
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

    fn state(&self, state: State) {
        *self.lock() = state;
        self.changed.notify_all();
    }

    fn applied(&self, applied: Lsn) {
        // Under the lock, so that whoever looks and then waits does not miss it.
        let state = self.lock();
        self.applied.store(applied.get(), Ordering::Release);
        drop(state);
        self.changed.notify_all();
    }

    fn is_closing(&self) -> bool {
        self.closing.load(Ordering::Acquire)
    }
}

/// Why it does not go on.
enum Stop {
    Sqlite(rusqlite::Error),
    Source(io::Error),
    Gone { wanted: Lsn, found: Lsn },
    Short { wanted: Lsn },
}

impl From<rusqlite::Error> for Stop {
    fn from(error: rusqlite::Error) -> Stop {
        Stop::Sqlite(error)
    }
}

impl Stop {
    /// It may work later: the disk is full, or another program holds the file. After a sync that failed the next one may
    /// succeed without having written anything, so that is not tried again.
    fn may_pass(&self) -> bool {
        match self {
            Stop::Sqlite(error) => matches!(
                error.sqlite_error_code(),
                Some(
                    ErrorCode::DiskFull
                        | ErrorCode::DatabaseBusy
                        | ErrorCode::DatabaseLocked
                        | ErrorCode::OutOfMemory
                )
            ),
            Stop::Source(_) | Stop::Short { .. } => true,
            Stop::Gone { .. } => false,
        }
    }

    fn reason(&self) -> String {
        match self {
            Stop::Sqlite(error) => format!("cannot write the tables: {error}"),
            Stop::Source(error) => format!("cannot read the log: {error}"),
            Stop::Gone { wanted, found } => format!(
                "the log begins at {found}, and the tables end before {wanted}: move {FILE_NAME} away to make new ones"
            ),
            Stop::Short { wanted } => format!("the log does not show record {wanted} yet"),
        }
    }
}

struct Projector {
    connection: Connection,
    next: Lsn,
    sync: Sync,
    secured_at: Option<Instant>,
    retention_due: Instant,
    fed: Fed,
    source: Box<dyn Source>,
    options: ProjectionOptions,
    shared: Arc<Shared>,
    wal: PathBuf,
}

impl Projector {
    fn run(&mut self) {
        loop {
            let done = self.turn();
            match done {
                Ok(ControlFlow::Continue(())) => self.shared.state(State::Following),
                Ok(ControlFlow::Break(())) => break,
                Err(stop) if self.shared.is_closing() || !stop.may_pass() => {
                    self.shared.state(State::Failed {
                        reason: stop.reason(),
                    });
                    break;
                }
                Err(stop) => {
                    self.shared.state(State::Waiting {
                        reason: stop.reason(),
                    });
                    thread::park_timeout(PAUSE);
                }
            }
        }
        // What queues up from here on is not wanted.
        while let Ok(batch) = self.fed.receiver.try_recv() {
            self.fed.queue.taken();
            drop(batch);
        }
    }

    /// Waits for records and applies them.
    fn turn(&mut self) -> Result<ControlFlow<()>, Stop> {
        let mut batches = Vec::new();
        let mut events = 0;
        let mut until = None;
        while events < EVENTS_MIN {
            let wait = match until {
                None => SECURE_EVERY,
                Some(until) => Instant::saturating_duration_since(&until, Instant::now()),
            };
            // Where nothing is queued although there is more, it was not handed over.
            let behind = until.is_none() && self.fed.queue.durable() >= self.next;
            let next = if behind {
                self.fed
                    .receiver
                    .try_recv()
                    .map_err(|_| RecvTimeoutError::Timeout)
            } else {
                self.fed.receiver.recv_timeout(wait)
            };
            match next {
                Ok(batch) => {
                    self.fed.queue.taken();
                    until = until.or(Some(Instant::now() + WAIT));
                    events += batch.len();
                    batches.push(batch);
                }
                Err(_) => break,
            }
            if self.shared.is_closing() {
                break;
            }
        }
        self.apply(&batches)?;
        let is_missing = match batches.last() {
            Some(batch) => batch.end() > self.next,
            None => self.fed.queue.durable() >= self.next,
        };
        for batch in batches {
            self.fed.queue.give_back(batch);
        }
        if self.shared.is_closing() {
            return self.finish();
        }
        if is_missing {
            self.shared.state(State::CatchingUp);
            self.catch_up()?;
        }
        self.look_after()?;
        Ok(ControlFlow::Continue(()))
    }

    /// The batches in one transaction. Records that were read from the log already are passed over; where some are
    /// missing it ends, and the rest is read from the log.
    fn apply(&mut self, batches: &[Batch]) -> Result<(), Stop> {
        let records = || batches.iter().flat_map(Batch::records);
        if !records().any(|record| record.lsn == self.next) {
            return Ok(());
        }
        self.begin()?;
        let mut next = self.next;
        for record in records() {
            if record.lsn > next {
                break;
            }
            if record.lsn == next {
                fold::apply_record(&self.connection, record)?;
                next = next.next();
            }
        }
        self.commit(next)
    }

    fn catch_up(&mut self) -> Result<(), Stop> {
        let wanted = self.next;
        // Beyond this a record may be written and not yet durable.
        let last = self.fed.queue.durable();
        let mut events = 0;
        let mut stop = None;
        let from = self.next;
        // The source is taken out while it is read, so that the rest of this can be changed meanwhile.
        let mut source = std::mem::replace(&mut self.source, Box::new(Nothing));
        let read = source.read(from, &mut |record| {
            if record.lsn > last {
                return ControlFlow::Break(());
            }
            match self.take(record, &mut events) {
                Ok(flow) => flow,
                Err(error) => {
                    stop = Some(error);
                    ControlFlow::Break(())
                }
            }
        });
        self.source = source;
        if let Some(stop) = stop {
            return Err(stop);
        }
        if events > 0 {
            let next = Lsn::new(self.next.get() + events as u64);
            self.commit(next)?;
        }
        read.map_err(Stop::Source)?;
        if self.next == wanted && !self.shared.is_closing() {
            return Err(Stop::Short { wanted });
        }
        Ok(())
    }

    /// One record from the log.
    fn take(&mut self, record: RawRecord<'_>, events: &mut usize) -> Result<ControlFlow<()>, Stop> {
        let wanted = Lsn::new(self.next.get() + *events as u64);
        if record.lsn < wanted {
            return Ok(ControlFlow::Continue(()));
        }
        if record.lsn > wanted {
            if wanted != Lsn::ZERO.next() {
                return Err(Stop::Gone {
                    wanted,
                    found: record.lsn,
                });
            }
            // New tables of a log that has been shortened.
            self.next = record.lsn;
            schema::set_meta(&self.connection, FIRST, fold::lsn(record.lsn))?;
        }
        if *events == 0 {
            self.begin()?;
        }
        fold::apply_record(&self.connection, record)?;
        *events += 1;
        if *events >= EVENTS_MAX {
            self.commit(record.lsn.next())?;
            *events = 0;
            self.look_after()?;
            if self.shared.is_closing() {
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    fn begin(&mut self) -> Result<(), Stop> {
        // After an error the one before may still be open.
        if !self.connection.is_autocommit() {
            self.connection.execute_batch("ROLLBACK")?;
        }
        let due = self
            .secured_at
            .is_none_or(|last| last.elapsed() >= SECURE_EVERY);
        let sync = if due { Sync::Full } else { Sync::Normal };
        if sync != self.sync {
            self.connection.execute_batch(sync.statement())?;
            self.sync = sync;
        }
        self.connection.execute_batch("BEGIN IMMEDIATE")?;
        Ok(())
    }

    fn commit(&mut self, next: Lsn) -> Result<(), Stop> {
        let applied = Lsn::new(next.get() - 1);
        fold::applied(&self.connection, applied)?;
        self.connection.execute_batch("COMMIT")?;
        self.next = next;
        self.shared.applied(applied);
        if self.sync == Sync::Full {
            // The sync of the write-ahead log takes along what was committed without one.
            self.shared.secured.store(applied.get(), Ordering::Release);
            self.secured_at = Some(Instant::now());
        }
        Ok(())
    }

    /// What is done between transactions: sync, copy, forget.
    fn look_after(&mut self) -> Result<(), Stop> {
        let progress = self.shared.progress();
        let due = self
            .secured_at
            .is_none_or(|last| last.elapsed() >= SECURE_EVERY);
        if due && progress.secured < progress.applied {
            self.begin()?;
            self.commit(self.next)?;
        }
        if std::fs::metadata(&self.wal).is_ok_and(|wal| wal.len() >= WAL_BYTES) {
            self.connection
                .query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()))?;
        }
        if let Some(retention) = self.options.retention
            && Instant::now() >= self.retention_due
        {
            let more = retention::step(&mut self.connection, retention, UnixMicros::now())?;
            if !more {
                self.retention_due = Instant::now() + RETENTION_EVERY;
            }
        }
        Ok(())
    }

    /// What is queued already still goes in; what would have to be read is left for the next start.
    fn finish(&mut self) -> Result<ControlFlow<()>, Stop> {
        let mut batches = Vec::new();
        while let Ok(batch) = self.fed.receiver.try_recv() {
            self.fed.queue.taken();
            batches.push(batch);
        }
        self.apply(&batches)?;
        self.secured_at = None;
        self.begin()?;
        self.commit(self.next)?;
        self.connection
            .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
        self.shared.state(State::Following);
        Ok(ControlFlow::Break(()))
    }
}

/// Stands in for the source while it is read.
struct Nothing;

impl Source for Nothing {
    fn read(
        &mut self,
        _: Lsn,
        _: &mut dyn FnMut(RawRecord<'_>) -> ControlFlow<()>,
    ) -> io::Result<()> {
        Ok(())
    }
}

fn wal(path: &Path) -> PathBuf {
    let mut wal = path.as_os_str().to_owned();
    wal.push("-wal");
    wal.into()
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
        let mut from = path.as_os_str().to_owned();
        from.push(suffix);
        let mut to = free.as_os_str().to_owned();
        to.push(suffix);
        match std::fs::rename(from, to) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(io(error)),
            _ => {}
        }
    }
    Ok(free)
}
