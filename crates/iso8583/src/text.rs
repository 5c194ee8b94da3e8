//! From wire to text: values as people and JSON write them, without allocating.

use core::fmt;

use crate::charset::{self, Charset};
use crate::field::{Content, Encoding, PadSide};
use crate::view::Element;

/// Bytes that hold the text of any value: 999 raw bytes are 1998 hex characters, 999 EBCDIC characters at most 1998
/// bytes of UTF-8.
const TEXT_BYTES_MAX: usize = 2048;

/// A buffer that [`crate::View::text`] may write into; make one, use it for many fields.
#[derive(Clone)]
pub struct TextBuffer([u8; TEXT_BYTES_MAX]);

impl TextBuffer {
    /// An empty buffer.
    #[must_use]
    pub const fn new() -> TextBuffer {
        TextBuffer([0; TEXT_BYTES_MAX])
    }
}

impl Default for TextBuffer {
    fn default() -> Self {
        TextBuffer::new()
    }
}

/// It has held card data: shows nothing.
impl fmt::Debug for TextBuffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TextBuffer")
    }
}

/// The value as text.
pub(crate) fn read<'b>(element: Element<'b>, buffer: &'b mut TextBuffer) -> Option<&'b str> {
    let text = match element.field.encoding {
        Encoding::Ascii => element.wire,
        Encoding::Bcd => short(&element, &mut buffer.0)?,
        Encoding::Ebcdic500 => latin1_to_utf8(element.wire, &mut buffer.0)?,
        Encoding::Raw => {
            let text = buffer.0.get_mut(..element.wire.len() * 2)?;
            for (pair, byte) in text.chunks_exact_mut(2).zip(element.wire) {
                pair.copy_from_slice(&[charset::hex_digit(byte >> 4), charset::hex_digit(*byte)]);
            }
            text
        }
        Encoding::HexText => {
            let text = buffer.0.get_mut(..element.wire.len())?;
            text.copy_from_slice(element.wire);
            text.make_ascii_uppercase();
            text
        }
    };
    core::str::from_utf8(text).ok()
}

/// Text of at most the buffer's length, in ASCII (EBCDIC beyond ASCII gives `None`); for `b` fields none.
pub(crate) fn short<'b>(element: &Element<'b>, buffer: &'b mut [u8]) -> Option<&'b [u8]> {
    match element.field.encoding {
        Encoding::Ascii => Some(element.wire),
        Encoding::Ebcdic500 => {
            let text = buffer.get_mut(..element.wire.len())?;
            for (place, byte) in text.iter_mut().zip(element.wire) {
                *place = charset::latin1_from_ebcdic(*byte);
            }
            text.is_ascii().then_some(text)
        }
        Encoding::Bcd => {
            let text = buffer.get_mut(..element.units)?;
            for (place, nibble) in text.iter_mut().zip(nibbles(element)) {
                *place = charset::hex_digit(nibble);
            }
            Some(text)
        }
        Encoding::Raw | Encoding::HexText => None,
    }
}

/// The number an `n` value of at most 18 digits says.
pub(crate) fn number(element: &Element<'_>) -> Option<u64> {
    let charset = match element.field.encoding {
        Encoding::Ascii => Charset::Ascii,
        Encoding::Ebcdic500 => Charset::Ebcdic500,
        Encoding::Bcd => {
            return Some(nibbles(element).fold(0, |number, digit| number * 10 + u64::from(digit)));
        }
        Encoding::Raw | Encoding::HexText => return None,
    };
    debug_assert_eq!(element.field.content, Content::N);
    element.wire.iter().try_fold(0_u64, |number, byte| {
        Some(number * 10 + u64::from(charset.digit(*byte)?))
    })
}

/// The nibbles of a packed value, without the filler.
pub(crate) fn nibbles<'a>(element: &Element<'a>) -> impl Iterator<Item = u8> + use<'a> {
    let filler_first = element.units % 2 == 1 && element.field.pad == PadSide::Left;
    let pairs = element
        .wire
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 0x0F]);
    pairs.skip(usize::from(filler_first)).take(element.units)
}

fn latin1_to_utf8<'b>(wire: &[u8], buffer: &'b mut [u8]) -> Option<&'b [u8]> {
    let mut length = 0;
    for byte in wire {
        let character = char::from(charset::latin1_from_ebcdic(*byte));
        length += character
            .encode_utf8(buffer.get_mut(length..length + character.len_utf8())?)
            .len();
    }
    buffer.get(..length)
}
