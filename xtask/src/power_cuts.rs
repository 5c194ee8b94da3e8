//! Power cuts under a journal on a mounted file system, and the control that must lose something.
//!
//! A few are a test: `cargo test -p pointsman-test-power-cuts`.

use std::path::Path;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// How often the power goes.
    #[arg(long, default_value_t = 25)]
    cuts: u64,
    /// Where chance begins.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

pub(crate) fn run(root: &Path, args: &Args) -> anyhow::Result<()> {
    let (cuts, seed) = (args.cuts.to_string(), args.seed.to_string());
    let run = [
        "run",
        "--release",
        "-p",
        "pointsman-test-power-cuts",
        "--",
        "--cuts",
        &cuts,
        "--seed",
        &seed,
    ];
    crate::cargo(root, &run)?;
    crate::cargo(root, &[&run[..], &["--control"]].concat())
}
