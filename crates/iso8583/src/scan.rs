//! Reading a message fast: steps over the fields of the bitmap, checking whole runs of bytes at once.
//!
//! The idea, in five lines:
//! ```text
//! for each announced field, lowest bit first:
//!     note where it begins
//!     if its bytes must pass another check than the run before it: check that run, begin a new one here
//!     step over it: by its fixed length, or by its prefix
//! check the last run; it must end where the message ends
//! ```
//! Neighbours of one kind, as the digits of fields 2 to 25 are, cost one check for all of them. Bounds are checked with
//! the run: a run that ends behind the message does not exist. Whatever is wrong, the answer is only that something is;
//! [`crate::decode`] then says what, and owns the definition of right and wrong.

use crate::charset;
use crate::check::Check;
use crate::dialect::{Dialect, MESSAGE_BYTES_MAX};
use crate::field::{BitmapEncoding, TertiaryBitmap, TextEncoding};
use crate::field_set::FieldSet;
use crate::mti::Mti;
use crate::places::Places;
use crate::plan::{Prefix, Shape, Step};
use crate::swar;

/// What reading a message gives, next to the offsets.
pub(crate) struct Scanned {
    pub(crate) mti: Mti,
    pub(crate) fields: FieldSet,
}

/// How much is checked.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Depth {
    /// Lengths and bitmaps.
    Structure,
    /// Every byte.
    All,
}

/// Reads the message and notes the place of each field. `None`: something is wrong with it, or it is one that only the
/// careful decoder reads: with very many fields above 64, or a third bitmap among them.
#[inline(always)]
pub(crate) fn scan(
    dialect: &Dialect,
    bytes: &[u8],
    places: &mut Places,
    depth: Depth,
) -> Option<Scanned> {
    if bytes.len() > MESSAGE_BYTES_MAX {
        return None;
    }
    let head = bytes.get(dialect.header_end(bytes)?..)?;
    let (mti, body) = scan_mti(dialect.mti, head)?;
    let (primary, body) = scan_bitmap(dialect.bitmap, body)?;
    let (secondary, body) = if primary & 1 == 0 {
        (0, body)
    } else if dialect.secondary_bitmap {
        scan_bitmap(dialect.bitmap, body)?
    } else {
        return None;
    };
    let (tertiary, body) = if secondary & 1 == 0 {
        (0, body)
    } else if dialect.tertiary_bitmap == TertiaryBitmap::Contiguous {
        scan_bitmap(dialect.bitmap, body)?
    } else {
        return None;
    };
    let fields = FieldSet::from_words([primary & !1, secondary & !1, tertiary]);
    if !fields.difference(dialect.scannable).is_empty() {
        return None;
    }
    let offset = bytes.len() - body.len();
    let mut run = Run {
        bytes,
        check: Check::Nothing,
        start: offset,
        depth,
    };
    let [low, middle, high] = fields.words();
    let (mut offset, _) = run.walk(dialect, places.lower(), 0, low, (offset, None))?;
    places.end_lower(offset);
    if middle | high != 0 {
        let at = (offset, Some(0));
        let at = run.walk(dialect, places.upper(), 64, middle, at)?;
        let (end, rank) = run.walk(dialect, places.upper(), 128, high, at)?;
        places.end_upper(rank?, end);
        offset = end;
    }
    run.close(offset)?;
    (offset == bytes.len()).then_some(Scanned { mti, fields })
}

/// Bytes up to some offset that have yet to pass a check.
struct Run<'a> {
    bytes: &'a [u8],
    check: Check,
    start: usize,
    depth: Depth,
}

