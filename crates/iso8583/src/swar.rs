//! Several bytes at a time in one machine word: the ways between digits, nibbles, hex and numbers.
//!
//! A byte-wise loop costs a branch or a table look-up per byte; most of a message is digits, packed digits or hex.

use crate::charset;

/// The byte in all eight places.
const fn each(byte: u8) -> u64 {
    0x0101_0101_0101_0101 * byte as u64
}

/// Eight hex characters, first one most significant, as 32 bits. They must be hex characters.
#[inline]
pub(crate) fn hex_to_u32(text: &[u8; 8]) -> u32 {
    nibbles_to_u32(hex_nibbles(u64::from_be_bytes(*text)))
}

/// Eight characters, first one most significant, of which each gives a nibble: digits (ASCII or EBCDIC) and `=` by their
/// low nibble, the letters A to F in either case as in hex. Letters have bit 0x40 without bit 0x80.
#[inline(always)]
fn hex_nibbles(word: u64) -> u64 {
    (word & each(0x0F)) + (word >> 6 & !(word >> 7) & each(1)) * 9
}

/// Closes eight nibbles, each in a byte of its own, up to 32 bits.
#[inline(always)]
fn nibbles_to_u32(word: u64) -> u32 {
    let word = (word | word >> 4) & 0x00FF_00FF_00FF_00FF;
    let word = (word | word >> 8) & 0x0000_FFFF_0000_FFFF;
    (word | word >> 16) as u32
}

/// How nibbles are written as characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Spelling {
    /// `0` to `9`, and `=` for 13: a track in a text dialect.
    AsciiTrack,
    /// `0` to `9` and `A` to `F`.
    Hex,
    /// EBCDIC `0` to `9`.
    EbcdicDigits,
}

impl Spelling {
    /// Two nibbles, each in a byte of its own, as characters.
    #[inline(always)]
    fn spell(self, nibbles: u16) -> u16 {
        match self {
            // 0x30 + 13 is 0x3D, which is `=`.
            Spelling::AsciiTrack => nibbles | 0x3030,
            Spelling::Hex => (nibbles | 0x3030) + ((nibbles + 0x0606) >> 4 & 0x0101) * 7,
            Spelling::EbcdicDigits => nibbles | 0xF0F0,
        }
    }

    /// Eight nibbles, each in a byte of its own.
    #[inline(always)]
    fn spell_word(self, nibbles: u64) -> u64 {
        match self {
            Spelling::AsciiTrack => nibbles | each(0x30),
            Spelling::Hex => (nibbles | each(0x30)) + ((nibbles + each(6)) >> 4 & each(1)) * 7,
            Spelling::EbcdicDigits => nibbles | each(0xF0),
        }
    }

    #[inline(always)]
    pub(crate) fn spell_one(self, nibble: u8) -> u8 {
        self.spell(u16::from(nibble)) as u8
    }
}

/// Writes two characters for each byte. `text` is twice as long as `packed`; if it is shorter, only so much is written.
#[inline]
pub(crate) fn unpack(packed: &[u8], text: &mut [u8], spelling: Spelling) {
    if text.len() != packed.len() * 2 {
        unpack_bytes(packed, text, spelling);
        return;
    }
    #[cfg(target_arch = "x86_64")]
    if packed.len() >= 8 {
        return crate::sse2::unpack(packed, text, spelling);
    }
    unpack_words(packed, text, spelling);
}

/// As [`unpack`], four bytes at a time: what other architectures do with all that is longer.
#[inline]
pub(crate) fn unpack_words(packed: &[u8], text: &mut [u8], spelling: Spelling) {
    if let (Some(first), Some(last)) = (packed.first_chunk(), packed.last_chunk()) {
        // Four bytes at a time; the last four may overlap those before.
        let characters = |group: &[u8; 4]| {
            spelling
                .spell_word(u32_to_nibbles(u32::from_be_bytes(*group)))
                .to_be_bytes()
        };
        for (group, place) in packed.as_chunks().0.iter().zip(text.as_chunks_mut().0) {
            *place = characters(group);
        }
        if let Some(place) = text.first_chunk_mut() {
            *place = characters(first);
        }
        if let Some(place) = text.last_chunk_mut() {
            *place = characters(last);
        }
    } else {
        unpack_bytes(packed, text, spelling);
    }
}

