//! Where the bitmaps stand in a message that is being written. Which ones it needs, its fields decide.

use crate::dialect::Dialect;
use crate::field::{BitmapEncoding, TertiaryBitmap};
use crate::field_set::FieldSet;
use crate::output::Output;

/// The places of up to three bitmaps; they are written last, when the fields are known.
pub(crate) struct BitmapPlaces {
    encoding: BitmapEncoding,
    tertiary: TertiaryBitmap,
    first: usize,
    second: Option<usize>,
    third: Option<usize>,
    /// Where the fields above 64 begin, if there is a second bitmap.
    upper: usize,
}

impl BitmapPlaces {
    /// Behind what was written there is room for the first.
    #[inline]
    pub(crate) fn first(dialect: &Dialect, out: &mut Output<'_>) -> BitmapPlaces {
        let first = out.length();
        out.room(dialect.bitmap.length());
        BitmapPlaces {
            encoding: dialect.bitmap,
            tertiary: dialect.tertiary_bitmap,
            first,
            second: None,
            third: None,
            upper: 0,
        }
    }

    /// Fields up to 64 were written: a second bitmap is put before them.
    pub(crate) fn insert_second(&mut self, out: &mut Output<'_>) {
        let length = self.encoding.length();
        let place = self.first + length;
        out.insert_gap(place, length);
        self.second = Some(place);
        self.upper = out.length();
    }

    /// Fields up to 128 were written: a third bitmap is put before them, or among them. There is a second.
    pub(crate) fn insert_third(&mut self, out: &mut Output<'_>) {
        let length = self.encoding.length();
        let place = match self.tertiary {
            TertiaryBitmap::Contiguous => self.first + length * 2,
            TertiaryBitmap::Field65 | TertiaryBitmap::None => self.upper,
        };
        out.insert_gap(place, length);
        self.third = Some(place);
    }

    /// Nothing but the first was written: there is room for all others that stand behind it, up to this field.
    #[inline]
    pub(crate) fn make_room(&mut self, last: u8, out: &mut Output<'_>) {
        if last <= 64 {
            return;
        }
        self.second = Some(out.length());
        out.room(self.encoding.length());
        if last > 128 && self.tertiary == TertiaryBitmap::Contiguous {
            self.third = Some(out.length());
            out.room(self.encoding.length());
        }
    }

    /// The fields up to 64 were written, and others follow up to this one: there is room for a bitmap between them if it
    /// stands there.
    #[inline]
    pub(crate) fn make_room_between(&mut self, last: u8, out: &mut Output<'_>) {
        if last > 128 && self.tertiary == TertiaryBitmap::Field65 {
            self.third = Some(out.length());
            out.room(self.encoding.length());
        }
    }

    /// Takes out what turned out not to be needed for these fields. Gives how many bytes the fields up to 64 moved down.
    #[inline]
    pub(crate) fn close(&mut self, fields: FieldSet, out: &mut Output<'_>) -> usize {
        let [_, middle, high] = fields.words();
        let length = self.encoding.length();
        let mut moved = 0;
        if high == 0
            && let Some(third) = self.third.take()
        {
            out.close_gap(third, length);
            if self.tertiary == TertiaryBitmap::Contiguous {
                moved += length;
            }
        }
        if middle | high == 0
            && let Some(second) = self.second.take()
        {
            out.close_gap(second, length);
            moved += length;
        }
        moved
    }

    /// Writes them.
    #[inline]
    pub(crate) fn write(&self, fields: FieldSet, out: &mut Output<'_>) {
        let [low, middle, high] = fields.words();
        let announce = |place: Option<usize>| u64::from(place.is_some());
        out.set_bitmap(self.first, self.encoding, low | announce(self.second));
        if let Some(second) = self.second {
            out.set_bitmap(second, self.encoding, middle | announce(self.third));
        }
        if let Some(third) = self.third {
            out.set_bitmap(third, self.encoding, high);
        }
    }
}
