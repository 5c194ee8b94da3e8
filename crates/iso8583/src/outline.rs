//! A message of which only the structure was read: enough to route it, or to find the one field that is wanted.

use core::fmt;
use core::ops::Range;

use crate::decode;
use crate::dialect::Dialect;
use crate::error::DecodeError;
use crate::field_set::FieldSet;
use crate::mti::Mti;
use crate::scan::Depth;
use crate::view::View;

/// A message whose MTI, bitmaps and lengths are in order and which ends where its last field ends. What its fields hold was
/// not looked at, so there are no typed values, only bytes; [`Outline::check`] makes a [`View`] of it.
#[derive(Clone)]
pub struct Outline<'a>(View<'a>);

impl Dialect {
    /// Reads the structure of a message: its fields and where they stand. Half the cost of [`Dialect::view`].
    ///
    /// # Errors
    /// If lengths or bitmaps are wrong: the first thing that is wrong with the message, which may be what a field holds.
    #[inline(never)]
    pub fn outline<'a>(&'a self, bytes: &'a [u8]) -> Result<Outline<'a>, DecodeError> {
        let mut result = Ok(Outline(View::empty(self, bytes)));
        if let Ok(Outline(view)) = &mut result
            && !view.scan(Depth::Structure)
        {
            result = outline_with_care(self, bytes);
        }
        result
    }
}

/// Whatever has no structure is wrong by the careful decoder's measure, too. It says what is.
#[cold]
fn outline_with_care<'a>(
    dialect: &'a Dialect,
    bytes: &'a [u8],
) -> Result<Outline<'a>, DecodeError> {
    let (partial, error) = decode::decode(dialect, bytes);
    match error {
        Some(error) => Err(error),
        None => Ok(Outline(partial.into_view())),
    }
}

impl<'a> Outline<'a> {
    /// The dialect it was read in.
    #[must_use]
    pub fn dialect(&self) -> &'a Dialect {
        self.0.dialect()
    }

    /// The whole message.
    #[must_use]
    pub fn bytes(&self) -> &'a [u8] {
        self.0.bytes()
    }

    /// What stands before the MTI.
    #[must_use]
    pub fn header(&self) -> &'a [u8] {
        self.0.header()
    }

    /// The message type.
    #[must_use]
    pub fn mti(&self) -> Mti {
        self.0.mti()
    }

    /// The fields that are there, 2 to 192.
    #[must_use]
    pub fn fields(&self) -> FieldSet {
        self.0.fields()
    }

    /// Is the field there?
    #[must_use]
    pub fn has(&self, number: u8) -> bool {
        self.0.has(number)
    }

    /// The field's bytes as on the wire, without its length prefix. They were not checked.
    #[must_use]
    pub fn wire(&self, number: u8) -> Option<&'a [u8]> {
        self.0.wire(number)
    }

    /// Where the field's value stands in the message, without its length prefix.
    #[must_use]
    pub fn wire_range(&self, number: u8) -> Option<Range<usize>> {
        self.0.wire_range(number)
    }

    /// Where the field stands in the message, with its length prefix.
    #[must_use]
    pub fn element_range(&self, number: u8) -> Option<Range<usize>> {
        self.0.element_range(number)
    }

    /// Checks what the fields hold: the whole message is read again.
    ///
    /// # Errors
    /// As for [`Dialect::view`].
    pub fn check(&self) -> Result<View<'a>, DecodeError> {
        self.dialect().view(self.bytes())
    }
}

/// Names the fields, shows no values.
impl fmt::Debug for Outline<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outline")
            .field("dialect", &self.dialect().name())
            .field("mti", &self.mti())
            .field("fields", &self.fields())
            .field("length", &self.bytes().len())
            .finish()
    }
}
