//! One bank: its connection, its sign-on, and the requests that it has not answered.
//!
//! [`Link`] takes inputs (`handle_*`) and gives outputs (`poll_output`), which are to be carried out in their order:
//! * a [`LinkOutput::Journal`] comes before what depends on it, and what depends on it says so (`after`);
//! * each request gets exactly one [`LinkOutput::Answer`]: its return address is kept in one place and moved out;
//! * at most one connection is open or being opened: [`LinkOutput::Connect`] comes again only after the last ended.
//!
//! The states are in `state.rs` under their diagram, the open requests in `in_flight.rs`, the rules by which an answer
//! finds its request in `matching.rs`.

mod backoff;
mod in_flight;
mod journal;
mod matching;
mod network_management;
mod output;
mod profile;
mod receive;
mod stan;
mod state;
#[cfg(test)]
mod tests;
mod timer;

use alloc::collections::VecDeque;
use alloc::sync::Arc;
use core::fmt;
use core::time::Duration;

pub use journal::{Record, RecordNumber, ReversalCause};
pub use network_management::NetworkManagementCode;
pub use output::{LinkEvent, LinkOutput, Occupancy, UnmatchedReason};
pub use profile::{Backoff, Cooling, LinkProfile};
pub use state::LinkState;

use self::backoff::Retry;
use self::in_flight::{Closed, InFlight, Open, SlotId};
use self::journal::Journal;
use self::matching::{Expectation, Key};
use self::network_management::Exchange;
use self::stan::StanPool;
use self::state::{Heartbeat, State};
use pointsman_iso8583::Mti;

use crate::planted::{Planted, PlantedBug};
use crate::{Answer, Cause, Instant, Outcome, Request, Ticket, limits};

/// One bank. `R` is the return address of a request.
pub struct Link<R> {
    profile: Arc<LinkProfile>,
    state: State,
    in_flight: InFlight<R>,
    stans: StanPool,
    journal: Journal,
    retry: Retry,
    outputs: VecDeque<LinkOutput<R>>,
    /// The latest time that an input gave.
    now: Instant,
    draining: bool,
    planted: Planted,
}

impl<R> Link<R> {
    /// A link that is about to connect: the first output says so.
    #[must_use]
    pub fn new(profile: Arc<LinkProfile>, now: Instant) -> Self {
        Self::with_planted(profile, now, Planted::default())
    }

    /// A link with a bug, for `tests/sim` alone.
    #[cfg(feature = "planted-bugs")]
    #[must_use]
    pub fn with_planted_bug(profile: Arc<LinkProfile>, now: Instant, bug: PlantedBug) -> Self {
        Self::with_planted(profile, now, Planted::some(bug))
    }

    fn with_planted(profile: Arc<LinkProfile>, now: Instant, planted: Planted) -> Self {
        let mut link = Link {
            state: State::Down { retry_at: now },
            in_flight: InFlight::new(&profile.match_fields),
            stans: StanPool::new(&profile.stan_range),
            journal: Journal::default(),
            retry: Retry::new(profile.seed),
            outputs: VecDeque::new(),
            now,
            draining: false,
            planted,
            profile,
        };
        link.connect(now);
        link
    }

    /// What to do next. Drain it after each input.
    pub fn poll_output(&mut self) -> Option<LinkOutput<R>> {
        self.outputs.pop_front()
    }

    /// The state that an operator sees.
    #[must_use]
    pub fn state(&self) -> LinkState {
        self.state.public(self.profile.sign_on)
    }

