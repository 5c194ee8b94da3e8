//! Every bug that is planted in the engine is found, and within how many seeds. A bug that is not found means that a
//! fault or a check is missing, not that the bug is harmless.
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "test code"
)]

use pointsman_test_sim::{Options, PlantedBug, run};

/// The rarest of them takes some hundreds.
const SEEDS_MAX: u64 = 1_000;

fn first_seed_that_finds(bug: PlantedBug) -> Option<(u64, String)> {
    (0..SEEDS_MAX).find_map(|seed| {
        let report = run(
            seed,
            Options {
                bug: Some(bug),
                ..Options::default()
            },
        );
        report
            .violation
            .map(|violation| (seed, violation.to_string()))
    })
}

#[test]
fn each_planted_bug_is_found() {
    let found: Vec<(PlantedBug, Option<(u64, String)>)> = std::thread::scope(|scope| {
        let searches =
            PlantedBug::ALL.map(|bug| (bug, scope.spawn(move || first_seed_that_finds(bug))));
        searches
            .map(|(bug, search)| (bug, search.join().expect("a search ends")))
            .into()
    });
    for (bug, found) in &found {
        println!("{bug:?}: {found:?}");
    }
    let missed: Vec<&PlantedBug> = found
        .iter()
        .filter(|(_, found)| found.is_none())
        .map(|(bug, _)| bug)
        .collect();
    assert!(
        missed.is_empty(),
        "not found in {SEEDS_MAX} seeds: {missed:?}"
    );
}

#[test]
fn a_bug_is_asleep_unless_it_is_asked_for() {
    // The same build, without a bug: what `Link::new` and `Session::new` give has none.
    for seed in 0..10 {
        assert_eq!(run(seed, Options::default()).violation, None, "seed {seed}");
    }
}
