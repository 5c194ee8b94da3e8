//! What must survive a crash, in the order in which it must be durable.
//!
//! The engine numbers its records and says which output depends on which. Writing them is the driver's task.

use pointsman_iso8583::{Mti, ResponseCode, Stan};

/// The place of a record in the link's journal: 1, 2, 3 …
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordNumber(u64);

impl RecordNumber {
    /// The number.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }
}

/// A fact about a financial request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Record {
    /// It is about to be sent. What a restart finds without an outcome is in doubt and has to be reversed.
    Intent { stan: Stan, mti: Mti },
    /// The bank answered.
    Outcome {
        stan: Stan,
        response_code: Option<ResponseCode>,
    },
    /// The terminal will be told that it did not happen, and the bank may think that it did.
    ReversalDue { stan: Stan, cause: ReversalCause },
    /// It was never sent: nothing is in doubt.
    Withdrawn { stan: Stan },
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
}

impl ReversalCause {
    /// The value of a metric's `cause` label.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            ReversalCause::Timeout => "timeout",
            ReversalCause::Disconnected => "disconnected",
            ReversalCause::AnswerUndecodable => "answer_undecodable",
            ReversalCause::AnswerMismatch => "answer_mismatch",
        }
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

    /// A mark beyond what was ever written is the driver's mistake; it must not make later records durable.
    pub(super) fn durable_until(&mut self, mark: RecordNumber) {
        self.durable = self.durable.max(mark.0.min(self.last));
    }

    pub(super) fn is_durable(&self, number: RecordNumber) -> bool {
        number.0 <= self.durable
    }
}
