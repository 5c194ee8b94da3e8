//! What the bank believes: every approval it gave, and what was reversed since.
//!
//! The ledger is the witness that money is checked against, so that it knows nothing of the switch and takes nothing
//! from it but messages. It holds no card number: a BIN, and what a receipt shows.

mod short;

use std::collections::{HashMap, VecDeque};
use std::fs::File;
use std::hash::{BuildHasher, RandomState};
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use pointsman_iso8583::{Mti, ResponseCode};
use serde::Serialize;

pub use short::Short;

/// Entries kept in memory unless the configuration says otherwise. About 200 bytes each with their place in the index.
pub const ENTRIES_MAX: usize = 1_000_000;

/// The ledger is cut into parts with a lock each, so that threads seldom meet.
const SHARDS: usize = 16;

/// One approval.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Entry {
    /// Its number in the order of booking, from one.
    pub number: u64,
    /// The type of the request.
    pub mti: Mti,
    /// Field 11 as the bank saw it.
    pub stan: u32,
    /// Field 41, padding taken off.
    pub terminal: Short<16>,
    /// Field 42, padding taken off.
    pub acceptor: Short<16>,
    /// Field 4, minor units; 0 without one.
    pub amount: u64,
    /// Field 49.
    pub currency: Short<4>,
    /// Fields 13 and 12, or field 7: when it was at the terminal. Tells a repeat from a STAN that came round again.
    pub moment: Short<10>,
    /// The first six digits of the card.
    pub bin: Short<6>,
    /// Field 37 of the answer.
    pub retrieval_reference: Short<12>,
    /// Field 38 of the answer.
    pub approval_code: Short<6>,
    /// Field 39 of the answer.
    pub response_code: ResponseCode,
    /// Whether it was taken back.
    pub reversed: bool,
    /// How often the same request came again.
    pub repeats: u32,
}

/// Counts and sums over the life of the bank, also of entries that are no longer kept.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize)]
pub struct Totals {
    /// Approvals booked.
    pub approved: u64,
    /// Their sum, minor units.
    pub approved_amount: u64,
    /// How many of them were reversed.
    pub reversed: u64,
    /// The sum of those.
    pub reversed_amount: u64,
    /// Requests that came again and were answered as before, not booked.
    pub repeats: u64,
    /// Reversals of something that is not in the ledger.
    pub reversals_unmatched: u64,
    /// The oldest entries, forgotten to stay within the limit.
    pub forgotten: u64,
}

/// What a new approval turned out to be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Booked {
    New,
    /// The request came before: answer it like the first time.
    Repeat(Entry),
}

/// What a reversal turned out to be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Reversed {
    Now,
    Before,
    Unknown,
}

/// A handle on a bank's ledger. All clones see the same.
#[derive(Clone, Debug)]
pub struct Ledger {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    shards: [Mutex<Shard>; SHARDS],
    hasher: RandomState,
    entries_per_shard: usize,
    number: AtomicU64,
    file: Option<Mutex<BufWriter<File>>>,
    /// A disk that is full must not stop the bank, but must be told.
    file_errors: AtomicU64,
}

#[derive(Debug, Default)]
struct Shard {
    entries: VecDeque<Entry>,
    /// How many were taken off the front: entry `i` of the deque has place `first + i`.
    first: u64,
    /// The place of the newest entry of a STAN at a terminal.
    places: HashMap<(u32, Short<16>), u64>,
    totals: Totals,
}

impl Ledger {
    /// An empty one that keeps about `entries_max` entries, and writes each line to `file` before its answer leaves.
    ///
    /// # Errors
    /// The file cannot be made.
    pub fn new(entries_max: usize, file: Option<&Path>) -> io::Result<Self> {
        let file = file
            .map(|path| File::options().create(true).append(true).open(path))
            .transpose()?;
        Ok(Ledger {
            shared: Arc::new(Shared {
                shards: Default::default(),
                hasher: RandomState::new(),
                entries_per_shard: entries_max.div_ceil(SHARDS).max(1),
                number: AtomicU64::new(0),
                file: file.map(|file| Mutex::new(BufWriter::new(file))),
                file_errors: AtomicU64::new(0),
            }),
        })
    }

    /// Everything kept, in the order of booking.
    #[must_use]
    pub fn entries(&self) -> Vec<Entry> {
        let mut entries: Vec<_> = self
            .shared
            .shards
            .iter()
            .flat_map(|shard| lock(shard).entries.iter().copied().collect::<Vec<_>>())
            .collect();
        entries.sort_unstable_by_key(|entry| entry.number);
        entries
    }

