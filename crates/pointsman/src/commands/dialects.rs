//! `pointsman dialects`: what there is, and one of them as TOML.

use std::io::{self, Write};

use pointsman_iso8583::Dialect;
use serde_json::json;

use crate::console::Console;
use crate::dialect;
use crate::exit::{Exit, Failure};

mod page;
mod sample;
mod wireshark;

#[derive(Debug, clap::Args)]
#[command(
    after_help = "To make a dialect of your own, print one into a file, change it and pass the file as --dialect."
)]
pub(crate) struct Args {
    /// Print this one as TOML: a built-in dialect, or a file with all that it inherits
    #[arg(value_name = "NAME|FILE")]
    dialect: Option<String>,

    /// Print it as a Wireshark dissector in Lua
    #[arg(long, requires = "dialect")]
    wireshark: bool,

    /// Print it as a page in Markdown: its fields, rules, codes and a message
    #[arg(long, requires = "dialect", conflicts_with = "wireshark")]
    page: bool,

    /// List the built-in dialects as a JSON array
    #[arg(long, conflicts_with = "dialect")]
    json: bool,

    /// Print the JSON Schema of dialect files, for editors
    #[arg(long, conflicts_with_all = ["dialect", "json"])]
    schema: bool,
}

pub(crate) fn run(args: Args, console: &Console) -> Result<Exit, Failure> {
    let text = match &args.dialect {
        Some(name) if args.wireshark => wireshark::dissector(&*dialect::load(name, console)?),
        Some(name) if args.page => page::page(&*dialect::load(name, console)?),
        Some(name) => dialect::load(name, console)?.to_toml(),
        None if args.schema => Dialect::json_schema(),
        None if args.json => list_as_json() + "\n",
        None => list(),
    };
    io::stdout()
        .write_all(text.as_bytes())
        .map_err(|error| Failure::output(&error))?;
    Ok(Exit::Ok)
}

fn builtin() -> impl Iterator<Item = std::sync::Arc<Dialect>> {
    names().filter_map(Dialect::builtin)
}

fn names() -> impl Iterator<Item = &'static str> {
    let packs = Dialect::pack_names();
    Dialect::builtin_names().iter().chain(packs).copied()
}

fn list() -> String {
    let width = names().map(str::len).max().unwrap_or(0);
    builtin()
        .map(|dialect| format!("{:width$}  {}\n", dialect.name(), dialect.description()))
        .collect()
}

fn list_as_json() -> String {
    builtin()
        .map(|dialect| {
            json!({
                "name": dialect.name(),
                "description": dialect.description(),
                "header_bytes": dialect.header_length(),
                "fields": dialect.fields().count(),
            })
        })
        .collect::<serde_json::Value>()
        .to_string()
}
