//! Message types as rules name them: `0200`, `0x10` for any digit, `0[12]00` for some.

use core::fmt;

/// Each place allows some digits; a bit stands for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Pattern([u16; 4]);

/// All ten digits.
const ANY: u16 = 0x3FF;

impl Pattern {
    pub(crate) fn parse(text: &str) -> Option<Pattern> {
        let mut places = [0; 4];
        let mut rest = text.bytes();
        for place in &mut places {
            *place = match rest.next()? {
                b'x' => ANY,
                b'[' => {
                    let mut digits = 0;
                    loop {
                        match rest.next()? {
                            b']' => break digits,
                            byte => digits |= bit_of(byte)?,
                        }
                    }
                }
                byte => bit_of(byte)?,
            };
        }
        let is_whole = rest.next().is_none() && !places.contains(&0);
        is_whole.then_some(Pattern(places))
    }

    /// Does this place allow this digit, 0 to 9?
    pub(crate) fn allows(self, place: usize, digit: u8) -> bool {
        self.0
            .get(place)
            .is_some_and(|digits| digits >> digit & 1 == 1)
    }

    /// How many types match it: of two patterns that match one, the narrower is closer.
    pub(crate) fn width(self) -> u32 {
        self.0.iter().map(|digits| digits.count_ones()).product()
    }
}

fn bit_of(byte: u8) -> Option<u16> {
    byte.is_ascii_digit().then(|| 1 << (byte - b'0'))
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|digits| {
            let allowed = (0..10_u8).filter(|digit| digits >> digit & 1 == 1);
            let text: String = allowed.map(|digit| char::from(b'0' + digit)).collect();
            match digits.count_ones() {
                1 => f.write_str(&text),
                10 => f.write_str("x"),
                _ => write!(f, "[{text}]"),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_written_as_they_are_read() {
        for text in ["0200", "0x10", "0[12]0[01]", "xxxx", "[12]x[13]0"] {
            assert_eq!(Pattern::parse(text).unwrap().to_string(), text);
        }
        assert_eq!(Pattern::parse("[21][2]00").unwrap().to_string(), "[12]200");
        assert_eq!(Pattern::parse("0[12]0x").unwrap().width(), 20);
        for wrong in [
            "", "020", "02000", "02O0", "0[]00", "0[1200", "0[1x]00", "0200]", "0 200",
        ] {
            assert_eq!(Pattern::parse(wrong), None, "{wrong}");
        }
    }
}
