//! BASE24 tokens: `& 0000300044! Q200002 03! B200010 0123456789`.
//!
//! The header has a count and the length of all, both of five digits; a token has its name, the length of its data in five
//! digits, and a blank.

use std::collections::BTreeMap;

use super::PartDefinition;
use super::cells::{Cells, Form};
use super::error::{LayoutError, LayoutErrorKind as Kind};
use super::part::{Part, PartTag, TagText};
use super::read;
use super::walk::Cursor;
use crate::error::DecodeErrorKind as Fault;
use crate::field::Content;

/// Characters of the name of a token.
const NAME_CHARACTERS: usize = 2;
/// Digits of every count and length.
const DIGITS: usize = 5;

/// How many tokens were announced and read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tokens {
    announced: usize,
    /// As the header counts.
    found: usize,
    /// Where the count stands.
    offset: usize,
}

impl Tokens {
    pub(super) fn read(
        cursor: &mut Cursor<'_>,
        count_includes_header: bool,
    ) -> Result<Tokens, LayoutError> {
        let whole = cursor.rest;
        eye(cursor, '&')?;
        let offset = cursor.offset();
        let announced = number(cursor, None)?;
        let total_offset = cursor.offset();
        let total = number(cursor, None)?;
        if total != whole.count() {
            let kind = Kind::TokensDiffer {
                announced: total,
                found: whole.count(),
            };
            return Err(cursor.scope.error(None, total_offset, kind));
        }
        Ok(Tokens {
            announced,
            found: usize::from(count_includes_header),
            offset,
        })
    }

    pub(super) fn next<'a>(
        &mut self,
        cursor: &mut Cursor<'a>,
        tags: &'a BTreeMap<Box<str>, PartDefinition>,
    ) -> Result<Option<Part<'a>>, LayoutError> {
        if cursor.is_at_end() {
            if self.announced != self.found {
                let kind = Kind::TokensDiffer {
                    announced: self.announced,
                    found: self.found,
                };
                return Err(cursor.scope.error(None, self.offset, kind));
            }
            return Ok(None);
        }
        let whole = cursor.rest;
        eye(cursor, '!')?;
        let start = *cursor;
        let name = take(cursor, NAME_CHARACTERS, None)?;
        read::check_tag(&start, Content::Ans, name)?;
        let text = TagText::of(name);
        let tag = PartTag::Text(text);
        let length = number(cursor, Some(tag))?;
        blank(cursor)?;
        let taken = cursor.take(length, tag)?;
        let definition = tags.get(text.as_str());
        let cells = match definition {
            Some(definition) => read::announced_value(cursor, tag, definition, taken)?,
            None => taken,
        };
        self.found += 1;
        let element = whole.before(cursor.rest).range();
        Ok(Some(cursor.scope.part(tag, definition, element, cells)))
    }
}

fn take<'a>(
    cursor: &mut Cursor<'a>,
    count: usize,
    part: Option<PartTag>,
) -> Result<Cells<'a>, LayoutError> {
    cursor
        .take(count, part.unwrap_or(PartTag::Number(0)))
        .map_err(|error| LayoutError { part, ..error })
}

fn number(cursor: &mut Cursor<'_>, part: Option<PartTag>) -> Result<usize, LayoutError> {
    let digits = take(cursor, DIGITS, part)?;
    read::number(digits).map_err(|(place, byte)| {
        let kind = Kind::Value(Fault::LengthNotDigit(byte));
        cursor.scope.error(part, digits.offset_of(place), kind)
    })
}

/// What a header and a token begin with, and the blank behind it.
fn eye(cursor: &mut Cursor<'_>, expected: char) -> Result<(), LayoutError> {
    character(cursor, expected)?;
    blank(cursor)
}

fn blank(cursor: &mut Cursor<'_>) -> Result<(), LayoutError> {
    character(cursor, ' ')
}

fn character(cursor: &mut Cursor<'_>, expected: char) -> Result<(), LayoutError> {
    let start = *cursor;
    let taken = take(cursor, 1, None)?;
    let found = taken.cell(0).unwrap_or_default();
    let is_expected = match taken.form {
        Form::Text(charset) => charset.byte_of(expected) == Some(found),
        Form::Digits | Form::Bytes => false,
    };
    if is_expected {
        return Ok(());
    }
    let kind = Kind::NotToken { expected, found };
    Err(start.scope.error(None, start.offset(), kind))
}
