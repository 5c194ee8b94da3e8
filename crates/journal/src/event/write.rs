//! How the fields of an event become bytes: numbers little-endian, text behind its length. Nothing here allocates but the
//! growth of the buffer itself.

use super::Sealed;
use super::limits::PAN_DIGITS_VISIBLE_MAX;

pub(super) fn u32(out: &mut Vec<u8>, value: u32) {
    out.extend_from_slice(&value.to_le_bytes());
}

pub(super) fn u64(out: &mut Vec<u8>, value: u64) {
    out.extend_from_slice(&value.to_le_bytes());
}

pub(super) fn i64(out: &mut Vec<u8>, value: i64) {
    out.extend_from_slice(&value.to_le_bytes());
}

pub(super) fn option_u32(out: &mut Vec<u8>, value: Option<u32>) {
    out.push(u8::from(value.is_some()));
    if let Some(value) = value {
        u32(out, value);
    }
}

pub(super) fn option_u64(out: &mut Vec<u8>, value: Option<u64>) {
    out.push(u8::from(value.is_some()));
    if let Some(value) = value {
        u64(out, value);
    }
}

/// A text of at most `bytes_max` bytes; more is cut between two characters.
pub(super) fn text(out: &mut Vec<u8>, text: &str, bytes_max: usize) {
    let bytes_max = bytes_max.min(usize::from(u8::MAX));
    let mut end = text.len().min(bytes_max);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let bytes = text.as_bytes().get(..end).unwrap_or_default();
    out.push(u8::try_from(bytes.len()).unwrap_or(u8::MAX));
    out.extend_from_slice(bytes);
}

/// A card number as it may be shown. Whoever hands in more than that gets it masked here: a clear number must not reach
/// the disk even by mistake.
pub(super) fn masked_pan(out: &mut Vec<u8>, pan: &str, bytes_max: usize) {
    let start = out.len();
    text(out, pan, bytes_max);
    // The length before it is no digit that is seen.
    mask(out.get_mut(start + 1..).unwrap_or_default());
}

/// Text that a person or a peer may have worded: card numbers in it are masked.
pub(super) fn free_text(out: &mut Vec<u8>, words: &str, bytes_max: usize) {
    let start = out.len();
    text(out, words, bytes_max);
    let mut rest = out.get_mut(start + 1..).unwrap_or_default();
    while let Some(first) = rest.iter().position(u8::is_ascii_digit) {
        rest = rest.get_mut(first..).unwrap_or_default();
        let end = run(rest);
        let (number, behind) = rest.split_at_mut(end);
        let digits = number.iter().filter(|byte| byte.is_ascii_digit()).count();
        if digits > PAN_DIGITS_MAX || (digits >= PAN_DIGITS_MIN && passes_luhn(number)) {
            mask(number);
        }
        rest = behind;
    }
}

/// ISO/IEC 7812-1: up to 19 digits. Shorter ones than 13 are not in use.
const PAN_DIGITS_MIN: usize = 13;
const PAN_DIGITS_MAX: usize = 19;

/// Where a run of digits ends, that may be grouped by single spaces or hyphens.
fn run(bytes: &[u8]) -> usize {
    let mut end = 0;
    let mut separated = true;
    for (place, byte) in bytes.iter().enumerate() {
        match byte {
            b'0'..=b'9' => {
                end = place + 1;
                separated = false;
            }
            b' ' | b'-' if !separated => separated = true,
            _ => break,
        }
    }
    end
}

/// ISO/IEC 7812-1 annex B.
fn passes_luhn(number: &[u8]) -> bool {
    let digits = number.iter().rev().filter(|byte| byte.is_ascii_digit());
    let sum: u32 = digits
        .enumerate()
        .map(|(place, byte)| {
            let digit = u32::from(byte - b'0');
            match (place % 2, digit * 2) {
                (0, _) => digit,
                (_, double) => double / 10 + double % 10,
            }
        })
        .sum();
    sum.is_multiple_of(10)
}

/// Leaves the first six and the last four digits, if there are more than these.
fn mask(bytes: &mut [u8]) {
    let digits = bytes.iter().filter(|byte| byte.is_ascii_digit()).count();
    if digits <= PAN_DIGITS_VISIBLE_MAX {
        return;
    }
    let hidden = 6..digits - 4;
    let digits = bytes.iter_mut().filter(|byte| byte.is_ascii_digit());
    for (place, byte) in digits.enumerate() {
        if hidden.contains(&place) {
            *byte = b'*';
        }
    }
}

pub(super) fn sealed(out: &mut Vec<u8>, sealed: Sealed<'_>) {
    let bytes = sealed.as_bytes();
    // `Sealed` cannot be longer than its limit, which is far below this.
    u32(out, u32::try_from(bytes.len()).unwrap_or(u32::MAX));
    out.extend_from_slice(bytes);
}
