//! A dialect compiled for the fast path: per field number a few bytes that say how to step over it and what to check.

use crate::check::Check;
use crate::field::{Content, Counts, Encoding, Field, Fill, Length, PadSide, PrefixEncoding};
use crate::scan;

/// How to step over one field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Step {
    /// Bytes on the wire of a fixed field; of a variable one as `units`.
    pub(crate) length: u16,
    /// The length of a fixed field, the longest of a variable one, in its unit.
    pub(crate) units: u16,
    /// What its bytes are held to.
    pub(crate) check: Check,
    pub(crate) content: Content,
    pub(crate) encoding: Encoding,
    pub(crate) prefix: Prefix,
    /// Bytes of the prefix.
    pub(crate) prefix_bytes: u8,
    pub(crate) shape: Shape,
    /// Two digits a byte.
    pub(crate) packed: bool,
    /// What the length prefix counts.
    pub(crate) counts: Counts,
    /// The filler nibble of an odd count of packed digits.
    pub(crate) filler: u8,
    /// Only even counts of packed digits can be announced.
    pub(crate) even_only: bool,
    pub(crate) fill: Option<Fill>,
    /// Bytes of the length prefix always pass the value's check, so a run of such fields can be checked as one.
    pub(crate) prefix_passes: bool,
    /// A fixed field of whose bytes none is special: one addition steps over it.
    pub(crate) plain: bool,
}

impl Step {
    /// Does the dialect define the field? No field of any kind has the length 0.
    #[inline]
    pub(crate) fn is_defined(&self) -> bool {
        self.units != 0
    }

    /// Is a value of so many units of a length that the field allows?
    #[inline]
    pub(crate) fn allows(&self, units: usize) -> bool {
        let limit = usize::from(self.units);
        if self.prefix == Prefix::None {
            units == limit
        } else {
            units <= limit && !(self.even_only && units % 2 == 1)
        }
    }

    /// May the fast path step over it? A length that counts something else than units, and a filler that is no digit, are
    /// left to the careful decoder: few counterparts have them, and no field that is read often.
    pub(crate) fn is_scannable(&self) -> bool {
        self.counts == Counts::Value && self.filler == 0
    }

    /// What the length prefix says of a value of so many units.
    #[inline]
    pub(crate) fn announced(&self, units: usize) -> usize {
        match self.counts {
            Counts::Value => units,
            Counts::Bytes => self.wire_length(units),
            Counts::Element => self.prefix_length() + self.wire_length(units),
        }
    }

    /// The units of a value that was read, where its length counts bytes.
    #[cold]
    pub(crate) fn units_of_wire(&self, wire: &[u8]) -> usize {
        match self.shape {
            Shape::PackedFillerFirst | Shape::PackedFillerLast | Shape::PackedEven => {
                let filler = match self.shape {
                    Shape::PackedFillerFirst => wire.first().map(|byte| byte >> 4),
                    _ => wire.last().map(|byte| byte & 0x0F),
                };
                let has_filler = self.filler != 0 && filler == Some(self.filler);
                wire.len() * 2 - usize::from(has_filler)
            }
            Shape::Bytes | Shape::Hex | Shape::SignedAscii | Shape::SignedEbcdic => wire.len(),
        }
    }

    /// Bytes of an element that was read, with its length prefix.
    pub(crate) fn element_length(&self, bytes: &[u8], offset: usize) -> Option<usize> {
        let prefix = self.prefix_length();
        let (length, _) = scan::read_prefix(self.prefix, bytes, offset)?;
        Some(match self.counts {
            _ if self.prefix == Prefix::None => usize::from(self.length),
            Counts::Value => prefix + self.wire_length(length),
            Counts::Bytes => prefix + length,
            Counts::Element => length,
        })
    }

    /// Bytes of the length prefix.
    #[inline(always)]
    pub(crate) fn prefix_length(&self) -> usize {
        usize::from(self.prefix_bytes)
    }

    /// The units of a value that was read, with its length prefix.
    #[inline(always)]
    pub(crate) fn units_of(&self, prefix: &[u8], wire: &[u8]) -> usize {
        if self.prefix == Prefix::None {
            usize::from(self.units)
        } else if self.counts != Counts::Value {
            self.units_of_wire(wire)
        } else if self.packed {
            self.packed_units(prefix, wire.len())
        } else {
            wire.len()
        }
    }

