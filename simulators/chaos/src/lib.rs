//! A switch that is killed again and again under load, with banks and terminals that keep their own books.
//!
//! Real processes, sockets and files. The switch is a child process with a journal in a directory; it is ended with
//! SIGKILL at random moments and started again. Its banks, which survive, stand behind proxies that cut, hold, dribble,
//! swallow and duplicate what passes. Terminals buy at a constant rate, repeat, and take back what they have no answer
//! to, as real ones do. When the faults have stopped and nothing is owed any more, what each terminal holds is compared
//! with what each bank has booked. The promise is that they agree to the last one.
//!
//! [`Args`] and [`run`] are the command. Nothing in here knows the switch but by its command line, its configuration
//! file, its log and its metrics.

mod args;
mod banks;
mod counts;
mod dice;
mod drain;
mod fault;
mod keeper;
mod live;
mod message;
mod metrics;
mod proxy;
mod receipt;
mod reconcile;
mod report;
mod run;
mod setup;
mod switch;
mod terminal;

pub use args::{Args, Durability, Engine, Plant};
pub use reconcile::Difference;
pub use report::Report;
pub use run::run;
