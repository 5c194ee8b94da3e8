//! One table of the file, read key by key. Everything that is wrong with its shape is reported, and reading goes on.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::diagnostics::{Diagnostic, Report};
use super::suggest;

/// A value and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct At<T> {
    pub(crate) value: T,
    pub(crate) span: Range<usize>,
}

impl<T> At<T> {
    pub(crate) fn new(value: T, span: Range<usize>) -> Self {
        At { value, span }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct List<T> {
    pub(crate) elements: Vec<At<T>>,
    pub(crate) span: Range<usize>,
    /// No element had to be left out for its type: what is not in the list is not in the file.
    pub(crate) is_whole: bool,
}

/// The kind of table: its name as people write it, and its keys.
#[derive(Debug)]
pub(crate) struct Kind {
    /// `[[link]]`, or words for a table that has no header.
    pub(crate) title: &'static str,
    pub(crate) keys: &'static [&'static str],
}

/// A table whose keys are known.
#[derive(Debug)]
pub(crate) struct Section<'t, 'i> {
    kind: &'static Kind,
    /// Where to point if something is missing.
    pub(crate) head: Range<usize>,
    entries: Vec<(&'static str, &'t Spanned<DeValue<'i>>)>,
}

impl<'t, 'i> Section<'t, 'i> {
    /// Reports unknown keys. One that is plainly a known one misspelt is taken for it, so that it does not cause a
    /// second error about a missing key, and so that its value is checked as well.
    pub(crate) fn open(
        kind: &'static Kind,
        others: &[&'static Kind],
        table: &'t DeTable<'i>,
        head: Range<usize>,
        report: &mut Report,
    ) -> Self {
        let known = |name: &str| kind.keys.iter().copied().find(|key| *key == name);
        let mut entries: Vec<(&'static str, &Spanned<DeValue<'_>>)> = Vec::new();
        for (key, value) in table {
            if let Some(key) = known(key.get_ref()) {
                entries.push((key, value));
            }
        }
        for (key, value) in table {
            let written: &str = key.get_ref();
            if known(written).is_some() {
                continue;
            }
            let is_free = |key: &&str| entries.iter().all(|(taken, _)| taken != key);
            let free = kind.keys.iter().copied().filter(is_free);
            let meant = suggest::nearest(written, free)
                .or_else(|| suggest::nearest(written, kind.keys.iter().copied()));
            let elsewhere = others
                .iter()
                .find(|other| other.keys.contains(&written))
                .map(|other| other.title);
            let help = match (meant, elsewhere) {
                (Some(meant), _) => format!("did you mean `{meant}`?"),
                (None, Some(title)) => format!("`{written}` belongs to {title}"),
                (None, None) => format!(
                    "the keys are {}",
                    suggest::all_of(kind.keys.iter().copied())
                ),
            };
            report.push(
                Diagnostic::error(
                    key.span(),
                    format!("unknown key `{}` in {}", shown(written), kind.title),
                )
                .label("not a key of this table")
                .help(help),
            );
            if let Some(meant) = meant.filter(is_free) {
                entries.push((meant, value));
            }
        }
        Section {
            kind,
            head,
            entries,
        }
    }

    fn get(&self, key: &str) -> Option<&'t Spanned<DeValue<'i>>> {
        self.entries
            .iter()
            .find(|(name, _)| *name == key)
            .map(|(_, value)| *value)
    }

    pub(crate) fn value(&self, key: &'static str) -> Option<&'t Spanned<DeValue<'i>>> {
        debug_assert!(self.kind.keys.contains(&key), "{key} is not declared");
        self.get(key)
    }

    /// Reports the keys that are missing, with an example of what each looks like.
    pub(crate) fn require(&self, keys: &[(&'static str, &str)], report: &mut Report) {
        let missing: Vec<&(&str, &str)> = keys
            .iter()
            .filter(|(key, _)| self.value(key).is_none())
            .collect();
        if missing.is_empty() {
            return;
        }
        let names = suggest::one_of(missing.iter().map(|(key, _)| *key));
        let lines: Vec<String> = missing
            .iter()
            .map(|(key, example)| format!("{key} = {example}"))
            .collect();
        report.push(
            Diagnostic::error(
                self.head.clone(),
                format!("{} has no {names}", self.kind.title),
            )
            .label("missing here")
            .help(format!(
                "add {}",
                suggest::all_of(lines.iter().map(String::as_str))
            ))
            .absence(),
        );
    }

    pub(crate) fn text(&self, key: &'static str, report: &mut Report) -> Option<At<String>> {
        let value = self.value(key)?;
        match value.get_ref() {
            DeValue::String(text) => Some(At::new(text.to_string(), value.span())),
            _ => {
                wrong_type(key, value, "a string", report);
                None
            }
        }
    }

    /// The text of a duration; the second stage reads it.
    pub(crate) fn duration(&self, key: &'static str, report: &mut Report) -> Option<At<String>> {
        let value = self.value(key)?;
        match value.get_ref() {
            DeValue::String(text) => Some(At::new(text.to_string(), value.span())),
            DeValue::Integer(number) => {
                report.push(
                    Diagnostic::error(value.span(), format!("`{key}` needs a unit"))
                        .label("this is a number")
                        .help(format!(
                            "write \"{0}s\" for seconds or \"{0}ms\" for milliseconds",
                            shown(number.as_str())
                        )),
                );
                None
            }
            _ => {
                wrong_type(key, value, "a duration such as `\"15s\"`", report);
                None
            }
        }
    }

    /// The text of a number of bytes; the second stage reads it.
    pub(crate) fn size(&self, key: &'static str, report: &mut Report) -> Option<At<String>> {
        let value = self.value(key)?;
        match value.get_ref() {
            DeValue::String(text) => Some(At::new(text.to_string(), value.span())),
            DeValue::Integer(number) => {
                report.push(
                    Diagnostic::error(value.span(), format!("`{key}` needs a unit"))
                        .label("this is a number")
                        .help(format!(
                            "write \"{0}MiB\" or \"{0}GiB\"",
                            shown(number.as_str())
                        )),
                );
                None
            }
            _ => {
                wrong_type(key, value, "a size such as `\"8GiB\"`", report);
                None
            }
        }
    }

    pub(crate) fn boolean(&self, key: &'static str, report: &mut Report) -> Option<At<bool>> {
        let value = self.value(key)?;
        match value.get_ref() {
            DeValue::Boolean(boolean) => Some(At::new(*boolean, value.span())),
            _ => {
                wrong_type(key, value, "`true` or `false`", report);
                None
            }
        }
    }

    pub(crate) fn integer(&self, key: &'static str, report: &mut Report) -> Option<At<u64>> {
        integer(key, self.value(key)?, report)
    }

    /// A list, or a single element where a list of one is meant.
    pub(crate) fn list<T>(
        &self,
        key: &'static str,
        element: fn(&str, &Spanned<DeValue<'i>>, &mut Report) -> Option<At<T>>,
        report: &mut Report,
    ) -> Option<List<T>> {
        let value = self.value(key)?;
        let (written, elements): (usize, Vec<At<T>>) = match value.get_ref() {
            DeValue::Array(array) => (
                array.len(),
                array
                    .iter()
                    .filter_map(|value| element(key, value, report))
                    .collect(),
            ),
            _ => (1, vec![element(key, value, report)?]),
        };
        Some(List {
            is_whole: elements.len() == written,
            elements,
            span: value.span(),
        })
    }
}

pub(crate) fn text(
    key: &str,
    value: &Spanned<DeValue<'_>>,
    report: &mut Report,
) -> Option<At<String>> {
    match value.get_ref() {
        DeValue::String(text) => Some(At::new(text.to_string(), value.span())),
        _ => {
            wrong_type(key, value, "a string", report);
            None
        }
    }
}

pub(crate) fn integer(
    key: &str,
    value: &Spanned<DeValue<'_>>,
    report: &mut Report,
) -> Option<At<u64>> {
    let number = match value.get_ref() {
        DeValue::Integer(integer) => u64::from_str_radix(integer.as_str(), integer.radix()).ok(),
        _ => None,
    };
    if number.is_none() {
        wrong_type(key, value, "a whole number, not negative", report);
    }
    number.map(|number| At::new(number, value.span()))
}

pub(crate) fn wrong_type(
    key: &str,
    value: &Spanned<DeValue<'_>>,
    expected: &str,
    report: &mut Report,
) {
    let diagnostic = Diagnostic::error(value.span(), format!("`{key}` must be {expected}"))
        .label(format!("this is {}", type_name(value.get_ref())));
    // The commonest mistake has one obvious remedy.
    report.push(match value.get_ref() {
        DeValue::Integer(integer) if expected == "a string" => {
            diagnostic.help(format!("put it in quotes: \"{}\"", shown(integer.as_str())))
        }
        _ => diagnostic,
    });
}

fn type_name(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(integer) if integer.as_str().starts_with('-') => "a negative number",
        DeValue::Integer(integer)
            if i64::from_str_radix(integer.as_str(), integer.radix()).is_err() =>
        {
            "a number that is too large"
        }
        DeValue::Integer(_) => "a number",
        DeValue::Float(_) => "a number with a fraction",
        DeValue::Boolean(_) => "a truth value",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

/// Text of the file in a message: not more than a line's worth of it, and without control characters.
pub(crate) fn shown(text: &str) -> String {
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
