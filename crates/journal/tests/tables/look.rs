//! Looking at a journal shows what is in it, whichever way it is kept, and says where it is broken.

use std::fs;
use std::ops::ControlFlow;
use std::path::Path;

use pointsman_journal::look::{Flaw, Kept, LookError, Looked, kept, look};
use pointsman_journal::sqlite::{FILE_NAME, OpenError, SqliteEngine, SqliteOptions};
use pointsman_journal::{Engine, Lsn};

use crate::conformance::log;
use crate::history::{Record, batches, lives, owned};
use crate::store::filled;

fn logged(directory: &Path, history: &[Record]) {
    let mut engine = log(directory, &mut |_, _| {});
    for batch in batches(history, &[7]) {
        engine.commit(&batch).unwrap();
    }
    engine.close().unwrap();
}

fn looked(directory: &Path, from: u64) -> (Looked, Vec<(u64, Record)>) {
    let mut seen = Vec::new();
    let looked = look(directory, Lsn::new(from), &mut |record| {
        seen.push((record.lsn.get(), owned(record)));
        ControlFlow::Continue(())
    });
    (looked.unwrap(), seen)
}

#[test]
fn both_ways_of_keeping_show_the_same() {
    let history = lives(100);
    let (as_log, as_store) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    logged(as_log.path(), &history);
    let engine = filled(as_store.path(), &batches(&history, &[7]));
    for (directory, is) in [(as_log.path(), Kept::Log), (as_store.path(), Kept::Store)] {
        assert_eq!(kept(directory).unwrap(), is);
        for from in 0..=history.len() as u64 + 2 {
            let (looked, seen) = looked(directory, from);
            let skipped = from.saturating_sub(1) as usize;
            let expected: Vec<_> = (1..).zip(history.iter().cloned()).skip(skipped).collect();
            assert_eq!(seen, expected, "{is:?} from {from}");
            assert_eq!(looked.fault, None);
            assert_eq!(looked.next.get() as usize, history.len() + 1);
        }
    }
    drop(engine);
}

#[test]
fn a_look_ends_when_it_is_told_to() {
    let directory = tempfile::tempdir().unwrap();
    let history = lives(20);
    for fill in [
        (|directory, history| logged(directory, history)) as fn(&Path, &[Record]),
        |directory, history| drop(filled(directory, &batches(history, &[7]))),
    ] {
        let directory = directory.path().join(format!("{fill:p}"));
        fill(&directory, &history);
        let mut seen = 0;
        let looked = look(&directory, Lsn::ZERO, &mut |_| {
            seen += 1;
            match seen {
                3 => ControlFlow::Break(()),
                _ => ControlFlow::Continue(()),
            }
        });
        assert_eq!(seen, 3);
        assert_eq!(looked.unwrap().fault, None);
    }
}

#[test]
fn a_broken_log_is_shown_up_to_where_it_is_broken() {
    let directory = tempfile::tempdir().unwrap();
    logged(directory.path(), &lives(100));
    let mut segments: Vec<_> = fs::read_dir(directory.path())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|end| end == "segment"))
        .collect();
    segments.sort();
    let mut bytes = fs::read(&segments[1]).unwrap();
    bytes[2_000] ^= 1;
    fs::write(&segments[1], bytes).unwrap();
    let (looked, seen) = looked(directory.path(), 0);
    let Some(Flaw::Log(fault)) = looked.fault else {
        panic!("{looked:?}")
    };
    assert_eq!(fault.path, segments[1]);
    assert_eq!(fault.segment, 2);
    assert!(fault.offset > 0 && fault.offset <= 2_000);
    assert_eq!(fault.lsn.get() as usize, seen.len() + 1);
}

#[test]
fn a_record_that_a_store_lacks_is_named() {
    let directory = tempfile::tempdir().unwrap();
    drop(filled(directory.path(), &batches(&lives(10), &[7])));
    let connection = rusqlite::Connection::open(directory.path().join(FILE_NAME)).unwrap();
    connection
        .execute("DELETE FROM records WHERE lsn = 7", [])
        .unwrap();
    drop(connection);
    let (looked, seen) = looked(directory.path(), 0);
    assert_eq!(seen.len(), 6);
    assert!(matches!(looked.fault, Some(Flaw::Hole { lsn, .. }) if lsn == Lsn::new(7)));
}

#[test]
fn what_is_no_journal_is_said() {
    let directory = tempfile::tempdir().unwrap();
    for path in [
        directory.path().to_path_buf(),
        directory.path().join("absent"),
    ] {
        let error = look(&path, Lsn::ZERO, &mut |_| ControlFlow::Continue(())).unwrap_err();
        assert!(
            matches!(
                error,
                LookError::NoJournal { .. } | LookError::Unreadable { .. }
            ),
            "{error}"
        );
    }
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
}

#[test]
fn a_store_does_not_begin_beside_a_log() {
    let directory = tempfile::tempdir().unwrap();
    logged(directory.path(), &lives(1));
    let options = SqliteOptions::default();
    let opened = SqliteEngine::open(
        directory.path(),
        options,
        &mut |_| ControlFlow::Continue(()),
    );
    assert!(matches!(opened, Err(OpenError::Role { .. })), "{opened:?}");
}
