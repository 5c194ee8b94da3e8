//! The end of the tree of a broken message: where, what, the bytes around it, and what it may be instead.

use std::fmt;

use super::table::number_list;
use super::{Tree, hex_of};
use crate::error::{DecodeError, DecodeErrorKind};
use crate::field::Sensitive;
use crate::mask::{self, Unmask};

/// Bytes shown before and after the one that is in error.
const CONTEXT_BYTES: usize = 8;
/// How far around them card numbers are searched: two of the longest, one character a byte.
const SEARCH_BYTES: usize = 40;

impl Tree<'_> {
    pub(super) fn write_failure(
        &self,
        error: DecodeError,
        out: &mut impl fmt::Write,
    ) -> fmt::Result {
        let explained = error.explain(self.dialect);
        let place = match error.field {
            0 | 1 => explained.name.clone(),
            field => format!("field {field}, {}", explained.name),
        };
        writeln!(out, "\nerror at byte {}, {place}", error.offset)?;
        writeln!(out, "  expected  {}", explained.expected)?;
        writeln!(out, "  found     {}", explained.found)?;
        self.write_context(error, out)?;

        let mut unread = self.partial.announced();
        unread.retain(|number| !self.partial.elements.iter().any(|(read, _)| read == number));
        if !unread.is_empty() {
            writeln!(out, "  not read  {}", number_list(unread))?;
        }
        if let Some(reading) = &self.reading {
            writeln!(out, "  hint      {}", reading.text)?;
        }
        Ok(())
    }

    /// The bytes around the error, with a mark under the one it is about.
    fn write_context(&self, error: DecodeError, out: &mut impl fmt::Write) -> fmt::Result {
        let start = error.offset.saturating_sub(CONTEXT_BYTES);
        let end = self.bytes.len().min(error.offset + 1 + CONTEXT_BYTES);
        // A card number that reaches into the bytes shown may begin before them and end behind.
        let near = start.saturating_sub(SEARCH_BYTES)..self.bytes.len().min(end + SEARCH_BYTES);
        let near_bytes = self.bytes.get(near.clone()).unwrap_or_default();
        let hex = hex_of(near_bytes);
        let searched = mask::hex_dump(near_bytes);
        let pair = |place: usize| {
            let text = match self.sight(place, error) {
                Sight::Shown => &hex,
                Sight::Searched => &searched,
                Sight::Hidden => return "**",
            };
            let at = (place - near.start) * 2;
            text.get(at..at + 2).unwrap_or_default()
        };
        let pairs: Vec<&str> = (start..end).map(pair).collect();
        let lead = if start == 0 { "" } else { ".. " };
        let tail = if end == self.bytes.len() { "" } else { " .." };
        let line = format!("  bytes     {lead}{}{tail}", pairs.join(" "));
        writeln!(out, "{}", line.trim_end())?;
        let mark = " ".repeat(lead.len() + (error.offset - start) * 3);
        let note = if error.offset >= self.bytes.len() {
            " the message ends here"
        } else {
            ""
        };
        writeln!(out, "            {mark}^^{note}")
    }

    /// What may be seen of a byte around the error.
    fn sight(&self, place: usize, error: DecodeError) -> Sight {
        let sensitive = |number: u8| {
            self.dialect
                .field(number)
                .is_some_and(|field| field.sensitive != Sensitive::No)
        };
        // A byte that only begins what does not fit is not wrong by itself; one that is wrong is no card data.
        let is_wrong =
            place == error.offset && !matches!(error.kind, DecodeErrorKind::Truncated { .. });
        if self.unmask == Unmask::Yes {
            return Sight::Shown;
        }
        if self.is_secret_elsewhere(&(place..place + 1)) || self.is_stray(&(place..place + 1)) {
            return Sight::Hidden;
        }
        if is_wrong {
            return Sight::Shown;
        }
        if place >= self.partial.end {
            // Nobody knows what was not read: all is hidden if reading stopped in a field with card data.
            return match &self.reading {
                _ if sensitive(error.field) => Sight::Hidden,
                // A reading of all of it knows where card data is, and where it is not.
                Some(reading) if reading.is_whole => Sight::Shown,
                _ => Sight::Searched,
            };
        }
        let hidden = self.partial.elements.iter().any(|(number, element)| {
            sensitive(*number) && (element.offset..element.offset + element.length).contains(&place)
        });
        if hidden { Sight::Hidden } else { Sight::Shown }
    }
}

enum Sight {
    Shown,
    /// Shown, unless a search for card numbers in the whole message hides it.
    Searched,
    Hidden,
}
