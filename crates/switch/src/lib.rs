//! The shell of the switch: tokio at the edges, no decision inside.
//!
//! A [`Switch`] runs one current-thread tokio runtime per core ([`cores`]).
//! Every terminal connection is one task ([`terminal`]) that moves bytes
//! between its socket and an engine `Session`; every bank link is one task
//! ([`link`]) that does the same for an engine `Link`. The two talk through
//! bounded channels only: a full channel is an immediate, honest decline.
//!
//! ```text
//! terminal socket ─▶ [terminal task: Session] ──try_send──▶ [link task: Link] ─▶ bank socket
//! terminal socket ◀─ [terminal task: Session] ◀──mailbox─── [link task: Link] ◀─ bank socket
//! ```
//!
//! Nothing here knows an ISO 8583 field, picks a response code or compares a
//! key. What a task does with its machine is always the same four steps: feed
//! the input, drain the outputs, write what is ready in one call, wait.

mod books;
mod clock;
mod cores;
mod counters;
mod held;
mod link;
mod listener;
mod mailbox;
mod orders;
mod outbound;
mod phase;
mod receive;
mod settings;
mod sockets;
mod story;
mod switch;
mod terminal;

pub use books::{JournalError, LostLog};
pub use counters::{LATENCY, describe_metrics};
pub use orders::{Orders, SafAction};
pub use settings::{
    JournalEngine, JournalSettings, LinkSettings, ListenerSettings, RouteTable, SwitchSettings,
};
pub use switch::{StartError, Stopped, Switch};
