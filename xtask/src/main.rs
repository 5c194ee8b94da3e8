//! The project's own tooling. `cargo xtask ci` is the whole truth about whether
//! a change can land; the other commands are its parts, and the benchmark of the
//! switch.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command-line tool talks to its user"
)]

mod bench_instructions;
mod bench_switch;
mod fuzz;
mod miri;
mod package;
mod pages;
mod power_cuts;
mod semver;
mod tidy;

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail};
use clap::{Parser, Subcommand};

#[derive(Debug, Parser)]
#[command(name = "cargo xtask", about = "Pointsman's own tooling")]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Everything that a change must pass: formatting, lints, tidy, tests, a simulation campaign, licences.
    Ci,
    /// House rules that no other tool knows: arrows between crates, file headers, words that leak the workshop.
    Tidy,
    /// Lints of the codec without features, with each alone and with all.
    Features,
    /// Licences, sources and advisories of what is depended on, where cargo-deny is installed.
    Deny,
    /// Instructions per operation of the codec against the baseline in git, where valgrind is installed.
    BenchInstructions(bench_instructions::Args),
    /// CPU per transaction of the switch against a bare relay, in the same run.
    BenchSwitch(bench_switch::Args),
    /// The codec's one module with unsafe code under Miri, where a nightly compiler has it.
    Miri,
    /// The codec as a package for a registry: is it complete, does it build alone?
    Package,
    /// Writes the pages of the manual that are made from the dialects.
    Pages,
    /// Cuts the power under a journal on a mounted file system, where FUSE is, and looks what is left.
    PowerCuts(power_cuts::Args),
    /// The codec's public API against that of the last tag, or of a commit.
    Semver(semver::Args),
    /// A long run of the fuzzers; the short one is a test.
    Fuzz(fuzz::Args),
}

fn main() -> anyhow::Result<()> {
    let cli = Cli::parse();
    let root = root()?;
    match cli.task {
        Task::Ci => ci(&root),
        Task::Tidy => tidy::check(&root),
        Task::Deny => deny(&root),
        Task::Features => features(&root),
        Task::BenchInstructions(args) => bench_instructions::run(&root, &args),
        Task::BenchSwitch(args) => bench_switch::run(&root, &args),
        Task::Miri => miri::run(&root),
        Task::Package => package::run(&root),
        Task::Pages => pages::write(&root),
        Task::PowerCuts(args) => power_cuts::run(&root, &args),
        Task::Semver(args) => semver::run(&root, &args),
        Task::Fuzz(args) => fuzz::run(&root, &args),
    }
}

/// The workspace folder: the one above this package's.
fn root() -> anyhow::Result<PathBuf> {
    // What cargo says now counts: a binary may have been built in another checkout.
    let package = std::env::var_os("CARGO_MANIFEST_DIR").context("run it as cargo xtask")?;
    let root = Path::new(&package)
        .parent()
        .context("xtask has no parent folder")?;
    Ok(root.to_path_buf())
}

fn ci(root: &Path) -> anyhow::Result<()> {
    cargo(root, &["fmt", "--all", "--check"])?;
    cargo(
        root,
        &[
            "clippy",
            "--workspace",
            "--all-targets",
            "--",
            "-D",
            "warnings",
        ],
    )?;
    features(root)?;
    tidy::check(root)?;
    cargo(root, &["test", "--workspace"])?;
    package::run(root)?;
    deny(root)
}

/// The codec is taken with less, or more, than the workspace takes of it: without features, with each alone, with all.
fn features(root: &Path) -> anyhow::Result<()> {
    let none = ["--no-default-features"].as_slice();
    let alone = |feature| ["--no-default-features", "--features", feature];
    let (explain, json, serde) = (alone("explain"), alone("json"), alone("serde"));
    for features in [none, &explain, &json, &serde, &["--all-features"]] {
        let check = ["clippy", "--package", "pointsman-iso8583", "--lib"];
        let lints = ["--", "-D", "warnings"];
        cargo(root, &[&check, features, &lints].concat())?;
    }
    Ok(())
}

/// Licences, advisories and sources, where cargo-deny is installed.
fn deny(root: &Path) -> anyhow::Result<()> {
    let installed = Command::new("cargo-deny")
        .arg("--version")
        .output()
        .is_ok_and(|output| output.status.success());
    if !installed {
        println!(
            "cargo-deny is not installed, licences and advisories were not checked: \
             cargo install cargo-deny --locked"
        );
        return Ok(());
    }
    cargo(root, &["deny", "check", "bans", "licenses", "sources"])?;
    // The advisories are a repository of their own, which not every machine reaches.
    if cargo(root, &["deny", "fetch", "db"]).is_err() {
        println!("the advisories could not be fetched and were not checked");
        return Ok(());
    }
    cargo(root, &["deny", "check", "--disable-fetch", "advisories"])
}

fn cargo(root: &Path, arguments: &[&str]) -> anyhow::Result<()> {
    eprintln!("$ cargo {}", arguments.join(" "));
    let status = Command::new(env!("CARGO"))
        .args(arguments)
        .current_dir(root)
        .status()
        .context("cargo cannot be started")?;
    if !status.success() {
        bail!("cargo {} failed: {status}", arguments.join(" "));
    }
    Ok(())
}
