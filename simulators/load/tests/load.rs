//! Loads against a bank, over loopback.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests fail like tests"
)]

use std::future::pending;
use std::time::Duration;

use pointsman_framing::{Framing, Kind};
use pointsman_iso8583::Dialect;
use pointsman_sim_bank::{Bank, BankConfig, BankHandle, LedgerConfig};
use pointsman_sim_common::{Card, Exit, Wire};
use pointsman_sim_load::{
    LoadConfig, Mix, MixItem, Pace, Report, Threshold, run_load, run_load_until,
};

fn wire(dialect: &str) -> Wire {
    Wire {
        framing: Framing::new(Kind::Binary2),
        dialect: Dialect::builtin(dialect).unwrap(),
    }
}

async fn bank(wire: Wire, rules: &[&str]) -> BankHandle {
    let config = BankConfig::local(wire, rules).unwrap();
    Bank::start(config).await.unwrap()
}

fn visa() -> Mix {
    Mix::new(vec![MixItem::purchases(
        "visa",
        Card::named("visa").unwrap(),
    )])
    .unwrap()
}

/// So many requests, as fast as they come back.
fn closed(bank: &BankHandle, wire: Wire, count: u64) -> LoadConfig {
    LoadConfig {
        pace: Pace::Closed,
        count: Some(count),
        duration: None,
        in_flight_max: 4,
        ..LoadConfig::new(bank.local_addr(), wire, visa())
    }
}

/// A hundred requests a second without an end.
fn endless(bank: &BankHandle, timeout: Duration) -> LoadConfig {
    LoadConfig {
        pace: Pace::Open {
            rate: 100.0,
            ramp: Duration::ZERO,
        },
        in_flight_max: 64,
        count: None,
        timeout,
        progress_every: Duration::from_millis(20),
        ..closed(bank, wire("iso87-ascii"), 0)
    }
}

async fn run(config: LoadConfig) -> Report {
    run_load(config, pending(), |_| {}).await.unwrap()
}

#[tokio::test]
async fn an_open_loop_sends_all_that_is_due_and_the_ledger_agrees() {
    let bank = bank(
        wire("iso87-ascii"),
        &["amount=50.00-,answer=decline,code=51"],
    )
    .await;
    let pace = Pace::Open {
        rate: 4_000.0,
        ramp: Duration::from_millis(100),
    };
    let config = LoadConfig {
        pace,
        threads: 2,
        ..closed(&bank, wire("iso87-ascii"), 1_000)
    };
    let report = run(config).await;
    assert_eq!(
        (report.sent, report.answered, report.errors),
        (1_000, 1_000, 0),
        "{report:?}"
    );
    assert_eq!(report.approved + report.declined, 1_000);
    assert_eq!(
        report.response_codes,
        [
            ("00".into(), report.approved),
            ("51".into(), report.declined)
        ]
        .into()
    );
    assert!(
        report.approved > 300 && report.declined > 300,
        "amounts are spread: {report:?}"
    );
    let totals = bank.ledger().unwrap().totals();
    assert_eq!(
        (totals.approved, totals.approved_amount),
        (report.approved, report.approved_amount)
    );
    // 1,000 requests at 4,000 a second take 0.25 s, and a ramp of 0.1 s takes 0.05 s longer.
    assert!(
        report.duration_seconds > 0.28,
        "{}",
        report.duration_seconds
    );
}

