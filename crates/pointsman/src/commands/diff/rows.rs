//! What two messages have in the same places: header, message type, fields, and the elements of chip data.

use std::collections::BTreeMap;

use pointsman_iso8583::mask::{self, ShownPart, Unmask};
use pointsman_iso8583::tlv::{self, Tag};
use pointsman_iso8583::{Content, Field, Sensitive, View};
use serde_json::{Value, json};

use crate::hex;

/// What both messages have in one place.
pub(super) struct Row {
    /// 0 is the message type; `None` the header.
    number: Option<u8>,
    /// An element of the field.
    pub(super) tag: Option<Tag>,
    /// A part of it, by its path.
    part: Option<String>,
    pub(super) name: String,
    pub(super) a: Option<String>,
    pub(super) b: Option<String>,
    pub(super) is_equal: bool,
}

impl Row {
    /// Is it inside of a field? Then the field counts.
    pub(super) fn is_inside(&self) -> bool {
        self.tag.is_some() || self.part.is_some()
    }

    /// They differ, but not in what is shown of them.
    pub(super) fn is_hidden(&self) -> bool {
        !self.is_equal && self.a == self.b
    }

    pub(super) fn number_text(&self) -> String {
        match self.number {
            Some(number) if !self.is_inside() => number.to_string(),
            _ => String::new(),
        }
    }

    pub(super) fn to_json(&self) -> Value {
        let mut object = json!({
            "field": self.number,
            "name": self.name,
            "a": self.a,
            "b": self.b,
            "equal": self.is_equal,
            "hidden": self.is_hidden(),
        });
        if let Some(object) = object.as_object_mut() {
            if let Some(tag) = self.tag {
                object.insert("tag".to_owned(), tag.to_string().into());
            }
            if let Some(part) = &self.part {
                object.insert("part".to_owned(), part.as_str().into());
            }
        }
        object
    }
}

pub(super) fn rows(a: &View<'_>, b: &View<'_>, unmask: Unmask) -> Vec<Row> {
    let mut rows = Vec::new();
    let header = |view: &View<'_>| {
        let mut text = Vec::new();
        hex::encode(view.header(), &mut text);
        String::from_utf8(text).ok().filter(|text| !text.is_empty())
    };
    if header(a).is_some() || header(b).is_some() {
        rows.push(Row {
            number: None,
            tag: None,
            part: None,
            name: "Header".to_owned(),
            is_equal: a.header() == b.header(),
            a: header(a),
            b: header(b),
        });
    }
    rows.push(Row {
        number: Some(0),
        tag: None,
        part: None,
        name: "Message type".to_owned(),
        a: Some(a.mti().to_string()),
        b: Some(b.mti().to_string()),
        is_equal: a.mti() == b.mti(),
    });
    for number in a.fields().union(b.fields()).iter() {
        let name = [a, b]
            .iter()
            .find_map(|view| view.dialect().field(number))
            .map_or_else(String::new, |field| field.name.to_string());
        let (of_a, of_b) = (Side::of(a, number, unmask), Side::of(b, number, unmask));
        let is_equal = match (&of_a, &of_b) {
            (Some(a), Some(b)) => a.compared == b.compared,
            _ => false,
        };
        let elements = match (&of_a, &of_b) {
            (Some(a), Some(b)) => element_rows(number, a, b),
            _ => None,
        };
        let shown = |side: Option<Side>| {
            side.map(|side| match elements {
                // The elements below show what is in it.
                Some(_) => format!("{} bytes", side.shown.len() / 2),
                None => side.shown,
            })
        };
        rows.push(Row {
            number: Some(number),
            tag: None,
            part: None,
            name,
            a: shown(of_a),
            b: shown(of_b),
            is_equal,
        });
        if elements.is_none() && !is_equal {
            rows.extend(part_rows(a, b, number, unmask));
        }
        rows.extend(elements.into_iter().flatten());
    }
    rows
}

/// The values of elements, to be compared and as shown, by tag and by how often it came before.
type Elements<'a> = BTreeMap<(Tag, usize), (&'a str, &'a str)>;

/// One message's value of a field.
struct Side {
    /// As text that is the same whatever the field is packed in.
    compared: String,
    shown: String,
    is_chip_data: bool,
}

