//! A terminal or a bank as a raw socket.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use anyhow::{Context, ensure};
use bytes::{Bytes, BytesMut};
use pointsman_framing::{FrameCodec, Framing, Received};
use pointsman_iso8583::{Builder, Dialect, Mti, View};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio_util::codec::Decoder;

use crate::PATIENCE;

/// One end of a connection that speaks a framing and a dialect.
#[derive(Debug)]
pub struct Peer {
    stream: TcpStream,
    codec: FrameCodec,
    dialect: Arc<Dialect>,
    inbound: BytesMut,
}

impl Peer {
    pub async fn connect(
        address: SocketAddr,
        framing: Framing,
        dialect: &Arc<Dialect>,
    ) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self::new(stream, framing, dialect))
    }

    fn new(stream: TcpStream, framing: Framing, dialect: &Arc<Dialect>) -> Self {
        Self {
            stream,
            codec: FrameCodec::new(framing),
            dialect: Arc::clone(dialect),
            inbound: BytesMut::new(),
        }
    }

    pub fn dialect(&self) -> &Arc<Dialect> {
        &self.dialect
    }

    /// Sends a message of `fields`, which must be in ascending order.
    pub async fn send(&mut self, mti: &str, fields: &[(u8, &str)]) -> anyhow::Result<Bytes> {
        let message = message(&self.dialect, mti, fields)?;
        self.send_body(&message).await?;
        Ok(message)
    }

    pub async fn send_body(&mut self, body: &[u8]) -> anyhow::Result<()> {
        let mut out = BytesMut::new();
        self.codec.write(None, body, &mut out)?;
        self.send_raw(&out).await
    }

    pub async fn send_raw(&mut self, bytes: &[u8]) -> anyhow::Result<()> {
        self.stream
            .write_all(bytes)
            .await
            .context("peer does not take bytes")
    }

    /// The next message, or `None` if the other side closed the connection.
    pub async fn receive(&mut self) -> anyhow::Result<Option<Bytes>> {
        tokio::time::timeout(PATIENCE, self.next_frame())
            .await
            .context("no message came")?
    }

    /// The next message; its end of the connection must be open.
    pub async fn expect_message(&mut self) -> anyhow::Result<Bytes> {
        self.receive()
            .await?
            .context("the connection was closed instead of a message")
    }

    /// Nothing comes that was on its way: an echo of ours is answered first.
    pub async fn expect_silence(&mut self) -> anyhow::Result<()> {
        let echo = [(7, "1124101530"), (11, "999998"), (70, "301")];
        if self.send("0800", &echo).await.is_err() {
            return Ok(());
        }
        match self.receive().await? {
            None => Ok(()),
            Some(message) => {
                let mti = self.view(&message)?.mti();
                anyhow::ensure!(mti.as_str() == "0810", "{mti} instead of silence");
                Ok(())
            }
        }
    }

    pub async fn expect_close(&mut self) -> anyhow::Result<()> {
        let received = self.receive().await;
        // A reset is a close, too.
        ensure!(
            !matches!(received, Ok(Some(_))),
            "a message came instead of a close"
        );
        Ok(())
    }

    /// Ends the connection with a reset, as a terminal does that is switched off.
    pub async fn reset(self) -> anyhow::Result<()> {
        self.stream.set_zero_linger()?;
        drop(self.stream);
        Ok(())
    }

    /// What a field of a message says.
    pub fn text(&self, message: &[u8], field: u8) -> Option<String> {
        self.dialect.view(message).ok()?.to_text(field)
    }

    pub fn view<'a>(&'a self, message: &'a [u8]) -> anyhow::Result<View<'a>> {
        self.dialect
            .view(message)
            .map_err(|error| anyhow::anyhow!("{}", error.explain(&self.dialect).message))
    }

    async fn next_frame(&mut self) -> anyhow::Result<Option<Bytes>> {
        loop {
            if let Some(Received::Frame(frame)) = self.codec.decode(&mut self.inbound)? {
                return Ok(Some(frame.body));
            }
            if self.stream.read_buf(&mut self.inbound).await? == 0 {
                return Ok(None);
            }
        }
    }
}

