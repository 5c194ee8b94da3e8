//! What some seeds have beyond the plain world.
//!
//! It is decided by a chance of its own, so that a seed that is run plain means what it always meant: seeds that once
//! showed something are kept for ever, while the world grows.

use pointsman_engine::{CardId, Identify, StandInProfile, StandInRule};
use pointsman_iso8583::Pan;

use super::Plan;
use crate::random::Random;

/// What a link may approve by itself: one rule, about all its cards.
#[derive(Clone, Debug)]
pub(crate) struct StandInPlan {
    pub(crate) amount_min: u64,
    pub(crate) amount_max: u64,
    pub(crate) card_count_max: u32,
    pub(crate) card_amount_max: u64,
    /// The last of its cards is known to be stolen.
    pub(crate) stolen: bool,
}

/// How terminals are beyond what each of them does.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Manners {
    /// Cards of each bank.
    pub(crate) cards: usize,
    /// Of purchases: with a PIN.
    pub(crate) pins: u32,
}

impl Default for Manners {
    fn default() -> Self {
        Manners { cards: 1, pins: 0 }
    }
}

/// Cards by bank: test numbers of the schemes.
pub(crate) const PANS: [[&str; CARDS]; 3] = [
    [
        "4111111111111111",
        "4012888888881881",
        "4000000000000002",
        "4242424242424242",
    ],
    [
        "5555555555554444",
        "5105105105105100",
        "5454545454545454",
        "5200828282828210",
    ],
    [
        "6011000990139424",
        "6011111111111117",
        "6011000000000004",
        "6011601160116611",
    ],
];

const CARDS: usize = 4;

/// Separates this chance from all others that a seed gives.
const STREAM: u64 = 0x0057_1DE5_0057_1DE5;

impl Plan {
    /// Puts more into the worlds of some seeds.
    pub(super) fn widen(&mut self) {
        let random = &mut Random::new(self.seed ^ STREAM);
        let faultless = self.faults.is_none();
        if random.permille(500) {
            self.stand_in(faultless, random);
        }
    }

    /// Links that may approve by themselves, and banks that are away for long enough.
    fn stand_in(&mut self, faultless: bool, random: &mut Random) {
        self.manners.cards = CARDS;
        self.manners.pins = random.pick(&[0, 50, 200]);
        for link in &mut self.links {
            link.stand_in = random.permille(800).then(|| StandInPlan::random(random));
        }
        if !faultless {
            self.faults.outages = random.pick(&[30, 100, 400]);
        }
        // Some seeds run into another day.
        if random.permille(300) {
            self.seconds_to_midnight = Some(random.between(1..=10));
        }
    }
}

impl StandInPlan {
    fn random(random: &mut Random) -> StandInPlan {
        StandInPlan {
            amount_min: random.pick(&[0, 100, 500_000]),
            amount_max: random.pick(&[2_000_000, 6_000_000, u64::MAX]),
            card_count_max: random.pick(&[1, 2, 5, u32::MAX]),
            card_amount_max: random.pick(&[5_000_000, 20_000_000, u64::MAX]),
            stolen: random.permille(500),
        }
    }

    /// The number of the stolen card of a bank.
    pub(crate) fn stolen_card(&self, bank: usize) -> Option<CardId> {
        let pan = self.stolen.then(|| PANS[bank][CARDS - 1])?;
        Pan::parse(pan.as_bytes()).map(|pan| identify(&pan))
    }

    pub(crate) fn profile(&self, bank: usize) -> StandInProfile {
        let rule = StandInRule {
            name: "rule".into(),
            bins: None,
            merchants: Vec::new(),
            merchant_categories: Vec::new(),
            entry_modes: Vec::new(),
            currency: "978".into(),
            amount_min: self.amount_min,
            amount_max: self.amount_max,
            card_count_max: self.card_count_max,
            card_amount_max: self.card_amount_max,
        };
        StandInProfile {
            rules: vec![rule],
            hot_cards: self.stolen_card(bank).into_iter().collect(),
            identify: Identify::new(identify),
        }
    }
}

/// Test cards are told apart by their numbers.
pub(crate) fn identify(pan: &Pan) -> CardId {
    CardId(pan.expose().parse().unwrap_or_default())
}
