//! The projection says what the store would say, whatever is handed over, left out, cut off or done twice.

use std::path::Path;
use std::time::{Duration, Instant};

use pointsman_journal::sqlite::{Projection, ProjectionOptions, Retention, State};
use pointsman_journal::{Batch, Lsn};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::dump::{connect, tables};
use crate::history::{Memory, Record, batch, batches, lives, records};
use crate::store::filled;

/// Far beyond what any of these takes; whoever reaches it has failed.
const LONG: Duration = Duration::from_secs(60);

fn started(directory: &Path, last: usize, memory: &Memory) -> Projection {
    Projection::start(
        directory,
        Lsn::new(last as u64),
        Box::new(memory.clone()),
        ProjectionOptions::default(),
    )
    .unwrap()
}

fn caught_up(projection: &Projection, last: usize) {
    let last = Lsn::new(last as u64);
    assert!(
        projection.wait_for(last, LONG),
        "{:?}",
        projection.progress()
    );
}

/// What the store says about the same records.
fn expected(history: &[Record]) -> String {
    let directory = tempfile::tempdir().unwrap();
    drop(filled(directory.path(), &batches(history, &[1_024])));
    tables(directory.path())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    /// The projection is ended and started again; in each life some batches are not handed over, and some twice, or
    /// together with what came long before.
    #[test]
    fn projection_and_store_say_the_same(
        history in records(1..150),
        sizes in vec(1..30_usize, 1..4),
        handed_over in vec(0..5_usize, 8),
        batches_per_life in 1..8_usize,
    ) {
        let directory = tempfile::tempdir().unwrap();
        let memory = Memory::default();
        let batches = batches(&history, &sizes);
        let mut handed_over = handed_over.iter().cycle();
        let mut last = 0;
        for life in batches.chunks(batches_per_life) {
            let projection = started(directory.path(), last, &memory);
            let feed = projection.feed();
            for batch in life {
                last += batch.len();
                memory.0.lock().unwrap().records = history[..last].to_vec();
                match handed_over.next().unwrap() {
                    0 => {}
                    1 => {
                        feed.offer(batch);
                        feed.offer(batch);
                    }
                    2 => {
                        feed.offer(&life[0]);
                        feed.offer(batch);
                    }
                    _ => feed.offer(batch),
                }
            }
            projection.close();
        }
        let projection = started(directory.path(), last, &memory);
        caught_up(&projection, last);
        let progress = projection.close();
        prop_assert_eq!(progress.state, State::Following);
        prop_assert_eq!(progress.secured, Lsn::new(last as u64));
        prop_assert_eq!(tables(directory.path()), expected(&history));
    }
}

#[test]
fn what_is_handed_over_is_applied_without_reading_the_log() {
    let directory = tempfile::tempdir().unwrap();
    let history = lives(300);
    let memory = Memory::default();
    let projection = started(directory.path(), 0, &memory);
    let feed = projection.feed();
    let mut last = 0;
    for batch in batches(&history, &[7]) {
        last += batch.len();
        feed.offer(&batch);
        caught_up(&projection, last);
    }
    assert_eq!(memory.0.lock().unwrap().reads, 0);
    projection.close();
    assert_eq!(tables(directory.path()), expected(&history));
}

#[test]
fn tables_are_made_from_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let history = lives(20_000);
    let projection = started(directory.path(), history.len(), &Memory::new(&history));
    caught_up(&projection, history.len());
    projection.close();
    assert_eq!(tables(directory.path()), expected(&history));
}

/// While batches go on coming without an end, what was missed must not wait for a pause.
#[test]
fn what_was_missed_is_read_while_more_comes() {
    let directory = tempfile::tempdir().unwrap();
    let history = lives(300);
    let memory = Memory::new(&history);
    let projection = started(directory.path(), 0, &memory);
    let feed = projection.feed();
    let batches = batches(&history, &[5]);
    let last = Lsn::new(history.len() as u64);
    let begun = Instant::now();
    while projection.progress().applied < last {
        // The first one never comes.
        for batch in &batches[1..] {
            feed.offer(batch);
        }
        assert!(begun.elapsed() < LONG, "{:?}", projection.progress());
    }
    projection.close();
    assert_eq!(tables(directory.path()), expected(&history));
}

