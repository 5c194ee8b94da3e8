//! A route decision with its reason.

use alloc::vec::Vec;

use crate::table::Place;

/// A pattern that matched, and where it leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Match<L> {
    pub place: Place,
    pub link: L,
}

/// Everything that was considered for one card number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation<L> {
    /// The patterns that matched, in the order of precedence: the first one wins.
    pub matches: Vec<Match<L>>,
    pub default: Option<L>,
}

/// Why the chosen route was chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// No other pattern matched.
    OnlyMatch,
    /// The next best pattern has fewer digits.
    MoreDigits,
    /// The next best pattern has as many digits and covers more of them.
    NarrowerRange,
    /// The next best pattern is as good as the winner and leads to the same link.
    SameLink,
    /// No pattern matched and there is a default route.
    Default,
    /// No pattern matched and there is no default route.
    NoRoute,
}

impl<L: Copy> Explanation<L> {
    pub fn winner(&self) -> Option<&Match<L>> {
        self.matches.first()
    }

    pub fn link(&self) -> Option<L> {
        self.winner().map(|winner| winner.link).or(self.default)
    }

    pub fn reason(&self) -> Reason {
        match (self.matches.as_slice(), self.default) {
            ([], None) => Reason::NoRoute,
            ([], Some(_)) => Reason::Default,
            ([_], _) => Reason::OnlyMatch,
            ([first, second, ..], _) => {
                let (first, second) = (first.place.pattern, second.place.pattern);
                if first.digits() != second.digits() {
                    Reason::MoreDigits
                } else if first.width() != second.width() {
                    Reason::NarrowerRange
                } else {
                    Reason::SameLink
                }
            }
        }
    }
}
