//! What the bank answers: rules, ledger and dialect put together, without a socket.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::BytesMut;
use pointsman_framing::{FrameCodec, Tpdu};
use pointsman_iso8583::{
    Builder, Dialect, EncodeError, FieldSet, Mti, MtiClass, Pan, Reason, ResponseCode, TextBuffer,
    View,
};

use crate::event::{Event, Observer};
use crate::ledger::{Booked, Entry, Ledger, Reversed, Short};
use crate::rule::{self, Decision, Delivery, Facts, Plan, Rule};
use crate::stats::Stats;

/// What an answer repeats of its request besides what the dialect's own list says.
const ECHO: FieldSet = FieldSet::of(&[
    2, 3, 4, 7, 11, 12, 13, 24, 25, 32, 33, 37, 41, 42, 49, 70, 90,
]);

/// No message in any dialect: neither digits nor packed digits.
const GARBAGE: [u8; 24] = [0xFF; 24];

/// The behaviour of one bank, shared by its connections.
pub(crate) struct Host {
    dialect: Arc<Dialect>,
    codec: FrameCodec,
    rules: Vec<Rule>,
    ledger: Option<Ledger>,
    observer: Option<Observer>,
    echo: FieldSet,
    sign_on_required: bool,
    wants_pan: bool,
    wants_terminal: bool,
    seed: u64,
    /// Makes approval codes and retrieval references, and lets rules draw.
    sequence: AtomicU64,
    approve: Plan,
    format_error: Plan,
    not_signed_on: Plan,
}

/// What the bank remembers of one connection.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) peer: SocketAddr,
    signed_on: bool,
}

impl Session {
    pub(crate) fn new(peer: SocketAddr) -> Self {
        Session {
            peer,
            signed_on: false,
        }
    }
}

/// What the connection has to do after a message.
#[derive(Debug)]
pub(crate) enum Reaction {
    /// Go on. An answer, if there is one, is in the buffer.
    Go,
    /// Send this later.
    Hold { delay: Duration, frames: BytesMut },
    /// Close at once.
    Close,
}

/// Fields 37, 38 and 39 of an answer.
struct Verdict {
    code: ResponseCode,
    retrieval_reference: Option<Short<12>>,
    approval_code: Option<Short<6>>,
    note: &'static str,
}

impl Verdict {
    fn plain(code: ResponseCode) -> Self {
        Verdict {
            code,
            retrieval_reference: None,
            approval_code: None,
            note: "",
        }
    }
}

pub(crate) struct HostConfig {
    pub(crate) dialect: Arc<Dialect>,
    pub(crate) codec: FrameCodec,
    pub(crate) rules: Vec<Rule>,
    pub(crate) ledger: Option<Ledger>,
    pub(crate) observer: Option<Observer>,
    pub(crate) sign_on_required: bool,
    pub(crate) seed: u64,
}

impl Host {
    /// # Errors
    /// A rule sets a field to something that the dialect cannot write: the number of the rule and why.
    pub(crate) fn new(config: HostConfig) -> Result<Self, (usize, EncodeError)> {
        let HostConfig {
            dialect,
            codec,
            rules,
            ledger,
            observer,
            sign_on_required,
            seed,
        } = config;
        for (index, rule) in rules.iter().enumerate() {
            let mut out = BytesMut::new();
            let mut builder = Builder::new(&dialect, &mut out, Mti::literal(b"0210"));
            for (number, value) in &rule.plan().set {
                builder
                    .text(*number, value)
                    .map_err(|error| (index + 1, error))?;
            }
        }
        let plan = |decision| Plan {
            decision,
            delivery: Delivery::Once,
            delay: None,
            set: Vec::new(),
            omit: Vec::new(),
        };
        let decline = |reason| {
            let code = ResponseCode::parse(dialect.response_code(reason).as_bytes());
            plan(code.map_or(Decision::Ignore, Decision::Decline))
        };
        Ok(Host {
            echo: dialect.echo().union(ECHO).intersection(dialect.defined()),
            wants_pan: rules.iter().any(Rule::wants_pan),
            wants_terminal: rules.iter().any(Rule::wants_terminal),
            sequence: AtomicU64::new(0),
            approve: plan(Decision::Approve(ResponseCode::APPROVED)),
            format_error: decline(Reason::FormatError),
            not_signed_on: decline(Reason::LinkDown),
            dialect,
            codec,
            rules,
            ledger,
            observer,
            sign_on_required,
            seed,
        })
    }

