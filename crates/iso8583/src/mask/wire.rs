//! Card data in a message as it came: what looks like a card number to any dialect is hidden, whatever this one takes it
//! for.
//!
//! A message that is read in the wrong dialect, or has lost a byte or a bit of its bitmap, puts the digits of its card
//! number anywhere: into bitmaps, amounts, names, over the border of two fields. So the bytes are searched as packed
//! digits, as ASCII and as EBCDIC, for card numbers behind a length, for tracks, and for what begins as issuers' cards do;
//! and what was found once is the same number where nothing tells it. Right behind the bitmaps, where field 2 would stand, a
//! length is enough: there a card number is hidden even if its check digit is wrong, or the end of the message cuts it.
//! Chance finds cost a few asterisks; a message that is in order, with dates and a card number where they belong, is not
//! searched.

use std::ops::Range;

use super::digits::{
    Damage, Found, Symbol, again, begins_announced, damaged, is_announced_card, mended, middle,
    stretches, tracks, writings,
};
use super::{HIDDEN, SHOWN_FIRST, covered, pin_block};
use crate::detect;
use crate::dialect::Dialect;
use crate::error::DecodeError;
use crate::field::{Content, Encoding, Field, Length, PadSide, Sensitive};
use crate::header::TPDU_BYTES;
use crate::view::View;

/// What may be seen of a nibble.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
enum Cover {
    #[default]
    Open,
    /// A first or last digit of a card number: to be seen where the rest of it would be masked as well.
    Edge,
    Hidden,
}

/// What must not be seen of a message.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wire {
    /// For each nibble; empty if there is nothing to hide.
    covers: Vec<Cover>,
    doubt: Doubt,
}

/// That a message is what it was read as.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
enum Doubt {
    #[default]
    None,
    /// Nothing speaks for it, or against it.
    Some,
    /// It is something else than it is taken for, from somewhere on. Then any bytes may be a PIN block.
    Great,
}

/// ISO/IEC 7813: 37 characters of track 2, 13 of them at least before the separator.
const TRACK_REST_MAX: usize = 24;
/// Bitmaps behind which field 2 may stand. One too many or too few is read if a single bit is wrong.
const BITMAPS_MAX: usize = 3;
/// Different card numbers whose repetitions are looked for. A message is about one or two.
const CARDS_MAX: usize = 8;

impl Wire {
    /// Of who may see everything.
    pub(crate) fn open() -> Wire {
        Wire::default()
    }

    /// For a message that was read so far and with this error. Where it is read whole, and dates and card numbers are in
    /// order where they were expected, card data is nowhere but in its fields.
    pub(crate) fn of(
        dialect: &Dialect,
        bytes: &[u8],
        view: Option<&View<'_>>,
        error: Option<DecodeError>,
    ) -> Wire {
        let verdict = view.and_then(|view| detect::verdict(dialect, view));
        let doubt = match (error, verdict) {
            (None, Some(true)) => Doubt::None,
            (None, None) => Doubt::Some,
            (Some(_), _) | (None, Some(false)) => Doubt::Great,
        };
        let covers = match doubt {
            Doubt::None => Vec::new(),
            Doubt::Some | Doubt::Great => search(bytes, doubt, &Landmarks::of(dialect, bytes)),
        };
        Wire { covers, doubt }
    }

    /// Is there something in these bytes that must not be seen?
    pub(crate) fn hides(&self, range: &Range<usize>) -> bool {
        self.of_range(range)
            .iter()
            .any(|cover| *cover > Cover::Open)
    }

    /// May the value of such a field be something else altogether? A PIN block is as long as a MAC, and as field 53: one
    /// wrong bit makes one of it.
    pub(crate) fn hides_all_of(&self, field: &Field, text: &str) -> bool {
        let fixed = match field.length {
            Length::Fixed(length) => usize::from(length),
            Length::Variable { .. } => 0,
        };
        let is_suspect = match (self.doubt, field.content) {
            (Doubt::None, _) => false,
            (Doubt::Some, Content::B) => fixed == pin_block::BYTES,
            (Doubt::Great, Content::B) => true,
            // All nibbles may be digits by chance. Zeros are what field 53 is full of.
            (Doubt::Great, Content::N) => {
                fixed == pin_block::CHARACTERS && !text.contains("000000")
            }
            _ => false,
        };
        is_suspect && field.sensitive == Sensitive::No
    }

    fn of_range(&self, range: &Range<usize>) -> &[Cover] {
        self.covers
            .get(range.start * 2..range.end * 2)
            .unwrap_or_default()
    }

