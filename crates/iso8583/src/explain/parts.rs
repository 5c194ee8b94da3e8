//! What stands inside of a field in the tree: a part a line, and where the parts stop making sense.

use std::ops::Range;

use super::{Row, Tree, has_room, quoted};
use crate::field::{Content, Field};
use crate::layout::cells::Cells;
use crate::layout::check::is_in_order;
use crate::layout::{LayoutError, Part, Parts};
use crate::mask::parts;
use crate::mask::{HIDDEN, Unmask};

/// What the rows of a field's parts have in common.
struct Inside<'a> {
    whole: Cells<'a>,
    /// The text of the field as people may see it.
    shown: Vec<char>,
    /// May the message, or the field, be something else than it was read as?
    doubt: bool,
    unmask: Unmask,
}

impl Tree<'_> {
    /// The parts of a field, if it has a layout in this message. `shown` is its text as people may see it.
    pub(super) fn part_rows(&self, field: &Field, shown: &str) -> Vec<Row> {
        let Some(view) = self.read.view() else {
            return Vec::new();
        };
        let number = field.number;
        let (Some(parts), Some(whole)) = (view.parts(number), view.cells(number)) else {
            return Vec::new();
        };
        let inside = Inside {
            whole,
            shown: shown.chars().collect(),
            doubt: self.partial.error.is_some() || !is_in_order(parts.clone()),
            unmask: self.unmask,
        };
        let mut rows = Vec::new();
        inside.rows(parts, whole.range().start, 1, &mut rows);
        rows
    }
}

impl Inside<'_> {
    /// Parts nest as deep as layouts and templates may. `start`: where in the message they begin.
    fn rows(&self, parts: Parts<'_>, start: usize, depth: usize, rows: &mut Vec<Row>) {
        let indent = "  ".repeat(depth);
        let mut read = start;
        for part in parts {
            if !has_room(rows, read..self.whole.range().end.max(read)) {
                return;
            }
            match part {
                // Tags and lengths may be the digits of a card number, unless the layout says what they are.
                Ok(part)
                    if (self.doubt || part.sensitive().is_none())
                        && self.hides(read..part.range().start) =>
                {
                    rows.push(self.hidden_row(read, format!("{indent}not shown")));
                    return;
                }
                Ok(part) => {
                    read = part.element_range().end;
                    let inner = part.parts();
                    rows.push(self.row(&part, &indent, inner.is_some()));
                    if let Some(inner) = inner {
                        self.rows(inner, part.range().start, depth + 1, rows);
                    }
                }
                // Nor may what was found there be told.
                Err(error) if self.hides(read..self.whole.range().end) => {
                    let name = format!("{indent}not as its layout says");
                    rows.push(self.hidden_row(error.offset, name));
                }
                Err(error) => rows.push(self.error_row(&error, &indent)),
            }
        }
    }

    /// Is something hidden in these bytes of the field?
    fn hides(&self, range: Range<usize>) -> bool {
        let place = |offset: usize| self.whole.characters_before(offset, &self.whole);
        let shown = self.shown.get(place(range.start)..place(range.end));
        shown.unwrap_or_default().contains(&HIDDEN)
    }

    fn hidden_row(&self, start: usize, name: String) -> Row {
        Row {
            range: start..self.whole.range().end.max(start),
            name,
            value: "hidden from here on".into(),
            ..Row::default()
        }
    }

    fn row(&self, part: &Part<'_>, indent: &str, is_group: bool) -> Row {
        let text = match self.unmask {
            Unmask::Yes => part.to_text(),
            Unmask::No => parts::shown(part, &self.shown, &self.whole, self.doubt),
        };
        let length = match part.content() {
            // The standard counts the digits of an x+n amount.
            Content::SignedN => part.length().saturating_sub(1),
            _ => part.length(),
        };
        let tag = part.tag().to_string();
        let name = part.name().unwrap_or("unnamed");
        // The lines below show all of a group.
        let value = if is_group {
            String::new()
        } else {
            quoted(&text)
        };
        Row {
            range: part.element_range(),
            name: format!("{indent}{tag} {name}"),
            kind: format!("{}{length}", part.content()),
            value,
            ..Row::default()
        }
    }

    fn error_row(&self, error: &LayoutError, indent: &str) -> Row {
        let (expected, found) = error.kind.words();
        let part = error
            .part
            .map_or_else(String::new, |part| format!("{part} "));
        let value = format!("expected {expected}, found {found}");
        Row {
            range: error.offset..self.whole.range().end.max(error.offset),
            name: format!("{indent}{part}not as its layout says"),
            value,
            ..Row::default()
        }
    }
}
