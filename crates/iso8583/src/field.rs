//! What a dialect says about one field: content, encoding, length, padding, sensitivity.

use core::fmt;

/// One field of a dialect, as the dialect's table defines it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Field {
    /// The field's number, 2..=192.
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
    /// What that nibble is.
    pub filler: Filler,
    /// What the length prefix of a variable field counts.
    pub counts: Counts,
    /// What a value that is shorter than its fixed field is filled with. `None`: values must be of the exact length.
    pub fill: Option<Fill>,
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
            && self.counts == other.counts
            && (self.encoding != Encoding::Bcd
                || (self.pad, self.filler) == (other.pad, other.filler)
                || !self.may_have_filler())
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

    /// What the length prefix says of a value of so many units.
    #[must_use]
    pub fn announced_length(&self, units: usize) -> usize {
        match self.counts {
            Counts::Value => units,
            Counts::Bytes => self.wire_length(units),
            Counts::Element => self.prefix_length() + self.wire_length(units),
        }
    }

    /// Can only whole bytes of packed digits be announced, and no filler tells an odd count from an even one?
    #[must_use]
    pub fn needs_even_digits(&self) -> bool {
        self.encoding == Encoding::Bcd
            && self.counts != Counts::Value
            && self.filler == Filler::Zero
    }

    /// The value without what it was filled with, if that is taken off when it is read.
    pub(crate) fn stripped<'t>(&self, text: &'t str) -> &'t str {
        match self.fill {
            Some(fill) if fill.strip => fill.stripped(text),
            _ => text,
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
            Length::Variable { digits, max, .. } => {
                format!("{content}{}{max}", ".".repeat(usize::from(digits)))
            }
        }
    }
}

/// The content classes of ISO 8583-1:1987 chapter 4.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
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
#[non_exhaustive]
pub enum Encoding {
    /// One ASCII character a byte.
    Ascii,
    /// One character a byte in EBCDIC.
    Ebcdic(CodePage),
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
            Encoding::Ebcdic(CodePage::Ebcdic500) => "ebcdic",
            Encoding::Ebcdic(CodePage::Ebcdic037) => "ebcdic-037",
            Encoding::Ebcdic(CodePage::Ebcdic1047) => "ebcdic-1047",
            Encoding::Bcd => "bcd",
            Encoding::Raw => "raw",
            Encoding::HexText => "hex",
        })
    }
}

/// The EBCDIC code pages in use. They agree in digits, letters, space and `=`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CodePage {
    /// International.
    Ebcdic500,
    /// USA, Canada and others.
    Ebcdic037,
    /// z/OS open systems.
    Ebcdic1047,
}

/// The length of a field in units: digits when packed, characters on the wire for variable hex text, else bytes; a fixed
/// `b` field counts its bytes whatever the encoding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Length {
    /// Always this many.
    Fixed(u16),
    /// Announced by a length prefix.
    Variable {
        /// Digits of the prefix: 1 (L) to 6 (LLLLLL).
        digits: u8,
        /// How the prefix is written.
        prefix: PrefixEncoding,
        /// The longest value allowed.
        max: u16,
    },
}

/// How a length prefix is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PrefixEncoding {
    /// ASCII digits.
    Ascii,
    /// EBCDIC digits.
    Ebcdic,
    /// Packed digits, right-aligned: LL is one byte, LLL two.
    Bcd,
    /// One byte, a binary number.
    Binary1,
    /// Two bytes, a binary number, the higher byte first.
    Binary2,
}

impl PrefixEncoding {
    /// Bytes of a prefix with so many digits.
    #[must_use]
    pub const fn bytes(self, digits: u8) -> usize {
        match self {
            PrefixEncoding::Ascii | PrefixEncoding::Ebcdic => digits as usize,
            PrefixEncoding::Bcd => (digits as usize).div_ceil(2),
            PrefixEncoding::Binary1 => 1,
            PrefixEncoding::Binary2 => 2,
        }
    }

    /// The most that a prefix with so many digits can say.
    #[must_use]
    pub const fn length_max(self, digits: u8) -> usize {
        match self {
            PrefixEncoding::Ascii | PrefixEncoding::Ebcdic | PrefixEncoding::Bcd => {
                10_usize.saturating_pow(digits as u32) - 1
            }
            PrefixEncoding::Binary1 => 0xFF,
            PrefixEncoding::Binary2 => 0xFFFF,
        }
    }
}

impl fmt::Display for PrefixEncoding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            PrefixEncoding::Ascii => "ascii",
            PrefixEncoding::Ebcdic => "ebcdic",
            PrefixEncoding::Bcd => "bcd",
            PrefixEncoding::Binary1 => "binary1",
            PrefixEncoding::Binary2 => "binary2",
        })
    }
}

/// What a length prefix counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Counts {
    /// The units of the value: digits when packed, else characters or bytes.
    Value,
    /// The bytes of the value on the wire.
    Bytes,
    /// The bytes of the value and of the prefix itself.
    Element,
}

/// The filler nibble of an odd count of packed digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Filler {
    /// 0.
    Zero,
    /// F, which no digit is: it tells an odd count from an even one by itself.
    F,
}

impl Filler {
    /// Its four bits.
    #[must_use]
    pub const fn nibble(self) -> u8 {
        match self {
            Filler::Zero => 0,
            Filler::F => 0x0F,
        }
    }
}

/// How a value that is shorter than its fixed field is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Fill {
    /// The character that makes up for what is missing, in ASCII.
    pub with: u8,
    /// The side it is put on.
    pub side: PadSide,
    /// Is it taken off when a value is read? A number keeps its last digit.
    pub strip: bool,
}

impl Fill {
    pub(crate) fn stripped(self, text: &str) -> &str {
        let with = char::from(self.with);
        match self.side {
            PadSide::Right => text.trim_end_matches(with),
            PadSide::Left if with == '0' => {
                let start = text.len() - text.trim_start_matches(with).len();
                // 000 is 0.
                let start = start.min(text.len().saturating_sub(1));
                text.get(start..).unwrap_or(text)
            }
            PadSide::Left => text.trim_start_matches(with),
        }
    }
}

/// The side of the filler nibble when an odd count of digits is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PadSide {
    /// Before the digits: `0123` for 123.
    Left,
    /// After the digits: `1230` for 123.
    Right,
}

/// What must be hidden when a message is shown to people.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
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
    Ebcdic,
    /// Two packed bytes.
    Bcd,
}

impl TextEncoding {
    /// Bytes of an MTI.
    #[must_use]
    pub const fn mti_length(self) -> usize {
        match self {
            TextEncoding::Ascii | TextEncoding::Ebcdic => 4,
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
    /// 16 EBCDIC hex characters each; written in upper case, read in either.
    EbcdicHex,
}

impl BitmapEncoding {
    /// Bytes of one 64-bit bitmap.
    #[must_use]
    pub const fn length(self) -> usize {
        match self {
            BitmapEncoding::Binary => 8,
            BitmapEncoding::HexText | BitmapEncoding::EbcdicHex => 16,
        }
    }
}

/// Whether a message may have a third bitmap (fields 129 to 192), which bit 65 announces, and where it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TertiaryBitmap {
    /// There is none.
    None,
    /// Where a field 65 would stand: behind field 64, before field 66 (ISO 8583-1:1987, "bit map, extended").
    Field65,
    /// Directly behind the second bitmap, before all fields, as VISA places it.
    Contiguous,
}
