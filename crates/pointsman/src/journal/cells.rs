//! One record as a line for people, as a JSON object, or as a row of a table.

use pointsman_journal::event::{Event, Field, NAMES};
use pointsman_journal::{EventError, Lsn};
use serde_json::{Map, Value, json};

use super::words::plain;

/// As one line: the place, the time, the kind, and what is not empty.
pub(crate) fn one_line(lsn: Lsn, kind: u8, event: &Result<Event<'_>, EventError>) -> String {
    let event = match event {
        Ok(event) => event,
        Err(error) => return format!("{lsn:>9}  {:27}  kind {kind}: {error}", "unreadable"),
    };
    let mut line = format!("{lsn:>9}  {}  {:<10}", event.at(), event.label());
    event.fields(&mut |name, field| {
        let value = match field {
            Field::None | Field::At(_) => return,
            Field::Text(text) => quoted(text),
            Field::Number(number) => number.to_string(),
            Field::Flag(flag) => flag.to_string(),
            Field::Id(bytes) => hex(bytes),
            Field::Sealed(bytes) => bytes.to_string(),
        };
        line.push_str(&format!(" {name}={value}"));
    });
    line
}

/// A text that is one word stands as it is.
fn quoted(text: &str) -> String {
    let is_word = |c: char| c.is_ascii_alphanumeric() || "-_.:*/+".contains(c);
    if text.chars().all(is_word) {
        text.to_owned()
    } else {
        format!("\"{}\"", plain(text).replace('"', "\\\""))
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(crate) fn json_object(lsn: Lsn, kind: u8, event: &Result<Event<'_>, EventError>) -> Value {
    let mut object = Map::new();
    object.insert("lsn".to_owned(), json!(lsn.get()));
    match event {
        Ok(event) => {
            object.insert("event".to_owned(), json!(event.label()));
            event.fields(&mut |name, field| {
                let value = match field {
                    Field::None => Value::Null,
                    Field::Text(text) => json!(text),
                    Field::Number(number) => json!(number),
                    Field::Flag(flag) => json!(flag),
                    Field::At(at) => json!(at.to_string()),
                    Field::Id(bytes) => json!(hex(bytes)),
                    Field::Sealed(bytes) => json!(bytes),
                };
                object.insert(name.to_owned(), value);
            });
        }
        Err(error) => {
            object.insert("event".to_owned(), json!("unreadable"));
            object.insert("record_kind".to_owned(), json!(kind));
            object.insert("reason".to_owned(), json!(error.to_string()));
        }
    }
    Value::Object(object)
}

/// The names of the columns. RFC 4180 2.3: a header line has the same format as a record.
pub(crate) fn csv_head() -> String {
    format!("lsn,event,{}\r\n", NAMES.join(","))
}

/// All kinds of events share the columns; what an event does not have is empty.
pub(crate) fn csv_row(lsn: Lsn, kind: u8, event: &Result<Event<'_>, EventError>) -> String {
    let mut cells = vec![String::new(); NAMES.len()];
    let label = match event {
        Ok(event) => {
            event.fields(&mut |name, field| {
                let cell = NAMES
                    .iter()
                    .position(|known| *known == name)
                    .and_then(|place| cells.get_mut(place));
                if let Some(cell) = cell {
                    *cell = match field {
                        Field::None => String::new(),
                        Field::Text(text) => csv_cell(text),
                        Field::Number(number) => number.to_string(),
                        Field::Flag(flag) => flag.to_string(),
                        Field::At(at) => at.to_string(),
                        Field::Id(bytes) => hex(bytes),
                        Field::Sealed(bytes) => bytes.to_string(),
                    };
                }
            });
            event.label()
        }
        Err(error) => {
            let reason = NAMES.iter().position(|name| *name == "reason");
            if let Some(cell) = reason.and_then(|place| cells.get_mut(place)) {
                *cell = csv_cell(&format!("kind {kind}: {error}"));
            }
            "unreadable"
        }
    };
    format!("{lsn},{label},{}\r\n", cells.join(","))
}

/// RFC 4180 2.5 to 2.7. A text that a spreadsheet would take for a formula gets an apostrophe, which makes it a text:
/// terminals and banks word some of these.
fn csv_cell(text: &str) -> String {
    let text = match text.starts_with(['=', '+', '-', '@', '\t', '\r']) {
        true => format!("'{text}"),
        false => text.to_owned(),
    };
    if text.contains([',', '"', '\r', '\n']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pointsman_journal::event::{Audit, UnixMicros};

    fn audit(detail: &str) -> Result<Event<'_>, EventError> {
        Ok(Event::Audit(Audit {
            at: UnixMicros(0),
            who: "ann",
            action: "drop",
            tx: None,
            detail,
        }))
    }

    #[test]
    fn cells_are_quoted_where_they_must_be() {
        for (text, cell) in [
            ("plain", "plain"),
            ("a, b", "\"a, b\""),
            ("say \"no\"", "\"say \"\"no\"\"\""),
            ("two\nlines", "\"two\nlines\""),
            ("=1+1", "'=1+1"),
            ("-1,5", "\"'-1,5\""),
        ] {
            assert_eq!(csv_cell(text), cell);
        }
    }

    #[test]
    fn a_row_has_as_many_cells_as_the_head() {
        let columns = csv_head().matches(',').count();
        for event in [audit("ok"), Err(EventError::Kind(77))] {
            let row = csv_row(Lsn::new(7), 10, &event);
            assert_eq!(row.matches(',').count(), columns, "{row}");
            assert!(row.ends_with("\r\n"));
        }
    }

    #[test]
    fn nothing_in_a_record_can_write_to_the_terminal() {
        let line = one_line(Lsn::new(7), 10, &audit("red\u{1b}[31m\nnext"));
        assert!(!line.contains(['\u{1b}', '\n']), "{line:?}");
    }
}
