//! `pointsman saf exposure DIR`

use std::path::PathBuf;

use pointsman_journal::sqlite::Reader;
use serde_json::json;

use crate::console::Console;
use crate::exit::{Exit, Failure};
use crate::journal::{plain, tables_failure};

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Exit codes: 0 summed up, also if nothing was approved so, 65 the journal is damaged, 66 there is none."
)]
pub(crate) struct Args {
    /// The journal's directory, or a copy of it
    #[arg(value_name = "DIR")]
    directory: PathBuf,

    /// One JSON object a line
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &Args, console: &Console) -> Result<Exit, Failure> {
    let reader = Reader::open(&args.directory).map_err(|error| tables_failure(&error))?;
    let rows = reader
        .exposure()
        .map_err(|error| tables_failure(&reader.failed()(error)))?;
    let text = if args.json {
        let line = |row: &pointsman_journal::sqlite::ExposureRow| {
            let object = json!({
                "link": row.link,
                "currency": row.currency,
                "state": row.state,
                "count": row.count,
                "amount": row.amount,
            });
            format!("{object}\n")
        };
        rows.iter().map(line).collect()
    } else if rows.is_empty() {
        "nothing was approved without a bank\n".to_owned()
    } else {
        let lines: Vec<[String; 5]> = rows
            .iter()
            .map(|row| {
                [
                    plain(&row.link),
                    row.state.replace('_', "-"),
                    plain(&row.currency),
                    row.count.to_string(),
                    row.amount.to_string(),
                ]
            })
            .collect();
        super::columns(
            ["link", "state", "currency", "approvals", "minor units"],
            &lines,
        )
    };
    console.print(&text)?;
    Ok(Exit::Ok)
}
