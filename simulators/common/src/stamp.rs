//! The moment of a message, as fields 7, 12, 13 and 37 write it.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A moment in UTC, taken apart.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Stamp {
    year: u64,
    month: u64,
    day: u64,
    day_of_year: u64,
    hour: u64,
    minute: u64,
    second: u64,
}

impl Stamp {
    /// The current second.
    #[must_use]
    pub fn now() -> Self {
        Self::at(
            SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .unwrap_or_default(),
        )
    }

    /// A moment since 1970, from the civil-from-days algorithm: years begin in March, so that the leap day comes last.
    #[must_use]
    pub fn at(since_epoch: Duration) -> Self {
        let seconds = since_epoch.as_secs();
        // Days since 0000-03-01; an era is the 400 years after which the calendar repeats.
        let days = seconds / 86_400 + 719_468;
        let (era, day_of_era) = (days / 146_097, days % 146_097);
        let year_of_era =
            (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_march_year =
            day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let march_month = (5 * day_of_march_year + 2) / 153;
        let day = day_of_march_year - (153 * march_month + 2) / 5 + 1;
        let month = if march_month < 10 {
            march_month + 3
        } else {
            march_month - 9
        };
        let year = era * 400 + year_of_era + u64::from(month <= 2);
        let leap =
            year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
        // 306 days lie between the first of March and the first of January.
        let day_of_year = match month {
            1 | 2 => day_of_march_year - 306 + 1,
            _ => day_of_march_year + 59 + u64::from(leap) + 1,
        };
        let of_day = seconds % 86_400;
        Stamp {
            year,
            month,
            day,
            day_of_year,
            hour: of_day / 3_600,
            minute: of_day / 60 % 60,
            second: of_day % 60,
        }
    }

    /// Field 7, MMDDhhmmss.
    #[must_use]
    pub fn transmission(&self) -> String {
        format!("{}{}", self.date(), self.time())
    }

    /// Field 12, hhmmss.
    #[must_use]
    pub fn time(&self) -> String {
        format!("{:02}{:02}{:02}", self.hour, self.minute, self.second)
    }

    /// Field 13, MMDD.
    #[must_use]
    pub fn date(&self) -> String {
        format!("{:02}{:02}", self.month, self.day)
    }

    /// Field 37 by the custom of many acquirers: last digit of the year, day of the year, hour, STAN.
    #[must_use]
    pub fn retrieval_reference(&self, stan: u32) -> String {
        format!(
            "{}{:03}{:02}{:06}",
            self.year % 10,
            self.day_of_year,
            self.hour,
            stan % 1_000_000
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Stamp {
        Stamp::at(Duration::from_secs(seconds))
    }

    /// Moments from `date -u -d @N`.
    #[test]
    fn known_moments() {
        for (seconds, transmission, reference) in [
            (0, "0101000000", "000100000042"),
            (951_782_399, "0228235959", "005923000042"),
            (951_782_400, "0229000000", "006000000042"),
            (951_868_800, "0301000000", "006100000042"),
            (1_735_689_599, "1231235959", "436623000042"),
            (1_735_689_600, "0101000000", "500100000042"),
            (1_772_323_200, "0301000000", "606000000042"),
            (4_107_542_400, "0301000000", "006000000042"),
        ] {
            let stamp = at(seconds);
            assert_eq!(stamp.transmission(), transmission, "{seconds}");
            assert_eq!(stamp.retrieval_reference(42), reference, "{seconds}");
        }
    }

    #[test]
    fn the_parts_make_the_whole() {
        let stamp = at(1_700_000_000);
        assert_eq!(
            (stamp.date().as_str(), stamp.time().as_str()),
            ("1114", "221320")
        );
        assert_eq!(stamp.transmission(), "1114221320");
    }
}
