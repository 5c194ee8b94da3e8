//! What stands before the MTI: its kinds, how long it is, and what becomes of it in an answer.

use std::ops::Deref;

use crate::dialect::Dialect;

/// The most bytes that stand before an MTI: two BASE I headers of 32 bytes.
pub const HEADER_BYTES_MAX: usize = 64;

/// A TPDU: protocol identifier, destination and source address.
pub(crate) const TPDU_BYTES: usize = 5;
/// `ISO`, product, release, status, originator and responder code.
pub(crate) const BASE24_BYTES: usize = 12;
/// A BASE I header without reject data.
pub(crate) const VISA_BYTES: usize = 22;
/// The most that one BASE I header has: with reject data it is 26 bytes long.
pub(crate) const VISA_BYTES_MAX: usize = HEADER_BYTES_MAX / 2;
/// BASE I header field 2: another header follows, that of the message that is rejected.
const VISA_SECOND_HEADER: u8 = 0x80;

/// What the bytes before the MTI are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum HeaderKind {
    /// So many bytes, echoed in an answer.
    Fixed,
    /// They begin with a TPDU, whose addresses are swapped in an answer.
    Tpdu,
    /// `ISO` and nine digits, as BASE24 writes it; an answer names as responder the originator of the default
    /// header.
    Base24,
    /// A Visa BASE I header, which says its own length and that of the message. The two station identifiers are swapped
    /// in an answer; a header with reject data may be followed by the header of the rejected message.
    Visa,
}

/// Bytes before an MTI, held inline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    bytes: [u8; HEADER_BYTES_MAX],
    length: u8,
}

impl Header {
    fn copied(from: &[u8]) -> Header {
        let mut header = Header {
            bytes: [0; HEADER_BYTES_MAX],
            length: from.len().min(HEADER_BYTES_MAX) as u8,
        };
        for (place, byte) in header.bytes.iter_mut().zip(from) {
            *place = *byte;
        }
        header
    }
}

impl Deref for Header {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.bytes
            .get(..usize::from(self.length))
            .unwrap_or_default()
    }
}

impl Dialect {
    /// Bytes before the MTI of a message with the default header. A BASE I header of another message may be longer.
    #[must_use]
    #[inline]
    pub fn header_length(&self) -> usize {
        self.header.len()
    }

    /// What a message of our own carries before its MTI.
    #[must_use]
    pub fn default_header(&self) -> &[u8] {
        &self.header
    }

    /// What the bytes before the MTI are.
    #[must_use]
    pub fn header_kind(&self) -> HeaderKind {
        self.header_kind
    }

    /// Does the header begin with a TPDU?
    #[must_use]
    pub fn header_has_tpdu(&self) -> bool {
        self.header_kind == HeaderKind::Tpdu
    }

    /// May a message begin with this header?
    #[must_use]
    pub fn header_fits(&self, header: &[u8]) -> bool {
        self.header_end(header) == Some(header.len())
    }

    /// Where the header of these bytes ends. `None`: they are too few, or no header of this kind.
    #[inline]
    pub(crate) fn header_end(&self, bytes: &[u8]) -> Option<usize> {
        match self.header_kind {
            HeaderKind::Fixed | HeaderKind::Tpdu => {
                Some(self.header.len()).filter(|length| *length <= bytes.len())
            }
            HeaderKind::Base24 => base24_end(bytes),
            HeaderKind::Visa => visa_end(bytes),
        }
    }

    /// The header of the answer to a message with this header: addresses are swapped, the rest is echoed.
    #[must_use]
    pub fn reply_header(&self, request_header: &[u8]) -> Header {
        let mut header = Header::copied(request_header);
        match (self.header_kind, &mut header.bytes) {
            // ISO 8583 over NAC: protocol identifier, destination address, source address.
            (HeaderKind::Tpdu, [_, destination_1, destination_2, source_1, source_2, ..]) => {
                std::mem::swap(destination_1, source_1);
                std::mem::swap(destination_2, source_2);
            }
            (HeaderKind::Base24, bytes) => {
                if let (Some(responder), Some(own)) = (
                    bytes.get_mut(BASE24_BYTES - 1),
                    self.header.get(BASE24_BYTES - 2),
                ) {
                    *responder = *own;
                }
            }
            // Field 1 length, 2 and 3 formats, 4 total length (written with the message), 5 destination, 6 source.
            (HeaderKind::Visa, bytes) if request_header.len() >= VISA_BYTES => {
                if let [length, format, _, _, _, stations @ ..] = bytes
                    && let Some((destination, rest)) = stations.split_at_mut_checked(3)
                    && let Some(source) = rest.get_mut(..3)
                {
                    *length = VISA_BYTES as u8;
                    *format &= !VISA_SECOND_HEADER;
                    destination.swap_with_slice(source);
                }
                header.length = VISA_BYTES as u8;
            }
            _ => {}
        }
        header
    }

