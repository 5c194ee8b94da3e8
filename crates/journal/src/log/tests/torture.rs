//! Random lives of a log on a disk that fails, against a plain list of what was promised.
//!
//! One seed is one history. `JOURNAL_TORTURE_SEEDS` sets how many are tried, `JOURNAL_TORTURE_SEED` tries one.

use std::ops::ControlFlow;

use super::super::format::record_bytes;
use super::super::{End, LogEngine, LogOptions, OpenError, scan};
use super::{Kept, contents, directory, open_with, options};
use crate::vfs::{Random, SimFs};
use crate::{Batch, CommitError, Durability, Engine, Lsn, Space};

const SEEDS: u64 = 3_000;

/// What was promised, and what may be there beyond it.
#[derive(Default)]
struct Model {
    /// Everything up to here that was not released must be there.
    promised: Vec<Kept>,
    /// May follow, as far as it goes without a gap.
    possible: Vec<Kept>,
    /// Records below were released: they may be there or not.
    released: u64,
    epoch: u32,
}

struct History {
    fs: SimFs,
    random: Random,
    model: Model,
    durability: Durability,
}

impl History {
    fn new(seed: u64) -> History {
        let mut random = Random(seed);
        let durability = if random.below(4) == 0 {
            Durability::Relaxed
        } else {
            Durability::Commit
        };
        History {
            fs: SimFs::new(seed),
            random,
            model: Model::default(),
            durability,
        }
    }

    fn options(&self) -> LogOptions {
        LogOptions {
            durability: self.durability,
            ..options()
        }
    }

    fn run(&mut self) -> Result<(), String> {
        for _ in 0..2 + self.random.below(5) {
            self.live()?;
        }
        // In the end nothing fails any more.
        self.fs.crash();
        self.fs.set_faults(|faults| faults.capacity = None);
        let (log, kept) = open_with(&self.fs, self.options()).map_err(|error| error.to_string())?;
        self.check(&log, kept)
    }

    /// From an opening to a crash, with something going wrong on the way.
    fn live(&mut self) -> Result<(), String> {
        self.choose_faults();
        match open_with(&self.fs, self.options()) {
            Ok((log, kept)) => {
                self.check(&log, kept)?;
                self.work(log)?;
            }
            // The disk failed while the log was opened; what it holds is as it was.
            Err(OpenError::Io { .. }) => {}
            Err(error) => return Err(error.to_string()),
        }
        // The process ends, or the machine does.
        if self.random.below(3) == 0 {
            self.fs.kill();
        } else {
            self.fs.crash();
        }
        Ok(())
    }

    fn choose_faults(&mut self) {
        let operations = self.fs.operations();
        let (writes, syncs) = (self.fs.writes(), self.fs.syncs());
        let random = &mut self.random;
        let soon = 1 + random.below(60);
        let kind = random.below(8);
        let short = random.below(4) == 0;
        let room = (random.below(6) == 0).then(|| 12_000 + random.below(40_000));
        self.fs.set_faults(|faults| {
            match kind {
                0..=3 => faults.crash_at = Some(operations + soon),
                4 => faults.write_error_at = Some(writes + soon),
                5 => faults.sync_error_at = Some(syncs + soon),
                _ => {}
            }
            faults.short_writes = if short { 100 } else { 0 };
            faults.capacity = room;
        });
    }

    /// What the log holds is what was promised, and nothing that was never written.
    fn check(&mut self, log: &LogEngine, kept: Vec<Kept>) -> Result<(), String> {
        let model = &mut self.model;
        let all: Vec<Kept> = model
            .promised
            .iter()
            .chain(&model.possible)
            .cloned()
            .collect();
        let promised = model.promised.len() as u64;
        let first = kept.first().map_or(log.next().get(), |(lsn, _, _)| *lsn);
        if first > model.released.max(1) {
            return Err(format!(
                "begins with {first}, released below {}",
                model.released
            ));
        }
        let next = first + kept.len() as u64;
        if next <= promised {
            return Err(format!("ends before {next}, {promised} were promised"));
        }
        if all.get(first as usize - 1..next as usize - 1) != Some(&kept[..]) {
            return Err(format!("records {first}..{next} are not what was written"));
        }
        if log.next().get() != next {
            return Err(format!("goes on with {} after {next}", log.next()));
        }
        if log.epoch() <= model.epoch {
            return Err(format!("epoch {} after {}", log.epoch(), model.epoch));
        }
        model.epoch = log.epoch();
        // Opening made durable what it gave out.
        model.promised = all;
        model.promised.truncate(next as usize - 1);
        model.possible.clear();
        Ok(())
    }

