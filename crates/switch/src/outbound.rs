//! What waits to be written to a bank.
//!
//! The bytes are one stream, so a request that was declined meanwhile cannot be
//! taken out of it any more. Two rules keep it from reaching the bank: while more
//! than [`BYTES_MAX`] wait, no further request is put there, and the age of the
//! oldest byte is known, so that a connection is given up before a request in it
//! has waited longer than its deadline.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::{Buf, BytesMut};
use pointsman_engine::Instant;

/// About a thousand requests; a bank that takes them needs no more to be busy.
const BYTES_MAX: usize = 256 * 1_024;
/// How exactly ages are known: one mark for all that came within this.
const MARK_EVERY: Duration = Duration::from_millis(5);

#[derive(Debug, Default)]
pub(crate) struct Outbound {
    pub(crate) bytes: BytesMut,
    /// Counted from the start of the connection: bytes written so far.
    written: u64,
    /// Where each stretch ends, and when its first byte came. Ascending.
    marks: VecDeque<(u64, Instant)>,
}

impl Outbound {
    pub(crate) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Is there room for more requests?
    pub(crate) fn is_full(&self) -> bool {
        self.bytes.len() > BYTES_MAX
    }

    /// Call after each batch that was put into `bytes` at `now`.
    pub(crate) fn mark(&mut self, now: Instant) {
        let end = self.written + self.bytes.len() as u64;
        match self.marks.back_mut() {
            Some((known, since)) if now.since(*since) <= MARK_EVERY => *known = end,
            Some((known, _)) if *known == end => {}
            _ if self.bytes.is_empty() => {}
            _ => self.marks.push_back((end, now)),
        }
    }

    /// The first `count` bytes have been written.
    pub(crate) fn advance(&mut self, count: usize) {
        self.bytes.advance(count);
        self.written += count as u64;
        while self
            .marks
            .front()
            .is_some_and(|(end, _)| *end <= self.written)
        {
            self.marks.pop_front();
        }
    }

    /// Since when the oldest byte waits.
    pub(crate) fn oldest(&self) -> Option<Instant> {
        self.marks.front().map(|(_, since)| *since)
    }

    /// The connection is gone, and what waited with it.
    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(milliseconds: u64) -> Instant {
        Instant::from_nanos(milliseconds * 1_000_000)
    }

    fn put(outbound: &mut Outbound, count: usize, now: u64) {
        outbound.bytes.extend_from_slice(&vec![0; count]);
        outbound.mark(at(now));
    }

    #[test]
    fn the_oldest_byte_is_known_as_bytes_are_written() {
        let mut outbound = Outbound::default();
        assert_eq!(outbound.oldest(), None);
        put(&mut outbound, 100, 10);
        put(&mut outbound, 100, 12);
        put(&mut outbound, 100, 500);
        assert_eq!(outbound.oldest(), Some(at(10)));
        outbound.advance(199);
        assert_eq!(outbound.oldest(), Some(at(10)));
        outbound.advance(1);
        assert_eq!(outbound.oldest(), Some(at(500)));
        outbound.advance(100);
        assert!(outbound.is_empty());
        assert_eq!(outbound.oldest(), None);
        put(&mut outbound, 1, 900);
        assert_eq!(outbound.oldest(), Some(at(900)));
    }

    #[test]
    fn a_batch_without_bytes_leaves_no_mark() {
        let mut outbound = Outbound::default();
        outbound.mark(at(1));
        assert_eq!(outbound.oldest(), None);
        put(&mut outbound, 10, 1);
        outbound.mark(at(100));
        outbound.advance(10);
        assert_eq!(outbound.oldest(), None);
    }

    #[test]
    fn it_is_full_beyond_its_limit_and_takes_more_once_written() {
        let mut outbound = Outbound::default();
        put(&mut outbound, BYTES_MAX, 0);
        assert!(!outbound.is_full());
        put(&mut outbound, 1, 0);
        assert!(outbound.is_full());
        outbound.advance(1);
        assert!(!outbound.is_full());
    }

    #[test]
    fn nothing_is_left_of_a_connection_that_is_gone() {
        let mut outbound = Outbound::default();
        put(&mut outbound, 10, 7);
        outbound.clear();
        assert!(outbound.is_empty());
        assert_eq!(outbound.oldest(), None);
    }
}
