//! `pointsman journal`, `pointsman tx` and `pointsman saf`: what they read, and what they say about it.

use std::fs;
use std::ops::ControlFlow;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use expect_test::{Expect, expect};
use pointsman_journal::event::{
    Attempt, Audit, Boot, Declined, Event, How, Intent, Obligation, ObligationKind, Observation,
    Observed, Outcome, Sealed, Settled, UnixMicros, Withdrawn,
};
use pointsman_journal::log::{LogEngine, LogOptions, Prepare};
use pointsman_journal::seal::Keys;
use pointsman_journal::sqlite::{
    FILE_NAME, Projection, ProjectionOptions, SqliteEngine, SqliteOptions,
};
use pointsman_journal::vfs::RealFs;
use pointsman_journal::{Batch, Engine, Journal, JournalOptions, Lsn};
use tempfile::TempDir;

use crate::*;

/// How a journal is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// A copy of the segments alone.
    Log,
    /// Tables that know everything.
    LogAndTables,
    /// Tables that know the first half.
    LogAndOlderTables,
    Store,
}

const FORMS: [Form; 4] = [
    Form::Log,
    Form::LogAndTables,
    Form::LogAndOlderTables,
    Form::Store,
];

/// Always the same, so that tokens are too.
const KEY: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

/// 2026-11-24T20:00:00Z and so many milliseconds.
fn at(millis: i64) -> UnixMicros {
    UnixMicros(1_795_550_400_000_000 + millis * 1_000)
}

/// A morning: an approval, a decline, a timeout whose reversal was acknowledged, a dead letter, one that was never sent,
/// and one that is open. `add` is called with each event.
fn morning(keys: &Keys, add: &mut dyn FnMut(Event<'_>)) {
    let sealed = Sealed::new(b"sealed bytes").unwrap();
    let intent = |tx: u64, stan: u32, pan: &str, masked: &'static str| Intent {
        tx,
        at: at(tx as i64 * 1_000),
        link: "bank-a",
        listener: "pos",
        mti: "0200",
        terminal: if tx.is_multiple_of(2) {
            "T0000002"
        } else {
            "T0000001"
        },
        merchant: "M00000000000001",
        terminal_stan: stan,
        link_stan: 900_000 + stan,
        rrn: "632820000041",
        amount: Some(1_250),
        currency: "978",
        processing_code: "000000",
        masked_pan: masked,
        card: keys.card_token(pan),
        key: [0x4B; 16],
        body: sealed,
    };
    let visa = |tx, stan| intent(tx, stan, "4111111111111111", "411111******1111");
    let mastercard = |tx, stan| intent(tx, stan, "5555555555554444", "555555******4444");
    let reversal = |tx: u64, stan: u32| {
        let original = visa(tx, stan);
        Event::Obligation(Obligation {
            tx,
            kind: ObligationKind::Reversal,
            at: at(tx as i64 * 1_000 + 30_000),
            link: original.link,
            link_stan: original.link_stan,
            cause: "timeout",
            mti: original.mti,
            terminal: original.terminal,
            terminal_stan: stan,
            rrn: original.rrn,
            amount: original.amount,
            currency: original.currency,
            masked_pan: original.masked_pan,
            card: original.card,
            key: original.key,
            own_stan: None,
            body: Sealed::NONE,
        })
    };
    let declined = |tx: u64| {
        Event::Declined(Declined {
            tx,
            at: at(tx as i64 * 1_000 + 30_000),
            cause: "timeout",
        })
    };
    let attempt = |tx, count, millis| {
        Event::Attempt(Attempt {
            tx,
            kind: ObligationKind::Reversal,
            at: at(millis),
            count,
            stan: 900_100,
        })
    };
    let settled = |tx, how, millis| {
        Event::Settled(Settled {
            tx,
            kind: ObligationKind::Reversal,
            at: at(millis),
            how,
        })
    };
    let outcome = |tx: u64, approved, response_code, approval_code| {
        Event::Outcome(Outcome {
            tx,
            at: at(tx as i64 * 1_000 + 250),
            approved,
            response_code,
            approval_code,
            answer: sealed,
        })
    };
    add(Event::Boot(Boot {
        epoch: 1,
        at: at(0),
        version: "0.1.0",
        salt: [7; 16],
        key: keys.check(),
    }));
    add(Event::Intent(visa(1, 41)));
    add(outcome(1, true, "00", "A00001"));
    add(Event::Intent(mastercard(2, 42)));
    add(outcome(2, false, "51", ""));
    add(Event::Intent(visa(3, 43)));
    add(reversal(3, 43));
    add(declined(3));
    add(attempt(3, 1, 33_010));
    add(attempt(3, 2, 38_010));
    add(Event::Observed(Observed {
        at: at(38_100),
        link: "bank-a",
        what: Observation::Late,
        mti: "0210",
        stan: Some(900_043),
        response_code: "00",
        tx: Some(3),
        detail: "after 35 s",
    }));
    add(settled(
        3,
        How::Acknowledged {
            response_code: "00",
        },
        38_400,
    ));
    add(Event::Intent(visa(4, 44)));
    add(reversal(4, 44));
    add(declined(4));
    add(attempt(4, 1, 34_010));
    add(settled(
        4,
        How::DeadLetter {
            reason: "the bank does not decode it",
        },
        90_000,
    ));
    add(Event::Audit(Audit {
        at: at(95_000),
        who: "ann",
        action: "call",
        tx: Some(4),
        detail: "the bank looks into it",
    }));
    add(Event::Intent(mastercard(5, 45)));
    add(Event::Withdrawn(Withdrawn {
        tx: 5,
        at: at(5_001),
    }));
    add(Event::Intent(mastercard(6, 46)));
    add(Event::Intent(visa(7, 47)));
    add(reversal(7, 47));
    add(declined(7));
}

