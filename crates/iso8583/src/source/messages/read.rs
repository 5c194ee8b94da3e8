//! Reads `[messages]`.

use std::ops::Range;

use toml::de::DeTable;

use super::{RawConditional, RawMessage};
use crate::field_set::FieldSet;
use crate::presence::{Condition, Demand, Pattern};
use crate::source::keys;
use crate::source::raw::{At, Raw};
use crate::source::reader::{Reader, Value, shown};
use crate::source::words::{DEMAND_WORDS, TEST_WORDS};

/// The most conditional rules of one kind of message, and the most conditions of one of them.
pub(in crate::source) const CONDITIONS_MAX: usize = 32;
/// The most values that a condition compares with, and the most characters of one.
pub(in crate::source) const VALUES_MAX: usize = 64;

pub(in crate::source) fn read(reader: &mut Reader<'_>, value: &Value<'_>, raw: &mut Raw) {
    for (key, value) in reader.table(value, "[messages]").into_iter().flatten() {
        let text = key.get_ref().as_ref();
        let Some(patterns) = patterns_of(text) else {
            let message = format!("'{}' is not a message type", shown(text));
            let help = "four digits, x for any, [12] for some, several with commas between: \"0200\", \"0x10\", \"0[12]00, 0420\"";
            reader.error_with_help(key.span(), message, help);
            continue;
        };
        if value.get_ref().as_bool() == Some(false) {
            if raw.messages.remove(&patterns).is_none() && !raw.orphaned {
                let message = format!("rules for {text} are not inherited and cannot be taken out");
                reader.error(value.span(), message);
            }
            continue;
        }
        let Some(table) = value.get_ref().as_table() else {
            let message = format!("the rules for {text} must be a table or false");
            let help = "\"0x10\" = { mandatory = [39], echoed = [11, 41] }, for example";
            reader.error_with_help(value.span(), message, help);
            continue;
        };
        let message = raw.messages.entry(patterns).or_default();
        if message.span.is_some() {
            reader.error(key.span(), format!("rules for {text} were given before"));
        }
        message.span = reader.place(key.span());
        read_rules(reader, table, message);
    }
}

/// In ascending order, each once.
fn patterns_of(text: &str) -> Option<Vec<Pattern>> {
    let patterns: Option<Vec<Pattern>> = text
        .split(',')
        .map(|part| Pattern::parse(part.trim()))
        .collect();
    let mut patterns = patterns?;
    patterns.sort_unstable();
    patterns.dedup();
    Some(patterns)
}

fn read_rules(reader: &mut Reader<'_>, table: &DeTable<'_>, message: &mut RawMessage) {
    for (word, value) in reader.entries(table, &keys::RULES) {
        let list = match word {
            "mandatory" => &mut message.mandatory,
            "optional" => &mut message.optional,
            "forbidden" => &mut message.forbidden,
            "echoed" => &mut message.echoed,
            "conditional" => {
                message.conditional =
                    read_conditional(reader, value).or(message.conditional.take());
                continue;
            }
            "why" => {
                message.why = reader.short_text(value, "why").or(message.why.take());
                continue;
            }
            _ => continue,
        };
        *list = reader.field_numbers(value, word).or(list.take());
    }
}

fn read_conditional(reader: &mut Reader<'_>, value: &Value<'_>) -> Option<Vec<RawConditional>> {
    let what = "conditional must be a list of tables";
    let help = "[{ fields = [55], when = { field = 22, starts = [\"05\"] }, why = \"the chip was read\" }]";
    let Some(list) = value.get_ref().as_array() else {
        reader.error_with_help(value.span(), what, help);
        return None;
    };
    if list.len() > CONDITIONS_MAX {
        reader.error(
            value.span(),
            format!("at most {CONDITIONS_MAX} rules with conditions"),
        );
        return None;
    }
    let rules = list
        .iter()
        .filter_map(|item| match item.get_ref().as_table() {
            Some(table) => read_rule(reader, item.span(), table),
            None => {
                reader.error_with_help(item.span(), what, help);
                None
            }
        });
    Some(rules.collect())
}

