//! Sixteen bytes at a time in an SSE2 register, which every x86-64 processor has: class checks, and the ways between digits
//! and nibbles.
//!
//! Each check gives, for sixteen bytes at once, a vector that is 0 in the bytes that belong to the class; the vectors of a
//! longer run are or-ed and tested once. SSE2 has what that takes as single instructions: subtraction that stops at 0 and
//! the minimum of bytes. The compiler does not find them by itself in plain loops: it vectorises across the whole run,
//! with a prologue and a remainder that cost more than the few blocks of a field.
//!
//! # Why this is safe
//! * `unsafe` is needed for three calls and nothing else: [`holds`], [`unpack`] and [`pack`] call functions that are compiled
//!   for SSE2. Such a call is sound if the processor has SSE2. The x86-64 architecture includes it (AMD64 Architecture
//!   Programmer's Manual, volume 1, 1.1), and the module is compiled for that architecture only.
//! * No pointer is made, kept or followed. The intrinsics used compute with values of registers; none of those that load or
//!   store is among them. Bytes get into a register and out of it as `u64`, through `from_le_bytes` and `to_le_bytes` of
//!   arrays, so alignment does not matter.
//! * Every array is taken from its slice by `first_chunk`, `last_chunk`, `split_first_chunk` or `as_chunks`, which give
//!   nothing where the slice is too short. A caller who breaks what a function says about lengths gets other bytes, never
//!   other memory.
//!
//! The tests hold each function to its definition for every length up to 64, every alignment and every byte, beside the
//! portable way; they run under Miri, too (`cargo xtask miri`), which sees what a processor forgives.
#![allow(
    unsafe_code,
    reason = "calls into code for SSE2; no pointer is touched, the intrinsics used are safe functions"
)]

use core::arch::x86_64::{
    __m128i, _mm_add_epi8, _mm_and_si128, _mm_andnot_si128, _mm_cmpeq_epi8, _mm_cmpgt_epi8,
    _mm_cvtsi64_si128, _mm_cvtsi128_si64, _mm_min_epu8, _mm_movemask_epi8, _mm_or_si128,
    _mm_packus_epi16, _mm_set_epi64x, _mm_set1_epi8, _mm_set1_epi16, _mm_setzero_si128,
    _mm_slli_epi16, _mm_srli_epi16, _mm_sub_epi8, _mm_subs_epu8, _mm_unpackhi_epi64,
    _mm_unpacklo_epi8, _mm_xor_si128,
};

use crate::check::Check;
use crate::swar::Spelling;

/// Do all bytes belong to the class?
#[inline]
pub(crate) fn holds(check: Check, bytes: &[u8]) -> bool {
    // SAFETY: the only condition of a function with `target_feature` is that the processor has the feature. SSE2 belongs
    // to the x86-64 architecture itself, and this module is compiled for no other.
    unsafe { holds_sse2(check, bytes) }
}

/// Writes two characters for each byte of `packed`, which has at least eight; `text` is twice as long.
#[inline]
pub(crate) fn unpack(packed: &[u8], text: &mut [u8], spelling: Spelling) {
    // SAFETY: as for `holds`.
    unsafe { unpack_sse2(packed, text, spelling) }
}

/// One byte for each two of sixteen characters.
#[inline(always)]
pub(crate) fn pack_group(text: &[u8; 16]) -> [u8; 8] {
    // SAFETY: as for `holds`.
    unsafe { pack_group_sse2(text) }
}

/// Two characters for each of eight bytes.
#[inline(always)]
pub(crate) fn unpack_group(packed: &[u8; 8], spelling: Spelling) -> [u8; 16] {
    // SAFETY: as for `holds`.
    unsafe { unpack_group_sse2(packed, spelling) }
}

/// Writes one byte for each two characters of `text`, which has at least sixteen and twice as many as `packed`.
#[inline]
pub(crate) fn pack(text: &[u8], packed: &mut [u8]) {
    // SAFETY: as for `holds`.
    unsafe { pack_sse2(text, packed) }
}

