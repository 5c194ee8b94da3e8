//! What must hold, whatever goes wrong.
//!
//! * In the end every receipt agrees with the bank's ledger: what a terminal was told as approved is booked and not taken
//!   back; what it was told as declined, or reversed because it was told nothing, is not booked, or taken back. An advice
//!   that was promised is booked once. Nothing is in a ledger twice.
//! * Of each original there is one reversal: all copies after the first say that they are repeats, under one number.
//! * No message goes out before the record that it depends on is durable, and no answer either; no approval is told after
//!   its reversal became due.
//! * Each request that a session took gets exactly one answer, in time, or its connection is closed. An advice that could
//!   not be delivered gets none.
//! * A request of a bank is refused, an advice of a bank is not answered.
//! * What is reported as gone wrong names the transaction.
//! * An answer is for the terminal and the transaction that it reaches: the terminal's own fields are bit for bit what it
//!   sent, and what the bank echoes (field 37) is this transaction's.
//! * An approval is given only if that bank approved that transaction, with that amount.
//! * The switch declines only with a reason that is true at that moment.
//! * No limit is exceeded, no number is in use twice, no table holds anything at rest but what may be asked again.
//! * When the faults stop, every link serves again within bounded time, and all that is due is settled.

use core::fmt;
use core::time::Duration;

use pointsman_engine::{Cause, Instant, LinkState, Nature, Outcome, ReversalCause, Trace};
use pointsman_iso8583::{Dialect, View};

use crate::bank::Entry;
use crate::log::{Facts, Log};
use crate::switch::{Issued, LinkDriver};
use crate::terminal::{Kind, Message, Role};

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
    transaction: &Message,
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
    let by_bank = cause.is_none()
        && transaction.stood_in.is_none()
        && matches!(
            transaction.kind,
            Kind::Routed {
                nature: Nature::Financial | Nature::Inquiry,
                ..
            }
        );
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
        (
            Kind::Routed {
                nature: Nature::Advice | Nature::Reversal,
                ..
            },
            None,
        ) => {
            if code == "00" {
                Ok(told)
            } else {
                Err(format!("what was accepted is told as {code}"))
            }
        }
        (Kind::Routed { .. }, Some(cause)) => {
            if told.approved || code != cause.reason().code_1987() {
                return Err(format!("{cause:?} was told as {code}"));
            }
            Ok(told)
        }
        (Kind::Routed { .. }, None) if let Some(approval) = transaction.stood_in => {
            let shown = reply.to_text(38);
            if code == "00" && shown.as_deref() == Some(approval.as_str()) {
                Ok(told)
            } else {
                Err(format!("{approval:?} is told as {code} with {shown:?}"))
            }
        }
        (Kind::Routed { .. }, None) => {
            if nonce(reply) != Some(transaction.nonce) {
                return Err("the answer is for another transaction".into());
            }
            let entry = entry.ok_or("an answer that no bank gave")?;
            if entry.mangled {
                return Err("what is no answer to it was taken for one".into());
            }
            if entry.declined == Some(&*code) {
                return Ok(told);
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
    transaction: &Message,
    cause: Cause,
) -> Result<(), String> {
    let request = dialect
        .view(&transaction.frame)
        .map_err(|_| "the terminal sent nonsense")?;
    let advice = request.mti().is_advice();
    let ignorant = matches!(
        cause,
        Cause::SessionBusy | Cause::ShellQueueFull | Cause::Draining | Cause::KeyBusy
    );
    let repeat = request.mti().is_repeat() && ignorant;
    let right = match transaction.kind {
        Kind::Routed { nature, .. } => nature != Nature::Inquiry && !cause.is_final(),
        Kind::NoRoute => matches!(cause, Cause::NoRoute | Cause::Draining | Cause::SessionBusy),
        Kind::Unsupported | Kind::Management { .. } | Kind::Broken => false,
    };
    if (advice || repeat) && right {
        Ok(())
    } else {
        Err(format!("left without an answer because of {cause:?}"))
    }
}

/// Does a report name its transaction?
pub(crate) fn trace(trace: Trace, terminal: &str, transaction: &Message) -> Result<(), String> {
    let (stan, nonce) = (transaction.stan, transaction.nonce);
    let expected = format!("terminal {terminal} stan {stan:06} rrn {nonce:012}");
    let found = trace.to_string();
    if found.starts_with(&expected) {
        Ok(())
    } else {
        Err(format!("it is reported as {found}"))
    }
}

/// What is known when a link answers.
pub(crate) struct Known<'a> {
    pub(crate) now: Instant,
    pub(crate) driver: &'a LinkDriver,
    pub(crate) issued: &'a Issued,
    /// When the session took it.
    pub(crate) accepted: Instant,
    pub(crate) entry: Option<&'a Entry>,
    pub(crate) facts: &'a Facts,
    /// With what it was refused before.
    pub(crate) refused: Option<Cause>,
    /// Does the journal take anything new?
    pub(crate) recording: bool,
}

