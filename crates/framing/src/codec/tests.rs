//! Byte goldens, every way to cut a stream, and what is refused.

use super::*;

use proptest::prelude::*;

fn codec(kind: Kind) -> FrameCodec {
    FrameCodec::new(Framing::new(kind))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02X}")).collect()
}

fn decode_all(mut codec: FrameCodec, bytes: &[u8]) -> Result<Vec<Received>, FrameError> {
    let mut buffer = BytesMut::from(bytes);
    let mut received = Vec::new();
    while let Some(item) = codec.decode_eof(&mut buffer)? {
        received.push(item);
    }
    Ok(received)
}

fn message(body: &[u8]) -> Received {
    Received::Frame(Frame {
        tpdu: None,
        body: Bytes::copy_from_slice(body),
    })
}

/// The bytes that each framing writes, and that it reads back.
#[test]
fn goldens() {
    let body = b"0800\x82\x20";
    for (kind, plain, with_tpdu) in [
        (
            Kind::Binary2,
            "0006303830308220",
            "000B6000030000303830308220",
        ),
        (
            Kind::Binary2Inclusive,
            "0008303830308220",
            "000D6000030000303830308220",
        ),
        (
            Kind::Binary4,
            "00000006303830308220",
            "0000000B6000030000303830308220",
        ),
        (
            Kind::Ascii4,
            "30303036303830308220",
            "303031316000030000303830308220",
        ),
        (Kind::Bcd2, "0006303830308220", "00116000030000303830308220"),
    ] {
        for (tpdu, expected) in [(None, plain), (Some(Tpdu::DEFAULT), with_tpdu)] {
            let codec = FrameCodec::new(Framing::new(kind).with_tpdu(tpdu.is_some()));
            let mut out = BytesMut::new();
            codec.write(None, body, &mut out).unwrap();
            assert_eq!(hex(&out), expected, "{kind}");
            let frame = Frame {
                tpdu,
                body: Bytes::from_static(body),
            };
            assert_eq!(
                decode_all(codec, &out).unwrap(),
                [Received::Frame(frame)],
                "{kind}"
            );
        }
    }
}

/// Lengths whose digits or bytes differ from each other in every place.
#[test]
fn long_lengths() {
    for (kind, length, prefix) in [
        (Kind::Binary2, 0xFFFF, "FFFF"),
        (Kind::Binary2Inclusive, 0xFFFD, "FFFF"),
        (Kind::Binary2Inclusive, 0x1232, "1234"),
        (Kind::Binary4, 0x01_0203, "00010203"),
        (Kind::Ascii4, 9_876, "39383736"),
        (Kind::Bcd2, 9_876, "9876"),
    ] {
        let codec = FrameCodec::new(Framing::new(kind).with_frame_bytes_max(1 << 20));
        let body = vec![0x5A; length];
        let mut out = BytesMut::new();
        codec.write(None, &body, &mut out).unwrap();
        assert_eq!(hex(&out[..kind.prefix_bytes()]), prefix, "{kind}");
        assert_eq!(decode_all(codec, &out).unwrap(), [message(&body)], "{kind}");
    }
}

#[test]
fn a_reply_carries_the_tpdu_swapped() {
    let codec = FrameCodec::new(Framing::new(Kind::Binary2).with_tpdu(true));
    let request = b"\x00\x07\x60\x05\x25\x00\x00\x08\x00";
    let [Received::Frame(frame)] = &decode_all(codec, request).unwrap()[..] else {
        panic!("one frame")
    };
    let mut out = BytesMut::new();
    codec
        .write_reply(frame.tpdu, b"\x08\x10", &mut out)
        .unwrap();
    assert_eq!(hex(&out), "000760000005250810");
}

#[test]
fn open_and_close_write_around_what_is_there() {
    let codec = codec(Kind::Ascii4);
    let mut out = BytesMut::from(&b"before"[..]);
    let frame = codec.open(None, &mut out);
    out.extend_from_slice(b"message");
    codec.close(frame, &mut out).unwrap();
    assert_eq!(&out[..], b"before0007message");
}

#[test]
fn a_frame_that_is_too_long_to_write_leaves_nothing_behind() {
    // The limit of what is read does not matter.
    for (kind, tpdu, configured, max) in [
        (Kind::Bcd2, false, 20_000, 9_999),
        (Kind::Ascii4, true, 10, 9_999),
        (Kind::Binary2, true, 10, 65_535),
        (Kind::Binary2Inclusive, false, 10, 65_533),
    ] {
        let framing = Framing::new(kind).with_frame_bytes_max(configured);
        let codec = FrameCodec::new(framing.with_tpdu(tpdu));
        let longest = codec.framing().message_bytes_max();
        assert_eq!(longest, if tpdu { max - 5 } else { max });
        let mut out = BytesMut::from(&b"kept"[..]);
        let error = codec
            .write(None, &vec![0; longest + 1], &mut out)
            .unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("frame of {} bytes: at most {max} are accepted", max + 1)
        );
        assert_eq!(&out[..], b"kept");
        codec.write(None, &vec![0; longest], &mut out).unwrap();
    }
}