impl Side {
    fn of(view: &View<'_>, number: u8, unmask: Unmask) -> Option<Side> {
        let text = view.to_text(number)?;
        let field = view.dialect().field(number)?;
        Some(Side {
            shown: match unmask {
                Unmask::Yes => text.clone(),
                Unmask::No => mask::field_in(view, number)?,
            },
            is_chip_data: field.sensitive == Sensitive::Icc && field.content == Content::B,
            compared: comparable(field, text),
        })
    }

    /// `None` if it is no TLV.
    fn elements(&self) -> Option<Elements<'_>> {
        let mut bytes = Vec::new();
        hex::decode(self.compared.as_bytes(), &mut bytes).ok()?;
        let mut elements = BTreeMap::new();
        let mut times: BTreeMap<Tag, usize> = BTreeMap::new();
        for element in tlv::walk(&bytes) {
            let element = element.ok()?;
            if element.constructed {
                continue;
            }
            let range = element.value_offset * 2..(element.value_offset + element.value.len()) * 2;
            let value = (self.compared.get(range.clone())?, self.shown.get(range)?);
            let before = times.entry(element.tag).or_default();
            elements.insert((element.tag, *before), value);
            *before += 1;
        }
        Some(elements)
    }
}

/// The elements of chip data, if both sides have such.
fn element_rows(number: u8, a: &Side, b: &Side) -> Option<Vec<Row>> {
    if !a.is_chip_data || !b.is_chip_data {
        return None;
    }
    let (a, b) = (a.elements()?, b.elements()?);
    let mut keys: Vec<(Tag, usize)> = a.keys().chain(b.keys()).copied().collect();
    keys.sort_unstable();
    keys.dedup();
    let row = |key: (Tag, usize)| {
        let (of_a, of_b) = (a.get(&key), b.get(&key));
        Row {
            number: Some(number),
            tag: Some(key.0),
            part: None,
            name: format!("  {} {}", key.0, key.0.name().unwrap_or("unnamed")),
            a: of_a.map(|(_, shown)| (*shown).to_owned()),
            b: of_b.map(|(_, shown)| (*shown).to_owned()),
            is_equal: of_a.map(|(value, _)| value) == of_b.map(|(value, _)| value),
        }
    };
    Some(keys.into_iter().map(row).collect())
}

/// The parts of a field that both messages have, in the same layout.
fn part_rows(a: &View<'_>, b: &View<'_>, number: u8, unmask: Unmask) -> Vec<Row> {
    let same =
        matches!((a.layout(number), b.layout(number)), (Some(a), Some(b)) if a.name == b.name);
    let (Some(a), Some(b), true) = (mask::parts_in(a, number), mask::parts_in(b, number), same)
    else {
        return Vec::new();
    };
    let by_path = |parts: &[ShownPart]| -> BTreeMap<String, usize> {
        let paths = parts.iter().map(|part| part.path.clone());
        paths.zip(0..).collect()
    };
    let (places_a, places_b) = (by_path(&a), by_path(&b));
    let shown = |part: &ShownPart| match unmask {
        Unmask::Yes => part.value.clone(),
        Unmask::No => part.shown.clone(),
    };
    let row = |of_a: Option<&ShownPart>, of_b: Option<&ShownPart>| {
        let part = of_a.or(of_b)?;
        let name = part.name.as_deref().unwrap_or("unnamed");
        Some(Row {
            number: Some(number),
            tag: None,
            name: format!("  {} {name}", part.path),
            part: Some(part.path.clone()),
            a: of_a.map(shown),
            b: of_b.map(shown),
            is_equal: of_a.map(|part| &part.value) == of_b.map(|part| &part.value),
        })
    };
    let of_a = a.iter().map(|part| {
        let other = places_b.get(&part.path).and_then(|place| b.get(*place));
        row(Some(part), other)
    });
    let only_b = b.iter().filter(|part| !places_a.contains_key(&part.path));
    of_a.chain(only_b.map(|part| row(None, Some(part))))
        .flatten()
        .collect()
}

/// A track's separator reads as `D` where it is packed, and as `=` elsewhere.
fn comparable(field: &Field, text: String) -> String {
    if field.content == Content::Z {
        text.replace('D', "=")
    } else {
        text
    }
}
