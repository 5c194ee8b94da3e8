//! What a message of the host means. Reading changes nothing; acting on it is the second step.

use bytes::{Bytes, BytesMut};
use pointsman_iso8583::{DecodeError, Mti, Reason, ResponseCode, Stan, View};

use super::Link;
use super::in_flight::{Closed, Found, SlotId};
use super::journal::{Record, ReversalCause};
use super::network_management::{self, NetworkManagementCode};
use super::originals::Fate;
use super::output::{LinkEvent, LinkOutput, UnmatchedReason};
use super::state::{Heartbeat, State};
use super::store_forward::Number;
use crate::planted::PlantedBug;
use crate::reply::{Asked, Verdict};
use crate::{CardMessage, Cause, Instant, Trace, Undo, limits};

enum Reading {
    /// An answer to a request, whoever's it is.
    Answer {
        mti: Mti,
        stan: Option<Stan>,
        response_code: Option<ResponseCode>,
        found: Found,
        /// The field in which an approval differs from the request.
        mismatch: Option<u8>,
    },
    /// What the bank says to an obligation.
    Stored(Number, Option<ResponseCode>),
    NetworkManagement(Mti, network_management::Received),
    /// A request of a class that hosts have no business sending us, and our answer to it; none to an advice, or if the
    /// dialect cannot express it.
    Request(Mti, Option<BytesMut>),
    /// It cannot be read; whose answer it is if that much of it can.
    Broken(DecodeError, Option<SlotId>),
}

impl<R> Link<R> {
    /// A message of the host, without framing.
    pub fn handle_frame(&mut self, now: Instant, frame: Bytes) {
        let now = self.advance(now);
        if !self.state.is_connected() {
            return;
        }
        self.heard(now);
        match self.read(&frame) {
            Reading::Answer {
                found: Found::Open(slot),
                response_code,
                mismatch: None,
                ..
            } => {
                self.answered(slot, response_code, frame);
            }
            Reading::Answer {
                found: Found::Open(slot),
                mismatch: Some(field),
                ..
            } => {
                if let Some(closed) = self.give_up(slot) {
                    self.event(LinkEvent::Mismatched {
                        stan: closed.stan,
                        field,
                        trace: closed.trace,
                    });
                    let reversal = ReversalCause::AnswerMismatch;
                    self.decline_after_sending(closed, Cause::AnswerMismatch, reversal);
                }
            }
            Reading::Answer {
                found:
                    Found::Late {
                        stan,
                        since,
                        trace,
                        transaction,
                    },
                response_code,
                ..
            } => {
                self.event(LinkEvent::Late {
                    stan,
                    response_code,
                    overdue: now.since(since),
                    trace,
                });
                // An answer that says nothing may be an approval.
                let approved = response_code.is_none_or(|code| code.is_approval());
                if let Some(transaction) = transaction.filter(|_| approved) {
                    self.approved_late(transaction);
                }
            }
            Reading::Answer {
                found:
                    Found::Declined {
                        slot,
                        stan,
                        since,
                        trace,
                    },
                response_code: code,
                ..
            } if code.is_none_or(|code| code.is_approval()) => {
                self.event(LinkEvent::Late {
                    stan,
                    response_code: code,
                    overdue: now.since(since),
                    trace,
                });
                self.approved_after_decline(slot, stan, trace);
            }
            Reading::Answer {
                found: Found::Declined { .. },
                mti,
                stan,
                ..
            } => {
                let nearest = self.nearest(&frame);
                self.event(LinkEvent::Unmatched {
                    mti,
                    stan,
                    why: UnmatchedReason::AlreadyAnswered,
                    nearest,
                });
            }
            Reading::Answer {
                found: Found::Nobody(why),
                mti,
                stan,
                ..
            } => {
                // A number that is busy but not open rests: its request was answered.
                let resting = self.in_flight.fields().stan
                    && stan.is_some_and(|stan| self.stans.is_busy(stan));
                let why = match why {
                    UnmatchedReason::Unknown if resting => UnmatchedReason::AlreadyAnswered,
                    why => why,
                };
                let nearest = self.nearest(&frame);
                self.event(LinkEvent::Unmatched {
                    mti,
                    stan,
                    why,
                    nearest,
                });
            }
            Reading::Stored(number, code) => self.acknowledged(number, code),
            Reading::NetworkManagement(mti, received) => self.network_management(mti, received),
            Reading::Request(mti, reply) => {
                let answered = reply.is_some();
                if let Some(message) = reply {
                    self.outputs.push_back(LinkOutput::Transmit {
                        message,
                        after: None,
                    });
                }
                self.event(LinkEvent::UnsupportedRequest { mti, answered });
            }
            Reading::Broken(error, None) => {
                self.event(LinkEvent::Undecodable {
                    error,
                    declined: false,
                });
            }
            Reading::Broken(error, Some(slot)) => {
                self.event(LinkEvent::Undecodable {
                    error,
                    declined: true,
                });
                if let Some(closed) = self.give_up(slot) {
                    let reversal = ReversalCause::AnswerUndecodable;
                    self.decline_after_sending(closed, Cause::AnswerUndecodable, reversal);
                }
            }
        }
        self.settle();
    }

