//! Rules as people write them: tables of a TOML file, or one flag each.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use pointsman_iso8583::{Mti, ResponseCode};
use pointsman_sim_common::{amount_minor, duration};
use serde::Deserialize;

use super::{BinRange, Decision, Delivery, Plan, Rule};

/// How long `late` waits if no `delay` says otherwise: longer than the time-out of any link that is meant for tests.
const LATE: Duration = Duration::from_secs(30);

/// A rule that makes no sense.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RuleError {
    /// Which rule, counted from one; `None` where the text as a whole cannot be read.
    pub rule: Option<usize>,
    /// What is wrong, with the key that it is about.
    pub message: String,
}

impl fmt::Display for RuleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.rule {
            Some(number) => write!(f, "rule {number}: {}", self.message),
            None => f.write_str(&self.message),
        }
    }
}

impl std::error::Error for RuleError {}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    #[serde(default)]
    rule: Vec<Source>,
}

/// One rule as written. Every key is optional but `answer`.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct Source {
    #[serde(default)]
    mti: OneOrMany,
    #[serde(default)]
    bin: OneOrMany,
    amount: Option<NumberOrText>,
    terminal: Option<String>,
    share: Option<f64>,
    times: Option<u64>,
    answer: Option<String>,
    code: Option<String>,
    delay: Option<String>,
    #[serde(default)]
    set: BTreeMap<String, String>,
    #[serde(default)]
    omit: Vec<u8>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

impl Default for OneOrMany {
    fn default() -> Self {
        OneOrMany::Many(Vec::new())
    }
}

impl OneOrMany {
    fn as_slice(&self) -> &[String] {
        match self {
            OneOrMany::One(text) => std::slice::from_ref(text),
            OneOrMany::Many(texts) => texts,
        }
    }
}

#[derive(Deserialize)]
#[serde(untagged)]
enum NumberOrText {
    Number(u64),
    Text(String),
}

/// Reads the `[[rule]]` tables of a file.
///
/// # Errors
/// All mistakes at once.
pub fn rules_from_toml(text: &str) -> Result<Vec<Rule>, Vec<RuleError>> {
    let document: Document = toml::from_str(text).map_err(|error| {
        vec![RuleError {
            rule: None,
            message: error.to_string().trim_end().to_owned(),
        }]
    })?;
    let (mut rules, mut errors) = (Vec::new(), Vec::new());
    for (index, source) in document.rule.iter().enumerate() {
        let mut problems = Vec::new();
        match compile(source, &mut problems) {
            Some(rule) => rules.push(rule),
            None => errors.extend(problems.into_iter().map(|message| RuleError {
                rule: Some(index + 1),
                message,
            })),
        }
    }
    if errors.is_empty() {
        Ok(rules)
    } else {
        Err(errors)
    }
}

/// Reads a rule such as `bin=4|51,amount=10.00-19.99,answer=decline,code=51`: the keys of the file, `|` between several
/// values, `set.39=05` for a field.
///
/// # Errors
/// The first mistake.
pub fn rule_from_flag(text: &str) -> Result<Rule, RuleError> {
    let wrong = |message: String| RuleError {
        rule: None,
        message,
    };
    let mut source = Source::default();
    for part in text.split(',') {
        let (key, value) = part.split_once('=').ok_or_else(|| {
            wrong(format!(
                "`{part}`: expected KEY=VALUE, several separated by commas"
            ))
        })?;
        let many = || OneOrMany::Many(value.split('|').map(str::to_owned).collect());
        let owned = || Some(value.to_owned());
        match key {
            "mti" => source.mti = many(),
            "bin" => source.bin = many(),
            "amount" => source.amount = owned().map(NumberOrText::Text),
            "terminal" => source.terminal = owned(),
            "share" => {
                let share = value
                    .parse()
                    .map_err(|_| wrong(format!("share: `{value}` is not a number from 0 to 1")))?;
                source.share = Some(share);
            }
            "times" => {
                source.times = Some(
                    value
                        .parse()
                        .map_err(|_| wrong(format!("times: `{value}` is not a number")))?,
                );
            }
            "answer" => source.answer = owned(),
            "code" => source.code = owned(),
            "delay" => source.delay = owned(),
            "omit" => {
                for field in value.split('|') {
                    let field = field.parse().map_err(|_| {
                        wrong(format!("omit: `{field}` is not the number of a field"))
                    })?;
                    source.omit.push(field);
                }
            }
            _ => match key.strip_prefix("set.") {
                Some(field) => {
                    source.set.insert(field.to_owned(), value.to_owned());
                }
                None => {
                    return Err(wrong(format!(
                        "unknown key `{key}`: expected mti, bin, amount, terminal, share, times, answer, code, delay, \
                         omit or set.N"
                    )));
                }
            },
        }
    }
    let mut problems = Vec::new();
    compile(&source, &mut problems).ok_or_else(|| wrong(problems.join("; ")))
}

