//! The journal as one SQLite file: slower than the log, with nothing in it that is ours.

use std::fmt;
use std::fs::{self, File, TryLockError};
use std::io;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, TransactionBehavior, params};

use super::checkpoint::Checkpointer;
use super::fold::{self, lsn};
use super::retention::Retention;
use super::schema::{self, OpenError, Role, Sync};
use super::{FILE_NAME, LOCK_NAME};
use crate::{
    Batch, CommitError, Durability, Engine, Lsn, RECORD_BYTES_MAX, RawRecord, Space, free_bytes,
    log,
};

/// Low space begins here: enough for what is in flight to be finished, and for a checkpoint.
pub const RESERVE_BYTES: u64 = 128 * 1024 * 1024;

/// How long a commit waits for another writer, who has no business here: a person with a tool. Then the journal fails.
const BUSY: Duration = Duration::from_secs(30);

/// How the store is kept.
#[derive(Clone, Copy, Debug)]
pub struct SqliteOptions {
    /// Below so much free space nothing new may start.
    pub reserve_bytes: u64,
    /// When a batch counts as durable.
    pub durability: Durability,
    /// When rows are deleted; never if it is not said.
    pub retention: Option<Retention>,
}

impl Default for SqliteOptions {
    fn default() -> Self {
        SqliteOptions {
            reserve_bytes: RESERVE_BYTES,
            durability: Durability::Commit,
            retention: None,
        }
    }
}

/// An [`Engine`] whose records and tables are one SQLite file: one transaction for each batch, synced before
/// [`Engine::commit`] returns.
pub struct SqliteEngine {
    connection: Connection,
    next: Lsn,
    /// What is before this has been synced, where that is not done at each commit.
    synced: Lsn,
    directory: PathBuf,
    options: SqliteOptions,
    checkpointer: Checkpointer,
    releasing: Arc<Releasing>,
    /// Held while the engine lives: nobody else may write.
    _lock: File,
}

impl SqliteEngine {
    /// Opens the store in a directory, or makes it. Every record that is there is given to `visit`, in order; it stops the
    /// opening with `Break`.
    ///
    /// # Errors
    /// The directory is in use, the file is not the store's, records are missing, or `visit` stopped.
    pub fn open(
        directory: &Path,
        options: SqliteOptions,
        visit: &mut dyn FnMut(RawRecord<'_>) -> ControlFlow<()>,
    ) -> Result<SqliteEngine, OpenError> {
        let lock = lock(directory)?;
        let path = directory.join(FILE_NAME);
        // A log whose tables are not there (yet) would be left behind unread.
        let is_beside_a_log = log::is_in(directory).map_err(|error| OpenError::Io {
            path: path.clone(),
            error,
        })?;
        if is_beside_a_log {
            return Err(OpenError::Role {
                path,
                is: Role::Projection.name(),
                wanted: Role::Store.name(),
            });
        }
        let sync = match options.durability {
            Durability::Commit => Sync::Full,
            Durability::Relaxed => Sync::Normal,
        };
        let connection = schema::open(&path, Role::Store, sync)?;
        connection
            .busy_timeout(BUSY)
            .map_err(OpenError::sqlite(&path))?;
        let last = schema::applied(&connection).map_err(OpenError::sqlite(&path))?;
        visit_records(&connection, &path, (Lsn::ZERO, last), visit)?;
        let releasing = Arc::new(Releasing::default());
        let checkpointer = Checkpointer::start(&path, options, Arc::clone(&releasing))?;
        Ok(SqliteEngine {
            connection,
            next: last.next(),
            synced: Lsn::ZERO,
            directory: directory.into(),
            options,
            checkpointer,
            releasing,
            _lock: lock,
        })
    }

    /// For releasing while the engine itself belongs to the journal's thread.
    #[must_use]
    pub fn handle(&self) -> StoreHandle {
        StoreHandle {
            releasing: Arc::clone(&self.releasing),
        }
    }

    /// The sync of the write-ahead log takes along what was committed without one.
    fn sync(&mut self) -> rusqlite::Result<()> {
        if self.synced == self.next {
            return Ok(());
        }
        self.connection.execute_batch(Sync::Full.statement())?;
        let transaction = self.connection.transaction()?;
        fold::applied(&transaction, Lsn::new(self.next.get() - 1))?;
        transaction.commit()?;
        self.connection.execute_batch(Sync::Normal.statement())?;
        self.synced = self.next;
        Ok(())
    }

    fn write(&mut self, batch: &Batch) -> rusqlite::Result<()> {
        // Dropped without a commit it is rolled back.
        // At once for writing: nothing has been done yet if somebody else writes, and waiting is all that is left.
        let transaction = self
            .connection
            .transaction_with_behavior(TransactionBehavior::Immediate)?;
        for record in batch.records() {
            transaction
                .prepare_cached("INSERT INTO records (lsn, kind, payload) VALUES (?1, ?2, ?3)")?
                .execute(params![lsn(record.lsn), record.kind, record.payload])?;
            fold::apply_record(&transaction, record)?;
        }
        if let Some(last) = batch.records().last() {
            fold::applied(&transaction, last.lsn)?;
        }
        transaction.commit()
    }
}

/// Releases records of a store; clones are of the same one.
#[derive(Clone, Debug)]
pub struct StoreHandle {
    releasing: Arc<Releasing>,
}

/// Which records need not be there any more.
#[derive(Debug, Default)]
pub(super) struct Releasing {
    /// Records below this are not wanted.
    pub(super) released: AtomicU64,
    /// Records below this are kept because there is room for them, and for no other reason.
    pub(super) spare: AtomicU64,
}

impl StoreHandle {
    /// Lets records below `up_to` be deleted, beside the work and in small steps; the tables keep what they said.
    pub fn release(&self, up_to: Lsn) {
        self.releasing
            .released
            .fetch_max(up_to.get(), Ordering::AcqRel);
    }

