//! A switch between two banks of different dialects, and a terminal's purchase.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use pointsman_framing::{Framing, Kind};
use pointsman_iso8583::Dialect;

use crate::{Host, Peer, SwitchProcess};

/// Goes to the bank `alpha`.
pub const VISA: &str = "4111111111111111";
/// Goes to the bank `bravo`.
pub const MASTERCARD: &str = "5555555555554444";

/// The purchase of a terminal, without the field that names the card.
pub fn purchase<'a>(pan: &'a str, stan: &'a str, terminal: &'a str) -> Vec<(u8, &'a str)> {
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

/// Terminals in BCD; alpha takes Visa in ASCII, bravo Mastercard in EBCDIC.
#[derive(Debug)]
pub struct Setup {
    pub alpha: Host,
    pub bravo: Host,
    pub switch: SwitchProcess,
    config: String,
}

impl Setup {
    /// The banks listen, but have not taken the switch's connections.
    pub async fn start(name: &str, timeout: &str) -> anyhow::Result<Self> {
        Self::start_with(name, timeout, "").await
    }

    /// The same with more in the configuration.
    pub async fn start_with(name: &str, timeout: &str, more: &str) -> anyhow::Result<Self> {
        let alpha = Host::listen(Framing::new(Kind::Ascii4), &dialect("iso87-ascii")).await?;
        let bravo = Host::listen(Framing::new(Kind::Binary2), &dialect("iso87-ebcdic")).await?;
        let config = config(alpha.address()?, bravo.address()?, timeout) + more;
        let switch = SwitchProcess::start(name, &config).await?;
        Ok(Self {
            alpha,
            bravo,
            switch,
            config,
        })
    }

    /// Ends the switch as a power cut would, and starts the next one where it was. Gives the banks' ends of its links.
    pub async fn crash(self) -> anyhow::Result<(Self, Peer, Peer)> {
        self.crash_and(|_| Ok(())).await
    }

    /// The same, with something done in the switch's home before the next one starts. Its config is there as `pos.toml`,
    /// its journal as `journal`.
    pub async fn crash_and(
        self,
        between: impl FnOnce(&Path) -> anyhow::Result<()>,
    ) -> anyhow::Result<(Self, Peer, Peer)> {
        let Setup {
            alpha,
            bravo,
            switch,
            config,
        } = self;
        let home = switch.kill().await?;
        between(home.path())?;
        let switch = SwitchProcess::start_in(home, &config).await?;
        let mut setup = Self {
            alpha,
            bravo,
            switch,
            config,
        };
        let alpha = setup.alpha.accept_signed_on().await?;
        let bravo = setup.bravo.accept_signed_on().await?;
        for _ in 0..2 {
            setup.switch.wait_for_log("signed_on").await?;
        }
        Ok((setup, alpha, bravo))
    }

    /// The same with both links signed on, and the banks' ends of them.
    pub async fn signed_on(name: &str, timeout: &str) -> anyhow::Result<(Self, Peer, Peer)> {
        let mut setup = Self::start(name, timeout).await?;
        let alpha = setup.alpha.accept_signed_on().await?;
        let bravo = setup.bravo.accept_signed_on().await?;
        for _ in 0..2 {
            setup.switch.wait_for_log("signed_on").await?;
        }
        Ok((setup, alpha, bravo))
    }

    /// A terminal of the first listener.
    pub async fn terminal(&self) -> anyhow::Result<Peer> {
        let address = self.switch.listener(0)?;
        Peer::connect(address, Framing::new(Kind::Binary2), &dialect("iso87-bcd")).await
    }
}

impl Peer {
    /// Sends a purchase.
    pub async fn buy(&mut self, pan: &str, stan: &str, terminal: &str) -> anyhow::Result<()> {
        self.send("0200", &purchase(pan, stan, terminal)).await?;
        Ok(())
    }

    /// The reversal of this request comes next, and is acknowledged. Gives it.
    ///
    /// # Panics
    /// If something else comes.
    pub async fn expect_reversal(&mut self, request: &[u8]) -> anyhow::Result<Bytes> {
        let reversal = self.expect_message().await?;
        let mti = self.view(&reversal)?.mti();
        assert!(
            ["0420", "0421"].contains(&mti.as_str()),
            "{mti} instead of a reversal"
        );
        let original = self.text(&reversal, 90).unwrap_or_default();
        assert_eq!(original.get(4..10), self.text(request, 11).as_deref());
        for field in [2, 3, 4, 41, 42, 49] {
            assert_eq!(self.text(&reversal, field), self.text(request, field));
        }
        for field in [35, 52, 55] {
            assert_eq!(self.text(&reversal, field), None, "field {field}");
        }
        self.answer(&reversal, "00", &[]).await?;
        Ok(reversal)
    }

    /// Approves a purchase.
    pub async fn approve(&mut self, request: &[u8]) -> anyhow::Result<()> {
        self.answer(request, "00", &[(38, "A1B2C3")]).await
    }
}

/// # Panics
/// If there is no such dialect.
#[expect(clippy::panic, reason = "a test that cannot go on has failed")]
pub fn dialect(name: &str) -> Arc<Dialect> {
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
presence = "refuse"

[[listener]]
name = "unionpay"
bind = "127.0.0.1:0"
framing = "binary-2"
dialect = "unionpay-pos"

[[link]]
name = "alpha"
saf_pause = "100ms"
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
