//! One message and its answer, both explained: `send --to 127.0.0.1:8583 0200 2=test:visa 4=10.00 11=auto`.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use pointsman_framing::FrameError;
use pointsman_iso8583::mask::Unmask;
use pointsman_iso8583::{Dialect, FieldSet, Mti, MtiClass, View, explain, json};
use pointsman_sim_common::{Card, Exit, Failure, Wire, WireArgs, duration, human, resolve};
use tokio::time::Instant;

use crate::expectation::shown;
use crate::request::{Memory, moment_stan};
use crate::terminal::{Incoming, Terminal};

/// Options of `send`.
#[derive(Clone, Debug, clap::Args)]
#[command(
    after_help = "Exit codes: 0 approved, 10 declined, 11 not answered (in time, or the other side closed), \
                  64 wrong command line, 65 what came cannot be read or has no field 39, 69 nobody listens there."
)]
pub struct Args {
    /// The type of the message: 0200, 0800, …
    #[arg(value_name = "MTI")]
    pub mti: Mti,

    /// Its fields: 2=test:visa 4=10.00 11=auto. `auto` makes fields 2, 7, 11, 12, 13, 14, 35, 37, 41 and 42; `test:NAME`
    /// is a test card in fields 2, 14 and 35; `text:…` is taken as it is; short values of fixed fields are padded.
    #[arg(value_name = "N=VALUE")]
    pub fields: Vec<String>,

    /// Where to send it, HOST:PORT.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8583")]
    pub to: String,

    #[command(flatten)]
    pub wire: WireArgs,

    /// Add the usual fields of such a message that are not named.
    #[arg(long)]
    pub fill: bool,

    /// The automatic field 11.
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..=999_999))]
    pub stan: Option<u32>,

    /// The automatic field 41.
    #[arg(long, value_name = "TEXT", default_value = "TERM0001")]
    pub terminal: String,

    /// The automatic field 42.
    #[arg(long, value_name = "TEXT", default_value = "MERCHANT")]
    pub acceptor: String,

    /// How long to wait for the answer.
    #[arg(long, value_name = "TIME", value_parser = duration, default_value = "20s")]
    pub timeout: Duration,

    /// Print one JSON object, card data masked.
    #[arg(long)]
    pub json: bool,
}

/// How it went. Decides the exit status.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Verdict {
    Approved,
    Declined,
    /// An answer without the response code that would say which of the two.
    Undecided,
    /// An answer to something that is neither approved nor declined, without a response code.
    Answered,
    Timeout,
    Undecodable,
    Closed,
}

impl Verdict {
    fn exit(self) -> Exit {
        match self {
            Verdict::Approved | Verdict::Answered => Exit::OK,
            Verdict::Undecided => Exit::DATA,
            Verdict::Declined => Exit::DECLINED,
            Verdict::Timeout | Verdict::Closed => Exit::TIMEOUT,
            Verdict::Undecodable => Exit::DATA,
        }
    }

    fn word(self) -> &'static str {
        match self {
            Verdict::Approved => "approved",
            Verdict::Undecided => "undecided",
            Verdict::Declined => "declined",
            Verdict::Answered => "answered",
            Verdict::Timeout => "timeout",
            Verdict::Undecodable => "undecodable",
            Verdict::Closed => "closed",
        }
    }
}

/// Sends a message, waits for its answer, prints both.
///
/// # Errors
/// The message cannot be made, or nobody listens there.
pub async fn run(args: Args) -> Result<Exit, Failure> {
    let (verdict, text) = perform(&args).await?;
    writeln!(io::stdout().lock(), "{text}")
        .map_err(|error| Failure::new(Exit::IO, format_args!("standard output: {error}")))?;
    Ok(verdict.exit())
}

