//! Rules: which request gets which answer. The first rule that matches wins; without a match the bank approves.

mod source;

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use pointsman_iso8583::{Mti, MtiClass, Pan, ResponseCode};

pub use source::{RuleError, rule_from_flag, rules_from_toml};

/// One line of the bank's behaviour.
#[derive(Debug)]
pub struct Rule {
    /// The message types it is about. Empty: authorization and financial requests, for what a rule about amounts or
    /// cards says should not decline a reversal or an advice.
    mti: Vec<Mti>,
    /// The cards it is about. Empty: all.
    bins: Vec<BinRange>,
    /// The amounts it is about, minor units, both ends included.
    amount: Option<(u64, u64)>,
    /// The terminal that it is about.
    terminal: Option<String>,
    /// It takes only this part of what it matches, 0 to 1.
    share: Option<f64>,
    /// It takes only so many, then it is as if it were not there.
    times: Option<u64>,
    taken: AtomicU64,
    /// Where it was written, if that was in a file.
    place: Option<String>,
    plan: Plan,
}

/// What is done with a request.
#[derive(Clone, PartialEq, Debug)]
pub struct Plan {
    /// Yes, no, or as if it had never come.
    pub decision: Decision,
    /// How the answer travels.
    pub delivery: Delivery,
    /// How long the answer is held back.
    pub delay: Option<Duration>,
    /// Fields put into the answer in place of what would be there, ascending.
    pub set: Vec<(u8, String)>,
    /// Fields left out of the answer.
    pub omit: Vec<u8>,
}

/// What the bank makes of a request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Decision {
    /// Booked in the ledger, answered with an approving code.
    Approve(ResponseCode),
    /// Answered with a code that does not approve.
    Decline(ResponseCode),
    /// Neither booked nor answered.
    Ignore,
}

/// What becomes of the answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Delivery {
    /// Sent, as it should be.
    Once,
    /// Sent two times.
    Twice,
    /// Never sent: the line swallowed it.
    Never,
    /// Bytes that are no message are sent in its place.
    Garbage,
    /// The connection is closed in its place.
    Close,
}

/// Card numbers by their first digits: a prefix, or everything between two of the same length.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BinRange {
    low: String,
    high: String,
}

impl BinRange {
    fn contains(&self, pan: &Pan) -> bool {
        let leading = pan.leading(self.low.len());
        leading.len() == self.low.len()
            && self.low.as_str() <= leading
            && leading <= self.high.as_str()
    }
}

/// What a rule looks at. Made once per request; what no rule asks for is not read.
#[derive(Debug)]
pub struct Facts<'a> {
    /// The message type.
    pub mti: Mti,
    /// The card, if a rule wants to know.
    pub pan: Option<Pan>,
    /// Field 4.
    pub amount: Option<u64>,
    /// Field 41, without the padding.
    pub terminal: Option<&'a str>,
    /// A number that no other request has, for rules that take a share.
    pub draw: u64,
}

impl Rule {
    /// Whether the rule looks at cards.
    #[must_use]
    pub fn wants_pan(&self) -> bool {
        !self.bins.is_empty()
    }

    /// Whether the rule looks at terminals.
    #[must_use]
    pub fn wants_terminal(&self) -> bool {
        self.terminal.is_some()
    }

    /// Whether the rule draws.
    #[must_use]
    pub fn wants_draw(&self) -> bool {
        self.share.is_some()
    }

    /// What it does with the requests that it takes.
    #[must_use]
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Where it was written, or its number among all.
    pub(crate) fn name(&self, index: usize) -> String {
        let numbered = || format!("rule {}", index + 1);
        self.place.clone().unwrap_or_else(numbered)
    }

    fn takes(&self, facts: &Facts<'_>) -> bool {
        let mti = if self.mti.is_empty() {
            is_plain_request(facts.mti)
        } else {
            self.mti.contains(&facts.mti)
        };
        let bin = self.bins.is_empty()
            || facts
                .pan
                .as_ref()
                .is_some_and(|pan| self.bins.iter().any(|range| range.contains(pan)));
        let amount = self
            .amount
            .is_none_or(|(low, high)| facts.amount.is_some_and(|it| (low..=high).contains(&it)));
        let terminal = self
            .terminal
            .as_deref()
            .is_none_or(|terminal| facts.terminal == Some(terminal));
        let share = || {
            self.share
                .is_none_or(|share| unit_interval(facts.draw) < share)
        };
        // Asked last: it counts.
        let times = || match self.times {
            None => true,
            Some(times) => self.taken.fetch_add(1, Ordering::Relaxed) < times,
        };
        mti && bin && amount && terminal && share() && times()
    }
}

