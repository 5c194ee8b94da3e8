//! The explained tree of a message: what stands at which byte, what it is called and what it means.
//!
//! It is made from the reference parser, which keeps what it could read of a broken message: the tree then ends with the
//! error, what should stand there, and the bytes around it. Card data is masked unless it is asked for.

use std::fmt;
use std::ops::Range;

use crate::dialect::Dialect;
use crate::error::DecodeError;
use crate::field::{BitmapEncoding, Field, Length, TertiaryBitmap, TextEncoding};
use crate::header::{HeaderKind, TPDU_BYTES};
use crate::mask::{self, HIDDEN, Unmask, Wire};
use crate::number_list::number_list;
use crate::partial::PartialView;
use crate::reference::{self, Element, Partial};

mod currency;
mod emv;
mod failure;
mod header;
mod hint;
mod meaning;
mod parts;
mod presence;
mod table;

use table::Row;

/// An amount in the smallest unit of a currency of ISO 4217, which is named by three digits or letters, as people write it:
/// 123456 of 840 is `1234.56 USD`. Nothing for a currency that is not known.
#[must_use]
pub fn amount(currency: &str, minor_units: u64) -> Option<String> {
    currency::Currency::find(currency).map(|currency| currency.amount(&minor_units.to_string()))
}

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
    let error = partial.error;
    let reading = error.and_then(|error| hint::reading(dialect, bytes, &error));
    let (read, _) = dialect.partial(bytes);
    let wire = match unmask {
        Unmask::Yes => Wire::open(),
        Unmask::No => Wire::of(dialect, bytes, read.view(), error),
    };
    let tree = Tree {
        read,
        dialect,
        bytes,
        partial,
        reading,
        wire,
        unmask,
    };

    writeln!(
        out,
        "{} message, {}",
        dialect.name(),
        count_of(bytes.len(), "byte")
    )?;
    let mut rows = tree.header_rows();
    let mut third = match dialect.tertiary_bitmap() {
        // It stands among the fields, and is shown where it stands.
        TertiaryBitmap::Field65 => rows.pop_if(|row| row.number == "65"),
        TertiaryBitmap::None | TertiaryBitmap::Contiguous => None,
    };
    for (number, element) in &tree.partial.elements {
        if *number > 64 {
            rows.extend(third.take());
        }
        if let Some(field) = dialect.field(*number) {
            rows.extend(tree.field_rows(field, element));
        }
    }
    rows.extend(third);
    table::write(&rows, out)?;
    tree.write_warnings(out)?;
    tree.write_presence(out)?;
    if let Some(error) = error {
        tree.write_failure(error, out)?;
    }
    Ok(error)
}

/// What the parts of the tree are made from.
struct Tree<'a> {
    dialect: &'a Dialect,
    bytes: &'a [u8],
    partial: Partial,
    /// The same, to look inside of fields.
    read: PartialView<'a>,
    /// Another way to read a message that is broken in this one.
    reading: Option<hint::Reading>,
    /// What must not be seen of the bytes, whatever they are taken for.
    wire: Wire,
    unmask: Unmask,
}

