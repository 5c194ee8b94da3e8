//! "Did you mean …?"

/// The candidate that was probably meant, if one is near enough to be worth a guess.
#[must_use]
pub fn nearest<'a>(written: &str, candidates: &[&'a str]) -> Option<&'a str> {
    // What is much longer than any name is none, and would only cost time to compare.
    let written: String = written.chars().take(100).collect::<String>().to_lowercase();
    let best = candidates
        .iter()
        .map(|candidate| (strsim::osa_distance(&written, candidate), *candidate))
        .min_by_key(|(distance, _)| *distance);
    // One mistake in three letters, but at least one.
    best.filter(|(distance, candidate)| *distance <= (candidate.len() / 3).max(1))
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn guesses_but_not_wildly() {
        let keys = ["amount", "answer", "bin"];
        assert_eq!(nearest("ammount", &keys), Some("amount"));
        assert_eq!(nearest("Bni", &keys), Some("bin"));
        assert_eq!(nearest("terminal", &keys), None);
        assert_eq!(nearest("", &keys), None);
        assert_eq!(nearest(&"x".repeat(1_000_000), &keys), None);
    }
}
