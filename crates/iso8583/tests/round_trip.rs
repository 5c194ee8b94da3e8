//! The canonical messages in every dialect: decoded, read, built again, forwarded, transcoded.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "test code: a wrong fixture must stop the test"
)]

use std::sync::Arc;

use bytes::BytesMut;
use pointsman_iso8583::{Builder, Dialect, Edit, FieldSet, Mti, Stan, TextBuffer, Transcoder};
use pointsman_test_support::canonical::{self, Canonical};

fn dialects() -> impl Iterator<Item = Arc<Dialect>> {
    Dialect::builtin_names()
        .iter()
        .map(|name| Dialect::builtin(name).unwrap())
}

/// What a value reads as: the separator of a packed track is `D`.
fn as_read(dialect: &Dialect, number: u8, value: &str) -> String {
    let packed = dialect.field(number).unwrap().encoding == pointsman_iso8583::Encoding::Bcd;
    if packed && number == 35 {
        value.replace('=', "D")
    } else {
        value.to_owned()
    }
}

#[test]
fn every_message_reads_as_it_was_written() {
    for dialect in dialects() {
        for message in canonical::ALL {
            let Some(bytes) = message.encode(&dialect) else {
                continue;
            };
            let view = dialect.view(&bytes).unwrap();
            assert_eq!(view.mti().as_str(), message.mti);
            let numbers: FieldSet = message.fields.iter().map(|(number, _)| *number).collect();
            assert_eq!(view.fields(), numbers);
            let mut buffer = TextBuffer::new();
            let mut end = view.element_range(message.fields[0].0).unwrap().start;
            for (number, value) in message.fields {
                let range = view.element_range(*number).unwrap();
                assert_eq!(range.start, end, "elements follow each other");
                end = range.end;
                assert_eq!(
                    view.text(*number, &mut buffer),
                    Some(as_read(&dialect, *number, value).as_str())
                );
            }
            assert_eq!(end, bytes.len());
        }
    }
}

#[test]
fn typed_values_of_the_purchase() {
    for dialect in dialects() {
        let bytes = canonical::PURCHASE.encode(&dialect).unwrap();
        let view = dialect.view(&bytes).unwrap();
        assert_eq!(view.stan().unwrap().get(), 123);
        assert_eq!(view.amount().unwrap().get(), 12345);
        assert_eq!(view.pan().unwrap().expose(), "4111111111111111");
        assert_eq!(
            view.track2().unwrap().pan().unwrap().expose(),
            "4111111111111111"
        );
        assert_eq!(view.number(22), Some(51));
        assert_eq!(view.number(41), None, "not a number");
        assert_eq!(view.response_code(), None);
        assert!(!format!("{view:?}").contains("4111"));
        let bytes = canonical::APPROVAL.encode(&dialect).unwrap();
        assert_eq!(
            dialect
                .view(&bytes)
                .unwrap()
                .response_code()
                .unwrap()
                .as_str(),
            "00"
        );
    }
}

/// From every dialect to every other and back; the way back must give the same bytes.
#[test]
fn transcoding_there_and_back() {
    for from in dialects() {
        for to in dialects() {
            let there = Transcoder::new(&from, &to);
            let back = Transcoder::new(&to, &from);
            for message in canonical::ALL {
                let (Some(original), Some(expected)) = (message.encode(&from), message.encode(&to))
                else {
                    continue;
                };
                let view = from.view(&original).unwrap();
                let mut out = BytesMut::from(&b"before"[..]);
                let written = there
                    .write(&view, view.mti(), to.default_header(), &[], &mut out)
                    .unwrap();
                assert_eq!(written.message.start, 6);
                assert_eq!(
                    out[written.message.clone()],
                    expected,
                    "{} {} {}",
                    message.name,
                    from.name(),
                    to.name()
                );

                let other = to.view(&out[written.message]).unwrap();
                let mut again = BytesMut::new();
                back.write(&other, other.mti(), from.default_header(), &[], &mut again)
                    .unwrap();
                assert_eq!(again, original);
            }
        }
    }
}

