//! Reading a message with care: in order, byte by byte, so that an error names the first thing that is wrong.
//!
//! This is the decoder that explains itself. It is table driven and total: a view of the message, or a view of what
//! stands before the error and the error.

use crate::charset::{self, Charset};
use crate::dialect::{Dialect, MESSAGE_BYTES_MAX};
use crate::error::{DecodeError, DecodeErrorKind as Kind};
use crate::field::{
    BitmapEncoding, CodePage, Content, Counts, Encoding, Field, Filler, Length, PadSide,
    PrefixEncoding, TertiaryBitmap, TextEncoding,
};
use crate::field_set::FieldSet;
use crate::header::{self, HeaderKind};
use crate::mti::Mti;
use crate::partial::PartialView;
use crate::view::THIRD_BITMAP;

/// Reads as far as the message is in order.
pub(crate) fn decode<'a>(
    dialect: &'a Dialect,
    bytes: &'a [u8],
) -> (PartialView<'a>, Option<DecodeError>) {
    let mut partial = PartialView::empty(dialect, bytes);
    let error = read(&mut Reader { bytes, offset: 0 }, dialect, &mut partial).err();
    (partial, error)
}

/// A position in the message. All access to it goes through here, so nothing is read that was not counted first.
struct Reader<'a> {
    bytes: &'a [u8],
    offset: usize,
}

impl<'a> Reader<'a> {
    fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.offset..).unwrap_or_default()
    }

    /// The next `count` bytes, or the error that they are not there.
    fn take(&mut self, count: usize, field: u8) -> Result<&'a [u8], DecodeError> {
        let rest = self.rest();
        let Some(taken) = rest.get(..count) else {
            let kind = Kind::Truncated {
                needed: count,
                available: rest.len(),
            };
            return Err(DecodeError {
                offset: self.offset,
                field,
                kind,
            });
        };
        self.offset += count;
        Ok(taken)
    }
}

fn read<'a>(
    reader: &mut Reader<'a>,
    dialect: &'a Dialect,
    partial: &mut PartialView<'a>,
) -> Result<(), DecodeError> {
    let length = reader.bytes.len();
    if length > MESSAGE_BYTES_MAX {
        let kind = Kind::MessageTooLong {
            length,
            max: MESSAGE_BYTES_MAX,
        };
        return Err(DecodeError {
            offset: MESSAGE_BYTES_MAX,
            field: 0,
            kind,
        });
    }
    partial.header = Some(read_header(reader, dialect)?);
    let mti = read_mti(reader, dialect.mti)?;
    partial.mti = Some(mti);
    let mut bitmaps = read_bitmaps(reader, dialect)?;
    partial.open_view(mti, bitmaps.announced(), reader.offset);

    let mut after = 0;
    while let Some(number) = bitmaps.elements.next_after(after) {
        let start = reader.offset;
        if number == THIRD_BITMAP {
            bitmaps.read_third(reader)?;
            partial.announce(bitmaps.announced());
        } else {
            let Some(field) = dialect.field(number) else {
                return Err(DecodeError {
                    offset: bitmaps.place_of(number),
                    field: number,
                    kind: Kind::UndefinedField,
                });
            };
            read_element(reader, field)?;
        }
        partial.push(number, start, reader.offset);
        after = number;
    }
    let count = reader.rest().len();
    if count != 0 {
        let field = bitmaps.announced().last().unwrap_or(1);
        return Err(DecodeError {
            offset: reader.offset,
            field,
            kind: Kind::TrailingBytes { count },
        });
    }
    Ok(())
}

fn read_header<'a>(reader: &mut Reader<'a>, dialect: &Dialect) -> Result<&'a [u8], DecodeError> {
    let bytes = reader.rest();
    match dialect.header_kind {
        HeaderKind::Fixed | HeaderKind::Tpdu => return reader.take(dialect.header_length(), 0),
        HeaderKind::Base24 => {
            let header = reader.take(header::BASE24_BYTES, 0)?;
            let wrong = header.iter().enumerate().position(|(place, byte)| {
                b"ISO"
                    .get(place)
                    .map_or(!byte.is_ascii_digit(), |letter| letter != byte)
            });
            if let Some(place) = wrong {
                return Err(DecodeError {
                    offset: place,
                    field: 0,
                    kind: Kind::NotHeader(byte_at(header, place)),
                });
            }
        }
        HeaderKind::Visa => {
            read_visa_header(reader)?;
            if header::visa_announces_another(bytes) {
                read_visa_header(reader)?;
            }
        }
    }
    Ok(bytes.get(..reader.offset).unwrap_or_default())
}

