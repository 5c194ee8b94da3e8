//! Finding card numbers in runs of digits.
//!
//! A run of 13 to 19 digits that passes Luhn is a card number. Hosts also glue card numbers to other digits: a length
//! before them, an expiry date behind them, leading zeros, or one after another in batch uploads. So every stretch
//! inside a longer run is tried too, if it begins like a card number and is as long as that kind of card's. Each stretch
//! found has its middle hidden; where they overlap the hidden parts add up, so that a true card number among chance
//! finds never shows more than its first six and last four digits.

use super::{PAN_DIGITS_MAX, PAN_DIGITS_MIN, SHOWN_FIRST, SHOWN_LAST};

/// Which places must be hidden; `None` stands for anything that is no digit.
pub(super) fn hidden(values: &[Option<u8>]) -> Vec<bool> {
    let mut hidden = vec![false; values.len()];
    let mut start = 0;
    for run in values.split(Option::is_none) {
        let digits: Vec<u8> = run.iter().copied().flatten().collect();
        mark(
            &digits,
            hidden
                .get_mut(start..start + digits.len())
                .unwrap_or_default(),
        );
        start += digits.len() + 1;
    }
    hidden
}

fn mark(run: &[u8], hidden: &mut [bool]) {
    for count in PAN_DIGITS_MIN..=PAN_DIGITS_MAX.min(run.len()) {
        for (start, stretch) in run.windows(count).enumerate() {
            let candidate = if count == run.len() {
                stretch.first() != Some(&0)
            } else {
                begins_like_a_card(stretch)
            };
            if candidate && luhn_ok(stretch) {
                let middle = count - SHOWN_FIRST - SHOWN_LAST;
                hidden
                    .iter_mut()
                    .skip(start + SHOWN_FIRST)
                    .take(middle)
                    .for_each(|place| *place = true);
            }
        }
    }
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

    fn masked(text: &str) -> String {
        let values: Vec<Option<u8>> = text
            .chars()
            .map(|c| c.to_digit(10).map(|digit| digit as u8))
            .collect();
        text.chars()
            .zip(hidden(&values))
            .map(|(c, hidden)| if hidden { '*' } else { c })
            .collect()
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
}
