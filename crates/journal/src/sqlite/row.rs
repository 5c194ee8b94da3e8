//! Rows of the tables as people are shown them.

use rusqlite::Row;

use crate::Lsn;
use crate::event::UnixMicros;

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

/// What is open at a link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenRow {
    pub link: String,
    /// Transactions without an outcome.
    pub in_doubt: u64,
    /// What has to be said to the bank, or looked at by a person.
    pub owed: u64,
}

/// Approvals that the switch gave by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExposureRow {
    pub link: String,
    /// Of their advices: `open` ones the bank has not heard of, `acknowledged` ones it has taken.
    pub state: String,
    pub currency: String,
    pub count: u64,
    /// In the smallest unit of the currency.
    pub amount: u64,
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

impl TransactionRow {
    pub(super) fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
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
    }
}

impl ObligationRow {
    pub(super) fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
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
    }
}

impl ObservationRow {
    pub(super) fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
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
    }
}

impl AuditRow {
    pub(super) fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(AuditRow {
            lsn: Lsn::new(unsigned(row, "lsn")?),
            at: UnixMicros(row.get("at")?),
            who: row.get("who")?,
            action: row.get("action")?,
            tx: row.get::<_, Option<i64>>("tx")?.map(i64::cast_unsigned),
            detail: row.get("detail")?,
        })
    }
}

pub(super) fn unsigned(row: &Row<'_>, column: &str) -> rusqlite::Result<u64> {
    row.get::<_, i64>(column).map(i64::cast_unsigned)
}
