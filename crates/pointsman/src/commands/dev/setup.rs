//! What `dev` runs: the banks, the configuration of the switch, and where everything listens.

use std::fmt::Write;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;

use pointsman_framing::{Framing, Kind};
use pointsman_iso8583::Dialect;
use pointsman_sim_bank::{Bank, BankConfig, BankHandle, Entry, Ledger, rule_from_flag};
use pointsman_sim_common::{Card, Wire};
use tempfile::TempDir;

use crate::config::{self, Config, LISTENER_CONNECTIONS};
use crate::exit::{Exit, Failure};

/// One process is the fleet, the switch and both banks: beyond this it measures itself.
pub(super) const RATE_MAX: f64 = 50_000.0;
/// What a listener takes if its configuration says nothing.
pub(super) const TERMINALS_MAX: usize = LISTENER_CONNECTIONS;

/// What the banks decline with 51: the dearest of the purchases, so that declines are seen as well.
const DECLINED: &str = "amount=90.00-999999.99,answer=decline,code=51";
pub(super) const DECLINE_CODE: &str = "51";

/// A bank that `dev` simulates.
#[derive(Debug)]
pub(super) struct BankSetup {
    pub(super) name: &'static str,
    port: u16,
    framing: Kind,
    dialect: &'static str,
    /// As in the configuration.
    bins: &'static str,
    card: &'static str,
}

pub(super) const BANKS: [BankSetup; 2] = [
    BankSetup {
        name: "alpha",
        port: 9_101,
        framing: Kind::Ascii4,
        dialect: "iso87-ascii",
        bins: r#""4""#,
        card: "visa",
    },
    BankSetup {
        name: "bravo",
        port: 9_102,
        framing: Kind::Binary2,
        dialect: "iso87-ebcdic",
        bins: r#""510000-559999", "222100-272099""#,
        card: "mastercard",
    },
];

/// How the terminals of the fleet are called, so that they are told from a guest's.
pub(super) const TERMINAL_PREFIX: &str = "FLT";

const TERMINALS_PORT: u16 = 8_583;
const METRICS_PORT: u16 = 9_585;
const TERMINALS_FRAMING: Kind = Kind::Binary2;
const TERMINALS_DIALECT: &str = "iso87-bcd";

/// Where everything listens.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub(super) terminals: SocketAddr,
    pub(super) metrics: SocketAddr,
    banks: Vec<SocketAddr>,
}

impl Place {
    /// The addresses that the documentation names.
    pub(super) fn preferred() -> Self {
        Place {
            terminals: local(TERMINALS_PORT),
            metrics: local(METRICS_PORT),
            banks: BANKS.iter().map(|bank| local(bank.port)).collect(),
        }
    }

    /// What listens elsewhere than the documentation says: its name, the port there and the port here.
    fn moved(&self) -> Vec<(String, u16, u16)> {
        let preferred = Place::preferred();
        let banks = BANKS.iter().zip(preferred.banks.iter().zip(&self.banks));
        let banks =
            banks.map(|(bank, (wanted, found))| (format!("bank {}", bank.name), wanted, found));
        [(
            "the terminals' listener".to_owned(),
            &preferred.terminals,
            &self.terminals,
        )]
        .into_iter()
        .chain(banks)
        .chain([("metrics".to_owned(), &preferred.metrics, &self.metrics)])
        .filter(|(_, wanted, found)| wanted != found)
        .map(|(what, wanted, found)| (what, wanted.port(), found.port()))
        .collect()
    }
}

fn local(port: u16) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, port).into()
}

/// The address, or one with a port that the system chooses if somebody else has it: `dev` always starts.
fn free(address: SocketAddr) -> SocketAddr {
    match TcpListener::bind(address) {
        Ok(_) => address,
        Err(_) => local(0),
    }
}

pub(super) struct Banks(Vec<BankHandle>);

impl Banks {
    /// What each bank has in its books, in the order of [`BANKS`].
    pub(super) fn books(&self) -> Vec<Books> {
        self.0
            .iter()
            .filter_map(|bank| Some(Books::of(bank.ledger()?)))
            .collect()
    }

    pub(super) async fn shutdown(self) {
        for bank in self.0 {
            bank.shutdown().await;
        }
    }
}

/// Approvals that stand, their number and their sum in minor units.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Sum {
    pub(super) count: u64,
    pub(super) amount: u64,
}

/// A bank's approvals: those of the fleet, and those of whoever else bought something meanwhile.
#[derive(Clone, Copy, Debug)]
pub(super) struct Books {
    pub(super) fleet: Sum,
    pub(super) others: Sum,
}

impl Books {
    fn of(ledger: &Ledger) -> Self {
        let totals = ledger.totals();
        let mut others = Sum::default();
        let foreign = |entry: &&Entry| {
            !entry.reversed && !entry.terminal.as_str().starts_with(TERMINAL_PREFIX)
        };
        for entry in ledger.entries().iter().filter(foreign) {
            others.count += 1;
            others.amount += entry.amount;
        }
        // The totals never forget; the single entries of others do after a million.
        Books {
            fleet: Sum {
                count: totals
                    .approved
                    .saturating_sub(totals.reversed + others.count),
                amount: totals
                    .approved_amount
                    .saturating_sub(totals.reversed_amount + others.amount),
            },
            others,
        }
    }
}

