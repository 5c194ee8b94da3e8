//! What a dialect says about one field: content, encoding, length, padding, sensitivity.

use core::fmt;

/// One field of a dialect, as the dialect's table defines it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Field {
    /// The field's number, 2..=128.
    pub number: u8,
    /// What the standard (or the dialect) calls it.
    pub name: Box<str>,
    /// Which characters its value may hold.
    pub content: Content,
    /// How the value is written on the wire.
    pub encoding: Encoding,
    /// How long it is, and how a variable length is announced.
    pub length: Length,
    /// Where the filler nibble of an odd count of packed digits stands.
    pub pad: PadSide,
    /// Whether explanations and logs must hide it.
    pub sensitive: Sensitive,
}

impl Field {
    /// Do both fields have the same form on the wire, so that an element can be copied as it is?
    #[must_use]
    pub fn same_wire(&self, other: &Field) -> bool {
        self.content == other.content
            && self.encoding == other.encoding
            && self.length == other.length
            && (self.encoding != Encoding::Bcd || self.pad == other.pad || !self.may_have_filler())
    }

    /// May an odd count of packed digits need a filler nibble?
    fn may_have_filler(&self) -> bool {
        match self.length {
            Length::Fixed(units) => !units.is_multiple_of(2),
            Length::Variable { .. } => true,
        }
    }

    /// Bytes of the length prefix; 0 for a fixed field.
    #[must_use]
    pub fn prefix_length(&self) -> usize {
        match self.length {
            Length::Fixed(_) => 0,
            Length::Variable { digits, prefix, .. } => prefix.bytes(digits),
        }
    }

    /// Bytes on the wire of a value of `units` (digits if packed, bytes for a fixed `b` field, else characters).
    #[must_use]
    pub fn wire_length(&self, units: usize) -> usize {
        match (self.encoding, self.length) {
            (Encoding::Bcd, _) => units.div_ceil(2),
            (Encoding::HexText, Length::Fixed(_)) => units * 2,
            _ => units,
        }
    }

    /// The type as the standard writes it: `n6`, `an..25`, `ans...999`, `x+n8`.
    #[must_use]
    pub fn type_text(&self) -> String {
        let content = self.content;
        match self.length {
            // The standard counts the digits of an x+n amount; on the wire its sign is one more.
            Length::Fixed(length) if content == Content::SignedN => {
                format!("{content}{}", length.saturating_sub(1))
            }
            Length::Fixed(length) => format!("{content}{length}"),
            Length::Variable { digits: 2, max, .. } => format!("{content}..{max}"),
            Length::Variable { max, .. } => format!("{content}...{max}"),
        }
    }
}

/// The content classes of ISO 8583-1:1987 chapter 4.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Content {
    /// Letters and space.
    A,
    /// Digits.
    N,
    /// Letters, digits and space.
    An,
    /// Printable characters.
    Ans,
    /// Digits and special characters: held to what is printable.
    Ns,
    /// `x+n`: the sign letter `C` or `D`, then digits.
    SignedN,
    /// Track 2 and track 3: digits and the separator (`=` or `D`).
    Z,
    /// Bytes.
    B,
}

impl fmt::Display for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Content::A => "a",
            Content::N => "n",
            Content::An => "an",
            Content::Ans => "ans",
            Content::Ns => "ns",
            Content::SignedN => "x+n",
            Content::Z => "z",
            Content::B => "b",
        })
    }
}

/// How a value is written on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Encoding {
    /// One ASCII character a byte.
    Ascii,
    /// One character a byte in EBCDIC code page 500.
    Ebcdic500,
    /// Two digits a byte; the track separator is nibble `D`.
    Bcd,
    /// The bytes themselves (`b` fields).
    Raw,
    /// Two hex characters a byte (`b` fields of printable dialects).
    HexText,
}

impl fmt::Display for Encoding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Encoding::Ascii => "ascii",
            Encoding::Ebcdic500 => "ebcdic",
            Encoding::Bcd => "bcd",
            Encoding::Raw => "raw",
            Encoding::HexText => "hex",
        })
    }
}

