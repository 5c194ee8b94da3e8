//! The codec as a package that others can take: complete, and it builds outside of this workspace.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, bail, ensure};

const PACKAGE: &str = "pointsman-iso8583";

/// What must be in it, and the words that its manifest must have for those who look for it.
const FILES: [&str; 6] = [
    "README.md",
    "LICENSE-MIT",
    "LICENSE-APACHE",
    "src/lib.rs",
    "dialects/iso87-ascii.toml",
    "examples/decode.rs",
];
const KEYS: [&str; 7] = [
    "description",
    "keywords",
    "categories",
    "readme",
    "documentation",
    "license",
    "rust-version",
];

/// Packages it and builds what was packaged, as a registry would get it.
pub(crate) fn run(root: &Path) -> anyhow::Result<()> {
    let listed = cargo(
        root,
        &["package", "--list", "--allow-dirty", "--package", PACKAGE],
    )?;
    let missing: Vec<&str> = FILES
        .into_iter()
        .filter(|file| !listed.lines().any(|line| line == *file))
        .collect();
    ensure!(
        missing.is_empty(),
        "the package lacks {}",
        missing.join(", ")
    );
    let foreign = listed.lines().find(|line| line.starts_with("tests/"));
    ensure!(
        foreign.is_none(),
        "the package has tests that do not build alone"
    );

    let metadata = cargo(root, &["metadata", "--no-deps", "--format-version", "1"])?;
    let metadata: serde_json::Value = serde_json::from_str(&metadata)?;
    let packages = metadata["packages"].as_array().context("no packages")?;
    let package = packages
        .iter()
        .find(|package| package["name"] == PACKAGE)
        .context("it is not in the workspace")?;
    for key in KEYS {
        // Some names have another form in the metadata.
        let value = &package[key.replace('-', "_").as_str()];
        let is_empty = value.as_str().is_some_and(str::is_empty)
            || value.as_array().is_some_and(Vec::is_empty)
            || value.is_null();
        ensure!(!is_empty, "its manifest lacks {key}");
    }
    for dependency in package["dependencies"].as_array().into_iter().flatten() {
        let is_for_tests = dependency["kind"] == "dev";
        let is_versioned = dependency["req"] != "*";
        ensure!(
            is_for_tests || is_versioned,
            "a version is missing: {dependency}"
        );
    }

    cargo(root, &["package", "--allow-dirty", "--package", PACKAGE])?;
    println!(
        "{PACKAGE}: {} files, complete, builds alone",
        listed.lines().count()
    );
    Ok(())
}

/// What cargo prints.
fn cargo(root: &Path, arguments: &[&str]) -> anyhow::Result<String> {
    eprintln!("$ cargo {}", arguments.join(" "));
    let output = Command::new(env!("CARGO"))
        .args(arguments)
        .current_dir(root)
        .stderr(std::process::Stdio::inherit())
        .output()
        .context("cargo cannot be started")?;
    if !output.status.success() {
        bail!("cargo {} failed: {}", arguments.join(" "), output.status);
    }
    Ok(String::from_utf8(output.stdout)?)
}