#[test]
fn a_stan_is_stamped_and_restored() {
    for from in dialects() {
        for to in dialects() {
            let bytes = canonical::PURCHASE.encode(&from).unwrap();
            let view = from.view(&bytes).unwrap();
            let mut out = BytesMut::new();
            let written = Transcoder::new(&from, &to)
                .write(&view, view.mti(), to.default_header(), &[], &mut out)
                .unwrap();
            written.stan.unwrap().stamp(
                &mut out[written.message.clone()],
                Stan::new(987_654).unwrap(),
            );
            let sent = to.view(&out[written.message]).unwrap();
            assert_eq!(sent.stan(), Stan::new(987_654));
            assert_eq!(sent.to_text(12).as_deref(), Some("141500"));

            // The answer goes back with the terminal's own STAN and terminal, without the PAN.
            let mut answer = BytesMut::new();
            let edits = [
                Edit::Drop(2),
                Edit::Copy(11, &view),
                Edit::Copy(38, &view),
                Edit::Set(39, "00"),
                Edit::Copy(41, &view),
            ];
            let back = Transcoder::new(&to, &from).lenient();
            let written = back
                .write(
                    &sent,
                    Mti::literal(b"0210"),
                    from.default_header(),
                    &edits,
                    &mut answer,
                )
                .unwrap();
            assert!(written.dropped.is_empty());
            let reply = from.view(&answer[written.message]).unwrap();
            assert_eq!(reply.mti().as_str(), "0210");
            assert_eq!(reply.wire(11), view.wire(11));
            assert_eq!(reply.to_text(39).as_deref(), Some("00"));
            assert!(!reply.has(2) && !reply.has(38) && reply.has(41));
        }
    }
}

/// Bytes do not become text: strict says so, lenient leaves the field out.
#[test]
fn what_cannot_be_carried() {
    let from = Dialect::builtin("unionpay-pos").unwrap();
    let to = Dialect::builtin("iso87-ascii").unwrap();
    let transcoder = Transcoder::new(&from, &to);
    assert!(transcoder.not_carried().contains(63) && !transcoder.not_carried().contains(55));
    let mut out = BytesMut::new();
    let mut builder = Builder::new(&from, &mut out, Mti::literal(b"0800"));
    builder.number(11, 5).unwrap().text(63, "303120").unwrap();
    builder.finish().unwrap();
    let view = from.view(&out).unwrap();
    let mut written = BytesMut::new();
    let error = transcoder
        .write(&view, view.mti(), &[], &[], &mut written)
        .unwrap_err();
    assert_eq!((error.field(), written.len()), (63, 0));
    let done = transcoder
        .clone()
        .write(&view, view.mti(), &[], &[Edit::Drop(63)], &mut written)
        .unwrap();
    assert_eq!(done.dropped, FieldSet::EMPTY);
    let done = transcoder
        .lenient()
        .write(&view, view.mti(), &[], &[], &mut written)
        .unwrap();
    assert_eq!(done.dropped, FieldSet::of(&[63]));
    assert_eq!(
        to.view(&written[done.message]).unwrap().fields(),
        FieldSet::of(&[11])
    );
}

#[test]
fn a_message_is_built_in_order_or_not_at_all() {
    use pointsman_iso8583::EncodeErrorKind as Kind;
    let dialect = Dialect::builtin("iso87-ascii").unwrap();
    let mut out = BytesMut::from(&b"kept"[..]);
    let refused = |number: u8, value: &str| {
        let mut out = BytesMut::from(&b"kept"[..]);
        let mut builder = Builder::new(&dialect, &mut out, Mti::literal(b"0200"));
        builder.number(11, 1).unwrap();
        let error = builder.text(number, value).unwrap_err();
        assert_eq!(builder.finish(), Err(error));
        assert_eq!(&out[..], b"kept");
        (error.offset, error.kind)
    };
    assert_eq!(
        refused(4, "000000000001"),
        (0, Kind::OutOfOrder { after: 11 })
    );
    assert_eq!(refused(11, "000001"), (0, Kind::OutOfOrder { after: 11 }));
    assert_eq!(refused(65, "00"), (0, Kind::UndefinedField));
    assert_eq!(
        refused(12, "12345"),
        (
            0,
            Kind::LengthWrong {
                length: 5,
                expected: 6
            }
        )
    );
    assert_eq!(refused(12, "12345x"), (5, Kind::NotDigit('x')));
    assert_eq!(
        refused(32, "123456789012"),
        (
            0,
            Kind::LengthTooLong {
                length: 12,
                max: 11
            }
        )
    );
    assert_eq!(refused(28, "X00000000"), (0, Kind::NotSign('X')));
    assert_eq!(refused(35, "4111+"), (4, Kind::NotTrack('+')));
    assert_eq!(refused(43, &"é".repeat(40)), (0, Kind::NotText('é')));
    assert_eq!(
        refused(52, "00"),
        (
            0,
            Kind::LengthWrong {
                length: 2,
                expected: 16
            }
        )
    );
    assert_eq!(refused(55, "9F2"), (0, Kind::LengthOdd { length: 3 }));
    assert_eq!(refused(55, "9G"), (1, Kind::NotHex('G')));
    drop(Builder::new(&dialect, &mut out, Mti::literal(b"0200")));
    assert_eq!(
        &out[..],
        b"kept",
        "a builder that is dropped leaves nothing"
    );
    assert_eq!(
        Builder::with_header(&dialect, &mut out, b"x", Mti::literal(b"0200"))
            .err()
            .map(|error| error.kind),
        Some(Kind::LengthWrong {
            length: 1,
            expected: 0
        })
    );
}

