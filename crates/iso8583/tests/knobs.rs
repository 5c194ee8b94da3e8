//! Each knob of a field, byte by byte: what a value looks like on the wire, and back.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "test code: a wrong fixture must stop the test"
)]

mod common;

use std::sync::Arc;

use bytes::BytesMut;
use common::{agree, hex, unhex};
use pointsman_iso8583::{Builder, DecodeErrorKind, Dialect, EncodeErrorKind};

/// A dialect with one field, 2, and a packed MTI and bitmap before it.
fn dialect(field: &str) -> Arc<Dialect> {
    let toml = format!(
        "name = \"knobs\"\nextends = \"iso87-bcd\"\n[fields]\n2 = {{ name = \"Value\", {field} }}\n"
    );
    let dialect = Dialect::parse(&toml).unwrap_or_else(|errors| panic!("{field}: {errors:?}"));
    assert_eq!(Dialect::parse(&dialect.to_toml()).unwrap(), dialect);
    Arc::new(dialect)
}

const START: &str = "02004000000000000000";

fn written(dialect: &Dialect, value: &str) -> Result<String, EncodeErrorKind> {
    let mut out = BytesMut::new();
    let mut builder = Builder::new(dialect, &mut out, "0200".parse().unwrap());
    builder.text(2, value).map_err(|error| error.kind)?;
    builder.finish().unwrap();
    Ok(hex(&out).strip_prefix(START).unwrap().to_owned())
}

fn read(dialect: &Dialect, wire: &str) -> Result<String, (usize, DecodeErrorKind)> {
    let bytes = unhex(&format!("{START}{wire}"));
    agree(dialect, &bytes);
    let view = dialect
        .view(&bytes)
        .map_err(|error| (error.offset - START.len() / 2, error.kind))?;
    Ok(view.to_text(2).unwrap())
}

