//! Card data replaced so that what holds it still decodes: same length, same kind of character in each place.
//!
//! What has to go is what [`mask`] hides. A digit becomes 0, a letter X, a byte 00; the hidden digits of a card number
//! become a pseudonym if there is a key. What stands for a card number never has a right check digit, so that it is no
//! card's number, and no second look takes it for one.

use bytes::BytesMut;
use pointsman_iso8583::mask::{self, HIDDEN};
use pointsman_iso8583::{Content, DecodeError, Dialect, Edit, Field, Sensitive, Transcoder};
use std::sync::Arc;

mod in_place;
mod object;
mod pseudonym;
mod text;

pub(crate) use pseudonym::Key;

/// ISO/IEC 7812-1: 13 to 19 digits; track 3 has two before them.
const PAN_DIGITS: std::ops::RangeInclusive<usize> = 13..=21;
/// What [`mask`] shows of a card number.
const SHOWN_FIRST: usize = 6;
const SHOWN_LAST: usize = 4;

/// What is left of a card number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Keep {
    /// The first six and the last four digits.
    #[default]
    Ends,
    /// Nothing.
    None,
}

/// Redacts messages of one dialect, and text.
pub(crate) struct Redactor {
    dialect: Arc<Dialect>,
    transcoder: Transcoder,
    key: Option<Key>,
    keep: Keep,
}

impl Redactor {
    pub(crate) fn new(dialect: Arc<Dialect>, key: Option<Key>, keep: Keep) -> Self {
        Redactor {
            transcoder: Transcoder::new(&dialect, &dialect),
            dialect,
            key,
            keep,
        }
    }

    pub(crate) fn dialect(&self) -> &Dialect {
        &self.dialect
    }

    /// The same message, its card data replaced. All else is copied bit for bit.
    pub(crate) fn message(&self, bytes: &[u8]) -> Result<BytesMut, DecodeError> {
        let view = self.dialect.view(bytes)?;
        let texts: Vec<(u8, String)> = view
            .fields()
            .iter()
            .filter_map(|number| {
                let field = self.dialect.field(number)?;
                let text = view.to_text(number)?;
                let redacted = self.shown(field, &text, &mask::field_in(&view, number)?);
                (redacted != text).then_some((number, redacted))
            })
            .collect();
        let edits: Vec<Edit<'_>> = texts
            .iter()
            .map(|(number, text)| Edit::Set(*number, text))
            .collect();
        let mut out = BytesMut::new();
        let written = self
            .transcoder
            .write(&view, view.mti(), view.header(), &edits, &mut out);
        if written.is_err() {
            // A value of the same length and class fits wherever the first one did. Should it not, nothing is shown.
            out.clear();
        }
        Ok(out)
    }

    /// The value of a field, its card data replaced.
    pub(crate) fn field(&self, field: &Field, text: &str) -> String {
        self.shown(field, text, &mask::field(field, text))
    }

    /// The same, for a value that people may see so.
    fn shown(&self, field: &Field, text: &str, shown: &str) -> String {
        let original: Vec<char> = text.chars().collect();
        let mut hidden: Vec<bool> = original
            .iter()
            .zip(shown.chars())
            .map(|(original, shown)| shown == HIDDEN && *original != HIDDEN)
            .collect();
        let is_card = matches!(field.sensitive, Sensitive::Pan | Sensitive::Track);
        let mut result = original.clone();
        if self.keep == Keep::None && is_card {
            let separators: &[char] = match field.content {
                Content::Z => &['=', 'D'],
                _ => &['^'],
            };
            for (hidden, character) in hidden.iter_mut().zip(&original) {
                *hidden = !separators.contains(character);
            }
        }
        for run in runs(&hidden) {
            let pan = self.pan_around(&original, run.clone(), is_card);
            self.fill(&mut result, &original, run, pan, field.content);
        }
        result.into_iter().collect()
    }

    /// The card number whose middle was hidden, if it is one.
    fn pan_around(
        &self,
        original: &[char],
        run: std::ops::Range<usize>,
        is_card: bool,
    ) -> Option<std::ops::Range<usize>> {
        let is_number = |range: &std::ops::Range<usize>| {
            PAN_DIGITS.contains(&range.len())
                && original
                    .get(range.clone())
                    .is_some_and(|digits| digits.iter().all(char::is_ascii_digit))
        };
        if self.keep == Keep::None && is_card {
            let start = run.start + usize::from(!original.get(run.start)?.is_ascii_digit());
            let whole = start..run.end;
            return (run.start == 0 && is_number(&whole)).then_some(whole);
        }
        let around = run.start.checked_sub(SHOWN_FIRST)?..run.end + SHOWN_LAST;
        is_number(&around).then_some(around)
    }

    /// Replaces a run of hidden characters.
    fn fill(
        &self,
        result: &mut [char],
        original: &[char],
        run: std::ops::Range<usize>,
        pan: Option<std::ops::Range<usize>>,
        content: Content,
    ) {
        for (place, original) in result
            .iter_mut()
            .zip(original)
            .take(run.end)
            .skip(run.start)
        {
            *place = filler(*original, content);
        }
        let Some(pan) = pan else { return };
        let digits: String = original
            .get(pan.clone())
            .unwrap_or_default()
            .iter()
            .collect();
        let replaced = self.pan(&digits);
        for (place, digit) in result.iter_mut().skip(pan.start).zip(replaced.chars()) {
            *place = digit;
        }
    }

    /// What stands for a card number of 13 digits or more.
    fn pan(&self, digits: &str) -> String {
        pseudonym::of(self.key.as_ref(), self.keep, digits)
    }
}

/// The stretches that are hidden.
fn runs(hidden: &[bool]) -> Vec<std::ops::Range<usize>> {
    let mut runs: Vec<std::ops::Range<usize>> = Vec::new();
    for (place, _) in hidden.iter().enumerate().filter(|(_, hidden)| **hidden) {
        match runs.last_mut() {
            Some(run) if run.end == place => run.end = place + 1,
            _ => runs.push(place..place + 1),
        }
    }
    runs
}

/// Something of the same kind that says nothing.
fn filler(original: char, content: Content) -> char {
    match content {
        Content::B | Content::N | Content::Z => '0',
        Content::A => 'X',
        _ if original.is_ascii_digit() => '0',
        _ if original.is_alphabetic() => 'X',
        // The separators of tracks say nothing by themselves.
        _ if matches!(original, ' ' | '=' | '^') => original,
        Content::An => 'X',
        _ => '.',
    }
}
