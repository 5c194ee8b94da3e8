//! Finding card numbers in digits, alone, in groups and in tracks.
//!
//! A run of 13 to 19 digits that passes Luhn is a card number. Hosts also glue card numbers to other digits: a length
//! before them, an expiry date behind them, leading zeros, or one after another in batch uploads. So every stretch
//! inside a longer run is tried too, if it begins like a card number and is as long as that kind of card's. Each stretch
//! found has its middle hidden; where they overlap the hidden parts add up, so that a true card number among chance
//! finds never shows more than its first six and last four digits.

use std::ops::Range;

mod damage;

pub(super) use damage::{Damage, damaged, mended};

use super::{PAN_DIGITS_MAX, PAN_DIGITS_MIN, SHOWN_FIRST, SHOWN_LAST};

/// What a place in a text, a byte or a nibble is to who looks for card data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Symbol {
    Digit(u8),
    /// `=`, between the parts of track 2.
    Equals,
    /// `D`, which is the same in packed tracks, and elsewhere a letter.
    LetterD,
    /// `^`, between the parts of track 1.
    Caret,
    /// `?`, at the end of a track.
    End,
    /// What people write between groups of digits.
    Gap,
    Other,
}

impl Symbol {
    pub(super) fn of(character: char) -> Symbol {
        match character {
            '0'..='9' => character
                .to_digit(10)
                .and_then(|digit| u8::try_from(digit).ok())
                .map_or(Symbol::Other, Symbol::Digit),
            '=' => Symbol::Equals,
            'D' => Symbol::LetterD,
            '^' => Symbol::Caret,
            '?' => Symbol::End,
            ' ' | '-' | '.' | '|' | '/' => Symbol::Gap,
            _ => Symbol::Other,
        }
    }

    /// Of the EBCDIC code pages only what is the same in all of them.
    pub(super) fn of_ebcdic(byte: u8) -> Symbol {
        match byte {
            0xF0..=0xF9 => Symbol::Digit(byte - 0xF0),
            0x7E => Symbol::Equals,
            0xC4 => Symbol::LetterD,
            // `^` in code pages 37 and 500.
            0xB0 | 0x5F => Symbol::Caret,
            0x6F => Symbol::End,
            0x40 | 0x60 | 0x4B | 0x61 => Symbol::Gap,
            _ => Symbol::Other,
        }
    }

    pub(super) fn of_nibble(nibble: u8) -> Symbol {
        match nibble {
            0..=9 => Symbol::Digit(nibble),
            0xD => Symbol::LetterD,
            _ => Symbol::Other,
        }
    }

    pub(super) fn digit(self) -> Option<u8> {
        match self {
            Symbol::Digit(digit) => Some(digit),
            _ => None,
        }
    }
}

/// How readily a stretch of digits is taken for a card number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Search {
    /// Where card numbers are to be expected.
    Anywhere,
    /// Where they are not: only digits that stand by themselves and begin as an issuer's do.
    Alone,
}

/// Something found, as places of the symbols given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// The places of the digits of a card number, without what stands between them.
    Card(Vec<usize>),
    /// What nobody may see but its carets and separators: what follows a card number in a track, or all but the beginning
    /// of one that is cut.
    Rest(Range<usize>),
}

impl Found {
    pub(super) fn range(&self) -> Range<usize> {
        match self {
            Found::Card(places) => {
                let first = places.first().copied().unwrap_or_default();
                first..places.last().map_or(first, |last| last + 1)
            }
            Found::Rest(range) => range.clone(),
        }
    }

    /// Is it a whole card number, with the right check digit?
    pub(super) fn is_a_card(&self, symbols: &[Symbol]) -> bool {
        match self {
            Found::Card(places) => {
                let digits = digits_at(symbols, places);
                digits.len() > SHOWN_FIRST && is_card_number(&digits)
            }
            Found::Rest(_) => false,
        }
    }

    /// Is it a card number that is right in all that can be known of it?
    pub(super) fn is_of_an_issuer(&self, symbols: &[Symbol]) -> bool {
        match self {
            Found::Card(places) => {
                let digits = digits_at(symbols, places);
                begins_like_an_issuer(&digits) && is_card_number(&digits)
            }
            Found::Rest(_) => false,
        }
    }
}

