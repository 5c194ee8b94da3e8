//! `pointsman encode`: JSON objects in, hex messages out. The inverse of `decode --json --unmask`.

use std::io::{self, BufWriter, IsTerminal, Write};

use bytes::BytesMut;
use pointsman_iso8583::{Dialect, Explained, json};

use crate::console::Console;
use crate::dialect;
use crate::exit::{Exit, Failure};
use crate::hex;
use crate::input;
use crate::lines::{Line, Lines};

/// The longest message as JSON: each of 127 fields at most 999 characters that may each be escaped (`\u00e9`), and the
/// punctuation.
const LINE_BYTES_MAX: usize = 1024 * 1024;

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Reads objects such as {\"mti\":\"0800\",\"fields\":{\"11\":\"000001\",\"70\":\"301\"}} from standard input, one a line:\n\
                  those of `decode --json --unmask`. Nothing is padded or cut: a value must have the length of its field.\n\
                  A field may be an object of its parts, as `decode --json --parts` shows them.\n\
                  \"header\" is hex, and the dialect's own if it is left out. A masked value (411111******1111) is an error.\n\n\
                  Exit codes: 0 all encoded, 65 some were not: the error is shown in its place."
)]
pub(crate) struct Args {
    /// How to write the messages: a built-in dialect or a file
    #[arg(long, short, value_name = "NAME|FILE", default_value = dialect::DEFAULT)]
    dialect: String,

    /// Take it for an error if a message lacks a field that its dialect demands of its type, has one that it forbids, or has
    /// one whose parts are not in order
    #[arg(long)]
    strict: bool,
}

pub(crate) fn run(args: Args, console: &Console) -> Result<Exit, Failure> {
    let dialect = dialect::load(&args.dialect, console)?;
    let mut out = BufWriter::new(io::stdout().lock());
    let output = |error: io::Error| Failure::output(&error);
    let stdin = io::stdin().lock();
    if stdin.is_terminal() {
        console.tell("reading JSON objects from standard input, one a line, until Ctrl-D");
    }
    let mut lines = Lines::new(stdin, LINE_BYTES_MAX);
    let mut message = BytesMut::new();
    let mut text = Vec::new();
    let (mut messages, mut broken) = (0, 0);
    loop {
        if lines.is_next_awaited() {
            out.flush().map_err(output)?;
        }
        let errors = match lines.next().map_err(|error| Failure::stdin(&error))? {
            None => break,
            Some(Line::Text([])) => continue,
            Some(Line::Text(line)) => {
                message.clear();
                match std::str::from_utf8(line) {
                    Ok(line) => match json::encode_line(&dialect, line, &mut message) {
                        Err(error) => vec![error.explain(&dialect)],
                        Ok(()) if args.strict => broken_rules(&dialect, &message),
                        Ok(()) => Vec::new(),
                    },
                    Err(error) => vec![input::not_a_line(
                        String::from_utf8_lossy(
                            line.get(..error.valid_up_to()).unwrap_or_default(),
                        )
                        .chars()
                        .count(),
                        "UTF-8 text".to_owned(),
                        "an invalid byte".to_owned(),
                    )],
                }
            }
            Some(Line::TooLong) => vec![input::not_a_line(
                LINE_BYTES_MAX,
                format!("at most {LINE_BYTES_MAX} bytes a line"),
                "more".to_owned(),
            )],
        };
        messages += 1;
        match json::errors_line(&errors) {
            None => {
                text.clear();
                hex::encode(&message, &mut text);
                text.push(b'\n');
                out.write_all(&text).map_err(output)?;
            }
            Some(line) => {
                broken += 1;
                writeln!(out, "{line}").map_err(output)?;
            }
        }
    }
    out.flush().map_err(output)?;
    match broken {
        0 => Ok(Exit::Ok),
        _ => Err(Failure::new(
            Exit::Data,
            format!("{broken} of {messages} messages could not be encoded"),
            format!(
                "each error says what was expected; `pointsman dialects {}` prints the fields",
                args.dialect
            ),
        )),
    }
}

/// The rules of its dialect that a message that was written breaks, for its fields and for what is inside of them.
fn broken_rules(dialect: &Dialect, message: &[u8]) -> Vec<Explained> {
    let Ok(view) = dialect.view(message) else {
        return Vec::new();
    };
    let presence = view.check_presence().map(|broken| broken.explain(dialect));
    let layouts = view.check_layouts().into_iter();
    presence
        .chain(layouts.map(|fault| fault.error.explain(dialect)))
        .collect()
}
