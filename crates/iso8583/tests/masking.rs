//! No card number gets out of a tree or a JSON line, whatever it stands in and wherever the message breaks off.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "test code: a wrong fixture must stop the test"
)]

mod common;

use common::{dialects, encode, hex, purchase};
use pointsman_iso8583::mask::Unmask;
use pointsman_iso8583::tlv::Tag;
use pointsman_iso8583::{Dialect, Encoding, emv, explain, json};

/// A test card whose middle digits occur nowhere else.
const PAN: &str = "6011000990139424";
const MIDDLE: &str = "099013";

/// The card number in every field that may hold one.
fn message(dialect: &Dialect) -> Vec<u8> {
    let mut values = purchase(dialect);
    for value in values.fields.values_mut() {
        *value = value.replace(common::PAN, PAN);
    }
    let text = format!("CARD {PAN} AND 16{PAN}2912");
    let digits = format!("16{PAN}2912");
    for number in [48, 54, 60, 61, 62, 63, 102, 103, 120, 127] {
        let Some(field) = dialect.field(number) else {
            continue;
        };
        let value = match (field.encoding, number) {
            (Encoding::Bcd, _) => digits.clone(),
            (Encoding::Raw | Encoding::HexText, _) => hex(text.as_bytes()),
            (_, 102 | 103) => digits.clone(),
            _ => text.clone(),
        };
        values.fields.insert(number, value);
    }
    for (number, value) in [
        (34, PAN.to_owned()),
        (45, format!("B{PAN}^DOE/JOHN^29122010000000")),
    ] {
        if dialect.field(number).is_some() {
            values.fields.insert(number, value);
        }
    }
    encode(dialect, &values).to_vec()
}

/// The middle of the card number, as it would show in text and in hex of ASCII and EBCDIC.
fn assert_hidden(dialect: &Dialect, shown: &str) {
    let packed: String = shown
        .chars()
        .filter(|character| *character != ' ')
        .collect();
    let ascii = hex(MIDDLE.as_bytes());
    for leak in [MIDDLE, ascii.as_str(), &ascii.replace('3', "F")] {
        assert!(
            !shown.contains(leak) && !packed.contains(leak),
            "{}: {leak} in\n{shown}",
            dialect.name()
        );
    }
}

fn tree(dialect: &Dialect, bytes: &[u8], unmask: Unmask) -> String {
    let mut out = String::new();
    explain::tree(dialect, bytes, unmask, &mut out).unwrap();
    out
}

#[test]
fn a_whole_message() {
    for dialect in dialects() {
        let bytes = message(&dialect);
        let masked = tree(&dialect, &bytes, Unmask::No);
        assert_hidden(&dialect, &masked);
        assert!(masked.contains("601100******9424"), "{masked}");
        assert_hidden(
            &dialect,
            &json::decode_line(&dialect, &bytes, Unmask::No).unwrap(),
        );

        let shown = tree(&dialect, &bytes, Unmask::Yes);
        assert!(
            shown.contains(PAN) && shown.contains("0123456789ABCDEF"),
            "{shown}"
        );
        assert!(
            json::decode_line(&dialect, &bytes, Unmask::Yes)
                .unwrap()
                .contains(PAN)
        );
    }
}

#[test]
fn values_keep_their_length() {
    for dialect in dialects() {
        let bytes = message(&dialect);
        let lengths = |unmask| {
            let line = json::decode_line(&dialect, &bytes, unmask).unwrap();
            let object: serde_json::Value = serde_json::from_str(&line).unwrap();
            let fields = object["fields"].as_object().unwrap();
            fields
                .iter()
                .map(|(key, value)| (key.clone(), value.as_str().unwrap().len()))
                .collect::<Vec<_>>()
        };
        assert_eq!(lengths(Unmask::No), lengths(Unmask::Yes));
    }
}

#[test]
fn the_pin_block_is_never_shown() {
    for dialect in dialects() {
        let bytes = message(&dialect);
        let line = json::decode_line(&dialect, &bytes, Unmask::No).unwrap();
        assert!(line.contains("\"52\":\"****************\""), "{line}");
        assert!(!tree(&dialect, &bytes, Unmask::No).contains("0123456789ABCDEF"));
    }
}

/// A card number in field 55 is hidden whatever its tag: by the tag, or because it is found. So it is in what the tree says
/// about the element: its meaning, its bits and its warnings.
#[test]
fn in_any_element_of_field_55() {
    let tags: Vec<Tag> = (0x41..0xFFFF)
        .map(Tag)
        .filter(|tag| tag.definition().is_some() || emv::FORBIDDEN.contains(tag))
        .chain([Tag(0xC1), Tag(0xDF10), Tag(0xDF8101)])
        .collect();
    assert!(tags.len() > 100);
    let values = [
        PAN.to_owned(),
        hex(PAN.as_bytes()),
        format!("{PAN}D29122010000"),
    ];
    for dialect in dialects() {
        for (tag, value) in tags
            .iter()
            .flat_map(|tag| values.iter().map(move |value| (tag, value)))
        {
            // 61 is a template: its value is elements, or it is hidden as none.
            let icc = format!("9F270180{tag}{:02X}{value}9C0100", value.len() / 2);
            let mut message = purchase(&dialect);
            message.fields.retain(|number, _| *number == 3);
            message.fields.insert(55, icc);
            let bytes = encode(&dialect, &message);
            let shown = tree(&dialect, &bytes, Unmask::No);
            assert!(shown.contains(&tag.to_string()), "{shown}");
            assert_hidden(&dialect, &shown);
            assert_hidden(
                &dialect,
                &json::decode_line(&dialect, &bytes, Unmask::No).unwrap(),
            );
        }
    }
}

#[test]
fn wherever_it_breaks_off() {
    for dialect in dialects() {
        let bytes = message(&dialect);
        for length in 0..bytes.len() {
            assert_hidden(&dialect, &tree(&dialect, &bytes[..length], Unmask::No));
        }
    }
}

/// A message read in the wrong dialect breaks at once; its card numbers are among the bytes around the error.
#[test]
fn read_in_the_wrong_dialect() {
    for dialect in dialects() {
        for wrong in dialects() {
            if dialect.name() != wrong.name()
                && json::decode_line(&wrong, &message(&dialect), Unmask::No).is_err()
            {
                assert_hidden(&wrong, &tree(&wrong, &message(&dialect), Unmask::No));
            }
        }
    }
}