    /// The value of a field as people may see it: masked by what it is, and by what its bytes may be besides.
    ///
    /// `parts`: which characters its parts hide, if they hide any.
    pub(crate) fn field(
        &self,
        field: &Field,
        range: &Range<usize>,
        text: &str,
        parts: &[bool],
    ) -> String {
        let masked = super::field(field, text);
        if self.hides_all_of(field, text) {
            return text.chars().map(|_| HIDDEN).collect();
        }
        let mut characters: Vec<char> = masked.chars().collect();
        for (character, _) in characters
            .iter_mut()
            .zip(parts)
            .filter(|(_, hidden)| **hidden)
        {
            *character = HIDDEN;
        }
        let covers = self.of_range(range);
        // Fields that show the ends of card numbers may show those of any.
        let least = match field.sensitive {
            Sensitive::No => Cover::Edge,
            _ => Cover::Hidden,
        };
        if covers.iter().all(|cover| *cover < least) {
            return characters.into_iter().collect();
        }
        let bytes = range.len();
        let is_packed = matches!(field.encoding, Encoding::Bcd | Encoding::Raw);
        let hidden: Vec<bool> = match characters.len() {
            count if count == bytes && !is_packed => covers
                .chunks(2)
                .map(|byte| byte.iter().any(|cover| *cover >= least))
                .collect(),
            count if is_packed && count.div_ceil(2) == bytes => {
                let filler = usize::from(field.pad == PadSide::Left && count % 2 == 1);
                covers
                    .iter()
                    .skip(filler)
                    .take(count)
                    .map(|cover| *cover >= least)
                    .collect()
            }
            // A form that does not say which byte a character comes from.
            count => vec![true; count],
        };
        covered(&characters, &hidden)
    }
}

/// What the dialect says about places in a message, right or wrong as it is read.
#[derive(Clone, Debug, Default)]
struct Landmarks {
    /// The dialect's own header, which is no card number: `60310031 0100 02…` begins as one.
    header: Range<usize>,
    /// Where field 2 may begin.
    field_2: Vec<usize>,
}

impl Landmarks {
    fn of(dialect: &Dialect, bytes: &[u8]) -> Landmarks {
        let start = if dialect.header_has_tpdu() {
            TPDU_BYTES
        } else {
            0
        };
        let header = start..dialect.header_length();
        let is_own = bytes.get(header.clone()) == dialect.default_header().get(header.clone());
        let bitmaps = dialect.header_length() + dialect.mti_encoding().mti_length();
        let bitmap = dialect.bitmap_encoding().length();
        Landmarks {
            header: if is_own { header } else { 0..0 },
            field_2: (1..=BITMAPS_MAX)
                .map(|count| bitmaps + count * bitmap)
                .collect(),
        }
    }

    /// Behind the first bitmap. In what stands before, chance would find what is not even damaged.
    fn body(&self) -> usize {
        self.field_2.first().copied().unwrap_or_default()
    }
}

fn search(bytes: &[u8], doubt: Doubt, landmarks: &Landmarks) -> Vec<Cover> {
    let damage = match doubt {
        Doubt::None | Doubt::Some => Damage::None,
        Doubt::Great => Damage::OneDigit,
    };
    search_with(bytes, doubt, damage, landmarks)
}

fn search_with(bytes: &[u8], doubt: Doubt, damage: Damage, landmarks: &Landmarks) -> Vec<Cover> {
    let writings = writings(bytes);
    let mut covers = vec![Cover::Open; bytes.len() * 2];
    let mut cards: Vec<Vec<Symbol>> = Vec::new();
    for (symbols, nibbles) in &writings {
        let nibbles = *nibbles;
        let header = &landmarks.header;
        let expected: &[usize] = match doubt {
            Doubt::None | Doubt::Some => &[],
            Doubt::Great => &landmarks.field_2,
        };
        let mut found = prefixed(bytes, symbols, nibbles, expected, damage);
        found.extend(tracks(symbols, TRACK_REST_MAX, damage));
        for card in found.iter().filter(|found| found.is_a_card(symbols)) {
            let digits = symbols.get(card.range()).unwrap_or_default();
            if cards.len() < CARDS_MAX && !cards.iter().any(|known| known == digits) {
                cards.push(digits.to_vec());
            }
        }
        // Where a length or a separator says what is a card number, its digits make no other one with their neighbours.
        let sure: Vec<Range<usize>> = found
            .iter()
            .filter(|found| found.is_of_an_issuer(symbols))
            .map(Found::range)
            .chain(std::iter::once(
                header.start * 2 / nibbles..header.end * 2 / nibbles,
            ))
            .collect();
        if doubt == Doubt::Great {
            let is_packed = nibbles == 1;
            let body = landmarks.body() * 2 / nibbles;
            let mut chance = stretches(symbols, is_packed);
            if damage == Damage::OneDigit {
                let damaged = damaged(symbols, is_packed).into_iter();
                chance.extend(damaged.filter(|found| found.range().start >= body));
            }
            let chance = chance.into_iter().filter(|found| {
                let range = found.range();
                !sure
                    .iter()
                    .any(|sure| sure.start < range.end && range.start < sure.end)
            });
            found.extend(chance);
        }
        for found in &found {
            cover(&mut covers, found, nibbles);
        }
    }
    for (symbols, nibbles) in &writings {
        for card in &cards {
            for found in again(symbols, card) {
                cover(&mut covers, &found, *nibbles);
            }
        }
    }
    if doubt == Doubt::Great {
        for block in pin_block::in_hex(bytes, landmarks.body()) {
            cover(&mut covers, &Found::Rest(block), 2);
        }
    }
    if covers.iter().all(|cover| *cover == Cover::Open) {
        covers.clear();
    }
    covers
}

