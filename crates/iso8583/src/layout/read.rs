//! Reading one part as its definition says, held to its length and its content class.
//!
//! In a text value all parts are text in its characters, in packed digits all are digits; bytes alone let every part be written
//! in its own way.

use super::cells::{Cells, Form, character, hex_value};
use super::error::{LayoutError, LayoutErrorKind as Kind};
use super::part::{Part, PartTag};
use super::walk::Cursor;
use super::{PartDefinition, PartLength};
use crate::charset::Charset;
use crate::decode;
use crate::dialect::{Defaults, Dialect};
use crate::error::DecodeErrorKind as Fault;
use crate::field::{Content, Counts, Encoding, Filler, PadSide, PrefixEncoding};

/// Digits of the longest length prefix.
const PREFIX_DIGITS_MAX: usize = 6;

impl PartDefinition {
    /// How such content is written in bytes. Bytes in bytes are themselves, even where the dialect has fields in hex.
    pub(crate) fn encoding_in_bytes(&self, content: Content, defaults: &Defaults) -> Encoding {
        self.encoding.unwrap_or(match content {
            Content::B => Encoding::Raw,
            content => Dialect::default_encoding(defaults, content),
        })
    }
}

/// The next part, as long as its definition makes it.
pub(super) fn part<'a>(
    cursor: &mut Cursor<'a>,
    tag: PartTag,
    definition: &'a PartDefinition,
) -> Result<Part<'a>, LayoutError> {
    let before = cursor.rest;
    let cells = match definition.content {
        None => group(cursor, definition),
        Some(content) => value(cursor, tag, definition, content)?,
    };
    let element = before.before(cursor.rest).range();
    Ok(cursor.scope.part(tag, Some(definition), element, cells))
}

/// A part that is as long as its own parts are; to the end, if that cannot be told before they are read.
fn group<'a>(cursor: &mut Cursor<'a>, definition: &'a PartDefinition) -> Cells<'a> {
    let whole = cursor.rest;
    let measured = definition
        .layout
        .and_then(|id| cursor.scope.dialect.layouts.get(id))
        .and_then(|layout| super::positional::measure(*cursor, layout));
    match measured {
        Some(rest) => {
            cursor.rest = rest;
            whole.before(rest)
        }
        None => {
            if let Some((_, rest)) = whole.split(whole.count()) {
                cursor.rest = rest;
            }
            whole
        }
    }
}

fn value<'a>(
    cursor: &mut Cursor<'a>,
    tag: PartTag,
    definition: &PartDefinition,
    content: Content,
) -> Result<Cells<'a>, LayoutError> {
    let form = cursor.rest.form;
    let defaults = cursor.scope.dialect.defaults;
    let encoding = match form {
        Form::Text(_) if content == Content::B => Encoding::HexText,
        Form::Text(Charset::Ascii) => Encoding::Ascii,
        Form::Text(Charset::Ebcdic(page)) => Encoding::Ebcdic(page),
        Form::Digits => Encoding::Bcd,
        Form::Bytes => definition.encoding_in_bytes(content, &defaults),
    };
    // Digits among packed digits do not fill bytes.
    let cells_of = |units: usize| match encoding {
        Encoding::Bcd if form != Form::Digits => units.div_ceil(2),
        _ => units,
    };
    let is_packed_in_bytes = encoding == Encoding::Bcd && form == Form::Bytes;
    let units = match definition.length {
        PartLength::Fixed(units) if encoding == Encoding::HexText => usize::from(units) * 2,
        PartLength::Fixed(units) => usize::from(units),
        PartLength::Rest if is_packed_in_bytes => cursor.rest.count() * 2,
        PartLength::Rest => cursor.rest.count(),
        PartLength::Variable { digits, max } => {
            let start = *cursor;
            let prefix = definition.prefix.unwrap_or(defaults.prefix);
            let announced = announced(cursor, tag, digits, prefix)?;
            let prefix_cells = start.rest.count() - cursor.rest.count();
            let longest = match definition.counts {
                Counts::Value => usize::from(max),
                Counts::Bytes => cells_of(usize::from(max)),
                Counts::Element => prefix_cells + cells_of(usize::from(max)),
            };
            if announced > longest {
                let kind = Fault::LengthTooLong {
                    length: announced,
                    max: longest,
                };
                return Err(start.error(tag, Kind::Value(kind)));
            }
            let counted = match definition.counts {
                Counts::Value | Counts::Bytes => Some(announced),
                Counts::Element => announced.checked_sub(prefix_cells),
            };
            let Some(counted) = counted else {
                let kind = Fault::LengthTooShort {
                    length: announced,
                    min: prefix_cells,
                };
                return Err(start.error(tag, Kind::Value(kind)));
            };
            match definition.counts {
                Counts::Bytes | Counts::Element if is_packed_in_bytes => counted * 2,
                _ => counted,
            }
        }
    };
    let start = *cursor;
    let taken = cursor.take(cells_of(units), tag)?;
    let cells = typed(&start, tag, definition, content, encoding, taken, units)?;
    check(&start, tag, content, cells)?;
    Ok(cells)
}

