//! Errors of reading and writing: small closed enums with field and offset, and at most the one offending byte.

use crate::dialect::Dialect;
use crate::field::{Content, Encoding, Field, Length};
use crate::header::HeaderKind;

/// Why a message could not be read. `offset` is the first offending byte; for a truncation, where the part that does
/// not fit begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("field {field} at offset {offset}: {kind}")]
pub struct DecodeError {
    /// Offset in the message, its header included.
    pub offset: usize,
    /// The field; 0 is header and MTI, 1 the bitmaps.
    pub field: u8,
    /// What is wrong.
    pub kind: DecodeErrorKind,
}

/// What is wrong with a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeErrorKind {
    /// The message ends too early.
    #[error("{needed} bytes needed, {available} left")]
    Truncated {
        /// Bytes that this part needs.
        needed: usize,
        /// Bytes that are left.
        available: usize,
    },
    /// Not a digit.
    #[error("0x{0:02X} is not a digit")]
    NotDigit(u8),
    /// A nibble that is not a digit.
    #[error("0x{byte:02X} is not two packed digits")]
    NotBcd {
        /// The byte it is in.
        byte: u8,
    },
    /// The filler nibble of an odd count of packed digits is another than the dialect's (0, or F).
    #[error("the filler nibble in 0x{byte:02X} is another")]
    PadNibble {
        /// The byte it is in.
        byte: u8,
    },
    /// A length prefix holds something else than digits.
    #[error("0x{0:02X} in a length prefix")]
    LengthNotDigit(u8),
    /// The announced length is more than the dialect allows.
    #[error("length {length} is more than {max}")]
    LengthTooLong {
        /// As announced.
        length: usize,
        /// As allowed.
        max: usize,
    },
    /// Not what stands in a header of the dialect's kind: a length that none has, or another character.
    #[error("0x{0:02X} does not belong in the header")]
    NotHeader(u8),
    /// The announced length counts the prefix itself, but is less than that.
    #[error("length {length} is less than {min}")]
    LengthTooShort {
        /// As announced.
        length: usize,
        /// Bytes of the prefix.
        min: usize,
    },
    /// Hex text of an odd length.
    #[error("hex text of odd length {length}")]
    LengthOdd {
        /// As announced.
        length: usize,
    },
    /// Not a hex character.
    #[error("0x{0:02X} is not a hex character")]
    NotHex(u8),
    /// Not a character of the field's class.
    #[error("0x{0:02X} is not a character of the field's class")]
    NotText(u8),
    /// Neither a digit nor a track separator.
    #[error("0x{0:02X} is neither a digit nor a track separator")]
    NotTrack(u8),
    /// The sign is neither `C` nor `D`.
    #[error("0x{0:02X} is neither C nor D")]
    NotSign(u8),
    /// The bitmap announces a field that the dialect does not define.
    #[error("the dialect does not define the field")]
    UndefinedField,
    /// Bit 65 announces a third bitmap, which the dialect does not have.
    #[error("a third bitmap is announced")]
    TertiaryBitmap,
    /// Bytes are left after the last field.
    #[error("{count} bytes after the last field")]
    TrailingBytes {
        /// How many.
        count: usize,
    },
    /// More bytes than any message may have.
    #[error("{length} bytes are more than {max}")]
    MessageTooLong {
        /// As given.
        length: usize,
        /// As allowed.
        max: usize,
    },
}

/// Why a message could not be written. `offset` is the place in the value's text (in bytes).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("field {field}, character {offset}: {kind}")]
pub struct EncodeError {
    /// The field; 0 is header and MTI or the message as a whole.
    pub field: u8,
    /// Where in the value's text.
    pub offset: usize,
    /// What is wrong.
    pub kind: EncodeErrorKind,
}

/// What is wrong with a value that should be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EncodeErrorKind {
    /// The dialect does not define the field.
    #[error("the dialect does not define the field")]
    UndefinedField,
    /// Fields must be given in ascending order, each once.
    #[error("fields come in ascending order, and {after} is there already")]
    OutOfOrder {
        /// The field given before.
        after: u8,
    },
    /// A fixed field needs exactly this length (hex characters for `b` fields given as text).
    #[error("length {length} is not {expected}")]
    LengthWrong {
        /// As given.
        length: usize,
        /// As the dialect says.
        expected: usize,
    },
    /// Longer than the dialect allows.
    #[error("length {length} is more than {max}")]
    LengthTooLong {
        /// As given.
        length: usize,
        /// As allowed.
        max: usize,
    },
    /// An odd count of hex characters, or of digits where only whole bytes can be announced.
    #[error("odd length {length}")]
    LengthOdd {
        /// As given.
        length: usize,
    },
    /// Not a digit.
    #[error("{0:?} is not a digit")]
    NotDigit(char),
    /// Not a hex character.
    #[error("{0:?} is not a hex character")]
    NotHex(char),
    /// Not a character of the field's class and character set.
    #[error("{0:?} is not a character of the field's class")]
    NotText(char),
    /// Neither a digit nor a track separator.
    #[error("{0:?} is neither a digit nor a track separator")]
    NotTrack(char),
    /// The sign is neither `C` nor `D`.
    #[error("{0:?} is neither C nor D")]
    NotSign(char),
    /// The header is of the right length, but not of the dialect's kind.
    #[error("a header of another kind")]
    NotHeader,
    /// Bytes were given for a field that is not `b`.
    #[error("bytes for a field that is not binary")]
    NotBinary,
    /// A number was given for a field that is not `n`.
    #[error("a number for a field that is not numeric")]
    NotNumeric,
    /// The number has more digits than the field.
    #[error("a number of more than {digits} digits")]
    NumberTooLarge {
        /// Digits of the field.
        digits: usize,
    },
    /// The view that a field should be copied from does not hold it.
    #[error("the other message does not hold the field")]
    NotInView,
    /// The field of the other dialect cannot be expressed in this one.
    #[error("the value cannot be expressed in the other dialect")]
    NotCarried,
    /// The message would be longer than any message may be.
    #[error("{length} bytes are more than {max}")]
    MessageTooLong {
        /// As it would be.
        length: usize,
        /// As allowed.
        max: usize,
    },
}

