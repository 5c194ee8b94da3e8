//! Drives the product from outside: the real binary as a process, terminals and
//! banks as raw sockets that know only the codec and the framing.

pub mod binary;
pub mod peer;
pub mod setup;
pub mod switch;

pub use binary::pointsman;
pub use peer::{Host, Peer};
pub use setup::{MASTERCARD, Setup, VISA, dialect, purchase};
pub use switch::{SwitchProcess, assert_has};

/// Longer than anything here may take; a test that reaches it has failed.
pub const PATIENCE: std::time::Duration = std::time::Duration::from_secs(20);
