//! What EMV says about the data in field 55: is it well formed, may it be sent, what do its bits say, and does it agree
//! with the message around it.
//!
//! ISO 8583 hands field 55 from the terminal to the issuer as bytes, so that none of this is an error of the message: a
//! switch may refuse what [`faults`] finds, and `explain` shows it as warnings.
//! ```
//! use pointsman_iso8583::emv::{self, FaultKind};
//! use pointsman_iso8583::tlv::Tag;
//!
//! let icc = [0x9F, 0x27, 0x01, 0x80, 0x9A, 0x02, 0x26, 0x11];
//! let [fault] = emv::faults(&icc)[..] else { panic!("one fault") };
//! assert_eq!((fault.offset, fault.tag), (4, Some(Tag(0x9A))));
//! assert_eq!(fault.kind, FaultKind::Length { length: 2, min: 3, max: 3 });
//!
//! let [meaning] = emv::bits(Tag(0x9F27), &[0x80])[..] else { panic!("one meaning") };
//! assert_eq!(meaning.text, "authorisation request cryptogram (ARQC), go online");
//! ```

use crate::mti::{Mti, MtiClass};
use crate::tlv::{self, Element, Format, Tag, TlvErrorKind};
use crate::view::View;

mod bits;

pub use bits::{Meaning, bits};

/// Card data that the issuer knows or has in other fields: PCI DSS 3.3.1 forbids to keep it, networks refuse it here.
pub const FORBIDDEN: [Tag; 9] = [
    Tag(0x56),
    Tag(0x57),
    Tag(0x5A),
    Tag(0x99),
    Tag(0x5F20),
    Tag(0x5F24),
    Tag(0x9F0B),
    Tag(0x9F1F),
    Tag(0x9F20),
];

/// Issuer scripts and their commands may come several times (EMV 4.3 Book 3, 10.10).
const REPEATED: [Tag; 3] = [Tag(0x71), Tag(0x72), Tag(0x86)];

/// Something wrong with an element of field 55. No values: they may be card data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}{kind}", tag_text(*tag))]
#[non_exhaustive]
pub struct Fault {
    /// Offset in the field's bytes: of the element, or of the byte that stops the walk.
    pub offset: usize,
    /// The element; none if what stands there is none.
    pub tag: Option<Tag>,
    /// What is wrong.
    pub kind: FaultKind,
}

/// What is wrong with an element.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FaultKind {
    /// It is not BER-TLV from here on.
    #[error("not BER-TLV: {0}")]
    Malformed(TlvErrorKind),
    /// The value is shorter or longer than the dictionary says.
    #[error("a length of {length} is not {}", range_text(*min, *max))]
    Length {
        /// As it is.
        length: usize,
        /// The shortest.
        min: u16,
        /// The longest.
        max: u16,
    },
    /// The value is not of the format that the dictionary says.
    #[error("the value is not of format {0}")]
    Format(Format),
    /// The element is card data that must not be sent here.
    #[error("card data that must not be sent in field 55")]
    Forbidden,
    /// The element is there already.
    #[error("there already, at byte {first} of the data")]
    Duplicate {
        /// Offset of the one before.
        first: usize,
    },
}

fn tag_text(tag: Option<Tag>) -> String {
    match tag {
        Some(tag) => format!("{tag} ({}): ", tag.name().unwrap_or("unnamed")),
        None => String::new(),
    }
}

fn range_text(min: u16, max: u16) -> String {
    if min == max {
        min.to_string()
    } else {
        format!("between {min} and {max}")
    }
}

/// Everything that is wrong with field 55, in the order in which it stands. Empty: nothing.
///
/// Elements that the dictionary does not know may have any length. Elements of the same tag are duplicates if they stand in
/// the same template.
#[must_use]
pub fn faults(bytes: &[u8]) -> Vec<Fault> {
    let mut faults = Vec::new();
    let mut seen: Vec<Place> = Vec::new();
    // Where each open template starts: the walk gives a template before what it holds.
    let mut templates = [0; tlv::DEPTH_MAX];
    for item in tlv::walk(bytes) {
        match item {
            Ok(element) => {
                let parent = element.depth.checked_sub(1);
                let template = parent.and_then(|depth| templates.get(depth).copied());
                if let (true, Some(slot)) = (element.constructed, templates.get_mut(element.depth))
                {
                    *slot = element.value_offset;
                }
                seen.push(Place {
                    template,
                    tag: element.tag,
                    offset: element.offset,
                });
                faults.extend(faults_of(&element).map(|kind| Fault {
                    offset: element.offset,
                    tag: Some(element.tag),
                    kind,
                }));
            }
            Err(error) => faults.push(Fault {
                offset: error.offset,
                tag: None,
                kind: FaultKind::Malformed(error.kind),
            }),
        }
    }
    faults.extend(duplicates(seen));
    faults.sort_by_key(|fault| fault.offset);
    faults
}

