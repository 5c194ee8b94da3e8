//! What stands inside of fields: the layouts that fields of the dialect have, and those inside of them.

use std::collections::BTreeMap;
use std::fmt::{self, Write};

use pointsman_iso8583::layout::{LayoutKind, PartDefinition, PartLength};
use pointsman_iso8583::{Content, Dialect, Layout};

use super::{cell, hides};

pub(super) fn write(dialect: &Dialect, out: &mut String) -> fmt::Result {
    let layouts = used(dialect);
    if !layouts.is_empty() {
        writeln!(out, "## Inside of fields\n")?;
    }
    layouts
        .values()
        .try_for_each(|layout| write_layout(dialect, layout, out))
}

/// By name. What was inherited and is in no field any more is not told.
fn used(dialect: &Dialect) -> BTreeMap<&str, &Layout> {
    let mut used = BTreeMap::new();
    let fields = dialect.fields();
    let mut open: Vec<&Layout> = fields
        .flat_map(|field| dialect.layouts_of(field.number))
        .collect();
    while let Some(layout) = open.pop() {
        if used.insert(&*layout.name, layout).is_none() {
            let (_, parts) = parts_of(layout);
            let inside = parts
                .iter()
                .filter_map(|(_, part)| dialect.layout_inside(part));
            open.extend(inside);
        }
    }
    used
}

fn write_layout(dialect: &Dialect, layout: &Layout, out: &mut String) -> fmt::Result {
    let (how, parts) = parts_of(layout);
    writeln!(out, "### {}\n\n{how}\n", layout.name)?;
    if parts.is_empty() {
        return Ok(());
    }
    writeln!(out, "| part | name | type | hides |\n|---|---|---|---|")?;
    for (tag, part) in parts {
        let mut kind = part_type(dialect, part);
        if part.optional {
            kind += ", optional";
        }
        if let Some(repeat) = part.repeat {
            kind += &match repeat.count {
                Some(count) => format!(", as often as part {count} says"),
                None => format!(", up to {} times", repeat.max),
            };
        }
        let hides = part.sensitive.map_or("", hides);
        writeln!(out, "| {tag} | {} | {kind} | {hides} |", cell(&part.name))?;
    }
    writeln!(out)
}

/// How the parts stand there, and which have a name.
fn parts_of(layout: &Layout) -> (String, Vec<(String, &PartDefinition)>) {
    let by_tag = |tags: &'_ BTreeMap<Box<str>, PartDefinition>| {
        tags.keys().map(|tag| cell(tag)).collect::<Vec<String>>()
    };
    match &layout.kind {
        LayoutKind::Positional { parts } => ("Parts in this order.".to_owned(), numbered(parts)),
        LayoutKind::Tagged {
            leading,
            tag,
            length,
            tags,
            ..
        } => {
            let how = format!(
                "Before each part its tag (`{}{}`) and its length (`{}{}`).",
                tag.content, tag.units, length.content, length.units
            );
            let tags = by_tag(tags).into_iter().zip(tags.values());
            (how, numbered(leading).into_iter().chain(tags).collect())
        }
        LayoutKind::BerTlv { emv_names, tags } => {
            let how = match emv_names {
                true => "BER-TLV, whose tags have the names that EMV gives them.",
                false => "BER-TLV.",
            };
            let tags = by_tag(tags).into_iter().zip(tags.values());
            (how.to_owned(), tags.collect())
        }
        LayoutKind::Bitmapped { bytes, parts, .. } => {
            let how = format!("A bitmap of {bytes} bytes says which parts follow.");
            let parts = parts.iter().map(|(bit, part)| (bit.to_string(), part));
            (how, parts.collect())
        }
        LayoutKind::Base24Tokens { tags, .. } => {
            let tags = by_tag(tags).into_iter().zip(tags.values());
            ("BASE24 tokens.".to_owned(), tags.collect())
        }
        _ => (String::new(), Vec::new()),
    }
}

fn numbered(parts: &[PartDefinition]) -> Vec<(String, &PartDefinition)> {
    let numbers = (1..).map(|number: usize| number.to_string());
    numbers.zip(parts).collect()
}

fn part_type(dialect: &Dialect, part: &PartDefinition) -> String {
    let inside = dialect.layout_inside(part);
    let inside = inside.map(|layout| format!("[{0}](#{0})", layout.name));
    let Some(content) = part.content else {
        return inside.unwrap_or_default();
    };
    let kind = match part.length {
        // A sign and so many digits, as the standard counts.
        PartLength::Fixed(units) if content == Content::SignedN => {
            format!("`{content}{}`", units.saturating_sub(1))
        }
        PartLength::Fixed(units) => format!("`{content}{units}`"),
        PartLength::Variable { digits, max } => {
            format!("`{content}{}{max}`", ".".repeat(digits.into()))
        }
        PartLength::Rest => format!("`{content}`, to the end"),
    };
    match inside {
        Some(inside) => format!("{kind}: {inside}"),
        None => kind,
    }
}
