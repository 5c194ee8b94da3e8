//! What the sessions do with what terminals say, and what they tell them.

use std::time::Duration;

use pointsman_engine::{
    Answer, Cause, CloseCause, LinkId, Nature, Outcome, SessionEvent, SessionOutput, Ticket, Trace,
    Undo,
};
use pointsman_iso8583::Dialect;

use super::{Event, World};
use crate::checks::{self, Told};
use crate::switch::Issued;
use crate::terminal::{Fate, Kind};
use crate::trace::Shown;

impl World {
    pub(super) fn up(&mut self, conn: usize, message: usize) {
        if !self.conns[conn].at_switch || self.conns[conn].closing {
            self.messages[message].fate = Fate::Abandoned;
            return;
        }
        let frame = self.messages[message].frame.clone();
        self.trace.note(self.now, "up", conn as u64, &frame);
        self.messages[message].accepted = Some(self.now);
        self.report.transactions += 1;
        self.conns[conn].open.push(message);
        self.conns[conn].session.handle_frame(self.now, None, frame);
        self.drain_session(conn, Some(message));
        if let Kind::Routed { bank, .. } = self.messages[message].kind {
            let timeout = self.links[bank].plan.timeout;
            let patience = checks::patience(timeout, self.journal_max(), self.stall_max());
            self.queue
                .push(self.now + patience, Event::Overdue { message });
        } else {
            self.overdue(message);
        }
    }

