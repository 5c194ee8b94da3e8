//! The banks: they survive everything, and answer badly now and then.

use std::fmt::Write;
use std::path::Path;

use pointsman_sim_bank::{Bank, BankConfig, BankHandle, LedgerConfig};
use pointsman_sim_common::{Exit, Failure};

use crate::setup::BANKS;

/// No run has more: nothing may be forgotten.
const LEDGER_ENTRIES_MAX: usize = 50_000_000;

/// What share of which messages gets which answer. Those that no rule takes are approved.
const RULES: [(&str, &[(f64, &str)]); 3] = [
    (
        "0100|0200|0201",
        &[
            (0.030, "answer=decline,code=51"),
            (0.010, "answer=decline,code=91"),
            (0.004, "answer=lost"),
            (0.004, "answer=drop"),
            (0.004, "answer=late,delay=1300ms"),
            (0.010, "answer=late,delay=120ms"),
            (0.001, "answer=garbage"),
            (0.010, "answer=duplicate"),
            (0.001, "answer=close"),
        ],
    ),
    (
        "0220|0221",
        &[
            (0.03, "answer=lost"),
            (0.03, "answer=drop"),
            (0.02, "answer=late,delay=1300ms"),
            (0.02, "answer=decline,code=91"),
            (0.02, "answer=duplicate"),
            (0.01, "answer=garbage"),
            (0.01, "answer=close"),
        ],
    ),
    (
        "0420|0421",
        &[
            (0.04, "answer=lost"),
            (0.04, "answer=drop"),
            (0.02, "answer=late,delay=1300ms"),
            (0.03, "answer=decline,code=91"),
            (0.02, "answer=duplicate"),
            (0.01, "answer=garbage"),
            (0.01, "answer=close"),
        ],
    ),
];

/// Starts them all. Their ledgers are also written to files in the directory.
///
/// # Errors
/// An address or a file cannot be had.
pub(crate) async fn start(seed: u64, home: &Path) -> Result<Vec<BankHandle>, Failure> {
    let mut banks = Vec::new();
    for (number, party) in BANKS.iter().enumerate() {
        let rules = rules();
        let rules: Vec<&str> = rules.iter().map(String::as_str).collect();
        let local = BankConfig::local(party.wire()?, &rules)
            .map_err(|error| Failure::new(Exit::DATA, format_args!("a bank's rules: {error}")))?;
        let config = BankConfig {
            ledger: LedgerConfig::On {
                entries_max: LEDGER_ENTRIES_MAX,
                file: Some(home.join(format!("ledger-{}.jsonl", party.name))),
            },
            sign_on_required: true,
            seed: seed ^ (number as u64 + 1) << 32,
            ..local
        };
        let bank = Bank::start(config)
            .await
            .map_err(|error| Failure::new(Exit::UNAVAILABLE, error))?;
        banks.push(bank);
    }
    Ok(banks)
}

/// A rule with a share takes what it draws below its share, and all rules see the same draw: each has to reach beyond
/// the one before it.
fn rules() -> Vec<String> {
    let mut rules = Vec::new();
    for (mti, answers) in RULES {
        let mut below = 0.0;
        for (share, answer) in answers {
            below += share;
            let mut rule = String::new();
            let _ = write!(rule, "mti={mti},share={below:.4},{answer}");
            rules.push(rule);
        }
    }
    rules
}
