//! Amounts as people write them.

/// What a person wrote is not an amount.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{found}` is not an amount: expected minor units such as 1000, or 10.00")]
pub struct AmountError {
    found: String,
}

/// Reads `1000` as minor units and `10.00` as major units with two decimals.
///
/// # Errors
/// Anything else, and what does not fit the 12 digits of field 4.
pub fn amount_minor(text: &str) -> Result<u64, AmountError> {
    let error = || AmountError {
        found: text.chars().take(40).collect(),
    };
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let joined = match text.split_once('.') {
        Some((major, minor)) if digits(major) && digits(minor) && minor.len() == 2 => {
            format!("{major}{minor}")
        }
        None if digits(text) => text.to_owned(),
        _ => return Err(error()),
    };
    joined
        .parse()
        .ok()
        .filter(|&amount| amount <= 999_999_999_999)
        .ok_or_else(error)
}

/// Writes minor units as people read them: `1234` as `12.34`.
#[must_use]
pub fn money(minor: u64) -> String {
    format!("{}.{:02}", minor / 100, minor % 100)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn minor_and_major_units() {
        assert_eq!(amount_minor("10.00"), Ok(1000));
        assert_eq!(amount_minor("1000"), Ok(1000));
        assert_eq!(amount_minor("0.01"), Ok(1));
        assert_eq!(amount_minor("9999999999.99"), Ok(999_999_999_999));
    }

    #[test]
    fn what_is_written_can_be_read() {
        for (minor, text) in [(0, "0.00"), (5, "0.05"), (123_456, "1234.56")] {
            assert_eq!(money(minor), text);
            assert_eq!(amount_minor(text), Ok(minor));
        }
    }

    #[test]
    fn anything_else_is_refused() {
        for text in [
            "",
            "1.0",
            "1.000",
            ".50",
            "-1",
            "1,00",
            "10000000000.00",
            "99999999999999999999",
        ] {
            let error = amount_minor(text).unwrap_err().to_string();
            assert!(
                error.starts_with(&format!("`{text}` is not an amount")),
                "{error}"
            );
        }
    }
}
