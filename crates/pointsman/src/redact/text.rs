//! Card data in text of any make: log lines, JSON, dumps.
//!
//! Found are card numbers with a right check digit, also in groups (`4111 1111 1111 1111`) and in hex; what follows a
//! card number and a track's separator; and what is named as a secret (`cvv=`, `"pin": "`). Whole messages in hex are
//! redacted as messages.

use std::ops::Range;

use pointsman_iso8583::Content;
use pointsman_iso8583::mask::{self, HIDDEN};

use super::{PAN_DIGITS, Redactor, SHOWN_FIRST, SHOWN_LAST, pseudonym, runs};
use crate::hex;

/// The hex of a message that is worth trying: message type, bitmap and a field.
const MESSAGE_CHARACTERS_MIN: usize = 24;
/// Hex that can hold a card number one character a byte.
const CODED_CHARACTERS_MIN: usize = 26;

/// Names of secrets, without the blank, `_` or `-` that may stand between their words. What follows them and a `:`, `=`, `>` or
/// `is` is hidden whole.
const SECRET_NAMES: [&str; 24] = [
    "cvv",
    "cvv2",
    "cvc",
    "cvc2",
    "cvn2",
    "cid",
    "pin",
    "pinblock",
    "pindata",
    "track1",
    "track2",
    "track3",
    "track1data",
    "track2data",
    "de35",
    "de45",
    "de52",
    "f52",
    "zpk",
    "zmk",
    "tmk",
    "tpk",
    "workingkey",
    "masterkey",
];

/// The fields that loggers write by number, as jPOS does: `<field id="52" value="…"/>`. Track data, PIN block, chip data, keys,
/// and what is private and may hold any of them. A part of one has its number behind a dot: `127.22`.
const SECRET_FIELDS: [&str; 8] = ["35", "36", "45", "48", "52", "55", "96", "127"];
/// Card numbers, extended ones too.
const CARD_FIELDS: [&str; 2] = ["2", "34"];

impl Redactor {
    /// A line of text, its card data replaced. Characters that are no card data stay where they are.
    pub(crate) fn text(&self, line: &str) -> String {
        let (with_messages, done) = self.hex_tokens(line);
        let mut text: Vec<char> = with_messages.chars().collect();
        self.field_numbers(&mut text);
        // Groups first: the mask finds them too, but not which digits make one pseudonym.
        self.grouped_numbers(&mut text, &done);
        self.card_numbers(&mut text, &done);
        secrets(&mut text);
        text.into_iter().collect()
    }

    /// Hex in the line that is a message, or text, is redacted as such. Says where that is: digits there are parts of
    /// bytes, and a card number among them is chance.
    fn hex_tokens(&self, line: &str) -> (String, Vec<Range<usize>>) {
        let mut out = String::with_capacity(line.len());
        let mut characters = 0;
        let mut done = Vec::new();
        let mut rest = line;
        while !rest.is_empty() {
            let plain = rest
                .find(|c: char| c.is_ascii_hexdigit())
                .unwrap_or(rest.len());
            let (before, after) = rest.split_at(plain);
            out.push_str(before);
            characters += before.chars().count();
            let length = after
                .find(|c: char| !c.is_ascii_hexdigit())
                .unwrap_or(after.len());
            let (token, after) = after.split_at(length);
            match self.hex_token(token) {
                Some(redacted) => {
                    done.push(characters..characters + token.len());
                    out.push_str(&redacted);
                }
                None => out.push_str(token),
            }
            characters += token.len();
            rest = after;
        }
        (out, done)
    }

