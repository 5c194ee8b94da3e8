//! Every state of the protocol is visited, and every mistake is found.
#![allow(clippy::print_stdout, clippy::expect_used, reason = "test code")]

use pointsman_test_model::{Limits, Mistake, Protocol};
use stateright::{Checker, Model};

/// `POINTSMAN_MODEL_FAULTS=3` visits more, in minutes.
fn faults() -> u8 {
    match std::env::var("POINTSMAN_MODEL_FAULTS") {
        Ok(text) => text
            .parse()
            .expect("POINTSMAN_MODEL_FAULTS is a number of faults"),
        Err(_) => 1,
    }
}

fn limits() -> Limits {
    Limits {
        crashes: faults().max(2),
        cuts: faults(),
        silences: 1,
        repeats: faults(),
    }
}

fn check(mistake: Option<Mistake>) -> (usize, Vec<&'static str>) {
    let protocol = Protocol {
        limits: limits(),
        mistake,
    };
    let checker = protocol
        .checker()
        .threads(std::thread::available_parallelism().map_or(1, usize::from))
        .spawn_bfs()
        .join();
    let broken = checker
        .discoveries()
        .into_iter()
        .filter(|(name, _)| !name.starts_with("a purchase"))
        .inspect(|(name, path)| println!("{mistake:?}: {name}:\n{path}"))
        .map(|(name, _)| name)
        .collect();
    for property in [
        "a purchase succeeds",
        "a purchase is declined",
        "a purchase is reversed",
    ] {
        assert!(
            mistake.is_some() || checker.discovery(property).is_some(),
            "{property} never happens"
        );
    }
    (checker.unique_state_count(), broken)
}

#[test]
fn every_state_keeps_the_promise() {
    let (states, broken) = check(None);
    println!("{states} states");
    assert!(broken.is_empty(), "{broken:?}");
    assert!(states > 1_000, "only {states} states");
}

#[test]
fn every_mistake_is_found() {
    let missed: Vec<Mistake> = Mistake::ALL
        .into_iter()
        .filter(|mistake| check(Some(*mistake)).1.is_empty())
        .collect();
    assert!(missed.is_empty(), "not found: {missed:?}");
}
