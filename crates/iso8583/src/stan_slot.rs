//! The place of the STAN in a message, to be overwritten in place.

use crate::field::{Content, Encoding, Field, Length};
use crate::values::Stan;

/// Where the STAN stands in a written message, so that a link can stamp its own without knowing the dialect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StanSlot {
    offset: u16,
    /// Digits before the six: more in 2003. They become zeros.
    leading: u8,
    packed: bool,
    zero: u8,
}

impl StanSlot {
    /// For a field 11 of six digits, or twelve, that begins at `offset` of its message.
    pub(crate) fn of(field: &Field, offset: usize) -> Option<StanSlot> {
        let leading = match (field.content, field.length) {
            (Content::N, Length::Fixed(6)) => 0,
            (Content::N, Length::Fixed(12)) => 6,
            _ => return None,
        };
        let (packed, zero) = match field.encoding {
            Encoding::Bcd => (true, 0),
            Encoding::Ascii => (false, b'0'),
            Encoding::Ebcdic(_) => (false, 0xF0),
            Encoding::Raw | Encoding::HexText => return None,
        };
        Some(StanSlot {
            offset: u16::try_from(offset).ok()?,
            leading,
            packed,
            zero,
        })
    }

    /// The slot so many bytes further on.
    #[inline]
    pub(crate) fn moved_up(self, count: usize) -> Option<StanSlot> {
        let offset = u16::try_from(usize::from(self.offset) + count).ok()?;
        Some(StanSlot { offset, ..self })
    }

    /// Overwrites the STAN. `message` is the message the slot was made for; a shorter one is left as it is.
    pub fn stamp(&self, message: &mut [u8], stan: Stan) {
        let digits = stan.digit_values();
        let start = usize::from(self.offset);
        let leading = usize::from(self.leading) / if self.packed { 2 } else { 1 };
        // All or nothing: a shorter message is left as it is.
        if message.len() < start + leading + if self.packed { 3 } else { 6 } {
            return;
        }
        if leading != 0
            && let Some(place) = message.get_mut(start..start + leading)
        {
            place.fill(self.zero);
        }
        let start = start + leading;
        if self.packed {
            if let Some(place) = message.get_mut(start..start + 3) {
                let [a, b, c, d, e, f] = digits;
                place.copy_from_slice(&[a << 4 | b, c << 4 | d, e << 4 | f]);
            }
        } else if let Some(place) = message.get_mut(start..start + 6) {
            place.copy_from_slice(&digits.map(|digit| self.zero | digit));
        }
    }
}
