//! Durations as people write them: a number and a unit.

use std::time::Duration;

/// Reads `250ms`, `15s`, `2m` or `1h`. `None` for everything else, and for what does not fit.
pub(crate) fn parse(text: &str) -> Option<Duration> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at_checked(digits)?;
    let number: u64 = number.parse().ok()?;
    let millis_of_unit = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60 * 1_000,
        "h" => 60 * 60 * 1_000,
        _ => return None,
    };
    number
        .checked_mul(millis_of_unit)
        .map(Duration::from_millis)
}

/// The shortest form that [`parse`] reads back.
pub(crate) fn show(duration: Duration) -> String {
    let millis = duration.as_millis();
    let unit = [("h", 3_600_000), ("m", 60_000), ("s", 1_000)]
        .into_iter()
        .find(|(_, size)| millis != 0 && millis.is_multiple_of(*size));
    match unit {
        Some((unit, size)) => format!("{}{unit}", millis / size),
        None => format!("{millis}ms"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_a_number_and_a_unit() {
        assert_eq!(parse("250ms"), Some(Duration::from_millis(250)));
        assert_eq!(parse("15s"), Some(Duration::from_secs(15)));
        assert_eq!(parse("2m"), Some(Duration::from_secs(120)));
        assert_eq!(parse("1h"), Some(Duration::from_secs(3600)));
        assert_eq!(parse("0s"), Some(Duration::ZERO));
    }

    #[test]
    fn refuses_everything_else() {
        for text in [
            "",
            "s",
            "15",
            "-1s",
            "1.5s",
            "1m30s",
            "15S",
            "15sec",
            " 1s",
            "1s ",
            "15 s",
            "١s",
            "18446744073709551615h",
            "99999999999999999999s",
        ] {
            assert_eq!(parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn shows_what_it_reads() {
        for text in ["250ms", "15s", "90s", "2m", "1h", "0ms"] {
            assert_eq!(show(parse(text).unwrap()), text);
        }
    }
}
