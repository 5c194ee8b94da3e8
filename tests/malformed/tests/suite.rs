//! Every message of the suite: the fast path and the reference name its fault as the label does, the framing refuses
//! what is wrong on the stream, and a session of the switch answers or closes as it should.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "test code: a wrong fixture must stop the test"
)]

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use pointsman_engine::{
    Instant, LinkId, LinkLeg, ListenerProfile, PresencePolicy, Session, SessionEvent, SessionOutput,
};
use pointsman_framing::{FrameCodec, FrameError, Received, Scan};
use pointsman_iso8583::emv::{self, FaultKind};
use pointsman_iso8583::tlv::{self, TlvErrorKind};
use pointsman_iso8583::{Dialect, Encoding, explain, mask, reference};
use pointsman_routing::RoutingTable;
use pointsman_test_malformed::{Action, Case, Expected, Layer, suite};
use tokio_util::codec::Decoder;

/// Runs `check` on each case and reports all that fail, not the first only.
fn each(layer: Layer, check: impl Fn(&Case) -> Result<(), String>) {
    let cases = suite();
    let cases: Vec<&Case> = cases.iter().filter(|case| case.layer == layer).collect();
    assert!(!cases.is_empty());
    let wrong: Vec<String> = cases
        .iter()
        .filter_map(|case| Some(format!("{}: {}", case.id, check(case).err()?)))
        .collect();
    assert!(
        wrong.is_empty(),
        "{} of {} disagree\n{}",
        wrong.len(),
        cases.len(),
        wrong
            .iter()
            .take(20)
            .cloned()
            .collect::<Vec<_>>()
            .join("\n")
    );
}

fn same<T: PartialEq + std::fmt::Debug>(what: &str, found: T, expected: T) -> Result<(), String> {
    if found == expected {
        return Ok(());
    }
    Err(format!("{what} says {found:?}, the label {expected:?}"))
}

/// The message that the case is about, taken out of its frame where it has one.
fn message(case: &Case) -> Vec<u8> {
    let bytes = case.bytes();
    let Some(label) = &case.framing else {
        return bytes;
    };
    match FrameCodec::new(label.framing()).scan(&bytes).unwrap() {
        Scan::Frame { body, .. } => bytes[body].to_vec(),
        other => panic!("{}: {other:?}", case.id),
    }
}

#[test]
fn messages_are_refused_where_the_label_says() {
    each(Layer::Message, |case| {
        let dialect = case.dialect();
        let bytes = message(case);
        let expected = case.expected.decode_error();
        same("the view", dialect.view(&bytes).err(), Some(expected))?;
        let reference = reference::decode(&dialect, &bytes).err();
        same("the reference", reference, Some(expected))?;
        let (_, partial) = dialect.partial(&bytes);
        same("the partial view", partial, Some(expected))?;

        let mut tree = String::new();
        let explained = explain::tree(&dialect, &bytes, mask::Unmask::No, &mut tree);
        same("the tree", explained.unwrap(), Some(expected))
    });
}

#[test]
fn field_55_is_refused_where_the_label_says() {
    each(Layer::Icc, |case| {
        let dialect = case.dialect();
        let bytes = message(case);
        let view = dialect.view(&bytes).map_err(|error| error.to_string())?;
        let start = view.wire_range(55).unwrap().start;
        let hex = dialect.field(55).unwrap().encoding == Encoding::HexText;
        let value = view.to_text(55).unwrap();
        let value: Vec<u8> = (0..value.len() / 2)
            .map(|place| u8::from_str_radix(&value[place * 2..place * 2 + 2], 16).unwrap())
            .collect();
        let faults = emv::faults(&value);
        let [fault] = faults.as_slice() else {
            return Err(format!("one fault was made, {faults:?} are found"));
        };
        let offset = start + fault.offset * if hex { 2 } else { 1 };
        same("the offset", offset, case.expected.offset)?;
        same("the tag", fault.tag, case.expected.tag())?;
        if !agrees(&case.expected, fault.kind) {
            return Err(format!("{:?} is found", fault.kind));
        }
        let walk = tlv::walk(&value).find_map(Result::err);
        let malformed = walk.map(|error| FaultKind::Malformed(error.kind));
        let tlv_kind = case.expected.kind.starts_with("tlv");
        same("the walk", malformed, tlv_kind.then_some(fault.kind))?;

        let mut tree = String::new();
        let error = explain::tree(&dialect, &bytes, mask::Unmask::No, &mut tree);
        same("the tree", error, Ok(None))?;
        let warning = format!("warning at byte {offset}: field 55: ");
        tree.contains(&warning).then_some(()).ok_or(tree)
    });
}

/// Does the fault say what the label says?
fn agrees(expected: &Expected, kind: FaultKind) -> bool {
    use TlvErrorKind as Tlv;
    match (expected.kind.as_str(), kind) {
        ("tlv-truncated", FaultKind::Malformed(Tlv::Truncated { needed, available })) => {
            (needed, available) == expected.needed_and_available()
        }
        ("tlv-length-form", FaultKind::Malformed(Tlv::LengthForm(byte))) => byte == expected.byte(),
        ("tlv-tag-too-long", FaultKind::Malformed(Tlv::TagTooLong))
        | ("tlv-too-deep", FaultKind::Malformed(Tlv::TooDeep))
        | ("emv-format", FaultKind::Format(_))
        | ("emv-forbidden", FaultKind::Forbidden)
        | ("emv-duplicate", FaultKind::Duplicate { .. }) => true,
        ("emv-length", FaultKind::Length { length, .. }) => length == expected.length(),
        _ => false,
    }
}

