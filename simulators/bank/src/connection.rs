//! One connection: reads frames, lets the host answer them all into one buffer, writes it at once.
//!
//! Per batch of messages that arrive together: one read, one lock of the counters, one write.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::{Buf, BytesMut};
use pointsman_framing::{FrameError, KeepAlive, Scan};
use pointsman_iso8583::TextBuffer;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use crate::event::Event;
use crate::host::{Exchange, Host, Reaction, Session};
use crate::stats::{Counters, Stats};

/// What one read takes at most, bytes. A link that sends many messages together gets them answered together.
const READ_BYTES: usize = 16 * 1024;

/// Answers that one connection may hold back. Beyond it they are lost, and counted.
const HELD_MAX: usize = 65_536;

/// What all connections of a bank share.
pub(crate) struct Shared {
    pub(crate) host: Host,
    pub(crate) counters: Counters,
    /// Told after every batch, for those who wait for something to happen.
    pub(crate) activity: watch::Sender<()>,
}

impl Shared {
    fn publish(&self, batch: &Stats) {
        self.counters.add(batch);
        self.activity.send_replace(());
    }
}

/// Answers until the peer hangs up, a rule closes, or the bank stops.
pub(crate) async fn serve(
    mut stream: TcpStream,
    peer: SocketAddr,
    shared: Arc<Shared>,
    mut stop: watch::Receiver<bool>,
) {
    shared.host.watch().tell(&Event::Connected { peer });
    let mut connection = Connection {
        session: Session::new(peer),
        input: BytesMut::new(),
        output: BytesMut::new(),
        held: BinaryHeap::new(),
        held_number: 0,
        shared: &shared,
    };
    let ended = connection.run(&mut stream, &mut stop).await;
    let mut last = Stats {
        connections_closed: 1,
        delayed_lost: connection.held.len() as u64,
        ..Stats::default()
    };
    let error = ended.err().filter(|error| !is_hang_up(error));
    if error
        .as_ref()
        .is_some_and(|error| !matches!(error, FrameError::Io(_)))
    {
        last.broken_frames = 1;
    }
    shared.host.watch().tell(&Event::Disconnected {
        peer,
        error: error.as_ref(),
    });
    shared.publish(&last);
}

/// A peer that resets the connection has hung up, if rudely.
fn is_hang_up(error: &FrameError) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset};
    matches!(error, FrameError::Io(error) if matches!(error.kind(), BrokenPipe | ConnectionReset | ConnectionAborted))
}

struct Connection<'a> {
    session: Session,
    input: BytesMut,
    output: BytesMut,
    held: BinaryHeap<Reverse<Held>>,
    held_number: u64,
    shared: &'a Shared,
}

/// An answer to be sent later: by moment, and in order within one.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Held {
    due: Instant,
    number: u64,
    frames: BytesMut,
}

/// What woke the connection.
enum Wake {
    Readable(io::Result<()>),
    Due,
    Stop,
}

impl Connection<'_> {
    async fn run(
        &mut self,
        stream: &mut TcpStream,
        stop: &mut watch::Receiver<bool>,
    ) -> Result<(), FrameError> {
        loop {
            // An idle connection holds no buffer: thousands of them should cost next to nothing.
            let due = self.held.peek().map(|Reverse(held)| held.due);
            let wake = tokio::select! {
                biased;
                ready = stream.readable() => Wake::Readable(ready),
                () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => Wake::Due,
                _ = stop.wait_for(|stop| *stop) => Wake::Stop,
            };
            match wake {
                Wake::Stop => return Ok(()),
                Wake::Due => self.release(),
                Wake::Readable(ready) => {
                    ready?;
                    self.input.reserve(READ_BYTES);
                    // Never waits: the socket is readable, or else it says so at the next turn.
                    let read = tokio::select! {
                        biased;
                        read = stream.read_buf(&mut self.input) => Some(read?),
                        () = std::future::ready(()) => None,
                    };
                    match read {
                        Some(0) if self.input.is_empty() => return Ok(()),
                        Some(0) => return Err(self.truncated()),
                        Some(_) => {}
                        None => continue,
                    }
                    let flow = self.answer_input();
                    stream.write_all(&self.output).await?;
                    self.output.clear();
                    if flow?.is_break() {
                        return Ok(());
                    }
                    if self.input.is_empty() {
                        self.input = BytesMut::new();
                        self.output = BytesMut::new();
                    }
                    continue;
                }
            }
            stream.write_all(&self.output).await?;
            self.output.clear();
        }
    }

    /// Answers every whole frame that is there. What was answered before an error is still to be sent.
    fn answer_input(&mut self) -> Result<std::ops::ControlFlow<()>, FrameError> {
        let host = &self.shared.host;
        let (mut stats, mut text) = (Stats::default(), TextBuffer::new());
        let mut consumed = 0;
        let flow = loop {
            let rest = self.input.get(consumed..).unwrap_or_default();
            match host.codec().scan(rest) {
                Err(error) => break Err(error),
                Ok(Scan::Incomplete { .. }) => break Ok(std::ops::ControlFlow::Continue(())),
                Ok(Scan::KeepAlive { consumed: length }) => {
                    stats.keep_alives += 1;
                    if host.codec().framing().keep_alive == KeepAlive::Echo {
                        self.output
                            .extend_from_slice(rest.get(..length).unwrap_or_default());
                    }
                    consumed += length;
                }
                Ok(Scan::Frame {
                    tpdu,
                    body,
                    consumed: length,
                }) => {
                    let message = rest.get(body).unwrap_or_default();
                    let mut exchange = Exchange {
                        session: &mut self.session,
                        tpdu,
                        out: &mut self.output,
                        stats: &mut stats,
                        text: &mut text,
                    };
                    match host.handle(message, &mut exchange) {
                        Reaction::Go => {}
                        Reaction::Close => break Ok(std::ops::ControlFlow::Break(())),
                        Reaction::Hold { .. } if self.held.len() >= HELD_MAX => {
                            stats.delayed_lost += 1
                        }
                        Reaction::Hold { delay, frames } => {
                            self.held_number += 1;
                            let due = Instant::now() + delay;
                            self.held.push(Reverse(Held {
                                due,
                                number: self.held_number,
                                frames,
                            }));
                        }
                    }
                    consumed += length;
                }
            }
        };
        self.input.advance(consumed);
        if let Some(ledger) = host.ledger() {
            ledger.flush();
        }
        self.shared.publish(&stats);
        flow
    }

    /// Puts the answers whose time has come into the output.
    fn release(&mut self) {
        let now = Instant::now();
        while let Some(Reverse(next)) = self.held.peek()
            && next.due <= now
            && let Some(Reverse(next)) = self.held.pop()
        {
            self.output.extend_from_slice(&next.frames);
        }
    }

    fn truncated(&self) -> FrameError {
        let needed = match self.shared.host.codec().scan(&self.input) {
            Ok(Scan::Incomplete { needed }) => needed,
            _ => self.input.len(),
        };
        FrameError::Truncated {
            available: self.input.len(),
            needed,
        }
    }
}
