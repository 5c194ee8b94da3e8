//! `pointsman-sim-chaos`: the chaos run alone, for a switch that `--switch` names.

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;

/// Kill a switch again and again under load, and reconcile terminals with banks.
#[derive(Parser)]
#[command(name = "pointsman-sim-chaos", version)]
struct Command {
    #[command(flatten)]
    args: pointsman_sim_chaos::Args,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match pointsman_sim_chaos::run(Command::parse().args, "pointsman".into()).await {
        Ok(exit) => exit.into(),
        Err(failure) => {
            let _ = writeln!(std::io::stderr(), "error: {failure}");
            failure.exit.into()
        }
    }
}
