//! `[messages]`: which fields a message of a type must have, must not have, and gives back.

use std::collections::BTreeMap;
use std::ops::Range;

use super::raw::{At, Raw};
use super::resolve::is_there;
use crate::charset::Charset;
use crate::dialect::DialectError;
use crate::field::{Content, Field, Length};
use crate::field_set::FieldSet;
use crate::presence::{
    ALTERNATIVES_MAX, Condition, ConditionalRule, Conflict, Demand, Messages, Pattern, RuleSet,
    TableError, Test,
};

mod read;
mod write;

pub(super) use read::{CONDITIONS_MAX, VALUES_MAX, read, read_when};
pub(super) use write::{condition, list, write};

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

/// Makes the table of what was read.
pub(super) fn resolve(
    raw: &Raw,
    fields: &[Option<Field>],
    unannounced: impl Fn(u8) -> Option<&'static str>,
    errors: &mut Vec<DialectError>,
) -> Messages {
    let resolver = Resolver {
        raw,
        fields,
        unannounced,
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
    let keys: Vec<String> = entries.iter().map(RuleSet::key).collect();
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
    unannounced: F,
}

impl<F: Fn(u8) -> Option<&'static str>> Resolver<'_, F> {
    /// What a message says, without what is inherited and not defined here any more.
    fn entry(
        &self,
        patterns: &[Pattern],
        message: &RawMessage,
        errors: &mut Vec<DialectError>,
    ) -> RuleSet {
        let mut entry = RuleSet {
            patterns: patterns.to_vec(),
            why: message.why.as_ref().map(|why| why.value.as_str().into()),
            ..RuleSet::default()
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

    fn is_there(&self, number: &At<u8>, errors: &mut Vec<DialectError>) -> bool {
        is_there(self.raw, number, &self.unannounced, errors)
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
                    let definition = self
                        .fields
                        .get(usize::from(*field))
                        .and_then(Option::as_ref);
                    let why_not =
                        |value: &str| definition.and_then(|field| impossible(field, *test, value));
                    if let Some(span) = span {
                        let mistakes = values.iter().filter_map(|value| why_not(value));
                        let mistakes =
                            mistakes.map(|message| DialectError::new(Some(span.clone()), message));
                        errors.extend(mistakes);
                        when.push(value.clone());
                        continue;
                    }
                    // The field has another form than the rule was written for: what it cannot hold is cut away.
                    let possible: Box<[Box<str>]> = values
                        .iter()
                        .filter(|value| why_not(value).is_none())
                        .cloned()
                        .collect();
                    match test {
                        Test::Is | Test::Starts => can_hold &= !possible.is_empty(),
                        Test::IsNot | Test::StartsNot if possible.is_empty() => {
                            when.push(Condition::Present(FieldSet::of(&[*field])));
                            continue;
                        }
                        Test::IsNot | Test::StartsNot => {}
                    }
                    when.push(Condition::Value {
                        field: *field,
                        test: *test,
                        values: possible,
                    });
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
