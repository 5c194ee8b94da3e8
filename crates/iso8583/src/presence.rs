//! Which fields a message of a type must have, must not have, and gives back unchanged: a dialect's `[messages]`.
//!
//! That a message can be read says nothing about whether it is complete. These rules are asked for one by one and change
//! nothing about what [`Dialect::view`] accepts: many hosts are content with less than their manual demands.
//! ```
//! use pointsman_iso8583::{Dialect, ViolationKind};
//!
//! let dialect = Dialect::builtin("iso87-ascii").expect("it is built in");
//! // A purchase without a processing code.
//! let message = b"02005020000000000000164111111111111111000000004200000042";
//! let view = dialect.view(message).expect("it can be read");
//! let violation = view.check_presence().next().expect("something is missing");
//! assert_eq!((violation.field, violation.kind), (3, ViolationKind::Missing));
//! assert_eq!(
//!     violation.explain(&dialect).message,
//!     "field 3 (Processing code) is missing: the rules for 0[124][02]x demand it",
//! );
//! ```

use core::fmt;

use crate::dialect::Dialect;
use crate::error::Explained;
use crate::field_set::FieldSet;
use crate::mti::Mti;
use crate::text::TextBuffer;
use crate::view::View;

mod condition;
mod pattern;
mod table;

pub use condition::{Condition, Test};
pub(crate) use pattern::Pattern;
pub use table::RuleSet;
pub(crate) use table::{ALTERNATIVES_MAX, Conflict, Messages, TableError};

/// What a dialect says about messages of one type: all of its `[messages]` that match it, the closer match first.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MessageRules {
    pub(crate) plain: Box<[Plain]>,
    pub(crate) mandatory: FieldSet,
    pub(crate) forbidden: FieldSet,
    pub(crate) echoed: FieldSet,
    pub(crate) conditional: Box<[ConditionalRule]>,
}

/// Which rules the fields without conditions come from.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Plain {
    pub(crate) fields: FieldSet,
    pub(crate) why: Box<str>,
}

/// Fields that must be there, or must not, if all of some conditions hold.
#[derive(Clone, Debug, PartialEq)]
pub struct ConditionalRule {
    pub(crate) fields: FieldSet,
    pub(crate) demand: Demand,
    pub(crate) when: Box<[Condition]>,
    pub(crate) why: Box<str>,
}

/// What a rule demands of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Demand {
    /// It must be there.
    Mandatory,
    /// It must not.
    Forbidden,
}

/// A rule that a message breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Violation<'a> {
    /// The field that is missing, or that should be.
    pub field: u8,
    /// What is wrong with it.
    pub kind: ViolationKind,
    /// Why the rule is there, as the dialect says.
    pub why: &'a str,
}

/// What is wrong with a field of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ViolationKind {
    /// It is not there and must be.
    Missing,
    /// It is there and must not be.
    Forbidden,
    /// An answer lacks a field of its request that it must give back.
    NotEchoed,
    /// An answer gives a field of its request back with another value.
    EchoDiffers,
}

impl MessageRules {
    /// The fields that must be there whatever else is.
    #[must_use]
    pub fn mandatory(&self) -> FieldSet {
        self.mandatory
    }

    /// The fields that must not be there, whatever else is.
    #[must_use]
    pub fn forbidden(&self) -> FieldSet {
        self.forbidden
    }

    /// The fields that an answer must give back as its request had them.
    #[must_use]
    pub fn echoed(&self) -> FieldSet {
        self.echoed
    }

    /// The rules with conditions.
    pub fn conditional(&self) -> impl Iterator<Item = &ConditionalRule> {
        self.conditional.iter()
    }

    /// Why a field without conditions is mandatory or forbidden.
    fn why(&self, field: u8) -> &str {
        let mut plain = self.plain.iter();
        plain
            .find(|plain| plain.fields.contains(field))
            .map_or("", |plain| &plain.why)
    }
}

impl ConditionalRule {
    /// The fields it is about.
    #[must_use]
    pub fn fields(&self) -> FieldSet {
        self.fields
    }

    /// What it demands of them.
    #[must_use]
    pub fn demand(&self) -> Demand {
        self.demand
    }

    /// The conditions that must all hold.
    #[must_use]
    pub fn when(&self) -> &[Condition] {
        &self.when
    }

    /// Why the rule is there, as the dialect says.
    #[must_use]
    pub fn why(&self) -> &str {
        &self.why
    }

    /// What these fields break of the rule, whether or not it holds.
    fn broken_by(&self, present: FieldSet) -> FieldSet {
        match self.demand {
            Demand::Mandatory => self.fields.difference(present),
            Demand::Forbidden => self.fields.intersection(present),
        }
    }
}

impl Demand {
    const fn violation(self) -> ViolationKind {
        match self {
            Demand::Mandatory => ViolationKind::Missing,
            Demand::Forbidden => ViolationKind::Forbidden,
        }
    }
}

impl Dialect {
    /// What the dialect says about messages of this type; `None` if nothing.
    #[must_use]
    #[inline]
    pub fn rules(&self, mti: Mti) -> Option<&MessageRules> {
        self.messages.rules(mti)
    }

    /// What the dialect says about messages, place by place.
    pub fn rule_sets(&self) -> impl Iterator<Item = &RuleSet> {
        self.messages.entries().iter()
    }
}