    fn work(&mut self, mut log: LogEngine) -> Result<(), String> {
        let handle = log.handle();
        for _ in 0..self.random.below(40) {
            let batch = self.batch(log.next());
            match log.commit(&batch) {
                Ok(()) => {
                    self.model.possible.extend(contents(&batch));
                    if self.durability == Durability::Commit {
                        self.promise();
                    }
                }
                Err(error) => {
                    if !matches!(error, CommitError::Full) {
                        self.model.possible.extend(contents(&batch));
                    } else if log.space() != Space::Low {
                        return Err("full before it was low".to_owned());
                    }
                    if log.commit(&batch).is_ok() {
                        return Err("committed after a failure".to_owned());
                    }
                    return Ok(());
                }
            }
            match self.random.below(8) {
                0 => {
                    let written = self.model.promised.len() + self.model.possible.len();
                    let up_to = self.random.below(written as u64 + 2);
                    // The log keeps what is in the segment that it writes, whatever is released.
                    let up_to = up_to.min(self.model.promised.len() as u64 + 1);
                    self.model.released = self.model.released.max(up_to);
                    if handle.release(Lsn::new(up_to)).is_err() {
                        return Ok(());
                    }
                }
                1 => {
                    if log.tick().is_err() {
                        return Ok(());
                    }
                    self.promise();
                }
                2 => self.read_back(&log)?,
                _ => {}
            }
        }
        if self.random.below(2) == 0 && log.close().is_ok() {
            self.promise();
        }
        Ok(())
    }

    fn promise(&mut self) {
        self.model.promised.append(&mut self.model.possible);
    }

    fn read_back(&mut self, log: &LogEngine) -> Result<(), String> {
        let handle = log.handle();
        let written: Vec<&Kept> = self
            .model
            .promised
            .iter()
            .chain(&self.model.possible)
            .collect();
        let lsn = 1 + self.random.below(written.len() as u64 + 2);
        let found = handle
            .read(Lsn::new(lsn))
            .map_err(|error| format!("reading {lsn}: {error}"))?
            .map(|record| (record.lsn.get(), record.kind, record.payload));
        let expected = written.get(lsn as usize - 1).copied();
        match (&found, expected) {
            (None, None) => {}
            (None, Some(_)) if lsn < handle.first().get() => {}
            (Some(found), Some(expected)) if found == expected => {}
            _ => return Err(format!("record {lsn} is read as {found:?}")),
        }
        let mut next = handle.first().get();
        let first = next;
        let mut wrong = None;
        let end = handle
            .visit_from(Lsn::new(first), &mut |record| {
                if written
                    .get(next as usize - 1)
                    .map(|kept| (kept.0, &kept.2[..]))
                    != Some((record.lsn.get(), record.payload))
                {
                    wrong = Some(next);
                    return ControlFlow::Break(());
                }
                next += 1;
                ControlFlow::Continue(())
            })
            .map_err(|error| format!("visiting from {first}: {error}"))?;
        if let Some(wrong) = wrong {
            return Err(format!("visiting: {wrong} is wrong"));
        }
        if end != log.next() {
            return Err(format!("visiting ended before {end}"));
        }
        Ok(())
    }

    fn batch(&mut self, first: Lsn) -> Batch {
        let mut batch = Batch::default();
        batch.restart(first);
        let records = 1 + self.random.below(12);
        let longest = [0, 8, 100, 700, 2_500][self.random.below(5) as usize];
        for _ in 0..records {
            let kind = self.random.next() as u8;
            let bytes = self.random.below(longest + 1) as usize;
            // Often the same, so that one record's bytes could pass for another's.
            let fill = if self.random.below(2) == 0 {
                0xAB
            } else {
                self.random.next() as u8
            };
            batch.push(kind, |payload| payload.resize(payload.len() + bytes, fill));
        }
        batch
    }
}

fn seeds(count: u64) -> Vec<u64> {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse().ok());
    match number("JOURNAL_TORTURE_SEED") {
        Some(seed) => vec![seed],
        None => (1..=number("JOURNAL_TORTURE_SEEDS").unwrap_or(count)).collect(),
    }
}

#[test]
fn nothing_promised_is_lost_and_nothing_else_is_found() {
    for seed in seeds(SEEDS) {
        let mut history = History::new(seed);
        if let Err(fault) = history.run() {
            panic!("JOURNAL_TORTURE_SEED={seed}: {fault}");
        }
    }
}

#[test]
fn a_disk_that_only_says_it_syncs_is_found_out() {
    let found = (1..=200)
        .filter(|seed| {
            let mut history = History::new(*seed);
            history.fs.set_faults(|faults| faults.sync_lies = true);
            history.run().is_err()
        })
        .count();
    assert!(found > 100, "only {found} of 200 histories noticed it");
}

