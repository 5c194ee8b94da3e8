//! A message of one dialect written in another, with single fields replaced, added or dropped on the way.

use core::ops::Range;
use std::sync::Arc;

use bytes::BytesMut;

use crate::build;
use crate::convert::{self, Way};
use crate::dialect::Dialect;
use crate::encode::{self, Refusal, Target};
use crate::error::{EncodeError, EncodeErrorKind as Kind};
use crate::field::{Content, Encoding, Field, FieldSet, Length};
use crate::mti::Mti;
use crate::output::Output;
use crate::values::Stan;
use crate::view::{Element, View};

/// The way from one dialect to another, worked out once.
#[derive(Clone, Debug)]
pub struct Transcoder {
    from: Arc<Dialect>,
    to: Arc<Dialect>,
    /// By field number: how its values get across.
    ways: Box<[Way; 129]>,
    /// By way: the fields that may go it together with their neighbours, as one run of bytes.
    runs: [FieldSet; Way::COUNT],
    /// The fields that get across.
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
    /// The message was read in another dialect than this transcoder reads.
    #[error("the message was read in another dialect than the one to be transcoded")]
    WrongDialect,
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
            TranscodeError::WrongDialect => 0,
            TranscodeError::Value(error) => error.field,
        }
    }
}

impl Transcoder {
    /// A strict transcoder: a field that cannot be carried is an error. Right for requests, whose receiver must not decide
    /// on less than was sent.
    #[must_use]
    pub fn new(from: &Arc<Dialect>, to: &Arc<Dialect>) -> Transcoder {
        let mut ways = Box::new([Way::None; 129]);
        let mut runs = [FieldSet::EMPTY; Way::COUNT];
        let mut carried = FieldSet::EMPTY;
        for (field, other) in from
            .fields()
            .filter_map(|field| Some((field, to.field(field.number)?)))
        {
            let way = Way::between(field, other);
            if let Some(place) = ways.get_mut(usize::from(field.number)) {
                *place = way;
            }
            if way != Way::None {
                carried.insert(field.number);
            }
            if way.makes_runs(field, other)
                && let Some(run) = runs.get_mut(way as usize)
            {
                run.insert(field.number);
            }
        }
        Transcoder {
            from: from.clone(),
            to: to.clone(),
            ways,
            runs,
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
        if !std::ptr::eq(view.dialect(), &raw const *self.from) && *view.dialect() != *self.from {
            return Err(TranscodeError::WrongDialect);
        }
        build::check_header(&self.to, header).map_err(TranscodeError::Value)?;
        let plan = Plan::of(self, view, edits)?;
        // Nothing grows to more than twice its size and a longer prefix: hex text, unpacked digits.
        let expected = view.bytes().len() * 2 + 128;
        let mut out = Output::begin(out, expected);
        let written = self.write_planned(view, mti, header, edits, &plan, &mut out);
        if written.is_err() {
            out.give_up();
        }
        written
    }

    fn write_planned(
        &self,
        view: &View<'_>,
        mti: Mti,
        header: &[u8],
        edits: &[Edit<'_>],
        plan: &Plan,
        out: &mut Output<'_>,
    ) -> Result<Written, TranscodeError> {
        let to = &*self.to;
        out.put(header);
        out.put_mti(to.mti, mti);
        let bitmaps = out.length();
        let bitmap_length = to.bitmap.length();
        let has_second = plan.fields.last().is_some_and(|last| last > 64);
        out.room(if has_second {
            bitmap_length * 2
        } else {
            bitmap_length
        });

        let mut fields = plan.fields;
        let mut dropped = plan.dropped;
        let mut stan = None;
        let mut edits = edits.iter();
        let mut next = plan.all.first();
        while let Some(number) = next {
            next = plan.all.next_after(number);
            let start = out.length();
            let way = self
                .ways
                .get(usize::from(number))
                .copied()
                .unwrap_or(Way::None);
            let run = self
                .runs
                .get(way as usize)
                .copied()
                .unwrap_or_default()
                .difference(plan.edited);
            if run.contains(number) {
                // All fields up to the first that goes another way.
                let stop = plan.all.difference(run).next_after(number);
                let range = view.place_of(number)..view.place_of(stop.unwrap_or(u8::MAX));
                let bytes = view.bytes().get(range.clone()).unwrap_or_default();
                if way.put_run(bytes, out) {
                    if number <= 11 && stop.is_none_or(|stop| stop > 11) && view.has(11) {
                        let before = way.run_length(view.place_of(11).saturating_sub(range.start));
                        stan = to
                            .field(11)
                            .and_then(|field| StanSlot::of(field, start + before));
                    }
                    next = stop;
                    continue;
                }
            }
            let result = if plan.edited.contains(number) {
                self.write_edit(number, &mut edits, out)
            } else if plan.dropped.contains(number) {
                if !self.lenient {
                    return Err(TranscodeError::NotCarried { field: number });
                }
                Ok(())
            } else {
                self.carry(number, view, out)
            };
            match result {
                Ok(()) => {}
                Err(_) if self.lenient && !plan.edited.contains(number) => {
                    fields.remove(number);
                    dropped.insert(number);
                }
                Err((offset, kind)) => {
                    return Err(TranscodeError::Value(EncodeError {
                        field: number,
                        offset,
                        kind,
                    }));
                }
            }
            if number == 11 && fields.contains(11) {
                stan = to.field(11).and_then(|field| StanSlot::of(field, start));
            }
        }

        if has_second && fields.last().is_none_or(|last| last <= 64) {
            // All fields above 64 turned out not to fit: no second bitmap then.
            out.close_gap(bitmaps + bitmap_length, bitmap_length);
            stan = stan.map(|slot: StanSlot| slot.moved_down(bitmap_length));
        } else if has_second {
            out.set_bitmap(
                bitmaps + bitmap_length,
                to.bitmap,
                (fields.bits() >> 64) as u64,
            );
            fields.insert(1);
        }
        out.set_bitmap(bitmaps, to.bitmap, fields.bits() as u64);
        build::check_length(out.length()).map_err(TranscodeError::Value)?;
        Ok(Written {
            message: out.keep(),
            stan,
            dropped,
        })
    }

    /// Appends the field as the next edit of that number says.
    fn write_edit(
        &self,
        number: u8,
        edits: &mut core::slice::Iter<'_, Edit<'_>>,
        out: &mut Output<'_>,
    ) -> Result<(), Refusal> {
        let Some(edit) = edits.find(|edit| edit.field() == number) else {
            return Ok(());
        };
        if let Edit::Drop(_) = edit {
            return Ok(());
        }
        let target = Target::of(&self.to, number).ok_or((0, Kind::UndefinedField))?;
        match edit {
            Edit::Set(_, value) => encode::put_text(target, value, out),
            Edit::Copy(_, other) => convert::copy(other, &self.to, number, target, out),
            Edit::Drop(_) => Ok(()),
        }
    }

    /// Appends the field with the value it has in the message.
    #[inline]
    fn carry(&self, number: u8, view: &View<'_>, out: &mut Output<'_>) -> Result<(), Refusal> {
        let index = usize::from(number);
        let (Some(way), Some(step), Some(target)) = (
            self.ways.get(index),
            self.from.steps.get(index),
            Target::of(&self.to, number),
        ) else {
            return Err((0, Kind::UndefinedField));
        };
        let bytes = view.place_of(number)..view.place_of(number + 1);
        let Some(element) = view
            .bytes()
            .get(bytes)
            .and_then(|bytes| Element::of(step, bytes))
        else {
            return Err((0, Kind::NotInView));
        };
        convert::put(*way, &element, target, out)
    }
}

/// What will be written, known before the first byte is.
struct Plan {
    /// The fields of the written message.
    fields: FieldSet,
    /// The fields that an edit decides about.
    edited: FieldSet,
    /// What cannot be carried whatever its value.
    dropped: FieldSet,
    /// All of these, and those left out by an edit.
    all: FieldSet,
}

impl Plan {
    #[inline]
    fn of(
        transcoder: &Transcoder,
        view: &View<'_>,
        edits: &[Edit<'_>],
    ) -> Result<Plan, TranscodeError> {
        let mut edited = FieldSet::EMPTY;
        let mut set = FieldSet::EMPTY;
        let mut last = 0;
        for edit in edits {
            let number = edit.field();
            if number <= last {
                let error = EncodeError {
                    field: number,
                    offset: 0,
                    kind: Kind::OutOfOrder { after: last },
                };
                return Err(TranscodeError::Value(error));
            }
            last = number;
            match edit {
                Edit::Set(..) => set.insert(number),
                Edit::Copy(_, other) if other.has(number) => set.insert(number),
                Edit::Copy(..) => continue,
                Edit::Drop(_) => {}
            }
            edited.insert(number);
        }

        let kept = view.fields().difference(edited);
        let dropped = kept.difference(transcoder.carried);

        let fields = kept.difference(dropped).union(set);
        let all = view.fields().union(edited);
        Ok(Plan {
            fields,
            edited,
            dropped,
            all,
        })
    }
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

    fn moved_down(self, count: usize) -> StanSlot {
        let count = u16::try_from(count).unwrap_or_default();
        StanSlot {
            offset: self.offset.saturating_sub(count),
            ..self
        }
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
