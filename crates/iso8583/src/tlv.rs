//! A borrowed walk over BER-TLV data, the form that field 55 carries.
//!
//! EMV 4.3 Book 3 Annex B: tags of one or more bytes, lengths in the short form or the long forms `81` and `82`, and
//! zero bytes allowed before, between and after the elements. The walk keeps the ends of the open templates in a fixed
//! array instead of calling itself, so that hostile nesting costs neither stack nor memory, and it stops at the first
//! thing it cannot read with the offset of it.

use std::fmt;

mod dictionary;

/// Templates nest three deep in real messages (`70` in `77` in a private wrapper); eight leaves room and ends an attack.
pub const DEPTH_MAX: usize = 8;

/// EMV uses tags of up to three bytes (`DF8101`); four fill a `u32`.
const TAG_BYTES_MAX: usize = 4;

/// A BER tag with its class and constructed bits, as it stands on the wire: `0x9F26`, `0x5A`, `0xDF8101`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tag(pub u32);

impl Tag {
    /// The name that EMV or a card scheme gives the tag.
    pub fn name(self) -> Option<&'static str> {
        self.definition().map(|definition| definition.name)
    }

    /// What EMV or a card scheme says about the tag.
    pub fn definition(self) -> Option<&'static Definition> {
        dictionary::definition(self)
    }
}

/// A line of the dictionary of tags.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Definition {
    /// The tag.
    pub tag: Tag,
    /// Its name in EMV or in a scheme's books.
    pub name: &'static str,
    /// What its value is written in.
    pub format: Format,
    /// The shortest value, bytes.
    pub length_min: u16,
    /// The longest value, bytes.
    pub length_max: u16,
}

/// The formats of EMV 4.3 Book 3, 4.3.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// Letters.
    A,
    /// Letters and digits.
    An,
    /// Printable characters.
    Ans,
    /// Bytes.
    B,
    /// Packed digits, filled with `F` nibbles behind them.
    Cn,
    /// Packed digits, filled with zeros in front.
    N,
}

impl Format {
    /// Can a value of this format be these bytes?
    #[must_use]
    pub fn allows(self, value: &[u8]) -> bool {
        let nibbles = || value.iter().flat_map(|byte| [byte >> 4, byte & 0x0F]);
        match self {
            Format::A => value.iter().all(u8::is_ascii_alphabetic),
            Format::An => value.iter().all(u8::is_ascii_alphanumeric),
            Format::Ans => value.iter().all(|byte| (0x20..=0x7E).contains(byte)),
            Format::B => true,
            Format::Cn => nibbles()
                .skip_while(|nibble| *nibble <= 9)
                .all(|filler| filler == 0x0F),
            Format::N => nibbles().all(|nibble| nibble <= 9),
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Format::A => "a",
            Format::An => "an",
            Format::Ans => "ans",
            Format::B => "b",
            Format::Cn => "cn",
            Format::N => "n",
        })
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Whole bytes: a tag never starts with a zero byte, so the width follows from the value.
        let digits = self
            .0
            .checked_ilog2()
            .map_or(2, |bit| (bit as usize / 8 + 1) * 2);
        write!(f, "{:0digits$X}", self.0)
    }
}

/// One element, in the order in which it stands. A template is given before what it holds.
#[derive(Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Element<'a> {
    /// What it is.
    pub tag: Tag,
    /// How many templates it stands in.
    pub depth: usize,
    /// Offset of the first tag byte.
    pub offset: usize,
    /// Offset of the first value byte.
    pub value_offset: usize,
    /// The value's bytes, borrowed from what is walked.
    pub value: &'a [u8],
    /// A template: its value holds further elements, which the walk gives next.
    pub constructed: bool,
}

/// The value may be a card number, so only its length is shown.
impl fmt::Debug for Element<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Element")
            .field("tag", &self.tag)
            .field("depth", &self.depth)
            .field("offset", &self.offset)
            .field("value_bytes", &self.value.len())
            .finish()
    }
}

/// Why the walk stopped, and at which byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{kind} at byte {offset}")]
#[non_exhaustive]
pub struct TlvError {
    /// The tag's first byte for [`TlvErrorKind::Truncated`], the offending byte otherwise.
    pub offset: usize,
    /// What is wrong.
    pub kind: TlvErrorKind,
}

/// What is wrong with BER-TLV data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TlvErrorKind {
    /// A tag that does not end within four bytes.
    #[error("the tag goes on past {TAG_BYTES_MAX} bytes")]
    TagTooLong,
    /// A length in a form that EMV 4.3 Book 3 Annex B2 does not have: indefinite, or of three bytes and more.
    #[error("length byte {0:02X} is none of 00-7F, 81 and 82")]
    LengthForm(u8),
    /// The data ends, or its template does, before the element.
    #[error("the element needs {needed} bytes, {available} are left")]
    Truncated {
        /// Bytes of the element, its tag and length included.
        needed: usize,
        /// Bytes that are left.
        available: usize,
    },
    /// A template in more than [`DEPTH_MAX`] others.
    #[error("templates nest deeper than {DEPTH_MAX}")]
    TooDeep,
}