/// The length of a field. It counts digits when packed, characters on the wire for variable hex text, else bytes; a
/// fixed `b` field counts its bytes whatever the encoding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Length {
    /// Always this many.
    Fixed(u16),
    /// Announced by a length prefix.
    Variable {
        /// Digits of the prefix: 2 (LL) or 3 (LLL).
        digits: u8,
        /// How the prefix is written.
        prefix: PrefixEncoding,
        /// The longest value allowed.
        max: u16,
    },
}

/// How a length prefix is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PrefixEncoding {
    /// ASCII digits.
    Ascii,
    /// EBCDIC digits.
    Ebcdic500,
    /// Packed digits, right-aligned: LL is one byte, LLL two.
    Bcd,
}

impl PrefixEncoding {
    /// Bytes of a prefix with so many digits.
    #[must_use]
    pub const fn bytes(self, digits: u8) -> usize {
        match self {
            PrefixEncoding::Ascii | PrefixEncoding::Ebcdic500 => digits as usize,
            PrefixEncoding::Bcd => (digits as usize).div_ceil(2),
        }
    }
}

impl fmt::Display for PrefixEncoding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            PrefixEncoding::Ascii => "ascii",
            PrefixEncoding::Ebcdic500 => "ebcdic",
            PrefixEncoding::Bcd => "bcd",
        })
    }
}

/// The side of the filler nibble (always 0) when an odd count of digits is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PadSide {
    /// Before the digits: `0123` for 123.
    Left,
    /// After the digits: `1230` for 123.
    Right,
}

/// What must be hidden when a message is shown to people.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Sensitive {
    /// Nothing.
    No,
    /// A card number: first six and last four digits may be shown.
    Pan,
    /// Track data: only its PAN, masked.
    Track,
    /// PIN data: nothing of it.
    Pin,
    /// Secret as a whole (keys, security codes): nothing of it.
    Secret,
    /// EMV data: the tags that hold card data are masked.
    Icc,
    /// Free text: digit runs that look like a card number are masked.
    FreeText,
}

/// How the MTI is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TextEncoding {
    /// Four ASCII digits.
    Ascii,
    /// Four EBCDIC digits.
    Ebcdic500,
    /// Two packed bytes.
    Bcd,
}

impl TextEncoding {
    /// Bytes of an MTI.
    #[must_use]
    pub const fn mti_length(self) -> usize {
        match self {
            TextEncoding::Ascii | TextEncoding::Ebcdic500 => 4,
            TextEncoding::Bcd => 2,
        }
    }
}

/// How bitmaps are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BitmapEncoding {
    /// 8 bytes each.
    Binary,
    /// 16 ASCII hex characters each; written in upper case, read in either.
    HexText,
}

impl BitmapEncoding {
    /// Bytes of one 64-bit bitmap.
    #[must_use]
    pub const fn length(self) -> usize {
        match self {
            BitmapEncoding::Binary => 8,
            BitmapEncoding::HexText => 16,
        }
    }
}

/// A set of field numbers 1..=128; bit n−1 stands for field n.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct FieldSet(u128);

impl FieldSet {
    /// No field.
    pub const EMPTY: FieldSet = FieldSet(0);

    /// The set whose bit n−1 stands for field n.
    #[must_use]
    pub const fn from_bits(bits: u128) -> FieldSet {
        FieldSet(bits)
    }

    /// The set of these fields; numbers outside 1..=128 are not taken.
    #[must_use]
    pub const fn of(numbers: &[u8]) -> FieldSet {
        let mut set = FieldSet::EMPTY;
        let mut rest = numbers;
        while let [first, tail @ ..] = rest {
            set = set.with(*first);
            rest = tail;
        }
        set
    }

    /// Bit n−1 stands for field n.
    #[must_use]
    pub const fn bits(self) -> u128 {
        self.0
    }

    const fn bit(number: u8) -> u128 {
        if number >= 1 && number <= 128 {
            1 << (number - 1)
        } else {
            0
        }
    }

    /// This set and the field.
    #[must_use]
    pub const fn with(self, number: u8) -> FieldSet {
        FieldSet(self.0 | FieldSet::bit(number))
    }

