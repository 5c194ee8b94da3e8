//! What passes between a session and a link.

use core::fmt;

use bytes::{Bytes, BytesMut};
use pointsman_iso8583::{Stan, StanSlot};

use crate::link::Reference;
use crate::stand_in::ApprovalCode;
use crate::{CardMessage, Cause, Instant, Trace, TransactionId};

/// A link, as its index into the table of links.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LinkId(pub u16);

impl LinkId {
    /// The index.
    #[must_use]
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// Names one open request of one session: the slot, and how often it had been used before. A ticket is therefore never
/// given out twice, and an answer that comes too late finds nobody.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Ticket(u64);

impl Ticket {
    /// The first that every session gives out.
    pub const FIRST: Ticket = Ticket::new(0, 0);

    pub(crate) const fn new(generation: u32, slot: u32) -> Ticket {
        Ticket((generation as u64) << 32 | slot as u64)
    }

    pub(crate) const fn generation(self) -> u32 {
        (self.0 >> 32) as u32
    }

    pub(crate) const fn slot(self) -> usize {
        (self.0 & 0xFFFF_FFFF) as usize
    }
}

/// A request that a session hands to a link. The driver adds where the answer goes.
pub struct Forward {
    pub link: LinkId,
    pub ticket: Ticket,
    /// When the session took it.
    pub accepted: Instant,
    /// In the link's dialect.
    pub message: BytesMut,
    /// Where the link writes its own trace number.
    pub stan: Option<StanSlot>,
    pub nature: Nature,
}

impl Forward {
    /// The request with its return address.
    pub fn into_request<R>(self, reply_to: R) -> Request<R> {
        let Forward {
            link: _,
            ticket,
            accepted,
            message,
            stan,
            nature,
        } = self;
        Request {
            reply_to,
            ticket,
            accepted,
            message,
            stan,
            nature,
        }
    }
}

/// A request on its way to a link. `R` is where the answer goes: the link keeps it and gives it back with the answer.
pub struct Request<R> {
    pub reply_to: R,
    pub ticket: Ticket,
    /// When the session took it.
    pub accepted: Instant,
    /// In the link's dialect.
    pub message: BytesMut,
    /// Where the link writes its own trace number.
    pub stan: Option<StanSlot>,
    pub nature: Nature,
}

/// What a request is to its link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Nature {
    /// It may move or reserve money at the bank, so that no answer means a reversal.
    Financial,
    /// It moves nothing: it is sent, and answered or not.
    Inquiry,
    /// Something that has happened at the terminal: it is put on record and sent until the bank acknowledges it.
    Advice,
    /// The terminal takes back what it asked for.
    Reversal,
}

/// What became of a request. Each gets exactly one.
#[derive(Debug)]
pub struct Answer {
    pub ticket: Ticket,
    pub outcome: Outcome,
    /// Of an approval: what to give back if the terminal cannot be told of it.
    pub undo: Option<Undo>,
}

/// An approval that a terminal is about to be told of. If it cannot be, the link takes it back and reverses it.
#[derive(Clone, PartialEq, Eq)]
pub struct Undo {
    pub transaction: TransactionId,
    pub reference: Option<Reference>,
    /// The link's number.
    pub stan: Stan,
    pub trace: Trace,
    /// What undoes it, in the link's dialect.
    pub reversal: CardMessage,
    /// How many were given this answer.
    pub copies: u32,
}

/// What became of a request.
pub enum Outcome {
    /// The bank's answer, in the link's dialect.
    Response(Bytes),
    /// It is on record and will reach the bank: the switch itself says yes.
    Accepted,
    /// The bank could not be asked; the switch approves at the acquirer's own risk, and the bank will be told.
    StoodIn(ApprovalCode),
    /// The switch itself answers.
    Declined(Cause),
}

// Messages hold card data: Debug shows their length only.

impl fmt::Debug for Forward {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Forward")
            .field("link", &self.link)
            .field("ticket", &self.ticket)
            .field("bytes", &self.message.len())
            .finish_non_exhaustive()
    }
}

impl<R> fmt::Debug for Request<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("ticket", &self.ticket)
            .field("bytes", &self.message.len())
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Outcome::Response(message) => write!(f, "Response({} bytes)", message.len()),
            Outcome::Accepted => f.write_str("Accepted"),
            Outcome::StoodIn(code) => write!(f, "StoodIn({})", code.as_str()),
            Outcome::Declined(cause) => write!(f, "Declined({cause:?})"),
        }
    }
}

impl fmt::Debug for Undo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Undo({}, {:?})", self.transaction, self.trace)
    }
}
