//! How long to wait before the next connection attempt, and which address it tries.

use core::time::Duration;

use super::profile::Backoff;
use crate::limits::BACKOFF_DOUBLINGS_MAX;

/// Counts attempts. Never gives up.
#[derive(Debug)]
pub(super) struct Retry {
    /// Attempts since the link last worked.
    failures: u32,
    /// Attempts ever: picks the address.
    attempts: usize,
    /// State of the jitter's generator.
    random: u64,
}

impl Retry {
    pub(super) fn new(seed: u64) -> Retry {
        Retry {
            failures: 0,
            attempts: 0,
            random: seed,
        }
    }

    /// The address of the next attempt: each in turn, the first one first.
    pub(super) fn next_address(&mut self, addresses: usize) -> usize {
        let address = self.attempts % addresses.max(1);
        self.attempts = self.attempts.wrapping_add(1);
        address
    }

    /// The address of the last attempt.
    pub(super) fn last_address(&self, addresses: usize) -> usize {
        self.attempts.wrapping_sub(1) % addresses.max(1)
    }

    /// How often it failed since it last worked.
    pub(super) fn failures(&self) -> u32 {
        self.failures
    }

    pub(super) fn succeeded(&mut self) {
        self.failures = 0;
    }

    /// The pause before the next attempt: doubled with each failure, and of that a random part between half and all.
    /// The lower bound keeps a host that refuses at once from being hammered.
    pub(super) fn failed(&mut self, backoff: Backoff) -> Duration {
        let doublings = self.failures.min(BACKOFF_DOUBLINGS_MAX);
        self.failures = self.failures.saturating_add(1);
        let pause = backoff
            .first
            .saturating_mul(1 << doublings)
            .min(backoff.max);
        let half = u64::try_from(pause.as_nanos() / 2).unwrap_or(u64::MAX / 2);
        Duration::from_nanos(half.saturating_add(self.random() % (half + 1)))
    }

    /// SplitMix64 (Steele, Lea, Flood 2014): one add, three shifts, two multiplications.
    fn random(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.random;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BACKOFF: Backoff = Backoff {
        first: Duration::from_millis(100),
        max: Duration::from_secs(3),
    };

    #[test]
    fn pauses_double_up_to_the_longest() {
        for seed in 0..100 {
            let mut retry = Retry::new(seed);
            for full in [100, 200, 400, 800, 1_600, 3_000, 3_000] {
                let pause = retry.failed(BACKOFF).as_millis();
                assert!(
                    (full / 2..=full).contains(&pause),
                    "seed {seed}: {pause} of {full}"
                );
            }
            for _ in 0..100 {
                assert!(retry.failed(BACKOFF) <= BACKOFF.max);
            }
            retry.succeeded();
            assert!(retry.failed(BACKOFF) <= BACKOFF.first);
        }
    }

    #[test]
    fn pauses_differ_between_seeds_and_agree_within_one() {
        let pauses = |seed| {
            let mut retry = Retry::new(seed);
            core::array::from_fn::<Duration, 5, _>(|_| retry.failed(BACKOFF))
        };
        assert_eq!(pauses(1), pauses(1));
        assert_ne!(pauses(1), pauses(2));
    }

    #[test]
    fn extremes() {
        let mut retry = Retry::new(0);
        let zero = Backoff {
            first: Duration::ZERO,
            max: Duration::ZERO,
        };
        assert_eq!(retry.failed(zero), Duration::ZERO);
        let endless = Backoff {
            first: Duration::MAX,
            max: Duration::MAX,
        };
        for _ in 0..3 {
            assert!(retry.failed(endless) > Duration::from_secs(1));
        }
    }

    #[test]
    fn addresses_take_turns() {
        let mut retry = Retry::new(0);
        let addresses = core::array::from_fn::<usize, 5, _>(|_| retry.next_address(2));
        assert_eq!(addresses, [0, 1, 0, 1, 0]);
        assert_eq!(retry.last_address(2), 0);
        assert_eq!(Retry::new(0).next_address(0), 0);
    }
}
