//! A dialect: how one family of counterparts writes ISO 8583, as data.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::sync::{Arc, OnceLock};

use crate::field::{
    BitmapEncoding, Counts, Encoding, Field, Filler, PadSide, PrefixEncoding, TertiaryBitmap,
    TextEncoding,
};
use crate::field_set::FieldSet;
use crate::header::HeaderKind;
use crate::layout::{Layout, Layouts, PartDefinition};
use crate::plan::Step;
use crate::presence::Messages;
use crate::source;
use crate::values::Reason;

/// The most bytes of one message. Offsets are 16 bits wide; real messages stay below 4 KiB.
pub const MESSAGE_BYTES_MAX: usize = 65_535;

/// Length of a table by field number, 0 to 192.
pub(crate) const FIELD_NUMBERS: usize = FieldSet::NUMBER_MAX as usize + 1;

/// The rules of one wire format, compiled from TOML (see [`Dialect::parse`]). Immutable; shared behind an [`Arc`].
#[derive(Clone, PartialEq)]
pub struct Dialect {
    pub(crate) name: Box<str>,
    pub(crate) description: Box<str>,
    pub(crate) header: Box<[u8]>,
    pub(crate) header_kind: HeaderKind,
    pub(crate) mti: TextEncoding,
    pub(crate) bitmap: BitmapEncoding,
    pub(crate) secondary_bitmap: bool,
    pub(crate) tertiary_bitmap: TertiaryBitmap,
    pub(crate) defaults: Defaults,
    pub(crate) fields: Box<[Option<Field>]>,
    pub(crate) defined: FieldSet,
    /// Those of them that the fast path can step over.
    pub(crate) scannable: FieldSet,
    /// By field number, for the fast path.
    pub(crate) steps: Box<[Step; FIELD_NUMBERS]>,
    pub(crate) response_codes: BTreeMap<&'static str, Box<str>>,
    pub(crate) echo: FieldSet,
    pub(crate) messages: Messages,
    pub(crate) layouts: Layouts,
}

/// Short: the table is what [`Dialect::to_toml`] is for.
impl fmt::Debug for Dialect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dialect")
            .field("name", &self.name)
            .field("fields", &self.defined.len())
            .finish_non_exhaustive()
    }
}

/// The encodings of fields that do not name their own, by content class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Defaults {
    pub(crate) digits: Encoding,
    pub(crate) track: Encoding,
    pub(crate) text: Encoding,
    pub(crate) binary: Encoding,
    pub(crate) prefix: PrefixEncoding,
    pub(crate) pad: PadSide,
    pub(crate) filler: Filler,
    pub(crate) counts: Counts,
}

/// Something wrong in a dialect's TOML.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
#[non_exhaustive]
pub struct DialectError {
    /// The text it is in, if that is one that the dialect extends; else it is the dialect's own.
    pub file: Option<Arc<DialectSource>>,
    /// The bytes of the text that it is about, if there are such.
    pub span: Option<Range<usize>>,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
}

/// A text that a dialect extends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DialectSource {
    /// What people call it, and what tells it from others: a path.
    pub name: String,
    /// What it says.
    pub toml: String,
}

/// The dialects that come with the crate: name and TOML.
const BUILTIN_SOURCES: [(&str, &str); 13] = [
    ("iso87-ascii", include_str!("../dialects/iso87-ascii.toml")),
    ("iso87-mixed", include_str!("../dialects/iso87-mixed.toml")),
    ("iso87-bcd", include_str!("../dialects/iso87-bcd.toml")),
    (
        "iso87-ebcdic",
        include_str!("../dialects/iso87-ebcdic.toml"),
    ),
    (
        "unionpay-pos",
        include_str!("../dialects/unionpay-pos.toml"),
    ),
    ("iso93-ascii", include_str!("../dialects/iso93-ascii.toml")),
    (
        "iso93-binary",
        include_str!("../dialects/iso93-binary.toml"),
    ),
    ("iso2003-cmf", include_str!("../dialects/iso2003-cmf.toml")),
    (
        "unionpay-host",
        include_str!("../dialects/unionpay-host.toml"),
    ),
    ("base24-pos", include_str!("../dialects/base24-pos.toml")),
    ("visa-like", include_str!("../dialects/visa-like.toml")),
    (
        "mastercard-like",
        include_str!("../dialects/mastercard-like.toml"),
    ),
    ("postilion", include_str!("../dialects/postilion.toml")),
];