fn journal(form: Form) -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    let key = path.join("journal.key");
    fs::write(&key, KEY).unwrap();
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    let keys = Keys::load(None, path).unwrap();
    let mut batches = Vec::new();
    let mut next = Lsn::new(1);
    morning(&keys, &mut |event| {
        let mut batch = Batch::default();
        batch.restart(next);
        batch.push(event.kind(), |out| event.encode(out));
        next = batch.end();
        batches.push(batch);
    });
    let visit = &mut |_: pointsman_journal::RawRecord<'_>| ControlFlow::Continue(());
    if form == Form::Store {
        let mut engine = SqliteEngine::open(path, SqliteOptions::default(), visit).unwrap();
        for batch in &batches {
            engine.commit(batch).unwrap();
        }
        return directory;
    }
    let options = LogOptions {
        segment_bytes: 4 * 1024,
        prepare: Prepare::Inline,
        ..LogOptions::default()
    };
    let mut engine = LogEngine::open(Arc::new(RealFs), path, options, visit).unwrap();
    for batch in &batches {
        engine.commit(batch).unwrap();
    }
    let last = match form {
        Form::LogAndTables => Lsn::new(next.get() - 1),
        Form::LogAndOlderTables => Lsn::new(next.get() / 2),
        Form::Log | Form::Store => return directory,
    };
    let source = Box::new(engine.handle());
    let projection = Projection::start(path, last, source, ProjectionOptions::default()).unwrap();
    assert!(projection.wait_for(last, Duration::from_secs(60)));
    projection.close();
    directory
}

/// What is said must not depend on how it is kept.
#[track_caller]
fn check(args: &[&str], code: i32, expected: Expect) {
    check_in(&FORMS, args, code, expected);
}

#[track_caller]
fn check_in(forms: &[Form], args: &[&str], code: i32, expected: Expect) {
    let mut said = Vec::new();
    for form in forms {
        let directory = journal(*form);
        let before = listing(directory.path());
        let ran = run(&with_directory(args, &directory));
        assert_eq!(ran.code, code, "{form:?}: {}", ran.stderr);
        let after = listing(directory.path());
        assert_eq!(after, before, "{form:?}: nothing in a journal is changed");
        said.push(ran.stdout);
    }
    expected.assert_eq(&said[0]);
    for (form, other) in forms.iter().zip(&said) {
        assert_eq!(other, &said[0], "{form:?}");
        assert!(!other.contains("4111111111111111"), "{form:?}");
    }
}

fn with_directory<'a>(args: &[&'a str], directory: &'a TempDir) -> Vec<&'a str> {
    let path = directory.path().to_str().unwrap();
    args.iter()
        .map(|arg| if *arg == "DIR" { path } else { arg })
        .collect()
}

