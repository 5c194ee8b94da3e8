//! What a record says.
//!
//! Names and amounts only, never the layout of a message: what a message said that must be said again is [`Sealed`]. A
//! payload is one byte of version and the fields in the order in which the types here list them. A reader knows all
//! versions up to its own; fields that a later version adds stand behind those of the one before.

mod fields;
pub mod limits;
mod note;
mod obligation;
mod read;
#[cfg(test)]
mod tests;
mod transaction;
mod write;

use std::fmt;

pub use crate::time::{NotATime, UnixMicros};
pub use fields::{Field, NAMES};
use limits::SEALED_BYTES_MAX;
pub use note::{Audit, Boot, Observation, Observed};
pub use obligation::{Attempt, How, Obligation, ObligationKind, Settled};
use read::Reader;
pub use transaction::{Declined, Intent, Outcome, Unseen, Withdrawn};

/// The version that is written.
const VERSION: u8 = 1;

/// What happened. Encoding cannot fail: texts beyond their [`limits`] are cut, card numbers beyond what may be seen are
/// masked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event<'a> {
    Boot(Boot<'a>),
    Intent(Intent<'a>),
    Outcome(Outcome<'a>),
    Declined(Declined<'a>),
    Withdrawn(Withdrawn),
    Obligation(Obligation<'a>),
    Attempt(Attempt),
    Settled(Settled<'a>),
    Observed(Observed<'a>),
    Audit(Audit<'a>),
    Unseen(Unseen<'a>),
}

impl<'a> Event<'a> {
    /// The kind of its record. A number is never given to another kind; zero is none.
    #[must_use]
    pub const fn kind(&self) -> u8 {
        match self {
            Event::Boot(_) => 1,
            Event::Intent(_) => 2,
            Event::Outcome(_) => 3,
            Event::Declined(_) => 4,
            Event::Withdrawn(_) => 5,
            Event::Obligation(_) => 6,
            Event::Attempt(_) => 7,
            Event::Settled(_) => 8,
            Event::Observed(_) => 9,
            Event::Audit(_) => 10,
            Event::Unseen(_) => 11,
        }
    }

    /// The name of its kind in exports and commands.
    #[must_use]
    pub const fn label(&self) -> &'static str {
        match self {
            Event::Boot(_) => "boot",
            Event::Intent(_) => "intent",
            Event::Outcome(_) => "outcome",
            Event::Declined(_) => "declined",
            Event::Withdrawn(_) => "withdrawn",
            Event::Obligation(_) => "obligation",
            Event::Attempt(_) => "attempt",
            Event::Settled(_) => "settled",
            Event::Observed(_) => "observed",
            Event::Audit(_) => "audit",
            Event::Unseen(_) => "unseen",
        }
    }

    #[must_use]
    pub const fn at(&self) -> UnixMicros {
        match self {
            Event::Boot(event) => event.at,
            Event::Intent(event) => event.at,
            Event::Outcome(event) => event.at,
            Event::Declined(event) => event.at,
            Event::Withdrawn(event) => event.at,
            Event::Obligation(event) => event.at,
            Event::Attempt(event) => event.at,
            Event::Settled(event) => event.at,
            Event::Observed(event) => event.at,
            Event::Audit(event) => event.at,
            Event::Unseen(event) => event.at,
        }
    }

    /// The transaction that it is about.
    #[must_use]
    pub const fn tx(&self) -> Option<u64> {
        match self {
            Event::Boot(_) => None,
            Event::Intent(event) => Some(event.tx),
            Event::Outcome(event) => Some(event.tx),
            Event::Declined(event) => Some(event.tx),
            Event::Withdrawn(event) => Some(event.tx),
            Event::Obligation(event) => Some(event.tx),
            Event::Attempt(event) => Some(event.tx),
            Event::Settled(event) => Some(event.tx),
            Event::Observed(event) => event.tx,
            Event::Audit(event) => event.tx,
            Event::Unseen(_) => None,
        }
    }

    /// Appends the payload of its record.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.push(VERSION);
        match self {
            Event::Boot(event) => event.encode(out),
            Event::Intent(event) => event.encode(out),
            Event::Outcome(event) => event.encode(out),
            Event::Declined(event) => event.encode(out),
            Event::Withdrawn(event) => event.encode(out),
            Event::Obligation(event) => event.encode(out),
            Event::Attempt(event) => event.encode(out),
            Event::Settled(event) => event.encode(out),
            Event::Observed(event) => event.encode(out),
            Event::Audit(event) => event.encode(out),
            Event::Unseen(event) => event.encode(out),
        }
    }

    /// Reads the payload of a record.
    ///
    /// # Errors
    /// Says which field does not hold what it must. Any bytes may be given.
    pub fn decode(kind: u8, payload: &'a [u8]) -> Result<Event<'a>, EventError> {
        let mut reader = Reader::new(payload);
        if !(1..=11).contains(&kind) {
            return Err(EventError::Kind(kind));
        }
        match reader.u8("version")? {
            VERSION => {}
            version => return Err(EventError::Version(version)),
        }
        let event = match kind {
            1 => Event::Boot(Boot::decode(&mut reader)?),
            2 => Event::Intent(Intent::decode(&mut reader)?),
            3 => Event::Outcome(Outcome::decode(&mut reader)?),
            4 => Event::Declined(Declined::decode(&mut reader)?),
            5 => Event::Withdrawn(Withdrawn::decode(&mut reader)?),
            6 => Event::Obligation(Obligation::decode(&mut reader)?),
            7 => Event::Attempt(Attempt::decode(&mut reader)?),
            8 => Event::Settled(Settled::decode(&mut reader)?),
            9 => Event::Observed(Observed::decode(&mut reader)?),
            10 => Event::Audit(Audit::decode(&mut reader)?),
            _ => Event::Unseen(Unseen::decode(&mut reader)?),
        };
        reader.finish()?;
        Ok(event)
    }
}

/// Why the payload of a record is no event. Names the field, never what stood in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EventError {
    #[error("kind {0} is not known: a later version may have written it")]
    Kind(u8),
    #[error("version {0} of the record is not known: a later version of the program wrote it")]
    Version(u8),
    #[error("the record ends within `{field}`")]
    Truncated { field: &'static str },
    #[error("`{field}` has {length} bytes, and may have {bytes_max}")]
    TooLong {
        field: &'static str,
        length: usize,
        bytes_max: usize,
    },
    #[error("`{field}` is not text")]
    NotText { field: &'static str },
    #[error("`{field}` cannot be {value}")]
    Value { field: &'static str, value: u8 },
    #[error("{count} bytes are left over")]
    Trailing { count: usize },
}

/// A keyed hash of a card number: the same card has the same, and nobody without the key can tell which.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CardToken(pub [u8; 16]);

impl CardToken {
    /// Of a message that names no card.
    pub const NONE: CardToken = CardToken([0; 16]);

    #[must_use]
    pub fn is_none(self) -> bool {
        self == CardToken::NONE
    }
}

impl fmt::Display for CardToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        hex(&self.0, f)
    }
}

impl fmt::Debug for CardToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CardToken({self})")
    }
}

/// Tells master keys apart without saying anything about them.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct KeyCheck(pub [u8; 4]);

impl fmt::Display for KeyCheck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        hex(&self.0, f)
    }
}

impl fmt::Debug for KeyCheck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyCheck({self})")
    }
}

fn hex(bytes: &[u8], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
}

/// Bytes that only the holder of the key can read.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Sealed<'a>(&'a [u8]);

impl<'a> Sealed<'a> {
    /// Nothing is there.
    pub const NONE: Sealed<'static> = Sealed(&[]);

    /// # Errors
    /// More than a record holds is refused and not cut: half of it could never be opened.
    pub fn new(bytes: &'a [u8]) -> Result<Sealed<'a>, SealedTooLong> {
        match bytes.len() {
            length if length > SEALED_BYTES_MAX => Err(SealedTooLong { length }),
            _ => Ok(Sealed(bytes)),
        }
    }

    #[must_use]
    pub const fn as_bytes(self) -> &'a [u8] {
        self.0
    }

    #[must_use]
    pub const fn is_none(self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for Sealed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sealed({} bytes)", self.0.len())
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{length} sealed bytes are more than a record holds ({SEALED_BYTES_MAX})")]
pub struct SealedTooLong {
    pub length: usize,
}
