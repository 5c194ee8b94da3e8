//! Scenarios: steps with what they send and what they expect.

mod source;

use std::collections::BTreeMap;
use std::time::Duration;

use pointsman_iso8583::Mti;

use crate::expectation::Expectation;

pub use source::ScenarioError;

/// The scenario that is played when none is named, and a start for one's own.
pub const EXAMPLE: &str = include_str!("example.toml");

/// A list of steps.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Scenario {
    /// What results call it.
    pub name: String,
    /// In the order of playing.
    pub steps: Vec<Step>,
}

/// One message and what must come of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Step {
    /// What results, and later steps, call it.
    pub name: String,
    /// What is sent.
    pub payload: Payload,
    /// How long an answer may take.
    pub timeout: Duration,
    /// Whether a new connection is opened first.
    pub reconnect: bool,
    /// What must come back.
    pub expect: Expectation,
}

/// What a step sends.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Payload {
    /// A message made of fields.
    Message {
        /// Its type.
        mti: Mti,
        /// Its fields in the words of `field_value`; also `sent:11` and `answer:38` for what the step before said,
        /// `answer:STEP:38` for a named one, and `original:STEP` in field 90.
        fields: BTreeMap<u8, String>,
        /// Whether the usual fields of such a message are added where `fields` does not name them.
        fill: bool,
    },
    /// A message given as bytes, sent in a frame.
    Raw(Vec<u8>),
    /// Bytes sent as they are, without a frame.
    Bytes(Vec<u8>),
    /// Nothing; only waits.
    Nothing,
}

impl Scenario {
    /// Reads TOML.
    ///
    /// # Errors
    /// All mistakes at once.
    pub fn from_toml(name: &str, text: &str) -> Result<Self, Vec<ScenarioError>> {
        source::from_toml(name, text)
    }

    /// Reads JSON lines: a step on each; a line without `mti`, `raw` or `bytes` says what the steps after it have in
    /// common.
    ///
    /// # Errors
    /// All mistakes at once.
    pub fn from_json_lines(name: &str, text: &str) -> Result<Self, Vec<ScenarioError>> {
        source::from_json_lines(name, text)
    }

    /// Reads either: JSON starts with a brace.
    ///
    /// # Errors
    /// All mistakes at once.
    pub fn parse(name: &str, text: &str) -> Result<Self, Vec<ScenarioError>> {
        if text.trim_start().starts_with('{') {
            Self::from_json_lines(name, text)
        } else {
            Self::from_toml(name, text)
        }
    }
}
