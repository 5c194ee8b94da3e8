//! Every truncation and every single-byte change of the canonical messages, in every dialect: the fast path and the
//! reference agree on each, so each decodes or has an error that names field and offset.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "test code: a wrong fixture must stop the test"
)]

mod common;

use common::{agree, dialects, encode, purchase};
use pointsman_iso8583::Dialect;
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
        16
    };
    for dialect in dialects() {
        for message in messages(&dialect) {
            let mut changed = message.clone();
            for place in 0..message.len() {
                for byte in 0..=255 {
                    changed[place] = byte;
                    let sampled = (usize::from(byte) + place).is_multiple_of(sample);
                    if let Err(error) = dialect.view(&changed) {
                        assert!(error.offset <= message.len(), "{} {error}", dialect.name());
                        assert!(!sampled || !error.explain(&dialect).message.is_empty());
                    }
                    if sampled {
                        agree(&dialect, &changed);
                    }
                }
                changed[place] = message[place];
            }
        }
    }
}

#[test]
fn bytes_too_many_for_any_message() {
    for dialect in dialects() {
        agree(&dialect, &vec![0; 65_536]);
        agree(&dialect, &vec![b'0'; 100_000]);
    }
}