/// Walks `bytes` element by element; after an error it gives nothing more.
pub fn walk(bytes: &[u8]) -> Walk<'_> {
    Walk {
        bytes,
        position: 0,
        ends: [0; DEPTH_MAX],
        depth: 0,
        failed: false,
    }
}

/// Iterator over the elements, see [`walk`].
#[derive(Clone)]
pub struct Walk<'a> {
    bytes: &'a [u8],
    position: usize,
    /// Where each open template ends, outermost first; the first `depth` are in use.
    ends: [usize; DEPTH_MAX],
    depth: usize,
    failed: bool,
}

impl fmt::Debug for Walk<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Walk")
            .field("position", &self.position)
            .field("depth", &self.depth)
            .finish_non_exhaustive()
    }
}

impl<'a> Iterator for Walk<'a> {
    type Item = Result<Element<'a>, TlvError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        loop {
            while self.innermost_end().is_some_and(|end| self.position >= end) {
                self.depth -= 1;
            }
            match self.bytes.get(self.position) {
                None => return None,
                // EMV 4.3 Book 3 Annex B1: '00' bytes around elements carry nothing.
                Some(0) => self.position += 1,
                Some(_) => break,
            }
        }
        let element = self.element();
        self.failed = element.is_err();
        Some(element)
    }
}

impl<'a> Walk<'a> {
    fn innermost_end(&self) -> Option<usize> {
        self.depth
            .checked_sub(1)
            .and_then(|innermost| self.ends.get(innermost).copied())
    }

    /// Reads the element at the position, inside the innermost template, and moves to its first child or past it.
    fn element(&mut self) -> Result<Element<'a>, TlvError> {
        let offset = self.position;
        let end = self.innermost_end().unwrap_or(self.bytes.len());
        let scope = self.bytes.get(offset..end).unwrap_or_default();
        let head = Head::read(|place| scope.get(place).copied(), scope.len()).map_err(|error| {
            TlvError {
                offset: offset + error.offset,
                kind: error.kind,
            }
        })?;
        let at = offset + head.bytes;
        let length = head.length;
        let value = self.bytes.get(at..at + length).unwrap_or_default();
        let depth = self.depth;
        let constructed = head.is_constructed;
        if constructed {
            let open = self.ends.get_mut(depth).ok_or(TlvError {
                offset,
                kind: TlvErrorKind::TooDeep,
            })?;
            *open = at + length;
            self.depth += 1;
            self.position = at;
        } else {
            self.position = at + length;
        }
        Ok(Element {
            tag: head.tag,
            depth,
            offset,
            value_offset: at,
            value,
            constructed,
        })
    }
}

/// Tag and length of an element.
pub(crate) struct Head {
    pub(crate) tag: Tag,
    /// Of both.
    pub(crate) bytes: usize,
    /// Bytes of the value.
    pub(crate) length: usize,
    pub(crate) is_constructed: bool,
}

