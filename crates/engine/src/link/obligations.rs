//! What the link owes its bank: how it becomes due, is sent, and ends. The queue itself is in `store_forward.rs`.

use bytes::BytesMut;
use pointsman_iso8583::{
    Builder, EncodeError, FieldSet, Mti, MtiClass, Pan, ResponseCode, Stan, View,
};

use super::in_flight::{Closed, SlotId};
use super::journal::{
    Due, ObligationKind, Record, RecordNumber, Reference, ReversalCause, Settlement,
};
use super::originals::{self, About, Fate, Original, REMEMBERED};
use super::output::LinkEvent;
use super::store_forward::{Entry, Number, Verdict, verdict};
use super::{Link, LinkOutput, Retry};
use crate::planted::PlantedBug;
use crate::reversal::{self, Form};
use crate::{
    Answer, CardMessage, Cause, Instant, Outcome, Request, Ticket, Trace, TransactionId, Undo,
    limits,
};

/// A request that may have reached the bank.
pub(super) struct Sent {
    pub(super) transaction: TransactionId,
    pub(super) reference: Option<Reference>,
    pub(super) stan: Stan,
    pub(super) trace: Trace,
    /// What undoes it.
    pub(super) reversal: CardMessage,
}

impl<R> Link<R> {
    /// An approval could not be given to its terminal. `told` is who waits to be told instead, and why; it is answered
    /// once the reversal is on record.
    pub fn handle_undo(&mut self, now: Instant, undo: Undo, told: Option<(R, Ticket, Cause)>) {
        self.advance(now);
        let told_again =
            self.is_told_again(&undo) && !self.planted.has(PlantedBug::ToldAgainUndone);
        let stands = told_again
            || !self.everybody_is_gone(&undo)
            || self.planted.has(PlantedBug::UndoIgnored);
        let after = if stands { None } else { self.undo(undo) };
        if let Some((reply_to, ticket, cause)) = told {
            // The approval stands: to decline it would be a lie.
            let cause = if stands { Cause::Internal } else { cause };
            self.answer(reply_to, ticket, Outcome::Declined(cause), after);
        }
        self.settle();
    }

    /// Has the terminal asked again meanwhile, and been given the same approval? If that one does not reach it either, it
    /// reverses on its own, as after any silence.
    fn is_told_again(&self, undo: &Undo) -> bool {
        undo.reference
            .and_then(|reference| self.originals.named(reference.name))
            .filter(|original| original.transaction == undo.transaction)
            .is_some_and(|original| {
                matches!(
                    original.fate,
                    Fate::Answered { again: true, .. } | Fate::StoodIn { again: true }
                )
            })
    }

    /// Where several asked for one answer, it is undone only if none of them was told.
    fn everybody_is_gone(&mut self, undo: &Undo) -> bool {
        if undo.copies < 2 {
            return true;
        }
        let known = self
            .half_told
            .iter()
            .position(|(transaction, _)| *transaction == undo.transaction);
        match known.and_then(|place| self.half_told.remove(place)) {
            Some((_, 1)) => return true,
            Some((transaction, rest)) => self.half_told.push_back((transaction, rest - 1)),
            None => self
                .half_told
                .push_back((undo.transaction, undo.copies - 1)),
        }
        if self.half_told.len() > HALF_TOLD_MAX {
            self.half_told.pop_front();
        }
        false
    }

    fn undo(&mut self, undo: Undo) -> Option<RecordNumber> {
        let Undo {
            transaction,
            reference,
            stan,
            trace,
            reversal,
            ..
        } = undo;
        if self.is_undone(transaction, reference) && !self.planted.has(PlantedBug::UndoneTwice) {
            return self.journal.latest();
        }
        self.originals
            .became(reference, transaction, Fate::Reversed);
        let sent = Sent {
            transaction,
            reference,
            stan,
            trace,
            reversal,
        };
        Some(self.owe_reversal(ReversalCause::Undeliverable, sent))
    }

    /// Has it been reversed, or will it be?
    fn is_undone(&self, transaction: TransactionId, reference: Option<Reference>) -> bool {
        let fate = reference
            .and_then(|reference| self.originals.named(reference.name))
            .filter(|original| original.transaction == transaction)
            .map(|original| original.fate);
        matches!(fate, Some(Fate::Reversed | Fate::Declined(_)))
            || self.is_owed_reversal(transaction)
    }

