//! Model terminals: what they send, and what they know of it.
//!
//! A terminal that hears nothing in time, or whose connection ends, does what real ones do: it may ask again, and then it
//! reverses, over new connections, until somebody says yes to that; before that it sells nothing. An advice is sent until
//! it is answered. What the terminal was told in time is its receipt.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use pointsman_engine::{ApprovalCode, Instant, Nature};
use pointsman_iso8583::Dialect;

use crate::bank::build;
use crate::plan::{Faults, Manners, PANS, SHORT_BYTES_MAX};
use crate::random::Random;

/// A terminal with its counters.
pub(crate) struct Terminal {
    /// Field 41.
    pub(crate) id: String,
    /// The connection of the plan that it is on.
    pub(crate) slot: usize,
    manners: Manners,
    stan: u32,
    /// Does its next message say more than some framing carries?
    verbose: bool,
    /// Its messages that it waits for an answer to, but for those of its deals.
    pub(crate) open: Vec<usize>,
    /// Its deals that are not done.
    pub(crate) deals: Vec<usize>,
    /// It sends nothing new before this.
    pub(crate) quiet: Instant,
}

/// What a message is, and with it what may be said to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Goes to this bank.
    Routed { bank: usize, nature: Nature },
    /// No bank for the card: 92.
    NoRoute,
    /// Not carried: 40.
    Unsupported,
    /// Answered by the switch: 00, or 40 to what it does not do.
    Management { accepted: bool },
    /// Not readable: 30, or the connection is closed.
    Broken,
}

/// One message of a terminal and what became of it.
pub(crate) struct Message {
    pub(crate) kind: Kind,
    pub(crate) terminal: usize,
    pub(crate) deal: Option<usize>,
    pub(crate) role: Role,
    /// The connection that it was sent on.
    pub(crate) conn: usize,
    /// Field 37: the transaction, whoever has it in hand.
    pub(crate) nonce: u64,
    /// Field 11.
    pub(crate) stan: u32,
    pub(crate) frame: Bytes,
    /// When the session took it.
    pub(crate) accepted: Option<Instant>,
    pub(crate) fate: Fate,
    /// The switch itself approved it, with this code.
    pub(crate) stood_in: Option<ApprovalCode>,
    /// What the answer says: whether it is a yes.
    pub(crate) said: Option<bool>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// Nothing comes of it.
    Single,
    /// The first or a repeat of what it is about.
    Original,
    Repeat,
    Reversal,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    Open,
    /// The session has answered.
    Answered {
        by_bank: bool,
        approved: bool,
    },
    /// An advice that could not be delivered: the session says nothing, so that it comes again.
    Unanswered,
    /// Its connection is gone.
    Abandoned,
}

/// Something that a terminal has to bring to an end: a purchase, or an advice.
pub(crate) struct Deal {
    pub(crate) terminal: usize,
    pub(crate) bank: usize,
    pub(crate) nonce: u64,
    pub(crate) nature: Nature,
    pub(crate) amount: u64,
    stan: u32,
    reversal_stan: u32,
    mti: &'static str,
    reversal_mti: &'static str,
    fields: Vec<(u8, String)>,
    repeats_left: u32,
    /// How often the advice or the reversal was sent.
    sent: u32,
    pub(crate) stage: Stage,
    /// The message whose answer it waits for.
    pub(crate) waits_for: Option<usize>,
    /// What the terminal was told in time: yes or no.
    pub(crate) receipt: Option<bool>,
    /// It is taken back after all.
    pub(crate) reversed: bool,
    /// The customer wants the money back as soon as it is paid.
    voided: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    Asking,
    Reversing,
    Done,
}

/// A value of field 55 that makes a message too long.
pub(crate) fn long_value() -> String {
    "00".repeat(SHORT_BYTES_MAX)
}

impl Terminal {
    pub(crate) fn new(number: usize, slot: usize, manners: Manners) -> Terminal {
        Terminal {
            id: format!("T{number:07}"),
            slot,
            manners,
            stan: 0,
            verbose: false,
            open: Vec::new(),
            deals: Vec::new(),
            quiet: Instant::ZERO,
        }
    }

    pub(crate) fn stan(&self) -> u32 {
        self.stan
    }

