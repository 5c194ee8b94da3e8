//! What stands inside a field: nested layouts, as data like all else of a dialect.
//!
//! A layout says how a value falls into parts, in one of five ways ([`LayoutKind`]). A field names the layouts that its value
//! may have; which of them it is may depend on the message type, the length, the first characters or another field. A part may
//! have a layout of its own. Reading is a walk over the message in place, without a copy:
//! ```
//! use pointsman_iso8583::Dialect;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let dialect = Dialect::parse(
//!     r#"
//!     name = "acme"
//!     extends = "iso87-ascii"
//!     [fields]
//!     48 = { layout = "subelements" }
//!     [layouts.subelements]
//!     kind = "tagged"
//!     tag = "n2"
//!     length = "n2"
//!     leading = [{ name = "Transaction category", type = "an1" }]
//!     [layouts.subelements.tags]
//!     42 = { name = "Electronic commerce", type = "n7", layout = "security-level" }
//!     92 = { name = "Security code", type = "n3", sensitive = "pin" }
//!     [layouts.security-level]
//!     kind = "positional"
//!     parts = [{ name = "Protocol", type = "n1" }, { name = "Authentication", type = "n1" }, { name = "Rest", type = "n" }]
//!     "#,
//! )
//! .map_err(|errors| errors[0].clone())?;
//! let message = b"02000000000000010000019T420721000009203123";
//! let view = dialect.view(message)?;
//!
//! // One part after the other, as they stand there.
//! let parts = view.parts(48).expect("field 48 has a layout").collect::<Result<Vec<_>, _>>()?;
//! let tags: Vec<String> = parts.iter().map(|part| part.tag().to_string()).collect();
//! assert_eq!(tags, ["1", "42", "92"]);
//! assert_eq!(parts[1].name(), Some("Electronic commerce"));
//!
//! // Or one of them, by its path.
//! let protocol = view.part(48, "42.1").expect("it is there");
//! assert_eq!((protocol.number(), protocol.range()), (Some(2), 28..29));
//! # Ok(())
//! # }
//! ```
//! # Paths
//! A path is the tags of the parts from the outermost to the innermost with dots between them: `42.1`, `77.9F26`. Parts of a
//! positional layout have their number for a tag, those of a bitmapped one their bit, all others what stands in the message.
//! Of parts with the same tag, which stand there one after the other, `#2` names the second: `1#2.4`, `DF20#3`. A tag that has a `#`
//! itself is always followed by its number.
//!
//! # What is wrong in a field
//! A field whose content is not what its layout says is a valid field all the same: the message is read. The walk gives the
//! parts up to where they stop making sense, then a [`LayoutError`] that says where and why, then nothing more.
//! [`View::check_layouts`](crate::View::check_layouts) looks through all fields of a message.

use std::collections::BTreeMap;

use crate::dialect::Dialect;
use crate::field::{
    BitmapEncoding, Content, Counts, Encoding, Filler, PadSide, PrefixEncoding, Sensitive,
};
use crate::presence::{Condition, Pattern};

mod ber;
mod bitmapped;
pub(crate) mod cells;
pub(crate) mod check;
mod choice;
pub(crate) mod compose;
mod error;
mod part;
pub(crate) mod path;
mod positional;
mod read;
mod tagged;
mod tokens;
mod walk;

pub use check::LayoutFault;
pub use compose::{ComposeError, ComposeErrorKind};
pub use error::{LayoutError, LayoutErrorKind};
pub use part::{Part, PartTag};
pub use walk::Parts;

/// Layouts nest no deeper than this: card schemes' data has three levels.
pub const LAYOUT_DEPTH_MAX: usize = 8;
/// The longest tag, in characters.
pub const TAG_CHARACTERS_MAX: usize = 8;

/// How the value of a field or of a part falls into parts.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Layout {
    /// What the dialect calls it.
    pub name: Box<str>,
    /// How it is done.
    pub kind: LayoutKind,
    /// Does any part, or a part of it, hide something of its own?
    pub(crate) hides: bool,
}

/// The ways in which a value falls into parts.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LayoutKind {
    /// Parts in an order, each of a length that is known or announced.
    Positional {
        /// In their order.
        parts: Box<[PartDefinition]>,
    },
    /// A tag and a length of fixed widths before each part, in any order.
    Tagged {
        /// What stands before the first tag.
        leading: Box<[PartDefinition]>,
        /// How tags are written.
        tag: Key,
        /// How lengths are written.
        length: Key,
        /// Does the length count the value, or tag and length too?
        counts: Counts,
        /// The tags that have a name.
        tags: Box<BTreeMap<Box<str>, PartDefinition>>,
    },
    /// BER-TLV: ISO/IEC 8825-1 as EMV uses it; templates are walked.
    BerTlv {
        /// Do tags without a name here have the one that EMV gives them?
        emv_names: bool,
        /// The tags that have a name.
        tags: Box<BTreeMap<Box<str>, PartDefinition>>,
    },
    /// A bitmap that says which parts follow, in ascending order.
    Bitmapped {
        /// How the bitmap is written. In a text value it is hex in any case.
        bitmap: BitmapEncoding,
        /// Its bytes; one has eight bits.
        bytes: u8,
        /// By bit; the first is 1.
        parts: Box<BTreeMap<u8, PartDefinition>>,
    },
    /// BASE24 tokens: a header `& ` with their count and length, then each as `! ` with name and length.
    Base24Tokens {
        /// Does the count include the header, as if it were a token?
        count_includes_header: bool,
        /// The tokens that have a name.
        tags: Box<BTreeMap<Box<str>, PartDefinition>>,
    },
}

