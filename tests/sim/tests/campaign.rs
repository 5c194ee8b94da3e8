//! Many seeds without a violation; and what they must have seen on the way, or the faults are not what they claim.
//!
//! `POINTSMAN_SIM_SEEDS=20000 cargo test --release -p pointsman-test-sim` runs more of them.
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "test code"
)]

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use pointsman_test_sim::{Options, Report, run};

/// So many take some seconds without optimization.
const SEEDS_DEFAULT: u64 = 600;

fn seeds() -> u64 {
    match std::env::var("POINTSMAN_SIM_SEEDS") {
        Ok(text) => text
            .parse()
            .expect("POINTSMAN_SIM_SEEDS is a number of seeds"),
        Err(_) => SEEDS_DEFAULT,
    }
}

/// Seeds that once showed something, here or in a long campaign: they are always run, as what they were.
fn remembered() -> Vec<(u64, Options)> {
    let lines = include_str!("../seeds.txt").lines();
    let seeds = lines.filter(|line| !line.starts_with('#')).map(|line| {
        let mut words = line.split_whitespace();
        let seed = words.next().and_then(|seed| seed.parse().ok());
        let plain = words.next() == Some("plain");
        let options = Options {
            plain,
            ..Options::default()
        };
        (seed.expect("a seed"), options)
    });
    seeds.collect()
}

/// The reports of seeds 0..count.
fn campaign(count: u64) -> Vec<Report> {
    let (next, reports) = (AtomicU64::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= count {
                        break;
                    }
                    let report = run(seed, Options::default());
                    reports.lock().unwrap().push(report);
                }
            });
        }
    });
    reports.into_inner().unwrap()
}

#[test]
fn seeds_run_clean() {
    let mut reports = campaign(seeds());
    reports.extend(
        remembered()
            .into_iter()
            .map(|(seed, options)| run(seed, options)),
    );
    let failed = reports.iter().filter_map(|report| {
        let violation = report.violation.as_ref()?;
        let seed = report.seed;
        Some(format!(
            "seed {seed}: {violation}\n  replay: cargo run --release -p pointsman-test-sim -- --trace {seed}\n"
        ))
    });
    let failed: String = failed.collect();
    assert!(failed.is_empty(), "\n{failed}");

    // A simulation in which nothing goes through, or nothing goes wrong, proves nothing.
    let sum = |of: fn(&Report) -> u64| reports.iter().map(of).sum::<u64>();
    let (messages, approved) = (
        sum(|report| report.transactions),
        sum(|report| report.approved),
    );
    let (crashes, reversals) = (sum(|report| report.crashes), sum(|report| report.reversals));
    let excused = sum(|report| report.excused);
    println!(
        "{} seeds, {} h simulated: {messages} messages, {approved} approved, {crashes} crashes, {reversals} reversals, {} advices, {} stood in, {excused} excused",
        reports.len(),
        sum(|report| report.simulated.as_secs()) / 3_600,
        sum(|report| report.advices),
        sum(|report| report.stood_in),
    );
    assert!(
        approved * 6 > messages,
        "only {approved} of {messages} were approved"
    );
    assert!(crashes > reports.len() as u64 && reversals > crashes);
    // What no switch could know is rare, or it hides what one could.
    assert!(excused * 1_000 <= reversals);
    if reports.len() as u64 >= SEEDS_DEFAULT {
        let seen: BTreeSet<&str> = reports
            .iter()
            .flat_map(|report| report.causes.keys().chain(report.events.keys()))
            .copied()
            .collect();
        let missing: Vec<&str> = SEEN
            .into_iter()
            .filter(|what| !seen.contains(what))
            .collect();
        assert!(missing.is_empty(), "never happened: {missing:?}");
    }
}

/// All that can happen in the simulation. What it leaves to the engine's own tests: a match key that is busy (terminals
/// here never use a reference number twice), dialects that do not fit each other, and a link that is asked for nothing
/// it could send.
const SEEN: [&str; 75] = [
    // Causes.
    "no_route",
    "link_down",
    "link_signed_off",
    "link_busy",
    "stan_exhausted",
    "timeout",
    "disconnected",
    "answer_undecodable",
    "answer_mismatch",
    "format_error",
    "not_carried",
    "unsupported_mti",
    "session_busy",
    "draining",
    "shell_queue_full",
    "reversed",
    "journal_down",
    "store_forward_full",
    // Links.
    "state_changed",
    "connect_failed",
    "network_management_refused",
    "network_management_unanswered",
    "network_management_received",
    "echo_missed",
    "timed_out",
    "lost",
    "late",
    "unmatched",
    "undecodable",
    "mismatched",
    "unsupported_request",
    "settled",
    "reversed_unseen",
    "stood_in",
    "outage",
    // Records.
    "intent",
    "outcome",
    "promised",
    "attempt",
    "withdrawn",
    // Why something was reversed.
    "undeliverable",
    "restart",
    "late_approval",
    "terminal",
    // How it ended.
    "acknowledged",
    "refused",
    "expired",
    "dropped",
    // The switch and its disk.
    "crash",
    "crash_again",
    "clock_jump",
    "space_low",
    "sync_failed",
    "write_failed",
    "undo",
    "recall",
    "retry",
    "original_after_reversal",
    "approved_after_decline",
    // Why answers fit nothing.
    "key_missing",
    "key_differs",
    "mti_differs",
    "already_answered",
    "unknown",
    // Sessions.
    "accepted",
    "answered",
    "unanswered",
    "network_management",
    "unreadable",
    "undelivered",
    // States.
    "suspect",
    "signed_on",
    "connected",
    "signing_off",
    "drained",
];

#[test]
fn a_seed_gives_the_same_run_every_time() {
    for seed in 0..20 {
        let (first, second) = (run(seed, Options::default()), run(seed, Options::default()));
        assert_eq!(
            (first.hash, first.steps),
            (second.hash, second.steps),
            "seed {seed}"
        );
        // Watching does not change what is watched.
        let traced = run(
            seed,
            Options {
                trace: true,
                ..Options::default()
            },
        );
        assert_eq!(first.hash, traced.hash, "seed {seed}");
        assert!(!traced.lines.is_empty());
    }
    let hashes: BTreeSet<u64> = (0..20)
        .map(|seed| run(seed, Options::default()).hash)
        .collect();
    assert_eq!(hashes.len(), 20, "two seeds gave the same run");
}
