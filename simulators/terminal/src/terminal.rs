//! One connection of a terminal: sends messages, waits for frames.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use pointsman_framing::{FrameCodec, FrameError, KeepAlive, Scan, Tpdu};
use pointsman_sim_common::Wire;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout, timeout_at};

/// What one read takes at most, bytes.
const READ_BYTES: usize = 8 * 1024;

/// A connected terminal.
#[derive(Debug)]
pub struct Terminal {
    stream: TcpStream,
    codec: FrameCodec,
    input: BytesMut,
}

/// What came, or did not.
#[derive(Clone, PartialEq, Eq)]
pub enum Incoming {
    /// A message, without frame and TPDU.
    Message(Bytes),
    /// Nothing until the deadline.
    Timeout,
    /// The other side hung up.
    Closed,
}

/// Messages hold card data: only the size is shown.
impl std::fmt::Debug for Incoming {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Incoming::Message(message) => write!(f, "Message({} bytes)", message.len()),
            Incoming::Timeout => f.write_str("Timeout"),
            Incoming::Closed => f.write_str("Closed"),
        }
    }
}

impl Terminal {
    /// Connects within a time.
    ///
    /// # Errors
    /// Nobody listens there, or not in time.
    pub async fn connect(to: SocketAddr, wire: &Wire, within: Duration) -> io::Result<Self> {
        let connected = timeout(within, TcpStream::connect(to)).await;
        let stream = connected.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))?;
        stream.set_nodelay(true)?;
        Ok(Terminal {
            stream,
            codec: wire.codec(),
            input: BytesMut::new(),
        })
    }

    /// Sends one message in a frame.
    ///
    /// # Errors
    /// It is too long for a frame, or the connection broke.
    pub async fn send(&mut self, message: &[u8]) -> Result<(), FrameError> {
        let mut frame = BytesMut::new();
        self.codec.write(Some(Tpdu::DEFAULT), message, &mut frame)?;
        self.send_bytes(&frame).await
    }

    /// Sends bytes as they are, frame or not.
    ///
    /// # Errors
    /// The connection broke.
    pub async fn send_bytes(&mut self, bytes: &[u8]) -> Result<(), FrameError> {
        Ok(self.stream.write_all(bytes).await?)
    }

    /// Waits for the next message.
    ///
    /// # Errors
    /// What came is not a frame, or the connection broke other than by being closed.
    pub async fn receive(&mut self, deadline: Instant) -> Result<Incoming, FrameError> {
        loop {
            match self.codec.scan(&self.input)? {
                Scan::Frame { body, consumed, .. } => {
                    let mut frame = self.input.split_to(consumed);
                    frame.advance(body.start);
                    return Ok(Incoming::Message(frame.freeze()));
                }
                Scan::KeepAlive { consumed } => {
                    let poll = self.input.split_to(consumed);
                    if self.codec.framing().keep_alive == KeepAlive::Echo {
                        match timeout_at(deadline, self.stream.write_all(&poll)).await {
                            Ok(written) => written?,
                            Err(_) => return Ok(Incoming::Timeout),
                        }
                    }
                }
                Scan::Incomplete { needed } => {
                    self.input.reserve(READ_BYTES);
                    match timeout_at(deadline, self.stream.read_buf(&mut self.input)).await {
                        Err(_) => return Ok(Incoming::Timeout),
                        Ok(Err(error)) if error.kind() == io::ErrorKind::ConnectionReset => {
                            return Ok(Incoming::Closed);
                        }
                        Ok(Err(error)) => return Err(error.into()),
                        Ok(Ok(0)) if self.input.is_empty() => return Ok(Incoming::Closed),
                        Ok(Ok(0)) => {
                            return Err(FrameError::Truncated {
                                available: self.input.len(),
                                needed,
                            });
                        }
                        Ok(Ok(_)) => {}
                    }
                }
            }
        }
    }
}
