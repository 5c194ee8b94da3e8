//! What must be said again later is written down so that only the holder of the key can read it.
//!
//! One master key of 32 bytes, from which HKDF-SHA-256 (RFC 5869) derives the others:
//!
//! | derived key | salt | what it is for |
//! |---|---|---|
//! | data key | 16 random bytes, new at each start | AES-256-GCM of the bodies that this life writes |
//! | token key | none | HMAC-SHA-256 of card numbers; the same over all starts |
//! | check value | none | tells master keys apart; it is written in the clear |
//!
//! A sealed body carries what it takes to open it, but the key:
//!
//! ```text
//! format 1 │ check value 4 │ salt 16 │ counter 8 │ ciphertext as long as the plain text │ tag 16
//! ```
//!
//! The nonce is the counter: a data key lives for one start only and its counter never goes back, so that no nonce is used
//! twice with one key, whatever crashes. The tag also covers everything before the ciphertext, and the place that
//! the body belongs to, so that a body that is copied to another transaction cannot be opened there.
//!
//! **A new key.** Put the new key into the first line of the key file, and leave the old one in the second. What is new
//! is sealed with the first; all of them open. When nothing open is older than the change, the old line can go: until then
//! a start refuses to go on without it. A card has another token under another key, so that searching takes
//! [`Keys::card_tokens`], all of them.

mod master;

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use aes_gcm::aead::AeadInOut;
use aes_gcm::{Aes256Gcm, KeyInit};
use hmac::Mac;

use crate::event::limits::SEALED_BYTES_MAX;
use crate::event::{CardToken, KeyCheck, ObligationKind};
use master::MasterKey;
pub use master::{KeyError, KeyReference};

const FORMAT: u8 = 1;
const HEADER_BYTES: usize = 1 + 4 + SALT_BYTES + 8;
const SALT_BYTES: usize = 16;
const TAG_BYTES: usize = 16;
const NONCE_BYTES: usize = 12;
const AAD_BYTES: usize = HEADER_BYTES + 9;

/// How much longer a body gets by sealing it.
pub const OVERHEAD_BYTES: usize = HEADER_BYTES + TAG_BYTES;
/// The longest body.
pub const PLAIN_BYTES_MAX: usize = SEALED_BYTES_MAX - OVERHEAD_BYTES;

/// The place that a body belongs to. It opens nowhere else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    pub tx: u64,
    pub part: Part,
}

/// Which of a transaction's bodies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// `body` of the intent. An obligation without a body has this one.
    Intent,
    /// `answer` of the outcome.
    Answer,
    /// `body` of an obligation of its own.
    Obligation(ObligationKind),
}

impl Part {
    /// Never given to another.
    const fn code(self) -> u8 {
        match self {
            Part::Intent => 1,
            Part::Answer => 2,
            Part::Obligation(ObligationKind::Reversal) => 3,
            Part::Obligation(ObligationKind::Completion) => 4,
            Part::Obligation(ObligationKind::Advice) => 5,
        }
    }
}

/// The key that seals and the older ones that still open.
pub struct Keys {
    /// The first is the one that seals.
    all: Vec<MasterKey>,
}

impl Keys {
    /// The keys behind a reference, or those of `journal.key` in the journal's directory. A directory that holds nothing
    /// yet gets a new one: call this before the journal is opened for the first time.
    ///
    /// # Errors
    /// Says what is wrong with the reference or the file, and what to do about it; never what stood in it.
    pub fn load(
        reference: Option<&KeyReference>,
        directory: &std::path::Path,
    ) -> Result<Keys, KeyError> {
        let all = match reference {
            Some(reference) => master::from_reference(reference)?,
            None => master::from_directory(directory)?,
        };
        Ok(Keys { all })
    }

    /// The same for whoever only looks: no key is made.
    ///
    /// # Errors
    /// As for [`Keys::load`], and if there is no key.
    pub fn existing(
        reference: Option<&KeyReference>,
        directory: &std::path::Path,
    ) -> Result<Keys, KeyError> {
        let all = match reference {
            Some(reference) => master::from_reference(reference)?,
            None => master::from_reference(&master::in_directory(directory))?,
        };
        Ok(Keys { all })
    }

