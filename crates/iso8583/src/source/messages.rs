//! `[messages]`: which fields a message of a type must have, must not have, and gives back.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::ops::Range;

use toml::de::DeTable;

use super::raw::{At, Raw};
use super::reader::{Reader, Value};
use super::words::{
    CONDITION_KEYS, CONDITIONAL_KEYS, DEMAND_WORDS, MESSAGE_KEYS, TEST_WORDS, word_of,
};
use super::write::quoted;
use crate::charset::Charset;
use crate::dialect::DialectError;
use crate::field::{Content, Field, Length};
use crate::field_set::FieldSet;
use crate::presence::{
    ALTERNATIVES_MAX, Condition, ConditionalRule, Conflict, Demand, Entry, Messages, Pattern,
    TableError, Test,
};

/// The most conditional rules of one kind of message, and the most conditions of one of them.
const CONDITIONS_MAX: usize = 32;
/// The most values that a condition compares with, and the most characters of one.
const VALUES_MAX: usize = 64;

/// What a source says, by message types in ascending order.
pub(super) type RawMessages = BTreeMap<Vec<Pattern>, RawMessage>;

/// What it says about messages of some types.
#[derive(Clone, Debug, Default)]
pub(super) struct RawMessage {
    /// Where its key stands; nowhere if all of it is inherited.
    span: Option<Range<usize>>,
    why: Option<At<String>>,
    mandatory: Option<Numbers>,
    optional: Option<Numbers>,
    forbidden: Option<Numbers>,
    echoed: Option<Numbers>,
    conditional: Option<Vec<RawConditional>>,
}

/// Field numbers and where they stand.
type Numbers = Vec<At<u8>>;

#[derive(Clone, Debug)]
struct RawConditional {
    fields: Numbers,
    demand: Demand,
    when: Vec<At<Condition>>,
    why: String,
}

/// What an entry says about the presence of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Said {
    Mandatory,
    Optional,
    Forbidden,
    Conditional,
}

