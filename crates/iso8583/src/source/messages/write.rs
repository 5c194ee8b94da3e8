//! Writes `[messages]`.

use std::fmt::Write as _;

use crate::field_set::FieldSet;
use crate::presence::{Condition, Messages};
use crate::source::words::{DEMAND_WORDS, TEST_WORDS, word_of};
use crate::source::write::quoted;

/// Writes the rules as TOML, nothing if there are none.
pub(in crate::source) fn write(messages: &Messages, out: &mut String) -> std::fmt::Result {
    for entry in messages.entries() {
        writeln!(out, "\n[messages.\"{}\"]", entry.key())?;
        if let Some(why) = &entry.why {
            writeln!(out, "why = {}", quoted(why))?;
        }
        let lists = [
            ("mandatory", Some(entry.mandatory)),
            ("optional", Some(entry.optional)),
            ("forbidden", Some(entry.forbidden)),
        ];
        for (key, fields) in lists {
            if let Some(fields) = fields.filter(|fields| !fields.is_empty()) {
                writeln!(out, "{key} = {}", list(fields))?;
            }
        }
        if let Some(fields) = entry.echoed {
            writeln!(out, "echoed = {}", list(fields))?;
        }
        if entry.conditional.is_empty() {
            continue;
        }
        writeln!(out, "conditional = [")?;
        for rule in &entry.conditional {
            let when: Vec<String> = rule.when.iter().map(condition).collect();
            writeln!(
                out,
                "    {{ fields = {}, demand = \"{}\", when = [{}], why = {} }},",
                list(rule.fields),
                word_of(&DEMAND_WORDS, rule.demand),
                when.join(", "),
                quoted(&rule.why)
            )?;
        }
        writeln!(out, "]")?;
    }
    Ok(())
}

pub(in crate::source) fn condition(condition: &Condition) -> String {
    match condition {
        Condition::Present(fields) => format!("{{ present = {} }}", list(*fields)),
        Condition::Absent(fields) => format!("{{ absent = {} }}", list(*fields)),
        Condition::Value {
            field,
            test,
            values,
        } => {
            let values: Vec<String> = values.iter().map(|value| quoted(value)).collect();
            let test = word_of(&TEST_WORDS, *test);
            format!("{{ field = {field}, {test} = [{}] }}", values.join(", "))
        }
    }
}

pub(in crate::source) fn list(fields: FieldSet) -> String {
    let numbers: Vec<String> = fields.iter().map(|number| number.to_string()).collect();
    format!("[{}]", numbers.join(", "))
}
