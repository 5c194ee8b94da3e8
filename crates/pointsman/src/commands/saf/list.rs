//! `pointsman saf list DIR`

use std::path::PathBuf;

use crate::console::Console;
use crate::exit::{Exit, Failure};
use crate::journal::{OwedRow, end_of, plain};

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum State {
    /// It is sent until the bank answers
    Open,
    /// It was too late to say it: a person has to look
    Expired,
    /// It cannot be said: a person has to look
    DeadLetter,
}

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Exit codes: 0 listed, also if nothing is owed, 65 the journal is damaged, 66 there is none."
)]
pub(crate) struct Args {
    /// The journal's directory, or a copy of it
    #[arg(value_name = "DIR")]
    directory: PathBuf,

    /// Only what is owed to this link
    #[arg(long, value_name = "NAME")]
    link: Option<String>,

    /// Only what is in this state
    #[arg(long, value_name = "STATE", value_enum)]
    state: Option<State>,

    /// One JSON object a line
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &Args, console: &Console) -> Result<Exit, Failure> {
    let (waiting, looked) = super::waiting(&args.directory)?;
    let state = args.state.map(|state| match state {
        State::Open => "open",
        State::Expired => "expired",
        State::DeadLetter => "dead_letter",
    });
    let rows: Vec<_> = waiting
        .into_rows()
        .into_iter()
        .filter(|row| args.link.as_ref().is_none_or(|link| *link == row.link))
        .filter(|row| state.is_none_or(|state| state == row.state))
        .collect();
    let text = if args.json {
        rows.iter().map(|row| format!("{}\n", row.json())).collect()
    } else {
        table(&rows)
    };
    console.print(&text)?;
    end_of(&looked)
}

fn table(rows: &[OwedRow]) -> String {
    const HEAD: [&str; 10] = [
        "tx", "kind", "state", "link", "terminal", "STAN", "amount", "since", "tries", "why",
    ];
    if rows.is_empty() {
        return "nothing is owed\n".to_owned();
    }
    let lines: Vec<[String; 10]> = rows
        .iter()
        .map(|row| {
            [
                row.tx.to_string(),
                row.kind.clone(),
                row.state.replace('_', "-"),
                plain(&row.link),
                plain(&row.terminal),
                row.stan.to_string(),
                row.amount(),
                row.at.to_string(),
                row.attempts.to_string(),
                row.why(),
            ]
        })
        .collect();
    super::columns(HEAD, &lines)
}
