//! What a builder takes: text, bytes, numbers and copies; and what it says of what does not fit.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "test code: a wrong fixture must stop the test"
)]

mod common;

use bytes::BytesMut;
use common::{dialect, hex, unhex};
use expect_test::{Expect, expect};
use pointsman_iso8583::{Builder, Dialect, EncodeError, TextBuffer};

/// The message that `fill` makes, as hex, or the words of the error, which leaves nothing behind.
fn check(
    dialect: &Dialect,
    fill: impl FnOnce(&mut Builder<'_>) -> Result<(), EncodeError>,
    expected: Expect,
) {
    let mut out = BytesMut::from(&b"before"[..]);
    let mut builder = Builder::new(dialect, &mut out, "0200".parse().unwrap());
    let shown = match fill(&mut builder) {
        Ok(()) => match builder.finish() {
            Ok(range) => hex(&out[range]),
            Err(error) => error.explain(dialect).message,
        },
        Err(error) => {
            // The first error stays, whatever comes after it.
            assert_eq!(builder.number(126, 1).unwrap_err(), error);
            assert_eq!(builder.finish(), Err(error));
            assert_eq!(out, "before");
            error.explain(dialect).message
        }
    };
    expected.assert_eq(&shown);
}

/// A dialect with a field 2 of this kind.
fn with_field_2(field: &str) -> Dialect {
    let toml = format!(
        "name = \"x\"\nextends = \"iso87-bcd\"\n[fields]\n2 = {{ {field}, sensitive = \"no\" }}\n"
    );
    Dialect::parse(&toml).unwrap_or_else(|errors| panic!("{errors:?}"))
}

#[test]
fn bytes() {
    let icc = [0x9F, 0x27, 0x01, 0x80];
    check(
        &dialect("iso87-bcd"),
        |builder| builder.bytes(55, &icc).map(drop),
        expect!["0200000000000000020000049F270180"],
    );
    // As hex, whose length counts characters; fixed ones count bytes.
    check(
        &with_field_2(r#"type = "b..20", encoding = "hex", prefix = "bcd""#),
        |builder| builder.bytes(2, &icc).map(drop),
        expect!["02004000000000000000083946323730313830"],
    );
    check(
        &dialect("iso87-ascii"),
        |builder| {
            builder
                .bytes(52, &[0x0F, 0x1E, 0x2D, 0x3C, 0x4B, 0x5A, 0x69, 0x78])
                .map(drop)
        },
        expect!["303230303030303030303030303030303130303030463145324433433442354136393738"],
    );
    check(
        &dialect("iso87-ascii"),
        |builder| builder.bytes(52, &icc).map(drop),
        expect![
            "field 52 (Personal identification number data), character 0: expected exactly 16 hex characters, found 8"
        ],
    );
    check(
        &dialect("iso87-bcd"),
        |builder| builder.bytes(55, &[0; 1000]).map(drop),
        expect![
            "field 55 (Integrated circuit card data), character 0: expected a length of at most 999, found 1000"
        ],
    );
    check(
        &dialect("iso87-bcd"),
        |builder| builder.bytes(3, &[0, 0, 0]).map(drop),
        expect![
            "field 3 (Processing code), character 0: expected text, found bytes for a field that is not binary"
        ],
    );
}

#[test]
fn numbers() {
    check(
        &dialect("iso87-bcd"),
        |builder| {
            builder
                .number(3, 0)?
                .number(4, 1999)?
                .number(11, 999_999)
                .map(drop)
        },
        expect!["02003020000000000000000000000000001999999999"],
    );
    // A variable one has the digits it needs, and one at least.
    for (number, expected) in [
        (0, expect!["020040000000000000000100"]),
        (
            u64::MAX,
            expect!["020040000000000000002018446744073709551615"],
        ),
    ] {
        check(
            &with_field_2(r#"type = "n..28""#),
            |builder| builder.number(2, number).map(drop),
            expected,
        );
    }
    // More digits than any number has.
    check(
        &with_field_2(r#"type = "n24""#),
        |builder| builder.number(2, u64::MAX).map(drop),
        expect!["02004000000000000000000018446744073709551615"],
    );
    check(
        &dialect("iso87-bcd"),
        |builder| builder.number(11, 1_000_000).map(drop),
        expect![
            "field 11 (System trace audit number), character 0: expected at most 6 digits, found a larger number"
        ],
    );
    check(
        &dialect("iso87-bcd"),
        |builder| builder.number(41, 1).map(drop),
        expect![
            "field 41 (Card acceptor terminal identification), character 0: expected text, found a number for a field that is not numeric"
        ],
    );
}

#[test]
fn copies() {
    let from = dialect("iso87-ascii");
    let message = b"02000020000000800000000142TERM0001";
    let view = from
        .view(&message[..])
        .unwrap_or_else(|error| panic!("{error}"));
    let to = dialect("iso87-bcd");
    check(
        &to,
        |builder| builder.copy(&view, 11)?.copy(&view, 41).map(drop),
        expect!["020000200000008000000001425445524D30303031"],
    );
    check(
        &to,
        |builder| builder.copy(&view, 12).map(drop),
        expect![
            "field 12 (Time, local transaction), character 0: expected a field of the other message, found none there"
        ],
    );
    // Text does not become bytes.
    let bytes = with_field_2("type = \"b8\"");
    let text = Dialect::parse(
        "name = \"y\"\nextends = \"iso87-ascii\"\n[fields]\n2 = { type = \"ans8\" }\n",
    )
    .unwrap();
    let message = b"02004000000000000000ABCDEFGH";
    let view = text.view(&message[..]).unwrap();
    check(
        &bytes,
        |builder| builder.copy(&view, 2).map(drop),
        expect![
            "field 2 (Primary account number), character 0: expected a value that x can express, found one of another kind"
        ],
    );
}

#[test]
fn order_and_fields() {
    let ascii = dialect("iso87-ascii");
    check(
        &ascii,
        |builder| builder.text(11, "000001")?.text(3, "000000").map(drop),
        expect![
            "field 3 (Processing code), character 0: expected fields in ascending order, found it after field 11"
        ],
    );
    check(
        &ascii,
        |builder| builder.text(11, "000001")?.text(11, "000001").map(drop),
        expect![
            "field 11 (System trace audit number), character 0: expected fields in ascending order, found it after field 11"
        ],
    );
    check(
        &ascii,
        |builder| builder.text(65, "1").map(drop),
        expect![
            "field 65 (Bitmap, tertiary), character 0: expected a field that iso87-ascii defines, found field 65"
        ],
    );
    check(
        &ascii,
        |builder| builder.text(1, "1").map(drop),
        expect!["Bitmap, character 0: expected a field that iso87-ascii defines, found field 1"],
    );
}

#[test]
fn text_that_does_not_fit() {
    let bcd = dialect("iso87-bcd");
    for (number, value, expected) in [
        (
            2,
            "4111111111111111A",
            expect!["field 2 (Primary account number), character 16: expected a digit, found 'A'"],
        ),
        (
            2,
            "41111111111111111111",
            expect![
                "field 2 (Primary account number), character 0: expected a length of at most 19, found 20"
            ],
        ),
        (
            3,
            "0000",
            expect!["field 3 (Processing code), character 0: expected exactly 6 digits, found 4"],
        ),
        (
            28,
            "X00000000",
            expect![
                "field 28 (Amount, transaction fee), character 0: expected the sign C or D, found 'X'"
            ],
        ),
        (
            35,
            "4111111111111111+2912",
            expect![
                "field 35 (Track 2 data), character 16: expected a digit or the track separator, found '+'"
            ],
        ),
        (
            41,
            "TERM\u{e9}001",
            expect![
                "field 41 (Card acceptor terminal identification), character 4: expected a printable ASCII character, found 'é'"
            ],
        ),
        (
            52,
            "0123456789ABCDEG",
            expect![
                "field 52 (Personal identification number data), character 15: expected a hex character, found 'G'"
            ],
        ),
        (
            52,
            "0123456789ABCDE",
            expect![
                "field 52 (Personal identification number data), character 0: expected exactly 16 hex characters, found 15"
            ],
        ),
        (
            55,
            "9F2",
            expect![
                "field 55 (Integrated circuit card data), character 0: expected an even count of hex characters, found 3"
            ],
        ),
    ] {
        check(
            &bcd,
            |builder| builder.text(number, value).map(drop),
            expected,
        );
    }
}

#[test]
fn headers() {
    let mti = || "0200".parse().unwrap();
    for (name, header, expected) in [
        (
            "iso87-ascii",
            &b"x"[..],
            expect!["Header, character 0: expected exactly 0 header bytes, found 1"],
        ),
        (
            "unionpay-pos",
            b"short",
            expect!["Header, character 0: expected exactly 11 header bytes, found 5"],
        ),
        (
            "base24-pos",
            b"ISO02500001X",
            expect!["Header, character 0: expected ISO and nine digits, found another header"],
        ),
        (
            "visa-like",
            &[0; 22],
            expect![
                "Header, character 0: expected a BASE I header that says its length, found another header"
            ],
        ),
    ] {
        let dialect = dialect(name);
        let mut out = BytesMut::new();
        let error = Builder::with_header(&dialect, &mut out, header, mti())
            .err()
            .unwrap();
        expected.assert_eq(&error.explain(&dialect).message);
        assert!(out.is_empty());
    }
}

/// Nothing longer than what can be read again.
#[test]
fn too_long_a_message() {
    let mut toml = String::from("name = \"long\"\nextends = \"iso87-ascii\"\n[fields]\n");
    for number in 100..=120 {
        toml += &format!("{number} = {{ name = \"Long\", type = \"ans....4000\" }}\n");
    }
    let long = Dialect::parse(&toml).unwrap();
    let value = "x".repeat(4_000);
    check(
        &long,
        |builder| (100..=120).try_for_each(|number| builder.text(number, &value).map(drop)),
        expect!["Message, character 0: expected at most 65535 bytes, found 84120 bytes"],
    );
}

/// What was begun and not finished is gone, and nothing of it shows itself.
#[test]
fn given_up() {
    let dialect = dialect("iso87-ascii");
    let mut out = BytesMut::from(&b"before"[..]);
    let mut builder = Builder::new(&dialect, &mut out, "0200".parse().unwrap());
    builder.text(2, "4111111111111111").unwrap();
    let shown = format!("{builder:?}");
    assert_eq!(shown, "Builder { dialect: \"iso87-ascii\", fields: {2} }");
    drop(builder);
    assert_eq!(out, "before");
    assert_eq!(format!("{:?}", TextBuffer::default()), "TextBuffer");
}

/// Packed numbers with a filler, on either side and of either kind.
#[test]
fn numbers_are_read_without_their_filler() {
    for (field, wire) in [
        (r#"type = "n3", filler = "F""#, "F123"),
        (r#"type = "n3", filler = "F", pad = "right""#, "123F"),
        (r#"type = "n3", pad = "right""#, "1230"),
        (r#"type = "n3""#, "0123"),
    ] {
        let dialect = with_field_2(field);
        let message = unhex(&format!("02004000000000000000{wire}"));
        let view = dialect.view(&message).unwrap();
        assert_eq!(
            (view.number(2), view.to_text(2).as_deref()),
            (Some(123), Some("123"))
        );
    }
}
