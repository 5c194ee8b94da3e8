//! The fields of an event by name, for exports and for people.

use super::{CardToken, Event, How, Sealed, UnixMicros};

/// What a field holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field<'a> {
    /// It was not given.
    None,
    Text(&'a str),
    Number(u64),
    Flag(bool),
    At(UnixMicros),
    /// Keys, tokens and salts: for telling them apart.
    Id(&'a [u8]),
    /// So many bytes that nobody can read.
    Sealed(usize),
}

/// Names of all fields that any event has, in the order in which an event shows them.
pub const NAMES: [&str; 36] = [
    "tx",
    "kind",
    "at",
    "epoch",
    "version",
    "salt",
    "key_check",
    "link",
    "listener",
    "mti",
    "terminal",
    "merchant",
    "terminal_stan",
    "link_stan",
    "stan",
    "rrn",
    "amount",
    "currency",
    "processing_code",
    "masked_pan",
    "card",
    "duplicate_key",
    "approved",
    "what",
    "how",
    "response_code",
    "approval_code",
    "cause",
    "count",
    "reason",
    "by",
    "who",
    "action",
    "detail",
    "body_bytes",
    "answer_bytes",
];

impl Event<'_> {
    /// Shows each field with its name, in the order of [`NAMES`]. A field that was not given is [`Field::None`], or not
    /// shown at all if events of its kind have none.
    pub fn fields(&self, show: &mut dyn FnMut(&'static str, Field<'_>)) {
        match self {
            Event::Boot(boot) => {
                show("at", Field::At(boot.at));
                show("epoch", Field::Number(boot.epoch.into()));
                show("version", text(boot.version));
                show("salt", Field::Id(&boot.salt));
                show("key_check", Field::Id(&boot.key.0));
            }
            Event::Intent(intent) => {
                show("tx", Field::Number(intent.tx));
                show("at", Field::At(intent.at));
                show("link", text(intent.link));
                show("listener", text(intent.listener));
                show("mti", text(intent.mti));
                show("terminal", text(intent.terminal));
                show("merchant", text(intent.merchant));
                show("terminal_stan", Field::Number(intent.terminal_stan.into()));
                show("link_stan", Field::Number(intent.link_stan.into()));
                show("rrn", text(intent.rrn));
                show("amount", number(intent.amount));
                show("currency", text(intent.currency));
                show("processing_code", text(intent.processing_code));
                show("masked_pan", text(intent.masked_pan));
                show("card", card(&intent.card));
                show("duplicate_key", Field::Id(&intent.key));
                show("body_bytes", sealed(intent.body));
            }
            Event::Outcome(outcome) => {
                show("tx", Field::Number(outcome.tx));
                show("at", Field::At(outcome.at));
                show("approved", Field::Flag(outcome.approved));
                show("response_code", text(outcome.response_code));
                show("approval_code", text(outcome.approval_code));
                show("answer_bytes", sealed(outcome.answer));
            }
            Event::Declined(declined) => {
                show("tx", Field::Number(declined.tx));
                show("at", Field::At(declined.at));
                show("cause", text(declined.cause));
            }
            Event::Withdrawn(withdrawn) => {
                show("tx", Field::Number(withdrawn.tx));
                show("at", Field::At(withdrawn.at));
            }
            Event::Obligation(owed) => {
                show("tx", Field::Number(owed.tx));
                show("kind", Field::Text(owed.kind.label()));
                show("at", Field::At(owed.at));
                show("link", text(owed.link));
                show("mti", text(owed.mti));
                show("terminal", text(owed.terminal));
                show("terminal_stan", Field::Number(owed.terminal_stan.into()));
                show("link_stan", Field::Number(owed.link_stan.into()));
                show("stan", number(owed.own_stan.map(u64::from)));
                show("rrn", text(owed.rrn));
                show("amount", number(owed.amount));
                show("currency", text(owed.currency));
                show("masked_pan", text(owed.masked_pan));
                show("card", card(&owed.card));
                show("duplicate_key", Field::Id(&owed.key));
                show("cause", text(owed.cause));
                show("body_bytes", sealed(owed.body));
            }
            Event::Attempt(attempt) => {
                show("tx", Field::Number(attempt.tx));
                show("kind", Field::Text(attempt.kind.label()));
                show("at", Field::At(attempt.at));
                show("stan", Field::Number(attempt.stan.into()));
                show("count", Field::Number(attempt.count.into()));
            }
            Event::Settled(settled) => {
                show("tx", Field::Number(settled.tx));
                show("kind", Field::Text(settled.kind.label()));
                show("at", Field::At(settled.at));
                show("how", Field::Text(settled.how.label()));
                match settled.how {
                    How::Acknowledged { response_code } | How::Refused { response_code } => {
                        show("response_code", text(response_code));
                    }
                    How::Expired => {}
                    How::DeadLetter { reason } => show("reason", text(reason)),
                    How::Dropped { by } | How::Retried { by } => show("by", text(by)),
                }
            }
            Event::Observed(observed) => {
                show("tx", number(observed.tx));
                show("at", Field::At(observed.at));
                show("link", text(observed.link));
                show("mti", text(observed.mti));
                show("stan", number(observed.stan.map(u64::from)));
                show("what", Field::Text(observed.what.label()));
                show("response_code", text(observed.response_code));
                show("detail", text(observed.detail));
            }
            Event::Audit(audit) => {
                show("tx", number(audit.tx));
                show("at", Field::At(audit.at));
                show("who", text(audit.who));
                show("action", text(audit.action));
                show("detail", text(audit.detail));
            }
            Event::Unseen(unseen) => {
                show("at", Field::At(unseen.at));
                show("link", text(unseen.link));
                show("terminal", text(unseen.terminal));
                show("terminal_stan", Field::Number(unseen.terminal_stan.into()));
                show("rrn", text(unseen.rrn));
                show("duplicate_key", Field::Id(&unseen.key));
            }
        }
    }
}

fn text(text: &str) -> Field<'_> {
    match text {
        "" => Field::None,
        text => Field::Text(text),
    }
}

fn number(number: Option<u64>) -> Field<'static> {
    number.map_or(Field::None, Field::Number)
}

fn card(card: &CardToken) -> Field<'_> {
    match card.is_none() {
        true => Field::None,
        false => Field::Id(&card.0),
    }
}

fn sealed(sealed: Sealed<'_>) -> Field<'static> {
    match sealed.as_bytes().len() {
        0 => Field::None,
        bytes => Field::Sealed(bytes),
    }
}
