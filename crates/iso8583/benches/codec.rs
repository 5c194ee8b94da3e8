//! What the codec costs for the canonical purchase (18 fields, 138 bytes of EMV data) in every dialect.
//!
//! `cargo bench -p pointsman-iso8583` prints the table; a part of a dialect's name as argument measures only those.
//! Each figure is the fastest of many short runs: on a machine that does other work, that is the run that was disturbed
//! least. `memcpy` of the same message is the floor, and the ratio to it compares machines.
//!
//! `-- --repeat OPERATION DIALECT COUNT` does one operation so many times and prints nothing: for profilers, and for
//! `cargo xtask bench-instructions`, which counts.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark prints, and stops if its fixture is wrong"
)]

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use pointsman_iso8583::{Builder, Dialect, Mti, Stan, TextBuffer, Transcoder};
use pointsman_test_support::canonical;

/// Runs of each operation; the fastest counts.
const RUNS: usize = 60;
/// About as long as one run lasts: short enough to fall between two disturbances.
const RUN_LENGTH: Duration = Duration::from_millis(4);

#[derive(Clone, Copy, PartialEq, Eq)]
enum Operation {
    Copy,
    Outline,
    Decode,
    Read,
    Forward,
    Transcode,
    Build,
    Refuse,
    Parts,
}

/// Each with its short name and its line in the table.
const OPERATIONS: [(Operation, &str, &str); 9] = [
    (Operation::Copy, "copy", "memcpy of the message"),
    (Operation::Outline, "outline", "decode, structure only"),
    (Operation::Decode, "decode", "decode, validated"),
    (Operation::Read, "read", "decode + read 5 fields"),
    (Operation::Forward, "forward", "forward: decode, own STAN"),
    (
        Operation::Transcode,
        "transcode",
        "transcode: decode, own STAN",
    ),
    (Operation::Build, "build", "build 18 fields"),
    (Operation::Refuse, "refuse", "refuse: last byte missing"),
    (Operation::Parts, "parts", "walk the parts of 3, 22, 55"),
];

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [flag, operation, dialect, count, ..] = arguments.as_slice()
        && flag == "--repeat"
    {
        let named = OPERATIONS.iter().find(|(_, name, _)| name == operation);
        let (operation, ..) = named.unwrap();
        Fixture::new(dialect).repeat(*operation, count.parse().unwrap());
        return;
    }
    let wanted = arguments
        .iter()
        .find(|argument| !argument.starts_with("--"));
    let names: Vec<&str> = Dialect::builtin_names()
        .iter()
        .filter(|name| wanted.is_none_or(|part| name.contains(part.as_str())))
        .copied()
        .collect();

    println!(
        "The canonical 0200 with 18 fields: ns a message, GB/s, times a memcpy of it, allocations\n"
    );
    print!("{:<29}", "");
    let mut fixtures: Vec<Fixture> = names.iter().map(|name| Fixture::new(name)).collect();
    for (name, fixture) in names.iter().zip(&fixtures) {
        print!("{:>25}", format!("{name} {} B", fixture.bytes.len()));
    }
    println!();
    let mut floors = vec![f64::NAN; fixtures.len()];
    for (operation, _, line) in OPERATIONS {
        print!("{line:<29}");
        for (fixture, floor) in fixtures.iter_mut().zip(&mut floors) {
            let (nanoseconds, allocations) = measure(fixture, operation);
            if operation == Operation::Copy {
                *floor = nanoseconds;
            }
            let speed = fixture.bytes.len() as f64 / nanoseconds;
            let ratio = nanoseconds / *floor;
            print!(
                "{:>25}",
                format!("{nanoseconds:.1} {speed:>5.1} {ratio:>3.0}x {allocations:>2}")
            );
        }
        println!();
    }
    println!(
        "\nThe five fields are PAN, amount, STAN, terminal and reference number. Transcoding is to iso87-bcd, from"
    );
    println!(
        "iso87-bcd to iso87-ascii. Writing goes into a buffer that is reused. A message is refused by the careful"
    );
    println!(
        "decoder, which reads it again to say what is wrong. Views are made in place (`view_in`)."
    );
}

