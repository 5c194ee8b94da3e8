//! What the tables must say about each transaction and obligation, told once more without SQL.

use std::collections::BTreeMap;

use pointsman_journal::event::{Event, How};
use proptest::collection::vec;
use proptest::prelude::*;
use rusqlite::types::ValueRef;

use crate::dump::connect;
use crate::history::{Record, batches, records};
use crate::store::filled;

#[derive(Clone, Debug, PartialEq, Eq)]
struct Transaction {
    state: &'static str,
    response_code: String,
    has_body: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Owed {
    state: &'static str,
    attempts: u32,
    has_body: bool,
}

type Model = (BTreeMap<u64, Transaction>, BTreeMap<(u64, String), Owed>);

fn told(history: &[Record]) -> Model {
    let (mut transactions, mut owed): Model = Default::default();
    for record in history {
        let Ok(event) = Event::decode(record.kind, &record.payload) else {
            continue;
        };
        let tx = event.tx().unwrap_or(u64::MAX);
        let mut is_settled = false;
        match event {
            Event::Intent(intent) => {
                transactions.entry(tx).or_insert(Transaction {
                    state: "open",
                    response_code: String::new(),
                    has_body: !intent.body.is_none(),
                });
            }
            Event::Outcome(outcome) => {
                if let Some(transaction) = transactions.get_mut(&tx) {
                    transaction.response_code = outcome.response_code.to_owned();
                    if transaction.state == "open" {
                        transaction.state = ["declined", "approved"][usize::from(outcome.approved)];
                    }
                }
                is_settled = true;
            }
            Event::Declined(_) => {
                if let Some(transaction) = transactions.get_mut(&tx)
                    && transaction.state == "open"
                {
                    transaction.state = "failed";
                }
                is_settled = true;
            }
            Event::Withdrawn(_) => {
                if let Some(transaction) = transactions.get_mut(&tx)
                    && ["open", "failed"].contains(&transaction.state)
                {
                    transaction.state = "withdrawn";
                }
                is_settled = true;
            }
            Event::Obligation(obligation) => {
                let key = (tx, obligation.kind.label().to_owned());
                let has_body = !obligation.body.is_none();
                let owed = owed.entry(key).or_insert(Owed {
                    state: "open",
                    attempts: 0,
                    has_body,
                });
                if owed.state != "open" {
                    owed.state = "open";
                    owed.has_body = has_body;
                }
            }
            Event::Attempt(attempt) => {
                if let Some(owed) = owed.get_mut(&(tx, attempt.kind.label().to_owned())) {
                    owed.attempts = attempt.count;
                }
            }
            Event::Settled(settled) => {
                let state = match settled.how {
                    How::Retried { .. } => "open",
                    how => how.label(),
                };
                is_settled = ["acknowledged", "refused", "dropped"].contains(&state);
                if let Some(owed) = owed.get_mut(&(tx, settled.kind.label().to_owned())) {
                    owed.state = state;
                    owed.has_body &= !is_settled;
                }
            }
            Event::Boot(_) | Event::Observed(_) | Event::Audit(_) | Event::Unseen(_) => {}
        }
        let is_owed = owed.iter().any(|((owed_tx, _), owed)| {
            *owed_tx == tx && ["open", "expired", "dead_letter"].contains(&owed.state)
        });
        if is_settled && !is_owed {
            transactions
                .get_mut(&tx)
                .into_iter()
                .for_each(|transaction| transaction.has_body = false);
        }
    }
    (transactions, owed)
}

fn stored(directory: &std::path::Path) -> Model {
    let connection = connect(directory);
    let known = |text: &str| {
        [
            "open",
            "approved",
            "declined",
            "failed",
            "withdrawn",
            "acknowledged",
            "refused",
            "expired",
            "dead_letter",
            "dropped",
        ]
        .into_iter()
        .find(|known| *known == text)
        .unwrap()
    };
    let (mut transactions, mut owed): Model = Default::default();
    let mut statement = connection
        .prepare("SELECT tx, state, response_code, body FROM transactions")
        .unwrap();
    let mut rows = statement.query([]).unwrap();
    while let Some(row) = rows.next().unwrap() {
        transactions.insert(
            row.get::<_, i64>(0).unwrap().cast_unsigned(),
            Transaction {
                state: known(&row.get::<_, String>(1).unwrap()),
                response_code: row.get(2).unwrap(),
                has_body: row.get_ref(3).unwrap() != ValueRef::Null,
            },
        );
    }
    let mut statement = connection
        .prepare("SELECT tx, kind, state, attempts, body FROM obligations")
        .unwrap();
    let mut rows = statement.query([]).unwrap();
    while let Some(row) = rows.next().unwrap() {
        owed.insert(
            (
                row.get::<_, i64>(0).unwrap().cast_unsigned(),
                row.get(1).unwrap(),
            ),
            Owed {
                state: known(&row.get::<_, String>(2).unwrap()),
                attempts: row.get(3).unwrap(),
                has_body: row.get_ref(4).unwrap() != ValueRef::Null,
            },
        );
    }
    (transactions, owed)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn tables_say_what_the_events_say(history in records(0..120), sizes in vec(1..40_usize, 1..5)) {
        let directory = tempfile::tempdir().unwrap();
        drop(filled(directory.path(), &batches(&history, &sizes)));
        prop_assert_eq!(stored(directory.path()), told(&history));
    }
}
