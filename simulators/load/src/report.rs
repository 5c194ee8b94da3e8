//! What happened.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::Duration;

use hdrhistogram::Histogram;
use pointsman_sim_common::human;
use serde::Serialize;

pub use crate::tally::Problem;
use crate::tally::Tally;
use crate::threshold::Verdict;

/// What the errors are made of.
const ERRORS: [&str; 6] = [
    "timeouts",
    "lost",
    "mismatched",
    "unexpected",
    "undecodable",
    "unsent",
];

/// The result of a load. Serialized, it is the JSON report.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// Of the layout of this report. Fields are added without a new version.
    pub version: u32,
    /// From the start to the last answer, or to the moment the last one was given up.
    pub duration_seconds: f64,
    /// Answers per second over that time.
    pub rate: f64,
    /// Requests handed to the network.
    pub sent: u64,
    /// Answers that belong to a request, in time.
    pub answered: u64,
    /// Answers that approve.
    pub approved: u64,
    /// What they add up to, minor units, by field 4 of the answer.
    pub approved_amount: u64,
    /// Answers that do not approve.
    pub declined: u64,
    /// Everything that must not happen: time-outs, lost, mismatched, unexpected and undecodable answers, and requests
    /// that were due and never sent.
    pub errors: u64,
    /// Requests without an answer in time.
    pub timeouts: u64,
    /// Requests open on a connection that was cut.
    pub lost: u64,
    /// Answers whose message type or field 4, 41 or 42 is not that of their request.
    pub mismatched: u64,
    /// Answers to nothing that was open: somebody else's, or a second one.
    pub unexpected: u64,
    /// Answers to requests that had been given up. Those are among the time-outs already.
    pub late: u64,
    /// Answers that could not be read.
    pub undecodable: u64,
    /// Requests that were due but for which no connection had room until the end.
    pub unsent: u64,
    /// Requests that were still open when the load was told not to wait for them. They are no errors.
    pub abandoned: u64,
    /// Fields 4, 41 and 42 that answers should have repeated and did not carry.
    pub echo_missing: u64,
    /// Connections that were cut while the load ran.
    pub disconnects: u64,
    /// Zero-length frames received.
    pub keep_alives: u64,
    /// Answers by response code.
    pub response_codes: BTreeMap<String, u64>,
    /// From the moment a request was due. In a closed loop, from the moment it was sent.
    pub latency_us: Latency,
    /// From the moment a request was handed to the network.
    pub service_us: Latency,
    /// By part of the mix.
    pub mix: Vec<CardReport>,
    /// Examples of wrong answers.
    pub problems: Vec<Problem>,
    /// What became of the limits.
    pub thresholds: Vec<Verdict>,
    /// All latencies, for quantiles that are not listed.
    #[serde(skip)]
    latency: Histogram<u64>,
}

/// Latencies, microseconds, of answered requests.
#[derive(Clone, Copy, PartialEq, Debug, Serialize)]
pub struct Latency {
    /// Smallest.
    pub min: u64,
    /// Mean.
    pub mean: f64,
    /// Median.
    pub p50: u64,
    /// 90 %.
    pub p90: u64,
    /// 95 %.
    pub p95: u64,
    /// 99 %.
    pub p99: u64,
    /// 99.9 %.
    pub p999: u64,
    /// Largest.
    pub max: u64,
}

/// One part of the mix.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct CardReport {
    /// Its name.
    pub name: String,
    /// Requests sent.
    pub sent: u64,
    /// Approved.
    pub approved: u64,
    /// What they add up to, minor units.
    pub approved_amount: u64,
    /// Declined.
    pub declined: u64,
}

impl Latency {
    fn of(histogram: &Histogram<u64>) -> Self {
        // An empty histogram gives zeros, but for its minimum.
        let min = if histogram.is_empty() {
            0
        } else {
            histogram.min()
        };
        Latency {
            min,
            mean: histogram.mean(),
            p50: histogram.value_at_quantile(0.5),
            p90: histogram.value_at_quantile(0.9),
            p95: histogram.value_at_quantile(0.95),
            p99: histogram.value_at_quantile(0.99),
            p999: histogram.value_at_quantile(0.999),
            max: histogram.max(),
        }
    }
}

impl Report {
    pub(crate) fn of(tally: &Tally, names: &[String], duration: Duration, unsent: u64) -> Self {
        let duration_seconds = duration.as_secs_f64();
        Report {
            version: 1,
            duration_seconds,
            rate: if duration_seconds > 0.0 {
                tally.answered as f64 / duration_seconds
            } else {
                0.0
            },
            sent: tally.sent,
            answered: tally.answered,
            approved: tally.approved,
            approved_amount: tally.approved_amount,
            declined: tally.declined,
            errors: tally.errors() + unsent,
            timeouts: tally.timeouts,
            lost: tally.lost,
            mismatched: tally.mismatched,
            unexpected: tally.unexpected,
            late: tally.late,
            undecodable: tally.undecodable,
            unsent,
            abandoned: 0,
            echo_missing: tally.echo_missing,
            disconnects: tally.disconnects,
            keep_alives: tally.keep_alives,
            response_codes: tally.codes(),
            latency_us: Latency::of(&tally.latency),
            service_us: Latency::of(&tally.service),
            mix: names
                .iter()
                .zip(&tally.items)
                .map(|(name, item)| CardReport {
                    name: name.clone(),
                    sent: item.sent,
                    approved: item.approved,
                    approved_amount: item.approved_amount,
                    declined: item.declined,
                })
                .collect(),
            problems: tally.problems.clone(),
            thresholds: Vec::new(),
            latency: tally.latency.clone(),
        }
    }

