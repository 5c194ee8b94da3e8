//! How long the fields of an event may be, in bytes. What is longer is cut on its way in: a record that says a little less
//! is better than one that does not exist.

/// Names of links and listeners: what the configuration allows.
pub const NAME_BYTES_MAX: usize = 64;
/// Terminal identification: 8 characters in field 41, 16 in ISO 8583:2003, up to 3 bytes each in UTF-8.
pub const TERMINAL_BYTES_MAX: usize = 48;
/// Card acceptor identification: 15 characters in field 42, 35 in ISO 8583:2003.
pub const MERCHANT_BYTES_MAX: usize = 105;
/// Message type, four digits.
pub const MTI_BYTES_MAX: usize = 4;
/// Retrieval reference number: 12 characters in field 37.
pub const RRN_BYTES_MAX: usize = 36;
/// Currency: three digits or letters.
pub const CURRENCY_BYTES_MAX: usize = 3;
/// Processing code: six digits in field 3.
pub const PROCESSING_CODE_BYTES_MAX: usize = 6;
/// Response code: two characters in the 1987 edition, three digits in 1993, four in 2003.
pub const RESPONSE_CODE_BYTES_MAX: usize = 12;
/// Approval code: six characters in field 38.
pub const APPROVAL_CODE_BYTES_MAX: usize = 18;
/// Card numbers have up to 19 digits.
pub const MASKED_PAN_BYTES_MAX: usize = 19;
/// Digits of a card number that may be seen: the first six and the last four (PCI DSS 3.4.1).
pub const PAN_DIGITS_VISIBLE_MAX: usize = 10;
/// Labels of causes: words that the code knows.
pub const CAUSE_BYTES_MAX: usize = 64;
/// Version of the program.
pub const VERSION_BYTES_MAX: usize = 64;
/// Who did something, and what, by name.
pub const WHO_BYTES_MAX: usize = 128;
/// Free text.
pub const DETAIL_BYTES_MAX: usize = 255;
/// A sealed message: the largest that a dialect can write is 65,535 bytes, and there is room for what goes with it.
pub const SEALED_BYTES_MAX: usize = 128 * 1024;

// All texts of an event together are shorter than 2 KiB.
const _: () = assert!(SEALED_BYTES_MAX + 2 * 1024 <= crate::RECORD_BYTES_MAX);
// Texts have a length of one byte.
const _: () = assert!(DETAIL_BYTES_MAX <= u8::MAX as usize);
