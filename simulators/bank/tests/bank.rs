//! A bank and a plain socket.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests fail like tests"
)]

use std::time::Duration;

use bytes::BytesMut;
use pointsman_framing::{FrameCodec, Framing, KeepAlive, Kind, Scan};
use pointsman_iso8583::{Builder, Dialect, Mti};
use pointsman_sim_bank::{Bank, BankConfig, BankHandle, LedgerConfig, StartError, rule_from_flag};
use pointsman_sim_common::Wire;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

fn wire() -> Wire {
    let framing = Framing::new(Kind::Binary2).with_keep_alive(KeepAlive::Echo);
    Wire {
        framing,
        dialect: Dialect::builtin("iso87-ascii").unwrap(),
    }
}

fn config(rules: &[&str]) -> BankConfig {
    let rules = rules
        .iter()
        .map(|rule| rule_from_flag(rule).unwrap())
        .collect();
    BankConfig {
        rules,
        ..BankConfig::new("127.0.0.1:0".parse().unwrap(), wire())
    }
}

async fn connect(bank: &BankHandle) -> TcpStream {
    TcpStream::connect(bank.local_addr()).await.unwrap()
}

fn purchase(stan: u32, amount: &str) -> BytesMut {
    let wire = wire();
    let mut message = BytesMut::new();
    let mut builder = Builder::new(&wire.dialect, &mut message, Mti::literal(b"0200"));
    builder.text(2, "4111111111111111").unwrap();
    builder.text(4, amount).unwrap();
    builder.text(11, &format!("{stan:06}")).unwrap();
    builder.text(41, "TERM0001").unwrap();
    builder.finish().unwrap();
    let mut frame = BytesMut::new();
    wire.codec().write(None, &message, &mut frame).unwrap();
    frame
}

/// Field 11 of the next `count` answers.
async fn stans(stream: &mut TcpStream, count: usize) -> Vec<String> {
    let (wire, codec) = (wire(), FrameCodec::new(wire().framing));
    let (mut input, mut stans) = (BytesMut::new(), Vec::new());
    while stans.len() < count {
        match codec.scan(&input).unwrap() {
            Scan::Frame { body, consumed, .. } => {
                let frame = input.split_to(consumed);
                stans.push(
                    wire.dialect
                        .view(&frame[body])
                        .unwrap()
                        .to_text(11)
                        .unwrap(),
                );
            }
            _ => assert_ne!(
                stream.read_buf(&mut input).await.unwrap(),
                0,
                "the bank hung up"
            ),
        }
    }
    assert!(input.is_empty(), "nothing but what was waited for");
    stans
}

#[tokio::test]
async fn messages_that_come_together_are_answered_in_order() {
    let bank = Bank::start(config(&[])).await.unwrap();
    let mut stream = connect(&bank).await;
    let mut many = BytesMut::new();
    (1..=50).for_each(|stan| many.extend_from_slice(&purchase(stan, "000000001000")));
    // Cut in the middle of a frame.
    let (first, second) = many.split_at(many.len() / 2 + 7);
    stream.write_all(first).await.unwrap();
    bank.until(|stats| stats.requests >= 25).await;
    stream.write_all(second).await.unwrap();
    let expected: Vec<_> = (1..=50).map(|stan| format!("{stan:06}")).collect();
    assert_eq!(stans(&mut stream, 50).await, expected);
}

#[tokio::test]
async fn a_late_answer_lets_the_others_pass() {
    let bank = Bank::start(config(&[
        "amount=1.00,answer=late,delay=60ms",
        "amount=2.00,answer=late,delay=30ms",
    ]));
    let bank = bank.await.unwrap();
    let mut stream = connect(&bank).await;
    for (stan, amount) in [
        (1, "000000000100"),
        (2, "000000000200"),
        (3, "000000000300"),
    ] {
        stream.write_all(&purchase(stan, amount)).await.unwrap();
    }
    assert_eq!(stans(&mut stream, 3).await, ["000003", "000002", "000001"]);
    assert_eq!((bank.stats().delayed, bank.stats().approved), (2, 3));
}

