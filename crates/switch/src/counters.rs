//! What the switch counts. Handles are resolved once per listener and link:
//! looking a metric up by name and labels on every message would cost more than
//! the message.
//!
//! Labels are bounded: names from the config, closed enums, and response codes
//! of which only the standard's own are named. Never a PAN, a STAN or an RRN.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use metrics::{Counter, Gauge, Histogram, Unit, counter, gauge, histogram};
use pointsman_engine::{
    Cause, CloseCause, LinkEvent, LinkId, LinkState, Occupancy, Record, SessionEvent,
};
use pointsman_framing::FrameError;
use pointsman_iso8583::ResponseCode;

use crate::settings::LinkSettings;
use crate::story;

/// Response codes with a series of their own (ISO 8583:1987, field 39, the ones
/// that a POS sees); all others are counted as `other`.
const RESPONSE_CODES: &[&str] = &[
    "00", "01", "03", "04", "05", "06", "08", "10", "11", "12", "13", "14", "15", "19", "21", "25",
    "30", "31", "33", "34", "36", "38", "39", "40", "41", "43", "51", "52", "53", "54", "55", "56",
    "57", "58", "59", "61", "62", "63", "64", "65", "68", "75", "77", "80", "90", "91", "92", "94",
    "95", "96", "97", "98", "99", "A0",
];

/// Names every metric for `# HELP` and `# TYPE`. Call once, after the recorder
/// is installed and before the switch starts.
pub fn describe_metrics() {
    let counters = [
        (
            "pointsman_terminal_connections_total",
            "Connections accepted, by listener",
        ),
        (
            "pointsman_terminal_connections_refused_total",
            "Connections closed at once because the listener's limit was reached",
        ),
        (
            "pointsman_accept_errors_total",
            "Connections that the system could not give us",
        ),
        (
            "pointsman_terminal_bytes_total",
            "Bytes moved, by listener and direction",
        ),
        (
            "pointsman_requests_total",
            "Requests accepted from terminals, by listener and link",
        ),
        (
            "pointsman_answers_total",
            "Answers of banks given to terminals, by listener and response code",
        ),
        (
            "pointsman_declines_total",
            "Answers made by the switch itself, by listener and reason",
        ),
        (
            "pointsman_unanswered_total",
            "Advices that could not be delivered and got no answer, by listener and reason",
        ),
        (
            "pointsman_network_management_total",
            "08x0 messages of terminals, answered here",
        ),
        (
            "pointsman_unreadable_total",
            "Messages of terminals that do not decode, by listener and whether they were answered",
        ),
        (
            "pointsman_incomplete_total",
            "Messages that break a rule of their dialect about their fields, by listener, link, problem and whether they were refused",
        ),
        (
            "pointsman_frame_errors_total",
            "Frames refused, by listener or link and fault",
        ),
        (
            "pointsman_terminal_closes_total",
            "Connections closed by the switch, by listener and cause",
        ),
        (
            "pointsman_undelivered_total",
            "Answers whose terminal was gone, by listener and whether they were approvals",
        ),
        (
            "pointsman_fields_dropped_total",
            "Fields of answers that the terminal's dialect cannot carry",
        ),
        (
            "pointsman_link_bytes_total",
            "Bytes moved, by link and direction",
        ),
        (
            "pointsman_link_connect_failures_total",
            "Attempts to connect that failed",
        ),
        (
            "pointsman_link_disconnects_total",
            "Connections lost, by link",
        ),
        (
            "pointsman_link_restarts_total",
            "Link tasks started again after a fault of ours",
        ),
        (
            "pointsman_link_events_total",
            "What happened on a link: late and unmatched answers, missed echoes and others",
        ),
        (
            "pointsman_reversals_due_total",
            "Transactions that need a reversal, by link and cause",
        ),
    ];
    let counters = counters.into_iter().chain([(
        "pointsman_log_lines_lost_total",
        "Log lines thrown away because stderr did not take them in time",
    )]);
    for (name, help) in counters {
        metrics::describe_counter!(name, Unit::Count, help);
    }
    metrics::describe_gauge!(
        "pointsman_terminal_connections",
        Unit::Count,
        "Connections open, by listener"
    );
    metrics::describe_gauge!(
        "pointsman_link_up",
        Unit::Count,
        "1 while the link takes requests"
    );
    metrics::describe_gauge!(
        "pointsman_link_in_flight",
        Unit::Count,
        "Requests waiting for the bank's answer"
    );
    metrics::describe_histogram!(
        LATENCY,
        Unit::Seconds,
        "From a request's arrival to its answer, by listener"
    );
}

