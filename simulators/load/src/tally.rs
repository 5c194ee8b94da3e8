//! What a worker counts. It hands its counts over and starts afresh, so that nothing is shared while messages flow.

use std::collections::BTreeMap;
use std::time::Duration;

use hdrhistogram::Histogram;
use pointsman_iso8583::ResponseCode;

/// Longest latency that is told apart: an hour. What is longer counts as an hour.
const LATENCY_US_MAX: u64 = 3_600_000_000;

/// Significant digits of a latency.
const DIGITS: u8 = 3;

/// Response codes that are counted one by one; a peer that makes up more has the rest counted together.
const CODES_MAX: usize = 256;

/// Examples of wrong answers that are kept for the report.
const PROBLEMS_MAX: usize = 10;

/// A wrong answer, without anything of a card in it.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize)]
pub struct Problem {
    /// Which connection got it.
    pub connection: usize,
    /// Field 11 of it, if it has one.
    pub stan: Option<u32>,
    /// The field that is wrong; 0 for the message type. `None`: the whole answer is.
    pub field: Option<u8>,
    /// In words.
    pub message: String,
}

#[derive(Clone, Debug)]
pub(crate) struct Tally {
    pub(crate) sent: u64,
    pub(crate) answered: u64,
    pub(crate) approved: u64,
    pub(crate) approved_amount: u64,
    pub(crate) declined: u64,
    pub(crate) timeouts: u64,
    pub(crate) lost: u64,
    pub(crate) mismatched: u64,
    pub(crate) unexpected: u64,
    pub(crate) late: u64,
    pub(crate) undecodable: u64,
    pub(crate) echo_missing: u64,
    pub(crate) keep_alives: u64,
    pub(crate) disconnects: u64,
    /// Most codes are one of very few: a short list is faster than a map.
    codes: Vec<(ResponseCode, u64)>,
    codes_other: u64,
    pub(crate) items: Vec<ItemTally>,
    /// From the moment a request was due, microseconds.
    pub(crate) latency: Histogram<u64>,
    /// From the moment it was handed to the socket, microseconds.
    pub(crate) service: Histogram<u64>,
    pub(crate) problems: Vec<Problem>,
}

/// The same for one part of the mix.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct ItemTally {
    pub(crate) sent: u64,
    pub(crate) approved: u64,
    pub(crate) approved_amount: u64,
    pub(crate) declined: u64,
}

fn histogram() -> Histogram<u64> {
    let made = Histogram::new_with_bounds(1, LATENCY_US_MAX, DIGITS);
    #[expect(clippy::expect_used, reason = "the bounds are constants")]
    made.expect("invariant: 1 below the maximum, 3 digits")
}

impl Tally {
    pub(crate) fn new(items: usize) -> Self {
        Tally {
            sent: 0,
            answered: 0,
            approved: 0,
            approved_amount: 0,
            declined: 0,
            timeouts: 0,
            lost: 0,
            mismatched: 0,
            unexpected: 0,
            late: 0,
            undecodable: 0,
            echo_missing: 0,
            keep_alives: 0,
            disconnects: 0,
            codes: Vec::new(),
            codes_other: 0,
            items: vec![ItemTally::default(); items],
            latency: histogram(),
            service: histogram(),
            problems: Vec::new(),
        }
    }

    /// The counts so far; from here they start at zero.
    pub(crate) fn take(&mut self) -> Tally {
        let items = self.items.len();
        std::mem::replace(self, Tally::new(items))
    }

