//! Open and closed loop load for ISO 8583 listeners, measured from the intended send time.
//!
//! Open loop: requests are due at moments fixed beforehand, whether or not the other side keeps up, and each latency
//! counts from the moment its request was due. A system that stalls for a second shows that second, as its users would
//! feel it. Closed loop: each connection sends its next request when an answer has come, which finds capacity.
//!
//! Every answer is checked to be the right one: fields 11, 41, 42 and 4 are those of the request. An answer that belongs
//! to nobody, or comes twice, is counted too.
//!
//! In process: [`run_load`]. On the command line: [`Args`] and [`run`].

mod args;
mod config;
mod connection;
mod in_flight;
mod live;
mod mix;
mod pace;
mod report;
mod run;
mod tally;
mod template;
mod threshold;
mod worker;

pub use args::{Args, run};
pub use config::{LoadConfig, Pace};
pub use live::Live;
pub use mix::{Mix, MixError, MixItem, mix_from_toml};
pub use report::{CardReport, Latency, Problem, Report};
pub use run::{Progress, run_load, run_load_until};
pub use threshold::{Threshold, ThresholdError, Verdict};
