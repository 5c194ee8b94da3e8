//! One bank link: moves bytes between its socket and its `Link`.
//!
//! The task takes everything that is ready (requests from terminals, bytes from
//! the bank), lets the machine decide, and writes all that it wants to send in
//! one call: joined writes are worth 4 to 7 µs of CPU a transaction.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use pointsman_engine::{
    Answer, Cause, Instant, Link, LinkOutput, LinkProfile, LinkState, Outcome, RecordNumber,
    Request, Ticket, Undo,
};
use pointsman_framing::{FrameCodec, Received};
use tokio::io::Interest;
use tokio::net::TcpStream;
use tokio::runtime::Handle;
use tokio::sync::{Mutex, mpsc, watch};
use tokio::task::JoinHandle;
use tokio_util::codec::Decoder;

use crate::books::{LinkBook, Oldest, Shared, Start, TIDY_EVERY};
use crate::clock::Clock;
use crate::counters::LinkCounters;
use crate::held::{Held, Tiding};
use crate::mailbox::ReplyTo;
use crate::orders::{Order, SafAction};
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
    pub(crate) books: Arc<Shared>,
    pub(crate) oldest: Arc<Oldest>,
}

/// An approval that a terminal was not told of, and who waits to be told instead.
#[derive(Debug)]
pub(crate) struct Undoing {
    pub(crate) undo: Undo,
    pub(crate) told: Option<(ReplyTo, Ticket, Cause)>,
}

/// What comes to a link's task from the terminals.
pub(crate) struct Inbox {
    pub(crate) requests: mpsc::Receiver<Request<ReplyTo>>,
    /// At most one for each approval that was given out, and never lost: hence without a bound of its own.
    pub(crate) undoings: mpsc::UnboundedReceiver<Undoing>,
    pub(crate) orders: mpsc::Receiver<Order>,
}

/// Runs a link until it is drained. A panic in its machine is a bug of ours,
/// and must cost this link's open transactions only: each is answered 96 by its
/// dropped `ReplyTo`, and the link starts anew.
pub(crate) async fn supervise(
    surroundings: Surroundings,
    start: Start,
    inbox: Inbox,
    core: Handle,
) {
    let inbox = Arc::new(Mutex::new(inbox));
    let mut start = Some(start);
    loop {
        let Some(from) = start.take() else {
            return;
        };
        let driver = Driver::new(surroundings.clone(), from);
        let inbox = Arc::clone(&inbox);
        let run = core.spawn(async move { driver.run(&mut *inbox.lock().await).await });
        match run.await {
            Ok(()) => return,
            Err(error) if error.is_panic() => {
                surroundings.counters.restarted();
                tracing::error!(link = %surroundings.settings.name, "link task failed and is started again from the journal; whoever waited for it was disconnected");
                tokio::time::sleep(RESTART_PAUSE).await;
                start = read_back(&surroundings).await;
            }
            Err(_) => return,
        }
    }
}

