//! Field 55 in the tree: an element a line, what its bits say below it, and what is wrong with it as warnings.

use std::fmt;

use super::currency::Currency;
use super::{Row, Tree, has_room, hex_of, meaning};
use crate::emv::{self, Meaning};
use crate::field::{Content, Encoding, Field, Sensitive};
use crate::mask::{self, Unmask};
use crate::reference::Element;
use crate::tlv::{self, Tag};

/// Where the bytes of field 55 are in the message.
struct Place {
    offset: usize,
    /// On the wire, hex text takes two characters a byte.
    scale: usize,
}

impl Place {
    fn of(field: &Field, element: &Element) -> Place {
        Place {
            offset: element.offset,
            scale: if field.encoding == Encoding::HexText {
                2
            } else {
                1
            },
        }
    }

    fn at(&self, byte: usize) -> usize {
        self.offset + byte * self.scale
    }
}

/// Is it a field whose bytes are EMV data?
pub(super) fn holds_emv(field: &Field) -> bool {
    field.sensitive == Sensitive::Icc && field.content == Content::B
}

/// Where the elements of field 55 stop being in order, if that must not be seen.
fn disorder(bytes: &[u8], unmask: Unmask) -> Option<usize> {
    match unmask {
        Unmask::Yes => None,
        Unmask::No => mask::disorder(bytes),
    }
}

/// Faults of field 55 that are told; who sees as many has understood.
const FAULTS_MAX: usize = 100;

