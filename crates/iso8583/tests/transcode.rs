//! From every dialect to every other: what both can hold gets across, and only that.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "test code: a wrong fixture must stop the test"
)]

mod common;

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::BytesMut;
use common::{
    Values, config, dialect, dialects, encode, filled, message, random, stripped, values_of,
};
use pointsman_iso8583::{Content, Dialect, Encoding, Field, FieldSet, Length, Stan, Transcoder};
use proptest::prelude::*;
use proptest::test_runner::{TestCaseError, TestRunner};

/// The value as the other field reads it, if it can hold it.
fn carried(from: &Field, to: &Field, text: &str) -> Option<String> {
    let packed = |field: &Field| field.encoding == Encoding::Bcd;
    let text = match (from.content, packed(from), packed(to)) {
        (Content::Z, true, false) => text.replace('D', "="),
        (Content::Z, false, true) => text.replace('=', "D"),
        _ => text.to_owned(),
    };
    // What a value was filled with comes off where it would not just fill the other field.
    let is_fixed = |field: &Field| matches!(field.length, Length::Fixed(_));
    let mut text = filled(from, &text);
    if from.length != to.length {
        text = filled(to, &stripped(from, &text));
    }
    if is_fixed(from) && is_fixed(to) && from.length != to.length && to.fill.is_none() {
        return None;
    }
    let characters = text.chars().count();
    let bytes = characters / 2;
    let is_binary = from.content == Content::B;
    let fits = match to.length {
        _ if is_binary != (to.content == Content::B) => false,
        // A fixed field is another thing than one of another fixed length, even if a value of it would fit.
        Length::Fixed(length) if is_binary => bytes == usize::from(length),
        Length::Fixed(length) => characters == usize::from(length),
        Length::Variable { max, .. } if is_binary && to.encoding == Encoding::Raw => {
            bytes <= usize::from(max)
        }
        Length::Variable { max, .. } => characters <= usize::from(max),
    };
    let allowed = |character: char| match to.content {
        Content::N => character.is_ascii_digit(),
        Content::B => true,
        Content::SignedN => character.is_ascii_digit(),
        Content::Z => character.is_ascii_digit() || "D=".contains(character),
        Content::A => character.is_ascii_alphabetic() || character == ' ',
        Content::An => character.is_ascii_alphanumeric() || character == ' ',
        Content::Ans | Content::Ns if matches!(to.encoding, Encoding::Ebcdic(_)) => true,
        Content::Ans | Content::Ns => (' '..='~').contains(&character),
        content => panic!("what does {content:?} allow?"),
    };
    let unsigned = match to.content {
        Content::SignedN => text.strip_prefix(['C', 'D'])?,
        _ => text.as_str(),
    };
    let even = !to.needs_even_digits() || characters.is_multiple_of(2);
    (fits && even && unsigned.chars().all(allowed)).then(|| stripped(to, &text))
}

/// The fields that are not the same, as they are and as they should be.
fn differences(
    found: &BTreeMap<u8, String>,
    expected: &BTreeMap<u8, String>,
) -> Vec<(u8, Option<String>, Option<String>)> {
    let numbers = 2..=FieldSet::NUMBER_MAX;
    numbers
        .map(|number| {
            (
                number,
                found.get(&number).cloned(),
                expected.get(&number).cloned(),
            )
        })
        .filter(|(_, found, expected)| found != expected)
        .collect()
}

/// The fields that were dropped and should not have been, or the other way round: both definitions and the value.
fn differing<'d>(
    from: &'d Dialect,
    to: &'d Dialect,
    values: &'d Values,
    dropped: FieldSet,
    expected: &[u8],
) -> Vec<(Option<&'d Field>, Option<&'d Field>, &'d String)> {
    values
        .fields
        .iter()
        .filter(|(number, _)| dropped.contains(**number) != expected.contains(number))
        .map(|(number, text)| (from.field(*number), to.field(*number), text))
        .collect()
}

