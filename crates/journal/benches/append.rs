//! What durability costs: the log and the SQLite store against what the disk itself takes for a sync, in one run.
//!
//! `cargo bench -p pointsman-journal`. Writers are tasks on one thread, each of which appends a record and waits until the
//! mark has passed it: as the switch does. `JOURNAL_BENCH_DIR` says which disk (default: the folder for the build).
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a benchmark"
)]

use std::fs::OpenOptions;
use std::ops::ControlFlow;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use pointsman_journal::event::{CardToken, Event, Intent, Sealed, UnixMicros};
use pointsman_journal::log::{LogEngine, LogOptions};
use pointsman_journal::sqlite::{SqliteEngine, SqliteOptions};
use pointsman_journal::vfs::RealFs;
use pointsman_journal::{Durability, Engine, Health, Journal, JournalOptions, Lsn};

/// Of the sealed body of an intent, which makes a record of about 512 bytes.
const BODY_BYTES: usize = 360;
/// Of each measurement; enough for a thousand syncs of a slow disk.
const MEASURED: Duration = Duration::from_secs(3);
/// Not measured, before each.
const WARM_UP: Duration = Duration::from_millis(500);
const RECOVERED_RECORDS: usize = 1_000_000;

fn main() {
    let directory = tempfile::tempdir_in(disk()).unwrap();
    println!(
        "intents of {} bytes, {} s each, on {}\n",
        record_bytes(),
        MEASURED.as_secs(),
        disk().display()
    );
    println!("writers                       p50 us   p99 us   max us   records/s    p50/probe");
    let probe = probe(&directory.path().join("probe"));
    row("sync of a prewritten file", 1, &probe, &probe);
    let mut rates = Vec::new();
    for writers in [1, 16, 64, 256] {
        let at = directory.path().join(format!("log-{writers}"));
        let figures = appends(Box::new(log(&at, Durability::Commit)), writers);
        row("log", writers, &figures, &probe);
        rates.push((writers, figures.rate));
        std::fs::remove_dir_all(&at).unwrap();
    }
    for writers in [64, 256] {
        let at = directory.path().join(format!("relaxed-{writers}"));
        let figures = appends(Box::new(log(&at, Durability::Relaxed)), writers);
        row("log, relaxed", writers, &figures, &probe);
        std::fs::remove_dir_all(&at).unwrap();
    }
    for (writers, of_log) in rates {
        let at = directory.path().join(format!("store-{writers}"));
        let store = SqliteEngine::open(&at, SqliteOptions::default(), &mut |_| {
            ControlFlow::Continue(())
        })
        .unwrap();
        let figures = appends(Box::new(store), writers);
        row("SQLite store", writers, &figures, &probe);
        println!(
            "{:66}the log is {:.1} times as fast",
            "",
            of_log / figures.rate
        );
        std::fs::remove_dir_all(&at).unwrap();
    }
    let (rate, bytes) = recovery(&directory.path().join("recovery"));
    println!(
        "\nrecovery: {rate:.0} records/s, {:.0} MB/s",
        rate * bytes / 1e6
    );
}

/// A disk, not a file system in memory, wherever the folder for temporary files may be.
fn disk() -> PathBuf {
    std::env::var_os("JOURNAL_BENCH_DIR").map_or_else(
        || {
            Path::new(env!("CARGO_TARGET_TMPDIR"))
                .parent()
                .unwrap_or(Path::new("."))
                .into()
        },
        PathBuf::from,
    )
}

/// What the switch writes for each purchase, before it asks the bank.
fn write(tx: u64, record: &mut Vec<u8>) {
    Event::Intent(Intent {
        tx,
        at: UnixMicros(1_795_000_000_000_000 + tx as i64),
        link: "bank-a",
        listener: "pos",
        mti: "0200",
        terminal: "T0000001",
        merchant: "M00000000000001",
        terminal_stan: 41,
        link_stan: (tx % 999_999) as u32 + 1,
        rrn: "632820000041",
        amount: Some(1_250),
        currency: "978",
        processing_code: "000000",
        masked_pan: "411111******1111",
        card: CardToken(u128::from(tx).wrapping_mul(SPREAD).to_le_bytes()),
        key: u128::from(tx).wrapping_mul(SPREAD).to_be_bytes(),
        body: Sealed::new(&[7; BODY_BYTES]).unwrap(),
    })
    .encode(record);
}

/// Makes numbers that follow one another look like hashes.
const SPREAD: u128 = 0x9E37_79B9_7F4A_7C15_F39C_C060_5CED_C835;

fn record_bytes() -> usize {
    let mut record = Vec::new();
    write(1, &mut record);
    record.len()
}

const INTENT: u8 = 2;

struct Figures {
    latency: Histogram<u64>,
    rate: f64,
}

