//! Money is never lost: crashes, repeats and reversals over real sockets and a real disk.

use pointsman_test_e2e::{Peer, Setup, VISA, purchase};

/// What a terminal says to take a purchase back: its own number of it in field 90.
async fn reverse(terminal: &mut Peer, mti: &str, stan: &str) -> anyhow::Result<()> {
    let original = format!("0200{stan}{:0<32}", "1124101530");
    let mut fields = purchase(VISA, "000099", "TERM0001");
    fields.retain(|(field, _)| ![52, 55].contains(field));
    fields.push((90, &original));
    terminal.send(mti, &fields).await?;
    Ok(())
}

#[tokio::test]
async fn what_a_crash_left_in_doubt_is_reversed_and_told_so() -> anyhow::Result<()> {
    let (setup, mut alpha, _bravo) = Setup::signed_on("crash", "15s").await?;
    let mut terminal = setup.terminal().await?;
    terminal.buy(VISA, "000031", "TERM0001").await?;
    let doubtful = alpha.expect_message().await?;
    let (setup, mut alpha, _bravo) = setup.crash().await?;
    let reversal = alpha.expect_reversal(&doubtful).await?;
    assert_eq!(alpha.view(&reversal)?.mti().as_str(), "0420");
    // The terminal asks again: it did not happen.
    let mut terminal = setup.terminal().await?;
    terminal
        .send("0201", &purchase(VISA, "000031", "TERM0001"))
        .await?;
    let answer = terminal.expect_message().await?;
    assert_eq!(terminal.text(&answer, 39).as_deref(), Some("94"));
    // Once more, and nothing is owed any more.
    let (_setup, mut alpha, _bravo) = setup.crash().await?;
    alpha.expect_silence().await?;
    Ok(())
}

/// The same promises without a log of our own.
#[tokio::test]
async fn the_boring_mode_forgets_nothing_either() -> anyhow::Result<()> {
    let boring = "\n[journal]\nengine = \"sqlite\"\n";
    let mut setup = Setup::start_with("boring", "15s", boring).await?;
    let mut alpha = setup.alpha.accept_signed_on().await?;
    let _bravo = setup.bravo.accept_signed_on().await?;
    for _ in 0..2 {
        setup.switch.wait_for_log("signed_on").await?;
    }
    let mut terminal = setup.terminal().await?;
    terminal.buy(VISA, "000051", "TERM0001").await?;
    let request = alpha.expect_message().await?;
    alpha.approve(&request).await?;
    let first = terminal.expect_message().await?;
    terminal.buy(VISA, "000052", "TERM0001").await?;
    let doubtful = alpha.expect_message().await?;
    let (setup, mut alpha, _bravo) = setup.crash().await?;
    alpha.expect_reversal(&doubtful).await?;
    let mut terminal = setup.terminal().await?;
    terminal
        .send("0201", &purchase(VISA, "000051", "TERM0001"))
        .await?;
    assert_eq!(terminal.expect_message().await?, first);
    Ok(())
}

#[tokio::test]
async fn a_reversal_survives_crashes_until_it_is_acknowledged() -> anyhow::Result<()> {
    let (setup, mut alpha, _bravo) = Setup::signed_on("owed", "300ms").await?;
    let mut terminal = setup.terminal().await?;
    terminal.buy(VISA, "000032", "TERM0001").await?;
    let request = alpha.expect_message().await?;
    let first = alpha.expect_message().await?;
    assert_eq!(alpha.view(&first)?.mti().as_str(), "0420");
    let (setup, mut alpha, _bravo) = setup.crash().await?;
    let again = alpha.expect_message().await?;
    assert_eq!(alpha.view(&again)?.mti().as_str(), "0421");
    assert_eq!(alpha.text(&first, 11), alpha.text(&again, 11));
    let (_setup, mut alpha, _bravo) = setup.crash().await?;
    let third = alpha.expect_reversal(&request).await?;
    assert_eq!(alpha.text(&first, 11), alpha.text(&third, 11));
    Ok(())
}

