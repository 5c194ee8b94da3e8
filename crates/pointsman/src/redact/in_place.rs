//! JSON written again where it stood: what did not change keeps its own spelling and spacing.

use serde_json::{Map, Value};

/// The JSON that `text` is, with these values. `key` gives a member's name in `value` for its name in the text. What is not
/// built alike any more is written anew, without spaces.
pub(super) fn rewritten(text: &str, value: &Value, key: &dyn Fn(&str) -> String) -> String {
    let mut writer = Writer {
        rest: text,
        out: String::with_capacity(text.len()),
        key,
    };
    match writer.value(value) {
        Some(()) => writer.out,
        None => value.to_string(),
    }
}

struct Writer<'a> {
    /// What is still to be read.
    rest: &'a str,
    out: String,
    key: &'a dyn Fn(&str) -> String,
}

impl<'a> Writer<'a> {
    /// Writes the value that is next. `None`: the text is no JSON.
    fn value(&mut self, value: &Value) -> Option<()> {
        self.copy_space();
        let (before, length) = (self.rest, self.out.len());
        let is_alike = match value {
            Value::Object(object) if before.starts_with('{') => self.object(object),
            Value::Array(values) if before.starts_with('[') => self.array(values),
            _ => None,
        };
        if is_alike.is_some() {
            return Some(());
        }
        self.rest = before;
        self.out.truncate(length);
        let token = self.token()?;
        // An object equals another that has a member twice, and the first of the two may be secret.
        let is_plain = !matches!(value, Value::Object(_) | Value::Array(_));
        match serde_json::from_str::<Value>(token) {
            Ok(old) if is_plain && old == *value => self.out.push_str(token),
            _ => self.out.push_str(&value.to_string()),
        }
        Some(())
    }

    /// `None`: the text has other members than the object, apart from those that the object has no more.
    fn object(&mut self, object: &Map<String, Value>) -> Option<()> {
        self.copy('{')?;
        let mut written: Vec<String> = Vec::new();
        loop {
            let between = self.between();
            if self.rest.starts_with('}') {
                self.out.push_str(between);
                self.copy('}')?;
                return (written.len() == object.len()).then_some(());
            }
            let token = self.token()?;
            let name: String = serde_json::from_str(token).ok()?;
            let key = (self.key)(&name);
            let Some(value) = object.get(&key) else {
                self.space();
                self.rest = self.rest.strip_prefix(':')?;
                self.token()?;
                continue;
            };
            if written.contains(&key) {
                return None;
            }
            // Behind members that are gone it is the first.
            if !written.is_empty() || !between.contains(',') {
                self.out.push_str(between);
            }
            match key == name {
                true => self.out.push_str(token),
                false => self.out.push_str(&Value::String(key.clone()).to_string()),
            }
            written.push(key);
            self.copy_space();
            self.copy(':')?;
            self.value(value)?;
        }
    }

    fn array(&mut self, values: &[Value]) -> Option<()> {
        self.copy('[')?;
        for value in values {
            let between = self.between();
            self.out.push_str(between);
            self.value(value)?;
        }
        self.copy_space();
        self.copy(']')
    }

    /// The comma before the next member, and the space around it.
    fn between(&mut self) -> &'a str {
        let is_between = |c: char| c == ',' || c.is_ascii_whitespace();
        let (between, rest) = split(self.rest, is_between);
        self.rest = rest;
        between
    }

    fn space(&mut self) -> &'a str {
        let (space, rest) = split(self.rest, |c| c.is_ascii_whitespace());
        self.rest = rest;
        space
    }

    fn copy_space(&mut self) {
        let space = self.space();
        self.out.push_str(space);
    }

    fn copy(&mut self, sign: char) -> Option<()> {
        self.rest = self.rest.strip_prefix(sign)?;
        self.out.push(sign);
        Some(())
    }

    /// The value, of whatever kind, that is next.
    fn token(&mut self) -> Option<&'a str> {
        let mut values = serde_json::Deserializer::from_str(self.rest).into_iter::<Value>();
        values.next()?.ok()?;
        let (token, rest) = self.rest.split_at_checked(values.byte_offset())?;
        self.rest = rest;
        Some(token.trim_ascii_start())
    }
}

fn split(text: &str, belongs: impl Fn(char) -> bool) -> (&str, &str) {
    text.split_at(text.find(|c| !belongs(c)).unwrap_or(text.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, value: &str, expected: &str) {
        let value: Value = serde_json::from_str(value).unwrap();
        let key = |name: &str| name.replace("4111", "0000");
        assert_eq!(rewritten(text, &value, &key), expected, "{text}");
    }

    #[test]
    fn what_did_not_change_stays_as_it_is() {
        let text = "{ \"b\" : [1.0e2,\t\"\\u0041\" ] ,\n \"a\":null }";
        check(text, text, text);
        check(
            text,
            r#"{"a":"x","b":[100.0,"B"]}"#,
            "{ \"b\" : [1.0e2,\t\"B\" ] ,\n \"a\":\"x\" }",
        );
    }

    #[test]
    fn members_that_go_and_names_that_change() {
        check(r#"{"a": 1, "b": 2, "c": 3}"#, r#"{"b":2}"#, r#"{"b": 2}"#);
        check(r#"{"a": 1, "b": 2}"#, r#"{"a":1}"#, r#"{"a": 1}"#);
        check(r#"{ "4111": 1 }"#, r#"{"0000":2}"#, r#"{ "0000": 2 }"#);
    }

    /// What is not built alike is written as the value is, and nothing of the text gets out.
    #[test]
    fn what_is_built_otherwise() {
        check(
            r#"{ "a": 1, "a": 2, "b": [ 3 ] }"#,
            r#"{"a":2,"b":[3]}"#,
            r#"{"a":2,"b":[3]}"#,
        );
        check(r#"{ "a": [ 1, 2 ] }"#, r#"{"a":[1]}"#, r#"{ "a": [1] }"#);
        check(r#"{ "a": 1 }"#, r#"{"a":1,"b":2}"#, r#"{"a":1,"b":2}"#);
    }
}
