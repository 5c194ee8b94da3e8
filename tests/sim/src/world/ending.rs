//! How a run ends: the faults stop, everything recovers, comes to rest, is drained; and the money is counted.

use std::time::Duration;

use pointsman_engine::{LinkState, Nature, Occupancy};

use super::{Event, World};
use crate::bank::Entry;
use crate::checks;
use crate::plan::{Ending, Faults};
use crate::terminal::Stage;

/// A connection attempt that hangs takes 10 s, a host that signed off and forgot about it 30 s, the longest pause 3 s, a
/// silent connection two echoes of at most 3.5 s, and numbers rest for less than 9 s: together well below this.
const RECOVERY_MAX: Duration = Duration::from_secs(60);

/// Until every number has rested and every request has been given up on.
const REST: Duration = Duration::from_secs(12);

impl World {
    pub(super) fn load_ends(&mut self) {
        match self.plan.ending {
            Ending::Heal => self.heal(),
            Ending::DrainUnderLoad => {
                self.queue.push(self.now, Event::Drain);
                self.queue
                    .push(self.now + Duration::from_millis(500), Event::Silence);
            }
        }
    }

    /// The terminals begin nothing new, and nothing goes wrong any more.
    fn heal(&mut self) {
        self.loading = false;
        self.healing = true;
        self.faults = Faults::default();
        if self.log.failed {
            // Only another life helps, and somebody starts it.
            let life = self.life;
            self.crash(life);
        } else if self.alive {
            let life = self.life;
            self.space_back(life);
        }
        self.recover_until = self.now + RECOVERY_MAX;
        for link in 0..self.links.len() {
            self.queue.push(self.now, Event::Probe { link });
        }
        self.queue.push(self.now, Event::Settle);
    }

    /// A purchase over this link must succeed, if not now then soon.
    pub(super) fn probe(&mut self, link: usize) {
        if self.recovered[link] {
            return;
        }
        if self.now > self.recover_until {
            let occupancy = self.links[link].link.occupancy();
            let state = self.links[link].link.state();
            self.fail(format!(
                "link {link} did not recover: {}, {occupancy:?}",
                state.label()
            ));
            return;
        }
        self.send_probe(link);
        self.queue
            .push(self.now + Duration::from_millis(500), Event::Probe { link });
    }

    /// Every link serves, every terminal has brought to an end what it began, and the banks have been told all.
    pub(super) fn settle(&mut self) {
        if self.alive {
            // A person looks at what was given up on, and wants it sent again.
            for (link, transaction, kind) in self.log.dead_letters() {
                self.happened("retry");
                if !self.links[link]
                    .link
                    .handle_retry(self.now, transaction, kind)
                {
                    self.fail(format!("{kind:?} of {transaction} cannot be retried"));
                }
                self.drain_link(link, None);
            }
        }
        let deals = self.deals.iter();
        let undone = deals.filter(|deal| deal.stage != Stage::Done).count();
        let links = self.links.iter();
        let due: usize = links
            .map(|driver| driver.link.occupancy().obligations)
            .sum();
        let recovered = self.recovered.iter().all(|recovered| *recovered);
        if self.alive && recovered && undone + due == 0 {
            self.queue
                .push(self.now + REST + self.stall_max(), Event::Rest);
        } else if self.now > self.recover_until {
            self.fail(format!(
                "it does not come to rest: {undone} deals, {due} obligations"
            ));
        } else {
            self.queue
                .push(self.now + Duration::from_millis(500), Event::Settle);
        }
    }

    /// Nothing has been asked for a while: nothing may be left anywhere.
    pub(super) fn rest(&mut self) {
        for link in 0..self.links.len() {
            self.links[link].link.handle_timer(self.now);
            self.drain_link(link, None);
            let driver = &self.links[link];
            let (occupancy, held) = (driver.link.occupancy(), driver.held.len());
            let waiting = driver.queue.len() + driver.held_answers.len();
            if !is_empty(occupancy) || held + waiting > 0 {
                self.fail(format!(
                    "link {link} is not at rest: {occupancy:?}, {waiting} waiting"
                ));
            }
        }
        self.nothing_is_open();
        self.money();
        self.queue.push(self.now, Event::Drain);
    }

