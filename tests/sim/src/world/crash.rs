//! The end of the switch, its next life, and its disk.

use std::sync::Arc;
use std::time::Duration;

use pointsman_engine::{Link, Record, RecordNumber, Recovered, TransactionIds, WallClock};

use super::{Event, World};
use crate::disk::Committed;
use crate::log::Entry;
use crate::terminal::Fate;

/// The wall clock at the beginning.
const WALL: i64 = 1_795_000_000;

/// Records that are synced together.
const BATCH_MAX: usize = 500;

const DAY: i64 = 86_400;

/// From the beginning of a run until midnight.
pub(super) fn seconds_to_midnight() -> i64 {
    DAY - WALL % DAY
}

/// The wall clock of a switch that starts at the beginning.
pub(super) fn clock_at_start(clock_off: i64) -> u64 {
    u64::try_from(WALL + clock_off).expect("after 1970")
}

impl World {
    /// Seconds of the wall clock.
    pub(super) fn wall_clock(&self) -> u64 {
        let passed = i64::try_from(self.now.as_nanos() / 1_000_000_000).expect("short");
        u64::try_from(WALL + passed + self.clock_off).expect("after 1970")
    }

    /// The day that it is, counted since 1970: none if the clock was set in this life, which goes on by the old one while
    /// its records have the new one.
    pub(super) fn day(&self) -> Option<u64> {
        (self.clock_off == self.clock_off_of_life).then(|| self.wall_clock() / DAY as u64)
    }

    pub(super) fn journal(&mut self, link: usize, number: RecordNumber, record: Record) {
        self.trace.line(self.now, || {
            format!("link {link} record {}: {record:?}", number.get())
        });
        let label = match &record {
            Record::Intent(_) => "intent",
            Record::Outcome { .. } => "outcome",
            Record::Due(due) => due.cause.map_or("promised", |cause| cause.label()),
            Record::Attempt { .. } => "attempt",
            Record::Settled { .. } => "record_settled",
            Record::Withdrawn { .. } => "withdrawn",
            Record::ReversedUnseen { .. } => "record_unseen",
        };
        self.happened(label);
        self.learn(link, &record, true);
        let at = self.wall_clock();
        let place = self.log.append(link, at, record);
        let driver = &mut self.links[link];
        driver.numbers.push((number, place));
        if number.get() != driver.numbers.len() as u64 {
            self.fail(format!(
                "link {link}: record {} is out of order",
                number.get()
            ));
            return;
        }
        self.sync();
        if self.random.permille(self.faults.crash_at_record) {
            let most = 2 * *self.plan.journal_micros.end() + 1_000;
            let at = self.now + self.random.micros(0..=most);
            let life = self.life;
            self.queue.push(at, Event::Crash { life });
        }
    }

    /// What the log says about who uses which number. `new`: it is said now, and must be right.
    fn learn(&mut self, link: usize, record: &Record, new: bool) {
        let driver = &mut self.links[link];
        match record {
            Record::Attempt {
                transaction,
                kind,
                stan,
                ..
            } => {
                let owner = driver.owed.insert(stan.get(), (*transaction, *kind));
                let other = owner.is_some_and(|owner| owner != (*transaction, *kind));
                let open = driver.by_stan.get(&stan.get());
                let open = open.is_some_and(|index| !self.issued[*index].answered);
                if new && (other || open) {
                    self.fail(format!(
                        "link {link}: {record:?} takes a number that is in use"
                    ));
                }
            }
            Record::Settled {
                transaction, kind, ..
            } => {
                driver
                    .owed
                    .retain(|_, owner| *owner != (*transaction, *kind));
            }
            Record::Withdrawn { stan, transaction } if new => {
                let issued = driver.by_stan.get(&stan.get());
                let Some(issued) = issued.map(|index| &mut self.issued[*index]) else {
                    self.fail(format!("link {link}: {record:?} is about nothing"));
                    return;
                };
                issued.withdrawn = true;
                if issued.released {
                    self.fail(format!("{transaction} was sent and is said not to be"));
                }
            }
            Record::Due(due) if new => {
                let nonce = due.trace.rrn().parse().unwrap_or_default();
                let facts = self.log.facts(nonce);
                let inquiry = self.issued.iter().any(|issued| {
                    issued.nonce == nonce && issued.nature == pointsman_engine::Nature::Inquiry
                });
                if inquiry {
                    self.fail(format!("{nonce} moved no money and is to be reversed"));
                } else if facts
                    .transaction
                    .is_some_and(|known| known != due.transaction)
                {
                    self.fail(format!("{nonce} is due under two names"));
                }
            }
            _ => {}
        }
    }

