//! TOML itself: all its errors, and as much of the document as can be read in spite of them.

use std::borrow::Cow;
use std::ops::Range;

use toml::Spanned;
use toml::de::DeTable;

use super::diagnostics::{Diagnostic, Report, SourceId};
use super::section::shown;

/// A text without the tables that the parser cannot make sense of.
///
/// After most errors the parser only guesses, and what it says about the following tables is worthless. But a line that
/// begins with `[` begins a table, whatever stands before it: so each table is read by itself, and those that cannot be
/// read are put out of the way of the others.
#[derive(Debug)]
pub(crate) struct Intact<'t> {
    original: &'t str,
    /// The text with blanks in the place of the tables that cannot be read, all else where it was.
    text: Cow<'t, str>,
    /// The errors of those tables, and where.
    errors: Vec<(toml::de::Error, Range<usize>)>,
}

impl<'t> Intact<'t> {
    pub(crate) fn of(text: &'t str) -> Self {
        let mut intact = Intact {
            original: text,
            text: Cow::Borrowed(text),
            errors: Vec::new(),
        };
        let (_, errors) = DeTable::parse_recoverable(text);
        if errors.iter().all(is_local) {
            return intact;
        }
        let mut readable = String::with_capacity(text.len());
        for table in tables(text) {
            let (_, errors) = DeTable::parse_recoverable(table);
            if errors.iter().all(is_local) {
                readable.push_str(table);
                continue;
            }
            let start = readable.len();
            readable.extend(table.bytes().map(|byte| match byte {
                b'\n' => '\n',
                _ => ' ',
            }));
            let errors = errors.into_iter().map(|error| {
                let span = error.span().unwrap_or(0..0);
                (error, start + span.start..start + span.end)
            });
            intact.errors.extend(trusted(errors.collect(), text));
        }
        intact.text = Cow::Owned(readable);
        intact
    }

    pub(crate) fn parse(&self) -> Document<'_> {
        let (root, errors) = DeTable::parse_recoverable(&self.text);
        Document {
            intact: self,
            root,
            errors,
        }
    }
}

/// The parts of a text that begin with a line that begins with `[`, and what stands before the first one.
fn tables(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let end = rest.find("\n[").map_or(rest.len(), |newline| newline + 1);
        let (table, after) = rest.split_at(end);
        rest = after;
        Some(table)
    })
}

#[derive(Debug)]
pub(crate) struct Document<'i> {
    intact: &'i Intact<'i>,
    root: Spanned<DeTable<'i>>,
    errors: Vec<toml::de::Error>,
}

/// After these the parser knows where it is, and what follows can be trusted.
const LOCAL_ERRORS: [&str; 2] = ["string values must be quoted", "duplicate key"];

fn is_local(error: &toml::de::Error) -> bool {
    LOCAL_ERRORS
        .iter()
        .any(|local| error.message().starts_with(local))
}

/// One error a line: the others are consequences of the first. And after a guess there are only guesses.
fn trusted(
    mut errors: Vec<(toml::de::Error, Range<usize>)>,
    text: &str,
) -> Vec<(toml::de::Error, Range<usize>)> {
    errors.sort_by_key(|(_, span)| span.start);
    let mut last_line = None;
    let mut guessing_from = text.len();
    errors.retain(|(error, span)| {
        let line = line_around(text, span.start);
        let is_first = last_line.as_ref() != Some(&line) && line.start <= guessing_from;
        if !is_local(error) {
            guessing_from = guessing_from.min(line.start);
        }
        last_line = Some(line);
        is_first
    });
    errors
}

impl<'i> Document<'i> {
    pub(crate) fn root(&self) -> &DeTable<'i> {
        self.root.get_ref()
    }

    /// Adds the errors of the syntax to those of the meaning, and drops from the latter what may only be a consequence of
    /// the former: what is missing, what stands on a line that could not be read, and all that follows an error after
    /// which the parser only guesses.
    pub(crate) fn report_errors(&self, report: &mut Report) {
        let text = self.intact.original;
        if self.errors.is_empty() && self.intact.errors.is_empty() {
            return;
        }
        let errors = self.errors.iter().map(|error| {
            let span = error.span().unwrap_or(0..0);
            (error.clone(), span)
        });
        let errors: Vec<(toml::de::Error, Range<usize>)> = errors.collect();
        let end_of_trust = errors
            .iter()
            .filter(|(error, _)| !is_local(error))
            .map(|(_, span)| line_around(text, span.start).start)
            .min()
            .unwrap_or(text.len());
        let lines: Vec<Range<usize>> = errors
            .iter()
            .map(|(_, span)| line_around(text, span.start))
            .collect();
        report.retain(|diagnostic| {
            let span = &diagnostic.at.span;
            !diagnostic.absence
                && (diagnostic.at.source != SourceId::CONFIG
                    || (span.start < end_of_trust
                        && !lines
                            .iter()
                            .any(|line| span.start <= line.end && line.start <= span.end)))
        });
        for (error, span) in self
            .intact
            .errors
            .iter()
            .cloned()
            .chain(trusted(errors, text))
        {
            report.push(describe(&error, text, span));
        }
    }
}

fn describe(error: &toml::de::Error, text: &str, span: Range<usize>) -> Diagnostic {
    let (message, expected) = match error.message().split_once(", expected ") {
        Some((message, expected)) => (message, Some(expected)),
        None => (error.message(), None),
    };
    let written = text.get(span.clone()).unwrap_or("").trim();
    if message == "string values must be quoted" && written.is_empty() {
        return Diagnostic::error(span, "not valid TOML: a key without a value")
            .label("the value is missing")
            .help("write a value after the `=`");
    }
    let diagnostic = Diagnostic::error(span, format!("not valid TOML: {message}"));
    match message {
        "missing comma between array elements" => diagnostic
            .label("expected `,` or `]` before this")
            .help("separate the elements of a list with commas and close it with `]`"),
        "string values must be quoted" => diagnostic
            .label("needs quotes")
            .help(format!("write \"{}\"", shown(written).replace(['"', '\''], ""))),
        "duplicate key" => diagnostic
            .label("this key is already there")
            .help("remove one of them; several listeners, links or routes are [[…]] tables with double brackets"),
        _ => match expected {
            Some(expected) => diagnostic.label(format!("expected {expected}")),
            None => diagnostic,
        },
    }
}

/// The line that a place is on, without its end.
fn line_around(text: &str, at: usize) -> Range<usize> {
    let start = text
        .get(..at)
        .and_then(|before| before.rfind('\n'))
        .map_or(0, |newline| newline + 1);
    let end = text
        .get(at..)
        .and_then(|after| after.find('\n'))
        .map_or(text.len(), |newline| at + newline);
    start..end
}
