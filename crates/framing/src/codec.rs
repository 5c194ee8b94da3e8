//! Reading and writing frames.

use std::ops::Range;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use tokio_util::codec::{Decoder, Encoder};

use crate::{FrameError, Framing, KeepAlive, Kind, Tpdu};

/// One message with what the transport put before it.
#[derive(Clone, PartialEq, Eq)]
pub struct Frame {
    /// As received. A reply takes it [swapped](Tpdu::swapped).
    pub tpdu: Option<Tpdu>,
    /// The message, without the TPDU.
    pub body: Bytes,
}

/// Messages hold card data: only the size is shown.
impl std::fmt::Debug for Frame {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Frame")
            .field("tpdu", &self.tpdu)
            .field("body_bytes", &self.body.len())
            .finish()
    }
}

/// What [`FrameCodec`] decodes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Received {
    /// A message.
    Frame(Frame),
    /// A zero-length frame, only under [`KeepAlive::Echo`]: its very bytes, to be written back as they are.
    KeepAlive(Bytes),
}

/// What stands at the start of some bytes; ranges and counts refer to those bytes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Scan {
    /// Not a whole frame yet.
    Incomplete {
        /// Bytes that the frame needs as far as can be told, prefix included.
        needed: usize,
    },
    /// A zero-length frame under [`KeepAlive::Ignore`] or [`KeepAlive::Echo`].
    KeepAlive {
        /// Bytes of it.
        consumed: usize,
    },
    /// A message.
    Frame {
        /// As received.
        tpdu: Option<Tpdu>,
        /// Where the message is, without the TPDU.
        body: Range<usize>,
        /// Bytes of the whole frame.
        consumed: usize,
    },
}

/// A frame whose prefix is to be filled in once its message is written; see [`FrameCodec::open`].
#[derive(Debug)]
#[must_use = "a frame that is not closed has no length"]
pub struct OpenFrame {
    start: usize,
}

/// Reads and writes one [`Framing`]. It has no state: any number of streams can share a copy.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FrameCodec {
    framing: Framing,
}

impl FrameCodec {
    /// A codec for `framing`.
    #[must_use]
    pub const fn new(framing: Framing) -> Self {
        FrameCodec { framing }
    }

    /// What it was made for.
    #[must_use]
    pub const fn framing(&self) -> &Framing {
        &self.framing
    }

    /// Looks at the start of `bytes` without moving or copying anything.
    ///
    /// # Errors
    /// The frame is not one of this framing, or too long: the stream cannot go on.
    pub fn scan(&self, bytes: &[u8]) -> Result<Scan, FrameError> {
        let prefix_bytes = self.framing.kind.prefix_bytes();
        let Some((prefix, rest)) = bytes.split_at_checked(prefix_bytes) else {
            return Ok(Scan::Incomplete {
                needed: prefix_bytes,
            });
        };
        let length = self.length(prefix)?;
        if length == 0 {
            return match self.framing.keep_alive {
                KeepAlive::Ignore | KeepAlive::Echo => Ok(Scan::KeepAlive {
                    consumed: prefix_bytes,
                }),
                KeepAlive::Error => Err(FrameError::UnexpectedKeepAlive),
            };
        }
        if length > self.framing.frame_bytes_max {
            return Err(FrameError::TooLong {
                length,
                max: self.framing.frame_bytes_max,
            });
        }
        if self.framing.tpdu && length < Tpdu::LEN {
            return Err(FrameError::TpduMissing { length });
        }
        let consumed = prefix_bytes + length;
        let Some(frame) = rest.get(..length) else {
            return Ok(Scan::Incomplete { needed: consumed });
        };
        let tpdu = if self.framing.tpdu {
            frame.first_chunk().copied().map(Tpdu::new)
        } else {
            None
        };
        let header_bytes = if tpdu.is_some() { Tpdu::LEN } else { 0 };
        Ok(Scan::Frame {
            tpdu,
            body: prefix_bytes + header_bytes..consumed,
            consumed,
        })
    }

    /// Appends one frame. `tpdu` is written as it is, [`Tpdu::DEFAULT`] in place of `None`, and ignored by a framing
    /// without one.
    ///
    /// # Errors
    /// [`FrameError::TooLong`], and `out` is as it was.
    pub fn write(
        &self,
        tpdu: Option<Tpdu>,
        body: &[u8],
        out: &mut BytesMut,
    ) -> Result<(), FrameError> {
        let frame = self.open(tpdu, out);
        out.put_slice(body);
        self.close(frame, out)
    }

    /// Appends the answer to a request that came with `request_tpdu`: destination and source are swapped.
    ///
    /// # Errors
    /// [`FrameError::TooLong`], and `out` is as it was.
    pub fn write_reply(
        &self,
        request_tpdu: Option<Tpdu>,
        body: &[u8],
        out: &mut BytesMut,
    ) -> Result<(), FrameError> {
        self.write(request_tpdu.map(Tpdu::swapped), body, out)
    }

    /// Starts a frame whose message the caller then appends to `out` itself, without a copy; [`close`](Self::close)
    /// writes its length.
    pub fn open(&self, tpdu: Option<Tpdu>, out: &mut BytesMut) -> OpenFrame {
        let start = out.len();
        out.put_bytes(0, self.framing.kind.prefix_bytes());
        if self.framing.tpdu {
            out.put_slice(&tpdu.unwrap_or_default().bytes());
        }
        OpenFrame { start }
    }

