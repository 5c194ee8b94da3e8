//! Dialogues with a terminal. The left margin says who does something, what follows is what the session wants done.
//!
//! The terminal speaks `iso87-bcd` unless a test says otherwise, bank "alpha" `iso87-ascii`, bank "beta" as well.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::time::Duration;

use bytes::BytesMut;
use expect_test::{Expect, expect};
use pointsman_iso8583::{Builder, Dialect, ResponseCode, Stan};
use pointsman_routing::{RoutingTable, Rule};

use super::*;
use crate::{CardMessage, Forward, LinkId, Nature, Trace, TransactionId, Undo};

mod answers;
mod presence;
mod requests;

const TPDU: [u8; 5] = [0x60, 0x00, 0x03, 0x12, 0x34];

/// A session with its driver, who writes down what happens.
struct Dialogue {
    session: Session,
    now: Instant,
    script: String,
    forwarded: Vec<Forward>,
    /// The session wants to hear of a reversal under this ticket.
    waiting: Option<Ticket>,
    dialect: Arc<Dialect>,
    link_dialect: Arc<Dialect>,
}

fn builtin(name: &str) -> Arc<Dialect> {
    Dialect::builtin(name).unwrap()
}

/// The dialect of the name with changes to its fields.
fn changed(name: &str, fields: &str) -> Arc<Dialect> {
    let source = format!("name = \"changed\"\nextends = \"{name}\"\n[fields]\n{fields}\n");
    Arc::new(Dialect::parse(&source).unwrap())
}

fn routes(default: Option<LinkId>) -> Arc<RoutingTable<LinkId>> {
    let rule = |bins: &[&str], link| Rule {
        bins: bins.iter().map(|bin| bin.parse().unwrap()).collect(),
        link: LinkId(link),
    };
    let rules = [
        rule(&["4"], 0),
        rule(&["510000-559999"], 1),
        rule(&["9"], 7),
    ];
    Arc::new(RoutingTable::build(&rules, default).unwrap())
}

fn profile(dialect: &Arc<Dialect>, link: &Arc<Dialect>) -> ListenerProfile {
    ListenerProfile {
        name: "pos".into(),
        dialect: Arc::clone(dialect),
        routes: routes(None),
        links: [
            LinkLeg::new("alpha".into(), dialect, link),
            LinkLeg::new("beta".into(), dialect, link),
        ]
        .into(),
        in_flight_max: 3,
        message_bytes_max: usize::MAX,
        presence: PresencePolicy::Ignore,
    }
}

impl Dialogue {
    fn new() -> Dialogue {
        Dialogue::between(&builtin("iso87-bcd"), &builtin("iso87-ascii"))
    }

    fn between(dialect: &Arc<Dialect>, link: &Arc<Dialect>) -> Dialogue {
        Dialogue::with(profile(dialect, link))
    }

    fn with(profile: ListenerProfile) -> Dialogue {
        let (dialect, link_dialect) = (
            Arc::clone(&profile.dialect),
            Arc::clone(&profile.links[0].dialect),
        );
        Dialogue {
            session: Session::new(Arc::new(profile)),
            now: Instant::ZERO,
            script: String::new(),
            forwarded: Vec::new(),
            waiting: None,
            dialect,
            link_dialect,
        }
    }

    fn wait_ms(&mut self, ms: u64) -> &mut Self {
        self.now = self.now + Duration::from_millis(ms);
        self
    }

    fn terminal(&mut self, mti: &str, fields: &[(u8, &str)]) -> &mut Self {
        let frame = message(&self.dialect, mti, fields);
        self.script += &format!("terminal says {}\n", text(&self.dialect, &frame));
        self.session.handle_frame(self.now, None, frame.freeze());
        self.note()
    }

