//! The life of a transaction as state machines, without I/O, clock, thread or randomness.
//!
//! Two machines decide everything. A [`Session`] is one terminal connection: it reads requests, routes them, writes
//! them in the bank's dialect, and turns what comes back into the one answer that the terminal gets. A [`Link`] is one
//! bank: it connects, signs on, numbers requests, matches answers, and gives up on them when their time has passed.
//!
//! Both are driven the same way: `handle_*(now, …)` takes an input, `poll_output()` gives what follows from it, in an
//! order that is a promise (a record is given to the journal before the message that depends on it). Whoever drives
//! them drains the outputs after each input and asks the link for `next_timer()`. Time is an argument and so is the
//! seed of the back-off: the same inputs give the same outputs, which is what `tests/sim` is built on.
//!
//! ```text
//!   terminal ──frame──▶ Session ──Forward──▶ Link ──Transmit──▶ bank
//!   terminal ◀──Reply── Session ◀──Answer─── Link ◀───frame──── bank
//! ```
#![no_std]

extern crate alloc;

mod cause;
pub mod limits;
mod link;
mod planted;
mod reply;
mod request;
mod reversal;
mod session;
mod stand_in;
mod time;
mod trace;
mod transaction;

pub use cause::Cause;
pub use link::{
    Backoff, Cooling, Due, Intent, Link, LinkEvent, LinkOutput, LinkProfile, LinkState,
    NetworkManagementCode, ObligationKind, Occupancy, Record, RecordNumber, Recovered, Reference,
    ReversalCause, Settlement, StoreForwardProfile, UnmatchedReason,
};
#[cfg(feature = "planted-bugs")]
pub use planted::PlantedBug;
pub use request::{Answer, Forward, LinkId, Nature, Outcome, Request, Ticket, Undo};
pub use session::{
    CloseCause, LinkLeg, ListenerProfile, PresencePolicy, Session, SessionEvent, SessionOutput,
    Undelivered,
};
pub use stand_in::{ApprovalCode, CardId, Identify, StandInProfile, StandInRule, StoodIn};
pub use time::{Instant, WallClock};
pub use trace::Trace;
pub use transaction::{CardMessage, TransactionId, TransactionIds};
