//! The words of a dialect's TOML and what they mean.

use crate::field::{BitmapEncoding, Encoding, PadSide, PrefixEncoding, Sensitive, TextEncoding};

pub(super) const MTI_WORDS: [(&str, TextEncoding); 3] = [
    ("ascii", TextEncoding::Ascii),
    ("ebcdic", TextEncoding::Ebcdic500),
    ("bcd", TextEncoding::Bcd),
];
pub(super) const BITMAP_WORDS: [(&str, BitmapEncoding); 2] = [
    ("hex", BitmapEncoding::HexText),
    ("binary", BitmapEncoding::Binary),
];
pub(super) const DIGIT_WORDS: [(&str, Encoding); 3] = [
    ("ascii", Encoding::Ascii),
    ("ebcdic", Encoding::Ebcdic500),
    ("bcd", Encoding::Bcd),
];
pub(super) const TEXT_WORDS: [(&str, Encoding); 2] =
    [("ascii", Encoding::Ascii), ("ebcdic", Encoding::Ebcdic500)];
pub(super) const BINARY_WORDS: [(&str, Encoding); 2] =
    [("hex", Encoding::HexText), ("raw", Encoding::Raw)];
pub(super) const ENCODING_WORDS: [(&str, Encoding); 5] = [
    ("ascii", Encoding::Ascii),
    ("ebcdic", Encoding::Ebcdic500),
    ("bcd", Encoding::Bcd),
    ("raw", Encoding::Raw),
    ("hex", Encoding::HexText),
];
pub(super) const PREFIX_WORDS: [(&str, PrefixEncoding); 3] = [
    ("ascii", PrefixEncoding::Ascii),
    ("ebcdic", PrefixEncoding::Ebcdic500),
    ("bcd", PrefixEncoding::Bcd),
];
pub(super) const PAD_WORDS: [(&str, PadSide); 2] =
    [("left", PadSide::Left), ("right", PadSide::Right)];
pub(super) const SENSITIVE_WORDS: [(&str, Sensitive); 7] = [
    ("no", Sensitive::No),
    ("pan", Sensitive::Pan),
    ("track", Sensitive::Track),
    ("pin", Sensitive::Pin),
    ("secret", Sensitive::Secret),
    ("icc", Sensitive::Icc),
    ("free-text", Sensitive::FreeText),
];

/// The word for a meaning.
pub(super) fn word_of<T: PartialEq>(words: &[(&'static str, T)], meaning: T) -> &'static str {
    words
        .iter()
        .find(|(_, known)| *known == meaning)
        .map_or("", |(word, _)| word)
}

/// The one of these words that somebody probably meant.
pub(super) fn meant<'w>(word: &str, known: impl IntoIterator<Item = &'w str>) -> Option<&'w str> {
    // One slip in a short word, two in a longer one: a swap of neighbours counts as one.
    let slips_max = if word.chars().count() < 5 { 1 } else { 2 };
    known
        .into_iter()
        .map(|other| (strsim::osa_distance(&word.to_lowercase(), other), other))
        .filter(|(slips, _)| *slips <= slips_max)
        .min()
        .map(|(_, other)| other)
}
