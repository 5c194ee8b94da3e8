//! The message type indicator: four digits that say version, class, function and origin.

use core::{fmt, str::FromStr};

/// A message type indicator. Any four digits can be read; what they mean is asked of it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mti([u8; 4]);

/// The second digit: what a message is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MtiClass {
    /// 1: authorization.
    Authorization,
    /// 2: financial.
    Financial,
    /// 3: file action; also the batch upload of POS terminals.
    FileAction,
    /// 4: reversal and chargeback.
    Reversal,
    /// 5: reconciliation.
    Reconciliation,
    /// 6: administrative.
    Administrative,
    /// 7: fee collection.
    FeeCollection,
    /// 8: network management.
    NetworkManagement,
    /// 0 and 9: reserved or private.
    Other(u8),
}

impl Mti {
    /// Four ASCII digits.
    #[must_use]
    #[inline]
    pub const fn parse_digits(digits: &[u8; 4]) -> Option<Mti> {
        let [a, b, c, d] = *digits;
        if a.is_ascii_digit() && b.is_ascii_digit() && c.is_ascii_digit() && d.is_ascii_digit() {
            Some(Mti(*digits))
        } else {
            None
        }
    }

    /// For constants: `const PURCHASE: Mti = Mti::literal(b"0200");`. Anything but digits fails to compile there.
    #[must_use]
    pub const fn literal(digits: &[u8; 4]) -> Mti {
        let mti = Mti(*digits);
        assert!(
            Mti::parse_digits(digits).is_some(),
            "an MTI literal is four digits"
        );
        mti
    }

    /// The four digits in ASCII.
    #[must_use]
    pub const fn digits(self) -> [u8; 4] {
        self.0
    }

    /// The four digits as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        core::str::from_utf8(&self.0).unwrap_or_default()
    }

    /// What the message is about: its second digit.
    #[must_use]
    pub const fn class(self) -> MtiClass {
        match self.0[1] - b'0' {
            1 => MtiClass::Authorization,
            2 => MtiClass::Financial,
            3 => MtiClass::FileAction,
            4 => MtiClass::Reversal,
            5 => MtiClass::Reconciliation,
            6 => MtiClass::Administrative,
            7 => MtiClass::FeeCollection,
            8 => MtiClass::NetworkManagement,
            other => MtiClass::Other(other),
        }
    }

    /// Does somebody wait for an answer: a request, an advice, a notification or an instruction? The third digit is even
    /// then; 8 and 9 are acknowledgements in private use.
    #[must_use]
    pub const fn is_request(self) -> bool {
        matches!(self.0[2], b'0' | b'2' | b'4' | b'6')
    }

    /// Is it an advice (third digit 2), which the receiver may not decline?
    #[must_use]
    pub const fn is_advice(self) -> bool {
        self.0[2] == b'2'
    }

    /// Was it sent before (last digit odd: 1, 3, 5)?
    #[must_use]
    pub const fn is_repeat(self) -> bool {
        matches!(self.0[3], b'1' | b'3' | b'5')
    }

    /// The MTI of the answer: 10 more, and a repeat is answered like the original (0201 → 0210, 0421 → 0430). `None` if
    /// this is an answer itself.
    #[must_use]
    pub const fn response(self) -> Option<Mti> {
        if !self.is_request() {
            return None;
        }
        let [version, class, function, origin] = self.0;
        let origin = if self.is_repeat() { origin - 1 } else { origin };
        Some(Mti([version, class, function + 1, origin]))
    }
}

impl FromStr for Mti {
    type Err = NotAnMti;

    fn from_str(text: &str) -> Result<Self, NotAnMti> {
        text.as_bytes()
            .try_into()
            .ok()
            .and_then(Mti::parse_digits)
            .ok_or(NotAnMti)
    }
}

/// The text is not four digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a message type is four digits")]
pub struct NotAnMti;

impl fmt::Display for Mti {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Mti {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Mti({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn responses() {
        for (request, response) in [
            ("0200", Some("0210")),
            ("0201", Some("0210")),
            ("0220", Some("0230")),
            ("0420", Some("0430")),
            ("0421", Some("0430")),
            ("0402", Some("0412")),
            ("0403", Some("0412")),
            ("0405", Some("0414")),
            ("0800", Some("0810")),
            ("0210", None),
            ("0430", None),
            ("0280", None),
            ("0290", None),
        ] {
            let mti: Mti = request.parse().unwrap();
            assert_eq!(
                mti.response().map(|answer| answer.to_string()).as_deref(),
                response,
                "{request}"
            );
            assert_eq!(mti.is_request(), response.is_some(), "{request}");
        }
        assert!(Mti::literal(b"0421").is_repeat() && Mti::literal(b"0421").is_advice());
        assert_eq!(Mti::literal(b"0820").class(), MtiClass::NetworkManagement);
    }

    #[test]
    fn only_four_digits() {
        assert_eq!("0200".parse::<Mti>().unwrap().as_str(), "0200");
        for wrong in ["", "020", "02000", "02A0", "０２"] {
            assert_eq!(wrong.parse::<Mti>(), Err(NotAnMti), "{wrong}");
        }
    }
}
