//! `pointsman saf`: what the switch still has to tell the banks, and what waits for a person.

use std::path::Path;

use pointsman_journal::look::Looked;
use pointsman_journal::sqlite::{FILE_NAME, ObligationFilter, ROWS_MAX, Reader};
use pointsman_journal::{Event, Lsn};

use crate::console::Console;
use crate::exit::{Exit, Failure};
use crate::journal::{Waiting, look, tables_failure};

mod list;
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
}

pub(crate) fn run(args: Args, console: &Console) -> Result<Exit, Failure> {
    match args.action {
        Action::List(args) => list::run(&args, console),
        Action::Show(args) => show::run(&args, console),
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
