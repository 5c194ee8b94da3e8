//! The choices: which length prefix, whether a TPDU, how long a frame may be, what a zero-length frame means.

use std::fmt;
use std::str::FromStr;

use crate::Tpdu;

/// Default limit of a frame on a terminal's side, bytes. A full POS message with EMV data is below 1 KiB; batch uploads
/// and the largest `LLLVAR` fields stay below this.
pub const TERMINAL_FRAME_BYTES_MAX: usize = 8 * 1024;

/// Default limit of a frame on a bank's side, bytes. Hosts answer with longer additional data than terminals send.
pub const HOST_FRAME_BYTES_MAX: usize = 32 * 1024;

/// How the length of a frame is written.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Kind {
    /// Two bytes, big-endian, not counting themselves.
    Binary2,
    /// Two bytes, big-endian, counting themselves.
    Binary2Inclusive,
    /// Four bytes, big-endian, not counting themselves.
    Binary4,
    /// Four ASCII digits, not counting themselves.
    Ascii4,
    /// Two bytes of packed BCD, not counting themselves.
    Bcd2,
}

impl Kind {
    /// Every kind, in the order in which help texts list them.
    pub const ALL: [Kind; 5] = [
        Kind::Binary2,
        Kind::Binary2Inclusive,
        Kind::Binary4,
        Kind::Ascii4,
        Kind::Bcd2,
    ];

    /// The name in configuration files and on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Kind::Binary2 => "binary-2",
            Kind::Binary2Inclusive => "binary-2-inclusive",
            Kind::Binary4 => "binary-4",
            Kind::Ascii4 => "ascii-4",
            Kind::Bcd2 => "bcd-2",
        }
    }

    /// Bytes of the prefix itself.
    #[must_use]
    pub const fn prefix_bytes(self) -> usize {
        match self {
            Kind::Binary2 | Kind::Binary2Inclusive | Kind::Bcd2 => 2,
            Kind::Binary4 | Kind::Ascii4 => 4,
        }
    }

    /// The longest frame whose length the prefix can write, bytes after the prefix.
    #[must_use]
    pub const fn frame_bytes_max(self) -> usize {
        match self {
            Kind::Binary2 => 0xFFFF,
            Kind::Binary2Inclusive => 0xFFFF - 2,
            Kind::Binary4 => 0xFFFF_FFFF,
            Kind::Ascii4 | Kind::Bcd2 => 9_999,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Kind {
    type Err = UnknownName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Kind::ALL
            .into_iter()
            .find(|kind| kind.name() == text)
            .ok_or_else(|| UnknownName {
                what: "framing",
                found: text.chars().take(40).collect(),
                expected: "binary-2, binary-2-inclusive, binary-4, ascii-4 or bcd-2",
            })
    }
}

/// What a frame of length zero means. Some hosts send one to see whether the line still works.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum KeepAlive {
    /// Skipped; the reader never sees it.
    #[default]
    Ignore,
    /// Handed to the reader, who writes the same bytes back.
    Echo,
    /// A mistake of the peer.
    Error,
}

impl KeepAlive {
    /// Every policy, in the order in which help texts list them.
    pub const ALL: [KeepAlive; 3] = [KeepAlive::Ignore, KeepAlive::Echo, KeepAlive::Error];

    /// The name in configuration files and on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            KeepAlive::Ignore => "ignore",
            KeepAlive::Echo => "echo",
            KeepAlive::Error => "error",
        }
    }
}

impl fmt::Display for KeepAlive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for KeepAlive {
    type Err = UnknownName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        KeepAlive::ALL
            .into_iter()
            .find(|policy| policy.name() == text)
            .ok_or_else(|| UnknownName {
                what: "keep-alive policy",
                found: text.chars().take(40).collect(),
                expected: "ignore, echo or error",
            })
    }
}

/// How messages are told apart on one stream.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Framing {
    /// How the length is written.
    pub kind: Kind,
    /// Whether every frame starts with a TPDU.
    pub tpdu: bool,
    /// The longest frame that is read: bytes after the prefix, the TPDU included. What is written is limited by its prefix
    /// alone: the peer knows what it takes.
    pub frame_bytes_max: usize,
    /// What a frame of length zero means.
    pub keep_alive: KeepAlive,
}

impl Framing {
    /// No TPDU, the terminal side's limit, zero-length frames skipped.
    #[must_use]
    pub const fn new(kind: Kind) -> Self {
        Framing {
            kind,
            tpdu: false,
            frame_bytes_max: TERMINAL_FRAME_BYTES_MAX,
            keep_alive: KeepAlive::Ignore,
        }
    }

    /// With or without a TPDU.
    #[must_use]
    pub const fn with_tpdu(self, tpdu: bool) -> Self {
        Framing { tpdu, ..self }
    }

    /// With another limit.
    #[must_use]
    pub const fn with_frame_bytes_max(self, frame_bytes_max: usize) -> Self {
        Framing {
            frame_bytes_max,
            ..self
        }
    }

    /// The longest message that can be written.
    #[must_use]
    pub const fn message_bytes_max(self) -> usize {
        let tpdu_bytes = if self.tpdu { Tpdu::LEN } else { 0 };
        self.kind.frame_bytes_max() - tpdu_bytes
    }

    /// With another policy for zero-length frames.
    #[must_use]
    pub const fn with_keep_alive(self, keep_alive: KeepAlive) -> Self {
        Framing { keep_alive, ..self }
    }
}

/// A name that is none of the known ones.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown {what} `{found}`: expected {expected}")]
pub struct UnknownName {
    what: &'static str,
    found: String,
    expected: &'static str,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_parse_back() {
        for kind in Kind::ALL {
            assert_eq!(kind.to_string().parse(), Ok(kind));
        }
        for policy in KeepAlive::ALL {
            assert_eq!(policy.to_string().parse(), Ok(policy));
        }
    }

    #[test]
    fn an_unknown_name_lists_the_known_ones() {
        assert_eq!(
            "nac".parse::<Kind>().unwrap_err().to_string(),
            "unknown framing `nac`: expected binary-2, binary-2-inclusive, binary-4, ascii-4 or bcd-2"
        );
        assert_eq!(
            "drop".parse::<KeepAlive>().unwrap_err().to_string(),
            "unknown keep-alive policy `drop`: expected ignore, echo or error"
        );
    }
}
