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

/// Text that repeats what somebody typed, with everything in it masked that may be a card number: 13 digits or more,
/// valid or mistyped, also in the groups that are printed on cards and with the rest of a track behind them.
pub(crate) fn masked_in(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find(|c: char| c.is_ascii_digit()) {
        let (before, run) = rest.split_at(start);
        let (run, after) = run.split_at(run_length(run));
        out.push_str(before);
        out.push_str(&masked_run(run));
        rest = after;
    }
    out.push_str(rest);
    out
}

/// The length in bytes of a run of digits with at most one separator between any two.
fn run_length(text: &str) -> usize {
    let mut length = 0;
    for (index, byte) in text.bytes().enumerate() {
        match byte {
            b'0'..=b'9' => length = index + 1,
            b' ' | b'-' | b'=' | b'D' if index == length => {}
            _ => break,
        }
    }
    length
}

fn masked_run(run: &str) -> String {
    let digits: String = run.chars().filter(char::is_ascii_digit).collect();
    if digits.len() < PAN_DIGITS_MIN {
        return run.to_owned();
    }
    let mut masked = mask::pan(&digits);
    if digits.len() > PAN_DIGITS_MAX {
        // More than a card number: its end is not where the digits end.
        let shown = masked.find(mask::HIDDEN).unwrap_or(0);
        let hidden = masked.len() - shown;
        masked.truncate(shown);
        masked.extend(std::iter::repeat_n(mask::HIDDEN, hidden));
    }
    let mut masked = masked.chars();
    run.chars()
        .map(|c| match c.is_ascii_digit() {
            true => masked.next().unwrap_or(mask::HIDDEN),
            false => c,
        })
        .collect()
}

/// ISO/IEC 7812-1 allows up to 19 digits; below 13 none is issued any more.
const PAN_DIGITS_MIN: usize = 13;
const PAN_DIGITS_MAX: usize = 19;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_somebody_typed_is_repeated_without_card_numbers() {
        for (typed, shown) in [
            ("'5413330089010434' found", "'541333******0434' found"),
            ("mistyped 5413330089010435", "mistyped 541333******0435"),
            ("5413 3300 8901 0434", "5413 33** **** 0434"),
            ("5413-3300-8901-0434.toml", "5413-33**-****-0434.toml"),
            (
                "5413330089010434=29122011234567890",
                "541333**********=*****************",
            ),
            ("62284800000000001234567", "622848*****************"),
            ("123456789012 é 4", "123456789012 é 4"),
            ("pos-1.toml 64", "pos-1.toml 64"),
            ("", ""),
        ] {
            assert_eq!(masked_in(typed), shown, "{typed}");
        }
    }

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
