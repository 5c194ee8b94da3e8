//! What people see of a message, whole or broken: tree and JSON can always be written and name the error of the view.

use bytes::BytesMut;
use pointsman_iso8583::json::JsonErrorKind;
use pointsman_iso8583::mask::Unmask;
use pointsman_iso8583::{explain, json};

use crate::dialects;

pub(crate) fn run(data: &[u8]) {
    let Some((selector, message)) = data.split_first() else {
        return;
    };
    let dialect = dialects::chosen(*selector);
    let view = dialect.view(message);
    let error = view.as_ref().err().copied();
    for unmask in [Unmask::No, Unmask::Yes] {
        let mut tree = String::new();
        assert_eq!(
            explain::tree(dialect, message, unmask, &mut tree),
            Ok(error)
        );
        assert!(tree.ends_with('\n'));
        let line = json::decode_line(dialect, message, unmask);
        assert_eq!(line.as_ref().err(), error.as_ref());
        assert!(line.is_ok_and(|line| !line.contains('\n')) || error.is_some());
    }
    if view.is_ok() {
        let line = json::decode_line(dialect, message, Unmask::Yes).unwrap();
        let mut written = BytesMut::new();
        match json::encode_line(dialect, &line, &mut written) {
            Ok(()) => {}
            // A star in a field that is masked as a whole is not written, even if it came like that.
            Err(error) if error.kind == JsonErrorKind::Masked => return,
            Err(error) => panic!("what was read cannot be written: {error:?}"),
        }
        // The length in a BASE I header is written anew, and then stays.
        let line = json::decode_line(dialect, &written, Unmask::Yes).unwrap();
        let mut again = BytesMut::new();
        json::encode_line(dialect, &line, &mut again).unwrap();
        assert_eq!(again, written);
    }
}
