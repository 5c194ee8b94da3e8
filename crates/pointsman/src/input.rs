//! Bytes as people have them at hand: hex in any spelling, base64, a dump, a file.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use pointsman_iso8583::{Explained, MESSAGE_BYTES_MAX};

use crate::dump;
use crate::exit::{Exit, Failure};
use crate::hex::{self, HexError};

/// The longest message in hex, and as much again for blanks between its bytes.
pub(crate) const LINE_BYTES_MAX: usize = 4 * MESSAGE_BYTES_MAX;

/// The largest file of messages that is read whole.
pub(crate) const FILE_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// How bytes are written as text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Spelling {
    Hex,
    Base64,
}

/// Reads a text of one or more lines into `bytes`.
pub(crate) fn bytes_of_text(
    spelling: Spelling,
    text: &[u8],
    bytes: &mut Vec<u8>,
) -> Result<(), Explained> {
    match spelling {
        Spelling::Hex => match dump::whole(text) {
            Some(dumped) => {
                *bytes = dumped;
                Ok(())
            }
            None => hex::decode(text, bytes).map_err(explain_hex),
        },
        Spelling::Base64 => {
            bytes.clear();
            let dense: Vec<u8> = text
                .iter()
                .copied()
                .filter(|byte| !byte.is_ascii_whitespace())
                .collect();
            let alphabet = if dense.iter().any(|byte| matches!(byte, b'-' | b'_')) {
                alphabet::URL_SAFE
            } else {
                alphabet::STANDARD
            };
            let config = GeneralPurposeConfig::new()
                .with_decode_padding_mode(DecodePaddingMode::Indifferent);
            GeneralPurpose::new(&alphabet, config)
                .decode_vec(&dense, bytes)
                .map_err(|error| explain_base64(&error, dense.len()))
        }
    }
}

/// Reads a file of bytes, or standard input for `-`.
pub(crate) fn bytes_of_file(path: &Path) -> Result<Vec<u8>, Failure> {
    let unreadable = |error: io::Error| {
        Failure::new(
            Exit::NoInput,
            format!("cannot read {}: {error}", path.display()),
            "check the path, and that the file may be read",
        )
    };
    let mut bytes = Vec::new();
    let read = if path == Path::new("-") {
        io::stdin()
            .lock()
            .take(FILE_BYTES_MAX + 1)
            .read_to_end(&mut bytes)
            .map_err(|error| Failure::stdin(&error))?
    } else {
        File::open(path)
            .and_then(|file| file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes))
            .map_err(unreadable)?
    };
    if u64::try_from(read).is_ok_and(|read| read <= FILE_BYTES_MAX) {
        return Ok(bytes);
    }
    Err(Failure::new(
        Exit::Data,
        format!("{} has more than {FILE_BYTES_MAX} bytes", path.display()),
        "split it",
    ))
}

/// An input line that does not even get to the codec, in the words in which the codec tells its errors.
pub(crate) fn not_a_line(offset: usize, expected: String, found: String) -> Explained {
    Explained {
        message: format!("line, character {offset}: expected {expected}, found {found}"),
        offset,
        field: 0,
        name: "line".to_owned(),
        expected,
        found,
    }
}

/// A line of input that is longer than any that makes sense.
pub(crate) fn too_long(bytes_max: usize) -> Explained {
    not_a_line(
        bytes_max,
        format!("at most {bytes_max} characters a line"),
        "more".to_owned(),
    )
}

fn explain_hex(error: HexError) -> Explained {
    match error {
        HexError::NotHex { at, found } => {
            not_a_line(at, "hex digits".to_owned(), character_text(found))
        }
        HexError::Odd { digits } => not_a_line(
            digits,
            "an even number of hex digits".to_owned(),
            digits.to_string(),
        ),
    }
}

fn explain_base64(error: &base64::DecodeError, length: usize) -> Explained {
    use base64::DecodeError;
    match error {
        DecodeError::InvalidByte(at, found) => {
            not_a_line(*at, "base64".to_owned(), character_text(*found))
        }
        DecodeError::InvalidLastSymbol(at, _) => not_a_line(
            *at,
            "base64".to_owned(),
            "a last character that base64 does not end with".to_owned(),
        ),
        DecodeError::InvalidLength(_) | DecodeError::InvalidPadding => not_a_line(
            length,
            "whole groups of base64".to_owned(),
            format!("{length} characters"),
        ),
    }
}

fn character_text(found: u8) -> String {
    match found {
        b' '..=b'~' => format!("'{}'", char::from(found)),
        _ => format!("byte {found:02X}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_in_both_alphabets_with_and_without_padding() {
        let mut bytes = Vec::new();
        for text in ["+/8=", "-_8=", "-_8", "+ /\n8"] {
            bytes_of_text(Spelling::Base64, text.as_bytes(), &mut bytes).unwrap();
            assert_eq!(bytes, [0xFB, 0xFF], "{text:?}");
        }
        for (text, offset) in [("+/8!", 3), ("A", 1), ("-/8=", 1)] {
            let error = bytes_of_text(Spelling::Base64, text.as_bytes(), &mut bytes).unwrap_err();
            assert_eq!(
                (error.offset, error.name.as_str()),
                (offset, "line"),
                "{text}"
            );
        }
    }
}
