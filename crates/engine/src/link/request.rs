//! A request's way to the bank, and the end of waiting for its answer.

use alloc::sync::Arc;
use core::time::Duration;

use pointsman_iso8583::{Dialect, Mti, Pan, View};

use super::Link;
use super::in_flight::{Closed, Money, Open, SlotId};
use super::journal::{Intent, Record, Reference};
use super::matching::{Currency, Expectation, Key};
use super::originals::{self, About, Fate, Original, REMEMBERED};
use super::output::LinkOutput;
use super::state::LinkState;
use crate::planted::PlantedBug;
use crate::stand_in::ApprovalCode;
use crate::{
    CardMessage, Cause, Instant, Nature, Outcome, Request, Trace, TransactionId, limits, reversal,
};

/// A request that may be sent.
struct Admitted {
    mti: Mti,
    trace: Trace,
    expectation: Expectation,
    /// None for what moves no money.
    undoable: Option<Undoable>,
}

/// What a request that may move money is kept with.
struct Undoable {
    transaction: TransactionId,
    reference: Option<Reference>,
    pan: Option<Pan>,
    about: About,
    reversal: CardMessage,
}

/// What is done with a request that was asked before.
enum Again {
    /// It is in flight: whoever asks now gets the same answer.
    Attach(SlotId),
    /// The bank has answered it: the same answer again.
    Recall(TransactionId),
    Decline(Cause),
    /// The switch has approved it.
    StoodIn(TransactionId),
}

impl<R> Link<R> {
    /// A request from a session. It is sent, or answered at once.
    pub fn handle_request(&mut self, now: Instant, request: Request<R>) {
        let now = self.advance(now);
        match request.nature {
            Nature::Advice => self.take_advice(request),
            Nature::Reversal => self.take_reversal(request),
            Nature::Financial | Nature::Inquiry => self.take_request(now, request),
        }
        self.settle();
    }

    fn take_request(&mut self, now: Instant, request: Request<R>) {
        let dialect: Arc<Dialect> = Arc::clone(&self.profile.dialect);
        let Ok(view) = dialect.view(&request.message) else {
            self.refuse(request, Cause::FormatError);
            return;
        };
        let reference = (request.nature == Nature::Financial)
            .then(|| originals::reference(&view))
            .flatten();
        match reference.and_then(|reference| self.asked_before(reference)) {
            Some(again) => self.again(request, again),
            None => match self.admit(now, &request, &view, reference) {
                Ok(admitted) => self.send(now, request, admitted),
                Err(cause) if request.nature == Nature::Financial => {
                    match self.stand_in(&view, reference, cause) {
                        Some(given) => self.give(request.reply_to, request.ticket, given),
                        None => {
                            if let Some(reference) = reference {
                                self.remember_refusal(reference, view.mti(), cause);
                            }
                            self.refuse(request, cause);
                        }
                    }
                }
                Err(cause) => self.refuse(request, cause),
            },
        }
    }

    /// It was not sent, and will not be: the terminal may ask again before it hears of that, and takes the first answer
    /// that comes for the one to both.
    pub(super) fn remember_refusal(&mut self, reference: Reference, mti: Mti, cause: Cause) {
        // Refusals, of which there may be any number, must not push out what was sent.
        let room = self.originals.len() < self.profile.originals_max / 2;
        if room && !self.planted.has(PlantedBug::RefusalForgotten) {
            self.originals.remember_briefly(Original {
                reference,
                transaction: TransactionId::from_raw(0),
                stan: None,
                mti,
                fate: Fate::Declined(cause),
                until: self.now + limits::UNSENT_REMEMBERED,
                about: About::default(),
            });
        }
    }

    fn refuse(&mut self, request: Request<R>, cause: Cause) {
        let outcome = Outcome::Declined(cause);
        self.answer(request.reply_to, request.ticket, outcome, None);
    }

