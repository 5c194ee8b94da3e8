//! A rule on the command line.

use super::{Amount, RuleError, Source, compile, expected};
use crate::rule::Rule;

/// The keys, with `set.N` at the end.
const KEYS: [&str; 11] = [
    "mti", "bin", "amount", "terminal", "share", "times", "answer", "code", "delay", "omit",
    "set.N",
];

/// Reads a rule such as `bin=4|51,amount=10.00-19.99,answer=decline,code=51`: the keys of the file, `|` between several
/// values, `set.39=05` for a field.
///
/// # Errors
/// The first mistake.
pub fn rule_from_flag(text: &str) -> Result<Rule, RuleError> {
    let wrong = |message: String| RuleError {
        line: None,
        rule: None,
        message,
    };
    let mut source = Source::default();
    let mut seen: Vec<&str> = Vec::new();
    for part in text.split(',') {
        let (key, value) = part.split_once('=').ok_or_else(|| {
            wrong(format!(
                "`{part}`: expected KEY=VALUE, several separated by commas"
            ))
        })?;
        if seen.contains(&key) {
            let several = if matches!(key, "mti" | "bin" | "omit") {
                ", several values are separated by `|`"
            } else {
                ""
            };
            return Err(wrong(format!("{key}: given twice{several}")));
        }
        seen.push(key);
        let many = || value.split('|').map(str::to_owned).collect();
        let owned = || Some(value.to_owned());
        match key {
            "mti" => source.mti = many(),
            "bin" => source.bin = many(),
            "amount" => source.amount = owned().map(Amount::Text),
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
                        "unknown key `{key}`: {}",
                        expected(key, &KEYS)
                    )));
                }
            },
        }
    }
    let mut problems = Vec::new();
    compile(&source, &mut problems).ok_or_else(|| {
        let texts: Vec<_> = problems
            .iter()
            .map(|(key, message)| format!("{key}: {message}"))
            .collect();
        wrong(texts.join("; "))
    })
}
