//! From text to wire: strict, straight into the output.
//!
//! What fits is written at once, checked by words. What does not fit is looked at again, slowly, to say why.

use crate::charset::Charset;
use crate::check::Check;
use crate::dialect::Dialect;
use crate::error::EncodeErrorKind as Kind;
use crate::field::{CodePage, Content, Encoding, PadSide};
use crate::output::Output;
use crate::plan::{Prefix, Shape, Step};
use crate::swar::{self, Spelling};

/// A value cannot be written: where in its text, and why.
pub(crate) type Refusal = (usize, Kind);

/// A field that a value is written for.
#[derive(Clone, Copy)]
pub(crate) struct Target<'d> {
    pub(crate) step: &'d Step,
}

impl<'d> Target<'d> {
    #[inline]
    pub(crate) fn of(dialect: &'d Dialect, number: u8) -> Option<Target<'d>> {
        dialect.step(number).map(|step| Target { step })
    }

    /// Room for a value of so many units, behind its length prefix, which is written. The caller has checked that the
    /// field allows them.
    #[inline(always)]
    pub(crate) fn room<'o>(&self, units: usize, out: &'o mut Output<'_>) -> &'o mut [u8] {
        if self.step.prefix == Prefix::None {
            return out.room(usize::from(self.step.length));
        }
        let place = out.room(self.step.prefix_length() + self.step.wire_length(units));
        self.behind_prefix(units, place)
    }

    /// Where the value goes, behind its length prefix, which is written.
    #[inline(always)]
    pub(crate) fn behind_prefix<'p>(&self, units: usize, place: &'p mut [u8]) -> &'p mut [u8] {
        let prefix = self.step.prefix_length();
        let (prefix, value) = place.split_at_mut_checked(prefix).unwrap_or_default();
        set_prefix(self.step.prefix, self.step.announced(units), prefix);
        value
    }

    /// Why a value of so many units is of the wrong length.
    #[cold]
    pub(crate) fn length_refusal(&self, units: usize) -> Refusal {
        let limit = usize::from(self.step.units);
        if units <= limit && self.step.even_only && !units.is_multiple_of(2) {
            return (0, Kind::LengthOdd { length: units });
        }
        (
            0,
            match self.step.prefix {
                Prefix::None => Kind::LengthWrong {
                    length: units,
                    expected: limit,
                },
                _ => Kind::LengthTooLong {
                    length: units,
                    max: limit,
                },
            },
        )
    }
}

#[inline(always)]
fn set_prefix(prefix: Prefix, units: usize, place: &mut [u8]) {
    // 32 bits are divided by a constant in less than 64. Each prefix works out the digits it has, and no more.
    let units = units as u32;
    let pair = || [units / 10 % 10, units % 10].map(|digit| digit as u8);
    let hundreds = || (units / 100 % 10) as u8;
    let thousands = || (units / 1000 % 10) as u8;
    match (prefix, place) {
        (Prefix::Ascii1, [a]) => *a = b'0' | pair()[1],
        (Prefix::Ascii2, rest) => set_digits(rest, b'0', pair()),
        (Prefix::Ascii3, [a, rest @ ..]) => {
            *a = b'0' | hundreds();
            set_digits(rest, b'0', pair());
        }
        (Prefix::Ascii4, [a, b, rest @ ..]) => {
            (*a, *b) = (b'0' | thousands(), b'0' | hundreds());
            set_digits(rest, b'0', pair());
        }
        (Prefix::Ebcdic1, [a]) => *a = 0xF0 | pair()[1],
        (Prefix::Ebcdic2, rest) => set_digits(rest, 0xF0, pair()),
        (Prefix::Ebcdic3, [a, rest @ ..]) => {
            *a = 0xF0 | hundreds();
            set_digits(rest, 0xF0, pair());
        }
        (Prefix::Ebcdic4, [a, b, rest @ ..]) => {
            (*a, *b) = (0xF0 | thousands(), 0xF0 | hundreds());
            set_digits(rest, 0xF0, pair());
        }
        (Prefix::Bcd2, [a]) => *a = packed(pair()),
        (Prefix::Bcd3, [a, b]) => {
            (*a, *b) = (thousands() << 4 | hundreds(), packed(pair()));
        }
        (Prefix::Binary1, [a]) => *a = units as u8,
        (Prefix::Binary2, place) => swar::copy(&(units as u16).to_be_bytes(), place),
        (Prefix::Ascii5 | Prefix::Ascii6, place) => set_long(place, units, b'0'),
        (Prefix::Ebcdic5 | Prefix::Ebcdic6, place) => set_long(place, units, 0xF0),
        (Prefix::Bcd5, place) => {
            let mut rest = units;
            for byte in place.iter_mut().rev() {
                *byte = packed([rest / 10 % 10, rest % 10].map(|digit| digit as u8));
                rest /= 100;
            }
        }
        _ => {}
    }
}

/// A number with leading zeros.
fn set_long(place: &mut [u8], number: u32, zero: u8) {
    let mut rest = number;
    for byte in place.iter_mut().rev() {
        *byte = zero | (rest % 10) as u8;
        rest /= 10;
    }
}

