//! A message of one dialect written in another, with single fields replaced, added or dropped on the way.

use core::ops::Range;
use std::sync::Arc;

use bytes::{BufMut, BytesMut};

use crate::build::Builder;
use crate::convert;
use crate::dialect::Dialect;
use crate::encode;
use crate::error::{EncodeError, EncodeErrorKind as Kind};
use crate::field::{Content, Encoding, Field, FieldSet, Length};
use crate::mti::Mti;
use crate::values::Stan;
use crate::view::View;

/// The way from one dialect to another, worked out once.
#[derive(Clone, Debug)]
pub struct Transcoder {
    from: Arc<Dialect>,
    to: Arc<Dialect>,
    carried: FieldSet,
    lenient: bool,
}

/// One change on the way.
#[derive(Clone, Copy, Debug)]
pub enum Edit<'a> {
    /// The field gets this value, as text in the target dialect, whether the message has it or not.
    Set(u8, &'a str),
    /// The field gets the value it has in this other message of the target dialect, bit for bit; if that message does
    /// not have it, the edit counts as not given.
    Copy(u8, &'a View<'a>),
    /// The field is left out.
    Drop(u8),
}

impl Edit<'_> {
    /// The field it is about.
    #[must_use]
    pub fn field(&self) -> u8 {
        match self {
            Edit::Set(number, _) | Edit::Copy(number, _) | Edit::Drop(number) => *number,
        }
    }
}

/// A message that was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// Where it stands in the output.
    pub message: Range<usize>,
    /// Where its STAN stands, if it has one.
    pub stan: Option<StanSlot>,
    /// What could not be carried and was left out; only of a lenient transcoder.
    pub dropped: FieldSet,
}

/// Why a message could not be written in the other dialect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TranscodeError {
    /// The other dialect does not define the field, or gives it a form that cannot hold such values.
    #[error("field {field} cannot be expressed in the other dialect")]
    NotCarried {
        /// The field.
        field: u8,
    },
    /// The value does not fit the field of the other dialect.
    #[error("{0}")]
    Value(EncodeError),
}

impl TranscodeError {
    /// The field it is about; 0 is the message as a whole.
    #[must_use]
    pub fn field(&self) -> u8 {
        match self {
            TranscodeError::NotCarried { field } => *field,
            TranscodeError::Value(error) => error.field,
        }
    }
}

impl Transcoder {
    /// A strict transcoder: a field that cannot be carried is an error. Right for requests, whose receiver must not decide
    /// on less than was sent.
    #[must_use]
    pub fn new(from: &Arc<Dialect>, to: &Arc<Dialect>) -> Transcoder {
        let carried = from
            .fields()
            .filter(|field| {
                to.field(field.number)
                    .is_some_and(|other| convert::is_possible(field, other))
            })
            .map(|field| field.number)
            .collect();
        Transcoder {
            from: from.clone(),
            to: to.clone(),
            carried,
            lenient: false,
        }
    }

    /// A field that cannot be carried is left out and reported. Right for answers: the receiver is better off with an
    /// answer that lacks a field than with none.
    #[must_use]
    pub fn lenient(self) -> Transcoder {
        Transcoder {
            lenient: true,
            ..self
        }
    }

    /// The dialect of the messages it reads.
    #[must_use]
    pub fn from(&self) -> &Arc<Dialect> {
        &self.from
    }

    /// The dialect of the messages it writes.
    #[must_use]
    pub fn to(&self) -> &Arc<Dialect> {
        &self.to
    }

    /// The fields that never get across: not defined on the other side, or of another kind there.
    #[must_use]
    pub fn not_carried(&self) -> FieldSet {
        self.from.defined().difference(self.carried)
    }

