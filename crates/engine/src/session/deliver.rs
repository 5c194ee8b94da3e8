//! The one answer of an open request: the bank's, or the switch's in its place.

use bytes::{Bytes, BytesMut};
use pointsman_iso8583::{FieldSet, ResponseCode, Stan, Written};

use super::decide::{is_left_unanswered, response_code};
use super::open::Open;
use super::output::{CloseCause, SessionEvent, SessionOutput, Undelivered};
use super::presence::incomplete;
use super::{Session, restore};
use crate::planted::PlantedBug;
use crate::reply::{Asked, Verdict};
use crate::stand_in::ApprovalCode;
use crate::{Cause, Nature, Ticket, Trace, Undo};

/// An answer without these would say something else: what was decided, and about how much.
const DECISIVE: FieldSet = FieldSet::of(&[4, 39]);

/// A bank's answer on its way to the terminal.
enum Composed {
    Written {
        message: BytesMut,
        response_code: Option<ResponseCode>,
        dropped: FieldSet,
        /// The answer breaks a rule of the link's dialect.
        incomplete: Option<SessionEvent>,
    },
    Undelivered {
        why: Undelivered,
        response_code: Option<ResponseCode>,
        /// The bank approved, or may have.
        approved: bool,
        /// The link's number, by which the bank knows it.
        stan: Option<Stan>,
        /// What the terminal is told instead, if it is there.
        cause: Cause,
    },
}

impl Session {
    /// Gives the terminal the bank's answer.
    pub(super) fn deliver(
        &mut self,
        open: Open,
        ticket: Ticket,
        answer: &Bytes,
        undo: Option<Undo>,
    ) {
        match self.compose(&open, answer) {
            Composed::Written {
                message,
                response_code,
                dropped,
                incomplete,
            } => {
                incomplete.into_iter().for_each(|event| self.event(event));
                if dropped != FieldSet::EMPTY {
                    self.event(SessionEvent::FieldsDropped {
                        link: open.link,
                        fields: dropped,
                    });
                }
                self.reply(&open, message, None, response_code, undo);
            }
            Composed::Undelivered {
                why,
                response_code,
                approved,
                stan,
                cause,
            } => {
                let trace = self.trace(&open).sent_as(stan);
                self.undelivered(&open, ticket, response_code, approved, why, trace);
                match undo {
                    // The decline waits until the reversal is on record.
                    Some(undo) if !self.closed => {
                        let link = open.link;
                        let ticket = self.open.insert(open);
                        let told = Some((ticket, cause));
                        self.outputs
                            .push_back(SessionOutput::Undo { link, undo, told });
                    }
                    Some(undo) => {
                        let (link, told) = (open.link, None);
                        self.outputs
                            .push_back(SessionOutput::Undo { link, undo, told });
                    }
                    // Given again, an approval has been told before, or the terminal waits for it: neither yes nor no can
                    // be said.
                    None if !self.closed && approved && open.nature == Nature::Financial => {
                        self.close(CloseCause::Unknown);
                    }
                    None if !self.closed => self.decline(open, ticket, cause),
                    None => {}
                }
            }
        }
    }

    /// It is on record and will reach the bank: the switch says yes in its own name, to an approval of its own with a code.
    pub(super) fn accept(
        &mut self,
        open: Open,
        ticket: Ticket,
        code: Option<ApprovalCode>,
        undo: Option<Undo>,
    ) {
        let dialect = &self.profile.dialect;
        let verdict = Verdict::Approved;
        let request = dialect.view(open.frame.expose()).ok();
        let message = request
            .filter(|_| !self.closed)
            .and_then(|request| Asked::whole(&request).approval(code).ok());
        match message {
            Some(message) => {
                let response_code = response_code(verdict, dialect);
                self.reply(&open, message, None, response_code, undo);
            }
            None => {
                let trace = self.trace(&open);
                let why = if self.closed {
                    Undelivered::TerminalGone
                } else {
                    Undelivered::Unwritable
                };
                let approved = code.is_some();
                self.undelivered(&open, ticket, None, approved, why, trace);
                if let Some(undo) = undo {
                    let (link, told) = (open.link, None);
                    self.outputs
                        .push_back(SessionOutput::Undo { link, undo, told });
                }
                if !self.closed {
                    self.close(CloseCause::Unanswerable);
                }
            }
        }
    }

