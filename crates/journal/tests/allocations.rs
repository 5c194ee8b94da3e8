//! Appending a record allocates nothing once the batches have grown to what they need.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "test code")]

use std::ops::ControlFlow;
use std::sync::Arc;

use allocation_counter::measure;
use pointsman_journal::log::{LogEngine, LogOptions};
use pointsman_journal::vfs::RealFs;
use pointsman_journal::{Batch, Engine, Journal, JournalOptions, Lsn};

fn log(directory: &std::path::Path) -> LogEngine {
    let options = LogOptions {
        segment_bytes: 4 * 1024 * 1024,
        ..LogOptions::default()
    };
    LogEngine::open(Arc::new(RealFs), directory, options, &mut |_| {
        ControlFlow::Continue(())
    })
    .unwrap()
}

#[test]
fn appending_allocates_nothing() {
    const RECORDS: usize = 300;
    let directory = tempfile::tempdir().unwrap();
    let journal =
        Journal::start(Box::new(log(directory.path())), JournalOptions::default()).unwrap();
    let payload = [7; 500];
    let append_all = || {
        for _ in 0..RECORDS {
            journal
                .append(1, |record| record.extend_from_slice(&payload))
                .unwrap();
        }
    };
    // All at once, so that they are one batch: each of the two batches grows to that size.
    let append_at_once = || {
        let mut appender = journal.appender().unwrap();
        for _ in 0..RECORDS {
            appender
                .append(1, |record| record.extend_from_slice(&payload))
                .unwrap();
        }
    };
    for _ in 0..4 {
        append_at_once();
        durable(&journal);
    }
    for _ in 0..20 {
        assert_eq!(measure(append_all).count_total, 0);
        durable(&journal);
    }
}

fn durable(journal: &Journal) {
    let mark = journal.mark();
    let next = journal.appender().unwrap().next();
    while mark.borrow().durable.next() < next {
        std::thread::yield_now();
    }
}

#[test]
fn committing_allocates_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let mut log = log(directory.path());
    let mut batch = Batch::default();
    let mut commit = |records: usize| {
        batch.restart(log.next());
        for _ in 0..records {
            batch.push(1, |record| record.resize(record.len() + 500, 7));
        }
        measure(|| log.commit(&batch).unwrap()).count_total
    };
    commit(100);
    // The index of the log grows once in 64 KiB, by doubling: most commits never see it.
    let counts: Vec<u64> = (0..500).map(|_| commit(1)).collect();
    assert!(counts.iter().sum::<u64>() <= 2, "{counts:?}");
    assert_eq!(log.next(), Lsn::new(601));
}
