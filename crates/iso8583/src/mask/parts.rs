//! What the parts of a field hide: a security code among subelements, a key among others.
//!
//! A part that hides something hides it in the text of its field as well. From the beginning of the first
//! part that does not fit nobody knows what stands there, so that all of it is hidden if any part of the layout hides something.

use std::collections::BTreeMap;

use super::{HIDDEN, hidden_by, merge, tag_kind};
use crate::field::Sensitive;
use crate::layout::cells::Cells;
use crate::layout::check::is_in_order;
use crate::layout::path::step;
use crate::layout::{LayoutKind, Part, PartTag, Parts};
use crate::view::View;

/// Which characters of the text of a field, which has so many, its parts hide. Empty: none of them hides anything.
pub(crate) fn hidden(view: &View<'_>, number: u8, count: usize) -> Vec<bool> {
    let field = view.dialect().field(number);
    // What chip data hides is known without a layout, and better.
    let is_chip_data = field.is_some_and(|field| field.sensitive == Sensitive::Icc);
    let hides = !is_chip_data && view.layout(number).is_some_and(|layout| layout.hides);
    let (true, Some(parts), Some(cells)) = (hides, view.parts(number), view.cells(number)) else {
        return Vec::new();
    };
    let mut hidden = vec![false; count];
    // A value that was filled and stripped has lost the places of its characters.
    if cells.characters_in(&cells).len() != count {
        hidden.fill(true);
        return hidden;
    }
    cover(parts, cells, &cells, &mut hidden);
    hidden
}

/// `of`: the value that the parts are of.
fn cover(parts: Parts<'_>, of: Cells<'_>, whole: &Cells<'_>, hidden: &mut [bool]) {
    let has_emv_names = matches!(
        parts.layout().kind,
        LayoutKind::BerTlv {
            emv_names: true,
            ..
        }
    );
    let range = of.characters_in(whole);
    // Where the last part ended that fits.
    let mut fits = range.start;
    for part in parts {
        match part {
            Ok(part) => {
                fits = part.cells().characters_in(whole).end;
                let own = match (part.definition(), part.tag()) {
                    (Some(definition), _) => definition.sensitive,
                    (None, PartTag::Ber(tag)) if has_emv_names => {
                        Some(Sensitive::Secret).filter(|_| tag_kind(tag) != Sensitive::No)
                    }
                    (None, _) => None,
                };
                if let Some(kind) = own.filter(|kind| *kind != Sensitive::No) {
                    let range = part.cells().characters_in(whole);
                    let places = places(&part, kind, range.len());
                    merge(hidden, range.start, &places);
                }
                if let Some(inner) = part.parts() {
                    cover(inner, part.cells(), whole, hidden);
                }
            }
            Err(error) => {
                // The part that is wrong begins before its wrong character, and so does its secret.
                let wrong = of.characters_before(error.offset, whole);
                let first = fits.min(wrong).min(range.end);
                if let Some(rest) = hidden.get_mut(first..range.end) {
                    rest.fill(true);
                }
            }
        }
    }
}

/// A part that has no parts of its own.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ShownPart {
    /// Its path, as [`View::part`] takes it.
    pub path: String,
    /// What it is called.
    pub name: Option<String>,
    /// Its value.
    pub value: String,
    /// The same as people may see it.
    pub shown: String,
}

/// Values may be card data.
impl std::fmt::Debug for ShownPart {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ShownPart")
            .field("path", &self.path)
            .field("shown", &self.shown)
            .finish_non_exhaustive()
    }
}

/// The innermost parts of a field of a message, with what people may see of them. `None`: it has no parts, or they are not in
/// order.
#[must_use]
pub fn parts_in(view: &View<'_>, number: u8) -> Option<Vec<ShownPart>> {
    let (parts, whole) = (view.parts(number)?, view.cells(number)?);
    if !is_in_order(parts.clone()) {
        return None;
    }
    let text: Vec<char> = super::field_in(view, number)?.chars().collect();
    let mut leaves = Vec::new();
    collect(parts, "", &text, &whole, &mut leaves);
    Some(leaves)
}

fn collect(
    parts: Parts<'_>,
    lead: &str,
    text: &[char],
    whole: &Cells<'_>,
    leaves: &mut Vec<ShownPart>,
) {
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    for part in parts.map_while(Result::ok) {
        let tag = part.tag().to_string();
        let times = seen.entry(tag.clone()).or_default();
        *times += 1;
        let path = format!("{lead}{}", step(&tag, *times));
        match part.parts() {
            Some(inner) => collect(inner, &format!("{path}."), text, whole, leaves),
            None => leaves.push(ShownPart {
                path,
                name: part.name().map(str::to_owned),
                value: part.to_text(),
                shown: shown(&part, text, whole, false),
            }),
        }
    }
}

/// What is hidden of a part that has so many characters in the text of its field.
fn places(part: &Part<'_>, kind: Sensitive, count: usize) -> Vec<bool> {
    let text: Vec<char> = part.to_text().chars().collect();
    let hidden = hidden_by(kind, part.content(), 0, &text);
    match hidden.len() {
        length if length == count => hidden,
        // Text in a field that is shown as hex.
        length if length * 2 == count => hidden.iter().flat_map(|hidden| [*hidden; 2]).collect(),
        _ => vec![true; count],
    }
}

/// The value of a part as people may see it. `shown` is the text of its field as they may, `whole` the field's cells.
///
/// A part that its layout says something about is masked by that; any other shows what its field does. `doubt`: that the message
/// is what it was read as; then a layout cannot show what the field hides.
pub(crate) fn shown(part: &Part<'_>, shown: &[char], whole: &Cells<'_>, doubt: bool) -> String {
    let text: Vec<char> = part.to_text().chars().collect();
    let range = part.cells().characters_in(whole);
    let mut hidden = match part.sensitive() {
        Some(kind) if !doubt => hidden_by(kind, part.content(), 0, &text),
        own => {
            let of_field: Vec<bool> = shown
                .get(range.clone())
                .unwrap_or_default()
                .iter()
                .map(|character| *character == HIDDEN)
                .collect();
            let mut hidden = match of_field.len() {
                length if length == text.len() => of_field
                    .iter()
                    .zip(&text)
                    // A star that the value has itself.
                    .map(|(hidden, character)| *hidden && *character != HIDDEN)
                    .collect(),
                length if length == text.len() * 2 => of_field
                    .chunks(2)
                    .map(|pair| pair.contains(&true))
                    .collect(),
                _ => vec![of_field.is_empty() || of_field.contains(&true); text.len()],
            };
            if let Some(kind) = own {
                merge(&mut hidden, 0, &hidden_by(kind, part.content(), 0, &text));
            }
            hidden
        }
    };
    // What a part inside of it hides.
    if let Some(parts) = part.parts() {
        let cells = part.cells();
        let mut inner = vec![false; range.len()];
        let mut of_field = vec![false; shown.len()];
        cover(parts, cells, whole, &mut of_field);
        inner.copy_from_slice(
            of_field
                .get(range.clone())
                .unwrap_or(&vec![true; range.len()]),
        );
        match inner.len() {
            length if length == text.len() => merge(&mut hidden, 0, &inner),
            length if length == text.len() * 2 => {
                let pairs: Vec<bool> = inner.chunks(2).map(|pair| pair.contains(&true)).collect();
                merge(&mut hidden, 0, &pairs);
            }
            _ if inner.contains(&true) => hidden.fill(true),
            _ => {}
        }
    }
    super::covered(&text, &hidden)
}