    /// Writes the bank's answer for the terminal; changes nothing.
    fn compose(&self, open: &Open, answer: &Bytes) -> Composed {
        // The link has read it; whoever cannot must think of it as an approval.
        let unreadable = |cause| Composed::Undelivered {
            why: Undelivered::Unreadable,
            response_code: None,
            approved: true,
            stan: None,
            cause,
        };
        let Some(leg) = self.profile.links.get(open.link.index()) else {
            return unreadable(Cause::Internal);
        };
        let Ok(view) = leg.dialect.view(answer) else {
            return unreadable(Cause::AnswerUndecodable);
        };
        let response_code = view.response_code();
        let undelivered = |why| Composed::Undelivered {
            why,
            response_code,
            approved: response_code.is_some_and(|code| code.is_approval()),
            stan: view.stan(),
            cause: Cause::AnswerMismatch,
        };
        if self.closed {
            return undelivered(Undelivered::TerminalGone);
        }
        let mut message = BytesMut::new();
        let request = self.profile.dialect.view(open.frame.expose()).ok();
        let written = request.and_then(|request| {
            restore::write(leg, &request, &view, self.planted, &mut message).ok()
        });
        match written {
            Some(Written { dropped, .. })
                if dropped.intersection(DECISIVE).is_empty()
                    && (message.len() <= self.profile.message_bytes_max
                        || self.planted.has(PlantedBug::LengthNotChecked)) =>
            {
                Composed::Written {
                    message,
                    response_code,
                    dropped,
                    incomplete: leg
                        .presence
                        .broken_by(&view)
                        .map(|broken| incomplete(Some(open.link), &view, broken, false)),
                }
            }
            Some(_) | None => undelivered(Undelivered::Unwritable),
        }
    }

    /// The link's task has ended with the request in hand. What became of it is on record and will be put in order, but
    /// neither yes nor no can be said now: the connection ends, and the terminal asks again or reverses.
    pub(super) fn link_failed(&mut self, open: &Open, ticket: Ticket) {
        let trace = self.trace(open);
        self.undelivered(open, ticket, None, true, Undelivered::LinkFailed, trace);
        if !self.closed {
            self.close(CloseCause::Unknown);
        }
    }

    /// Answers an open request in the bank's place, unless it is an advice that may yet be taken.
    pub(super) fn decline(&mut self, open: Open, ticket: Ticket, cause: Cause) {
        let trace = self.trace(&open);
        if self.closed {
            let why = Undelivered::TerminalGone;
            self.undelivered(&open, ticket, None, false, why, trace);
            return;
        }
        let declined_unseen =
            !open.mti.is_advice() && self.planted.has(PlantedBug::RepeatDeclinedUnseen);
        if is_left_unanswered(open.mti, cause)
            && !declined_unseen
            && !self.planted.has(PlantedBug::AdviceDeclined)
        {
            self.event(SessionEvent::Unanswered {
                link: Some(open.link),
                mti: open.mti,
                cause,
                trace,
            });
            return;
        }
        let dialect = &self.profile.dialect;
        let verdict = Verdict::Declined(cause.reason());
        let request = dialect.view(open.frame.expose()).ok();
        let message = request.and_then(|request| Asked::whole(&request).answer(verdict).ok());
        match message {
            Some(message) => {
                let response_code = response_code(verdict, dialect);
                self.reply(&open, message, Some((cause, trace)), response_code, None);
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
        cause: Option<(Cause, Trace)>,
        response_code: Option<ResponseCode>,
        undo: Option<Undo>,
    ) {
        self.outputs.push_back(SessionOutput::Reply {
            transport: open.transport,
            message,
            undo: undo.map(|undo| (open.link, undo)),
        });
        let (link, mti, latency) = (Some(open.link), open.mti, self.now.since(open.accepted));
        self.event(SessionEvent::Answered {
            link,
            mti,
            cause: cause.map(|(cause, _)| cause),
            response_code,
            latency,
            trace: cause.map(|(_, trace)| trace),
        });
    }

    fn undelivered(
        &mut self,
        open: &Open,
        ticket: Ticket,
        response_code: Option<ResponseCode>,
        approved: bool,
        why: Undelivered,
        trace: Trace,
    ) {
        // What moved no money leaves nothing to reverse, and a reversal least of all: the terminal repeats it.
        let (link, approved) = (open.link, approved && open.nature == Nature::Financial);
        self.event(SessionEvent::Undelivered {
            link,
            ticket,
            response_code,
            approved,
            why,
            trace,
        });
    }

    fn trace(&self, open: &Open) -> Trace {
        let view = self.profile.dialect.view(open.frame.expose()).ok();
        view.as_ref().map(Trace::of).unwrap_or_default()
    }
}