    fn terminal_bytes(&mut self, transport: Option<[u8; 5]>, frame: &[u8]) -> &mut Self {
        self.script += &format!("terminal sends {} bytes\n", frame.len());
        self.session
            .handle_frame(self.now, transport, Bytes::copy_from_slice(frame));
        self.note()
    }

    fn purchase(&mut self, stan: &str) -> &mut Self {
        self.terminal("0200", &purchase(stan))
    }

    /// The bank answers the request that was forwarded as the n-th.
    fn bank(&mut self, n: usize, mti: &str, fields: &[(u8, &str)]) -> &mut Self {
        let answer = message(&self.link_dialect, mti, fields);
        self.script += &format!("bank says {}\n", text(&self.link_dialect, &answer));
        self.outcome(n, Outcome::Response(answer.freeze()))
    }

    fn declined(&mut self, n: usize, cause: Cause) -> &mut Self {
        self.script += &format!("link says {cause:?}\n");
        self.outcome(n, Outcome::Declined(cause))
    }

    /// The reversal that the session waits for is on record.
    fn reversal_recorded(&mut self, cause: Cause) -> &mut Self {
        let ticket = self.waiting.take().unwrap();
        self.script += &format!("link says {cause:?}\n");
        let answer = Answer {
            ticket,
            outcome: Outcome::Declined(cause),
            undo: None,
        };
        self.session.handle_answer(self.now, answer);
        self.note()
    }

    fn outcome(&mut self, n: usize, outcome: Outcome) -> &mut Self {
        let answer = self.answer(n, outcome);
        self.session.handle_answer(self.now, answer);
        self.note()
    }

    /// As a link gives it: an approval that moved money with what undoes it.
    fn answer(&self, n: usize, outcome: Outcome) -> Answer {
        let Forward { ticket, nature, .. } = self.forwarded[n];
        let approved = match &outcome {
            Outcome::Response(message) => self
                .link_dialect
                .view(message)
                .is_ok_and(|view| view.response_code().is_some_and(|code| code.is_approval())),
            Outcome::Accepted | Outcome::StoodIn(_) | Outcome::Declined(_) => false,
        };
        let undo = (approved && nature == Nature::Financial).then(|| Undo {
            transaction: TransactionId::from_raw(n as u64),
            reference: None,
            stan: Stan::new(1).unwrap(),
            trace: Trace::default(),
            reversal: CardMessage::new(Bytes::new()),
            copies: 1,
        });
        Answer {
            ticket,
            outcome,
            undo,
        }
    }

    fn refused(&mut self, n: usize, cause: Cause) -> &mut Self {
        self.script += &format!("driver says {cause:?}\n");
        self.session.handle_refused(self.forwarded[n].ticket, cause);
        self.note()
    }

    fn drain(&mut self) -> &mut Self {
        self.script += "drain\n";
        self.session.handle_drain();
        self.note()
    }

    fn closed(&mut self) -> &mut Self {
        self.script += "closed\n";
        self.session.handle_closed();
        self.note()
    }

