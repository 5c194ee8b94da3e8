//! All rules of a dialect, and for each message type what they come to.
//!
//! Several may match one type. What the closest of them says of a field counts; two that are equally close must not
//! contradict each other.

use std::collections::BTreeMap;

use super::{ConditionalRule, MessageRules, Pattern, Plain};
use crate::field_set::FieldSet;
use crate::mti::Mti;

/// The most message types and patterns that a dialect may name: a bit of a word stands for each.
pub(crate) const ALTERNATIVES_MAX: usize = 64;
/// The most different sets of rules that the message types may have: keeps compiling a dialect short, whatever its
/// patterns. The standards need a few dozen.
const RULES_MAX: usize = 256;

/// What a dialect says in one place: about messages that match one of some patterns. [`Dialect::rules`] gives what all
/// of them come to for a message type.
///
/// [`Dialect::rules`]: crate::Dialect::rules
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RuleSet {
    /// In ascending order.
    pub(crate) patterns: Vec<Pattern>,
    /// Why its fields are mandatory or forbidden.
    pub(crate) why: Option<Box<str>>,
    pub(crate) mandatory: FieldSet,
    pub(crate) optional: FieldSet,
    pub(crate) forbidden: FieldSet,
    /// `None`: it says nothing about that.
    pub(crate) echoed: Option<FieldSet>,
    pub(crate) conditional: Vec<ConditionalRule>,
}

impl RuleSet {
    /// The message types that it is about, as its key names them: `0200`, `0x10`, `0[12]00, 0420`.
    #[must_use]
    pub fn key(&self) -> String {
        let patterns: Vec<String> = self.patterns.iter().map(Pattern::to_string).collect();
        patterns.join(", ")
    }

    /// Why its fields are mandatory or forbidden, if it says so.
    #[must_use]
    pub fn why(&self) -> Option<&str> {
        self.why.as_deref()
    }

    /// The fields that must be there.
    #[must_use]
    pub fn mandatory(&self) -> FieldSet {
        self.mandatory
    }

    /// The fields that may be there or not, whatever a rule for more types says.
    #[must_use]
    pub fn optional(&self) -> FieldSet {
        self.optional
    }

    /// The fields that must not be there.
    #[must_use]
    pub fn forbidden(&self) -> FieldSet {
        self.forbidden
    }

    /// The fields that an answer gives back as its request had them; `None` if it says nothing about that.
    #[must_use]
    pub fn echoed(&self) -> Option<FieldSet> {
        self.echoed
    }

    /// The rules with conditions.
    pub fn conditional(&self) -> impl Iterator<Item = &ConditionalRule> {
        self.conditional.iter()
    }

    fn conditional_fields(&self) -> FieldSet {
        let rules = self.conditional.iter();
        rules.fold(FieldSet::EMPTY, |fields, rule| fields.union(rule.fields))
    }

    /// All fields whose presence it says something about.
    pub(crate) fn fields(&self) -> FieldSet {
        let plain = self.mandatory.union(self.optional).union(self.forbidden);
        plain.union(self.conditional_fields())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.fields().is_empty() && self.echoed.is_none()
    }

    /// Do both say the same of a field?
    fn agrees_with(&self, other: &RuleSet, field: u8) -> bool {
        let says = |entry: &RuleSet| {
            [
                entry.mandatory.contains(field),
                entry.optional.contains(field),
                entry.forbidden.contains(field),
            ]
        };
        let conditional = |entry: &RuleSet| entry.conditional_fields().contains(field);
        says(self) == says(other) && !conditional(self) && !conditional(other)
    }
}

/// The rules of a dialect.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Messages {
    entries: Box<[RuleSet]>,
    /// Digits that no pattern tells apart in a place are of one class there; `None` if there are no entries.
    digits: Option<[Classes; 4]>,
    /// Which rules, from 1; 0: none. By the classes of the four digits, the last the fastest.
    places: Box<[u16]>,
    rules: Box<[MessageRules]>,
}

/// The classes of the digits in one place.
#[derive(Clone, Debug, Default, PartialEq)]
struct Classes {
    of_digit: [u8; 10],
    /// Of each class its first digit, and the alternatives that allow it: a bit for each.
    list: Vec<(u8, u64)>,
}

impl Classes {
    /// `allowed`: the alternatives that allow a digit.
    fn of(allowed: impl Fn(u8) -> u64) -> Classes {
        let mut classes = Classes::default();
        for (digit, class) in (0..).zip(&mut classes.of_digit) {
            let bits = allowed(digit);
            let known = classes.list.iter().position(|(_, known)| *known == bits);
            let place = known.unwrap_or(classes.list.len());
            if known.is_none() {
                classes.list.push((digit, bits));
            }
            *class = place as u8;
        }
        classes
    }
}

