//! What the fuzzers run: each target takes any bytes and panics if a law is broken. The fuzzers in `fuzz/` feed them with
//! coverage as guide, `tests/replay.rs` with the committed corpora and mutations of them, so that every run of the tests
//! is a short run of every fuzzer.
//!
//! Where a target needs a choice (a dialect, a framing), the first byte makes it, so that the fuzzer can change it.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "test code: a broken law must stop the run"
)]

pub mod campaign;
mod decode;
mod detect;
mod dialect;
mod dialects;
mod explain;
mod framing;
mod json;
mod layouts;
mod light;
pub mod mutate;
mod tlv;
mod transcode;

use std::path::{Path, PathBuf};
use std::{fs, io};

/// A fuzz target.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Its name.
    pub name: &'static str,
    /// The name of its corpus.
    pub corpus: &'static str,
    /// Panics if a law is broken.
    pub run: fn(&[u8]),
}

impl Target {
    /// One with a corpus of its own.
    const fn new(name: &'static str, run: fn(&[u8])) -> Target {
        Target {
            name,
            corpus: name,
            run,
        }
    }
}

/// All that the fuzzers run, in the order of their names.
pub const TARGETS: &[Target] = &[
    Target::new("decode", decode::run),
    Target::new("detect", detect::run),
    Target::new("dialect", dialect::run),
    Target::new("explain", explain::run),
    Target::new("framing", framing::run),
    Target::new("json", json::run),
    Target::new("layouts", layouts::run),
    Target::new("tlv", tlv::run),
    Target::new("transcode", transcode::run),
];

/// Single laws that cost so little that a campaign can try them a billion times, on the inputs of other targets.
pub const LIGHT_TARGETS: &[Target] = &[
    Target {
        name: "view",
        corpus: "decode",
        run: light::view,
    },
    Target {
        name: "differential",
        corpus: "decode",
        run: light::differential,
    },
    Target {
        name: "rewrite",
        corpus: "transcode",
        run: light::rewrite,
    },
    Target {
        name: "walk",
        corpus: "tlv",
        run: light::walk,
    },
];

/// Runs the target of this name.
pub fn run(name: &str, data: &[u8]) {
    let target = TARGETS.iter().find(|target| target.name == name);
    let target = target.unwrap_or_else(|| panic!("no fuzz target is called {name}"));
    (target.run)(data);
}

/// Where the committed corpora are, one folder each.
#[must_use]
pub fn corpora() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus")
}

/// The inputs of a corpus, in the order of their names.
///
/// # Errors
/// If the folder cannot be read.
pub fn corpus(name: &str) -> io::Result<Vec<Vec<u8>>> {
    inputs(&corpora().join(name))
}

/// The files of a folder, in the order of their names.
///
/// # Errors
/// If it cannot be read.
pub fn inputs(folder: &Path) -> io::Result<Vec<Vec<u8>>> {
    let entries = fs::read_dir(folder)?;
    let mut paths = entries
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<io::Result<Vec<PathBuf>>>()?;
    paths.sort();
    paths.iter().map(fs::read).collect()
}
