//! The link's own trace numbers: given out in sequence, and not again while an answer to the last use could come.

use alloc::collections::VecDeque;
use alloc::vec;
use alloc::vec::Vec;
use core::ops::RangeInclusive;

use pointsman_iso8583::Stan;

use crate::Instant;

/// One bit for each number of the range, and the queue of those that rest.
#[derive(Debug)]
pub(super) struct StanPool {
    first: u32,
    count: u32,
    /// Bit set: in use, or resting.
    busy: Vec<u64>,
    busy_count: u32,
    /// Where the search for the next free one starts, as an offset from `first`.
    cursor: u32,
    /// Resting numbers with the time at which they are free. All rest equally long, so the queue is in order.
    resting: VecDeque<(Instant, Stan)>,
    /// The same for those that rest longer than the others.
    doubtful: VecDeque<(Instant, Stan)>,
}

/// Numbers that a power cut may have made a journal forget that is synced once a second only.
pub(super) const FORGOTTEN_MAX: u32 = 2_000;

impl StanPool {
    /// The part of the range that field 11 can hold; all of it if that is empty. With a seed it begins somewhere, and at
    /// another time somewhere else: a late answer to a link's last run must not find a request of this one. Where records
    /// say how far that run came, it goes on there ([`StanPool::go_on_after`]).
    pub(super) fn new(range: &RangeInclusive<u32>, seed: Option<u64>, now: Instant) -> StanPool {
        let first = (*range.start()).max(1);
        let last = (*range.end()).min(Stan::MAX);
        let (first, last) = if first <= last {
            (first, last)
        } else {
            (1, Stan::MAX)
        };
        let count = last - first + 1;
        StanPool {
            first,
            count,
            busy: vec![0; count.div_ceil(64) as usize],
            busy_count: 0,
            cursor: seed.map_or(0, |seed| (mixed(seed, now) % u64::from(count)) as u32),
            resting: VecDeque::new(),
            doubtful: VecDeque::new(),
        }
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.count as usize
    }

    /// How many are in use or resting.
    pub(super) fn busy(&self) -> usize {
        self.busy_count as usize
    }

    /// Is there more than one free number?
    pub(super) fn has_spare(&self) -> bool {
        self.busy_count + 1 < self.count
    }

    /// The next free number, which is then in use.
    pub(super) fn take(&mut self) -> Option<Stan> {
        let offset = self.free_from(self.cursor)?;
        self.cursor = (offset + 1) % self.count;
        self.set(offset, true);
        Stan::new(self.first + offset)
    }

    /// The next free number is one that comes after this, and after those that may have been given since.
    pub(super) fn go_on_after(&mut self, stan: Stan) {
        if let Some(offset) = self.offset(stan) {
            self.cursor = (offset + 1 + FORGOTTEN_MAX) % self.count;
        }
    }

    /// A number for a message that is matched on its own, apart from requests: the next free one, but not reserved, and
    /// a busy one rather than none.
    pub(super) fn borrow(&mut self) -> Option<Stan> {
        let offset = self.free_from(self.cursor).unwrap_or(self.cursor);
        self.cursor = (offset + 1) % self.count;
        Stan::new(self.first + offset)
    }

    /// The number's request was answered: free again at `until`.
    pub(super) fn rest(&mut self, stan: Stan, until: Instant) {
        self.resting.push_back((until, stan));
    }

    /// The number may be in doubt at the bank since before this link was there: nobody gets it until `until`.
    pub(super) fn doubt(&mut self, stan: Stan, until: Instant) {
        if let Some(offset) = self.offset(stan) {
            self.set(offset, true);
            self.doubtful.push_back((until, stan));
        }
    }

    /// It is in use again.
    pub(super) fn doubt_no_more(&mut self, stan: Stan) {
        self.doubtful.retain(|(_, doubtful)| *doubtful != stan);
        self.reserve(stan);
    }

    /// It was answered before this link was there: the same rest as after [`StanPool::rest`].
    pub(super) fn rest_again(&mut self, stan: Stan, until: Instant) {
        self.reserve(stan);
        self.rest(stan, until);
    }

    /// Frees the number now.
    pub(super) fn release(&mut self, stan: Stan) {
        if let Some(offset) = self.offset(stan) {
            self.set(offset, false);
        }
    }

    /// Frees those that have rested enough, but not those that are held for something else by now.
    pub(super) fn wake(&mut self, now: Instant, is_held: impl Fn(Stan) -> bool) {
        while let Some(stan) =
            rested(&mut self.resting, now).or_else(|| rested(&mut self.doubtful, now))
        {
            if !is_held(stan) {
                self.release(stan);
            }
        }
    }

    /// Takes this number out of what may be given: something in the journal goes by it.
    pub(super) fn reserve(&mut self, stan: Stan) {
        if let Some(offset) = self.offset(stan) {
            self.set(offset, true);
        }
    }

    pub(super) fn is_busy(&self, stan: Stan) -> bool {
        self.offset(stan)
            .is_some_and(|offset| self.word(offset) >> (offset % 64) & 1 == 1)
    }

    pub(super) fn clear(&mut self) {
        self.busy.fill(0);
        self.busy_count = 0;
        self.resting.clear();
        self.doubtful.clear();
    }

