//! The protocol of a transaction and its reversal, as a model that is checked exhaustively.
//!
//! One purchase, one terminal, one bank, one switch with a journal, and everything that may go wrong between them, in
//! every order: messages are lost with their connection, the switch crashes and keeps any part of what was not yet
//! durable, the bank refuses or is slow, the terminal gives up, asks again and reverses. The model says what the engine
//! does (`crates/engine/src/link`), in few enough states that a checker can visit them all; `tests/sim` holds the engine
//! itself to the same promises for long runs, which no checker could finish.
//!
//! What must hold is said of states in which nothing is left to do: whatever the terminal holds, the bank holds the same.
//! A [`Mistake`] breaks one rule of the protocol, and the checker has to find out.

mod model;
mod state;

pub use model::{Limits, Mistake, Protocol};
pub use state::{Bank, Message, Record, State, Switch, Terminal};