/// What the failed task had on record.
async fn read_back(surroundings: &Surroundings) -> Option<Start> {
    let (books, link) = (
        Arc::clone(&surroundings.books),
        Arc::clone(&surroundings.settings.name),
    );
    let read = tokio::task::spawn_blocking(move || books.start_again(&link)).await;
    match read {
        Ok(Ok(start)) => Some(start),
        Ok(Err(error)) => {
            tracing::error!(link = %surroundings.settings.name, %error, "the link stays down: what it owes cannot be read back");
            None
        }
        Err(error) => {
            tracing::error!(link = %surroundings.settings.name, %error, "the link stays down: reading back failed");
            None
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
    Undoing(Undoing),
    Order(Order),
    Durable,
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
    book: LinkBook,
    held: Held,
    /// Approvals whose terminal's task was gone.
    returned: Vec<Undo>,
    /// When the book last looked for the first record that it needs.
    tidied: Instant,
    drained: bool,
}

impl Driver {
    fn new(surroundings: Surroundings, mut start: Start) -> Self {
        let now = surroundings.clock.now();
        let book = LinkBook::new(
            Arc::clone(&surroundings.books),
            Arc::clone(&surroundings.settings.name),
            Arc::clone(&surroundings.profile.dialect),
            &mut start,
            Arc::clone(&surroundings.oldest),
        );
        let (in_doubt, due) = start.recovered.open();
        if in_doubt + due > 0 {
            tracing::warn!(link = %surroundings.settings.name, in_doubt, due, "what an earlier life left open: what is in doubt is reversed, what is due is sent");
        }
        let profile = Arc::clone(&surroundings.profile);
        let unix = surroundings.clock.unix_seconds(now);
        Self {
            link: Link::recover(profile, now, unix, start.recovered),
            codec: FrameCodec::new(surroundings.settings.framing),
            surroundings,
            socket: Socket::Closed,
            batch: Vec::with_capacity(BATCH_REQUESTS_MAX),
            inbound: BytesMut::new(),
            outbound: Outbound::default(),
            book,
            held: Held::default(),
            returned: Vec::new(),
            tidied: now,
            drained: false,
        }
    }

    async fn run(mut self, inbox: &mut Inbox) {
        let Inbox {
            requests,
            undoings,
            orders,
        } = inbox;
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
                Some(undoing) = undoings.recv() => Woke::Undoing(undoing),
                () = self.book.moved(), if self.held.is_waiting() => Woke::Durable,
                woke = socket_event(&mut self.socket, &mut self.inbound, writing) => woke,
                () = &mut sleep => Woke::Timer,
                Some(order) = orders.recv() => Woke::Order(order),
                () = phase.reached(next_phase) => if draining { Woke::End } else { Woke::Drain },
            };
            let now = self.surroundings.clock.now();
            self.release();
            match woke {
                Woke::Durable => {}
                Woke::Undoing(undoing) => {
                    self.link.handle_undo(now, undoing.undo, undoing.told);
                }
                Woke::Order(order) => self.obey(now, order),
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
                    // The terminals are gone: what they could not be told is here.
                    while let Ok(undoing) = undoings.try_recv() {
                        self.link.handle_undo(now, undoing.undo, undoing.told);
                    }
                    self.link.handle_drain(now);
                }
                Woke::End => return,
            }
            self.carry_out();
            while let Some(undo) = self.returned.pop() {
                self.link.handle_undo(now, undo, None);
                self.carry_out();
            }
            self.outbound.mark(now);
            self.flush(now);
            if now.since(self.tidied) >= TIDY_EVERY {
                self.tidied = now;
                self.book.tell_oldest();
            }
        }
        self.finish(phase).await;
    }

    /// What was decided before the end still goes out.
    async fn finish(mut self, mut phase: PhaseReceiver) {
        self.release();
        while self.held.is_waiting() {
            tokio::select! {
                () = self.book.moved() => {}
                () = phase.reached(Phase::Ended) => break,
            }
            self.release();
        }
        self.flush(self.surroundings.clock.now());
    }

    /// What the journal has made durable goes out.
    fn release(&mut self) {
        let released = self.book.released();
        if let Some(number) = released.until {
            self.held.durable_until(number);
            self.durable(number);
        }
        self.link.handle_recording(released.recording);
        if released.failed {
            self.held.abandon();
        }
        while let Some(message) = self.held.next_message() {
            self.put(&message);
        }
        while let Some(tiding) = self.held.next_tiding() {
            self.tell(tiding);
        }
    }

    /// Writes a message behind those that wait for the socket.
    fn put(&mut self, message: &[u8]) {
        if let Err(error) = self.codec.write(None, message, &mut self.outbound.bytes) {
            // The deadline will answer the terminal.
            self.surroundings.counters.frame_error(&error);
            tracing::error!(link = %self.surroundings.settings.name, %error, "request does not fit a frame of the link");
        }
    }

    fn tell(&mut self, tiding: Tiding) {
        match tiding {
            Tiding::Answer(reply_to, answer) => {
                if let Some(answer) = reply_to.send(answer) {
                    self.surroundings.counters.undeliverable();
                    self.returned.extend(answer.undo);
                }
            }
            Tiding::Recall(reply_to, ticket, transaction) => {
                let (books, at) = (
                    Arc::clone(self.book.shared()),
                    self.book.answer_at(transaction),
                );
                // Reading waits for the disk. An answer that is not found drops the address: the terminal is
                // disconnected, and may reverse.
                tokio::task::spawn_blocking(move || {
                    if let Some(message) = books.answer(transaction.get(), at) {
                        let outcome = Outcome::Response(message);
                        let undo = None;
                        // A terminal that has gone again asks again.
                        let _ = reply_to.send(Answer {
                            ticket,
                            outcome,
                            undo,
                        });
                    }
                });
            }
        }
    }

    /// What a person wants, and a record of who it was.
    fn obey(&mut self, now: Instant, order: Order) {
        let Order {
            transaction,
            kind,
            action,
            by,
            done,
        } = order;
        let found = match action {
            SafAction::Retry => self.link.handle_retry(now, transaction, kind),
            SafAction::Drop => self.link.handle_drop(now, transaction, kind),
        };
        if found {
            self.book.audit(&by, action.label(), transaction, kind);
            tracing::warn!(link = %self.surroundings.settings.name, %transaction, kind = kind.label(), action = action.label(), by, "ordered");
        }
        // Who asked may have gone.
        let _ = done.send(found);
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
        self.held.disconnected();
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
                LinkOutput::Transmit { message, after } => {
                    self.held.message(after, message);
                    while let Some(message) = self.held.next_message() {
                        self.put(&message);
                    }
                }
                LinkOutput::Answer {
                    reply_to,
                    answer,
                    after,
                } => {
                    let tiding = Tiding::Answer(reply_to, answer);
                    if let Some(tiding) = self.held.tiding(after, tiding) {
                        self.tell(tiding);
                    }
                }
                LinkOutput::Recall {
                    transaction,
                    reply_to,
                    ticket,
                    after,
                } => {
                    let tiding = Tiding::Recall(reply_to, ticket, transaction);
                    if let Some(tiding) = self.held.tiding(after, tiding) {
                        self.tell(tiding);
                    }
                }
                LinkOutput::Journal { number, record } => {
                    self.surroundings.counters.record(&record);
                    self.book.append(number, &record);
                }
                LinkOutput::Event(event) => {
                    let now = self.surroundings.clock.now();
                    self.book
                        .observe(self.surroundings.clock.unix_seconds(now), &event);
                    self.surroundings.counters.event(&event);
                }
                LinkOutput::Drained => self.drained = true,
            }
        }
        let state = self.link.state();
        self.surroundings
            .counters
            .occupancy(&self.link.occupancy(), self.link.oldest_obligation());
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