/// An error in words: what a person needs to find it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explained {
    /// Offset of the error.
    pub offset: usize,
    /// Its field; 0 is header and MTI, 1 the bitmaps.
    pub field: u8,
    /// The field's name.
    pub name: String,
    /// What should stand there.
    pub expected: String,
    /// What stands there.
    pub found: String,
    /// One sentence.
    pub message: String,
}

impl Explained {
    /// With its sentence: `place` is where it is, in words.
    pub(crate) fn of(
        (offset, field): (usize, u8),
        name: String,
        place: &str,
        (expected, found): (String, String),
    ) -> Explained {
        Explained {
            message: format!("{place}: expected {expected}, found {found}"),
            offset,
            field,
            name,
            expected,
            found,
        }
    }
}

impl DecodeError {
    /// Is it only that the message ends too early?
    pub(crate) fn is_truncation(&self) -> bool {
        matches!(self.kind, DecodeErrorKind::Truncated { .. })
    }

    /// The error in words, with the field's name and type in this dialect.
    #[must_use]
    pub fn explain(&self, dialect: &Dialect) -> Explained {
        let field = dialect.field(self.field);
        let before_fields = match self.kind {
            DecodeErrorKind::MessageTooLong { .. } => "Message",
            _ if self.offset < dialect.header_length() => "Header",
            _ => "Message type",
        };
        let name = place_name(self.field, field, before_fields);
        let place = format!("{} at offset {}", place(self.field, &name), self.offset);
        let words = self.expected_and_found(dialect, field);
        Explained::of((self.offset, self.field), name, &place, words)
    }

    fn expected_and_found(&self, dialect: &Dialect, field: Option<&Field>) -> (String, String) {
        use DecodeErrorKind as Kind;
        match self.kind {
            Kind::Truncated { needed, available } => {
                let what = match (self.field, field) {
                    (0, _) if self.offset < dialect.header_length() => "for the header",
                    (0, _) => "for the MTI",
                    (1, _) => "for a bitmap",
                    (_, Some(field)) if matches!(field.length, Length::Variable { .. }) => {
                        "for a length or its value"
                    }
                    _ => "for the value",
                };
                (
                    format!("{} {what}", bytes(needed)),
                    format!("{} left", bytes(available)),
                )
            }
            Kind::NotDigit(byte) => ("a digit".into(), byte_text(byte)),
            Kind::NotBcd { byte } => ("two packed digits".into(), byte_text(byte)),
            Kind::PadNibble { byte } => (
                format!(
                    "{:X} as the filler nibble of an odd digit count",
                    field.map_or(0, |field| field.filler.nibble())
                ),
                byte_text(byte),
            ),
            Kind::LengthNotDigit(byte) => ("digits in the length prefix".into(), byte_text(byte)),
            Kind::LengthTooLong { length, max } => {
                (format!("a length of at most {max}"), length.to_string())
            }
            Kind::NotHeader(byte) => (
                match dialect.header_kind() {
                    HeaderKind::Visa => "the length of a BASE I header, 22 to 32".into(),
                    _ => "ISO and nine digits".into(),
                },
                byte_text(byte),
            ),
            Kind::LengthTooShort { length, min } => (
                format!("a length of at least {min}, its own prefix"),
                length.to_string(),
            ),
            Kind::LengthOdd { length } => {
                ("an even count of hex characters".into(), length.to_string())
            }
            Kind::NotHex(byte) => ("a hex character".into(), byte_text(byte)),
            Kind::NotText(byte) => (class_text(field).into(), byte_text(byte)),
            Kind::NotTrack(byte) => ("a digit or the track separator".into(), byte_text(byte)),
            Kind::NotSign(byte) => ("the sign C or D".into(), byte_text(byte)),
            Kind::UndefinedField => (
                format!("only fields that {} defines", dialect.name()),
                format!("bit {} in the bitmap", self.field),
            ),
            Kind::TertiaryBitmap => (
                "at most two bitmaps".into(),
                "bit 65, which announces a third".into(),
            ),
            Kind::TrailingBytes { count } => (
                "the end of the message".into(),
                format!("{} more", bytes(count)),
            ),
            Kind::MessageTooLong { length, max } => {
                (format!("at most {}", bytes(max)), bytes(length))
            }
        }
    }
}

