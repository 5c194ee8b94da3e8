//! `send` against a bank in the same process.

use super::*;

use clap::Parser;
use pointsman_framing::{Framing, Kind};
use pointsman_sim_bank::{Bank, BankConfig, BankHandle};

#[derive(Parser)]
struct Command {
    #[command(flatten)]
    args: Args,
}

async fn bank(dialect: &str, rules: &[&str]) -> BankHandle {
    let wire = Wire {
        framing: Framing::new(Kind::Binary2),
        dialect: Dialect::builtin(dialect).unwrap(),
    };
    let config = BankConfig::local(wire, rules).unwrap();
    Bank::start(config).await.unwrap()
}

async fn send(to: &str, words: &str) -> Result<(u8, String), Failure> {
    let words = ["send", "--to", to].into_iter().chain(words.split(' '));
    let args = Command::try_parse_from(words)
        .unwrap_or_else(|error| panic!("{error}"))
        .args;
    perform(&args)
        .await
        .map(|(verdict, text)| (verdict.exit().code(), text))
}

const PURCHASE: &str = "0200 2=test:visa 3=000000 4=10.00 11=auto 41=auto 42=auto 49=978";

#[tokio::test]
async fn the_exit_status_says_what_the_bank_said() {
    let bank = bank(
        "iso87-ascii",
        &[
            "amount=51.00,answer=decline,code=51",
            "amount=68.00,answer=drop",
            "amount=65.00,answer=garbage",
            "amount=69.00,answer=close",
            "amount=39.00,answer=approve,omit=39",
            "amount=10.10,answer=approve,code=10,set.4=000000000500",
        ],
    )
    .await;
    let to = bank.local_addr().to_string();
    for (amount, exit, last) in [
        ("10.00", 0, "approved with code 00 after"),
        ("10.10", 0, "approved with code 10 after"),
        ("51.00", 10, "declined with code 51 after"),
        ("68.00", 11, "no answer within"),
        ("65.00", 65, "an answer after"),
        ("69.00", 11, "the other side closed the connection after"),
        ("39.00", 65, "undecided after"),
    ] {
        let words = PURCHASE.replace("10.00", amount)
            + if amount == "68.00" {
                " --timeout 50ms"
            } else {
                ""
            };
        let (code, text) = send(&to, &words).await.unwrap();
        let end = text.lines().last().unwrap();
        assert_eq!(code, exit, "{amount}: {text}");
        assert!(end.starts_with(last), "{end}");
    }
    let (code, text) = send(&to, "0800 7=auto 11=auto 70=301").await.unwrap();
    assert_eq!(code, 0, "{text}");
}

#[tokio::test]
async fn what_is_not_its_answer_is_passed_over() {
    for (rule, difference) in [
        (
            "answer=approve,set.11=999999",
            "0210 with field 11 999999, expected 000077",
        ),
        (
            "answer=approve,set.41=ELSEWHER",
            "0210 with field 41 ELSEWHER, expected TERM0001",
        ),
        (
            "answer=approve,set.4=000000000001",
            "0210 with field 4 000000000001, expected 000000001000",
        ),
    ] {
        let bank = bank("iso87-ascii", &[rule]).await;
        let words = format!("{PURCHASE} --stan 77 --timeout 50ms --json");
        let (code, text) = send(&bank.local_addr().to_string(), &words).await.unwrap();
        let object: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(code, Exit::TIMEOUT.code(), "{text}");
        assert_eq!(object["result"], "timeout", "{text}");
        assert_eq!(object["passed_over"][0], difference);
    }
    // What an answer leaves out cannot be wrong.
    let bank = bank("iso87-ascii", &["answer=approve,omit=4|11|41"]).await;
    let (code, text) = send(&bank.local_addr().to_string(), PURCHASE)
        .await
        .unwrap();
    assert_eq!(code, 0, "{text}");
}

#[test]
fn an_answer_answers_the_type_that_was_sent() {
    let dialect = Dialect::builtin("iso87-ascii").unwrap();
    let message = |mti: &str| {
        let mut out = bytes::BytesMut::new();
        let mut builder = pointsman_iso8583::Builder::new(&dialect, &mut out, mti.parse().unwrap());
        builder.text(11, "000001").unwrap();
        builder.finish().unwrap();
        out
    };
    let of = |sent: &str, found: &str| {
        let (sent, found) = (message(sent), message(found));
        difference(
            &dialect.view(&sent).unwrap(),
            &dialect.view(&found).unwrap(),
        )
    };
    assert_eq!(of("0200", "0210"), None);
    assert_eq!(of("0201", "0210"), None);
    assert_eq!(of("0420", "0430"), None);
    assert_eq!(
        of("0200", "0110").as_deref(),
        Some("0110 is no answer to 0200, which is 0210")
    );
    assert_eq!(
        of("0200", "0800").as_deref(),
        Some("0800 came from the other side")
    );
}