    /// Requests that wait for an answer.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.in_flight.open()
    }

    /// How full the tables are.
    #[must_use]
    pub fn occupancy(&self) -> Occupancy {
        Occupancy {
            in_flight: self.in_flight.open(),
            late: self.in_flight.late(),
            stans: self.stans.busy(),
            outputs: self.outputs.len(),
        }
    }

    /// A request from a session. It is sent, or declined at once.
    pub fn handle_request(&mut self, now: Instant, request: Request<R>) {
        let now = self.advance(now);
        match self.admit(now, &request) {
            Ok((mti, expectation)) => self.send(now, request, mti, expectation),
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

    /// The connection that was asked for is there.
    pub fn handle_connected(&mut self, now: Instant) {
        let now = self.advance(now);
        match self.state {
            State::Connecting { .. } if self.profile.sign_on => self.sign_on(now),
            State::Connecting { .. } => self.serve(),
            // Nobody asked for it, or no longer.
            State::Down { .. } | State::Drained => self.outputs.push_back(LinkOutput::Disconnect),
            State::SigningOn(_)
            | State::Serving(_)
            | State::SignedOff { .. }
            | State::SigningOff(_) => {}
        }
        self.settle();
    }

    /// The connection that was asked for could not be made.
    pub fn handle_connect_failed(&mut self, now: Instant) {
        let now = self.advance(now);
        if matches!(self.state, State::Connecting { .. }) {
            self.connect_failed(now);
        }
        self.settle();
    }

    /// The connection is gone.
    pub fn handle_disconnected(&mut self, now: Instant) {
        let now = self.advance(now);
        if self.state.is_connected() {
            self.lost(now);
        }
        self.settle();
    }

    /// All records up to this one are durable, and what waited for them has been released.
    pub fn handle_durable(&mut self, mark: RecordNumber) {
        self.journal.durable_until(mark);
    }

    /// From now on requests are declined. Once the last open one is answered the link signs off and ends with
    /// [`LinkOutput::Drained`].
    pub fn handle_drain(&mut self, now: Instant) {
        self.advance(now);
        self.draining = true;
        if self.planted.has(PlantedBug::DrainDropsInFlight) {
            self.drop_in_flight();
        }
        self.settle();
    }

    /// May this request be sent, and what will its answer be judged by? Refused early, before anything is taken.
    fn admit(&mut self, now: Instant, request: &Request<R>) -> Result<(Mti, Expectation), Cause> {
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
        let (mti, key, amount) = (view.mti(), Key::of(&view, fields), view.amount());
        if self.in_flight.key_is_busy(&key) {
            return Err(Cause::KeyBusy);
        }
        let stan = self.stans.take().ok_or(Cause::StanExhausted)?;
        Ok((
            mti,
            Expectation {
                stan,
                mti: answer_mti,
                key,
                amount,
            },
        ))
    }

    fn send(&mut self, now: Instant, request: Request<R>, mti: Mti, expectation: Expectation) {
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
                intent,
            },
            deadline,
            self.planted,
        );
        self.outputs
            .push_back(LinkOutput::Transmit { message, after });
    }

    fn connect(&mut self, now: Instant) {
        let address = self.retry.next_address(self.profile.addresses);
        self.outputs.push_back(LinkOutput::Connect { address });
        self.enter(State::Connecting {
            give_up_at: now + limits::CONNECT_TIMEOUT,
        });
    }

    fn connect_failed(&mut self, now: Instant) {
        let address = self.retry.last_address(self.profile.addresses);
        let retry_in = self.pause();
        self.event(LinkEvent::ConnectFailed { address, retry_in });
        self.enter(State::Down {
            retry_at: now + retry_in,
        });
    }

    fn pause(&mut self) -> Duration {
        if self.planted.has(PlantedBug::BackoffForgotten) {
            return Duration::ZERO;
        }
        if self.planted.has(PlantedBug::ReconnectGivesUp) && self.retry.failures() > 3 {
            return Duration::MAX;
        }
        self.retry.failed(self.profile.backoff)
    }

    fn sign_on(&mut self, now: Instant) {
        match self.transmit_own(NetworkManagementCode::SignOn, self.profile.timeout) {
            Some(exchange) => self.enter(State::SigningOn(exchange)),
            None => self.hang_up(now),
        }
    }

    /// Requests are taken from now on.
    fn serve(&mut self) {
        self.retry.succeeded();
        self.enter(State::Serving(Heartbeat::new(self.now)));
    }

    /// Ends the connection from our side.
    fn hang_up(&mut self, now: Instant) {
        self.outputs.push_back(LinkOutput::Disconnect);
        self.lost(now);
    }

    /// The connection has ended. What was sent on it is in doubt, what was not is not.
    fn lost(&mut self, now: Instant) {
        let lost = self.in_flight.open();
        if self.planted.has(PlantedBug::DisconnectForgets) {
            self.drop_in_flight();
        }
        while let Some(slot) = self.in_flight.oldest() {
            if self.may_have_been_sent(slot) {
                let Some(closed) = self.give_up(slot) else {
                    break;
                };
                self.decline_after_sending(
                    closed,
                    Cause::Disconnected,
                    ReversalCause::Disconnected,
                );
            } else {
                let Some(closed) = self.in_flight.close(slot) else {
                    break;
                };
                self.stans.release(closed.stan);
                self.record(Record::Withdrawn { stan: closed.stan });
                let outcome = Outcome::Declined(Cause::LinkDown);
                self.answer(closed.reply_to, closed.ticket, outcome, None);
            }
        }
        let retry_in = self.pause();
        self.event(LinkEvent::Disconnected { lost, retry_in });
        self.enter(State::Down {
            retry_at: now + retry_in,
        });
    }

    /// A request whose record is not durable is still held back by the driver, which drops it with the connection.
    fn may_have_been_sent(&self, slot: SlotId) -> bool {
        self.in_flight
            .intent(slot)
            .is_none_or(|intent| self.journal.is_durable(intent))
    }

    /// If the link is draining: the next step towards the end.
    fn settle(&mut self) {
        if !self.draining || self.in_flight.open() > 0 {
            return;
        }
        match self.state {
            State::Serving(_) if self.profile.sign_on => {
                let wait = self.profile.timeout.min(limits::SIGN_OFF_TIMEOUT_MAX);
                let skip = self.planted.has(PlantedBug::DrainSkipsSignOff);
                let code = NetworkManagementCode::SignOff;
                match if skip {
                    None
                } else {
                    self.transmit_own(code, wait)
                } {
                    Some(exchange) => self.enter(State::SigningOff(exchange)),
                    None => self.finish(),
                }
            }
            State::SigningOff(_) | State::Drained => {}
            State::Down { .. }
            | State::Connecting { .. }
            | State::SigningOn(_)
            | State::Serving(_)
            | State::SignedOff { .. } => self.finish(),
        }
    }

    /// The end of a drained link.
    fn finish(&mut self) {
        if !matches!(self.state, State::Down { .. } | State::Drained) {
            self.outputs.push_back(LinkOutput::Disconnect);
        }
        self.in_flight.clear();
        self.stans.clear();
        self.enter(State::Drained);
        self.outputs.push_back(LinkOutput::Drained);
    }

    /// Sends a network management message of our own.
    fn transmit_own(&mut self, code: NetworkManagementCode, wait: Duration) -> Option<Exchange> {
        let now = self.now;
        let stan = self.stans.borrow()?;
        match network_management::request(&self.profile, code, stan, now) {
            Ok(message) => {
                self.outputs.push_back(LinkOutput::Transmit {
                    message,
                    after: None,
                });
                Some(Exchange {
                    stan,
                    sent: now,
                    deadline: now + wait,
                })
            }
            Err(error) => {
                self.event(LinkEvent::NetworkManagementUnwritable { code, error });
                None
            }
        }
    }

    /// Stops waiting for an answer, and remembers that one may come.
    fn give_up(&mut self, slot: SlotId) -> Option<Closed<R>> {
        self.in_flight
            .give_up(slot, self.now, self.rested(self.profile.cooling.unanswered))
    }

    /// When a number that rests from now on is free.
    fn rested(&self, cooling: Duration) -> Instant {
        if self.planted.has(PlantedBug::StanNotCooled) {
            self.now
        } else {
            self.now + cooling
        }
    }

    /// Declines what the bank may have done. The reversal is on record before the terminal hears of it.
    fn decline_after_sending(&mut self, closed: Closed<R>, cause: Cause, reversal: ReversalCause) {
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

    fn answer(
        &mut self,
        reply_to: R,
        ticket: Ticket,
        outcome: Outcome,
        after: Option<RecordNumber>,
    ) {
        let answer = Answer { ticket, outcome };
        self.outputs.push_back(LinkOutput::Answer {
            reply_to,
            answer,
            after,
        });
    }

    fn record(&mut self, record: Record) -> RecordNumber {
        let number = self.journal.next();
        self.outputs
            .push_back(LinkOutput::Journal { number, record });
        number
    }

    fn event(&mut self, event: LinkEvent) {
        self.outputs.push_back(LinkOutput::Event(event));
    }

    fn enter(&mut self, state: State) {
        let from = self.state();
        self.state = state;
        let to = self.state();
        if from != to {
            self.event(LinkEvent::StateChanged { from, to });
        }
    }

    /// For planted bugs alone.
    fn drop_in_flight(&mut self) {
        while let Some(slot) = self.in_flight.oldest() {
            if let Some(closed) = self.in_flight.close(slot) {
                self.stans.release(closed.stan);
            }
        }
    }
}

impl<R> fmt::Debug for Link<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link")
            .field("name", &self.profile.name)
            .field("state", &self.state())
            .field("occupancy", &self.occupancy())
            .finish_non_exhaustive()
    }
}