impl Run<'_> {
    /// Steps over the fields of one bitmap, which begins with field `base` + 1. Notes where each begins: by its number, or
    /// by its rank if there is one. Gives the offset and rank behind the last.
    #[inline(always)]
    fn walk<const PLACES: usize>(
        &mut self,
        dialect: &Dialect,
        places: &mut [u16; PLACES],
        base: usize,
        bitmap: u64,
        at: (usize, Option<usize>),
    ) -> Option<(usize, Option<usize>)> {
        let (mut offset, mut rank) = at;
        let mut rest = bitmap;
        while rest != 0 {
            let bit = rest.trailing_zeros() as usize;
            let number = base + bit + 1;
            rest &= rest - 1;
            *places.get_mut(rank.unwrap_or(bit))? = offset as u16;
            rank = rank.map(|rank| rank + 1);
            let step = dialect.steps.get(number)?;
            if step.plain {
                self.turn(step.check, offset)?;
                offset += usize::from(step.length);
            } else if step.prefix == Prefix::None {
                offset = self.fixed(step, offset)?;
            } else {
                offset = self.variable(step, offset)?;
            }
        }
        Some((offset, rank))
    }

    /// Checks what has gathered up to `end`.
    #[inline(always)]
    fn close(&self, end: usize) -> Option<()> {
        match self.depth {
            Depth::Structure => Some(()),
            Depth::All => self
                .check
                .holds(self.bytes.get(self.start..end)?)
                .then_some(()),
        }
    }

    /// The bytes from `offset` on are held to this check.
    #[inline(always)]
    fn turn(&mut self, check: Check, offset: usize) -> Option<()> {
        if self.depth == Depth::All && check != self.check {
            self.close(offset)?;
            (self.check, self.start) = (check, offset);
        }
        Some(())
    }

    /// Steps over a fixed field with special bytes.
    #[inline]
    fn fixed(&mut self, step: &Step, offset: usize) -> Option<usize> {
        let end = offset + usize::from(step.length);
        self.turn(step.check, offset)?;
        if self.depth == Depth::Structure {
            return Some(end);
        }
        match step.shape {
            Shape::Bytes | Shape::PackedEven | Shape::Hex => {}
            Shape::PackedFillerFirst => no_filler(self.bytes.get(offset)? >> 4)?,
            Shape::PackedFillerLast => no_filler(self.bytes.get(end.checked_sub(1)?)? & 0x0F)?,
            Shape::SignedAscii | Shape::SignedEbcdic => {
                // The digits before the sign are one run, those behind it another.
                self.close(offset)?;
                self.start = offset + 1;
                let sign = *self.bytes.get(offset)?;
                let base = if step.shape == Shape::SignedAscii {
                    b'C'
                } else {
                    0xC3
                };
                // C and D are neighbours in both character sets.
                if sign.wrapping_sub(base) > 1 {
                    return None;
                }
            }
        }
        Some(end)
    }

    /// Steps over a variable field.
    #[inline(always)]
    fn variable(&mut self, step: &Step, offset: usize) -> Option<usize> {
        let (length, value) = read_prefix(step.prefix, self.bytes, offset)?;
        if length > usize::from(step.length) {
            return None;
        }
        let end = match step.shape {
            Shape::PackedFillerFirst | Shape::PackedFillerLast | Shape::PackedEven => {
                let end = value + length.div_ceil(2);
                if length % 2 == 1 && self.depth == Depth::All {
                    let filler = match step.shape {
                        Shape::PackedFillerFirst => self.bytes.get(value)? >> 4,
                        _ => self.bytes.get(end.checked_sub(1)?)? & 0x0F,
                    };
                    no_filler(filler)?;
                }
                end
            }
            Shape::Hex if length % 2 == 1 => return None,
            Shape::Hex | Shape::Bytes | Shape::SignedAscii | Shape::SignedEbcdic => value + length,
        };
        if self.depth == Depth::All && (step.check != self.check || !step.prefix_passes) {
            self.close(offset)?;
            (self.check, self.start) = (step.check, value);
        }
        Some(end)
    }
}

/// A filler nibble must be 0.
#[inline(always)]
fn no_filler(nibble: u8) -> Option<()> {
    (nibble == 0).then_some(())
}

