//! `[layouts]`: what stands inside of fields. Read here, made into [`crate::layout::Layouts`] by [`resolve`].

use std::collections::BTreeMap;
use std::ops::Range;

use toml::de::DeTable;

use super::keys;
use super::messages;
use super::raw::{At, Raw, Shape};
use super::read::Store;
use super::reader::{Reader, Value};
use super::words::{
    BITMAP_WORDS, COUNTS_WORDS, ENCODING_WORDS, FILLER_WORDS, LAYOUT_WORDS, PAD_WORDS,
    PREFIX_WORDS, SENSITIVE_WORDS, TAG_NAMES_WORDS,
};
use crate::field::{
    BitmapEncoding, Content, Counts, Encoding, Filler, PadSide, PrefixEncoding, Sensitive,
};
use crate::layout::{PartLength, TAG_CHARACTERS_MAX};
use crate::presence::{Condition, Pattern};

mod nesting;
mod resolve;
mod tag;
mod write;

pub(super) use resolve::resolve;
pub(super) use write::{write, write_choices};

/// The most parts or choices in a list: no standard has a tenth of it.
const LIST_MAX: usize = 255;
/// The longest text that a value is told by.
const STARTS_CHARACTERS_MAX: usize = 64;
/// The longest bitmap of a layout, and the longest key of a tagged one.
const BYTES_MAX: u16 = 16;

/// The five ways to lay out a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Positional,
    Tagged,
    BerTlv,
    Bitmapped,
    Base24Tokens,
}

impl Kind {
    /// Has a layout of this kind a use for the key? `parts` is a list here: what has its parts in an order.
    pub(super) fn uses(self, key: &str) -> bool {
        match key {
            "parts" => self == Kind::Positional,
            "tags" => self != Kind::Positional,
            "leading" | "tag" | "tag_encoding" | "length" | "length_encoding" | "counts" => {
                self == Kind::Tagged
            }
            "tag_names" => self == Kind::BerTlv,
            "bitmap" | "bitmap_bytes" => self == Kind::Bitmapped,
            "count_includes_header" => self == Kind::Base24Tokens,
            _ => true,
        }
    }
}

/// What the source says about one layout.
#[derive(Clone, Debug, Default)]
pub(super) struct RawLayout {
    pub(super) span: Option<Range<usize>>,
    pub(super) kind: Option<At<Kind>>,
    /// It has a kind, if perhaps none that can be read, which was noted.
    pub(super) has_kind: bool,
    /// Of a positional layout.
    pub(super) parts: Option<At<Vec<RawPart>>>,
    pub(super) leading: Option<At<Vec<RawPart>>>,
    /// By tag or by bit, as written.
    pub(super) table: BTreeMap<String, RawPart>,
    pub(super) tag: Option<At<(Content, u8)>>,
    pub(super) tag_encoding: Option<At<Encoding>>,
    pub(super) length: Option<At<(Content, u8)>>,
    pub(super) length_encoding: Option<At<Encoding>>,
    pub(super) counts: Option<At<Counts>>,
    pub(super) emv_names: Option<At<bool>>,
    pub(super) bitmap: Option<At<BitmapEncoding>>,
    pub(super) bitmap_bytes: Option<At<u16>>,
    pub(super) count_includes_header: Option<At<bool>>,
}

impl RawLayout {
    /// What it says about its parts, in any order.
    pub(super) fn part_definitions(&self) -> impl Iterator<Item = &RawPart> {
        let lists = [&self.parts, &self.leading];
        let listed = lists.into_iter().flatten().flat_map(|at| &at.value);
        listed.chain(self.table.values())
    }
}

/// What the source says about one part.
#[derive(Clone, Debug, Default)]
pub(super) struct RawPart {
    pub(super) span: Option<Range<usize>>,
    pub(super) name: Option<At<String>>,
    /// `None` in it: it could not be read, which was noted.
    pub(super) shape: Option<At<Option<(Content, PartLength)>>>,
    pub(super) encoding: Option<At<Encoding>>,
    pub(super) prefix: Option<At<PrefixEncoding>>,
    pub(super) counts: Option<At<Counts>>,
    pub(super) pad: Option<At<PadSide>>,
    pub(super) filler: Option<At<Filler>>,
    pub(super) sensitive: Option<At<Sensitive>>,
    pub(super) layout: Option<At<String>>,
    pub(super) optional: Option<At<bool>>,
    pub(super) repeat: Option<At<u16>>,
    pub(super) count: Option<At<u16>>,
}