/// The latency histogram; the exporter sets its buckets by this name.
pub const LATENCY: &str = "pointsman_request_seconds";

/// One listener's.
#[derive(Debug)]
pub(crate) struct ListenerCounters {
    listener: Arc<str>,
    open: Arc<AtomicUsize>,
    open_gauge: Gauge,
    connections: Counter,
    refused: Counter,
    accept_errors: Counter,
    bytes_in: Counter,
    bytes_out: Counter,
    requests: Vec<Counter>,
    answers: HashMap<&'static str, Counter>,
    answers_other: Counter,
    declines: HashMap<&'static str, Counter>,
    latency: Histogram,
    network_management: Counter,
    links: Vec<Arc<str>>,
    lost: AtomicU64,
}

/// An admitted connection; dropping it counts it out.
#[derive(Debug)]
pub(crate) struct OpenConnection {
    open: Arc<AtomicUsize>,
    gauge: Gauge,
}

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.open.fetch_sub(1, Ordering::Relaxed);
        self.gauge.decrement(1.0);
    }
}

impl ListenerCounters {
    pub(crate) fn new(name: &Arc<str>, links: &[LinkSettings]) -> Self {
        let listener = || name.to_string();
        let answer = |code: &'static str| counter!("pointsman_answers_total", "listener" => listener(), "response_code" => code);
        Self {
            listener: Arc::clone(name),
            open: Arc::new(AtomicUsize::new(0)),
            open_gauge: gauge!("pointsman_terminal_connections", "listener" => listener()),
            connections: counter!("pointsman_terminal_connections_total", "listener" => listener()),
            refused: counter!("pointsman_terminal_connections_refused_total", "listener" => listener()),
            accept_errors: counter!("pointsman_accept_errors_total", "listener" => listener()),
            bytes_in: counter!("pointsman_terminal_bytes_total", "listener" => listener(), "direction" => "in"),
            bytes_out: counter!("pointsman_terminal_bytes_total", "listener" => listener(), "direction" => "out"),
            requests: links
                .iter()
                .map(|link| counter!("pointsman_requests_total", "listener" => listener(), "link" => link.name.to_string()))
                .collect(),
            answers: RESPONSE_CODES.iter().map(|code| (*code, answer(code))).collect(),
            answers_other: answer("other"),
            declines: Cause::ALL
                .iter()
                .map(|cause| (cause.label(), counter!("pointsman_declines_total", "listener" => listener(), "reason" => cause.label())))
                .collect(),
            latency: histogram!(LATENCY, "listener" => listener()),
            network_management: counter!("pointsman_network_management_total", "listener" => listener()),
            links: links.iter().map(|link| Arc::clone(&link.name)).collect(),
            lost: AtomicU64::new(0),
        }
    }

    /// `None` if the listener has as many connections as it may.
    pub(crate) fn admit(&self, connections_max: usize) -> Option<OpenConnection> {
        if self.open.fetch_add(1, Ordering::Relaxed) >= connections_max {
            self.open.fetch_sub(1, Ordering::Relaxed);
            self.refused.increment(1);
            return None;
        }
        self.connections.increment(1);
        self.open_gauge.increment(1.0);
        Some(OpenConnection {
            open: Arc::clone(&self.open),
            gauge: self.open_gauge.clone(),
        })
    }

    pub(crate) fn accept_failed(&self) {
        self.accept_errors.increment(1);
    }

    pub(crate) fn received(&self, bytes: usize) {
        self.bytes_in.increment(bytes as u64);
    }

    pub(crate) fn sent(&self, bytes: usize) {
        self.bytes_out.increment(bytes as u64);
    }

    pub(crate) fn frame_error(&self, error: &FrameError) {
        frame_error("listener", &self.listener, error);
    }

