//! No card number gets out of a tree or a JSON line, whatever it stands in and wherever the message breaks off.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "test code: a wrong fixture must stop the test"
)]

mod common;

use bytes::BytesMut;
use common::{dialects, encode, hex, purchase};
use expect_test::expect;
use pointsman_iso8583::mask::{self, Unmask};
use pointsman_iso8583::tlv::Tag;
use pointsman_iso8583::{Builder, Dialect, Encoding, emv, explain, json};

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

/// Everything that can be seen of a message without asking for it.
fn seen(name: &str, hex: &str) -> String {
    let dialect = common::dialect(name);
    let digits: Vec<u8> = hex.bytes().collect();
    let bytes: Vec<u8> = digits
        .chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect();
    let json = json::decode_line(&dialect, &bytes, Unmask::No)
        .unwrap_or_else(|error| json::error_line(&error.explain(&dialect)));
    format!("{}{json}\n", tree(&dialect, &bytes, Unmask::No))
}

/// No four digits in a row of what is between the first six and the last four, in any writing.
#[track_caller]
fn assert_unseen(shown: &str, secret: &str) {
    let dense: String = shown.chars().filter(|c| !c.is_whitespace()).collect();
    for start in 0..=secret.len() - 4 {
        let part = &secret[start..start + 4];
        for leak in [part.to_owned(), hex(part.as_bytes())] {
            assert!(!dense.contains(&leak), "{leak} of {secret} in\n{shown}");
        }
    }
}

/// One wrong length in field 55: the card number's digits are read as tags and lengths of elements that do not exist.
#[test]
fn field_55_with_a_wrong_length() {
    for card in ["5413330089010434", "4111111111111111"] {
        let shown = seen(
            "iso87-bcd",
            &format!(
                "02001020000000000200000000001999000007004\
                 25A0A{card}5713{card}D30122019876543210123F9F2608A5A5A5A5A5A5A5A5"
            ),
        );
        assert_unseen(&shown, "9876543210123");
        let middle = &card[4..];
        assert!(
            !shown.contains(middle) && !shown.contains("A5A5"),
            "{shown}"
        );
    }
    let shown = seen(
        "iso87-bcd",
        "0200102000000000020000000000199900000700425A0A5413330089010434571354133300890104\
         34D30122019876543210123F9F2608A5A5A5A5A5A5A5A5",
    );
    assert_unseen(&shown, "3300890104");
}

/// A bit too many in the bitmap: what is read as text, or not at all, is a PIN block.
#[test]
fn the_bytes_around_an_error_are_only_those_that_were_read() {
    let shown = seen(
        "iso87-bcd",
        "02000000000001C090005445524D303030314D45524348414E54303030303030313937380F1E2D3C4B5A6978",
    );
    for byte in ["0F1E", "0F 1E", "1E 2D", "2D 3C", "4B 5A"] {
        assert!(!shown.contains(byte), "{byte} in\n{shown}");
    }
}

/// Bits of the bitmap too many or too few, and a dialect that is not the peer's: the card number is read as bitmaps,
/// amounts and names.
#[test]
fn card_numbers_that_are_read_as_something_else() {
    for (dialect, message) in [
        // Bit 1 set: the secondary bitmap is the card number.
        (
            "iso87-bcd",
            "0200F020000000000000165413330089010434000000000000001999000007",
        ),
        // Bit 2 not set: fields 3 and 4 are.
        (
            "iso87-bcd",
            "02003020000000000000165413330089010434000000000000001999000007",
        ),
        // Behind a length, as if it were a header.
        (
            "unionpay-pos",
            "003002007020000000000000165413330089010434000000000000001999000007",
        ),
    ] {
        assert_unseen(&seen(dialect, message), "3300890104");
    }
}

/// Where field 2 would be, a length is enough: the check digit may be wrong, and the message may end within the number.
#[test]
fn card_numbers_that_are_wrong_or_cut_where_field_2_would_be() {
    for (dialect, message) in [
        // Bit 2 not set, or bit 1 set: the digits are those of fields 3 and 4, or of the secondary bitmap.
        (
            "iso87-bcd",
            "02003020000000000000165413330089010435000000000000001999000007",
        ),
        (
            "iso87-bcd",
            "0200F020000000000000165413330089010435000000000000001999000007",
        ),
        (
            "unionpay-pos",
            "600003000060310031010002003020000000000000165413330089010435000000000000001999000007",
        ),
        // Cut behind field 4, which has the last digits that came.
        ("iso87-bcd", "0200302000000000000016541333008901043516"),
        ("iso87-bcd", "020030200000000000001654133300890104"),
    ] {
        assert_unseen(&seen(dialect, message), "3300890104");
    }
    for message in [
        "02003020000000000000165413330089010435000000000000001999000007",
        "0200302000000000000016541333008901",
        "0200F020000000000000165413330089010435000000000000001999000007",
    ] {
        assert_unseen(&seen("iso87-ascii", &hex(message.as_bytes())), "33008901");
    }
}

