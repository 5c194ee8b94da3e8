//! One bank link: moves bytes between its socket and its `Link`.
//!
//! The task takes everything that is ready (requests from terminals, bytes from
//! the bank), lets the machine decide, and writes all that it wants to send in
//! one call: joined writes are worth 4 to 7 µs of CPU a transaction.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use pointsman_engine::{Instant, Link, LinkOutput, LinkProfile, LinkState, RecordNumber, Request};
use pointsman_framing::{FrameCodec, Received};
use tokio::io::Interest;
use tokio::net::TcpStream;
use tokio::runtime::Handle;
use tokio::sync::{Mutex, mpsc, watch};
use tokio::task::JoinHandle;
use tokio_util::codec::Decoder;

use crate::clock::Clock;
use crate::counters::LinkCounters;
use crate::mailbox::ReplyTo;
use crate::outbound::Outbound;
use crate::phase::{Phase, PhaseReceiver};
use crate::receive::receive;
use crate::settings::LinkSettings;
use crate::sockets;

/// Requests that may wait for the link's task; one more is declined at once.
pub(crate) const QUEUE_REQUESTS_MAX: usize = 8_192;
/// Requests taken from the queue before the socket is looked at.
const BATCH_REQUESTS_MAX: usize = 256;
/// Room made for a read that does not wait.
const READ_BYTES: usize = 16 * 1_024;
/// Before a failed link task is started again, so that a fault at its very
/// start cannot spin.
const RESTART_PAUSE: Duration = Duration::from_secs(1);
/// When the machine has no timer of its own.
const IDLE: Duration = Duration::from_secs(3_600);

/// What a link's task needs besides its machine.
#[derive(Debug, Clone)]
pub(crate) struct Surroundings {
    pub(crate) settings: Arc<LinkSettings>,
    pub(crate) profile: Arc<LinkProfile>,
    pub(crate) counters: Arc<LinkCounters>,
    pub(crate) clock: Clock,
    pub(crate) phase: PhaseReceiver,
    pub(crate) state: watch::Sender<LinkState>,
}

type Requests = mpsc::Receiver<Request<ReplyTo>>;

/// Runs a link until it is drained. A panic in its machine is a bug of ours,
/// and must cost this link's open transactions only: each is answered 96 by its
/// dropped `ReplyTo`, and the link starts anew.
pub(crate) async fn supervise(surroundings: Surroundings, requests: Requests, core: Handle) {
    let requests = Arc::new(Mutex::new(requests));
    loop {
        let driver = Driver::new(surroundings.clone());
        let requests = Arc::clone(&requests);
        let run = core.spawn(async move { driver.run(&mut *requests.lock().await).await });
        match run.await {
            Ok(()) => return,
            Err(error) if error.is_panic() => {
                surroundings.counters.restarted();
                tracing::error!(link = %surroundings.settings.name, "link task failed and is started again; its open transactions were answered 96");
                tokio::time::sleep(RESTART_PAUSE).await;
            }
            Err(_) => return,
        }
    }
}

enum Socket {
    Closed,
    Connecting(JoinHandle<io::Result<TcpStream>>),
    Open(TcpStream),
}

enum Woke {
    Requests,
    Received(io::Result<usize>),
    Ready(io::Result<tokio::io::Ready>),
    Connected(io::Result<TcpStream>),
    Timer,
    Drain,
    End,
}

struct Driver {
    link: Link<ReplyTo>,
    surroundings: Surroundings,
    codec: FrameCodec,
    socket: Socket,
    batch: Vec<Request<ReplyTo>>,
    inbound: BytesMut,
    outbound: Outbound,
    drained: bool,
}

impl Driver {
    fn new(surroundings: Surroundings) -> Self {
        let now = surroundings.clock.now();
        Self {
            link: Link::new(Arc::clone(&surroundings.profile), now),
            codec: FrameCodec::new(surroundings.settings.framing),
            surroundings,
            socket: Socket::Closed,
            batch: Vec::with_capacity(BATCH_REQUESTS_MAX),
            inbound: BytesMut::new(),
            outbound: Outbound::default(),
            drained: false,
        }
    }