/// As [`unpack`], byte by byte.
#[inline]
pub(crate) fn unpack_bytes(packed: &[u8], text: &mut [u8], spelling: Spelling) {
    for (byte, pair) in packed.iter().zip(text.as_chunks_mut::<2>().0) {
        let byte = u16::from(*byte);
        *pair = spelling
            .spell((byte >> 4 | byte << 8) & 0x0F0F)
            .to_le_bytes();
    }
}

/// Writes one byte for each two characters: digits of ASCII or EBCDIC, ASCII `=` and hex letters. `text` is twice as long
/// as `packed`.
#[inline]
pub(crate) fn pack(text: &[u8], packed: &mut [u8]) {
    if text.len() != packed.len() * 2 {
        pack_pairs(text, packed);
        return;
    }
    #[cfg(target_arch = "x86_64")]
    if text.len() >= 16 {
        return crate::sse2::pack(text, packed);
    }
    pack_words(text, packed);
}

/// As [`pack`], eight characters at a time: what other architectures do with all that is longer.
#[inline]
pub(crate) fn pack_words(text: &[u8], packed: &mut [u8]) {
    if let (Some(first), Some(last)) = (text.first_chunk(), text.last_chunk()) {
        // Eight characters at a time; the last eight may overlap those before.
        for (group, place) in text.as_chunks().0.iter().zip(packed.as_chunks_mut().0) {
            *place = hex_to_u32(group).to_be_bytes();
        }
        if let Some(place) = packed.first_chunk_mut() {
            *place = hex_to_u32(first).to_be_bytes();
        }
        if let Some(place) = packed.last_chunk_mut() {
            *place = hex_to_u32(last).to_be_bytes();
        }
    } else {
        pack_pairs(text, packed);
    }
}

/// As [`pack`], pair by pair.
#[inline]
pub(crate) fn pack_pairs(text: &[u8], packed: &mut [u8]) {
    for (pair, byte) in text.as_chunks::<2>().0.iter().zip(packed) {
        let nibbles = pair_nibbles(u16::from_le_bytes(*pair));
        *byte = (nibbles << 4 | nibbles >> 8) as u8;
    }
}

/// As [`hex_nibbles`], for two characters.
#[inline(always)]
fn pair_nibbles(pair: u16) -> u16 {
    (pair & 0x0F0F) + (pair >> 6 & !(pair >> 7) & 0x0101) * 9
}

/// The nibble of one character, see [`hex_nibbles`].
#[inline]
pub(crate) fn pack_one(character: u8) -> u8 {
    pair_nibbles(u16::from(character)) as u8
}

/// As [`pack`] for the first `length` characters of `text`, but a whole group at a time: what stands behind them in both
/// may be read, and be written. Where there is not enough, exactly. A group costs less than the choice of a smaller one.
#[inline(always)]
pub(crate) fn pack_loosely(text: &[u8], length: usize, packed: &mut [u8]) {
    let groups = length.div_ceil(16);
    if let (Some(text), Some(packed)) = (text.get(..groups * 16), packed.get_mut(..groups * 8)) {
        for (group, place) in text.as_chunks().0.iter().zip(packed.as_chunks_mut().0) {
            *place = pack_group(group);
        }
    } else if let (Some(text), Some(packed)) = (text.get(..length), packed.get_mut(..length / 2)) {
        pack(text, packed);
    }
}

#[inline(always)]
fn pack_group(text: &[u8; 16]) -> [u8; 8] {
    #[cfg(target_arch = "x86_64")]
    return crate::sse2::pack_group(text);
    #[cfg(not(target_arch = "x86_64"))]
    return pack_group_by_words(text);
}

#[cfg(any(test, not(target_arch = "x86_64")))]
fn pack_group_by_words(text: &[u8; 16]) -> [u8; 8] {
    let text = u128::from_be_bytes(*text);
    let half = |word: u64| u64::from(nibbles_to_u32(hex_nibbles(word)));
    (half((text >> 64) as u64) << 32 | half(text as u64)).to_be_bytes()
}

