//! The way back from a link to the terminal that asked.
//!
//! Every request carries a [`ReplyTo`]. It can be used once, and one that is
//! dropped unused answers by itself: whatever happens to a link task, a panic
//! included, the terminal hears 96 instead of nothing.

use pointsman_engine::{Answer, Cause, Outcome, Ticket};
use tokio::sync::mpsc;

/// The receiving end, owned by a terminal's task.
pub(crate) type Mailbox = mpsc::Receiver<Answer>;

/// Has room for `capacity` answers; a session never has more requests open, so
/// that a send never finds it full.
pub(crate) fn mailbox(capacity: usize) -> (mpsc::Sender<Answer>, Mailbox) {
    mpsc::channel(capacity.max(1))
}

#[derive(Debug)]
pub(crate) struct ReplyTo {
    sender: Option<mpsc::Sender<Answer>>,
    ticket: Ticket,
}

impl ReplyTo {
    pub(crate) fn new(sender: mpsc::Sender<Answer>, ticket: Ticket) -> Self {
        Self {
            sender: Some(sender),
            ticket,
        }
    }

    /// True if the terminal's task took the answer; false if it is gone.
    pub(crate) fn send(mut self, answer: Answer) -> bool {
        match self.sender.take() {
            Some(sender) => sender.try_send(answer).is_ok(),
            None => false,
        }
    }

    /// Gives the address up without an answer: the request never left, and the
    /// terminal's task tells its session so itself.
    pub(crate) fn disarm(mut self) {
        self.sender = None;
    }
}

impl Drop for ReplyTo {
    fn drop(&mut self) {
        if let Some(sender) = self.sender.take() {
            let answer = Answer {
                ticket: self.ticket,
                outcome: Outcome::Declined(Cause::Internal),
            };
            // Only fails when the terminal's task has ended, too.
            let _ = sender.try_send(answer);
        }
    }
}
