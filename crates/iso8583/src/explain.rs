//! The explained tree of a message: what stands at which byte, what it is called and what it means.
//!
//! It is made from the reference parser, which keeps what it could read of a broken message: the tree then ends with the
//! error, what should stand there, and the bytes around it. Card data is masked unless it is asked for.

use std::fmt;
use std::ops::Range;

use crate::dialect::Dialect;
use crate::error::DecodeError;
use crate::field::{BitmapEncoding, Content, Encoding, Field, Length, Sensitive, TextEncoding};
use crate::mask::{self, Unmask};
use crate::reference::{self, Element, Partial};
use crate::tlv;

mod currency;
mod meaning;

/// Values longer than this go on in the next line.
const VALUE_COLUMNS: usize = 64;
/// A meaning stands beside a value up to this width, and below a longer one.
const VALUE_COLUMNS_BESIDE: usize = 24;
/// Bytes shown before and after the one that is in error.
const CONTEXT_BYTES: usize = 8;
const TPDU_BYTES: usize = 5;

/// Writes the tree of `bytes`. Gives the error that ends it, if the message is broken.
///
/// # Errors
/// If `out` cannot be written to.
pub fn tree(
    dialect: &Dialect,
    bytes: &[u8],
    unmask: Unmask,
    out: &mut impl fmt::Write,
) -> Result<Option<DecodeError>, fmt::Error> {
    let partial = reference::read(dialect, bytes);
    let message_type = partial.mti.as_ref().map_or_else(String::new, |(_, mti)| {
        format!(", {mti} {}", meaning::mti(*mti))
    });
    writeln!(
        out,
        "{}, {}{message_type}",
        dialect.name(),
        count_of(bytes.len(), "byte")
    )?;

    let mut rows = Vec::new();
    header_rows(&mut rows, dialect, bytes, &partial);
    for (number, element) in &partial.elements {
        if let Some(field) = dialect.field(*number) {
            field_rows(
                &mut rows,
                dialect,
                field,
                element,
                &partial.elements,
                unmask,
            );
        }
    }
    write_rows(&rows, out)?;
    if let Some(error) = partial.error {
        write_error(dialect, bytes, &partial, error, unmask, out)?;
    }
    Ok(partial.error)
}

/// One line of the tree, or more if its value is long.
#[derive(Default)]
struct Row {
    range: Range<usize>,
    /// The announced length, if a prefix announces it.
    announced: String,
    number: String,
    name: String,
    kind: String,
    value: String,
    meaning: String,
}

fn header_rows(rows: &mut Vec<Row>, dialect: &Dialect, bytes: &[u8], partial: &Partial) {
    let hex = |range: Range<usize>| hex_of(bytes.get(range).unwrap_or_default());
    let mut rest = partial.header.clone();
    if dialect.header_has_tpdu() && rest.len() >= TPDU_BYTES {
        let range = rest.start..rest.start + TPDU_BYTES;
        rest.start = range.end;
        let addresses = (
            hex(range.start + 1..range.start + 3),
            hex(range.start + 3..range.end),
        );
        rows.push(Row {
            value: hex(range.clone()),
            meaning: format!("to {}, from {}", addresses.0, addresses.1),
            range,
            name: "TPDU".into(),
            kind: "b5".into(),
            ..Row::default()
        });
    }
    if !rest.is_empty() {
        let value = hex(rest.clone());
        let explained = meaning::is_unionpay(dialect)
            .then(|| meaning::unionpay_header(&value))
            .flatten();
        rows.push(Row {
            kind: format!("b{}", rest.len()),
            range: rest,
            name: "Header".into(),
            value,
            meaning: explained.unwrap_or_default(),
            ..Row::default()
        });
    }
    if let Some((range, mti)) = &partial.mti {
        let encoding = match dialect.mti_encoding() {
            TextEncoding::Ascii | TextEncoding::Ebcdic500 => "n4",
            TextEncoding::Bcd => "n4 packed",
        };
        rows.push(Row {
            range: range.clone(),
            number: "0".into(),
            name: "Message type".into(),
            kind: encoding.into(),
            value: mti.to_string(),
            meaning: meaning::mti(*mti),
            ..Row::default()
        });
    }
    for (place, (range, bits)) in partial.bitmaps.iter().enumerate() {
        let (name, first) = if place == 0 {
            ("Bitmap", 1)
        } else {
            ("Bitmap, secondary", 65)
        };
        let fields = reference::fields_of(*bits, first)
            .into_iter()
            .filter(|number| *number != 1);
        rows.push(Row {
            range: range.clone(),
            number: "1".into(),
            name: name.into(),
            kind: match dialect.bitmap_encoding() {
                BitmapEncoding::Binary => "b8".into(),
                BitmapEncoding::HexText => "b8 as hex".into(),
            },
            value: format!("{bits:016X}"),
            meaning: number_list(fields),
            ..Row::default()
        });
    }
}

