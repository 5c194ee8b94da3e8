//! Typed values of single fields. None can be made but by parsing: who holds one need not check it again.

use core::{fmt, str::FromStr};

/// A system trace audit number, field 11. 0 can be read from a message but not made: 1..=999 999 are the numbers to use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Stan(u32);

impl Stan {
    /// The largest one.
    pub const MAX: u32 = 999_999;

    /// 1..=999 999.
    #[must_use]
    pub const fn new(number: u32) -> Option<Stan> {
        if number >= 1 && number <= Stan::MAX {
            Some(Stan(number))
        } else {
            None
        }
    }

    /// As read from six digits: 0 is what some terminals send.
    pub(crate) fn read(number: u64) -> Option<Stan> {
        u32::try_from(number)
            .ok()
            .filter(|number| *number <= Stan::MAX)
            .map(Stan)
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0
    }

    /// The six digits as values 0..=9.
    #[inline]
    pub(crate) const fn digit_values(self) -> [u8; 6] {
        let n = self.0;
        [
            (n / 100_000 % 10) as u8,
            (n / 10_000 % 10) as u8,
            (n / 1_000 % 10) as u8,
            (n / 100 % 10) as u8,
            (n / 10 % 10) as u8,
            (n % 10) as u8,
        ]
    }
}

impl fmt::Display for Stan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:06}", self.0)
    }
}

/// An amount in the smallest unit of its currency, as field 4 carries it: up to 18 digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AmountMinor(u64);

impl AmountMinor {
    /// The largest amount twelve digits hold.
    pub const MAX_12: u64 = 999_999_999_999;

    /// At most [`AmountMinor::MAX_12`], what field 4 holds.
    #[must_use]
    pub const fn new(minor_units: u64) -> Option<AmountMinor> {
        if minor_units <= AmountMinor::MAX_12 {
            Some(AmountMinor(minor_units))
        } else {
            None
        }
    }

    pub(crate) const fn read(minor_units: u64) -> AmountMinor {
        AmountMinor(minor_units)
    }

    /// The amount in minor units.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }
}

impl fmt::Display for AmountMinor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// A response code, field 39: two to four letters or digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ResponseCode {
    text: [u8; 4],
    length: u8,
}

impl ResponseCode {
    /// Approved.
    pub const APPROVED: ResponseCode = ResponseCode {
        text: *b"00\0\0",
        length: 2,
    };

    /// Two to four ASCII letters, digits or spaces.
    #[must_use]
    pub fn parse(text: &[u8]) -> Option<ResponseCode> {
        if !(2..=4).contains(&text.len())
            || !text
                .iter()
                .all(|byte| byte.is_ascii_alphanumeric() || *byte == b' ')
        {
            return None;
        }
        let mut code = ResponseCode {
            text: [0; 4],
            length: text.len() as u8,
        };
        for (place, byte) in code.text.iter_mut().zip(text) {
            *place = *byte;
        }
        Some(code)
    }

    /// The code as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.text
            .get(..usize::from(self.length))
            .and_then(|text| core::str::from_utf8(text).ok())
            .unwrap_or_default()
    }

    /// Is it an approval? In 1987 00, 08 (with identification), 10 (partial), 11 (VIP) and 16 (track 3 updated); of the
    /// action codes of 1993 and 2003 the class 0, which approves.
    #[must_use]
    pub fn is_approval(&self) -> bool {
        match self.as_str() {
            "00" | "08" | "10" | "11" | "16" => true,
            longer => longer.len() > 2 && longer.starts_with('0'),
        }
    }
}

impl FromStr for ResponseCode {
    type Err = NotAResponseCode;

    fn from_str(text: &str) -> Result<Self, NotAResponseCode> {
        ResponseCode::parse(text.as_bytes()).ok_or(NotAResponseCode)
    }
}

/// The text is not two to four letters or digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a response code is two to four letters or digits")]
pub struct NotAResponseCode;

impl fmt::Display for ResponseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for ResponseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ResponseCode({self})")
    }
}

/// Why the switch itself answers: what a dialect has a response code for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Reason {
    /// The message could not be read.
    FormatError,
    /// A message that is never right here, such as a response sent as a request.
    InvalidTransaction,
    /// No route for this card.
    NoRoute,
    /// The destination cannot be reached.
    LinkDown,
    /// The destination has as much in flight as it may.
    LinkBusy,
    /// The destination did not answer in time.
    Timeout,
    /// The destination's answer could not be read.
    AnswerUndecodable,
    /// Something of our own failed.
    SystemMalfunction,
    /// A message type that is not supported here.
    NotSupported,
    /// A terminal that is not known here.
    TerminalUnknown,
    /// The same request came before.
    Duplicate,
}

impl Reason {
    /// All of them.
    pub const ALL: [Reason; 11] = [
        Reason::FormatError,
        Reason::InvalidTransaction,
        Reason::NoRoute,
        Reason::LinkDown,
        Reason::LinkBusy,
        Reason::Timeout,
        Reason::AnswerUndecodable,
        Reason::SystemMalfunction,
        Reason::NotSupported,
        Reason::TerminalUnknown,
        Reason::Duplicate,
    ];

    /// Its name in a dialect's `[response_codes]`.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Reason::FormatError => "format_error",
            Reason::InvalidTransaction => "invalid_transaction",
            Reason::NoRoute => "no_route",
            Reason::LinkDown => "link_down",
            Reason::LinkBusy => "link_busy",
            Reason::Timeout => "timeout",
            Reason::AnswerUndecodable => "answer_undecodable",
            Reason::SystemMalfunction => "system_malfunction",
            Reason::NotSupported => "not_supported",
            Reason::TerminalUnknown => "terminal_unknown",
            Reason::Duplicate => "duplicate",
        }
    }

    /// The code of ISO 8583-1:1987 (DE39), which a dialect may override.
    #[must_use]
    pub const fn code_1987(self) -> &'static str {
        match self {
            Reason::FormatError => "30",
            Reason::InvalidTransaction => "12",
            Reason::NoRoute => "92",
            Reason::LinkDown | Reason::LinkBusy => "91",
            Reason::Timeout => "68",
            Reason::AnswerUndecodable | Reason::SystemMalfunction => "96",
            Reason::NotSupported => "40",
            Reason::TerminalUnknown => "97",
            Reason::Duplicate => "94",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stan_has_six_digits() {
        assert_eq!(Stan::new(0), None);
        assert_eq!(Stan::new(1_000_000), None);
        let stan = Stan::new(42).unwrap();
        assert_eq!((stan.to_string().as_str(), stan.get()), ("000042", 42));
        assert_eq!(
            Stan::new(123_456).unwrap().digit_values(),
            [1, 2, 3, 4, 5, 6]
        );
    }

    #[test]
    fn a_response_code_is_short() {
        assert_eq!("A0".parse::<ResponseCode>().unwrap().as_str(), "A0");
        assert_eq!("0".parse::<ResponseCode>(), Err(NotAResponseCode));
        assert_eq!("00000".parse::<ResponseCode>(), Err(NotAResponseCode));
        assert!(ResponseCode::APPROVED.is_approval());
        for (code, approval) in [
            ("91", false),
            ("000", true),
            ("0000", true),
            ("100", false),
            ("9111", false),
        ] {
            let code: ResponseCode = code.parse().unwrap();
            assert_eq!(code.is_approval(), approval, "{code}");
        }
    }
}
