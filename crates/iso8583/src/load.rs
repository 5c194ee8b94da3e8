//! Dialects by name or from files, with the files that they extend.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::dialect::{Dialect, DialectError, DialectSource};

/// The longest dialect file: 127 fields of a line or two each need a tenth of it.
pub const DIALECT_BYTES_MAX: usize = 256 * 1024;

/// Why a dialect could not be loaded by name or path.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// Neither a built-in dialect nor a file. What looks like a path is taken for one, and is unreadable if it is not there.
    #[error("'{name}' is neither a built-in dialect ({}) nor a file", [Dialect::builtin_names(), Dialect::pack_names()].concat().join(", "))]
    Unknown {
        /// As given.
        name: String,
    },
    /// The file could not be read.
    #[error("cannot read the dialect file {path}: {error}")]
    Unreadable {
        /// As given.
        path: String,
        /// What the system says.
        #[source]
        error: io::Error,
    },
    /// The file was read, its content has errors, or that of a file that it extends.
    #[error("the dialect file {path} has {} error(s); the first: {}", errors.len(), first_of(path, toml, errors))]
    Invalid {
        /// As given.
        path: String,
        /// Its text, which the spans of its own errors point into.
        toml: String,
        /// All errors.
        errors: Vec<DialectError>,
    },
}

impl Dialect {
    /// A built-in dialect by its name, else the dialect in the file of that name. What it extends may be a file, too: a
    /// relative path starts beside the file that says it.
    ///
    /// # Errors
    /// If it is neither, or the file cannot be read or has errors.
    pub fn load(name_or_path: &str) -> Result<Arc<Dialect>, LoadError> {
        if let Some(dialect) = Dialect::builtin(name_or_path) {
            return Ok(dialect);
        }
        let path = Path::new(name_or_path);
        let looks_like_a_path =
            name_or_path.contains(['/', '\\']) || name_or_path.ends_with(".toml");
        if !looks_like_a_path && !path.exists() {
            return Err(LoadError::Unknown {
                name: name_or_path.to_owned(),
            });
        }
        let toml = read(path).map_err(|error| LoadError::Unreadable {
            path: name_or_path.to_owned(),
            error,
        })?;
        match Dialect::parse_at(path, &toml) {
            Ok(dialect) => Ok(Arc::new(dialect)),
            Err(errors) => Err(LoadError::Invalid {
                path: name_or_path.to_owned(),
                toml,
                errors,
            }),
        }
    }

    /// Compiles a dialect from the TOML of a file that was read already; the files that it extends are read.
    ///
    /// # Errors
    /// All errors of the text and of the files it extends at once, see [`DialectError::file`].
    pub fn parse_at(path: &Path, toml: &str) -> Result<Dialect, Vec<DialectError>> {
        let own = path.display().to_string();
        // A file that is reached by another way is still the same file.
        let mut known: Vec<(PathBuf, String)> = Vec::new();
        known.extend(path.canonicalize().ok().map(|path| (path, own.clone())));
        Dialect::parse_with(&own, toml, &mut |from, extends| {
            let from = if from == own { path } else { Path::new(from) };
            let path = from.parent().unwrap_or(Path::new("")).join(extends);
            let toml = read(&path).map_err(|error| match error.kind() {
                io::ErrorKind::NotFound => format!("there is no file {}", path.display()),
                _ => error.to_string(),
            })?;
            let shown = path.display().to_string();
            let Ok(canonical) = path.canonicalize() else {
                return Ok(DialectSource { name: shown, toml });
            };
            let mut seen = known.iter();
            if let Some((_, name)) = seen.find(|(path, _)| *path == canonical) {
                let name = name.clone();
                return Ok(DialectSource { name, toml });
            }
            known.push((canonical, shown.clone()));
            Ok(DialectSource { name: shown, toml })
        })
    }
}

/// `acme.toml:4:7: mti cannot be 'bdc' (did you mean bcd?)`
fn first_of(path: &str, toml: &str, errors: &[DialectError]) -> String {
    let Some(error) = errors.first() else {
        return String::new();
    };
    let (name, text) = match &error.file {
        Some(file) => (file.name.as_str(), file.toml.as_str()),
        None => (path, toml),
    };
    let place = error.span.as_ref().and_then(|span| text.get(..span.start));
    let place = place.map_or(String::new(), |before| {
        let line = before.matches('\n').count() + 1;
        let in_line = before.rsplit('\n').next().unwrap_or_default();
        format!(":{line}:{}", in_line.chars().count() + 1)
    });
    let help = error.help.as_ref();
    let help = help.map_or(String::new(), |help| format!(" ({help})"));
    format!("{name}{place}: {}{help}", error.message)
}

/// Never more than a dialect may have, whatever kind of file it is.
fn read(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    let limit = DIALECT_BYTES_MAX as u64 + 1;
    File::open(path)?.take(limit).read_to_string(&mut text)?;
    if text.len() > DIALECT_BYTES_MAX {
        let message = format!("it has more than {DIALECT_BYTES_MAX} bytes");
        return Err(io::Error::new(io::ErrorKind::InvalidData, message));
    }
    Ok(text)
}
