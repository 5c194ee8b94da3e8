//! What people may see of a value: card numbers keep their first six and last four digits, secrets keep nothing.
//!
//! PCI DSS 3.4.1 allows at most the BIN and the last four digits of a card number to be shown. Every function here keeps
//! the length of the text and puts `*` in the place of what it hides, so that columns, lengths and offsets stay true.
//! Where a text cannot be understood (a track without separator, field 55 that is no TLV) the doubt falls on the side
//! of hiding.

use crate::field::{Content, Field, Sensitive};
use crate::tlv;

mod digits;

/// Does somebody who may see card data ask for it?
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Unmask {
    /// Card data is masked.
    #[default]
    No,
    /// Everything is shown as it is.
    Yes,
}

/// Stands for a hidden character.
pub const HIDDEN: char = '*';

/// The shortest and the longest card number (ISO/IEC 7812-1 allows up to 19 digits; below 13 none is issued any more).
const PAN_DIGITS_MIN: usize = 13;
const PAN_DIGITS_MAX: usize = 19;
const SHOWN_FIRST: usize = 6;
const SHOWN_LAST: usize = 4;

/// The value of `field` as people may see it. `text` is its canonical text: hex for `b` fields.
#[must_use]
pub fn field(field: &Field, text: &str) -> String {
    let characters: Vec<char> = text.chars().collect();
    let hidden = match field.sensitive {
        Sensitive::No => return text.to_owned(),
        Sensitive::Pan => hidden_in_pan(&characters),
        Sensitive::Track if field.content == Content::Z => {
            hidden_in_track(&characters, &['=', 'D'])
        }
        Sensitive::Track => hidden_in_track(&characters, &['^']),
        Sensitive::Pin | Sensitive::Secret => vec![true; characters.len()],
        Sensitive::Icc => hidden_in_icc(&characters),
        Sensitive::FreeText if field.content == Content::B => hidden_in_hex(&characters),
        Sensitive::FreeText => hidden_in_text(&characters),
    };
    covered(&characters, &hidden)
}

/// A card number: first six and last four digits, or only the last four of one too short to be a card's.
#[must_use]
pub fn pan(text: &str) -> String {
    let characters: Vec<char> = text.chars().collect();
    covered(&characters, &hidden_in_pan(&characters))
}

/// Text of unknown make: the card numbers in it are masked.
#[must_use]
pub fn free_text(text: &str) -> String {
    let characters: Vec<char> = text.chars().collect();
    covered(&characters, &hidden_in_text(&characters))
}

/// Hex of bytes of unknown make, as in a dump around an error: card numbers in it are masked whether they are written
/// packed, in ASCII or in EBCDIC.
#[must_use]
pub fn hex_dump(bytes: &[u8]) -> String {
    let characters: Vec<char> = bytes.iter().flat_map(|byte| hex_pair(*byte)).collect();
    covered(&characters, &hidden_in_hex(&characters))
}

fn hex_pair(byte: u8) -> [char; 2] {
    [byte >> 4, byte & 0x0F].map(|nibble| {
        char::from_digit(u32::from(nibble), 16).map_or('?', |digit| digit.to_ascii_uppercase())
    })
}

fn covered(characters: &[char], hidden: &[bool]) -> String {
    characters
        .iter()
        .zip(hidden)
        .map(|(character, hidden)| if *hidden { HIDDEN } else { *character })
        .collect()
}

fn hidden_in_pan(characters: &[char]) -> Vec<bool> {
    let count = characters.len();
    let first = if count < PAN_DIGITS_MIN {
        0
    } else {
        SHOWN_FIRST
    };
    // Of something too short even for the last four to be a small part, nothing is shown.
    let last = if count <= 2 * SHOWN_LAST {
        0
    } else {
        SHOWN_LAST
    };
    (0..count)
        .map(|place| place >= first && place < count - last)
        .collect()
}

/// Track data: `[%B]PAN separator ...`. The PAN is masked, the separators are kept, all else is hidden: name, expiry,
/// service code and the discretionary data with its security code.
fn hidden_in_track(characters: &[char], separators: &[char]) -> Vec<bool> {
    let mut hidden: Vec<bool> = characters
        .iter()
        .map(|character| !separators.contains(character))
        .collect();
    let start = characters
        .iter()
        .take(2)
        .take_while(|character| !character.is_ascii_digit())
        .count();
    let end = characters
        .iter()
        .position(|character| separators.contains(character));
    // Track 3 has two digits of format code before the PAN (ISO/IEC 4909). A longer run, or a track without
    // separator, is no PAN alone: only its beginning may be shown, for its end may be the security code.
    let plausible = PAN_DIGITS_MIN..=PAN_DIGITS_MAX + 2;
    match end {
        Some(end) if end >= start && plausible.contains(&(end - start)) => {
            show(&mut hidden, start, SHOWN_FIRST);
            show(&mut hidden, end - SHOWN_LAST, SHOWN_LAST);
        }
        None if characters.len() >= start + PAN_DIGITS_MIN => show(&mut hidden, start, SHOWN_FIRST),
        _ => {}
    }
    hidden
}

