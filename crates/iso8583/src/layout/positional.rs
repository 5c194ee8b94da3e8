//! Parts in an order: fixed, announced, optional at the end, repeated.

use super::cells::Cells;
use super::error::{LayoutError, LayoutErrorKind as Kind};
use super::part::{Part, PartTag};
use super::read;
use super::walk::Cursor;
use super::{LAYOUT_DEPTH_MAX, Layout, LayoutKind, PartDefinition};

/// How far a list of parts was read.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sequence {
    /// The definition that comes next.
    next: usize,
    /// How often it came already.
    times: usize,
    /// The last number that counts a repeated part.
    counter: usize,
}

impl Sequence {
    /// The next part. `None`: the list is at its end, or the value is and all that is left is optional.
    pub(crate) fn next<'a>(
        &mut self,
        definitions: &'a [PartDefinition],
        cursor: &mut Cursor<'a>,
    ) -> Result<Option<Part<'a>>, LayoutError> {
        loop {
            let Some(definition) = definitions.get(self.next) else {
                return Ok(None);
            };
            let tag = PartTag::Number(u16::try_from(self.next + 1).unwrap_or(u16::MAX));
            if definition.optional && cursor.is_at_end() {
                return Ok(None);
            }
            let Some(repeat) = definition.repeat else {
                self.next += 1;
                let part = read::part(cursor, tag, definition)?;
                if definition.is_counter {
                    self.counter = read::number(part.cells()).unwrap_or_default();
                }
                return Ok(Some(part));
            };
            let max = usize::from(repeat.max);
            let wanted = match repeat.count {
                Some(_) => self.counter,
                None if cursor.is_at_end() => self.times,
                None => self.times + 1,
            };
            if wanted > max {
                let kind = Kind::TooMany { count: wanted, max };
                return Err(cursor.error(tag, kind));
            }
            if self.times >= wanted {
                (self.next, self.times) = (self.next + 1, 0);
                continue;
            }
            self.times += 1;
            let before = cursor.rest.count();
            let part = read::part(cursor, tag, definition)?;
            if cursor.rest.count() == before {
                // Parts that take nothing would come for ever.
                self.times = max;
            }
            return Ok(Some(part));
        }
    }
}

/// What is left behind the parts of a positional layout. `None`: it is of another kind, or its parts are not in order.
pub(super) fn measure<'a>(cursor: Cursor<'a>, layout: &'a Layout) -> Option<Cells<'a>> {
    let LayoutKind::Positional { parts } = &layout.kind else {
        return None;
    };
    let mut cursor = Cursor {
        scope: super::walk::Scope {
            depth: cursor.scope.depth + 1,
            ..cursor.scope
        },
        ..cursor
    };
    if cursor.scope.depth > LAYOUT_DEPTH_MAX {
        return None;
    }
    let mut sequence = Sequence::default();
    loop {
        match sequence.next(parts, &mut cursor) {
            Ok(Some(_)) => {}
            Ok(None) => return Some(cursor.rest),
            Err(_) => return None,
        }
    }
}