pub(super) fn read(reader: &mut Reader<'_>, value: &Value<'_>, raw: &mut Raw) {
    for (key, value) in reader.table(value, "[messages]").into_iter().flatten() {
        let text = key.get_ref().as_ref();
        let Some(patterns) = patterns_of(text) else {
            let message = format!("'{text}' is not a message type");
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
        read_message(reader, table, message);
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

fn read_message(reader: &mut Reader<'_>, table: &DeTable<'_>, message: &mut RawMessage) {
    for (key, value) in table {
        let word = key.get_ref().as_ref();
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
            _ => {
                reader.unknown_key(key, &MESSAGE_KEYS);
                continue;
            }
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
    for (key, value) in table {
        let word = key.get_ref().as_ref();
        given.push(word);
        match word {
            "fields" => fields = reader.field_numbers(value, "fields"),
            "demand" => {
                let word = reader.word(value, "demand", &DEMAND_WORDS);
                demand = word.map(|word| word.value);
            }
            "when" => when = read_when(reader, value),
            "why" => why = reader.short_text(value, "why"),
            _ => reader.unknown_key(key, &CONDITIONAL_KEYS),
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
pub(super) fn read_when(reader: &mut Reader<'_>, value: &Value<'_>) -> Option<Vec<At<Condition>>> {
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
    for (key, value) in table {
        let word = key.get_ref().as_ref();
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
            _ => match TEST_WORDS.iter().find(|(test, _)| *test == word) {
                Some((_, test)) => tests.push((*test, value)),
                None => reader.unknown_key(key, &CONDITION_KEYS),
            },
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

/// Makes the table of what was read.
pub(super) fn resolve(
    raw: &Raw,
    fields: &[Option<Field>],
    announced: impl Fn(u8) -> bool,
    errors: &mut Vec<DialectError>,
) -> Messages {
    let resolver = Resolver {
        raw,
        fields,
        announced,
    };
    let mut spans = Vec::new();
    let mut entries = Vec::new();
    for (patterns, message) in &raw.messages {
        let entry = resolver.entry(patterns, message, errors);
        if !entry.is_empty() {
            entries.push(entry);
            spans.push(message.span.clone());
        }
    }
    let keys: Vec<String> = entries.iter().map(Entry::key).collect();
    match Messages::compile(entries) {
        Ok(messages) => messages,
        Err(TableError::TooMany) => {
            // Of no single line.
            let message = format!(
                "[messages] has more than {ALTERNATIVES_MAX} message types and patterns, or too many that overlap"
            );
            let last = spans.into_iter().flatten().max_by_key(|span| span.start);
            errors.push(DialectError::new(last, message));
            Messages::default()
        }
        Err(TableError::Conflicts(conflicts)) => {
            for conflict in conflicts {
                errors.push(conflict_error(&conflict, &keys, &spans));
            }
            Messages::default()
        }
    }
}

/// The later one is pointed at, or the one of the two that is the file's own.
fn conflict_error(
    Conflict {
        entries: [first, second],
        field,
        mti,
    }: &Conflict,
    keys: &[String],
    spans: &[Option<Range<usize>>],
) -> DialectError {
    let key = |index: &usize| keys.get(*index).map_or("", |key| key);
    let span = |index: &usize| spans.get(*index).cloned().flatten();
    let what = match field {
        Some(field) => format!("field {field}"),
        None => "what is echoed".to_owned(),
    };
    let message = format!(
        "the rules for {} and for {} contradict each other about {what} in {mti}",
        key(first),
        key(second)
    );
    DialectError::new(span(second).max_by_start(span(first)), message).help(format!(
        "say it for \"{mti}\" itself, or for what is closer to it"
    ))
}

trait MaxByStart {
    fn max_by_start(self, other: Self) -> Self;
}

impl MaxByStart for Option<Range<usize>> {
    fn max_by_start(self, other: Self) -> Self {
        [self, other]
            .into_iter()
            .flatten()
            .max_by_key(|span| span.start)
    }
}

struct Resolver<'a, F> {
    raw: &'a Raw,
    fields: &'a [Option<Field>],
    /// Can a bitmap announce the field?
    announced: F,
}

impl<F: Fn(u8) -> bool> Resolver<'_, F> {
    /// What a message says, without what is inherited and not defined here any more.
    fn entry(
        &self,
        patterns: &[Pattern],
        message: &RawMessage,
        errors: &mut Vec<DialectError>,
    ) -> Entry {
        let mut entry = Entry {
            patterns: patterns.to_vec(),
            why: message.why.as_ref().map(|why| why.value.as_str().into()),
            ..Entry::default()
        };
        let lists = [
            (Said::Mandatory, &message.mandatory),
            (Said::Optional, &message.optional),
            (Said::Forbidden, &message.forbidden),
        ];
        let plain = lists
            .into_iter()
            .flat_map(|(said, list)| list.iter().flatten().map(move |number| (said, number)));
        let conditional = message.conditional.iter().flatten();
        let conditional = conditional
            .flat_map(|rule| &rule.fields)
            .map(|number| (Said::Conditional, number));
        // What a file itself says of a field counts, whatever it inherited.
        let mut said: BTreeMap<u8, (Said, bool)> = BTreeMap::new();
        let (own, inherited): (Vec<_>, Vec<_>) = plain
            .chain(conditional)
            .partition(|(_, number)| number.span.is_some());
        for (what, number) in own.into_iter().chain(inherited) {
            if !self.is_there(number, errors) {
                continue;
            }
            let is_own = number.span.is_some();
            match said.get(&number.value) {
                None => {
                    said.insert(number.value, (what, is_own));
                }
                Some((other, true)) if is_own && *other != what => {
                    let message = format!("field {} is {} as well", number.value, other.word());
                    errors.push(DialectError::new(number.span.clone(), message));
                }
                Some(_) => {}
            }
        }
        let those = |wanted: Said| -> FieldSet {
            let fields = said.iter().filter(|(_, (what, _))| *what == wanted);
            fields.map(|(number, _)| *number).collect()
        };
        entry.mandatory = those(Said::Mandatory);
        entry.optional = those(Said::Optional);
        entry.forbidden = those(Said::Forbidden);
        let conditional = those(Said::Conditional);
        for rule in message.conditional.iter().flatten() {
            entry
                .conditional
                .extend(self.rule(rule, conditional, errors));
        }
        if let Some(numbers) = &message.echoed {
            let there = numbers
                .iter()
                .filter(|number| self.is_there(number, errors));
            entry.echoed = Some(there.map(|number| number.value).collect());
            let own = numbers.iter().find_map(|number| number.span.clone());
            // Of the third digit, an even one asks.
            let only_asks =
                |pattern: &Pattern| [1, 3, 5, 7].iter().all(|odd| !pattern.allows(2, *odd));
            if let (Some(span), true) = (own, patterns.iter().all(only_asks)) {
                let message = format!("{} is no answer: it gives nothing back", entry.key());
                let error = DialectError::new(Some(span), message);
                errors.push(error.help("echoed belongs to the answers: \"0x[13]0\", for example"));
            }
        }
        entry
    }

    /// Is the field defined? One of the file's own that is not is a mistake, an inherited one is cut away.
    fn is_there(&self, number: &At<u8>, errors: &mut Vec<DialectError>) -> bool {
        let At { value, span } = number;
        let is_defined = self.raw.fields.contains_key(value);
        if is_defined && (self.announced)(*value) {
            return true;
        }
        if let (Some(span), false, false) = (span, self.raw.orphaned, self.raw.fields.is_empty()) {
            let message = match is_defined {
                true => format!("field {value} cannot be announced: secondary_bitmap is false"),
                false => format!("field {value} is not defined"),
            };
            errors.push(DialectError::new(Some(span.clone()), message));
        }
        false
    }

    fn rule(
        &self,
        rule: &RawConditional,
        conditional: FieldSet,
        errors: &mut Vec<DialectError>,
    ) -> Option<ConditionalRule> {
        let numbers = rule.fields.iter().map(|number| number.value);
        let fields = numbers.collect::<FieldSet>().intersection(conditional);
        let mut when = Vec::new();
        let mut can_hold = true;
        for At { value, span } in &rule.when {
            let at = |number: u8| At {
                value: number,
                span: span.clone(),
            };
            match value {
                Condition::Present(fields) => {
                    can_hold &= fields
                        .iter()
                        .all(|number| self.is_there(&at(number), errors));
                    when.push(value.clone());
                }
                Condition::Absent(fields) => {
                    let there = fields
                        .iter()
                        .filter(|number| self.is_there(&at(*number), errors));
                    let there: FieldSet = there.collect();
                    if !there.is_empty() {
                        when.push(Condition::Absent(there));
                    }
                }
                Condition::Value {
                    field,
                    test,
                    values,
                } => {
                    can_hold &= self.is_there(&at(*field), errors);
                    if let (Some(span), Some(Some(field))) =
                        (span, self.fields.get(usize::from(*field)))
                    {
                        let values = values
                            .iter()
                            .filter_map(|value| impossible(field, *test, value));
                        errors.extend(
                            values.map(|message| DialectError::new(Some(span.clone()), message)),
                        );
                    }
                    when.push(value.clone());
                }
            }
        }
        (can_hold && !fields.is_empty() && !when.is_empty()).then(|| ConditionalRule {
            fields,
            demand: rule.demand,
            when: when.into(),
            why: rule.why.as_str().into(),
        })
    }
}

impl Said {
    const fn word(self) -> &'static str {
        match self {
            Said::Mandatory => "mandatory",
            Said::Optional => "optional",
            Said::Forbidden => "forbidden",
            Said::Conditional => "conditional",
        }
    }
}

/// Why a field can never have this value, if it cannot.
fn impossible(field: &Field, test: Test, value: &str) -> Option<String> {
    let number = field.number;
    let per_unit = if field.content == Content::B { 2 } else { 1 };
    let (min, max) = match field.length {
        Length::Fixed(units) => (usize::from(units) * per_unit, usize::from(units) * per_unit),
        Length::Variable { max, .. } => (0, usize::from(max) * per_unit),
    };
    let is_whole = matches!(test, Test::Is | Test::IsNot);
    let is_stripped = field.fill.is_some_and(|fill| fill.strip);
    if value.len() > max || is_whole && value.len() < min && !is_stripped {
        return Some(format!(
            "field {number} is {}: '{value}' has not that length",
            field.type_text()
        ));
    }
    let is_allowed = |byte: u8| match field.content {
        Content::B => matches!(byte, b'0'..=b'9' | b'A'..=b'F'),
        // A sign stands before the digits.
        Content::SignedN => matches!(byte, b'0'..=b'9' | b'C' | b'D'),
        content => Charset::Ascii.allows(content, byte),
    };
    let wrong = value.bytes().find(|byte| !is_allowed(*byte))?;
    Some(format!(
        "field {number} is {}: '{}' cannot stand in it",
        field.type_text(),
        char::from(wrong)
    ))
}

/// Writes the rules as TOML, nothing if there are none.
pub(super) fn write(messages: &Messages, out: &mut String) -> std::fmt::Result {
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

pub(super) fn condition(condition: &Condition) -> String {
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

pub(super) fn list(fields: FieldSet) -> String {
    let numbers: Vec<String> = fields.iter().map(|number| number.to_string()).collect();
    format!("[{}]", numbers.join(", "))
}