/// The fastest time of the operation in nanoseconds, and how often it allocates.
fn measure(fixture: &mut Fixture, operation: Operation) -> (f64, u64) {
    fixture.repeat(operation, 1);
    let allocations = allocation_counter::measure(|| fixture.repeat(operation, 1)).count_total;
    let mut timed = |count: u32| {
        let start = Instant::now();
        fixture.repeat(operation, count);
        start.elapsed()
    };
    let mut count = 64;
    while timed(count) < RUN_LENGTH {
        count *= 2;
    }
    let best = (0..RUNS).map(|_| timed(count)).min().unwrap_or_default();
    (best.as_nanos() as f64 / f64::from(count), allocations)
}

/// The message in one dialect, and all that is prepared once.
struct Fixture {
    dialect: Arc<Dialect>,
    bytes: Vec<u8>,
    same: Transcoder,
    other: Transcoder,
    copy: Vec<u8>,
    buffer: TextBuffer,
    out: BytesMut,
}

impl Fixture {
    fn new(name: &str) -> Fixture {
        let dialect = Dialect::builtin(name).unwrap();
        let other = match name {
            "iso87-bcd" => "iso87-ascii",
            _ => "iso87-bcd",
        };
        let bytes = canonical::PURCHASE.encode(&dialect).unwrap().to_vec();
        Fixture {
            same: Transcoder::new(&dialect, &dialect),
            other: Transcoder::new(&dialect, &Dialect::builtin(other).unwrap()),
            copy: vec![0; bytes.len()],
            buffer: TextBuffer::new(),
            out: BytesMut::with_capacity(4096),
            dialect,
            bytes,
        }
    }

    /// Does the operation so many times. The choice is made before the loop.
    fn repeat(&mut self, operation: Operation, count: u32) {
        let Fixture {
            dialect,
            bytes,
            copy,
            buffer,
            out,
            ..
        } = self;
        let bytes = bytes.as_slice();
        let stan = Stan::new(654_321).unwrap();
        let mut write = |transcoder: &Transcoder| {
            out.clear();
            let mut room = None;
            let view = dialect.view_in(black_box(bytes), &mut room).unwrap();
            let header = transcoder.to().default_header();
            let written = transcoder
                .write(view, view.mti(), header, &[], out)
                .unwrap();
            let slot = written.stan.unwrap();
            slot.stamp(black_box(&mut out[written.message]), stan);
        };
        match operation {
            Operation::Copy => {
                for _ in 0..count {
                    black_box(&mut copy[..]).copy_from_slice(black_box(bytes));
                }
            }
            Operation::Outline => {
                for _ in 0..count {
                    black_box(dialect.outline(black_box(bytes)).is_ok());
                }
            }
            Operation::Decode => {
                for _ in 0..count {
                    let mut room = None;
                    black_box(dialect.view_in(black_box(bytes), &mut room).is_ok());
                }
            }
            Operation::Read => {
                for _ in 0..count {
                    let mut room = None;
                    let view = dialect.view_in(black_box(bytes), &mut room).unwrap();
                    black_box((view.pan(), view.amount(), view.stan()));
                    black_box(view.text(41, buffer));
                    black_box(view.text(37, buffer));
                }
            }
            Operation::Forward => {
                for _ in 0..count {
                    write(&self.same);
                }
            }
            Operation::Transcode => {
                for _ in 0..count {
                    write(&self.other);
                }
            }
            Operation::Build => {
                for _ in 0..count {
                    out.clear();
                    let mut builder = Builder::new(dialect, out, Mti::literal(b"0200"));
                    for (number, value) in canonical::PURCHASE.fields {
                        builder.text(*number, value).unwrap();
                    }
                    black_box(builder.finish().unwrap());
                }
            }
            Operation::Refuse => {
                let (_, cut) = bytes.split_last().unwrap();
                for _ in 0..count {
                    black_box(dialect.view(black_box(cut)).is_err());
                }
            }
            Operation::Parts => {
                let view = dialect.view(bytes).unwrap();
                for _ in 0..count {
                    for number in [3, 22, 55] {
                        let parts = black_box(&view).parts(number);
                        for part in parts.into_iter().flatten().map_while(Result::ok) {
                            black_box((part.tag(), part.length()));
                        }
                    }
                }
            }
        }
    }
}
