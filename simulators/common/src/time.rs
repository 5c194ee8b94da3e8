//! Durations as people write and read them.

use std::time::Duration;

/// What a person wrote is not a duration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{found}` is not a duration: expected a number with ms, s, m or h, such as 250ms or 15s")]
pub struct DurationError {
    found: String,
}

/// Reads `250ms`, `1.5s`, `2m`, `1h`; the unit is required, and a day is the most.
///
/// # Errors
/// Anything else.
pub fn duration(text: &str) -> Result<Duration, DurationError> {
    let error = || DurationError {
        found: text.chars().take(40).collect(),
    };
    let digits = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let seconds = match unit {
        "us" | "µs" => 1e-6,
        "ms" => 1e-3,
        "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        _ => return Err(error()),
    };
    let number: f64 = number.parse().map_err(|_| error())?;
    match Duration::try_from_secs_f64(number * seconds) {
        Ok(duration) if duration <= Duration::from_secs(86_400) => Ok(duration),
        _ => Err(error()),
    }
}

/// Writes a latency with a fitting unit and three digits or so: `870 µs`, `12.3 ms`, `1.25 s`.
#[must_use]
pub fn human(duration: Duration) -> String {
    let us = duration.as_secs_f64() * 1e6;
    match us {
        ..1_000.0 => format!("{us:.0} µs"),
        ..10_000.0 => format!("{:.2} ms", us / 1e3),
        ..1_000_000.0 => format!("{:.1} ms", us / 1e3),
        _ => format!("{:.2} s", us / 1e6),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read() {
        for (text, ms) in [
            ("250ms", 250),
            ("15s", 15_000),
            ("1.5s", 1_500),
            ("2m", 120_000),
            ("1h", 3_600_000),
        ] {
            assert_eq!(duration(text), Ok(Duration::from_millis(ms)), "{text}");
        }
        assert_eq!(duration("40us"), Ok(Duration::from_micros(40)));
        assert_eq!(duration("0s"), Ok(Duration::ZERO));
    }

    #[test]
    fn other_text_is_refused() {
        for text in ["", "s", "10", "-1s", "1..5s", "1d", "99h", "1e3s", "10 s"] {
            let error = duration(text).unwrap_err().to_string();
            assert!(
                error.starts_with(&format!("`{text}` is not a duration")),
                "{error}"
            );
        }
    }

    #[test]
    fn latencies_read_well() {
        for (us, text) in [
            (870, "870 µs"),
            (1_234, "1.23 ms"),
            (12_345, "12.3 ms"),
            (1_250_000, "1.25 s"),
        ] {
            assert_eq!(human(Duration::from_micros(us)), text);
        }
    }
}
