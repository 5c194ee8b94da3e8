//! A transaction allocates its two messages, what undoes it, and that two of them are shared with the journal.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "test code")]

mod common;

use common::{Pair, Watch};

/// How often the four parts of a transaction allocate: session in, link out, link in, session out.
#[derive(Default)]
struct Allocations {
    next: usize,
    counts: [u64; 4],
}

impl Watch for Allocations {
    fn engine<T>(&mut self, part: impl FnOnce() -> T) -> T {
        let mut result = None;
        let info = allocation_counter::measure(|| result = Some(part()));
        self.counts[self.next] += info.count_total;
        self.next = (self.next + 1) % 4;
        result.unwrap()
    }
}

#[test]
fn a_transaction_allocates_its_messages() {
    for (listener, link) in [("iso87-bcd", "iso87-ascii"), ("iso87-ascii", "iso87-ascii")] {
        let mut pair = Pair::new(listener, link);
        // Until every table has grown to what this load needs: numbers rest for ten seconds.
        for _ in 0..25_000 {
            pair.transaction(&mut Allocations::default());
        }
        let mut allocations = Allocations::default();
        for _ in 0..100 {
            pair.transaction(&mut allocations);
        }
        assert_eq!(
            allocations.counts,
            [100, 200, 100, 100],
            "{listener} to {link}"
        );
    }
}
