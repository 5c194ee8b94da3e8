//! What happens at links and their banks.

use std::time::Duration;

use bytes::Bytes;
use pointsman_engine::{
    Answer, Instant, LinkEvent, LinkOutput, LinkState, Outcome, Record, RecordNumber, ReversalCause,
};
use pointsman_iso8583::MtiClass;

use super::terminals::outcome_bytes;
use super::{Event, World};
use crate::bank::Say;
use crate::checks;
use crate::plan::STALL_MS_MAX;
use crate::switch::{Held, ReplyTo, Wire};
use crate::trace::Shown;

impl World {
    /// An input of the link's task.
    pub(super) fn link_task_gets(&mut self, link: usize, event: Event) {
        let now = self.now;
        let driver = &mut self.links[link];
        let epoch_now = driver.epoch;
        let current = |epoch: u64| epoch == epoch_now;
        match event {
            Event::Take { .. } => {
                let request = driver
                    .queue
                    .pop_front()
                    .expect("one event for each request");
                let index = request.reply_to;
                self.issued[index].taken = Some(now);
                self.trace.note(now, "take", link as u64, &request.message);
                self.links[link].link.handle_request(now, request);
                self.drain_link(link, Some(index));
            }
            Event::Connected { epoch, .. } if current(epoch) && driver.wire == Wire::Connecting => {
                driver.wire = Wire::Up { silent: false };
                driver.to_bank = now;
                self.banks[link].connected(epoch);
                self.trace.note(now, "connected", link as u64, &[]);
                self.links[link].link.handle_connected(now);
                self.drain_link(link, None);
            }
            Event::ConnectFailed { epoch, .. }
                if current(epoch) && driver.wire == Wire::Connecting =>
            {
                driver.wire = Wire::None;
                driver.ended = Some(now);
                self.trace.note(now, "connect failed", link as u64, &[]);
                self.links[link].link.handle_connect_failed(now);
                self.drain_link(link, None);
            }
            Event::Disconnected { epoch, .. }
                if current(epoch) && matches!(driver.wire, Wire::Up { .. }) =>
            {
                driver.wire = Wire::None;
                driver.ended = Some(now);
                driver.held.clear();
                self.banks[link].disconnected(epoch);
                self.trace.note(now, "disconnected", link as u64, &[]);
                self.trace.line(now, || format!("link {link} is cut"));
                self.links[link].link.handle_disconnected(now);
                self.drain_link(link, None);
            }
            Event::ToLink {
                epoch,
                forged,
                message,
                ..
            } if epoch.is_none_or(current) && driver.wire == (Wire::Up { silent: false }) => {
                if forged && self.is_perfect_forgery(link, &message) {
                    return;
                }
                let dialect = self.banks[link].dialect.clone();
                self.trace.note(now, "to link", link as u64, &message);
                self.trace.line(now, || {
                    format!("bank {link} says {}", Shown(&dialect, &message))
                });
                // A request of the bank is answered at once; what looks like one is one.
                let asks = dialect.view(&message).is_ok_and(|view| {
                    let mti = view.mti();
                    mti.class() != MtiClass::NetworkManagement
                        && mti.is_request()
                        && !mti.is_advice()
                });
                let refusals = self.links[link].refusals + u64::from(asks);
                self.links[link].link.handle_frame(now, message);
                self.drain_link(link, None);
                if self.links[link].refusals != refusals {
                    self.fail(format!(
                        "link {link}: the bank's own message, a request: {asks}"
                    ));
                }
            }
            Event::Timer { at, .. } if driver.timer == Some(at) => {
                driver.timer = None;
                self.trace.note(now, "timer", link as u64, &[]);
                driver.link.handle_timer(now);
                self.drain_link(link, None);
                let next = self.links[link].link.next_timer();
                if next.is_some_and(|next| next <= now) {
                    self.fail(format!("link {link}: a timer that stays due"));
                }
            }
            Event::Durable { mark, .. } => {
                driver.durable = driver.durable.max(mark);
                self.trace
                    .note(now, "durable", link as u64, &mark.to_le_bytes());
                self.release(link);
            }
            _ => {}
        }
    }