/// One BASE I header: its first byte says its length.
fn read_visa_header(reader: &mut Reader<'_>) -> Result<(), DecodeError> {
    let offset = reader.offset;
    let start = reader.take(header::VISA_BYTES, 0)?;
    let length = byte_at(start, 0);
    let more = usize::from(length).checked_sub(header::VISA_BYTES);
    let Some(more) = more.filter(|_| usize::from(length) <= header::VISA_BYTES_MAX) else {
        return Err(DecodeError {
            offset,
            field: 0,
            kind: Kind::NotHeader(length),
        });
    };
    reader.take(more, 0)?;
    Ok(())
}

fn read_mti(reader: &mut Reader<'_>, encoding: TextEncoding) -> Result<Mti, DecodeError> {
    let start = reader.offset;
    let wire = reader.take(encoding.mti_length(), 0)?;
    let charset = match encoding {
        TextEncoding::Bcd => None,
        TextEncoding::Ascii => Some(Charset::Ascii),
        TextEncoding::Ebcdic => Some(Charset::Ebcdic(CodePage::Ebcdic500)),
    };
    let mut digits = [b'0'; 4];
    for (place, byte) in wire.iter().enumerate() {
        let error = |kind| DecodeError {
            offset: start + place,
            field: 0,
            kind,
        };
        match charset {
            Some(charset) => {
                let digit = charset.digit(*byte).ok_or(error(Kind::NotDigit(*byte)))?;
                if let Some(slot) = digits.get_mut(place) {
                    *slot = b'0' + digit;
                }
            }
            None => {
                if !is_bcd(*byte) {
                    return Err(error(Kind::NotBcd { byte: *byte }));
                }
                if let Some([high, low]) = digits.get_mut(place * 2..place * 2 + 2) {
                    *high = b'0' + (byte >> 4);
                    *low = b'0' + (byte & 0x0F);
                }
            }
        }
    }
    Mti::parse_digits(&digits).ok_or(DecodeError {
        offset: start,
        field: 0,
        kind: Kind::NotDigit(0),
    })
}

/// The bitmaps as read.
struct Bitmaps {
    /// The fields that are announced; 65 among them is a third bitmap that stands there.
    elements: FieldSet,
    /// Where each begins.
    starts: [usize; 3],
    encoding: BitmapEncoding,
}

impl Bitmaps {
    /// Fields 2 to 192.
    fn announced(&self) -> FieldSet {
        self.elements.without(THIRD_BITMAP)
    }

    /// Offset of the byte or hex character that carries a field's bit.
    fn place_of(&self, number: u8) -> usize {
        let bits_a_byte = match self.encoding {
            BitmapEncoding::Binary => 8,
            BitmapEncoding::HexText | BitmapEncoding::EbcdicHex => 4,
        };
        let bit = usize::from(number.saturating_sub(1));
        let start = self.starts.get(bit / 64).copied().unwrap_or_default();
        start + bit % 64 / bits_a_byte
    }

    fn read_third(&mut self, reader: &mut Reader<'_>) -> Result<(), DecodeError> {
        let [.., third] = &mut self.starts;
        *third = reader.offset;
        let bits = read_bitmap(reader, self.encoding, THIRD_BITMAP)?;
        self.elements = self.elements.union(FieldSet::from_words([0, 0, bits]));
        Ok(())
    }
}

