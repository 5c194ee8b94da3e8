//! One terminal connection: what came in on it, and the one answer that each request gets.
//!
//! [`Session`] takes inputs (`handle_*`) and gives outputs (`poll_output`), to be carried out in their order. Each
//! request is answered once: by its link's answer, or here, with the [`Cause`]. What cannot be answered closes the
//! connection.
//!
//! What a message is, is said in `classify.rs`; what the terminal gets back of its own, in `restore.rs`; what the switch
//! says itself, in the crate's `reply.rs`.

mod classify;
mod open;
mod output;
mod profile;
mod restore;
#[cfg(test)]
mod tests;

use alloc::collections::VecDeque;
use alloc::sync::Arc;
use core::fmt;
use core::time::Duration;

use bytes::{Bytes, BytesMut};
use pointsman_iso8583::{
    DecodeError, Dialect, Edit, FieldSet, Mti, Pan, ResponseCode, StanSlot, View, Written,
};

pub use output::{CloseCause, SessionEvent, SessionOutput, Undelivered};
pub use profile::{LinkLeg, ListenerProfile};

use self::classify::Class;
use self::open::{Frame, Open, OpenTable};
use crate::planted::{Planted, PlantedBug};
use crate::reply::{Asked, Verdict};
use crate::{Answer, Cause, Forward, Instant, LinkId, Outcome, Ticket};

/// One terminal connection.
pub struct Session {
    profile: Arc<ListenerProfile>,
    open: OpenTable,
    outputs: VecDeque<SessionOutput>,
    /// The latest time that an input gave.
    now: Instant,
    draining: bool,
    closed: bool,
    planted: Planted,
}

/// An answer without these would say something else: what was decided, and about how much.
const DECISIVE: FieldSet = FieldSet::of(&[4, 39]);

/// What is done with a message that came in.
enum Decision {
    Forward { forward: Routed, mti: Mti },
    Answer(Local),
    Close(CloseCause, SessionEvent),
}

/// A request written for its link.
struct Routed {
    link: LinkId,
    message: BytesMut,
    stan: Option<StanSlot>,
    financial: bool,
}

/// A bank's answer on its way to the terminal.
enum Composed {
    Written {
        message: BytesMut,
        response_code: Option<ResponseCode>,
        dropped: FieldSet,
    },
    Undelivered {
        why: Undelivered,
        response_code: Option<ResponseCode>,
    },
    Declined(Cause),
}

/// Why a request goes to no link.
#[derive(Clone, Copy)]
struct NotRouted {
    link: Option<LinkId>,
    cause: Cause,
    /// The field that the link's dialect cannot express.
    field: Option<u8>,
}

