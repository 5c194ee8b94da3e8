//! The words of a dialect's TOML and what they mean.

use crate::field::{
    BitmapEncoding, CodePage, Content, Counts, Encoding, Filler, PadSide, PrefixEncoding,
    Sensitive, TertiaryBitmap, TextEncoding,
};
use crate::header::HeaderKind;
use crate::presence::{Demand, Test};

use super::layouts::Kind;

pub(super) const MTI_WORDS: [(&str, TextEncoding); 3] = [
    ("ascii", TextEncoding::Ascii),
    ("ebcdic", TextEncoding::Ebcdic),
    ("bcd", TextEncoding::Bcd),
];
pub(super) const BITMAP_WORDS: [(&str, BitmapEncoding); 3] = [
    ("hex", BitmapEncoding::HexText),
    ("ebcdic-hex", BitmapEncoding::EbcdicHex),
    ("binary", BitmapEncoding::Binary),
];
pub(super) const TERTIARY_WORDS: [(&str, TertiaryBitmap); 3] = [
    ("none", TertiaryBitmap::None),
    ("field-65", TertiaryBitmap::Field65),
    ("contiguous", TertiaryBitmap::Contiguous),
];
pub(super) const DIGIT_WORDS: [(&str, Encoding); 5] = [
    ("ascii", Encoding::Ascii),
    ("ebcdic", Encoding::Ebcdic(CodePage::Ebcdic500)),
    ("ebcdic-037", Encoding::Ebcdic(CodePage::Ebcdic037)),
    ("ebcdic-1047", Encoding::Ebcdic(CodePage::Ebcdic1047)),
    ("bcd", Encoding::Bcd),
];
pub(super) const TEXT_WORDS: [(&str, Encoding); 4] = [
    ("ascii", Encoding::Ascii),
    ("ebcdic", Encoding::Ebcdic(CodePage::Ebcdic500)),
    ("ebcdic-037", Encoding::Ebcdic(CodePage::Ebcdic037)),
    ("ebcdic-1047", Encoding::Ebcdic(CodePage::Ebcdic1047)),
];
pub(super) const BINARY_WORDS: [(&str, Encoding); 2] =
    [("hex", Encoding::HexText), ("raw", Encoding::Raw)];
pub(super) const ENCODING_WORDS: [(&str, Encoding); 7] = [
    ("ascii", Encoding::Ascii),
    ("ebcdic", Encoding::Ebcdic(CodePage::Ebcdic500)),
    ("ebcdic-037", Encoding::Ebcdic(CodePage::Ebcdic037)),
    ("ebcdic-1047", Encoding::Ebcdic(CodePage::Ebcdic1047)),
    ("bcd", Encoding::Bcd),
    ("raw", Encoding::Raw),
    ("hex", Encoding::HexText),
];
pub(super) const PREFIX_WORDS: [(&str, PrefixEncoding); 5] = [
    ("ascii", PrefixEncoding::Ascii),
    ("ebcdic", PrefixEncoding::Ebcdic),
    ("bcd", PrefixEncoding::Bcd),
    ("binary1", PrefixEncoding::Binary1),
    ("binary2", PrefixEncoding::Binary2),
];
pub(super) const HEADER_WORDS: [(&str, HeaderKind); 4] = [
    ("fixed", HeaderKind::Fixed),
    ("tpdu", HeaderKind::Tpdu),
    ("base24", HeaderKind::Base24),
    ("visa", HeaderKind::Visa),
];
pub(super) const FILLER_WORDS: [(&str, Filler); 2] = [("0", Filler::Zero), ("F", Filler::F)];
pub(super) const COUNTS_WORDS: [(&str, Counts); 3] = [
    ("value", Counts::Value),
    ("bytes", Counts::Bytes),
    ("element", Counts::Element),
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

pub(super) const DEMAND_WORDS: [(&str, Demand); 2] = [
    ("mandatory", Demand::Mandatory),
    ("forbidden", Demand::Forbidden),
];
pub(super) const TEST_WORDS: [(&str, Test); 4] = [
    ("is", Test::Is),
    ("is_not", Test::IsNot),
    ("starts", Test::Starts),
    ("starts_not", Test::StartsNot),
];

pub(super) const LAYOUT_WORDS: [(&str, Kind); 5] = [
    ("positional", Kind::Positional),
    ("tagged", Kind::Tagged),
    ("ber-tlv", Kind::BerTlv),
    ("bitmapped", Kind::Bitmapped),
    ("base24-tokens", Kind::Base24Tokens),
];
/// Whose names the tags of BER-TLV have besides those given.
pub(super) const TAG_NAMES_WORDS: [(&str, bool); 2] = [("emv", true), ("none", false)];
pub(super) const CONTENT_WORDS: [(&str, Content); 8] = [
    ("a", Content::A),
    ("n", Content::N),
    ("an", Content::An),
    ("ans", Content::Ans),
    ("ns", Content::Ns),
    ("x+n", Content::SignedN),
    ("z", Content::Z),
    ("b", Content::B),
];

/// The words of a table.
pub(super) fn names<T>(words: &[(&'static str, T)]) -> Vec<&'static str> {
    words.iter().map(|(word, _)| *word).collect()
}

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
