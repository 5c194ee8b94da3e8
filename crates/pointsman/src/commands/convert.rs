//! `pointsman convert`: messages of one dialect in, the same messages in another out, both in hex.

use std::io::{self, BufWriter, IsTerminal, Write};
use std::sync::Arc;

use bytes::BytesMut;
use pointsman_iso8583::{Dialect, Explained, FieldSet, Transcoder, json};

use crate::console::Console;
use crate::dialect;
use crate::exit::{Exit, Failure};
use crate::hex;
use crate::input::{self, LINE_BYTES_MAX, Spelling};
use crate::lines::{Line, Lines};

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Reads messages in hex from standard input, one a line, unless they are given.\n\
                  Exit codes: 0 all converted, 65 some were not: the error is shown in its place."
)]
pub(crate) struct Args {
    /// How the messages are written: a built-in dialect or a file
    #[arg(long, value_name = "NAME|FILE")]
    from: String,

    /// How to write them
    #[arg(long, value_name = "NAME|FILE")]
    to: String,

    /// Leave fields out that cannot be carried, and name them on standard error
    #[arg(long)]
    drop: bool,

    /// Messages in hex
    #[arg(value_name = "HEX")]
    messages: Vec<String>,
}

pub(crate) fn run(args: Args, console: &Console) -> Result<Exit, Failure> {
    let from = dialect::load(&args.from, console)?;
    let to = dialect::load(&args.to, console)?;
    let mut converter = Converter {
        // Lenient in any case, to learn of all fields that cannot be carried and not only of the first.
        transcoder: Transcoder::new(&from, &to).lenient(),
        from,
        to,
        drop: args.drop,
        written: BytesMut::new(),
        dropped: FieldSet::EMPTY,
        messages: 0,
        broken: 0,
    };
    let mut out = BufWriter::new(io::stdout().lock());
    let output = |error: io::Error| Failure::output(&error);
    if args.messages.is_empty() {
        let stdin = io::stdin().lock();
        if stdin.is_terminal() {
            console.tell("reading messages in hex from standard input, one a line, until Ctrl-D");
        }
        let mut lines = Lines::new(stdin, LINE_BYTES_MAX);
        loop {
            if lines.is_next_awaited() {
                out.flush().map_err(output)?;
            }
            let result = match lines.next().map_err(|error| Failure::stdin(&error))? {
                None => break,
                Some(Line::Text([])) => continue,
                Some(Line::Text(line)) => converter.convert(line),
                Some(Line::TooLong) => Err(input::too_long(LINE_BYTES_MAX)),
            };
            converter.write(result, &mut out).map_err(output)?;
        }
    } else {
        for message in &args.messages {
            let result = converter.convert(message.as_bytes().trim_ascii());
            converter.write(result, &mut out).map_err(output)?;
        }
    }
    out.flush().map_err(output)?;
    converter.finish(console)
}

struct Converter {
    from: Arc<Dialect>,
    to: Arc<Dialect>,
    transcoder: Transcoder,
    drop: bool,
    /// The message at hand in the other dialect; kept for its room.
    written: BytesMut,
    /// What was left out of any message.
    dropped: FieldSet,
    messages: usize,
    broken: usize,
}

impl Converter {
    fn convert(&mut self, line: &[u8]) -> Result<(), Explained> {
        let mut bytes = Vec::new();
        input::bytes_of_text(Spelling::Hex, line, &mut bytes)?;
        let view = self
            .from
            .view(&bytes)
            .map_err(|error| error.explain(&self.from))?;
        // A header is carried where both have one of the same kind; nobody can say what another one would mean.
        let same_kind = self.from.header_kind() == self.to.header_kind();
        let header = if same_kind && self.to.header_fits(view.header()) {
            view.header()
        } else {
            self.to.default_header()
        };
        self.written.clear();
        let written = self
            .transcoder
            .write(&view, view.mti(), header, &[], &mut self.written)
            .map_err(|error| self.not_carried(FieldSet::of(&[error.field()])))?;
        if !written.dropped.is_empty() && !self.drop {
            return Err(self.not_carried(written.dropped));
        }
        self.dropped = self.dropped.union(written.dropped);
        Ok(())
    }

    fn not_carried(&self, fields: FieldSet) -> Explained {
        let field = fields.first().unwrap_or_default();
        let name = self
            .from
            .field(field)
            .map_or_else(|| "message".to_owned(), |field| field.name.to_string());
        let (from, to) = (self.from.name(), self.to.name());
        let reasons: Vec<String> = fields.iter().map(|number| self.reason(number)).collect();
        let found = reasons.join("; ");
        Explained {
            offset: 0,
            field,
            name,
            expected: format!("fields that {to} can express"),
            message: format!("from {from} to {to}: {found}"),
            found,
        }
    }

    /// Why a field is not carried.
    fn reason(&self, number: u8) -> String {
        match (self.from.field(number), self.to.field(number)) {
            (_, None) => format!("field {number} is not defined there"),
            (Some(here), Some(there)) if here.type_text() != there.type_text() => format!(
                "field {number} is {} here and {} there",
                here.type_text(),
                there.type_text()
            ),
            _ => format!("the value of field {number} does not fit there"),
        }
    }

    /// A line for the message, or the error in its place.
    fn write(&mut self, result: Result<(), Explained>, out: &mut impl Write) -> io::Result<()> {
        self.messages += 1;
        match result {
            Ok(()) => {
                let mut text = Vec::new();
                hex::encode(&self.written, &mut text);
                text.push(b'\n');
                out.write_all(&text)
            }
            Err(error) => {
                self.broken += 1;
                writeln!(out, "{}", json::error_line(&error))
            }
        }
    }

    fn finish(self, console: &Console) -> Result<Exit, Failure> {
        if !self.dropped.is_empty() {
            let reasons: Vec<String> = self
                .dropped
                .iter()
                .map(|number| self.reason(number))
                .collect();
            console.tell(&format!("left out: {}", reasons.join("; ")));
        }
        match self.broken {
            0 => Ok(Exit::Ok),
            broken => Err(Failure::new(
                Exit::Data,
                format!(
                    "{broken} of {} messages could not be converted",
                    self.messages
                ),
                "each error says what was expected; --drop leaves out what cannot be carried",
            )),
        }
    }
}
