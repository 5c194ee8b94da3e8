//! A dialect of one's own: the lines that differ, the errors of a file, and which dialect some bytes are in.
#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use std::error::Error;
use std::sync::Arc;

use bytes::BytesMut;
use pointsman_iso8583::detect::{Transport, detect};
use pointsman_iso8583::{Builder, Dialect, Mti};

/// Their manual says: packed digits, EBCDIC text, a field 48 of up to 255 bytes, and no field 60.
const ACME_BANK: &str = r#"
name = "acme-bank"
description = "What Acme Bank's host speaks"
extends = "iso87-bcd"

[defaults]
text = "ebcdic"

[fields]
48 = { type = "b...255" }
60 = false
"#;

pub(crate) fn main() -> Result<(), Box<dyn Error>> {
    let bank = match Dialect::parse(ACME_BANK) {
        Ok(dialect) => Arc::new(dialect),
        Err(errors) => {
            // All of them at once, each with its place in the text.
            for error in &errors {
                let line = error.span.as_ref().map(|span| {
                    ACME_BANK
                        .get(..span.start)
                        .unwrap_or_default()
                        .lines()
                        .count()
                });
                println!(
                    "line {line:?}: {error} {}",
                    error.help.as_deref().unwrap_or_default()
                );
            }
            return Err("the dialect has errors".into());
        }
    };
    println!("{}: {} fields", bank.name(), bank.defined().len());

    let mut out = BytesMut::new();
    let mut message = Builder::new(&bank, &mut out, "0100".parse::<Mti>()?);
    message
        .text(2, "5413330089010434")?
        .text(7, "1124101530")?
        .number(11, 1)?
        .text(41, "TERM0001")?;
    message.finish()?;

    // Somebody else's bytes: which dialect are they in?
    let mut dialects = vec![bank];
    dialects.extend(
        Dialect::builtin_names()
            .iter()
            .filter_map(|name| Dialect::builtin(name)),
    );
    let found = detect(&out, &[Transport::whole(out.len())], &dialects);
    for candidate in found.iter().take(3) {
        println!("{}", candidate.reason());
    }
    assert_eq!(
        found.first().map(|best| best.dialect.name()),
        Some("acme-bank")
    );
    Ok(())
}
