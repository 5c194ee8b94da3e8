//! The portable way: eight bytes at a time in one `u64`.
//!
//! Each check computes, for the eight bytes of a word at once, a word that is 0 if and only if all of them belong to the
//! class; the words of a longer run are or-ed and tested once.
//!
//! Additions never carry from one byte into the next where a byte is below 0x80. A byte of 0x80 or above may disturb its
//! neighbour, but it is itself outside of every class that is checked by addition, so the answer stays "no".

use super::Check;
use crate::charset::Charset;
use crate::field::{CodePage, Content};

/// The classes are the same in every code page.
const EBCDIC: Charset = Charset::Ebcdic(CodePage::Ebcdic500);

/// Do all bytes belong to the class?
#[inline]
pub(super) fn holds(check: Check, bytes: &[u8]) -> bool {
    match check {
        Check::Nothing => true,
        Check::AsciiDigits => all(bytes, |word| not_digits(word, 0x30)),
        Check::EbcdicDigits => all(bytes, |word| not_digits(word, 0xF0)),
        Check::PackedDigits => all(bytes, not_packed_digits),
        Check::PackedTrack => all(bytes, not_packed_track),
        Check::AsciiTrack => all(bytes, not_track),
        Check::AsciiLetters => all(bytes, |word| not(is_letter(word) | is_space(word), word)),
        Check::AsciiAlphanumeric => all(bytes, |word| {
            not(is_letter(word) | is_space(word) | is_digit(word), word)
        }),
        Check::AsciiPrintable => all(bytes, not_printable),
        Check::EbcdicPrintable => all(bytes, not_ebcdic_printable),
        Check::Hex => all(bytes, |word| {
            not(
                is_digit(word) | in_range(word | each(0x20), b'a', b'f'),
                word,
            )
        }),
        Check::EbcdicTrack | Check::EbcdicLetters | Check::EbcdicAlphanumeric => {
            by_table(check, bytes)
        }
    }
}

/// EBCDIC letters stand in four ranges with gaps; such runs are short, a table does.
fn by_table(check: Check, bytes: &[u8]) -> bool {
    let content = match check {
        Check::EbcdicTrack => Content::Z,
        Check::EbcdicLetters => Content::A,
        _ => Content::An,
    };
    bytes.iter().all(|byte| EBCDIC.allows(content, *byte))
}

/// The byte in all eight places.
const fn each(byte: u8) -> u64 {
    0x0101_0101_0101_0101 * byte as u64
}

/// The top bit of each byte.
const HIGH: u64 = each(0x80);

/// Is `outside` 0 for all words of these bytes? A tail that is no whole word is covered by a word that overlaps its
/// neighbour, so there is no loop over single bytes.
#[inline(always)]
fn all(bytes: &[u8], outside: impl Fn(u64) -> u64) -> bool {
    let found = if let (Some(first), Some(last)) = (bytes.first_chunk(), bytes.last_chunk()) {
        let mut found = outside(u64::from_le_bytes(*first)) | outside(u64::from_le_bytes(*last));
        if bytes.len() > 16 {
            for word in bytes.as_chunks().0 {
                found |= outside(u64::from_le_bytes(*word));
            }
        }
        found
    } else if let (Some(first), Some(last)) = (bytes.first_chunk(), bytes.last_chunk()) {
        outside(u64::from(u32::from_le_bytes(*first)) << 32 | u64::from(u32::from_le_bytes(*last)))
    } else if let (Some(first), Some(middle), Some(last)) =
        (bytes.first(), bytes.get(bytes.len() / 2), bytes.last())
    {
        outside(u64::from(u32::from_le_bytes([*first, *middle, *last, *last])) * 0x1_0000_0001)
    } else {
        0
    };
    found == 0
}

/// `base` is the byte of the digit 0: 0x30 in ASCII, 0xF0 in EBCDIC. The high nibble must be its, and the low one must
/// not reach 16 when 6 is added.
#[inline(always)]
fn not_digits(word: u64, base: u8) -> u64 {
    ((word ^ each(base)) | ((word & each(0x0F)) + each(6))) & each(0xF0)
}

/// A nibble above 9 has bit 8 and one of the bits 4 and 2; shifting brings those to bit 8 of the same nibble.
#[inline(always)]
fn not_packed_digits(word: u64) -> u64 {
    word & (word << 1 | word << 2) & each(0x88)
}

/// As [`not_packed_digits`], but for nibble 13, which is bits 8, 4 and 1 without 2.
#[inline(always)]
fn not_packed_track(word: u64) -> u64 {
    let separator = word & (word << 1) & (word << 3) & !(word << 2);
    not_packed_digits(word) & !separator
}

/// In the top bit of each byte: is it in the range? Bytes of 0x80 and above must be refused by the caller ([`not`]).
#[inline(always)]
fn in_range(word: u64, low: u8, high: u8) -> u64 {
    word.wrapping_add(each(0x80 - low)) & !word.wrapping_add(each(0x7F - high)) & HIGH
}

#[inline(always)]
fn is_digit(word: u64) -> u64 {
    in_range(word, b'0', b'9')
}

#[inline(always)]
fn is_letter(word: u64) -> u64 {
    in_range(word | each(0x20), b'a', b'z')
}

#[inline(always)]
fn is_space(word: u64) -> u64 {
    in_range(word, b' ', b' ')
}

/// From "is inside" in the top bits to "is outside", where no byte of 0x80 or above is inside.
#[inline(always)]
fn not(inside: u64, word: u64) -> u64 {
    (!inside | word) & HIGH
}

#[inline(always)]
fn not_track(word: u64) -> u64 {
    not(
        is_digit(word) | in_range(word, b'=', b'=') | in_range(word, b'D', b'D'),
        word,
    )
}

/// 0x20..=0x7E: no top bit, none after adding 1 (0x7F), and bit 0x20 or 0x40.
#[inline(always)]
fn not_printable(word: u64) -> u64 {
    (word | word.wrapping_add(each(1))) & HIGH | !(word | word >> 1) & each(0x20)
}

/// Code page 500 is printable from 0x40 to 0xFE: bit 0x40 or 0x80, and not all bits.
#[inline(always)]
fn not_ebcdic_printable(word: u64) -> u64 {
    let low = !(word | word >> 1) & each(0x40);
    // Bit by bit: a byte is 0xFF if folding its halves by "and" leaves a bit.
    let fold = word & word >> 4;
    let fold = fold & fold >> 2;
    low | fold & fold >> 1 & each(1)
}
