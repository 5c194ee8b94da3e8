//! Writing the parts of a field: from values by path to the value of the field.
//!
//! Values are those that reading gives: [`Part::text`](super::Part::text) of each part that has no parts of its own. What is made
//! is the text of the field, which is then written as any other.

use super::choice;
use super::path::{occurrence, step};
use crate::charset::Charset;
use crate::dialect::Dialect;
use crate::error::{EncodeError, EncodeErrorKind as Fault, Explained};
use crate::field::Encoding;
use crate::mti::Mti;
use crate::view::View;

mod kinds;
mod made;
mod write;

use made::Form;

/// Why parts do not make the value of a field.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ComposeError {
    /// The field.
    pub field: u8,
    /// The path of the part that is wrong; empty: the field as a whole.
    pub path: String,
    /// What is wrong.
    pub kind: ComposeErrorKind,
}

/// What is wrong with a part that should be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ComposeErrorKind {
    /// The dialect has no layout for the field in messages of this type.
    #[error("the field has no layout in such a message")]
    NoLayout,
    /// A path that is none: no tag, or no number behind `#`.
    #[error("no path")]
    NotAPath,
    /// The layout has no such part.
    #[error("the layout has no such part")]
    UnknownPart,
    /// A part that must be there is missing.
    #[error("it is missing")]
    Missing,
    /// More of a part than its layout allows.
    #[error("more than {max} of it")]
    TooMany {
        /// As allowed.
        max: usize,
    },
    /// The number that counts a part says another count.
    #[error("it says {said}, and there are {given}")]
    CountDiffers {
        /// What it says.
        said: usize,
        /// How many there are.
        given: usize,
    },
    /// Parts were given for a part that has none, or a value for one that is made of parts.
    #[error("a value where parts belong, or the other way round")]
    WrongKind,
    /// A tag that cannot be written as tags are here.
    #[error("it is no tag of this layout")]
    NotATag,
    /// The value is longer than its length can say.
    #[error("length {length} is more than {max}")]
    TooLong {
        /// As it is.
        length: usize,
        /// As can be said.
        max: usize,
    },
    /// The parts make a value that does not have this layout: its length, beginning, or another field says so.
    #[error("the value would have another layout")]
    OtherLayout,
    /// The value does not fit; the offset is that in its text.
    #[error("character {offset}: {kind}")]
    Value {
        /// Where in the value's text, in bytes.
        offset: usize,
        /// What is wrong.
        kind: Fault,
    },
}

impl ComposeError {
    /// The error in words. Values never stand in it.
    #[must_use]
    pub fn explain(&self, dialect: &Dialect) -> Explained {
        use ComposeErrorKind as Kind;
        let name = dialect
            .field(self.field)
            .map_or_else(String::new, |field| field.name.to_string());
        let (offset, expected, found) = match self.kind {
            Kind::NoLayout => (
                0,
                "a field with a layout in such a message".into(),
                "none".into(),
            ),
            Kind::NotAPath => (
                0,
                "tags with dots between them".into(),
                "something else".into(),
            ),
            Kind::UnknownPart => (0, "a part of the layout".into(), "another".into()),
            Kind::Missing => (0, "the part".into(), "none".into()),
            Kind::TooMany { max } => (0, format!("at most {max} of it"), "more".into()),
            Kind::CountDiffers { said, given } => {
                (0, format!("{given}, as there are"), said.to_string())
            }
            Kind::WrongKind => (
                0,
                "parts where it has parts, a value elsewhere".into(),
                "the other".into(),
            ),
            Kind::NotATag => (0, "a tag of the layout's form".into(), "another".into()),
            Kind::TooLong { length, max } => {
                (0, format!("a length of at most {max}"), length.to_string())
            }
            Kind::OtherLayout => (
                0,
                "parts of a layout that the value then has".into(),
                "others".into(),
            ),
            Kind::Value {
                offset,
                kind: Fault::LengthWrong { length, expected },
            } => (
                offset,
                format!("a length of exactly {expected}"),
                length.to_string(),
            ),
            Kind::Value {
                offset,
                kind: Fault::LengthOdd { length },
            } => (offset, "an even length".into(), length.to_string()),
            Kind::Value { offset, kind } => {
                let error = EncodeError {
                    field: self.field,
                    offset,
                    kind,
                };
                let words = error.explain(dialect);
                (offset, words.expected, words.found)
            }
        };
        let path = match self.path.as_str() {
            "" => String::new(),
            path => format!(", part {path}"),
        };
        let message = format!(
            "field {} ({name}){path}, character {offset}: expected {expected}, found {found}",
            self.field
        );
        Explained {
            offset,
            field: self.field,
            name,
            expected,
            found,
            message,
        }
    }
}