/// However the stream is cut into reads, its frame is refused with the same error.
#[test]
fn frames_are_refused_however_they_arrive() {
    each(Layer::Framing, |case| {
        let mut codec = FrameCodec::new(case.framing.as_ref().unwrap().framing());
        let bytes = case.bytes();
        for step in [bytes.len(), 1, 3] {
            let mut buffer = BytesMut::new();
            let mut first = Ok(None);
            for piece in bytes.chunks(step.max(1)) {
                buffer.extend_from_slice(piece);
                first = codec.decode(&mut buffer);
                if !matches!(first, Ok(None)) {
                    break;
                }
            }
            let result = match first {
                Ok(None) => codec.decode_eof(&mut buffer),
                other => other,
            };
            frame_error(&case.expected, result)?;
        }
        Ok(())
    });
}

fn frame_error(
    expected: &Expected,
    result: Result<Option<Received>, FrameError>,
) -> Result<(), String> {
    let Err(error) = result else {
        return Err(format!("the framing says {result:?}"));
    };
    let agrees = match (expected.kind.as_str(), &error) {
        ("frame-keep-alive", FrameError::UnexpectedKeepAlive) => true,
        (
            "frame-length-not-digits",
            FrameError::LengthNotDigits {
                found, position, ..
            },
        ) => (*found, *position) == (expected.byte(), expected.offset),
        ("frame-length-too-short", FrameError::LengthTooShort { length })
        | ("frame-tpdu-missing", FrameError::TpduMissing { length }) => {
            *length == expected.length()
        }
        ("frame-too-long", FrameError::TooLong { length, max }) => {
            (*length, *max) == (expected.length(), expected.max())
        }
        ("frame-truncated", FrameError::Truncated { available, needed }) => {
            (*needed, *available) == expected.needed_and_available()
        }
        _ => false,
    };
    if agrees {
        return Ok(());
    }
    Err(format!(
        "the framing says {error:?}, the label {expected:?}"
    ))
}

#[test]
fn a_session_answers_or_closes() {
    for layer in [Layer::Message, Layer::Icc] {
        each(layer, |case| {
            let dialect = case.dialect();
            let mut session = session(&dialect);
            session.handle_frame(Instant::ZERO, None, Bytes::from(message(case)));
            let outputs: Vec<SessionOutput> =
                std::iter::from_fn(|| session.poll_output()).collect();
            let unreadable = outputs.iter().find_map(|output| match output {
                SessionOutput::Event(SessionEvent::Unreadable { error, .. }) => Some(*error),
                _ => None,
            });
            if layer == Layer::Message {
                let expected = case.expected.decode_error();
                same("the session's event", unreadable, Some(expected))?;
            }
            same("the session", action(&dialect, &outputs), Some(case.action))
        });
    }
}

/// What the session wants done with the message, if it is one thing.
fn action(dialect: &Dialect, outputs: &[SessionOutput]) -> Option<Action> {
    let mut actions = outputs.iter().filter_map(|output| match output {
        SessionOutput::Reply { message, .. } => {
            let view = dialect.view(message).ok()?;
            (view.response_code()?.to_string() == "30").then_some(Action::Answer30)
        }
        SessionOutput::Close(_) => Some(Action::Close),
        SessionOutput::Forward(_) => Some(Action::Forward),
        // Nothing has been approved that could be taken back.
        SessionOutput::Undo { .. } | SessionOutput::Event(_) => None,
    });
    let first = actions.next();
    first.filter(|_| actions.next().is_none())
}

fn session(dialect: &Arc<Dialect>) -> Session {
    Session::new(Arc::new(ListenerProfile {
        name: "pos".into(),
        dialect: Arc::clone(dialect),
        routes: Arc::new(RoutingTable::build(&[], Some(LinkId(0))).unwrap()),
        links: [LinkLeg::new("bank".into(), dialect, dialect)].into(),
        in_flight_max: 1,
        message_bytes_max: usize::MAX,
        presence: PresencePolicy::Ignore,
    }))
}

/// Assurance: at least 40 classes of at least 50 messages, 2,000 in all, each with a name of its own.
#[test]
fn the_suite_is_as_large_as_promised() {
    let cases = suite();
    let mut classes: BTreeMap<&str, usize> = BTreeMap::new();
    let mut ids: Vec<&str> = cases.iter().map(|case| case.id.as_str()).collect();
    for case in &cases {
        *classes.entry(&case.class).or_default() += 1;
    }
    assert!(cases.len() >= 2_000, "{}", cases.len());
    assert!(classes.len() >= 40, "{}", classes.len());
    assert!(classes.values().all(|count| *count >= 50), "{classes:?}");
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), cases.len());

    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/malformed-suite.md");
    let page = std::fs::read_to_string(page).unwrap();
    for class in classes.keys() {
        assert!(
            page.contains(&format!("| `{class}` |")),
            "no line on {class}"
        );
    }
}
