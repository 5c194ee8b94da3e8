//! What is done to the store on a thread of its own: what was committed is copied from the write-ahead log into the file,
//! and old rows are deleted. In line, checkpoints made one commit in a hundred wait for 30 to 70 ms.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use rusqlite::Connection;

use super::retention;
use super::schema::{OpenError, Role, Sync, beside, open};
use super::store::{Releasing, SqliteOptions};
use crate::event::UnixMicros;
use crate::free_bytes;

/// So many bytes of payload are a reason for a checkpoint. With pages and indexes it is several times as much.
const PAYLOAD_BYTES: usize = 2 * 1024 * 1024;
/// A write-ahead log of this size is begun anew.
const WAL_BYTES: u64 = 64 * 1024 * 1024;

/// Steps of forgetting between two checkpoints.
const STEPS: usize = 32;
/// Records that one statement deletes.
const RECORDS: u32 = 500;

/// Pages that are given back to the disk at a time: with 4 KiB each, 64 MiB.
const PAGES: u32 = 16_384;

const CHECKPOINT: &str = "PRAGMA wal_checkpoint(PASSIVE)";

pub(super) struct Checkpointer {
    wal: PathBuf,
    written: usize,
    /// Nothing is sent but the wish; one that waits already is enough.
    wishes: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Checkpointer {
    pub(super) fn start(
        path: &Path,
        options: SqliteOptions,
        releasing: Arc<Releasing>,
    ) -> Result<Checkpointer, OpenError> {
        let mut care = Care {
            connection: open(path, Role::Store, Sync::Full)?,
            path: path.into(),
            options,
            releasing,
            deleted: 0,
        };
        let (wishes, wished) = sync_channel(1);
        let thread = std::thread::Builder::new()
            .name("journal-checkpoint".to_owned())
            .spawn(move || care.run(&wished))
            .map_err(|error| OpenError::Io {
                path: path.into(),
                error,
            })?;
        Ok(Checkpointer {
            wal: beside(path, "-wal"),
            written: 0,
            wishes: Some(wishes),
            thread: Some(thread),
        })
    }

    /// A second has passed.
    pub(super) fn tick(&self) {
        if let Some(wishes) = &self.wishes {
            let _ = wishes.try_send(());
        }
    }

    /// So much was committed through this connection.
    pub(super) fn wrote(&mut self, connection: &Connection, bytes: usize) {
        self.written += bytes;
        if self.written < PAYLOAD_BYTES {
            return;
        }
        self.written = 0;
        self.tick();
        // While commits go on, a checkpoint beside them never gets to the end, and only from there is the file used
        // from its beginning again. The few pages that are left are copied here. An error comes back with the next
        // commit, if it is one that matters.
        if std::fs::metadata(&self.wal).is_ok_and(|wal| wal.len() >= WAL_BYTES) {
            let _ = connection.query_row(CHECKPOINT, [], |_| Ok(()));
        }
    }
}

/// What the thread has.
struct Care {
    connection: Connection,
    path: PathBuf,
    options: SqliteOptions,
    releasing: Arc<Releasing>,
    /// Records below this are gone.
    deleted: u64,
}

impl Care {
    /// What it cannot do now is tried the next time.
    fn run(&mut self, wished: &Receiver<()>) {
        while wished.recv().is_ok() {
            let _ = self.forget();
            let _ = self.connection.query_row(CHECKPOINT, [], |_| Ok(()));
        }
    }

    /// Each step is a transaction of its own, so that a commit waits for one at most.
    fn forget(&mut self) -> rusqlite::Result<()> {
        if let Some(retention) = self.options.retention {
            for _ in 0..STEPS {
                if !retention::step(&mut self.connection, retention, UnixMicros::now())? {
                    break;
                }
            }
        }
        let mut released = self.releasing.released.load(Ordering::Acquire);
        let is_tight = self.is_tight();
        if is_tight {
            let spare = self.releasing.spare.load(Ordering::Acquire);
            let oldest = self.oldest()?.unwrap_or(spare).min(spare);
            // The older half of what is not needed: if that is not enough it is tight again a second later.
            released = released.max(oldest.midpoint(spare));
        }
        while self.deleted < released {
            let rows = self
                .connection
                .prepare_cached(
                    "DELETE FROM records WHERE lsn IN (
                         SELECT lsn FROM records WHERE lsn < ?1 ORDER BY lsn LIMIT ?2)",
                )?
                .execute((released.cast_signed(), RECORDS))?;
            if u32::try_from(rows).is_ok_and(|rows| rows < RECORDS) {
                self.deleted = released;
            }
        }
        if is_tight {
            // What was deleted is free within the file; only so the disk has it.
            self.connection
                .prepare_cached(&format!("PRAGMA incremental_vacuum({PAGES})"))?
                .query_map([], |_| Ok(()))?
                .collect::<rusqlite::Result<()>>()?;
        }
        Ok(())
    }

    /// Whether space is going to be low soon.
    fn is_tight(&self) -> bool {
        let reserve = self.options.reserve_bytes;
        free_bytes(&self.path).is_ok_and(|free| free < reserve.saturating_mul(2))
    }

    /// The first record that is there.
    fn oldest(&self) -> rusqlite::Result<Option<u64>> {
        self.connection
            .prepare_cached("SELECT min(lsn) FROM records")?
            .query_row([], |row| {
                Ok(row.get::<_, Option<i64>>(0)?.map(i64::cast_unsigned))
            })
    }
}

impl Drop for Checkpointer {
    fn drop(&mut self) {
        self.wishes = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