impl std::fmt::Display for ComposeError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "field {}, part {}: {}", self.field, self.path, self.kind)
    }
}

impl std::error::Error for ComposeError {}

/// A part to be written: its value, or its parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Node {
    pub(crate) tag: String,
    pub(crate) content: NodeContent,
}

#[derive(Clone, PartialEq, Eq)]
pub(crate) enum NodeContent {
    Value(String),
    Parts(Vec<Node>),
}

/// Values may be card data.
impl std::fmt::Debug for NodeContent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            NodeContent::Value(_) => f.write_str("Value(…)"),
            NodeContent::Parts(parts) => f.debug_tuple("Parts").field(parts).finish(),
        }
    }
}

/// A fault, with the path to it built from the innermost step outwards.
#[derive(Debug)]
pub(crate) struct Refusal {
    steps: Vec<String>,
    kind: ComposeErrorKind,
}

impl Refusal {
    fn of(kind: ComposeErrorKind) -> Refusal {
        Refusal {
            steps: Vec::new(),
            kind,
        }
    }

    /// In a part of this tag, the how-manieth of its kind.
    fn within(mut self, tag: &str, times: usize) -> Refusal {
        self.steps.push(step(tag, times));
        self
    }

    pub(crate) fn error(self, field: u8) -> ComposeError {
        let steps: Vec<String> = self.steps.into_iter().rev().collect();
        ComposeError {
            field,
            path: steps.join("."),
            kind: self.kind,
        }
    }
}

/// The tree that values by path are of. Parts come in the order in which they are named first.
pub(crate) fn tree(parts: &[(&str, &str)]) -> Result<Vec<Node>, (String, ComposeErrorKind)> {
    let mut roots = Vec::new();
    for (path, value) in parts {
        insert(&mut roots, path, value).map_err(|kind| ((*path).to_owned(), kind))?;
    }
    Ok(roots)
}

fn insert(nodes: &mut Vec<Node>, path: &str, value: &str) -> Result<(), ComposeErrorKind> {
    let (step, rest) = match path.split_once('.') {
        Some((step, rest)) => (step, Some(rest)),
        None => (path, None),
    };
    let (tag, times) = occurrence(step).ok_or(ComposeErrorKind::NotAPath)?;
    if tag.is_empty() {
        return Err(ComposeErrorKind::NotAPath);
    }
    let mut same =
        (0..nodes.len()).filter(|place| nodes.get(*place).is_some_and(|node| node.tag == tag));
    let there = same.clone().count();
    let place = match times.checked_sub(1).and_then(|skip| same.nth(skip)) {
        Some(place) => place,
        // The second comes after the first.
        None if times == there + 1 => {
            nodes.push(Node {
                tag: tag.to_owned(),
                content: match rest {
                    Some(_) => NodeContent::Parts(Vec::new()),
                    None => NodeContent::Value(value.to_owned()),
                },
            });
            if rest.is_none() {
                return Ok(());
            }
            nodes.len() - 1
        }
        None => return Err(ComposeErrorKind::NotAPath),
    };
    match (nodes.get_mut(place).map(|node| &mut node.content), rest) {
        (Some(NodeContent::Parts(inner)), Some(rest)) => insert(inner, rest, value),
        _ => Err(ComposeErrorKind::WrongKind),
    }
}

