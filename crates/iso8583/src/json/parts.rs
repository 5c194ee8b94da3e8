//! The parts of fields in a line of JSON: `"parts":{"54":{"1":{"1":"00","2":"02"}}}`.
//!
//! Their keys are the tags, the second of a kind has `#2`; the values are those that [`crate::json::encode_line`] makes the field of.

use std::collections::BTreeMap;

use super::{decode_checked_line, string};
use crate::dialect::Dialect;
use crate::error::DecodeError;
use crate::field::Sensitive;
use crate::layout::Parts;
use crate::layout::cells::Cells;
use crate::layout::check::is_in_order;
use crate::layout::compose::{Node, NodeContent};
use crate::layout::path::step;
use crate::mask::{self, HIDDEN, Unmask, Wire};
use crate::view::View;

/// A message as [`decode_checked_line`] writes it, with the parts of its fields: `"parts":{"3":{"1":"00","2":"00","3":"00"}}`.
/// A field whose parts are not in order is in its `layouts` only, and one with a tag that has `#` or `.` in it, which no path can
/// name, is in neither. [`super::encode_line`] reads parts, and makes a field of them if it has no value.
///
/// # Errors
/// As those of [`super::decode_line`].
pub fn decode_parts_line(
    dialect: &Dialect,
    bytes: &[u8],
    unmask: Unmask,
) -> Result<String, DecodeError> {
    let mut line = decode_checked_line(dialect, bytes, unmask)?;
    let view = dialect.view(bytes)?;
    let wire = match unmask {
        Unmask::Yes => Wire::open(),
        Unmask::No => Wire::of(dialect, bytes, Some(&view), None),
    };
    let mut fields = Vec::new();
    for number in view.fields().iter() {
        let (Some(parts), Some(whole)) = (view.parts(number), view.cells(number)) else {
            continue;
        };
        if !is_in_order(parts.clone()) {
            continue;
        }
        let inside = Inside {
            whole,
            shown: shown(&view, &wire, number, unmask),
            unmask,
        };
        if let Some(object) = inside.object(parts, whole.range().start) {
            fields.push(format!("\"{number}\":{object}"));
        }
    }
    line.pop();
    line.push_str(&format!(",\"parts\":{{{}}}}}", fields.join(",")));
    Ok(line)
}

/// What is wrong inside of fields, an object for each.
pub(super) fn faults(view: &View<'_>, unmask: Unmask) -> Vec<String> {
    let faults = view.check_layouts();
    if faults.is_empty() {
        return Vec::new();
    }
    let wire = match unmask {
        Unmask::Yes => Wire::open(),
        Unmask::No => Wire::of(view.dialect(), view.bytes(), Some(view), None),
    };
    faults
        .into_iter()
        .map(|fault| {
            let error = fault.error;
            // What was found there may be what must not be seen.
            let message = match shown(view, &wire, error.field, unmask).contains(&HIDDEN) {
                true => format!("field {} is not as its layout says", error.field),
                false => error.explain(view.dialect()).message,
            };
            format!(
                "{{\"field\":{},\"part\":{},\"offset\":{},\"message\":{}}}",
                error.field,
                string(&fault.path),
                error.offset,
                string(&message)
            )
        })
        .collect()
}

/// The text of a field as people may see it.
fn shown(view: &View<'_>, wire: &Wire, number: u8, unmask: Unmask) -> Vec<char> {
    let text = view.to_text(number).unwrap_or_default();
    let (Some(field), Unmask::No) = (view.dialect().field(number), unmask) else {
        return text.chars().collect();
    };
    let range = view.wire_range(number).unwrap_or_default();
    let parts = mask::parts::hidden(view, number, text.chars().count());
    wire.field(field, &range, &text, &parts).chars().collect()
}

struct Inside<'a> {
    whole: Cells<'a>,
    shown: Vec<char>,
    unmask: Unmask,
}

impl Inside<'_> {
    /// `None`: their tags or lengths must not be seen, or a tag is none that a path can name.
    fn object(&self, parts: Parts<'_>, start: usize) -> Option<String> {
        let mut seen: BTreeMap<String, usize> = BTreeMap::new();
        let mut entries = Vec::new();
        let mut read = start;
        for part in parts.map_while(Result::ok) {
            if self.unmask == Unmask::No
                && part.sensitive().is_none()
                && self.hides(read, part.range().start)
            {
                return None;
            }
            read = part.element_range().end;
            let tag = part.tag().to_string();
            if tag.contains(['#', '.']) {
                return None;
            }
            let times = seen.entry(tag.clone()).or_default();
            *times += 1;
            let key = step(&tag, *times);
            let value = match part.parts() {
                Some(inner) => self.object(inner, part.range().start)?,
                None => string(&match self.unmask {
                    Unmask::Yes => part.to_text(),
                    Unmask::No => mask::parts::shown(&part, &self.shown, &self.whole, false),
                }),
            };
            entries.push(format!("{}:{value}", string(&key)));
        }
        Some(format!("{{{}}}", entries.join(",")))
    }

    fn hides(&self, start: usize, end: usize) -> bool {
        let place = |offset: usize| self.whole.characters_before(offset, &self.whole);
        let shown = self.shown.get(place(start)..place(end));
        shown.unwrap_or_default().contains(&HIDDEN)
    }
}

/// The first of these fields that has other parts in the message.
pub(super) fn differ(dialect: &Dialect, bytes: &[u8], given: &[(u8, NodeContent)]) -> Option<u8> {
    if given.is_empty() {
        return None;
    }
    let view = dialect.view(bytes).ok();
    let differs = |(number, given): &&(u8, NodeContent)| {
        let parts = view.as_ref().and_then(|view| view.parts(*number));
        let there = parts.and_then(nodes).map(NodeContent::Parts);
        there.as_ref() != Some(given)
    };
    given.iter().find(differs).map(|(number, _)| *number)
}

/// The first field with a part that was masked: one that hides something and has a star for it.
pub(super) fn masked(dialect: &Dialect, bytes: &[u8]) -> Option<u8> {
    fn is_masked(mut parts: Parts<'_>) -> bool {
        parts.any(|part| {
            let Ok(part) = part else {
                return false;
            };
            let hides = match part.sensitive() {
                None | Some(Sensitive::No | Sensitive::FreeText) => false,
                Some(_) => true,
            };
            hides && part.to_text().contains(HIDDEN) || part.parts().is_some_and(is_masked)
        })
    }
    let view = dialect.view(bytes).ok()?;
    let hides = |number: &u8| view.layout(*number).is_some_and(|layout| layout.hides);
    let mut fields = view.fields().iter().filter(hides);
    fields.find(|number| view.parts(*number).is_some_and(is_masked))
}

/// `None`: they are not in order.
fn nodes(parts: Parts<'_>) -> Option<Vec<Node>> {
    parts
        .map(|part| {
            let part = part.ok()?;
            Some(Node {
                tag: part.tag().to_string(),
                content: match part.parts() {
                    Some(inner) => NodeContent::Parts(nodes(inner)?),
                    None => NodeContent::Value(part.to_text()),
                },
            })
        })
        .collect()
}
