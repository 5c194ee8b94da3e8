//! `[journal]`: what survives a crash, and where.

use std::ops::Range;
use std::path::Path;

use pointsman_journal::Durability;
use pointsman_journal::seal::KeyReference;
use pointsman_switch::{JournalEngine, JournalSettings};

use super::{period, within};
use crate::config::diagnostics::{Diagnostic, Report};
use crate::config::limits::{
    JOURNAL_KEEP_BYTES_MAX, JOURNAL_KEEP_BYTES_MIN, JOURNAL_KEEP_MAX, TABLES_DAYS_MAX,
};
use crate::config::raw::RawJournal;
use crate::config::section::{At, shown};
use crate::config::{size, suggest};

/// Beside the configuration file, if that says nothing else.
const DIRECTORY: &str = "journal";

const ENGINES: [(&str, JournalEngine); 2] = [
    ("log", JournalEngine::Log),
    ("sqlite", JournalEngine::Sqlite),
];
const DURABILITIES: [(&str, Durability); 2] = [
    ("commit", Durability::Commit),
    ("relaxed", Durability::Relaxed),
];

pub(super) fn resolve(
    raw: &RawJournal,
    beside: &Path,
    report: &mut Report,
) -> Option<JournalSettings> {
    let directory = raw.directory.as_ref().map_or(DIRECTORY, |at| &at.value);
    let usual = JournalSettings::new(beside.join(directory));
    if let Some(at) = &raw.directory
        && at.value.is_empty()
    {
        report.push(
            Diagnostic::error(at.span.clone(), "`directory` is empty".to_owned())
                .label("names no directory")
                .help("the journal needs a directory of its own, such as `\"journal\"`"),
        );
    }
    let engine = word("engine", raw.engine.as_ref(), ENGINES, usual.engine, report);
    let durability = word(
        "durability",
        raw.durability.as_ref(),
        DURABILITIES,
        usual.durability,
        report,
    );
    let key = match &raw.key {
        None => Some(None),
        Some(at) => key(at, &raw.head, report).map(Some),
    };
    let keep = match &raw.keep {
        None => Some(usual.keep),
        Some(at) => period("keep", at, JOURNAL_KEEP_MAX, report),
    };
    let keep_max = match &raw.keep_max {
        None => Some(usual.keep_bytes_max),
        Some(at) => bytes("keep_max", at, report),
    };
    let mut retention = usual.retention;
    let days = match &raw.tables_days {
        None => Some(u64::from(retention.days)),
        Some(at) => within("tables_days", at, 2..=TABLES_DAYS_MAX, report),
    };
    retention.days = u32::try_from(days?).unwrap_or(u32::MAX);
    Some(JournalSettings {
        engine: engine?,
        durability: durability?,
        key: key?,
        keep: keep?,
        keep_bytes_max: keep_max?,
        retention,
        ..usual
    })
}

/// One of some words.
fn word<T: Copy, const N: usize>(
    name: &str,
    at: Option<&At<String>>,
    words: [(&'static str, T); N],
    usual: T,
    report: &mut Report,
) -> Option<T> {
    let Some(at) = at else {
        return Some(usual);
    };
    let found = words.iter().find(|(word, _)| *word == at.value);
    if found.is_none() {
        let words = words.map(|(word, _)| word);
        let help = match suggest::nearest(&at.value, words) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => format!("`{name}` is {}", suggest::one_of(words)),
        };
        report.push(
            Diagnostic::error(
                at.span.clone(),
                format!("`{}` is no `{name}` of a journal", shown(&at.value)),
            )
            .label(format!("not a word for `{name}`"))
            .help(help),
        );
    }
    found.map(|(_, value)| *value)
}

/// How much of the disk.
fn bytes(key: &str, at: &At<String>, report: &mut Report) -> Option<u64> {
    let range = JOURNAL_KEEP_BYTES_MIN..=JOURNAL_KEEP_BYTES_MAX;
    let diagnostic = match size::parse(&at.value) {
        Some(bytes) if range.contains(&bytes) => return Some(bytes),
        Some(_) => Diagnostic::error(
            at.span.clone(),
            format!(
                "`{key}` must be from {} to {}",
                size::show(*range.start()),
                size::show(*range.end())
            ),
        )
        .label("out of range"),
        None => Diagnostic::error(
            at.span.clone(),
            format!("`{}` is not a size", shown(&at.value)),
        )
        .label("needs a whole number and a unit")
        .help("the units are `MiB`, `GiB` and `TiB`, as in `\"8GiB\"`"),
    };
    report.push(diagnostic);
    None
}

/// The text may be the key itself, so that neither it nor its line is shown: the head of its table is.
fn key(at: &At<String>, head: &Range<usize>, report: &mut Report) -> Option<KeyReference> {
    match at.value.parse::<KeyReference>() {
        Ok(reference) => Some(reference),
        Err(error) => {
            report.push(
                Diagnostic::error(head.clone(), error.to_string())
                    .label("its `key` names no key")
                    .help(
                        "`\"file:/etc/pointsman/journal.key\"` or `\"env:POINTSMAN_JOURNAL_KEY\"`",
                    ),
            );
            None
        }
    }
}