#[tokio::test]
async fn an_approval_can_be_lost_and_is_booked_all_the_same() {
    let bank = Bank::start(config(&["times=1,answer=lost"])).await.unwrap();
    let mut stream = connect(&bank).await;
    stream
        .write_all(&purchase(1, "000000000100"))
        .await
        .unwrap();
    stream
        .write_all(&purchase(2, "000000000200"))
        .await
        .unwrap();
    assert_eq!(stans(&mut stream, 1).await, ["000002"]);
    assert_eq!(bank.ledger().unwrap().totals().approved_amount, 300);
    assert_eq!((bank.stats().unanswered, bank.stats().approved), (1, 1));
}

#[tokio::test]
async fn the_totals_add_up() {
    let bank = Bank::start(config(&[
        "amount=1.00,answer=decline",
        "amount=2.00,answer=lost",
        "amount=3.00,answer=garbage",
        "amount=4.00,answer=duplicate",
        "amount=5.00,answer=drop",
        "amount=6.00,answer=late,delay=1h",
        "amount=7.00,answer=close",
    ]))
    .await
    .unwrap();
    let mut stream = connect(&bank).await;
    let mut frames = BytesMut::new();
    for amount in 1..=7 {
        frames.extend_from_slice(&purchase(amount, &format!("{:012}", 100 * amount)));
    }
    stream.write_all(&frames).await.unwrap();
    bank.until(|stats| stats.connections_closed == 1).await;
    let stats = bank.shutdown().await;
    assert_eq!(
        stats.text(),
        "7 requests = 2 approved + 1 declined + 2 unanswered + 1 answered with garbage + 1 closed instead of answered\n\
         1 answers sent twice, 1 answers held back, 1 of those never sent"
    );
}

#[tokio::test]
async fn keep_alives_are_echoed() {
    let bank = Bank::start(config(&[])).await.unwrap();
    let mut stream = connect(&bank).await;
    stream.write_all(&[0, 0, 0, 0]).await.unwrap();
    let mut echoed = [1; 4];
    stream.read_exact(&mut echoed).await.unwrap();
    assert_eq!((echoed, bank.stats().keep_alives), ([0; 4], 2));
}

#[tokio::test]
async fn what_was_answered_before_a_broken_frame_is_still_sent() {
    let bank = Bank::start(config(&[])).await.unwrap();
    let mut stream = connect(&bank).await;
    let mut bytes = purchase(7, "000000000100");
    bytes.extend_from_slice(&[0xFF, 0xFF]);
    stream.write_all(&bytes).await.unwrap();
    assert_eq!(stans(&mut stream, 1).await, ["000007"]);
    assert_eq!(
        stream.read(&mut [0; 1]).await.unwrap(),
        0,
        "then it hangs up"
    );
    bank.until(|stats| stats.connections_closed == 1).await;
    assert_eq!(bank.stats().broken_frames, 1);
}

#[tokio::test]
async fn a_stop_closes_connections_and_keeps_the_books() {
    let bank = Bank::start(config(&["amount=1.00,answer=late,delay=1h"]))
        .await
        .unwrap();
    let mut stream = connect(&bank).await;
    stream
        .write_all(&purchase(1, "000000000100"))
        .await
        .unwrap();
    stream
        .write_all(&purchase(2, "000000000200"))
        .await
        .unwrap();
    assert_eq!(stans(&mut stream, 1).await, ["000002"]);
    let (address, ledger) = (bank.local_addr(), bank.ledger().unwrap().clone());
    let stats = bank.shutdown().await;
    assert_eq!(
        (stats.connections_open(), stats.delayed_lost, stats.approved),
        (0, 1, 2)
    );
    assert_eq!(stream.read(&mut [0; 1]).await.unwrap(), 0);
    assert!(
        TcpStream::connect(address).await.is_err(),
        "nobody listens any more"
    );
    assert_eq!(ledger.totals().approved_amount, 300);
}

