//! One layout after the other, the inverse of reading it.

use std::collections::BTreeMap;

use super::made::{Form, Made, check};
use super::{ComposeErrorKind as Kind, Node, NodeContent, Refusal};
use crate::charset::Charset;
use crate::dialect::Dialect;
use crate::error::EncodeErrorKind as Fault;
use crate::field::{Content, Counts, Encoding, Field, Length, Sensitive};
use crate::layout::choice;
use crate::layout::{LAYOUT_DEPTH_MAX, Layout, LayoutKind, PartDefinition, PartLength};
use crate::mask::bytes_of_hex;
use crate::tlv;

pub(super) fn refuse<T>(kind: Kind) -> Result<T, Refusal> {
    Err(Refusal::of(kind))
}

fn value_refusal((offset, kind): (usize, Fault)) -> Refusal {
    Refusal::of(Kind::Value { offset, kind })
}

/// The value that these parts make in this form.
pub(super) fn parts(
    dialect: &Dialect,
    layout: &Layout,
    nodes: &[Node],
    form: Form,
    depth: usize,
) -> Result<Made, Refusal> {
    if depth > LAYOUT_DEPTH_MAX + tlv::DEPTH_MAX {
        return refuse(Kind::WrongKind);
    }
    let writer = Writer {
        dialect,
        layout,
        depth,
    };
    let mut made = Made::new(form);
    match &layout.kind {
        LayoutKind::Positional { parts } => writer.sequence(parts, nodes, &mut made)?,
        LayoutKind::Tagged {
            leading,
            tag,
            length,
            counts,
            tags,
        } => {
            let is_leading = |node: &&Node| {
                let number = node.tag.parse::<usize>().ok();
                number.is_some_and(|number| (1..=leading.len()).contains(&number))
                    && !node.tag.starts_with('0')
            };
            let first: Vec<Node> = nodes.iter().filter(is_leading).cloned().collect();
            writer.sequence(leading, &first, &mut made)?;
            for (node, times) in numbered(nodes).filter(|(node, _)| !is_leading(node)) {
                writer
                    .tagged(node, *tag, *length, *counts, tags, &mut made)
                    .map_err(|refusal| refusal.within(&node.tag, times))?;
            }
        }
        LayoutKind::BerTlv { tags, .. } => {
            let mut bytes = Made::new(Form::Bytes);
            for (node, times) in numbered(nodes) {
                writer
                    .ber(node, tags, &mut bytes)
                    .map_err(|refusal| refusal.within(&node.tag, times))?;
            }
            match form {
                Form::Bytes => made = bytes,
                Form::Text(_) | Form::Digits => made.push_text(&bytes.into_text()),
            }
        }
        LayoutKind::Bitmapped {
            bitmap,
            bytes,
            parts,
        } => writer.bitmapped(nodes, *bitmap, usize::from(*bytes), parts, &mut made)?,
        LayoutKind::Base24Tokens {
            count_includes_header,
            tags,
        } => {
            let text = match form {
                Form::Bytes => Form::Text(choice::charset(dialect)),
                form => form,
            };
            let tokens = writer.tokens(nodes, *count_includes_header, tags, text)?;
            match form {
                Form::Bytes => {
                    let bytes = tokens.encoded().map_err(|(offset, character)| {
                        value_refusal((offset, Fault::NotText(character)))
                    })?;
                    made.push_bytes(&bytes);
                }
                Form::Text(_) | Form::Digits => made = tokens,
            }
        }
    }
    Ok(made)
}

/// Each node with how many of its tag there were, with it.
pub(super) fn numbered(nodes: &[Node]) -> impl Iterator<Item = (&Node, usize)> {
    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    nodes.iter().map(move |node| {
        let times = seen.entry(&node.tag).or_default();
        *times += 1;
        (node, *times)
    })
}

pub(super) struct Writer<'d> {
    pub(super) dialect: &'d Dialect,
    pub(super) layout: &'d Layout,
    pub(super) depth: usize,
}