/// How tags, or the lengths of tagged parts, are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Key {
    /// `n`, `an`, `ans`, or `b`: a binary number.
    pub content: Content,
    /// Digits or characters; bytes of a `b`.
    pub units: u8,
    /// `None`: as the field is, or the dialect's.
    pub encoding: Option<Encoding>,
}

/// What a layout says about one part.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PartDefinition {
    /// What to call it.
    pub name: Box<str>,
    /// What it may hold. `None`: what its layout makes of it.
    pub content: Option<Content>,
    /// How long it is.
    pub length: PartLength,
    /// How it is written in a binary value; `None`: as the dialect writes such content. In a text value, parts are text.
    pub encoding: Option<Encoding>,
    /// How its length is written in a binary value; `None`: as the dialect does.
    pub prefix: Option<PrefixEncoding>,
    /// What that length counts.
    pub counts: Counts,
    /// The side of the filler nibble of an odd count of packed digits.
    pub pad: PadSide,
    /// That nibble.
    pub filler: Filler,
    /// What must be hidden of it; `None`: what must be hidden of the value that it is a part of.
    pub sensitive: Option<Sensitive>,
    /// May the value end before it?
    pub optional: bool,
    /// May it come more than once?
    pub repeat: Option<Repeat>,
    /// Is its number the count of a repeated part?
    pub(crate) is_counter: bool,
    /// Its own layout: its place in the dialect's list.
    pub(crate) layout: Option<LayoutId>,
}

impl PartDefinition {
    /// Its own layout.
    #[must_use]
    pub fn layout<'d>(&self, dialect: &'d Dialect) -> Option<&'d Layout> {
        dialect.layouts.get(self.layout?)
    }

    /// A part of which nothing is said.
    pub(crate) fn unnamed() -> PartDefinition {
        PartDefinition {
            name: Box::default(),
            content: None,
            length: PartLength::Rest,
            encoding: None,
            prefix: None,
            counts: Counts::Value,
            pad: PadSide::Left,
            filler: Filler::Zero,
            sensitive: None,
            optional: false,
            repeat: None,
            is_counter: false,
            layout: None,
        }
    }
}

/// How long a part is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PartLength {
    /// So many units. In a tagged layout the announced length must be that.
    Fixed(u16),
    /// A length prefix of so many digits announces it. In a tagged layout the tag's length does, and this is the most.
    Variable {
        /// Digits of the prefix.
        digits: u8,
        /// The longest value.
        max: u16,
    },
    /// To the end of the value, or as long as its layout makes it.
    Rest,
}

/// How often a part comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Repeat {
    /// At most.
    pub max: u16,
    /// The number of the part that says how often. `None`: to the end of the value.
    pub count: Option<u16>,
}

/// A place in a dialect's list of layouts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LayoutId(pub(crate) u16);

/// When the value of a field has a layout. All conditions must hold.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Choice {
    /// Message types; none: all.
    pub(crate) mtis: Box<[Pattern]>,
    /// Lengths in units of the value: digits, characters or bytes; none: all.
    pub(crate) lengths: Box<[u16]>,
    /// How the value begins.
    pub(crate) starts: Option<Box<str>>,
    /// What must hold of the fields before this one.
    pub(crate) when: Box<[Condition]>,
    pub(crate) layout: LayoutId,
}

/// The layouts of a dialect, and which fields have them.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Layouts {
    /// Ascending by name.
    pub(crate) list: Box<[Layout]>,
    pub(crate) fields: BTreeMap<u8, Box<[Choice]>>,
}

impl Layouts {
    pub(crate) fn get(&self, id: LayoutId) -> Option<&Layout> {
        self.list.get(usize::from(id.0))
    }

    pub(crate) fn choices(&self, field: u8) -> &[Choice] {
        self.fields
            .get(&field)
            .map_or(&[], |choices| choices.as_ref())
    }
}

impl Layout {
    /// Does any part of it, or of its parts, hide something that the field does not?
    #[must_use]
    pub fn hides(&self) -> bool {
        self.hides
    }

    /// All definitions in it.
    pub(crate) fn definitions(&self) -> Box<dyn Iterator<Item = &PartDefinition> + '_> {
        match &self.kind {
            LayoutKind::Positional { parts } => Box::new(parts.iter()),
            LayoutKind::Tagged { leading, tags, .. } => {
                Box::new(leading.iter().chain(tags.values()))
            }
            LayoutKind::BerTlv { tags, .. } | LayoutKind::Base24Tokens { tags, .. } => {
                Box::new(tags.values())
            }
            LayoutKind::Bitmapped { parts, .. } => Box::new(parts.values()),
        }
    }
}
