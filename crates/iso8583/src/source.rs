//! A dialect's TOML: read, merged with what it extends, checked whole, compiled; and written back.
//!
//! Two stages, as with every configuration here: [`raw::Raw`] is what the sources say, each value with its place;
//! [`resolve`] makes the [`Dialect`] of it, or a list of everything that is wrong.

mod extend;
mod fields;
mod keys;
mod layouts;
mod messages;
mod raw;
mod read;
mod reader;
mod resolve;
mod schema;
mod words;
mod write;

use std::ops::Range;
use std::sync::Arc;

use crate::dialect::{Dialect, DialectError, DialectSource};
use crate::field::Sensitive;

pub(crate) use schema::schema;
pub(crate) use write::write;

/// Reads, merges, checks and compiles a dialect. `name` is what to call the text; `parents` finds what it extends.
pub(crate) fn parse(
    name: &str,
    toml: &str,
    parents: &mut extend::Parents<'_>,
) -> Result<Dialect, Vec<DialectError>> {
    let mut reading = extend::Reading::new(name, parents);
    let raw = reading.read(toml);
    let (files, mut errors) = (reading.files, reading.errors);
    let dialect = resolve::resolve(&raw, &mut errors);
    match errors.is_empty() {
        true => Ok(dialect),
        false => {
            // The caller's own errors first, then those of the files.
            errors.sort_by_key(|error| {
                let is_of = |file: &Arc<DialectSource>| {
                    error
                        .file
                        .as_ref()
                        .is_some_and(|own| Arc::ptr_eq(own, file))
                };
                let file = files.iter().position(is_of).map_or(0, |place| place + 1);
                let place = error.span.as_ref().map_or(usize::MAX, |span| span.start);
                (file, place)
            });
            // The same thing said twice of one place is one mistake.
            errors.dedup();
            Err(errors)
        }
    }
}

impl DialectError {
    fn new(span: Option<Range<usize>>, message: impl Into<String>) -> DialectError {
        DialectError {
            file: None,
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
