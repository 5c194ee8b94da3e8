//! What the tasks of the links do.

use pointsman_engine::{LinkEvent, LinkOutput, LinkState, Record, RecordNumber};
use pointsman_iso8583::MtiClass;

use super::{Event, World};
use crate::checks::{self};
use crate::switch::{ReplyTo, Wire};
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
        let away = !self.healing && self.links[link].away_until > now;
        if away || self.random.permille(self.faults.connect_refused) {
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
}
