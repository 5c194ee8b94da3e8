//! `pointsman decode`: messages in hex, base64 or binary in, explained trees or JSON objects out.

use std::io::{self, BufWriter, IsTerminal, Write};
use std::path::{Path, PathBuf};

use pointsman_framing::{Framing, HOST_FRAME_BYTES_MAX, Kind};
use pointsman_iso8583::mask::Unmask;

use crate::capture;
use crate::console::Console;
use crate::dialect;
use crate::dump;
use crate::exit::{Exit, Failure};
use crate::input::{self, LINE_BYTES_MAX, Spelling};
use crate::lines::{Line, Lines};

mod decoder;

use decoder::{Decoder, Format, Place, Reading};

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Hex may be dense, in groups, with 0x, or a dump of hexdump, xxd or Wireshark.\n\
                  Without --framing the messages have no length prefix; a header that belongs to the dialect is part of them.\n\
                  What a message breaks of its dialect's rules about its fields is noted; it is still a message.\n\n\
                  Exit codes: 0 all decoded, 65 some were not: the others are still shown, and the error is shown in its place.\n\
                  With --strict 65 also if a message breaks a rule."
)]
pub(crate) struct Args {
    /// How the messages are written: a built-in dialect or a file
    #[arg(long, short, value_name = "NAME|FILE", default_value = dialect::DEFAULT)]
    dialect: String,

    /// Try all framings and all dialects, say which fit and why, and decode with the best
    #[arg(long, conflicts_with_all = ["framing", "tpdu"])]
    guess: bool,

    /// Print one JSON object a line instead of a tree
    #[arg(long)]
    json: bool,

    /// With --json: print what is inside of fields too, as the dialect's layouts say
    #[arg(long, requires = "json")]
    parts: bool,

    /// Show card numbers, tracks, PIN blocks and codes as they are
    #[arg(long)]
    unmask: bool,

    /// Fail if a message lacks a field that its dialect demands of its type, has one that it forbids, or has one whose parts
    /// are not in order
    #[arg(long)]
    strict: bool,

    /// The input is a stream: how messages are told apart in it
    #[arg(long, value_name = "KIND", help_heading = "Input")]
    framing: Option<Kind>,

    /// Each frame of the stream starts with a five-byte TPDU
    #[arg(long, requires = "framing", help_heading = "Input")]
    tpdu: bool,

    /// Messages are in base64, not in hex
    #[arg(long, help_heading = "Input")]
    base64: bool,

    /// Read bytes from this file, or from standard input for `-`: one message, or a stream
    #[arg(long, value_name = "FILE", conflicts_with_all = ["base64", "messages"], help_heading = "Input")]
    file: Option<PathBuf>,

    /// Read a capture of a network, pcap or pcapng; needs --framing or --guess
    #[arg(long, value_name = "FILE", conflicts_with_all = ["base64", "messages", "file"], help_heading = "Input")]
    pcap: Option<PathBuf>,

    /// Only the connections of the capture to or from this port
    #[arg(long, value_name = "PORT", requires = "pcap", help_heading = "Input")]
    port: Option<u16>,

    /// Messages in hex; without any, or for `-`, one a line from standard input
    #[arg(value_name = "HEX")]
    messages: Vec<String>,
}

pub(crate) fn run(args: Args, console: &Console) -> Result<Exit, Failure> {
    let dialect = dialect::load(&args.dialect, console)?;
    let reading = match args.framing {
        _ if args.guess => Reading::Guessed,
        None => Reading::Message,
        Some(kind) => Reading::Frames(
            Framing::new(kind)
                .with_tpdu(args.tpdu)
                .with_frame_bytes_max(HOST_FRAME_BYTES_MAX.min(kind.frame_bytes_max())),
        ),
    };
    let format = match (args.json, args.parts) {
        (false, _) => Format::Tree,
        (true, false) => Format::Json,
        (true, true) => Format::JsonWithParts,
    };
    let unmask = if args.unmask { Unmask::Yes } else { Unmask::No };
    let mut decoder = Decoder::new(dialect, reading, format, unmask);
    let spelling = if args.base64 {
        Spelling::Base64
    } else {
        Spelling::Hex
    };
    let mut out = BufWriter::new(io::stdout().lock());
    if let Some(path) = &args.pcap {
        if matches!(reading, Reading::Message) {
            return Err(Failure::usage(
                "a capture holds streams, and nothing says how messages are told apart in them",
                "say it with --framing, or let --guess find out",
            ));
        }
        decode_capture(&mut decoder, path, args.port, &mut out, console)?;
    } else if let Some(path) = &args.file {
        let bytes = input::bytes_of_file(path)?;
        decoder
            .decode(&bytes, &mut out)
            .map_err(|error| Failure::output(&error))?;
    } else if args.messages.is_empty() {
        decode_stdin(&mut decoder, spelling, &mut out, console)?;
    } else {
        for (place, message) in args.messages.iter().enumerate() {
            if message == "-" {
                decode_stdin(&mut decoder, spelling, &mut out, console)?;
                continue;
            }
            let is_only = args.messages.len() == 1;
            decoder.from((!is_only).then_some(Place::Argument(place + 1)));
            decode_text(
                &mut decoder,
                spelling,
                message.as_bytes().trim_ascii(),
                &mut out,
            )
            .map_err(|error| Failure::output(&error))?;
        }
    }
    out.flush().map_err(|error| Failure::output(&error))?;
    decoder.finish(&args.dialect, args.strict)
}

