//! What must survive a crash, in the order in which it must be durable.
//!
//! The engine numbers its records and says which output depends on which. Writing them is the driver's task, and so is
//! reading them back after a crash: [`Recovered`](super::Recovered) makes of them what a new link starts with.

use core::fmt;

use pointsman_iso8583::{Mti, Pan, ResponseCode, Stan};

use crate::{CardMessage, Cause, StoodIn, Trace, TransactionId};

/// The place of a record in the link's journal: 1, 2, 3 …
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordNumber(u64);

impl RecordNumber {
    /// Of all that an earlier life of the switch wrote: it is durable.
    pub(super) const EARLIER: RecordNumber = RecordNumber(0);

    /// The number.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }
}

/// A fact about a transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Record {
    /// It is about to be sent. What a restart finds without an outcome is in doubt and has to be reversed.
    Intent(Intent),
    /// The bank answered.
    Outcome {
        transaction: TransactionId,
        stan: Stan,
        response_code: Option<ResponseCode>,
        approved: bool,
        /// The answer, to be given again to whoever repeats the request.
        answer: CardMessage,
    },
    /// Something has to be told to the bank until it acknowledges: a reversal, because the terminal is told that it did
    /// not happen and the bank may think that it did; or an advice that the terminal was promised would arrive.
    Due(Due),
    /// It is about to be sent to the bank, for the `count`th time, under this number.
    Attempt {
        transaction: TransactionId,
        kind: ObligationKind,
        stan: Stan,
        count: u32,
    },
    /// The end of an obligation.
    Settled {
        transaction: TransactionId,
        kind: ObligationKind,
        how: Settlement,
    },
    /// It was never sent: nothing is in doubt.
    Withdrawn {
        transaction: TransactionId,
        stan: Stan,
    },
    /// A terminal reversed what had not come: should it come after all, it is declined.
    ReversedUnseen { reference: Reference, trace: Trace },
}

/// A financial request that is about to be sent.
#[derive(Clone, PartialEq, Eq)]
pub struct Intent {
    pub transaction: TransactionId,
    /// The link's number.
    pub stan: Stan,
    pub mti: Mti,
    pub trace: Trace,
    /// By which a repeat and a reversal find it; none if the terminal does not number its requests.
    pub reference: Option<Reference>,
    pub pan: Option<Pan>,
    /// What would undo it, in the link's dialect.
    pub reversal: CardMessage,
}

/// Something that has to be told to the bank.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Due {
    /// The transaction that it is about; of an advice its own name.
    pub transaction: TransactionId,
    pub kind: ObligationKind,
    /// Why it is reversed; none for advices.
    pub cause: Option<ReversalCause>,
    /// Of an advice of an approval that the switch gave by itself.
    pub stood_in: Option<StoodIn>,
    pub trace: Trace,
    /// By which a repeat finds the transaction.
    pub reference: Option<Reference>,
    /// The number under which it has to go: an advice's own, and that of the original where a dialect has the same for
    /// both.
    pub stan: Option<Stan>,
    /// What is sent, but for its number and reason. The journal keeps it with what is due and need not look back.
    pub message: CardMessage,
}

/// What kind of thing the bank is told. In the order in which a link sends them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ObligationKind {
    /// x4xx
    Reversal,
    /// x220
    Completion,
    /// x120
    Advice,
}

/// How an obligation ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settlement {
    /// The bank has it, or, of a reversal, has nothing to undo (25, 914).
    Acknowledged(ResponseCode),
    /// The bank refused it again and again: a person has to look at it.
    Refused(ResponseCode),
    /// It was due for too long: a person has to look at it.
    Expired,
    /// It cannot be written in the link's dialect: a person has to look at it.
    Unwritable,
    /// A person has given it up.
    Dropped,
    /// A late approval came after the bank had acknowledged the reversal, or a person wants it sent again.
    Reopened,
}

/// By what a repeat or a reversal of a terminal names its original: terminal, acceptor and trace number in `name`, and
/// in `content` what tells a repeat from another transaction with a number that came round again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Reference {
    pub name: u64,
    pub content: u64,
}