    /// The connection ended inside a frame.
    pub(crate) fn cut_frame(&self) {
        self.rare("pointsman_frame_errors_total", "fault", "truncated");
    }

    /// The terminal did not read its answers.
    pub(crate) fn stalled(&self) {
        self.rare("pointsman_terminal_closes_total", "cause", "stalled");
    }

    /// Answers that were written, but whose terminal did not take them.
    pub(crate) fn cut_off(&self, answers: u64) {
        self.lost.fetch_add(answers, Ordering::Relaxed);
        counter!("pointsman_undelivered_total", "listener" => self.listener.to_string(), "approved" => "unknown")
            .increment(answers);
    }

    /// Answers so far that reached no terminal.
    pub(crate) fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }

    pub(crate) fn closed(&self, cause: CloseCause) {
        self.rare("pointsman_terminal_closes_total", "cause", cause.label());
    }

    pub(crate) fn event(&self, event: &SessionEvent) {
        story::tell_session(&self.listener, self.link_of(event), event);
        match event {
            SessionEvent::Accepted { link } => {
                if let Some(requests) = self.requests.get(link.index()) {
                    requests.increment(1);
                }
            }
            SessionEvent::Answered {
                cause,
                response_code,
                latency,
                ..
            } => {
                self.latency.record(*latency);
                match cause {
                    Some(cause) => {
                        if let Some(declines) = self.declines.get(cause.label()) {
                            declines.increment(1);
                        }
                    }
                    None => self.answer(*response_code).increment(1),
                }
            }
            SessionEvent::Unanswered { cause, .. } => {
                self.rare("pointsman_unanswered_total", "reason", cause.label());
            }
            SessionEvent::NetworkManagement { .. } => self.network_management.increment(1),
            SessionEvent::Unreadable { answered, .. } => {
                self.rare(
                    "pointsman_unreadable_total",
                    "answered",
                    if *answered { "yes" } else { "no" },
                );
            }
            SessionEvent::Incomplete {
                link,
                problem,
                refused,
                ..
            } => {
                let link = link.map_or("-", |link| self.link_name(link)).to_owned();
                let refused = if *refused { "yes" } else { "no" };
                counter!("pointsman_incomplete_total", "listener" => self.listener.to_string(), "link" => link, "problem" => problem.label(), "refused" => refused)
                    .increment(1);
            }
            SessionEvent::Unanswerable { .. }
            | SessionEvent::NotCarried { .. }
            | SessionEvent::StaleAnswer => {}
            SessionEvent::FieldsDropped { link, fields } => {
                counter!("pointsman_fields_dropped_total", "listener" => self.listener.to_string(), "link" => self.link_name(*link).to_owned())
                    .increment(fields.iter().count() as u64);
            }
            SessionEvent::Undelivered { approved, .. } => {
                self.lost.fetch_add(1, Ordering::Relaxed);
                self.rare(
                    "pointsman_undelivered_total",
                    "approved",
                    if *approved { "yes" } else { "no" },
                );
            }
        }
    }

    fn answer(&self, code: Option<ResponseCode>) -> &Counter {
        code.and_then(|code| self.answers.get(code.as_str()))
            .unwrap_or(&self.answers_other)
    }

    /// The link that an event is about, `-` if it is about none.
    fn link_of(&self, event: &SessionEvent) -> &str {
        match event {
            SessionEvent::Unanswered { link, .. } | SessionEvent::Incomplete { link, .. } => {
                link.map_or("-", |link| self.link_name(link))
            }
            SessionEvent::NotCarried { link, .. }
            | SessionEvent::FieldsDropped { link, .. }
            | SessionEvent::Undelivered { link, .. } => self.link_name(*link),
            _ => "-",
        }
    }

    fn link_name(&self, link: LinkId) -> &str {
        self.links.get(link.index()).map_or("?", |name| name)
    }

    /// For what is too rare to hold a handle for.
    fn rare(&self, name: &'static str, label: &'static str, value: &'static str) {
        counter!(name, "listener" => self.listener.to_string(), label => value).increment(1);
    }
}