/// A sign is a letter in every dialect, and so it stays.
#[test]
fn a_signed_amount_needs_its_sign() {
    use pointsman_iso8583::EncodeErrorKind as Kind;
    for dialect in dialects() {
        let build = |value: &str| {
            let mut out = BytesMut::new();
            let mut builder = Builder::new(&dialect, &mut out, Mti::literal(b"0200"));
            builder
                .text(28, value)
                .map(|_| ())
                .map_err(|error| (error.offset, error.kind))
        };
        assert_eq!(build("C00000001"), Ok(()));
        assert_eq!(build("D00000001"), Ok(()));
        assert_eq!(build("000000001"), Err((0, Kind::NotSign('0'))));
        assert_eq!(build("c00000001"), Err((0, Kind::NotSign('c'))));
        assert_eq!(build("CC0000001"), Err((1, Kind::NotDigit('C'))));
    }
}

/// A lenient transcoder that drops the only field above 64 leaves no room for a secondary bitmap behind.
#[test]
fn no_secondary_bitmap_without_its_fields() {
    let from = Dialect::builtin("iso87-ascii").unwrap();
    let to = Arc::new(
        Dialect::parse(
            "name = \"narrow\"\nextends = \"iso87-bcd\"\n[fields]\n102 = { type = \"ans..4\" }\n",
        )
        .unwrap(),
    );
    let mut out = BytesMut::new();
    let mut builder = Builder::new(&from, &mut out, Mti::literal(b"0200"));
    builder.number(11, 7).unwrap().text(102, "12345").unwrap();
    builder.finish().unwrap();
    let view = from.view(&out).unwrap();
    let mut written = BytesMut::new();
    let done = Transcoder::new(&from, &to)
        .lenient()
        .write(&view, view.mti(), &[], &[], &mut written)
        .unwrap();
    assert_eq!(done.dropped, FieldSet::of(&[102]));
    assert_eq!(
        &written[done.message],
        [0x02, 0x00, 0, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0x07]
    );
}

/// Code page 500 has characters that ASCII lacks: only the field that holds one is affected, wherever it stands.
#[test]
fn a_character_that_the_other_side_lacks() {
    let from = Dialect::builtin("iso87-ebcdic").unwrap();
    let to = Dialect::builtin("iso87-mixed").unwrap();
    let mut out = BytesMut::new();
    let mut builder = Builder::new(&from, &mut out, Mti::literal(b"0200"));
    let fields = [
        (3, "000000"),
        (11, "000042"),
        (41, "TERM0001"),
        (48, "caf\u{e9}"),
        (49, "978"),
        (60, "abc"),
        (63, "xyz"),
    ];
    for (number, value) in fields {
        builder.text(number, value).unwrap();
    }
    builder.finish().unwrap();
    let view = from.view(&out).unwrap();
    assert_eq!(view.to_text(48).as_deref(), Some("caf\u{e9}"));

    let mut written = BytesMut::new();
    let strict = Transcoder::new(&from, &to);
    let error = strict
        .write(&view, view.mti(), &[], &[], &mut written)
        .unwrap_err();
    assert_eq!(error.field(), 48);
    assert_eq!(
        error.to_string(),
        "field 48, character 3: 'é' is not a character of the field's class"
    );
    assert!(written.is_empty());
    let done = strict
        .lenient()
        .write(&view, view.mti(), &[], &[], &mut written)
        .unwrap();
    assert_eq!(done.dropped, FieldSet::of(&[48]));
    let carried = to.view(&written[done.message]).unwrap();
    for (number, value) in fields.into_iter().filter(|(number, _)| *number != 48) {
        assert_eq!(carried.to_text(number).as_deref(), Some(value));
    }
    assert_eq!(done.stan, carried.stan_slot());
}