    /// A message that cannot be told from the right answer to another request: no switch could see through it. Kept from
    /// happening only where the model bank lies on purpose, never for honest answers that come late or twice.
    fn is_perfect_forgery(&self, link: usize, message: &Bytes) -> bool {
        let Ok(view) = self.banks[link].dialect.view(message) else {
            return false;
        };
        let Some(stan) = view.stan().map(|stan| stan.get()) else {
            return false;
        };
        let driver = &self.links[link];
        driver.by_stan.get(&stan).is_some_and(|index| {
            let issued = &self.issued[*index];
            let terminal = self.transactions[issued.transaction].terminal;
            !issued.answered
                && checks::nonce(&view) != Some(issued.nonce)
                && view.to_text(41).as_ref() == Some(&self.terminals[terminal].id)
        })
    }

    /// Carries out what the link wants. `taken` is the request that it has just been given.
    pub(super) fn drain_link(&mut self, link: usize, taken: Option<ReplyTo>) {
        let mut intent: Option<u32> = None;
        while let Some(output) = self.links[link].link.poll_output() {
            match output {
                LinkOutput::Connect { address } => self.connect(link, address),
                LinkOutput::Disconnect => self.disconnect(link),
                LinkOutput::Transmit { message, after } => {
                    self.transmit(link, taken, intent.take(), message.freeze(), after);
                }
                LinkOutput::Answer {
                    reply_to,
                    answer,
                    after,
                } => {
                    self.answer(link, reply_to, answer, after);
                }
                LinkOutput::Journal { number, record } => {
                    if let Record::Intent { stan, .. } = record {
                        intent = Some(stan.get());
                    }
                    self.journal(link, number, record);
                }
                LinkOutput::Event(event) => self.link_event(link, &event),
                LinkOutput::Drained => self.links[link].drained = true,
            }
        }
        self.release(link);
        let driver = &mut self.links[link];
        driver.state = driver.link.state();
        let next = driver.link.next_timer();
        if driver.timer != next {
            driver.timer = next;
            if let Some(at) = next {
                self.queue.push(at.max(self.now), Event::Timer { link, at });
            }
        }
        let driver = &self.links[link];
        let (occupancy, plan) = (driver.link.occupancy(), &driver.plan);
        let numbers = plan.stan_range.clone().count();
        let right = occupancy.in_flight <= plan.in_flight_max
            && occupancy.in_flight + occupancy.late <= occupancy.stans
            && occupancy.stans <= numbers
            && occupancy.outputs == 0;
        if !right {
            self.fail(format!("link {link} exceeds its limits: {occupancy:?}"));
        }
    }

    fn connect(&mut self, link: usize, address: usize) {
        let now = self.now;
        self.trace
            .note(now, "connect", link as u64, &[address as u8]);
        self.trace
            .line(now, || format!("link {link} connects to address {address}"));
        let driver = &mut self.links[link];
        if driver.wire != Wire::None || address >= driver.plan.addresses || driver.drained {
            self.fail(format!("link {link} connects to {address} out of turn"));
            return;
        }
        // The pause is at least half of the first one.
        let pause = driver.plan.backoff.0 / 2;
        if driver.ended.is_some_and(|ended| now.since(ended) < pause) {
            self.fail(format!("link {link} connects again at once"));
        }
        let driver = &mut self.links[link];
        driver.wire = Wire::Connecting;
        driver.epoch += 1;
        let epoch = driver.epoch;
        if self.random.permille(self.faults.connect_hangs) {
            return;
        }
        let at = now + self.random.micros(200..=20_000);
        if self.random.permille(self.faults.connect_refused) {
            self.queue.push(at, Event::ConnectFailed { link, epoch });
        } else {
            self.queue.push(at, Event::Connected { link, epoch });
        }
    }

    fn disconnect(&mut self, link: usize) {
        self.trace.note(self.now, "disconnect", link as u64, &[]);
        self.trace
            .line(self.now, || format!("link {link} hangs up"));
        let driver = &mut self.links[link];
        if driver.wire == Wire::None {
            self.fail(format!("link {link} hangs up what is not connected"));
            return;
        }
        driver.wire = Wire::None;
        driver.held.clear();
        driver.ended = Some(self.now);
        let epoch = driver.epoch;
        self.banks[link].disconnected(epoch);
    }

