//! Writes the layouts of a dialect as TOML.

use std::fmt::Write as _;

use super::super::messages;
use super::super::words::{
    BITMAP_WORDS, COUNTS_WORDS, FILLER_WORDS, PAD_WORDS, SENSITIVE_WORDS, TAG_NAMES_WORDS, word_of,
};
use super::super::write::quoted;
use crate::dialect::Dialect;
use crate::field::{Content, Counts, Filler, PadSide};
use crate::layout::{Choice, Key, LayoutKind, Layouts, PartDefinition, PartLength};

/// `[layouts.…]`, one after the other.
pub(in crate::source) fn write(dialect: &Dialect, out: &mut String) -> std::fmt::Result {
    let layouts = &dialect.layouts;
    for layout in &layouts.list {
        writeln!(out, "\n[layouts.{}]", layout.name)?;
        match &layout.kind {
            LayoutKind::Positional { parts } => {
                writeln!(out, "kind = \"positional\"")?;
                write_list("parts", parts, layouts, out)?;
            }
            LayoutKind::Tagged {
                leading,
                tag,
                length,
                counts,
                tags,
            } => {
                writeln!(out, "kind = \"tagged\"")?;
                write_key("tag", *tag, out)?;
                write_key("length", *length, out)?;
                if *counts != Counts::Value {
                    writeln!(out, "counts = \"{}\"", word_of(&COUNTS_WORDS, *counts))?;
                }
                if !leading.is_empty() {
                    write_list("leading", leading, layouts, out)?;
                }
                write_table("tags", tags.iter(), layouts, out)?;
            }
            LayoutKind::BerTlv { emv_names, tags } => {
                writeln!(out, "kind = \"ber-tlv\"")?;
                let names = word_of(&TAG_NAMES_WORDS, *emv_names);
                writeln!(out, "tag_names = \"{names}\"")?;
                write_table("tags", tags.iter(), layouts, out)?;
            }
            LayoutKind::Bitmapped {
                bitmap,
                bytes,
                parts,
            } => {
                let bitmap = word_of(&BITMAP_WORDS, *bitmap);
                writeln!(out, "kind = \"bitmapped\"\nbitmap = \"{bitmap}\"")?;
                writeln!(out, "bitmap_bytes = {bytes}")?;
                write_table("parts", parts.iter(), layouts, out)?;
            }
            LayoutKind::Base24Tokens {
                count_includes_header,
                tags,
            } => {
                writeln!(out, "kind = \"base24-tokens\"")?;
                writeln!(out, "count_includes_header = {count_includes_header}")?;
                write_table("tags", tags.iter(), layouts, out)?;
            }
        }
    }
    Ok(())
}

/// What the line of a field says about its layouts.
pub(in crate::source) fn write_choices(
    choices: &[Choice],
    layouts: &Layouts,
    out: &mut String,
) -> std::fmt::Result {
    let name = |choice: &Choice| {
        layouts
            .get(choice.layout)
            .map_or("", |layout| layout.name.as_ref())
    };
    let is_plain = |choice: &Choice| {
        choice.mtis.is_empty()
            && choice.lengths.is_empty()
            && choice.starts.is_none()
            && choice.when.is_empty()
    };
    match choices {
        [] => Ok(()),
        [choice] if is_plain(choice) => write!(out, ", layout = \"{}\"", name(choice)),
        choices => {
            write!(out, ", layouts = [")?;
            for (place, choice) in choices.iter().enumerate() {
                write!(out, "{}{{ ", if place == 0 { "" } else { ", " })?;
                if !choice.mtis.is_empty() {
                    let mtis = choice.mtis.iter().map(|mti| quoted(&mti.to_string()));
                    write!(out, "mti = [{}], ", mtis.collect::<Vec<_>>().join(", "))?;
                }
                if !choice.lengths.is_empty() {
                    let lengths = choice.lengths.iter().map(u16::to_string);
                    write!(
                        out,
                        "length = [{}], ",
                        lengths.collect::<Vec<_>>().join(", ")
                    )?;
                }
                if let Some(starts) = &choice.starts {
                    write!(out, "starts = {}, ", quoted(starts))?;
                }
                if !choice.when.is_empty() {
                    let when: Vec<String> = choice.when.iter().map(messages::condition).collect();
                    write!(out, "when = [{}], ", when.join(", "))?;
                }
                write!(out, "use = \"{}\" }}", name(choice))?;
            }
            write!(out, "]")
        }
    }
}

fn write_key(name: &str, key: Key, out: &mut String) -> std::fmt::Result {
    writeln!(out, "{name} = \"{}{}\"", key.content, key.units)?;
    match key.encoding {
        Some(encoding) => writeln!(out, "{name}_encoding = \"{encoding}\""),
        None => Ok(()),
    }
}

fn write_list(
    name: &str,
    parts: &[PartDefinition],
    layouts: &Layouts,
    out: &mut String,
) -> std::fmt::Result {
    writeln!(out, "{name} = [")?;
    for part in parts {
        write!(out, "  ")?;
        write_part(part, layouts, out)?;
        writeln!(out, ",")?;
    }
    writeln!(out, "]")
}

fn write_table<'l>(
    name: &str,
    parts: impl Iterator<Item = (impl ToString, &'l PartDefinition)>,
    layouts: &Layouts,
    out: &mut String,
) -> std::fmt::Result {
    for (tag, part) in parts {
        write!(out, "{name}.{} = ", quoted(&tag.to_string()))?;
        write_part(part, layouts, out)?;
        writeln!(out)?;
    }
    Ok(())
}

fn write_part(part: &PartDefinition, layouts: &Layouts, out: &mut String) -> std::fmt::Result {
    write!(out, "{{ name = {}", quoted(&part.name))?;
    if let Some(content) = part.content {
        let shape = match part.length {
            // The standard counts the digits of an x+n amount; on the wire its sign is one more.
            PartLength::Fixed(length) if content == Content::SignedN => {
                length.saturating_sub(1).to_string()
            }
            PartLength::Fixed(length) => length.to_string(),
            PartLength::Variable { digits, max } => {
                format!("{}{max}", ".".repeat(usize::from(digits)))
            }
            PartLength::Rest => String::new(),
        };
        write!(out, ", type = \"{content}{shape}\"")?;
    }
    if let Some(encoding) = part.encoding {
        write!(out, ", encoding = \"{encoding}\"")?;
    }
    if let Some(prefix) = part.prefix {
        write!(out, ", prefix = \"{prefix}\"")?;
    }
    if part.counts != Counts::Value {
        write!(
            out,
            ", counts = \"{}\"",
            word_of(&COUNTS_WORDS, part.counts)
        )?;
    }
    if part.pad != PadSide::Left {
        write!(out, ", pad = \"{}\"", word_of(&PAD_WORDS, part.pad))?;
    }
    if part.filler != Filler::Zero {
        write!(
            out,
            ", filler = \"{}\"",
            word_of(&FILLER_WORDS, part.filler)
        )?;
    }
    if let Some(sensitive) = part.sensitive {
        write!(
            out,
            ", sensitive = \"{}\"",
            word_of(&SENSITIVE_WORDS, sensitive)
        )?;
    }
    if let Some(layout) = part.layout.and_then(|id| layouts.get(id)) {
        write!(out, ", layout = \"{}\"", layout.name)?;
    }
    if part.optional {
        write!(out, ", optional = true")?;
    }
    if let Some(repeat) = part.repeat {
        write!(out, ", repeat = {}", repeat.max)?;
        if let Some(count) = repeat.count {
            write!(out, ", count = {count}")?;
        }
    }
    write!(out, " }}")
}
