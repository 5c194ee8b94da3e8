//! How far back records are kept that nothing open needs: for repeats, reversals and limits that a restart must know.

use std::path::PathBuf;
use std::time::Duration;

use pointsman_journal::event::{Event, UnixMicros};
use pointsman_journal::log::{LogHandle, Record};
use pointsman_journal::sqlite::Reader;
use pointsman_journal::{Lsn, free_bytes};

use crate::settings::JournalSettings;

/// A record with its share of everything.
const RECORD_BYTES_USUAL: u64 = 512;

/// So many segments' worth of the disk is left to the tables and to others, as long as something can be given for it that
/// nobody needs: with 64 MiB each, more than is written between two rounds of tidying.
const HEADROOM_SEGMENTS: u64 = 4;

/// For how long records are kept, and how much of them at most.
#[derive(Clone, Debug)]
pub(super) struct Keep {
    directory: PathBuf,
    period: Duration,
    bytes_max: u64,
    segment_bytes: u64,
}

impl Keep {
    pub(super) fn new(settings: &JournalSettings) -> Keep {
        Keep {
            directory: settings.directory.clone(),
            period: settings.keep,
            bytes_max: settings.keep_bytes_max,
            segment_bytes: settings.segment_bytes.max(1),
        }
    }

    /// The first record that a log keeps, if nothing needs an earlier one. How old a segment is, its records say.
    pub(super) fn in_log(&self, handle: &LogHandle, now: UnixMicros) -> Lsn {
        let segments = handle.segments();
        let begun = |segment: usize| {
            let record = handle.read(*segments.get(segment)?).ok().flatten();
            record.as_ref().and_then(written_at)
        };
        let old = segments_before(segments.len(), begun, self.oldest(now));
        let too_many = segments.len().saturating_sub(self.segments_max());
        let released = old.max(too_many).max(self.segments_short());
        // The last one is being written.
        segments
            .get(released.min(segments.len().saturating_sub(1)))
            .copied()
            .unwrap_or(handle.end())
    }

    /// The first record that tables alone keep, if nothing needs an earlier one. They keep what records said, and of the
    /// records as many as a log of this size would have.
    pub(super) fn in_store(&self, reader: &Reader, now: UnixMicros) -> Result<Lsn, String> {
        let failed = |error| reader.failed()(error).to_string();
        let last = reader.applied().map_err(failed)?;
        let record = |from: Lsn| reader.record_from(from).map_err(failed);
        let Some(first) = record(Lsn::ZERO)? else {
            return Ok(last.next());
        };
        let begun = |at: Lsn| record(at).map(|record| record.as_ref().and_then(written_at));
        let old = first_since(first.lsn..last.next(), begun, self.oldest(now))?;
        let records_max = self.bytes_max / RECORD_BYTES_USUAL;
        Ok(old.max(Lsn::new(last.get().saturating_sub(records_max))))
    }

    /// What was written before this is old.
    fn oldest(&self, now: UnixMicros) -> UnixMicros {
        let period = i64::try_from(self.period.as_micros()).unwrap_or(i64::MAX);
        UnixMicros(now.0.saturating_sub(period))
    }

    fn segments_max(&self) -> usize {
        usize::try_from(self.bytes_max / self.segment_bytes)
            .unwrap_or(usize::MAX)
            .max(1)
    }

    /// For how many segments the disk has too little room.
    fn segments_short(&self) -> usize {
        let wanted = self.segment_bytes.saturating_mul(HEADROOM_SEGMENTS);
        let free = free_bytes(&self.directory).unwrap_or(wanted);
        let short = wanted.saturating_sub(free).div_ceil(self.segment_bytes);
        usize::try_from(short).unwrap_or(usize::MAX)
    }
}

fn written_at(record: &Record) -> Option<UnixMicros> {
    let event = Event::decode(record.kind, &record.payload).ok()?;
    Some(event.at())
}

/// How many segments, the oldest first, hold nothing that was written since `oldest`: the next one was begun before that.
/// One that does not say when it was begun is as old as its neighbours.
fn segments_before(
    segments: usize,
    begun: impl Fn(usize) -> Option<UnixMicros>,
    oldest: UnixMicros,
) -> usize {
    let mut before = 0;
    for segment in 1..segments {
        match begun(segment) {
            Some(at) if at <= oldest => before = segment,
            Some(_) => break,
            None => {}
        }
    }
    before
}

/// The first of the records that was written since `oldest`, or a later one if the clock was put back; their end if all are
/// older.
fn first_since<E>(
    records: std::ops::Range<Lsn>,
    written_at: impl Fn(Lsn) -> Result<Option<UnixMicros>, E>,
    oldest: UnixMicros,
) -> Result<Lsn, E> {
    let (mut first, mut end) = (records.start.get(), records.end.get());
    while first < end {
        let middle = first.midpoint(end);
        if written_at(Lsn::new(middle))?.is_some_and(|at| at < oldest) {
            first = middle + 1;
        } else {
            end = middle;
        }
    }
    Ok(Lsn::new(first))
}

#[cfg(test)]
mod tests {
    use std::ops::ControlFlow;
    use std::path::Path;
    use std::sync::Arc;

    use pointsman_journal::event::Audit;
    use pointsman_journal::log::{LogEngine, LogOptions, Prepare};
    use pointsman_journal::sqlite::{SqliteEngine, SqliteOptions};
    use pointsman_journal::vfs::RealFs;
    use pointsman_journal::{Batch, Engine};

    use super::*;

    const SEGMENT_BYTES: u64 = 4_096;

    fn keep(directory: &Path, seconds: u64, segments: u64) -> Keep {
        Keep::new(&JournalSettings {
            segment_bytes: SEGMENT_BYTES,
            keep: Duration::from_secs(seconds),
            keep_bytes_max: segments * SEGMENT_BYTES,
            ..JournalSettings::new(directory.to_path_buf())
        })
    }

