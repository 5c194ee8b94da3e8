//! What a terminal holds at the end: one receipt for each purchase and each advice.

use std::fmt;

use serde::Serialize;

/// What a terminal believes about one transaction.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub(crate) struct Receipt {
    /// Field 41.
    pub(crate) terminal: String,
    /// Field 11 as the terminal sent it.
    pub(crate) stan: u32,
    /// Field 37: what the bank's ledger knows it by.
    pub(crate) reference: String,
    /// Field 4, minor units.
    pub(crate) amount: u64,
    /// Of the bank whose card it was.
    pub(crate) bank: usize,
    pub(crate) holds: Holds,
    /// Whether it was sent a second time as a repeat.
    pub(crate) repeated: bool,
}

/// What the receipt says.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Holds {
    Approved,
    Declined {
        response_code: String,
    },
    /// There was no answer, and the switch has taken the reversal.
    TakenBack,
    /// The switch has taken the advice.
    Advised,
    /// The run ended before it was known.
    Open,
}

impl Holds {
    /// Must it be in the bank's books, or not? Nobody knows of what is still open.
    pub(crate) fn is_booked(&self) -> Option<bool> {
        match self {
            Holds::Approved | Holds::Advised => Some(true),
            Holds::Declined { .. } | Holds::TakenBack => Some(false),
            Holds::Open => None,
        }
    }
}

impl fmt::Display for Holds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Holds::Approved => f.write_str("approved"),
            Holds::Declined { response_code } => write!(f, "declined ({response_code})"),
            Holds::TakenBack => f.write_str("taken back"),
            Holds::Advised => f.write_str("advice accepted"),
            Holds::Open => f.write_str("still open"),
        }
    }
}
