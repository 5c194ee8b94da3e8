//! The driver of the machines: what `crates/switch` does with tokio, here in virtual time.
//!
//! It carries outputs out in their order, holds back what waits for a record, and throws held messages away with the
//! connection they were for.

use std::collections::{BTreeMap, HashMap, VecDeque};

use bytes::Bytes;
use pointsman_engine::{
    Answer, Instant, Link, LinkState, Record, RecordNumber, Request, Session, Ticket,
};

use crate::plan::LinkPlan;

/// One terminal connection, from its opening to the last answer that comes for it.
pub(crate) struct Conn {
    pub(crate) listener: usize,
    pub(crate) session: Session,
    /// Is it open for the switch?
    pub(crate) at_switch: bool,
    /// The session wants no more input: it is closed once everything is answered.
    pub(crate) closing: bool,
    /// Is it open for the terminals?
    pub(crate) at_terminal: bool,
    /// Bytes keep their order: nothing arrives before this.
    pub(crate) up: Instant,
    pub(crate) down: Instant,
    /// What the switch has been asked here and has not answered.
    pub(crate) open: Vec<usize>,
    /// The transaction of each ticket. Only ever looked up, so its order decides nothing.
    pub(crate) tickets: HashMap<Ticket, usize>,
}

/// The return address of a request: an index into the world's list of issued requests.
pub(crate) type ReplyTo = usize;

/// A request that was handed to a link's queue.
pub(crate) struct Issued {
    pub(crate) transaction: usize,
    pub(crate) ticket: Ticket,
    pub(crate) link: usize,
    pub(crate) financial: bool,
    pub(crate) nonce: u64,
    /// When the link took it up.
    pub(crate) taken: Option<Instant>,
    pub(crate) stan: Option<u32>,
    /// Was it put on the wire?
    pub(crate) released: bool,
    pub(crate) answered: bool,
    pub(crate) reversals: u32,
    pub(crate) withdrawn: bool,
}

/// A link with its task.
pub(crate) struct LinkDriver {
    pub(crate) plan: LinkPlan,
    pub(crate) link: Link<ReplyTo>,
    /// The channel from the sessions.
    pub(crate) queue: VecDeque<Request<ReplyTo>>,
    pub(crate) queue_at: Instant,
    /// Messages in the order of sending.
    pub(crate) held: VecDeque<Held>,
    /// Answers that wait for a record.
    pub(crate) held_answers: VecDeque<(ReplyTo, Answer, RecordNumber)>,
    /// How often it has answered a request of the bank.
    pub(crate) refusals: u64,
    pub(crate) records: Vec<(RecordNumber, Record)>,
    pub(crate) durable: u64,
    pub(crate) durable_at: Instant,
    /// Counts connections: news of an older one is not for this.
    pub(crate) epoch: u64,
    pub(crate) wire: Wire,
    pub(crate) to_bank: Instant,
    /// The task does not run before this.
    pub(crate) stalled: Instant,
    pub(crate) timer: Option<Instant>,
    /// Which request has which number.
    pub(crate) by_stan: BTreeMap<u32, ReplyTo>,
    /// When the last connection or attempt ended.
    pub(crate) ended: Option<Instant>,
    pub(crate) drained: bool,
    pub(crate) state: LinkState,
}

/// A message that is to be sent.
pub(crate) struct Held {
    pub(crate) message: Bytes,
    pub(crate) after: Option<RecordNumber>,
    pub(crate) request: Option<ReplyTo>,
    pub(crate) issued: Instant,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wire {
    None,
    Connecting,
    /// `silent`: nothing gets through any more, and nobody says so.
    Up {
        silent: bool,
    },
}

impl LinkDriver {
    /// The next message that may be sent.
    pub(crate) fn release(&mut self) -> Option<Held> {
        let ready = |held: &Held| held.after.is_none_or(|number| number.get() <= self.durable);
        if self.held.front().is_some_and(ready) {
            self.held.pop_front()
        } else {
            None
        }
    }

    /// The next answer that may be handed out.
    pub(crate) fn release_answer(&mut self) -> Option<(ReplyTo, Answer)> {
        let durable = self.durable;
        let ready = self
            .held_answers
            .iter()
            .position(|(_, _, number)| number.get() <= durable)?;
        self.held_answers
            .remove(ready)
            .map(|(reply_to, answer, _)| (reply_to, answer))
    }
}
