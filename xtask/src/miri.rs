//! The one module with `unsafe` code, and what it is compared with, under Miri.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, bail};

/// The tests that reach the module.
const TESTS: [&str; 2] = ["sse2::", "check::"];

pub(crate) fn run(root: &Path) -> anyhow::Result<()> {
    let mut cargo = Command::new("cargo");
    cargo
        .args([
            "+nightly",
            "miri",
            "test",
            "--package",
            "pointsman-iso8583",
            "--lib",
            "--",
        ])
        .args(TESTS)
        .env(
            "MIRIFLAGS",
            "-Zmiri-strict-provenance -Zmiri-symbolic-alignment-check",
        )
        .env_remove("CARGO")
        .env_remove("RUSTUP_TOOLCHAIN")
        .current_dir(root);
    let status = cargo.status().context("cargo cannot be started")?;
    if !status.success() {
        bail!(
            "Miri found something, or is not there: \
             rustup toolchain install nightly --component miri"
        );
    }
    Ok(())
}
