//! A bitmap, then the parts that it announces.

use std::collections::BTreeMap;

use super::PartDefinition;
use super::cells::{Form, hex_value};
use super::error::{LayoutError, LayoutErrorKind as Kind};
use super::part::{Part, PartTag};
use super::read;
use super::walk::Cursor;
use crate::charset::Charset;
use crate::error::DecodeErrorKind as Fault;
use crate::field::{BitmapEncoding, CodePage};

/// The bits of parts that were not read yet; bit n−1 stands for part n.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bits(u128);

impl Bits {
    pub(super) fn read(
        cursor: &mut Cursor<'_>,
        encoding: BitmapEncoding,
        bytes: u8,
        parts: &BTreeMap<u8, PartDefinition>,
    ) -> Result<Bits, LayoutError> {
        let start = *cursor;
        let bytes = usize::from(bytes);
        let (cells, charset) = match (start.rest.form, encoding) {
            (Form::Text(charset), _) => (bytes * 2, Some(charset)),
            (_, BitmapEncoding::Binary) => (bytes, None),
            (_, BitmapEncoding::HexText) => (bytes * 2, Some(Charset::Ascii)),
            (_, BitmapEncoding::EbcdicHex) => {
                (bytes * 2, Some(Charset::Ebcdic(CodePage::Ebcdic500)))
            }
        };
        let taken = match start.rest.split(cells) {
            Some((taken, rest)) => {
                cursor.rest = rest;
                taken
            }
            None => {
                let kind = Fault::Truncated {
                    needed: cells,
                    available: start.rest.count(),
                };
                let offset = start.offset();
                return Err(start.scope.error(None, offset, Kind::Value(kind)));
            }
        };
        let (mut bits, mut number) = (0_u128, 0_u8);
        for (place, cell) in taken.iter().enumerate() {
            let (value, width) = match charset {
                None => (cell, 8),
                Some(charset) => {
                    let value = hex_value(charset, cell).ok_or_else(|| {
                        let kind = Kind::Value(Fault::NotHex(cell));
                        start.scope.error(None, taken.offset_of(place), kind)
                    })?;
                    (value, 4)
                }
            };
            for bit in (0..width).rev() {
                number += 1;
                if value >> bit & 1 == 0 {
                    continue;
                }
                if !parts.contains_key(&number) {
                    let offset = taken.offset_of(place);
                    let part = Some(PartTag::Number(u16::from(number)));
                    return Err(start.scope.error(part, offset, Kind::UndefinedBit(number)));
                }
                bits |= 1 << (number - 1);
            }
        }
        Ok(Bits(bits))
    }

    pub(super) fn next<'a>(
        &mut self,
        cursor: &mut Cursor<'a>,
        parts: &'a BTreeMap<u8, PartDefinition>,
    ) -> Result<Option<Part<'a>>, LayoutError> {
        if self.0 == 0 {
            return Ok(None);
        }
        let place = self.0.trailing_zeros();
        self.0 &= self.0 - 1;
        let number = u8::try_from(place + 1).unwrap_or(u8::MAX);
        match parts.get(&number) {
            Some(definition) => {
                let tag = PartTag::Number(u16::from(number));
                read::part(cursor, tag, definition).map(Some)
            }
            None => Ok(None),
        }
    }
}