impl Tree<'_> {
    fn hex(&self, range: Range<usize>) -> String {
        hex_of(self.bytes.get(range).unwrap_or_default())
    }

    /// Does another reading of the message find card data in these bytes?
    fn is_secret_elsewhere(&self, range: &Range<usize>) -> bool {
        let secrets = self.reading.iter().flat_map(|reading| &reading.secret);
        self.unmask == Unmask::No
            && secrets
                .into_iter()
                .any(|secret| secret.start < range.end && range.start < secret.end)
    }

    /// TPDU and header, message type and bitmaps.
    fn header_rows(&self) -> Vec<Row> {
        let mut rows = Vec::new();
        let mut rest = self.partial.header.clone();
        if self.dialect.header_has_tpdu() && rest.len() >= TPDU_BYTES {
            let range = rest.start..rest.start + TPDU_BYTES;
            rest.start = range.end;
            let destination = self.hex(range.start + 1..range.start + 3);
            let source = self.hex(range.start + 3..range.end);
            rows.push(Row {
                value: self.hex(range.clone()),
                meaning: format!("to {destination}, from {source}"),
                range,
                name: "TPDU".into(),
                kind: "b5".into(),
                ..Row::default()
            });
        }
        if !rest.is_empty() {
            let value = self.hex(rest.clone());
            let bytes = self.bytes.get(rest.clone()).unwrap_or_default();
            let meaning = match self.dialect.header_kind() {
                HeaderKind::Fixed => None,
                HeaderKind::Tpdu => meaning::is_unionpay(self.dialect)
                    .then(|| meaning::unionpay_header(&value))
                    .flatten(),
                HeaderKind::Base24 => header::base24(bytes),
                HeaderKind::Visa => header::visa(bytes),
            };
            rows.push(Row {
                kind: format!("b{}", rest.len()),
                range: rest,
                name: "Header".into(),
                meaning: meaning.unwrap_or_default(),
                value,
                ..Row::default()
            });
        }
        if let Some((range, mti)) = &self.partial.mti {
            rows.push(Row {
                range: range.clone(),
                number: "0".into(),
                name: "Message type".into(),
                kind: match self.dialect.mti_encoding() {
                    TextEncoding::Ascii | TextEncoding::Ebcdic => "n4".into(),
                    TextEncoding::Bcd => "n4 packed".into(),
                },
                value: mti.to_string(),
                meaning: meaning::mti(*mti),
                ..Row::default()
            });
        }
        let kinds = [
            ("Bitmap", "1", 1),
            ("Bitmap, secondary", "1", 65),
            ("Bitmap, tertiary", "65", 129),
        ];
        for ((range, bits), (name, number, first)) in self.partial.bitmaps.iter().zip(kinds) {
            let fields = reference::fields_of(*bits, first)
                .into_iter()
                .filter(|number| ![1, 65].contains(number));
            rows.push(Row {
                range: range.clone(),
                number: number.into(),
                name: name.into(),
                kind: match self.dialect.bitmap_encoding() {
                    BitmapEncoding::Binary => "b8".into(),
                    BitmapEncoding::HexText => "b8 as hex".into(),
                    BitmapEncoding::EbcdicHex => "b8 as EBCDIC hex".into(),
                },
                value: format!("{bits:016X}"),
                meaning: number_list(fields),
                ..Row::default()
            });
        }
        // Out of step, even these may be read from a card number.
        for row in &mut rows {
            if self.wire.hides(&row.range) {
                row.value = row.value.chars().map(|_| HIDDEN).collect();
                row.meaning.clear();
            }
        }
        rows
    }

    fn field_rows(&self, field: &Field, element: &Element) -> Vec<Row> {
        let range = element.prefix_offset..element.offset + element.length;
        let shown = match self.unmask {
            _ if self.is_secret_elsewhere(&range) => element.text.chars().map(|_| HIDDEN).collect(),
            Unmask::Yes => element.text.clone(),
            Unmask::No => {
                let value = element.offset..range.end;
                let count = element.text.chars().count();
                let parts = self
                    .read
                    .view()
                    .map(|view| mask::parts::hidden(view, field.number, count));
                let parts = parts.unwrap_or_default();
                self.wire.field(field, &value, &element.text, &parts)
            }
        };
        // A meaning is made from the whole value: it must not say what the mask hides.
        let meaning = (shown == element.text)
            .then(|| meaning::field(self.dialect, field, &element.text, &self.partial.elements))
            .flatten();
        let announced = match field.length {
            // Out of step, a length may be two digits of a card number.
            Length::Variable { .. } if self.wire.hides(&(range.start..element.offset)) => {
                HIDDEN.to_string()
            }
            Length::Variable { .. } => element.units.to_string(),
            Length::Fixed(_) => String::new(),
        };
        let says_all = meaning.is_some();
        let mut rows = vec![Row {
            range,
            announced,
            number: field.number.to_string(),
            name: field.name.to_string(),
            kind: field.type_text(),
            value: quoted(&shown),
            meaning: meaning.unwrap_or_default(),
        }];
        if emv::holds_emv(field) {
            let (tags, whole) = emv::rows(field, element, &shown, self.unmask);
            if let (true, Some(row)) = (whole, rows.first_mut()) {
                // The elements below show every byte.
                row.value = count_of(element.text.len() / 2, "byte");
            }
            rows.extend(tags);
        } else if !says_all {
            rows.extend(self.part_rows(field, &shown));
        }
        rows
    }
}

/// Lines for what is inside of one field. An element of two bytes takes a hundred characters: without a limit the longest message
/// would make a tree of megabytes, which nobody reads.
const INSIDE_ROWS_MAX: usize = 1000;

const AND_MORE: &str = "  and more";

/// May there be another line? Where there may not, one says what is left out.
fn has_room(rows: &mut Vec<Row>, rest: Range<usize>) -> bool {
    let is_told = rows.last().is_some_and(|row| row.name == AND_MORE);
    if rows.len() >= INSIDE_ROWS_MAX && !is_told {
        rows.push(Row {
            range: rest,
            name: AND_MORE.into(),
            value: format!("not shown behind {INSIDE_ROWS_MAX} lines"),
            ..Row::default()
        });
    }
    rows.len() < INSIDE_ROWS_MAX
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