    /// Begins a sync unless one is on its way.
    fn sync(&mut self) {
        if self.log.syncing.is_some() || self.log.failed || self.log.durable() == self.log.len() {
            return;
        }
        let durable = self.log.durable();
        let (life, end) = (self.life, self.log.len().min(durable + BATCH_MAX));
        self.log.syncing = Some(end);
        if let Some(disk) = &mut self.disk {
            // What the log does takes no time here: the machine may stop in the middle of it, or before it is known.
            let often = 2 * self.faults.crash_at_record;
            let stops = self
                .random
                .permille(often)
                .then(|| self.random.between(1..=8));
            let records = self.log.entries().get(durable..end).unwrap_or_default();
            let records = records.iter().map(|entry| (entry.serial, &entry.record));
            match disk.commit(records, stops) {
                Committed::Durable => {}
                Committed::Stopped => {
                    self.happened("stopped_in_commit");
                    self.queue.push(self.now, Event::Crash { life });
                    return;
                }
                Committed::Failed => {
                    self.sync_failed();
                    return;
                }
            }
            if disk.is_low() && self.recording {
                self.happened("space_low");
                self.record_no_more();
            }
        }
        let at = self.now + self.random.micros(self.plan.journal_micros.clone());
        self.queue.push(at, Event::Synced { life, end });
    }

    pub(super) fn synced(&mut self, life: u32, end: usize) {
        if life != self.life || !self.alive || self.log.failed {
            return;
        }
        self.trace
            .note(self.now, "synced", 0, &(end as u64).to_le_bytes());
        self.log.syncing = None;
        self.log.synced(end);
        for link in 0..self.links.len() {
            let at = self.now + self.random.micros(0..=100);
            self.queue.push(at, Event::Durable { link, life });
        }
        self.sync();
    }

    /// What happens to the switch and its disk: looked at ten times a second.
    pub(super) fn plan_switch_trouble(&mut self) {
        let at = self.now + self.random.millis(50..=150);
        self.queue.push(at, Event::SwitchTrouble);
    }

    pub(super) fn switch_trouble(&mut self) {
        if self.healing || (!self.loading && !self.draining) {
            return;
        }
        self.plan_switch_trouble();
        let faults = self.faults.clone();
        let mut strikes = |often: u32| self.random.permille(often / 10);
        let (crash, jump) = (strikes(faults.crashes), strikes(faults.clock_jumps));
        let (low, failed) = (strikes(faults.space_low), strikes(faults.sync_fails));
        let life = self.life;
        if jump {
            self.happened("clock_jump");
            self.risk.forget_limits();
            let now = self.now;
            self.clock_off += self.random.pick(&[-86_400, -3_600, 3_600, 86_400]);
            self.trace
                .line(now, || format!("the clock is off by {} s", self.clock_off));
        }
        if !self.alive {
            return;
        }
        if crash {
            let at = self.now + self.random.micros(0..=50_000);
            self.queue.push(at, Event::Crash { life });
        } else if failed && !self.log.failed {
            match &mut self.disk {
                Some(disk) => disk.fail_next_sync(),
                None => self.sync_failed(),
            }
        } else if low && self.recording {
            match &mut self.disk {
                Some(disk) => disk.fill_up(true),
                None => {
                    self.happened("space_low");
                    self.record_no_more();
                }
            }
            let at = self.now + self.random.millis(100..=2_000);
            self.queue.push(at, Event::SpaceBack { life });
        }
    }

    /// Nothing becomes durable any more: the switch has to be started again.
    fn sync_failed(&mut self) {
        self.happened("sync_failed");
        self.log.failed = true;
        self.record_no_more();
        let life = self.life;
        let at = self.now + self.random.millis(50..=1_500);
        self.queue.push(at, Event::Crash { life });
    }

    fn record_no_more(&mut self) {
        self.recording = false;
        for driver in &mut self.links {
            driver.link.handle_recording(false);
        }
    }

