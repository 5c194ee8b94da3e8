//! The words of a dialect's TOML and what they mean.

use crate::field::{
    BitmapEncoding, CodePage, Counts, Encoding, Filler, PadSide, PrefixEncoding, Sensitive,
    TextEncoding,
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

/// The keys of what is said about messages of a type, of a rule with conditions, and of a condition.
pub(super) const MESSAGE_KEYS: [&str; 6] = [
    "why",
    "mandatory",
    "optional",
    "forbidden",
    "echoed",
    "conditional",
];
pub(super) const CONDITIONAL_KEYS: [&str; 4] = ["fields", "demand", "when", "why"];
pub(super) const CONDITION_KEYS: [&str; 7] = [
    "present",
    "absent",
    "field",
    "is",
    "is_not",
    "starts",
    "starts_not",
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
/// Keys of a layout.
pub(super) const LAYOUT_KEYS: [&str; 13] = [
    "kind",
    "parts",
    "leading",
    "tag",
    "tag_encoding",
    "length",
    "length_encoding",
    "counts",
    "tags",
    "tag_names",
    "bitmap",
    "bitmap_bytes",
    "count_includes_header",
];
/// Keys of a part.
pub(super) const PART_KEYS: [&str; 12] = [
    "name",
    "type",
    "encoding",
    "prefix",
    "counts",
    "pad",
    "filler",
    "sensitive",
    "layout",
    "optional",
    "repeat",
    "count",
];
/// Keys of a choice among layouts.
pub(super) const CHOICE_KEYS: [&str; 5] = ["mti", "length", "starts", "when", "use"];

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
