//! The process under which the power goes: it opens the journal, checks every record, and appends until it cannot.
//!
//! What it says on its standard output it cannot take back: `found N.` after opening, `durable N.` whenever the mark has
//! moved, `failed: …` at its end.

use std::io::Write;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, bail};
use pointsman_journal::log::{LogEngine, LogHandle, LogOptions};
use pointsman_journal::vfs::RealFs;
use pointsman_journal::{Health, Journal, JournalOptions, Lsn};

/// So that a life goes through several segments.
const SEGMENT_BYTES: u64 = 256 * 1024;
const THREADS: usize = 4;
/// Records that are kept, the rest is released: segments are used again.
const KEPT: u64 = 3_000;

pub(crate) fn run(directory: &Path, out: &mut impl Write) -> anyhow::Result<()> {
    let mut wrong = None;
    let options = LogOptions {
        segment_bytes: SEGMENT_BYTES,
        ..LogOptions::default()
    };
    let log = LogEngine::open(Arc::new(RealFs), directory, options, &mut |found| {
        if found.payload == record(found.lsn) {
            ControlFlow::Continue(())
        } else {
            wrong = Some(found.lsn);
            ControlFlow::Break(())
        }
    });
    if let Some(lsn) = wrong {
        bail!("damaged: record {lsn} is not what was written");
    }
    let log = log?;
    writeln!(out, "found {}.", log.recovered().next.get() - 1)?;
    out.flush()?;
    let handle = log.handle();
    let journal = Journal::start(Box::new(log), JournalOptions::default())?;
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| append(&journal));
        }
        let told = tell(&journal, &handle, out);
        // The threads end with the journal.
        journal.close();
        told
    })?;
    bail!("{}", journal.failure().context("the journal ended")?)
}

fn append(journal: &Journal) {
    let mark = journal.mark();
    loop {
        let Ok(mut appender) = journal.appender() else {
            return;
        };
        let lsn = appender.next();
        let appended = appender.append(1, |payload| payload.extend(record(lsn)));
        drop(appender);
        if appended.is_err() {
            return;
        }
        while mark.borrow().durable < lsn {
            if mark.borrow().health == Health::Failed {
                return;
            }
            std::thread::yield_now();
        }
    }
}

fn tell(journal: &Journal, handle: &LogHandle, out: &mut impl Write) -> anyhow::Result<()> {
    let mark = journal.mark();
    let mut last = Lsn::ZERO;
    loop {
        let now = *mark.borrow();
        if now.durable > last {
            last = now.durable;
            writeln!(out, "durable {last}.")?;
            out.flush()?;
            let kept = Lsn::new(last.get().saturating_sub(KEPT));
            if last.get().is_multiple_of(16) && handle.release(kept).is_err() {
                return Ok(());
            }
        } else if now.health == Health::Failed {
            return Ok(());
        } else {
            std::thread::yield_now();
        }
    }
}

/// What stands at a place.
fn record(lsn: Lsn) -> Vec<u8> {
    let lsn = lsn.get();
    let length = 20 + (lsn * 7919 % 900) as usize;
    lsn.to_le_bytes().into_iter().cycle().take(length).collect()
}
