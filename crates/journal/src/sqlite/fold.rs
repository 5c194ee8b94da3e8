//! What each event does to the tables. The same for the projection and the store, so that one can be held against the
//! other; doing it again does nothing.

use rusqlite::{Connection, params};

use super::schema;
use crate::event::{
    Attempt, Audit, Boot, CardToken, Declined, Event, How, Intent, Obligation, Observed, Outcome,
    Sealed, Settled, Unseen, Withdrawn,
};
use crate::{EventError, Lsn, RawRecord};

/// Applies a record. What cannot be read is listed, so that nobody takes its absence for an answer.
pub(super) fn apply_record(connection: &Connection, record: RawRecord<'_>) -> rusqlite::Result<()> {
    match Event::decode(record.kind, record.payload) {
        Ok(event) => apply(connection, record.lsn, &event),
        Err(error) => unreadable(connection, record, &error),
    }
}

pub(super) fn unreadable(
    connection: &Connection,
    record: RawRecord<'_>,
    error: &EventError,
) -> rusqlite::Result<()> {
    connection
        .prepare_cached("INSERT OR IGNORE INTO unreadable (lsn, kind, reason) VALUES (?1, ?2, ?3)")?
        .execute(params![lsn(record.lsn), record.kind, error.to_string()])
        .map(drop)
}

/// The tables now know of everything up to here.
pub(super) fn applied(connection: &Connection, last: Lsn) -> rusqlite::Result<()> {
    schema::set_meta(connection, schema::APPLIED, lsn(last))
}

pub(super) fn apply(connection: &Connection, at: Lsn, event: &Event<'_>) -> rusqlite::Result<()> {
    match event {
        Event::Boot(event) => boot(connection, at, event),
        Event::Intent(event) => intent(connection, at, event),
        Event::Outcome(event) => outcome(connection, event),
        Event::Declined(event) => declined(connection, event),
        Event::Withdrawn(event) => withdrawn(connection, *event),
        Event::Obligation(event) => obligation(connection, at, event),
        Event::Attempt(event) => attempt(connection, *event),
        Event::Settled(event) => settled(connection, event),
        Event::Observed(event) => observed(connection, at, event),
        Event::Audit(event) => audit(connection, at, event),
        Event::Unseen(event) => unseen(connection, at, event),
    }
}

fn boot(connection: &Connection, at: Lsn, boot: &Boot<'_>) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "INSERT OR IGNORE INTO boots (lsn, epoch, at, version, key_check)
             VALUES (?1, ?2, ?3, ?4, ?5)",
        )?
        .execute(params![
            lsn(at),
            boot.epoch,
            boot.at.0,
            boot.version,
            boot.key.to_string()
        ])
        .map(drop)
}

pub(super) fn intent(
    connection: &Connection,
    at: Lsn,
    intent: &Intent<'_>,
) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "INSERT OR IGNORE INTO transactions (
                 tx, lsn, at, state, link, listener, mti, terminal, merchant, terminal_stan, link_stan, rrn,
                 amount, currency, processing_code, masked_pan, card, duplicate_key, body
             ) VALUES (
                 ?1, ?2, ?3, 'open', ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11,
                 ?12, ?13, ?14, ?15, ?16, ?17, ?18
             )",
        )?
        .execute(params![
            intent.tx.cast_signed(),
            lsn(at),
            intent.at.0,
            intent.link,
            intent.listener,
            intent.mti,
            intent.terminal,
            intent.merchant,
            intent.terminal_stan,
            intent.link_stan,
            intent.rrn,
            intent.amount.map(u64::cast_signed),
            intent.currency,
            intent.processing_code,
            intent.masked_pan,
            card(intent.card),
            intent.key,
            sealed(intent.body),
        ])
        .map(drop)
}

/// An answer that comes after the terminal was told no does not change what the terminal was told. What must be said about
/// it later, an approval that has to be reversed, brings its own message.
pub(super) fn outcome(connection: &Connection, outcome: &Outcome<'_>) -> rusqlite::Result<()> {
    let tx = outcome.tx.cast_signed();
    connection
        .prepare_cached(
            "UPDATE transactions SET
                 response_code = ?2, approval_code = ?3, answer = ?4,
                 finished_at = coalesce(finished_at, ?5),
                 state = CASE state WHEN 'open' THEN ?6 ELSE state END
             WHERE tx = ?1",
        )?
        .execute(params![
            tx,
            outcome.response_code,
            outcome.approval_code,
            sealed(outcome.answer),
            outcome.at.0,
            outcome_state(outcome),
        ])?;
    forget_body(connection, tx)
}

