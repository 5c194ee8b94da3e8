//! Sets of field numbers, as a bitmap announces them.

use core::fmt;

/// A set of field numbers 1..=128; bit n−1 stands for field n.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct FieldSet(u128);

impl FieldSet {
    /// No field.
    pub const EMPTY: FieldSet = FieldSet(0);

    /// The set whose bit n−1 stands for field n.
    #[must_use]
    pub const fn from_bits(bits: u128) -> FieldSet {
        FieldSet(bits)
    }

    /// The set of these fields; numbers outside 1..=128 are not taken.
    #[must_use]
    pub const fn of(numbers: &[u8]) -> FieldSet {
        let mut set = FieldSet::EMPTY;
        let mut rest = numbers;
        while let [first, tail @ ..] = rest {
            set = set.with(*first);
            rest = tail;
        }
        set
    }

    /// Bit n−1 stands for field n.
    #[must_use]
    pub const fn bits(self) -> u128 {
        self.0
    }

    const fn bit(number: u8) -> u128 {
        if number >= 1 && number <= 128 {
            1 << (number - 1)
        } else {
            0
        }
    }

    /// This set and the field.
    #[must_use]
    pub const fn with(self, number: u8) -> FieldSet {
        FieldSet(self.0 | FieldSet::bit(number))
    }

    /// This set without the field.
    #[must_use]
    pub const fn without(self, number: u8) -> FieldSet {
        FieldSet(self.0 & !FieldSet::bit(number))
    }

    /// Is the field in the set?
    #[must_use]
    #[inline]
    pub const fn contains(self, number: u8) -> bool {
        let (low, high) = self.halves();
        match number {
            1..=64 => low >> (number - 1) & 1 != 0,
            65..=128 => high >> (number - 65) & 1 != 0,
            _ => false,
        }
    }

    /// Adds a field; numbers outside 1..=128 are not taken.
    pub const fn insert(&mut self, number: u8) {
        self.0 |= FieldSet::bit(number);
    }

    /// Takes a field out.
    pub const fn remove(&mut self, number: u8) {
        self.0 &= !FieldSet::bit(number);
    }

    /// The fields in either set.
    #[must_use]
    pub const fn union(self, other: FieldSet) -> FieldSet {
        FieldSet(self.0 | other.0)
    }

    /// The fields in both sets.
    #[must_use]
    pub const fn intersection(self, other: FieldSet) -> FieldSet {
        FieldSet(self.0 & other.0)
    }

    /// The fields of this set that are not in the other.
    #[must_use]
    pub const fn difference(self, other: FieldSet) -> FieldSet {
        FieldSet(self.0 & !other.0)
    }

    /// No field at all?
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// How many fields.
    #[must_use]
    pub const fn len(self) -> usize {
        self.0.count_ones() as usize
    }

    /// The lowest field.
    #[must_use]
    pub const fn first(self) -> Option<u8> {
        if self.0 == 0 {
            None
        } else {
            Some(self.0.trailing_zeros() as u8 + 1)
        }
    }

    /// The highest field.
    #[must_use]
    pub const fn last(self) -> Option<u8> {
        if self.0 == 0 {
            None
        } else {
            Some(128 - self.0.leading_zeros() as u8)
        }
    }

    /// The lowest field above `number`.
    #[must_use]
    #[inline]
    pub const fn next_after(self, number: u8) -> Option<u8> {
        // In halves: 64 bits are one instruction where 128 are many.
        let (low, high) = self.halves();
        if number < 64 {
            let above = low & (u64::MAX << number);
            if above != 0 {
                return Some(above.trailing_zeros() as u8 + 1);
            }
            return if high == 0 {
                None
            } else {
                Some(high.trailing_zeros() as u8 + 65)
            };
        }
        if number >= 128 {
            return None;
        }
        let above = high & (u64::MAX << (number - 64));
        if above == 0 {
            None
        } else {
            Some(above.trailing_zeros() as u8 + 65)
        }
    }

    /// Fields 1 to 64, and fields 65 to 128.
    #[inline]
    pub(crate) const fn halves(self) -> (u64, u64) {
        (self.0 as u64, (self.0 >> 64) as u64)
    }

    /// The fields in ascending order.
    #[inline]
    pub fn iter(self) -> impl Iterator<Item = u8> {
        let mut after = 0;
        core::iter::from_fn(move || {
            after = self.next_after(after)?;
            Some(after)
        })
    }
}

impl FromIterator<u8> for FieldSet {
    fn from_iter<I: IntoIterator<Item = u8>>(numbers: I) -> Self {
        numbers.into_iter().fold(FieldSet::EMPTY, FieldSet::with)
    }
}

impl fmt::Debug for FieldSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_set_counts_from_one() {
        let set = FieldSet::of(&[2, 64, 65, 128, 0, 129]);
        assert_eq!(set.iter().collect::<Vec<_>>(), [2, 64, 65, 128]);
        assert_eq!(set.bits(), 1 << 1 | 1 << 63 | 1 << 64 | 1 << 127);
        assert_eq!(
            (set.first(), set.last(), set.len()),
            (Some(2), Some(128), 4)
        );
        assert_eq!(set.next_after(2), Some(64));
        assert_eq!(set.next_after(64), Some(65));
        assert_eq!(set.next_after(128), None);
        assert!(!set.contains(0) && !set.contains(129) && set.contains(128));
        assert_eq!(FieldSet::EMPTY.first(), None);
    }
}
