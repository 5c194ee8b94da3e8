//! Messages that are read out of step, for a bit of their bitmap is wrong, show no card number and no PIN block, even where
//! a character of them is wrong as well.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "test code: a wrong fixture must stop the test"
)]

mod common;

use common::{dialect, encode, hex, purchase};
use pointsman_iso8583::mask::Unmask;
use pointsman_iso8583::{Dialect, Encoding, explain, json};

/// A test card whose digits occur nowhere else.
const PAN: &str = "6011887978987273";
/// What nobody may see of it, and a neighbour on each side: of four digits in a row three are hidden.
const MIDDLE: &str = "87978987";
const PIN_BLOCK: &str = "0F1E2D3C4B5A6978";

const NAMES: [&str; 5] = [
    "iso87-ascii",
    "iso87-mixed",
    "iso87-bcd",
    "iso87-ebcdic",
    "unionpay-pos",
];

/// A purchase with the card number in field 2 alone.
fn message(dialect: &Dialect, fields: &[u8]) -> Vec<u8> {
    let mut values = purchase(dialect);
    values.fields.retain(|number, _| fields.contains(number));
    values.fields.insert(2, PAN.to_owned());
    values.fields.insert(52, PIN_BLOCK.to_owned());
    encode(dialect, &values).to_vec()
}

/// Of all pairs of what can be wrong, one in so many is tried.
const STRIDE: usize = 11;

const SHORT: [u8; 11] = [3, 4, 7, 11, 12, 13, 22, 25, 41, 42, 49];
const WITHOUT_DATES: [u8; 4] = [3, 4, 11, 41];

/// Each way to have one bit of the first bitmap wrong, or the bit of one field in the place of another's.
fn wrong_bitmaps(dialect: &Dialect, bytes: &[u8]) -> Vec<(String, Vec<u8>)> {
    let start = dialect.header_length() + dialect.mti_encoding().mti_length();
    let length = dialect.bitmap_encoding().length();
    let bits = match length {
        8 => u64::from_be_bytes(bytes[start..start + 8].try_into().unwrap()),
        _ => {
            let text = std::str::from_utf8(&bytes[start..start + 16]).unwrap();
            u64::from_str_radix(text, 16).unwrap()
        }
    };
    let bit = |number: u32| 1_u64 << (64 - number);
    let moved = [2, 52].into_iter().flat_map(|from| {
        let others = (2..=64).filter(move |to| *to != from && bits & bit(*to) == 0);
        others.map(move |to| (format!("{from} as {to}"), bits & !bit(from) | bit(to)))
    });
    let flipped = (1..=64).map(|number| (format!("bit {number}"), bits ^ bit(number)));
    flipped
        .chain(moved)
        .map(|(what, bits)| {
            let mut wrong = bytes.to_vec();
            match length {
                8 => wrong[start..start + 8].copy_from_slice(&bits.to_be_bytes()),
                _ => wrong[start..start + 16].copy_from_slice(format!("{bits:016X}").as_bytes()),
            }
            (what, wrong)
        })
        .collect()
}

/// The message as it is, and with each digit of its card number made something that is none.
fn wrong_digits(dialect: &Dialect, bytes: &[u8]) -> Vec<(String, Vec<u8>)> {
    let place = dialect.view(bytes).unwrap().wire_range(2).unwrap();
    let is_packed = dialect.field(2).unwrap().encoding == Encoding::Bcd;
    let mut all = vec![("as it is".to_owned(), bytes.to_vec())];
    for digit in 0..PAN.len() {
        let mut wrong = bytes.to_vec();
        if is_packed {
            let byte = &mut wrong[place.start + digit / 2];
            *byte = match digit % 2 {
                0 => 0xB0 | *byte & 0x0F,
                _ => *byte & 0xF0 | 0x0B,
            };
        } else {
            wrong[place.start + digit] = if dialect.name().contains("ebcdic") {
                0xE7
            } else {
                b'X'
            };
        }
        all.push((format!("digit {digit}"), wrong));
    }
    all
}

/// Everything that can be seen of a message without asking for it.
fn seen(dialect: &Dialect, bytes: &[u8]) -> String {
    let mut tree = String::new();
    explain::tree(dialect, bytes, Unmask::No, &mut tree).unwrap();
    let json = json::decode_line(dialect, bytes, Unmask::No)
        .unwrap_or_else(|error| json::error_line(&error.explain(dialect)));
    format!("{tree}{json}\n")
}

/// The first four characters in a row of the secret that can be seen, in text or in hex.
fn leak(shown: &str, secret: &str) -> Option<String> {
    let dense: String = shown.chars().filter(|c| !c.is_whitespace()).collect();
    (0..=secret.len() - 4).find_map(|start| {
        let part = &secret[start..start + 4];
        let leaks = [part.to_owned(), hex(part.as_bytes())];
        leaks.into_iter().find(|leak| dense.contains(leak.as_str()))
    })
}

#[test]
fn card_numbers() {
    let mut leaks = Vec::new();
    for name in NAMES {
        let dialect = dialect(name);
        for fields in [SHORT.as_slice(), &WITHOUT_DATES] {
            let digits = wrong_digits(&dialect, &message(&dialect, fields));
            for (count, (digit, bytes)) in digits.into_iter().enumerate() {
                // Each bitmap with some of the digits, each digit with some of the bitmaps.
                let bitmaps = wrong_bitmaps(&dialect, &bytes).into_iter();
                for (bitmap, bytes) in bitmaps.skip(count % STRIDE).step_by(STRIDE) {
                    let shown = seen(&dialect, &bytes);
                    if let Some(leak) = leak(&shown, MIDDLE) {
                        leaks.push(format!("{name}, {digit}, {bitmap}: {leak} in\n{shown}"));
                    }
                }
            }
        }
    }
    assert!(
        leaks.is_empty(),
        "{} leaks, the first:\n{}",
        leaks.len(),
        leaks.join("\n")
    );
}

#[test]
fn pin_blocks() {
    let mut leaks = Vec::new();
    for name in NAMES {
        let dialect = dialect(name);
        for fields in [SHORT.as_slice(), &WITHOUT_DATES] {
            for (bitmap, bytes) in wrong_bitmaps(&dialect, &message(&dialect, fields)) {
                // A message in order, with a MAC for all that anybody can know.
                if bitmap == "52 as 64" {
                    continue;
                }
                let shown = seen(&dialect, &bytes);
                if let Some(leak) = leak(&shown, PIN_BLOCK) {
                    leaks.push(format!("{name}, {bitmap}: {leak} in\n{shown}"));
                }
            }
        }
    }
    assert!(
        leaks.is_empty(),
        "{} leaks:\n{}",
        leaks.len(),
        leaks.join("\n")
    );
}
