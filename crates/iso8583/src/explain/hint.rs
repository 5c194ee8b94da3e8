//! What a message that does not decode may be instead: the same bytes in another dialect, or behind a length prefix.

use std::ops::Range;

use crate::dialect::Dialect;
use crate::field::Sensitive;

/// Length prefixes and TPDUs that a transport puts before a message, and what to call them.
const TRANSPORT: [(usize, &str); 5] = [
    (0, ""),
    (2, "a 2-byte length"),
    (4, "a 4-byte length"),
    (5, "a TPDU"),
    (7, "a 2-byte length and a TPDU"),
];

/// Another way to read the message, in which all of it makes sense.
pub(super) struct Reading {
    /// What it is, in words.
    pub(super) text: String,
    /// Where card data stands in that reading: this dialect does not know, and would show it.
    pub(super) secret: Vec<Range<usize>>,
}

/// Looks for another reading of a message that does not decode.
pub(super) fn reading(dialect: &Dialect, bytes: &[u8]) -> Option<Reading> {
    for (count, what) in TRANSPORT {
        let Some(rest) = bytes.get(count..) else {
            continue;
        };
        let before = if count == 0 {
            String::new()
        } else {
            format!(" after {what} ({count} bytes)")
        };
        if count > 0 && makes_sense(dialect, rest) {
            let text = format!("the message makes sense{before}");
            return Some(Reading {
                text,
                secret: secret(dialect, rest, count),
            });
        }
        let builtin =
            |name: &&str| Dialect::builtin(name).filter(|other| other.name() != dialect.name());
        for other in Dialect::builtin_names().iter().filter_map(builtin) {
            if makes_sense(&other, rest) {
                let text = format!("the message makes sense as {}{before}", other.name());
                return Some(Reading {
                    text,
                    secret: secret(&other, rest, count),
                });
            }
        }
    }
    None
}

fn secret(dialect: &Dialect, message: &[u8], skipped: usize) -> Vec<Range<usize>> {
    let Ok(view) = dialect.view(message) else {
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

/// Does it decode, with at least one field and an MTI of a version that exists?
fn makes_sense(dialect: &Dialect, bytes: &[u8]) -> bool {
    dialect.view(bytes).is_ok_and(|view| {
        !view.fields().is_empty()
            && matches!(
                view.mti().digits(),
                [b'0'..=b'2' | b'8' | b'9', b'1'..=b'8', ..]
            )
    })
}
