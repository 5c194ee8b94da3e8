//! Dialogues with a bank. The left margin says who does something, what follows is what the link wants done.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::time::Duration;

use bytes::{Bytes, BytesMut};
use expect_test::{Expect, expect};
use pointsman_iso8583::{Builder, Dialect};

use super::*;
use crate::{Cause, Nature, Request, TransactionId, TransactionIds, Undo, WallClock, limits};

mod connection;
mod drain;
mod matching;
mod obligations;
mod recovery;
mod requests;
mod stand_in;

/// 2025-11-24T14:15:00Z.
const NOON: u64 = 1_763_993_700;

/// A link with its driver, who writes down what happens.
struct Dialogue {
    link: Link<&'static str>,
    now: Instant,
    script: String,
    /// Does the driver make records durable at once?
    durable: bool,
    /// All that went into the journal.
    records: Vec<Record>,
    /// Of the last approval.
    undo: Option<Undo>,
}

fn dialect() -> Arc<Dialect> {
    Dialect::builtin("iso87-ascii").unwrap()
}

fn profile() -> LinkProfile {
    LinkProfile {
        timeout: Duration::from_secs(15),
        addresses: 2,
        wall_clock: WallClock::from_unix_seconds(NOON),
        seed: 7,
        ..LinkProfile::new("alpha".into(), dialect())
    }
}

impl Dialogue {
    fn new(profile: LinkProfile) -> Dialogue {
        let link = Link::new(Arc::new(profile), Instant::ZERO);
        let mut dialogue = Dialogue {
            link,
            now: Instant::ZERO,
            script: String::new(),
            durable: true,
            records: Vec::new(),
            undo: None,
        };
        dialogue.note();
        dialogue
    }

    /// Connected and signed on, nothing of it written down. The sign-on took number 1.
    fn signed_on(profile: LinkProfile) -> Dialogue {
        let mut dialogue = Dialogue::new(profile);
        dialogue.connected();
        dialogue.bank("0810", &[(11, "000001"), (39, "00"), (70, "001")]);
        assert_eq!(dialogue.link.state(), LinkState::SignedOn);
        dialogue.script.clear();
        dialogue
    }

    fn connected(&mut self) -> &mut Self {
        self.script += "connected\n";
        self.link.handle_connected(self.now);
        self.note()
    }

    /// Connected, and the bank answers the sign-on.
    fn signs_on(&mut self) -> &mut Self {
        self.connected();
        let asked = self
            .script
            .lines()
            .rev()
            .find(|line| line.contains("send 0800"));
        let stan = asked
            .and_then(|line| line.split("11=").nth(1)?.get(..6))
            .unwrap()
            .to_string();
        self.bank("0810", &[(11, &stan), (39, "00"), (70, "001")])
    }

    fn connect_failed(&mut self) -> &mut Self {
        self.script += "connect failed\n";
        self.link.handle_connect_failed(self.now);
        self.note()
    }

    fn disconnected(&mut self) -> &mut Self {
        self.script += "disconnected\n";
        self.link.handle_disconnected(self.now);
        self.note()
    }

    fn drain(&mut self) -> &mut Self {
        self.script += "drain\n";
        self.link.handle_drain(self.now);
        self.note()
    }

    /// Time passes; the driver calls when the link wants to be called.
    fn wait_ms(&mut self, ms: u64) -> &mut Self {
        let until = self.now + Duration::from_millis(ms);
        while let Some(timer) = self.link.next_timer().filter(|timer| *timer <= until) {
            self.now = self.now.max(timer);
            self.link.handle_timer(self.now);
            assert!(
                self.link.next_timer().is_none_or(|next| next > self.now),
                "a timer that stays due"
            );
            self.script += &format!("{} ms\n", self.now.as_nanos() / 1_000_000);
            self.note();
        }
        self.now = until;
        self
    }

    fn wait(&mut self, seconds: u64) -> &mut Self {
        self.wait_ms(seconds * 1_000)
    }

    /// A purchase of a terminal.
    fn purchase(&mut self, terminal: &'static str, amount: &str) -> &mut Self {
        self.request(
            terminal,
            "0200",
            &[(3, "000000"), (4, amount), (11, "000000"), (41, terminal)],
        )
    }

    fn request(&mut self, who: &'static str, mti: &str, fields: &[(u8, &str)]) -> &mut Self {
        let nature = match mti.get(1..3) {
            Some("20") => Nature::Financial,
            Some("22" | "12") => Nature::Advice,
            Some("40" | "42") => Nature::Reversal,
            _ => Nature::Inquiry,
        };
        self.request_of(who, mti, fields, nature, self.now)
    }

