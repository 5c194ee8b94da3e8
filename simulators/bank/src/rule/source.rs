//! Rules as people write them: tables of a TOML file, or one flag each.

mod file;
mod flag;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use pointsman_iso8583::{FieldSet, Mti, ResponseCode};
use pointsman_sim_common::{amount_minor, duration, nearest};

use super::{BinRange, Decision, Delivery, Plan, Rule};

pub use file::rules_from_toml;
pub use flag::rule_from_flag;

/// How long `late` waits if no `delay` says otherwise: longer than the time-out of any link that is meant for tests.
const LATE: Duration = Duration::from_secs(30);

/// What a rule may answer.
const ANSWERS: [&str; 8] = [
    "approve",
    "decline",
    "duplicate",
    "late",
    "lost",
    "garbage",
    "drop",
    "close",
];

/// A rule that makes no sense.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RuleError {
    /// In which line of the file, counted from one.
    pub line: Option<usize>,
    /// Which rule, counted from one; `None` where it is about none in particular.
    pub rule: Option<usize>,
    /// What is wrong, with the key that it is about.
    pub message: String,
}

impl fmt::Display for RuleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(line) = self.line {
            write!(f, "line {line}: ")?;
        }
        if let Some(number) = self.rule {
            write!(f, "rule {number}: ")?;
        }
        f.write_str(&self.message)
    }
}

impl std::error::Error for RuleError {}

/// One rule as written. Every key is optional but `answer`.
#[derive(Default)]
struct Source {
    mti: Vec<String>,
    bin: Vec<String>,
    amount: Option<Amount>,
    terminal: Option<String>,
    share: Option<f64>,
    times: Option<u64>,
    answer: Option<String>,
    code: Option<String>,
    delay: Option<String>,
    set: BTreeMap<String, String>,
    omit: Vec<u8>,
}

enum Amount {
    /// Minor units.
    Exact(u64),
    Text(String),
}

/// A key, and what is wrong with its value.
type Problem = (&'static str, String);

/// `, did you mean …?` or what there is.
fn expected(written: &str, candidates: &[&str]) -> String {
    match nearest(written, candidates) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None => format!("expected {}", one_of(candidates)),
    }
}

fn one_of(words: &[&str]) -> String {
    match words {
        [] => String::new(),
        [only] => (*only).to_owned(),
        [rest @ .., last] => format!("{} or {last}", rest.join(", ")),
    }
}

/// `None` if there are problems.
fn compile(source: &Source, problems: &mut Vec<Problem>) -> Option<Rule> {
    let mut mti = Vec::new();
    for text in &source.mti {
        match text.parse::<Mti>() {
            Ok(value) if value.is_request() => mti.push(value),
            Ok(value) => problems.push((
                "mti",
                format!("{value} is an answer, a bank gets no such thing"),
            )),
            Err(error) => problems.push(("mti", format!("`{text}`: {error}"))),
        }
    }
    let mut bins = Vec::new();
    for text in &source.bin {
        match bin_range(text) {
            Some(range) => bins.push(range),
            None => problems.push(("bin", format!("`{text}`: expected 1 to 11 digits such as 4, or a range such as 510000-559999 with as many \
                 digits on both sides"
            ))),
        }
    }
    let amount = source.amount.as_ref().and_then(|amount| match amount {
        Amount::Exact(exact) => Some((*exact, *exact)),
        Amount::Text(text) => match amount_range(text) {
            Ok(range) => Some(range),
            Err(message) => {
                problems.push(("amount", message));
                None
            }
        },
    });
    if let Some(share) = source.share
        && !(0.0..=1.0).contains(&share)
    {
        problems.push(("share", format!("{share} is not between 0 and 1")));
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
        place: None,
        plan: plan?,
    };
    problems.is_empty().then_some(rule)
}

