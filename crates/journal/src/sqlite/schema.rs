//! The file: how it is made, opened and recognised.

use std::fs::File;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension};

use crate::Lsn;

const SCHEMA: &str = include_str!("schema.sql");
/// In the header of the file, where `file` and other programs look: "PMjl".
const APPLICATION_ID: i32 = 0x504D_6A6C;
const FORMAT: i32 = 1;
/// Statements of the fold and of the store are compiled once.
const STATEMENTS_KEPT: usize = 64;
/// How long another writer is waited for: somebody who deletes old rows, or a checkpoint.
const BUSY: Duration = Duration::from_secs(5);

/// What a lost power supply may take away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sync {
    /// Nothing that was committed: the write-ahead log is synced at each commit.
    Full,
    /// The last transactions, whole ones: for what can be made again from the journal.
    Normal,
}

impl Sync {
    pub(super) const fn statement(self) -> &'static str {
        match self {
            Sync::Full => "PRAGMA synchronous = FULL",
            Sync::Normal => "PRAGMA synchronous = NORMAL",
        }
    }
}

#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("cannot open {}: {error}", path.display())]
    Sqlite {
        path: PathBuf,
        error: rusqlite::Error,
    },
    #[error("cannot use {}: {error}", path.display())]
    Io {
        path: PathBuf,
        error: std::io::Error,
    },
    #[error("{} is a database, but not one of the journal: give the journal a directory of its own", path.display())]
    Foreign { path: PathBuf },
    #[error("{} has format {format}, which a later version of the program made", path.display())]
    Later { path: PathBuf, format: i32 },
    #[error(
        "{} is kept as {is}, and the configuration asks for {wanted}: go back, or give the journal a new directory",
        path.display()
    )]
    Role {
        path: PathBuf,
        is: &'static str,
        wanted: &'static str,
    },
    #[error("{} lacks the record {lsn}: put the file back from a copy", path.display())]
    Hole { path: PathBuf, lsn: Lsn },
    #[error("record {lsn} of the journal was not accepted by its reader")]
    Refused { lsn: Lsn },
    #[error("another process has {} open: stop it first", path.display())]
    Locked { path: PathBuf },
}

impl OpenError {
    pub(super) fn sqlite(path: &Path) -> impl Fn(rusqlite::Error) -> OpenError + '_ {
        |error| OpenError::Sqlite {
            path: path.into(),
            error,
        }
    }
}

/// What the file is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// The journal is a log, and this is what it says.
    Projection,
    /// The journal is this file.
    Store,
}

impl Role {
    const fn code(self) -> i64 {
        match self {
            Role::Projection => 1,
            Role::Store => 2,
        }
    }

    pub(super) const fn name(self) -> &'static str {
        match self {
            Role::Projection => "a log with tables beside it",
            Role::Store => "tables alone",
        }
    }
}

/// Opens the file for writing, and makes it if it is not there.
pub(super) fn open(path: &Path, role: Role, sync: Sync) -> Result<Connection, OpenError> {
    let sqlite = OpenError::sqlite(path);
    // Made here and not by SQLite, which would let others read it; its companions get the same mode.
    File::options()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)
        .map_err(|error| OpenError::Io {
            path: path.into(),
            error,
        })?;
    let mut connection = Connection::open_with_flags(
        path,
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )
    .map_err(&sqlite)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS_KEPT);
    connection.busy_timeout(BUSY).map_err(&sqlite)?;
    if is_new(&connection, path)? {
        create(&mut connection, role).map_err(&sqlite)?;
    }
    // Tables that were made from a log hold no records, and a log beside a store would begin anew.
    if meta(&connection, ROLE).map_err(&sqlite)? != Some(role.code()) {
        let is = match role {
            Role::Projection => Role::Store,
            Role::Store => Role::Projection,
        };
        return Err(OpenError::Role {
            path: path.into(),
            is: is.name(),
            wanted: role.name(),
        });
    }
    // Readers never wait for the writer, and a commit is one sequential write. Checkpoints are made where nobody waits
    // for them. What is deleted is overwritten where that costs no further write.
    connection
        .execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 0; PRAGMA secure_delete = FAST; \
             PRAGMA cache_size = -16384; PRAGMA temp_store = MEMORY; PRAGMA foreign_keys = OFF;",
        )
        .map_err(&sqlite)?;
    connection
        .execute_batch(sync.statement())
        .map_err(&sqlite)?;
    Ok(connection)
}

/// Opens the file for reading, beside a writer or without one.
pub(super) fn open_for_reading(path: &Path) -> Result<Connection, OpenError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let opened = Connection::open_with_flags(path, flags)
        .map_err(OpenError::sqlite(path))
        .and_then(|connection| readable(connection, path));
    match opened {
        // Readers of a file with a write-ahead log share memory in a file beside it, which cannot be made on a medium that is
        // read-only. If there is no log, nobody writes, and none is needed.
        Err(OpenError::Sqlite { error, .. })
            if matches!(
                error.sqlite_error_code(),
                Some(ErrorCode::CannotOpen | ErrorCode::ReadOnly)
            ) && path.exists()
                && !beside(path, "-wal").exists() =>
        {
            open_immutable(path)
        }
        opened => opened,
    }
}

