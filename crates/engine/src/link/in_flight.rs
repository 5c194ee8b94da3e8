//! The requests that a link has open, and those that are over but remembered: given up on, or declined by the bank.
//!
//! A slab of slots. Each used slot hangs in one of three lists that run through the slab: the open ones in the order of
//! their deadlines, the remembered ones in the order in which they may be forgotten. All requests of a link have the
//! same timeout, so all are queues: a deadline costs two links to set, two to remove, and nothing to wait for.

use alloc::vec::Vec;
use core::hash::BuildHasher;

use hashbrown::{DefaultHashBuilder, HashTable};
use pointsman_iso8583::{Mti, Stan, View};

use super::journal::{RecordNumber, Reference};
use super::matching::{Differs, Expectation, Key, MatchFields};
use super::output::UnmatchedReason;
use crate::limits::COPIES_MAX;
use crate::planted::{Planted, PlantedBug};
use crate::{CardMessage, Instant, Ticket, Trace, TransactionId};

/// An open request.
pub(super) struct Open<R> {
    pub(super) reply_to: R,
    pub(super) ticket: Ticket,
    pub(super) expectation: Expectation,
    pub(super) trace: Trace,
    /// None for what moves no money.
    pub(super) money: Option<Money>,
}

/// What belongs to a request that may move money.
#[derive(Clone)]
pub(super) struct Money {
    pub(super) transaction: TransactionId,
    pub(super) reference: Option<Reference>,
    pub(super) mti: Mti,
    /// The record without which it must not be sent.
    pub(super) intent: RecordNumber,
    /// What undoes it.
    pub(super) reversal: CardMessage,
}

/// What is left of a request when it stops being open.
pub(super) struct Closed<R> {
    pub(super) reply_to: R,
    pub(super) ticket: Ticket,
    /// Others who asked for the same meanwhile, and get the same answer.
    pub(super) copies: Vec<(R, Ticket)>,
    pub(super) stan: Stan,
    pub(super) trace: Trace,
    pub(super) money: Option<Money>,
}

/// A request of an earlier life of the switch.
pub(super) struct Remembered {
    pub(super) expectation: Expectation,
    pub(super) trace: Trace,
    pub(super) transaction: TransactionId,
    /// Of one that the bank declined.
    pub(super) declined: Option<Money>,
}

/// The index of a used slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SlotId(u32);

/// Whose answer it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    Open(SlotId),
    /// Given up on; since when.
    Late {
        stan: Stan,
        since: Instant,
        trace: Trace,
        transaction: Option<TransactionId>,
    },
    /// The bank declined it, since when; what would undo it is still there.
    Declined {
        slot: SlotId,
        stan: Stan,
        since: Instant,
        trace: Trace,
    },
    Nobody(UnmatchedReason),
}

pub(super) struct InFlight<R> {
    fields: MatchFields,
    slots: Vec<Slot<R>>,
    free: Vec<u32>,
    open: Queue,
    late: Queue,
    declined: Queue,
    /// From trace number or key to slot.
    index: HashTable<u32>,
    hashes: Hashes,
}

/// How the index hashes. The builder's seed differs from process to process, against keys made to collide; nothing is
/// ever listed in the order of its hashes, so it decides no output.
struct Hashes {
    by_stan: bool,
    builder: DefaultHashBuilder,
}

struct Slot<R> {
    previous: u32,
    next: u32,
    /// Of an open request the deadline, of a remembered one the end of its memory.
    until: Instant,
    /// Since when it is no longer open.
    given_up: Instant,
    used: Option<Used<R>>,
}

struct Used<R> {
    expectation: Expectation,
    trace: Trace,
    /// None of what was given up on: its reversal is due.
    money: Option<Money>,
    /// Of a request that is only remembered.
    transaction: Option<TransactionId>,
    /// Where the answer goes; `None` once there was one.
    reply: Option<(R, Ticket)>,
    copies: Vec<(R, Ticket)>,
}

/// A doubly linked queue through the slab.
#[derive(Clone, Copy)]
struct Queue {
    head: u32,
    tail: u32,
    length: u32,
}

const NONE: u32 = u32::MAX;

/// A bank that talks nonsense must not cost a search through everything.
const NEAREST_SEARCHED_MAX: usize = 64;

