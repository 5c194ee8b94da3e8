//! TOML itself: all its errors, and as much of the document as can be read in spite of them.

use std::ops::Range;

use toml::Spanned;
use toml::de::DeTable;

use super::diagnostics::{Diagnostic, Report, SourceId};
use super::section::shown;

#[derive(Debug)]
pub(crate) struct Document<'i> {
    root: Spanned<DeTable<'i>>,
    errors: Vec<toml::de::Error>,
}

pub(crate) fn parse(text: &str) -> Document<'_> {
    let (root, errors) = DeTable::parse_recoverable(text);
    Document { root, errors }
}

/// After these the parser knows where it is, and what follows can be trusted.
const LOCAL_ERRORS: [&str; 2] = ["string values must be quoted", "duplicate key"];

impl<'i> Document<'i> {
    pub(crate) fn root(&self) -> &DeTable<'i> {
        self.root.get_ref()
    }

    /// Adds the errors of the syntax to those of the meaning, and drops from the latter what may only be a consequence of
    /// the former: what is missing, what stands on a line that could not be read, and all that follows an error after
    /// which the parser only guesses.
    pub(crate) fn report_errors(&self, text: &str, report: &mut Report) {
        if self.errors.is_empty() {
            return;
        }
        let mut errors: Vec<(&toml::de::Error, Range<usize>)> = self
            .errors
            .iter()
            .map(|error| (error, error.span().unwrap_or(0..0)))
            .collect();
        errors.sort_by_key(|(_, span)| span.start);

        let mut end_of_trust = text.len();
        let mut lines: Vec<Range<usize>> = Vec::new();
        let mut kept: Vec<(&toml::de::Error, Range<usize>)> = Vec::new();
        for (error, span) in errors {
            let line = line_around(text, span.start);
            let is_local = LOCAL_ERRORS
                .iter()
                .any(|local| error.message().starts_with(local));
            // One error a line: the others are consequences of the first. And after a guess there are only guesses.
            if lines.last() != Some(&line) && line.start <= end_of_trust {
                kept.push((error, span));
            }
            if !is_local {
                end_of_trust = end_of_trust.min(line.start);
            }
            lines.push(line);
        }
        report.retain(|diagnostic| {
            let span = &diagnostic.at.span;
            !diagnostic.absence
                && (diagnostic.at.source != SourceId::CONFIG
                    || (span.start < end_of_trust
                        && !lines
                            .iter()
                            .any(|line| span.start <= line.end && line.start <= span.end)))
        });
        for (error, span) in kept {
            report.push(describe(error, text, span));
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