/// The five that others extend, and that bytes of unknown origin are tried in first.
const BUILTIN_NAMES: [&str; 5] = [
    "iso87-ascii",
    "iso87-mixed",
    "iso87-bcd",
    "iso87-ebcdic",
    "unionpay-pos",
];

/// Other editions, and what networks make of them. On the wire many look like one of the five, so that of equals those are
/// the better guess.
const PACK_NAMES: [&str; 8] = [
    "iso93-ascii",
    "iso93-binary",
    "iso2003-cmf",
    "unionpay-host",
    "base24-pos",
    "visa-like",
    "mastercard-like",
    "postilion",
];

impl Dialect {
    /// A dialect that comes with the crate. Compiled at the first call, shared from then on.
    #[must_use]
    pub fn builtin(name: &str) -> Option<Arc<Dialect>> {
        static COMPILED: [OnceLock<Option<Arc<Dialect>>>; BUILTIN_SOURCES.len()] =
            [const { OnceLock::new() }; BUILTIN_SOURCES.len()];
        let index = Dialect::builtin_place(name)?;
        let compile = || {
            Dialect::parse(Dialect::builtin_source(name)?)
                .ok()
                .map(Arc::new)
        };
        COMPILED.get(index)?.get_or_init(compile).clone()
    }

    /// The names of the basic dialects that come with the crate, which others extend.
    #[must_use]
    pub fn builtin_names() -> &'static [&'static str] {
        &BUILTIN_NAMES
    }

    /// The names of the dialects of other editions and of networks that come with the crate, too.
    #[must_use]
    pub fn pack_names() -> &'static [&'static str] {
        &PACK_NAMES
    }

    /// How many come with the crate.
    pub(crate) const BUILTIN_COUNT: usize = BUILTIN_SOURCES.len();

    /// The place of a dialect among those that come with the crate.
    pub(crate) fn builtin_place(name: &str) -> Option<usize> {
        let mut sources = BUILTIN_SOURCES.iter();
        sources.position(|(builtin, _)| *builtin == name)
    }

    /// The TOML of a dialect that comes with the crate.
    #[must_use]
    pub fn builtin_source(name: &str) -> Option<&'static str> {
        BUILTIN_SOURCES
            .iter()
            .find(|(builtin, _)| *builtin == name)
            .map(|(_, source)| *source)
    }

    /// Compiles a dialect from TOML. `extends` may name a built-in dialect; nothing is read beside the text.
    ///
    /// # Errors
    /// All errors of the source at once, with the bytes they are about.
    pub fn parse(toml: &str) -> Result<Dialect, Vec<DialectError>> {
        Dialect::parse_with("the text", toml, &mut |_, _| {
            Err("this text is in no file beside which it could be".to_owned())
        })
    }

    /// Compiles a dialect from TOML that may extend others than the built-in ones. `find` gets the name of the text that
    /// extends something (at first `name`) and what it says there; it gives that text and a name that tells it from others,
    /// or says why there is none. See [`Dialect::load`] for files.
    /// ```
    /// use pointsman_iso8583::{Dialect, DialectSource};
    ///
    /// let house = "name = \"house\"\nextends = \"iso87-bcd\"\n[fields]\n22 = { pad = \"right\" }\n";
    /// let branch = "name = \"branch\"\nextends = \"house.toml\"\n[fields]\n48 = false\n";
    /// let dialect = Dialect::parse_with("branch.toml", branch, &mut |_, name| match name {
    ///     "house.toml" => Ok(DialectSource { name: name.to_owned(), toml: house.to_owned() }),
    ///     _ => Err("nobody knows it".to_owned()),
    /// });
    /// assert!(dialect.is_ok_and(|dialect| dialect.field(48).is_none()));
    /// ```
    ///
    /// # Errors
    /// All errors of all texts at once, see [`DialectError::file`].
    pub fn parse_with(
        name: &str,
        toml: &str,
        find: &mut dyn FnMut(&str, &str) -> Result<DialectSource, String>,
    ) -> Result<Dialect, Vec<DialectError>> {
        source::parse(name, toml, find)
    }

    /// A JSON Schema of dialect files, for editors. It cannot say all that [`Dialect::parse`] does.
    #[must_use]
    pub fn json_schema() -> String {
        source::schema()
    }

    /// The dialect as TOML, complete, without `extends`: parsing it gives an equal dialect.
    #[must_use]
    pub fn to_toml(&self) -> String {
        source::write(self)
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// One line about it.
    #[must_use]
    pub fn description(&self) -> &str {
        &self.description
    }

    /// The definition of a field, 2..=192. `None`: the dialect does not define it.
    #[must_use]
    #[inline]
    pub fn field(&self, number: u8) -> Option<&Field> {
        self.fields.get(usize::from(number))?.as_ref()
    }

    /// All fields in ascending order.
    pub fn fields(&self) -> impl Iterator<Item = &Field> {
        self.fields.iter().flatten()
    }

    /// How to step over a field, if the dialect defines it.
    #[inline]
    pub(crate) fn step(&self, number: u8) -> Option<&Step> {
        self.steps
            .get(usize::from(number))
            .filter(|step| step.is_defined())
    }

    /// The numbers of all fields.
    #[must_use]
    pub fn defined(&self) -> FieldSet {
        self.defined
    }

    /// How the MTI is written.
    #[must_use]
    pub fn mti_encoding(&self) -> TextEncoding {
        self.mti
    }

    /// How bitmaps are written.
    #[must_use]
    pub fn bitmap_encoding(&self) -> BitmapEncoding {
        self.bitmap
    }

    /// May a message have a second bitmap (fields 65 to 128)?
    #[must_use]
    pub fn has_secondary_bitmap(&self) -> bool {
        self.secondary_bitmap
    }

    /// May a message have a third bitmap (fields 129 to 192), and where does it stand?
    #[must_use]
    pub fn tertiary_bitmap(&self) -> TertiaryBitmap {
        self.tertiary_bitmap
    }

    /// The response code (field 39) for what the switch itself answers. Every reason has one.
    #[must_use]
    pub fn response_code(&self, reason: Reason) -> &str {
        self.response_codes
            .get(reason.key())
            .map_or(reason.code_1987(), |code| code)
    }

    /// The fields that the switch's own declines copy from the request.
    #[must_use]
    pub fn echo(&self) -> FieldSet {
        self.echo
    }

    /// The layouts that values of its fields may have, by name.
    pub fn layouts(&self) -> impl Iterator<Item = &Layout> {
        self.layouts.list.iter()
    }

    /// The layouts that the values of this field may have, depending on the message.
    pub fn layouts_of(&self, number: u8) -> impl Iterator<Item = &Layout> {
        let choices = self.layouts.choices(number).iter();
        choices.filter_map(|choice| self.layouts.get(choice.layout))
    }

    /// The layout of a part, if it has one of its own.
    #[must_use]
    pub fn layout_inside(&self, part: &PartDefinition) -> Option<&Layout> {
        self.layouts.get(part.layout?)
    }

    /// The encoding of a field of this content that does not name one.
    pub(crate) fn default_encoding(
        defaults: &Defaults,
        content: crate::field::Content,
    ) -> Encoding {
        use crate::field::Content;
        match content {
            Content::N => defaults.digits,
            Content::Z => defaults.track,
            Content::B => defaults.binary,
            Content::A | Content::An | Content::Ans | Content::Ns | Content::SignedN => {
                defaults.text
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::field::Length;

    #[test]
    fn every_builtin_compiles() {
        for name in Dialect::builtin_names().iter().chain(Dialect::pack_names()) {
            let source = Dialect::builtin_source(name).unwrap();
            let dialect =
                Dialect::parse(source).unwrap_or_else(|errors| panic!("{name}: {errors:#?}"));
            assert_eq!(dialect.name(), *name);
            assert_eq!(
                Dialect::parse(&dialect.to_toml()).as_ref(),
                Ok(&dialect),
                "{}",
                dialect.to_toml()
            );
            assert!(Dialect::builtin(name).is_some());
        }
    }

    #[test]
    fn every_reason_has_a_code_in_every_dialect() {
        for name in Dialect::builtin_names().iter().chain(Dialect::pack_names()) {
            let dialect = Dialect::builtin(name).unwrap();
            for reason in Reason::ALL {
                // Two characters in 1987, three in 1993, four in 2003.
                let length = match dialect.field(39).unwrap().length {
                    Length::Fixed(length) => usize::from(length),
                    Length::Variable { .. } => panic!("{name}"),
                };
                assert_eq!(
                    dialect.response_code(reason).len(),
                    length,
                    "{name} {reason:?}"
                );
            }
        }
    }
}