fn field_rows(
    rows: &mut Vec<Row>,
    dialect: &Dialect,
    field: &Field,
    element: &Element,
    elements: &[(u8, Element)],
    unmask: Unmask,
) {
    let shown = match unmask {
        Unmask::Yes => element.text.clone(),
        Unmask::No => mask::field(field, &element.text),
    };
    // A meaning is made from the whole value: it must not say what the mask hides.
    let meaning = (shown == element.text)
        .then(|| meaning::field(dialect, field, &element.text, elements))
        .flatten();
    let mut row = Row {
        range: element.prefix_offset..element.offset + element.length,
        announced: if matches!(field.length, Length::Variable { .. }) {
            element.units.to_string()
        } else {
            String::new()
        },
        number: field.number.to_string(),
        name: field.name.to_string(),
        kind: field.type_text(),
        value: quoted(&shown),
        meaning: meaning.unwrap_or_default(),
    };
    if field.sensitive == Sensitive::Icc && field.content == Content::B {
        let (tags, whole) = tag_rows(field, element, &shown);
        if whole {
            // The elements below show every byte.
            row.value = count_of(element.text.len() / 2, "byte");
        }
        rows.push(row);
        rows.extend(tags);
    } else {
        rows.push(row);
    }
}

/// The elements of field 55, and whether all of it could be read.
fn tag_rows(field: &Field, element: &Element, shown: &str) -> (Vec<Row>, bool) {
    // On the wire, hex text takes two characters a byte.
    let scale = if field.encoding == Encoding::HexText {
        2
    } else {
        1
    };
    let bytes = mask::bytes_of_hex(&element.text).unwrap_or_default();
    let mut rows = Vec::new();
    for item in tlv::walk(&bytes) {
        match item {
            Ok(tag) => {
                let end = tag.value_offset + tag.value.len();
                let shown_end = if tag.constructed {
                    tag.value_offset
                } else {
                    end
                };
                let indent = "  ".repeat(tag.depth + 1);
                rows.push(Row {
                    range: element.offset + tag.offset * scale..element.offset + end * scale,
                    name: format!(
                        "{indent}{} {}",
                        tag.tag,
                        tag.tag.name().unwrap_or("unnamed")
                    ),
                    kind: format!("b{}", tag.value.len()),
                    value: shown
                        .get(tag.value_offset * 2..shown_end * 2)
                        .unwrap_or_default()
                        .to_owned(),
                    meaning: if tag.constructed {
                        "template".into()
                    } else {
                        String::new()
                    },
                    ..Row::default()
                });
            }
            Err(error) => {
                rows.push(Row {
                    range: element.offset + error.offset * scale..element.offset + element.length,
                    name: "  not BER-TLV".into(),
                    value: error.kind.to_string(),
                    ..Row::default()
                });
                return (rows, false);
            }
        }
    }
    (rows, !bytes.is_empty())
}

fn write_rows(rows: &[Row], out: &mut impl fmt::Write) -> fmt::Result {
    let width = |column: fn(&Row) -> usize| rows.iter().map(column).max().unwrap_or(0);
    let digits = width(|row| row.range.end.to_string().len());
    let announced = width(|row| row.announced.len());
    let number = width(|row| row.number.len());
    let name = width(|row| row.name.chars().count());
    let kind = width(|row| row.kind.len());
    let value = width(|row| match row.value.chars().count() {
        count if count <= VALUE_COLUMNS_BESIDE => count,
        _ => 0,
    });
    for row in rows {
        let lead = format!(
            "  {:>digits$}..{:<digits$}  {:>announced$}  {:>number$}  {:<name$}  {:<kind$}  ",
            row.range.start, row.range.end, row.announced, row.number, row.name, row.kind
        );
        let below = " ".repeat(lead.chars().count());
        let characters: Vec<char> = row.value.chars().collect();
        let mut lines: Vec<String> = characters
            .chunks(VALUE_COLUMNS)
            .map(String::from_iter)
            .collect();
        if lines.is_empty() {
            lines.push(String::new());
        }
        match lines.as_mut_slice() {
            [line] if !row.meaning.is_empty() && characters.len() <= VALUE_COLUMNS_BESIDE => {
                let gap = if value == 0 { 0 } else { 2 };
                let pad = value + gap - characters.len();
                line.push_str(&" ".repeat(pad));
                line.push_str(&row.meaning);
            }
            _ if !row.meaning.is_empty() => lines.push(row.meaning.clone()),
            _ => {}
        }
        for (place, line) in lines.iter().enumerate() {
            let start = if place == 0 { &lead } else { &below };
            writeln!(out, "{}", format!("{start}{line}").trim_end())?;
        }
    }
    Ok(())
}

