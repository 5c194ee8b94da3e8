//! Reading the object: by `serde_json`, piece by piece, so that each key and value has its place in the line.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::{JsonEncodeError, JsonErrorKind, JsonType};
use crate::field_set::FieldSet;
use crate::layout::LAYOUT_DEPTH_MAX;
use crate::layout::compose::{Node, NodeContent};
use crate::layout::path::occurrence;
use crate::tlv;

/// What a line says, before anything is known about its fields.
#[derive(Default)]
pub(super) struct Object {
    pub(super) mti: Option<String>,
    pub(super) header: Option<String>,
    /// In the order of the line, each number once.
    pub(super) fields: Vec<(u8, NodeContent)>,
    /// The parts of fields, the same.
    pub(super) parts: Vec<(u8, NodeContent)>,
}

/// Reads the line.
pub(super) fn object(line: &str) -> Result<Object, JsonEncodeError> {
    let line = Line(line);
    let root: &RawValue =
        serde_json::from_str(line.0).map_err(|error| line.syntax(line.0, &error))?;
    let mut object = Object::default();
    let mut seen: Vec<String> = Vec::new();
    for entry in line.entries(root.get(), JsonErrorKind::NotAnObject)? {
        let key = entry.key.as_str();
        if seen.contains(&entry.key) {
            let kind = JsonErrorKind::DuplicateKey(entry.key);
            return Err(line.error(entry.key_place, 0, kind));
        }
        match key {
            "mti" => object.mti = Some(line.text(&entry, 0)?),
            "header" => object.header = Some(line.text(&entry, 0)?),
            "fields" => object.fields = fields(&line, &entry)?,
            "parts" => object.parts = fields(&line, &entry)?,
            // What the decoder noted about the message is no part of it.
            "presence" | "layouts" => {}
            _ => {
                let kind = JsonErrorKind::UnknownKey(entry.key);
                return Err(line.error(entry.key_place, 0, kind));
            }
        }
        seen.push(entry.key);
    }
    Ok(object)
}

fn fields(line: &Line<'_>, entry: &Entry<'_>) -> Result<Vec<(u8, NodeContent)>, JsonEncodeError> {
    let mut fields: Vec<(u8, NodeContent)> = Vec::new();
    let wrong_type = |found| wrong_type(&entry.key, JsonType::Object, found);
    for entry in line.entries(entry.value, wrong_type)? {
        // One way to write each number: "02" and "+2" are not field 2.
        let number = match entry.key.parse::<u8>() {
            Ok(1) if entry.key == "1" => {
                return Err(line.error(entry.key_place, 1, JsonErrorKind::Bitmap));
            }
            Ok(number @ 2..=FieldSet::NUMBER_MAX) if entry.key == number.to_string() => number,
            _ => {
                let kind = JsonErrorKind::NotAFieldNumber(entry.key);
                return Err(line.error(entry.key_place, 0, kind));
            }
        };
        // At most 127 are kept, so looking through them is cheap.
        if fields.iter().any(|(seen, _)| *seen == number) {
            let kind = JsonErrorKind::DuplicateKey(entry.key);
            return Err(line.error(entry.key_place, number, kind));
        }
        fields.push((number, content(line, &entry, number, 0)?));
    }
    Ok(fields)
}

/// A value, or the parts that it is made of.
fn content(
    line: &Line<'_>,
    entry: &Entry<'_>,
    field: u8,
    depth: usize,
) -> Result<NodeContent, JsonEncodeError> {
    if type_of(entry.value) != JsonType::Object || depth > PARTS_DEPTH_MAX {
        return Ok(NodeContent::Value(line.text(entry, field)?));
    }
    let wrong_type = |found| wrong_type(&entry.key, JsonType::Object, found);
    let mut nodes = Vec::new();
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    for entry in line.entries(entry.value, wrong_type)? {
        let place = entry.key_place;
        let step = occurrence(&entry.key).map(|(tag, times)| (tag.to_owned(), times));
        let Some((tag, times)) = step.filter(|(tag, _)| !tag.is_empty()) else {
            let kind = JsonErrorKind::NotAPart(entry.key);
            return Err(line.error(place, field, kind));
        };
        let before = seen.entry(tag.clone()).or_default();
        *before += 1;
        if times < *before {
            return Err(line.error(place, field, JsonErrorKind::DuplicateKey(entry.key)));
        }
        if times > *before {
            return Err(line.error(place, field, JsonErrorKind::NotAPart(entry.key)));
        }
        let content = content(line, &entry, field, depth + 1)?;
        nodes.push(Node { tag, content });
    }
    Ok(NodeContent::Parts(nodes))
}

/// Layouts and templates inside of each other.
const PARTS_DEPTH_MAX: usize = LAYOUT_DEPTH_MAX + tlv::DEPTH_MAX;

