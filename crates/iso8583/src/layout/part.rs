//! One part of a field, in place, with the typed reads that fields have.

use core::fmt;
use core::ops::Range;

use super::cells::{Cells, Form, character};
use super::walk::{Parts, Scope};
use super::{Layout, PartDefinition, TAG_CHARACTERS_MAX};
use crate::charset::{self, Charset};
use crate::field::{Content, Sensitive};
use crate::text::TextBuffer;
use crate::tlv::Tag;

/// What tells a part from its neighbours.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum PartTag {
    /// The number of a positional part, or a bit.
    Number(u16),
    /// A BER tag.
    Ber(Tag),
    /// As it stands in the message: digits, letters, or the hex of a binary tag.
    Text(TagText),
}

/// The characters of a tag.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct TagText {
    characters: [u8; TAG_CHARACTERS_MAX],
    length: u8,
}

impl TagText {
    /// Of what stands in these cells: at most eight characters, in ASCII; what is not becomes a question mark.
    pub(crate) fn of(cells: Cells<'_>) -> TagText {
        let mut text = TagText {
            characters: [b' '; TAG_CHARACTERS_MAX],
            length: 0,
        };
        let mut push = |byte: u8| {
            if let Some(place) = text.characters.get_mut(usize::from(text.length)) {
                *place = byte;
                text.length += 1;
            }
        };
        for cell in cells.iter() {
            match cells.form {
                Form::Text(charset) => push(match character(charset, cell) {
                    c if c.is_ascii_graphic() || c == ' ' => c as u8,
                    _ => b'?',
                }),
                Form::Digits => push(charset::hex_digit(cell)),
                Form::Bytes => {
                    push(charset::hex_digit(cell >> 4));
                    push(charset::hex_digit(cell));
                }
            }
        }
        text
    }

    /// A BER tag in hex, two characters a byte.
    pub(crate) fn of_number(number: u32) -> TagText {
        let mut text = TagText {
            characters: [b' '; TAG_CHARACTERS_MAX],
            length: 0,
        };
        let bytes = number.to_be_bytes();
        let significant = bytes.iter().skip_while(|byte| **byte == 0);
        for byte in significant {
            for nibble in [byte >> 4, byte & 0x0F] {
                if let Some(place) = text.characters.get_mut(usize::from(text.length)) {
                    *place = charset::hex_digit(nibble);
                    text.length += 1;
                }
            }
        }
        text
    }

    /// The characters.
    #[must_use]
    pub fn as_str(&self) -> &str {
        let characters = self.characters.get(..usize::from(self.length));
        characters
            .and_then(|characters| core::str::from_utf8(characters).ok())
            .unwrap_or_default()
    }
}

impl PartTag {
    /// Is it written so?
    pub(crate) fn is(&self, text: &str) -> bool {
        match self {
            PartTag::Text(tag) => tag.as_str() == text,
            PartTag::Number(number) => text.parse() == Ok(*number) && !text.starts_with(['0', '+']),
            PartTag::Ber(tag) => TagText::of_number(tag.0).as_str() == text,
        }
    }
}

impl fmt::Display for PartTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PartTag::Number(number) => write!(f, "{number}"),
            PartTag::Ber(tag) => write!(f, "{tag}"),
            PartTag::Text(text) => f.write_str(text.as_str()),
        }
    }
}

impl fmt::Debug for PartTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PartTag({self})")
    }
}

impl fmt::Debug for TagText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.as_str())
    }
}

/// A part of a field, over the bytes of its message.
#[derive(Clone)]
pub struct Part<'a> {
    pub(super) scope: Scope<'a>,
    pub(super) tag: PartTag,
    pub(super) definition: Option<&'a PartDefinition>,
    /// From its tag, length or prefix to the end of its value.
    pub(super) element: Range<usize>,
    /// Its value.
    pub(super) cells: Cells<'a>,
    /// A BER template: its value is walked by the layout that it stands in.
    pub(super) template: Option<&'a Layout>,
    /// A BER tag that EMV names, if the layout does not.
    pub(super) has_emv_name: bool,
    /// What its own definition, or that of a part around it, hides.
    pub(super) sensitive: Option<Sensitive>,
}

impl<'a> Part<'a> {
    /// Its tag, number or bit.
    #[must_use]
    pub fn tag(&self) -> PartTag {
        self.tag
    }

