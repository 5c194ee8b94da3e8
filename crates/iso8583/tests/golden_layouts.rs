//! Parts of fields against an implementation of its own in Python (tests/oracle/layouts_oracle.py), in both directions; and what
//! becomes of the same fields when they are spoiled.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "test code: a wrong fixture must stop the test"
)]

mod common;

use std::path::Path;

use bytes::BytesMut;
use common::{dialect, hex};
use pointsman_iso8583::json::JsonErrorKind;
use pointsman_iso8583::mask::{self, Unmask};
use pointsman_iso8583::{Builder, Dialect, Parts, explain, json};
use serde_json::Value;

/// Dialect, line, and the message of its field.
fn lines() -> Vec<(String, String, BytesMut)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden/layouts");
    let mut lines = Vec::new();
    for name in Dialect::builtin_names().iter().chain(Dialect::pack_names()) {
        let Ok(text) = std::fs::read_to_string(folder.join(format!("{name}.jsonl"))) else {
            continue;
        };
        let dialect = dialect(name);
        for line in text.lines() {
            let object: Value = serde_json::from_str(line).unwrap();
            let mut out = BytesMut::new();
            let mti = object["mti"].as_str().unwrap().parse().unwrap();
            let mut builder = Builder::new(&dialect, &mut out, mti);
            let field = u8::try_from(object["field"].as_u64().unwrap()).unwrap();
            builder
                .text(field, object["value"].as_str().unwrap())
                .unwrap();
            builder.finish().unwrap();
            lines.push(((*name).to_owned(), line.to_owned(), out));
        }
    }
    lines
}

#[test]
fn parts_are_those_of_the_oracle() {
    let lines = lines();
    assert!(lines.len() > 500, "{}", lines.len());
    for (name, line, bytes) in lines {
        let dialect = dialect(&name);
        let object: Value = serde_json::from_str(&line).unwrap();
        let field = object["field"].to_string();
        let read = json::decode_parts_line(&dialect, &bytes, Unmask::Yes).unwrap();
        let read: Value = serde_json::from_str(&read).unwrap();
        assert_eq!(
            read["parts"][&field], object["parts"],
            "{name} {line}\n{read}"
        );

        // As it stands in the line: tagged parts have an order.
        let parts = &line[line.find("\"parts\":").unwrap() + 8..line.len() - 1];
        let line = format!(
            "{{\"mti\":{},\"fields\":{{\"{field}\":{parts}}}}}",
            object["mti"]
        );
        let mut written = BytesMut::new();
        json::encode_line(&dialect, &line, &mut written)
            .unwrap_or_else(|error| panic!("{name} {line}: {error}"));
        assert_eq!(hex(&written), hex(&bytes), "{name} {line}");
    }
}

fn count(parts: Parts<'_>) -> usize {
    parts
        .map_while(Result::ok)
        .map(|part| 1 + part.parts().map_or(0, count))
        .sum()
}

/// Everything that looks inside of fields, on a message of which nothing is known.
fn look(dialect: &Dialect, bytes: &[u8]) -> bool {
    let Ok(view) = dialect.view(bytes) else {
        return false;
    };
    for number in view.fields().iter() {
        if let Some(parts) = view.parts(number) {
            // A part takes a cell at least, but for those that may be empty, of which a layout has few.
            assert!(count(parts) <= bytes.len() * 4 + 256, "{view:?}");
        }
        let length = view.to_text(number).unwrap().chars().count();
        assert_eq!(
            mask::field_in(&view, number).unwrap().chars().count(),
            length
        );
    }
    let faults = view.check_layouts();
    assert!(faults.iter().all(|fault| fault.error.offset <= bytes.len()));
    let mut tree = String::new();
    explain::tree(dialect, bytes, Unmask::No, &mut tree).unwrap();
    // Read whole, it can be written again with its parts.
    let line = json::decode_parts_line(dialect, bytes, Unmask::Yes).unwrap();
    match json::encode_line(dialect, &line, &mut BytesMut::new()) {
        Ok(()) => {}
        // A star where a mask would put one: nobody can tell.
        Err(error) if error.kind == JsonErrorKind::Masked => {}
        Err(error) => panic!("{line}: {error}"),
    }
    true
}

/// Each byte changed, and each byte taken out: never a panic, never more parts than there is room for.
#[test]
fn spoiled_fields() {
    let (mut messages, mut readable) = (0, 0);
    // A few of each layout: one in four lines.
    for (name, _, bytes) in lines().into_iter().step_by(4) {
        let dialect = dialect(&name);
        assert!(look(&dialect, &bytes));
        // The long ones are of parts that are like each other.
        let step = bytes.len().div_ceil(60);
        for place in (0..bytes.len()).step_by(step) {
            for flip in [0x01, 0x10, 0x80, 0xFF] {
                let mut spoiled = bytes.to_vec();
                spoiled[place] ^= flip;
                messages += 1;
                readable += usize::from(look(&dialect, &spoiled));
            }
            let mut spoiled = bytes.to_vec();
            spoiled.remove(place);
            messages += 1;
            readable += usize::from(look(&dialect, &spoiled));
        }
    }
    assert!(readable > messages / 10, "{readable} of {messages}");
}

/// Values that end at any place: the parts before it are there.
#[test]
fn values_that_end_early() {
    let mut cut = 0;
    for (name, line, _) in lines().into_iter().step_by(3) {
        let dialect = dialect(&name);
        let object: Value = serde_json::from_str(&line).unwrap();
        let mti = object["mti"].as_str().unwrap().parse().unwrap();
        let field = u8::try_from(object["field"].as_u64().unwrap()).unwrap();
        let value = object["value"].as_str().unwrap();
        let step = value.len().div_ceil(60);
        for end in (0..value.len()).step_by(step) {
            let mut out = BytesMut::new();
            let mut builder = Builder::new(&dialect, &mut out, mti);
            if builder.text(field, &value[..end]).is_err() {
                continue;
            }
            if builder.finish().is_ok() {
                assert!(look(&dialect, &out), "{name} {line}");
                cut += 1;
            }
        }
    }
    assert!(cut > 1_000, "{cut}");
}
