//! One test for each rule of the log.

use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;

use super::super::shared::{Room, segment_path};
use super::super::state::{Found, StateFile};
use super::super::{Damage, End, Fault, LogEngine, LogOptions, OpenError, Prepare, scan};
use super::{Kept, batch, commit, contents, directory, open, open_with, options};
use crate::vfs::{SimFs, Vfs};
use crate::{CommitError, Durability, Engine, Lsn, Space};

fn segment(number: u64) -> PathBuf {
    segment_path(directory(), number)
}

/// Three batches of three records, closed in order.
fn written(fs: &SimFs) -> Vec<Kept> {
    let (mut log, _) = open(fs);
    let all = [
        commit(&mut log, 3),
        commit(&mut log, 3),
        commit(&mut log, 3),
    ];
    log.close().expect("it is closed");
    all.concat()
}

/// Many segments.
fn written_long(fs: &SimFs) -> Vec<Kept> {
    let (mut log, _) = open(fs);
    let all: Vec<Kept> = (0..60).flat_map(|_| commit(&mut log, 10)).collect();
    log.close().expect("it is closed");
    all
}

fn fault(fs: &SimFs) -> Fault {
    match open_with(fs, options()) {
        Err(OpenError::Damaged(fault)) => fault,
        Err(error) => panic!("{error}"),
        Ok((_, kept)) => panic!("it opened with {} records", kept.len()),
    }
}

#[test]
fn a_log_gives_back_what_was_committed_and_goes_on() {
    let fs = SimFs::new(1);
    let first = written(&fs);
    let (mut log, kept) = open(&fs);
    assert_eq!(kept, first);
    assert_eq!(log.recovered().records, 9);
    assert_eq!(log.recovered().first, Lsn::new(1));
    assert_eq!(log.next(), Lsn::new(10));
    let second = commit(&mut log, 2);
    drop(log);
    assert_eq!(open(&fs).1, [first, second].concat());
}

#[test]
fn a_batch_is_one_write_and_one_sync() {
    let fs = SimFs::new(1);
    let (mut log, _) = open(&fs);
    // The first one also writes down that a segment was begun.
    commit(&mut log, 3);
    let (writes, syncs) = (fs.writes(), fs.syncs());
    commit(&mut log, 50);
    assert_eq!((fs.writes() - writes, fs.syncs() - syncs), (1, 1));
}

#[test]
fn segments_are_written_with_zeros_before_they_have_their_name() {
    let fs = SimFs::new(1);
    let (log, _) = open(&fs);
    for number in 1..=3 {
        assert_eq!(fs.contents(&segment(number)), Some(vec![0; 4096]));
    }
    assert_eq!(fs.contents(&segment(4)), None);
    drop(log);
    // Nothing of that depends on something not synced.
    fs.crash();
    assert_eq!(fs.contents(&segment(3)), Some(vec![0; 4096]));
}

#[test]
fn a_batch_may_be_longer_than_a_segment() {
    let fs = SimFs::new(1);
    let (mut log, _) = open(&fs);
    let long = batch(log.next(), 100, 200);
    log.commit(&long).expect("it is committed");
    drop(log);
    let (log, kept) = open(&fs);
    assert_eq!(kept, contents(&long));
    assert!(log.recovered().segments > 3);
}

#[test]
fn a_record_longer_than_a_segment_is_refused_and_not_half_written() {
    let fs = SimFs::new(1);
    let (mut log, _) = open(&fs);
    let most = log.record_bytes_max();
    log.commit(&batch(log.next(), 1, most)).expect("it fits");
    let result = log.commit(&batch(log.next(), 1, most + 8));
    assert!(matches!(result, Err(CommitError::Io(_))), "{result:?}");
}

#[test]
fn what_was_being_written_is_wiped_and_never_comes_back() {
    let fs = SimFs::new(1);
    let before = written(&fs);
    let (mut log, _) = open(&fs);
    // Stops in the middle of writing many sectors.
    let at = fs.operations() + 1;
    fs.set_faults(|faults| faults.crash_at = Some(at));
    let torn = batch(log.next(), 20, 100);
    assert!(log.commit(&torn).is_err());
    drop(log);
    fs.kill();
    let (mut log, kept) = open(&fs);
    assert!(kept.starts_with(&before) && kept.len() < before.len() + 20);
    assert!(log.recovered().wiped_bytes > 0, "{:?}", log.recovered());
    // The same records again, so that they fit to what stood behind: only they are found.
    let again = batch(log.next(), 1, 100);
    log.commit(&again).expect("it is committed");
    drop(log);
    fs.crash();
    let (_, now) = open(&fs);
    assert_eq!(now, [kept, contents(&again)].concat());
}