/// One message of one dialect, in the other.
fn check(from: &Arc<Dialect>, to: &Arc<Dialect>, values: &Values) {
    let strict = Transcoder::new(from, to);
    let lenient = Transcoder::new(from, to).lenient();
    let pair = format!("{} to {}", from.name(), to.name());
    let original = encode(from, values);
    let view = from.view(&original).unwrap();
    let mut expected = BTreeMap::new();
    let mut dropped = Vec::new();
    for (number, text) in &values.fields {
        let source = from.field(*number).unwrap();
        match to
            .field(*number)
            .and_then(|target| carried(source, target, text))
        {
            Some(text) => drop(expected.insert(*number, text)),
            None => dropped.push(*number),
        }
    }

    let mut out = BytesMut::from(&b"before"[..]);
    let written = lenient
        .write(&view, values.mti, to.default_header(), &[], &mut out)
        .unwrap();
    assert_eq!(
        written.dropped.iter().collect::<Vec<_>>(),
        dropped,
        "{pair}: {:?}",
        differing(from, to, values, written.dropped, &dropped)
    );
    assert_eq!(written.message, 6..out.len());
    let bytes = out.split_off(6);
    assert_eq!(out, "before");
    let read = values_of(&to.view(&bytes).unwrap());
    assert_eq!(differences(&read.fields, &expected), [], "{pair}");
    assert_eq!(
        (read.mti, read.header.as_slice()),
        (values.mti, to.default_header())
    );

    let mut again = BytesMut::new();
    match strict.write(&view, values.mti, to.default_header(), &[], &mut again) {
        Ok(_) => assert_eq!((again, dropped.is_empty()), (bytes.clone(), true), "{pair}"),
        Err(error) => assert_eq!((error.field(), again.len()), (dropped[0], 0), "{pair}"),
    }

    let mut stamped = bytes.to_vec();
    if let Some(slot) = &written.stan {
        slot.stamp(&mut stamped, Stan::new(654_321).unwrap());
        let stan = to.field(11).map(|field| match field.length {
            // ISO 8583:2003 has twelve digits.
            Length::Fixed(12) => stripped(field, "000000654321"),
            _ => stripped(field, "654321"),
        });
        expected.insert(11, stan.unwrap());
    }
    let is_a_stan = |field: &Field| {
        let length = matches!(field.length, Length::Fixed(6 | 12));
        field.content == Content::N && length
    };
    let stan_expected = expected.contains_key(&11) && to.field(11).is_some_and(is_a_stan);
    assert_eq!(written.stan.is_some(), stan_expected, "{pair}");
    let read = values_of(&to.view(&stamped).unwrap());
    assert_eq!(differences(&read.fields, &expected), [], "{pair}");
}

#[test]
fn random_messages_between_every_pair_of_dialects() {
    for from in dialects() {
        for to in dialects() {
            let mut runner = TestRunner::new(config(16));
            let outcome = runner.run(&message(&from), |values| {
                check(&from, &to, &values);
                Ok(())
            });
            if let Err(error) = outcome {
                panic!("{} to {}: {error}", from.name(), to.name());
            }
        }
    }
}

/// Between tables that differ in everything.
#[test]
fn random_messages_between_random_dialects() {
    let pairs = (random::dialect(24, 80, 140), random::dialect(24, 80, 140));
    let inputs = pairs.prop_flat_map(|(from, to)| (message(&from), Just(from), Just(to)));
    let mut runner = TestRunner::new(config(512));
    let outcome = runner.run(&inputs, |(values, from, to)| {
        let text = format!("{}{}", from.to_toml(), to.to_toml());
        std::panic::catch_unwind(|| check(&from, &to, &values))
            .map_err(|_| TestCaseError::fail(text))
    });
    if let Err(error) = outcome {
        panic!("{error}");
    }
}

/// What was announced above field 64 turns out not to fit: the secondary bitmap goes, and all behind it moves.
#[test]
fn a_secondary_bitmap_that_is_not_needed_after_all() {
    let from = dialect("iso87-ebcdic");
    for to in dialects() {
        for above in [
            vec![],
            vec![(70, "301")],
            vec![(120, "é")],
            vec![(70, "301"), (120, "é")],
        ] {
            let fields = [(11, "000042"), (44, "ß"), (49, "978")]
                .into_iter()
                .chain(above);
            let values = Values {
                header: Vec::new(),
                mti: "0800".parse().unwrap(),
                fields: fields
                    .map(|(number, text)| (number, text.to_owned()))
                    .collect(),
            };
            check(&from, &to, &values);
        }
    }
}
