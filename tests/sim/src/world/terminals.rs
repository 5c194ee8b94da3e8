//! What happens at terminals and their sessions.

use std::time::Duration;

use pointsman_engine::{Answer, Cause, Outcome, SessionEvent, SessionOutput, Ticket, Trace};
use pointsman_iso8583::Dialect;

use super::{Event, World};
use crate::checks::{self, Told};
use crate::switch::Issued;
use crate::terminal::{Fate, Kind, Terminal, Transaction};
use crate::trace::Shown;

impl World {
    pub(super) fn plan_act(&mut self, terminal: usize) {
        let connection = self.terminals[terminal].connection;
        let think = self.plan.connections[connection].think_ms.clone();
        let at = self.now + self.random.millis(think);
        self.queue.push(
            at,
            Event::Act {
                terminal,
                again: true,
            },
        );
    }

    /// A terminal sends its next message, unless it still waits for answers to others.
    pub(super) fn act(&mut self, terminal: usize, again: bool) {
        if !self.loading {
            return;
        }
        if again {
            self.plan_act(terminal);
        }
        let connection = self.terminals[terminal].connection;
        let plan = &self.plan.connections[connection];
        if self.terminals[terminal].quiet > self.now {
            return;
        }
        if self.terminals[terminal].open.len() >= plan.depth {
            return;
        }
        let listener = plan.listener;
        let conn = match self.current[connection] {
            Some(conn) if self.conns[conn].at_terminal => conn,
            _ => {
                let conn = self.open_conn(listener);
                self.current[connection] = Some(conn);
                conn
            }
        };
        let dialect = self.listeners[listener].dialect.clone();
        self.nonces += 1;
        let (kind, frame) = self.terminals[terminal].next_message(
            &dialect,
            self.plan.links.len(),
            &self.faults,
            self.nonces,
            &mut self.random,
        );
        self.send(terminal, conn, kind, frame);
        if self.random.permille(self.faults.terminal_leaves) {
            self.leave(conn);
        }
    }

    /// A purchase at this bank, over a connection of its own.
    pub(super) fn send_probe(&mut self, link: usize) {
        let listener = self.random.below(self.listeners.len() as u64) as usize;
        let conn = self.open_conn(listener);
        let dialect = self.listeners[listener].dialect.clone();
        let terminal = self.terminals.len();
        self.terminals.push(Terminal::new(terminal, usize::MAX));
        self.nonces += 1;
        let (kind, frame) =
            self.terminals[terminal].purchase(&dialect, link, self.nonces, &mut self.random);
        self.send(terminal, conn, kind, frame);
    }

    fn send(&mut self, terminal: usize, conn: usize, kind: Kind, frame: bytes::Bytes) {
        let transaction = self.transactions.len();
        let listener = self.conns[conn].listener;
        let dialect = &self.listeners[listener].dialect;
        self.trace.line(self.now, || {
            let id = &self.terminals[terminal].id;
            format!("{id} on {conn} says {kind:?} {}", Shown(dialect, &frame))
        });
        self.transactions.push(Transaction {
            kind,
            terminal,
            conn,
            nonce: self.nonces,
            stan: self.terminals[terminal].stan(),
            frame,
            accepted: None,
            fate: Fate::Open,
            undelivered: false,
        });
        self.terminals[terminal].open.push(transaction);
        let at = self.conns[conn]
            .up
            .max(self.now + self.random.micros(100..=5_000));
        self.conns[conn].up = at;
        self.queue.push(at, Event::Up { conn, transaction });
    }

    /// The terminals of a connection go without a word.
    fn leave(&mut self, conn: usize) {
        self.conns[conn].at_terminal = false;
        let at = self.conns[conn]
            .up
            .max(self.now + self.random.micros(100..=50_000));
        self.queue.push(at, Event::Gone { conn });
        self.abandon(conn);
    }

    /// Nobody waits any more for what is open on this connection.
    fn abandon(&mut self, conn: usize) {
        for terminal in &mut self.terminals {
            terminal
                .open
                .retain(|transaction| self.transactions[*transaction].conn != conn);
        }
    }

