//! What people ask the tables.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, Row, params_from_iter};

use super::filter::{Conditions, Filter, ObligationFilter};
use super::row::{
    AuditRow, Counts, ExposureRow, ObligationRow, ObservationRow, OpenRow, TransactionRow, unsigned,
};
use super::schema::{self, OpenError};
use super::store::{raw, visit_records};
use super::{FILE_NAME, fold};
use crate::log::Record;
use crate::{Lsn, RawRecord};

/// Rows that one question brings at most.
pub const ROWS_MAX: usize = 1_000_000;

/// The tables, for reading only, beside a switch that runs or without one.
#[derive(Debug)]
pub struct Reader {
    connection: Connection,
    path: PathBuf,
}

impl Reader {
    /// The tables in a journal's directory.
    ///
    /// # Errors
    /// They are not there, or another program made them.
    pub fn open(directory: &Path) -> Result<Reader, OpenError> {
        let path = directory.join(FILE_NAME);
        let connection = schema::open_for_reading(&path)?;
        Ok(Reader { connection, path })
    }

    /// Whether the tables are the journal itself, and not what a log says.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn is_store(&self) -> rusqlite::Result<bool> {
        schema::is_store(&self.connection)
    }

    /// Shows the records of a store without a log, in their order, as long as `visit` goes on.
    ///
    /// # Errors
    /// The file cannot be read, or a record is missing.
    pub fn records(
        &self,
        visit: &mut dyn FnMut(RawRecord<'_>) -> ControlFlow<()>,
    ) -> Result<(), OpenError> {
        let last = self.applied().map_err(self.failed())?;
        self.records_between(Lsn::ZERO, last, visit)
    }

    /// The same from `from` to `last`.
    pub(crate) fn records_between(
        &self,
        from: Lsn,
        last: Lsn,
        visit: &mut dyn FnMut(RawRecord<'_>) -> ControlFlow<()>,
    ) -> Result<(), OpenError> {
        let before = Lsn::new(from.get().saturating_sub(1));
        match visit_records(&self.connection, &self.path, (before, last), visit) {
            // Whoever looks may have seen enough.
            Err(OpenError::Refused { .. }) => Ok(()),
            result => result,
        }
    }

    /// The first record of a store at a place or behind it.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn record_from(&self, from: Lsn) -> rusqlite::Result<Option<Record>> {
        self.connection
            .prepare_cached(
                "SELECT lsn, kind, payload FROM records WHERE lsn >= ?1 ORDER BY lsn LIMIT 1",
            )?
            .query_row([fold::lsn(from)], |row| {
                let record = raw(row)?;
                Ok(Record {
                    lsn: record.lsn,
                    kind: record.kind,
                    payload: record.payload.to_vec(),
                })
            })
            .optional()
    }

    /// The sealed answer to a transaction; nothing if there is none, or none any more.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn answer(&self, tx: u64) -> rusqlite::Result<Option<Vec<u8>>> {
        self.connection
            .prepare_cached("SELECT answer FROM transactions WHERE tx = ?1")?
            .query_row([tx.cast_signed()], |row| row.get(0))
            .optional()
            .map(Option::flatten)
    }

    /// What SQLite finds wrong with the file. It reads all of it.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn integrity(&self) -> rusqlite::Result<Option<String>> {
        let says: String = self
            .connection
            .query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))?;
        Ok((says != "ok").then_some(says))
    }

    /// Names the file that an error is about.
    pub fn failed(&self) -> impl Fn(rusqlite::Error) -> OpenError + '_ {
        OpenError::sqlite(&self.path)
    }

    /// The last record that the tables know of.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn applied(&self) -> rusqlite::Result<Lsn> {
        schema::applied(&self.connection)
    }

    /// What is open according to records behind `last`, link by link: what a log that ends there does not know of.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn open_since(&self, last: Lsn) -> rusqlite::Result<Vec<OpenRow>> {
        let sql = "SELECT link, sum(in_doubt) AS in_doubt, sum(owed) AS owed FROM (
                       SELECT link, 1 AS in_doubt, 0 AS owed FROM transactions
                       WHERE state = 'open' AND lsn > ?1
                       UNION ALL
                       SELECT link, 0, 1 FROM obligations
                       WHERE state IN ('open', 'expired', 'dead_letter') AND lsn > ?1
                   ) GROUP BY link ORDER BY link";
        self.rows(sql, vec![fold::lsn(last).into()], |row| {
            Ok(OpenRow {
                link: row.get("link")?,
                in_doubt: unsigned(row, "in_doubt")?,
                owed: unsigned(row, "owed")?,
            })
        })
    }

    /// Lets all questions from here on be answered as of the same moment, whatever is written meanwhile.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn hold(&self) -> rusqlite::Result<()> {
        match self.connection.is_autocommit() {
            true => self.connection.execute_batch("BEGIN"),
            false => Ok(()),
        }
    }

    /// The numbers of transactions that are so, or for which something so is owed, the newest first. A state is not
    /// looked at.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn find(&self, filter: &Filter, limit: usize) -> rusqlite::Result<Vec<u64>> {
        let mut conditions = Conditions::default();
        conditions.add_filter(filter);
        let same = conditions.text.clone();
        conditions.text.clear();
        let (limit, values) = conditions.limit("min(at) DESC, tx DESC", limit);
        let sql = format!(
            "SELECT tx FROM (
                 SELECT tx, at FROM transactions{same} UNION ALL SELECT tx, at FROM obligations{same}
             ) GROUP BY tx{limit}"
        );
        self.rows(&sql, values, |row| unsigned(row, "tx"))
    }

    /// Transactions, the newest first.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn transactions(
        &self,
        filter: &Filter,
        limit: usize,
    ) -> rusqlite::Result<Vec<TransactionRow>> {
        let mut conditions = Conditions::default();
        conditions.add_filter(filter);
        if let Some(state) = &filter.state {
            conditions.add("state = ?", state.clone());
        }
        let (conditions, values) = conditions.limit("at DESC, tx DESC", limit);
        let sql = format!(
            "SELECT tx, lsn, at, finished_at, state, link, listener, mti, terminal, merchant, terminal_stan,
                 link_stan, rrn, amount, currency, processing_code, masked_pan, cause, response_code, approval_code
             FROM transactions{conditions}"
        );
        self.rows(&sql, values, TransactionRow::read)
    }

    /// Obligations, the oldest first.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn obligations(
        &self,
        filter: &ObligationFilter,
        limit: usize,
    ) -> rusqlite::Result<Vec<ObligationRow>> {
        let mut conditions = Conditions::default();
        if let Some(tx) = filter.tx {
            conditions.add("tx = ?", tx.cast_signed());
        }
        if let Some(kind) = filter.kind {
            conditions.add("kind = ?", kind.label().to_owned());
        }
        if let Some(link) = &filter.link {
            conditions.add("link = ?", link.clone());
        }
        if let Some(state) = &filter.state {
            conditions.add("state = ?", state.clone());
        }
        if filter.waiting {
            conditions.raw("state IN ('open', 'expired', 'dead_letter')");
        }
        let (conditions, values) = conditions.limit("lsn", limit);
        let sql = format!(
            "SELECT tx, kind, lsn, at, settled_at, state, attempts, attempted_at, link, link_stan, cause, mti,
                 terminal, terminal_stan, rrn, amount, currency, masked_pan, response_code, detail
             FROM obligations{conditions}"
        );
        self.rows(&sql, values, ObligationRow::read)
    }

    /// Odd answers that belong to a transaction, or all, the oldest first.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn observations(
        &self,
        tx: Option<u64>,
        limit: usize,
    ) -> rusqlite::Result<Vec<ObservationRow>> {
        let mut conditions = Conditions::default();
        if let Some(tx) = tx {
            conditions.add("tx = ?", tx.cast_signed());
        }
        let (conditions, values) = conditions.limit("lsn", limit);
        let sql = format!(
            "SELECT lsn, at, link, what, mti, stan, response_code, tx, detail FROM observations{conditions}"
        );
        self.rows(&sql, values, ObservationRow::read)
    }

    /// What people did to a transaction, or to anything, the oldest first.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn audit(&self, tx: Option<u64>, limit: usize) -> rusqlite::Result<Vec<AuditRow>> {
        let mut conditions = Conditions::default();
        if let Some(tx) = tx {
            conditions.add("tx = ?", tx.cast_signed());
        }
        let (conditions, values) = conditions.limit("lsn", limit);
        let sql = format!("SELECT lsn, at, who, action, tx, detail FROM audit{conditions}");
        self.rows(&sql, values, AuditRow::read)
    }

    /// How many there are of what.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn counts(&self) -> rusqlite::Result<Counts> {
        let count = |row: &Row<'_>| row.get::<_, i64>("count").map(i64::cast_unsigned);
        Ok(Counts {
            transactions: self.rows(
                "SELECT state, count(*) AS count FROM transactions GROUP BY state ORDER BY state",
                Vec::new(),
                |row| Ok((row.get("state")?, count(row)?)),
            )?,
            obligations: self.rows(
                "SELECT kind, state, count(*) AS count FROM obligations
                 GROUP BY kind, state ORDER BY kind, state",
                Vec::new(),
                |row| Ok((row.get("kind")?, row.get("state")?, count(row)?)),
            )?,
            observations: self.rows(
                "SELECT what, count(*) AS count FROM observations GROUP BY what ORDER BY what",
                Vec::new(),
                |row| Ok((row.get("what")?, count(row)?)),
            )?,
            unreadable: self.connection.query_row(
                "SELECT count(*) AS count FROM unreadable",
                [],
                count,
            )?,
        })
    }

    /// The highest epoch of all lives that are known; zero before the first.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn epoch(&self) -> rusqlite::Result<u32> {
        self.connection
            .query_row("SELECT coalesce(max(epoch), 0) FROM boots", [], |row| {
                row.get(0)
            })
    }

    /// What was approved without the banks: by link, state of the advice, and currency.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn exposure(&self) -> rusqlite::Result<Vec<ExposureRow>> {
        let sql =
            "SELECT link, state, currency, count(*) AS count, coalesce(sum(amount), 0) AS amount
                   FROM obligations WHERE cause = 'stand_in'
                   GROUP BY link, state, currency ORDER BY link, state, currency";
        self.rows(sql, Vec::new(), |row| {
            Ok(ExposureRow {
                link: row.get("link")?,
                state: row.get("state")?,
                currency: row.get("currency")?,
                count: unsigned(row, "count")?,
                amount: unsigned(row, "amount")?,
            })
        })
    }

    fn rows<T>(
        &self,
        sql: &str,
        values: Vec<Value>,
        read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<Vec<T>> {
        self.connection
            .prepare(sql)?
            .query_map(params_from_iter(values), read)?
            .collect()
    }
}
