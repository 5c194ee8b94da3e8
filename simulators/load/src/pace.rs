//! When each request of an open loop is due.

use std::time::Duration;

/// A constant rate, reached in a straight line from zero.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Schedule {
    /// Requests per second once the ramp is over.
    rate: f64,
    /// Length of the ramp, seconds.
    ramp: f64,
}

impl Schedule {
    pub(crate) fn new(rate: f64, ramp: Duration) -> Self {
        Schedule {
            rate,
            ramp: ramp.as_secs_f64(),
        }
    }

    /// When request `number`, counted from zero, is due, after the start.
    ///
    /// The rate at `t` within the ramp is `rate * t / ramp`, so that `rate * t² / (2 * ramp)` requests are due by then.
    pub(crate) fn due(&self, number: u64) -> Duration {
        let number = number as f64;
        let in_ramp = self.rate * self.ramp / 2.0;
        let seconds = if number < in_ramp {
            (2.0 * self.ramp * number / self.rate).sqrt()
        } else {
            self.ramp + (number - in_ramp) / self.rate
        };
        Duration::from_secs_f64(seconds)
    }
}

/// This worker's part of an open loop's schedule: every `step`-th request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DueQueue {
    schedule: Schedule,
    next: u64,
    step: u64,
    count: u64,
    end: Duration,
}

impl DueQueue {
    pub(crate) fn new(
        schedule: Schedule,
        first: usize,
        step: usize,
        count: Option<u64>,
        end: Option<Duration>,
    ) -> Self {
        DueQueue {
            schedule,
            next: first as u64,
            step: step as u64,
            count: count.unwrap_or(u64::MAX),
            end: end.unwrap_or(Duration::MAX),
        }
    }

    /// When the next one is due; `None` after the last.
    pub(crate) fn peek(&self) -> Option<Duration> {
        let due = (self.next < self.count).then(|| self.schedule.due(self.next))?;
        (due < self.end).then_some(due)
    }

    /// Whether the last one has been sent. Not yet, if what is left is due after the end.
    pub(crate) fn is_used_up(&self) -> bool {
        self.next >= self.count
    }

    pub(crate) fn advance(&mut self) {
        self.next += self.step;
    }

    /// How many were due by `now` and are still here.
    pub(crate) fn overdue(&self, now: Duration) -> u64 {
        let mut rest = *self;
        let mut overdue = 0;
        while rest.peek().is_some_and(|due| due <= now) {
            rest.advance();
            overdue += 1;
        }
        overdue
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_constant_rate_is_evenly_spaced() {
        let schedule = Schedule::new(1_000.0, Duration::ZERO);
        for number in [0, 1, 999, 1_000_000] {
            assert_eq!(schedule.due(number), Duration::from_millis(number));
        }
    }

    #[test]
    fn a_ramp_is_half_as_many_and_then_goes_on_without_a_step() {
        let schedule = Schedule::new(1_000.0, Duration::from_secs(10));
        let within = |number, seconds: f64| {
            let due = schedule.due(number).as_secs_f64();
            assert!(
                (due - seconds).abs() < 1e-6,
                "{number} is due at {due}, not {seconds}"
            );
        };
        within(0, 0.0);
        within(1_250, 5.0);
        within(5_000, 10.0);
        within(5_001, 10.001);
        within(6_000, 11.0);
        let mut last = Duration::ZERO;
        for number in 0..7_000 {
            let due = schedule.due(number);
            assert!(due >= last);
            last = due;
        }
    }

    #[test]
    fn threads_share_a_schedule_without_gaps_or_overlaps() {
        let end = Some(Duration::from_millis(100));
        let all: Vec<_> = (0..3)
            .flat_map(|thread| {
                let mut queue =
                    DueQueue::new(Schedule::new(1_000.0, Duration::ZERO), thread, 3, None, end);
                std::iter::from_fn(move || queue.peek().inspect(|_| queue.advance()))
                    .collect::<Vec<_>>()
            })
            .collect();
        let mut sorted = all;
        sorted.sort_unstable();
        assert_eq!(
            sorted,
            (0..100).map(Duration::from_millis).collect::<Vec<_>>()
        );
    }

    #[test]
    fn what_was_due_and_is_still_there_is_overdue() {
        let schedule = Schedule::new(1_000.0, Duration::ZERO);
        let mut queue = DueQueue::new(schedule, 0, 1, Some(10), None);
        (0..4).for_each(|_| queue.advance());
        assert_eq!(queue.overdue(Duration::from_millis(7)), 4, "numbers 4 to 7");
        assert_eq!(
            queue.overdue(Duration::from_secs(1)),
            6,
            "there are ten in all"
        );
        assert!(!queue.is_used_up());
        (0..6).for_each(|_| queue.advance());
        assert!(queue.is_used_up() && queue.peek().is_none());
    }
}
