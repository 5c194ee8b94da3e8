//! What is written is read again; what is not written so is refused; card numbers do not get through.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use super::limits::*;
use super::*;

/// An event that owns what it says.
#[derive(Clone, Debug)]
pub(crate) struct Owned {
    pub(crate) kind: u8,
    pub(crate) payload: Vec<u8>,
}

/// The parts from which any event can be made.
#[derive(Clone, Debug)]
struct Parts {
    tx: u64,
    some_tx: Option<u64>,
    at: i64,
    numbers: [u32; 2],
    stan: Option<u32>,
    amount: Option<u64>,
    words: Vec<String>,
    ids: ([u8; 16], [u8; 16]),
    body: Vec<u8>,
    choice: usize,
    flag: bool,
}

fn parts() -> impl Strategy<Value = Parts> {
    (
        (any::<u64>(), option::of(any::<u64>()), any::<i64>()),
        (any::<[u32; 2]>(), option::of(any::<u32>())),
        option::of(any::<u64>()),
        vec(
            prop_oneof![Just(String::new()), "[a-zA-Z .é]{1,3}", "\\PC{1,300}"],
            9,
        ),
        any::<([u8; 16], [u8; 16])>(),
        vec(any::<u8>(), 0..80),
        0..6_usize,
        any::<bool>(),
    )
        .prop_map(
            |((tx, some_tx, at), (numbers, stan), amount, words, ids, body, choice, flag)| Parts {
                tx,
                some_tx,
                at,
                numbers,
                stan,
                amount,
                words,
                ids,
                body,
                choice,
                flag,
            },
        )
}

fn event(kind: u8, parts: &Parts) -> Event<'_> {
    let word = |place: usize| parts.words[place].as_str();
    let at = UnixMicros(parts.at);
    let tx = parts.tx;
    let owed = ObligationKind::ALL[parts.choice % 3];
    let card = CardToken(parts.ids.0);
    let body = Sealed::new(&parts.body).unwrap();
    match kind {
        1 => Event::Boot(Boot {
            epoch: parts.numbers[0],
            at,
            version: word(0),
            salt: parts.ids.0,
            key: KeyCheck(parts.numbers[1].to_le_bytes()),
        }),
        2 => Event::Intent(Intent {
            tx,
            at,
            link: word(0),
            listener: word(1),
            mti: word(2),
            terminal: word(3),
            merchant: word(4),
            terminal_stan: parts.numbers[0],
            link_stan: parts.numbers[1],
            rrn: word(5),
            amount: parts.amount,
            currency: word(6),
            processing_code: word(7),
            masked_pan: word(8),
            card,
            key: parts.ids.1,
            body,
        }),
        3 => Event::Outcome(Outcome {
            tx,
            at,
            approved: parts.flag,
            response_code: word(0),
            approval_code: word(1),
            answer: body,
        }),
        4 => Event::Declined(Declined {
            tx,
            at,
            cause: word(0),
        }),
        5 => Event::Withdrawn(Withdrawn { tx, at }),
        6 => Event::Obligation(Obligation {
            tx,
            kind: owed,
            at,
            link: word(0),
            link_stan: parts.numbers[0],
            cause: word(1),
            mti: word(2),
            terminal: word(3),
            terminal_stan: parts.numbers[1],
            rrn: word(4),
            amount: parts.amount,
            currency: word(5),
            masked_pan: word(6),
            card,
            key: parts.ids.1,
            own_stan: parts.flag.then_some(parts.numbers[1]),
            body,
        }),
        7 => Event::Attempt(Attempt {
            tx,
            kind: owed,
            at,
            stan: parts.numbers[1],
            count: parts.numbers[0],
        }),
        8 => Event::Settled(Settled {
            tx,
            kind: owed,
            at,
            how: match parts.choice {
                0 => How::Acknowledged {
                    response_code: word(0),
                },
                1 => How::Refused {
                    response_code: word(0),
                },
                2 => How::Expired,
                3 => How::DeadLetter { reason: word(0) },
                4 => How::Dropped { by: word(0) },
                _ => How::Retried { by: word(0) },
            },
        }),
        9 => Event::Observed(Observed {
            at,
            link: word(0),
            what: Observation::ALL[parts.choice % 4],
            mti: word(1),
            stan: parts.stan,
            response_code: word(2),
            tx: parts.some_tx,
            detail: word(3),
        }),
        11 => Event::Unseen(Unseen {
            at,
            link: word(0),
            terminal: word(1),
            terminal_stan: parts.numbers[0],
            rrn: word(2),
            key: parts.ids.1,
        }),
        _ => Event::Audit(Audit {
            at,
            who: word(0),
            action: word(1),
            tx: parts.some_tx,
            detail: word(2),
        }),
    }
}

fn encoded(event: &Event<'_>) -> Owned {
    let mut payload = Vec::new();
    event.encode(&mut payload);
    Owned {
        kind: event.kind(),
        payload,
    }
}

