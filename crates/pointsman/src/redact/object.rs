//! Messages as JSON, alone in a line or anywhere in it: `… msg={"mti":"0200","fields":{…}} end`.
//!
//! A message in JSON loses what the same message in hex would: it is encoded and redacted. If it cannot be encoded, as when it is
//! masked already, each field is redacted by itself, and one in which a part may be secret loses all of its value.

use bytes::BytesMut;
use pointsman_iso8583::json;
use pointsman_iso8583::mask::{HIDDEN, Unmask};
use pointsman_iso8583::{Content, Dialect};
use serde_json::{Map, Value};

use super::{Redactor, filler, in_place};

/// Braces in a line that begin no object: each may be the beginning of much that has to be read to know that.
const BROKEN_OBJECTS_MAX: usize = 1000;

type Object = Map<String, Value>;

impl Redactor {
    /// A line of text, its card data and that of the messages in it replaced. `None`: something in it begins as a message in
    /// JSON and is none, so that nobody knows where its secrets are.
    pub(crate) fn line(&self, line: &str) -> Option<String> {
        if !line.contains("fields") {
            return Some(self.text(line));
        }
        let mut out = String::with_capacity(line.len());
        let mut rest = line;
        let mut broken = 0;
        // Where the next object may begin, from the beginning of `rest`.
        let mut from = 0;
        while let Some(found) = rest.get(from..).and_then(|text| text.find('{')) {
            let start = from + found;
            let mut objects = serde_json::Deserializer::from_str(rest.get(start..)?).into_iter();
            match objects.next() {
                Some(Ok(mut value)) => {
                    let end = start + objects.byte_offset();
                    if !holds_message(&value) {
                        from = end;
                        continue;
                    }
                    self.value(&mut value)?;
                    out.push_str(&self.plain(rest.get(..start)?)?);
                    let object = rest.get(start..end)?;
                    out.push_str(&in_place::rewritten(object, &value, &|key| self.text(key)));
                    rest = rest.get(end..)?;
                    from = 0;
                }
                Some(Err(_)) | None => {
                    broken += 1;
                    if broken > BROKEN_OBJECTS_MAX {
                        return None;
                    }
                    from = start + 1;
                }
            }
        }
        out.push_str(&self.plain(rest)?);
        Some(out)
    }

    fn plain(&self, text: &str) -> Option<String> {
        (!begins_message(text)).then(|| self.text(text))
    }

    fn value(&self, value: &mut Value) -> Option<()> {
        match value {
            Value::Object(object) => {
                let is_message = is_message(object);
                if is_message {
                    self.object(object);
                }
                let names = std::mem::take(object).into_iter();
                *object = names.map(|(key, value)| (self.text(&key), value)).collect();
                for (key, value) in object.iter_mut() {
                    match (key.as_str(), value) {
                        ("mti" | "header" | "fields" | "parts" | "layouts", _) if is_message => {}
                        (key, Value::String(text)) if !begins_message(text) => {
                            *text = self.named(key, text)?;
                        }
                        (key, number @ Value::Number(_)) => {
                            let text = number.to_string();
                            let redacted = self.named(key, &text)?;
                            if redacted != text {
                                *number = Value::String(redacted);
                            }
                        }
                        (_, value) => self.value(value)?,
                    }
                }
            }
            Value::Array(values) => {
                for value in values {
                    self.value(value)?;
                }
            }
            Value::String(text) => *text = self.line(text)?,
            number @ Value::Number(_) => {
                let text = number.to_string();
                let redacted = self.text(&text);
                if redacted != text {
                    *number = Value::String(redacted);
                }
            }
            Value::Null | Value::Bool(_) => {}
        }
        Some(())
    }

    /// A value that may be secret by its name.
    fn named(&self, key: &str, text: &str) -> Option<String> {
        let redacted = self.text(&format!("{key}:{text}"));
        Some(redacted.chars().skip(key.chars().count() + 1).collect())
    }

    fn object(&self, object: &mut Object) {
        if self.whole(object).is_none() {
            self.each(object);
        }
        let fields = object.get_mut("fields").and_then(Value::as_object_mut);
        let others = fields
            .into_iter()
            .flatten()
            .filter(|(key, _)| number(key).is_none());
        others.for_each(|(_, value)| hide(value));
    }

