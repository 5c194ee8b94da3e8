//! Histories: what a switch could write, and some of what it never should.

use std::io;
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex};

use pointsman_journal::event::{
    Attempt, Audit, Boot, CardToken, Declined, Event, How, Intent, KeyCheck, Obligation,
    ObligationKind, Observation, Observed, Outcome, Sealed, Settled, UnixMicros, Withdrawn,
};
use pointsman_journal::sqlite::Source;
use pointsman_journal::{Batch, Lsn, RawRecord};
use proptest::collection::vec;
use proptest::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) kind: u8,
    pub(crate) payload: Vec<u8>,
}

pub(crate) fn owned(record: RawRecord<'_>) -> Record {
    Record {
        kind: record.kind,
        payload: record.payload.to_vec(),
    }
}

pub(crate) fn record(event: &Event<'_>) -> Record {
    let mut payload = Vec::new();
    event.encode(&mut payload);
    Record {
        kind: event.kind(),
        payload,
    }
}

/// One of a few transactions, so that histories have much to say about each.
fn event(tx: u64, choice: u8, number: u32) -> Event<'static> {
    let at = UnixMicros(1_500_000_000_000_000 + i64::from(number));
    let kind = ObligationKind::ALL[number as usize % 3];
    let body = Sealed::new(if number.is_multiple_of(5) {
        b""
    } else {
        b"sealed"
    })
    .unwrap();
    let terminal = ["T0000001", "T0000002"][tx as usize % 2];
    match choice {
        0 => Event::Boot(Boot {
            epoch: number,
            at,
            version: "0.1.0",
            salt: [7; 16],
            key: KeyCheck([1, 2, 3, 4]),
        }),
        1..=4 => Event::Intent(Intent {
            tx,
            at,
            link: "bank-a",
            listener: "pos",
            mti: "0200",
            terminal,
            merchant: "M1",
            terminal_stan: 40 + tx as u32,
            link_stan: number,
            rrn: "632820000041",
            amount: (!number.is_multiple_of(7)).then_some(u64::from(number)),
            currency: "978",
            processing_code: "000000",
            masked_pan: "411111******1111",
            card: CardToken([tx as u8; 16]),
            key: [0x4B; 16],
            body,
        }),
        5..=7 => Event::Outcome(Outcome {
            tx,
            at,
            approved: number.is_multiple_of(2),
            response_code: if number.is_multiple_of(2) { "00" } else { "51" },
            approval_code: "A00001",
            answer: body,
        }),
        8 => Event::Declined(Declined {
            tx,
            at,
            cause: "timeout",
        }),
        9 => Event::Withdrawn(Withdrawn { tx, at }),
        10 | 11 => Event::Obligation(Obligation {
            tx,
            kind,
            at,
            link: "bank-a",
            link_stan: number,
            cause: "timeout",
            mti: "0200",
            terminal,
            terminal_stan: 40 + tx as u32,
            rrn: "632820000041",
            amount: Some(u64::from(number)),
            currency: "978",
            masked_pan: "411111******1111",
            card: CardToken([tx as u8; 16]),
            key: [0; 16],
            own_stan: None,
            body,
        }),
        12 => Event::Attempt(Attempt {
            tx,
            kind,
            at,
            stan: number,
            count: number % 9,
        }),
        13 | 14 => Event::Settled(Settled {
            tx,
            kind,
            at,
            how: match number % 6 {
                0 => How::Acknowledged {
                    response_code: "00",
                },
                1 => How::Refused {
                    response_code: "25",
                },
                2 => How::Expired,
                3 => How::DeadLetter {
                    reason: "no answer in 20 attempts",
                },
                4 => How::Dropped { by: "ann" },
                _ => How::Retried { by: "ben" },
            },
        }),
        15 => Event::Observed(Observed {
            at,
            link: "bank-a",
            what: Observation::ALL[number as usize % 4],
            mti: "0210",
            stan: Some(number),
            response_code: "00",
            tx: number.is_multiple_of(2).then_some(tx),
            detail: "after 31 s",
        }),
        _ => Event::Audit(Audit {
            at,
            who: "ann",
            action: "drop",
            tx: Some(tx),
            detail: "the bank confirmed by telephone",
        }),
    }
}

