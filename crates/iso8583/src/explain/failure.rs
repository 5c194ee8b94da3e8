//! The end of the tree of a broken message: where, what, the bytes around it, and what it may be instead.

use std::fmt;

use super::Tree;
use crate::error::{DecodeError, DecodeErrorKind};
use crate::field::Sensitive;
use crate::mask::Unmask;
use crate::number_list::number_list;

/// Bytes shown before and after the one that is in error.
const CONTEXT_BYTES: usize = 8;

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
        // The numbers say what stands in the bitmaps.
        let mut bitmaps = self.partial.bitmaps.iter();
        let is_secret = bitmaps.any(|(range, _)| self.wire.hides(range));
        if !unread.is_empty() && !is_secret {
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
        let pair = |place: usize| match self.bytes.get(place) {
            Some(byte) if self.shows(place, error) => format!("{byte:02X}"),
            _ => "**".to_owned(),
        };
        let pairs: Vec<String> = (start..end).map(pair).collect();
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

    /// May this byte around the error be seen? Nobody knows what was not read, so only what was, and is no card data.
    fn shows(&self, place: usize, error: DecodeError) -> bool {
        let range = place..place + 1;
        if self.unmask == Unmask::Yes {
            return true;
        }
        if self.is_secret_elsewhere(&range) || self.wire.hides(&range) {
            return false;
        }
        // A byte that only begins what does not fit is not wrong by itself; one that is wrong is no card data.
        let is_cut = matches!(error.kind, DecodeErrorKind::Truncated { .. });
        if place == error.offset && !is_cut {
            return true;
        }
        let is_secret = |number: u8, text: &str| {
            self.dialect.field(number).is_none_or(|field| {
                field.sensitive != Sensitive::No || self.wire.hides_all_of(field, text)
            })
        };
        place < self.partial.end
            && !self.partial.elements.iter().any(|(number, element)| {
                is_secret(*number, &element.text)
                    && (element.offset..element.offset + element.length).contains(&place)
            })
    }
}
