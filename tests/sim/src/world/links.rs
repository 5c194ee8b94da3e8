//! What happens at links and their banks.

use std::time::Duration;

use bytes::Bytes;
use pointsman_engine::{
    Answer, Cause, Instant, LinkEvent, LinkOutput, LinkState, Nature, ObligationKind, Outcome,
    Record, RecordNumber, Ticket, TransactionId,
};
use pointsman_iso8583::MtiClass;

use super::terminals::outcome_bytes;
use super::{Event, World};
use crate::bank::{Say, TakenUp};
use crate::checks::{self, Known};
use crate::plan::STALL_MS_MAX;
use crate::switch::{About, Held, ReplyTo, Wire};
use crate::trace::Shown;

impl World {
    /// An input of the link's task.
    pub(super) fn link_task_gets(&mut self, link: usize, event: Event) {
        let (now, life_now) = (self.now, self.life);
        if !self.alive {
            return;
        }
        let driver = &mut self.links[link];
        let epoch_now = driver.epoch;
        let current = |epoch: u64| epoch == epoch_now;
        match event {
            Event::Take { life, .. } if life == life_now => {
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
            Event::Undo {
                life, undo, told, ..
            } if life == life_now => {
                self.trace.note(
                    now,
                    "undo",
                    link as u64,
                    &undo.transaction.get().to_le_bytes(),
                );
                self.trace
                    .line(now, || format!("link {link} gets {undo:?} back"));
                self.links[link].link.handle_undo(now, *undo, told);
                self.drain_link(link, None);
            }
            Event::Durable { life, .. } if life == life_now => {
                let log = &self.log;
                let known = |(_, place): &(RecordNumber, usize)| log.is_durable(*place);
                driver.durable = driver.numbers.partition_point(known);
                let durable = driver.durable as u64;
                self.trace
                    .note(now, "durable", link as u64, &durable.to_le_bytes());
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
            let terminal = self.messages[issued.message].terminal;
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
                LinkOutput::Recall {
                    transaction,
                    reply_to,
                    ticket,
                    after,
                } => self.recall(link, transaction, reply_to, ticket, after),
                LinkOutput::Journal { number, record } => {
                    if let Record::Intent(begun) = &record {
                        intent = Some(begun.stan.get());
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
            && (!plan.match_fields.contains(&11)
                || occupancy.in_flight + occupancy.late <= occupancy.stans)
            && occupancy.stans <= numbers
            && occupancy.obligations_sent <= plan.store_forward.window
            && occupancy.obligations_sent <= occupancy.obligations
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
        let mti = view.mti();
        let mut about = About::Own;
        if mti.class() == MtiClass::NetworkManagement {
            // Of its own.
        } else if !mti.is_request() {
            self.links[link].refusals += 1;
        } else if mti.class() == MtiClass::Reversal || mti.is_advice() {
            let (Some(nonce), Some(stan)) = (checks::nonce(&view), view.stan()) else {
                self.fail(format!("link {link} sends something without its numbers"));
                return;
            };
            let kind = match mti.class() {
                MtiClass::Reversal => ObligationKind::Reversal,
                MtiClass::Financial => ObligationKind::Completion,
                _ => ObligationKind::Advice,
            };
            about = About::Obligation {
                nonce,
                kind,
                stan: stan.get(),
                repeat: mti.is_repeat(),
            };
        } else {
            let (Some(index), Some(stan)) = (taken, view.stan().map(|stan| stan.get())) else {
                self.fail(format!("link {link} sends a request that nobody made"));
                return;
            };
            about = About::Request(index);
            let driver = &self.links[link];
            let used = driver.by_stan.get(&stan);
            let used = used.is_some_and(|index| !self.issued[*index].answered);
            if used || driver.owed.contains_key(&stan) {
                self.fail(format!("link {link}: number {stan} is in use already"));
            }
            if !self.links[link].plan.stan_range.contains(&stan) {
                self.fail(format!("link {link}: number {stan} is not its own"));
            }
            let issued = &mut self.issued[index];
            let financial = issued.nature == Nature::Financial;
            if financial && (after.is_none() || intent != Some(stan)) {
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
            about,
            issued,
        });
        self.release(link);
    }

    /// Is what a message depends on durable when it goes onto the wire? And is it the right one of its kind?
    fn may_leave(&mut self, link: usize, about: About) -> Result<(), String> {
        match about {
            About::Own => Ok(()),
            About::Request(index) => {
                let issued = &mut self.issued[index];
                issued.released = true;
                let nonce = issued.nonce;
                let intent = self.log.facts(nonce).intent;
                let recorded = intent.is_some_and(|place| self.log.is_durable(place));
                if issued.nature != Nature::Financial || recorded {
                    Ok(())
                } else {
                    Err(format!("transaction {nonce} is sent before its record"))
                }
            }
            About::Obligation {
                nonce,
                kind,
                stan,
                repeat,
            } => {
                let facts = self.log.facts(nonce);
                let due = if kind == ObligationKind::Reversal {
                    facts.reversal.map(|(place, _)| place)
                } else {
                    facts.promise
                };
                let attempt = facts.attempts.iter().any(|(place, of, under)| {
                    (*of, *under) == (kind, stan) && self.log.is_durable(*place)
                });
                if !due.is_some_and(|place| self.log.is_durable(place)) || !attempt {
                    return Err(format!("{kind:?} of {nonce} is sent before its record"));
                }
                let told = self.told_banks.entry((nonce, kind)).or_insert((stan, 0));
                told.1 += 1;
                let (under, copies) = *told;
                // What was held back for its record and dropped with its connection may have been sent, for all that the
                // link knows; what a life has not sent, the one before may have.
                let tried = facts.attempts.iter().filter(|(_, of, _)| *of == kind);
                let again = self.life > 0 || tried.count() > 1;
                let right = under == stan && if copies > 1 { repeat } else { again || !repeat };
                if right {
                    Ok(())
                } else {
                    Err(format!(
                        "{kind:?} of {nonce} goes to bank {link} as {stan}, repeat: {repeat}, after {} copies as {under}",
                        copies - 1
                    ))
                }
            }
        }
    }

    /// Sends and hands out what no longer waits for a record, and tells the link how far the records are durable.
    fn release(&mut self, link: usize) {
        while let Some(held) = self.links[link].release() {
            let right = self.may_leave(link, held.about);
            self.check(right, || format!("link {link}"));
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
        if let Some((mark, _)) = driver
            .durable
            .checked_sub(1)
            .and_then(|last| driver.numbers.get(last))
        {
            driver.link.handle_durable(*mark);
        }
    }

    /// The answer that the log has of a transaction.
    fn recall(
        &mut self,
        link: usize,
        transaction: TransactionId,
        reply_to: ReplyTo,
        ticket: Ticket,
        after: Option<RecordNumber>,
    ) {
        self.happened("recall");
        let lost = self.random.permille(self.faults.recall_fails);
        let found = self
            .log
            .entries()
            .iter()
            .rev()
            .find_map(|entry| match &entry.record {
                Record::Outcome {
                    transaction: of,
                    answer,
                    ..
                } if *of == transaction => Some(answer.expose().clone()),
                _ => None,
            });
        let outcome = match found {
            Some(_) if lost => Outcome::Declined(Cause::Internal),
            Some(message) => Outcome::Response(message),
            None => {
                self.fail(format!("no answer to {transaction} is on record"));
                return;
            }
        };
        let answer = Answer {
            ticket,
            outcome,
            undo: None,
        };
        self.answer(link, reply_to, answer, after);
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
        let message = &self.messages[issued.message];
        let declined = match answer.outcome {
            // Answers that the log has lost.
            Outcome::Declined(Cause::Internal) => Ok(()),
            Outcome::Declined(cause) => checks::decline(
                &Known {
                    now: self.now,
                    driver,
                    issued,
                    accepted: message.accepted.unwrap_or(self.now),
                    entry: self.banks[link].ledger.get(&nonce),
                    facts: &self.log.facts(nonce),
                    refused: self.refused.get(&nonce).copied(),
                    recording: self.recording,
                },
                cause,
            ),
            Outcome::Accepted | Outcome::StoodIn(_) | Outcome::Response(_) => Ok(()),
        };
        self.check(declined, || format!("transaction {nonce}"));
        if let Outcome::Declined(cause) = answer.outcome {
            self.refused.insert(nonce, cause);
        }
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
        let issued = &self.issued[reply_to];
        let message = &self.messages[issued.message];
        let (conn, role) = (message.conn, message.role);
        let nonce = issued.nonce;
        let persisted = checks::persisted(&self.log, issued, role, &answer.outcome);
        self.check(persisted, || format!("transaction {nonce}"));
        let at = self.now + self.random.micros(5..=500);
        self.queue.push(at, Event::Mail { conn, answer });
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
                let message = &self.messages[self.issued[*issued].message];
                let terminal = &self.terminals[message.terminal].id;
                let named = checks::trace(*trace, terminal, message);
                self.check(named, || format!("link {link}"));
            }
            LinkEvent::Settled { how, .. } => self.happened(how.label()),
            LinkEvent::NetworkManagementUnwritable { .. }
            | LinkEvent::OriginalsForgotten { .. } => {
                self.fail(format!("link {link}: {event:?}"));
            }
            _ => {}
        }
    }

    pub(super) fn bank_gets(&mut self, link: usize, epoch: u64, issued: Instant, message: &Bytes) {
        let driver = &self.links[link];
        // What was on its way when the switch was lost arrives or does not; nobody hears the answer.
        let ghost = driver.epoch != epoch || driver.wire == Wire::None;
        if driver.wire == (Wire::Up { silent: true }) || (ghost && self.random.permille(500)) {
            return;
        }
        self.trace.note(self.now, "to bank", link as u64, message);
        let reaction = self.banks[link].receive(
            self.now,
            issued,
            message,
            ghost,
            &self.faults,
            &mut self.random,
        );
        match reaction {
            Ok(reaction) => {
                if !ghost {
                    for say in reaction.says {
                        self.bank_says(link, epoch, say);
                    }
                }
                if let Some((nonce, at)) = reaction.later {
                    self.queue.push(at, Event::TakeUp { link, nonce });
                }
            }
            Err(what) => self.fail(format!("bank {link}: {what}")),
        }
    }

    /// A bank takes up a request that lay about, and the answer is at the link.
    pub(super) fn take_up(&mut self, link: usize, nonce: u64) {
        let driver = &self.links[link];
        let reachable = self.alive
            && driver.wire == (Wire::Up { silent: false })
            && driver.stalled <= self.now
            && !driver.drained;
        match self.banks[link].take_up(self.now, nonce, reachable, &mut self.random) {
            TakenUp::Never => {}
            TakenUp::Later => {
                let at = self.now + self.random.millis(10..=50);
                self.queue.push(at, Event::TakeUp { link, nonce });
            }
            TakenUp::Answered(message) => {
                let reversed = self.log.facts(nonce).reversal.is_some();
                let entry = self.banks[link].ledger.get(&nonce);
                let changed = entry.is_some_and(|entry| entry.declined.is_some());
                if changed {
                    self.happened("approved_after_decline");
                } else if reversed {
                    self.happened("original_after_reversal");
                }
                let place = self.log.len();
                let epoch = Some(self.links[link].epoch);
                let forged = false;
                let event = Event::ToLink {
                    link,
                    epoch,
                    forged,
                    message,
                };
                self.link_task_gets(link, event);
                if (reversed || changed)
                    && self.log.len() > place
                    && let Some(entry) = self.banks[link].ledger.get_mut(&nonce)
                {
                    entry.late = Some(place);
                }
            }
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
        if self.healing || (self.draining && self.links[link].drained) {
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