#[tokio::test]
async fn both_messages_are_explained_and_masked() {
    let bank = bank("iso87-ascii", &[]).await;
    let to = bank.local_addr().to_string();
    let (_, text) = send(&to, &format!("{PURCHASE} 35=auto")).await.unwrap();
    assert!(
        text.starts_with("→ iso87-ascii message") && text.contains("\n← iso87-ascii message"),
        "{text}"
    );
    assert!(text.contains("411111******1111"), "{text}");
    assert!(!text.contains("4111111111111111"), "{text}");

    let (_, text) = send(&to, &format!("{PURCHASE} --json --stan 77"))
        .await
        .unwrap();
    let object: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(object["request"]["fields"]["2"], "411111******1111");
    assert_eq!(object["answer"]["mti"], "0210");
    assert_eq!(object["answer"]["fields"]["11"], "000077");
    assert_eq!(
        (&object["result"], &object["response_code"]),
        (&"approved".into(), &"00".into())
    );
}

#[tokio::test]
async fn filling_makes_a_whole_purchase_in_every_dialect() {
    for dialect in Dialect::builtin_names() {
        let bank = bank(dialect, &[]).await;
        let words = format!("0200 2=test:mastercard 4=12.34 --fill --dialect {dialect}");
        let (code, text) = send(&bank.local_addr().to_string(), &words).await.unwrap();
        assert_eq!(code, 0, "{text}");
        let [entry] = &bank.ledger().unwrap().entries()[..] else {
            panic!("one entry")
        };
        assert_eq!(
            (entry.amount, entry.bin.as_str(), entry.terminal.as_str()),
            (1234, "555555", "TERM0001")
        );
    }
}

#[tokio::test]
async fn what_cannot_be_sent_says_why() {
    for (words, message) in [
        (
            "0200 4=1.0",
            "field 4 (Amount, transaction): `1.0` is not an amount",
        ),
        (
            "0200 2=4111111111111111 2=test:visa",
            "field 2 is given twice",
        ),
        ("0200 1=x", "`1=x`: expected N=VALUE"),
        ("0200 11", "`11`: expected N=VALUE"),
        ("0210 11=auto", "0210 is an answer"),
        (
            "0200 39=auto",
            "field 39 (Response code) has no automatic value",
        ),
        ("0200 41=much-too-long", "field 41"),
        (
            "0200 37=sent:11",
            "field 37: `sent:11`: no such step was played before",
        ),
    ] {
        let failure = send("127.0.0.1:1", words).await.unwrap_err();
        assert_eq!(failure.exit, Exit::USAGE, "{words}");
        assert!(
            failure.message.starts_with(message),
            "{words}: {}",
            failure.message
        );
    }
}

/// Takes a request, writes some bytes and closes.
async fn closes_after(answer: &'static [u8]) -> String {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let to = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        // The length of the request's frame, and the request.
        let length = stream.read_u16().await.unwrap();
        let mut request = vec![0; usize::from(length)];
        stream.read_exact(&mut request).await.unwrap();
        stream.write_all(answer).await.unwrap();
    });
    to
}

#[tokio::test]
async fn whoever_closes_was_there() {
    let (code, text) = send(&closes_after(b"").await, PURCHASE).await.unwrap();
    assert_eq!(code, Exit::TIMEOUT.code(), "{text}");
    assert!(text.ends_with("without an answer"), "{text}");

    let unfinished = send(&closes_after(b"\x01\x000210").await, PURCHASE).await;
    let failure = unfinished.unwrap_err();
    assert_eq!(failure.exit, Exit::DATA, "{failure}");
    assert!(failure.message.starts_with("end of stream inside a frame"));
}

#[tokio::test]
async fn nobody_there_is_unavailable() {
    let bank = bank("iso87-ascii", &[]).await;
    let to = bank.local_addr().to_string();
    bank.shutdown().await;
    let failure = send(&to, PURCHASE).await.unwrap_err();
    assert_eq!(failure.exit, Exit::UNAVAILABLE);
    assert!(
        failure.message.starts_with("cannot connect to 127.0.0.1:"),
        "{}",
        failure.message
    );
    assert!(failure.hint.is_some());
}