/// What the source says about when a field has a layout.
#[derive(Clone, Debug, Default)]
pub(super) struct RawChoice {
    pub(super) span: Option<Range<usize>>,
    pub(super) mtis: Vec<Pattern>,
    pub(super) lengths: Vec<u16>,
    pub(super) starts: Option<String>,
    pub(super) when: Vec<At<Condition>>,
    pub(super) layout: Option<At<String>>,
}

/// The table `[layouts]`.
pub(super) fn read(reader: &mut Reader<'_>, value: &Value<'_>, raw: &mut Raw) {
    for (key, value) in reader.table(value, "[layouts]").into_iter().flatten() {
        let name = key.get_ref().as_ref();
        if value.get_ref().as_bool() == Some(false) {
            if raw.layouts.remove(name).is_none() && !raw.orphaned {
                let message = format!("layout '{name}' is not inherited and cannot be taken out");
                reader.error(value.span(), message);
            }
            continue;
        }
        let Some(table) = reader.table(value, "a layout") else {
            continue;
        };
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
        if name.is_empty() || name.len() > 40 || !name.bytes().all(is_name) {
            let message = format!("'{name}' is not a name of a layout");
            let help = "letters, digits, - and _, 40 characters at most";
            reader.error_with_help(key.span(), message, help);
            continue;
        }
        let mut layout = match table.contains_key("kind") {
            // A kind of its own begins anew.
            true => RawLayout::default(),
            false => raw.layouts.remove(name).unwrap_or_default(),
        };
        layout.span = reader.own.then(|| key.span());
        read_layout(reader, table, &mut layout);
        raw.layouts.insert(name.to_owned(), layout);
    }
}

/// `layout = "…"` of a field: the same in every message. `false`: none, whatever was inherited.
pub(super) fn read_one(reader: &mut Reader<'_>, value: &Value<'_>) -> Option<At<Vec<RawChoice>>> {
    if value.get_ref().as_bool() == Some(false) {
        return Some(reader.at(Vec::new(), value.span()));
    }
    let layout = reader.string(value, "layout")?;
    let choice = RawChoice {
        span: layout.span.clone(),
        layout: Some(layout),
        ..RawChoice::default()
    };
    Some(reader.at(vec![choice], value.span()))
}

/// `layouts = [{ mti = …, length = …, starts = …, when = …, use = "…" }, …]` of a field.
pub(super) fn read_choices(
    reader: &mut Reader<'_>,
    value: &Value<'_>,
) -> Option<At<Vec<RawChoice>>> {
    let list = list(reader, value, "layouts")?;
    let mut choices = Vec::new();
    for item in list {
        let Some(table) = reader.table(item, "a choice of a layout") else {
            continue;
        };
        let mut choice = RawChoice {
            span: reader.own.then(|| item.span()),
            ..RawChoice::default()
        };
        for (key, value) in reader.entries(table, &keys::CHOICE) {
            match key {
                "mti" => choice.mtis = read_mtis(reader, value),
                "length" => choice.lengths = read_lengths(reader, value),
                "starts" => {
                    let text = reader.string(value, "starts").map(|text| text.value);
                    let fits =
                        |text: &String| (1..=STARTS_CHARACTERS_MAX).contains(&text.chars().count());
                    choice.starts = text.filter(fits);
                    if choice.starts.is_none() && value.get_ref().as_str().is_some() {
                        let message =
                            format!("starts is a text of 1 to {STARTS_CHARACTERS_MAX} characters");
                        reader.error(value.span(), message);
                    }
                }
                "when" => choice.when = messages::read_when(reader, value).unwrap_or_default(),
                "use" => choice.layout = reader.string(value, "use"),
                _ => {}
            }
        }
        if choice.layout.is_none() && !table.contains_key("use") {
            let help = "{ mti = [\"0810\"], use = \"…\" }, for example";
            reader.error_with_help(item.span(), "use is missing: which layout it is", help);
        }
        choices.push(choice);
    }
    Some(reader.at(choices, value.span()))
}

fn read_mtis(reader: &mut Reader<'_>, value: &Value<'_>) -> Vec<Pattern> {
    let mut patterns = Vec::new();
    for item in list(reader, value, "mti").into_iter().flatten() {
        let pattern = item.get_ref().as_str().and_then(Pattern::parse);
        match pattern {
            Some(pattern) => patterns.push(pattern),
            None => {
                let help = "\"0810\", \"08x0\" with an x for any digit, \"0[12]10\" for some";
                reader.error_with_help(item.span(), "not a message type", help);
            }
        }
    }
    patterns
}

