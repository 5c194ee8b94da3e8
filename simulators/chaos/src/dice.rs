//! Chance that can be had again: a stream of numbers from a seed.

use std::time::Duration;

/// A stream of well-mixed numbers (splitmix64).
#[derive(Clone, Debug)]
pub(crate) struct Dice {
    state: u64,
}

impl Dice {
    /// The stream that somebody has of its own; the same seed and the same number give the same stream.
    pub(crate) fn new(seed: u64, stream: u64) -> Self {
        let mut dice = Dice { state: seed };
        let state = dice.next() ^ stream.wrapping_mul(0xD6E8_FEB8_6659_FD93);
        Dice { state }
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A fraction, 0 included, 1 not: 53 bits.
    pub(crate) fn fraction(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    pub(crate) fn chance(&mut self, probability: f64) -> bool {
        self.fraction() < probability
    }

    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit.max(1)
    }

    pub(crate) fn between(&mut self, low: Duration, high: Duration) -> Duration {
        low + high.saturating_sub(low).mul_f64(self.fraction())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_is_the_same_again_and_another_is_not() {
        let numbers = |seed, stream| {
            let mut dice = Dice::new(seed, stream);
            [dice.next(), dice.next(), dice.next()]
        };
        assert_eq!(numbers(1, 2), numbers(1, 2));
        assert_ne!(numbers(1, 2), numbers(1, 3));
        assert_ne!(numbers(1, 2), numbers(2, 2));
    }

    #[test]
    fn chances_are_what_they_say() {
        let mut dice = Dice::new(0, 0);
        let taken = (0..10_000).filter(|_| dice.chance(0.25)).count();
        assert!((2_300..2_700).contains(&taken), "{taken} of 10000");
        let (low, high) = (Duration::from_millis(10), Duration::from_millis(20));
        assert!((0..1_000).all(|_| (low..high).contains(&dice.between(low, high))));
    }
}
