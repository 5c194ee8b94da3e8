//! What happens between links and their banks: messages that arrive, and troubles.

use std::time::Duration;

use bytes::Bytes;
use pointsman_engine::Instant;

use super::{Event, World};
use crate::bank::{Say, TakenUp};
use crate::checks::{self};
use crate::plan::{OUTAGE_MS_MAX, STALL_MS_MAX};
use crate::switch::Wire;

impl World {
    /// A message that cannot be told from the right answer to another request: no switch could see through it. Kept from
    /// happening only where the model bank lies on purpose, never for honest answers that come late or twice.
    pub(super) fn is_perfect_forgery(&self, link: usize, message: &Bytes) -> bool {
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
        let outage = faults.outages > 0 && strikes(faults.outages);
        let driver = &mut self.links[link];
        let epoch = driver.epoch;
        let up = matches!(driver.wire, Wire::Up { .. });
        if outage && driver.away_until <= self.now {
            driver.away_until = self.now + self.random.millis(300..=OUTAGE_MS_MAX);
            self.happened("outage");
            self.queue
                .push(self.now, Event::Disconnected { link, epoch });
        } else if cut && up {
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
