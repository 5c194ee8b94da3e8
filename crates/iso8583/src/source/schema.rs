//! A JSON Schema of dialect files, for editors; made of the tables that the reader goes by.
//!
//! It cannot say all that the reader does: whether a field that something names is defined, or whether a length fits its
//! prefix. What it can say it says with the same words.

use std::fmt::Write as _;

use super::keys::{
    CHOICE, CONDITION, CONDITIONAL, FIELD, Kind, LAYOUT, PART, ROOT, RULES, Section,
};
use super::messages::{CONDITIONS_MAX, VALUES_MAX};
use super::raw::{FIXED_LENGTH_MAX, PREFIX_DIGITS_MAX};
use super::reader::{FIELD_NUMBERS, NAME_CHARACTERS_MAX};
use super::words::{CONTENT_WORDS, LAYOUT_WORDS, TEST_WORDS, names};
use crate::dialect::Dialect;
use crate::field::Content;
use crate::header::HEADER_BYTES_MAX;
use crate::layout::TAG_CHARACTERS_MAX;

/// The schema as JSON text, a draft that editors know.
pub(crate) fn schema() -> String {
    let mut root = vec![
        ("$schema", text("http://json-schema.org/draft-07/schema#")),
        ("title", text("ISO 8583 dialect")),
        (
            "description",
            text("How one family of counterparts writes ISO 8583, for pointsman-iso8583."),
        ),
    ];
    root.extend(table(&ROOT));
    root.push(("required", list(["name"])));
    // Who extends nothing says everything.
    let whole = object([
        ("required", list(["message", "defaults", "fields"])),
        (
            "properties",
            object([
                ("message", required(["mti", "bitmap"])),
                (
                    "defaults",
                    required(["digits", "track", "text", "binary", "prefix"]),
                ),
            ]),
        ),
    ]);
    root.push(("anyOf", Json::List(vec![required(["extends"]), whole])));
    let mut out = String::new();
    // Writing to a String cannot fail.
    let _ = object(root).write(0, &mut out);
    out.push('\n');
    out
}

/// A value of JSON.
enum Json {
    Text(String),
    Number(usize),
    Bool(bool),
    List(Vec<Json>),
    Object(Vec<(String, Json)>),
}

impl Json {
    fn write(&self, depth: usize, out: &mut String) -> std::fmt::Result {
        let indent = |depth: usize| "  ".repeat(depth);
        match self {
            Json::Text(text) => write_text(text, out),
            Json::Number(number) => write!(out, "{number}"),
            Json::Bool(flag) => write!(out, "{flag}"),
            Json::List(items) => {
                out.push('[');
                for (place, item) in items.iter().enumerate() {
                    out.push_str(if place == 0 { "" } else { ", " });
                    item.write(depth, out)?;
                }
                out.push(']');
                Ok(())
            }
            Json::Object(entries) => {
                out.push('{');
                for (place, (key, value)) in entries.iter().enumerate() {
                    out.push_str(if place == 0 { "\n" } else { ",\n" });
                    out.push_str(&indent(depth + 1));
                    write_text(key, out)?;
                    out.push_str(": ");
                    value.write(depth + 1, out)?;
                }
                write!(out, "\n{}}}", indent(depth))
            }
        }
    }
}

fn write_text(text: &str, out: &mut String) -> std::fmt::Result {
    write!(
        out,
        "\"{}\"",
        text.replace('\\', "\\\\").replace('"', "\\\"")
    )
}

fn text(text: impl Into<String>) -> Json {
    Json::Text(text.into())
}

fn list(items: impl IntoIterator<Item = impl Into<String>>) -> Json {
    Json::List(items.into_iter().map(text).collect())
}

fn object(entries: impl IntoIterator<Item = (impl Into<String>, Json)>) -> Json {
    let entries = entries.into_iter().map(|(key, value)| (key.into(), value));
    Json::Object(entries.collect())
}

fn required(keys: impl IntoIterator<Item = impl Into<String>>) -> Json {
    object([("required", list(keys))])
}

fn pattern(pattern: impl Into<String>) -> Vec<(&'static str, Json)> {
    vec![("type", text("string")), ("pattern", text(pattern))]
}

/// What a table with these keys, and no others, is.
fn table(section: &Section) -> Vec<(&'static str, Json)> {
    let properties = section.keys.iter().map(|key| {
        let mut value = vec![("description", text(key.about))];
        value.extend(value_of(key.kind));
        (key.name, object(value))
    });
    vec![
        ("type", text("object")),
        ("additionalProperties", Json::Bool(false)),
        ("properties", object(properties)),
    ]
}