fn read_bitmaps(reader: &mut Reader<'_>, dialect: &Dialect) -> Result<Bitmaps, DecodeError> {
    let encoding = dialect.bitmap;
    let start = reader.offset;
    let mut bitmaps = Bitmaps {
        elements: FieldSet::EMPTY,
        starts: [start; 3],
        encoding,
    };
    let primary = read_bitmap(reader, encoding, 1)?;
    let mut secondary = 0;
    if primary & 1 != 0 {
        if !dialect.secondary_bitmap {
            return Err(DecodeError {
                offset: bitmaps.place_of(1),
                field: 1,
                kind: Kind::UndefinedField,
            });
        }
        bitmaps.starts = [start, reader.offset, reader.offset];
        secondary = read_bitmap(reader, encoding, 1)?;
    }
    bitmaps.elements = FieldSet::from_words([primary & !1, secondary, 0]);
    if bitmaps.elements.contains(THIRD_BITMAP) {
        match dialect.tertiary_bitmap {
            TertiaryBitmap::None => {
                return Err(DecodeError {
                    offset: bitmaps.place_of(THIRD_BITMAP),
                    field: THIRD_BITMAP,
                    kind: Kind::TertiaryBitmap,
                });
            }
            TertiaryBitmap::Field65 => {}
            TertiaryBitmap::Contiguous => {
                bitmaps.elements.remove(THIRD_BITMAP);
                bitmaps.read_third(reader)?;
            }
        }
    }
    Ok(bitmaps)
}

/// One bitmap with bit n−1 for the n-th field: the wire counts from the most significant bit.
fn read_bitmap(
    reader: &mut Reader<'_>,
    encoding: BitmapEncoding,
    field: u8,
) -> Result<u64, DecodeError> {
    let start = reader.offset;
    let wire = reader.take(encoding.length(), field)?;
    let mut bits = 0_u64;
    for (place, byte) in wire.iter().enumerate() {
        bits = match encoding {
            BitmapEncoding::Binary => bits << 8 | u64::from(*byte),
            BitmapEncoding::HexText | BitmapEncoding::EbcdicHex => {
                let error = DecodeError {
                    offset: start + place,
                    field,
                    kind: Kind::NotHex(*byte),
                };
                let value = match encoding {
                    BitmapEncoding::EbcdicHex => charset::ebcdic_hex_value(*byte),
                    _ => charset::hex_value(*byte),
                };
                bits << 4 | u64::from(value.ok_or(error)?)
            }
        };
    }
    Ok(bits.reverse_bits())
}

fn read_element(reader: &mut Reader<'_>, field: &Field) -> Result<(), DecodeError> {
    let number = field.number;
    let start = reader.offset;
    let units = match field.length {
        Length::Fixed(units) => usize::from(units),
        Length::Variable {
            digits,
            prefix,
            max,
        } => {
            let wire = reader.take(prefix.bytes(digits), number)?;
            let length = read_prefix(wire, prefix).map_err(|(place, byte)| DecodeError {
                offset: start + place,
                field: number,
                kind: Kind::LengthNotDigit(byte),
            })?;
            let max = field.announced_length(usize::from(max));
            if length > max {
                return Err(DecodeError {
                    offset: start,
                    field: number,
                    kind: Kind::LengthTooLong { length, max },
                });
            }
            let fault = |kind| DecodeError {
                offset: start,
                field: number,
                kind,
            };
            let length = match field.counts {
                Counts::Value | Counts::Bytes => length,
                Counts::Element => {
                    let min = field.prefix_length();
                    let too_short = Kind::LengthTooShort { length, min };
                    length.checked_sub(min).ok_or(fault(too_short))?
                }
            };
            if field.encoding == Encoding::HexText && !length.is_multiple_of(2) {
                return Err(fault(Kind::LengthOdd { length }));
            }
            if field.counts != Counts::Value && field.encoding == Encoding::Bcd {
                let units = length * 2 - usize::from(has_filler(field, reader.rest(), length));
                if let Length::Variable { max, .. } = field.length
                    && units > usize::from(max)
                {
                    let max = usize::from(max);
                    return Err(fault(Kind::LengthTooLong { length: units, max }));
                }
                units
            } else {
                length
            }
        }
    };
    let value_start = reader.offset;
    let value = reader.take(field.wire_length(units), number)?;
    check_content(field, units, value).map_err(|(place, kind)| DecodeError {
        offset: value_start + place,
        field: number,
        kind,
    })
}

/// Does the filler F stand where it would in packed digits of so many bytes?
fn has_filler(field: &Field, rest: &[u8], bytes: usize) -> bool {
    let Some(value) = rest.get(..bytes) else {
        return false;
    };
    let nibble = match field.pad {
        PadSide::Left => value.first().map(|byte| byte >> 4),
        PadSide::Right => value.last().map(|byte| byte & 0x0F),
    };
    field.filler == Filler::F && nibble == Some(Filler::F.nibble())
}

