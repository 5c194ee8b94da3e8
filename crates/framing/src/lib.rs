//! Where a message starts and ends on a stream: length prefixes and transport headers.
//!
//! ISO 8583 says nothing about how messages are told apart on a TCP stream, so every network has its own answer: a
//! length of two or four bytes, big-endian, BCD or ASCII digits, counting itself or not, and sometimes a five-byte
//! TPDU before the message. [`Framing`] names the choice, [`FrameCodec`] reads and writes it.
//!
//! Two ways to use it: as a tokio-util [`Decoder`](tokio_util::codec::Decoder) and
//! [`Encoder`](tokio_util::codec::Encoder), or, where every copy counts, [`FrameCodec::scan`] over bytes that stay where
//! they are and [`FrameCodec::write`] into a buffer shared by many frames.
//!
//! What a peer writes as a length is never trusted: it is compared with the limit before anything else, and no buffer is
//! ever reserved by it.

mod codec;
mod error;
mod frames;
mod framing;
mod tpdu;

pub use codec::{Frame, FrameCodec, OpenFrame, Received, Scan};
pub use error::FrameError;
pub use frames::{FrameAt, Frames};
pub use framing::{
    Framing, HOST_FRAME_BYTES_MAX, KeepAlive, Kind, TERMINAL_FRAME_BYTES_MAX, UnknownName,
};
pub use tpdu::{Tpdu, TpduFormatError};
