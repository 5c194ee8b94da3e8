//! Third bitmaps, either way that they are placed, and messages with as many fields as bitmaps can announce.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "test code: a wrong fixture must stop the test"
)]

mod common;

use std::sync::Arc;

use bytes::BytesMut;
use common::{agree, hex, unhex};
use pointsman_iso8583::mask::Unmask;
use pointsman_iso8583::{
    Builder, DecodeErrorKind, Dialect, Edit, FieldSet, Mti, TertiaryBitmap, Transcoder, explain,
};

const PLACES: [&str; 2] = ["field-65", "contiguous"];
const ENCODINGS: [&str; 3] = ["binary", "hex", "ebcdic-hex"];

/// Fields 2 to 192 in various forms, with a third bitmap.
fn dialect(place: &str, bitmap: &str, digits: &str) -> Arc<Dialect> {
    let fields: String = (2..=192)
        .filter(|number| *number != 65)
        .map(|number| {
            let kind = ["n4", "n..5", "an3", "ans...7", "b2"][number % 5];
            format!("{number} = {{ name = \"Field {number}\", type = \"{kind}\", sensitive = \"no\" }}\n")
        })
        .collect();
    let toml = format!(
        "name = \"wide\"\n[message]\nmti = \"bcd\"\nbitmap = \"{bitmap}\"\ntertiary_bitmap = \"{place}\"\n\
         [defaults]\ndigits = \"{digits}\"\ntrack = \"{digits}\"\ntext = \"ascii\"\nbinary = \"raw\"\n\
         prefix = \"bcd\"\n[fields]\n{fields}"
    );
    let dialect = Dialect::parse(&toml).unwrap_or_else(|errors| panic!("{errors:?}"));
    assert_eq!(Dialect::parse(&dialect.to_toml()).as_ref(), Ok(&dialect));
    Arc::new(dialect)
}

/// A value of the form that the dialect gives the field.
fn value(number: u8) -> &'static str {
    ["1234", "567", "A1b", "Hello", "CAFE"][usize::from(number) % 5]
}

fn message(dialect: &Dialect, numbers: impl IntoIterator<Item = u8>) -> BytesMut {
    let mut out = BytesMut::new();
    let mut builder = Builder::new(dialect, &mut out, Mti::literal(b"0200"));
    for number in numbers {
        builder.text(number, value(number)).unwrap();
    }
    builder.finish().unwrap();
    out
}

/// The bytes of both placements, by hand: field 2 (an3), 66 (n..5) and 130 (n4).
#[test]
fn a_third_bitmap_on_the_wire() {
    let first = "C000000000000000";
    let second = "C000000000000000";
    let third = "4000000000000000";
    let (two, sixty_six, hundred_thirty) = ("413162", "030567", "1234");
    for (place, expected) in [
        (
            "field-65",
            ["0200", first, second, two, third, sixty_six, hundred_thirty].concat(),
        ),
        (
            "contiguous",
            ["0200", first, second, third, two, sixty_six, hundred_thirty].concat(),
        ),
    ] {
        let dialect = dialect(place, "binary", "bcd");
        let bytes = message(&dialect, [2, 66, 130]);
        assert_eq!(hex(&bytes), expected, "{place}");
        agree(&dialect, &bytes);
        let view = dialect.view(&bytes).unwrap();
        assert_eq!(view.fields(), FieldSet::of(&[2, 66, 130]));
        assert!(!view.has(65) && view.element_range(65).is_none());
        assert_eq!(view.to_text(130).as_deref(), Some("1234"));
        assert_eq!(hex(view.wire(2).unwrap()), two);
        assert_eq!(hex(view.wire(66).unwrap()), "0567");
    }
}