pub(super) fn outcome_state(outcome: &Outcome<'_>) -> &'static str {
    match outcome.approved {
        true => "approved",
        false => "declined",
    }
}

fn declined(connection: &Connection, declined: &Declined<'_>) -> rusqlite::Result<()> {
    let tx = declined.tx.cast_signed();
    connection
        .prepare_cached(
            "UPDATE transactions SET
                 cause = ?2,
                 finished_at = coalesce(finished_at, ?3),
                 state = CASE state WHEN 'open' THEN 'failed' ELSE state END
             WHERE tx = ?1",
        )?
        .execute(params![tx, declined.cause, declined.at.0])?;
    forget_body(connection, tx)
}

fn withdrawn(connection: &Connection, withdrawn: Withdrawn) -> rusqlite::Result<()> {
    let tx = withdrawn.tx.cast_signed();
    connection
        .prepare_cached(
            "UPDATE transactions SET
                 finished_at = coalesce(finished_at, ?2),
                 state = CASE WHEN state IN ('open', 'failed') THEN 'withdrawn' ELSE state END
             WHERE tx = ?1",
        )?
        .execute(params![tx, withdrawn.at.0])?;
    forget_body(connection, tx)
}

fn obligation(
    connection: &Connection,
    at: Lsn,
    obligation: &Obligation<'_>,
) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO obligations (
                 tx, kind, lsn, at, state, link, link_stan, cause, mti, terminal, terminal_stan, rrn,
                 amount, currency, masked_pan, card, body
             ) VALUES (
                 ?1, ?2, ?3, ?4, 'open', ?5, ?6, ?7, ?8, ?9, ?10, ?11,
                 ?12, ?13, ?14, ?15, ?16
             )
             ON CONFLICT (tx, kind) DO UPDATE SET
                 state = 'open', settled_at = NULL, lsn = excluded.lsn, cause = excluded.cause, body = excluded.body
             WHERE state <> 'open' AND excluded.lsn >= obligations.lsn",
        )?
        .execute(params![
            obligation.tx.cast_signed(),
            obligation.kind.label(),
            lsn(at),
            obligation.at.0,
            obligation.link,
            obligation.link_stan,
            obligation.cause,
            obligation.mti,
            obligation.terminal,
            obligation.terminal_stan,
            obligation.rrn,
            obligation.amount.map(u64::cast_signed),
            obligation.currency,
            obligation.masked_pan,
            card(obligation.card),
            sealed(obligation.body),
        ])
        .map(drop)
}

fn attempt(connection: &Connection, attempt: Attempt) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "UPDATE obligations SET attempts = ?3, attempted_at = ?4 WHERE tx = ?1 AND kind = ?2",
        )?
        .execute(params![
            attempt.tx.cast_signed(),
            attempt.kind.label(),
            attempt.count,
            attempt.at.0
        ])
        .map(drop)
}

fn settled(connection: &Connection, settled: &Settled<'_>) -> rusqlite::Result<()> {
    let (state, response_code, detail, is_final) = match settled.how {
        How::Acknowledged { response_code } => ("acknowledged", response_code, "", true),
        How::Refused { response_code } => ("refused", response_code, "", true),
        How::Expired => ("expired", "", "", false),
        How::DeadLetter { reason } => ("dead_letter", "", reason, false),
        How::Dropped { by } => ("dropped", "", by, true),
        How::Retried { by } => ("open", "", by, false),
    };
    let tx = settled.tx.cast_signed();
    connection
        .prepare_cached(
            "UPDATE obligations SET
                 state = ?3, response_code = ?4, detail = ?5,
                 settled_at = CASE ?3 WHEN 'open' THEN NULL ELSE ?6 END,
                 body = CASE WHEN ?7 THEN NULL ELSE body END
             WHERE tx = ?1 AND kind = ?2",
        )?
        .execute(params![
            tx,
            settled.kind.label(),
            state,
            response_code,
            detail,
            settled.at.0,
            is_final
        ])?;
    match is_final {
        true => forget_body(connection, tx),
        false => Ok(()),
    }
}

/// Among what was odd: a person may look for the payment that never came.
fn unseen(connection: &Connection, at: Lsn, unseen: &Unseen<'_>) -> rusqlite::Result<()> {
    let detail = format!("terminal {} rrn {}", unseen.terminal, unseen.rrn);
    connection
        .prepare_cached(
            "INSERT OR IGNORE INTO observations (lsn, at, link, what, mti, stan, response_code, tx, detail)
             VALUES (?1, ?2, ?3, 'reversed_unseen', '', ?4, '', NULL, ?5)",
        )?
        .execute(params![
            lsn(at),
            unseen.at.0,
            unseen.link,
            unseen.terminal_stan,
            detail
        ])
        .map(drop)
}

fn observed(connection: &Connection, at: Lsn, observed: &Observed<'_>) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "INSERT OR IGNORE INTO observations (lsn, at, link, what, mti, stan, response_code, tx, detail)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        )?
        .execute(params![
            lsn(at),
            observed.at.0,
            observed.link,
            observed.what.label(),
            observed.mti,
            observed.stan,
            observed.response_code,
            observed.tx.map(u64::cast_signed),
            observed.detail,
        ])
        .map(drop)
}

fn audit(connection: &Connection, at: Lsn, audit: &Audit<'_>) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "INSERT OR IGNORE INTO audit (lsn, at, who, action, tx, detail)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?
        .execute(params![
            lsn(at),
            audit.at.0,
            audit.who,
            audit.action,
            audit.tx.map(u64::cast_signed),
            audit.detail
        ])
        .map(drop)
}

/// Nobody will have to say again what the request said, unless something is still owed.
fn forget_body(connection: &Connection, tx: i64) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "UPDATE transactions SET body = NULL
             WHERE tx = ?1 AND body IS NOT NULL AND NOT EXISTS (
                 SELECT 1 FROM obligations AS o
                 WHERE o.tx = ?1 AND o.state IN ('open', 'expired', 'dead_letter')
             )",
        )?
        .execute([tx])
        .map(drop)
}

pub(super) fn lsn(lsn: Lsn) -> i64 {
    lsn.get().cast_signed()
}

pub(super) fn card(card: CardToken) -> Option<[u8; 16]> {
    (!card.is_none()).then_some(card.0)
}

pub(super) fn sealed(sealed: Sealed<'_>) -> Option<&[u8]> {
    (!sealed.is_none()).then_some(sealed.as_bytes())
}
