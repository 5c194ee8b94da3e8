//! What must come back, and what is wrong if it does not.

use std::collections::BTreeMap;

use pointsman_iso8583::{Dialect, Mti, View, mask};
use serde::Serialize;

use crate::request::{Memory, ValueProblem};

/// What a step expects.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Expectation {
    /// An answer.
    Answer {
        /// Its type; `None`: the one that answers the request.
        mti: Option<Mti>,
        /// Its fields, as far as they matter.
        fields: BTreeMap<u8, FieldExpectation>,
    },
    /// No answer within the step's time.
    Timeout,
    /// The connection is closed without an answer.
    Closed,
}

/// What a field of the answer must be.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum FieldExpectation {
    /// One of these values, in the words of a request's fields.
    OneOf(Vec<String>),
    /// What the request carried, to the byte.
    SameAsSent,
    /// Anything.
    Present,
    /// Nothing.
    Absent,
}

/// Something that is not as expected. Card data is masked.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Mismatch {
    /// Which field; 0 for the message type, `None` where it is about the answer as a whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field: Option<u8>,
    /// Its name.
    pub name: String,
    /// What should be.
    pub expected: String,
    /// What is.
    pub found: String,
}

impl std::fmt::Display for Mismatch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.field {
            Some(0) | None => write!(f, "{}: ", self.name)?,
            Some(number) => write!(f, "field {number} ({}): ", self.name)?,
        }
        write!(f, "expected {}, found {}", self.expected, self.found)
    }
}

impl Mismatch {
    /// About the answer as a whole.
    pub(crate) fn whole(expected: &str, found: &str) -> Self {
        Mismatch {
            field: None,
            name: "answer".to_owned(),
            expected: expected.to_owned(),
            found: found.to_owned(),
        }
    }
}

/// Compares an answer with what was expected. `sent` is the request as the dialect reads it, if it can be read.
pub(crate) fn compare(
    expected_mti: Option<Mti>,
    expected: &BTreeMap<u8, FieldExpectation>,
    sent: Option<&View<'_>>,
    answer: &View<'_>,
    memory: &Memory,
) -> Result<Vec<Mismatch>, ValueProblem> {
    let mut mismatches = Vec::new();
    let usual = sent.and_then(|sent| sent.mti().response());
    if let Some(mti) = expected_mti.or(usual)
        && mti != answer.mti()
    {
        mismatches.push(Mismatch {
            field: Some(0),
            name: "message type".to_owned(),
            expected: mti.to_string(),
            found: answer.mti().to_string(),
        });
    }
    for (number, expectation) in expected {
        let found = answer.to_text(*number);
        let expected = match expectation {
            FieldExpectation::Present if found.is_none() => "something".to_owned(),
            FieldExpectation::Absent if found.is_some() => "absent".to_owned(),
            FieldExpectation::Present | FieldExpectation::Absent => continue,
            FieldExpectation::SameAsSent => {
                let sent = sent.and_then(|sent| sent.to_text(*number));
                if sent == found {
                    continue;
                }
                let shown = sent.map_or_else(
                    || "absent".to_owned(),
                    |sent| shown(answer.dialect(), *number, &sent),
                );
                format!("{shown} as sent")
            }
            FieldExpectation::OneOf(values) => {
                let values: Vec<_> = values
                    .iter()
                    .map(|value| memory.value(*number, value))
                    .collect::<Result<_, _>>()?;
                if found.as_ref().is_some_and(|found| values.contains(found)) {
                    continue;
                }
                let values: Vec<_> = values
                    .iter()
                    .map(|value| shown(answer.dialect(), *number, value))
                    .collect();
                values.join(" or ")
            }
        };
        mismatches.push(Mismatch {
            field: Some(*number),
            name: answer
                .dialect()
                .field(*number)
                .map_or_else(String::new, |field| field.name.to_string()),
            expected,
            found: found.map_or_else(
                || "absent".to_owned(),
                |found| shown(answer.dialect(), *number, &found),
            ),
        });
    }
    Ok(mismatches)
}

/// A value as it may be shown.
pub(crate) fn shown(dialect: &Dialect, number: u8, text: &str) -> String {
    dialect
        .field(number)
        .map_or_else(|| mask::free_text(text), |field| mask::field(field, text))
}