/// Which places must be hidden.
pub(super) fn hidden(symbols: &[Symbol], search: Search) -> Vec<bool> {
    let mut hidden = vec![false; symbols.len()];
    let mut hide = |place: usize| {
        if let Some(hidden) = hidden.get_mut(place) {
            *hidden = true;
        }
    };
    let mut found = runs(symbols, search);
    found.extend(groups(symbols));
    found.extend(tracks(symbols, usize::MAX, Damage::None));
    for found in found {
        match found {
            Found::Card(places) => middle(&places).iter().copied().for_each(&mut hide),
            Found::Rest(range) => range
                .filter(|place| {
                    !matches!(
                        symbols.get(*place),
                        Some(Symbol::Caret | Symbol::Equals | Symbol::End)
                    )
                })
                .for_each(&mut hide),
        }
    }
    hidden
}

/// Bytes in each of the writings that digits have, with the nibbles that a symbol of it takes: ASCII, EBCDIC, packed.
pub(super) fn writings(bytes: &[u8]) -> [(Vec<Symbol>, usize); 3] {
    let ascii = bytes.iter().map(|byte| Symbol::of(char::from(*byte)));
    let ebcdic = bytes.iter().map(|byte| Symbol::of_ebcdic(*byte));
    [
        (ascii.collect(), 2),
        (ebcdic.collect(), 2),
        (packed(bytes), 1),
    ]
}

/// The nibbles of bytes as packed digits, without what is text: its letters, blanks and digits are packed digits too, and
/// chance would find cards in them. No card number has a 3 for every other digit, and of few are all bytes printable and
/// the neighbours as well.
fn packed(bytes: &[u8]) -> Vec<Symbol> {
    const TEXT_MIN: usize = 10;
    const DIGITS_MIN: usize = PAN_DIGITS_MIN / 2 + 1;
    let mut symbols: Vec<Symbol> = bytes
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 0x0F].map(Symbol::of_nibble))
        .collect();
    let is_printable: fn(&u8) -> bool = |byte| (b' '..=b'~').contains(byte);
    for (is_text, count_min) in [
        (is_printable, TEXT_MIN),
        (u8::is_ascii_digit as fn(&u8) -> bool, DIGITS_MIN),
    ] {
        let mut start = 0;
        for run in bytes.split(|byte| !is_text(byte)) {
            if run.len() >= count_min {
                symbols
                    .iter_mut()
                    .skip(start * 2)
                    .take(run.len() * 2)
                    .for_each(|symbol| *symbol = Symbol::Other);
            }
            start += run.len() + 1;
        }
    }
    symbols
}

/// The digits of a card number that nobody may see.
pub(super) fn middle(places: &[usize]) -> &[usize] {
    places
        .get(SHOWN_FIRST..places.len().saturating_sub(SHOWN_LAST))
        .unwrap_or_default()
}

/// Digits without anything between them.
fn runs(symbols: &[Symbol], search: Search) -> Vec<Found> {
    let mut found = Vec::new();
    for run in digit_runs(symbols) {
        let digits = digits_of(symbols, run.clone());
        for count in PAN_DIGITS_MIN..=PAN_DIGITS_MAX.min(digits.len()) {
            for (start, stretch) in digits.windows(count).enumerate() {
                let is_whole = count == digits.len();
                let candidate = match search {
                    Search::Anywhere if is_whole => stretch.first() != Some(&0),
                    Search::Anywhere => begins_like_a_card(stretch),
                    Search::Alone if is_whole => begins_like_an_issuer(stretch),
                    Search::Alone => begins_like_an_issuer(stretch) && !is_filler(stretch),
                };
                if candidate && is_card_number(stretch) {
                    let start = run.start + start;
                    found.push(Found::Card((start..start + count).collect()));
                }
            }
        }
    }
    found
}

/// Stretches of digits that begin as an issuer's cards do, wherever they stand in a longer run. In packed digits a card
/// number of an even count fills whole bytes.
pub(super) fn stretches(symbols: &[Symbol], is_packed: bool) -> Vec<Found> {
    let mut found = Vec::new();
    for run in digit_runs(symbols) {
        let digits = digits_of(symbols, run.clone());
        for count in PAN_DIGITS_MIN..=PAN_DIGITS_MAX.min(digits.len()) {
            for (start, stretch) in digits.windows(count).enumerate() {
                let start = run.start + start;
                if is_packed && count.is_multiple_of(2) && !start.is_multiple_of(2) {
                    continue;
                }
                let is_whole = count == digits.len() && !is_packed && stretch.first() != Some(&0);
                let candidate = is_whole || begins_like_an_issuer(stretch) && !is_filler(stretch);
                if candidate && is_card_number(stretch) {
                    found.push(Found::Card((start..start + count).collect()));
                }
            }
        }
    }
    found
}