fn show(hidden: &mut [bool], start: usize, count: usize) {
    hidden
        .iter_mut()
        .skip(start)
        .take(count)
        .for_each(|place| *place = false);
}

fn hide(hidden: &mut [bool], start: usize, count: usize) {
    hidden
        .iter_mut()
        .skip(start)
        .take(count)
        .for_each(|place| *place = true);
}

fn merge(hidden: &mut [bool], start: usize, other: &[bool]) {
    hidden
        .iter_mut()
        .skip(start)
        .zip(other)
        .for_each(|(place, other)| *place |= other);
}

fn hidden_in_text(characters: &[char]) -> Vec<bool> {
    digits::hidden(&digit_values(characters))
}

fn digit_values(characters: &[char]) -> Vec<Option<u8>> {
    characters
        .iter()
        .map(|character| digit_value(*character))
        .collect()
}

fn digit_value(character: char) -> Option<u8> {
    character
        .to_digit(10)
        .and_then(|digit| u8::try_from(digit).ok())
}

/// Hex text: runs of packed digits, and of ASCII and EBCDIC digits (`34` and `F4` are both a 4).
fn hidden_in_hex(characters: &[char]) -> Vec<bool> {
    let mut packed = digit_values(characters);
    let mut hidden = vec![false; characters.len()];
    for high in ['3', 'F'] {
        let values: Vec<Option<u8>> = characters
            .chunks(2)
            .map(|pair| match pair {
                [first, second] if *first == high => digit_value(*second),
                _ => None,
            })
            .collect();
        let mut byte = 0;
        for run in values.split(Option::is_none) {
            // No card number has a 3 for every other digit: so many bytes of that form are text, not packed digits.
            if run.len() * 2 > PAN_DIGITS_MIN {
                packed
                    .iter_mut()
                    .skip(byte * 2)
                    .take(run.len() * 2)
                    .for_each(|value| *value = None);
            }
            byte += run.len() + 1;
        }
        for (byte, is_hidden) in digits::hidden(&values).into_iter().enumerate() {
            if is_hidden {
                hide(&mut hidden, byte * 2, 2);
            }
        }
    }
    merge(&mut hidden, 0, &digits::hidden(&packed));
    hidden
}

/// Field 55 as hex text: the elements that hold card data are masked, the others searched for card numbers, and
/// what is not readable as TLV is hidden whole.
fn hidden_in_icc(characters: &[char]) -> Vec<bool> {
    let Some(bytes) = bytes_of(characters) else {
        // A dialect of another make that carries field 55 as text.
        return hidden_in_text(characters);
    };
    let mut hidden = vec![false; characters.len()];
    let mut understood = 0;
    for element in tlv::walk(&bytes) {
        let Ok(element) = element else {
            hide(&mut hidden, understood * 2, characters.len());
            break;
        };
        let start = element.value_offset * 2;
        let value = characters
            .get(start..start + element.value.len() * 2)
            .unwrap_or_default();
        match tag_kind(element.tag) {
            Sensitive::No if element.constructed => {}
            Sensitive::No => merge(&mut hidden, start, &hidden_in_hex(value)),
            // Packed values shorter than whole bytes are filled with F nibbles (EMV 4.3 Book 3, 4.3: format cn).
            kind @ (Sensitive::Pan | Sensitive::Track) => {
                let filler = value
                    .iter()
                    .rev()
                    .take_while(|nibble| **nibble == 'F')
                    .count();
                let digits = value.get(..value.len() - filler).unwrap_or_default();
                let places = if kind == Sensitive::Pan {
                    hidden_in_pan(digits)
                } else {
                    hidden_in_track(digits, &['D'])
                };
                merge(&mut hidden, start, &places);
            }
            _ => hide(&mut hidden, start, value.len()),
        }
        understood = if element.constructed {
            element.value_offset
        } else {
            element.value_offset + element.value.len()
        };
    }
    hidden
}

/// What of field 55 must be hidden, by tag.
pub(crate) fn tag_kind(tag: tlv::Tag) -> Sensitive {
    match tag.0 {
        0x5A => Sensitive::Pan,
        0x57 | 0x9F6B => Sensitive::Track,
        // PIN data; names, expiry, track 1 and the discretionary data, which hold the security code.
        0x99 => Sensitive::Pin,
        0x56 | 0x5F20 | 0x5F24 | 0x9F0B | 0x9F1F | 0x9F20 => Sensitive::Secret,
        _ => Sensitive::No,
    }
}

/// The bytes of hex text; `None` if it is none.
pub(crate) fn bytes_of_hex(text: &str) -> Option<Vec<u8>> {
    bytes_of(&text.chars().collect::<Vec<char>>())
}

