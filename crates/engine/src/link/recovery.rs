//! What a link starts with after a crash: the fold of its records.
//!
//! A request without an outcome is in doubt: the bank may hold it, and nobody has been told. It becomes a reversal, as if
//! it had timed out. What was due is due, under the number under which it may have been sent; the first copy that a new
//! life sends is a repeat, since nobody knows whether the old life's arrived.

use alloc::collections::VecDeque;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;

use bytes::Bytes;
use hashbrown::HashMap;
use pointsman_iso8583::{Mti, Stan};

use super::Link;
use super::in_flight::{Money, Remembered};
use super::journal::{
    Due, Intent, ObligationKind, Record, RecordNumber, Reference, ReversalCause, Settlement,
};
use super::matching::{Expectation, Key};
use super::obligations::Sent;
use super::originals::{About, Fate, Original, REMEMBERED};
use super::profile::LinkProfile;
use super::store_forward::Entry;
use crate::planted::PlantedBug;
use crate::{CardMessage, Instant, StoodIn, TransactionId, limits};

/// The state that a link's records add up to.
#[derive(Debug, Default)]
pub struct Recovered {
    /// Sent or about to be, and not answered.
    in_doubt: HashMap<TransactionId, Intent>,
    obligations: HashMap<(TransactionId, ObligationKind), Owed>,
    /// In the order in which they came.
    order: Vec<(TransactionId, ObligationKind)>,
    dead: Vec<(TransactionId, ObligationKind)>,
    originals: HashMap<u64, Known>,
    /// What the switch approved by itself, with the day.
    stood_in: Vec<(u64, StoodIn)>,
    /// Requests that were given up on a moment ago: they may be approved late.
    late: HashMap<Stan, (u64, Intent)>,
    late_order: VecDeque<(u64, Stan)>,
    /// Reversals that were acknowledged a moment ago: a late approval brings them back.
    settled: VecDeque<(u64, Owed)>,
    /// Requests that were answered a moment ago: a second copy of the answer may come, or another one.
    answered: VecDeque<(u64, Answered)>,
    /// The number that was given last.
    given: Option<Stan>,
    /// By whom each number was used last: what used it before is too long ago.
    users: HashMap<Stan, TransactionId>,
    /// Seconds that the records cover, and the clock of the last one.
    elapsed: u64,
    clock: Option<u64>,
}

const DAY_SECONDS: u64 = 86_400;

/// What a moment is here: more than any rest of a number, and some silences, since a clock that was set forward counts
/// as one.
const MOMENT_SECONDS: u64 = 600;

/// Between two records no more than this counts, and nothing if the clock went back: a clock that is set must not make
/// the switch forget what terminals can still ask for. After a long silence more is remembered than need be.
const SILENCE_SECONDS_MAX: u64 = 60;

#[derive(Debug)]
struct Owed {
    due: Due,
    attempts: u32,
    settled: Option<Settlement>,
}

#[derive(Debug)]
struct Answered {
    transaction: TransactionId,
    stan: Stan,
    /// Of one that the bank declined: it may change its mind.
    declined: Option<Intent>,
}

#[derive(Clone, Copy, Debug)]
struct Known {
    reference: Reference,
    transaction: TransactionId,
    stan: Option<Stan>,
    mti: Mti,
    fate: Option<Fate>,
    at: u64,
}