/// The number a length prefix says, or the place and value of the byte that is not digits.
pub(crate) fn read_prefix(wire: &[u8], encoding: PrefixEncoding) -> Result<usize, (usize, u8)> {
    let charset = match encoding {
        PrefixEncoding::Ascii => Charset::Ascii,
        PrefixEncoding::Ebcdic => Charset::Ebcdic(CodePage::Ebcdic500),
        PrefixEncoding::Binary1 | PrefixEncoding::Binary2 => {
            return Ok(wire
                .iter()
                .fold(0, |length, byte| length << 8 | usize::from(*byte)));
        }
        PrefixEncoding::Bcd => {
            return wire
                .iter()
                .enumerate()
                .try_fold(0, |length, (place, byte)| {
                    if is_bcd(*byte) {
                        Ok(length * 100 + usize::from(byte >> 4) * 10 + usize::from(byte & 0x0F))
                    } else {
                        Err((place, *byte))
                    }
                });
        }
    };
    wire.iter()
        .enumerate()
        .try_fold(0, |length, (place, byte)| {
            let digit = charset.digit(*byte).ok_or((place, *byte))?;
            Ok(length * 10 + usize::from(digit))
        })
}

/// Is every byte what the field's class allows? The first that is not, otherwise.
fn check_content(field: &Field, units: usize, value: &[u8]) -> Result<(), (usize, Kind)> {
    let charset = match field.encoding {
        Encoding::Raw => return Ok(()),
        Encoding::HexText => {
            let wrong = value
                .iter()
                .position(|byte| charset::hex_value(*byte).is_none());
            return wrong.map_or(Ok(()), |place| {
                Err((place, Kind::NotHex(byte_at(value, place))))
            });
        }
        Encoding::Bcd => return check_packed(field, units, value),
        Encoding::Ascii => Charset::Ascii,
        Encoding::Ebcdic(page) => Charset::Ebcdic(page),
    };
    for (place, byte) in value.iter().enumerate() {
        let byte = *byte;
        let sign = field.content == Content::SignedN && place == 0;
        let allowed = match sign {
            true => charset.is_sign(byte),
            false => charset.allows(field.content, byte),
        };
        if allowed {
            continue;
        }
        let kind = match field.content {
            _ if sign => Kind::NotSign(byte),
            Content::N | Content::SignedN => Kind::NotDigit(byte),
            Content::Z => Kind::NotTrack(byte),
            Content::A | Content::An | Content::Ans | Content::Ns | Content::B => {
                Kind::NotText(byte)
            }
        };
        return Err((place, kind));
    }
    Ok(())
}

fn check_packed(field: &Field, units: usize, value: &[u8]) -> Result<(), (usize, Kind)> {
    let pad = match (units % 2, field.pad) {
        (0, _) => None,
        (_, PadSide::Left) => Some(0),
        (_, PadSide::Right) => value.len().checked_sub(1),
    };
    let is_value = |nibble: u8| nibble <= 9 || (field.content == Content::Z && nibble == 0x0D);
    let expected = field.filler.nibble();
    for (place, byte) in value.iter().enumerate() {
        let (high, low) = (byte >> 4, byte & 0x0F);
        let (filler, values) = match (pad == Some(place), field.pad) {
            (false, _) => (expected, [high, low]),
            (true, PadSide::Left) => (high, [low, low]),
            (true, PadSide::Right) => (low, [high, high]),
        };
        if !values.into_iter().all(is_value) {
            let kind = match field.content {
                Content::Z => Kind::NotTrack(*byte),
                _ => Kind::NotBcd { byte: *byte },
            };
            return Err((place, kind));
        }
        if filler != expected {
            return Err((place, Kind::PadNibble { byte: *byte }));
        }
    }
    Ok(())
}

fn is_bcd(byte: u8) -> bool {
    byte >> 4 <= 9 && byte & 0x0F <= 9
}

fn byte_at(bytes: &[u8], place: usize) -> u8 {
    bytes.get(place).copied().unwrap_or_default()
}
