//! The place of a record.

use std::fmt;

/// The place of a record in the journal's whole life: 1, 2, 3 …, never used twice. Zero is the place before the first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Lsn(u64);

impl Lsn {
    /// Before the first record.
    pub const ZERO: Lsn = Lsn(0);

    #[must_use]
    pub const fn new(number: u64) -> Lsn {
        Lsn(number)
    }

    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }

    /// The place after this one. There is no last: at a million records a second it takes 584,000 years.
    #[must_use]
    pub const fn next(self) -> Lsn {
        Lsn(self.0.saturating_add(1))
    }
}

impl fmt::Display for Lsn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}