#[tokio::test]
async fn a_closed_loop_keeps_to_its_count_in_every_dialect() {
    for name in Dialect::builtin_names() {
        let framing = Framing::new(Kind::Bcd2).with_tpdu(true);
        let wire = Wire {
            framing,
            dialect: Dialect::builtin(name).unwrap(),
        };
        let bank = bank(wire.clone(), &[]).await;
        let mix = Mix::new(vec![
            MixItem::purchases("visa", Card::named("visa").unwrap()),
            MixItem {
                weight: 3,
                ..MixItem::purchases("51", Card::of_bin("51", 7).unwrap())
            },
        ]);
        let config = LoadConfig {
            threads: 2,
            mix: mix.unwrap(),
            ..closed(&bank, wire, 400)
        };
        let report = run(config).await;
        assert_eq!(
            (report.sent, report.approved, report.errors),
            (400, 400, 0),
            "{name}: {report:?}"
        );
        assert_eq!(report.echo_missing, 0, "{name}");
        let totals = bank.ledger().unwrap().totals();
        assert_eq!(
            (totals.approved, totals.approved_amount),
            (400, report.approved_amount),
            "{name}"
        );
        let by_bin = |bin: &str| {
            bank.ledger()
                .unwrap()
                .entries()
                .iter()
                .filter(|entry| entry.bin.as_str().starts_with(bin))
                .count() as u64
        };
        let [four, five] = &report.mix[..] else {
            panic!("two parts")
        };
        assert_eq!(
            (four.approved, five.approved),
            (by_bin("4"), by_bin("51")),
            "{name}"
        );
        assert!(five.sent > four.sent, "{name}: {report:?}");
    }
}

#[tokio::test]
async fn wrong_answers_are_counted_for_what_they_are() {
    let rules = [
        "amount=1.00,answer=approve,set.41=ELSEWHER",
        "amount=2.00,answer=approve,set.4=000000000001",
        "amount=3.00,answer=duplicate",
        "amount=4.00,answer=approve,set.11=999999",
        "amount=5.00,answer=garbage",
        "amount=6.00,answer=approve,code=10,set.4=000000000001",
        "amount=7.00,answer=approve,omit=4|41|42",
    ];
    let bank = bank(wire("iso87-bcd"), &rules).await;
    let of = |amount: u64, count| {
        let item = MixItem {
            amount: (amount, amount),
            ..MixItem::purchases("visa", Card::named("visa").unwrap())
        };
        let mix = Mix::new(vec![item]).unwrap();
        let timeout = Duration::from_millis(200);
        LoadConfig {
            mix,
            timeout,
            connections: 1,
            in_flight_max: 1,
            ..closed(&bank, wire("iso87-bcd"), count)
        }
    };
    let report = run(of(100, 5)).await;
    assert_eq!(
        (report.mismatched, report.errors, report.answered),
        (5, 5, 5),
        "{report:?}"
    );
    assert_eq!(
        report.problems[0].message,
        "field 41: not that of the request, found ELSEWHER"
    );
    let report = run(of(200, 5)).await;
    assert_eq!((report.mismatched, report.errors), (5, 5), "{report:?}");
    assert_eq!(
        report.problems[0].message,
        "field 4 (amount): expected 200, found 1"
    );
    let report = run(of(300, 6)).await;
    // The second answer to the last one may come after the end.
    assert!(
        (5..=6).contains(&report.unexpected) && report.errors == report.unexpected,
        "{report:?}"
    );
    assert_eq!(
        (report.answered, report.problems[0].message.as_str()),
        (6, "0210 to nothing that is open here")
    );
    let report = run(of(400, 1)).await;
    assert_eq!(
        (
            report.unexpected,
            report.timeouts,
            report.answered,
            report.errors
        ),
        (1, 1, 0, 2),
        "{report:?}"
    );
    let report = run(of(500, 1)).await;
    assert_eq!(
        (report.undecodable, report.timeouts, report.errors),
        (1, 1, 2),
        "{report:?}"
    );
    let report = run(of(600, 3)).await;
    assert_eq!(
        (report.approved, report.approved_amount, report.errors),
        (3, 3, 0),
        "a part: {report:?}"
    );
    let report = run(of(700, 2)).await;
    assert_eq!(
        (report.echo_missing, report.errors, report.approved),
        (6, 0, 2),
        "{report:?}"
    );
}

