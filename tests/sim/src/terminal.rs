//! Model terminals: what they send, and what they know of it.

use std::sync::Arc;

use bytes::Bytes;
use pointsman_engine::Instant;
use pointsman_iso8583::Dialect;

use crate::bank::build;
use crate::plan::{Faults, SHORT_BYTES_MAX};
use crate::random::Random;

/// A terminal with its counters.
pub(crate) struct Terminal {
    /// Field 41.
    pub(crate) id: String,
    /// The connection of the plan that it is on.
    pub(crate) connection: usize,
    stan: u32,
    /// Does its next message say more than some framing carries?
    verbose: bool,
    /// Its transactions that have not been answered.
    pub(crate) open: Vec<usize>,
    /// It sends nothing before this.
    pub(crate) quiet: Instant,
}

/// What a message is, and with it what may be said to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Goes to this bank.
    Routed { bank: usize, financial: bool },
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
pub(crate) struct Transaction {
    pub(crate) kind: Kind,
    pub(crate) terminal: usize,
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
    /// The session said that the bank approved and the terminal could not be told.
    pub(crate) undelivered: bool,
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

/// A value of field 55 that makes a message too long.
pub(crate) fn long_value() -> String {
    "00".repeat(SHORT_BYTES_MAX)
}

impl Terminal {
    pub(crate) fn new(number: usize, connection: usize) -> Terminal {
        Terminal {
            id: format!("T{number:07}"),
            connection,
            stan: 0,
            verbose: false,
            open: Vec::new(),
            quiet: Instant::ZERO,
        }
    }

    /// The next message. `nonce` is new.
    pub(crate) fn next_message(
        &mut self,
        dialect: &Arc<Dialect>,
        banks: usize,
        faults: &Faults,
        nonce: u64,
        random: &mut Random,
    ) -> (Kind, Bytes) {
        if random.permille(faults.terminal_noise) {
            let length = random.between(0..=60) as usize;
            return (Kind::Broken, Bytes::from(random.bytes(length)));
        }
        let bank = random.below(banks as u64) as usize;
        let (mut mti, mut code, mut kind) = (
            "0200",
            "000000",
            Kind::Routed {
                bank,
                financial: true,
            },
        );
        if random.permille(faults.terminal_odd) {
            let advice = Kind::Routed {
                bank,
                financial: false,
            };
            (mti, code, kind) = random.pick(&[
                ("0100", "000000", kind),
                ("0200", "310000", advice),
                ("0220", "000000", advice),
                ("0400", "000000", advice),
                ("0420", "000000", advice),
                ("0200", "000000", Kind::NoRoute),
                ("0500", "920000", Kind::Unsupported),
                ("0420", "000000", Kind::NoRoute),
                ("0800", "990000", Kind::Management { accepted: true }),
                ("0820", "990000", Kind::Management { accepted: false }),
            ]);
        }
        self.verbose = random.permille(faults.too_long);
        let message = self.message(dialect, mti, code, kind, nonce, random);
        self.verbose = false;
        if random.permille(faults.terminal_broken) {
            let mut broken = message.to_vec();
            if random.permille(300) {
                broken.push(0);
            } else {
                broken.truncate(random.below(broken.len() as u64) as usize);
            }
            return (Kind::Broken, broken.into());
        }
        (kind, message)
    }

    /// A purchase at this bank and nothing else.
    pub(crate) fn purchase(
        &mut self,
        dialect: &Arc<Dialect>,
        bank: usize,
        nonce: u64,
        random: &mut Random,
    ) -> (Kind, Bytes) {
        let kind = Kind::Routed {
            bank,
            financial: true,
        };
        (
            kind,
            self.message(dialect, "0200", "000000", kind, nonce, random),
        )
    }

    pub(crate) fn stan(&self) -> u32 {
        self.stan
    }

    fn message(
        &mut self,
        dialect: &Arc<Dialect>,
        mti: &str,
        code: &str,
        kind: Kind,
        nonce: u64,
        random: &mut Random,
    ) -> Bytes {
        self.stan = self.stan % 999_999 + 1;
        let (stan, amount, nonce) = (
            format!("{:06}", self.stan),
            format!("{:012}", random.between(1..=9_999_999)),
            format!("{nonce:012}"),
        );
        let (mut pan, mut track) = (None, None);
        match kind {
            Kind::Routed { bank, .. } => {
                pan = Some(["4111111111111111", "5555555555554444", "6011000990139424"][bank]);
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
        let mut fields: Vec<(u8, &str)> = vec![(3, code), (4, &amount), (11, &stan), (37, &nonce)];
        fields.extend([
            (25, "00"),
            (41, &*self.id),
            (42, "MERCHANT0000001"),
            (49, "978"),
        ]);
        let long = long_value();
        if self.verbose && matches!(kind, Kind::Routed { .. }) {
            fields.push((55, &long));
        }
        fields.extend(about);
        fields.extend(pan.map(|pan| (2, pan)));
        fields.extend(track.as_deref().map(|track| (35, track)));
        for optional in [(7, "1124141500"), (12, "151500"), (13, "1124"), (24, "003")] {
            if random.permille(600) {
                fields.push(optional);
            }
        }
        fields.sort_by_key(|(field, _)| *field);
        build(dialect, mti, &fields)
    }
}
