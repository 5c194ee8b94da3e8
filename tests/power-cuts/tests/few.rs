//! A few cuts in each test run; `cargo xtask power-cuts` makes more.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "test code"
)]

use std::process::Command;

fn cuts(arguments: &[&str]) {
    let output = Command::new(env!("CARGO_BIN_EXE_power-cuts"))
        .args(arguments)
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    match output.status.code() {
        Some(0) => {}
        Some(77) => eprintln!("{}", text.trim()),
        _ => panic!("{text}\n{}", String::from_utf8_lossy(&output.stderr)),
    }
}

#[test]
fn a_power_cut_loses_nothing_that_was_promised() {
    cuts(&["--cuts", "6"]);
}

#[test]
fn a_disk_that_does_not_sync_is_found_out() {
    cuts(&["--cuts", "3", "--control"]);
}
