//! Reads single values of TOML; what is wrong is noted and the value counts as not given.

use std::ops::{Range, RangeInclusive};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::keys::{SECTIONS, Section};
use super::raw::At;
use super::words::meant;
use crate::charset;
use crate::dialect::DialectError;
use crate::field_set::FieldSet;
use crate::header::HEADER_BYTES_MAX;

/// The longest name or description of anything; keeps explanations readable.
pub(super) const NAME_CHARACTERS_MAX: usize = 80;
/// The numbers that a field can have; but 65 is the third bitmap's.
pub(super) const FIELD_NUMBERS: RangeInclusive<u8> = 2..=FieldSet::NUMBER_MAX;

/// A value of the TOML with its place.
pub(super) type Value<'i> = Spanned<DeValue<'i>>;

/// Notes what is wrong.
pub(super) struct Reader<'e> {
    /// Is it the source the caller gave, so that places in it mean something to them?
    pub(super) own: bool,
    pub(super) errors: &'e mut Vec<DialectError>,
}

impl Reader<'_> {
    pub(super) fn error(&mut self, span: Range<usize>, message: impl Into<String>) {
        self.errors
            .push(DialectError::new(self.own.then_some(span), message));
    }

    pub(super) fn error_with_help(
        &mut self,
        span: Range<usize>,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        self.errors
            .push(DialectError::new(self.own.then_some(span), message).help(help));
    }

    pub(super) fn at<T>(&self, value: T, span: Range<usize>) -> At<T> {
        At {
            value,
            span: self.own.then_some(span),
        }
    }

    /// The entries of a table whose keys are known. A key that is none is noted; one that is plainly a known one misspelt is
    /// taken for it, so that it causes no second error.
    pub(super) fn entries<'v, 'i>(
        &mut self,
        table: &'v DeTable<'i>,
        section: &Section,
    ) -> Vec<(&'static str, &'v Value<'i>)> {
        let mut entries: Vec<(&'static str, &Value<'_>)> = table
            .iter()
            .filter_map(|(key, value)| Some((section.find(key.get_ref())?, value)))
            .collect();
        for (key, value) in table {
            let word = key.get_ref().as_ref();
            if section.find(word).is_some() {
                continue;
            }
            let is_free = |key: &&str| entries.iter().all(|(taken, _)| taken != key);
            let near = meant(word, section.names().filter(is_free));
            let help = match near.or_else(|| meant(word, section.names())) {
                Some(meant) => format!("did you mean {meant}?"),
                None => match belongs_to(word) {
                    Some(title) => format!("{word} belongs to {title}"),
                    None => format!(
                        "known here: {}",
                        section.names().collect::<Vec<_>>().join(", ")
                    ),
                },
            };
            self.error_with_help(key.span(), format!("unknown key '{}'", shown(word)), help);
            entries.extend(near.and_then(|near| Some((section.find(near)?, value))));
        }
        entries
    }

    pub(super) fn table<'v, 'i>(
        &mut self,
        value: &'v Value<'i>,
        what: &str,
    ) -> Option<&'v DeTable<'i>> {
        let table = value.get_ref().as_table();
        if table.is_none() {
            self.error(
                value.span(),
                format!("{what} must be a table, not {}", value.get_ref().type_str()),
            );
        }
        table
    }

    pub(super) fn string(&mut self, value: &Value<'_>, what: &str) -> Option<At<String>> {
        let text = value.get_ref().as_str();
        if text.is_none() {
            let message = format!(
                "{what} must be a string, not {}",
                value.get_ref().type_str()
            );
            match value.get_ref() {
                // The commonest mistake has one obvious remedy.
                DeValue::Integer(integer) => {
                    let help = format!("put it in quotes: \"{}\"", shown(integer.as_str()));
                    self.error_with_help(value.span(), message, help);
                }
                _ => self.error(value.span(), message),
            }
        }
        Some(self.at(text?.to_owned(), value.span()))
    }

    pub(super) fn short_text(&mut self, value: &Value<'_>, what: &str) -> Option<At<String>> {
        let text = self.string(value, what)?;
        let count = text.value.chars().count();
        if count == 0 || count > NAME_CHARACTERS_MAX || text.value.chars().any(char::is_control) {
            self.error(
                value.span(),
                format!("{what} must be one line of 1 to {NAME_CHARACTERS_MAX} characters"),
            );
            return None;
        }
        Some(text)
    }

    pub(super) fn boolean(&mut self, value: &Value<'_>, what: &str) -> Option<At<bool>> {
        let flag = value.get_ref().as_bool();
        if flag.is_none() {
            self.error(value.span(), format!("{what} must be true or false"));
        }
        Some(self.at(flag?, value.span()))
    }

    /// One of a few words.
    pub(super) fn word<T: Copy>(
        &mut self,
        value: &Value<'_>,
        what: &str,
        words: &[(&str, T)],
    ) -> Option<At<T>> {
        let known: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
        if value.get_ref().as_str().is_none() {
            let kind = value.get_ref().type_str();
            let message = format!("{what} must be a string, not {kind}");
            let help = format!("known here: {}", known.join(", "));
            self.error_with_help(value.span(), message, help);
            return None;
        }
        let text = self.string(value, what)?;
        if let Some((_, meaning)) = words.iter().find(|(word, _)| *word == text.value) {
            return Some(self.at(*meaning, value.span()));
        }
        let message = format!("{what} cannot be '{}'", shown(&text.value));
        self.error_with_help(value.span(), message, suggestion(&text.value, &known));
        None
    }

    /// One printable ASCII character.
    pub(super) fn character(&mut self, value: &Value<'_>, what: &str) -> Option<At<u8>> {
        let text = self.string(value, what)?;
        match text.value.as_bytes() {
            [character @ 0x20..=0x7E] => Some(self.at(*character, value.span())),
            _ => {
                let message = format!("{what} must be one printable ASCII character");
                self.error(value.span(), message);
                None
            }
        }
    }

    /// Where it stands, if that means something to the caller.
    pub(super) fn place(&self, span: Range<usize>) -> Option<Range<usize>> {
        self.own.then_some(span)
    }

    pub(super) fn field_number(&mut self, value: &Value<'_>) -> Option<u8> {
        let integer = value.get_ref().as_integer();
        let number =
            integer.and_then(|integer| u8::from_str_radix(integer.as_str(), integer.radix()).ok());
        let number = number.filter(|number| FIELD_NUMBERS.contains(number));
        if number.is_none() {
            self.error(value.span(), "a field number is 2 to 192");
        }
        number
    }

    /// A list of field numbers, without those that are none.
    pub(super) fn field_numbers(&mut self, value: &Value<'_>, what: &str) -> Option<Vec<At<u8>>> {
        let Some(list) = value.get_ref().as_array() else {
            let message = format!("{what} must be a list of field numbers");
            self.error(value.span(), message);
            return None;
        };
        let numbers = list.iter().filter_map(|item| {
            let number = self.field_number(item)?;
            Some(self.at(number, item.span()))
        });
        Some(numbers.collect())
    }

    pub(super) fn header(&mut self, value: &Value<'_>) -> Option<At<Vec<u8>>> {
        let text = self.string(value, "header")?;
        let nibbles: Option<Vec<u8>> = text.value.bytes().map(charset::hex_value).collect();
        let Some(nibbles) = nibbles.filter(|nibbles| nibbles.len().is_multiple_of(2)) else {
            self.error(
                value.span(),
                "header must be bytes in hex, two characters each",
            );
            return None;
        };
        let bytes: Vec<u8> = nibbles
            .as_chunks()
            .0
            .iter()
            .map(|[high, low]| high << 4 | low)
            .collect();
        if bytes.len() > HEADER_BYTES_MAX {
            self.error(
                value.span(),
                format!("a header has at most {HEADER_BYTES_MAX} bytes"),
            );
            return None;
        }
        Some(self.at(bytes, value.span()))
    }
}

/// The section that has such a key.
fn belongs_to(word: &str) -> Option<&'static str> {
    if word.parse::<u8>().is_ok() {
        return Some("[fields]");
    }
    let mut sections = SECTIONS.into_iter();
    let section = sections.find(|section| section.find(word).is_some());
    section.map(|section| section.title)
}

/// Text of the file in a message: not more than a line's worth of it, and without control characters.
pub(super) fn shown(text: &str) -> String {
    let mut shown: String = text
        .chars()
        .take(60)
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .collect();
    if text.chars().nth(60).is_some() {
        shown.push('…');
    }
    shown
}

/// What to write instead.
fn suggestion(word: &str, known: &[&str]) -> String {
    match meant(word, known.iter().copied()) {
        Some(meant) => format!("did you mean {meant}?"),
        None => format!("known here: {}", known.join(", ")),
    }
}
