//! Progress while it runs: a line that is written over on a terminal, a line now and then elsewhere.

use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use crate::counts::Totals;

/// How often a line is written where lines are kept.
const LINE_EVERY: Duration = Duration::from_secs(5);

/// Where progress is shown: stderr.
#[derive(Debug)]
pub(crate) struct Live {
    terminal: bool,
    quiet: bool,
    last: Option<Duration>,
}

impl Live {
    pub(crate) fn new(quiet: bool) -> Self {
        Live {
            terminal: io::stderr().is_terminal(),
            quiet,
            last: None,
        }
    }

    /// Shows how it goes, where it is time to.
    pub(crate) fn show(&mut self, elapsed: Duration, totals: &Totals) {
        let recently = self
            .last
            .is_some_and(|last| elapsed.saturating_sub(last) < LINE_EVERY);
        if self.quiet || (!self.terminal && recently) {
            return;
        }
        self.last = Some(elapsed);
        let line = line(elapsed, totals);
        let mut out = io::stderr().lock();
        // To the start of the line, and clear it: ECMA-48 EL. That nobody reads the progress is no reason to stop.
        let _ = if self.terminal {
            write!(out, "\r\x1b[2K{line}")
        } else {
            writeln!(out, "{line}")
        };
        let _ = out.flush();
    }

    /// Says what is done now, on a line of its own.
    pub(crate) fn say(&mut self, text: &str) {
        if self.quiet {
            return;
        }
        let open = self.terminal && self.last.take().is_some();
        let _ = writeln!(
            io::stderr().lock(),
            "{}{text}",
            if open { "\n" } else { "" }
        );
    }
}

fn line(elapsed: Duration, totals: &Totals) -> String {
    format!(
        "{:>4.0} s  {} purchases: {} approved, {} declined, {} taken back  {} advices  {} kills  {} cuts",
        elapsed.as_secs_f64(),
        totals.transactions,
        totals.approved,
        totals.declined,
        totals.taken_back,
        totals.advices,
        totals.kills,
        totals.cuts,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_how_it_goes() {
        let totals = Totals {
            transactions: 900,
            approved: 850,
            declined: 40,
            taken_back: 10,
            advices: 45,
            kills: 1,
            cuts: 4,
            ..Totals::default()
        };
        assert_eq!(
            line(Duration::from_millis(3_010), &totals),
            "   3 s  900 purchases: 850 approved, 40 declined, 10 taken back  45 advices  1 kills  4 cuts"
        );
    }
}
