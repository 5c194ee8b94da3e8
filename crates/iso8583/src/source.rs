//! A dialect's TOML: read, merged with what it extends, checked whole, compiled; and written back.
//!
//! Two stages, as with every configuration here: [`raw::Raw`] is what the sources say, each value with its place;
//! [`resolve`] makes the [`Dialect`] of it, or a list of everything that is wrong.

mod layouts;
mod messages;
mod raw;
mod read;
mod reader;
mod resolve;
mod words;
mod write;

use std::ops::Range;

use crate::dialect::{Dialect, DialectError};
use crate::field::Sensitive;

pub(crate) use write::write;

/// Reads, merges, checks and compiles a dialect.
pub(crate) fn parse(toml: &str) -> Result<Dialect, Vec<DialectError>> {
    let mut errors = Vec::new();
    let raw = raw::Raw::read(toml, &mut errors);
    let dialect = resolve::resolve(&raw, &mut errors);
    match dialect {
        Some(dialect) if errors.is_empty() => Ok(dialect),
        _ => {
            errors.sort_by_key(|error| error.span.as_ref().map_or(usize::MAX, |span| span.start));
            Err(errors)
        }
    }
}

impl DialectError {
    fn new(span: Option<Range<usize>>, message: impl Into<String>) -> DialectError {
        DialectError {
            span,
            message: message.into(),
            help: None,
        }
    }

    fn help(self, help: impl Into<String>) -> DialectError {
        DialectError {
            help: Some(help.into()),
            ..self
        }
    }
}

/// What a field hides if its definition does not say: a new dialect must not show card data because somebody forgot a
/// word. What the 1987 standard leaves to national or private use is free text.
fn sensitive_by_number(number: u8) -> Sensitive {
    match number {
        2 | 34 => Sensitive::Pan,
        35 | 36 | 45 => Sensitive::Track,
        52 => Sensitive::Pin,
        55 => Sensitive::Icc,
        96 => Sensitive::Secret,
        44 | 46..=48 | 54 | 56..=63 | 101..=127 => Sensitive::FreeText,
        _ => Sensitive::No,
    }
}
