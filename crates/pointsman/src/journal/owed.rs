//! What is owed, or waits for a person, at the end of a journal.

use std::collections::BTreeMap;

use pointsman_iso8583::explain;
use pointsman_journal::event::{Event, How, ObligationKind, UnixMicros};
use pointsman_journal::sqlite::ObligationRow;
use serde_json::{Value, json};

use super::words::plain;

/// Obligations that are not settled, each under its name.
#[derive(Clone, Debug, Default)]
pub(crate) struct Waiting {
    rows: BTreeMap<(u64, &'static str), OwedRow>,
}

/// One of them.
#[derive(Clone, Debug)]
pub(crate) struct OwedRow {
    pub(crate) tx: u64,
    pub(crate) kind: String,
    /// `open`, `expired` or `dead_letter`.
    pub(crate) state: String,
    pub(crate) at: UnixMicros,
    pub(crate) attempts: u32,
    pub(crate) link: String,
    pub(crate) terminal: String,
    pub(crate) stan: u32,
    pub(crate) amount: Option<u64>,
    pub(crate) currency: String,
    pub(crate) card: String,
    pub(crate) cause: String,
    pub(crate) detail: String,
}

impl Waiting {
    /// What the tables know.
    pub(crate) fn from_rows(rows: Vec<ObligationRow>) -> Waiting {
        let mut waiting = Waiting::default();
        for row in rows {
            let kind = ObligationKind::ALL
                .into_iter()
                .find(|kind| kind.label() == row.kind);
            let Some(kind) = kind else { continue };
            let owed = OwedRow {
                tx: row.tx,
                kind: row.kind,
                state: row.state,
                at: row.at,
                attempts: row.attempts,
                link: row.link,
                terminal: row.terminal,
                stan: row.terminal_stan,
                amount: row.amount,
                currency: row.currency,
                card: row.masked_pan,
                cause: row.cause,
                detail: row.detail,
            };
            waiting.rows.insert((row.tx, kind.label()), owed);
        }
        waiting
    }

    /// What happened next.
    pub(crate) fn tell(&mut self, event: &Event<'_>) {
        match event {
            Event::Obligation(owed) => {
                let key = (owed.tx, owed.kind.label());
                // What is owed already is not owed twice; what waits for a person may be owed again.
                if self.rows.get(&key).is_some_and(|row| row.state == "open") {
                    return;
                }
                let attempts = self.rows.get(&key).map_or(0, |row| row.attempts);
                let row = OwedRow {
                    tx: owed.tx,
                    kind: owed.kind.label().to_owned(),
                    state: "open".to_owned(),
                    at: owed.at,
                    attempts,
                    link: owed.link.to_owned(),
                    terminal: owed.terminal.to_owned(),
                    stan: owed.terminal_stan,
                    amount: owed.amount,
                    currency: owed.currency.to_owned(),
                    card: owed.masked_pan.to_owned(),
                    cause: owed.cause.to_owned(),
                    detail: String::new(),
                };
                self.rows.insert(key, row);
            }
            Event::Attempt(attempt) => {
                if let Some(row) = self.rows.get_mut(&(attempt.tx, attempt.kind.label())) {
                    row.attempts = attempt.count;
                }
            }
            Event::Settled(settled) => {
                let key = (settled.tx, settled.kind.label());
                let (state, detail) = match settled.how {
                    How::Acknowledged { .. } | How::Refused { .. } | How::Dropped { .. } => {
                        self.rows.remove(&key);
                        return;
                    }
                    How::Expired => ("expired", ""),
                    How::DeadLetter { reason } => ("dead_letter", reason),
                    How::Retried { by } => ("open", by),
                };
                if let Some(row) = self.rows.get_mut(&key) {
                    state.clone_into(&mut row.state);
                    detail.clone_into(&mut row.detail);
                }
            }
            _ => {}
        }
    }

    /// The oldest first.
    pub(crate) fn into_rows(self) -> Vec<OwedRow> {
        let mut rows: Vec<_> = self.rows.into_values().collect();
        rows.sort_by_key(|row| row.at);
        rows
    }
}

impl OwedRow {
    pub(crate) fn amount(&self) -> String {
        let known = self
            .amount
            .and_then(|amount| explain::amount(&self.currency, amount));
        match (known, self.amount) {
            (Some(amount), _) => amount,
            (None, Some(amount)) => format!("{amount} {}", plain(&self.currency)),
            (None, None) => "-".to_owned(),
        }
    }

    /// Why it is owed, and why it waits if it does.
    pub(crate) fn why(&self) -> String {
        match self.detail.as_str() {
            "" => plain(&self.cause),
            detail => format!("{}; {}", plain(&self.cause), plain(detail)),
        }
    }

    pub(crate) fn json(&self) -> Value {
        json!({
            "tx": self.tx,
            "kind": self.kind,
            "state": self.state,
            "at": self.at.to_string(),
            "attempts": self.attempts,
            "link": self.link,
            "terminal": self.terminal,
            "stan": self.stan,
            "amount": self.amount,
            "currency": self.currency,
            "masked_pan": self.card,
            "cause": self.cause,
            "detail": self.detail,
        })
    }
}