#[tokio::test]
async fn a_peer_that_never_reads_does_not_hold_up_the_stop() {
    let bank = Bank::start(config(&[])).await.unwrap();
    let stream = connect(&bank).await;
    let frame = purchase(1, "000000000100");
    // Until both sides' buffers are full of answers that nobody reads.
    let stuck = async {
        loop {
            stream.writable().await.unwrap();
            if stream.try_write(&frame).is_err()
                && tokio::time::timeout(Duration::from_millis(100), stream.writable())
                    .await
                    .is_err()
            {
                return;
            }
        }
    };
    stuck.await;
    let stats = tokio::time::timeout(Duration::from_secs(10), bank.shutdown())
        .await
        .unwrap();
    assert!(stats.requests > 0);
}

#[tokio::test]
async fn the_ledger_file_has_every_booking_and_no_card_number() {
    let directory = std::env::temp_dir().join(format!("pointsman-bank-{}", std::process::id()));
    std::fs::create_dir_all(&directory).unwrap();
    let path = directory.join("ledger.jsonl");
    let ledger = LedgerConfig::On {
        entries_max: 10,
        file: Some(path.clone()),
    };
    let bank = Bank::start(BankConfig {
        ledger,
        ..config(&["amount=9.00,answer=decline"])
    })
    .await
    .unwrap();
    let mut stream = connect(&bank).await;
    for (stan, amount) in [
        (1, "000000000100"),
        (2, "000000000900"),
        (3, "000000000300"),
    ] {
        stream.write_all(&purchase(stan, amount)).await.unwrap();
    }
    stans(&mut stream, 3).await;
    // The lines are there before the answers leave.
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::remove_dir_all(&directory).unwrap();
    let lines: Vec<serde_json::Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let seen = lines.iter().map(|line| {
        (
            line["stan"].as_str().unwrap(),
            line["amount"].as_u64().unwrap(),
        )
    });
    assert_eq!(seen.collect::<Vec<_>>(), [("000001", 100), ("000003", 300)]);
    assert_eq!(
        (&lines[0]["bin"], &lines[0]["terminal"]),
        (&"411111".into(), &"TERM0001".into())
    );
    assert!(!text.contains("411111111111"), "{text}");
}

#[tokio::test]
async fn what_cannot_start_says_why() {
    let bank = Bank::start(config(&[])).await.unwrap();
    let taken = Bank::start(BankConfig {
        listen: bank.local_addr(),
        ..config(&[])
    })
    .await
    .unwrap_err();
    assert!(matches!(taken, StartError::Listen { .. }), "{taken}");
    let rule = Bank::start(config(&["answer=drop", "answer=approve,set.4=5"]))
        .await
        .unwrap_err();
    assert!(rule.to_string().starts_with("rule 2: field 4"), "{rule}");
    let both = Bank::start(config(&[
        "answer=approve,set.4=5",
        "answer=approve,set.11=x",
    ]))
    .await
    .unwrap_err()
    .to_string();
    let lines: Vec<_> = both.lines().collect();
    assert!(
        lines.len() == 2 && lines[1].starts_with("rule 2: field 11"),
        "{both}"
    );
    let code = Bank::start(config(&["answer=decline,code=116"]))
        .await
        .unwrap_err();
    assert!(code.to_string().starts_with("rule 1: field 39"), "{code}");
    let file = Some("/nowhere/at/all".into());
    let ledger = BankConfig {
        ledger: LedgerConfig::On {
            entries_max: 1,
            file,
        },
        ..config(&[])
    };
    let ledger = Bank::start(ledger).await.unwrap_err();
    assert!(
        ledger
            .to_string()
            .starts_with("cannot write the ledger to /nowhere/at/all: "),
        "{ledger}"
    );
}
