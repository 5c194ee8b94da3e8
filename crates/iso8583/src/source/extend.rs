//! A dialect and what it extends: built-in dialects, and files.
//!
//! A file that is extended has to be a whole dialect by itself: its errors are said in its own places, and whoever extends it
//! inherits values without places, as of a built-in dialect.

use std::sync::{Arc, OnceLock};

use toml::de::DeTable;

use super::keys;
use super::raw::Raw;
use super::reader::{Reader, Value, shown};
use super::resolve::resolve;
use super::words::meant;
use crate::dialect::{Dialect, DialectError, DialectSource};

/// The most files that extend one another; people need two or three.
const FILES_MAX: usize = 8;

/// Finds what a dialect extends that is no built-in one: the name of the source that says so, and what it says.
pub(crate) type Parents<'p> = dyn FnMut(&str, &str) -> Result<DialectSource, String> + 'p;

/// Whose text is read.
#[derive(Clone, Copy)]
enum Whose<'s> {
    /// The caller's.
    Own,
    /// Of a file that is extended.
    File(&'s Arc<DialectSource>),
    /// Of a built-in dialect that is extended.
    Builtin,
}

/// A built-in dialect as those that extend it take it over.
struct Builtin {
    raw: Raw,
    /// The names of what it extends itself, the nearest first.
    parents: Vec<String>,
}

/// Read when it is first asked for: a configuration may have many dialects that extend the same.
fn builtin(name: &str) -> Option<&'static Builtin> {
    static READ: [OnceLock<Builtin>; Dialect::BUILTIN_COUNT] =
        [const { OnceLock::new() }; Dialect::BUILTIN_COUNT];
    let source = Dialect::builtin_source(name)?;
    let place = READ.get(Dialect::builtin_place(name)?)?;
    Some(place.get_or_init(|| {
        // It extends built-in ones only, and a test sees to it that nothing is wrong with any.
        let mut nobody = |_: &str, _: &str| Err(String::new());
        let mut reading = Reading::new(name, &mut nobody);
        let raw = reading.read_one(source, Whose::Builtin);
        let parents = reading.parents_of_builtin;
        Builtin { raw, parents }
    }))
}

/// Reads a dialect with all that it extends.
pub(super) struct Reading<'n, 'p> {
    /// What the caller calls the text.
    pub(super) name: &'n str,
    pub(super) parents: &'n mut Parents<'p>,
    /// The names of the dialects that extend the one at hand.
    children: Vec<String>,
    /// What the built-in dialect at hand extends, the nearest first.
    parents_of_builtin: Vec<String>,
    /// The files that were read, in the order in which they extend each other.
    pub(super) files: Vec<Arc<DialectSource>>,
    pub(super) errors: Vec<DialectError>,
}

impl<'n, 'p> Reading<'n, 'p> {
    pub(super) fn new(name: &'n str, parents: &'n mut Parents<'p>) -> Self {
        Reading {
            name,
            parents,
            children: Vec::new(),
            parents_of_builtin: Vec::new(),
            files: Vec::new(),
            errors: Vec::new(),
        }
    }

    /// What the caller's text says, and what it extends.
    pub(super) fn read(&mut self, toml: &str) -> Raw {
        self.read_one(toml, Whose::Own)
    }

    fn read_one(&mut self, toml: &str, whose: Whose<'_>) -> Raw {
        let (root, syntax) = DeTable::parse_recoverable(toml);
        let noted = self.errors.len();
        self.errors.extend(
            syntax
                .iter()
                .map(|error| DialectError::new(error.span(), error.message())),
        );
        // Where a heading is broken, what stands under it seems to stand in the wrong place.
        let own = !matches!(whose, Whose::Builtin);
        let errors = if syntax.is_empty() {
            &mut self.errors
        } else {
            &mut Vec::new()
        };
        let entries = Reader { own, errors }.entries(root.get_ref(), &keys::ROOT);
        let value_of = |wanted: &str| {
            let mut entries = entries.iter();
            entries
                .find(|(key, _)| *key == wanted)
                .map(|(_, value)| *value)
        };
        // It is read again with the others, and what is wrong with it is noted then.
        let name = value_of("name").and_then(|name| name.get_ref().as_str());
        self.children.push(name.unwrap_or_default().to_owned());

        let mut inherited = match value_of("extends") {
            Some(parent) => self.inherit(parent, whose),
            None => Raw::default(),
        };
        // A name belongs to one dialect, and the description goes with it.
        (inherited.name, inherited.description) = (None, None);
        inherited.is_named = false;
        // What a syntax error hides is not there either: that it is missing is no news.
        inherited.orphaned |= !syntax.is_empty();
        inherited.is_cut = !syntax.is_empty();

        let Whose::File(file) = whose else {
            let errors = &mut self.errors;
            inherited.read(&mut Reader { own, errors }, &entries);
            return inherited;
        };
        let mut placed = inherited.clone();
        let errors = &mut self.errors;
        placed.read(&mut Reader { own: true, errors }, &entries);
        resolve(&placed, &mut self.errors);
        let own = self.errors.iter_mut().skip(noted);
        own.filter(|error| error.file.is_none())
            .for_each(|error| error.file = Some(Arc::clone(file)));
        if self.errors.len() > noted {
            return Raw::orphan();
        }
        let errors = &mut Vec::new();
        inherited.read(&mut Reader { own: false, errors }, &entries);
        inherited
    }