/// `None`: something of it could not be read, or is missing; that was noted.
fn read_rule(
    reader: &mut Reader<'_>,
    span: Range<usize>,
    table: &DeTable<'_>,
) -> Option<RawConditional> {
    let (mut fields, mut when, mut why) = (None, None, None);
    let mut demand = Some(Demand::Mandatory);
    let mut given = Vec::new();
    for (word, value) in reader.entries(table, &keys::CONDITIONAL) {
        given.push(word);
        match word {
            "fields" => fields = reader.field_numbers(value, "fields"),
            "demand" => {
                let word = reader.word(value, "demand", &DEMAND_WORDS);
                demand = word.map(|word| word.value);
            }
            "when" => when = read_when(reader, value),
            "why" => why = reader.short_text(value, "why"),
            _ => {}
        }
    }
    for needed in ["fields", "when", "why"] {
        if !given.contains(&needed) {
            reader.error(
                span.clone(),
                format!("a rule with conditions needs {needed}"),
            );
        }
    }
    Some(RawConditional {
        fields: fields?,
        demand: demand?,
        when: when?,
        why: why?.value,
    })
}

/// One table of conditions, or several; all must hold.
pub(in crate::source) fn read_when(
    reader: &mut Reader<'_>,
    value: &Value<'_>,
) -> Option<Vec<At<Condition>>> {
    let help = "when = { field = 22, starts = [\"05\"] }, or { present = [52] }, for example";
    let mut conditions = Vec::new();
    let tables: Vec<&Value<'_>> = match value.get_ref().as_array() {
        Some(list) => list.iter().collect(),
        None => vec![value],
    };
    let noted = reader.errors.len();
    for value in tables {
        match value.get_ref().as_table() {
            Some(table) => read_conditions(reader, value.span(), table, &mut conditions),
            None => {
                reader.error_with_help(
                    value.span(),
                    "when must be a table, or a list of them",
                    help,
                );
            }
        }
    }
    if reader.errors.len() > noted {
        return None;
    }
    if conditions.is_empty() || conditions.len() > CONDITIONS_MAX {
        let message = format!("when must say 1 to {CONDITIONS_MAX} conditions");
        reader.error_with_help(value.span(), message, help);
        return None;
    }
    Some(conditions)
}

fn read_conditions(
    reader: &mut Reader<'_>,
    span: Range<usize>,
    table: &DeTable<'_>,
    conditions: &mut Vec<At<Condition>>,
) {
    let mut field = None;
    let mut tests = Vec::new();
    let mut named = false;
    for (word, value) in reader.entries(table, &keys::CONDITION) {
        match word {
            "present" | "absent" => {
                let Some(numbers) = reader.field_numbers(value, word) else {
                    continue;
                };
                let set: FieldSet = numbers.iter().map(|number| number.value).collect();
                if set.is_empty() {
                    reader.error(value.span(), format!("{word} must name a field"));
                    continue;
                }
                let condition = match word {
                    "present" => Condition::Present(set),
                    _ => Condition::Absent(set),
                };
                conditions.push(reader.at(condition, value.span()));
            }
            "field" => {
                named = true;
                field = reader.field_number(value);
            }
            _ => {
                let test = TEST_WORDS.iter().find(|(test, _)| *test == word);
                tests.extend(test.map(|(_, test)| (*test, value)));
            }
        }
    }
    match (named, tests.as_slice()) {
        (false, []) => {}
        (true, [(test, value)]) => {
            if let (Some(values), Some(field)) = (read_values(reader, value), field) {
                let (test, values) = (*test, values.into());
                let condition = Condition::Value {
                    field,
                    test,
                    values,
                };
                conditions.push(reader.at(condition, value.span()));
            }
        }
        _ => {
            let help = "{ field = 22, starts = [\"05\", \"07\"] }, for example";
            let message =
                "a condition about a value needs field and one of is, is_not, starts, starts_not";
            reader.error_with_help(span, message, help);
        }
    }
}

fn read_values(reader: &mut Reader<'_>, value: &Value<'_>) -> Option<Vec<Box<str>>> {
    let is_value = |text: &&str| {
        (1..=VALUES_MAX).contains(&text.len())
            && text.bytes().all(|byte| matches!(byte, 0x20..=0x7E))
    };
    let list = value
        .get_ref()
        .as_array()
        .filter(|list| (1..=VALUES_MAX).contains(&list.len()));
    let values: Option<Vec<Box<str>>> = list.and_then(|list| {
        let texts = list
            .iter()
            .map(|item| item.get_ref().as_str().filter(is_value));
        texts.map(|text| text.map(Box::from)).collect()
    });
    if values.is_none() {
        let message = format!(
            "values are a list of 1 to {VALUES_MAX} strings of 1 to {VALUES_MAX} printable characters"
        );
        reader.error(value.span(), message);
    }
    values
}
