//! What the records of all lives so far add up to, link by link.

use std::collections::HashMap;
use std::sync::Arc;

use pointsman_engine::{ObligationKind, Recovered};
use pointsman_journal::event::{Event, KeyCheck};
use pointsman_journal::seal::{Keys, Part, Place};
use pointsman_journal::{Lsn, RawRecord};

use super::JournalError;
use super::decode::{self, Decoded};
use super::encode::kind as journal_kind;

/// What a link starts with.
#[derive(Debug, Default)]
pub(crate) struct Start {
    pub(crate) recovered: Recovered,
    /// Where the answers of transactions stand.
    pub(crate) answers: HashMap<u64, Lsn>,
    /// Where what is due stands.
    pub(crate) due: HashMap<(u64, ObligationKind), Lsn>,
}

#[derive(Default)]
pub(super) struct Fold {
    links: Vec<Folded>,
    by_name: HashMap<String, usize>,
    /// Which link a transaction is with, as long as something of it is open.
    owners: HashMap<u64, usize>,
    pub(super) life: u32,
    /// The master key of the last life.
    key: Option<KeyCheck>,
}

struct Folded {
    name: String,
    start: Start,
}

impl Fold {
    pub(super) fn visit(&mut self, record: RawRecord<'_>) -> Result<(), JournalError> {
        let lsn = record.lsn;
        let event = Event::decode(record.kind, record.payload)
            .map_err(|error| JournalError::Unreadable { lsn, error })?;
        if let Event::Boot(boot) = &event {
            self.life = self.life.max(boot.epoch);
            self.key = Some(boot.key);
            return Ok(());
        }
        let nonsense = |what| JournalError::Nonsense { lsn, what };
        let Some(Decoded {
            record,
            opens,
            closes,
        }) = decode::record(&event).map_err(nonsense)?
        else {
            return Ok(());
        };
        let owner = match decode::link(&event) {
            Some(name) => self.index(name),
            None => match event.tx().and_then(|tx| self.owners.get(&tx)) {
                Some(owner) => *owner,
                // Its beginning was given back long ago: it is closed.
                None => return Ok(()),
            },
        };
        if let Some(tx) = event.tx() {
            if opens {
                self.owners.insert(tx, owner);
            } else if closes {
                self.owners.remove(&tx);
            }
        }
        let Some(Folded { start, .. }) = self.links.get_mut(owner) else {
            return Ok(());
        };
        start.note(lsn, &event);
        let at = u64::try_from(event.at().0 / 1_000_000).unwrap_or_default();
        start.recovered.apply(at, record);
        Ok(())
    }

    fn index(&mut self, name: &str) -> usize {
        if let Some(index) = self.by_name.get(name) {
            return *index;
        }
        let index = self.links.len();
        self.links.push(Folded {
            name: name.to_owned(),
            start: Start::default(),
        });
        self.by_name.insert(name.to_owned(), index);
        index
    }

    /// All records have been seen: is the key the one that they were sealed with?
    pub(super) fn finish(self, keys: &Keys) -> Result<Fold, JournalError> {
        if let Some(check) = self.key {
            keys.verify(check)?;
        }
        Ok(self)
    }

    /// What each of the links starts with. All that is open must be theirs.
    pub(super) fn starts(
        self,
        links: &[Arc<str>],
        keys: &Keys,
    ) -> Result<Vec<Start>, JournalError> {
        for folded in &self.links {
            let (in_doubt, due) = folded.start.recovered.open();
            let count = in_doubt + due;
            if count > 0 && !links.iter().any(|link| **link == *folded.name) {
                let link = folded.name.clone();
                return Err(JournalError::UnknownLink { link, count });
            }
        }
        self.starts_of(links, keys)
    }

    /// What some of the links start with.
    pub(super) fn starts_of(
        mut self,
        links: &[Arc<str>],
        keys: &Keys,
    ) -> Result<Vec<Start>, JournalError> {
        let start = |link: &Arc<str>| {
            let folded = self
                .by_name
                .get(&**link)
                .and_then(|index| self.links.get_mut(*index));
            let mut start = folded
                .map(|folded| std::mem::take(&mut folded.start))
                .unwrap_or_default();
            start.open(link, keys)?;
            Ok(start)
        };
        links.iter().map(start).collect()
    }
}

impl Start {
    /// Remembers where something stands that may have to be looked up.
    fn note(&mut self, lsn: Lsn, event: &Event<'_>) {
        match event {
            Event::Outcome(outcome) => {
                self.answers.insert(outcome.tx, lsn);
            }
            Event::Obligation(owed) => {
                self.due.insert((owed.tx, decode::kind(owed.kind)), lsn);
            }
            Event::Settled(settled) => {
                self.due.remove(&(settled.tx, decode::kind(settled.kind)));
            }
            _ => {}
        }
    }

    /// The messages of what is open, in clear.
    fn open(&mut self, link: &str, keys: &Keys) -> Result<(), JournalError> {
        self.recovered.open_messages(|transaction, kind, sealed| {
            let part = match kind {
                None => Part::Intent,
                Some(kind) => Part::Obligation(journal_kind(kind)),
            };
            let place = Place {
                tx: transaction.get(),
                part,
            };
            let mut clear = Vec::new();
            match keys.open(place, sealed, &mut clear) {
                Ok(()) => Ok(clear.into()),
                Err(error) => Err(JournalError::Sealed {
                    link: link.to_owned(),
                    reason: error.to_string(),
                }),
            }
        })
    }
}
