//! Every command block of the README and the docs is run.
//!
//! A block marked `sh` is given to bash as it stands, in a folder of its own,
//! with `pointsman` on the path. `cargo` is a stand-in that runs the binary under
//! test for `cargo run --release -- …`, so that documentation shows what a
//! newcomer types and the test does not build everything again; commands that
//! would build or test the whole workspace are checked to exist instead.
//!
//! The pages of `docs/` say that `pointsman dev` runs in another window: it does.
//! A block marked `sh server` runs until it is told to stop, and must then end
//! well. A block marked `sh needs TOOL` is for those who have the tool, and is not
//! run here.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, ensure};
use pointsman_test_e2e::{PATIENCE, pointsman};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

/// What `cargo` does inside a block. `$ROOT` is the project.
const CARGO: &str = r#"#!/usr/bin/env bash
set -euo pipefail
case "$*" in
  "run --release -- dev")        exec pointsman dev --for 1s ;;
  "run --release -- "*)          shift 3; exec pointsman "$@" ;;
  "test --workspace")            grep -q '^step cargo test --workspace$' "$ROOT/.ci/run" ;;
  "bench -p pointsman-iso8583")  test -d "$ROOT/crates/iso8583/benches" ;;
  "xtask ci")                    grep -q 'Task::Ci' "$ROOT/xtask/src/main.rs" ;;
  "xtask bench-instructions")  grep -q 'Task::BenchInstructions' "$ROOT/xtask/src/main.rs" ;;
  "xtask bench-switch"*)         grep -q 'Task::BenchSwitch' "$ROOT/xtask/src/main.rs" ;;
  "run --release -p pointsman-test-sim -- "*) test -f "$ROOT/tests/sim/src/main.rs" ;;
  "install --path crates/pointsman"*) test -f "$ROOT/crates/pointsman/Cargo.toml" ;;
  *) echo "the docs test does not know: cargo $*" >&2; exit 1 ;;
esac
"#;
/// How long a server runs before it is told to stop.
const SERVER: Duration = Duration::from_secs(1);

struct Block {
    at: String,
    text: String,
    server: bool,
}

#[tokio::test]
async fn every_command_block_runs() -> anyhow::Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .and_then(Path::parent)
        .context("the workspace is two folders up")?;
    let place = Place::new(root)?;
    let mut count = 0;
    for block in blocks(root, &["README.md", "CONTRIBUTING.md"])? {
        place.run(&block).await?;
        count += 1;
    }
    let dev = place.dev().await?;
    for block in blocks(root, &pages(root)?)? {
        place.run(&block).await?;
        count += 1;
    }
    stop(dev).await.context("pointsman dev")?;
    // If nothing was found, nothing was tested.
    ensure!(count >= 15, "only {count} command blocks found");
    Ok(())
}

/// The stand-in for cargo cannot see it: of several programs `cargo run` would
/// not know which one is meant.
#[test]
fn cargo_run_means_the_switch() -> anyhow::Result<()> {
    let output = std::process::Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--format-version", "1"])
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("../.."))
        .output()?;
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout)?;
    let list = |value: &serde_json::Value| value.as_array().cloned().unwrap_or_default();
    let defaults = list(&metadata["workspace_default_members"]);
    let programs: Vec<_> = list(&metadata["packages"])
        .iter()
        .filter(|package| defaults.contains(&package["id"]))
        .flat_map(|package| list(&package["targets"]))
        .filter(|target| list(&target["kind"]).contains(&"bin".into()))
        .map(|target| target["name"].clone())
        .collect();
    assert_eq!(programs, ["pointsman"]);
    Ok(())
}

/// The pages of `docs/`, from the root.
fn pages(root: &Path) -> anyhow::Result<Vec<String>> {
    let mut pages = Vec::new();
    for entry in fs::read_dir(root.join("docs"))? {
        let name = entry?
            .file_name()
            .into_string()
            .ok()
            .context("a page's name")?;
        if name.ends_with(".md") {
            pages.push(format!("docs/{name}"));
        }
    }
    pages.sort();
    Ok(pages)
}