/// As [`unpack`] for the first `length` bytes of `packed`, loosely as [`pack_loosely`].
#[inline(always)]
pub(crate) fn unpack_loosely(packed: &[u8], length: usize, text: &mut [u8], spelling: Spelling) {
    let groups = length.div_ceil(8);
    if let (Some(packed), Some(text)) = (packed.get(..groups * 8), text.get_mut(..groups * 16)) {
        for (group, place) in packed.as_chunks().0.iter().zip(text.as_chunks_mut().0) {
            *place = unpack_group(group, spelling);
        }
    } else if let (Some(packed), Some(text)) = (packed.get(..length), text.get_mut(..length * 2)) {
        unpack(packed, text, spelling);
    }
}

/// Two characters for each of eight bytes.
#[inline(always)]
pub(crate) fn unpack_group(packed: &[u8; 8], spelling: Spelling) -> [u8; 16] {
    #[cfg(target_arch = "x86_64")]
    return crate::sse2::unpack_group(packed, spelling);
    #[cfg(not(target_arch = "x86_64"))]
    return unpack_group_by_words(packed, spelling);
}

#[cfg(any(test, not(target_arch = "x86_64")))]
fn unpack_group_by_words(packed: &[u8; 8], spelling: Spelling) -> [u8; 16] {
    let bits = u64::from_be_bytes(*packed);
    let half = |bits: u32| spelling.spell_word(u32_to_nibbles(bits));
    let text = u128::from(half((bits >> 32) as u32)) << 64 | u128::from(half(bits as u32));
    text.to_be_bytes()
}

/// Copies the first `length` bytes of `from`, loosely as [`pack_loosely`].
#[inline(always)]
pub(crate) fn copy_loosely(from: &[u8], length: usize, to: &mut [u8]) {
    if length <= 32
        && let (Some(from), Some(to)) = (from.first_chunk::<32>(), to.first_chunk_mut::<32>())
    {
        *to = *from;
    } else if let (Some(from), Some(to)) = (from.get(..length), to.get_mut(..length)) {
        copy(from, to);
    }
}

/// The number that ASCII or EBCDIC digits say; at most 18 of them.
#[inline]
pub(crate) fn digits_to_number(digits: &[u8]) -> u64 {
    let (words, rest) = digits.as_chunks::<8>();
    let mut number = 0;
    for word in words {
        number = number * 100_000_000 + eight_digits(u64::from_le_bytes(*word) & each(0x0F));
    }
    rest.iter().fold(number, |number, digit| {
        number * 10 + u64::from(digit & 0x0F)
    })
}

/// The number that packed digits say; at most 9 bytes.
#[inline]
pub(crate) fn packed_to_number(packed: &[u8]) -> u64 {
    let (words, rest) = packed.as_chunks::<4>();
    let mut number = 0;
    for word in words {
        number = number * 100_000_000
            + eight_digits(u32_to_nibbles(u32::from_be_bytes(*word)).swap_bytes());
    }
    rest.iter().fold(number, |number, byte| {
        number * 100 + u64::from(byte >> 4) * 10 + u64::from(byte & 0x0F)
    })
}

/// Spreads 32 bits to eight nibbles, each in a byte of its own.
#[inline(always)]
fn u32_to_nibbles(bits: u32) -> u64 {
    let word = u64::from(bits);
    let word = (word | word << 16) & 0x0000_FFFF_0000_FFFF;
    let word = (word | word << 8) & 0x00FF_00FF_00FF_00FF;
    (word | word << 4) & each(0x0F)
}

/// Eight digit values, the first in the lowest byte: pairs, then fours, then all, each step one multiplication.
#[inline(always)]
fn eight_digits(word: u64) -> u64 {
    let pairs = (word * 10 + (word >> 8)) & 0x00FF_00FF_00FF_00FF;
    let fours = (pairs * 100 + (pairs >> 16)) & 0x0000_FFFF_0000_FFFF;
    (fours * 10_000 + (fours >> 32)) & 0xFFFF_FFFF
}

