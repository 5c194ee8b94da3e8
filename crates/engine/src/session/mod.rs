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
use pointsman_iso8583::View;

pub use output::{CloseCause, SessionEvent, SessionOutput, Undelivered};
pub use presence::PresencePolicy;
pub use profile::{LinkLeg, ListenerProfile};

use self::decide::{Decision, Routed};
use self::open::{Open, OpenTable};
use crate::link::{Reference, originals};
use crate::planted::{Planted, PlantedBug};
use crate::{Answer, CardMessage, Cause, Forward, Instant, Outcome, Ticket, limits};

/// One terminal connection.
pub struct Session {
    profile: Arc<ListenerProfile>,
    open: OpenTable,
    outputs: VecDeque<SessionOutput>,
    /// What was refused here before a link heard of it: its repeat, which may be on its way already, is told the same.
    refused: VecDeque<(Instant, Reference, Cause)>,
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
            refused: VecDeque::new(),
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
                self.remember_refusal(&frame, events);
                self.outputs.push_back(SessionOutput::Reply {
                    transport,
                    message,
                    undo: None,
                });
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
            Outcome::Declined(Cause::Internal) => self.link_failed(&open, answer.ticket),
            Outcome::Declined(cause) => self.decline(open, answer.ticket, cause),
            Outcome::Accepted => self.accept(open, answer.ticket, None, answer.undo),
            Outcome::StoodIn(code) => {
                self.accept(open, answer.ticket, Some(code), answer.undo);
            }
            Outcome::Response(message) => {
                self.deliver(open, answer.ticket, &message, answer.undo);
            }
        }
    }

    /// The driver could not hand the request to its link.
    pub fn handle_refused(&mut self, ticket: Ticket, cause: Cause) {
        let Some(open) = self.open.remove(ticket) else {
            self.event(SessionEvent::StaleAnswer);
            return;
        };
        if !decide::is_left_unanswered(open.mti, cause)
            && let Ok(view) = self.profile.dialect.view(open.frame.expose())
        {
            self.remember(originals::reference(&view), cause);
        }
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

    fn remember_refusal(&mut self, frame: &Bytes, events: [Option<SessionEvent>; 2]) {
        let cause = events.into_iter().flatten().find_map(|event| match event {
            SessionEvent::Answered {
                cause: Some(cause @ (Cause::SessionBusy | Cause::Draining)),
                ..
            } => Some(cause),
            _ => None,
        });
        if let Some(cause) = cause
            && let Ok(view) = self.profile.dialect.view(frame)
        {
            self.remember(originals::reference(&view), cause);
        }
    }

    fn remember(&mut self, reference: Option<Reference>, cause: Cause) {
        if let Some(reference) = reference {
            let until = self.now + limits::UNSENT_REMEMBERED;
            self.refused.push_back((until, reference, cause));
        }
        while self.refused.len() > limits::SESSION_REFUSED_MAX
            || self
                .refused
                .front()
                .is_some_and(|(until, ..)| *until <= self.now)
        {
            self.refused.pop_front();
        }
    }

    /// With what this request was refused before, over this connection.
    fn refused_before(&self, request: &View<'_>) -> Option<Cause> {
        if self.refused.is_empty() {
            return None;
        }
        let reference = originals::reference(request)?;
        self.refused
            .iter()
            .rev()
            .find(|(until, known, _)| *known == reference && *until > self.now)
            .map(|(_, _, cause)| *cause)
    }

    /// Keeps the request and hands its translation on.
    fn forward(&mut self, routed: Routed, transport: Option<[u8; 5]>, frame: Bytes) {
        let Routed {
            link,
            mti,
            message,
            stan,
            nature,
        } = routed;
        let accepted = self.now;
        let frame = CardMessage::new(frame);
        let ticket = self.open.insert(Open {
            link,
            mti,
            nature,
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
            nature,
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