#[tokio::test]
async fn a_repeat_gets_the_same_answer_bit_for_bit() -> anyhow::Result<()> {
    let (setup, mut alpha, _bravo) = Setup::signed_on("repeat", "15s").await?;
    let mut terminal = setup.terminal().await?;
    terminal.buy(VISA, "000033", "TERM0001").await?;
    let request = alpha.expect_message().await?;
    alpha.approve(&request).await?;
    let first = terminal.expect_message().await?;
    // Over the same connection, over another one, and after a crash.
    terminal.buy(VISA, "000033", "TERM0001").await?;
    assert_eq!(terminal.expect_message().await?, first);
    let mut other = setup.terminal().await?;
    other
        .send("0201", &purchase(VISA, "000033", "TERM0001"))
        .await?;
    assert_eq!(other.expect_message().await?, first);
    let (setup, mut alpha, _bravo) = setup.crash().await?;
    let mut terminal = setup.terminal().await?;
    terminal
        .send("0201", &purchase(VISA, "000033", "TERM0001"))
        .await?;
    assert_eq!(terminal.expect_message().await?, first);
    alpha.expect_silence().await?;
    Ok(())
}

#[tokio::test]
async fn two_who_ask_for_the_same_get_the_same() -> anyhow::Result<()> {
    let (setup, mut alpha, _bravo) = Setup::signed_on("twice", "15s").await?;
    let (mut terminal, mut other) = (setup.terminal().await?, setup.terminal().await?);
    terminal.buy(VISA, "000034", "TERM0001").await?;
    let request = alpha.expect_message().await?;
    other
        .send("0201", &purchase(VISA, "000034", "TERM0001"))
        .await?;
    alpha.expect_silence().await?;
    alpha.approve(&request).await?;
    assert_eq!(
        terminal.expect_message().await?,
        other.expect_message().await?
    );
    Ok(())
}

#[tokio::test]
async fn a_terminal_takes_back_what_it_was_told() -> anyhow::Result<()> {
    let (setup, mut alpha, _bravo) = Setup::signed_on("taken-back", "15s").await?;
    let mut terminal = setup.terminal().await?;
    terminal.buy(VISA, "000035", "TERM0001").await?;
    let request = alpha.expect_message().await?;
    alpha.approve(&request).await?;
    terminal.expect_message().await?;
    for mti in ["0400", "0401"] {
        reverse(&mut terminal, mti, "000035").await?;
        let answer = terminal.expect_message().await?;
        assert_eq!(terminal.view(&answer)?.mti().as_str(), "0410");
        assert_eq!(terminal.text(&answer, 39).as_deref(), Some("00"));
    }
    alpha.expect_reversal(&request).await?;
    // Nobody waits until an acknowledgement is on record; whoever is told something later waits for all before.
    terminal.buy(VISA, "000037", "TERM0001").await?;
    let next = alpha.expect_message().await?;
    alpha.approve(&next).await?;
    terminal.expect_message().await?;
    // After a crash it is known to be taken back, and is not taken back again.
    let (setup, mut alpha, _bravo) = setup.crash().await?;
    let mut terminal = setup.terminal().await?;
    reverse(&mut terminal, "0401", "000035").await?;
    let answer = terminal.expect_message().await?;
    assert_eq!(terminal.text(&answer, 39).as_deref(), Some("00"));
    alpha.expect_silence().await?;
    Ok(())
}

#[tokio::test]
async fn what_was_taken_back_before_it_came_is_not_sent() -> anyhow::Result<()> {
    let (setup, mut alpha, _bravo) = Setup::signed_on("unseen", "15s").await?;
    let mut terminal = setup.terminal().await?;
    reverse(&mut terminal, "0400", "000036").await?;
    let answer = terminal.expect_message().await?;
    assert_eq!(terminal.text(&answer, 39).as_deref(), Some("00"));
    let (setup, mut alpha_again, _bravo) = setup.crash().await?;
    alpha.expect_silence().await?;
    let mut terminal = setup.terminal().await?;
    terminal.buy(VISA, "000036", "TERM0001").await?;
    let answer = terminal.expect_message().await?;
    assert_eq!(terminal.text(&answer, 39).as_deref(), Some("94"));
    alpha_again.expect_silence().await?;
    Ok(())
}