#[tokio::test]
async fn silence_and_cut_connections_are_told_apart() {
    let bank = bank(
        wire("iso87-mixed"),
        &["times=3,answer=drop", "times=2,answer=close"],
    )
    .await;
    let timeout = Duration::from_millis(100);
    let config = LoadConfig {
        connections: 1,
        in_flight_max: 1,
        timeout,
        ..closed(&bank, wire("iso87-mixed"), 10)
    };
    let report = run(config).await;
    assert_eq!(
        (report.sent, report.timeouts, report.lost, report.answered),
        (10, 3, 2, 5),
        "{report:?}"
    );
    assert_eq!(
        (report.disconnects, report.errors),
        (2, 5),
        "it connects again: {report:?}"
    );
}

/// A bank that stalls once: with a latency counted from sending, only one request would have noticed.
#[tokio::test]
async fn a_stall_shows_in_all_that_was_due_meanwhile() {
    let bank = bank(wire("iso87-ascii"), &["times=1,answer=late,delay=400ms"]).await;
    let pace = Pace::Open {
        rate: 200.0,
        ramp: Duration::ZERO,
    };
    let config = LoadConfig {
        pace,
        connections: 1,
        in_flight_max: 1,
        ..closed(&bank, wire("iso87-ascii"), 80)
    };
    let report = run(config).await;
    assert_eq!((report.answered, report.errors), (80, 0), "{report:?}");
    assert!(
        report.latency_us.p50 > 100_000,
        "due during the stall, and late: {report:?}"
    );
    assert!(
        report.service_us.p50 < 100_000,
        "but quick once sent: {report:?}"
    );
    assert!(
        report.latency_us.max >= 400_000 && report.service_us.max >= 400_000,
        "{report:?}"
    );
}

#[tokio::test]
async fn what_never_found_room_is_an_error() {
    let bank = bank(wire("iso87-ascii"), &["answer=drop"]).await;
    let pace = Pace::Open {
        rate: 100.0,
        ramp: Duration::ZERO,
    };
    let config = LoadConfig {
        pace,
        connections: 2,
        in_flight_max: 1,
        count: None,
        duration: Some(Duration::from_millis(200)),
        timeout: Duration::from_secs(1),
        ..closed(&bank, wire("iso87-ascii"), 0)
    };
    let report = run(config).await;
    assert_eq!(
        (report.sent, report.timeouts, report.unsent, report.errors),
        (2, 2, 18, 20),
        "{report:?}"
    );
    assert!(
        report.duration_seconds < 0.9,
        "giving up is not part of the load: {}",
        report.duration_seconds
    );
}

#[tokio::test]
async fn it_can_be_stopped_and_finishes_what_is_open() {
    let bank = bank(wire("iso87-ebcdic"), &[]).await;
    let config = LoadConfig {
        count: None,
        duration: None,
        progress_every: Duration::from_millis(20),
        ..closed(&bank, wire("iso87-ebcdic"), 0)
    };
    let (stop, stopped) = tokio::sync::oneshot::channel();
    let mut stop = Some(stop);
    let mut seen = Vec::new();
    let stopped = async { stopped.await.unwrap() };
    let report = run_load(config, stopped, |progress| {
        seen.push(*progress);
        if let Some(stop) = stop.take_if(|_| progress.answered > 0) {
            stop.send(()).unwrap();
        }
    });
    let report = report.await.unwrap();
    assert!(
        report.sent > 0 && report.sent == report.answered && report.errors == 0,
        "{report:?}"
    );
    assert_eq!(bank.ledger().unwrap().totals().approved, report.approved);
    let last = seen.last().unwrap();
    assert!(
        last.answered > 0
            && last.rate > 0.0
            && last.p99 >= last.p50
            && last.approved == last.answered,
        "{last:?}"
    );
}

/// Waiting for what is open takes as long as the time-out, and the schedule goes on meanwhile.
#[tokio::test]
async fn what_falls_due_after_a_stop_is_not_missing() {
    let bank = bank(wire("iso87-ascii"), &["answer=drop"]).await;
    let config = endless(&bank, Duration::from_millis(300));
    let stop = bank.until(|stats| stats.requests >= 3);
    let report = run_load(config, stop, |_| {}).await.unwrap();
    assert_eq!(
        (report.unsent, report.timeouts, report.errors),
        (0, report.sent, report.sent),
        "{report:?}"
    );
}