impl<R> InFlight<R> {
    pub(super) fn new(match_fields: &[u8]) -> Self {
        let fields = MatchFields::new(match_fields);
        InFlight {
            hashes: Hashes {
                by_stan: fields.stan,
                builder: DefaultHashBuilder::default(),
            },
            fields,
            slots: Vec::new(),
            free: Vec::new(),
            open: Queue::EMPTY,
            late: Queue::EMPTY,
            declined: Queue::EMPTY,
            index: HashTable::new(),
        }
    }

    pub(super) fn fields(&self) -> &MatchFields {
        &self.fields
    }

    pub(super) fn open(&self) -> usize {
        self.open.length as usize
    }

    pub(super) fn late(&self) -> usize {
        self.late.length as usize
    }

    /// Declined by the bank, and remembered.
    pub(super) fn declined(&self) -> usize {
        self.declined.length as usize
    }

    /// When the oldest open request has waited long enough.
    pub(super) fn next_deadline(&self) -> Option<Instant> {
        self.slot(self.open.head).map(|slot| slot.until)
    }

    /// Is the key in use where the trace number is not part of it? What is answered by another message type does not
    /// count: a reversal may carry the reference of what it reverses, and no answer fits both. Nor does what was declined:
    /// a customer who tries again must not wait.
    pub(super) fn key_is_busy(&self, key: &Key, answer: Mti) -> bool {
        !self.fields.stan
            && self
                .with_key(key, answer)
                .is_some_and(|slot| !self.is_declined(*slot))
    }

    /// Takes a request in. Deadlines must not go back from one call to the next.
    pub(super) fn insert(
        &mut self,
        request: Open<R>,
        deadline: Instant,
        planted: Planted,
    ) -> SlotId {
        let Open {
            reply_to,
            ticket,
            expectation,
            trace,
            money,
        } = request;
        let mut slot = Slot {
            previous: NONE,
            next: NONE,
            until: deadline,
            given_up: deadline,
            used: Some(Used {
                expectation,
                trace,
                transaction: money.as_ref().map(|money| money.transaction),
                money,
                reply: Some((reply_to, ticket)),
                copies: Vec::new(),
            }),
        };
        if planted.has(PlantedBug::TimerNotRemoved)
            && let Some(old) = self
                .free
                .last()
                .and_then(|free| self.slots.get(*free as usize))
        {
            slot.until = old.until;
        }
        let id = self.place(slot);
        self.open.push(&mut self.slots, id);
        SlotId(id)
    }

    /// A slot of the slab for what is open or remembered, and found.
    fn place(&mut self, slot: Slot<R>) -> u32 {
        let used = slot.used.as_ref();
        let hash = used.map_or(0, |used| self.hashes.of(&used.expectation));
        let id = match self.free.pop() {
            Some(id) => {
                if let Some(place) = self.slots.get_mut(id as usize) {
                    *place = slot;
                }
                id
            }
            None => {
                self.slots.push(slot);
                (self.slots.len() - 1) as u32
            }
        };
        let (slots, hashes) = (&self.slots, &self.hashes);
        let rehash = |id: &u32| {
            let used = slots.get(*id as usize).and_then(|slot| slot.used.as_ref());
            used.map_or(0, |used| hashes.of(&used.expectation))
        };
        self.index.insert_unique(hash, id, rehash);
        id
    }

    /// Somebody else wants the answer to an open request as well. Gives the address back if there are too many.
    pub(super) fn attach(&mut self, id: SlotId, reply_to: R, ticket: Ticket) -> Result<(), R> {
        let slot = self.slots.get_mut(id.0 as usize);
        match slot.and_then(|slot| slot.used.as_mut()) {
            Some(used) if used.reply.is_some() && used.copies.len() < COPIES_MAX => {
                used.copies.push((reply_to, ticket));
                Ok(())
            }
            _ => Err(reply_to),
        }
    }

