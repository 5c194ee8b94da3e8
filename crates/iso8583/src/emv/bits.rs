//! The elements whose bits each say something: EMV 4.3 Book 3 Annex C, Book 4 Annex A.

use crate::tlv::Tag;

/// What one bit, or a few together, say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Meaning {
    /// Which byte of the value, counted from 0.
    pub byte: usize,
    /// The bits of it, as EMV counts them: 8 is the highest.
    pub bits: (u8, u8),
    /// What they say.
    pub text: &'static str,
}

/// What the bits of a value say: application interchange profile (`82`), terminal verification results (`95`), transaction
/// status information (`9B`), cryptogram information (`9F27`), capabilities (`9F33`, `9F40`), CVM results (`9F34`). Of
/// flags those that are set. Empty for other tags, and for values of another length.
#[must_use]
pub fn bits(tag: Tag, value: &[u8]) -> Vec<Meaning> {
    match (tag.0, value) {
        (0x82, [_, _]) => flags(value, INTERCHANGE_PROFILE),
        (0x95, [_, _, _, _, _]) => flags(value, VERIFICATION_RESULTS),
        (0x9B, [_, _]) => flags(value, STATUS_INFORMATION),
        (0x9F27, [byte]) => cryptogram_information(*byte),
        (0x9F33, [_, _, _]) => flags(value, CAPABILITIES),
        (0x9F34, [method, condition, result]) => cvm_results(*method, *condition, *result),
        (0x9F40, [_, _, _, _, _]) => flags(value, ADDITIONAL_CAPABILITIES),
        _ => Vec::new(),
    }
}

/// Eight texts a byte, bit 8 first; empty where the bit is reserved.
type Flags = &'static [[&'static str; 8]];

fn flags(value: &[u8], texts: Flags) -> Vec<Meaning> {
    let mut meanings = Vec::new();
    for (byte, bits) in value.iter().enumerate() {
        for place in (0..8_u8).filter(|place| bits & (0x80 >> place) != 0) {
            let text = texts
                .get(byte)
                .and_then(|texts| texts.get(usize::from(place)))
                .filter(|text| !text.is_empty());
            meanings.push(Meaning {
                byte,
                bits: (8 - place, 8 - place),
                text: text.copied().unwrap_or("reserved"),
            });
        }
    }
    meanings
}

const INTERCHANGE_PROFILE: Flags = &[
    [
        "",
        "static data authentication (SDA) supported",
        "dynamic data authentication (DDA) supported",
        "cardholder verification supported",
        "terminal risk management to be performed",
        "issuer authentication supported (EXTERNAL AUTHENTICATE)",
        "on-device cardholder verification supported (contactless)",
        "combined data authentication (CDA) supported",
    ],
    [
        "EMV mode or magnetic-stripe mode supported (contactless, by scheme)",
        "",
        "",
        "",
        "",
        "",
        "",
        "",
    ],
];

const VERIFICATION_RESULTS: Flags = &[
    [
        "offline data authentication was not performed",
        "static data authentication (SDA) failed",
        "ICC data missing",
        "card appears on the terminal's exception file",
        "dynamic data authentication (DDA) failed",
        "combined data authentication (CDA) failed",
        "static data authentication (SDA) selected",
        "",
    ],
    [
        "card and terminal have different application versions",
        "expired application",
        "application not yet effective",
        "requested service not allowed for the card product",
        "new card",
        "",
        "",
        "",
    ],
    [
        "cardholder verification was not successful",
        "unrecognised cardholder verification method",
        "PIN try limit exceeded",
        "PIN entry required, PIN pad not present or not working",
        "PIN entry required, PIN pad present, but PIN was not entered",
        "online PIN entered",
        "",
        "",
    ],
    [
        "transaction exceeds the floor limit",
        "lower consecutive offline limit exceeded",
        "upper consecutive offline limit exceeded",
        "transaction selected randomly for online processing",
        "merchant forced the transaction online",
        "",
        "",
        "",
    ],
    [
        "default TDOL used",
        "issuer authentication failed",
        "script processing failed before the final GENERATE AC",
        "script processing failed after the final GENERATE AC",
        "",
        "",
        "",
        "",
    ],
];

const STATUS_INFORMATION: Flags = &[[
    "offline data authentication was performed",
    "cardholder verification was performed",
    "card risk management was performed",
    "issuer authentication was performed",
    "terminal risk management was performed",
    "script processing was performed",
    "",
    "",
]];