/// The blocks between "```sh" and "```" of some pages.
fn blocks(root: &Path, pages: &[impl AsRef<str>]) -> anyhow::Result<Vec<Block>> {
    let mut blocks = Vec::new();
    for page in pages {
        let page = page.as_ref();
        let text = fs::read_to_string(root.join(page))?;
        let mut lines = text.lines().enumerate();
        while let Some((number, line)) = lines.next() {
            let server = line.trim() == "```sh server";
            if server || line.trim() == "```sh" {
                let text: Vec<&str> = lines
                    .by_ref()
                    .map(|(_, line)| line)
                    .take_while(|line| line.trim() != "```")
                    .collect();
                blocks.push(Block {
                    at: format!("{page}:{}", number + 1),
                    text: text.join("\n"),
                    server,
                });
            }
        }
    }
    Ok(blocks)
}

/// Where blocks run: a scratch folder, and a folder of tools before the path.
struct Place {
    root: PathBuf,
    scratch: PathBuf,
    path: String,
}

impl Place {
    fn new(root: &Path) -> anyhow::Result<Self> {
        use std::os::unix::fs::{PermissionsExt, symlink};
        let scratch = std::env::temp_dir().join(format!("pointsman-docs-{}", std::process::id()));
        let tools = scratch.join("tools");
        fs::create_dir_all(&tools)?;
        fs::create_dir_all(scratch.join("target"))?;
        let cargo = tools.join("cargo");
        fs::write(&cargo, CARGO)?;
        fs::set_permissions(&cargo, fs::Permissions::from_mode(0o755))?;
        symlink(pointsman(), tools.join("pointsman"))?;
        let config = std::process::Command::new(pointsman())
            .args(["dev", "--print-config"])
            .output()?;
        fs::write(scratch.join("pos.toml"), config.stdout)?;
        Ok(Self {
            root: root.to_path_buf(),
            scratch,
            path: format!(
                "{}:{}",
                tools.display(),
                std::env::var("PATH").unwrap_or_default()
            ),
        })
    }

    fn bash(&self, text: &str) -> Command {
        let mut bash = Command::new("bash");
        bash.args(["-euo", "pipefail", "-c", text])
            .current_dir(&self.scratch)
            .env("PATH", &self.path)
            .env("ROOT", &self.root)
            .env("NO_COLOR", "1")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        bash
    }

    async fn run(&self, block: &Block) -> anyhow::Result<()> {
        let Block { at, text, server } = block;
        if *server {
            let child = self.bash(&format!("exec {text}")).spawn()?;
            // It must still run by then, and end well when it is told to.
            tokio::time::sleep(SERVER).await;
            return stop(child).await.with_context(|| format!("{at}\n{text}"));
        }
        let child = self.bash(text).spawn()?;
        let output = tokio::time::timeout(PATIENCE, child.wait_with_output())
            .await
            .with_context(|| format!("{at} does not end:\n{text}"))??;
        ensure!(
            output.status.success(),
            "{at}: {}\n{text}\n{}{}",
            output.status,
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
        Ok(())
    }

    /// `pointsman dev`, once it has said where it listens.
    async fn dev(&self) -> anyhow::Result<Child> {
        let mut child = self.bash("exec pointsman dev --rate 1").spawn()?;
        let mut out = BufReader::new(child.stdout.take().context("stdout is piped")?).lines();
        while let Some(line) = out.next_line().await? {
            if line.starts_with("terminals") {
                ensure!(
                    line.contains("127.0.0.1:8583"),
                    "the examples need port 8583, which something else has: {line}"
                );
                // The rest is the banner and the summary: they fit the pipe.
                child.stdout = Some(out.into_inner().into_inner());
                return Ok(child);
            }
        }
        anyhow::bail!("pointsman dev does not start")
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // Nothing depends on it; what is left is in the temporary folder.
        let _ = fs::remove_dir_all(&self.scratch);
    }
}

/// Tells a server to stop, and expects that it ends well.
async fn stop(child: Child) -> anyhow::Result<()> {
    let id = child.id().context("it has ended by itself")?;
    Command::new("kill")
        .args(["-TERM", &id.to_string()])
        .status()
        .await?;
    let output = tokio::time::timeout(PATIENCE, child.wait_with_output())
        .await
        .context("it does not end")??;
    ensure!(
        output.status.success(),
        "{}\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(())
}
