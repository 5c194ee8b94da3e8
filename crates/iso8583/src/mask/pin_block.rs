//! PIN blocks where no dialect says that there is one: in a message that is read out of step.

use std::ops::Range;

/// ISO 9564-1: a PIN block has 64 bits.
pub(super) const BYTES: usize = 8;
/// In hex.
pub(super) const CHARACTERS: usize = 2 * BYTES;

/// What may be PIN blocks in hex from `start` on, in ASCII or EBCDIC: as many digits and letters, over the borders of fields,
/// and cut at the end of the message.
pub(super) fn in_hex(bytes: &[u8], start: usize) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    for is_hex in HEX_SIGNS {
        found.extend(written_by(bytes, start, is_hex));
    }
    found
}

fn written_by(bytes: &[u8], start: usize, is_hex: HexSign) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut run = start..start;
    let signs = bytes.iter().skip(start).map(|byte| is_hex(*byte));
    for sign in signs.chain([None]) {
        if sign.is_some() {
            run.end += 1;
            continue;
        }
        let is_cut = run.end == bytes.len();
        for block in windows(&run, is_cut) {
            let mut signs = bytes.get(block.clone()).unwrap_or_default().iter();
            if signs.any(|byte| is_hex(*byte) == Some(Hex::Letter)) {
                found.push(block);
            }
        }
        run = run.end + 1..run.end + 1;
    }
    found
}

/// Where a PIN block may stand in a run of hex.
fn windows(run: &Range<usize>, is_cut: bool) -> impl Iterator<Item = Range<usize>> {
    let least = match is_cut {
        true => CHARACTERS / 2,
        false => CHARACTERS,
    };
    let end = run.end;
    (run.start..(end + 1).saturating_sub(least))
        .map(move |start| start..end.min(start + CHARACTERS))
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Hex {
    Digit,
    Letter,
}

/// What a byte is in hex text of a character set.
type HexSign = fn(u8) -> Option<Hex>;

const HEX_SIGNS: [HexSign; 2] = [
    |byte| match byte {
        b'0'..=b'9' => Some(Hex::Digit),
        b'A'..=b'F' | b'a'..=b'f' => Some(Hex::Letter),
        _ => None,
    },
    // EBCDIC.
    |byte| match byte {
        0xF0..=0xF9 => Some(Hex::Digit),
        0xC1..=0xC6 | 0x81..=0x86 => Some(Hex::Letter),
        _ => None,
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_and_letters_of_hex() {
        let start = "x12".len();
        let blocks = |text: &[u8]| in_hex(text, start);
        let block = start..start + CHARACTERS;
        assert_eq!(blocks(b"x120F1E2D3C4B5A6978x"), [block]);
        assert_eq!(blocks(b"x120F1E2D3C4B5A697x"), []);
        assert_eq!(blocks(b"x121234567890123456x"), []);
        // Cut at the end of the message.
        let cut = start..11;
        assert_eq!(blocks(b"x120F1E2D3C"), [cut]);
    }
}