/// Where an element stands.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    template: Option<usize>,
    tag: Tag,
    offset: usize,
}

fn faults_of(element: &Element<'_>) -> impl Iterator<Item = FaultKind> + use<> {
    let length = element.value.len();
    let definition = element.tag.definition();
    let wrong_length = definition.and_then(|definition| {
        let (min, max) = (definition.length_min, definition.length_max);
        let fits = (usize::from(min)..=usize::from(max)).contains(&length);
        (!fits).then_some(FaultKind::Length { length, min, max })
    });
    let wrong_format = definition
        .map(|definition| definition.format)
        .filter(|format| !element.constructed && !format.allows(element.value))
        .map(FaultKind::Format);
    let forbidden = FORBIDDEN
        .contains(&element.tag)
        .then_some(FaultKind::Forbidden);
    [forbidden, wrong_length, wrong_format]
        .into_iter()
        .flatten()
}

/// Sorted rather than compared each with each: the cost must not grow with the square of what a peer sends.
fn duplicates(mut seen: Vec<Place>) -> impl Iterator<Item = Fault> {
    seen.retain(|place| !REPEATED.contains(&place.tag));
    seen.sort_unstable();
    let followers = seen.clone().into_iter().skip(1);
    seen.into_iter().zip(followers).filter_map(|(one, next)| {
        let same = (one.template, one.tag) == (next.template, next.tag);
        same.then_some(Fault {
            offset: next.offset,
            tag: Some(next.tag),
            kind: FaultKind::Duplicate { first: one.offset },
        })
    })
}

/// What the message and its field 55 say differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", mismatch_text(self))]
#[non_exhaustive]
pub struct Mismatch {
    /// The field; 0 is the message type.
    pub field: u8,
    /// The element of field 55, if it is about one.
    pub tag: Option<Tag>,
    /// Where the element stands in the bytes of field 55; 0 if it is about none.
    pub offset: usize,
    /// What it is.
    pub kind: MismatchKind,
}

/// How a message and its field 55 can disagree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum MismatchKind {
    /// The field and the element should say the same and do not.
    Differ,
    /// The entry mode of a request says that a chip was read, and there is no field 55.
    NoChipData,
    /// A request has a field 55, and its entry mode says that no chip was read.
    NoChip,
    /// A request that goes online, whose cryptogram is not one that asks for that.
    NotOnline,
}

fn mismatch_text(mismatch: &Mismatch) -> String {
    let Mismatch { field, tag, .. } = mismatch;
    let tag = tag.map(|tag| format!("{tag} ({})", tag.name().unwrap_or("unnamed")));
    let tag = tag.unwrap_or_default();
    match mismatch.kind {
        MismatchKind::Differ => format!("field {field} and {tag} in field 55 differ"),
        MismatchKind::NoChipData => {
            format!("field {field} says that a chip was read, and there is no field 55")
        }
        MismatchKind::NoChip => {
            format!("field {field} says that no chip was read, and there is a field 55")
        }
        MismatchKind::NotOnline => {
            format!("a request goes online, and {tag} in field 55 is no ARQC")
        }
    }
}

/// Fields and the elements that repeat them: amount, currency, the processing code's transaction type, card sequence
/// number.
const REPEATS: [(u8, Tag); 4] = [
    (3, Tag(0x9C)),
    (4, Tag(0x9F02)),
    (23, Tag(0x5F34)),
    (49, Tag(0x5F2A)),
];

