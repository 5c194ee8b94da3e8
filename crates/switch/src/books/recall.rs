//! Reading back what was written: the answer that a repeat gets again.

use std::ops::ControlFlow;
use std::path::PathBuf;

use bytes::Bytes;
use pointsman_journal::event::Event;
use pointsman_journal::log::LogHandle;
use pointsman_journal::seal::{Part, Place};
use pointsman_journal::sqlite::{Reader, StoreHandle};
use pointsman_journal::{Lsn, RawRecord};

use super::Shared;

/// Where records can be read.
pub(crate) enum Store {
    Log {
        handle: LogHandle,
        directory: PathBuf,
    },
    Sqlite {
        handle: StoreHandle,
        directory: PathBuf,
    },
}

impl Store {
    /// Visits all records in their order, as long as it is told to go on.
    pub(super) fn visit(&self, visit: &mut dyn FnMut(RawRecord<'_>) -> ControlFlow<()>) {
        let visited = match self {
            Store::Log { handle, .. } => handle
                .visit_from(Lsn::ZERO, visit)
                .map(drop)
                .map_err(|error| error.to_string()),
            Store::Sqlite { directory, .. } => Reader::open(directory)
                .map_err(|error| error.to_string())
                .and_then(|reader| reader.records(visit).map_err(|error| error.to_string())),
        };
        if let Err(error) = visited {
            tracing::error!(error, "the journal cannot be read back");
        }
    }

    fn directory(&self) -> &PathBuf {
        match self {
            Store::Log { directory, .. } | Store::Sqlite { directory, .. } => directory,
        }
    }
}

impl Shared {
    /// The bank's answer to a transaction, in the link's dialect. Waits for the disk. `at` is where it stands, if that is
    /// known.
    pub(crate) fn answer(&self, tx: u64, at: Option<Lsn>) -> Option<Bytes> {
        let in_log = match (&self.store, at) {
            (Store::Log { handle, .. }, Some(lsn)) => match handle.read(lsn) {
                Ok(record) => record,
                Err(error) => {
                    tracing::error!(%lsn, %error, "an answer cannot be read back");
                    None
                }
            },
            _ => None,
        };
        let sealed = match &in_log {
            Some(record) => match Event::decode(record.kind, &record.payload) {
                Ok(Event::Outcome(outcome)) if outcome.tx == tx => {
                    Some(outcome.answer.as_bytes().to_vec())
                }
                _ => None,
            },
            None => None,
        };
        let sealed = match sealed {
            Some(sealed) => sealed,
            None => self.in_tables(tx)?,
        };
        let place = Place {
            tx,
            part: Part::Answer,
        };
        let mut clear = Vec::new();
        match self.keys.open(place, &sealed, &mut clear) {
            Ok(()) => Some(clear.into()),
            Err(error) => {
                tracing::error!(%error, "an answer cannot be opened");
                None
            }
        }
    }

    fn in_tables(&self, tx: u64) -> Option<Vec<u8>> {
        let read = Reader::open(self.store.directory())
            .map_err(|error| error.to_string())
            .and_then(|reader| reader.answer(tx).map_err(|error| error.to_string()));
        read.unwrap_or_else(|error| {
            tracing::error!(error, "an answer cannot be read from the tables");
            None
        })
    }
}
