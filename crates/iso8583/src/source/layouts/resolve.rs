//! Makes the layouts of what the sources say, and checks what only the whole can tell: names, cycles, lengths that nobody
//! could know, and whether a layout can be laid over the values of its fields.

use std::collections::BTreeMap;
use std::ops::Range;

use super::super::raw::{At, Raw};
use super::super::resolve::value_or;
use super::super::words::{LAYOUT_WORDS, meant, word_of};
use super::nesting::{self, Nature};
use super::tag;
use super::{Kind, RawChoice, RawLayout, RawPart};
use crate::dialect::{Dialect, DialectError};
use crate::field::{BitmapEncoding, Content, Counts, Encoding, Filler, PadSide};
use crate::layout::{
    Choice, Key, Layout, LayoutId, LayoutKind, Layouts, PartDefinition, PartLength, Repeat,
};
use crate::presence::Condition;

/// The layouts, and which fields have them. What is wrong is in `errors`; it stands for nothing then.
pub(in crate::source) fn resolve(
    raw: &Raw,
    dialect: &Dialect,
    errors: &mut Vec<DialectError>,
) -> Layouts {
    let names: Vec<&str> = raw.layouts.keys().map(String::as_str).collect();
    let mut resolver = Resolver {
        names,
        errors,
        layout: "",
    };
    let mut list = Vec::new();
    for (name, layout) in &raw.layouts {
        resolver.layout = name;
        let kind = resolver.layout(layout);
        resolver.check_tags(layout, &kind);
        list.push(Layout {
            name: name.as_str().into(),
            kind,
            hides: false,
        });
    }
    let errors_of_layouts = resolver.errors.len();
    let order = nesting::order(raw, resolver.errors);
    let natures = nesting::natures(&list, &order);
    if resolver.errors.len() == errors_of_layouts {
        for (name, layout) in &raw.layouts {
            resolver.layout = name;
            resolver.check_groups(&natures, layout);
        }
    }
    for (layout, nature) in list.iter_mut().zip(&natures) {
        layout.hides = nature.hides;
    }

    let mut fields = BTreeMap::new();
    for (number, field) in &raw.fields {
        let Some(choices) = &field.layouts else {
            continue;
        };
        let Some(definition) = dialect.field(*number) else {
            continue;
        };
        let mut resolved = Vec::new();
        for choice in &choices.value {
            let Some(id) = resolver.choice(*number, choice) else {
                continue;
            };
            let nature = natures.get(usize::from(id.0));
            let misfit = nature.and_then(|nature| nature.misfit);
            if let Some(reason) = misfit.filter(|_| definition.encoding == Encoding::Bcd) {
                // An inherited layout of a field that is written in another way now is none of it any more.
                if let Some(span) = &choice.span {
                    let name = choice.layout.as_ref().map_or("", |at| at.value.as_str());
                    let message = format!(
                        "field {number} is packed digits, which layout '{name}' cannot be laid over: {reason}"
                    );
                    resolver
                        .errors
                        .push(DialectError::new(Some(span.clone()), message));
                }
                continue;
            }
            resolved.push(Choice {
                mtis: choice.mtis.clone().into(),
                lengths: choice.lengths.clone().into(),
                starts: choice.starts.as_deref().map(Into::into),
                when: choice.when.iter().map(|at| at.value.clone()).collect(),
                layout: id,
            });
        }
        if !resolved.is_empty() {
            fields.insert(*number, resolved.into());
        }
    }
    Layouts {
        list: list.into(),
        fields,
    }
}

struct Resolver<'r> {
    names: Vec<&'r str>,
    errors: &'r mut Vec<DialectError>,
    /// The one that is made.
    layout: &'r str,
}

