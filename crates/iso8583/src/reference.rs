//! The reference parser: slow, obvious, and written apart from the fast path, which tests hold to it.
//!
//! It shares with [`View`](crate::View) what a dialect says (its field table and character sets) and nothing else. Every
//! part of a message is one small `nom` parser, every byte is judged on its own, everything is copied. Both must agree on
//! every input: the same values at the same places, or the same error, field and offset. `explain` builds its tree from
//! it, because it keeps what could be read before an error.

use std::fmt;
use std::ops::Range;

use nom::error::{ErrorKind, ParseError};
use nom::multi::count;
use nom::{IResult, Parser};

use crate::charset::{Charset, hex_digit, hex_value, latin1_from_ebcdic};
use crate::dialect::{Dialect, MESSAGE_BYTES_MAX};
use crate::error::{DecodeError, DecodeErrorKind};
use crate::field::{
    BitmapEncoding, Content, Encoding, Field, Length, PadSide, PrefixEncoding, TextEncoding,
};
use crate::mti::Mti;

/// A message, taken apart and copied.
#[derive(Clone, PartialEq, Eq)]
pub struct Message {
    /// What stands before the MTI.
    pub header: Vec<u8>,
    pub mti: Mti,
    /// The fields present, ascending.
    pub elements: Vec<(u8, Element)>,
}

/// One field of a message.
#[derive(Clone, PartialEq, Eq)]
pub struct Element {
    /// Where its length prefix starts; where its value starts if it has none.
    pub prefix_offset: usize,
    /// Where its value starts.
    pub offset: usize,
    /// Bytes of its value.
    pub length: usize,
    /// Its length in the dialect's units: digits if packed, else bytes or characters.
    pub units: usize,
    /// Its value as canonical text: hex for `b` fields.
    pub text: String,
}

/// The values may be card data.
impl fmt::Debug for Element {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}..{}..{}",
            self.prefix_offset,
            self.offset,
            self.offset + self.length
        )
    }
}

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Message")
            .field("mti", &self.mti)
            .field("elements", &self.elements)
            .finish_non_exhaustive()
    }
}

/// As much of a message as could be read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Partial {
    pub(crate) header: Range<usize>,
    pub(crate) mti: Option<(Range<usize>, Mti)>,
    /// The bitmaps that could be read, with their 64 bits, the first bit highest.
    pub(crate) bitmaps: Vec<(Range<usize>, u64)>,
    pub(crate) elements: Vec<(u8, Element)>,
    /// Where reading stopped.
    pub(crate) end: usize,
    pub(crate) error: Option<DecodeError>,
}

impl Partial {
    /// The fields that the bitmaps announce, whether they could be read or not.
    pub(crate) fn announced(&self) -> Vec<u8> {
        let of = |(place, (_, bits)): (usize, &(Range<usize>, u64))| {
            fields_of(*bits, if place == 0 { 1 } else { 65 })
        };
        self.bitmaps
            .iter()
            .enumerate()
            .flat_map(of)
            .filter(|number| *number != 1)
            .collect()
    }
}

/// Reads a whole message.
///
/// # Errors
/// The first rule that the message breaks, from left to right.
pub fn decode(dialect: &Dialect, bytes: &[u8]) -> Result<Message, DecodeError> {
    let partial = read(dialect, bytes);
    match (partial.error, partial.mti) {
        (None, Some((_, mti))) => Ok(Message {
            header: bytes.get(partial.header).unwrap_or_default().to_vec(),
            mti,
            elements: partial.elements,
        }),
        (Some(error), _) => Err(error),
        (None, None) => Err(DecodeError {
            offset: 0,
            field: 0,
            kind: truncated(1, 0),
        }),
    }
}

/// Reads as much as it can.
pub(crate) fn read(dialect: &Dialect, bytes: &[u8]) -> Partial {
    let mut partial = Partial::default();
    partial.error = read_into(&mut partial, dialect, bytes).err();
    partial
}

