//! A model bank: it signs on, decides, answers, and gets everything wrong that its faults allow.
//!
//! Its ledger is the witness of what was asked of it and what it decided. It books as banks do, by the trace number and
//! the terminal of a message, finds the original of a reversal by field 90, and answers a message that it has had before
//! as it did then. That no transaction is in it twice is seen by its reference number (field 37, which each terminal
//! makes unique).

mod answering;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use pointsman_engine::Instant;
use pointsman_iso8583::{Dialect, MtiClass, View};

pub(crate) use self::answering::build;
use self::answering::{Answering, build_owned};
use crate::checks;
use crate::plan::{Faults, LinkPlan};
use crate::random::Random;
use crate::terminal::long_value;

pub(crate) struct Bank {
    pub(crate) dialect: Arc<Dialect>,
    plan: LinkPlan,
    pub(crate) ledger: BTreeMap<u64, Entry>,
    /// By terminal, number and reference, what was answered to a reversal that found its original.
    reversals: BTreeMap<(String, String, u64), &'static str>,
    /// Requests that lie about and are taken up later.
    waiting: BTreeMap<u64, Waiting>,
    connection: Option<Connection>,
    /// Trace numbers and terminals of the last requests.
    recent: VecDeque<(String, String)>,
    approvals: u32,
    own_stan: u32,
    /// Trace numbers of what looks like a request of the bank: the only ones that the switch may answer.
    demands: BTreeSet<String>,
}

/// What a bank knows of one transaction.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) decision: Decision,
    /// With what it declined before it changed its mind.
    pub(crate) declined: Option<&'static str>,
    /// Under which number and from which terminal it came.
    stan: String,
    terminal: String,
    /// Does it move money?
    pub(crate) booked: bool,
    pub(crate) reversed: bool,
    /// An answer was sent that the switch must not take for one.
    pub(crate) mangled: bool,
    /// The approval came so late that its reversal had been acknowledged, and a crash took the news of it away: the
    /// place in the log that would have told, or none if it was not so.
    pub(crate) late: Option<usize>,
    /// That has happened.
    pub(crate) excused: bool,
}

/// A request that was not taken up yet, or that was declined and is looked at once more.
struct Waiting {
    message: Bytes,
    until: Instant,
}

/// What became of a request that lay about.
pub(crate) enum TakenUp {
    /// Not yet: nobody is connected.
    Later,
    Never,
    Answered(Bytes),
}

#[derive(Clone, Debug)]
pub(crate) struct Decision {
    pub(crate) code: &'static str,
    pub(crate) approved: bool,
    pub(crate) amount: u64,
    /// Field 38.
    pub(crate) approval: String,
}

struct Connection {
    epoch: u64,
    signed_on: bool,
    /// What the host has asked and the switch has not answered: trace numbers and codes.
    asking: Vec<(String, &'static str)>,
    /// The switch has confirmed the host's sign-off: no request may follow.
    barred: bool,
}

/// Something that the bank sends.
pub(crate) struct Say {
    /// When it is at the link.
    pub(crate) arrives: Instant,
    pub(crate) message: Bytes,
    /// It goes out on whatever connection there is then, not only on this one.
    pub(crate) any_connection: bool,
    /// It claims to be the answer to somebody else's request.
    pub(crate) forged: bool,
}

/// What comes of a message.
#[derive(Default)]
pub(crate) struct Reaction {
    pub(crate) says: Vec<Say>,
    /// The request with this reference is taken up at this time.
    pub(crate) later: Option<(u64, Instant)>,
}

impl Bank {
    pub(crate) fn new(plan: LinkPlan) -> Bank {
        let dialect = Dialect::builtin(plan.dialect).expect("a built-in dialect");
        Bank {
            dialect,
            plan,
            ledger: BTreeMap::new(),
            reversals: BTreeMap::new(),
            waiting: BTreeMap::new(),
            connection: None,
            recent: VecDeque::new(),
            approvals: 0,
            own_stan: 900_000,
            demands: BTreeSet::new(),
        }
    }

    pub(crate) fn connected(&mut self, epoch: u64) {
        let signed_on = !self.plan.sign_on;
        self.connection = Some(Connection {
            epoch,
            signed_on,
            asking: Vec::new(),
            barred: false,
        });
    }

    pub(crate) fn disconnected(&mut self, epoch: u64) {
        self.connection
            .take_if(|connection| connection.epoch == epoch);
    }

