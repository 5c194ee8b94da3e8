//! What a message that does not decode may be instead: the same bytes in another dialect, or behind a length prefix. The
//! evidence is that of [`crate::detect`].

use std::ops::Range;
use std::sync::Arc;

use crate::detect::{Candidate, Transport, detect};
use crate::dialect::Dialect;
use crate::error::{DecodeError, DecodeErrorKind};
use crate::field::{Content, Field, Sensitive};
use crate::field_set::FieldSet;
use crate::number_list::number_list;

/// Length prefixes and TPDUs that a transport puts before a message, and what to call them.
const TRANSPORT: [(usize, &str); 5] = [
    (0, ""),
    (2, "a 2-byte length"),
    (4, "a 4-byte length"),
    (5, "a TPDU"),
    (7, "a 2-byte length and a TPDU"),
];

/// Another way to read the message, in which more of it makes sense.
pub(super) struct Reading {
    /// What it is, in words.
    pub(super) text: String,
    /// Where card data stands in that reading: this dialect does not know, and would show it.
    pub(super) secret: Vec<Range<usize>>,
}

/// Looks for a better reading of a message that has this error.
pub(super) fn reading(dialect: &Dialect, bytes: &[u8], error: &DecodeError) -> Option<Reading> {
    let this = Arc::new(dialect.clone());
    let others = Dialect::builtin_names()
        .iter()
        .chain(Dialect::pack_names())
        .filter_map(|name| Dialect::builtin(name))
        .filter(|other| other.name() != dialect.name());
    let dialects: Vec<Arc<Dialect>> = std::iter::once(this).chain(others).collect();
    let transports: Vec<Transport> = TRANSPORT
        .iter()
        .filter(|(skipped, _)| *skipped < bytes.len())
        .map(|(skipped, what)| Transport::after(*skipped, bytes.len()).named(*what))
        .collect();
    let found = detect(bytes, &transports, &dialects);
    let best = found.first()?;
    let skipped = TRANSPORT.get(best.transport)?.0;
    let is_this = best.dialect.name() == dialect.name();
    let text = if best.fits_all() {
        let mut text = "the message makes sense".to_owned();
        if !is_this {
            text.push_str(&format!(" as {}", best.dialect.name()));
            let read = best.dialect.partial(bytes).0.fields();
            if let Some(how) = difference(dialect, &best.dialect, read, error.field)
                && skipped == 0
            {
                text.push_str(&format!(", where {how}"));
            }
        }
        if skipped > 0 {
            let what = &best.transport_name;
            text.push_str(&format!(" after {what} ({skipped} bytes)"));
        }
        text
    } else {
        further(dialect, bytes, error, best, skipped)?
    };
    Some(Reading {
        text,
        secret: secret(&best.dialect, bytes, skipped),
    })
}

/// No reading takes it all, but one gets further than this dialect does.
fn further(
    dialect: &Dialect,
    bytes: &[u8],
    error: &DecodeError,
    best: &Candidate,
    skipped: usize,
) -> Option<String> {
    let (partial, _) = dialect.partial(bytes);
    let here = partial.fields();
    let rest = bytes.get(skipped..)?;
    let (other_partial, other_error) = best.dialect.partial(rest);
    let there = other_partial.fields();
    // A field or two may fit by chance, and more so where bytes are left out.
    let is_better = skipped + other_partial.end() > partial.end() && there.len() >= here.len() + 2;
    if !is_better || there.intersection(here) != here {
        return None;
    }
    let place = match error.field {
        0 => "the message type does not fit".to_owned(),
        1 => "the bitmap does not fit".to_owned(),
        field => format!("field {field} does not fit"),
    };
    let how = match (
        difference(dialect, &best.dialect, there, error.field),
        skipped,
    ) {
        (Some(how), 0) => format!("{how}, as in {}", best.dialect.name()),
        (_, 0) => format!("the peer is {}", best.dialect.name()),
        _ => format!(
            "it is {} after {} ({skipped} bytes)",
            best.dialect.name(),
            best.transport_name
        ),
    };
    let then = match other_error {
        Some(DecodeError {
            kind: DecodeErrorKind::TrailingBytes { count },
            ..
        }) => format!("; behind them {} too many", super::count_of(count, "byte")),
        Some(error) if error.field > 1 => format!("; field {} does not fit there", error.field),
        _ => String::new(),
    };
    let plural = if there.len() == 1 { "fits" } else { "fit" };
    Some(format!(
        "{place}; fields {} {plural} if {how}{then}",
        numbers(there)
    ))
}

fn numbers(fields: FieldSet) -> String {
    number_list(fields.iter())
}

/// What the first field is like in the other dialect that has another form there, up to the one that does not fit: from
/// there on this dialect is out of step. `None` if they differ before the fields.
fn difference(here: &Dialect, there: &Dialect, read: FieldSet, until: u8) -> Option<String> {
    if here.mti_encoding() != there.mti_encoding()
        || here.bitmap_encoding() != there.bitmap_encoding()
        || here.header_length() != there.header_length()
    {
        return None;
    }
    read.with(until)
        .iter()
        .take_while(|number| *number <= until)
        .filter_map(|number| Some((here.field(number)?, there.field(number)?)))
        .find(|(field, other)| !field.same_wire(other))
        .and_then(|(field, other)| form(here, there, field, other))
}

/// How the form of a field differs, or that of all fields of its class.
fn form(here: &Dialect, there: &Dialect, field: &Field, other: &Field) -> Option<String> {
    let number = field.number;
    if field.encoding != other.encoding {
        let is_alike = |one: &Field, another: &Field| {
            (one.encoding, another.encoding) == (field.encoding, other.encoding)
        };
        let all = here
            .fields()
            .filter(|one| one.content == field.content)
            .filter_map(|one| Some((one, there.field(one.number)?)))
            .all(|(one, another)| is_alike(one, another));
        let what = match field.content {
            _ if !all => format!("field {number} is"),
            Content::N => "numeric fields are".to_owned(),
            Content::Z => "tracks are".to_owned(),
            Content::B => "binary fields are".to_owned(),
            _ => "text fields are".to_owned(),
        };
        return Some(format!("{what} {}", other.encoding));
    }
    if field.type_text() != other.type_text() {
        return Some(format!("field {number} is {}", other.type_text()));
    }
    (field.prefix_length() != other.prefix_length()).then(|| {
        format!(
            "the length of field {number} takes {} bytes",
            other.prefix_length()
        )
    })
}

fn secret(dialect: &Dialect, bytes: &[u8], skipped: usize) -> Vec<Range<usize>> {
    let (partial, _) = dialect.partial(bytes.get(skipped..).unwrap_or_default());
    let Some(view) = partial.view() else {
        return Vec::new();
    };
    let is_secret = |number: &u8| {
        dialect
            .field(*number)
            .is_some_and(|field| field.sensitive != Sensitive::No)
    };
    let place = |number| {
        view.wire_range(number)
            .map(|range| skipped + range.start..skipped + range.end)
    };
    view.fields()
        .iter()
        .filter(is_secret)
        .filter_map(place)
        .collect()
}
