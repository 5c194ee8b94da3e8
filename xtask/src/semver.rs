//! The public API of the codec against that of an earlier commit: what breaks its users asks for another version.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, bail, ensure};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The commit or tag to compare with; the last tag if none is named.
    #[arg(long, value_name = "COMMIT")]
    since: Option<String>,
}

pub(crate) fn run(root: &Path, args: &Args) -> anyhow::Result<()> {
    let installed = Command::new("cargo-semver-checks")
        .arg("--version")
        .stdout(Stdio::null())
        .status();
    ensure!(
        installed.is_ok_and(|status| status.success()),
        "it needs cargo install cargo-semver-checks --locked"
    );
    let since = match &args.since {
        Some(since) => since.clone(),
        None => last_tag(root)?,
    };
    let status = Command::new(env!("CARGO"))
        .args(["semver-checks", "--package", "pointsman-iso8583"])
        .args(["--baseline-rev", &since])
        .current_dir(root)
        .status()
        .context("cargo cannot be started")?;
    if !status.success() {
        bail!("the public API is not what it was in {since}: its users need to know");
    }
    Ok(())
}

fn last_tag(root: &Path) -> anyhow::Result<String> {
    let output = Command::new("git")
        .args(["describe", "--tags", "--abbrev=0"])
        .current_dir(root)
        .output()
        .context("git cannot be started")?;
    let tag = String::from_utf8(output.stdout)?;
    ensure!(
        output.status.success() && !tag.trim().is_empty(),
        "nothing was released yet: name a commit with --since"
    );
    Ok(tag.trim().to_owned())
}
