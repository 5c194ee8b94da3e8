//! Sets of field numbers, as a bitmap announces them.

use core::fmt;

/// A set of field numbers 1..=192, as up to three bitmaps announce them.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct FieldSet([u64; 3]);

impl FieldSet {
    /// The highest number a field can have: the last bit of a third bitmap.
    pub const NUMBER_MAX: u8 = 192;

    /// No field.
    pub const EMPTY: FieldSet = FieldSet([0; 3]);

    /// The set whose word w has bit b for field 64 w + b + 1: one word for each bitmap.
    #[must_use]
    pub const fn from_words(words: [u64; 3]) -> FieldSet {
        FieldSet(words)
    }

    /// The set of these fields; numbers outside 1..=192 are not taken.
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

    /// One word for each bitmap: bit b of word w stands for field 64 w + b + 1.
    #[must_use]
    #[inline]
    pub const fn words(self) -> [u64; 3] {
        self.0
    }

    /// The set of one field; of none for a number outside 1..=192.
    const fn one(number: u8) -> FieldSet {
        FieldSet(match number {
            1..=64 => [1 << (number - 1), 0, 0],
            65..=128 => [0, 1 << (number - 65), 0],
            129..=192 => [0, 0, 1 << (number - 129)],
            _ => [0; 3],
        })
    }

    /// This set and the field.
    #[must_use]
    pub const fn with(self, number: u8) -> FieldSet {
        self.union(FieldSet::one(number))
    }

    /// This set without the field.
    #[must_use]
    pub const fn without(self, number: u8) -> FieldSet {
        self.difference(FieldSet::one(number))
    }

    /// Is the field in the set?
    #[must_use]
    #[inline]
    pub const fn contains(self, number: u8) -> bool {
        let [low, middle, high] = self.0;
        match number {
            1..=64 => low >> (number - 1) & 1 != 0,
            65..=128 => middle >> (number - 65) & 1 != 0,
            129..=192 => high >> (number - 129) & 1 != 0,
            _ => false,
        }
    }

    /// Adds a field; numbers outside 1..=192 are not taken.
    pub const fn insert(&mut self, number: u8) {
        *self = self.with(number);
    }

    /// Takes a field out.
    pub const fn remove(&mut self, number: u8) {
        *self = self.without(number);
    }

    /// The fields in either set.
    #[must_use]
    #[inline]
    pub const fn union(self, other: FieldSet) -> FieldSet {
        let ([a, b, c], [d, e, f]) = (self.0, other.0);
        FieldSet([a | d, b | e, c | f])
    }

    /// The fields in both sets.
    #[must_use]
    #[inline]
    pub const fn intersection(self, other: FieldSet) -> FieldSet {
        let ([a, b, c], [d, e, f]) = (self.0, other.0);
        FieldSet([a & d, b & e, c & f])
    }

    /// The fields of this set that are not in the other.
    #[must_use]
    #[inline]
    pub const fn difference(self, other: FieldSet) -> FieldSet {
        let ([a, b, c], [d, e, f]) = (self.0, other.0);
        FieldSet([a & !d, b & !e, c & !f])
    }

    /// No field at all?
    #[must_use]
    #[inline]
    pub const fn is_empty(self) -> bool {
        let [low, middle, high] = self.0;
        low | middle | high == 0
    }

    /// How many fields.
    #[must_use]
    pub const fn len(self) -> usize {
        let [low, middle, high] = self.0;
        (low.count_ones() + middle.count_ones() + high.count_ones()) as usize
    }

    /// The lowest field.
    #[must_use]
    pub const fn first(self) -> Option<u8> {
        self.next_after(0)
    }

    /// The highest field.
    #[must_use]
    pub const fn last(self) -> Option<u8> {
        let [low, middle, high] = self.0;
        if high != 0 {
            Some(192 - high.leading_zeros() as u8)
        } else if middle != 0 {
            Some(128 - middle.leading_zeros() as u8)
        } else if low != 0 {
            Some(64 - low.leading_zeros() as u8)
        } else {
            None
        }
    }

    /// How many fields of the set are below `number`: the place of a field of the set among them.
    #[must_use]
    #[inline]
    pub const fn rank(self, number: u8) -> usize {
        let [low, middle, high] = self.0;
        let count = match number {
            0 => 0,
            1..=64 => (low & below(number)).count_ones(),
            65..=128 => low.count_ones() + (middle & below(number - 64)).count_ones(),
            129..=192 => {
                let lower = low.count_ones() + middle.count_ones();
                lower + (high & below(number - 128)).count_ones()
            }
            _ => return self.len(),
        };
        count as usize
    }

    /// The lowest field above `number`.
    #[must_use]
    #[inline]
    pub const fn next_after(self, number: u8) -> Option<u8> {
        let [low, middle, high] = self.0;
        let (low, middle, high) = match number {
            0..64 => (low & (u64::MAX << number), middle, high),
            64..128 => (0, middle & (u64::MAX << (number - 64)), high),
            128..192 => (0, 0, high & (u64::MAX << (number - 128))),
            _ => return None,
        };
        if low != 0 {
            Some(low.trailing_zeros() as u8 + 1)
        } else if middle != 0 {
            Some(middle.trailing_zeros() as u8 + 65)
        } else if high != 0 {
            Some(high.trailing_zeros() as u8 + 129)
        } else {
            None
        }
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

/// The bits of a word that stand for fields below the `number`-th, which is 1 to 64.
const fn below(number: u8) -> u64 {
    (1 << (number - 1)) - 1
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
        let set = FieldSet::of(&[2, 64, 65, 128, 129, 192, 0, 193]);
        assert_eq!(set.iter().collect::<Vec<_>>(), [2, 64, 65, 128, 129, 192]);
        assert_eq!(set.words(), [1 << 1 | 1 << 63, 1 | 1 << 63, 1 | 1 << 63]);
        assert_eq!(FieldSet::from_words(set.words()), set);
        assert_eq!(
            (set.first(), set.last(), set.len()),
            (Some(2), Some(192), 6)
        );
        assert!(!set.contains(0) && !set.contains(193) && set.contains(128));
        assert_eq!(
            (FieldSet::EMPTY.first(), FieldSet::EMPTY.last()),
            (None, None)
        );
    }

    /// Against a plain list of numbers, for sets of every density and every number.
    #[test]
    fn a_field_set_is_what_a_sorted_list_is() {
        for stride in 1..=97_u8 {
            for first in 1..=stride {
                let numbers: Vec<u8> = (first..=FieldSet::NUMBER_MAX)
                    .step_by(usize::from(stride))
                    .collect();
                let set = FieldSet::of(&numbers);
                assert_eq!(set.iter().collect::<Vec<_>>(), numbers);
                assert_eq!(
                    (set.last(), set.len()),
                    (numbers.last().copied(), numbers.len())
                );
                for number in 0..=u8::MAX {
                    let below = numbers.iter().filter(|other| **other < number).count();
                    let next = numbers.iter().find(|other| **other > number).copied();
                    assert_eq!(set.rank(number), below);
                    assert_eq!(set.next_after(number), next);
                    assert_eq!(set.contains(number), numbers.contains(&number));
                    let without = set.without(number);
                    assert_eq!(
                        without.len(),
                        numbers.len() - usize::from(set.contains(number))
                    );
                    if (1..=FieldSet::NUMBER_MAX).contains(&number) {
                        assert_eq!(without.with(number), set.with(number));
                    } else {
                        assert_eq!(set.with(number), set);
                    }
                }
            }
        }
    }
}