    /// Whose answer it is.
    pub(super) fn find(&self, answer: &View<'_>, planted: Planted) -> Found {
        let candidate = if self.fields.stan {
            let Some(stan) = answer.stan() else {
                return Found::Nobody(UnmatchedReason::KeyMissing { field: 11 });
            };
            self.index
                .find(self.hashes.stan(stan), |slot| self.has_stan(*slot, stan))
        } else {
            if let Some(field) = self.fields.missing_in(answer) {
                return Found::Nobody(UnmatchedReason::KeyMissing { field });
            }
            let key = Key::of(answer, &self.fields);
            self.with_key(&key, answer.mti()).or_else(|| {
                self.index
                    .find(self.hashes.key(&key), |slot| self.slot_has_key(*slot, &key))
            })
        };
        let mut candidate = candidate.copied();
        if planted.has(PlantedBug::StanNotMatched)
            && candidate
                .and_then(|id| self.used(id))
                .is_none_or(|used| used.reply.is_none())
        {
            candidate = self.open_with_key_of(answer);
        }
        let Some((id, slot, used)) = candidate.and_then(|id| {
            self.slot(id)
                .and_then(|slot| Some((id, slot, slot.used.as_ref()?)))
        }) else {
            return Found::Nobody(UnmatchedReason::Unknown);
        };

        let expected = &used.expectation;
        if let Err(Differs(field)) = expected.key.agrees(answer, &self.fields)
            && !planted.has(PlantedBug::TerminalNotMatched)
        {
            return Found::Nobody(UnmatchedReason::KeyDiffers { field });
        }
        if answer.mti() != expected.mti && !planted.has(PlantedBug::MtiNotChecked) {
            return Found::Nobody(UnmatchedReason::MtiDiffers {
                expected: expected.mti,
            });
        }
        if used.reply.is_some() {
            Found::Open(SlotId(id))
        } else if used.money.is_some() {
            Found::Declined {
                slot: SlotId(id),
                stan: expected.stan,
                since: slot.given_up,
                trace: used.trace,
            }
        } else {
            Found::Late {
                stan: expected.stan,
                since: slot.given_up,
                trace: used.trace,
                transaction: used.transaction,
            }
        }
    }

    /// The request that an answer which fits none is nearest to: the one with its trace number, or else the oldest open one
    /// of its terminal, among the first few. For people; nothing is decided by it.
    pub(super) fn nearest(&self, answer: &View<'_>) -> Option<Trace> {
        let by_stan = answer.stan().filter(|_| self.fields.stan).and_then(|stan| {
            let found = self
                .index
                .find(self.hashes.stan(stan), |slot| self.has_stan(*slot, stan));
            found.and_then(|slot| self.used(*slot))
        });
        let by_terminal = || {
            let terminal = answer.to_text(41)?;
            let mut id = self.open.head;
            for _ in 0..NEAREST_SEARCHED_MAX {
                let slot = self.slot(id)?;
                let used = slot.used.as_ref()?;
                if used.trace.terminal() == terminal.trim_end() {
                    return Some(used);
                }
                id = slot.next;
            }
            None
        };
        by_stan.or_else(by_terminal).map(|used| used.trace)
    }

    /// What the answer to an open request is judged by.
    pub(super) fn expectation(&self, id: SlotId) -> Option<&Expectation> {
        self.slot(id.0)?.used.as_ref().map(|used| &used.expectation)
    }

    /// The record that an open request waited for before it was sent.
    pub(super) fn intent(&self, id: SlotId) -> Option<RecordNumber> {
        self.used(id.0)?.money.as_ref().map(|money| money.intent)
    }

    /// The request is answered: its slot and its key are free.
    pub(super) fn close(&mut self, id: SlotId) -> Option<Closed<R>> {
        self.remove_from_index(id.0);
        self.open.remove(&mut self.slots, id.0);
        self.free.push(id.0);
        let used = self.slots.get_mut(id.0 as usize)?.used.take()?;
        let (reply_to, ticket) = used.reply?;
        Some(Closed {
            reply_to,
            ticket,
            copies: used.copies,
            stan: used.expectation.stan,
            trace: used.trace,
            money: used.money,
        })
    }

    /// The request is given up on: it is remembered until `until`, which must not go back from one call to the next.
    pub(super) fn give_up(
        &mut self,
        id: SlotId,
        now: Instant,
        until: Instant,
    ) -> Option<Closed<R>> {
        let slot = self.slots.get_mut(id.0 as usize)?;
        let used = slot.used.as_mut()?;
        let (reply_to, ticket) = used.reply.take()?;
        slot.given_up = now;
        slot.until = until;
        let closed = Closed {
            reply_to,
            ticket,
            copies: core::mem::take(&mut used.copies),
            stan: used.expectation.stan,
            trace: used.trace,
            money: used.money.take(),
        };
        self.open.remove(&mut self.slots, id.0);
        self.late.push(&mut self.slots, id.0);
        Some(closed)
    }