    /// Any quantile of the latency, 0 to 1, microseconds.
    #[must_use]
    pub fn quantile_us(&self, quantile: f64) -> u64 {
        self.latency.value_at_quantile(quantile)
    }

    /// Whether every limit was kept.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.thresholds.iter().all(|verdict| verdict.ok)
    }

    /// Errors that no limit speaks of. A limit on `errors` speaks of all of them.
    #[must_use]
    pub fn errors_unjudged(&self) -> u64 {
        let judged = |name: &str| {
            self.thresholds
                .iter()
                .any(|verdict| verdict.metric == name || verdict.metric == "errors")
        };
        ERRORS
            .into_iter()
            .filter(|name| !judged(name))
            .map(|name| self.count(name))
            .sum()
    }

    pub(crate) fn count(&self, name: &str) -> u64 {
        match name {
            "sent" => self.sent,
            "answered" => self.answered,
            "approved" => self.approved,
            "declined" => self.declined,
            "errors" => self.errors,
            "timeouts" => self.timeouts,
            "lost" => self.lost,
            "mismatched" => self.mismatched,
            "unexpected" => self.unexpected,
            "late" => self.late,
            "undecodable" => self.undecodable,
            "unsent" => self.unsent,
            "echo_missing" => self.echo_missing,
            "disconnects" => self.disconnects,
            _ => 0,
        }
    }

    /// The report for people.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = String::new();
        // Writing to a string cannot fail.
        let _ = self.write_text(&mut text);
        text
    }

    fn write_text(&self, out: &mut String) -> std::fmt::Result {
        let percent = |count: u64, whole: u64| {
            if whole == 0 {
                0.0
            } else {
                count as f64 * 100.0 / whole as f64
            }
        };
        writeln!(
            out,
            "{} sent, {} answered in {:.1} s: {:.1}/s",
            self.sent, self.answered, self.duration_seconds, self.rate
        )?;
        write!(
            out,
            "{} approved ({:.2}%), {} declined ({:.2}%)",
            self.approved,
            percent(self.approved, self.answered),
            self.declined,
            percent(self.declined, self.answered)
        )?;
        let codes: Vec<_> = self
            .response_codes
            .iter()
            .map(|(code, count)| format!("{code}: {count}"))
            .collect();
        writeln!(
            out,
            "; by code {}",
            if codes.is_empty() {
                "none".to_owned()
            } else {
                codes.join(", ")
            }
        )?;
        let service = (self.service_us.p50 != self.latency_us.p50)
            .then_some(("from sending", &self.service_us));
        for (name, latency) in [("latency", &self.latency_us)].into_iter().chain(service) {
            write!(out, "{name}")?;
            for (label, value) in [
                ("p50", latency.p50),
                ("p90", latency.p90),
                ("p99", latency.p99),
                ("p99.9", latency.p999),
                ("max", latency.max),
            ] {
                write!(out, "  {label} {}", human(Duration::from_micros(value)))?;
            }
            writeln!(out)?;
        }
        if self.mix.len() > 1 {
            for part in &self.mix {
                let CardReport {
                    name,
                    sent,
                    approved,
                    declined,
                    ..
                } = part;
                writeln!(
                    out,
                    "  {name}: {sent} sent, {approved} approved, {declined} declined"
                )?;
            }
        }
        let errors = [
            ("timeouts", self.timeouts),
            ("lost", self.lost),
            ("mismatched", self.mismatched),
            ("unexpected", self.unexpected),
            ("undecodable", self.undecodable),
            ("unsent", self.unsent),
            ("late", self.late),
            ("echo_missing", self.echo_missing),
            ("disconnects", self.disconnects),
        ];
        let seen: Vec<_> = errors
            .iter()
            .filter(|(_, count)| *count > 0)
            .map(|(name, count)| format!("{count} {name}"))
            .collect();
        writeln!(
            out,
            "errors: {}",
            if seen.is_empty() {
                "none".to_owned()
            } else {
                seen.join(", ")
            }
        )?;
        if self.abandoned > 0 {
            writeln!(out, "{} still open, not waited for", self.abandoned)?;
        }
        for problem in &self.problems {
            let stan = problem
                .stan
                .map_or_else(String::new, |stan| format!(", STAN {stan:06}"));
            writeln!(
                out,
                "  connection {}{stan}: {}",
                problem.connection, problem.message
            )?;
        }
        for verdict in &self.thresholds {
            let word = if verdict.ok { "kept" } else { "CROSSED" };
            writeln!(
                out,
                "threshold {}: {word}, {}",
                verdict.threshold, verdict.actual
            )?;
        }
        Ok(())
    }
}
