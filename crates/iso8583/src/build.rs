//! Writing a message: ascending fields, straight into the output buffer.

use core::fmt;
use core::ops::Range;

use bytes::{BufMut, BytesMut};

use crate::convert;
use crate::dialect::{Dialect, MESSAGE_BYTES_MAX};
use crate::encode::{self, Refusal};
use crate::error::{EncodeError, EncodeErrorKind as Kind};
use crate::field::{BitmapEncoding, Content, Field, FieldSet, Length, TextEncoding};
use crate::mti::Mti;
use crate::view::View;

/// Writes one message at the end of `out`. After an error, or when it is dropped before [`Builder::finish`], `out` is as
/// it was.
pub struct Builder<'d> {
    dialect: &'d Dialect,
    out: &'d mut BytesMut,
    start: usize,
    bitmap_start: usize,
    fields: FieldSet,
    last: u8,
    failed: Option<EncodeError>,
    finished: bool,
}

impl<'d> Builder<'d> {
    /// Begins a message with the dialect's default header.
    #[must_use]
    pub fn new(dialect: &'d Dialect, out: &'d mut BytesMut, mti: Mti) -> Builder<'d> {
        let start = out.len();
        out.put_slice(dialect.default_header());
        put_mti(dialect.mti, mti, out);
        let bitmap_start = out.len();
        out.put_bytes(0, dialect.bitmap.length());
        Builder {
            dialect,
            out,
            start,
            bitmap_start,
            fields: FieldSet::EMPTY,
            last: 1,
            failed: None,
            finished: false,
        }
    }

    /// Begins a message with this header, which must be as long as the dialect's headers are.
    ///
    /// # Errors
    /// If it is not.
    pub fn with_header(
        dialect: &'d Dialect,
        out: &'d mut BytesMut,
        header: &[u8],
        mti: Mti,
    ) -> Result<Builder<'d>, EncodeError> {
        let (length, expected) = (header.len(), dialect.header_length());
        if length != expected {
            return Err(EncodeError {
                field: 0,
                offset: 0,
                kind: Kind::LengthWrong { length, expected },
            });
        }
        let builder = Builder::new(dialect, out, mti);
        if let Some(place) = builder.out.get_mut(builder.start..builder.start + length) {
            place.copy_from_slice(header);
        }
        Ok(builder)
    }

    /// Adds a field given as text: digits, characters, hex for `b` fields. Lengths are strict: nothing is padded or cut.
    ///
    /// # Errors
    /// If the value does not fit the field, or the field does not come after the one before.
    pub fn text(&mut self, number: u8, value: &str) -> Result<&mut Self, EncodeError> {
        self.add(number, |field, out| encode::put_text(field, value, out))
    }

    /// Adds a `b` field given as bytes.
    ///
    /// # Errors
    /// As for [`Builder::text`].
    pub fn bytes(&mut self, number: u8, value: &[u8]) -> Result<&mut Self, EncodeError> {
        self.add(number, |field, out| encode::put_bytes(field, value, out))
    }

    /// Adds an `n` field given as a number, with leading zeros up to the length of a fixed field.
    ///
    /// # Errors
    /// As for [`Builder::text`]; a number of more digits than the field has is an error.
    pub fn number(&mut self, number: u8, value: u64) -> Result<&mut Self, EncodeError> {
        self.add(number, |field, out| put_number(field, value, out))
    }

    /// Adds a field with the value it has in another message: the same bytes if its form is the same in both dialects,
    /// else converted.
    ///
    /// # Errors
    /// As for [`Builder::text`]; also if the other message does not hold the field.
    pub fn copy(&mut self, view: &View<'_>, number: u8) -> Result<&mut Self, EncodeError> {
        self.add(number, |field, out| {
            let element = view.element(number).ok_or((0, Kind::NotInView))?;
            if element.field.same_wire(field) {
                let wire = view
                    .element_range(number)
                    .and_then(|range| view.bytes().get(range));
                out.put_slice(wire.ok_or((0, Kind::NotInView))?);
                return Ok(());
            }
            convert::put(&element, field, out)
        })
    }

    /// Writes the bitmaps. Returns where the message stands in the output.
    ///
    /// # Errors
    /// The first error of any field before, or that the message is too long.
    pub fn finish(mut self) -> Result<Range<usize>, EncodeError> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        let length = self.position();
        if length > MESSAGE_BYTES_MAX {
            let kind = Kind::MessageTooLong {
                length,
                max: MESSAGE_BYTES_MAX,
            };
            return Err(EncodeError {
                field: 0,
                offset: 0,
                kind,
            });
        }
        if self.fields.contains(1) && self.last <= 64 {
            self.close_room_for_secondary();
        }
        let bits = self.fields.bits();
        self.put_bitmap(0, bits as u64);
        if self.last > 64 {
            self.put_bitmap(1, (bits >> 64) as u64);
        }
        self.finished = true;
        Ok(self.start..self.out.len())
    }

    /// Where the field that comes next will begin, counted from the start of the message.
    pub(crate) fn position(&self) -> usize {
        self.out.len() - self.start
    }

    /// Will the message have a secondary bitmap, as it stands now?
    pub(crate) fn has_secondary_bitmap(&self) -> bool {
        self.last > 64
    }

    fn add(
        &mut self,
        number: u8,
        put: impl FnOnce(&Field, &mut BytesMut) -> Result<(), Refusal>,
    ) -> Result<&mut Self, EncodeError> {
        let added = self.try_add(number, put);
        if let Err(error) = added {
            self.failed.get_or_insert(error);
            return Err(error);
        }
        Ok(self)
    }

    /// Adds a field; a refused value leaves the message without it and usable.
    pub(crate) fn try_add(
        &mut self,
        number: u8,
        put: impl FnOnce(&Field, &mut BytesMut) -> Result<(), Refusal>,
    ) -> Result<(), EncodeError> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        let refuse = |(offset, kind)| EncodeError {
            field: number,
            offset,
            kind,
        };
        let field = self
            .dialect
            .field(number)
            .ok_or(refuse((0, Kind::UndefinedField)))?;
        if number <= self.last {
            return Err(refuse((0, Kind::OutOfOrder { after: self.last })));
        }
        if number > 64 && self.last <= 64 {
            self.make_room_for_secondary();
        }
        let length = self.out.len();
        if let Err(refusal) = put(field, self.out) {
            self.out.truncate(length);
            return Err(refuse(refusal));
        }
        self.fields.insert(number);
        self.last = number;
        Ok(())
    }

    /// The first field above 64 announces a second bitmap: what was written moves behind it.
    fn make_room_for_secondary(&mut self) {
        if self.fields.contains(1) {
            return;
        }
        let room = self.dialect.bitmap.length();
        let body = self.bitmap_start + room;
        self.fields.insert(1);
        let end = self.out.len();
        self.out.put_bytes(0, room);
        self.out.copy_within(body..end, body + room);
    }

    /// The field above 64 that the room was made for was refused, and none came after it.
    fn close_room_for_secondary(&mut self) {
        let room = self.dialect.bitmap.length();
        let body = self.bitmap_start + room;
        let end = self.out.len();
        self.out.copy_within(body + room..end, body);
        self.out.truncate(end - room);
        self.fields.remove(1);
    }

    fn put_bitmap(&mut self, which: usize, bits: u64) {
        let wire = bits.reverse_bits().to_be_bytes();
        let length = self.dialect.bitmap.length();
        let start = self.bitmap_start + which * length;
        let Some(place) = self.out.get_mut(start..start + length) else {
            return;
        };
        match self.dialect.bitmap {
            BitmapEncoding::Binary => place.copy_from_slice(&wire),
            BitmapEncoding::HexText => {
                for (pair, byte) in place.chunks_exact_mut(2).zip(wire) {
                    pair.copy_from_slice(&[
                        crate::charset::hex_digit(byte >> 4),
                        crate::charset::hex_digit(byte),
                    ]);
                }
            }
        }
    }
}