    /// From now on a reversal is due, of what was sent under the number `original`.
    pub(super) fn owe_reversal(&mut self, cause: ReversalCause, sent: Sent) -> RecordNumber {
        let Sent {
            transaction,
            reference,
            stan: original,
            trace,
            reversal: message,
        } = sent;
        let keeps_stan = self
            .profile
            .dialect
            .view(message.expose())
            .is_ok_and(|view| Form::of(view.dialect(), view.mti()).keeps_stan());
        let stan = keeps_stan.then_some(original);
        let due = Due {
            transaction,
            kind: ObligationKind::Reversal,
            cause: Some(cause),
            stood_in: None,
            trace,
            reference,
            stan,
            message,
        };
        self.owe(due)
    }

    pub(super) fn owe(&mut self, due: Due) -> RecordNumber {
        let entry = self.entry(&due);
        let after = self.record(Record::Due(due));
        self.store_forward.add(Entry {
            after: Some(after),
            ..entry
        });
        after
    }

    pub(super) fn entry(&self, due: &Due) -> Entry {
        Entry {
            transaction: due.transaction,
            kind: due.kind,
            cause: due.cause,
            trace: due.trace,
            reference: due.reference,
            message: due.message.clone(),
            stan: due.stan,
            attempts: 0,
            refusals: 0,
            doubts: 0,
            since: self.now,
            after: None,
            pause: Retry::new(self.profile.seed ^ due.transaction.get()),
            answered_by: None,
            deadline: None,
            pause_until: None,
            expires: self.now + self.profile.store_forward.expire,
        }
    }

    /// An advice of a terminal: on record it is a promise.
    pub(super) fn take_advice(&mut self, request: Request<R>) {
        let outcome = self.promise(&request);
        self.promised(request, outcome);
    }

    /// A reversal of a terminal.
    pub(super) fn take_reversal(&mut self, request: Request<R>) {
        let outcome = self.reverse(&request);
        self.promised(request, outcome);
    }

    fn promised(&mut self, request: Request<R>, outcome: Result<Option<RecordNumber>, Cause>) {
        match outcome {
            Ok(after) => {
                let after = after.filter(|_| !self.planted.has(PlantedBug::PromiseNotAwaited));
                self.answer(request.reply_to, request.ticket, Outcome::Accepted, after);
            }
            Err(cause) => self.answer(
                request.reply_to,
                request.ticket,
                Outcome::Declined(cause),
                None,
            ),
        }
    }

    fn promise(&mut self, request: &Request<R>) -> Result<Option<RecordNumber>, Cause> {
        if self.draining {
            return Err(Cause::Draining);
        }
        let dialect = self.profile.dialect.clone();
        let view = dialect
            .view(&request.message)
            .map_err(|_| Cause::FormatError)?;
        let reference = originals::reference(&view);
        let known = reference.and_then(|reference| self.known(reference));
        if let Some(known) = known {
            return match known.fate {
                Fate::Accepted => Ok(self.journal.latest()),
                Fate::Reversed | Fate::ReversedUnseen => Err(Cause::Reversed),
                Fate::Open(_)
                | Fate::Answered { .. }
                | Fate::Declined(_)
                | Fate::StoodIn { .. } => Err(Cause::KeyBusy),
            };
        }
        if !self.recording {
            return Err(Cause::JournalDown);
        }
        self.has_room()?;
        let message = stored(&view).map_err(|_| Cause::NotCarried)?;
        let transaction = self.transactions.take().ok_or(Cause::StanExhausted)?;
        let stan = self.stans.take().ok_or(Cause::StanExhausted)?;
        let kind = if view.mti().class() == MtiClass::Financial {
            ObligationKind::Completion
        } else {
            ObligationKind::Advice
        };
        let due = Due {
            transaction,
            kind,
            cause: None,
            stood_in: None,
            trace: Trace::with(&view, &mut self.text).sent_as(Some(stan)),
            reference,
            stan: Some(stan),
            message: CardMessage::new(message.freeze()),
        };
        if let Some(reference) = reference {
            self.originals.remember(Original {
                reference,
                transaction,
                stan: Some(stan),
                mti: view.mti(),
                fate: Fate::Accepted,
                until: self.now + REMEMBERED,
                about: About::of(&view, &mut self.text),
            });
        }
        Ok(Some(self.owe(due)))
    }

