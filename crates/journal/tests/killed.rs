//! A process that is killed while it writes: everything it said to be durable is there afterwards.
//!
//! The child is this very program. It appends from several threads and tells each durable mark through a pipe, which a
//! killed process cannot take back. `JOURNAL_KILLS` says how often (default 5).
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "test code")]

use std::io::{BufRead, BufReader, Write};
use std::ops::ControlFlow;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use pointsman_journal::log::{LogEngine, LogOptions, Recovered};
use pointsman_journal::vfs::RealFs;
use pointsman_journal::{Durability, Health, Journal, JournalOptions, Lsn};

const CHILD: &str = "JOURNAL_KILLED_CHILD";

#[test]
fn what_was_durable_survives_a_kill() {
    if let Some(directory) = std::env::var_os(CHILD) {
        child(Path::new(&directory));
    }
    let kills: u64 = std::env::var("JOURNAL_KILLS").map_or(5, |text| text.parse().unwrap());
    for durability in [Durability::Commit, Durability::Relaxed] {
        let directory = tempfile::tempdir().unwrap();
        let mut told = 0;
        for life in 1..=kills {
            told = told.max(killed(directory.path(), durability, life));
            let found = check(directory.path(), durability);
            assert!(
                found.next > Lsn::new(told),
                "{durability:?}, life {life}: {told} were durable, {found:?}"
            );
            assert!(told > 0);
        }
    }
}

/// The highest durable mark that a child told before it was killed.
fn killed(directory: &Path, durability: Durability, life: u64) -> u64 {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "what_was_durable_survives_a_kill", "--nocapture"])
        .env(CHILD, directory)
        .env("JOURNAL_KILLED_RELAXED", format!("{durability:?}"))
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut told = 0;
    // Another moment in each life: after so many marks.
    let mut left = 50 + 97 * (life % 7);
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        // A line that was cut by the kill has no end, and is no promise.
        if let Some(mark) = line
            .unwrap()
            .strip_prefix("durable ")
            .and_then(|text| text.strip_suffix('.'))
        {
            told = mark.parse().unwrap();
            left = left.saturating_sub(1);
            if left == 0 {
                // What it tells between this and its end is read, too.
                child.kill().unwrap();
            }
        }
    }
    child.wait().unwrap();
    told
}

/// Every record says its own place.
fn check(directory: &Path, durability: Durability) -> Recovered {
    let mut next = 1;
    let log = open(directory, durability, &mut |lsn, payload| {
        assert_eq!(lsn, next);
        assert_eq!(payload, record(lsn));
        next += 1;
    });
    log.recovered()
}

fn open(directory: &Path, durability: Durability, visit: &mut dyn FnMut(u64, &[u8])) -> LogEngine {
    let options = LogOptions {
        durability,
        segment_bytes: 256 * 1024,
        ..LogOptions::default()
    };
    LogEngine::open(Arc::new(RealFs), directory, options, &mut |record| {
        visit(record.lsn.get(), record.payload);
        ControlFlow::Continue(())
    })
    .unwrap()
}

fn record(lsn: u64) -> Vec<u8> {
    let length = 20 + (lsn * 7919 % 600) as usize;
    lsn.to_le_bytes().into_iter().cycle().take(length).collect()
}

fn child(directory: &Path) -> ! {
    let durability = match std::env::var("JOURNAL_KILLED_RELAXED").as_deref() {
        Ok("Relaxed") => Durability::Relaxed,
        _ => Durability::Commit,
    };
    let log = open(directory, durability, &mut |_, _| {});
    let journal = Journal::start(Box::new(log), JournalOptions::default()).unwrap();
    for _ in 0..4 {
        let journal = journal.clone();
        std::thread::spawn(move || {
            let mark = journal.mark();
            loop {
                let lsn = {
                    let mut appender = journal.appender().unwrap();
                    let lsn = appender.next();
                    appender
                        .append(1, |payload| payload.extend(record(lsn.get())))
                        .unwrap()
                };
                while mark.borrow().durable < lsn {
                    std::thread::yield_now();
                }
            }
        });
    }
    let mark = journal.mark();
    let mut last = Lsn::ZERO;
    let mut out = std::io::stdout().lock();
    loop {
        let now = *mark.borrow();
        assert_eq!(now.health, Health::Good);
        if now.durable > last {
            last = now.durable;
            // The parent has gone: nobody is left to promise anything to.
            if writeln!(out, "durable {last}.").is_err() {
                std::process::exit(0);
            }
        } else {
            std::thread::yield_now();
        }
    }
}