/// A list of edits that is not in order, or names what no dialect has, is refused as a whole.
#[test]
fn edits_are_checked() {
    let dialect = Dialect::builtin("iso87-ascii").unwrap();
    let bytes = canonical::ECHO.encode(&dialect).unwrap();
    let view = dialect.view(&bytes).unwrap();
    let transcoder = Transcoder::new(&dialect, &dialect);
    let refused = |edits: &[Edit<'_>]| {
        let mut out = BytesMut::new();
        let error = transcoder
            .write(&view, view.mti(), &[], edits, &mut out)
            .unwrap_err();
        assert!(out.is_empty());
        error.to_string()
    };
    assert_eq!(
        refused(&[Edit::Set(12, "141500"), Edit::Drop(7)]),
        "field 7, character 0: fields come in ascending order, and 12 is there already"
    );
    assert_eq!(
        refused(&[Edit::Drop(7), Edit::Drop(7)]),
        "field 7, character 0: fields come in ascending order, and 7 is there already"
    );
    assert_eq!(
        refused(&[Edit::Set(200, "1")]),
        "field 200, character 0: the dialect does not define the field"
    );
    assert_eq!(
        refused(&[Edit::Set(65, "1")]),
        "field 65, character 0: the dialect does not define the field"
    );
    assert_eq!(
        refused(&[Edit::Set(12, "1415")]),
        "field 12, character 0: length 4 is not 6"
    );
    let other = Dialect::builtin("iso87-bcd").unwrap();
    let error =
        Transcoder::new(&other, &dialect).write(&view, view.mti(), &[], &[], &mut BytesMut::new());
    assert_eq!(
        error.unwrap_err().to_string(),
        "the message was read in another dialect than the one to be transcoded"
    );
}

/// The encodings of one value, byte by byte.
#[test]
fn bytes_on_the_wire() {
    let message = Canonical {
        name: "wire",
        mti: "0200",
        fields: &[
            (2, "41111"),
            (22, "051"),
            (35, "41=2"),
            (39, "A0"),
            (52, "0123456789abcdef"),
            (55, "9f"),
        ],
    };
    let expect = |name: &str, hex: &str| {
        let dialect = Dialect::builtin(name).unwrap();
        let bytes = message.encode(&dialect).unwrap();
        assert_eq!(
            bytes
                .iter()
                .map(|byte| format!("{byte:02X}"))
                .collect::<String>(),
            hex,
            "{name}"
        );
    };
    let ascii = |text: &str| {
        text.bytes()
            .map(|byte| format!("{byte:02X}"))
            .collect::<String>()
    };
    expect(
        "iso87-ascii",
        &ascii("0200400004002200120005411110510441=2A00123456789ABCDEF0029F"),
    );
    expect(
        "iso87-mixed",
        &(ascii("0200")
            + "4000040022001200"
            + &ascii("05411110510441=2A0")
            + "0123456789ABCDEF"
            + &ascii("001")
            + "9F"),
    );
    expect(
        "iso87-bcd",
        "0200400004002200120005041111005104 41D24130 0123456789ABCDEF00019F"
            .replace(' ', "")
            .as_str(),
    );
    expect(
        "iso87-ebcdic",
        "F0F2F0F04000040022001200F0F5F4F1F1F1F1F0F5F1F0F4F4F17EF2C1F00123456789ABCDEFF0F0F19F",
    );
    expect(
        "unionpay-pos",
        "6000030000603100310100020040000400220012000541111005100441D241300123456789ABCDEF00019F",
    );
}
