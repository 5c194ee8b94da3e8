//! From the bytes of an input to what is shown of the messages in them.

use std::io::{self, Write};
use std::net::SocketAddr;
use std::ops::Range;
use std::sync::Arc;

use pointsman_framing::{FrameError, Frames, Framing, Tpdu};
use pointsman_iso8583::mask::Unmask;
use pointsman_iso8583::{Dialect, Explained, explain, json};
use serde_json::Value;

use crate::capture::Stream;
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
    /// With what is inside of fields.
    JsonWithParts,
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
    /// Decoded ones that break a rule of their dialect.
    unruly: usize,
    /// Streams in which no message was found.
    skipped: usize,
    /// Broken ones that are not even bytes, so that no dialect reads them.
    unreadable: usize,
    /// Where the message at hand comes from, if it is of a capture.
    origin: Option<Origin>,
    /// Where it stands in the input, if there may be others.
    place: Option<Place>,
    /// The first places of broken ones.
    broken_places: Vec<Place>,
    /// Has anything been written, so that a blank line must come before the next tree?
    has_begun: bool,
}

/// Where messages stand in the input, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Line(usize),
    Argument(usize),
}

/// Places of broken messages that are named.
const PLACES_MAX: usize = 8;

/// Who said it to whom, and the packet that ended it.
#[derive(Clone, Copy, Debug)]
struct Origin {
    from: SocketAddr,
    to: SocketAddr,
    packet: u64,
}