impl Writer<'_> {
    fn sequence(
        &self,
        definitions: &[PartDefinition],
        nodes: &[Node],
        made: &mut Made,
    ) -> Result<(), Refusal> {
        let mut of_part: Vec<Vec<&Node>> = vec![Vec::new(); definitions.len()];
        for (node, times) in numbered(nodes) {
            let number = node
                .tag
                .parse::<usize>()
                .ok()
                .filter(|_| !node.tag.starts_with(['0', '+']));
            let place = number.and_then(|number| of_part.get_mut(number.checked_sub(1)?));
            match place {
                Some(place) => place.push(node),
                None => return Err(Refusal::of(Kind::UnknownPart).within(&node.tag, times)),
            }
        }
        let last = of_part.iter().rposition(|nodes| !nodes.is_empty());
        for (place, (definition, nodes)) in definitions.iter().zip(&of_part).enumerate() {
            let tag = (place + 1).to_string();
            let within = |refusal: Refusal| refusal.within(&tag, 1);
            if definition.optional && nodes.is_empty() && last.is_none_or(|last| last < place) {
                return Ok(());
            }
            let max = definition
                .repeat
                .map_or(1, |repeat| usize::from(repeat.max));
            if nodes.len() > max {
                return Err(within(Refusal::of(Kind::TooMany { max })));
            }
            // What counts another part need not be given.
            let counted = definitions.iter().zip(&of_part).find_map(|(other, nodes)| {
                let count = other.repeat?.count?;
                (usize::from(count) == place + 1).then_some(nodes.len())
            });
            match (nodes.as_slice(), counted, definition.repeat) {
                (_, _, Some(_)) => {}
                ([], Some(count), None) => {
                    let digits = match definition.length {
                        PartLength::Fixed(digits) => usize::from(digits),
                        _ => 0,
                    };
                    let text = format!("{count:0digits$}");
                    self.value(definition, &text, made).map_err(within)?;
                    continue;
                }
                ([], None, None) => return Err(within(Refusal::of(Kind::Missing))),
                ([node, ..], Some(given), None) => {
                    let said = match &node.content {
                        NodeContent::Value(text) => text.parse().ok(),
                        NodeContent::Parts(_) => None,
                    };
                    if let Some(said) = said.filter(|said| *said != given) {
                        return Err(within(Refusal::of(Kind::CountDiffers { said, given })));
                    }
                }
                _ => {}
            }
            for (times, node) in nodes.iter().enumerate() {
                self.part(definition, node, made)
                    .map_err(|refusal| refusal.within(&tag, times + 1))?;
            }
        }
        Ok(())
    }

    /// A part that says itself how long it is.
    pub(super) fn part(
        &self,
        definition: &PartDefinition,
        node: &Node,
        made: &mut Made,
    ) -> Result<(), Refusal> {
        match definition.content {
            None => {
                let inner = self.raw(definition, node, made.form)?;
                made.append(&inner);
                Ok(())
            }
            Some(content) => {
                let text = self.text(definition, content, node, made.form)?;
                self.value(definition, &text, made)
            }
        }
    }

    /// What has no type of its own: its parts, or characters or bytes of any kind.
    fn raw(&self, definition: &PartDefinition, node: &Node, form: Form) -> Result<Made, Refusal> {
        let inner = definition
            .layout
            .and_then(|id| self.dialect.layouts.get(id));
        match (&node.content, inner) {
            (NodeContent::Parts(nodes), Some(inner)) => {
                parts(self.dialect, inner, nodes, form, self.depth + 1)
            }
            (NodeContent::Parts(_), None) => refuse(Kind::WrongKind),
            (NodeContent::Value(text), _) => untyped(text, form),
        }
    }

    /// The text of a part that has a type: given, or made of its own parts.
    fn text(
        &self,
        definition: &PartDefinition,
        content: Content,
        node: &Node,
        form: Form,
    ) -> Result<String, Refusal> {
        let nodes = match &node.content {
            NodeContent::Value(text) => return Ok(text.clone()),
            NodeContent::Parts(nodes) => nodes,
        };
        let inner = definition
            .layout
            .and_then(|id| self.dialect.layouts.get(id));
        let Some(inner) = inner else {
            return refuse(Kind::WrongKind);
        };
        let form = match (form, content) {
            (Form::Text(_), Content::B) => Form::Bytes,
            (Form::Bytes, content) => {
                match definition.encoding_in_bytes(content, &self.dialect.defaults) {
                    Encoding::Ascii => Form::Text(Charset::Ascii),
                    Encoding::Ebcdic(page) => Form::Text(Charset::Ebcdic(page)),
                    Encoding::Bcd => Form::Digits,
                    Encoding::Raw | Encoding::HexText => Form::Bytes,
                }
            }
            (form, _) => form,
        };
        let made = parts(self.dialect, inner, nodes, form, self.depth + 1)?;
        Ok(made.into_text())
    }

    /// A value with what says how long it is.
    fn value(
        &self,
        definition: &PartDefinition,
        text: &str,
        made: &mut Made,
    ) -> Result<(), Refusal> {
        let content = definition.content.unwrap_or(Content::Ans);
        if made.form == Form::Bytes {
            let length = match definition.length {
                PartLength::Fixed(units) => Length::Fixed(units),
                PartLength::Variable { digits, max } => Length::Variable {
                    digits,
                    prefix: definition.prefix.unwrap_or(self.dialect.defaults.prefix),
                    max,
                },
                PartLength::Rest => return self.rest(definition, content, text, made),
            };
            let field = self.field(definition, content, length);
            return made.push_as_field(&field, text).map_err(value_refusal);
        }
        let units = text_units(made.form, content, text)?;
        let length = match (definition.length, content) {
            // The bytes of a fixed part have two characters each.
            (PartLength::Fixed(units), Content::B) => PartLength::Fixed(units.saturating_mul(2)),
            (length, _) => length,
        };
        check_length(length, units)?;
        if let PartLength::Variable { digits, .. } = definition.length {
            let digits = usize::from(digits);
            let announced = match definition.counts {
                Counts::Value | Counts::Bytes => units,
                Counts::Element => units + digits,
            };
            let prefix = format!("{announced:0digits$}");
            if prefix.len() > digits {
                let max = 10_usize.pow(u32::try_from(digits).unwrap_or_default()) - 1;
                return refuse(Kind::TooLong {
                    length: announced,
                    max,
                });
            }
            made.push_text(&prefix);
        }
        push_checked(made, content, text);
        Ok(())
    }

    /// A value to the end, or one whose length a tag announces.
    fn rest(
        &self,
        definition: &PartDefinition,
        content: Content,
        text: &str,
        made: &mut Made,
    ) -> Result<(), Refusal> {
        let encoding = definition.encoding_in_bytes(content, &self.dialect.defaults);
        let units = match encoding {
            Encoding::Raw | Encoding::HexText => text.len() / 2,
            _ => text.chars().count(),
        };
        // Whole bytes are announced: a filler that is a digit would be read as one.
        let is_odd = encoding == Encoding::Bcd && !units.is_multiple_of(2);
        if is_odd && !matches!(definition.length, PartLength::Fixed(_)) {
            return Err(value_refusal((0, Fault::LengthOdd { length: units })));
        }
        let Ok(length) = u16::try_from(units) else {
            return refuse(Kind::TooLong {
                length: units,
                max: usize::from(u16::MAX),
            });
        };
        if units == 0 && text.is_empty() {
            return Ok(());
        }
        let field = self.field(definition, content, Length::Fixed(length));
        made.push_as_field(&field, text).map_err(value_refusal)
    }

    /// The part as a field of bytes.
    pub(super) fn field(
        &self,
        definition: &PartDefinition,
        content: Content,
        length: Length,
    ) -> Field {
        Field {
            number: 0,
            name: definition.name.clone(),
            content,
            encoding: definition.encoding_in_bytes(content, &self.dialect.defaults),
            length,
            pad: definition.pad,
            filler: definition.filler,
            counts: match length {
                Length::Fixed(_) => Counts::Value,
                Length::Variable { .. } => definition.counts,
            },
            fill: None,
            sensitive: Sensitive::No,
        }
    }

    /// The value of a tag, which announces its length.
    pub(super) fn announced(
        &self,
        definition: Option<&PartDefinition>,
        node: &Node,
        form: Form,
    ) -> Result<Made, Refusal> {
        let Some(definition) = definition else {
            return match &node.content {
                NodeContent::Value(text) => untyped(text, form),
                NodeContent::Parts(_) => refuse(Kind::WrongKind),
            };
        };
        let Some(content) = definition.content else {
            return self.raw(definition, node, form);
        };
        let text = self.text(definition, content, node, form)?;
        let mut made = Made::new(form);
        let units = match form {
            Form::Bytes => {
                self.rest(definition, content, &text, &mut made)?;
                match definition.encoding_in_bytes(content, &self.dialect.defaults) {
                    Encoding::Raw | Encoding::HexText => text.len() / 2,
                    _ => text.chars().count(),
                }
            }
            form => {
                let units = text_units(form, content, &text)?;
                push_checked(&mut made, content, &text);
                match content {
                    Content::B => units / 2,
                    _ => units,
                }
            }
        };
        check_length(definition.length, units)?;
        Ok(made)
    }
}

