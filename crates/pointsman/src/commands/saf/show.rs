//! `pointsman saf show DIR TX`

use std::path::PathBuf;

use pointsman_journal::sqlite::Filter;

use crate::commands::tx::lives;
use crate::console::Console;
use crate::exit::{Exit, Failure};
use crate::journal::{Choice, end_of};

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Exit codes: 0 shown, 1 nothing is or was owed for it, 65 the journal is damaged, 66 there is none."
)]
pub(crate) struct Args {
    /// The journal's directory, or a copy of it
    #[arg(value_name = "DIR")]
    directory: PathBuf,

    /// The transaction
    #[arg(value_name = "TX")]
    tx: u64,

    /// One JSON object
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &Args, console: &Console) -> Result<Exit, Failure> {
    let choice = Choice {
        filter: Filter {
            tx: Some(args.tx),
            ..Filter::default()
        },
    };
    let (lives, looked) = lives(&args.directory, &choice, 1)?;
    let life = lives.first().filter(|life| life.owes_or_owed());
    let Some(life) = life else {
        end_of(&looked)?;
        console.tell(&format!(
            "nothing is or was owed for transaction {}",
            args.tx
        ));
        return Ok(Exit::Other(1));
    };
    let text = if args.json {
        format!("{}\n", life.json())
    } else {
        life.text()
    };
    console.print(&text)?;
    end_of(&looked)
}