/// The files and their bytes; SQLite makes and removes files of its own for readers, which hold nothing.
fn listing(directory: &Path) -> Vec<(String, Vec<u8>)> {
    let mut files: Vec<_> = fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap())
        .map(|entry| {
            let name = entry.file_name().into_string().unwrap();
            (name, fs::read(entry.path()).unwrap())
        })
        .filter(|(name, _)| !name.ends_with("-shm") && !name.ends_with("-wal"))
        .collect();
    files.sort();
    files
}

#[test]
fn a_sound_journal_is_said_to_be_sound() {
    for form in FORMS {
        let directory = journal(form);
        let said = run(&with_directory(&["journal", "verify", "DIR"], &directory)).ok();
        assert!(said.contains("24 records, 1 to 24"), "{form:?}: {said}");
        assert!(said.ends_with(": every record is sound\n"), "{said}");
        let args = ["journal", "verify", "--json", "DIR"];
        let said = run(&with_directory(&args, &directory)).ok();
        let said: serde_json::Value = serde_json::from_str(&said).unwrap();
        assert_eq!(said["sound"], true);
        assert_eq!(said["last_lsn"], 24);
        assert_eq!(said["fault"], serde_json::Value::Null);
    }
}

/// Says so when it is dropped.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn a_journal_is_read_while_it_is_written() {
    let directory = journal(Form::Log);
    let path = directory.path();
    let visit = &mut |_: pointsman_journal::RawRecord<'_>| ControlFlow::Continue(());
    let options = LogOptions {
        segment_bytes: 64 * 1024,
        ..LogOptions::default()
    };
    let engine = LogEngine::open(Arc::new(RealFs), path, options, visit).unwrap();
    let last = Lsn::new(engine.next().get() - 1);
    let (handle, source) = (engine.handle(), Box::new(engine.handle()));
    let projection = Projection::start(path, last, source, ProjectionOptions::default()).unwrap();
    let feed = projection.feed();
    let options = JournalOptions {
        follow: Some(Box::new(move |batch| feed.offer(batch))),
        ..JournalOptions::default()
    };
    let journal = Journal::start(Box::new(engine), options).unwrap();
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let keys = Keys::load(None, path).unwrap();
            let mut mark = journal.mark();
            while !is_over.load(Ordering::Relaxed) {
                let mut last = Lsn::ZERO;
                morning(&keys, &mut |event| {
                    last = journal
                        .append(event.kind(), |out| event.encode(out))
                        .unwrap();
                });
                while mark.borrow_and_update().durable < last {
                    std::thread::yield_now();
                }
                handle
                    .release(projection.progress().secured.next())
                    .unwrap();
            }
        });
        // Also when a command fails: else the writer would never end.
        let _over = Over(&is_over);
        for _ in 0..5 {
            for args in [
                &["journal", "verify", "DIR"][..],
                &["journal", "stats", "DIR"],
                &["journal", "export", "DIR"],
                &["tx", "find", "--stan", "43", "DIR"],
                &["saf", "list", "DIR"],
            ] {
                let said = run(&with_directory(args, &directory)).ok();
                assert!(!said.is_empty(), "{args:?}");
            }
        }
    });
    let mark = journal.close();
    assert!(mark.durable.get() > 24);
}

#[test]
fn the_first_fault_is_named() {
    let directory = journal(Form::Log);
    let segment = directory.path().join("0000000000000001.segment");
    let mut bytes = fs::read(&segment).unwrap();
    bytes[600] ^= 4;
    fs::write(&segment, bytes).unwrap();
    let args = ["journal", "verify", "DIR"];
    let ran = run(&with_directory(&args, &directory)).failed(65);
    assert!(
        ran.stderr.contains("damaged in segment 1 at byte ")
            && ran.stderr.contains("where record "),
        "{}",
        ran.stderr
    );
    // What is before it is still shown, and the exit code tells that it is not all.
    for args in [
        &["journal", "show", "DIR"][..],
        &["journal", "export", "DIR"],
        &["journal", "stats", "DIR"],
        &["saf", "list", "DIR"],
    ] {
        let ran = run(&with_directory(args, &directory)).failed(65);
        assert!(!ran.stdout.is_empty(), "{args:?}");
    }
}

