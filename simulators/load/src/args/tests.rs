//! What the options make of a load.

use super::*;

use clap::Parser;
use pointsman_framing::{Framing, Kind};
use pointsman_iso8583::Dialect;
use pointsman_sim_bank::{Bank, BankConfig, BankHandle};
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
    bank_with("bin=51,answer=decline,code=51").await
}

async fn bank_with(rule: &str) -> BankHandle {
    let wire = Wire {
        framing: Framing::new(Kind::Ascii4),
        dialect: Dialect::builtin("iso87-bcd").unwrap(),
    };
    let config = BankConfig::local(wire, &[rule]).unwrap();
    Bank::start(config).await.unwrap()
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
    let (report, interrupted) = perform(&parsed(&words)).await.unwrap();
    assert!(!interrupted);
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
async fn errors_are_no_success_unless_they_are_allowed() {
    let bank = bank_with("times=2,answer=drop").await;
    let load = |more: &str| {
        let words = format!(
            "--to {} --framing ascii-4 --dialect iso87-bcd --closed --connections 1 --count 3 --timeout 10ms --quiet {more}",
            bank.local_addr()
        );
        async move { perform(&parsed(&words)).await.unwrap().0 }
    };
    let report = load("").await;
    assert_eq!((report.timeouts, report.answered), (2, 1), "{report:?}");
    assert_eq!(outcome(&report, false, false), Ok(Exit::FAILED));
    assert_eq!(outcome(&report, false, true), Ok(Exit::OK));
    let report = load("").await;
    assert_eq!(outcome(&report, true, false), Ok(Exit::OK), "{report:?}");

    let bank = bank_with("answer=drop").await;
    let load = |more: &str| {
        let words = format!(
            "--to {} --framing ascii-4 --dialect iso87-bcd --closed --connections 1 --count 2 --timeout 10ms --quiet {more}",
            bank.local_addr()
        );
        async move { perform(&parsed(&words)).await.unwrap().0 }
    };
    for (limits, exit) in [
        ("--threshold timeouts<=2", Exit::OK),
        ("--threshold errors<=100%", Exit::OK),
        ("--threshold lost==0", Exit::FAILED),
        ("--threshold errors==0", Exit::THRESHOLD),
        ("--threshold declined<1%", Exit::THRESHOLD),
    ] {
        assert_eq!(
            outcome(&load(limits).await, false, false),
            Ok(exit),
            "{limits}"
        );
    }
}

#[tokio::test]
async fn a_load_that_sent_nothing_says_so() {
    let bank = bank().await;
    let words = format!(
        "--to {} --framing ascii-4 --dialect iso87-bcd --duration 0s --quiet",
        bank.local_addr()
    );
    let (report, _) = perform(&parsed(&words)).await.unwrap();
    let failure = outcome(&report, false, false).unwrap_err();
    assert_eq!(
        (failure.exit, failure.message.as_str()),
        (Exit::FAILED, "nothing was sent")
    );
    let mut cut_short = report.clone();
    (cut_short.sent, cut_short.abandoned) = (3, 3);
    assert_eq!(outcome(&cut_short, true, true), Ok(Exit::INTERRUPTED));
    let failure = outcome(&report, true, true).unwrap_err();
    assert_eq!(failure.exit, Exit::INTERRUPTED);
    assert_eq!(failure.message, "stopped before anything was sent");
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
            "--field 1=x: expected N=VALUE with N from 2 to 192",
        ),
        ("--dialect iso87-asci", "--dialect iso87-asci: "),
        ("--rate 0", "the rate must be above 0"),
        ("--connections 0", "connections: expected 1 to 60000"),
        ("--in-flight 0", "requests in flight: expected 1 to 100000"),
        ("--to nowhere", "`nowhere` is no address"),
        ("--threads 0", "threads: expected 1 to 64"),
        ("--count 0", "count: expected 1 or more"),
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
