//! Transcoding between every pair of dialects: what is written is a message of the other dialect with the same values, what
//! is left out is said, and a strict transcoder refuses exactly when a lenient one leaves something out.

use std::sync::OnceLock;

use bytes::BytesMut;
use pointsman_iso8583::{Builder, Dialect, Edit, PadSide, Stan, Transcoder, View};

use crate::dialects;

pub(crate) fn run(data: &[u8]) {
    let Some(([from, to], message)) = data.split_first_chunk::<2>() else {
        return;
    };
    let Pair { strict, lenient } = pair(*from, *to);
    let (from, to) = (dialects::chosen(*from), dialects::chosen(*to));
    let Ok(view) = from.view(message) else {
        return;
    };
    let header = to.default_header();

    let mut out = BytesMut::from(&b"before"[..]);
    let mut strictly = BytesMut::new();
    let strict_result = strict.write(&view, view.mti(), header, &[], &mut strictly);
    let written = match lenient.write(&view, view.mti(), header, &[], &mut out) {
        Ok(written) => written,
        Err(_) => {
            // Only a message that outgrows every limit is refused by a lenient one.
            assert!(strict_result.is_err() && strictly.is_empty());
            assert_eq!(out, "before");
            return;
        }
    };
    assert_eq!(written.message, 6..out.len());
    let mut bytes = out.split_off(6);
    assert_eq!(out, "before");

    let other = to.view(&bytes).unwrap();
    assert_eq!(other.mti(), view.mti());
    assert_eq!(
        other.fields(),
        view.fields().difference(written.dropped),
        "what is not dropped is there"
    );
    for number in other.fields().iter() {
        let (is, was) = (value(&other, number), value(&view, number));
        let bare = |value| content(from, number, content(to, number, value)).to_owned();
        let same = is == was || bare(&is) == bare(&was);
        assert!(same, "field {number}: {was} became {is}");
    }
    match strict_result {
        Ok(_) => {
            assert!(written.dropped.is_empty());
            assert_eq!(strictly, bytes);
        }
        Err(error) => {
            assert_eq!(Some(error.field()), written.dropped.first());
            assert!(strictly.is_empty());
        }
    }
    for number in written.dropped.iter() {
        assert!(!fits(to, &view, number), "field {number} would have fitted");
    }

    assert_eq!(written.stan.is_some(), other.has(11));
    if let (Some(slot), Some(stan)) = (&written.stan, Stan::new(654_321)) {
        let edits = [Edit::Set(11, "654321")];
        let mut edited = BytesMut::new();
        let result = lenient.write(&view, view.mti(), header, &edits, &mut edited);
        slot.stamp(&mut bytes, stan);
        assert!(result.is_err() || edited == bytes, "a stamp is an edit");
    }
}

/// The transcoders between two dialects.
pub(crate) struct Pair {
    strict: Transcoder,
    pub(crate) lenient: Transcoder,
}

/// Computed once, as a switch does.
pub(crate) fn pair(from: u8, to: u8) -> &'static Pair {
    static PAIRS: OnceLock<Vec<Pair>> = OnceLock::new();
    let all = dialects::all();
    let pairs = PAIRS.get_or_init(|| {
        let pairs = all
            .iter()
            .flat_map(|from| all.iter().map(move |to| (from, to)));
        let of = |(from, to)| Pair {
            strict: Transcoder::new(from, to),
            lenient: Transcoder::new(from, to).lenient(),
        };
        pairs.map(of).collect()
    });
    &pairs[dialects::place(from) * all.len() + dialects::place(to)]
}

/// A value as both dialects show it: the separator of a track is `D` where it is packed, and often `=` where it is not.
fn value(view: &View<'_>, number: u8) -> String {
    let text = view.to_text(number).unwrap();
    match number {
        35 | 36 => text.replace('=', "D"),
        _ => text,
    }
}

/// A value without what it was filled with.
fn content<'v>(dialect: &Dialect, number: u8, value: &'v str) -> &'v str {
    match dialect.field(number).and_then(|field| field.fill) {
        None => value,
        Some(fill) => {
            let with = char::from(fill.with);
            match fill.side {
                PadSide::Left => value.trim_start_matches(with),
                PadSide::Right => value.trim_end_matches(with),
            }
        }
    }
}

/// Can a field of the same content class hold the value?
fn fits(to: &Dialect, view: &View<'_>, number: u8) -> bool {
    let source = view.dialect().field(number);
    let target = to.field(number);
    let same_class = source.map(|field| field.content) == target.map(|field| field.content);
    let mut scratch = BytesMut::new();
    let mut builder = Builder::new(to, &mut scratch, view.mti());
    same_class && builder.text(number, &view.to_text(number).unwrap()).is_ok()
}