/// What a tag announced: the cells of its value as its definition says.
pub(super) fn announced_value<'a>(
    cursor: &Cursor<'a>,
    tag: PartTag,
    definition: &PartDefinition,
    taken: Cells<'a>,
) -> Result<Cells<'a>, LayoutError> {
    let Some(content) = definition.content else {
        return Ok(taken);
    };
    let start = Cursor {
        rest: taken,
        ..*cursor
    };
    let encoding = match taken.form {
        Form::Text(_) if content == Content::B => Encoding::HexText,
        Form::Text(_) => Encoding::Ascii,
        Form::Digits => Encoding::Bcd,
        Form::Bytes => definition.encoding_in_bytes(content, &cursor.scope.dialect.defaults),
    };
    let units = match (encoding, taken.form) {
        (Encoding::Bcd, Form::Bytes) => {
            let whole = taken.count() * 2;
            // An odd count of digits has a filler. That it is 0 the length alone tells.
            match definition.length {
                PartLength::Fixed(units) if usize::from(units) + 1 == whole => whole - 1,
                _ => whole,
            }
        }
        _ => taken.count(),
    };
    let cells = match (encoding, taken.form) {
        (Encoding::Ascii, Form::Text(_)) => taken,
        _ => typed(&start, tag, definition, content, encoding, taken, units)?,
    };
    let length = cells.count();
    let kind = match definition.length {
        PartLength::Fixed(expected) if length != usize::from(expected) => Kind::LengthWrong {
            length,
            expected: usize::from(expected),
        },
        PartLength::Variable { max, .. } if length > usize::from(max) => {
            Kind::Value(Fault::LengthTooLong {
                length,
                max: usize::from(max),
            })
        }
        _ => {
            check(&start, tag, content, cells)?;
            return Ok(cells);
        }
    };
    Err(start.error(tag, kind))
}

/// The cells that a value of this encoding has; its filler is looked at.
fn typed<'a>(
    start: &Cursor<'a>,
    tag: PartTag,
    definition: &PartDefinition,
    content: Content,
    encoding: Encoding,
    taken: Cells<'a>,
    units: usize,
) -> Result<Cells<'a>, LayoutError> {
    match (encoding, taken.form) {
        (Encoding::Bcd, Form::Bytes) => {
            let digits = taken.taken_as(Form::Digits);
            let is_first = definition.pad == PadSide::Left;
            let filler = definition.filler.nibble();
            let end = digits.end_nibble(is_first);
            let is_counted_in_bytes =
                definition.counts != Counts::Value || matches!(definition.length, PartLength::Rest);
            if units.is_multiple_of(2) {
                let has_filler = is_counted_in_bytes
                    && definition.filler == Filler::F
                    && end == Some(Filler::F.nibble());
                return Ok(match has_filler {
                    true => digits.without_filler(is_first),
                    false => digits,
                });
            }
            if end != Some(filler) {
                let place = if is_first {
                    0
                } else {
                    taken.count().saturating_sub(1)
                };
                let kind = Fault::PadNibble {
                    byte: taken.cell(place).unwrap_or_default(),
                };
                let offset = taken.offset_of(place);
                return Err(start.scope.error(Some(tag), offset, Kind::Value(kind)));
            }
            Ok(digits.without_filler(is_first))
        }
        (Encoding::Ascii, Form::Bytes) => Ok(taken.taken_as(Form::Text(Charset::Ascii))),
        (Encoding::Ebcdic(page), Form::Bytes) => {
            Ok(taken.taken_as(Form::Text(Charset::Ebcdic(page))))
        }
        (Encoding::HexText, form) => {
            let charset = match form {
                Form::Text(charset) => charset,
                Form::Digits | Form::Bytes => Charset::Ascii,
            };
            let wrong = taken
                .iter()
                .enumerate()
                .find(|(_, byte)| hex_value(charset, *byte).is_none());
            let kind = match wrong {
                Some((_, byte)) => Fault::NotHex(byte),
                None if !taken.count().is_multiple_of(2) => Fault::LengthOdd {
                    length: taken.count(),
                },
                None => {
                    let text = taken.taken_as(Form::Text(charset));
                    return Ok(text.of_hex(charset).unwrap_or(text));
                }
            };
            let place = wrong.map_or(0, |(place, _)| place);
            Err(start
                .scope
                .error(Some(tag), taken.offset_of(place), Kind::Value(kind)))
        }
        _ => {
            let _ = content;
            Ok(taken)
        }
    }
}

