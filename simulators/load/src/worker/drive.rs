//! The tasks of one thread: connecting, reading, pacing, giving up, telling.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use pointsman_framing::FrameError;
use pointsman_sim_common::Stamp;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::net::tcp::OwnedReadHalf;
use tokio::sync::{Notify, Semaphore, mpsc, watch};
use tokio::task::{LocalSet, spawn_local};
use tokio::time::{MissedTickBehavior, interval, sleep, sleep_until, timeout};

use super::{READ_BYTES, Worker};
use crate::config::{LoadConfig, Pace};
use crate::connection::{Connection, Terminal};
use crate::mix::Random;
use crate::pace::{DueQueue, Schedule};
use crate::tally::{Problem, Tally};
use crate::template::Template;

/// Connections that one thread opens at a time: a listener's queue of unaccepted ones is not endless.
const CONNECTING_MAX: usize = 64;

/// How often requests are looked at for being too late.
const EXPIRE_EVERY: Duration = Duration::from_millis(100);

/// The pause before a cut connection is opened again: the first, and the longest after doubling.
const RECONNECT_PAUSE: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(1));

/// What a thread is to do.
pub(crate) struct Job {
    pub(crate) config: Arc<LoadConfig>,
    /// Which of the threads it is.
    pub(crate) index: usize,
    pub(crate) templates: Vec<Template>,
    /// One for each of its connections.
    pub(crate) terminals: Vec<Terminal>,
    pub(crate) budget: Arc<AtomicU64>,
    pub(crate) start: watch::Receiver<Option<Instant>>,
    pub(crate) stop: watch::Receiver<Stop>,
    pub(crate) tick: Arc<Notify>,
    pub(crate) messages: mpsc::Sender<Message>,
}

/// How far a load has been told to end.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Stop {
    /// Not at all.
    No,
    /// Nothing more is sent, what is open is waited for.
    Sending,
    /// Nothing is waited for.
    Waiting,
}

/// What a thread has to say.
pub(crate) enum Message {
    /// One of its connections stands.
    Connected,
    /// One of its connections cannot be made, for now.
    CannotConnect(io::Error),
    /// Counts since the last time.
    Tally(Box<Tally>),
    /// It is done; the last counts.
    Done {
        tally: Box<Tally>,
        unsent: u64,
        /// Requests that were not waited for.
        abandoned: u64,
        last_answer: Duration,
    },
}

/// Runs a thread's part of the load to its end.
pub(crate) async fn drive(job: Job) {
    LocalSet::new().run_until(run(job)).await;
}

async fn run(job: Job) {
    let Job {
        config,
        index,
        templates,
        terminals,
        budget,
        mut start,
        mut stop,
        tick,
        messages,
    } = job;
    let in_flight_max = config.in_flight_max;
    let worker = Rc::new(Worker {
        dialect: Arc::clone(&config.wire.dialect),
        codec: config.wire.codec(),
        tally: RefCell::new(Tally::new(templates.len())),
        templates: RefCell::new(templates),
        connections: terminals
            .into_iter()
            .map(|terminal| RefCell::new(Connection::new(terminal, in_flight_max)))
            .collect(),
        free: RefCell::new(VecDeque::new()),
        random: RefCell::new(Random::new(
            config
                .seed
                .wrapping_mul(0x1_0001)
                .wrapping_add(index as u64),
        )),
        scratch: RefCell::new(vec![0; READ_BYTES].into_boxed_slice()),
        due: RefCell::new(match config.pace {
            Pace::Open { rate, ramp } => {
                let schedule = Schedule::new(rate, ramp);
                Some(DueQueue::new(
                    schedule,
                    index,
                    config.threads,
                    config.count,
                    config.duration,
                ))
            }
            Pace::Closed => None,
        }),
        budget,
        start: Cell::new(None),
        over: Cell::new(false),
        open: Cell::new(0),
        last_answer: Cell::new(0),
        idle: Notify::new(),
        config,
    });

    let connecting = Rc::new(Semaphore::new(CONNECTING_MAX));
    for index in 0..worker.connections.len() {
        spawn_local(keep_connected(
            Rc::clone(&worker),
            index,
            Rc::clone(&connecting),
            messages.clone(),
        ));
    }
    // Either channel closes only when nobody waits for this load any more.
    let begun = tokio::select! {
        begun = start.wait_for(Option::is_some) => begun.ok().and_then(|start| *start),
        _ = stop.wait_for(|stop| *stop > Stop::No) => None,
    };
    let Some(begun) = begun else { return };
    worker.start.set(Some(begun));
    spawn_local(tell(Rc::clone(&worker), messages.clone()));
    spawn_local(give_up(Rc::clone(&worker)));
    spawn_local(keep_time(Rc::clone(&worker)));
    tokio::select! {
        () = pace(&worker, &tick) => {}
        _ = stop.wait_for(|stop| *stop > Stop::No) => {}
    }
    // What fell due by now and still finds no room is unsent. What falls due later is nobody's fault.
    let end = worker.elapsed();
    worker.send_due();
    worker.over.set(true);
    let unsent = worker
        .due
        .borrow()
        .as_ref()
        .map_or(0, |due| due.overdue(end));
    while worker.open.get() > 0 {
        tokio::select! {
            () = worker.idle.notified() => {}
            _ = stop.wait_for(|stop| *stop == Stop::Waiting) => break,
        }
    }
    let abandoned = worker.open.get() as u64;
    let tally = Box::new(worker.tally.borrow_mut().take());
    let last_answer = Duration::from_nanos(worker.last_answer.get());
    // Nobody listens any more: nothing is left to say.
    let _ = messages
        .send(Message::Done {
            tally,
            unsent,
            abandoned,
            last_answer,
        })
        .await;
}

