//! A bank host that answers by rule and keeps its own ledger.
//!
//! It accepts links, answers sign-ons and echoes, approves, declines, delays, loses or garbles by rule, and books what it
//! approved. It can be the other end of any switch: nothing in it knows who is calling.
//!
//! In process: [`Bank::start`] gives a [`BankHandle`] with the [`Ledger`] and the [`Stats`]. On the command line:
//! [`Args`] and [`run`].

mod args;
mod bank;
mod connection;
mod event;
mod host;
mod ledger;
mod rule;
mod stats;

pub use args::{Args, run};
pub use bank::{Bank, BankConfig, BankHandle, LedgerConfig, StartError};
pub use event::{Event, Observer, Watch};
pub use ledger::{ENTRIES_MAX, Entry, Ledger, Short, Totals};
pub use rule::{
    BinRange, Decision, Delivery, Facts, Plan, Rule, RuleError, rule_from_flag, rules_from_toml,
};
pub use stats::Stats;
