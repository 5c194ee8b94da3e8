//! What the bank has to be told until it acknowledges: reversals, and the advices of terminals.
//!
//! ```text
//!            due ┌─────────┐ its turn, a place in the window  ┌───────────┐ 00, 25
//!       ───────▶ │ waiting │ ───────────────────────────────▶ │ in flight │ ──────▶ settled
//!                └─────────┘ ◀─────────────────────────────── └───────────┘
//!                     │        no answer, 91, connection lost       │ refused again and again
//!                     └───────── expired ──────▶ dead letter ◀──────┘
//! ```
//! Of the obligations of one transaction only the first is sent, in the order in which they became due; of all that may
//! be sent, reversals go first, then completions, then advices. One that is not acknowledged waits with growing pauses
//! and holds nobody up. Repeats go under the same number with the repeat's message type.

use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::vec::Vec;

use pointsman_iso8583::{Mti, ResponseCode, Stan, View};

use super::backoff::Retry;
use super::journal::{ObligationKind, RecordNumber, Reference, ReversalCause};
use super::profile::StoreForwardProfile;
use crate::planted::{Planted, PlantedBug};
use crate::{CardMessage, Instant, Trace, TransactionId};

/// In the order of becoming due.
pub(super) type Number = u64;

/// One obligation.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) transaction: TransactionId,
    pub(super) kind: ObligationKind,
    pub(super) cause: Option<ReversalCause>,
    pub(super) trace: Trace,
    pub(super) reference: Option<Reference>,
    /// As it was kept; number and reason are put in when it is sent.
    pub(super) message: CardMessage,
    /// The number under which it is sent, from the first time on.
    pub(super) stan: Option<Stan>,
    /// How often it may have been sent.
    pub(super) attempts: u32,
    /// How often the bank refused it.
    pub(super) refusals: u32,
    /// How many acknowledgements do not count, because they may be older than the original.
    pub(super) doubts: u32,
    pub(super) since: Instant,
    /// The record that must be durable before it is sent.
    pub(super) after: Option<RecordNumber>,
    pub(super) pause: Retry,
    pub(super) answered_by: Option<Mti>,
    pub(super) deadline: Option<Instant>,
    pub(super) pause_until: Option<Instant>,
    pub(super) expires: Instant,
}

#[derive(Debug, Default)]
pub(super) struct StoreForward {
    entries: BTreeMap<Number, Entry>,
    next: Number,
    /// May be sent now.
    ready: BTreeSet<(ObligationKind, Number)>,
    /// Pauses until then.
    pausing: BTreeSet<(Instant, Number)>,
    /// Sent and not answered, by number.
    window: BTreeMap<Stan, Number>,
    deadlines: BTreeSet<(Instant, Number)>,
    /// The obligations of each transaction; only the first may be sent.
    lines: BTreeMap<TransactionId, VecDeque<Number>>,
    /// Acknowledged reversals whose original may still be approved late.
    settled: VecDeque<(Instant, Entry)>,
    /// Wait for a person.
    dead: BTreeMap<(TransactionId, ObligationKind), Entry>,
    expiring: BTreeSet<(Instant, Number)>,
    /// Numbers under which something may be sent again, and how many go by each.
    held: BTreeMap<Stan, u32>,
    planted: Planted,
}

/// What the bank says to an obligation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Final,
    Later,
    Refused,
}

impl StoreForward {
    pub(super) fn new(planted: Planted) -> StoreForward {
        StoreForward {
            planted,
            ..StoreForward::default()
        }
    }

    /// All that is not settled.
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn in_window(&self) -> usize {
        self.window.len()
    }

    pub(super) fn dead_letters(&self) -> usize {
        self.dead.len()
    }

    /// How long the oldest has been due.
    pub(super) fn oldest(&self) -> Option<Instant> {
        self.entries.first_key_value().map(|(_, entry)| entry.since)
    }

    pub(super) fn get_mut(&mut self, number: Number) -> Option<&mut Entry> {
        self.entries.get_mut(&number)
    }

    pub(super) fn has(&self, transaction: TransactionId, kind: ObligationKind) -> bool {
        self.find(transaction, kind).is_some()
    }

