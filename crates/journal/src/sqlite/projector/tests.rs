//! One turn of the thread after the other, without the thread.

use super::*;
use crate::Event;
use crate::event::Withdrawn;
use crate::sqlite::FILE_NAME;
use crate::sqlite::follow::Feed;
use crate::sqlite::schema::{Role, open};

/// Room for some fifty records.
const QUEUE_BYTES: usize = 1_024;

/// A log of as many records as it is said.
struct Log(u64);

fn payload(place: u64) -> (u8, Vec<u8>) {
    let event = Event::Withdrawn(Withdrawn {
        tx: place,
        at: UnixMicros(0),
    });
    let mut payload = Vec::new();
    event.encode(&mut payload);
    (event.kind(), payload)
}

impl Source for Log {
    fn read(
        &mut self,
        from: Lsn,
        visit: &mut dyn FnMut(RawRecord<'_>) -> ControlFlow<()>,
    ) -> io::Result<()> {
        for place in from.get()..=self.0 {
            let (kind, payload) = payload(place);
            let record = RawRecord {
                lsn: Lsn::new(place),
                kind,
                payload: &payload,
            };
            if visit(record).is_break() {
                break;
            }
        }
        Ok(())
    }
}

fn projector(log: u64) -> (tempfile::TempDir, Projector, Feed) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join(FILE_NAME);
    let feed = Feed::new(Lsn::ZERO, QUEUE_BYTES);
    let shared = Arc::new(Shared::new(feed.queue(), Lsn::ZERO));
    let projector = Projector {
        connection: open(&path, Role::Projection, Sync::Normal).unwrap(),
        next: Lsn::new(1),
        queue: feed.queue(),
        source: Box::new(Log(log)),
        retention: None,
        shared,
        wal: directory.path().join("none"),
        care: Care::due(),
        taken: Batch::default(),
        read: Batch::default(),
    };
    (directory, projector, feed)
}

fn batch(first: u64, count: u64) -> Batch {
    let mut batch = Batch::default();
    batch.restart(Lsn::new(first));
    for place in first..first + count {
        let (kind, payload) = payload(place);
        batch.push(kind, |out| out.extend_from_slice(&payload));
    }
    batch
}

fn turn(projector: &mut Projector) -> ControlFlow<()> {
    match projector.turn() {
        Ok(flow) => flow,
        Err(stop) => panic!("{}", stop.reason()),
    }
}

#[test]
fn what_was_missed_is_read_in_the_turn_that_sees_it() {
    let (_directory, mut projector, feed) = projector(30);
    // The first ten were not handed over, and more comes.
    feed.offer(&batch(11, 10));
    feed.offer(&batch(21, 10));
    assert_eq!(turn(&mut projector), ControlFlow::Continue(()));
    assert_eq!(projector.next, Lsn::new(31));
}

/// More than the queue holds, faster than it is emptied, and then silence.
#[test]
fn a_projection_that_was_overrun_reads_the_log() {
    let (_directory, mut projector, feed) = projector(200);
    for first in (1..200).step_by(10) {
        feed.offer(&batch(first, 10));
    }
    assert_eq!(turn(&mut projector), ControlFlow::Continue(()));
    assert_eq!(projector.next, Lsn::new(201));
}

#[test]
fn only_what_was_synced_is_secured() {
    let (_directory, mut projector, feed) = projector(0);
    feed.offer(&batch(1, 10));
    let _ = turn(&mut projector);
    assert_eq!(projector.shared.progress().secured, Lsn::new(10));
    // It will not be due for an hour.
    projector.care.secured_at = Some(Instant::now() + Duration::from_secs(3_600));
    feed.offer(&batch(11, 10));
    let _ = turn(&mut projector);
    let progress = projector.shared.progress();
    assert_eq!(
        (progress.applied, progress.secured),
        (Lsn::new(20), Lsn::new(10))
    );
    projector.care.secured_at = None;
    projector
        .look_after()
        .map_err(|stop| stop.reason())
        .unwrap();
    assert_eq!(projector.shared.progress().secured, Lsn::new(20));
}

#[test]
fn what_was_handed_over_is_applied_before_the_end() {
    let (_directory, mut projector, feed) = projector(0);
    for first in [1, 11, 21] {
        feed.offer(&batch(first, 10));
    }
    projector.shared.close();
    assert_eq!(turn(&mut projector), ControlFlow::Break(()));
    let progress = projector.shared.progress();
    assert_eq!(
        (progress.applied, progress.secured),
        (Lsn::new(30), Lsn::new(30))
    );
}