/// Copies bytes of equal length, without a call into the C library where they are few (measured: 1 ns against 4): as two
/// pieces of a fixed size that overlap where the length is between two sizes.
#[inline(always)]
pub(crate) fn copy(from: &[u8], to: &mut [u8]) {
    if from.len() != to.len() {
        return;
    }
    if from.len() > 64 {
        to.copy_from_slice(from);
    } else if let (Some(first), Some(last)) = (from.first_chunk::<32>(), from.last_chunk::<32>()) {
        if let Some(place) = to.first_chunk_mut() {
            *place = *first;
        }
        if let Some(place) = to.last_chunk_mut() {
            *place = *last;
        }
    } else if let (Some(first), Some(last)) = (from.first_chunk::<16>(), from.last_chunk::<16>()) {
        if let Some(place) = to.first_chunk_mut() {
            *place = *first;
        }
        if let Some(place) = to.last_chunk_mut() {
            *place = *last;
        }
    } else if let (Some(first), Some(last)) = (from.first_chunk::<8>(), from.last_chunk::<8>()) {
        if let Some(place) = to.first_chunk_mut() {
            *place = *first;
        }
        if let Some(place) = to.last_chunk_mut() {
            *place = *last;
        }
    } else if let (Some(first), Some(last)) = (from.first_chunk::<4>(), from.last_chunk::<4>()) {
        if let Some(place) = to.first_chunk_mut() {
            *place = *first;
        }
        if let Some(place) = to.last_chunk_mut() {
            *place = *last;
        }
    } else {
        for (place, byte) in to.iter_mut().zip(from) {
            *place = *byte;
        }
    }
}

/// Translates between the character sets, byte by byte.
#[inline]
pub(crate) fn translate(from: &[u8], to: &mut [u8], table: &[u8; 256]) {
    for (place, byte) in to.iter_mut().zip(from) {
        *place = table.get(usize::from(*byte)).copied().unwrap_or_default();
    }
}

