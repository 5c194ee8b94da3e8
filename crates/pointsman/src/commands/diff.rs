//! `pointsman diff`: two messages, field by field.

use std::path::PathBuf;

use pointsman_iso8583::mask::Unmask;
use pointsman_iso8583::{Dialect, View};
use serde_json::{Value, json};

use crate::console::Console;
use crate::dialect;
use crate::exit::{Exit, Failure};
use crate::input::{self, LINE_BYTES_MAX, Spelling};

mod rows;

use rows::{Row, rows};

/// Characters of a value beside the other one; longer values stand below each other.
const COLUMN_MAX: usize = 32;

#[derive(Debug, clap::Args)]
#[command(
    after_help = "A message is hex, a file with hex or a dump in it, or `-` for standard input.\n\
                  Exit codes: 0 the same, 1 they differ, 65 one of them cannot be decoded."
)]
pub(crate) struct Args {
    /// How the messages are written: a built-in dialect or a file
    #[arg(long, short, value_name = "NAME|FILE", default_value = dialect::DEFAULT)]
    dialect: String,

    /// How the second message is written, if otherwise
    #[arg(long, value_name = "NAME|FILE")]
    other: Option<String>,

    /// Show the fields that are the same too
    #[arg(long)]
    all: bool,

    /// One JSON object instead of a table
    #[arg(long)]
    json: bool,

    /// Show card numbers, tracks, PIN blocks and codes as they are
    #[arg(long)]
    unmask: bool,

    /// Files hold the bytes of the messages, not hex
    #[arg(long)]
    binary: bool,

    /// The first message
    #[arg(value_name = "A")]
    a: String,

    /// The second message
    #[arg(value_name = "B")]
    b: String,
}

pub(crate) fn run(args: Args, console: &Console) -> Result<Exit, Failure> {
    let dialect_a = dialect::load(&args.dialect, console)?;
    let dialect_b = match &args.other {
        Some(name) => dialect::load(name, console)?,
        None => dialect_a.clone(),
    };
    let bytes_a = message(&args.a, args.binary)?;
    let bytes_b = message(&args.b, args.binary)?;
    let a = view(&dialect_a, &bytes_a, "first")?;
    let b = view(&dialect_b, &bytes_b, "second")?;
    let unmask = if args.unmask { Unmask::Yes } else { Unmask::No };
    let rows = rows(&a, &b, unmask);
    let differences = rows
        .iter()
        .filter(|row| !row.is_equal && !row.is_inside())
        .count();
    let shown = rows.iter().filter(|row| args.all || !row.is_equal);
    if args.json {
        let fields: Vec<Value> = shown.map(Row::to_json).collect();
        let object =
            json!({ "equal": differences == 0, "differences": differences, "fields": fields });
        console.print(&format!("{object}\n"))?;
    } else {
        console.print(&table(&shown.collect::<Vec<_>>()))?;
    }
    Ok(match differences {
        0 => Exit::Ok,
        _ => Exit::Other(1),
    })
}

/// A message as it was named on the command line.
fn message(named: &str, is_binary: bool) -> Result<Vec<u8>, Failure> {
    let path = PathBuf::from(named);
    let is_file = named == "-" || path.is_file();
    if is_file && is_binary {
        return input::bytes_of_file(&path);
    }
    let text = if is_file {
        input::bytes_of_file(&path)?
    } else {
        named.as_bytes().to_vec()
    };
    let mut bytes = Vec::new();
    let what = if is_file { named } else { "the message" };
    let result = if text.len() > LINE_BYTES_MAX {
        Err(input::too_long(LINE_BYTES_MAX))
    } else {
        input::bytes_of_text(Spelling::Hex, text.trim_ascii(), &mut bytes)
    };
    if let Err(error) = result {
        return Err(Failure::new(
            Exit::Data,
            format!("{what}: {}", error.message),
            "give hex, or name a file; --binary is for files that hold the bytes themselves",
        ));
    }
    Ok(bytes)
}

fn view<'a>(dialect: &'a Dialect, bytes: &'a [u8], which: &str) -> Result<View<'a>, Failure> {
    dialect.view(bytes).map_err(|error| {
        let name = dialect.name();
        Failure::new(
            Exit::Data,
            format!(
                "the {which} message does not decode as {name}: {}",
                error.explain(dialect).message
            ),
            format!(
                "`pointsman decode --dialect {name}` shows how far it goes, --guess what it may be"
            ),
        )
    })
}

fn table(rows: &[&Row]) -> String {
    let side = |value: &Option<String>| value.clone().unwrap_or_else(|| "-".to_owned());
    let width = |title: &str, column: &dyn Fn(&Row) -> usize| {
        rows.iter()
            .map(|row| column(row))
            .max()
            .unwrap_or(0)
            .max(title.len())
    };
    if rows.is_empty() {
        return String::new();
    }
    let number = width("field", &|row| row.number_text().len());
    let name = width("name", &|row| row.name.chars().count());
    let first = width("A", &|row| match side(&row.a).chars().count() {
        count if count <= COLUMN_MAX => count,
        _ => 0,
    });
    let mut text = format!(
        "{:>number$}  {:<name$}  {:<first$}  B\n",
        "field", "name", "A"
    );
    for row in rows {
        let (a, b) = (side(&row.a), side(&row.b));
        let lead = format!("{:>number$}  {:<name$}  ", row.number_text(), row.name);
        let note = if row.is_hidden() {
            "  (they differ where it is hidden)"
        } else {
            ""
        };
        let line = if a.chars().count() > COLUMN_MAX || b.chars().count() > COLUMN_MAX {
            let below = " ".repeat(lead.chars().count());
            format!("{lead}A {a}\n{below}B {b}{note}")
        } else {
            format!("{lead}{a:<first$}  {b}{note}")
        };
        text.push_str(&line);
        text.push('\n');
    }
    text
}
