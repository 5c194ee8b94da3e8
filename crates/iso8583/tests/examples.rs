//! The examples run, and what they say of themselves holds.
#![allow(
    clippy::unwrap_used,
    reason = "test code: an example that fails must stop the test"
)]

#[path = "../examples/build.rs"]
mod build;
#[path = "../examples/decode.rs"]
#[allow(
    dead_code,
    reason = "its main reads arguments, which are the test's here"
)]
mod decode;
#[path = "../examples/forward.rs"]
mod forward;
#[path = "../examples/own_dialect.rs"]
mod own_dialect;

#[test]
fn build() {
    build::main().unwrap();
}

#[test]
fn decode() {
    decode::show("iso87-bcd", decode::PURCHASE).unwrap();
    decode::show("iso87-ascii", decode::PURCHASE).unwrap();
}

#[test]
fn forward() {
    forward::main().unwrap();
}

#[test]
fn own_dialect() {
    own_dialect::main().unwrap();
}
