//! The thread that keeps the tables up to date with the log.
//!
//! ```text
//!            ┌────────────── a batch comes, in order ─────────────┐
//!            ▼                                                    │
//!   wait for records ── some are missing ──▶ read them from the log
//!            ▲                                                    │
//!            └─ applied, in one transaction with `applied_lsn` ◀──┘
//! ```

use std::io;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

use rusqlite::{Connection, ErrorCode};

use super::FILE_NAME;
use super::fold;
use super::follow::{Queue, Source};
use super::merge;
use super::projection::{Shared, State};
use super::retention::{self, Retention};
use super::schema::{self, FIRST, Sync};
use crate::event::UnixMicros;
use crate::{Batch, Lsn, RawRecord};

/// So much is read from the log for one transaction.
const READ_RECORDS: usize = 16_384;
const READ_BYTES: usize = 8 * 1024 * 1024;
/// How often the tables are synced while something changes.
const SECURE_EVERY: Duration = Duration::from_secs(1);
/// How long a full or busy disk is left alone.
const PAUSE: Duration = Duration::from_secs(1);
/// How often old rows are looked for when there were none.
const RETENTION_EVERY: Duration = Duration::from_secs(60);
/// Steps between two transactions: together they delete more rows than one transaction brings.
const RETENTION_STEPS: usize = 8;
/// A write-ahead log of this size is copied into the file.
const WAL_BYTES: u64 = 16 * 1024 * 1024;

/// Applies records, in order, each once.
pub(super) struct Projector {
    pub(super) connection: Connection,
    /// The record that is applied next.
    pub(super) next: Lsn,
    pub(super) queue: Arc<Queue>,
    pub(super) source: Box<dyn Source>,
    pub(super) retention: Option<Retention>,
    pub(super) shared: Arc<Shared>,
    pub(super) wal: PathBuf,
    pub(super) care: Care,
    /// What was taken from the queue last, and what was read; used again.
    pub(super) taken: Batch,
    pub(super) read: Batch,
}

/// When what is done now and then was done last.
pub(super) struct Care {
    /// How the connection syncs now.
    sync: Sync,
    secured_at: Option<Instant>,
    retention_due: Instant,
}

impl Care {
    /// Nothing has been done yet.
    pub(super) fn due() -> Care {
        Care {
            sync: Sync::Normal,
            secured_at: None,
            retention_due: Instant::now(),
        }
    }

    fn is_securing_due(&self) -> bool {
        self.secured_at
            .is_none_or(|last| last.elapsed() >= SECURE_EVERY)
    }
}

impl Projector {
    pub(super) fn run(&mut self) {
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
        // What comes from here on is not wanted.
        self.queue.end();
    }

    /// Waits for records and applies them.
    fn turn(&mut self) -> Result<ControlFlow<()>, Stop> {
        let mut batch = std::mem::take(&mut self.taken);
        if !self.shared.is_closing() {
            self.queue.gather(self.next, SECURE_EVERY, &mut batch);
        }
        let applied = self.apply(&batch);
        let is_missing = batch.end() > self.next || self.queue.has_missed(self.next);
        batch.restart(Lsn::ZERO);
        self.taken = batch;
        applied?;
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

    /// The batch in one transaction. Records that were read from the log already are passed over; where the next one is
    /// missing nothing is done, and it is read from the log.
    fn apply(&mut self, batch: &Batch) -> Result<(), Stop> {
        if batch.first() > self.next || batch.end() <= self.next {
            return Ok(());
        }
        self.begin()?;
        let new = batch.records().filter(|record| record.lsn >= self.next);
        merge::apply(&self.connection, new)?;
        self.commit(batch.end())
    }

    fn catch_up(&mut self) -> Result<(), Stop> {
        let wanted = self.next;
        // Beyond this a record may be written and not yet durable.
        let last = self.queue.durable();
        let mut stop = None;
        let mut batch = std::mem::take(&mut self.read);
        batch.restart(wanted);
        // The source is taken out while it is read, so that the rest of this can be changed meanwhile.
        let mut source = std::mem::replace(&mut self.source, Box::new(Nothing));
        let read = source.read(wanted, &mut |record| {
            if record.lsn > last {
                return ControlFlow::Break(());
            }
            match self.take(record, &mut batch) {
                Ok(flow) => flow,
                Err(error) => {
                    stop = Some(error);
                    ControlFlow::Break(())
                }
            }
        });
        self.source = source;
        let applied = match stop {
            Some(stop) => Err(stop),
            None => self.apply(&batch),
        };
        self.read = batch;
        applied?;
        read.map_err(Stop::Source)?;
        if self.next == wanted && !self.shared.is_closing() {
            return Err(Stop::Short { wanted });
        }
        Ok(())
    }

    /// One record from the log, behind those that are in the batch.
    fn take(&mut self, record: RawRecord<'_>, batch: &mut Batch) -> Result<ControlFlow<()>, Stop> {
        let wanted = batch.end();
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
            batch.restart(record.lsn);
            schema::set_meta(&self.connection, FIRST, fold::lsn(record.lsn))?;
        }
        batch.push(record.kind, |out| out.extend_from_slice(record.payload));
        if batch.len() >= READ_RECORDS || batch.payload_bytes() >= READ_BYTES {
            self.apply(batch)?;
            batch.restart(self.next);
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
        let sync = if self.care.is_securing_due() {
            Sync::Full
        } else {
            Sync::Normal
        };
        if sync != self.care.sync {
            self.connection.execute_batch(sync.statement())?;
            self.care.sync = sync;
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
        if self.care.sync == Sync::Full {
            // The sync of the write-ahead log takes along what was committed without one.
            self.shared.secured.store(applied.get(), Ordering::Release);
            self.care.secured_at = Some(Instant::now());
        }
        Ok(())
    }

    /// What is done between transactions: sync, copy, forget.
    fn look_after(&mut self) -> Result<(), Stop> {
        let progress = self.shared.progress();
        if self.care.is_securing_due() && progress.secured < progress.applied {
            self.begin()?;
            self.commit(self.next)?;
        }
        if std::fs::metadata(&self.wal).is_ok_and(|wal| wal.len() >= WAL_BYTES) {
            self.connection
                .query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()))?;
        }
        if let Some(retention) = self.retention
            && Instant::now() >= self.care.retention_due
        {
            for _ in 0..RETENTION_STEPS {
                if !retention::step(&mut self.connection, retention, UnixMicros::now())? {
                    self.care.retention_due = Instant::now() + RETENTION_EVERY;
                    break;
                }
            }
        }
        Ok(())
    }

    /// What is queued already still goes in; what would have to be read is left for the next start.
    fn finish(&mut self) -> Result<ControlFlow<()>, Stop> {
        let mut batch = Batch::default();
        self.queue.gather(self.next, Duration::ZERO, &mut batch);
        self.apply(&batch)?;
        self.care.secured_at = None;
        self.begin()?;
        self.commit(self.next)?;
        self.connection
            .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
        self.shared.state(State::Following);
        Ok(ControlFlow::Break(()))
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

#[cfg(test)]
mod tests;
