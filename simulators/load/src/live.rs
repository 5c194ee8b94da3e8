//! Progress while it runs: a line that is written over on a terminal, a line now and then elsewhere.

use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use pointsman_sim_common::human;

use crate::run::Progress;

/// How often a line is written where lines are kept.
const LINE_EVERY: Duration = Duration::from_secs(5);

/// Where progress is shown: stderr.
#[derive(Debug)]
pub struct Live {
    terminal: bool,
    quiet: bool,
    last: Duration,
}

impl Live {
    /// `quiet` shows nothing.
    #[must_use]
    pub fn new(quiet: bool) -> Self {
        Live {
            terminal: io::stderr().is_terminal(),
            quiet,
            last: Duration::ZERO,
        }
    }

    /// Shows how it goes, where it is time to.
    pub fn show(&mut self, progress: &Progress) {
        if self.quiet || (!self.terminal && progress.elapsed.saturating_sub(self.last) < LINE_EVERY)
        {
            return;
        }
        self.last = progress.elapsed;
        let line = line(progress);
        let mut out = io::stderr().lock();
        // To the start of the line, and clear it: ECMA-48 EL. That nobody reads the progress is no reason to stop.
        let _ = if self.terminal {
            write!(out, "\r\x1b[2K{line}")
        } else {
            writeln!(out, "{line}")
        };
        let _ = out.flush();
    }

    /// Leaves the line for what comes next.
    pub fn end(&mut self) {
        if self.terminal && !self.quiet && self.last > Duration::ZERO {
            let _ = writeln!(io::stderr().lock());
        }
    }
}

fn line(progress: &Progress) -> String {
    let Progress {
        elapsed,
        rate,
        p50,
        p99,
        answered,
        approved,
        declined,
        errors,
        in_flight,
        ..
    } = progress;
    format!(
        "{:>4.0} s  {rate:.0}/s  p50 {}  p99 {}  {answered} answered: {approved} approved, {declined} declined  \
         {errors} errors  {in_flight} in flight",
        elapsed.as_secs_f64(),
        human(*p50),
        human(*p99),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_how_it_goes() {
        let progress = Progress {
            elapsed: Duration::from_millis(3_010),
            rate: 999.6,
            p50: Duration::from_micros(420),
            p99: Duration::from_micros(1_900),
            sent: 3_010,
            answered: 3_000,
            approved: 2_950,
            declined: 50,
            errors: 1,
            in_flight: 9,
        };
        assert_eq!(
            line(&progress),
            "   3 s  1000/s  p50 420 µs  p99 1.90 ms  3000 answered: 2950 approved, 50 declined  1 errors  9 in flight"
        );
    }
}
