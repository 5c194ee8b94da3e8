//! The table that the tree is written as: columns as wide as they must be, long values on lines of their own.

use std::fmt;
use std::ops::Range;

/// Values longer than this go on in the next line.
const VALUE_COLUMNS: usize = 64;
/// A meaning stands beside a value up to this width, and below a longer one.
const VALUE_COLUMNS_BESIDE: usize = 24;

/// One line of the tree, or more if its value is long.
#[derive(Default)]
pub(super) struct Row {
    pub(super) range: Range<usize>,
    /// The announced length, if a prefix announces it.
    pub(super) announced: String,
    pub(super) number: String,
    pub(super) name: String,
    pub(super) kind: String,
    pub(super) value: String,
    pub(super) meaning: String,
}

pub(super) fn write(rows: &[Row], out: &mut impl fmt::Write) -> fmt::Result {
    if rows.is_empty() {
        return Ok(());
    }
    let width = |title: &str, column: fn(&Row) -> usize| {
        rows.iter().map(column).max().unwrap_or(0).max(title.len())
    };
    let offset = width("", |row| row.range.end.to_string().len());
    let range = width("bytes", |row| row.range.end.to_string().len() * 2 + 2);
    let announced = width("length", |row| row.announced.len());
    let number = width("field", |row| row.number.len());
    let name = width("name", |row| row.name.chars().count());
    let kind = width("type", |row| row.kind.len());
    let value = width("value", |row| match row.value.chars().count() {
        count if count <= VALUE_COLUMNS_BESIDE => count,
        _ => 0,
    });
    let titles = format!(
        "  {:^range$}  {:>announced$}  {:>number$}  {:<name$}  {:<kind$}  value",
        "bytes", "length", "field", "name", "type"
    );
    writeln!(out, "{titles}")?;
    for row in rows {
        let bytes = format!("{:>offset$}..{:<offset$}", row.range.start, row.range.end);
        let lead = format!(
            "  {bytes:<range$}  {:>announced$}  {:>number$}  {:<name$}  {:<kind$}  ",
            row.announced, row.number, row.name, row.kind
        );
        let below = " ".repeat(lead.chars().count());
        for (place, line) in value_lines(row, value).iter().enumerate() {
            let start = if place == 0 { &lead } else { &below };
            writeln!(out, "{}", format!("{start}{line}").trim_end())?;
        }
    }
    Ok(())
}

/// The value and its meaning; `width` is that of the values that have their meaning beside them.
fn value_lines(row: &Row, width: usize) -> Vec<String> {
    let characters: Vec<char> = row.value.chars().collect();
    if row.meaning.is_empty() && characters.is_empty() {
        return vec![String::new()];
    }
    if row.meaning.is_empty() || characters.len() > VALUE_COLUMNS_BESIDE {
        let meaning = Some(row.meaning.clone()).filter(|meaning| !meaning.is_empty());
        let lines = characters.chunks(VALUE_COLUMNS).map(String::from_iter);
        return lines.chain(meaning).collect();
    }
    let gap = " ".repeat(width + 2 - characters.len());
    vec![format!("{}{gap}{}", row.value, row.meaning)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_value_still_has_its_line() {
        let rows = [Row {
            value: String::new(),
            name: "x".into(),
            ..Row::default()
        }];
        let mut out = String::new();
        write(&rows, &mut out).unwrap();
        assert_eq!(out.lines().count(), 2);
    }
}