/// EBCDIC bytes as ASCII; only right where all of them are ASCII characters.
#[inline]
pub(crate) fn ascii_from_ebcdic(from: &[u8], to: &mut [u8]) {
    translate(from, to, &charset::LATIN1_FROM_EBCDIC);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every way of writing agrees with the one byte by byte, at every short length and for every byte.
    #[test]
    fn groups_agree_with_single_bytes() {
        for length in 0..=40_usize {
            for shift in 0..16 {
                let packed: Vec<u8> = (0..length)
                    .map(|place| (place * 17 + shift * 16 + place / 16) as u8)
                    .collect();
                for spelling in [Spelling::Hex, Spelling::AsciiTrack, Spelling::EbcdicDigits] {
                    let mut text = vec![0; length * 2];
                    let mut words = text.clone();
                    let mut expected = text.clone();
                    unpack(&packed, &mut text, spelling);
                    unpack_words(&packed, &mut words, spelling);
                    unpack_bytes(&packed, &mut expected, spelling);
                    assert_eq!(text, expected, "{spelling:?} {packed:02X?}");
                    assert_eq!(words, expected, "{spelling:?} {packed:02X?}");
                }
            }
        }
        let characters: Vec<u8> = (b'0'..=b'9')
            .chain(b'A'..=b'F')
            .chain(b'a'..=b'f')
            .chain([b'='])
            .chain(0xF0..=0xF9)
            .collect();
        for length in 0..=40_usize {
            for shift in 0..characters.len() {
                let text: Vec<u8> = (shift..shift + length * 2)
                    .map(|place| characters[place % characters.len()])
                    .collect();
                let mut packed = vec![0; length];
                let mut words = packed.clone();
                let mut expected = packed.clone();
                pack(&text, &mut packed);
                pack_words(&text, &mut words);
                pack_pairs(&text, &mut expected);
                assert_eq!(packed, expected, "{text:02X?}");
                assert_eq!(words, expected, "{text:02X?}");
            }
        }
    }

    /// However much stands behind a value, and however much room there is behind its place: enough for whole groups, or
    /// not. Only the value's own bytes count.
    #[test]
    fn loose_ways_agree_with_exact_ones() {
        for length in (0..=80_usize).step_by(2) {
            for behind in [0, 1, 7, 15, 16, 33] {
                let characters: Vec<u8> = (0..length + behind)
                    .map(|place| b"0123456789ABCDEFabcdef=\xF0\xF9"[place * 7 % 25])
                    .collect();
                let mut expected = vec![0; length / 2];
                pack(&characters[..length], &mut expected);
                let mut packed = vec![0; length / 2 + behind];
                pack_loosely(&characters, length, &mut packed);
                assert_eq!(packed[..length / 2], expected, "{length} and {behind}");

                let mut copied = vec![0; length + behind];
                copy_loosely(&characters, length, &mut copied);
                assert_eq!(copied[..length], characters[..length]);

                for spelling in [Spelling::Hex, Spelling::AsciiTrack, Spelling::EbcdicDigits] {
                    let mut expected = vec![0; length * 2];
                    unpack(&characters[..length], &mut expected, spelling);
                    let mut text = vec![0; length * 2 + behind];
                    unpack_loosely(&characters, length, &mut text, spelling);
                    assert_eq!(text[..length * 2], expected, "{length} and {behind}");
                }
            }
        }
    }

    /// Both ways to change a group, for every pair of characters and every byte.
    #[test]
    fn groups_by_words_agree_with_those_in_registers() {
        for byte in 0..=u8::MAX {
            let packed: [u8; 16] =
                core::array::from_fn(|place| byte.wrapping_add((place * 37) as u8));
            let ([first, second], _) = packed.as_chunks::<8>() else {
                panic!();
            };
            for spelling in [Spelling::Hex, Spelling::AsciiTrack, Spelling::EbcdicDigits] {
                let halves = [first, second].map(|half| unpack_group_by_words(half, spelling));
                assert_eq!(
                    halves,
                    [first, second].map(|half| unpack_group(half, spelling))
                );
            }
            for other in 0..=u8::MAX {
                let belongs = |byte: u8| {
                    byte.is_ascii_hexdigit() || byte == b'=' || (0xF0..=0xF9).contains(&byte)
                };
                if !belongs(byte) || !belongs(other) {
                    continue;
                }
                let text: [u8; 32] =
                    core::array::from_fn(|place| if place % 3 == 0 { byte } else { other });
                let ([first, second], _) = text.as_chunks::<16>() else {
                    panic!();
                };
                let halves = [first, second].map(pack_group_by_words);
                assert_eq!(halves, [first, second].map(pack_group));
            }
        }
    }

    #[test]
    fn packing_and_unpacking() {
        for length in 0..=40_usize {
            let packed: Vec<u8> = (0..length).map(|place| (place * 37 + 0x9D) as u8).collect();
            let mut text = vec![0; length * 2];
            unpack(&packed, &mut text, Spelling::Hex);
            let expected: String = packed.iter().map(|byte| format!("{byte:02X}")).collect();
            assert_eq!(text, expected.as_bytes());
            let mut again = vec![0; length];
            pack(&text, &mut again);
            assert_eq!(again, packed);
            pack(expected.to_ascii_lowercase().as_bytes(), &mut again);
            assert_eq!(again, packed);
        }
        let mut text = [0; 12];
        unpack(
            &[0x41, 0x11, 0xD2, 0x93, 0x41, 0xD0],
            &mut text,
            Spelling::AsciiTrack,
        );
        assert_eq!(&text, b"4111=29341=0");
        unpack(
            &[0x41, 0x11, 0x22, 0x93, 0x41, 0x09],
            &mut text,
            Spelling::EbcdicDigits,
        );
        assert_eq!(
            text,
            [
                0xF4, 0xF1, 0xF1, 0xF1, 0xF2, 0xF2, 0xF9, 0xF3, 0xF4, 0xF1, 0xF0, 0xF9
            ]
        );
        let mut packed = [0; 6];
        pack(b"4111=29341D0", &mut packed);
        assert_eq!(packed, [0x41, 0x11, 0xD2, 0x93, 0x41, 0xD0]);
        pack(&text, &mut packed);
        assert_eq!(packed, [0x41, 0x11, 0x22, 0x93, 0x41, 0x09]);
    }

    #[test]
    fn numbers() {
        for number in [
            0,
            7,
            12_345,
            99_999_999,
            100_000_000,
            123_456_789_012,
            999_999_999_999_999_999_u64,
        ] {
            let digits = format!("{number:018}");
            assert_eq!(digits_to_number(digits.as_bytes()), number);
            let mut packed = [0; 9];
            pack(digits.as_bytes(), &mut packed);
            assert_eq!(packed_to_number(&packed), number);
        }
        assert_eq!(digits_to_number(&[0xF1, 0xF2, 0xF3]), 123);
        assert_eq!(packed_to_number(&[0x01, 0x23]), 123);
    }

    #[test]
    fn copying() {
        let from: Vec<u8> = (0..100).collect();
        for length in 0..=100 {
            let mut to = vec![0xFF; length];
            copy(&from[..length], &mut to);
            assert_eq!(to, from[..length]);
        }
    }
}
