//! One JSON object a line for each message, both ways: `{"mti":"0200","header":"…","fields":{"2":"…"}}`.
//!
//! Values are canonical text, `b` fields upper-case hex; `header` is there only in dialects that have one. What is not
//! a message becomes an error object in its place, so that line n of the output always answers line n of the input.

use bytes::BytesMut;

use crate::build::Builder;
use crate::dialect::Dialect;
use crate::error::{DecodeError, EncodeError, EncodeErrorKind, Explained};
use crate::field::{Content, Field, Sensitive};
use crate::mask::{self, HIDDEN, Unmask, Wire};
use crate::mti::Mti;
use crate::text::TextBuffer;

mod read;

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
                wire.field(field, &range, text)
            }
        };
        line.push_str(&format!("{comma}\"{number}\":{}", string(&value)));
    }
    line.push_str("}}");
    Ok(line)
}

/// The error object that stands in the place of a message.
#[must_use]
pub fn error_line(error: &Explained) -> String {
    format!(
        "{{\"error\":{{\"offset\":{},\"field\":{},\"name\":{},\"expected\":{},\"found\":{},\"message\":{}}}}}",
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
        offset: line.len(),
        field: 0,
        kind: JsonErrorKind::NoMti,
    })?;
    let mti: Mti = mti.parse().map_err(|_| JsonEncodeError {
        offset: mti.bytes().take(4).take_while(u8::is_ascii_digit).count(),
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
            bytes.ok_or(JsonEncodeError {
                offset: 0,
                field: 0,
                kind,
            })?
        }
    };
    let mut fields = object.fields;
    fields.sort_by_key(|(number, _)| *number);
    let mut builder = Builder::with_header(dialect, out, &header, mti)?;
    for (number, value) in &fields {
        if dialect
            .field(*number)
            .is_some_and(|field| is_masked(field, value))
        {
            return Err(JsonEncodeError {
                offset: 0,
                field: *number,
                kind: JsonErrorKind::Masked,
            });
        }
        builder.text(*number, value)?;
    }
    builder.finish()?;
    Ok(())
}

/// Why a line could not be encoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JsonEncodeError {
    /// Bytes into the line for errors of the JSON, bytes into the value for errors of a value.
    pub offset: usize,
    /// The field; 0 for everything outside the fields.
    pub field: u8,
    pub kind: JsonErrorKind,
}

/// What is wrong with a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JsonErrorKind {
    /// It is no JSON; the parser says why.
    Syntax(String),
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
        key: String,
        expected: JsonType,
        found: JsonType,
    },
    NoMti,
    NotAnMti,
    /// A header that is not the hex of so many bytes.
    NotTheHeader {
        bytes: usize,
        characters: usize,
    },
    /// The value was masked when it was decoded.
    Masked,
    /// The value does not fit its field.
    Value(EncodeErrorKind),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JsonType {
    Object,
    Array,
    String,
    Number,
    Bool,
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
            JsonErrorKind::Syntax(why) => ("a JSON object".into(), why.clone()),
            JsonErrorKind::NotAnObject(found) => ("a JSON object".into(), found.text().into()),
            JsonErrorKind::UnknownKey(key) => {
                ("the keys mti, header and fields".into(), key_text(key))
            }
            JsonErrorKind::NotAFieldNumber(key) => {
                ("a field number from 2 to 128".into(), key_text(key))
            }
            JsonErrorKind::Bitmap => (
                "a field number from 2 to 128; the bitmaps are written by themselves".into(),
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
        let name = match (self.field, dialect.field(self.field)) {
            (_, Some(field)) => field.name.to_string(),
            (0, None) => "JSON".into(),
            (1, None) => "bitmap".into(),
            (_, None) => "undefined field".into(),
        };
        let place = match self.field {
            0 => format!("line, byte {}", self.offset),
            field => format!("field {field} ({name})"),
        };
        let message = format!("{place}: expected {expected}, found {found}");
        Explained {
            offset: self.offset,
            field: self.field,
            name,
            expected,
            found,
            message,
        }
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
            "field {}, byte {}: {:?}",
            self.field, self.offset, self.kind
        )
    }
}

impl std::error::Error for JsonEncodeError {}

/// Was this value masked? Where a `*` cannot stand it shows; elsewhere only the very form that [`mask`] makes tells.
fn is_masked(field: &Field, value: &str) -> bool {
    if field.sensitive == Sensitive::No || !value.contains(HIDDEN) {
        return false;
    }
    if !matches!(field.content, Content::Ans | Content::Ns) {
        return true;
    }
    let characters: Vec<char> = value.chars().collect();
    let whole_is_secret = matches!(
        field.sensitive,
        Sensitive::Pin | Sensitive::Secret | Sensitive::Track
    );
    // A few stars may be a value, a row of them is none.
    let all_hidden =
        characters.len() >= 6 && characters.iter().all(|character| *character == HIDDEN);
    // The shortest card number, with its first six and last four digits shown.
    let card = characters.windows(13).any(|window| {
        let (first, rest) = window.split_at(6);
        first.iter().all(char::is_ascii_digit)
            && rest.iter().take(3).all(|character| *character == HIDDEN)
    });
    card || whole_is_secret && all_hidden
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