    fn hex_token(&self, token: &str) -> Option<String> {
        if token.len() < MESSAGE_CHARACTERS_MIN || !token.len().is_multiple_of(2) {
            return None;
        }
        let mut bytes = Vec::new();
        hex::decode(token.as_bytes(), &mut bytes).ok()?;
        let redacted = match self.message(&bytes) {
            Ok(message) => message.to_vec(),
            Err(_) if token.len() < CODED_CHARACTERS_MIN => return None,
            Err(_) => self.coded(&bytes)?,
        };
        let mut text = Vec::new();
        hex::encode(&redacted, &mut text);
        let text = String::from_utf8(text).ok()?;
        let is_lower = token.contains(|c: char| c.is_ascii_lowercase());
        Some(if is_lower {
            text.to_ascii_lowercase()
        } else {
            text
        })
    }

    /// Bytes of unknown make with card numbers in ASCII, EBCDIC or packed digits among them.
    fn coded(&self, bytes: &[u8]) -> Option<Vec<u8>> {
        if bytes.iter().all(|byte| matches!(byte, b' '..=b'~')) {
            let text = String::from_utf8(bytes.to_vec()).ok()?;
            return Some(self.text(&text).into_bytes());
        }
        let masked = mask::hex_dump(bytes);
        let mut redacted = bytes.to_vec();
        for (byte, pair) in redacted.iter_mut().zip(masked.as_bytes().chunks(2)) {
            let hidden = |place: usize| pair.get(place).copied() == u8::try_from(HIDDEN).ok();
            *byte = match (hidden(0), hidden(1), *byte >> 4) {
                // A digit of its own: the zero of the same character set.
                (true, true, high @ (0x3 | 0xF)) => high << 4,
                (true, true, _) => 0,
                (true, false, _) => *byte & 0x0F,
                (false, true, _) => *byte & 0xF0,
                (false, false, _) => *byte,
            };
        }
        (redacted != bytes).then_some(redacted)
    }

    /// Card numbers in fields 2 and 34 by their numbers, whatever their check digit.
    fn field_numbers(&self, text: &mut [char]) {
        let original = text.to_vec();
        for at in 0..original.len() {
            let Some(value) = field_value(&original, at, &CARD_FIELDS) else {
                continue;
            };
            let digits = original.get(value.clone()).unwrap_or_default();
            if PAN_DIGITS.contains(&value.len()) && digits.iter().all(char::is_ascii_digit) {
                self.fill(text, &original, value.clone(), Some(value), Content::N);
            }
        }
    }

    /// Card numbers in runs of digits, and the rest of a track behind them.
    fn card_numbers(&self, text: &mut [char], done: &[Range<usize>]) {
        let original = without(text, done);
        let masked = mask::free_text(&original.iter().collect::<String>());
        let hidden: Vec<bool> = original
            .iter()
            .zip(masked.chars())
            .map(|(original, shown)| shown == HIDDEN && *original != HIDDEN)
            .collect();
        for run in runs(&hidden) {
            let around = run.start.saturating_sub(SHOWN_FIRST)..run.end + SHOWN_LAST;
            let is_number = run.start >= SHOWN_FIRST
                && PAN_DIGITS.contains(&around.len())
                && original
                    .get(around.clone())
                    .is_some_and(|digits| digits.iter().all(char::is_ascii_digit));
            self.fill(
                text,
                &original,
                run,
                is_number.then_some(around),
                Content::Ans,
            );
        }
        // A track's number may have a wrong check digit, or be longer than a card number alone.
        for (start, end) in digit_runs(&original) {
            let Some(separator) = original
                .get(end)
                .filter(|c| matches!(c, '=' | 'D' | 'd' | '^'))
            else {
                continue;
            };
            if !PAN_DIGITS.contains(&(end - start)) {
                continue;
            }
            let rest = track_rest(&original, end, *separator);
            if rest.len() < SHOWN_LAST {
                continue;
            }
            self.fill(text, &original, start..end, Some(start..end), Content::Ans);
            self.fill(text, &original, rest, None, Content::Ans);
        }
    }

