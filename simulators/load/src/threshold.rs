//! Limits that a load must keep: `p99<20ms`, `declined<1%`, `errors==0`, `rc51<=0.1%`.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use pointsman_sim_common::{duration, human};
use serde::Serialize;

use crate::report::Report;

/// A limit.
#[derive(Clone, PartialEq, Debug)]
pub struct Threshold {
    text: String,
    metric: Metric,
    comparison: Comparison,
    limit: Limit,
}

#[derive(Clone, PartialEq, Eq, Debug)]
enum Metric {
    /// A quantile of the latency, in hundredths of a percent: 9990 is p99.9.
    Quantile(u32),
    Latency(&'static str),
    Count(&'static str),
    ResponseCode(String),
    Rate,
}

const COUNTS: [&str; 14] = [
    "sent",
    "answered",
    "approved",
    "declined",
    "errors",
    "timeouts",
    "lost",
    "mismatched",
    "unexpected",
    "late",
    "undecodable",
    "unsent",
    "echo_missing",
    "disconnects",
];

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Comparison {
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Equal,
    NotEqual,
}

#[derive(Clone, Copy, PartialEq, Debug)]
enum Limit {
    Duration(Duration),
    Number(f64),
    /// Of the answered ones for response codes, approvals and declines; of the sent ones for the rest.
    Percent(f64),
}

/// What became of a limit.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Verdict {
    /// As written.
    pub threshold: String,
    /// What it was.
    pub actual: String,
    /// Whether it was kept.
    pub ok: bool,
    /// What it is about, as far as that is a count with a name.
    #[serde(skip)]
    pub(crate) metric: &'static str,
}

/// A limit that makes no sense.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("threshold `{text}`: {message}")]
pub struct ThresholdError {
    text: String,
    message: String,
}

impl fmt::Display for Threshold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for Threshold {
    type Err = ThresholdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let error = |message: String| ThresholdError {
            text: text.chars().take(60).collect(),
            message,
        };
        let start = text.find(['<', '>', '=', '!']);
        let (name, rest) = start
            .and_then(|start| text.split_at_checked(start))
            .ok_or_else(|| {
                error("expected METRIC, one of < <= > >= == !=, and a limit: p99<20ms".to_owned())
            })?;
        let comparisons = [
            ("<=", Comparison::LessOrEqual),
            (">=", Comparison::GreaterOrEqual),
            ("==", Comparison::Equal),
            ("!=", Comparison::NotEqual),
            ("<", Comparison::Less),
            (">", Comparison::Greater),
        ];
        let (comparison, limit) = comparisons
            .iter()
            .find_map(|(sign, comparison)| {
                rest.strip_prefix(sign)
                    .map(|limit| (*comparison, limit.trim()))
            })
            .ok_or_else(|| error("expected one of < <= > >= == != after the metric".to_owned()))?;
        let metric = metric(name.trim()).map_err(error)?;
        let limit = match &metric {
            Metric::Quantile(_) | Metric::Latency(_) => {
                Limit::Duration(duration(limit).map_err(|wrong| error(wrong.to_string()))?)
            }
            Metric::Rate => Limit::Number(number(limit).map_err(error)?),
            Metric::Count(_) | Metric::ResponseCode(_) => match limit.strip_suffix('%') {
                Some(percent) => Limit::Percent(number(percent.trim()).map_err(error)?),
                None => Limit::Number(number(limit).map_err(error)?),
            },
        };
        Ok(Threshold {
            text: text.to_owned(),
            metric,
            comparison,
            limit,
        })
    }
}

fn number(text: &str) -> Result<f64, String> {
    let parsed = text
        .parse()
        .ok()
        .filter(|number: &f64| number.is_finite() && *number >= 0.0);
    parsed.ok_or_else(|| format!("`{text}` is not a number"))
}