    fn read(&self, frame: &Bytes) -> Reading {
        let dialect = &self.profile.dialect;
        let view = match dialect.view(frame) {
            Ok(view) => view,
            Err(error) => {
                let (partial, _) = dialect.partial(frame);
                return Reading::Broken(error, partial.view().and_then(|view| self.owner(view)));
            }
        };
        let mti = view.mti();
        if network_management::is_network_management(mti) {
            return Reading::NetworkManagement(mti, network_management::read(&view));
        }
        if mti.is_request() {
            // An advice cannot be declined (ISO 8583-1:1987, 4.1), and taking it would be a lie: no answer.
            let reply = (!mti.is_advice())
                .then(|| Asked::whole(&view).answer(Verdict::Declined(Reason::NotSupported)));
            return Reading::Request(mti, reply.and_then(Result::ok));
        }
        if let Some(number) = self.store_forward.answered_by(&view) {
            return Reading::Stored(number, view.response_code());
        }
        let found = self.in_flight.find(&view, self.planted);
        let mismatch = match found {
            Found::Open(slot) => self
                .in_flight
                .expectation(slot)
                .and_then(|asked| asked.mismatch(&view, self.planted)),
            Found::Late { .. } | Found::Declined { .. } | Found::Nobody(_) => None,
        };
        let response_code = view.response_code();
        Reading::Answer {
            mti,
            stan: view.stan(),
            response_code,
            found,
            mismatch,
        }
    }

    /// What an answer that fits nothing may have been meant for, for whoever reads about it.
    fn nearest(&self, frame: &Bytes) -> Option<Trace> {
        let answer = self.profile.dialect.view(frame).ok()?;
        self.in_flight.nearest(&answer)
    }

    /// The open request that a broken answer belongs to. Its whole key must be there: a guess would decline somebody
    /// else's request.
    fn owner(&self, answer: &View<'_>) -> Option<SlotId> {
        match self.in_flight.find(answer, self.planted) {
            Found::Open(slot) => Some(slot),
            Found::Late { .. } | Found::Declined { .. } | Found::Nobody(_) => None,
        }
    }

    /// The bank has answered.
    fn answered(&mut self, slot: SlotId, response_code: Option<ResponseCode>, frame: Bytes) {
        let approved = response_code.is_some_and(|code| code.is_approval());
        let Some(closed) = self.close_answered(slot, approved) else {
            return;
        };
        let (stan, trace, copies) = (closed.stan, closed.trace, closed.copies.len() as u32 + 1);
        let mut after = None;
        let mut undo = None;
        if let Some(money) = closed.money {
            let (transaction, reference) = (money.transaction, money.reference);
            self.originals.became(
                reference,
                transaction,
                Fate::Answered {
                    approved,
                    again: false,
                },
            );
            after = Some(self.record(Record::Outcome {
                transaction,
                stan,
                response_code,
                approved,
                answer: CardMessage::new(frame.clone()),
            }));
            undo = approved.then_some(Undo {
                transaction,
                reference,
                stan,
                trace,
                reversal: money.reversal,
                copies,
            });
        }
        if self.planted.has(PlantedBug::OutcomeNotAwaited) {
            after = None;
        }
        let askers = (closed.reply_to, closed.ticket, closed.copies);
        self.answer_all(askers, &frame, undo, after);
    }