fn value_of(kind: Kind) -> Vec<(&'static str, Json)> {
    match kind {
        Kind::Line => {
            let mut line = pattern(r"^[^\u0000-\u001F\u007F-\u009F]*$");
            line.push(("minLength", Json::Number(1)));
            line.push(("maxLength", Json::Number(NAME_CHARACTERS_MAX)));
            line
        }
        Kind::Extends => {
            let builtin = [Dialect::builtin_names(), Dialect::pack_names()].concat();
            vec![(
                "anyOf",
                Json::List(vec![
                    object([("enum", list(builtin))]),
                    object(pattern(r"[/\\]|\.toml$")),
                ]),
            )]
        }
        Kind::Number => number(),
        Kind::Numbers => vec![("type", text("array")), ("items", object(number()))],
        Kind::Hex => {
            let mut hex = pattern("^([0-9A-Fa-f]{2})*$");
            hex.push(("maxLength", Json::Number(HEADER_BYTES_MAX * 2)));
            hex
        }
        Kind::Bool => vec![("type", text("boolean"))],
        Kind::Character => pattern("^[ -~]$"),
        Kind::Words(words) => vec![("enum", list(words()))],
        Kind::Type => pattern(types("")),
        Kind::Code => pattern("^[A-Za-z0-9 ]{2,4}$"),
        Kind::Table(section) => table(section),
        Kind::Fields => by_key(
            &format!(
                "^({})$",
                FIELD_NUMBERS
                    .map(|number| number.to_string())
                    .collect::<Vec<_>>()
                    .join("|")
            ),
            field(),
        ),
        Kind::Messages => {
            let one = format!(r"\s*{MTI}\s*");
            by_key(&format!("^{one}(,{one})*$"), table(&RULES))
        }
        Kind::Conditional => {
            let mut rule = table(&CONDITIONAL);
            rule.push(("required", list(["fields", "when", "why"])));
            vec![
                ("type", text("array")),
                ("maxItems", Json::Number(CONDITIONS_MAX)),
                ("items", object(rule)),
            ]
        }
        Kind::When => {
            let several = object([
                ("type", text("array")),
                ("minItems", Json::Number(1)),
                ("items", object(condition())),
            ]);
            vec![("anyOf", Json::List(vec![object(condition()), several]))]
        }
        Kind::Layouts => by_key("^[A-Za-z0-9_-]{1,40}$", layout()),
        Kind::Layout => vec![(
            "anyOf",
            Json::List(vec![
                object([("type", text("string"))]),
                object([("const", Json::Bool(false))]),
            ]),
        )],
        Kind::Choices => {
            let mut choice = table(&CHOICE);
            choice.push(("required", list(["use"])));
            vec![("type", text("array")), ("items", object(choice))]
        }
        Kind::Mtis => vec![
            ("type", text("array")),
            ("items", object(pattern(format!("^{MTI}$")))),
        ],
        Kind::Lengths => {
            let several = object([("type", text("array")), ("items", object(count()))]);
            vec![("anyOf", Json::List(vec![object(count()), several]))]
        }
        Kind::Text => vec![("type", text("string")), ("minLength", Json::Number(1))],
        Kind::PartList => part_list(),
        Kind::PartTable => part_table(),
        Kind::Parts => vec![(
            "anyOf",
            Json::List(vec![object(part_list()), object(part_table())]),
        )],
        Kind::PartType => pattern(types("?")),
        Kind::Width => pattern(format!("^({})[1-9]$", contents(|_| true))),
        Kind::Count => count(),
        Kind::Values => vec![
            ("type", text("array")),
            ("minItems", Json::Number(1)),
            ("maxItems", Json::Number(VALUES_MAX)),
            (
                "items",
                object(pattern(format!("^[ -~]{{1,{VALUES_MAX}}}$"))),
            ),
        ],
    }
}

/// What is said of the fill needs one.
fn field() -> Vec<(&'static str, Json)> {
    let mut field = table(&FIELD);
    let needs_fill = ["fill_side", "strip"].map(|key| (key, list(["fill"])));
    field.push(("dependencies", object(needs_fill)));
    field.push(("not", required(["layout", "layouts"])));
    field
}

