//! One JSON object a line for each message, both ways: `{"mti":"0200","header":"…","fields":{"2":"…"}}`.
//!
//! Values are canonical text, `b` fields upper-case hex; `header` is there only in dialects that have one. What is not
//! a message becomes an error object in its place, so that line n of the output always answers line n of the input.

use bytes::BytesMut;

use crate::build::Builder;
use crate::dialect::Dialect;
use crate::error::{DecodeError, EncodeError, EncodeErrorKind, Explained};
use crate::field::{Content, Field, Sensitive};
use crate::layout::ComposeError;
use crate::layout::compose::NodeContent;
use crate::mask::{self, HIDDEN, Unmask, Wire};
use crate::mti::Mti;
use crate::text::TextBuffer;

mod parts;
mod read;

pub use parts::decode_parts_line;

/// A message as a JSON object, without line end.
///
/// # Errors
/// If the message is broken; [`error_line`] of the explained error is what to write then.
pub fn decode_line(dialect: &Dialect, bytes: &[u8], unmask: Unmask) -> Result<String, DecodeError> {
    let view = dialect.view(bytes)?;
    let wire = match unmask {
        Unmask::Yes => Wire::open(),
        Unmask::No => Wire::of(dialect, bytes, Some(&view), None),
    };
    let mut line = format!("{{\"mti\":\"{}\"", view.mti());
    if dialect.header_length() > 0 {
        let is_secret = wire.hides(&(0..view.header().len()));
        let pair = |byte: &u8| match is_secret {
            true => "**".to_owned(),
            false => format!("{byte:02X}"),
        };
        let header: String = view.header().iter().map(pair).collect();
        line.push_str(&format!(",\"header\":\"{header}\""));
    }
    line.push_str(",\"fields\":{");
    let mut buffer = TextBuffer::new();
    for (place, number) in view.fields().iter().enumerate() {
        let (Some(field), Some(text)) = (dialect.field(number), view.text(number, &mut buffer))
        else {
            continue;
        };
        let comma = if place == 0 { "" } else { "," };
        let value = match unmask {
            Unmask::Yes => text.into(),
            Unmask::No => {
                let range = view.wire_range(number).unwrap_or_default();
                let parts = mask::parts::hidden(&view, number, text.chars().count());
                wire.field(field, &range, text, &parts)
            }
        };
        line.push_str(&format!("{comma}\"{number}\":{}", string(&value)));
    }
    line.push_str("}}");
    Ok(line)
}

/// A message as [`decode_line`] writes it, with what it breaks of its dialect's rules and layouts, if it breaks any:
/// `"presence":[{"field":39,"problem":"missing","message":"…"}]` and
/// `"layouts":[{"field":48,"part":"","offset":30,"message":"…"}]`. [`encode_line`] does not ask for that.
///
/// # Errors
/// As those of [`decode_line`].
pub fn decode_checked_line(
    dialect: &Dialect,
    bytes: &[u8],
    unmask: Unmask,
) -> Result<String, DecodeError> {
    let mut line = decode_line(dialect, bytes, unmask)?;
    let view = dialect.view(bytes)?;
    let violations: Vec<String> = view
        .check_presence()
        .map(|violation| {
            format!(
                "{{\"field\":{},\"problem\":\"{}\",\"message\":{}}}",
                violation.field,
                violation.kind.label(),
                string(&violation.explain(dialect).message)
            )
        })
        .collect();
    let faults = parts::faults(&view, unmask);
    for (name, list) in [("presence", violations), ("layouts", faults)] {
        if !list.is_empty() {
            line.pop();
            line.push_str(&format!(",\"{name}\":[{}]}}", list.join(",")));
        }
    }
    Ok(line)
}

/// The error object that stands in the place of a message.
#[must_use]
pub fn error_line(error: &Explained) -> String {
    format!("{{\"error\":{}}}", error_object(error))
}