const HOST_RECEIVE_BUFFER_BYTES: u32 = 32 * 1_024;

/// A bank of which the test writes every answer.
#[derive(Debug)]
pub struct Host {
    listener: TcpListener,
    framing: Framing,
    dialect: Arc<Dialect>,
}

impl Host {
    pub async fn listen(framing: Framing, dialect: &Arc<Dialect>) -> anyhow::Result<Self> {
        // Little room, so that a bank that does not read is soon felt.
        let socket = TcpSocket::new_v4()?;
        socket.set_recv_buffer_size(HOST_RECEIVE_BUFFER_BYTES)?;
        socket.bind((Ipv4Addr::LOCALHOST, 0).into())?;
        Ok(Self {
            listener: socket.listen(16)?,
            framing,
            dialect: Arc::clone(dialect),
        })
    }

    pub fn address(&self) -> anyhow::Result<SocketAddr> {
        Ok(self.listener.local_addr()?)
    }

    /// The next connection of the switch, without its sign-on.
    pub async fn accept(&self) -> anyhow::Result<Peer> {
        let (stream, _) = tokio::time::timeout(PATIENCE, self.listener.accept())
            .await
            .context("the switch does not connect")??;
        stream.set_nodelay(true)?;
        Ok(Peer::new(stream, self.framing, &self.dialect))
    }

    /// The next connection, signed on.
    pub async fn accept_signed_on(&self) -> anyhow::Result<Peer> {
        let mut peer = self.accept().await?;
        let sign_on = peer.expect_message().await?;
        ensure!(
            peer.text(&sign_on, 70).as_deref() == Some("001"),
            "a sign-on comes first"
        );
        peer.answer(&sign_on, "00", &[]).await?;
        Ok(peer)
    }
}

impl Peer {
    /// Answers `request` as banks do: the response MTI, the request's key
    /// fields, the response code, and `more`.
    pub async fn answer(
        &mut self,
        request: &[u8],
        response_code: &str,
        more: &[(u8, &str)],
    ) -> anyhow::Result<()> {
        let answer = answer(&self.dialect, request, response_code, more)?;
        self.send_body(&answer).await
    }
}

/// A message in any dialect; fields in ascending order.
pub fn message(dialect: &Dialect, mti: &str, fields: &[(u8, &str)]) -> anyhow::Result<Bytes> {
    let mut out = BytesMut::new();
    let mti: Mti = mti
        .parse()
        .map_err(|_| anyhow::anyhow!("{mti} is not an MTI"))?;
    let mut builder = Builder::new(dialect, &mut out, mti);
    for (field, value) in fields {
        builder
            .text(*field, value)
            .map_err(|error| anyhow::anyhow!("{}", error.explain(dialect).message))?;
    }
    builder
        .finish()
        .map_err(|error| anyhow::anyhow!("{}", error.explain(dialect).message))?;
    Ok(out.freeze())
}

/// A bank's answer: echoes what banks echo, replaces or adds `more`.
pub fn answer(
    dialect: &Dialect,
    request: &[u8],
    response_code: &str,
    more: &[(u8, &str)],
) -> anyhow::Result<Bytes> {
    const ECHO: [u8; 12] = [3, 4, 7, 11, 12, 13, 32, 37, 41, 42, 49, 70];
    let view = dialect
        .view(request)
        .map_err(|error| anyhow::anyhow!("{}", error.explain(dialect).message))?;
    let mut fields: Vec<(u8, String)> = ECHO
        .iter()
        .filter_map(|field| Some((*field, view.to_text(*field)?)))
        .collect();
    fields.push((39, response_code.to_owned()));
    for (field, value) in more {
        fields.retain(|(present, _)| present != field);
        fields.push((*field, (*value).to_owned()));
    }
    fields.sort();
    let borrowed: Vec<(u8, &str)> = fields
        .iter()
        .map(|(field, value)| (*field, value.as_str()))
        .collect();
    let mti = view
        .mti()
        .response()
        .context("a request has a response MTI")?;
    message(dialect, &mti.to_string(), &borrowed)
}
