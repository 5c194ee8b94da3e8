//! The way back from a link to the terminal that asked.
//!
//! Every request carries a [`ReplyTo`]. It can be used once, and one that is
//! dropped unused answers by itself: whatever happens to a link task, a panic
//! included, the terminal hears 96 instead of nothing.
//!
//! A terminal has one or a few requests open, and there are thousands of
//! terminals: a mailbox is a queue that keeps the few places it needs and stays
//! warm in the cache, where a channel of the runtime brings blocks of 32 places
//! (3 % of the switch's time at 5,000 connections, and 2 KiB each). It cannot
//! grow without bound: a session never has more requests open than it may, and
//! each is answered once.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use pointsman_engine::{Answer, Cause, Outcome, Ticket};
use tokio::sync::Notify;

/// The receiving end, owned by a terminal's task. Dropping it turns away what
/// comes later.
#[derive(Debug)]
pub(crate) struct Mailbox(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    queue: Mutex<Queue>,
    arrived: Notify,
}

#[derive(Debug)]
struct Queue {
    answers: VecDeque<Answer>,
    open: bool,
}

impl Shared {
    /// Nothing in here panics half-way, so a poisoned lock is still whole.
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Mailbox {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Shared {
            queue: Mutex::new(Queue {
                answers: VecDeque::new(),
                open: true,
            }),
            arrived: Notify::new(),
        }))
    }

    /// The address to put on a request.
    pub(crate) fn reply_to(&self, ticket: Ticket) -> ReplyTo {
        ReplyTo {
            mailbox: Some(Arc::clone(&self.0)),
            ticket,
        }
    }

    /// Waits until there may be an answer. Can be cancelled without losing one.
    pub(crate) async fn arrived(&self) {
        self.0.arrived.notified().await;
    }

    /// The oldest answer, if there is one.
    pub(crate) fn take(&self) -> Option<Answer> {
        self.0.lock().answers.pop_front()
    }
}

impl Drop for Mailbox {
    fn drop(&mut self) {
        let mut queue = self.0.lock();
        queue.open = false;
        queue.answers.clear();
    }
}

#[derive(Debug)]
pub(crate) struct ReplyTo {
    mailbox: Option<Arc<Shared>>,
    ticket: Ticket,
}

impl ReplyTo {
    /// Gives the answer back if the terminal's task is gone.
    #[must_use = "an approval that comes back has to be undone"]
    pub(crate) fn send(mut self, answer: Answer) -> Option<Answer> {
        match self.mailbox.take() {
            Some(mailbox) => post(&mailbox, answer),
            None => Some(answer),
        }
    }

    /// Gives the address up without an answer: the request never left, and the
    /// terminal's task tells its session so itself.
    pub(crate) fn disarm(mut self) {
        self.mailbox = None;
    }
}

impl Drop for ReplyTo {
    fn drop(&mut self) {
        if let Some(mailbox) = self.mailbox.take() {
            let answer = Answer {
                ticket: self.ticket,
                outcome: Outcome::Declined(Cause::Internal),
                undo: None,
            };
            // Turned away only when the terminal's task has ended, too: then nobody waits.
            let _ = post(&mailbox, answer);
        }
    }
}

fn post(mailbox: &Shared, answer: Answer) -> Option<Answer> {
    let mut queue = mailbox.lock();
    if !queue.open {
        return Some(answer);
    }
    queue.answers.push_back(answer);
    drop(queue);
    mailbox.arrived.notify_one();
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ticket() -> Ticket {
        Ticket::FIRST
    }

    fn declined(cause: Cause) -> Answer {
        Answer {
            ticket: ticket(),
            outcome: Outcome::Declined(cause),
            undo: None,
        }
    }

    #[tokio::test]
    async fn an_answer_arrives() {
        let mailbox = Mailbox::new();
        let sent = mailbox.reply_to(ticket()).send(declined(Cause::Timeout));
        assert!(sent.is_none());
        mailbox.arrived().await;
        let answer = mailbox.take().map(|answer| answer.outcome);
        assert!(matches!(answer, Some(Outcome::Declined(Cause::Timeout))));
        assert!(mailbox.take().is_none());
    }

    #[tokio::test]
    async fn an_address_that_is_dropped_answers_by_itself() {
        let mailbox = Mailbox::new();
        drop(mailbox.reply_to(ticket()));
        mailbox.arrived().await;
        let answer = mailbox.take().map(|answer| answer.outcome);
        assert!(matches!(answer, Some(Outcome::Declined(Cause::Internal))));
    }

    #[test]
    fn an_address_that_is_given_up_does_not() {
        let mailbox = Mailbox::new();
        mailbox.reply_to(ticket()).disarm();
        assert!(mailbox.take().is_none());
    }

    #[test]
    fn a_terminal_that_is_gone_takes_nothing() {
        let mailbox = Mailbox::new();
        let reply_to = mailbox.reply_to(ticket());
        drop(mailbox);
        assert!(reply_to.send(declined(Cause::Timeout)).is_some());
    }
}
