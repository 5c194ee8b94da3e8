//! The laws of the built-in dialects hold for any dialect that somebody may write: random tables, random messages.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "test code: a wrong fixture must stop the test"
)]

mod common;

use std::sync::Arc;

use bytes::BytesMut;
use common::{Spoil, Values, agree, config, encode, message, spoil, spoiled, values_of};
use pointsman_iso8583::mask::Unmask;
use pointsman_iso8583::{Dialect, explain, json};
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

const TEXT: [&str; 2] = ["ascii", "ebcdic"];
const DIGITS: [&str; 3] = ["ascii", "ebcdic", "bcd"];
const BINARY: [&str; 2] = ["hex", "raw"];
const PAD: [&str; 2] = ["left", "right"];

/// One field of the table: its line of TOML.
fn field(number: u8) -> impl Strategy<Value = String> {
    let kind = select(vec!["n", "z", "a", "an", "ans", "ns", "x+n", "b"]);
    let length = prop_oneof![
        (1..20u16).prop_map(|length| length.to_string()),
        (1..=99u16).prop_map(|max| format!("..{max}")),
        (1..=999u16).prop_map(|max| format!("...{max}")),
    ];
    (kind, length, select(DIGITS.to_vec()), select(TEXT.to_vec()), select(BINARY.to_vec()), select(DIGITS.to_vec()), select(PAD.to_vec()))
        .prop_map(move |(kind, length, digits, text, binary, prefix, pad)| {
            // Signed amounts are fixed in the standard.
            let length = if kind == "x+n" { (length.len() + 3).to_string() } else { length };
            let encoding = match kind {
                "n" | "z" => digits,
                "b" => binary,
                _ => text,
            };
            let prefix = if length.starts_with('.') { format!(", prefix = \"{prefix}\"") } else { String::new() };
            let pad = if encoding == "bcd" { format!(", pad = \"{pad}\"") } else { String::new() };
            format!("{number} = {{ name = \"Field {number}\", type = \"{kind}{length}\", encoding = \"{encoding}\"{prefix}{pad} }}\n")
        })
}

fn dialect() -> impl Strategy<Value = Arc<Dialect>> {
    let fields = any::<bool>().prop_flat_map(|secondary| {
        let last = if secondary { 128 } else { 64 };
        let numbers: Vec<u8> = (2..=last).filter(|number| *number != 65).collect();
        let fields = subsequence(numbers, 4..20)
            .prop_flat_map(|numbers| numbers.into_iter().map(field).collect::<Vec<_>>());
        (Just(secondary), fields)
    });
    let header = prop::collection::vec(any::<u8>(), 0..12);
    (fields, header, select(DIGITS.to_vec()), select(vec!["hex", "binary"])).prop_map(|((secondary, fields), header, mti, bitmap)| {
        let toml = format!(
            "name = \"random\"\ndescription = \"random\"\necho = []\n[message]\nheader = \"{}\"\ntpdu = {}\nmti = \"{mti}\"\n\
             bitmap = \"{bitmap}\"\nsecondary_bitmap = {secondary}\n[defaults]\ndigits = \"ascii\"\ntrack = \"ascii\"\ntext = \"ascii\"\n\
             binary = \"hex\"\nprefix = \"ascii\"\npad = \"left\"\n[fields]\n{}",
            common::hex(&header),
            header.len() >= 5,
            fields.concat()
        );
        let dialect = Dialect::parse(&toml).unwrap_or_else(|errors| panic!("{errors:?} in\n{toml}"));
        assert_eq!(Dialect::parse(&dialect.to_toml()).as_ref(), Ok(&dialect), "{toml}");
        Arc::new(dialect)
    })
}

/// A dialect, a message of it, and what to spoil.
fn inputs() -> impl Strategy<Value = (Arc<Dialect>, Values, Vec<Spoil>)> {
    dialect().prop_flat_map(|dialect| {
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
        json::encode_line(&dialect, &line, &mut written).unwrap();
        prop_assert_eq!(written, bytes.clone());
        let mut tree = String::new();
        let error = explain::tree(&dialect, &spoiled(&bytes, &spoils), Unmask::No, &mut tree).unwrap();
        prop_assert_eq!(error, dialect.view(&spoiled(&bytes, &spoils)).err());
    }
}
