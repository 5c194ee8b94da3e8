//! A dialect compiled for the fast path: per field number a few bytes that say how to step over it and what to check.

use crate::check::Check;
use crate::field::{Content, Encoding, Field, Length, PadSide, PrefixEncoding};

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
    pub(crate) shape: Shape,
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
            units <= limit
        }
    }

    /// Bytes on the wire of a value of so many units.
    #[inline]
    pub(crate) fn wire_length(&self, units: usize) -> usize {
        match self.shape {
            _ if self.prefix == Prefix::None => usize::from(self.length),
            Shape::PackedFillerFirst | Shape::PackedFillerLast | Shape::PackedEven => {
                units.div_ceil(2)
            }
            Shape::Bytes | Shape::Hex | Shape::SignedAscii | Shape::SignedEbcdic => units,
        }
    }
}

/// The length prefix: how it is written, and its digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Prefix {
    None,
    Ascii2,
    Ascii3,
    Ebcdic2,
    Ebcdic3,
    Bcd2,
    Bcd3,
}

impl Prefix {
    /// Bytes of the prefix.
    #[inline]
    pub(crate) const fn bytes(self) -> usize {
        match self {
            Prefix::None => 0,
            Prefix::Bcd2 => 1,
            Prefix::Ascii2 | Prefix::Ebcdic2 | Prefix::Bcd3 => 2,
            Prefix::Ascii3 | Prefix::Ebcdic3 => 3,
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
        shape: Shape::Bytes,
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
            shape,
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
        (PrefixEncoding::Ascii, 2) => Prefix::Ascii2,
        (PrefixEncoding::Ascii, _) => Prefix::Ascii3,
        (PrefixEncoding::Ebcdic, 2) => Prefix::Ebcdic2,
        (PrefixEncoding::Ebcdic, _) => Prefix::Ebcdic3,
        (PrefixEncoding::Bcd, 2) => Prefix::Bcd2,
        (PrefixEncoding::Bcd, _) => Prefix::Bcd3,
    }
}

/// All bytes that a valid prefix may hold.
fn prefix_bytes(prefix: Prefix) -> Option<Box<dyn Iterator<Item = u8>>> {
    match prefix {
        Prefix::None => None,
        Prefix::Ascii2 | Prefix::Ascii3 => Some(Box::new(b'0'..=b'9')),
        Prefix::Ebcdic2 | Prefix::Ebcdic3 => Some(Box::new(0xF0..=0xF9)),
        Prefix::Bcd2 | Prefix::Bcd3 => Some(Box::new((0..=0x99).filter(|byte| byte & 0x0F <= 9))),
    }
}
