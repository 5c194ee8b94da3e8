//! What passes between a session and a link.

use core::fmt;

use bytes::{Bytes, BytesMut};
use pointsman_iso8583::StanSlot;

use crate::{Cause, Instant};

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
    /// May it have moved or reserved money at the bank, so that no answer means a reversal?
    pub financial: bool,
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
            financial,
        } = self;
        Request {
            reply_to,
            ticket,
            accepted,
            message,
            stan,
            financial,
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
    /// May it have moved or reserved money at the bank, so that no answer means a reversal?
    pub financial: bool,
}

/// What became of a request. Each gets exactly one.
#[derive(Debug)]
pub struct Answer {
    pub ticket: Ticket,
    pub outcome: Outcome,
}

/// What became of a request.
pub enum Outcome {
    /// The bank's answer, in the link's dialect.
    Response(Bytes),
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
            Outcome::Declined(cause) => write!(f, "Declined({cause:?})"),
        }
    }
}