    /// Tells the key that seals from all others: what [`crate::event::Boot`] records.
    #[must_use]
    pub fn check(&self) -> KeyCheck {
        self.current().check
    }

    /// Whether a journal that was sealed with this key can be read.
    ///
    /// # Errors
    /// It cannot: none of our keys is that one.
    pub fn verify(&self, check: KeyCheck) -> Result<(), WrongKey> {
        if self.all.iter().any(|key| key.check == check) {
            return Ok(());
        }
        Err(WrongKey {
            wanted: check,
            given: self.check(),
        })
    }

    /// Seals the bodies of one life of the switch. `salt` is random and new: [`new_salt`].
    #[must_use]
    pub fn sealer(&self, salt: [u8; 16]) -> Sealer {
        Sealer {
            cipher: self.current().data_cipher(&salt),
            check: self.check(),
            salt,
            counter: AtomicU64::new(0),
        }
    }

    /// Appends what was sealed to `out`. On an error `out` is as before.
    ///
    /// # Errors
    /// The key is not there, or the bytes are not what was sealed for this place.
    pub fn open(&self, place: Place, sealed: &[u8], out: &mut Vec<u8>) -> Result<(), OpenError> {
        let (header, rest) = sealed
            .split_first_chunk::<HEADER_BYTES>()
            .ok_or(OpenError::Damaged)?;
        let [format, c0, c1, c2, c3, ..] = *header;
        if format != FORMAT {
            return Err(OpenError::Format(format));
        }
        let check = KeyCheck([c0, c1, c2, c3]);
        let key = self.all.iter().find(|key| key.check == check);
        let key = key.ok_or(OpenError::NoKey { check })?;
        let (salt, counter) = salt_and_counter(header);
        let (ciphertext, tag) = rest
            .split_last_chunk::<TAG_BYTES>()
            .ok_or(OpenError::Damaged)?;
        let start = out.len();
        out.extend_from_slice(ciphertext);
        let opened = key.data_cipher(&salt).decrypt_inout_detached(
            &nonce(counter).into(),
            &associated(header, place),
            out.get_mut(start..).unwrap_or_default().into(),
            &(*tag).into(),
        );
        opened.map_err(|_| {
            out.truncate(start);
            OpenError::Damaged
        })
    }

    /// The token of a card number's digits under the key that seals.
    #[must_use]
    pub fn card_token(&self, digits: &str) -> CardToken {
        self.current().card_token(digits)
    }

    /// The tokens that a card may have been written down with, the newest key's first.
    pub fn card_tokens(&self, digits: &str) -> impl Iterator<Item = CardToken> {
        self.all.iter().map(move |key| key.card_token(digits))
    }

    #[expect(
        clippy::expect_used,
        reason = "loading refuses a list without a key, and nothing takes one away"
    )]
    fn current(&self) -> &MasterKey {
        self.all
            .first()
            .expect("invariant: there is at least one key, `master` refuses none")
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list()
            .entries(self.all.iter().map(|key| key.check))
            .finish()
    }
}

/// Seals bodies with the data key of one life. Can be shared: every body gets the next number.
pub struct Sealer {
    cipher: Aes256Gcm,
    check: KeyCheck,
    salt: [u8; SALT_BYTES],
    counter: AtomicU64,
}

