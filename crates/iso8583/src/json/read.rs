//! Reading the object: by `serde_json`, into a value that keeps what its own forgets, a key that stands twice.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::{JsonEncodeError, JsonErrorKind, JsonType};

/// What a line says, before anything is known about its fields.
#[derive(Default)]
pub(super) struct Object {
    pub(super) mti: Option<String>,
    pub(super) header: Option<String>,
    /// In the order of the line, each number once.
    pub(super) fields: Vec<(u8, String)>,
}

/// Reads the line.
pub(super) fn object(line: &str) -> Result<Object, JsonEncodeError> {
    let root: Json = serde_json::from_str(line).map_err(|error| JsonEncodeError {
        // One line: the column is the place. It counts from 1, and stands at 0 for an empty line.
        offset: error.column().saturating_sub(1),
        field: 0,
        kind: JsonErrorKind::Syntax(reason(&error)),
    })?;
    let Json::Object(entries) = root else {
        return Err(JsonEncodeError {
            offset: 0,
            field: 0,
            kind: JsonErrorKind::NotAnObject(root.kind()),
        });
    };
    let mut object = Object::default();
    let mut seen: Vec<String> = Vec::new();
    for (key, value) in entries {
        let fail = |kind| JsonEncodeError {
            offset: place_of(line, &key),
            field: 0,
            kind,
        };
        if seen.contains(&key) {
            return Err(fail(JsonErrorKind::DuplicateKey(key.clone())));
        }
        match (key.as_str(), value) {
            ("mti", Json::Text(text)) => object.mti = Some(text),
            ("header", Json::Text(text)) => object.header = Some(text),
            ("fields", Json::Object(entries)) => object.fields = fields(line, entries)?,
            ("mti" | "header", other) => {
                return Err(fail(wrong_type(&key, JsonType::String, &other)));
            }
            ("fields", other) => return Err(fail(wrong_type(&key, JsonType::Object, &other))),
            _ => return Err(fail(JsonErrorKind::UnknownKey(key.clone()))),
        }
        seen.push(key);
    }
    Ok(object)
}

fn fields(line: &str, entries: Vec<(String, Json)>) -> Result<Vec<(u8, String)>, JsonEncodeError> {
    let mut fields: Vec<(u8, String)> = Vec::new();
    for (key, value) in entries {
        let fail = |field, kind| JsonEncodeError {
            offset: place_of(line, &key),
            field,
            kind,
        };
        // One way to write each number: "02" and "+2" are not field 2.
        let number = match key.parse::<u8>() {
            Ok(1) if key == "1" => return Err(fail(1, JsonErrorKind::Bitmap)),
            Ok(number @ 2..=128) if key == number.to_string() => number,
            _ => return Err(fail(0, JsonErrorKind::NotAFieldNumber(key.clone()))),
        };
        // At most 127 are kept, so looking through them is cheap.
        if fields.iter().any(|(seen, _)| *seen == number) {
            return Err(fail(number, JsonErrorKind::DuplicateKey(key.clone())));
        }
        match value {
            Json::Text(text) => fields.push((number, text)),
            other => return Err(fail(number, wrong_type(&key, JsonType::String, &other))),
        }
    }
    Ok(fields)
}

fn wrong_type(key: &str, expected: JsonType, found: &Json) -> JsonErrorKind {
    JsonErrorKind::WrongType {
        key: key.to_owned(),
        expected,
        found: found.kind(),
    }
}

/// Where the key stands in the line, the last time if it is there twice; 0 if it is written with escapes or blanks.
fn place_of(line: &str, key: &str) -> usize {
    line.rfind(&format!("\"{key}\":")).unwrap_or(0)
}

/// What serde_json says, without its "at line 1 column 7". It says what it expected, never what stands there.
fn reason(error: &serde_json::Error) -> String {
    if error.is_eof() {
        return "the end of the line".to_owned();
    }
    let text = error.to_string();
    let why = text.split(" at line ").next().unwrap_or_default();
    format!("what is no JSON ({why})")
}

/// A JSON value as far as it matters here. Nesting is bounded by serde_json, which refuses more than 128 levels.
enum Json {
    Object(Vec<(String, Json)>),
    Text(String),
    Other(JsonType),
}

impl Json {
    fn kind(&self) -> JsonType {
        match self {
            Json::Object(_) => JsonType::Object,
            Json::Text(_) => JsonType::String,
            Json::Other(kind) => *kind,
        }
    }
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(reader: D) -> Result<Self, D::Error> {
        reader.deserialize_any(JsonVisitor)
    }
}

struct JsonVisitor;

impl<'de> Visitor<'de> for JsonVisitor {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Json, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = map.next_entry()? {
            entries.push(entry);
        }
        Ok(Json::Object(entries))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Json, A::Error> {
        while elements.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Json::Other(JsonType::Array))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Json, E> {
        Ok(Json::Text(text.to_owned()))
    }

    fn visit_string<E: Error>(self, text: String) -> Result<Json, E> {
        Ok(Json::Text(text))
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<Json, E> {
        Ok(Json::Other(JsonType::Number))
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<Json, E> {
        Ok(Json::Other(JsonType::Number))
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<Json, E> {
        Ok(Json::Other(JsonType::Number))
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<Json, E> {
        Ok(Json::Other(JsonType::Bool))
    }

    fn visit_unit<E: Error>(self) -> Result<Json, E> {
        Ok(Json::Other(JsonType::Null))
    }
}
