//! A scripted POS terminal with expectations, for any ISO 8583 listener.
//!
//! A [`Scenario`] is a list of steps: what is sent, and what must come back. Any number of terminals play it at the same
//! time; each step is told with its result, and what failed with the field, what was expected and what was found.
//! [`send`] is the shortest scenario: one message, its answer explained.
//!
//! In process: [`play`]. On the command line: [`Args`] and [`run`], and those of [`send`].

mod args;
mod expectation;
mod player;
mod request;
mod scenario;
pub mod send;
mod terminal;

pub use args::{Args, run};
pub use expectation::{Expectation, FieldExpectation, Mismatch};
pub use player::{PlayConfig, StepResult, Summary, play, play_until};
pub use scenario::{EXAMPLE, Payload, Scenario, ScenarioError, Step};
pub use terminal::{Incoming, Terminal};
