//! What a link asks of its driver, and what it tells whoever counts and logs.

use core::fmt;
use core::time::Duration;

use bytes::BytesMut;
use pointsman_iso8583::{DecodeError, EncodeError, Mti, ResponseCode, Stan};

use super::journal::{ObligationKind, Record, RecordNumber, Settlement};
use super::network_management::NetworkManagementCode;
use super::state::LinkState;
use crate::{Answer, Ticket, Trace, TransactionId};

/// What the driver has to do, in this order.
pub enum LinkOutput<R> {
    /// Connect to the address with this index. One of `handle_connected` and `handle_connect_failed` follows, unless
    /// `Disconnect` comes first.
    Connect { address: usize },
    /// Drop the connection, or the attempt, and all that is held back for it. No input about it follows.
    Disconnect,
    /// Send the message. With `after` it waits until that record is durable.
    Transmit {
        message: BytesMut,
        after: Option<RecordNumber>,
    },
    /// Hand out what became of a request. With `after` it waits until that record is durable.
    Answer {
        reply_to: R,
        answer: Answer,
        after: Option<RecordNumber>,
    },
    /// The request was answered before: hand out the answer that the journal has of this transaction, once the record is
    /// durable. If it cannot be found, drop the return address.
    Recall {
        transaction: TransactionId,
        reply_to: R,
        ticket: Ticket,
        after: Option<RecordNumber>,
    },
    /// Append the record to the journal; `handle_durable` follows.
    Journal {
        number: RecordNumber,
        record: Record,
    },
    /// Count it, log it.
    Event(LinkEvent),
    /// Nothing is open any more and nothing will be: the driver may end.
    Drained,
}

/// What happened on a link. No card data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkEvent {
    StateChanged {
        from: LinkState,
        to: LinkState,
    },
    /// An attempt to connect failed or took too long.
    ConnectFailed {
        address: usize,
        retry_in: Duration,
    },
    /// The connection is gone, and with it so many requests.
    Disconnected {
        lost: usize,
        retry_in: Duration,
    },
    /// The host refused a message of ours; without a response code if its answer had none.
    NetworkManagementRefused {
        code: NetworkManagementCode,
        response_code: Option<ResponseCode>,
    },
    /// The host did not answer a message of ours.
    NetworkManagementUnanswered {
        code: NetworkManagementCode,
    },
    /// The link's dialect cannot express our own messages.
    NetworkManagementUnwritable {
        code: NetworkManagementCode,
        error: EncodeError,
    },
    /// The host sent a network management message, and this is what we answered.
    NetworkManagementReceived {
        mti: Mti,
        code: Option<NetworkManagementCode>,
        accepted: bool,
    },
    /// So many echoes in a row have not been answered.
    EchoMissed {
        missed: u32,
    },
    /// Nobody answered in time.
    TimedOut {
        stan: Stan,
        trace: Trace,
    },
    /// It was open when the connection broke, so that the bank may have it.
    Lost {
        stan: Stan,
        trace: Trace,
    },
    /// An answer to a request that had been given up on, so long after that.
    Late {
        stan: Stan,
        response_code: Option<ResponseCode>,
        overdue: Duration,
        trace: Trace,
    },
    /// An answer that fits no open request.
    Unmatched {
        mti: Mti,
        stan: Option<Stan>,
        why: UnmatchedReason,
        /// The request that it is nearest to, for people.
        nearest: Option<Trace>,
    },
    /// A message that cannot be read. `declined`: enough of it could be to see whose answer it was.
    Undecodable {
        error: DecodeError,
        declined: bool,
    },
    /// An approval that does not fit what was asked for.
    Mismatched {
        stan: Stan,
        field: u8,
        trace: Trace,
    },
    /// The end of an obligation.
    Settled {
        transaction: TransactionId,
        kind: ObligationKind,
        how: Settlement,
        /// How often it was sent.
        attempts: u32,
        trace: Trace,
    },
    /// The switch approved by itself what the bank could not be asked about.
    StoodIn {
        transaction: TransactionId,
        /// In minor units.
        amount: u64,
        trace: Trace,
    },
    /// A terminal reversed what has not come.
    ReversedUnseen {
        trace: Trace,
    },
    /// So many transactions can no longer be repeated or reversed although a day has not passed.
    OriginalsForgotten {
        early: usize,
    },
    /// A request of the host that the switch does not carry. `answered`: the host was told so.
    UnsupportedRequest {
        mti: Mti,
        answered: bool,
    },
}