    /// Lets records below `up_to` be deleted, the oldest first, as soon as room runs short: before space is low, and not
    /// otherwise.
    pub fn spare(&self, up_to: Lsn) {
        self.releasing
            .spare
            .fetch_max(up_to.get(), Ordering::AcqRel);
    }
}

impl Engine for SqliteEngine {
    fn next(&self) -> Lsn {
        self.next
    }

    fn commit(&mut self, batch: &Batch) -> Result<(), CommitError> {
        if batch.first() != self.next {
            let message = format!("a batch begins at {}, not {}", batch.first(), self.next);
            return Err(io::Error::new(io::ErrorKind::InvalidInput, message).into());
        }
        self.write(batch).map_err(commit_error)?;
        self.next = batch.end();
        self.checkpointer
            .wrote(&self.connection, batch.payload_bytes());
        Ok(())
    }

    fn tick(&mut self) -> Result<(), CommitError> {
        self.checkpointer.tick();
        match self.options.durability {
            Durability::Commit => Ok(()),
            Durability::Relaxed => self.sync().map_err(commit_error),
        }
    }

    fn close(&mut self) -> Result<(), CommitError> {
        match self.options.durability {
            Durability::Commit => Ok(()),
            Durability::Relaxed => self.sync().map_err(commit_error),
        }
    }

    fn space(&self) -> Space {
        // Space that cannot be asked for is not there.
        let free = free_bytes(&self.directory).unwrap_or_default();
        if free < self.options.reserve_bytes {
            Space::Low
        } else {
            Space::Plenty
        }
    }

    fn record_bytes_max(&self) -> usize {
        RECORD_BYTES_MAX
    }
}

impl fmt::Debug for SqliteEngine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteEngine")
            .field("directory", &self.directory)
            .field("next", &self.next)
            .finish_non_exhaustive()
    }
}