/// As [`error_line`], of several: the first is the error, the others are `more`. `None`: there is none.
#[must_use]
pub fn errors_line(errors: &[Explained]) -> Option<String> {
    let mut errors = errors.iter().map(error_object);
    let first = errors.next()?;
    let others: Vec<String> = errors.collect();
    Some(match others.as_slice() {
        [] => format!("{{\"error\":{first}}}"),
        others => format!("{{\"error\":{first},\"more\":[{}]}}", others.join(",")),
    })
}

fn error_object(error: &Explained) -> String {
    format!(
        "{{\"offset\":{},\"field\":{},\"name\":{},\"expected\":{},\"found\":{},\"message\":{}}}",
        error.offset,
        error.field,
        string(&error.name),
        string(&error.expected),
        string(&error.found),
        string(&error.message)
    )
}

/// Writes the message that a JSON object describes at the end of `out`. Fields may stand in any order. A dialect's
/// default header is taken if the object has none.
///
/// # Errors
/// If the line is no such object, or a value does not fit its field; `out` is then as it was.
pub fn encode_line(
    dialect: &Dialect,
    line: &str,
    out: &mut BytesMut,
) -> Result<(), JsonEncodeError> {
    let object = read::object(line)?;
    let mti = object.mti.ok_or(JsonEncodeError {
        offset: line.chars().count(),
        field: 0,
        kind: JsonErrorKind::NoMti,
    })?;
    let mti: Mti = mti.parse().map_err(|_| JsonEncodeError {
        offset: mti.chars().take(4).take_while(char::is_ascii_digit).count(),
        field: 0,
        kind: JsonErrorKind::NotAnMti,
    })?;
    let header = match object.header {
        None => dialect.default_header().to_vec(),
        Some(header) => {
            let length = dialect.header_length();
            let bytes = mask::bytes_of_hex(&header).filter(|bytes| dialect.header_fits(bytes));
            let kind = JsonErrorKind::NotTheHeader {
                bytes: length,
                characters: header.chars().count(),
            };
            let hex = header.chars().take_while(char::is_ascii_hexdigit).count();
            bytes.ok_or(JsonEncodeError {
                offset: if hex < header.chars().count() { hex } else { 0 },
                field: 0,
                kind,
            })?
        }
    };
    let mut fields = object.fields;
    // Parts beside a value must be its own; without it they make it.
    let mut beside = Vec::new();
    for (number, content) in object.parts {
        match fields.iter().any(|(given, _)| *given == number) {
            true => beside.push((number, content)),
            false => fields.push((number, content)),
        }
    }
    fields.sort_by_key(|(number, _)| *number);
    let length = out.len();
    let mut builder = Builder::with_header(dialect, out, &header, mti)?;
    for (number, content) in &fields {
        let value = match content {
            NodeContent::Value(value) => value,
            NodeContent::Parts(nodes) => {
                builder
                    .nodes(*number, nodes)
                    .map_err(|error| JsonEncodeError {
                        offset: 0,
                        field: *number,
                        kind: JsonErrorKind::Parts(error),
                    })?;
                continue;
            }
        };
        let field = dialect.field(*number);
        let star = value.chars().position(|character| character == HIDDEN);
        if let (Some(offset), true) = (star, field.is_some_and(replaces_whole_value)) {
            return Err(JsonEncodeError {
                offset,
                field: *number,
                kind: JsonErrorKind::Masked,
            });
        }
        builder.text(*number, value).map_err(|error| {
            let before = value.get(..error.offset).unwrap_or(value);
            JsonEncodeError {
                offset: before.chars().count(),
                ..JsonEncodeError::from(error)
            }
        })?;
    }
    let range = builder.finish()?;
    let bytes = out.get(range).unwrap_or_default();
    let masked = line.contains(HIDDEN).then(|| parts::masked(dialect, bytes));
    let wrong = match (masked.flatten(), parts::differ(dialect, bytes, &beside)) {
        (Some(field), _) => Some((field, JsonErrorKind::Masked)),
        (None, Some(field)) => Some((field, JsonErrorKind::PartsDiffer)),
        (None, None) => None,
    };
    let Some((field, kind)) = wrong else {
        return Ok(());
    };
    out.truncate(length);
    Err(JsonEncodeError {
        offset: 0,
        field,
        kind,
    })
}

