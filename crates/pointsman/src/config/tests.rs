//! What people are told about their configuration, word for word.

mod links;
mod listeners;
mod needs;
mod routes;
mod shape;
mod syntax;
mod typos;

use std::path::{Path, PathBuf};

use annotate_snippets::Renderer;
use expect_test::{Expect, expect};

use super::{LoadError, Loaded, load, parse};

/// The shape of a configuration, complete.
const GOOD: &str = r#"
[[listener]]
name = "pos"
bind = "127.0.0.1:8583"
framing = "binary-2"
dialect = "iso87-bcd"

[[link]]
name = "alpha"
connect = ["127.0.0.1:9101"]
framing = "ascii-4"
dialect = "iso87-ascii"
match = [11, 41]
timeout = "15s"
sign_on = true
echo = "30s"

[[route]]
bin = ["4", "510000-559999"]
link = "alpha"

[metrics]
bind = "127.0.0.1:9585"
"#;

/// `GOOD` with a part replaced.
#[track_caller]
fn edited(from: &str, to: &str) -> String {
    assert_eq!(GOOD.matches(from).count(), 1, "{from:?} is not there once");
    GOOD.replace(from, to)
}

/// What is printed about a configuration, without colour.
fn diagnosed(text: &str) -> String {
    match parse("pos.toml", text.to_owned(), Path::new("")) {
        Ok(Loaded { warnings, .. }) if warnings.is_empty() => "valid\n".to_owned(),
        Ok(Loaded { warnings, .. }) => warnings.render(&Renderer::plain()) + "\n",
        Err(report) => report.render(&Renderer::plain()) + "\n",
    }
}

#[track_caller]
fn check(text: &str, expected: Expect) {
    expected.assert_eq(&diagnosed(text));
}

/// `GOOD` with one part replaced, and what is printed about it.
#[track_caller]
fn check_edit(from: &str, to: &str, expected: Expect) {
    check(&edited(from, to), expected);
}

#[track_caller]
fn valid(text: &str) -> super::Config {
    match parse("pos.toml", text.to_owned(), Path::new("")) {
        Ok(loaded) => loaded.config,
        Err(report) => panic!("{}", report.render(&Renderer::plain())),
    }
}

/// A file of its own for one test, removed at the end.
struct TempFile(PathBuf);

impl TempFile {
    fn new(name: &str, content: &[u8]) -> Self {
        let path = std::env::temp_dir().join(format!("pointsman-{}-{name}", std::process::id()));
        std::fs::write(&path, content).unwrap();
        TempFile(path)
    }
}

impl Drop for TempFile {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

#[track_caller]
fn check_unreadable(path: &Path, expected: Expect) {
    let Err(LoadError::Unreadable { error, .. }) = load(path) else {
        panic!("{} was read", path.display());
    };
    expected.assert_eq(&error.to_string());
}

#[test]
fn a_file_that_cannot_be_read_says_why() {
    check_unreadable(
        Path::new("/nowhere/pos.toml"),
        expect!["there is no such file"],
    );
    check_unreadable(&std::env::temp_dir(), expect!["it is a directory"]);
    let latin1 = TempFile::new("latin1.toml", b"# fine\n# caf\xe9\n");
    check_unreadable(
        &latin1.0,
        expect!["it is not UTF-8 text: line 2 has an invalid byte"],
    );
    let huge = TempFile::new("huge.toml", &vec![b'\n'; super::limits::FILE_BYTES_MAX + 1]);
    check_unreadable(&huge.0, expect!["it has more than 33554432 bytes"]);
}

/// A directory with a dialect in it, removed at the end.
struct DialectDirectory(PathBuf);

impl DialectDirectory {
    /// `name` is the test's own.
    fn new(name: &str, dialect: &str) -> Self {
        let path = std::env::temp_dir().join(format!("pointsman-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        std::fs::write(path.join("mine.toml"), dialect).unwrap();
        DialectDirectory(path)
    }

    /// `GOOD` with this dialect for its link, as a file in this directory.
    fn load(&self) -> Result<Loaded, super::Report> {
        parse("pos.toml", edited("iso87-ascii", "mine.toml"), &self.0)
    }

    /// What is printed about a configuration that names `mine.toml`.
    fn diagnosed(&self, text: String) -> String {
        match parse("pos.toml", text, &self.0) {
            Ok(Loaded { warnings, .. }) if warnings.is_empty() => "valid\n".to_owned(),
            Ok(Loaded { warnings, .. }) => warnings.render(&Renderer::plain()) + "\n",
            Err(report) => report.render(&Renderer::plain()) + "\n",
        }
    }
}

impl Drop for DialectDirectory {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[test]
fn a_wrong_dialect_file_is_shown_at_its_own_lines() {
    let directory = DialectDirectory::new("wrong", "name = \"mine\"\nextends = \"iso87-asci\"\n");
    let report = directory.load().unwrap_err();
    let shown = report.render(&Renderer::plain()) + "\n";
    let shown = shown.replace(&format!("{}/", directory.0.display()), "");
    expect![[r#"
        error: 'iso87-asci' is not a built-in dialect
          --> mine.toml:2:11
           |
         2 | extends = "iso87-asci"
           |           ^^^^^^^^^^^^
           |
          ::: pos.toml:12:11
           |
        12 | dialect = "mine.toml"
           |           ----------- the dialect is used here
           |
           = help: did you mean iso87-ascii?
    "#]]
    .assert_eq(&shown);
}

#[test]
fn a_file_that_a_dialect_extends_is_shown_at_its_own_lines() {
    let directory = DialectDirectory::new(
        "extends",
        "name = \"mine\"\nextends = \"house/base.toml\"\n[fields]\n11 = \"n12\"\n",
    );
    let house = directory.0.join("house");
    std::fs::create_dir_all(&house).unwrap();
    let base = "name = \"house\"\nextends = \"iso87-ascii\"\n[message]\nmti = \"bdc\"\n";
    std::fs::write(house.join("base.toml"), base).unwrap();
    let report = directory.load().unwrap_err();
    let shown = report.render(&Renderer::plain()) + "\n";
    let shown = shown.replace(&format!("{}/", directory.0.display()), "");
    expect![[r#"
        error: field 11 must be a table or false
          --> mine.toml:4:6
           |
         4 | 11 = "n12"
           |      ^^^^^
           |
          ::: pos.toml:12:11
           |
        12 | dialect = "mine.toml"
           |           ----------- the dialect is used here
           |
           = help: write 11 = { type = "n12" }

        error: mti cannot be 'bdc'
         --> house/base.toml:4:7
          |
        4 | mti = "bdc"
          |       ^^^^^
          |
          = help: did you mean bcd?
    "#]]
    .assert_eq(&shown);
}

#[test]
fn a_dialect_file_is_looked_for_next_to_the_configuration() {
    let directory = DialectDirectory::new("right", "name = \"mine\"\nextends = \"iso87-ascii\"\n");
    let loaded = directory.load().unwrap();
    assert_eq!(loaded.config.switch.links[0].dialect.name(), "mine");
    let elsewhere = parse(
        "pos.toml",
        edited("iso87-ascii", "mine.toml"),
        Path::new("/nowhere"),
    );
    let shown = elsewhere.unwrap_err().render(&Renderer::plain()) + "\n";
    expect![[r#"
        error: cannot read dialect `mine.toml`
          --> pos.toml:12:11
           |
        12 | dialect = "mine.toml"
           |           ^^^^^^^^^^^ there is no such file
           |
           = help: looked for /nowhere/mine.toml
    "#]]
    .assert_eq(&shown);
}