#[test]
fn records_of_a_segments_earlier_life_are_not_found() {
    let fs = SimFs::new(1);
    let (mut log, _) = open(&fs);
    let handle = log.handle();
    let mut written = Vec::new();
    // Goes around several times, and ends with little in a segment full of old records.
    for _ in 0..100 {
        written.extend(commit(&mut log, 10));
        handle.release(log.next()).expect("it is released");
    }
    drop(log);
    assert!(fs.paths().len() < 10, "{:?}", fs.paths());
    let (log, kept) = open(&fs);
    assert!(!kept.is_empty() && written.ends_with(&kept));
    assert_eq!(log.next(), Lsn::new(1001));
}

#[test]
fn a_broken_record_with_later_ones_behind_it_is_damage() {
    let fs = SimFs::new(1);
    written(&fs);
    let bytes = fs.contents(&segment(1)).expect("it is there");
    let record = 24 + 24; // 20 bytes of payload, padded
    // In the second batch, in whatever part of the record.
    for byte in 0..record {
        let offset = 64 + 4 * record + byte;
        fs.flip(&segment(1), offset, 3);
        assert_eq!(
            fault(&fs),
            Fault {
                path: segment(1),
                segment: 1,
                offset: 64 + 4 * record,
                lsn: Lsn::new(5),
                damage: Damage::Record { later: Lsn::new(7) },
            }
        );
        fs.flip(&segment(1), offset, 3);
    }
    // A lost sector, too; and looking at it has changed nothing.
    assert_eq!(fs.contents(&segment(1)), Some(bytes));
    let text = fault_text(&fs);
    for part in [
        "0000000000000001.segment",
        "byte 256",
        "record 5",
        "record 7",
    ] {
        assert!(text.contains(part), "{text}");
    }
}

#[test]
fn a_broken_last_record_is_damage_once_it_is_known_to_have_been_synced() {
    for closed in [false, true] {
        let fs = SimFs::new(1);
        let (mut log, _) = open(&fs);
        let first = commit(&mut log, 3);
        commit(&mut log, 1);
        if closed {
            log.close().expect("it is closed");
        }
        drop(log);
        fs.flip(&segment(1), 64 + 3 * 48 + 30, 0);
        if closed {
            let found = fault(&fs);
            let durable = Lsn::new(5);
            assert_eq!(
                (found.lsn, found.damage),
                (Lsn::new(4), Damage::Lost { durable })
            );
        } else {
            // It might have been in the middle of being written.
            assert_eq!(open(&fs).1, first);
        }
    }
}

fn fault_text(fs: &SimFs) -> String {
    fs.flip(&segment(1), 64 + 4 * 48 + 30, 0);
    let text = match open_with(fs, options()) {
        Err(error) => error.to_string(),
        Ok(_) => String::new(),
    };
    fs.flip(&segment(1), 64 + 4 * 48 + 30, 0);
    text
}

#[test]
fn a_broken_record_before_another_segment_is_damage() {
    let fs = SimFs::new(1);
    written_long(&fs);
    fs.flip(&segment(2), 4000, 0);
    let fault = fault(&fs);
    assert_eq!(
        (fault.segment, &fault.damage),
        (2, &Damage::Ended { later: 3 })
    );
}

#[test]
fn segments_that_are_missing_empty_or_of_other_logs_are_damage() {
    let fs = SimFs::new(1);
    written_long(&fs);
    let last = (1..)
        .take_while(|number| {
            fs.contents(&segment(*number))
                .is_some_and(|bytes| bytes[0] != 0)
        })
        .last()
        .expect("there are some");
    for number in [1, 2, last] {
        let bytes = fs.contents(&segment(number)).expect("it is there");
        fs.take(&segment(number));
        let found = fault(&fs);
        assert_eq!((found.segment, &found.damage), (number, &Damage::Missing));
        fs.place(&segment(number), &[0; 4096]);
        assert_eq!(fault(&fs).damage, Damage::Missing, "{number} is empty");
        let other = fs.contents(&segment(3)).expect("it is there");
        fs.place(&segment(number), &other);
        assert_eq!(fault(&fs).damage, Damage::Number { found: 3 });
        fs.place(&segment(number), &bytes);
        fs.flip(&segment(number), 33, 1);
        assert_eq!(fault(&fs).damage, Damage::Head);
        fs.flip(&segment(number), 33, 1);
    }
    assert_eq!(open(&fs).1.len(), 600);
}

