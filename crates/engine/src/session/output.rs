//! What a session asks of its driver, and what it tells whoever counts and logs.

use core::fmt;
use core::time::Duration;

use bytes::BytesMut;
use pointsman_iso8583::{DecodeError, FieldSet, Mti, ResponseCode, ViolationKind};

use crate::{Cause, Forward, LinkId, Ticket, Trace, Undo};

/// What the driver has to do, in this order.
pub enum SessionOutput {
    /// Hand the request to its link, or say that it could not be: `handle_refused`.
    Forward(Forward),
    /// Send the message. `transport` is what the framing took off the request. `undo`: if its bytes cannot be handed to
    /// the network, give this back to the link.
    Reply {
        transport: Option<[u8; 5]>,
        message: BytesMut,
        undo: Option<(LinkId, Undo)>,
    },
    /// The terminal cannot be told of an approval: give it back to the link. With a ticket the session wants to hear when
    /// the reversal is on record, with this cause.
    Undo {
        link: LinkId,
        undo: Undo,
        told: Option<(Ticket, Cause)>,
    },
    /// Read no more. What is open is still answered; when nothing is (`in_flight`) and all is sent, close the connection.
    Close(CloseCause),
    /// Count it, log it.
    Event(SessionEvent),
}

/// Why the switch closes a terminal's connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CloseCause {
    /// A message without a readable message type: nothing can be answered, and what follows may be anything.
    Unreadable,
    /// A message that has no answer: a response, or one that the dialect cannot answer.
    Unanswerable,
    /// A part of the switch failed with a request in hand, and what became of it is not known: the terminal has to ask
    /// again, or to reverse.
    Unknown,
}

/// What happened on a session. No card data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionEvent {
    /// A request goes to a link.
    Accepted { link: LinkId },
    /// A request was answered; without a cause by the bank.
    Answered {
        link: Option<LinkId>,
        mti: Mti,
        cause: Option<Cause>,
        response_code: Option<ResponseCode>,
        latency: Duration,
        /// Of what the switch itself answers.
        trace: Option<Trace>,
    },
    /// An advice that could not be delivered. It gets no answer, so that the terminal repeats it.
    Unanswered {
        link: Option<LinkId>,
        mti: Mti,
        cause: Cause,
        trace: Trace,
    },
    /// Network management, answered here.
    NetworkManagement { mti: Mti, accepted: bool },
    /// A message could not be read. `answered`: enough of it could be to say so to the terminal.
    Unreadable { error: DecodeError, answered: bool },
    /// A message breaks a rule of its dialect about the fields of its type: the listener's, or the link's.
    Incomplete {
        /// The link in whose dialect the message was written or read; `None`: it is the terminal's.
        link: Option<LinkId>,
        mti: Mti,
        /// The first field that is wrong.
        field: u8,
        problem: ViolationKind,
        refused: bool,
        trace: Trace,
    },
    /// A message that has no answer.
    Unanswerable { mti: Mti },
    /// The link's dialect cannot express this field of the request; or, without one, the whole is too long for its framing.
    NotCarried { link: LinkId, field: Option<u8> },
    /// Fields of an answer that the terminal's dialect cannot express.
    FieldsDropped { link: LinkId, fields: FieldSet },
    /// The terminal was not told what became of its request.
    Undelivered {
        link: LinkId,
        ticket: Ticket,
        response_code: Option<ResponseCode>,
        /// The bank approved it, or may have, and it may have moved money.
        approved: bool,
        why: Undelivered,
        trace: Trace,
    },
    /// An answer to a request that is no longer open.
    StaleAnswer,
}

/// Why a terminal was not told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Undelivered {
    /// Its connection is gone.
    TerminalGone,
    /// The answer cannot be written in its dialect, or is too long for its framing.
    Unwritable,
    /// The answer cannot be read.
    Unreadable,
    /// The link's task failed while it had the request.
    LinkFailed,
}

impl CloseCause {
    /// The value of a metric's `cause` label.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            CloseCause::Unreadable => "unreadable",
            CloseCause::Unanswerable => "unanswerable",
            CloseCause::Unknown => "unknown",
        }
    }
}

impl SessionEvent {
    /// The value of a metric's `event` label.
    #[must_use]
    pub const fn label(&self) -> &'static str {
        match self {
            SessionEvent::Accepted { .. } => "accepted",
            SessionEvent::Answered { .. } => "answered",
            SessionEvent::Unanswered { .. } => "unanswered",
            SessionEvent::NetworkManagement { .. } => "network_management",
            SessionEvent::Unreadable { .. } => "unreadable",
            SessionEvent::Incomplete { .. } => "incomplete",
            SessionEvent::Unanswerable { .. } => "unanswerable",
            SessionEvent::NotCarried { .. } => "not_carried",
            SessionEvent::FieldsDropped { .. } => "fields_dropped",
            SessionEvent::Undelivered { .. } => "undelivered",
            SessionEvent::StaleAnswer => "stale_answer",
        }
    }
}

impl Undelivered {
    /// The value of a metric's `why` label.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Undelivered::TerminalGone => "terminal_gone",
            Undelivered::Unwritable => "unwritable",
            Undelivered::Unreadable => "unreadable",
            Undelivered::LinkFailed => "link_failed",
        }
    }
}

impl fmt::Debug for SessionOutput {
    // Messages hold card data: only their length.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SessionOutput::Forward(forward) => write!(f, "{forward:?}"),
            SessionOutput::Reply { message, .. } => write!(f, "Reply({} bytes)", message.len()),
            SessionOutput::Undo { undo, .. } => write!(f, "{undo:?}"),
            SessionOutput::Close(cause) => write!(f, "Close({cause:?})"),
            SessionOutput::Event(event) => write!(f, "Event({event:?})"),
        }
    }
}
