//! One terminal connection: moves bytes between its socket and its `Session`.
//!
//! The task holds no buffer while the terminal is silent, writes all the
//! answers that are ready in one call, and stops reading from a terminal that
//! does not read its answers.

use std::collections::VecDeque;
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf, BytesMut};
use pointsman_engine::{
    Cause, LinkId, ListenerProfile, Request, Session, SessionEvent, SessionOutput, Ticket, Undo,
};
use pointsman_framing::{FrameCodec, Received, Tpdu};
use pointsman_iso8583::DecodeError;
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio_util::codec::Decoder;

use crate::clock::Clock;
use crate::counters::ListenerCounters;
use crate::link::Undoing;
use crate::mailbox::{Mailbox, ReplyTo};
use crate::phase::{Phase, PhaseReceiver};
use crate::receive::receive;
use crate::sockets;

/// A terminal that has not read a byte of its answers for this long is cut off:
/// its window is full, and what waits behind it is memory.
const WRITE_STALL: Duration = Duration::from_secs(10);

/// The way to a link's task.
#[derive(Debug, Clone)]
pub(crate) struct LinkSender {
    pub(crate) requests: mpsc::Sender<Request<ReplyTo>>,
    pub(crate) undoings: mpsc::UnboundedSender<Undoing>,
}

/// What all connections of one listener share.
#[derive(Debug)]
pub(crate) struct Surroundings {
    pub(crate) name: Arc<str>,
    pub(crate) profile: Arc<ListenerProfile>,
    pub(crate) codec: FrameCodec,
    pub(crate) connections_max: usize,
    pub(crate) links: Arc<[LinkSender]>,
    pub(crate) counters: ListenerCounters,
    pub(crate) clock: Clock,
}

pub(crate) struct Terminal {
    stream: TcpStream,
    session: Session,
    surroundings: Arc<Surroundings>,
    phase: PhaseReceiver,
    codec: FrameCodec,
    mailbox: Mailbox,
    inbound: BytesMut,
    outbound: BytesMut,
    /// Answers of which some byte is still in `outbound`.
    unsent: u64,
    /// The approvals among them, with the place in the stream where they end.
    undoable: VecDeque<(u64, LinkId, Undo)>,
    /// Bytes of the stream that the system has taken.
    written: u64,
    /// When `outbound` counts as stalled, unless a byte of it is taken before.
    stall: Option<tokio::time::Instant>,
    input: Input,
    output: Output,
    /// Messages of this connection that did not decode.
    unreadable: u64,
}

/// Whether more requests may come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Input {
    Open,
    /// The terminal closed its side, or broke the protocol, or we drain. What
    /// is in flight is still answered.
    Ended,
}

/// Whether answers can still be delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Output {
    Open,
    /// The terminal is gone.
    Lost,
}

enum Woke {
    Received(io::Result<usize>),
    Writable(io::Result<()>),
    Answers,
    Draining,
    Stalled,
}

impl Terminal {
    pub(crate) fn new(
        stream: TcpStream,
        session: Session,
        surroundings: Arc<Surroundings>,
        phase: PhaseReceiver,
    ) -> Self {
        Self {
            stream,
            session,
            codec: surroundings.codec,
            surroundings,
            phase,
            mailbox: Mailbox::new(),
            inbound: BytesMut::new(),
            outbound: BytesMut::new(),
            unsent: 0,
            undoable: VecDeque::new(),
            written: 0,
            stall: None,
            input: Input::Open,
            output: Output::Open,
            unreadable: 0,
        }
    }

