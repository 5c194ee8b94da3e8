//! Terminals against a bank, over loopback.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests fail like tests"
)]

use pointsman_framing::{Framing, KeepAlive, Kind};
use pointsman_iso8583::Dialect;
use pointsman_sim_bank::{Bank, BankConfig, BankHandle, Totals};
use pointsman_sim_common::{Card, Exit, Wire};
use pointsman_sim_terminal::{
    EXAMPLE, PlayConfig, Scenario, StepResult, Summary, play, play_until,
};

fn wire(dialect: &str) -> Wire {
    Wire {
        framing: Framing::new(Kind::Ascii4),
        dialect: Dialect::builtin(dialect).unwrap(),
    }
}

async fn bank(wire: Wire, rules: &[&str]) -> BankHandle {
    let config = BankConfig::local(wire, rules).unwrap();
    Bank::start(config).await.unwrap()
}

fn config(bank: &BankHandle, wire: Wire, scenario: &str) -> PlayConfig {
    let scenario = Scenario::parse("test", scenario).unwrap_or_else(|errors| panic!("{errors:?}"));
    PlayConfig::new(
        bank.local_addr(),
        wire,
        vec![scenario],
        Card::named("visa").unwrap(),
    )
}

async fn results(config: PlayConfig) -> (Summary, Vec<StepResult>) {
    let mut results = Vec::new();
    let summary = play(config, |result| results.push(result.clone()))
        .await
        .unwrap();
    (summary, results)
}

/// Each result as a line: without the latency, which differs from run to run.
async fn played(bank: &BankHandle, scenario: &str) -> Vec<String> {
    let (_, results) = results(config(bank, wire("iso87-ascii"), scenario)).await;
    let line = |result: &StepResult| {
        let text = StepResult {
            latency_us: None,
            ..result.clone()
        }
        .text();
        text.lines().map(str::trim).collect::<Vec<_>>().join(" | ")
    };
    results.iter().map(line).collect()
}

#[tokio::test]
async fn the_example_succeeds_in_every_dialect_and_framing() {
    for name in Dialect::builtin_names() {
        for kind in Kind::ALL {
            let framing = Framing::new(kind)
                .with_tpdu(true)
                .with_keep_alive(KeepAlive::Echo);
            let wire = Wire {
                framing,
                dialect: Dialect::builtin(name).unwrap(),
            };
            let bank = bank(wire.clone(), &[]).await;
            let (summary, results) = results(config(&bank, wire, EXAMPLE)).await;
            assert_eq!(
                summary,
                Summary {
                    steps: 3,
                    failed: 0,
                    unreachable: 0,
                    interrupted: false,
                },
                "{name} {kind}: {results:#?}"
            );
            assert_eq!(summary.exit(), Exit::OK);
            let totals = Totals {
                approved: 3,
                approved_amount: 1_000 + 2_550 + 550,
                ..Totals::default()
            };
            assert_eq!(bank.ledger().unwrap().totals(), totals, "{name} {kind}");
        }
    }
}

