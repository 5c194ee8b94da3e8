//! What the switch owes a bank, and how the debt is paid.

use super::limits::{
    CAUSE_BYTES_MAX, CURRENCY_BYTES_MAX, DETAIL_BYTES_MAX, MASKED_PAN_BYTES_MAX, MTI_BYTES_MAX,
    NAME_BYTES_MAX, RESPONSE_CODE_BYTES_MAX, RRN_BYTES_MAX, TERMINAL_BYTES_MAX, WHO_BYTES_MAX,
};
use super::read::Reader;
use super::{CardToken, EventError, Sealed, UnixMicros, write};

/// What is owed. A transaction owes each kind at most once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ObligationKind {
    Reversal,
    Completion,
    Advice,
}

impl ObligationKind {
    pub const ALL: [ObligationKind; 3] = [
        ObligationKind::Reversal,
        ObligationKind::Completion,
        ObligationKind::Advice,
    ];

    /// Its name in tables and commands.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            ObligationKind::Reversal => "reversal",
            ObligationKind::Completion => "completion",
            ObligationKind::Advice => "advice",
        }
    }

    /// Its number in records, never given to another.
    const fn code(self) -> u8 {
        match self {
            ObligationKind::Reversal => 1,
            ObligationKind::Completion => 2,
            ObligationKind::Advice => 3,
        }
    }

    pub(super) fn encode(self, out: &mut Vec<u8>) {
        out.push(self.code());
    }

    pub(super) fn decode(reader: &mut Reader<'_>) -> Result<Self, EventError> {
        let value = reader.u8("kind")?;
        ObligationKind::ALL
            .into_iter()
            .find(|kind| kind.code() == value)
            .ok_or(EventError::Value {
                field: "kind",
                value,
            })
    }
}

/// The bank has to be told something, and will be until it answers. `(tx, kind)` names it: what is owed already is not
/// owed twice. What was paid may be owed again: the bank approved after it had acknowledged the reversal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Obligation<'a> {
    pub tx: u64,
    pub kind: ObligationKind,
    pub at: UnixMicros,
    pub link: &'a str,
    /// The trace number of the original as the bank saw it.
    pub link_stan: u32,
    pub cause: &'a str,
    /// Message type of the original.
    pub mti: &'a str,
    pub terminal: &'a str,
    pub terminal_stan: u32,
    pub rrn: &'a str,
    /// In the smallest unit of the currency.
    pub amount: Option<u64>,
    pub currency: &'a str,
    pub masked_pan: &'a str,
    pub card: CardToken,
    /// A hash of what makes a repeat of the original a repeat; zeros where there is none.
    pub key: [u8; 16],
    /// The trace number under which it has to be said; none if the next free one will do.
    pub own_stan: Option<u32>,
    /// What to say; empty if it is the intent's body.
    pub body: Sealed<'a>,
}

impl<'a> Obligation<'a> {
    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        write::u64(out, self.tx);
        self.kind.encode(out);
        write::i64(out, self.at.0);
        write::text(out, self.link, NAME_BYTES_MAX);
        write::u32(out, self.link_stan);
        write::text(out, self.cause, CAUSE_BYTES_MAX);
        write::text(out, self.mti, MTI_BYTES_MAX);
        write::text(out, self.terminal, TERMINAL_BYTES_MAX);
        write::u32(out, self.terminal_stan);
        write::text(out, self.rrn, RRN_BYTES_MAX);
        write::option_u64(out, self.amount);
        write::text(out, self.currency, CURRENCY_BYTES_MAX);
        write::masked_pan(out, self.masked_pan, MASKED_PAN_BYTES_MAX);
        out.extend_from_slice(&self.card.0);
        out.extend_from_slice(&self.key);
        write::option_u32(out, self.own_stan);
        write::sealed(out, self.body);
    }

    pub(super) fn decode(reader: &mut Reader<'a>) -> Result<Self, EventError> {
        Ok(Obligation {
            tx: reader.u64("tx")?,
            kind: ObligationKind::decode(reader)?,
            at: reader.at()?,
            link: reader.text("link", NAME_BYTES_MAX)?,
            link_stan: reader.u32("link_stan")?,
            cause: reader.text("cause", CAUSE_BYTES_MAX)?,
            mti: reader.text("mti", MTI_BYTES_MAX)?,
            terminal: reader.text("terminal", TERMINAL_BYTES_MAX)?,
            terminal_stan: reader.u32("terminal_stan")?,
            rrn: reader.text("rrn", RRN_BYTES_MAX)?,
            amount: reader.option_u64("amount")?,
            currency: reader.text("currency", CURRENCY_BYTES_MAX)?,
            masked_pan: reader.text("masked_pan", MASKED_PAN_BYTES_MAX)?,
            card: reader.card()?,
            key: reader.array("key")?,
            own_stan: reader.option_u32("own_stan")?,
            body: reader.sealed("body")?,
        })
    }
}