    fn reverse(&mut self, request: &Request<R>) -> Result<Option<RecordNumber>, Cause> {
        let dialect = self.profile.dialect.clone();
        let view = dialect
            .view(&request.message)
            .map_err(|_| Cause::FormatError)?;
        let name = originals::reversed(&view).ok_or(Cause::FormatError)?;
        let known = self
            .originals
            .named(name)
            .filter(|known| known.until > self.now)
            .copied();
        let trace = Trace::with(&view, &mut self.text);
        let Some(known) = known else {
            return Ok(Some(self.reversed_unseen(name, trace)?));
        };
        if known.about.is_contradicted_by(&view, known.mti) {
            return Err(Cause::FormatError);
        }
        match known.fate {
            Fate::StoodIn { .. } if self.planted.has(PlantedBug::StandInReversalForgotten) => {
                Ok(self.journal.latest())
            }
            Fate::Open(slot) => {
                let Some(closed) = self.give_up(slot) else {
                    return Err(Cause::Internal);
                };
                self.originals
                    .became(Some(known.reference), known.transaction, Fate::Reversed);
                Ok(self.decline_after_sending(closed, Cause::Reversed, ReversalCause::Terminal))
            }
            Fate::Answered { approved: true, .. } | Fate::Accepted | Fate::StoodIn { .. } => {
                let stan = known.stan.ok_or(Cause::Internal)?;
                let mut named = stan;
                if self.planted.has(PlantedBug::TerminalStanSentUpstream) {
                    named = trace.stan().unwrap_or(stan);
                }
                let message = reversal::of_reversal(&view, known.mti, named, &mut self.text)
                    .map_err(|_| Cause::NotCarried)?;
                let message = CardMessage::new(message.freeze());
                self.originals
                    .became(Some(known.reference), known.transaction, Fate::Reversed);
                for kind in [ObligationKind::Completion, ObligationKind::Advice] {
                    if !self.planted.has(PlantedBug::StandInDeadAdviceKept)
                        && let Some(dead) = self.store_forward.exhume(known.transaction, kind)
                    {
                        self.give_up_on(dead);
                    }
                }
                let sent = Sent {
                    transaction: known.transaction,
                    reference: Some(known.reference),
                    stan,
                    trace: trace.sent_as(Some(stan)),
                    reversal: message,
                };
                Ok(Some(self.owe_reversal(ReversalCause::Terminal, sent)))
            }
            // Nothing is to be undone, or somebody else is at it.
            Fate::Answered {
                approved: false, ..
            }
            | Fate::Declined(_)
            | Fate::Reversed
            | Fate::ReversedUnseen => Ok(self.journal.latest()),
        }
    }

    /// The original may still come, over another connection: then it must not be sent.
    fn reversed_unseen(&mut self, name: u64, trace: Trace) -> Result<RecordNumber, Cause> {
        let reference = Reference { name, content: 0 };
        let transaction = self.transactions.take().ok_or(Cause::StanExhausted)?;
        self.originals.remember_briefly(Original {
            reference,
            transaction,
            stan: None,
            mti: Mti::literal(b"0000"),
            fate: Fate::ReversedUnseen,
            until: self.now + limits::UNSENT_REMEMBERED,
            about: About::default(),
        });
        self.event(LinkEvent::ReversedUnseen { trace });
        Ok(self.record(Record::ReversedUnseen { reference, trace }))
    }

    /// The transaction that this request is a repeat of.
    pub(super) fn known(&self, reference: Reference) -> Option<Original> {
        self.originals
            .named(reference.name)
            .filter(|known| known.until > self.now)
            .filter(|known| {
                known.reference.content == reference.content || known.fate == Fate::ReversedUnseen
            })
            .copied()
    }

    /// Is there room for one more obligation, and for the reversals of all that is in flight?
    pub(super) fn has_room(&self) -> Result<(), Cause> {
        let taken =
            self.store_forward.len() + self.store_forward.dead_letters() + self.in_flight.open();
        if taken < self.profile.store_forward.entries_max {
            Ok(())
        } else {
            Err(Cause::StoreForwardFull)
        }
    }

    /// Declines what the bank may have done. The reversal is on record before the terminal hears of it.
    pub(super) fn decline_after_sending(
        &mut self,
        closed: Closed<R>,
        cause: Cause,
        reversal: ReversalCause,
    ) -> Option<RecordNumber> {
        debug_assert!(cause.may_have_been_sent() || cause == Cause::Reversed);
        let Closed {
            reply_to,
            ticket,
            copies,
            stan,
            trace,
            money,
        } = closed;
        let money = money.filter(|_| !self.planted.has(PlantedBug::ReversalForgotten));
        let after = money.map(|money| {
            let (reference, transaction) = (money.reference, money.transaction);
            if cause != Cause::Reversed {
                self.originals
                    .became(reference, transaction, Fate::Declined(cause));
            }
            let sent = Sent {
                transaction,
                reference,
                stan,
                trace,
                reversal: money.reversal,
            };
            self.owe_reversal(reversal, sent)
        });
        let told = after.filter(|_| !self.planted.has(PlantedBug::ReversalNotAwaited));
        for (reply_to, ticket) in copies {
            self.answer(reply_to, ticket, Outcome::Declined(cause), told);
        }
        self.answer(reply_to, ticket, Outcome::Declined(cause), told);
        after
    }