/// Bit 43 set instead of bit 42: the PIN block, in hex, is a part of a name.
#[test]
fn a_pin_block_that_is_read_as_text() {
    let message = [
        "0200",
        "0000000000209200",
        "MERCHANT0000001978",
        "0F1E2D3C4B5A6978",
        "0845A0020202020202020202",
    ]
    .concat();
    let shown = seen("iso87-ascii", &hex(message.as_bytes()));
    assert!(shown.contains("43  Card acceptor name"), "{shown}");
    assert!(!shown.contains("2D3C4B5A"), "{shown}");
}

/// The header of UnionPay begins as a card number does.
#[test]
fn the_own_header_is_no_card_number() {
    let shown = seen(
        "unionpay-pos",
        "600003000060310031010002000000000000800000544552",
    );
    assert!(shown.contains("603100310100"), "{shown}");
}

/// A message that decodes is searched as well, if nothing in it says that it was read as it was meant.
#[test]
fn card_numbers_in_a_message_that_decodes_by_chance() {
    // Without bit 2, and cut to the length that fields 3, 4 and 11 have.
    let shown = seen("iso87-bcd", "02003020000000000000165413330089010434000000");
    assert!(shown.contains("\"mti\""), "{shown}");
    assert_unseen(&shown, "3300890104");
}

#[test]
fn fields_that_are_not_for_card_data_are_searched() {
    let dialect = common::dialect("iso87-ascii");
    let grouped = "6011 0009 9013 9424";
    let dashed = "6011-0009-9013-9424";
    let values = [
        (43, format!("{PAN:<40}")),
        (98, format!("{PAN:<25}")),
        (95, format!("00{PAN:0<40}")),
        (90, format!("0200{PAN:0<38}")),
        (56, format!("A {grouped}.")),
        (57, dashed.to_owned()),
        (58, dashed.replace('-', ".")),
        (59, format!("T2 {PAN}=30122010000012345678")),
        (60, format!("%B{PAN}^DOE/JOHN^30122010000012345678?")),
        (61, format!("{}|{}", &PAN[..8], &PAN[8..])),
        (62, format!("{}/{}", &PAN[..8], &PAN[8..])),
        (120, format!("B{PAN}^DOE/JOHN^30122010000012345678")),
        (125, format!(";{PAN}D30122010000012345678?")),
    ];
    for (number, value) in values {
        let object = serde_json::json!({"mti": "0200", "fields": {number.to_string(): value}});
        let mut out = BytesMut::new();
        json::encode_line(&dialect, &object.to_string(), &mut out).unwrap();
        let shown = seen("iso87-ascii", &hex(&out));
        let digits: String = shown.chars().filter(char::is_ascii_digit).collect();
        for leak in [MIDDLE, "9013", "DOE", "JOHN", "3012", "2010000", "12345678"] {
            assert!(!shown.contains(leak), "field {number}: {leak} in\n{shown}");
        }
        assert!(!digits.contains(PAN), "field {number}:\n{shown}");
    }
}

/// What belongs into those fields stays.
#[test]
fn fields_that_are_not_for_card_data_keep_their_values() {
    let dialect = common::dialect("iso87-ascii");
    let amounts = "000000012345000000012345C00000000D00000000";
    let original = "0200123456073112000000000000000000000000";
    let values = [
        (43, "CAFE ZURICH 12 8001 ZURICH            CH"),
        (42, "898510148990028"),
        (53, "2600000000000000"),
        (86, "0000000000012345"),
        (90, &format!("{original}00")),
        (95, amounts),
        (48, "RRN 123456789012, 31.07.2024 12-34"),
    ];
    for (number, value) in values {
        let object = serde_json::json!({"mti": "0200", "fields": {number.to_string(): value}});
        let mut out = BytesMut::new();
        json::encode_line(&dialect, &object.to_string(), &mut out).unwrap();
        let line = json::decode_line(&dialect, &out, Unmask::No).unwrap();
        assert!(line.contains(value), "field {number}: {line}");
    }
}