fn read_into(partial: &mut Partial, dialect: &Dialect, bytes: &[u8]) -> Result<(), DecodeError> {
    if bytes.len() > MESSAGE_BYTES_MAX {
        let kind = DecodeErrorKind::MessageTooLong {
            length: bytes.len(),
            max: MESSAGE_BYTES_MAX,
        };
        return Err(DecodeError {
            offset: MESSAGE_BYTES_MAX,
            field: 0,
            kind,
        });
    }
    let offset_of = |rest: &[u8]| bytes.len() - rest.len();
    // From here on: the parser's error gets the field's number, and its place in the message.
    let in_field = |field: u8| {
        move |error: nom::Err<Fault>| match error {
            nom::Err::Error(fault) | nom::Err::Failure(fault) => DecodeError {
                offset: bytes.len() - fault.rest,
                field,
                kind: fault.kind,
            },
            // Only streaming parsers ask for more; `part` and `byte` never do.
            nom::Err::Incomplete(_) => DecodeError {
                offset: bytes.len(),
                field,
                kind: truncated(1, 0),
            },
        }
    };

    let (rest, _) = part(dialect.header_length())
        .parse(bytes)
        .map_err(in_field(0))?;
    partial.header = 0..offset_of(rest);
    partial.end = offset_of(rest);

    let start = offset_of(rest);
    let (rest, digits) = mti(dialect.mti_encoding())
        .parse(rest)
        .map_err(in_field(0))?;
    let digits: Option<[u8; 4]> = digits.as_bytes().try_into().ok();
    if let Some(read) = digits.as_ref().and_then(Mti::parse_digits) {
        partial.mti = Some((start..offset_of(rest), read));
    }
    partial.end = offset_of(rest);

    let encoding = dialect.bitmap_encoding();
    let first_bitmap = offset_of(rest);
    let (mut rest, primary) = bitmap(encoding).parse(rest).map_err(in_field(1))?;
    partial
        .bitmaps
        .push((first_bitmap..offset_of(rest), primary));
    partial.end = offset_of(rest);
    // The byte or hex character of the bitmaps, which stand one after the other, that carries a field's bit.
    let bit_offset = |field: u8| {
        let bits_each = match encoding {
            BitmapEncoding::Binary => 8,
            BitmapEncoding::HexText => 4,
        };
        first_bitmap + (usize::from(field) - 1) / bits_each
    };
    let mut announced = fields_of(primary, 1);
    if announced.first() == Some(&1) {
        if !dialect.has_secondary_bitmap() {
            return Err(DecodeError {
                offset: bit_offset(1),
                field: 1,
                kind: DecodeErrorKind::UndefinedField,
            });
        }
        announced.remove(0);
        let start = offset_of(rest);
        let (after, secondary) = bitmap(encoding).parse(rest).map_err(in_field(1))?;
        rest = after;
        partial.bitmaps.push((start..offset_of(rest), secondary));
        partial.end = offset_of(rest);
        announced.extend(fields_of(secondary, 65));
        if announced.contains(&65) {
            return Err(DecodeError {
                offset: bit_offset(65),
                field: 65,
                kind: DecodeErrorKind::TertiaryBitmap,
            });
        }
    }

    for number in announced.iter().copied() {
        let field = dialect.field(number).ok_or(DecodeError {
            offset: bit_offset(number),
            field: number,
            kind: DecodeErrorKind::UndefinedField,
        })?;
        let prefix_offset = offset_of(rest);
        let (after_prefix, units) = length(field).parse(rest).map_err(in_field(number))?;
        let offset = offset_of(after_prefix);
        let (after, text) = value(field, units)
            .parse(after_prefix)
            .map_err(in_field(number))?;
        let length = offset_of(after) - offset;
        partial.elements.push((
            number,
            Element {
                prefix_offset,
                offset,
                length,
                units,
                text,
            },
        ));
        partial.end = offset_of(after);
        rest = after;
    }
    if rest.is_empty() {
        return Ok(());
    }
    let field = announced.last().copied().unwrap_or(1);
    Err(DecodeError {
        offset: offset_of(rest),
        field,
        kind: DecodeErrorKind::TrailingBytes { count: rest.len() },
    })
}

/// What a parser reports: the rule that is broken, and how many bytes were left where it is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Fault {
    rest: usize,
    kind: DecodeErrorKind,
}

impl ParseError<&[u8]> for Fault {
    /// The only parser of nom's own that meets input here is `take`, which fails for want of bytes.
    fn from_error_kind(input: &[u8], _: ErrorKind) -> Fault {
        Fault {
            rest: input.len(),
            kind: truncated(input.len() + 1, input.len()),
        }
    }

    fn append(_: &[u8], _: ErrorKind, inner: Fault) -> Fault {
        inner
    }
}

type Parsed<'a, T> = IResult<&'a [u8], T, Fault>;

fn truncated(needed: usize, available: usize) -> DecodeErrorKind {
    DecodeErrorKind::Truncated { needed, available }
}

fn fault<'a, T>(at: &'a [u8], kind: DecodeErrorKind) -> Parsed<'a, T> {
    Err(nom::Err::Error(Fault {
        rest: at.len(),
        kind,
    }))
}