/// It is about to be sent once more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attempt {
    pub tx: u64,
    pub kind: ObligationKind,
    pub at: UnixMicros,
    /// The trace number under which it goes: the same each time.
    pub stan: u32,
    /// 1 for the first; what follows is marked as a repeat.
    pub count: u32,
}

impl Attempt {
    pub(super) fn encode(self, out: &mut Vec<u8>) {
        write::u64(out, self.tx);
        self.kind.encode(out);
        write::i64(out, self.at.0);
        write::u32(out, self.stan);
        write::u32(out, self.count);
    }

    pub(super) fn decode(reader: &mut Reader<'_>) -> Result<Self, EventError> {
        Ok(Attempt {
            tx: reader.u64("tx")?,
            kind: ObligationKind::decode(reader)?,
            at: reader.at()?,
            stan: reader.u32("stan")?,
            count: reader.u32("count")?,
        })
    }
}

/// An obligation is in another state than before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settled<'a> {
    pub tx: u64,
    pub kind: ObligationKind,
    pub at: UnixMicros,
    pub how: How<'a>,
}

/// What became of an obligation.
///
/// ```text
///              Acknowledged, Refused ──▶ paid, for ever
/// open ──┬───▶ Expired, DeadLetter ────▶ waits for a person ──┬──▶ Retried ──▶ open again
///        │                                                    └──▶ Dropped
///        └───▶ Dropped ────────────────▶ given up, for ever
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How<'a> {
    /// The bank has taken it.
    Acknowledged { response_code: &'a str },
    /// The bank has said no, and will not say anything else.
    Refused { response_code: &'a str },
    /// It was too late to say it.
    Expired,
    /// It cannot be said: a person has to look.
    DeadLetter { reason: &'a str },
    /// A person has given it up.
    Dropped { by: &'a str },
    /// A person has put it back into the queue.
    Retried { by: &'a str },
}

impl How<'_> {
    /// Its name in tables and commands.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            How::Acknowledged { .. } => "acknowledged",
            How::Refused { .. } => "refused",
            How::Expired => "expired",
            How::DeadLetter { .. } => "dead_letter",
            How::Dropped { .. } => "dropped",
            How::Retried { .. } => "retried",
        }
    }
}

impl<'a> Settled<'a> {
    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        write::u64(out, self.tx);
        self.kind.encode(out);
        write::i64(out, self.at.0);
        match self.how {
            How::Acknowledged { response_code } => {
                out.push(1);
                write::text(out, response_code, RESPONSE_CODE_BYTES_MAX);
            }
            How::Refused { response_code } => {
                out.push(2);
                write::text(out, response_code, RESPONSE_CODE_BYTES_MAX);
            }
            How::Expired => out.push(3),
            How::DeadLetter { reason } => {
                out.push(4);
                write::free_text(out, reason, DETAIL_BYTES_MAX);
            }
            How::Dropped { by } => {
                out.push(5);
                write::free_text(out, by, WHO_BYTES_MAX);
            }
            How::Retried { by } => {
                out.push(6);
                write::free_text(out, by, WHO_BYTES_MAX);
            }
        }
    }

    pub(super) fn decode(reader: &mut Reader<'a>) -> Result<Self, EventError> {
        Ok(Settled {
            tx: reader.u64("tx")?,
            kind: ObligationKind::decode(reader)?,
            at: reader.at()?,
            how: match reader.u8("how")? {
                1 => How::Acknowledged {
                    response_code: reader.text("response_code", RESPONSE_CODE_BYTES_MAX)?,
                },
                2 => How::Refused {
                    response_code: reader.text("response_code", RESPONSE_CODE_BYTES_MAX)?,
                },
                3 => How::Expired,
                4 => How::DeadLetter {
                    reason: reader.text("reason", DETAIL_BYTES_MAX)?,
                },
                5 => How::Dropped {
                    by: reader.text("by", WHO_BYTES_MAX)?,
                },
                6 => How::Retried {
                    by: reader.text("by", WHO_BYTES_MAX)?,
                },
                value => {
                    return Err(EventError::Value {
                        field: "how",
                        value,
                    });
                }
            },
        })
    }
}
