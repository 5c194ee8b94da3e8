//! Card numbers where a broken message has no business having them.
//!
//! A message that lost its head, or has a bit too many in its bitmap, is read out of step: its card number then stands in
//! fields that nobody hides. What tells it from other digits is what it was written with: a check digit that is right,
//! and its length before it or the separator of a track behind it.

use std::ops::Range;

use crate::card::Pan;

/// The shortest and the longest card number.
const DIGITS: Range<usize> = 13..20;
/// Different card numbers whose repetitions are looked for. A message is about one or two.
const CARDS_MAX: usize = 8;

/// A digit of some spelling, the separator of a track, or anything else.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mark {
    Digit(u8),
    Separator,
    Other,
}

/// The bytes in which card numbers stand, with what follows them in a track.
pub(super) fn card_numbers(bytes: &[u8]) -> Vec<Range<usize>> {
    let ascii = bytes.iter().map(|byte| match byte {
        b'0'..=b'9' => Mark::Digit(byte - b'0'),
        b'=' | b'D' => Mark::Separator,
        _ => Mark::Other,
    });
    let ebcdic = bytes.iter().map(|byte| match byte {
        0xF0..=0xF9 => Mark::Digit(byte & 0x0F),
        0x7E | 0xC4 => Mark::Separator,
        _ => Mark::Other,
    });
    let packed =
        bytes
            .iter()
            .flat_map(|byte| [byte >> 4, byte & 0x0F])
            .map(|nibble| match nibble {
                0..=9 => Mark::Digit(nibble),
                0xD => Mark::Separator,
                _ => Mark::Other,
            });
    let mut found = search(&ascii.collect::<Vec<Mark>>());
    found.extend(search(&ebcdic.collect::<Vec<Mark>>()));
    let nibbles = search(&packed.collect::<Vec<Mark>>());
    // No card number has a 3 or an F for every other digit: bytes of that form are characters, not packed digits.
    let is_text = |range: &Range<usize>| {
        let characters = bytes.get(range.clone()).unwrap_or_default();
        characters
            .iter()
            .all(|byte| matches!(byte, 0x30..=0x3F | 0xF0..=0xFF))
    };
    let packed = nibbles
        .into_iter()
        .map(|range| range.start / 2..range.end.div_ceil(2))
        .filter(|range| !is_text(range));
    found.extend(packed);
    found
}

fn search(marks: &[Mark]) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut known: Vec<&[Mark]> = Vec::new();
    for start in 0..marks.len() {
        // ISO/IEC 7812-1: the first digit is the industry, and no issuer's is 0.
        if !matches!(marks.get(start), Some(Mark::Digit(1..=9))) {
            continue;
        }
        for count in DIGITS {
            let end = start + count;
            let ends_in_track = marks.get(end) == Some(&Mark::Separator);
            if !ends_in_track && !is_announced(marks, start, count) {
                continue;
            }
            let digits: Option<Vec<u8>> = marks.get(start..end).and_then(|marks| {
                let digit = |mark: &Mark| match mark {
                    Mark::Digit(digit) => Some(digit + b'0'),
                    Mark::Separator | Mark::Other => None,
                };
                marks.iter().map(digit).collect()
            });
            let pan = digits.and_then(|digits| Pan::parse(&digits));
            if pan.is_some_and(|pan| pan.luhn_ok()) {
                let card = marks.get(start..end).unwrap_or_default();
                if known.len() < CARDS_MAX && !known.contains(&card) {
                    known.push(card);
                }
                let rest = marks.get(end..).unwrap_or_default();
                let track = rest
                    .iter()
                    .take_while(|mark| ends_in_track && **mark != Mark::Other);
                found.push(start..end + track.count());
            }
        }
    }
    // What was found once is the same number where nothing tells it.
    for card in known {
        let places = marks.windows(card.len()).enumerate();
        found.extend(
            places
                .filter(|(_, window)| *window == card)
                .map(|(start, _)| start..start + card.len()),
        );
    }
    found
}

/// Does its length stand before it, perhaps with a filler between them?
fn is_announced(marks: &[Mark], start: usize, count: usize) -> bool {
    let at = |back: usize| start.checked_sub(back).and_then(|at| marks.get(at));
    let is_length = |tens: Option<&Mark>, ones: Option<&Mark>| match (tens, ones) {
        (Some(Mark::Digit(tens)), Some(Mark::Digit(ones))) => {
            usize::from(*tens) * 10 + usize::from(*ones) == count
        }
        _ => false,
    };
    is_length(at(2), at(1)) || at(1) == Some(&Mark::Digit(0)) && is_length(at(3), at(2))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(bytes: &[u8], expected: &[(usize, usize)]) {
        // The place of a number is found once by what tells it, and once as that of a known number.
        let mut found = card_numbers(bytes);
        found.retain(|range| {
            !expected
                .iter()
                .any(|(start, end)| *start == range.start && range.end < *end)
        });
        found.dedup();
        let found: Vec<(usize, usize)> = found
            .into_iter()
            .map(|range| (range.start, range.end))
            .collect();
        assert_eq!(found, expected, "{bytes:02X?}");
    }

    fn hex(text: &str) -> Vec<u8> {
        crate::mask::bytes_of_hex(text).unwrap()
    }

    #[test]
    fn in_three_spellings_with_length_or_separator() {
        check(b"xx164539578763621486000", &[(4, 20)]);
        check(b"4539578763621486=3012201?", &[(0, 24)]);
        check(&hex("F1F6F4F5F3F9F5F7F8F7F6F3F6F2F1F4F8F6"), &[(2, 18)]);
        check(&hex("00164539578763621486FF"), &[(2, 10)]);
        check(&hex("004539578763621486D3012FF0"), &[(1, 12)]);
        // An odd count, with its filler: 378282246310005.
        check(&hex("150378282246310005"), &[(1, 9)]);
    }

    #[test]
    fn the_same_number_again() {
        check(b"164539578763621486x4539578763621486", &[(2, 18), (19, 35)]);
    }

    #[test]
    fn other_digits_are_none() {
        check(b"4539578763621486000000", &[]);
        check(b"164539578763621487", &[]);
        check(b"000000000000000000000000000000", &[]);
        check(b"", &[]);
    }
}
