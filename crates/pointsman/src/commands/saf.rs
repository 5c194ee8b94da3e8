//! `pointsman saf`: what the switch still has to tell the banks, and what waits for a person.

use std::path::Path;

use pointsman_journal::look::Looked;
use pointsman_journal::sqlite::{FILE_NAME, ObligationFilter, ROWS_MAX, Reader};
use pointsman_journal::{Event, Lsn};
use pointsman_switch::SafAction;

use crate::console::Console;
use crate::exit::{Exit, Failure};
use crate::journal::{Waiting, look, tables_failure};

mod exposure;
mod list;
mod order;
mod show;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// List what is owed to the banks, and what waits for a person
    List(list::Args),
    /// Show one of them with the life of its transaction
    Show(show::Args),
    /// Sum up what was approved without the banks, and what became of it
    Exposure(exposure::Args),
    /// Send a dead letter again
    Retry(order::Args),
    /// Give something up: the bank will not be told
    Drop(order::Args),
}

pub(crate) fn run(args: Args, console: &Console) -> Result<Exit, Failure> {
    match args.action {
        Action::List(args) => list::run(&args, console),
        Action::Show(args) => show::run(&args, console),
        Action::Exposure(args) => exposure::run(&args, console),
        Action::Retry(args) => order::run(&args, SafAction::Retry, console),
        Action::Drop(args) => order::run(&args, SafAction::Drop, console),
    }
}

/// What waits at the end of the journal: what the tables know, and what has happened since.
fn waiting(directory: &Path) -> Result<(Waiting, Looked), Failure> {
    let mut waiting = Waiting::default();
    let mut from = Lsn::ZERO;
    if directory.join(FILE_NAME).exists() {
        let reader = Reader::open(directory).map_err(|error| tables_failure(&error))?;
        let filter = ObligationFilter {
            waiting: true,
            ..ObligationFilter::default()
        };
        let read = || {
            reader.hold()?;
            Ok((
                reader.obligations(&filter, ROWS_MAX)?,
                reader.applied()?.next(),
            ))
        };
        let (rows, next) = read().map_err(|error| tables_failure(&reader.failed()(error)))?;
        waiting = Waiting::from_rows(rows);
        from = next;
    }
    let looked = look(directory, from, &mut |record| {
        if let Ok(event) = Event::decode(record.kind, record.payload) {
            waiting.tell(&event);
        }
        std::ops::ControlFlow::Continue(())
    })?;
    Ok((waiting, looked))
}

/// Lines under a head, each column as wide as its widest cell.
fn columns<const N: usize>(head: [&str; N], lines: &[[String; N]]) -> String {
    let head = head.map(str::to_owned);
    let all = || std::iter::once(&head).chain(lines);
    let width = |column: usize| {
        let cells = all().filter_map(|line| line.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..N).map(width).collect();
    let mut text = String::new();
    for line in all() {
        let cells: Vec<String> = line
            .iter()
            .zip(&widths)
            .map(|(cell, width)| format!("{cell:<width$}"))
            .collect();
        text.push_str(cells.join("  ").trim_end());
        text.push('\n');
    }
    text
}
