//! The suite of malformed messages (`tests/golden/malformed/suite.jsonl`, described in docs/malformed-suite.md) as values,
//! and its labels as the errors that the crates give.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "test code: a wrong fixture must stop the test"
)]

use std::path::Path;
use std::sync::Arc;

use pointsman_framing::{Framing, KeepAlive, Kind};
use pointsman_iso8583::tlv::Tag;
use pointsman_iso8583::{DecodeError, DecodeErrorKind, Dialect};
use serde::Deserialize;

/// One line of the suite.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// The class and a number.
    pub id: String,
    /// What kind of fault it is.
    pub class: String,
    /// The dialect that the message was written in.
    pub dialect: String,
    /// Where the fault is found.
    pub layer: Layer,
    /// How the bytes are framed; without, they are one message.
    pub framing: Option<FramingLabel>,
    /// Fields that the dialect is to be used without.
    #[serde(default)]
    pub without: Vec<u8>,
    hex: String,
    /// What must be said about it.
    pub expected: Expected,
    /// What a switch does with it.
    pub action: Action,
}

/// Where a fault is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Layer {
    /// On the stream, before there is a message.
    Framing,
    /// In the message.
    Message,
    /// The message is in order but its field 55 is not.
    Icc,
}

/// What a switch does with a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub enum Action {
    /// The answer says that the format is wrong.
    #[serde(rename = "answer-30")]
    Answer30,
    /// The connection is closed.
    #[serde(rename = "close")]
    Close,
    /// It goes on: the fault is for its receiver.
    #[serde(rename = "forward")]
    Forward,
}

/// How a stream is framed.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FramingLabel {
    kind: String,
    tpdu: bool,
    frame_bytes_max: usize,
    keep_alive: String,
}

/// A label.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expected {
    /// The field; none in a fault of the framing.
    pub field: Option<u8>,
    /// Offset in the message (of the stream, in a fault of the framing).
    pub offset: usize,
    /// The rule that is broken.
    pub kind: String,
    byte: Option<String>,
    length: Option<usize>,
    max: Option<usize>,
    needed: Option<usize>,
    available: Option<usize>,
    count: Option<usize>,
    tag: Option<String>,
}

/// Every line of the suite.
pub fn suite() -> Vec<Case> {
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden/malformed/suite.jsonl");
    let text = std::fs::read_to_string(&path)
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{line}: {error}")))
        .collect()
}

impl Case {
    /// What comes in.
    pub fn bytes(&self) -> Vec<u8> {
        unhex(&self.hex)
    }

    /// The dialect, without the fields that it is to be without.
    pub fn dialect(&self) -> Arc<Dialect> {
        if self.without.is_empty() {
            return Dialect::builtin(&self.dialect).unwrap();
        }
        let fields = self
            .without
            .iter()
            .map(|field| format!("{field} = false\n"));
        let source = format!(
            "name = \"narrow\"\nextends = \"{}\"\n[fields]\n{}",
            self.dialect,
            fields.collect::<String>()
        );
        Arc::new(Dialect::parse(&source).unwrap())
    }
}

impl FramingLabel {
    /// As the crate says it.
    pub fn framing(&self) -> Framing {
        let keep_alive: KeepAlive = self.keep_alive.parse().unwrap();
        Framing::new(self.kind.parse::<Kind>().unwrap())
            .with_tpdu(self.tpdu)
            .with_frame_bytes_max(self.frame_bytes_max)
            .with_keep_alive(keep_alive)
    }
}

impl Expected {
    /// The offending byte.
    pub fn byte(&self) -> u8 {
        u8::from_str_radix(self.byte.as_ref().unwrap(), 16).unwrap()
    }

    /// The element of field 55, if the fault is one of its own.
    pub fn tag(&self) -> Option<Tag> {
        let hex = self.tag.as_ref()?;
        Some(Tag(u32::from_str_radix(hex, 16).unwrap()))
    }

    /// Bytes that a part needs, and that are left.
    pub fn needed_and_available(&self) -> (usize, usize) {
        (self.needed.unwrap(), self.available.unwrap())
    }

    /// A length as announced.
    pub fn length(&self) -> usize {
        self.length.unwrap()
    }

    /// A length as allowed.
    pub fn max(&self) -> usize {
        self.max.unwrap()
    }

    /// The label as the codec's error, with all that the error says.
    pub fn decode_error(&self) -> DecodeError {
        use DecodeErrorKind as Kind;
        let kind = match self.kind.as_str() {
            "truncated" => {
                let (needed, available) = self.needed_and_available();
                Kind::Truncated { needed, available }
            }
            "not-digit" => Kind::NotDigit(self.byte()),
            "not-bcd" => Kind::NotBcd { byte: self.byte() },
            "filler-nibble" => Kind::PadNibble { byte: self.byte() },
            "length-not-digits" => Kind::LengthNotDigit(self.byte()),
            "length-too-long" => Kind::LengthTooLong {
                length: self.length(),
                max: self.max(),
            },
            "length-odd" => Kind::LengthOdd {
                length: self.length(),
            },
            "not-hex" => Kind::NotHex(self.byte()),
            "not-text" => Kind::NotText(self.byte()),
            "not-track" => Kind::NotTrack(self.byte()),
            "not-sign" => Kind::NotSign(self.byte()),
            "undefined-field" => Kind::UndefinedField,
            "tertiary-bitmap" => Kind::TertiaryBitmap,
            "trailing-bytes" => Kind::TrailingBytes {
                count: self.count.unwrap(),
            },
            other => panic!("{other} is no kind of a message's fault"),
        };
        DecodeError {
            field: self.field.unwrap(),
            offset: self.offset,
            kind,
        }
    }
}

fn unhex(text: &str) -> Vec<u8> {
    text.as_bytes()
        .chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}
