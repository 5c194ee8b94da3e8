//! After the faults: nothing may be owed any more, and a further life may find nothing to do.

use std::time::Duration;

use pointsman_sim_bank::BankHandle;
use pointsman_sim_common::Failure;
use tokio::process::Command;
use tokio::time::{Instant, sleep};

use crate::keeper::{Kept, Seen};
use crate::metrics::Metrics;
use crate::setup::BANKS;
use crate::switch::{Home, Opened};

/// How long the switch may take to tell the banks everything: they answer at once, and its pauses are 2 seconds.
const PATIENCE: Duration = Duration::from_secs(60);

/// How often it is asked.
const EVERY: Duration = Duration::from_millis(100);

/// Lets the switch tell the banks what it owes them, ends it, and looks whether it has really come to rest.
///
/// # Errors
/// It does not start again.
pub(crate) async fn to_rest(
    kept: Kept,
    home: &Home,
    number: u64,
    banks: &[BankHandle],
) -> Result<Seen, Failure> {
    let Kept {
        life,
        opened,
        mut seen,
    } = kept;
    let metrics = settled(&opened, &mut seen).await;
    seen.add(&metrics);
    end(life.terminate().await, "the drain at the end", &mut seen);

    let asked = |banks: &[BankHandle]| -> u64 { banks.iter().map(|it| it.stats().requests).sum() };
    let before = asked(banks);
    let mut life = home.start(number)?;
    let opened = life.opened().await?;
    seen.ready.push(opened.after);
    settled(&opened, &mut seen).await;
    let after = asked(banks);
    if after != before {
        seen.problems.push(format!(
            "after all was settled the switch was started once more, and sent {} messages",
            after - before
        ));
    }
    end(
        life.terminate().await,
        "the drain of the last life",
        &mut seen,
    );
    verify(home, &mut seen).await;
    Ok(seen)
}

/// Waits until every link is up and owes nothing.
async fn settled(opened: &Opened, seen: &mut Seen) -> Metrics {
    let start = Instant::now();
    let mut last = Metrics::default();
    loop {
        if let Some(metrics) = Metrics::read(opened.metrics).await {
            last = metrics;
            let up = last.sum("pointsman_link_up", "") == BANKS.len() as u64;
            let open = last.sum("pointsman_link_in_flight", "");
            if up && open == 0 && last.sum("pointsman_store_forward", "") == 0 {
                break;
            }
        }
        if start.elapsed() > PATIENCE {
            for metric in [
                "pointsman_link_up",
                "pointsman_link_in_flight",
                "pointsman_store_forward",
            ] {
                for (labels, value) in last.series(metric) {
                    seen.problems.push(format!(
                        "not at rest after {PATIENCE:?}: {metric}{{{labels}}} {value}"
                    ));
                }
            }
            break;
        }
        sleep(EVERY).await;
    }
    let dead = last.sum("pointsman_dead_letters", "");
    if dead > 0 {
        seen.problems
            .push(format!("{dead} dead letters wait for a person"));
    }
    last
}

fn end(status: std::io::Result<Option<std::process::ExitStatus>>, what: &str, seen: &mut Seen) {
    match status {
        Ok(Some(status)) if status.success() => {}
        Ok(Some(status)) => seen.problems.push(format!("{what} ended with {status}")),
        Ok(None) => seen.problems.push(format!("{what} did not end")),
        Err(error) => seen.problems.push(format!("{what}: {error}")),
    }
}

/// The switch's own word on its journal.
async fn verify(home: &Home, seen: &mut Seen) {
    let ran = Command::new(&home.program)
        .args(["journal", "verify"])
        .arg(home.journal())
        .output()
        .await;
    match ran {
        Ok(output) if output.status.success() => {}
        Ok(output) => seen.problems.push(format!(
            "journal verify ended with {}: {}",
            output.status,
            String::from_utf8_lossy(&output.stderr).trim()
        )),
        Err(error) => seen.problems.push(format!("journal verify: {error}")),
    }
}
