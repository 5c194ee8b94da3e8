//! The connection: made, signed on, lost, and made again for ever.

use core::time::Duration;

use super::Link;
use super::in_flight::{Closed, SlotId};
use super::journal::{Record, ReversalCause};
use super::network_management::{self, Exchange, NetworkManagementCode};
use super::output::{LinkEvent, LinkOutput};
use super::state::{Heartbeat, State};
use crate::planted::PlantedBug;
use crate::{Cause, Instant, Outcome, limits};

impl<R> Link<R> {
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

    pub(super) fn connect(&mut self, now: Instant) {
        let address = self.retry.next_address(self.profile.addresses);
        self.outputs.push_back(LinkOutput::Connect { address });
        self.enter(State::Connecting {
            give_up_at: now + limits::CONNECT_TIMEOUT,
        });
    }

    pub(super) fn sign_on(&mut self, now: Instant) {
        match self.transmit_own(NetworkManagementCode::SignOn, self.profile.timeout) {
            Some(exchange) => self.enter(State::SigningOn(exchange)),
            None => self.hang_up(now),
        }
    }

    /// Requests are taken from now on.
    pub(super) fn serve(&mut self) {
        self.retry.succeeded();
        self.enter(State::Serving(Heartbeat::new(self.now)));
    }

    /// Ends the connection from our side.
    pub(super) fn hang_up(&mut self, now: Instant) {
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
                self.event(LinkEvent::Lost {
                    stan: closed.stan,
                    trace: closed.trace,
                });
                self.decline_after_sending(
                    closed,
                    Cause::Disconnected,
                    ReversalCause::Disconnected,
                );
            } else {
                let Some(closed) = self.in_flight.close(slot) else {
                    break;
                };
                self.withdraw(closed);
            }
        }
        self.interrupt_stored();
        let retry_in = self.pause();
        self.event(LinkEvent::Disconnected { lost, retry_in });
        self.enter(State::Down {
            retry_at: now + retry_in,
        });
    }

    /// It was not sent and will not be: nothing is in doubt.
    fn withdraw(&mut self, closed: Closed<R>) {
        let stan = closed.stan;
        self.stans.release(stan);
        if let Some(money) = closed.money {
            let transaction = money.transaction;
            if let Some(reference) = money.reference {
                self.remember_refusal(reference, money.mti, Cause::LinkDown);
            }
            self.record(Record::Withdrawn { transaction, stan });
        }
        let askers = core::iter::once((closed.reply_to, closed.ticket)).chain(closed.copies);
        for (reply_to, ticket) in askers {
            self.answer(reply_to, ticket, Outcome::Declined(Cause::LinkDown), None);
        }
    }

    /// A request whose record is not durable is still held back by the driver, which drops it with the connection.
    fn may_have_been_sent(&self, slot: SlotId) -> bool {
        self.in_flight
            .intent(slot)
            .is_none_or(|intent| self.journal.is_durable(intent))
    }

    pub(super) fn connect_failed(&mut self, now: Instant) {
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

    /// Sends a network management message of our own.
    pub(super) fn transmit_own(
        &mut self,
        code: NetworkManagementCode,
        wait: Duration,
    ) -> Option<Exchange> {
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
}