/// Why a transaction has to be undone at the bank.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ReversalCause {
    /// No answer in time.
    Timeout,
    /// The connection broke with the request on its way.
    Disconnected,
    /// The answer could not be read.
    AnswerUndecodable,
    /// The answer approves something else than what was asked for.
    AnswerMismatch,
    /// The terminal could not be told of the approval.
    Undeliverable,
    /// The switch ended while the request was open.
    Restart,
    /// The bank approved after it had acknowledged the reversal.
    LateApproval,
    /// The terminal itself reversed it.
    Terminal,
}

impl ReversalCause {
    /// All of them.
    pub const ALL: [ReversalCause; 8] = [
        ReversalCause::Timeout,
        ReversalCause::Disconnected,
        ReversalCause::AnswerUndecodable,
        ReversalCause::AnswerMismatch,
        ReversalCause::Undeliverable,
        ReversalCause::Restart,
        ReversalCause::LateApproval,
        ReversalCause::Terminal,
    ];

    /// The value of a metric's `cause` label, and its name in the journal.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            ReversalCause::Timeout => "timeout",
            ReversalCause::Disconnected => "disconnected",
            ReversalCause::AnswerUndecodable => "answer_undecodable",
            ReversalCause::AnswerMismatch => "answer_mismatch",
            ReversalCause::Undeliverable => "undeliverable",
            ReversalCause::Restart => "restart",
            ReversalCause::LateApproval => "late_approval",
            ReversalCause::Terminal => "terminal",
        }
    }

    /// The cause with this name.
    #[must_use]
    pub fn from_label(label: &str) -> Option<ReversalCause> {
        ReversalCause::ALL
            .into_iter()
            .find(|cause| cause.label() == label)
    }

    /// What a terminal that repeats its request is told.
    pub(super) const fn decline(self) -> Cause {
        match self {
            ReversalCause::Timeout | ReversalCause::LateApproval => Cause::Timeout,
            ReversalCause::Disconnected => Cause::Disconnected,
            ReversalCause::AnswerUndecodable => Cause::AnswerUndecodable,
            ReversalCause::AnswerMismatch => Cause::AnswerMismatch,
            ReversalCause::Undeliverable | ReversalCause::Restart | ReversalCause::Terminal => {
                Cause::Reversed
            }
        }
    }
}

impl ObligationKind {
    /// All of them, the most urgent first.
    pub const ALL: [ObligationKind; 3] = [
        ObligationKind::Reversal,
        ObligationKind::Completion,
        ObligationKind::Advice,
    ];

    /// Its name in metrics and in the journal.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            ObligationKind::Reversal => "reversal",
            ObligationKind::Completion => "completion",
            ObligationKind::Advice => "advice",
        }
    }
}

impl Settlement {
    /// Its name in metrics and in the journal.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Settlement::Acknowledged(_) => "acknowledged",
            Settlement::Refused(_) => "refused",
            Settlement::Expired => "expired",
            Settlement::Unwritable => "unwritable",
            Settlement::Dropped => "dropped",
            Settlement::Reopened => "reopened",
        }
    }

    /// Does it wait for a person?
    #[must_use]
    pub const fn is_dead_letter(self) -> bool {
        matches!(
            self,
            Settlement::Refused(_) | Settlement::Expired | Settlement::Unwritable
        )
    }
}

impl fmt::Debug for Intent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Intent")
            .field("transaction", &self.transaction)
            .field("mti", &self.mti)
            .field("trace", &self.trace)
            .finish_non_exhaustive()
    }
}

/// Numbers the records and remembers how far they are durable.
#[derive(Debug, Default)]
pub(super) struct Journal {
    last: u64,
    durable: u64,
}

impl Journal {
    pub(super) fn next(&mut self) -> RecordNumber {
        self.last += 1;
        RecordNumber(self.last)
    }

    /// The last record so far, if there is one.
    pub(super) fn latest(&self) -> Option<RecordNumber> {
        (self.last > 0).then_some(RecordNumber(self.last))
    }

    /// A mark beyond what was ever written is the driver's mistake; it must not make later records durable.
    pub(super) fn durable_until(&mut self, mark: RecordNumber) {
        self.durable = self.durable.max(mark.0.min(self.last));
    }

    pub(super) fn is_durable(&self, number: RecordNumber) -> bool {
        number.0 <= self.durable
    }
}