    /// Sends what is due, as far as the window goes.
    pub(super) fn forward_stored(&mut self) {
        self.store_forward.wake(self.now);
        if self.draining || !self.state().is_serving() {
            return;
        }
        while let Some(number) = self.store_forward.next_to_send(&self.profile.store_forward) {
            self.send_stored(number);
        }
    }

    fn send_stored(&mut self, number: Number) {
        let dialect = self.profile.dialect.clone();
        let deadline = self.now + self.profile.timeout;
        let Some(entry) = self.store_forward.get_mut(number) else {
            return;
        };
        let (transaction, kind, attempts, after) =
            (entry.transaction, entry.kind, entry.attempts, entry.after);
        if attempts > 0 && self.planted.has(PlantedBug::RepeatUnderNewStan) {
            entry.stan = None;
        }
        let Some(stan) = entry.stan.or_else(|| self.stans.take()) else {
            self.store_forward
                .postpone(number, self.now + limits::STAN_AWAITED);
            return;
        };
        let message = dialect.view(entry.message.expose()).ok().and_then(|kept| {
            let mti = if attempts > 0 && !self.planted.has(PlantedBug::RepeatUnmarked) {
                reversal::repeated(kept.mti())
            } else {
                kept.mti()
            };
            let message = reversal::addressed(&kept, mti, stan, entry.cause).ok()?;
            Some((message, kept.mti().response()))
        });
        let Some((message, answered_by)) = message else {
            if entry.stan.is_none() {
                self.stans.release(stan);
            }
            self.end(number, Settlement::Unwritable);
            return;
        };
        let count = attempts.saturating_add(1);
        let attempt = self.record(Record::Attempt {
            transaction,
            kind,
            stan,
            count,
        });
        // The first goes under a number that a restart must know of, or the repeat would go under another. The first may
        // have been lost with its connection before its record was durable, so those behind it wait for it as well.
        let awaited = attempts == 0 && !self.planted.has(PlantedBug::AttemptNotAwaited);
        let after = if awaited { Some(attempt) } else { after };
        if let Some(entry) = self.store_forward.get_mut(number) {
            entry.after = after;
        }
        self.store_forward.sent(number, stan, answered_by, deadline);
        self.outputs
            .push_back(LinkOutput::Transmit { message, after });
    }

    /// The bank has answered an obligation.
    pub(super) fn acknowledged(&mut self, number: Number, code: Option<ResponseCode>) {
        let Some(entry) = self.store_forward.get_mut(number) else {
            return;
        };
        let not_final = self.planted.has(PlantedBug::UnableToLocateNotFinal)
            && code.is_some_and(|code| code.as_str() == "25");
        match verdict(entry.kind, code) {
            Verdict::Final if not_final => self.try_later(number),
            Verdict::Final
                if entry.doubts > 0
                    && !self.planted.has(PlantedBug::EarlyAcknowledgementCounts) =>
            {
                entry.doubts -= 1;
                self.try_later(number);
            }
            Verdict::Final => {
                let code = code.unwrap_or(ResponseCode::APPROVED);
                self.end(number, Settlement::Acknowledged(code));
            }
            Verdict::Later => self.try_later(number),
            Verdict::Refused => {
                entry.refusals += 1;
                let refusals = entry.refusals;
                match code {
                    Some(code) if refusals >= limits::STORE_FORWARD_REFUSALS_MAX => {
                        self.end(number, Settlement::Refused(code));
                    }
                    _ => self.try_later(number),
                }
            }
        }
    }

    /// Nobody acknowledged it: again after a pause.
    pub(super) fn try_later(&mut self, number: Number) {
        let backoff = self.profile.store_forward.backoff;
        if let Some(entry) = self.store_forward.get_mut(number) {
            let at = self.now + entry.pause.failed(backoff);
            self.store_forward.postpone(number, at);
        }
    }

