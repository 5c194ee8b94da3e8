//! The dialects of other editions and of networks: every law that the basic ones are held to, and what is known of them.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "test code: a wrong fixture must stop the test"
)]

mod common;

use std::sync::Arc;

use bytes::BytesMut;
use common::{
    Spoil, Values, agree, config, dialect, encode, message, spoil, spoiled, unhex, values_of,
};
use pointsman_iso8583::{Dialect, Reason, Stan, Transcoder};
use proptest::prelude::*;

fn inputs() -> impl Strategy<Value = (Arc<Dialect>, Values, Vec<Spoil>)> {
    let packs = Dialect::pack_names();
    (0..packs.len()).prop_flat_map(move |place| {
        let dialect = dialect(packs[place]);
        let messages = message(&dialect);
        let spoils = prop::collection::vec(spoil(), 1..3);
        (Just(dialect), messages, spoils)
    })
}

proptest! {
    #![proptest_config(config(512))]

    #[test]
    fn what_is_written_is_read_by_both_parsers((dialect, values, spoils) in inputs()) {
        let bytes = encode(&dialect, &values);
        agree(&dialect, &bytes);
        let read = values_of(&dialect.view(&bytes).unwrap());
        prop_assert_eq!((&read.fields, &read.header), (&values.fields, &values.header), "{}", dialect.name());
        prop_assert_eq!(encode(&dialect, &read), bytes.clone());
        agree(&dialect, &spoiled(&bytes, &spoils));
    }
}

/// Header, bitmap and fields 37, 39 and 41 of an answer as a Visa system sent it (apache/jmeter, issue 6371); the digits
/// of the other fields are made up.
#[test]
fn an_answer_of_a_visa_system() {
    let fields = [
        "104111111111111111", // 2: sixteen digits, said in binary
        "000000",
        "000000001000",
        "0803061839",
        "183988",
        "0840",                           // 19: n3, filled on the left
        "0000",                           // 23
        "00",                             // 25
        "0B000123456789",                 // 32: eleven digits, filled on the left
        "F4F2F2F1F0F6F1F8F3F9F8F8",       // 37
        "F1F9",                           // 39
        "E3C5D9D4C9C4F0F1",               // 41
        "C3C1D9C440C1C3C3C5D7E3D6D94040", // 42
        "02F5C1",                         // 44
        "0840",                           // 49
        "048A023139",                     // 55
        "038000A5",                       // 63
    ];
    let body = format!("0110722022810AD08202{}", fields.concat());
    let header = "160102000012345665432100000000000000000000 00".replace(' ', "");
    let mut bytes = unhex(&format!("{header}{body}"));
    let length = u16::try_from(bytes.len()).unwrap();
    bytes[3..5].copy_from_slice(&length.to_be_bytes());

    let dialect = dialect("visa-like");
    agree(&dialect, &bytes);
    let view = dialect.view(&bytes).unwrap();
    assert_eq!(
        view.fields().iter().collect::<Vec<_>>(),
        [
            2, 3, 4, 7, 11, 19, 23, 25, 32, 37, 39, 41, 42, 44, 49, 55, 63
        ]
    );
    for (number, text) in [
        (2, "4111111111111111"),
        (19, "840"),
        (32, "00123456789"),
        (37, "422106183988"),
        (39, "19"),
        (41, "TERMID01"),
        (42, "CARD ACCEPTOR  "),
        (49, "840"),
    ] {
        assert_eq!(
            view.to_text(number).as_deref(),
            Some(text),
            "field {number}"
        );
    }
    let reply = dialect.reply_header(view.header());
    assert_eq!(reply[5..11], unhex("654321123456"));
    assert_eq!(encode(&dialect, &values_of(&view)).to_vec(), bytes);
}

/// The trace number of 1987 fills the twelve digits of 2003, and is stamped there.
#[test]
fn a_trace_number_of_twelve_digits() {
    let (from, to) = (dialect("iso87-ascii"), dialect("iso2003-cmf"));
    let message = b"0800002000000080000000004200000001";
    let view = from.view(message).unwrap();
    let mut out = BytesMut::new();
    let written = Transcoder::new(&from, &to).lenient();
    let written = written
        .write(&view, view.mti(), &[], &[], &mut out)
        .unwrap();
    assert_eq!(
        to.view(&out).unwrap().to_text(11).as_deref(),
        Some("000000000042")
    );
    written
        .stan
        .unwrap()
        .stamp(&mut out, Stan::new(654_321).unwrap());
    let view = to.view(&out).unwrap();
    assert_eq!(view.to_text(11).as_deref(), Some("000000654321"));
    assert_eq!(view.stan(), Stan::new(654_321));
}

/// An amount of 2003 holds its currency and minor unit before the value.
#[test]
fn an_amount_of_2003() {
    let dialect = dialect("iso2003-cmf");
    let mut out = BytesMut::new();
    let mut builder = pointsman_iso8583::Builder::new(&dialect, &mut out, "2200".parse().unwrap());
    builder.text(4, "8402000000012345").unwrap();
    builder.finish().unwrap();
    assert_eq!(dialect.view(&out).unwrap().amount().unwrap().get(), 12_345);
}

#[test]
fn declines_of_other_editions() {
    let code = |name: &str, reason| dialect(name).response_code(reason).to_owned();
    assert_eq!(code("iso93-binary", Reason::Timeout), "911");
    assert_eq!(code("iso93-ascii", Reason::Duplicate), "913");
    assert_eq!(code("iso2003-cmf", Reason::FormatError), "9104");
    assert_eq!(code("visa-like", Reason::LinkDown), "91");
}
