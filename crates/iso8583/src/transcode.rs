//! A message of one dialect written in another, with single fields replaced, added or dropped on the way.

use core::ops::Range;
use std::sync::Arc;

use bytes::BytesMut;

use crate::build;
use crate::convert::{self, Way};
use crate::dialect::Dialect;
use crate::encode::{self, Refusal, Target};
use crate::error::{EncodeError, EncodeErrorKind as Kind};
use crate::field_set::FieldSet;
use crate::mti::Mti;
use crate::output::Output;
use crate::stan_slot::StanSlot;
use crate::view::{Element, View};

/// The way from one dialect to another, worked out once.
#[derive(Clone, Debug)]
pub struct Transcoder {
    from: Arc<Dialect>,
    to: Arc<Dialect>,
    /// By field number: how its values get across.
    ways: Box<[Way; 129]>,
    /// By field number: the fields of the same 64 that may go the same way together with it, as one run of bytes; bit n−1
    /// stands for the n-th of the 64. 0: it goes alone.
    together: Box<[u64; 129]>,
    /// The fields that get across.
    carried: FieldSet,
    /// The STAN of the second dialect, at offset 0.
    stan: Option<StanSlot>,
    /// Some way makes two bytes of one.
    grows: bool,
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
#[non_exhaustive]
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
#[non_exhaustive]
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
        let mut together = Box::new([0; 129]);
        for run in runs {
            let (low, high) = run.halves();
            for number in run.iter() {
                if let Some(place) = together.get_mut(usize::from(number)) {
                    *place = if number <= 64 { low } else { high };
                }
            }
        }
        Transcoder {
            from: from.clone(),
            to: to.clone(),
            together,
            carried,
            stan: to.field(11).and_then(|field| StanSlot::of(field, 0)),
            grows: ways.iter().any(|way| way.grows()),
            ways,
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
        // Room for all but odd cases: to make it costs more than to take what was made.
        let length = view.bytes().len();
        let expected = if self.grows { length * 2 } else { length };
        let mut out = Output::begin(out, expected + LENGTH_ADDED);
        let mut writing = Writing {
            transcoder: self,
            view,
            plan,
            stan: None,
        };
        let written = writing.write(mti, header, edits, &mut out);
        if written.is_err() {
            out.give_up();
        }
        written
    }
}

/// One message on its way.
struct Writing<'t> {
    transcoder: &'t Transcoder,
    view: &'t View<'t>,
    plan: Plan,
    /// Where field 11 was written.
    stan: Option<StanSlot>,
}