    /// A message of the switch. `issued` is when the link took the request up: what its deadline counts from. `ghost`: it
    /// is the last that came over a connection that has ended, and nothing can be answered.
    pub(crate) fn receive(
        &mut self,
        now: Instant,
        issued: Instant,
        message: &Bytes,
        ghost: bool,
        faults: &Faults,
        random: &mut Random,
    ) -> Result<Reaction, String> {
        let dialect = Arc::clone(&self.dialect);
        let view = dialect
            .view(message)
            .map_err(|error| format!("the bank cannot read it: {error}"))?;
        if self.connection.is_none() && !ghost {
            return Ok(Reaction::default());
        }
        let mti = view.mti();
        if mti.class() == MtiClass::NetworkManagement {
            let says = if ghost {
                Vec::new()
            } else {
                self.management(now, &view, faults, random)
            };
            return Ok(Reaction { says, later: None });
        }
        if !mti.is_request() {
            return self.refused(&view).map(|()| Reaction::default());
        }
        let nonce = checks::nonce(&view).ok_or("a request without reference")?;
        if let Some(connection) = self.connection.as_ref().filter(|_| !ghost) {
            if !connection.signed_on {
                return Err(format!("request {nonce} before the sign-on"));
            }
            if connection.barred {
                return Err(format!(
                    "request {nonce} after the host's sign-off was confirmed"
                ));
            }
        }
        if mti.class() == MtiClass::Reversal || mti.is_advice() {
            let says = self.obligation(now, issued, nonce, &view, faults, random)?;
            return Ok(Reaction { says, later: None });
        }
        if random.permille(faults.request_lost) {
            return Ok(Reaction::default());
        }
        let known = self.ledger.contains_key(&nonce) || self.waiting.contains_key(&nonce);
        if known {
            return Err(format!("transaction {nonce} was sent to the bank twice"));
        }
        if !ghost && random.permille(faults.original_delayed) {
            let until = self.last_arrival(issued);
            let at = (now + random.millis(10..=5_000)).min(until);
            let message = message.clone();
            self.waiting.insert(nonce, Waiting { message, until });
            return Ok(Reaction {
                says: Vec::new(),
                later: Some((nonce, at)),
            });
        }
        let mut reaction = self.request(now, issued, nonce, &view, faults, random)?;
        if let Some((nonce, at)) = reaction.later {
            let until = at + self.plan.cooling.0 * 2 / 10;
            let message = message.clone();
            self.waiting.insert(nonce, Waiting { message, until });
            reaction.later = (!ghost).then_some((nonce, at));
        }
        Ok(reaction)
    }

    /// The switch has lost its records from this place on, and with them the news of late approvals.
    pub(crate) fn crashed(&mut self, end: usize) {
        for entry in self.ledger.values_mut() {
            if entry.late.take_if(|place| *place >= end).is_some() {
                entry.excused = true;
            }
        }
    }

    /// A request that lay about is taken up. Its answer is at the link at once: were it lost as well, nobody could know.
    pub(crate) fn take_up(
        &mut self,
        now: Instant,
        nonce: u64,
        reachable: bool,
        random: &mut Random,
    ) -> TakenUp {
        let Some(waiting) = self.waiting.get(&nonce) else {
            return TakenUp::Never;
        };
        if now > waiting.until {
            self.waiting.remove(&nonce);
            return TakenUp::Never;
        }
        let able = self
            .connection
            .as_ref()
            .is_some_and(|connection| connection.signed_on);
        if !reachable || !able {
            return TakenUp::Later;
        }
        let Some(waiting) = self.waiting.remove(&nonce) else {
            return TakenUp::Never;
        };
        let dialect = Arc::clone(&self.dialect);
        let view = dialect
            .view(&waiting.message)
            .expect("it was read when it came");
        let declined = self.ledger.get(&nonce).map(|entry| entry.decision.code);
        let mut decision = self.book(nonce, &view, random);
        if let (Some(_), Some(entry)) = (declined, self.ledger.get_mut(&nonce)) {
            decision.code = "00";
            decision.approved = true;
            decision.amount = view.amount().map_or(0, |amount| amount.get());
            entry.decision = decision.clone();
            entry.declined = declined;
            entry.booked = true;
            // What was taken back before was nothing.
            self.reversals.retain(|(_, _, known), _| *known != nonce);
        }
        let fields = self.answer_fields(&view, &decision);
        let mti = view.mti().response().expect("only requests wait");
        TakenUp::Answered(build_owned(&self.dialect, mti, &fields))
    }

