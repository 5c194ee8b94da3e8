//! What names a transaction for ever, and what is kept of it that holds card data.

use core::fmt;

use bytes::Bytes;
use zeroize::Zeroize;

/// Names a transaction in the journal: unique over all links and all lives of a switch, and growing within one link's
/// life. The driver gives each link a range of its own ([`TransactionIds`]).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TransactionId(u64);

impl TransactionId {
    #[must_use]
    pub const fn from_raw(number: u64) -> TransactionId {
        TransactionId(number)
    }

    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }
}

impl fmt::Display for TransactionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// The names that one link may give in one life of the switch.
#[derive(Clone, Debug, Default)]
pub struct TransactionIds {
    next: u64,
    end: u64,
}

/// Of 64 bits: the life of the switch, the link, and the link's own count. A million lives, 4,096 links, and 49 days of
/// a thousand transactions a second in each life; beyond it a link declines.
const COUNT_BITS: u32 = 32;
const LINK_BITS: u32 = 12;

impl TransactionIds {
    /// The names of a link, counted from zero, in a life of the switch, counted from one.
    #[must_use]
    pub const fn new(life: u32, link: u16) -> TransactionIds {
        let link = (link as u64) & ((1 << LINK_BITS) - 1);
        let first = (life as u64) << (COUNT_BITS + LINK_BITS) | link << COUNT_BITS;
        TransactionIds {
            next: first,
            end: first + (1 << COUNT_BITS),
        }
    }

    pub(crate) fn take(&mut self) -> Option<TransactionId> {
        let id = (self.next < self.end).then_some(TransactionId(self.next))?;
        self.next += 1;
        Some(id)
    }
}

/// A message that holds card data: its bytes are wiped when nobody else shares them, and `Debug` shows their length.
/// Those that share a read buffer with their neighbours are overwritten when the buffer is used again.
#[derive(Clone, PartialEq, Eq)]
pub struct CardMessage(Bytes);

impl CardMessage {
    #[must_use]
    pub fn new(bytes: Bytes) -> CardMessage {
        CardMessage(bytes)
    }

    /// The bytes in clear, for who must have them.
    #[must_use]
    pub fn expose(&self) -> &Bytes {
        &self.0
    }
}

impl Drop for CardMessage {
    fn drop(&mut self) {
        if let Ok(mut bytes) = core::mem::take(&mut self.0).try_into_mut() {
            bytes.as_mut().zeroize();
        }
    }
}

impl fmt::Debug for CardMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CardMessage({} bytes)", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_never_given_twice() {
        let mut ids = TransactionIds::new(3, 7);
        let (first, second) = (ids.take().unwrap(), ids.take().unwrap());
        assert!(first < second);
        assert!(TransactionIds::new(3, 8).take().unwrap() > second);
        assert!(TransactionIds::new(4, 0).take().unwrap() > second);
        assert_ne!(TransactionIds::new(4, 7).take(), Some(first));
    }

    #[test]
    fn they_end_with_their_range() {
        let mut ids = TransactionIds::new(1, 0);
        ids.next = ids.end - 1;
        assert!(ids.take().is_some());
        assert_eq!(ids.take(), None);
        assert_eq!(TransactionIds::default().take(), None);
    }
}