fn wrong_type(key: &str, expected: JsonType, found: JsonType) -> JsonErrorKind {
    JsonErrorKind::WrongType {
        key: key.to_owned(),
        expected,
        found,
    }
}

/// The line, of which all that is read is a part.
struct Line<'a>(&'a str);

/// A key and what stands behind it, with their places in the line.
struct Entry<'a> {
    key: String,
    key_place: usize,
    value: &'a str,
}

impl<'a> Line<'a> {
    /// The entries of what should be an object.
    fn entries(
        &self,
        text: &'a str,
        wrong_type: impl Fn(JsonType) -> JsonErrorKind,
    ) -> Result<Vec<Entry<'a>>, JsonEncodeError> {
        let kind = type_of(text);
        if kind != JsonType::Object {
            return Err(self.error(self.place_of(text), 0, wrong_type(kind)));
        }
        let Entries(pairs) =
            serde_json::from_str(text).map_err(|error| self.syntax(text, &error))?;
        // Between two values there are blanks, a comma or the bracket, and the key.
        let mut end = self.place_of(text);
        let entry = |(key, value): (String, &'a RawValue)| {
            let between = self.0.get(end..).unwrap_or_default();
            let key_place = end + between.find('"').unwrap_or_default();
            let value = value.get();
            end = self.place_of(value) + value.len();
            Entry {
                key,
                key_place,
                value,
            }
        };
        Ok(pairs.into_iter().map(entry).collect())
    }

    /// The value of an entry that should be a string.
    fn text(&self, entry: &Entry<'a>, field: u8) -> Result<String, JsonEncodeError> {
        let kind = type_of(entry.value);
        if kind != JsonType::String {
            let kind = wrong_type(&entry.key, JsonType::String, kind);
            return Err(self.error(self.place_of(entry.value), field, kind));
        }
        serde_json::from_str(entry.value).map_err(|error| self.syntax(entry.value, &error))
    }

    /// Where a part of the line begins, in bytes.
    fn place_of(&self, part: &str) -> usize {
        part.as_ptr().addr().saturating_sub(self.0.as_ptr().addr())
    }

    /// An error at a byte of the line: people count characters.
    fn error(&self, byte: usize, field: u8, kind: JsonErrorKind) -> JsonEncodeError {
        let before = self.0.char_indices().take_while(|(place, _)| *place < byte);
        JsonEncodeError {
            offset: before.count(),
            field,
            kind,
        }
    }

    fn syntax(&self, part: &str, error: &serde_json::Error) -> JsonEncodeError {
        if error.is_eof() {
            let expected = if part.is_empty() {
                "a JSON object"
            } else {
                "the rest of a JSON object"
            };
            let kind = JsonErrorKind::Syntax {
                expected: expected.to_owned(),
                found: "the end of the line".to_owned(),
            };
            return self.error(self.0.len(), 0, kind);
        }
        // One line: the column is the place. It counts bytes from 1.
        let byte = self.place_of(part) + error.column().saturating_sub(1);
        let found = self
            .0
            .get(byte..)
            .and_then(|rest| rest.chars().next())
            .map_or("something else".to_owned(), |found| {
                format!("'{}'", found.escape_debug())
            });
        let text = error.to_string();
        let why = text.split(" at line ").next().unwrap_or_default();
        let (expected, found) = match why {
            "trailing characters" => ("nothing behind the object".to_owned(), found),
            "trailing comma" => ("something behind the comma".to_owned(), found),
            "key must be a string" => ("a key between quotes".to_owned(), found),
            "expected value" => ("a JSON value".to_owned(), found),
            "expected ident" => ("true, false or null".to_owned(), found),
            _ => match why.strip_prefix("expected ") {
                Some(expected) => (expected.replace('`', "'"), found),
                None => ("JSON".to_owned(), why.to_owned()),
            },
        };
        self.error(byte, 0, JsonErrorKind::Syntax { expected, found })
    }
}

/// Of a text that is known to be a JSON value.
fn type_of(text: &str) -> JsonType {
    match text.bytes().next() {
        Some(b'{') => JsonType::Object,
        Some(b'[') => JsonType::Array,
        Some(b'"') => JsonType::String,
        Some(b't' | b'f') => JsonType::Bool,
        Some(b'n') => JsonType::Null,
        _ => JsonType::Number,
    }
}

/// The entries of an object, also those that stand there twice, which serde_json's own value forgets.
struct Entries<'a>(Vec<(String, &'a RawValue)>);

impl<'de> Deserialize<'de> for Entries<'de> {
    fn deserialize<D: Deserializer<'de>>(reader: D) -> Result<Self, D::Error> {
        reader.deserialize_map(EntriesVisitor)
    }
}

struct EntriesVisitor;

impl<'de> Visitor<'de> for EntriesVisitor {
    type Value = Entries<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Entries<'de>, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = map.next_entry()? {
            entries.push(entry);
        }
        Ok(Entries(entries))
    }
}
