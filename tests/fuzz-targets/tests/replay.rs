//! A short run of every fuzzer: its corpus, and mutations of it that are the same in every run.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "test code: a wrong fixture must stop the test"
)]

use std::fs;
use std::path::{Path, PathBuf};

use pointsman_test_fuzz_targets::TARGETS;

/// Mutations of each corpus; `FUZZ_MUTATIONS` asks for more.
const MUTATIONS: usize = 4_000;
const CORPORA_BYTES_MAX: u64 = 1_000_000;

fn corpora() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus")
}

/// The files of a corpus, in the order of their names.
fn corpus(name: &str) -> Vec<Vec<u8>> {
    let folder = corpora().join(name);
    let entries =
        fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths.iter().map(|path| fs::read(path).unwrap()).collect()
}

/// Runs one target over its corpus and the mutations. A broken law prints the input that breaks it.
fn replay(name: &str) {
    let target = TARGETS.iter().find(|target| target.name == name).unwrap();
    let corpus = corpus(name);
    assert!(corpus.len() >= 10, "{} files only", corpus.len());
    let run = |input: &[u8]| {
        let outcome = std::panic::catch_unwind(|| (target.run)(input));
        assert!(outcome.is_ok(), "{name} breaks on {}", hex(input));
    };
    corpus.iter().for_each(|input| run(input));

    let asked = std::env::var("FUZZ_MUTATIONS").ok();
    let count = asked.and_then(|text| text.parse().ok());
    let mut random = Random(0x9E37_79B9_7F4A_7C15 ^ name.len() as u64);
    for _ in 0..count.unwrap_or(MUTATIONS) {
        let mut input = corpus[random.below(corpus.len())].clone();
        let other = &corpus[random.below(corpus.len())];
        for _ in 0..=random.below(3) {
            mutate(&mut input, other, &mut random);
        }
        run(&input);
    }
}

/// One change of the kinds that find most: a bit, a byte, a telling byte, a byte more or less, a piece twice, a piece of
/// another input, an end cut off.
fn mutate(input: &mut Vec<u8>, other: &[u8], random: &mut Random) {
    const TELLING: [u8; 14] = [
        0x00, 0x01, 0x7F, 0x80, 0x81, 0x82, 0xFF, 0x0D, 0x1F, b'0', b'9', b'D', b'=', 0xF0,
    ];
    if input.is_empty() {
        input.extend_from_slice(other);
        return;
    }
    let place = random.below(input.len());
    match random.below(8) {
        0 => input[place] ^= 1 << random.below(8),
        1 => input[place] = random.next() as u8,
        2 => input[place] = TELLING[random.below(TELLING.len())],
        3 => input.insert(place, random.next() as u8),
        4 => drop(input.remove(place)),
        5 => {
            let end = (place + 1 + random.below(16)).min(input.len());
            let piece = input[place..end].to_vec();
            input.splice(place..place, piece);
        }
        6 if !other.is_empty() => {
            let start = random.below(other.len());
            let end = (start + 1 + random.below(32)).min(other.len());
            input.splice(place..place, other[start..end].iter().copied());
        }
        _ => input.truncate(place),
    }
}

/// xorshift64: small, and the same everywhere.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.next() >> 11) as usize % limit
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
fn tlv() {
    replay("tlv");
}

#[test]
fn transcode() {
    replay("transcode");
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