fn cover(covers: &mut [Cover], found: &Found, nibbles: usize) {
    let mut raise = |place: usize, to: Cover| {
        for cover in covers.iter_mut().skip(place * nibbles).take(nibbles) {
            *cover = (*cover).max(to);
        }
    };
    match found {
        Found::Card(places) => {
            places.iter().for_each(|place| raise(*place, Cover::Edge));
            let inner = middle(places);
            inner.iter().for_each(|place| raise(*place, Cover::Hidden));
        }
        Found::Rest(range) => range.clone().for_each(|place| raise(place, Cover::Hidden)),
    }
}

/// Card numbers behind a length, packed, binary or in characters, of as many digits. Where a length is expected they need
/// not be right.
fn prefixed(
    bytes: &[u8],
    symbols: &[Symbol],
    nibbles: usize,
    expected: &[usize],
    damage: Damage,
) -> Vec<Found> {
    let mut found = Vec::new();
    for (place, byte) in bytes.iter().enumerate() {
        let tens = place.checked_sub(1).and_then(|before| bytes.get(before));
        // Each with the place where it begins.
        let counts = [
            Some((*byte, place)).filter(|(byte, _)| (0x0C..=0x13).contains(byte)),
            Some((10 + (byte & 0x0F), place)).filter(|_| byte >> 4 == 1),
            tens.filter(|tens| **tens == b'1')
                .map(|_| (byte.wrapping_sub(b'0').saturating_add(10), place - 1)),
            tens.filter(|tens| **tens == 0xF1)
                .map(|_| (byte.wrapping_sub(0xF0).saturating_add(10), place - 1)),
        ];
        for (count, begin) in counts.into_iter().flatten() {
            if !(12..=19).contains(&count) {
                continue;
            }
            let count = usize::from(count);
            let is_expected = expected.contains(&begin);
            let start = (place + 1) * 2 / nibbles;
            // A filler may stand before an odd count of packed digits.
            let starts = start..=start + usize::from(nibbles == 1 && count % 2 == 1);
            for start in starts {
                let mut damage_left = damage;
                let length = symbols
                    .iter()
                    .skip(start)
                    .take(count)
                    .take_while(|symbol| {
                        symbol.digit().is_some()
                            || std::mem::replace(&mut damage_left, Damage::None) != Damage::None
                    })
                    .count();
                let run = symbols.get(start..start + length).unwrap_or_default();
                let Some(digits) = mended(run) else {
                    continue;
                };
                let is_whole = length == count;
                let is_cut = start + length >= symbols.len();
                if is_whole && is_announced_card(&digits)
                    || is_whole && is_expected && begins_announced(&digits, count)
                {
                    found.push(Found::Card((start..start + count).collect()));
                } else if is_cut && is_expected && begins_announced(&digits, count) {
                    let end = start + length;
                    let shown = end.min(start + SHOWN_FIRST);
                    found.push(Found::Card((start..shown).collect()));
                    found.push(Found::Rest(shown..end));
                }
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes_of(hex: &str) -> Vec<u8> {
        super::super::bytes_of_hex(hex).unwrap()
    }

    /// The hex with `.` for what may be seen as a digit of a masked card number, and `*` for what may not.
    fn shape(bytes: &[u8]) -> String {
        shape_by(bytes, Damage::None, &Landmarks::default())
    }

    fn shape_by(bytes: &[u8], damage: Damage, landmarks: &Landmarks) -> String {
        let hex = bytes.iter().map(|byte| format!("{byte:02X}"));
        let covers = search_with(bytes, Doubt::Great, damage, landmarks);
        hex.collect::<String>()
            .chars()
            .enumerate()
            .map(|(place, digit)| match covers.get(place) {
                Some(Cover::Hidden) => '*',
                Some(Cover::Edge) => '.',
                _ => digit,
            })
            .collect()
    }

    #[test]
    fn a_card_number_in_any_writing() {
        assert_eq!(
            shape(&bytes_of("0200F020165413330089010434000000")),
            "0200F02016......******....000000"
        );
        // The same without its length, and one of an odd count with its filler on either side.
        assert_eq!(
            shape(&bytes_of("A05413330089010434A0")),
            "A0......******....A0"
        );
        assert_eq!(
            shape(&bytes_of("150378282246310005FF")),
            "150......*****....FF"
        );
        assert_eq!(
            shape(&bytes_of("153782822463100050FF")),
            "15......*****....0FF"
        );
        let ascii = shape(b"x165413330089010434x");
        assert_eq!(ascii, "783136............************........78");
        let ebcdic: Vec<u8> = b"5413330089010434"
            .iter()
            .map(|digit| digit + 0xC0)
            .collect();
        assert_eq!(shape(&ebcdic), "............************........");
        assert_eq!(
            shape(&bytes_of("5413330089010434D30122010000FF")),
            "......******....D***********FF"
        );
    }

    /// Issuers' cards begin with other digits, but an airline's may stand behind its length, or before its separator.
    #[test]
    fn a_length_or_a_separator_tells_any_card() {
        let card = "7083451239876048";
        let packed = shape(&bytes_of(&format!("00{card}FF16{card}FF")));
        assert_eq!(packed, "00......******....FF16......******....FF");
        let ascii = shape(b"x7083451239876048=3012201?");
        assert_eq!(
            ascii,
            "78............************........3D**************3F"
        );
        let ebcdic: Vec<u8> = b"167083451239876048"
            .iter()
            .map(|digit| digit + 0xC0)
            .collect();
        assert_eq!(shape(&ebcdic), "F1F6............************........");
        let untold = format!("AA{card}AA");
        assert_eq!(shape(&bytes_of(&untold)), untold);
    }

    /// What a length tells in one place, and in one writing, is hidden in all.
    #[test]
    fn the_same_number_again() {
        let card = "7083451239876048";
        let message = [
            format!("16{card}x{card}x").as_bytes(),
            &bytes_of(&format!("AA{card}AA")),
        ]
        .concat();
        let shown = shape(&message);
        assert_eq!(
            shown.matches("............************........").count(),
            2,
            "{shown}"
        );
        assert!(shown.ends_with("AA......******....AA"), "{shown}");
    }

    /// Behind the bitmaps a length is enough: the check digit may be wrong, and the end may be missing.
    #[test]
    fn where_field_2_is_expected() {
        let shape_at = |hex: &str, field_2: usize| {
            let landmarks = Landmarks {
                header: 0..0,
                field_2: vec![field_2],
            };
            shape_by(&bytes_of(hex), Damage::None, &landmarks)
        };
        let wrong = "0200F020165413330089010435FF0000";
        assert_eq!(shape_at(wrong, 4), "0200F02016......******....FF0000");
        assert_eq!(shape_at(wrong, 5), wrong);
        let cut = "0200F0201654133300890104";
        assert_eq!(shape_at(cut, 4), "0200F02016......********");
        // Digits in characters, with a length in characters.
        assert_eq!(
            shape_at("31363534313333333030383930313034", 0),
            "3136............****************"
        );
        // What no card begins with is none.
        let amount = "0200F020160000000000001999000000";
        assert_eq!(shape_at(amount, 4), amount);
    }

    /// One digit may be something else: wherever that is, the middle is hidden. What is hidden besides is chance.
    #[test]
    fn a_damaged_card_number() {
        let damaged = |bytes: &[u8]| shape_by(bytes, Damage::OneDigit, &Landmarks::default());
        // Of an issuer; behind a length; in a track.
        for digit in 0..16 {
            let mut card = *b"5413330089010434";
            card[digit] = b'E';
            let card = std::str::from_utf8(&card).unwrap();
            let shown = damaged(&bytes_of(&format!("EEEE{card}EEEE")));
            assert_eq!(shown[10..16], *"******", "{shown}");
            let other = card.replacen("54", "70", 1);
            let shown = damaged(&bytes_of(&format!("EE16{other}EE")));
            assert_eq!(shown[10..16], *"******", "{shown}");
            let shown = damaged(format!("x{other}=3012201?").as_bytes());
            assert_eq!(shown[14..26], *"************", "{shown}");
        }
        let twice = "EE54B3330B89010434EE";
        assert_eq!(damaged(&bytes_of(twice)), twice);
    }

    #[test]
    fn amounts_and_counters_are_nothing() {
        for hex in [
            "020070200000000000000000000000001999000007",
            "2600000000000000",
        ] {
            assert_eq!(
                search(&bytes_of(hex), Doubt::Great, &Landmarks::default()),
                [],
                "{hex}"
            );
        }
    }
}