/// What was found in one place of a stream.
enum Found {
    Message(Range<usize>),
    Broken(Explained),
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
            unruly: 0,
            skipped: 0,
            unreadable: 0,
            origin: None,
            place: None,
            broken_places: Vec::new(),
            has_begun: false,
        }
    }

    /// The messages that come next stand there.
    pub(super) fn from(&mut self, place: Option<Place>) {
        self.place = place;
    }

    fn count_decoded(&mut self, dialect: &Dialect, bytes: &[u8]) {
        self.decoded += 1;
        let breaks_a_rule = dialect.view(bytes).is_ok_and(|view| {
            view.check_presence().next().is_some() || !view.check_layouts().is_empty()
        });
        if breaks_a_rule {
            self.unruly += 1;
        }
    }

    fn count_broken(&mut self) {
        self.broken += 1;
        if let Some(place) = self.place
            && self.broken_places.last() != Some(&place)
            && self.broken_places.len() <= PLACES_MAX
        {
            self.broken_places.push(place);
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

    /// Shows the messages in a capture in the order in which their last packets came.
    pub(super) fn decode_capture(
        &mut self,
        streams: &[Stream],
        out: &mut impl Write,
    ) -> io::Result<()> {
        let mut found: Vec<(Origin, &Stream, Arc<Dialect>, Found)> = Vec::new();
        for stream in streams {
            let (framing, dialect) = match self.reading {
                Reading::Frames(framing) => (Some(framing), self.dialect.clone()),
                Reading::Message => (None, self.dialect.clone()),
                Reading::Guessed => match self.guess_stream(stream, out)? {
                    Some(known) => known,
                    None => continue,
                },
            };
            for (end, item) in items(framing, &stream.bytes) {
                let origin = Origin {
                    from: stream.from,
                    to: stream.to,
                    packet: stream.packet_at(end),
                };
                found.push((origin, stream, dialect.clone(), item));
            }
        }
        found.sort_by_key(|(origin, ..)| origin.packet);
        for (origin, stream, dialect, item) in found {
            self.origin = Some(origin);
            match item {
                Found::Message(range) => {
                    let message = stream.bytes.get(range).unwrap_or_default();
                    self.write_message(&dialect, message, out)?;
                }
                Found::Broken(error) => self.write_broken(&error, out)?,
            }
        }
        self.origin = None;
        Ok(())
    }

    /// What a stream is; `None` if it is none of ISO 8583, as much of a capture may be.
    fn guess_stream(
        &mut self,
        stream: &Stream,
        out: &mut impl Write,
    ) -> io::Result<Option<(Option<Framing>, Arc<Dialect>)>> {
        let guesses = guess(&stream.bytes, &self.dialect);
        self.origin = Some(Origin {
            from: stream.from,
            to: stream.to,
            packet: stream.packet_at(1),
        });
        // In a stream messages are told apart, and one that is none decodes for a byte or two.
        let best = guesses
            .iter()
            .find(|guess| matches!(guess.around, Around::Frames(_)) && guess.candidate.decoded > 0);
        let known = match best {
            Some(Guess {
                around: Around::Frames(framing),
                candidate,
            }) => Some((Some(*framing), candidate.dialect.clone())),
            _ => None,
        };
        match known {
            Some(_) => self.write_guesses(&guesses, out)?,
            None => self.skipped += 1,
        }
        self.origin = None;
        Ok(known)
    }

    /// Streams of a capture in which no message was found.
    pub(super) fn skipped(&self) -> usize {
        self.skipped
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
            Format::Json | Format::JsonWithParts => {
                let list: Vec<Value> = guesses.iter().take(JSON_MAX).map(Guess::to_json).collect();
                self.write_line(&serde_json::json!({ "guess": list }).to_string(), out)
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
        for (_, item) in items(Some(framing), bytes) {
            match item {
                Found::Message(range) => {
                    let message = bytes.get(range).unwrap_or_default();
                    self.write_message(dialect, message, out)?;
                }
                Found::Broken(error) => self.write_broken(&error, out)?,
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
            Format::Json | Format::JsonWithParts => {
                let line = match self.format {
                    Format::JsonWithParts => json::decode_parts_line(dialect, bytes, self.unmask),
                    _ => json::decode_checked_line(dialect, bytes, self.unmask),
                };
                match line {
                    Ok(line) => {
                        self.count_decoded(dialect, bytes);
                        self.write_line(&line, out)
                    }
                    Err(error) => self.write_broken(&error.explain(dialect), out),
                }
            }
            Format::Tree => {
                self.separate(out)?;
                let mut text = String::new();
                // Writing to a string does not fail.
                let error =
                    explain::tree(dialect, bytes, self.unmask, &mut text).unwrap_or_default();
                if error.is_none() {
                    self.count_decoded(dialect, bytes);
                    return out.write_all(text.as_bytes());
                }
                self.count_broken();
                match self.place {
                    None => {}
                    Some(Place::Line(line)) => text.push_str(&format!("  line      {line}\n")),
                    Some(Place::Argument(place)) => {
                        text.push_str(&format!("  message   {place}\n"));
                    }
                }
                out.write_all(text.as_bytes())
            }
        }
    }

    /// Something that is no bytes at all.
    pub(super) fn write_unreadable(
        &mut self,
        error: &Explained,
        out: &mut impl Write,
    ) -> io::Result<()> {
        self.unreadable += 1;
        self.write_broken(error, out)
    }

    /// The error stands in the place of the message.
    fn write_broken(&mut self, error: &Explained, out: &mut impl Write) -> io::Result<()> {
        match self.format {
            Format::Json | Format::JsonWithParts => {
                self.write_line(&json::error_line(error), out)?;
            }
            Format::Tree => {
                self.separate(out)?;
                let message = match (self.place, error.message.strip_prefix("line,")) {
                    (Some(Place::Line(line)), Some(rest)) => format!("line {line},{rest}"),
                    (Some(Place::Argument(place)), Some(rest)) => format!("message {place},{rest}"),
                    _ => error.message.clone(),
                };
                writeln!(out, "error: {message}")?;
            }
        }
        self.count_broken();
        Ok(())
    }

    /// An object, with its origin first.
    fn write_line(&self, object: &str, out: &mut impl Write) -> io::Result<()> {
        match (self.origin, object.strip_prefix('{')) {
            (Some(Origin { from, to, packet }), Some(rest)) => {
                writeln!(
                    out,
                    "{{\"from\":\"{from}\",\"to\":\"{to}\",\"packet\":{packet},{rest}"
                )
            }
            _ => writeln!(out, "{object}"),
        }
    }

    /// A blank line between two trees, and where the next one comes from.
    fn separate(&mut self, out: &mut impl Write) -> io::Result<()> {
        if std::mem::replace(&mut self.has_begun, true) {
            writeln!(out)?;
        }
        match self.origin {
            Some(Origin { from, to, packet }) => {
                writeln!(out, "packet {packet}, {from} to {to}")
            }
            None => Ok(()),
        }
    }

    /// `strict`: what breaks a rule of its dialect is a failure, too.
    pub(super) fn finish(self, dialect: &str, strict: bool) -> Result<Exit, Failure> {
        let messages = self.decoded + self.broken;
        if strict && self.broken == 0 && self.unruly > 0 {
            let message = match messages {
                1 => "the message breaks the rules of its dialect".to_owned(),
                _ => format!(
                    "{} of {messages} messages break the rules of their dialect",
                    self.unruly
                ),
            };
            let hint = format!(
                "each note says what is wrong; the rules are [messages] and [layouts] in `pointsman dialects {dialect}`"
            );
            return Err(Failure::new(Exit::Data, message, hint));
        }
        let message = match (messages, self.broken) {
            (_, 0) => return Ok(Exit::Ok),
            (1, _) => "the message could not be decoded".to_owned(),
            (_, broken) => {
                let places = self.broken_places();
                format!("{broken} of {messages} messages could not be decoded{places}")
            }
        };
        let hint = match self.reading {
            _ if self.unreadable == self.broken => "each error says what was expected; a message is hex, in any spelling, or with --base64 that".to_owned(),
            Reading::Guessed => "each error says what was expected; for a dialect of the peer's own, change the nearest (`pointsman dialects NAME` prints it) and name it with --dialect".to_owned(),
            _ if dialect == crate::dialect::DEFAULT => format!("if the messages are not `{dialect}`, say what they are with --dialect; `pointsman dialects` lists what there is, and --guess tries all"),
            _ => format!("each error says what `{dialect}` expects; --guess says what else the messages may be, and `pointsman dialects {dialect}` prints the fields"),
        };
        Err(Failure::new(Exit::Data, message, hint))
    }

    /// `: lines 2, 5`
    fn broken_places(&self) -> String {
        let named = self.broken_places.iter().take(PLACES_MAX);
        let numbers: Vec<String> = named
            .map(|place| match place {
                Place::Line(number) | Place::Argument(number) => number.to_string(),
            })
            .collect();
        let noun = match self.broken_places.as_slice() {
            [] => return String::new(),
            [Place::Line(_)] => "line",
            [Place::Argument(_)] => "message",
            [Place::Line(_), ..] => "lines",
            [Place::Argument(_), ..] => "messages",
        };
        let more = match self.broken_places.len() {
            0..=PLACES_MAX => "",
            _ => " and more",
        };
        format!(": {noun} {}{more}", numbers.join(", "))
    }
}

/// The messages of a stream, and the error that ends it, each with the place where it ends.
fn items(framing: Option<Framing>, bytes: &[u8]) -> Vec<(usize, Found)> {
    let Some(framing) = framing else {
        return Vec::from([(bytes.len(), Found::Message(0..bytes.len()))]);
    };
    let mut items = Vec::new();
    let mut frames = Frames::new(framing, bytes);
    while let Some(frame) = frames.next() {
        items.push(match frame {
            Ok(frame) => (frame.body.end, Found::Message(frame.body)),
            Err(error) => {
                let explained = explain_frame(framing, frames.position(), &error);
                (bytes.len(), Found::Broken(explained))
            }
        });
    }
    items
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
