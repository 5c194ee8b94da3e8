//! The answers that links give to sessions.

use pointsman_engine::{
    Answer, ApprovalCode, Cause, Outcome, Record, RecordNumber, Ticket, TransactionId,
};

use super::sessions::outcome_bytes;
use super::{Event, World};
use crate::checks::{self, Known};
use crate::switch::ReplyTo;

impl World {
    /// The answer that the log has of a transaction.
    pub(super) fn recall(
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

    pub(super) fn answer(
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
            Outcome::StoodIn(code) => self.stands_in(link, reply_to, code),
            Outcome::Accepted | Outcome::Response(_) => Ok(()),
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
            None => self.hand_out(link, reply_to, answer),
        }
    }

    /// May the link approve this by itself?
    fn stands_in(
        &mut self,
        link: usize,
        reply_to: ReplyTo,
        code: ApprovalCode,
    ) -> Result<(), String> {
        let day = self.day();
        let (driver, issued) = (&self.links[link], &self.issued[reply_to]);
        let message = &self.messages[issued.message];
        let since = message.accepted.unwrap_or(self.now);
        let refusal = if !driver.link.state().is_serving() {
            Some(Cause::LinkDown)
        } else {
            (self.now.since(since) >= driver.plan.timeout).then_some(Cause::Timeout)
        };
        let dialect = &self.listeners[self.conns[message.conn].listener].dialect;
        let request = dialect
            .view(&message.frame)
            .map_err(|_| "the terminal sent nonsense")?;
        let stand_in = driver.plan.stand_in.as_ref();
        let nonce = issued.nonce;
        self.risk
            .approves((link, stand_in), nonce, &request, code, (day, refusal))
    }

    pub(super) fn hand_out(&mut self, link: usize, reply_to: ReplyTo, answer: Answer) {
        let issued = &self.issued[reply_to];
        let message = &self.messages[issued.message];
        let (conn, role) = (message.conn, message.role);
        let nonce = issued.nonce;
        let persisted = checks::persisted(&self.log, issued, role, &answer.outcome);
        self.check(persisted, || format!("transaction {nonce}"));
        if let Outcome::StoodIn(_) = answer.outcome {
            let given = self
                .risk
                .hands_out(nonce, self.links[link].plan.stand_in.as_ref());
            self.check(given, || format!("transaction {nonce}"));
        }
        let at = self.now + self.random.micros(5..=500);
        self.queue.push(at, Event::Mail { conn, answer });
    }
}