    /// Runs until the connection is closed and every open request has had its
    /// answer, deliverable or not.
    pub(crate) async fn run(mut self) {
        let mut phase = self.phase.clone();
        let mut draining = pin!(phase.reached(Phase::FinishingSessions));
        let mut drained = false;
        while !self.is_finished() {
            match self.wait(draining.as_mut(), drained).await {
                Woke::Received(Ok(0)) => self.end_of_input(),
                Woke::Received(Ok(bytes)) => {
                    self.surroundings.counters.received(bytes);
                    self.decode();
                    if self.inbound.is_empty() {
                        // An idle terminal holds no buffer.
                        self.inbound = BytesMut::new();
                    }
                }
                Woke::Writable(Ok(())) => {}
                Woke::Received(Err(error)) | Woke::Writable(Err(error)) => self.lose(&error),
                Woke::Answers => {
                    let now = self.surroundings.clock.now();
                    while let Some(answer) = self.mailbox.take() {
                        self.session.handle_answer(now, answer);
                    }
                }
                Woke::Draining => {
                    drained = true;
                    self.input = Input::Ended;
                    self.session.handle_drain();
                }
                Woke::Stalled => {
                    self.surroundings.counters.stalled();
                    self.lose(&io::ErrorKind::TimedOut.into());
                }
            }
            self.carry_out();
            self.flush();
        }
    }

    fn is_finished(&self) -> bool {
        match self.output {
            Output::Lost => self.session.in_flight() == 0,
            Output::Open => {
                self.input == Input::Ended
                    && self.session.in_flight() == 0
                    && self.outbound.is_empty()
            }
        }
    }

    async fn wait(&mut self, draining: Pin<&mut impl Future<Output = ()>>, drained: bool) -> Woke {
        let writing = !self.outbound.is_empty() && self.output != Output::Lost;
        let reading = self.input == Input::Open && !writing;
        let stall = self.stall;
        let (stream, inbound) = (&mut self.stream, &mut self.inbound);
        let socket = async {
            if writing {
                Woke::Writable(stream.writable().await)
            } else {
                Woke::Received(receive(stream, inbound).await)
            }
        };
        tokio::select! {
            biased;
            () = self.mailbox.arrived(), if self.session.in_flight() > 0 => Woke::Answers,
            woke = socket, if reading || writing => woke,
            () = draining, if !drained => Woke::Draining,
            // In a block, so that no timer is made where none is wanted.
            () = async {
                match stall {
                    Some(stall) => tokio::time::sleep_until(stall).await,
                    None => std::future::pending().await,
                }
            }, if writing => Woke::Stalled,
        }
    }

    fn decode(&mut self) {
        let now = self.surroundings.clock.now();
        while self.input == Input::Open {
            match self.codec.decode(&mut self.inbound) {
                Ok(Some(Received::Frame(frame))) => {
                    self.session
                        .handle_frame(now, frame.tpdu.map(|tpdu| tpdu.bytes()), frame.body);
                    self.carry_out();
                }
                Ok(Some(Received::KeepAlive(echo))) => self.outbound.extend_from_slice(&echo),
                Ok(None) => return,
                Err(error) => {
                    self.surroundings.counters.frame_error(&error);
                    tracing::warn!(listener = %self.surroundings.name, peer = self.peer(), %error, "frame refused, connection closed");
                    // The stream cannot be trusted any more, but what was asked
                    // before is still answered.
                    self.input = Input::Ended;
                }
            }
        }
    }

    fn peer(&self) -> String {
        sockets::peer(&self.stream)
    }

    fn end_of_input(&mut self) {
        self.input = Input::Ended;
        if !self.inbound.is_empty() {
            self.surroundings.counters.cut_frame();
            tracing::info!(listener = %self.surroundings.name, peer = self.peer(), bytes = self.inbound.len(), "connection ended inside a frame");
        }
    }

    fn lose(&mut self, error: &io::Error) {
        if self.output != Output::Lost {
            tracing::debug!(listener = %self.surroundings.name, %error, open = self.session.in_flight(), "terminal lost");
            self.input = Input::Ended;
            self.output = Output::Lost;
            self.outbound.clear();
            if self.unsent > 0 {
                // They are in no session any more, and whether they were
                // approvals only their banks know.
                self.surroundings.counters.cut_off(self.unsent);
                tracing::warn!(listener = %self.surroundings.name, peer = self.peer(), answers = self.unsent, "answers were written that their terminal did not take");
                self.unsent = 0;
            }
            while let Some((_, link, undo)) = self.undoable.pop_front() {
                self.undo(link, undo, None);
            }
            self.session.handle_closed();
        }
    }