impl Drop for Builder<'_> {
    fn drop(&mut self) {
        if !self.finished {
            self.out.truncate(self.start);
        }
    }
}

impl fmt::Debug for Builder<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("dialect", &self.dialect.name())
            .field("fields", &self.fields)
            .finish()
    }
}

fn put_mti(encoding: TextEncoding, mti: Mti, out: &mut BytesMut) {
    let [a, b, c, d] = mti.digits();
    match encoding {
        TextEncoding::Ascii => out.put_slice(&[a, b, c, d]),
        TextEncoding::Ebcdic500 => out.put_slice(&[a | 0xF0, b | 0xF0, c | 0xF0, d | 0xF0]),
        TextEncoding::Bcd => out.put_slice(&[a << 4 | (b & 0x0F), c << 4 | (d & 0x0F)]),
    }
}

fn put_number(field: &Field, value: u64, out: &mut BytesMut) -> Result<(), Refusal> {
    if field.content != Content::N {
        return Err((0, Kind::NotNumeric));
    }
    // A u64 has at most 20 digits; longer fixed fields get the rest as leading zeros.
    let mut digits = [b'0'; 1000];
    let mut rest = value;
    let mut count = 0;
    for place in digits.iter_mut().rev() {
        if rest == 0 {
            break;
        }
        *place = b'0' + (rest % 10) as u8;
        rest /= 10;
        count += 1;
    }
    let wanted = match field.length {
        Length::Fixed(length) => usize::from(length),
        Length::Variable { .. } => count.max(1),
    };
    if count > wanted {
        return Err((0, Kind::NumberTooLarge { digits: wanted }));
    }
    let text = digits
        .len()
        .checked_sub(wanted)
        .and_then(|start| digits.get(start..));
    let text = text
        .and_then(|text| core::str::from_utf8(text).ok())
        .unwrap_or_default();
    encode::put_text(field, text, out)
}
