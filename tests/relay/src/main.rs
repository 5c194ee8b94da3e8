//! The baseline that the switch is measured against: a relay that moves frames
//! from many terminals to one multiplexed link and back, and parses nothing.
//!
//! It does the least that a relay can do and still give every answer to the
//! right terminal: it overwrites the STAN at a place learnt from the first
//! message, and finds the terminal again by that number. No dialect, no
//! routing, no check, no deadline, no counter, no decline. Frames are
//! `binary-2`, messages `iso87-bcd`. Each thread has its own connections and
//! its own link, so that nothing ever crosses threads.

use std::cell::RefCell;
use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Poll, ready};

use anyhow::Context;
use bytes::{Buf, BytesMut};
use clap::Parser;
use pointsman_iso8583::Dialect;
use tokio::io::{AsyncRead, ReadBuf};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::{Notify, mpsc};
use tokio::task::LocalSet;

/// A packed STAN: three bytes, six digits.
const STAN_BYTES: usize = 3;
/// Open requests per thread: more than any run of the benchmark has.
const SLOTS: usize = 100_000;
const READ_BYTES: usize = 64 * 1_024;
/// As the switch's.
const BACKLOG: u32 = 4_096;

#[derive(Debug, Parser)]
struct Args {
    /// Where terminals connect.
    #[arg(long)]
    listen: SocketAddr,
    /// The bank.
    #[arg(long)]
    connect: SocketAddr,
    #[arg(long, default_value_t = 2)]
    threads: usize,
}

fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    let (senders, receivers): (Vec<_>, Vec<_>) = (0..args.threads.max(1))
        .map(|_| mpsc::unbounded_channel::<std::net::TcpStream>())
        .unzip();
    for receiver in receivers {
        std::thread::spawn(move || worker(receiver, args.connect));
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async move {
        let socket = TcpSocket::new_v4()?;
        socket.set_reuseaddr(true)?;
        socket.bind(args.listen)?;
        let listener = socket.listen(BACKLOG)?;
        for turn in 0_usize.. {
            // A terminal that is gone before it is served is no reason to stop.
            let Ok((stream, _)) = listener.accept().await else {
                continue;
            };
            if stream.set_nodelay(true).is_err() {
                continue;
            }
            if let Some(sender) = senders.get(turn % senders.len()) {
                sender.send(stream.into_std()?).ok().context("worker")?;
            }
        }
        Ok(())
    })
}

fn worker(mut streams: mpsc::UnboundedReceiver<std::net::TcpStream>, bank: SocketAddr) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let Ok(runtime) = runtime else { return };
    LocalSet::new().block_on(&runtime, async move {
        let Ok(link) = TcpStream::connect(bank).await else {
            return;
        };
        let _ = link.set_nodelay(true);
        let (answers, link) = link.into_split();
        let relay = Rc::new(Relay {
            dialect: Dialect::builtin("iso87-bcd"),
            link,
            notify: Notify::new(),
            state: RefCell::new(State::new()),
        });
        tokio::task::spawn_local(write_link(Rc::clone(&relay)));
        tokio::task::spawn_local(read_link(Rc::clone(&relay), answers));
        while let Some(stream) = streams.recv().await {
            if let Ok(stream) = TcpStream::from_std(stream) {
                let (read, stream) = stream.into_split();
                let terminal = Rc::new(Terminal {
                    stream,
                    unwritten: RefCell::new(BytesMut::new()),
                });
                tokio::task::spawn_local(read_terminal(Rc::clone(&relay), read, terminal));
            }
        }
    });
}

struct Relay {
    dialect: Option<std::sync::Arc<Dialect>>,
    link: OwnedWriteHalf,
    notify: Notify,
    state: RefCell<State>,
}

struct State {
    to_link: BytesMut,
    open: Vec<Option<(Rc<Terminal>, [u8; STAN_BYTES])>>,
    next: usize,
    request_offset: Option<usize>,
    answer_offset: Option<usize>,
}

impl State {
    fn new() -> Self {
        Self {
            to_link: BytesMut::new(),
            open: (0..SLOTS).map(|_| None).collect(),
            next: 0,
            request_offset: None,
            answer_offset: None,
        }
    }
}

struct Terminal {
    stream: OwnedWriteHalf,
    unwritten: RefCell<BytesMut>,
}

impl Relay {
    /// The only parse of a run: where the STAN stands in messages of this kind.
    fn learn(&self, message: &[u8]) -> Option<usize> {
        let view = self.dialect.as_ref()?.view(message).ok()?;
        Some(view.wire_range(11)?.start)
    }