    /// The switch answers a request of the bank: it says no, and only if it was asked.
    fn refused(&self, view: &View<'_>) -> Result<(), String> {
        let (stan, code) = (view.to_text(11), view.to_text(39));
        if code.as_deref() != Some("40") {
            return Err(format!("its request is answered with {code:?}"));
        }
        match stan.filter(|stan| self.demands.contains(stan)) {
            Some(_) => Ok(()),
            None => Err("it is answered what it did not ask".into()),
        }
    }

    /// The host asks something of its own accord: an echo, a sign-off, something that nobody supports.
    pub(crate) fn ask(&mut self, code: &'static str) -> Option<Bytes> {
        self.own_stan += 1;
        let stan = format!("{:06}", self.own_stan);
        let connection = self.connection.as_mut()?;
        connection.asking.push((stan.clone(), code));
        Some(build(
            &self.dialect,
            "0800",
            &[(7, "1124141500"), (11, &stan), (70, code)],
        ))
    }

    /// The bank asks for something that no bank should: a payment, or its reversal.
    pub(crate) fn demand(&mut self, mti: &'static str) -> Option<Bytes> {
        self.connection.as_ref()?;
        self.own_stan += 1;
        let stan = format!("{:06}", self.own_stan);
        self.demands.insert(stan.clone());
        let fields = [(4, "000000000100"), (11, &*stan), (41, "BANKTERM")];
        Some(build(&self.dialect, mti, &fields))
    }

    /// Is it waiting for somebody to sign on again?
    pub(crate) fn is_barred(&self) -> bool {
        self.connection
            .as_ref()
            .is_some_and(|connection| connection.barred)
    }

    fn management(
        &mut self,
        now: Instant,
        view: &View<'_>,
        faults: &Faults,
        random: &mut Random,
    ) -> Vec<Say> {
        let (Some(connection), Some(stan)) = (&mut self.connection, view.to_text(11)) else {
            return Vec::new();
        };
        if !view.mti().is_request() {
            let asked = connection
                .asking
                .iter()
                .position(|(asked, _)| *asked == stan);
            match asked.map(|asked| connection.asking.remove(asked)) {
                Some((_, "002")) => connection.barred = true,
                Some((_, "001")) => connection.barred = false,
                Some(_) | None => {}
            }
            return Vec::new();
        }
        if random.permille(faults.management_unanswered) {
            return Vec::new();
        }
        let code = view.to_text(70).unwrap_or_default();
        let mut answer = "00";
        if code == "001" {
            if random.permille(faults.sign_on_refused) {
                answer = "91";
            } else {
                connection.signed_on = true;
                connection.barred = false;
            }
        } else if code == "002" {
            connection.signed_on = false;
        }
        let message = build(
            &self.dialect,
            "0810",
            &[(11, &stan), (39, answer), (70, &code)],
        );
        let arrives = now + random.micros(200..=8_000);
        vec![Say {
            arrives,
            message,
            any_connection: false,
            forged: false,
        }]
    }

    /// Decides on a request, and books it.
    fn book(&mut self, nonce: u64, view: &View<'_>, random: &mut Random) -> Decision {
        let text = |field| view.to_text(field).unwrap_or_default();
        let amount = view.amount().map_or(0, |amount| amount.get());
        let decision = self.decide(amount, random);
        let entry = Entry {
            stan: text(11),
            terminal: text(41),
            booked: decision.approved && moves_money(view),
            decision: decision.clone(),
            declined: None,
            reversed: false,
            mangled: false,
            late: None,
            excused: false,
        };
        self.ledger.insert(nonce, entry);
        decision
    }

    /// A reversal or an advice.
    fn obligation(
        &mut self,
        now: Instant,
        issued: Instant,
        nonce: u64,
        view: &View<'_>,
        faults: &Faults,
        random: &mut Random,
    ) -> Result<Vec<Say>, String> {
        if random.permille(faults.stored_lost) {
            return Ok(Vec::new());
        }
        let code = if random.permille(faults.stored_put_off) {
            random.pick(&["91", "96", "68", "09"])
        } else if random.permille(faults.stored_refused) {
            "30"
        } else if view.mti().class() == MtiClass::Reversal {
            self.take_back(nonce, view)?
        } else {
            self.note(nonce, view)?
        };
        if random.permille(faults.stored_unanswered) {
            return Ok(Vec::new());
        }
        let mut fields: Vec<(u8, String)> = [3, 4, 7, 11, 37, 41, 42, 49]
            .into_iter()
            .filter_map(|field| Some((field, view.to_text(field)?)))
            .collect();
        fields.push((39, code.into()));
        fields.sort_by_key(|(field, _)| *field);
        let mti = view.mti().response().expect("only requests come here");
        let message = build_owned(&self.dialect, mti, &fields);
        let mut arrives = now + random.micros(300..=20_000);
        if random.permille(faults.stored_late) {
            arrives = issued + self.plan.timeout + random.millis(0..=1_000);
        }
        let say = |arrives, message| Say {
            arrives,
            message,
            any_connection: false,
            forged: false,
        };
        let mut says = vec![say(arrives.max(now), message.clone())];
        if random.permille(faults.stored_twice) {
            says.push(say(arrives.max(now) + random.millis(0..=50), message));
        }
        Ok(says)
    }

