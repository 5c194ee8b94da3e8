//! Dialect files: any text is refused with places in it or read, what is read survives being written, and messages of it
//! obey the same laws as those of the built-in dialects. A NUL ends the text; a message may follow.

use pointsman_iso8583::Dialect;

use crate::{decode, layouts};

pub(crate) fn run(data: &[u8]) {
    let mut parts = data.splitn(2, |byte| *byte == 0);
    let text = parts.next().unwrap_or_default();
    let message = parts.next().unwrap_or_default();
    let Ok(text) = str::from_utf8(text) else {
        return;
    };
    match Dialect::parse(text) {
        Ok(dialect) => {
            let again = Dialect::parse(&dialect.to_toml());
            assert_eq!(again.as_ref(), Ok(&dialect), "what was written is read");
            decode::check(&dialect, message);
            if let Ok(view) = dialect.view(message) {
                layouts::check(&view);
            }
        }
        Err(errors) => {
            assert!(!errors.is_empty());
            for error in errors {
                let placed = error
                    .span
                    .is_none_or(|span| span.start <= span.end && text.get(span).is_some());
                assert!(placed, "the place is in the text: {}", error.message);
                assert!(!error.message.is_empty());
            }
        }
    }
}