/// Each kind has keys that are not for it.
fn layout() -> Vec<(&'static str, Json)> {
    let rules = LAYOUT_WORDS.iter().map(|(word, kind)| {
        let others = LAYOUT.names().filter(|key| !kind.uses(key));
        let mut properties: Vec<(&str, Json)> =
            others.map(|key| (key, Json::Bool(false))).collect();
        // A list for who has them in an order, else by their tags.
        properties.retain(|(key, _)| *key != "parts");
        let parts = match kind.uses("parts") {
            true => "array",
            false => "object",
        };
        properties.push(("parts", object([("type", text(parts))])));
        let is_kind = object([
            (
                "properties",
                object([("kind", object([("const", text(*word))]))]),
            ),
            ("required", list(["kind"])),
        ]);
        object([
            ("if", is_kind),
            ("then", object([("properties", object(properties))])),
        ])
    });
    let mut layout = table(&LAYOUT);
    layout.push(("allOf", Json::List(rules.collect())));
    layout
}

/// A message type, or a pattern of some.
const MTI: &str = r"([0-9x]|\[[0-9]+\]){4}";

fn part_list() -> Vec<(&'static str, Json)> {
    vec![("type", text("array")), ("items", object(table(&PART)))]
}

/// Without the signs that paths to parts are made of.
fn part_table() -> Vec<(&'static str, Json)> {
    by_key(
        &format!("^[ !\"$-\\-/-~]{{1,{TAG_CHARACTERS_MAX}}}$"),
        table(&PART),
    )
}

fn count() -> Vec<(&'static str, Json)> {
    vec![
        ("type", text("integer")),
        ("minimum", Json::Number(1)),
        ("maximum", Json::Number(u16::MAX.into())),
    ]
}

/// The content classes that are wanted, as a pattern.
fn contents(is_wanted: impl Fn(Content) -> bool) -> String {
    let words = CONTENT_WORDS
        .iter()
        .filter(|(_, content)| is_wanted(*content));
    let contents: Vec<String> = words.map(|(word, _)| word.replace('+', "\\+")).collect();
    contents.join("|")
}

fn number() -> Vec<(&'static str, Json)> {
    let bound = |number: Option<u8>| Json::Number(number.unwrap_or_default().into());
    vec![
        ("type", text("integer")),
        ("minimum", bound(FIELD_NUMBERS.min())),
        ("maximum", bound(FIELD_NUMBERS.max())),
    ]
}

/// Tables by keys of a kind, of which `false` takes one out.
fn by_key(keys: &str, table: Vec<(&'static str, Json)>) -> Vec<(&'static str, Json)> {
    let out = object([("const", Json::Bool(false))]);
    let value = object([("anyOf", Json::List(vec![out, object(table)]))]);
    vec![
        ("type", text("object")),
        ("additionalProperties", Json::Bool(false)),
        ("patternProperties", object([(keys, value)])),
    ]
}

/// A condition about a value has the field and one test.
fn condition() -> Vec<(&'static str, Json)> {
    let tests = names(&TEST_WORDS);
    let none_of = |keys: &[&'static str]| {
        let keys = keys.iter().map(|key| required([*key])).collect();
        object([("anyOf", Json::List(keys))])
    };
    let mut ways = vec![object([(
        "not",
        none_of(&[&["field"], tests.as_slice()].concat()),
    )])];
    for test in &tests {
        let others: Vec<&str> = tests
            .iter()
            .copied()
            .filter(|other| other != test)
            .collect();
        ways.push(object([
            ("required", list(["field", test])),
            ("not", none_of(&others)),
        ]));
    }
    let mut condition = table(&CONDITION);
    condition.push(("minProperties", Json::Number(1)));
    condition.push(("oneOf", Json::List(ways)));
    condition
}

/// A content class and a length: at most as many digits as the dots say, of which the first is no zero.
fn types(occurs: &str) -> String {
    let digits = |max: usize| format!("[1-9][0-9]{{0,{}}}", max - 1);
    let fixed = digits(FIXED_LENGTH_MAX.to_string().len());
    let dotted = (1..=PREFIX_DIGITS_MAX).map(|dots| {
        let dots = usize::from(dots);
        format!("\\.{{{dots}}}{}", digits(dots))
    });
    let lengths: Vec<String> = std::iter::once(fixed.clone()).chain(dotted).collect();
    let signed = contents(|content| content == Content::SignedN);
    let others = contents(|content| content != Content::SignedN);
    let lengths = lengths.join("|");
    format!("^(({signed})({fixed}){occurs}|({others})({lengths}){occurs})$")
}