/// The length a prefix says, and where the value begins.
#[inline(always)]
pub(crate) fn read_prefix(prefix: Prefix, bytes: &[u8], offset: usize) -> Option<(usize, usize)> {
    let rest = bytes.get(offset..)?;
    let characters = |digits: &[u8], zero: u8| {
        digits.iter().try_fold(0, |length, byte| {
            let digit = byte.wrapping_sub(zero);
            (digit <= 9).then_some(length * 10 + usize::from(digit))
        })
    };
    let packed = |byte: u8| {
        let wrong = byte & (byte << 1 | byte << 2) & 0x88;
        (wrong == 0).then_some(usize::from(byte >> 4) * 10 + usize::from(byte & 0x0F))
    };
    match prefix {
        Prefix::None => Some((0, offset)),
        Prefix::Ascii1 => Some((characters(rest.first_chunk::<1>()?, b'0')?, offset + 1)),
        Prefix::Ascii4 => Some((characters(rest.first_chunk::<4>()?, b'0')?, offset + 4)),
        Prefix::Ebcdic1 => Some((characters(rest.first_chunk::<1>()?, 0xF0)?, offset + 1)),
        Prefix::Ebcdic4 => Some((characters(rest.first_chunk::<4>()?, 0xF0)?, offset + 4)),
        Prefix::Binary1 => Some((usize::from(*rest.first()?), offset + 1)),
        Prefix::Binary2 => {
            let length = u16::from_be_bytes(*rest.first_chunk()?);
            Some((usize::from(length), offset + 2))
        }
        Prefix::Ascii2 => Some((characters(rest.first_chunk::<2>()?, b'0')?, offset + 2)),
        Prefix::Ascii3 => Some((characters(rest.first_chunk::<3>()?, b'0')?, offset + 3)),
        Prefix::Ebcdic2 => Some((characters(rest.first_chunk::<2>()?, 0xF0)?, offset + 2)),
        Prefix::Ebcdic3 => Some((characters(rest.first_chunk::<3>()?, 0xF0)?, offset + 3)),
        Prefix::Bcd2 => Some((packed(*rest.first()?)?, offset + 1)),
        Prefix::Ascii5 => Some((characters(rest.first_chunk::<5>()?, b'0')?, offset + 5)),
        Prefix::Ascii6 => Some((characters(rest.first_chunk::<6>()?, b'0')?, offset + 6)),
        Prefix::Ebcdic5 => Some((characters(rest.first_chunk::<5>()?, 0xF0)?, offset + 5)),
        Prefix::Ebcdic6 => Some((characters(rest.first_chunk::<6>()?, 0xF0)?, offset + 6)),
        Prefix::Bcd5 => {
            let [high, middle, low] = rest.first_chunk::<3>()?;
            let length = packed(*high)? * 10_000 + packed(*middle)? * 100 + packed(*low)?;
            Some((length, offset + 3))
        }
        Prefix::Bcd3 => {
            let [high, low] = rest.first_chunk::<2>()?;
            Some((packed(*high)? * 100 + packed(*low)?, offset + 2))
        }
    }
}

#[inline(always)]
fn scan_mti(encoding: TextEncoding, head: &[u8]) -> Option<(Mti, &[u8])> {
    match encoding {
        TextEncoding::Ascii => {
            let (digits, body) = head.split_first_chunk::<4>()?;
            Some((Mti::parse_digits(digits)?, body))
        }
        TextEncoding::Ebcdic => {
            let (digits, body) = head.split_first_chunk::<4>()?;
            // 0xF0 is the digit 0 in EBCDIC, 0x30 in ASCII.
            Some((Mti::parse_digits(&digits.map(|digit| digit ^ 0xC0))?, body))
        }
        TextEncoding::Bcd => {
            let ([high, low], body) = head.split_first_chunk::<2>()?;
            let nibbles = [high >> 4, high & 0x0F, low >> 4, low & 0x0F];
            Some((
                Mti::parse_digits(&nibbles.map(|nibble| b'0' + nibble))?,
                body,
            ))
        }
    }
}

