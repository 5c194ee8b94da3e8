//! The structure alone: what has a view has the same outline, and what has no outline has no view.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "test code: a wrong fixture must stop the test"
)]

mod common;

use common::{config, dialects, encode, message, spoil, spoiled};
use pointsman_iso8583::Dialect;
use pointsman_test_support::canonical;
use proptest::collection::vec;
use proptest::test_runner::TestRunner;

#[test]
fn it_agrees_with_the_view() {
    for dialect in dialects() {
        let mut runner = TestRunner::new(config(256));
        let inputs = (message(&dialect), vec(spoil(), 0..3));
        let outcome = runner.run(&inputs, |(values, spoils)| {
            let bytes = spoiled(&encode(&dialect, &values), &spoils);
            match (dialect.outline(&bytes), dialect.view(&bytes)) {
                (Ok(outline), Ok(view)) => {
                    assert_eq!(outline.mti(), view.mti());
                    assert_eq!(outline.header(), view.header());
                    assert_eq!(outline.fields(), view.fields());
                    for number in 0..=u8::MAX {
                        assert_eq!(outline.element_range(number), view.element_range(number));
                        assert_eq!(outline.wire(number), view.wire(number));
                    }
                    assert!(outline.check().is_ok());
                }
                (Ok(outline), Err(error)) => assert_eq!(outline.check().err(), Some(error)),
                (Err(error), Err(of_view)) => assert_eq!(error, of_view),
                (Err(error), Ok(_)) => panic!("a view without an outline: {error}"),
            }
            Ok(())
        });
        outcome.unwrap();
    }
}

#[test]
fn it_looks_at_lengths_and_not_at_contents() {
    let dialect = Dialect::builtin("iso87-ascii").unwrap();
    let outline = dialect
        .outline(b"02000020000000800000ABCDEF\x00ERM0001")
        .unwrap();
    assert_eq!(outline.wire(11), Some(&b"ABCDEF"[..]));
    assert_eq!(outline.wire(41), Some(&b"\x00ERM0001"[..]));
    assert_eq!(outline.check().err().map(|error| error.field), Some(11));
    for (bytes, field) in [
        (&b"02004000000000000000204"[..], 2),
        (b"0200400000000000000020411111111111111111111", 2),
        (b"02000020000000000000000042x", 11),
        (b"0200002000000000", 1),
    ] {
        let error = dialect.outline(bytes).unwrap_err();
        assert_eq!(error.field, field, "{error}");
    }
}

/// Card data does not show itself.
#[test]
fn its_debug_names_fields_only() {
    for dialect in dialects() {
        let bytes = canonical::PURCHASE.encode(&dialect).unwrap();
        let shown = format!("{:?}", dialect.outline(&bytes).unwrap());
        assert!(
            shown.contains("Outline") && !shown.contains("4111"),
            "{shown}"
        );
    }
}