fn write_error(
    dialect: &Dialect,
    bytes: &[u8],
    partial: &Partial,
    error: DecodeError,
    unmask: Unmask,
    out: &mut impl fmt::Write,
) -> fmt::Result {
    let explained = error.explain(dialect);
    let place = match error.field {
        0 | 1 => explained.name.clone(),
        field => format!("field {field}, {}", explained.name),
    };
    writeln!(out, "\nerror at byte {}, {place}", error.offset)?;
    writeln!(out, "  expected  {}", explained.expected)?;
    writeln!(out, "  found     {}", explained.found)?;
    write_context(dialect, bytes, partial, error, unmask, out)?;

    let read = |number: &u8| {
        partial
            .elements
            .iter()
            .any(|(present, _)| present == number)
    };
    let unread: Vec<u8> = partial
        .announced()
        .into_iter()
        .filter(|number| !read(number))
        .collect();
    if !unread.is_empty() {
        writeln!(out, "  not read  {}", number_list(unread.into_iter()))?;
    }
    Ok(())
}

/// The bytes around the error, with a mark under the one it is about.
fn write_context(
    dialect: &Dialect,
    bytes: &[u8],
    partial: &Partial,
    error: DecodeError,
    unmask: Unmask,
    out: &mut impl fmt::Write,
) -> fmt::Result {
    let start = error.offset.saturating_sub(CONTEXT_BYTES);
    let end = bytes.len().min(error.offset + 1 + CONTEXT_BYTES);
    let masked = match unmask {
        Unmask::Yes => hex_of(bytes),
        Unmask::No => mask::hex_dump(bytes),
    };
    let is_secret = |number: u8| {
        let sensitive = dialect
            .field(number)
            .map_or(Sensitive::No, |field| field.sensitive);
        !matches!(sensitive, Sensitive::No | Sensitive::FreeText)
    };
    // The elements that hold card data, and all that comes behind where reading stopped if it stopped in such a one.
    let hidden = |place: usize| {
        unmask == Unmask::No
            && place != error.offset
            && if place >= partial.end {
                is_secret(error.field)
            } else {
                partial.elements.iter().any(|(number, element)| {
                    is_secret(*number)
                        && (element.offset..element.offset + element.length).contains(&place)
                })
            }
    };
    let pairs: Vec<&str> = (start..end)
        .map(|place| {
            if hidden(place) {
                "**"
            } else {
                masked.get(place * 2..place * 2 + 2).unwrap_or_default()
            }
        })
        .collect();
    let mark = " ".repeat((error.offset - start) * 3);
    let lead = if start == 0 { "" } else { ".. " };
    let tail = if end == bytes.len() { "" } else { " .." };
    writeln!(out, "  bytes     {lead}{}{tail}", pairs.join(" "))?;
    let note = if error.offset >= bytes.len() {
        " the message ends here"
    } else {
        ""
    };
    writeln!(out, "            {}{mark}^^{note}", " ".repeat(lead.len()))
}

/// `2-4 7 11-14 22`
fn number_list(numbers: impl Iterator<Item = u8>) -> String {
    let mut runs: Vec<(u8, u8)> = Vec::new();
    for number in numbers {
        match runs.last_mut() {
            Some((_, last)) if *last + 1 == number => *last = number,
            _ => runs.push((number, number)),
        }
    }
    let run = |(first, last): &(u8, u8)| match last - first {
        0 => first.to_string(),
        1 => format!("{first} {last}"),
        _ => format!("{first}-{last}"),
    };
    runs.iter().map(run).collect::<Vec<_>>().join(" ")
}

/// Blanks at an end, and nothing at all, are easier to see between quotes.
fn quoted(value: &str) -> String {
    if value.is_empty() || value.starts_with(' ') || value.ends_with(' ') {
        format!("\"{value}\"")
    } else {
        value.to_owned()
    }
}

fn count_of(count: usize, noun: &str) -> String {
    if count == 1 {
        format!("1 {noun}")
    } else {
        format!("{count} {noun}s")
    }
}

fn hex_of(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02X}")).collect()
}
