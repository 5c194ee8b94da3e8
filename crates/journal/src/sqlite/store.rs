//! The journal as one SQLite file: slower than the log, with nothing in it that is ours.

use std::fmt;
use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, ErrorCode, params};

use super::checkpoint::Checkpointer;
use super::fold::{self, lsn};
use super::retention::Retention;
use super::schema::{self, OpenError, Role, Sync};
use super::{FILE_NAME, LOCK_NAME};
use crate::{Batch, CommitError, Engine, Lsn, RECORD_BYTES_MAX, RawRecord, Space};

/// Low space begins here: enough for what is in flight to be finished, and for a checkpoint.
pub const RESERVE_BYTES: u64 = 128 * 1024 * 1024;

/// How the store is kept.
#[derive(Clone, Copy, Debug)]
pub struct SqliteOptions {
    /// Below so much free space nothing new may start.
    pub reserve_bytes: u64,
    /// When rows are deleted; never if it is not said.
    pub retention: Option<Retention>,
}

impl Default for SqliteOptions {
    fn default() -> Self {
        SqliteOptions {
            reserve_bytes: RESERVE_BYTES,
            retention: None,
        }
    }
}

/// An [`Engine`] whose records and tables are one SQLite file: one transaction for each batch, synced before
/// [`Engine::commit`] returns.
pub struct SqliteEngine {
    connection: Connection,
    next: Lsn,
    directory: PathBuf,
    options: SqliteOptions,
    checkpointer: Checkpointer,
    /// Held while the engine lives: nobody else may write.
    _lock: File,
}

impl SqliteEngine {
    /// Opens the store in a directory, or makes it, and shows all records in their order.
    ///
    /// # Errors
    /// The directory is in use, the file is not the store's, or records are missing.
    pub fn open(
        directory: &Path,
        options: SqliteOptions,
        visit: &mut dyn FnMut(RawRecord<'_>),
    ) -> Result<SqliteEngine, OpenError> {
        let lock = lock(directory)?;
        let path = directory.join(FILE_NAME);
        let connection = schema::open(&path, Role::Store, Sync::Full)?;
        let last = schema::applied(&connection).map_err(OpenError::sqlite(&path))?;
        let hole = visit_records(&connection, last, visit).map_err(OpenError::sqlite(&path))?;
        if let Some(lsn) = hole {
            return Err(OpenError::Hole { path, lsn });
        }
        let checkpointer = Checkpointer::start(&path, options.retention)?;
        Ok(SqliteEngine {
            connection,
            next: last.next(),
            directory: directory.into(),
            options,
            checkpointer,
            _lock: lock,
        })
    }

    /// Deletes records below `until`; the tables keep what they said. Nothing open may be below.
    ///
    /// # Errors
    /// The file cannot be written. Nothing is lost then.
    pub fn release(&mut self, until: Lsn) -> Result<(), CommitError> {
        self.connection
            .execute("DELETE FROM records WHERE lsn < ?1", [lsn(until)])
            .map(drop)
            .map_err(commit_error)
    }

    fn write(&mut self, batch: &Batch) -> rusqlite::Result<()> {
        // Dropped without a commit it is rolled back.
        let transaction = self.connection.transaction()?;
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

    fn space(&self) -> Space {
        // Space that cannot be asked for is not there.
        let free = rustix::fs::statvfs(&self.directory)
            .map_or(0, |disk| disk.f_bavail.saturating_mul(disk.f_frsize));
        if free < self.options.reserve_bytes {
            Space::Low
        } else {
            Space::Plenty
        }
    }

    fn tick(&mut self) -> Result<(), CommitError> {
        Ok(())
    }

    /// Every commit was synced.
    fn close(&mut self) -> Result<(), CommitError> {
        Ok(())
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

/// Gives back the first place in the middle where a record is missing.
fn visit_records(
    connection: &Connection,
    last: Lsn,
    visit: &mut dyn FnMut(RawRecord<'_>),
) -> rusqlite::Result<Option<Lsn>> {
    let mut statement =
        connection.prepare("SELECT lsn, kind, payload FROM records ORDER BY lsn")?;
    let mut rows = statement.query([])?;
    let mut expected = None;
    while let Some(row) = rows.next()? {
        let lsn = Lsn::new(row.get::<_, i64>(0)?.cast_unsigned());
        let expected_here = expected.unwrap_or(lsn);
        if lsn != expected_here {
            return Ok(Some(expected_here));
        }
        visit(RawRecord {
            lsn,
            kind: row.get(1)?,
            payload: row.get_ref(2)?.as_blob()?,
        });
        expected = Some(lsn.next());
    }
    Ok(expected.filter(|end| *end != last.next()))
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
        let mut engine = SqliteEngine::open(directory.path(), options, &mut |_| {}).unwrap();
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
        })
        .unwrap();
        assert_eq!(last, accepted);
        assert_eq!(engine.next(), Lsn::new(accepted + 1));
    }
}