/// Eight bytes become sixteen characters; a last group overlaps the one before. One loop for each spelling: to look for each
/// group which it is costs a third.
#[target_feature(enable = "sse2")]
fn unpack_sse2(packed: &[u8], text: &mut [u8], spelling: Spelling) {
    match spelling {
        Spelling::AsciiTrack => unpack_groups_sse2(packed, text, Spelling::AsciiTrack),
        Spelling::Hex => unpack_groups_sse2(packed, text, Spelling::Hex),
        Spelling::EbcdicDigits => unpack_groups_sse2(packed, text, Spelling::EbcdicDigits),
    }
}

/// Two groups a round, as in [`pack_sse2`].
#[target_feature(enable = "sse2")]
#[inline]
fn unpack_groups_sse2(packed: &[u8], text: &mut [u8], spelling: Spelling) {
    let (pairs, rest) = packed.as_chunks::<16>();
    let (places, rest_places) = text.as_chunks_mut::<32>();
    for (pair, place) in pairs.iter().zip(places) {
        let (groups, _) = pair.as_chunks::<8>();
        let (places, _) = place.as_chunks_mut::<16>();
        for (group, place) in groups.iter().zip(places) {
            *place = unpack_group_sse2(group, spelling);
        }
    }
    if let (Some(group), Some(place)) = (rest.first_chunk(), rest_places.first_chunk_mut()) {
        *place = unpack_group_sse2(group, spelling);
    }
    if let (Some(group), Some(place)) = (packed.last_chunk(), text.last_chunk_mut()) {
        *place = unpack_group_sse2(group, spelling);
    }
}

#[target_feature(enable = "sse2")]
#[inline]
fn unpack_group_sse2(packed: &[u8; 8], spelling: Spelling) -> [u8; 16] {
    let bytes = _mm_cvtsi64_si128(i64::from_le_bytes(*packed));
    let high = _mm_and_si128(_mm_srli_epi16(bytes, 4), each(0x0F));
    let low = _mm_and_si128(bytes, each(0x0F));
    bytes_of(spell(_mm_unpacklo_epi8(high, low), spelling))
}

/// Nibbles, each in a byte of its own, as characters.
#[target_feature(enable = "sse2")]
#[inline]
fn spell(nibbles: __m128i, spelling: Spelling) -> __m128i {
    match spelling {
        // 0x30 + 13 is 0x3D, which is `=`.
        Spelling::AsciiTrack => _mm_or_si128(nibbles, each(0x30)),
        Spelling::EbcdicDigits => _mm_or_si128(nibbles, each(0xF0)),
        Spelling::Hex => {
            let letters = _mm_cmpgt_epi8(nibbles, each(9));
            let digits = _mm_or_si128(nibbles, each(0x30));
            _mm_add_epi8(digits, _mm_and_si128(letters, each(b'A' - b'9' - 1)))
        }
    }
}

/// Sixteen characters become eight bytes; a last group overlaps the one before. Two groups a round: chip data, which is what
/// is long in a message, takes half as many.
#[target_feature(enable = "sse2")]
fn pack_sse2(text: &[u8], packed: &mut [u8]) {
    let (pairs, rest) = text.as_chunks::<32>();
    let (places, rest_places) = packed.as_chunks_mut::<16>();
    for (pair, place) in pairs.iter().zip(places) {
        let (groups, _) = pair.as_chunks::<16>();
        let (places, _) = place.as_chunks_mut::<8>();
        for (group, place) in groups.iter().zip(places) {
            *place = pack_group_sse2(group);
        }
    }
    if let (Some(group), Some(place)) = (rest.first_chunk(), rest_places.first_chunk_mut()) {
        *place = pack_group_sse2(group);
    }
    if let (Some(group), Some(place)) = (text.last_chunk(), packed.last_chunk_mut()) {
        *place = pack_group_sse2(group);
    }
}

#[target_feature(enable = "sse2")]
#[inline]
fn pack_group_sse2(text: &[u8; 16]) -> [u8; 8] {
    let characters = block(text);
    // ASCII letters are above 0x40; EBCDIC digits, with their top bit, are below 0 here.
    let letters = _mm_cmpgt_epi8(characters, each(0x40));
    let nibbles = _mm_add_epi8(
        _mm_and_si128(characters, each(0x0F)),
        _mm_and_si128(letters, each(9)),
    );
    let pairs = _mm_or_si128(_mm_slli_epi16(nibbles, 4), _mm_srli_epi16(nibbles, 8));
    let pairs = _mm_and_si128(pairs, _mm_set1_epi16(0xFF));
    _mm_cvtsi128_si64(_mm_packus_epi16(pairs, pairs)).to_le_bytes()
}