#[tokio::test]
async fn a_second_stop_does_not_wait() {
    let bank = bank(wire("iso87-ascii"), &["answer=drop"]).await;
    let config = endless(&bank, Duration::from_secs(60));
    let stop = bank.until(|stats| stats.requests >= 3);
    let stop_waiting = bank.until(|stats| stats.requests >= 3);
    let report = run_load_until(config, stop, stop_waiting, |_| {});
    let report = tokio::time::timeout(Duration::from_secs(10), report)
        .await
        .unwrap()
        .unwrap();
    assert!(report.sent >= 3, "{report:?}");
    assert_eq!(
        (report.abandoned, report.errors),
        (report.sent, 0),
        "{report:?}"
    );
    assert!(
        report.text().contains(" still open, not waited for\n"),
        "{}",
        report.text()
    );
}

#[tokio::test]
async fn limits_are_judged_on_what_happened() {
    let bank = bank(wire("iso87-ascii"), &["share=0.5,answer=decline,code=51"]).await;
    let report = run(closed(&bank, wire("iso87-ascii"), 200)).await;
    let judge = |text: &str| text.parse::<Threshold>().unwrap().judge(&report).ok;
    assert!(judge("p99<10s") && judge("errors==0") && judge("rc51>1%") && judge("mismatched==0"));
    assert!(!judge("declined<1%") && !judge("p50<1us") && !judge("rate>10000000"));
}

#[tokio::test]
async fn nobody_there_is_unavailable() {
    let bank = bank(wire("iso87-ascii"), &[]).await;
    let config = LoadConfig {
        connect_timeout: Duration::from_secs(3600),
        ..closed(&bank, wire("iso87-ascii"), 1)
    };
    bank.shutdown().await;
    // Each connection was refused: there is no use in waiting for the time-out.
    let refused = run_load(config, pending(), |_| {});
    let failure = tokio::time::timeout(Duration::from_secs(10), refused)
        .await
        .unwrap()
        .unwrap_err();
    assert_eq!(failure.exit, Exit::UNAVAILABLE);
    assert!(
        failure
            .message
            .starts_with("0 of 10 connections to 127.0.0.1:"),
        "{failure}"
    );
}

#[tokio::test]
async fn a_message_that_the_dialect_cannot_write_is_refused_before_connecting() {
    let bank = bank(wire("unionpay-pos"), &[]).await;
    let mut item = MixItem::purchases("odd", Card::named("visa").unwrap());
    item.fields.insert(100, Some("1".to_owned()));
    let mix = Mix::new(vec![item]).unwrap();
    let config = LoadConfig {
        mix,
        ..closed(&bank, wire("unionpay-pos"), 1)
    };
    let failure = run_load(config, pending(), |_| {}).await.unwrap_err();
    assert_eq!(
        (failure.exit, failure.message.as_str()),
        (Exit::DATA, "odd: field 100 is not defined in unionpay-pos")
    );
    assert_eq!(bank.stats().connections_accepted, 0);
}

/// The banks of a load test keep no ledger, and serve on threads of their own.
#[tokio::test]
async fn a_bank_without_a_ledger_on_its_own_threads_answers_all_the_same() {
    let wire = wire("iso87-ascii");
    let listen = "127.0.0.1:0".parse().unwrap();
    let config = BankConfig {
        ledger: LedgerConfig::Off,
        threads: 2,
        ..BankConfig::new(listen, wire.clone())
    };
    let bank = Bank::start(config).await.unwrap();
    let report = run(LoadConfig {
        connections: 100,
        ..closed(&bank, wire, 2_000)
    })
    .await;
    assert_eq!((report.approved, report.errors), (2_000, 0), "{report:?}");
    bank.until(|stats| stats.connections_closed == 100).await;
    let stats = bank.shutdown().await;
    assert_eq!((stats.approved, stats.connections_accepted), (2_000, 100));
}