    /// What the named parent says. Whatever is wrong with it, its absence must not be reported as all that it would have
    /// given.
    fn inherit(&mut self, value: &Value<'_>, child: Whose<'_>) -> Raw {
        let own = !matches!(child, Whose::Builtin);
        let mut reader = Reader {
            own,
            errors: &mut self.errors,
        };
        let Some(name) = reader.string(value, "extends") else {
            return Raw::orphan();
        };
        let name = name.value;
        if self.children.contains(&name) {
            let message = format!("'{}' extends itself", shown(&name));
            let help = "give the dialect a name of its own";
            reader.error_with_help(value.span(), message, help);
            return Raw::orphan();
        }
        if let Some(builtin) = builtin(&name) {
            let mut parents = builtin.parents.iter();
            if let Some(own) = parents.find(|parent| self.children.contains(parent)) {
                let message = format!("'{name}' extends '{own}', the name of this dialect");
                let help = "give the dialect a name of its own";
                reader.error_with_help(value.span(), message, help);
                return Raw::orphan();
            }
            self.parents_of_builtin.push(name);
            self.parents_of_builtin.extend_from_slice(&builtin.parents);
            return builtin.raw.clone();
        }
        if !(name.contains(['/', '\\']) || name.ends_with(".toml")) {
            let names = [Dialect::builtin_names(), Dialect::pack_names()].concat();
            let help = match meant(&name, names.iter().copied()) {
                Some(meant) => format!("did you mean {meant}?"),
                None => format!(
                    "built in are: {}; the name of a file ends with .toml",
                    names.join(", ")
                ),
            };
            let message = format!("'{}' is not a built-in dialect", shown(&name));
            reader.error_with_help(value.span(), message, help);
            return Raw::orphan();
        }
        match self.file(&name, child) {
            Ok(source) => {
                self.files.push(Arc::clone(&source));
                self.read_one(&source.toml, Whose::File(&source))
            }
            Err((message, help)) => {
                let error = DialectError::new(Some(value.span()), message);
                self.errors.push(match help {
                    Some(help) => error.help(help),
                    None => error,
                });
                Raw::orphan()
            }
        }
    }

    /// The file that a child extends; or what is wrong with that, and what to do about it.
    fn file(
        &mut self,
        name: &str,
        child: Whose<'_>,
    ) -> Result<Arc<DialectSource>, (String, Option<String>)> {
        if self.files.len() == FILES_MAX {
            let message = format!("more than {FILES_MAX} files extend each other");
            return Err((message, None));
        }
        let from = match child {
            Whose::File(file) => file.name.clone(),
            Whose::Own | Whose::Builtin => self.name.to_owned(),
        };
        let source = (self.parents)(&from, name)
            .map_err(|why| (format!("cannot read '{}': {why}", shown(name)), None))?;
        let files = self.files.iter().map(|file| file.name.as_str());
        let way: Vec<&str> = std::iter::once(self.name).chain(files).collect();
        if let Some(place) = way.iter().position(|file| *file == source.name) {
            let circle: Vec<&str> = way.iter().skip(place).copied().collect();
            let message = format!("'{}' extends itself", shown(&source.name));
            let help = (circle.len() > 1)
                .then(|| format!("{} extend each other in a circle", circle.join(", ")));
            return Err((message, help));
        }
        Ok(Arc::new(source))
    }
}
