//! Every command block of the README and the docs is run.
//!
//! A block marked `sh` is given to bash as it stands, in the root of the
//! project, with `pointsman` on the path. `cargo` is a stand-in that runs the
//! binary under test for `cargo run --release -- …`, so that documentation shows
//! what a newcomer types and the test does not build everything again; commands
//! that would build or test the whole workspace are checked to exist instead.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, ensure};
use pointsman_test_e2e::{PATIENCE, pointsman};
use tokio::process::Command;

/// What `cargo` does inside a block.
const CARGO: &str = r#"#!/usr/bin/env bash
set -euo pipefail
case "$*" in
  "run --release -- dev")        exec pointsman dev --for 1s ;;
  "run --release -- "*)          shift 3; exec pointsman "$@" ;;
  "test --workspace")            grep -q '^step cargo test --workspace$' .ci/run ;;
  "bench -p pointsman-iso8583")  test -d crates/iso8583/benches ;;
  "xtask ci")                    grep -q 'Task::Ci' xtask/src/main.rs ;;
  "xtask bench-switch"*)         grep -q 'Task::BenchSwitch' xtask/src/main.rs ;;
  "run --release -p pointsman-test-sim -- "*) test -f tests/sim/src/main.rs ;;
  "install --path crates/pointsman"*) test -f crates/pointsman/src/main.rs ;;
  *) echo "the docs test does not know: cargo $*" >&2; exit 1 ;;
esac
"#;

#[tokio::test]
async fn every_command_block_runs() -> anyhow::Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .and_then(Path::parent)
        .context("the workspace is two folders up")?;
    let tools = tool_folder()?;
    // Examples write there; it is missing where cargo was told another place.
    fs::create_dir_all(root.join("target"))?;
    let mut blocks = 0;
    for page in pages(root)? {
        let text = fs::read_to_string(&page)?;
        for (line, block) in shell_blocks(&text) {
            let at = format!("{}:{line}", page.strip_prefix(root)?.display());
            run(root, &tools, &block).await.with_context(|| at)?;
            blocks += 1;
        }
    }
    // If nothing was found, nothing was tested.
    ensure!(blocks >= 10, "only {blocks} command blocks found");
    Ok(())
}

fn pages(root: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut pages = vec![root.join("README.md"), root.join("CONTRIBUTING.md")];
    for entry in fs::read_dir(root.join("docs"))? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "md") {
            pages.push(path);
        }
    }
    pages.sort();
    Ok(pages)
}

/// The blocks between "```sh" and "```", with the line of the first.
fn shell_blocks(text: &str) -> Vec<(usize, String)> {
    let mut blocks = Vec::new();
    let mut lines = text.lines().enumerate();
    while let Some((number, line)) = lines.next() {
        if line.trim() == "```sh" {
            let block: Vec<&str> = lines
                .by_ref()
                .map(|(_, line)| line)
                .take_while(|line| line.trim() != "```")
                .collect();
            blocks.push((number + 1, block.join("\n")));
        }
    }
    blocks
}

/// A folder with `pointsman` and the stand-in for `cargo`.
fn tool_folder() -> anyhow::Result<PathBuf> {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let folder = std::env::temp_dir().join(format!("pointsman-docs-{}", std::process::id()));
    fs::create_dir_all(&folder)?;
    let cargo = folder.join("cargo");
    fs::write(&cargo, CARGO)?;
    fs::set_permissions(&cargo, fs::Permissions::from_mode(0o755))?;
    let link = folder.join("pointsman");
    if link.exists() {
        fs::remove_file(&link)?;
    }
    symlink(pointsman(), link)?;
    Ok(folder)
}

async fn run(root: &Path, tools: &Path, block: &str) -> anyhow::Result<()> {
    let path = std::env::var("PATH").unwrap_or_default();
    let child = Command::new("bash")
        .args(["-euo", "pipefail", "-c", block])
        .current_dir(root)
        .env("PATH", format!("{}:{path}", tools.display()))
        .env("NO_COLOR", "1")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    let output = tokio::time::timeout(PATIENCE, child.wait_with_output())
        .await
        .with_context(|| format!("does not end:\n{block}"))??;
    ensure!(
        output.status.success(),
        "{}:\n{block}\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(())
}
