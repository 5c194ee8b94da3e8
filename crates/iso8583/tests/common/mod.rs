//! What the tests of the codec share: a canonical purchase, random messages, and the comparison with the reference.
#![allow(dead_code, unused_imports, reason = "each test file uses some of it")]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "test code: a wrong fixture must stop the test"
)]

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::BytesMut;
use pointsman_iso8583::{
    Builder, Content, Dialect, Encoding, Field, HeaderKind, Length, Mti, PadSide, View, json,
};
pub(crate) use pointsman_test_support::agree::agree;
use proptest::prelude::*;
use proptest::sample;

pub(crate) mod random;

/// Writes a JSON line at the end of `out`. False if it has a star where only the mask puts one, which is refused.
pub(crate) fn encode_json(dialect: &Dialect, line: &str, out: &mut BytesMut) -> bool {
    match json::encode_line(dialect, line, out) {
        Ok(()) => true,
        Err(error) if error.kind == json::JsonErrorKind::Masked => {
            let text = serde_json::from_str::<serde_json::Value>(line).unwrap();
            let value = text["fields"][error.field.to_string()].as_str().unwrap();
            assert_eq!(value.chars().nth(error.offset), Some('*'));
            false
        }
        Err(error) => panic!("{}: {error}", dialect.name()),
    }
}

/// A message as values: header, MTI and fields.
#[derive(Clone, Debug)]
pub(crate) struct Values {
    pub(crate) header: Vec<u8>,
    pub(crate) mti: Mti,
    pub(crate) fields: BTreeMap<u8, String>,
}

pub(crate) fn dialects() -> Vec<Arc<Dialect>> {
    Dialect::builtin_names()
        .iter()
        .map(|name| dialect(name))
        .collect()
}

pub(crate) fn dialect(name: &str) -> Arc<Dialect> {
    Dialect::builtin(name).unwrap()
}

