//! The JSON Schema of dialect files: an independent validator takes every dialect for one, and refuses what is broken in a way
//! that a schema can tell.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "test code: a wrong fixture must stop the test"
)]

use std::fmt::Write as _;

use expect_test::{expect, expect_file};
use jsonschema::Validator;
use pointsman_iso8583::Dialect;
use serde_json::{Map, Value};

fn validator() -> Validator {
    let schema: Value = serde_json::from_str(&Dialect::json_schema()).unwrap();
    jsonschema::draft7::meta::validate(&schema).unwrap();
    jsonschema::draft7::new(&schema).unwrap()
}

/// TOML as what a validator takes; `None` if it is no TOML.
fn json(toml: &str) -> Option<Value> {
    fn value(toml: &toml::de::DeValue<'_>) -> Value {
        use toml::de::DeValue;
        match toml {
            DeValue::String(text) => Value::from(text.as_ref()),
            DeValue::Integer(integer) => Value::from(integer.to_string().parse::<i64>().unwrap()),
            DeValue::Float(float) => Value::from(float.to_string().parse::<f64>().unwrap()),
            DeValue::Boolean(flag) => Value::from(*flag),
            DeValue::Datetime(time) => Value::from(time.to_string()),
            DeValue::Array(list) => list.iter().map(|item| value(item.get_ref())).collect(),
            DeValue::Table(entries) => {
                let entries = entries.iter();
                let entries =
                    entries.map(|(key, item)| (key.get_ref().to_string(), value(item.get_ref())));
                Value::Object(entries.collect::<Map<_, _>>())
            }
        }
    }
    let table = toml::de::DeTable::parse(toml).ok()?;
    Some(value(&toml::de::DeValue::Table(table.into_inner())))
}

/// `UPDATE_EXPECT=1 cargo test -p pointsman-iso8583 --test schema` writes it anew.
#[test]
fn the_schema_in_the_manual_is_this_one() {
    expect_file!["../../../docs/dialect.schema.json"].assert_eq(&Dialect::json_schema());
}

#[test]
fn every_dialect_is_valid_as_it_is_written_and_as_it_is_printed() {
    let validator = validator();
    for name in Dialect::builtin_names().iter().chain(Dialect::pack_names()) {
        let dialect = Dialect::builtin(name).unwrap();
        let source = Dialect::builtin_source(name).unwrap();
        for toml in [source, &dialect.to_toml()] {
            let errors = validator
                .iter_errors(&json(toml).unwrap())
                .map(|error| error.to_string())
                .collect::<Vec<_>>();
            assert_eq!(errors, [""; 0], "{name}");
        }
    }
}

/// What only the reader can tell, since it is between two places, or in other files.
#[test]
fn broken_files_are_refused_where_a_schema_can() {
    let validator = validator();
    let (mut refused, mut accepted) = (0, String::new());
    for case in include_str!("broken_dialects.txt").split("=== ").skip(1) {
        let (title, rest) = case.split_once('\n').unwrap();
        let toml = rest
            .split("---\n")
            .next()
            .unwrap()
            .split("+++ ")
            .next()
            .unwrap();
        match json(toml) {
            Some(value) if validator.is_valid(&value) => writeln!(accepted, "{title}").unwrap(),
            _ => refused += 1,
        }
    }
    assert!(refused >= 40, "{refused}");
    expect![[r#"
        a dialect of the name of its parent
        a dialect of the name of its grandparent
        a parent that is no file
        a file that extends itself
        a circle of two files
        a parent that is not whole
        a grandparent with a mistake
        too many files
        a TPDU of four bytes
        a header that is no BASE24 header
        a BASE I header of another length than it says
        a field that one bitmap cannot announce
        an echo that one bitmap cannot announce
        an echo of what is not defined
        the third bitmap as a field
        a field that is taken out and was not there
        a length that no message has
        an encoding that is not for its content
        binary as text
        one byte that cannot say the length
        a length that counts itself and has no room for that
        digits that look like others
        a prefix of a fixed field
        a fill of a variable field
        a fill that its content does not have
        a response code that does not fit field 39
        response codes that do not fit a field 39 of one's own
        rules for a field that is not defined
        a field in two lists
        rules that contradict each other
        an echo of a request
        a value that a field cannot have
        rules that are not inherited
        a layout that there is not
        a layout inside of itself
        a third bitmap without a second
        fields of a third bitmap that is not there
        tags that no value can have
        layouts that nest too deep
    "#]]
    .assert_eq(&accepted);
}
