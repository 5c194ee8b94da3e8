//! What stands inside of fields: the walk over the parts of a field, and of a part, goes onward, stays inside and ends; a part
//! is found again by its path; and what is wrong is said at a place in the field.
//!
//! An input is a message, or what a message of one field is made from: so that any bytes get into any layout.

use std::collections::BTreeMap;
use std::ops::Range;

use bytes::BytesMut;
use pointsman_iso8583::json::{self, JsonErrorKind};
use pointsman_iso8583::mask::Unmask;
use pointsman_iso8583::{Builder, Content, Dialect, Length, Parts, TextBuffer, View, explain};

use crate::dialects;

const MTIS: [&str; 8] = [
    "0100", "0200", "0210", "0320", "0420", "0500", "0800", "0810",
];
/// Looking for a part by its path walks up to it.
const PATHS_MAX: usize = 12;

pub(crate) fn run(data: &[u8]) {
    let Some(([how, selector], rest)) = data.split_first_chunk::<2>() else {
        return;
    };
    let dialect = dialects::chosen(*selector);
    if *how == 0 {
        if let Ok(view) = dialect.view(rest) {
            check(&view);
        }
    } else if let Some((number, value)) = rest.split_first()
        && let Some(message) = message(dialect, *how, *number, value)
    {
        check(&dialect.view(&message).unwrap());
    }
}

/// A message of this field alone. Its value is made to be one of the field: it is what stands in it that is to be tried.
fn message(dialect: &Dialect, how: u8, number: u8, value: &[u8]) -> Option<BytesMut> {
    let field = dialect.field(number)?;
    let mut value = value.to_vec();
    match field.length {
        Length::Fixed(units) => value.resize(usize::from(units), 0),
        Length::Variable { max, .. } => value.truncate(usize::from(max)),
    }
    let text: String = match field.content {
        Content::B => value.iter().map(|byte| format!("{byte:02X}")).collect(),
        Content::N => value
            .iter()
            .map(|byte| char::from(b'0' + byte % 10))
            .collect(),
        _ => value
            .iter()
            .map(|byte| char::from(if byte.is_ascii_graphic() { *byte } else { b' ' }))
            .collect(),
    };
    let mut out = BytesMut::new();
    let mti = MTIS[usize::from(how) % MTIS.len()].parse().unwrap();
    let mut builder = Builder::new(dialect, &mut out, mti);
    builder.text(number, &text).ok()?;
    builder.finish().ok()?;
    Some(out)
}

pub(crate) fn check(view: &View<'_>) {
    let mut has_fault = false;
    for number in view.fields().iter() {
        let range = view.wire_range(number).unwrap();
        match view.parts(number) {
            Some(parts) => has_fault |= walk(parts, &range, 0),
            None => assert!(view.layout(number).is_none()),
        }
    }
    shown(view);
    let faults = view.check_layouts();
    assert_eq!(has_fault, !faults.is_empty());
    for fault in faults {
        let range = view.wire_range(fault.error.field).unwrap();
        let offset = fault.error.offset;
        assert!(range.start <= offset && offset <= range.end, "{fault:?}");
        assert!(!fault.error.explain(view.dialect()).message.is_empty());
    }
}

/// What is shown of a message with parts is written again, and shown without a panic where they are masked.
fn shown(view: &View<'_>) {
    let (dialect, bytes) = (view.dialect(), view.bytes());
    let line = json::decode_parts_line(dialect, bytes, Unmask::Yes).unwrap();
    match json::encode_line(dialect, &line, &mut BytesMut::new()) {
        Ok(()) => {}
        // A star where a mask would put one: nobody can tell.
        Err(error) => assert_eq!(error.kind, JsonErrorKind::Masked, "{line}"),
    }
    json::decode_parts_line(dialect, bytes, Unmask::No).unwrap();
    let mut tree = String::new();
    explain::tree(dialect, bytes, Unmask::No, &mut tree).unwrap();
}

/// Walks the parts in these bytes, and theirs. Is something wrong with one of them?
fn walk(parts: Parts<'_>, outer: &Range<usize>, depth: usize) -> bool {
    const DEPTH_MAX: usize = 32;
    assert!(depth < DEPTH_MAX, "the walk ends by itself");
    let whole = parts.clone();
    let mut buffer = TextBuffer::new();
    let mut times: BTreeMap<String, usize> = BTreeMap::new();
    let mut last = outer.start;
    let mut has_fault = false;
    let mut ended = false;
    for (place, part) in parts.enumerate() {
        assert!(!ended, "nothing comes after an error");
        // A part takes a nibble at least, but for those that may be empty or missing.
        assert!(place <= outer.len() * 2 + 256, "{place} in {outer:?}");
        let part = match part {
            Ok(part) => part,
            Err(error) => {
                ended = true;
                has_fault = true;
                assert!(outer.start <= error.offset && error.offset <= outer.end);
                continue;
            }
        };
        let (element, range) = (part.element_range(), part.range());
        assert!(last <= element.start, "always onward");
        assert!(element.start <= range.start && range.end <= element.end);
        assert!(element.end <= outer.end, "{element:?} in {outer:?}");
        last = element.start;

        let text = part.to_text();
        assert!(
            part.text(&mut buffer).is_none_or(|shown| shown == text),
            "one value"
        );
        assert!(part.number().is_none() || !text.is_empty());
        assert!(part.binary().is_none_or(|bytes| bytes.len() <= range.len()));
        let tag = part.tag().to_string();
        let times = times.entry(tag.clone()).or_default();
        *times += 1;
        if place < PATHS_MAX && !tag.contains(['.', '#']) {
            let again = whole.clone().part(&format!("{tag}#{times}"));
            let again = again.map(|part| part.element_range());
            assert_eq!(again, Some(element.clone()), "{tag}");
        }
        if let Some(inner) = part.parts() {
            has_fault |= walk(inner, &element, depth + 1);
        }
    }
    has_fault
}
