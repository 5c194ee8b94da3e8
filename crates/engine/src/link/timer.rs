//! What a link does because time has passed.

use super::journal::ReversalCause;
use super::network_management::NetworkManagementCode;
use super::output::LinkEvent;
use super::state::{Heartbeat, State};
use super::{Link, LinkOutput};
use crate::planted::PlantedBug;
use crate::{Cause, Instant, limits};

impl<R> Link<R> {
    /// When [`Link::handle_timer`] has something to do.
    #[must_use]
    pub fn next_timer(&self) -> Option<Instant> {
        let state = self.state.timer(self.profile.echo);
        let deadline = self.in_flight.next_deadline();
        let sending = self.state().is_serving() && !self.draining;
        let stored = self.store_forward.next_timer(sending);
        [state, deadline, stored].into_iter().flatten().min()
    }

    /// Time has passed. Called early, or when nothing is due, it does nothing.
    pub fn handle_timer(&mut self, now: Instant) {
        let now = self.advance(now);
        match self.state {
            State::Down { retry_at } if retry_at <= now => self.connect(now),
            State::Connecting { give_up_at } if give_up_at <= now => {
                self.outputs.push_back(LinkOutput::Disconnect);
                self.connect_failed(now);
            }
            State::SigningOn(exchange) if exchange.deadline <= now => {
                self.unanswered(NetworkManagementCode::SignOn);
                self.hang_up(now);
            }
            State::SigningOff(exchange) if exchange.deadline <= now => {
                self.unanswered(NetworkManagementCode::SignOff);
                self.finish();
            }
            State::SignedOff { sign_on_at, .. } if sign_on_at <= now => {
                if self.profile.sign_on {
                    self.sign_on(now)
                } else {
                    self.hang_up(now)
                }
            }
            State::Serving(heartbeat) | State::SignedOff { heartbeat, .. } => {
                self.watch(heartbeat, now);
            }
            State::Down { .. }
            | State::Connecting { .. }
            | State::SigningOn(_)
            | State::SigningOff(_)
            | State::Drained => {}
        }
        self.settle();
    }

    /// Moves the link's time forward; it never goes back. Requests whose time has passed are answered before anything
    /// else is looked at, so that an answer counts as late by the clock and not by the order of two inputs.
    pub(super) fn advance(&mut self, now: Instant) -> Instant {
        self.now = self.now.max(now);
        let now = self.now;
        while let Some(slot) = self.in_flight.overdue(now) {
            let Some(closed) = self.give_up(slot) else {
                break;
            };
            self.event(LinkEvent::TimedOut {
                stan: closed.stan,
                trace: closed.trace,
            });
            self.decline_after_sending(closed, Cause::Timeout, ReversalCause::Timeout);
        }
        self.advance_stored();
        while let Some(stan) = self.in_flight.forget(now) {
            if !self.store_forward.holds(stan) {
                self.stans.release(stan);
            }
        }
        let (store_forward, in_flight) = (&self.store_forward, &self.in_flight);
        self.stans.wake(now, |stan| {
            store_forward.holds(stan) || in_flight.remembers(stan)
        });
        let early = self.originals.forget(now, self.profile.originals_max);
        if early > 0 {
            self.event(LinkEvent::OriginalsForgotten { early });
        }
        now
    }

    /// Sends an echo after silence, and hangs up when several in a row stay unanswered.
    fn watch(&mut self, mut heartbeat: Heartbeat, now: Instant) {
        let Some(silence) = self.profile.echo else {
            return;
        };
        if let Some(echo) = heartbeat.echo {
            if echo.deadline > now {
                return;
            }
            heartbeat.echo = None;
            // Whatever came in the meantime shows that the host is alive.
            if heartbeat.heard < echo.sent {
                heartbeat.missed += 1;
                let missed = heartbeat.missed;
                self.outputs
                    .push_back(LinkOutput::Event(LinkEvent::EchoMissed { missed }));
                if missed >= limits::ECHO_MISSES_MAX && !self.planted.has(PlantedBug::EchoUnwatched)
                {
                    self.hang_up(now);
                    return;
                }
            }
        }
        if heartbeat.missed > 0 || heartbeat.heard + silence <= now {
            heartbeat.echo = self.transmit_own(NetworkManagementCode::Echo, self.profile.timeout);
            if heartbeat.echo.is_none() {
                // The dialect cannot say it: wait as long again rather than try in a loop.
                heartbeat.heard = now;
            }
        }
        let mut state = self.state;
        if let Some(place) = state.heartbeat_mut() {
            *place = heartbeat;
        }
        self.enter(state);
    }

    fn unanswered(&mut self, code: NetworkManagementCode) {
        let event = LinkEvent::NetworkManagementUnanswered { code };
        self.outputs.push_back(LinkOutput::Event(event));
    }
}
