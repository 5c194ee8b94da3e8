//! A purchase from a terminal through the switch to the right bank and back,
//! over real sockets, with the real binary.

#![expect(clippy::panic, reason = "a test that cannot go on has failed")]

use std::net::SocketAddr;

use pointsman_framing::{Framing, Kind, Tpdu};
use pointsman_iso8583::Dialect;
use pointsman_test_e2e::peer::message;
use pointsman_test_e2e::{Host, Peer, SwitchProcess};

const VISA: &str = "4111111111111111";
const MASTERCARD: &str = "5555555555554444";

/// The purchase of a terminal, without the field that names the card.
fn purchase<'a>(pan: &'a str, stan: &'a str, terminal: &'a str) -> Vec<(u8, &'a str)> {
    vec![
        (2, pan),
        (3, "000000"),
        (4, "000000001999"),
        (7, "1124101530"),
        (11, stan),
        (12, "101530"),
        (13, "1124"),
        (14, "3012"),
        (18, "5411"),
        (22, "051"),
        (25, "00"),
        (41, terminal),
        (42, "MERCHANT0000001"),
        (49, "978"),
        (52, "0123456789ABCDEF"),
        (55, "9F2608A1B2C3D4E5F607089F2701809F360200FF"),
    ]
}

struct Setup {
    alpha: Host,
    bravo: Host,
    switch: SwitchProcess,
}

impl Setup {
    /// Terminals in BCD; alpha takes Visa in ASCII, bravo Mastercard in EBCDIC.
    async fn start(name: &str, timeout: &str) -> anyhow::Result<Self> {
        let alpha = Host::listen(Framing::new(Kind::Ascii4), &dialect("iso87-ascii")).await?;
        let bravo = Host::listen(Framing::new(Kind::Binary2), &dialect("iso87-ebcdic")).await?;
        let switch =
            SwitchProcess::start(name, &config(alpha.address()?, bravo.address()?, timeout))
                .await?;
        Ok(Self {
            alpha,
            bravo,
            switch,
        })
    }

    async fn terminal(&self) -> anyhow::Result<Peer> {
        Peer::connect(
            self.switch.listener(0)?,
            Framing::new(Kind::Binary2),
            &dialect("iso87-bcd"),
        )
        .await
    }
}

fn dialect(name: &str) -> std::sync::Arc<Dialect> {
    Dialect::builtin(name).unwrap_or_else(|| panic!("{name} is built in"))
}

fn config(alpha: SocketAddr, bravo: SocketAddr, timeout: &str) -> String {
    format!(
        r#"
[switch]
threads = 2
drain_timeout = "20s"

[[listener]]
name = "pos"
bind = "127.0.0.1:0"
framing = "binary-2"
dialect = "iso87-bcd"

[[listener]]
name = "nac"
bind = "127.0.0.1:0"
framing = {{ kind = "binary-2", tpdu = true }}
dialect = "iso87-bcd"

[[listener]]
name = "unionpay"
bind = "127.0.0.1:0"
framing = "binary-2"
dialect = "unionpay-pos"

[[link]]
name = "alpha"
connect = ["{alpha}"]
framing = "ascii-4"
dialect = "iso87-ascii"
match = [11, 41]
timeout = "{timeout}"
sign_on = true
echo = "30s"

[[link]]
name = "bravo"
connect = ["{bravo}"]
framing = "binary-2"
dialect = "iso87-ebcdic"
timeout = "{timeout}"
sign_on = true

[[route]]
bin = ["4"]
link = "alpha"

[[route]]
bin = ["510000-559999"]
link = "bravo"

[metrics]
bind = "127.0.0.1:0"
"#
    )
}

/// Waits until both banks have seen a sign-on, so that routes are open.
async fn signed_on(setup: &mut Setup) -> anyhow::Result<(Peer, Peer)> {
    let alpha = setup.alpha.accept_signed_on().await?;
    let bravo = setup.bravo.accept_signed_on().await?;
    for _ in 0..2 {
        setup.switch.wait_for_log("signed_on").await?;
    }
    Ok((alpha, bravo))
}

