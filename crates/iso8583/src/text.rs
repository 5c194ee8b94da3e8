//! From wire to text: values as people and JSON write them, without allocating.

use core::fmt;

use crate::field::{CodePage, Encoding};
use crate::plan::Shape;
use crate::swar::{self, Spelling};
use crate::view::Element;

/// Bytes that hold the text of any value of up to 999 units: 999 raw bytes are 1998 hex characters, 999 EBCDIC characters at most 1998
/// bytes of UTF-8.
const TEXT_BYTES_MAX: usize = 2048;

/// A buffer that [`crate::View::text`] may write into; make one, use it for many fields. It allocates for values of more
/// than 999 units only, which four-digit lengths announce.
#[derive(Clone)]
pub struct TextBuffer {
    short: [u8; TEXT_BYTES_MAX],
    long: Vec<u8>,
}

impl TextBuffer {
    /// An empty buffer.
    #[must_use]
    pub const fn new() -> TextBuffer {
        TextBuffer {
            short: [0; TEXT_BYTES_MAX],
            long: Vec::new(),
        }
    }

    /// So many bytes at least; a message's length bounds how many are asked for.
    #[inline]
    pub(crate) fn room(&mut self, count: usize) -> &mut [u8] {
        if count <= self.short.len() {
            return &mut self.short;
        }
        self.long.resize(count, 0);
        &mut self.long
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

/// The value as text, without what a shorter one was filled with if that is taken off.
#[inline]
pub(crate) fn read<'b>(element: Element<'b>, buffer: &'b mut TextBuffer) -> Option<&'b str> {
    let text = read_whole(element, buffer)?;
    match element.step.fill {
        Some(fill) if fill.strip => Some(fill.stripped(text)),
        _ => Some(text),
    }
}

/// The value as text, with what it may be filled with.
#[inline]
pub(crate) fn read_whole<'b>(element: Element<'b>, buffer: &'b mut TextBuffer) -> Option<&'b str> {
    let text = match element.step.encoding {
        Encoding::Ascii => element.wire,
        Encoding::Bcd => whole(&element, buffer.room(element.units))?,
        Encoding::Ebcdic(page) => {
            latin1_to_utf8(page, element.wire, buffer.room(element.wire.len() * 2))?
        }
        Encoding::Raw => {
            let text = buffer
                .room(element.wire.len() * 2)
                .get_mut(..element.wire.len() * 2)?;
            swar::unpack(element.wire, text, Spelling::Hex);
            text
        }
        Encoding::HexText => {
            let text = buffer
                .room(element.wire.len())
                .get_mut(..element.wire.len())?;
            text.copy_from_slice(element.wire);
            text.make_ascii_uppercase();
            text
        }
    };
    core::str::from_utf8(text).ok()
}

/// A packed track as text dialects write it, with `=` as separator.
pub(crate) fn packed_track<'b>(
    element: &Element<'b>,
    buffer: &'b mut TextBuffer,
) -> Option<&'b str> {
    let text = buffer.room(element.units).get_mut(..element.units)?;
    unpack(element, text, Spelling::AsciiTrack);
    core::str::from_utf8(text).ok()
}

/// Text of at most the buffer's length, in ASCII (EBCDIC beyond ASCII gives `None`); for `b` fields none.
#[inline]
pub(crate) fn short<'b>(element: &Element<'b>, buffer: &'b mut [u8]) -> Option<&'b [u8]> {
    let text = whole(element, buffer)?;
    match element.step.fill {
        Some(fill) if fill.strip => {
            Some(fill.stripped(core::str::from_utf8(text).ok()?).as_bytes())
        }
        _ => Some(text),
    }
}

#[inline]
fn whole<'b>(element: &Element<'b>, buffer: &'b mut [u8]) -> Option<&'b [u8]> {
    match element.step.encoding {
        Encoding::Ascii => Some(element.wire),
        Encoding::Ebcdic(page) => {
            let text = buffer.get_mut(..element.wire.len())?;
            swar::translate(element.wire, text, page.latin1());
            text.is_ascii().then_some(text)
        }
        Encoding::Bcd => {
            let text = buffer.get_mut(..element.units)?;
            unpack(element, text, Spelling::Hex);
            Some(text)
        }
        Encoding::Raw | Encoding::HexText => None,
    }
}

/// Writes the digits of a packed value, without its filler; `text` has as many places as the value has units.
#[inline]
pub(crate) fn unpack(element: &Element<'_>, text: &mut [u8], spelling: Spelling) {
    let wire = element.wire;
    if element.units.is_multiple_of(2) {
        swar::unpack(wire, text, spelling);
    } else if element.step.shape == Shape::PackedFillerFirst {
        if let (Some((byte, wire)), Some((place, text))) =
            (wire.split_first(), text.split_first_mut())
        {
            *place = spelling.spell_one(byte & 0x0F);
            swar::unpack(wire, text, spelling);
        }
    } else if let (Some((byte, wire)), Some((place, text))) =
        (wire.split_last(), text.split_last_mut())
    {
        *place = spelling.spell_one(byte >> 4);
        swar::unpack(wire, text, spelling);
    }
}

/// As [`unpack`], of the first `length` bytes of `wire`; what stands behind them, and behind the text's place, may be read
/// and written.
#[inline(always)]
pub(crate) fn unpack_loosely(
    shape: Shape,
    units: usize,
    wire: &[u8],
    length: usize,
    text: &mut [u8],
    spelling: Spelling,
) {
    if shape == Shape::PackedFillerFirst && !units.is_multiple_of(2) {
        if let (Some((byte, wire)), Some((place, text))) =
            (wire.split_first(), text.split_first_mut())
        {
            *place = spelling.spell_one(byte & 0x0F);
            swar::unpack_loosely(wire, length - 1, text, spelling);
        }
    } else {
        // The filler behind an odd count becomes a character too many, which does not count.
        swar::unpack_loosely(wire, length, text, spelling);
    }
}

/// The number an `n` value of at most 18 digits says.
#[inline]
pub(crate) fn number(element: &Element<'_>) -> Option<u64> {
    match (element.step.encoding, element.step.shape) {
        (Encoding::Ascii | Encoding::Ebcdic(_), _) => Some(swar::digits_to_number(element.wire)),
        // A filler F is no digit: the digits are taken out first.
        (Encoding::Bcd, _) if element.step.filler != 0 => {
            let mut digits = [0; 18];
            let digits = digits.get_mut(..element.units)?;
            unpack(element, digits, Spelling::Hex);
            Some(swar::digits_to_number(digits))
        }
        // The filler behind an odd count of digits is a 0 too many.
        (Encoding::Bcd, Shape::PackedFillerLast) if !element.units.is_multiple_of(2) => {
            Some(swar::packed_to_number(element.wire) / 10)
        }
        (Encoding::Bcd, _) => Some(swar::packed_to_number(element.wire)),
        (Encoding::Raw | Encoding::HexText, _) => None,
    }
}

fn latin1_to_utf8<'b>(page: CodePage, wire: &[u8], buffer: &'b mut [u8]) -> Option<&'b [u8]> {
    let text = buffer.get_mut(..wire.len())?;
    swar::translate(wire, text, page.latin1());
    if text.is_ascii() {
        return buffer.get(..wire.len());
    }
    let mut length = 0;
    for byte in wire {
        let character = char::from(page.latin1().get(usize::from(*byte)).copied()?);
        length += character
            .encode_utf8(buffer.get_mut(length..length + character.len_utf8())?)
            .len();
    }
    buffer.get(..length)
}
