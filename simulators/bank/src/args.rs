//! The bank on the command line.

use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use clap::builder::RangedU64ValueParser;
use pointsman_sim_common::{Exit, Failure, WireArgs, money, stop_signal};

use crate::bank::{Bank, BankConfig, BankHandle, LedgerConfig, StartError};
use crate::event::{Event, Observer, Watch};
use crate::ledger::ENTRIES_MAX;
use crate::rule::{Rule, RuleError, rule_from_flag, rules_from_toml};

/// Options of the bank.
#[derive(Clone, Debug, clap::Args)]
#[command(
    after_help = "Exit codes: 0 stopped by Ctrl-C, 64 wrong command line, 65 wrong rules, 66 the rules cannot be read, \
                  69 the address cannot be had, 73 the ledger's file cannot be had, 74 the ledger lost lines."
)]
pub struct Args {
    /// Where to listen for links.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:9101")]
    pub listen: SocketAddr,

    #[command(flatten)]
    pub wire: WireArgs,

    /// A TOML file with [[rule]] tables. The first rule that matches wins, what none takes is approved.
    #[arg(long, value_name = "FILE", help_heading = "Rules")]
    pub rules: Option<PathBuf>,

    /// One rule, before those of the file: bin=4|51,amount=10.00-19.99,answer=decline,code=51. Conditions are mti, bin,
    /// amount, terminal, share and times; answers are approve, decline, duplicate, late, lost, garbage, drop and close;
    /// delay=200ms, set.N=VALUE and omit=N change them.
    #[arg(long = "rule", value_name = "RULE", help_heading = "Rules")]
    pub rule: Vec<String>,

    /// Refuse requests on a connection that has not signed on.
    #[arg(long, help_heading = "Rules")]
    pub require_sign_on: bool,

    /// What rules with a share draw from.
    #[arg(
        long,
        value_name = "NUMBER",
        default_value_t = 0,
        help_heading = "Rules"
    )]
    pub seed: u64,

    /// Append each approval and reversal to this file, one JSON object a line, without card numbers.
    #[arg(
        long,
        value_name = "FILE",
        conflicts_with = "no_ledger",
        help_heading = "Ledger"
    )]
    pub ledger: Option<PathBuf>,

    /// Keep about so many approvals in memory.
    #[arg(long, value_name = "COUNT", default_value_t = ENTRIES_MAX, help_heading = "Ledger")]
    pub ledger_max: usize,

    /// Keep no ledger at all.
    #[arg(long, help_heading = "Ledger")]
    pub no_ledger: bool,

    /// Threads to serve connections on.
    #[arg(long, value_name = "COUNT", default_value_t = 1, value_parser = RangedU64ValueParser::<usize>::new().range(1..=64))]
    pub threads: usize,

    /// Print every connection and every request, card numbers masked.
    #[arg(short, long)]
    pub verbose: bool,

    /// Print the totals as JSON at the end.
    #[arg(long)]
    pub json: bool,
}

/// Runs a bank until SIGINT or SIGTERM, then prints what it did.
///
/// # Errors
/// The options make no sense, or it cannot listen.
pub async fn run(args: Args) -> Result<Exit, Failure> {
    let wire = args.wire.wire()?;
    let rules = rules(&args)?;
    let config = BankConfig {
        rules,
        ledger: if args.no_ledger {
            LedgerConfig::Off
        } else {
            LedgerConfig::On {
                entries_max: args.ledger_max,
                file: args.ledger.clone(),
            }
        },
        sign_on_required: args.require_sign_on,
        // One thread is the one we are on.
        threads: if args.threads > 1 { args.threads } else { 0 },
        seed: args.seed,
        watch: Watch {
            observer: Some(observer(args.verbose)),
            requests: args.verbose,
        },
        ..BankConfig::new(args.listen, wire)
    };
    let stop = stop_signal().map_err(|error| Failure::new(Exit::IO, error))?;
    let (count, framing, dialect) = (
        config.rules.len(),
        config.wire.framing.kind,
        Arc::clone(&config.wire.dialect),
    );
    let bank = Bank::start(config).await.map_err(|error| failure(&error))?;
    let plural = if count == 1 { "" } else { "s" };
    let _ = writeln!(
        io::stderr(),
        "bank listens on {} ({framing}, {}), {count} rule{plural}",
        bank.local_addr(),
        dialect.name()
    );
    stop.await;
    finish(bank, args.json).await
}

fn rules(args: &Args) -> Result<Vec<Rule>, Failure> {
    let mut rules = Vec::new();
    for text in &args.rule {
        let rule = rule_from_flag(text)
            .map_err(|error| Failure::new(Exit::USAGE, format_args!("--rule {text}: {error}")))?;
        rules.push(rule);
    }
    if let Some(path) = &args.rules {
        let shown = path.display();
        let text = std::fs::read_to_string(path).map_err(|error| {
            Failure::new(Exit::NO_INPUT, format_args!("--rules {shown}: {error}"))
        })?;
        let all = |errors: Vec<RuleError>| {
            let lines: Vec<_> = errors
                .iter()
                .map(|error| format!("{shown}: {error}"))
                .collect();
            Failure::new(Exit::DATA, lines.join("\n"))
        };
        rules.extend(rules_from_toml(&text).map_err(all)?);
    }
    Ok(rules)
}

