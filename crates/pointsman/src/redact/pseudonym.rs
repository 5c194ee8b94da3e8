//! What stands for a card number: zeros, or digits that only the holder of a key can make again.

use std::path::Path;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::{Keep, SHOWN_FIRST, SHOWN_LAST};
use crate::exit::{Exit, Failure};
use crate::input;

/// There are few card numbers: whoever can try out the key can try out all of them.
const KEY_BYTES_MIN: usize = 16;
const KEY_BYTES_MAX: usize = 4096;

/// What pseudonyms are made with. The same key makes the same ones everywhere.
pub(crate) struct Key(Hmac<Sha256>);

impl Key {
    /// From `file:PATH` or `env:NAME`, never from the command line, where others can see it.
    pub(crate) fn load(source: &str) -> Result<Key, Failure> {
        let bytes = if let Some(path) = source.strip_prefix("file:") {
            input::bytes_of_file(Path::new(path))?
        } else if let Some(name) = source.strip_prefix("env:") {
            std::env::var(name)
                .map_err(|_| {
                    Failure::new(
                        Exit::NoInput,
                        format!("the environment has no variable `{name}` with text in it"),
                        "set it, or take the key from a file: --key file:PATH",
                    )
                })?
                .into_bytes()
        } else {
            return Err(Failure::usage(
                "the key is not named as file:PATH or env:NAME",
                "a key on the command line could be seen by others; put it into a file",
            ));
        };
        let bytes = bytes.trim_ascii();
        if !(KEY_BYTES_MIN..=KEY_BYTES_MAX).contains(&bytes.len()) {
            return Err(Failure::new(
                Exit::Data,
                format!(
                    "a key has {KEY_BYTES_MIN} to {KEY_BYTES_MAX} bytes, this one has {}",
                    bytes.len()
                ),
                "make one: `openssl rand -hex 32 > redact.key`",
            ));
        }
        Key::new(bytes)
            .ok_or_else(|| Failure::new(Exit::Data, "the key cannot be used", "make another one"))
    }

    pub(super) fn new(bytes: &[u8]) -> Option<Key> {
        Hmac::new_from_slice(bytes).ok().map(Key)
    }

    /// As many digits as asked for, at most 19.
    fn digits(&self, pan: &str, count: usize) -> String {
        let mut mac = self.0.clone();
        mac.update(b"pointsman redact pan\0");
        mac.update(pan.as_bytes());
        let tag = mac.finalize().into_bytes();
        let number = tag
            .iter()
            .take(16)
            .fold(0_u128, |number, byte| number << 8 | u128::from(*byte));
        let modulus = 10_u128.pow(u32::try_from(count.min(19)).unwrap_or(19));
        format!("{:0count$}", number % modulus)
    }
}

/// The pseudonym of a card number of 13 to 21 digits.
pub(super) fn of(key: Option<&Key>, keep: Keep, pan: &str) -> String {
    let (first, last) = match keep {
        Keep::Ends => (SHOWN_FIRST, SHOWN_LAST),
        Keep::None => (0, 0),
    };
    let count = pan.len().saturating_sub(first + last);
    let middle = match key {
        Some(key) => key.digits(pan, count),
        None => "0".repeat(count),
    };
    let made = |middle: &str| {
        let head = pan.get(..first).unwrap_or_default();
        let tail = pan.get(pan.len() - last..).unwrap_or_default();
        format!("{head}{middle}{tail}")
    };
    let result = made(&middle);
    if !luhn_ok(&result) {
        return result;
    }
    // The neighbour of a number with a right check digit has a wrong one.
    let mut middle = middle.into_bytes();
    if let Some(digit) = middle.last_mut() {
        *digit = if *digit == b'9' { b'0' } else { *digit + 1 };
    }
    made(&String::from_utf8(middle).unwrap_or_default())
}

/// ISO/IEC 7812-1 annex B.
pub(super) fn luhn_ok(digits: &str) -> bool {
    let sum: u32 = digits
        .bytes()
        .rev()
        .enumerate()
        .map(
            |(place, digit)| match (place % 2, u32::from(digit.saturating_sub(b'0'))) {
                (0, digit) => digit,
                (_, digit) => digit / 5 + digit * 2 % 10,
            },
        )
        .sum();
    sum.is_multiple_of(10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pseudonym_is_consistent_and_no_card() {
        let key = Key::new(b"0123456789abcdef").unwrap();
        let other = Key::new(b"0123456789abcdeg").unwrap();
        for pan in [
            "4111111111111111",
            "378282246310005",
            "6228480000000000123",
            "4222222222222",
        ] {
            for keep in [Keep::Ends, Keep::None] {
                let made = of(Some(&key), keep, pan);
                assert_eq!(made.len(), pan.len());
                assert_eq!(made, of(Some(&key), keep, pan));
                assert_ne!(made, pan);
                assert!(!luhn_ok(&made), "{made}");
                assert!(!luhn_ok(&of(None, keep, pan)));
                if keep == Keep::Ends {
                    assert!(made.starts_with(&pan[..6]) && made.ends_with(&pan[pan.len() - 4..]));
                }
                // Three digits in the middle may be the same by chance, nine hardly.
                if pan.len() == 19 {
                    assert_ne!(made, of(Some(&other), keep, pan));
                }
            }
        }
        assert_eq!(of(None, Keep::Ends, "4111111111111111"), "4111110000001111");
    }
}
