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
}
