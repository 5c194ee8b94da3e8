//! One terminal connection: what came in on it, and the one answer that each request gets.
//!
//! [`Session`] takes inputs (`handle_*`) and gives outputs (`poll_output`), to be carried out in their order. Each
//! request is answered once: by its link's answer, or here, with the [`Cause`]. An advice that could not be delivered gets
//! no answer, so that it comes again. What cannot be answered closes the connection.
//!
//! What a message is, is said in `classify.rs`, and what is done with it in `decide.rs`; how an open request is answered,
//! in `deliver.rs`; what the terminal gets back of its own, in `restore.rs`; what the switch says itself, in the crate's
//! `reply.rs`.

mod classify;
mod decide;
mod deliver;
mod open;
mod output;
mod presence;
mod profile;
mod restore;
#[cfg(test)]
mod tests;

use alloc::collections::VecDeque;
use alloc::sync::Arc;
use core::fmt;

use bytes::Bytes;

pub use output::{CloseCause, SessionEvent, SessionOutput, Undelivered};
pub use presence::PresencePolicy;
pub use profile::{LinkLeg, ListenerProfile};

use self::decide::{Decision, Routed};
use self::open::{Frame, Open, OpenTable};
use crate::planted::{Planted, PlantedBug};
use crate::{Answer, Cause, Forward, Instant, Outcome, Ticket};

/// One terminal connection.
pub struct Session {
    profile: Arc<ListenerProfile>,
    open: OpenTable,
    outputs: VecDeque<SessionOutput>,
    /// The latest time that an input gave.
    now: Instant,
    draining: bool,
    /// A message could not be answered: nothing more is read.
    closing: bool,
    /// The terminal has gone: nothing more is said.
    closed: bool,
    planted: Planted,
}

impl Session {
    /// A connection that was just accepted.
    #[must_use]
    pub fn new(profile: Arc<ListenerProfile>) -> Self {
        Self::with_planted(profile, Planted::default())
    }

    /// A session with a bug, for `tests/sim` alone.
    #[cfg(feature = "planted-bugs")]
    #[must_use]
    pub fn with_planted_bug(profile: Arc<ListenerProfile>, bug: PlantedBug) -> Self {
        Self::with_planted(profile, Planted::some(bug))
    }

    fn with_planted(profile: Arc<ListenerProfile>, planted: Planted) -> Self {
        Session {
            profile,
            open: OpenTable::default(),
            outputs: VecDeque::new(),
            now: Instant::ZERO,
            draining: false,
            closing: false,
            closed: false,
            planted,
        }
    }

    /// What to do next. Drain it after each input.
    pub fn poll_output(&mut self) -> Option<SessionOutput> {
        self.outputs.pop_front()
    }

    /// Requests that have not been answered.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.open.len()
    }

    /// A message of the terminal, without framing. `transport` is what the framing took off it.
    pub fn handle_frame(&mut self, now: Instant, transport: Option<[u8; 5]>, frame: Bytes) {
        self.now = self.now.max(now);
        if self.closing || self.closed {
            return;
        }
        let (notes, decision) = self.decide(&frame);
        notes
            .into_iter()
            .flatten()
            .for_each(|note| self.event(note));
        match decision {
            Decision::Forward(routed) => self.forward(routed, transport, frame),
            Decision::Answer { message, events } => {
                self.outputs
                    .push_back(SessionOutput::Reply { transport, message });
                events
                    .into_iter()
                    .flatten()
                    .for_each(|event| self.event(event));
            }
            Decision::Unanswered(events) => events
                .into_iter()
                .flatten()
                .for_each(|event| self.event(event)),
            Decision::Close(cause, event) => {
                self.event(event);
                self.close(cause);
            }
        }
    }

    /// What became of a request.
    pub fn handle_answer(&mut self, now: Instant, answer: Answer) {
        self.now = self.now.max(now);
        let Some(open) = self.open.remove(answer.ticket) else {
            self.event(SessionEvent::StaleAnswer);
            return;
        };
        match answer.outcome {
            Outcome::Declined(Cause::Internal) => self.link_failed(open, answer.ticket),
            Outcome::Declined(cause) => self.decline(open, answer.ticket, cause),
            Outcome::Response(message) => self.deliver(open, answer.ticket, &message),
        }
    }

    /// The driver could not hand the request to its link.
    pub fn handle_refused(&mut self, ticket: Ticket, cause: Cause) {
        let Some(open) = self.open.remove(ticket) else {
            self.event(SessionEvent::StaleAnswer);
            return;
        };
        self.decline(open, ticket, cause);
        if self.planted.has(PlantedBug::RefusedNotClosed) {
            self.open.leak();
        }
    }

    /// The switch is shutting down: what comes from now on is declined, what is open is still answered.
    pub fn handle_drain(&mut self) {
        self.draining = true;
    }

    /// The terminal has gone. Answers to what it had open still come here, and become [`SessionEvent::Undelivered`].
    pub fn handle_closed(&mut self) {
        self.closed = true;
        if self.planted.has(PlantedBug::UndeliveredForgotten) {
            self.open.clear();
        }
    }

    /// Keeps the request and hands its translation on.
    fn forward(&mut self, routed: Routed, transport: Option<[u8; 5]>, frame: Bytes) {
        let Routed {
            link,
            mti,
            message,
            stan,
            financial,
        } = routed;
        let accepted = self.now;
        let frame = Frame(frame);
        let ticket = self.open.insert(Open {
            link,
            mti,
            financial,
            accepted,
            transport,
            frame,
        });
        self.event(SessionEvent::Accepted { link });
        let forward = Forward {
            link,
            ticket,
            accepted,
            message,
            stan,
            financial,
        };
        self.outputs.push_back(SessionOutput::Forward(forward));
    }

    fn close(&mut self, cause: CloseCause) {
        if !self.closing {
            self.closing = true;
            self.outputs.push_back(SessionOutput::Close(cause));
        }
    }

    fn event(&mut self, event: SessionEvent) {
        self.outputs.push_back(SessionOutput::Event(event));
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("listener", &self.profile.name)
            .field("in_flight", &self.in_flight())
            .finish_non_exhaustive()
    }
}