#[target_feature(enable = "sse2")]
fn holds_sse2(check: Check, bytes: &[u8]) -> bool {
    match check {
        Check::Nothing => true,
        Check::AsciiDigits => all(bytes, |block| beyond(block, b'0', b'9')),
        Check::EbcdicDigits => all(bytes, |block| beyond(block, 0xF0, 0xF9)),
        Check::PackedDigits => all(bytes, |block| beyond_packed_digits(block)),
        Check::PackedTrack => all(bytes, |block| beyond_packed_track(block)),
        Check::AsciiTrack => all(bytes, |block| {
            let separators = _mm_min_epu8(other_than(block, b'='), other_than(block, b'D'));
            _mm_min_epu8(beyond(block, b'0', b'9'), separators)
        }),
        Check::AsciiLetters => all(bytes, |block| beyond_letters_and_space(block)),
        Check::AsciiAlphanumeric => all(bytes, |block| {
            _mm_min_epu8(beyond(block, b'0', b'9'), beyond_letters_and_space(block))
        }),
        Check::AsciiPrintable => all(bytes, |block| beyond(block, b' ', b'~')),
        Check::EbcdicPrintable => all(bytes, |block| beyond(block, 0x40, 0xFE)),
        Check::Hex => all(bytes, |block| {
            let lower = _mm_or_si128(block, each(0x20));
            _mm_min_epu8(beyond(block, b'0', b'9'), beyond(lower, b'a', b'f'))
        }),
        Check::EbcdicTrack => all(bytes, |block| {
            let separators = _mm_min_epu8(
                other_than(block, EBCDIC_EQUALS),
                other_than(block, EBCDIC_D),
            );
            _mm_min_epu8(beyond(block, 0xF0, 0xF9), separators)
        }),
        Check::EbcdicLetters => all(bytes, |block| beyond_ebcdic_letters_and_space(block)),
        Check::EbcdicAlphanumeric => all(bytes, |block| {
            _mm_min_epu8(
                beyond(block, 0xF0, 0xF9),
                beyond_ebcdic_letters_and_space(block),
            )
        }),
    }
}

/// Is `outside` 0 in all bytes? A tail that is no whole block is covered by a block that overlaps its neighbour, and what
/// is shorter than a block is gathered in one, so there is no loop over single bytes.
#[target_feature(enable = "sse2")]
#[inline]
fn all(bytes: &[u8], outside: impl Fn(__m128i) -> __m128i) -> bool {
    let found = if let (Some((first, rest)), Some(last)) =
        (bytes.split_first_chunk::<16>(), bytes.last_chunk::<16>())
    {
        let mut found = _mm_or_si128(outside(block(first)), outside(block(last)));
        let mut rest = rest;
        while let Some((next, behind)) = rest.split_first_chunk::<16>() {
            found = _mm_or_si128(found, outside(block(next)));
            rest = behind;
        }
        found
    } else {
        let (low, high) = if let (Some(first), Some(last)) =
            (bytes.first_chunk::<8>(), bytes.last_chunk::<8>())
        {
            (u64::from_le_bytes(*first), u64::from_le_bytes(*last))
        } else if let (Some(first), Some(last)) =
            (bytes.first_chunk::<4>(), bytes.last_chunk::<4>())
        {
            let both =
                u64::from(u32::from_le_bytes(*first)) | u64::from(u32::from_le_bytes(*last)) << 32;
            (both, both)
        } else if let (Some(first), Some(middle), Some(last)) =
            (bytes.first(), bytes.get(bytes.len() / 2), bytes.last())
        {
            let all = u32::from_le_bytes([*first, *middle, *last, *last]);
            let both = u64::from(all) | u64::from(all) << 32;
            (both, both)
        } else {
            return true;
        };
        outside(_mm_set_epi64x(high.cast_signed(), low.cast_signed()))
    };
    _mm_movemask_epi8(_mm_cmpeq_epi8(found, _mm_setzero_si128())) == 0xFFFF
}