    /// The next message that nothing comes of. `nonce` is new.
    pub(crate) fn odd_message(
        &mut self,
        dialect: &Arc<Dialect>,
        banks: usize,
        faults: &Faults,
        nonce: u64,
        random: &mut Random,
    ) -> Option<(Kind, Bytes)> {
        if random.permille(faults.terminal_noise) {
            let length = random.between(0..=60) as usize;
            return Some((Kind::Broken, Bytes::from(random.bytes(length))));
        }
        let bank = random.below(banks as u64) as usize;
        let routed = |nature| Kind::Routed { bank, nature };
        let odd = random.permille(faults.terminal_odd);
        let broken = random.permille(faults.terminal_broken);
        let (mti, code, kind) = if odd {
            random.pick(&[
                ("0200", "310000", routed(Nature::Inquiry)),
                ("0400", "000000", routed(Nature::Reversal)),
                ("0420", "000000", routed(Nature::Reversal)),
                ("0200", "000000", Kind::NoRoute),
                ("0500", "920000", Kind::Unsupported),
                ("0420", "000000", Kind::NoRoute),
                ("0800", "990000", Kind::Management { accepted: true }),
                ("0820", "990000", Kind::Management { accepted: false }),
            ])
        } else if broken {
            ("0200", "000000", routed(Nature::Financial))
        } else {
            return None;
        };
        let fields = self.fields(dialect, code, kind, nonce, random);
        let message = written(dialect, mti, &fields);
        if broken {
            let mut broken = message.to_vec();
            if random.permille(300) {
                broken.push(0);
            } else {
                broken.truncate(random.below(broken.len() as u64) as usize);
            }
            return Some((Kind::Broken, broken.into()));
        }
        Some((kind, message))
    }

    /// The next deal: a purchase or, now and then, an advice.
    pub(crate) fn deal(
        &mut self,
        number: usize,
        dialect: &Arc<Dialect>,
        banks: usize,
        faults: &Faults,
        nonce: u64,
        random: &mut Random,
    ) -> Deal {
        let bank = random.below(banks as u64) as usize;
        let (mti, nature) = if random.permille(120) {
            (random.pick(&["0220", "0120"]), Nature::Advice)
        } else {
            (
                random.pick(&["0200", "0200", "0200", "0100"]),
                Nature::Financial,
            )
        };
        self.verbose = random.permille(faults.too_long);
        let mut deal = self.bargain(number, dialect, bank, (mti, nature), nonce, random);
        self.verbose = false;
        if random.permille(faults.terminal_repeats) {
            deal.repeats_left = random.between(1..=2) as u32;
        }
        deal.voided = random.permille(60);
        deal
    }

    /// A purchase at this bank and nothing else.
    pub(crate) fn purchase(
        &mut self,
        number: usize,
        dialect: &Arc<Dialect>,
        bank: usize,
        nonce: u64,
        random: &mut Random,
    ) -> Deal {
        let purchase = ("0200", Nature::Financial);
        self.bargain(number, dialect, bank, purchase, nonce, random)
    }

    fn bargain(
        &mut self,
        number: usize,
        dialect: &Arc<Dialect>,
        bank: usize,
        (mti, nature): (&'static str, Nature),
        nonce: u64,
        random: &mut Random,
    ) -> Deal {
        let kind = Kind::Routed { bank, nature };
        let fields = self.fields(dialect, "000000", kind, nonce, random);
        let amount = fields
            .iter()
            .find(|(field, _)| *field == 4)
            .and_then(|(_, amount)| amount.parse().ok())
            .unwrap_or_default();
        Deal {
            terminal: number,
            bank,
            nonce,
            nature,
            amount,
            stan: self.stan,
            reversal_stan: 0,
            mti,
            reversal_mti: if dialect.name() == "unionpay-pos" {
                "0400"
            } else {
                random.pick(&["0400", "0420"])
            },
            fields,
            repeats_left: 0,
            sent: 0,
            stage: Stage::Asking,
            waits_for: None,
            receipt: None,
            reversed: false,
            voided: false,
        }
    }

    /// What the deal says next.
    pub(crate) fn say(&mut self, deal: &mut Deal, dialect: &Arc<Dialect>) -> (Role, u32, Bytes) {
        let again = deal.sent > 0;
        deal.sent += 1;
        if deal.stage == Stage::Reversing {
            let same_stan = dialect.name() == "unionpay-pos";
            if deal.reversal_stan == 0 {
                deal.reversal_stan = if same_stan {
                    deal.stan
                } else {
                    self.next_stan()
                };
            }
            let mti = repeat_of(deal.reversal_mti, again);
            let fields = deal.reversal(same_stan);
            return (
                Role::Reversal,
                deal.reversal_stan,
                written(dialect, &mti, &fields),
            );
        }
        let role = if again { Role::Repeat } else { Role::Original };
        let mti = repeat_of(deal.mti, again);
        (role, deal.stan, written(dialect, &mti, &deal.fields))
    }

    fn next_stan(&mut self) -> u32 {
        self.stan = self.stan % 999_999 + 1;
        self.stan
    }

    fn fields(
        &mut self,
        dialect: &Arc<Dialect>,
        code: &str,
        kind: Kind,
        nonce: u64,
        random: &mut Random,
    ) -> Vec<(u8, String)> {
        let stan = self.next_stan();
        let amount = random.between(1..=9_999_999);
        let (mut pan, mut track) = (None, None);
        match kind {
            Kind::Routed { bank, .. } => {
                let card = match self.manners.cards {
                    1 => 0,
                    cards => random.below(cards as u64) as usize,
                };
                pan = Some(PANS[bank][card]);
            }
            Kind::NoRoute => pan = Some("378282246310005"),
            Kind::Unsupported | Kind::Management { .. } | Kind::Broken => {}
        }
        let mut about = None;
        if let Kind::Management { accepted } = kind {
            // An echo or the fetching of keys.
            about = Some(match (dialect.field(70).is_some(), accepted) {
                (true, true) => (70, random.pick(&["001", "002", "301", "270"])),
                (true, false) => (70, "101"),
                (false, true) => (60, "00000001301"),
                (false, false) => (60, "00000001003"),
            });
        }
        if random.permille(300) {
            track = pan.take().map(|pan| format!("{pan}D29122010000000000"));
            if !matches!(dialect.name(), "iso87-bcd" | "unionpay-pos") {
                track = track.map(|track| track.replace('D', "="));
            }
        }
        let mut fields: Vec<(u8, String)> = vec![
            (3, code.into()),
            (4, format!("{amount:012}")),
            (11, format!("{stan:06}")),
            (25, "00".into()),
            (37, format!("{nonce:012}")),
            (41, self.id.clone()),
            (42, "MERCHANT0000001".into()),
            (49, "978".into()),
        ];
        if self.manners.pins > 0 && random.permille(self.manners.pins) {
            fields.push((52, "0123456789ABCDEF".into()));
        }
        if self.verbose {
            fields.push((55, long_value()));
        }
        fields.extend(about.map(|(field, value)| (field, value.into())));
        fields.extend(pan.map(|pan| (2, pan.into())));
        fields.extend(track.map(|track| (35, track)));
        for (field, value) in [(7, "1124141500"), (12, "151500"), (13, "1124"), (24, "003")] {
            if random.permille(600) {
                fields.push((field, value.into()));
            }
        }
        fields.sort_by_key(|(field, _)| *field);
        fields
    }
}

impl Deal {
    pub(crate) fn kind(&self) -> Kind {
        let (bank, nature) = (self.bank, self.nature);
        let nature = if self.stage == Stage::Reversing {
            Nature::Reversal
        } else {
            nature
        };
        Kind::Routed { bank, nature }
    }