/// Why a line could not be encoded.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct JsonEncodeError {
    /// Characters into the value if a value is wrong, else characters into the line.
    pub offset: usize,
    /// The field; 0 for everything outside the fields.
    pub field: u8,
    /// What is wrong.
    pub kind: JsonErrorKind,
}

/// What is wrong with a line.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum JsonErrorKind {
    /// It is no JSON.
    Syntax {
        /// What could stand there.
        expected: String,
        /// What does, in words.
        found: String,
    },
    /// The line is JSON, but something else than an object.
    NotAnObject(JsonType),
    /// A key that a message does not have.
    UnknownKey(String),
    /// A key under `fields` that is no field number.
    NotAFieldNumber(String),
    /// Field 1 is the bitmap, which the encoder writes.
    Bitmap,
    /// The same key twice.
    DuplicateKey(String),
    /// A value of another type than the key has.
    WrongType {
        /// The key.
        key: String,
        /// The type it has.
        expected: JsonType,
        /// The type of the value given.
        found: JsonType,
    },
    /// The key `mti` is missing.
    NoMti,
    /// Something else than four digits.
    NotAnMti,
    /// A header that is not the hex of so many bytes.
    NotTheHeader {
        /// Bytes of the dialect's header.
        bytes: usize,
        /// Characters given.
        characters: usize,
    },
    /// The value was masked when it was decoded.
    Masked,
    /// The value does not fit its field.
    Value(EncodeErrorKind),
    /// A key among the parts of a field that is no tag, or that comes before the first of its kind.
    NotAPart(String),
    /// The parts of a field do not make its value.
    Parts(ComposeError),
    /// The value of the field and its parts, which are both given, say different things.
    PartsDiffer,
}

/// The types that JSON has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JsonType {
    /// `{}`
    Object,
    /// `[]`
    Array,
    /// `""`
    String,
    /// `0`
    Number,
    /// `true` or `false`
    Bool,
    /// `null`
    Null,
}

impl JsonType {
    fn text(self) -> &'static str {
        match self {
            JsonType::Object => "an object",
            JsonType::Array => "an array",
            JsonType::String => "a string",
            JsonType::Number => "a number",
            JsonType::Bool => "true or false",
            JsonType::Null => "null",
        }
    }
}

impl JsonEncodeError {
    /// Does the offset count in the value? Else in the line.
    fn is_of_the_value(&self) -> bool {
        matches!(
            self.kind,
            JsonErrorKind::Value(_)
                | JsonErrorKind::Masked
                | JsonErrorKind::PartsDiffer
                | JsonErrorKind::NotAnMti
                | JsonErrorKind::NotTheHeader { .. }
        )
    }

