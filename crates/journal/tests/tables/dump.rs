//! All that the tables say, as text.

use std::path::Path;

use pointsman_journal::sqlite::FILE_NAME;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags};

/// The tables that say what happened; what differs between the two roles is left out.
const TABLES: [(&str, &str); 7] = [
    ("meta", "name"),
    ("boots", "lsn"),
    ("transactions", "tx"),
    ("obligations", "tx, kind"),
    ("observations", "lsn"),
    ("audit", "lsn"),
    ("unreadable", "lsn"),
];

pub(crate) fn connect(directory: &Path) -> Connection {
    Connection::open_with_flags(directory.join(FILE_NAME), OpenFlags::SQLITE_OPEN_READ_ONLY)
        .unwrap()
}

pub(crate) fn tables(directory: &Path) -> String {
    let connection = connect(directory);
    let mut out = String::new();
    for (table, order) in TABLES {
        out.push_str(table);
        out.push('\n');
        let mut statement = connection
            .prepare(&format!("SELECT * FROM {table} ORDER BY {order}"))
            .unwrap();
        let columns = statement.column_count();
        let mut rows = statement.query([]).unwrap();
        while let Some(row) = rows.next().unwrap() {
            let cells: Vec<String> = (0..columns)
                .map(|column| match row.get_ref(column).unwrap() {
                    ValueRef::Null => "-".to_owned(),
                    ValueRef::Integer(number) => number.to_string(),
                    ValueRef::Real(number) => number.to_string(),
                    ValueRef::Text(text) => format!("{:?}", String::from_utf8_lossy(text)),
                    ValueRef::Blob(bytes) => format!("{bytes:02x?}"),
                })
                .collect();
            if cells[0] != "\"role\"" {
                out.push_str(&cells.join(" "));
                out.push('\n');
            }
        }
    }
    out
}
