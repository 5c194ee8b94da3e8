//! Seeded simulation of the engine under faults.
//!
//! The real sessions and links, with real messages in several dialects, between model terminals and model banks over a
//! virtual network in virtual time. Nothing but the seed decides what happens: terminals, dialects, limits, faults. One
//! thread, one event queue, no clock: a run of some seconds of traffic takes milliseconds, and the same seed gives the
//! same run, event for event.
//!
//! ```text
//!   Terminal ──Conn──▶ Session ──queue──▶ Link ──Wire──▶ Bank
//!      │                                  │ ▲              │
//!      │                           records▼ │restart       │
//!      │                                  Log              │
//!      └────────────── Checks ◀────────────┴───────────────┘
//! ```
//! The whole switch, all sessions and links, is lost at any moment; of its records a prefix survives, and what they add up
//! to is what it goes on with.
//!
//! What must hold is written down in `checks.rs`; what goes wrong on purpose, in `plan.rs`. A bug that is planted in the
//! engine ([`PlantedBug`]) must be found by the same checks: `tests/planted.rs` counts the seeds that it takes.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "test code: a model that is wrong must stop the run"
)]

mod bank;
mod checks;
mod disk;
mod log;
mod plan;
mod queue;
mod random;
mod risk;
mod switch;
mod terminal;
mod trace;
mod world;

pub use checks::Violation;
pub use plan::Plan;
pub use pointsman_engine::PlantedBug;
pub use world::{Options, Report, Tally, run};
