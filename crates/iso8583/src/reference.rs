//! The reference parser: slow, obvious, and written apart from the fast path, which tests hold to it.
//!
//! It shares with [`View`](crate::View) what a dialect says (its field table and character sets) and nothing else. Every
//! part of a message is one small `nom` parser, every byte is judged on its own, everything is copied. Both must agree on
//! every input: the same values at the same places, or the same error, field and offset. `explain` builds its tree from
//! it, because it keeps what could be read before an error.

use std::collections::VecDeque;
use std::fmt;
use std::ops::Range;

use nom::Parser;

use crate::dialect::{Dialect, MESSAGE_BYTES_MAX};
use crate::error::{DecodeError, DecodeErrorKind};
use crate::field::{BitmapEncoding, TertiaryBitmap};
use crate::mti::Mti;

mod parts;

use parts::{Fault, bitmap, header, length, mti, truncated, value};

/// A message, taken apart and copied.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Message {
    /// What stands before the MTI.
    pub header: Vec<u8>,
    /// The message type.
    pub mti: Mti,
    /// The fields present, ascending.
    pub elements: Vec<(u8, Element)>,
}

/// One field of a message.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
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
    /// The fields that the bitmaps announce, whether they could be read or not. Bits 1 and 65 announce bitmaps.
    pub(crate) fn announced(&self) -> Vec<u8> {
        let firsts = self.bitmaps.iter().zip([1, 65, 129]);
        firsts
            .flat_map(|((_, bits), first)| fields_of(*bits, first))
            .filter(|number| ![1, 65].contains(number))
            .collect()
    }

    /// The byte or hex character of the bitmaps that carries a field's bit.
    fn bit_offset(&self, encoding: BitmapEncoding, field: u8) -> usize {
        let bits_each = match encoding {
            BitmapEncoding::Binary => 8,
            BitmapEncoding::HexText | BitmapEncoding::EbcdicHex => 4,
        };
        let bit = usize::from(field) - 1;
        let start = self
            .bitmaps
            .get(bit / 64)
            .map_or(0, |(range, _)| range.start);
        start + bit % 64 / bits_each
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

    let (rest, _) = header(dialect).parse(bytes).map_err(in_field(0))?;
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
    let mut announced = fields_of(primary, 1);
    if announced.first() == Some(&1) {
        if !dialect.has_secondary_bitmap() {
            return Err(DecodeError {
                offset: first_bitmap,
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
    }
    if announced.contains(&65) {
        match dialect.tertiary_bitmap() {
            TertiaryBitmap::None => {
                return Err(DecodeError {
                    offset: partial.bit_offset(encoding, 65),
                    field: 65,
                    kind: DecodeErrorKind::TertiaryBitmap,
                });
            }
            TertiaryBitmap::Field65 => {}
            TertiaryBitmap::Contiguous => {
                announced.retain(|number| *number != 65);
                let start = offset_of(rest);
                let (after, tertiary) = bitmap(encoding).parse(rest).map_err(in_field(65))?;
                rest = after;
                partial.bitmaps.push((start..offset_of(rest), tertiary));
                partial.end = offset_of(rest);
                announced.extend(fields_of(tertiary, 129));
            }
        }
    }

    let mut announced = VecDeque::from(announced);
    let mut last = 1;
    while let Some(number) = announced.pop_front() {
        if number == 65 {
            let start = offset_of(rest);
            let (after, tertiary) = bitmap(encoding).parse(rest).map_err(in_field(65))?;
            rest = after;
            partial.bitmaps.push((start..offset_of(rest), tertiary));
            partial.end = offset_of(rest);
            announced.extend(fields_of(tertiary, 129));
            continue;
        }
        let field = dialect.field(number).ok_or(DecodeError {
            offset: partial.bit_offset(encoding, number),
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
                text: field.stripped(&text).to_owned(),
            },
        ));
        partial.end = offset_of(after);
        rest = after;
        last = number;
    }
    if rest.is_empty() {
        return Ok(());
    }
    Err(DecodeError {
        offset: offset_of(rest),
        field: last,
        kind: DecodeErrorKind::TrailingBytes { count: rest.len() },
    })
}

/// The fields whose bits are set; the highest bit stands for `first`.
pub(crate) fn fields_of(bits: u64, first: u8) -> Vec<u8> {
    (0..64)
        .filter(|place| bits >> (63 - place) & 1 == 1)
        .map(|place| first + place)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::DecodeErrorKind as Kind;

    fn bytes(parts: &[&[u8]]) -> Vec<u8> {
        parts.concat()
    }

    fn check(dialect: &str, bytes: &[u8]) -> Result<Vec<(u8, usize, usize, String)>, DecodeError> {
        let dialect = Dialect::builtin(dialect).unwrap();
        let message = decode(&dialect, bytes)?;
        assert_eq!(message.mti.as_str(), "0200");
        let element = |(number, element): (u8, Element)| {
            (number, element.prefix_offset, element.offset, element.text)
        };
        Ok(message.elements.into_iter().map(element).collect())
    }

    /// Fields 2, 3, 39 and 52, written by hand in each encoding.
    #[test]
    fn the_same_message_in_every_dialect() {
        let fields = |places: [(usize, usize); 4]| {
            let texts = ["411111111111111", "000000", "A1", "00112233445566FF"];
            let rows = [2, 3, 39, 52].into_iter().zip(places).zip(texts);
            Ok(rows
                .map(|((number, (prefix, value)), text)| (number, prefix, value, text.to_owned()))
                .collect())
        };
        assert_eq!(
            check(
                "iso87-ascii",
                b"0200600000000200100015411111111111111000000A100112233445566fF"
            ),
            fields([(20, 22), (37, 37), (43, 43), (45, 45)])
        );
        let bitmap: &[u8] = &[0x60, 0, 0, 0, 0x02, 0, 0x10, 0];
        let pin: &[u8] = &[0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0xFF];
        assert_eq!(
            check(
                "iso87-mixed",
                &bytes(&[b"0200", bitmap, b"15411111111111111000000A1", pin])
            ),
            fields([(12, 14), (29, 29), (35, 35), (37, 37)])
        );
        let pan: &[u8] = &[0x15, 0x04, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11];
        assert_eq!(
            check(
                "iso87-bcd",
                &bytes(&[&[0x02, 0x00], bitmap, pan, &[0, 0, 0], b"A1", pin])
            ),
            fields([(10, 11), (19, 19), (22, 22), (24, 24)])
        );
        let ebcdic = |text: &str| -> Vec<u8> {
            let byte = |c: u8| if c == b'A' { 0xC1 } else { c - b'0' + 0xF0 };
            text.bytes().map(byte).collect()
        };
        let text = ebcdic("15411111111111111000000A1");
        assert_eq!(
            check(
                "iso87-ebcdic",
                &bytes(&[&ebcdic("0200"), bitmap, &text, pin])
            ),
            fields([(12, 14), (29, 29), (35, 35), (37, 37)])
        );
        let pan: &[u8] = &[0x15, 0x41, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x10];
        let message = bytes(&[
            &[0x60; 11],
            &[0x02, 0x00],
            bitmap,
            pan,
            &[0, 0, 0],
            b"A1",
            pin,
        ]);
        assert_eq!(
            check("unionpay-pos", &message),
            fields([(21, 22), (30, 30), (33, 33), (35, 35)])
        );
    }

    #[test]
    fn the_first_rule_that_is_broken() {
        #[rustfmt::skip]
        let cases: &[(&str, usize, u8, Kind)] = &[
            ("02", 0, 0, Kind::Truncated { needed: 4, available: 2 }),
            ("02x0", 2, 0, Kind::NotDigit(b'x')),
            ("020060", 4, 1, Kind::Truncated { needed: 16, available: 2 }),
            ("0200600000000200g000", 16, 1, Kind::NotHex(b'g')),
            ("02008000000000000000", 20, 1, Kind::Truncated { needed: 16, available: 0 }),
            ("020080000000000000008000000000000000", 20, 65, Kind::TertiaryBitmap),
            ("020040000000000000001", 20, 2, Kind::Truncated { needed: 2, available: 1 }),
            ("020040000000000000001x", 21, 2, Kind::LengthNotDigit(b'x')),
            ("0200400000000000000020", 20, 2, Kind::LengthTooLong { length: 20, max: 19 }),
            ("020040000000000000000341", 22, 2, Kind::Truncated { needed: 3, available: 2 }),
            ("020040000000000000000341x", 24, 2, Kind::NotDigit(b'x')),
            ("02000000000000000200004AB", 23, 55, Kind::Truncated { needed: 4, available: 2 }),
            ("02000000000000000200001A", 20, 55, Kind::LengthOdd { length: 1 }),
            ("02000000001000000000000000000", 20, 28, Kind::NotSign(b'0')),
            ("02000000001000000000C000000x0", 27, 28, Kind::NotDigit(b'x')),
            ("02000000000020000000051234X", 26, 35, Kind::NotTrack(b'X')),
            ("02000000000002000000\u{7f}1", 20, 39, Kind::NotText(0x7F)),
            ("02002000000000000000000000xy", 26, 3, Kind::TrailingBytes { count: 2 }),
            ("02000000000000000000x", 20, 1, Kind::TrailingBytes { count: 1 }),
        ];
        for (text, offset, field, kind) in cases {
            let error = check("iso87-ascii", text.as_bytes()).unwrap_err();
            let expected = DecodeError {
                offset: *offset,
                field: *field,
                kind: *kind,
            };
            assert_eq!(error, expected, "{text}");
        }
    }

    #[test]
    fn packed_digits_and_their_filler() {
        let pan = |wire: &[u8]| {
            let message = bytes(&[&[0x02, 0x00, 0x40, 0, 0, 0, 0, 0, 0, 0], wire]);
            check("iso87-bcd", &message).map_err(|error| (error.offset, error.kind))
        };
        assert_eq!(
            pan(&[0x03, 0x01, 0x23]).map(|fields| fields[0].3.clone()),
            Ok("123".into())
        );
        assert_eq!(
            pan(&[0x03, 0x11, 0x23]),
            Err((11, Kind::PadNibble { byte: 0x11 }))
        );
        assert_eq!(
            pan(&[0x03, 0x1A, 0x23]),
            Err((11, Kind::NotBcd { byte: 0x1A }))
        );
        assert_eq!(
            pan(&[0x03, 0x01, 0x2A]),
            Err((12, Kind::NotBcd { byte: 0x2A }))
        );
        assert_eq!(pan(&[0x1A]), Err((10, Kind::LengthNotDigit(0x1A))));
        assert_eq!(
            pan(&[0x20]),
            Err((
                10,
                Kind::LengthTooLong {
                    length: 20,
                    max: 19
                }
            ))
        );
    }

    /// What the reference keeps of a broken message is what the fast path keeps of it.
    #[test]
    fn what_could_be_read_before_the_error() {
        let dialect = Dialect::builtin("iso87-mixed").unwrap();
        let message = bytes(&[
            b"0200",
            &[0xE0, 0, 0, 0, 0x02, 0, 0x10, 0, 0x04, 0, 0, 0, 0, 0, 0, 0],
            b"15411111111111111000000A1",
            &[0; 8],
            b"301",
        ]);
        for length in 0..=message.len() {
            let cut = message.get(..length).unwrap();
            let slow = read(&dialect, cut);
            let (fast, error) = dialect.partial(cut);
            assert_eq!(slow.error, error);
            assert_eq!(slow.mti.map(|(_, mti)| mti), fast.mti());
            let numbers: Vec<u8> = slow.elements.iter().map(|(number, _)| *number).collect();
            assert_eq!(
                fast.fields().iter().collect::<Vec<_>>(),
                numbers,
                "{length}"
            );
            if slow.bitmaps.len() == 2 {
                assert_eq!(
                    fast.announced()
                        .iter()
                        .filter(|number| *number > 1)
                        .collect::<Vec<_>>(),
                    [2, 3, 39, 52, 70]
                );
                assert_eq!(fast.end(), slow.end);
            }
        }
    }
}
