//! How long the tables keep what is finished, in steps so small that nobody waits for them.

use rusqlite::{Connection, TransactionBehavior, params};

use super::schema;
use crate::event::UnixMicros;

/// Rows of each table that one step takes.
const ROWS: i64 = 500;
/// Pages that one step gives back to the disk.
const PAGES: i64 = 500;
/// Records without a time that can be read: the last so many are kept.
const UNREADABLE_ROWS: i64 = 10_000;
const MICROS_PER_HOUR: i64 = 3_600 * 1_000_000;
/// Up to which `at` sealed bodies of finished transactions are gone.
const FORGOTTEN: &str = "sealed_forgotten_until";

/// What is kept for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// Rows of what is finished.
    pub days: u32,
    /// Sealed bodies and answers of what is finished: while a repeat may still ask for its answer.
    pub sealed_hours: u32,
}

impl Default for Retention {
    fn default() -> Self {
        Retention {
            days: 400,
            sealed_hours: 48,
        }
    }
}

/// Deletes a little. `true`: there is more to delete.
///
/// What is open stays, however old it is, and so does the transaction that something is owed for.
pub(super) fn step(
    connection: &mut Connection,
    retention: Retention,
    now: UnixMicros,
) -> rusqlite::Result<bool> {
    let before = |hours: u32| now.0.saturating_sub(i64::from(hours) * MICROS_PER_HOUR);
    let rows_before = before(retention.days.saturating_mul(24));
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let mut more = false;
    for statement in [
        "DELETE FROM transactions WHERE tx IN (
             SELECT t.tx FROM transactions AS t
             WHERE t.at < ?1 AND t.state <> 'open' AND NOT EXISTS (
                 SELECT 1 FROM obligations AS o
                 WHERE o.tx = t.tx AND o.state IN ('open', 'expired', 'dead_letter'))
             ORDER BY t.at LIMIT ?2)",
        "DELETE FROM obligations WHERE (tx, kind) IN (
             SELECT tx, kind FROM obligations
             WHERE at < ?1 AND state NOT IN ('open', 'expired', 'dead_letter') ORDER BY at LIMIT ?2)",
        "DELETE FROM observations WHERE lsn IN (
             SELECT lsn FROM observations WHERE at < ?1 ORDER BY at LIMIT ?2)",
        "DELETE FROM audit WHERE lsn IN (SELECT lsn FROM audit WHERE at < ?1 ORDER BY lsn LIMIT ?2)",
    ] {
        let rows = transaction
            .prepare_cached(statement)?
            .execute(params![rows_before, ROWS])?;
        more |= rows as i64 == ROWS;
    }
    transaction
        .prepare_cached(
            "DELETE FROM unreadable
             WHERE lsn <= (SELECT lsn FROM unreadable ORDER BY lsn DESC LIMIT 1 OFFSET ?1)",
        )?
        .execute([UNREADABLE_ROWS])?;
    more |= forget_sealed(&transaction, before(retention.sealed_hours))?;
    transaction.commit()?;
    if more {
        let mut statement =
            connection.prepare_cached(&format!("PRAGMA incremental_vacuum({PAGES})"))?;
        let mut pages = statement.query([])?;
        while pages.next()?.is_some() {}
    }
    Ok(more)
}

/// Bodies that a settled obligation or a decline has not taken away already. `true`: there are more.
fn forget_sealed(connection: &Connection, before: i64) -> rusqlite::Result<bool> {
    let from = schema::meta(connection, FORGOTTEN)?.unwrap_or(i64::MIN);
    if from >= before {
        return Ok(false);
    }
    // Where the step ends: behind as many rows as it may change, which all have another time or this one.
    let end: i64 = connection
        .prepare_cached(
            "SELECT coalesce(
                 (SELECT at + 1 FROM transactions WHERE at >= ?1 AND at < ?2 ORDER BY at LIMIT 1 OFFSET ?3),
                 ?2)",
        )?
        .query_row(params![from, before, ROWS], |row| row.get(0))?;
    let end = end.min(before);
    connection
        .prepare_cached(
            "UPDATE transactions SET body = NULL, answer = NULL
             WHERE at >= ?1 AND at < ?2 AND state <> 'open' AND NOT EXISTS (
                 SELECT 1 FROM obligations AS o
                 WHERE o.tx = transactions.tx AND o.state IN ('open', 'expired', 'dead_letter'))",
        )?
        .execute(params![from, end])?;
    schema::set_meta(connection, FORGOTTEN, end)?;
    Ok(end < before)
}

#[cfg(test)]
mod tests;