    /// One record for each second, from second 0 on.
    fn fill(engine: &mut dyn Engine, seconds: i64) {
        let mut batch = Batch::default();
        for second in 0..seconds {
            batch.restart(engine.next());
            let event = Event::Audit(Audit {
                at: UnixMicros(second * 1_000_000),
                who: "ann",
                action: "look",
                tx: None,
                detail: "",
            });
            batch.push(event.kind(), |out| event.encode(out));
            engine.commit(&batch).unwrap();
        }
    }

    fn open_log(directory: &Path) -> LogEngine {
        let options = LogOptions {
            segment_bytes: SEGMENT_BYTES,
            prepare: Prepare::Inline,
            ..LogOptions::default()
        };
        LogEngine::open(Arc::new(RealFs), directory, options, &mut |_| {
            ControlFlow::Continue(())
        })
        .unwrap()
    }

    #[test]
    fn a_log_that_is_opened_again_knows_how_old_its_segments_are() {
        let directory = tempfile::tempdir().unwrap();
        fill(&mut open_log(directory.path()), 600);
        let log = open_log(directory.path());
        let handle = log.handle();
        let segments = handle.segments();
        assert!(segments.len() > 5, "{segments:?}");
        let kept = |seconds, most| {
            let now = UnixMicros(600 * 1_000_000);
            keep(directory.path(), seconds, most).in_log(&handle, now)
        };
        assert_eq!(kept(600, 1_000), Lsn::new(1));
        for seconds in [50, 100, 300, 500] {
            // Record n was written in second n - 1: all of the last so many seconds are there, and no segment more.
            let first = kept(seconds, 1_000);
            let wanted = Lsn::new(601 - seconds);
            assert!(first <= wanted, "{seconds} s: {first}");
            let next = segments.iter().find(|segment| **segment > first);
            assert!(
                next.is_none_or(|next| *next > wanted),
                "{seconds} s: {first}"
            );
        }
        // Too much of it is worse than too short a time.
        assert_eq!(kept(600, 3), segments[segments.len() - 3]);
        // What is being written stays in any case.
        let last = *segments.last().unwrap();
        assert_eq!(kept(0, 1), last);
        assert_eq!(
            keep(directory.path(), 1, 1_000).in_log(&handle, UnixMicros(i64::MAX)),
            last
        );
    }

    #[test]
    fn tables_alone_keep_the_records_of_the_same_time() {
        let directory = tempfile::tempdir().unwrap();
        let mut engine =
            SqliteEngine::open(directory.path(), SqliteOptions::default(), &mut |_| {
                ControlFlow::Continue(())
            })
            .unwrap();
        let kept = |seconds, most| {
            let reader = Reader::open(directory.path()).unwrap();
            let now = UnixMicros(600 * 1_000_000);
            keep(directory.path(), seconds, most).in_store(&reader, now)
        };
        assert_eq!(kept(60, 1_000), Ok(Lsn::new(1)));
        fill(&mut engine, 600);
        assert_eq!(kept(600, 1_000), Ok(Lsn::new(1)));
        assert_eq!(kept(60, 1_000), Ok(Lsn::new(541)));
        assert_eq!(kept(0, 1_000), Ok(Lsn::new(601)));
        // 8 records of the usual size.
        assert_eq!(kept(600, 1), Ok(Lsn::new(592)));
    }

    fn before(begun: &[Option<i64>], oldest: i64) -> usize {
        let begun_at = |segment: usize| begun[segment].map(UnixMicros);
        segments_before(begun.len(), begun_at, UnixMicros(oldest))
    }

    #[test]
    fn a_segment_is_as_old_as_its_last_record() {
        let begun = [Some(0), Some(10), Some(20), Some(30)];
        // Segment 0 ends where segment 1 begins, at 10.
        assert_eq!(before(&begun, 9), 0);
        assert_eq!(before(&begun, 10), 1);
        assert_eq!(before(&begun, 29), 2);
        // The one that is being written stays, however old its first record is.
        assert_eq!(before(&begun, 1_000), 3);
        assert_eq!(before(&[], 1_000), 0);
        assert_eq!(before(&begun[..1], 1_000), 0);
    }

    #[test]
    fn what_does_not_say_when_it_was_written_goes_with_its_neighbours() {
        assert_eq!(before(&[Some(0), None, Some(20), Some(30)], 25), 2);
        assert_eq!(before(&[Some(0), None, Some(20), Some(30)], 15), 0);
        assert_eq!(before(&[None, None], 1_000), 0);
    }

    #[test]
    fn a_clock_that_was_ahead_keeps_and_does_not_lose() {
        assert_eq!(before(&[Some(0), Some(900), Some(10), Some(20)], 15), 0);
    }

    #[test]
    fn the_first_young_record_is_found() {
        let times: Vec<i64> = (0..100).map(|number| number * 10).collect();
        let at = |lsn: Lsn| Ok::<_, ()>(Some(UnixMicros(times[lsn.get() as usize - 1])));
        for (oldest, first) in [(-5, 1), (0, 1), (1, 2), (500, 51), (505, 52), (5_000, 101)] {
            let found = first_since(Lsn::new(1)..Lsn::new(101), at, UnixMicros(oldest));
            assert_eq!(found, Ok(Lsn::new(first)), "{oldest}");
        }
        // Part of them are gone already.
        let found = first_since(Lsn::new(40)..Lsn::new(101), at, UnixMicros(0));
        assert_eq!(found, Ok(Lsn::new(40)));
        let found = first_since(Lsn::new(7)..Lsn::new(7), at, UnixMicros(0));
        assert_eq!(found, Ok(Lsn::new(7)));
    }
}
