//! The one answer of an open request: the bank's, or the switch's in its place.

use bytes::{Bytes, BytesMut};
use pointsman_iso8583::{FieldSet, ResponseCode, Written};

use super::decide::response_code;
use super::open::Open;
use super::output::{CloseCause, SessionEvent, SessionOutput, Undelivered};
use super::{Session, restore};
use crate::reply::{Asked, Verdict};
use crate::{Cause, Ticket};

/// An answer without these would say something else: what was decided, and about how much.
const DECISIVE: FieldSet = FieldSet::of(&[4, 39]);

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

impl Session {
    /// Gives the terminal the bank's answer.
    pub(super) fn deliver(&mut self, open: Open, ticket: Ticket, answer: &Bytes) {
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
        let mut message = BytesMut::new();
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
    pub(super) fn decline(&mut self, open: Open, ticket: Ticket, cause: Cause) {
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
}