/// Starts the banks, and says where they and everything else are.
pub(super) async fn start_banks(mut place: Place) -> Result<(Banks, Place), Failure> {
    let mut banks = Vec::with_capacity(BANKS.len());
    for (setup, address) in BANKS.iter().zip(&mut place.banks) {
        let mut config = BankConfig::new(free(*address), wire(setup.framing, setup.dialect)?);
        config.rules = vec![rule_from_flag(DECLINED).map_err(|error| software(&error))?];
        config.threads = 1;
        let bank = Bank::start(config).await.map_err(|error| {
            Failure::new(
                Exit::Unavailable,
                format!("cannot start bank {}: {error}", setup.name),
                "check the limits of this process",
            )
        })?;
        *address = bank.local_addr();
        banks.push(bank);
    }
    place.terminals = free(place.terminals);
    place.metrics = free(place.metrics);
    Ok((Banks(banks), place))
}

/// The configuration of the switch, as a file would have it.
pub(super) fn config(place: &Place) -> String {
    let mut text = format!(
        "[[listener]]\nname = \"pos\"\nbind = \"{}\"\nframing = \"{TERMINALS_FRAMING}\"\ndialect = \"{TERMINALS_DIALECT}\"\n",
        place.terminals,
    );
    for (bank, address) in BANKS.iter().zip(&place.banks) {
        let BankSetup {
            name,
            framing,
            dialect,
            bins,
            ..
        } = bank;
        // Writing to a String cannot fail.
        let _ = write!(
            text,
            "\n[[link]]\nname = \"{name}\"\nconnect = [\"{address}\"]\nframing = \"{framing}\"\ndialect = \"{dialect}\"\n\
             match = [11, 41]\ntimeout = \"15s\"\nsign_on = true\necho = \"30s\"\n\
             \n[[route]]\nbin = [{bins}]\nlink = \"{name}\"\n",
        );
    }
    let _ = write!(text, "\n[metrics]\nbind = \"{}\"\n", place.metrics);
    text
}

pub(super) fn resolve(place: &Place) -> Result<Config, Failure> {
    match config::parse("pointsman dev", config(place), Path::new("")) {
        Ok(loaded) => Ok(loaded.config),
        Err(report) => Err(software(&report.to_json())),
    }
}

/// Where the journal of this run is: gone with it.
pub(super) fn journal() -> Result<TempDir, Failure> {
    tempfile::Builder::new()
        .prefix("pointsman-dev-")
        .tempdir()
        .map_err(|error| {
            Failure::new(
                Exit::Unavailable,
                format!("cannot make a directory for the journal: {error}"),
                "make room in the folder for temporary files, or name another one with TMPDIR",
            )
        })
}

/// What a newcomer needs to go on.
pub(super) fn banner(place: &Place) -> String {
    let Place {
        terminals, metrics, ..
    } = place;
    let mut text = format!(
        "Pointsman {}: a switch between two banks and a fleet of terminals\n\n\
         terminals   {terminals:<22} {TERMINALS_FRAMING}, {TERMINALS_DIALECT}\n",
        env!("CARGO_PKG_VERSION"),
    );
    for (setup, address) in BANKS.iter().zip(&place.banks) {
        let BankSetup {
            name,
            framing,
            dialect,
            bins,
            ..
        } = setup;
        let bins = bins.replace('"', "");
        let _ = writeln!(
            text,
            "bank {name:<6} {:<22} {framing}, {dialect}; BIN {bins}",
            address.to_string()
        );
    }
    let _ = write!(text, "metrics     http://{metrics}/metrics\n\n");
    let moved = place.moved();
    for (what, wanted, found) in &moved {
        let _ = writeln!(
            text,
            "port {wanted} is taken by something else: {what} moved to port {found}"
        );
    }
    let ports = if moved.is_empty() {
        ""
    } else {
        text.push('\n');
        ", with the usual ports"
    };
    let _ = write!(
        text,
        "Buy something yourself, from another window:\n\
         \x20 pointsman send --to {terminals} --framing {TERMINALS_FRAMING} --dialect {TERMINALS_DIALECT} 0200 2=test:visa 4=10.00\n\
         The configuration of this switch{ports}: pointsman dev --print-config\n\n",
    );
    text
}

pub(super) fn card(bank: &BankSetup) -> Result<Card, Failure> {
    Card::named(bank.card).map_err(|error| software(&error))
}

pub(super) fn terminal_wire() -> Result<Wire, Failure> {
    wire(TERMINALS_FRAMING, TERMINALS_DIALECT)
}

fn wire(framing: Kind, dialect: &str) -> Result<Wire, Failure> {
    let dialect =
        Dialect::builtin(dialect).ok_or_else(|| software(&format!("{dialect} is not built in")))?;
    Ok(Wire {
        framing: Framing::new(framing),
        dialect,
    })
}

fn software(error: &dyn std::fmt::Display) -> Failure {
    Failure::new(Exit::Software, error.to_string(), "report this")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_configuration_is_valid() {
        let config = resolve(&Place::preferred()).unwrap();
        assert_eq!(config.switch.links.len(), BANKS.len());
    }

    #[test]
    fn whoever_moves_says_so() {
        let usual = banner(&Place::preferred());
        assert!(!usual.contains("taken"), "{usual}");
        let mut place = Place::preferred();
        place.terminals = local(40_001);
        place.banks[1] = local(40_002);
        let moved = banner(&place);
        let said: Vec<&str> = moved
            .lines()
            .filter(|line| line.contains("taken"))
            .collect();
        assert_eq!(
            said,
            [
                "port 8583 is taken by something else: the terminals' listener moved to port 40001",
                "port 9102 is taken by something else: bank bravo moved to port 40002",
            ]
        );
        assert!(moved.contains("send --to 127.0.0.1:40001"), "{moved}");
    }
}