#[test]
fn what_is_wrong_with_a_third_bitmap() {
    let start = "0200C0000000000000008000000000000000";
    for (place, rest, error) in [
        // Cut: where it begins, in field 65.
        ("field-65", "41316240000000", (21, 65, "Truncated")),
        ("contiguous", "40000000", (18, 65, "Truncated")),
        // A field that is announced but not there.
        ("field-65", "4131624000000000000000", (29, 130, "Truncated")),
        (
            "contiguous",
            "4000000000000000413162",
            (29, 130, "Truncated"),
        ),
        // Bytes behind an empty one belong to the last field before it.
        (
            "field-65",
            "413162000000000000000077",
            (29, 2, "TrailingBytes"),
        ),
        (
            "contiguous",
            "000000000000000041316277",
            (29, 2, "TrailingBytes"),
        ),
    ] {
        let dialect = dialect(place, "binary", "bcd");
        let bytes = unhex(&format!("{start}{rest}"));
        agree(&dialect, &bytes);
        let found = dialect.view(&bytes).unwrap_err();
        let kind = format!("{:?}", found.kind);
        assert_eq!(
            (found.offset, found.field),
            (error.0, error.1),
            "{place} {rest}"
        );
        assert!(kind.starts_with(error.2), "{place} {rest}: {kind}");
    }
    // Not announced, it is not there; without one, a bit 65 is an error, and one that is not defined is, too.
    let bytes = unhex("0200C000000000000000C000000000000000413162030567");
    let error = Dialect::builtin("iso87-bcd")
        .unwrap()
        .view(&bytes)
        .unwrap_err();
    assert_eq!(
        (error.field, error.kind),
        (65, DecodeErrorKind::TertiaryBitmap)
    );
    let few = Dialect::parse(
        "name = \"few\"\nextends = \"iso87-bcd\"\n[message]\ntertiary_bitmap = \"contiguous\"\n\
         [fields]\n130 = { name = \"Terminal capability profile\", type = \"b3\" }\n",
    )
    .unwrap();
    let bytes = unhex("0200800000000000000080000000000000002000000000000000");
    agree(&Arc::new(few.clone()), &bytes);
    let error = few.view(&bytes).unwrap_err();
    assert_eq!(
        (error.offset, error.field, error.kind),
        (18, 131, DecodeErrorKind::UndefinedField)
    );
}

/// Every count of fields up to all 190, so that places are kept each, thinned out, and stepped over.
#[test]
fn as_many_fields_as_can_be_announced() {
    for (place, bitmap) in PLACES.iter().zip(ENCODINGS) {
        let dialect = dialect(place, bitmap, "bcd");
        let all: Vec<u8> = dialect.fields().map(|field| field.number).collect();
        assert_eq!(all.len(), 190);
        for count in 0..=all.len() {
            // The lowest, the highest, and some spread over all.
            let spread = all.iter().copied().step_by(190 / count.max(1));
            let sets = [
                all[..count].to_vec(),
                all[190 - count..].to_vec(),
                spread.collect(),
            ];
            for numbers in sets {
                let bytes = message(&dialect, numbers.iter().copied());
                agree(&dialect, &bytes);
                let view = dialect.view(&bytes).unwrap();
                assert_eq!(view.fields().iter().collect::<Vec<_>>(), numbers);
                for number in numbers {
                    assert_eq!(view.to_text(number).as_deref(), Some(value(number)));
                }
            }
        }
    }
}

