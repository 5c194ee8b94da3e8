//! What many records do to the tables, with fewer statements than records.
//!
//! Nearly every transaction is a request and, soon behind it, its outcome: one row that is put in once costs half of one
//! that is put in open and changed. So a request waits until the end of the batch for its outcome, or for the first
//! other record about it. Records about one transaction keep their order; those of different ones do not touch the same rows.

use std::collections::HashMap;

use rusqlite::{CachedStatement, Connection, params};

use super::fold::{self, card, lsn, outcome_state, sealed};
use crate::event::{Event, Intent, Outcome};
use crate::{Lsn, RawRecord};

/// Applies the records of one transaction of the tables.
pub(super) fn apply<'a>(
    connection: &Connection,
    records: impl Iterator<Item = RawRecord<'a>>,
) -> rusqlite::Result<()> {
    let mut begun = Begun::default();
    for record in records {
        let event = match Event::decode(record.kind, record.payload) {
            Ok(event) => event,
            Err(error) => {
                fold::unreadable(connection, record, &error)?;
                continue;
            }
        };
        if begun.take_in(record.lsn, &event) {
            continue;
        }
        if let Some(life) = event.tx().and_then(|tx| begun.take_out(tx)) {
            life.apply(connection)?;
        }
        fold::apply(connection, record.lsn, &event)?;
    }
    let mut finished = connection.prepare_cached(FINISHED)?;
    for life in begun.lives.into_iter().flatten() {
        match &life.outcome {
            Some(outcome) => life.finish(connection, &mut finished, outcome)?,
            None => life.apply(connection)?,
        }
    }
    Ok(())
}

/// Requests whose row is not there yet.
#[derive(Default)]
struct Begun<'a> {
    /// In the order in which they began.
    lives: Vec<Option<Life<'a>>>,
    places: HashMap<u64, usize>,
}

/// The beginning of a transaction, and perhaps its end.
struct Life<'a> {
    at: Lsn,
    intent: Intent<'a>,
    outcome: Option<Outcome<'a>>,
}

impl<'a> Begun<'a> {
    /// `false`: it is for the tables as they are.
    fn take_in(&mut self, at: Lsn, event: &Event<'a>) -> bool {
        match event {
            Event::Intent(intent) if !self.places.contains_key(&intent.tx) => {
                self.places.insert(intent.tx, self.lives.len());
                self.lives.push(Some(Life {
                    at,
                    intent: *intent,
                    outcome: None,
                }));
                true
            }
            Event::Outcome(outcome) => {
                let place = self.places.get(&outcome.tx);
                let life = place.and_then(|place| self.lives.get_mut(*place)?.as_mut());
                match life {
                    Some(life) if life.outcome.is_none() => {
                        life.outcome = Some(*outcome);
                        true
                    }
                    _ => false,
                }
            }
            _ => false,
        }
    }

    fn take_out(&mut self, tx: u64) -> Option<Life<'a>> {
        let place = self.places.remove(&tx)?;
        self.lives.get_mut(place)?.take()
    }
}

impl Life<'_> {
    /// One record after the other.
    fn apply(&self, connection: &Connection) -> rusqlite::Result<()> {
        fold::intent(connection, self.at, &self.intent)?;
        match &self.outcome {
            Some(outcome) => fold::outcome(connection, outcome),
            None => Ok(()),
        }
    }

    /// Both at once: what `fold::intent` and `fold::outcome` make of a transaction that the tables do not know.
    fn finish(
        &self,
        connection: &Connection,
        statement: &mut CachedStatement<'_>,
        outcome: &Outcome<'_>,
    ) -> rusqlite::Result<()> {
        let intent = &self.intent;
        let inserted = statement.execute(params![
            intent.tx.cast_signed(),
            lsn(self.at),
            intent.at.0,
            outcome.at.0,
            outcome_state(outcome),
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
            outcome.response_code,
            outcome.approval_code,
            sealed(intent.body),
            sealed(outcome.answer),
        ])?;
        match inserted {
            0 => fold::outcome(connection, outcome),
            _ => Ok(()),
        }
    }
}

const FINISHED: &str = "INSERT OR IGNORE INTO transactions (
         tx, lsn, at, finished_at, state, link, listener, mti, terminal, merchant, terminal_stan, link_stan, rrn,
         amount, currency, processing_code, masked_pan, card, duplicate_key, response_code, approval_code, body, answer
     ) VALUES (
         ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13,
         ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21,
         CASE WHEN EXISTS (
             SELECT 1 FROM obligations AS o WHERE o.tx = ?1 AND o.state IN ('open', 'expired', 'dead_letter')
         ) THEN ?22 END,
         ?23
     )";