#[test]
fn a_segment_that_is_shorter_than_it_was_is_damage() {
    let fs = SimFs::new(1);
    let (mut log, _) = open(&fs);
    for _ in 0..5 {
        commit(&mut log, 3);
    }
    // Not closed: nothing else says that there were more records.
    drop(log);
    let bytes = fs.contents(&segment(1)).expect("it is there");
    fs.place(&segment(1), &bytes[..300]);
    let expected = 4096;
    assert_eq!(
        fault(&fs).damage,
        Damage::Short {
            found: 300,
            expected
        }
    );
}

#[test]
fn a_segment_of_an_older_copy_is_damage() {
    let fs = SimFs::new(1);
    let other = SimFs::new(2);
    written_long(&fs);
    let (mut log, _) = open(&other);
    // The same places, other contents.
    for _ in 0..60 {
        let mut batch = crate::Batch::default();
        batch.restart(log.next());
        for _ in 0..10 {
            batch.push(9, |payload| payload.extend([7; 20]));
        }
        log.commit(&batch).expect("it is committed");
    }
    let foreign = other.contents(&segment(3)).expect("it is there");
    fs.place(&segment(3), &foreign);
    let found = fault(&fs);
    assert_eq!(
        (found.segment, found.damage),
        (2, Damage::NotContinued { later: 3 })
    );
}

#[test]
fn files_that_no_record_was_promised_in_are_put_away() {
    let fs = SimFs::new(1);
    let all = written(&fs);
    // Segment 2 was torn in its first write, and 9 follows nothing.
    let mut torn = vec![0; 4096];
    torn[..30].copy_from_slice(&fs.contents(&segment(1)).expect("it is there")[..30]);
    fs.place(&segment(2), &torn);
    fs.place(&segment(9), &[0; 4096]);
    fs.place(&directory().join("prepare.tmp"), &[0; 100]);
    let (mut log, kept) = open(&fs);
    assert_eq!(kept, all);
    assert_eq!(fs.contents(&segment(9)), None);
    assert_eq!(fs.contents(&directory().join("prepare.tmp")), None);
    let more = commit(&mut log, 150);
    drop(log);
    assert_eq!(open(&fs).1, [all, more].concat());
}

/// A slot was torn, the sync of the next one failed, and the power goes while the other is written.
#[test]
fn the_state_is_not_lost_with_both_its_slots() {
    let state = directory().join("state");
    for seed in 0..300 {
        let fs = SimFs::new(seed);
        StateFile::create(&fs, directory()).expect("it is made");
        let (mut file, found) = StateFile::open(&fs, directory()).expect("it opens");
        let Found::Sound(first) = found else {
            panic!("{found:?}");
        };
        // The second slot is broken on the disk.
        file.write(first).expect("it is written");
        fs.flip(&state, 4096 + 20, 0);
        let (mut file, _) = StateFile::open(&fs, directory()).expect("it opens");
        let syncs = fs.syncs();
        fs.set_faults(|faults| faults.sync_error_at = Some(syncs + 2));
        assert!(file.write(first).is_err());
        fs.kill();
        let (mut file, _) = StateFile::open(&fs, directory()).expect("it opens");
        let operations = fs.operations();
        fs.set_faults(|faults| faults.crash_at = Some(operations + 1 + seed % 4));
        let _ = file.write(first);
        fs.crash();
        let (_, found) = StateFile::open(&fs, directory()).expect("it opens");
        assert!(
            matches!(found, Found::Sound(_) | Found::Older(_)),
            "seed {seed}: {found:?}"
        );
    }
}

#[test]
fn the_state_is_needed_and_one_of_its_slots_is_enough() {
    let fs = SimFs::new(1);
    let all = written(&fs);
    let state = directory().join("state");
    let epoch = open(&fs).0.epoch();
    for offset in [20, 4096 + 20] {
        let bytes = fs.contents(&state).expect("it is there");
        fs.flip(&state, offset, 0);
        let (log, kept) = open(&fs);
        assert_eq!(kept, all);
        assert!(log.epoch() > epoch);
        drop(log);
        fs.place(&state, &bytes);
    }
    fs.flip(&state, 20, 0);
    fs.flip(&state, 4096 + 20, 0);
    assert_eq!(fault(&fs).damage, Damage::State);
    fs.take(&state);
    assert_eq!(fault(&fs).damage, Damage::State);
}

