//! Card numbers on the command line: read strictly, and shown masked.

use pointsman_iso8583::mask;
use pointsman_routing::BIN_DIGITS_MAX;
use pointsman_sim_common::Card;

use crate::exit::{Exit, Failure};

/// A card number as digits: as typed, or of the test card that `test:NAME` stands for.
pub(crate) fn resolve(text: &str) -> Result<String, Failure> {
    if let Some(card) = Card::from_value(text) {
        return card.map(|card| card.pan().to_owned()).map_err(|error| {
            Failure::new(
                Exit::Data,
                error.to_string(),
                "take one of these, such as `test:visa`",
            )
        });
    }
    // As it is printed on a card, and as people copy it.
    let digits: String = text.chars().filter(|c| !matches!(c, ' ' | '-')).collect();
    match Card::with_pan(&digits) {
        Some(card) => Ok(card.pan().to_owned()),
        // What was typed may be a card number with a slip in it, so it is not repeated.
        None => Err(Failure::new(
            Exit::Data,
            "this is not a card number",
            "a card number is 1 to 19 digits; `test:visa` and the like stand for test cards",
        )),
    }
}

/// A card number as it may be shown together with the first `known` digits, which are shown elsewhere. Of up to 11 digits
/// it is a BIN, and nobody's number.
pub(crate) fn masked(pan: &str, known: usize) -> String {
    if pan.len() <= BIN_DIGITS_MAX {
        return pan.to_owned();
    }
    let masked = mask::pan(pan);
    // PCI DSS 3.4.1 allows the BIN of up to 8 digits and the last four. With more at the front the end must go.
    if known <= 8 {
        return masked;
    }
    masked
        .char_indices()
        .map(|(index, c)| if index + 4 < pan.len() { c } else { '*' })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_read_as_it_is_printed() {
        assert_eq!(resolve("4111 1111-1111 1111").unwrap(), "4111111111111111");
        assert_eq!(resolve("411111").unwrap(), "411111");
        assert_eq!(resolve("test:visa").unwrap(), "4111111111111111");
        for text in ["", "-", "4111x", "41111111111111111111", "٤", "test:viza"] {
            assert_eq!(resolve(text).unwrap_err().exit, Exit::Data, "{text:?}");
        }
    }

    #[test]
    fn what_may_be_shown() {
        assert_eq!(masked("4111111111111111", 1), "411111******1111");
        assert_eq!(masked("4111111111111111", 11), "411111**********");
        assert_eq!(masked("411111", 1), "411111");
    }
}