    pub(crate) fn codec(&self) -> &FrameCodec {
        &self.codec
    }

    pub(crate) fn ledger(&self) -> Option<&Ledger> {
        self.ledger.as_ref()
    }

    pub(crate) fn observe(&self, event: &Event<'_>) {
        if let Some(observer) = &self.observer {
            observer(event);
        }
    }

    /// Answers one message into `out`.
    pub(crate) fn handle(
        &self,
        session: &mut Session,
        tpdu: Option<Tpdu>,
        message: &[u8],
        out: &mut BytesMut,
        stats: &mut Stats,
    ) -> Reaction {
        let view = match self.dialect.view(message) {
            Ok(view) => view,
            Err(error) => {
                stats.undecodable += 1;
                self.observe(&Event::Undecodable {
                    peer: session.peer,
                    error: &error.explain(&self.dialect),
                });
                return self.refuse_unreadable(session, tpdu, message, out, stats);
            }
        };
        let mti = view.mti();
        let Some(response) = mti.response() else {
            stats.unexpected += 1;
            self.observe(&Event::Unexpected {
                peer: session.peer,
                mti,
            });
            return Reaction::Go;
        };
        let network_management = mti.class() == MtiClass::NetworkManagement;
        if !network_management {
            stats.requests += 1;
        }
        if self.sign_on_required && !session.signed_on && !network_management {
            stats.not_signed_on += 1;
            return self.answer(
                session,
                tpdu,
                &view,
                response,
                &self.not_signed_on,
                out,
                stats,
            );
        }
        let mut terminal = TextBuffer::new();
        let facts = Facts {
            mti,
            pan: if self.wants_pan { view.pan() } else { None },
            amount: view.amount().map(|amount| amount.get()),
            terminal: if self.wants_terminal {
                view.text(41, &mut terminal)
                    .map(|text| text.trim_end_matches(' '))
            } else {
                None
            },
            draw: rule::mix(
                self.seed
                    .wrapping_add(self.sequence.fetch_add(1, Ordering::Relaxed)),
            ),
        };
        let plan = rule::first(&self.rules, &facts).map_or(&self.approve, Rule::plan);
        self.answer(session, tpdu, &view, response, plan, out, stats)
    }