/// A value about which nothing is known but what it is made of.
fn untyped(text: &str, form: Form) -> Result<Made, Refusal> {
    let mut made = Made::new(form);
    match form {
        Form::Text(charset) => {
            check(charset, Content::Ans, text).map_err(value_refusal)?;
            made.push_text(text);
        }
        Form::Digits => {
            check(Charset::Ascii, Content::Z, text).map_err(value_refusal)?;
            made.push_text(text);
        }
        Form::Bytes => {
            check(Charset::Ascii, Content::B, text).map_err(value_refusal)?;
            match bytes_of_hex(text) {
                Some(bytes) => made.push_bytes(&bytes),
                None => {
                    let kind = Fault::LengthOdd { length: text.len() };
                    return Err(value_refusal((0, kind)));
                }
            }
        }
    }
    Ok(made)
}

/// Characters, digits, or hex characters of a value in text or digits; it is of its content class.
fn text_units(form: Form, content: Content, text: &str) -> Result<usize, Refusal> {
    let charset = match form {
        Form::Text(charset) => charset,
        Form::Digits | Form::Bytes => Charset::Ascii,
    };
    check(charset, content, text).map_err(value_refusal)?;
    let units = text.chars().count();
    if content == Content::B && !units.is_multiple_of(2) {
        return Err(value_refusal((0, Fault::LengthOdd { length: units })));
    }
    Ok(units)
}

fn push_checked(made: &mut Made, content: Content, text: &str) {
    match (content, made.form) {
        (Content::B, _) => made.push_text(&text.to_ascii_uppercase()),
        // The separator of packed tracks is D.
        (Content::Z, Form::Digits) => made.push_text(&text.replace('=', "D")),
        _ => made.push_text(text),
    }
}

fn check_length(length: PartLength, units: usize) -> Result<(), Refusal> {
    let kind = match length {
        PartLength::Fixed(expected) if usize::from(expected) != units => Fault::LengthWrong {
            length: units,
            expected: usize::from(expected),
        },
        PartLength::Variable { max, .. } if units > usize::from(max) => Fault::LengthTooLong {
            length: units,
            max: usize::from(max),
        },
        _ => return Ok(()),
    };
    Err(value_refusal((0, kind)))
}