/// `None` if there are problems.
fn compile(source: &Source, problems: &mut Vec<String>) -> Option<Rule> {
    let mut mti = Vec::new();
    for text in source.mti.as_slice() {
        match text.parse::<Mti>() {
            Ok(value) if value.is_request() => mti.push(value),
            Ok(value) => problems.push(format!(
                "mti: {value} is an answer, a bank gets no such thing"
            )),
            Err(error) => problems.push(format!("mti: `{text}`: {error}")),
        }
    }
    let mut bins = Vec::new();
    for text in source.bin.as_slice() {
        match bin_range(text) {
            Some(range) => bins.push(range),
            None => problems.push(format!(
                "bin: `{text}`: expected 1 to 11 digits such as 4, or a range such as 510000-559999 with as many \
                 digits on both sides"
            )),
        }
    }
    let amount = source.amount.as_ref().and_then(|amount| match amount {
        NumberOrText::Number(exact) => Some((*exact, *exact)),
        NumberOrText::Text(text) => match amount_range(text) {
            Ok(range) => Some(range),
            Err(message) => {
                problems.push(format!("amount: {message}"));
                None
            }
        },
    });
    if let Some(share) = source.share
        && !(0.0..=1.0).contains(&share)
    {
        problems.push(format!("share: {share} is not between 0 and 1"));
    }
    let plan = compile_plan(source, problems);
    let rule = Rule {
        mti,
        bins,
        amount,
        terminal: source.terminal.clone(),
        share: source.share,
        times: source.times,
        taken: AtomicU64::new(0),
        plan: plan?,
    };
    problems.is_empty().then_some(rule)
}

fn compile_plan(source: &Source, problems: &mut Vec<String>) -> Option<Plan> {
    let mut delay = source.delay.as_ref().and_then(|text| match duration(text) {
        Ok(delay) => Some(delay),
        Err(error) => {
            problems.push(format!("delay: {error}"));
            None
        }
    });
    let mut code = |default: &str| {
        let text = source.code.as_deref().unwrap_or(default);
        let parsed = ResponseCode::parse(text.as_bytes());
        if parsed.is_none() {
            problems.push(format!(
                "code: `{text}`: expected 2 to 4 letters or digits, such as 51"
            ));
        }
        parsed
    };
    let answer = source.answer.as_deref().unwrap_or_default();
    let (decision, delivery) = match answer {
        "approve" => (Decision::Approve(code("00")?), Delivery::Once),
        "decline" => (Decision::Decline(code("05")?), Delivery::Once),
        "duplicate" => (Decision::Approve(code("00")?), Delivery::Twice),
        "late" => {
            delay = delay.or(Some(LATE));
            (Decision::Approve(code("00")?), Delivery::Once)
        }
        "lost" => (Decision::Approve(code("00")?), Delivery::Never),
        "garbage" => (Decision::Approve(code("00")?), Delivery::Garbage),
        "drop" => (Decision::Ignore, Delivery::Never),
        "close" => (Decision::Ignore, Delivery::Close),
        _ => {
            problems.push(format!(
                "answer: `{answer}`: expected approve, decline, duplicate, late, lost, garbage, drop or close"
            ));
            return None;
        }
    };
    match decision {
        Decision::Approve(code) if !code.is_approval() => {
            problems.push(format!(
                "code: {code} does not approve, but `answer = \"{answer}\"` does"
            ));
        }
        Decision::Decline(code) if code.is_approval() => {
            problems.push(format!(
                "code: {code} approves, but `answer = \"decline\"` does not"
            ));
        }
        Decision::Ignore if source.code.is_some() => {
            problems.push(format!(
                "code: there is none in what `answer = \"{answer}\"` sends"
            ));
        }
        _ => {}
    }
    let mut set = Vec::new();
    for (field, value) in &source.set {
        match field.parse::<u8>() {
            Ok(number) if (2..=128).contains(&number) => set.push((number, value.clone())),
            _ => problems.push(format!(
                "set: `{field}` is not the number of a field, 2 to 128"
            )),
        }
    }
    set.sort_unstable_by_key(|(number, _)| *number);
    Some(Plan {
        decision,
        delivery,
        delay,
        set,
        omit: source.omit.clone(),
    })
}

fn bin_range(text: &str) -> Option<BinRange> {
    let digits = |part: &str| {
        (1..=11).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit())
    };
    let (low, high) = text.split_once('-').unwrap_or((text, text));
    let valid = digits(low) && digits(high) && low.len() == high.len() && low <= high;
    valid.then(|| BinRange {
        low: low.to_owned(),
        high: high.to_owned(),
    })
}