    /// Takes an original back, once. What it does not know it has nothing to undo of.
    fn take_back(&mut self, nonce: u64, view: &View<'_>) -> Result<&'static str, String> {
        let text = |field| view.to_text(field).unwrap_or_default();
        let original = text(90);
        let key = (text(41), text(11), nonce);
        if let Some(code) = self.reversals.get(&key) {
            return Ok(code);
        }
        let stan = original
            .get(4..10)
            .ok_or_else(|| format!("the reversal of {nonce} names no original"))?;
        let found = self
            .ledger
            .get_mut(&nonce)
            .filter(|entry| entry.stan == stan && entry.terminal == key.0);
        let Some(entry) = found else {
            // Some say so, to some it is all one.
            return Ok(if self.plan.says_unknown { "25" } else { "00" });
        };
        if entry.booked && entry.reversed {
            return Err(format!("{nonce} is reversed a second time, as {}", key.1));
        }
        entry.reversed = true;
        self.reversals.insert(key, "00");
        Ok("00")
    }

    /// Books an advice, once.
    fn note(&mut self, nonce: u64, view: &View<'_>) -> Result<&'static str, String> {
        let text = |field| view.to_text(field).unwrap_or_default();
        let amount = view.amount().map_or(0, |amount| amount.get());
        if let Some(entry) = self.ledger.get(&nonce) {
            let again = entry.stan == text(11) && entry.terminal == text(41);
            return if again {
                Ok("94")
            } else {
                Err(format!("advice {nonce} is booked twice"))
            };
        }
        self.approvals += 1;
        let entry = Entry {
            stan: text(11),
            terminal: text(41),
            booked: true,
            decision: Decision {
                code: "00",
                approved: true,
                amount,
                approval: String::new(),
            },
            declined: None,
            reversed: false,
            mangled: false,
            late: None,
            excused: false,
        };
        self.ledger.insert(nonce, entry);
        Ok("00")
    }

    fn request(
        &mut self,
        now: Instant,
        issued: Instant,
        nonce: u64,
        view: &View<'_>,
        faults: &Faults,
        random: &mut Random,
    ) -> Result<Reaction, String> {
        let text = |field| view.to_text(field).unwrap_or_default();
        let amount = view.amount().map_or(0, |amount| amount.get());
        let decision = self.book(nonce, view, random);
        let others: Vec<(String, String)> = self
            .recent
            .iter()
            .filter(|(_, terminal)| *terminal != text(41))
            .cloned()
            .collect();
        self.recent.push_back((text(11), text(41)));
        if self.recent.len() > 16 {
            self.recent.pop_front();
        }
        let mut answer = Answering {
            asked: amount,
            approves: decision.approved && moves_money(view),
            partial: decision.code == "10",
            mti: view.mti().response().expect("only requests come here"),
            fields: self.answer_fields(view, &decision),
        };
        let arrives = self.arrival(now, issued, faults, random);
        let mut says = Vec::new();
        if random.permille(faults.noise) {
            let length = random.between(0..=60) as usize;
            let message = Bytes::from(random.bytes(length));
            let arrives = now + random.millis(0..=50);
            says.push(Say {
                arrives,
                message,
                any_connection: false,
                forged: false,
            });
        }
        if random.permille(faults.answer_lost) {
            return Ok(Reaction { says, later: None });
        }
        if random.permille(faults.too_long) {
            answer.fields.push((55, long_value()));
        }
        if random.permille(faults.fields_omitted) {
            answer.omit(&self.plan, random);
        }
        let mangled = answer.mangle(&others, &self.plan, faults, random);
        if answer.mti.is_request() {
            let stan = answer.fields.iter().find(|(field, _)| *field == 11);
            self.demands.extend(stan.map(|(_, stan)| stan.clone()));
        }
        let mut message = build_owned(&self.dialect, answer.mti, &answer.fields);
        let broken = if random.permille(faults.truncated) {
            message.truncate(random.below(message.len() as u64) as usize);
            true
        } else if random.permille(faults.trailing) {
            let mut longer = BytesMut::from(&message[..]);
            longer.extend_from_slice(b"?");
            message = longer.freeze();
            true
        } else {
            false
        };
        if let Some(entry) = self.ledger.get_mut(&nonce) {
            entry.mangled = mangled || broken;
        }
        if random.permille(faults.answer_twice) {
            let (answered, _) = self.plan.cooling;
            let within = u64::try_from(answered.as_millis() * 8 / 10).expect("short");
            let again = (arrives + random.millis(0..=within)).min(self.last_arrival(issued));
            let message = message.clone();
            says.push(Say {
                arrives: again,
                message,
                any_connection: true,
                forged: mangled,
            });
        }
        let any_connection = random.permille(500);
        says.push(Say {
            arrives,
            message,
            any_connection,
            forged: mangled,
        });
        // While the number rests: no switch could know what came later.
        let changes_mind = !decision.approved
            && moves_money(view)
            && !(mangled || broken)
            && random.permille(faults.mind_changed);
        let within = u64::try_from(self.plan.cooling.0.as_millis() * 7 / 10).expect("short");
        let later = changes_mind
            .then(|| (nonce, arrives + random.millis(0..=within)))
            .filter(|(_, at)| *at + self.plan.cooling.0 * 2 / 10 <= self.last_arrival(issued));
        Ok(Reaction { says, later })
    }

    fn decide(&mut self, amount: u64, random: &mut Random) -> Decision {
        self.approvals += 1;
        let approval = format!("A{:05}", self.approvals % 100_000);
        match random.below(20) {
            0 => Decision {
                code: "05",
                approved: false,
                amount,
                approval,
            },
            1 => Decision {
                code: "51",
                approved: false,
                amount,
                approval,
            },
            2 if amount > 1 => Decision {
                code: "10",
                approved: true,
                amount: amount / 2,
                approval,
            },
            _ => Decision {
                code: "00",
                approved: true,
                amount,
                approval,
            },
        }
    }

    /// When the answer is at the link.
    fn arrival(
        &self,
        now: Instant,
        issued: Instant,
        faults: &Faults,
        random: &mut Random,
    ) -> Instant {
        let deadline = issued + self.plan.timeout;
        let usual = now + random.micros(300..=20_000);
        let arrives = if random.permille(faults.answer_at_the_deadline) {
            let millisecond = Duration::from_millis(1);
            random.pick(&[
                Instant::from_nanos(deadline.as_nanos() - millisecond.as_nanos() as u64),
                deadline,
                deadline + millisecond,
            ])
        } else if random.permille(faults.answer_late) {
            let after = if random.permille(500) {
                1..=150
            } else {
                1..=5_000
            };
            deadline + random.millis(after)
        } else if random.permille(faults.answer_slow) {
            usual + random.millis(0..=1_500)
        } else {
            usual
        };
        // Not before it was asked, and not after the link may forget that it asked.
        arrives
            .max(now + Duration::from_micros(100))
            .min(self.last_arrival(issued).max(usual))
    }

    /// Answers come while the link still remembers their number: that is what it rests for.
    fn last_arrival(&self, issued: Instant) -> Instant {
        let (_, unanswered) = self.plan.cooling;
        issued + unanswered.saturating_sub(Duration::from_millis(20))
    }

    fn answer_fields(&self, view: &View<'_>, decision: &Decision) -> Vec<(u8, String)> {
        let mut fields = Vec::new();
        for field in [3, 4, 7, 11, 12, 13, 24, 25, 37, 41, 42, 49] {
            let Some(mut value) = view.to_text(field) else {
                continue;
            };
            if field == 4 {
                value = format!("{:012}", decision.amount);
            }
            if self.plan.own_ways && !self.plan.match_fields.contains(&field) {
                match field {
                    3 => value = "999999".into(),
                    7 => value = "0101000000".into(),
                    12 => value = "010101".into(),
                    24 | 25 => continue,
                    42 => value = "BANKS OWN ID   ".into(),
                    _ => {}
                }
            }
            fields.push((field, value));
        }
        if decision.approved {
            fields.push((38, decision.approval.clone()));
        }
        fields.push((39, decision.code.into()));
        fields.sort_by_key(|(field, _)| *field);
        fields
    }
}

/// Is it about money, and not just a question?
fn moves_money(view: &View<'_>) -> bool {
    view.to_text(3).as_deref() != Some("310000")
}
