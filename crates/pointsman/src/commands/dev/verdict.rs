//! Did everything agree in the end?

use std::fmt::Write;

use pointsman_sim_load::Report;
use serde_json::json;

use super::setup::{BANKS, Books, DECLINE_CODE, Sum};

/// What was found wrong. Nothing is the good case.
#[derive(Debug)]
pub(super) struct Verdict {
    faults: Vec<String>,
    others: Sum,
}

impl Verdict {
    /// Holds the terminals' report against the banks' ledgers.
    pub(super) fn of(report: &Report, books: &[Books], drained: bool) -> Self {
        let mut faults = Vec::new();
        let mut none = |count: u64, what: &str| {
            if count > 0 {
                faults.push(format!("{count} {what}"));
            }
        };
        none(report.timeouts, "requests were never answered");
        none(report.lost, "requests were lost with their connection");
        none(report.mismatched, "answers did not match their request");
        none(report.unexpected, "answers belonged to no request");
        none(report.late, "answers came too late");
        none(report.undecodable, "answers did not decode");
        none(
            report.echo_missing,
            "answers lacked a field of their terminal",
        );
        none(report.unsent, "requests could not be sent");
        for (code, count) in &report.response_codes {
            if code != "00" && code != DECLINE_CODE {
                faults.push(format!(
                    "{count} answers with the unexpected response code {code}"
                ));
            }
        }
        if report.answered == 0 {
            faults.push("nothing was bought".to_owned());
        }
        let mut others = Sum::default();
        for ((bank, books), heard) in BANKS.iter().zip(books).zip(&report.mix) {
            others.count += books.others.count;
            others.amount += books.others.amount;
            let Sum { count, amount } = books.fleet;
            if (count, amount) != (heard.approved, heard.approved_amount) {
                faults.push(format!(
                    "bank {} holds {count} approvals of the fleet, {} in all; its cards were told {} of {}",
                    bank.name,
                    money(amount),
                    heard.approved,
                    money(heard.approved_amount),
                ));
            }
        }
        if !drained {
            faults.push("the switch did not drain in time".to_owned());
        }
        Verdict { faults, others }
    }

    pub(super) fn is_clean(&self) -> bool {
        self.faults.is_empty()
    }

    pub(super) fn to_json(&self, report: &Report) -> String {
        format!(
            "{}\n",
            json!({ "ok": self.is_clean(), "faults": self.faults, "report": report })
        )
    }

    pub(super) fn to_text(&self, report: &Report) -> String {
        let latency = &report.latency_us;
        let mut text = format!(
            "{} purchases in {:.1} s ({:.0}/s): {} approved ({}), {} declined\n\
             latency ms: p50 {:.2}  p90 {:.2}  p99 {:.2}  max {:.2}\n",
            report.answered,
            report.duration_seconds,
            report.rate,
            report.approved,
            money(report.approved_amount),
            report.declined,
            latency.p50 as f64 / 1e3,
            latency.p90 as f64 / 1e3,
            latency.p99 as f64 / 1e3,
            latency.max as f64 / 1e3,
        );
        if self.others.count > 0 {
            // Writing to a String cannot fail.
            let _ = writeln!(
                text,
                "besides, somebody else bought {} times, {} in all",
                self.others.count,
                money(self.others.amount),
            );
        }
        if self.is_clean() {
            text.push_str("nothing lost, nothing mixed up: every approval is in its bank's ledger, and nothing else is\n");
        }
        for fault in &self.faults {
            let _ = writeln!(text, "FAULT: {fault}");
        }
        if !self.is_clean() {
            text.push_str("hint: run it again with --log info, or with a lower --rate if this machine is busy\n");
        }
        text
    }
}

/// Minor units with two decimals, as the simulated cards have them.
fn money(minor: u64) -> String {
    format!("{}.{:02}", minor / 100, minor % 100)
}
