//! What BASE24 and BASE I headers say.

/// `ISO`, product (2), release (2), status (3), originator (1), responder (1).
pub(super) fn base24(header: &[u8]) -> Option<String> {
    let text = core::str::from_utf8(header).ok()?.strip_prefix("ISO")?;
    let (product, rest) = text.split_at_checked(2)?;
    let (release, rest) = rest.split_at_checked(2)?;
    let (status, rest) = rest.split_at_checked(3)?;
    let (originator, responder) = rest.split_at_checked(1)?;
    let product_text = match product {
        "00" => "network management",
        "01" => "ATM",
        "02" => "POS",
        _ => "other",
    };
    let status_text = match status {
        "000" => "in order".to_owned(),
        _ => format!("field {status} in error"),
    };
    Some(format!(
        "product {product} ({product_text}), release {release}, status {status} ({status_text}), \
         originator {originator} ({}), responder {responder} ({})",
        party(originator),
        party(responder)
    ))
}

fn party(code: &str) -> &'static str {
    match code {
        "0" => "undefined",
        "1" => "device",
        "2" => "device handler",
        "3" => "authorization",
        "4" => "host interface",
        "5" => "host",
        "6" => "interchange interface",
        "7" => "interchange",
        _ => "other",
    }
}

/// Length (1), formats (2), total length (2), destination (3), source (3), and in a reject header, from byte 22 on, a
/// bitmap (2) and the reject code (2).
pub(super) fn visa(header: &[u8]) -> Option<String> {
    let [
        _,
        _,
        _,
        high,
        low,
        destination @ ..,
        _,
        _,
        _,
        _,
        _,
        _,
        _,
        _,
        _,
        _,
        _,
    ] = header.first_chunk::<22>()?;
    let (destination, source) = destination.split_at_checked(3)?;
    let total = u16::from_be_bytes([*high, *low]);
    let hex = super::hex_of;
    let mut text = format!(
        "to {}, from {}, {total} bytes in all",
        hex(destination),
        hex(source)
    );
    // The flags of field 13 stand in the first byte behind the 22: 0x80 is a reject code.
    if let (Some(flags), Some(code)) = (header.get(22), header.get(24..26))
        && header.first().is_some_and(|length| *length >= 26)
        && flags & 0x80 != 0
    {
        text.push_str(&format!(", rejected with code {}", hex(code)));
    }
    Some(text)
}
