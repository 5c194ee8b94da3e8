//! The laws of the built-in dialects hold for any dialect that somebody may write: random tables, random messages.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "test code: a wrong fixture must stop the test"
)]

mod common;

use std::sync::Arc;

use bytes::BytesMut;
use common::{
    Spoil, Values, agree, config, encode, encode_json, message, random, spoil, spoiled, values_of,
};
use pointsman_iso8583::mask::Unmask;
use pointsman_iso8583::{Dialect, explain, json};
use proptest::prelude::*;

/// A dialect, a message of it, and what to spoil.
fn inputs() -> impl Strategy<Value = (Arc<Dialect>, Values, Vec<Spoil>)> {
    random::dialect(64, 128, 192).prop_flat_map(|dialect| {
        let messages = message(&dialect);
        (
            Just(dialect),
            messages,
            prop::collection::vec(spoil(), 1..3),
        )
    })
}

proptest! {
    #![proptest_config(config(256))]

    #[test]
    fn what_is_written_is_read_by_both_parsers((dialect, values, spoils) in inputs()) {
        let bytes = encode(&dialect, &values);
        agree(&dialect, &bytes);
        let read = values_of(&dialect.view(&bytes).unwrap());
        prop_assert_eq!(&read.fields, &values.fields, "{}", dialect.to_toml());
        prop_assert_eq!(encode(&dialect, &read), bytes.clone());
        agree(&dialect, &spoiled(&bytes, &spoils));
    }

    #[test]
    fn json_and_trees_of_any_dialect((dialect, values, spoils) in inputs()) {
        let bytes = encode(&dialect, &values);
        let line = json::decode_line(&dialect, &bytes, Unmask::Yes).unwrap();
        let mut written = BytesMut::new();
        if encode_json(&dialect, &line, &mut written) {
            prop_assert_eq!(written, bytes.clone());
        }
        let mut tree = String::new();
        let error = explain::tree(&dialect, &spoiled(&bytes, &spoils), Unmask::No, &mut tree).unwrap();
        prop_assert_eq!(error, dialect.view(&spoiled(&bytes, &spoils)).err());
    }
}
