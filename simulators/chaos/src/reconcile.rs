//! Terminals against banks: what each receipt says, and what is in the books.

use std::collections::HashMap;

use pointsman_sim_bank::Entry;
use pointsman_sim_common::money;
use serde::Serialize;

use crate::receipt::{Holds, Receipt};
use crate::setup::BANKS;

/// A transaction that terminal and bank do not agree about.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Difference {
    /// What is wrong, in one sentence.
    pub what: &'static str,
    /// Field 41.
    pub terminal: String,
    /// Field 11 of the terminal's request.
    pub stan: u32,
    /// Field 37.
    pub reference: String,
    /// Field 4, minor units.
    pub amount: u64,
    /// What the terminal's receipt says.
    pub holds: String,
    /// What the banks' ledgers say.
    pub booked: String,
}

/// Everything that does not agree. The books are those of the banks in their order.
pub(crate) fn reconcile(receipts: &[Receipt], books: &[Vec<Entry>]) -> Vec<Difference> {
    let mut entries: HashMap<&str, Vec<(usize, &Entry)>> = HashMap::new();
    for (bank, book) in books.iter().enumerate() {
        for entry in book {
            let reference = entry.retrieval_reference.as_str();
            entries.entry(reference).or_default().push((bank, entry));
        }
    }
    let mut differences = Vec::new();
    for receipt in receipts {
        let found = entries
            .remove(receipt.reference.as_str())
            .unwrap_or_default();
        if let Some(what) = judge(receipt, &found) {
            differences.push(Difference {
                what,
                terminal: receipt.terminal.clone(),
                stan: receipt.stan,
                reference: receipt.reference.clone(),
                amount: receipt.amount,
                holds: receipt.holds.to_string(),
                booked: told(&found),
            });
        }
    }
    // What is left, nobody bought.
    let mut strangers: Vec<_> = entries.into_iter().collect();
    strangers.sort_unstable_by_key(|(reference, _)| *reference);
    for (reference, found) in strangers {
        let entry = found.first().map(|(_, entry)| *entry);
        differences.push(Difference {
            what: "a bank has booked what no terminal bought",
            terminal: entry.map_or_else(String::new, |it| it.terminal.as_str().to_owned()),
            stan: 0,
            reference: reference.to_owned(),
            amount: entry.map_or(0, |entry| entry.amount),
            holds: "nothing".to_owned(),
            booked: told(&found),
        });
    }
    differences
}

fn judge(receipt: &Receipt, found: &[(usize, &Entry)]) -> Option<&'static str> {
    if found.len() > 1 {
        return Some("it is booked more than once");
    }
    if let Some((bank, entry)) = found.first() {
        if *bank != receipt.bank {
            return Some("it is booked at another bank");
        }
        if entry.amount != receipt.amount {
            return Some("it is booked with another amount");
        }
    }
    let stands = found.iter().any(|(_, entry)| !entry.reversed);
    match (receipt.holds.is_booked(), stands) {
        (None, _) => Some("the terminal has not learned what became of it"),
        (Some(true), false) if found.is_empty() => Some(match receipt.holds {
            Holds::Advised => "the advice was accepted, and is not booked",
            _ => "it was approved, and is not booked",
        }),
        (Some(true), false) => Some("it stands for the terminal, and is reversed"),
        (Some(false), true) => Some("it did not happen for the terminal, and is booked"),
        (Some(true), true) | (Some(false), false) => None,
    }
}

fn told(found: &[(usize, &Entry)]) -> String {
    if found.is_empty() {
        return "nothing".to_owned();
    }
    let told: Vec<String> = found
        .iter()
        .map(|(bank, entry)| {
            format!(
                "{} no. {} ({} stan {:06}, {}{})",
                BANKS.get(*bank).map_or("?", |bank| bank.name),
                entry.number,
                entry.mti,
                entry.stan,
                money(entry.amount),
                if entry.reversed { ", reversed" } else { "" }
            )
        })
        .collect();
    told.join("; ")
}

