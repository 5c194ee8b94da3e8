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

mod decode;
mod dialect;
mod dialects;
mod explain;
mod framing;
mod json;
mod tlv;
mod transcode;

/// A fuzz target: its name, which is that of its corpus too, and what it runs.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Its name.
    pub name: &'static str,
    /// Panics if a law is broken.
    pub run: fn(&[u8]),
}

/// All of them.
pub const TARGETS: [Target; 7] = [
    Target {
        name: "decode",
        run: decode::run,
    },
    Target {
        name: "dialect",
        run: dialect::run,
    },
    Target {
        name: "explain",
        run: explain::run,
    },
    Target {
        name: "framing",
        run: framing::run,
    },
    Target {
        name: "json",
        run: json::run,
    },
    Target {
        name: "tlv",
        run: tlv::run,
    },
    Target {
        name: "transcode",
        run: transcode::run,
    },
];

/// Runs the target of this name.
pub fn run(name: &str, data: &[u8]) {
    let target = TARGETS.iter().find(|target| target.name == name);
    let target = target.unwrap_or_else(|| panic!("no fuzz target is called {name}"));
    (target.run)(data);
}
