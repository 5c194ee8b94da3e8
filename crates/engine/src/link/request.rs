//! A request's way to the bank, and the end of waiting for its answer.

use core::time::Duration;

use pointsman_iso8583::Mti;

use super::Link;
use super::in_flight::{Closed, Open, SlotId};
use super::journal::{Record, ReversalCause};
use super::matching::{Currency, Expectation, Key};
use super::output::LinkOutput;
use super::state::LinkState;
use crate::planted::PlantedBug;
use crate::{Cause, Instant, Outcome, Request, Trace, limits};

/// A request that may be sent.
struct Admitted {
    mti: Mti,
    trace: Trace,
    expectation: Expectation,
}

impl<R> Link<R> {
    /// A request from a session. It is sent, or declined at once.
    pub fn handle_request(&mut self, now: Instant, request: Request<R>) {
        let now = self.advance(now);
        match self.admit(now, &request) {
            Ok(admitted) => self.send(now, request, admitted),
            Err(cause) => {
                self.answer(
                    request.reply_to,
                    request.ticket,
                    Outcome::Declined(cause),
                    None,
                );
            }
        }
        self.settle();
    }

    /// May this request be sent, and what will its answer be judged by? Refused early, before anything is taken.
    fn admit(&mut self, now: Instant, request: &Request<R>) -> Result<Admitted, Cause> {
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

        let fields = self.in_flight.fields();
        let view = self
            .profile
            .dialect
            .view(&request.message)
            .map_err(|_| Cause::FormatError)?;
        let answer_mti = view.mti().response().ok_or(Cause::UnsupportedMti)?;
        if request.stan.is_none() || (!fields.stan && fields.missing_in(&view).is_some()) {
            return Err(Cause::FormatError);
        }
        let (mti, key) = (view.mti(), Key::of(&view, fields));
        // What moves no money may be answered with another amount: some hosts give the balance in field 4.
        let amount = view.amount().filter(|_| request.financial);
        let currency = Currency::of(&view).filter(|_| request.financial);
        if self.in_flight.key_is_busy(&key, answer_mti) {
            return Err(Cause::KeyBusy);
        }
        let stan = self.stans.take().ok_or(Cause::StanExhausted)?;
        Ok(Admitted {
            mti,
            trace: Trace::with(&view, &mut self.text).sent_as(Some(stan)),
            expectation: Expectation {
                stan,
                mti: answer_mti,
                key,
                amount,
                currency,
            },
        })
    }

    fn send(&mut self, now: Instant, request: Request<R>, admitted: Admitted) {
        let Admitted {
            mti,
            trace,
            expectation,
        } = admitted;
        let Request {
            reply_to,
            ticket,
            mut message,
            stan: slot,
            financial,
            ..
        } = request;
        let stan = expectation.stan;
        if let Some(slot) = slot {
            slot.stamp(&mut message, stan);
        }
        let intent = financial.then(|| self.record(Record::Intent { stan, mti }));
        let after = intent.filter(|_| !self.planted.has(PlantedBug::IntentNotAwaited));
        let deadline = now + self.profile.timeout;
        self.in_flight.insert(
            Open {
                reply_to,
                ticket,
                expectation,
                trace,
                intent,
            },
            deadline,
            self.planted,
        );
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

    /// Declines what the bank may have done. The reversal is on record before the terminal hears of it.
    pub(super) fn decline_after_sending(
        &mut self,
        closed: Closed<R>,
        cause: Cause,
        reversal: ReversalCause,
    ) {
        debug_assert!(cause.may_have_been_sent());
        let reversible = closed
            .intent
            .filter(|_| !self.planted.has(PlantedBug::ReversalForgotten));
        let due = Record::ReversalDue {
            stan: closed.stan,
            cause: reversal,
        };
        let after = reversible.map(|_| self.record(due));
        self.answer(
            closed.reply_to,
            closed.ticket,
            Outcome::Declined(cause),
            after,
        );
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