    async fn run(mut self, requests: &mut Requests) {
        let mut phase = self.surroundings.phase.clone();
        let mut draining = false;
        let mut armed = Instant::from_nanos(u64::MAX);
        let sleep = tokio::time::sleep(IDLE);
        tokio::pin!(sleep);
        self.carry_out();
        while !self.drained {
            // A deadline only ever moves later as answers come, so an alarm
            // that rings early is cheaper than one set for every transaction.
            let next = [self.link.next_timer(), self.stall_at()];
            if let Some(next) = next.into_iter().flatten().min()
                && next < armed
            {
                armed = next;
                sleep.as_mut().reset(self.surroundings.clock.at(next));
            }
            let writing = !self.outbound.is_empty();
            let next_phase = if draining {
                Phase::Ended
            } else {
                Phase::FinishingLinks
            };
            let woke = tokio::select! {
                biased;
                taken = requests.recv_many(&mut self.batch, BATCH_REQUESTS_MAX), if !draining && !self.outbound.is_full() => {
                    if taken == 0 { Woke::Drain } else { Woke::Requests }
                }
                woke = socket_event(&mut self.socket, &mut self.inbound, writing) => woke,
                () = &mut sleep => Woke::Timer,
                () = phase.reached(next_phase) => if draining { Woke::End } else { Woke::Drain },
            };
            let now = self.surroundings.clock.now();
            match woke {
                Woke::Requests => {
                    self.take_requests(now);
                    // However many requests come, answers are not left waiting.
                    // Without bytes there, this costs no system call.
                    self.read(now);
                }
                Woke::Received(received) => self.received(now, received),
                Woke::Ready(Ok(_)) => self.read(now),
                Woke::Ready(Err(error)) => self.disconnected(now, &error),
                Woke::Connected(result) => self.connected(now, result),
                Woke::Timer => {
                    armed = Instant::from_nanos(u64::MAX);
                    sleep.as_mut().reset(tokio::time::Instant::now() + IDLE);
                    // First: what still waits to be written must not be declined
                    // and then sent after all.
                    if self.stall_at().is_some_and(|stall| stall <= now) {
                        self.surroundings.counters.stalled();
                        self.disconnected(now, &io::ErrorKind::TimedOut.into());
                    }
                    self.link.handle_timer(now);
                }
                Woke::Drain => {
                    draining = true;
                    requests.close();
                    while let Ok(request) = requests.try_recv() {
                        self.link.handle_request(now, request);
                    }
                    self.link.handle_drain(now);
                }
                Woke::End => return,
            }
            self.carry_out();
            self.outbound.mark(now);
            self.flush(now);
        }
        self.flush(self.surroundings.clock.now());
    }

    /// When the connection is given up because the bank takes no bytes: the
    /// oldest of them are then as old as a request may get.
    fn stall_at(&self) -> Option<Instant> {
        let timeout = self.surroundings.settings.timeout;
        self.outbound.oldest().map(|since| since + timeout)
    }

    fn take_requests(&mut self, now: Instant) {
        for request in self.batch.drain(..) {
            self.link.handle_request(now, request);
        }
    }

    fn connected(&mut self, now: Instant, result: io::Result<TcpStream>) {
        match result {
            Ok(stream) => {
                let peer = sockets::peer(&stream);
                tracing::info!(link = %self.surroundings.settings.name, peer, "link connected");
                self.socket = Socket::Open(stream);
                self.link.handle_connected(now);
            }
            Err(error) => {
                tracing::warn!(link = %self.surroundings.settings.name, %error, "link cannot connect");
                self.surroundings.counters.connect_failed();
                self.socket = Socket::Closed;
                self.link.handle_connect_failed(now);
            }
        }
    }

    fn disconnected(&mut self, now: Instant, error: &io::Error) {
        if matches!(self.socket, Socket::Open(_)) {
            tracing::warn!(link = %self.surroundings.settings.name, %error, "link lost");
            self.close_socket();
            self.link.handle_disconnected(now);
        }
    }

    fn close_socket(&mut self) {
        if let Socket::Connecting(attempt) = &self.socket {
            attempt.abort();
        }
        self.socket = Socket::Closed;
        self.inbound.clear();
        self.outbound.clear();
    }

    /// Takes the bytes that are there, without waiting.
    fn read(&mut self, now: Instant) {
        let Socket::Open(stream) = &self.socket else {
            return;
        };
        self.inbound.reserve(READ_BYTES);
        let received = stream.try_read_buf(&mut self.inbound);
        match received {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            received => self.received(now, received),
        }
    }

    fn received(&mut self, now: Instant, received: io::Result<usize>) {
        match received {
            Ok(0) => self.disconnected(now, &io::ErrorKind::UnexpectedEof.into()),
            Ok(bytes) => {
                self.surroundings.counters.received(bytes);
                self.decode(now);
            }
            Err(error) => self.disconnected(now, &error),
        }
    }

