//! What people ask the tables.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, Row, params_from_iter};

use super::FILE_NAME;
use super::schema::{self, OpenError};
use super::store::visit_records;
use crate::event::{CardToken, ObligationKind, UnixMicros};
use crate::{Lsn, RawRecord};

/// Rows that one question brings at most.
pub const ROWS_MAX: usize = 1_000_000;

/// The tables, for reading only, beside a switch that runs or without one.
#[derive(Debug)]
pub struct Reader {
    connection: Connection,
    path: PathBuf,
}

/// What a transaction must be like. What is not said does not matter.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    pub tx: Option<u64>,
    /// The terminal's trace number or the one that the bank saw.
    pub stan: Option<u32>,
    pub terminal: Option<String>,
    pub rrn: Option<String>,
    /// The card's tokens under all keys.
    pub cards: Vec<CardToken>,
    pub link: Option<String>,
    pub state: Option<String>,
    pub since: Option<UnixMicros>,
    pub until: Option<UnixMicros>,
}

/// What an obligation must be like.
#[derive(Clone, Debug, Default)]
pub struct ObligationFilter {
    pub tx: Option<u64>,
    pub kind: Option<ObligationKind>,
    pub link: Option<String>,
    pub state: Option<String>,
    /// Only what the switch still owes, or a person has to look at.
    pub waiting: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransactionRow {
    pub tx: u64,
    pub lsn: Lsn,
    pub at: UnixMicros,
    pub finished_at: Option<UnixMicros>,
    pub state: String,
    pub link: String,
    pub listener: String,
    pub mti: String,
    pub terminal: String,
    pub merchant: String,
    pub terminal_stan: u32,
    pub link_stan: u32,
    pub rrn: String,
    pub amount: Option<u64>,
    pub currency: String,
    pub processing_code: String,
    pub masked_pan: String,
    pub cause: String,
    pub response_code: String,
    pub approval_code: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObligationRow {
    pub tx: u64,
    pub kind: String,
    pub lsn: Lsn,
    pub at: UnixMicros,
    pub settled_at: Option<UnixMicros>,
    pub state: String,
    pub attempts: u32,
    pub attempted_at: Option<UnixMicros>,
    pub link: String,
    pub link_stan: u32,
    pub cause: String,
    pub mti: String,
    pub terminal: String,
    pub terminal_stan: u32,
    pub rrn: String,
    pub amount: Option<u64>,
    pub currency: String,
    pub masked_pan: String,
    pub response_code: String,
    pub detail: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObservationRow {
    pub lsn: Lsn,
    pub at: UnixMicros,
    pub link: String,
    pub what: String,
    pub mti: String,
    pub stan: Option<u32>,
    pub response_code: String,
    pub tx: Option<u64>,
    pub detail: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditRow {
    pub lsn: Lsn,
    pub at: UnixMicros,
    pub who: String,
    pub action: String,
    pub tx: Option<u64>,
    pub detail: String,
}

/// How many there are of what, each with its name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// By state.
    pub transactions: Vec<(String, u64)>,
    /// By kind and state.
    pub obligations: Vec<(String, String, u64)>,
    /// By what was odd.
    pub observations: Vec<(String, u64)>,
    pub unreadable: u64,
}

/// Conditions with what is bound to them.
#[derive(Default)]
struct Conditions {
    text: String,
    values: Vec<Value>,
}

impl Conditions {
    /// Each `?` stands for this value.
    fn add(&mut self, condition: &str, value: impl Into<Value>) {
        self.values.push(value.into());
        let place = format!("?{}", self.values.len());
        self.raw(&condition.replace('?', &place));
    }

    fn raw(&mut self, condition: &str) {
        self.text.push_str(match self.text.is_empty() {
            true => " WHERE ",
            false => " AND ",
        });
        self.text.push_str(condition);
    }

    /// What transactions and obligations have in common.
    fn add_filter(&mut self, filter: &Filter) {
        if let Some(tx) = filter.tx {
            self.add("tx = ?", tx.cast_signed());
        }
        if let Some(stan) = filter.stan {
            self.add("(terminal_stan = ? OR link_stan = ?)", stan);
        }
        let texts = [
            ("terminal = ?", &filter.terminal),
            ("rrn = ? AND rrn <> ''", &filter.rrn),
            ("link = ?", &filter.link),
        ];
        for (condition, value) in texts {
            if let Some(value) = value {
                self.add(condition, value.clone());
            }
        }
        if let Some(since) = filter.since {
            self.add("at >= ?", since.0);
        }
        if let Some(until) = filter.until {
            self.add("at < ?", until.0);
        }
        if !filter.cards.is_empty() {
            let first = self.values.len() + 1;
            let last = first + filter.cards.len();
            let places: Vec<_> = (first..last).map(|place| format!("?{place}")).collect();
            self.values
                .extend(filter.cards.iter().map(|card| Value::Blob(card.0.to_vec())));
            self.raw(&format!("card IN ({})", places.join(", ")));
        }
    }

    fn limit(mut self, order: &str, limit: usize) -> (String, Vec<Value>) {
        let limit = limit.min(ROWS_MAX);
        self.values
            .push(Value::Integer(i64::try_from(limit).unwrap_or(i64::MAX)));
        let place = self.values.len();
        (
            format!("{} ORDER BY {order} LIMIT ?{place}", self.text),
            self.values,
        )
    }
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
        self.rows(&sql, values, |row| {
            Ok(TransactionRow {
                tx: unsigned(row, "tx")?,
                lsn: Lsn::new(unsigned(row, "lsn")?),
                at: UnixMicros(row.get("at")?),
                finished_at: row.get::<_, Option<i64>>("finished_at")?.map(UnixMicros),
                state: row.get("state")?,
                link: row.get("link")?,
                listener: row.get("listener")?,
                mti: row.get("mti")?,
                terminal: row.get("terminal")?,
                merchant: row.get("merchant")?,
                terminal_stan: row.get("terminal_stan")?,
                link_stan: row.get("link_stan")?,
                rrn: row.get("rrn")?,
                amount: row.get::<_, Option<i64>>("amount")?.map(i64::cast_unsigned),
                currency: row.get("currency")?,
                processing_code: row.get("processing_code")?,
                masked_pan: row.get("masked_pan")?,
                cause: row.get("cause")?,
                response_code: row.get("response_code")?,
                approval_code: row.get("approval_code")?,
            })
        })
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
        self.rows(&sql, values, |row| {
            Ok(ObligationRow {
                tx: unsigned(row, "tx")?,
                kind: row.get("kind")?,
                lsn: Lsn::new(unsigned(row, "lsn")?),
                at: UnixMicros(row.get("at")?),
                settled_at: row.get::<_, Option<i64>>("settled_at")?.map(UnixMicros),
                state: row.get("state")?,
                attempts: row.get("attempts")?,
                attempted_at: row.get::<_, Option<i64>>("attempted_at")?.map(UnixMicros),
                link: row.get("link")?,
                link_stan: row.get("link_stan")?,
                cause: row.get("cause")?,
                mti: row.get("mti")?,
                terminal: row.get("terminal")?,
                terminal_stan: row.get("terminal_stan")?,
                rrn: row.get("rrn")?,
                amount: row.get::<_, Option<i64>>("amount")?.map(i64::cast_unsigned),
                currency: row.get("currency")?,
                masked_pan: row.get("masked_pan")?,
                response_code: row.get("response_code")?,
                detail: row.get("detail")?,
            })
        })
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
        self.rows(&sql, values, |row| {
            Ok(ObservationRow {
                lsn: Lsn::new(unsigned(row, "lsn")?),
                at: UnixMicros(row.get("at")?),
                link: row.get("link")?,
                what: row.get("what")?,
                mti: row.get("mti")?,
                stan: row.get("stan")?,
                response_code: row.get("response_code")?,
                tx: row.get::<_, Option<i64>>("tx")?.map(i64::cast_unsigned),
                detail: row.get("detail")?,
            })
        })
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
        self.rows(&sql, values, |row| {
            Ok(AuditRow {
                lsn: Lsn::new(unsigned(row, "lsn")?),
                at: UnixMicros(row.get("at")?),
                who: row.get("who")?,
                action: row.get("action")?,
                tx: row.get::<_, Option<i64>>("tx")?.map(i64::cast_unsigned),
                detail: row.get("detail")?,
            })
        })
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

fn unsigned(row: &Row<'_>, column: &str) -> rusqlite::Result<u64> {
    row.get::<_, i64>(column).map(i64::cast_unsigned)
}
