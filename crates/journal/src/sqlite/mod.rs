//! SQLite in two roles.
//!
//! * [`Projection`] follows the log on a thread of its own, so that people can ask with SQL what the log says. It may lose
//!   its last second when the power fails: it goes on where it was, from the log.
//! * [`SqliteEngine`] is a whole journal without the log, for sites that prefer a file that they know. It is also the
//!   oracle of the log: the same events must give the same tables.
//!
//! Both keep `transactions.db` in the journal's directory, with the tables of `schema.sql`, which other programs may read
//! while the switch runs: `sqlite3 -readonly transactions.db`.

mod checkpoint;
mod filter;
mod fold;
mod follow;
mod merge;
mod projection;
mod projector;
mod query;
mod retention;
mod row;
mod schema;
mod store;

pub use filter::{Filter, ObligationFilter};
pub use follow::{Feed, Source};
pub use projection::{Progress, Projection, ProjectionOptions, State};
pub use query::{ROWS_MAX, Reader};
pub use retention::Retention;
pub use row::{
    AuditRow, Counts, ExposureRow, ObligationRow, ObservationRow, OpenRow, TransactionRow,
};
pub use schema::OpenError;
pub use store::{RESERVE_BYTES, SqliteEngine, SqliteOptions, StoreHandle};

/// The tables, in the journal's directory.
pub const FILE_NAME: &str = "transactions.db";
const LOCK_NAME: &str = "lock";