    fn note(&mut self) -> &mut Self {
        while let Some(output) = self.session.poll_output() {
            let line = match output {
                SessionOutput::Forward(forward) => {
                    let line = format!(
                        "forward to {} {}{}",
                        forward.link.0,
                        text(&self.link_dialect, &forward.message),
                        match forward.nature {
                            Nature::Financial => ", financial",
                            Nature::Inquiry => "",
                            Nature::Advice => ", advice",
                            Nature::Reversal => ", reversal",
                        },
                    );
                    self.forwarded.push(forward);
                    line
                }
                SessionOutput::Reply {
                    transport,
                    message,
                    undo,
                } => {
                    assert!(transport.is_none_or(|tpdu| tpdu == TPDU));
                    let tpdu = transport.map(|_| " through the TPDU").unwrap_or_default();
                    let undo = undo.map(|_| ", undone if lost").unwrap_or_default();
                    format!("reply{tpdu} {}{undo}", text(&self.dialect, &message))
                }
                SessionOutput::Undo { undo, told, .. } => {
                    let told = told.map_or(String::new(), |(ticket, cause)| {
                        self.waiting = Some(ticket);
                        format!(", then tell {cause:?}")
                    });
                    format!("undo {}{told}", undo.transaction.get())
                }
                SessionOutput::Close(cause) => format!("close: {}", cause.label()),
                SessionOutput::Event(SessionEvent::Accepted { .. }) => continue,
                SessionOutput::Event(event) => format!("({})", event_text(&event)),
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

fn purchase(stan: &str) -> [(u8, &str); 7] {
    [
        (2, "4111111111111111"),
        (3, "000000"),
        (4, "000000000100"),
        (11, stan),
        (25, "00"),
        (41, "T0000001"),
        (42, "MERCHANT0000001"),
    ]
}

fn message(dialect: &Dialect, mti: &str, fields: &[(u8, &str)]) -> BytesMut {
    let mut out = BytesMut::new();
    let mut builder = Builder::new(dialect, &mut out, mti.parse().unwrap());
    for (field, value) in fields {
        builder.text(*field, value).unwrap();
    }
    builder.finish().unwrap();
    out
}

fn text(dialect: &Dialect, message: &[u8]) -> String {
    let view = dialect.view(message).unwrap();
    let fields = view.fields().iter();
    let fields = fields.map(|field| format!(" {field}={}", view.to_text(field).unwrap()));
    view.mti().to_string() + &fields.collect::<String>()
}

fn event_text(event: &SessionEvent) -> String {
    let code = |code: &Option<ResponseCode>| {
        code.map(|code| code.to_string())
            .unwrap_or_else(|| "nothing".into())
    };
    match event {
        SessionEvent::Answered {
            link,
            mti,
            cause,
            response_code,
            latency,
            ..
        } => {
            let link = link
                .map(|link| format!(" of {}", link.0))
                .unwrap_or_default();
            let cause = cause.map(|cause| format!(" because of {}", cause.label()));
            let cause = cause.unwrap_or_default();
            let (code, ms) = (code(response_code), latency.as_millis());
            format!("{mti}{link} answered {code}{cause} after {ms} ms")
        }
        SessionEvent::Unreadable { error, answered } => {
            format!("unreadable, field {}, answered: {answered}", error.field)
        }
        SessionEvent::FieldsDropped { fields, .. } => {
            format!("dropped {:?}", fields.iter().collect::<Vec<u8>>())
        }
        SessionEvent::Undelivered {
            link,
            response_code,
            approved,
            why,
            trace,
            ..
        } => {
            let code = code(response_code);
            format!(
                "{} of {} undelivered, approved: {approved}: {}, {trace}",
                code,
                link.0,
                why.label()
            )
        }
        SessionEvent::Unanswered {
            link,
            mti,
            cause,
            trace,
        } => {
            let link = link.map_or(String::new(), |link| format!(" of {}", link.0));
            format!(
                "{mti}{link} unanswered because of {}, {trace}",
                cause.label()
            )
        }
        SessionEvent::NotCarried { link, field } => match field {
            Some(field) => format!("{} cannot say field {field}", link.0),
            None => format!("{} cannot say so much", link.0),
        },
        SessionEvent::NetworkManagement { mti, accepted } => {
            format!("{mti} answered here, accepted: {accepted}")
        }
        SessionEvent::Incomplete {
            link,
            mti,
            field,
            problem,
            refused,
            trace,
        } => {
            let link = link.map_or(String::new(), |link| format!(" of {}", link.0));
            let refused = if *refused { ", refused" } else { "" };
            format!("{mti}{link} breaks a rule: field {field} {problem}{refused}, {trace}")
        }
        SessionEvent::Unanswerable { mti } => format!("{mti} has no answer"),
        SessionEvent::Accepted { .. } | SessionEvent::StaleAnswer => event.label().into(),
    }
}
