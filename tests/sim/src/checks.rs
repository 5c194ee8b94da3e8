//! What must hold, whatever goes wrong.
//!
//! * Each request that a session took gets exactly one answer, in time, or its connection is closed. An advice that could
//!   not be delivered gets none.
//! * A request of a bank is refused, an advice of a bank is not answered.
//! * What is reported as gone wrong names the transaction.
//! * An answer is for the terminal and the transaction that it reaches: the terminal's own fields are bit for bit what it
//!   sent, and what the bank echoes (field 37) is this transaction's.
//! * An approval is given only if that bank approved that transaction, with that amount.
//! * What a bank approved and the terminal was not told is due for a reversal, or reported as undelivered; what the
//!   terminal was told is not.
//! * The switch declines only with a reason that is true at that moment.
//! * No message or answer goes out before the record that it depends on is durable.
//! * No limit is exceeded, no number is in use twice, no table holds anything at rest.
//! * When the faults stop, every link serves again within bounded time.

use core::fmt;
use core::time::Duration;

use pointsman_engine::{Answer, Cause, Instant, LinkState, Outcome, Record, Trace};
use pointsman_iso8583::{Dialect, View};

use crate::bank::Entry;
use crate::switch::{Issued, LinkDriver};
use crate::terminal::{Kind, Transaction};

/// Something that must never happen, and when it did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    pub(crate) at: Instant,
    pub(crate) what: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "at {} ms: {}", self.at.as_nanos() / 1_000_000, self.what)
    }
}

/// What an answer says, once it has been found to be right.
pub(crate) struct Told {
    pub(crate) approved: bool,
    pub(crate) by_bank: bool,
}

/// The terminal's own fields: they come back as they were sent.
const OWN: [u8; 9] = [3, 7, 11, 12, 13, 24, 25, 41, 42];

/// Is this answer right for this transaction? `cause` is why the switch says that it answers itself; `entry` what the
/// bank has in its ledger.
pub(crate) fn reply(
    dialect: &Dialect,
    transaction: &Transaction,
    reply: &View<'_>,
    cause: Option<Cause>,
    entry: Option<&Entry>,
) -> Result<Told, String> {
    let code = reply
        .to_text(39)
        .ok_or("an answer without a response code")?;
    if transaction.kind == Kind::Broken {
        let right = code == "30" && cause == Some(Cause::FormatError);
        return if right {
            Ok(Told {
                approved: false,
                by_bank: false,
            })
        } else {
            Err(format!("a broken request was answered with {code}"))
        };
    }
    let request = dialect
        .view(&transaction.frame)
        .map_err(|_| "the terminal sent nonsense")?;
    if Some(reply.mti()) != request.mti().response() {
        return Err(format!("{} was answered by {}", request.mti(), reply.mti()));
    }
    if request.mti().is_advice() && cause.is_some_and(|cause| !cause.is_final()) {
        return Err(format!("an advice was declined because of {cause:?}"));
    }
    let by_bank = cause.is_none() && !matches!(transaction.kind, Kind::Management { .. });
    for field in OWN {
        // What the switch says itself echoes what the dialect says; the bank's answer has all of it.
        if (by_bank || reply.has(field)) && reply.wire(field) != request.wire(field) {
            return Err(format!("field {field} came back changed"));
        }
    }
    // Of what was asked for nothing is missing, and only a partial approval is for another amount.
    for field in [4, 37, 49] {
        let part = field == 4 && code == "10";
        let right = if part {
            reply.has(field)
        } else {
            reply.wire(field) == request.wire(field)
        };
        if by_bank && !right {
            return Err(format!("field {field} came back changed"));
        }
    }
    for field in [35, 52] {
        if reply.has(field) {
            return Err(format!("field {field} came back"));
        }
    }
    let told = Told {
        approved: matches!(&*code, "00" | "10"),
        by_bank,
    };
    match (transaction.kind, cause) {
        (Kind::Management { accepted: true }, None) if code == "00" => Ok(told),
        (Kind::Management { accepted: false }, None) if code == "40" => Ok(told),
        (Kind::NoRoute, Some(Cause::NoRoute)) if code == "92" => Ok(told),
        (Kind::Unsupported, Some(Cause::UnsupportedMti)) if code == "40" => Ok(told),
        (Kind::NoRoute | Kind::Routed { .. }, Some(Cause::Draining | Cause::SessionBusy)) => {
            if code == "91" {
                Ok(told)
            } else {
                Err(format!("{cause:?} was told as {code}"))
            }
        }
        (Kind::Routed { .. }, Some(cause)) => {
            if told.approved || code != cause.reason().code_1987() {
                return Err(format!("{cause:?} was told as {code}"));
            }
            Ok(told)
        }
        (Kind::Routed { .. }, None) => {
            if nonce(reply) != Some(transaction.nonce) {
                return Err("the answer is for another transaction".into());
            }
            let entry = entry.ok_or("an answer that no bank gave")?;
            if entry.mangled {
                return Err("what is no answer to it was taken for one".into());
            }
            let decision = &entry.decision;
            if decision.code != code {
                return Err(format!(
                    "the bank said {}, the terminal heard {code}",
                    decision.code
                ));
            }
            let amount = reply.amount().map(|amount| amount.get());
            let approval = reply.to_text(38);
            if decision.approved
                && (amount != Some(decision.amount)
                    || approval.as_ref() != Some(&decision.approval))
            {
                return Err("the approval is not the bank's".into());
            }
            Ok(told)
        }
        (kind, cause) => Err(format!("{kind:?} was answered {code} because of {cause:?}")),
    }
}