    /// What the dialect calls it; of a BER tag also what EMV does.
    #[must_use]
    pub fn name(&self) -> Option<&'a str> {
        match (self.definition, self.tag) {
            (Some(definition), _) => Some(definition.name.as_ref()),
            (None, PartTag::Ber(tag)) if self.has_emv_name => tag.name(),
            (None, _) => None,
        }
    }

    /// What the dialect says about it, if it says something.
    #[must_use]
    pub fn definition(&self) -> Option<&'a PartDefinition> {
        self.definition
    }

    /// What must be hidden of it, if its layout says so. `None`: what must be hidden of the field.
    #[must_use]
    pub fn sensitive(&self) -> Option<Sensitive> {
        self.sensitive
    }

    /// What it may hold.
    #[must_use]
    pub fn content(&self) -> Content {
        let defined = self.definition.and_then(|definition| definition.content);
        defined.unwrap_or(match self.cells.form {
            Form::Text(_) => Content::Ans,
            Form::Digits => Content::N,
            Form::Bytes => Content::B,
        })
    }

    /// Where it stands in the message, with its tag and length. Packed digits may share their first and last byte with
    /// their neighbours.
    #[must_use]
    pub fn element_range(&self) -> Range<usize> {
        self.element.clone()
    }

    /// Where its value stands in the message.
    #[must_use]
    pub fn range(&self) -> Range<usize> {
        self.cells.range()
    }

    /// The length of its value: characters, digits, or bytes.
    #[must_use]
    pub fn length(&self) -> usize {
        self.cells.count()
    }

    /// Its value as text, without allocating: upper-case hex for bytes. Text in ASCII is borrowed from the message;
    /// everything else is written into the buffer.
    #[must_use]
    pub fn text<'b>(&self, buffer: &'b mut TextBuffer) -> Option<&'b str>
    where
        'a: 'b,
    {
        let cells = self.cells;
        let count = cells.count();
        match cells.form {
            Form::Text(Charset::Ascii) if cells.bytes().is_some_and(<[u8]>::is_ascii) => {
                core::str::from_utf8(cells.bytes()?).ok()
            }
            Form::Text(charset) => {
                let room = buffer.room(count * 2);
                let mut length = 0;
                for cell in cells.iter() {
                    let character = character(charset, cell);
                    let place = room.get_mut(length..length + character.len_utf8())?;
                    length += character.encode_utf8(place).len();
                }
                core::str::from_utf8(room.get(..length)?).ok()
            }
            Form::Digits => {
                let room = buffer.room(count).get_mut(..count)?;
                for (place, cell) in room.iter_mut().zip(cells.iter()) {
                    *place = charset::hex_digit(cell);
                }
                core::str::from_utf8(room).ok()
            }
            Form::Bytes => {
                let room = buffer.room(count * 2).get_mut(..count * 2)?;
                for (pair, cell) in room.as_chunks_mut::<2>().0.iter_mut().zip(cells.iter()) {
                    *pair = [charset::hex_digit(cell >> 4), charset::hex_digit(cell)];
                }
                core::str::from_utf8(room).ok()
            }
        }
    }

    /// Its value as text, in a `String` of its own.
    #[must_use]
    pub fn to_text(&self) -> String {
        self.text(&mut TextBuffer::new())
            .unwrap_or_default()
            .to_owned()
    }

    /// The number in digits, 18 at most.
    #[must_use]
    pub fn number(&self) -> Option<u64> {
        let cells = self.cells;
        if cells.count() == 0 || cells.count() > 18 {
            return None;
        }
        cells.iter().try_fold(0_u64, |number, cell| {
            let digit = match cells.form {
                Form::Text(charset) => charset.digit(cell)?,
                Form::Digits => Some(cell).filter(|digit| *digit <= 9)?,
                Form::Bytes => return None,
            };
            Some(number * 10 + u64::from(digit))
        })
    }

    /// The bytes of a binary part that stands on the wire as it is.
    #[must_use]
    pub fn binary(&self) -> Option<&'a [u8]> {
        match self.cells.form {
            Form::Bytes => self.cells.bytes(),
            Form::Text(_) | Form::Digits => None,
        }
    }

    /// The parts that it is made of itself, if it has a layout or is a BER template.
    #[must_use]
    pub fn parts(&self) -> Option<Parts<'a>> {
        let own = self.definition.and_then(|definition| definition.layout);
        let layout = match own {
            Some(id) => self.scope.dialect.layouts.get(id)?,
            None => self.template?,
        };
        let scope = Scope {
            depth: self.scope.depth + 1,
            sensitive: self.sensitive,
            ..self.scope
        };
        Some(Parts::new(scope, layout, self.cells))
    }

    pub(crate) fn cells(&self) -> Cells<'a> {
        self.cells
    }
}

/// The value may be card data: shows where it is.
impl fmt::Debug for Part<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Part")
            .field("tag", &self.tag)
            .field("name", &self.name())
            .field("range", &self.range())
            .finish()
    }
}
