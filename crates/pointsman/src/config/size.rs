//! Sizes as people write them: a number and a unit.

/// Reads `512MiB`, `8GiB` or `1TiB` as bytes. `None` for everything else, and for what does not fit.
pub(crate) fn parse(text: &str) -> Option<u64> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at_checked(digits)?;
    let number: u64 = number.parse().ok()?;
    let (_, bytes) = UNITS.iter().find(|(name, _)| *name == unit)?;
    number.checked_mul(*bytes)
}

/// The shortest form that [`parse`] reads back.
pub(crate) fn show(bytes: u64) -> String {
    let (name, unit) = UNITS
        .iter()
        .rev()
        .find(|(_, unit)| bytes.is_multiple_of(*unit))
        .unwrap_or(&UNITS[0]);
    format!("{}{name}", bytes / unit)
}

const UNITS: [(&str, u64); 3] = [("MiB", 1 << 20), ("GiB", 1 << 30), ("TiB", 1 << 40)];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_a_number_and_a_unit() {
        assert_eq!(parse("512MiB"), Some(512 * 1024 * 1024));
        assert_eq!(parse("8GiB"), Some(8 * 1024 * 1024 * 1024));
        assert_eq!(parse("1TiB"), Some(1024 * 1024 * 1024 * 1024));
        for text in ["512MiB", "8GiB", "1TiB", "1025GiB"] {
            assert_eq!(show(parse(text).unwrap()), text);
        }
    }

    #[test]
    fn refuses_everything_else() {
        for text in [
            "",
            "8",
            "GiB",
            "8GB",
            "8gib",
            "8 GiB",
            "-8GiB",
            "0.5GiB",
            "8G",
            "18446744073709551615TiB",
            "99999999999999999999MiB",
        ] {
            assert_eq!(parse(text), None, "{text:?}");
        }
    }
}
