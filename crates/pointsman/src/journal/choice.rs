//! Which transactions a person means.

use pointsman_journal::event::{Event, UnixMicros};
use pointsman_journal::sqlite::Filter;

use crate::config::duration;
use crate::exit::{Exit, Failure};

/// What a record must be like to begin a life that was asked for.
#[derive(Clone, Debug, Default)]
pub(crate) struct Choice {
    pub(crate) filter: Filter,
}

impl Choice {
    /// Whether anything is asked for.
    pub(crate) fn is_any(&self) -> bool {
        let filter = &self.filter;
        filter.tx.is_some()
            || filter.stan.is_some()
            || filter.terminal.is_some()
            || filter.rrn.is_some()
            || !filter.cards.is_empty()
    }

    /// Whether a transaction is asked for by its number and nothing else: it is known also where its beginning is gone.
    pub(crate) fn is_number(&self, tx: u64) -> bool {
        let others = Filter {
            tx: None,
            ..self.filter.clone()
        };
        self.filter.tx == Some(tx) && !Choice { filter: others }.is_any()
    }

    /// Whether the transaction of this event is one of those that are asked for. Only what says who it is can be: what
    /// comes later belongs to a transaction that is known.
    pub(crate) fn begins(&self, event: &Event<'_>) -> bool {
        let filter = &self.filter;
        let (terminal, stans, rrn, card, link) = match event {
            Event::Intent(intent) => (
                intent.terminal,
                [intent.terminal_stan, intent.link_stan],
                intent.rrn,
                intent.card,
                intent.link,
            ),
            Event::Obligation(owed) => (
                owed.terminal,
                [owed.terminal_stan, owed.link_stan],
                owed.rrn,
                owed.card,
                owed.link,
            ),
            _ => return false,
        };
        let is = |wanted: &Option<String>, is: &str| wanted.as_deref().is_none_or(|w| w == is);
        filter.tx.is_none_or(|tx| event.tx() == Some(tx))
            && filter.stan.is_none_or(|stan| stans.contains(&stan))
            && is(&filter.terminal, terminal)
            && is(&filter.rrn, rrn)
            && is(&filter.link, link)
            && (filter.cards.is_empty() || (!card.is_none() && filter.cards.contains(&card)))
            && filter.since.is_none_or(|since| event.at() >= since)
            && filter.until.is_none_or(|until| event.at() < until)
    }
}

/// A time as it is written on the command line: in UTC, or how long ago.
pub(crate) fn moment(option: &str, text: &str) -> Result<UnixMicros, Failure> {
    if let Some(ago) = duration::parse(text) {
        let ago = i64::try_from(ago.as_micros()).unwrap_or(i64::MAX);
        return Ok(UnixMicros(UnixMicros::now().0.saturating_sub(ago)));
    }
    text.parse().map_err(|error| {
        Failure::new(
            Exit::Usage,
            format!("{option} is {error}"),
            "write it as 2026-11-24, 2026-11-24T20:19:44Z, or as how long ago: 15m, 2h",
        )
    })
}