/// May the link decline with this cause, as things are right after it did?
pub(crate) fn decline(known: &Known<'_>, cause: Cause) -> Result<(), String> {
    let Known {
        now,
        driver,
        issued,
        accepted,
        entry,
        facts,
        refused,
        recording,
    } = *known;
    let occupancy = driver.link.occupancy();
    let numbers = driver.plan.stan_range.clone().count();
    let reversed = facts.reversal.is_some();
    let spare = usize::from(occupancy.obligations > 0);
    let right = match cause {
        Cause::LinkDown => !driver.link.state().is_serving(),
        Cause::LinkSignedOff => driver.link.state() == LinkState::SignedOff,
        Cause::LinkBusy => occupancy.in_flight >= driver.plan.in_flight_max,
        Cause::StanExhausted => occupancy.stans + spare >= numbers,
        Cause::KeyBusy => !driver.plan.match_fields.contains(&11),
        // A repeat is told what the first was told.
        Cause::Timeout | Cause::Disconnected | Cause::AnswerUndecodable | Cause::AnswerMismatch
            if reversed && issued.stan.is_none() =>
        {
            true
        }
        Cause::Timeout => {
            let since = if issued.released || issued.stan.is_some() {
                issued.taken.unwrap_or(accepted)
            } else {
                accepted
            };
            now.since(since) >= driver.plan.timeout
        }
        Cause::Disconnected => !driver.link.state().is_serving() && issued.stan.is_some(),
        Cause::AnswerUndecodable | Cause::AnswerMismatch if issued.undo => reversed,
        Cause::AnswerUndecodable | Cause::AnswerMismatch => {
            entry.is_some_and(|entry| entry.mangled)
        }
        Cause::Draining => true,
        Cause::Reversed => reversed || facts.unseen.is_some(),
        Cause::JournalDown => !recording,
        Cause::StoreForwardFull => {
            occupancy.obligations + occupancy.dead_letters + occupancy.in_flight
                >= driver.plan.store_forward.entries_max
        }
        Cause::NoRoute
        | Cause::FormatError
        | Cause::NotCarried
        | Cause::UnsupportedMti
        | Cause::SessionBusy
        | Cause::ShellQueueFull
        | Cause::Internal => false,
    };
    // A refusal stands for the repeats of what was refused.
    let stands = refused == Some(cause) && facts.intent.is_none();
    if right || stands {
        Ok(())
    } else {
        Err(format!("declined with {cause:?}, which is not so"))
    }
}

/// Is what an answer depends on durable when it goes out?
pub(crate) fn persisted(
    log: &Log,
    issued: &Issued,
    role: Role,
    outcome: &Outcome,
) -> Result<(), String> {
    let facts = log.facts(issued.nonce);
    let durable = |place: Option<usize>| place.is_some_and(|place| log.is_durable(place));
    let reversal = facts.reversal.map(|(place, _)| place);
    let right = match (issued.nature, outcome) {
        (Nature::Inquiry, Outcome::StoodIn(_)) => false,
        (Nature::Inquiry, _) => true,
        (Nature::Financial, Outcome::Response(_)) => durable(facts.outcome),
        (Nature::Financial, Outcome::Declined(Cause::Internal)) => true,
        (Nature::Financial, Outcome::Declined(cause)) => {
            let sent = issued.stan.is_some() && !issued.withdrawn;
            let again =
                role == Role::Repeat && cause.may_have_been_sent() && facts.intent.is_some();
            let reversed = *cause == Cause::Reversed;
            !(sent || issued.undo || again || reversed)
                || durable(reversal)
                || (reversed && durable(facts.unseen))
        }
        (Nature::Advice, Outcome::Accepted) => durable(facts.promise),
        (Nature::Reversal, Outcome::Accepted) => {
            durable(reversal)
                || durable(facts.unseen)
                // Of what the bank declined there is nothing to undo, as far as was known when the terminal asked.
                || (durable(facts.outcome)
                    && matches!(
                        facts.reversal,
                        None | Some((_, Some(ReversalCause::LateApproval)))
                    ))
                // Nor of what was never sent.
                || (facts.intent.is_none() && facts.promise.is_none())
        }
        (Nature::Advice | Nature::Reversal, Outcome::Declined(_)) => true,
        (Nature::Financial, Outcome::StoodIn(_)) => durable(facts.promise),
        (Nature::Financial, Outcome::Accepted)
        | (Nature::Advice | Nature::Reversal, Outcome::Response(_) | Outcome::StoodIn(_)) => false,
    };
    if right {
        Ok(())
    } else {
        Err(format!("{outcome:?} goes out, and on record is {facts:?}"))
    }
}

/// May a terminal be told of an approval?
pub(crate) fn not_reversed(facts: &Facts) -> Result<(), String> {
    match facts.reversal {
        // It crossed the terminal's own reversal on its way: the terminal does not listen any more.
        None | Some((_, Some(ReversalCause::Terminal))) => Ok(()),
        Some((_, cause)) => Err(format!(
            "is told as approved, and its reversal is due: {cause:?}"
        )),
    }
}

/// How long a request may take from the session to its answer.
pub(crate) fn patience(timeout: Duration, journal: Duration, stall: Duration) -> Duration {
    timeout + 6 * journal + 3 * stall + Duration::from_millis(50)
}

/// The transaction that a message is about, whoever says so.
pub(crate) fn nonce(view: &View<'_>) -> Option<u64> {
    view.to_text(37)?.parse().ok()
}
