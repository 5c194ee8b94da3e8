//! "Did you mean …?"

/// The candidate that was probably meant, if one is near enough to be worth a guess.
pub(crate) fn nearest<'a>(
    written: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let written = normal(written);
    let mut best: Option<(usize, &str)> = None;
    for candidate in candidates {
        let normal = normal(candidate);
        // In half edits, so that a word cut short (`drain` for `drain_timeout`, `lin` for `link`) is nearer than one with
        // an edit anywhere.
        let distance = if normal == written {
            0
        } else if written.len() >= 3 && normal.starts_with(&written) {
            1
        } else {
            2 * strsim::osa_distance(&written, &normal)
        };
        // One mistake in three letters, but at least one.
        let tolerated = 2 * (candidate.len() / 3).max(1);
        if distance <= tolerated && best.is_none_or(|(least, _)| distance < least) {
            best = Some((distance, candidate));
        }
    }
    best.map(|(_, candidate)| candidate)
}

/// What people do not see as a difference.
fn normal(text: &str) -> String {
    // What is much longer than any name is none, and would only cost time to compare.
    text.chars()
        .take(100)
        .map(|c| match c {
            '-' | ' ' => '_',
            _ => c.to_ascii_lowercase(),
        })
        .collect()
}

/// `a`, `b` or `c`.
pub(crate) fn one_of<'a>(items: impl IntoIterator<Item = &'a str>) -> String {
    joined(items, "or")
}

/// `a`, `b` and `c`.
pub(crate) fn all_of<'a>(items: impl IntoIterator<Item = &'a str>) -> String {
    joined(items, "and")
}

fn joined<'a>(items: impl IntoIterator<Item = &'a str>, word: &str) -> String {
    let items: Vec<String> = items.into_iter().map(|item| format!("`{item}`")).collect();
    match items.split_last() {
        None => String::new(),
        Some((only, [])) => only.clone(),
        Some((last, rest)) => format!("{} {word} {last}", rest.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIALECTS: [&str; 3] = ["iso87-ascii", "iso87-bcd", "unionpay-pos"];

    #[test]
    fn finds_what_was_meant() {
        assert_eq!(nearest("iso87-asci", DIALECTS), Some("iso87-ascii"));
        assert_eq!(nearest("ISO87_BCD", DIALECTS), Some("iso87-bcd"));
        assert_eq!(nearest("unionpay", DIALECTS), Some("unionpay-pos"));
        assert_eq!(nearest("bni", ["bin", "link"]), Some("bin"));
    }

    #[test]
    fn does_not_guess_wildly() {
        assert_eq!(nearest("base24", DIALECTS), None);
        assert_eq!(nearest("", DIALECTS), None);
        assert_eq!(nearest("pin", ["link", "default"]), None);
        assert_eq!(nearest(&"x".repeat(1_000_000), DIALECTS), None);
    }
}
