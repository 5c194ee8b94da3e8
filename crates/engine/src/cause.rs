//! Why the switch answers instead of the bank.

use pointsman_iso8583::Reason;

/// Why the switch itself answered a request. Each has a response code through [`Cause::reason`], by way of the
/// terminal's dialect, and a label that metrics count it under.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Cause {
    /// No route matches the card, or the message has no card and there is no default route.
    NoRoute,
    /// The link is not connected or not signed on.
    LinkDown,
    /// The host has signed us off.
    LinkSignedOff,
    /// The link has as many requests in flight as it may.
    LinkBusy,
    /// No trace number is free that no earlier answer could be meant for.
    StanExhausted,
    /// The link matches without trace numbers, and another request with the same key has not been answered.
    KeyBusy,
    /// No answer in time.
    Timeout,
    /// The connection broke after the request had been sent.
    Disconnected,
    /// The answer could not be read.
    AnswerUndecodable,
    /// The answer approves something else than what was asked for, or cannot be given to the terminal.
    AnswerMismatch,
    /// The request could not be read, or lacks what it must have.
    FormatError,
    /// The link's dialect cannot express a field of the request.
    NotCarried,
    /// A message type that the switch does not carry.
    UnsupportedMti,
    /// The connection has as many requests in flight as it may.
    SessionBusy,
    /// The switch is shutting down.
    Draining,
    /// The queue between connection and link is full.
    ShellQueueFull,
    /// It was reversed: whoever asks again is told that it did not happen.
    Reversed,
    /// Nothing new can be put on record: the disk is full, or has failed.
    JournalDown,
    /// As much waits to be acknowledged by the bank as may.
    StoreForwardFull,
    /// A part of the switch failed while it had the request.
    Internal,
}

impl Cause {
    /// All of them.
    pub const ALL: [Cause; 20] = [
        Cause::NoRoute,
        Cause::LinkDown,
        Cause::LinkSignedOff,
        Cause::LinkBusy,
        Cause::StanExhausted,
        Cause::KeyBusy,
        Cause::Timeout,
        Cause::Disconnected,
        Cause::AnswerUndecodable,
        Cause::AnswerMismatch,
        Cause::FormatError,
        Cause::NotCarried,
        Cause::UnsupportedMti,
        Cause::SessionBusy,
        Cause::Draining,
        Cause::ShellQueueFull,
        Cause::Reversed,
        Cause::JournalDown,
        Cause::StoreForwardFull,
        Cause::Internal,
    ];

    /// What the terminal is told: a dialect gives each reason its response code.
    #[must_use]
    pub const fn reason(self) -> Reason {
        match self {
            Cause::NoRoute => Reason::NoRoute,
            // 1987 code 91, issuer or switch inoperative: the terminal may try again.
            Cause::LinkDown | Cause::LinkSignedOff | Cause::Disconnected | Cause::Draining => {
                Reason::LinkDown
            }
            Cause::LinkBusy
            | Cause::StanExhausted
            | Cause::SessionBusy
            | Cause::ShellQueueFull
            | Cause::StoreForwardFull => Reason::LinkBusy,
            Cause::KeyBusy | Cause::Reversed => Reason::Duplicate,
            Cause::Timeout => Reason::Timeout,
            Cause::AnswerUndecodable => Reason::AnswerUndecodable,
            Cause::AnswerMismatch | Cause::JournalDown | Cause::Internal => {
                Reason::SystemMalfunction
            }
            Cause::FormatError => Reason::FormatError,
            Cause::NotCarried | Cause::UnsupportedMti => Reason::NotSupported,
        }
    }

    /// May the bank have the request, and hold the money? Then a financial one is due for a reversal. A request that had
    /// waited too long before the link took it up is a timeout as well; it was not sent and has no record.
    #[must_use]
    pub const fn may_have_been_sent(self) -> bool {
        match self {
            Cause::Timeout
            | Cause::Disconnected
            | Cause::AnswerUndecodable
            | Cause::AnswerMismatch
            | Cause::Internal => true,
            Cause::NoRoute
            | Cause::LinkDown
            | Cause::LinkSignedOff
            | Cause::LinkBusy
            | Cause::StanExhausted
            | Cause::KeyBusy
            | Cause::FormatError
            | Cause::NotCarried
            | Cause::UnsupportedMti
            | Cause::SessionBusy
            | Cause::Draining
            | Cause::ShellQueueFull
            | Cause::Reversed
            | Cause::JournalDown
            | Cause::StoreForwardFull => false,
        }
    }

