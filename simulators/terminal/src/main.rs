//! `pointsman-sim-terminal`: the terminal alone.

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;

/// A scripted POS terminal with expectations.
#[derive(Parser)]
#[command(name = "pointsman-sim-terminal", version)]
struct Command {
    #[command(flatten)]
    args: pointsman_sim_terminal::Args,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match pointsman_sim_terminal::run(Command::parse().args).await {
        Ok(exit) => exit.into(),
        Err(failure) => {
            let _ = writeln!(std::io::stderr(), "error: {failure}");
            failure.exit.into()
        }
    }
}
