//! `pointsman journal export DIR`

use std::io::{self, BufWriter, Write};
use std::ops::ControlFlow;
use std::path::PathBuf;

use pointsman_journal::{Event, Lsn};

use crate::exit::{Exit, Failure};
use crate::journal::{csv_head, csv_row, end_of, json_object, look, moment};

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// One JSON object a line
    Json,
    /// One row a record, all kinds with the same columns
    Csv,
}

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Card numbers are masked, and sealed bodies are left out but for their length.\n\
                  Exit codes: 0 written, 65 the journal is damaged: what is before that is written, 66 there is none."
)]
pub(crate) struct Args {
    /// The journal's directory, or a copy of it
    #[arg(value_name = "DIR")]
    directory: PathBuf,

    /// How to write them
    #[arg(long, value_name = "FORMAT", default_value = "json", value_enum)]
    format: Format,

    /// Only what was written since then: 2026-11-24, 2026-11-24T20:19:44Z, or 15m ago
    #[arg(long, value_name = "TIME")]
    since: Option<String>,

    /// Only what was written before then
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
}

pub(crate) fn run(args: &Args) -> Result<Exit, Failure> {
    let parse = |option, text: &Option<String>| {
        text.as_deref().map(|text| moment(option, text)).transpose()
    };
    let since = parse("--since", &args.since)?;
    let until = parse("--until", &args.until)?;
    let mut out = BufWriter::new(io::stdout().lock());
    let mut written = Ok(());
    if args.format == Format::Csv {
        written = out.write_all(csv_head().as_bytes());
    }
    let looked = look(&args.directory, Lsn::ZERO, &mut |record| {
        let event = Event::decode(record.kind, record.payload);
        if let Ok(event) = &event
            && (since.is_some_and(|since| event.at() < since)
                || until.is_some_and(|until| event.at() >= until))
        {
            return ControlFlow::Continue(());
        }
        if written.is_ok() {
            written = match args.format {
                Format::Json => {
                    writeln!(out, "{}", json_object(record.lsn, record.kind, &event))
                }
                Format::Csv => out.write_all(csv_row(record.lsn, record.kind, &event).as_bytes()),
            };
        }
        match written {
            Ok(()) => ControlFlow::Continue(()),
            Err(_) => ControlFlow::Break(()),
        }
    });
    written
        .and_then(|()| out.flush())
        .map_err(|error| Failure::output(&error))?;
    end_of(&looked?)
}
