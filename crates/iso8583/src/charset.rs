//! The character sets of the wire: ASCII and three EBCDIC code pages, and which bytes belong to which content class.

use crate::field::{CodePage, Content};

/// EBCDIC code page 500 to Latin-1 (Unicode U+0000..=U+00FF), as IBM's table defines it. It is a bijection.
#[rustfmt::skip]
pub(crate) static LATIN1_FROM_EBCDIC: [u8; 256] = [
    0x00, 0x01, 0x02, 0x03, 0x9C, 0x09, 0x86, 0x7F, 0x97, 0x8D, 0x8E, 0x0B, 0x0C, 0x0D, 0x0E, 0x0F,
    0x10, 0x11, 0x12, 0x13, 0x9D, 0x85, 0x08, 0x87, 0x18, 0x19, 0x92, 0x8F, 0x1C, 0x1D, 0x1E, 0x1F,
    0x80, 0x81, 0x82, 0x83, 0x84, 0x0A, 0x17, 0x1B, 0x88, 0x89, 0x8A, 0x8B, 0x8C, 0x05, 0x06, 0x07,
    0x90, 0x91, 0x16, 0x93, 0x94, 0x95, 0x96, 0x04, 0x98, 0x99, 0x9A, 0x9B, 0x14, 0x15, 0x9E, 0x1A,
    0x20, 0xA0, 0xE2, 0xE4, 0xE0, 0xE1, 0xE3, 0xE5, 0xE7, 0xF1, 0x5B, 0x2E, 0x3C, 0x28, 0x2B, 0x21,
    0x26, 0xE9, 0xEA, 0xEB, 0xE8, 0xED, 0xEE, 0xEF, 0xEC, 0xDF, 0x5D, 0x24, 0x2A, 0x29, 0x3B, 0x5E,
    0x2D, 0x2F, 0xC2, 0xC4, 0xC0, 0xC1, 0xC3, 0xC5, 0xC7, 0xD1, 0xA6, 0x2C, 0x25, 0x5F, 0x3E, 0x3F,
    0xF8, 0xC9, 0xCA, 0xCB, 0xC8, 0xCD, 0xCE, 0xCF, 0xCC, 0x60, 0x3A, 0x23, 0x40, 0x27, 0x3D, 0x22,
    0xD8, 0x61, 0x62, 0x63, 0x64, 0x65, 0x66, 0x67, 0x68, 0x69, 0xAB, 0xBB, 0xF0, 0xFD, 0xFE, 0xB1,
    0xB0, 0x6A, 0x6B, 0x6C, 0x6D, 0x6E, 0x6F, 0x70, 0x71, 0x72, 0xAA, 0xBA, 0xE6, 0xB8, 0xC6, 0xA4,
    0xB5, 0x7E, 0x73, 0x74, 0x75, 0x76, 0x77, 0x78, 0x79, 0x7A, 0xA1, 0xBF, 0xD0, 0xDD, 0xDE, 0xAE,
    0xA2, 0xA3, 0xA5, 0xB7, 0xA9, 0xA7, 0xB6, 0xBC, 0xBD, 0xBE, 0xAC, 0x7C, 0xAF, 0xA8, 0xB4, 0xD7,
    0x7B, 0x41, 0x42, 0x43, 0x44, 0x45, 0x46, 0x47, 0x48, 0x49, 0xAD, 0xF4, 0xF6, 0xF2, 0xF3, 0xF5,
    0x7D, 0x4A, 0x4B, 0x4C, 0x4D, 0x4E, 0x4F, 0x50, 0x51, 0x52, 0xB9, 0xFB, 0xFC, 0xF9, 0xFA, 0xFF,
    0x5C, 0xF7, 0x53, 0x54, 0x55, 0x56, 0x57, 0x58, 0x59, 0x5A, 0xB2, 0xD4, 0xD6, 0xD2, 0xD3, 0xD5,
    0x30, 0x31, 0x32, 0x33, 0x34, 0x35, 0x36, 0x37, 0x38, 0x39, 0xB3, 0xDB, 0xDC, 0xD9, 0xDA, 0x9F,
];

/// Code page 037 (USA, Canada): seven special characters stand elsewhere than in 500.
static LATIN1_FROM_037: [u8; 256] = moved(
    &LATIN1_FROM_EBCDIC,
    &[
        (0x4A, 0xA2), // ¢
        (0x4F, b'|'),
        (0x5A, b'!'),
        (0x5F, 0xAC), // ¬
        (0xB0, b'^'),
        (0xBA, b'['),
        (0xBB, b']'),
    ],
);

/// Code page 1047 (open systems on z/OS): six special characters stand elsewhere than in 037.
static LATIN1_FROM_1047: [u8; 256] = moved(
    &LATIN1_FROM_037,
    &[
        (0x5F, b'^'),
        (0xAD, b'['),
        (0xB0, 0xAC), // ¬
        (0xBA, 0xDD), // Ý
        (0xBB, 0xA8), // ¨
        (0xBD, b']'),
    ],
);

