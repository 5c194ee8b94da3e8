//! The parts of a message as `nom` parsers, each for one thing.

use nom::error::{ErrorKind, ParseError};
use nom::multi::count;
use nom::{IResult, Parser};

use crate::charset::{Charset, ebcdic_hex_value, hex_digit, hex_value};
use crate::dialect::Dialect;
use crate::error::DecodeErrorKind;
use crate::field::{
    BitmapEncoding, CodePage, Content, Counts, Encoding, Field, Filler, Length, PadSide,
    PrefixEncoding, TextEncoding,
};
use crate::header::HeaderKind;

/// Digits are the same in every EBCDIC code page.
const EBCDIC: Charset = Charset::Ebcdic(CodePage::Ebcdic500);

/// What a parser reports: the rule that is broken, and how many bytes were left where it is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) rest: usize,
    pub(super) kind: DecodeErrorKind,
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

pub(super) type Parsed<'a, T> = IResult<&'a [u8], T, Fault>;

pub(super) fn truncated(needed: usize, available: usize) -> DecodeErrorKind {
    DecodeErrorKind::Truncated { needed, available }
}

fn fault<'a, T>(at: &'a [u8], kind: DecodeErrorKind) -> Parsed<'a, T> {
    Err(nom::Err::Error(Fault {
        rest: at.len(),
        kind,
    }))
}

/// So many bytes, whatever they are.
pub(super) fn part<'a>(needed: usize) -> impl Fn(&'a [u8]) -> Parsed<'a, &'a [u8]> {
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

/// What stands before the MTI.
pub(super) fn header<'a>(dialect: &Dialect) -> impl Fn(&'a [u8]) -> Parsed<'a, ()> {
    let not_header = DecodeErrorKind::NotHeader;
    move |input| match dialect.header_kind() {
        HeaderKind::Fixed | HeaderKind::Tpdu => {
            part(dialect.header_length()).map(|_| ()).parse(input)
        }
        HeaderKind::Base24 => {
            part(12).parse(input)?;
            let letter = |letter: u8| {
                byte(move |byte| {
                    if byte == letter {
                        Ok(())
                    } else {
                        Err(not_header(byte))
                    }
                })
            };
            let digit = byte(|byte| {
                if byte.is_ascii_digit() {
                    Ok(())
                } else {
                    Err(not_header(byte))
                }
            });
            (letter(b'I'), letter(b'S'), letter(b'O'), count(digit, 9))
                .map(|_| ())
                .parse(input)
        }
        HeaderKind::Visa => {
            let (rest, more) = visa_header(input)?;
            let (rest, _) = if more {
                visa_header(rest)?
            } else {
                (rest, false)
            };
            Ok((rest, ()))
        }
    }
}

/// One BASE I header, and whether it says that another follows.
fn visa_header(input: &[u8]) -> Parsed<'_, bool> {
    let (_, start) = part(22).parse(input)?;
    let (_, length) = byte(|byte| match byte {
        22..=32 => Ok(usize::from(byte)),
        _ => Err(DecodeErrorKind::NotHeader(byte)),
    })
    .parse(input)?;
    let (rest, _) = part(22).parse(input)?;
    let (rest, _) = part(length - 22).parse(rest)?;
    Ok((rest, start.get(1).is_some_and(|format| *format >= 0x80)))
}

pub(super) fn mti<'a>(encoding: TextEncoding) -> impl Fn(&'a [u8]) -> Parsed<'a, String> {
    move |input| match encoding {
        TextEncoding::Ascii => each(4, digit(Charset::Ascii)).map(digits_text).parse(input),
        TextEncoding::Ebcdic => each(4, digit(EBCDIC)).map(digits_text).parse(input),
        TextEncoding::Bcd => each(2, two_digits)
            .map(|pairs| digits_text(pairs.concat()))
            .parse(input),
    }
}

pub(super) fn bitmap<'a>(encoding: BitmapEncoding) -> impl Fn(&'a [u8]) -> Parsed<'a, u64> {
    move |input| match encoding {
        BitmapEncoding::Binary => each(8, Ok)
            .map(|bytes| {
                bytes
                    .iter()
                    .fold(0, |bits, byte| bits << 8 | u64::from(*byte))
            })
            .parse(input),
        BitmapEncoding::HexText => each(16, hex_character).map(bits_of).parse(input),
        BitmapEncoding::EbcdicHex => each(16, |byte| {
            ebcdic_hex_value(byte).ok_or(DecodeErrorKind::NotHex(byte))
        })
        .map(bits_of)
        .parse(input),
    }
}