/// Between both placements, three ways to write bitmaps and two to write digits, with everything or little in a message.
#[test]
fn third_bitmaps_are_moved_on_the_way() {
    let dialects: Vec<Arc<Dialect>> = PLACES
        .into_iter()
        .flat_map(|place| ENCODINGS.map(|bitmap| dialect(place, bitmap, "ascii")))
        .chain(PLACES.map(|place| dialect(place, "binary", "bcd")))
        .collect();
    let all: Vec<u8> = dialects[0].fields().map(|field| field.number).collect();
    for from in &dialects {
        for to in &dialects {
            let transcoder = Transcoder::new(from, to);
            for numbers in [&all[..], &[2, 11, 66, 130], &[11, 192], &[129], &[2, 64]] {
                let bytes = message(from, numbers.iter().copied());
                let view = from.view(&bytes).unwrap();
                let mut out = BytesMut::new();
                transcoder
                    .write(&view, view.mti(), &[], &[], &mut out)
                    .unwrap();
                assert_eq!(out, message(to, numbers.iter().copied()));

                // Without what is above 128, and above 64: bitmaps that are not needed are not written.
                for last in [128, 64] {
                    let edits: Vec<Edit<'_>> = numbers
                        .iter()
                        .filter(|number| **number > last)
                        .map(|number| Edit::Drop(*number))
                        .collect();
                    out.clear();
                    transcoder
                        .write(&view, view.mti(), &[], &edits, &mut out)
                        .unwrap();
                    let kept = numbers.iter().copied().filter(|number| *number <= last);
                    assert_eq!(out, message(to, kept));
                }
            }
        }
    }
}

/// A lenient transcoder finds out on the way that a field does not fit: the bitmap that was expected is taken out again.
#[test]
fn a_third_bitmap_that_is_not_needed_after_all() {
    for place in PLACES {
        let from = dialect(place, "binary", "ascii");
        let narrow = from.to_toml().replace(
            "131 = { name = \"Field 131\", type = \"n..5\"",
            "131 = { name = \"Field 131\", type = \"n..2\"",
        );
        let to = Arc::new(Dialect::parse(&narrow).unwrap());
        assert_ne!(from, to);
        let transcoder = Transcoder::new(&from, &to).lenient();
        for numbers in [&[2, 10, 11, 131][..], &[2, 11, 66, 131]] {
            let bytes = message(&from, numbers.iter().copied());
            let view = from.view(&bytes).unwrap();
            let mut out = BytesMut::new();
            let written = transcoder
                .write(&view, view.mti(), &[], &[], &mut out)
                .unwrap();
            assert_eq!(written.dropped, FieldSet::of(&[131]));
            let kept = numbers.iter().copied().filter(|number| *number != 131);
            assert_eq!(out, message(&to, kept), "{place}");
        }
    }
}

#[test]
fn a_third_bitmap_needs_a_second() {
    let dialect = |message: &str| {
        Dialect::parse(&format!(
            "name = \"mine\"\nextends = \"iso87-bcd\"\n[message]\n{message}\n"
        ))
    };
    let errors = dialect("secondary_bitmap = false\ntertiary_bitmap = \"contiguous\"").unwrap_err();
    assert_eq!(
        errors.iter().map(ToString::to_string).collect::<Vec<_>>(),
        ["a third bitmap is announced by the second, and secondary_bitmap is false"]
    );
    let contiguous = dialect("tertiary_bitmap = \"contiguous\"").unwrap();
    assert_eq!(contiguous.tertiary_bitmap(), TertiaryBitmap::Contiguous);
    assert_eq!(
        Dialect::builtin("iso87-bcd").unwrap().tertiary_bitmap(),
        TertiaryBitmap::None
    );
}

/// The tree shows a third bitmap where it stands: among the fields, or before them.
#[test]
fn a_third_bitmap_in_the_tree() {
    for (place, expected) in [
        ("field-65", ["1", "1", "2", "65", "66", "130"]),
        ("contiguous", ["1", "1", "65", "2", "66", "130"]),
    ] {
        let dialect = dialect(place, "binary", "bcd");
        let mut tree = String::new();
        explain::tree(
            &dialect,
            &message(&dialect, [2, 66, 130]),
            Unmask::No,
            &mut tree,
        )
        .unwrap();
        let numbers: Vec<&str> = tree
            .lines()
            .filter_map(|line| {
                line.split_once("..")?
                    .1
                    .split_whitespace()
                    .skip(1)
                    .find(|word| expected.contains(word))
            })
            .collect();
        assert_eq!(numbers, expected, "{tree}");
    }
}