/// A modest count of cases unless `PROPTEST_CASES` asks for more; a failure prints its smallest input.
pub(crate) fn config(cases: u32) -> ProptestConfig {
    let asked = std::env::var("PROPTEST_CASES")
        .ok()
        .and_then(|text| text.parse().ok());
    ProptestConfig {
        cases: asked.unwrap_or(cases),
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

pub(crate) const PAN: &str = "4111111111111111";

/// EMV data of a chip purchase: 151 bytes, card number and track 2 among them.
pub(crate) const ICC: &str = "9F2608A1B2C3D4E5F607189F2701809F10120110A00003220000000000000000000000FF\
    9F3704112233449F36020042950500800080009A032407319C01009F02060000000010005F2A02084082023C009F1A020840\
    9F03060000000000009F3303E0F8C89F34034103025A0841111111111111115F3401018407A0000000031010\
    57134111111111111111D29122010000012345000F";

/// The purchase that the benchmarks read too: every kind of field that a POS terminal sends.
pub(crate) fn purchase(dialect: &Dialect) -> Values {
    let packed = dialect.field(35).unwrap().encoding == Encoding::Bcd;
    let separator = if packed { 'D' } else { '=' };
    let fields = [
        (2, PAN.to_owned()),
        (3, "000000".to_owned()),
        (4, "000000001000".to_owned()),
        (7, "0731123456".to_owned()),
        (11, "000042".to_owned()),
        (12, "143456".to_owned()),
        (13, "0731".to_owned()),
        (14, "2912".to_owned()),
        (18, "5411".to_owned()),
        (22, "051".to_owned()),
        (25, "00".to_owned()),
        (35, format!("{PAN}{separator}29122010000012345")),
        (37, "421312000042".to_owned()),
        (41, "TERM0001".to_owned()),
        (42, "MERCHANT0000001".to_owned()),
        (49, "840".to_owned()),
        (52, "0123456789ABCDEF".to_owned()),
        (55, ICC.to_owned()),
    ];
    Values {
        header: dialect.default_header().to_vec(),
        mti: "0200".parse().unwrap(),
        fields: fields.into(),
    }
}

pub(crate) fn encode(dialect: &Dialect, values: &Values) -> BytesMut {
    let mut out = BytesMut::new();
    let mut builder = Builder::with_header(dialect, &mut out, &values.header, values.mti).unwrap();
    for (number, value) in &values.fields {
        builder
            .text(*number, value)
            .unwrap_or_else(|error| panic!("{} field {number}: {error}", dialect.name()));
    }
    let range = builder.finish().unwrap();
    assert_eq!(range, 0..out.len());
    out
}

pub(crate) fn values_of(view: &View<'_>) -> Values {
    let text = |number| (number, view.to_text(number).unwrap());
    Values {
        header: without_length(view.dialect().header_kind(), view.header().to_vec()),
        mti: view.mti(),
        fields: view.fields().iter().map(text).collect(),
    }
}

/// Messages with any header, MTI and fields that the dialect allows.
pub(crate) fn message(dialect: &Arc<Dialect>) -> BoxedStrategy<Values> {
    let defined: Vec<u8> = dialect.fields().map(|field| field.number).collect();
    let header = headers(&dialect.clone());
    let dialect = Arc::clone(dialect);
    let count = defined.len();
    let some = sample::subsequence(defined.clone(), 0..=count.min(12));
    let many = sample::subsequence(defined, 0..=count.min(60));
    prop_oneof![4 => some, 1 => many]
        .prop_flat_map(move |numbers| {
            let values: Vec<_> = numbers
                .into_iter()
                .map(|number| (Just(number), value(dialect.field(number).unwrap())))
                .collect();
            (header.clone(), "[0-9]{4}", values)
        })
        .prop_map(|(header, mti, fields)| Values {
            header,
            mti: mti.parse().unwrap(),
            fields: fields.into_iter().collect(),
        })
        .boxed()
}

/// Headers that a message of the dialect may have.
fn headers(dialect: &Dialect) -> BoxedStrategy<Vec<u8>> {
    match dialect.header_kind() {
        HeaderKind::Fixed | HeaderKind::Tpdu => {
            prop::collection::vec(any::<u8>(), dialect.header_length()).boxed()
        }
        HeaderKind::Base24 => "ISO[0-9]{9}".prop_map(String::into_bytes).boxed(),
        HeaderKind::Visa => prop::collection::vec(any::<u8>(), 22..=32)
            .prop_map(|mut header| {
                header[0] = u8::try_from(header.len()).unwrap();
                header[1] &= 0x7F;
                without_length(HeaderKind::Visa, header)
            })
            .boxed(),
    }
}

/// A BASE I header says the message's length, which is written with the message.
fn without_length(kind: HeaderKind, mut header: Vec<u8>) -> Vec<u8> {
    if kind == HeaderKind::Visa {
        header[3..5].fill(0);
    }
    header
}

/// A value that the field can hold.
pub(crate) fn value(field: &Field) -> BoxedStrategy<String> {
    let length = match field.length {
        Length::Fixed(length) => Just(usize::from(length)).boxed(),
        Length::Variable { max, .. } => {
            // With the others it must still make a message of at most 65,535 bytes.
            let max = usize::from(max).min(9_999);
            prop_oneof![8 => 0..=max.min(30), 1 => 0..=max, 1 => Just(max)].boxed()
        }
    };
    let variable_hex =
        field.encoding == Encoding::HexText && matches!(field.length, Length::Variable { .. });
    let content = field.content;
    let alphabet = alphabet(field);
    let even = field.needs_even_digits();
    let whole = field.clone();
    length
        .prop_flat_map(move |length| {
            let length = if even { length / 2 * 2 } else { length };
            let characters =
                |count: usize| prop::collection::vec(sample::select(alphabet.clone()), count);
            match content {
                // On the wire, hex text counts characters when it is variable; else b fields count bytes.
                Content::B if variable_hex => characters(length / 2 * 2)
                    .prop_map(String::from_iter)
                    .boxed(),
                Content::B => characters(length * 2).prop_map(String::from_iter).boxed(),
                Content::SignedN => ("[CD]", characters(length - 1))
                    .prop_map(|(sign, digits)| sign + &String::from_iter(digits))
                    .boxed(),
                _ => characters(length).prop_map(String::from_iter).boxed(),
            }
        })
        .prop_map(move |text| stripped(&whole, &text))
        .boxed()
}

/// The value as it is read: without what a shorter one would be filled with.
pub(crate) fn stripped(field: &Field, text: &str) -> String {
    let Some(fill) = field.fill.filter(|fill| fill.strip) else {
        return text.to_owned();
    };
    let with = char::from(fill.with);
    let mut rest = match fill.side {
        PadSide::Left => text.trim_start_matches(with),
        PadSide::Right => text.trim_end_matches(with),
    };
    if rest.is_empty() && with == '0' && fill.side == PadSide::Left && !text.is_empty() {
        rest = "0";
    }
    rest.to_owned()
}

/// The value as it is written: filled up to the length of its field.
pub(crate) fn filled(field: &Field, text: &str) -> String {
    let (Length::Fixed(length), Some(fill)) = (field.length, field.fill) else {
        return text.to_owned();
    };
    let missing = usize::from(length).saturating_sub(text.chars().count());
    let fill_text = char::from(fill.with).to_string().repeat(missing);
    match fill.side {
        PadSide::Left => fill_text + text,
        PadSide::Right => text.to_owned() + &fill_text,
    }
}

fn alphabet(field: &Field) -> Vec<char> {
    let latin1 = |codes: std::ops::RangeInclusive<u8>| codes.map(char::from);
    match (field.content, field.encoding) {
        (Content::N | Content::SignedN, _) => ('0'..='9').collect(),
        (Content::Z, Encoding::Bcd) => ('0'..='9').chain(['D']).collect(),
        (Content::Z, _) => ('0'..='9').chain(['D', '=']).collect(),
        (Content::A, _) => ('a'..='z').chain('A'..='Z').chain([' ']).collect(),
        (Content::An, _) => ('a'..='z')
            .chain('A'..='Z')
            .chain('0'..='9')
            .chain([' '])
            .collect(),
        (Content::Ans | Content::Ns, Encoding::Ebcdic(_)) => {
            latin1(0x20..=0x7E).chain(latin1(0xA0..=0xFF)).collect()
        }
        (Content::Ans | Content::Ns, _) => latin1(0x20..=0x7E).collect(),
        (Content::B, _) => ('0'..='9').chain('A'..='F').collect(),
        (content, _) => panic!("what does {content:?} allow?"),
    }
}

/// One thing spoiled in a message.
#[derive(Clone, Debug)]
pub(crate) enum Spoil {
    Cut(sample::Index),
    Set(sample::Index, u8),
    Insert(sample::Index, u8),
    Remove(sample::Index),
    Append(Vec<u8>),
}

pub(crate) fn spoil() -> impl Strategy<Value = Spoil> {
    prop_oneof![
        any::<sample::Index>().prop_map(Spoil::Cut),
        (any::<sample::Index>(), any::<u8>()).prop_map(|(at, byte)| Spoil::Set(at, byte)),
        (any::<sample::Index>(), any::<u8>()).prop_map(|(at, byte)| Spoil::Insert(at, byte)),
        any::<sample::Index>().prop_map(Spoil::Remove),
        prop::collection::vec(any::<u8>(), 1..4).prop_map(Spoil::Append),
    ]
}

pub(crate) fn spoiled(bytes: &[u8], spoils: &[Spoil]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for spoil in spoils {
        match spoil {
            _ if bytes.is_empty() => {}
            Spoil::Cut(at) => bytes.truncate(at.index(bytes.len())),
            Spoil::Set(at, byte) => {
                let at = at.index(bytes.len());
                bytes[at] = *byte;
            }
            Spoil::Insert(at, byte) => bytes.insert(at.index(bytes.len() + 1), *byte),
            Spoil::Remove(at) => drop(bytes.remove(at.index(bytes.len()))),
            Spoil::Append(more) => bytes.extend(more),
        }
    }
    bytes
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02X}")).collect()
}

pub(crate) fn unhex(text: &str) -> Vec<u8> {
    assert!(text.len().is_multiple_of(2), "{text}");
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap())
        .collect()
}