/// So many bytes, whatever they are.
fn part<'a>(needed: usize) -> impl Fn(&'a [u8]) -> Parsed<'a, &'a [u8]> {
    move |input| {
        nom::bytes::complete::take(needed)(input)
            .or_else(|_: nom::Err<Fault>| fault(input, truncated(needed, input.len())))
    }
}

/// One byte that `judge` accepts and turns into something.
fn byte<'a, T>(
    judge: impl Fn(u8) -> Result<T, DecodeErrorKind>,
) -> impl Fn(&'a [u8]) -> Parsed<'a, T> {
    move |input| {
        let (rest, byte) = nom::number::complete::u8(input)?;
        match judge(byte) {
            Ok(value) => Ok((rest, value)),
            Err(kind) => fault(input, kind),
        }
    }
}

/// First all the bytes must be there, then each is judged by itself.
fn each<'a, T>(
    needed: usize,
    judge: impl Fn(u8) -> Result<T, DecodeErrorKind>,
) -> impl Fn(&'a [u8]) -> Parsed<'a, Vec<T>> {
    move |input| {
        part(needed).parse(input)?;
        count(byte(&judge), needed).parse(input)
    }
}

fn mti<'a>(encoding: TextEncoding) -> impl Fn(&'a [u8]) -> Parsed<'a, String> {
    move |input| match encoding {
        TextEncoding::Ascii => each(4, digit(Charset::Ascii)).map(digits_text).parse(input),
        TextEncoding::Ebcdic500 => each(4, digit(Charset::Ebcdic500))
            .map(digits_text)
            .parse(input),
        TextEncoding::Bcd => each(2, two_digits)
            .map(|pairs| digits_text(pairs.concat()))
            .parse(input),
    }
}

fn bitmap<'a>(encoding: BitmapEncoding) -> impl Fn(&'a [u8]) -> Parsed<'a, u64> {
    move |input| match encoding {
        BitmapEncoding::Binary => each(8, Ok)
            .map(|bytes| {
                bytes
                    .iter()
                    .fold(0, |bits, byte| bits << 8 | u64::from(*byte))
            })
            .parse(input),
        BitmapEncoding::HexText => each(16, hex_character)
            .map(|nibbles| {
                nibbles
                    .iter()
                    .fold(0, |bits, nibble| bits << 4 | u64::from(*nibble))
            })
            .parse(input),
    }
}

/// The fields whose bits are set; the highest bit stands for `first`.
pub(crate) fn fields_of(bits: u64, first: u8) -> Vec<u8> {
    (0..64)
        .filter(|place| bits >> (63 - place) & 1 == 1)
        .map(|place| first + place)
        .collect()
}

/// How many units the value has: read from the prefix, if the field has one.
fn length<'a>(field: &Field) -> impl Fn(&'a [u8]) -> Parsed<'a, usize> {
    move |input| {
        let (digits, prefix, max) = match field.length {
            Length::Fixed(length) => return Ok((input, usize::from(length))),
            Length::Variable {
                digits,
                prefix,
                max,
            } => (usize::from(digits), prefix, usize::from(max)),
        };
        let length_digit = |charset: Charset| {
            move |byte: u8| {
                charset
                    .digit(byte)
                    .ok_or(DecodeErrorKind::LengthNotDigit(byte))
            }
        };
        let (rest, digits) = match prefix {
            PrefixEncoding::Ascii => each(digits, length_digit(Charset::Ascii)).parse(input)?,
            PrefixEncoding::Ebcdic500 => {
                each(digits, length_digit(Charset::Ebcdic500)).parse(input)?
            }
            PrefixEncoding::Bcd => each(digits.div_ceil(2), |byte| {
                two_digits(byte).map_err(|_| DecodeErrorKind::LengthNotDigit(byte))
            })
            .map(|pairs| pairs.concat())
            .parse(input)?,
        };
        let length = digits
            .iter()
            .fold(0, |number, digit| number * 10 + usize::from(*digit));
        if length > max {
            return fault(input, DecodeErrorKind::LengthTooLong { length, max });
        }
        if field.encoding == Encoding::HexText && length % 2 == 1 {
            return fault(input, DecodeErrorKind::LengthOdd { length });
        }
        Ok((rest, length))
    }
}