fn read_lengths(reader: &mut Reader<'_>, value: &Value<'_>) -> Vec<u16> {
    let Some(array) = value.get_ref().as_array() else {
        return reader
            .count(value, "length", u16::MAX)
            .map(|length| vec![length.value])
            .unwrap_or_default();
    };
    let lengths = array.iter().take(LIST_MAX);
    lengths
        .filter_map(|item| Some(reader.count(item, "length", u16::MAX)?.value))
        .collect()
}

fn read_layout(reader: &mut Reader<'_>, table: &DeTable<'_>, layout: &mut RawLayout) {
    // What `parts` is depends on the kind.
    if let Some(kind) = table.get("kind") {
        layout.has_kind = true;
        reader
            .word(kind, "kind", &LAYOUT_WORDS)
            .store(&mut layout.kind);
    }
    for (key, value) in reader.entries(table, &keys::LAYOUT) {
        match key {
            "kind" => {}
            "parts" if value.get_ref().is_array() => {
                read_parts(reader, value, "parts").store(&mut layout.parts);
            }
            "parts" | "tags" => read_table(reader, value, key, &mut layout.table),
            "leading" => read_parts(reader, value, "leading").store(&mut layout.leading),
            "tag" => layout.tag = Some(read_key(reader, value, "tag")),
            "tag_encoding" => reader
                .word(value, "tag_encoding", &ENCODING_WORDS)
                .store(&mut layout.tag_encoding),
            "length" => layout.length = Some(read_key(reader, value, "length")),
            "length_encoding" => reader
                .word(value, "length_encoding", &ENCODING_WORDS)
                .store(&mut layout.length_encoding),
            "counts" => reader
                .word(value, "counts", &COUNTS_WORDS)
                .store(&mut layout.counts),
            "tag_names" => reader
                .word(value, "tag_names", &TAG_NAMES_WORDS)
                .store(&mut layout.emv_names),
            "bitmap" => reader
                .word(value, "bitmap", &BITMAP_WORDS)
                .store(&mut layout.bitmap),
            "bitmap_bytes" => reader
                .count(value, "bitmap_bytes", BYTES_MAX)
                .store(&mut layout.bitmap_bytes),
            "count_includes_header" => reader
                .boolean(value, "count_includes_header")
                .store(&mut layout.count_includes_header),
            _ => {}
        }
    }
}

fn list<'v, 'i>(
    reader: &mut Reader<'_>,
    value: &'v Value<'i>,
    what: &str,
) -> Option<Vec<&'v Value<'i>>> {
    let Some(array) = value.get_ref().as_array() else {
        let message = format!("{what} must be a list, not {}", value.get_ref().type_str());
        reader.error(value.span(), message);
        return None;
    };
    if array.len() > LIST_MAX {
        let message = format!("{what} has at most {LIST_MAX} entries");
        reader.error(value.span(), message);
    }
    Some(array.iter().take(LIST_MAX).collect())
}

fn read_parts(reader: &mut Reader<'_>, value: &Value<'_>, what: &str) -> Option<At<Vec<RawPart>>> {
    let mut parts = Vec::new();
    for item in list(reader, value, what)? {
        let mut part = RawPart {
            span: reader.own.then(|| item.span()),
            ..RawPart::default()
        };
        if let Some(table) = reader.table(item, "a part") {
            read_part(reader, table, &mut part);
        }
        parts.push(part);
    }
    Some(reader.at(parts, value.span()))
}

fn read_table(
    reader: &mut Reader<'_>,
    value: &Value<'_>,
    what: &str,
    parts: &mut BTreeMap<String, RawPart>,
) {
    for (key, value) in reader.table(value, what).into_iter().flatten() {
        let tag = key.get_ref().as_ref();
        if value.get_ref().as_bool() == Some(false) {
            if parts.remove(tag).is_none() {
                let message = format!("'{tag}' is not inherited and cannot be taken out");
                reader.error(value.span(), message);
            }
            continue;
        }
        let is_tag = |byte: u8| byte.is_ascii_graphic() && !b".#".contains(&byte) || byte == b' ';
        if tag.is_empty() || tag.len() > TAG_CHARACTERS_MAX || !tag.bytes().all(is_tag) {
            let message = format!("'{tag}' is not a tag");
            let help = "1 to 8 printable characters without . and #";
            reader.error_with_help(key.span(), message, help);
            continue;
        }
        if parts.len() >= LIST_MAX * 4 {
            reader.error(
                key.span(),
                format!("{what} has at most {} entries", LIST_MAX * 4),
            );
            return;
        }
        let Some(table) = reader.table(value, "a part") else {
            continue;
        };
        let mut part = parts.remove(tag).unwrap_or_default();
        part.span = reader.own.then(|| key.span());
        read_part(reader, table, &mut part);
        parts.insert(tag.to_owned(), part);
    }
}

