//! The tags that field 55 carries, with their names, formats and lengths: EMV 4.3 Book 3 Annex A, and the contactless
//! kernels' own where all schemes agree on them.

use super::{Definition, Format, Tag};
use Format::{A, An, Ans, B, Cn, N};

pub(super) fn definition(tag: Tag) -> Option<&'static Definition> {
    let place = TAGS
        .binary_search_by_key(&tag, |definition| definition.tag)
        .ok()?;
    TAGS.get(place)
}

/// The shortest and the longest value, bytes.
type Length = (u16, u16);

const ANY: Length = (0, u16::MAX);

const fn exactly(length: u16) -> Length {
    (length, length)
}

const fn between(min: u16, max: u16) -> Length {
    (min, max)
}

const fn of(tag: u32, name: &'static str, format: Format, length: Length) -> Definition {
    Definition {
        tag: Tag(tag),
        name,
        format,
        length_min: length.0,
        length_max: length.1,
    }
}

/// Ascending by tag. What is a code of letters only in part, or differs between schemes, is `B`.
const TAGS: &[Definition] = &[
    of(0x42, "Issuer identification number", N, exactly(3)),
    of(0x4F, "Application identifier (card)", B, between(5, 16)),
    of(0x50, "Application label", Ans, between(1, 16)),
    of(0x56, "Track 1 equivalent data", Ans, between(1, 76)),
    of(0x57, "Track 2 equivalent data", B, between(1, 19)),
    of(0x5A, "Application PAN", Cn, between(1, 10)),
    of(0x61, "Application template", B, between(0, 252)),
    of(
        0x6F,
        "File control information template",
        B,
        between(0, 252),
    ),
    of(0x70, "Record template", B, between(0, 252)),
    of(0x71, "Issuer script template 1", B, ANY),
    of(0x72, "Issuer script template 2", B, ANY),
    of(0x73, "Directory discretionary template", B, between(0, 252)),
    of(0x77, "Response message template format 2", B, ANY),
    of(0x80, "Response message template format 1", B, ANY),
    of(0x81, "Amount, authorised (binary)", B, exactly(4)),
    of(0x82, "Application interchange profile", B, exactly(2)),
    of(0x83, "Command template", B, ANY),
    of(0x84, "Dedicated file name", B, between(5, 16)),
    of(0x86, "Issuer script command", B, between(0, 261)),
    of(0x87, "Application priority indicator", B, exactly(1)),
    of(0x88, "Short file identifier", B, exactly(1)),
    of(0x89, "Authorisation code", B, exactly(6)),
    of(0x8A, "Authorisation response code", An, exactly(2)),
    of(0x8C, "Card risk management data list 1", B, between(0, 252)),
    of(0x8D, "Card risk management data list 2", B, between(0, 252)),
    of(
        0x8E,
        "Cardholder verification method list",
        B,
        between(10, 252),
    ),
    of(
        0x8F,
        "Certification authority public key index",
        B,
        exactly(1),
    ),
    of(0x90, "Issuer public key certificate", B, between(0, 248)),
    of(0x91, "Issuer authentication data", B, between(8, 16)),
    of(0x92, "Issuer public key remainder", B, between(0, 248)),
    of(0x93, "Signed static application data", B, between(0, 248)),
    of(0x94, "Application file locator", B, between(0, 252)),
    of(0x95, "Terminal verification results", B, exactly(5)),
    of(
        0x97,
        "Transaction certificate data object list",
        B,
        between(0, 252),
    ),
    of(0x98, "Transaction certificate hash value", B, exactly(20)),
    of(0x99, "Transaction PIN data", B, ANY),
    of(0x9A, "Transaction date", N, exactly(3)),
    of(0x9B, "Transaction status information", B, exactly(2)),
    of(0x9C, "Transaction type", N, exactly(1)),
    of(0x9D, "Directory definition file name", B, between(5, 16)),
    of(
        0xA5,
        "File control information proprietary template",
        B,
        ANY,
    ),
    of(0x5F20, "Cardholder name", Ans, between(2, 26)),
    of(0x5F24, "Application expiration date", N, exactly(3)),
    of(0x5F25, "Application effective date", N, exactly(3)),
    of(0x5F28, "Issuer country code", N, exactly(2)),
    of(0x5F2A, "Transaction currency code", N, exactly(2)),
    of(0x5F2D, "Language preference", An, between(2, 8)),
    of(0x5F30, "Service code", N, exactly(2)),
    of(0x5F34, "Application PAN sequence number", N, exactly(1)),
    of(0x5F36, "Transaction currency exponent", N, exactly(1)),
    of(0x5F50, "Issuer URL", Ans, ANY),
    of(
        0x5F53,
        "International bank account number",
        B,
        between(0, 34),
    ),
    of(0x5F54, "Bank identifier code", B, between(8, 11)),
    of(0x5F55, "Issuer country code (alpha 2)", A, exactly(2)),
    of(0x5F56, "Issuer country code (alpha 3)", A, exactly(3)),
    of(0x5F57, "Account type", N, exactly(1)),
    of(0x9F01, "Acquirer identifier", N, exactly(6)),
    of(0x9F02, "Amount, authorised", N, exactly(6)),
    of(0x9F03, "Amount, other", N, exactly(6)),
    of(0x9F04, "Amount, other (binary)", B, exactly(4)),
    of(0x9F05, "Application discretionary data", B, between(1, 32)),
    of(
        0x9F06,
        "Application identifier (terminal)",
        B,
        between(5, 16),
    ),
    of(0x9F07, "Application usage control", B, exactly(2)),
    of(0x9F08, "Application version number (card)", B, exactly(2)),
    of(
        0x9F09,
        "Application version number (terminal)",
        B,
        exactly(2),
    ),
    of(0x9F0B, "Cardholder name extended", Ans, between(27, 45)),
    of(0x9F0D, "Issuer action code, default", B, exactly(5)),
    of(0x9F0E, "Issuer action code, denial", B, exactly(5)),
    of(0x9F0F, "Issuer action code, online", B, exactly(5)),
    of(0x9F10, "Issuer application data", B, between(0, 32)),
    of(0x9F11, "Issuer code table index", N, exactly(1)),
    of(0x9F12, "Application preferred name", Ans, between(1, 16)),
    of(
        0x9F13,
        "Last online application transaction counter",
        B,
        exactly(2),
    ),
    of(0x9F14, "Lower consecutive offline limit", B, exactly(1)),
    of(0x9F15, "Merchant category code", N, exactly(2)),
    of(0x9F16, "Merchant identifier", Ans, exactly(15)),
    of(0x9F17, "PIN try counter", B, exactly(1)),
    of(0x9F18, "Issuer script identifier", B, exactly(4)),
    of(0x9F1A, "Terminal country code", N, exactly(2)),
    of(0x9F1B, "Terminal floor limit", B, exactly(4)),
    of(0x9F1C, "Terminal identification", An, exactly(8)),
    of(0x9F1D, "Terminal risk management data", B, between(1, 8)),
    of(0x9F1E, "Interface device serial number", An, exactly(8)),
    of(0x9F1F, "Track 1 discretionary data", Ans, ANY),
    of(0x9F20, "Track 2 discretionary data", Cn, ANY),
    of(0x9F21, "Transaction time", N, exactly(3)),
    of(
        0x9F22,
        "Certification authority public key index (terminal)",
        B,
        exactly(1),
    ),
    of(0x9F23, "Upper consecutive offline limit", B, exactly(1)),
    of(0x9F24, "Payment account reference", An, exactly(29)),
    of(0x9F26, "Application cryptogram", B, exactly(8)),
    of(0x9F27, "Cryptogram information data", B, exactly(1)),
    of(
        0x9F2D,
        "ICC PIN encipherment public key certificate",
        B,
        between(0, 248),
    ),
    of(0x9F32, "Issuer public key exponent", B, between(1, 3)),
    of(0x9F33, "Terminal capabilities", B, exactly(3)),
    of(
        0x9F34,
        "Cardholder verification method results",
        B,
        exactly(3),
    ),
    of(0x9F35, "Terminal type", N, exactly(1)),
    of(0x9F36, "Application transaction counter", B, exactly(2)),
    of(0x9F37, "Unpredictable number", B, exactly(4)),
    of(0x9F38, "Processing options data object list", B, ANY),
    of(0x9F39, "POS entry mode", N, exactly(1)),
    of(0x9F3A, "Amount, reference currency", B, exactly(4)),
    of(0x9F3B, "Application reference currency", N, between(2, 8)),
    of(0x9F3C, "Transaction reference currency code", N, exactly(2)),
    of(
        0x9F3D,
        "Transaction reference currency exponent",
        N,
        exactly(1),
    ),
    of(0x9F40, "Additional terminal capabilities", B, exactly(5)),
    of(0x9F41, "Transaction sequence counter", N, between(2, 4)),
    of(0x9F42, "Application currency code", N, exactly(2)),
    of(
        0x9F43,
        "Application reference currency exponent",
        N,
        between(1, 4),
    ),
    of(0x9F44, "Application currency exponent", N, exactly(1)),
    of(0x9F45, "Data authentication code", B, exactly(2)),
    of(0x9F46, "ICC public key certificate", B, between(0, 248)),
    of(0x9F47, "ICC public key exponent", B, between(1, 3)),
    of(0x9F48, "ICC public key remainder", B, ANY),
    of(
        0x9F49,
        "Dynamic data authentication data object list",
        B,
        between(0, 252),
    ),
    of(0x9F4A, "Static data authentication tag list", B, ANY),
    of(
        0x9F4B,
        "Signed dynamic application data",
        B,
        between(0, 248),
    ),
    of(0x9F4C, "ICC dynamic number", B, between(2, 8)),
    of(0x9F4D, "Log entry", B, exactly(2)),
    of(0x9F4E, "Merchant name and location", Ans, ANY),
    of(0x9F4F, "Log format", B, ANY),
    of(0x9F53, "Transaction category code", B, ANY),
    of(0x9F5B, "Issuer script results", B, ANY),
    of(0x9F63, "Card product identification", B, ANY),
    of(0x9F66, "Terminal transaction qualifiers", B, exactly(4)),
    of(0x9F6B, "Track 2 data", B, between(0, 19)),
    of(0x9F6C, "Card transaction qualifiers", B, exactly(2)),
    of(0x9F6E, "Form factor indicator", B, ANY),
    of(0x9F7C, "Customer exclusive data", B, between(0, 32)),
    of(
        0xBF0C,
        "File control information issuer discretionary data",
        B,
        between(0, 222),
    ),
    of(0xDF31, "Issuer script result (UnionPay)", B, ANY),
];

#[cfg(test)]
mod tests {
    use super::TAGS;

    #[test]
    fn ascending_for_the_binary_search() {
        assert!(TAGS.windows(2).all(|pair| pair[0].tag < pair[1].tag));
    }

    #[test]
    fn lengths_are_ranges() {
        assert!(TAGS.iter().all(|tag| tag.length_min <= tag.length_max));
    }
}
