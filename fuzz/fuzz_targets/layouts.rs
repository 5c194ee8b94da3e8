//! See `tests/fuzz-targets/src/layouts.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| pointsman_test_fuzz_targets::run("layouts", data));