/// Two entries that contradict each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Conflict {
    pub(crate) entries: [usize; 2],
    /// `None`: they say different fields are echoed.
    pub(crate) field: Option<u8>,
    /// A type that both match equally closely.
    pub(crate) mti: Mti,
}

/// Why entries make no table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum TableError {
    Conflicts(Vec<Conflict>),
    /// Too many patterns, or too many combinations of them.
    TooMany,
}

impl Messages {
    pub(crate) fn entries(&self) -> &[RuleSet] {
        &self.entries
    }

    #[inline]
    pub(crate) fn rules(&self, mti: Mti) -> Option<&MessageRules> {
        let digits = self.digits.as_ref()?.iter().zip(mti.digits());
        let index = digits.fold(0, |index, (classes, digit)| {
            let digit = usize::from(digit.wrapping_sub(b'0'));
            let class = classes.of_digit.get(digit).copied().unwrap_or_default();
            index * classes.list.len() + usize::from(class)
        });
        let place = *self.places.get(index)?;
        self.rules.get(usize::from(place).checked_sub(1)?)
    }

    /// Works out what holds for each message type.
    pub(crate) fn compile(entries: Vec<RuleSet>) -> Result<Messages, TableError> {
        if entries.is_empty() {
            return Ok(Messages::default());
        }
        let alternatives: Vec<(usize, Pattern)> = entries
            .iter()
            .enumerate()
            .flat_map(|(entry, of)| of.patterns.iter().map(move |pattern| (entry, *pattern)))
            .collect();
        if alternatives.len() > ALTERNATIVES_MAX {
            return Err(TableError::TooMany);
        }
        // A bit for each alternative that allows the digit in the place.
        let allowed = |place: usize, digit: u8| {
            let of = alternatives.iter().enumerate();
            of.filter(|(_, (_, pattern))| pattern.allows(place, digit))
                .fold(0_u64, |bits, (bit, _)| bits | 1 << bit)
        };
        let digits: [Classes; 4] =
            core::array::from_fn(|place| Classes::of(|digit| allowed(place, digit)));

        // All combinations of classes, each with a type that stands for it.
        let mut combinations: Vec<([u8; 4], u64)> = vec![([b'0'; 4], u64::MAX)];
        for (place, classes) in digits.iter().enumerate() {
            let longer = combinations.iter().flat_map(|(mti, bits)| {
                classes.list.iter().map(move |(digit, allowed)| {
                    let mut mti = *mti;
                    if let Some(at) = mti.get_mut(place) {
                        *at = b'0' + digit;
                    }
                    (mti, bits & allowed)
                })
            });
            combinations = longer.collect();
        }

        let mut known: BTreeMap<u64, u16> = BTreeMap::new();
        let mut rules = Vec::new();
        let mut places = Vec::with_capacity(combinations.len());
        let mut conflicts: Vec<Conflict> = Vec::new();
        for (mti, matching) in combinations {
            let next = rules.len() as u16 + 1;
            let place = match matching {
                0 => 0,
                _ => *known.entry(matching).or_insert(next),
            };
            places.push(place);
            let Some(mti) = Mti::parse_digits(&mti).filter(|_| place == next) else {
                continue;
            };
            if rules.len() == RULES_MAX {
                return Err(TableError::TooMany);
            }
            let merge = Merge::of(&entries, &alternatives, matching);
            for (pair, field) in merge.conflicts {
                let is_known = |known: &Conflict| known.entries == pair && known.field == field;
                if !conflicts.iter().any(is_known) {
                    conflicts.push(Conflict {
                        entries: pair,
                        field,
                        mti,
                    });
                }
            }
            rules.push(merge.rules);
        }
        match conflicts.is_empty() {
            true => Ok(Messages {
                entries: entries.into(),
                digits: Some(digits),
                places: places.into(),
                rules: rules.into(),
            }),
            false => Err(TableError::Conflicts(conflicts)),
        }
    }
}

/// What the entries that match a type come to.
struct Merge {
    rules: MessageRules,
    conflicts: Vec<([usize; 2], Option<u8>)>,
}