fn purchase() -> Event<'static> {
    Event::Intent(Intent {
        tx: 7,
        at: UnixMicros(1_795_551_584_123_456),
        link: "bank-a",
        listener: "pos",
        mti: "0200",
        terminal: "T0000001",
        merchant: "M00000000000001",
        terminal_stan: 41,
        link_stan: 900_041,
        rrn: "632820000041",
        amount: Some(1_250),
        currency: "978",
        processing_code: "000000",
        masked_pan: "411111******1111",
        card: CardToken([0xC4; 16]),
        key: [0x4B; 16],
        body: Sealed::new(b"sealed").unwrap(),
    })
}

proptest! {
    #[test]
    fn what_is_written_is_read(kind in 1..=11_u8, parts in parts()) {
        // Texts within their limits and without card numbers: nothing may be changed.
        let mut parts = parts;
        for word in &mut parts.words {
            word.retain(|character| !character.is_ascii_digit());
            while word.len() > 3 {
                word.pop();
            }
        }
        let event = event(kind, &parts);
        let record = encoded(&event);
        prop_assert_eq!(Event::decode(record.kind, &record.payload), Ok(event));
    }

    #[test]
    fn any_text_makes_a_record_that_can_be_read_and_written_again(kind in 1..=11_u8, parts in parts()) {
        let record = encoded(&event(kind, &parts));
        let read = Event::decode(record.kind, &record.payload).unwrap();
        prop_assert_eq!(encoded(&read).payload, record.payload);
    }

    #[test]
    fn any_bytes_are_an_event_or_an_error(kind: u8, payload in vec(any::<u8>(), 0..300)) {
        if let Ok(event) = Event::decode(kind, &payload) {
            prop_assert_eq!(event.kind(), kind);
        }
    }

    #[test]
    fn a_changed_record_is_an_event_or_an_error(
        kind in 1..=10_u8,
        parts in parts(),
        changes in vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let mut record = encoded(&event(kind, &parts));
        for (place, byte) in changes {
            let place = place.index(record.payload.len());
            record.payload[place] = byte;
        }
        if let Ok(event) = Event::decode(kind, &record.payload) {
            prop_assert_eq!(event.kind(), kind);
        }
    }

    #[test]
    fn every_shorter_and_longer_record_is_refused(kind in 1..=11_u8, parts in parts(), more: u8) {
        let mut record = encoded(&event(kind, &parts));
        for length in 0..record.payload.len() {
            prop_assert!(
                matches!(
                    Event::decode(kind, &record.payload[..length]),
                    Err(EventError::Truncated { .. })
                ),
                "{length}"
            );
        }
        record.payload.push(more);
        prop_assert_eq!(
            Event::decode(kind, &record.payload),
            Err(EventError::Trailing { count: 1 })
        );
    }

    #[test]
    fn at_most_ten_digits_of_a_card_number_are_written(pan in "\\PC{0,40}") {
        let Event::Intent(intent) = purchase() else { unreachable!() };
        let record = encoded(&Event::Intent(Intent { masked_pan: &pan, ..intent }));
        let Ok(Event::Intent(read)) = Event::decode(2, &record.payload) else {
            panic!("an intent is an intent")
        };
        let visible = read.masked_pan.bytes().filter(u8::is_ascii_digit).count();
        prop_assert!(visible <= PAN_DIGITS_VISIBLE_MAX, "{}", read.masked_pan);
        prop_assert!(read.masked_pan.len() <= MASKED_PAN_BYTES_MAX);
    }
}

#[test]
fn lengths_are_bounded_before_they_are_used() {
    let mut record = encoded(&purchase());
    // Version, transaction and time stand before the length of the first text.
    let link = 1 + 8 + 8;
    assert_eq!(record.payload[link], 6);
    record.payload[link] = 255;
    assert_eq!(
        Event::decode(2, &record.payload),
        Err(EventError::TooLong {
            field: "link",
            length: 255,
            bytes_max: NAME_BYTES_MAX
        })
    );

    let mut record = encoded(&purchase());
    let body = record.payload.len() - b"sealed".len() - 4;
    record.payload[body..body + 4].copy_from_slice(&u32::MAX.to_le_bytes());
    assert!(matches!(
        Event::decode(2, &record.payload),
        Err(EventError::TooLong { field: "body", .. })
    ));
}

#[test]
fn what_a_later_version_wrote_is_refused_and_said_so() {
    assert_eq!(Event::decode(0, &[1]), Err(EventError::Kind(0)));
    assert_eq!(Event::decode(12, &[1]), Err(EventError::Kind(12)));
    let mut record = encoded(&purchase());
    record.payload[0] = 2;
    assert_eq!(
        Event::decode(2, &record.payload),
        Err(EventError::Version(2))
    );
}