    /// The first free offset from `start` on, around the end once. 64 numbers at a step: with a million busy ones the
    /// search takes some microseconds, and it is not begun when none is free.
    fn free_from(&self, start: u32) -> Option<u32> {
        if self.busy_count >= self.count {
            return None;
        }
        let words = self.busy.len() as u32;
        for step in 0..=words {
            let word_index = (start / 64 + step) % words;
            let mut free = !self.word(word_index * 64);
            if step == 0 {
                free &= u64::MAX << (start % 64);
            }
            let offset = word_index * 64 + free.trailing_zeros();
            // Bits beyond the range in the last word are never set, hence the second condition.
            if free != 0 && offset < self.count {
                return Some(offset);
            }
        }
        None
    }

    fn word(&self, offset: u32) -> u64 {
        self.busy
            .get(offset as usize / 64)
            .copied()
            .unwrap_or_default()
    }

    fn offset(&self, stan: Stan) -> Option<u32> {
        stan.get()
            .checked_sub(self.first)
            .filter(|offset| *offset < self.count)
    }

    fn set(&mut self, offset: u32, busy: bool) {
        let bit = 1u64 << (offset % 64);
        let Some(word) = self.busy.get_mut(offset as usize / 64) else {
            return;
        };
        if (*word & bit != 0) == busy {
            return;
        }
        *word ^= bit;
        self.busy_count = if busy {
            self.busy_count + 1
        } else {
            self.busy_count - 1
        };
    }
}

fn rested(queue: &mut VecDeque<(Instant, Stan)>, now: Instant) -> Option<Stan> {
    let (until, stan) = *queue.front()?;
    if until > now {
        return None;
    }
    queue.pop_front();
    Some(stan)
}

/// SplitMix64 (Steele, Lea, Flood 2014): seeds and times that are close give numbers that are not.
fn mixed(seed: u64, now: Instant) -> u64 {
    let mut mixed = seed ^ now.as_nanos().wrapping_mul(0x9E37_79B9_7F4A_7C15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use super::*;

    fn numbers(pool: &mut StanPool, count: usize) -> Vec<u32> {
        (0..count)
            .map_while(|_| pool.take())
            .map(Stan::get)
            .collect()
    }

    #[test]
    fn each_start_begins_elsewhere_and_goes_around() {
        let at = |nanos| Instant::from_nanos(nanos);
        let first = |seed, now| StanPool::new(&(1..=999_999), seed, now).take();
        let firsts = [
            first(None, at(5)),
            first(Some(1), at(5)),
            first(Some(2), at(5)),
            first(Some(1), at(6)),
        ];
        for (place, stan) in firsts.iter().enumerate() {
            assert!(!firsts[..place].contains(stan), "{firsts:?}");
        }
        assert_eq!(firsts[0], Stan::new(1));
        for seed in 0..20 {
            let mut pool = StanPool::new(&(500..=509), Some(seed), at(5));
            let mut all = numbers(&mut pool, 99);
            all.sort_unstable();
            assert_eq!(all, (500..=509).collect::<Vec<u32>>());
        }
    }

    #[test]
    fn in_sequence_and_around_the_end() {
        let mut pool = StanPool::new(&(999_990..=999_999), None, Instant::ZERO);
        assert_eq!(
            numbers(&mut pool, 6),
            [999_990, 999_991, 999_992, 999_993, 999_994, 999_995]
        );
        pool.release(Stan::new(999_991).unwrap());
        assert_eq!(
            numbers(&mut pool, 9),
            [999_996, 999_997, 999_998, 999_999, 999_991]
        );
        assert_eq!((pool.busy(), pool.len()), (10, 10));
    }

    #[test]
    fn a_range_that_is_no_multiple_of_64() {
        for count in [1, 2, 63, 64, 65, 127, 128, 130] {
            let mut pool = StanPool::new(&(5..=4 + count), None, Instant::ZERO);
            assert_eq!(numbers(&mut pool, 500).len(), count as usize);
            for _ in 0..3 * count {
                assert_eq!(pool.take(), None);
                let last = Stan::new(4 + count).unwrap();
                pool.release(last);
                assert_eq!(pool.take(), Some(last));
            }
        }
    }

    #[test]
    fn a_number_rests() {
        let mut pool = StanPool::new(&(1..=2), None, Instant::ZERO);
        let at = |seconds| Instant::ZERO + Duration::from_secs(seconds);
        let (one, two) = (pool.take().unwrap(), pool.take().unwrap());
        pool.rest(one, at(10));
        pool.rest(two, at(20));
        pool.wake(at(9), |_| false);
        assert_eq!((pool.take(), pool.is_busy(one)), (None, true));
        pool.wake(at(10), |_| false);
        assert!(!pool.is_busy(one) && pool.is_busy(two));
        assert_eq!((pool.take(), pool.take()), (Some(one), None));
        pool.wake(at(20), |_| false);
        assert_eq!(pool.take(), Some(two));
    }

    #[test]
    fn borrowing_reserves_nothing_and_always_works() {
        let mut pool = StanPool::new(&(1..=3), None, Instant::ZERO);
        assert_eq!(pool.borrow().map(Stan::get), Some(1));
        assert_eq!(pool.busy(), 0);
        assert_eq!(numbers(&mut pool, 9), [2, 3, 1]);
        assert!(pool.borrow().is_some());
        assert_eq!(pool.busy(), 3);
    }

    #[test]
    fn nonsense_ranges_become_the_whole_one() {
        #[expect(clippy::reversed_empty_ranges, reason = "the nonsense in question")]
        for range in [0..=0, 9..=3, 1_000_000..=2_000_000] {
            assert_eq!(
                StanPool::new(&range, None, Instant::ZERO).len(),
                999_999,
                "{range:?}"
            );
        }
        assert_eq!(
            StanPool::new(&(0..=u32::MAX), None, Instant::ZERO).len(),
            999_999
        );
    }
}
