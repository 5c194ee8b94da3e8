//! One thread of the load: its connections, its share of the schedule, its counts.
//!
//! Everything here runs on one thread, so that a send is a copy, a few digits and a system call. No borrow of a cell is
//! held across an await.

mod drive;

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use pointsman_framing::{FrameCodec, FrameError, KeepAlive, Scan};
use pointsman_iso8583::{Dialect, ResponseCode, mask};
use tokio::sync::Notify;

use crate::config::{LoadConfig, Pace};
use crate::connection::Connection;
use crate::in_flight::{Found, Open};
use crate::mix::Random;
use crate::pace::Schedule;
use crate::tally::{Problem, Tally};
use crate::template::{Stamped, Template};

pub(crate) use drive::{Job, Message, drive};

/// What one read takes at most, bytes.
const READ_BYTES: usize = 64 * 1024;

pub(crate) struct Worker {
    config: Arc<LoadConfig>,
    dialect: Arc<Dialect>,
    codec: FrameCodec,
    templates: RefCell<Vec<Template>>,
    connections: Vec<RefCell<Connection>>,
    /// Connections that can take a request. One that cannot any more is dropped when its turn comes.
    free: RefCell<VecDeque<usize>>,
    tally: RefCell<Tally>,
    random: RefCell<Random>,
    scratch: RefCell<Box<[u8]>>,
    due: RefCell<Option<DueQueue>>,
    /// Requests that may still be sent in a closed loop, all workers together.
    budget: Arc<AtomicU64>,
    start: Cell<Option<Instant>>,
    over: Cell<bool>,
    open: Cell<usize>,
    last_answer: Cell<u64>,
    /// Told when the last open request is gone.
    idle: Notify,
}

/// This worker's part of an open loop's schedule: every `step`-th request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DueQueue {
    schedule: Schedule,
    next: u64,
    step: u64,
    count: u64,
    end: Duration,
}

impl DueQueue {
    pub(crate) fn new(
        schedule: Schedule,
        first: usize,
        step: usize,
        count: Option<u64>,
        end: Option<Duration>,
    ) -> Self {
        DueQueue {
            schedule,
            next: first as u64,
            step: step as u64,
            count: count.unwrap_or(u64::MAX),
            end: end.unwrap_or(Duration::MAX),
        }
    }

    /// When the next one is due; `None` after the last.
    fn peek(&self) -> Option<Duration> {
        let due = (self.next < self.count).then(|| self.schedule.due(self.next))?;
        (due < self.end).then_some(due)
    }

    /// Whether the last one has been sent. Not yet, if what is left is due after the end.
    fn is_used_up(&self) -> bool {
        self.next >= self.count
    }

    fn advance(&mut self) {
        self.next += self.step;
    }

    /// How many were due by `now` and are still here.
    fn overdue(&self, now: Duration) -> u64 {
        let mut rest = *self;
        let mut overdue = 0;
        while rest.peek().is_some_and(|due| due <= now) {
            rest.advance();
            overdue += 1;
        }
        overdue
    }
}

impl Worker {
    fn elapsed(&self) -> Duration {
        self.start
            .get()
            .map_or(Duration::ZERO, |start| start.elapsed())
    }