#[test]
fn values_on_the_wire() {
    #[rustfmt::skip]
    let rows = [
        // The prefix: its digits and how they are written.
        (r#"type = "n.9", encoding = "ascii", prefix = "ascii""#, "123", "33313233"),
        (r#"type = "n....9", encoding = "ascii", prefix = "ascii""#, "123", "30303033313233"),
        (r#"type = "n.9", encoding = "ebcdic", prefix = "ebcdic""#, "123", "F3F1F2F3"),
        (r#"type = "n....9", encoding = "ebcdic", prefix = "ebcdic""#, "123", "F0F0F0F3F1F2F3"),
        (r#"type = "n.9", prefix = "bcd""#, "123", "030123"),
        (r#"type = "n....9", prefix = "bcd""#, "123", "00030123"),
        (r#"type = "n.....19", encoding = "ascii", prefix = "ascii""#, "123", "3030303033313233"),
        (r#"type = "n......19", encoding = "ascii", prefix = "ascii""#, "123", "303030303033313233"),
        (r#"type = "n.....19", encoding = "ebcdic", prefix = "ebcdic""#, "123", "F0F0F0F0F3F1F2F3"),
        (r#"type = "n......19", encoding = "ebcdic", prefix = "ebcdic""#, "123", "F0F0F0F0F0F3F1F2F3"),
        (r#"type = "n.....19", prefix = "bcd""#, "123", "0000030123"),
        (r#"type = "b......999", prefix = "bcd", counts = "element""#, "A1B2", "000005A1B2"),
        (r#"type = "n..19", prefix = "binary1""#, "411111111111111", "0F0411111111111111"),
        (r#"type = "n..19", prefix = "binary2""#, "411111111111111", "000F0411111111111111"),
        (r#"type = "b...255", prefix = "binary1""#, "A1B2", "02A1B2"),
        // What it counts.
        (r#"type = "n..18", prefix = "binary1", counts = "bytes""#, "1234", "021234"),
        (r#"type = "n..18", prefix = "binary2", counts = "element""#, "1234", "00041234"),
        (r#"type = "ans..9", prefix = "ascii", counts = "element""#, "AB", "30344142"),
        (r#"type = "b..9", encoding = "hex", prefix = "bcd", counts = "element""#, "A1", "034131"),
        // The filler of an odd count of digits.
        (r#"type = "n..19", prefix = "bcd", filler = "F""#, "123", "03F123"),
        (r#"type = "n..19", prefix = "bcd", filler = "F", pad = "right""#, "123", "03123F"),
        (r#"type = "n..19", prefix = "bcd", filler = "F", pad = "right", counts = "bytes""#, "123", "02123F"),
        (r#"type = "z..37", prefix = "binary1", filler = "F", pad = "right", counts = "element""#, "1D345", "041D345F"),
        (r#"type = "n3", filler = "F""#, "051", "F051"),
        // What a shorter value is filled with.
        (r#"type = "an5", encoding = "ascii", fill = " ", strip = true"#, "AB", "4142202020"),
        (r#"type = "an5", encoding = "ascii", fill = " ", fill_side = "left", strip = true"#, "AB", "2020204142"),
        (r#"type = "ans4", encoding = "ebcdic-037", fill = "[", strip = true"#, "A!", "C15ABABA"),
        (r#"type = "n6", fill = "0", strip = true"#, "42", "000042"),
        (r#"type = "n6", fill = "0", strip = true"#, "0", "000000"),
        // The code page.
        (r#"type = "ans..9", encoding = "ebcdic", prefix = "binary1""#, "[!|", "034A4FBB"),
        (r#"type = "ans..9", encoding = "ebcdic-037", prefix = "binary1""#, "[!|", "03BA5A4F"),
        (r#"type = "ans..9", encoding = "ebcdic-1047", prefix = "binary1""#, "[!|", "03AD5A4F"),
    ];
    for (field, value, wire) in rows {
        let dialect = dialect(field);
        assert_eq!(written(&dialect, value).as_deref(), Ok(wire), "{field}");
        assert_eq!(read(&dialect, wire).as_deref(), Ok(value), "{field}");
    }
}

/// Six digits announce more than four do; no message is longer than 65,535 bytes.
#[test]
fn long_values() {
    for (field, prefix) in [
        (r#"type = "b.....65535", prefix = "ascii""#, "3630303030"),
        (r#"type = "b......65535", prefix = "ascii""#, "303630303030"),
        (
            r#"type = "b......65535", prefix = "ebcdic""#,
            "F0F6F0F0F0F0",
        ),
        (r#"type = "b......65535", prefix = "bcd""#, "060000"),
    ] {
        let (dialect, value) = (dialect(field), "5A".repeat(60_000));
        let wire = format!("{prefix}{value}");
        assert!(written(&dialect, &value).as_deref() == Ok(&wire), "{field}");
        assert!(read(&dialect, &wire).as_deref() == Ok(&value), "{field}");
    }
    let too_long = r#"name = "x"
        extends = "iso87-ascii"
        fields.127.type = "b......65536""#;
    let errors = Dialect::parse(too_long).unwrap_err();
    assert_eq!(
        errors[0].message,
        "no message is so long: the length 65536 is not in 1 to 65535"
    );
}

#[test]
fn what_cannot_be_read() {
    use DecodeErrorKind::{LengthTooLong, LengthTooShort, NotBcd, PadNibble, Truncated};
    #[rustfmt::skip]
    let rows = [
        (r#"type = "n..18", prefix = "binary1", counts = "bytes""#, "0A", 0, LengthTooLong { length: 10, max: 9 }),
        (r#"type = "n..18", prefix = "binary2", counts = "element""#, "0001", 0, LengthTooShort { length: 1, min: 2 }),
        (r#"type = "n..19", prefix = "binary1", counts = "bytes", filler = "F""#, "0A11111111111111111111", 0, LengthTooLong { length: 20, max: 19 }),
        (r#"type = "n..19", prefix = "binary1", counts = "bytes", filler = "F""#, "02F1", 1, Truncated { needed: 2, available: 1 }),
        (r#"type = "n..19", prefix = "bcd", filler = "F""#, "030123", 1, PadNibble { byte: 0x01 }),
        (r#"type = "n..19", prefix = "bcd""#, "03F123", 1, PadNibble { byte: 0xF1 }),
        (r#"type = "n..19", prefix = "binary1", counts = "bytes", filler = "F""#, "01FF", 1, NotBcd { byte: 0xFF }),
        (r#"type = "n3", filler = "F""#, "0051", 0, PadNibble { byte: 0x00 }),
    ];
    for (field, wire, offset, kind) in rows {
        assert_eq!(
            read(&dialect(field), wire),
            Err((offset, kind)),
            "{field} {wire}"
        );
    }
}

#[test]
fn what_cannot_be_written() {
    let bytes = dialect(r#"type = "n..18", prefix = "binary1", counts = "bytes""#);
    assert_eq!(
        written(&bytes, "123"),
        Err(EncodeErrorKind::LengthOdd { length: 3 })
    );
    let filled = dialect(r#"type = "n6", fill = "0""#);
    assert_eq!(written(&filled, "1x"), Err(EncodeErrorKind::NotDigit('x')));
    let too_long = EncodeErrorKind::LengthWrong {
        length: 7,
        expected: 6,
    };
    assert_eq!(written(&filled, "1234567"), Err(too_long));
    assert_eq!(read(&filled, "000042").as_deref(), Ok("000042"), "no strip");
}