    /// One that waits or is in flight, by its name.
    pub(super) fn find(&self, transaction: TransactionId, kind: ObligationKind) -> Option<Number> {
        self.lines
            .get(&transaction)?
            .iter()
            .copied()
            .find(|number| {
                self.entries
                    .get(number)
                    .is_some_and(|entry| entry.kind == kind)
            })
    }

    /// Is the number in use by something that is to be sent again under it?
    pub(super) fn holds(&self, stan: Stan) -> bool {
        self.held.contains_key(&stan)
    }

    /// From now on it is due.
    pub(super) fn add(&mut self, entry: Entry) {
        let number = self.next;
        self.next += 1;
        let line = self.lines.entry(entry.transaction).or_default();
        line.push_back(number);
        if line.len() == 1 || self.planted.has(PlantedBug::OrderBroken) {
            self.ready.insert((entry.kind, number));
        }
        self.expiring.insert((entry.expires, number));
        self.hold(entry.stan);
        self.entries.insert(number, entry);
    }

    /// What may be sent next, if there is room for it.
    pub(super) fn next_to_send(&self, profile: &StoreForwardProfile) -> Option<Number> {
        if self.window.len() >= profile.window && !self.planted.has(PlantedBug::WindowIgnored) {
            return None;
        }
        // One whose number is in use by another waits until that one is answered: numbers of the original's own.
        let free = |number: &Number| {
            let stan = self.entries.get(number).and_then(|entry| entry.stan);
            stan.is_none_or(|stan| !self.window.contains_key(&stan))
        };
        self.ready
            .iter()
            .map(|(_, number)| *number)
            .take(SEARCH_MAX)
            .find(free)
    }

    /// It is sent under its number.
    pub(super) fn sent(
        &mut self,
        number: Number,
        stan: Stan,
        answered_by: Option<Mti>,
        deadline: Instant,
    ) {
        let Some(entry) = self.entries.get_mut(&number) else {
            return;
        };
        if entry.stan.replace(stan).is_none() {
            *self.held.entry(stan).or_default() += 1;
        }
        entry.attempts = entry.attempts.saturating_add(1);
        entry.answered_by = answered_by;
        entry.deadline = Some(deadline);
        self.ready.remove(&(entry.kind, number));
        self.window.insert(stan, number);
        self.deadlines.insert((deadline, number));
    }

    /// Which obligation a message of the bank answers.
    pub(super) fn answered_by(&self, answer: &View<'_>) -> Option<Number> {
        let number = *self.window.get(&answer.stan()?)?;
        let entry = self.entries.get(&number)?;
        if entry.answered_by != Some(answer.mti()) {
            return None;
        }
        let sent = answer.dialect().view(entry.message.expose()).ok()?;
        let same = match (sent.wire(41), answer.wire(41)) {
            (Some(sent), Some(answered)) => sent == answered,
            _ => true,
        };
        same.then_some(number)
    }

    /// The oldest in the window, if its time has passed.
    pub(super) fn overdue(&self, now: Instant) -> Option<Number> {
        self.deadlines
            .first()
            .filter(|(deadline, _)| *deadline <= now)
            .map(|(_, number)| *number)
    }

    /// Out of the window again: it waits before its next turn, or goes at once if `at` is not later than now.
    pub(super) fn postpone(&mut self, number: Number, at: Instant) {
        self.leave_window(number);
        if let Some(entry) = self.entries.get_mut(&number) {
            entry.pause_until = Some(at);
            self.ready.remove(&(entry.kind, number));
            self.pausing.insert((at, number));
        }
    }

    /// All that is in the window, because the connection has gone.
    pub(super) fn all_in_window(&self) -> Vec<Number> {
        self.window.values().copied().collect()
    }

    /// The pauses that are over.
    pub(super) fn wake(&mut self, now: Instant) {
        while let Some(&(at, number)) = self.pausing.first() {
            if at > now {
                break;
            }
            self.pausing.pop_first();
            if let Some(entry) = self.entries.get_mut(&number) {
                entry.pause_until = None;
                self.ready.insert((entry.kind, number));
            }
        }
        while self.settled.front().is_some_and(|(until, _)| *until <= now) {
            self.settled.pop_front();
        }
    }