    /// The bank has declined the request: it is remembered until `until` with what would undo it, should the bank change
    /// its mind. `until` must not go back from one call to the next.
    pub(super) fn decline(
        &mut self,
        id: SlotId,
        now: Instant,
        until: Instant,
    ) -> Option<Closed<R>> {
        let slot = self.slots.get_mut(id.0 as usize)?;
        let used = slot.used.as_mut()?;
        let (reply_to, ticket) = used.reply.take()?;
        slot.given_up = now;
        slot.until = until;
        let closed = Closed {
            reply_to,
            ticket,
            copies: core::mem::take(&mut used.copies),
            stan: used.expectation.stan,
            trace: used.trace,
            money: used.money.clone(),
        };
        self.open.remove(&mut self.slots, id.0);
        self.declined.push(&mut self.slots, id.0);
        Some(closed)
    }

    /// What was declined was approved after all: from now on it is remembered like what was given up on, until `until`.
    pub(super) fn approved_after_all(&mut self, id: SlotId, until: Instant) -> Option<Money> {
        let slot = self.slots.get_mut(id.0 as usize)?;
        let money = slot.used.as_mut()?.money.take()?;
        slot.until = until;
        self.declined.remove(&mut self.slots, id.0);
        self.late.push(&mut self.slots, id.0);
        Some(money)
    }

    /// Is there something with this key, which is not told by its number?
    pub(super) fn has_key(&self, key: &Key, answer: Mti) -> bool {
        !self.fields.stan && self.with_key(key, answer).is_some()
    }

    /// A new request has the key of one that was declined, which is forgotten: an answer could be to either. Gives its
    /// trace number.
    pub(super) fn supersede(&mut self, key: &Key, answer: Mti) -> Option<Stan> {
        if self.fields.stan {
            return None;
        }
        let id = *self.with_key(key, answer)?;
        if !self.is_declined(id) {
            return None;
        }
        self.declined.remove(&mut self.slots, id);
        self.vacate(id)
    }

    /// Remembers a request that an earlier life of the switch gave up on, or, with what would undo it, one that was
    /// declined. `until` must not go back from one call to the next.
    pub(super) fn remember(&mut self, request: Remembered, now: Instant, until: Instant) {
        let Remembered {
            expectation,
            trace,
            transaction,
            declined,
        } = request;
        let was_declined = declined.is_some();
        let slot = Slot {
            previous: NONE,
            next: NONE,
            until,
            given_up: now,
            used: Some(Used {
                expectation,
                trace,
                transaction: Some(transaction),
                money: declined,
                reply: None,
                copies: Vec::new(),
            }),
        };
        let id = self.place(slot);
        let queue = if was_declined {
            &mut self.declined
        } else {
            &mut self.late
        };
        queue.push(&mut self.slots, id);
    }

    /// The oldest open request.
    pub(super) fn oldest(&self) -> Option<SlotId> {
        (self.open.head != NONE).then_some(SlotId(self.open.head))
    }

    /// The oldest open request, if its time has passed.
    pub(super) fn overdue(&self, now: Instant) -> Option<SlotId> {
        self.oldest()
            .filter(|_| self.next_deadline().is_some_and(|deadline| deadline <= now))
    }

    /// Does a remembered request still have this number?
    pub(super) fn remembers(&self, stan: Stan) -> bool {
        self.fields.stan
            && self
                .index
                .find(self.hashes.stan(stan), |slot| self.has_stan(*slot, stan))
                .is_some()
    }

    /// Forgets one request that was remembered long enough; gives its trace number.
    pub(super) fn forget(&mut self, now: Instant) -> Option<Stan> {
        let is_over = |id: u32| self.slot(id).is_some_and(|slot| slot.until <= now);
        let id = if is_over(self.late.head) {
            let id = self.late.head;
            self.late.remove(&mut self.slots, id);
            id
        } else if is_over(self.declined.head) {
            let id = self.declined.head;
            self.declined.remove(&mut self.slots, id);
            id
        } else {
            return None;
        };
        self.vacate(id)
    }

