//! The store: what it accepted is there when it is opened again, and nobody else gets in between.

use std::ops::ControlFlow;
use std::path::Path;

use pointsman_journal::sqlite::{
    FILE_NAME, OpenError, Projection, ProjectionOptions, Reader, Retention, SqliteEngine,
    SqliteOptions,
};
use pointsman_journal::{Batch, CommitError, Engine, Lsn, Space};

use crate::dump::connect;
use crate::history::{Memory, Record, batch, batches, lives, owned};

pub(crate) fn opened(directory: &Path) -> SqliteEngine {
    shown(directory, &mut |_, _| {})
}

/// Opened, with its records shown.
pub(crate) fn shown(directory: &Path, visit: &mut dyn FnMut(Lsn, Record)) -> SqliteEngine {
    let options = SqliteOptions::default();
    SqliteEngine::open(directory, options, &mut |record| {
        visit(record.lsn, owned(record));
        ControlFlow::Continue(())
    })
    .unwrap()
}

/// A store with these batches in it.
pub(crate) fn filled(directory: &Path, batches: &[Batch]) -> SqliteEngine {
    let mut engine = opened(directory);
    for batch in batches {
        engine.commit(batch).unwrap();
    }
    engine
}

#[test]
fn a_batch_that_does_not_follow_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let mut engine = filled(directory.path(), &batches(&lives(1), &[2]));
    for first in [1, 2, 5, 7] {
        let error = engine
            .commit(&batch(Lsn::new(first), &lives(1)))
            .unwrap_err();
        assert!(matches!(error, CommitError::Io(_)), "{error}");
    }
    assert_eq!(engine.next(), Lsn::new(6));
}

#[test]
fn one_process_at_a_time() {
    let directory = tempfile::tempdir().unwrap();
    let engine = opened(directory.path());
    let second = SqliteEngine::open(directory.path(), SqliteOptions::default(), &mut |_| {
        ControlFlow::Continue(())
    });
    let error = second.err().unwrap();
    assert!(matches!(error, OpenError::Locked { .. }), "{error}");
    drop(engine);
    drop(opened(directory.path()));
}

#[test]
fn nobody_else_may_read_the_files() {
    use std::os::unix::fs::MetadataExt;
    let directory = tempfile::tempdir().unwrap();
    let engine = filled(directory.path(), &batches(&lives(3), &[2]));
    let mut names = Vec::new();
    for entry in std::fs::read_dir(directory.path()).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        if name != "lock" {
            assert_eq!(entry.metadata().unwrap().mode() & 0o077, 0, "{name}");
            names.push(name);
        }
    }
    assert_eq!(names.len(), 3, "{names:?}");
    drop(engine);
}

#[test]
fn what_is_not_the_journals_is_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join(FILE_NAME);
    let foreign = rusqlite::Connection::open(&path).unwrap();
    foreign.execute_batch("CREATE TABLE theirs (x)").unwrap();
    drop(foreign);
    let error = SqliteEngine::open(directory.path(), SqliteOptions::default(), &mut |_| {
        ControlFlow::Continue(())
    });
    assert!(matches!(error, Err(OpenError::Foreign { .. })));

    let directory = tempfile::tempdir().unwrap();
    std::fs::write(
        directory.path().join(FILE_NAME),
        "no database at all, and long enough for one",
    )
    .unwrap();
    let error = SqliteEngine::open(directory.path(), SqliteOptions::default(), &mut |_| {
        ControlFlow::Continue(())
    });
    assert!(matches!(error, Err(OpenError::Sqlite { .. })));
}

#[test]
fn a_later_format_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    drop(opened(directory.path()));
    let connection = rusqlite::Connection::open(directory.path().join(FILE_NAME)).unwrap();
    connection.pragma_update(None, "user_version", 2).unwrap();
    drop(connection);
    let error = SqliteEngine::open(directory.path(), SqliteOptions::default(), &mut |_| {
        ControlFlow::Continue(())
    });
    assert!(matches!(error, Err(OpenError::Later { format: 2, .. })));
}

#[test]
fn a_store_does_not_become_a_projection_nor_the_other_way() {
    let directory = tempfile::tempdir().unwrap();
    drop(opened(directory.path()));
    let projection = Projection::start(
        directory.path(),
        Lsn::ZERO,
        Box::new(Memory::default()),
        ProjectionOptions::default(),
    );
    let error = projection.err().unwrap();
    assert!(matches!(error, OpenError::Role { .. }), "{error}");

    let directory = tempfile::tempdir().unwrap();
    let projection = Projection::start(
        directory.path(),
        Lsn::ZERO,
        Box::new(Memory::default()),
        ProjectionOptions::default(),
    );
    projection.unwrap().close();
    let error = SqliteEngine::open(directory.path(), SqliteOptions::default(), &mut |_| {
        ControlFlow::Continue(())
    });
    assert!(matches!(error, Err(OpenError::Role { .. })));
}

#[test]
fn a_record_that_is_missing_is_noticed() {
    for missing in [2, 5].map(Lsn::new) {
        let directory = tempfile::tempdir().unwrap();
        drop(filled(directory.path(), &batches(&lives(1), &[5])));
        let connection = rusqlite::Connection::open(directory.path().join(FILE_NAME)).unwrap();
        connection
            .execute("DELETE FROM records WHERE lsn = ?1", [missing.get() as i64])
            .unwrap();
        drop(connection);
        let error = SqliteEngine::open(directory.path(), SqliteOptions::default(), &mut |_| {
            ControlFlow::Continue(())
        });
        let Err(OpenError::Hole { lsn, .. }) = error else {
            panic!("{error:?}")
        };
        assert_eq!(lsn, missing);
    }
}

