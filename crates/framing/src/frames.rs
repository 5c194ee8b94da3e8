//! The frames of a stream that is all there: a recording, a file, a guess at a framing.

use std::ops::Range;

use crate::{FrameCodec, FrameError, Framing, Scan, Tpdu};

/// One message of recorded bytes. Ranges refer to all of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FrameAt {
    /// As received.
    pub tpdu: Option<Tpdu>,
    /// Where the message is, without the TPDU.
    pub body: Range<usize>,
}

/// Iterator over the messages of recorded bytes, see [`Frames::new`].
///
/// Zero-length frames are skipped, unless the framing makes them an error. After an error it gives nothing more:
/// the stream has lost its step.
#[derive(Clone, Debug)]
pub struct Frames<'a> {
    codec: FrameCodec,
    bytes: &'a [u8],
    position: usize,
    failed: bool,
}

impl<'a> Frames<'a> {
    /// The messages in `bytes`, told apart by `framing`. Nothing is copied.
    #[must_use]
    pub const fn new(framing: Framing, bytes: &'a [u8]) -> Self {
        Frames {
            codec: FrameCodec::new(framing),
            bytes,
            position: 0,
            failed: false,
        }
    }

    /// Where the next frame begins; after an error, the frame that is in error.
    #[must_use]
    pub const fn position(&self) -> usize {
        self.position
    }

    /// Where the message would begin of the frame at [`Frames::position`].
    #[must_use]
    pub const fn next_body(&self) -> usize {
        let framing = self.codec.framing();
        let tpdu_bytes = if framing.tpdu { Tpdu::LEN } else { 0 };
        self.position + framing.kind.prefix_bytes() + tpdu_bytes
    }
}

impl Iterator for Frames<'_> {
    type Item = Result<FrameAt, FrameError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let rest = self.bytes.get(self.position..).unwrap_or_default();
            if rest.is_empty() || self.failed {
                return None;
            }
            match self.codec.scan(rest) {
                Ok(Scan::KeepAlive { consumed }) => self.position += consumed,
                Ok(Scan::Frame {
                    tpdu,
                    body,
                    consumed,
                }) => {
                    let body = self.position + body.start..self.position + body.end;
                    self.position += consumed;
                    return Some(Ok(FrameAt { tpdu, body }));
                }
                Ok(Scan::Incomplete { needed }) => {
                    self.failed = true;
                    return Some(Err(FrameError::Truncated {
                        available: rest.len(),
                        needed,
                    }));
                }
                Err(error) => {
                    self.failed = true;
                    return Some(Err(error));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Kind;

    #[test]
    fn every_frame_and_then_the_one_that_is_cut() {
        let bytes =
            b"\x00\x06\x60\x00\x03\x00\x00A\x00\x00\x00\x07\x60\x00\x03\x00\x01BC\x00\x09xyz";
        let framing = Framing::new(Kind::Binary2).with_tpdu(true);
        let mut frames = Frames::new(framing, bytes);
        let first = frames.next().unwrap().unwrap();
        assert_eq!(
            (&bytes[first.body], first.tpdu),
            (&b"A"[..], Some(Tpdu::DEFAULT))
        );
        let second = frames.next().unwrap().unwrap();
        assert_eq!(&bytes[second.body], b"BC");
        let error = frames.next().unwrap().unwrap_err();
        assert!(
            matches!(
                error,
                FrameError::Truncated {
                    available: 5,
                    needed: 11
                }
            ),
            "{error}"
        );
        assert_eq!((frames.position(), frames.next_body()), (19, 26));
        assert!(frames.next().is_none());
    }

    #[test]
    fn an_error_ends_it() {
        let mut frames = Frames::new(Framing::new(Kind::Ascii4), b"0001A00x1B0001C");
        assert!(frames.next().unwrap().is_ok());
        assert!(frames.next().unwrap().is_err());
        assert!(frames.next().is_none());
        assert_eq!(frames.position(), 5);
        assert!(
            Frames::new(Framing::new(Kind::Ascii4), b"")
                .next()
                .is_none()
        );
    }
}
