//! Runs many seeds, or shows one: `cargo run --release -p pointsman-test-sim -- --seeds 0..100000`.

use std::io::Write;
use std::ops::Range;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use pointsman_test_sim::{Options, PlantedBug, Report, Tally, run};

const USAGE: &str = "\
Runs the simulation of the engine.

Usage: pointsman-test-sim [--seeds A..B] [--plain] [--for SECONDS] [--bug NAME] [--jobs N] [--keep-going]
       pointsman-test-sim --trace SEED [--plain] [--bug NAME]

  --seeds A..B   these seeds (default 0..1000)
  --for SECONDS  stop after this time even if seeds are left
  --jobs N       so many seeds at a time (default: one for each core)
  --plain        worlds without what came later: stand-in and the like
  --keep-going   do not stop at the first violation
  --bug NAME     plant this bug in the engine, to see it found
  --trace SEED   run one seed and print what happens
";

struct Arguments {
    seeds: Range<u64>,
    stop_after: Option<Duration>,
    jobs: usize,
    options: Options,
    keep_going: bool,
    trace: Option<u64>,
}

fn main() -> ExitCode {
    match parse(std::env::args().skip(1)) {
        Ok(Some(arguments)) => match arguments.trace {
            Some(seed) => trace(seed, arguments.options),
            None => campaign(&arguments),
        },
        Ok(None) => say(USAGE),
        Err(error) => {
            complain(&format!("error: {error}\n\n{USAGE}"));
            ExitCode::from(64)
        }
    }
}

fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Option<Arguments>, String> {
    let mut parsed = Arguments {
        seeds: 0..1_000,
        stop_after: None,
        jobs: std::thread::available_parallelism().map_or(1, usize::from),
        options: Options::default(),
        keep_going: false,
        trace: None,
    };
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or(format!("{argument} needs a value"));
        let number = |text: &str| {
            text.parse::<u64>()
                .map_err(|_| format!("'{text}' is not a number"))
        };
        match argument.as_str() {
            "--help" | "-h" => return Ok(None),
            "--seeds" => {
                let value = value()?;
                let (first, end) = value.split_once("..").ok_or("--seeds is written A..B")?;
                parsed.seeds = number(first)?..number(end)?;
            }
            "--for" => parsed.stop_after = Some(Duration::from_secs(number(&value()?)?)),
            "--jobs" => parsed.jobs = number(&value()?)?.max(1) as usize,
            "--plain" => parsed.options.plain = true,
            "--keep-going" => parsed.keep_going = true,
            "--trace" => parsed.trace = Some(number(&value()?)?),
            "--bug" => {
                let name = value()?;
                let bug = PlantedBug::ALL
                    .into_iter()
                    .find(|bug| format!("{bug:?}") == name);
                let names = PlantedBug::ALL.map(|bug| format!("{bug:?}")).join(", ");
                parsed.options.bug =
                    Some(bug.ok_or(format!("'{name}' is none of the bugs: {names}"))?);
            }
            _ => return Err(format!("'{argument}' is not known here")),
        }
    }
    Ok(Some(parsed))
}

fn trace(seed: u64, options: Options) -> ExitCode {
    let report = run(
        seed,
        Options {
            trace: true,
            ..options
        },
    );
    let mut text = report.lines.join("\n");
    text += &format!(
        "\nseed {seed}: {} transactions, {} approved, {} steps, {} ms, hash {:016x}\n",
        report.transactions,
        report.approved,
        report.steps,
        report.simulated.as_millis(),
        report.hash,
    );
    say(&text);
    match report.violation {
        Some(violation) => {
            complain(&format!("seed {seed}: {violation}\n"));
            ExitCode::FAILURE
        }
        None => ExitCode::SUCCESS,
    }
}

#[derive(Default)]
struct Totals {
    next: AtomicU64,
    seeds: AtomicU64,
    transactions: AtomicU64,
    approved: AtomicU64,
    declined_by_bank: AtomicU64,
    declined_by_switch: AtomicU64,
    crashes: AtomicU64,
    reversals: AtomicU64,
    advices: AtomicU64,
    stood_in: AtomicU64,
    excused: AtomicU64,
    violations: AtomicU64,
    simulated_ms: AtomicU64,
    causes: Mutex<Tally>,
    events: Mutex<Tally>,
    failed: AtomicBool,
}

