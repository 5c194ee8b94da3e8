//! Patterns that nest and overlap, resolved once into sorted intervals that do neither.

use alloc::boxed::Box;
use alloc::collections::BTreeSet;
use alloc::vec::Vec;

/// One pattern on the number line.
#[derive(Clone, Copy)]
pub(crate) struct Span<L> {
    pub(crate) low: u64,
    pub(crate) high: u64,
    pub(crate) link: L,
}

/// The whole number line cut into pieces: piece `i` reaches from `starts[i]` to just before `starts[i + 1]`, the last
/// one to infinity, and belongs to `owners[i]` or to nobody. `starts[0]` is 0.
#[derive(Clone, Debug)]
pub(crate) struct Intervals<L> {
    starts: Box<[u64]>,
    owners: Box<[Option<L>]>,
}

impl<L: Copy + PartialEq> Intervals<L> {
    /// `spans` in the order of precedence: where two overlap, the earlier one owns the place.
    pub(crate) fn resolve(spans: &[Span<L>]) -> Self {
        // Walk over all the places where a span begins or has just ended, keeping the set of those open there. The
        // smallest index in it has precedence.
        let mut begins: Vec<(u64, usize)> = spans
            .iter()
            .enumerate()
            .map(|(i, span)| (span.low, i))
            .collect();
        let mut ends: Vec<(u64, usize)> = spans
            .iter()
            .enumerate()
            .map(|(i, span)| (span.high + 1, i))
            .collect();
        begins.sort_unstable();
        ends.sort_unstable();
        let mut begins = begins.into_iter().peekable();
        let mut ends = ends.into_iter().peekable();

        let mut open = BTreeSet::new();
        let mut starts = Vec::from([0]);
        let mut owners = Vec::from([None]);
        // Every span that begins also ends, later: when the ends are used up, so are the begins.
        while let Some(&(end, _)) = ends.peek() {
            let place = begins.peek().map_or(end, |&(begin, _)| begin.min(end));
            while let Some((_, index)) = begins.next_if(|&(begin, _)| begin == place) {
                open.insert(index);
            }
            while let Some((_, index)) = ends.next_if(|&(end, _)| end == place) {
                open.remove(&index);
            }
            let owner = open
                .first()
                .and_then(|&index| spans.get(index))
                .map(|span| span.link);
            if place == 0 {
                owners.clear();
                owners.push(owner);
            } else if owners.last() != Some(&owner) {
                starts.push(place);
                owners.push(owner);
            }
        }
        Intervals {
            starts: starts.into_boxed_slice(),
            owners: owners.into_boxed_slice(),
        }
    }
}

impl<L: Copy> Intervals<L> {
    pub(crate) fn owner(&self, key: u64) -> Option<L> {
        let after = self.starts.partition_point(|&start| start <= key);
        self.owners.get(after.checked_sub(1)?).copied().flatten()
    }

    /// The owners of all the pieces between two keys, both inclusive, of which there is at least one.
    pub(crate) fn owners(&self, low: u64, high: u64) -> impl Iterator<Item = Option<L>> {
        let first = self.starts.partition_point(|&start| start <= low);
        let end = self.starts.partition_point(|&start| start <= high);
        let owners = self.owners.get(first.saturating_sub(1)..end);
        owners.unwrap_or_default().iter().copied()
    }
}
