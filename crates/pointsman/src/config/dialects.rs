//! Dialects by name or file, each read once.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use pointsman_iso8583::{DIALECT_BYTES_MAX, Dialect, DialectSource};

use super::diagnostics::{Diagnostic, Place, Report, Source, SourceId};
use super::file::{self, ReadError};
use super::section::{At, shown};
use super::suggest;

/// What a `dialect` key or option names.
#[derive(Debug)]
pub(crate) enum Named {
    Builtin(Arc<Dialect>),
    File(PathBuf),
    Unknown,
}

impl Named {
    /// A built-in name, else a file: one that looks like a file's name, or one that is there.
    pub(crate) fn find(name: &str, directory: &Path) -> Self {
        if let Some(dialect) = Dialect::builtin(name) {
            return Named::Builtin(dialect);
        }
        let path = directory.join(name);
        let looks_like_a_path = name.contains(['/', '\\']) || name.ends_with(".toml");
        if looks_like_a_path || path.is_file() {
            return Named::File(path);
        }
        Named::Unknown
    }
}

/// What to say about a name that is none.
pub(crate) fn unknown_help(name: &str) -> String {
    let names = [Dialect::builtin_names(), Dialect::pack_names()].concat();
    match suggest::nearest(name, names.iter().copied()) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None => format!(
            "the built-in dialects are {}; a file's name ends with `.toml`",
            suggest::all_of(names)
        ),
    }
}

/// Reads a dialect from a file. `None`: it is not valid, which has been reported at its own lines, together with the
/// place that `used` it if that is in another file.
pub(crate) fn read(
    name: &str,
    path: &Path,
    used: Option<&Place>,
    report: &mut Report,
) -> Result<Option<Dialect>, ReadError> {
    let text = file::read(path, DIALECT_BYTES_MAX)?;
    match Dialect::parse_at(path, &text) {
        Ok(dialect) => Ok(Some(dialect)),
        Err(errors) => {
            let own = report.add_source(Source {
                name: name.to_owned(),
                text: text.into(),
            });
            let mut parents: Vec<(Arc<DialectSource>, SourceId)> = Vec::new();
            for (index, error) in errors.into_iter().enumerate() {
                let source = match error.file {
                    None => own,
                    Some(file) => source_of(file, &mut parents, report),
                };
                let place = Place {
                    source,
                    span: error.span.unwrap_or(0..0),
                };
                let mut diagnostic = Diagnostic::error(place, error.message);
                if let Some(help) = error.help {
                    diagnostic = diagnostic.help(help);
                }
                if let Some(used) = used.filter(|_| index == 0) {
                    diagnostic = diagnostic.related(used.clone(), "the dialect is used here");
                }
                report.push(diagnostic);
            }
            Ok(None)
        }
    }
}

/// The source in the report of a file that a dialect extends.
fn source_of(
    file: Arc<DialectSource>,
    known: &mut Vec<(Arc<DialectSource>, SourceId)>,
    report: &mut Report,
) -> SourceId {
    if let Some((_, source)) = known.iter().find(|(other, _)| Arc::ptr_eq(other, &file)) {
        return *source;
    }
    let source = report.add_source(Source {
        name: file.name.clone(),
        text: file.toml.as_str().into(),
    });
    known.push((file, source));
    source
}

#[derive(Debug)]
pub(crate) struct Dialects<'a> {
    directory: &'a Path,
    read: HashMap<String, Option<Arc<Dialect>>>,
}

impl<'a> Dialects<'a> {
    pub(crate) fn new(directory: &'a Path) -> Self {
        Dialects {
            directory,
            read: HashMap::new(),
        }
    }

    pub(crate) fn find(&mut self, at: &At<String>, report: &mut Report) -> Option<Arc<Dialect>> {
        let name = at.value.as_str();
        if let Some(known) = self.read.get(name) {
            return known.clone();
        }
        let dialect = match Named::find(name, self.directory) {
            Named::Builtin(dialect) => Some(dialect),
            Named::File(path) => {
                let used = Place::from(at.span.clone());
                match read(&path.display().to_string(), &path, Some(&used), report) {
                    Ok(dialect) => dialect.map(Arc::new),
                    Err(error) => {
                        report.push(
                            Diagnostic::error(
                                used,
                                format!("cannot read dialect `{}`", shown(name)),
                            )
                            .label(error.to_string())
                            .help(format!("looked for {}", path.display())),
                        );
                        None
                    }
                }
            }
            Named::Unknown => {
                report.push(
                    Diagnostic::error(
                        at.span.clone(),
                        format!("unknown dialect `{}`", shown(name)),
                    )
                    .label("not a built-in dialect, and there is no such file")
                    .help(unknown_help(name)),
                );
                // Each place with the wrong name is worth pointing at.
                return None;
            }
        };
        self.read.insert(name.to_owned(), dialect.clone());
        dialect
    }
}