    pub(super) fn space_back(&mut self, life: u32) {
        if life != self.life || !self.alive || self.log.failed {
            return;
        }
        if let Some(disk) = &mut self.disk {
            disk.fill_up(false);
            if disk.is_low() {
                let at = self.now + self.random.millis(10..=50);
                self.queue.push(at, Event::SpaceBack { life });
                return;
            }
        }
        {
            self.recording = true;
            for driver in &mut self.links {
                driver.link.handle_recording(true);
            }
        }
    }

    /// The whole switch is gone: what it had in memory, what waited, and some of what was not durable.
    pub(super) fn crash(&mut self, life: u32) {
        if life != self.life || !self.alive {
            return;
        }
        self.happened("crash");
        self.report.crashes += 1;
        let unsure = self.log.len() - self.log.durable();
        let end = match &mut self.disk {
            None => self.log.durable() + self.random.below(unsure as u64 + 1) as usize,
            Some(disk) => {
                let entries = self.log.entries();
                let written = |place: usize| {
                    let entry = entries.get(place)?;
                    Some((entry.serial, &entry.record))
                };
                match disk.crash(&mut self.random, written) {
                    Ok(end) if end >= self.log.durable() => end,
                    Ok(end) => {
                        let durable = self.log.durable();
                        self.fail(format!("of {durable} durable records {end} are there"));
                        return;
                    }
                    Err(what) => {
                        self.fail(what);
                        return;
                    }
                }
            }
        };
        let lost = self.log.len() - end;
        self.trace.note(
            self.now,
            "crash",
            u64::from(life),
            &(end as u64).to_le_bytes(),
        );
        self.trace.line(self.now, || {
            format!("the switch crashes; of {unsure} records that were not durable {lost} are lost")
        });
        self.log.crash(end);
        for bank in &mut self.banks {
            bank.crashed(end);
        }
        self.alive = false;
        self.life += 1;
        for issued in &mut self.issued {
            issued.answered = true;
        }
        for conn in 0..self.conns.len() {
            if self.conns[conn].at_switch {
                self.conns[conn].at_switch = false;
                for message in core::mem::take(&mut self.conns[conn].open) {
                    self.messages[message].fate = Fate::Abandoned;
                }
                let at = self.now + self.random.micros(100..=5_000);
                self.queue.push(at, Event::Closed { conn });
            }
        }
        for link in 0..self.links.len() {
            let epoch = self.links[link].epoch;
            self.banks[link].disconnected(epoch);
            self.links[link].crash();
        }
        let at = self.now + self.random.millis(self.plan.restart_ms.clone());
        self.queue.push(at, Event::Restart);
    }

    /// The next life: what the records add up to.
    pub(super) fn restart(&mut self) {
        self.trace
            .note(self.now, "restart", u64::from(self.life), &[]);
        self.trace.line(self.now, || {
            format!("the switch starts, life {}", self.life)
        });
        self.alive = true;
        self.recording = true;
        self.clock_off_of_life = self.clock_off;
        let clock = self.wall_clock();
        for link in 0..self.links.len() {
            let mut recovered = Recovered::default();
            let entries: Vec<Entry> = self
                .log
                .entries()
                .iter()
                .filter(|entry| entry.link == link)
                .cloned()
                .collect();
            for entry in entries {
                self.learn(link, &entry.record, false);
                recovered.apply(entry.at, entry.record);
            }
            let mut profile = self.links[link].profile.clone();
            profile.transactions = TransactionIds::new(self.life + 1, link as u16);
            profile.wall_clock = WallClock::from_unix_seconds(clock_at_start(self.clock_off));
            profile.seed = self.random.next();
            profile.stan_seed = Some(self.random.next());
            let profile = Arc::new(profile);
            self.links[link].link = match self.options.bug {
                Some(bug) => {
                    Link::recover_with_planted_bug(profile, self.now, clock, recovered, bug)
                }
                None => Link::recover(profile, self.now, clock, recovered),
            };
            self.drain_link(link, None);
        }
        if self.random.permille(self.faults.crash_again) {
            self.happened("crash_again");
            let at = self.now + self.random.micros(0..=20_000);
            let life = self.life;
            self.queue.push(at, Event::Crash { life });
        }
    }

    /// The end of a sync that never comes.
    pub(super) fn journal_max(&self) -> Duration {
        Duration::from_micros(*self.plan.journal_micros.end() + 200)
    }
}
