//! What decodes is written again byte for byte: for every single-byte change of the canonical messages in every dialect,
//! with the exceptions that the wire allows to be written in two ways.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "test code: a wrong fixture must stop the test"
)]

use bytes::BytesMut;
use pointsman_iso8583::{
    BitmapEncoding, Builder, DecodeError, Dialect, Encoding, TextBuffer, View,
};
use pointsman_test_support::canonical;

/// Writes a message again from the text of its fields.
fn written_again(view: &View<'_>, out: &mut BytesMut, buffer: &mut TextBuffer) {
    out.clear();
    let mut builder = Builder::with_header(view.dialect(), out, view.header(), view.mti()).unwrap();
    for number in view.fields().iter() {
        let text = view.text(number, buffer).unwrap();
        if let Err(error) = builder.text(number, text) {
            panic!(
                "{}: '{text}' was read but cannot be written: {error}",
                view.dialect().name()
            );
        }
    }
    builder.finish().unwrap();
}

/// The message as we write it: hex in upper case, no secondary bitmap without a field in it, `=` as packed separator
/// `D`, which is what it is on the wire anyway.
fn canonical_form(view: &View<'_>) -> Vec<u8> {
    let dialect = view.dialect();
    let mut bytes = view.bytes().to_vec();
    let bitmaps = dialect.header_length() + dialect.mti_encoding().mti_length();
    let length = dialect.bitmap_encoding().length();
    let hex_bitmaps = dialect.bitmap_encoding() == BitmapEncoding::HexText;
    for field in dialect
        .fields()
        .filter(|field| field.encoding == Encoding::HexText)
    {
        if let Some(range) = view.wire_range(field.number) {
            bytes[range].make_ascii_uppercase();
        }
    }
    let body = view.fields().first().map_or(bytes.len(), |first| {
        view.element_range(first).unwrap().start
    });
    if hex_bitmaps {
        bytes[bitmaps..body].make_ascii_uppercase();
    }
    let has_second = body - bitmaps == 2 * length;
    if has_second && view.fields().last().is_none_or(|last| last <= 64) {
        bytes.drain(bitmaps + length..body);
        // Bit 1 announces the bitmap that is gone.
        let first = &mut bytes[bitmaps];
        *first = match hex_bitmaps {
            true => format!(
                "{:X}",
                u8::from_str_radix(&char::from(*first).to_string(), 16).unwrap() & 7
            )
            .as_bytes()[0],
            false => *first & 0x7F,
        };
    }
    bytes
}

fn in_bounds(error: DecodeError, length: usize) {
    assert!(error.offset <= length, "{error}");
    assert!(error.field <= 192, "{error}");
}

#[test]
fn every_change_of_one_byte() {
    let (mut read, mut refused) = (0, 0);
    for name in Dialect::builtin_names() {
        let dialect = Dialect::builtin(name).unwrap();
        let mut out = BytesMut::with_capacity(4096);
        let mut buffer = TextBuffer::new();
        for message in canonical::ALL {
            let Some(original) = message.encode(&dialect) else {
                continue;
            };
            let mut bytes = original.clone();
            for place in 0..bytes.len() {
                for byte in 0..=255 {
                    bytes[place] = byte;
                    match dialect.view(&bytes) {
                        Ok(view) => {
                            read += 1;
                            written_again(&view, &mut out, &mut buffer);
                            if out != bytes {
                                assert_eq!(
                                    out,
                                    canonical_form(&view),
                                    "{name} {}: {byte:02X} at {place}",
                                    message.name
                                );
                            }
                        }
                        Err(error) => {
                            refused += 1;
                            in_bounds(error, bytes.len());
                        }
                    }
                }
                bytes[place] = original[place];
            }
        }
    }
    assert!(
        read > 100_000 && refused > 100_000,
        "{read} read, {refused} refused"
    );
}

#[test]
fn every_truncation() {
    for name in Dialect::builtin_names() {
        let dialect = Dialect::builtin(name).unwrap();
        for message in canonical::ALL {
            let Some(bytes) = message.encode(&dialect) else {
                continue;
            };
            for length in 0..bytes.len() {
                let (partial, error) = dialect.partial(&bytes[..length]);
                let error = error.expect("no message is the beginning of another");
                in_bounds(error, length);
                assert_eq!(dialect.view(&bytes[..length]).err(), Some(error));
                assert!(
                    partial
                        .fields()
                        .last()
                        .is_none_or(|last| last < error.field || error.field == 0)
                );
                assert!(partial.end() <= length);
            }
        }
    }
}

/// The exceptions, one by one.
#[test]
fn what_is_written_in_another_way() {
    let dialect = Dialect::builtin("iso87-ascii").unwrap();
    let check = |wire: &[u8], expected: &[u8]| {
        let view = dialect
            .view(wire)
            .unwrap_or_else(|error| panic!("{}", error.explain(&dialect).message));
        let mut out = BytesMut::new();
        written_again(&view, &mut out, &mut TextBuffer::new());
        assert_eq!(out, expected);
    };
    // Lower-case hex in a bitmap and in a field.
    check(
        b"0800002000000c001000000123RRN 12345678A1b2c3abcdefabcdef0123",
        b"0800002000000C001000000123RRN 12345678A1b2c3ABCDEFABCDEF0123",
    );
    // An empty secondary bitmap.
    check(
        b"080080200000000000000000000000000000000123",
        b"08000020000000000000000123",
    );
}