#[test]
fn a_length_above_the_limit_is_refused_before_anything_is_kept() {
    for (kind, prefix, announced) in [
        (Kind::Binary2, &b"\xFF\xFF"[..], 0xFFFF),
        (Kind::Binary2Inclusive, b"\xFF\xFF", 0xFFFD),
        (Kind::Binary4, b"\xFF\xFF\xFF\xFF", 0xFFFF_FFFF_usize),
        (Kind::Ascii4, b"9999", 9_999),
        (Kind::Bcd2, b"\x99\x99", 9_999),
    ] {
        let mut buffer = BytesMut::from(prefix);
        let capacity = buffer.capacity();
        let error = codec(kind).decode(&mut buffer).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("frame of {announced} bytes: at most 8192 are accepted")
        );
        assert_eq!(buffer.capacity(), capacity);
    }
}

#[test]
fn a_length_within_the_limit_reserves_nothing() {
    let mut buffer = BytesMut::from(&b"\x1F\xFFx"[..]);
    let capacity = buffer.capacity();
    assert_eq!(codec(Kind::Binary2).decode(&mut buffer).unwrap(), None);
    assert_eq!(buffer.capacity(), capacity);
}

#[test]
fn bad_lengths_say_what_was_expected_and_found() {
    for (framing, bytes, expected) in [
        (
            Framing::new(Kind::Ascii4),
            &b"\x00\x7B08"[..],
            "ascii-4 length prefix: expected 4 ASCII digits, found 0x00 at byte 0 of the prefix",
        ),
        (
            Framing::new(Kind::Bcd2),
            b"\x0A\x00",
            "bcd-2 length prefix: expected 4 BCD digits, found 0x0A at byte 0 of the prefix",
        ),
        (
            Framing::new(Kind::Bcd2),
            b"\x00\xA0",
            "bcd-2 length prefix: expected 4 BCD digits, found 0xA0 at byte 1 of the prefix",
        ),
        (
            Framing::new(Kind::Binary2Inclusive),
            b"\x00\x01",
            "binary-2-inclusive length prefix: expected at least 2, because it counts itself, found 1",
        ),
        (
            Framing::new(Kind::Binary2).with_tpdu(true),
            b"\x00\x04",
            "frame of 4 bytes: expected a TPDU of 5 bytes first",
        ),
        (
            Framing::new(Kind::Binary2).with_keep_alive(KeepAlive::Error),
            b"\x00\x00",
            "zero-length frame: this peer should not send keep-alives",
        ),
    ] {
        assert_eq!(
            decode_all(FrameCodec::new(framing), bytes)
                .unwrap_err()
                .to_string(),
            expected
        );
    }
}

/// A stream that has lost its step may show half a PIN block where a length should be.
#[test]
fn a_bad_length_tells_one_byte_and_none_of_its_neighbours() {
    for (kind, bytes) in [
        (Kind::Ascii4, &b"\x31\x23\xAB\xCD"[..]),
        (Kind::Bcd2, b"\x23\xAB"),
    ] {
        let error = codec(kind).scan(bytes).unwrap_err();
        let FrameError::LengthNotDigits {
            found, position, ..
        } = error
        else {
            panic!("{error:?}");
        };
        assert_eq!((found, position), (bytes[1], 1), "{kind}");
        let told = error.to_string();
        assert!(
            told.ends_with(&format!("found 0x{found:02X} at byte 1 of the prefix")),
            "{told}"
        );
    }
}

/// A frame that is only a TPDU has an empty message: that is for the reader of messages to refuse.
#[test]
fn a_bare_tpdu_is_an_empty_message() {
    let codec = FrameCodec::new(Framing::new(Kind::Binary2).with_tpdu(true));
    let frame = Frame {
        tpdu: Some(Tpdu::DEFAULT),
        body: Bytes::new(),
    };
    assert_eq!(
        decode_all(codec, b"\x00\x05\x60\x00\x03\x00\x00").unwrap(),
        [Received::Frame(frame)]
    );
}

