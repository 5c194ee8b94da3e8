//! A log that is lost, or older than its tables: what is open must not be forgotten in silence.

use std::fmt;
use std::path::PathBuf;

use pointsman_journal::sqlite::{FILE_NAME, OpenRow, Reader};
use pointsman_journal::{Durability, Lsn};

use super::JournalError;
use crate::settings::JournalSettings;

/// What only the tables know.
#[derive(Debug)]
pub struct LostLog {
    tables: PathBuf,
    /// The last record that they know of.
    applied: Lsn,
    /// The last record of the log.
    last: Lsn,
    open: Vec<OpenRow>,
}

impl fmt::Display for LostLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.last {
            Lsn::ZERO => f.write_str("the journal's log is lost")?,
            last => write!(
                f,
                "the journal's log ends with record {last} and was longer"
            )?,
        }
        write!(
            f,
            ": {} knows of records up to {}, and of what is not finished:",
            self.tables.display(),
            self.applied
        )?;
        for (number, row) in self.open.iter().enumerate() {
            let comma = if number == 0 { "" } else { "," };
            write!(
                f,
                "{comma} at link `{}` {} owed and {} in doubt",
                row.link, row.owed, row.in_doubt
            )?;
        }
        write!(
            f,
            ". Put the files of the log back (`state` and `*.segment`), the newest that there are. If there are none, settle \
             by hand what `sqlite3 -readonly {} \"SELECT * FROM obligations WHERE state IN ('open', 'expired', \
             'dead_letter')\"` and `\"SELECT * FROM overview WHERE state = 'open'\"` show, then move {FILE_NAME} and what \
             begins with its name away: the switch then starts as a new one",
            self.tables.display()
        )
    }
}

/// Refuses a log that ends with `last` if its tables know of something open that it does not.
pub(super) fn check(settings: &JournalSettings, last: Lsn) -> Result<(), JournalError> {
    let tables = settings.directory.join(FILE_NAME);
    if !tables.exists() {
        return Ok(());
    }
    // Tables that cannot be read are no reason not to start: the log is what counts, and if it is there it is whole.
    let known = Reader::open(&settings.directory).and_then(|reader| {
        let read = || {
            let applied = reader.applied()?;
            // What is kept as tables alone has no log.
            let open = match applied > last && !reader.is_store()? {
                true => reader.open_since(last)?,
                false => Vec::new(),
            };
            Ok((applied, open))
        };
        read().map_err(reader.failed())
    });
    let (applied, open) = match known {
        Ok(known) => known,
        Err(error) => {
            tracing::warn!(%error, "the journal's tables cannot be asked what they know");
            return Ok(());
        }
    };
    if open.is_empty() {
        return Ok(());
    }
    let lost = LostLog {
        tables,
        applied,
        last,
        open,
    };
    // A power cut may take the last second of a relaxed log: that was accepted when it was chosen.
    if settings.durability == Durability::Relaxed && last > Lsn::ZERO {
        tracing::error!("{lost}");
        return Ok(());
    }
    Err(JournalError::Lost(lost))
}
