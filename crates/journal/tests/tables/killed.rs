//! The process is killed while the log is written, followed and shortened: afterwards the tables say what all records
//! say, those that the log has forgotten included.
//!
//! The child is this very program. Each record is given by its place, so that nobody has to remember what was written.
//! `JOURNAL_KILLS` says how often (default 5).

use std::io::{BufRead, BufReader, Write};
use std::ops::ControlFlow;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use pointsman_journal::log::{LogEngine, LogOptions};
use pointsman_journal::sqlite::{Projection, ProjectionOptions};
use pointsman_journal::vfs::RealFs;
use pointsman_journal::{Engine, Journal, JournalOptions, Lsn};

use crate::dump::tables;
use crate::history::{batches, nth};
use crate::store::filled;

const CHILD: &str = "JOURNAL_TABLES_KILLED_CHILD";

#[test]
fn tables_survive_kills_together_with_the_log() {
    if let Some(directory) = std::env::var_os(CHILD) {
        child(Path::new(&directory));
    }
    let kills: usize = std::env::var("JOURNAL_KILLS").map_or(5, |text| text.parse().unwrap());
    let directory = tempfile::tempdir().unwrap();
    let mut first = Lsn::ZERO;
    for life in 0..kills {
        killed(directory.path(), 3 + 5 * (life % 4));
        let engine = opened(directory.path());
        first = first.max(engine.handle().first());
        let last = Lsn::new(engine.next().get() - 1);
        let projection = beside(directory.path(), &engine);
        assert!(projection.set_aside().is_none(), "the tables were ahead");
        assert!(
            projection.wait_for(last, Duration::from_secs(60)),
            "life {life}: {:?}",
            projection.progress()
        );
        // On a busy machine a child may end before its tables are synced: here the log is shortened in any case.
        let secured = projection.close().secured;
        engine.handle().release(secured.next()).unwrap();
        first = first.max(engine.handle().first());
        drop(engine);
        let history: Vec<_> = (1..=last.get()).map(nth).collect();
        let expected = tempfile::tempdir().unwrap();
        drop(filled(expected.path(), &batches(&history, &[1_024])));
        assert!(
            tables(directory.path()) == tables(expected.path()),
            "life {life}: the tables do not say what {last} records say"
        );
    }
    assert!(first > Lsn::new(1), "the log was never shortened");
}

/// Kills a child after it has told so many marks.
fn killed(directory: &Path, marks: usize) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "killed::tables_survive_kills_together_with_the_log",
            "--nocapture",
        ])
        .env(CHILD, directory)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let told = BufReader::new(child.stdout.take().unwrap())
        .lines()
        .map(Result::unwrap)
        .filter(|line| line.starts_with("durable "))
        .take(marks)
        .count();
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(told, marks, "the child ended by itself");
}

fn opened(directory: &Path) -> LogEngine {
    let options = LogOptions {
        segment_bytes: 128 * 1024,
        ..LogOptions::default()
    };
    LogEngine::open(Arc::new(RealFs), directory, options, &mut |_| {
        ControlFlow::Continue(())
    })
    .unwrap()
}

fn beside(directory: &Path, engine: &LogEngine) -> Projection {
    let last = Lsn::new(engine.next().get() - 1);
    let options = ProjectionOptions::default();
    Projection::start(directory, last, Box::new(engine.handle()), options).unwrap()
}

fn child(directory: &Path) -> ! {
    let engine = opened(directory);
    let handle = engine.handle();
    let projection = beside(directory, &engine);
    let feed = projection.feed();
    let options = JournalOptions {
        follow: Some(Box::new(move |batch| feed.offer(batch))),
        ..JournalOptions::default()
    };
    let journal = Journal::start(Box::new(engine), options).unwrap();
    let mut mark = journal.mark();
    loop {
        let mut last = Lsn::ZERO;
        for _ in 0..500 {
            let mut appender = journal.appender().unwrap();
            let record = nth(appender.next().get());
            last = appender
                .append(record.kind, |out| out.extend_from_slice(&record.payload))
                .unwrap();
        }
        while mark.borrow_and_update().durable < last {
            std::thread::yield_now();
        }
        handle
            .release(projection.progress().secured.next())
            .unwrap();
        // The parent has gone: nobody is left to show anything to.
        if writeln!(std::io::stdout(), "durable {last}").is_err() {
            std::process::exit(0);
        }
    }
}