/// Is it a tag: of its content class, and of characters that everybody can write?
pub(super) fn check_tag(
    start: &Cursor<'_>,
    content: Content,
    cells: Cells<'_>,
) -> Result<(), LayoutError> {
    let content = match (content, cells.form) {
        (Content::B, Form::Text(_)) => Content::Ans,
        (content, _) => content,
    };
    let wrong = |(place, cell): (usize, u8)| match cells.form {
        Form::Text(charset) => {
            let is_plain = matches!(character(charset, cell), ' '..='~');
            (!is_plain || !charset.allows(content, cell)).then_some((place, cell))
        }
        Form::Digits => (cell > 9).then_some((place, cell)),
        Form::Bytes => None,
    };
    match cells.iter().enumerate().find_map(wrong) {
        None => Ok(()),
        Some((place, cell)) => {
            let kind = match content {
                Content::N => Fault::NotDigit(cell),
                _ => Fault::NotText(cell),
            };
            let offset = cells.offset_of(place);
            Err(start.scope.error(None, offset, Kind::Value(kind)))
        }
    }
}

/// Is every cell what the content class allows?
fn check(
    start: &Cursor<'_>,
    tag: PartTag,
    content: Content,
    cells: Cells<'_>,
) -> Result<(), LayoutError> {
    let fault = |place: usize, cell: u8| match (cells.form, content) {
        (Form::Bytes, _) => None,
        (Form::Digits, Content::Z) => (cell > 9 && cell != 0x0D).then_some(Fault::NotTrack(cell)),
        (Form::Digits, _) => (cell > 9).then_some(Fault::NotBcd { byte: cell }),
        (Form::Text(charset), Content::SignedN) if place == 0 => {
            (!charset.is_sign(cell)).then_some(Fault::NotSign(cell))
        }
        (Form::Text(charset), content) => {
            (!charset.allows(content, cell)).then_some(match content {
                Content::N | Content::SignedN => Fault::NotDigit(cell),
                Content::Z => Fault::NotTrack(cell),
                _ => Fault::NotText(cell),
            })
        }
    };
    let wrong = cells
        .iter()
        .enumerate()
        .find_map(|(place, cell)| Some((place, fault(place, cell)?)));
    match wrong {
        None => Ok(()),
        Some((place, kind)) => {
            let offset = cells.offset_of(place);
            Err(start.scope.error(Some(tag), offset, Kind::Value(kind)))
        }
    }
}

/// What a length prefix says: digits as the value has them, or in bytes as it is defined.
fn announced(
    cursor: &mut Cursor<'_>,
    tag: PartTag,
    digits: u8,
    prefix: PrefixEncoding,
) -> Result<usize, LayoutError> {
    let start = *cursor;
    let count = match start.rest.form {
        Form::Text(_) | Form::Digits => usize::from(digits),
        Form::Bytes => prefix.bytes(digits),
    };
    let taken = cursor.take(count, tag)?;
    let not_digit = |place: usize, byte: u8| {
        let kind = Kind::Value(Fault::LengthNotDigit(byte));
        start.scope.error(Some(tag), taken.offset_of(place), kind)
    };
    match taken.form {
        Form::Bytes => {
            let mut bytes = [0; PREFIX_DIGITS_MAX];
            let place = bytes.get_mut(..taken.count()).unwrap_or_default();
            for (byte, cell) in place.iter_mut().zip(taken.iter()) {
                *byte = cell;
            }
            decode::read_prefix(place, prefix).map_err(|(place, byte)| not_digit(place, byte))
        }
        Form::Text(_) | Form::Digits => {
            number(taken).map_err(|(place, byte)| not_digit(place, byte))
        }
    }
}

/// The number in digits, or the place and value of what is none.
pub(super) fn number(cells: Cells<'_>) -> Result<usize, (usize, u8)> {
    cells
        .iter()
        .enumerate()
        .try_fold(0, |number, (place, cell)| {
            let digit = match cells.form {
                Form::Text(charset) => charset.digit(cell),
                Form::Digits => Some(cell).filter(|digit| *digit <= 9),
                Form::Bytes => None,
            };
            Ok(number * 10 + usize::from(digit.ok_or((place, cell))?))
        })
}
