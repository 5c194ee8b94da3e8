//! Counts of what came in and what went out.

use std::sync::atomic::{AtomicU64, Ordering};

use serde::Serialize;

macro_rules! stats {
    ($($(#[$doc:meta])* $name:ident,)+) => {
        /// Counts since the start.
        #[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize)]
        pub struct Stats {
            $($(#[$doc])* pub $name: u64,)+
        }

        /// The counts themselves, shared by all connections. A batch is counted on the side and added at once.
        #[derive(Debug, Default)]
        pub(crate) struct Counters {
            $($name: AtomicU64,)+
        }

        impl Counters {
            pub(crate) fn add(&self, batch: &Stats) {
                $(if batch.$name != 0 {
                    self.$name.fetch_add(batch.$name, Ordering::Relaxed);
                })+
            }

            pub(crate) fn read(&self) -> Stats {
                Stats { $($name: self.$name.load(Ordering::Relaxed),)+ }
            }
        }
    };
}

stats! {
    /// Connections accepted.
    connections_accepted,
    /// Connections that have ended.
    connections_closed,
    /// Requests, advices and reversals that could be read; network management is not among them.
    requests,
    /// Requests whose answer approves. With the next ones they add up to all requests: `declined`, `unanswered`,
    /// `garbage`, `closed_by_rule` and `unwritable`.
    approved,
    /// Requests whose answer does not approve.
    declined,
    /// Requests that a rule left without an answer, whether or not they were booked.
    unanswered,
    /// Network management that a rule left without a proper answer.
    management_unanswered,
    /// Answers sent more than once, by rule. They are among the approved and declined, like those held back.
    duplicates,
    /// Answers held back, by rule.
    delayed,
    /// Answers still held back when their connection ended.
    delayed_lost,
    /// Requests answered with bytes that are no message, by rule.
    garbage,
    /// Requests whose connection was closed in place of an answer, by rule.
    closed_by_rule,
    /// Sign-ons answered.
    sign_ons,
    /// Sign-offs answered.
    sign_offs,
    /// Echo tests and other network management answered.
    echoes,
    /// Zero-length frames.
    keep_alives,
    /// Requests refused because nobody had signed on.
    not_signed_on,
    /// Messages that are no requests.
    unexpected,
    /// Messages that could not be read.
    undecodable,
    /// Connections that ended because of a broken frame.
    broken_frames,
    /// Requests whose answer could not be written in the dialect.
    unwritable,
}

impl Stats {
    /// What became of the requests, without what did not happen. The counts add up.
    #[must_use]
    pub fn text(&self) -> String {
        let some = |parts: &[(u64, &str)], separator: &str| -> String {
            let parts: Vec<_> = parts
                .iter()
                .filter(|(count, _)| *count > 0)
                .map(|(count, what)| format!("{count} {what}"))
                .collect();
            parts.join(separator)
        };
        let parts = some(
            &[
                (self.approved, "approved"),
                (self.declined, "declined"),
                (self.unanswered, "unanswered"),
                (self.garbage, "answered with garbage"),
                (self.closed_by_rule, "closed instead of answered"),
                (self.unwritable, "whose answer could not be written"),
            ],
            " + ",
        );
        let mut text = format!("{} requests", self.requests);
        if !parts.is_empty() {
            text += &format!(" = {parts}");
        }
        let notes = some(
            &[
                (self.duplicates, "answers sent twice"),
                (self.delayed, "answers held back"),
                (self.delayed_lost, "of those never sent"),
                (self.not_signed_on, "declined without a sign-on"),
                (self.undecodable, "messages that could not be read"),
                (self.unexpected, "messages that were no requests"),
            ],
            ", ",
        );
        if !notes.is_empty() {
            text += &format!("\n{notes}");
        }
        text
    }

    /// Connections open now.
    #[must_use]
    pub fn connections_open(&self) -> u64 {
        self.connections_accepted
            .saturating_sub(self.connections_closed)
    }
}