#[tokio::test]
async fn goes_to_the_right_bank_and_comes_back() -> anyhow::Result<()> {
    let mut setup = Setup::start("right-bank", "15s").await?;
    let (mut alpha, mut bravo) = signed_on(&mut setup).await?;
    let mut terminal = setup.terminal().await?;

    for (bank, pan, stan) in [
        (&mut alpha, VISA, "000007"),
        (&mut bravo, MASTERCARD, "000008"),
    ] {
        terminal
            .send("0200", &purchase(pan, stan, "TERM0001"))
            .await?;
        let request = bank.expect_message().await?;
        // The bank sees every field of the terminal in its own dialect, under
        // the STAN of the link.
        for (field, value) in purchase(pan, stan, "TERM0001") {
            if field != 11 {
                assert_eq!(
                    bank.text(&request, field).as_deref(),
                    Some(value),
                    "field {field}"
                );
            }
        }
        assert_eq!(bank.view(&request)?.mti().to_string(), "0200");

        bank.answer(&request, "00", &[(37, "612345678901"), (38, "A1B2C3")])
            .await?;
        let answer = terminal.expect_message().await?;
        assert_eq!(terminal.view(&answer)?.mti().to_string(), "0210");
        for (field, value) in [
            (3, "000000"),
            (4, "000000001999"),
            (7, "1124101530"),
            (11, stan),
            (12, "101530"),
            (13, "1124"),
            (37, "612345678901"),
            (38, "A1B2C3"),
            (39, "00"),
            (41, "TERM0001"),
            (42, "MERCHANT0000001"),
            (49, "978"),
        ] {
            assert_eq!(
                terminal.text(&answer, field).as_deref(),
                Some(value),
                "field {field}"
            );
        }
        // A PIN block goes one way only.
        assert_eq!(terminal.text(&answer, 52), None);
    }
    Ok(())
}

#[tokio::test]
async fn many_in_flight_are_matched_whatever_their_order() -> anyhow::Result<()> {
    let mut setup = Setup::start("many", "15s").await?;
    let (mut alpha, _bravo) = signed_on(&mut setup).await?;
    let mut terminal = setup.terminal().await?;

    // The same STAN twice, from two terminals behind one connection.
    let stans = ["000001", "000002", "000002", "000003"];
    let terminals = ["TERM0001", "TERM0001", "TERM0002", "TERM0003"];
    for (stan, id) in stans.iter().zip(terminals) {
        terminal.send("0200", &purchase(VISA, stan, id)).await?;
    }
    let mut requests = Vec::new();
    for _ in stans {
        requests.push(alpha.expect_message().await?);
    }
    let mut own: Vec<_> = requests
        .iter()
        .filter_map(|request| alpha.text(request, 11))
        .collect();
    own.sort();
    own.dedup();
    assert_eq!(
        own.len(),
        stans.len(),
        "every request has a STAN of its own on the link"
    );

    for (position, request) in requests.iter().enumerate().rev() {
        let code = format!("A{position:05}");
        alpha.answer(request, "00", &[(38, &code)]).await?;
        let answer = terminal.expect_message().await?;
        assert_eq!(terminal.text(&answer, 11).as_deref(), Some(stans[position]));
        assert_eq!(
            terminal.text(&answer, 41).as_deref(),
            Some(terminals[position])
        );
        assert_eq!(terminal.text(&answer, 38), Some(code));
    }
    Ok(())
}

#[tokio::test]
async fn a_card_without_a_route_is_declined_92() -> anyhow::Result<()> {
    let mut setup = Setup::start("no-route", "15s").await?;
    let _banks = signed_on(&mut setup).await?;
    let mut terminal = setup.terminal().await?;
    terminal
        .send("0200", &purchase("6011000990139424", "000009", "TERM0001"))
        .await?;
    let answer = terminal.expect_message().await?;
    assert_eq!(terminal.view(&answer)?.mti().to_string(), "0210");
    assert_eq!(terminal.text(&answer, 39).as_deref(), Some("92"));
    assert_eq!(terminal.text(&answer, 11).as_deref(), Some("000009"));
    assert_eq!(terminal.text(&answer, 41).as_deref(), Some("TERM0001"));
    let metrics = metrics(&setup.switch).await?;
    assert_has(
        &metrics,
        r#"pointsman_declines_total{listener="pos",reason="no_route"} 1"#,
    );
    Ok(())
}

