//! What the switch answers itself, and what it must never answer.

use pointsman_framing::{Framing, Kind};
use pointsman_test_e2e::peer::message;
use pointsman_test_e2e::{Peer, Setup, VISA, assert_has, dialect, purchase};

#[tokio::test]
async fn a_card_without_a_route_is_declined_92() -> anyhow::Result<()> {
    let (setup, _alpha, _bravo) = Setup::signed_on("no-route", "15s").await?;
    let mut terminal = setup.terminal().await?;
    terminal
        .buy("6011000990139424", "000009", "TERM0001")
        .await?;
    let answer = terminal.expect_message().await?;
    assert_eq!(terminal.view(&answer)?.mti().to_string(), "0210");
    assert_eq!(terminal.text(&answer, 39).as_deref(), Some("92"));
    assert_eq!(terminal.text(&answer, 11).as_deref(), Some("000009"));
    assert_eq!(terminal.text(&answer, 41).as_deref(), Some("TERM0001"));
    let metrics = setup.switch.metrics_text().await?;
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
    terminal.buy(VISA, "000010", "TERM0001").await?;
    let answer = terminal.expect_message().await?;
    assert_eq!(terminal.text(&answer, 39).as_deref(), Some("91"));
    Ok(())
}

#[tokio::test]
async fn a_bank_that_does_not_answer_is_declined_68_and_its_late_answer_goes_nowhere()
-> anyhow::Result<()> {
    let (mut setup, mut alpha, _bravo) = Setup::signed_on("late", "300ms").await?;
    let mut terminal = setup.terminal().await?;
    terminal.buy(VISA, "000011", "TERM0001").await?;
    let late = alpha.expect_message().await?;
    let answer = terminal.expect_message().await?;
    assert_eq!(terminal.text(&answer, 39).as_deref(), Some("68"));
    assert_eq!(terminal.text(&answer, 11).as_deref(), Some("000011"));

    // What the bank may hold is taken back at once.
    alpha.expect_reversal(&late).await?;

    // Its approval comes after all, then the next purchase is answered: the
    // terminal hears the second answer only.
    alpha.answer(&late, "00", &[(38, "LATE01")]).await?;
    setup.switch.wait_for_log("late answer").await?;
    // The bank had nothing to take back before: it is told again.
    alpha.expect_reversal(&late).await?;
    terminal.buy(VISA, "000012", "TERM0001").await?;
    let request = alpha.expect_message().await?;
    alpha.answer(&request, "00", &[(38, "INTIME")]).await?;
    let answer = terminal.expect_message().await?;
    assert_eq!(terminal.text(&answer, 38).as_deref(), Some("INTIME"));
    assert_eq!(terminal.text(&answer, 11).as_deref(), Some("000012"));
    let metrics = setup.switch.metrics_text().await?;
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
    let (setup, mut alpha, _bravo) = Setup::signed_on("undecodable", "15s").await?;
    let mut terminal = setup.terminal().await?;
    terminal.buy(VISA, "000013", "TERM0001").await?;
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
    let (setup, _alpha, _bravo) = Setup::signed_on("format", "15s").await?;
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
    let metrics = setup.switch.metrics_text().await?;
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
async fn an_approval_whose_terminal_is_gone_is_a_reversal_due() -> anyhow::Result<()> {
    let (mut setup, mut alpha, _bravo) = Setup::signed_on("gone", "15s").await?;
    let mut terminal = setup.terminal().await?;
    terminal.buy(VISA, "000024", "TERM0001").await?;
    let request = alpha.expect_message().await?;
    // Reset, not closed: it will not hear its answer.
    terminal.reset().await?;
    setup.switch.wait_for_log("terminal lost").await?;
    alpha.approve(&request).await?;
    setup.switch.wait_for_log("found its terminal gone").await?;
    alpha.expect_reversal(&request).await?;
    let metrics = setup.switch.metrics_text().await?;
    assert_has(
        &metrics,
        r#"pointsman_reversals_due_total{link="alpha",cause="undeliverable"} 1"#,
    );
    assert_has(
        &metrics,
        r#"pointsman_undelivered_total{listener="pos",approved="yes"} 1"#,
    );
    Ok(())
}

/// The listener `nac` refuses what its dialect's rules do not allow; the others do not look.
#[tokio::test]
async fn a_request_that_lacks_a_field_is_declined_30_where_that_is_asked_for() -> anyhow::Result<()>
{
    let (mut setup, mut alpha, _bravo) = Setup::signed_on("presence", "15s").await?;
    let mut fields = purchase(VISA, "000014", "TERM0001");
    fields.retain(|(number, _)| *number != 4);

    let address = setup.switch.listener(1)?;
    let framing = Framing::new(Kind::Binary2).with_tpdu(true);
    let mut strict = Peer::connect(address, framing, &dialect("iso87-bcd")).await?;
    strict.send("0200", &fields).await?;
    let answer = strict.expect_message().await?;
    assert_eq!(strict.text(&answer, 39).as_deref(), Some("30"));
    assert_eq!(strict.text(&answer, 11).as_deref(), Some("000014"));
    let told = setup
        .switch
        .wait_for_log("breaks a rule of the dialect")
        .await?;
    assert_eq!(told["field"], 4, "{told}");
    let metrics = setup.switch.metrics_text().await?;
    assert_has(
        &metrics,
        r#"pointsman_incomplete_total{listener="nac",link="-",problem="missing",refused="yes"} 1"#,
    );

    let mut terminal = setup.terminal().await?;
    terminal.send("0200", &fields).await?;
    let request = alpha.expect_message().await?;
    alpha.approve(&request).await?;
    let answer = terminal.expect_message().await?;
    assert_eq!(terminal.text(&answer, 39).as_deref(), Some("00"));
    Ok(())
}
