//! From the form a field has in one dialect to the form it has in another.
//!
//! Text goes to text by character set, digits to digits, the separator of a packed track to `=`, bytes to bytes. Between
//! bytes and text nothing is invented: such a field is not carried.

use bytes::{BufMut, BytesMut};

use crate::charset;
use crate::encode::{self, Refusal};
use crate::error::EncodeErrorKind as Kind;
use crate::field::{Content, Encoding, Field, Length};
use crate::text::{self, TextBuffer};
use crate::view::Element;

/// Can values of one form be written in the other at all? A single value may still be too long or hold characters that
/// the other form does not allow.
pub(crate) fn is_possible(from: &Field, to: &Field) -> bool {
    let same_kind = (from.content == Content::B) == (to.content == Content::B);
    let lengths_agree = match (from.length, to.length) {
        (Length::Fixed(from), Length::Fixed(to)) => from == to,
        _ => true,
    };
    same_kind && lengths_agree
}

/// Appends the value in the other form.
pub(crate) fn put(element: &Element<'_>, to: &Field, out: &mut BytesMut) -> Result<(), Refusal> {
    if !is_possible(element.field, to) {
        return Err((0, Kind::NotCarried));
    }
    match (element.field.encoding, to.encoding) {
        (Encoding::Raw, _) => encode::put_bytes(to, element.wire, out),
        (Encoding::HexText, Encoding::Raw) => {
            encode::put_prefix(to, element.wire.len() / 2, out)?;
            for pair in element.wire.chunks_exact(2) {
                let byte = pair.iter().fold(0, |byte, hex| {
                    byte << 4 | charset::hex_value(*hex).unwrap_or_default()
                });
                out.put_u8(byte);
            }
            Ok(())
        }
        _ => {
            let mut buffer = TextBuffer::new();
            let text = text::read(*element, &mut buffer).ok_or((0, Kind::NotCarried))?;
            let packed_track =
                element.field.content == Content::Z && element.field.encoding == Encoding::Bcd;
            if packed_track && to.encoding != Encoding::Bcd {
                return encode::put_text(to, &text.replace('D', "="), out);
            }
            encode::put_text(to, text, out)
        }
    }
}
