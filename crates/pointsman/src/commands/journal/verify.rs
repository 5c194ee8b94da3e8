//! `pointsman journal verify DIR`

use std::ops::ControlFlow;
use std::path::PathBuf;

use pointsman_journal::look::{Flaw, Kept, Looked};
use pointsman_journal::sqlite::{FILE_NAME, Reader};
use pointsman_journal::{Event, Lsn};
use serde_json::json;

use crate::console::Console;
use crate::exit::{Exit, Failure};
use crate::journal::{flawed, is_broken, look, meaningless, tables_failure};

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Exit codes: 0 all is sound, 65 a fault: the first one is named, 66 there is no journal, 74 it cannot be read."
)]
pub(crate) struct Args {
    /// The journal's directory, or a copy of it
    #[arg(value_name = "DIR")]
    directory: PathBuf,

    /// One JSON object
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &Args, console: &Console) -> Result<Exit, Failure> {
    // Records of a later version of the program, which this one can check and not read.
    let mut later = 0_u64;
    let mut broken = None;
    let looked = look(&args.directory, Lsn::ZERO, &mut |record| {
        match Event::decode(record.kind, record.payload) {
            Ok(_) => {}
            Err(error) if is_broken(error) => {
                broken = Some(meaningless(record.lsn, record.kind, error));
                return ControlFlow::Break(());
            }
            Err(_) => later += 1,
        }
        ControlFlow::Continue(())
    })?;
    let fault = match broken {
        Some(broken) => Some(broken),
        None => match &looked.fault {
            Some(flaw) => Some(flawed(flaw)),
            None => tables(args, &looked)?,
        },
    };
    let last = looked.next.get().saturating_sub(1);
    if args.json {
        let object = json!({
            "directory": args.directory.display().to_string(),
            "kept": kept(looked.kept),
            "sound": fault.is_none(),
            "records": looked.records,
            "first_lsn": looked.first.get(),
            "last_lsn": last,
            "payload_bytes": looked.payload_bytes,
            "segments": looked.segments.len(),
            "later_version": later,
            "fault": fault.as_ref().map(|fault| &fault.message),
        });
        console.print(&format!("{object}\n"))?;
    } else {
        let mut text = format!(
            "{}: {}, {} records",
            args.directory.display(),
            kept(looked.kept),
            looked.records
        );
        if looked.records > 0 {
            text.push_str(&format!(", {} to {last}", looked.first));
        }
        if !looked.segments.is_empty() {
            text.push_str(&format!(", {} segments", looked.segments.len()));
        }
        text.push_str(match fault {
            None => ": every record is sound\n",
            Some(_) => " are sound before the first fault\n",
        });
        if later > 0 {
            text.push_str(&format!(
                "{later} of them are sound and of a later version of the program: this one cannot read them\n"
            ));
        }
        console.print(&text)?;
    }
    match fault {
        None => Ok(Exit::Ok),
        Some(fault) => Err(fault),
    }
}

pub(super) const fn kept(kept: Kept) -> &'static str {
    match kept {
        Kept::Log => "log",
        Kept::Store => "sqlite",
    }
}

/// The tables: their file, and that they know nothing that the log does not.
fn tables(args: &Args, looked: &Looked) -> Result<Option<Failure>, Failure> {
    let path = args.directory.join(FILE_NAME);
    if !path.exists() {
        return Ok(None);
    }
    let reader = Reader::open(&args.directory).map_err(|error| tables_failure(&error))?;
    let unreadable = reader.failed();
    let integrity = reader.integrity();
    let applied = reader.applied();
    let (reason, applied) = match (integrity, applied) {
        (Ok(reason), Ok(applied)) => (reason, applied),
        // A file that is damaged enough cannot be read at all.
        (Err(error), _) | (_, Err(error)) => (Some(unreadable(error).to_string()), Lsn::ZERO),
    };
    if let Some(reason) = reason {
        let mut failure = flawed(&Flaw::Tables { path, reason });
        if looked.kept == Kept::Log {
            failure.hint = format!(
                "the log is sound: move {FILE_NAME} and what begins with its name away, and the switch makes new tables"
            );
        }
        return Ok(Some(failure));
    }
    if applied >= looked.next && looked.kept == Kept::Log {
        return Ok(Some(Failure::new(
            Exit::Data,
            format!(
                "the tables know of record {applied}, and the log ends before {}",
                looked.next
            ),
            "the log is older than the tables, or was cut off by a power failure while it was relaxed: the switch puts \
             these tables aside and makes new ones",
        )));
    }
    Ok(None)
}
