//! The options of the chaos run.

use std::path::PathBuf;
use std::time::Duration;

use clap::builder::RangedU64ValueParser;
use pointsman_sim_common::duration;

/// Options of the chaos run.
#[derive(Clone, Debug, clap::Args)]
#[command(
    after_help = "Exit codes: 0 terminals and banks agree, 1 they differ, or the switch did not start, end or come to rest \
                  as it should, 64 wrong command line, 69 an address cannot be had, 73 the directory cannot be written, \
                  130 stopped by Ctrl-C before anything was bought."
)]
pub struct Args {
    /// How long faults and load go on. What is open then is finished and reconciled.
    #[arg(long = "for", value_name = "TIME", default_value = "60s", value_parser = duration)]
    pub duration: Duration,

    /// Purchases per second of all terminals together.
    #[arg(long, value_name = "NUMBER", default_value_t = 300, value_parser = RangedU64ValueParser::<u32>::new().range(1..=100_000))]
    pub rate: u32,

    /// Terminals, each with a connection of its own.
    #[arg(long, value_name = "COUNT", default_value_t = 32, value_parser = RangedU64ValueParser::<u32>::new().range(1..=9_999))]
    pub terminals: u32,

    /// How long the switch lives before it is killed, about.
    #[arg(long, value_name = "TIME", default_value = "3s", value_parser = duration)]
    pub kill_every: Duration,

    /// What the faults are drawn from. The same number draws the same, but no two runs meet the same moments.
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    pub seed: u64,

    /// The engine of the switch's journal.
    #[arg(long, value_name = "ENGINE", default_value = "log", value_enum)]
    pub engine: Engine,

    /// When the switch's journal is synced.
    #[arg(long, value_name = "WHEN", default_value = "commit", value_enum)]
    pub durability: Durability,

    /// The switch to kill; this program itself unless given.
    #[arg(long, value_name = "PATH")]
    pub switch: Option<PathBuf>,

    /// Keep journal, ledgers, receipts and the log of each life in this directory, which must be new or empty.
    #[arg(long, value_name = "DIR")]
    pub keep: Option<PathBuf>,

    /// Print the report as JSON.
    #[arg(long)]
    pub json: bool,

    /// No progress on standard error.
    #[arg(long, short)]
    pub quiet: bool,

    /// A lie that the reconciliation must find: the control of the tests.
    #[arg(long, value_enum, hide = true)]
    pub plant: Option<Plant>,
}

/// The engine of the journal.
#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum)]
pub enum Engine {
    /// The append-only log.
    Log,
    /// The tables alone.
    Sqlite,
}

/// When the journal is synced.
#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum)]
pub enum Durability {
    /// Before each promise.
    Commit,
    /// Once a second.
    Relaxed,
}

/// What is made wrong on purpose.
#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum)]
pub enum Plant {
    /// One terminal takes a decline for an approval.
    ClaimsApproval,
    /// One terminal forgets to take back what it has no answer to.
    NeverReverses,
    /// A bank loses the entry of an approval.
    LosesEntry,
    /// A bank books an approval twice.
    BooksTwice,
}

impl Engine {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Engine::Log => "log",
            Engine::Sqlite => "sqlite",
        }
    }
}

impl Durability {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Durability::Commit => "commit",
            Durability::Relaxed => "relaxed",
        }
    }
}
