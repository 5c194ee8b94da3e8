//! Old rows go, what is open stays.

use super::*;
use crate::Lsn;
use crate::RawRecord;
use crate::event::{
    CardToken, Declined, Event, How, Intent, Obligation, ObligationKind, Outcome, Sealed, Settled,
    UnixMicros,
};
use crate::sqlite::fold;
use crate::sqlite::schema::{Role, Sync, open};

const NOW: UnixMicros = UnixMicros(1_795_551_584_000_000);
const HOUR: i64 = MICROS_PER_HOUR;

fn record(event: &Event<'_>) -> (u8, Vec<u8>) {
    let mut payload = Vec::new();
    event.encode(&mut payload);
    (event.kind(), payload)
}

fn begun(tx: u64, hours_ago: i64) -> (u8, Vec<u8>) {
    record(&Event::Intent(Intent {
        tx,
        at: UnixMicros(NOW.0 - hours_ago * HOUR),
        link: "bank-a",
        listener: "pos",
        mti: "0200",
        terminal: "T0000001",
        merchant: "M1",
        terminal_stan: 1,
        link_stan: 1,
        rrn: "",
        amount: Some(1),
        currency: "978",
        processing_code: "000000",
        masked_pan: "",
        card: CardToken::NONE,
        key: [0; 16],
        body: Sealed::new(b"sealed").unwrap(),
    }))
}

fn approved(tx: u64) -> (u8, Vec<u8>) {
    record(&Event::Outcome(Outcome {
        tx,
        at: NOW,
        approved: true,
        response_code: "00",
        approval_code: "A00001",
        answer: Sealed::new(b"sealed").unwrap(),
    }))
}

fn owed(tx: u64, hours_ago: i64) -> [(u8, Vec<u8>); 2] {
    let at = UnixMicros(NOW.0 - hours_ago * HOUR);
    let obligation = Event::Obligation(Obligation {
        tx,
        kind: ObligationKind::Reversal,
        at,
        link: "bank-a",
        link_stan: 1,
        cause: "timeout",
        mti: "0200",
        terminal: "T0000001",
        terminal_stan: 1,
        rrn: "",
        amount: Some(1),
        currency: "978",
        masked_pan: "",
        card: CardToken::NONE,
        key: [0; 16],
        own_stan: None,
        body: Sealed::NONE,
    });
    let declined = Event::Declined(Declined {
        tx,
        at,
        cause: "timeout",
    });
    [record(&obligation), record(&declined)]
}

fn acknowledged(tx: u64) -> (u8, Vec<u8>) {
    record(&Event::Settled(Settled {
        tx,
        kind: ObligationKind::Reversal,
        at: NOW,
        how: How::Acknowledged {
            response_code: "00",
        },
    }))
}

#[test]
fn old_rows_go_and_what_is_open_stays() {
    let mut history = Vec::new();
    // Old and finished: gone. Old and open: stays. Old and still owed: stays. Old and paid: gone.
    history.extend([begun(1, 100), approved(1), begun(2, 100), begun(3, 100)]);
    history.extend(owed(3, 100));
    history.push(begun(4, 100));
    history.extend(owed(4, 100));
    history.push(acknowledged(4));
    // Finished for longer than a repeat may ask, and not old: stays without it. New: keeps its answer.
    history.extend([begun(5, 20), approved(5), begun(6, 1), approved(6)]);
    // So many that one step does not take them all.
    for tx in 1_000..3_200 {
        history.extend([begun(tx, 80), approved(tx)]);
    }
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("tables");
    let mut connection = open(&path, Role::Projection, Sync::Normal).unwrap();
    for (place, (kind, payload)) in history.iter().enumerate() {
        let record = RawRecord {
            lsn: Lsn::new(place as u64 + 1),
            kind: *kind,
            payload,
        };
        fold::apply_record(&connection, record).unwrap();
    }
    let retention = Retention {
        days: 3,
        sealed_hours: 10,
    };
    let mut steps = 1;
    while step(&mut connection, retention, NOW).unwrap() {
        steps += 1;
        assert!(steps < 100, "there must be an end to it");
    }
    assert!(steps > 2, "many rows take many steps: {steps}");
    let mut statement = connection
        .prepare("SELECT tx, body IS NOT NULL, answer IS NOT NULL FROM transactions ORDER BY tx")
        .unwrap();
    let rows: Vec<(i64, bool, bool)> = statement
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap();
    assert_eq!(
        rows,
        [
            (2, true, false),
            (3, true, false),
            (5, false, false),
            (6, false, true)
        ]
    );
    let owed: Vec<i64> = connection
        .prepare("SELECT tx FROM obligations ORDER BY tx")
        .unwrap()
        .query_map([], |row| row.get(0))
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap();
    assert_eq!(owed, [3]);
}
