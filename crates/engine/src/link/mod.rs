//! One bank: its connection, its sign-on, and the requests that it has not answered.
//!
//! [`Link`] takes inputs (`handle_*`) and gives outputs (`poll_output`), which are to be carried out in their order:
//! * a [`LinkOutput::Journal`] comes before what depends on it, and what depends on it says so (`after`);
//! * each request gets exactly one [`LinkOutput::Answer`]: its return address is kept in one place and moved out;
//! * at most one connection is open or being opened: [`LinkOutput::Connect`] comes again only after the last ended.
//!
//! The states are in `state.rs` under their diagram. The inputs are where their concern is: `request.rs`, `connection.rs`,
//! `receive.rs`, `timer.rs`, `drain.rs`. The open requests are in `in_flight.rs`, the rules by which an answer finds its
//! request in `matching.rs`.

mod backoff;
mod connection;
mod drain;
mod in_flight;
mod journal;
mod matching;
mod network_management;
mod obligations;
pub(crate) mod originals;
mod output;
mod profile;
mod receive;
mod recovery;
mod request;
mod stan;
mod stand_in;
mod state;
mod store_forward;
#[cfg(test)]
mod tests;
mod timer;

use alloc::collections::VecDeque;
use alloc::sync::Arc;
use core::fmt;

use pointsman_iso8583::TextBuffer;

pub use journal::{
    Due, Intent, ObligationKind, Record, RecordNumber, Reference, ReversalCause, Settlement,
};
pub use network_management::NetworkManagementCode;
pub use output::{LinkEvent, LinkOutput, Occupancy, UnmatchedReason};
pub use profile::{Backoff, Cooling, LinkProfile, StoreForwardProfile};
pub use recovery::Recovered;
pub use state::LinkState;

use self::backoff::Retry;
use self::in_flight::InFlight;
use self::journal::Journal;
use self::originals::Originals;
use self::stan::StanPool;
use self::state::State;
use self::store_forward::StoreForward;
use crate::planted::Planted;
#[cfg(feature = "planted-bugs")]
use crate::planted::PlantedBug;
use crate::stand_in::Exposure;
use crate::{Answer, Instant, Outcome, Ticket, TransactionId, TransactionIds};

/// One bank. `R` is the return address of a request.
pub struct Link<R> {
    profile: Arc<LinkProfile>,
    state: State,
    in_flight: InFlight<R>,
    stans: StanPool,
    journal: Journal,
    retry: Retry,
    outputs: VecDeque<LinkOutput<R>>,
    /// The latest time that an input gave.
    now: Instant,
    draining: bool,
    /// May something new be put on record?
    recording: bool,
    transactions: TransactionIds,
    store_forward: StoreForward,
    originals: Originals,
    /// What was approved without the bank today.
    exposure: Exposure,
    /// Of approvals given to several, who was not told: how many more must not be before it is undone.
    half_told: VecDeque<(TransactionId, u32)>,
    /// For fields that are not in ASCII.
    text: TextBuffer,
    planted: Planted,
}

impl<R> Link<R> {
    /// A link that is about to connect: the first output says so.
    #[must_use]
    pub fn new(profile: Arc<LinkProfile>, now: Instant) -> Self {
        Self::with_planted(profile, now, Planted::default())
    }

    /// A link with a bug, for `tests/sim` alone.
    #[cfg(feature = "planted-bugs")]
    #[must_use]
    pub fn with_planted_bug(profile: Arc<LinkProfile>, now: Instant, bug: PlantedBug) -> Self {
        Self::with_planted(profile, now, Planted::some(bug))
    }

    fn with_planted(profile: Arc<LinkProfile>, now: Instant, planted: Planted) -> Self {
        let mut link = Link {
            state: State::Down { retry_at: now },
            in_flight: InFlight::new(&profile.match_fields),
            stans: StanPool::new(&profile.stan_range, profile.stan_seed, now),
            journal: Journal::default(),
            retry: Retry::new(profile.seed),
            outputs: VecDeque::new(),
            now,
            draining: false,
            recording: true,
            transactions: profile.transactions.clone(),
            store_forward: StoreForward::new(planted),
            originals: Originals::default(),
            exposure: Exposure::default(),
            half_told: VecDeque::new(),
            text: TextBuffer::new(),
            planted,
            profile,
        };
        link.connect(now);
        link
    }

    /// What to do next. Drain it after each input.
    pub fn poll_output(&mut self) -> Option<LinkOutput<R>> {
        self.outputs.pop_front()
    }

    /// The state that an operator sees.
    #[must_use]
    pub fn state(&self) -> LinkState {
        self.state.public(self.profile.sign_on)
    }

    /// Requests that wait for an answer.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.in_flight.open()
    }

    /// How full the tables are.
    #[must_use]
    pub fn occupancy(&self) -> Occupancy {
        Occupancy {
            in_flight: self.in_flight.open(),
            late: self.in_flight.late(),
            declined: self.in_flight.declined(),
            stans: self.stans.busy(),
            outputs: self.outputs.len(),
            obligations: self.store_forward.len(),
            obligations_sent: self.store_forward.in_window(),
            dead_letters: self.store_forward.dead_letters(),
            originals: self.originals.len(),
        }
    }

    /// How long the oldest obligation has been due.
    #[must_use]
    pub fn oldest_obligation(&self) -> Option<core::time::Duration> {
        self.store_forward
            .oldest()
            .map(|since| self.now.since(since))
    }

    /// Whether the journal takes anything new. While it does not, what may move money is declined, and what has begun is
    /// finished with the room that is kept for it.
    pub fn handle_recording(&mut self, recording: bool) {
        self.recording = recording;
    }

    /// All records up to this one are durable, and what waited for them has been released.
    pub fn handle_durable(&mut self, mark: RecordNumber) {
        self.journal.durable_until(mark);
    }

    fn answer(
        &mut self,
        reply_to: R,
        ticket: Ticket,
        outcome: Outcome,
        after: Option<RecordNumber>,
    ) {
        let answer = Answer {
            ticket,
            outcome,
            undo: None,
        };
        self.outputs.push_back(LinkOutput::Answer {
            reply_to,
            answer,
            after,
        });
    }

    fn record(&mut self, record: Record) -> RecordNumber {
        let number = self.journal.next();
        self.outputs
            .push_back(LinkOutput::Journal { number, record });
        number
    }

    fn event(&mut self, event: LinkEvent) {
        self.outputs.push_back(LinkOutput::Event(event));
    }

    fn enter(&mut self, state: State) {
        let from = self.state();
        self.state = state;
        let to = self.state();
        if from != to {
            self.event(LinkEvent::StateChanged { from, to });
        }
    }
}

impl<R> fmt::Debug for Link<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link")
            .field("name", &self.profile.name)
            .field("state", &self.state())
            .field("occupancy", &self.occupancy())
            .finish_non_exhaustive()
    }
}
