//! `pointsman saf retry DIR TX` and `pointsman saf drop DIR TX`

use std::path::PathBuf;

use pointsman_engine::ObligationKind;
use pointsman_switch::SafAction;
use tokio::runtime::Builder;

use crate::console::Console;
use crate::control::{self, Request};
use crate::exit::{Exit, Failure};

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Exit codes: 0 done, 1 nothing is owed for it, 69 no switch runs with this journal."
)]
pub(crate) struct Args {
    /// The journal's directory, of a switch that runs
    #[arg(value_name = "DIR")]
    directory: PathBuf,

    /// The transaction
    #[arg(value_name = "TX")]
    tx: u64,

    /// Only this that is owed for it: reversal, completion or advice
    #[arg(long, value_name = "KIND", value_parser = kind)]
    kind: Option<ObligationKind>,
}

fn kind(name: &str) -> Result<ObligationKind, String> {
    control::kind_named(name).ok_or_else(|| "it is reversal, completion or advice".to_owned())
}

pub(crate) fn run(args: &Args, action: SafAction, console: &Console) -> Result<Exit, Failure> {
    let runtime = Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| {
            Failure::new(
                Exit::Software,
                format!("cannot start the runtime: {error}"),
                "check the limits of this process",
            )
        })?;
    let request = Request {
        tx: args.tx,
        kind: args.kind,
        action,
    };
    let done = runtime
        .block_on(control::ask(&args.directory, request))
        .map_err(|error| {
            Failure::new(
                Exit::Unavailable,
                format!("cannot reach a switch that has {}: {error}", args.directory.display()),
                "start it, or name the journal's directory of the one that runs; run this as its user",
            )
        })?;
    if done.is_empty() {
        console.tell(&match action {
            SafAction::Retry => format!(
                "no dead letter of transaction {} waits: pointsman saf list",
                args.tx
            ),
            SafAction::Drop => format!(
                "nothing is owed for transaction {}: pointsman saf list",
                args.tx
            ),
        });
        return Ok(Exit::Other(1));
    }
    let what = match action {
        SafAction::Retry => "is sent again",
        SafAction::Drop => "is given up",
    };
    for kind in done {
        console.print(&format!("{kind} of transaction {} {what}\n", args.tx))?;
    }
    Ok(Exit::Ok)
}