    fn nothing_is_open(&mut self) {
        let mut open = self.conns.iter().enumerate();
        let open = open.find(|(_, conn)| conn.life == self.life && conn.session.in_flight() > 0);
        if let Some((index, conn)) = open {
            let (count, at_switch) = (conn.session.in_flight(), conn.at_switch);
            self.fail(format!(
                "connection {index} (open: {at_switch}) still has {count} requests"
            ));
        }
    }

    pub(super) fn drain(&mut self) {
        if !self.alive {
            self.queue
                .push(self.now + Duration::from_millis(100), Event::Drain);
            return;
        }
        self.trace.note(self.now, "drain", 0, &[]);
        self.trace.line(self.now, || "drain".into());
        self.draining = true;
        for conn in 0..self.conns.len() {
            if self.conns[conn].life == self.life {
                self.conns[conn].session.handle_drain();
                self.drain_session(conn, None);
            }
        }
        self.drained_life = self.life;
        let mut longest = Duration::ZERO;
        for link in 0..self.links.len() {
            self.links[link].link.handle_drain(self.now);
            self.drain_link(link, None);
            let timeout = self.links[link].plan.timeout;
            longest = longest.max(checks::patience(
                timeout,
                self.journal_max(),
                self.stall_max(),
            ));
        }
        // The sign-off may stay unanswered for 3 s at most, and terminals go on buying for a moment.
        let sign_off = Duration::from_secs(3);
        self.queue
            .push(self.now + longest + longest + sign_off, Event::End);
    }

    /// The drained switch has ended. After a drain in the middle of everything it starts once more: what it still owed
    /// is on record.
    pub(super) fn end(&mut self) {
        let again = !self.healing;
        let crashed = again && (!self.alive || self.life != self.drained_life || self.log.failed);
        for link in 0..self.links.len() {
            let driver = &self.links[link];
            let (occupancy, state) = (driver.link.occupancy(), driver.link.state());
            let over = driver.drained && state == LinkState::Drained;
            let empty = again || is_empty(occupancy);
            if !crashed && (!over || !empty || occupancy.in_flight + occupancy.outputs > 0) {
                self.fail(format!(
                    "link {link} is not drained: {}, {occupancy:?}",
                    state.label()
                ));
            }
        }
        if !again {
            self.ended = true;
            self.nothing_is_open();
            return;
        }
        self.draining = false;
        let life = self.life;
        self.crash(life);
        self.heal();
    }

    /// What the banks believe and what the terminals were told agree.
    fn money(&mut self) {
        for index in 0..self.deals.len() {
            let deal = &self.deals[index];
            let (nonce, receipt) = (deal.nonce, deal.receipt);
            let entry = self.banks[deal.bank].ledger.get(&nonce);
            let held = entry.filter(|entry| entry.booked && !entry.reversed);
            let should = receipt == Some(true) && !deal.reversed;
            self.report.reversals +=
                u64::from(entry.is_some_and(|entry| entry.booked && entry.reversed));
            if deal.nature == Nature::Advice {
                self.report.advices += u64::from(entry.is_some());
            }
            let stood_in = self.risk.approval(nonce).filter(|_| should);
            self.report.stood_in += u64::from(stood_in.is_some());
            let whole = |entry: &Entry| {
                stood_in.is_none_or(|approval| approval.amount == entry.decision.amount)
            };
            let asked = (deal.amount, receipt, deal.reversed);
            match held {
                Some(entry) if should && entry.decision.amount <= deal.amount && whole(entry) => {}
                Some(entry) if !should && entry.excused => self.report.excused += 1,
                None if !should => {}
                _ => {
                    let what = format!(
                        "transaction {nonce}: the terminal has {asked:?}, its bank {entry:?}"
                    );
                    self.fail(what);
                    return;
                }
            }
        }
    }
}

/// Nothing is there but what may be asked again.
fn is_empty(occupancy: Occupancy) -> bool {
    occupancy
        == Occupancy {
            originals: occupancy.originals,
            ..Occupancy::default()
        }
}
