//! What people ask, and what they are told.

use std::path::Path;

use pointsman_journal::event::{Audit, CardToken, Event, ObligationKind, UnixMicros};
use pointsman_journal::sqlite::{FILE_NAME, Filter, ObligationFilter, Reader};

use crate::history::{batches, lives, record};
use crate::store::filled;

/// 101 transactions; every fiftieth has a reversal.
fn reader(directory: &Path) -> Reader {
    drop(filled(directory, &batches(&lives(101), &[64])));
    Reader::open(directory).unwrap()
}

fn found(reader: &Reader, filter: &Filter) -> Vec<u64> {
    reader
        .transactions(filter, 10)
        .unwrap()
        .iter()
        .map(|row| row.tx)
        .collect()
}

#[test]
fn transactions_are_found_by_what_a_receipt_says() {
    let directory = tempfile::tempdir().unwrap();
    let reader = reader(directory.path());
    let filter = |change: &dyn Fn(&mut Filter)| {
        let mut filter = Filter::default();
        change(&mut filter);
        found(&reader, &filter)
    };
    // The terminal's trace number is 40 more than the bank's here.
    assert_eq!(filter(&|f| f.stan = Some(90)), [90, 50]);
    assert_eq!(filter(&|f| f.tx = Some(7)), [7]);
    assert_eq!(
        filter(&|f| {
            f.stan = Some(90);
            f.terminal = Some("T0000001".to_owned());
        }),
        [90, 50]
    );
    assert_eq!(
        filter(&|f| {
            f.stan = Some(90);
            f.terminal = Some("T0000002".to_owned());
        }),
        []
    );
    assert_eq!(
        filter(&|f| f.cards = vec![CardToken([3; 16]), CardToken([200; 16])]),
        [3]
    );
    assert_eq!(
        filter(&|f| f.state = Some("failed".to_owned())),
        [100, 50, 0]
    );
    assert_eq!(
        filter(&|f| f.rrn = Some("632820000041".to_owned())).len(),
        10
    );
    assert_eq!(filter(&|f| f.rrn = Some(String::new())), []);
    assert_eq!(
        filter(&|f| {
            f.since = Some(UnixMicros(1_500_000_000_000_020));
            f.until = Some(UnixMicros(1_500_000_000_000_023));
            f.link = Some("bank-a".to_owned());
        }),
        [22, 21, 20]
    );
    // A text is a value and never part of the question.
    assert_eq!(filter(&|f| f.terminal = Some("' OR '1'='1".to_owned())), []);
}

#[test]
fn a_transaction_is_told_with_what_became_of_it() {
    let directory = tempfile::tempdir().unwrap();
    let reader = reader(directory.path());
    let filter = Filter {
        tx: Some(50),
        ..Filter::default()
    };
    let rows = reader.transactions(&filter, 10).unwrap();
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0].state, "failed");
    assert_eq!(rows[0].cause, "timeout");
    assert_eq!(rows[0].masked_pan, "411111******1111");
    assert_eq!(rows[0].amount, Some(50));

    let filter = ObligationFilter {
        tx: Some(50),
        kind: Some(ObligationKind::Advice),
        ..ObligationFilter::default()
    };
    let rows = reader.obligations(&filter, 10).unwrap();
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0].state, "expired");
    assert_eq!(rows[0].attempts, 5);
}

#[test]
fn what_waits_and_how_many_there_are() {
    let directory = tempfile::tempdir().unwrap();
    let reader = reader(directory.path());
    let filter = ObligationFilter {
        waiting: true,
        ..ObligationFilter::default()
    };
    let waiting: Vec<_> = reader
        .obligations(&filter, 10)
        .unwrap()
        .iter()
        .map(|row| (row.tx, row.state.clone()))
        .collect();
    assert_eq!(
        waiting,
        [(50, "expired".to_owned()), (100, "dropped".to_owned())][..1]
    );
    let counts = reader.counts().unwrap();
    assert_eq!(
        counts.transactions,
        [
            ("approved".to_owned(), 48),
            ("declined".to_owned(), 50),
            ("failed".to_owned(), 3)
        ]
    );
    assert_eq!(
        counts
            .obligations
            .iter()
            .map(|(_, _, count)| count)
            .sum::<u64>(),
        3
    );
    assert_eq!(counts.unreadable, 0);
}

