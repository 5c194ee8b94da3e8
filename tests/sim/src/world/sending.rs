//! What links send, and when it may leave.

use bytes::Bytes;
use pointsman_engine::{Nature, ObligationKind, RecordNumber};
use pointsman_iso8583::MtiClass;

use super::{Event, World};
use crate::checks::{self};
use crate::switch::{About, Held, ReplyTo, Wire};
use crate::trace::Shown;

impl World {
    pub(super) fn transmit(
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
    pub(super) fn release(&mut self, link: usize) {
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
            self.hand_out(link, reply_to, answer);
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
}