    /// The answer to a request whose MTI can be read while the rest cannot: a format error with the fields that were
    /// readable. Without an MTI nobody knows what to answer.
    fn refuse_unreadable(
        &self,
        session: &mut Session,
        tpdu: Option<Tpdu>,
        message: &[u8],
        out: &mut BytesMut,
        stats: &mut Stats,
    ) -> Reaction {
        let (partial, _) = self.dialect.partial(message);
        match partial.view().map(|view| (view, view.mti().response())) {
            Some((view, Some(response))) => self.answer(
                session,
                tpdu,
                view,
                response,
                &self.format_error,
                out,
                stats,
            ),
            _ => Reaction::Close,
        }
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "one message and where its answer goes, taken apart once"
    )]
    fn answer(
        &self,
        session: &mut Session,
        tpdu: Option<Tpdu>,
        view: &View<'_>,
        response: Mti,
        plan: &Plan,
        out: &mut BytesMut,
        stats: &mut Stats,
    ) -> Reaction {
        let verdict = match plan.decision {
            Decision::Ignore => None,
            Decision::Decline(code) => Some(Verdict::plain(code)),
            Decision::Approve(code) => Some(self.approve(view, code)),
        };
        self.count(session, view, verdict.as_ref(), stats);
        let note = match (plan.delivery, &verdict) {
            (Delivery::Once, Some(verdict)) if plan.delay.is_none() => verdict.note,
            (Delivery::Once, _) => "late",
            (Delivery::Twice, _) => "twice",
            (Delivery::Never, Some(_)) => "answer lost",
            (Delivery::Never, None) => "dropped",
            (Delivery::Garbage, _) => "garbage",
            (Delivery::Close, _) => "closed",
        };
        self.observe_answer(session, view, verdict.as_ref(), note);

        let start = out.len();
        match (plan.delivery, &verdict) {
            (Delivery::Close, _) => {
                stats.closed_by_rule += 1;
                return Reaction::Close;
            }
            (Delivery::Never, _) | (_, None) => {
                stats.unanswered += 1;
                return Reaction::Go;
            }
            (Delivery::Garbage, Some(_)) => {
                stats.garbage += 1;
                if self.codec.write_reply(tpdu, &GARBAGE, out).is_err() {
                    stats.unwritable += 1;
                }
            }
            (Delivery::Once | Delivery::Twice, Some(verdict)) => {
                if self
                    .write(tpdu, view, response, verdict, plan, out)
                    .is_err()
                {
                    out.truncate(start);
                    stats.unwritable += 1;
                    return Reaction::Go;
                }
                if plan.delivery == Delivery::Twice {
                    stats.duplicates += 1;
                    let again = out.get(start..).unwrap_or_default().to_vec();
                    out.extend_from_slice(&again);
                }
            }
        }
        match plan.delay {
            None => Reaction::Go,
            Some(delay) => {
                stats.delayed += 1;
                Reaction::Hold {
                    delay,
                    frames: out.split_off(start),
                }
            }
        }
    }

    /// Books what is to be approved, takes back what is to be reversed.
    fn approve(&self, view: &View<'_>, code: ResponseCode) -> Verdict {
        let mti = view.mti();
        match mti.class() {
            MtiClass::Authorization | MtiClass::Financial => {
                let number = self.sequence.fetch_add(1, Ordering::Relaxed);
                let entry = entry(view, code, number);
                let booked = self.ledger.as_ref().map(|ledger| ledger.approve(entry));
                let (entry, note) = match booked {
                    Some(Booked::Repeat(known)) => (known, "repeat, not booked again"),
                    Some(Booked::New) | None => (entry, ""),
                };
                Verdict {
                    code: entry.response_code,
                    retrieval_reference: Some(entry.retrieval_reference),
                    approval_code: Some(entry.approval_code),
                    note,
                }
            }
            MtiClass::Reversal => {
                let Some(ledger) = &self.ledger else {
                    return Verdict::plain(code);
                };
                let (stan, terminal) = original(view);
                match ledger.reverse(stan, terminal) {
                    Reversed::Now => Verdict {
                        note: "reversed",
                        ..Verdict::plain(code)
                    },
                    Reversed::Before => Verdict {
                        note: "reversed before",
                        ..Verdict::plain(code)
                    },
                    // An advice is accepted even so; a request is told that there is nothing to reverse (25).
                    Reversed::Unknown if mti.is_advice() => Verdict {
                        note: "no original",
                        ..Verdict::plain(code)
                    },
                    Reversed::Unknown => {
                        let code = ResponseCode::parse(b"25").unwrap_or(code);
                        Verdict {
                            note: "no original",
                            ..Verdict::plain(code)
                        }
                    }
                }
            }
            _ => Verdict::plain(code),
        }
    }

    fn count(
        &self,
        session: &mut Session,
        view: &View<'_>,
        verdict: Option<&Verdict>,
        stats: &mut Stats,
    ) {
        let Some(verdict) = verdict else { return };
        if view.mti().class() != MtiClass::NetworkManagement {
            if verdict.code.is_approval() {
                stats.approved += 1;
            } else {
                stats.declined += 1;
            }
            return;
        }
        // ISO 8583-1:1987 field 70: 001 sign-on, 002 sign-off; Mastercard uses 061 and 062.
        match view.number(70) {
            Some(1 | 61) => {
                session.signed_on = verdict.code.is_approval();
                stats.sign_ons += 1;
            }
            Some(2 | 62) => {
                session.signed_on = false;
                stats.sign_offs += 1;
            }
            Some(_) => stats.echoes += 1,
            // UnionPay POS: a sign-in is 0800, everything else 0820; neither has a field 70.
            None if view.mti() == Mti::literal(b"0800") => {
                session.signed_on = verdict.code.is_approval();
                stats.sign_ons += 1;
            }
            None => stats.echoes += 1,
        }
    }

    fn observe_answer(
        &self,
        session: &Session,
        view: &View<'_>,
        verdict: Option<&Verdict>,
        note: &'static str,
    ) {
        if let Some(observer) = &self.observer {
            let mut terminal = TextBuffer::new();
            observer(&Event::Request {
                peer: session.peer,
                mti: view.mti(),
                stan: view.stan().map(|stan| stan.get()),
                terminal: view
                    .text(41, &mut terminal)
                    .map(|text| text.trim_end_matches(' ')),
                pan: view.pan().as_ref().map(Pan::masked).as_deref(),
                amount: view.amount().map(|amount| amount.get()),
                response_code: verdict.map(|verdict| verdict.code),
                note,
            });
        }
    }

    fn write(
        &self,
        tpdu: Option<Tpdu>,
        view: &View<'_>,
        response: Mti,
        verdict: &Verdict,
        plan: &Plan,
        out: &mut BytesMut,
    ) -> Result<(), Unwritable> {
        let mut fields = view.fields().intersection(self.echo).with(39);
        if verdict.retrieval_reference.is_some() {
            fields.insert(37);
        }
        if verdict.approval_code.is_some() {
            fields.insert(38);
        }
        fields = plan
            .set
            .iter()
            .fold(fields, |fields, (number, _)| fields.with(*number));
        fields = plan
            .omit
            .iter()
            .fold(fields, |fields, number| fields.without(*number));

        let frame = self.codec.open(tpdu.map(Tpdu::swapped), out);
        let header = self.dialect.reply_header(view.header());
        let mut builder = Builder::with_header(&self.dialect, out, &header, response)?;
        for number in fields.intersection(self.dialect.defined()).iter() {
            if !plan.set.is_empty()
                && let Some((_, value)) = plan.set.iter().find(|(field, _)| *field == number)
            {
                builder.text(number, value)?;
                continue;
            }
            match (number, &verdict.retrieval_reference, &verdict.approval_code) {
                (37, Some(reference), _) if !view.has(37) => {
                    builder.text(37, reference.as_str())?
                }
                (38, _, Some(code)) => builder.text(38, code.as_str())?,
                (39, _, _) => builder.text(39, verdict.code.as_str())?,
                _ => builder.copy(view, number)?,
            };
        }
        builder.finish()?;
        self.codec.close(frame, out)?;
        Ok(())
    }
}

