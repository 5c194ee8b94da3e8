//! What happens at terminals and their sessions.

use std::time::Duration;

use super::{Event, World};
use crate::plan::{ConnectionPlan, Manners};
use crate::terminal::{Deal, Fate, Kind, Message, Role, Stage, Terminal, pause};
use crate::trace::Shown;

impl World {
    pub(super) fn plan_act(&mut self, terminal: usize) {
        let slot = self.terminals[terminal].slot;
        let think = self.slots[slot].0.think_ms.clone();
        let at = self.now + self.random.millis(think);
        self.queue.push(
            at,
            Event::Act {
                terminal,
                again: true,
            },
        );
    }

    /// A terminal begins something new, unless it still has something to bring to an end.
    pub(super) fn act(&mut self, terminal: usize, again: bool) {
        if !self.loading {
            return;
        }
        if again {
            self.plan_act(terminal);
        }
        let slot = self.terminals[terminal].slot;
        let (depth, listener) = (self.slots[slot].0.depth, self.slots[slot].0.listener);
        let record = &self.terminals[terminal];
        let reversing = |deal: &usize| self.deals[*deal].stage == Stage::Reversing;
        if record.quiet > self.now
            || record.open.len() + record.deals.len() >= depth
            || record.deals.iter().any(reversing)
        {
            return;
        }
        let Some(conn) = self.connected(slot) else {
            return;
        };
        let dialect = self.listeners[listener].dialect.clone();
        self.nonces += 1;
        let (banks, nonce) = (self.plan.links.len(), self.nonces);
        let odd = self.terminals[terminal].odd_message(
            &dialect,
            banks,
            &self.faults,
            nonce,
            &mut self.random,
        );
        match odd {
            Some((kind, frame)) => {
                let stan = self.terminals[terminal].stan();
                let sent = self.send(
                    conn,
                    terminal,
                    kind,
                    (None, Role::Single),
                    (nonce, stan),
                    frame,
                );
                self.terminals[terminal].open.push(sent);
            }
            None => {
                let deal = self.terminals[terminal].deal(
                    terminal,
                    &dialect,
                    banks,
                    &self.faults,
                    nonce,
                    &mut self.random,
                );
                self.begin(deal);
            }
        }
        if self.random.permille(self.faults.terminal_leaves) {
            self.leave(conn);
        }
    }

    /// A purchase at this bank, over a connection of its own.
    pub(super) fn send_probe(&mut self, link: usize) {
        let listener = self.random.below(self.listeners.len() as u64) as usize;
        let dialect = self.listeners[listener].dialect.clone();
        let (terminal, slot) = (self.terminals.len(), self.slots.len());
        let plan = ConnectionPlan {
            listener,
            terminals: 1,
            depth: 1,
            think_ms: 0..=0,
            patience: Duration::from_secs(5),
        };
        self.slots.push((plan, None));
        self.terminals
            .push(Terminal::new(terminal, slot, Manners::default()));
        self.nonces += 1;
        let nonce = self.nonces;
        let deal =
            self.terminals[terminal].purchase(terminal, &dialect, link, nonce, &mut self.random);
        self.begin(deal);
    }

    fn begin(&mut self, deal: Deal) {
        let number = self.deals.len();
        self.terminals[deal.terminal].deals.push(number);
        self.deals.push(deal);
        self.go_on(number);
    }

    /// The connection of a slot, opened if need be: none while the switch is away.
    fn connected(&mut self, slot: usize) -> Option<usize> {
        if let Some(conn) = self.slots[slot].1
            && self.conns[conn].at_terminal
        {
            return Some(conn);
        }
        if !self.alive {
            return None;
        }
        let conn = self.open_conn(self.slots[slot].0.listener);
        self.slots[slot].1 = Some(conn);
        Some(conn)
    }

    /// A terminal says what comes next in a deal.
    pub(super) fn go_on(&mut self, deal: usize) {
        if self.deals[deal].stage == Stage::Done || self.deals[deal].waits_for.is_some() {
            return;
        }
        let terminal = self.deals[deal].terminal;
        let slot = self.terminals[terminal].slot;
        let Some(conn) = self.connected(slot) else {
            let at = self.now + pause(&mut self.random);
            self.queue.push(at, Event::GoOn { deal });
            return;
        };
        let dialect = self.listeners[self.conns[conn].listener].dialect.clone();
        let kind = self.deals[deal].kind();
        let (role, stan, frame) = self.terminals[terminal].say(&mut self.deals[deal], &dialect);
        let nonce = self.deals[deal].nonce;
        let message = self.send(
            conn,
            terminal,
            kind,
            (Some(deal), role),
            (nonce, stan),
            frame,
        );
        self.deals[deal].waits_for = Some(message);
    }