    /// Card numbers as they are printed: groups of digits with a blank or a hyphen between them.
    fn grouped_numbers(&self, text: &mut [char], done: &[Range<usize>]) {
        let original = without(text, done);
        let groups = digit_runs(&original);
        let mut first = 0;
        while first < groups.len() {
            let mut found = None;
            let mut digits = String::new();
            let mut end = None;
            for (place, group) in groups.iter().enumerate().skip(first) {
                let follows = end.is_none_or(|end: usize| {
                    group.0 == end + 1 && matches!(original.get(end), Some(' ' | '-'))
                });
                if !follows {
                    break;
                }
                digits.extend(original.get(group.0..group.1).unwrap_or_default());
                end = Some(group.1);
                if digits.len() > 19 {
                    break;
                }
                if place > first
                    && digits.len() >= *PAN_DIGITS.start()
                    && pseudonym::luhn_ok(&digits)
                {
                    found = Some((place, digits.clone()));
                }
            }
            let Some((last, digits)) = found else {
                first += 1;
                continue;
            };
            let replaced = self.pan(&digits);
            let range = groups.get(first).map_or(0, |group| group.0)
                ..groups.get(last).map_or(0, |group| group.1);
            let places = text
                .iter_mut()
                .take(range.end)
                .skip(range.start)
                .filter(|c| c.is_ascii_digit());
            for (place, digit) in places.zip(replaced.chars()) {
                *place = digit;
            }
            first = last + 1;
        }
    }
}

/// The text with nothing to be found where it is done.
fn without(text: &[char], done: &[Range<usize>]) -> Vec<char> {
    let mut text = text.to_vec();
    for range in done {
        for place in text.iter_mut().take(range.end).skip(range.start) {
            *place = '\u{fffd}';
        }
    }
    text
}

/// Where digits stand, as starts and ends.
fn digit_runs(text: &[char]) -> Vec<(usize, usize)> {
    let is_digit: Vec<bool> = text.iter().map(char::is_ascii_digit).collect();
    runs(&is_digit)
        .into_iter()
        .map(|run| (run.start, run.end))
        .collect()
}

/// What follows a card number in a track: to the end of its digits, or for track 1 its name and then its digits.
fn track_rest(text: &[char], separator: usize, kind: char) -> Range<usize> {
    let start = separator + 1;
    let mut end = start;
    let mut names = usize::from(kind == '^');
    while let Some(c) = text.get(end) {
        let goes_on = match c {
            '^' if names > 0 => {
                names -= 1;
                true
            }
            '0'..='9' => true,
            // A second separator, as track 3 has.
            '=' => kind == '=',
            _ => names > 0 && (c.is_alphanumeric() || matches!(c, ' ' | '/' | '.' | '-' | '\'')),
        };
        if !goes_on {
            break;
        }
        end += 1;
    }
    start..end
}

/// Values behind the name of a secret.
fn secrets(text: &mut [char]) {
    let lower: Vec<char> = text.iter().map(char::to_ascii_lowercase).collect();
    let mut at = 0;
    while at < lower.len() {
        // `card_cvv` and `cardCvv`, but not `spin`.
        let is_word_start = match at.checked_sub(1).and_then(|before| text.get(before)) {
            Some(before) if before.is_ascii_alphanumeric() => {
                before.is_ascii_lowercase() && text.get(at).is_some_and(char::is_ascii_uppercase)
            }
            _ => true,
        };
        let value = match is_word_start {
            true => SECRET_NAMES
                .iter()
                .filter_map(|name| value_of(&lower, at, name))
                .chain(field_value(&lower, at, &SECRET_FIELDS))
                .max_by_key(|range| range.end),
            false => None,
        };
        let Some(value) = value else {
            at += 1;
            continue;
        };
        for place in text.iter_mut().take(value.end).skip(value.start) {
            if place.is_ascii_digit() {
                *place = '0';
            } else if place.is_alphabetic() {
                *place = 'X';
            }
        }
        at = value.end.max(at + 1);
    }
}

