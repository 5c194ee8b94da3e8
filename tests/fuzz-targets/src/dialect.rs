//! Dialect files: any text is refused with places in it or read, what is read survives being written, and messages of it
//! obey the same laws as those of the built-in dialects. A NUL ends the text; a message may follow, or the file that the text
//! extends.

use pointsman_iso8583::{Dialect, DialectError, DialectSource};

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
        Err(errors) => check_errors(text, &errors),
    }
    if let (true, Ok(parent)) = (text.contains(".toml"), str::from_utf8(message)) {
        extending(text, parent);
    }
}

/// What follows the NUL is every file that the text, or a file, extends.
fn extending(text: &str, parent: &str) {
    let parsed = Dialect::parse_with("top.toml", text, &mut |_, name| {
        Ok(DialectSource {
            name: name.to_owned(),
            toml: parent.to_owned(),
        })
    });
    match parsed {
        Ok(dialect) => {
            let again = Dialect::parse(&dialect.to_toml());
            assert_eq!(again.as_ref(), Ok(&dialect), "what was written is read");
        }
        Err(errors) => check_errors(text, &errors),
    }
}

/// Each has its place in the text that it is about.
fn check_errors(text: &str, errors: &[DialectError]) {
    assert!(!errors.is_empty());
    for error in errors {
        let text = error.file.as_ref().map_or(text, |file| &file.toml);
        let placed = error
            .span
            .clone()
            .is_none_or(|span| span.start <= span.end && text.get(span).is_some());
        assert!(placed, "the place is in the text: {}", error.message);
        assert!(!error.message.is_empty());
    }
}