    /// Frees a slot that hangs in no list any more; gives its trace number.
    fn vacate(&mut self, id: u32) -> Option<Stan> {
        self.remove_from_index(id);
        self.free.push(id);
        let used = self.slots.get_mut(id as usize)?.used.take()?;
        Some(used.expectation.stan)
    }

    /// Forgets everything that is remembered. Nothing may be open.
    pub(super) fn clear(&mut self) {
        debug_assert_eq!(
            self.open.length, 0,
            "open requests must be answered, not forgotten"
        );
        self.slots.clear();
        self.free.clear();
        self.index.clear();
        self.open = Queue::EMPTY;
        self.late = Queue::EMPTY;
        self.declined = Queue::EMPTY;
    }

    /// For [`PlantedBug::StanNotMatched`] alone.
    fn open_with_key_of(&self, answer: &View<'_>) -> Option<u32> {
        let slots = self.slots.iter().enumerate();
        let mut open = slots.filter_map(|(id, slot)| Some((id as u32, slot.used.as_ref()?)));
        open.find(|(_, used)| {
            used.reply.is_some() && used.expectation.key.agrees(answer, &self.fields).is_ok()
        })
        .map(|(id, _)| id)
    }

    fn slot(&self, id: u32) -> Option<&Slot<R>> {
        self.slots.get(id as usize)
    }

    fn used(&self, id: u32) -> Option<&Used<R>> {
        self.slot(id)?.used.as_ref()
    }

    fn is_declined(&self, id: u32) -> bool {
        self.used(id)
            .is_some_and(|used| used.reply.is_none() && used.money.is_some())
    }

    fn has_stan(&self, id: u32, stan: Stan) -> bool {
        self.used(id)
            .is_some_and(|used| used.expectation.stan == stan)
    }

    /// The request with this key that is answered by this message type.
    fn with_key(&self, key: &Key, answer: Mti) -> Option<&u32> {
        self.index.find(self.hashes.key(key), |slot| {
            self.slot_has_key(*slot, key)
                && self
                    .used(*slot)
                    .is_some_and(|used| used.expectation.mti == answer)
        })
    }

    fn slot_has_key(&self, id: u32, key: &Key) -> bool {
        self.used(id)
            .is_some_and(|used| used.expectation.key.bytes() == key.bytes())
    }

    fn remove_from_index(&mut self, id: u32) {
        let Some(hash) = self.used(id).map(|used| self.hashes.of(&used.expectation)) else {
            return;
        };
        if let Ok(entry) = self.index.find_entry(hash, |indexed| *indexed == id) {
            entry.remove();
        }
    }
}

impl Hashes {
    fn of(&self, expectation: &Expectation) -> u64 {
        if self.by_stan {
            self.stan(expectation.stan)
        } else {
            self.key(&expectation.key)
        }
    }

    fn stan(&self, stan: Stan) -> u64 {
        self.builder.hash_one(stan.get())
    }

    fn key(&self, key: &Key) -> u64 {
        self.builder.hash_one(key.bytes())
    }
}

impl Queue {
    const EMPTY: Queue = Queue {
        head: NONE,
        tail: NONE,
        length: 0,
    };

    fn push<R>(&mut self, slots: &mut [Slot<R>], id: u32) {
        if let Some(slot) = slots.get_mut(id as usize) {
            slot.previous = self.tail;
            slot.next = NONE;
        }
        match slots.get_mut(self.tail as usize) {
            Some(tail) => tail.next = id,
            None => self.head = id,
        }
        self.tail = id;
        self.length += 1;
    }

    /// The slot must be in this queue.
    fn remove<R>(&mut self, slots: &mut [Slot<R>], id: u32) {
        let Some((previous, next)) = slots
            .get(id as usize)
            .map(|slot| (slot.previous, slot.next))
        else {
            return;
        };
        match slots.get_mut(previous as usize) {
            Some(previous) => previous.next = next,
            None => self.head = next,
        }
        match slots.get_mut(next as usize) {
            Some(following) => following.previous = previous,
            None => self.tail = previous,
        }
        self.length -= 1;
    }
}
