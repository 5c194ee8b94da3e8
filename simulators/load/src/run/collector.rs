//! Adding up what the threads count.

use std::time::{Duration, Instant};

use crate::config::LoadConfig;
use crate::report::Report;
use crate::tally::{Tally, at};
use crate::worker::Message;

/// How a load is doing.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Progress {
    /// Since the start.
    pub elapsed: Duration,
    /// Answers per second since the last time.
    pub rate: f64,
    /// Median latency since the last time.
    pub p50: Duration,
    /// 99 % of the latencies since the last time are at most this.
    pub p99: Duration,
    /// Requests so far.
    pub sent: u64,
    /// Answers so far.
    pub answered: u64,
    /// Approved so far.
    pub approved: u64,
    /// Declined so far.
    pub declined: u64,
    /// Errors so far.
    pub errors: u64,
    /// Requests that wait for their answers.
    pub in_flight: u64,
}

/// Adds up what the threads count.
pub(super) struct Collector {
    /// Threads that are not done yet.
    pub(super) running: usize,
    threads: usize,
    names: Vec<String>,
    total: Tally,
    interval: Tally,
    parts: usize,
    started: Instant,
    last: Instant,
    unsent: u64,
    abandoned: u64,
    last_answer: Duration,
}

impl Collector {
    pub(super) fn new(config: &LoadConfig, started: Instant) -> Self {
        let names: Vec<_> = config
            .mix
            .items()
            .iter()
            .map(|item| item.name.clone())
            .collect();
        Collector {
            running: config.threads,
            threads: config.threads,
            total: Tally::new(names.len()),
            interval: Tally::new(names.len()),
            names,
            parts: 0,
            started,
            last: started,
            unsent: 0,
            abandoned: 0,
            last_answer: Duration::ZERO,
        }
    }

    /// Takes a message; gives the progress once every thread has told its part.
    pub(super) fn take(&mut self, message: Message) -> Option<Progress> {
        match message {
            Message::Connected | Message::CannotConnect(_) => None,
            Message::Done {
                tally,
                unsent,
                abandoned,
                last_answer,
            } => {
                self.total.add(&tally);
                self.unsent += unsent;
                self.abandoned += abandoned;
                self.last_answer = self.last_answer.max(last_answer);
                self.running -= 1;
                None
            }
            Message::Tally(tally) => {
                self.total.add(&tally);
                self.interval.add(&tally);
                self.parts += 1;
                (self.parts >= self.threads).then(|| self.progress())
            }
        }
    }

    fn progress(&mut self) -> Progress {
        self.parts = 0;
        let interval = self.interval.take();
        let seconds = self.last.elapsed().as_secs_f64();
        self.last = Instant::now();
        let total = &self.total;
        Progress {
            elapsed: self.started.elapsed(),
            rate: if seconds > 0.0 {
                interval.answered as f64 / seconds
            } else {
                0.0
            },
            p50: at(&interval.latency, 0.5),
            p99: at(&interval.latency, 0.99),
            sent: total.sent,
            answered: total.answered,
            approved: total.approved,
            declined: total.declined,
            errors: total.errors(),
            in_flight: total
                .sent
                .saturating_sub(total.answered + total.timeouts + total.lost),
        }
    }

    pub(super) fn report(&self, config: &LoadConfig) -> Report {
        // The window is as long as asked for, and longer if answers came later; a time-out at the end does not stretch it.
        let asked = config
            .duration
            .unwrap_or(Duration::ZERO)
            .min(self.started.elapsed());
        let mut report = Report::of(
            &self.total,
            &self.names,
            asked.max(self.last_answer),
            self.unsent,
        );
        report.abandoned = self.abandoned;
        report
    }
}