#[test]
fn a_seed_is_one_history() {
    let trace = |seed| {
        let mut history = History::new(seed);
        history.run().expect("nothing is lost");
        let contents: Vec<_> = history
            .fs
            .paths()
            .iter()
            .map(|path| (path.clone(), history.fs.contents(path)))
            .collect();
        (history.fs.operations(), contents)
    };
    for seed in 1..=20 {
        assert_eq!(trace(seed), trace(seed), "seed {seed}");
    }
}

const SECTOR: usize = 512;

/// What can happen to a file at rest.
fn damage(fs: &SimFs, random: &mut Random) -> String {
    let paths = fs.paths();
    let path = &paths[random.below(paths.len() as u64) as usize];
    let mut bytes = fs.contents(path).expect("it is there");
    let at = random.below(bytes.len().max(1) as u64);
    let sector = at as usize / SECTOR * SECTOR;
    let end = (sector + SECTOR).min(bytes.len());
    let what = match random.below(10) {
        0..=4 => {
            fs.flip(path, at, random.next() as u8);
            return format!("bit in byte {at} of {}", path.display());
        }
        5 => {
            bytes[sector..end].fill(0);
            "a lost sector"
        }
        6 => {
            // Another one's place: a write that went astray.
            let other = &paths[random.below(paths.len() as u64) as usize];
            let other = fs.contents(other).expect("it is there");
            let from = random.below(other.len() as u64 / SECTOR as u64 + 1) as usize * SECTOR;
            let stray = other.get(from..from + (end - sector)).unwrap_or_default();
            bytes[sector..sector + stray.len()].copy_from_slice(stray);
            "a stray sector"
        }
        7 => {
            bytes.truncate(at as usize);
            "a shorter file"
        }
        8 => {
            for byte in bytes.iter_mut().skip(at as usize).take(40) {
                *byte = random.next() as u8;
            }
            "other bytes of a sector"
        }
        _ => {
            fs.take(path);
            return format!("without {}", path.display());
        }
    };
    fs.place(path, &bytes);
    format!("{what} at {at} of {}", path.display())
}

/// Whatever happens to one file at rest is noticed, or it hit what nothing vouches for: nothing at all if the log was
/// closed; if it was not, the last batch, and with a whole sector what stood in it before that batch.
#[test]
fn damage_is_never_passed_over() {
    let mut refused = 0;
    for seed in seeds(SEEDS) {
        let mut history = History::new(seed);
        let (mut log, _) = open_with(&history.fs, history.options()).expect("a new log");
        let mut batches = Vec::new();
        for _ in 0..1 + history.random.below(20) {
            let batch = history.batch(log.next());
            log.commit(&batch).expect("nothing fails");
            batches.push(contents(&batch));
        }
        let closed = history.random.below(2) == 0;
        if closed {
            log.close().expect("nothing fails");
        }
        drop(log);
        let unsure = match history.durability {
            _ if closed => 0,
            Durability::Commit => batches.last().map_or(0, Vec::len),
            Durability::Relaxed => batches.iter().map(Vec::len).sum(),
        };
        let written: Vec<Kept> = batches.concat();
        let what = damage(&history.fs, &mut history.random);
        // A tool sees the same and changes nothing.
        let mut scanned = Vec::new();
        let operations = history.fs.operations();
        let scan = scan(&history.fs, directory(), &mut |record| {
            scanned.push((record.lsn.get(), record.kind, record.payload.to_vec()));
            ControlFlow::Continue(())
        });
        assert_eq!(history.fs.operations(), operations);
        let sound = matches!(&scan, Ok(scan) if scan.end == End::Complete);
        match open_with(&history.fs, history.options()) {
            Ok((_, kept)) => {
                let known = written.len() - unsure;
                // The first of them may have begun in the sector before.
                let gone: usize = written
                    .get(kept.len() + 1..known)
                    .unwrap_or_default()
                    .iter()
                    .map(|(_, _, payload)| record_bytes(payload.len()))
                    .sum();
                let in_sector = !closed && what.contains("sector") && gone <= SECTOR;
                assert!(
                    written.starts_with(&kept) && (kept.len() >= known || in_sector),
                    "JOURNAL_TORTURE_SEED={seed}: {what} left {} of {} records",
                    kept.len(),
                    written.len()
                );
                assert_eq!(scanned, kept, "JOURNAL_TORTURE_SEED={seed}: {what}");
                assert!(sound, "JOURNAL_TORTURE_SEED={seed}: {what}: {scan:?}");
            }
            Err(OpenError::Io { source, .. }) => {
                panic!("JOURNAL_TORTURE_SEED={seed}: {what}: {source}")
            }
            Err(_) => {
                assert!(!sound, "JOURNAL_TORTURE_SEED={seed}: {what}: {scan:?}");
                refused += 1;
            }
        }
    }
    assert!(refused > 0 || std::env::var_os("JOURNAL_TORTURE_SEED").is_some());
}
