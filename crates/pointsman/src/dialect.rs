//! `--dialect NAME|FILE`, as every command takes it.

use std::path::Path;
use std::sync::Arc;

use pointsman_iso8583::Dialect;

use crate::config::Report;
use crate::config::dialects::{self, Named};
use crate::console::Console;
use crate::exit::{Exit, Failure};

/// What is decoded and encoded if nothing else is said.
pub(crate) const DEFAULT: &str = "iso87-ascii";

/// A built-in dialect, or one from a file whose errors are all shown.
pub(crate) fn load(name: &str, console: &Console) -> Result<Arc<Dialect>, Failure> {
    let path = match Named::find(name, Path::new("")) {
        Named::Builtin(dialect) => return Ok(dialect),
        Named::File(path) => path,
        Named::Unknown => {
            return Err(Failure::usage(
                format!("unknown dialect `{name}`, and there is no such file"),
                dialects::unknown_help(name),
            ));
        }
    };
    let mut report = Report::default();
    match dialects::read(name, &path, None, &mut report) {
        Ok(Some(dialect)) => Ok(Arc::new(dialect)),
        Ok(None) => {
            console.tell(&report.render(&console.renderer()));
            console.tell("");
            Err(Failure::new(
                Exit::Config,
                match report.errors() {
                    1 => format!("dialect {name} has an error"),
                    errors => format!("dialect {name} has {errors} errors"),
                },
                format!(
                    "correct it; `pointsman dialects {DEFAULT}` prints a complete one to compare with"
                ),
            ))
        }
        Err(error) => Err(Failure::new(
            if error.is_input() {
                Exit::NoInput
            } else {
                Exit::Config
            },
            format!("cannot read dialect {name}: {error}"),
            "name a built-in dialect (`pointsman dialects` lists them) or a file made from one",
        )),
    }
}