/// The first rule that takes the request.
pub(crate) fn first<'r>(rules: &'r [Rule], facts: &Facts<'_>) -> Option<&'r Rule> {
    rules.iter().find(|rule| rule.takes(facts))
}

/// An authorization or financial request, or its repeat: what a bank may decline.
fn is_plain_request(mti: Mti) -> bool {
    let about_money = matches!(mti.class(), MtiClass::Authorization | MtiClass::Financial);
    about_money && mti.is_request() && !mti.is_advice()
}

/// A well-mixed number (splitmix64) in place of a random one: the same seed behaves the same.
pub(crate) fn mix(seed: u64) -> u64 {
    let mut z = seed.wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// 53 bits of it as a fraction, 0 included, 1 not.
fn unit_interval(number: u64) -> f64 {
    (number >> 11) as f64 / (1_u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts<'a>(mti: &str, pan: &str, amount: u64) -> Facts<'a> {
        Facts {
            mti: mti.parse().unwrap(),
            pan: Pan::parse(pan.as_bytes()),
            amount: Some(amount),
            terminal: Some("TERM0001"),
            draw: 0,
        }
    }

    fn rule(flag: &str) -> Rule {
        rule_from_flag(flag).unwrap()
    }

    const VISA: &str = "4111111111111111";
    const MASTERCARD: &str = "5555555555554444";

    #[test]
    fn the_first_match_wins() {
        let rules = [
            rule("bin=4,answer=decline,code=51"),
            rule("amount=10.00-20.00,answer=drop"),
            rule("answer=late"),
        ];
        for (pan, amount, winner) in [
            (VISA, 1500, 0),
            (MASTERCARD, 1500, 1),
            (MASTERCARD, 2001, 2),
        ] {
            let found = first(&rules, &facts("0200", pan, amount)).unwrap();
            assert!(std::ptr::eq(found, &rules[winner]), "{pan} {amount}");
        }
    }

    #[test]
    fn ranges_of_cards_include_both_ends() {
        let rule = rule("bin=510000-559999|4,answer=drop");
        for (pan, taken) in [
            ("5100000000000008", true),
            ("5599999999999997", true),
            ("5099999999999999", false),
            ("5600000000000000", false),
            (VISA, true),
            ("51000", false),
        ] {
            assert_eq!(rule.takes(&facts("0100", pan, 1)), taken, "{pan}");
        }
    }

    #[test]
    fn reversals_and_advices_are_left_alone_unless_named() {
        let general = rule("answer=decline");
        let named = rule("mti=0420|0421,answer=drop");
        for (mti, by_general, by_named) in [
            ("0100", true, false),
            ("0201", true, false),
            ("0220", false, false),
            ("0400", false, false),
            ("0420", false, true),
            ("0421", false, true),
            ("0800", false, false),
        ] {
            assert_eq!(general.takes(&facts(mti, VISA, 1)), by_general, "{mti}");
            assert_eq!(named.takes(&facts(mti, VISA, 1)), by_named, "{mti}");
        }
    }

    #[test]
    fn a_rule_can_be_used_up() {
        let rule = rule("times=2,bin=4,answer=drop");
        let taken = |pan| rule.takes(&facts("0200", pan, 1));
        assert!(!taken(MASTERCARD), "what does not match does not count");
        assert_eq!([taken(VISA), taken(VISA), taken(VISA)], [true, true, false]);
    }

    #[test]
    fn a_share_is_about_that_share() {
        let rule = rule("share=0.25,answer=drop");
        let taken = (0..10_000).filter(|&draw| {
            rule.takes(&Facts {
                draw: mix(draw),
                ..facts("0200", VISA, 1)
            })
        });
        let count = taken.count();
        assert!((2_300..2_700).contains(&count), "{count} of 10000");
    }

    #[test]
    fn a_missing_amount_is_in_no_range() {
        let rule = rule("amount=0-,answer=drop");
        assert!(rule.takes(&facts("0200", VISA, 0)));
        assert!(!rule.takes(&Facts {
            amount: None,
            ..facts("0200", VISA, 0)
        }));
        assert!(!self::rule("terminal=OTHER,answer=drop").takes(&facts("0200", VISA, 0)));
    }
}
