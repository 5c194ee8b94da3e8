//! `pointsman-load`: the load generator alone.

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;

/// Open and closed loop load for ISO 8583 listeners.
#[derive(Parser)]
#[command(name = "pointsman-load", version)]
struct Command {
    #[command(flatten)]
    args: pointsman_sim_load::Args,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match pointsman_sim_load::run(Command::parse().args).await {
        Ok(exit) => exit.into(),
        Err(failure) => {
            let _ = writeln!(std::io::stderr(), "error: {failure}");
            failure.exit.into()
        }
    }
}