    fn send(
        &mut self,
        conn: usize,
        terminal: usize,
        kind: Kind,
        (deal, role): (Option<usize>, Role),
        (nonce, stan): (u64, u32),
        frame: bytes::Bytes,
    ) -> usize {
        let message = self.messages.len();
        let listener = self.conns[conn].listener;
        let dialect = &self.listeners[listener].dialect;
        self.trace.line(self.now, || {
            let id = &self.terminals[terminal].id;
            format!("{id} on {conn} says {kind:?} {}", Shown(dialect, &frame))
        });
        self.messages.push(Message {
            kind,
            terminal,
            deal,
            role,
            conn,
            nonce,
            stan,
            frame,
            accepted: None,
            fate: Fate::Open,
            said: None,
            stood_in: None,
        });
        let patience = self.slots[self.terminals[terminal].slot].0.patience;
        let mut way = self.random.micros(100..=5_000);
        if self.random.permille(self.faults.terminal_slow) {
            way = self.random.micros(0..=2 * patience.as_micros() as u64);
        }
        let at = self.conns[conn].up.max(self.now + way);
        self.conns[conn].up = at;
        self.queue.push(at, Event::Up { conn, message });
        self.queue
            .push(self.now + patience, Event::Waited { message });
        message
    }

    /// The terminals of a connection go without a word.
    fn leave(&mut self, conn: usize) {
        self.conns[conn].at_terminal = false;
        let at = self.conns[conn]
            .up
            .max(self.now + self.random.micros(100..=50_000));
        self.queue.push(at, Event::Gone { conn });
        self.hear_no_more(conn);
    }

    /// What was asked over this connection will not be answered there.
    pub(super) fn hear_no_more(&mut self, conn: usize) {
        for terminal in 0..self.terminals.len() {
            let record = &self.terminals[terminal];
            let deals = record
                .deals
                .iter()
                .filter_map(|deal| self.deals[*deal].waits_for);
            let waiting: Vec<usize> = record
                .open
                .iter()
                .copied()
                .chain(deals)
                .filter(|message| self.messages[*message].conn == conn)
                .collect();
            for message in waiting {
                let at = self.now + self.random.micros(100..=20_000);
                self.queue.push(at, Event::Waited { message });
            }
        }
    }

    /// The terminal has waited long enough for the answer to this message, if it still waits.
    pub(super) fn waited(&mut self, message: usize) {
        let terminal = self.messages[message].terminal;
        self.terminals[terminal]
            .open
            .retain(|open| *open != message);
        let Some(deal) = self.messages[message].deal else {
            return;
        };
        if self.deals[deal].waits_for != Some(message) {
            return;
        }
        self.trace.line(self.now, || {
            let nonce = self.messages[message].nonce;
            format!("the terminal of {nonce} gives up waiting")
        });
        self.pursue(deal);
    }

    /// The terminal got no answer that ends the matter.
    fn pursue(&mut self, deal: usize) {
        let at = if self.deals[deal].unanswered() {
            self.now
        } else {
            self.now + pause(&mut self.random)
        };
        self.queue.push(at, Event::GoOn { deal });
    }

    pub(super) fn down(&mut self, conn: usize, message: usize) {
        if !self.conns[conn].at_terminal {
            return;
        }
        let record = &self.messages[message];
        let (terminal, role, fate) = (record.terminal, record.role, record.fate);
        self.terminals[terminal]
            .open
            .retain(|open| *open != message);
        if let (Some(deal), Some(yes)) = (record.deal, record.said) {
            let before = self.deals[deal].stage;
            self.deals[deal].answered(role, yes);
            match self.deals[deal].stage {
                Stage::Done if before != Stage::Done => {
                    self.trace.line(self.now, || {
                        let Deal { nonce, receipt, .. } = self.deals[deal];
                        format!("{nonce} is done: {receipt:?}")
                    });
                    self.terminals[terminal].deals.retain(|open| *open != deal);
                }
                Stage::Done => {}
                Stage::Asking | Stage::Reversing => {
                    if self.deals[deal].waits_for.is_none() {
                        let at = self.now + pause(&mut self.random);
                        self.queue.push(at, Event::GoOn { deal });
                    }
                }
            }
        }
        // Whoever was turned away comes back later, mostly.
        let turned_away = fate
            == (Fate::Answered {
                by_bank: false,
                approved: false,
            });
        if turned_away && self.random.permille(900) {
            self.terminals[terminal].quiet = self.now + self.random.millis(50..=1_000);
        } else if self.random.permille(300) && terminal < self.plan_terminals() {
            self.queue.push(
                self.now,
                Event::Act {
                    terminal,
                    again: false,
                },
            );
        }
    }

    /// How many terminals buy of their own accord.
    pub(super) fn plan_terminals(&self) -> usize {
        self.plan
            .connections
            .iter()
            .map(|plan| plan.terminals)
            .sum()
    }

    pub(super) fn closed(&mut self, conn: usize) {
        if core::mem::take(&mut self.conns[conn].at_terminal) {
            self.hear_no_more(conn);
        }
    }
}
