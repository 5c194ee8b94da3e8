//! Values that nobody makes by chance: card numbers with a right check digit, dates, times, and the version of the MTI.

use crate::dialect::Dialect;
use crate::field::{Content, Length};
use crate::field_set::FieldSet;
use crate::mti::Mti;
use crate::text::TextBuffer;
use crate::view::View;

/// What the values of one message say for and against the dialect that it was read in.
pub(super) struct Evidence {
    pub(super) plausible: FieldSet,
    pub(super) implausible: FieldSet,
    pub(super) version_agrees: bool,
}

impl Evidence {
    pub(super) fn of(dialect: &Dialect, mti: Mti, view: &View<'_>) -> Evidence {
        let mut evidence = Evidence {
            plausible: FieldSet::EMPTY,
            implausible: FieldSet::EMPTY,
            version_agrees: version_agrees(dialect, mti),
        };
        let mut buffer = TextBuffer::new();
        for number in view.fields().iter() {
            let Some(text) = view.text(number, &mut buffer) else {
                continue;
            };
            match verdict(number, text) {
                Some(true) => evidence.plausible.insert(number),
                Some(false) => evidence.implausible.insert(number),
                None => {}
            }
        }
        evidence
    }
}

/// Is the value as it should be? `None` where nothing can be said.
fn verdict(number: u8, text: &str) -> Option<bool> {
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
    let parts = |cuts: &[(usize, u8, u8)]| {
        let mut rest = text;
        cuts.iter().all(|(length, low, high)| {
            let Some((part, after)) = rest.split_at_checked(*length) else {
                return false;
            };
            rest = after;
            part.parse::<u8>()
                .is_ok_and(|value| (*low..=*high).contains(&value))
        })
    };
    match (number, text.len()) {
        (2, _) if is_number => Some(luhn_ok(text)),
        // ISO 8583-1:1987 4.4: MMDDhhmmss, hhmmss, MMDD. A field that is all zeros was never filled.
        (7 | 12 | 13 | 15 | 16 | 17, _) if text.bytes().all(|byte| byte == b'0') => None,
        (7, 10) => Some(parts(&[
            (2, 1, 12),
            (2, 1, 31),
            (2, 0, 23),
            (2, 0, 59),
            (2, 0, 59),
        ])),
        (12, 6) => Some(parts(&[(2, 0, 23), (2, 0, 59), (2, 0, 59)])),
        (13 | 15 | 16 | 17, 4) => Some(parts(&[(2, 1, 12), (2, 1, 31)])),
        // ISO 8583-1:1993 4.4: YYMMDDhhmmss, and YYMMDD for the dates.
        (12, 12) => Some(parts(&[
            (2, 0, 99),
            (2, 1, 12),
            (2, 1, 31),
            (2, 0, 23),
            (2, 0, 59),
            (2, 0, 59),
        ])),
        (15, 6) => Some(parts(&[(2, 0, 99), (2, 1, 12), (2, 1, 31)])),
        // ISO 8583-1:1987 table 10: the account types are tens.
        (3, 6) if is_number => text
            .get(2..)
            .map(|accounts| {
                accounts
                    .bytes()
                    .skip(1)
                    .step_by(2)
                    .all(|digit| digit == b'0')
            })
            .filter(|tens| *tens),
        _ => None,
    }
}

/// ISO/IEC 7812-1 annex B.
fn luhn_ok(digits: &str) -> bool {
    crate::card::Pan::parse(digits.as_bytes()).is_some_and(|pan| pan.luhn_ok())
}

/// The versions differ in field 39: two characters in 1987, three digits in 1993, four in 2003. National and private
/// MTIs say nothing.
fn version_agrees(dialect: &Dialect, mti: Mti) -> bool {
    let Some(field) = dialect.field(39) else {
        return true;
    };
    let expected = match (field.content, field.length) {
        (Content::An, Length::Fixed(2)) => b'0',
        (Content::N, Length::Fixed(3)) => b'1',
        (Content::N, Length::Fixed(4)) => b'2',
        _ => return true,
    };
    let [version, ..] = mti.digits();
    version == expected || matches!(version, b'8' | b'9')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_that_speak_for_themselves() {
        let cases = [
            (2, "4111111111111111", Some(true)),
            (2, "4111111111111112", Some(false)),
            (3, "003000", Some(true)),
            (3, "123456", None),
            (7, "0731235959", Some(true)),
            (7, "0732235959", Some(false)),
            (7, "0000000000", None),
            (12, "250000", Some(false)),
            (12, "260229120000", Some(true)),
            (13, "1231", Some(true)),
            (15, "990013", Some(false)),
            (41, "TERM0001", None),
        ];
        for (number, text, expected) in cases {
            assert_eq!(verdict(number, text), expected, "{number} {text}");
        }
    }
}
