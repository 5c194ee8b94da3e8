//! A message in place: an index of offsets over untouched bytes. Nothing is copied or allocated.

use core::fmt;
use core::ops::Range;

use crate::card::{Pan, Track2};
use crate::decode;
use crate::dialect::Dialect;
use crate::error::DecodeError;
use crate::field::{Content, Encoding};
use crate::field_set::FieldSet;
use crate::mti::Mti;
use crate::partial::PartialView;
use crate::places::{Place, Places};
use crate::plan::Step;
use crate::scan::{self, Depth};
use crate::stan_slot::StanSlot;
use crate::text::{self, TextBuffer};
use crate::values::{AmountMinor, ResponseCode, Stan};

/// Bit 65 announces a third bitmap, which may stand where a field 65 would.
pub(crate) const THIRD_BITMAP: u8 = 65;

/// A validated message over the caller's bytes.
#[derive(Clone)]
pub struct View<'a> {
    dialect: &'a Dialect,
    bytes: &'a [u8],
    mti: Mti,
    /// The fields that are there and, where a third bitmap stands among them, 65.
    elements: FieldSet,
    /// Where each element (with its length prefix) begins. It ends where the next begins, so one number each is enough.
    places: Places,
}

/// One field's value as it stands in a message.
#[derive(Clone, Copy)]
pub(crate) struct Element<'a> {
    pub(crate) step: &'a Step,
    /// The length in the field's own unit, see [`Length`].
    pub(crate) units: usize,
    /// The length prefix; empty for a fixed field.
    pub(crate) prefix: &'a [u8],
    /// The value's bytes, without the length prefix.
    pub(crate) wire: &'a [u8],
}

impl<'a> Element<'a> {
    /// The value in the bytes of an element that was read, its length prefix before it.
    #[inline(always)]
    pub(crate) fn of(step: &'a Step, bytes: &'a [u8]) -> Option<Element<'a>> {
        let (prefix, wire) = bytes.split_at_checked(step.prefix_length())?;
        let units = step.units_of(prefix, wire);
        Some(Element {
            step,
            units,
            prefix,
            wire,
        })
    }
}

impl Dialect {
    /// Reads a message: validates every byte and indexes its fields, without allocating.
    ///
    /// # Errors
    /// The first thing that is wrong, with field and offset.
    pub fn view<'a>(&'a self, bytes: &'a [u8]) -> Result<View<'a>, DecodeError> {
        self.view_in(bytes, &mut None).cloned()
    }

    /// As [`Dialect::view`], but made where the caller has room for it, and never moved. A view is some 200 bytes: to move
    /// it right after it was written costs as much as to read two or three fields.
    ///
    /// ```
    /// # use pointsman_iso8583::Dialect;
    /// # let dialect = Dialect::builtin("iso87-ascii").expect("a built-in dialect");
    /// let mut room = None;
    /// let view = dialect.view_in(b"08000020000000000000000123", &mut room)?;
    /// assert_eq!(view.to_text(11).as_deref(), Some("000123"));
    /// # Ok::<(), pointsman_iso8583::DecodeError>(())
    /// ```
    ///
    /// # Errors
    /// The first thing that is wrong, with field and offset. Nothing is left in the room then.
    #[inline(never)]
    pub fn view_in<'a, 'r>(
        &'a self,
        bytes: &'a [u8],
        room: &'r mut Option<View<'a>>,
    ) -> Result<&'r View<'a>, DecodeError> {
        let view = View::empty(self, bytes);
        if !room.insert(view).scan(Depth::All) {
            *room = None;
            *room = Some(self.view_with_care(bytes)?);
        }
        // There is one; to say so costs no more than to look.
        Ok(room.get_or_insert_with(|| View::empty(self, bytes)))
    }

    /// For messages that the fast path refuses: finds out what is wrong. It alone decides; should it find nothing wrong,
    /// then nothing is.
    #[cold]
    fn view_with_care<'a>(&'a self, bytes: &'a [u8]) -> Result<View<'a>, DecodeError> {
        let (partial, error) = decode::decode(self, bytes);
        match error {
            Some(error) => Err(error),
            None => Ok(partial.into_view()),
        }
    }

