//! One entry of a BIN table: a prefix or an inclusive range of prefixes.

use core::fmt;
use core::str::FromStr;

/// The longest prefix that a table may hold. ISO/IEC 7812-1:2017 gives issuers 8 digits; account ranges that networks
/// publish (Visa ARDEF, Mastercard's account range file) go down to 9, 10 and 11.
pub const BIN_DIGITS_MAX: usize = 11;

/// A set of card numbers that share their first digits: all that start with a prefix, or with any prefix of a range.
///
/// A prefix is the range from itself to itself, so `"411111"` and `"411111-411111"` are the same pattern.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BinPattern {
    digits: u8,
    low: u64,
    high: u64,
}

/// Why a text is no BIN pattern. The texts are for the person who wrote it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BinPatternError {
    #[error("a BIN is 1 to 11 digits, this one is empty")]
    Empty,
    #[error("a BIN is digits only, or two of them joined by `-`; found {found:?}")]
    NotDigit { found: char },
    #[error("a BIN has at most 11 digits, this one has {digits}")]
    TooLong { digits: usize },
    #[error("both ends of a range need the same number of digits: found {low} and {high}")]
    UnequalLengths { low: usize, high: usize },
    #[error("a range goes from the lower to the higher end: {low} is above {high}")]
    Reversed { low: u64, high: u64 },
}

impl BinPattern {
    /// How many digits of a card number this pattern looks at.
    pub fn digits(self) -> usize {
        usize::from(self.digits)
    }

    pub fn is_range(self) -> bool {
        self.low != self.high
    }

    /// How many prefixes of its own length the pattern covers; 1 for a prefix.
    pub fn width(self) -> u64 {
        self.high - self.low + 1
    }

    /// Whether a card number belongs to this pattern. One with fewer digits than the pattern never does.
    pub fn matches(self, pan_digits: &str) -> bool {
        let leading = Leading::of(pan_digits);
        leading
            .prefix(self.digits())
            .is_some_and(|prefix| (self.low..=self.high).contains(&prefix))
    }

    /// The pattern's own bounds among prefixes of its own length.
    pub(crate) fn bounds(self) -> (u64, u64) {
        (self.low, self.high)
    }

    /// The pattern's bounds among all prefixes of [`BIN_DIGITS_MAX`] digits.
    pub(crate) fn bounds_full(self) -> (u64, u64) {
        let scale = power_of_ten(BIN_DIGITS_MAX - self.digits());
        (self.low * scale, self.high * scale + (scale - 1))
    }
}

impl FromStr for BinPattern {
    type Err = BinPatternError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (low, high) = match text.split_once('-') {
            Some((low, high)) => (prefix(low)?, prefix(high)?),
            None => {
                let only = prefix(text)?;
                (only, only)
            }
        };
        if low.digits != high.digits {
            return Err(BinPatternError::UnequalLengths {
                low: usize::from(low.digits),
                high: usize::from(high.digits),
            });
        }
        if low.value > high.value {
            return Err(BinPatternError::Reversed {
                low: low.value,
                high: high.value,
            });
        }
        Ok(BinPattern {
            digits: low.digits,
            low: low.value,
            high: high.value,
        })
    }
}

#[derive(Clone, Copy)]
struct Prefix {
    digits: u8,
    value: u64,
}

fn prefix(text: &str) -> Result<Prefix, BinPatternError> {
    if let Some(found) = text.chars().find(|c| !c.is_ascii_digit()) {
        return Err(BinPatternError::NotDigit { found });
    }
    let mut value = 0u64;
    let mut digits = 0u8;
    for byte in text.bytes() {
        if usize::from(digits) == BIN_DIGITS_MAX {
            return Err(BinPatternError::TooLong { digits: text.len() });
        }
        value = value * 10 + u64::from(byte - b'0');
        digits += 1;
    }
    if digits == 0 {
        return Err(BinPatternError::Empty);
    }
    Ok(Prefix { digits, value })
}

impl fmt::Display for BinPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.digits();
        write!(f, "{:0width$}", self.low)?;
        if self.is_range() {
            write!(f, "-{:0width$}", self.high)?;
        }
        Ok(())
    }
}