impl Recovered {
    /// The next record, in the order of the journal; `at`, in whole seconds of some clock, is when it was written.
    pub fn apply(&mut self, at: u64, record: Record) {
        let clock = at;
        let at = self.tick(clock);
        match record {
            Record::Intent(intent) => {
                self.given = Some(intent.stan);
                self.users.insert(intent.stan, intent.transaction);
                self.know(
                    at,
                    intent.reference,
                    intent.transaction,
                    Some(intent.stan),
                    intent.mti,
                    None,
                );
                // Nobody has this number any more who could be answered late.
                self.late.remove(&intent.stan);
                self.in_doubt.insert(intent.transaction, intent);
            }
            Record::Outcome {
                transaction,
                approved,
                ..
            } => {
                if let Some(intent) = self.in_doubt.remove(&transaction) {
                    let again = false;
                    let fate = Fate::Answered { approved, again };
                    self.became(intent.reference, transaction, fate);
                    let answered = Answered {
                        transaction,
                        stan: intent.stan,
                        declined: (!approved).then_some(intent),
                    };
                    self.answered.push_back((at, answered));
                }
            }
            Record::Withdrawn { transaction, .. } => {
                if let Some(intent) = self.in_doubt.remove(&transaction)
                    && let Some(reference) = intent.reference
                    && self
                        .originals
                        .get(&reference.name)
                        .is_some_and(|known| known.transaction == transaction)
                {
                    self.originals.remove(&reference.name);
                }
            }
            Record::Due(due) => {
                // A reversal's, if it has one, is its original's.
                if due.kind != ObligationKind::Reversal {
                    self.given = due.stan.or(self.given);
                }
                self.due(at, clock / DAY_SECONDS, due);
            }
            Record::Attempt {
                transaction,
                kind,
                stan,
                count,
            } => {
                if let Some(owed) = self.obligations.get_mut(&(transaction, kind)) {
                    owed.due.stan = Some(stan);
                    owed.attempts = count;
                }
                self.late.remove(&stan);
                self.users.insert(stan, transaction);
                // A repeat has the number of the first attempt.
                if count <= 1 {
                    self.given = Some(stan);
                }
            }
            Record::Settled {
                transaction,
                kind,
                how,
            } => self.settled(at, transaction, kind, how),
            Record::ReversedUnseen { reference, .. } => {
                let (transaction, mti) = (TransactionId::from_raw(0), Mti::literal(b"0000"));
                let fate = Some(Fate::ReversedUnseen);
                self.know(at, Some(reference), transaction, None, mti, fate);
            }
        }
    }

    /// How many transactions are in doubt, and how many obligations are open.
    #[must_use]
    pub fn open(&self) -> (usize, usize) {
        let open = self
            .obligations
            .values()
            .filter(|owed| owed.settled.is_none());
        (self.in_doubt.len(), open.count())
    }

    /// The messages of what is still open or was a moment ago, for a journal that keeps them sealed: `open` gives each in
    /// clear.
    ///
    /// # Errors
    /// The first of `open`.
    pub fn open_messages<E>(
        &mut self,
        mut open: impl FnMut(TransactionId, Option<ObligationKind>, &[u8]) -> Result<Bytes, E>,
    ) -> Result<(), E> {
        for intent in self.in_doubt.values_mut() {
            let clear = open(intent.transaction, None, intent.reversal.expose())?;
            intent.reversal = CardMessage::new(clear);
        }
        for ((transaction, kind), owed) in &mut self.obligations {
            let clear = open(*transaction, Some(*kind), owed.due.message.expose())?;
            owed.due.message = CardMessage::new(clear);
        }
        for (_, intent) in self.late.values_mut() {
            let clear = open(intent.transaction, None, intent.reversal.expose())?;
            intent.reversal = CardMessage::new(clear);
        }
        for (_, answered) in &mut self.answered {
            if let Some(intent) = &mut answered.declined {
                let clear = open(intent.transaction, None, intent.reversal.expose())?;
                intent.reversal = CardMessage::new(clear);
            }
        }
        for (_, owed) in &mut self.settled {
            let (transaction, kind) = (owed.due.transaction, owed.due.kind);
            let clear = open(transaction, Some(kind), owed.due.message.expose())?;
            owed.due.message = CardMessage::new(clear);
        }
        Ok(())
    }

