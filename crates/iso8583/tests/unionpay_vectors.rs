//! Every golden UnionPay frame decodes to exactly its fields and is written again byte for byte.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "test code: a wrong fixture must stop the test"
)]

use bytes::BytesMut;
use expect_test::expect;
use pointsman_iso8583::{Builder, Dialect, FieldSet};
use serde_json::Value;

const CONSTRUCTED: &str = include_str!("../../../tests/golden/unionpay/constructed.jsonl");
const SANITIZED: &str = include_str!("../../../tests/golden/unionpay/sanitized.jsonl");

#[test]
fn every_frame_decodes_and_is_written_again() {
    let dialect = Dialect::builtin("unionpay-pos").unwrap();
    let mut frames = 0;
    for line in CONSTRUCTED.lines().chain(SANITIZED.lines()) {
        let vector: Value = serde_json::from_str(line).unwrap();
        let name = vector["name"].as_str().unwrap();
        let framed = unhex(vector["framed_hex"].as_str().unwrap());
        let (length, body) = framed.split_at(2);
        assert_eq!(
            usize::from(u16::from_be_bytes([length[0], length[1]])),
            body.len(),
            "{name}"
        );
        // Published without TPDU and header: those of the dialect stand in.
        let header = unhex(vector["header"].as_str().unwrap());
        let message = match header.is_empty() {
            true => [dialect.default_header(), body].concat(),
            false => body.to_vec(),
        };

        let view = dialect
            .view(&message)
            .unwrap_or_else(|error| panic!("{name}: {}", error.explain(&dialect).message));
        assert_eq!(
            view.mti().as_str(),
            vector["mti"].as_str().unwrap(),
            "{name}"
        );
        if !header.is_empty() {
            assert_eq!(view.header(), header, "{name}");
        }
        let expected = vector["fields"].as_object().unwrap();
        let numbers: FieldSet = expected
            .keys()
            .map(|key| key.parse::<u8>().unwrap())
            .collect();
        assert_eq!(view.fields(), numbers, "{name}");

        let mut out = BytesMut::new();
        let mut builder =
            Builder::with_header(&dialect, &mut out, view.header(), view.mti()).unwrap();
        for number in view.fields().iter() {
            let text = view.to_text(number).unwrap();
            assert_eq!(
                Some(text.as_str()),
                expected[&number.to_string()].as_str(),
                "{name} field {number}"
            );
            builder.text(number, &text).unwrap();
        }
        let range = builder.finish().unwrap();
        assert_eq!(out[range], message, "{name}");
        frames += 1;
    }
    assert_eq!(frames, 29, "a golden file is missing lines");
}

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap())
        .collect()
}

/// What stands inside of the fields is what their layouts say, but for fields whose content was put in for something else.
#[test]
fn what_stands_inside_of_them() {
    let dialect = Dialect::builtin("unionpay-pos").unwrap();
    let (mut parts, mut faults) = (0, Vec::new());
    for line in CONSTRUCTED.lines().chain(SANITIZED.lines()) {
        let vector: Value = serde_json::from_str(line).unwrap();
        let framed = unhex(vector["framed_hex"].as_str().unwrap());
        let header = unhex(vector["header"].as_str().unwrap());
        let message = match header.is_empty() {
            true => [dialect.default_header(), &framed[2..]].concat(),
            false => framed[2..].to_vec(),
        };
        let view = dialect.view(&message).unwrap();
        for number in view.fields().iter() {
            parts += view
                .parts(number)
                .map_or(0, |parts| parts.flatten().count());
        }
        let name = vector["name"].as_str().unwrap();
        faults.extend(view.check_layouts().iter().map(|fault| {
            let found = fault.error.explain(&dialect);
            format!("{name}: {}", found.message)
        }));
    }
    assert!(parts > 100, "{parts}");
    expect![[r#"
        signature_upload_0920: field 55 (Integrated circuit card data) at offset 86: expected 71 bytes for an element, found 50 left
    "#]].assert_eq(&format!("{}\n", faults.join("\n")));
}
