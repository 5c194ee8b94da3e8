//! Running a load: threads are started, counts collected, a report made.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use pointsman_iso8583::{Builder, Dialect, Mti};
use pointsman_sim_common::{Context, Exit, Failure, Stamp, field_value, usual_fields};
use tokio::sync::{Notify, mpsc, watch};

use crate::config::{LoadConfig, Pace};
use crate::connection::Terminal;
use crate::pace::Schedule;
use crate::report::Report;
use crate::tally::{Tally, at};
use crate::template::{Template, TemplateError};
use crate::worker::{Job, Message, drive};

/// Threads are woken for due requests no more often than this: what is due within it is sent together.
const TICK_GAP: Duration = Duration::from_micros(100);

/// The longest sleep of the clock, so that it notices being stopped.
const TICK_SLEEP_MAX: Duration = Duration::from_millis(50);

/// Connections at once: more than a machine has ports towards one listener makes no sense.
const CONNECTIONS_MAX: usize = 60_000;

/// How a load is doing.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Progress {
    /// Since the start.
    pub elapsed: Duration,
    /// Answers per second since the last time.
    pub rate: f64,
    /// Median latency since the last time.
    pub p50: Duration,
    /// 99 % of the latencies since the last time are at most this.
    pub p99: Duration,
    /// Requests so far.
    pub sent: u64,
    /// Answers so far.
    pub answered: u64,
    /// Approved so far.
    pub approved: u64,
    /// Declined so far.
    pub declined: u64,
    /// Errors so far.
    pub errors: u64,
    /// Requests that wait for their answers.
    pub in_flight: u64,
}

