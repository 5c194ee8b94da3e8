//! `pointsman decode`: hex messages in, explained trees or JSON objects out.

use std::io::{self, BufWriter, IsTerminal, Write};

use pointsman_iso8583::mask::Unmask;
use pointsman_iso8583::{Dialect, Explained, MESSAGE_BYTES_MAX, explain, json};

use crate::console::Console;
use crate::dialect;
use crate::exit::{Exit, Failure};
use crate::hex::{self, HexError};
use crate::lines::{Line, Lines};

/// The longest message in hex, and as much again for blanks between its bytes.
const LINE_BYTES_MAX: usize = 4 * MESSAGE_BYTES_MAX;

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Messages have no length prefix of a transport; a header that belongs to the dialect is part of them.\n\
                  Exit codes: 0 all decoded, 65 some were not: the others are still shown, and the error is shown in its place."
)]
pub(crate) struct Args {
    /// How the messages are written: a built-in dialect or a file
    #[arg(long, short, value_name = "NAME|FILE", default_value = dialect::DEFAULT)]
    dialect: String,

    /// Print one JSON object a line instead of a tree
    #[arg(long)]
    json: bool,

    /// Show card numbers, tracks, PIN blocks and codes as they are
    #[arg(long)]
    unmask: bool,

    /// Messages in hex; without any, one a line from standard input
    #[arg(value_name = "HEX")]
    messages: Vec<String>,
}

pub(crate) fn run(args: Args, console: &Console) -> Result<Exit, Failure> {
    let dialect = dialect::load(&args.dialect, console)?;
    let mut decoder = Decoder {
        dialect: &dialect,
        format: if args.json {
            Format::Json
        } else {
            Format::Tree
        },
        unmask: if args.unmask { Unmask::Yes } else { Unmask::No },
        bytes: Vec::new(),
        decoded: 0,
        broken: 0,
    };
    let mut out = BufWriter::new(io::stdout().lock());
    if args.messages.is_empty() {
        decoder.decode_stdin(&mut out, console)?;
    } else {
        for message in &args.messages {
            decoder
                .decode_line(message.as_bytes().trim_ascii(), &mut out)
                .map_err(|error| Failure::output(&error))?;
        }
    }
    out.flush().map_err(|error| Failure::output(&error))?;
    decoder.finish(&args.dialect)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Format {
    Tree,
    Json,
}

struct Decoder<'a> {
    dialect: &'a Dialect,
    format: Format,
    unmask: Unmask,
    /// The message at hand; kept for its room.
    bytes: Vec<u8>,
    decoded: usize,
    broken: usize,
}

impl Decoder<'_> {
    fn decode_stdin(&mut self, out: &mut impl Write, console: &Console) -> Result<(), Failure> {
        let stdin = io::stdin().lock();
        if stdin.is_terminal() {
            console.tell("reading messages in hex from standard input, one a line, until Ctrl-D");
        }
        let mut lines = Lines::new(stdin, LINE_BYTES_MAX);
        loop {
            if lines.is_next_awaited() {
                out.flush().map_err(|error| Failure::output(&error))?;
            }
            match lines.next().map_err(|error| Failure::stdin(&error))? {
                None => return Ok(()),
                Some(Line::Text(line)) => self.decode_line(line, out),
                Some(Line::TooLong) => self.write_broken(
                    &super::not_a_line(
                        LINE_BYTES_MAX,
                        format!("at most {LINE_BYTES_MAX} characters a line"),
                        "more".to_owned(),
                    ),
                    out,
                ),
            }
            .map_err(|error| Failure::output(&error))?;
        }
    }

    /// Blank lines are skipped.
    fn decode_line(&mut self, line: &[u8], out: &mut impl Write) -> io::Result<()> {
        if line.is_empty() {
            return Ok(());
        }
        let mut bytes = std::mem::take(&mut self.bytes);
        let result = match hex::decode(line, &mut bytes) {
            Ok(()) => self.write_message(&bytes, out),
            Err(error) => self.write_broken(&explain_hex(error), out),
        };
        self.bytes = bytes;
        result
    }

    fn write_message(&mut self, bytes: &[u8], out: &mut impl Write) -> io::Result<()> {
        match self.format {
            Format::Json => match json::decode_line(self.dialect, bytes, self.unmask) {
                Ok(line) => {
                    self.decoded += 1;
                    writeln!(out, "{line}")
                }
                Err(error) => self.write_broken(&error.explain(self.dialect), out),
            },
            Format::Tree => {
                self.separate(out)?;
                let mut text = String::new();
                // Writing to a string does not fail.
                let error =
                    explain::tree(self.dialect, bytes, self.unmask, &mut text).unwrap_or_default();
                match error {
                    None => self.decoded += 1,
                    Some(_) => self.broken += 1,
                }
                out.write_all(text.as_bytes())
            }
        }
    }

    /// The error stands in the place of the message.
    fn write_broken(&mut self, error: &Explained, out: &mut impl Write) -> io::Result<()> {
        match self.format {
            Format::Json => writeln!(out, "{}", json::error_line(error))?,
            Format::Tree => {
                self.separate(out)?;
                writeln!(out, "error: {}", error.message)?;
            }
        }
        self.broken += 1;
        Ok(())
    }

    /// A blank line between two trees.
    fn separate(&self, out: &mut impl Write) -> io::Result<()> {
        if self.decoded + self.broken > 0 {
            writeln!(out)?;
        }
        Ok(())
    }

    fn finish(self, dialect: &str) -> Result<Exit, Failure> {
        let messages = self.decoded + self.broken;
        match (messages, self.broken) {
            (_, 0) => Ok(Exit::Ok),
            (1, _) => Err("the message could not be decoded".to_owned()),
            (_, broken) => Err(format!("{broken} of {messages} messages could not be decoded")),
        }
        .map_err(|message| {
            Failure::new(
                Exit::Data,
                message,
                format!("if the messages are not `{dialect}`, say what they are with --dialect; `pointsman dialects` lists what there is"),
            )
        })
    }
}

fn explain_hex(error: HexError) -> Explained {
    match error {
        HexError::NotHex { at, found } => super::not_a_line(
            at,
            "hex digits".to_owned(),
            match found {
                b' '..=b'~' => format!("'{}'", char::from(found)),
                _ => format!("byte {found:02X}"),
            },
        ),
        HexError::Odd { digits } => super::not_a_line(
            digits,
            "an even number of hex digits".to_owned(),
            digits.to_string(),
        ),
    }
}