/// An answer of our own, and what to say about it.
struct Local {
    message: BytesMut,
    events: [Option<SessionEvent>; 2],
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
        if self.closed {
            return;
        }
        match self.decide(&frame) {
            Decision::Forward { forward, mti } => {
                let Routed {
                    link,
                    message,
                    stan,
                    financial,
                } = forward;
                let accepted = self.now;
                let frame = Frame(frame);
                let ticket = self.open.insert(Open {
                    link,
                    mti,
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
            Decision::Answer(Local { message, events }) => {
                self.outputs
                    .push_back(SessionOutput::Reply { transport, message });
                events
                    .into_iter()
                    .flatten()
                    .for_each(|event| self.event(event));
            }
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

    /// What to do with a message; changes nothing.
    fn decide(&self, frame: &Bytes) -> Decision {
        let view = match self.profile.dialect.view(frame) {
            Ok(view) => view,
            Err(error) => return self.unreadable(frame, error),
        };
        let mti = view.mti();
        let cause = match classify::classify(&view) {
            Class::Unanswerable => return unanswerable(mti),
            Class::Local => {
                let event = SessionEvent::NetworkManagement { mti };
                return answer(&Asked::whole(&view), Verdict::Approved, [Some(event), None]);
            }
            Class::Unsupported => Cause::UnsupportedMti,
            Class::Routed { .. } if self.draining => Cause::Draining,
            Class::Routed { .. } if self.open.len() >= self.profile.in_flight_max => {
                Cause::SessionBusy
            }
            Class::Routed { financial } => match self.route(&view, financial) {
                Ok(forward) => return Decision::Forward { forward, mti },
                Err(NotRouted { link, cause, field }) => {
                    let not_carried = field.zip(link);
                    let event =
                        not_carried.map(|(field, link)| SessionEvent::NotCarried { link, field });
                    return declined(&Asked::whole(&view), link, cause, event);
                }
            },
        };
        declined(&Asked::whole(&view), None, cause, None)
    }

    /// Finds the link and writes the request in its dialect.
    fn route(&self, view: &View<'_>, financial: bool) -> Result<Routed, NotRouted> {
        let pan: Option<Pan> = view.pan();
        let routes = &self.profile.routes;
        let link = match &pan {
            Some(pan) => routes.route(pan.expose()),
            None => routes.default_route(),
        };
        let nowhere = NotRouted {
            link: None,
            cause: Cause::NoRoute,
            field: None,
        };
        let link = link.ok_or(nowhere)?;
        let leg = self.profile.links.get(link.index()).ok_or(nowhere)?;

        // The link writes its number over the terminal's; a terminal that sends none gets it a place for it.
        let edits: &[Edit<'_>] = if view.has(11) {
            &[]
        } else {
            &[Edit::Set(11, "000000")]
        };
        let header = leg.dialect.default_header();
        let mut message = BytesMut::with_capacity(capacity(view, &leg.dialect));
        match leg
            .to_link
            .write(view, view.mti(), header, edits, &mut message)
        {
            Ok(written) => Ok(Routed {
                link,
                message,
                stan: written.stan,
                financial,
            }),
            Err(error) => Err(NotRouted {
                link: Some(link),
                cause: Cause::NotCarried,
                field: Some(error.field()),
            }),
        }
    }

    /// A message that does not decode. With a readable request type it is answered with what else could be read.
    fn unreadable(&self, frame: &Bytes, error: DecodeError) -> Decision {
        let (partial, _) = self.profile.dialect.partial(frame);
        if let (Some(header), Some(mti)) = (partial.header(), partial.mti())
            && classify::is_request_like(mti)
        {
            let dialect = &self.profile.dialect;
            let asked = Asked {
                dialect,
                header,
                mti,
                fields: partial.view(),
            };
            let event = SessionEvent::Unreadable {
                error,
                answered: true,
            };
            return declined(&asked, None, Cause::FormatError, Some(event));
        }
        let event = SessionEvent::Unreadable {
            error,
            answered: false,
        };
        Decision::Close(CloseCause::Unreadable, event)
    }

    /// Gives the terminal the bank's answer.
    fn deliver(&mut self, open: Open, ticket: Ticket, answer: &Bytes) {
        match self.compose(&open, answer) {
            Composed::Written {
                message,
                response_code,
                dropped,
            } => {
                if dropped != FieldSet::EMPTY {
                    self.event(SessionEvent::FieldsDropped {
                        link: open.link,
                        fields: dropped,
                    });
                }
                self.reply(&open, message, None, response_code);
            }
            Composed::Undelivered { why, response_code } => {
                self.undelivered(&open, ticket, response_code, why);
                if !self.closed {
                    self.decline(open, ticket, Cause::AnswerMismatch);
                }
            }
            Composed::Declined(cause) => self.decline(open, ticket, cause),
        }
    }

    /// Writes the bank's answer for the terminal; changes nothing.
    fn compose(&self, open: &Open, answer: &Bytes) -> Composed {
        let Some(leg) = self.profile.links.get(open.link.index()) else {
            return Composed::Declined(Cause::Internal);
        };
        let Ok(view) = leg.dialect.view(answer) else {
            return Composed::Declined(Cause::AnswerUndecodable);
        };
        let response_code = view.response_code();
        if self.closed {
            return Composed::Undelivered {
                why: Undelivered::TerminalGone,
                response_code,
            };
        }
        let mut message = BytesMut::with_capacity(capacity(&view, &self.profile.dialect));
        let request = self.profile.dialect.view(&open.frame.0).ok();
        let written = request.and_then(|request| {
            restore::write(leg, &request, &view, self.planted, &mut message).ok()
        });
        match written {
            Some(Written { dropped, .. }) if dropped.intersection(DECISIVE).is_empty() => {
                Composed::Written {
                    message,
                    response_code,
                    dropped,
                }
            }
            Some(_) | None => Composed::Undelivered {
                why: Undelivered::Unwritable,
                response_code,
            },
        }
    }

    /// Answers an open request in the bank's place.
    fn decline(&mut self, open: Open, ticket: Ticket, cause: Cause) {
        if self.closed {
            self.undelivered(&open, ticket, None, Undelivered::TerminalGone);
            return;
        }
        let dialect = &self.profile.dialect;
        let verdict = Verdict::Declined(cause.reason());
        let request = dialect.view(&open.frame.0).ok();
        let message = request.and_then(|request| Asked::whole(&request).answer(verdict).ok());
        match message {
            Some(message) => {
                let response_code = response_code(verdict, dialect);
                self.reply(&open, message, Some(cause), response_code);
            }
            // It was read when it came, so only a dialect that cannot express an answer leads here. Rather than leave
            // a terminal waiting for ever, its connection ends.
            None => self.close(CloseCause::Unanswerable),
        }
    }

    fn reply(
        &mut self,
        open: &Open,
        message: BytesMut,
        cause: Option<Cause>,
        response_code: Option<ResponseCode>,
    ) {
        let transport = open.transport;
        self.outputs
            .push_back(SessionOutput::Reply { transport, message });
        let (link, mti, latency) = (Some(open.link), open.mti, self.now.since(open.accepted));
        self.event(SessionEvent::Answered {
            link,
            mti,
            cause,
            response_code,
            latency,
        });
    }

    fn undelivered(
        &mut self,
        open: &Open,
        ticket: Ticket,
        response_code: Option<ResponseCode>,
        why: Undelivered,
    ) {
        let link = open.link;
        let approved = response_code.is_some_and(|code| code.is_approval());
        self.event(SessionEvent::Undelivered {
            link,
            ticket,
            response_code,
            approved,
            why,
        });
    }

    fn close(&mut self, cause: CloseCause) {
        self.outputs.push_back(SessionOutput::Close(cause));
        self.closed = true;
    }

    fn event(&mut self, event: SessionEvent) {
        self.outputs.push_back(SessionOutput::Event(event));
    }
}

/// An answer of our own that refuses.
fn declined(
    asked: &Asked<'_, '_>,
    link: Option<LinkId>,
    cause: Cause,
    event: Option<SessionEvent>,
) -> Decision {
    let verdict = Verdict::Declined(cause.reason());
    let answered = SessionEvent::Answered {
        link,
        mti: asked.mti,
        cause: Some(cause),
        response_code: response_code(verdict, asked.dialect),
        latency: Duration::ZERO,
    };
    answer(asked, verdict, [event, Some(answered)])
}

/// An answer of our own. What the dialect cannot answer ends the connection.
fn answer(asked: &Asked<'_, '_>, verdict: Verdict, events: [Option<SessionEvent>; 2]) -> Decision {
    match asked.answer(verdict) {
        Ok(message) => Decision::Answer(Local { message, events }),
        Err(_) => unanswerable(asked.mti),
    }
}

fn unanswerable(mti: Mti) -> Decision {
    Decision::Close(CloseCause::Unanswerable, SessionEvent::Unanswerable { mti })
}

fn response_code(verdict: Verdict, dialect: &Dialect) -> Option<ResponseCode> {
    verdict.response_code(dialect).parse().ok()
}

/// Room for a message in another dialect: packed digits and raw bytes may become text of twice the length.
fn capacity(view: &View<'_>, to: &Arc<Dialect>) -> usize {
    let length = view.bytes().len();
    64 + if core::ptr::eq(view.dialect(), &raw const **to) {
        length
    } else {
        2 * length
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