    fn transmit(
        &mut self,
        link: usize,
        taken: Option<ReplyTo>,
        intent: Option<u32>,
        message: Bytes,
        after: Option<RecordNumber>,
    ) {
        let dialect = self.banks[link].dialect.clone();
        self.trace.note(self.now, "transmit", link as u64, &message);
        self.trace.line(self.now, || {
            format!("link {link} sends {}", Shown(&dialect, &message))
        });
        if message.len() > self.plan.message_bytes_max.1 {
            self.fail(format!("link {link} sends what its framing cannot carry"));
            return;
        }
        let Ok(view) = dialect.view(&message) else {
            self.fail(format!("link {link} sends what nobody can read"));
            return;
        };
        let mut request = None;
        if view.mti().class() == MtiClass::NetworkManagement {
            // Of its own.
        } else if !view.mti().is_request() {
            self.links[link].refusals += 1;
        } else {
            let (Some(index), Some(stan)) = (taken, view.stan().map(|stan| stan.get())) else {
                self.fail(format!("link {link} sends a request that nobody made"));
                return;
            };
            request = Some(index);
            let used = self.links[link].by_stan.get(&stan);
            if used.is_some_and(|index| !self.issued[*index].answered) {
                self.fail(format!("link {link}: number {stan} is in use already"));
            }
            if !self.links[link].plan.stan_range.contains(&stan) {
                self.fail(format!("link {link}: number {stan} is not its own"));
            }
            let issued = &mut self.issued[index];
            if issued.financial && (after.is_none() || intent != Some(stan)) {
                let nonce = issued.nonce;
                self.fail(format!(
                    "transaction {nonce} is sent without waiting for its record"
                ));
                return;
            }
            issued.stan = Some(stan);
            self.links[link].by_stan.insert(stan, index);
        }
        let issued = self.now;
        self.links[link].held.push_back(Held {
            message,
            after,
            request,
            issued,
        });
        self.release(link);
    }

    /// Sends and hands out what no longer waits for a record, and tells the link how far the records are durable.
    fn release(&mut self, link: usize) {
        while let Some(held) = self.links[link].release() {
            if let Some(index) = held.request {
                self.issued[index].released = true;
            }
            let Wire::Up { silent } = self.links[link].wire else {
                self.fail(format!("link {link} sends without a connection"));
                return;
            };
            let at = self.links[link]
                .to_bank
                .max(self.now + self.random.micros(100..=3_000));
            let driver = &mut self.links[link];
            driver.to_bank = at;
            if !silent {
                let (epoch, issued, message) = (driver.epoch, held.issued, held.message);
                self.queue.push(
                    at,
                    Event::ToBank {
                        link,
                        epoch,
                        issued,
                        message,
                    },
                );
            }
        }
        while let Some((reply_to, answer)) = self.links[link].release_answer() {
            self.hand_out(reply_to, answer);
        }
        let driver = &mut self.links[link];
        let durable = usize::try_from(driver.durable).expect("few records");
        if let Some((mark, _)) = durable
            .checked_sub(1)
            .and_then(|last| driver.records.get(last))
        {
            driver.link.handle_durable(*mark);
        }
    }

    fn answer(
        &mut self,
        link: usize,
        reply_to: ReplyTo,
        answer: Answer,
        after: Option<RecordNumber>,
    ) {
        self.trace.note(
            self.now,
            "answer",
            link as u64,
            outcome_bytes(&answer.outcome),
        );
        let issued = &mut self.issued[reply_to];
        let nonce = issued.nonce;
        self.trace.line(self.now, || {
            format!("link {link} answers {nonce}: {:?}", answer.outcome)
        });
        if issued.answered || issued.ticket != answer.ticket {
            self.fail(format!("transaction {nonce} is answered twice"));
            return;
        }
        issued.answered = true;
        let (driver, issued) = (&self.links[link], &self.issued[reply_to]);
        let persisted = checks::persisted(driver, issued, &answer, after.map(RecordNumber::get));
        let declined = match answer.outcome {
            Outcome::Declined(cause) => {
                let entry = self.banks[link].ledger.get(&nonce);
                let accepted = self.transactions[issued.transaction]
                    .accepted
                    .unwrap_or(self.now);
                checks::decline(self.now, driver, issued, accepted, cause, entry)
            }
            Outcome::Response(_) => Ok(()),
        };
        self.check(persisted, || format!("transaction {nonce}"));
        self.check(declined, || format!("transaction {nonce}"));
        match after {
            Some(number) => {
                self.links[link]
                    .held_answers
                    .push_back((reply_to, answer, number));
                self.release(link);
            }
            None => self.hand_out(reply_to, answer),
        }
    }