    /// One that has been due for too long and is not in flight.
    pub(super) fn expired(&self, now: Instant) -> Option<Number> {
        let (at, number) = *self.expiring.first()?;
        (at <= now).then_some(number)
    }

    /// The end of an obligation: the next one of its transaction may be sent.
    pub(super) fn take(&mut self, number: Number) -> Option<Entry> {
        self.leave_window(number);
        let entry = self.entries.remove(&number)?;
        self.ready.remove(&(entry.kind, number));
        self.expiring.remove(&(entry.expires, number));
        if let Some(until) = entry.pause_until {
            self.pausing.remove(&(until, number));
        }
        self.hold_no_more(entry.stan);
        if let Some(line) = self.lines.get_mut(&entry.transaction) {
            line.retain(|waiting| *waiting != number);
            match line.front() {
                Some(&first) => {
                    if let Some(next) = self.entries.get(&first) {
                        self.ready.insert((next.kind, first));
                    }
                }
                None => {
                    self.lines.remove(&entry.transaction);
                }
            }
        }
        Some(entry)
    }

    /// Remembers an acknowledged reversal as long as its original may be approved late.
    pub(super) fn remember(&mut self, entry: Entry, until: Instant) {
        self.settled.push_back((until, entry));
    }

    /// The acknowledged reversal of a transaction that was approved after all.
    pub(super) fn recall(&mut self, transaction: TransactionId) -> Option<Entry> {
        let place = self
            .settled
            .iter()
            .position(|(_, entry)| entry.transaction == transaction)?;
        self.settled.remove(place).map(|(_, entry)| entry)
    }

    pub(super) fn bury(&mut self, entry: Entry) {
        self.hold(entry.stan);
        self.dead.insert((entry.transaction, entry.kind), entry);
    }

    pub(super) fn exhume(
        &mut self,
        transaction: TransactionId,
        kind: ObligationKind,
    ) -> Option<Entry> {
        let entry = self.dead.remove(&(transaction, kind))?;
        self.hold_no_more(entry.stan);
        Some(entry)
    }

    fn hold(&mut self, stan: Option<Stan>) {
        if let Some(stan) = stan {
            *self.held.entry(stan).or_default() += 1;
        }
    }

    fn hold_no_more(&mut self, stan: Option<Stan>) {
        if let Some(stan) = stan
            && let Some(count) = self.held.get_mut(&stan)
        {
            *count -= 1;
            if *count == 0 {
                self.held.remove(&stan);
            }
        }
    }

    /// When something has to be done: `serving` says whether anything can be sent.
    pub(super) fn next_timer(&self, serving: bool) -> Option<Instant> {
        let deadline = self.deadlines.first().map(|(at, _)| *at);
        let pause = self.pausing.first().filter(|_| serving).map(|(at, _)| *at);
        let expiry = self.expiring.first().map(|(at, _)| *at);
        [deadline, pause, expiry].into_iter().flatten().min()
    }

    fn leave_window(&mut self, number: Number) {
        let Some(entry) = self.entries.get_mut(&number) else {
            return;
        };
        let Some(deadline) = entry.deadline.take() else {
            return;
        };
        self.deadlines.remove(&(deadline, number));
        if let Some(stan) = entry.stan
            && self.window.get(&stan) == Some(&number)
        {
            self.window.remove(&stan);
        }
    }
}

/// How far into the queue one is looked for whose number is free.
const SEARCH_MAX: usize = 64;

/// What a response code means for an obligation. ISO 8583:1987 and 1993, field 39.
pub(super) fn verdict(kind: ObligationKind, code: Option<ResponseCode>) -> Verdict {
    let Some(code) = code else {
        return Verdict::Refused;
    };
    match (kind, code.as_str()) {
        _ if code.is_approval() => Verdict::Final,
        // Unable to locate record: there is nothing to undo.
        (ObligationKind::Reversal, "25" | "914") => Verdict::Final,
        // Duplicate transmission: it has arrived before.
        (_, "94" | "913") => Verdict::Final,
        // Issuer or switch inoperative, late, in progress, malfunction, cut-off, and their like in 1993.
        (_, "91" | "68" | "09" | "96" | "90" | "22" | "907" | "909" | "911" | "921" | "923") => {
            Verdict::Later
        }
        _ => Verdict::Refused,
    }
}
