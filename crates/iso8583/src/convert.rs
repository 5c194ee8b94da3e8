//! From the form a field has in one dialect to the form it has in another.
//!
//! Text goes to text by character set, digits to digits, the separator of a packed track to `=`, bytes to bytes. Between
//! bytes and text nothing is invented: such a field is not carried.

use crate::charset;
use crate::check::Check;
use crate::dialect::Dialect;
use crate::encode::{self, Refusal, Target};
use crate::error::EncodeErrorKind as Kind;
use crate::field::{CodePage, Content, Counts, Encoding, Field, Length, PrefixEncoding};
use crate::output::Output;
use crate::plan::{Prefix, Shape, Step};
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

    /// Appends a run of elements, the first `length` bytes of `tail`. `false`: it holds what the other character set lacks;
    /// nothing is appended then.
    #[inline(always)]
    pub(crate) fn put_run(self, tail: &[u8], length: usize, out: &mut Output<'_>) -> bool {
        match self {
            Way::Pack | Way::HexToRaw => {
                swar::pack_loosely(tail, length, out.loose_room(length / 2));
            }
            Way::UnpackAscii => {
                let place = out.loose_room(length * 2);
                swar::unpack_loosely(tail, length, place, Spelling::AsciiTrack);
            }
            Way::UnpackEbcdic => {
                let place = out.loose_room(length * 2);
                swar::unpack_loosely(tail, length, place, Spelling::EbcdicDigits);
            }
            Way::RawToHex => {
                swar::unpack_loosely(tail, length, out.loose_room(length * 2), Spelling::Hex);
            }
            Way::None | Way::Same | Way::Value | Way::Text => {
                swar::copy_loosely(tail, length, out.loose_room(length));
            }
            Way::AsciiToEbcdic => {
                let run = tail.get(..length).unwrap_or_default();
                swar::translate(run, out.room(length), &charset::EBCDIC_FROM_LATIN1);
            }
            Way::EbcdicToAscii => {
                let before = out.length();
                let run = tail.get(..length).unwrap_or_default();
                let place = out.room(length);
                swar::ascii_from_ebcdic(run, place);
                if !Check::AsciiPrintable.holds(place) {
                    out.rewind(before);
                    return false;
                }
            }
        }
        true
    }
}

/// How one field gets from a message of one dialect to a message of another: all that takes to know, in one place.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lane {
    pub(crate) way: Way,
    pub(crate) from: Step,
    pub(crate) to: Step,
    /// The fields of the same 64 that may go the same way together with it, as one run of bytes; bit n − 1 stands for the
    /// n-th of the 64. 0: it goes alone.
    pub(crate) together: u64,
}

impl Lane {
    /// Of a field that one of the dialects does not define.
    pub(crate) const NONE: Lane = Lane {
        way: Way::None,
        from: Step::UNDEFINED,
        to: Step::UNDEFINED,
        together: 0,
    };

    pub(crate) fn between(from: &Field, to: &Field) -> Lane {
        Lane {
            way: Way::between(from, to),
            from: Step::of(from),
            to: Step::of(to),
            together: 0,
        }
    }