#[test]
fn a_record_without_a_meaning_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let options = SqliteOptions::default();
    let visit = &mut |_: pointsman_journal::RawRecord<'_>| ControlFlow::Continue(());
    let mut engine = SqliteEngine::open(directory.path(), options, visit).unwrap();
    let mut batch = Batch::default();
    batch.restart(Lsn::new(1));
    // A kind that a later version may have is sound; one of ours that is cut off is not.
    batch.push(200, |out| out.push(1));
    batch.push(5, |out| out.extend_from_slice(&[1, 7, 7]));
    engine.commit(&batch).unwrap();
    drop(engine);
    let args = ["journal", "verify", "DIR"];
    let ran = run(&with_directory(&args, &directory)).failed(65);
    assert!(
        ran.stderr.contains(
            "record 2 of kind 5 is whole and cannot be read: the record ends within `tx`"
        ),
        "{}",
        ran.stderr
    );
    assert!(
        ran.stdout
            .contains("1 of them are sound and of a later version")
    );
    let shown = run(&with_directory(&["journal", "show", "DIR"], &directory)).ok();
    assert!(shown.contains("unreadable"), "{shown}");
}

#[test]
fn damaged_tables_and_tables_that_know_too_much_are_faults() {
    let directory = journal(Form::LogAndTables);
    let tables = directory.path().join(FILE_NAME);
    let sound = fs::read(&tables).unwrap();
    let args = ["journal", "verify", "DIR"];
    for damaged in [4_096..12_288, 0..4_096] {
        let mut bytes = sound.clone();
        for byte in &mut bytes[damaged] {
            *byte = 0x55;
        }
        fs::write(&tables, bytes).unwrap();
        let ran = run(&with_directory(&args, &directory)).failed(65);
        assert!(ran.stderr.contains(FILE_NAME), "{}", ran.stderr);
    }

    // The log of another journal, which ends earlier.
    let other = journal(Form::Log);
    fs::write(other.path().join(FILE_NAME), sound).unwrap();
    let connection = rusqlite::Connection::open(other.path().join(FILE_NAME)).unwrap();
    connection
        .execute("UPDATE meta SET value = 30 WHERE name = 'applied_lsn'", [])
        .unwrap();
    drop(connection);
    let ran = run(&with_directory(&args, &other)).failed(65);
    assert!(
        ran.stderr
            .contains("the tables know of record 30, and the log ends before 25"),
        "{}",
        ran.stderr
    );
}

#[test]
fn what_is_no_journal_is_said() {
    let directory = tempfile::tempdir().unwrap();
    for args in [
        &["journal", "verify", "DIR"][..],
        &["journal", "show", "DIR"],
        &["journal", "export", "DIR"],
        &["journal", "stats", "DIR"],
        &["tx", "find", "--stan", "1", "DIR"],
        &["saf", "list", "DIR"],
        &["saf", "show", "DIR", "1"],
    ] {
        let ran = run(&with_directory(args, &directory)).failed(66);
        assert!(ran.stderr.contains("holds no journal"), "{}", ran.stderr);
        assert_eq!(ran.stdout, "");
    }
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
}