    /// What has been due too long, and what the bank has not answered in time.
    pub(super) fn advance_stored(&mut self) {
        while let Some(number) = self.store_forward.overdue(self.now) {
            self.try_later(number);
        }
        while let Some(number) = self.store_forward.expired(self.now) {
            let how = if self.planted.has(PlantedBug::ExpiredDropped) {
                Settlement::Dropped
            } else {
                Settlement::Expired
            };
            self.end(number, how);
        }
    }

    /// The connection has gone: all that was in the window is sent again over the next one.
    pub(super) fn interrupt_stored(&mut self) {
        for number in self.store_forward.all_in_window() {
            self.store_forward.postpone(number, self.now);
        }
    }

    fn end(&mut self, number: Number, how: Settlement) {
        let Some(entry) = self.store_forward.take(number) else {
            return;
        };
        let (transaction, kind, trace) = (entry.transaction, entry.kind, entry.trace);
        // An advice whose reversal waits behind it needs nobody to look at it, and must not be sent after that.
        let taken_back = how.is_dead_letter()
            && self.is_owed_reversal(transaction)
            && !self.planted.has(PlantedBug::StandInDeadAdviceKept);
        let how = if taken_back { Settlement::Dropped } else { how };
        self.record(Record::Settled {
            transaction,
            kind,
            how,
        });
        self.event(LinkEvent::Settled {
            transaction,
            kind,
            how,
            attempts: entry.attempts,
            trace,
        });
        if how.is_dead_letter() {
            // It keeps its number: sent again, it has to be known for the same.
            self.store_forward.bury(entry);
        } else if kind == ObligationKind::Reversal && matches!(how, Settlement::Acknowledged(_)) {
            // So does a reversal that a late approval may bring back.
            let until = self.now + self.profile.cooling.unanswered;
            if let Some(stan) = entry.stan
                && !self.in_flight.remembers(stan)
            {
                self.stans.doubt(stan, until);
            }
            self.store_forward.remember(entry, until);
        } else {
            self.rest_stored(&entry);
        }
    }

    fn is_owed_reversal(&self, transaction: TransactionId) -> bool {
        self.store_forward
            .has(transaction, ObligationKind::Reversal)
    }

    /// The number of an obligation that is over.
    fn rest_stored(&mut self, entry: &Entry) {
        let Some(stan) = entry
            .stan
            .filter(|stan| !self.store_forward.holds(*stan) && !self.in_flight.remembers(*stan))
        else {
            return;
        };
        let cooling = self.profile.cooling;
        if entry.attempts > 1 {
            // Answers to the copies that were given up on may still come, and must not be taken for another's.
            self.stans.doubt(stan, self.rested(cooling.unanswered));
        } else {
            self.stans.rest(stan, self.rested(cooling.answered));
        }
    }

    /// An answer came to what had been given up on. If it approves, the bank holds the money: the reversal goes out, or
    /// out again if the bank acknowledged it before it had the original.
    pub(super) fn approved_late(&mut self, transaction: TransactionId) {
        if self.planted.has(PlantedBug::LateApprovalIgnored) {
            return;
        }
        if let Some(entry) = self.store_forward.recall(transaction) {
            self.reopen(entry, Some(ReversalCause::LateApproval));
        } else if let Some(entry) = self
            .store_forward
            .find(transaction, ObligationKind::Reversal)
            .and_then(|number| self.store_forward.get_mut(number))
        {
            // Copies of the reversal may have been at the bank before the original was, and found nothing to undo: what
            // is said to them is no acknowledgement.
            entry.doubts = entry.attempts.min(DOUBTS_MAX);
        }
    }

    /// The bank has declined and approves now, or says nothing: the terminal was told no, so that what the bank holds is
    /// undone. A repeat of the terminal still gets the answer that it had.
    pub(super) fn approved_after_decline(&mut self, slot: SlotId, stan: Stan, trace: Trace) {
        let until = self.rested(self.profile.cooling.unanswered);
        let Some(money) = self.in_flight.approved_after_all(slot, until) else {
            return;
        };
        let sent = Sent {
            transaction: money.transaction,
            reference: money.reference,
            stan,
            trace,
            reversal: money.reversal,
        };
        self.owe_reversal(ReversalCause::LateApproval, sent);
    }

    /// A person wants a dead letter to be sent again. False if there is none.
    pub fn handle_retry(
        &mut self,
        now: Instant,
        transaction: TransactionId,
        kind: ObligationKind,
    ) -> bool {
        self.advance(now);
        let entry = self.store_forward.exhume(transaction, kind);
        let found = entry.is_some();
        if let Some(entry) = entry {
            self.reopen(entry, None);
        }
        self.settle();
        found
    }

