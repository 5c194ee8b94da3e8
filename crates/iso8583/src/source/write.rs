//! Writes a dialect as TOML that needs no `extends`.

use std::fmt::Write as _;

use super::layouts;
use super::messages;
use super::resolve::fits_field_39;
use super::sensitive_by_number;
use super::words::{
    BITMAP_WORDS, COUNTS_WORDS, FILLER_WORDS, HEADER_WORDS, MTI_WORDS, PAD_WORDS, SENSITIVE_WORDS,
    TERTIARY_WORDS, word_of,
};
use crate::dialect::Dialect;
use crate::field::Length;
use crate::values::Reason;

/// The dialect as TOML.
pub(crate) fn write(dialect: &Dialect) -> String {
    let mut out = String::new();
    // Writing to a String cannot fail.
    let _ = write_into(dialect, &mut out);
    out
}

fn write_into(dialect: &Dialect, out: &mut String) -> std::fmt::Result {
    writeln!(out, "name = {}", quoted(&dialect.name))?;
    if !dialect.description.is_empty() {
        writeln!(out, "description = {}", quoted(&dialect.description))?;
    }
    writeln!(out, "echo = {}\n\n[message]", messages::list(dialect.echo))?;
    let header = dialect
        .header
        .iter()
        .fold(String::new(), |hex, byte| format!("{hex}{byte:02X}"));
    writeln!(
        out,
        "header = \"{header}\"\nheader_kind = \"{}\"",
        word_of(&HEADER_WORDS, dialect.header_kind)
    )?;
    writeln!(out, "mti = \"{}\"", word_of(&MTI_WORDS, dialect.mti))?;
    writeln!(
        out,
        "bitmap = \"{}\"",
        word_of(&BITMAP_WORDS, dialect.bitmap)
    )?;
    writeln!(
        out,
        "secondary_bitmap = {}\ntertiary_bitmap = \"{}\"\n\n[defaults]",
        dialect.secondary_bitmap,
        word_of(&TERTIARY_WORDS, dialect.tertiary_bitmap)
    )?;
    let defaults = &dialect.defaults;
    writeln!(
        out,
        "digits = \"{}\"\ntrack = \"{}\"",
        defaults.digits, defaults.track
    )?;
    writeln!(
        out,
        "text = \"{}\"\nbinary = \"{}\"",
        defaults.text, defaults.binary
    )?;
    writeln!(out, "prefix = \"{}\"", defaults.prefix)?;
    writeln!(
        out,
        "counts = \"{}\"\npad = \"{}\"\nfiller = \"{}\"\n\n[response_codes]",
        word_of(&COUNTS_WORDS, defaults.counts),
        word_of(&PAD_WORDS, defaults.pad),
        word_of(&FILLER_WORDS, defaults.filler)
    )?;
    // Where field 39 cannot hold the codes of 1987, none were given.
    let codes = Reason::ALL
        .into_iter()
        .filter(|reason| fits_field_39(&dialect.fields, dialect.response_code(*reason)));
    for reason in codes {
        writeln!(
            out,
            "{} = \"{}\"",
            reason.key(),
            dialect.response_code(reason)
        )?;
    }
    writeln!(out, "\n[fields]")?;
    for field in dialect.fields() {
        write!(
            out,
            "{} = {{ name = {}, type = \"{}\"",
            field.number,
            quoted(&field.name),
            field.type_text()
        )?;
        if field.encoding != Dialect::default_encoding(defaults, field.content) {
            write!(out, ", encoding = \"{}\"", field.encoding)?;
        }
        if let Length::Variable { prefix, .. } = field.length
            && prefix != defaults.prefix
        {
            write!(out, ", prefix = \"{prefix}\"")?;
        }
        if field.pad != defaults.pad {
            write!(out, ", pad = \"{}\"", word_of(&PAD_WORDS, field.pad))?;
        }
        if field.filler != defaults.filler {
            write!(
                out,
                ", filler = \"{}\"",
                word_of(&FILLER_WORDS, field.filler)
            )?;
        }
        if matches!(field.length, Length::Variable { .. }) && field.counts != defaults.counts {
            write!(
                out,
                ", counts = \"{}\"",
                word_of(&COUNTS_WORDS, field.counts)
            )?;
        }
        if let Some(fill) = field.fill {
            write!(
                out,
                ", fill = {}, fill_side = \"{}\", strip = {}",
                quoted(char::from(fill.with).encode_utf8(&mut [0; 4])),
                word_of(&PAD_WORDS, fill.side),
                fill.strip
            )?;
        }
        if field.sensitive != sensitive_by_number(field.number) {
            write!(
                out,
                ", sensitive = \"{}\"",
                word_of(&SENSITIVE_WORDS, field.sensitive)
            )?;
        }
        layouts::write_choices(dialect.layouts.choices(field.number), &dialect.layouts, out)?;
        writeln!(out, " }}")?;
    }
    messages::write(&dialect.messages, out)?;
    layouts::write(dialect, out)
}

pub(super) fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}
