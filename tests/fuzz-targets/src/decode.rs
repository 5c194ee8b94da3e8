//! Decoding: the fast path and the reference agree on everything, and what was read is written again.

use bytes::BytesMut;
use pointsman_iso8583::{
    Builder, DecodeError, Dialect, Encoding, FieldSet, HeaderKind, TextBuffer, View,
};
use pointsman_test_support::agree::agree;

use crate::dialects;

pub(crate) fn run(data: &[u8]) {
    let Some((selector, message)) = data.split_first() else {
        return;
    };
    check(dialects::chosen(*selector), message);
}

/// The laws of one message in one dialect.
pub(crate) fn check(dialect: &Dialect, message: &[u8]) {
    agree(dialect, message);
    let (partial, error) = dialect.partial(message);
    let view = dialect.view(message);
    assert_eq!(view.as_ref().err(), error.as_ref());
    assert!(partial.end() <= message.len());
    if let Some(error) = error {
        assert!(error.offset <= message.len(), "{error}");
        let is_field = FieldSet::EMPTY.with(error.field).contains(error.field);
        assert!(error.field == 0 || is_field, "{error}");
        assert!(!error.explain(dialect).message.is_empty());
    }
    if let Some((header, mti)) = dialect.peek_mti(message) {
        assert_eq!(partial.header(), Some(header));
        assert_eq!(partial.mti(), Some(mti));
    }
    outline_agrees(dialect, message, view.as_ref());
    let Ok(view) = view else { return };
    read_values(&view);
    assert_eq!(partial.fields(), view.fields());
    let written = write_again(&view);
    assert_is_rewriting(&view, &written);
    let second = dialect.view(&written).unwrap();
    assert_eq!(write_again(&second), written, "writing is a fixed point");
}

/// The structure alone is that of the view; what has none has no view either, for the same reason.
fn outline_agrees(dialect: &Dialect, message: &[u8], view: Result<&View<'_>, &DecodeError>) {
    match (dialect.outline(message), view) {
        (Ok(outline), Ok(view)) => {
            assert_eq!(outline.fields(), view.fields());
            let same = |number| outline.element_range(number) == view.element_range(number);
            assert!(view.fields().iter().all(same));
        }
        (Ok(outline), Err(error)) => assert_eq!(outline.check().err(), Some(*error)),
        (Err(error), view) => assert_eq!(Some(&error), view.err()),
    }
}

/// The typed values are there or not; none panics.
pub(crate) fn read_values(view: &View<'_>) {
    let digits = view.pan().map(|pan| pan.expose().len());
    assert!(digits.is_none_or(|digits| (1..=19).contains(&digits)));
    let stan = view.stan().map(|stan| u64::from(stan.get()));
    assert!(stan.is_none() || view.number(11) == stan);
    let amount = view.amount().map(|amount| amount.get());
    // In 2003 the currency stands before the twelve digits of the amount.
    let number = view.number(4).map(|number| number % 1_000_000_000_000);
    assert!(amount.is_none() || number == amount);
    assert!(view.track2().is_none() || view.has(35));
    assert!(view.response_code().is_none() || view.has(39));
}

fn write_again(view: &View<'_>) -> BytesMut {
    let mut out = BytesMut::new();
    let mut buffer = TextBuffer::new();
    let mut builder =
        Builder::with_header(view.dialect(), &mut out, view.header(), view.mti()).unwrap();
    for number in view.fields().iter() {
        let text = view.text(number, &mut buffer).unwrap();
        if let Err(error) = builder.text(number, text) {
            panic!("what was read cannot be written: {error}");
        }
    }
    builder.finish().unwrap();
    out
}

/// The bytes are those that were read, but for what the wire allows to be written in two ways: hex in lower case, a second or
/// third bitmap without a bit in it; and but for the length of the message in a BASE I header, which nobody has to believe.
fn assert_is_rewriting(view: &View<'_>, written: &[u8]) {
    let dialect = view.dialect();
    let again = dialect.view(written).unwrap();
    let (before, after) = (view.header(), again.header());
    let same_header = if dialect.header_kind() == HeaderKind::Visa {
        before.get(..3) == after.get(..3) && before.get(5..) == after.get(5..)
    } else {
        before == after
    };
    assert!(same_header, "the header is the same");

    let read = view.bytes().get(before.len()..).unwrap_or_default();
    let rewritten = written.get(after.len()..).unwrap_or_default();
    let bitmap = dialect.bitmap_encoding().length();
    let last = view.fields().last().unwrap_or_default();
    // A third bitmap without a bit in it goes, and a second one then, too.
    let announced_in_vain = [(1, 128), (2, 64)].into_iter().any(|(bitmaps, last_max)| {
        rewritten.len() + bitmaps * bitmap == read.len() && last <= last_max
    });
    assert!(
        announced_in_vain || same_text(dialect, rewritten, read),
        "{} bytes were read, {} written",
        read.len(),
        rewritten.len()
    );
    assert!(
        same_text(dialect, body(&again), body(view)),
        "the fields are the same"
    );
}

/// All fields as they stand.
fn body<'a>(view: &View<'a>) -> &'a [u8] {
    let first = view.fields().first();
    let range = first.and_then(|first| view.element_range(first));
    range.map_or(&[][..], |range| &view.bytes()[range.start..])
}

/// The same; in a dialect that writes hex, but for upper and lower case, which in EBCDIC are 64 apart.
fn same_text(dialect: &Dialect, one: &[u8], other: &[u8]) -> bool {
    let hex = dialect.bitmap_encoding().length() != 8
        || dialect
            .fields()
            .any(|field| field.encoding == Encoding::HexText);
    let same = |(one, other): (&u8, &u8)| {
        one == other || hex && (one.eq_ignore_ascii_case(other) || one ^ other == 0x40)
    };
    one.len() == other.len() && one.iter().zip(other).all(same)
}