#[test]
fn records_and_answers_are_read_back() {
    let directory = tempfile::tempdir().unwrap();
    let reader = reader(directory.path());
    let mut seen = 0;
    let mut count = |_: pointsman_journal::RawRecord<'_>| {
        seen += 1;
        match seen {
            5 => std::ops::ControlFlow::Break(()),
            _ => std::ops::ControlFlow::Continue(()),
        }
    };
    reader.records(&mut count).unwrap();
    assert_eq!(seen, 5);
    assert_eq!(reader.answer(1).unwrap().as_deref(), Some(&b"sealed"[..]));
    // Its answer was empty, and there is no such transaction.
    assert_eq!(reader.answer(5).unwrap(), None);
    assert_eq!(reader.answer(5_000).unwrap(), None);
}

#[test]
fn tables_are_read_while_they_are_written() {
    let directory = tempfile::tempdir().unwrap();
    let engine = filled(directory.path(), &batches(&lives(3), &[64]));
    let reader = Reader::open(directory.path()).unwrap();
    assert_eq!(found(&reader, &Filter::default()), [2, 1, 0]);
    drop(engine);
}

#[test]
fn no_tables_are_said_to_be_none() {
    let directory = tempfile::tempdir().unwrap();
    assert!(Reader::open(directory.path()).is_err());
    assert!(!directory.path().join(FILE_NAME).exists());
}

#[test]
fn what_people_did_is_found() {
    let directory = tempfile::tempdir().unwrap();
    let entry = |tx| {
        record(&Event::Audit(Audit {
            at: UnixMicros(1),
            who: "ann",
            action: "drop",
            tx,
            detail: "the bank confirmed by telephone",
        }))
    };
    let history = [entry(Some(7)), entry(None), entry(Some(8))];
    drop(filled(directory.path(), &batches(&history, &[2])));
    let reader = Reader::open(directory.path()).unwrap();
    assert_eq!(reader.audit(None, 10).unwrap().len(), 3);
    let rows = reader.audit(Some(8), 10).unwrap();
    assert_eq!(rows.len(), 1);
    assert_eq!((rows[0].who.as_str(), rows[0].lsn.get()), ("ann", 3));
}

/// The file that readers share cannot be made.
#[test]
fn a_copy_is_read_where_no_file_can_be_made() {
    let directory = tempfile::tempdir().unwrap();
    let copy = directory.path().join("50% of it? #1");
    drop(filled(&copy, &batches(&lives(3), &[64])));
    let in_the_way = copy.join(format!("{FILE_NAME}-shm"));
    std::fs::create_dir(&in_the_way).unwrap();
    let reader = Reader::open(&copy).unwrap();
    assert_eq!(found(&reader, &Filter::default()), [2, 1, 0]);
    drop(reader);

    // With a write-ahead log beside it, which says what the file does not yet.
    let live = directory.path().join("live");
    let engine = filled(&live, &batches(&lives(5), &[64]));
    let copy = directory.path().join("copy");
    std::fs::create_dir_all(copy.join(format!("{FILE_NAME}-shm"))).unwrap();
    for name in [FILE_NAME.to_owned(), format!("{FILE_NAME}-wal")] {
        std::fs::copy(live.join(&name), copy.join(&name)).unwrap();
    }
    drop(engine);
    let reader = Reader::open(&copy).unwrap();
    assert_eq!(found(&reader, &Filter::default()), [4, 3, 2, 1, 0]);
}
