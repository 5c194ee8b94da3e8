//! The `[[rule]]` tables of a file, each mistake with its line.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::{Amount, Problem, RuleError, Source, compile, expected};
use crate::rule::Rule;

const KEYS: [&str; 11] = [
    "mti", "bin", "amount", "terminal", "share", "times", "answer", "code", "delay", "set", "omit",
];

/// Reads the `[[rule]]` tables of a file.
///
/// # Errors
/// All mistakes at once, in the order of the lines.
pub fn rules_from_toml(text: &str) -> Result<Vec<Rule>, Vec<RuleError>> {
    let line = |offset: usize| {
        let before = text.as_bytes().get(..offset).unwrap_or_default();
        1 + before.iter().filter(|byte| **byte == b'\n').count()
    };
    let (root, broken) = DeTable::parse_recoverable(text);
    if !broken.is_empty() {
        let errors = broken.iter().map(|error| RuleError {
            line: error.span().map(|span| line(span.start)),
            rule: None,
            message: error.message().to_owned(),
        });
        return Err(errors.collect());
    }
    let (mut rules, mut errors) = (Vec::new(), Vec::new());
    let general = |offset: usize, message: String| RuleError {
        line: Some(line(offset)),
        rule: None,
        message,
    };
    for (key, value) in root.get_ref() {
        let name: &str = key.get_ref();
        match value.get_ref() {
            _ if name != "rule" => errors.push(general(
                key.span().start,
                format!("unknown key `{name}`: {}", expected(name, &["rule"])),
            )),
            DeValue::Array(tables) => {
                for (index, table) in tables.iter().enumerate() {
                    match rule(table, index + 1, &line) {
                        Ok(rule) => rules.push(rule),
                        Err(more) => errors.extend(more),
                    }
                }
            }
            _ => errors.push(general(
                key.span().start,
                "there can be several rules: write [[rule]] instead of [rule]".to_owned(),
            )),
        }
    }
    errors.sort_by_key(|error| error.line);
    if errors.is_empty() {
        Ok(rules)
    } else {
        Err(errors)
    }
}

/// One table.
fn rule(
    value: &Spanned<DeValue<'_>>,
    number: usize,
    line: &impl Fn(usize) -> usize,
) -> Result<Rule, Vec<RuleError>> {
    let head = line(value.span().start);
    let error = |line: usize, message: String| RuleError {
        line: Some(line),
        rule: Some(number),
        message,
    };
    let DeValue::Table(table) = value.get_ref() else {
        return Err(vec![error(head, "expected a table".to_owned())]);
    };
    let mut source = Source::default();
    let mut errors = Vec::new();
    let mut lines: Vec<(&str, usize)> = Vec::new();
    let mut problems: Vec<Problem> = Vec::new();
    for (key, value) in table {
        let (name, at): (&str, usize) = (key.get_ref(), line(key.span().start));
        match KEYS.into_iter().find(|known| *known == name) {
            Some(known) => {
                lines.push((known, at));
                if let Err(message) = read(known, value.get_ref(), &mut source) {
                    problems.push((known, message.to_owned()));
                }
            }
            None => errors.push(error(
                at,
                format!("unknown key `{name}`: {}", expected(name, &KEYS)),
            )),
        }
    }
    let unread: Vec<_> = problems.iter().map(|(key, _)| *key).collect();
    let mut compiled_problems = Vec::new();
    let compiled = compile(&source, &mut compiled_problems);
    // What could not be read is not missing as well.
    compiled_problems.retain(|(key, _)| !unread.contains(key));
    problems.append(&mut compiled_problems);
    errors.extend(problems.into_iter().map(|(key, message)| {
        let place = lines.iter().find(|(known, _)| *known == key);
        error(
            place.map_or(head, |(_, line)| *line),
            format!("{key}: {message}"),
        )
    }));
    match compiled {
        Some(rule) if errors.is_empty() => Ok(Rule {
            place: Some(format!("line {head}: rule {number}")),
            ..rule
        }),
        _ => Err(errors),
    }
}

/// Takes one value; says what was expected if it is of another kind.
fn read(key: &str, value: &DeValue<'_>, source: &mut Source) -> Result<(), &'static str> {
    const TEXT: &str = "expected text in quotes";
    let texts = || match value {
        DeValue::String(one) => Some(vec![one.to_string()]),
        DeValue::Array(many) => many
            .iter()
            .map(|one| one.get_ref().as_str().map(str::to_owned))
            .collect(),
        _ => None,
    };
    let text = || value.as_str().map(str::to_owned).ok_or(TEXT);
    match key {
        "mti" => {
            source.mti =
                texts().ok_or("expected text such as \"0200\", or a list of such texts")?;
        }
        "bin" => {
            source.bin = texts().ok_or("expected text such as \"4\", or a list of such texts")?
        }
        "amount" => {
            let amount = match value {
                DeValue::String(text) => Some(Amount::Text(text.to_string())),
                _ => number(value).map(Amount::Exact),
            };
            source.amount = Some(
                amount
                    .ok_or("expected text such as \"10.00-19.99\", or a number of minor units")?,
            );
        }
        "terminal" => source.terminal = Some(text()?),
        "share" => {
            let share = match value {
                DeValue::Float(share) => share.as_str().parse().ok(),
                _ => number(value).map(|share| share as f64),
            };
            source.share = Some(share.ok_or("expected a number from 0 to 1")?);
        }
        "times" => source.times = Some(number(value).ok_or("expected a number such as 3")?),
        "answer" => source.answer = Some(text()?),
        "code" => source.code = Some(text()?),
        "delay" => source.delay = Some(text()?),
        "set" => {
            let table = match value {
                DeValue::Table(table) => table
                    .iter()
                    .map(|(key, value)| {
                        let text = value.get_ref().as_str()?;
                        Some((key.get_ref().to_string(), text.to_owned()))
                    })
                    .collect(),
                _ => None,
            };
            source.set = table.ok_or("expected texts, such as { 39 = \"05\" }")?;
        }
        "omit" => {
            let fields = match value {
                DeValue::Array(fields) => fields
                    .iter()
                    .map(|field| number(field.get_ref()).and_then(|field| field.try_into().ok()))
                    .collect(),
                _ => None,
            };
            source.omit = fields.ok_or("expected a list of field numbers such as [38, 55]")?;
        }
        _ => {}
    }
    Ok(())
}

fn number(value: &DeValue<'_>) -> Option<u64> {
    match value {
        DeValue::Integer(number) => u64::from_str_radix(number.as_str(), number.radix()).ok(),
        _ => None,
    }
}