    /// Ends a frame at the end of `out`.
    ///
    /// # Errors
    /// [`FrameError::TooLong`], and the frame is taken off `out` again.
    pub fn close(&self, frame: OpenFrame, out: &mut BytesMut) -> Result<(), FrameError> {
        let kind = self.framing.kind;
        let length = out.len().saturating_sub(frame.start + kind.prefix_bytes());
        let max = kind.frame_bytes_max();
        if length > max {
            out.truncate(frame.start);
            return Err(FrameError::TooLong { length, max });
        }
        if let Some(mut prefix) = out.get_mut(frame.start..) {
            put_length(kind, length, &mut prefix);
        }
        Ok(())
    }

    /// Appends a zero-length frame of our own. To echo the peer's, write back the bytes that it sent.
    pub fn keep_alive(&self, out: &mut BytesMut) {
        put_length(self.framing.kind, 0, out);
    }

    /// Bytes after the prefix.
    fn length(&self, prefix: &[u8]) -> Result<usize, FrameError> {
        let not_digits = |expected, position, found| FrameError::LengthNotDigits {
            kind: self.framing.kind,
            expected,
            found,
            position,
        };
        let big_endian = || {
            prefix
                .iter()
                .fold(0, |value: usize, &byte| value << 8 | usize::from(byte))
        };
        match self.framing.kind {
            Kind::Binary2 | Kind::Binary4 => Ok(big_endian()),
            Kind::Binary2Inclusive => match big_endian() {
                // jPOS' Amex channel and others poll with a bare 00 00, although the length should count itself.
                0 => Ok(0),
                length @ 1 => Err(FrameError::LengthTooShort { length }),
                length => Ok(length - 2),
            },
            Kind::Ascii4 => {
                let mut bytes = prefix.iter().enumerate();
                bytes.try_fold(0, |value, (position, &byte)| match byte {
                    b'0'..=b'9' => Ok(value * 10 + usize::from(byte - b'0')),
                    _ => Err(not_digits("4 ASCII digits", position, byte)),
                })
            }
            Kind::Bcd2 => {
                let mut bytes = prefix.iter().enumerate();
                bytes.try_fold(0, |value, (position, &byte)| {
                    match (byte >> 4, byte & 0xF) {
                        (high @ 0..=9, low @ 0..=9) => {
                            Ok(value * 100 + usize::from(high * 10 + low))
                        }
                        _ => Err(not_digits("4 BCD digits", position, byte)),
                    }
                })
            }
        }
    }
}

/// `length` is within `kind.frame_bytes_max()`, so that no digit or byte is lost.
fn put_length(kind: Kind, length: usize, out: &mut impl BufMut) {
    // The remainders are below 100 and 10: the conversions cannot cut anything.
    let pair = |value: usize| (value % 100) as u8;
    match kind {
        Kind::Binary2 => out.put_u16(length as u16),
        Kind::Binary2Inclusive => out.put_u16((length + 2) as u16),
        Kind::Binary4 => out.put_u32(length as u32),
        Kind::Ascii4 => {
            for digits in [pair(length / 100), pair(length)] {
                out.put_slice(&[b'0' + digits / 10, b'0' + digits % 10]);
            }
        }
        Kind::Bcd2 => {
            for digits in [pair(length / 100), pair(length)] {
                out.put_u8(((digits / 10) << 4) | (digits % 10));
            }
        }
    }
}

impl Decoder for FrameCodec {
    type Item = Received;
    type Error = FrameError;

    fn decode(&mut self, source: &mut BytesMut) -> Result<Option<Received>, FrameError> {
        loop {
            match self.scan(source)? {
                // Nothing is reserved here: the buffer grows with the bytes that really come.
                Scan::Incomplete { .. } => return Ok(None),
                Scan::KeepAlive { consumed } => match self.framing.keep_alive {
                    KeepAlive::Echo => {
                        return Ok(Some(Received::KeepAlive(
                            source.split_to(consumed).freeze(),
                        )));
                    }
                    KeepAlive::Ignore | KeepAlive::Error => source.advance(consumed),
                },
                Scan::Frame {
                    tpdu,
                    body,
                    consumed,
                } => {
                    let mut frame = source.split_to(consumed);
                    frame.advance(body.start);
                    return Ok(Some(Received::Frame(Frame {
                        tpdu,
                        body: frame.freeze(),
                    })));
                }
            }
        }
    }

    fn decode_eof(&mut self, source: &mut BytesMut) -> Result<Option<Received>, FrameError> {
        if let Some(received) = self.decode(source)? {
            return Ok(Some(received));
        }
        match self.scan(source)? {
            Scan::Incomplete { needed } if !source.is_empty() => Err(FrameError::Truncated {
                available: source.len(),
                needed,
            }),
            _ => Ok(None),
        }
    }
}

impl Encoder<Frame> for FrameCodec {
    type Error = FrameError;

    fn encode(&mut self, frame: Frame, out: &mut BytesMut) -> Result<(), FrameError> {
        self.write(frame.tpdu, &frame.body, out)
    }
}

impl Encoder<Received> for FrameCodec {
    type Error = FrameError;

    fn encode(&mut self, received: Received, out: &mut BytesMut) -> Result<(), FrameError> {
        match received {
            Received::Frame(frame) => self.write(frame.tpdu, &frame.body, out),
            Received::KeepAlive(bytes) => {
                out.put_slice(&bytes);
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests;
