//! Instructions per operation of the codec, counted by callgrind: unlike time, they are the same on a busy machine, so they
//! can hold a change to what was there before.
//!
//! Where valgrind is not installed nothing is checked, and neither is it with another compiler than the one that the
//! baseline was made with: other code is not worse code.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail};

/// Where the counts are kept.
const BASELINE: &str = "crates/iso8583/benches/instructions.toml";

/// What a count may differ by before it is a change that has to be looked at.
const TOLERANCE_PERCENT: f64 = 2.0;

const OPERATIONS: [&str; 7] = [
    "outline",
    "decode",
    "read",
    "forward",
    "transcode",
    "build",
    "refuse",
];
const DIALECTS: [&str; 3] = ["iso87-ascii", "iso87-mixed", "iso87-bcd"];

/// Two runs of different length: their difference is free of what starting costs.
const COUNTS: [u64; 2] = [500, 1500];

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Write what is measured as the new baseline.
    #[arg(long)]
    update: bool,
}

pub(crate) fn run(root: &Path, args: &Args) -> anyhow::Result<()> {
    let valgrind = Command::new("valgrind").arg("--version").output();
    if !valgrind.is_ok_and(|output| output.status.success()) {
        println!("valgrind is not installed, instructions were not counted");
        return Ok(());
    }
    let compiler = compiler()?;
    let path = root.join(BASELINE);
    let baseline = if args.update {
        None
    } else {
        let baseline = std::fs::read_to_string(&path).context(BASELINE)?;
        let baseline: toml::Table = baseline.parse().context(BASELINE)?;
        let made_with = baseline.get("compiler").and_then(toml::Value::as_str);
        if made_with != Some(&compiler) {
            println!(
                "the baseline was made with {}, this is {compiler}: instructions were not compared",
                made_with.unwrap_or("no known compiler")
            );
            return Ok(());
        }
        Some(baseline)
    };

    let bench = build(root)?;
    let mut counts: BTreeMap<String, BTreeMap<String, u64>> = BTreeMap::new();
    let mut changed = 0;
    for dialect in DIALECTS {
        for operation in OPERATIONS {
            let count = count(&bench, operation, dialect)?;
            let before = baseline
                .as_ref()
                .and_then(|baseline| baseline.get(dialect)?.get(operation)?.as_integer());
            let difference =
                before.map(|before| (count as f64 - before as f64) / before as f64 * 100.0);
            let verdict = match difference {
                Some(percent) if percent.abs() > TOLERANCE_PERCENT => {
                    changed += 1;
                    format!("{percent:+.1} %: CHANGED")
                }
                Some(percent) => format!("{percent:+.1} %"),
                None => "new".to_owned(),
            };
            println!("{dialect:<12} {operation:<10} {count:>6}  {verdict}");
            let of_dialect = counts.entry(dialect.to_owned()).or_default();
            of_dialect.insert(operation.to_owned(), count);
        }
    }
    if args.update {
        return write(&path, &compiler, &counts);
    }
    if changed > 0 {
        bail!(
            "{changed} counts differ by more than {TOLERANCE_PERCENT} %: if that is meant, cargo xtask bench-instructions --update"
        );
    }
    Ok(())
}

fn write(
    path: &Path,
    compiler: &str,
    counts: &BTreeMap<String, BTreeMap<String, u64>>,
) -> anyhow::Result<()> {
    let mut text = format!(
        "# Instructions per operation on the canonical purchase: cargo xtask bench-instructions --update\ncompiler = \"{compiler}\"\n"
    );
    for (dialect, counts) in counts {
        text.push_str(&format!("\n[{dialect}]\n"));
        for (operation, count) in counts {
            text.push_str(&format!("{operation} = {count}\n"));
        }
    }
    std::fs::write(path, text).with_context(|| path.display().to_string())
}

fn compiler() -> anyhow::Result<String> {
    let output = Command::new("rustc").arg("--version").output()?;
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}

/// Builds the benchmark, says where it is.
fn build(root: &Path) -> anyhow::Result<PathBuf> {
    let output = Command::new(env!("CARGO"))
        .args(["bench", "-p", "pointsman-iso8583", "--bench", "codec"])
        .args(["--no-run", "--message-format", "json"])
        .current_dir(root)
        .stderr(std::process::Stdio::inherit())
        .output()
        .context("cargo cannot be started")?;
    if !output.status.success() {
        bail!("the benchmark does not build");
    }
    String::from_utf8(output.stdout)?
        .lines()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
        .filter(|message| message["target"]["name"] == "codec")
        .find_map(|message| Some(PathBuf::from(message["executable"].as_str()?)))
        .context("cargo names no executable of the benchmark")
}

/// Instructions of one operation.
fn count(bench: &Path, operation: &str, dialect: &str) -> anyhow::Result<u64> {
    let [few, many] = COUNTS.map(|repeats| {
        let output = Command::new("valgrind")
            .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
            .arg(bench)
            .args(["--repeat", operation, dialect, &repeats.to_string()])
            .output()
            .context("valgrind cannot be started")?;
        let report = String::from_utf8_lossy(&output.stderr);
        let collected = report.lines().find_map(|line| {
            let (_, count) = line.split_once("Collected :")?;
            count.trim().parse::<u64>().ok()
        });
        if !output.status.success() {
            bail!("{operation} in {dialect} failed: {report}");
        }
        collected.with_context(|| format!("callgrind reports no count: {report}"))
    });
    let [fewer, more] = COUNTS;
    Ok((many? - few?) / (more - fewer))
}