/// The bank refuses a reversal until a person has looked at it.
#[tokio::test]
async fn a_dead_letter_waits_for_a_person() -> anyhow::Result<()> {
    let (mut setup, mut alpha, _bravo) = Setup::signed_on("dead-letter", "2s").await?;
    let mut terminal = setup.terminal().await?;
    terminal.buy(VISA, "000038", "TERM0001").await?;
    let request = alpha.expect_message().await?;
    for _ in 0..3 {
        let reversal = alpha.expect_message().await?;
        alpha.answer(&reversal, "30", &[]).await?;
    }
    setup.switch.wait_for_log("dead letter").await?;
    let journal = setup.switch.journal();
    let journal = journal.to_str().unwrap();
    let listed =
        pointsman_said(&["saf", "list", journal, "--state", "dead-letter", "--json"]).await?;
    let letter: serde_json::Value = serde_json::from_str(listed.trim())?;
    let tx = letter["tx"].to_string();
    assert_eq!(letter["kind"], "reversal", "{letter}");
    assert!(!listed.contains(VISA), "{listed}");

    let said = pointsman_said(&["saf", "retry", journal, &tx]).await?;
    assert_eq!(
        said,
        format!("reversal of transaction {tx} is sent again\n")
    );
    let again = alpha.expect_reversal(&request).await?;
    assert_eq!(alpha.view(&again)?.mti().as_str(), "0421");
    // It is settled: there is nothing to order about any more. What is on record is known once a later answer is given.
    terminal.buy(VISA, "000039", "TERM0001").await?;
    let next = alpha.expect_message().await?;
    alpha.approve(&next).await?;
    terminal.expect_message().await?;
    let life = pointsman_said(&["saf", "show", journal, &tx]).await?;
    assert!(life.contains("saf retry"), "{life}");
    let none = tokio::process::Command::new(pointsman_test_e2e::pointsman())
        .args(["saf", "drop", journal, &tx])
        .output()
        .await?;
    assert_eq!(none.status.code(), Some(1));
    Ok(())
}

async fn pointsman_said(arguments: &[&str]) -> anyhow::Result<String> {
    let output = tokio::process::Command::new(pointsman_test_e2e::pointsman())
        .args(arguments)
        .output()
        .await?;
    anyhow::ensure!(
        output.status.success(),
        "{arguments:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(String::from_utf8(output.stdout)?)
}

/// The bank is away: a small purchase is approved within the limits, and the bank hears of it when it is back.
#[tokio::test]
async fn stand_in_keeps_the_shop_open() -> anyhow::Result<()> {
    let rule = "\n[[stand_in]]\nlink = \"alpha\"\nbin = [\"4\"]\ncurrency = \"978\"\namount_max = 5000\ncard_count = 1\ncard_amount = 5000\n";
    let mut setup = Setup::start_with("stand-in", "15s", rule).await?;
    let mut terminal = setup.terminal().await?;
    let fields = |stan| {
        let mut fields = purchase(VISA, stan, "TERM0001");
        // A PIN is for the bank alone.
        fields.retain(|(field, _)| *field != 52);
        fields
    };
    terminal.send("0200", &fields("000041")).await?;
    let answer = terminal.expect_message().await?;
    assert_eq!(terminal.text(&answer, 39).as_deref(), Some("00"));
    let code = terminal.text(&answer, 38).unwrap();
    // A repeat is told the same; the next purchase of this card is too much.
    terminal.send("0201", &fields("000041")).await?;
    assert_eq!(terminal.expect_message().await?, answer);
    terminal.send("0200", &fields("000042")).await?;
    let declined = terminal.expect_message().await?;
    assert_eq!(terminal.text(&declined, 39).as_deref(), Some("91"));
    let journal = setup.switch.journal();
    let journal = journal.to_str().unwrap().to_owned();
    let listed = pointsman_said(&["saf", "list", &journal]).await?;
    assert!(
        listed.contains("completion") && listed.contains("alpha"),
        "{listed}"
    );

    let mut alpha = setup.alpha.accept_signed_on().await?;
    let advice = alpha.expect_message().await?;
    assert_eq!(alpha.view(&advice)?.mti().as_str(), "0220");
    assert_eq!(alpha.text(&advice, 38).as_deref(), Some(&*code));
    assert_eq!(alpha.text(&advice, 2).as_deref(), Some(VISA));
    alpha.answer(&advice, "00", &[]).await?;
    setup.switch.wait_for_log("the bank has been told").await?;
    setup.switch.terminate().await?;
    setup.switch.wait().await?;
    let exposure = pointsman_said(&["saf", "exposure", &journal]).await?;
    assert!(
        exposure.contains("acknowledged") && exposure.contains("1999"),
        "{exposure}"
    );
    Ok(())
}