static EBCDIC_037_FROM_LATIN1: [u8; 256] = inverted(&LATIN1_FROM_037);
static EBCDIC_1047_FROM_LATIN1: [u8; 256] = inverted(&LATIN1_FROM_1047);

impl CodePage {
    /// From a byte on the wire to Latin-1: a bijection.
    #[inline]
    pub(crate) fn latin1(self) -> &'static [u8; 256] {
        match self {
            CodePage::Ebcdic500 => &LATIN1_FROM_EBCDIC,
            CodePage::Ebcdic037 => &LATIN1_FROM_037,
            CodePage::Ebcdic1047 => &LATIN1_FROM_1047,
        }
    }

    /// From Latin-1 to the byte on the wire.
    #[inline]
    pub(crate) fn of_latin1(self) -> &'static [u8; 256] {
        match self {
            CodePage::Ebcdic500 => &EBCDIC_FROM_LATIN1,
            CodePage::Ebcdic037 => &EBCDIC_037_FROM_LATIN1,
            CodePage::Ebcdic1047 => &EBCDIC_1047_FROM_LATIN1,
        }
    }
}

/// The inverse of [`LATIN1_FROM_EBCDIC`].
pub(crate) static EBCDIC_FROM_LATIN1: [u8; 256] = inverted(&LATIN1_FROM_EBCDIC);

const IS_DIGIT: u8 = 1;
const IS_LETTER: u8 = 2;
const IS_SPACE: u8 = 4;
const IS_PRINTABLE: u8 = 8;
const IS_TRACK: u8 = 16;
const IS_SIGN: u8 = 32;

/// For each ASCII byte the classes it belongs to.
const ASCII_CLASSES: [u8; 256] = classes(false);
/// For each EBCDIC byte the classes it belongs to, the same in every code page: those differ in special characters only,
/// and what is a control character in one is one in all.
const EBCDIC_CLASSES: [u8; 256] = classes(true);

/// A character set of one byte a character.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Charset {
    Ascii,
    Ebcdic(CodePage),
}

impl Charset {
    #[inline]
    fn classes(self, byte: u8) -> u8 {
        let table = match self {
            Charset::Ascii => &ASCII_CLASSES,
            Charset::Ebcdic(_) => &EBCDIC_CLASSES,
        };
        table.get(usize::from(byte)).copied().unwrap_or(0)
    }

    /// May this byte stand in a value of this content? (`x+n`: the digits after the sign. `b`: anything.)
    #[inline]
    pub(crate) fn allows(self, content: Content, byte: u8) -> bool {
        let wanted = match content {
            Content::A => IS_LETTER | IS_SPACE,
            Content::N | Content::SignedN => IS_DIGIT,
            Content::An => IS_LETTER | IS_DIGIT | IS_SPACE,
            Content::Ans | Content::Ns => IS_PRINTABLE,
            Content::Z => IS_TRACK,
            Content::B => return true,
        };
        self.classes(byte) & wanted != 0
    }

    /// `C` or `D`, the sign of an `x+n` amount.
    #[inline]
    pub(crate) fn is_sign(self, byte: u8) -> bool {
        self.classes(byte) & IS_SIGN != 0
    }

    /// The wire byte of a character, if the set has one.
    #[inline]
    pub(crate) fn byte_of(self, character: char) -> Option<u8> {
        let latin1 = u8::try_from(u32::from(character)).ok()?;
        match self {
            Charset::Ascii => latin1.is_ascii().then_some(latin1),
            Charset::Ebcdic(page) => page.of_latin1().get(usize::from(latin1)).copied(),
        }
    }

    /// The value of a digit.
    #[inline]
    pub(crate) fn digit(self, byte: u8) -> Option<u8> {
        let base = match self {
            Charset::Ascii => b'0',
            Charset::Ebcdic(_) => 0xF0,
        };
        let value = byte.wrapping_sub(base);
        (value <= 9).then_some(value)
    }
}

/// The value of a hex character in either case.
#[inline]
pub(crate) const fn hex_value(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    }
}

/// The value of a hex character in EBCDIC, in either case.
#[inline]
pub(crate) const fn ebcdic_hex_value(byte: u8) -> Option<u8> {
    match byte {
        0xF0..=0xF9 => Some(byte - 0xF0),
        0xC1..=0xC6 => Some(byte - 0xC1 + 10),
        0x81..=0x86 => Some(byte - 0x81 + 10),
        _ => None,
    }
}

/// The upper-case hex character of a nibble.
#[inline]
pub(crate) const fn hex_digit(nibble: u8) -> u8 {
    let nibble = nibble & 0x0F;
    if nibble < 10 {
        b'0' + nibble
    } else {
        b'A' + nibble - 10
    }
}

/// A table with some bytes meaning something else.
#[expect(
    clippy::indexing_slicing,
    reason = "evaluated at compile time: every index is a byte into 256 places, or below the length"
)]
const fn moved(table: &[u8; 256], moves: &[(u8, u8)]) -> [u8; 256] {
    let mut moved = *table;
    let mut place = 0;
    while place < moves.len() {
        let (byte, latin1) = moves[place];
        moved[byte as usize] = latin1;
        place += 1;
    }
    moved
}

