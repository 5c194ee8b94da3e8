//! Could a value ever have this tag? One that it could not is a slip, and what it was to hide would be shown.

use crate::field::Content;
use crate::layout::LayoutKind;
use crate::tlv;

/// What a tag of such a layout looks like, if this one does not.
pub(super) fn mistake(tag: &str, kind: &LayoutKind) -> Option<String> {
    let is_upper_hex = || {
        let is_hex = |byte: u8| byte.is_ascii_digit() || (b'A'..=b'F').contains(&byte);
        tag.bytes().all(is_hex)
    };
    match kind {
        LayoutKind::Positional { .. } | LayoutKind::Bitmapped { .. } => None,
        LayoutKind::Base24Tokens { .. } => {
            (tag.len() != 2).then(|| "two characters name a token".to_owned())
        }
        LayoutKind::BerTlv { .. } => (!is_upper_hex() || !is_ber(tag))
            .then(|| "a BER tag is whole bytes in upper-case hex, 9F02 for example".to_owned()),
        LayoutKind::Tagged { tag: key, .. } => {
            let units = usize::from(key.units);
            let (fits, what) = match key.content {
                Content::N => (tag.bytes().all(|byte| byte.is_ascii_digit()), "digits"),
                // In bytes it is their hex; in text it is read as characters.
                Content::B => {
                    let fits = is_upper_hex() && tag.len() == units * 2;
                    return (!fits)
                        .then(|| format!("a tag is {units} bytes here, in upper-case hex"));
                }
                Content::An => (
                    tag.bytes()
                        .all(|byte| byte.is_ascii_alphanumeric() || byte == b' '),
                    "letters or digits",
                ),
                _ => (true, "characters"),
            };
            (!fits || tag.len() != units).then(|| format!("a tag is {units} {what} here"))
        }
    }
}

/// Is it one whole tag, by the rules of ISO/IEC 8825-1?
fn is_ber(tag: &str) -> bool {
    let bytes: Option<Vec<u8>> = (0..tag.len())
        .step_by(2)
        .map(|place| u8::from_str_radix(tag.get(place..place + 2)?, 16).ok())
        .collect();
    let Some(mut bytes) = bytes.filter(|bytes| bytes.first() != Some(&0)) else {
        return false;
    };
    let count = bytes.len();
    // With a length of 0 it is an element.
    bytes.push(0);
    tlv::Head::read(|place| bytes.get(place).copied(), bytes.len())
        .is_ok_and(|head| head.bytes == count + 1 && head.length == 0)
}