/// `10.00`, `10.00-19.99`, `10.00-` for no upper end.
fn amount_range(text: &str) -> Result<(u64, u64), String> {
    let read = |part: &str| amount_minor(part).map_err(|error| error.to_string());
    match text.split_once('-') {
        None => read(text).map(|exact| (exact, exact)),
        Some((low, "")) => Ok((read(low)?, u64::MAX)),
        Some((low, high)) => match (read(low)?, read(high)?) {
            (low, high) if low <= high => Ok((low, high)),
            _ => Err(format!("`{text}`: the first amount is the larger one")),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_rules() {
        let rules = rules_from_toml(
            r#"
            [[rule]]
            mti = ["0100", "0200"]
            bin = ["4", "510000-559999"]
            amount = "10.00-19.99"
            share = 0.5
            answer = "decline"
            code = "51"

            [[rule]]
            amount = 1313
            answer = "late"

            [[rule]]
            terminal = "TERM0001"
            times = 1
            answer = "approve"
            code = "10"
            delay = "200ms"
            set = { 54 = "1234", 4 = "000000000500" }
            omit = [38]
            "#,
        )
        .unwrap();
        let plans: Vec<_> = rules.iter().map(Rule::plan).collect();
        let code = |text: &str| text.parse::<ResponseCode>().unwrap();
        assert_eq!(plans[0].decision, Decision::Decline(code("51")));
        assert_eq!(
            (plans[1].delay, plans[1].delivery),
            (Some(LATE), Delivery::Once)
        );
        let partial = Plan {
            decision: Decision::Approve(code("10")),
            delivery: Delivery::Once,
            delay: Some(Duration::from_millis(200)),
            set: vec![(4, "000000000500".to_owned()), (54, "1234".to_owned())],
            omit: vec![38],
        };
        assert_eq!(plans[2], &partial);
    }

    #[test]
    fn a_flag_says_the_same_as_a_table() {
        let rule = rule_from_flag(
            "bin=4|51,amount=5.00-,answer=approve,code=10,set.4=000000000500,omit=38|55",
        )
        .unwrap();
        assert_eq!(rule.amount, Some((500, u64::MAX)));
        assert_eq!(rule.bins.len(), 2);
        assert_eq!(rule.plan().set, [(4, "000000000500".to_owned())]);
        assert_eq!(rule.plan().omit, [38, 55]);
    }

    #[test]
    fn all_mistakes_of_a_file_are_told_at_once() {
        let errors = rules_from_toml(
            r#"
            [[rule]]
            mti = "0210"
            bin = "51-5"
            amount = "20.00-10.00"
            answer = "approve"
            code = "51"

            [[rule]]
            share = 2.0
            answer = "perhaps"
            "#,
        )
        .unwrap_err();
        let texts: Vec<_> = errors.iter().map(ToString::to_string).collect();
        assert_eq!(
            texts,
            [
                "rule 1: mti: 0210 is an answer, a bank gets no such thing",
                "rule 1: bin: `51-5`: expected 1 to 11 digits such as 4, or a range such as 510000-559999 with as many \
                 digits on both sides",
                "rule 1: amount: `20.00-10.00`: the first amount is the larger one",
                "rule 1: code: 51 does not approve, but `answer = \"approve\"` does",
                "rule 2: share: 2 is not between 0 and 1",
                "rule 2: answer: `perhaps`: expected approve, decline, duplicate, late, lost, garbage, drop or close",
            ]
        );
    }

    #[test]
    fn a_misspelt_key_is_shown_where_it_is() {
        let errors = rules_from_toml("[[rule]]\nanswer = \"drop\"\nammount = 5\n").unwrap_err();
        let text = errors[0].to_string();
        assert!(
            text.contains("line 3") && text.contains("ammount"),
            "{text}"
        );
        let error = rule_from_flag("ammount=5,answer=drop")
            .unwrap_err()
            .to_string();
        assert!(
            error.starts_with("unknown key `ammount`: expected mti, bin, amount"),
            "{error}"
        );
    }

    #[test]
    fn codes_must_fit_their_answer() {
        for (flag, message) in [
            (
                "answer=decline,code=00",
                "code: 00 approves, but `answer = \"decline\"` does not",
            ),
            (
                "answer=drop,code=05",
                "code: there is none in what `answer = \"drop\"` sends",
            ),
            (
                "answer=decline,code=5",
                "code: `5`: expected 2 to 4 letters or digits, such as 51",
            ),
            (
                "answer=drop,set.200=1",
                "set: `200` is not the number of a field, 2 to 128",
            ),
            (
                "drop",
                "`drop`: expected KEY=VALUE, several separated by commas",
            ),
        ] {
            assert_eq!(rule_from_flag(flag).unwrap_err().to_string(), message);
        }
    }
}
