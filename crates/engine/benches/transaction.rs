//! What the engine costs: nanoseconds for one purchase through a session and a link and back, two dialects or one.
//!
//! `cargo bench -p pointsman-engine`. The messages are the canonical ones (18 fields, 138 bytes of EMV data).
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a benchmark"
)]

#[path = "../tests/common/mod.rs"]
mod common;

use std::time::{Duration, Instant};

use common::{Pair, Watch};

/// The shortest of some rounds: what else runs on the machine only ever adds.
const ROUNDS: u32 = 20;
const TRANSACTIONS: u32 = 20_000;

/// Time within the engine alone, the four parts apart.
#[derive(Default)]
struct Parts {
    next: usize,
    spent: [Duration; 4],
}

impl Watch for Parts {
    fn engine<T>(&mut self, part: impl FnOnce() -> T) -> T {
        let begun = Instant::now();
        let result = part();
        self.spent[self.next] += begun.elapsed();
        self.next = (self.next + 1) % 4;
        result
    }
}

fn main() {
    println!("one purchase, ns: session in, link out, link in, session out, together\n");
    for (listener, link) in [
        ("iso87-bcd", "iso87-ascii"),
        ("iso87-ascii", "iso87-ascii"),
        ("iso87-bcd", "iso87-bcd"),
    ] {
        let mut pair = Pair::new(listener, link);
        let mut best = [Duration::MAX; 4];
        for _ in 0..ROUNDS {
            let mut parts = Parts::default();
            for _ in 0..TRANSACTIONS {
                pair.transaction(&mut parts);
            }
            for (best, spent) in best.iter_mut().zip(parts.spent) {
                *best = (*best).min(spent);
            }
        }
        let clock = clock_cost();
        let ns = best.map(|spent| spent.as_nanos() as f64 / f64::from(TRANSACTIONS) - clock);
        let [a, b, c, d] = ns;
        println!(
            "{listener:>11} to {link:<11} {a:6.0} {b:6.0} {c:6.0} {d:6.0} {:7.0}",
            ns.iter().sum::<f64>()
        );
    }
}

/// What asking for the time twice adds to each part.
fn clock_cost() -> f64 {
    let mut empty = Parts::default();
    for _ in 0..4 * TRANSACTIONS {
        empty.engine(|| {});
    }
    empty.spent.iter().sum::<Duration>().as_nanos() as f64 / f64::from(4 * TRANSACTIONS)
}
