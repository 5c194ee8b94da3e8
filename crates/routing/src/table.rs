//! The routing table: rules as people write them, compiled to what the switch searches.

use alloc::vec::Vec;
use core::fmt;

use crate::explain::{Explanation, Match};
use crate::intervals::{Intervals, Span};
use crate::pattern::{BIN_DIGITS_MAX, BinPattern, Leading};

/// The most patterns that one table holds. The complete account range files of the big networks have between 100,000
/// and 500,000 entries. A million patterns take about 50 MB, and three times as much while the table is built.
pub const BIN_PATTERNS_MAX: usize = 1_000_000;

/// All the BINs that go one way.
#[derive(Clone, Debug)]
pub struct Rule<L> {
    pub bins: Vec<BinPattern>,
    pub link: L,
}

/// An immutable BIN table. `L` is what a route leads to, normally an index into the table of links.
#[derive(Clone, Debug)]
pub struct RoutingTable<L> {
    /// Everything at once, over prefixes of [`BIN_DIGITS_MAX`] digits: one search for each ordinary card number.
    full: Intervals<L>,
    /// The patterns of each length apart, longest first: for card numbers with fewer digits than the longest pattern,
    /// which a filled-up key would wrongly let match it.
    by_length: Vec<(usize, Intervals<L>)>,
    /// Every pattern in the order of precedence, for [`RoutingTable::explain`].
    ranked: Vec<Match<L>>,
    default: Option<L>,
}

/// Where a pattern stands among the rules that a table was built from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Index into the rules.
    pub rule: usize,
    /// Index into the rule's `bins`.
    pub bin: usize,
    pub pattern: BinPattern,
}

/// Two patterns for different links between which no rule of precedence decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Conflict {
    pub first: Place,
    pub second: Place,
}

impl fmt::Display for Conflict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (first, second) = (self.first.pattern, self.second.pattern);
        if first == second {
            write!(f, "BIN {first} leads to two different links")
        } else {
            write!(
                f,
                "BINs {first} and {second} overlap, are equally wide and lead to different links"
            )
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BuildError {
    #[error("the table has {count} BIN patterns, at most {BIN_PATTERNS_MAX} are possible")]
    TooManyPatterns { count: usize },
    /// Never empty.
    #[error("{}", Conflicts(.0))]
    Conflicts(Vec<Conflict>),
}

struct Conflicts<'a>(&'a [Conflict]);

impl fmt::Display for Conflicts<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, conflict) in self.0.iter().enumerate() {
            let separator = if i == 0 { "" } else { "; " };
            write!(f, "{separator}{conflict}")?;
        }
        Ok(())
    }
}

impl<L: Copy + PartialEq> RoutingTable<L> {
    /// Compiles the rules. `default` takes what no pattern matches.
    ///
    /// The same pattern twice for the same link is harmless and accepted.
    pub fn build(rules: &[Rule<L>], default: Option<L>) -> Result<Self, BuildError> {
        let count = rules.iter().map(|rule| rule.bins.len()).sum();
        if count > BIN_PATTERNS_MAX {
            return Err(BuildError::TooManyPatterns { count });
        }
        let mut ranked: Vec<Match<L>> = Vec::with_capacity(count);
        for (rule_index, rule) in rules.iter().enumerate() {
            ranked.extend(rule.bins.iter().enumerate().map(|(bin, &pattern)| Match {
                place: Place {
                    rule: rule_index,
                    bin,
                    pattern,
                },
                link: rule.link,
            }));
        }
        // Precedence first; the rest of the key brings those that may conflict next to each other.
        ranked.sort_by_key(|ranked| {
            let pattern = ranked.place.pattern;
            (
                core::cmp::Reverse(pattern.digits()),
                pattern.width(),
                pattern.bounds().0,
                ranked.place.rule,
                ranked.place.bin,
            )
        });

        let conflicts = conflicts(&ranked);
        if !conflicts.is_empty() {
            return Err(BuildError::Conflicts(conflicts));
        }
        let by_length = ranked
            .chunk_by(|a, b| a.place.pattern.digits() == b.place.pattern.digits())
            .filter_map(|group| {
                let digits = group.first()?.place.pattern.digits();
                Some((
                    digits,
                    Intervals::resolve(&spans(group, BinPattern::bounds)),
                ))
            })
            .collect();
        Ok(RoutingTable {
            full: Intervals::resolve(&spans(&ranked, BinPattern::bounds_full)),
            by_length,
            ranked,
            default,
        })
    }
}

fn spans<L: Copy>(matches: &[Match<L>], bounds: fn(BinPattern) -> (u64, u64)) -> Vec<Span<L>> {
    matches
        .iter()
        .map(|one| {
            let (low, high) = bounds(one.place.pattern);
            Span {
                low,
                high,
                link: one.link,
            }
        })
        .collect()
}

/// Neighbours are enough: among patterns of equal length and width, sorted by their lower ends, all those between two
/// that overlap overlap as well, and where the links at the two ends differ they differ between some neighbours.
fn conflicts<L: Copy + PartialEq>(ranked: &[Match<L>]) -> Vec<Conflict> {
    ranked
        .iter()
        .zip(ranked.iter().skip(1))
        .filter(|(a, b)| {
            let (first, second) = (a.place.pattern, b.place.pattern);
            first.digits() == second.digits()
                && first.width() == second.width()
                && second.bounds().0 <= first.bounds().1
                && a.link != b.link
        })
        .map(|(a, b)| Conflict {
            first: a.place,
            second: b.place,
        })
        .collect()
}

impl<L: Copy> RoutingTable<L> {
    /// The link for a card number: the most specific pattern's, else the default, else none.
    pub fn route(&self, pan_digits: &str) -> Option<L> {
        let leading = Leading::of(pan_digits);
        let owner = match leading.prefix(BIN_DIGITS_MAX) {
            Some(key) => self.full.owner(key),
            None => self.by_length.iter().find_map(|(digits, intervals)| {
                let key = leading.prefix(*digits)?;
                intervals.owner(key)
            }),
        };
        owner.or(self.default)
    }

    /// Where requests go that no pattern matches or that carry no card number.
    pub fn default_route(&self) -> Option<L> {
        self.default
    }

    /// How many patterns the table was built from.
    pub fn patterns(&self) -> usize {
        self.ranked.len()
    }

    /// Whether all card numbers that begin with these digits go the same way, and which. `None`: more digits decide.
    pub fn route_of_prefix(&self, first_digits: &str) -> Option<Option<L>>
    where
        L: PartialEq,
    {
        let (low, high) = Leading::of(first_digits).keys();
        let mut owners = self
            .full
            .owners(low, high)
            .map(|owner| owner.or(self.default));
        let first = owners.next()?;
        owners.all(|owner| owner == first).then_some(first)
    }

    /// The patterns that look at more digits than these and agree with them so far, in the order of precedence.
    pub fn longer_patterns(&self, first_digits: &str) -> Vec<Match<L>> {
        let leading = Leading::of(first_digits);
        self.ranked
            .iter()
            .filter(|one| leading.may_become(one.place.pattern))
            .copied()
            .collect()
    }

    /// The same decision as [`RoutingTable::route`], with all that was considered. Looks at every pattern.
    pub fn explain(&self, pan_digits: &str) -> Explanation<L> {
        Explanation {
            matches: self
                .ranked
                .iter()
                .filter(|one| one.place.pattern.matches(pan_digits))
                .copied()
                .collect(),
            default: self.default,
        }
    }
}
