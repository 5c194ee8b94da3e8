//! A message of one dialect written in another, with single fields replaced, added or dropped on the way.

use core::ops::Range;
use std::sync::Arc;

use bytes::BytesMut;

use crate::bitmaps::BitmapPlaces;
use crate::build;
use crate::convert::{self, Lane, Way};
use crate::dialect::{Dialect, FIELD_NUMBERS};
use crate::encode::{self, Refusal, Target};
use crate::error::{EncodeError, EncodeErrorKind as Kind};
use crate::field_set::FieldSet;
use crate::mti::Mti;
use crate::output::Output;
use crate::stan_slot::StanSlot;
use crate::view::{THIRD_BITMAP, View};

/// The way from one dialect to another, worked out once.
#[derive(Clone, Debug)]
pub struct Transcoder {
    from: Arc<Dialect>,
    to: Arc<Dialect>,
    /// By field number: how its values get across.
    lanes: Box<[Lane; FIELD_NUMBERS]>,
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
        let mut lanes = Box::new([Lane::NONE; FIELD_NUMBERS]);
        let mut runs = [FieldSet::EMPTY; Way::COUNT];
        let mut carried = FieldSet::EMPTY;
        for (field, other) in from
            .fields()
            .filter_map(|field| Some((field, to.field(field.number)?)))
        {
            let lane = Lane::between(field, other);
            if lane.way != Way::None {
                carried.insert(field.number);
            }
            if lane.way.makes_runs(field, other)
                && let Some(run) = runs.get_mut(lane.way as usize)
            {
                run.insert(field.number);
            }
            if let Some(place) = lanes.get_mut(usize::from(field.number)) {
                *place = lane;
            }
        }
        for run in runs {
            for number in run.iter() {
                if let Some(lane) = lanes.get_mut(usize::from(number)) {
                    lane.together = word_of(run, number);
                }
            }
        }
        Transcoder {
            from: from.clone(),
            to: to.clone(),
            carried,
            stan: to.field(11).and_then(|field| StanSlot::of(field, 0)),
            grows: lanes.iter().any(|lane| lane.way.grows()),
            lanes,
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
        // Room for all but odd cases: to make it costs more than to take what was made.
        let length = view.bytes().len();
        let expected = if self.grows { length * 2 } else { length };
        let mut out = Output::begin(out, expected + LENGTH_ADDED);
        let mut writing = Writing {
            transcoder: self,
            view,
            plan: Plan::without_edits(self, view),
            rank: 0,
            stan_offset: None,
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
    /// Elements of the view above 64 that were written, or left out.
    rank: usize,
    /// Where field 11 was written.
    stan_offset: Option<usize>,
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
        if !edits.is_empty() {
            self.plan.edit(edits)?;
        }
        let to = &*self.transcoder.to;
        out.put(header);
        out.put_mti(to.mti, mti);
        let last = self.plan.fields.last().unwrap_or_default();
        let mut bitmaps = BitmapPlaces::first(to, out);
        bitmaps.make_room(last, out);

        let mut edits = edits.iter();
        self.put_word::<0>(&mut edits, out)?;
        let [_, middle, high] = self.plan.all.words();
        if middle | high != 0 {
            bitmaps.make_room_between(last, out);
            if self.view.elements().contains(THIRD_BITMAP) {
                self.rank += 1;
            }
            self.put_upper_words(&mut edits, out)?;
            // What is left out by a lenient transcoder was expected.
            let moved = bitmaps.close(self.plan.fields, out);
            self.stan_offset = self.stan_offset.map(|offset| offset.saturating_sub(moved));
        }
        bitmaps.write(self.plan.fields, out);
        let length = out.length();
        build::check_length(length).map_err(TranscodeError::Value)?;
        to.complete_header(out.written(0, length));
        Ok(Written {
            message: out.keep(),
            stan: self.stan_slot(),
            dropped: self.plan.dropped,
        })
    }

    /// Appends the fields above 64. Few messages have them: their loops stay out of the way of the one that all need.
    #[inline(never)]
    fn put_upper_words(
        &mut self,
        edits: &mut core::slice::Iter<'_, Edit<'_>>,
        out: &mut Output<'_>,
    ) -> Result<(), TranscodeError> {
        self.put_word::<64>(edits, out)?;
        self.put_word::<128>(edits, out)
    }

    /// Appends the fields `BASE` + 1 to `BASE` + 64. Fields that go the same way and may do so together are appended as one
    /// run of bytes, up to the first that may not.
    #[inline(always)]
    fn put_word<const BASE: u8>(
        &mut self,
        edits: &mut core::slice::Iter<'_, Edit<'_>>,
        out: &mut Output<'_>,
    ) -> Result<(), TranscodeError> {
        let view = self.view;
        let first = BASE + 1;
        let present = word_of(view.elements(), first);
        // Where the first of these fields that the view has begins, of rank `rank` if it is above 64.
        let boundary = |fields: u64, rank: usize| match BASE {
            0 => view.lower_boundary(fields & present),
            _ => view.upper_boundary(rank),
        };
        // What an edit decides about, and what is not carried.
        let special = word_of(self.plan.special, first);
        // Also those of a run that could not be written as one.
        let mut alone = special;
        let mut rest = word_of(self.plan.all, first);
        let mut from = boundary(rest, self.rank);
        // Boundaries ascend: `to - from` is a length, and what would wrap is taken for one that no message has.
        while rest != 0 {
            let number = first + rest.trailing_zeros() as u8;
            let bit = rest & rest.wrapping_neg();
            let Some(lane) = self.transcoder.lanes.get(usize::from(number)) else {
                break;
            };
            let Some(tail) = view.bytes().get(from..) else {
                break;
            };
            let start = out.length();
            let together = lane.together & !alone;
            if together & bit == 0 {
                rest &= !bit;
                if BASE != 0 {
                    self.rank += usize::from(present & bit != 0);
                }
                let to = boundary(rest, self.rank);
                if special & bit != 0 {
                    self.put_special(number, edits, out)?;
                } else if let Err(refusal) = lane.carry(tail, to.wrapping_sub(from), out) {
                    self.leave_out(number, refusal)?;
                }
                if BASE == 0 && bit == FIELD_11 && self.plan.fields.contains(11) {
                    self.stan_offset = Some(start);
                }
                from = to;
                continue;
            }
            // The first field that is not of the run, and all above it.
            let apart = rest & !together;
            let behind = rest & (apart & apart.wrapping_neg()).wrapping_neg();
            let run = rest & !behind;
            let rank = match BASE {
                0 => 0,
                _ => self.rank + run.count_ones() as usize,
            };
            let to = boundary(behind, rank);
            if lane.way.put_run(tail, to.wrapping_sub(from), out) {
                if BASE == 0 && run & FIELD_11 != 0 {
                    let before = view.lower_boundary(FIELD_11).saturating_sub(from);
                    self.stan_offset = Some(start + lane.way.run_length(before));
                }
                (self.rank, rest, from) = (rank, behind, to);
            } else {
                alone |= run;
            }
        }
        Ok(())
    }

    /// The slot for the STAN, if field 11 was written and is one.
    #[inline]
    fn stan_slot(&self) -> Option<StanSlot> {
        self.transcoder.stan?.moved_up(self.stan_offset?)
    }

    /// Appends a field as an edit says; one that cannot be carried is left out, or is an error.
    #[inline(never)]
    fn put_special(
        &mut self,
        number: u8,
        edits: &mut core::slice::Iter<'_, Edit<'_>>,
        out: &mut Output<'_>,
    ) -> Result<(), TranscodeError> {
        if self.plan.edited.contains(number) {
            let put = self.put_edit(number, edits, out);
            return put.map_err(|refusal| refused(number, refusal));
        }
        match self.transcoder.lenient {
            true => Ok(()),
            false => Err(TranscodeError::NotCarried { field: number }),
        }
    }

    /// The value of a field that would be carried does not fit.
    #[cold]
    fn leave_out(&mut self, number: u8, refusal: Refusal) -> Result<(), TranscodeError> {
        if !self.transcoder.lenient {
            return Err(refused(number, refusal));
        }
        self.plan.fields.remove(number);
        self.plan.dropped.insert(number);
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
}

fn refused(field: u8, (offset, kind): Refusal) -> TranscodeError {
    TranscodeError::Value(EncodeError {
        field,
        offset,
        kind,
    })
}

/// The word of a set that a field belongs to.
#[inline(always)]
fn word_of(set: FieldSet, number: u8) -> u64 {
    let [low, middle, high] = set.words();
    match number {
        0..=64 => low,
        65..=128 => middle,
        _ => high,
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
    /// Both.
    special: FieldSet,
    /// All of these, and those left out by an edit.
    all: FieldSet,
}

impl Plan {
    #[inline(always)]
    fn without_edits(transcoder: &Transcoder, view: &View<'_>) -> Plan {
        let all = view.fields();
        let dropped = all.difference(transcoder.carried);
        Plan {
            fields: all.difference(dropped),
            edited: FieldSet::EMPTY,
            dropped,
            special: dropped,
            all,
        }
    }

    /// Takes up the edits, which must be in order.
    #[inline(never)]
    fn edit(&mut self, edits: &[Edit<'_>]) -> Result<(), TranscodeError> {
        let mut edited = FieldSet::EMPTY;
        let mut set = FieldSet::EMPTY;
        let mut last = 0;
        for edit in edits {
            let number = edit.field();
            if !(1..=FieldSet::NUMBER_MAX).contains(&number) {
                return Err(refused(number, (0, Kind::UndefinedField)));
            }
            if number <= last {
                return Err(refused(number, (0, Kind::OutOfOrder { after: last })));
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

        self.edited = edited;
        self.dropped = self.dropped.difference(edited);
        self.fields = self.fields.difference(edited).union(set);
        self.special = edited.union(self.dropped);
        self.all = self.all.union(edited);
        Ok(())
    }
}