/// What happened, and what there is to print.
async fn perform(args: &Args) -> Result<(Verdict, String), Failure> {
    let wire = args.wire.wire()?;
    let request = request(args, &wire)?;
    let to = resolve(&args.to).await?;
    let mut terminal = Terminal::connect(to, &wire, args.timeout)
        .await
        .map_err(|error| {
            Failure::new(
                Exit::UNAVAILABLE,
                format_args!("cannot connect to {to}: {error}"),
            )
            .hint(match error.kind() {
                io::ErrorKind::ConnectionRefused => {
                    "nothing listens there: `ss -ltn` shows who listens where, --to names another address"
                }
                io::ErrorKind::TimedOut => {
                    "nothing answers there: is the address right, and is there a firewall between?"
                }
                _ => "is there a way to that address? `ip route get` shows it",
            })
        })?;
    let started = Instant::now();
    let mut passed_over = Vec::new();
    let (verdict, answer) = exchange(
        &mut terminal,
        &wire.dialect,
        &request,
        started + args.timeout,
        &mut passed_over,
    )
    .await?;
    let shown = Shown {
        passed_over,
        dialect: &wire.dialect,
        request: &request,
        answer,
        verdict,
        latency: started.elapsed(),
    };
    Ok((
        verdict,
        if args.json {
            shown.json()
        } else {
            shown.text()
        },
    ))
}

fn request(args: &Args, wire: &Wire) -> Result<Bytes, Failure> {
    let usage = |message: &dyn std::fmt::Display| Failure::new(Exit::USAGE, message);
    let mut fields = BTreeMap::new();
    for text in &args.fields {
        let parsed = text
            .split_once('=')
            .and_then(|(number, value)| Some((number.parse::<u8>().ok()?, value)));
        let Some((number, value)) =
            parsed.filter(|(number, _)| (2..=FieldSet::NUMBER_MAX).contains(number))
        else {
            let start: String = text.chars().take(8).collect();
            return Err(usage(&format_args!(
                "`{start}`: expected N=VALUE with N from 2 to 192, such as 4=10.00"
            ))
            .hint("fields follow the message type: 0200 2=test:visa 4=10.00 11=auto"));
        };
        if fields.insert(number, value.to_owned()).is_some() {
            return Err(usage(&format_args!("field {number} is given twice")).hint("give it once"));
        }
    }
    if args.mti.response().is_none() {
        return Err(usage(&format_args!(
            "{} is an answer: nobody answers it",
            args.mti
        ))
        .hint("send a request: 0100, 0200, 0400, 0420, 0800"));
    }
    let card = Card::named("visa").map_err(|error| usage(&error))?;
    let stan = args.stan.unwrap_or_else(moment_stan);
    let mut memory = Memory::new(
        Arc::clone(&wire.dialect),
        args.terminal.clone(),
        args.acceptor.clone(),
        card,
        stan,
    );
    memory
        .build(args.mti, &fields, args.fill)
        .map_err(|problem| {
            usage(&problem).hint(format_args!(
                "`pointsman dialects {}` shows its fields; `auto` fills in fields 2, 7, 11, 12, 13, 14, 35, 37, 41 and 42",
                args.wire.dialect
            ))
        })
}

async fn exchange(
    terminal: &mut Terminal,
    dialect: &Dialect,
    request: &Bytes,
    deadline: Instant,
    passed_over: &mut Vec<String>,
) -> Result<(Verdict, Option<Bytes>), Failure> {
    // Somebody did listen: if the connection breaks, what is missing is the answer.
    let broken = |error: FrameError| match error {
        FrameError::Io(_) => Ok((Verdict::Closed, None)),
        error => Err(Failure::new(Exit::DATA, error)
            .hint("does the other side use this framing? See --framing, --tpdu and --frame-max")),
    };
    if let Err(error) = terminal.send(request).await {
        return broken(error);
    }
    let sent = dialect.view(request).ok();
    loop {
        let message = match terminal.receive(deadline).await {
            Ok(Incoming::Message(message)) => message,
            Ok(Incoming::Timeout) => return Ok((Verdict::Timeout, None)),
            Ok(Incoming::Closed) => return Ok((Verdict::Closed, None)),
            Err(error) => return broken(error),
        };
        let Ok(view) = dialect.view(&message) else {
            return Ok((Verdict::Undecodable, Some(message)));
        };
        if let Some(difference) = sent.as_ref().and_then(|sent| difference(sent, &view)) {
            let _ = writeln!(io::stderr(), "passed over: {difference}");
            // A peer that never stops talking must not fill our memory.
            if passed_over.len() < PASSED_OVER_MAX {
                passed_over.push(difference);
            }
            continue;
        }
        let verdict = match view.response_code() {
            Some(code) if code.is_approval() => Verdict::Approved,
            Some(_) => Verdict::Declined,
            None if view.mti().class() == MtiClass::NetworkManagement => Verdict::Answered,
            // ISO 8583-1:1987 table 4: field 39 is mandatory in 0110, 0210 and 0410. Without it nobody knows.
            None => Verdict::Undecided,
        };
        return Ok((verdict, Some(message)));
    }
}

