//! Laws that hold for every message, tried on random ones.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "test code: a wrong fixture must stop the test"
)]

mod common;

use std::sync::Arc;

use bytes::BytesMut;
use common::{agree, config, dialects, encode, encode_json, message, spoil, spoiled, values_of};
use pointsman_iso8583::mask::Unmask;
use pointsman_iso8583::{Dialect, explain, json, reference, tlv};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;

/// Runs a law for every dialect.
fn for_each_dialect<S: Strategy>(
    cases: u32,
    inputs: impl Fn(&Arc<Dialect>) -> S,
    law: impl Fn(&Dialect, S::Value),
) {
    for dialect in dialects() {
        let mut runner = TestRunner::new(config(cases));
        let outcome = runner.run(&inputs(&dialect), |input| {
            law(&dialect, input);
            Ok(())
        });
        if let Err(error) = outcome {
            panic!("{}: {error}", dialect.name());
        }
    }
}

#[test]
fn what_the_builder_writes_both_parsers_read() {
    for_each_dialect(48, message, |dialect, values| {
        let bytes = encode(dialect, &values);
        agree(dialect, &bytes);
        let message = reference::decode(dialect, &bytes).unwrap();
        assert_eq!(message.header, values.header);
        assert_eq!(message.mti, values.mti);
        let fields: Vec<(u8, &str)> = message
            .elements
            .iter()
            .map(|(number, element)| (*number, element.text.as_str()))
            .collect();
        assert_eq!(
            fields,
            values
                .fields
                .iter()
                .map(|(number, text)| (*number, text.as_str()))
                .collect::<Vec<_>>()
        );
    });
}

#[test]
fn decoding_and_encoding_again_gives_the_same_bytes() {
    for_each_dialect(48, message, |dialect, values| {
        let bytes = encode(dialect, &values);
        let read = values_of(&dialect.view(&bytes).unwrap());
        assert_eq!(encode(dialect, &read), bytes);
    });
}

#[test]
fn json_and_back_gives_the_same_bytes() {
    for_each_dialect(48, message, |dialect, values| {
        let bytes = encode(dialect, &values);
        let line = json::decode_line(dialect, &bytes, Unmask::Yes).unwrap();
        assert!(!line.contains('\n'));
        let mut written = BytesMut::from(&b"before"[..]);
        if encode_json(dialect, &line, &mut written) {
            assert_eq!(written.split_off(6), bytes);
        }
        assert_eq!(written, "before");
    });
}

#[test]
fn broken_messages_break_both_parsers_at_the_same_byte() {
    let inputs = |dialect: &Arc<Dialect>| (message(dialect), prop::collection::vec(spoil(), 1..3));
    for_each_dialect(192, inputs, |dialect, (values, spoils)| {
        agree(dialect, &spoiled(&encode(dialect, &values), &spoils));
    });
}

#[test]
fn random_bytes_never_confuse_them() {
    // Half of them begin with header and MTI, to come further than the first byte.
    let inputs = |dialect: &Arc<Dialect>| {
        let empty = common::Values {
            header: dialect.default_header().to_vec(),
            mti: "0200".parse().unwrap(),
            fields: [].into(),
        };
        let bitmap_length = dialect.bitmap_encoding().length();
        let start = encode(dialect, &empty);
        let start = start[..start.len() - bitmap_length].to_vec();
        (
            prop_oneof![Just(Vec::new()), Just(start)],
            prop::collection::vec(any::<u8>(), 0..400),
        )
            .prop_map(|(start, rest)| [start, rest].concat())
    };
    for_each_dialect(192, inputs, |dialect, bytes| agree(dialect, &bytes));
}

#[test]
fn every_error_and_every_tree_can_be_written_in_words() {
    let inputs = |dialect: &Arc<Dialect>| (message(dialect), prop::collection::vec(spoil(), 0..2));
    for_each_dialect(48, inputs, |dialect, (values, spoils)| {
        let bytes = spoiled(&encode(dialect, &values), &spoils);
        let mut masked = String::new();
        let error = explain::tree(dialect, &bytes, Unmask::No, &mut masked).unwrap();
        assert_eq!(error, dialect.view(&bytes).err());
        let mut shown = String::new();
        explain::tree(dialect, &bytes, Unmask::Yes, &mut shown).unwrap();
        let json = json::decode_line(dialect, &bytes, Unmask::No);
        assert_eq!(json.as_ref().err(), error.as_ref());
        if let Some(error) = error {
            let explained = error.explain(dialect);
            let line = json::error_line(&explained);
            let object: serde_json::Value = serde_json::from_str(&line).unwrap();
            assert_eq!(object["error"]["offset"], explained.offset);
            assert_eq!(object["error"]["field"], explained.field);
            assert!(
                masked.contains(&format!("error at byte {}", explained.offset)),
                "{masked}"
            );
        }
    });
}

proptest! {
    #![proptest_config(config(256))]

    #[test]
    fn any_bytes_as_tlv_end(bytes in prop::collection::vec(prop_oneof![any::<u8>(), 0..8u8, Just(0x70), Just(0x9F)], 0..300)) {
        let mut last = None;
        for element in tlv::walk(&bytes).map_while(Result::ok) {
            prop_assert!(last < Some(element.offset), "always onward");
            last = Some(element.offset);
            prop_assert!(element.depth <= tlv::DEPTH_MAX);
            let value = bytes.get(element.value_offset..element.value_offset + element.value.len());
            prop_assert_eq!(value, Some(element.value));
        }
        prop_assert!(tlv::walk(&bytes).count() <= bytes.len());
    }
}

#[test]
fn any_text_as_json_is_refused_or_encoded() {
    let texts = prop_oneof![
        any::<String>(),
        r#"\{("(mti|header|fields|2|3|55|x)":("[0-9*A]{0,20}"|[0-9]|\{\}|\[\]|null),?){0,4}\}?"#,
        r#"\{"mti":"0200","fields":\{("([0-9]{1,3})":"[ -~]{0,20}"(,|)){0,3}\}\}"#,
    ];
    for_each_dialect(
        192,
        |_| texts_of(&texts),
        |dialect, line| {
            let mut out = BytesMut::new();
            match json::encode_line(dialect, &line, &mut out) {
                Ok(()) => assert!(dialect.view(&out).is_ok()),
                Err(error) => {
                    assert!(out.is_empty());
                    let line = json::error_line(&error.explain(dialect));
                    assert!(
                        serde_json::from_str::<serde_json::Value>(&line).is_ok(),
                        "{line}"
                    );
                }
            }
        },
    );
}

fn texts_of<S: Strategy<Value = String> + Clone + 'static>(texts: &S) -> BoxedStrategy<String> {
    texts.clone().boxed()
}