/// The elements of field 55, and whether all of it could be read. `shown` is its hex as people may see it.
pub(super) fn rows(
    field: &Field,
    element: &Element,
    shown: &str,
    unmask: Unmask,
) -> (Vec<Row>, bool) {
    let place = Place::of(field, element);
    let bytes = mask::bytes_of_hex(&element.text).unwrap_or_default();
    let currency = currency_of(&bytes);
    let disorder = disorder(&bytes, unmask);
    let mut rows = Vec::new();
    for item in tlv::walk(&bytes) {
        match item {
            // Tags and lengths behind this tag may be the digits of a card number.
            Ok(tag) if disorder.is_some_and(|offset| offset <= tag.offset) => {
                rows.push(Row {
                    range: place.at(tag.offset)..element.offset + element.length,
                    name: format!("  {} not in order", tag.tag),
                    value: "hidden from here on".into(),
                    ..Row::default()
                });
                return (rows, false);
            }
            Ok(tag) => {
                let rest = place.at(tag.offset)..element.offset + element.length;
                if !has_room(&mut rows, rest) {
                    return (rows, false);
                }
                let end = tag.value_offset + tag.value.len();
                // A template's value is the elements that follow.
                let shown_end = if tag.constructed {
                    tag.value_offset
                } else {
                    end
                };
                let indent = "  ".repeat(tag.depth + 1);
                let value = shown
                    .get(tag.value_offset * 2..shown_end * 2)
                    .unwrap_or_default();
                // A meaning is made from the whole value: it must not say what the mask hides.
                let whole = !tag.constructed && value == hex_of(tag.value);
                let meaning = match whole {
                    _ if tag.constructed => Some("template".to_owned()),
                    true => meaning_of(tag.tag, tag.value, currency),
                    false => None,
                };
                rows.push(Row {
                    range: place.at(tag.offset)..place.at(end),
                    name: format!(
                        "{indent}{} {}",
                        tag.tag,
                        tag.tag.name().unwrap_or("unnamed")
                    ),
                    kind: format!("b{}", tag.value.len()),
                    value: value.to_owned(),
                    meaning: meaning.unwrap_or_default(),
                    ..Row::default()
                });
                if whole {
                    rows.extend(emv::bits(tag.tag, tag.value).iter().map(|meaning| {
                        let start = place.at(tag.value_offset + meaning.byte);
                        bit_row(&indent, start..start + place.scale, tag.value, meaning)
                    }));
                }
            }
            Err(error) => {
                rows.push(Row {
                    range: place.at(error.offset)..element.offset + element.length,
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

fn bit_row(indent: &str, range: std::ops::Range<usize>, value: &[u8], meaning: &Meaning) -> Row {
    let (high, low) = meaning.bits;
    let name = match high == low {
        true => format!("{indent}  byte {} bit {high}", meaning.byte + 1),
        false => format!("{indent}  byte {} bits {high}-{low}", meaning.byte + 1),
    };
    let byte = value.get(meaning.byte).copied().unwrap_or_default();
    let width = usize::from(high - low) + 1;
    let bits = u16::from(byte) >> (low - 1) & ((1 << width) - 1);
    Row {
        range,
        name,
        value: format!("{bits:0width$b}"),
        meaning: meaning.text.to_owned(),
        ..Row::default()
    }
}

/// The currency of the amounts in field 55: its own `5F2A`.
fn currency_of(bytes: &[u8]) -> Option<&'static Currency> {
    let mut elements = tlv::walk(bytes).map_while(Result::ok);
    let element = elements.find(|element| element.tag == Tag(0x5F2A))?;
    Currency::find(hex_of(element.value).get(1..4)?)
}

fn meaning_of(tag: Tag, value: &[u8], currency: Option<&Currency>) -> Option<String> {
    let hex = hex_of(value);
    let text = || std::str::from_utf8(value).ok().map(str::to_owned);
    match (tag.0, value.len()) {
        (0x9A, 3) => {
            let (year, day) = hex.split_at_checked(2)?;
            Some(format!("{} 20{year}", meaning::month_day(day)?))
        }
        (0x9F21, 3) => meaning::clock(&hex),
        (0x9C, 1) => meaning::processing_code(&format!("{hex}0000")),
        (0x9F02 | 0x9F03, 6) if hex.bytes().all(|digit| digit.is_ascii_digit()) => {
            currency.map(|currency| currency.amount(&hex))
        }
        (0x5F2A, 2) => Currency::find(hex.get(1..4)?).map(|currency| currency.code.to_owned()),
        (0x8A, 2) => meaning::response_code(&text()?).map(str::to_owned),
        // Counters are binary numbers.
        (0x9F36 | 0x9F13, 2) => Some(u16::from_str_radix(&hex, 16).ok()?.to_string()),
        (0x50 | 0x9F12 | 0x9F1C | 0x9F1E | 0x9F16, 1..)
            if value.iter().all(u8::is_ascii_graphic) =>
        {
            text()
        }
        (0x95, 5) if value.iter().all(|byte| *byte == 0) => Some("nothing to report".into()),
        _ => None,
    }
}

impl Tree<'_> {
    /// What is wrong with field 55, and what the message and field 55 say differently.
    pub(super) fn write_warnings(&self, out: &mut impl fmt::Write) -> fmt::Result {
        let icc = self.partial.elements.iter().find_map(|(number, element)| {
            let field = self.dialect.field(*number)?;
            holds_emv(field).then_some((field, element))
        });
        let bytes = icc.and_then(|(_, element)| mask::bytes_of_hex(&element.text));
        let disorder = bytes
            .as_ref()
            .and_then(|bytes| disorder(bytes, self.unmask));
        let is_told = |offset: usize| disorder.is_none_or(|disorder| offset <= disorder);
        let place = icc.map(|(field, element)| Place::of(field, element));
        if let (Some((field, _)), Some(place), Some(bytes)) = (icc, &place, &bytes) {
            let faults = emv::faults(bytes).into_iter();
            for fault in faults
                .filter(|fault| is_told(fault.offset))
                .take(FAULTS_MAX)
            {
                let offset = place.at(fault.offset);
                writeln!(
                    out,
                    "warning at byte {offset}: field {}: {fault}",
                    field.number
                )?;
            }
        }
        // What is missing may only not have been read.
        let Some((_, mti)) = self
            .partial
            .mti
            .as_ref()
            .filter(|_| icc.is_some() || self.partial.error.is_none())
        else {
            return Ok(());
        };
        let element = |number: u8| {
            let mut elements = self.partial.elements.iter();
            let found = elements.find(|(present, _)| *present == number);
            found.map(|(_, element)| element)
        };
        let text = |number| element(number).map(|element| element.text.clone());
        for mismatch in emv::mismatches_of(*mti, bytes.as_deref(), text) {
            if !is_told(mismatch.offset) {
                continue;
            }
            let offset = match (mismatch.tag, &place) {
                (Some(_), Some(place)) => place.at(mismatch.offset),
                _ => element(mismatch.field).map_or(0, |element| element.offset),
            };
            writeln!(out, "warning at byte {offset}: {mismatch}")?;
        }
        Ok(())
    }
}