fn decode_capture(
    decoder: &mut Decoder,
    path: &Path,
    port: Option<u16>,
    out: &mut impl Write,
    console: &Console,
) -> Result<(), Failure> {
    let capture = capture::read(path, port)?;
    if capture.streams.is_empty() {
        return Err(Failure::new(
            Exit::Data,
            match port {
                Some(port) => format!("nobody says anything to or from port {port} over TCP"),
                None => "nobody says anything over TCP".to_owned(),
            },
            "check what was recorded, and that the packets are whole: `tcpdump -s 0`",
        ));
    }
    decoder
        .decode_capture(&capture.streams, out)
        .map_err(|error| Failure::output(&error))?;
    for stream in capture.streams.iter().filter(|stream| stream.missed > 0) {
        console.tell(&format!(
            "{} to {}: {} bytes were not recorded before packet {}",
            stream.from,
            stream.to,
            stream.missed,
            stream.packet_at(1)
        ));
    }
    if capture.is_cut {
        console.tell("the capture ends in the middle of a packet");
    }
    match decoder.skipped() {
        0 => Ok(()),
        skipped if skipped == capture.streams.len() => Err(Failure::new(
            Exit::Data,
            "none of the streams has messages of a known dialect in a known framing",
            "name the dialect with --dialect, and with --port the connections",
        )),
        skipped => {
            console.tell(&format!("streams without messages: {skipped}"));
            Ok(())
        }
    }
}

/// Each line is a message, except for the lines of a dump, which belong together.
fn decode_stdin(
    decoder: &mut Decoder,
    spelling: Spelling,
    out: &mut impl Write,
    console: &Console,
) -> Result<(), Failure> {
    let stdin = io::stdin().lock();
    if stdin.is_terminal() {
        console.tell("reading messages from standard input, one a line, until Ctrl-D");
    }
    let output = |error: io::Error| Failure::output(&error);
    let mut lines = Lines::new(stdin, LINE_BYTES_MAX);
    let mut dumped: Vec<u8> = Vec::new();
    let mut dump_begins = 0;
    loop {
        if lines.is_next_awaited() {
            out.flush().map_err(output)?;
        }
        let number = lines.number() + 1;
        let line = lines.next().map_err(|error| Failure::stdin(&error))?;
        let of_dump = match &line {
            Some(Line::Text(text)) if spelling == Spelling::Hex => dump::line(text),
            _ => None,
        };
        let goes_on = of_dump
            .as_ref()
            .is_some_and(|line| line.offset == dumped.len() && dumped.len() < LINE_BYTES_MAX);
        let is_end = matches!(&line, Some(Line::Text(text)) if dump::is_end(text, dumped.len()));
        if !dumped.is_empty() && !goes_on {
            decoder.from(Some(Place::Line(dump_begins)));
            decoder.decode(&dumped, out).map_err(output)?;
            dumped.clear();
        }
        decoder.from(Some(Place::Line(number)));
        match (line, of_dump) {
            (None, _) => return Ok(()),
            (_, Some(part)) if goes_on || part.offset == 0 => {
                if dumped.is_empty() {
                    dump_begins = number;
                }
                dumped.extend(part.bytes);
                Ok(())
            }
            _ if is_end => Ok(()),
            (Some(Line::Text(text)), _) => decode_text(decoder, spelling, text, out),
            (Some(Line::TooLong), _) => {
                decoder.write_unreadable(&input::too_long(LINE_BYTES_MAX), out)
            }
        }
        .map_err(output)?;
    }
}

/// Blank lines are skipped.
fn decode_text(
    decoder: &mut Decoder,
    spelling: Spelling,
    text: &[u8],
    out: &mut impl Write,
) -> io::Result<()> {
    if text.is_empty() {
        return Ok(());
    }
    let mut bytes = Vec::new();
    match input::bytes_of_text(spelling, text, &mut bytes) {
        Ok(()) => decoder.decode(&bytes, out),
        Err(error) => decoder.write_unreadable(&error, out),
    }
}