    fn nanoseconds(&self) -> u64 {
        u64::try_from(self.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    fn running(&self) -> bool {
        self.start.get().is_some() && !self.over.get()
    }

    /// Sends what is due, as far as there are connections to take it. Each connection's frames leave in one write.
    fn send_due(&self) {
        let mut due = self.due.borrow_mut();
        let Some(due) = due.as_mut().filter(|_| self.running()) else {
            return;
        };
        let now = self.elapsed();
        let mut written: Vec<usize> = Vec::new();
        while let Some(moment) = due.peek().filter(|moment| *moment <= now) {
            let Some(index) = self.next_free() else { break };
            due.advance();
            if self.send(index, u64::try_from(moment.as_nanos()).unwrap_or(u64::MAX)) {
                written.push(index);
            }
            self.queue(index);
        }
        for index in written {
            self.flush(index);
        }
    }

    /// Keeps a connection of a closed loop full.
    fn fill(&self, index: usize) {
        if !self.running() {
            return;
        }
        let Some(cell) = self.connections.get(index) else {
            return;
        };
        let mut sent = false;
        while cell.borrow().is_free() {
            if !self.take_budget() {
                self.over.set(true);
                self.notify_if_idle();
                break;
            }
            self.send(index, self.nanoseconds());
            sent = true;
        }
        if sent {
            self.flush(index);
        }
    }

    fn take_budget(&self) -> bool {
        let take = |budget: u64| budget.checked_sub(1);
        self.config.count.is_none()
            || self
                .budget
                .fetch_update(Ordering::Relaxed, Ordering::Relaxed, take)
                .is_ok()
    }

    fn next_free(&self) -> Option<usize> {
        loop {
            let index = self.free.borrow_mut().pop_front()?;
            let mut connection = self.connections.get(index)?.borrow_mut();
            connection.queued = false;
            if connection.is_free() {
                return Some(index);
            }
        }
    }

    /// Puts a connection in the queue if it can take a request.
    fn queue(&self, index: usize) {
        if let Some(cell) = self.connections.get(index) {
            let mut connection = cell.borrow_mut();
            if !connection.queued && connection.is_free() {
                connection.queued = true;
                self.free.borrow_mut().push_back(index);
            }
        }
    }

    /// Appends one request to a connection's output. Says whether it is the first one since the last flush.
    fn send(&self, index: usize, due: u64) -> bool {
        let Some(cell) = self.connections.get(index) else {
            return false;
        };
        let connection = &mut *cell.borrow_mut();
        let (item, amount) = self.config.mix.draw(&mut self.random.borrow_mut());
        let templates = self.templates.borrow();
        let Some(template) = templates.get(item) else {
            return false;
        };
        let Some(stan) = connection
            .in_flight
            .insert(item, amount, due, self.nanoseconds())
        else {
            return false;
        };
        template.stamp(
            &Stamped {
                stan,
                amount,
                terminal: &connection.terminal.wire,
            },
            &mut connection.output,
        );
        let mut tally = self.tally.borrow_mut();
        tally.sent += 1;
        if let Some(item) = tally.items.get_mut(item) {
            item.sent += 1;
        }
        self.open.set(self.open.get() + 1);
        !std::mem::replace(&mut connection.dirty, true)
    }

    fn flush(&self, index: usize) {
        if let Some(cell) = self.connections.get(index) {
            cell.borrow_mut().flush();
        }
    }

    /// Takes what a connection received.
    fn receive(&self, index: usize, bytes: &[u8]) -> Result<(), FrameError> {
        let Some(cell) = self.connections.get(index) else {
            return Ok(());
        };
        let connection = &mut *cell.borrow_mut();
        // Most reads end with a frame: their bytes are looked at where they are.
        let mut kept = std::mem::take(&mut connection.input);
        let read = if kept.is_empty() {
            self.frames(connection, bytes)
        } else {
            kept.extend_from_slice(bytes);
            self.frames(connection, &kept)
        };
        let consumed = read?;
        if kept.is_empty() {
            kept.extend_from_slice(bytes.get(consumed..).unwrap_or_default());
        } else {
            kept.drain(..consumed);
        }
        connection.input = kept;
        Ok(())
    }

    /// Takes every whole frame; says how many bytes they are.
    fn frames(&self, connection: &mut Connection, bytes: &[u8]) -> Result<usize, FrameError> {
        let now = self.nanoseconds();
        let mut consumed = 0;
        loop {
            let rest = bytes.get(consumed..).unwrap_or_default();
            match self.codec.scan(rest)? {
                Scan::Incomplete { .. } => return Ok(consumed),
                Scan::KeepAlive { consumed: length } => {
                    self.tally.borrow_mut().keep_alives += 1;
                    if self.codec.framing().keep_alive == KeepAlive::Echo {
                        connection
                            .output
                            .extend_from_slice(rest.get(..length).unwrap_or_default());
                        connection.flush();
                    }
                    consumed += length;
                }
                Scan::Frame {
                    body,
                    consumed: length,
                    ..
                } => {
                    self.answer(connection, rest.get(body).unwrap_or_default(), now);
                    consumed += length;
                }
            }
        }
    }

    /// Takes one answer: finds its request, checks that it is the right one, counts.
    fn answer(&self, connection: &mut Connection, message: &[u8], now: u64) {
        let tally = &mut *self.tally.borrow_mut();
        let number = connection.terminal.number;
        let view = match self.dialect.view(message) {
            Ok(view) => view,
            Err(error) => {
                tally.undecodable += 1;
                let message = || error.explain(&self.dialect).message;
                tally.problem(|| Problem {
                    connection: number,
                    stan: None,
                    field: Some(error.field),
                    message: message(),
                });
                return;
            }
        };
        let stan = view.stan().map(|stan| stan.get());
        let found = stan.map_or(Found::Nothing, |stan| connection.in_flight.take(stan));
        let open = match found {
            Found::Request(open) => open,
            Found::TimedOut => {
                tally.late += 1;
                return;
            }
            Found::Nothing => {
                tally.unexpected += 1;
                let mti = view.mti();
                tally.problem(|| Problem {
                    connection: number,
                    stan,
                    field: None,
                    message: format!("{mti} to nothing that is open here"),
                });
                return;
            }
        };
        self.closed(1);
        self.last_answer.set(now);
        tally.answered += 1;
        Tally::record(&mut tally.latency, now.saturating_sub(open.due));
        Tally::record(&mut tally.service, now.saturating_sub(open.sent));

        let code = view.response_code();
        let Open {
            stan, item, amount, ..
        } = open;
        let stamped = Stamped {
            stan,
            amount,
            terminal: &connection.terminal.wire,
        };
        let partial = code.is_some_and(|code| code.as_str() == "10");
        let templates = self.templates.borrow();
        if let Some(template) = templates.get(item) {
            tally.echo_missing += template.missing(&view);
            if let Some(field) = template.mismatch(&view, &stamped, partial) {
                tally.mismatched += 1;
                tally.problem(|| mismatch(number, field, &view, &stamped, template));
            }
        }
        let approved = code.is_some_and(|code: ResponseCode| code.is_approval());
        if let Some(code) = code {
            tally.count_code(code, 1);
        }
        let approved_amount = view.amount().map_or(amount, |amount| amount.get());
        if approved {
            tally.approved += 1;
            tally.approved_amount += approved_amount;
        } else {
            tally.declined += 1;
        }
        if let Some(item) = tally.items.get_mut(item) {
            if approved {
                item.approved += 1;
                item.approved_amount += approved_amount;
            } else {
                item.declined += 1;
            }
        }
    }

    /// Goes on after a connection has read all there was.
    fn go_on(&self, index: usize) {
        match self.config.pace {
            Pace::Closed => self.fill(index),
            Pace::Open { .. } => {
                let starved = self.free.borrow().is_empty();
                self.queue(index);
                if starved {
                    self.send_due();
                }
            }
        }
    }

    /// Gives up requests that have waited too long.
    fn expire(&self) {
        let timeout = u64::try_from(self.config.timeout.as_nanos()).unwrap_or(u64::MAX);
        let Some(moment) = self.nanoseconds().checked_sub(timeout) else {
            return;
        };
        for (index, cell) in self.connections.iter().enumerate() {
            let expired = cell.borrow_mut().in_flight.expire(moment);
            if expired > 0 {
                self.tally.borrow_mut().timeouts += expired as u64;
                self.closed(expired);
                self.go_on(index);
            }
        }
    }

    fn disconnected(&self, index: usize) {
        let Some(cell) = self.connections.get(index) else {
            return;
        };
        let lost = cell.borrow_mut().cut();
        let mut tally = self.tally.borrow_mut();
        tally.lost += lost as u64;
        if self.running() {
            tally.disconnects += 1;
        }
        self.closed(lost);
    }

    fn closed(&self, count: usize) {
        self.open.set(self.open.get().saturating_sub(count));
        self.notify_if_idle();
    }

    fn notify_if_idle(&self) {
        if self.over.get() && self.open.get() == 0 {
            self.idle.notify_one();
        }
    }
}

/// What is wrong with an answer, without anything of the card.
fn mismatch(
    connection: usize,
    field: u8,
    view: &pointsman_iso8583::View<'_>,
    stamped: &Stamped<'_>,
    template: &Template,
) -> Problem {
    let message = match field {
        0 => {
            let expected = template
                .response_mti
                .map_or_else(String::new, |mti| mti.to_string());
            format!("message type: expected {expected}, found {}", view.mti())
        }
        4 => {
            let found = view
                .amount()
                .map_or_else(String::new, |amount| amount.to_string());
            format!(
                "field 4 (amount): expected {}, found {found}",
                stamped.amount
            )
        }
        // What a peer puts there is anybody's guess: it is shown like free text.
        _ => {
            let found = mask::free_text(&view.to_text(field).unwrap_or_default());
            format!("field {field}: not that of the request, found {found}")
        }
    };
    Problem {
        connection,
        stan: Some(stamped.stan),
        field: Some(field),
        message,
    }
}
