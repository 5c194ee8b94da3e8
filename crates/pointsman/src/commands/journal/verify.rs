//! `pointsman journal verify DIR`

use std::ops::ControlFlow;
use std::path::PathBuf;

use pointsman_journal::look::{Flaw, Kept, Looked};
use pointsman_journal::sqlite::{FILE_NAME, OpenError, Reader};
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
    // First the tables: a log that is being written only gets further.
    let tables = Tables::read(args)?;
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
            None => tables.and_then(|tables| tables.fault(args, &looked)),
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

/// What the tables say of themselves.
struct Tables {
    /// What is wrong with their file.
    reason: Option<String>,
    applied: Lsn,
}

impl Tables {
    /// Nothing if there are none.
    fn read(args: &Args) -> Result<Option<Tables>, Failure> {
        if !args.directory.join(FILE_NAME).exists() {
            return Ok(None);
        }
        let reader = match Reader::open(&args.directory) {
            Ok(reader) => reader,
            // Not even its first page is one.
            Err(OpenError::Sqlite { error, .. }) => {
                return Ok(Some(Tables {
                    reason: Some(error.to_string()),
                    applied: Lsn::ZERO,
                }));
            }
            Err(error) => return Err(tables_failure(&error)),
        };
        let read = || {
            reader.hold()?;
            Ok((reader.integrity()?, reader.applied()?))
        };
        let (reason, applied) = read().unwrap_or_else(|error: rusqlite::Error| {
            // A file that is damaged enough cannot be read at all.
            (Some(error.to_string()), Lsn::ZERO)
        });
        Ok(Some(Tables { reason, applied }))
    }

    /// They are damaged, or know something that the log does not.
    fn fault(self, args: &Args, looked: &Looked) -> Option<Failure> {
        if let Some(reason) = self.reason {
            let path = args.directory.join(FILE_NAME);
            let mut failure = flawed(&Flaw::Tables { path, reason });
            if looked.kept == Kept::Log {
                failure.hint = format!(
                    "the log is sound: move {FILE_NAME} and what begins with its name away, and the switch makes new tables"
                );
            }
            return Some(failure);
        }
        if self.applied < looked.next || looked.kept == Kept::Store {
            return None;
        }
        Some(Failure::new(
            Exit::Data,
            format!(
                "the tables know of record {}, and the log ends before {}",
                self.applied, looked.next
            ),
            "the log is older than the tables, or was cut off by a power failure while it was relaxed: the switch puts \
             these tables aside and makes new ones",
        ))
    }
}