#[test]
fn what_is_not_durable_yet_is_not_applied() {
    let directory = tempfile::tempdir().unwrap();
    let history = lives(100);
    let projection = started(directory.path(), 50, &Memory::new(&history));
    caught_up(&projection, 50);
    // The second half becomes durable, and is not handed over but for its last record.
    assert_eq!(projection.close().applied, Lsn::new(50));
    assert_eq!(tables(directory.path()), expected(&history[..50]));
}

#[test]
fn a_log_that_cannot_be_read_is_tried_again() {
    let directory = tempfile::tempdir().unwrap();
    let history = lives(10);
    let memory = Memory::new(&history);
    memory.0.lock().unwrap().failures = 1;
    let projection = started(directory.path(), history.len(), &memory);
    caught_up(&projection, history.len());
    assert_eq!(memory.0.lock().unwrap().reads, 2);
}

#[test]
fn tables_of_a_shortened_log_begin_where_it_begins() {
    let directory = tempfile::tempdir().unwrap();
    let history = lives(10);
    let memory = Memory::new(&history);
    memory.0.lock().unwrap().released = 8;
    let projection = started(directory.path(), history.len(), &memory);
    caught_up(&projection, history.len());
    projection.close();
    let first: i64 = connect(directory.path())
        .query_row(
            "SELECT value FROM meta WHERE name = 'first_lsn'",
            [],
            |row| row.get(0),
        )
        .unwrap();
    assert_eq!(first, 9);
}

#[test]
fn records_that_are_gone_before_they_were_applied_are_not_passed_over() {
    let directory = tempfile::tempdir().unwrap();
    let history = lives(10);
    let memory = Memory::new(&history);
    started(directory.path(), 0, &memory).close();
    let projection = started(directory.path(), 4, &memory);
    caught_up(&projection, 4);
    projection.close();
    memory.0.lock().unwrap().released = 8;
    let projection = started(directory.path(), history.len(), &memory);
    assert!(!projection.wait_for(Lsn::new(5), LONG));
    let State::Failed { reason } = projection.progress().state else {
        panic!("{:?}", projection.progress())
    };
    assert!(reason.contains("begins at 9"), "{reason}");
    // Whoever commits does not notice.
    projection.feed().offer(&batch(Lsn::new(21), &history[..1]));
}

#[test]
fn tables_that_know_more_than_the_log_are_put_aside() {
    let directory = tempfile::tempdir().unwrap();
    let before = lives(10);
    let projection = started(directory.path(), before.len(), &Memory::new(&before));
    caught_up(&projection, before.len());
    projection.close();

    // The log lost its end, and something else has happened since.
    let mut after = before[..6].to_vec();
    after.extend_from_slice(&lives(30)[60..62]);
    let projection = started(directory.path(), after.len(), &Memory::new(&after));
    let aside = projection.set_aside().unwrap().to_path_buf();
    assert!(aside.exists());
    caught_up(&projection, after.len());
    projection.close();
    assert_eq!(tables(directory.path()), expected(&after));
}

#[test]
fn offering_to_a_projection_that_is_gone_is_harmless() {
    let directory = tempfile::tempdir().unwrap();
    let projection = started(directory.path(), 0, &Memory::default());
    let feed = projection.feed();
    projection.close();
    for batch in batches(&lives(500), &[1]) {
        feed.offer(&batch);
    }
    feed.offer(&Batch::default());
}

#[test]
fn old_rows_are_deleted_beside_the_work() {
    let directory = tempfile::tempdir().unwrap();
    // All of it happened long before the clock of this machine says that it is.
    let history = lives(3);
    let memory = Memory::new(&history);
    let options = ProjectionOptions {
        retention: Some(Retention {
            days: 0,
            sealed_hours: 0,
        }),
    };
    let last = Lsn::new(history.len() as u64);
    let projection =
        Projection::start(directory.path(), last, Box::new(memory.clone()), options).unwrap();
    caught_up(&projection, history.len());
    // When the next one is applied, what comes after the last one is done.
    let next = batch(last.next(), &lives(1)[..1]);
    projection.feed().offer(&next);
    caught_up(&projection, history.len() + 1);
    projection.close();
    let finished: i64 = connect(directory.path())
        .query_row(
            "SELECT count(*) FROM transactions WHERE state <> 'open'",
            [],
            |row| row.get(0),
        )
        .unwrap();
    assert_eq!(finished, 0);
}
