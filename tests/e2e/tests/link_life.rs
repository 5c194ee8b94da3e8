//! Links that break, stall and drain, and signals.

use pointsman_test_e2e::{Setup, VISA, assert_has};

#[tokio::test]
async fn a_link_that_is_cut_declines_what_was_sent_and_comes_back() -> anyhow::Result<()> {
    let (mut setup, mut alpha, _bravo) = Setup::signed_on("cut", "15s").await?;
    let mut terminal = setup.terminal().await?;
    terminal.buy(VISA, "000015", "TERM0001").await?;
    let lost = alpha.expect_message().await?;
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
    alpha.expect_reversal(&lost).await?;
    terminal.buy(VISA, "000016", "TERM0001").await?;
    let request = alpha.expect_message().await?;
    alpha.answer(&request, "51", &[]).await?;
    let answer = terminal.expect_message().await?;
    assert_eq!(terminal.text(&answer, 39).as_deref(), Some("51"));
    let metrics = setup.switch.metrics_text().await?;
    assert_has(&metrics, r#"pointsman_reversals_due_total{link="alpha","#);
    Ok(())
}

#[tokio::test]
async fn what_was_declined_is_not_sent_when_a_stalled_bank_reads_again() -> anyhow::Result<()> {
    use std::collections::HashSet;
    let (setup, mut alpha, _bravo) = Setup::signed_on("stalled", "1s").await?;
    let mut terminal = setup.terminal().await?;
    // The bank reads nothing until its socket and the switch's are full.
    let mut told = HashSet::new();
    for round in 0..6 {
        let stans: Vec<String> = (0..1_000)
            .map(|n| format!("{:06}", round * 1_000 + n + 1))
            .collect();
        for stan in &stans {
            terminal.buy(VISA, stan, "TERM0001").await?;
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
    let metrics = setup.switch.metrics_text().await?;
    assert_has(
        &metrics,
        r#"pointsman_link_events_total{link="alpha",event="stalled"}"#,
    );
    Ok(())
}

#[tokio::test]
async fn sigterm_finishes_what_is_in_flight_signs_off_and_exits_0() -> anyhow::Result<()> {
    let (mut setup, mut alpha, mut bravo) = Setup::signed_on("drain", "15s").await?;
    let mut terminal = setup.terminal().await?;
    terminal.buy(VISA, "000017", "TERM0001").await?;
    let request = alpha.expect_message().await?;

    setup.switch.terminate().await?;
    setup.switch.wait_for_log("draining").await?;
    alpha.approve(&request).await?;
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
async fn the_end_of_the_operators_terminal_does_not_end_the_switch() -> anyhow::Result<()> {
    let (mut setup, mut alpha, _bravo) = Setup::signed_on("hangup", "15s").await?;
    let mut terminal = setup.terminal().await?;
    terminal.buy(VISA, "000025", "TERM0001").await?;
    let request = alpha.expect_message().await?;
    for signal in ["-HUP", "-USR1", "-USR2"] {
        setup.switch.signal(signal).await?;
        setup.switch.wait_for_log("ignored").await?;
    }
    alpha.approve(&request).await?;
    let answer = terminal.expect_message().await?;
    assert_eq!(terminal.text(&answer, 39).as_deref(), Some("00"));
    Ok(())
}