    /// The digits in so many bytes that were read, where the length prefix counts digits.
    #[inline(always)]
    pub(crate) fn packed_units(&self, prefix: &[u8], bytes: usize) -> usize {
        match prefix.last() {
            // Odd lengths end in an odd byte, whatever they are written in.
            Some(last) => (bytes * 2).saturating_sub(usize::from(last & 1)),
            None => usize::from(self.units),
        }
    }

    /// Bytes on the wire of a value of so many units.
    #[inline(always)]
    pub(crate) fn wire_length(&self, units: usize) -> usize {
        if self.prefix == Prefix::None {
            usize::from(self.length)
        } else if self.packed {
            units.div_ceil(2)
        } else {
            units
        }
    }
}

/// The length prefix: how it is written, and its digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Prefix {
    None,
    Ascii1,
    Ascii2,
    Ascii3,
    Ascii4,
    Ascii5,
    Ascii6,
    Ebcdic1,
    Ebcdic2,
    Ebcdic3,
    Ebcdic4,
    Ebcdic5,
    Ebcdic6,
    /// One byte of packed digits, for one digit too.
    Bcd2,
    /// Two bytes of packed digits, for four digits too.
    Bcd3,
    /// Three bytes of packed digits, for six digits too.
    Bcd5,
    Binary1,
    Binary2,
}

impl Prefix {
    /// Bytes of the prefix.
    #[inline]
    pub(crate) const fn bytes(self) -> usize {
        match self {
            Prefix::None => 0,
            Prefix::Ascii1 | Prefix::Ebcdic1 | Prefix::Bcd2 | Prefix::Binary1 => 1,
            Prefix::Ascii2 | Prefix::Ebcdic2 | Prefix::Bcd3 | Prefix::Binary2 => 2,
            Prefix::Ascii3 | Prefix::Ebcdic3 | Prefix::Bcd5 => 3,
            Prefix::Ascii4 | Prefix::Ebcdic4 => 4,
            Prefix::Ascii5 | Prefix::Ebcdic5 => 5,
            Prefix::Ascii6 | Prefix::Ebcdic6 => 6,
        }
    }
}

/// What is special about a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// Nothing: one unit is one byte.
    Bytes,
    /// Hex text of an even length.
    Hex,
    /// Two digits a byte; the filler of an odd count before them.
    PackedFillerFirst,
    /// Two digits a byte; the filler of an odd count behind them.
    PackedFillerLast,
    /// A fixed field with an even count of packed digits: no filler.
    PackedEven,
    /// A sign, then digits.
    SignedAscii,
    SignedEbcdic,
}

impl Step {
    /// For numbers that the dialect does not define.
    pub(crate) const UNDEFINED: Step = Step {
        length: 0,
        units: 0,
        check: Check::Nothing,
        content: Content::B,
        encoding: Encoding::Raw,
        prefix: Prefix::None,
        prefix_bytes: 0,
        shape: Shape::Bytes,
        packed: false,
        counts: Counts::Value,
        filler: 0,
        even_only: false,
        fill: None,
        prefix_passes: false,
        plain: false,
    };

    pub(crate) fn of(field: &Field) -> Step {
        let ebcdic = matches!(field.encoding, Encoding::Ebcdic(_));
        let check = check_of(field);
        let (length, units, prefix) = match field.length {
            Length::Fixed(units) => {
                let wire = field.wire_length(usize::from(units));
                (u16::try_from(wire).unwrap_or(u16::MAX), units, Prefix::None)
            }
            Length::Variable {
                digits,
                prefix,
                max,
            } => (max, max, prefix_of(prefix, digits)),
        };
        let shape = match (field.encoding, field.pad, field.length) {
            (Encoding::Bcd, _, Length::Fixed(units)) if units % 2 == 0 => Shape::PackedEven,
            (Encoding::Bcd, PadSide::Left, _) => Shape::PackedFillerFirst,
            (Encoding::Bcd, PadSide::Right, _) => Shape::PackedFillerLast,
            (Encoding::HexText, ..) => Shape::Hex,
            _ if field.content == Content::SignedN && ebcdic => Shape::SignedEbcdic,
            _ if field.content == Content::SignedN => Shape::SignedAscii,
            _ => Shape::Bytes,
        };
        let prefix_passes =
            prefix_bytes(prefix).is_some_and(|mut bytes| bytes.all(|byte| check.holds(&[byte])));
        Step {
            length,
            units,
            check,
            content: field.content,
            encoding: field.encoding,
            prefix,
            prefix_bytes: prefix.bytes() as u8,
            shape,
            packed: field.encoding == Encoding::Bcd,
            counts: field.counts,
            filler: match field.encoding {
                Encoding::Bcd if shape != Shape::PackedEven => field.filler.nibble(),
                _ => 0,
            },
            even_only: field.needs_even_digits(),
            fill: field.fill,
            prefix_passes,
            plain: prefix == Prefix::None
                && matches!(shape, Shape::Bytes | Shape::PackedEven | Shape::Hex),
        }
    }
}

