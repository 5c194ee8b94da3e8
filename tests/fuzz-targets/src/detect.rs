//! Recognising bytes of unknown origin: every candidate is inside of the bytes and says why it is one, and what fits better
//! comes first.

use pointsman_iso8583::detect::{Transport, detect};

use crate::dialects;

pub(crate) fn run(data: &[u8]) {
    let Some((skipped, bytes)) = data.split_first() else {
        return;
    };
    let skipped = usize::from(*skipped);
    let half = bytes.len() / 2;
    let two = Transport {
        name: "two halves".into(),
        messages: vec![0..half, half..bytes.len()],
        cut: None,
        read: bytes.len(),
    };
    let transports = [
        Transport::whole(bytes.len()),
        Transport::after(skipped, bytes.len()),
        two,
    ];
    let found = detect(bytes, &transports, dialects::all());
    for candidate in &found {
        assert!(!candidate.reason().is_empty());
    }
    assert!(
        found.is_sorted_by_key(|candidate| !candidate.fits_all()),
        "what fits all comes first"
    );
    // A message that a dialect reads whole is never left out, if its type is one that ISO 8583 has.
    let is_read = dialects::all().iter().any(|dialect| {
        let view = dialect.view(bytes);
        view.is_ok_and(|view| {
            let mti = view.mti();
            let [version, class, ..] = mti.as_str().as_bytes() else {
                return false;
            };
            let is_known =
                matches!(version, b'0'..=b'2' | b'8' | b'9') && matches!(class, b'1'..=b'8');
            is_known && !view.fields().is_empty()
        })
    });
    assert!(!is_read || found.iter().any(|candidate| candidate.fits_all()));
}
