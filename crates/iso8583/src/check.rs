//! Which bytes may stand in a value.
//!
//! A byte-wise loop costs a branch or a table look-up per byte; most of a message is digits, packed digits or hex, and
//! checking them is most of the work of reading it. So whole runs are checked: sixteen bytes at a time in a vector register
//! where the architecture always has those, eight at a time in a `u64` elsewhere.

#[cfg(any(test, not(target_arch = "x86_64")))]
mod words;

#[cfg(test)]
use crate::charset::Charset;
#[cfg(test)]
use crate::field::{CodePage, Content};

/// What a run of bytes is held to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Check {
    /// Any bytes.
    Nothing,
    AsciiDigits,
    EbcdicDigits,
    /// Two digits a byte.
    PackedDigits,
    /// Two digits or track separators a byte.
    PackedTrack,
    AsciiTrack,
    EbcdicTrack,
    AsciiLetters,
    EbcdicLetters,
    AsciiAlphanumeric,
    EbcdicAlphanumeric,
    AsciiPrintable,
    EbcdicPrintable,
    /// ASCII hex characters in either case.
    Hex,
}

impl Check {
    /// Do all bytes belong to the class?
    #[inline]
    pub(crate) fn holds(self, bytes: &[u8]) -> bool {
        #[cfg(target_arch = "x86_64")]
        return crate::sse2::holds(self, bytes);
        #[cfg(not(target_arch = "x86_64"))]
        return words::holds(self, bytes);
    }
}

/// The classes are the same in every code page.
#[cfg(test)]
const EBCDIC: Charset = Charset::Ebcdic(CodePage::Ebcdic500);

#[cfg(test)]
pub(crate) type Definition = fn(u8) -> bool;

/// What the classes are, byte by byte.
#[cfg(test)]
pub(crate) const DEFINITIONS: [(Check, Definition); 14] = [
    (Check::Nothing, |_| true),
    (Check::AsciiDigits, |byte| byte.is_ascii_digit()),
    (Check::EbcdicDigits, |byte| (0xF0..=0xF9).contains(&byte)),
    (Check::PackedDigits, |byte| byte >> 4 <= 9 && byte & 15 <= 9),
    (Check::PackedTrack, |byte| {
        [byte >> 4, byte & 15]
            .iter()
            .all(|nibble| *nibble <= 9 || *nibble == 13)
    }),
    (Check::AsciiTrack, |byte| {
        byte.is_ascii_digit() || byte == b'=' || byte == b'D'
    }),
    (Check::EbcdicTrack, |byte| EBCDIC.allows(Content::Z, byte)),
    (Check::AsciiLetters, |byte| {
        byte.is_ascii_alphabetic() || byte == b' '
    }),
    (Check::EbcdicLetters, |byte| EBCDIC.allows(Content::A, byte)),
    (Check::AsciiAlphanumeric, |byte| {
        byte.is_ascii_alphanumeric() || byte == b' '
    }),
    (Check::EbcdicAlphanumeric, |byte| {
        EBCDIC.allows(Content::An, byte)
    }),
    (Check::AsciiPrintable, |byte| (0x20..=0x7E).contains(&byte)),
    (Check::EbcdicPrintable, |byte| {
        EBCDIC.allows(Content::Ans, byte)
    }),
    (Check::Hex, |byte| byte.is_ascii_hexdigit()),
];

#[cfg(test)]
mod tests {
    use super::*;

    /// Two blocks and a half; Miri, which takes a thousand times as long, sees one and a bit.
    const LENGTHS: usize = if cfg!(miri) { 18 } else { 40 };

    /// Both ways, which must agree.
    fn holds(check: Check, bytes: &[u8]) -> bool {
        let holds = check.holds(bytes);
        assert_eq!(holds, words::holds(check, bytes), "{check:?} {bytes:02X?}");
        holds
    }

    /// Every byte at every place of runs of every short length, between neighbours that are as disturbing as can be.
    #[test]
    fn checks_agree_with_their_definition() {
        for (check, belongs) in DEFINITIONS {
            let inside: Vec<u8> = (0..=255).filter(|byte| belongs(*byte)).collect();
            for filler in [
                inside[0],
                inside[inside.len() / 2],
                inside[inside.len() - 1],
            ] {
                for length in 0..=LENGTHS {
                    let mut run = vec![filler; length];
                    assert!(holds(check, &run), "{check:?} {filler:02X} × {length}");
                    for place in 0..length {
                        for byte in (0..=255).step_by(if cfg!(miri) { 51 } else { 1 }) {
                            run[place] = byte;
                            assert_eq!(
                                holds(check, &run),
                                belongs(byte),
                                "{check:?}: {byte:02X} at {place} of {length}"
                            );
                        }
                        run[place] = filler;
                    }
                }
            }
        }
    }

    /// All pairs of neighbours, because a byte above 0x7F may carry into the next.
    #[test]
    fn checks_are_not_fooled_by_a_neighbour() {
        for (check, belongs) in DEFINITIONS {
            let step = if cfg!(miri) { 51 } else { 1 };
            for first in (0..=255_u8).step_by(step) {
                for second in (0..=255_u8).step_by(step) {
                    let expected = belongs(first) && belongs(second);
                    let run = [first, second, first, second, first, second, first, second];
                    assert_eq!(
                        holds(check, &run),
                        expected,
                        "{check:?} {first:02X} {second:02X}"
                    );
                }
            }
        }
    }
}