    fn hand_out(&mut self, reply_to: ReplyTo, answer: Answer) {
        let transaction = self.issued[reply_to].transaction;
        let conn = self.transactions[transaction].conn;
        let at = self.now + self.random.micros(5..=500);
        self.queue.push(at, Event::Mail { conn, answer });
    }

    fn journal(&mut self, link: usize, number: RecordNumber, record: Record) {
        self.trace.line(self.now, || {
            format!("link {link} record {}: {record:?}", number.get())
        });
        let driver = &mut self.links[link];
        driver.records.push((number, record));
        if number.get() != driver.records.len() as u64 {
            self.fail(format!(
                "link {link}: record {} is out of order",
                number.get()
            ));
            return;
        }
        let journal = self.plan.journal_micros.clone();
        let driver = &mut self.links[link];
        let at = driver
            .durable_at
            .max(self.now + self.random.micros(journal));
        driver.durable_at = at;
        let mark = number.get();
        self.queue.push(at, Event::Durable { link, mark });
        let stan = match record {
            Record::ReversalDue { stan, .. } | Record::Withdrawn { stan } => stan.get(),
            Record::Intent { .. } | Record::Outcome { .. } => return,
        };
        let Some(issued) = driver
            .by_stan
            .get(&stan)
            .map(|index| &mut self.issued[*index])
            .filter(|issued| !issued.answered)
        else {
            self.fail(format!(
                "link {link}: {record:?} is about nothing that is open"
            ));
            return;
        };
        let nonce = issued.nonce;
        match record {
            Record::Withdrawn { .. } => {
                *self.report.events.entry("withdrawn").or_default() += 1;
                issued.withdrawn = true;
                if issued.released {
                    self.fail(format!(
                        "transaction {nonce} was sent and is said not to be"
                    ));
                }
            }
            Record::ReversalDue { cause, .. } => {
                *self.report.events.entry("reversal_due").or_default() += 1;
                issued.reversals += 1;
                if issued.reversals > 1 || !issued.financial {
                    self.fail(format!("transaction {nonce} is to be reversed out of turn"));
                } else if cause != ReversalCause::Timeout && !issued.released {
                    self.fail(format!(
                        "transaction {nonce} was not sent and is to be reversed"
                    ));
                }
            }
            Record::Intent { .. } | Record::Outcome { .. } => {}
        }
    }

    fn link_event(&mut self, link: usize, event: &LinkEvent) {
        self.trace
            .line(self.now, || format!("link {link}: {event:?}"));
        self.happened(event.label());
        match event {
            LinkEvent::Unmatched { why, .. } => self.happened(why.label()),
            LinkEvent::StateChanged { to, from }
                if *to != LinkState::Drained || !from.is_serving() =>
            {
                self.happened(to.label());
            }
            LinkEvent::StateChanged {
                from,
                to: LinkState::Drained,
            } if self.links[link].plan.sign_on && from.is_serving() => {
                self.fail(format!("link {link} ended without a sign-off"));
            }
            LinkEvent::TimedOut { stan, trace }
            | LinkEvent::Late { stan, trace, .. }
            | LinkEvent::Mismatched { stan, trace, .. }
            | LinkEvent::Lost { stan, trace } => {
                let Some(issued) = self.links[link].by_stan.get(&stan.get()) else {
                    self.fail(format!("link {link}: {event:?} is about nothing"));
                    return;
                };
                let issued = &self.issued[*issued];
                let transaction = &self.transactions[issued.transaction];
                let terminal = &self.terminals[transaction.terminal].id;
                let named = checks::trace(*trace, terminal, transaction);
                self.check(named, || format!("link {link}"));
            }
            LinkEvent::NetworkManagementUnwritable { .. } => {
                self.fail(format!("link {link}: {event:?}"));
            }
            _ => {}
        }
    }