/// The value, `units` long, as text.
fn value<'a>(field: &Field, units: usize) -> impl Fn(&'a [u8]) -> Parsed<'a, String> {
    move |input| match field.encoding {
        Encoding::Raw => part(units)
            .map(|bytes: &[u8]| {
                bytes
                    .iter()
                    .flat_map(|byte| [byte >> 4, byte & 15])
                    .map(hex_char)
                    .collect()
            })
            .parse(input),
        Encoding::HexText => {
            // A fixed b field counts its bytes, a variable one the characters on the wire.
            let characters = if matches!(field.length, Length::Fixed(_)) {
                units * 2
            } else {
                units
            };
            each(characters, hex_character)
                .map(|nibbles| nibbles.into_iter().map(hex_char).collect())
                .parse(input)
        }
        Encoding::Ascii => characters(input, Charset::Ascii, field.content, units),
        Encoding::Ebcdic500 => characters(input, Charset::Ebcdic500, field.content, units),
        Encoding::Bcd => packed(input, field, units),
    }
}

fn characters<'a>(
    input: &'a [u8],
    charset: Charset,
    content: Content,
    units: usize,
) -> Parsed<'a, String> {
    part(units).parse(input)?;
    let character = |judge: fn(u8) -> DecodeErrorKind| {
        move |byte: u8| {
            if charset.allows(content, byte) {
                Ok(latin1(charset, byte))
            } else {
                Err(judge(byte))
            }
        }
    };
    match content {
        Content::N => count(byte(character(DecodeErrorKind::NotDigit)), units)
            .map(String::from_iter)
            .parse(input),
        Content::Z => count(byte(character(DecodeErrorKind::NotTrack)), units)
            .map(String::from_iter)
            .parse(input),
        Content::SignedN if units > 0 => {
            let sign = byte(|byte| {
                if charset.is_sign(byte) {
                    Ok(latin1(charset, byte))
                } else {
                    Err(DecodeErrorKind::NotSign(byte))
                }
            });
            (
                sign,
                count(byte(character(DecodeErrorKind::NotDigit)), units - 1),
            )
                .map(|(sign, digits)| std::iter::once(sign).chain(digits).collect())
                .parse(input)
        }
        _ => count(byte(character(DecodeErrorKind::NotText)), units)
            .map(String::from_iter)
            .parse(input),
    }
}

/// Packed digits, two a byte. An odd count has a filler nibble, 0, on the side that the dialect says.
fn packed<'a>(input: &'a [u8], field: &Field, units: usize) -> Parsed<'a, String> {
    let bytes = units.div_ceil(2);
    let (rest, wire) = part(bytes).parse(input)?;
    let mut text = String::new();
    for (place, byte) in wire.iter().copied().enumerate() {
        let (digits, filler) = match field.pad {
            PadSide::Left if units % 2 == 1 && place == 0 => (vec![byte & 15], byte >> 4),
            PadSide::Right if units % 2 == 1 && place == bytes - 1 => (vec![byte >> 4], byte & 15),
            _ => (vec![byte >> 4, byte & 15], 0),
        };
        let here = input.get(place..).unwrap_or_default();
        for nibble in digits {
            match (field.content, nibble) {
                (_, 0..=9) => text.push(hex_char(nibble)),
                (Content::Z, 0xD) => text.push('D'),
                (Content::Z, _) => return fault(here, DecodeErrorKind::NotTrack(byte)),
                _ => return fault(here, DecodeErrorKind::NotBcd { byte }),
            }
        }
        if filler != 0 {
            return fault(here, DecodeErrorKind::PadNibble { byte });
        }
    }
    Ok((rest, text))
}

fn latin1(charset: Charset, byte: u8) -> char {
    match charset {
        Charset::Ascii => char::from(byte),
        Charset::Ebcdic500 => char::from(latin1_from_ebcdic(byte)),
    }
}

fn digit(charset: Charset) -> impl Fn(u8) -> Result<u8, DecodeErrorKind> {
    move |byte| charset.digit(byte).ok_or(DecodeErrorKind::NotDigit(byte))
}

fn two_digits(byte: u8) -> Result<[u8; 2], DecodeErrorKind> {
    match (byte >> 4, byte & 15) {
        (high @ 0..=9, low @ 0..=9) => Ok([high, low]),
        _ => Err(DecodeErrorKind::NotBcd { byte }),
    }
}

fn hex_character(byte: u8) -> Result<u8, DecodeErrorKind> {
    hex_value(byte).ok_or(DecodeErrorKind::NotHex(byte))
}

fn hex_char(nibble: u8) -> char {
    char::from(hex_digit(nibble))
}

fn digits_text(digits: Vec<u8>) -> String {
    digits.into_iter().map(hex_char).collect()
}
