//! The queue and its thread, with engines of every temper.

use std::io;
use std::sync::mpsc;
use std::sync::{Arc, Mutex};

use super::{AppendError, Health, Journal, JournalOptions};
use crate::limits::{BATCH_BYTES_MAX, BATCH_RECORDS_MAX, RECORD_BYTES_MAX};
use crate::{Batch, CommitError, Engine, Lsn, Space};

/// An engine that commits when it is told to.
struct Told {
    next: Lsn,
    orders: mpsc::Receiver<Result<(), CommitError>>,
    seen: Arc<Mutex<Seen>>,
}

#[derive(Default)]
struct Seen {
    batches: Vec<Vec<(u64, u8, usize)>>,
    closed: bool,
    low: bool,
}

impl Engine for Told {
    fn next(&self) -> Lsn {
        self.next
    }

    fn commit(&mut self, batch: &Batch) -> Result<(), CommitError> {
        assert_eq!(batch.first(), self.next);
        self.orders.recv().unwrap_or(Ok(()))?;
        self.next = batch.end();
        self.seen.lock().unwrap().batches.push(
            batch
                .records()
                .map(|record| (record.lsn.get(), record.kind, record.payload.len()))
                .collect(),
        );
        Ok(())
    }

    fn space(&self) -> Space {
        if self.seen.lock().unwrap().low {
            Space::Low
        } else {
            Space::Plenty
        }
    }

    fn tick(&mut self) -> Result<(), CommitError> {
        Ok(())
    }

    fn close(&mut self) -> Result<(), CommitError> {
        self.seen.lock().unwrap().closed = true;
        Ok(())
    }

    fn record_bytes_max(&self) -> usize {
        RECORD_BYTES_MAX
    }
}

struct Stage {
    journal: Journal,
    orders: mpsc::Sender<Result<(), CommitError>>,
    seen: Arc<Mutex<Seen>>,
}

fn stage(options: JournalOptions) -> Stage {
    let (orders, receiver) = mpsc::channel();
    let seen = Arc::new(Mutex::new(Seen::default()));
    let engine = Told {
        next: Lsn::new(1),
        orders: receiver,
        seen: Arc::clone(&seen),
    };
    Stage {
        journal: Journal::start(Box::new(engine), options).unwrap(),
        orders,
        seen,
    }
}

impl Stage {
    fn append(&self, bytes: usize) -> Result<Lsn, AppendError> {
        self.journal
            .append(1, |payload| payload.resize(payload.len() + bytes, 7))
    }

    /// Waits until the writer has taken what was queued.
    fn taken(&self) {
        while self.journal.stats().queued_bytes > 0 {
            std::thread::yield_now();
        }
    }

    fn durable(&self, lsn: u64) {
        let mut mark = self.journal.mark();
        runtime().block_on(async {
            mark.wait_for(|mark| mark.durable >= Lsn::new(lsn))
                .await
                .expect("the journal is alive");
        });
    }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap()
}

#[test]
fn a_batch_is_what_came_while_the_last_one_was_synced() {
    let stage = stage(JournalOptions::default());
    stage.append(10).unwrap();
    stage.taken();
    for _ in 0..5 {
        stage.append(10).unwrap();
    }
    assert_eq!(stage.journal.mark().borrow().durable, Lsn::ZERO);
    stage.orders.send(Ok(())).unwrap();
    stage.durable(1);
    stage.orders.send(Ok(())).unwrap();
    stage.durable(6);
    let seen = stage.seen.lock().unwrap();
    assert_eq!(
        seen.batches.iter().map(Vec::len).collect::<Vec<_>>(),
        [1, 5]
    );
}