/// The text of a field made of these parts, in a message of this type whose fields before it are in `view`.
pub(crate) fn compose(
    dialect: &Dialect,
    field: u8,
    mti: Mti,
    nodes: &[Node],
    view: Option<&View<'_>>,
) -> Result<String, ComposeError> {
    let Some(definition) = dialect.field(field) else {
        return Err(Refusal::of(ComposeErrorKind::NoLayout).error(field));
    };
    let form = match definition.encoding {
        Encoding::Raw | Encoding::HexText => Form::Bytes,
        Encoding::Bcd => Form::Digits,
        Encoding::Ascii => Form::Text(Charset::Ascii),
        Encoding::Ebcdic(page) => Form::Text(Charset::Ebcdic(page)),
    };
    let mut first = None;
    let choices = || {
        let choices = dialect.layouts.choices(field).iter();
        choices.filter(|choice| choice.is_for(mti))
    };
    for choice in choices() {
        let Some(layout) = dialect.layouts.get(choice.layout) else {
            continue;
        };
        let made = write::parts(dialect, layout, nodes, form, 0).and_then(|made| {
            // The first choice that holds decides when it is read.
            let read_as = choices().find(|choice| {
                let begins = |text: &str| made.begins_with(text, choice::charset(dialect));
                let mut when = choice.when.iter();
                choice.allows(made.count(), begins)
                    && when.all(|condition| view.is_some_and(|view| condition.holds(view)))
            });
            match read_as.is_some_and(|read_as| read_as.layout == choice.layout) {
                true => Ok(made),
                false => Err(Refusal::of(ComposeErrorKind::OtherLayout)),
            }
        });
        match (made, &first) {
            (Ok(made), _) => return Ok(made.into_text()),
            // What is wrong with the first is what its author will want to know, unless that was meant for another value.
            (
                Err(refusal),
                None
                | Some(Refusal {
                    kind: ComposeErrorKind::OtherLayout,
                    ..
                }),
            ) => first = Some(refusal),
            (Err(_), Some(_)) => {}
        }
    }
    Err(first
        .unwrap_or_else(|| Refusal::of(ComposeErrorKind::NoLayout))
        .error(field))
}

impl Dialect {
    /// The text of a field made of the values of its parts, by path (see [`mod@crate::layout`]), for a message of this type.
    /// [`Builder::parts`](crate::Builder::parts) writes it as well.
    ///
    /// ```
    /// # use pointsman_iso8583::Dialect;
    /// let dialect = Dialect::builtin("iso87-ascii").expect("it is built in");
    /// let mti = "0210".parse().expect("four digits");
    /// let text = dialect.compose(54, mti, &[
    ///     ("1.1", "00"), ("1.2", "02"), ("1.3", "840"), ("1.4", "C"), ("1.5", "000000001234"),
    /// ]).expect("all parts are there");
    /// assert_eq!(text, "0002840C000000001234");
    /// let error = dialect.compose(54, mti, &[("1.1", "0x")]).expect_err("an x is not a digit");
    /// assert_eq!((error.path.as_str(), error.field), ("1.1", 54));
    /// ```
    ///
    /// # Errors
    /// If a part is missing, does not fit, or is none of the layout.
    pub fn compose(
        &self,
        field: u8,
        mti: Mti,
        parts: &[(&str, &str)],
    ) -> Result<String, ComposeError> {
        self.compose_beside(field, mti, parts, None)
    }

    /// The same beside the fields of a message that is being written.
    pub(crate) fn compose_beside(
        &self,
        field: u8,
        mti: Mti,
        parts: &[(&str, &str)],
        view: Option<&View<'_>>,
    ) -> Result<String, ComposeError> {
        let nodes = tree(parts).map_err(|(path, kind)| ComposeError { field, path, kind })?;
        compose(self, field, mti, &nodes, view)
    }
}