#[tokio::test]
async fn a_link_that_is_down_is_declined_91() -> anyhow::Result<()> {
    let setup = Setup::start("link-down", "15s").await?;
    // Nobody answers the sign-on, so the link is not up.
    let mut terminal = setup.terminal().await?;
    terminal
        .send("0200", &purchase(VISA, "000010", "TERM0001"))
        .await?;
    let answer = terminal.expect_message().await?;
    assert_eq!(terminal.text(&answer, 39).as_deref(), Some("91"));
    Ok(())
}

#[tokio::test]
async fn a_bank_that_does_not_answer_is_declined_68_and_its_late_answer_goes_nowhere()
-> anyhow::Result<()> {
    let mut setup = Setup::start("late", "300ms").await?;
    let (mut alpha, _bravo) = signed_on(&mut setup).await?;
    let mut terminal = setup.terminal().await?;
    terminal
        .send("0200", &purchase(VISA, "000011", "TERM0001"))
        .await?;
    let late = alpha.expect_message().await?;
    let answer = terminal.expect_message().await?;
    assert_eq!(terminal.text(&answer, 39).as_deref(), Some("68"));
    assert_eq!(terminal.text(&answer, 11).as_deref(), Some("000011"));

    // Its approval comes after all, then the next purchase is answered: the
    // terminal hears the second answer only.
    alpha.answer(&late, "00", &[(38, "LATE01")]).await?;
    setup.switch.wait_for_log("Late").await?;
    terminal
        .send("0200", &purchase(VISA, "000012", "TERM0001"))
        .await?;
    let request = alpha.expect_message().await?;
    alpha.answer(&request, "00", &[(38, "INTIME")]).await?;
    let answer = terminal.expect_message().await?;
    assert_eq!(terminal.text(&answer, 38).as_deref(), Some("INTIME"));
    assert_eq!(terminal.text(&answer, 11).as_deref(), Some("000012"));
    let metrics = metrics(&setup.switch).await?;
    assert_has(
        &metrics,
        r#"pointsman_declines_total{listener="pos",reason="timeout"} 1"#,
    );
    assert_has(
        &metrics,
        r#"pointsman_link_events_total{link="alpha",event="late"} 1"#,
    );
    Ok(())
}

#[tokio::test]
async fn an_answer_that_does_not_decode_is_declined_96() -> anyhow::Result<()> {
    let mut setup = Setup::start("undecodable", "15s").await?;
    let (mut alpha, _bravo) = signed_on(&mut setup).await?;
    let mut terminal = setup.terminal().await?;
    terminal
        .send("0200", &purchase(VISA, "000013", "TERM0001"))
        .await?;
    let request = alpha.expect_message().await?;
    let answer = pointsman_test_e2e::peer::answer(
        alpha.dialect(),
        &request,
        "00",
        &[(38, "A1B2C3"), (54, "x")],
    )?;
    // One byte too many: everything up to it is readable, the message is not.
    let mut broken = answer.to_vec();
    broken.push(b'?');
    alpha.send_body(&broken).await?;
    let answer = terminal.expect_message().await?;
    assert_eq!(terminal.text(&answer, 39).as_deref(), Some("96"));
    assert_eq!(terminal.text(&answer, 11).as_deref(), Some("000013"));
    Ok(())
}