    /// Appends the value of the element that begins `tail` and has so many bytes. Nothing is appended if it is refused.
    /// What stands behind the element in the message may be read, and does not count.
    #[inline(always)]
    pub(crate) fn carry(
        &self,
        tail: &[u8],
        length: usize,
        out: &mut Output<'_>,
    ) -> Result<(), Refusal> {
        let prefix = self.from.prefix_length();
        let (Some(wire), Some(length)) = (tail.get(prefix..), length.checked_sub(prefix)) else {
            return Err((0, Kind::NotInView));
        };
        let (units, bytes) = match self.way {
            Way::Pack => (length, length.div_ceil(2)),
            Way::UnpackAscii | Way::UnpackEbcdic => {
                let units = match self.from.counts {
                    Counts::Value => {
                        let (prefix, _) = tail.split_at_checked(prefix).unwrap_or_default();
                        self.from.packed_units(prefix, length)
                    }
                    Counts::Bytes | Counts::Element => self
                        .from
                        .units_of_wire(wire.get(..length).unwrap_or_default()),
                };
                (units, units)
            }
            Way::HexToRaw => (length / 2, length / 2),
            // Lengths count hex characters, those of fixed fields bytes.
            Way::RawToHex if self.to.prefix == Prefix::None => (length, length * 2),
            Way::RawToHex => (length * 2, length * 2),
            Way::Value => (length, length),
            Way::Same | Way::AsciiToEbcdic | Way::EbcdicToAscii | Way::Text | Way::None => {
                return self.carry_otherwise(tail, prefix + length, out);
            }
        };
        let place = self.open(units, bytes, out)?;
        match self.way {
            Way::Pack => encode::pack_loosely(&self.to, wire, length, place),
            Way::UnpackAscii | Way::UnpackEbcdic => {
                let spelling = match self.way {
                    Way::UnpackAscii => Spelling::AsciiTrack,
                    _ => Spelling::EbcdicDigits,
                };
                text::unpack_loosely(self.from.shape, units, wire, length, place, spelling);
            }
            Way::HexToRaw => swar::pack_loosely(wire, length, place),
            Way::RawToHex => swar::unpack_loosely(wire, length, place, Spelling::Hex),
            _ => swar::copy_loosely(wire, length, place),
        }
        Ok(())
    }

    /// Room for a value of so many units in the other dialect, which take so many bytes, behind its length prefix.
    #[inline(always)]
    fn open<'o>(
        &self,
        units: usize,
        bytes: usize,
        out: &'o mut Output<'_>,
    ) -> Result<&'o mut [u8], Refusal> {
        let to = Target { step: &self.to };
        if !self.to.allows(units) {
            return Err(to.length_refusal(units));
        }
        let place = out.loose_room(self.to.prefix_length() + bytes);
        Ok(match self.to.prefix {
            Prefix::None => place,
            _ => to.behind_prefix(units, place),
        })
    }

    /// As [`Lane::carry`], for the ways that few fields go alone.
    #[inline(never)]
    fn carry_otherwise(
        &self,
        tail: &[u8],
        length: usize,
        out: &mut Output<'_>,
    ) -> Result<(), Refusal> {
        let bytes = tail.get(..length).unwrap_or_default();
        let Some(element) = Element::of(&self.from, bytes) else {
            return Err((0, Kind::NotInView));
        };
        let to = Target { step: &self.to };
        match self.way {
            Way::Same => {
                out.put(element.prefix);
                out.put(element.wire);
                return Ok(());
            }
            Way::AsciiToEbcdic | Way::EbcdicToAscii => {}
            Way::Text => return put_through_text(&element, to, out),
            _ => return Err((0, Kind::NotCarried)),
        }
        if !to.step.allows(element.units) {
            return Err(to.length_refusal(element.units));
        }
        let before = out.length();
        let place = to.room(element.units, out);
        if self.way == Way::AsciiToEbcdic {
            swar::translate(element.wire, place, &charset::EBCDIC_FROM_LATIN1);
            return Ok(());
        }
        swar::ascii_from_ebcdic(element.wire, place);
        // Only text can hold what ASCII lacks: the printable characters of the upper half of Latin-1.
        if to.step.check == Check::AsciiPrintable && !to.step.check.holds(place) {
            out.rewind(before);
            return put_through_text(&element, to, out);
        }
        Ok(())
    }
}

/// Appends the value that a field has in another message.
pub(crate) fn copy(
    view: &View<'_>,
    dialect: &Dialect,
    number: u8,
    target: Target<'_>,
    out: &mut Output<'_>,
) -> Result<(), Refusal> {
    let way = if core::ptr::eq(view.dialect(), dialect) {
        Way::Same
    } else {
        match (view.dialect().field(number), dialect.field(number)) {
            (Some(from), Some(to)) => Way::between(from, to),
            _ => Way::None,
        }
    };
    let (Some(from), Some(range)) = (view.dialect().step(number), view.element_range(number))
    else {
        return Err((0, Kind::NotInView));
    };
    let lane = Lane {
        way,
        from: *from,
        to: *target.step,
        together: 0,
    };
    let tail = view.bytes().get(range.start..).unwrap_or_default();
    lane.carry(tail, range.len(), out)
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
