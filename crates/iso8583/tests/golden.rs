//! Messages made by others: every one must be read and written as they are, field for field and byte for byte.
//!
//! `tests/golden/oracle` is made by tests/oracle/iso8583_oracle.py, a codec of its own in Python that was held against
//! pyiso8583. `tests/golden/unionpay` are frames of UnionPay terminals as they were published, made anonymous.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "test code: a wrong fixture must stop the test"
)]

mod common;

use std::path::{Path, PathBuf};

use bytes::BytesMut;
use common::{agree, dialect, encode_json, hex, unhex, values_of};
use pointsman_iso8583::detect::{Transport, detect};
use pointsman_iso8583::mask::Unmask;
use pointsman_iso8583::{Dialect, json};
use serde_json::{Map, Value};

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../tests/golden")
        .join(name)
}

/// Reads the file and checks each of its messages; says how many there were.
fn check_file(dialect: &Dialect, path: &Path) -> usize {
    let text =
        std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    for line in text.lines() {
        let mut object: Map<String, Value> = serde_json::from_str(line).unwrap();
        let bytes = match object.remove("framed_hex") {
            // The frame's two length bytes are not the message's.
            Some(framed) => unhex(framed.as_str().unwrap()).split_off(2),
            None => unhex(object.remove("hex").unwrap().as_str().unwrap()),
        };
        object.retain(|key, _| ["mti", "header", "fields"].contains(&key.as_str()));
        if object.get("header").is_some_and(|header| header == "") {
            // One was published without TPDU and header, which it needs to be a message.
            continue;
        }
        check_message(dialect, &object, &bytes);
    }
    text.lines().count()
}

fn check_message(dialect: &Dialect, expected: &Map<String, Value>, bytes: &[u8]) {
    let place = format!("{} {}", dialect.name(), hex(bytes));
    let view = dialect
        .view(bytes)
        .unwrap_or_else(|error| panic!("{place}: {error}"));
    let values = values_of(&view);
    assert_eq!(expected["mti"], values.mti.as_str(), "{place}");
    if let Some(header) = expected.get("header") {
        assert_eq!(header, &hex(view.header()), "{place}");
    }
    let fields: Map<String, Value> = values
        .fields
        .iter()
        .map(|(number, text)| (number.to_string(), text.clone().into()))
        .collect();
    assert_eq!(Value::from(fields), expected["fields"], "{place}");
    agree(dialect, bytes);

    let decoded = json::decode_line(dialect, bytes, Unmask::Yes).unwrap();
    let decoded: Value = serde_json::from_str(&decoded).unwrap();
    assert_eq!(decoded, Value::from(expected.clone()), "{place}");

    let mut written = BytesMut::new();
    let line = Value::from(expected.clone()).to_string();
    if encode_json(dialect, &line, &mut written) {
        assert_eq!(hex(&written), hex(bytes), "{place}");
    }
}

#[test]
fn random_messages_of_the_independent_codec() {
    for name in Dialect::builtin_names().iter().chain(Dialect::pack_names()) {
        let path = golden("oracle").join(format!("{name}.jsonl"));
        assert_eq!(check_file(&dialect(name), &path), 200, "{name}");
    }
}

#[test]
fn published_frames_of_unionpay_terminals() {
    let dialect = dialect("unionpay-pos");
    assert_eq!(
        check_file(&dialect, &golden("unionpay/constructed.jsonl")),
        7
    );
    assert_eq!(
        check_file(&dialect, &golden("unionpay/sanitized.jsonl")),
        22
    );
}

/// A sign-in whose structure is public: a frame as a terminal sends it, after its two length bytes.
#[test]
fn a_unionpay_sign_in() {
    let bytes = unhex(
        "600525000060310031100108000020000000C00016000027383838383838383831303030303030303030303030303100110000000100300028\
         53657175656E6365204E6F3135333133353332302D3031372D3638370003303120"
            .replace(' ', "")
            .as_str(),
    );
    let dialect = dialect("unionpay-pos");
    let view = dialect.view(&bytes).unwrap();
    assert_eq!(view.mti().as_str(), "0800");
    assert_eq!(
        view.fields().iter().collect::<Vec<_>>(),
        [11, 41, 42, 60, 62, 63]
    );
    assert_eq!(view.to_text(11).as_deref(), Some("000027"));
    assert_eq!(view.to_text(41).as_deref(), Some("88888888"));
    assert_eq!(view.to_text(60).as_deref(), Some("00000001003"));
    assert_eq!(
        &*dialect.reply_header(view.header()),
        unhex("6000000525603100311001")
    );
}

/// Messages of unknown origin, tried in all dialects that come with the crate: the best guess reads them whole, and only
/// one that reads them as well may stand before the dialect that they are of.
#[test]
fn the_dialect_of_a_message_is_found() {
    let names = || Dialect::builtin_names().iter().chain(Dialect::pack_names());
    let all: Vec<_> = names().map(|name| dialect(name)).collect();
    let mut tried = 0;
    for name in names() {
        let text = std::fs::read_to_string(golden(&format!("oracle/{name}.jsonl"))).unwrap();
        for line in text.lines().take(60) {
            let object: Map<String, Value> = serde_json::from_str(line).unwrap();
            let bytes = unhex(object["hex"].as_str().unwrap());
            let count = object["fields"].as_object().unwrap().len();
            // Some have a message type that no version knows, which speaks against any reading.
            let mti = object["mti"].as_str().unwrap().as_bytes();
            let is_known = mti[0] <= b'2' && (b'1'..=b'8').contains(&mti[1]);
            if count == 0 || !is_known {
                continue;
            }
            tried += 1;
            let found = detect(&bytes, &[Transport::whole(bytes.len())], &all);
            let own = found
                .iter()
                .position(|candidate| candidate.dialect.name() == *name)
                .unwrap_or_else(|| panic!("{name} {}", hex(&bytes)));
            let better = &found[..own];
            assert!(found[own].fits_all(), "{name} {}", hex(&bytes));
            assert!(better.iter().all(|other| other.fits_all()), "{name}");
        }
    }
    assert!(tried > 600, "{tried}");
}