impl Head {
    /// Reads them from bytes of which `available` are there. Offsets in an error count from the first of them.
    pub(crate) fn read(
        byte_at: impl Fn(usize) -> Option<u8>,
        available: usize,
    ) -> Result<Head, TlvError> {
        let mut at = 0;
        let truncated = |needed: usize| TlvError {
            offset: 0,
            kind: TlvErrorKind::Truncated { needed, available },
        };
        let mut byte = || {
            let value = byte_at(at).ok_or_else(|| truncated(at + 1))?;
            at += 1;
            Ok::<(usize, u8), TlvError>((at - 1, value))
        };

        let (_, first) = byte()?;
        let mut tag = u32::from(first);
        if first & 0x1F == 0x1F {
            for bytes in 2.. {
                let (place, next) = byte()?;
                if bytes > TAG_BYTES_MAX {
                    return Err(TlvError {
                        offset: place,
                        kind: TlvErrorKind::TagTooLong,
                    });
                }
                tag = tag << 8 | u32::from(next);
                if next & 0x80 == 0 {
                    break;
                }
            }
        }
        let length = match byte()? {
            (_, short @ 0..=0x7F) => usize::from(short),
            (_, 0x81) => usize::from(byte()?.1),
            (_, 0x82) => usize::from(byte()?.1) << 8 | usize::from(byte()?.1),
            (place, form) => {
                return Err(TlvError {
                    offset: place,
                    kind: TlvErrorKind::LengthForm(form),
                });
            }
        };
        if at + length > available {
            return Err(truncated(at + length));
        }
        Ok(Head {
            tag: Tag(tag),
            bytes: at,
            length,
            is_constructed: first & 0x20 != 0,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(text: &str) -> Vec<u8> {
        let digits: Vec<u8> = text
            .bytes()
            .filter(|byte| !byte.is_ascii_whitespace())
            .collect();
        digits
            .chunks(2)
            .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
            .collect()
    }

    /// One word an element, `>` for each template around it.
    fn shape(text: &str) -> String {
        let bytes = hex(text);
        walk(&bytes)
            .map(|item| match item {
                Ok(element) => {
                    let value: String = element
                        .value
                        .iter()
                        .map(|byte| format!("{byte:02X}"))
                        .collect();
                    format!("{}{}={}", ">".repeat(element.depth), element.tag, value)
                }
                Err(error) => format!("!{error}"),
            })
            .collect::<Vec<_>>()
            .join(" ")
    }

    #[test]
    fn short_and_long_tags_and_lengths() {
        assert_eq!(
            shape("9F2701809F02060000000011115A084111111111111111"),
            "9F27=80 9F02=000000001111 5A=4111111111111111"
        );
        assert_eq!(shape("DF810101AA"), "DF8101=AA");
        assert_eq!(shape("84 81 02 ABCD"), "84=ABCD");
        assert_eq!(shape("84 82 0002 ABCD"), "84=ABCD");
        let long = "AB".repeat(0x0102);
        assert_eq!(
            shape(&format!("84 82 0102 {long} 9C 00")),
            format!("84={long} 9C=")
        );
        assert_eq!(shape("84 00"), "84=");
        assert_eq!(shape(""), "");
    }

    #[test]
    fn zero_bytes_around_elements_are_skipped() {
        assert_eq!(shape("00 00 9C 01 00 00 95 01 FF 00"), "9C=00 95=FF");
    }

    #[test]
    fn a_template_comes_before_what_it_holds_and_closes_at_its_end() {
        assert_eq!(
            shape("77 0A 9F2701 80 70 03 9C 01 20 00 95 01 01"),
            "77=9F270180700 39C0120".replace(' ', "") + "00 >9F27=80 >70=9C0120 >>9C=20 95=01"
        );
    }

    #[test]
    fn what_cannot_be_read_is_named_with_its_byte() {
        assert_eq!(
            shape("9C 01"),
            "!the element needs 3 bytes, 2 are left at byte 0"
        );
        assert_eq!(
            shape("9C 01 00 9F"),
            "9C=00 !the element needs 2 bytes, 1 are left at byte 3"
        );
        assert_eq!(
            shape("9C"),
            "!the element needs 2 bytes, 1 are left at byte 0"
        );
        assert_eq!(
            shape("9C 80 00"),
            "!length byte 80 is none of 00-7F, 81 and 82 at byte 1"
        );
        assert_eq!(
            shape("9C 83 000001 00"),
            "!length byte 83 is none of 00-7F, 81 and 82 at byte 1"
        );
        assert_eq!(
            shape("9F 81 82 83 84 85"),
            "!the tag goes on past 4 bytes at byte 4"
        );
        // A child may not reach past its template, even when the message goes on.
        assert_eq!(
            shape("70 03 9C 05 00 00 00 00 00"),
            "70=9C0500 !the element needs 7 bytes, 3 are left at byte 2"
        );
    }

    #[test]
    fn nesting_past_the_limit_ends_the_walk() {
        let mut bytes = Vec::new();
        for remaining in (0..50u8).rev() {
            bytes.extend([0x70, remaining * 2]);
        }
        let items: Vec<_> = walk(&bytes).collect();
        assert_eq!(items.len(), DEPTH_MAX + 1);
        assert_eq!(
            items.last().unwrap().unwrap_err().kind,
            TlvErrorKind::TooDeep
        );
    }

    #[test]
    fn formats_and_what_they_allow() {
        let allows = |format: Format, text: &str| format.allows(&hex(text));
        assert!(allows(Format::N, "012345") && !allows(Format::N, "01234F"));
        assert!(allows(Format::Cn, "12345F") && allows(Format::Cn, "FF") && allows(Format::Cn, ""));
        assert!(!allows(Format::Cn, "123F45") && !allows(Format::Cn, "12345E"));
        assert!(allows(Format::A, "5553") && !allows(Format::A, "5531"));
        assert!(allows(Format::An, "5531") && !allows(Format::An, "5520"));
        assert!(allows(Format::Ans, "5520") && !allows(Format::Ans, "5500"));
    }

    #[test]
    fn a_definition_says_name_format_and_length() {
        let tag = Tag(0x9F02).definition().unwrap();
        assert_eq!((tag.name, tag.format), ("Amount, authorised", Format::N));
        assert_eq!((tag.length_min, tag.length_max), (6, 6));
    }

    #[test]
    fn names_of_tags() {
        assert_eq!(Tag(0x9F26).name(), Some("Application cryptogram"));
        assert_eq!(Tag(0x5A).name(), Some("Application PAN"));
        assert_eq!(Tag(0xDF7F).name(), None);
    }
}
