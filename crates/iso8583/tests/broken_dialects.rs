//! Dialect files with one mistake each: what is said about it, where, and that nothing else is said because of it.
//!
//! `broken_dialects.txt` holds them: a title, the file, files that it extends behind `+++ NAME`, and behind `---` what is said,
//! which `UPDATE_EXPECT=1` rewrites. The last line says whether the JSON Schema can tell, too.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "test code: a wrong fixture must stop the test"
)]

use std::fmt::Write as _;

use expect_test::expect_file;
use pointsman_iso8583::{Dialect, DialectError, DialectSource};

const CASES: &str = include_str!("broken_dialects.txt");

struct Case<'a> {
    title: &'a str,
    toml: &'a str,
    parents: Vec<(&'a str, &'a str)>,
}

fn cases() -> Vec<Case<'static>> {
    let cases = CASES.split("=== ").skip(1);
    cases
        .map(|case| {
            let (title, rest) = case.split_once('\n').unwrap();
            let files = rest.split_once("---\n").map_or(rest, |(files, _)| files);
            let mut files = files.split("+++ ");
            let toml = files.next().unwrap();
            let parents = files.map(|file| file.split_once('\n').unwrap());
            Case {
                title,
                toml,
                parents: parents.collect(),
            }
        })
        .collect()
}

impl Case<'_> {
    fn errors(&self) -> Vec<DialectError> {
        let parsed = Dialect::parse_with("top.toml", self.toml, &mut |_, name| {
            let mut parents = self.parents.iter();
            let parent = parents.find(|(parent, _)| *parent == name).copied();
            let own = Some(("top.toml", self.toml)).filter(|(own, _)| *own == name);
            let (name, toml) = parent.or(own).ok_or("there is no such file")?;
            Ok(DialectSource {
                name: name.to_owned(),
                toml: toml.to_owned(),
            })
        });
        parsed.err().unwrap_or_default()
    }

    /// Line and column of each error, what stands there, what is said.
    fn said(&self) -> String {
        let mut said = String::new();
        for error in self.errors() {
            let text = error.file.as_ref().map_or(self.toml, |file| &file.toml);
            let file = error.file.as_ref().map_or("", |file| &file.name);
            let place = match &error.span {
                None => String::new(),
                Some(span) => {
                    let before = &text[..span.start];
                    let line = before.matches('\n').count() + 1;
                    let column = before.len() - before.rfind('\n').map_or(0, |end| end + 1) + 1;
                    let marked: String = text[span.clone()].chars().take(30).collect();
                    format!("{line}:{column} {:?}", marked)
                }
            };
            let place = [file, &place].join(" ");
            writeln!(said, "{}: {}", place.trim(), error.message).unwrap();
            if let Some(help) = &error.help {
                writeln!(said, "    help: {help}").unwrap();
            }
        }
        said
    }
}

#[test]
fn each_mistake_is_said_once_and_where_it_is() {
    let mut page = String::new();
    for case in cases() {
        write!(page, "=== {}\n{}", case.title, case.toml).unwrap();
        for (name, toml) in &case.parents {
            write!(page, "+++ {name}\n{toml}").unwrap();
        }
        let said = case.said();
        assert!(!said.is_empty(), "nothing is wrong with {}", case.title);
        writeln!(page, "---\n{said}").unwrap();
    }
    expect_file!["broken_dialects.txt"].assert_eq(&page);
}

#[test]
fn the_cases_are_many_and_differ() {
    let cases = cases();
    assert!(cases.len() >= 60, "{}", cases.len());
    for (place, case) in cases.iter().enumerate() {
        assert!(
            cases[..place].iter().all(|other| other.title != case.title),
            "{}",
            case.title
        );
    }
}