    pub(crate) fn add(&mut self, other: &Tally) {
        self.sent += other.sent;
        self.answered += other.answered;
        self.approved += other.approved;
        self.approved_amount += other.approved_amount;
        self.declined += other.declined;
        self.timeouts += other.timeouts;
        self.lost += other.lost;
        self.mismatched += other.mismatched;
        self.unexpected += other.unexpected;
        self.late += other.late;
        self.undecodable += other.undecodable;
        self.echo_missing += other.echo_missing;
        self.keep_alives += other.keep_alives;
        self.disconnects += other.disconnects;
        for (code, count) in &other.codes {
            self.count_code(*code, *count);
        }
        self.codes_other += other.codes_other;
        for (item, more) in self.items.iter_mut().zip(&other.items) {
            item.sent += more.sent;
            item.approved += more.approved;
            item.approved_amount += more.approved_amount;
            item.declined += more.declined;
        }
        // Same bounds: nothing can be out of range.
        let _ = self.latency.add(&other.latency);
        let _ = self.service.add(&other.service);
        let room = PROBLEMS_MAX.saturating_sub(self.problems.len());
        self.problems
            .extend(other.problems.iter().take(room).cloned());
    }

    pub(crate) fn count_code(&mut self, code: ResponseCode, count: u64) {
        let room = self.codes.len() < CODES_MAX;
        match self.codes.iter_mut().find(|(known, _)| *known == code) {
            Some((_, known)) => *known += count,
            None if room => self.codes.push((code, count)),
            None => self.codes_other += count,
        }
    }

    pub(crate) fn record(histogram: &mut Histogram<u64>, nanoseconds: u64) {
        histogram.saturating_record(nanoseconds.div_ceil(1_000).max(1));
    }

    /// Keeps an example, if there is room for one.
    pub(crate) fn problem(&mut self, problem: impl FnOnce() -> Problem) {
        if self.problems.len() < PROBLEMS_MAX {
            self.problems.push(problem());
        }
    }

    pub(crate) fn codes(&self) -> BTreeMap<String, u64> {
        let other = (self.codes_other > 0).then(|| ("other".to_owned(), self.codes_other));
        self.codes
            .iter()
            .map(|(code, count)| (code.to_string(), *count))
            .chain(other)
            .collect()
    }

    /// What is wrong in the system under test, or in the way to it. A late answer has been counted as a time-out.
    pub(crate) fn errors(&self) -> u64 {
        self.timeouts + self.lost + self.mismatched + self.unexpected + self.undecodable
    }
}

/// A value of a histogram of microseconds.
pub(crate) fn at(histogram: &Histogram<u64>, quantile: f64) -> Duration {
    Duration::from_micros(histogram.value_at_quantile(quantile))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_handed_over_and_add_up() {
        let mut tally = Tally::new(2);
        let mut total = Tally::new(2);
        let code = |text: &str| text.parse::<ResponseCode>().unwrap();
        for round in 1..=3 {
            tally.sent += 10;
            tally.items[1].approved_amount += 5;
            tally.count_code(code("00"), 2);
            tally.count_code(code("51"), 1);
            Tally::record(&mut tally.latency, round * 1_000_000);
            total.add(&tally.take());
        }
        assert_eq!(
            (total.sent, total.items[1].approved_amount, tally.sent),
            (30, 15, 0)
        );
        assert_eq!(
            total.codes(),
            [("00".to_owned(), 6), ("51".to_owned(), 3)].into()
        );
        assert_eq!((total.latency.len(), tally.latency.len()), (3, 0));
        assert_eq!(at(&total.latency, 0.5).as_millis(), 2);
    }

    #[test]
    fn only_so_many_examples_are_kept() {
        let mut total = Tally::new(0);
        for connection in 0..7 {
            let mut tally = Tally::new(0);
            for _ in 0..7 {
                tally.problem(|| Problem {
                    connection,
                    stan: None,
                    field: None,
                    message: String::new(),
                });
            }
            total.add(&tally);
        }
        assert_eq!(total.problems.len(), PROBLEMS_MAX);
    }

    #[test]
    fn latencies_are_rounded_up_to_a_microsecond() {
        let mut tally = Tally::new(0);
        Tally::record(&mut tally.latency, 0);
        Tally::record(&mut tally.latency, 1_001);
        Tally::record(&mut tally.latency, u64::MAX);
        assert_eq!(tally.latency.len(), 3);
        assert_eq!(at(&tally.latency, 0.0).as_micros(), 1);
        assert_eq!(at(&tally.latency, 0.5).as_micros(), 2);
    }
}