fn compile_plan(source: &Source, problems: &mut Vec<Problem>) -> Option<Plan> {
    let mut delay = source.delay.as_ref().and_then(|text| match duration(text) {
        Ok(delay) => Some(delay),
        Err(error) => {
            problems.push(("delay", format!("{error}")));
            None
        }
    });
    let mut code = |default: &str| {
        let text = source.code.as_deref().unwrap_or(default);
        let parsed = ResponseCode::parse(text.as_bytes());
        if parsed.is_none() {
            problems.push((
                "code",
                format!("`{text}`: expected 2 to 4 letters or digits, such as 51"),
            ));
        }
        parsed
    };
    let Some(answer) = source.answer.as_deref() else {
        problems.push(("answer", format!("missing, expected {}", one_of(&ANSWERS))));
        return None;
    };
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
            problems.push((
                "answer",
                format!("`{answer}`: {}", expected(answer, &ANSWERS)),
            ));
            return None;
        }
    };
    match decision {
        Decision::Approve(code) if !code.is_approval() => {
            problems.push((
                "code",
                format!("{code} does not approve, but `answer = \"{answer}\"` does"),
            ));
        }
        Decision::Decline(code) if code.is_approval() => {
            problems.push((
                "code",
                format!("{code} approves, but `answer = \"decline\"` does not"),
            ));
        }
        Decision::Ignore if source.code.is_some() => {
            problems.push((
                "code",
                format!("there is none in what `answer = \"{answer}\"` sends"),
            ));
        }
        _ => {}
    }
    let mut set = Vec::new();
    for (field, value) in &source.set {
        match field.parse::<u8>() {
            Ok(number) if (2..=FieldSet::NUMBER_MAX).contains(&number) => {
                set.push((number, value.clone()))
            }
            _ => problems.push((
                "set",
                format!("`{field}` is not the number of a field, 2 to 192"),
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
                "line 3: rule 1: mti: 0210 is an answer, a bank gets no such thing",
                "line 4: rule 1: bin: `51-5`: expected 1 to 11 digits such as 4, or a range such as 510000-559999 with as many \
                 digits on both sides",
                "line 5: rule 1: amount: `20.00-10.00`: the first amount is the larger one",
                "line 7: rule 1: code: 51 does not approve, but `answer = \"approve\"` does",
                "line 10: rule 2: share: 2 is not between 0 and 1",
                "line 11: rule 2: answer: `perhaps`: expected approve, decline, duplicate, late, lost, garbage, drop or close",
            ]
        );
    }

    #[test]
    fn a_misspelt_key_is_shown_where_it_is() {
        let errors = rules_from_toml("[[rule]]\nanswer = \"drop\"\nammount = 5\n").unwrap_err();
        let text = errors[0].to_string();
        assert_eq!(
            text,
            "line 3: rule 1: unknown key `ammount`: did you mean `amount`?"
        );
        let error = rule_from_flag("ammount=5,answer=drop")
            .unwrap_err()
            .to_string();
        assert!(
            error.starts_with("unknown key `ammount`: did you mean `amount`?"),
            "{error}"
        );
    }

    #[test]
    fn what_cannot_be_a_value_is_told_with_the_rest() {
        let errors = rules_from_toml(
            r#"
            retries = 3

            [[rule]]
            bin = 4
            times = -1
            share = "half"
            answer = "decilne"
            omit = [38, 300]

            [[rule]]
            set = { 39 = 5 }

            [[rules]]
            answer = "drop"
            "#,
        )
        .unwrap_err();
        let texts: Vec<_> = errors.iter().map(ToString::to_string).collect();
        assert_eq!(
            texts,
            [
                "line 2: unknown key `retries`: expected rule",
                "line 5: rule 1: bin: expected text such as \"4\", or a list of such texts",
                "line 6: rule 1: times: expected a number such as 3",
                "line 7: rule 1: share: expected a number from 0 to 1",
                "line 8: rule 1: answer: `decilne`: did you mean `decline`?",
                "line 9: rule 1: omit: expected a list of field numbers such as [38, 55]",
                "line 11: rule 2: answer: missing, expected approve, decline, duplicate, late, lost, garbage, drop or close",
                "line 12: rule 2: set: expected texts, such as { 39 = \"05\" }",
                "line 14: unknown key `rules`: did you mean `rule`?",
            ]
        );
        let errors = rules_from_toml("[rule]\nanswer = \"drop\"\n").unwrap_err();
        assert_eq!(
            errors[0].to_string(),
            "line 1: there can be several rules: write [[rule]] instead of [rule]"
        );
        let errors = rules_from_toml("[[rule]]\nanswer = drop\n[[rule]]\ntimes = =\n").unwrap_err();
        let lines: Vec<_> = errors.iter().map(|error| error.line).collect();
        assert!(
            lines.contains(&Some(2)) && lines.contains(&Some(4)),
            "{errors:?}"
        );
    }

    #[test]
    fn a_flag_says_everything_once() {
        for (flag, message) in [
            (
                "bin=4",
                "answer: missing, expected approve, decline, duplicate, late, lost, garbage, drop or close",
            ),
            ("answer=drop,answer=close", "answer: given twice"),
            ("answer=approve,set.4=1,set.4=2", "set.4: given twice"),
            (
                "bin=4,answer=drop,bin=5",
                "bin: given twice, several values are separated by `|`",
            ),
        ] {
            assert_eq!(rule_from_flag(flag).unwrap_err().to_string(), message);
        }
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
                "set: `200` is not the number of a field, 2 to 192",
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