    /// Reads a message as far as it is in order.
    #[must_use]
    pub fn partial<'a>(&'a self, bytes: &'a [u8]) -> (PartialView<'a>, Option<DecodeError>) {
        decode::decode(self, bytes)
    }

    /// Header and MTI of a message that need not be readable beyond them.
    #[must_use]
    pub fn peek_mti<'a>(&'a self, bytes: &'a [u8]) -> Option<(&'a [u8], Mti)> {
        let header = self.header_end(bytes)?;
        let start = bytes.get(..header + self.mti_encoding().mti_length())?;
        let (partial, _) = decode::decode(self, start);
        Some((partial.header()?, partial.mti()?))
    }
}

impl<'a> View<'a> {
    #[inline(always)]
    pub(crate) fn empty(dialect: &'a Dialect, bytes: &'a [u8]) -> View<'a> {
        let mti = Mti::literal(b"0000");
        View {
            dialect,
            bytes,
            mti,
            elements: FieldSet::EMPTY,
            places: Places::empty(),
        }
    }

    /// The message type was read, and the bitmaps, which end at `offset`.
    pub(crate) fn begin(&mut self, mti: Mti, offset: usize) {
        self.mti = mti;
        self.places.begin(offset);
    }

    /// Takes up an element that was read, behind all others.
    pub(crate) fn push(&mut self, number: u8, start: usize, end: usize) {
        self.places.push(number, start, end);
        self.elements.insert(number);
    }

    /// Reads the whole message by the fast path. `false`: something is wrong with it.
    #[inline(always)]
    pub(crate) fn scan(&mut self, depth: Depth) -> bool {
        match scan::scan(self.dialect, self.bytes, &mut self.places, depth) {
            Some(scanned) => {
                self.mti = scanned.mti;
                self.elements = scanned.fields;
                true
            }
            None => false,
        }
    }

    /// The dialect it was read in.
    #[must_use]
    pub fn dialect(&self) -> &'a Dialect {
        self.dialect
    }

    /// The whole message.
    #[must_use]
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// What stands before the MTI.
    #[must_use]
    pub fn header(&self) -> &'a [u8] {
        self.bytes
            .get(..self.dialect.header_end(self.bytes).unwrap_or_default())
            .unwrap_or_default()
    }

    /// The message type.
    #[must_use]
    pub fn mti(&self) -> Mti {
        self.mti
    }

    /// The fields that are there, 2 to 192.
    #[must_use]
    pub fn fields(&self) -> FieldSet {
        self.elements.without(THIRD_BITMAP)
    }

    /// Is the field there?
    #[must_use]
    pub fn has(&self, number: u8) -> bool {
        self.elements.contains(number) && number != THIRD_BITMAP
    }

    /// The field's value as on the wire, without its length prefix.
    #[must_use]
    pub fn wire(&self, number: u8) -> Option<&'a [u8]> {
        self.bytes.get(self.wire_range(number)?)
    }

    /// Where the field's value stands in the message, without its length prefix.
    #[must_use]
    pub fn wire_range(&self, number: u8) -> Option<Range<usize>> {
        let element = self.element_range(number)?;
        let step = self.dialect.steps.get(usize::from(number))?;
        Some(element.start + step.prefix_length()..element.end)
    }

    /// Where the field stands in the message, with its length prefix.
    #[must_use]
    pub fn element_range(&self, number: u8) -> Option<Range<usize>> {
        self.range_of(number)
    }

    #[inline(always)]
    fn range_of(&self, number: u8) -> Option<Range<usize>> {
        if number > 64 {
            return self.upper_range_of(number);
        }
        let [lower, ..] = self.elements.words();
        // The field and those above it; there is no field 0.
        let from = lower & (u64::MAX.checked_shl(u32::from(number.wrapping_sub(1)))?);
        if from.trailing_zeros() + 1 != u32::from(number) {
            return None;
        }
        let behind = from & from.wrapping_sub(1);
        Some(self.places.of_lower(from)..self.places.of_lower(behind))
    }

    fn upper_range_of(&self, number: u8) -> Option<Range<usize>> {
        if !self.has(number) {
            return None;
        }
        let [lower, ..] = self.elements.words();
        let rank = self.elements.rank(number) - lower.count_ones() as usize;
        Some(self.upper_boundary(rank)..self.upper_boundary(rank + 1))
    }

    /// The fields that are there and, where a third bitmap stands among them, 65: each is one element.
    #[inline(always)]
    pub(crate) fn elements(&self) -> FieldSet {
        self.elements
    }

    /// Where the first of these fields begins, bit n − 1 for field n; without any, where those up to 64 end.
    #[inline(always)]
    pub(crate) fn lower_boundary(&self, fields: u64) -> usize {
        self.places.of_lower(fields)
    }

    /// Where the element of this rank among those above 64 begins; behind the last, where that one ends.
    #[inline(always)]
    pub(crate) fn upper_boundary(&self, rank: usize) -> usize {
        match self.places.of_upper(rank) {
            Place::At(offset) => offset,
            Place::Behind {
                rank,
                offset,
                steps,
            } => self.walk(rank, offset, steps),
        }
    }

    /// Steps over so many elements above 64; the first has this rank among them and begins here.
    #[cold]
    fn walk(&self, rank: usize, offset: usize, steps: usize) -> usize {
        let [_, middle, high] = self.elements.words();
        let upper = FieldSet::from_words([0, middle, high]);
        let numbers = upper.iter().skip(rank).take(steps);
        numbers.fold(offset, |offset, number| {
            let step = self.dialect.steps.get(usize::from(number));
            let length = match step {
                Some(step) if step.is_defined() => step.element_length(self.bytes, offset),
                // The third bitmap.
                _ => Some(self.dialect.bitmap.length()),
            };
            offset + length.unwrap_or_default()
        })
    }

    /// Where the last field ends.
    pub(crate) fn end(&self) -> usize {
        self.places.end()
    }

    #[inline(always)]
    pub(crate) fn element(&self, number: u8) -> Option<Element<'a>> {
        let step = self.dialect.steps.get(usize::from(number))?;
        Element::of(step, self.bytes.get(self.range_of(number)?)?)
    }

    /// The field's value as text, without allocating: digits for packed ones, upper-case hex for `b` fields. Text in
    /// ASCII is borrowed from the message; everything else is written into the buffer.
    #[must_use]
    pub fn text<'b>(&self, number: u8, buffer: &'b mut TextBuffer) -> Option<&'b str>
    where
        'a: 'b,
    {
        text::read(self.element(number)?, buffer)
    }

    /// The field's value as text, in a `String` of its own.
    #[must_use]
    pub fn to_text(&self, number: u8) -> Option<String> {
        self.text(number, &mut TextBuffer::new()).map(str::to_owned)
    }

    /// The number in an `n` field of at most 18 digits.
    #[must_use]
    pub fn number(&self, number: u8) -> Option<u64> {
        let element = self.element(number)?;
        if element.step.content != Content::N || element.units > 18 {
            return None;
        }
        text::number(&element)
    }

    /// The bytes of a `b` field that stands on the wire as it is.
    #[must_use]
    pub fn binary(&self, number: u8) -> Option<&'a [u8]> {
        let element = self.element(number)?;
        (element.step.encoding == Encoding::Raw).then_some(element.wire)
    }

    /// Field 11.
    #[must_use]
    pub fn stan(&self) -> Option<Stan> {
        Stan::read(self.number(11)?)
    }

    /// Field 4.
    #[must_use]
    pub fn amount(&self) -> Option<AmountMinor> {
        let number = self.number(4)?;
        // ISO 8583:2003: currency (3), minor unit (1), value (12).
        let is_composite = self.dialect.step(4)?.units == 16;
        Some(AmountMinor::read(match is_composite {
            true => number % (AmountMinor::MAX_12 + 1),
            false => number,
        }))
    }

    /// The PAN: field 2, else from track 2.
    #[must_use]
    pub fn pan(&self) -> Option<Pan> {
        let mut buffer = [0; Pan::DIGITS_MAX];
        match self.element(2) {
            Some(element) => Pan::parse(text::short(&element, &mut buffer)?),
            None => self.track2()?.pan(),
        }
    }

    /// Field 35. The separator of a packed track reads as `D`.
    #[must_use]
    pub fn track2(&self) -> Option<Track2> {
        let mut buffer = [0; Track2::CHARACTERS_MAX];
        Track2::parse(text::short(&self.element(35)?, &mut buffer)?)
    }

    /// Field 39.
    #[must_use]
    pub fn response_code(&self) -> Option<ResponseCode> {
        let mut buffer = [0; 4];
        ResponseCode::parse(text::short(&self.element(39)?, &mut buffer)?)
    }

    /// Where field 11 stands, to be overwritten in a copy of the message.
    #[must_use]
    pub fn stan_slot(&self) -> Option<StanSlot> {
        StanSlot::of(self.dialect.field(11)?, self.element_range(11)?.start)
    }
}

/// Names the fields, shows no values.
impl fmt::Debug for View<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("View")
            .field("dialect", &self.dialect.name())
            .field("mti", &self.mti)
            .field("fields", &self.fields())
            .field("length", &self.bytes.len())
            .finish()
    }
}
