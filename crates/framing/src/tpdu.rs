//! The transport protocol data unit: five bytes that a network access controller puts before a message.

use std::fmt;
use std::str::FromStr;

/// `60 | destination (2) | source (2)`, packed BCD. A reply carries it with destination and source swapped.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Tpdu([u8; 5]);

impl Tpdu {
    /// The length on the wire.
    pub const LEN: usize = 5;

    /// What a terminal sends where nobody agreed on anything else: destination 0003, source 0000.
    pub const DEFAULT: Tpdu = Tpdu([0x60, 0x00, 0x03, 0x00, 0x00]);

    /// The bytes are taken as they are: the identifier is 60 by custom, and networks do use others.
    #[must_use]
    pub const fn new(bytes: [u8; 5]) -> Self {
        Tpdu(bytes)
    }

    /// The five bytes as on the wire.
    #[must_use]
    pub const fn bytes(self) -> [u8; 5] {
        self.0
    }

    /// The TPDU of the reply: a concentrator finds its way back by it.
    #[must_use]
    pub const fn swapped(self) -> Self {
        let [
            id,
            destination_high,
            destination_low,
            source_high,
            source_low,
        ] = self.0;
        Tpdu([
            id,
            source_high,
            source_low,
            destination_high,
            destination_low,
        ])
    }
}

impl Default for Tpdu {
    fn default() -> Self {
        Self::DEFAULT
    }
}

impl fmt::Display for Tpdu {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02X}"))
    }
}

impl fmt::Debug for Tpdu {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tpdu({self})")
    }
}

/// What a person wrote is not a TPDU.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a TPDU is 10 hexadecimal digits, such as 6000030000")]
pub struct TpduFormatError;

impl FromStr for Tpdu {
    type Err = TpduFormatError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digits: &[u8; 10] = text.as_bytes().try_into().map_err(|_| TpduFormatError)?;
        let mut bytes = [0; 5];
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            for &digit in pair {
                let value = char::from(digit).to_digit(16).ok_or(TpduFormatError)?;
                *byte = *byte << 4 | u8::try_from(value).map_err(|_| TpduFormatError)?;
            }
        }
        Ok(Tpdu(bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The pair of a captured dialogue: a request to 0525 and the answer to it.
    #[test]
    fn a_reply_goes_back_to_the_source() {
        let request: Tpdu = "6005250000".parse().unwrap();
        assert_eq!(request.swapped().to_string(), "6000000525");
        assert_eq!(request.swapped().swapped(), request);
    }

    #[test]
    fn text_that_is_not_a_tpdu_is_refused() {
        for text in ["", "600003000", "60000300000", "60000300xx", "+600030000"] {
            assert_eq!(text.parse::<Tpdu>(), Err(TpduFormatError), "{text:?}");
        }
        assert_eq!("6000030000".parse(), Ok(Tpdu::DEFAULT));
    }
}
