//! A dialect as a Wireshark dissector in Lua: its table, and the reader that is the same for all.

use std::fmt::Write as _;

use pointsman_iso8583::{
    BitmapEncoding, Counts, Dialect, Field, HeaderKind, Layout, Length, PadSide, Sensitive,
    TertiaryBitmap, TextEncoding,
};

/// Reads any dialect by its table.
const READER: &str = include_str!("wireshark.lua");

/// The whole script.
pub(super) fn dissector(dialect: &Dialect) -> String {
    let mut lua = String::new();
    // Writing to a string does not fail.
    let _ = write_table(dialect, &mut lua);
    lua.push_str(READER);
    lua
}

fn write_table(dialect: &Dialect, out: &mut String) -> std::fmt::Result {
    writeln!(
        out,
        "-- Wireshark dissector for the ISO 8583 dialect {}, made by `pointsman dialects {} --wireshark`.\n\
         -- Put it into the folder of personal Lua plugins, or: wireshark -X lua_script:FILE",
        one_line(dialect.name()),
        one_line(dialect.name()),
    )?;
    let mti = match dialect.mti_encoding() {
        TextEncoding::Ascii => "ascii",
        TextEncoding::Ebcdic => "ebcdic",
        TextEncoding::Bcd => "bcd",
    };
    let bitmap = match dialect.bitmap_encoding() {
        BitmapEncoding::Binary => "binary",
        BitmapEncoding::HexText => "hex",
        BitmapEncoding::EbcdicHex => "ebcdic-hex",
    };
    let tertiary = match dialect.tertiary_bitmap() {
        TertiaryBitmap::None => "none",
        TertiaryBitmap::Field65 => "field-65",
        TertiaryBitmap::Contiguous => "contiguous",
    };
    let header = match dialect.header_kind() {
        HeaderKind::Fixed | HeaderKind::Tpdu | HeaderKind::Base24 => "fixed",
        // It says its own length.
        HeaderKind::Visa => "visa",
    };
    writeln!(
        out,
        "\nlocal dialect = {{ name = {}, header = \"{header}\", header_bytes = {}, mti = \"{mti}\", bitmap = \"{bitmap}\", tertiary = \"{tertiary}\" }}\n\n\
         local fields = {{",
        quoted(dialect.name()),
        dialect.header_length(),
    )?;
    for field in dialect.fields() {
        let hides = dialect.layouts_of(field.number).any(Layout::hides);
        write_field(field, hides, out)?;
    }
    writeln!(out, "}}")
}

/// `hides`: do parts of it hide something? Which they are is told only by `pointsman decode`.
fn write_field(field: &Field, hides: bool, out: &mut String) -> std::fmt::Result {
    write!(
        out,
        "    [{}] = {{ name = {}, type = \"{}\", encoding = \"{}\"",
        field.number,
        quoted(&field.name),
        field.type_text(),
        field.encoding
    )?;
    match field.length {
        Length::Fixed(length) => write!(out, ", length = {length}")?,
        Length::Variable { prefix, .. } => {
            let counts = match field.counts {
                Counts::Value => "value",
                Counts::Bytes => "bytes",
                Counts::Element => "element",
            };
            let bytes = field.prefix_length();
            write!(
                out,
                ", prefix = \"{prefix}\", prefix_bytes = {bytes}, counts = \"{counts}\""
            )?;
        }
    }
    let pad = match field.pad {
        PadSide::Left => "left",
        PadSide::Right => "right",
    };
    let sensitive = match field.sensitive {
        _ if hides => "secret",
        Sensitive::No => "none",
        Sensitive::Pan => "pan",
        Sensitive::Track => "track",
        Sensitive::FreeText => "text",
        // Nothing of a PIN block, a key or chip data is shown; that of chip data which could be is told apart only by
        // `pointsman decode`.
        _ => "secret",
    };
    writeln!(
        out,
        ", pad = \"{pad}\", filler = {}, sensitive = \"{sensitive}\" }},",
        field.filler.nibble()
    )
}

/// A Lua string. Names are printable, and may hold anything else all the same.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for character in text.chars() {
        match character {
            '"' | '\\' => quoted.extend(['\\', character]),
            c if c.is_control() => quoted.push(' '),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

/// Text in a comment must not end it.
fn one_line(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}