impl Merge {
    fn of(entries: &[RuleSet], alternatives: &[(usize, Pattern)], matching: u64) -> Merge {
        // An entry is as close as the closest of its patterns that match.
        let mut widths: BTreeMap<usize, u32> = BTreeMap::new();
        for (bit, (entry, pattern)) in alternatives.iter().enumerate() {
            if matching >> bit & 1 == 1 {
                let known = widths.entry(*entry).or_insert(u32::MAX);
                *known = pattern.width().min(*known);
            }
        }
        let mut closest_first: Vec<(u32, usize, &RuleSet)> = widths
            .into_iter()
            .filter_map(|(index, width)| Some((width, index, entries.get(index)?)))
            .collect();
        closest_first.sort_by_key(|(width, index, _)| (*width, *index));

        let mut merge = Merge {
            rules: MessageRules::default(),
            conflicts: Vec::new(),
        };
        let (mut plain, mut conditional) = (Vec::new(), Vec::new());
        // Who was closest so far, and said something of the field.
        let mut said: BTreeMap<u8, (u32, usize)> = BTreeMap::new();
        let mut echoed: Option<(u32, usize, FieldSet)> = None;
        for (width, index, entry) in closest_first {
            let mut heard = FieldSet::EMPTY;
            for field in entry.fields().iter() {
                match said.get(&field) {
                    None => {
                        said.insert(field, (width, index));
                        heard.insert(field);
                    }
                    Some((closer, other)) => {
                        let agrees = entries
                            .get(*other)
                            .is_none_or(|other| other.agrees_with(entry, field));
                        if *closer == width && !agrees {
                            merge.conflicts.push(([*other, index], Some(field)));
                        }
                    }
                }
            }
            let rules = &mut merge.rules;
            rules.mandatory = rules.mandatory.union(entry.mandatory.intersection(heard));
            rules.forbidden = rules.forbidden.union(entry.forbidden.intersection(heard));
            plain.push(Plain {
                fields: entry.mandatory.union(entry.forbidden).intersection(heard),
                why: match &entry.why {
                    Some(why) => why.clone(),
                    None => format!("the rules for {} demand it", entry.key()).into(),
                },
            });
            for rule in &entry.conditional {
                let fields = rule.fields.intersection(heard);
                if !fields.is_empty() {
                    let rule = rule.clone();
                    conditional.push(ConditionalRule { fields, ..rule });
                }
            }
            match (entry.echoed, echoed) {
                (Some(fields), None) => echoed = Some((width, index, fields)),
                (Some(fields), Some((closer, other, known)))
                    if closer == width && known != fields =>
                {
                    merge.conflicts.push(([other, index], None));
                }
                _ => {}
            }
        }
        plain.retain(|plain| !plain.fields.is_empty());
        merge.rules.plain = plain.into();
        merge.rules.conditional = conditional.into();
        merge.rules.echoed = echoed.map_or(FieldSet::EMPTY, |(_, _, fields)| fields);
        merge
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(patterns: &[&str], mandatory: &[u8], forbidden: &[u8]) -> RuleSet {
        RuleSet {
            patterns: patterns
                .iter()
                .map(|text| Pattern::parse(text).unwrap())
                .collect(),
            mandatory: FieldSet::of(mandatory),
            forbidden: FieldSet::of(forbidden),
            ..RuleSet::default()
        }
    }

    #[test]
    fn the_closest_rule_counts() {
        let messages = Messages::compile(vec![
            entry(&["0xxx"], &[11, 41], &[]),
            entry(&["0x[13]0"], &[39], &[]),
            entry(&["0110"], &[38], &[39]),
        ])
        .unwrap();
        let rules = |mti: &[u8; 4]| messages.rules(Mti::literal(mti));
        assert_eq!(rules(b"0200").unwrap().mandatory(), FieldSet::of(&[11, 41]));
        assert_eq!(
            rules(b"0230").unwrap().mandatory(),
            FieldSet::of(&[11, 39, 41])
        );
        assert_eq!(
            rules(b"0110").unwrap().mandatory(),
            FieldSet::of(&[11, 38, 41])
        );
        assert_eq!(rules(b"0110").unwrap().forbidden(), FieldSet::of(&[39]));
        assert_eq!(rules(b"1200"), None);
    }

    #[test]
    fn two_that_are_equally_close_must_agree() {
        let compile = |closer: Option<RuleSet>| {
            let entries = [entry(&["0x10"], &[39], &[]), entry(&["01x0"], &[], &[39])];
            Messages::compile(entries.into_iter().chain(closer).collect())
        };
        let conflict = Conflict {
            entries: [0, 1],
            field: Some(39),
            mti: Mti::literal(b"0110"),
        };
        assert_eq!(
            compile(None).unwrap_err(),
            TableError::Conflicts(vec![conflict])
        );
        // A closer one settles it.
        assert!(compile(Some(entry(&["0110"], &[39], &[]))).is_ok());
    }

    #[test]
    fn many_patterns_are_refused() {
        let all = |count: u16| {
            let of = |n: u16| entry(&[format!("{n:04}").as_str()], &[11], &[]);
            Messages::compile((0..count).map(of).collect())
        };
        assert!(all(64).is_ok());
        assert_eq!(all(65).unwrap_err(), TableError::TooMany);
        // Two digits in each of four places make 80 sets of rules, five make 1295.
        let places = |count: usize| {
            (0..count).map(|n| {
                let mut text = *b"xxxx";
                text[n % 4] = b'0' + (n / 4) as u8;
                entry(&[core::str::from_utf8(&text).unwrap()], &[11], &[])
            })
        };
        assert!(Messages::compile(places(8).collect()).is_ok());
        assert_eq!(
            Messages::compile(places(20).collect()).unwrap_err(),
            TableError::TooMany
        );
    }
}
