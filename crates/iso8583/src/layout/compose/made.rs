//! A value in the making: text, digits or bytes.

use bytes::BytesMut;

use crate::charset::{Charset, hex_digit};
use crate::encode::{self, Target};
use crate::error::EncodeErrorKind as Fault;
use crate::field::{Content, Field};
use crate::output::Output;
use crate::plan::Step;

/// What a value is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// Characters of this set.
    Text(Charset),
    /// Digits that need not fill bytes.
    Digits,
    Bytes,
}

/// The value, so far.
#[derive(Clone)]
pub(crate) struct Made {
    pub(crate) form: Form,
    /// Of text and digits.
    text: String,
    bytes: Vec<u8>,
}

impl Made {
    pub(crate) fn new(form: Form) -> Made {
        Made {
            form,
            text: String::new(),
            bytes: Vec::new(),
        }
    }

    /// Characters, digits or bytes.
    pub(crate) fn count(&self) -> usize {
        match self.form {
            Form::Text(_) => self.text.chars().count(),
            Form::Digits => self.text.len(),
            Form::Bytes => self.bytes.len(),
        }
    }

    pub(crate) fn push_text(&mut self, text: &str) {
        self.text.push_str(text);
    }

    pub(crate) fn push_bytes(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// Appends what was made in the same form.
    pub(crate) fn append(&mut self, other: &Made) {
        self.text.push_str(&other.text);
        self.bytes.extend_from_slice(&other.bytes);
    }

    /// As reading gives it.
    pub(crate) fn into_text(self) -> String {
        match self.form {
            Form::Text(_) | Form::Digits => self.text,
            Form::Bytes => hex(&self.bytes),
        }
    }

    /// The bytes of text in its character set. The place of a character that the set lacks, otherwise.
    pub(crate) fn encoded(&self) -> Result<Vec<u8>, (usize, char)> {
        let Form::Text(charset) = self.form else {
            return Ok(self.bytes.clone());
        };
        self.text
            .char_indices()
            .map(|(place, character)| charset.byte_of(character).ok_or((place, character)))
            .collect()
    }

    pub(crate) fn begins_with(&self, text: &str, charset: Charset) -> bool {
        match self.form {
            Form::Text(_) | Form::Digits => self.text.starts_with(text),
            Form::Bytes => {
                let wanted = text.chars().map(|character| charset.byte_of(character));
                let mut there = self.bytes.iter().copied().map(Some);
                wanted
                    .into_iter()
                    .all(|byte| byte.is_some() && there.next() == Some(byte))
            }
        }
    }

    /// Appends a value as a field of bytes would be written, with its length prefix.
    pub(crate) fn push_as_field(
        &mut self,
        field: &Field,
        text: &str,
    ) -> Result<(), (usize, Fault)> {
        let step = Step::of(field);
        let mut buffer = BytesMut::new();
        let mut out = Output::begin(&mut buffer, 0);
        encode::put_text(Target { step: &step }, text, &mut out)?;
        let range = out.keep();
        self.bytes
            .extend_from_slice(buffer.get(range).unwrap_or_default());
        Ok(())
    }
}

/// Upper-case hex.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .flat_map(|byte| [hex_digit(byte >> 4), hex_digit(*byte)])
        .map(char::from)
        .collect()
}

/// Is every character of the content class? The place and the fault of the first that is not.
pub(crate) fn check(charset: Charset, content: Content, text: &str) -> Result<(), (usize, Fault)> {
    for (count, (place, character)) in text.char_indices().enumerate() {
        let sign = content == Content::SignedN && count == 0;
        let byte = charset.byte_of(character);
        let fits = match content {
            Content::B => character.is_ascii_hexdigit(),
            _ if sign => byte.is_some_and(|byte| charset.is_sign(byte)),
            _ => byte.is_some_and(|byte| charset.allows(content, byte)),
        };
        if !fits {
            let kind = match content {
                Content::B => Fault::NotHex(character),
                _ if sign => Fault::NotSign(character),
                Content::N | Content::SignedN => Fault::NotDigit(character),
                Content::Z => Fault::NotTrack(character),
                _ => Fault::NotText(character),
            };
            return Err((place, kind));
        }
    }
    Ok(())
}
