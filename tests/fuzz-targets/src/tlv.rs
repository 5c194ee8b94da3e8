//! BER-TLV: the walk goes onward, stays inside, ends at the first error; EMV's faults and bits are in order and inside; and
//! masking keeps every length.

use pointsman_iso8583::{Dialect, emv, mask, tlv};

pub(crate) fn run(data: &[u8]) {
    let mut last = None;
    let mut ended = false;
    for item in tlv::walk(data) {
        assert!(!ended, "nothing comes after an error");
        match item {
            Ok(element) => {
                assert!(last < Some(element.offset), "always onward");
                last = Some(element.offset);
                // A value stands in at most so many templates.
                assert!(element.depth <= tlv::DEPTH_MAX);
                assert!(element.offset < element.value_offset);
                let range = element.value_offset..element.value_offset + element.value.len();
                assert_eq!(data.get(range), Some(element.value));
            }
            Err(error) => {
                ended = true;
                assert!(error.offset < data.len());
            }
        }
    }
    assert!(tlv::walk(data).count() <= data.len());

    let faults = emv::faults(data);
    assert!(
        faults
            .windows(2)
            .all(|pair| pair[0].offset <= pair[1].offset)
    );
    let malformed = |fault: &emv::Fault| matches!(fault.kind, emv::FaultKind::Malformed(_));
    assert_eq!(
        faults.iter().filter(|fault| malformed(fault)).count(),
        usize::from(ended)
    );
    for element in tlv::walk(data).map_while(Result::ok) {
        for meaning in emv::bits(element.tag, element.value) {
            let (high, low) = meaning.bits;
            assert!(meaning.byte < element.value.len() && (1..=8).contains(&low) && low <= high);
        }
    }

    let hex: String = data.iter().map(|byte| format!("{byte:02X}")).collect();
    let dialect = Dialect::builtin("iso87-bcd").unwrap();
    let shown = mask::field(dialect.field(55).unwrap(), &hex);
    assert_eq!(shown.len(), hex.len());
    let same = |(shown, true_one): (u8, u8)| shown == true_one || shown == b'*';
    assert!(shown.bytes().zip(hex.bytes()).all(same));
}