    fn asked_before(&mut self, reference: Reference) -> Option<Again> {
        if self.planted.has(PlantedBug::RepeatForwarded) {
            return None;
        }
        let known = self.known(reference).filter(|known| {
            !matches!(known.fate, Fate::StoodIn { .. })
                || !self.planted.has(PlantedBug::StandInApprovedTwice)
        })?;
        Some(match known.fate {
            Fate::Open(slot) => Again::Attach(slot),
            Fate::Answered { approved, .. } => {
                let again = true;
                let fate = Fate::Answered { approved, again };
                self.originals
                    .became(Some(known.reference), known.transaction, fate);
                Again::Recall(known.transaction)
            }
            Fate::Declined(cause) => Again::Decline(cause),
            Fate::Reversed | Fate::ReversedUnseen => Again::Decline(Cause::Reversed),
            Fate::Accepted => Again::Decline(Cause::KeyBusy),
            Fate::StoodIn { .. } => {
                let again = !self.planted.has(PlantedBug::StandInToldAgainUndone);
                let fate = Fate::StoodIn { again };
                self.originals
                    .became(Some(known.reference), known.transaction, fate);
                Again::StoodIn(known.transaction)
            }
        })
    }

    fn again(&mut self, request: Request<R>, again: Again) {
        let Request {
            reply_to, ticket, ..
        } = request;
        match again {
            Again::Attach(slot) => {
                if let Err(reply_to) = self.in_flight.attach(slot, reply_to, ticket) {
                    self.answer(reply_to, ticket, Outcome::Declined(Cause::KeyBusy), None);
                }
            }
            Again::Recall(transaction) => self.outputs.push_back(LinkOutput::Recall {
                transaction,
                reply_to,
                ticket,
                after: self.journal.latest(),
            }),
            Again::StoodIn(transaction) => {
                let after = self.journal.latest();
                let outcome = Outcome::StoodIn(ApprovalCode::of(transaction));
                self.answer(reply_to, ticket, outcome, after);
            }
            // It was on record before the first one was told, but that may not have been yet.
            Again::Decline(cause) => {
                let after = self.journal.latest();
                self.answer(reply_to, ticket, Outcome::Declined(cause), after);
            }
        }
    }

    /// May this request be sent, and what will its answer be judged by? Refused early, before anything is taken.
    fn admit(
        &mut self,
        now: Instant,
        request: &Request<R>,
        view: &View<'_>,
        reference: Option<Reference>,
    ) -> Result<Admitted, Cause> {
        let financial = request.nature == Nature::Financial;
        self.may_take(now, request)?;
        let fields = self.in_flight.fields();
        let answer_mti = view.mti().response().ok_or(Cause::UnsupportedMti)?;
        if request.stan.is_none() || (!fields.stan && fields.missing_in(view).is_some()) {
            return Err(Cause::FormatError);
        }
        let (mti, key) = (view.mti(), Key::of(view, fields));
        // What moves no money may be answered with another amount: some hosts give the balance in field 4.
        let amount = view.amount().filter(|_| financial);
        let currency = Currency::of(view).filter(|_| financial);
        if self.in_flight.key_is_busy(&key, answer_mti) {
            return Err(Cause::KeyBusy);
        }
        // The last free number is for what the bank is owed, or requests would keep it from ever being sent.
        if self.store_forward.len() > 0 && !self.stans.has_spare() {
            return Err(Cause::StanExhausted);
        }
        let stan = self.stans.take().ok_or(Cause::StanExhausted)?;
        let trace = Trace::with(view, &mut self.text).sent_as(Some(stan));
        let undoable = if financial {
            let pan = view.pan();
            let about = About::of(view, &mut self.text);
            let undoable = reversal::of_request(view, stan, pan.as_ref(), &mut self.text)
                .map_err(|_| Cause::NotCarried)
                .and_then(|message| {
                    Ok(Undoable {
                        transaction: self.transactions.take().ok_or(Cause::StanExhausted)?,
                        reference,
                        pan,
                        about,
                        reversal: CardMessage::new(message.freeze()),
                    })
                });
            match undoable {
                Ok(undoable) => Some(undoable),
                Err(cause) => {
                    self.stans.release(stan);
                    return Err(cause);
                }
            }
        } else {
            None
        };
        Ok(Admitted {
            mti,
            trace,
            expectation: Expectation {
                stan,
                mti: answer_mti,
                key,
                amount,
                currency,
            },
            undoable,
        })
    }

