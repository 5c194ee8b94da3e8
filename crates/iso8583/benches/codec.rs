//! What the codec costs: nanoseconds and allocations for the canonical purchase (18 fields, 138 bytes of EMV data) in
//! every dialect.
//!
//! `cargo bench -p pointsman-iso8583` prints the table; a part of a dialect's name as argument measures only that one.
//! Each figure is the fastest of many short runs: on a machine that does other work, that is the run that was disturbed
//! least. `memcpy` of the same message is the floor; the ratio to it in brackets compares machines.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a benchmark prints, and stops if its fixture is wrong"
)]

use std::hint::black_box;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use pointsman_iso8583::{Builder, Dialect, Edit, Mti, Stan, TextBuffer, Transcoder};
use pointsman_test_support::canonical;

const PURCHASE: Mti = Mti::literal(b"0200");
/// Runs of each operation; the fastest counts.
const RUNS: usize = 60;
/// About as long as one run lasts: short enough to fall between two disturbances.
const RUN_LENGTH: Duration = Duration::from_millis(4);

fn main() {
    let wanted = std::env::args()
        .skip(1)
        .find(|argument| !argument.starts_with("--"));
    println!("canonical 0200, 18 fields, ns per message (times a memcpy of it) and allocations\n");
    print!("{:<26}", "");
    for column in COLUMNS {
        print!("{column:>20}");
    }
    println!();
    for name in Dialect::builtin_names() {
        if wanted
            .as_ref()
            .is_none_or(|part| name.contains(part.as_str()))
        {
            measure_dialect(name);
        }
    }
    println!(
        "\ntranscode writes iso87-bcd, from iso87-bcd it writes iso87-ascii; every figure validates what it reads"
    );
}

const COLUMNS: [&str; 8] = [
    "memcpy",
    "decode",
    "+ 5 fields",
    "+ 5 typed",
    "build",
    "forward",
    "transcode",
    "decode+transcode",
];

fn measure_dialect(name: &str) {
    let dialect = Dialect::builtin(name).unwrap();
    let bytes = canonical::PURCHASE.encode(&dialect).unwrap();
    let bytes = bytes.as_slice();
    let view = dialect.view(bytes).unwrap();
    let target = Dialect::builtin(if name == "iso87-bcd" {
        "iso87-ascii"
    } else {
        "iso87-bcd"
    })
    .unwrap();
    let same = Transcoder::new(&dialect, &dialect);
    let other = Transcoder::new(&dialect, &target);
    let stan = Stan::new(654_321).unwrap();
    let mut out = BytesMut::with_capacity(4096);
    let mut buffer = TextBuffer::new();

    let mut copy = vec![0; bytes.len()];
    let floor = measure(|| black_box(&mut copy[..]).copy_from_slice(black_box(bytes)));
    let row = [
        measure(|| {
            black_box(dialect.view(black_box(bytes)).is_ok());
        }),
        measure(|| {
            let view = dialect.view(black_box(bytes)).unwrap();
            for number in [2, 4, 11, 41, 37] {
                black_box(view.text(number, &mut buffer));
            }
        }),
        measure(|| {
            let view = dialect.view(black_box(bytes)).unwrap();
            black_box((
                view.pan(),
                view.amount(),
                view.stan(),
                view.wire(41),
                view.wire(37),
            ));
        }),
        measure(|| {
            out.clear();
            let mut builder = Builder::new(&dialect, &mut out, PURCHASE);
            for (number, value) in canonical::PURCHASE.fields {
                builder.text(*number, value).unwrap();
            }
            black_box(builder.finish().unwrap());
        }),
        measure(|| {
            out.clear();
            let view = dialect.view(black_box(bytes)).unwrap();
            let written = same
                .write(&view, view.mti(), view.header(), &[], &mut out)
                .unwrap();
            written.stan.unwrap().stamp(&mut out[written.message], stan);
        }),
        measure(|| {
            out.clear();
            let edits = [Edit::Set(11, "654321")];
            black_box(
                other
                    .write(&view, view.mti(), target.default_header(), &edits, &mut out)
                    .unwrap(),
            );
        }),
        measure(|| {
            out.clear();
            let view = dialect.view(black_box(bytes)).unwrap();
            let written = other
                .write(&view, view.mti(), target.default_header(), &[], &mut out)
                .unwrap();
            written.stan.unwrap().stamp(&mut out[written.message], stan);
        }),
    ];
    print!(
        "{:<26}{:>20}",
        format!("{name} ({} bytes)", bytes.len()),
        cell(&floor, &floor)
    );
    for figure in &row {
        print!("{:>20}", cell(figure, &floor));
    }
    println!();
}

struct Figure {
    nanoseconds: f64,
    allocations: u64,
}

fn cell(figure: &Figure, floor: &Figure) -> String {
    format!(
        "{:.1} ({:.0}x) {}",
        figure.nanoseconds,
        figure.nanoseconds / floor.nanoseconds,
        figure.allocations
    )
}

fn measure(mut operation: impl FnMut()) -> Figure {
    operation();
    let allocations = allocation_counter::measure(&mut operation).count_total;
    let mut count = 64_u32;
    let mut timed = |count: u32| {
        let start = Instant::now();
        for _ in 0..count {
            operation();
        }
        start.elapsed()
    };
    while timed(count) < RUN_LENGTH {
        count *= 2;
    }
    let best = (0..RUNS).map(|_| timed(count)).min().unwrap_or_default();
    Figure {
        nanoseconds: best.as_nanos() as f64 / f64::from(count),
        allocations,
    }
}