/// Records in any order, also such that make no sense, and some that no version of the program reads.
pub(crate) fn records(
    count: impl Into<prop::collection::SizeRange>,
) -> impl Strategy<Value = Vec<Record>> {
    vec(
        prop_oneof![
            40 => (0..6_u64, 0..17_u8, 1..1_000_u32)
                .prop_map(|(tx, choice, number)| record(&event(tx, choice, number))),
            1 => (any::<u8>(), vec(any::<u8>(), 0..20))
                .prop_map(|(kind, payload)| Record { kind, payload }),
        ],
        count,
    )
}

/// The record at a place of a history without an end, which goes back to its transactions again and again.
pub(crate) fn nth(place: u64) -> Record {
    let number = (place * 7_919 % 1_009) as u32;
    record(&event(
        place / 8 % 5_000,
        (place * 31 % 17) as u8,
        number + 1,
    ))
}

/// As many lives of transactions as one likes: begun, answered, some of them reversed.
pub(crate) fn lives(transactions: u32) -> Vec<Record> {
    let mut records = Vec::new();
    for number in 0..transactions {
        let tx = u64::from(number);
        records.push(record(&event(tx, 1, number)));
        if number.is_multiple_of(50) {
            records.push(record(&event(tx, 10, number)));
            records.push(record(&event(tx, 8, number)));
            records.push(record(&event(tx, 12, number)));
            records.push(record(&event(tx, 13, number)));
        } else {
            records.push(record(&event(tx, 5, number)));
        }
    }
    records
}

/// A batch of records from `first` on.
pub(crate) fn batch(first: Lsn, records: &[Record]) -> Batch {
    let mut batch = Batch::default();
    batch.restart(first);
    for record in records {
        batch.push(record.kind, |out| out.extend_from_slice(&record.payload));
    }
    batch
}

/// The records in batches of these sizes, over and over.
pub(crate) fn batches(records: &[Record], sizes: &[usize]) -> Vec<Batch> {
    let mut batches = Vec::new();
    let mut rest = records;
    let mut first = Lsn::ZERO.next();
    for size in sizes.iter().cycle() {
        if rest.is_empty() {
            break;
        }
        let (these, others) = rest.split_at((*size).clamp(1, rest.len()));
        batches.push(batch(first, these));
        first = Lsn::new(first.get() + these.len() as u64);
        rest = others;
    }
    batches
}

/// A log in memory, which may have been shortened and may fail.
#[derive(Clone, Default)]
pub(crate) struct Memory(pub(crate) Arc<Mutex<Contents>>);

#[derive(Default)]
pub(crate) struct Contents {
    pub(crate) records: Vec<Record>,
    /// How many are gone from the beginning.
    pub(crate) released: usize,
    /// How often reading fails from now on.
    pub(crate) failures: usize,
    pub(crate) reads: usize,
}

impl Memory {
    pub(crate) fn new(records: &[Record]) -> Memory {
        let memory = Memory::default();
        memory.0.lock().unwrap().records = records.to_vec();
        memory
    }
}

impl Source for Memory {
    fn read(
        &mut self,
        from: Lsn,
        visit: &mut dyn FnMut(RawRecord<'_>) -> ControlFlow<()>,
    ) -> io::Result<()> {
        let mut contents = self.0.lock().unwrap();
        contents.reads += 1;
        if contents.failures > 0 {
            contents.failures -= 1;
            return Err(io::Error::other("the disk does not answer"));
        }
        let from = (from.get() as usize - 1).max(contents.released);
        for (place, record) in contents.records.iter().enumerate().skip(from) {
            let flow = visit(RawRecord {
                lsn: Lsn::new(place as u64 + 1),
                kind: record.kind,
                payload: &record.payload,
            });
            if flow.is_break() {
                break;
            }
        }
        Ok(())
    }
}
