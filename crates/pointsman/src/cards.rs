//! Card numbers on the command line: read strictly, shown masked, and names for the well-known test cards.

use crate::config::suggest;
use crate::exit::{Exit, Failure};

/// Published test numbers of the networks and of payment gateways; no issuer ever gives them out.
const TEST_CARDS: [(&str, &str); 8] = [
    ("visa", "4111111111111111"),
    ("mastercard", "5555555555554444"),
    ("mastercard-2", "2223003122003222"),
    ("amex", "378282246310005"),
    ("discover", "6011111111111117"),
    ("jcb", "3530111333300000"),
    ("diners", "30569309025904"),
    ("unionpay", "6200000000000005"),
];

/// The digits of a card number, or of the test card that `test:NAME` stands for.
pub(crate) fn resolve(text: &str) -> Result<String, Failure> {
    if let Some(name) = text.strip_prefix("test:") {
        let names = TEST_CARDS.iter().map(|(name, _)| *name);
        return TEST_CARDS
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, pan)| (*pan).to_owned())
            .ok_or_else(|| {
                Failure::new(
                    Exit::Data,
                    "there is no test card of this name",
                    match suggest::nearest(name, names.clone()) {
                        Some(meant) => format!("did you mean `test:{meant}`?"),
                        None => format!("the test cards are {}", suggest::list(names)),
                    },
                )
            });
    }
    // As it is printed on a card, and as people copy it.
    let digits: String = text.chars().filter(|c| !matches!(c, ' ' | '-')).collect();
    // ISO/IEC 7812-1:2017 has 10 to 19 digits; a BIN alone, to see where it would go, is welcome as well.
    let is_number =
        !digits.is_empty() && digits.len() <= 19 && digits.bytes().all(|b| b.is_ascii_digit());
    if !is_number {
        // What was typed may be a card number with a slip in it, so it is not repeated.
        return Err(Failure::new(
            Exit::Data,
            "this is not a card number",
            "a card number is 1 to 19 digits; `test:visa` and the like stand for test cards",
        ));
    }
    Ok(digits)
}

/// The first six and the last four digits, which PCI DSS 3.4.1 allows to be shown, of a number that is long enough to
/// hide something between them; of a shorter one the BIN alone.
pub(crate) fn masked(pan: &str) -> String {
    let hidden = match pan.len() {
        0..=6 => 0..0,
        7..=13 => 6..pan.len(),
        length => 6..length - 4,
    };
    pan.char_indices()
        .map(|(index, digit)| if hidden.contains(&index) { '*' } else { digit })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn test_cards_are_card_numbers() {
        for (name, pan) in TEST_CARDS {
            assert_eq!(resolve(&format!("test:{name}")).unwrap(), pan);
            let sum: u32 = pan
                .bytes()
                .rev()
                .enumerate()
                .map(|(index, digit)| {
                    let digit = u32::from(digit - b'0');
                    match index % 2 {
                        0 => digit,
                        _ => digit * 2 / 10 + digit * 2 % 10,
                    }
                })
                .sum();
            assert_eq!(sum % 10, 0, "{name} fails the Luhn check");
        }
    }

    #[test]
    fn a_number_is_read_as_it_is_printed() {
        assert_eq!(resolve("4111 1111-1111 1111").unwrap(), "4111111111111111");
        assert_eq!(resolve("411111").unwrap(), "411111");
        for text in ["", "-", "4111x", "41111111111111111111", "٤"] {
            assert_eq!(resolve(text).unwrap_err().exit, Exit::Data, "{text:?}");
        }
        assert_eq!(
            resolve("test:vsia").unwrap_err().hint,
            "did you mean `test:visa`?"
        );
    }

    #[test]
    fn the_middle_is_masked() {
        assert_eq!(masked("4111111111111111"), "411111******1111");
        assert_eq!(masked("378282246310005"), "378282*****0005");
        assert_eq!(masked("30569309025904"), "305693****5904");
        assert_eq!(masked("4111111111111"), "411111*******");
        assert_eq!(masked("411111"), "411111");
    }
}
