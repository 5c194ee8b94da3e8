//! What the options make of a load.

use super::*;

use clap::Parser;
use pointsman_framing::{Framing, Kind};
use pointsman_iso8583::Dialect;
use pointsman_sim_bank::{Bank, BankConfig, BankHandle, rule_from_flag};
use pointsman_sim_common::Wire;

#[derive(Parser)]
struct Command {
    #[command(flatten)]
    args: Args,
}

fn args(words: &str) -> Result<Args, clap::Error> {
    let words = std::iter::once("load").chain(words.split_whitespace());
    Command::try_parse_from(words).map(|command| command.args)
}

fn parsed(words: &str) -> Args {
    args(words).unwrap_or_else(|error| panic!("{error}"))
}

async fn bank() -> BankHandle {
    let wire = Wire {
        framing: Framing::new(Kind::Ascii4),
        dialect: Dialect::builtin("iso87-bcd").unwrap(),
    };
    let rules = vec![rule_from_flag("bin=51,answer=decline,code=51").unwrap()];
    let listen = "127.0.0.1:0".parse().unwrap();
    Bank::start(BankConfig {
        rules,
        ..BankConfig::new(listen, wire)
    })
    .await
    .unwrap()
}

#[tokio::test]
async fn options_make_a_load_and_its_report() {
    let bank = bank().await;
    let words = format!(
        "--to {} --framing ascii-4 --dialect iso87-bcd --closed --in-flight 2 --connections 3 --count 60 --bin 4,51 \
         --amount 5.00 --field 48=loyal --field 55= --quiet --threshold p99<10s --threshold declined<1% --threshold \
         errors==0",
        bank.local_addr()
    );
    let report = perform(&parsed(&words)).await.unwrap();
    assert_eq!((report.sent, report.errors), (60, 0), "{report:?}");
    assert_eq!(report.approved_amount, report.approved * 500);
    let names: Vec<_> = report.mix.iter().map(|part| part.name.as_str()).collect();
    assert_eq!(names, ["bin 4", "bin 51"]);
    assert_eq!((report.mix[0].declined, report.mix[1].approved), (0, 0));
    let kept: Vec<_> = report.thresholds.iter().map(|verdict| verdict.ok).collect();
    assert_eq!((kept, report.passed()), (vec![true, false, true], false));

    let json: serde_json::Value = serde_json::to_value(&report).unwrap();
    for name in [
        "sent",
        "answered",
        "approved",
        "declined",
        "timeouts",
        "lost",
        "mismatched",
        "unexpected",
    ] {
        assert!(json[name].is_u64(), "{name}: {json}");
    }
    for name in ["p50", "p90", "p99", "p999", "max"] {
        assert!(
            json["latency_us"][name]
                .as_u64()
                .is_some_and(|latency| latency > 0),
            "{name}: {json}"
        );
    }
    assert!(json["duration_seconds"].is_f64() && json["rate"].is_f64());
    assert_eq!(json["response_codes"]["51"], report.declined);
    let text = report.text();
    assert!(
        text.contains("threshold declined<1%: CROSSED") && text.contains("errors: none"),
        "{text}"
    );
}

#[tokio::test]
async fn options_that_make_no_sense_say_so() {
    for (words, message) in [
        ("--bin 4x", "--bin 4x: no such test card"),
        ("--card test:viza", "--card: no such test card"),
        (
            "--amount 2.00-1.00",
            "--amount: amount: `2.00-1.00`: the first amount is the larger one",
        ),
        (
            "--field 1=x",
            "--field 1=x: expected N=VALUE with N from 2 to 128",
        ),
        ("--dialect iso87-asci", "--dialect iso87-asci: "),
        ("--rate 0", "the rate must be above 0"),
        ("--connections 0", "connections: expected 1 to 60000"),
        ("--in-flight 0", "requests in flight: expected 1 to 100000"),
        ("--to nowhere", "nowhere: "),
    ] {
        let failure = perform(&parsed(words)).await.unwrap_err();
        assert_eq!(failure.exit, Exit::USAGE, "{words}: {failure}");
        assert!(failure.message.starts_with(message), "{words}: {failure}");
    }
    for words in [
        "--closed --rate 5",
        "--closed --ramp 1s",
        "--threshold p99",
        "--duration 5",
    ] {
        assert!(args(words).is_err(), "{words}");
    }
}
