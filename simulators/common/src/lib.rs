//! What the simulators share: test cards, wire options, field values, durations and exit codes.
//!
//! Simulators are witnesses: they know the codec and the framing, and nothing of the switch.

mod address;
mod amount;
mod card;
mod exit;
mod nearest;
mod signal;
mod stamp;
mod time;
mod values;
mod wire;

pub use address::resolve;
pub use amount::{AmountError, amount_minor, money};
pub use card::{Card, CardError};
pub use exit::{Exit, Failure};
pub use nearest::nearest;
pub use signal::{StopSignals, stop_signal, stop_signals};
pub use stamp::Stamp;
pub use time::{DurationError, duration, human};
pub use values::{Context, Original, ValueError, field_value, usual_fields};
pub use wire::{Wire, WireArgs};
