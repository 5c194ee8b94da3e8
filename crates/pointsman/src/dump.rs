//! Lines of a hex dump as `hexdump -C`, `xxd`, tcpdump and Wireshark write it: an offset, up to 16 bytes, and what they look like
//! as text.

/// Bytes of a line; what comes behind so many is the text column.
const LINE_BYTES: usize = 16;

/// One line of a dump.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DumpLine {
    /// The offset that it begins with.
    pub(crate) offset: usize,
    pub(crate) bytes: Vec<u8>,
}

/// Reads a line. `None`: it is none of a dump. Hex alone is none either: an offset ends with a colon or two blanks, and
/// is followed by bytes.
pub(crate) fn line(text: &[u8]) -> Option<DumpLine> {
    let text = std::str::from_utf8(text.trim_ascii()).ok()?;
    let text = text.strip_prefix("0x").unwrap_or(text);
    let digits = text.bytes().take_while(u8::is_ascii_hexdigit).count();
    let (offset, rest) = text.split_at_checked(digits)?;
    if !(4..=8).contains(&digits) {
        return None;
    }
    let rest = rest.strip_prefix(':').or_else(|| rest.strip_prefix("  "))?;
    let offset = usize::from_str_radix(offset, 16).ok()?;
    let mut bytes = Vec::new();
    let mut rest = rest.trim_start();
    while !rest.is_empty() && bytes.len() < LINE_BYTES {
        let digits = rest.bytes().take_while(u8::is_ascii_hexdigit).count();
        let (group, after) = rest.split_at_checked(digits)?;
        let gap = after.len() - after.trim_start().len();
        if group.is_empty() || (gap == 0 && !after.is_empty()) {
            // The text column, or no dump at all.
            break;
        }
        for pair in group.as_bytes().chunks(2) {
            let pair = std::str::from_utf8(pair)
                .ok()
                .filter(|pair| pair.len() == 2)?;
            bytes.push(u8::from_str_radix(pair, 16).ok()?);
        }
        if gap > 2 {
            break;
        }
        rest = after.trim_start();
    }
    (!bytes.is_empty() && bytes.len() <= LINE_BYTES).then_some(DumpLine { offset, bytes })
}

/// The bytes of a text that is a dump from its first line to its last.
pub(crate) fn whole(text: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let lines = text.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
    for text in lines.filter(|text| !text.is_empty()) {
        match line(text) {
            Some(line) if line.offset == bytes.len() => bytes.extend(line.bytes),
            // `hexdump -C` and `hd` end with the length alone.
            _ if is_end(text, bytes.len()) => {}
            _ => return None,
        }
    }
    (!bytes.is_empty()).then_some(bytes)
}

/// Is this the line that ends a dump of so many bytes?
pub(crate) fn is_end(text: &[u8], length: usize) -> bool {
    text.len() >= 4
        && length > 0
        && std::str::from_utf8(text)
            .ok()
            .and_then(|text| usize::from_str_radix(text, 16).ok())
            == Some(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BYTES: &[u8] = b"0200rDEADBEEF123456789";

    #[test]
    fn those_that_people_use() {
        let dumps = [
            // hexdump -C
            "00000000  30 32 30 30 72 44 45 41  44 42 45 45 46 31 32 33  |0200rDEADBEEF123|\n\
             00000010  34 35 36 37 38 39                                 |456789|\n\
             00000016\n",
            // xxd
            "00000000: 3032 3030 7244 4541 4442 4545 4631 3233  0200rDEADBEEF123\n\
             00000010: 3435 3637 3839                           456789\n",
            // Wireshark
            "0000   30 32 30 30 72 44 45 41 44 42 45 45 46 31 32 33   0200rDEADBEEF123\n\
             0010   34 35 36 37 38 39                                 456789\n",
            // tcpdump -x
            "\t0x0000:  3032 3030 7244 4541 4442 4545 4631 3233\n\t0x0010:  3435 3637 3839\n",
            "0000   30 32 30 30 72 44 45 41 44 42 45 45 46 31 32 33\n0010   34 35 36 37 38 39\n",
        ];
        for dump in dumps {
            assert_eq!(whole(dump.as_bytes()).as_deref(), Some(BYTES), "{dump}");
        }
    }

    #[test]
    fn hex_alone_is_no_dump() {
        for text in [
            "0200 7020",
            "02007020",
            "",
            "0000",
            "zz  30",
            "0000  zz",
            "0000:",
        ] {
            assert_eq!(line(text.as_bytes()), None, "{text:?}");
        }
        assert_eq!(whole(b"0000  30 31\n0004  32"), None, "a gap");
    }
}