#[test]
fn a_long_queue_is_cut_into_batches() {
    let stage = stage(JournalOptions::default());
    stage.append(0).unwrap();
    stage.taken();
    for _ in 0..2 * BATCH_RECORDS_MAX + 1 {
        stage.append(0).unwrap();
    }
    for _ in 0..12 {
        stage.append(200_000).unwrap();
    }
    let Stage {
        journal,
        orders,
        seen,
    } = stage;
    drop(orders);
    let mark = journal.close();
    assert_eq!(mark.durable, Lsn::new(2 * 1024 + 14));
    let seen = seen.lock().unwrap();
    let mut next = 1;
    for batch in &seen.batches {
        assert!(batch.len() <= BATCH_RECORDS_MAX);
        assert!(batch.iter().map(|record| record.2).sum::<usize>() <= BATCH_BYTES_MAX);
        for record in batch {
            assert_eq!(record.0, next);
            next += 1;
        }
    }
    assert_eq!(seen.batches.len(), 1 + 3 + 2);
}

#[test]
fn a_queue_that_is_full_refuses_and_takes_again() {
    let stage = stage(JournalOptions {
        queue_bytes_max: 1000,
        ..JournalOptions::default()
    });
    stage.append(10).unwrap();
    stage.taken();
    for _ in 0..2 {
        stage.append(476).unwrap();
    }
    assert_eq!(stage.append(1), Err(AppendError::Full));
    stage.orders.send(Ok(())).unwrap();
    stage.taken();
    assert_eq!(stage.append(1), Ok(Lsn::new(4)));
    drop(stage.orders);
}

#[test]
fn a_record_that_is_too_long_leaves_no_trace() {
    let stage = stage(JournalOptions::default());
    let bytes = RECORD_BYTES_MAX + 1;
    let most = RECORD_BYTES_MAX;
    let mut appender = stage.journal.appender().unwrap();
    let first = appender.append(1, |payload| payload.push(1)).unwrap();
    let long = appender.append(2, |payload| payload.resize(payload.len() + bytes, 0));
    assert_eq!(long, Err(AppendError::TooLong { bytes, most }));
    let second = appender.append(3, |payload| payload.push(2)).unwrap();
    drop(appender);
    assert_eq!(second, first.next());
    drop(stage.orders);
    stage.journal.close();
    let records = stage.seen.lock().unwrap().batches.concat();
    assert_eq!(records, [(1, 1, 1), (2, 3, 1)]);
}

#[test]
fn records_of_one_appender_follow_one_another() {
    let stage = stage(JournalOptions::default());
    drop(stage.orders);
    let journal = &stage.journal;
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..1000 {
                    let mut appender = journal.appender().unwrap();
                    let next = appender.next();
                    let first = appender.append(1, |payload| payload.push(0)).unwrap();
                    let second = appender.append(2, |payload| payload.push(0)).unwrap();
                    assert_eq!((first, second), (next, next.next()));
                }
            });
        }
    });
    assert_eq!(journal.close().durable, Lsn::new(8000));
    let kinds: Vec<u8> = stage
        .seen
        .lock()
        .unwrap()
        .batches
        .concat()
        .iter()
        .map(|record| record.1)
        .collect();
    assert_eq!(kinds, [1, 2].repeat(4000));
}

#[test]
fn after_an_error_nothing_is_promised_and_nothing_tried_again() {
    let stage = stage(JournalOptions::default());
    stage.append(1).unwrap();
    stage.orders.send(Ok(())).unwrap();
    stage.durable(1);
    stage.append(1).unwrap();
    stage.taken();
    stage.append(1).unwrap();
    stage
        .orders
        .send(Err(io::Error::other("the cable is out").into()))
        .unwrap();
    // Not asked for any more, unless something is tried again.
    let _ = stage.orders.send(Ok(()));
    let mut mark = stage.journal.mark();
    runtime().block_on(async {
        mark.wait_for(|mark| mark.health == Health::Failed)
            .await
            .expect("the journal is alive");
    });
    assert_eq!(stage.append(1), Err(AppendError::Stopped));
    let mark = stage.journal.close();
    assert_eq!((mark.durable, mark.health), (Lsn::new(1), Health::Failed));
    let failure = stage.journal.failure().expect("it failed");
    assert_eq!(failure, "cannot write the journal: the cable is out");
    let seen = stage.seen.lock().unwrap();
    assert_eq!((seen.batches.len(), seen.closed), (1, false));
}