/// `5413 3300 8901 0434`, `54133300|89010434`: groups that make a card number together, whole groups only.
fn groups(symbols: &[Symbol]) -> Vec<Found> {
    /// A date or a column may be put between two blanks, but no group of a card number.
    const GAP_MAX: usize = 2;
    let runs: Vec<Range<usize>> = digit_runs(symbols).collect();
    let mut found = Vec::new();
    for (first, start) in runs.iter().enumerate() {
        let mut places: Vec<usize> = start.clone().collect();
        let mut end = start.end;
        for next in runs.iter().skip(first + 1) {
            let gap = symbols.get(end..next.start).unwrap_or_default();
            let is_gap = gap.len() <= GAP_MAX && gap.iter().all(|symbol| *symbol == Symbol::Gap);
            if !is_gap || places.len() + next.len() > PAN_DIGITS_MAX {
                break;
            }
            places.extend(next.clone());
            end = next.end;
            let digits = digits_at(symbols, &places);
            if begins_like_an_issuer(&digits) && is_card_number(&digits) {
                found.push(Found::Card(places.clone()));
            }
        }
    }
    found
}

/// Tracks in the midst of other things: a card number with its separator, expiry and more behind it. At most `rest_max`
/// places behind the separator belong to it.
pub(super) fn tracks(symbols: &[Symbol], rest_max: usize, damage: Damage) -> Vec<Found> {
    /// Expiry: what stands behind a separator in any case.
    const REST_DIGITS_MIN: usize = 4;
    /// ISO/IEC 7813: 79 characters of track 1.
    const TRACK_1_MAX: usize = 79;
    let mut found = Vec::new();
    for (place, separator) in symbols.iter().enumerate() {
        if !matches!(separator, Symbol::Equals | Symbol::LetterD | Symbol::Caret) {
            continue;
        }
        // Backwards to the beginning of the number; track 1 may have it in groups (ISO/IEC 7813 6.1).
        let mut places: Vec<usize> = Vec::new();
        let mut damage_left = damage;
        for before in (0..place).rev() {
            match symbols.get(before) {
                Some(_) if places.len() == PAN_DIGITS_MAX + 2 => break,
                Some(Symbol::Digit(_)) => places.push(before),
                Some(Symbol::Gap) if *separator == Symbol::Caret && !places.is_empty() => {}
                Some(_) if damage_left == Damage::OneDigit => {
                    damage_left = Damage::None;
                    places.push(before);
                }
                _ => break,
            }
        }
        places.reverse();
        if places.len() < PAN_DIGITS_MIN {
            continue;
        }
        let rest = place + 1..symbols.len();
        let behind = symbols.get(rest.clone()).unwrap_or_default();
        // Other digits may stand before the number, such as the length of the track.
        let cards: Vec<Vec<usize>> = (PAN_DIGITS_MIN..=PAN_DIGITS_MAX.min(places.len()))
            .filter_map(|count| places.get(places.len() - count..))
            .filter(|card| {
                let card: Vec<Symbol> = card
                    .iter()
                    .filter_map(|place| symbols.get(*place).copied())
                    .collect();
                mended(&card)
                    .is_some_and(|digits| begins_like_a_card(&digits) && is_card_number(&digits))
            })
            .map(<[usize]>::to_vec)
            .collect();
        let length = match separator {
            Symbol::Caret => {
                let end = behind.iter().position(|symbol| *symbol == Symbol::End);
                end.unwrap_or(behind.len()).min(TRACK_1_MAX)
            }
            _ => {
                let mut damage_left = damage;
                let rest = behind.iter().take_while(|symbol| {
                    let is_one =
                        matches!(symbol, Symbol::Digit(_) | Symbol::Equals | Symbol::LetterD);
                    is_one || std::mem::replace(&mut damage_left, Damage::None) != Damage::None
                });
                rest.take(rest_max).count()
            }
        };
        let mut damage_left = damage;
        let digits_behind = behind
            .iter()
            .take_while(|symbol| {
                symbol.digit().is_some()
                    || std::mem::replace(&mut damage_left, Damage::None) != Damage::None
            })
            .count();
        let is_track = match separator {
            Symbol::Caret => true,
            Symbol::Equals => digits_behind >= REST_DIGITS_MIN,
            // A letter, or a nibble, after digits is nothing rare.
            _ => digits_behind >= REST_DIGITS_MIN && !cards.is_empty(),
        };
        if is_track {
            match cards.is_empty() {
                true => found.push(Found::Card(places)),
                false => found.extend(cards.into_iter().map(Found::Card)),
            }
            found.push(Found::Rest(rest.start..rest.start + length));
        }
    }
    found
}

