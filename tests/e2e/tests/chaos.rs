//! The chaos run in a small size: the promise holds, and what breaks it would be seen.

use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, ensure};
use pointsman_test_e2e::pointsman;
use serde_json::Value;
use tokio::process::Command;
use tokio::task::JoinSet;

/// Load, kills and faults take `--for`; the rest is what terminals and banks have to finish, and two drains.
const RUN_PATIENCE: Duration = Duration::from_secs(150);

struct Ran {
    code: Option<i32>,
    report: Value,
}

impl Ran {
    fn count(&self, name: &str) -> u64 {
        self.report["totals"][name].as_u64().unwrap_or_default()
    }

    fn list(&self, name: &str) -> Vec<Value> {
        self.report[name].as_array().cloned().unwrap_or_default()
    }
}

/// Runs it with a switch that was built like this test, in a directory that goes away.
async fn chaos(arguments: &[&str]) -> anyhow::Result<Ran> {
    let home = tempfile::Builder::new()
        .prefix("pointsman-e2e-chaos-")
        .tempdir()?;
    let child = Command::new(pointsman())
        .args(["chaos", "--json", "--quiet", "--keep"])
        .arg(home.path().join("run"))
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    let output = tokio::time::timeout(RUN_PATIENCE, child.wait_with_output())
        .await
        .context("the run does not end")??;
    let report = serde_json::from_slice(&output.stdout)
        .with_context(|| String::from_utf8_lossy(&output.stderr).into_owned())?;
    Ok(Ran {
        code: output.status.code(),
        report,
    })
}

#[tokio::test]
async fn terminals_and_banks_agree_after_kills_and_cuts() -> anyhow::Result<()> {
    let ran = chaos(&["--for", "10s", "--rate", "80", "--kill-every", "2s"]).await?;
    ensure!(ran.code == Some(0), "{:#}", ran.report);
    ensure!(ran.list("differences").is_empty() && ran.list("problems").is_empty());
    // A run in which nothing happened would prove nothing.
    for (what, least) in [
        ("kills", 1),
        ("approved", 10),
        ("taken_back", 1),
        ("advices", 1),
        ("cuts", 1),
        ("starts", 3),
    ] {
        ensure!(ran.count(what) >= least, "{what}: {:#}", ran.report);
    }
    let (bought, known) = (
        ran.count("transactions"),
        ran.count("approved") + ran.count("declined") + ran.count("taken_back"),
    );
    ensure!(bought == known, "{bought} bought, {known} known");
    Ok(())
}

#[tokio::test]
async fn the_other_engine_keeps_the_promise_as_well() -> anyhow::Result<()> {
    let ran = chaos(&[
        "--for",
        "5s",
        "--rate",
        "40",
        "--kill-every",
        "2s",
        "--engine",
        "sqlite",
        "--seed",
        "7",
    ])
    .await?;
    ensure!(ran.code == Some(0), "{:#}", ran.report);
    ensure!(ran.count("kills") + ran.count("terminations") >= 1);
    Ok(())
}

/// The controls: each lie is found, exactly once, and the exit code says so.
#[tokio::test]
async fn a_lie_is_found() -> anyhow::Result<()> {
    let lies = [
        ("claims-approval", "it was approved, and is not booked"),
        (
            "never-reverses",
            "it did not happen for the terminal, and is booked",
        ),
        ("loses-entry", "it was approved, and is not booked"),
        ("books-twice", "it is booked more than once"),
    ];
    let mut runs = JoinSet::new();
    for (lie, what) in lies {
        runs.spawn(async move {
            // One terminal, so that it is the one that lies; no kill, so that nothing else is needed to explain it.
            let ran = chaos(&[
                "--for",
                "5s",
                "--rate",
                "40",
                "--terminals",
                "1",
                "--kill-every",
                "1h",
                "--plant",
                lie,
            ])
            .await?;
            ensure!(ran.code == Some(1), "{lie}: {:#}", ran.report);
            let differences = ran.list("differences");
            let [difference] = differences.as_slice() else {
                anyhow::bail!("{lie}: {:#}", ran.report);
            };
            let found = difference["what"].as_str().unwrap_or_default();
            // A decline may have undone what the bank had booked.
            let reversed = "it stands for the terminal, and is reversed";
            ensure!(
                found == what || (lie == "claims-approval" && found == reversed),
                "{lie}: {found}"
            );
            Ok(())
        });
    }
    while let Some(ran) = runs.join_next().await {
        ran??;
    }
    Ok(())
}
