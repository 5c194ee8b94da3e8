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

#[test]
fn every_single_byte_change() {
    for dialect in dialects() {
        for (count, message) in messages(&dialect).iter().enumerate() {
            let mut changed = message.clone();
            for place in 0..message.len() {
                for byte in 0..=255 {
                    changed[place] = byte;
                    if let Err(error) = dialect.view(&changed) {
                        assert!(error.offset <= message.len(), "{} {error}", dialect.name());
                        if byte % 16 == 1 {
                            assert!(!error.explain(&dialect).message.is_empty());
                        }
                    }
                    // The reference is slow: half the changes of one message, some of the others.
                    if byte % 16 == 1 || count == 0 && byte % 2 == 0 {
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
