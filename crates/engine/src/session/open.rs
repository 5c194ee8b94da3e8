//! The requests that a session has not answered.

use alloc::vec::Vec;
use core::fmt;

use pointsman_iso8583::Mti;

use crate::{CardMessage, Instant, LinkId, Nature, Ticket};

/// A request that waits for its answer.
pub(super) struct Open {
    pub(super) link: LinkId,
    pub(super) mti: Mti,
    pub(super) nature: Nature,
    pub(super) accepted: Instant,
    /// What the framing took off; goes back with the answer.
    pub(super) transport: Option<[u8; 5]>,
    /// The request as the terminal sent it: its own fields are given back from here.
    pub(super) frame: CardMessage,
}

/// A slab of open requests.
#[derive(Default)]
pub(super) struct OpenTable {
    slots: Vec<Slot>,
    free: Vec<u32>,
}

struct Slot {
    /// How often the slot was used before: what makes tickets differ.
    generation: u32,
    open: Option<Open>,
}

impl OpenTable {
    pub(super) fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    pub(super) fn insert(&mut self, open: Open) -> Ticket {
        let id = self.free.pop().unwrap_or_else(|| {
            self.slots.push(Slot {
                generation: 0,
                open: None,
            });
            (self.slots.len() - 1) as u32
        });
        let generation = match self.slots.get_mut(id as usize) {
            Some(slot) => {
                slot.open = Some(open);
                slot.generation
            }
            None => 0,
        };
        Ticket::new(generation, id)
    }

    /// Takes the request out, if the ticket is still its own.
    pub(super) fn remove(&mut self, ticket: Ticket) -> Option<Open> {
        let slot = self.slots.get_mut(ticket.slot())?;
        if slot.generation != ticket.generation() {
            return None;
        }
        let open = slot.open.take()?;
        slot.generation = slot.generation.wrapping_add(1);
        self.free.push(ticket.slot() as u32);
        Some(open)
    }

    /// For a planted bug: a slot that nobody has a ticket for.
    pub(super) fn leak(&mut self) {
        self.slots.push(Slot {
            generation: 0,
            open: None,
        });
    }

    /// For a planted bug: forgets everything.
    pub(super) fn clear(&mut self) {
        self.slots.clear();
        self.free.clear();
    }
}

impl fmt::Debug for OpenTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OpenTable({})", self.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open() -> Open {
        Open {
            link: LinkId(0),
            mti: Mti::literal(b"0200"),
            nature: Nature::Financial,
            accepted: Instant::ZERO,
            transport: None,
            frame: CardMessage::new(bytes::Bytes::new()),
        }
    }

    #[test]
    fn a_ticket_is_good_once() {
        let mut table = OpenTable::default();
        let first = table.insert(open());
        assert!(table.remove(first).is_some());
        assert!(table.remove(first).is_none());
        let second = table.insert(open());
        assert_eq!(first.slot(), second.slot());
        assert!(
            table.remove(first).is_none(),
            "the slot is in use again, the old ticket is not"
        );
        assert_eq!(table.len(), 1);
        assert!(table.remove(second).is_some());
        assert_eq!(table.len(), 0);
    }

    #[test]
    fn slots_are_used_again() {
        let mut table = OpenTable::default();
        for _ in 0..10 {
            let tickets: [Ticket; 3] = core::array::from_fn(|_| table.insert(open()));
            for ticket in tickets {
                assert!(table.remove(ticket).is_some());
            }
        }
        assert_eq!(table.slots.len(), 3);
        assert!(table.remove(Ticket::new(0, 77)).is_none());
    }
}