impl Writing<'_> {
    #[inline]
    fn write(
        &mut self,
        mti: Mti,
        header: &[u8],
        edits: &[Edit<'_>],
        out: &mut Output<'_>,
    ) -> Result<Written, TranscodeError> {
        let to = &*self.transcoder.to;
        out.put(header);
        out.put_mti(to.mti, mti);
        let bitmaps = out.length();
        let has_second = self.plan.fields.last().is_some_and(|last| last > 64);
        out.room(to.bitmap.length() * if has_second { 2 } else { 1 });

        let mut edits = edits.iter();
        let (low, high) = self.plan.all.halves();
        self.put_half(0, low, &mut edits, out)?;
        if high != 0 {
            self.put_half(64, high, &mut edits, out)?;
        }
        self.set_bitmaps(bitmaps, has_second, out);
        let length = out.length();
        build::check_length(length).map_err(TranscodeError::Value)?;
        to.complete_header(out.written(0, length));
        Ok(Written {
            message: out.keep(),
            stan: self.stan,
            dropped: self.plan.dropped,
        })
    }

    /// Appends the fields `base` + 1 to `base` + 64, of which bit n−1 of `fields` stands for the n-th. Fields that go the
    /// same way and may do so together are appended as one run of bytes, up to the first that may not.
    #[inline]
    fn put_half(
        &mut self,
        base: u8,
        fields: u64,
        edits: &mut core::slice::Iter<'_, Edit<'_>>,
        out: &mut Output<'_>,
    ) -> Result<(), TranscodeError> {
        let transcoder = self.transcoder;
        let number_of = |rest: u64| base + rest.trailing_zeros() as u8 + 1;
        let half_of = |set: FieldSet| {
            let (low, high) = set.halves();
            if base == 0 { low } else { high }
        };
        // Those of a run that could not be written as one.
        let mut alone = half_of(self.plan.edited);
        let mut rest = fields;
        let mut from = self.view.place_of(base + 1);
        while rest != 0 {
            let number = number_of(rest);
            let first = rest & rest.wrapping_neg();
            let together = transcoder.together.get(usize::from(number)).copied();
            let together = together.unwrap_or_default() & !alone;
            // The first field that is not of the run, and all above it. This is the longest chain of the loop, where each
            // field waits for the one before: so it takes from a table what it can.
            let apart = rest & !together;
            let behind = match together & first {
                0 => rest & !first,
                _ => rest & (apart & apart.wrapping_neg()).wrapping_neg(),
            };
            let to = self.view.place_of(match behind {
                0 => base + 65,
                behind => number_of(behind),
            });
            if together & first == 0 {
                self.put_field(number, from..to, edits, out)?;
            } else if !self.put_run(number, rest & !behind, from..to, out) {
                alone |= rest & !behind;
                continue;
            }
            rest = behind;
            from = to;
        }
        Ok(())
    }

    /// Appends a run; bit n−1 of `fields` stands for the n-th field of its half. `false`: it cannot be written as one; nothing is appended then.
    #[inline]
    fn put_run(
        &mut self,
        first: u8,
        fields: u64,
        range: Range<usize>,
        out: &mut Output<'_>,
    ) -> bool {
        let way = self.transcoder.ways.get(usize::from(first)).copied();
        let way = way.unwrap_or(Way::None);
        let start = out.length();
        let from = range.start;
        let run = self.view.bytes().get(range).unwrap_or_default();
        if !way.put_run(run, out) {
            return false;
        }
        if first <= 64 && fields & FIELD_11 != 0 {
            let before = way.run_length(self.view.place_of(11).saturating_sub(from));
            self.stan = self.stan_at(start + before);
        }
        true
    }

    /// The slot for the STAN if field 11 begins here.
    #[inline]
    fn stan_at(&self, offset: usize) -> Option<StanSlot> {
        self.transcoder.stan.and_then(|slot| slot.moved_up(offset))
    }

    /// Appends one field, as an edit says or from the message, where it stands in the range.
    fn put_field(
        &mut self,
        number: u8,
        range: Range<usize>,
        edits: &mut core::slice::Iter<'_, Edit<'_>>,
        out: &mut Output<'_>,
    ) -> Result<(), TranscodeError> {
        let start = out.length();
        let refused = |(offset, kind)| {
            TranscodeError::Value(EncodeError {
                field: number,
                offset,
                kind,
            })
        };
        if self.plan.edited.contains(number) {
            self.put_edit(number, edits, out).map_err(refused)?;
        } else if self.plan.dropped.contains(number) {
            return match self.transcoder.lenient {
                true => Ok(()),
                false => Err(TranscodeError::NotCarried { field: number }),
            };
        } else if let Err(refusal) = self.carry(number, range, out) {
            if !self.transcoder.lenient {
                return Err(refused(refusal));
            }
            self.plan.fields.remove(number);
            self.plan.dropped.insert(number);
        }
        if number == 11 && self.plan.fields.contains(11) {
            self.stan = self.stan_at(start);
        }
        Ok(())
    }

    /// Appends the field as the next edit of that number says.
    fn put_edit(
        &self,
        number: u8,
        edits: &mut core::slice::Iter<'_, Edit<'_>>,
        out: &mut Output<'_>,
    ) -> Result<(), Refusal> {
        let to = &*self.transcoder.to;
        let target = Target::of(to, number).ok_or((0, Kind::UndefinedField));
        match edits.find(|edit| edit.field() == number) {
            Some(Edit::Set(_, value)) => encode::put_text(target?, value, out),
            Some(Edit::Copy(_, other)) => convert::copy(other, to, number, target?, out),
            Some(Edit::Drop(_)) | None => Ok(()),
        }
    }

    /// Appends the field with the value it has in the message.
    #[inline]
    fn carry(&self, number: u8, range: Range<usize>, out: &mut Output<'_>) -> Result<(), Refusal> {
        let index = usize::from(number);
        let transcoder = self.transcoder;
        let (Some(way), Some(step), Some(target)) = (
            transcoder.ways.get(index),
            transcoder.from.steps.get(index),
            Target::of(&transcoder.to, number),
        ) else {
            return Err((0, Kind::UndefinedField));
        };
        let bytes = self.view.bytes().get(range).unwrap_or_default();
        let Some(element) = Element::of(step, bytes) else {
            return Err((0, Kind::NotInView));
        };
        convert::put(*way, &element, target, out)
    }

    /// Writes the bitmaps of what was really written.
    #[inline]
    fn set_bitmaps(&mut self, start: usize, has_second: bool, out: &mut Output<'_>) {
        let encoding = self.transcoder.to.bitmap;
        let second = start + encoding.length();
        let (low, high) = self.plan.fields.halves();
        if high != 0 {
            out.set_bitmap(start, encoding, low | 1);
            out.set_bitmap(second, encoding, high);
            return;
        }
        if has_second {
            // All fields above 64 turned out not to fit: no second bitmap then.
            out.close_gap(second, encoding.length());
            self.stan = self.stan.map(|slot| slot.moved_down(encoding.length()));
        }
        out.set_bitmap(start, encoding, low);
    }
}

/// What headers, bitmaps and length prefixes usually add at most.
const LENGTH_ADDED: usize = 64;

/// Field 11 in the lower half of a set.
const FIELD_11: u64 = 1 << 10;

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
            if number > 128 {
                let error = EncodeError {
                    field: number,
                    offset: 0,
                    kind: Kind::UndefinedField,
                };
                return Err(TranscodeError::Value(error));
            }
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