/// Where the value stands that follows this name and a `:`, `=`, `>` or `is`, or a block of a PIN that follows its name alone.
fn value_of(lower: &[char], at: usize, name: &str) -> Option<Range<usize>> {
    const BLOCK_CHARACTERS_MIN: usize = 16;
    let mut place = at;
    for (index, wanted) in name.chars().enumerate() {
        let is_between = |c: &char| matches!(c, ' ' | '_' | '-');
        if index > 0 && lower.get(place).is_some_and(is_between) {
            place += 1;
        }
        if lower.get(place) != Some(&wanted) {
            return None;
        }
        place += 1;
    }
    let is_gap = |c: &&char| matches!(c, ' ' | '"' | '\'' | ':' | '=' | '>' | '\\');
    let gap = lower.get(place..)?;
    let gap_length = gap.iter().take_while(is_gap).count();
    let has_sign = |gap: &[char]| gap.iter().any(|c| matches!(c, ':' | '=' | '>'));
    let is = [' ', 'i', 's', ' '];
    let is_sentence = gap.starts_with(&is);
    let start = if is_sentence { is.len() } else { gap_length } + place;
    let range = value_at(lower, start)?;
    let value = lower.get(range.clone())?;
    let is_secret = match (is_sentence, has_sign(gap.get(..gap_length)?)) {
        // `pin is wrong` says what becomes of it.
        (true, _) => value.iter().any(char::is_ascii_digit),
        (false, true) => true,
        (false, false) => {
            gap_length > 0
                && value.len() >= BLOCK_CHARACTERS_MIN
                && value.iter().all(char::is_ascii_hexdigit)
        }
    };
    is_secret.then_some(range)
}

fn value_at(lower: &[char], start: usize) -> Option<Range<usize>> {
    let is_value =
        |c: &&char| c.is_alphanumeric() || matches!(c, '=' | '^' | '*' | '%' | '/' | '?');
    let value = lower.get(start..)?.iter().take_while(is_value).count();
    (value > 0).then_some(start..start + value)
}

/// Where the value of `id="52" value="…"` stands, up to its quote.
fn field_value(lower: &[char], at: usize, numbers: &[&str]) -> Option<Range<usize>> {
    /// `127.25.103`, and some more.
    const ID_CHARACTERS_MAX: usize = 16;
    let skip = |start: usize, text: &str| {
        let end = start + text.chars().count();
        let found = lower.get(start..end)?;
        found.iter().copied().eq(text.chars()).then_some(end)
    };
    let quote = *lower.get(at + 3).filter(|c| matches!(c, '"' | '\''))?;
    let id = skip(at, "id=")? + 1;
    let is_quote = |c: &char| *c == quote;
    let id_end = id
        + lower
            .get(id..)?
            .iter()
            .take(ID_CHARACTERS_MAX)
            .position(is_quote)?;
    let whole = lower.get(id..id_end)?;
    let number: String = whole.iter().take_while(|c| **c != '.').collect();
    if !numbers.contains(&number.as_str()) {
        return None;
    }
    let value = skip(id_end + 1, " value=")? + 1;
    lower.get(value - 1).filter(|c| is_quote(c))?;
    let rest = lower.get(value..)?;
    let end = rest.iter().position(is_quote).unwrap_or(rest.len());
    Some(value..value + end)
}

#[cfg(test)]
mod tests {
    use pointsman_iso8583::Dialect;

    use super::super::Keep;
    use super::*;

    fn check(line: &str, expected: &str) {
        let dialect = Dialect::builtin("iso87-ascii").unwrap();
        let redactor = Redactor::new(dialect, None, Keep::Ends);
        assert_eq!(redactor.text(line), expected, "{line}");
        assert_eq!(redactor.text(expected), expected, "again: {line}");
    }

