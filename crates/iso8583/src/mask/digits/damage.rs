//! Card numbers one of whose digits is something else: what is wrong with a broken message may be wrong with them.

use super::{
    Found, PAN_DIGITS_MAX, PAN_DIGITS_MIN, Symbol, begins_like_an_issuer, is_filler, luhn_ok,
};

/// May one of the digits that are looked for be something else? In a message that is broken anyway, it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::mask) enum Damage {
    None,
    OneDigit,
}

/// As [`stretches`], but one of the digits is something else. Whatever it is, one digit in its place makes the check digit
/// right: so only the beginning tells a card number.
pub(in crate::mask) fn damaged(symbols: &[Symbol], is_packed: bool) -> Vec<Found> {
    let mut found = Vec::new();
    let digits = |symbols: &mut dyn Iterator<Item = &Symbol>| {
        let run = symbols.take_while(|symbol| symbol.digit().is_some());
        run.take(PAN_DIGITS_MAX - 1).count()
    };
    let places = symbols.iter().enumerate();
    for (place, _) in places.filter(|(_, symbol)| symbol.digit().is_none()) {
        let (before, after) = symbols.split_at(place);
        let first = place - digits(&mut before.iter().rev());
        let end = place + 1 + digits(&mut after.iter().skip(1));
        for count in PAN_DIGITS_MIN..=PAN_DIGITS_MAX.min(end - first) {
            for start in first..=place.min(end - count) {
                if start + count <= place || is_packed && count % 2 == 0 && start % 2 == 1 {
                    continue;
                }
                let window = symbols.get(start..start + count).unwrap_or_default();
                // Most begin like nothing, whatever is missing further behind.
                if place - start >= BEGINNING && !begins_like_an_issuer(&with(window, 0)) {
                    continue;
                }
                let is_card = mended(window)
                    .is_some_and(|digits| begins_like_an_issuer(&digits) && !is_filler(&digits));
                if is_card {
                    found.push(Found::Card((start..start + count).collect()));
                }
            }
        }
    }
    found
}

/// As many digits tell an issuer.
const BEGINNING: usize = 4;

/// The digits, with the one that makes the check digit right in the place of what is none. `None`: more than one is none.
pub(in crate::mask) fn mended(symbols: &[Symbol]) -> Option<Vec<u8>> {
    let others = symbols.iter().filter(|symbol| symbol.digit().is_none());
    match others.count() {
        0 => Some(with(symbols, 0)),
        1 => (0..=9)
            .map(|missing| with(symbols, missing))
            .find(|digits| luhn_ok(digits)),
        _ => None,
    }
}

/// The digits, with this one in the place of what is none.
fn with(symbols: &[Symbol], missing: u8) -> Vec<u8> {
    let digits = symbols
        .iter()
        .map(|symbol| symbol.digit().unwrap_or(missing));
    digits.collect()
}