    /// Does what the session has decided.
    fn carry_out(&mut self) {
        while let Some(output) = self.session.poll_output() {
            match output {
                SessionOutput::Forward(forward) => self.forward(forward),
                SessionOutput::Undo { link, undo, told } => self.undo(link, undo, told),
                SessionOutput::Reply {
                    transport,
                    message,
                    undo,
                } => {
                    let tpdu = transport.map(|bytes| Tpdu::new(bytes).swapped());
                    match self.codec.write(tpdu, &message, &mut self.outbound) {
                        Ok(()) => {
                            self.unsent += 1;
                            let end = self.written + self.outbound.len() as u64;
                            let undo = undo.map(|(link, undo)| (end, link, undo));
                            self.undoable.extend(undo);
                        }
                        Err(error) => {
                            if let Some((link, undo)) = undo {
                                self.undo(link, undo, None);
                            }
                            // The session knows what its framing carries, so this
                            // is a fault of ours: say so, and count the answer.
                            self.surroundings.counters.frame_error(&error);
                            self.surroundings.counters.cut_off(1);
                            tracing::error!(listener = %self.surroundings.name, peer = self.peer(), %error, "an answer does not fit a frame and was not delivered");
                        }
                    }
                }
                SessionOutput::Close(cause) => {
                    self.surroundings.counters.closed(cause);
                    self.input = Input::Ended;
                }
                SessionOutput::Event(event) => {
                    if let SessionEvent::Unreadable { error, answered } = &event {
                        self.tell_unreadable(error, *answered);
                    }
                    self.surroundings.counters.event(&event);
                }
            }
        }
    }

    /// One line for the first message that does not decode, and ever fewer for
    /// more: a terminal with the wrong dialect must not fill the disk.
    fn tell_unreadable(&mut self, error: &DecodeError, answered: bool) {
        self.unreadable += 1;
        if self.unreadable.is_power_of_two() {
            tracing::warn!(listener = %self.surroundings.name, peer = self.peer(), field = error.field, offset = error.offset, %error, answered, so_far = self.unreadable, "message of a terminal does not decode");
        }
    }

    /// Gives an approval back that the terminal is not told of.
    fn undo(&mut self, link: LinkId, undo: Undo, told: Option<(Ticket, Cause)>) {
        let Some(link) = self.surroundings.links.get(link.index()) else {
            return;
        };
        let told = told.map(|(ticket, cause)| (self.mailbox.reply_to(ticket), ticket, cause));
        // Refused only when the switch has ended: then the journal has an approval that its terminal will ask for, or
        // take back.
        let _ = link.undoings.send(Undoing { undo, told });
    }

    fn forward(&mut self, forward: pointsman_engine::Forward) {
        let ticket = forward.ticket;
        let Some(link) = self.surroundings.links.get(forward.link.index()) else {
            // The routing table and the links come from one config.
            self.session.handle_refused(ticket, Cause::Internal);
            return;
        };
        let reply_to = self.mailbox.reply_to(ticket);
        if let Err(refused) = link.requests.try_send(forward.into_request(reply_to)) {
            let (request, cause) = match refused {
                mpsc::error::TrySendError::Full(request) => (request, Cause::ShellQueueFull),
                mpsc::error::TrySendError::Closed(request) => (request, Cause::LinkDown),
            };
            request.reply_to.disarm();
            self.session.handle_refused(ticket, cause);
        }
    }

    fn flush(&mut self) {
        while !self.outbound.is_empty() && self.output != Output::Lost {
            match self.stream.try_write(&self.outbound) {
                Ok(written) => {
                    self.surroundings.counters.sent(written);
                    self.outbound.advance(written);
                    self.written += written as u64;
                    self.stall = None;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    let stall = || tokio::time::Instant::now() + WRITE_STALL;
                    self.stall.get_or_insert_with(stall);
                    return;
                }
                Err(error) => self.lose(&error),
            }
        }
        // What the system has taken the terminal is told, as far as anybody here can know.
        while self
            .undoable
            .front()
            .is_some_and(|(end, _, _)| *end <= self.written)
        {
            self.undoable.pop_front();
        }
        if self.outbound.is_empty() {
            self.outbound = BytesMut::new();
            self.undoable = VecDeque::new();
            self.unsent = 0;
            self.stall = None;
        }
    }
}
