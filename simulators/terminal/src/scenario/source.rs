//! Scenarios as people write them.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use pointsman_iso8583::{FieldSet, Mti};
use pointsman_sim_common::duration;
use serde::Deserialize;

use super::{Payload, Scenario, Step};
use crate::expectation::{Expectation, FieldExpectation};

/// How long an answer may take if nothing says otherwise: longer than a switch waits for a bank.
const TIMEOUT: Duration = Duration::from_secs(20);

/// A scenario that makes no sense.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ScenarioError {
    /// Where: a step, or a line.
    pub place: Option<String>,
    /// What is wrong.
    pub message: String,
}

impl fmt::Display for ScenarioError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Some(place) => write!(f, "{place}: {}", self.message),
            None => f.write_str(&self.message),
        }
    }
}

impl std::error::Error for ScenarioError {}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    name: Option<String>,
    timeout: Option<String>,
    #[serde(default)]
    fill: bool,
    #[serde(default)]
    fields: BTreeMap<String, Value>,
    step: Vec<StepSource>,
}

/// What steps have in common, as a line of JSON.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct Common {
    name: Option<String>,
    timeout: Option<String>,
    #[serde(default)]
    fill: bool,
    #[serde(default)]
    fields: BTreeMap<String, Value>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct StepSource {
    name: Option<String>,
    mti: Option<String>,
    raw: Option<String>,
    bytes: Option<String>,
    #[serde(default)]
    fields: BTreeMap<String, Value>,
    fill: Option<bool>,
    timeout: Option<String>,
    #[serde(default)]
    reconnect: bool,
    expect: Option<ExpectSource>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum ExpectSource {
    Word(String),
    Fields(BTreeMap<String, OneOrMany>),
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    One(Value),
    Many(Vec<Value>),
}

/// Text, a number where it is one, or `false` for a field that is left out.
#[derive(Deserialize, Clone)]
#[serde(untagged)]
enum Value {
    Text(String),
    Number(u64),
    Present(bool),
}

impl Value {
    /// `None`: left out.
    fn text(&self) -> Option<String> {
        match self {
            Value::Text(text) => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            Value::Present(true) => Some("auto".to_owned()),
            Value::Present(false) => None,
        }
    }
}

pub(super) fn from_toml(name: &str, text: &str) -> Result<Scenario, Vec<ScenarioError>> {
    let document: Document = toml::from_str(text).map_err(|error| {
        vec![ScenarioError {
            place: None,
            message: error.to_string().trim_end().to_owned(),
        }]
    })?;
    let Document {
        name: own_name,
        timeout,
        fill,
        fields,
        step,
    } = document;
    let common = Common {
        name: own_name,
        timeout,
        fill,
        fields,
    };
    let mut errors = Vec::new();
    let steps: Vec<_> = step
        .iter()
        .enumerate()
        .filter_map(|(index, source)| {
            let named = source
                .name
                .as_ref()
                .map_or_else(String::new, |name| format!(" ({name})"));
            compile(
                source,
                &common,
                index,
                &format!("step {}{named}", index + 1),
                &mut errors,
            )
        })
        .collect();
    finish(
        common.name.unwrap_or_else(|| name.to_owned()),
        steps,
        errors,
    )
}

pub(super) fn from_json_lines(name: &str, text: &str) -> Result<Scenario, Vec<ScenarioError>> {
    let mut common = Common::default();
    let (mut steps, mut errors) = (Vec::new(), Vec::new());
    let mut own_name = None;
    for (index, line) in text
        .lines()
        .enumerate()
        .filter(|(_, line)| !line.trim().is_empty())
    {
        let place = format!("line {}", index + 1);
        let parsed: Result<serde_json::Value, _> = serde_json::from_str(line);
        let read = parsed.and_then(|value| {
            if ["mti", "raw", "bytes", "expect"]
                .into_iter()
                .any(|key| value.get(key).is_some())
            {
                serde_json::from_value(value).map(Some)
            } else {
                common = serde_json::from_value(value)?;
                own_name = common.name.take().or(own_name.take());
                Ok(None)
            }
        });
        match read {
            Ok(Some(source)) => {
                steps.extend(compile(&source, &common, steps.len(), &place, &mut errors))
            }
            Ok(None) => {}
            Err(error) => errors.push(ScenarioError {
                place: Some(place),
                message: error.to_string(),
            }),
        }
    }
    finish(own_name.unwrap_or_else(|| name.to_owned()), steps, errors)
}

fn finish(
    name: String,
    steps: Vec<Step>,
    mut errors: Vec<ScenarioError>,
) -> Result<Scenario, Vec<ScenarioError>> {
    if steps.is_empty() && errors.is_empty() {
        errors.push(ScenarioError {
            place: None,
            message: "there is no step in it".to_owned(),
        });
    }
    if errors.is_empty() {
        Ok(Scenario { name, steps })
    } else {
        Err(errors)
    }
}

fn compile(
    source: &StepSource,
    common: &Common,
    index: usize,
    place: &str,
    errors: &mut Vec<ScenarioError>,
) -> Option<Step> {
    let before = errors.len();
    let mut wrong = |message: String| {
        errors.push(ScenarioError {
            place: Some(place.to_owned()),
            message,
        })
    };

    let payload = match (&source.mti, &source.raw, &source.bytes) {
        (Some(mti), None, None) => match mti.parse::<Mti>() {
            Ok(mti) => {
                let fields = merged(&common.fields, &source.fields, &mut wrong);
                Some(Payload::Message {
                    mti,
                    fields,
                    fill: source.fill.unwrap_or(common.fill),
                })
            }
            Err(error) => {
                wrong(format!("mti: `{mti}`: {error}"));
                None
            }
        },
        (None, raw @ Some(hex), None) | (None, raw @ None, Some(hex)) => {
            if !source.fields.is_empty() {
                wrong("fields: a step with raw or bytes has none".to_owned());
            }
            let bytes = bytes_of_hex(hex);
            if bytes.is_none() {
                wrong(format!(
                    "{}: expected pairs of hexadecimal digits",
                    if raw.is_some() { "raw" } else { "bytes" }
                ));
            }
            bytes.map(if raw.is_some() {
                Payload::Raw
            } else {
                Payload::Bytes
            })
        }
        (None, None, None) => Some(Payload::Nothing),
        _ => {
            wrong("expected one of mti, raw and bytes".to_owned());
            None
        }
    };
    let mut timeout = TIMEOUT;
    if let Some(text) = source.timeout.as_ref().or(common.timeout.as_ref()) {
        match duration(text) {
            Ok(time) => timeout = time,
            Err(error) => wrong(format!("timeout: {error}")),
        }
    }
    let expect = match &source.expect {
        None => Some(Expectation::Answer {
            mti: None,
            fields: BTreeMap::new(),
        }),
        Some(ExpectSource::Word(word)) => match word.as_str() {
            "timeout" => Some(Expectation::Timeout),
            "closed" => Some(Expectation::Closed),
            _ => {
                wrong(format!(
                    "expect: `{word}`: expected timeout, closed, or a table of fields"
                ));
                None
            }
        },
        Some(ExpectSource::Fields(fields)) => Some(expected(fields, &mut wrong)),
    };
    let step = Step {
        name: source
            .name
            .clone()
            .unwrap_or_else(|| format!("step {}", index + 1)),
        payload: payload?,
        timeout,
        reconnect: source.reconnect,
        expect: expect?,
    };
    (errors.len() == before).then_some(step)
}

fn merged(
    common: &BTreeMap<String, Value>,
    own: &BTreeMap<String, Value>,
    wrong: &mut impl FnMut(String),
) -> BTreeMap<u8, String> {
    let mut fields = BTreeMap::new();
    for (key, value) in common.iter().chain(own) {
        match field_number(key) {
            Some(number) => match value.text() {
                Some(text) => drop(fields.insert(number, text)),
                None => drop(fields.remove(&number)),
            },
            None => wrong(format!(
                "fields: `{key}` is not the number of a field, 2 to 192"
            )),
        }
    }
    fields
}

fn expected(source: &BTreeMap<String, OneOrMany>, wrong: &mut impl FnMut(String)) -> Expectation {
    let mut mti = None;
    let mut fields = BTreeMap::new();
    for (key, value) in source {
        if key == "mti" {
            match value {
                OneOrMany::One(Value::Text(text)) if text.parse::<Mti>().is_ok() => {
                    mti = text.parse().ok()
                }
                _ => wrong("expect.mti: expected four digits in quotes".to_owned()),
            }
            continue;
        }
        let Some(number) = field_number(key) else {
            wrong(format!(
                "expect: `{key}` is not the number of a field, 2 to 192"
            ));
            continue;
        };
        let expectation = match value {
            OneOrMany::One(Value::Present(present)) => {
                if *present {
                    FieldExpectation::Present
                } else {
                    FieldExpectation::Absent
                }
            }
            OneOrMany::One(value) => match value.text().unwrap_or_default().as_str() {
                "same as sent" => FieldExpectation::SameAsSent,
                "present" => FieldExpectation::Present,
                "absent" => FieldExpectation::Absent,
                text => FieldExpectation::OneOf(vec![text.to_owned()]),
            },
            OneOrMany::Many(values) => {
                FieldExpectation::OneOf(values.iter().filter_map(Value::text).collect())
            }
        };
        fields.insert(number, expectation);
    }
    Expectation::Answer { mti, fields }
}

fn field_number(key: &str) -> Option<u8> {
    key.parse()
        .ok()
        .filter(|number| (2..=FieldSet::NUMBER_MAX).contains(number))
}

pub(crate) fn bytes_of_hex(text: &str) -> Option<Vec<u8>> {
    let digits: Vec<u8> = text
        .chars()
        .filter(|character| !character.is_ascii_whitespace())
        .map(|character| {
            character
                .to_digit(16)
                .and_then(|digit| u8::try_from(digit).ok())
        })
        .collect::<Option<_>>()?;
    let (pairs, rest) = digits.as_chunks::<2>();
    rest.is_empty()
        .then(|| pairs.iter().map(|[high, low]| high << 4 | low).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(errors: &[ScenarioError]) -> Vec<String> {
        errors.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn the_example_is_a_scenario() {
        let scenario = Scenario::parse("file", super::super::EXAMPLE).unwrap();
        assert_eq!(
            (scenario.name.as_str(), scenario.steps.len()),
            ("example", 3)
        );
        let Expectation::Answer { fields, .. } = &scenario.steps[0].expect else {
            panic!("an answer")
        };
        assert_eq!(fields[&39], FieldExpectation::OneOf(vec!["00".to_owned()]));
        assert_eq!(fields[&11], FieldExpectation::SameAsSent);
        assert_eq!(fields[&38], FieldExpectation::Present);
    }

    #[test]
    fn toml_and_json_lines_say_the_same() {
        let toml = r#"
            name = "both"
            timeout = "2s"
            fields = { 41 = "TERM0001", 49 = "978" }

            [[step]]
            name = "buy"
            mti = "0200"
            fields = { 4 = "1.00", 11 = 7, 49 = false }
            expect = { mti = "0210", 39 = ["00", "10"], 54 = "absent", 38 = true }

            [[step]]
            mti = "0200"
            fill = true
            timeout = "1s"
            reconnect = true
            expect = "timeout"

            [[step]]
            raw = "30 32"
            expect = "closed"

            [[step]]
            bytes = "00"
        "#;
        let json = r#"
            {"name": "both", "timeout": "2s", "fields": {"41": "TERM0001", "49": "978"}}
            {"name": "buy", "mti": "0200", "fields": {"4": "1.00", "11": 7, "49": false}, "expect": {"mti": "0210", "39": ["00", "10"], "54": "absent", "38": true}}
            {"mti": "0200", "fill": true, "timeout": "1s", "reconnect": true, "expect": "timeout"}
            {"raw": "30 32", "expect": "closed"}
            {"bytes": "00"}
        "#;
        let (toml, json) = (
            Scenario::parse("a", toml).unwrap(),
            Scenario::parse("b", json).unwrap(),
        );
        assert_eq!(toml, json);
        let [buy, wait, raw, bytes] = &toml.steps[..] else {
            panic!("four steps")
        };
        let fields = [(4, "1.00"), (11, "7"), (41, "TERM0001")]
            .map(|(number, text)| (number, text.to_owned()));
        let message = Payload::Message {
            mti: Mti::literal(b"0200"),
            fields: fields.into(),
            fill: false,
        };
        assert_eq!((&buy.payload, buy.timeout.as_secs()), (&message, 2));
        assert_eq!(
            (wait.timeout.as_secs(), wait.reconnect, &wait.expect),
            (1, true, &Expectation::Timeout)
        );
        assert_eq!(
            (&raw.payload, &raw.expect),
            (&Payload::Raw(vec![0x30, 0x32]), &Expectation::Closed)
        );
        assert_eq!(
            (&bytes.payload, bytes.name.as_str()),
            (&Payload::Bytes(vec![0]), "step 4")
        );
    }

    #[test]
    fn all_mistakes_are_told_with_their_place() {
        let errors = Scenario::parse(
            "file",
            r#"
            [[step]]
            name = "buy"
            mti = "020"
            timeout = "5"
            expect = "nothing"

            [[step]]
            mti = "0200"
            raw = "00"
            [[step]]
            mti = "0200"
            fields = { 1 = "x" }
            expect = { 200 = "x", mti = 210 }
            [[step]]
            raw = "0"
            "#,
        )
        .unwrap_err();
        assert_eq!(
            texts(&errors),
            [
                "step 1 (buy): mti: `020`: a message type is four digits",
                "step 1 (buy): timeout: `5` is not a duration: expected a number with ms, s, m or h, such as 250ms or 15s",
                "step 1 (buy): expect: `nothing`: expected timeout, closed, or a table of fields",
                "step 2: expected one of mti, raw and bytes",
                "step 3: fields: `1` is not the number of a field, 2 to 192",
                "step 3: expect: `200` is not the number of a field, 2 to 192",
                "step 3: expect.mti: expected four digits in quotes",
                "step 4: raw: expected pairs of hexadecimal digits",
            ]
        );
        let errors = Scenario::parse(
            "file",
            "{\"mti\": \"0200\"}\n{\"mti\": \"0200\", \"expct\": {}}\n{",
        )
        .unwrap_err();
        let texts = texts(&errors);
        assert!(
            texts[0].starts_with("line 2: unknown field `expct`"),
            "{texts:?}"
        );
        assert!(texts[1].starts_with("line 3: EOF"), "{texts:?}");
        assert!(Scenario::parse("file", "step = []").is_err());
    }
}
