//! Random tables: any dialect that somebody may write.
use std::sync::Arc;

use pointsman_iso8583::Dialect;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

const TEXT: [&str; 4] = ["ascii", "ebcdic", "ebcdic-037", "ebcdic-1047"];
const DIGITS: [&str; 5] = ["ascii", "ebcdic", "ebcdic-037", "ebcdic-1047", "bcd"];
const PREFIX: [&str; 3] = ["ascii", "ebcdic", "bcd"];
const BINARY: [&str; 2] = ["hex", "raw"];
const PAD: [&str; 2] = ["left", "right"];

/// One field of the table: its line of TOML.
fn field(number: u8) -> impl Strategy<Value = String> {
    let kind = select(vec!["n", "z", "a", "an", "ans", "ns", "x+n", "b"]);
    let length = prop_oneof![
        (1..20u16).prop_map(|length| length.to_string()),
        (1..=99u16).prop_map(|max| format!("..{max}")),
        (1..=999u16).prop_map(|max| format!("...{max}")),
    ];
    (kind, length, select(DIGITS.to_vec()), select(TEXT.to_vec()), select(BINARY.to_vec()), select(PREFIX.to_vec()), select(PAD.to_vec()))
        .prop_map(move |(kind, length, digits, text, binary, prefix, pad)| {
            // Signed amounts are fixed in the standard.
            let length = if kind == "x+n" { (length.len() + 3).to_string() } else { length };
            let encoding = match kind {
                "n" | "z" => digits,
                "b" => binary,
                _ => text,
            };
            let prefix = if length.starts_with('.') { format!(", prefix = \"{prefix}\"") } else { String::new() };
            let pad = if encoding == "bcd" { format!(", pad = \"{pad}\"") } else { String::new() };
            format!("{number} = {{ name = \"Field {number}\", type = \"{kind}{length}\", encoding = \"{encoding}\"{prefix}{pad} }}\n")
        })
}

/// A dialect with fields up to these numbers, in a message with one bitmap and in one with two.
pub(crate) fn dialect(one: u8, two: u8) -> impl Strategy<Value = Arc<Dialect>> {
    let fields = any::<bool>().prop_flat_map(move |secondary| {
        let last = if secondary { two } else { one };
        let above_one = (2..=last).filter(move |number| *number <= one || *number > 65);
        let fields = subsequence(above_one.collect::<Vec<u8>>(), 4..20)
            .prop_flat_map(|numbers| numbers.into_iter().map(field).collect::<Vec<_>>());
        (Just(secondary), fields)
    });
    let header = prop::collection::vec(any::<u8>(), 0..12);
    (fields, header, select(PREFIX.to_vec()), select(vec!["hex", "ebcdic-hex", "binary"])).prop_map(|((secondary, fields), header, mti, bitmap)| {
        let toml = format!(
            "name = \"random\"\ndescription = \"random\"\necho = []\n[message]\nheader = \"{}\"\ntpdu = {}\nmti = \"{mti}\"\n\
             bitmap = \"{bitmap}\"\nsecondary_bitmap = {secondary}\n[defaults]\ndigits = \"ascii\"\ntrack = \"ascii\"\ntext = \"ascii\"\n\
             binary = \"hex\"\nprefix = \"ascii\"\npad = \"left\"\n[fields]\n{}",
            super::hex(&header),
            header.len() >= 5,
            fields.concat()
        );
        let dialect = Dialect::parse(&toml).unwrap_or_else(|errors| panic!("{errors:?} in\n{toml}"));
        assert_eq!(Dialect::parse(&dialect.to_toml()).as_ref(), Ok(&dialect), "{toml}");
        Arc::new(dialect)
    })
}
