//! What may be seen of field 55.
//!
//! One wrong length, and the digits of a card number are read as tags and lengths of other elements. So values are shown
//! only where every element is what the dictionary says of it; where one is not, nothing in the field is certain.

use super::digits::{Damage, stretches, tracks, writings};
use super::{bytes_of, hidden_in_hex, hidden_in_pan, hidden_in_text, hidden_in_track, hide, merge};
use crate::field::Sensitive;
use crate::tlv::{self, Element, Format, Tag};

/// Field 55 as hex text: the elements that hold card data are masked, the others searched for card numbers; all of it is
/// hidden if it is not in order.
pub(super) fn hidden(characters: &[char]) -> Vec<bool> {
    let Some(bytes) = bytes_of(characters) else {
        // A dialect of another make that carries field 55 as text.
        return hidden_in_text(characters);
    };
    if disorder(&bytes).is_some() {
        return vec![true; characters.len()];
    }
    let mut hidden = vec![false; characters.len()];
    for element in tlv::walk(&bytes).map_while(Result::ok) {
        let start = element.value_offset * 2;
        let value = characters
            .get(start..start + element.value.len() * 2)
            .unwrap_or_default();
        match tag_kind(element.tag) {
            Sensitive::No if element.constructed => {}
            Sensitive::No => merge(&mut hidden, start, &hidden_in_hex(value)),
            kind @ (Sensitive::Pan | Sensitive::Track) => {
                let digits = value.get(..digits_in(element.value)).unwrap_or_default();
                let places = if kind == Sensitive::Pan {
                    hidden_in_pan(digits)
                } else {
                    hidden_in_track(digits, &['D'])
                };
                merge(&mut hidden, start, &places);
            }
            _ => hide(&mut hidden, start, value.len()),
        }
    }
    hidden
}

/// What of field 55 must be hidden, by tag.
pub(crate) fn tag_kind(tag: Tag) -> Sensitive {
    match tag.0 {
        0x5A => Sensitive::Pan,
        0x57 | 0x9F6B => Sensitive::Track,
        // PIN data; names, expiry, track 1 and the discretionary data, which hold the security code.
        0x99 => Sensitive::Pin,
        0x56 | 0x5F20 | 0x5F24 | 0x9F0B | 0x9F1F | 0x9F20 => Sensitive::Secret,
        _ => Sensitive::No,
    }
}

/// Where the first thing stands that is not as it should be, as an offset in the field; `None` if all is in order.
pub(crate) fn disorder(bytes: &[u8]) -> Option<usize> {
    let mut unknown = Vec::new();
    let mut values = Vec::new();
    for item in tlv::walk(bytes) {
        let element = match item {
            Ok(element) => element,
            Err(error) => return Some(error.offset),
        };
        let end = element.value_offset + element.value.len();
        if element.tag.definition().is_none() && !element.constructed {
            unknown.push(element.offset..end);
        }
        if !element.constructed {
            values.push(element.value_offset..end);
        }
        if !is_in_order(&element) {
            return Some(element.offset);
        }
    }
    // An element that nobody knows may be part of a card number, with what stands before and behind it.
    let first = unknown.first()?.start;
    let is_torn = card_numbers(bytes).into_iter().any(|card| {
        let inside =
            |range: &std::ops::Range<usize>| range.start <= card.start && card.end <= range.end;
        let touches =
            |range: &std::ops::Range<usize>| range.start < card.end && card.start < range.end;
        unknown.iter().any(touches) && !values.iter().any(inside)
    });
    is_torn.then_some(first)
}

/// Does the dictionary know the element, with such a length and such digits?
fn is_in_order(element: &Element<'_>) -> bool {
    let Some(definition) = element.tag.definition() else {
        return is_private(element.tag);
    };
    let lengths = usize::from(definition.length_min)..=usize::from(definition.length_max);
    let digits = match definition.format {
        Format::Cn | Format::N if !element.constructed => definition.format.allows(element.value),
        _ => true,
    };
    let is_pan_right = tag_kind(element.tag) != Sensitive::Pan
        || digits_in(element.value) <= super::PAN_DIGITS_MAX;
    lengths.contains(&element.value.len()) && digits && is_pan_right
}

/// Tags that schemes and hosts give to their own elements: `9Fxx`, `DFxx` and what is longer, and private templates.
/// Digits are none of them, so that the digits of a card number are never taken for one.
fn is_private(tag: Tag) -> bool {
    let first = tag
        .0
        .to_be_bytes()
        .into_iter()
        .find(|byte| *byte != 0)
        .unwrap_or_default();
    matches!(first, 0x9F | 0xBF | 0xDF..=0xFF)
}

/// Packed values shorter than whole bytes are filled with F nibbles (EMV 4.3 Book 3, 4.3: format cn).
fn digits_in(value: &[u8]) -> usize {
    let nibbles = value.iter().rev().flat_map(|byte| [byte & 0x0F, byte >> 4]);
    value.len() * 2 - nibbles.take_while(|nibble| *nibble == 0x0F).count()
}

/// The bytes of what looks like a card number, packed, in ASCII or in EBCDIC.
fn card_numbers(bytes: &[u8]) -> Vec<std::ops::Range<usize>> {
    let mut ranges = Vec::new();
    for (symbols, nibbles) in writings(bytes) {
        let mut found = stretches(&symbols, nibbles == 1);
        found.extend(tracks(&symbols, 0, Damage::None));
        ranges.extend(found.iter().map(|found| {
            let range = found.range();
            range.start * nibbles / 2..(range.end * nibbles).div_ceil(2)
        }));
    }
    ranges
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let characters: Vec<char> = text.chars().collect();
        let shown = super::super::covered(&characters, &hidden(&characters));
        assert_eq!(shown, expected);
    }

    #[track_caller]
    fn check_all_hidden(text: &str) {
        check(text, &"*".repeat(text.len()));
    }

    #[test]
    fn by_tag() {
        check(
            "9F2701805A0841111111111111115F340101",
            "9F2701805A08411111******11115F340101",
        );
        check("5A0A6228480000000000123F", "5A0A622848*********0123F");
        check(
            "57114111111111111111D29122011234567890",
            "5711411111******1111D*****************",
        );
        check("5F2403291231", "5F2403******");
        check(
            "5F2004444F45209F02060000000011119F1F023132",
            "5F2004********9F02060000000011119F1F02****",
        );
        // Inside templates, and in private tags that nobody has a name for.
        check("700A5A084111111111111111", "700A5A08411111******1111");
        check("DF10084111111111111111", "DF1008411111******1111");
        check("DF100341424382023C00", "DF100341424382023C00");
        check("41111", "41111");
        check("", "");
    }

    #[test]
    fn nothing_is_shown_of_what_is_not_in_order() {
        for text in [
            // A wrong length, and card numbers that are then read as tags and lengths.
            "5A0A541333008901043457135413330089010434D30122019876543210123F9F2608A5A5A5A5A5A5A5A5",
            "5A0A411111111111111157134111111111111111D30122019876543210123F9F2608A5A5A5A5A5A5A5A5",
            "5A005413330089010434",
            "9F0207000000001999571041111111",
            // What goes on too far, or is no TLV at all.
            "9F2701805A094111111111111111",
            "4111111111111111",
            "9F2701805A08",
            // A tag that nobody knows.
            "9F2701804103112233",
            // A length or digits that the dictionary does not allow.
            "9F270280009A03260731",
            "9A032607AA",
            // Two private elements with one card number.
            "DF10075413330089DF1103010434",
            "DF1004541333008901DF0434",
        ] {
            check_all_hidden(text);
        }
    }
}
