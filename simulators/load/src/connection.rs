//! One terminal: its socket, what it has open, what it could not write yet.

use std::io;
use std::task::Waker;

use tokio::net::tcp::OwnedWriteHalf;

use crate::in_flight::InFlight;

/// The writing side of a connection and what it waits for. Its reading side belongs to its task.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) terminal: Terminal,
    pub(crate) in_flight: InFlight,
    /// `None` while it is not connected.
    pub(crate) writer: Option<OwnedWriteHalf>,
    /// Frames that the socket has not taken yet.
    pub(crate) output: Vec<u8>,
    /// The start of a frame whose rest has not come yet.
    pub(crate) input: Vec<u8>,
    /// Wakes the connection's task, which alone can wait for the socket to take more.
    pub(crate) waker: Option<Waker>,
    /// The socket took only a part of the output: its peer does not read.
    pub(crate) blocked: bool,
    /// Something was added to the output since it was last flushed.
    pub(crate) dirty: bool,
    /// Whether it stands in the queue of those that can take a request.
    pub(crate) queued: bool,
}

/// Who a connection speaks for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Terminal {
    /// Its number among all connections of the load.
    pub(crate) number: usize,
    /// Field 41 as it is on the wire.
    pub(crate) wire: Box<[u8]>,
}

impl Connection {
    pub(crate) fn new(terminal: Terminal, in_flight_max: usize) -> Self {
        Connection {
            terminal,
            in_flight: InFlight::new(in_flight_max),
            writer: None,
            output: Vec::new(),
            input: Vec::new(),
            waker: None,
            blocked: false,
            dirty: false,
            queued: false,
        }
    }

    /// Whether it can take a request now.
    pub(crate) fn is_free(&self) -> bool {
        self.writer.is_some() && !self.blocked && self.in_flight.has_room()
    }

    /// Writes as much as the socket takes. What is left is written by the connection's task once it can be.
    pub(crate) fn flush(&mut self) {
        self.dirty = false;
        if self.blocked {
            return;
        }
        let Some(writer) = &self.writer else {
            self.output.clear();
            return;
        };
        match writer.try_write(&self.output) {
            Ok(written) if written == self.output.len() => self.output.clear(),
            Ok(written) => {
                self.output.drain(..written);
                self.block();
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.block(),
            // The task finds out by reading, and cleans up.
            Err(_) => self.output.clear(),
        }
    }

    fn block(&mut self) {
        self.blocked = true;
        if let Some(waker) = &self.waker {
            waker.wake_by_ref();
        }
    }

    /// Forgets the connection; says how many requests were open on it.
    pub(crate) fn cut(&mut self) -> usize {
        self.writer = None;
        self.blocked = false;
        self.dirty = false;
        self.output.clear();
        self.input.clear();
        self.in_flight.clear()
    }
}
