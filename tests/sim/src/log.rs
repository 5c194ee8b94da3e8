//! The journal of the switch as the model has it: one ordered log of all links, of which a prefix is durable. After a
//! crash the durable prefix is there, and of what was written behind it any prefix, never a gap.

use std::collections::BTreeMap;

use pointsman_engine::{ObligationKind, Record, ReversalCause, TransactionId};

#[derive(Debug, Default)]
pub(crate) struct Log {
    entries: Vec<Entry>,
    durable: usize,
    /// A sync is on its way, for all that was there when it began.
    pub(crate) syncing: Option<usize>,
    /// A sync has failed: nothing becomes durable any more.
    pub(crate) failed: bool,
    facts: BTreeMap<u64, Facts>,
    names: BTreeMap<TransactionId, u64>,
    appended: u64,
}

#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) link: usize,
    /// Seconds of the wall clock.
    pub(crate) at: u64,
    pub(crate) record: Record,
    /// Never the same twice.
    pub(crate) serial: u64,
}

/// What the log says about one transaction, and where.
#[derive(Clone, Debug, Default)]
pub(crate) struct Facts {
    pub(crate) transaction: Option<TransactionId>,
    pub(crate) intent: Option<usize>,
    pub(crate) outcome: Option<usize>,
    pub(crate) reversal: Option<(usize, Option<ReversalCause>)>,
    /// An advice.
    pub(crate) promise: Option<usize>,
    pub(crate) withdrawn: Option<usize>,
    pub(crate) unseen: Option<usize>,
    pub(crate) attempts: Vec<(usize, ObligationKind, u32)>,
}

impl Log {
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(crate) fn durable(&self) -> usize {
        self.durable
    }

    pub(crate) fn is_durable(&self, place: usize) -> bool {
        place < self.durable
    }

    pub(crate) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    pub(crate) fn facts(&self, nonce: u64) -> Facts {
        self.facts.get(&nonce).cloned().unwrap_or_default()
    }

    /// Appends a record; gives its place.
    pub(crate) fn append(&mut self, link: usize, at: u64, record: Record) -> usize {
        let place = self.entries.len();
        self.learn(place, &record);
        self.appended += 1;
        let serial = self.appended;
        self.entries.push(Entry {
            link,
            at,
            record,
            serial,
        });
        place
    }

    /// What is durable by now.
    pub(crate) fn synced(&mut self, end: usize) {
        self.durable = self.durable.max(end);
    }

    /// What a crash leaves.
    pub(crate) fn crash(&mut self, end: usize) {
        self.entries.truncate(end);
        self.durable = end;
        self.syncing = None;
        self.failed = false;
        self.facts.clear();
        self.names.clear();
        let entries = core::mem::take(&mut self.entries);
        for (place, entry) in entries.iter().enumerate() {
            self.learn(place, &entry.record);
        }
        self.entries = entries;
    }

    /// What waits for a person.
    pub(crate) fn dead_letters(&self) -> Vec<(usize, TransactionId, ObligationKind)> {
        let mut dead = BTreeMap::new();
        for entry in &self.entries {
            match &entry.record {
                Record::Due(due) => {
                    dead.remove(&(due.transaction, due.kind));
                }
                Record::Settled {
                    transaction,
                    kind,
                    how,
                } => {
                    dead.remove(&(*transaction, *kind));
                    if how.is_dead_letter() {
                        dead.insert((*transaction, *kind), entry.link);
                    }
                }
                _ => {}
            }
        }
        dead.into_iter()
            .map(|((transaction, kind), link)| (link, transaction, kind))
            .collect()
    }

    fn learn(&mut self, place: usize, record: &Record) {
        match record {
            Record::Intent(intent) => {
                let Ok(nonce) = intent.trace.rrn().parse() else {
                    return;
                };
                self.names.insert(intent.transaction, nonce);
                let facts = self.facts.entry(nonce).or_default();
                facts.transaction = Some(intent.transaction);
                facts.intent = Some(place);
                facts.withdrawn = None;
            }
            Record::Due(due) => {
                let Ok(nonce) = due.trace.rrn().parse() else {
                    return;
                };
                self.names.insert(due.transaction, nonce);
                let facts = self.facts.entry(nonce).or_default();
                facts.transaction = Some(due.transaction);
                if due.kind == ObligationKind::Reversal {
                    facts.reversal.get_or_insert((place, due.cause));
                } else {
                    facts.promise.get_or_insert(place);
                }
            }
            Record::ReversedUnseen { trace, .. } => {
                if let Ok(nonce) = trace.rrn().parse() {
                    self.facts.entry(nonce).or_default().unseen = Some(place);
                }
            }
            Record::Outcome { transaction, .. } => {
                if let Some(facts) = self.facts_of(*transaction) {
                    facts.outcome = Some(place);
                }
            }
            Record::Withdrawn { transaction, .. } => {
                if let Some(facts) = self.facts_of(*transaction) {
                    facts.withdrawn = Some(place);
                    facts.intent = None;
                }
            }
            Record::Attempt {
                transaction,
                kind,
                stan,
                ..
            } => {
                let (kind, stan) = (*kind, stan.get());
                if let Some(facts) = self.facts_of(*transaction) {
                    facts.attempts.push((place, kind, stan));
                }
            }
            Record::Settled { .. } => {}
        }
    }

    fn facts_of(&mut self, transaction: TransactionId) -> Option<&mut Facts> {
        let nonce = self.names.get(&transaction)?;
        self.facts.get_mut(nonce)
    }
}
