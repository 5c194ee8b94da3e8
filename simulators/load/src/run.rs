//! Running a load: threads are started, counts collected, a report made.

mod clock;
mod collector;
mod prepare;

use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::thread;
use std::time::{Duration, Instant};

use pointsman_sim_common::{Exit, Failure};
use tokio::sync::{Notify, mpsc, watch};

use self::clock::Clock;
use self::collector::Collector;
pub use self::collector::Progress;
use self::prepare::{templates, terminals};
use crate::config::{LoadConfig, Pace};
use crate::report::Report;
use crate::tally::Tally;
use crate::worker::{Job, Message, Stop, drive};

/// Connections at once: more than a machine has ports towards one listener makes no sense.
const CONNECTIONS_MAX: usize = 60_000;

/// Runs a load on threads of its own; the future only collects what they count. It ends when the load is over, or, once
/// `stop` is ready, when what is open has been answered or given up.
///
/// # Errors
/// The requests cannot be built in the dialect, or the connections cannot be made.
pub async fn run_load(
    config: LoadConfig,
    stop: impl Future<Output = ()>,
    progress: impl FnMut(&Progress),
) -> Result<Report, Failure> {
    run_load_until(config, stop, std::future::pending(), progress).await
}

/// The same, but once `stop_waiting` is ready too, what is open is not waited for.
///
/// # Errors
/// Those of [`run_load`].
pub async fn run_load_until(
    config: LoadConfig,
    stop: impl Future<Output = ()>,
    stop_waiting: impl Future<Output = ()>,
    mut progress: impl FnMut(&Progress),
) -> Result<Report, Failure> {
    check(&config)?;
    let config = Arc::new(config);
    let (start_sender, start) = watch::channel(None);
    // Dropped with this future, which ends the threads as well.
    let (stop_sender, stop_receiver) = watch::channel(Stop::No);
    let (messages, mut inbox) = mpsc::channel(64);
    let budget = Arc::new(AtomicU64::new(config.count.unwrap_or(u64::MAX)));
    let ticks: Vec<_> = (0..config.threads)
        .map(|_| Arc::new(Notify::new()))
        .collect();
    let mut threads = Vec::new();
    for (index, tick) in ticks.iter().enumerate() {
        let job = Job {
            index,
            templates: templates(&config)?,
            terminals: terminals(&config, index)?,
            budget: Arc::clone(&budget),
            start: start.clone(),
            stop: stop_receiver.clone(),
            tick: Arc::clone(tick),
            messages: messages.clone(),
            config: Arc::clone(&config),
        };
        threads.push(spawn(job).map_err(|error| {
            Failure::new(Exit::IO, format_args!("cannot start a thread: {error}"))
        })?);
    }
    drop(messages);

    let mut stop = std::pin::pin!(stop);
    let mut stop_waiting = std::pin::pin!(stop_waiting);
    tokio::select! {
        connected = connect(&config, &mut inbox) => connected?,
        () = &mut stop => return Ok(Report::of(&Tally::new(0), &[], Duration::ZERO, 0)),
    }
    let started = Instant::now();
    start_sender.send_replace(Some(started));
    let _clock = Clock::start(&config, started, ticks)
        .map_err(|error| Failure::new(Exit::IO, format_args!("cannot start a thread: {error}")))?;

    let mut collector = Collector::new(&config, started);
    let mut stopping = Stop::No;
    while collector.running > 0 {
        tokio::select! {
            message = inbox.recv() => match message {
                Some(message) => {
                    if let Some(now) = collector.take(message) {
                        progress(&now);
                    }
                }
                None => return Err(Failure::new(Exit::IO, "a thread of the load ended before its time")),
            },
            () = &mut stop, if stopping == Stop::No => {
                stopping = Stop::Sending;
                stop_sender.send_replace(stopping);
            }
            () = &mut stop_waiting, if stopping == Stop::Sending => {
                stopping = Stop::Waiting;
                stop_sender.send_replace(stopping);
            }
        }
    }
    for thread in threads {
        // Each has said that it is done.
        let _ = thread.join();
    }
    Ok(collector.report(&config))
}

fn check(config: &LoadConfig) -> Result<(), Failure> {
    let wrong = |message: &str| Err(Failure::new(Exit::USAGE, message));
    match config.pace {
        Pace::Open { rate, .. } if !(rate.is_finite() && rate > 0.0) => {
            return wrong("the rate must be above 0");
        }
        _ => {}
    }
    if config.count == Some(0) {
        return wrong("count: expected 1 or more");
    }
    if !(1..=CONNECTIONS_MAX).contains(&config.connections) {
        return wrong("connections: expected 1 to 60000");
    }
    if !(1..=100_000).contains(&config.in_flight_max) {
        return wrong("requests in flight: expected 1 to 100000");
    }
    if !(1..=64).contains(&config.threads) {
        return wrong("threads: expected 1 to 64");
    }
    if config.terminal_prefix.chars().count() > prepare::TERMINAL_PREFIX_MAX {
        return wrong("terminal prefix: expected at most 3 characters, the number follows");
    }
    Ok(())
}

fn spawn(job: Job) -> io::Result<thread::JoinHandle<()>> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let name = format!("load-{}", job.index);
    thread::Builder::new()
        .name(name)
        .spawn(move || runtime.block_on(drive(job)))
}

/// Waits until every connection stands. Where each one is refused there is nobody to wait for.
async fn connect(config: &LoadConfig, inbox: &mut mpsc::Receiver<Message>) -> Result<(), Failure> {
    let mut connected = 0;
    let mut refused = 0;
    let mut last_error = None;
    let all = async {
        while connected < config.connections {
            match inbox.recv().await {
                Some(Message::Connected) => connected += 1,
                Some(Message::CannotConnect(error)) => {
                    refused += usize::from(error.kind() == io::ErrorKind::ConnectionRefused);
                    last_error = Some(error);
                    if connected == 0 && refused >= config.connections {
                        return;
                    }
                }
                Some(Message::Tally(_) | Message::Done { .. }) => {}
                None => return,
            }
        }
    };
    let in_time = tokio::time::timeout(config.connect_timeout, all)
        .await
        .is_ok();
    if in_time && connected == config.connections {
        return Ok(());
    }
    let reason = last_error
        .as_ref()
        .map_or_else(|| "no answer".to_owned(), io::Error::to_string);
    let failure = Failure::new(
        Exit::UNAVAILABLE,
        format_args!(
            "{} of {} connections to {}: {reason}",
            connected, config.connections, config.to
        ),
    );
    Err(match last_error.as_ref().map(io::Error::kind) {
        Some(io::ErrorKind::ConnectionRefused) => failure.hint(
            "nothing listens there: `ss -ltn` shows who listens where, --to names another address",
        ),
        // EMFILE has no kind of its own.
        _ if last_error.as_ref().and_then(io::Error::raw_os_error) == Some(24) => {
            failure.hint("too many open files: raise the limit with `ulimit -n`")
        }
        _ => failure,
    })
}