    /// The newest entry of a STAN at a terminal.
    #[must_use]
    pub fn find(&self, stan: u32, terminal: &str) -> Option<Entry> {
        let terminal = Short::new(terminal);
        let shard = self.shard(stan, terminal);
        shard
            .place(stan, terminal)
            .and_then(|place| shard.entries.get(place))
            .copied()
    }

    /// Counts and sums.
    #[must_use]
    pub fn totals(&self) -> Totals {
        self.shared
            .shards
            .iter()
            .map(|shard| lock(shard).totals)
            .fold(Totals::default(), |sum, part| Totals {
                approved: sum.approved + part.approved,
                approved_amount: sum.approved_amount + part.approved_amount,
                reversed: sum.reversed + part.reversed,
                reversed_amount: sum.reversed_amount + part.reversed_amount,
                repeats: sum.repeats + part.repeats,
                reversals_unmatched: sum.reversals_unmatched + part.reversals_unmatched,
                forgotten: sum.forgotten + part.forgotten,
            })
    }

    /// Lines that could not be written to the file.
    #[must_use]
    pub fn file_errors(&self) -> u64 {
        self.shared.file_errors.load(Ordering::Relaxed)
    }

    /// Books an approval, unless it is the repeat of one. `entry.number` is given here.
    pub(crate) fn approve(&self, mut entry: Entry) -> Booked {
        let mut shard = self.shard(entry.stan, entry.terminal);
        if let Some(place) = shard.place(entry.stan, entry.terminal)
            && let Some(known) = shard.entries.get_mut(place)
            && known.amount == entry.amount
            && known.moment == entry.moment
            && known.mti.class() == entry.mti.class()
        {
            known.repeats += 1;
            let known = *known;
            shard.totals.repeats += 1;
            return Booked::Repeat(known);
        }
        entry.number = self.shared.number.fetch_add(1, Ordering::Relaxed) + 1;
        let place = shard.first + shard.entries.len() as u64;
        shard.entries.push_back(entry);
        shard.places.insert((entry.stan, entry.terminal), place);
        shard.totals.approved += 1;
        shard.totals.approved_amount += entry.amount;
        shard.forget(self.shared.entries_per_shard);
        drop(shard);
        self.record("approved", &entry);
        Booked::New
    }

    /// Takes an approval back. A reversal that comes again changes nothing.
    pub(crate) fn reverse(&self, stan: u32, terminal: Short<16>) -> Reversed {
        let mut shard = self.shard(stan, terminal);
        let place = shard.place(stan, terminal);
        let Some(entry) = place.and_then(|place| shard.entries.get_mut(place)) else {
            shard.totals.reversals_unmatched += 1;
            return Reversed::Unknown;
        };
        if entry.reversed {
            return Reversed::Before;
        }
        entry.reversed = true;
        let entry = *entry;
        shard.totals.reversed += 1;
        shard.totals.reversed_amount += entry.amount;
        drop(shard);
        self.record("reversed", &entry);
        Reversed::Now
    }