impl<'a> View<'a> {
    /// The presence rules of the dialect that the message breaks: first those without conditions, in the order of the
    /// fields, then those with. Nothing is allocated.
    #[must_use]
    pub fn check_presence(&self) -> Violations<'_, 'a> {
        let rules = self.dialect().rules(self.mti());
        let broken = rules.map_or(FieldSet::EMPTY, |rules| {
            let missing = rules.mandatory.difference(self.fields());
            missing.union(rules.forbidden.intersection(self.fields()))
        });
        Violations {
            view: self,
            rules,
            broken,
            at: None,
            next: 0,
        }
    }

    /// The fields that this answer should give back as the request has them, and does not. Nothing is allocated, and no
    /// value is in what is found.
    /// ```
    /// use pointsman_iso8583::{Dialect, ViolationKind};
    ///
    /// let dialect = Dialect::builtin("iso87-ascii").expect("it is built in");
    /// let request = dialect.view(b"02002020000000800000000000000042TERM0001").expect("it can be read");
    /// let answer = dialect.view(b"0210202000000280000000000000004300TERM0001").expect("it can be read");
    /// let differs: Vec<_> = answer.check_echo(&request).map(|violation| violation.field).collect();
    /// assert_eq!(differs, [11]);
    /// ```
    pub fn check_echo(&self, request: &View<'_>) -> impl Iterator<Item = Violation<'static>> {
        let echoed = self.dialect().rules(self.mti()).map(MessageRules::echoed);
        let asked = echoed.unwrap_or_default().intersection(request.fields());
        asked.iter().filter_map(move |field| {
            let kind = if !self.has(field) {
                ViolationKind::NotEchoed
            } else if !says_the_same(self, request, field) {
                ViolationKind::EchoDiffers
            } else {
                return None;
            };
            Some(Violation {
                field,
                kind,
                why: "",
            })
        })
    }
}

/// In one dialect equal values are equal bytes, but for what they were filled with.
fn says_the_same(answer: &View<'_>, request: &View<'_>, field: u8) -> bool {
    if core::ptr::eq(answer.dialect(), request.dialect())
        && answer.wire(field) == request.wire(field)
    {
        return true;
    }
    let (mut mine, mut theirs) = (TextBuffer::new(), TextBuffer::new());
    answer.text(field, &mut mine) == request.text(field, &mut theirs)
}

/// The rules that a message breaks, see [`View::check_presence`].
#[derive(Clone, Debug)]
pub struct Violations<'v, 'a> {
    view: &'v View<'a>,
    rules: Option<&'a MessageRules>,
    /// The fields not told yet of the rule at hand.
    broken: FieldSet,
    /// The rule at hand, if it has conditions.
    at: Option<&'a ConditionalRule>,
    /// The conditional rule that comes next.
    next: usize,
}

impl<'a> Iterator for Violations<'_, 'a> {
    type Item = Violation<'a>;

    fn next(&mut self) -> Option<Violation<'a>> {
        let rules = self.rules?;
        loop {
            if let Some(field) = self.broken.first() {
                self.broken.remove(field);
                let (kind, why) = match self.at {
                    Some(rule) => (rule.demand.violation(), rule.why()),
                    None if rules.mandatory.contains(field) => {
                        (ViolationKind::Missing, rules.why(field))
                    }
                    None => (ViolationKind::Forbidden, rules.why(field)),
                };
                return Some(Violation { field, kind, why });
            }
            let rule = rules.conditional.get(self.next)?;
            self.next += 1;
            self.at = Some(rule);
            // Most messages break nothing, and then the values need not be looked at.
            let broken = rule.broken_by(self.view.fields());
            if !broken.is_empty() && rule.when.iter().all(|when| when.holds(self.view)) {
                self.broken = broken;
            }
        }
    }
}

impl Violation<'_> {
    /// The violation in words, with the field's name in this dialect. It is of the whole message: the offset is 0.
    #[must_use]
    pub fn explain(&self, dialect: &Dialect) -> Explained {
        let name = dialect
            .field(self.field)
            .map_or("Undefined field".into(), |field| field.name.to_string());
        let (expected, found) = match self.kind {
            ViolationKind::Missing => ("the field", "none"),
            ViolationKind::Forbidden => ("no such field", "the field"),
            ViolationKind::NotEchoed => ("the field of the request", "none"),
            ViolationKind::EchoDiffers => ("the value of the request", "another"),
        };
        let colon = if self.why.is_empty() { "" } else { ": " };
        let (field, kind, why) = (self.field, self.kind, self.why);
        Explained {
            offset: 0,
            field,
            message: format!("field {field} ({name}) {kind}{colon}{why}"),
            name,
            expected: expected.into(),
            found: found.into(),
        }
    }
}

impl ViolationKind {
    /// A word for it, as JSON and metrics have it.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            ViolationKind::Missing => "missing",
            ViolationKind::Forbidden => "forbidden",
            ViolationKind::NotEchoed => "not_echoed",
            ViolationKind::EchoDiffers => "echo_differs",
        }
    }
}

impl fmt::Display for ViolationKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ViolationKind::Missing => "is missing",
            ViolationKind::Forbidden => "must not be there",
            ViolationKind::NotEchoed => "of the request is missing in the answer",
            ViolationKind::EchoDiffers => "is not what the request said",
        })
    }
}