#[test]
fn fields_without_meaning_are_refused_by_name() {
    let record = encoded(&Event::Attempt(Attempt {
        tx: 1,
        kind: ObligationKind::Advice,
        at: UnixMicros(0),
        stan: 1,
        count: 1,
    }));
    let mut payload = record.payload;
    payload[9] = 9;
    assert_eq!(
        Event::decode(7, &payload).unwrap_err().to_string(),
        "`kind` cannot be 9"
    );
}

#[test]
fn long_texts_are_cut_between_characters() {
    let link = "é".repeat(NAME_BYTES_MAX);
    let Event::Intent(intent) = purchase() else {
        unreachable!()
    };
    let record = encoded(&Event::Intent(Intent {
        link: &link,
        ..intent
    }));
    let Ok(Event::Intent(read)) = Event::decode(2, &record.payload) else {
        panic!("an intent is an intent")
    };
    assert_eq!(read.link, "é".repeat(NAME_BYTES_MAX / 2));
}

#[test]
fn a_clear_card_number_is_masked_on_its_way_in() {
    for (given, written) in [
        ("4111111111111111", "411111******1111"),
        ("411111******1111", "411111******1111"),
        ("5555555555554444999", "555555*********4999"),
        ("", ""),
    ] {
        let Event::Intent(intent) = purchase() else {
            unreachable!()
        };
        let record = encoded(&Event::Intent(Intent {
            masked_pan: given,
            ..intent
        }));
        let Ok(Event::Intent(read)) = Event::decode(2, &record.payload) else {
            panic!("an intent is an intent")
        };
        assert_eq!(read.masked_pan, written);
    }
}

#[test]
fn card_numbers_in_free_text_are_masked() {
    for (given, written) in [
        (
            "card 4111111111111111 said no",
            "card 411111******1111 said no",
        ),
        ("4111 1111 1111 1111", "4111 11** **** 1111"),
        (
            "5555-5555-5555-4444;4111111111111111",
            "5555-55**-****-4444;411111******1111",
        ),
        (
            "4111111111111111=2512101123456789",
            "411111******1111=2512101123456789",
        ),
        // More digits than a card number has may hide one.
        (
            "41111111111111112512101123456789",
            "411111**********************6789",
        ),
        // No check digit: a trace number with its date is no card number.
        ("4111111111111112", "4111111111111112"),
        ("1 2 3, 900041 at 20261124", "1 2 3, 900041 at 20261124"),
        ("no digits", "no digits"),
    ] {
        let record = encoded(&Event::Audit(Audit {
            at: UnixMicros(0),
            who: "ann",
            action: "retry",
            tx: None,
            detail: given,
        }));
        let Ok(Event::Audit(read)) = Event::decode(10, &record.payload) else {
            panic!("an audit entry is an audit entry")
        };
        assert_eq!(read.detail, written);
    }
}

#[test]
fn bodies_that_no_record_holds_are_refused() {
    let bytes = vec![0; SEALED_BYTES_MAX + 1];
    assert_eq!(
        Sealed::new(&bytes),
        Err(SealedTooLong {
            length: SEALED_BYTES_MAX + 1
        })
    );
    assert!(Sealed::new(&bytes[1..]).is_ok());
}

/// The form of what is on disks already: a change here is a new version.
#[test]
fn the_bytes_of_version_1() {
    let record = encoded(&Event::Obligation(Obligation {
        tx: 0x0102_0304_0506_0708,
        kind: ObligationKind::Reversal,
        at: UnixMicros(-2),
        link: "b",
        link_stan: 1,
        cause: "timeout",
        mti: "0200",
        terminal: "T1",
        terminal_stan: 2,
        rrn: "",
        amount: Some(5),
        currency: "978",
        masked_pan: "",
        card: CardToken([0xCC; 16]),
        key: [0xDD; 16],
        own_stan: Some(7),
        body: Sealed::new(&[9, 8]).unwrap(),
    }));
    let hex: String = record
        .payload
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    assert_eq!(record.kind, 6);
    assert_eq!(
        hex,
        "01080706050403020101feffffffffffffff016201000000\
         0774696d656f75740430323030025431020000000001\
         05000000000000000339373800ccccccccccccccccccccccccccccccccdddddddddddddddddddddddddddddddd0107000000020000000908"
    );
}

proptest! {
    /// Whoever makes columns of the names has a column for every field.
    #[test]
    fn fields_are_shown_under_known_names_in_their_order(kind in 1..=11_u8, parts in parts()) {
        let mut last = None;
        let mut sees_tx = false;
        event(kind, &parts).fields(&mut |name, field| {
            let place = NAMES.iter().position(|known| *known == name).unwrap();
            assert!(last < Some(place), "{name}");
            last = Some(place);
            sees_tx |= name == "tx" && field != Field::None;
        });
        prop_assert_eq!(sees_tx, event(kind, &parts).tx().is_some());
    }
}