    /// Is it for the message itself, so that the same message is refused whenever it comes? Only then an advice is told:
    /// ISO 8583-1:1987, 4.1: an advice cannot be declined, and whoever gets no answer repeats it.
    #[must_use]
    pub const fn is_final(self) -> bool {
        matches!(
            self,
            Cause::FormatError | Cause::NotCarried | Cause::UnsupportedMti
        )
    }

    /// The value of a metric's `cause` label.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Cause::NoRoute => "no_route",
            Cause::LinkDown => "link_down",
            Cause::LinkSignedOff => "link_signed_off",
            Cause::LinkBusy => "link_busy",
            Cause::StanExhausted => "stan_exhausted",
            Cause::KeyBusy => "key_busy",
            Cause::Timeout => "timeout",
            Cause::Disconnected => "disconnected",
            Cause::AnswerUndecodable => "answer_undecodable",
            Cause::AnswerMismatch => "answer_mismatch",
            Cause::FormatError => "format_error",
            Cause::NotCarried => "not_carried",
            Cause::UnsupportedMti => "unsupported_mti",
            Cause::SessionBusy => "session_busy",
            Cause::Draining => "draining",
            Cause::ShellQueueFull => "shell_queue_full",
            Cause::Reversed => "reversed",
            Cause::JournalDown => "journal_down",
            Cause::StoreForwardFull => "store_forward_full",
            Cause::Internal => "internal",
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_cause_has_a_label_of_its_own() {
        let labels: BTreeSet<&str> = Cause::ALL.iter().map(|cause| cause.label()).collect();
        assert_eq!(labels.len(), Cause::ALL.len());
    }

    /// Cause by cause: may the bank have it, and is an advice told of it?
    #[test]
    fn what_may_have_been_sent_and_what_an_advice_is_told() {
        let (sent, unsent, told, untold) = (true, false, true, false);
        let table = [
            (Cause::NoRoute, unsent, untold),
            (Cause::LinkDown, unsent, untold),
            (Cause::LinkSignedOff, unsent, untold),
            (Cause::LinkBusy, unsent, untold),
            (Cause::StanExhausted, unsent, untold),
            (Cause::KeyBusy, unsent, untold),
            (Cause::Timeout, sent, untold),
            (Cause::Disconnected, sent, untold),
            (Cause::AnswerUndecodable, sent, untold),
            (Cause::AnswerMismatch, sent, untold),
            (Cause::FormatError, unsent, told),
            (Cause::NotCarried, unsent, told),
            (Cause::UnsupportedMti, unsent, told),
            (Cause::SessionBusy, unsent, untold),
            (Cause::Draining, unsent, untold),
            (Cause::ShellQueueFull, unsent, untold),
            (Cause::Reversed, unsent, untold),
            (Cause::JournalDown, unsent, untold),
            (Cause::StoreForwardFull, unsent, untold),
            // The link's task failed with the request in hand.
            (Cause::Internal, sent, untold),
        ];
        assert_eq!(table.map(|(cause, _, _)| cause), Cause::ALL);
        for (cause, sent, told) in table {
            assert_eq!(cause.may_have_been_sent(), sent, "{cause:?}");
            assert_eq!(cause.is_final(), told, "{cause:?}");
        }
    }

    #[test]
    fn what_the_terminal_hears() {
        for (cause, code) in [
            (Cause::NoRoute, "92"),
            (Cause::LinkDown, "91"),
            (Cause::Disconnected, "91"),
            (Cause::LinkBusy, "91"),
            (Cause::Timeout, "68"),
            (Cause::AnswerUndecodable, "96"),
            (Cause::AnswerMismatch, "96"),
            (Cause::FormatError, "30"),
            (Cause::UnsupportedMti, "40"),
            (Cause::KeyBusy, "94"),
            (Cause::Reversed, "94"),
            (Cause::JournalDown, "96"),
        ] {
            assert_eq!(cause.reason().code_1987(), code, "{cause:?}");
        }
    }
}
