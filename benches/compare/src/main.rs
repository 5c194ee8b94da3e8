//! Reading the canonical purchase of 18 fields: this codec beside other crates, on the same bytes in the same run.
//!
//! `cargo run --release --manifest-path benches/compare/Cargo.toml`
//!
//! Each crate gets the form of the message that it can read, and checks what it checks: what that is stands beside it.
#![allow(
    clippy::unwrap_used,
    reason = "a benchmark stops if its fixture is wrong"
)]

use std::collections::HashMap;
use std::hint::black_box;
use std::time::{Duration, Instant};

use i8583::data::{Size, Spec as Layout, Type};
use iso_8583_rs::specfile::{FieldDescription, Spec as Description};
use iso_8583_rs::{CompiledSpec, Message};
use iso8583_codec::{FieldSpec, Length, Message as Owned, Spec};
use pointsman_iso8583::Dialect;
use pointsman_test_support::canonical;

/// Content, length prefix digits (0: fixed) and length of the fields in the message, as text.
const FIELDS: [(u8, &str, u8, u16); 18] = [
    (2, "n", 2, 19),
    (3, "n", 0, 6),
    (4, "n", 0, 12),
    (7, "n", 0, 10),
    (11, "n", 0, 6),
    (12, "n", 0, 6),
    (13, "n", 0, 4),
    (14, "n", 0, 4),
    (18, "n", 0, 4),
    (22, "n", 0, 3),
    (25, "n", 0, 2),
    (35, "z", 2, 37),
    (37, "an", 0, 12),
    (41, "ans", 0, 8),
    (42, "ans", 0, 15),
    (49, "an", 0, 3),
    (52, "an", 0, 16),
    (55, "an", 3, 999),
];

fn main() {
    let [ascii, mixed] = ["iso87-ascii", "iso87-mixed"].map(|name| {
        let dialect = Dialect::builtin(name).unwrap();
        let bytes = canonical::PURCHASE.encode(&dialect).unwrap().to_vec();
        (dialect, bytes)
    });
    let mut copy = [0; 1024];

    println!(
        "ASCII with a hex bitmap, {} bytes: ns, times ours",
        ascii.1.len()
    );
    let (dialect, bytes) = &ascii;
    let ours = fastest(|| dialect.view(black_box(bytes)).is_ok());
    line(
        "memcpy",
        fastest(|| black_box(&mut copy[..bytes.len()]).copy_from_slice(black_box(bytes))),
        ours,
    );
    line("pointsman-iso8583: every byte", ours, ours);
    line(
        "pointsman-iso8583: structure",
        fastest(|| dialect.outline(black_box(bytes)).is_ok()),
        ours,
    );
    let spec = iso_8583_rs_spec();
    assert_eq!(
        Message::parse(&spec, bytes).unwrap().get(37),
        Some(&b"632814000123"[..])
    );
    line(
        "iso_8583_rs 0.2: n, a, an, ans; not z",
        fastest(|| Message::parse(&spec, black_box(bytes)).is_ok()),
        ours,
    );
    line(
        "iso_8583_rs 0.2: structure",
        fastest(|| Message::parse_lazy(&spec, black_box(bytes)).is_ok()),
        ours,
    );
    let layout = i8583_layout();
    assert!(i8583::Unpacker::new(bytes).unpack(&layout).unwrap()[37].is_some());
    line(
        "i8583 0.1: structure",
        fastest(|| {
            i8583::Unpacker::new(black_box(bytes))
                .unpack(&layout)
                .is_ok()
        }),
        ours,
    );

    let (dialect, bytes) = &mixed;
    println!("\nASCII with a raw bitmap, {} bytes", bytes.len());
    let ours = fastest(|| dialect.view(black_box(bytes)).is_ok());
    line(
        "memcpy",
        fastest(|| black_box(&mut copy[..bytes.len()]).copy_from_slice(black_box(bytes))),
        ours,
    );
    line("pointsman-iso8583: every byte", ours, ours);
    let spec = codec_spec();
    assert_eq!(Owned::parse(&spec, bytes).unwrap().field_count(), 18);
    line(
        "iso8583-codec 0.1: owned values",
        fastest(|| Owned::parse(&spec, black_box(bytes)).is_ok()),
        ours,
    );
}

fn line(name: &str, nanoseconds: f64, ours: f64) {
    println!("{name:<40}{nanoseconds:>8.1} {:>6.1}x", nanoseconds / ours);
}

/// The fastest of many short runs, in nanoseconds.
fn fastest<T>(mut operation: impl FnMut() -> T) -> f64 {
    const COUNT: u32 = 20_000;
    let mut timed = || {
        let start = Instant::now();
        for _ in 0..COUNT {
            black_box(operation());
        }
        start.elapsed()
    };
    let best = (0..100).map(|_| timed()).min().unwrap_or(Duration::MAX);
    best.as_nanos() as f64 / f64::from(COUNT)
}

fn iso_8583_rs_spec() -> CompiledSpec {
    let fields = FIELDS.map(|(number, content, digits, length)| {
        let description = FieldDescription {
            content_type: content.to_owned(),
            len_type: ["fixed", "", "llvar", "lllvar"][usize::from(digits)].to_owned(),
            max_len: length.into(),
            min_len: 0,
            label: String::new(),
        };
        (number.into(), description)
    });
    CompiledSpec::compile(&Description {
        fields: HashMap::from(fields),
    })
    .unwrap()
}

fn i8583_layout() -> [Option<Layout>; 129] {
    std::array::from_fn(|number| {
        let (data_type, data_size) = match number {
            0 => (Type::NUM, Size::FIXED(4)),
            1 => (Type::AN, Size::BMP),
            _ => {
                let (_, _, digits, length) =
                    FIELDS.iter().find(|field| usize::from(field.0) == number)?;
                let size = match digits {
                    0 => Size::FIXED(*length),
                    2 => Size::LL(*length),
                    _ => Size::LLL(*length),
                };
                (Type::ANS, size)
            }
        };
        Some(Layout {
            data_type,
            data_size,
        })
    })
}

fn codec_spec() -> Spec {
    let mut spec = Spec::builder("canonical");
    for (number, content, digits, length) in FIELDS {
        let length = match digits {
            0 => Length::fixed(length),
            2 => Length::llvar(length),
            _ => Length::lllvar(length),
        };
        spec = spec.field(match (number, content) {
            // Raw bytes in this form of the message.
            (52, _) => FieldSpec::binary(number, "field", Length::fixed(8)),
            (55, _) => FieldSpec::binary(number, "field", length),
            (_, "n") => FieldSpec::numeric(number, "field", length),
            _ => FieldSpec::text(number, "field", length),
        });
    }
    spec.build().unwrap()
}
