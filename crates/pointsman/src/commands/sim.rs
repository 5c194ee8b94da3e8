//! `pointsman sim`: the simulators of both sides, for testing the switch or anything else that speaks ISO 8583.

use std::future::Future;

use tokio::runtime::Builder;

use crate::exit::{Exit, Failure};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    simulator: Simulator,
}

#[derive(Debug, clap::Subcommand)]
enum Simulator {
    /// A bank that answers by rule and keeps a ledger of its own
    Bank(pointsman_sim_bank::Args),
    /// Terminals that play a scenario and check the answers
    Terminal(pointsman_sim_terminal::Args),
}

pub(crate) fn run(args: Args) -> Result<Exit, Failure> {
    match args.simulator {
        Simulator::Bank(args) => drive(pointsman_sim_bank::run(args)),
        Simulator::Terminal(args) => drive(pointsman_sim_terminal::run(args)),
    }
}

/// Runs a simulator to its end. They start further threads themselves where they need them.
pub(super) fn drive(
    simulator: impl Future<Output = Result<pointsman_sim_common::Exit, pointsman_sim_common::Failure>>,
) -> Result<Exit, Failure> {
    let runtime = Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| {
            Failure::new(
                Exit::Software,
                format!("cannot start the runtime: {error}"),
                "check the limits of this process (ulimit -a)",
            )
        })?;
    match runtime.block_on(simulator) {
        Ok(exit) => Ok(Exit::Other(exit.code())),
        Err(error) => Err(failure(error)),
    }
}

/// A simulator's failure as ours.
pub(super) fn failure(failure: pointsman_sim_common::Failure) -> Failure {
    let advice = failure.advice().to_owned();
    Failure::new(Exit::Other(failure.exit.code()), failure.message, advice)
}
