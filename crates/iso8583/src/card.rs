//! Card data: typed, silent, zeroized. Neither type has a `Display`, and `Debug` shows only what may be shown.

use core::fmt;

use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::check::Check;
use crate::swar;

/// A primary account number: 1 to 19 digits.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct Pan {
    digits: [u8; Pan::DIGITS_MAX],
    length: u8,
}

impl Pan {
    /// ISO/IEC 7812: at most 19 digits.
    pub const DIGITS_MAX: usize = 19;

    /// 1 to 19 ASCII digits.
    #[must_use]
    pub fn parse(text: &[u8]) -> Option<Pan> {
        if text.is_empty() || text.len() > Pan::DIGITS_MAX || !Check::AsciiDigits.holds(text) {
            return None;
        }
        let mut digits = [0; Pan::DIGITS_MAX];
        swar::copy(text, digits.get_mut(..text.len())?);
        Some(Pan {
            digits,
            length: text.len() as u8,
        })
    }

    /// The number in clear, for who must have it.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.leading(Pan::DIGITS_MAX)
    }

    /// At most the first `count` digits.
    #[must_use]
    pub fn leading(&self, count: usize) -> &str {
        let count = count.min(usize::from(self.length));
        self.digits
            .get(..count)
            .and_then(|digits| core::str::from_utf8(digits).ok())
            .unwrap_or_default()
    }

    /// What may be shown of it: see [`crate::mask::pan`].
    #[must_use]
    pub fn masked(&self) -> String {
        crate::mask::pan(self.expose())
    }

    /// Is the last digit the check digit of ISO/IEC 7812-1 annex B?
    #[must_use]
    pub fn luhn_ok(&self) -> bool {
        let mut sum = 0_u32;
        for (place, digit) in self.expose().bytes().rev().enumerate() {
            let value = u32::from(digit - b'0');
            sum += match (place % 2, value) {
                (0, value) => value,
                (_, value) if value > 4 => value * 2 - 9,
                (_, value) => value * 2,
            };
        }
        sum.is_multiple_of(10)
    }
}

impl fmt::Debug for Pan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pan({})", self.masked())
    }
}

/// Track 2: the PAN, a separator, expiry, service code and discretionary data; without sentinels and check character.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct Track2 {
    text: [u8; Track2::CHARACTERS_MAX],
    length: u8,
}

impl Track2 {
    /// ISO/IEC 7813: at most 37 characters without sentinels and check character.
    pub const CHARACTERS_MAX: usize = 37;

    /// Digits and separators (`=` or `D`).
    #[must_use]
    pub fn parse(text: &[u8]) -> Option<Track2> {
        if text.is_empty() || text.len() > Track2::CHARACTERS_MAX || !Check::AsciiTrack.holds(text)
        {
            return None;
        }
        let mut characters = [0; Track2::CHARACTERS_MAX];
        swar::copy(text, characters.get_mut(..text.len())?);
        Some(Track2 {
            text: characters,
            length: text.len() as u8,
        })
    }

    /// The track in clear, for who must have it.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.text
            .get(..usize::from(self.length))
            .and_then(|text| core::str::from_utf8(text).ok())
            .unwrap_or_default()
    }

    /// What stands before the first separator, if that is a PAN.
    #[must_use]
    pub fn pan(&self) -> Option<Pan> {
        let (pan, _) = self.expose().split_once(['=', 'D'])?;
        Pan::parse(pan.as_bytes())
    }
}

impl fmt::Debug for Track2 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.pan() {
            Some(pan) => write!(f, "Track2({}=…)", pan.masked()),
            None => f.write_str("Track2(…)"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pan_hides_itself() {
        let pan = Pan::parse(b"4111111111111111").unwrap();
        assert_eq!(format!("{pan:?}"), "Pan(411111******1111)");
        assert_eq!(pan.leading(6), "411111");
        assert_eq!(pan.expose(), "4111111111111111");
        assert!(pan.luhn_ok());
        assert!(!Pan::parse(b"4111111111111112").unwrap().luhn_ok());
        assert_eq!(
            Pan::parse(b"123456789012").unwrap().masked(),
            "********9012"
        );
        assert_eq!(Pan::parse(b"1234567").unwrap().masked(), "*******");
        assert_eq!(Pan::parse(b""), None);
        assert_eq!(Pan::parse(b"41111111111111111111"), None);
        assert_eq!(Pan::parse(b"4111-1111"), None);
    }

    #[test]
    fn a_track_knows_its_pan() {
        for text in [
            "5555555555554444=29121011234567890",
            "5555555555554444D29121011234567890",
        ] {
            let track = Track2::parse(text.as_bytes()).unwrap();
            assert_eq!(track.pan().unwrap().expose(), "5555555555554444");
            assert_eq!(format!("{track:?}"), "Track2(555555******4444=…)");
        }
        assert_eq!(Track2::parse(b"5555555555554444").unwrap().pan(), None);
        assert_eq!(Track2::parse(b"5555=E"), None);
    }
}
