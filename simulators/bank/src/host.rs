//! What the bank answers: rules, ledger and dialect put together, without a socket.

mod answer;
mod booking;
mod exchange;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use bytes::BytesMut;
use pointsman_framing::FrameCodec;
use pointsman_iso8583::{
    Builder, Dialect, EncodeError, FieldSet, Mti, MtiClass, Pan, Reason, ResponseCode, TextBuffer,
    View,
};

use self::answer::Answer;
pub(crate) use self::exchange::{Exchange, Reaction, Session};
use crate::event::{Event, Watch};
use crate::ledger::{Booked, Ledger, Reversed, Short};
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
    /// Rules take nothing any more.
    rules_forgotten: AtomicBool,
    ledger: Option<Ledger>,
    watch: Watch,
    echo: FieldSet,
    sign_on_required: bool,
    wants_pan: bool,
    wants_terminal: bool,
    wants_draw: bool,
    seed: u64,
    draws: AtomicU64,
    /// Makes approval codes and retrieval references.
    sequence: AtomicU64,
    approve: Plan,
    format_error: Plan,
    not_signed_on: Plan,
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
    pub(crate) watch: Watch,
    pub(crate) sign_on_required: bool,
    pub(crate) seed: u64,
}

impl Host {
    /// # Errors
    /// Rules set fields to something that the dialect cannot write: which ones, and why.
    pub(crate) fn new(config: HostConfig) -> Result<Self, Vec<(String, EncodeError)>> {
        let HostConfig {
            dialect,
            codec,
            rules,
            ledger,
            watch,
            sign_on_required,
            seed,
        } = config;
        let unwritable: Vec<_> = rules
            .iter()
            .enumerate()
            .filter_map(|(index, rule)| {
                Some((rule.name(index), check(&dialect, rule.plan()).err()?))
            })
            .collect();
        if !unwritable.is_empty() {
            return Err(unwritable);
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
            wants_draw: rules.iter().any(Rule::wants_draw),
            draws: AtomicU64::new(0),
            sequence: AtomicU64::new(0),
            approve: plan(Decision::Approve(ResponseCode::APPROVED)),
            format_error: decline(Reason::FormatError),
            not_signed_on: decline(Reason::LinkDown),
            dialect,
            codec,
            rules,
            rules_forgotten: AtomicBool::new(false),
            ledger,
            watch,
            sign_on_required,
            seed,
        })
    }

    /// From now on everything is approved.
    pub(crate) fn forget_rules(&self) {
        self.rules_forgotten.store(true, Ordering::Relaxed);
    }

    pub(crate) fn codec(&self) -> &FrameCodec {
        &self.codec
    }

    pub(crate) fn ledger(&self) -> Option<&Ledger> {
        self.ledger.as_ref()
    }

    pub(crate) fn watch(&self) -> &Watch {
        &self.watch
    }

    /// Answers one message.
    pub(crate) fn handle(&self, message: &[u8], exchange: &mut Exchange<'_>) -> Reaction {
        let peer = exchange.session.peer;
        let view = match self.dialect.view(message) {
            Ok(view) => view,
            Err(error) => {
                exchange.stats.undecodable += 1;
                self.watch.tell(&Event::Undecodable {
                    peer,
                    error: &error.explain(&self.dialect),
                });
                return self.refuse_unreadable(message, exchange);
            }
        };
        let mti = view.mti();
        let Some(response) = mti.response() else {
            exchange.stats.unexpected += 1;
            self.watch.tell(&Event::Unexpected { peer, mti });
            return Reaction::Go;
        };
        let network_management = mti.class() == MtiClass::NetworkManagement;
        if !network_management {
            exchange.stats.requests += 1;
        }
        if self.sign_on_required && !exchange.session.signed_on && !network_management {
            exchange.stats.not_signed_on += 1;
            return self.answer(&view, response, &self.not_signed_on, exchange);
        }
        let facts = Facts {
            mti,
            pan: if self.wants_pan { view.pan() } else { None },
            amount: view.amount().map(|amount| amount.get()),
            terminal: if self.wants_terminal {
                view.text(41, exchange.text)
                    .map(|text| text.trim_end_matches(' '))
            } else {
                None
            },
            draw: if self.wants_draw {
                rule::mix(
                    self.seed
                        .wrapping_add(self.draws.fetch_add(1, Ordering::Relaxed)),
                )
            } else {
                0
            },
        };
        let rules: &[Rule] = if self.rules_forgotten.load(Ordering::Relaxed) {
            &[]
        } else {
            &self.rules
        };
        let plan = rule::first(rules, &facts).map_or(&self.approve, Rule::plan);
        self.answer(&view, response, plan, exchange)
    }

    /// The answer to a request whose MTI can be read while the rest cannot: a format error with the fields that were
    /// readable. Without an MTI nobody knows what to answer.
    fn refuse_unreadable(&self, message: &[u8], exchange: &mut Exchange<'_>) -> Reaction {
        let (partial, _) = self.dialect.partial(message);
        match partial.view().map(|view| (view, view.mti().response())) {
            Some((view, Some(response))) => {
                let (declined, unwritable) = (exchange.stats.declined, exchange.stats.unwritable);
                let reaction = self.answer(view, response, &self.format_error, exchange);
                // It has been counted as undecodable.
                (exchange.stats.declined, exchange.stats.unwritable) = (declined, unwritable);
                reaction
            }
            _ => Reaction::Close,
        }
    }

    /// Decides, books, and writes the answer or what takes its place.
    fn answer(
        &self,
        view: &View<'_>,
        response: Mti,
        plan: &Plan,
        exchange: &mut Exchange<'_>,
    ) -> Reaction {
        let verdict = match plan.decision {
            Decision::Ignore => None,
            Decision::Decline(code) => Some(Verdict::plain(code)),
            Decision::Approve(code) => Some(self.approve(view, code, exchange.text)),
        };
        // Each request is counted once, as what its sender saw of it. A sign-on holds even if its answer is lost.
        let management = view.mti().class() == MtiClass::NetworkManagement;
        if management || matches!(plan.delivery, Delivery::Once | Delivery::Twice) {
            exchange.count(view, verdict.as_ref());
        }
        if self.watch.requests {
            self.tell(view, verdict.as_ref(), plan, exchange);
        }
        let Exchange {
            tpdu, out, stats, ..
        } = exchange;
        let start = out.len();
        match (plan.delivery, &verdict) {
            (Delivery::Close, _) => {
                *fate(view.mti(), stats, |stats| &mut stats.closed_by_rule) += 1;
                return Reaction::Close;
            }
            (Delivery::Never, _) | (_, None) => {
                *fate(view.mti(), stats, |stats| &mut stats.unanswered) += 1;
                return Reaction::Go;
            }
            (Delivery::Garbage, Some(_)) => {
                *fate(view.mti(), stats, |stats| &mut stats.garbage) += 1;
                // The garbage is shorter than the smallest frame that can be agreed on.
                let _ = self.codec.write_reply(*tpdu, &GARBAGE, out);
            }
            (Delivery::Once | Delivery::Twice, Some(verdict)) => {
                let answer = Answer {
                    view,
                    response,
                    verdict,
                    plan,
                };
                if answer.write(self, *tpdu, out).is_err() {
                    out.truncate(start);
                    *fate(view.mti(), stats, |stats| &mut stats.unwritable) += 1;
                    if !management {
                        if verdict.code.is_approval() {
                            stats.approved -= 1;
                        } else {
                            stats.declined -= 1;
                        }
                    }
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
    fn approve(&self, view: &View<'_>, code: ResponseCode, text: &mut TextBuffer) -> Verdict {
        let mti = view.mti();
        match mti.class() {
            MtiClass::Authorization | MtiClass::Financial => {
                let number = self.sequence.fetch_add(1, Ordering::Relaxed);
                let entry = booking::entry(view, code, number, text);
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
                let (stan, terminal) = booking::original(view, text);
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

    /// Tells whoever watches each request.
    fn tell(
        &self,
        view: &View<'_>,
        verdict: Option<&Verdict>,
        plan: &Plan,
        exchange: &mut Exchange<'_>,
    ) {
        let note = match (plan.delivery, verdict) {
            (Delivery::Once, Some(verdict)) if plan.delay.is_none() => verdict.note,
            (Delivery::Once, _) => "late",
            (Delivery::Twice, _) => "twice",
            (Delivery::Never, Some(_)) => "answer lost",
            (Delivery::Never, None) => "dropped",
            (Delivery::Garbage, _) => "garbage",
            (Delivery::Close, _) => "closed",
        };
        self.watch.tell(&Event::Request {
            peer: exchange.session.peer,
            mti: view.mti(),
            stan: view.stan().map(|stan| stan.get()),
            terminal: view
                .text(41, exchange.text)
                .map(|text| text.trim_end_matches(' ')),
            pan: view.pan().as_ref().map(Pan::masked).as_deref(),
            amount: view.amount().map(|amount| amount.get()),
            response_code: verdict.map(|verdict| verdict.code),
            note,
        });
    }
}

/// Where a request without a proper answer is counted. Network management is not among the requests.
fn fate<'s>(
    mti: Mti,
    stats: &'s mut Stats,
    of_request: impl FnOnce(&'s mut Stats) -> &'s mut u64,
) -> &'s mut u64 {
    match mti.class() {
        MtiClass::NetworkManagement => &mut stats.management_unanswered,
        _ => of_request(stats),
    }
}

/// Whether the dialect can write what a rule puts into answers.
fn check(dialect: &Dialect, plan: &Plan) -> Result<(), EncodeError> {
    let mut out = BytesMut::new();
    let mut builder = Builder::new(dialect, &mut out, Mti::literal(b"0210"));
    for (number, value) in &plan.set {
        builder.text(*number, value)?;
    }
    let mut out = BytesMut::new();
    let mut builder = Builder::new(dialect, &mut out, Mti::literal(b"0210"));
    match plan.decision {
        Decision::Approve(code) | Decision::Decline(code) => {
            builder.text(39, code.as_str()).map(drop)
        }
        Decision::Ignore => Ok(()),
    }
}
