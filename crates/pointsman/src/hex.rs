//! Bytes as hex text, both ways.

/// What is wrong with a hex text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HexError {
    /// A byte of the text that is no hex digit.
    NotHex { at: usize, found: u8 },
    /// A digit is left over.
    Odd { digits: usize },
}

/// Reads hex digits of either case into `bytes`, which is emptied before. What tools put between bytes is skipped: blanks,
/// line ends, commas, colons, and `0x` before a byte or all of them.
pub(crate) fn decode(text: &[u8], bytes: &mut Vec<u8>) -> Result<(), HexError> {
    bytes.clear();
    let mut high: Option<u8> = None;
    let mut count = 0;
    let mut begins = true;
    let mut rest = text.iter().enumerate().peekable();
    while let Some((at, found)) = rest.next() {
        let value = match found {
            b'0' if begins
                && rest
                    .next_if(|(_, next)| matches!(next, b'x' | b'X'))
                    .is_some() =>
            {
                continue;
            }
            b'0'..=b'9' => found - b'0',
            b'A'..=b'F' => found - b'A' + 10,
            b'a'..=b'f' => found - b'a' + 10,
            b',' | b':' => {
                begins = true;
                continue;
            }
            found if found.is_ascii_whitespace() => {
                begins = true;
                continue;
            }
            _ => return Err(HexError::NotHex { at, found: *found }),
        };
        begins = false;
        count += 1;
        high = match high {
            None => Some(value),
            Some(high) => {
                bytes.push(high << 4 | value);
                None
            }
        };
    }
    match high {
        None => Ok(()),
        Some(_) => Err(HexError::Odd { digits: count }),
    }
}

/// Appends upper-case hex digits.
pub(crate) fn encode(bytes: &[u8], text: &mut Vec<u8>) {
    let digit = |nibble: u8| nibble + if nibble < 10 { b'0' } else { b'A' - 10 };
    text.reserve(bytes.len() * 2);
    for byte in bytes {
        text.push(digit(byte >> 4));
        text.push(digit(byte & 0xF));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_and_back() {
        let all: Vec<u8> = (0..=255).collect();
        let mut text = Vec::new();
        encode(&all, &mut text);
        assert!(text.starts_with(b"000102") && text.ends_with(b"FDFEFF"));
        let mut bytes = vec![1, 2, 3];
        decode(&text, &mut bytes).unwrap();
        assert_eq!(bytes, all);
        decode(&text.to_ascii_lowercase(), &mut bytes).unwrap();
        assert_eq!(bytes, all);
        decode(b"0x30 32\t3", &mut bytes).unwrap_err();
        decode(b"0x30 32\t33", &mut bytes).unwrap();
        assert_eq!(bytes, b"023");
        for text in [
            "0x30, 0x32,\n0x33",
            "30:32:33",
            "0x303233",
            "30 0x3233",
            "0X303233",
        ] {
            decode(text.as_bytes(), &mut bytes).unwrap();
            assert_eq!(bytes, b"023", "{text}");
        }
    }

    #[test]
    fn says_where_it_is_wrong() {
        let check =
            |text: &str, error| assert_eq!(decode(text.as_bytes(), &mut Vec::new()), Err(error));
        check("30g2", HexError::NotHex { at: 2, found: b'g' });
        check("0x3\u{e9}", HexError::NotHex { at: 3, found: 0xc3 });
        check("303", HexError::Odd { digits: 3 });
        check("300x32", HexError::NotHex { at: 3, found: b'x' });
    }
}