#[test]
fn released_records_are_gone_and_their_places_are_not_given_again() {
    let directory = tempfile::tempdir().unwrap();
    let history = lives(1_000);
    let mut engine = filled(directory.path(), &batches(&history, &[512]));
    let end = engine.next();
    engine.handle().release(Lsn::new(1_501));
    engine.tick().unwrap();
    // Its thread does what it was told to before it ends.
    drop(engine);
    let mut seen = Vec::new();
    let mut engine = shown(directory.path(), &mut |lsn, _| seen.push(lsn.get()));
    assert_eq!(seen, (1_501..end.get()).collect::<Vec<_>>());
    engine.handle().release(Lsn::new(1_000_000));
    // What was released once stays so.
    engine.handle().release(Lsn::new(7));
    engine.tick().unwrap();
    drop(engine);
    let engine = shown(directory.path(), &mut |lsn, _| {
        panic!("record {lsn} was released")
    });
    assert_eq!(engine.next(), end);
    let transactions: i64 = connect(directory.path())
        .query_row("SELECT count(*) FROM transactions", [], |row| row.get(0))
        .unwrap();
    assert_eq!(transactions, 1_000);
}

#[test]
fn when_space_runs_short_the_older_half_of_what_nobody_needs_goes_first() {
    let directory = tempfile::tempdir().unwrap();
    let history = lives(1_000);
    let end = filled(directory.path(), &batches(&history, &[512])).next();
    let size = || {
        std::fs::metadata(directory.path().join(FILE_NAME))
            .unwrap()
            .len()
    };
    let (mut first, before) = (1, size());
    // There is less room than this, whatever the disk is.
    let options = SqliteOptions {
        reserve_bytes: u64::MAX,
        ..SqliteOptions::default()
    };
    let spare = 2_001;
    for _ in 0..3 {
        let mut engine =
            SqliteEngine::open(
                directory.path(),
                options,
                &mut |_| ControlFlow::Continue(()),
            )
            .unwrap();
        assert_eq!(engine.next(), end);
        engine.handle().spare(Lsn::new(spare));
        engine.tick().unwrap();
        drop(engine);
        let expected = u64::midpoint(first, spare);
        first = 0;
        shown(directory.path(), &mut |lsn, _| {
            if first == 0 {
                first = lsn.get();
            }
        });
        assert_eq!(first, expected);
    }
    assert!(size() < before, "{} of {before} bytes", size());
    // With room enough it stays.
    let mut engine = shown(directory.path(), &mut |_, _| {});
    engine.handle().spare(Lsn::new(spare));
    engine.tick().unwrap();
    drop(engine);
    let mut still = None;
    shown(directory.path(), &mut |lsn, _| {
        still.get_or_insert(lsn);
    });
    assert_eq!(still, Some(Lsn::new(first)));
}

/// Old rows and records are deleted, checkpoints made and questions asked while batches are committed: none of it is an
/// error of a commit.
#[test]
fn commits_go_on_beside_everything_else() {
    let directory = tempfile::tempdir().unwrap();
    let options = SqliteOptions {
        retention: Some(Retention {
            days: 0,
            sealed_hours: 0,
        }),
        ..SqliteOptions::default()
    };
    let mut engine =
        SqliteEngine::open(
            directory.path(),
            options,
            &mut |_| ControlFlow::Continue(()),
        )
        .unwrap();
    let handle = engine.handle();
    let reader = Reader::open(directory.path()).unwrap();
    let history = lives(10_000);
    for batch in batches(&history, &[64]) {
        engine.commit(&batch).unwrap();
        handle.release(Lsn::new(batch.first().get().saturating_sub(640)));
        engine.tick().unwrap();
        assert_eq!(reader.applied().unwrap().next(), batch.end());
    }
    let end = engine.next();
    drop(engine);
    let mut first = None;
    let engine = shown(directory.path(), &mut |lsn, _| {
        first.get_or_insert(lsn);
    });
    assert_eq!(engine.next(), end);
    assert!(first.unwrap() > Lsn::new(10_000), "{first:?}");
}

#[test]
fn low_space_is_said() {
    let directory = tempfile::tempdir().unwrap();
    let options = |reserve_bytes| SqliteOptions {
        reserve_bytes,
        ..SqliteOptions::default()
    };
    let engine = SqliteEngine::open(directory.path(), options(1), &mut |_| {
        ControlFlow::Continue(())
    })
    .unwrap();
    assert_eq!(engine.space(), Space::Plenty);
    drop(engine);
    let engine = SqliteEngine::open(directory.path(), options(u64::MAX), &mut |_| {
        ControlFlow::Continue(())
    })
    .unwrap();
    assert_eq!(engine.space(), Space::Low);
}

#[test]
fn a_reader_can_stop_the_opening() {
    let directory = tempfile::tempdir().unwrap();
    drop(filled(directory.path(), &batches(&lives(1), &[2])));
    let options = SqliteOptions::default();
    let stopped = SqliteEngine::open(
        directory.path(),
        options,
        &mut |record| match record.lsn.get() {
            2 => ControlFlow::Break(()),
            _ => ControlFlow::Continue(()),
        },
    );
    let Err(OpenError::Refused { lsn }) = stopped else {
        panic!("{stopped:?}")
    };
    assert_eq!(lsn, Lsn::new(2));
}