    /// What was booked must be in the file before anybody hears of it. Called before answers are sent.
    pub(crate) fn flush(&self) {
        if let Some(file) = &self.shared.file
            && lock(file).flush().is_err()
        {
            self.shared.file_errors.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn shard(&self, stan: u32, terminal: Short<16>) -> MutexGuard<'_, Shard> {
        let hash = self.shared.hasher.hash_one((stan, terminal));
        let [first, ..] = &self.shared.shards;
        lock(
            self.shared
                .shards
                .get(hash as usize % SHARDS)
                .unwrap_or(first),
        )
    }

    /// Appends a line to the file.
    fn record(&self, event: &str, entry: &Entry) {
        let Some(file) = &self.shared.file else {
            return;
        };
        let line = Line {
            event,
            number: entry.number,
            mti: entry.mti.as_str(),
            stan: format_args!("{:06}", entry.stan),
            terminal: entry.terminal.as_str(),
            acceptor: entry.acceptor.as_str(),
            amount: entry.amount,
            currency: entry.currency.as_str(),
            bin: entry.bin.as_str(),
            retrieval_reference: entry.retrieval_reference.as_str(),
            approval_code: entry.approval_code.as_str(),
            response_code: entry.response_code.as_str(),
        };
        let mut file = lock(file);
        let written = serde_json::to_writer(&mut *file, &line).map_err(io::Error::from);
        if written.and_then(|()| file.write_all(b"\n")).is_err() {
            self.shared.file_errors.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Shard {
    fn place(&self, stan: u32, terminal: Short<16>) -> Option<usize> {
        let place = *self.places.get(&(stan, terminal))?;
        usize::try_from(place.checked_sub(self.first)?).ok()
    }

    fn forget(&mut self, entries_max: usize) {
        while self.entries.len() > entries_max {
            let Some(oldest) = self.entries.pop_front() else {
                return;
            };
            let key = (oldest.stan, oldest.terminal);
            if self.places.get(&key) == Some(&self.first) {
                self.places.remove(&key);
            }
            self.first += 1;
            self.totals.forgotten += 1;
        }
    }
}

/// What a line of the file says: no card number, only what a receipt shows.
#[derive(Serialize)]
struct Line<'a> {
    event: &'a str,
    number: u64,
    mti: &'a str,
    stan: std::fmt::Arguments<'a>,
    terminal: &'a str,
    acceptor: &'a str,
    amount: u64,
    currency: &'a str,
    bin: &'a str,
    retrieval_reference: &'a str,
    approval_code: &'a str,
    response_code: &'a str,
}

/// A panic while the lock was held leaves counts that are at worst one short: better than a bank that stops.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(stan: u32, terminal: &str, amount: u64) -> Entry {
        Entry {
            number: 0,
            mti: Mti::literal(b"0200"),
            stan,
            terminal: Short::new(terminal),
            acceptor: Short::new("MERCHANT"),
            amount,
            currency: Short::new("978"),
            moment: Short::new("1114221320"),
            bin: Short::new("411111"),
            retrieval_reference: Short::new("331822000042"),
            approval_code: Short::new("000042"),
            response_code: ResponseCode::APPROVED,
            reversed: false,
            repeats: 0,
        }
    }

    fn ledger(entries_max: usize) -> Ledger {
        Ledger::new(entries_max, None).unwrap()
    }

    #[test]
    fn approvals_add_up_and_stay_in_order() {
        let ledger = ledger(100);
        for stan in 1..=20 {
            assert_eq!(ledger.approve(entry(stan, "T1", 100)), Booked::New);
        }
        let totals = Totals {
            approved: 20,
            approved_amount: 2_000,
            ..Totals::default()
        };
        assert_eq!(ledger.totals(), totals);
        let stans: Vec<_> = ledger.entries().iter().map(|entry| entry.stan).collect();
        assert_eq!(stans, (1..=20).collect::<Vec<_>>());
    }

    #[test]
    fn a_repeat_is_answered_as_before_and_not_booked_again() {
        let ledger = ledger(100);
        ledger.approve(entry(7, "T1", 100));
        let repeat = Entry {
            mti: Mti::literal(b"0201"),
            approval_code: Short::new("999999"),
            ..entry(7, "T1", 100)
        };
        let Booked::Repeat(known) = ledger.approve(repeat) else {
            panic!("known")
        };
        assert_eq!((known.approval_code.as_str(), known.repeats), ("000042", 1));
        // The same STAN at another terminal, with another amount or at another time is another purchase.
        assert_eq!(ledger.approve(entry(7, "T2", 100)), Booked::New);
        assert_eq!(ledger.approve(entry(7, "T1", 101)), Booked::New);
        assert_eq!(
            ledger.approve(Entry {
                moment: Short::new("1115221320"),
                ..entry(7, "T1", 101)
            }),
            Booked::New
        );
        assert_eq!(
            ledger.totals(),
            Totals {
                approved: 4,
                approved_amount: 402,
                repeats: 1,
                ..Totals::default()
            }
        );
    }

    #[test]
    fn a_reversal_takes_back_once() {
        let ledger = ledger(100);
        ledger.approve(entry(7, "T1", 100));
        assert_eq!(ledger.reverse(7, Short::new("T2")), Reversed::Unknown);
        assert_eq!(ledger.reverse(7, Short::new("T1")), Reversed::Now);
        assert_eq!(ledger.reverse(7, Short::new("T1")), Reversed::Before);
        assert!(ledger.find(7, "T1").unwrap().reversed);
        let totals = Totals {
            approved: 1,
            approved_amount: 100,
            reversed: 1,
            reversed_amount: 100,
            reversals_unmatched: 1,
            ..Totals::default()
        };
        assert_eq!(ledger.totals(), totals);
    }

    #[test]
    fn the_oldest_entries_are_forgotten_but_counted() {
        let ledger = ledger(SHARDS);
        for stan in 1..=1_000 {
            ledger.approve(entry(stan, "T1", 1));
        }
        let (kept, totals) = (ledger.entries(), ledger.totals());
        assert!(kept.len() <= SHARDS, "{}", kept.len());
        assert_eq!((totals.approved, totals.approved_amount), (1_000, 1_000));
        assert_eq!(totals.forgotten, 1_000 - kept.len() as u64);
        for entry in kept {
            assert_eq!(ledger.find(entry.stan, "T1"), Some(entry));
        }
        let index: usize = ledger
            .shared
            .shards
            .iter()
            .map(|shard| lock(shard).places.len())
            .sum();
        assert!(index <= SHARDS, "the index forgets too: {index}");
    }
}