/// The answer does not fit the dialect or the frame.
struct Unwritable;

impl From<EncodeError> for Unwritable {
    fn from(_: EncodeError) -> Self {
        Unwritable
    }
}

impl From<pointsman_framing::FrameError> for Unwritable {
    fn from(_: pointsman_framing::FrameError) -> Self {
        Unwritable
    }
}

fn entry(view: &View<'_>, code: ResponseCode, number: u64) -> Entry {
    let text = &mut TextBuffer::new();
    let moment = if view.has(13) {
        let (date, time): (Short<4>, Short<6>) = (short(view, 13, text), short(view, 12, text));
        Short::joined(date.as_str(), time.as_str())
    } else {
        short(view, 7, text)
    };
    Entry {
        number: 0,
        mti: view.mti(),
        stan: view.stan().map_or(0, |stan| stan.get()),
        terminal: short(view, 41, text),
        acceptor: short(view, 42, text),
        amount: view.amount().map_or(0, |amount| amount.get()),
        currency: short(view, 49, text),
        moment,
        bin: view
            .pan()
            .map_or_else(|| Short::new(""), |pan| Short::new(pan.leading(6))),
        retrieval_reference: if view.has(37) {
            short(view, 37, text)
        } else {
            Short::digits(number)
        },
        approval_code: Short::digits(number),
        response_code: code,
        reversed: false,
        repeats: 0,
    }
}

fn short<const N: usize>(view: &View<'_>, field: u8, text: &mut TextBuffer) -> Short<N> {
    Short::new(view.text(field, text).unwrap_or_default())
}

/// What a reversal is about: the STAN in field 90 (message type 4, STAN 6, moment 10, institutions), or, as UnionPay
/// terminals do, the same STAN in field 11; and the terminal.
fn original(view: &View<'_>) -> (u32, Short<16>) {
    let mut buffer = TextBuffer::new();
    let from_original_data = view
        .text(90, &mut buffer)
        .and_then(|text| text.get(4..10))
        .and_then(|digits| digits.parse().ok());
    let stan = from_original_data
        .or_else(|| view.stan().map(|stan| stan.get()))
        .unwrap_or(0);
    (
        stan,
        Short::new(view.text(41, &mut buffer).unwrap_or_default()),
    )
}