fn read_part(reader: &mut Reader<'_>, table: &DeTable<'_>, part: &mut RawPart) {
    for (key, value) in reader.entries(table, &keys::PART) {
        match key {
            "name" => reader.short_text(value, "name").store(&mut part.name),
            "type" => part.shape = Some(read_shape(reader, value)),
            "encoding" => reader
                .word(value, "encoding", &ENCODING_WORDS)
                .store(&mut part.encoding),
            "prefix" => reader
                .word(value, "prefix", &PREFIX_WORDS)
                .store(&mut part.prefix),
            "counts" => reader
                .word(value, "counts", &COUNTS_WORDS)
                .store(&mut part.counts),
            "pad" => reader.word(value, "pad", &PAD_WORDS).store(&mut part.pad),
            "filler" => reader
                .word(value, "filler", &FILLER_WORDS)
                .store(&mut part.filler),
            "sensitive" => reader
                .word(value, "sensitive", &SENSITIVE_WORDS)
                .store(&mut part.sensitive),
            "layout" => reader.string(value, "layout").store(&mut part.layout),
            "optional" => reader.boolean(value, "optional").store(&mut part.optional),
            "repeat" => reader
                .count(value, "repeat", u16::MAX)
                .store(&mut part.repeat),
            "count" => reader
                .count(value, "count", u16::MAX)
                .store(&mut part.count),
            _ => {}
        }
    }
}

/// `n6`, `ans..25`, or a content class alone: to the end of the value.
fn read_shape(reader: &mut Reader<'_>, value: &Value<'_>) -> At<Option<(Content, PartLength)>> {
    let help = "for example n6, n..19, or ans alone for the rest of the value";
    let shape = reader.string(value, "type").and_then(|text| {
        if let Some(content) = Content::parse(&text.value) {
            return Some((content, PartLength::Rest));
        }
        match Shape::parse(&text.value) {
            Ok(shape) => Some((
                shape.content,
                match shape.prefix_digits {
                    // x+n8 is a sign and eight digits.
                    0 if shape.content == Content::SignedN => PartLength::Fixed(shape.length + 1),
                    0 => PartLength::Fixed(shape.length),
                    digits => PartLength::Variable {
                        digits,
                        max: shape.length,
                    },
                },
            )),
            Err(message) => {
                reader.error_with_help(value.span(), message, help);
                None
            }
        }
    });
    reader.at(shape, value.span())
}

/// How a tag or a length is written: `n2`, `an5`, `b1`. What cannot be read is noted, and stands for something.
fn read_key(reader: &mut Reader<'_>, value: &Value<'_>, what: &str) -> At<(Content, u8)> {
    let key = reader
        .string(value, what)
        .and_then(|text| parse_key(reader, value, &text.value, what));
    reader.at(key.unwrap_or((Content::N, 2)), value.span())
}

fn parse_key(
    reader: &mut Reader<'_>,
    value: &Value<'_>,
    text: &str,
    what: &str,
) -> Option<(Content, u8)> {
    let letters = text
        .find(|c: char| c.is_ascii_digit())
        .unwrap_or(text.len());
    let (content, digits) = text.split_at(letters);
    let content = Content::parse(content);
    let units = digits.parse::<u8>().ok().filter(|_| digits.len() == 1);
    let limit = match (content, what) {
        (Some(Content::N), "length") => 5,
        (Some(Content::B), "length") => 3,
        (Some(Content::N | Content::A | Content::An | Content::Ans), "tag") => 8,
        (Some(Content::B), _) => 4,
        _ => 0,
    };
    match (content, units) {
        (Some(content), Some(units)) if (1..=limit).contains(&units) => Some((content, units)),
        _ => {
            let help = match what {
                "tag" => "n1 to n8, an1 to an8, ans1 to ans8, or b1 to b4",
                _ => "n1 to n5, or b1 to b3",
            };
            let message = format!("{what} cannot be '{text}'");
            reader.error_with_help(value.span(), message, help);
            None
        }
    }
}

impl Reader<'_> {
    /// A number from 1.
    fn count(&mut self, value: &Value<'_>, what: &str, max: u16) -> Option<At<u16>> {
        let integer = value.get_ref().as_integer();
        let number = integer
            .and_then(|integer| u16::from_str_radix(integer.as_str(), integer.radix()).ok())
            .filter(|number| (1..=max).contains(number));
        match number {
            Some(number) => Some(self.at(number, value.span())),
            None => {
                self.error(value.span(), format!("{what} must be a number, 1 to {max}"));
                None
            }
        }
    }
}
