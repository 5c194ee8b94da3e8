//! Every truncation and every single-byte change of the canonical messages, in every dialect: the fast path and the
//! reference agree on each, so each decodes or has an error that names field and offset.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "test code: a wrong fixture must stop the test"
)]

mod common;

use common::{Values, agree, dialects, encode, purchase, unhex};
use pointsman_iso8583::{Content, Dialect, Encoding, Field, Length, PrefixEncoding};
use pointsman_test_support::canonical;

fn messages(dialect: &Dialect) -> Vec<Vec<u8>> {
    let others = canonical::ALL
        .iter()
        .filter(|message| message.name != canonical::PURCHASE.name)
        .filter_map(|message| message.encode(dialect));
    std::iter::once(encode(dialect, &purchase(dialect)).to_vec())
        .chain(others)
        .collect()
}

#[test]
fn every_truncation() {
    for dialect in dialects() {
        for message in messages(&dialect) {
            for length in 0..message.len() {
                agree(&dialect, &message[..length]);
                let error = dialect.view(&message[..length]).err().unwrap();
                assert!(
                    error.offset <= length,
                    "{} {length}: {error}",
                    dialect.name()
                );
            }
        }
    }
}

/// The reference is slow: it judges a sample of the changes, another one at each byte, and all if `EXHAUSTIVE` is set.
#[test]
fn every_single_byte_change() {
    let sample = if std::env::var_os("EXHAUSTIVE").is_some() {
        1
    } else {
        64
    };
    for dialect in dialects() {
        for message in messages(&dialect) {
            changes(&message, |changed, place, byte| {
                let sampled = (usize::from(byte) + place).is_multiple_of(sample);
                if let Err(error) = dialect.view(changed) {
                    assert!(error.offset <= message.len(), "{} {error}", dialect.name());
                    assert!(!sampled || !error.explain(&dialect).message.is_empty());
                }
                if sampled {
                    agree(&dialect, changed);
                }
            });
        }
    }
}

/// Short messages, one for each kind of field: here the reference judges every change.
#[test]
fn every_change_in_a_field_of_each_kind() {
    for dialect in dialects() {
        let mut seen = Vec::new();
        for field in dialect.fields() {
            let kind = (
                field.content,
                field.encoding,
                field.pad,
                std::mem::discriminant(&field.length),
            );
            // Fixed packed fields with and without a filler are of two kinds.
            let odd = matches!(field.length, Length::Fixed(length) if length % 2 == 1);
            if seen.contains(&(kind, odd)) {
                continue;
            }
            seen.push((kind, odd));
            for length in [3, 4] {
                let message = one_field(&dialect, field, length);
                // The bitmap has its changes in the other messages.
                let skipped = message.len() - field.prefix_length() - wire_length(field, length);
                changes(&message, |changed, place, _| {
                    if place >= skipped {
                        agree(&dialect, changed);
                    }
                });
            }
        }
    }
}

/// One unit less or more, in the prefix and in the value alike: over the limit, odd hex, another filler.
#[test]
fn every_length_and_its_neighbours() {
    for dialect in dialects() {
        for field in dialect.fields() {
            let Length::Variable {
                digits,
                prefix,
                max,
            } = field.length
            else {
                continue;
            };
            for length in [2, usize::from(max) / 2 * 2, usize::from(max)] {
                let message = one_field(&dialect, field, length);
                let start = message.len() - wire_length(field, length) - field.prefix_length();
                for neighbour in [length.saturating_sub(1), length + 1] {
                    let mut changed = message[..start].to_vec();
                    changed.extend(prefix_bytes(prefix, digits, neighbour));
                    let value = &message[start + field.prefix_length()..];
                    let last = value.last().copied().unwrap_or(0);
                    let count = match field.encoding {
                        Encoding::HexText => neighbour,
                        _ => wire_length(field, neighbour),
                    };
                    changed.extend(value.iter().copied().chain([last; 2]).take(count));
                    agree(&dialect, &changed);
                    let limit_kept = neighbour <= usize::from(max);
                    let even = field.encoding != Encoding::HexText || neighbour.is_multiple_of(2);
                    if !(limit_kept && even) {
                        assert!(
                            dialect.view(&changed).is_err(),
                            "{} field {}",
                            dialect.name(),
                            field.number
                        );
                    }
                }
            }
        }
    }
}

/// Each byte of the message, each other value of it.
fn changes(message: &[u8], mut judge: impl FnMut(&[u8], usize, u8)) {
    let mut changed = message.to_vec();
    for place in 0..message.len() {
        for byte in 0..=255 {
            changed[place] = byte;
            judge(&changed, place, byte);
        }
        changed[place] = message[place];
    }
}

/// A message of this field alone; a variable one has so many units.
fn one_field(dialect: &Dialect, field: &Field, length: usize) -> Vec<u8> {
    let units = match field.length {
        Length::Fixed(units) => usize::from(units),
        Length::Variable { .. } if field.encoding == Encoding::HexText => length / 2 * 2,
        Length::Variable { .. } => length,
    };
    let text = match (field.content, field.encoding, field.length) {
        (Content::SignedN, ..) => format!("C{}", "1".repeat(units - 1)),
        (Content::B, Encoding::HexText, Length::Variable { .. }) => "1".repeat(units),
        (Content::B, ..) => "11".repeat(units),
        _ => "1".repeat(units),
    };
    let values = Values {
        header: dialect.default_header().to_vec(),
        mti: "0200".parse().unwrap(),
        fields: [(field.number, text)].into(),
    };
    encode(dialect, &values).to_vec()
}

fn wire_length(field: &Field, length: usize) -> usize {
    match field.length {
        Length::Fixed(units) => field.wire_length(usize::from(units)),
        Length::Variable { .. } if field.encoding == Encoding::HexText => length / 2 * 2,
        Length::Variable { .. } => field.wire_length(length),
    }
}

fn prefix_bytes(prefix: PrefixEncoding, digits: u8, length: usize) -> Vec<u8> {
    let text = format!("{length:0width$}", width = usize::from(digits));
    match prefix {
        PrefixEncoding::Ascii => text.into_bytes(),
        PrefixEncoding::Ebcdic => text.bytes().map(|digit| digit - b'0' + 0xF0).collect(),
        PrefixEncoding::Bcd if text.len() % 2 == 1 => unhex(&format!("0{text}")),
        PrefixEncoding::Bcd => unhex(&text),
        PrefixEncoding::Binary1 => vec![u8::try_from(length).unwrap()],
        PrefixEncoding::Binary2 => u16::try_from(length).unwrap().to_be_bytes().to_vec(),
        prefix => panic!("how is {prefix:?} written?"),
    }
}

#[test]
fn bytes_too_many_for_any_message() {
    for dialect in dialects() {
        agree(&dialect, &vec![0; 65_536]);
        agree(&dialect, &vec![b'0'; 100_000]);
    }
}
