//! A dialect as a page of a manual: what stands on the wire, the fields, what is in them, the rules, and a message.

use std::fmt::{self, Write as _};

use pointsman_iso8583::mask::Unmask;
use pointsman_iso8583::{
    BitmapEncoding, ConditionalRule, Counts, Demand, Dialect, Encoding, Field, FieldSet, Filler,
    HeaderKind, Length, PadSide, Reason, RuleSet, Sensitive, TertiaryBitmap, TextEncoding, explain,
};

use super::sample;
use crate::hex;

mod layouts;

/// The page, in Markdown.
pub(super) fn page(dialect: &Dialect) -> String {
    let mut page = String::new();
    // Writing to a string does not fail.
    let _ = write_page(dialect, &mut page);
    page
}

fn write_page(dialect: &Dialect, out: &mut String) -> fmt::Result {
    writeln!(out, "# {}\n", dialect.name())?;
    if !dialect.description().is_empty() {
        writeln!(out, "{}.\n", cell(dialect.description()))?;
    }
    if let Some(source) = Dialect::builtin_source(dialect.name()) {
        // What its file says about it before anything else.
        let about = source.lines().map_while(|line| line.strip_prefix("# "));
        for line in about {
            writeln!(out, "{line}")?;
        }
        writeln!(out)?;
    }
    write_wire(dialect, out)?;
    write_fields(dialect, out)?;
    layouts::write(dialect, out)?;
    write_rules(dialect, out)?;
    write_answers(dialect, out)?;
    write_sample(dialect, out)
}

fn write_wire(dialect: &Dialect, out: &mut String) -> fmt::Result {
    writeln!(out, "## Before the fields\n\n| what | how |\n|---|---|")?;
    let header = dialect.default_header();
    if !header.is_empty() {
        let kind = match dialect.header_kind() {
            HeaderKind::Tpdu => ", which begin with a TPDU",
            HeaderKind::Base24 => ": `ISO` and nine digits",
            HeaderKind::Visa => ", which say their length and the message's (BASE I)",
            _ => "",
        };
        let mut bytes = Vec::new();
        hex::encode(header, &mut bytes);
        writeln!(
            out,
            "| header | {} bytes{kind}; by default `{}` |",
            header.len(),
            String::from_utf8_lossy(&bytes)
        )?;
    }
    let mti = match dialect.mti_encoding() {
        TextEncoding::Ascii => "four ASCII digits",
        TextEncoding::Ebcdic => "four EBCDIC digits",
        TextEncoding::Bcd => "two bytes of packed digits",
    };
    let bitmap = match dialect.bitmap_encoding() {
        BitmapEncoding::Binary => "8 bytes",
        BitmapEncoding::HexText => "16 hex characters in ASCII",
        BitmapEncoding::EbcdicHex => "16 hex characters in EBCDIC",
    };
    let second = match dialect.has_secondary_bitmap() {
        true => "; bit 1 announces a second one",
        false => "; there is no second one",
    };
    let third = match dialect.tertiary_bitmap() {
        TertiaryBitmap::Field65 => ", and bit 65 a third where a field 65 would stand",
        TertiaryBitmap::Contiguous => ", and bit 65 a third directly behind it",
        TertiaryBitmap::None => "",
    };
    writeln!(
        out,
        "| message type | {mti} |\n| bitmap | {bitmap}{second}{third} |\n"
    )
}

fn write_fields(dialect: &Dialect, out: &mut String) -> fmt::Result {
    writeln!(
        out,
        "## Fields\n\n| field | name | type | on the wire | hides | inside |\n|---|---|---|---|---|---|"
    )?;
    for field in dialect.fields() {
        let mut layouts: Vec<String> = dialect
            .layouts_of(field.number)
            .map(|layout| format!("[{0}](#{0})", layout.name))
            .collect();
        layouts.dedup();
        writeln!(
            out,
            "| {} | {} | `{}` | {} | {} | {} |",
            field.number,
            cell(&field.name),
            field.type_text(),
            wire(field),
            hides(field.sensitive),
            layouts.join(", ")
        )?;
    }
    writeln!(out)
}

