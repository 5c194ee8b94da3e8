//! What can be read of a message that is not in order.

use crate::dialect::Dialect;
use crate::field_set::FieldSet;
use crate::mti::Mti;
use crate::view::View;

/// What could be read of a message before an error; of a message without error, all of it.
#[derive(Clone, Debug)]
pub struct PartialView<'a> {
    pub(crate) header: Option<&'a [u8]>,
    pub(crate) mti: Option<Mti>,
    announced: FieldSet,
    view: View<'a>,
    readable: bool,
}

impl<'a> PartialView<'a> {
    pub(crate) fn empty(dialect: &'a Dialect, bytes: &'a [u8]) -> PartialView<'a> {
        let view = View::empty(dialect, bytes);
        PartialView {
            header: None,
            mti: None,
            announced: FieldSet::EMPTY,
            view,
            readable: false,
        }
    }

    /// From here on there is a view: header, MTI and bitmaps were read and end at `offset`.
    pub(crate) fn open_view(&mut self, mti: Mti, announced: FieldSet, offset: usize) {
        self.announced = announced;
        self.readable = true;
        self.view.begin(mti, offset);
    }

    /// More fields are announced: a third bitmap was read.
    pub(crate) fn announce(&mut self, announced: FieldSet) {
        self.announced = announced;
    }

    /// Takes up an element that was read.
    pub(crate) fn push(&mut self, number: u8, start: usize, end: usize) {
        self.view.push(number, start, end);
    }

    pub(crate) fn into_view(self) -> View<'a> {
        self.view
    }

    /// What stands before the MTI, if that much is there.
    #[must_use]
    pub fn header(&self) -> Option<&'a [u8]> {
        self.header
    }

    /// The message type, if it is there and readable.
    #[must_use]
    pub fn mti(&self) -> Option<Mti> {
        self.mti
    }

    /// The fields that the bitmaps announce, if they are there and readable.
    #[must_use]
    pub fn announced(&self) -> FieldSet {
        self.announced
    }

    /// The fields that could be read, once MTI and bitmaps were.
    #[must_use]
    pub fn view(&self) -> Option<&View<'a>> {
        self.readable.then_some(&self.view)
    }

    /// The fields that could be read.
    #[must_use]
    pub fn fields(&self) -> FieldSet {
        self.view.fields()
    }

    /// Where the last field that could be read ends (or the bitmaps, if there is none).
    #[must_use]
    pub fn end(&self) -> usize {
        self.view.end()
    }
}