#[test]
fn keep_alives_are_skipped_or_handed_over_to_be_echoed() {
    for (kind, polls) in [
        (Kind::Binary2, &[&b"\x00\x00"[..]][..]),
        (Kind::Binary2Inclusive, &[b"\x00\x02", b"\x00\x00"]),
        (Kind::Binary4, &[b"\x00\x00\x00\x00"]),
        (Kind::Ascii4, &[b"0000"]),
        (Kind::Bcd2, &[b"\x00\x00"]),
    ] {
        let mut own = BytesMut::new();
        codec(kind).keep_alive(&mut own);
        assert_eq!(own, polls[0], "{kind}");
        for poll in polls {
            let mut bytes = BytesMut::from(*poll);
            codec(kind).write(None, b"x", &mut bytes).unwrap();
            bytes.extend_from_slice(poll);
            assert_eq!(
                decode_all(codec(kind), &bytes).unwrap(),
                [message(b"x")],
                "{kind}"
            );

            let echoing = FrameCodec::new(Framing::new(kind).with_keep_alive(KeepAlive::Echo));
            let echo = Received::KeepAlive(Bytes::copy_from_slice(poll));
            let received = decode_all(echoing, &bytes).unwrap();
            assert_eq!(received, [echo.clone(), message(b"x"), echo], "{kind}");
            let mut out = BytesMut::new();
            received
                .into_iter()
                .for_each(|item| echoing.clone().encode(item, &mut out).unwrap());
            assert_eq!(out, bytes, "{kind}");
        }
    }
}

#[test]
fn the_end_of_the_stream_inside_a_frame_is_an_error() {
    for kind in Kind::ALL {
        let mut out = BytesMut::new();
        codec(kind).write(None, b"0123456789", &mut out).unwrap();
        for available in 1..out.len() {
            let needed = if available < kind.prefix_bytes() {
                kind.prefix_bytes()
            } else {
                out.len()
            };
            assert_eq!(
                decode_all(codec(kind), &out[..available])
                    .unwrap_err()
                    .to_string(),
                format!(
                    "end of stream inside a frame: {available} bytes there, at least {needed} expected"
                ),
            );
        }
        assert_eq!(
            decode_all(codec(kind), b"").unwrap(),
            [],
            "the end between frames is none"
        );
    }
}

#[test]
fn debug_shows_no_message() {
    let frame = Frame {
        tpdu: Some(Tpdu::DEFAULT),
        body: Bytes::from_static(b"4111111111111111"),
    };
    assert_eq!(
        format!("{frame:?}"),
        "Frame { tpdu: Some(Tpdu(6000030000)), body_bytes: 16 }"
    );
}

fn framings() -> impl Strategy<Value = Framing> {
    (0..Kind::ALL.len(), any::<bool>())
        .prop_map(|(kind, tpdu)| Framing::new(Kind::ALL[kind]).with_tpdu(tpdu))
}

fn frames() -> impl Strategy<Value = Vec<(Tpdu, Vec<u8>)>> {
    let body = prop_oneof![
        4 => prop::collection::vec(any::<u8>(), 1..40),
        1 => prop::collection::vec(any::<u8>(), 1..700),
    ];
    prop::collection::vec((any::<[u8; 5]>().prop_map(Tpdu::new), body), 1..8)
}

proptest! {
    /// However the network cuts the stream, the same frames come out: once at every single split point, then in
    /// segments of any sizes, with several frames in one or one frame in many.
    #[test]
    fn segmentation_changes_nothing(
        framing in framings(),
        frames in frames(),
        segments in prop::collection::vec(1_usize..90, 1..20),
    ) {
        let mut codec = FrameCodec::new(framing);
        let mut stream = BytesMut::new();
        let mut expected = Vec::new();
        for (tpdu, body) in frames {
            codec.write(Some(tpdu), &body, &mut stream).unwrap();
            let tpdu = framing.tpdu.then_some(tpdu);
            expected.push(Received::Frame(Frame { tpdu, body: body.into() }));
        }

        let mut feed = |pieces: &mut dyn Iterator<Item = &[u8]>| {
            let (mut buffer, mut received) = (BytesMut::new(), Vec::new());
            for piece in pieces {
                buffer.extend_from_slice(piece);
                while let Some(item) = codec.decode(&mut buffer).unwrap() {
                    received.push(item);
                }
            }
            assert_eq!(codec.decode_eof(&mut buffer).unwrap(), None, "nothing is left over");
            received
        };
        for split in 0..=stream.len() {
            let (first, second) = stream.split_at(split);
            prop_assert_eq!(&feed(&mut [first, second].into_iter()), &expected);
        }
        let mut rest = &stream[..];
        let mut sizes = segments.iter().cycle();
        let mut pieces = std::iter::from_fn(|| {
            let size = rest.len().min(*sizes.next().unwrap());
            let piece = rest.split_off(..size)?;
            (!piece.is_empty()).then_some(piece)
        });
        prop_assert_eq!(&feed(&mut pieces), &expected);
    }

    /// Any bytes at all give frames, a wish for more, or an error: never a panic, never a frame above the limit.
    #[test]
    fn any_bytes_are_survived(framing in framings(), bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let framing = framing.with_frame_bytes_max(64);
        if let Ok(received) = decode_all(FrameCodec::new(framing), &bytes) {
            for item in received {
                if let Received::Frame(frame) = item {
                    prop_assert!(frame.body.len() <= 64);
                }
            }
        }
    }
}