/// What a part hides is hidden in the value of its field as well, and all behind a place where parts make no sense.
#[test]
fn what_parts_hide() {
    let dialect = Dialect::parse(
        r#"
        name = "parts"
        extends = "iso87-mixed"
        [fields]
        48 = { layout = "subelements" }
        59 = { type = "b...999", layout = "chip-data" }
        62 = { type = "b...999", sensitive = "secret", layout = "keys" }
        [layouts.subelements]
        kind = "tagged"
        tag = "n2"
        length = "n2"
        tags.20 = { name = "Card", type = "n..19", sensitive = "pan" }
        tags.92 = { name = "Security code", type = "n3", sensitive = "pin" }
        [layouts.keys]
        kind = "positional"
        parts = [{ name = "Key", type = "b4" }, { name = "Check value", type = "b2", sensitive = "no" }]
        "#,
    )
    .unwrap();
    let shown = |number: u8, value: &str| {
        let mut out = BytesMut::new();
        let mut builder = Builder::new(&dialect, &mut out, "0200".parse().unwrap());
        builder.text(number, value).unwrap();
        builder.finish().unwrap();
        let mut tree = String::new();
        explain::tree(&dialect, &out, Unmask::No, &mut tree).unwrap();
        let line = json::decode_line(&dialect, &out, Unmask::No).unwrap();
        let view = dialect.view(&out).unwrap();
        let value = mask::field_in(&view, number).unwrap();
        assert!(line.contains(&format!("\"{value}\"")), "{line}");
        let rows = tree.lines().skip_while(|row| !row.contains("..."));
        let rows: Vec<&str> = rows.take_while(|row| !row.starts_with("note")).collect();
        let rows: Vec<&str> = rows.iter().map(|row| row.trim_start()).collect();
        format!("{}\n", rows.join("\n"))
    };
    // Digits that are no card number by their check digit, and a security code that no search finds.
    expect![[r#"
        12..49      34     48  Additional data, private  ans...999  2016411111******11129203***9903ABC
        15..35                   20 Card                 n16        411111******1112
        35..42                   92 Security code        n3         ***
        42..49                   99 unnamed              ans3       ABC
    "#]].assert_eq(&shown(48, "2016411111111111111292037379903ABC"));
    expect![[r#"
        12..28      13     48  Additional data, private  ans...999  9900*********
        15..19                   99 unnamed              ans0       ""
        20..28                   not as its layout says             hidden from here on
    "#]]
    .assert_eq(&shown(48, "99007X9203737"));
    expect![[r#"
        12..25      10     59  Reserved for national use           b...999  9F2701805F2003******
        15..19                   9F27 Cryptogram information data  b1       80
        19..25                   5F20 Cardholder name              b3       ******
    "#]]
    .assert_eq(&shown(59, "9F2701805F2003414243"));
    expect![[r#"
        12..21       6     62  Reserved for private use  b...999  ************
        15..19                   1 Key                   b4       ********
        19..21                   2 Check value           b2       89AB
    "#]]
    .assert_eq(&shown(62, "0123456789AB"));
    // The layout could be read from something else than it is for: then it shows no more than the field.
    expect![[r#"
        12..22       7     62  Reserved for private use  b...999  **************
        15..19                   1 Key                   b4       ********
        19..21                   2 Check value           b2       ****
        21..22                   not as its layout says           hidden from here on
    "#]]
    .assert_eq(&shown(62, "0123456789ABFF"));
}

/// A part with a wrong character is hidden from its beginning on, not from that character on.
#[test]
fn a_secret_part_with_a_wrong_character() {
    let dialect = Dialect::parse(
        r#"
        name = "broken-parts"
        extends = "iso87-ascii"
        [fields]
        48 = { layout = "subelements" }
        59 = { type = "b...999", layout = "elements" }
        120 = { layout = "list" }
        [layouts.list]
        kind = "positional"
        parts = [
            { name = "Card", type = "n16", sensitive = "pan" },
            { name = "Block", type = "ans4", sensitive = "pin" },
            { name = "Text", type = "ans" },
        ]
        [layouts.subelements]
        kind = "tagged"
        leading = [{ name = "Category", type = "an1" }]
        tag = "n2"
        length = "n2"
        tags.92 = { name = "Security code", type = "n3", sensitive = "pin" }
        [layouts.elements]
        kind = "ber-tlv"
        tags.DF05 = { name = "Track", type = "z..37", encoding = "bcd", sensitive = "track" }
        "#,
    )
    .unwrap();
    let postilion = common::dialect("postilion");
    let track = "DF05095413330089010D3490";
    for (dialect, number, value, shown) in [
        (
            &dialect,
            120,
            "453957876362148X123499",
            "**********************",
        ),
        (&dialect, 48, "R07011920312X", "R07011*******"),
        (&dialect, 48, "RZZ079203123", "R***********"),
        (&dialect, 48, "R0701192Z3123", "R07011*******"),
        (
            &dialect,
            59,
            &format!("9F0101AA{}", track.replace("3490", "34E0")),
            "9F0101AA************************",
        ),
        (
            &*postilion,
            127,
            "0040000000000000313258",
            "**********************",
        ),
    ] {
        let mut out = BytesMut::new();
        let mut builder = Builder::new(dialect, &mut out, "0200".parse().unwrap());
        builder.text(number, value).unwrap();
        builder.finish().unwrap();
        let view = dialect.view(&out).unwrap();
        assert_eq!(mask::field_in(&view, number).unwrap(), shown, "{value}");
        let secret = &value[value.len() - 5..];
        let mut tree = String::new();
        explain::tree(dialect, &out, Unmask::No, &mut tree).unwrap();
        let line = json::decode_parts_line(dialect, &out, Unmask::No).unwrap();
        assert!(line.contains(&format!("\"{shown}\"")), "{line}");
        assert!(!tree.contains(secret), "{tree}");
        assert!(!line.contains(secret), "{line}");
    }
}