    /// Nobody has answered. True if it goes on at once, false if after a pause.
    pub(crate) fn unanswered(&mut self) -> bool {
        self.waits_for = None;
        match self.stage {
            Stage::Asking if self.nature == Nature::Advice => false,
            Stage::Asking if self.repeats_left > 0 => {
                self.repeats_left -= 1;
                true
            }
            Stage::Asking => {
                self.reverse();
                true
            }
            Stage::Reversing | Stage::Done => false,
        }
    }

    /// An answer to one of its messages is there. What comes to a message of an earlier stage says nothing any more.
    pub(crate) fn answered(&mut self, role: Role, yes: bool) {
        match (self.stage, role) {
            (Stage::Asking, Role::Original | Role::Repeat) => {
                self.waits_for = None;
                self.receipt = Some(yes);
                if yes && self.voided {
                    self.reverse();
                } else {
                    self.stage = Stage::Done;
                }
            }
            (Stage::Reversing, Role::Reversal) if yes => {
                self.waits_for = None;
                self.stage = Stage::Done;
            }
            // A reversal is never refused for good.
            (Stage::Reversing, Role::Reversal) => self.waits_for = None,
            (_, _) => {}
        }
    }

    fn reverse(&mut self) {
        self.stage = Stage::Reversing;
        self.reversed = true;
        self.sent = 0;
    }

    fn reversal(&self, same_stan: bool) -> Vec<(u8, String)> {
        let value = |field| {
            let found = self.fields.iter().find(|(number, _)| *number == field);
            found.map_or("", |(_, value)| value)
        };
        let mut fields: Vec<(u8, String)> = self
            .fields
            .iter()
            .filter(|(field, _)| !matches!(field, 11 | 52 | 55))
            .cloned()
            .collect();
        fields.push((11, format!("{:06}", self.reversal_stan)));
        if !same_stan {
            let original = format!("{}{:06}{:0>10}{:022}", self.mti, self.stan, value(7), 0);
            fields.push((90, original));
        }
        fields.sort_by_key(|(field, _)| *field);
        fields
    }
}

/// A pause before a message that was not answered is sent again.
pub(crate) fn pause(random: &mut Random) -> Duration {
    random.millis(20..=500)
}

fn repeat_of(mti: &str, again: bool) -> String {
    format!("{}{}", &mti[..3], if again { "1" } else { "0" })
}

fn written(dialect: &Dialect, mti: &str, fields: &[(u8, String)]) -> Bytes {
    let fields: Vec<(u8, &str)> = fields
        .iter()
        .map(|(field, value)| (*field, &**value))
        .collect();
    build(dialect, mti, &fields)
}
