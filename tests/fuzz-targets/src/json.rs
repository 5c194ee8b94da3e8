//! Messages as JSON lines: any text is refused, leaving nothing behind, or becomes a message that reads back the same.

use bytes::BytesMut;
use pointsman_iso8583::json;
use pointsman_iso8583::mask::Unmask;

use crate::dialects;

pub(crate) fn run(data: &[u8]) {
    let Some((selector, line)) = data.split_first() else {
        return;
    };
    let Ok(line) = str::from_utf8(line) else {
        return;
    };
    let dialect = dialects::chosen(*selector);
    let mut out = BytesMut::from(&b"before"[..]);
    let result = json::encode_line(dialect, line, &mut out);
    let written = out.split_off(6);
    assert_eq!(out, "before");
    match result {
        Ok(()) => {
            let line = json::decode_line(dialect, &written, Unmask::Yes).unwrap();
            let mut again = BytesMut::new();
            json::encode_line(dialect, &line, &mut again).unwrap();
            assert_eq!(again, written);
        }
        Err(error) => {
            assert!(written.is_empty());
            assert!(!json::error_line(&error.explain(dialect)).contains('\n'));
        }
    }
}