impl EncodeError {
    /// The error in words, with the field's name and type in this dialect.
    #[must_use]
    pub fn explain(&self, dialect: &Dialect) -> Explained {
        let field = dialect.field(self.field);
        let before_fields = match self.kind {
            EncodeErrorKind::MessageTooLong { .. } => "Message",
            EncodeErrorKind::LengthWrong { .. } | EncodeErrorKind::NotHeader => "Header",
            _ => "Message type",
        };
        let name = place_name(self.field, field, before_fields);
        let place = format!("{}, character {}", place(self.field, &name), self.offset);
        let words = self.expected_and_found(dialect, field);
        Explained::of((self.offset, self.field), name, &place, words)
    }

    fn expected_and_found(&self, dialect: &Dialect, field: Option<&Field>) -> (String, String) {
        use EncodeErrorKind as Kind;
        match self.kind {
            Kind::UndefinedField => (
                format!("a field that {} defines", dialect.name()),
                format!("field {}", self.field),
            ),
            Kind::OutOfOrder { after } => (
                "fields in ascending order".into(),
                format!("it after field {after}"),
            ),
            Kind::LengthWrong { length, expected } => {
                let of = match (self.field, field.map(|field| field.content)) {
                    (0, _) => "header bytes",
                    (_, Some(Content::B)) => "hex characters",
                    (_, Some(Content::N)) => "digits",
                    _ => "characters",
                };
                (format!("exactly {expected} {of}"), length.to_string())
            }
            Kind::LengthTooLong { length, max } => {
                (format!("a length of at most {max}"), length.to_string())
            }
            Kind::LengthOdd { length } => {
                let what = match field.map(|field| field.content) {
                    Some(Content::B) => "hex characters",
                    _ => "digits",
                };
                (format!("an even count of {what}"), length.to_string())
            }
            Kind::NotDigit(character) => ("a digit".into(), char_text(character)),
            Kind::NotHex(character) => ("a hex character".into(), char_text(character)),
            Kind::NotText(character) => (class_text(field).into(), char_text(character)),
            Kind::NotTrack(character) => (
                "a digit or the track separator".into(),
                char_text(character),
            ),
            Kind::NotSign(character) => ("the sign C or D".into(), char_text(character)),
            Kind::NotHeader => (
                match dialect.header_kind() {
                    HeaderKind::Visa => "a BASE I header that says its length".into(),
                    _ => "ISO and nine digits".into(),
                },
                "another header".into(),
            ),
            Kind::NotBinary => ("text".into(), "bytes for a field that is not binary".into()),
            Kind::NotNumeric => (
                "text".into(),
                "a number for a field that is not numeric".into(),
            ),
            Kind::NumberTooLarge { digits } => {
                (format!("at most {digits} digits"), "a larger number".into())
            }
            Kind::NotInView => ("a field of the other message".into(), "none there".into()),
            Kind::NotCarried => (
                format!("a value that {} can express", dialect.name()),
                "one of another kind".into(),
            ),
            Kind::MessageTooLong { length, max } => {
                (format!("at most {}", bytes(max)), bytes(length))
            }
        }
    }
}

/// What to call the place of an error: the field's name, or what the tree calls the part of the message before the fields.
fn place_name(number: u8, field: Option<&Field>, before_fields: &str) -> String {
    match (number, field) {
        (0, _) => before_fields.to_owned(),
        (1, _) => "Bitmap".into(),
        (65, None) => "Bitmap, tertiary".into(),
        (_, Some(field)) => field.name.to_string(),
        (_, None) => "Undefined field".into(),
    }
}

fn place(number: u8, name: &str) -> String {
    match number {
        0 | 1 => name.to_owned(),
        _ => format!("field {number} ({name})"),
    }
}

fn class_text(field: Option<&Field>) -> &'static str {
    match field.map(|field| (field.content, field.encoding)) {
        Some((Content::A, _)) => "a letter or a space",
        Some((Content::An, _)) => "a letter, a digit or a space",
        Some((_, Encoding::Ebcdic(_))) => "a printable EBCDIC character",
        _ => "a printable ASCII character",
    }
}

fn bytes(count: usize) -> String {
    if count == 1 {
        "1 byte".into()
    } else {
        format!("{count} bytes")
    }
}

pub(crate) fn byte_text(byte: u8) -> String {
    if byte.is_ascii_graphic() {
        format!("0x{byte:02X} ('{}')", char::from(byte))
    } else {
        format!("0x{byte:02X}")
    }
}

fn char_text(character: char) -> String {
    format!("'{}'", character.escape_debug())
}
