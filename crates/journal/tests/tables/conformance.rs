//! What every engine must do, held against each of them.

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use pointsman_journal::log::{LogEngine, LogOptions, Prepare};
use pointsman_journal::sqlite::{Projection, ProjectionOptions, SqliteEngine, SqliteOptions};
use pointsman_journal::vfs::RealFs;
use pointsman_journal::{Durability, Engine, Journal, JournalOptions, Lsn};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::dump::{connect, tables};
use crate::history::{Record, batches, lives, owned, records};
use crate::store;

/// A kind of engine.
trait Kind {
    fn open(directory: &Path, visit: &mut dyn FnMut(Lsn, Record)) -> Box<dyn Engine>;
}

struct Store;

impl Kind for Store {
    fn open(directory: &Path, visit: &mut dyn FnMut(Lsn, Record)) -> Box<dyn Engine> {
        Box::new(store::shown(directory, visit))
    }
}

struct Log;

impl Kind for Log {
    fn open(directory: &Path, visit: &mut dyn FnMut(Lsn, Record)) -> Box<dyn Engine> {
        Box::new(log(directory, visit))
    }
}

/// With segments so small that histories fill several of them.
pub(crate) fn log(directory: &Path, visit: &mut dyn FnMut(Lsn, Record)) -> LogEngine {
    let options = LogOptions {
        segment_bytes: 4 * 1024,
        prepare: Prepare::Inline,
        ..LogOptions::default()
    };
    LogEngine::open(Arc::new(RealFs), directory, options, &mut |record| {
        visit(record.lsn, owned(record));
        ControlFlow::Continue(())
    })
    .unwrap()
}

/// What is found when it is opened.
fn found<K: Kind>(directory: &Path) -> (Vec<(u64, Record)>, Lsn) {
    let mut found = Vec::new();
    let engine = K::open(directory, &mut |lsn, record| {
        found.push((lsn.get(), record))
    });
    let next = engine.next();
    (found, next)
}

/// The batches are committed in several lives; after each one all that was accepted is there, in order, and nothing else.
fn keeps_what_it_accepted<K: Kind>(
    history: &[Record],
    sizes: &[usize],
    batches_per_life: usize,
) -> Result<(), TestCaseError> {
    let directory = tempfile::tempdir().unwrap();
    let batches = batches(history, sizes);
    let mut accepted = 0;
    prop_assert_eq!(found::<K>(directory.path()), (Vec::new(), Lsn::new(1)));
    for life in batches.chunks(batches_per_life) {
        let mut engine = K::open(directory.path(), &mut |_, _| {});
        for batch in life {
            prop_assert_eq!(engine.next(), batch.first());
            engine.commit(batch).unwrap();
            accepted += batch.len();
            prop_assert_eq!(engine.next(), batch.end());
        }
        engine.close().unwrap();
        drop(engine);
        let expected: Vec<_> = (1..).zip(history[..accepted].iter().cloned()).collect();
        let next = Lsn::new(accepted as u64 + 1);
        prop_assert_eq!(found::<K>(directory.path()), (expected, next));
    }
    prop_assert_eq!(accepted, history.len());
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn the_store_keeps_what_it_accepted(
        history in records(1..80),
        sizes in vec(1..20_usize, 1..4),
        batches_per_life in 1..8_usize,
    ) {
        keeps_what_it_accepted::<Store>(&history, &sizes, batches_per_life)?;
    }

    #[test]
    fn the_log_keeps_what_it_accepted(
        history in records(1..80),
        sizes in vec(1..20_usize, 1..4),
        batches_per_life in 1..8_usize,
    ) {
        keeps_what_it_accepted::<Log>(&history, &sizes, batches_per_life)?;
    }

    /// I6 of the journal's invariants: what the tables say is what the log says, folded.
    #[test]
    fn tables_beside_the_log_say_what_the_store_says(
        history in records(1..200),
        sizes in vec(1..30_usize, 1..4),
        batches_per_life in 1..8_usize,
    ) {
        let directory = tempfile::tempdir().unwrap();
        let batches = batches(&history, &sizes);
        for life in batches.chunks(batches_per_life) {
            let mut engine = log(directory.path(), &mut |_, _| {});
            let projection = beside(directory.path(), &engine);
            let feed = projection.feed();
            for batch in life {
                engine.commit(batch).unwrap();
                feed.offer(batch);
            }
            drop(engine);
            projection.close();
        }
        let engine = log(directory.path(), &mut |_, _| {});
        let projection = beside(directory.path(), &engine);
        let last = Lsn::new(history.len() as u64);
        prop_assert!(projection.wait_for(last, Duration::from_secs(60)));
        projection.close();

        let other = tempfile::tempdir().unwrap();
        drop(store::filled(other.path(), &batches));
        prop_assert_eq!(tables(directory.path()), tables(other.path()));
    }
}

fn beside(directory: &Path, engine: &LogEngine) -> Projection {
    let last = Lsn::new(engine.next().get() - 1);
    let options = ProjectionOptions::default();
    Projection::start(directory, last, Box::new(engine.handle()), options).unwrap()
}

/// Many threads append while the projection follows and the log gives back what the tables have been synced for.
#[test]
fn a_journal_is_followed_and_shortened_while_it_is_written() {
    let directory = tempfile::tempdir().unwrap();
    let engine = log(directory.path(), &mut |_, _| {});
    let handle = engine.handle();
    let projection = beside(directory.path(), &engine);
    let feed = projection.feed();
    let options = JournalOptions {
        follow: Some(Box::new(move |batch| feed.offer(batch))),
        ..JournalOptions::default()
    };
    let journal = Journal::start(Box::new(engine), options).unwrap();
    let history = lives(2_000);
    std::thread::scope(|scope| {
        for part in history.chunks(history.len() / 4 + 1) {
            let journal = journal.clone();
            scope.spawn(move || {
                for record in part {
                    journal
                        .append(record.kind, |out| out.extend_from_slice(&record.payload))
                        .unwrap();
                }
            });
        }
        for _ in 0..20 {
            handle.release(projection.progress().secured).unwrap();
            std::thread::yield_now();
        }
    });
    let mark = journal.close();
    assert_eq!(mark.durable.get() as usize, history.len());
    assert!(projection.wait_for(mark.durable, Duration::from_secs(60)));
    let progress = projection.close();
    assert_eq!(progress.secured, mark.durable);
    handle.release(progress.secured).unwrap();
    assert!(handle.first() > Lsn::new(1));
    let connection = connect(directory.path());
    let count = |table: &str| -> i64 {
        connection
            .query_row(&format!("SELECT count(*) FROM {table}"), [], |row| {
                row.get(0)
            })
            .unwrap()
    };
    assert_eq!(count("transactions"), 2_000);
    assert_eq!(count("obligations"), 40);
    assert_eq!(count("unreadable"), 0);
}

/// Both sync once a second when they are relaxed, and at the end.
#[test]
fn relaxed_engines_keep_what_they_were_closed_with() {
    let history = lives(10);
    let directory = tempfile::tempdir().unwrap();
    let options = SqliteOptions {
        durability: Durability::Relaxed,
        ..SqliteOptions::default()
    };
    let mut engine =
        SqliteEngine::open(
            directory.path(),
            options,
            &mut |_| ControlFlow::Continue(()),
        )
        .unwrap();
    for batch in batches(&history, &[3]) {
        engine.commit(&batch).unwrap();
        engine.tick().unwrap();
    }
    engine.close().unwrap();
    drop(engine);
    let (records, next) = found::<Store>(directory.path());
    assert_eq!(records.len(), history.len());
    assert_eq!(next.get() as usize, history.len() + 1);
}
