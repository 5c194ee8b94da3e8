//! One link's part of the journal: its records go in, and it is known how far they are durable.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use pointsman_engine::{LinkEvent, ObligationKind, Record, RecordNumber, TransactionId};
use pointsman_iso8583::Dialect;
use pointsman_journal::event::{Audit, Event, UnixMicros};
use pointsman_journal::{AppendError, Health, Lsn, Mark};
use tokio::sync::watch;

use super::encode::{self, Scratch, Whose};
use super::{Shared, Start};

/// Answers whose place is known: as many as a link remembers transactions, at 16 bytes each.
const ANSWERS_MAX: usize = 2_000_000;

/// Oddities of a link that are written down, in each second: a bank that talks nonsense must not fill the disk.
const OBSERVED_PER_SECOND: u32 = 100;

pub(crate) struct LinkBook {
    shared: Arc<Shared>,
    link: Arc<str>,
    dialect: Arc<Dialect>,
    scratch: Scratch,
    mark: watch::Receiver<Mark>,
    /// The places of records that are not known to be durable.
    numbers: VecDeque<(RecordNumber, Lsn)>,
    /// Intents without an outcome.
    open: HashMap<u64, Lsn>,
    due: HashMap<(u64, ObligationKind), Lsn>,
    answers: HashMap<u64, Lsn>,
    /// In the order in which they came.
    answered: VecDeque<u64>,
    /// The journal has not taken a record: nothing that depends on it or a later one goes out.
    broken: bool,
    observed: (u64, u32),
    oldest: Arc<Oldest>,
}

/// The first record that a link still needs, or an earlier one: for whoever gives segments back.
#[derive(Debug)]
pub(crate) struct Oldest(AtomicU64);

const NOTHING: u64 = u64::MAX;

impl Default for Oldest {
    fn default() -> Self {
        Oldest(AtomicU64::new(NOTHING))
    }
}

impl Oldest {
    /// None: the link needs nothing that has been written for a while.
    pub(crate) fn get(&self) -> Option<Lsn> {
        match self.0.load(Ordering::Acquire) {
            NOTHING => None,
            lsn => Some(Lsn::new(lsn)),
        }
    }

    /// Something needs this from now on, if nothing needed anything earlier.
    fn needs(&self, lsn: Lsn) {
        self.0.fetch_min(lsn.get(), Ordering::AcqRel);
    }

    fn set(&self, oldest: Option<Lsn>) {
        self.0
            .store(oldest.map_or(NOTHING, Lsn::get), Ordering::Release);
    }
}

/// How far the link's records are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Released {
    /// The last that is durable, if that has moved.
    pub(crate) until: Option<RecordNumber>,
    /// May something new be put on record?
    pub(crate) recording: bool,
    /// Nothing more will become durable.
    pub(crate) failed: bool,
}

impl LinkBook {
    pub(crate) fn new(
        shared: Arc<Shared>,
        link: Arc<str>,
        dialect: Arc<Dialect>,
        start: &mut Start,
        oldest: Arc<Oldest>,
    ) -> LinkBook {
        let answers = std::mem::take(&mut start.answers);
        let mut answered: Vec<u64> = answers.keys().copied().collect();
        answered.sort_unstable();
        let book = LinkBook {
            mark: shared.journal.mark(),
            shared,
            link,
            dialect,
            scratch: Scratch::default(),
            numbers: VecDeque::new(),
            open: HashMap::new(),
            due: std::mem::take(&mut start.due),
            answers,
            answered: answered.into(),
            broken: false,
            observed: (0, 0),
            oldest,
        };
        book.tell_oldest();
        book
    }