#[inline(always)]
fn set_digits(place: &mut [u8], zero: u8, [tens, ones]: [u8; 2]) {
    if let [a, b] = place {
        (*a, *b) = (zero | tens, zero | ones);
    }
}

#[inline(always)]
fn packed([tens, ones]: [u8; 2]) -> u8 {
    tens << 4 | ones
}

/// Appends a value given as text, with its length prefix. Nothing is appended if it is refused.
#[inline]
pub(crate) fn put_text(
    target: Target<'_>,
    value: &str,
    out: &mut Output<'_>,
) -> Result<(), Refusal> {
    let text = value.as_bytes();
    let step = target.step;
    let mut length = text.len();
    let written = match target.step.encoding {
        Encoding::Ascii => {
            step.allows(length) && is_ascii_value(step, text) && {
                swar::copy(text, target.room(length, out));
                true
            }
        }
        Encoding::Bcd => {
            let check = if step.check == Check::PackedTrack {
                Check::AsciiTrack
            } else {
                Check::AsciiDigits
            };
            step.allows(length) && check.holds(text) && {
                pack(step, text, target.room(length, out));
                true
            }
        }
        Encoding::Ebcdic(page) => return put_ebcdic(target, page, value, out),
        Encoding::Raw | Encoding::HexText => {
            if target.step.encoding == Encoding::Raw || step.prefix == Prefix::None {
                length /= 2;
            }
            text.len().is_multiple_of(2) && step.allows(length) && Check::Hex.holds(text) && {
                let place = target.room(length, out);
                if target.step.encoding == Encoding::Raw {
                    swar::pack(text, place);
                } else {
                    place.copy_from_slice(text);
                    place.make_ascii_uppercase();
                }
                true
            }
        }
    };
    if written {
        Ok(())
    } else {
        refuse_or_fill(target, value, out)
    }
}

/// The most bytes of UTF-8 in a value that fills a field of at most 999 characters.
const FILLED_BYTES_MAX: usize = 2048;

/// A value that does not fit: it may be one that the field's fill makes up for.
#[cold]
fn refuse_or_fill(target: Target<'_>, value: &str, out: &mut Output<'_>) -> Result<(), Refusal> {
    let units = value.chars().count();
    let missing = usize::from(target.step.units).saturating_sub(units);
    let Some(fill) = target
        .step
        .fill
        .filter(|_| target.step.prefix == Prefix::None && missing > 0)
    else {
        return Err(refusal(target, value));
    };
    let mut filled = [fill.with; FILLED_BYTES_MAX];
    let length = value.len() + missing;
    let start = match fill.side {
        PadSide::Left => missing,
        PadSide::Right => 0,
    };
    let whole = filled.get_mut(..length).and_then(|whole| {
        whole
            .get_mut(start..start + value.len())?
            .copy_from_slice(value.as_bytes());
        core::str::from_utf8(whole).ok()
    });
    let Some(whole) = whole else {
        return Err(target.length_refusal(units));
    };
    // It has the exact length now. What is wrong with it is wrong in the value, which begins behind a fill on the left.
    put_text(target, whole, out).map_err(|(offset, kind)| match fill.side {
        PadSide::Left => (offset.saturating_sub(missing), kind),
        PadSide::Right => (offset, kind),
    })
}

/// Appends the bytes of a `b` field, with its length prefix. Lengths in a refusal count hex characters, as for text.
pub(crate) fn put_bytes(
    target: Target<'_>,
    value: &[u8],
    out: &mut Output<'_>,
) -> Result<(), Refusal> {
    let units = match (target.step.encoding, target.step.prefix) {
        (Encoding::Raw, _) | (Encoding::HexText, Prefix::None) => value.len(),
        (Encoding::HexText, _) => value.len() * 2,
        (Encoding::Ascii | Encoding::Ebcdic(_) | Encoding::Bcd, _) => {
            return Err((0, Kind::NotBinary));
        }
    };
    if !target.step.allows(units) {
        return Err(match target.length_refusal(units) {
            (offset, Kind::LengthWrong { length, expected }) => (
                offset,
                Kind::LengthWrong {
                    length: length * 2,
                    expected: expected * 2,
                },
            ),
            refusal => refusal,
        });
    }
    let place = target.room(units, out);
    match target.step.encoding {
        Encoding::Raw => swar::copy(value, place),
        _ => swar::unpack(value, place, Spelling::Hex),
    }
    Ok(())
}

/// Digits (and track separators) two a byte, with a filler where their count is odd.
#[inline]
pub(crate) fn pack(step: &Step, text: &[u8], place: &mut [u8]) {
    if text.len().is_multiple_of(2) {
        swar::pack(text, place);
    } else if step.shape == Shape::PackedFillerFirst {
        if let (Some((digit, rest)), Some((byte, place))) =
            (text.split_first(), place.split_first_mut())
        {
            *byte = step.filler << 4 | swar::pack_one(*digit);
            swar::pack(rest, place);
        }
    } else if let (Some((digit, rest)), Some((byte, place))) =
        (text.split_last(), place.split_last_mut())
    {
        *byte = swar::pack_one(*digit) << 4 | step.filler;
        swar::pack(rest, place);
    }
}

