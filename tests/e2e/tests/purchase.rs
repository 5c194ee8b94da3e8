//! A purchase from a terminal through the switch to the right bank and back,
//! over real sockets, with the real binary.

use pointsman_framing::{Framing, Kind};
use pointsman_test_e2e::{MASTERCARD, Peer, Setup, VISA, dialect, purchase};

#[tokio::test]
async fn goes_to_the_right_bank_and_comes_back() -> anyhow::Result<()> {
    let (setup, mut alpha, mut bravo) = Setup::signed_on("right-bank", "15s").await?;
    let mut terminal = setup.terminal().await?;

    for (bank, pan, stan) in [
        (&mut alpha, VISA, "000007"),
        (&mut bravo, MASTERCARD, "000008"),
    ] {
        terminal.buy(pan, stan, "TERM0001").await?;
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
    let (setup, mut alpha, _bravo) = Setup::signed_on("many", "15s").await?;
    let mut terminal = setup.terminal().await?;

    // The same STAN twice, from two terminals behind one connection.
    let stans = ["000001", "000002", "000002", "000003"];
    let terminals = ["TERM0001", "TERM0001", "TERM0002", "TERM0003"];
    for (stan, id) in stans.iter().zip(terminals) {
        terminal.buy(VISA, stan, id).await?;
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
async fn a_unionpay_terminal_buys_at_an_ascii_bank() -> anyhow::Result<()> {
    let (setup, mut alpha, _bravo) = Setup::signed_on("unionpay", "15s").await?;
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