    fn decode(&mut self, now: Instant) {
        loop {
            match self.codec.decode(&mut self.inbound) {
                Ok(Some(Received::Frame(frame))) => self.link.handle_frame(now, frame.body),
                Ok(Some(Received::KeepAlive(echo))) => self.outbound.bytes.extend_from_slice(&echo),
                Ok(None) => return,
                Err(error) => {
                    self.surroundings.counters.frame_error(&error);
                    tracing::error!(link = %self.surroundings.settings.name, %error, "frame of the bank refused, link closed");
                    self.close_socket();
                    self.link.handle_disconnected(now);
                    return;
                }
            }
        }
    }

    /// Does what the machine has decided.
    fn carry_out(&mut self) {
        while let Some(output) = self.link.poll_output() {
            match output {
                LinkOutput::Connect { address } => self.connect(address),
                LinkOutput::Disconnect => {
                    if let Socket::Connecting(_) = &self.socket {
                        self.surroundings.counters.connect_failed();
                        tracing::warn!(link = %self.surroundings.settings.name, "link cannot connect: timed out");
                    }
                    // A sign-off that is still in the buffer goes first; if the
                    // bank does not take it now, it does not matter any more.
                    if let Socket::Open(stream) = &self.socket
                        && stream.try_write(&self.outbound.bytes).is_err()
                    {
                        tracing::debug!(link = %self.surroundings.settings.name, "closed with unsent bytes");
                    }
                    self.close_socket();
                }
                LinkOutput::Transmit { message, .. } => {
                    if let Err(error) = self.codec.write(None, &message, &mut self.outbound.bytes) {
                        // The deadline will answer the terminal.
                        self.surroundings.counters.frame_error(&error);
                        tracing::error!(link = %self.surroundings.settings.name, %error, "request does not fit a frame of the link");
                    }
                }
                LinkOutput::Answer {
                    reply_to, answer, ..
                } => {
                    if !reply_to.send(answer) {
                        self.surroundings.counters.undeliverable();
                    }
                }
                LinkOutput::Journal { number, record } => {
                    // Nothing is stored yet: a record is as durable as it gets
                    // the moment it is made.
                    self.surroundings.counters.record(&record);
                    self.durable(number);
                }
                LinkOutput::Event(event) => {
                    self.surroundings.counters.event(&event);
                }
                LinkOutput::Drained => self.drained = true,
            }
        }
        let state = self.link.state();
        self.surroundings.counters.in_flight(self.link.in_flight());
        let counters = &self.surroundings.counters;
        self.surroundings.state.send_if_modified(|known| {
            let changed = *known != state;
            if changed {
                *known = state;
                counters.state(state);
            }
            changed
        });
    }

    fn durable(&mut self, mark: RecordNumber) {
        self.link.handle_durable(mark);
    }

    fn connect(&mut self, address: usize) {
        let addresses = &self.surroundings.settings.connect;
        let Some(address) = addresses.get(address % addresses.len().max(1)).cloned() else {
            return;
        };
        self.socket = Socket::Connecting(tokio::spawn(async move {
            // The machine bounds the attempt: it orders `Disconnect` in time.
            let stream = TcpStream::connect(&address).await?;
            sockets::prepare_link(&stream)?;
            Ok(stream)
        }));
    }

    fn flush(&mut self, now: Instant) {
        while !self.outbound.is_empty() {
            let Socket::Open(stream) = &self.socket else {
                self.outbound.clear();
                return;
            };
            match stream.try_write(&self.outbound.bytes) {
                Ok(written) => {
                    self.surroundings.counters.sent(written);
                    self.outbound.advance(written);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(error) => {
                    self.disconnected(now, &error);
                    self.carry_out();
                }
            }
        }
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        self.close_socket();
    }
}

/// What the socket does next: connect, bring bytes, or, if there is something
/// left to write, take it.
async fn socket_event(socket: &mut Socket, inbound: &mut BytesMut, writing: bool) -> Woke {
    match socket {
        Socket::Closed => std::future::pending().await,
        Socket::Connecting(attempt) => Woke::Connected(match attempt.await {
            Ok(result) => result,
            Err(_) => Err(io::ErrorKind::Interrupted.into()),
        }),
        Socket::Open(stream) if writing => {
            Woke::Ready(stream.ready(Interest::READABLE | Interest::WRITABLE).await)
        }
        Socket::Open(stream) => Woke::Received(receive(stream, inbound).await),
    }
}
