//! Field numbers as people write them.

/// `2-4 7 11-14 22`
pub(crate) fn number_list(numbers: impl IntoIterator<Item = u8>) -> String {
    let mut runs: Vec<(u8, u8)> = Vec::new();
    for number in numbers {
        match runs.last_mut() {
            Some((_, last)) if *last + 1 == number => *last = number,
            _ => runs.push((number, number)),
        }
    }
    let run = |(first, last): &(u8, u8)| match last - first {
        0 => first.to_string(),
        1 => format!("{first} {last}"),
        _ => format!("{first}-{last}"),
    };
    runs.iter().map(run).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_in_runs() {
        assert_eq!(number_list([2, 3, 4, 7, 11, 12, 64]), "2-4 7 11 12 64");
        assert_eq!(number_list([]), "");
    }
}
