//! What a link has decided and what waits until its record is durable.
//!
//! Messages keep their order: one that waits for nothing stays behind one that does. Answers go to different terminals,
//! but the records that they wait for come in the same order, so that one queue does for them as well.

use std::collections::VecDeque;

use bytes::BytesMut;
use pointsman_engine::{Answer, RecordNumber, Ticket, TransactionId};

use crate::mailbox::ReplyTo;

#[derive(Default)]
pub(crate) struct Held {
    messages: VecDeque<(Option<RecordNumber>, BytesMut)>,
    tidings: VecDeque<(RecordNumber, Tiding)>,
    /// The last record that is durable.
    durable: Option<RecordNumber>,
}

/// What a terminal is told.
pub(crate) enum Tiding {
    Answer(ReplyTo, Answer),
    /// What it was told before.
    Recall(ReplyTo, Ticket, TransactionId),
}

impl Held {
    pub(crate) fn durable_until(&mut self, number: RecordNumber) {
        self.durable = self.durable.max(Some(number));
    }

    fn is_durable(&self, after: Option<RecordNumber>) -> bool {
        after.is_none() || after <= self.durable
    }

    pub(crate) fn message(&mut self, after: Option<RecordNumber>, message: BytesMut) {
        self.messages.push_back((after, message));
    }

    /// The next message that may go.
    pub(crate) fn next_message(&mut self) -> Option<BytesMut> {
        let (after, _) = self.messages.front()?;
        if !self.is_durable(*after) {
            return None;
        }
        self.messages.pop_front().map(|(_, message)| message)
    }

    /// Gives back what may be told at once, and keeps what may not.
    pub(crate) fn tiding(&mut self, after: Option<RecordNumber>, tiding: Tiding) -> Option<Tiding> {
        match after {
            Some(number) if !self.is_durable(after) => {
                self.tidings.push_back((number, tiding));
                None
            }
            _ => Some(tiding),
        }
    }

    /// The next that a terminal may be told.
    pub(crate) fn next_tiding(&mut self) -> Option<Tiding> {
        let (number, _) = self.tidings.front()?;
        if !self.is_durable(Some(*number)) {
            return None;
        }
        self.tidings.pop_front().map(|(_, tiding)| tiding)
    }

    /// Is anything waiting for the journal?
    pub(crate) fn is_waiting(&self) -> bool {
        !self.messages.is_empty() || !self.tidings.is_empty()
    }

    /// The connection is gone: what was meant for it must not go over the next one.
    pub(crate) fn disconnected(&mut self) {
        self.messages.clear();
    }

    /// Nothing more will be durable. Nobody is told anything: neither yes nor no is known to hold.
    pub(crate) fn abandon(&mut self) {
        self.messages.clear();
        self.tidings.clear();
    }
}