    /// By now it must have been answered, or its connection closed.
    pub(super) fn overdue(&mut self, message: usize) {
        let record = &self.messages[message];
        // Nothing can be promised while nothing can be recorded.
        if self.log.failed {
            return;
        }
        // Nor is there an answer where the connection ends as soon as all that can be answered is; that nothing is open
        // in the end is looked at when everything rests.
        let conn = &self.conns[record.conn];
        if record.fate == Fate::Open && conn.at_switch && !conn.closing {
            let (nonce, kind) = (record.nonce, record.kind);
            self.fail(format!(
                "transaction {nonce}, {kind:?}, was left without an answer"
            ));
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

    pub(super) fn mail(&mut self, conn: usize, answer: Answer) {
        if self.conns[conn].life != self.life {
            return;
        }
        self.trace.note(
            self.now,
            "mail",
            conn as u64,
            outcome_bytes(&answer.outcome),
        );
        let message = self.message_of(conn, answer.ticket);
        if let Outcome::StoodIn(code) = answer.outcome {
            self.messages[message].stood_in = Some(code);
        }
        self.conns[conn].session.handle_answer(self.now, answer);
        self.drain_session(conn, Some(message));
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
        for message in core::mem::take(&mut self.conns[conn].open) {
            self.messages[message].fate = Fate::Abandoned;
        }
    }

    /// Carries out what the session wants. `current` is what it has just been given something about.
    pub(super) fn drain_session(&mut self, conn: usize, current: Option<usize>) {
        let mut said: Option<bytes::Bytes> = None;
        let mut broke = false;
        while let Some(output) = self.conns[conn].session.poll_output() {
            match output {
                SessionOutput::Forward(forward) => {
                    let message = current.expect("only a message can be forwarded");
                    self.conns[conn].tickets.insert(forward.ticket, message);
                    let link = forward.link.index();
                    let kind = self.messages[message].kind;
                    let (bank, nature) = (link, forward.nature);
                    if kind != (Kind::Routed { bank, nature }) {
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
                    self.issue(message, forward.ticket, nature, false);
                    let request = forward.into_request(self.issued.len() - 1);
                    self.links[link].queue.push_back(request);
                    let at = self.links[link]
                        .queue_at
                        .max(self.now + self.random.micros(5..=500));
                    self.links[link].queue_at = at;
                    let life = self.life;
                    self.queue.push(at, Event::Take { link, life });
                }
                SessionOutput::Reply {
                    transport,
                    message,
                    undo,
                } => {
                    let carried = message.len() <= self.plan.message_bytes_max.0;
                    if !carried
                        || transport.is_some()
                        || said.is_some()
                        || !self.conns[conn].at_switch
                    {
                        self.fail("a reply out of place".into());
                    }
                    if broke || self.random.permille(self.faults.write_fails) {
                        broke = true;
                        if let Some((link, undo)) = undo {
                            self.give_back(link, undo, None);
                        }
                    } else {
                        said = Some(message.freeze());
                    }
                }
                SessionOutput::Undo { link, undo, told } => {
                    let told = told.map(|(ticket, cause)| {
                        let message = current.expect("only what was asked can be undone");
                        self.conns[conn].tickets.insert(ticket, message);
                        let nature = Nature::Financial;
                        self.issue(message, ticket, nature, true);
                        (self.issued.len() - 1, ticket, cause)
                    });
                    self.give_back(link, undo, told);
                }
                SessionOutput::Close(cause) => {
                    let kind = current.map(|message| self.messages[message].kind);
                    let right = match cause {
                        CloseCause::Unknown => {
                            // Somebody asked twice, or what the log had is lost.
                            self.plan.faults.terminal_repeats + self.plan.faults.recall_fails > 0
                        }
                        CloseCause::Unreadable | CloseCause::Unanswerable => {
                            kind == Some(Kind::Broken)
                        }
                    };
                    if !right {
                        self.fail(format!("closed because of {cause:?} after {kind:?}"));
                    }
                    self.conns[conn].closing = true;
                    let current = current.expect("only a message closes");
                    self.messages[current].fate = Fate::Abandoned;
                    self.conns[conn].open.retain(|open| *open != current);
                }
                SessionOutput::Event(event) => {
                    self.session_event(conn, current, &event, &mut said);
                }
            }
        }
        if broke && self.conns[conn].at_switch {
            self.happened("write_failed");
            self.gone(conn);
            let at = self.now + self.random.micros(100..=5_000);
            self.queue.push(at, Event::Closed { conn });
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

    fn issue(&mut self, message: usize, ticket: Ticket, nature: Nature, undo: bool) {
        self.issued.push(Issued {
            message,
            ticket,
            nature,
            nonce: self.messages[message].nonce,
            undo,
            taken: None,
            stan: None,
            released: false,
            answered: false,
            withdrawn: false,
        });
    }

    /// An approval that nobody could be told goes back to its link.
    fn give_back(&mut self, link: LinkId, undo: Undo, told: Option<(usize, Ticket, Cause)>) {
        self.happened("undo");
        let at = self.now + self.random.micros(5..=500);
        let (link, life, undo) = (link.index(), self.life, Box::new(undo));
        self.queue.push(
            at,
            Event::Undo {
                link,
                life,
                undo,
                told,
            },
        );
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
                let right = checks::silence(&dialect, &self.messages[current], *cause);
                let nonce = self.messages[current].nonce;
                self.check(right, || format!("transaction {nonce}"));
                self.named(current, *trace);
                self.messages[current].fate = Fate::Unanswered;
                self.conns[conn].open.retain(|open| *open != current);
                // The terminal waits for a while before it goes on.
                let at = self.now + self.random.millis(50..=500);
                self.queue.push(at, Event::Waited { message: current });
            }
            SessionEvent::Undelivered { ticket, trace, .. } => {
                let message = self.message_of(conn, *ticket);
                self.named(message, *trace);
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

    fn named(&mut self, message: usize, trace: Trace) {
        let record = &self.messages[message];
        let terminal = &self.terminals[record.terminal].id;
        let named = checks::trace(trace, terminal, record);
        self.check(named, || "session".into());
    }

    pub(super) fn message_of(&self, conn: usize, ticket: Ticket) -> usize {
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
        let message = current.expect("only what was asked is answered");
        let record = &self.messages[message];
        let nonce = record.nonce;
        if !self.conns[conn].open.contains(&message) {
            self.fail(format!("{nonce} is answered and was not asked"));
            return;
        }
        self.conns[conn].open.retain(|open| *open != message);
        let entry = match record.kind {
            Kind::Routed { bank, .. } => self.banks[bank].ledger.get(&nonce),
            Kind::NoRoute | Kind::Unsupported | Kind::Management { .. } | Kind::Broken => None,
        };
        match checks::reply(&dialect, record, &view, cause, entry) {
            Ok(told) => {
                let (kind, Told { approved, by_bank }) = (record.kind, told);
                self.messages[message].fate = Fate::Answered { by_bank, approved };
                self.messages[message].said = Some(approved);
                match (by_bank, approved) {
                    (true, true) => self.report.approved += 1,
                    (true, false) => self.report.declined_by_bank += 1,
                    (false, false) => self.report.declined_by_switch += 1,
                    // Promised, or of the switch's own business.
                    (false, true) => {}
                }
                if self.messages[message].stood_in.is_some() || by_bank && approved {
                    let right = checks::not_reversed(&self.log.facts(nonce));
                    self.check(right, || format!("transaction {nonce}"));
                }
                let strict = self.plan.is_faultless() && !self.draining && self.life == 0;
                let limited = matches!(
                    cause,
                    Some(
                        Cause::LinkBusy
                            | Cause::StanExhausted
                            | Cause::SessionBusy
                            | Cause::ShellQueueFull
                            | Cause::StoreForwardFull
                    )
                );
                // Before the first sign-on nothing can go through.
                let up =
                    self.now.since(pointsman_engine::Instant::ZERO) > Duration::from_millis(100);
                let asks = matches!(
                    kind,
                    Kind::Routed {
                        nature: Nature::Financial | Nature::Inquiry,
                        ..
                    }
                );
                if strict && up && asks && !by_bank && !limited {
                    self.fail(format!(
                        "nothing is wrong, but {nonce} was declined: {cause:?}"
                    ));
                }
                let probe = self.messages[message].terminal >= self.plan_terminals();
                if let Kind::Routed { bank, .. } = kind
                    && by_bank
                    && approved
                    && probe
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
        self.queue.push(at, Event::Down { conn, message });
    }
}

pub(super) fn outcome_bytes(outcome: &Outcome) -> &[u8] {
    match outcome {
        Outcome::Response(message) => message,
        Outcome::Accepted => b"accepted",
        Outcome::StoodIn(_) => b"stood in",
        Outcome::Declined(cause) => cause.label().as_bytes(),
    }
}