fn digit_runs(symbols: &[Symbol]) -> impl Iterator<Item = Range<usize>> + '_ {
    let mut start = 0;
    symbols
        .split(|symbol| symbol.digit().is_none())
        .filter_map(move |run| {
            let range = start..start + run.len();
            start = range.end + 1;
            (!run.is_empty()).then_some(range)
        })
}

fn digits_of(symbols: &[Symbol], range: Range<usize>) -> Vec<u8> {
    let run = symbols.get(range).unwrap_or_default();
    run.iter().filter_map(|symbol| symbol.digit()).collect()
}

fn digits_at(symbols: &[Symbol], places: &[usize]) -> Vec<u8> {
    places
        .iter()
        .filter_map(|place| symbols.get(*place)?.digit())
        .collect()
}

/// ISO/IEC 7812-1: the first digit is the industry; cards of banks and merchants begin with 2 to 6, national schemes'
/// with 8 and 9. Only Visa ever issued 13 digits, only Diners 14 and only American Express and JCB 15.
fn begins_like_a_card(stretch: &[u8]) -> bool {
    match (stretch.len(), stretch.first()) {
        (13, Some(4)) | (14 | 15, Some(3)) => true,
        (16.., Some(first)) => matches!(first, 2..=6 | 8 | 9),
        _ => false,
    }
}

/// The ranges that the card schemes have, with the lengths that they issue.
fn begins_like_an_issuer(stretch: &[u8]) -> bool {
    let leading = |count: usize| {
        stretch
            .iter()
            .take(count)
            .fold(0_u32, |value, digit| value * 10 + u32::from(*digit))
    };
    match stretch.len() {
        13 => leading(1) == 4,
        14 => matches!(leading(2), 30 | 36 | 38 | 39),
        15 => matches!(leading(2), 34 | 37),
        16 => {
            leading(1) == 4
                || matches!(leading(2), 30 | 35 | 36 | 38 | 39 | 50..=58 | 60..=69 | 81)
                || matches!(leading(4), 2200..=2204 | 2221..=2720 | 9792)
        }
        17.. => {
            leading(1) == 4 && stretch.len() == 19
                || matches!(leading(2), 50 | 56..=58 | 60..=69 | 81)
        }
        _ => false,
    }
}

/// Is this a card number if a length of as many digits stands before it?
pub(super) fn is_announced_card(digits: &[u8]) -> bool {
    begins_announced(digits, digits.len()) && is_card_number(digits)
}

/// Does a card number of so many digits begin like this? ISO/IEC 7812-1: the first digit is the industry, and no issuer's
/// is 0. Maestro issues 12 digits and more.
pub(super) fn begins_announced(digits: &[u8], count: usize) -> bool {
    match digits {
        [5, 0 | 6..=8, ..] | [6, ..] => true,
        _ => count > 12 && matches!(digits.first(), Some(1..=9)),
    }
}

/// Wherever these digits stand.
pub(super) fn again<'s>(
    symbols: &'s [Symbol],
    digits: &'s [Symbol],
) -> impl Iterator<Item = Found> + 's {
    let windows = symbols.windows(digits.len().max(1)).enumerate();
    windows
        .filter(move |(_, window)| *window == digits)
        .map(|(start, window)| Found::Card((start..start + window.len()).collect()))
}

/// Amounts, counters and blanks (`4040…` in EBCDIC) look like this, account numbers do not.
fn is_filler(stretch: &[u8]) -> bool {
    let has_zeros = stretch
        .windows(6)
        .any(|window| window.iter().all(|digit| *digit == 0));
    let repeats = |window: &[u8]| window.first() == window.last();
    has_zeros || stretch.windows(3).all(repeats)
}

/// Is the check digit right, and is there an account at all? `2600000000000000` is a field 53.
fn is_card_number(digits: &[u8]) -> bool {
    let is_empty = digits.iter().rev().take(8).all(|digit| *digit == 0);
    !is_empty && luhn_ok(digits)
}