    fn due(&mut self, at: u64, day: u64, due: Due) {
        let key = (due.transaction, due.kind);
        if let Some(intent) = self.in_doubt.remove(&due.transaction) {
            self.late_order.push_back((at, intent.stan));
            self.late.insert(intent.stan, (at, intent));
        }
        if due.kind == ObligationKind::Reversal {
            if due.cause == Some(ReversalCause::LateApproval) {
                self.no_longer_declined(at, due.transaction);
            }
            let fate = due.cause.map_or(Fate::Reversed, |cause| match cause {
                ReversalCause::Terminal | ReversalCause::Undeliverable | ReversalCause::Restart => {
                    Fate::Reversed
                }
                cause => Fate::Declined(cause.decline()),
            });
            self.became(due.reference, due.transaction, fate);
        } else {
            let mti = match due.kind {
                ObligationKind::Advice => Mti::literal(b"0120"),
                ObligationKind::Completion | ObligationKind::Reversal => Mti::literal(b"0220"),
            };
            let fate = match due.stood_in {
                Some(stood_in) => {
                    self.stood_in.push((day, stood_in));
                    Fate::StoodIn { again: false }
                }
                None => Fate::Accepted,
            };
            let (transaction, stan) = (due.transaction, due.stan);
            self.know(at, due.reference, transaction, stan, mti, Some(fate));
        }
        let known = self.obligations.remove(&key);
        let again = self
            .settled
            .iter()
            .position(|(_, owed)| key == (owed.due.transaction, owed.due.kind))
            .and_then(|place| self.settled.remove(place));
        let was_open = known.is_some();
        let known = known.or(again.map(|(_, owed)| owed));
        self.dead.retain(|dead| *dead != key);
        if !was_open {
            self.order.push(key);
        }
        let attempts = known.map_or(0, |known| known.attempts);
        self.obligations.insert(
            key,
            Owed {
                due,
                attempts,
                settled: None,
            },
        );
    }

    /// The bank approved what it had declined, and its reversal is due: another approval is late.
    fn no_longer_declined(&mut self, at: u64, transaction: TransactionId) {
        let declined = self.answered.iter_mut().rev().find_map(|(_, answered)| {
            answered
                .declined
                .take_if(|intent| intent.transaction == transaction)
        });
        if let Some(intent) = declined {
            self.late_order.push_back((at, intent.stan));
            self.late.insert(intent.stan, (at, intent));
        }
    }

    fn settled(
        &mut self,
        at: u64,
        transaction: TransactionId,
        kind: ObligationKind,
        how: Settlement,
    ) {
        let key = (transaction, kind);
        self.dead.retain(|dead| *dead != key);
        if how.is_dead_letter() {
            if let Some(owed) = self.obligations.get_mut(&key) {
                owed.settled = Some(how);
                self.dead.push(key);
            }
        } else if let Some(owed) = self.obligations.remove(&key)
            && kind == ObligationKind::Reversal
            && matches!(how, Settlement::Acknowledged(_))
        {
            self.settled.push_back((at, owed));
        }
    }

    /// Time, as far as records and clock can be believed.
    fn tick(&mut self, clock: u64) -> u64 {
        let last = self.clock.replace(clock).unwrap_or(clock);
        self.elapsed += clock.saturating_sub(last).min(SILENCE_SECONDS_MAX);
        let since = self.elapsed.saturating_sub(MOMENT_SECONDS);
        while let Some((at, stan)) = forget(&mut self.late_order, since) {
            if self.late.get(&stan).is_some_and(|(known, _)| *known == at) {
                self.late.remove(&stan);
            }
        }
        while forget(&mut self.settled, since).is_some() {}
        while forget(&mut self.answered, since).is_some() {}
        self.elapsed
    }

    fn know(
        &mut self,
        at: u64,
        reference: Option<Reference>,
        transaction: TransactionId,
        stan: Option<Stan>,
        mti: Mti,
        fate: Option<Fate>,
    ) {
        if let Some(reference) = reference {
            let known = Known {
                reference,
                transaction,
                stan,
                mti,
                fate,
                at,
            };
            self.originals.insert(reference.name, known);
        }
    }

    fn became(&mut self, reference: Option<Reference>, transaction: TransactionId, fate: Fate) {
        if let Some(known) = reference.and_then(|reference| self.originals.get_mut(&reference.name))
            && known.transaction == transaction
        {
            // Also if the bank approves after all, the terminal was told what was said first.
            let declined = Fate::Answered {
                approved: false,
                again: false,
            };
            if known.fate != Some(declined) {
                known.fate = Some(fate);
            }
        }
    }
}

impl<R> Link<R> {
    /// A link that goes on where the last life of the switch ended. `clock` is the time at which it starts by the clock
    /// of the records. What was in doubt becomes a reversal at once: the first outputs say so.
    #[must_use]
    pub fn recover(
        profile: Arc<LinkProfile>,
        now: Instant,
        clock: u64,
        recovered: Recovered,
    ) -> Self {
        let mut link = Link::new(profile, now);
        link.take_over(clock, recovered);
        link
    }