/// One load: the compiler joins the halves.
#[target_feature(enable = "sse2")]
#[inline]
fn block(bytes: &[u8; 16]) -> __m128i {
    let [low, high] = [0, 64].map(|shift| (u128::from_le_bytes(*bytes) >> shift) as i64);
    _mm_set_epi64x(high, low)
}

/// The sixteen bytes of a register.
#[target_feature(enable = "sse2")]
#[inline]
fn bytes_of(block: __m128i) -> [u8; 16] {
    let low = _mm_cvtsi128_si64(block) as u64;
    let high = _mm_cvtsi128_si64(_mm_unpackhi_epi64(block, block)) as u64;
    (u128::from(low) | u128::from(high) << 64).to_le_bytes()
}

/// The byte in all places.
#[target_feature(enable = "sse2")]
#[inline]
fn each(byte: u8) -> __m128i {
    _mm_set1_epi8(byte.cast_signed())
}

/// 0 for the bytes from `low` to `high`: what is below wraps to above.
#[target_feature(enable = "sse2")]
#[inline]
fn beyond(block: __m128i, low: u8, high: u8) -> __m128i {
    _mm_subs_epu8(_mm_sub_epi8(block, each(low)), each(high - low))
}

/// 0 for this byte.
#[target_feature(enable = "sse2")]
#[inline]
fn other_than(block: __m128i, byte: u8) -> __m128i {
    _mm_xor_si128(block, each(byte))
}

#[target_feature(enable = "sse2")]
#[inline]
fn beyond_letters_and_space(block: __m128i) -> __m128i {
    let lower = _mm_or_si128(block, each(0x20));
    _mm_min_epu8(beyond(lower, b'a', b'z'), other_than(block, b' '))
}

const EBCDIC_SPACE: u8 = 0x40;
const EBCDIC_EQUALS: u8 = 0x7E;
const EBCDIC_D: u8 = 0xC4;

/// EBCDIC letters stand in three ranges of either case, which bit 0x40 tells apart.
#[target_feature(enable = "sse2")]
#[inline]
fn beyond_ebcdic_letters_and_space(block: __m128i) -> __m128i {
    let upper = _mm_or_si128(block, each(0x40));
    let first_two = _mm_min_epu8(beyond(upper, 0xC1, 0xC9), beyond(upper, 0xD1, 0xD9));
    let letters = _mm_min_epu8(first_two, beyond(upper, 0xE2, 0xE9));
    _mm_min_epu8(letters, other_than(block, EBCDIC_SPACE))
}

/// 0 where no nibble is above 9: such a nibble has bit 8 and one of the bits 4 and 2. Doubling a byte moves each bit up by
/// one; what leaves the low nibble for the high one is masked out.
#[target_feature(enable = "sse2")]
#[inline]
fn beyond_packed_digits(block: __m128i) -> __m128i {
    let double = _mm_add_epi8(block, block);
    let either = _mm_or_si128(double, _mm_add_epi8(double, double));
    _mm_and_si128(_mm_and_si128(block, each(0x88)), either)
}

