//! The run from the first start to the verdict.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use pointsman_sim_bank::{BankHandle, Entry, Ledger};
use pointsman_sim_common::{Exit, Failure, stop_signals};
use tempfile::TempDir;
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until, timeout};

use crate::args::{Args, Plant};
use crate::banks;
use crate::counts::{Counts, lock};
use crate::dice::Dice;
use crate::drain::to_rest;
use crate::fault::Odds;
use crate::keeper::{Keeper, Kept};
use crate::live::Live;
use crate::proxy::{Line, Proxy};
use crate::receipt::Receipt;
use crate::reconcile::reconcile;
use crate::report::Report;
use crate::setup::{BANKS, LISTENERS, config};
use crate::switch::Home;
use crate::terminal::{Drawer, Till};

/// Faults that a second on each link brings, about.
const FAULTS_PER_SECOND: f64 = 0.6;

/// How often progress is shown.
const LIVE_EVERY: Duration = Duration::from_millis(500);

/// How long terminals may take to finish when faults have stopped.
const FINISH_PATIENCE: Duration = Duration::from_secs(60);

/// Runs chaos against `program`, or what the options name instead, and prints the report.
///
/// # Errors
/// The run could not be made: an address or a directory cannot be had, or the switch does not start.
pub async fn run(args: Args, program: PathBuf) -> Result<Exit, Failure> {
    let (place, kept) = place(args.keep.as_deref())?;
    let home = Home {
        directory: kept,
        program: args.switch.clone().unwrap_or(program),
    };
    let mut report = match chaos(&args, &home).await {
        Ok(report) => report,
        Err(failure) => {
            // What is left is all that can tell why.
            keep(place);
            return Err(failure.hint(format_args!("the logs are in {}", home.directory.display())));
        }
    };
    let named = place.is_none();
    if named {
        report.kept = Some(home.directory.clone());
    } else if !report.is_clean() {
        keep(place);
        report.kept = Some(home.directory.clone());
    }
    print(&report, args.json)?;
    Ok(match (report.is_clean(), report.totals.transactions) {
        (true, 0) => Exit::INTERRUPTED,
        (true, _) => Exit::OK,
        (false, _) => Exit::FAILED,
    })
}

/// A directory that goes away, unless one was named.
fn place(named: Option<&Path>) -> Result<(Option<TempDir>, PathBuf), Failure> {
    let cannot = |error: io::Error| Failure::new(Exit::CANNOT_CREATE, error);
    let Some(named) = named else {
        let place = tempfile::Builder::new()
            .prefix("pointsman-chaos-")
            .tempdir()
            .map_err(cannot)?;
        let path = place.path().to_path_buf();
        return Ok((Some(place), path));
    };
    let named = std::path::absolute(named).map_err(cannot)?;
    std::fs::create_dir_all(&named).map_err(cannot)?;
    if std::fs::read_dir(&named).map_err(cannot)?.next().is_some() {
        return Err(Failure::new(
            Exit::CANNOT_CREATE,
            format_args!("--keep {}: not empty", named.display()),
        )
        .hint("the switch would go on with another run's journal; name a new directory"));
    }
    Ok((None, named))
}

fn keep(place: Option<TempDir>) {
    if let Some(place) = place {
        let _ = place.keep();
    }
}

fn print(report: &Report, json: bool) -> Result<(), Failure> {
    let failed = |error: io::Error| Failure::new(Exit::IO, error);
    let text = if json {
        let text = serde_json::to_string_pretty(report).map_err(|error| failed(error.into()))?;
        format!("{text}\n")
    } else {
        report.to_string()
    };
    io::stdout().write_all(text.as_bytes()).map_err(failed)
}

