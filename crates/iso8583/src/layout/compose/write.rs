//! One layout after the other, the inverse of reading it.

use std::collections::BTreeMap;

use super::made::{Form, Made, check, hex};
use super::{ComposeErrorKind as Kind, Node, NodeContent, Refusal};
use crate::charset::Charset;
use crate::dialect::Dialect;
use crate::error::EncodeErrorKind as Fault;
use crate::field::{BitmapEncoding, Content, Counts, Encoding, Field, Length, Sensitive};
use crate::layout::choice;
use crate::layout::{Key, LAYOUT_DEPTH_MAX, Layout, LayoutKind, PartDefinition, PartLength};
use crate::mask::bytes_of_hex;
use crate::tlv;

fn refuse<T>(kind: Kind) -> Result<T, Refusal> {
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
fn numbered(nodes: &[Node]) -> impl Iterator<Item = (&Node, usize)> {
    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    nodes.iter().map(move |node| {
        let times = seen.entry(&node.tag).or_default();
        *times += 1;
        (node, *times)
    })
}

struct Writer<'d> {
    dialect: &'d Dialect,
    layout: &'d Layout,
    depth: usize,
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
    fn part(
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
    fn field(&self, definition: &PartDefinition, content: Content, length: Length) -> Field {
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
    fn announced(
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

    fn tagged(
        &self,
        node: &Node,
        tag: Key,
        length: Key,
        counts: Counts,
        tags: &BTreeMap<Box<str>, PartDefinition>,
        made: &mut Made,
    ) -> Result<(), Refusal> {
        let value = self.announced(tags.get(node.tag.as_str()), node, made.form)?;
        let before = made.count();
        self.key(tag, &node.tag, made)?;
        let tag_count = made.count() - before;
        let length_count = match (made.form, self.key_encoding(length)) {
            (Form::Bytes, Encoding::Bcd) => usize::from(length.units).div_ceil(2),
            _ => usize::from(length.units),
        };
        let announced = value.count()
            + match counts {
                Counts::Value => 0,
                Counts::Bytes => length_count,
                Counts::Element => length_count + tag_count,
            };
        let units = usize::from(length.units);
        let is_binary = made.form == Form::Bytes
            && matches!(self.key_encoding(length), Encoding::Raw | Encoding::HexText);
        let (text, max) = match is_binary {
            true => {
                let max = 256_usize.saturating_pow(u32::from(length.units)) - 1;
                (format!("{announced:0width$X}", width = units * 2), max)
            }
            false => {
                let max = 10_usize.saturating_pow(u32::from(length.units)) - 1;
                (format!("{announced:0units$}"), max)
            }
        };
        if announced > max {
            return refuse(Kind::TooLong {
                length: announced,
                max,
            });
        }
        self.key(length, &text, made)?;
        made.append(&value);
        Ok(())
    }

    fn key_encoding(&self, key: Key) -> Encoding {
        key.encoding.unwrap_or(match key.content {
            Content::B => Encoding::Raw,
            content => Dialect::default_encoding(&self.dialect.defaults, content),
        })
    }

    /// A tag or a length.
    fn key(&self, key: Key, text: &str, made: &mut Made) -> Result<(), Refusal> {
        let units = usize::from(key.units);
        let not_a_tag = |_| Refusal::of(Kind::NotATag);
        match made.form {
            Form::Text(charset) => {
                let content = match key.content {
                    Content::B => Content::Ans,
                    content => content,
                };
                if text.chars().count() != units || check(charset, content, text).is_err() {
                    return refuse(Kind::NotATag);
                }
                made.push_text(text);
                Ok(())
            }
            Form::Digits => {
                if text.len() != units || !text.bytes().all(|digit| digit.is_ascii_digit()) {
                    return refuse(Kind::NotATag);
                }
                made.push_text(text);
                Ok(())
            }
            Form::Bytes => {
                let encoding = self.key_encoding(key);
                let content = match encoding {
                    Encoding::Raw | Encoding::HexText => Content::B,
                    Encoding::Bcd => Content::N,
                    _ if key.content == Content::B => Content::Ans,
                    _ => key.content,
                };
                let definition = PartDefinition {
                    content: Some(content),
                    length: PartLength::Fixed(u16::from(key.units)),
                    encoding: Some(match encoding {
                        Encoding::HexText => Encoding::Raw,
                        encoding => encoding,
                    }),
                    ..PartDefinition::unnamed()
                };
                let field = self.field(&definition, content, Length::Fixed(u16::from(key.units)));
                made.push_as_field(&field, text).map_err(not_a_tag)
            }
        }
    }

    fn ber(
        &self,
        node: &Node,
        tags: &BTreeMap<Box<str>, PartDefinition>,
        made: &mut Made,
    ) -> Result<(), Refusal> {
        let mut tag = bytes_of_hex(&node.tag).unwrap_or_default();
        let tag_bytes = tag.len();
        tag.push(0);
        let head = tlv::Head::read(|place| tag.get(place).copied(), tag.len());
        let head = head
            .ok()
            .filter(|head| head.length == 0 && head.bytes == tag_bytes + 1);
        // Zero bytes before an element are skipped when it is read.
        let Some(head) = head.filter(|head| {
            head.tag.0 != 0 && node.tag == hex(tag.get(..tag_bytes).unwrap_or_default())
        }) else {
            return refuse(Kind::NotATag);
        };
        tag.pop();
        let definition = tags.get(node.tag.as_str());
        let has_layout = definition.is_some_and(|definition| definition.layout.is_some());
        let value = match &node.content {
            NodeContent::Parts(nodes) if head.is_constructed && !has_layout => parts(
                self.dialect,
                self.layout,
                nodes,
                Form::Bytes,
                self.depth + 1,
            )?,
            _ => self.announced(definition, node, Form::Bytes)?,
        };
        let length = value.count();
        match (length, u16::try_from(length)) {
            (0..=0x7F, _) => tag.push(length as u8),
            (0x80..=0xFF, _) => tag.extend([0x81, length as u8]),
            (_, Ok(length)) => {
                tag.push(0x82);
                tag.extend(length.to_be_bytes());
            }
            _ => {
                return refuse(Kind::TooLong {
                    length,
                    max: usize::from(u16::MAX),
                });
            }
        }
        made.push_bytes(&tag);
        made.append(&value);
        Ok(())
    }

    fn bitmapped(
        &self,
        nodes: &[Node],
        encoding: BitmapEncoding,
        bytes: usize,
        definitions: &BTreeMap<u8, PartDefinition>,
        made: &mut Made,
    ) -> Result<(), Refusal> {
        let mut by_bit: BTreeMap<u8, &Node> = BTreeMap::new();
        for (node, times) in numbered(nodes) {
            let bit = node
                .tag
                .parse::<u8>()
                .ok()
                .filter(|_| !node.tag.starts_with(['0', '+']));
            let bit = bit.filter(|bit| definitions.contains_key(bit));
            let kind = match bit {
                Some(bit) if by_bit.insert(bit, node).is_none() => continue,
                Some(_) => Kind::TooMany { max: 1 },
                None => Kind::UnknownPart,
            };
            return Err(Refusal::of(kind).within(&node.tag, times));
        }
        let bits = by_bit
            .keys()
            .fold(0_u128, |bits, bit| bits | 1 << (128 - u32::from(*bit)));
        let bitmap = bits.to_be_bytes();
        let bitmap = bitmap.get(..bytes).unwrap_or_default();
        match (made.form, encoding) {
            (Form::Text(_) | Form::Digits, _) => made.push_text(&hex(bitmap)),
            (Form::Bytes, BitmapEncoding::Binary) => made.push_bytes(bitmap),
            (Form::Bytes, BitmapEncoding::HexText) => made.push_bytes(hex(bitmap).as_bytes()),
            (Form::Bytes, BitmapEncoding::EbcdicHex) => {
                let table = &crate::charset::EBCDIC_FROM_LATIN1;
                let text = hex(bitmap);
                let bytes = text
                    .bytes()
                    .filter_map(|byte| table.get(usize::from(byte)).copied());
                made.push_bytes(&bytes.collect::<Vec<u8>>());
            }
        }
        for (bit, node) in by_bit {
            if let Some(definition) = definitions.get(&bit) {
                self.part(definition, node, made)
                    .map_err(|refusal| refusal.within(&node.tag, 1))?;
            }
        }
        Ok(())
    }

    fn tokens(
        &self,
        nodes: &[Node],
        count_includes_header: bool,
        tags: &BTreeMap<Box<str>, PartDefinition>,
        form: Form,
    ) -> Result<Made, Refusal> {
        /// `& `, and two numbers of five digits.
        const HEADER_CHARACTERS: usize = 12;
        const NUMBER_MAX: usize = 99_999;
        let number = |length: usize| match length <= NUMBER_MAX {
            true => Ok(format!("{length:05}")),
            false => refuse(Kind::TooLong {
                length,
                max: NUMBER_MAX,
            }),
        };
        let charset = match form {
            Form::Text(charset) => charset,
            Form::Digits | Form::Bytes => Charset::Ascii,
        };
        let mut body = Made::new(form);
        for (node, times) in numbered(nodes) {
            let within = |refusal: Refusal| refusal.within(&node.tag, times);
            if node.tag.chars().count() != 2 || check(charset, Content::Ans, &node.tag).is_err() {
                return Err(within(Refusal::of(Kind::NotATag)));
            }
            let value = self
                .announced(tags.get(node.tag.as_str()), node, form)
                .map_err(within)?;
            let length = number(value.count()).map_err(within)?;
            body.push_text(&format!("! {}{length} ", node.tag));
            body.append(&value);
        }
        let count = number(nodes.len() + usize::from(count_includes_header))?;
        let total = number(HEADER_CHARACTERS + body.count())?;
        let mut made = Made::new(form);
        made.push_text(&format!("& {count}{total}"));
        made.append(&body);
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