fn campaign(arguments: &Arguments) -> ExitCode {
    let totals = Totals::default();
    totals.next.store(arguments.seeds.start, Ordering::Relaxed);
    let begun = Instant::now();
    let stop = || {
        totals.failed.load(Ordering::Relaxed)
            || arguments
                .stop_after
                .is_some_and(|after| begun.elapsed() >= after)
    };
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..arguments.jobs)
            .map(|_| {
                scope.spawn(|| {
                    while !stop() {
                        let seed = totals.next.fetch_add(1, Ordering::Relaxed);
                        if seed >= arguments.seeds.end {
                            break;
                        }
                        count(&totals, &run(seed, arguments.options), arguments);
                    }
                })
            })
            .collect();
        while workers.iter().any(|worker| !worker.is_finished()) {
            std::thread::sleep(Duration::from_millis(100));
            complain(&format!("\r{}", line(&totals, begun)));
        }
    });
    complain(&format!("\r{}\n", line(&totals, begun)));
    for (name, tally) in [("declines", &totals.causes), ("events", &totals.events)] {
        let tally = tally.lock().unwrap_or_else(PoisonError::into_inner);
        let counts: Vec<String> = tally
            .iter()
            .map(|(what, count)| format!("{what} {count}"))
            .collect();
        say(&format!("{name}: {}\n", counts.join(", ")));
    }
    if totals.violations.load(Ordering::Relaxed) > 0 {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    }
}

fn count(totals: &Totals, report: &Report, arguments: &Arguments) {
    let add = |total: &AtomicU64, count: u64| total.fetch_add(count, Ordering::Relaxed);
    add(&totals.seeds, 1);
    add(&totals.transactions, report.transactions);
    add(&totals.approved, report.approved);
    add(&totals.declined_by_bank, report.declined_by_bank);
    add(&totals.declined_by_switch, report.declined_by_switch);
    add(&totals.crashes, report.crashes);
    add(&totals.reversals, report.reversals);
    add(&totals.advices, report.advices);
    add(&totals.stood_in, report.stood_in);
    add(&totals.excused, report.excused);
    add(&totals.simulated_ms, report.simulated.as_millis() as u64);
    for (total, tally) in [
        (&totals.causes, &report.causes),
        (&totals.events, &report.events),
    ] {
        let mut total = total.lock().unwrap_or_else(PoisonError::into_inner);
        for (what, count) in tally {
            *total.entry(what).or_default() += count;
        }
    }
    if let Some(violation) = &report.violation {
        totals
            .failed
            .store(!arguments.keep_going, Ordering::Relaxed);
        add(&totals.violations, 1);
        let seed = report.seed;
        let bug = arguments
            .options
            .bug
            .map(|bug| format!(" --bug {bug:?}"))
            .unwrap_or_default();
        let plain = if arguments.options.plain {
            " --plain"
        } else {
            ""
        };
        complain(&format!(
            "\nseed {seed}: {violation}\n  replay: cargo run --release -p pointsman-test-sim -- --trace {seed}{plain}{bug}\n"
        ));
    }
}

fn line(totals: &Totals, begun: Instant) -> String {
    let get = |total: &AtomicU64| total.load(Ordering::Relaxed);
    let transactions = get(&totals.transactions);
    format!(
        "{} seeds, {transactions} messages ({} approved, {} declined by banks, {} by the switch), {} crashes, {} reversals, {} advices, {} stood in, {} excused, {} violations, {} h simulated, {:.0} messages/s ",
        get(&totals.seeds),
        get(&totals.approved),
        get(&totals.declined_by_bank),
        get(&totals.declined_by_switch),
        get(&totals.crashes),
        get(&totals.reversals),
        get(&totals.advices),
        get(&totals.stood_in),
        get(&totals.excused),
        get(&totals.violations),
        get(&totals.simulated_ms) / 3_600_000,
        transactions as f64 / begun.elapsed().as_secs_f64(),
    )
}

fn say(text: &str) -> ExitCode {
    match std::io::stdout().write_all(text.as_bytes()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

fn complain(text: &str) {
    // Nobody can be told that telling failed.
    let _ = std::io::stderr().write_all(text.as_bytes());
}