/// What the message and its field 55 say differently. What one of them does not hold, or holds in a form that cannot be
/// compared, is not a difference.
#[must_use]
pub fn mismatches(view: &View<'_>) -> Vec<Mismatch> {
    let hex = view.to_text(55);
    let icc = hex.and_then(|hex| crate::mask::bytes_of_hex(&hex));
    mismatches_of(view.mti(), icc.as_deref(), |number| view.to_text(number))
}

/// The same, with the fields as canonical text; `icc` is field 55.
pub(crate) fn mismatches_of(
    mti: Mti,
    icc: Option<&[u8]>,
    text: impl Fn(u8) -> Option<String>,
) -> Vec<Mismatch> {
    // Advices tell what was decided, and answers repeat.
    let is_about_cards = matches!(mti.class(), MtiClass::Authorization | MtiClass::Financial);
    let is_request = is_about_cards && matches!(mti.digits(), [_, _, b'0', _]);
    let mut found = Vec::new();
    if is_request {
        found.extend(entry_mode(text(22).as_deref(), icc.is_some()));
    }
    let icc = icc.unwrap_or_default();
    found.extend(
        REPEATS
            .iter()
            .filter_map(|repeat| difference(*repeat, icc, &text)),
    );
    if is_request {
        found.extend(cryptogram(icc));
    }
    found
}

/// The first element of this tag.
fn element(icc: &[u8], tag: Tag) -> Option<Element<'_>> {
    let mut elements = tlv::walk(icc).map_while(Result::ok);
    elements.find(|element| element.tag == tag && !element.constructed)
}

fn difference(
    (field, tag): (u8, Tag),
    icc: &[u8],
    text: &impl Fn(u8) -> Option<String>,
) -> Option<Mismatch> {
    let of_message = text(field)?;
    let of_message = match field {
        // The first two digits are the type, the others the accounts.
        3 => of_message.get(..2)?,
        // ISO 8583:2003: currency (3), minor unit (1), value (12).
        4 if of_message.len() == 16 => of_message.get(4..)?,
        _ => of_message.as_str(),
    };
    let element = element(icc, tag)?;
    let of_icc = digits(element.value)?;
    // Both are numbers of different widths. A currency may stand as letters, which is no number to compare.
    let comparable = !of_message.is_empty() && of_message.bytes().all(|byte| byte.is_ascii_digit());
    let same = of_message.trim_start_matches('0') == of_icc.trim_start_matches('0');
    (comparable && !same).then_some(Mismatch {
        field,
        tag: Some(tag),
        offset: element.offset,
        kind: MismatchKind::Differ,
    })
}

/// ISO 8583-1:1987 field 22: the first two digits are how the card number was read. Those of 05 (chip) and 07 (contactless
/// chip) come with what the chip said; those of 95 (a chip without a reliable CVV), 91 (contactless, as a stripe) and 00
/// (not told) may, and others do not. Later editions have another field 22.
fn entry_mode(mode: Option<&str>, has_icc: bool) -> Option<Mismatch> {
    let mode = mode.filter(|mode| mode.len() == 3)?;
    let kind = match (mode.get(..2)?, has_icc) {
        ("05" | "07", false) => MismatchKind::NoChipData,
        ("05" | "07" | "91" | "95" | "00", _) | (_, false) => return None,
        (_, true) => MismatchKind::NoChip,
    };
    Some(Mismatch {
        field: 22,
        tag: None,
        offset: 0,
        kind,
    })
}

/// EMV 4.3 Book 3, 6.5.5.4: bits 8 and 7 of the cryptogram information data are 10 for an ARQC. An AAC declines and a TC
/// approves without the issuer, who is asked nevertheless.
fn cryptogram(icc: &[u8]) -> Option<Mismatch> {
    const INFORMATION: Tag = Tag(0x9F27);
    let element = element(icc, INFORMATION)?;
    let [information] = element.value else {
        return None;
    };
    (information >> 6 != 0b10).then_some(Mismatch {
        field: 0,
        tag: Some(INFORMATION),
        offset: element.offset,
        kind: MismatchKind::NotOnline,
    })
}

/// Packed digits as text.
fn digits(value: &[u8]) -> Option<String> {
    value
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 0x0F])
        .map(|nibble| char::from_digit(u32::from(nibble), 10))
        .collect()
}

#[cfg(test)]
mod tests;