/// Sends until the end of the load.
async fn pace(worker: &Rc<Worker>, tick: &Notify) {
    match worker.config.pace {
        Pace::Open { .. } => loop {
            worker.send_due();
            let end = worker.config.duration.unwrap_or(Duration::MAX);
            let used_up = worker
                .due
                .borrow()
                .as_ref()
                .is_none_or(DueQueue::is_used_up);
            if used_up || worker.elapsed() >= end {
                return;
            }
            tick.notified().await;
        },
        Pace::Closed => {
            for index in 0..worker.connections.len() {
                worker.fill(index);
            }
            let end = worker
                .start
                .get()
                .zip(worker.config.duration)
                .and_then(|(start, length)| start.checked_add(length));
            match end {
                Some(end) => {
                    tokio::select! {
                        () = sleep_until(end.into()) => {}
                        () = worker.idle.notified() => {}
                    }
                }
                None => worker.idle.notified().await,
            }
        }
    }
}

/// Hands over the counts at regular moments.
async fn tell(worker: Rc<Worker>, messages: mpsc::Sender<Message>) {
    let mut every = interval(worker.config.progress_every.max(Duration::from_millis(1)));
    every.set_missed_tick_behavior(MissedTickBehavior::Delay);
    every.tick().await;
    loop {
        every.tick().await;
        let tally = Box::new(worker.tally.borrow_mut().take());
        if messages.send(Message::Tally(tally)).await.is_err() {
            return;
        }
    }
}

async fn give_up(worker: Rc<Worker>) {
    let mut every = interval(EXPIRE_EVERY);
    every.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        every.tick().await;
        worker.expire();
    }
}

/// Keeps the moment in the requests true to the second.
async fn keep_time(worker: Rc<Worker>) {
    let mut every = interval(Duration::from_secs(1));
    loop {
        every.tick().await;
        let stamp = Stamp::now();
        worker
            .templates
            .borrow_mut()
            .iter_mut()
            .for_each(|template| template.set_moment(&stamp));
    }
}

/// Connects, reads until the connection ends, and again.
async fn keep_connected(
    worker: Rc<Worker>,
    index: usize,
    connecting: Rc<Semaphore>,
    messages: mpsc::Sender<Message>,
) {
    let mut pause = RECONNECT_PAUSE.0;
    let mut connected_before = false;
    while !worker.over.get() {
        let connected = {
            // The semaphore is never closed.
            let _turn = connecting.acquire().await;
            let attempt = timeout(
                worker.config.connect_timeout,
                TcpStream::connect(worker.config.to),
            );
            attempt
                .await
                .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
        };
        let stream = match connected {
            Ok(stream) => stream,
            Err(error) => {
                if !connected_before && messages.send(Message::CannotConnect(error)).await.is_err()
                {
                    return;
                }
                sleep(pause).await;
                pause = (pause * 2).min(RECONNECT_PAUSE.1);
                continue;
            }
        };
        pause = RECONNECT_PAUSE.0;
        // Frames are joined already; waiting for more would only falsify the latency.
        let _ = stream.set_nodelay(true);
        let (mut reader, writer) = stream.into_split();
        if let Some(cell) = worker.connections.get(index) {
            cell.borrow_mut().writer = Some(writer);
        }
        if !connected_before && messages.send(Message::Connected).await.is_err() {
            return;
        }
        connected_before = true;
        worker.go_on(index);
        if let Err(error) = poll_fn(|context| poll(&worker, index, &mut reader, context)).await
            && !matches!(error, FrameError::Io(_))
        {
            let tally = &mut *worker.tally.borrow_mut();
            tally.undecodable += 1;
            tally.problem(|| Problem {
                connection: index,
                stan: None,
                field: None,
                message: error.to_string(),
            });
        }
        worker.disconnected(index);
    }
}

/// Writes what is left over, then takes what has come. Ready when the connection has ended.
fn poll(
    worker: &Worker,
    index: usize,
    reader: &mut OwnedReadHalf,
    context: &mut Context<'_>,
) -> Poll<Result<(), FrameError>> {
    let Some(cell) = worker.connections.get(index) else {
        return Poll::Ready(Ok(()));
    };
    let mut unblocked = false;
    {
        let connection = &mut *cell.borrow_mut();
        if connection
            .waker
            .as_ref()
            .is_none_or(|waker| !waker.will_wake(context.waker()))
        {
            connection.waker = Some(context.waker().clone());
        }
        while let Some(writer) = connection.writer.as_mut()
            && connection.blocked
        {
            match Pin::new(writer).poll_write(context, &connection.output) {
                Poll::Pending => break,
                Poll::Ready(written) => drop(connection.output.drain(..written?)),
            }
            unblocked = connection.output.is_empty();
            connection.blocked = !unblocked;
        }
    }
    if unblocked {
        worker.go_on(index);
    }
    loop {
        let mut scratch = worker.scratch.borrow_mut();
        let mut buffer = ReadBuf::new(&mut scratch);
        ready!(Pin::new(&mut *reader).poll_read(context, &mut buffer))?;
        if buffer.filled().is_empty() {
            return Poll::Ready(Ok(()));
        }
        worker.receive(index, buffer.filled())?;
        drop(scratch);
        worker.go_on(index);
    }
}
