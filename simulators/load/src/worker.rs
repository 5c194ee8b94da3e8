//! One thread of the load: its connections, its share of the schedule, its counts.
//!
//! Everything here runs on one thread, so that a send is a copy, a few digits and a system call. No borrow of a cell is
//! held across an await.

mod answer;
mod drive;

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use pointsman_framing::FrameCodec;
use pointsman_iso8583::Dialect;
use tokio::sync::Notify;

use crate::config::{LoadConfig, Pace};
use crate::connection::Connection;
use crate::mix::Random;
use crate::pace::DueQueue;
use crate::tally::Tally;
use crate::template::{Stamped, Template};

pub(crate) use drive::{Job, Message, Stop, drive};

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
