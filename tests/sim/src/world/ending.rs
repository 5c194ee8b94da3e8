//! How a run ends: the faults stop, everything recovers, comes to rest, is drained; and the money is counted.

use std::time::Duration;

use pointsman_engine::{LinkState, Occupancy};

use super::{Event, World};
use crate::checks;
use crate::plan::{Ending, Faults};
use crate::terminal::Fate;

/// A connection attempt that hangs takes 10 s, a host that signed off and forgot about it 30 s, the longest pause 3 s, a
/// silent connection two echoes of at most 3.5 s, and numbers rest for less than 9 s: together well below this.
const RECOVERY_MAX: Duration = Duration::from_secs(60);

/// Until every number has rested and every request has been given up on.
const REST: Duration = Duration::from_secs(12);

impl World {
    pub(super) fn load_ends(&mut self) {
        match self.plan.ending {
            Ending::Heal => {
                self.loading = false;
                self.faults = Faults::default();
                self.recover_until = self.now + RECOVERY_MAX;
                for link in 0..self.links.len() {
                    self.queue.push(self.now, Event::Probe { link });
                }
            }
            Ending::DrainUnderLoad => {
                self.queue.push(self.now, Event::Drain);
                self.queue
                    .push(self.now + Duration::from_millis(500), Event::Silence);
            }
        }
    }

    /// A purchase over this link must succeed, if not now then soon.
    pub(super) fn probe(&mut self, link: usize) {
        if self.recovered[link] {
            if self.recovered.iter().all(|recovered| *recovered) && !self.draining {
                self.draining = true;
                self.queue
                    .push(self.now + REST + self.stall_max(), Event::Rest);
            }
            return;
        }
        if self.now > self.recover_until {
            let state = self.links[link].link.state();
            self.fail(format!("link {link} did not recover: {}", state.label()));
            return;
        }
        self.send_probe(link);
        self.queue
            .push(self.now + Duration::from_millis(500), Event::Probe { link });
    }

    /// Nothing has been asked for a while: nothing may be left anywhere.
    pub(super) fn rest(&mut self) {
        for link in 0..self.links.len() {
            self.links[link].link.handle_timer(self.now);
            self.drain_link(link, None);
            let driver = &self.links[link];
            let (occupancy, held) = (driver.link.occupancy(), driver.held.len());
            let waiting = driver.queue.len() + driver.held_answers.len();
            if occupancy != Occupancy::default() || held + waiting > 0 {
                self.fail(format!(
                    "link {link} is not at rest: {occupancy:?}, {waiting} waiting"
                ));
            }
        }
        self.nothing_is_open();
        self.queue.push(self.now, Event::Drain);
    }

    fn nothing_is_open(&mut self) {
        let mut open = self.conns.iter().enumerate();
        let open = open.find(|(_, conn)| conn.session.in_flight() > 0);
        if let Some((index, conn)) = open {
            let (count, at_switch) = (conn.session.in_flight(), conn.at_switch);
            self.fail(format!(
                "connection {index} (open: {at_switch}) still has {count} requests"
            ));
        }
    }

    pub(super) fn drain(&mut self) {
        self.trace.note(self.now, "drain", 0, &[]);
        self.trace.line(self.now, || "drain".into());
        self.draining = true;
        for conn in 0..self.conns.len() {
            self.conns[conn].session.handle_drain();
            self.drain_session(conn, None);
        }
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

    pub(super) fn end(&mut self) {
        self.ended = true;
        for link in 0..self.links.len() {
            let driver = &self.links[link];
            let (occupancy, state) = (driver.link.occupancy(), driver.link.state());
            let over = driver.drained && state == LinkState::Drained;
            if !over || occupancy != Occupancy::default() || driver.link.next_timer().is_some() {
                self.fail(format!(
                    "link {link} is not drained: {}, {occupancy:?}",
                    state.label()
                ));
            }
        }
        self.nothing_is_open();
        self.money();
    }

    /// What the banks believe and what the terminals were told agree, or it is known that they do not.
    fn money(&mut self) {
        for index in 0..self.issued.len() {
            let issued = &self.issued[index];
            let transaction = &self.transactions[issued.transaction];
            let nonce = issued.nonce;
            let told = matches!(transaction.fate, Fate::Answered { approved: true, .. });
            let entry = self.banks[issued.link].ledger.get(&nonce);
            let approved = entry.is_some_and(|entry| entry.decision.approved);
            let due = issued.reversals > 0 || transaction.undelivered;
            if due && !issued.financial {
                self.fail(format!(
                    "transaction {nonce} moved no money and will be reversed"
                ));
            } else if issued.financial && approved && !told && !due {
                self.fail(format!(
                    "transaction {nonce} was approved, and nobody knows"
                ));
            } else if told && due {
                self.fail(format!(
                    "transaction {nonce} was told as approved and will be reversed"
                ));
            }
        }
    }
}