fn failure(error: &StartError) -> Failure {
    match error {
        StartError::Listen { address, source } => {
            let failure = Failure::new(Exit::UNAVAILABLE, error);
            match source.kind() {
                io::ErrorKind::AddrInUse => failure.hint(format_args!(
                    "something else has port {}: `ss -ltnp` shows what, --listen takes another",
                    address.port()
                )),
                io::ErrorKind::AddrNotAvailable => failure
                    .hint("this machine has no such address: `ip address` shows which it has"),
                io::ErrorKind::PermissionDenied => {
                    failure.hint("ports below 1024 are reserved: --listen takes another")
                }
                _ => failure.hint("--listen takes another address"),
            }
        }
        StartError::LedgerFile { .. } => Failure::new(Exit::CANNOT_CREATE, error),
        StartError::Rules { .. } => Failure::new(Exit::DATA, error),
        StartError::Thread(_) => Failure::new(Exit::IO, error),
    }
}

/// Prints problems always and requests on demand, one line each.
fn observer(verbose: bool) -> Observer {
    Arc::new(move |event| {
        let line = match event {
            // A load opens thousands.
            Event::Connected { .. }
            | Event::Disconnected { error: None, .. }
            | Event::Request { .. }
                if !verbose =>
            {
                return;
            }
            Event::Connected { peer } => format!("{peer} connected"),
            Event::Disconnected { peer, error: None } => format!("{peer} disconnected"),
            Event::Disconnected {
                peer,
                error: Some(error),
            } => format!("{peer} disconnected: {error}"),
            Event::Unexpected { peer, mti } => {
                format!("{peer} sent {mti}, which is no request: ignored")
            }
            Event::Undecodable { peer, error } => {
                format!("{peer} sent what cannot be read: {}", error.message)
            }
            Event::Request {
                peer,
                mti,
                stan,
                terminal,
                pan,
                amount,
                response_code,
                note,
            } => {
                let mut line = format!("{peer} {mti}");
                if let Some(stan) = stan {
                    line += &format!(" stan {stan:06}");
                }
                for (name, value) in [("terminal", terminal), ("card", pan)] {
                    if let Some(value) = value {
                        line += &format!(" {name} {value}");
                    }
                }
                if let Some(amount) = amount {
                    line += &format!(" amount {}", money(*amount));
                }
                match response_code {
                    Some(code) => line += &format!(" → {code}"),
                    None => line += " → no answer",
                }
                if !note.is_empty() {
                    line += &format!(" ({note})");
                }
                line
            }
        };
        let _ = writeln!(io::stderr().lock(), "{line}");
    })
}

async fn finish(bank: BankHandle, json: bool) -> Result<Exit, Failure> {
    let ledger = bank.ledger().cloned();
    let stats = bank.shutdown().await;
    let totals = ledger.as_ref().map(|ledger| ledger.totals());
    let mut out = io::stdout().lock();
    let written = if json {
        serde_json::to_writer(
            &mut out,
            &serde_json::json!({ "version": 1, "stats": stats, "ledger": totals }),
        )
        .map_err(io::Error::from)
        .and_then(|()| writeln!(out))
    } else {
        let book = totals.map_or_else(String::new, |totals| {
            format!(
                "\nledger: {} approvals of {} in all, {} of {} reversed, {} repeats",
                totals.approved,
                money(totals.approved_amount),
                totals.reversed,
                money(totals.reversed_amount),
                totals.repeats
            )
        });
        writeln!(out, "{}{book}", stats.text())
    };
    written.map_err(|error| Failure::new(Exit::IO, format_args!("standard output: {error}")))?;
    match ledger.map_or(0, |ledger| ledger.file_errors()) {
        0 => Ok(Exit::OK),
        lost => Err(Failure::new(
            Exit::IO,
            format_args!("{lost} lines could not be written to the ledger's file"),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use clap::Parser;

    #[derive(Parser)]
    struct Command {
        #[command(flatten)]
        args: Args,
    }

    fn args(words: &str) -> Result<Args, clap::Error> {
        let words = std::iter::once("bank").chain(words.split_whitespace());
        Command::try_parse_from(words).map(|command| command.args)
    }

    #[tokio::test]
    async fn a_port_in_use_is_unavailable() {
        let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let listen = format!("--listen {}", taken.local_addr().unwrap());
        let failure = run(args(&listen).unwrap()).await.unwrap_err();
        assert_eq!(failure.exit, Exit::UNAVAILABLE, "{failure}");
        assert!(
            failure
                .hint
                .as_ref()
                .is_some_and(|hint| hint.starts_with("something else has port")),
            "{failure}"
        );
    }

    #[test]
    fn a_bank_has_a_thread() {
        assert!(args("--threads 0").is_err());
        assert_eq!(args("--threads 2").unwrap().threads, 2);
    }
}