/// One link's.
#[derive(Debug)]
pub(crate) struct LinkCounters {
    link: Arc<str>,
    up: Gauge,
    in_flight: Gauge,
    obligations: Gauge,
    obligations_oldest: Gauge,
    dead_letters: Gauge,
    bytes_in: Counter,
    bytes_out: Counter,
    connect_failures: Counter,
}

impl LinkCounters {
    pub(crate) fn new(name: &Arc<str>) -> Self {
        let link = || name.to_string();
        Self {
            link: Arc::clone(name),
            up: gauge!("pointsman_link_up", "link" => link()),
            in_flight: gauge!("pointsman_link_in_flight", "link" => link()),
            obligations: gauge!("pointsman_store_forward", "link" => link()),
            obligations_oldest: gauge!("pointsman_store_forward_oldest_seconds", "link" => link()),
            dead_letters: gauge!("pointsman_dead_letters", "link" => link()),
            bytes_in: counter!("pointsman_link_bytes_total", "link" => link(), "direction" => "in"),
            bytes_out: counter!("pointsman_link_bytes_total", "link" => link(), "direction" => "out"),
            connect_failures: counter!("pointsman_link_connect_failures_total", "link" => link()),
        }
    }

    pub(crate) fn received(&self, bytes: usize) {
        self.bytes_in.increment(bytes as u64);
    }

    pub(crate) fn sent(&self, bytes: usize) {
        self.bytes_out.increment(bytes as u64);
    }

    pub(crate) fn connect_failed(&self) {
        self.connect_failures.increment(1);
    }

    /// The bank took none of our bytes for as long as a request may wait.
    pub(crate) fn stalled(&self) {
        self.count_event("stalled");
    }

    pub(crate) fn restarted(&self) {
        counter!("pointsman_link_restarts_total", "link" => self.link.to_string()).increment(1);
    }

    pub(crate) fn frame_error(&self, error: &FrameError) {
        frame_error("link", &self.link, error);
    }

    /// A request's terminal task had ended before its answer came.
    pub(crate) fn undeliverable(&self) {
        self.count_event("undeliverable");
    }

    pub(crate) fn state(&self, state: LinkState) {
        self.up.set(if state.is_serving() { 1.0 } else { 0.0 });
    }

    /// How full everything is, and how long the oldest obligation has been due.
    pub(crate) fn occupancy(&self, occupancy: &Occupancy, oldest: Option<Duration>) {
        self.in_flight.set(occupancy.in_flight as f64);
        self.obligations.set(occupancy.obligations as f64);
        self.dead_letters.set(occupancy.dead_letters as f64);
        self.obligations_oldest
            .set(oldest.unwrap_or_default().as_secs_f64());
    }

    pub(crate) fn record(&self, record: &Record) {
        if let Record::Due(due) = record
            && let Some(cause) = due.cause
        {
            reversal_due(&self.link, cause.label());
        }
    }

    pub(crate) fn event(&self, event: &LinkEvent) {
        story::tell_link(&self.link, event);
        match event {
            // Seen in `pointsman_link_up` and counted by its own series.
            LinkEvent::StateChanged { .. } => {}
            LinkEvent::Settled { kind, how, .. } => {
                counter!("pointsman_store_forward_settled_total", "link" => self.link.to_string(), "kind" => kind.label(), "how" => how.label())
                    .increment(1);
            }
            LinkEvent::Disconnected { .. } => {
                counter!("pointsman_link_disconnects_total", "link" => self.link.to_string())
                    .increment(1);
            }
            _ => self.count_event(event.label()),
        }
    }

    fn count_event(&self, event: &'static str) {
        counter!("pointsman_link_events_total", "link" => self.link.to_string(), "event" => event)
            .increment(1);
    }
}

/// A transaction that a bank may hold and whose terminal was not told so.
fn reversal_due(link: &str, cause: &'static str) {
    counter!("pointsman_reversals_due_total", "link" => link.to_owned(), "cause" => cause)
        .increment(1);
}

fn frame_error(owner: &'static str, name: &Arc<str>, error: &FrameError) {
    counter!("pointsman_frame_errors_total", owner => name.to_string(), "fault" => error.label())
        .increment(1);
}