fn row(name: &str, writers: usize, figures: &Figures, probe: &Figures) {
    let p50 = figures.latency.value_at_quantile(0.5) as f64 / 1000.0;
    println!(
        "{name:26} {writers:4}  {p50:7.0}  {:7.0}  {:7.0}  {:10.0}  {:9.1}",
        figures.latency.value_at_quantile(0.99) as f64 / 1000.0,
        figures.latency.max() as f64 / 1000.0,
        figures.rate,
        p50 * 1000.0 / probe.latency.value_at_quantile(0.5) as f64,
    );
}

fn histogram() -> Histogram<u64> {
    Histogram::new(3).unwrap()
}

/// The disk's own: a record is written into blocks that are there, and synced.
fn probe(path: &Path) -> Figures {
    const FILE_BYTES: u64 = 64 * 1024 * 1024;
    let file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(path)
        .unwrap();
    let zeros = vec![0; 1024 * 1024];
    for at in (0..FILE_BYTES).step_by(zeros.len()) {
        file.write_all_at(&zeros, at).unwrap();
    }
    file.sync_all().unwrap();
    let mut record = Vec::new();
    write(1, &mut record);
    let mut latency = histogram();
    let begun = Instant::now();
    let mut at = 0;
    while begun.elapsed() < MEASURED + WARM_UP {
        let start = Instant::now();
        file.write_all_at(&record, at).unwrap();
        file.sync_data().unwrap();
        if begun.elapsed() > WARM_UP {
            latency.record(start.elapsed().as_nanos() as u64).unwrap();
        }
        at = (at + record.len() as u64) % (FILE_BYTES - record.len() as u64);
    }
    Figures {
        rate: latency.len() as f64 / MEASURED.as_secs_f64(),
        latency,
    }
}

fn log(directory: &Path, durability: Durability) -> LogEngine {
    let options = LogOptions {
        durability,
        ..LogOptions::default()
    };
    let log = LogEngine::open(Arc::new(RealFs), directory, options, &mut |_| {
        ControlFlow::Continue(())
    })
    .unwrap();
    // What is prepared in the background is no part of what an append costs, and would be over in production.
    while !directory.join("0000000000000003.segment").exists() {
        std::thread::sleep(Duration::from_millis(10));
    }
    log
}

/// Each writer appends when its last record is durable.
fn appends(engine: Box<dyn Engine>, writers: usize) -> Figures {
    let journal = Journal::start(engine, JournalOptions::default()).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let begun = Instant::now();
    let latency = runtime.block_on(async {
        let tasks: Vec<_> = (0..writers)
            .map(|number| {
                let writer = writer(journal.clone(), number as u64, begun);
                tokio::task::spawn(writer)
            })
            .collect();
        let mut all = histogram();
        for task in tasks {
            all.add(task.await.unwrap()).unwrap();
        }
        all
    });
    assert_eq!(journal.close().health, Health::Good);
    Figures {
        rate: latency.len() as f64 / MEASURED.as_secs_f64(),
        latency,
    }
}

async fn writer(journal: Journal, number: u64, begun: Instant) -> Histogram<u64> {
    let mut tx = number << 32;
    let mut mark = journal.mark();
    let mut latency = histogram();
    while begun.elapsed() < MEASURED + WARM_UP {
        let start = Instant::now();
        tx += 1;
        let lsn = journal.append(INTENT, |record| write(tx, record)).unwrap();
        mark.wait_for(|mark| mark.durable >= lsn).await.unwrap();
        if begun.elapsed() > WARM_UP {
            latency.record(start.elapsed().as_nanos() as u64).unwrap();
        }
    }
    latency
}

/// Records a second of opening a log, each looked at, and bytes of a record.
fn recovery(directory: &Path) -> (f64, f64) {
    let journal = Journal::start(
        Box::new(log(directory, Durability::Relaxed)),
        JournalOptions {
            queue_bytes_max: usize::MAX,
            ..JournalOptions::default()
        },
    )
    .unwrap();
    for tx in 0..RECOVERED_RECORDS as u64 {
        journal.append(INTENT, |record| write(tx, record)).unwrap();
    }
    assert_eq!(journal.close().durable, Lsn::new(RECOVERED_RECORDS as u64));
    let begun = Instant::now();
    let mut bytes = 0;
    let log = LogEngine::open(
        Arc::new(RealFs),
        directory,
        LogOptions::default(),
        &mut |record| {
            bytes += record.payload.len();
            ControlFlow::Continue(())
        },
    )
    .unwrap();
    let took = begun.elapsed();
    assert_eq!(bytes, RECOVERED_RECORDS * record_bytes());
    let records = log.recovered().records as f64;
    (records / took.as_secs_f64(), (record_bytes() + 24) as f64)
}
