//! The configuration file: from TOML to what the switch is made of.
//!
//! Two stages: [`raw`] is what the file says, [`resolve`] turns it into a [`Config`] in which nothing can be missing or
//! contradict itself. Everything that is wrong is collected in a [`Report`] with its place in the file, and shown at
//! once.

mod diagnostics;
pub(crate) mod dialects;
pub(crate) mod duration;
pub(crate) mod file;
mod limits;
mod raw;
mod resolve;
mod section;
mod size;
pub(crate) mod suggest;
mod syntax;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use pointsman_switch::SwitchSettings;

pub(crate) use diagnostics::{Report, Source};
pub(crate) use limits::LISTENER_CONNECTIONS;

use crate::console::Console;
use crate::exit::{Exit, Failure};
use file::ReadError;

/// Everything that the file decides.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    pub(crate) switch: SwitchSettings,
    /// Where to serve the metrics; `None`: nowhere.
    pub(crate) metrics: Option<SocketAddr>,
}

#[derive(Debug)]
pub(crate) struct Loaded {
    pub(crate) config: Config,
    pub(crate) warnings: Report,
}

#[derive(Debug)]
pub(crate) enum LoadError {
    Unreadable { path: PathBuf, error: ReadError },
    Invalid(Report),
}

pub(crate) fn load(path: &Path) -> Result<Loaded, LoadError> {
    let text = file::read(path, limits::FILE_BYTES_MAX).map_err(|error| LoadError::Unreadable {
        path: path.to_owned(),
        error,
    })?;
    let directory = path.parent().unwrap_or(Path::new(""));
    parse(&path.display().to_string(), text, directory).map_err(LoadError::Invalid)
}

/// `name` is the file's in diagnostics.
pub(crate) fn parse(name: &str, text: String, directory: &Path) -> Result<Loaded, Report> {
    let text: Arc<str> = text.into();
    let mut report = Report::new(Source {
        name: name.to_owned(),
        text: Arc::clone(&text),
    });
    let intact = syntax::Intact::of(&text);
    let document = intact.parse();
    let raw = raw::RawConfig::read(document.root(), &mut report);
    let config = resolve::resolve(&raw, directory, &mut report);
    document.report_errors(&mut report);
    report.sort();
    match config {
        Some(config) if report.errors() == 0 => Ok(Loaded {
            config,
            warnings: report,
        }),
        _ => Err(report),
    }
}

/// What a command needs that cannot go on without a valid configuration: shows the warnings or the errors.
pub(crate) fn load_for(path: &Path, console: &Console) -> Result<Config, Failure> {
    match load(path) {
        Ok(Loaded { config, warnings }) => {
            if !warnings.is_empty() {
                console.tell(&warnings.render(&console.renderer()));
            }
            Ok(config)
        }
        Err(error) => {
            if let LoadError::Invalid(report) = &error {
                console.tell(&report.render(&console.renderer()));
                console.tell("");
            }
            Err(error.into_failure(path))
        }
    }
}

impl LoadError {
    pub(crate) fn into_failure(self, path: &Path) -> Failure {
        match self {
            LoadError::Unreadable { path, error } => unreadable(&path, &error),
            LoadError::Invalid(report) => {
                let path = path.display();
                let errors = report.errors();
                Failure::new(
                    Exit::Config,
                    match errors {
                        1 => format!("{path} has an error"),
                        _ => format!("{path} has {errors} errors"),
                    },
                    format!("correct it and run `pointsman check {path}`"),
                )
            }
        }
    }
}

fn unreadable(path: &Path, error: &ReadError) -> Failure {
    let path = path.display();
    Failure::new(
        if error.is_input() {
            Exit::NoInput
        } else {
            Exit::Config
        },
        format!("cannot read {path}: {error}"),
        match error {
            ReadError::NotFound => {
                "check the path; docs/configuration.md has a complete example to start from"
                    .to_owned()
            }
            ReadError::IsDirectory => format!("name the file in it, such as {path}/pointsman.toml"),
            ReadError::Denied => "give this user the right to read it".to_owned(),
            ReadError::Io(_) => "check that the file is on a disk that can be read".to_owned(),
            ReadError::TooLarge { .. } => {
                "a configuration is a TOML text file: is this the right one?".to_owned()
            }
            ReadError::NotText { .. } => "save the file as UTF-8".to_owned(),
        },
    )
}

#[cfg(test)]
mod tests;