/// May an advice stay without an answer?
pub(crate) fn silence(
    dialect: &Dialect,
    transaction: &Transaction,
    cause: Cause,
) -> Result<(), String> {
    let advice = dialect
        .view(&transaction.frame)
        .is_ok_and(|request| request.mti().is_advice());
    let right = match transaction.kind {
        Kind::Routed { financial, .. } => !financial && !cause.is_final(),
        Kind::NoRoute => matches!(cause, Cause::NoRoute | Cause::Draining | Cause::SessionBusy),
        Kind::Unsupported | Kind::Management { .. } | Kind::Broken => false,
    };
    if advice && right {
        Ok(())
    } else {
        Err(format!("left without an answer because of {cause:?}"))
    }
}

/// Does a report name its transaction?
pub(crate) fn trace(trace: Trace, terminal: &str, transaction: &Transaction) -> Result<(), String> {
    let (stan, nonce) = (transaction.stan, transaction.nonce);
    let expected = format!("terminal {terminal} stan {stan:06} rrn {nonce:012}");
    let found = trace.to_string();
    if found.starts_with(&expected) {
        Ok(())
    } else {
        Err(format!("it is reported as {found}"))
    }
}

/// May the link decline with this cause, as things are right after it did?
pub(crate) fn decline(
    now: Instant,
    driver: &LinkDriver,
    issued: &Issued,
    accepted: Instant,
    cause: Cause,
    entry: Option<&Entry>,
) -> Result<(), String> {
    let occupancy = driver.link.occupancy();
    let numbers = driver.plan.stan_range.clone().count();
    let right = match cause {
        Cause::LinkDown => !driver.link.state().is_serving(),
        Cause::LinkSignedOff => driver.link.state() == LinkState::SignedOff,
        Cause::LinkBusy => occupancy.in_flight >= driver.plan.in_flight_max,
        Cause::StanExhausted => occupancy.stans >= numbers,
        Cause::KeyBusy => !driver.plan.match_fields.contains(&11),
        Cause::Timeout => {
            let since = if issued.released || issued.stan.is_some() {
                issued.taken.unwrap_or(accepted)
            } else {
                accepted
            };
            now.since(since) >= driver.plan.timeout
        }
        Cause::Disconnected => !driver.link.state().is_serving() && issued.stan.is_some(),
        Cause::AnswerUndecodable | Cause::AnswerMismatch => {
            entry.is_some_and(|entry| entry.mangled)
        }
        Cause::Draining => true,
        Cause::NoRoute
        | Cause::FormatError
        | Cause::NotCarried
        | Cause::UnsupportedMti
        | Cause::SessionBusy
        | Cause::ShellQueueFull
        | Cause::Internal => false,
    };
    if right {
        Ok(())
    } else {
        Err(format!("declined with {cause:?}, which is not so"))
    }
}

/// Does an answer depend on the record that it should depend on?
pub(crate) fn persisted(
    driver: &LinkDriver,
    issued: &Issued,
    answer: &Answer,
    after: Option<u64>,
) -> Result<(), String> {
    if !issued.financial || issued.stan.is_none() || issued.withdrawn {
        return Ok(());
    }
    let number = after.ok_or_else(|| format!("{:?} waits for no record", answer.outcome))?;
    let record = driver
        .records
        .iter()
        .rev()
        .find(|(of, _)| of.get() == number);
    let (record, stan) = (record.map(|(_, record)| record), issued.stan);
    match (record, &answer.outcome) {
        (Some(Record::Outcome { stan: of, .. }), Outcome::Response(_))
            if stan == Some(of.get()) =>
        {
            Ok(())
        }
        (Some(Record::ReversalDue { stan: of, .. }), Outcome::Declined(_))
            if stan == Some(of.get()) =>
        {
            Ok(())
        }
        (record, outcome) => Err(format!("{outcome:?} waits for {record:?}")),
    }
}

/// How long a request may take from the session to its answer.
pub(crate) fn patience(timeout: Duration, journal: Duration, stall: Duration) -> Duration {
    timeout + 2 * journal + 2 * stall + Duration::from_millis(50)
}

/// The transaction that a message is about, whoever says so.
pub(crate) fn nonce(view: &View<'_>) -> Option<u64> {
    view.to_text(37)?.parse().ok()
}
