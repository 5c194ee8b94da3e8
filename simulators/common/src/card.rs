//! Test cards by name, so that no real card number is ever typed: `test:visa`, `test:mastercard`, `test:411111`.

use std::fmt;

/// The published test numbers of the card schemes.
const NAMED: [(&str, &str); 9] = [
    ("visa", "4111111111111111"),
    ("visa-2", "4012888888881881"),
    ("mastercard", "5555555555554444"),
    ("mastercard-2", "2223003122003222"),
    ("amex", "378282246310005"),
    ("discover", "6011111111111117"),
    ("jcb", "3530111333300000"),
    ("diners", "30569309025904"),
    ("unionpay", "6200000000000005"),
];

/// YYMM. Far enough away for a test card.
const EXPIRY: &str = "3012";

/// A card that is good for tests only.
#[derive(Clone, PartialEq, Eq)]
pub struct Card {
    pan: String,
}

/// What a person wrote names no test card.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "no such test card: expected test:NAME with NAME one of {}, or a BIN of 1 to 11 digits",
    names()
)]
pub struct CardError;

fn names() -> String {
    NAMED.map(|(name, _)| name).join(", ")
}

impl Card {
    /// A card by what follows `test:`: a name, or the digits of a BIN, for which a number is made up.
    ///
    /// # Errors
    /// No card has that name.
    pub fn named(name: &str) -> Result<Self, CardError> {
        if let Some((_, pan)) = NAMED.into_iter().find(|(known, _)| *known == name) {
            return Ok(Card {
                pan: pan.to_owned(),
            });
        }
        Self::of_bin(name, 0)
    }

    /// The `serial`-th made-up card of a BIN: 16 digits with a valid check digit.
    ///
    /// # Errors
    /// The BIN is not 1 to 11 digits.
    pub fn of_bin(bin: &str, serial: u32) -> Result<Self, CardError> {
        if !(1..=11).contains(&bin.len()) || !bin.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(CardError);
        }
        let width = 15 - bin.len();
        // With a long BIN there are fewer numbers than serials: they come round again.
        let digits = u32::try_from(width).unwrap_or(9).min(9);
        let mut pan = format!("{bin}{:0width$}", serial % 10_u32.pow(digits));
        pan.push(luhn_check_digit(&pan));
        Ok(Card { pan })
    }

    /// Reads `test:NAME`. `None` if the text does not start with `test:`.
    #[must_use]
    pub fn from_value(text: &str) -> Option<Result<Self, CardError>> {
        text.strip_prefix("test:").map(Self::named)
    }

    /// The card with the number that a person gave, when it is made of digits.
    #[must_use]
    pub fn with_pan(pan: &str) -> Option<Self> {
        let fits = (1..=19).contains(&pan.len()) && pan.bytes().all(|byte| byte.is_ascii_digit());
        fits.then(|| Card {
            pan: pan.to_owned(),
        })
    }

    /// Field 2.
    #[must_use]
    pub fn pan(&self) -> &str {
        &self.pan
    }

    /// Field 14, YYMM.
    #[must_use]
    pub fn expiry(&self) -> &'static str {
        EXPIRY
    }

    /// Field 35: number, separator, expiry, service code 201 (chip, international), discretionary data.
    #[must_use]
    pub fn track2(&self) -> String {
        format!("{}={EXPIRY}2010000000000", self.pan)
    }
}

/// First six and last four, as a receipt shows it.
impl fmt::Debug for Card {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let first = self.pan.get(..6).unwrap_or_default();
        let last = self
            .pan
            .len()
            .checked_sub(4)
            .and_then(|start| self.pan.get(start..))
            .unwrap_or_default();
        write!(f, "Card({first}…{last})")
    }
}

/// ISO/IEC 7812-1 annex B: doubling every second digit from the right, counted before the check digit is there.
fn luhn_check_digit(payload: &str) -> char {
    let sum: u32 = payload
        .bytes()
        .rev()
        .enumerate()
        .map(|(place, byte)| {
            let digit = u32::from(byte - b'0');
            let doubled = if place % 2 == 0 { digit * 2 } else { digit };
            doubled / 10 + doubled % 10
        })
        .sum();
    char::from_digit((10 - sum % 10) % 10, 10).unwrap_or('0')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_named_card_has_a_valid_check_digit() {
        for (name, pan) in NAMED {
            let (payload, check) = pan.split_at(pan.len() - 1);
            assert_eq!(luhn_check_digit(payload).to_string(), check, "{name}");
            assert_eq!(Card::named(name).unwrap().pan(), pan);
        }
    }

    #[test]
    fn made_up_cards_start_with_their_bin_and_differ() {
        let (first, second) = (
            Card::of_bin("411111", 0).unwrap(),
            Card::of_bin("411111", 1).unwrap(),
        );
        assert_eq!(first.pan(), "4111110000000005");
        assert_eq!(second.pan(), "4111110000000013");
        assert_eq!(
            Card::of_bin("40000000001", 12_345_678).unwrap().pan().len(),
            16
        );
        assert_eq!(Card::of_bin("4", u32::MAX).unwrap().pan().len(), 16);
    }

    #[test]
    fn values_are_told_apart() {
        assert!(Card::from_value("4111111111111111").is_none());
        assert_eq!(
            Card::from_value("test:visa").unwrap().unwrap().track2(),
            "4111111111111111=30122010000000000"
        );
        let error = Card::from_value("test:viza")
            .unwrap()
            .unwrap_err()
            .to_string();
        assert!(error.contains("visa, visa-2, mastercard"), "{error}");
        assert_eq!(
            format!("{:?}", Card::named("visa").unwrap()),
            "Card(411111…1111)"
        );
    }
}