    #[test]
    fn what_is_found_in_a_log() {
        check(
            "no card: 1234567890123, 20260731",
            "no card: 1234567890123, 20260731",
        );
        check("pan=4111111111111111 ok", "pan=4111110000001111 ok");
        check("4111 1111 1111 1111", "4111 1100 0000 1111");
        check("5555-5555-5555-4444;", "5555-5500-0000-4444;");
        check("3782 822463 10005", "3782 820000 00005");
        check(
            "t2 4111111111111111=29122011234567890?",
            "t2 4111110000001111=00000000000000000?",
        );
        check(
            "t2 4111111111111112D2912201123",
            "t2 4111110000001112D0000000000",
        );
        check(
            "%B4111111111111111^DOE/JOHN^2912201123?",
            "%B4111110000001111^XXX.XXXX^0000000000?",
        );
        check(
            r#"{"cvv":"123","pin" : "0412F"}"#,
            r#"{"cvv":"000","pin" : "0000X"}"#,
        );
        check(
            "CVV2=999 pin pad ready, spin=7",
            "CVV2=000 pin pad ready, spin=7",
        );
        check("de52: 0123456789ABCDEF", "de52: 0000000000XXXXXX");
        for (line, expected) in [
            ("pin block=12AB", "pin block=00XX"),
            ("PINBLOCK 9D3E7C51A2B4F608", "PINBLOCK 0X0X0X00X0X0X000"),
            ("cvv2: 123", "cvv2: 000"),
            ("cvv_2=123", "cvv_2=000"),
            ("cvv is 123", "cvv is 000"),
            ("pin is wrong, pin pad ready", "pin is wrong, pin pad ready"),
            ("<cvv>123</cvv>", "<cvv>000</cvv>"),
            ("'cvv' => '123'", "'cvv' => '000'"),
            ("zpk: 0123456789ABCDEF", "zpk: 0000000000XXXXXX"),
            ("tmk=AB12", "tmk=XX00"),
            ("working key=0123", "working key=0000"),
            ("card_cvv=123 user-pin: 1234", "card_cvv=000 user-pin: 0000"),
            ("cardCvv=123, spin=7", "cardCvv=000, spin=7"),
            ("card.pin_block: AB12", "card.pin_block: XX00"),
            ("encryptedPinBlock=AB12", "encryptedPinBlock=XX00"),
            ("ENCRYPTED_PIN=AB12", "ENCRYPTED_PIN=XX00"),
        ] {
            check(line, expected);
        }
    }

    /// Lines of a jPOS log, which are read by the numbers of their fields.
    #[test]
    fn fields_in_a_log_by_number() {
        check(
            r#"<field id="52" value="9D3E7C51A2B4F608"/>"#,
            r#"<field id="52" value="0X0X0X00X0X0X000"/>"#,
        );
        check(
            r#"<field id="45" value="B4111 DOE/J^29"/><field id="11" value="000001"/>"#,
            r#"<field id="45" value="X0000 XXX/X^00"/><field id="11" value="000001"/>"#,
        );
        check(
            "<field id='96' value='AB12'/>",
            "<field id='96' value='XX00'/>",
        );
        check(
            r#"<field id="127.22" value="CVV=123"/> <field id="48" value="T42"/>"#,
            r#"<field id="127.22" value="XXX=000"/> <field id="48" value="X00"/>"#,
        );
        check(
            r#"<field id="34" value="4111111111111112"/> <field id="3.1" value="00"/>"#,
            r#"<field id="34" value="4111110000001112"/> <field id="3.1" value="00"/>"#,
        );
    }

    #[test]
    fn hex_in_a_log() {
        // Text, in hex of either case.
        check(
            "dump 34313131313131313131313131313131 x",
            "dump 34313131313130303030303031313131 x",
        );
        // Among other bytes, packed and in EBCDIC.
        check(
            "FFFF4111111111111111FFFF00FF00",
            "FFFF4111110000001111FFFF00FF00",
        );
        check(
            "0000f4f1f1f1f1f1f1f1f1f1f1f1f1f1f1f10000",
            "0000f4f1f1f1f1f1f0f0f0f0f0f0f1f1f1f10000",
        );
    }
}
