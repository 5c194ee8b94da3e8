//! Whose answer is it? The match key of a request, and its comparison with an answer.
//!
//! Fields are compared as they stand on the wire: both messages are in the link's dialect, and a host that echoes a
//! field echoes its bytes. Field 11 is the exception, it is compared as a number, since the link wrote it.

use alloc::boxed::Box;
use alloc::vec;
use alloc::vec::Vec;

use bytes::BufMut;
use pointsman_iso8583::{AmountMinor, Mti, Stan, View};

use crate::limits::KEY_INLINE_BYTES_MAX;
use crate::planted::{Planted, PlantedBug};

/// The fields of the match key: field 11 apart from the others.
#[derive(Clone, Debug)]
pub(super) struct MatchFields {
    /// Is the link's own trace number part of the key?
    pub(super) stan: bool,
    /// Ascending, each once.
    others: Vec<u8>,
}

/// The values of the match key's fields, without field 11. No `Debug`: an operator may match by a card number.
pub(super) enum Key {
    Inline {
        length: u8,
        bytes: [u8; KEY_INLINE_BYTES_MAX],
    },
    Long(Box<[u8]>),
}

/// What the link keeps of a request to judge its answer by.
pub(super) struct Expectation {
    pub(super) stan: Stan,
    /// The message type that answers it.
    pub(super) mti: Mti,
    pub(super) key: Key,
    /// What an approval must be about; none if it may be about anything.
    pub(super) amount: Option<AmountMinor>,
    /// The currency that it must be in; none if it may be in any.
    pub(super) currency: Option<Currency>,
}

/// Field 49 as it stands on the wire: both messages are in the link's dialect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Currency {
    length: u8,
    bytes: [u8; CURRENCY_BYTES_MAX],
}

/// Three digits or letters (ISO 4217) in any encoding, as hex text too.
const CURRENCY_BYTES_MAX: usize = 8;

/// A field that the request has and the answer should have had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Differs(pub(super) u8);

impl MatchFields {
    pub(super) fn new(fields: &[u8]) -> MatchFields {
        let mut others: Vec<u8> = fields
            .iter()
            .copied()
            .filter(|field| *field != 11)
            .collect();
        others.sort_unstable();
        others.dedup();
        // Without any field an answer could not be told from another: the trace number always can.
        MatchFields {
            stan: others.is_empty() || fields.contains(&11),
            others,
        }
    }

    /// The first field of the key, field 11 aside, that the message lacks.
    pub(super) fn missing_in(&self, view: &View<'_>) -> Option<u8> {
        self.others.iter().copied().find(|field| !view.has(*field))
    }
}

/// In the encoding of a key, stands for the length of a field that the request does not have.
const ABSENT: u16 = u16::MAX;

impl Key {
    /// The key of a message: for each field its length in two bytes, then its value.
    pub(super) fn of(view: &View<'_>, fields: &MatchFields) -> Key {
        let length = fields
            .others
            .iter()
            .map(|field| 2 + view.wire(*field).map_or(0, <[u8]>::len))
            .sum();
        if length <= KEY_INLINE_BYTES_MAX {
            let mut bytes = [0; KEY_INLINE_BYTES_MAX];
            write(view, fields, &mut bytes);
            Key::Inline {
                length: length as u8,
                bytes,
            }
        } else {
            let mut bytes = vec![0; length];
            write(view, fields, &mut bytes);
            Key::Long(bytes.into_boxed_slice())
        }
    }

    /// Does the answer carry the same values? A field that the request did not have takes no part.
    pub(super) fn agrees(&self, answer: &View<'_>, fields: &MatchFields) -> Result<(), Differs> {
        let mut rest = self.bytes();
        for &field in &fields.others {
            let (length, tail) = rest.split_first_chunk::<2>().unwrap_or((&[0xFF; 2], &[]));
            let length = u16::from_be_bytes(*length);
            rest = tail;
            if length == ABSENT {
                continue;
            }
            let (value, tail) = rest
                .split_at_checked(usize::from(length))
                .unwrap_or((rest, &[]));
            rest = tail;
            if answer.wire(field) != Some(value) {
                return Err(Differs(field));
            }
        }
        Ok(())
    }

    pub(super) fn bytes(&self) -> &[u8] {
        match self {
            Key::Inline { length, bytes } => bytes.get(..usize::from(*length)).unwrap_or_default(),
            Key::Long(bytes) => bytes,
        }
    }
}

/// Lengths and values in turn, into a buffer that has room for them. A value is never as long as [`ABSENT`]: messages
/// are shorter than 64 KiB.
fn write(view: &View<'_>, fields: &MatchFields, mut out: &mut [u8]) {
    for &field in &fields.others {
        match view.wire(field) {
            Some(value) => {
                out.put_u16(value.len() as u16);
                out.put_slice(value);
            }
            None => out.put_u16(ABSENT),
        }
    }
}

impl Currency {
    /// The currency of a message that names one.
    pub(super) fn of(view: &View<'_>) -> Option<Currency> {
        let value = view.wire(49)?;
        let mut bytes = [0; CURRENCY_BYTES_MAX];
        bytes.get_mut(..value.len())?.copy_from_slice(value);
        Some(Currency {
            length: value.len() as u8,
            bytes,
        })
    }
}

impl Expectation {
    /// The field that keeps an answer from being one: it says nothing, or approves something else than was asked for.
    ///
    /// ISO 8583-1:1987, 4.4.5: field 39 is mandatory in 0110, 0210 and 0430; amount and currency of an approval are those
    /// of the request, also where the answer leaves them out. Code 10 approves a part, and has to say which.
    pub(super) fn mismatch(&self, answer: &View<'_>, planted: Planted) -> Option<u8> {
        let Some(code) = answer.response_code() else {
            return Some(39);
        };
        if !code.is_approval() {
            return None;
        }
        if let Some(asked) = self.amount
            && !planted.has(PlantedBug::AmountNotChecked)
        {
            let partial = code.as_str() == "10";
            let fits = match answer.amount() {
                Some(given) if partial => given <= asked,
                Some(given) => given == asked,
                None => !partial,
            };
            if !fits {
                return Some(4);
            }
        }
        let differs = self
            .currency
            .zip(Currency::of(answer))
            .is_some_and(|(asked, given)| asked != given);
        (differs && !planted.has(PlantedBug::CurrencyNotChecked)).then_some(49)
    }
}
