//! The pages of the manual that are made from the dialects: one for each built-in dialect, and the JSON Schema of dialect
//! files. A test says when they are out of date.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, ensure};
use serde_json::Value;

/// Writes them all, and takes away those of dialects that there are no more.
pub(crate) fn write(root: &Path) -> anyhow::Result<()> {
    let docs = root.join("docs");
    fs::write(
        docs.join("dialect.schema.json"),
        pointsman(root, &["dialects", "--schema"])?,
    )?;
    let list: Value = serde_json::from_slice(&pointsman(root, &["dialects", "--json"])?)?;
    let names: Vec<&str> = list
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|dialect| dialect["name"].as_str())
        .collect();
    ensure!(!names.is_empty(), "pointsman has no dialects");
    let folder = docs.join("dialects");
    fs::create_dir_all(&folder)?;
    for entry in fs::read_dir(&folder)? {
        let path = entry?.path();
        let is_known = path
            .file_stem()
            .is_some_and(|stem| names.iter().any(|name| stem == *name));
        if !is_known {
            fs::remove_file(&path)?;
        }
    }
    for name in &names {
        let page = pointsman(root, &["dialects", name, "--page"])?;
        fs::write(folder.join(format!("{name}.md")), page)?;
    }
    println!(
        "docs/dialects: {} pages; docs/dialect.schema.json",
        names.len()
    );
    Ok(())
}

/// What the binary of this tree prints.
fn pointsman(root: &Path, args: &[&str]) -> anyhow::Result<Vec<u8>> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["run", "--quiet", "--package", "pointsman", "--"])
        .args(args)
        .current_dir(root)
        .output()
        .context("cargo could not be run")?;
    ensure!(
        output.status.success(),
        "pointsman {}: {}",
        args.join(" "),
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(output.stdout)
}