#[tokio::test]
async fn a_failed_expectation_names_field_expected_and_found() {
    let rules = [
        "bin=5,answer=decline,code=51",
        "bin=4,answer=approve,set.41=ELSEWHER,set.2=4012888888881881,omit=4",
    ];
    let bank = bank(wire("iso87-ascii"), &rules).await;
    let (summary, results) = results(config(&bank, wire("iso87-ascii"), r#"
        fill = true
        [[step]]
        mti = "0200"
        fields = { 2 = "test:mastercard" }
        expect = { mti = "0110", 39 = ["00", "10"], 38 = "present", 11 = "same as sent", 54 = "absent" }
        [[step]]
        mti = "0200"
        expect = { 39 = "absent", 41 = "same as sent", 4 = "10.00", 2 = "test:visa" }
    "#)).await;
    let failures: Vec<Vec<_>> = results
        .iter()
        .map(|result| result.failures.iter().map(ToString::to_string).collect())
        .collect();
    assert_eq!(
        failures,
        [
            vec![
                "message type: expected 0110, found 0210",
                "field 38 (Authorization identification response): expected something, found absent",
                "field 39 (Response code): expected 00 or 10, found 51",
            ],
            vec![
                // Card numbers are masked even where they are wrong.
                "field 2 (Primary account number): expected 411111******1111, found 401288******1881",
                "field 4 (Amount, transaction): expected 000000001000, found absent",
                "field 39 (Response code): expected absent, found 00",
                "field 41 (Card acceptor terminal identification): expected TERM0001 as sent, found ELSEWHER",
            ],
        ]
    );
    assert_eq!((summary.failed, summary.exit()), (2, Exit::FAILED));
    let json = serde_json::to_value(&results[0]).unwrap();
    let failure = serde_json::json!({"field": 39, "name": "Response code", "expected": "00 or 10", "found": "51"});
    assert_eq!(json["failures"][2], failure);
    assert_eq!(
        (&json["ok"], &json["response_code"]),
        (&false.into(), &"51".into())
    );
}

#[tokio::test]
async fn silence_and_hanging_up_can_be_expected_or_not() {
    let bank = bank(
        wire("iso87-ascii"),
        &["amount=1.00,answer=drop", "amount=2.00,answer=close"],
    )
    .await;
    let scenario = r#"
        fill = true
        timeout = "40ms"
        [[step]]
        mti = "0200"
        fields = { 4 = "1.00" }
        expect = "timeout"
        [[step]]
        mti = "0200"
        fields = { 4 = "2.00" }
        expect = "closed"
        [[step]]
        mti = "0200"
        fields = { 4 = "1.00" }
        [[step]]
        mti = "0200"
        fields = { 4 = "2.00" }
        [[step]]
        mti = "0200"
        timeout = "20s"
        expect = "timeout"
        [[step]]
        mti = "0200"
        timeout = "20s"
        expect = "closed"
    "#;
    assert_eq!(
        played(&bank, scenario).await,
        [
            "ok   terminal 1 round 1  step 1: 0200",
            "ok   terminal 1 round 1  step 2: 0200",
            "FAIL terminal 1 round 1  step 3: 0200 | answer: expected an answer within 40.0 ms, found none",
            "FAIL terminal 1 round 1  step 4: 0200 | answer: expected an answer within 40.0 ms, found the connection closed",
            "FAIL terminal 1 round 1  step 5: 0200 → 0210 code 00 | answer: expected no answer within 20.00 s, found 0210 with code 00",
            "FAIL terminal 1 round 1  step 6: 0200 → 0210 code 00 | answer: expected the connection to be closed, found 0210 with code 00",
        ]
    );
}

#[tokio::test]
async fn a_second_answer_is_not_taken_for_the_next_one() {
    let bank = bank(wire("iso87-ascii"), &["times=1,answer=duplicate"]).await;
    let scenario = r#"
        fill = true
        [[step]]
        name = "first"
        mti = "0200"
        [[step]]
        name = "second"
        mti = "0200"
        expect = { 11 = "same as sent", 39 = "00" }
    "#;
    assert_eq!(
        played(&bank, scenario).await,
        [
            "ok   terminal 1 round 1  first: 0200 → 0210 code 00",
            "ok   terminal 1 round 1  second: 0200 → 0210 code 00 | note: 0210 to `first` came late or twice",
        ]
    );
}

#[tokio::test]
async fn an_answer_that_cannot_be_read_fails_with_the_place() {
    let bank = bank(wire("iso87-ascii"), &["answer=garbage"]).await;
    let lines = played(&bank, "fill = true\n[[step]]\nmti = \"0200\"\n").await;
    assert!(
        lines[0].contains("found one that cannot be read:"),
        "{lines:?}"
    );
}

#[tokio::test]
async fn broken_messages_are_refused_by_the_bank() {
    let bank = bank(wire("iso87-ascii"), &[]).await;
    // Field 3 has a letter: the type can be read, and with it the answer can be made.
    let scenario = r#"
        [[step]]
        raw = "30323030 32303230303030303030383030303030 30303030304B 303030303031 5445524D30303031"
        expect = { mti = "0210", 39 = "30" }
        [[step]]
        raw = "FF"
        expect = "closed"
        [[step]]
        bytes = "FFFFFFFF"
        expect = "closed"
    "#;
    assert_eq!(
        played(&bank, scenario).await,
        [
            "ok   terminal 1 round 1  step 1: → 0210 code 30",
            "ok   terminal 1 round 1  step 2:",
            "ok   terminal 1 round 1  step 3:",
        ]
    );
    bank.until(|stats| stats.connections_closed == 2).await;
    assert_eq!(
        (bank.stats().undecodable, bank.stats().broken_frames),
        (2, 1)
    );
}

#[tokio::test]
async fn a_reversal_takes_the_purchase_back_once() {
    let bank = bank(wire("iso87-bcd"), &[]).await;
    let scenario = r#"
        fill = true
        [[step]]
        name = "buy"
        mti = "0200"
        fields = { 4 = "7.00" }
        [[step]]
        name = "buy more"
        mti = "0200"
        fields = { 4 = "8.00" }
        [[step]]
        mti = "0400"
        fields = { 4 = "7.00", 90 = "original:buy" }
        expect = { mti = "0410", 39 = "00", 90 = "same as sent" }
        [[step]]
        mti = "0421"
        fields = { 4 = "7.00", 90 = "original:buy" }
        expect = { mti = "0430", 39 = "00" }
        [[step]]
        mti = "0400"
        fields = { 90 = "020099999911142213190000000000000000000000" }
        expect = { 39 = "25" }
        [[step]]
        mti = "0420"
        fields = { 90 = "020099999911142213190000000000000000000000" }
        expect = { 39 = "00" }
    "#;
    let (summary, results) = results(config(&bank, wire("iso87-bcd"), scenario)).await;
    assert_eq!(summary.failed, 0, "{results:#?}");
    let totals = Totals {
        approved: 2,
        approved_amount: 1_500,
        reversed: 1,
        reversed_amount: 700,
        reversals_unmatched: 2,
        ..Totals::default()
    };
    assert_eq!(bank.ledger().unwrap().totals(), totals);
    let reversed: Vec<_> = bank
        .ledger()
        .unwrap()
        .entries()
        .iter()
        .map(|entry| (entry.amount, entry.reversed))
        .collect();
    assert_eq!(reversed, [(700, true), (800, false)]);
}

#[tokio::test]
async fn a_repeat_gets_the_same_answer_and_is_booked_once() {
    let bank = bank(wire("iso87-mixed"), &[]).await;
    let scenario = r#"
        fill = true
        [[step]]
        name = "first"
        mti = "0200"
        [[step]]
        mti = "0201"
        fields = { 7 = "sent:7", 11 = "sent:11", 12 = "sent:12", 13 = "sent:13", 37 = "sent:37" }
        expect = { mti = "0210", 38 = "answer:first:38", 37 = "answer:first:37" }
    "#;
    let (summary, results) = results(config(&bank, wire("iso87-mixed"), scenario)).await;
    assert_eq!(summary.failed, 0, "{results:#?}");
    let totals = Totals {
        approved: 1,
        approved_amount: 1_000,
        repeats: 1,
        ..Totals::default()
    };
    assert_eq!(bank.ledger().unwrap().totals(), totals);
}

#[tokio::test]
async fn a_bank_can_insist_on_a_sign_on() {
    let wire = wire("iso87-ascii");
    let listen = "127.0.0.1:0".parse().unwrap();
    let bank = BankConfig {
        sign_on_required: true,
        ..BankConfig::new(listen, wire)
    };
    let bank = Bank::start(bank).await.unwrap();
    let scenario = r#"
        fill = true
        [[step]]
        mti = "0200"
        expect = { 39 = "91" }
        [[step]]
        mti = "0800"
        fields = { 70 = "001" }
        expect = { mti = "0810", 39 = "00", 70 = "001" }
        [[step]]
        mti = "0200"
        expect = { 39 = "00" }
        [[step]]
        mti = "0800"
        fields = { 70 = "002" }
        expect = { 39 = "00" }
        [[step]]
        mti = "0200"
        expect = { 39 = "91" }
    "#;
    let lines = played(&bank, scenario).await;
    assert!(lines.iter().all(|line| line.starts_with("ok")), "{lines:?}");
    let stats = bank.stats();
    assert_eq!(
        (
            stats.sign_ons,
            stats.sign_offs,
            stats.not_signed_on,
            stats.approved
        ),
        (1, 1, 2, 1)
    );
}

#[tokio::test]
async fn many_terminals_play_at_once_and_none_is_mistaken_for_another() {
    let wire = wire("iso87-ebcdic");
    let bank = bank(wire.clone(), &[]).await;
    let (terminals, rounds) = (20, 5);
    let (summary, results) = results(PlayConfig {
        terminals,
        rounds,
        ..config(&bank, wire, EXAMPLE)
    })
    .await;
    assert_eq!(
        summary,
        Summary {
            steps: 20 * 5 * 3,
            failed: 0,
            unreachable: 0,
            interrupted: false,
        },
        "{results:#?}"
    );
    let mut seen: Vec<_> = bank
        .ledger()
        .unwrap()
        .entries()
        .iter()
        .map(|entry| (entry.terminal, entry.stan))
        .collect();
    seen.sort_unstable_by_key(|(terminal, stan)| (terminal.as_str().to_owned(), *stan));
    assert_eq!(seen.len(), 300);
    assert_eq!((seen[0].0.as_str(), seen[0].1), ("TERM0001", 1));
    assert_eq!((seen[299].0.as_str(), seen[299].1), ("TERM0020", 15));
    seen.dedup();
    assert_eq!(
        seen.len(),
        300,
        "every purchase has a terminal and STAN of its own"
    );
}

#[tokio::test]
async fn nobody_there_is_told_apart_from_a_failure() {
    let wire = wire("iso87-ascii");
    let bank = bank(wire.clone(), &[]).await;
    let config = config(&bank, wire, EXAMPLE);
    bank.shutdown().await;
    let (summary, results) = results(config).await;
    assert_eq!(
        (summary, summary.exit()),
        (
            Summary {
                steps: 3,
                failed: 3,
                unreachable: 3,
                interrupted: false,
            },
            Exit::UNAVAILABLE
        )
    );
    assert!(
        results[0].failures[0]
            .to_string()
            .starts_with("connection: expected a listener at 127.0.0.1:")
    );
}

#[tokio::test]
async fn a_stop_leaves_the_summary_of_what_was_played() {
    let bank = bank(wire("iso87-ascii"), &["amount=2.00,answer=drop"]).await;
    let scenario = r#"
        [[step]]
        mti = "0200"
        fill = true
        fields = { 4 = "1.00" }

        [[step]]
        mti = "0200"
        fill = true
        timeout = "1h"
        fields = { 4 = "2.00" }
    "#;
    let config = config(&bank, wire("iso87-ascii"), scenario);
    let stop = bank.until(|stats| stats.requests == 2);
    let summary = play_until(config, stop, |_| {}).await.unwrap();
    let expected = Summary {
        steps: 1,
        interrupted: true,
        ..Summary::default()
    };
    assert_eq!((summary, summary.exit()), (expected, Exit::INTERRUPTED));
}

#[tokio::test]
async fn what_nobody_could_play_is_refused() {
    let bank = bank(wire("iso87-ascii"), &[]).await;
    let of = || config(&bank, wire("iso87-ascii"), EXAMPLE);
    let none = PlayConfig {
        terminals: 0,
        ..of()
    };
    let never = PlayConfig { rounds: 0, ..of() };
    let long = PlayConfig {
        terminals: 10,
        terminal_prefix: "TERMINAL"[..7].to_owned(),
        ..of()
    };
    for (config, message) in [
        (none, "terminals: expected 1 to 60000, found 0"),
        (never, "repeat: expected 1 or more, found 0"),
        (long, "terminal prefix: expected at most 6 characters"),
    ] {
        let failure = play(config, |_| {}).await.unwrap_err();
        assert_eq!(failure.exit, Exit::USAGE);
        assert!(failure.message.starts_with(message), "{failure}");
    }
}