    pub(super) fn bank_gets(&mut self, link: usize, epoch: u64, issued: Instant, message: &Bytes) {
        let driver = &self.links[link];
        if driver.epoch != epoch || driver.wire != (Wire::Up { silent: false }) {
            return;
        }
        self.trace.note(self.now, "to bank", link as u64, message);
        let says =
            self.banks[link].receive(self.now, issued, message, &self.faults, &mut self.random);
        match says {
            Ok(says) => says
                .into_iter()
                .for_each(|say| self.bank_says(link, epoch, say)),
            Err(what) => self.fail(format!("bank {link}: {what}")),
        }
    }

    fn bank_says(&mut self, link: usize, epoch: u64, say: Say) {
        let Say {
            arrives,
            message,
            any_connection,
            forged,
        } = say;
        let epoch = (!any_connection).then_some(epoch);
        self.queue.push(
            arrives,
            Event::ToLink {
                link,
                epoch,
                forged,
                message,
            },
        );
    }

    /// The next fault of a link that is no message's: a Poisson process would do as well as these even steps.
    pub(super) fn plan_trouble(&mut self, link: usize) {
        let at = self.now + self.random.millis(50..=150);
        self.queue.push(at, Event::Trouble { link });
    }

    pub(super) fn trouble(&mut self, link: usize) {
        if !self.loading && !self.draining {
            return;
        }
        if self.draining && self.links[link].drained {
            return;
        }
        self.plan_trouble(link);
        let faults = self.faults.clone();
        // Faults are counted in a thousand seconds; this happens ten times a second.
        let mut strikes = |often: u32| self.random.permille(often / 10);
        let (cut, silent) = (strikes(faults.link_cuts), strikes(faults.link_silent));
        let (off, ask) = (strikes(faults.host_signs_off), strikes(faults.host_asks));
        let stall = strikes(faults.link_stalls);
        let driver = &mut self.links[link];
        let epoch = driver.epoch;
        let up = matches!(driver.wire, Wire::Up { .. });
        if cut && up {
            let at = self.now + self.random.micros(0..=20_000);
            self.queue.push(at, Event::Disconnected { link, epoch });
        } else if silent && up && driver.plan.echo.is_some() {
            // Without an echo nobody would ever notice.
            driver.wire = Wire::Up { silent: true };
        } else if stall && self.now.since(driver.stalled) > Duration::from_millis(2 * STALL_MS_MAX)
        {
            driver.stalled = self.now + self.random.millis(1..=STALL_MS_MAX);
        } else if off && driver.state.is_serving() {
            self.host_asks(link, "002");
            if self.random.permille(700) {
                let at = self.now + self.random.millis(100..=3_000);
                self.queue.push(at, Event::HostSignsOn { link, epoch });
            }
        } else if ask && driver.state.is_serving() {
            if self.random.permille(300) {
                let mti = self.random.pick(&["0100", "0200", "0401", "0420"]);
                let message = self.banks[link].demand(mti);
                self.host_says(link, message);
            } else {
                let code = self.random.pick(&["301", "270", "201", "101", "999"]);
                self.host_asks(link, code);
            }
        }
    }

    pub(super) fn host_signs_on(&mut self, link: usize, epoch: u64) {
        if self.links[link].epoch == epoch && self.banks[link].is_barred() {
            self.host_asks(link, "001");
        }
    }

    fn host_asks(&mut self, link: usize, code: &'static str) {
        let message = self.banks[link].ask(code);
        self.host_says(link, message);
    }

    fn host_says(&mut self, link: usize, message: Option<Bytes>) {
        let epoch = self.links[link].epoch;
        if let Some(message) = message {
            let arrives = self.now + self.random.micros(100..=3_000);
            self.bank_says(
                link,
                epoch,
                Say {
                    arrives,
                    message,
                    any_connection: false,
                    forged: false,
                },
            );
        }
    }
}
