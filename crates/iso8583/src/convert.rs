//! From the form a field has in one dialect to the form it has in another.
//!
//! Text goes to text by character set, digits to digits, the separator of a packed track to `=`, bytes to bytes. Between
//! bytes and text nothing is invented: such a field is not carried.

use crate::charset;
use crate::check::Check;
use crate::dialect::Dialect;
use crate::encode::{self, Refusal, Target};
use crate::error::EncodeErrorKind as Kind;
use crate::field::{CodePage, Content, Encoding, Field, Length, PrefixEncoding};
use crate::output::Output;
use crate::plan::{Prefix, Shape};
use crate::swar::{self, Spelling};
use crate::text::{self, TextBuffer};
use crate::view::{Element, View};

/// How a value gets from one form to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// Not at all: between bytes and text, or between fixed lengths that differ.
    None,
    /// The element is the same in both.
    Same,
    /// The value's bytes are the same, the length prefix is not.
    Value,
    /// Digits in ASCII or EBCDIC, or a track in ASCII, to packed.
    Pack,
    /// Packed to ASCII.
    UnpackAscii,
    /// Packed digits to EBCDIC.
    UnpackEbcdic,
    AsciiToEbcdic,
    EbcdicToAscii,
    HexToRaw,
    RawToHex,
    /// Through its text, checked character by character: where the classes differ, and in rare cases.
    Text,
}

impl Way {
    pub(crate) fn between(from: &Field, to: &Field) -> Way {
        use Encoding::{Ascii, Bcd, Ebcdic, HexText, Raw};
        let same_kind = (from.content == Content::B) == (to.content == Content::B);
        let lengths_agree = match (from.length, to.length) {
            (Length::Fixed(length), Length::Fixed(other)) => length == other || to.fill.is_some(),
            _ => true,
        };
        if !same_kind || !lengths_agree {
            return Way::None;
        }
        // What a value was filled with is taken off, and a shorter one filled, unless it just fills the other field.
        let strips = from.fill.is_some_and(|fill| fill.strip);
        if from.length != to.length && (strips || to.fill.is_some()) {
            return Way::Text;
        }
        if from.same_wire(to) {
            return Way::Same;
        }
        if from.content != to.content {
            return Way::Text;
        }
        // The code pages agree in everything but special characters, and the tables of runs are those of 500.
        let special = matches!(from.content, Content::Ans | Content::Ns);
        let is_500 = |page| page == CodePage::Ebcdic500 || !special;
        match (from.encoding, to.encoding) {
            (Ascii, Ascii) | (Raw, Raw) => Way::Value,
            (Ebcdic(page), Ebcdic(other)) if page == other || !special => Way::Value,
            (Ascii, Bcd) => Way::Pack,
            (Ebcdic(_), Bcd) if from.content == Content::N => Way::Pack,
            (Bcd, Ascii) => Way::UnpackAscii,
            (Bcd, Ebcdic(_)) if from.content == Content::N => Way::UnpackEbcdic,
            (Ascii, Ebcdic(page)) if is_500(page) => Way::AsciiToEbcdic,
            (Ebcdic(page), Ascii) if is_500(page) => Way::EbcdicToAscii,
            (HexText, Raw) => Way::HexToRaw,
            (Raw, HexText) => Way::RawToHex,
            _ => Way::Text,
        }
    }
}

impl Way {
    /// All of them, in the order of their discriminants.
    pub(crate) const COUNT: usize = Way::Text as usize + 1;

    /// Is the whole element, length prefix and all, changed byte for byte (or two for one, one for two) by this way, so
    /// that neighbours can be changed as one run?
    pub(crate) fn makes_runs(self, from: &Field, to: &Field) -> bool {
        match (from.length, to.length) {
            (Length::Fixed(units), Length::Fixed(_)) => match self {
                Way::None | Way::Text | Way::Value => false,
                // A filler nibble stands between the digits of neighbours.
                Way::Pack | Way::UnpackAscii | Way::UnpackEbcdic => units.is_multiple_of(2),
                Way::Same
                | Way::AsciiToEbcdic
                | Way::EbcdicToAscii
                | Way::HexToRaw
                | Way::RawToHex => true,
            },
            (
                Length::Variable {
                    digits,
                    prefix: from_prefix,
                    max,
                },
                Length::Variable {
                    digits: to_digits,
                    prefix: to_prefix,
                    max: to_max,
                },
            ) => {
                let prefix_follows = match self {
                    Way::Same => true,
                    Way::AsciiToEbcdic => {
                        (from_prefix, to_prefix) == (PrefixEncoding::Ascii, PrefixEncoding::Ebcdic)
                    }
                    Way::EbcdicToAscii => {
                        (from_prefix, to_prefix) == (PrefixEncoding::Ebcdic, PrefixEncoding::Ascii)
                    }
                    _ => false,
                };
                prefix_follows && digits == to_digits && max <= to_max && from.counts == to.counts
            }
            _ => false,
        }
    }

    /// Does it make two bytes of one?
    pub(crate) fn grows(self) -> bool {
        match self {
            Way::UnpackAscii | Way::UnpackEbcdic | Way::RawToHex => true,
            Way::None
            | Way::Same
            | Way::Value
            | Way::Pack
            | Way::AsciiToEbcdic
            | Way::EbcdicToAscii
            | Way::HexToRaw
            | Way::Text => false,
        }
    }

