//! Where the elements of a message begin: enough to find any of them, in few bytes.
//!
//! A view is made for every message, and what it is made of must be written first. Fields up to 64 are what nearly every
//! message has, and what is read of it: their places are found by their number. Those above are few where there are any,
//! so they are kept in their order, and only every eighth of them if they are many.

/// As many places of elements above 64 are kept; one more than there may be elements for each to be kept, for the end of
/// the last.
pub(crate) const UPPER_KEPT: usize = 16;

/// One for each field up to 64, and one for their end.
pub(crate) const LOWER_KEPT: usize = 65;

/// Of more elements, one in so many is kept.
const STRIDE: usize = 8;

/// The places of the elements of a message.
#[derive(Clone)]
pub(crate) struct Places {
    /// Where field n begins, at n − 1; behind them, where the fields up to 64 end. So a place is found by the count of the
    /// zeros below a bit, which is 64 where there is no bit.
    lower: [u16; LOWER_KEPT],
    /// Where those above begin, in their order.
    upper: [u16; UPPER_KEPT],
    upper_count: u8,
    sparse: bool,
    end: u16,
}

/// Where an element begins, as far as that is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    At(usize),
    /// So many elements further than one that is kept, whose own rank is given.
    Behind {
        rank: usize,
        offset: usize,
        steps: usize,
    },
}

impl Places {
    #[inline(always)]
    pub(crate) fn empty() -> Places {
        Places {
            lower: [0; LOWER_KEPT],
            upper: [0; UPPER_KEPT],
            upper_count: 0,
            sparse: false,
            end: 0,
        }
    }

    /// Where the fast path notes the beginning of field n, at n − 1.
    #[inline(always)]
    pub(crate) fn lower(&mut self) -> &mut [u16; LOWER_KEPT] {
        &mut self.lower
    }

    /// The fast path has come to the end of the fields up to 64.
    #[inline(always)]
    pub(crate) fn end_lower(&mut self, end: usize) {
        let [.., lower_end] = &mut self.lower;
        *lower_end = narrow(end);
        self.end = *lower_end;
    }

    /// Where the fast path notes the beginning of each element above 64, and behind the last the end of the message.
    #[inline(always)]
    pub(crate) fn upper(&mut self) -> &mut [u16; UPPER_KEPT] {
        &mut self.upper
    }

    /// The fast path has noted so many elements above 64, which end here.
    #[inline(always)]
    pub(crate) fn end_upper(&mut self, count: usize, end: usize) {
        self.upper_count = count as u8;
        self.end = narrow(end);
    }

    /// There is no element yet; the first will begin here.
    pub(crate) fn begin(&mut self, offset: usize) {
        *self = Places::empty();
        self.end_lower(offset);
    }

    /// Takes up an element, behind all others.
    pub(crate) fn push(&mut self, number: u8, start: usize, end: usize) {
        if number <= 64 {
            if let Some(place) = self.lower.get_mut(usize::from(number.saturating_sub(1))) {
                *place = narrow(start);
            }
            self.end_lower(end);
            return;
        }
        let rank = usize::from(self.upper_count);
        self.end_upper(rank + 1, end);
        if !self.sparse && rank + 1 == UPPER_KEPT {
            self.thin_out();
        }
        if !self.sparse {
            self.keep(rank, narrow(start));
            self.keep(rank + 1, narrow(end));
        } else if rank.is_multiple_of(STRIDE) {
            self.keep(rank / STRIDE, narrow(start));
        }
    }

    fn thin_out(&mut self) {
        self.sparse = true;
        for place in 0..UPPER_KEPT / STRIDE {
            let start = self.upper.get(place * STRIDE).copied();
            self.keep(place, start.unwrap_or_default());
        }
    }

    fn keep(&mut self, place: usize, offset: u16) {
        if let Some(kept) = self.upper.get_mut(place) {
            *kept = offset;
        }
    }

    /// Where the field that the lowest of these bits stands for begins, bit n − 1 for field n; without any, where the
    /// fields up to 64 end.
    #[inline(always)]
    pub(crate) fn of_lower(&self, bits: u64) -> usize {
        let kept = self.lower.get(bits.trailing_zeros() as usize);
        usize::from(kept.copied().unwrap_or_default())
    }

    /// Where the element above 64 of this rank begins; behind the last, where that one ends.
    #[inline(always)]
    pub(crate) fn of_upper(&self, rank: usize) -> Place {
        if self.sparse {
            return self.sparse_of(rank);
        }
        if rank >= usize::from(self.upper_count) {
            return Place::At(self.end());
        }
        Place::At(usize::from(
            self.upper.get(rank).copied().unwrap_or_default(),
        ))
    }

    #[cold]
    fn sparse_of(&self, rank: usize) -> Place {
        if rank >= usize::from(self.upper_count) {
            return Place::At(self.end());
        }
        let kept = self.upper.get(rank / STRIDE).copied();
        Place::Behind {
            rank: rank - rank % STRIDE,
            offset: usize::from(kept.unwrap_or_default()),
            steps: rank % STRIDE,
        }
    }

    /// Where the last element ends.
    pub(crate) fn end(&self) -> usize {
        usize::from(self.end)
    }
}

/// Offsets fit: [`crate::MESSAGE_BYTES_MAX`] was checked before any is made.
#[inline(always)]
fn narrow(offset: usize) -> u16 {
    offset as u16
}

#[cfg(test)]
mod tests {
    use super::*;

    /// However many elements there are, each is found at most seven steps behind one that is kept.
    #[test]
    fn every_place_is_found() {
        for count in 0..=128_usize {
            let mut places = Places::empty();
            places.begin(20);
            places.push(2, 20, 25);
            places.push(63, 25, 30);
            let starts: Vec<usize> = (0..=count).map(|rank| 30 + rank * 7).collect();
            for (number, element) in (65..).zip(starts.windows(2)) {
                places.push(number, element[0], element[1]);
            }
            for (rank, start) in starts.iter().enumerate() {
                let found = match places.of_upper(rank) {
                    Place::At(offset) => offset,
                    Place::Behind {
                        rank: kept,
                        offset,
                        steps,
                    } => {
                        assert!(count >= UPPER_KEPT && steps < STRIDE && kept + steps == rank);
                        offset + steps * 7
                    }
                };
                assert_eq!(found, *start, "{rank} of {count}");
            }
            assert_eq!(places.end(), starts[count]);
            assert_eq!(places.of_lower(1 << 1 | 1 << 62), 20);
            assert_eq!(places.of_lower(1 << 62), 25);
            assert_eq!(places.of_lower(0), 30);
        }
    }
}
