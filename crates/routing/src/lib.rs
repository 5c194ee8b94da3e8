//! BIN table and route decision: pure, and able to say why.
//!
//! A card number is routed by its first digits, the BIN (ISO/IEC 7812-1 calls it the issuer identification number).
//! [`RoutingTable::route`] is what the switch asks for each request: one binary search, no allocation.
//! [`RoutingTable::explain`] gives the same decision together with everything that was considered, for people.
//!
//! The rule of precedence is the one that networks publish their tables under:
//! 1. the pattern with more digits wins (`411111` before `4`, and a range counts as long as its bounds);
//! 2. among patterns of equal length the narrower range wins;
//! 3. what is still tied is ambiguous, and building such a table is an error that names both patterns.
#![no_std]

extern crate alloc;

mod explain;
mod intervals;
mod pattern;
mod table;

pub use explain::{Explanation, Match, Reason};
pub use pattern::{BIN_DIGITS_MAX, BinPattern, BinPatternError};
pub use table::{BIN_PATTERNS_MAX, BuildError, Conflict, Place, RoutingTable, Rule};