#[test]
fn logs_of_other_nodes_and_newer_programs_are_refused() {
    let fs = SimFs::new(1);
    written(&fs);
    let other = LogOptions {
        node: 8,
        ..options()
    };
    let error = open_with(&fs, other).expect_err("it is refused");
    assert!(matches!(
        error,
        OpenError::OtherNode {
            found: 7,
            expected: 8,
            ..
        }
    ));
    let mut bytes = fs.contents(&segment(1)).expect("it is there");
    bytes[8] = 2;
    let crc = crc32c::crc32c(&bytes[..60]).to_le_bytes();
    bytes[60..64].copy_from_slice(&crc);
    fs.place(&segment(1), &bytes);
    let error = open_with(&fs, options()).expect_err("it is refused");
    assert!(matches!(error, OpenError::Newer { found: 2, .. }));
}

#[test]
fn one_directory_is_open_once() {
    let fs = SimFs::new(1);
    let (log, _) = open(&fs);
    let error = open_with(&fs, options()).expect_err("it is refused");
    assert!(
        error.to_string().starts_with("/journal/lock is locked"),
        "{error}"
    );
    drop(log);
    open(&fs);
}

#[test]
fn the_epoch_moves_forward_at_each_opening() {
    let fs = SimFs::new(1);
    for epoch in 1..5 {
        assert_eq!(open(&fs).0.epoch(), epoch);
        fs.crash();
    }
}