/// Shows the records behind `from`, which end with `last`.
pub(super) fn visit_records(
    connection: &Connection,
    path: &Path,
    (from, last): (Lsn, Lsn),
    visit: &mut dyn FnMut(RawRecord<'_>) -> ControlFlow<()>,
) -> Result<(), OpenError> {
    let sqlite = OpenError::sqlite(path);
    let mut statement = connection
        .prepare("SELECT lsn, kind, payload FROM records WHERE lsn > ?1 ORDER BY lsn")
        .map_err(&sqlite)?;
    let mut rows = statement.query([lsn(from)]).map_err(&sqlite)?;
    let mut expected = None;
    while let Some(row) = rows.next().map_err(&sqlite)? {
        let record = raw(row).map_err(&sqlite)?;
        match expected {
            Some(expected) if expected != record.lsn => {
                return Err(OpenError::Hole {
                    path: path.into(),
                    lsn: expected,
                });
            }
            _ => expected = Some(record.lsn.next()),
        }
        if visit(record).is_break() {
            return Err(OpenError::Refused { lsn: record.lsn });
        }
    }
    match expected {
        Some(end) if end <= last => Err(OpenError::Hole {
            path: path.into(),
            lsn: end,
        }),
        _ => Ok(()),
    }
}

pub(super) fn raw<'a>(row: &'a rusqlite::Row<'_>) -> rusqlite::Result<RawRecord<'a>> {
    Ok(RawRecord {
        lsn: Lsn::new(row.get::<_, i64>(0)?.cast_unsigned()),
        kind: row.get(1)?,
        payload: row.get_ref(2)?.as_blob()?,
    })
}

fn lock(directory: &Path) -> Result<File, OpenError> {
    let path = directory.join(LOCK_NAME);
    let io = |error| OpenError::Io {
        path: path.clone(),
        error,
    };
    fs::create_dir_all(directory).map_err(io)?;
    let file = File::options()
        .write(true)
        .create(true)
        .truncate(false)
        .open(&path)
        .map_err(io)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(OpenError::Locked {
            path: directory.into(),
        }),
        Err(TryLockError::Error(error)) => Err(io(error)),
    }
}

/// A transaction that found no room was rolled back; what else went wrong may have happened after it was durable.
fn commit_error(error: rusqlite::Error) -> CommitError {
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => CommitError::Full,
        _ => CommitError::Io(io::Error::other(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Event;
    use crate::event::{Audit, UnixMicros};

    fn batch(first: Lsn) -> Batch {
        let mut batch = Batch::default();
        batch.restart(first);
        for number in 0..64 {
            let event = Event::Audit(Audit {
                at: UnixMicros(number),
                who: "ann",
                action: "look",
                tx: None,
                detail: "a hundred times the same, until there is no more room for it",
            });
            batch.push(event.kind(), |out| event.encode(out));
        }
        batch
    }

    #[test]
    fn a_full_disk_takes_nothing_and_loses_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let options = SqliteOptions::default();
        let mut engine =
            SqliteEngine::open(
                directory.path(),
                options,
                &mut |_| ControlFlow::Continue(()),
            )
            .unwrap();
        let pages: i64 = engine
            .connection
            .pragma_query_value(None, "page_count", |row| row.get(0))
            .unwrap();
        // SQLite says the same about a limit as about a disk.
        engine
            .connection
            .query_row(
                &format!("PRAGMA max_page_count = {}", pages + 30),
                [],
                |_| Ok(()),
            )
            .unwrap();
        let mut accepted = 0;
        let error = loop {
            match engine.commit(&batch(engine.next())) {
                Ok(()) => accepted += 64,
                Err(error) => break error,
            }
        };
        assert!(matches!(error, CommitError::Full), "{error}");
        assert!(accepted > 0);
        assert_eq!(engine.next(), Lsn::new(accepted + 1));
        drop(engine);

        let mut last = 0;
        let engine = SqliteEngine::open(directory.path(), options, &mut |record| {
            last = record.lsn.get();
            ControlFlow::Continue(())
        })
        .unwrap();
        assert_eq!(last, accepted);
        assert_eq!(engine.next(), Lsn::new(accepted + 1));
    }
}