    pub(super) fn up(&mut self, conn: usize, transaction: usize) {
        if !self.conns[conn].at_switch || self.conns[conn].closing {
            self.transactions[transaction].fate = Fate::Abandoned;
            return;
        }
        let frame = self.transactions[transaction].frame.clone();
        self.trace.note(self.now, "up", conn as u64, &frame);
        self.transactions[transaction].accepted = Some(self.now);
        self.report.transactions += 1;
        self.conns[conn].open.push(transaction);
        self.conns[conn].session.handle_frame(self.now, None, frame);
        self.drain_session(conn, Some(transaction));
        if let Kind::Routed { bank, .. } = self.transactions[transaction].kind {
            let timeout = self.links[bank].plan.timeout;
            let patience = checks::patience(timeout, self.journal_max(), self.stall_max());
            self.queue
                .push(self.now + patience, Event::Overdue { transaction });
        } else {
            self.overdue(transaction);
        }
    }

    /// By now it must have been answered, or its connection closed.
    pub(super) fn overdue(&mut self, transaction: usize) {
        let record = &self.transactions[transaction];
        if record.fate == Fate::Open && self.conns[record.conn].at_switch {
            let (nonce, kind) = (record.nonce, record.kind);
            self.fail(format!(
                "transaction {nonce}, {kind:?}, was left without an answer"
            ));
        }
    }

    pub(super) fn down(&mut self, conn: usize, transaction: usize) {
        if !self.conns[conn].at_terminal {
            return;
        }
        let terminal = self.transactions[transaction].terminal;
        self.terminals[terminal]
            .open
            .retain(|open| *open != transaction);
        // Whoever was turned away comes back later, mostly.
        let turned_away = self.transactions[transaction].fate
            == (Fate::Answered {
                by_bank: false,
                approved: false,
            });
        if turned_away && self.random.permille(900) {
            self.terminals[terminal].quiet = self.now + self.random.millis(50..=1_000);
        } else if self.terminals[terminal].connection != usize::MAX && self.random.permille(300) {
            self.queue.push(
                self.now,
                Event::Act {
                    terminal,
                    again: false,
                },
            );
        }
    }

    pub(super) fn gone(&mut self, conn: usize) {
        if !self.conns[conn].at_switch {
            return;
        }
        self.trace.note(self.now, "gone", conn as u64, &[]);
        self.trace
            .line(self.now, || format!("connection {conn} is gone"));
        self.conns[conn].at_switch = false;
        self.conns[conn].session.handle_closed();
        self.drain_session(conn, None);
        self.close_open(conn);
    }

    pub(super) fn closed(&mut self, conn: usize) {
        self.conns[conn].at_terminal = false;
        self.abandon(conn);
    }

    pub(super) fn mail(&mut self, conn: usize, answer: Answer) {
        self.trace.note(
            self.now,
            "mail",
            conn as u64,
            outcome_bytes(&answer.outcome),
        );
        let transaction = self.transaction_of(conn, answer.ticket);
        self.conns[conn].session.handle_answer(self.now, answer);
        self.drain_session(conn, Some(transaction));
    }

    /// The switch closes: everything is answered.
    fn close(&mut self, conn: usize) {
        if self.conns[conn].at_switch {
            self.conns[conn].at_switch = false;
            self.close_open(conn);
            let at = self.conns[conn]
                .down
                .max(self.now + self.random.micros(100..=5_000));
            self.queue.push(at, Event::Closed { conn });
        }
    }

    fn close_open(&mut self, conn: usize) {
        for transaction in core::mem::take(&mut self.conns[conn].open) {
            self.transactions[transaction].fate = Fate::Abandoned;
        }
    }

