//! A long run of the fuzzers, each for as long as asked, with what it did in figures.
//!
//! The short run is `cargo test -p pointsman-test-fuzz-targets`, which needs no nightly compiler. New inputs of a long run
//! stay under `target`; `--minimise` rewrites the committed corpora from them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, bail};

/// An input may be this long: several messages in a row, or a whole dialect.
const INPUT_BYTES_MAX: usize = 8_192;
/// One input may take this long, seconds.
const INPUT_TIMEOUT_SECONDS: usize = 1;
/// A process may take so much memory, MiB.
const MEMORY_MIB_MAX: usize = 256;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// How long each fuzzer runs: 60s, 10m, 2h.
    #[arg(long = "for", default_value = "60s", value_parser = duration)]
    duration: Duration,
    /// Only this fuzzer.
    #[arg(long)]
    target: Option<String>,
    /// With a sanitizer (address), several times as slow: for the one module with unsafe code.
    #[arg(long, default_value = "none")]
    sanitizer: String,
    /// Rewrite the committed corpora: the fewest inputs that reach all that was reached.
    #[arg(long)]
    minimise: bool,
}

/// What a fuzzer did.
struct Figures {
    executions: u64,
    /// Edges of the control flow that were taken, and features, which count how often too.
    edges: u64,
    features: u64,
}

pub(crate) fn run(root: &Path, args: &Args) -> anyhow::Result<()> {
    let fuzz = root.join("fuzz");
    let targets = targets(&fuzz, args.target.as_deref())?;
    let build = match std::env::var_os("CARGO_TARGET_DIR") {
        Some(folder) => PathBuf::from(folder).join("fuzz"),
        None => root.join("target/fuzz"),
    };
    for target in &targets {
        let work = build.join("corpus").join(target);
        fs::create_dir_all(&work).with_context(|| work.display().to_string())?;
        let figures = fuzz_one(&fuzz, &build, &work, target, args)?;
        let seconds = args.duration.as_secs().max(1);
        println!(
            "{target}: {} executions in {seconds} s ({} a second), {} edges, {} features, nothing found",
            figures.executions,
            figures.executions / seconds,
            figures.edges,
            figures.features
        );
        if args.minimise {
            minimise(&fuzz, &build, &work, target)?;
        }
    }
    Ok(())
}

/// The fuzzers are the files of one folder.
fn targets(fuzz: &Path, only: Option<&str>) -> anyhow::Result<Vec<String>> {
    let folder = fuzz.join("fuzz_targets");
    let entries = fs::read_dir(&folder).with_context(|| folder.display().to_string())?;
    let mut names = Vec::new();
    for entry in entries {
        let path = entry?.path();
        if let Some(stem) = path.file_stem() {
            names.push(stem.to_string_lossy().into_owned());
        }
    }
    names.sort();
    match only {
        None => Ok(names),
        Some(name) if names.iter().any(|known| known == name) => Ok(vec![name.to_owned()]),
        Some(name) => bail!("no fuzzer is called {name}: there are {}", names.join(", ")),
    }
}

fn fuzz_one(
    fuzz: &Path,
    build: &Path,
    work: &Path,
    target: &str,
    args: &Args,
) -> anyhow::Result<Figures> {
    let seconds = args.duration.as_secs();
    eprintln!("{target} for {seconds} s");
    let corpus = fuzz.join("corpus").join(target);
    let memory = match args.sanitizer.as_str() {
        "none" => MEMORY_MIB_MAX,
        // A sanitizer keeps what was freed for a while.
        _ => 8 * MEMORY_MIB_MAX,
    };
    let output = cargo_fuzz(fuzz, build, "run", &args.sanitizer)
        .arg(target)
        .args([work, &corpus])
        .arg("--")
        .arg(format!("-max_total_time={seconds}"))
        .arg(format!("-max_len={INPUT_BYTES_MAX}"))
        .arg(format!("-timeout={INPUT_TIMEOUT_SECONDS}"))
        .arg(format!("-rss_limit_mb={memory}"))
        .arg("-print_final_stats=1")
        .stderr(Stdio::piped())
        .output()
        .context(INSTALL)?;
    let text = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        eprint!("{text}");
        bail!("{target} found something, or cannot be built ({INSTALL})");
    }
    figures(&text).with_context(|| format!("{target} says nothing of what it did"))
}