#[test]
fn records_of_one_transaction() {
    check(
        &["journal", "show", "--tx", "3", "DIR"],
        0,
        expect![[r#"
            6  2026-11-24T20:00:03.000000Z  intent     tx=3 link=bank-a listener=pos mti=0200 terminal=T0000001 merchant=M00000000000001 terminal_stan=43 link_stan=900043 rrn=632820000041 amount=1250 currency=978 processing_code=000000 masked_pan=411111******1111 card=c322b8a8503f0b95aabc24a9fb3918a7 duplicate_key=4b4b4b4b4b4b4b4b4b4b4b4b4b4b4b4b body_bytes=12
            7  2026-11-24T20:00:33.000000Z  obligation tx=3 kind=reversal link=bank-a mti=0200 terminal=T0000001 terminal_stan=43 link_stan=900043 rrn=632820000041 amount=1250 currency=978 masked_pan=411111******1111 card=c322b8a8503f0b95aabc24a9fb3918a7 duplicate_key=4b4b4b4b4b4b4b4b4b4b4b4b4b4b4b4b cause=timeout
            8  2026-11-24T20:00:33.000000Z  declined   tx=3 cause=timeout
            9  2026-11-24T20:00:33.010000Z  attempt    tx=3 kind=reversal stan=900100 count=1
            10  2026-11-24T20:00:38.010000Z  attempt    tx=3 kind=reversal stan=900100 count=2
            11  2026-11-24T20:00:38.100000Z  observed   tx=3 link=bank-a mti=0210 stan=900043 what=late response_code=00 detail="after 35 s"
            12  2026-11-24T20:00:38.400000Z  settled    tx=3 kind=reversal how=acknowledged response_code=00
        "#]],
    );
}

#[test]
fn the_last_records() {
    let directory = journal(Form::Log);
    let args = ["journal", "show", "--limit", "2", "DIR"];
    let ran = run(&with_directory(&args, &directory));
    assert_eq!(ran.code, 0);
    assert_eq!(ran.stdout.lines().count(), 2);
    assert!(
        ran.stderr.contains("22 earlier records are left out"),
        "{}",
        ran.stderr
    );

    let args = [
        "journal",
        "show",
        "--since",
        "2026-11-24T20:01:30Z",
        "--json",
        "DIR",
    ];
    let said = run(&with_directory(&args, &directory)).ok();
    let lines: Vec<serde_json::Value> = said
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines.len(), 2);
    assert_eq!(lines[0]["event"], "settled");
    assert_eq!(lines[1]["who"], "ann");

    let args = ["journal", "show", "--since", "yesterday", "DIR"];
    let ran = run(&with_directory(&args, &directory)).failed(64);
    assert!(
        ran.stderr.contains("--since is not a time"),
        "{}",
        ran.stderr
    );
}

#[test]
fn records_by_terminal_and_trace_number_bring_their_transactions() {
    let directory = journal(Form::Log);
    for args in [
        &["journal", "show", "--terminal", "T0000002", "--json", "DIR"][..],
        &[
            "journal",
            "show",
            "--stan",
            "44",
            "--terminal",
            "T0000002",
            "--json",
            "DIR",
        ],
    ] {
        let said = run(&with_directory(args, &directory)).ok();
        let kinds: Vec<String> = said
            .lines()
            .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap())
            .filter(|line| line["tx"] == 4)
            .map(|line| line["event"].as_str().unwrap().to_owned())
            .collect();
        assert_eq!(
            kinds,
            [
                "intent",
                "obligation",
                "declined",
                "attempt",
                "settled",
                "audit"
            ]
        );
        assert!(!said.contains("\"tx\":3"), "{said}");
    }
}

#[test]
fn an_export_has_every_record_and_no_card_number() {
    for form in FORMS {
        let directory = journal(form);
        let said = run(&with_directory(&["journal", "export", "DIR"], &directory)).ok();
        let lsns: Vec<u64> = said
            .lines()
            .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap())
            .map(|line| line["lsn"].as_u64().unwrap())
            .collect();
        assert_eq!(lsns, (1..=24).collect::<Vec<_>>());
        let csv = run(&with_directory(
            &["journal", "export", "--format", "csv", "DIR"],
            &directory,
        ))
        .ok();
        assert_eq!(csv.lines().count(), 25);
        for text in [&said, &csv] {
            assert!(text.contains("411111******1111"));
            assert!(!text.contains("4111111111111111") && !text.contains("sealed bytes"));
        }
    }
    let directory = journal(Form::Log);
    let args = [
        "journal",
        "export",
        "--since",
        "2026-11-24T20:00:30Z",
        "--until",
        "2026-11-24T20:00:34Z",
        "DIR",
    ];
    let said = run(&with_directory(&args, &directory)).ok();
    assert_eq!(said.lines().count(), 3, "{said}");
}