impl Resolver<'_> {
    fn error(&mut self, span: Option<Range<usize>>, message: impl std::fmt::Display) {
        let message = format!("layout '{}': {message}", self.layout);
        self.errors.push(DialectError::new(span, message));
    }

    fn error_with_help(
        &mut self,
        span: Option<Range<usize>>,
        message: impl std::fmt::Display,
        help: &str,
    ) {
        let message = format!("layout '{}': {message}", self.layout);
        self.errors
            .push(DialectError::new(span, message).help(help));
    }

    fn id(&mut self, name: &At<String>) -> Option<LayoutId> {
        let place = self.names.binary_search(&name.value.as_str()).ok();
        if place.is_none() {
            let error = DialectError::new(
                name.span.clone(),
                format!("there is no layout '{}'", name.value),
            );
            let help = match meant(&name.value, self.names.iter().copied()) {
                Some(meant) => format!("did you mean {meant}?"),
                None => format!("write [layouts.{}]", name.value),
            };
            self.errors.push(error.help(help));
        }
        Some(LayoutId(u16::try_from(place?).ok()?))
    }

    fn choice(&mut self, number: u8, choice: &RawChoice) -> Option<LayoutId> {
        for At { value, span } in &choice.when {
            let last = match value {
                Condition::Present(fields) | Condition::Absent(fields) => fields.last(),
                Condition::Value { field, .. } => Some(*field),
            };
            if let Some(last) = last.filter(|last| *last >= number) {
                let message = format!(
                    "field {number}: when can only ask for fields that stand before it, and {last} does not"
                );
                self.errors.push(DialectError::new(span.clone(), message));
            }
        }
        let name = choice.layout.as_ref()?;
        // What a field has inherited goes with the layout that was taken out.
        let is_gone = name.span.is_none() && !self.names.contains(&name.value.as_str());
        if is_gone { None } else { self.id(name) }
    }

    fn layout(&mut self, raw: &RawLayout) -> LayoutKind {
        let Some(kind) = &raw.kind else {
            if !raw.has_kind {
                self.error_with_help(
                    raw.span.clone(),
                    "it has no kind",
                    "kind = \"positional\", \"tagged\", \"ber-tlv\", \"bitmapped\" or \"base24-tokens\"",
                );
            }
            return LayoutKind::Positional {
                parts: Box::default(),
            };
        };
        self.check_keys(raw, kind.value);
        match kind.value {
            Kind::Positional => LayoutKind::Positional {
                parts: self.sequence(raw.parts.as_ref()),
            },
            Kind::Tagged => {
                let missing = [(raw.tag.is_some(), "tag"), (raw.length.is_some(), "length")];
                for (_, key) in missing.iter().filter(|(is_given, _)| !is_given) {
                    let help = "tag = \"n2\", length = \"n3\", for example";
                    self.error_with_help(raw.span.clone(), format!("{key} is missing"), help);
                }
                let key = |at: &Option<At<(Content, u8)>>, encoding: &Option<At<Encoding>>| {
                    let (content, units) = at.as_ref().map_or((Content::N, 2), |at| at.value);
                    Key {
                        content,
                        units,
                        encoding: encoding.as_ref().map(|at| at.value),
                    }
                };
                let leading = match &raw.leading {
                    Some(leading) => self.sequence(Some(leading)),
                    None => Box::default(),
                };
                if let Some(part) = leading.iter().find(|part| part.length == PartLength::Rest) {
                    let message = format!("'{}' leaves nothing for the tags", part.name);
                    let span = raw.leading.as_ref().and_then(|at| at.span.clone());
                    self.error(span, message);
                }
                LayoutKind::Tagged {
                    leading,
                    tag: key(&raw.tag, &raw.tag_encoding),
                    length: key(&raw.length, &raw.length_encoding),
                    counts: value_or(&raw.counts, Counts::Value),
                    tags: Box::new(self.tags(raw)),
                }
            }
            Kind::BerTlv => LayoutKind::BerTlv {
                emv_names: value_or(&raw.emv_names, false),
                tags: Box::new(self.tags(raw)),
            },
            Kind::Bitmapped => {
                let mut parts = BTreeMap::new();
                let bytes = value_or(&raw.bitmap_bytes, 8) as u8;
                for (tag, part) in &raw.table {
                    let bit = tag
                        .parse::<u8>()
                        .ok()
                        .filter(|_| !tag.starts_with(['0', '+']));
                    let Some(bit) = bit.filter(|bit| *bit >= 1 && *bit <= bytes.saturating_mul(8))
                    else {
                        let message =
                            format!("'{tag}' is not a bit, 1 to {}", u16::from(bytes) * 8);
                        self.error(part.span.clone(), message);
                        continue;
                    };
                    let definition = self.part(tag, part);
                    parts.insert(bit, definition);
                }
                LayoutKind::Bitmapped {
                    bitmap: value_or(&raw.bitmap, BitmapEncoding::Binary),
                    bytes,
                    parts: Box::new(parts),
                }
            }
            Kind::Base24Tokens => LayoutKind::Base24Tokens {
                count_includes_header: value_or(&raw.count_includes_header, true),
                tags: Box::new(self.tags(raw)),
            },
        }
    }

    /// Keys that a layout of this kind has no use for.
    fn check_keys(&mut self, raw: &RawLayout, kind: Kind) {
        fn span<T>(at: &Option<At<T>>) -> Option<Option<Range<usize>>> {
            at.as_ref().map(|at| at.span.clone())
        }
        let table = raw.table.values().next().map(|part| part.span.clone());
        let keys = [
            ("parts, a list,", "parts", span(&raw.parts)),
            ("tags, or parts by bit,", "tags", table),
            ("leading", "leading", span(&raw.leading)),
            ("tag", "tag", span(&raw.tag)),
            ("tag_encoding", "tag_encoding", span(&raw.tag_encoding)),
            ("length", "length", span(&raw.length)),
            (
                "length_encoding",
                "length_encoding",
                span(&raw.length_encoding),
            ),
            ("counts", "counts", span(&raw.counts)),
            ("tag_names", "tag_names", span(&raw.emv_names)),
            ("bitmap", "bitmap", span(&raw.bitmap)),
            ("bitmap_bytes", "bitmap_bytes", span(&raw.bitmap_bytes)),
            (
                "count_includes_header",
                "count_includes_header",
                span(&raw.count_includes_header),
            ),
        ];
        for (what, key, span) in keys {
            if let Some(span) = span
                && !kind.uses(key)
            {
                let kind = word_of(&LAYOUT_WORDS, kind);
                self.error(span, format!("{what} means nothing in a {kind} layout"));
            }
        }
    }

    fn check_tags(&mut self, raw: &RawLayout, kind: &LayoutKind) {
        for (tag, part) in &raw.table {
            if let Some(mistake) = tag::mistake(tag, kind) {
                let message = format!("no value can have the tag '{tag}'");
                self.error_with_help(part.span.clone(), message, &mistake);
            }
        }
    }

    fn tags(&mut self, raw: &RawLayout) -> BTreeMap<Box<str>, PartDefinition> {
        raw.table
            .iter()
            .map(|(tag, part)| {
                for (key, at) in [("repeat", &part.repeat), ("count", &part.count)] {
                    if let Some(at) = at {
                        let message =
                            format!("{key} means nothing for a tag, which may come again");
                        self.error(at.span.clone(), message);
                    }
                }
                if let Some(at) = &part.prefix {
                    self.error(at.span.clone(), "the length of a tag is not in its value");
                }
                (tag.as_str().into(), self.part(tag, part))
            })
            .collect()
    }

    /// Parts in an order.
    fn sequence(&mut self, raw: Option<&At<Vec<RawPart>>>) -> Box<[PartDefinition]> {
        let mut parts: Vec<PartDefinition> = Vec::new();
        for (place, part) in raw.iter().flat_map(|raw| &raw.value).enumerate() {
            let definition = self.part(&(place + 1).to_string(), part);
            if let Some(before) = parts.last()
                && before.optional
                && !definition.optional
            {
                let message = format!(
                    "part {} follows an optional one and must be it, too",
                    place + 1
                );
                self.error(part.span.clone(), message);
            }
            if let Some(before) = parts.last()
                && (before.length == PartLength::Rest && before.content.is_some()
                    || before.repeat.is_some_and(|repeat| repeat.count.is_none()))
            {
                let message = format!(
                    "nothing is left for part {}: the one before goes to the end",
                    place + 1
                );
                self.error(part.span.clone(), message);
            }
            if let Some(count) = definition.repeat.and_then(|repeat| repeat.count) {
                let counter = parts.get_mut(usize::from(count).saturating_sub(1));
                let is_number = |counter: &PartDefinition| {
                    counter.content == Some(Content::N)
                        && matches!(counter.length, PartLength::Fixed(1..=4))
                        && counter.repeat.is_none()
                };
                match counter.filter(|counter| is_number(counter)) {
                    Some(counter) => counter.is_counter = true,
                    None => {
                        let span = part.count.as_ref().and_then(|at| at.span.clone());
                        let message = format!("part {count} does not count what comes after it");
                        self.error_with_help(span, message, "count names a part before, n1 to n4");
                    }
                }
            }
            parts.push(definition);
        }
        if parts.is_empty() {
            let span = raw.and_then(|raw| raw.span.clone());
            self.error_with_help(
                span,
                "it has no parts",
                "parts = [{ name = \"…\", type = \"n2\" }]",
            );
        }
        // A later count would hide an earlier one that is still needed.
        let counters = parts.iter().filter(|part| part.is_counter).count();
        let repeats = parts
            .iter()
            .filter(|part| part.repeat.is_some_and(|repeat| repeat.count.is_some()))
            .count();
        if counters > 1 && counters != repeats {
            let span = raw.and_then(|raw| raw.span.clone());
            self.error(span, "each repeated part needs a count of its own");
        }
        parts.into()
    }

    fn part(&mut self, tag: &str, raw: &RawPart) -> PartDefinition {
        let layout = raw.layout.as_ref().and_then(|name| self.id(name));
        let shape = raw.shape.as_ref().and_then(|shape| shape.value);
        if raw.repeat.is_none()
            && let Some(count) = &raw.count
        {
            let help = "repeat = 8: the most that there are";
            self.error_with_help(
                count.span.clone(),
                "count means nothing without repeat",
                help,
            );
        }
        if let (Some(encoding), Some((content, _))) = (&raw.encoding, shape) {
            let fits = match content {
                Content::B => matches!(encoding.value, Encoding::Raw | Encoding::HexText),
                Content::N | Content::Z => {
                    !matches!(encoding.value, Encoding::Raw | Encoding::HexText)
                }
                _ => matches!(encoding.value, Encoding::Ascii | Encoding::Ebcdic(_)),
            };
            if !fits {
                let message = format!(
                    "part {tag}: content {content} cannot be written as {}",
                    encoding.value
                );
                self.error(encoding.span.clone(), message);
            }
        }
        PartDefinition {
            name: value_or(&raw.name, format!("Part {tag}")).into(),
            content: shape.map(|(content, _)| content),
            length: shape.map_or(PartLength::Rest, |(_, length)| length),
            encoding: raw.encoding.as_ref().map(|at| at.value),
            prefix: raw.prefix.as_ref().map(|at| at.value),
            counts: value_or(&raw.counts, Counts::Value),
            pad: value_or(&raw.pad, PadSide::Left),
            filler: value_or(&raw.filler, Filler::Zero),
            sensitive: raw.sensitive.as_ref().map(|at| at.value),
            optional: value_or(&raw.optional, false),
            repeat: raw.repeat.as_ref().map(|max| Repeat {
                max: max.value,
                count: raw.count.as_ref().map(|count| count.value),
            }),
            is_counter: false,
            layout,
        }
    }

    /// Parts without a type: can anybody tell how long they are?
    fn check_groups(&mut self, natures: &[Nature], raw: &RawLayout) {
        for at in [&raw.parts, &raw.leading].into_iter().flatten() {
            let count = at.value.len();
            for (place, part) in at.value.iter().enumerate() {
                let is_last = place + 1 == count && part.repeat.is_none() && raw.leading.is_none();
                self.check_group(natures, &(place + 1).to_string(), part, is_last);
            }
        }
        let is_bitmapped = raw
            .kind
            .as_ref()
            .is_some_and(|kind| kind.value == Kind::Bitmapped);
        if is_bitmapped {
            for (bit, part) in &raw.table {
                self.check_group(natures, bit, part, false);
            }
        }
    }

    fn check_group(&mut self, natures: &[Nature], tag: &str, part: &RawPart, may_be_open: bool) {
        if part.shape.is_some() {
            return;
        }
        let Some(name) = &part.layout else {
            let message = format!("part {tag} has neither a type nor a layout");
            self.error_with_help(part.span.clone(), message, "type = \"n6\", for example");
            return;
        };
        let place = self.names.binary_search(&name.value.as_str()).ok();
        let inner = place.and_then(|place| natures.get(place));
        if !may_be_open && !inner.is_some_and(|inner| inner.is_closed) {
            let message = format!(
                "part {tag}: where it ends nobody can tell, for its layout '{}' goes to the end",
                name.value
            );
            self.error_with_help(
                name.span.clone(),
                message,
                "give it a type: ans..99, for example",
            );
        }
    }
}
