//! What is particular to the kinds of layouts: tags, templates, bitmaps and tokens.

use std::collections::BTreeMap;

use super::made::{Form, Made, check, hex};
use super::write::{Writer, numbered, parts, refuse};
use super::{ComposeErrorKind as Kind, Node, NodeContent, Refusal};
use crate::charset::Charset;
use crate::dialect::Dialect;
use crate::field::{BitmapEncoding, Content, Counts, Encoding, Length};
use crate::layout::{Key, PartDefinition, PartLength};
use crate::mask::bytes_of_hex;
use crate::tlv;

impl Writer<'_> {
    pub(super) fn tagged(
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

    pub(super) fn ber(
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

    pub(super) fn bitmapped(
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

    pub(super) fn tokens(
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