    fn request_of(
        &mut self,
        who: &'static str,
        mti: &str,
        fields: &[(u8, &str)],
        nature: Nature,
        accepted: Instant,
    ) -> &mut Self {
        let message = message(mti, fields);
        let stan = dialect().view(&message).unwrap().stan_slot();
        let ticket = Ticket::new(0, 0);
        self.script += &format!("{who} asks\n");
        let request = Request {
            reply_to: who,
            ticket,
            accepted,
            message,
            stan,
            nature,
        };
        self.link.handle_request(self.now, request);
        self.note()
    }

    fn bank(&mut self, mti: &str, fields: &[(u8, &str)]) -> &mut Self {
        let frame = message(mti, fields).freeze();
        self.script += &format!("bank says {}\n", text(&frame));
        self.link.handle_frame(self.now, frame);
        self.note()
    }

    /// The bank answers a purchase.
    fn approves(&mut self, terminal: &str, amount: &str, stan: &str) -> &mut Self {
        self.bank(
            "0210",
            &[(4, amount), (11, stan), (39, "00"), (41, terminal)],
        )
    }

    fn bank_bytes(&mut self, frame: &[u8]) -> &mut Self {
        self.script += &format!("bank sends {} bytes\n", frame.len());
        self.link
            .handle_frame(self.now, Bytes::copy_from_slice(frame));
        self.note()
    }

    /// Carries the outputs out and writes them down.
    fn note(&mut self) -> &mut Self {
        while let Some(output) = self.link.poll_output() {
            let line = match output {
                LinkOutput::Connect { address } => format!("connect to {address}"),
                LinkOutput::Disconnect => "disconnect".into(),
                LinkOutput::Transmit { message, after } => {
                    format!("send {}{}", text(&message), waits(after))
                }
                LinkOutput::Answer {
                    reply_to,
                    answer,
                    after,
                } => {
                    if answer.undo.is_some() {
                        self.undo = answer.undo;
                    }
                    let outcome = match answer.outcome {
                        Outcome::Response(message) => text(&message),
                        Outcome::Accepted => "accepted".into(),
                        Outcome::StoodIn(code) => format!("stood in {}", code.as_str()),
                        Outcome::Declined(cause) => format!("{cause:?}"),
                    };
                    format!("tell {reply_to} {outcome}{}", waits(after))
                }
                LinkOutput::Recall {
                    transaction,
                    reply_to,
                    after,
                    ..
                } => format!(
                    "recall {} for {reply_to}{}",
                    count(transaction),
                    waits(after)
                ),
                LinkOutput::Journal { number, record } => {
                    if self.durable {
                        self.link.handle_durable(number);
                    }
                    self.records.push(record.clone());
                    format!("record {}: {}", number.get(), record_text(record))
                }
                LinkOutput::Event(LinkEvent::StateChanged { from, to }) => {
                    format!("{} → {}", from.label(), to.label())
                }
                LinkOutput::Event(event) => format!("({})", event_text(&event)),
                LinkOutput::Drained => "drained".into(),
            };
            self.script += &format!("    {line}\n");
        }
        self
    }

    fn check(&mut self, expected: Expect) -> &mut Self {
        expected.assert_eq(&core::mem::take(&mut self.script));
        self
    }

    fn quietly(&mut self) -> &mut Self {
        self.script.clear();
        self
    }
}

fn message(mti: &str, fields: &[(u8, &str)]) -> BytesMut {
    let dialect = dialect();
    let mut out = BytesMut::new();
    let mut builder = Builder::new(&dialect, &mut out, mti.parse().unwrap());
    for (field, value) in fields {
        builder.text(*field, value).unwrap();
    }
    builder.finish().unwrap();
    out
}

/// `0200 4=… 11=…`, without the fields that never matter here.
fn text(message: &[u8]) -> String {
    let dialect = dialect();
    let view = dialect.view(message).unwrap();
    let fields = view.fields().iter().filter(|field| *field != 3);
    let fields = fields.map(|field| format!(" {field}={}", view.to_text(field).unwrap()));
    view.mti().to_string() + &fields.collect::<String>()
}

fn waits(after: Option<RecordNumber>) -> String {
    after
        .map(|number| format!(", after {}", number.get()))
        .unwrap_or_default()
}

