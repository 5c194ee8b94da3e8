//! What the switch may approve by itself when a bank cannot be asked.
//!
//! A purchase that was never sent, because the link was down or the request had waited too long, may be approved at the
//! acquirer's own risk: within the limits that the bank has agreed to, never against a PIN that only the bank can check
//! (ISO 9564), never for a card that is known to be stolen. The bank is told by an advice (0220, 0120), which is on record
//! before the terminal hears of the approval.

use alloc::collections::VecDeque;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

use hashbrown::{HashMap, HashSet};
use pointsman_iso8583::{MtiClass, Pan, TextBuffer, View};
use pointsman_routing::RoutingTable;

use crate::planted::{Planted, PlantedBug};
use crate::{TransactionId, limits};

/// What an operator says about stand-in for one link.
#[derive(Clone, Debug)]
pub struct StandInProfile {
    /// Tried in their order; the first that fits a request decides about it.
    pub rules: Vec<StandInRule>,
    /// Cards that are never approved.
    pub hot_cards: HashSet<CardId>,
    pub identify: Identify,
}

/// When a purchase may be approved.
#[derive(Clone, Debug)]
pub struct StandInRule {
    pub name: Arc<str>,
    /// The cards; none: all.
    pub bins: Option<RoutingTable<()>>,
    /// Field 42, without padding; empty: all.
    pub merchants: Vec<String>,
    /// Field 18; empty: all.
    pub merchant_categories: Vec<u16>,
    /// The first two digits of field 22: how the card was read; empty: all.
    pub entry_modes: Vec<[u8; 2]>,
    /// Field 49, as it stands in the message.
    pub currency: String,
    /// Smaller ones are not worth the risk of a mistake, or are approved elsewhere.
    pub amount_min: u64,
    pub amount_max: u64,
    /// Of one card in a day, UTC.
    pub card_count_max: u32,
    pub card_amount_max: u64,
}

/// A card, without its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CardId(pub u64);

/// How cards are told apart without keeping their numbers: a keyed hash that is the same in every life of the switch.
#[derive(Clone)]
pub struct Identify(Arc<dyn Fn(&Pan) -> CardId + Send + Sync>);

impl Identify {
    #[must_use]
    pub fn new(identify: impl Fn(&Pan) -> CardId + Send + Sync + 'static) -> Identify {
        Identify(Arc::new(identify))
    }

    /// Which card it is.
    #[must_use]
    pub fn card(&self, pan: &Pan) -> CardId {
        (self.0)(pan)
    }
}

impl fmt::Debug for Identify {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Identify")
    }
}

/// An approval that the switch gave by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoodIn {
    pub card: CardId,
    /// In minor units.
    pub amount: u64,
}

/// Field 38 of an approval that the switch gave by itself: the same whenever the terminal asks again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ApprovalCode([u8; 6]);

impl ApprovalCode {
    /// `S` and five digits or letters that tell apart what was approved in one day.
    pub(crate) fn of(transaction: TransactionId) -> ApprovalCode {
        const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKLMNPQRSTUVWX";
        let mut rest = transaction.get();
        let mut code = [b'S'; 6];
        for place in code.iter_mut().skip(1).rev() {
            *place = ALPHABET.get((rest % 32) as usize).copied().unwrap_or(b'0');
            rest /= 32;
        }
        ApprovalCode(code)
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        core::str::from_utf8(&self.0).unwrap_or_default()
    }
}

/// What each card was given today.
#[derive(Debug, Default)]
pub(crate) struct Exposure {
    day: u64,
    cards: HashMap<CardId, Given>,
    /// In the order of their first approval today.
    order: VecDeque<CardId>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Given {
    count: u32,
    amount: u64,
}

impl Exposure {
    /// Counts an approval of a day, counted since 1970. Those of earlier days do not matter; but a clock that is set back
    /// brings no new limits, and until it has caught up it is the later day.
    pub(crate) fn add(&mut self, day: u64, stood_in: StoodIn) {
        if day > self.day {
            *self = Exposure {
                day,
                ..Exposure::default()
            };
        }
        let given = self.cards.entry(stood_in.card).or_insert_with(|| {
            self.order.push_back(stood_in.card);
            Given::default()
        });
        given.count = given.count.saturating_add(1);
        given.amount = given.amount.saturating_add(stood_in.amount);
    }

    fn given(&self, day: u64, card: CardId) -> Given {
        if day <= self.day {
            self.cards.get(&card).copied().unwrap_or_default()
        } else {
            Given::default()
        }
    }

    /// Is there room for one more card? Forgetting one would lift its limit.
    fn has_room(&self, day: u64, card: CardId) -> bool {
        day > self.day
            || self.cards.contains_key(&card)
            || self.cards.len() < limits::STAND_IN_CARDS_MAX
    }
}

impl StandInProfile {
    /// May this request be approved? `day` is today, counted since 1970.
    pub(crate) fn decide(
        &self,
        request: &View<'_>,
        exposure: &Exposure,
        day: u64,
        text: &mut TextBuffer,
        planted: Planted,
    ) -> Option<StoodIn> {
        let pan = request.pan()?;
        let amount = request.amount()?.get();
        // Purchases alone: cash, refunds and what is not known are the bank's business. ISO 8583-1:1987, field 3.
        let is_purchase = request.number(3).is_some_and(|code| code / 10_000 == 0);
        let is_request = matches!(
            request.mti().class(),
            MtiClass::Authorization | MtiClass::Financial
        );
        // Field 52: only the bank can check a PIN.
        let has_pin = request.has(52) && !planted.has(PlantedBug::StandInPinIgnored);
        if !is_purchase || !is_request || has_pin {
            return None;
        }
        let card = self.identify.card(&pan);
        let is_hot = self.hot_cards.contains(&card);
        if is_hot && !planted.has(PlantedBug::StandInStolenCardApproved) {
            return None;
        }
        let rule = self
            .rules
            .iter()
            .find(|rule| rule.fits(request, &pan, text))?;
        let given = exposure.given(day, card);
        let allowed = (rule.amount_min..=rule.amount_max).contains(&amount)
            && given.count < rule.card_count_max
            && given.amount.saturating_add(amount) <= rule.card_amount_max
            && exposure.has_room(day, card);
        allowed.then_some(StoodIn { card, amount })
    }
}

impl StandInRule {
    fn fits(&self, request: &View<'_>, pan: &Pan, text: &mut TextBuffer) -> bool {
        let mut has = |field: u8, fits: &dyn Fn(&str) -> bool| {
            request
                .text(field, text)
                .is_some_and(|value| fits(value.trim()))
        };
        self.bins
            .as_ref()
            .is_none_or(|bins| bins.route(pan.expose()).is_some())
            && has(49, &|currency| currency == self.currency)
            && (self.merchants.is_empty()
                || has(42, &|merchant| {
                    self.merchants.iter().any(|known| known == merchant)
                }))
            && (self.merchant_categories.is_empty()
                || has(18, &|code| {
                    code.parse()
                        .is_ok_and(|code: u16| self.merchant_categories.contains(&code))
                }))
            && (self.entry_modes.is_empty()
                || has(22, &|mode| {
                    self.entry_modes
                        .iter()
                        .any(|known| mode.as_bytes().starts_with(known))
                }))
    }
}