    /// The same with a bug, for `tests/sim` alone.
    #[cfg(feature = "planted-bugs")]
    #[must_use]
    pub fn recover_with_planted_bug(
        profile: Arc<LinkProfile>,
        now: Instant,
        clock: u64,
        recovered: Recovered,
        bug: PlantedBug,
    ) -> Self {
        let mut link = Link::with_planted_bug(profile, now, bug);
        link.take_over(clock, recovered);
        link
    }

    fn take_over(&mut self, clock: u64, mut recovered: Recovered) {
        let elapsed = recovered.tick(clock);
        let Recovered {
            in_doubt,
            mut obligations,
            order,
            dead,
            originals,
            stood_in,
            late,
            settled,
            answered,
            given,
            users,
            ..
        } = recovered;
        // Banks find what a reversal is about by number and terminal: in each life another beginning would soon give a
        // number to a terminal that had it a minute ago, and a reversal of the second would undo the first.
        if self.profile.stan_seed.is_some()
            && let Some(stan) = given
        {
            self.stans.go_on_after(stan);
        }
        for (day, stood_in) in stood_in {
            if !self.planted.has(PlantedBug::StandInLimitLostOnRestart) {
                self.exposure.add(day, stood_in);
            }
        }
        self.take_over_originals(elapsed, originals.into_values().collect());
        for key in order {
            let Some(owed) = obligations.remove(&key) else {
                continue;
            };
            if key.1 == ObligationKind::Reversal
                && self.planted.has(PlantedBug::ReversalsLostOnRestart)
            {
                continue;
            }
            if owed.due.stood_in.is_some() && self.planted.has(PlantedBug::StandInLostOnRestart) {
                continue;
            }
            let entry = self.owed_before(&owed);
            if owed.settled.is_some() && dead.contains(&key) {
                if !self.planted.has(PlantedBug::DeadLettersLostOnRestart) {
                    self.store_forward.bury(entry);
                }
            } else {
                self.store_forward.add(entry);
            }
        }
        if !self.planted.has(PlantedBug::LateForgottenOnRestart) {
            let is_last = |owed: &Owed| {
                let stan = owed.due.stan.as_ref();
                stan.is_none_or(|stan| users.get(stan) == Some(&owed.due.transaction))
            };
            let settled = settled.iter().map(|(_, owed)| owed);
            self.take_over_recent(
                late.into_values().collect(),
                settled.filter(|owed| is_last(owed)),
            );
        }
        // In the order of their names, so that the same records give the same life.
        let mut in_doubt: Vec<Intent> = in_doubt.into_values().collect();
        in_doubt.sort_unstable_by_key(|intent| intent.transaction);
        if self.planted.has(PlantedBug::RestartForgetsInDoubt) {
            in_doubt.clear();
        }
        for intent in in_doubt {
            self.doubt(intent);
        }
        let answered = answered.into_iter().map(|(_, answered)| answered);
        self.take_over_answered(
            answered.filter(|answered| users.get(&answered.stan) == Some(&answered.transaction)),
        );
    }

    /// What was answered a moment ago.
    fn take_over_answered(&mut self, answered: impl Iterator<Item = Answered>) {
        let until = self.now + self.profile.cooling.answered;
        for Answered { stan, declined, .. } in answered {
            if self.stans.is_busy(stan) {
                continue;
            }
            let room = self.in_flight.declined() < limits::DECLINED_REMEMBERED_MAX
                && !self.planted.has(PlantedBug::ApprovalAfterDeclineIgnored);
            let remembered = declined
                .filter(|_| room)
                .and_then(|intent| self.declined_before(intent))
                .filter(|before| {
                    let expected = &before.expectation;
                    !self.in_flight.has_key(&expected.key, expected.mti)
                });
            match remembered {
                Some(before) => {
                    self.stans.reserve(stan);
                    self.in_flight.remember(before, self.now, until);
                }
                None => self.stans.rest_again(stan, until),
            }
        }
    }

    fn declined_before(&self, intent: Intent) -> Option<Remembered> {
        let expectation = self.expected_before(&intent)?;
        let Intent {
            transaction,
            reference,
            mti,
            trace,
            reversal,
            ..
        } = intent;
        let money = Money {
            transaction,
            reference,
            mti,
            intent: RecordNumber::EARLIER,
            reversal,
        };
        Some(Remembered {
            expectation,
            trace,
            transaction,
            declined: Some(money),
        })
    }

