//! `pointsman-sim-bank`: the bank alone.

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;

/// A bank host that answers by rule and keeps its own ledger.
#[derive(Parser)]
#[command(name = "pointsman-sim-bank", version)]
struct Command {
    #[command(flatten)]
    args: pointsman_sim_bank::Args,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match pointsman_sim_bank::run(Command::parse().args).await {
        Ok(exit) => exit.into(),
        Err(failure) => {
            let _ = writeln!(std::io::stderr(), "error: {failure}");
            failure.exit.into()
        }
    }
}