/// As [`pack`] for the first `length` characters of `tail`; what stands behind them, and behind their place, may be read
/// and written.
#[inline(always)]
pub(crate) fn pack_loosely(step: &Step, tail: &[u8], length: usize, place: &mut [u8]) {
    if length.is_multiple_of(2) {
        swar::pack_loosely(tail, length, place);
    } else if step.shape == Shape::PackedFillerFirst {
        if let (Some((digit, rest)), Some((byte, place))) =
            (tail.split_first(), place.split_first_mut())
        {
            *byte = step.filler << 4 | swar::pack_one(*digit);
            swar::pack_loosely(rest, length - 1, place);
        }
    } else {
        swar::pack_loosely(tail, length - 1, place);
        if let (Some(digit), Some(byte)) = (tail.get(length - 1), place.get_mut(length / 2)) {
            *byte = swar::pack_one(*digit) << 4 | step.filler;
        }
    }
}

/// Is it what the field may hold, in ASCII?
#[inline]
fn is_ascii_value(step: &Step, text: &[u8]) -> bool {
    match (step.shape, text) {
        (Shape::SignedAscii, [sign, digits @ ..]) => {
            matches!(sign, b'C' | b'D') && step.check.holds(digits)
        }
        _ => step.check.holds(text),
    }
}

fn put_ebcdic(
    target: Target<'_>,
    page: CodePage,
    value: &str,
    out: &mut Output<'_>,
) -> Result<(), Refusal> {
    let units = if value.is_ascii() {
        value.len()
    } else {
        value.chars().count()
    };
    if !target.step.allows(units) {
        return refuse_or_fill(target, value, out);
    }
    let length = out.length();
    let place = target.room(units, out);
    let plain = target.step.check == Check::EbcdicDigits && target.step.shape == Shape::Bytes;
    if plain && Check::AsciiDigits.holds(value.as_bytes()) {
        // By far most values: digits differ in two bits, no table is needed.
        for (byte, digit) in place.iter_mut().zip(value.as_bytes()) {
            *byte = digit ^ 0xC0;
        }
        return Ok(());
    }
    if value.is_ascii() {
        swar::translate(value.as_bytes(), place, page.of_latin1());
    } else {
        for (byte, character) in place.iter_mut().zip(value.chars()) {
            // What the character set lacks becomes a control character, which no class allows.
            *byte = Charset::Ebcdic(page).byte_of(character).unwrap_or(0);
        }
    }
    let fits = match (target.step.shape, &*place) {
        (Shape::SignedEbcdic, [sign, digits @ ..]) => {
            Charset::Ebcdic(page).is_sign(*sign) && target.step.check.holds(digits)
        }
        (_, place) => target.step.check.holds(place),
    };
    if fits {
        return Ok(());
    }
    out.rewind(length);
    Err(refusal(target, value))
}

/// Why the text was refused: its length first, then its first wrong character.
#[cold]
fn refusal(target: Target<'_>, value: &str) -> Refusal {
    let step = target.step;
    if step.content == Content::B {
        return hex_refusal(target, value);
    }
    let units = value.chars().count();
    if !target.step.allows(units) {
        return target.length_refusal(units);
    }
    let charset = match step.encoding {
        Encoding::Ebcdic(page) => Charset::Ebcdic(page),
        _ => Charset::Ascii,
    };
    for (count, (place, character)) in value.char_indices().enumerate() {
        let sign = step.content == Content::SignedN && count == 0;
        let fits = charset.byte_of(character).is_some_and(|byte| match sign {
            true => charset.is_sign(byte),
            false => charset.allows(step.content, byte),
        });
        if !fits {
            let kind = match step.content {
                _ if sign => Kind::NotSign(character),
                Content::N | Content::SignedN => Kind::NotDigit(character),
                Content::Z => Kind::NotTrack(character),
                Content::A | Content::An | Content::Ans | Content::Ns | Content::B => {
                    Kind::NotText(character)
                }
            };
            return (place, kind);
        }
    }
    debug_assert!(false, "a value was refused without reason");
    (0, Kind::NotCarried)
}

#[cold]
fn hex_refusal(target: Target<'_>, value: &str) -> Refusal {
    if let Some((place, character)) = value
        .char_indices()
        .find(|(_, character)| !character.is_ascii_hexdigit())
    {
        return (place, Kind::NotHex(character));
    }
    let length = value.len();
    match (target.step.prefix, target.step.encoding) {
        (Prefix::None, _) => (
            0,
            Kind::LengthWrong {
                length,
                expected: usize::from(target.step.units) * 2,
            },
        ),
        _ if !length.is_multiple_of(2) => (0, Kind::LengthOdd { length }),
        (_, Encoding::HexText) => target.length_refusal(length),
        _ => target.length_refusal(length / 2),
    }
}