    /// Ends the wait for an answer. A bank that declines may change its mind as long as the number rests: what would undo
    /// the request is kept so long.
    fn close_answered(&mut self, slot: SlotId, approved: bool) -> Option<Closed<R>> {
        let rested = self.rested(self.profile.cooling.answered);
        let moves_money = self.in_flight.intent(slot).is_some();
        let forgets = self.planted.has(PlantedBug::StanLeaked)
            || self.planted.has(PlantedBug::ApprovalAfterDeclineIgnored);
        if moves_money && !approved && !forgets {
            return self.in_flight.decline(slot, self.now, rested);
        }
        let closed = self.in_flight.close(slot)?;
        if !self.planted.has(PlantedBug::StanLeaked) {
            self.stans.rest(closed.stan, rested);
        }
        Some(closed)
    }

    /// Whatever the host sends shows that it is there.
    fn heard(&mut self, now: Instant) {
        let mut state = self.state;
        if let Some(heartbeat) = state.heartbeat_mut() {
            heartbeat.heard = now;
            heartbeat.missed = 0;
            self.enter(state);
        }
    }

    fn network_management(&mut self, mti: Mti, received: network_management::Received) {
        use network_management::Received;
        match received {
            Received::Response {
                stan,
                response_code,
            } => {
                let approved = response_code == Some(ResponseCode::APPROVED);
                match self.own_answered(mti, stan) {
                    Some(code) => {
                        if !approved {
                            self.event(LinkEvent::NetworkManagementRefused {
                                code,
                                response_code,
                            });
                        }
                        self.own_done(code, approved);
                    }
                    None => {
                        let why = UnmatchedReason::Unknown;
                        self.event(LinkEvent::Unmatched {
                            mti,
                            stan,
                            why,
                            nearest: None,
                        });
                    }
                }
            }
            Received::Request { mti, code, reply } => {
                let accepted = code.is_some();
                if let Some(message) = reply {
                    self.outputs.push_back(LinkOutput::Transmit {
                        message,
                        after: None,
                    });
                }
                self.event(LinkEvent::NetworkManagementReceived {
                    mti,
                    code,
                    accepted,
                });
                self.host_wants(code);
            }
        }
    }

    /// Which of our own messages it answers.
    fn own_answered(&self, mti: Mti, stan: Option<Stan>) -> Option<NetworkManagementCode> {
        let (exchange, code) = match self.state {
            State::SigningOn(exchange) => (Some(exchange), NetworkManagementCode::SignOn),
            State::SigningOff(exchange) => (Some(exchange), NetworkManagementCode::SignOff),
            State::Serving(heartbeat) | State::SignedOff { heartbeat, .. } => {
                (heartbeat.echo, NetworkManagementCode::Echo)
            }
            State::Down { .. } | State::Connecting { .. } | State::Drained => return None,
        };
        exchange
            .filter(|exchange| exchange.is_answered_by(mti, stan))
            .map(|_| code)
    }

    fn own_done(&mut self, code: NetworkManagementCode, approved: bool) {
        match code {
            NetworkManagementCode::SignOn if approved => self.serve(),
            NetworkManagementCode::SignOn => self.hang_up(self.now),
            NetworkManagementCode::SignOff => self.finish(),
            // A refused echo is an answer: the host is there.
            NetworkManagementCode::Echo => {
                let mut state = self.state;
                if let Some(heartbeat) = state.heartbeat_mut() {
                    heartbeat.echo = None;
                    self.enter(state);
                }
            }
            NetworkManagementCode::CutOver => {}
        }
    }

    /// ISO 8583-1:1987, 4.3.8: either side may sign on and off. After the host's sign-off answers still come, requests
    /// no longer go.
    fn host_wants(&mut self, code: Option<NetworkManagementCode>) {
        match (code, self.state) {
            (Some(NetworkManagementCode::SignOff), State::Serving(heartbeat)) => {
                if self.planted.has(PlantedBug::HostSignOffIgnored) {
                    return;
                }
                let sign_on_at = self.now + limits::SIGNED_OFF_RETRY;
                self.enter(State::SignedOff {
                    heartbeat,
                    sign_on_at,
                });
            }
            (Some(NetworkManagementCode::SignOn), State::SignedOff { heartbeat, .. }) => {
                self.enter(State::Serving(Heartbeat {
                    missed: 0,
                    ..heartbeat
                }));
            }
            (_, _) => {}
        }
    }
}
