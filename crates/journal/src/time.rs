//! The moment at which something was written down.

use std::fmt;
use std::str::FromStr;
use std::time::{SystemTime, UNIX_EPOCH};

/// Microseconds since 1970-01-01T00:00:00Z. Shown as `2026-11-24T20:19:44.123456Z`, which also sorts as text.
///
/// The order of records is their [`crate::Lsn`]: a wall clock may be set back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnixMicros(pub i64);

const MICROS_PER_SECOND: i64 = 1_000_000;
const SECONDS_PER_DAY: i64 = 86_400;
/// The Gregorian calendar repeats itself after 400 years.
const DAYS_PER_ERA: i64 = 146_097;
/// From 0000-03-01, where a year begins that ends with its leap day, to 1970-01-01.
const DAYS_TO_UNIX: i64 = 719_468;

impl UnixMicros {
    /// The clock of this machine.
    #[must_use]
    pub fn now() -> UnixMicros {
        let since = |time: SystemTime| match time.duration_since(UNIX_EPOCH) {
            Ok(after) => i64::try_from(after.as_micros()).unwrap_or(i64::MAX),
            Err(before) => {
                i64::try_from(before.duration().as_micros()).map_or(i64::MIN, |micros| -micros)
            }
        };
        UnixMicros(since(SystemTime::now()))
    }
}

impl fmt::Display for UnixMicros {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let micros = self.0.rem_euclid(MICROS_PER_SECOND);
        let seconds = self.0.div_euclid(MICROS_PER_SECOND);
        let (year, month, day) = date(seconds.div_euclid(SECONDS_PER_DAY));
        let second = seconds.rem_euclid(SECONDS_PER_DAY);
        write!(
            f,
            "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}.{micros:06}Z",
            second / 3600,
            second / 60 % 60,
            second % 60
        )
    }
}

/// The date of a day counted from 1970-01-01. Within an era, years are counted from March, so that the leap day is the
/// last of its year and months have lengths that a line with the slope 153/5 gives.
fn date(day: i64) -> (i64, i64, i64) {
    let day = day + DAYS_TO_UNIX;
    let era = day.div_euclid(DAYS_PER_ERA);
    let in_era = day.rem_euclid(DAYS_PER_ERA);
    let year_of_era = (in_era - in_era / 1_460 + in_era / 36_524 - in_era / 146_096) / 365;
    let in_year = in_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * in_year + 2) / 153;
    let day_of_month = in_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 {
        from_march + 3
    } else {
        from_march - 9
    };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day_of_month)
}

/// The day, counted from 1970-01-01, of a date: the inverse of [`date`].
fn day(year: i64, month: i64, day_of_month: i64) -> i64 {
    let year = year - i64::from(month <= 2);
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let from_march = (month + 9) % 12;
    let in_year = (153 * from_march + 2) / 5 + day_of_month - 1;
    let in_era = 365 * year_of_era + year_of_era / 4 - year_of_era / 100 + in_year;
    era * DAYS_PER_ERA + in_era - DAYS_TO_UNIX
}

/// The text is not a time in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a time in UTC such as 2026-11-24 or 2026-11-24T20:19:44Z")]
pub struct NotATime;

impl FromStr for UnixMicros {
    type Err = NotATime;

    /// Reads a date, or a date and a time with up to six decimals of a second. The time is UTC, with or without its `Z`.
    fn from_str(text: &str) -> Result<Self, NotATime> {
        let (date_text, time_text) = match text.split_once(['T', ' ']) {
            Some((date, time)) => (date, Some(time)),
            None => (text, None),
        };
        let [year, month, of_month] = numbers(date_text, '-', [4, 2, 2])?;
        let number = day(year, month, of_month);
        // A date that does not exist, such as February 30, comes back as another one.
        if month == 0 || month > 12 || of_month == 0 || date(number) != (year, month, of_month) {
            return Err(NotATime);
        }
        let mut micros = 0;
        if let Some(time) = time_text {
            let time = time.strip_suffix('Z').unwrap_or(time);
            let (whole, fraction) = time.split_once('.').unwrap_or((time, "0"));
            let [hour, minute, second] = numbers(whole, ':', [2, 2, 2])?;
            if hour > 23 || minute > 59 || second > 59 || !(1..=6).contains(&fraction.len()) {
                return Err(NotATime);
            }
            let scale = 10_i64.pow(6 - u32::try_from(fraction.len()).map_err(|_| NotATime)?);
            micros = ((hour * 60 + minute) * 60 + second) * MICROS_PER_SECOND
                + digits(fraction)? * scale;
        }
        Ok(UnixMicros(
            number * SECONDS_PER_DAY * MICROS_PER_SECOND + micros,
        ))
    }
}

/// Exactly three numbers of these widths.
fn numbers(text: &str, between: char, widths: [usize; 3]) -> Result<[i64; 3], NotATime> {
    let mut numbers = [0; 3];
    let mut parts = text.split(between);
    for (number, width) in numbers.iter_mut().zip(widths) {
        let part = parts.next().ok_or(NotATime)?;
        if part.len() != width {
            return Err(NotATime);
        }
        *number = digits(part)?;
    }
    match parts.next() {
        None => Ok(numbers),
        Some(_) => Err(NotATime),
    }
}

fn digits(text: &str) -> Result<i64, NotATime> {
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        text.parse().map_err(|_| NotATime)
    } else {
        Err(NotATime)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn known_moments() {
        for (micros, text) in [
            (0, "1970-01-01T00:00:00.000000Z"),
            (-1, "1969-12-31T23:59:59.999999Z"),
            (951_782_400_000_000, "2000-02-29T00:00:00.000000Z"),
            (1_795_551_584_123_456, "2026-11-24T20:19:44.123456Z"),
            (4_107_542_400_000_000, "2100-03-01T00:00:00.000000Z"),
        ] {
            assert_eq!(UnixMicros(micros).to_string(), text);
            assert_eq!(text.parse(), Ok(UnixMicros(micros)));
        }
        assert_eq!("2026-11-24".parse(), Ok(UnixMicros(1_795_478_400_000_000)));
        assert_eq!(
            "2026-11-24 00:00:01.5".parse(),
            Ok(UnixMicros(1_795_478_401_500_000))
        );
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in [
            "",
            "2026",
            "2026-13-01",
            "2026-02-30",
            "2026-00-10",
            "2026-01-00",
            "2026-1-01",
            "2026-01-01T24:00:00Z",
            "2026-01-01T00:00:00.1234567Z",
            "2026-01-01T00:00:00.Z",
            "2026-01-01T00:00:00+02:00",
            "2026-01-01-01",
            "+026-01-01",
        ] {
            assert_eq!(text.parse::<UnixMicros>(), Err(NotATime), "{text}");
        }
    }

    proptest! {
        #[test]
        fn shown_and_read_is_the_same(micros in -62_135_596_800_000_000_i64..253_402_300_800_000_000) {
            let moment = UnixMicros(micros);
            prop_assert_eq!(moment.to_string().parse(), Ok(moment));
        }

        #[test]
        fn every_number_can_be_shown(micros: i64) {
            prop_assert!(UnixMicros(micros).to_string().ends_with('Z'));
        }
    }
}