    /// Carries out what the session wants. `current` is what it has just been given something about.
    pub(super) fn drain_session(&mut self, conn: usize, current: Option<usize>) {
        let mut said: Option<bytes::Bytes> = None;
        while let Some(output) = self.conns[conn].session.poll_output() {
            match output {
                SessionOutput::Forward(forward) => {
                    let transaction = current.expect("only a message can be forwarded");
                    self.conns[conn].tickets.insert(forward.ticket, transaction);
                    let link = forward.link.index();
                    if self.transactions[transaction].kind
                        != (Kind::Routed {
                            bank: link,
                            financial: forward.financial,
                        })
                    {
                        let kind = self.transactions[transaction].kind;
                        self.fail(format!("{kind:?} was sent to {forward:?}"));
                        return;
                    }
                    if self.links[link].queue.len() >= self.plan.queue_max {
                        let ticket = forward.ticket;
                        self.conns[conn]
                            .session
                            .handle_refused(ticket, Cause::ShellQueueFull);
                        continue;
                    }
                    self.issued.push(Issued {
                        transaction,
                        ticket: forward.ticket,
                        link,
                        financial: forward.financial,
                        nonce: self.transactions[transaction].nonce,
                        taken: None,
                        stan: None,
                        released: false,
                        answered: false,
                        reversals: 0,
                        withdrawn: false,
                    });
                    let request = forward.into_request(self.issued.len() - 1);
                    self.links[link].queue.push_back(request);
                    let at = self.links[link]
                        .queue_at
                        .max(self.now + self.random.micros(5..=500));
                    self.links[link].queue_at = at;
                    self.queue.push(at, Event::Take { link });
                }
                SessionOutput::Reply { transport, message } => {
                    let carried = message.len() <= self.plan.message_bytes_max.0;
                    if !carried
                        || transport.is_some()
                        || said.is_some()
                        || !self.conns[conn].at_switch
                    {
                        self.fail("a reply out of place".into());
                    }
                    said = Some(message.freeze());
                }
                SessionOutput::Close(cause) => {
                    let kind = current.map(|transaction| self.transactions[transaction].kind);
                    if kind != Some(Kind::Broken) {
                        self.fail(format!("closed because of {cause:?} after {kind:?}"));
                    }
                    self.conns[conn].closing = true;
                    let current = current.expect("only a message closes");
                    self.transactions[current].fate = Fate::Abandoned;
                    self.conns[conn].open.retain(|open| *open != current);
                }
                SessionOutput::Event(event) => {
                    self.session_event(conn, current, &event, &mut said);
                }
            }
        }
        if said.is_some() {
            self.fail("a reply without a word why".into());
        }
        if self.conns[conn].closing && self.conns[conn].session.in_flight() == 0 {
            self.close(conn);
        }
        let (in_flight, max) = (
            self.conns[conn].session.in_flight(),
            self.plan.session_in_flight_max,
        );
        if in_flight > max {
            self.fail(format!(
                "{in_flight} requests open on a connection that may have {max}"
            ));
        }
    }

    fn session_event(
        &mut self,
        conn: usize,
        current: Option<usize>,
        event: &SessionEvent,
        said: &mut Option<bytes::Bytes>,
    ) {
        self.happened(event.label());
        match event {
            SessionEvent::Answered { cause, .. } => {
                if let Some(cause) = cause {
                    *self.report.causes.entry(cause.label()).or_default() += 1;
                }
                if let Some(reply) = said.take() {
                    self.told(conn, current, &reply, *cause);
                }
            }
            SessionEvent::NetworkManagement { .. } => {
                if let Some(reply) = said.take() {
                    self.told(conn, current, &reply, None);
                }
            }
            SessionEvent::Unanswered { cause, trace, .. } => {
                *self.report.causes.entry(cause.label()).or_default() += 1;
                let current = current.expect("only what was asked can stay unanswered");
                let dialect = self.listeners[self.conns[conn].listener].dialect.clone();
                let right = checks::silence(&dialect, &self.transactions[current], *cause);
                let nonce = self.transactions[current].nonce;
                self.check(right, || format!("transaction {nonce}"));
                self.named(current, *trace);
                self.transactions[current].fate = Fate::Unanswered;
                self.conns[conn].open.retain(|open| *open != current);
                // The terminal waits for a while before it goes on.
                let at = self.now + self.random.millis(50..=500);
                let transaction = current;
                self.queue.push(at, Event::Down { conn, transaction });
            }
            SessionEvent::Undelivered {
                ticket,
                approved,
                trace,
                ..
            } => {
                let transaction = self.transaction_of(conn, *ticket);
                self.named(transaction, *trace);
                if *approved {
                    self.transactions[transaction].undelivered = true;
                }
            }
            SessionEvent::StaleAnswer => self.fail("an answer for nobody".into()),
            SessionEvent::NotCarried { field: None, .. }
                if self.plan.message_bytes_max.1 < usize::MAX => {}
            SessionEvent::NotCarried { link, field } => {
                self.fail(format!("link {} cannot say {field:?}", link.index()));
            }
            SessionEvent::FieldsDropped { fields, .. } => {
                self.fail(format!("{fields:?} cannot be told"));
            }
            SessionEvent::Accepted { .. }
            | SessionEvent::Unreadable { .. }
            | SessionEvent::Incomplete { .. }
            | SessionEvent::Unanswerable { .. } => {}
        }
    }

