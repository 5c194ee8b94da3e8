//! House rules that the compiler does not know.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

/// Which of our crates each of our crates may depend on. Arrows point downward
/// only: what is not listed is refused, and a crate that is not listed must be
/// added here on purpose.
const ARROWS: &[(&str, &[&str])] = &[
    ("pointsman-iso8583", &[]),
    ("pointsman-framing", &[]),
    ("pointsman-routing", &[]),
    ("pointsman-journal", &[]),
    (
        "pointsman-engine",
        &["pointsman-iso8583", "pointsman-routing"],
    ),
    (
        "pointsman-switch",
        &[
            "pointsman-engine",
            "pointsman-framing",
            "pointsman-iso8583",
            "pointsman-journal",
            "pointsman-routing",
        ],
    ),
    // Simulators are independent witnesses: never built on the switch.
    (
        "pointsman-sim-common",
        &["pointsman-framing", "pointsman-iso8583"],
    ),
    (
        "pointsman-sim-bank",
        &[
            "pointsman-framing",
            "pointsman-iso8583",
            "pointsman-sim-common",
        ],
    ),
    (
        "pointsman-sim-load",
        &[
            "pointsman-framing",
            "pointsman-iso8583",
            "pointsman-sim-common",
        ],
    ),
    (
        "pointsman-sim-terminal",
        &[
            "pointsman-framing",
            "pointsman-iso8583",
            "pointsman-sim-common",
        ],
    ),
    // A switch under it is a process like any other: named by its path.
    (
        "pointsman-sim-chaos",
        &[
            "pointsman-framing",
            "pointsman-iso8583",
            "pointsman-sim-bank",
            "pointsman-sim-common",
            "pointsman-sim-terminal",
        ],
    ),
    (
        "pointsman",
        &[
            "pointsman-engine",
            "pointsman-framing",
            "pointsman-iso8583",
            "pointsman-journal",
            "pointsman-routing",
            "pointsman-sim-bank",
            "pointsman-sim-chaos",
            "pointsman-sim-common",
            "pointsman-sim-load",
            "pointsman-sim-terminal",
            "pointsman-switch",
        ],
    ),
];

/// Folders whose crates may depend on anything of ours.
const FREE_FOLDERS: &[&str] = &["tests", "xtask"];

/// Text that must not stand in the tree, and what to do instead.
const BANNED: &[(&str, &str)] = &[
    ("TO\u{44}O", "finish it, or file an issue"),
    ("FIX\u{4d}E", "finish it, or file an issue"),
    (
        "#[ign\u{6f}re",
        "a test runs or does not exist; make it fast instead",
    ),
];

pub(crate) fn check(root: &Path) -> anyhow::Result<()> {
    let mut faults = Vec::new();
    for folder in ["crates", "simulators", "tests", "xtask"] {
        visit(&root.join(folder), &mut |path| {
            check_file(root, path, &mut faults)
        })?;
    }
    if !faults.is_empty() {
        for fault in &faults {
            eprintln!("{fault}");
        }
        bail!("tidy: {} fault(s)", faults.len());
    }
    println!("tidy: clean");
    Ok(())
}

fn visit(folder: &Path, file: &mut impl FnMut(&Path) -> anyhow::Result<()>) -> anyhow::Result<()> {
    let mut pending = vec![folder.to_path_buf()];
    while let Some(folder) = pending.pop() {
        let entries = fs::read_dir(&folder).with_context(|| folder.display().to_string())?;
        for entry in entries {
            let path = entry?.path();
            if path.is_dir() {
                if path.file_name().is_none_or(|name| name != "target") {
                    pending.push(path);
                }
            } else {
                file(&path)?;
            }
        }
    }
    Ok(())
}

fn check_file(root: &Path, path: &Path, faults: &mut Vec<String>) -> anyhow::Result<()> {
    let shown = path
        .strip_prefix(root)
        .unwrap_or(path)
        .display()
        .to_string();
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("rs") => {
            let text = fs::read_to_string(path).with_context(|| shown.clone())?;
            if !text.starts_with("//!") && !text.starts_with("#![") {
                faults.push(format!(
                    "{shown}:1: a file begins with `//!`: what it is for, and why"
                ));
            }
            for (number, line) in text.lines().enumerate() {
                for (word, instead) in BANNED {
                    if line.contains(word) {
                        faults.push(format!("{shown}:{}: `{word}`: {instead}", number + 1));
                    }
                }
            }
        }
        Some("toml") if path.file_name().is_some_and(|name| name == "Cargo.toml") => {
            check_arrows(root, path, faults)?;
        }
        _ => {}
    }
    Ok(())
}

fn check_arrows(root: &Path, manifest: &Path, faults: &mut Vec<String>) -> anyhow::Result<()> {
    let relative: PathBuf = manifest.strip_prefix(root).unwrap_or(manifest).into();
    if FREE_FOLDERS
        .iter()
        .any(|folder| relative.starts_with(folder))
    {
        return Ok(());
    }
    let table: toml::Table = fs::read_to_string(manifest)?.parse()?;
    let name = table
        .get("package")
        .and_then(|package| package.get("name"))
        .and_then(toml::Value::as_str)
        .context("a manifest without a package name")?;
    let arrows: BTreeMap<&str, &[&str]> = ARROWS.iter().copied().collect();
    let Some(allowed) = arrows.get(name) else {
        faults.push(format!(
            "{}: `{name}` has no line in xtask/src/tidy.rs: say what it may depend on",
            relative.display()
        ));
        return Ok(());
    };
    let dependencies = table.get("dependencies").and_then(toml::Value::as_table);
    for dependency in dependencies.into_iter().flatten().map(|(name, _)| name) {
        if dependency.starts_with("pointsman") && !allowed.contains(&dependency.as_str()) {
            faults.push(format!(
                "{}: `{name}` must not depend on `{dependency}`: arrows point downward only",
                relative.display()
            ));
        }
    }
    Ok(())
}