#[expect(
    clippy::indexing_slicing,
    reason = "evaluated at compile time: every index is a byte into 256 places"
)]
const fn inverted(table: &[u8; 256]) -> [u8; 256] {
    let mut inverse = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        inverse[table[byte] as usize] = byte as u8;
        byte += 1;
    }
    inverse
}

#[expect(
    clippy::indexing_slicing,
    reason = "evaluated at compile time: every index is a byte into 256 places"
)]
const fn classes(ebcdic: bool) -> [u8; 256] {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let latin1 = if ebcdic {
            LATIN1_FROM_EBCDIC[byte]
        } else {
            byte as u8
        };
        let mut class = 0;
        if latin1.is_ascii_digit() {
            class |= IS_DIGIT | IS_TRACK;
        }
        if latin1.is_ascii_alphabetic() {
            class |= IS_LETTER;
        }
        if latin1 == b' ' {
            class |= IS_SPACE;
        }
        if latin1 == b'=' || latin1 == b'D' {
            class |= IS_TRACK;
        }
        if latin1 == b'C' || latin1 == b'D' {
            class |= IS_SIGN;
        }
        // The ASCII dialects hold text to 0x20..=0x7E; code page 500 also carries the printable half of Latin-1.
        if (latin1 >= 0x20 && latin1 <= 0x7E) || (ebcdic && latin1 >= 0xA0) {
            class |= IS_PRINTABLE;
        }
        table[byte] = class;
        byte += 1;
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGES: [CodePage; 3] = [
        CodePage::Ebcdic500,
        CodePage::Ebcdic037,
        CodePage::Ebcdic1047,
    ];

    fn written(page: CodePage, text: &str) -> Vec<u8> {
        let charset = Charset::Ebcdic(page);
        text.chars()
            .map(|character| charset.byte_of(character).unwrap())
            .collect()
    }

    #[test]
    fn every_code_page_is_a_bijection() {
        for page in PAGES {
            for byte in 0..=255_u8 {
                let latin1 = page.latin1()[usize::from(byte)];
                assert_eq!(page.of_latin1()[usize::from(latin1)], byte, "{page:?}");
            }
        }
    }

    /// The bytes that IBM's tables give for what differs, and for some of what does not.
    #[test]
    fn code_pages_differ_in_special_characters() {
        let text = "A0 =C[]!^|¢¬¨Ý";
        let same = [0xC1, 0xF0, 0x40, 0x7E, 0xC3];
        for (page, special) in [
            (
                CodePage::Ebcdic500,
                [0x4A, 0x5A, 0x4F, 0x5F, 0xBB, 0xB0, 0xBA, 0xBD, 0xAD],
            ),
            (
                CodePage::Ebcdic037,
                [0xBA, 0xBB, 0x5A, 0xB0, 0x4F, 0x4A, 0x5F, 0xBD, 0xAD],
            ),
            (
                CodePage::Ebcdic1047,
                [0xAD, 0xBD, 0x5A, 0x5F, 0x4F, 0x4A, 0xB0, 0xBB, 0xBA],
            ),
        ] {
            assert_eq!(
                written(page, text),
                [&same[..], &special[..]].concat(),
                "{page:?}"
            );
        }
    }

    /// One table of classes does for all pages.
    #[test]
    fn classes_are_the_same_in_every_code_page() {
        let (of_500, pages) = (CodePage::Ebcdic500.latin1(), PAGES);
        for page in pages {
            for (latin1, other) in of_500.iter().zip(page.latin1()) {
                let plain = |byte: u8| byte.is_ascii_alphanumeric() || b" =".contains(&byte);
                let control = |byte: u8| byte < 0x20 || (0x7F..0xA0).contains(&byte);
                assert_eq!(control(*latin1), control(*other), "{page:?}");
                if plain(*latin1) || plain(*other) {
                    assert_eq!(latin1, other, "{page:?}");
                }
            }
        }
    }

    #[test]
    fn classes_are_as_the_standard_says() {
        use Charset::Ascii;
        let ebcdic = Charset::Ebcdic(CodePage::Ebcdic500);
        let e_acute = ebcdic.byte_of('é').unwrap();
        assert!(
            Ascii.allows(Content::N, b'9')
                && !Ascii.allows(Content::N, b'A')
                && !Ascii.allows(Content::N, b':')
        );
        assert!(
            Ascii.allows(Content::Ans, b'~')
                && !Ascii.allows(Content::Ans, 0x7F)
                && !Ascii.allows(Content::Ans, 0xA0)
        );
        assert!(ebcdic.allows(Content::Ans, e_acute) && !ebcdic.allows(Content::An, e_acute));
        assert!(
            ebcdic.allows(Content::Z, 0x7E)
                && ebcdic.allows(Content::Z, 0xC4)
                && !ebcdic.allows(Content::Z, 0xC5)
        );
        assert!(
            !ebcdic.allows(Content::Ans, 0xFF),
            "0x9F is a control character"
        );
    }
}
