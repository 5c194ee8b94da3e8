//! What is done to the store on a thread of its own: what was committed is copied from the write-ahead log into the file,
//! and old rows are deleted. In line, checkpoints made one commit in a hundred wait for 30 to 70 ms.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use rusqlite::Connection;

use super::retention::{self, Retention};
use super::schema::{OpenError, Role, Sync, open};
use crate::event::UnixMicros;

/// So many bytes of payload are a reason for a checkpoint. With pages and indexes it is several times as much.
const PAYLOAD_BYTES: usize = 2 * 1024 * 1024;
/// A write-ahead log of this size is begun anew.
const WAL_BYTES: u64 = 64 * 1024 * 1024;

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
        retention: Option<Retention>,
    ) -> Result<Checkpointer, OpenError> {
        let mut connection = open(path, Role::Store, Sync::Full)?;
        let (wishes, wished) = sync_channel(1);
        let thread = std::thread::Builder::new()
            .name("journal-checkpoint".to_owned())
            .spawn(move || run(&mut connection, &wished, retention))
            .map_err(|error| OpenError::Io {
                path: path.into(),
                error,
            })?;
        let mut wal = path.as_os_str().to_owned();
        wal.push("-wal");
        Ok(Checkpointer {
            wal: wal.into(),
            written: 0,
            wishes: Some(wishes),
            thread: Some(thread),
        })
    }

    /// So much was committed through this connection.
    pub(super) fn wrote(&mut self, connection: &Connection, bytes: usize) {
        self.written += bytes;
        if self.written < PAYLOAD_BYTES {
            return;
        }
        self.written = 0;
        if let Some(wishes) = &self.wishes {
            let _ = wishes.try_send(());
        }
        // While commits go on, a checkpoint beside them never gets to the end, and only from there is the file used
        // from its beginning again. The few pages that are left are copied here. An error comes back with the next
        // commit, if it is one that matters.
        if std::fs::metadata(&self.wal).is_ok_and(|wal| wal.len() >= WAL_BYTES) {
            let _ = connection.query_row(CHECKPOINT, [], |_| Ok(()));
        }
    }
}

fn run(connection: &mut Connection, wished: &Receiver<()>, retention: Option<Retention>) {
    while wished.recv().is_ok() {
        // Rows that cannot be deleted now are older the next time.
        if let Some(retention) = retention {
            let _ = retention::step(connection, retention, UnixMicros::now());
        }
        // What it could not copy stays where it is; the next one tries again.
        let _ = connection.query_row(CHECKPOINT, [], |_| Ok(()));
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