    /// This set without the field.
    #[must_use]
    pub const fn without(self, number: u8) -> FieldSet {
        FieldSet(self.0 & !FieldSet::bit(number))
    }

    /// Is the field in the set?
    #[must_use]
    #[inline]
    pub const fn contains(self, number: u8) -> bool {
        let (low, high) = self.halves();
        match number {
            1..=64 => low >> (number - 1) & 1 != 0,
            65..=128 => high >> (number - 65) & 1 != 0,
            _ => false,
        }
    }

    /// Adds a field; numbers outside 1..=128 are not taken.
    pub const fn insert(&mut self, number: u8) {
        self.0 |= FieldSet::bit(number);
    }

    /// Takes a field out.
    pub const fn remove(&mut self, number: u8) {
        self.0 &= !FieldSet::bit(number);
    }

    /// The fields in either set.
    #[must_use]
    pub const fn union(self, other: FieldSet) -> FieldSet {
        FieldSet(self.0 | other.0)
    }

    /// The fields in both sets.
    #[must_use]
    pub const fn intersection(self, other: FieldSet) -> FieldSet {
        FieldSet(self.0 & other.0)
    }

    /// The fields of this set that are not in the other.
    #[must_use]
    pub const fn difference(self, other: FieldSet) -> FieldSet {
        FieldSet(self.0 & !other.0)
    }

    /// No field at all?
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// How many fields.
    #[must_use]
    pub const fn len(self) -> usize {
        self.0.count_ones() as usize
    }

    /// The lowest field.
    #[must_use]
    pub const fn first(self) -> Option<u8> {
        if self.0 == 0 {
            None
        } else {
            Some(self.0.trailing_zeros() as u8 + 1)
        }
    }

    /// The highest field.
    #[must_use]
    pub const fn last(self) -> Option<u8> {
        if self.0 == 0 {
            None
        } else {
            Some(128 - self.0.leading_zeros() as u8)
        }
    }

    /// The lowest field above `number`.
    #[must_use]
    #[inline]
    pub const fn next_after(self, number: u8) -> Option<u8> {
        // In halves: 64 bits are one instruction where 128 are many.
        let (low, high) = self.halves();
        if number < 64 {
            let above = low & (u64::MAX << number);
            if above != 0 {
                return Some(above.trailing_zeros() as u8 + 1);
            }
            return if high == 0 {
                None
            } else {
                Some(high.trailing_zeros() as u8 + 65)
            };
        }
        if number >= 128 {
            return None;
        }
        let above = high & (u64::MAX << (number - 64));
        if above == 0 {
            None
        } else {
            Some(above.trailing_zeros() as u8 + 65)
        }
    }

    /// Fields 1 to 64, and fields 65 to 128.
    #[inline]
    pub(crate) const fn halves(self) -> (u64, u64) {
        (self.0 as u64, (self.0 >> 64) as u64)
    }

    /// The fields in ascending order.
    #[inline]
    pub fn iter(self) -> impl Iterator<Item = u8> {
        let mut after = 0;
        core::iter::from_fn(move || {
            after = self.next_after(after)?;
            Some(after)
        })
    }
}

impl FromIterator<u8> for FieldSet {
    fn from_iter<I: IntoIterator<Item = u8>>(numbers: I) -> Self {
        numbers.into_iter().fold(FieldSet::EMPTY, FieldSet::with)
    }
}

impl fmt::Debug for FieldSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_set_counts_from_one() {
        let set = FieldSet::of(&[2, 64, 65, 128, 0, 129]);
        assert_eq!(set.iter().collect::<Vec<_>>(), [2, 64, 65, 128]);
        assert_eq!(set.bits(), 1 << 1 | 1 << 63 | 1 << 64 | 1 << 127);
        assert_eq!(
            (set.first(), set.last(), set.len()),
            (Some(2), Some(128), 4)
        );
        assert_eq!(set.next_after(2), Some(64));
        assert_eq!(set.next_after(64), Some(65));
        assert_eq!(set.next_after(128), None);
        assert!(!set.contains(0) && !set.contains(129) && set.contains(128));
        assert_eq!(FieldSet::EMPTY.first(), None);
    }
}