/// A bitmap with bit n−1 for the n-th field, and what follows it.
#[inline(always)]
fn scan_bitmap(encoding: BitmapEncoding, body: &[u8]) -> Option<(u64, &[u8])> {
    match encoding {
        BitmapEncoding::Binary => {
            let (bitmap, rest) = body.split_first_chunk::<8>()?;
            Some((u64::from_be_bytes(*bitmap).reverse_bits(), rest))
        }
        BitmapEncoding::HexText => {
            let (text, rest) = body.split_first_chunk::<16>()?;
            if !Check::Hex.holds(text) {
                return None;
            }
            let ([high, low], _) = text.as_chunks::<8>() else {
                return None;
            };
            let bits = u64::from(swar::hex_to_u32(high)) << 32 | u64::from(swar::hex_to_u32(low));
            Some((bits.reverse_bits(), rest))
        }
        BitmapEncoding::EbcdicHex => {
            let (text, rest) = body.split_first_chunk::<16>()?;
            let bits = text.iter().try_fold(0_u64, |bits, byte| {
                Some(bits << 4 | u64::from(charset::ebcdic_hex_value(*byte)?))
            })?;
            Some((bits.reverse_bits(), rest))
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::BytesMut;

    use super::*;
    use crate::build::Builder;
    use crate::decode;
    use crate::field::{Content, Encoding, Field, Length};
    use crate::places::UPPER_KEPT;
    use crate::view::View;

    /// Bytes at the edges of the classes, in either character set and packed.
    const EDGES: [u8; 40] = [
        0x00, 0x09, 0x0A, 0x0D, 0x0F, 0x10, 0x1A, 0x1F, 0x20, 0x29, 0x2F, 0x30, 0x39, 0x3A, 0x3D,
        0x3F, 0x40, 0x41, 0x44, 0x46, 0x47, 0x5A, 0x61, 0x67, 0x7E, 0x7F, 0x80, 0x90, 0x99, 0x9A,
        0xA0, 0xC1, 0xC3, 0xC4, 0xD0, 0xE1, 0xF0, 0xF9, 0xFA, 0xFF,
    ];

    /// A value of so many units.
    fn value(field: &Field, units: usize) -> String {
        match field.content {
            Content::B
                if field.encoding == Encoding::HexText
                    && matches!(field.length, Length::Variable { .. }) =>
            {
                "aF".repeat(units / 2)
            }
            Content::B => "5d".repeat(units),
            Content::SignedN => format!("C{}", "7".repeat(units - 1)),
            Content::Z => "12=4D".chars().cycle().take(units).collect(),
            Content::N => "9072".chars().cycle().take(units).collect(),
            Content::A => "aZ ".chars().cycle().take(units).collect(),
            Content::An => "a Z9".chars().cycle().take(units).collect(),
            Content::Ans | Content::Ns => "~ !a".chars().cycle().take(units).collect(),
        }
    }

    /// A message with these fields; variable ones have so many units, if they may.
    fn message(dialect: &Dialect, fields: &[&Field], units: usize) -> BytesMut {
        let mut out = BytesMut::new();
        let mut builder = Builder::new(dialect, &mut out, Mti::literal(b"0200"));
        for field in fields {
            let units = match field.length {
                Length::Fixed(length) => usize::from(length),
                Length::Variable { max, .. } => units.min(usize::from(max)),
            };
            builder.text(field.number, &value(field, units)).unwrap();
        }
        builder.finish().unwrap();
        out
    }

    /// What is refused here for no reason would still be read, but slowly: nobody would notice but the clock.
    fn agrees(dialect: &Dialect, bytes: &[u8]) {
        let (careful, error) = decode::decode(dialect, bytes);
        let mut view = View::empty(dialect, bytes);
        let scanned = view.scan(Depth::All);
        let [_, middle, high] = careful.fields().words();
        let upper = (middle.count_ones() + high.count_ones()) as usize;
        assert_eq!(
            scanned,
            error.is_none() && upper <= UPPER_KEPT,
            "{}: {error:?} {bytes:02X?}",
            dialect.name()
        );
        if let (true, Some(careful)) = (scanned, careful.view()) {
            assert_eq!(
                (view.mti(), view.fields()),
                (careful.mti(), careful.fields())
            );
            for number in view.fields().iter() {
                assert_eq!(view.element_range(number), careful.element_range(number));
            }
        }
    }

    #[test]
    fn it_agrees_with_the_careful_decoder() {
        for name in Dialect::builtin_names().iter().chain(Dialect::pack_names()) {
            let dialect = Dialect::builtin(name).unwrap();
            let fields: Vec<&Field> = dialect.fields().collect();
            for field in &fields {
                for units in [0, 1, 2, 3, 999] {
                    agrees(&dialect, &message(&dialect, &[*field], units));
                }
            }
            agrees(&dialect, &message(&dialect, &fields, 7));
            for some in fields.chunks(9) {
                let mut bytes = message(&dialect, some, 5);
                for place in 0..bytes.len() {
                    let original = bytes[place];
                    for byte in EDGES {
                        bytes[place] = byte;
                        agrees(&dialect, &bytes);
                    }
                    bytes[place] = original;
                    agrees(&dialect, &bytes[..place]);
                }
            }
        }
    }
}