/// `packed, filler right; length in one packed byte`
fn wire(field: &Field) -> String {
    let mut text = match field.encoding {
        Encoding::Ascii => "ASCII".to_owned(),
        Encoding::Bcd => "packed".to_owned(),
        Encoding::Raw => "bytes".to_owned(),
        Encoding::HexText => "hex characters".to_owned(),
        other => other.to_string().to_uppercase(),
    };
    let is_odd = !matches!(field.length, Length::Fixed(units) if units % 2 == 0);
    if field.encoding == Encoding::Bcd && is_odd {
        text += match field.pad {
            PadSide::Left => ", filler left",
            PadSide::Right => ", filler right",
        };
        if field.filler == Filler::F {
            text += " (F)";
        }
    }
    if let Length::Variable { digits, prefix, .. } = field.length {
        let bytes = prefix.bytes(digits);
        let plural = if bytes == 1 { "" } else { "s" };
        text += &format!("; length in {bytes} byte{plural}, {prefix}");
        text += match field.counts {
            Counts::Value => "",
            Counts::Bytes => ", counting bytes",
            Counts::Element => ", counting itself",
        };
    }
    if let Some(fill) = field.fill {
        let side = match fill.side {
            PadSide::Left => "left",
            PadSide::Right => "right",
        };
        let with = char::from(fill.with);
        text += &format!("; filled with `{with}` on the {side}");
    }
    text
}

fn hides(sensitive: Sensitive) -> &'static str {
    match sensitive {
        Sensitive::Pan => "card number",
        Sensitive::Track => "track",
        Sensitive::Pin => "PIN block",
        Sensitive::Secret => "all of it",
        Sensitive::Icc => "card data in it",
        Sensitive::FreeText => "card numbers in it",
        _ => "",
    }
}

fn write_rules(dialect: &Dialect, out: &mut String) -> fmt::Result {
    let mut sets = dialect.rule_sets().peekable();
    if sets.peek().is_none() {
        return Ok(());
    }
    writeln!(
        out,
        "## Which fields a message has\n\n\
         In a message type `x` is any digit, and `[12]` one of these. Each field is judged by the rule for the fewest types.\n\n\
         | message types | must be there | must not | given back | may be left out |\n|---|---|---|---|---|"
    )?;
    let mut conditional: Vec<(&RuleSet, &ConditionalRule)> = Vec::new();
    for set in sets {
        conditional.extend(set.conditional().map(|rule| (set, rule)));
        let lists = [
            set.mandatory(),
            set.forbidden(),
            set.echoed().unwrap_or_default(),
            set.optional(),
        ];
        if lists.iter().all(|list| list.is_empty()) {
            continue;
        }
        let [mandatory, forbidden, echoed, optional] = lists.map(numbers);
        writeln!(
            out,
            "| `{}` | {mandatory} | {forbidden} | {echoed} | {optional} |",
            set.key()
        )?;
    }
    if !conditional.is_empty() {
        writeln!(
            out,
            "\n| message types | field | if | why |\n|---|---|---|---|"
        )?;
    }
    for (set, rule) in conditional {
        let demand = match rule.demand() {
            Demand::Mandatory => "must be there",
            Demand::Forbidden => "must not be there",
        };
        let when: Vec<String> = rule.when().iter().map(ToString::to_string).collect();
        writeln!(
            out,
            "| `{}` | {} {demand} | {} | {} |",
            set.key(),
            numbers(rule.fields()),
            cell(&when.join(", and ")),
            cell(rule.why())
        )?;
    }
    writeln!(out)
}

fn write_answers(dialect: &Dialect, out: &mut String) -> fmt::Result {
    writeln!(
        out,
        "## When the switch itself answers\n\nIt copies fields {} from the request, and says in field 39:\n\n| code | reason |\n|---|---|",
        numbers(dialect.echo())
    )?;
    for reason in Reason::ALL {
        writeln!(
            out,
            "| {} | `{}` |",
            dialect.response_code(reason),
            reason.key()
        )?;
    }
    writeln!(out)
}

fn write_sample(dialect: &Dialect, out: &mut String) -> fmt::Result {
    let Some(message) = sample::purchase(dialect) else {
        return Ok(());
    };
    let mut bytes = Vec::new();
    hex::encode(&message, &mut bytes);
    writeln!(
        out,
        "## A purchase\n\n```sh\npointsman decode --dialect {} {}\n```\n\n```text",
        dialect.name(),
        String::from_utf8_lossy(&bytes)
    )?;
    explain::tree(dialect, &message, Unmask::No, out)?;
    writeln!(out, "```")
}

/// `2, 3, 41`
fn numbers(fields: FieldSet) -> String {
    let numbers: Vec<String> = fields.iter().map(|number| number.to_string()).collect();
    numbers.join(", ")
}

/// Text in a cell of a table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}
