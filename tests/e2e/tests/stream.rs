//! Messages on a stream: pieces, half-closed connections, transport headers.

use pointsman_framing::{Framing, Kind, Tpdu};
use pointsman_test_e2e::peer::message;
use pointsman_test_e2e::{Peer, Setup, VISA, dialect, purchase};

#[tokio::test]
async fn a_tpdu_comes_back_with_its_addresses_swapped() -> anyhow::Result<()> {
    let (setup, _alpha, _bravo) = Setup::signed_on("tpdu", "15s").await?;
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
async fn a_message_in_pieces_and_two_in_one_are_the_same() -> anyhow::Result<()> {
    let (setup, mut alpha, _bravo) = Setup::signed_on("pieces", "15s").await?;
    let mut terminal = setup.terminal().await?;
    let mut wires = Vec::new();
    for stan in ["000022", "000023", "000024"] {
        let body = message(
            terminal.dialect(),
            "0200",
            &purchase(VISA, stan, "TERM0001"),
        )?;
        let mut wire = u16::try_from(body.len())?.to_be_bytes().to_vec();
        wire.extend_from_slice(&body);
        wires.push(wire);
    }
    for byte in &wires[0] {
        terminal.send_raw(&[*byte]).await?;
    }
    terminal.send_raw(&wires[1..].concat()).await?;
    for _ in 0..3 {
        let request = alpha.expect_message().await?;
        alpha.approve(&request).await?;
    }
    for stan in ["000022", "000023", "000024"] {
        let answer = terminal.expect_message().await?;
        assert_eq!(terminal.text(&answer, 11).as_deref(), Some(stan));
        assert_eq!(terminal.text(&answer, 39).as_deref(), Some("00"));
    }
    Ok(())
}

#[tokio::test]
async fn a_terminal_that_ends_its_sending_side_still_hears_its_answer() -> anyhow::Result<()> {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let (setup, mut alpha, _bravo) = Setup::signed_on("half-close", "15s").await?;
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
    alpha.approve(&request).await?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    let dialect = dialect("iso87-bcd");
    assert_eq!(
        dialect.view(&answer[2..]).unwrap().to_text(39).as_deref(),
        Some("00")
    );
    Ok(())
}
