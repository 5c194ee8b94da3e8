//! From events to the engine's records. Their messages stay sealed.

use bytes::Bytes;
use pointsman_engine::{
    CardId, CardMessage, Due, Intent, ObligationKind, Record, Reference, ReversalCause, Settlement,
    StoodIn, Trace, TransactionId,
};
use pointsman_iso8583::{Mti, ResponseCode, Stan};
use pointsman_journal::event::{self, CardToken, Event, How, Sealed};

pub(super) struct Decoded {
    pub(super) record: Record,
    /// From here on something of the transaction is open.
    pub(super) opens: bool,
    /// From here on nothing is.
    pub(super) closes: bool,
}

/// The record that an event was; none for what is told to people alone. An error says what cannot be.
pub(super) fn record(event: &Event<'_>) -> Result<Option<Decoded>, &'static str> {
    let (mut opens, mut closes) = (false, false);
    let record = match event {
        Event::Intent(intent) => {
            opens = true;
            Record::Intent(Intent {
                transaction: TransactionId::from_raw(intent.tx),
                stan: stan(intent.link_stan).ok_or("a trace number of zero")?,
                mti: mti(intent.mti)?,
                trace: Trace::from_parts(
                    intent.terminal,
                    stan(intent.terminal_stan),
                    intent.rrn,
                    stan(intent.link_stan),
                ),
                reference: reference(intent.key),
                pan: None,
                reversal: sealed(intent.body),
            })
        }
        Event::Outcome(outcome) => Record::Outcome {
            transaction: TransactionId::from_raw(outcome.tx),
            // The fold goes by the transaction alone.
            stan: Stan::new(1).ok_or("a trace number of one")?,
            response_code: ResponseCode::parse(outcome.response_code.as_bytes()),
            approved: outcome.approved,
            answer: sealed(Sealed::NONE),
        },
        Event::Withdrawn(withdrawn) => {
            closes = true;
            Record::Withdrawn {
                transaction: TransactionId::from_raw(withdrawn.tx),
                stan: Stan::new(1).ok_or("a trace number of one")?,
            }
        }
        Event::Obligation(owed) => {
            opens = true;
            let kind = kind(owed.kind);
            let cause = match kind {
                ObligationKind::Reversal => {
                    Some(ReversalCause::from_label(owed.cause).ok_or("a cause that is not known")?)
                }
                ObligationKind::Completion | ObligationKind::Advice => None,
            };
            Record::Due(Due {
                transaction: TransactionId::from_raw(owed.tx),
                kind,
                cause,
                stood_in: stood_in(owed),
                trace: Trace::from_parts(
                    owed.terminal,
                    stan(owed.terminal_stan),
                    owed.rrn,
                    stan(owed.link_stan),
                ),
                reference: reference(owed.key),
                stan: owed.own_stan.and_then(stan),
                message: sealed(owed.body),
            })
        }
        Event::Attempt(attempt) => Record::Attempt {
            transaction: TransactionId::from_raw(attempt.tx),
            kind: kind(attempt.kind),
            stan: stan(attempt.stan).ok_or("a trace number of zero")?,
            count: attempt.count,
        },
        Event::Settled(settled) => Record::Settled {
            transaction: TransactionId::from_raw(settled.tx),
            kind: kind(settled.kind),
            how: match settled.how {
                How::Acknowledged { response_code } | How::Refused { response_code } => {
                    let code = ResponseCode::parse(response_code.as_bytes());
                    Settlement::Acknowledged(code.unwrap_or(ResponseCode::APPROVED))
                }
                How::Expired => Settlement::Expired,
                How::DeadLetter { .. } => Settlement::Unwritable,
                How::Dropped { .. } => Settlement::Dropped,
                How::Retried { .. } => Settlement::Reopened,
            },
        },
        Event::Unseen(unseen) => Record::ReversedUnseen {
            reference: reference(unseen.key).ok_or("a reversal of nothing")?,
            trace: Trace::from_parts(
                unseen.terminal,
                stan(unseen.terminal_stan),
                unseen.rrn,
                None,
            ),
        },
        Event::Boot(_) | Event::Declined(_) | Event::Observed(_) | Event::Audit(_) => {
            return Ok(None);
        }
    };
    Ok(Some(Decoded {
        record,
        opens,
        closes,
    }))
}

/// The link that an event names.
pub(super) fn link<'a>(event: &Event<'a>) -> Option<&'a str> {
    match event {
        Event::Intent(intent) => Some(intent.link),
        Event::Obligation(owed) => Some(owed.link),
        Event::Unseen(unseen) => Some(unseen.link),
        _ => None,
    }
}

pub(super) fn kind(kind: event::ObligationKind) -> ObligationKind {
    match kind {
        event::ObligationKind::Reversal => ObligationKind::Reversal,
        event::ObligationKind::Completion => ObligationKind::Completion,
        event::ObligationKind::Advice => ObligationKind::Advice,
    }
}

/// What the switch approved by itself: the card's keyed hash is its name among the limits.
fn stood_in(owed: &event::Obligation<'_>) -> Option<StoodIn> {
    (owed.cause == STOOD_IN).then(|| StoodIn {
        card: card_id(owed.card),
        amount: owed.amount.unwrap_or_default(),
    })
}

/// The cause of advices that tell a bank of what was approved without it.
pub(super) const STOOD_IN: &str = "stand_in";

/// The first half of the keyed hash: enough to tell apart the cards of one link in one day.
pub(crate) fn card_id(token: CardToken) -> CardId {
    let half = token.0.iter().take(8);
    CardId(half.fold(0, |number: u64, byte| number << 8 | u64::from(*byte)))
}

fn reference(key: [u8; 16]) -> Option<Reference> {
    let [name, content] = [&key[..8], &key[8..]].map(|half| {
        half.iter()
            .fold(0, |number: u64, byte| number << 8 | u64::from(*byte))
    });
    (name != 0).then_some(Reference { name, content })
}

fn stan(number: u32) -> Option<Stan> {
    Stan::new(number).filter(|stan| stan.get() > 0)
}

fn mti(text: &str) -> Result<Mti, &'static str> {
    text.parse().map_err(|_| "a message type that is none")
}

fn sealed(bytes: Sealed<'_>) -> CardMessage {
    CardMessage::new(Bytes::copy_from_slice(bytes.as_bytes()))
}