#[test]
fn what_is_in_it_is_counted() {
    let directory = journal(Form::LogAndOlderTables);
    let said = run(&with_directory(&["journal", "stats", "DIR"], &directory)).ok();
    expect![[r#"
        DIR: log
          records       24, 1 to 24, 2.0 KiB of payload
          segments      1, 2.7 KiB of 4.0 KiB used
          tables        up to 12, 12 behind
          from          2026-11-24T20:00:00.000000Z
          to            2026-11-24T20:00:37.000000Z
          rate          0.6 records a second
          events        3 attempt, 1 audit, 1 boot, 3 declined, 7 intent, 3 obligation, 1 observed, 2 outcome, 2 settled, 1 withdrawn
          transactions  1 approved, 1 declined, 3 failed, 1 withdrawn
          in doubt      1
          owed          reversal to bank-a: 1 dead-letter, 1 open
    "#]].assert_eq(&said.replace(directory.path().to_str().unwrap(), "DIR"));
    for form in FORMS {
        let directory = journal(form);
        let args = ["journal", "stats", "--json", "DIR"];
        let said = run(&with_directory(&args, &directory)).ok();
        let said: serde_json::Value = serde_json::from_str(&said).unwrap();
        assert_eq!(said["records"], 24);
        assert_eq!(said["events"]["intent"], 7);
        assert_eq!(said["in_doubt"], 1);
        assert_eq!(said["transactions"]["failed"], 3);
    }
}

#[test]
fn a_life_is_told_in_order() {
    check_in(
        &[Form::Log],
        &["tx", "find", "--stan", "43", "DIR"],
        0,
        expect![[r#"
            transaction 3
              0200 12.50 EUR, card 411111******1111, terminal T0000001, merchant M00000000000001, RRN 632820000041, STAN 43
              2026-11-24T20:00:03.000000Z  asked at pos, for bank-a as STAN 900043
              2026-11-24T20:00:33.000000Z  a reversal is due to bank-a: timeout
              2026-11-24T20:00:33.000000Z  the terminal was told no: timeout
              2026-11-24T20:00:33.010000Z  the reversal is sent
              2026-11-24T20:00:38.010000Z  the reversal is sent, attempt 2
              2026-11-24T20:00:38.100000Z  bank-a: late answer 0210, code 00: after 35 s
              2026-11-24T20:00:38.400000Z  bank-a has taken the reversal: 00
              => not approved, and the bank has undone it
        "#]],
    );
    // The tables know how often it was sent, and when last.
    check_in(
        &[Form::LogAndTables, Form::Store],
        &["tx", "find", "--stan", "43", "DIR"],
        0,
        expect![[r#"
            transaction 3
              0200 12.50 EUR, card 411111******1111, terminal T0000001, merchant M00000000000001, RRN 632820000041, STAN 43
              2026-11-24T20:00:03.000000Z  asked at pos, for bank-a as STAN 900043
              2026-11-24T20:00:33.000000Z  a reversal is due to bank-a: timeout
              2026-11-24T20:00:33.000000Z  the terminal was told no: timeout
              2026-11-24T20:00:38.010000Z  the reversal is sent, attempt 2
              2026-11-24T20:00:38.100000Z  bank-a: late answer 0210, code 00: after 35 s
              2026-11-24T20:00:38.400000Z  bank-a has taken the reversal: 00
              => not approved, and the bank has undone it
        "#]],
    );
}

#[test]
fn lives_are_found_by_card() {
    check(
        &["tx", "find", "--card", "test:mastercard", "DIR"],
        0,
        expect![[r#"
            transaction 2
              0200 12.50 EUR, card 555555******4444, terminal T0000002, merchant M00000000000001, RRN 632820000041, STAN 42
              2026-11-24T20:00:02.000000Z  asked at pos, for bank-a as STAN 900042
              2026-11-24T20:00:02.250000Z  bank-a declined it: 51
              => declined by the bank

            transaction 5
              0200 12.50 EUR, card 555555******4444, terminal T0000001, merchant M00000000000001, RRN 632820000041, STAN 45
              2026-11-24T20:00:05.000000Z  asked at pos, for bank-a as STAN 900045
              2026-11-24T20:00:05.001000Z  it was never sent: nothing is in doubt
              => never sent

            transaction 6
              0200 12.50 EUR, card 555555******4444, terminal T0000002, merchant M00000000000001, RRN 632820000041, STAN 46
              2026-11-24T20:00:06.000000Z  asked at pos, for bank-a as STAN 900046
              => in doubt: no answer is known
        "#]],
    );
}

#[test]
fn what_a_receipt_says_must_all_be_so() {
    let directory = journal(Form::LogAndTables);
    let find = |args: &[&str]| {
        let mut all = vec!["tx", "find", "--json", "DIR"];
        all.extend(args);
        let ran = run(&with_directory(&all, &directory));
        let found: Vec<u64> = ran
            .stdout
            .lines()
            .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap())
            .map(|life| life["tx"].as_u64().unwrap())
            .collect();
        assert_eq!(ran.code, i32::from(found.is_empty()), "{}", ran.stderr);
        found
    };
    assert_eq!(find(&["--rrn", "632820000041"]), [1, 2, 3, 4, 5, 6, 7]);
    assert_eq!(find(&["--rrn", "632820000041", "--limit", "2"]), [6, 7]);
    assert_eq!(find(&["--terminal", "T0000002", "--stan", "44"]), [4]);
    assert_eq!(find(&["--terminal", "T0000001", "--stan", "44"]), [0; 0]);
    // The trace number that the bank saw.
    assert_eq!(find(&["--stan", "900044"]), [4]);
    assert_eq!(find(&["--tx", "4"]), [4]);
    assert_eq!(find(&["--tx", "99"]), [0; 0]);
    assert_eq!(
        find(&[
            "--card",
            "5555 5555 5555 4444",
            "--since",
            "2026-11-24T20:00:05Z"
        ]),
        [5, 6]
    );
    assert_eq!(find(&["--card", "4012888888881881"]), [0; 0]);
}

#[test]
fn a_question_without_a_question_is_refused() {
    let directory = journal(Form::Log);
    let ran = run(&with_directory(&["tx", "find", "DIR"], &directory)).failed(64);
    assert!(
        ran.stderr.contains("--stan, --terminal, --rrn"),
        "{}",
        ran.stderr
    );
}

#[test]
fn a_card_needs_the_journals_key() {
    let directory = journal(Form::LogAndTables);
    fs::rename(
        directory.path().join("journal.key"),
        directory.path().join("elsewhere.key"),
    )
    .unwrap();
    let args = ["tx", "find", "--card", "test:visa", "DIR"];
    let ran = run(&with_directory(&args, &directory)).failed(78);
    assert!(ran.stderr.contains("journal.key"), "{}", ran.stderr);
    assert!(ran.stderr.contains("--key"), "{}", ran.stderr);
    assert!(!directory.path().join("journal.key").exists());

    let key = format!("file:{}/elsewhere.key", directory.path().display());
    let args = ["tx", "find", "--card", "test:visa", "--key", &key, "DIR"];
    let said = run(&with_directory(&args, &directory)).ok();
    assert_eq!(said.matches("transaction ").count(), 4, "{said}");

    // The number is never repeated, also where it is not one.
    let args = ["tx", "find", "--card", "4111111111111112x", "DIR"];
    let ran = run(&with_directory(&args, &directory)).failed(65);
    assert!(!ran.stderr.contains("411111111111"), "{}", ran.stderr);
}

#[test]
fn what_is_owed_is_listed() {
    check(
        &["saf", "list", "DIR"],
        0,
        expect![[r#"
        tx  kind      state        link    terminal  STAN  amount     since                        tries  why
        4   reversal  dead-letter  bank-a  T0000002  44    12.50 EUR  2026-11-24T20:00:34.000000Z  1      timeout; the bank does not decode it
        7   reversal  open         bank-a  T0000001  47    12.50 EUR  2026-11-24T20:00:37.000000Z  0      timeout
    "#]],
    );
    check(
        &[
            "saf",
            "list",
            "--state",
            "dead-letter",
            "--link",
            "bank-a",
            "--json",
            "DIR",
        ],
        0,
        expect![[r#"
            {"tx":4,"kind":"reversal","state":"dead_letter","at":"2026-11-24T20:00:34.000000Z","attempts":1,"link":"bank-a","terminal":"T0000002","stan":44,"amount":1250,"currency":"978","masked_pan":"411111******1111","cause":"timeout","detail":"the bank does not decode it"}
        "#]],
    );
    check(
        &["saf", "list", "--link", "bank-b", "DIR"],
        0,
        expect![["nothing is owed\n"]],
    );
}

#[test]
fn one_that_waits_is_shown_with_its_transaction() {
    check(
        &["saf", "show", "DIR", "4"],
        0,
        expect![[r#"
            transaction 4
              0200 12.50 EUR, card 411111******1111, terminal T0000002, merchant M00000000000001, RRN 632820000041, STAN 44
              2026-11-24T20:00:04.000000Z  asked at pos, for bank-a as STAN 900044
              2026-11-24T20:00:34.000000Z  a reversal is due to bank-a: timeout
              2026-11-24T20:00:34.000000Z  the terminal was told no: timeout
              2026-11-24T20:00:34.010000Z  the reversal is sent
              2026-11-24T20:01:30.000000Z  the reversal cannot be said: the bank does not decode it
              2026-11-24T20:01:35.000000Z  ann: call: the bank looks into it
              => not approved; a person has to look: the reversal for bank-a is not settled
        "#]],
    );
    // Nothing was ever owed for it.
    check(&["saf", "show", "DIR", "1"], 1, expect![[""]]);
}
