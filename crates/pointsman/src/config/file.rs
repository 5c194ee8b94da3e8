//! Reading a text file that a person named: bounded, and clear about what is wrong with it.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

#[derive(Debug, thiserror::Error)]
pub(crate) enum ReadError {
    #[error("there is no such file")]
    NotFound,
    #[error("it is a directory")]
    IsDirectory,
    #[error("permission denied")]
    Denied,
    #[error("{0}")]
    Io(io::Error),
    #[error("it has more than {max} bytes")]
    TooLarge { max: usize },
    #[error("it is not UTF-8 text: line {line} has an invalid byte")]
    NotText { line: usize },
}

impl ReadError {
    /// The file could not be read at all, in contrast to one with a wrong content.
    pub(crate) fn is_input(&self) -> bool {
        match self {
            ReadError::NotFound | ReadError::IsDirectory | ReadError::Denied | ReadError::Io(_) => {
                true
            }
            ReadError::TooLarge { .. } | ReadError::NotText { .. } => false,
        }
    }
}

impl From<io::Error> for ReadError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::NotFound => ReadError::NotFound,
            io::ErrorKind::IsADirectory => ReadError::IsDirectory,
            io::ErrorKind::PermissionDenied => ReadError::Denied,
            _ => ReadError::Io(error),
        }
    }
}

/// Never reads more than `bytes_max`, whatever kind of file it is.
pub(crate) fn read(path: &Path, bytes_max: usize) -> Result<String, ReadError> {
    let limit = u64::try_from(bytes_max).unwrap_or(u64::MAX);
    let mut bytes = Vec::new();
    File::open(path)?
        .take(limit.saturating_add(1))
        .read_to_end(&mut bytes)?;
    if bytes.len() > bytes_max {
        return Err(ReadError::TooLarge { max: bytes_max });
    }
    String::from_utf8(bytes).map_err(|error| {
        let valid = error.utf8_error().valid_up_to();
        let before = error.as_bytes().iter().take(valid);
        ReadError::NotText {
            line: before.filter(|byte| **byte == b'\n').count() + 1,
        }
    })
}