    /// A person gives an obligation up. False if there is none.
    pub fn handle_drop(
        &mut self,
        now: Instant,
        transaction: TransactionId,
        kind: ObligationKind,
    ) -> bool {
        self.advance(now);
        let waiting = self.store_forward.find(transaction, kind);
        let found = match waiting {
            Some(number) => {
                self.end(number, Settlement::Dropped);
                true
            }
            None => match self.store_forward.exhume(transaction, kind) {
                Some(entry) => {
                    self.give_up_on(entry);
                    true
                }
                None => false,
            },
        };
        self.settle();
        found
    }

    /// Nobody will send a dead letter again.
    fn give_up_on(&mut self, entry: Entry) {
        let (transaction, kind) = (entry.transaction, entry.kind);
        let how = Settlement::Dropped;
        self.record(Record::Settled {
            transaction,
            kind,
            how,
        });
        self.rest_stored(&entry);
    }

    fn reopen(&mut self, entry: Entry, cause: Option<ReversalCause>) {
        let (transaction, kind) = (entry.transaction, entry.kind);
        let due = Due {
            transaction,
            kind,
            cause: cause.or(entry.cause),
            stood_in: None,
            trace: entry.trace,
            reference: entry.reference,
            stan: entry.stan,
            message: entry.message,
        };
        if let Some(stan) = entry.stan {
            self.stans.doubt_no_more(stan);
        }
        let fresh = self.entry(&due);
        let after = self.record(Record::Due(due));
        self.store_forward.add(Entry {
            attempts: entry.attempts,
            // Second copies of what was said to the first copies may still come.
            doubts: cause.map_or(0, |_| entry.attempts.min(DOUBTS_MAX)),
            after: Some(after),
            ..fresh
        });
    }

    /// Tells whoever asked for the same, after the first.
    pub(super) fn answer_all(
        &mut self,
        closed: (R, Ticket, alloc::vec::Vec<(R, Ticket)>),
        response: &bytes::Bytes,
        undo: Option<Undo>,
        after: Option<RecordNumber>,
    ) {
        let (reply_to, ticket, copies) = closed;
        let others = copies.into_iter().map(Some);
        for (reply_to, ticket) in core::iter::once(Some((reply_to, ticket)))
            .chain(others)
            .flatten()
        {
            self.outputs.push_back(LinkOutput::Answer {
                reply_to,
                answer: Answer {
                    ticket,
                    outcome: Outcome::Response(response.clone()),
                    undo: undo.clone(),
                },
                after,
            });
        }
    }
}

/// Answers to a reversal that do not count after a late approval: more copies than these are not under way at a time.
const DOUBTS_MAX: u32 = 3;

/// Transactions with several askers of which some were not told: as many as may be in trouble at a time.
const HALF_TOLD_MAX: usize = 1_024;

/// PCI DSS v4.0.1, 3.3.1: what must not be kept once the transaction is decided.
const NEVER_STORED: FieldSet = FieldSet::of(&[35, 36, 45, 52]);

/// The fields of a message that may be kept: with the card number in the place of what contained it.
pub(super) fn stored_fields(message: &View<'_>, names_card: bool) -> FieldSet {
    let mut fields = message.fields().difference(NEVER_STORED);
    if names_card {
        fields.insert(2);
    }
    fields
}

/// An advice as it is kept and sent: without tracks and PIN, with the card number that they had. Its type is that of the
/// first copy, whichever came.
fn stored(advice: &View<'_>) -> Result<BytesMut, EncodeError> {
    let dialect = advice.dialect();
    let pan: Option<Pan> = advice.pan().filter(|_| dialect.field(2).is_some());
    let [version, class, function, origin] = advice.mti().digits();
    let origin = if advice.mti().is_repeat() {
        origin - 1
    } else {
        origin
    };
    let mti = Mti::parse_digits(&[version, class, function, origin]).unwrap_or(advice.mti());
    let mut out = BytesMut::with_capacity(advice.bytes().len() + 16);
    let mut builder = Builder::with_header(dialect, &mut out, advice.header(), mti)?;
    for field in stored_fields(advice, pan.is_some()).iter() {
        match (field, &pan) {
            (2, Some(pan)) => builder.text(2, pan.expose())?,
            _ => builder.copy(advice, field)?,
        };
    }
    builder.finish()?;
    Ok(out)
}
