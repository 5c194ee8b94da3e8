//! A short run of every fuzzer: its corpus, and mutations of it that are the same in every run.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "test code: a wrong fixture must stop the test"
)]

use std::fs;
use std::path::Path;

use pointsman_test_fuzz_targets::mutate::{Random, mutate};
use pointsman_test_fuzz_targets::{LIGHT_TARGETS, TARGETS, corpora, corpus};

/// Mutations of each corpus; `FUZZ_MUTATIONS` asks for more.
const MUTATIONS: usize = 4_000;
const CORPORA_BYTES_MAX: u64 = 1_000_000;

/// Runs one target over its corpus and the mutations. A broken law prints the input that breaks it.
fn replay(name: &str) {
    let mut targets = TARGETS.iter().chain(LIGHT_TARGETS);
    let target = targets.find(|target| target.name == name).unwrap();
    let corpus = corpus(target.corpus).unwrap();
    assert!(corpus.len() >= 10, "{} files only", corpus.len());
    let run = |input: &[u8]| {
        let outcome = std::panic::catch_unwind(|| (target.run)(input));
        assert!(outcome.is_ok(), "{name} breaks on {}", hex(input));
    };
    corpus.iter().for_each(|input| run(input));

    let asked = std::env::var("FUZZ_MUTATIONS").ok();
    let count = asked.and_then(|text| text.parse().ok());
    let mut random = Random::new(name.len() as u64);
    for _ in 0..count.unwrap_or(MUTATIONS) {
        let mut input = corpus[random.below(corpus.len())].clone();
        let other = &corpus[random.below(corpus.len())];
        for _ in 0..=random.below(3) {
            mutate(&mut input, other, &mut random);
        }
        run(&input);
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02X}")).collect()
}

#[test]
fn decode() {
    replay("decode");
}

#[test]
fn detect() {
    replay("detect");
}

#[test]
fn dialect() {
    replay("dialect");
}

#[test]
fn explain() {
    replay("explain");
}

#[test]
fn framing() {
    replay("framing");
}

#[test]
fn json() {
    replay("json");
}

#[test]
fn layouts() {
    replay("layouts");
}

#[test]
fn tlv() {
    replay("tlv");
}

#[test]
fn transcode() {
    replay("transcode");
}

#[test]
fn what_a_campaign_tries() {
    for target in LIGHT_TARGETS {
        replay(target.name);
    }
}

/// Every target has a corpus and a fuzzer, and no corpus or fuzzer is without a target.
#[test]
fn targets_corpora_and_fuzzers_are_the_same() {
    let names: Vec<String> = TARGETS.iter().map(|target| target.name.into()).collect();
    let listed = |folder: &Path| {
        let entries = fs::read_dir(folder).unwrap();
        let path = |entry: std::io::Result<fs::DirEntry>| entry.unwrap().path();
        let mut names: Vec<String> = entries
            .map(|entry| path(entry).file_stem().unwrap().to_string_lossy().into())
            .collect();
        names.sort();
        names
    };
    assert_eq!(listed(&corpora()), names);
    assert_eq!(listed(&corpora().join("../fuzz_targets")), names);
    let manifest = fs::read_to_string(corpora().join("../Cargo.toml")).unwrap();
    for name in &names {
        assert!(manifest.contains(&format!("name = \"{name}\"")), "{name}");
    }
}

#[test]
fn the_corpora_are_small() {
    let size = |name: &str| {
        let folder = corpora().join(name);
        let entries = fs::read_dir(folder).unwrap();
        entries
            .map(|entry| entry.unwrap().metadata().unwrap().len())
            .sum::<u64>()
    };
    let bytes: u64 = TARGETS.iter().map(|target| size(target.name)).sum();
    assert!(bytes <= CORPORA_BYTES_MAX, "{bytes}");
}