    /// Redacts the message that the object describes. `None`: it describes none.
    fn whole(&self, object: &mut Object) -> Option<()> {
        let dialect: &Dialect = self.dialect();
        let mut described = Object::new();
        for key in ["mti", "header", "parts"] {
            if let Some(value) = object.get(key) {
                described.insert(key.to_owned(), value.clone());
            }
        }
        let mut fields = object.get("fields")?.as_object()?.clone();
        fields.retain(|key, _| number(key).is_some());
        described.insert("fields".to_owned(), Value::Object(fields));
        let described = Value::Object(described).to_string();
        let mut bytes = BytesMut::new();
        json::encode_line(dialect, &described, &mut bytes).ok()?;
        let redacted = self.message(&bytes).ok()?;
        let (before, after) = (dialect.view(&bytes).ok()?, dialect.view(&redacted).ok()?);
        let line = json::decode_parts_line(dialect, &redacted, Unmask::Yes).ok()?;
        let Value::Object(mut shown) = serde_json::from_str(&line).ok()? else {
            return None;
        };
        for (key, value) in object.get_mut("fields")?.as_object_mut()? {
            let Some(number) = number(key) else {
                continue;
            };
            let text = after.to_text(number)?;
            if before.to_text(number)? != text {
                *value = Value::String(text);
            }
        }
        for key in ["parts", "layouts"] {
            match (object.contains_key(key), shown.remove(key)) {
                (true, Some(value)) => drop(object.insert(key.to_owned(), value)),
                (true, None) => drop(object.remove(key)),
                (false, _) => {}
            }
        }
        Some(())
    }

    /// Redacts each field by itself.
    fn each(&self, object: &mut Object) {
        // They repeat what is in the fields.
        object.remove("parts");
        object.remove("layouts");
        let Some(fields) = object.get_mut("fields").and_then(Value::as_object_mut) else {
            return;
        };
        for (key, value) in fields.iter_mut() {
            let field = number(key).and_then(|number| self.dialect().field(number));
            let Some(field) = field else {
                hide(value);
                continue;
            };
            let text = match value {
                Value::String(text) => text.clone(),
                Value::Number(number) => number.to_string(),
                _ => {
                    hide(value);
                    continue;
                }
            };
            let mut layouts = self.dialect().layouts_of(field.number);
            if layouts.any(pointsman_iso8583::Layout::hides) {
                hide(value);
                continue;
            }
            let redacted = self.field(field, &text);
            if redacted != text {
                *value = Value::String(redacted);
            }
        }
    }
}

fn number(key: &str) -> Option<u8> {
    key.parse().ok()
}

/// Are there fields by their numbers?
fn is_message(object: &Object) -> bool {
    let fields = object.get("fields").and_then(Value::as_object);
    fields.is_some_and(|fields| fields.keys().any(|key| number(key).is_some()))
}

fn holds_message(value: &Value) -> bool {
    match value {
        Value::Object(object) => is_message(object) || object.values().any(holds_message),
        Value::Array(values) => values.iter().any(holds_message),
        Value::String(text) => begins_message(text),
        _ => false,
    }
}

/// Does `"fields":{"2"` stand in it, in whatever quotes?
fn begins_message(text: &str) -> bool {
    let quotes = |c: char| matches!(c, '"' | '\'' | '\\') || c.is_whitespace();
    text.match_indices("fields").any(|(start, name)| {
        let rest = text.get(start + name.len()..).unwrap_or_default();
        let value = rest.trim_start_matches(quotes);
        let value = value.trim_start_matches([':', '=', '>']).trim_start();
        let key = value
            .strip_prefix('{')
            .map(|key| key.trim_start_matches(quotes));
        key.is_some_and(|key| key.starts_with(|c: char| c.is_ascii_digit()))
    })
}

/// Nothing of the value is left but its length.
fn hide(value: &mut Value) {
    match value {
        Value::String(text) => *text = hidden(text),
        number @ Value::Number(_) => *number = Value::String(hidden(&number.to_string())),
        Value::Array(values) => values.iter_mut().for_each(hide),
        Value::Object(object) => object.values_mut().for_each(hide),
        Value::Null | Value::Bool(_) => {}
    }
}

fn hidden(text: &str) -> String {
    text.chars()
        .map(|character| match character {
            HIDDEN => HIDDEN,
            _ => filler(character, Content::Ans),
        })
        .collect()
}