#[test]
fn an_engine_that_panics_is_a_failure() {
    struct Panics;
    impl Engine for Panics {
        fn next(&self) -> Lsn {
            Lsn::new(1)
        }
        fn commit(&mut self, _: &Batch) -> Result<(), CommitError> {
            panic!("a mistake of the engine");
        }
        fn space(&self) -> Space {
            Space::Plenty
        }
        fn tick(&mut self) -> Result<(), CommitError> {
            Ok(())
        }
        fn close(&mut self) -> Result<(), CommitError> {
            Ok(())
        }
        fn record_bytes_max(&self) -> usize {
            RECORD_BYTES_MAX
        }
    }
    let journal = Journal::start(Box::new(Panics), JournalOptions::default()).unwrap();
    journal.append(1, |_| {}).unwrap();
    assert_eq!(journal.close().health, Health::Failed);
    assert!(journal.failure().is_some());
}

#[test]
fn a_writer_that_panics_over_a_record_stops_the_journal() {
    let stage = stage(JournalOptions::default());
    let journal = stage.journal.clone();
    let panicked = std::thread::spawn(move || {
        journal.append(1, |payload| {
            payload.push(1);
            panic!("half a record");
        })
    });
    assert!(panicked.join().is_err());
    assert_eq!(stage.append(1), Err(AppendError::Stopped));
    assert_eq!(stage.journal.close().health, Health::Failed);
    assert!(stage.seen.lock().unwrap().batches.is_empty());
}

#[test]
fn the_last_handle_commits_what_is_queued() {
    let stage = stage(JournalOptions::default());
    let other = stage.journal.clone();
    stage.append(1).unwrap();
    stage.taken();
    stage.append(2).unwrap();
    stage.append(3).unwrap();
    let Stage {
        journal,
        orders,
        seen,
    } = stage;
    drop(journal);
    drop(orders);
    drop(other);
    let seen = seen.lock().unwrap();
    assert_eq!(seen.batches.concat().len(), 3);
    assert!(seen.closed);
}

#[test]
fn a_closed_journal_takes_nothing() {
    let stage = stage(JournalOptions::default());
    drop(stage.orders);
    let mark = stage.journal.close();
    assert_eq!((mark.durable, mark.health), (Lsn::ZERO, Health::Good));
    assert_eq!(stage.journal.append(1, |_| {}), Err(AppendError::Stopped));
    assert_eq!(stage.journal.close(), mark);
}

#[test]
fn the_mark_tells_that_space_is_low_and_that_it_is_back() {
    let stage = stage(JournalOptions::default());
    let mut mark = stage.journal.mark();
    stage.seen.lock().unwrap().low = true;
    stage.append(1).unwrap();
    stage.orders.send(Ok(())).unwrap();
    stage.durable(1);
    assert_eq!(stage.journal.health(), Health::SpaceLow);
    // Nothing is appended in the meantime: nothing new may start.
    stage.seen.lock().unwrap().low = false;
    runtime().block_on(async {
        mark.wait_for(|mark| mark.health == Health::Good && mark.durable == Lsn::new(1))
            .await
            .expect("the journal is alive");
    });
}

#[test]
fn followers_see_what_is_durable_in_order() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let follower = Arc::clone(&seen);
    let stage = stage(JournalOptions {
        follow: Some(Box::new(move |batch| {
            let lsns = batch.records().map(|record| record.lsn.get());
            follower.lock().unwrap().extend(lsns);
        })),
        ..JournalOptions::default()
    });
    let Stage {
        journal, orders, ..
    } = stage;
    drop(orders);
    for _ in 0..5000 {
        journal.append(1, |payload| payload.push(0)).unwrap();
    }
    journal.close();
    assert_eq!(*seen.lock().unwrap(), (1..=5000).collect::<Vec<u64>>());
    let stats = journal.stats();
    assert_eq!((stats.records, stats.payload_bytes), (5000, 5000));
    assert!(
        stats.commits >= 5 && stats.running_commit.is_none(),
        "{stats:?}"
    );
}
