//! What a layout is laid over: the cells of a value, whatever it is written in.
//!
//! A packed value has digits that share bytes, a `b` field in hex has two characters for each byte. So a stretch of a value
//! is kept as nibbles from and to, over the bytes as they came, and what reads it asks for a cell at a time: a character, a
//! digit or a byte. Nothing is copied, and every stretch knows where it stands in the message.

use core::ops::Range;

use crate::charset::{self, Charset};
use crate::field::{CodePage, Encoding};

/// What one cell is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// A character.
    Text(Charset),
    /// A packed digit.
    Digits,
    /// A byte.
    Bytes,
}

/// How the nibbles stand in the bytes of the message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Source {
    /// Two a byte.
    Plain,
    /// One a byte: hex characters.
    Hex(Charset),
}

/// A stretch of a value.
#[derive(Clone, Copy)]
pub(crate) struct Cells<'a> {
    /// The bytes of the whole field.
    wire: &'a [u8],
    /// Where they begin in the message.
    offset: usize,
    source: Source,
    pub(crate) form: Form,
    /// In nibbles from the beginning of `wire`.
    start: usize,
    end: usize,
}

impl<'a> Cells<'a> {
    /// The value of a field: `units` of it, in its encoding, behind a filler nibble or not.
    pub(crate) fn of_field(
        wire: &'a [u8],
        offset: usize,
        encoding: Encoding,
        units: usize,
        filler_first: bool,
    ) -> Cells<'a> {
        let (source, form, start, end) = match encoding {
            Encoding::Ascii => (Source::Plain, Form::Text(Charset::Ascii), 0, wire.len() * 2),
            Encoding::Ebcdic(page) => {
                let form = Form::Text(Charset::Ebcdic(page));
                (Source::Plain, form, 0, wire.len() * 2)
            }
            Encoding::Bcd => {
                let start = usize::from(filler_first && !units.is_multiple_of(2));
                (Source::Plain, Form::Digits, start, start + units)
            }
            Encoding::Raw => (Source::Plain, Form::Bytes, 0, wire.len() * 2),
            Encoding::HexText => (Source::Hex(Charset::Ascii), Form::Bytes, 0, wire.len()),
        };
        Cells {
            wire,
            offset,
            source,
            form,
            start,
            end,
        }
    }

    /// Nibbles of one cell.
    fn width(&self) -> usize {
        match self.form {
            Form::Digits => 1,
            Form::Text(_) | Form::Bytes => 2,
        }
    }

    /// How many cells.
    pub(crate) fn count(&self) -> usize {
        self.end.saturating_sub(self.start) / self.width()
    }

    fn nibble(&self, place: usize) -> Option<u8> {
        match self.source {
            Source::Plain => {
                let byte = *self.wire.get(place / 2)?;
                Some(match place % 2 {
                    0 => byte >> 4,
                    _ => byte & 0x0F,
                })
            }
            Source::Hex(charset) => hex_value(charset, *self.wire.get(place)?),
        }
    }

    /// The cell at a place: a byte, or a digit as its value.
    pub(crate) fn cell(&self, place: usize) -> Option<u8> {
        let start = self.start + place * self.width();
        if start + self.width() > self.end {
            return None;
        }
        match self.form {
            Form::Digits => self.nibble(start),
            Form::Text(_) | Form::Bytes => match (self.source, start % 2) {
                (Source::Plain, 0) => self.wire.get(start / 2).copied(),
                _ => Some(self.nibble(start)? << 4 | self.nibble(start + 1)?),
            },
        }
    }

    pub(crate) fn iter(self) -> impl Iterator<Item = u8> + Clone + 'a {
        (0..self.count()).map_while(move |place| self.cell(place))
    }

    /// The first so many cells, and the others.
    pub(crate) fn split(self, count: usize) -> Option<(Cells<'a>, Cells<'a>)> {
        let middle = self
            .start
            .checked_add(count.checked_mul(self.width())?)
            .filter(|middle| *middle <= self.end)?;
        Some((
            Cells {
                end: middle,
                ..self
            },
            Cells {
                start: middle,
                ..self
            },
        ))
    }

    /// What stands before `rest`, which is an end of it.
    pub(crate) fn before(self, rest: Cells<'a>) -> Cells<'a> {
        Cells {
            end: rest.start,
            ..self
        }
    }

    /// The same nibbles taken for something else.
    pub(crate) fn taken_as(self, form: Form) -> Cells<'a> {
        Cells { form, ..self }
    }

    /// Without the first or the last nibble, where a filler stands.
    pub(crate) fn without_filler(self, is_first: bool) -> Cells<'a> {
        match is_first {
            true => Cells {
                start: self.start + 1,
                ..self
            },
            false => Cells {
                end: self.end.saturating_sub(1),
                ..self
            },
        }
    }

    /// The nibble of a filler: the first or the last of the stretch.
    pub(crate) fn end_nibble(&self, is_first: bool) -> Option<u8> {
        match is_first {
            true => self.nibble(self.start),
            false => self.nibble(self.end.checked_sub(1)?),
        }
    }

    /// The bytes that hex characters stand for. `None`: they are hex of hex, which nobody writes.
    pub(crate) fn of_hex(self, charset: Charset) -> Option<Cells<'a>> {
        if self.source != Source::Plain || self.form == Form::Digits {
            return None;
        }
        Some(Cells {
            source: Source::Hex(charset),
            form: Form::Bytes,
            start: self.start / 2,
            end: self.end / 2,
            ..self
        })
    }

    /// Where it stands in the message, in whole bytes.
    pub(crate) fn range(&self) -> Range<usize> {
        let (start, end) = match self.source {
            Source::Plain => (self.start / 2, self.end.div_ceil(2)),
            Source::Hex(_) => (self.start, self.end),
        };
        self.offset + start..self.offset + end.max(start)
    }

    /// Where a cell stands in the message.
    pub(crate) fn offset_of(&self, place: usize) -> usize {
        let nibble = self.start + place * self.width();
        self.offset
            + match self.source {
                Source::Plain => nibble / 2,
                Source::Hex(_) => nibble,
            }
    }

    /// Which characters of the text of the field these are. `whole` is the whole field.
    pub(crate) fn characters_in(&self, whole: &Cells<'_>) -> Range<usize> {
        let bytes = self.range();
        let relative = bytes.start - self.offset..bytes.end - self.offset;
        match (whole.form, whole.source) {
            (Form::Digits, _) => {
                self.start.saturating_sub(whole.start)..self.end.saturating_sub(whole.start)
            }
            (Form::Bytes, Source::Plain) => relative.start * 2..relative.end * 2,
            (Form::Text(_), _) | (Form::Bytes, Source::Hex(_)) => relative,
        }
    }

    /// How many characters of the text of the field stand before a place in the message.
    pub(crate) fn characters_before(&self, offset: usize, whole: &Cells<'_>) -> usize {
        let bytes = offset.saturating_sub(self.offset);
        match (whole.form, whole.source) {
            (Form::Digits, _) => (bytes * 2).saturating_sub(whole.start),
            (Form::Bytes, Source::Plain) => bytes * 2,
            (Form::Text(_), _) | (Form::Bytes, Source::Hex(_)) => bytes,
        }
    }

    /// The bytes as they are, where each cell is one.
    pub(crate) fn bytes(&self) -> Option<&'a [u8]> {
        let is_whole = self.source == Source::Plain
            && self.form != Form::Digits
            && self.start.is_multiple_of(2);
        is_whole.then(|| self.wire.get(self.start / 2..self.end / 2))?
    }

    /// Does it begin with this text? Bytes are compared as characters of `charset`.
    pub(crate) fn begins_with(&self, text: &str, charset: Charset) -> bool {
        text.chars().enumerate().all(|(place, character)| {
            let wanted = match self.form {
                Form::Text(charset) => charset.byte_of(character),
                Form::Bytes => charset.byte_of(character),
                Form::Digits => character
                    .is_ascii_hexdigit()
                    .then(|| charset::hex_value(character as u8))
                    .flatten(),
            };
            wanted.is_some() && self.cell(place) == wanted
        })
    }
}

/// The value of a hex character in this character set.
pub(crate) fn hex_value(charset: Charset, byte: u8) -> Option<u8> {
    match charset {
        Charset::Ascii => charset::hex_value(byte),
        Charset::Ebcdic(_) => charset::ebcdic_hex_value(byte),
    }
}

/// The character of a text cell.
pub(crate) fn character(charset: Charset, byte: u8) -> char {
    match charset {
        Charset::Ascii => char::from(byte),
        Charset::Ebcdic(page) => latin1(page, byte),
    }
}

fn latin1(page: CodePage, byte: u8) -> char {
    char::from(
        page.latin1()
            .get(usize::from(byte))
            .copied()
            .unwrap_or_default(),
    )
}
