//! What can be wrong with a frame. After any of these the stream has lost its step: close it.

use std::io;

use crate::{Kind, Tpdu};

/// Why a frame could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    /// A frame is longer than agreed; nothing was reserved for it.
    #[error("frame of {length} bytes: at most {max} are accepted")]
    TooLong {
        /// Bytes after the prefix, as the peer announced or as we would have had to write.
        length: usize,
        /// The limit that holds here.
        max: usize,
    },
    /// A length of ASCII or BCD digits has something else in it: most often the peer uses another framing.
    ///
    /// What stands there may then be part of a message, card data even: only the one byte is told, never its neighbours.
    #[error(
        "{kind} length prefix: expected {expected}, found 0x{found:02X} at byte {position} of the prefix"
    )]
    LengthNotDigits {
        /// The framing that was expected.
        kind: Kind,
        /// What its prefix is made of.
        expected: &'static str,
        /// The first byte that is none of that.
        found: u8,
        /// Where it is, counted from 0.
        position: usize,
    },
    /// An inclusive length smaller than the prefix that it counts.
    #[error(
        "binary-2-inclusive length prefix: expected at least 2, because it counts itself, found {length}"
    )]
    LengthTooShort {
        /// As the peer wrote it.
        length: usize,
    },
    /// The frame ends inside its TPDU.
    #[error(
        "frame of {length} bytes: expected a TPDU of {} bytes first",
        Tpdu::LEN
    )]
    TpduMissing {
        /// Bytes after the prefix.
        length: usize,
    },
    /// A frame of length zero where the policy forbids it.
    #[error("zero-length frame: this peer should not send keep-alives")]
    UnexpectedKeepAlive,
    /// The stream ended inside a frame.
    #[error("end of stream inside a frame: {available} bytes there, at least {needed} expected")]
    Truncated {
        /// Bytes of the unfinished frame that have come, prefix included.
        available: usize,
        /// Bytes that the frame needs as far as can be told, prefix included.
        needed: usize,
    },
    /// The socket failed.
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl FrameError {
    /// One word for a metric, from a closed set.
    #[must_use]
    pub fn label(&self) -> &'static str {
        match self {
            FrameError::TooLong { .. } => "too_long",
            FrameError::LengthNotDigits { .. } => "length_not_digits",
            FrameError::LengthTooShort { .. } => "length_too_short",
            FrameError::TpduMissing { .. } => "tpdu_missing",
            FrameError::UnexpectedKeepAlive => "unexpected_keep_alive",
            FrameError::Truncated { .. } => "truncated",
            FrameError::Io(_) => "io",
        }
    }
}