/// The fewest inputs that reach all that the corpus and what was found reach.
fn minimise(fuzz: &Path, build: &Path, work: &Path, target: &str) -> anyhow::Result<()> {
    let corpus = fuzz.join("corpus").join(target);
    let entries = fs::read_dir(&corpus).with_context(|| corpus.display().to_string())?;
    for entry in entries {
        let path = entry?.path();
        fs::copy(&path, work.join(path.file_name().unwrap_or_default()))?;
    }
    let status = cargo_fuzz(fuzz, build, "cmin", "none")
        .arg(target)
        .arg(work)
        // By edges: how often each is taken would keep ten times as many.
        .args(["--", "-use_counters=0"])
        .arg(format!("-max_len={INPUT_BYTES_MAX}"))
        .status()
        .context(INSTALL)?;
    if !status.success() {
        bail!("cargo fuzz cmin {target} failed: {status}");
    }
    fs::remove_dir_all(&corpus)?;
    fs::create_dir_all(&corpus)?;
    for entry in fs::read_dir(work)? {
        let path = entry?.path();
        fs::copy(&path, corpus.join(path.file_name().unwrap_or_default()))?;
    }
    Ok(())
}

const INSTALL: &str =
    "it needs rustup toolchain install nightly and cargo install cargo-fuzz --locked";

/// But for one small module our code has no `unsafe`: without a sanitizer the fuzzers are several times as fast.
fn cargo_fuzz(fuzz: &Path, build: &Path, command: &str, sanitizer: &str) -> Command {
    let mut cargo = Command::new("cargo");
    cargo
        .args(["+nightly", "fuzz", command, "--sanitizer", sanitizer])
        .arg("--fuzz-dir")
        .arg(fuzz)
        .arg("--target-dir")
        .arg(build)
        .env_remove("CARGO")
        .env_remove("RUSTUP_TOOLCHAIN")
        .current_dir(fuzz);
    cargo
}

/// From the last line of progress and the final statistics.
fn figures(text: &str) -> Option<Figures> {
    let number_after = |line: &str, label: &str| {
        let (_, rest) = line.split_once(label)?;
        rest.split_whitespace().next()?.parse::<u64>().ok()
    };
    let progress = text.lines().rfind(|line| line.contains(" cov: "))?;
    let executions = text
        .lines()
        .find_map(|line| number_after(line, "number_of_executed_units:"))?;
    Some(Figures {
        executions,
        edges: number_after(progress, " cov: ")?,
        features: number_after(progress, " ft: ")?,
    })
}

fn duration(text: &str) -> Result<Duration, String> {
    let digits = text.trim_end_matches(|character: char| !character.is_ascii_digit());
    let unit = text.get(digits.len()..).unwrap_or_default();
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        _ => return Err("a number with s, m or h, such as 60s".into()),
    };
    let number: u64 = digits.parse().map_err(|_| "a number with s, m or h")?;
    Ok(Duration::from_secs(number.saturating_mul(seconds)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_a_unit() {
        assert_eq!(duration("60s"), Ok(Duration::from_secs(60)));
        assert_eq!(duration("2h"), Ok(Duration::from_secs(7_200)));
        assert!(duration("60").is_err() && duration("s").is_err() && duration("-1s").is_err());
    }

    #[test]
    fn figures_are_read_from_the_end_of_a_run() {
        let text = "#2 INITED cov: 10 ft: 11 corp: 1/1b\n#4 NEW    cov: 12 ft: 15 corp: 2/3b\n\
            #900 DONE   cov: 34 ft: 56 corp: 7/8b lim: 9\nstat::number_of_executed_units: 900\n";
        let figures = figures(text).expect("they are there");
        assert_eq!(
            (figures.executions, figures.edges, figures.features),
            (900, 34, 56)
        );
    }
}
