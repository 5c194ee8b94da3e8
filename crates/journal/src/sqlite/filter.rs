//! What is asked for, and how that becomes a condition of SQL. What people give is bound, never part of the text.

use rusqlite::types::Value;

use super::query::ROWS_MAX;
use crate::event::{CardToken, ObligationKind, UnixMicros};

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

/// Conditions with what is bound to them.
#[derive(Default)]
pub(super) struct Conditions {
    pub(super) text: String,
    values: Vec<Value>,
}

impl Conditions {
    /// Each `?` stands for this value.
    pub(super) fn add(&mut self, condition: &str, value: impl Into<Value>) {
        self.values.push(value.into());
        let place = format!("?{}", self.values.len());
        self.raw(&condition.replace('?', &place));
    }

    pub(super) fn raw(&mut self, condition: &str) {
        self.text.push_str(match self.text.is_empty() {
            true => " WHERE ",
            false => " AND ",
        });
        self.text.push_str(condition);
    }

    /// What transactions and obligations have in common.
    pub(super) fn add_filter(&mut self, filter: &Filter) {
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

    pub(super) fn limit(mut self, order: &str, limit: usize) -> (String, Vec<Value>) {
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
