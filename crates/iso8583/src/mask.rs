//! What people may see of a value: card numbers keep their first six and last four digits, secrets keep nothing.
//!
//! PCI DSS 3.4.1 allows at most the BIN and the last four digits of a card number to be shown. Every function here keeps
//! the length of the text and puts `*` in the place of what it hides, so that columns, lengths and offsets stay true.
//! Where a text cannot be understood (a track without separator, field 55 that is no TLV) the doubt falls on the side
//! of hiding.

use crate::field::{Content, Field, Sensitive};
use crate::view::View;

mod digits;
mod icc;
pub(crate) mod parts;
mod pin_block;
mod wire;

use digits::{Search, Symbol};
pub(crate) use icc::disorder;
pub(crate) use icc::tag_kind;
pub use parts::{ShownPart, parts_in};
pub(crate) use wire::Wire;

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
    let hidden = hidden_by(field.sensitive, field.content, field.number, &characters);
    covered(&characters, &hidden)
}

/// The value of a field of a message as people may see it: with what its parts hide, too. `None`: it is not there.
#[must_use]
pub fn field_in(view: &View<'_>, number: u8) -> Option<String> {
    let masked = field(view.dialect().field(number)?, &view.to_text(number)?);
    let characters: Vec<char> = masked.chars().collect();
    let hidden = parts::hidden(view, number, characters.len());
    match hidden.is_empty() {
        true => Some(masked),
        false => Some(covered(&characters, &hidden)),
    }
}

fn hidden_by(sensitive: Sensitive, content: Content, number: u8, characters: &[char]) -> Vec<bool> {
    match sensitive {
        Sensitive::No => hidden_in_plain(number, content, characters),
        Sensitive::Pan => hidden_in_pan(characters),
        Sensitive::Track if content == Content::Z => hidden_in_track(characters, &['=', 'D']),
        Sensitive::Track => hidden_in_track(characters, &['^']),
        Sensitive::Pin | Sensitive::Secret => vec![true; characters.len()],
        Sensitive::Icc => icc::hidden(characters),
        Sensitive::FreeText if content == Content::B => hidden_in_hex(characters),
        Sensitive::FreeText => hidden_in_text(characters),
    }
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
    digits::hidden(&symbols_of(characters), Search::Anywhere)
}

fn symbols_of(characters: &[char]) -> Vec<Symbol> {
    characters.iter().copied().map(Symbol::of).collect()
}

/// A field that is not for card data, where it may stand nevertheless: a card number as a customer number, or all of it
/// moved by a host that counts wrong.
fn hidden_in_plain(number: u8, content: Content, characters: &[char]) -> Vec<bool> {
    /// MACs and keys are bytes of any value.
    const KEY_CHARACTERS: usize = 16;
    let nothing = || vec![false; characters.len()];
    match (number, content) {
        _ if characters.len() < PAN_DIGITS_MIN => nothing(),
        (_, Content::B) if characters.len() <= KEY_CHARACTERS => nothing(),
        (_, Content::B) => hidden_in_hex(characters),
        (90, _) if is_original_data(characters) => nothing(),
        (95, _) if is_replacement_amounts(characters) => nothing(),
        (90, _) => hidden_in_text(characters),
        _ => digits::hidden(&symbols_of(characters), Search::Alone),
    }
}

/// ISO 8583-1:1987 field 90: MTI, STAN, MMDDhhmmss and two institutions, 42 digits in which chance would find cards.
fn is_original_data(characters: &[char]) -> bool {
    let number = |start: usize| {
        let pair = characters.get(start..start + 2)?;
        pair.iter()
            .map(|digit| digit.to_digit(10))
            .try_fold(0, |number, digit| Some(number * 10 + digit?))
    };
    let within = |start: usize, low: u32, high: u32| {
        number(start).is_some_and(|number| (low..=high).contains(&number))
    };
    let is_empty = characters
        .get(10..20)
        .is_some_and(|time| time.iter().all(|digit| *digit == '0'));
    let is_time = within(10, 1, 12)
        && within(12, 1, 31)
        && within(14, 0, 23)
        && within(16, 0, 59)
        && within(18, 0, 59);
    within(0, 0, 29) && (is_time || is_empty)
}

/// ISO 8583-1:1987 field 95: two amounts of 12 digits and two fees with their signs.
fn is_replacement_amounts(characters: &[char]) -> bool {
    characters.len() == 42
        && characters
            .iter()
            .enumerate()
            .all(|(place, character)| match place {
                24 | 33 => matches!(character, 'C' | 'D' | '0'),
                0 | 12 => *character == '0',
                _ => character.is_ascii_digit(),
            })
}

/// Hex text: runs of packed digits, and of ASCII and EBCDIC digits (`34` and `F4` are both a 4).
fn hidden_in_hex(characters: &[char]) -> Vec<bool> {
    let nibbles: Vec<u8> = characters
        .iter()
        .map(|character| {
            let nibble = character.to_digit(16);
            nibble
                .and_then(|nibble| u8::try_from(nibble).ok())
                .unwrap_or(0x0F)
        })
        .collect();
    let bytes: Vec<u8> = nibbles
        .chunks(2)
        .map(|pair| pair.iter().fold(0, |byte, nibble| byte << 4 | nibble))
        .collect();
    let mut hidden = vec![false; characters.len()];
    for (symbols, nibbles) in digits::writings(&bytes) {
        let found = digits::hidden(&symbols, Search::Anywhere);
        for (place, _) in found.iter().enumerate().filter(|(_, found)| **found) {
            hide(&mut hidden, place * nibbles, nibbles);
        }
    }
    hidden
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
}
