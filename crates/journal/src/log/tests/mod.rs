//! The log against its rules, and against disks that fail.

mod rules;
mod torture;

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use super::{LogEngine, LogOptions, OpenError, Prepare};
use crate::vfs::SimFs;
use crate::{Batch, Durability, Engine, Lsn};

type Kept = (u64, u8, Vec<u8>);

fn directory() -> &'static Path {
    Path::new("/journal")
}

fn options() -> LogOptions {
    LogOptions {
        durability: Durability::Commit,
        segment_bytes: 4096,
        node: 7,
        prepare: Prepare::Inline,
    }
}

/// Opens the log and gives all that it holds.
fn open_with(fs: &SimFs, options: LogOptions) -> Result<(LogEngine, Vec<Kept>), OpenError> {
    let mut kept = Vec::new();
    let log = LogEngine::open(Arc::new(fs.clone()), directory(), options, &mut |record| {
        kept.push((record.lsn.get(), record.kind, record.payload.to_vec()));
        ControlFlow::Continue(())
    })?;
    Ok((log, kept))
}

fn open(fs: &SimFs) -> (LogEngine, Vec<Kept>) {
    open_with(fs, options()).expect("the log opens")
}

/// Commits records that say their own place.
fn commit(log: &mut LogEngine, records: usize) -> Vec<Kept> {
    let batch = batch(log.next(), records, 20);
    log.commit(&batch).expect("the batch is committed");
    contents(&batch)
}

fn batch(first: Lsn, records: usize, bytes: usize) -> Batch {
    let mut batch = Batch::default();
    batch.restart(first);
    for number in 0..records {
        let text = format!("record {} ", first.get() + number as u64);
        batch.push(number as u8, |payload| {
            payload.extend(text.bytes().cycle().take(bytes));
        });
    }
    batch
}

fn contents(batch: &Batch) -> Vec<Kept> {
    batch
        .records()
        .map(|record| (record.lsn.get(), record.kind, record.payload.to_vec()))
        .collect()
}
