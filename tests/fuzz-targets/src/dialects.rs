//! The dialects that targets choose from by a byte.

use std::sync::{Arc, OnceLock};

use pointsman_iso8583::Dialect;

/// The corpora were seeded with these at these places; dialects that came later follow them.
const FIRST: [&str; 5] = [
    "iso87-ascii",
    "iso87-mixed",
    "iso87-bcd",
    "iso87-ebcdic",
    "unionpay-pos",
];

/// Every dialect that comes with the library, at a place that does not change when others are added.
pub(crate) fn all() -> &'static [Arc<Dialect>] {
    static ALL: OnceLock<Vec<Arc<Dialect>>> = OnceLock::new();
    ALL.get_or_init(|| {
        let later = Dialect::builtin_names()
            .iter()
            .chain(Dialect::pack_names())
            .filter(|name| !FIRST.contains(name));
        FIRST
            .iter()
            .chain(later)
            .map(|name| Dialect::builtin(name).unwrap())
            .collect()
    })
}

/// The place of the dialect that a byte chooses.
pub(crate) fn place(selector: u8) -> usize {
    usize::from(selector) % all().len()
}

/// The dialect that a byte chooses.
pub(crate) fn chosen(selector: u8) -> &'static Arc<Dialect> {
    &all()[place(selector)]
}
