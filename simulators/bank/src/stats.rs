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
    /// Answers that approve.
    approved,
    /// Answers that do not.
    declined,
    /// Requests that a rule left without an answer.
    unanswered,
    /// Answers sent more than once, by rule.
    duplicates,
    /// Answers held back, by rule.
    delayed,
    /// Answers still held back when their connection ended.
    delayed_lost,
    /// Answers replaced by bytes that are no message, by rule.
    garbage,
    /// Connections closed by rule.
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
    /// Answers that could not be written in the dialect.
    unwritable,
}

impl Stats {
    /// Connections open now.
    #[must_use]
    pub fn connections_open(&self) -> u64 {
        self.connections_accepted
            .saturating_sub(self.connections_closed)
    }
}