/// Why an answer fits no open request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum UnmatchedReason {
    /// A field of the match key is missing in the answer.
    KeyMissing { field: u8 },
    /// Nothing open has this trace number, or this key.
    Unknown,
    /// The request with this trace number was answered a moment ago: a second copy.
    AlreadyAnswered,
    /// A request with this trace number is open, but another field of the key differs.
    KeyDiffers { field: u8 },
    /// A request with this key is open, but this is not the message type that answers it.
    MtiDiffers { expected: Mti },
}

impl LinkEvent {
    /// The value of a metric's `event` label.
    #[must_use]
    pub const fn label(&self) -> &'static str {
        match self {
            LinkEvent::StateChanged { .. } => "state_changed",
            LinkEvent::ConnectFailed { .. } => "connect_failed",
            LinkEvent::Disconnected { .. } => "disconnected",
            LinkEvent::NetworkManagementRefused { .. } => "network_management_refused",
            LinkEvent::NetworkManagementUnanswered { .. } => "network_management_unanswered",
            LinkEvent::NetworkManagementUnwritable { .. } => "network_management_unwritable",
            LinkEvent::NetworkManagementReceived { .. } => "network_management_received",
            LinkEvent::EchoMissed { .. } => "echo_missed",
            LinkEvent::TimedOut { .. } => "timed_out",
            LinkEvent::Lost { .. } => "lost",
            LinkEvent::Late { .. } => "late",
            LinkEvent::Unmatched { .. } => "unmatched",
            LinkEvent::Undecodable { .. } => "undecodable",
            LinkEvent::Mismatched { .. } => "mismatched",
            LinkEvent::Settled { .. } => "settled",
            LinkEvent::StoodIn { .. } => "stood_in",
            LinkEvent::ReversedUnseen { .. } => "reversed_unseen",
            LinkEvent::OriginalsForgotten { .. } => "originals_forgotten",
            LinkEvent::UnsupportedRequest { .. } => "unsupported_request",
        }
    }
}

impl UnmatchedReason {
    /// The value of a metric's `reason` label.
    #[must_use]
    pub const fn label(&self) -> &'static str {
        match self {
            UnmatchedReason::KeyMissing { .. } => "key_missing",
            UnmatchedReason::Unknown => "unknown",
            UnmatchedReason::AlreadyAnswered => "already_answered",
            UnmatchedReason::KeyDiffers { .. } => "key_differs",
            UnmatchedReason::MtiDiffers { .. } => "mti_differs",
        }
    }
}

/// How full everything is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Occupancy {
    /// Requests waiting for an answer.
    pub in_flight: usize,
    /// Requests given up on and still remembered.
    pub late: usize,
    /// Requests declined by the bank and still remembered, should it change its mind.
    pub declined: usize,
    /// Trace numbers in use or resting.
    pub stans: usize,
    /// Outputs not yet taken.
    pub outputs: usize,
    /// Obligations that the bank has not acknowledged.
    pub obligations: usize,
    /// Those of them that are sent and not answered.
    pub obligations_sent: usize,
    /// Obligations that wait for a person.
    pub dead_letters: usize,
    /// Transactions that can be repeated and reversed.
    pub originals: usize,
}

impl<R> fmt::Debug for LinkOutput<R> {
    // Messages hold card data: only their length.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LinkOutput::Connect { address } => write!(f, "Connect({address})"),
            LinkOutput::Disconnect => f.write_str("Disconnect"),
            LinkOutput::Transmit { message, after } => {
                write!(f, "Transmit({} bytes, after {after:?})", message.len())
            }
            LinkOutput::Answer {
                reply_to: _,
                answer,
                after,
            } => {
                write!(f, "Answer({:?}, after {after:?})", answer.outcome)
            }
            LinkOutput::Recall { transaction, .. } => write!(f, "Recall({transaction})"),
            LinkOutput::Journal { number, record } => write!(f, "Journal({number:?}, {record:?})"),
            LinkOutput::Event(event) => write!(f, "Event({event:?})"),
            LinkOutput::Drained => f.write_str("Drained"),
        }
    }
}
