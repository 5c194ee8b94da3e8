//! The driver of the machines: what `crates/switch` does with tokio, here in virtual time.
//!
//! It carries outputs out in their order, holds back what waits for a record, and throws held messages away with the
//! connection they were for.

use std::collections::{BTreeMap, HashMap, VecDeque};

use bytes::Bytes;
use pointsman_engine::{
    Answer, Instant, Link, LinkProfile, LinkState, Nature, ObligationKind, RecordNumber, Request,
    Session, Ticket, TransactionId,
};

use crate::plan::LinkPlan;

/// One terminal connection, from its opening to the last answer that comes for it.
pub(crate) struct Conn {
    pub(crate) listener: usize,
    /// In which life of the switch it was accepted.
    pub(crate) life: u32,
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
    /// The message of each ticket. Only ever looked up, so its order decides nothing.
    pub(crate) tickets: HashMap<Ticket, usize>,
}

/// The return address of a request: an index into the world's list of issued requests.
pub(crate) type ReplyTo = usize;

/// A request that was handed to a link's queue, or an approval that was given back.
pub(crate) struct Issued {
    pub(crate) message: usize,
    pub(crate) ticket: Ticket,
    pub(crate) nature: Nature,
    pub(crate) nonce: u64,
    /// It waits for the reversal of what could not be told.
    pub(crate) undo: bool,
    /// When the link took it up.
    pub(crate) taken: Option<Instant>,
    pub(crate) stan: Option<u32>,
    /// Was it put on the wire?
    pub(crate) released: bool,
    pub(crate) answered: bool,
    pub(crate) withdrawn: bool,
}

/// A link with its task.
pub(crate) struct LinkDriver {
    pub(crate) plan: LinkPlan,
    pub(crate) profile: LinkProfile,
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
    /// The records of this life: their numbers, and where they are in the log.
    pub(crate) numbers: Vec<(RecordNumber, usize)>,
    /// How many of them the task knows to be durable.
    pub(crate) durable: usize,
    /// Counts connections: news of an older one is not for this.
    pub(crate) epoch: u64,
    pub(crate) wire: Wire,
    pub(crate) to_bank: Instant,
    /// The task does not run before this.
    pub(crate) stalled: Instant,
    /// The bank cannot be reached before this.
    pub(crate) away_until: Instant,
    pub(crate) timer: Option<Instant>,
    /// Which request has which number.
    pub(crate) by_stan: BTreeMap<u32, ReplyTo>,
    /// Which obligation goes by which number, until it is settled.
    pub(crate) owed: BTreeMap<u32, (TransactionId, ObligationKind)>,
    /// When the last connection or attempt ended.
    pub(crate) ended: Option<Instant>,
    pub(crate) drained: bool,
    pub(crate) state: LinkState,
}

/// A message that is to be sent.
pub(crate) struct Held {
    pub(crate) message: Bytes,
    pub(crate) after: Option<RecordNumber>,
    pub(crate) about: About,
    pub(crate) issued: Instant,
}

/// What a message to the bank is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum About {
    /// Network management, or the answer to a request of the bank.
    Own,
    Request(ReplyTo),
    Obligation {
        nonce: u64,
        kind: ObligationKind,
        stan: u32,
        repeat: bool,
    },
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
    pub(crate) fn new(plan: LinkPlan, profile: LinkProfile, link: Link<ReplyTo>) -> LinkDriver {
        LinkDriver {
            plan,
            profile,
            link,
            queue: VecDeque::new(),
            queue_at: Instant::ZERO,
            held: VecDeque::new(),
            held_answers: VecDeque::new(),
            refusals: 0,
            numbers: Vec::new(),
            durable: 0,
            epoch: 0,
            wire: Wire::None,
            to_bank: Instant::ZERO,
            stalled: Instant::ZERO,
            away_until: Instant::ZERO,
            timer: None,
            by_stan: BTreeMap::new(),
            owed: BTreeMap::new(),
            ended: None,
            drained: false,
            state: LinkState::Down,
        }
    }

    /// All that the task held is gone.
    pub(crate) fn crash(&mut self) {
        self.queue.clear();
        self.held.clear();
        self.held_answers.clear();
        self.numbers.clear();
        self.durable = 0;
        self.epoch += 1;
        self.wire = Wire::None;
        self.stalled = Instant::ZERO;
        self.timer = None;
        self.owed.clear();
        self.ended = None;
        self.drained = false;
        self.state = LinkState::Down;
    }

    fn is_ready(&self, number: RecordNumber) -> bool {
        number.get() <= self.durable as u64
    }

    /// The next message that may be sent.
    pub(crate) fn release(&mut self) -> Option<Held> {
        let front = self.held.front()?;
        if front.after.is_none_or(|number| self.is_ready(number)) {
            self.held.pop_front()
        } else {
            None
        }
    }

    /// The next answer that may be handed out.
    pub(crate) fn release_answer(&mut self) -> Option<(ReplyTo, Answer)> {
        let ready = self
            .held_answers
            .iter()
            .position(|(_, _, number)| self.is_ready(*number))?;
        self.held_answers
            .remove(ready)
            .map(|(reply_to, answer, _)| (reply_to, answer))
    }
}
