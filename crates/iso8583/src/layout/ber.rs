//! BER-TLV, by the rules of [`crate::tlv`], over a value that need not be plain bytes.

use std::collections::BTreeMap;

use super::error::{LayoutError, LayoutErrorKind as Kind};
use super::part::{Part, PartTag};
use super::read;
use super::walk::Cursor;
use super::{Layout, PartDefinition};
use crate::tlv;

pub(super) struct Ber<'a> {
    pub(super) layout: &'a Layout,
    pub(super) tags: &'a BTreeMap<Box<str>, PartDefinition>,
    pub(super) emv_names: bool,
}

impl<'a> Ber<'a> {
    pub(super) fn next(&self, cursor: &mut Cursor<'a>) -> Result<Option<Part<'a>>, LayoutError> {
        // EMV 4.3 Book 3 Annex B1: '00' bytes around elements carry nothing.
        while cursor.rest.cell(0) == Some(0) {
            match cursor.rest.split(1) {
                Some((_, rest)) => cursor.rest = rest,
                None => break,
            }
        }
        if cursor.is_at_end() {
            return Ok(None);
        }
        let whole = cursor.rest;
        let head = tlv::Head::read(|place| whole.cell(place), whole.count()).map_err(|error| {
            let offset = whole.offset_of(error.offset);
            cursor.scope.error(None, offset, Kind::Ber(error.kind))
        })?;
        let tag = PartTag::Ber(head.tag);
        cursor.take(head.bytes, tag)?;
        let taken = cursor.take(head.length, tag)?;
        let definition = match self.tags.is_empty() {
            true => None,
            false => {
                let text = super::part::TagText::of_number(head.tag.0);
                self.tags.get(text.as_str())
            }
        };
        let cells = match definition {
            Some(definition) => read::announced_value(cursor, tag, definition, taken)?,
            None => taken,
        };
        let element = whole.before(cursor.rest).range();
        Ok(Some(Part {
            template: head.is_constructed.then_some(self.layout),
            has_emv_name: self.emv_names,
            ..cursor.scope.part(tag, definition, element, cells)
        }))
    }
}
