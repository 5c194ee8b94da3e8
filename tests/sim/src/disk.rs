//! The real log on a disk that fails: what `crates/journal` does with the records of the simulation.
//!
//! A record is written as its serial number and bytes made of it, as many as such records have: what a record says is the
//! simulation's, whether it is there after a crash is the log's. After every crash the log is opened anew, and must give
//! back what it was given, from the first record on without a gap, and at least all that it said was durable.

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use pointsman_engine::Record;
use pointsman_journal::log::{LogEngine, LogOptions, OpenError, Prepare};
use pointsman_journal::vfs::SimFs;
use pointsman_journal::{Batch, CommitError, Engine, Space};

use crate::random::Random;

pub(crate) struct Disk {
    fs: SimFs,
    log: Option<LogEngine>,
    batch: Batch,
    options: LogOptions,
}

/// What came of a commit.
pub(crate) enum Committed {
    Durable,
    /// Whether it is there is found out in the next life.
    Failed,
    /// The machine stopped in the middle.
    Stopped,
}

impl Disk {
    pub(crate) fn new(seed: u64, random: &mut Random) -> Disk {
        let options = LogOptions {
            segment_bytes: random.pick(&[16 << 10, 64 << 10, 256 << 10]),
            prepare: Prepare::Inline,
            ..LogOptions::default()
        };
        let mut disk = Disk {
            fs: SimFs::new(seed),
            log: None,
            batch: Batch::default(),
            options,
        };
        disk.open(|_, _| Ok(()))
            .expect("an empty disk holds nothing");
        disk
    }

    /// Writes these records and syncs them. With `stops` the machine stops after so many operations.
    pub(crate) fn commit<'a>(
        &mut self,
        records: impl Iterator<Item = (u64, &'a Record)>,
        stops: Option<u64>,
    ) -> Committed {
        let Some(log) = &mut self.log else {
            return Committed::Failed;
        };
        self.batch.restart(log.next());
        for (serial, record) in records {
            let length = bytes_of(record);
            self.batch.push(1, |out| fill(out, serial, length));
        }
        let at = stops.map(|after| self.fs.operations() + after);
        self.fs.set_faults(|faults| faults.crash_at = at);
        let committed = log.commit(&self.batch);
        self.fs.set_faults(|faults| faults.crash_at = None);
        match committed {
            Ok(()) if log.tick().is_err() => Committed::Failed,
            Ok(()) => Committed::Durable,
            Err(CommitError::Io(_)) if stops.is_some() => Committed::Stopped,
            Err(CommitError::Io(_) | CommitError::Full) => Committed::Failed,
        }
    }

    /// The next sync fails.
    pub(crate) fn fail_next_sync(&mut self) {
        let next = self.fs.syncs() + 1;
        self.fs
            .set_faults(|faults| faults.sync_error_at = Some(next));
    }

    /// Nobody gets another byte of the disk; or there is room again.
    pub(crate) fn fill_up(&mut self, full: bool) {
        let capacity = full.then(|| self.fs.used());
        self.fs.set_faults(|faults| faults.capacity = capacity);
    }

    pub(crate) fn is_low(&mut self) -> bool {
        // It looks at its room between two batches.
        if let Some(log) = &mut self.log {
            let _ = log.tick();
        }
        self.log
            .as_ref()
            .is_some_and(|log| log.space() == Space::Low)
    }

    /// The process or the machine ends, and begins again. Says how many of the records that were written are there:
    /// `written` gives the serial number and the record at each place.
    pub(crate) fn crash<'a>(
        &mut self,
        random: &mut Random,
        written: impl Fn(usize) -> Option<(u64, &'a Record)>,
    ) -> Result<usize, String> {
        self.log = None;
        self.fill_up(false);
        self.fs.set_faults(|faults| faults.sync_error_at = None);
        if random.permille(300) {
            self.fs.kill();
        } else {
            self.fs.crash();
        }
        loop {
            let stops = random.permille(200).then(|| random.between(1..=12));
            let at = stops.map(|after| self.fs.operations() + after);
            self.fs.set_faults(|faults| faults.crash_at = at);
            let opened = self.open(|place, payload| {
                let (serial, record) =
                    written(place).ok_or("the log gives what it was not given")?;
                let mut expected = Vec::new();
                fill(&mut expected, serial, bytes_of(record));
                if expected == payload {
                    Ok(())
                } else {
                    Err(format!("the log gives something else at {place}"))
                }
            });
            self.fs.set_faults(|faults| faults.crash_at = None);
            match opened {
                Ok(count) => return Ok(count),
                Err(None) if stops.is_some() => self.fs.crash(),
                Err(error) => return Err(error.unwrap_or("the log cannot be opened".into())),
            }
        }
    }

    /// Gives every record to `visit`; without a text the disk failed.
    fn open(
        &mut self,
        mut visit: impl FnMut(usize, &[u8]) -> Result<(), String>,
    ) -> Result<usize, Option<String>> {
        let (mut count, mut wrong) = (0, None);
        let vfs = Arc::new(self.fs.clone());
        let log = LogEngine::open(vfs, Path::new("/journal"), self.options, &mut |record| {
            if let Err(what) = visit(count, record.payload) {
                wrong = Some(what);
                return ControlFlow::Break(());
            }
            count += 1;
            ControlFlow::Continue(())
        });
        if wrong.is_some() {
            return Err(wrong);
        }
        match log {
            Ok(log) => {
                self.log = Some(log);
                Ok(count)
            }
            Err(OpenError::Io { .. }) => Err(None),
            Err(error) => Err(Some(error.to_string())),
        }
    }
}

/// About as many bytes as such a record has.
fn bytes_of(record: &Record) -> usize {
    match record {
        Record::Intent(intent) => 160 + intent.reversal.expose().len(),
        Record::Outcome { answer, .. } => 60 + answer.expose().len(),
        Record::Due(due) => 120 + due.message.expose().len(),
        _ => 40,
    }
}

fn fill(out: &mut Vec<u8>, serial: u64, length: usize) {
    let mut random = Random::new(serial);
    out.extend_from_slice(&serial.to_le_bytes());
    for _ in 0..length / 8 {
        out.extend_from_slice(&random.next().to_le_bytes());
    }
}