#[tokio::test]
async fn what_does_not_decode_is_answered_30_or_closes_the_connection() -> anyhow::Result<()> {
    let mut setup = Setup::start("format", "15s").await?;
    let _banks = signed_on(&mut setup).await?;
    let mut terminal = setup.terminal().await?;
    // A letter where field 49 has digits or letters is fine; a nibble above 9 in
    // the amount is not, and the MTI before it is readable.
    let mut broken = message(
        terminal.dialect(),
        "0200",
        &purchase(VISA, "000014", "TERM0001"),
    )?
    .to_vec();
    let amount = terminal.view(&broken)?.wire_range(4).unwrap();
    broken[amount.start] = 0xFF;
    terminal.send_body(&broken).await?;
    let answer = terminal.expect_message().await?;
    assert_eq!(terminal.view(&answer)?.mti().to_string(), "0210");
    assert_eq!(terminal.text(&answer, 39).as_deref(), Some("30"));

    terminal.send_body(b"GET / HTTP/1.1\r\n\r\n").await?;
    terminal.expect_close().await?;
    let metrics = metrics(&setup.switch).await?;
    assert_has(
        &metrics,
        r#"pointsman_unreadable_total{listener="pos",answered="no"} 1"#,
    );
    assert_has(
        &metrics,
        r#"pointsman_unreadable_total{listener="pos",answered="yes"} 1"#,
    );
    Ok(())
}