    fn forward(&self, terminal: &Rc<Terminal>, frame: &[u8]) {
        let mut state = self.state.borrow_mut();
        let message = frame.get(2..).unwrap_or_default();
        if state.request_offset.is_none() {
            state.request_offset = self.learn(message);
        }
        let Some(offset) = state.request_offset else {
            return;
        };
        state.next = (state.next + 1) % SLOTS;
        let slot = state.next;
        let start = state.to_link.len() + 2 + offset;
        state.to_link.extend_from_slice(frame);
        let Some(stan) = state.to_link.get_mut(start..start + STAN_BYTES) else {
            return;
        };
        let mut own = [0; STAN_BYTES];
        own.copy_from_slice(stan);
        stan.copy_from_slice(&packed(slot));
        if let Some(open) = state.open.get_mut(slot) {
            *open = Some((Rc::clone(terminal), own));
        }
    }

    fn give_back(&self, frame: &mut [u8]) {
        let mut state = self.state.borrow_mut();
        if state.answer_offset.is_none() {
            state.answer_offset = self.learn(frame.get(2..).unwrap_or_default());
        }
        let Some(offset) = state.answer_offset else {
            return;
        };
        let Some(stan) = frame.get_mut(2 + offset..2 + offset + STAN_BYTES) else {
            return;
        };
        let slot = unpacked(stan);
        let Some((terminal, own)) = state.open.get_mut(slot).and_then(Option::take) else {
            return;
        };
        stan.copy_from_slice(&own);
        terminal.write(frame);
    }
}

impl Terminal {
    fn write(&self, frame: &[u8]) {
        let mut unwritten = self.unwritten.borrow_mut();
        unwritten.extend_from_slice(frame);
        while !unwritten.is_empty() {
            match self.stream.try_write(&unwritten) {
                Ok(count) => unwritten.advance(count),
                // The benchmark's terminals read; what is left goes with the next answer.
                Err(_) => return,
            }
        }
    }
}

async fn read_terminal(relay: Rc<Relay>, mut socket: OwnedReadHalf, terminal: Rc<Terminal>) {
    let mut inbound = BytesMut::new();
    while receive(&mut socket, &mut inbound)
        .await
        .is_ok_and(|bytes| bytes > 0)
    {
        while let Some(length) = frame_length(&inbound) {
            relay.forward(&terminal, &inbound.split_to(length));
        }
        relay.notify.notify_one();
        if inbound.is_empty() {
            inbound = BytesMut::new();
        }
    }
}

async fn write_link(relay: Rc<Relay>) {
    loop {
        relay.notify.notified().await;
        loop {
            let written = {
                let state = relay.state.borrow();
                if state.to_link.is_empty() {
                    break;
                }
                relay.link.try_write(&state.to_link)
            };
            match written {
                Ok(count) => relay.state.borrow_mut().to_link.advance(count),
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                    if relay.link.writable().await.is_err() {
                        return;
                    }
                }
                Err(_) => return,
            }
        }
    }
}

async fn read_link(relay: Rc<Relay>, mut socket: OwnedReadHalf) {
    let mut inbound = BytesMut::new();
    while receive(&mut socket, &mut inbound)
        .await
        .is_ok_and(|bytes| bytes > 0)
    {
        while let Some(length) = frame_length(&inbound) {
            relay.give_back(&mut inbound.split_to(length));
        }
    }
}

thread_local! {
    static READ_BUFFER: RefCell<Box<[u8]>> = RefCell::new(vec![0; READ_BYTES].into());
}

/// As the switch reads: one system call, into one buffer a thread.
async fn receive(socket: &mut OwnedReadHalf, inbound: &mut BytesMut) -> std::io::Result<usize> {
    poll_fn(|context| {
        READ_BUFFER.with_borrow_mut(|buffer| {
            let mut buffer = ReadBuf::new(buffer);
            ready!(Pin::new(&mut *socket).poll_read(context, &mut buffer))?;
            inbound.extend_from_slice(buffer.filled());
            Poll::Ready(Ok(buffer.filled().len()))
        })
    })
    .await
}

/// The length of the first frame with its prefix, once all of it is there.
fn frame_length(bytes: &[u8]) -> Option<usize> {
    let prefix = bytes.first_chunk::<2>()?;
    let length = 2 + usize::from(u16::from_be_bytes(*prefix));
    (bytes.len() >= length).then_some(length)
}

fn packed(number: usize) -> [u8; STAN_BYTES] {
    let pair = |n: usize| {
        let n = u8::try_from(n % 100).unwrap_or(0);
        (n / 10) << 4 | (n % 10)
    };
    [pair(number / 10_000), pair(number / 100), pair(number)]
}

fn unpacked(bytes: &[u8]) -> usize {
    bytes.iter().fold(0, |number, byte| {
        number * 100 + usize::from(byte >> 4) * 10 + usize::from(byte & 15)
    })
}
