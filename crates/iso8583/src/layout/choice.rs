//! Which layout the value of a field has in a message.

use super::cells::Cells;
use super::walk::{Parts, Scope};
use super::{Choice, Layout};
use crate::charset::Charset;
use crate::dialect::Dialect;
use crate::field::{Encoding, PadSide};
use crate::mti::Mti;
use crate::presence::Pattern;
use crate::view::View;

impl<'a> View<'a> {
    /// The parts of a field. `None`: it is not there, or none of its layouts is for such a value in such a message.
    #[must_use]
    pub fn parts(&self, number: u8) -> Option<Parts<'a>> {
        let layout = self.layout(number)?;
        let scope = Scope {
            dialect: self.dialect(),
            field: number,
            depth: 0,
            sensitive: None,
        };
        Some(Parts::new(scope, layout, self.cells(number)?))
    }

    /// The layout that the value of a field has in this message.
    #[must_use]
    pub fn layout(&self, number: u8) -> Option<&'a Layout> {
        let dialect = self.dialect();
        let choices = dialect.layouts.choices(number);
        if choices.is_empty() || !self.has(number) {
            return None;
        }
        let cells = self.cells(number)?;
        let choice = choices.iter().find(|choice| {
            choice.is_for(self.mti())
                && choice.allows(cells.count(), |text| {
                    cells.begins_with(text, charset(dialect))
                })
                && choice.when.iter().all(|condition| condition.holds(self))
        })?;
        dialect.layouts.get(choice.layout)
    }

    /// The cells of a field's value.
    pub(crate) fn cells(&self, number: u8) -> Option<Cells<'a>> {
        let field = self.dialect().field(number)?;
        let element = self.element(number)?;
        let units = match (field.encoding, element.prefix.is_empty()) {
            (Encoding::Bcd, _) => element.units,
            _ => element.wire.len(),
        };
        Some(Cells::of_field(
            element.wire,
            self.wire_range(number)?.start,
            field.encoding,
            units,
            field.pad == PadSide::Left,
        ))
    }
}

impl Choice {
    pub(crate) fn is_for(&self, mti: Mti) -> bool {
        let digits = mti.digits();
        let matches = |pattern: &Pattern| {
            let mut places = digits.iter().enumerate();
            places.all(|(place, digit)| pattern.allows(place, digit.wrapping_sub(b'0')))
        };
        self.mtis.is_empty() || self.mtis.iter().any(matches)
    }

    /// Is it for a value of this length, which `begins` so?
    pub(crate) fn allows(&self, length: usize, begins: impl Fn(&str) -> bool) -> bool {
        let length_fits = self.lengths.is_empty()
            || self
                .lengths
                .iter()
                .any(|wanted| usize::from(*wanted) == length);
        length_fits && self.starts.as_deref().is_none_or(begins)
    }
}

/// The character set of text in binary values.
pub(crate) fn charset(dialect: &Dialect) -> Charset {
    match dialect.defaults.text {
        Encoding::Ebcdic(page) => Charset::Ebcdic(page),
        _ => Charset::Ascii,
    }
}
