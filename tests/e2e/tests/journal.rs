//! What can happen to the journal's directory while nobody looks.

use std::path::Path;
use std::process::{Command, Output};

use pointsman_test_e2e::{Setup, VISA, pointsman};

/// What `pointsman` says to these arguments.
fn said(arguments: &[&str]) -> anyhow::Result<Output> {
    Ok(Command::new(pointsman()).args(arguments).output()?)
}

/// Waits until the tables know all that the log says.
async fn tables_follow(journal: &Path) -> anyhow::Result<()> {
    let journal = journal.to_str().unwrap_or_default();
    loop {
        let output = said(&["journal", "stats", journal, "--json"])?;
        let stats: serde_json::Value = serde_json::from_slice(&output.stdout)?;
        if stats["tables_lsn"] == stats["last_lsn"] {
            return Ok(());
        }
        tokio::task::yield_now().await;
    }
}

/// The files of the log move from one directory to another.
fn move_log(from: &Path, to: &Path) -> anyhow::Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default();
        if name == "state" || path.extension().is_some_and(|end| end == "segment") {
            std::fs::rename(&path, to.join(name))?;
        }
    }
    Ok(())
}

/// Only the tables know what is open: to begin anew would forget it.
#[tokio::test]
async fn a_log_that_is_lost_is_not_begun_anew() -> anyhow::Result<()> {
    let (setup, mut alpha, _bravo) = Setup::signed_on("lost-log", "15s").await?;
    let mut terminal = setup.terminal().await?;
    terminal.buy(VISA, "000061", "TERM0001").await?;
    let doubtful = alpha.expect_message().await?;
    tables_follow(&setup.switch.journal()).await?;
    let (setup, mut alpha, _bravo) = setup
        .crash_and(|home| {
            let (journal, aside) = (home.join("journal"), home.join("aside"));
            move_log(&journal, &aside)?;
            let config = home.join("pos.toml");
            for _ in 0..2 {
                let output = said(&["serve", "--config", config.to_str().unwrap_or_default()])?;
                assert_eq!(output.status.code(), Some(69), "{output:?}");
                let text = String::from_utf8(output.stderr)?;
                assert!(text.contains("the journal's log is lost"), "{text}");
                assert!(
                    text.contains("at link `alpha` 0 owed and 1 in doubt"),
                    "{text}"
                );
                assert!(text.contains("Put the files of the log back"), "{text}");
                assert!(!text.contains(VISA), "{text}");
            }
            // Nothing was begun in its place.
            move_log(&aside, &journal)
        })
        .await?;
    alpha.expect_reversal(&doubtful).await?;
    drop(setup);
    Ok(())
}

/// The same of a copy that is older than what was sent since.
#[tokio::test]
async fn an_older_copy_of_the_log_is_not_taken_for_the_newest() -> anyhow::Result<()> {
    let (setup, mut alpha, _bravo) = Setup::signed_on("older-log", "15s").await?;
    let mut terminal = setup.terminal().await?;
    terminal.buy(VISA, "000063", "TERM0001").await?;
    let request = alpha.expect_message().await?;
    alpha.approve(&request).await?;
    terminal.expect_message().await?;
    let (setup, mut alpha, _bravo) = setup
        .crash_and(|home| {
            let copied = Command::new("cp")
                .arg("-a")
                .args([home.join("journal"), home.join("copy")])
                .status()?;
            anyhow::ensure!(copied.success(), "cp: {copied}");
            Ok(())
        })
        .await?;
    let mut terminal = setup.terminal().await?;
    terminal.buy(VISA, "000062", "TERM0001").await?;
    let doubtful = alpha.expect_message().await?;
    tables_follow(&setup.switch.journal()).await?;
    let (setup, mut alpha, _bravo) = setup
        .crash_and(|home| {
            let (journal, aside) = (home.join("journal"), home.join("aside"));
            move_log(&journal, &aside)?;
            move_log(&home.join("copy"), &journal)?;
            let config = home.join("pos.toml");
            let output = said(&["serve", "--config", config.to_str().unwrap_or_default()])?;
            assert_eq!(output.status.code(), Some(69), "{output:?}");
            let text = String::from_utf8(output.stderr)?;
            assert!(text.contains("and was longer"), "{text}");
            assert!(
                text.contains("at link `alpha` 0 owed and 1 in doubt"),
                "{text}"
            );
            move_log(&journal, &home.join("copy"))?;
            move_log(&aside, &journal)
        })
        .await?;
    alpha.expect_reversal(&doubtful).await?;
    drop(setup);
    Ok(())
}
