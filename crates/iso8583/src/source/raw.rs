//! What a dialect's TOML says, each value with its place; not yet what it means.

use std::collections::BTreeMap;
use std::ops::Range;

use super::layouts::{RawChoice, RawLayout};
use super::messages::RawMessages;
use super::reader::shown;
use super::words::CONTENT_WORDS;
use crate::dialect::MESSAGE_BYTES_MAX;
use crate::field::{
    BitmapEncoding, Content, Counts, Encoding, Filler, PadSide, PrefixEncoding, Sensitive,
    TertiaryBitmap, TextEncoding,
};
use crate::header::HeaderKind;

/// The longest fixed field: no standard knows a longer one, and the text of any value stays below 2 KiB with it.
pub(super) const FIXED_LENGTH_MAX: u16 = 999;
/// The most digits of a length prefix.
pub(super) const PREFIX_DIGITS_MAX: u8 = 6;

/// A value and where it stands in the source; nowhere if it was inherited.
#[derive(Clone, Debug)]
pub(super) struct At<T> {
    pub(super) value: T,
    pub(super) span: Option<Range<usize>>,
}

/// What the source says, with what it extends merged in.
#[derive(Clone, Debug, Default)]
pub(super) struct Raw {
    /// What it extends could not be read: that much is missing is no news then.
    pub(super) orphaned: bool,
    /// It is not TOML from end to end, so that even its name may be missing because of that.
    pub(super) is_cut: bool,
    /// It has a name, if perhaps none that can be read, which was noted.
    pub(super) is_named: bool,
    pub(super) name: Option<At<String>>,
    pub(super) description: Option<At<String>>,
    pub(super) header: Option<At<Vec<u8>>>,
    pub(super) header_kind: Option<At<HeaderKind>>,
    pub(super) mti: Option<At<TextEncoding>>,
    pub(super) bitmap: Option<At<BitmapEncoding>>,
    pub(super) secondary_bitmap: Option<At<bool>>,
    pub(super) tertiary_bitmap: Option<At<TertiaryBitmap>>,
    pub(super) digits: Option<At<Encoding>>,
    pub(super) track: Option<At<Encoding>>,
    pub(super) text: Option<At<Encoding>>,
    pub(super) binary: Option<At<Encoding>>,
    pub(super) prefix: Option<At<PrefixEncoding>>,
    pub(super) pad: Option<At<PadSide>>,
    pub(super) filler: Option<At<Filler>>,
    pub(super) counts: Option<At<Counts>>,
    pub(super) response_codes: BTreeMap<&'static str, At<String>>,
    pub(super) echo: Option<Vec<At<u8>>>,
    pub(super) fields: BTreeMap<u8, RawField>,
    pub(super) messages: RawMessages,
    pub(super) layouts: BTreeMap<String, RawLayout>,
}

impl Raw {
    /// In the place of what could not be read.
    pub(super) fn orphan() -> Raw {
        Raw {
            orphaned: true,
            ..Raw::default()
        }
    }
}

/// What the source says about one field.
#[derive(Clone, Debug, Default)]
pub(super) struct RawField {
    pub(super) span: Option<Range<usize>>,
    pub(super) name: Option<At<String>>,
    /// `None` in it: it could not be read, which was noted.
    pub(super) shape: Option<At<Option<Shape>>>,
    pub(super) encoding: Option<At<Encoding>>,
    pub(super) prefix: Option<At<PrefixEncoding>>,
    pub(super) pad: Option<At<PadSide>>,
    pub(super) filler: Option<At<Filler>>,
    pub(super) counts: Option<At<Counts>>,
    pub(super) fill: Option<At<u8>>,
    pub(super) fill_side: Option<At<PadSide>>,
    pub(super) strip: Option<At<bool>>,
    pub(super) sensitive: Option<At<Sensitive>>,
    /// Empty: it has none, whatever was inherited.
    pub(super) layouts: Option<At<Vec<RawChoice>>>,
}

/// A type as the standard writes it: `n6`, `an..25`, `b...999`, `x+n8`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shape {
    pub(super) content: Content,
    /// 0: fixed; 1 to 6: digits of the length prefix.
    pub(super) prefix_digits: u8,
    pub(super) length: u16,
}

impl Content {
    /// A content class as the standard writes it.
    pub(super) fn parse(text: &str) -> Option<Content> {
        let mut words = CONTENT_WORDS.iter();
        let word = words.find(|(word, _)| *word == text);
        word.map(|(_, content)| *content)
    }
}

impl Shape {
    pub(super) fn parse(text: &str) -> Result<Shape, String> {
        let named = shown(text);
        let letters = text
            .find(|c: char| c == '.' || c.is_ascii_digit())
            .unwrap_or(text.len());
        let (content, rest) = text.split_at(letters);
        let Some(content) = Content::parse(content) else {
            return Err(format!(
                "'{named}' is not a field type: '{}' is not a content class",
                shown(content)
            ));
        };
        let digits = rest.trim_start_matches('.');
        let prefix_digits = match rest.len() - digits.len() {
            0 => 0,
            dots @ 1..=6 => dots as u8,
            dots => {
                return Err(format!(
                    "'{named}' is not a field type: {dots} dots mean nothing, one to six do"
                ));
            }
        };
        if digits.is_empty()
            || digits.len() > 6
            || !digits.bytes().all(|byte| byte.is_ascii_digit())
        {
            return Err(format!(
                "'{named}' is not a field type: it must end in a length"
            ));
        }
        if digits.starts_with('0') && digits.bytes().any(|digit| digit != b'0') {
            return Err(format!(
                "'{named}' is not a field type: its length begins with a zero"
            ));
        }
        let length: usize = digits
            .parse()
            .map_err(|_| format!("'{named}' is not a field type: its length is no number"))?;
        let max = match prefix_digits {
            0 => usize::from(FIXED_LENGTH_MAX),
            digits => (10_usize.pow(u32::from(digits)) - 1).min(MESSAGE_BYTES_MAX),
        };
        let fits = u16::try_from(length)
            .ok()
            .filter(|length| (1..=max).contains(&usize::from(*length)));
        let Some(length) = fits else {
            return Err(match prefix_digits {
                0 => format!("the length {length} of a fixed field is not in 1 to {max}"),
                digits @ 1..=4 => format!(
                    "a length prefix of {digits} digits cannot say {length}: it holds 1 to {max}"
                ),
                _ => format!("no message is so long: the length {length} is not in 1 to {max}"),
            });
        };
        if content == Content::SignedN && (prefix_digits != 0 || length == FIXED_LENGTH_MAX) {
            return Err(format!(
                "'{named}': a signed amount has a fixed length below {FIXED_LENGTH_MAX}"
            ));
        }
        Ok(Shape {
            content,
            prefix_digits,
            length,
        })
    }
}