/// Runs a load on threads of its own; the future only collects what they count. It ends when the load is over, or, once
/// `stop` is ready, when what is open has been answered or given up.
///
/// # Errors
/// The requests cannot be built in the dialect, or the connections cannot be made.
pub async fn run_load(
    config: LoadConfig,
    stop: impl Future<Output = ()>,
    mut progress: impl FnMut(&Progress),
) -> Result<Report, Failure> {
    check(&config)?;
    let config = Arc::new(config);
    let (start_sender, start) = watch::channel(None);
    // Dropped with this future, which ends the threads as well.
    let (stop_sender, stop_receiver) = watch::channel(false);
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
    tokio::select! {
        connected = connect(&config, &mut inbox) => connected?,
        () = &mut stop => return Ok(Report::of(&Tally::new(0), &[], Duration::ZERO, 0)),
    }
    let started = Instant::now();
    start_sender.send_replace(Some(started));
    let _clock = Clock::start(&config, started, ticks)
        .map_err(|error| Failure::new(Exit::IO, format_args!("cannot start a thread: {error}")))?;

    let mut collector = Collector::new(&config, started);
    let mut stopping = false;
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
            () = &mut stop, if !stopping => {
                stopping = true;
                stop_sender.send_replace(true);
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
    if !(1..=CONNECTIONS_MAX).contains(&config.connections) {
        return wrong("connections: expected 1 to 60000");
    }
    if !(1..=100_000).contains(&config.in_flight_max) {
        return wrong("requests in flight: expected 1 to 100000");
    }
    if !(1..=64).contains(&config.threads) {
        return wrong("threads: expected 1 to 64");
    }
    Ok(())
}

fn context(config: &LoadConfig, card: pointsman_sim_common::Card, terminal: String) -> Context {
    let acceptor = config.acceptor.clone();
    Context {
        card,
        stan: 1,
        stamp: Stamp::now(),
        terminal,
        acceptor,
        original: None,
    }
}

fn templates(config: &LoadConfig) -> Result<Vec<Template>, Failure> {
    let dialect = &config.wire.dialect;
    config
        .mix
        .items()
        .iter()
        .map(|item| {
            let mut fields: std::collections::BTreeMap<u8, String> = usual_fields(item.mti)
                .iter()
                .filter(|(number, _)| dialect.field(*number).is_some())
                .map(|(number, text)| (*number, (*text).to_owned()))
                .collect();
            for (number, value) in &item.fields {
                match value {
                    Some(text) => drop(fields.insert(*number, text.clone())),
                    None => drop(fields.remove(number)),
                }
            }
            let fields: Vec<_> = fields.into_iter().collect();
            let context = context(
                config,
                item.card.clone(),
                terminal_name(&config.terminal_prefix, 0),
            );
            Template::build(dialect, &config.wire.codec(), item.mti, &fields, &context).map_err(
                |error: TemplateError| {
                    Failure::new(Exit::DATA, format_args!("{}: {error}", item.name))
                },
            )
        })
        .collect()
}

/// Eight characters that no other connection has.
fn terminal_name(prefix: &str, number: usize) -> String {
    let prefix: String = prefix.chars().take(3).collect();
    let width = 8_usize.saturating_sub(prefix.len());
    format!("{prefix}{number:0width$}")
}

/// The connections of one thread: every `threads`-th, with the wire form of its field 41.
fn terminals(config: &LoadConfig, thread: usize) -> Result<Vec<Terminal>, Failure> {
    (thread..config.connections)
        .step_by(config.threads)
        .map(|number| {
            let name = terminal_name(&config.terminal_prefix, number);
            let wire = wire_form(&config.wire.dialect, 41, &name).map_err(|message| {
                Failure::new(Exit::DATA, format_args!("terminal {name}: {message}"))
            })?;
            Ok(Terminal { number, wire })
        })
        .collect()
}

/// How a text is written in a field.
fn wire_form(dialect: &Dialect, number: u8, text: &str) -> Result<Box<[u8]>, String> {
    if dialect.field(number).is_none() {
        return Ok(Box::default());
    }
    let mut message = BytesMut::new();
    let mut builder = Builder::new(dialect, &mut message, Mti::literal(b"0200"));
    let explain = |error: pointsman_iso8583::EncodeError| error.explain(dialect).message;
    let context = Context {
        card: pointsman_sim_common::Card::named("visa").map_err(|error| error.to_string())?,
        stan: 1,
        stamp: Stamp::at(Duration::ZERO),
        terminal: String::new(),
        acceptor: String::new(),
        original: None,
    };
    let text = field_value(dialect, number, text, &context).map_err(|error| error.to_string())?;
    builder.text(number, &text).map_err(explain)?;
    builder.finish().map_err(explain)?;
    let view = dialect
        .view(&message)
        .map_err(|error| error.explain(dialect).message)?;
    Ok(view.wire(number).unwrap_or_default().into())
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

/// Waits until every connection stands.
async fn connect(config: &LoadConfig, inbox: &mut mpsc::Receiver<Message>) -> Result<(), Failure> {
    let mut connected = 0;
    let mut last_error = None;
    let all = async {
        while connected < config.connections {
            match inbox.recv().await {
                Some(Message::Connected) => connected += 1,
                Some(Message::CannotConnect(error)) => last_error = Some(error),
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
        Some(io::ErrorKind::ConnectionRefused) => {
            failure.hint("nothing listens there; --to names the listener")
        }
        // EMFILE has no kind of its own.
        _ if last_error.as_ref().and_then(io::Error::raw_os_error) == Some(24) => {
            failure.hint("too many open files: raise the limit with `ulimit -n`")
        }
        _ => failure,
    })
}

/// Wakes the threads when requests of an open loop are due. A thread's own timers have a resolution of a millisecond,
/// which is more than many answers take.
struct Clock {
    stop: Arc<AtomicBool>,
}

impl Clock {
    fn start(config: &LoadConfig, started: Instant, ticks: Vec<Arc<Notify>>) -> io::Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        if let Pace::Open { rate, ramp } = config.pace {
            let schedule = Schedule::new(rate, ramp);
            let (count, end) = (
                config.count.unwrap_or(u64::MAX),
                config.duration.unwrap_or(Duration::MAX),
            );
            let stopped = Arc::clone(&stop);
            let run = move || tick(&schedule, started, count, end, &ticks, &stopped);
            thread::Builder::new()
                .name("load-clock".to_owned())
                .spawn(run)?;
        }
        Ok(Clock { stop })
    }
}

impl Drop for Clock {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

fn tick(
    schedule: &Schedule,
    started: Instant,
    count: u64,
    end: Duration,
    ticks: &[Arc<Notify>],
    stop: &AtomicBool,
) {
    let mut number = 0;
    let mut last = Duration::ZERO;
    while !stop.load(Ordering::Relaxed) {
        // After the last request there is still the end to be told, and before it what has been waiting for room.
        let due = if number < count {
            schedule.due(number).min(end)
        } else {
            end.min(last + TICK_SLEEP_MAX)
        };
        let wait = due.max(last + TICK_GAP).saturating_sub(started.elapsed());
        if wait > TICK_SLEEP_MAX {
            thread::sleep(TICK_SLEEP_MAX);
            continue;
        }
        thread::sleep(wait);
        last = started.elapsed();
        while number < count && schedule.due(number) <= last {
            number += 1;
        }
        ticks.iter().for_each(|tick| tick.notify_one());
    }
}

/// Adds up what the threads count.
struct Collector {
    running: usize,
    threads: usize,
    names: Vec<String>,
    total: Tally,
    interval: Tally,
    parts: usize,
    started: Instant,
    last: Instant,
    unsent: u64,
    last_answer: Duration,
}

impl Collector {
    fn new(config: &LoadConfig, started: Instant) -> Self {
        let names: Vec<_> = config
            .mix
            .items()
            .iter()
            .map(|item| item.name.clone())
            .collect();
        Collector {
            running: config.threads,
            threads: config.threads,
            total: Tally::new(names.len()),
            interval: Tally::new(names.len()),
            names,
            parts: 0,
            started,
            last: started,
            unsent: 0,
            last_answer: Duration::ZERO,
        }
    }

    /// Takes a message; gives the progress once every thread has told its part.
    fn take(&mut self, message: Message) -> Option<Progress> {
        match message {
            Message::Connected | Message::CannotConnect(_) => None,
            Message::Done {
                tally,
                unsent,
                last_answer,
            } => {
                self.total.add(&tally);
                self.unsent += unsent;
                self.last_answer = self.last_answer.max(last_answer);
                self.running -= 1;
                None
            }
            Message::Tally(tally) => {
                self.total.add(&tally);
                self.interval.add(&tally);
                self.parts += 1;
                (self.parts >= self.threads).then(|| self.progress())
            }
        }
    }

    fn progress(&mut self) -> Progress {
        self.parts = 0;
        let interval = self.interval.take();
        let seconds = self.last.elapsed().as_secs_f64();
        self.last = Instant::now();
        let total = &self.total;
        Progress {
            elapsed: self.started.elapsed(),
            rate: if seconds > 0.0 {
                interval.answered as f64 / seconds
            } else {
                0.0
            },
            p50: at(&interval.latency, 0.5),
            p99: at(&interval.latency, 0.99),
            sent: total.sent,
            answered: total.answered,
            approved: total.approved,
            declined: total.declined,
            errors: total.errors(),
            in_flight: total
                .sent
                .saturating_sub(total.answered + total.timeouts + total.lost),
        }
    }

    fn report(&self, config: &LoadConfig) -> Report {
        // The window is as long as asked for, and longer if answers came later; a time-out at the end does not stretch it.
        let asked = config
            .duration
            .unwrap_or(Duration::ZERO)
            .min(self.started.elapsed());
        Report::of(
            &self.total,
            &self.names,
            asked.max(self.last_answer),
            self.unsent,
        )
    }
}