/// Messages that were passed over and are told in the result.
const PASSED_OVER_MAX: usize = 100;

/// Why a message is not the answer to what was sent; `None` if it is. Card data is masked.
fn difference(sent: &View<'_>, found: &View<'_>) -> Option<String> {
    let mti = found.mti();
    if mti.is_request() {
        return Some(format!("{mti} came from the other side"));
    }
    if let Some(expected) = sent.mti().response().filter(|expected| *expected != mti) {
        return Some(format!(
            "{mti} is no answer to {}, which is {expected}",
            sent.mti()
        ));
    }
    // ISO 8583-1:1987: an answer repeats them. A partial approval (10) has another amount, with good reason.
    let partial = found
        .response_code()
        .is_some_and(|code| code.as_str() == "10");
    let repeated: &[u8] = if partial { &[11, 41] } else { &[11, 41, 4] };
    repeated.iter().find_map(|&number| {
        let (ours, theirs) = (sent.to_text(number)?, found.to_text(number)?);
        if ours.trim_end_matches(' ') == theirs.trim_end_matches(' ') {
            return None;
        }
        let dialect = found.dialect();
        Some(format!(
            "{mti} with field {number} {}, expected {}",
            shown(dialect, number, &theirs),
            shown(dialect, number, &ours)
        ))
    })
}

/// What there is to print.
struct Shown<'a> {
    dialect: &'a Dialect,
    request: &'a [u8],
    answer: Option<Bytes>,
    /// What came and was not the answer.
    passed_over: Vec<String>,
    verdict: Verdict,
    latency: Duration,
}

impl Shown<'_> {
    fn text(&self) -> String {
        let tree = |arrow: &str, bytes: &[u8]| {
            let mut tree = String::new();
            // Writing to a string cannot fail, and an error in the message is part of the tree.
            let _ = explain::tree(self.dialect, bytes, Unmask::No, &mut tree);
            format!("{arrow} {}\n", tree.trim_end())
        };
        let mut text = tree("→", self.request);
        if let Some(answer) = &self.answer {
            text += &tree("←", answer);
        }
        let code = self
            .response_code()
            .map_or_else(String::new, |code| format!(" with code {code}"));
        let time = human(self.latency);
        text += &match self.verdict {
            Verdict::Timeout => format!("no answer within {time}"),
            Verdict::Closed => {
                format!("the other side closed the connection after {time} without an answer")
            }
            Verdict::Undecodable => format!("an answer after {time} that cannot be read"),
            Verdict::Undecided => format!(
                "undecided after {time}: the answer has no field 39, which would say yes or no"
            ),
            verdict => format!("{}{code} after {time}", verdict.word()),
        };
        text
    }

    fn json(&self) -> String {
        let message = |bytes: &[u8]| {
            let line = match json::decode_line(self.dialect, bytes, Unmask::No) {
                Ok(line) => line,
                Err(error) => json::error_line(&error.explain(self.dialect)),
            };
            serde_json::from_str(&line).unwrap_or(serde_json::Value::Null)
        };
        serde_json::json!({
            "request": message(self.request),
            "answer": self.answer.as_ref().map(|answer| message(answer)),
            "passed_over": self.passed_over,
            "result": self.verdict.word(),
            "response_code": self.response_code(),
            "latency_us": u64::try_from(self.latency.as_micros()).unwrap_or(u64::MAX),
        })
        .to_string()
    }

    fn response_code(&self) -> Option<String> {
        self.dialect.view(self.answer.as_ref()?).ok()?.to_text(39)
    }
}

#[cfg(test)]
mod tests;