    /// Appends `view`, a message of the first dialect, in the second one. `edits` are in ascending order of their fields.
    ///
    /// # Errors
    /// If a field cannot be carried (strict), or an edit does not fit. `out` is then as it was.
    pub fn write(
        &self,
        view: &View<'_>,
        mti: Mti,
        header: &[u8],
        edits: &[Edit<'_>],
        out: &mut BytesMut,
    ) -> Result<Written, TranscodeError> {
        let mut builder =
            Builder::with_header(&self.to, out, header, mti).map_err(TranscodeError::Value)?;
        let mut dropped = FieldSet::EMPTY;
        let mut stan_position = None;
        let mut pending = edits.iter().filter(|edit| match edit {
            Edit::Copy(number, other) => other.has(*number),
            Edit::Set(..) | Edit::Drop(_) => true,
        });
        let mut edit = pending.next();
        let mut field = view.fields().first();
        loop {
            let number = match (field, edit) {
                (None, None) => break,
                (Some(field), None) => field,
                (None, Some(edit)) => edit.field(),
                (Some(field), Some(edit)) => field.min(edit.field()),
            };
            let position = builder.position();
            let edited = edit.filter(|edit| edit.field() == number);
            match edited {
                Some(Edit::Set(_, value)) => {
                    builder
                        .try_add(number, |to, out| encode::put_text(to, value, out))
                        .map_err(TranscodeError::Value)?;
                }
                Some(Edit::Copy(_, other)) => {
                    builder
                        .try_add(number, |to, out| copy(other, to, out))
                        .map_err(TranscodeError::Value)?;
                }
                Some(Edit::Drop(_)) => {}
                None if self.carried.contains(number) => {
                    match builder.try_add(number, |to, out| copy(view, to, out)) {
                        Ok(()) => {}
                        Err(_) if self.lenient => dropped.insert(number),
                        Err(error) => return Err(TranscodeError::Value(error)),
                    }
                }
                None if self.lenient => dropped.insert(number),
                None => return Err(TranscodeError::NotCarried { field: number }),
            }
            if number == 11 && builder.position() > position {
                stan_position = Some(position);
            }
            if edited.is_some() {
                edit = pending.next();
                if let Some(next) = edit
                    && next.field() <= number
                {
                    let kind = Kind::OutOfOrder { after: number };
                    return Err(TranscodeError::Value(EncodeError {
                        field: next.field(),
                        offset: 0,
                        kind,
                    }));
                }
            }
            field = view.fields().next_after(number);
        }
        // A field above 64 has moved field 11 behind the secondary bitmap.
        let moved = if builder.has_secondary_bitmap() {
            self.to.bitmap.length()
        } else {
            0
        };
        let message = builder.finish().map_err(TranscodeError::Value)?;
        let stan =
            stan_position.and_then(|position| StanSlot::of(self.to.field(11)?, position + moved));
        Ok(Written {
            message,
            stan,
            dropped,
        })
    }
}

fn copy(view: &View<'_>, to: &Field, out: &mut BytesMut) -> Result<(), encode::Refusal> {
    let element = view.element(to.number).ok_or((0, Kind::NotInView))?;
    if !element.field.same_wire(to) {
        return convert::put(&element, to, out);
    }
    let wire = view
        .element_range(to.number)
        .and_then(|range| view.bytes().get(range));
    out.put_slice(wire.ok_or((0, Kind::NotInView))?);
    Ok(())
}

/// Where the STAN stands in a written message, so that a link can stamp its own without knowing the dialect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StanSlot {
    offset: u16,
    packed: bool,
    zero: u8,
}

impl StanSlot {
    /// For a field 11 of six digits that begins at `offset` of its message.
    pub(crate) fn of(field: &Field, offset: usize) -> Option<StanSlot> {
        if field.content != Content::N || field.length != Length::Fixed(6) {
            return None;
        }
        let (packed, zero) = match field.encoding {
            Encoding::Bcd => (true, 0),
            Encoding::Ascii => (false, b'0'),
            Encoding::Ebcdic500 => (false, 0xF0),
            Encoding::Raw | Encoding::HexText => return None,
        };
        Some(StanSlot {
            offset: u16::try_from(offset).ok()?,
            packed,
            zero,
        })
    }

    /// Overwrites the STAN. `message` is the message the slot was made for; a shorter one is left as it is.
    pub fn stamp(&self, message: &mut [u8], stan: Stan) {
        let digits = stan.digit_values();
        let start = usize::from(self.offset);
        if self.packed {
            if let Some(place) = message.get_mut(start..start + 3) {
                let [a, b, c, d, e, f] = digits;
                place.copy_from_slice(&[a << 4 | b, c << 4 | d, e << 4 | f]);
            }
        } else if let Some(place) = message.get_mut(start..start + 6) {
            place.copy_from_slice(&digits.map(|digit| self.zero | digit));
        }
    }
}