#[test]
fn a_reader_can_stop_the_opening() {
    let fs = SimFs::new(1);
    written(&fs);
    let mut count = 0;
    let error = LogEngine::open(Arc::new(fs), directory(), options(), &mut |_| {
        count += 1;
        if count == 4 {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    })
    .expect_err("it is stopped");
    assert!(matches!(error, OpenError::Refused { lsn } if lsn == Lsn::new(4)));
}

#[test]
fn a_full_disk_leaves_two_segments_for_what_has_begun() {
    let fs = SimFs::new(1);
    let (mut log, _) = open(&fs);
    commit(&mut log, 1);
    fs.set_faults(|faults| faults.capacity = Some(0));
    assert_eq!(log.space(), Space::Plenty);
    let mut after = 0;
    while log.space() == Space::Plenty {
        commit(&mut log, 10);
    }
    // New things are refused from now on; this much still fits.
    let result = loop {
        let batch = batch(log.next(), 10, 20);
        match log.commit(&batch) {
            Ok(()) => after += 10 * 48,
            Err(error) => break error,
        }
    };
    assert!(matches!(result, CommitError::Full), "{result}");
    assert!(after > 2 * 3500, "{after} bytes");
    let next = log.next();
    drop(log);
    // And it opens on the full disk.
    let (log, kept) = open(&fs);
    assert_eq!((log.next(), kept.len() as u64), (next, next.get() - 1));
    assert_eq!(log.space(), Space::Low);
}

#[test]
fn a_full_disk_takes_back_what_is_kept_without_need_before_space_is_low() {
    let fs = SimFs::new(1);
    let (mut log, _) = open(&fs);
    for _ in 0..60 {
        commit(&mut log, 10);
    }
    let handle = log.handle();
    let segments = handle.segments();
    assert!(segments.len() > 6, "{segments:?}");
    // All but the newest three, and as long as there is room they stay.
    let spare = segments[segments.len() - 3];
    handle.spare(spare);
    log.tick().expect("it goes on");
    assert_eq!(handle.segments(), segments);
    fs.set_faults(|faults| faults.capacity = Some(0));
    let begun = segments.len() - 3;
    let mut seen = handle.segments();
    for _ in 0..begun {
        while handle.segments().last() == seen.last() {
            assert_eq!(log.space(), Space::Plenty);
            commit(&mut log, 10);
        }
        seen = handle.segments();
    }
    // One for each segment that was begun, the oldest first; what is not spare is kept.
    assert!(seen[0] <= spare, "{seen:?}");
    while log.space() == Space::Plenty {
        commit(&mut log, 10);
    }
    assert_eq!(handle.first(), spare);
    let next = log.next();
    drop(log);
    let (log, kept) = open(&fs);
    assert_eq!(log.next(), next);
    assert_eq!(kept.first().map(|record| record.0), Some(spare.get()));
}

#[test]
fn space_that_comes_back_is_seen_without_a_restart() {
    for give_back in [false, true] {
        let fs = SimFs::new(1);
        let (mut log, _) = open(&fs);
        for _ in 0..30 {
            commit(&mut log, 10);
        }
        fs.set_faults(|faults| faults.capacity = Some(0));
        while log.space() == Space::Plenty {
            commit(&mut log, 10);
        }
        log.tick().expect("it goes on");
        assert_eq!(log.space(), Space::Low);
        if give_back {
            let handle = log.handle();
            handle.release(log.next()).expect("it is released");
        } else {
            fs.set_faults(|faults| faults.capacity = None);
        }
        log.tick().expect("it goes on");
        assert_eq!(log.space(), Space::Plenty);
        for _ in 0..10 {
            commit(&mut log, 10);
        }
    }
}

/// Waits for the thread that prepares.
fn wait(log: &LogEngine, done: impl Fn(&Room) -> bool) {
    while !done(&log.shared.room()) {
        std::thread::yield_now();
    }
}

/// The same with the thread of its own, as in production.
#[test]
fn segments_are_made_ready_in_the_background() {
    let fs = SimFs::new(1);
    let background = LogOptions {
        prepare: Prepare::Background,
        ..options()
    };
    let (mut log, _) = open_with(&fs, background).expect("it opens");
    let mut all: Vec<Kept> = (0..60).flat_map(|_| commit(&mut log, 10)).collect();
    fs.set_faults(|faults| faults.capacity = Some(0));
    while log.space() == Space::Plenty {
        all.extend(commit(&mut log, 10));
        // With segments this short the writer could be through with all of them before the thread has looked at the disk.
        wait(&log, |room| room.full || room.ready.len() == 3);
    }
    // The reserve is there, and giving back what is not needed ends the shortage at once.
    all.extend(commit(&mut log, 10));
    let handle = log.handle();
    handle.release(log.next()).expect("it is released");
    wait(&log, |room| room.ready.len() == 3);
    assert_eq!(log.space(), Space::Plenty);
    all.extend(commit(&mut log, 10));
    drop(log);
    let (_, kept) = open(&fs);
    assert!(kept.len() >= 10 && all.ends_with(&kept));
}

#[test]
fn a_disk_that_fails_while_segments_are_made_ready_stops_the_log() {
    for prepare in [Prepare::Inline, Prepare::Background] {
        let fs = SimFs::new(1);
        let options = LogOptions {
            prepare,
            ..options()
        };
        let (mut log, _) = open_with(&fs, options).expect("it opens");
        commit(&mut log, 1);
        log.tick().expect("it goes on");
        wait(&log, |room| room.ready.len() == 3);
        let writes = fs.writes();
        // The next segment is begun, and a fourth prepared, whose first write fails.
        fs.set_faults(|faults| faults.write_error_at = Some(writes + 3));
        let long = batch(log.next(), 40, 100);
        let failed = log.commit(&long).is_err();
        while !failed && log.tick().is_ok() {
            std::thread::yield_now();
        }
        assert!(log.commit(&batch(log.next(), 1, 1)).is_err());
    }
}

#[test]
fn released_segments_are_used_again_and_more_than_needed_are_removed() {
    let fs = SimFs::new(1);
    let all = written_long(&fs);
    let (mut log, _) = open(&fs);
    let handle = log.handle();
    assert_eq!(handle.first(), Lsn::new(1));
    handle.release(Lsn::new(300)).expect("it is released");
    let first = handle.first();
    assert!(first <= Lsn::new(300) && first > Lsn::new(200), "{first}");
    handle.release(Lsn::new(10_000)).expect("it is released");
    log.tick().expect("it goes on");
    // The open one, three that are ready, the lock and the state.
    assert!(fs.paths().len() <= 6, "{:?}", fs.paths());
    assert!(handle.read(Lsn::new(1)).expect("it is read").is_none());
    drop(log);
    let (log, kept) = open(&fs);
    assert!(!kept.is_empty() && all.ends_with(&kept));
    assert_eq!(log.recovered().first, handle.first());
}

#[test]
fn records_are_read_back_one_by_one_and_in_a_row() {
    let fs = SimFs::new(1);
    let all = written_long(&fs);
    let (mut log, _) = open(&fs);
    let more = commit(&mut log, 5);
    let all = [all, more].concat();
    let handle = log.handle();
    for kept in &all {
        let record = handle
            .read(Lsn::new(kept.0))
            .expect("it is read")
            .expect("it is there");
        assert_eq!(
            (record.lsn.get(), record.kind, &record.payload),
            (kept.0, kept.1, &kept.2)
        );
    }
    for lsn in [0, 606, u64::MAX] {
        assert!(
            handle.read(Lsn::new(lsn)).expect("it is read").is_none(),
            "{lsn}"
        );
    }
    let mut seen = Vec::new();
    let next = handle
        .visit_from(Lsn::new(101), &mut |record| {
            seen.push(record.lsn.get());
            if seen.len() < 300 {
                ControlFlow::Continue(())
            } else {
                ControlFlow::Break(())
            }
        })
        .expect("it is read");
    assert_eq!(seen, (101..=400).collect::<Vec<_>>());
    assert_eq!(next, Lsn::new(401));
    // A record that rots while the log is open is not given out.
    fs.flip(&segment(1), 64 + 30, 0);
    assert!(handle.read(Lsn::new(1)).is_err());
}

#[test]
fn relaxed_survives_the_process_and_is_synced_by_tick_and_close() {
    let fs = SimFs::new(3);
    let relaxed = LogOptions {
        durability: Durability::Relaxed,
        ..options()
    };
    let (mut log, _) = open_with(&fs, relaxed).expect("it opens");
    // The first write of a segment is synced in any case.
    let mut all = commit(&mut log, 3);
    let syncs = fs.syncs();
    all.extend(commit(&mut log, 3));
    all.extend(commit(&mut log, 3));
    assert_eq!(fs.syncs(), syncs);
    drop(log);
    fs.kill();
    let (mut log, kept) = open_with(&fs, relaxed).expect("it opens");
    assert_eq!(kept, all);
    all.extend(commit(&mut log, 3));
    log.tick().expect("it is synced");
    all.extend(commit(&mut log, 3));
    log.close().expect("it is synced");
    fs.crash();
    assert_eq!(open_with(&fs, relaxed).expect("it opens").1, all);
}

#[test]
fn a_failed_sync_is_the_end_and_what_is_then_accepted_is_durable() {
    // Which half of the sectors is lost is chance.
    for seed in 0..50 {
        let fs = SimFs::new(seed);
        let before = written(&fs);
        let (mut log, _) = open(&fs);
        let syncs = fs.syncs();
        fs.set_faults(|faults| faults.sync_error_at = Some(syncs + 1));
        let result = log.commit(&batch(log.next(), 20, 100));
        assert!(matches!(result, Err(CommitError::Io(_))), "{result:?}");
        let syncs = fs.syncs();
        assert!(log.commit(&batch(log.next(), 1, 1)).is_err());
        assert!(log.tick().is_err() && log.close().is_err());
        assert_eq!(fs.syncs(), syncs, "no second try");
        drop(log);
        // The system shows all of it; what is given out now must be on the disk.
        fs.kill();
        let (_, accepted) = open(&fs);
        assert!(accepted.starts_with(&before));
        fs.crash();
        assert_eq!(open(&fs).1, accepted);
    }
}

#[test]
fn a_scan_reads_everything_and_changes_nothing() {
    let fs = SimFs::new(1);
    let all = written_long(&fs);
    let (mut log, _) = open(&fs);
    let more = commit(&mut log, 1);
    let operations = fs.operations();
    let mut seen = Vec::new();
    let mut visit = |record: crate::RawRecord<'_>| {
        seen.push((record.lsn.get(), record.kind, record.payload.to_vec()));
        ControlFlow::Continue(())
    };
    let found = scan(&fs, directory(), &mut visit).expect("it is read");
    assert_eq!(seen, [all, more].concat());
    assert_eq!(found.end, End::Complete);
    assert_eq!((found.records, found.next), (601, Lsn::new(602)));
    assert_eq!(found.epoch, 2);
    assert_eq!(fs.operations(), operations);
    fs.flip(&segment(2), 3000, 0);
    let found = scan(&fs, directory(), &mut |_| ControlFlow::Continue(())).expect("it is read");
    let End::Fault(fault) = &found.end else {
        panic!("{found:?}");
    };
    assert_eq!((fault.segment, fault.lsn), (2, found.next));
    assert!(found.records > 80 && found.records < 170, "{found:?}");
}

#[test]
fn a_scan_of_no_log_says_so() {
    let fs = SimFs::new(1);
    fs.create_directory(directory()).expect("it is made");
    let found = scan(&fs, directory(), &mut |_| ControlFlow::Continue(())).expect("it is read");
    assert!(matches!(
        found.end,
        End::Fault(Fault {
            damage: Damage::State,
            ..
        })
    ));
}
