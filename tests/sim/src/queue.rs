//! What is going to happen, in the order of time; at the same time, in the order of planning.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use pointsman_engine::Instant;

#[derive(Debug)]
pub(crate) struct Queue<E> {
    events: BinaryHeap<Reverse<Planned<E>>>,
    planned: u64,
}

#[derive(Debug)]
struct Planned<E> {
    at: Instant,
    sequence: u64,
    event: E,
}

impl<E> Queue<E> {
    pub(crate) fn new() -> Queue<E> {
        Queue {
            events: BinaryHeap::new(),
            planned: 0,
        }
    }

    pub(crate) fn push(&mut self, at: Instant, event: E) {
        self.planned += 1;
        self.events.push(Reverse(Planned {
            at,
            sequence: self.planned,
            event,
        }));
    }

    pub(crate) fn pop(&mut self) -> Option<(Instant, E)> {
        self.events
            .pop()
            .map(|Reverse(planned)| (planned.at, planned.event))
    }
}

impl<E> PartialEq for Planned<E> {
    fn eq(&self, other: &Self) -> bool {
        (self.at, self.sequence) == (other.at, other.sequence)
    }
}

impl<E> Eq for Planned<E> {}

impl<E> PartialOrd for Planned<E> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl<E> Ord for Planned<E> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.sequence).cmp(&(other.at, other.sequence))
    }
}