fn check_of(field: &Field) -> Check {
    let ebcdic = matches!(field.encoding, Encoding::Ebcdic(_));
    let either = |ascii, other| if ebcdic { other } else { ascii };
    match (field.encoding, field.content) {
        (Encoding::Raw, _) => Check::Nothing,
        (Encoding::HexText, _) => Check::Hex,
        (Encoding::Bcd, Content::Z) => Check::PackedTrack,
        (Encoding::Bcd, _) => Check::PackedDigits,
        (_, Content::N | Content::SignedN) => either(Check::AsciiDigits, Check::EbcdicDigits),
        (_, Content::Z) => either(Check::AsciiTrack, Check::EbcdicTrack),
        (_, Content::A) => either(Check::AsciiLetters, Check::EbcdicLetters),
        (_, Content::An) => either(Check::AsciiAlphanumeric, Check::EbcdicAlphanumeric),
        (_, Content::Ans | Content::Ns) => either(Check::AsciiPrintable, Check::EbcdicPrintable),
        (_, Content::B) => Check::Nothing,
    }
}

fn prefix_of(encoding: PrefixEncoding, digits: u8) -> Prefix {
    match (encoding, digits) {
        (PrefixEncoding::Ascii, 1) => Prefix::Ascii1,
        (PrefixEncoding::Ascii, 2) => Prefix::Ascii2,
        (PrefixEncoding::Ascii, 3) => Prefix::Ascii3,
        (PrefixEncoding::Ascii, 4) => Prefix::Ascii4,
        (PrefixEncoding::Ascii, 5) => Prefix::Ascii5,
        (PrefixEncoding::Ascii, _) => Prefix::Ascii6,
        (PrefixEncoding::Ebcdic, 1) => Prefix::Ebcdic1,
        (PrefixEncoding::Ebcdic, 2) => Prefix::Ebcdic2,
        (PrefixEncoding::Ebcdic, 3) => Prefix::Ebcdic3,
        (PrefixEncoding::Ebcdic, 4) => Prefix::Ebcdic4,
        (PrefixEncoding::Ebcdic, 5) => Prefix::Ebcdic5,
        (PrefixEncoding::Ebcdic, _) => Prefix::Ebcdic6,
        (PrefixEncoding::Bcd, 1 | 2) => Prefix::Bcd2,
        (PrefixEncoding::Bcd, 3 | 4) => Prefix::Bcd3,
        (PrefixEncoding::Bcd, _) => Prefix::Bcd5,
        (PrefixEncoding::Binary1, _) => Prefix::Binary1,
        (PrefixEncoding::Binary2, _) => Prefix::Binary2,
    }
}

/// All bytes that a valid prefix may hold.
fn prefix_bytes(prefix: Prefix) -> Option<Box<dyn Iterator<Item = u8>>> {
    match prefix {
        Prefix::None => None,
        Prefix::Ascii1
        | Prefix::Ascii2
        | Prefix::Ascii3
        | Prefix::Ascii4
        | Prefix::Ascii5
        | Prefix::Ascii6 => Some(Box::new(b'0'..=b'9')),
        Prefix::Ebcdic1
        | Prefix::Ebcdic2
        | Prefix::Ebcdic3
        | Prefix::Ebcdic4
        | Prefix::Ebcdic5
        | Prefix::Ebcdic6 => Some(Box::new(0xF0..=0xF9)),
        Prefix::Bcd2 | Prefix::Bcd3 | Prefix::Bcd5 => {
            Some(Box::new((0..=0x99).filter(|byte| byte & 0x0F <= 9)))
        }
        Prefix::Binary1 | Prefix::Binary2 => Some(Box::new(0..=0xFF)),
    }
}
