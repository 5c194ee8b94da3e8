//! Short texts without an allocation.

use std::fmt;

/// At most `N` bytes of text, kept in place.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Short<const N: usize> {
    bytes: [u8; N],
    length: u8,
}

impl<const N: usize> Short<N> {
    /// As much of the text, blanks at its end taken off, as has room.
    #[must_use]
    pub fn new(text: &str) -> Self {
        let text = text.trim_end_matches(' ');
        let end = (0..=N.min(text.len()))
            .rev()
            .find(|&end| text.is_char_boundary(end))
            .unwrap_or(0);
        let mut bytes = [0; N];
        bytes
            .iter_mut()
            .zip(text.as_bytes().iter().take(end))
            .for_each(|(to, from)| *to = *from);
        Short {
            bytes,
            length: u8::try_from(end).unwrap_or(0),
        }
    }

    /// Two texts one after the other.
    pub(crate) fn joined(first: &str, second: &str) -> Self {
        let mut both = Self::new(first);
        let room = both.bytes.iter_mut().skip(usize::from(both.length));
        for (to, from) in room.zip(second.bytes().filter(u8::is_ascii)) {
            *to = from;
            both.length += 1;
        }
        both
    }

    /// The last `N` digits of a number, with leading zeros.
    pub(crate) fn digits(number: u64) -> Self {
        let mut bytes = [b'0'; N];
        let mut rest = number;
        for byte in bytes.iter_mut().rev() {
            *byte = b'0' + (rest % 10) as u8;
            rest /= 10;
        }
        Short {
            bytes,
            length: u8::try_from(N).unwrap_or(u8::MAX),
        }
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.bytes
            .get(..usize::from(self.length))
            .and_then(|text| std::str::from_utf8(text).ok())
            .unwrap_or_default()
    }
}

impl<const N: usize> fmt::Debug for Short<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_str().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::Short;

    #[test]
    fn texts_are_trimmed_and_cut_at_a_character() {
        assert_eq!(Short::<8>::new("TERM1   ").as_str(), "TERM1");
        assert_eq!(Short::<4>::new("abcdef").as_str(), "abcd");
        assert_eq!(Short::<3>::new("aéé").as_str(), "aé");
        assert_eq!(Short::<2>::new("aéé").as_str(), "a");
    }

    #[test]
    fn numbers_and_pairs() {
        assert_eq!(Short::<6>::digits(1_234_567).as_str(), "234567");
        assert_eq!(Short::<12>::digits(42).as_str(), "000000000042");
        assert_eq!(Short::<10>::joined("1114", "221320").as_str(), "1114221320");
        assert_eq!(Short::<6>::joined("1114", "221320").as_str(), "111422");
    }
}