/// Nobody may write to it meanwhile.
fn open_immutable(path: &Path) -> Result<Connection, OpenError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY
        | OpenFlags::SQLITE_OPEN_NO_MUTEX
        | OpenFlags::SQLITE_OPEN_URI;
    Connection::open_with_flags(immutable(path), flags)
        .map_err(OpenError::sqlite(path))
        .and_then(|connection| readable(connection, path))
}

fn readable(connection: Connection, path: &Path) -> Result<Connection, OpenError> {
    let sqlite = OpenError::sqlite(path);
    connection.set_prepared_statement_cache_capacity(STATEMENTS_KEPT);
    connection.busy_timeout(BUSY).map_err(&sqlite)?;
    if is_new(&connection, path)? {
        return Err(OpenError::Foreign { path: path.into() });
    }
    Ok(connection)
}

/// The file as a URI that says that nobody changes it. RFC 3986 2.1: what is not harmless is a percent sign and two digits.
fn immutable(path: &Path) -> String {
    let mut uri = "file:".to_owned();
    for byte in path.as_os_str().as_bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'-' | b'_' | b'.' | b'~' => {
                uri.push(char::from(*byte));
            }
            byte => uri.push_str(&format!("%{byte:02X}")),
        }
    }
    uri.push_str("?immutable=1");
    uri
}

/// SQLite's own files beside the file.
pub(super) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// Whether nothing is in it yet. What is in it must be ours.
fn is_new(connection: &Connection, path: &Path) -> Result<bool, OpenError> {
    let sqlite = OpenError::sqlite(path);
    let number = |name| connection.pragma_query_value(None, name, |row| row.get::<_, i32>(0));
    let application = number("application_id").map_err(&sqlite)?;
    let format = number("user_version").map_err(&sqlite)?;
    match (application, format) {
        (APPLICATION_ID, FORMAT) => Ok(false),
        (APPLICATION_ID, format) => Err(OpenError::Later {
            path: path.into(),
            format,
        }),
        _ => {
            let tables: i64 = connection
                .query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))
                .map_err(&sqlite)?;
            match tables {
                0 => Ok(true),
                _ => Err(OpenError::Foreign { path: path.into() }),
            }
        }
    }
}

/// All of it or nothing: a start that was cut off begins again.
fn create(connection: &mut Connection, role: Role) -> rusqlite::Result<()> {
    // Space that is freed can be given back in small steps.
    connection.execute_batch("PRAGMA auto_vacuum = INCREMENTAL")?;
    let transaction = connection.transaction()?;
    transaction.execute_batch(SCHEMA)?;
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    transaction.pragma_update(None, "user_version", FORMAT)?;
    set_meta(&transaction, APPLIED, 0)?;
    set_meta(&transaction, ROLE, role.code())?;
    transaction.commit()
}

/// The last record that the tables know of.
pub(super) const APPLIED: &str = "applied_lsn";
/// The first record that the tables know of: greater than 1 if the journal had been shortened before they were made.
pub(super) const FIRST: &str = "first_lsn";
const ROLE: &str = "role";

pub(super) fn meta(connection: &Connection, name: &str) -> rusqlite::Result<Option<i64>> {
    connection
        .prepare_cached("SELECT value FROM meta WHERE name = ?1")?
        .query_row([name], |row| row.get(0))
        .optional()
}

pub(super) fn set_meta(connection: &Connection, name: &str, value: i64) -> rusqlite::Result<()> {
    connection
        .prepare_cached("INSERT INTO meta (name, value) VALUES (?1, ?2) ON CONFLICT DO UPDATE SET value = excluded.value")?
        .execute((name, value))
        .map(drop)
}

pub(super) fn is_store(connection: &Connection) -> rusqlite::Result<bool> {
    Ok(meta(connection, ROLE)? == Some(Role::Store.code()))
}

pub(super) fn applied(connection: &Connection) -> rusqlite::Result<Lsn> {
    let applied = meta(connection, APPLIED)?.unwrap_or(0);
    Ok(Lsn::new(applied.cast_unsigned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_any_name_can_be_read_as_one_that_nobody_changes() {
        let directory = tempfile::tempdir().unwrap();
        for name in ["plain", "50% of it? #1", "a:b;c&d=e", "é\u{7f}"] {
            let path = directory.path().join(name);
            drop(open(&path, Role::Store, Sync::Full).unwrap());
            let connection = open_immutable(&path).unwrap();
            assert_eq!(applied(&connection), Ok(Lsn::ZERO), "{name}");
            assert!(!beside(&path, "-shm").exists(), "{name}");
            // Not by chance another file: this one is not there.
            assert!(open_immutable(&directory.path().join("absent")).is_err());
        }
    }
}
