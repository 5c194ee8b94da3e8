//! Time as the engine knows it: what the driver says it is.

use core::fmt;
use core::ops::Add;
use core::time::Duration;

/// A point in monotonic time: nanoseconds since some start that the driver chose. 64 bits last 584 years.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Instant(u64);

impl Instant {
    /// The driver's start.
    pub const ZERO: Instant = Instant(0);

    /// That many nanoseconds after the start.
    #[must_use]
    pub const fn from_nanos(nanos: u64) -> Instant {
        Instant(nanos)
    }

    /// Nanoseconds since the start.
    #[must_use]
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// The time from `earlier` until here; zero if it is not earlier.
    #[must_use]
    pub const fn since(self, earlier: Instant) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Duration> for Instant {
    type Output = Instant;

    /// Saturates: a deadline beyond the end of time is never reached.
    fn add(self, duration: Duration) -> Instant {
        let nanos = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        Instant(self.0.saturating_add(nanos))
    }
}

/// What the clock on the wall said at [`Instant::ZERO`]. Only field 7 of the switch's own messages needs it; no
/// decision does, so a clock that jumps harms nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct WallClock {
    unix_seconds: u64,
}

impl WallClock {
    /// Seconds since 1970-01-01T00:00:00Z at [`Instant::ZERO`].
    #[must_use]
    pub const fn from_unix_seconds(unix_seconds: u64) -> WallClock {
        WallClock { unix_seconds }
    }

    /// The day in UTC, counted from 1970-01-01.
    #[must_use]
    pub fn day(self, now: Instant) -> u64 {
        self.unix_seconds
            .saturating_add(now.as_nanos() / 1_000_000_000)
            / 86_400
    }

    /// MMDDhhmmss in UTC, as ISO 8583-1:1987 wants field 7 (transmission date and time), as one number of ten digits.
    #[must_use]
    pub fn transmission_date_time(self, now: Instant) -> TransmissionDateTime {
        let seconds = self
            .unix_seconds
            .saturating_add(now.as_nanos() / 1_000_000_000);
        let (month, day) = month_and_day(seconds / 86_400);
        let (hour, minute, second) = (seconds / 3_600 % 24, seconds / 60 % 60, seconds % 60);
        TransmissionDateTime((((month * 100 + day) * 100 + hour) * 100 + minute) * 100 + second)
    }
}

/// MMDDhhmmss.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TransmissionDateTime(u64);

impl TransmissionDateTime {
    /// Ten digits as a number.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }
}

impl fmt::Display for TransmissionDateTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:010}", self.0)
    }
}

/// Month and day of a day counted from 1970-01-01, in the Gregorian calendar: Howard Hinnant's `civil_from_days`,
/// whose years begin in March so that the leap day is the last day of one.
const fn month_and_day(days: u64) -> (u64, u64) {
    const DAYS_PER_ERA: u64 = 146_097; // 400 years
    const DAYS_TO_1970: u64 = 719_468; // from 0000-03-01
    let day_of_era = (days + DAYS_TO_1970) % DAYS_PER_ERA;
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 {
        month_from_march + 3
    } else {
        month_from_march - 9
    };
    (month, day)
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use super::*;

    #[test]
    fn arithmetic_saturates() {
        let late = Instant::from_nanos(u64::MAX - 1);
        assert_eq!(late + Duration::from_secs(1), Instant::from_nanos(u64::MAX));
        assert_eq!(Instant::ZERO + Duration::MAX, Instant::from_nanos(u64::MAX));
        assert_eq!(Instant::ZERO.since(late), Duration::ZERO);
        assert_eq!(
            (Instant::ZERO + Duration::from_millis(3)).as_nanos(),
            3_000_000
        );
    }

    #[test]
    fn transmission_date_and_time() {
        for (unix_seconds, text) in [
            (0, "0101000000"),
            (951_782_399, "0228235959"),   // 2000-02-28, a leap century
            (951_782_400, "0229000000"),   // 2000-02-29
            (1_709_164_800, "0229000000"), // 2024-02-29
            (1_767_225_599, "1231235959"), // the last second of 2025
            (4_107_542_400, "0301000000"), // 2100-03-01, after a February of 28 days
        ] {
            let clock = WallClock::from_unix_seconds(unix_seconds);
            assert_eq!(
                clock.transmission_date_time(Instant::ZERO).to_string(),
                text
            );
        }
        let clock = WallClock::from_unix_seconds(86_399);
        let second_later = Instant::ZERO + Duration::from_millis(1_500);
        assert_eq!(
            clock.transmission_date_time(second_later).get(),
            102_000_000
        );
    }
}
