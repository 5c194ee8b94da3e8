//! `pointsman journal show DIR`

use std::collections::{HashSet, VecDeque};
use std::ops::ControlFlow;
use std::path::PathBuf;

use pointsman_journal::sqlite::Filter;
use pointsman_journal::{Event, Lsn};

use crate::console::Console;
use crate::exit::{Exit, Failure};
use crate::journal::{Choice, end_of, json_object, look, moment, one_line};

/// Lines that are kept until the end of the journal is found.
const LIMIT_MAX: u32 = 1_000_000;

#[derive(Debug, clap::Args)]
#[command(
    after_help = "The records of a transaction that was chosen are shown all, whoever wrote them.\n\
                  Exit codes: 0 shown, 65 the journal is damaged: what is before that is shown, 66 there is none."
)]
pub(crate) struct Args {
    /// The journal's directory, or a copy of it
    #[arg(value_name = "DIR")]
    directory: PathBuf,

    /// Only this transaction
    #[arg(long, value_name = "NUMBER")]
    tx: Option<u64>,

    /// Only transactions of this terminal
    #[arg(long, value_name = "ID")]
    terminal: Option<String>,

    /// Only transactions with this trace number, the terminal's or the one that the bank saw
    #[arg(long, value_name = "NUMBER")]
    stan: Option<u32>,

    /// Only what was written since then: 2026-11-24, 2026-11-24T20:19:44Z, or 15m ago
    #[arg(long, value_name = "TIME")]
    since: Option<String>,

    /// At most so many records, the last ones
    #[arg(long, value_name = "NUMBER", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=i64::from(LIMIT_MAX)))]
    limit: u32,

    /// One JSON object a line
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: Args, console: &Console) -> Result<Exit, Failure> {
    let since = args
        .since
        .as_deref()
        .map(|text| moment("--since", text))
        .transpose()?;
    let choice = Choice {
        filter: Filter {
            tx: args.tx,
            stan: args.stan,
            terminal: args.terminal,
            ..Filter::default()
        },
    };
    let limit = usize::try_from(args.limit).unwrap_or(usize::MAX);
    let mut chosen = HashSet::new();
    let mut lines = VecDeque::new();
    let mut left_out = 0_u64;
    let looked = look(&args.directory, Lsn::ZERO, &mut |record| {
        let event = Event::decode(record.kind, record.payload);
        let tx = event.ok().and_then(|event| event.tx());
        if choice.is_any() {
            if let Ok(event) = &event
                && choice.begins(event)
            {
                chosen.extend(tx);
            }
            if !tx.is_some_and(|tx| chosen.contains(&tx) || choice.is_number(tx)) {
                return ControlFlow::Continue(());
            }
        }
        if since.is_some_and(|since| event.is_ok_and(|event| event.at() < since)) {
            return ControlFlow::Continue(());
        }
        if lines.len() == limit {
            lines.pop_front();
            left_out += 1;
        }
        lines.push_back(if args.json {
            json_object(record.lsn, record.kind, &event).to_string()
        } else {
            one_line(record.lsn, record.kind, &event)
        });
        ControlFlow::Continue(())
    })?;
    if left_out > 0 {
        console.tell(&format!(
            "{left_out} earlier records are left out: --limit shows more"
        ));
    }
    let mut text = String::new();
    for line in &lines {
        text.push_str(line);
        text.push('\n');
    }
    console.print(&text)?;
    end_of(&looked)
}