fn metric(name: &str) -> Result<Metric, String> {
    if let Some(count) = COUNTS.into_iter().find(|count| *count == name) {
        return Ok(Metric::Count(count));
    }
    if let Some(latency) = ["min", "mean", "max"]
        .into_iter()
        .find(|latency| *latency == name)
    {
        return Ok(Metric::Latency(latency));
    }
    if name == "rate" {
        return Ok(Metric::Rate);
    }
    if let Some(code) = name.strip_prefix("rc")
        && (2..=4).contains(&code.len())
    {
        return Ok(Metric::ResponseCode(code.to_owned()));
    }
    let quantile = name
        .strip_prefix('p')
        .and_then(|digits| digits.parse::<f64>().ok());
    if let Some(quantile) = quantile.filter(|quantile| (0.0..=100.0).contains(quantile)) {
        return Ok(Metric::Quantile((quantile * 100.0).round() as u32));
    }
    Err(format!(
        "unknown metric `{name}`: expected p50, p99.9, min, mean, max, rate, rcNN, {}",
        COUNTS.join(", ")
    ))
}

impl Comparison {
    fn holds(self, actual: f64, limit: f64) -> bool {
        match self {
            Comparison::Less => actual < limit,
            Comparison::LessOrEqual => actual <= limit,
            Comparison::Greater => actual > limit,
            Comparison::GreaterOrEqual => actual >= limit,
            Comparison::Equal => actual == limit,
            Comparison::NotEqual => actual != limit,
        }
    }
}

