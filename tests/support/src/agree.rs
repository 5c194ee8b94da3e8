//! The comparison that random, malformed and fuzzed messages are all put to.

use pointsman_iso8583::{Dialect, TextBuffer, reference};

/// The fast path and the reference say the same: every value at its place, or the same error.
pub fn agree(dialect: &Dialect, bytes: &[u8]) {
    let name = dialect.name();
    match (dialect.view(bytes), reference::decode(dialect, bytes)) {
        (Ok(view), Ok(message)) => {
            assert_eq!(view.header(), message.header, "{name} {}", hex(bytes));
            assert_eq!(view.mti(), message.mti, "{name} {}", hex(bytes));
            let numbers: Vec<u8> = message.elements.iter().map(|(number, _)| *number).collect();
            assert_eq!(
                view.fields().iter().collect::<Vec<_>>(),
                numbers,
                "{name} {}",
                hex(bytes)
            );
            let mut buffer = TextBuffer::new();
            for (number, element) in &message.elements {
                let range = element.offset..element.offset + element.length;
                let same = view.element_range(*number) == Some(element.prefix_offset..range.end)
                    && view.wire_range(*number) == Some(range.clone())
                    && view.wire(*number) == bytes.get(range)
                    && view.text(*number, &mut buffer) == Some(element.text.as_str())
                    && view.to_text(*number).as_deref() == Some(element.text.as_str());
                assert!(
                    same,
                    "{name} field {number} of {}: fast {:?} {:?} {:?}, reference {element:?} {:?}",
                    hex(bytes),
                    view.element_range(*number),
                    view.wire_range(*number),
                    view.to_text(*number),
                    element.text
                );
            }
        }
        (Err(fast), Err(slow)) => assert_eq!(fast, slow, "{name} {}", hex(bytes)),
        (fast, slow) => panic!(
            "{name} {}: fast {:?}, reference {:?}",
            hex(bytes),
            fast.map(|_| ()),
            slow.map(|_| ())
        ),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02X}")).collect()
}
