//! From the bytes of an input to what is shown of the messages in them.

use std::io::{self, Write};
use std::sync::Arc;

use pointsman_framing::{FrameError, Frames, Framing, Tpdu};
use pointsman_iso8583::mask::Unmask;
use pointsman_iso8583::{Dialect, Explained, explain, json};
use serde_json::Value;

use crate::exit::{Exit, Failure};
use crate::guess::{Around, Guess, guess};

/// Guesses shown beside the best one.
const OTHERS_MAX: usize = 2;
/// Guesses in JSON.
const JSON_MAX: usize = 5;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    Tree,
    Json,
}

/// How messages stand in the bytes of one input.
#[derive(Clone, Copy, Debug)]
pub(super) enum Reading {
    /// They are one message.
    Message,
    Frames(Framing),
    /// To be found out, the dialect too.
    Guessed,
}

#[derive(Debug)]
pub(super) struct Decoder {
    dialect: Arc<Dialect>,
    reading: Reading,
    format: Format,
    unmask: Unmask,
    decoded: usize,
    broken: usize,
    /// Has anything been written, so that a blank line must come before the next tree?
    has_begun: bool,
}

impl Decoder {
    pub(super) fn new(
        dialect: Arc<Dialect>,
        reading: Reading,
        format: Format,
        unmask: Unmask,
    ) -> Self {
        Decoder {
            dialect,
            reading,
            format,
            unmask,
            decoded: 0,
            broken: 0,
            has_begun: false,
        }
    }

    /// Shows the messages in these bytes.
    pub(super) fn decode(&mut self, bytes: &[u8], out: &mut impl Write) -> io::Result<()> {
        match self.reading {
            Reading::Message => self.write_message(&self.dialect.clone(), bytes, out),
            Reading::Frames(framing) => {
                self.write_frames(&self.dialect.clone(), framing, bytes, out)
            }
            Reading::Guessed => self.write_guessed(bytes, out),
        }
    }

    fn write_guessed(&mut self, bytes: &[u8], out: &mut impl Write) -> io::Result<()> {
        let guesses = guess(bytes, &self.dialect);
        self.write_guesses(&guesses, out)?;
        let Some(best) = guesses.first() else {
            return self.write_broken(&nothing_fits(bytes.len()), out);
        };
        let dialect = &best.candidate.dialect;
        match best.around {
            Around::Nothing => self.write_message(dialect, bytes, out),
            Around::Tpdu => {
                let message = bytes.get(Tpdu::LEN..).unwrap_or_default();
                self.write_message(dialect, message, out)
            }
            Around::Frames(framing) => self.write_frames(dialect, framing, bytes, out),
        }
    }

    /// What was found, the best first; others only where they could be meant.
    fn write_guesses(&mut self, guesses: &[Guess], out: &mut impl Write) -> io::Result<()> {
        match self.format {
            Format::Json => {
                let list: Vec<Value> = guesses.iter().take(JSON_MAX).map(Guess::to_json).collect();
                writeln!(out, "{}", serde_json::json!({ "guess": list }))
            }
            Format::Tree => {
                self.separate(out)?;
                let is_sure = guesses
                    .first()
                    .is_some_and(|best| best.candidate.fits_all());
                for (place, guess) in guesses.iter().take(1 + OTHERS_MAX).enumerate() {
                    let lead = if place == 0 { "guess: " } else { "   or: " };
                    if place == 0 || !is_sure || guess.candidate.fits_all() {
                        writeln!(out, "{lead}{}", guess.candidate.reason())?;
                    }
                }
                Ok(())
            }
        }
    }

    fn write_frames(
        &mut self,
        dialect: &Dialect,
        framing: Framing,
        bytes: &[u8],
        out: &mut impl Write,
    ) -> io::Result<()> {
        let mut frames = Frames::new(framing, bytes);
        while let Some(frame) = frames.next() {
            match frame {
                Ok(frame) => {
                    let message = bytes.get(frame.body).unwrap_or_default();
                    self.write_message(dialect, message, out)?;
                }
                Err(error) => {
                    let explained = explain_frame(framing, frames.position(), &error);
                    self.write_broken(&explained, out)?;
                }
            }
        }
        Ok(())
    }

    fn write_message(
        &mut self,
        dialect: &Dialect,
        bytes: &[u8],
        out: &mut impl Write,
    ) -> io::Result<()> {
        match self.format {
            Format::Json => match json::decode_line(dialect, bytes, self.unmask) {
                Ok(line) => {
                    self.decoded += 1;
                    writeln!(out, "{line}")
                }
                Err(error) => self.write_broken(&error.explain(dialect), out),
            },
            Format::Tree => {
                self.separate(out)?;
                let mut text = String::new();
                // Writing to a string does not fail.
                let error =
                    explain::tree(dialect, bytes, self.unmask, &mut text).unwrap_or_default();
                match error {
                    None => self.decoded += 1,
                    Some(_) => self.broken += 1,
                }
                out.write_all(text.as_bytes())
            }
        }
    }

    /// The error stands in the place of the message.
    pub(super) fn write_broken(
        &mut self,
        error: &Explained,
        out: &mut impl Write,
    ) -> io::Result<()> {
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
    fn separate(&mut self, out: &mut impl Write) -> io::Result<()> {
        if std::mem::replace(&mut self.has_begun, true) {
            writeln!(out)?;
        }
        Ok(())
    }

    pub(super) fn finish(self, dialect: &str) -> Result<Exit, Failure> {
        let messages = self.decoded + self.broken;
        match (messages, self.broken) {
            (_, 0) => Ok(Exit::Ok),
            (1, _) => Err("the message could not be decoded".to_owned()),
            (_, broken) => Err(format!("{broken} of {messages} messages could not be decoded")),
        }
        .map_err(|message| {
            let hint = match self.reading {
                Reading::Guessed => "each error says what was expected; for a dialect of the peer's own, change the nearest (`pointsman dialects NAME` prints it) and name it with --dialect".to_owned(),
                _ => format!("if the messages are not `{dialect}`, say what they are with --dialect; `pointsman dialects` lists what there is, and --guess tries all"),
            };
            Failure::new(Exit::Data, message, hint)
        })
    }
}

/// A stream that lost its step, in the words in which the codec tells its errors.
fn explain_frame(framing: Framing, offset: usize, error: &FrameError) -> Explained {
    let found = error.to_string();
    Explained {
        message: format!("stream, byte {offset}: {found}"),
        offset,
        field: 0,
        name: "stream".to_owned(),
        expected: format!("a frame of {}", framing.kind),
        found,
    }
}

fn nothing_fits(length: usize) -> Explained {
    let plural = if length == 1 { "byte" } else { "bytes" };
    let expected = "a message of a known dialect, alone or in a known framing".to_owned();
    let found = format!("{length} {plural} that none of them reads");
    Explained {
        message: format!("expected {expected}, found {found}"),
        offset: 0,
        field: 0,
        name: "message".to_owned(),
        expected,
        found,
    }
}