async fn chaos(args: &Args, home: &Home) -> Result<Report, Failure> {
    let mut stop = Box::pin(
        stop_signals()
            .map_err(|error| Failure::new(Exit::IO, error))?
            .times(1),
    );
    let counts = Arc::new(Counts::default());
    let (calm, calmed) = watch::channel(false);
    let banks = banks::start(args.seed, &home.directory).await?;
    let proxies = proxies(args, &banks, &counts, &calmed).await?;
    let links: Vec<_> = proxies.iter().map(Proxy::address).collect();
    home.write_config(&config(&links, args.engine, args.durability))?;

    let (doors, open) = watch::channel(None);
    let keeper = Keeper {
        home: home.clone(),
        dice: Dice::new(args.seed, 1),
        every: args.kill_every,
        counts: Arc::clone(&counts),
        doors,
        calm: calmed.clone(),
    };
    let mut keeper = tokio::spawn(keeper.run());
    let drawers: Vec<_> = (0..args.terminals)
        .map(|_| Arc::new(Mutex::new(Drawer::default())))
        .collect();
    let mut terminals = JoinSet::new();
    for (number, drawer) in (0_u32..).zip(&drawers) {
        let listener = number as usize % LISTENERS.len();
        let till = Till {
            number,
            listener,
            wire: LISTENERS
                .get(listener)
                .ok_or_else(|| Failure::new(Exit::DATA, "no listener"))?
                .wire()?,
            doors: open.clone(),
            every: Duration::from_secs_f64(f64::from(args.terminals) / f64::from(args.rate)),
            seed: args.seed,
            counts: Arc::clone(&counts),
            closing: calmed.clone(),
            plant: args.plant,
            drawer: Arc::clone(drawer),
        };
        terminals.spawn(till.run());
    }

    let mut live = Live::new(args.quiet);
    // The first start makes the journal, and is no part of what is measured.
    let mut opened = open.clone();
    let stopped = tokio::select! {
        _ = opened.wait_for(Option::is_some) => false,
        () = &mut stop => true,
        kept = &mut keeper => {
            ended(kept)?;
            false
        }
    };
    let started = Instant::now();
    let mut rounds = interval(LIVE_EVERY);
    rounds.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let end = if stopped {
        started
    } else {
        started + args.duration
    };
    loop {
        tokio::select! {
            biased;
            () = &mut stop, if !stopped => break,
            () = sleep_until(end) => break,
            // Neither ends before faults do, unless it failed.
            kept = &mut keeper => {
                ended(kept)?;
            }
            Some(finished) = terminals.join_next() => {
                ended(finished)?;
            }
            _ = rounds.tick() => live.show(started.elapsed(), &counts.totals()),
        }
    }
    let elapsed = started.elapsed();
    live.say("faults have stopped; terminals finish what they have open");
    calm.send_replace(true);
    for bank in &banks {
        bank.forget_rules();
    }
    let unfinished = finish(&mut terminals).await?;
    live.say("the switch settles what it owes");
    let kept = settled(keeper).await?;
    counts.starts.add();
    let mut seen = to_rest(kept, home, counts.starts.get(), &banks).await?;
    if unfinished > 0 {
        seen.problems.push(format!(
            "{unfinished} terminals have not finished within {FINISH_PATIENCE:?}"
        ));
    }
    let receipts = receipts(&drawers, &mut seen.problems);
    write_receipts(&home.directory, &receipts)?;
    let books = books(&banks, args.plant);
    let mut report = Report::new(
        args.seed,
        elapsed,
        counts.totals(),
        counts.faults(),
        &banks,
        seen,
    );
    report.differences = reconcile(&receipts, &books);
    if report.totals.transactions > 0 && report.totals.approved == 0 {
        report
            .problems
            .push("nothing was approved: this run proves nothing".to_owned());
    }
    Ok(report)
}

async fn proxies(
    args: &Args,
    banks: &[BankHandle],
    counts: &Arc<Counts>,
    calm: &watch::Receiver<bool>,
) -> Result<Vec<Proxy>, Failure> {
    let mut proxies = Vec::new();
    for (number, (party, bank)) in (0_u64..).zip(BANKS.iter().zip(banks)) {
        let line = Line {
            bank: bank.local_addr(),
            wire: party.wire()?,
            odds: Odds::new(FAULTS_PER_SECOND, f64::from(args.rate) / BANKS.len() as f64),
            dice: Dice::new(args.seed, 100 + number),
            counts: Arc::clone(counts),
            calm: calm.clone(),
        };
        let proxy = Proxy::start(line)
            .await
            .map_err(|error| Failure::new(Exit::UNAVAILABLE, error))?;
        proxies.push(proxy);
    }
    Ok(proxies)
}

/// What a task came to.
fn ended<T>(task: Result<Result<T, Failure>, tokio::task::JoinError>) -> Result<T, Failure> {
    task.map_err(|error| Failure::new(Exit::FAILED, format_args!("a task of the run: {error}")))?
}

/// Waits for the terminals; gives how many have not finished.
async fn finish(terminals: &mut JoinSet<Result<(), Failure>>) -> Result<usize, Failure> {
    let all = async {
        while let Some(finished) = terminals.join_next().await {
            ended(finished)?;
        }
        Ok(())
    };
    match timeout(FINISH_PATIENCE, all).await {
        Ok(finished) => finished.map(|()| 0),
        Err(_) => Ok(terminals.len()),
    }
}

async fn settled(keeper: JoinHandle<Result<Kept, Failure>>) -> Result<Kept, Failure> {
    ended(keeper.await)
}

fn receipts(drawers: &[Arc<Mutex<Drawer>>], problems: &mut Vec<String>) -> Vec<Receipt> {
    let mut receipts = Vec::new();
    for drawer in drawers {
        let drawer = std::mem::take(&mut *lock(drawer));
        receipts.extend(drawer.receipts);
        let strangers = drawer.strangers.into_iter();
        problems.extend(strangers.map(|stranger| format!("an answer of another: {stranger}")));
    }
    receipts
}

fn write_receipts(directory: &Path, receipts: &[Receipt]) -> Result<(), Failure> {
    let write = || -> io::Result<()> {
        let mut file = BufWriter::new(File::create(directory.join("receipts.jsonl"))?);
        for receipt in receipts {
            serde_json::to_writer(&mut file, receipt)?;
            file.write_all(b"\n")?;
        }
        file.flush()
    };
    write().map_err(|error| Failure::new(Exit::CANNOT_CREATE, error))
}

/// What the banks have booked, with what was made wrong on purpose.
fn books(banks: &[BankHandle], plant: Option<Plant>) -> Vec<Vec<Entry>> {
    let mut books: Vec<Vec<Entry>> = banks
        .iter()
        .map(|bank| bank.ledger().map(Ledger::entries).unwrap_or_default())
        .collect();
    if let Some(book) = books.first_mut()
        && let Some(place) = book
            .iter()
            .position(|entry| !entry.reversed && !entry.mti.is_advice())
    {
        match plant {
            Some(Plant::LosesEntry) => drop(book.remove(place)),
            Some(Plant::BooksTwice) => book.extend(book.get(place).copied()),
            _ => {}
        }
    }
    books
}
