//! What the codec costs: nanoseconds and allocations for the canonical purchase (18 fields, 138 bytes of EMV data) in
//! every dialect.
//!
//! `cargo bench -p pointsman-iso8583` prints the table; a part of a dialect's name as argument measures only those.
//! Each figure is the fastest of many short runs: on a machine that does other work, that is the run that was disturbed
//! least. `memcpy` of the same message is the floor, and the ratio to it compares machines.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark prints, and stops if its fixture is wrong"
)]

use std::hint::black_box;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use pointsman_iso8583::{Builder, Dialect, Mti, Stan, TextBuffer, Transcoder};
use pointsman_test_support::canonical;

/// Runs of each operation; the fastest counts.
const RUNS: usize = 60;
/// About as long as one run lasts: short enough to fall between two disturbances.
const RUN_LENGTH: Duration = Duration::from_millis(4);

const OPERATIONS: [&str; 6] = [
    "memcpy of the message",
    "decode, validated",
    "decode + read 5 fields",
    "build 18 fields",
    "forward: decode, own STAN",
    "transcode: decode, own STAN",
];

fn main() {
    let wanted = std::env::args()
        .skip(1)
        .find(|argument| !argument.starts_with("--"));
    let is_wanted = |name: &&&str| {
        wanted
            .as_ref()
            .is_none_or(|part| name.contains(part.as_str()))
    };
    let names: Vec<&str> = Dialect::builtin_names()
        .iter()
        .filter(is_wanted)
        .copied()
        .collect();
    let columns: Vec<_> = names.iter().map(|name| measure_dialect(name)).collect();

    println!(
        "The canonical 0200 with 18 fields: ns per message, times a memcpy of it, allocations\n"
    );
    print!("{:<29}", "");
    for (name, (length, _)) in names.iter().zip(&columns) {
        print!("{:>21}", format!("{name} {length} B"));
    }
    println!();
    for (row, operation) in OPERATIONS.iter().enumerate() {
        print!("{operation:<29}");
        for (_, figures) in &columns {
            let (figure, floor) = (&figures[row], &figures[0]);
            let ratio = figure.nanoseconds / floor.nanoseconds;
            print!(
                "{:>21}",
                format!(
                    "{:.1} {ratio:>3.0}x {:>2}",
                    figure.nanoseconds, figure.allocations
                )
            );
        }
        println!();
    }
    println!(
        "\nThe five fields are PAN, amount, STAN, terminal and reference number. Transcoding is to iso87-bcd, from"
    );
    println!("iso87-bcd to iso87-ascii. Writing goes into a buffer that is reused.");
}

/// Length of the message, and one figure for each of [`OPERATIONS`].
fn measure_dialect(name: &str) -> (usize, [Figure; OPERATIONS.len()]) {
    let dialect = Dialect::builtin(name).unwrap();
    let message = canonical::PURCHASE.encode(&dialect).unwrap();
    let bytes = message.as_slice();
    let target = Dialect::builtin(if name == "iso87-bcd" {
        "iso87-ascii"
    } else {
        "iso87-bcd"
    })
    .unwrap();
    let mti = Mti::literal(b"0200");
    let stan = Stan::new(654_321).unwrap();
    let mut copy = vec![0; bytes.len()];
    let mut buffer = TextBuffer::new();
    let mut out = BytesMut::with_capacity(4096);

    let mut write = |transcoder: &Transcoder| {
        out.clear();
        let view = dialect.view(black_box(bytes)).unwrap();
        let header = transcoder.to().default_header();
        let written = transcoder
            .write(&view, view.mti(), header, &[], &mut out)
            .unwrap();
        written
            .stan
            .unwrap()
            .stamp(black_box(&mut out[written.message]), stan);
    };
    let forward = Transcoder::new(&dialect, &dialect);
    let forward = measure(|| write(&forward));
    let transcode = Transcoder::new(&dialect, &target);
    let transcode = measure(|| write(&transcode));

    let figures = [
        measure(|| black_box(&mut copy[..]).copy_from_slice(black_box(bytes))),
        measure(|| {
            black_box(dialect.view(black_box(bytes)).is_ok());
        }),
        measure(|| {
            let view = dialect.view(black_box(bytes)).unwrap();
            black_box((view.pan(), view.amount(), view.stan()));
            black_box(view.text(41, &mut buffer));
            black_box(view.text(37, &mut buffer));
        }),
        measure(|| {
            out.clear();
            let mut builder = Builder::new(&dialect, &mut out, mti);
            for (number, value) in canonical::PURCHASE.fields {
                builder.text(*number, value).unwrap();
            }
            black_box(builder.finish().unwrap());
        }),
        forward,
        transcode,
    ];
    (bytes.len(), figures)
}

struct Figure {
    nanoseconds: f64,
    allocations: u64,
}

fn measure(mut operation: impl FnMut()) -> Figure {
    operation();
    let allocations = allocation_counter::measure(&mut operation).count_total;
    let mut timed = |count: u32| {
        let start = Instant::now();
        for _ in 0..count {
            operation();
        }
        start.elapsed()
    };
    let mut count = 64;
    while timed(count) < RUN_LENGTH {
        count *= 2;
    }
    let best = (0..RUNS).map(|_| timed(count)).min().unwrap_or_default();
    Figure {
        nanoseconds: best.as_nanos() as f64 / f64::from(count),
        allocations,
    }
}