#[tokio::test]
async fn a_link_that_is_cut_declines_what_was_sent_and_comes_back() -> anyhow::Result<()> {
    let mut setup = Setup::start("cut", "15s").await?;
    let (mut alpha, _bravo) = signed_on(&mut setup).await?;
    let mut terminal = setup.terminal().await?;
    terminal
        .send("0200", &purchase(VISA, "000015", "TERM0001"))
        .await?;
    alpha.expect_message().await?;
    drop(alpha);
    let answer = terminal.expect_message().await?;
    let code = terminal.text(&answer, 39);
    assert_eq!(
        code.as_deref(),
        Some("91"),
        "the bank may have approved: a decline, and a reversal due"
    );

    let mut alpha = setup.alpha.accept_signed_on().await?;
    setup.switch.wait_for_log("signed_on").await?;
    terminal
        .send("0200", &purchase(VISA, "000016", "TERM0001"))
        .await?;
    let request = alpha.expect_message().await?;
    alpha.answer(&request, "51", &[]).await?;
    let answer = terminal.expect_message().await?;
    assert_eq!(terminal.text(&answer, 39).as_deref(), Some("51"));
    let metrics = metrics(&setup.switch).await?;
    assert_has(&metrics, r#"pointsman_reversals_due_total{link="alpha","#);
    Ok(())
}

#[tokio::test]
async fn sigterm_finishes_what_is_in_flight_signs_off_and_exits_0() -> anyhow::Result<()> {
    let mut setup = Setup::start("drain", "15s").await?;
    let (mut alpha, mut bravo) = signed_on(&mut setup).await?;
    let mut terminal = setup.terminal().await?;
    terminal
        .send("0200", &purchase(VISA, "000017", "TERM0001"))
        .await?;
    let request = alpha.expect_message().await?;

    setup.switch.terminate().await?;
    setup.switch.wait_for_log("draining").await?;
    alpha.answer(&request, "00", &[(38, "A1B2C3")]).await?;
    let answer = terminal.expect_message().await?;
    assert_eq!(terminal.text(&answer, 39).as_deref(), Some("00"));
    terminal.expect_close().await?;

    for bank in [&mut alpha, &mut bravo] {
        let sign_off = bank.expect_message().await?;
        assert_eq!(bank.text(&sign_off, 70).as_deref(), Some("002"));
        bank.answer(&sign_off, "00", &[]).await?;
        bank.expect_close().await?;
    }
    let status = setup.switch.wait().await?;
    assert_eq!(status.code(), Some(0));
    Ok(())
}

#[tokio::test]
async fn a_tpdu_comes_back_with_its_addresses_swapped() -> anyhow::Result<()> {
    let mut setup = Setup::start("tpdu", "15s").await?;
    let _banks = signed_on(&mut setup).await?;
    let framing = Framing::new(Kind::Binary2);
    let mut terminal =
        Peer::connect(setup.switch.listener(1)?, framing, &dialect("iso87-bcd")).await?;
    let tpdu = Tpdu::new([0x60, 0x00, 0x03, 0x12, 0x34]);
    let mut body = tpdu.bytes().to_vec();
    body.extend(message(
        terminal.dialect(),
        "0800",
        &[(11, "000001"), (70, "301")],
    )?);
    terminal.send_body(&body).await?;
    let answer = terminal.expect_message().await?;
    assert_eq!(&answer[..5], &[0x60, 0x12, 0x34, 0x00, 0x03]);
    assert_eq!(terminal.text(&answer[5..], 39).as_deref(), Some("00"));
    Ok(())
}

#[tokio::test]
async fn a_unionpay_terminal_buys_at_an_ascii_bank() -> anyhow::Result<()> {
    let mut setup = Setup::start("unionpay", "15s").await?;
    let (mut alpha, _bravo) = signed_on(&mut setup).await?;
    let mut terminal = Peer::connect(
        setup.switch.listener(2)?,
        Framing::new(Kind::Binary2),
        &dialect("unionpay-pos"),
    )
    .await?;
    terminal
        .send(
            "0200",
            &[
                (2, VISA),
                (3, "000000"),
                (4, "000000000100"),
                (11, "000021"),
                (22, "051"),
                (23, "001"),
                (25, "00"),
                (35, "4111111111111111D30122010000000000"),
                (41, "TERM0001"),
                (42, "MERCHANT0000001"),
                (49, "156"),
                (60, "22000001000600"),
            ],
        )
        .await?;
    let request = alpha.expect_message().await?;
    assert_eq!(
        alpha.text(&request, 35).as_deref(),
        Some("4111111111111111=30122010000000000")
    );
    assert_eq!(alpha.text(&request, 23).as_deref(), Some("001"));
    alpha
        .answer(&request, "00", &[(37, "612345678901"), (38, "A1B2C3")])
        .await?;
    let answer = terminal.expect_message().await?;
    let view = terminal.view(&answer)?;
    assert_eq!(
        view.header(),
        &[0x60, 0, 0, 0, 0x03, 0x60, 0x31, 0x00, 0x31, 0x01, 0x00]
    );
    for (field, value) in [
        (4, "000000000100"),
        (11, "000021"),
        (39, "00"),
        (41, "TERM0001"),
        (42, "MERCHANT0000001"),
    ] {
        assert_eq!(
            terminal.text(&answer, field).as_deref(),
            Some(value),
            "field {field}"
        );
    }
    Ok(())
}

#[tokio::test]
async fn a_message_in_pieces_and_two_in_one_are_the_same() -> anyhow::Result<()> {
    let mut setup = Setup::start("pieces", "15s").await?;
    let (mut alpha, _bravo) = signed_on(&mut setup).await?;
    let mut terminal = setup.terminal().await?;
    let body = message(
        terminal.dialect(),
        "0200",
        &purchase(VISA, "000022", "TERM0001"),
    )?;
    let mut wire = u16::try_from(body.len())?.to_be_bytes().to_vec();
    wire.extend_from_slice(&body);
    for byte in &wire {
        terminal.send_raw(&[*byte]).await?;
    }
    let both = [wire.clone(), wire].concat();
    terminal.send_raw(&both).await?;
    for _ in 0..3 {
        let request = alpha.expect_message().await?;
        alpha.answer(&request, "00", &[(38, "A1B2C3")]).await?;
    }
    for _ in 0..3 {
        let answer = terminal.expect_message().await?;
        assert_eq!(terminal.text(&answer, 11).as_deref(), Some("000022"));
        assert_eq!(terminal.text(&answer, 39).as_deref(), Some("00"));
    }
    Ok(())
}

#[tokio::test]
async fn a_terminal_that_ends_its_sending_side_still_hears_its_answer() -> anyhow::Result<()> {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let mut setup = Setup::start("half-close", "15s").await?;
    let (mut alpha, _bravo) = signed_on(&mut setup).await?;
    let body = message(
        &dialect("iso87-bcd"),
        "0200",
        &purchase(VISA, "000023", "TERM0001"),
    )?;
    let mut stream = tokio::net::TcpStream::connect(setup.switch.listener(0)?).await?;
    stream
        .write_all(&u16::try_from(body.len())?.to_be_bytes())
        .await?;
    stream.write_all(&body).await?;
    stream.shutdown().await?;
    let request = alpha.expect_message().await?;
    alpha.answer(&request, "00", &[(38, "A1B2C3")]).await?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    let dialect = dialect("iso87-bcd");
    assert_eq!(
        dialect.view(&answer[2..]).unwrap().to_text(39).as_deref(),
        Some("00")
    );
    Ok(())
}

#[tokio::test]
async fn an_approval_whose_terminal_is_gone_is_a_reversal_due() -> anyhow::Result<()> {
    let mut setup = Setup::start("gone", "15s").await?;
    let (mut alpha, _bravo) = signed_on(&mut setup).await?;
    let mut terminal = setup.terminal().await?;
    terminal
        .send("0200", &purchase(VISA, "000024", "TERM0001"))
        .await?;
    let request = alpha.expect_message().await?;
    // Reset, not closed: it will not hear its answer.
    terminal.reset().await?;
    setup.switch.wait_for_log("terminal lost").await?;
    alpha.answer(&request, "00", &[(38, "A1B2C3")]).await?;
    setup.switch.wait_for_log("found its terminal gone").await?;
    let metrics = metrics(&setup.switch).await?;
    assert_has(
        &metrics,
        r#"pointsman_reversals_due_total{link="alpha",cause="undelivered"} 1"#,
    );
    assert_has(
        &metrics,
        r#"pointsman_undelivered_total{listener="pos",approved="yes"} 1"#,
    );
    Ok(())
}

#[tokio::test]
async fn what_was_declined_is_not_sent_when_a_stalled_bank_reads_again() -> anyhow::Result<()> {
    use std::collections::HashSet;
    let mut setup = Setup::start("stalled", "1s").await?;
    let (mut alpha, _bravo) = signed_on(&mut setup).await?;
    let mut terminal = setup.terminal().await?;
    // The bank reads nothing until its socket and the switch's are full.
    let mut told = HashSet::new();
    for round in 0..6 {
        let stans: Vec<String> = (0..1_000)
            .map(|n| format!("{:06}", round * 1_000 + n + 1))
            .collect();
        for stan in &stans {
            terminal
                .send("0200", &purchase(VISA, stan, "TERM0001"))
                .await?;
        }
        for _ in &stans {
            let answer = terminal.expect_message().await?;
            assert!(
                ["68", "91"].contains(&terminal.text(&answer, 39).unwrap_or_default().as_str()),
                "nothing was answered, so nothing is approved"
            );
            told.insert(terminal.text(&answer, 11));
        }
    }
    assert_eq!(told.len(), 6_000, "every request has its answer");
    // Now it reads: what the kernel had taken, no more than the buffers hold,
    // and then the end of a connection that was given up.
    let mut seen = 0;
    while let Ok(Some(_)) = alpha.receive().await {
        seen += 1;
    }
    assert!(
        seen < 8_000,
        "{seen} of 8000 declined requests reached the bank"
    );
    let metrics = metrics(&setup.switch).await?;
    assert_has(
        &metrics,
        r#"pointsman_link_events_total{link="alpha",event="stalled"}"#,
    );
    Ok(())
}

#[tokio::test]
async fn the_end_of_the_operators_terminal_does_not_end_the_switch() -> anyhow::Result<()> {
    let mut setup = Setup::start("hangup", "15s").await?;
    let (mut alpha, _bravo) = signed_on(&mut setup).await?;
    let mut terminal = setup.terminal().await?;
    terminal
        .send("0200", &purchase(VISA, "000025", "TERM0001"))
        .await?;
    let request = alpha.expect_message().await?;
    for signal in ["-HUP", "-USR1", "-USR2"] {
        setup.switch.signal(signal).await?;
        setup.switch.wait_for_log("ignored").await?;
    }
    alpha.answer(&request, "00", &[(38, "A1B2C3")]).await?;
    let answer = terminal.expect_message().await?;
    assert_eq!(terminal.text(&answer, 39).as_deref(), Some("00"));
    Ok(())
}

async fn metrics(switch: &SwitchProcess) -> anyhow::Result<String> {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let mut stream = tokio::net::TcpStream::connect(switch.metrics()?).await?;
    stream
        .write_all(b"GET /metrics HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
        .await?;
    let mut text = String::new();
    stream.read_to_string(&mut text).await?;
    Ok(text)
}

#[track_caller]
fn assert_has(metrics: &str, series: &str) {
    assert!(metrics.contains(series), "{series} is not in:\n{metrics}");
}
