//! A campaign of one target: many executions with stable Rust, counted.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command-line tool talks to its user"
)]

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use clap::Parser;
use pointsman_test_fuzz_targets::campaign::{self, BATCH, Limits};
use pointsman_test_fuzz_targets::{LIGHT_TARGETS, TARGETS, inputs};

/// A batch takes milliseconds; one that takes this long hangs.
const BATCH_SECONDS_MAX: u64 = 120;

/// Runs fuzz targets on random changes of their corpora and counts the executions.
#[derive(Debug, Parser)]
struct Args {
    /// The targets; all if none is named.
    targets: Vec<String>,
    /// Executions of each target.
    #[arg(long, default_value_t = 10_000_000)]
    executions: u64,
    /// Seconds that each target may take.
    #[arg(long, default_value_t = 3_600)]
    seconds: u64,
    /// A folder with more inputs to start from, in one folder each for the corpora: tests/oracle/fuzz_seeds.py writes one.
    #[arg(long, value_name = "FOLDER")]
    seeds: Option<PathBuf>,
    /// What all the choices follow from.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The first batch of the seed.
    #[arg(long, default_value_t = 0)]
    batch: u64,
}

fn main() -> ExitCode {
    let args = Args::parse();
    let known = || LIGHT_TARGETS.iter().chain(TARGETS);
    let is_unknown = |name: &&String| !known().any(|target| target.name == **name);
    if let Some(name) = args.targets.iter().find(is_unknown) {
        let names: Vec<&str> = known().map(|target| target.name).collect();
        eprintln!("no target is called {name}: there are {}", names.join(", "));
        return ExitCode::from(64);
    }
    let mut total = 0;
    for target in known() {
        let is_asked =
            args.targets.is_empty() || args.targets.iter().any(|name| name == target.name);
        if !is_asked {
            continue;
        }
        let limits = Limits {
            seed: args.seed,
            first_batch: args.batch,
            executions: args.executions,
            time: Duration::from_secs(args.seconds),
        };
        let folder = args.seeds.as_ref().map(|seeds| seeds.join(target.corpus));
        let more = folder.map(|folder| inputs(&folder)).transpose();
        let watch = |batch| watch(target.name, args.seed, batch);
        match more.and_then(|more| campaign::run(target, more.unwrap_or_default(), limits, watch)) {
            Ok(Ok(done)) => {
                total += done.executions;
                let seconds = done.time.as_secs_f64().max(0.001);
                println!(
                    "{}: {} executions ({} bytes) in {seconds:.0} s, {:.0} a second, nothing broken",
                    target.name,
                    done.executions,
                    done.bytes,
                    done.executions as f64 / seconds
                );
            }
            Ok(Err(broken)) => {
                let hex: String = broken
                    .input
                    .iter()
                    .map(|byte| format!("{byte:02X}"))
                    .collect();
                println!(
                    "{} breaks on {hex} (--seed {} --batch {})",
                    target.name, args.seed, broken.batch
                );
                return ExitCode::FAILURE;
            }
            Err(error) => {
                eprintln!("the inputs of {} cannot be read: {error}", target.name);
                return ExitCode::FAILURE;
            }
        }
    }
    println!("together: {total} executions");
    ExitCode::SUCCESS
}

/// Ends the run with the name of the batch if one does not end: nobody else would.
fn watch(target: &'static str, seed: u64, batch: u64) {
    static LATEST: Mutex<Option<(&str, u64)>> = Mutex::new(None);
    let latest = || LATEST.lock().unwrap_or_else(PoisonError::into_inner);
    if latest().replace((target, batch)).is_some() {
        return;
    }
    std::thread::spawn(move || {
        let mut seen = None;
        loop {
            std::thread::sleep(Duration::from_secs(BATCH_SECONDS_MAX));
            let now = *latest();
            if let (true, Some((target, batch))) = (now == seen, now) {
                eprintln!(
                    "a batch of {BATCH} did not end within {BATCH_SECONDS_MAX} s: \
                     {target} --seed {seed} --batch {batch}"
                );
                std::process::exit(1);
            }
            seen = now;
        }
    });
}