/// How many units the value has: read from the prefix, if the field has one.
pub(super) fn length<'a>(field: &Field) -> impl Fn(&'a [u8]) -> Parsed<'a, usize> {
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
            PrefixEncoding::Ebcdic => each(digits, length_digit(EBCDIC)).parse(input)?,
            PrefixEncoding::Binary1 | PrefixEncoding::Binary2 => {
                let (rest, bytes) = part(prefix.bytes(0)).parse(input)?;
                let length = bytes
                    .iter()
                    .fold(0, |number, byte| number * 256 + usize::from(*byte));
                return units(field, max, input, rest, length);
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
        units(field, max, input, rest, length)
    }
}

/// From what the prefix says to the units of the value. `prefix` is where the prefix stands, `rest` what follows it.
fn units<'a>(
    field: &Field,
    max: usize,
    prefix: &'a [u8],
    rest: &'a [u8],
    announced: usize,
) -> Parsed<'a, usize> {
    let prefix_bytes = prefix.len() - rest.len();
    let packed = field.encoding == Encoding::Bcd;
    let max_bytes = if packed { max.div_ceil(2) } else { max };
    let (length, announced_max) = match field.counts {
        Counts::Value => (Some(announced), max),
        Counts::Bytes => (Some(announced), max_bytes),
        Counts::Element => (
            announced.checked_sub(prefix_bytes),
            max_bytes + prefix_bytes,
        ),
    };
    if announced > announced_max {
        let kind = DecodeErrorKind::LengthTooLong {
            length: announced,
            max: announced_max,
        };
        return fault(prefix, kind);
    }
    let Some(length) = length else {
        let kind = DecodeErrorKind::LengthTooShort {
            length: announced,
            min: prefix_bytes,
        };
        return fault(prefix, kind);
    };
    if field.encoding == Encoding::HexText && length % 2 == 1 {
        return fault(prefix, DecodeErrorKind::LengthOdd { length });
    }
    if !packed || field.counts == Counts::Value {
        return Ok((rest, length));
    }
    // Whole bytes were counted. Only a filler that is no digit says that there is one digit less.
    let digits = match (field.filler, field.pad, rest.get(..length)) {
        (Filler::F, PadSide::Left, Some([first, ..])) if first >> 4 == 15 => length * 2 - 1,
        (Filler::F, PadSide::Right, Some([.., last])) if last & 15 == 15 => length * 2 - 1,
        _ => length * 2,
    };
    if digits > max {
        let kind = DecodeErrorKind::LengthTooLong {
            length: digits,
            max,
        };
        return fault(prefix, kind);
    }
    Ok((rest, digits))
}

/// The value, `units` long, as text.
pub(super) fn value<'a>(field: &Field, units: usize) -> impl Fn(&'a [u8]) -> Parsed<'a, String> {
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
        Encoding::Ebcdic(page) => characters(input, Charset::Ebcdic(page), field.content, units),
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

/// Packed digits, two a byte. An odd count has a filler nibble; which, and on which side, the dialect says.
fn packed<'a>(input: &'a [u8], field: &Field, units: usize) -> Parsed<'a, String> {
    let bytes = units.div_ceil(2);
    let (rest, wire) = part(bytes).parse(input)?;
    let mut text = String::new();
    for (place, byte) in wire.iter().copied().enumerate() {
        let (digits, filler) = match field.pad {
            PadSide::Left if units % 2 == 1 && place == 0 => (vec![byte & 15], byte >> 4),
            PadSide::Right if units % 2 == 1 && place == bytes - 1 => (vec![byte >> 4], byte & 15),
            _ => (vec![byte >> 4, byte & 15], field.filler.nibble()),
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
        if filler != field.filler.nibble() {
            return fault(here, DecodeErrorKind::PadNibble { byte });
        }
    }
    Ok((rest, text))
}

fn bits_of(nibbles: Vec<u8>) -> u64 {
    nibbles
        .iter()
        .fold(0, |bits, nibble| bits << 4 | u64::from(*nibble))
}

fn latin1(charset: Charset, byte: u8) -> char {
    match charset {
        Charset::Ascii => char::from(byte),
        Charset::Ebcdic(page) => page
            .latin1()
            .get(usize::from(byte))
            .map_or('\0', |latin1| char::from(*latin1)),
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