    /// The error in words. Values never stand in it.
    #[must_use]
    pub fn explain(&self, dialect: &Dialect) -> Explained {
        let (expected, found) = match &self.kind {
            JsonErrorKind::Value(kind) => {
                return EncodeError {
                    field: self.field,
                    offset: self.offset,
                    kind: *kind,
                }
                .explain(dialect);
            }
            JsonErrorKind::Parts(error) => return error.explain(dialect),
            JsonErrorKind::NotAPart(key) => (
                "the tag of a part, the second of its kind with #2".into(),
                key_text(key),
            ),
            JsonErrorKind::PartsDiffer => (
                "parts that make its value, or one of the two".into(),
                "others".into(),
            ),
            JsonErrorKind::Syntax { expected, found } => (expected.clone(), found.clone()),
            JsonErrorKind::NotAnObject(found) => ("a JSON object".into(), found.text().into()),
            JsonErrorKind::UnknownKey(key) => (
                "the keys mti, header, fields and parts".into(),
                key_text(key),
            ),
            JsonErrorKind::NotAFieldNumber(key) => {
                ("a field number from 2 to 192".into(), key_text(key))
            }
            JsonErrorKind::Bitmap => (
                "a field number from 2 to 192; the bitmaps are written by themselves".into(),
                "1".into(),
            ),
            JsonErrorKind::DuplicateKey(key) => {
                ("each key once".into(), format!("{} again", key_text(key)))
            }
            JsonErrorKind::WrongType {
                key,
                expected,
                found,
            } => (
                format!("{} for {}", expected.text(), key_text(key)),
                found.text().into(),
            ),
            JsonErrorKind::NoMti => ("the key mti".into(), "none".into()),
            JsonErrorKind::NotAnMti => ("four digits for mti".into(), "something else".into()),
            JsonErrorKind::NotTheHeader { bytes: 0, .. } => (
                format!("no header, for {} has none", dialect.name()),
                "one".into(),
            ),
            JsonErrorKind::NotTheHeader { bytes, characters } => {
                let found = if *characters == bytes * 2 {
                    "other characters".into()
                } else {
                    format!("{characters} characters")
                };
                (format!("{} hex characters for header", bytes * 2), found)
            }
            JsonErrorKind::Masked => (
                "the whole value, as decode gives it unmasked".into(),
                "a masked one".into(),
            ),
        };
        let key = match &self.kind {
            JsonErrorKind::WrongType { key, .. } | JsonErrorKind::DuplicateKey(key) => key,
            JsonErrorKind::NoMti | JsonErrorKind::NotAnMti => "mti",
            JsonErrorKind::NotTheHeader { .. } => "header",
            _ => "",
        };
        let name = match (self.field, key, dialect.field(self.field)) {
            (_, _, Some(field)) => field.name.to_string(),
            (0, "mti", None) => "Message type".into(),
            (0, "header", None) => "Header".into(),
            (0, _, None) => "JSON".into(),
            (1, _, None) => "Bitmap".into(),
            (_, _, None) => "Undefined field".into(),
        };
        let place = match (self.is_of_the_value(), self.field) {
            (false, _) => format!("line, character {}", self.offset),
            (true, 0) => format!("{name}, character {}", self.offset),
            (true, field) => format!("field {field} ({name}), character {}", self.offset),
        };
        Explained::of((self.offset, self.field), name, &place, (expected, found))
    }
}

impl From<EncodeError> for JsonEncodeError {
    fn from(error: EncodeError) -> Self {
        JsonEncodeError {
            offset: error.offset,
            field: error.field,
            kind: JsonErrorKind::Value(error.kind),
        }
    }
}

impl std::fmt::Display for JsonEncodeError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "field {}, character {}: {:?}",
            self.field, self.offset, self.kind
        )
    }
}

impl std::error::Error for JsonEncodeError {}

/// Does [`mask`] put stars into what is nothing but card data, or where no star can be? Elsewhere a star is what somebody
/// wrote: a receipt has card numbers that are masked already.
fn replaces_whole_value(field: &Field) -> bool {
    match field.sensitive {
        Sensitive::Pan | Sensitive::Track | Sensitive::Pin | Sensitive::Secret | Sensitive::Icc => {
            true
        }
        Sensitive::FreeText => !matches!(field.content, Content::Ans | Content::Ns),
        Sensitive::No => false,
    }
}

/// A key as it may be shown: never a card number that somebody took for one, never more than a few characters.
fn key_text(key: &str) -> String {
    const CHARACTERS_MAX: usize = 24;
    let shown = mask::free_text(key);
    let mut start: String = shown.chars().take(CHARACTERS_MAX).collect();
    if start.len() < shown.len() {
        start.push('…');
    }
    string(&start)
}

fn string(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