    /// Bytes that so many bytes of a run become.
    #[inline]
    pub(crate) fn run_length(self, length: usize) -> usize {
        match self {
            Way::UnpackAscii | Way::UnpackEbcdic | Way::RawToHex => length * 2,
            Way::Pack | Way::HexToRaw => length / 2,
            Way::None
            | Way::Same
            | Way::Value
            | Way::Text
            | Way::AsciiToEbcdic
            | Way::EbcdicToAscii => length,
        }
    }

    /// Appends a run of elements. `false`: it holds what the other character set lacks; nothing is appended then.
    #[inline]
    pub(crate) fn put_run(self, run: &[u8], out: &mut Output<'_>) -> bool {
        let length = out.length();
        let place = out.room(self.run_length(run.len()));
        match self {
            Way::Pack | Way::HexToRaw => swar::pack(run, place),
            Way::UnpackAscii => swar::unpack(run, place, Spelling::AsciiTrack),
            Way::UnpackEbcdic => swar::unpack(run, place, Spelling::EbcdicDigits),
            Way::RawToHex => swar::unpack(run, place, Spelling::Hex),
            Way::AsciiToEbcdic => swar::translate(run, place, &charset::EBCDIC_FROM_LATIN1),
            Way::EbcdicToAscii => {
                swar::ascii_from_ebcdic(run, place);
                if !Check::AsciiPrintable.holds(place) {
                    out.rewind(length);
                    return false;
                }
            }
            Way::None | Way::Same | Way::Value | Way::Text => swar::copy(run, place),
        }
        true
    }
}

/// Appends the value in the other form. Nothing is appended if it is refused.
#[inline(always)]
pub(crate) fn put(
    way: Way,
    from: &Element<'_>,
    to: Target<'_>,
    out: &mut Output<'_>,
) -> Result<(), Refusal> {
    let units = match way {
        Way::None => return Err((0, Kind::NotCarried)),
        Way::Text => return put_through_text(from, to, out),
        Way::Same => {
            out.put(from.prefix);
            out.put(from.wire);
            return Ok(());
        }
        // Bytes, unless a length counts hex characters.
        Way::HexToRaw => from.wire.len() / 2,
        Way::RawToHex if to.step.prefix != Prefix::None => from.wire.len() * 2,
        _ => from.units,
    };
    if !to.step.allows(units) {
        return Err(to.length_refusal(units));
    }
    let length = out.length();
    let place = to.room(units, out);
    match way {
        Way::Pack => encode::pack(to.step, from.wire, place),
        Way::UnpackAscii => text::unpack(from, place, Spelling::AsciiTrack),
        Way::UnpackEbcdic => text::unpack(from, place, Spelling::EbcdicDigits),
        Way::AsciiToEbcdic => swar::translate(from.wire, place, &charset::EBCDIC_FROM_LATIN1),
        Way::EbcdicToAscii => {
            swar::ascii_from_ebcdic(from.wire, place);
            // Only text can hold what ASCII lacks: the printable characters of the upper half of Latin-1.
            if to.step.check == Check::AsciiPrintable && !to.step.check.holds(place) {
                out.rewind(length);
                return put_through_text(from, to, out);
            }
        }
        Way::HexToRaw => swar::pack(from.wire, place),
        Way::RawToHex => swar::unpack(from.wire, place, Spelling::Hex),
        Way::Value | Way::None | Way::Same | Way::Text => swar::copy(from.wire, place),
    }
    Ok(())
}

/// Appends the value that a field has in another message.
pub(crate) fn copy(
    view: &View<'_>,
    dialect: &Dialect,
    number: u8,
    target: Target<'_>,
    out: &mut Output<'_>,
) -> Result<(), Refusal> {
    let Some(element) = view.element(number) else {
        return Err((0, Kind::NotInView));
    };
    let way = if core::ptr::eq(view.dialect(), dialect) {
        Way::Same
    } else {
        match (view.dialect().field(number), dialect.field(number)) {
            (Some(from), Some(to)) => Way::between(from, to),
            _ => Way::None,
        }
    };
    put(way, &element, target, out)
}

#[cold]
fn put_through_text(
    from: &Element<'_>,
    to: Target<'_>,
    out: &mut Output<'_>,
) -> Result<(), Refusal> {
    let mut buffer = TextBuffer::new();
    // A packed track reads with `D` but is written with `=` where it becomes text.
    let track_to_text = from.step.check == Check::PackedTrack && !is_packed(to.step.shape);
    let text = if track_to_text {
        text::packed_track(from, &mut buffer)
    } else if from.step.prefix == to.step.prefix && from.step.units == to.step.units {
        text::read_whole(*from, &mut buffer)
    } else {
        text::read(*from, &mut buffer)
    };
    encode::put_text(to, text.ok_or((0, Kind::NotCarried))?, out)
}

fn is_packed(shape: Shape) -> bool {
    matches!(
        shape,
        Shape::PackedEven | Shape::PackedFillerFirst | Shape::PackedFillerLast
    )
}
