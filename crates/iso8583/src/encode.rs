//! From text to wire: strict, straight into the output.

use bytes::{BufMut, BytesMut};

use crate::charset::{self, Charset};
use crate::error::EncodeErrorKind as Kind;
use crate::field::{Content, Encoding, Field, Length, PadSide, PrefixEncoding};

/// A value cannot be written: where in its text, and why.
pub(crate) type Refusal = (usize, Kind);

/// Appends a value given as text, with its length prefix. What was appended before a refusal is the caller's to take
/// back.
pub(crate) fn put_text(field: &Field, value: &str, out: &mut BytesMut) -> Result<(), Refusal> {
    if field.content == Content::B {
        return put_hex(field, value, out);
    }
    let units = if value.is_ascii() {
        value.len()
    } else {
        value.chars().count()
    };
    put_prefix(field, units, out)?;
    match field.encoding {
        Encoding::Bcd => put_packed(field, value, units, out),
        Encoding::Ebcdic500 => put_characters(field, Charset::Ebcdic500, value, out),
        Encoding::Ascii | Encoding::Raw | Encoding::HexText => {
            put_characters(field, Charset::Ascii, value, out)
        }
    }
}

/// Appends the bytes of a `b` field, with its length prefix. Lengths in a refusal count hex characters, as for text.
pub(crate) fn put_bytes(field: &Field, value: &[u8], out: &mut BytesMut) -> Result<(), Refusal> {
    if let Length::Fixed(bytes) = field.length
        && value.len() != usize::from(bytes)
    {
        return Err((
            0,
            Kind::LengthWrong {
                length: value.len() * 2,
                expected: usize::from(bytes) * 2,
            },
        ));
    }
    match field.encoding {
        Encoding::Raw => {
            put_prefix(field, value.len(), out)?;
            out.put_slice(value);
            Ok(())
        }
        Encoding::HexText => {
            let units = match field.length {
                Length::Fixed(_) => value.len(),
                Length::Variable { .. } => value.len() * 2,
            };
            put_prefix(field, units, out)?;
            for byte in value {
                out.put_slice(&[charset::hex_digit(byte >> 4), charset::hex_digit(*byte)]);
            }
            Ok(())
        }
        Encoding::Ascii | Encoding::Ebcdic500 | Encoding::Bcd => Err((0, Kind::NotBinary)),
    }
}

/// Checks the length (in the field's own unit) and appends the length prefix.
pub(crate) fn put_prefix(field: &Field, units: usize, out: &mut BytesMut) -> Result<(), Refusal> {
    match field.length {
        Length::Fixed(expected) => {
            let expected = usize::from(expected);
            if units == expected {
                Ok(())
            } else {
                Err((
                    0,
                    Kind::LengthWrong {
                        length: units,
                        expected,
                    },
                ))
            }
        }
        Length::Variable {
            digits,
            prefix,
            max,
        } => {
            let max = usize::from(max);
            if units > max {
                return Err((0, Kind::LengthTooLong { length: units, max }));
            }
            let digits_of =
                [units / 100 % 10, units / 10 % 10, units % 10].map(|digit| digit as u8);
            let [hundreds, tens, ones] = digits_of;
            match (prefix, digits) {
                (PrefixEncoding::Bcd, 2) => out.put_u8(tens << 4 | ones),
                (PrefixEncoding::Bcd, _) => out.put_slice(&[hundreds, tens << 4 | ones]),
                (PrefixEncoding::Ascii, 2) => out.put_slice(&[b'0' | tens, b'0' | ones]),
                (PrefixEncoding::Ascii, _) => {
                    out.put_slice(&[b'0' | hundreds, b'0' | tens, b'0' | ones])
                }
                (PrefixEncoding::Ebcdic500, 2) => out.put_slice(&[0xF0 | tens, 0xF0 | ones]),
                (PrefixEncoding::Ebcdic500, _) => {
                    out.put_slice(&[0xF0 | hundreds, 0xF0 | tens, 0xF0 | ones])
                }
            }
            Ok(())
        }
    }
}

fn put_hex(field: &Field, value: &str, out: &mut BytesMut) -> Result<(), Refusal> {
    if let Some((place, character)) = value
        .char_indices()
        .find(|(_, character)| !character.is_ascii_hexdigit())
    {
        return Err((place, Kind::NotHex(character)));
    }
    let length = value.len();
    match field.length {
        Length::Fixed(bytes) if length != usize::from(bytes) * 2 => {
            return Err((
                0,
                Kind::LengthWrong {
                    length,
                    expected: usize::from(bytes) * 2,
                },
            ));
        }
        Length::Fixed(_) => {}
        Length::Variable { .. } => {
            if !length.is_multiple_of(2) {
                return Err((0, Kind::LengthOdd { length }));
            }
            let units = if field.encoding == Encoding::HexText {
                length
            } else {
                length / 2
            };
            put_prefix(field, units, out)?;
        }
    }
    let nibbles = value.bytes().filter_map(charset::hex_value);
    if field.encoding == Encoding::HexText {
        nibbles.for_each(|nibble| out.put_u8(charset::hex_digit(nibble)));
    } else {
        put_pairs(nibbles, out);
    }
    Ok(())
}

fn put_characters(
    field: &Field,
    charset: Charset,
    value: &str,
    out: &mut BytesMut,
) -> Result<(), Refusal> {
    for (count, (place, character)) in value.char_indices().enumerate() {
        let sign = field.content == Content::SignedN && count == 0;
        let byte = charset.byte_of(character).filter(|byte| match sign {
            true => charset.is_sign(*byte),
            false => charset.allows(field.content, *byte),
        });
        let Some(byte) = byte else {
            let kind = match field.content {
                _ if sign => Kind::NotSign(character),
                Content::N | Content::SignedN => Kind::NotDigit(character),
                Content::Z => Kind::NotTrack(character),
                Content::A | Content::An | Content::Ans | Content::Ns | Content::B => {
                    Kind::NotText(character)
                }
            };
            return Err((place, kind));
        };
        out.put_u8(byte);
    }
    Ok(())
}

fn put_packed(field: &Field, value: &str, units: usize, out: &mut BytesMut) -> Result<(), Refusal> {
    let track = field.content == Content::Z;
    for (place, character) in value.char_indices() {
        let fits = character.is_ascii_digit() || (track && matches!(character, '=' | 'D'));
        if !fits {
            return Err((
                place,
                if track {
                    Kind::NotTrack(character)
                } else {
                    Kind::NotDigit(character)
                },
            ));
        }
    }
    let nibbles = value.bytes().map(|byte| {
        if byte.is_ascii_digit() {
            byte & 0x0F
        } else {
            0x0D
        }
    });
    let odd = units % 2;
    match field.pad {
        PadSide::Left => put_pairs(core::iter::repeat_n(0, odd).chain(nibbles), out),
        PadSide::Right => put_pairs(nibbles.chain(core::iter::repeat_n(0, odd)), out),
    }
    Ok(())
}

/// Appends an even count of nibbles, two a byte.
fn put_pairs(mut nibbles: impl Iterator<Item = u8>, out: &mut BytesMut) {
    while let (Some(high), Some(low)) = (nibbles.next(), nibbles.next()) {
        out.put_u8(high << 4 | low);
    }
}