impl fmt::Debug for BinPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BinPattern({self})")
    }
}

/// The leading digits of a card number, at most [`BIN_DIGITS_MAX`] of them, as a number. What is not a digit ends it.
#[derive(Clone, Copy)]
pub(crate) struct Leading {
    digits: usize,
    value: u64,
}

impl Leading {
    pub(crate) fn of(pan_digits: &str) -> Self {
        let mut leading = Leading {
            digits: 0,
            value: 0,
        };
        for byte in pan_digits.bytes().take(BIN_DIGITS_MAX) {
            if !byte.is_ascii_digit() {
                break;
            }
            leading.value = leading.value * 10 + u64::from(byte - b'0');
            leading.digits += 1;
        }
        leading
    }

    /// The lowest and the highest number of [`BIN_DIGITS_MAX`] digits that begins with these.
    pub(crate) fn keys(self) -> (u64, u64) {
        let scale = power_of_ten(BIN_DIGITS_MAX - self.digits);
        (self.value * scale, self.value * scale + (scale - 1))
    }

    /// Whether the pattern does not match yet, and will if the right digits follow.
    pub(crate) fn may_become(self, pattern: BinPattern) -> bool {
        let (low, high) = self.keys();
        let (pattern_low, pattern_high) = pattern.bounds_full();
        self.digits < pattern.digits() && pattern_low <= high && low <= pattern_high
    }

    /// The first `digits` digits as a number; `None` if there are fewer.
    pub(crate) fn prefix(self, digits: usize) -> Option<u64> {
        let surplus = self.digits.checked_sub(digits)?;
        Some(self.value / power_of_ten(surplus))
    }
}

fn power_of_ten(exponent: usize) -> u64 {
    (0..exponent).fold(1, |power, _| power * 10)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[track_caller]
    fn check(text: &str, expected: Result<&str, BinPatternError>) {
        let found = text
            .parse::<BinPattern>()
            .map(|pattern| pattern.to_string());
        assert_eq!(found.as_deref(), expected.as_ref().copied());
    }

    #[test]
    fn reads_prefixes_and_ranges() {
        check("4", Ok("4"));
        check("0", Ok("0"));
        check("000123", Ok("000123"));
        check("41111111111", Ok("41111111111"));
        check("510000-559999", Ok("510000-559999"));
        check("411111-411111", Ok("411111"));
    }

    #[test]
    fn says_what_is_wrong() {
        check("", Err(BinPatternError::Empty));
        check("-", Err(BinPatternError::Empty));
        check("51-", Err(BinPatternError::Empty));
        check("4x", Err(BinPatternError::NotDigit { found: 'x' }));
        for text in ["4 ", " 4", "510000 - 559999"] {
            check(text, Err(BinPatternError::NotDigit { found: ' ' }));
        }
        check(
            "4\u{663}",
            Err(BinPatternError::NotDigit { found: '\u{663}' }),
        );
        check("1-2-3", Err(BinPatternError::NotDigit { found: '-' }));
        check("411111111111", Err(BinPatternError::TooLong { digits: 12 }));
        check(
            "51-5599",
            Err(BinPatternError::UnequalLengths { low: 2, high: 4 }),
        );
        check(
            "56-51",
            Err(BinPatternError::Reversed { low: 56, high: 51 }),
        );
    }

    #[test]
    fn a_card_number_shorter_than_the_pattern_does_not_match() {
        let range: BinPattern = "510000-559999".parse().unwrap();
        assert!(range.matches("530000"));
        assert!(range.matches("5555555555554444"));
        assert!(!range.matches("53000"));
        assert!(!range.matches(""));
        assert!(!range.matches("53x000"));
    }

    #[test]
    fn a_pattern_that_looks_at_all_eleven_digits_covers_one_key() {
        let pattern: BinPattern = "99999999999".parse().unwrap();
        assert_eq!(pattern.bounds_full(), (99_999_999_999, 99_999_999_999));
        let pattern: BinPattern = "9".parse().unwrap();
        assert_eq!(pattern.bounds_full(), (90_000_000_000, 99_999_999_999));
    }
}