/// ISO/IEC 7812-1 annex B.
fn luhn_ok(digits: &[u8]) -> bool {
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(place, digit)| match (place % 2, u32::from(*digit)) {
            (0, digit) => digit,
            (_, digit) => digit / 5 + digit * 2 % 10,
        })
        .sum();
    sum.is_multiple_of(10)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn searched(text: &str, search: Search) -> String {
        let symbols: Vec<Symbol> = text.chars().map(Symbol::of).collect();
        text.chars()
            .zip(hidden(&symbols, search))
            .map(|(c, hidden)| if hidden { '*' } else { c })
            .collect()
    }

    fn masked(text: &str) -> String {
        searched(text, Search::Anywhere)
    }

    #[test]
    fn luhn() {
        for good in [
            "4111111111111111",
            "5555555555554444",
            "378282246310005",
            "4222222222222",
        ] {
            let digits: Vec<u8> = good.bytes().map(|byte| byte - b'0').collect();
            let sum_is_right = luhn_ok(&digits);
            let mut broken = digits.clone();
            broken[3] = (broken[3] + 1) % 10;
            assert!(sum_is_right, "{good}");
            assert!(!luhn_ok(&broken), "{good} with a digit changed");
        }
    }

    #[test]
    fn whole_runs() {
        assert_eq!(masked("4111111111111111"), "411111******1111");
        assert_eq!(masked("378282246310005 x"), "378282*****0005 x");
        assert_eq!(masked("4111111111111112"), "4111111111111112");
        assert_eq!(masked("0000000000000000"), "0000000000000000");
        assert_eq!(masked("2600000000000000"), "2600000000000000");
    }

    #[test]
    fn card_numbers_glued_to_other_digits_are_found() {
        for run in [
            "164111111111111111",
            "41111111111111112912",
            "00004111111111111111",
            "0201123456000041111111111111110000",
        ] {
            let masked = masked(run);
            let card = run.find("4111111111111111").unwrap();
            assert_eq!(&masked[card + 6..card + 12], "******", "{masked}");
        }
    }

    #[test]
    fn the_middle_of_a_card_number_is_hidden_among_any_digits() {
        // Chance stretches that overlap the true card number must never uncover it.
        for seed in 0..200u64 {
            let noise: String = (0..40u64)
                .map(|place| {
                    char::from(b'0' + ((seed * 7919 + place * place * 104_729) % 10) as u8)
                })
                .collect();
            let masked = masked(&format!("{noise}5555555555554444{noise}"));
            assert_eq!(&masked[46..52], "******", "{masked}");
        }
    }

    #[test]
    fn card_numbers_in_groups() {
        assert_eq!(masked("5413 3300 8901 0434"), "5413 33** **** 0434");
        assert_eq!(masked("5413-3300-8901-0434"), "5413-33**-****-0434");
        assert_eq!(masked("x5413.3300.8901.0434x"), "x5413.33**.****.0434x");
        assert_eq!(masked("54133300|89010434"), "541333**|****0434");
        assert_eq!(masked("54133300/89010434"), "541333**/****0434");
        assert_eq!(masked("3782 822463 10005"), "3782 82**** *0005");
        // Only whole groups, and not over any distance.
        assert_eq!(masked("5413 3300 8901 0433"), "5413 3300 8901 0433");
        assert_eq!(masked("5413   3300 8901 0434"), "5413   3300 8901 0434");
        assert_eq!(masked("45.00 2024-07-31 14.34"), "45.00 2024-07-31 14.34");
    }

    #[test]
    fn tracks_in_text_lose_all_but_the_ends_of_the_number() {
        assert_eq!(
            masked("T2=;5413330089010434=30122010000012345678?"),
            "T2=;541333******0434=********************?"
        );
        assert_eq!(
            masked("x5413330089010434D3012201000 y"),
            "x541333******0434D********** y"
        );
        assert_eq!(
            masked("%B5413330089010434^DOE/JOHN^30122010000012345678?+"),
            "%B541333******0434^********^********************?+"
        );
        assert_eq!(
            masked("B5413 3300 8901 0434^DOE/JOHN^3012201"),
            "B5413 33** **** 0434^********^*******"
        );
        assert_eq!(masked("A=12 5=6"), "A=12 5=6");
        assert_eq!(masked("1234567890123D4567"), "1234567890123D4567");
    }

    #[test]
    fn where_no_card_number_is_expected() {
        let alone = |text: &str| searched(text, Search::Alone);
        assert_eq!(alone("5413330089010434"), "541333******0434");
        assert_eq!(alone("005413330089010434"), "00541333******0434");
        // A merchant number, and amounts.
        assert_eq!(alone("898510148990028"), "898510148990028");
        assert_eq!(
            alone("000000012345000000012345D00000000D00000000"),
            "000000012345000000012345D00000000D00000000"
        );
    }
}