    /// Writes into a message what its header says of the whole of it.
    #[inline]
    pub(crate) fn complete_header(&self, message: &mut [u8]) {
        if self.header_kind == HeaderKind::Visa {
            let length = u16::try_from(message.len()).unwrap_or(u16::MAX);
            if let Some(place) = message.get_mut(3..5) {
                place.copy_from_slice(&length.to_be_bytes());
            }
        }
    }
}

#[cold]
fn base24_end(bytes: &[u8]) -> Option<usize> {
    let (name, digits) = bytes.get(..BASE24_BYTES)?.split_at_checked(3)?;
    (name == b"ISO" && digits.iter().all(u8::is_ascii_digit)).then_some(BASE24_BYTES)
}

#[cold]
fn visa_end(bytes: &[u8]) -> Option<usize> {
    let one = |bytes: &[u8]| {
        let length = usize::from(*bytes.get(..VISA_BYTES)?.first()?);
        let fits = (VISA_BYTES..=VISA_BYTES_MAX).contains(&length) && length <= bytes.len();
        fits.then_some(length)
    };
    let first = one(bytes)?;
    match visa_announces_another(bytes) {
        true => Some(first + one(bytes.get(first..)?)?),
        false => Some(first),
    }
}

/// Does another BASE I header follow the one that these bytes begin with?
pub(crate) fn visa_announces_another(header: &[u8]) -> bool {
    header
        .get(1)
        .is_some_and(|format| format & VISA_SECOND_HEADER != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dialect(kind: &str, header: &str) -> Dialect {
        Dialect::parse(&format!(
            "name = \"mine\"\nextends = \"iso87-bcd\"\n[message]\nheader = \"{header}\"\nheader_kind = \"{kind}\"\n"
        ))
        .unwrap()
    }

    #[test]
    fn a_reply_swaps_the_addresses_of_a_tpdu() {
        let dialect = Dialect::builtin("unionpay-pos").unwrap();
        let request = [
            0x60, 0x05, 0x25, 0x00, 0x00, 0x60, 0x31, 0x00, 0x31, 0x10, 0x01,
        ];
        let expected = [
            0x60, 0x00, 0x00, 0x05, 0x25, 0x60, 0x31, 0x00, 0x31, 0x10, 0x01,
        ];
        assert_eq!(&*dialect.reply_header(&request), expected);
        let bare = Dialect::builtin("iso87-bcd").unwrap();
        assert!(bare.reply_header(&[]).is_empty());
    }

    #[test]
    fn a_reply_carries_our_responder_code() {
        // ISO026000070: in what we send, we are the originator.
        let dialect = dialect("base24", "49534F303236303030303730");
        assert_eq!(&*dialect.reply_header(b"ISO026000050"), b"ISO026000057");
        assert!(dialect.header_fits(b"ISO026000050"));
        for wrong in [&b"ISO02600005"[..], b"ISO02600005X", b"OSI026000050"] {
            assert!(!dialect.header_fits(wrong));
        }
    }

    #[test]
    fn a_reply_swaps_the_stations_of_a_visa_header() {
        let own = "16010200000000000000000000000000000000000000";
        let dialect = dialect("visa", own);
        let mut request = [0_u8; 22];
        request[..11].copy_from_slice(&[0x16, 1, 2, 0, 0xBD, 0x12, 0x34, 0x56, 0x65, 0x43, 0x21]);
        let reply = dialect.reply_header(&request);
        assert_eq!(reply.len(), 22);
        assert_eq!(reply[5..11], [0x65, 0x43, 0x21, 0x12, 0x34, 0x56]);
        assert_eq!(dialect.header_end(&request), Some(22));

        // A reject: 26 bytes, and the header of what was rejected.
        let mut reject = [0_u8; 26];
        (reject[0], reject[1]) = (26, 0x81);
        assert_eq!(dialect.header_end(&reject), None, "the second is missing");
        let both = [&reject[..], &request].concat();
        assert_eq!(dialect.header_end(&both), Some(48));
        assert_eq!(dialect.reply_header(&both).len(), 22);
        assert_eq!(dialect.reply_header(&both)[..2], [22, 1]);
        request[0] = 21;
        assert_eq!(dialect.header_end(&request), None);
    }
}