#[cfg(test)]
mod tests {
    use pointsman_iso8583::{Mti, ResponseCode};
    use pointsman_sim_bank::Short;

    use super::*;

    fn receipt(holds: Holds) -> Receipt {
        Receipt {
            terminal: "CHAO0001".to_owned(),
            stan: 17,
            reference: "000100000016".to_owned(),
            amount: 1_999,
            bank: 1,
            holds,
            repeated: false,
        }
    }

    fn entry(amount: u64, reversed: bool) -> Entry {
        Entry {
            number: 1,
            mti: Mti::literal(b"0200"),
            stan: 4_711,
            terminal: Short::new("CHAO0001"),
            acceptor: Short::new("MERCHANT"),
            amount,
            currency: Short::new("978"),
            moment: Short::new("1114221320"),
            bin: Short::new("510000"),
            retrieval_reference: Short::new("000100000016"),
            approval_code: Short::new("000042"),
            response_code: ResponseCode::APPROVED,
            reversed,
            repeats: 0,
        }
    }

    fn found(holds: Holds, books: [Vec<Entry>; 3]) -> Vec<&'static str> {
        let differences = reconcile(&[receipt(holds)], &books);
        differences.into_iter().map(|it| it.what).collect()
    }

    fn declined() -> Holds {
        Holds::Declined {
            response_code: "51".to_owned(),
        }
    }

    #[test]
    fn what_agrees_is_no_difference() {
        let stands = || [vec![], vec![entry(1_999, false)], vec![]];
        let reversed = || [vec![], vec![entry(1_999, true)], vec![]];
        let nowhere = || [vec![], vec![], vec![]];
        for (holds, books) in [
            (Holds::Approved, stands()),
            (Holds::Advised, stands()),
            (declined(), nowhere()),
            (declined(), reversed()),
            (Holds::TakenBack, nowhere()),
            (Holds::TakenBack, reversed()),
        ] {
            assert_eq!(found(holds.clone(), books), [""; 0], "{holds}");
        }
    }

    #[test]
    fn every_difference_is_found() {
        let nowhere = || [vec![], vec![], vec![]];
        let stands = || vec![entry(1_999, false)];
        for (holds, books, what) in [
            (
                Holds::Approved,
                nowhere(),
                "it was approved, and is not booked",
            ),
            (
                Holds::Advised,
                nowhere(),
                "the advice was accepted, and is not booked",
            ),
            (
                Holds::Approved,
                [vec![], vec![entry(1_999, true)], vec![]],
                "it stands for the terminal, and is reversed",
            ),
            (
                declined(),
                [vec![], stands(), vec![]],
                "it did not happen for the terminal, and is booked",
            ),
            (
                Holds::TakenBack,
                [vec![], stands(), vec![]],
                "it did not happen for the terminal, and is booked",
            ),
            (
                Holds::Approved,
                [
                    vec![],
                    vec![entry(1_999, false), entry(1_999, true)],
                    vec![],
                ],
                "it is booked more than once",
            ),
            (
                Holds::Approved,
                [stands(), stands(), vec![]],
                "it is booked more than once",
            ),
            (
                Holds::Approved,
                [stands(), vec![], vec![]],
                "it is booked at another bank",
            ),
            (
                Holds::Approved,
                [vec![], vec![entry(2_000, false)], vec![]],
                "it is booked with another amount",
            ),
            (
                Holds::Open,
                nowhere(),
                "the terminal has not learned what became of it",
            ),
        ] {
            assert_eq!(found(holds.clone(), books), [what], "{holds}");
        }
    }

    #[test]
    fn what_nobody_bought_is_found() {
        let differences = reconcile(&[], &[vec![], vec![entry(1_999, true)], vec![]]);
        let [difference] = differences.as_slice() else {
            panic!("one difference: {differences:?}");
        };
        assert_eq!(difference.what, "a bank has booked what no terminal bought");
        assert_eq!(
            difference.booked,
            "bravo no. 1 (0200 stan 004711, 19.99, reversed)"
        );
    }
}