fn record_text(record: Record) -> String {
    match record {
        Record::Intent(intent) => format!(
            "{} is about to be sent as {} {}, undone by {}",
            count(intent.transaction),
            intent.mti,
            intent.stan,
            text(intent.reversal.expose())
        ),
        Record::Outcome {
            transaction,
            response_code,
            ..
        } => {
            format!(
                "{} answered {}",
                count(transaction),
                response_code
                    .map(|code| code.to_string())
                    .unwrap_or_default()
            )
        }
        Record::Due(due) => format!(
            "{} of {} due{}{}",
            due.kind.label(),
            count(due.transaction),
            due.cause
                .map(|cause| format!(": {}", cause.label()))
                .unwrap_or_default(),
            format_args!(", {}", text(due.message.expose()))
        ),
        Record::Attempt {
            transaction,
            kind,
            stan,
            count: times,
        } => {
            format!(
                "{} of {} goes as {stan}, {times}",
                kind.label(),
                count(transaction)
            )
        }
        Record::Settled {
            transaction,
            kind,
            how,
        } => format!(
            "{} of {} is {}",
            kind.label(),
            count(transaction),
            how.label()
        ),
        Record::Withdrawn { transaction, .. } => format!("{} was not sent", count(transaction)),
        Record::ReversedUnseen { .. } => "what has not come is reversed".into(),
    }
}

/// `T1`, `T2` … of the first life.
fn count(transaction: TransactionId) -> String {
    format!("T{}", transaction.get() as u32)
}

fn event_text(event: &LinkEvent) -> Box<str> {
    let text = match event {
        LinkEvent::ConnectFailed { address, retry_in } => {
            format!(
                "address {address} failed, again in {} ms",
                retry_in.as_millis()
            )
        }
        LinkEvent::Disconnected { lost, retry_in } => {
            format!("lost {lost}, again in {} ms", retry_in.as_millis())
        }
        LinkEvent::Late {
            stan,
            response_code,
            overdue,
            ..
        } => {
            let code = response_code
                .map(|code| code.to_string())
                .unwrap_or_default();
            format!("{stan} answered {code}, {} ms late", overdue.as_millis())
        }
        LinkEvent::Unmatched { mti, stan, why, .. } => {
            let stan = stan.map(|stan| stan.to_string()).unwrap_or_default();
            format!("unmatched {mti} {stan}: {}", why_text(why))
        }
        LinkEvent::Lost { trace, .. } => format!("in doubt: {trace}"),
        LinkEvent::TimedOut { stan, .. } => format!("{stan} timed out"),
        LinkEvent::Mismatched { stan, field, .. } => format!("{stan} differs in field {field}"),
        LinkEvent::EchoMissed { missed } => format!("{missed} echoes missed"),
        LinkEvent::Undecodable { error, declined } => {
            format!("unreadable, field {}, declined: {declined}", error.field)
        }
        LinkEvent::NetworkManagementRefused {
            code,
            response_code,
        } => {
            format!(
                "{code:?} refused with {}",
                response_code
                    .map(|code| code.to_string())
                    .unwrap_or_default()
            )
        }
        LinkEvent::NetworkManagementUnanswered { code } => format!("{code:?} unanswered"),
        LinkEvent::NetworkManagementUnwritable { code, error } => {
            format!("{code:?} unwritable, field {}", error.field)
        }
        LinkEvent::NetworkManagementReceived {
            mti,
            code,
            accepted,
        } => {
            format!("host: {mti} {code:?}, accepted: {accepted}")
        }
        LinkEvent::Settled {
            transaction,
            kind,
            how,
            attempts,
            ..
        } => format!(
            "{} of {}: {} after {attempts}",
            kind.label(),
            count(*transaction),
            how.label()
        ),
        LinkEvent::StoodIn { amount, .. } => format!("stood in for {amount}"),
        LinkEvent::ReversedUnseen { .. } => "reversed before it came".into(),
        LinkEvent::OriginalsForgotten { early } => format!("{early} originals forgotten"),
        LinkEvent::UnsupportedRequest { mti, answered } => {
            format!("unsupported {mti}, answered: {answered}")
        }
        LinkEvent::StateChanged { .. } => unreachable!("written down apart"),
    };
    text.into()
}

fn why_text(why: &UnmatchedReason) -> String {
    match why {
        UnmatchedReason::KeyMissing { field } => format!("{} {field}", why.label()),
        UnmatchedReason::KeyDiffers { field } => format!("{} {field}", why.label()),
        UnmatchedReason::MtiDiffers { expected } => format!("{} {expected}", why.label()),
        UnmatchedReason::Unknown | UnmatchedReason::AlreadyAnswered => why.label().into(),
    }
}