impl Sealer {
    /// Appends the sealed body to `out`. Allocates nothing but the growth of `out`.
    ///
    /// # Errors
    /// The body is longer than a record holds. `out` is as before.
    pub fn seal(&self, place: Place, plain: &[u8], out: &mut Vec<u8>) -> Result<(), SealError> {
        if plain.len() > PLAIN_BYTES_MAX {
            return Err(SealError::TooLong {
                length: plain.len(),
            });
        }
        let counter = self.counter.fetch_add(1, Ordering::Relaxed);
        let header = header(self.check, &self.salt, counter);
        let start = out.len();
        out.extend_from_slice(&header);
        out.extend_from_slice(plain);
        let body = out.get_mut(start + HEADER_BYTES..).unwrap_or_default();
        let tag = self.cipher.encrypt_inout_detached(
            &nonce(counter).into(),
            &associated(&header, place),
            body.into(),
        );
        match tag {
            Ok(tag) => {
                out.extend_from_slice(&tag);
                Ok(())
            }
            Err(_) => {
                // Nothing in the clear may stay behind.
                out.truncate(start);
                Err(SealError::TooLong {
                    length: plain.len(),
                })
            }
        }
    }
}

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sealer")
            .field("key", &self.check)
            .finish_non_exhaustive()
    }
}

impl MasterKey {
    fn data_cipher(&self, salt: &[u8; SALT_BYTES]) -> Aes256Gcm {
        let key = self.derive(Some(salt), b"pointsman journal: data key 1");
        Aes256Gcm::new(&(*key).into())
    }

    fn card_token(&self, digits: &str) -> CardToken {
        let mut hmac = self.tokens.clone();
        hmac.update(digits.as_bytes());
        // 128 of the 256 bits: two cards that share a token are not to be expected before 2^64 cards.
        let mut token = [0; 16];
        for (to, from) in token.iter_mut().zip(hmac.finalize().into_bytes()) {
            *to = from;
        }
        CardToken(token)
    }
}

/// 16 random bytes of the operating system.
///
/// # Errors
/// The operating system has none to give.
pub fn new_salt() -> Result<[u8; 16], KeyError> {
    let mut salt = [0; SALT_BYTES];
    master::random(&mut salt)?;
    Ok(salt)
}

fn header(check: KeyCheck, salt: &[u8; SALT_BYTES], counter: u64) -> [u8; HEADER_BYTES] {
    let mut header = [0; HEADER_BYTES];
    let parts = [FORMAT]
        .into_iter()
        .chain(check.0)
        .chain(*salt)
        .chain(counter.to_le_bytes());
    for (to, from) in header.iter_mut().zip(parts) {
        *to = from;
    }
    header
}

fn salt_and_counter(header: &[u8; HEADER_BYTES]) -> ([u8; SALT_BYTES], u64) {
    let mut salt = [0; SALT_BYTES];
    for (to, from) in salt.iter_mut().zip(header.iter().skip(1 + 4)) {
        *to = *from;
    }
    let mut counter = [0; 8];
    for (to, from) in counter
        .iter_mut()
        .zip(header.iter().skip(1 + 4 + SALT_BYTES))
    {
        *to = *from;
    }
    (salt, u64::from_le_bytes(counter))
}

fn nonce(counter: u64) -> [u8; NONCE_BYTES] {
    let mut nonce = [0; NONCE_BYTES];
    for (to, from) in nonce.iter_mut().zip(counter.to_le_bytes()) {
        *to = from;
    }
    nonce
}

fn associated(header: &[u8; HEADER_BYTES], place: Place) -> [u8; AAD_BYTES] {
    let mut associated = [0; AAD_BYTES];
    let parts = header
        .iter()
        .copied()
        .chain(place.tx.to_le_bytes())
        .chain([place.part.code()]);
    for (to, from) in associated.iter_mut().zip(parts) {
        *to = from;
    }
    associated
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    #[error("a body of {length} bytes is longer than a record holds ({PLAIN_BYTES_MAX})")]
    TooLong { length: usize },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    #[error("it was sealed with the key {check}, which is not among those that are given")]
    NoKey { check: KeyCheck },
    #[error("it was sealed in format {0}, which a later version of the program writes")]
    Format(u8),
    #[error("it is not what was sealed for this place")]
    Damaged,
}

/// The journal belongs to another key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the journal was sealed with the key {wanted}, and the key that is given is {given}: give that key, or add it as a \
     second line behind the new one"
)]
pub struct WrongKey {
    pub wanted: KeyCheck,
    pub given: KeyCheck,
}

#[cfg(test)]
mod tests;