    /// Queues a record.
    pub(crate) fn append(&mut self, number: RecordNumber, record: &Record) {
        if self.broken {
            return;
        }
        let whose = Whose {
            shared: &self.shared,
            link: &self.link,
            dialect: &self.dialect,
        };
        let journal = &self.shared.journal;
        let appended = whose.events(record, &mut self.scratch, &mut |event: &Event<'_>| {
            journal.append(event.kind(), |out| event.encode(out))
        });
        match appended {
            Ok(lsn) => {
                self.numbers.push_back((number, lsn));
                self.oldest.needs(lsn);
                self.note(record, lsn);
            }
            Err(error) => self.broke(error),
        }
    }

    /// What depends on a record that is not there must never go out. A queue that is full means a disk that has hung for
    /// seconds: what the engine has decided since cannot be taken back, so that the link stops as if the disk had failed.
    fn broke(&mut self, error: AppendError) {
        self.broken = true;
        tracing::error!(link = %self.link, %error, "the journal does not take records: the link takes no more requests, and what is open gets no answer");
    }

    fn note(&mut self, record: &Record, lsn: Lsn) {
        match record {
            Record::Intent(intent) => {
                self.open.insert(intent.transaction.get(), lsn);
            }
            Record::Outcome { transaction, .. } => {
                self.open.remove(&transaction.get());
                self.answers.insert(transaction.get(), lsn);
                self.answered.push_back(transaction.get());
                if self.answered.len() > ANSWERS_MAX
                    && let Some(oldest) = self.answered.pop_front()
                {
                    self.answers.remove(&oldest);
                }
            }
            Record::Withdrawn { transaction, .. } => {
                self.open.remove(&transaction.get());
            }
            Record::Due(due) => {
                self.open.remove(&due.transaction.get());
                self.due.insert((due.transaction.get(), due.kind), lsn);
            }
            Record::Settled {
                transaction,
                kind,
                how,
            } if !how.is_dead_letter() => {
                self.due.remove(&(transaction.get(), *kind));
            }
            Record::Settled { .. } | Record::Attempt { .. } | Record::ReversedUnseen { .. } => {}
        }
    }

    /// Writes down what a person may look for.
    pub(crate) fn observe(&mut self, second: u64, event: &LinkEvent) {
        let mut detail = String::new();
        let Some(observed) = encode::observed(&self.link, event, &mut detail) else {
            return;
        };
        if self.observed.0 != second {
            self.observed = (second, 0);
        }
        self.observed.1 += 1;
        if self.observed.1 <= OBSERVED_PER_SECOND {
            // Nothing depends on it: a journal that has no room for it has other worries.
            let journal = &self.shared.journal;
            if let Err(error) = journal.append(observed.kind(), |out| observed.encode(out)) {
                tracing::debug!(%error, "an oddity was not written down");
            }
        }
    }

    /// Who has ordered what.
    pub(crate) fn audit(
        &self,
        who: &str,
        action: &str,
        transaction: TransactionId,
        kind: ObligationKind,
    ) {
        let audit = Event::Audit(Audit {
            at: UnixMicros::now(),
            who,
            action,
            tx: Some(transaction.get()),
            detail: kind.label(),
        });
        let journal = &self.shared.journal;
        if let Err(error) = journal.append(audit.kind(), |out| audit.encode(out)) {
            tracing::error!(who, action, %transaction, %error, "an order is not on record");
        }
    }

    /// Waits until more is durable than was known.
    pub(crate) async fn moved(&mut self) {
        if self.mark.changed().await.is_err() {
            // The journal has ended, and with it the switch.
            std::future::pending::<()>().await;
        }
    }

    /// How far the records are now.
    pub(crate) fn released(&mut self) -> Released {
        let mark = *self.mark.borrow_and_update();
        let mut until = None;
        while let Some(&(number, lsn)) = self.numbers.front() {
            if lsn > mark.durable {
                break;
            }
            self.numbers.pop_front();
            until = Some(number);
        }
        Released {
            until,
            recording: mark.health == Health::Good && !self.broken,
            failed: mark.health == Health::Failed || self.broken,
        }
    }

    /// Says which is the first record that this link still needs. Looks at all that is open: not for every transaction.
    pub(crate) fn tell_oldest(&self) {
        let oldest = self.open.values().chain(self.due.values()).min();
        self.oldest.set(oldest.copied());
    }

    /// Where the answer to a transaction stands.
    pub(crate) fn answer_at(&self, transaction: TransactionId) -> Option<Lsn> {
        self.answers.get(&transaction.get()).copied()
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }
}
