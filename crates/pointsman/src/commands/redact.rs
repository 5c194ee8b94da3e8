//! `pointsman redact`: messages and logs in, the same without card data out.

use std::io::{self, BufWriter, IsTerminal, Write};

use pointsman_iso8583::{Explained, json};

use crate::console::Console;
use crate::dialect;
use crate::exit::{Exit, Failure};
use crate::hex;
use crate::input;
use crate::lines::{Line, Lines};
use crate::redact::{Keep, Key, Redactor};

/// A message as JSON may take so much, and log lines are shorter.
const LINE_BYTES_MAX: usize = 1024 * 1024;

/// A line of hex is taken for a message from here on: message type and bitmap.
const MESSAGE_CHARACTERS_MIN: usize = 20;

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Each line of standard input may be a message in hex, a message as `decode --json --unmask` prints it, or text.\n\
                  Exit codes: 0 all redacted, 65 a line of hex, or JSON in a line, is no message: an error stands in its place."
)]
pub(crate) struct Args {
    /// How messages are written: a built-in dialect or a file
    #[arg(long, short, value_name = "NAME|FILE", default_value = dialect::DEFAULT)]
    dialect: String,

    /// Make the same pseudonym of the same card number everywhere, with this key: file:PATH or env:NAME
    #[arg(long, value_name = "SOURCE")]
    key: Option<String>,

    /// What stays of a card number: `ends` are its first six and last four digits
    #[arg(long, value_name = "WHAT", default_value = "ends", value_enum)]
    keep: Keep,

    /// Lines of hex that are no message are text too
    #[arg(long)]
    text: bool,
}

pub(crate) fn run(args: Args, console: &Console) -> Result<Exit, Failure> {
    let dialect = dialect::load(&args.dialect, console)?;
    let key = args.key.as_deref().map(Key::load).transpose()?;
    let redactor = Redactor::new(dialect, key, args.keep);
    let stdin = io::stdin().lock();
    if stdin.is_terminal() {
        console.tell("reading lines from standard input until Ctrl-D");
    }
    let output = |error: io::Error| Failure::output(&error);
    let mut out = BufWriter::new(io::stdout().lock());
    let mut lines = Lines::new(stdin, LINE_BYTES_MAX).with_blanks();
    let (mut count, mut broken) = (0_usize, 0_usize);
    loop {
        if lines.is_next_awaited() {
            out.flush().map_err(output)?;
        }
        let result = match lines.next().map_err(|error| Failure::stdin(&error))? {
            None => break,
            Some(Line::Text(line)) => redact_line(&redactor, line, args.text),
            Some(Line::TooLong) => Err(input::too_long(LINE_BYTES_MAX)),
        };
        count += 1;
        let line = result.unwrap_or_else(|error| {
            broken += 1;
            json::error_line(&error)
        });
        writeln!(out, "{line}").map_err(output)?;
    }
    out.flush().map_err(output)?;
    match broken {
        0 => Ok(Exit::Ok),
        _ => Err(Failure::new(
            Exit::Data,
            format!("{broken} of {count} lines could not be redacted"),
            "say with --dialect what the messages are, or with --text that hex which is no message may stay as text",
        )),
    }
}

/// The line without its card data. A message that cannot be read is an error: nobody knows where its secrets are.
fn redact_line(redactor: &Redactor, line: &[u8], hex_is_text: bool) -> Result<String, Explained> {
    let text = line.trim_ascii();
    let start = line.len() - line.trim_ascii_start().len();
    let (before, after) = match text.is_empty() {
        true => (line, &[][..]),
        false => (
            line.get(..start).unwrap_or_default(),
            line.get(start + text.len()..).unwrap_or_default(),
        ),
    };
    let redacted = redact_text(redactor, text, hex_is_text)?;
    let blanks = |blanks: &[u8]| String::from_utf8_lossy(blanks).into_owned();
    Ok(blanks(before) + &redacted + &blanks(after))
}

fn redact_text(redactor: &Redactor, line: &[u8], hex_is_text: bool) -> Result<String, Explained> {
    let is_hex = line.len() >= MESSAGE_CHARACTERS_MIN && line.iter().all(u8::is_ascii_hexdigit);
    if is_hex {
        let mut bytes = Vec::new();
        input::bytes_of_text(input::Spelling::Hex, line, &mut bytes)?;
        match redactor.message(&bytes) {
            Ok(message) => {
                let mut text = Vec::new();
                hex::encode(&message, &mut text);
                return Ok(String::from_utf8(text).unwrap_or_default());
            }
            Err(error) if !hex_is_text => return Err(error.explain(redactor.dialect())),
            Err(_) => {}
        }
    }
    let text = String::from_utf8_lossy(line);
    redactor.line(&text).ok_or_else(|| {
        let found = "the beginning of one that is none";
        input::not_a_line(0, "messages in JSON that are whole".into(), found.into())
    })
}
