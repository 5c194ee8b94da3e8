//! Tag and length of fixed widths, then the value.

use std::collections::BTreeMap;

use super::cells::{Cells, Form};
use super::error::{LayoutError, LayoutErrorKind as Kind};
use super::part::{Part, PartTag, TagText};
use super::read;
use super::walk::Cursor;
use super::{Key, PartDefinition};
use crate::charset::Charset;
use crate::dialect::Dialect;
use crate::error::DecodeErrorKind as Fault;
use crate::field::{Content, Counts, Encoding};

/// The next tag, its length and its value. `None`: the value ends here.
pub(super) fn next<'a>(
    cursor: &mut Cursor<'a>,
    tag: Key,
    length: Key,
    counts: Counts,
    tags: &'a BTreeMap<Box<str>, PartDefinition>,
) -> Result<Option<Part<'a>>, LayoutError> {
    if cursor.is_at_end() {
        return Ok(None);
    }
    let whole = cursor.rest;
    let start = *cursor;
    let cells = key(cursor, tag, PartTag::Number(0)).map_err(unnamed)?;
    read::check_tag(&start, tag.content, cells)?;
    let tag_cells = whole.count() - cursor.rest.count();
    let text = TagText::of(cells);
    let tag = PartTag::Text(text);

    let before_length = *cursor;
    let announced = match key(cursor, length, tag)? {
        number if number.form == Form::Bytes => number
            .iter()
            .fold(0, |length, byte| length << 8 | usize::from(byte)),
        digits => read::number(digits).map_err(|(place, byte)| {
            let kind = Kind::Value(Fault::LengthNotDigit(byte));
            cursor.scope.error(Some(tag), digits.offset_of(place), kind)
        })?,
    };
    let keys = whole.count() - cursor.rest.count();
    let count = match counts {
        Counts::Value => Some(announced),
        // Without the tag.
        Counts::Bytes => announced.checked_sub(keys - tag_cells),
        Counts::Element => announced.checked_sub(keys),
    };
    let Some(count) = count else {
        let min = if counts == Counts::Element {
            keys
        } else {
            keys - tag_cells
        };
        let kind = Fault::LengthTooShort {
            length: announced,
            min,
        };
        return Err(before_length.error(tag, Kind::Value(kind)));
    };
    let taken = cursor.take(count, tag)?;
    let definition = tags.get(text.as_str());
    let cells = match definition {
        Some(definition) => read::announced_value(cursor, tag, definition, taken)?,
        None => taken,
    };
    let element = whole.before(cursor.rest).range();
    Ok(Some(cursor.scope.part(tag, definition, element, cells)))
}

/// A tag or a length: so many characters or digits of a text value; in bytes as it is defined.
fn key<'a>(cursor: &mut Cursor<'a>, key: Key, part: PartTag) -> Result<Cells<'a>, LayoutError> {
    let units = usize::from(key.units);
    match cursor.rest.form {
        Form::Text(_) | Form::Digits => cursor.take(units, part),
        Form::Bytes => {
            let defaults = &cursor.scope.dialect.defaults;
            let encoding = key.encoding.unwrap_or(match key.content {
                Content::B => Encoding::Raw,
                content => Dialect::default_encoding(defaults, content),
            });
            Ok(match encoding {
                Encoding::Bcd => {
                    let taken = cursor.take(units.div_ceil(2), part)?;
                    let digits = taken.taken_as(Form::Digits);
                    match units.is_multiple_of(2) {
                        true => digits,
                        false => digits.without_filler(true),
                    }
                }
                Encoding::Ascii => cursor
                    .take(units, part)?
                    .taken_as(Form::Text(Charset::Ascii)),
                Encoding::Ebcdic(page) => cursor
                    .take(units, part)?
                    .taken_as(Form::Text(Charset::Ebcdic(page))),
                Encoding::Raw | Encoding::HexText => cursor.take(units, part)?,
            })
        }
    }
}

/// Of a tag that could not be read no name can be given.
fn unnamed(error: LayoutError) -> LayoutError {
    LayoutError {
        part: None,
        ..error
    }
}
