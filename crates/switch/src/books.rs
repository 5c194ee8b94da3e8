//! The switch's journal: opened before anything else starts, closed after everything has ended.
//!
//! What the engine records becomes events here, and what was recorded by an earlier life becomes what each link starts
//! with. The engine decides, the journal keeps; this is only the way between them.

mod decode;
mod encode;
mod fold;
mod keep;
mod link_book;
mod lost;
mod recall;

use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use pointsman_journal::event::{Boot, Event, UnixMicros};
use pointsman_journal::log::{LogEngine, LogOptions};
use pointsman_journal::seal::{KeyError, Keys, Sealer, WrongKey, new_salt};
use pointsman_journal::sqlite::{
    Projection, ProjectionOptions, Reader, SqliteEngine, SqliteOptions,
};
use pointsman_journal::vfs::RealFs;
use pointsman_journal::{Engine, EventError, Journal, JournalOptions, Lsn, RawRecord, log};

use crate::settings::{JournalEngine, JournalSettings};
pub(crate) use decode::card_id;
use fold::Fold;
pub(crate) use fold::Start;
use keep::Keep;
pub(crate) use link_book::{LinkBook, Oldest};
pub use lost::LostLog;
use recall::Store;

/// Why the journal cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    #[error("{0}")]
    Key(#[from] KeyError),
    #[error("{0}")]
    WrongKey(#[from] WrongKey),
    #[error("{0}")]
    Log(#[from] log::OpenError),
    #[error("{0}")]
    Sqlite(#[from] pointsman_journal::sqlite::OpenError),
    #[error("record {lsn} of the journal cannot be read: {error}")]
    Unreadable { lsn: Lsn, error: EventError },
    #[error("record {lsn} of the journal says what cannot be: {what}")]
    Nonsense { lsn: Lsn, what: &'static str },
    #[error("a message that is kept for link `{link}` cannot be opened: {reason}")]
    Sealed { link: String, reason: String },
    #[error(
        "the journal holds {count} obligations to link `{link}`, which the configuration does not have"
    )]
    UnknownLink { link: String, count: usize },
    #[error("{0}")]
    Lost(LostLog),
    #[error("cannot read the journal's tables: {0}")]
    Tables(String),
    #[error("cannot start the journal's thread: {0}")]
    Thread(#[from] std::io::Error),
    #[error("the journal did not take its first record: {0}")]
    First(String),
}

/// The open journal.
#[derive(Debug)]
pub(crate) struct Books {
    shared: Arc<Shared>,
    /// How far the journal was in the last rounds of tidying.
    marks: Mutex<VecDeque<Lsn>>,
    projection: Mutex<Option<Projection>>,
}

/// What all links' books share.
pub(crate) struct Shared {
    pub(crate) journal: Journal,
    pub(crate) sealer: Sealer,
    pub(crate) keys: Keys,
    pub(crate) store: Store,
    /// The life of the switch, counted from one.
    pub(crate) life: u32,
    keep: Keep,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared")
            .field("journal", &self.journal)
            .finish_non_exhaustive()
    }
}

impl Books {
    /// Opens the journal and says what each of the links starts with.
    pub(crate) fn open(
        settings: &JournalSettings,
        links: &[Arc<str>],
    ) -> Result<(Books, Vec<Start>), JournalError> {
        let keys = Keys::load(settings.key.as_ref(), &settings.directory)?;
        let mut fold = Fold::default();
        let opened = Opened::open(settings, &mut fold)?;
        let fold = fold.finish(&keys)?;
        let life = fold.life.saturating_add(1).max(opened.epoch);
        let salt = new_salt()?;
        let check = keys.check();
        let mut options = JournalOptions::default();
        if let Some(projection) = &opened.projection {
            let feed = projection.feed();
            options.follow = Some(Box::new(move |batch| feed.offer(batch)));
        }
        let shared = Arc::new(Shared {
            journal: Journal::start(opened.engine, options)?,
            sealer: keys.sealer(salt),
            keys,
            store: opened.store,
            life,
            keep: Keep::new(settings),
        });
        let boot = Event::Boot(Boot {
            epoch: life,
            at: UnixMicros::now(),
            version: env!("CARGO_PKG_VERSION"),
            salt,
            key: check,
        });
        shared
            .journal
            .append(boot.kind(), |out| boot.encode(out))
            .map_err(|error| JournalError::First(error.to_string()))?;
        let starts = fold.starts(links, &shared.keys)?;
        let books = Books {
            shared,
            marks: Mutex::default(),
            projection: Mutex::new(opened.projection),
        };
        Ok((books, starts))
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// Makes durable what is left and lets the tables catch up, for a while: they would do it at the next start. Waits
    /// for the disk.
    pub(crate) fn close(&self) {
        let mark = self.shared.journal.close();
        let projection = self
            .projection
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(projection) = projection {
            if !projection.wait_for(mark.durable, TABLES_WAIT) {
                tracing::info!(
                    "the tables of the journal are behind and catch up at the next start"
                );
            }
            projection.close();
        }
    }

    /// Every now and then: gives back what nobody needs any more. `oldest` is what the links need.
    pub(crate) fn tidy(&self, oldest: &[Arc<Oldest>]) {
        let durable = self.shared.journal.mark().borrow().durable;
        let settled = {
            let mut marks = self.marks.lock().unwrap_or_else(PoisonError::into_inner);
            marks.push_back(durable);
            // What is younger than some rounds may be needed by somebody who has not said so yet.
            if marks.len() <= ROUNDS_UNTIL_SETTLED {
                return;
            }
            marks.pop_front().unwrap_or_default()
        };
        let needed = oldest.iter().filter_map(|oldest| oldest.get()).min();
        self.release(needed.map_or(settled, |needed| needed.min(settled)));
    }

    fn release(&self, oldest: Lsn) {
        let now = UnixMicros::now();
        let handle = match &self.shared.store {
            Store::Log { handle, .. } => handle,
            Store::Sqlite { handle, directory } => {
                let kept = Reader::open(directory)
                    .map_err(|error| error.to_string())
                    .and_then(|reader| self.shared.keep.in_store(&reader, now));
                match kept {
                    Ok(kept) => handle.release(oldest.min(kept)),
                    Err(error) => {
                        tracing::warn!(error, "the journal cannot tell its oldest records");
                    }
                }
                handle.spare(oldest);
                return;
            }
        };
        let projection = self
            .projection
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let Some(projected) = projection.as_ref().map(|tables| tables.progress().secured) else {
            return;
        };
        let unneeded = oldest.min(projected.next());
        handle.spare(unneeded);
        let kept = self.shared.keep.in_log(handle, now);
        if let Err(error) = handle.release(unneeded.min(kept)) {
            tracing::warn!(%error, "the journal cannot give back its oldest segments");
        }
    }
}

/// How often [`Books::tidy`] is called.
pub(crate) const TIDY_EVERY: Duration = Duration::from_secs(5);

const ROUNDS_UNTIL_SETTLED: usize = 4;

/// How long a stop waits for the tables.
const TABLES_WAIT: Duration = Duration::from_secs(5);

impl Shared {
    /// What a link had when its task failed: read back from the journal, like after a crash of the whole.
    pub(crate) fn start_again(&self, link: &Arc<str>) -> Result<Start, JournalError> {
        let mut fold = Fold::default();
        let mut failed = None;
        self.store
            .visit(&mut |record| keep_first(fold.visit(record), &mut failed));
        if let Some(error) = failed {
            return Err(error);
        }
        let mut starts = fold
            .finish(&self.keys)?
            .starts_of(std::slice::from_ref(link), &self.keys)?;
        Ok(starts.pop().unwrap_or_default())
    }
}

/// A journal whose records have been seen.
struct Opened {
    engine: Box<dyn Engine>,
    store: Store,
    projection: Option<Projection>,
    epoch: u32,
}

impl Opened {
    fn open(settings: &JournalSettings, fold: &mut Fold) -> Result<Opened, JournalError> {
        match settings.engine {
            JournalEngine::Log => Opened::log(settings, fold),
            JournalEngine::Sqlite => Opened::sqlite(settings, fold),
        }
    }

    fn log(settings: &JournalSettings, fold: &mut Fold) -> Result<Opened, JournalError> {
        let options = LogOptions {
            durability: settings.durability,
            segment_bytes: settings.segment_bytes,
            ..LogOptions::default()
        };
        // Before anything is made: a log that is lost must not be begun anew in silence.
        if !log::is_in(&settings.directory)? {
            lost::check(settings, Lsn::ZERO)?;
        }
        let mut failed = None;
        let engine = LogEngine::open(
            Arc::new(RealFs),
            &settings.directory,
            options,
            &mut |record: RawRecord<'_>| keep_first(fold.visit(record), &mut failed),
        );
        // Ours is the reason why the opening broke off.
        if let Some(error) = failed {
            return Err(error);
        }
        let engine = engine?;
        let (handle, epoch) = (engine.handle(), engine.epoch());
        let last = Lsn::new(engine.next().get().saturating_sub(1));
        lost::check(settings, last)?;
        let tables = Projection::start(
            &settings.directory,
            last,
            Box::new(handle.clone()),
            ProjectionOptions {
                retention: Some(settings.retention),
            },
        );
        // The log is what counts. What is owed must be told to the banks also while nobody can ask with SQL.
        let projection = match tables {
            Ok(projection) => Some(projection),
            Err(error) => {
                tracing::error!(%error, "the journal's tables cannot be opened, and the switch goes on without them: its log grows until they can. Make room, or move them away while the switch is stopped: they are made anew from the log");
                None
            }
        };
        if let Some(path) = projection.as_ref().and_then(Projection::set_aside) {
            tracing::warn!(path = %path.display(), "the tables knew more than the journal; they were put aside and are made anew");
        }
        Ok(Opened {
            engine: Box::new(engine),
            store: Store::Log {
                handle,
                directory: settings.directory.clone(),
            },
            projection,
            epoch,
        })
    }

    fn sqlite(settings: &JournalSettings, fold: &mut Fold) -> Result<Opened, JournalError> {
        let options = SqliteOptions {
            durability: settings.durability,
            retention: Some(settings.retention),
            ..SqliteOptions::default()
        };
        let mut failed = None;
        let engine = SqliteEngine::open(&settings.directory, options, &mut |record| {
            keep_first(fold.visit(record), &mut failed)
        });
        if let Some(error) = failed {
            return Err(error);
        }
        let engine = engine?;
        // The records of early lives are given back some day, the rows of their starts are not.
        let epoch = Reader::open(&settings.directory)?
            .epoch()
            .map_err(|error| JournalError::Tables(error.to_string()))?;
        Ok(Opened {
            store: Store::Sqlite {
                handle: engine.handle(),
                directory: settings.directory.clone(),
            },
            engine: Box::new(engine),
            projection: None,
            epoch: epoch.saturating_add(1),
        })
    }
}

/// Breaks off with the first error, and keeps it.
fn keep_first(
    visited: Result<(), JournalError>,
    failed: &mut Option<JournalError>,
) -> ControlFlow<()> {
    match visited {
        Ok(()) => ControlFlow::Continue(()),
        Err(error) => {
            failed.get_or_insert(error);
            ControlFlow::Break(())
        }
    }
}
