//! What happened, as a table for people and as JSON for machines.

use std::collections::BTreeMap;
use std::fmt::{self, Write};
use std::path::PathBuf;
use std::time::Duration;

use pointsman_sim_bank::BankHandle;
use pointsman_sim_common::human;
use serde::Serialize;

use crate::counts::Totals;
use crate::keeper::Seen;
use crate::reconcile::Difference;
use crate::setup::BANKS;

/// Differences that the table shows. JSON has them all.
const SHOWN_MAX: usize = 50;

/// The outcome of a run.
#[derive(Debug, Serialize)]
pub struct Report {
    /// What the faults were drawn from.
    pub seed: u64,
    /// How long faults and load went on.
    pub seconds: f64,
    /// What was counted.
    pub totals: Totals,
    /// From a start of the switch to listening, milliseconds: the longest, and the one in the middle.
    pub ready_ms_max: f64,
    /// See above.
    pub ready_ms_median: f64,
    /// What the proxies did, by kind.
    pub faults: BTreeMap<String, u64>,
    /// What each bank did.
    pub banks: Vec<BankReport>,
    /// Answers that banks gave too late, as far as the switch lived to count them.
    pub late: u64,
    /// Reversals that fell due, by cause, as far as the switch lived to count them.
    pub reversals_due: BTreeMap<String, u64>,
    /// What should not have happened, beside differences.
    pub problems: Vec<String>,
    /// What terminals and banks do not agree about.
    pub differences: Vec<Difference>,
    /// Where journal, ledgers, receipts and logs are, if they were kept.
    pub kept: Option<PathBuf>,
}

/// One bank's books and counts.
#[derive(Debug, Serialize)]
pub struct BankReport {
    /// Its name.
    pub name: &'static str,
    /// Approvals booked.
    pub booked: u64,
    /// Of those, reversed.
    pub reversed: u64,
    /// Requests that came again and were not booked again.
    pub repeats: u64,
    /// Reversals of what had never arrived.
    pub reversals_unmatched: u64,
    /// Messages that the bank left without their answer, or answered with garbage or a closed connection.
    pub unanswered: u64,
    /// Answers held back.
    pub delayed: u64,
    /// Answers given twice.
    pub duplicates: u64,
}

impl BankReport {
    pub(crate) fn of(name: &'static str, bank: &BankHandle) -> Self {
        let stats = bank.stats();
        let totals = bank
            .ledger()
            .map(pointsman_sim_bank::Ledger::totals)
            .unwrap_or_default();
        BankReport {
            name,
            booked: totals.approved,
            reversed: totals.reversed,
            repeats: totals.repeats,
            reversals_unmatched: totals.reversals_unmatched,
            unanswered: stats.unanswered + stats.garbage + stats.closed_by_rule,
            delayed: stats.delayed,
            duplicates: stats.duplicates,
        }
    }
}

impl Report {
    pub(crate) fn new(
        seed: u64,
        elapsed: Duration,
        totals: Totals,
        faults: BTreeMap<String, u64>,
        banks: &[BankHandle],
        seen: Seen,
    ) -> Self {
        let mut ready: Vec<f64> = seen
            .ready
            .iter()
            .map(|ready| ready.as_secs_f64() * 1e3)
            .collect();
        ready.sort_unstable_by(f64::total_cmp);
        Report {
            seed,
            seconds: elapsed.as_secs_f64(),
            totals,
            ready_ms_max: ready.last().copied().unwrap_or_default(),
            ready_ms_median: ready.get(ready.len() / 2).copied().unwrap_or_default(),
            faults,
            banks: BANKS
                .iter()
                .zip(banks)
                .map(|(party, bank)| BankReport::of(party.name, bank))
                .collect(),
            late: seen.late,
            reversals_due: seen.reversals_due,
            problems: seen.problems,
            differences: Vec::new(),
            kept: None,
        }
    }

    /// Whether the promise was kept.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.problems.is_empty() && self.differences.is_empty()
    }

    /// Cuts by kind, and everything else that the proxies did.
    fn faults_text(&self, cuts: bool) -> String {
        let some = self
            .faults
            .iter()
            .filter(|(kind, _)| kind.starts_with("cut") == cuts);
        let parts: Vec<String> = some
            .map(|(kind, count)| format!("{count} {kind}"))
            .collect();
        parts.join(", ")
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let totals = &self.totals;
        let ms = |ms: f64| human(Duration::from_secs_f64(ms / 1e3));
        let sum = |of: fn(&BankReport) -> u64| self.banks.iter().map(of).sum::<u64>();
        let mut text = String::new();
        let mut row = |name: &str, value: String| {
            if !value.is_empty() {
                let _ = writeln!(text, "{name:<18}{value}");
            }
        };
        row("seed", self.seed.to_string());
        row("load", format!("{:.0} s", self.seconds));
        row(
            "transactions",
            format!(
                "{} = {} approved + {} declined + {} taken back",
                totals.transactions, totals.approved, totals.declined, totals.taken_back
            ),
        );
        row(
            "terminals",
            format!(
                "{} asked again, {} times insisted, {} refused, {} hung up, {} advices accepted, {} left out",
                totals.repeated,
                totals.insisted,
                totals.refused,
                totals.hung_up,
                totals.advices,
                totals.unsent
            ),
        );
        row(
            "kills",
            format!(
                "{} SIGKILL, {} of them before it listened; {} SIGTERM, {} with something open",
                totals.kills,
                totals.kills_in_recovery,
                totals.terminations,
                totals.terminations_unclean
            ),
        );
        row(
            "starts",
            format!(
                "{}, listening after {} at most, {} in the middle",
                totals.starts,
                ms(self.ready_ms_max),
                ms(self.ready_ms_median)
            ),
        );
        row(
            "links cut",
            format!(
                "{} ({}), {} times a bank away",
                totals.cuts,
                self.faults_text(true),
                totals.banks_away
            ),
        );
        row("messages", self.faults_text(false));
        row(
            "banks",
            format!(
                "{} booked, {} reversed, {} repeats, {} reversals of what never came, {} left unanswered, {} late, {} answered twice",
                sum(|bank| bank.booked),
                sum(|bank| bank.reversed),
                sum(|bank| bank.repeats),
                sum(|bank| bank.reversals_unmatched),
                sum(|bank| bank.unanswered),
                sum(|bank| bank.delayed),
                sum(|bank| bank.duplicates),
            ),
        );
        let due: Vec<String> = self
            .reversals_due
            .iter()
            .map(|(cause, count)| format!("{count} {cause}"))
            .collect();
        row("reversals due", due.join(", "));
        row("late answers", self.late.to_string());
        row("differences", self.differences.len().to_string());
        f.write_str(&text)?;
        for difference in self.differences.iter().take(SHOWN_MAX) {
            writeln!(f, "  {difference}")?;
        }
        if self.differences.len() > SHOWN_MAX {
            writeln!(f, "  … --json has them all")?;
        }
        for problem in &self.problems {
            writeln!(f, "problem: {problem}")?;
        }
        if let Some(kept) = &self.kept {
            writeln!(f, "kept in {}", kept.display())?;
        }
        Ok(())
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Difference {
            what,
            terminal,
            stan,
            reference,
            amount,
            holds,
            booked,
        } = self;
        write!(
            f,
            "{terminal} {stan:06} rrn {reference} {}: {what}; the terminal holds: {holds}; the banks hold: {booked}",
            pointsman_sim_common::money(*amount)
        )
    }
}