/// As [`beyond_packed_digits`], but for nibble 13, which is bits 8, 4 and 1 without 2.
#[target_feature(enable = "sse2")]
#[inline]
fn beyond_packed_track(block: __m128i) -> __m128i {
    let double = _mm_add_epi8(block, block);
    let four = _mm_add_epi8(double, double);
    let eight = _mm_add_epi8(four, four);
    // Above 9 is wrong with bit 2, and with bit 4 unless bit 1 is set.
    let wrong = _mm_or_si128(four, _mm_andnot_si128(eight, double));
    _mm_and_si128(_mm_and_si128(block, each(0x88)), wrong)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check;
    use crate::swar;

    const LENGTH_MAX: usize = 64;
    const ALIGNMENTS: usize = 16;

    /// All lengths. Miri takes a thousand times as long and looks at something else than values: the ends of blocks do.
    fn lengths() -> impl Iterator<Item = usize> {
        const ENDS: [usize; 12] = [0, 1, 3, 4, 7, 8, 15, 16, 17, 31, 32, 33];
        (0..=LENGTH_MAX).filter(|length| !cfg!(miri) || ENDS.contains(length))
    }

    /// All bytes; of those that Miri sees, the ends of most classes.
    fn bytes() -> impl Iterator<Item = u8> + Clone {
        let step = if cfg!(miri) { 51 } else { 1 };
        (0..=u8::MAX).step_by(step)
    }

    /// Runs of bytes of every length at every alignment, each between bytes that must not be looked at.
    fn runs(mut judge: impl FnMut(&mut [u8], usize)) {
        let mut buffer = [0; 16 + ALIGNMENTS + LENGTH_MAX + 16];
        // The first place of the buffer whose address is even to sixteen.
        let even = buffer.as_ptr().align_offset(16).min(15);
        for length in lengths() {
            for alignment in (0..ALIGNMENTS).step_by(if cfg!(miri) { 5 } else { 1 }) {
                let start = even + alignment;
                judge(&mut buffer[start..start + length], alignment);
            }
        }
    }

    #[test]
    fn checks_at_every_length_and_alignment_with_every_byte() {
        for (check, belongs) in check::DEFINITIONS {
            let inside = (0..=u8::MAX).rfind(|byte| belongs(*byte)).unwrap();
            runs(|run, alignment| {
                run.fill(inside);
                assert!(holds(check, run));
                // Another place for each alignment, from the first to the last.
                let place = run.len() * alignment / (ALIGNMENTS - 1);
                let place = place.min(run.len().saturating_sub(1));
                for byte in bytes().take(if run.is_empty() { 0 } else { 256 }) {
                    run[place] = byte;
                    assert_eq!(
                        holds(check, run),
                        belongs(byte),
                        "{check:?}: {byte:02X} at {place} of {}",
                        run.len()
                    );
                }
            });
        }
    }

    #[test]
    fn unpacking_at_every_length_and_alignment_with_every_byte() {
        for spelling in [Spelling::AsciiTrack, Spelling::Hex, Spelling::EbcdicDigits] {
            runs(|run, alignment| {
                // Every byte at every place of a group, once for each length.
                let step = if run.len() % ALIGNMENTS == alignment {
                    1
                } else {
                    16
                };
                let mut text = vec![0xA5; run.len() * 2];
                let mut expected = text.clone();
                for byte in bytes().step_by(step) {
                    for (place, packed) in run.iter_mut().enumerate() {
                        *packed = byte.wrapping_add((place * 7) as u8);
                    }
                    unpack(run, &mut text, spelling);
                    swar::unpack_bytes(run, &mut expected, spelling);
                    // Of less than a group nothing is written: its caller does not ask.
                    if run.len() >= 8 {
                        assert_eq!(text, expected, "{spelling:?} {run:02X?}");
                    }
                }
            });
        }
    }

    #[test]
    fn packing_at_every_length_and_alignment_with_every_character() {
        let characters = *b"0123456789ABCDEFabcdef=\xF0\xF1\xF2\xF3\xF4\xF5\xF6\xF7\xF8\xF9";
        runs(|run, _| {
            let even = run.len() / 2 * 2;
            let text = &mut run[..even];
            let mut packed = vec![0xA5; even / 2];
            let mut expected = packed.clone();
            for shift in (0..characters.len()).step_by(if cfg!(miri) { 8 } else { 1 }) {
                for (place, character) in text.iter_mut().enumerate() {
                    *character = characters[(place * 5 + shift) % characters.len()];
                }
                pack(text, &mut packed);
                swar::pack_pairs(text, &mut expected);
                if even >= 16 {
                    assert_eq!(packed, expected, "{text:02X?}");
                }
            }
        });
    }

    /// What is said about lengths is about values: whoever breaks it gets wrong bytes, or none.
    #[test]
    fn lengths_that_do_not_belong_together() {
        let packed = [0x12; 64];
        for length in lengths() {
            for other in lengths() {
                let mut text = vec![0; other];
                unpack(&packed[..length], &mut text, Spelling::Hex);
                let mut bytes = vec![0; other];
                pack(&packed[..length], &mut bytes);
            }
        }
    }
}