fn bytes_of(characters: &[char]) -> Option<Vec<u8>> {
    let nibble = |character: &char| {
        character
            .to_digit(16)
            .and_then(|digit| u8::try_from(digit).ok())
    };
    let nibbles: Option<Vec<u8>> = characters.iter().map(nibble).collect();
    let nibbles = nibbles?;
    let pairs = nibbles.chunks_exact(2);
    pairs.remainder().is_empty().then(|| {
        pairs
            .map(|pair| pair.iter().fold(0, |byte, nibble| byte << 4 | nibble))
            .collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(mask: fn(&[char]) -> Vec<bool>, text: &str) -> String {
        let characters: Vec<char> = text.chars().collect();
        covered(&characters, &mask(&characters))
    }

    #[test]
    fn a_card_number_keeps_six_and_four() {
        assert_eq!(pan("4111111111111111"), "411111******1111");
        assert_eq!(pan("6228480000000000123"), "622848*********0123");
        assert_eq!(pan("4222222222222"), "422222***2222");
        assert_eq!(pan("501800000009"), "********0009");
        assert_eq!(pan("12345678"), "********");
        assert_eq!(pan(""), "");
    }

    #[test]
    fn of_a_track_only_the_masked_card_number_is_shown() {
        let track2 = |text: &str| {
            let characters: Vec<char> = text.chars().collect();
            covered(&characters, &hidden_in_track(&characters, &['=', 'D']))
        };
        assert_eq!(
            track2("4111111111111111=29122011234567890"),
            "411111******1111=*****************"
        );
        assert_eq!(
            track2("4111111111111111D29122011234567890"),
            "411111******1111D*****************"
        );
        assert_eq!(
            track2("014111111111111111=724724=123"),
            "014111********1111=******=***"
        );
        assert_eq!(
            track2("411111111111111129122011234567890"),
            "411111***************************"
        );
        assert_eq!(track2("=411111111111111129"), "=******************");
        assert_eq!(track2("12345=2912"), "*****=****");
        assert_eq!(track2(""), "");

        let track1 = |text: &str| {
            let characters: Vec<char> = text.chars().collect();
            covered(&characters, &hidden_in_track(&characters, &['^']))
        };
        assert_eq!(
            track1("B4111111111111111^DOE/JOHN^2912201"),
            "*411111******1111^********^*******"
        );
        assert_eq!(track1("%B5555555555554444^A^29"), "**555555******4444^*^**");
        assert_eq!(track1("B DOE"), "*****");
    }

    #[test]
    fn free_text_loses_its_card_numbers() {
        assert_eq!(
            free_text("card 4111111111111111, 4111111111111112"),
            "card 411111******1111, 4111111111111112"
        );
        assert_eq!(free_text("RRN 123456789012"), "RRN 123456789012");
        assert_eq!(
            free_text("naïve 5555555555554444"),
            "naïve 555555******4444"
        );
    }

    #[test]
    fn card_numbers_in_bytes_are_found_in_three_writings() {
        assert_eq!(
            hex_dump(&[0x41, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11]),
            "411111******1111"
        );
        assert_eq!(
            hex_dump(&[0xA4, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x1A]),
            "A411111******1111A"
        );
        assert_eq!(
            hex_dump(b"A4111111111111111"),
            "41343131313131************31313131"
        );
        let ebcdic: Vec<u8> = b"4111111111111111"
            .iter()
            .map(|digit| digit - b'0' + 0xF0)
            .collect();
        assert_eq!(hex_dump(&ebcdic), "F4F1F1F1F1F1************F1F1F1F1");
        assert_eq!(hex_dump(b"PURCHASE"), "5055524348415345");
    }

    #[test]
    fn field_55_hides_by_tag() {
        assert_eq!(
            of(hidden_in_icc, "9F2701805A0841111111111111115F340101"),
            "9F2701805A08411111******11115F340101"
        );
        assert_eq!(
            of(hidden_in_icc, "5A0A6228480000000000123F"),
            "5A0A622848*********0123F"
        );
        assert_eq!(
            of(hidden_in_icc, "57114111111111111111D29122011234567890"),
            "5711411111******1111D*****************"
        );
        assert_eq!(of(hidden_in_icc, "5F2403291231"), "5F2403******");
        assert_eq!(
            of(hidden_in_icc, "5F2004444F45209F02060000000011119F1F023132"),
            "5F2004********9F02060000000011119F1F02****"
        );
        // Inside templates, and in private tags that nobody has a name for.
        assert_eq!(
            of(hidden_in_icc, "700A5A084111111111111111"),
            "700A5A08411111******1111"
        );
        assert_eq!(
            of(hidden_in_icc, "DF10084111111111111111"),
            "DF1008411111******1111"
        );
    }

    #[test]
    fn field_55_that_is_no_tlv_is_hidden_from_where_it_stops_making_sense() {
        assert_eq!(
            of(hidden_in_icc, "9F2701805A094111111111111111"),
            "9F270180********************"
        );
        assert_eq!(of(hidden_in_icc, "4111111111111111"), "****************");
        assert_eq!(of(hidden_in_icc, "41111"), "41111");
    }
}
