//! What must hold of a message for a rule to apply.

use core::fmt;

use crate::field_set::FieldSet;
use crate::text::TextBuffer;
use crate::view::View;

/// A condition that a program can check.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Condition {
    /// All of these fields are there.
    Present(FieldSet),
    /// None of these fields is there.
    Absent(FieldSet),
    /// The field is there, and its value passes the test against one of these (or fails it against all).
    Value {
        /// The field.
        field: u8,
        /// How its value is compared.
        test: Test,
        /// With what: text as [`View::text`] gives it.
        values: Box<[Box<str>]>,
    },
}

/// How a value is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Test {
    /// It is one of the values.
    Is,
    /// It is none of the values.
    IsNot,
    /// It begins with one of the values.
    Starts,
    /// It begins with none of the values.
    StartsNot,
}

impl Condition {
    /// Does it hold of this message?
    #[must_use]
    pub fn holds(&self, view: &View<'_>) -> bool {
        match self {
            Condition::Present(fields) => fields.difference(view.fields()).is_empty(),
            Condition::Absent(fields) => fields.intersection(view.fields()).is_empty(),
            Condition::Value {
                field,
                test,
                values,
            } => {
                let mut buffer = TextBuffer::new();
                let Some(text) = view.text(*field, &mut buffer) else {
                    return false;
                };
                let mut values = values.iter().map(|value| &**value);
                match test {
                    Test::Is => values.any(|value| text == value),
                    Test::IsNot => !values.any(|value| text == value),
                    Test::Starts => values.any(|value| text.starts_with(value)),
                    Test::StartsNot => !values.any(|value| text.starts_with(value)),
                }
            }
        }
    }
}

/// `field 22 begins with 05 or 07`
impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Condition::Present(fields) => write!(f, "{} there", subject(*fields, " and ")),
            Condition::Absent(fields) => write!(f, "{} not there", subject(*fields, " or ")),
            Condition::Value {
                field,
                test,
                values,
            } => {
                let verb = match test {
                    Test::Is => "is",
                    Test::IsNot => "is not",
                    Test::Starts => "begins with",
                    Test::StartsNot => "does not begin with",
                };
                write!(f, "field {field} {verb} {}", listed(values.iter(), " or "))
            }
        }
    }
}

/// `field 2 is`, `fields 2 and 35 are`
fn subject(fields: FieldSet, last: &str) -> String {
    let numbers = listed(fields.iter(), last);
    match fields.len() {
        1 => format!("field {numbers} is"),
        _ => format!("fields {numbers} are"),
    }
}

fn listed<T: fmt::Display>(items: impl Iterator<Item = T>, last: &str) -> String {
    let mut items: Vec<String> = items.map(|item| item.to_string()).collect();
    match items.pop() {
        Some(end) if !items.is_empty() => format!("{}{last}{end}", items.join(", ")),
        Some(only) => only,
        None => String::new(),
    }
}
