//! Why the parts of a field could not be read further: where in the message, which part, what was expected and found.

use crate::dialect::Dialect;
use crate::error::{DecodeErrorKind, Explained, byte_text};
use crate::tlv::TlvErrorKind;

use super::part::PartTag;

/// Where and why the parts of a field stop making sense. The message is valid all the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("field {field} at offset {offset}: {kind}")]
#[non_exhaustive]
pub struct LayoutError {
    /// The field.
    pub field: u8,
    /// Offset in the message, its header included.
    pub offset: usize,
    /// The part that is wrong, if one can be named.
    pub part: Option<PartTag>,
    /// What is wrong.
    pub kind: LayoutErrorKind,
}

/// What is wrong with the parts of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LayoutErrorKind {
    /// As with a field: too short, or other characters than allowed. Lengths count the units of the value.
    #[error("{0}")]
    Value(DecodeErrorKind),
    /// A tag announces another length than it has.
    #[error("length {length} is not {expected}")]
    LengthWrong {
        /// As announced.
        length: usize,
        /// As the dialect says.
        expected: usize,
    },
    /// No BER-TLV.
    #[error("{0}")]
    Ber(TlvErrorKind),
    /// Something is left after the last part.
    #[error("{count} after the last part")]
    LeftOver {
        /// Units of the value.
        count: usize,
    },
    /// A part is said to come more often than it may.
    #[error("{count} are more than {max}")]
    TooMany {
        /// As announced, or at least.
        count: usize,
        /// As allowed.
        max: usize,
    },
    /// A bit announces a part that the layout does not define.
    #[error("bit {0} has no part")]
    UndefinedBit(u8),
    /// The tokens' header, or the beginning of a token, is missing.
    #[error("0x{found:02X} where a token begins with '{expected}'")]
    NotToken {
        /// `&` or `!`, or the blank behind it.
        expected: char,
        /// What stands there.
        found: u8,
    },
    /// The tokens' header announces something else than there is.
    #[error("{announced} announced, {found} found")]
    TokensDiffer {
        /// As announced: tokens or characters.
        announced: usize,
        /// As found.
        found: usize,
    },
    /// Templates, or values inside of each other, nest too deep.
    #[error("too deep")]
    TooDeep,
}

impl LayoutError {
    /// The error in words.
    #[must_use]
    pub fn explain(&self, dialect: &Dialect) -> Explained {
        let name = dialect
            .field(self.field)
            .map_or_else(String::new, |field| field.name.to_string());
        let (expected, found) = self.kind.words();
        let part = self
            .part
            .map_or_else(String::new, |part| format!(", part {part},"));
        let message = format!(
            "field {} ({name}){part} at offset {}: expected {expected}, found {found}",
            self.field, self.offset
        );
        Explained {
            offset: self.offset,
            field: self.field,
            name,
            expected,
            found,
            message,
        }
    }
}

impl LayoutErrorKind {
    /// What was expected, and what was found.
    pub(crate) fn words(self) -> (String, String) {
        use LayoutErrorKind as Kind;
        match self {
            Kind::Value(kind) => value_text(kind),
            Kind::LengthWrong { length, expected } => {
                (format!("a length of {expected}"), length.to_string())
            }
            Kind::Ber(TlvErrorKind::Truncated { needed, available }) => (
                format!("{needed} bytes for an element"),
                format!("{available} left"),
            ),
            Kind::Ber(kind) => ("BER-TLV".into(), kind.to_string()),
            Kind::LeftOver { count } => ("the end of the value".into(), format!("{count} more")),
            Kind::TooMany { count, max } => (format!("at most {max} of them"), count.to_string()),
            Kind::UndefinedBit(bit) => (
                "only bits of parts that the layout has".into(),
                format!("bit {bit}"),
            ),
            Kind::NotToken { expected, found } => {
                (format!("'{expected}' of a token"), format!("0x{found:02X}"))
            }
            Kind::TokensDiffer { announced, found } => {
                (format!("{announced}, as announced"), found.to_string())
            }
            Kind::TooDeep => (
                format!("at most {} levels", super::LAYOUT_DEPTH_MAX),
                "more".into(),
            ),
        }
    }
}

/// As errors of fields say it; what is truncated in a value is counted in its units.
fn value_text(kind: DecodeErrorKind) -> (String, String) {
    use DecodeErrorKind as Kind;
    match kind {
        Kind::Truncated { needed, available } => {
            (format!("a length of {needed}"), format!("{available} left"))
        }
        Kind::NotDigit(byte) => ("a digit".into(), byte_text(byte)),
        Kind::NotBcd { byte } => ("packed digits".into(), byte_text(byte)),
        Kind::PadNibble { byte } => ("the filler of an odd count".into(), byte_text(byte)),
        Kind::LengthNotDigit(byte) => ("digits in the length".into(), byte_text(byte)),
        Kind::LengthTooLong { length, max } => {
            (format!("a length of at most {max}"), length.to_string())
        }
        Kind::LengthTooShort { length, min } => {
            (format!("a length of at least {min}"), length.to_string())
        }
        Kind::NotHex(byte) => ("a hex character".into(), byte_text(byte)),
        Kind::NotTrack(byte) => ("a digit or the track separator".into(), byte_text(byte)),
        Kind::NotSign(byte) => ("the sign C or D".into(), byte_text(byte)),
        Kind::NotText(byte) => ("a character of its class".into(), byte_text(byte)),
        other => ("another value".into(), other.to_string()),
    }
}