    /// What was given up on or acknowledged a moment ago: an approval may still come.
    fn take_over_recent<'a>(
        &mut self,
        mut late: Vec<(u64, Intent)>,
        settled: impl DoubleEndedIterator<Item = &'a Owed>,
    ) {
        let cooling = self.profile.cooling.unanswered;
        late.sort_unstable_by_key(|(_, intent)| intent.transaction);
        for (_, intent) in &late {
            self.remember_late(intent);
        }
        let until = self.now + cooling;
        for owed in settled.rev() {
            // Somebody else has its number by now: then it is too long ago.
            if owed.due.stan.is_some_and(|stan| self.stans.is_busy(stan)) {
                continue;
            }
            let entry = self.owed_before(owed);
            if let Some(stan) = entry.stan {
                self.stans.doubt(stan, until);
            }
            self.store_forward.remember(entry, until);
        }
    }

    /// An answer may come to what an earlier life gave up on, and it is known for what it is.
    fn remember_late(&mut self, intent: &Intent) {
        self.stans.reserve(intent.stan);
        let until = self.now + self.profile.cooling.unanswered;
        let expectation = self.expected_before(intent);
        let is_free = !self.in_flight.remembers(intent.stan);
        let room = self.in_flight.late() < limits::LATE_REMEMBERED_MAX;
        match expectation {
            Some(expectation) if is_free && room => {
                let late = Remembered {
                    expectation,
                    trace: intent.trace,
                    transaction: intent.transaction,
                    declined: None,
                };
                self.in_flight.remember(late, self.now, until);
            }
            Some(_) | None => self.stans.doubt(intent.stan, until),
        }
    }

    /// By what an answer to a request of an earlier life is known.
    fn expected_before(&self, intent: &Intent) -> Option<Expectation> {
        let reversal = self.profile.dialect.view(intent.reversal.expose()).ok()?;
        Some(Expectation {
            stan: intent.stan,
            mti: intent.mti.response()?,
            key: Key::of(&reversal, self.in_flight.fields()),
            amount: None,
            currency: None,
        })
    }

    fn take_over_originals(&mut self, elapsed: u64, mut originals: Vec<Known>) {
        originals.sort_unstable_by_key(|known| (known.at, known.reference.name));
        for known in originals {
            let brief = known.fate == Some(Fate::ReversedUnseen);
            let lasts = if brief {
                limits::UNSENT_REMEMBERED
            } else {
                REMEMBERED
            };
            let age = Duration::from_secs(elapsed.saturating_sub(known.at));
            let Some(left) = lasts.checked_sub(age).filter(|left| !left.is_zero()) else {
                continue;
            };
            let original = Original {
                reference: known.reference,
                transaction: known.transaction,
                stan: known.stan,
                mti: known.mti,
                // What was open is in doubt, and reversed below.
                fate: known.fate.unwrap_or(Fate::Reversed),
                until: self.now + left,
                about: About::default(),
            };
            if brief {
                self.originals.remember_briefly(original);
            } else {
                self.originals.remember(original);
            }
        }
    }

    /// What was due before is due, and may have been sent.
    fn owed_before(&mut self, owed: &Owed) -> Entry {
        if let Some(stan) = owed.due.stan {
            self.stans.reserve(stan);
        }
        let entry = self.entry(&owed.due);
        Entry {
            attempts: owed.attempts,
            ..entry
        }
    }

    fn doubt(&mut self, intent: Intent) {
        self.remember_late(&intent);
        let Intent {
            transaction,
            reference,
            stan,
            trace,
            reversal,
            ..
        } = intent;
        let sent = Sent {
            transaction,
            reference,
            stan,
            trace,
            reversal,
        };
        self.owe_reversal(ReversalCause::Restart, sent);
    }
}

/// The next that is older, or too much.
fn forget<T>(queue: &mut VecDeque<(u64, T)>, since: u64) -> Option<(u64, T)> {
    let crowded = queue.len() > limits::LATE_REMEMBERED_MAX;
    let old = queue.front().is_some_and(|(at, _)| *at < since);
    if crowded || old {
        queue.pop_front()
    } else {
        None
    }
}