    /// Is the link fit for one request more?
    fn may_take(&self, now: Instant, request: &Request<R>) -> Result<(), Cause> {
        let mut in_flight_max = self.profile.in_flight_max;
        if self.planted.has(PlantedBug::InFlightUnbounded) {
            in_flight_max = in_flight_max.saturating_add(self.in_flight.late());
        }
        let state = self.state();
        let serving = state.is_serving()
            || (self.planted.has(PlantedBug::SignOnNotAwaited) && state == LinkState::SigningOn);
        if self.draining {
            return Err(Cause::Draining);
        } else if state == LinkState::SignedOff {
            return Err(Cause::LinkSignedOff);
        } else if !serving {
            return Err(Cause::LinkDown);
        } else if self.in_flight.open() >= in_flight_max {
            return Err(Cause::LinkBusy);
        } else if request.accepted + self.profile.timeout <= now {
            // It has waited before it came here: the terminal no longer reckons with it.
            return Err(Cause::Timeout);
        }
        // The place in which it would be remembered is taken together with the one in which it is open.
        let slots_max = self
            .profile
            .in_flight_max
            .saturating_add(limits::LATE_REMEMBERED_MAX);
        if self.in_flight.open() + self.in_flight.late() >= slots_max {
            return Err(Cause::StanExhausted);
        }
        let declined_max = self
            .profile
            .in_flight_max
            .saturating_add(limits::DECLINED_REMEMBERED_MAX);
        if self.in_flight.open() + self.in_flight.declined() >= declined_max {
            return Err(Cause::StanExhausted);
        }
        if request.nature == Nature::Financial {
            if !self.recording {
                return Err(Cause::JournalDown);
            }
            // And the place of its reversal.
            self.has_room()?;
        }
        Ok(())
    }

    fn send(&mut self, now: Instant, request: Request<R>, admitted: Admitted) {
        let Admitted {
            mti,
            trace,
            expectation,
            undoable,
        } = admitted;
        let Request {
            reply_to,
            ticket,
            mut message,
            stan: slot,
            ..
        } = request;
        let stan = expectation.stan;
        if let Some(slot) = slot {
            slot.stamp(&mut message, stan);
        }
        let about = undoable.as_ref().map(|undoable| undoable.about);
        let about = about.unwrap_or_default();
        let money = undoable.map(|undoable| {
            let Undoable {
                transaction,
                reference,
                pan,
                about: _,
                reversal,
            } = undoable;
            let intent = self.record(Record::Intent(Intent {
                transaction,
                stan,
                mti,
                trace,
                reference,
                pan,
                reversal: reversal.clone(),
            }));
            Money {
                transaction,
                reference,
                mti,
                intent,
                reversal,
            }
        });
        let after = money
            .as_ref()
            .map(|money| money.intent)
            .filter(|_| !self.planted.has(PlantedBug::IntentNotAwaited));
        let known = money
            .as_ref()
            .and_then(|money| Some((money.transaction, money.reference?)));
        if let Some(stan) = self.in_flight.supersede(&expectation.key, expectation.mti) {
            self.stans
                .rest(stan, self.rested(self.profile.cooling.answered));
        }
        let deadline = now + self.profile.timeout;
        let slot = self.in_flight.insert(
            Open {
                reply_to,
                ticket,
                expectation,
                trace,
                money,
            },
            deadline,
            self.planted,
        );
        if let Some((transaction, reference)) = known {
            self.originals.remember(Original {
                reference,
                transaction,
                stan: Some(stan),
                mti,
                fate: Fate::Open(slot),
                until: now + REMEMBERED,
                about,
            });
        }
        self.outputs
            .push_back(LinkOutput::Transmit { message, after });
    }

    /// Stops waiting for an answer, and remembers that one may come.
    pub(super) fn give_up(&mut self, slot: SlotId) -> Option<Closed<R>> {
        self.in_flight
            .give_up(slot, self.now, self.rested(self.profile.cooling.unanswered))
    }

    /// When a number that rests from now on is free.
    pub(super) fn rested(&self, cooling: Duration) -> Instant {
        if self.planted.has(PlantedBug::StanNotCooled) {
            self.now
        } else {
            self.now + cooling
        }
    }

    /// For planted bugs alone.
    pub(super) fn drop_in_flight(&mut self) {
        while let Some(slot) = self.in_flight.oldest() {
            if let Some(closed) = self.in_flight.close(slot) {
                self.stans.release(closed.stan);
            }
        }
    }
}
