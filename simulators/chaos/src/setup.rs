//! Who takes part: the banks with their wires, the switch's listeners, and its configuration.

use std::fmt::Write;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use pointsman_framing::{Framing, Kind};
use pointsman_iso8583::Dialect;
use pointsman_sim_common::{Exit, Failure, Wire};

use crate::args::{Durability, Engine};

/// How long a terminal waits for its answer.
pub(crate) const TERMINAL_PATIENCE: Duration = Duration::from_secs(4);

/// How long the switch waits for a bank's. Shorter than a terminal does, so that the switch can still say no.
const LINK_TIMEOUT: &str = "1s";

/// One end of a wire: a bank, or a listener of the switch.
#[derive(Debug)]
pub(crate) struct Party {
    pub(crate) name: &'static str,
    framing: Kind,
    tpdu: bool,
    dialect: &'static str,
    /// The first digits of the cards that go to this bank.
    pub(crate) bin: &'static str,
}

/// Each speaks differently, so that what is reversed has been written in another dialect than it came in.
pub(crate) const BANKS: [Party; 3] = [
    Party {
        name: "alpha",
        framing: Kind::Ascii4,
        tpdu: false,
        dialect: "iso87-ascii",
        bin: "4",
    },
    Party {
        name: "bravo",
        framing: Kind::Binary2,
        tpdu: false,
        dialect: "iso87-ebcdic",
        bin: "51",
    },
    Party {
        name: "charlie",
        framing: Kind::Binary4,
        tpdu: true,
        dialect: "iso87-bcd",
        bin: "62",
    },
];

/// Terminals are spread over them.
pub(crate) const LISTENERS: [Party; 2] = [
    Party {
        name: "pos",
        framing: Kind::Binary2,
        tpdu: true,
        dialect: "iso87-bcd",
        bin: "",
    },
    Party {
        name: "tills",
        framing: Kind::Binary2,
        tpdu: false,
        dialect: "iso87-ascii",
        bin: "",
    },
];

impl Party {
    pub(crate) fn wire(&self) -> Result<Wire, Failure> {
        let dialect = Dialect::builtin(self.dialect).ok_or_else(|| {
            Failure::new(
                Exit::DATA,
                format_args!("the dialect {} is not built in", self.dialect),
            )
        })?;
        Ok(Wire {
            framing: Framing::new(self.framing).with_tpdu(self.tpdu),
            dialect: Arc::clone(&dialect),
        })
    }

    fn framing(&self) -> String {
        format!(
            "framing = {{ kind = \"{}\", tpdu = {} }}\ndialect = \"{}\"\n",
            self.framing, self.tpdu, self.dialect
        )
    }
}

/// The configuration of the switch. It listens where the system lets it, and says so in its log: a port that were used
/// again could meanwhile have been taken by one of the many connections of a run.
pub(crate) fn config(links: &[SocketAddr], engine: Engine, durability: Durability) -> String {
    let mut text = format!(
        "[switch]\nthreads = 2\ndrain_timeout = \"8s\"\n\n\
         [journal]\ndirectory = \"journal\"\nengine = \"{}\"\ndurability = \"{}\"\n\n\
         [metrics]\nbind = \"127.0.0.1:0\"\n",
        engine.as_str(),
        durability.as_str()
    );
    for listener in &LISTENERS {
        let _ = write!(
            text,
            "\n[[listener]]\nname = \"{}\"\nbind = \"127.0.0.1:0\"\n{}",
            listener.name,
            listener.framing()
        );
    }
    for (bank, address) in BANKS.iter().zip(links) {
        // Short pauses: a run has no days to wait for a bank that comes back.
        let _ = write!(
            text,
            "\n[[link]]\nname = \"{}\"\nconnect = [\"{address}\"]\n{}\
             timeout = \"{LINK_TIMEOUT}\"\nsign_on = true\necho = \"2s\"\nsaf_pause = \"200ms\"\nsaf_pause_max = \"2s\"\n\
             \n[[route]]\nbin = [\"{}\"]\nlink = \"{}\"\n",
            bank.name,
            bank.framing(),
            bank.bin,
            bank.name
        );
    }
    text
}