    fn named(&mut self, transaction: usize, trace: Trace) {
        let record = &self.transactions[transaction];
        let terminal = &self.terminals[record.terminal].id;
        let named = checks::trace(trace, terminal, record);
        self.check(named, || "session".into());
    }

    pub(super) fn transaction_of(&self, conn: usize, ticket: Ticket) -> usize {
        *self.conns[conn]
            .tickets
            .get(&ticket)
            .expect("a ticket of this connection")
    }

    /// The session tells the terminals of a connection something.
    fn told(&mut self, conn: usize, current: Option<usize>, reply: &[u8], cause: Option<Cause>) {
        let dialect: std::sync::Arc<Dialect> =
            self.listeners[self.conns[conn].listener].dialect.clone();
        self.trace.note(self.now, "told", conn as u64, reply);
        self.trace.line(self.now, || {
            format!("{conn} hears {} ({cause:?})", Shown(&dialect, reply))
        });
        let Ok(view) = dialect.view(reply) else {
            self.fail("the terminal cannot read it".into());
            return;
        };
        // A broken message may have had nothing to be known by: its answer comes at once.
        let broken = current.filter(|current| self.transactions[*current].kind == Kind::Broken);
        let (stan, terminal) = (view.stan().map(|stan| stan.get()), view.to_text(41));
        let found = broken.or_else(|| {
            self.conns[conn].open.iter().copied().find(|open| {
                let open = &self.transactions[*open];
                Some(open.stan) == stan
                    && Some(&self.terminals[open.terminal].id) == terminal.as_ref()
            })
        });
        let Some(transaction) = found else {
            self.fail(format!(
                "connection {conn} hears an answer that nobody on it asked for"
            ));
            return;
        };
        let record = &self.transactions[transaction];
        let nonce = record.nonce;
        self.conns[conn].open.retain(|open| *open != transaction);
        let entry = match record.kind {
            Kind::Routed { bank, .. } => self.banks[bank].ledger.get(&nonce),
            Kind::NoRoute | Kind::Unsupported | Kind::Management { .. } | Kind::Broken => None,
        };
        match checks::reply(&dialect, record, &view, cause, entry) {
            Ok(told) => {
                let (kind, Told { approved, by_bank }) = (record.kind, told);
                self.transactions[transaction].fate = Fate::Answered { by_bank, approved };
                match (by_bank, approved) {
                    (true, true) => self.report.approved += 1,
                    (true, false) => self.report.declined_by_bank += 1,
                    (false, _) => self.report.declined_by_switch += 1,
                }
                let strict = self.plan.is_faultless() && !self.draining;
                let limited = matches!(
                    cause,
                    Some(
                        Cause::LinkBusy
                            | Cause::StanExhausted
                            | Cause::SessionBusy
                            | Cause::ShellQueueFull
                    )
                );
                // Before the first sign-on nothing can go through.
                let up =
                    self.now.since(pointsman_engine::Instant::ZERO) > Duration::from_millis(100);
                if strict && up && matches!(kind, Kind::Routed { .. }) && !by_bank && !limited {
                    self.fail(format!(
                        "nothing is wrong, but {nonce} was declined: {cause:?}"
                    ));
                }
                if let Kind::Routed { bank, .. } = kind
                    && approved
                    && self.terminals[self.transactions[transaction].terminal].connection
                        == usize::MAX
                {
                    self.recovered[bank] = true;
                }
            }
            Err(what) => self.fail(format!("transaction {nonce}: {what}")),
        }
        let at = self.conns[conn]
            .down
            .max(self.now + self.random.micros(100..=5_000));
        self.conns[conn].down = at;
        self.queue.push(at, Event::Down { conn, transaction });
    }
}

pub(super) fn outcome_bytes(outcome: &Outcome) -> &[u8] {
    match outcome {
        Outcome::Response(message) => message,
        Outcome::Declined(cause) => cause.label().as_bytes(),
    }
}