impl Threshold {
    /// Compares what happened with the limit. A latency of no answers at all keeps no limit, nor does a part of nothing.
    #[must_use]
    pub fn judge(&self, report: &Report) -> Verdict {
        let verdict = |actual: String, ok| Verdict {
            threshold: self.text.clone(),
            actual,
            ok,
            metric: match self.metric {
                Metric::Count(name) => name,
                _ => "",
            },
        };
        let latency = |microseconds: f64| {
            let Limit::Duration(limit) = self.limit else {
                return verdict("no latency".to_owned(), false);
            };
            if report.answered == 0 {
                return verdict("no answers".to_owned(), false);
            }
            let holds = self
                .comparison
                .holds(microseconds, limit.as_secs_f64() * 1e6);
            verdict(human(Duration::from_secs_f64(microseconds / 1e6)), holds)
        };
        let counted = |count: u64, whole: u64| match self.limit {
            Limit::Percent(_) if whole == 0 => verdict(format!("{count} of 0"), false),
            Limit::Percent(limit) => {
                let percent = count as f64 * 100.0 / whole as f64;
                verdict(
                    format!("{percent:.3}% ({count} of {whole})"),
                    self.comparison.holds(percent, limit),
                )
            }
            Limit::Number(limit) => verdict(
                count.to_string(),
                self.comparison.holds(count as f64, limit),
            ),
            Limit::Duration(_) => verdict(count.to_string(), false),
        };
        match &self.metric {
            Metric::Quantile(hundredths) => {
                latency(report.quantile_us(f64::from(*hundredths) / 10_000.0) as f64)
            }
            Metric::Latency("min") => latency(report.latency_us.min as f64),
            Metric::Latency("max") => latency(report.latency_us.max as f64),
            Metric::Latency(_) => latency(report.latency_us.mean),
            Metric::Rate => {
                let Limit::Number(limit) = self.limit else {
                    return verdict(String::new(), false);
                };
                verdict(
                    format!("{:.1}/s", report.rate),
                    self.comparison.holds(report.rate, limit),
                )
            }
            Metric::ResponseCode(code) => counted(
                report.response_codes.get(code).copied().unwrap_or(0),
                report.answered,
            ),
            Metric::Count(name) => {
                let whole = if matches!(*name, "approved" | "declined") {
                    report.answered
                } else {
                    report.sent
                };
                counted(report.count(name), whole)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tally::Tally;

    fn report() -> Report {
        let mut tally = Tally::new(0);
        for latency_ms in 1..=1_000_u64 {
            Tally::record(&mut tally.latency, latency_ms * 10_000);
        }
        (tally.sent, tally.answered, tally.approved, tally.declined) = (1_010, 1_000, 990, 10);
        (tally.timeouts, tally.lost) = (7, 3);
        tally.count_code("00".parse().unwrap(), 990);
        tally.count_code("51".parse().unwrap(), 10);
        Report::of(&tally, &[], Duration::from_secs(10), 0)
    }

    fn judge(text: &str) -> (bool, String) {
        let verdict = text.parse::<Threshold>().unwrap().judge(&report());
        (verdict.ok, verdict.actual)
    }

    #[test]
    fn limits_are_kept_or_not() {
        for (text, ok) in [
            ("p50<5.1ms", true),
            ("p50<4.9ms", false),
            ("p99.9<=10ms", true),
            ("max<10ms", false),
            ("mean<6ms", true),
            ("min>=10us", true),
            ("declined<1%", false),
            ("declined<=1%", true),
            ("declined<11", true),
            ("approved>98%", true),
            ("errors==0", false),
            ("errors==10", true),
            ("errors<1%", true),
            ("timeouts!=7", false),
            ("mismatched==0", true),
            ("rc51<=1%", true),
            ("rc91==0", true),
            ("rate>=100", true),
            ("rate > 100", false),
        ] {
            assert_eq!(judge(text).0, ok, "{text}: {}", judge(text).1);
        }
    }

    #[test]
    fn a_verdict_says_what_it_was() {
        assert_eq!(judge("declined<0.5%").1, "1.000% (10 of 1000)");
        assert_eq!(judge("errors==0").1, "10");
        assert_eq!(judge("p50<1ms").1, "5.00 ms");
    }

    #[test]
    fn without_answers_no_latency_is_good_enough() {
        let report = Report::of(&Tally::new(0), &[], Duration::from_secs(1), 0);
        let verdict = "p99<1h".parse::<Threshold>().unwrap().judge(&report);
        assert_eq!((verdict.ok, verdict.actual.as_str()), (false, "no answers"));
    }

    #[test]
    fn no_part_of_nothing_is_small_enough() {
        let report = Report::of(&Tally::new(0), &[], Duration::from_secs(1), 0);
        for text in ["declined<1%", "errors<1%", "rc91<=0.1%", "lost==0%"] {
            let verdict = text.parse::<Threshold>().unwrap().judge(&report);
            assert_eq!(
                (verdict.ok, verdict.actual.as_str()),
                (false, "0 of 0"),
                "{text}"
            );
        }
    }

    #[test]
    fn an_error_that_no_limit_names_stays_one() {
        let unjudged = |limits: &[&str]| {
            let mut report = report();
            report.thresholds = limits
                .iter()
                .map(|limit| limit.parse::<Threshold>().unwrap().judge(&report))
                .collect();
            report.errors_unjudged()
        };
        assert_eq!(unjudged(&["p99<1s", "declined<50%"]), 10);
        assert_eq!(unjudged(&["lost<50%"]), 7);
        assert_eq!(unjudged(&["lost<50%", "timeouts<10"]), 0);
        assert_eq!(unjudged(&["errors<5%"]), 0);
    }

    #[test]
    fn nonsense_is_refused() {
        for (text, message) in [
            ("p99", "expected METRIC, one of"),
            ("p101<1ms", "unknown metric `p101`: expected p50"),
            ("speed<1", "unknown metric `speed`"),
            ("p99<20", "`20` is not a duration"),
            ("errors<few", "`few` is not a number"),
            ("rate<1%", "`1%` is not a number"),
            ("errors=0", "expected one of < <="),
        ] {
            let error = text.parse::<Threshold>().unwrap_err().to_string();
            assert!(
                error.starts_with(&format!("threshold `{text}`: {message}")),
                "{error}"
            );
        }
    }
}
