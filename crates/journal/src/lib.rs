//! What must survive a crash.
//!
//! Whoever makes a promise appends a record first and waits until the journal's [`Mark`] has passed it. A [`Journal`] is a
//! queue with one thread behind it: what queued up while the last batch was made durable is the next batch, so that
//! many writers share one sync and none waits for a timer. What makes a batch durable is an [`Engine`].
//!
//! The crate knows names and amounts, never the layout of a message.

mod batch;
mod engine;
pub mod event;
mod journal;
mod limits;
pub mod log;
pub mod look;
mod lsn;
pub mod seal;
mod space;
pub mod sqlite;
mod time;
pub mod vfs;

pub use batch::{Batch, RawRecord};
pub use engine::{CommitError, Durability, Engine, Space};
pub use event::{Event, EventError};
pub use journal::{AppendError, Appender, Follow, Health, Journal, JournalOptions, Mark, Stats};
pub use limits::{BATCH_BYTES_MAX, BATCH_RECORDS_MAX, QUEUE_BYTES_MAX, RECORD_BYTES_MAX};
pub use lsn::Lsn;
pub use space::free_bytes;