const CAPABILITIES: Flags = &[
    [
        "manual key entry",
        "magnetic stripe",
        "chip with contacts",
        "",
        "",
        "",
        "",
        "",
    ],
    [
        "plaintext PIN for verification by the card",
        "enciphered PIN for online verification",
        "signature on paper",
        "enciphered PIN for offline verification",
        "no CVM required",
        "",
        "",
        "",
    ],
    [
        "static data authentication (SDA)",
        "dynamic data authentication (DDA)",
        "card capture",
        "",
        "combined data authentication (CDA)",
        "",
        "",
        "",
    ],
];

const ADDITIONAL_CAPABILITIES: Flags = &[
    [
        "cash",
        "goods",
        "services",
        "cashback",
        "inquiry",
        "transfer",
        "payment",
        "administrative",
    ],
    ["cash deposit", "", "", "", "", "", "", ""],
    [
        "numeric keys",
        "alphabetic and special keys",
        "command keys",
        "function keys",
        "",
        "",
        "",
        "",
    ],
    [
        "print for the attendant",
        "print for the cardholder",
        "display for the attendant",
        "display for the cardholder",
        "",
        "",
        "code table 10",
        "code table 9",
    ],
    [
        "code table 8",
        "code table 7",
        "code table 6",
        "code table 5",
        "code table 4",
        "code table 3",
        "code table 2",
        "code table 1",
    ],
];

fn cryptogram_information(byte: u8) -> Vec<Meaning> {
    let of = |bits, text| Meaning {
        byte: 0,
        bits,
        text,
    };
    let kind = match byte >> 6 {
        0b00 => "application authentication cryptogram (AAC), declined",
        0b01 => "transaction certificate (TC), approved",
        0b10 => "authorisation request cryptogram (ARQC), go online",
        _ => "reserved",
    };
    let mut meanings = vec![of((8, 7), kind)];
    if byte & 0x30 != 0 {
        meanings.push(of((6, 5), "a cryptogram of the payment system's own"));
    }
    if byte & 0x08 != 0 {
        meanings.push(of((4, 4), "advice required"));
    }
    let reason = match byte & 0x07 {
        0 => None,
        1 => Some("service not allowed"),
        2 => Some("PIN try limit exceeded"),
        3 => Some("issuer authentication failed"),
        _ => Some("a reserved reason"),
    };
    meanings.extend(reason.map(|text| of((3, 1), text)));
    meanings
}

fn cvm_results(method: u8, condition: u8, result: u8) -> Vec<Meaning> {
    let of = |byte, bits, text| Meaning { byte, bits, text };
    let mut meanings = Vec::new();
    if method & 0x40 != 0 {
        meanings.push(of(0, (7, 7), "if it fails, the next method is tried"));
    }
    let text = match method & 0x3F {
        0x00 => "fail CVM processing",
        0x01 => "plaintext PIN verified by the card",
        0x02 => "enciphered PIN verified online",
        0x03 => "plaintext PIN verified by the card, and signature",
        0x04 => "enciphered PIN verified by the card",
        0x05 => "enciphered PIN verified by the card, and signature",
        0x1E => "signature on paper",
        0x1F => "no CVM required",
        // Book 4, 6.3.4.5: 3F says that none was performed.
        0x3F => "no CVM performed",
        0x20..=0x2F => "a method of the payment system's own",
        0x30..=0x3E => "a method of the issuer's own",
        _ => "reserved",
    };
    meanings.push(of(0, (6, 1), text));
    let text = match condition {
        0x00 => "always",
        0x01 => "if unattended cash",
        0x02 => "if neither unattended cash, manual cash nor cashback",
        0x03 => "if the terminal supports the method",
        0x04 => "if manual cash",
        0x05 => "if purchase with cashback",
        0x06 => "if in the application's currency and under X",
        0x07 => "if in the application's currency and over X",
        0x08 => "if in the application's currency and under Y",
        0x09 => "if in the application's currency and over Y",
        0x80..=0xFF => "a condition of a payment system's own",
        _ => "reserved",
    };
    meanings.push(of(1, (8, 1), text));
    let text = match result {
        0x00 => "unknown, as for a signature",
        0x01 => "failed",
        0x02 => "successful",
        _ => "reserved",
    };
    meanings.push(of(2, (8, 1), text));
    meanings
}
