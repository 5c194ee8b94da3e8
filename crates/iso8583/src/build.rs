//! Writing a message: ascending fields, straight into the output buffer.

use core::fmt;
use core::ops::Range;

use bytes::BytesMut;

use crate::bitmaps::BitmapPlaces;
use crate::convert;
use crate::dialect::{Dialect, MESSAGE_BYTES_MAX};
use crate::encode::{self, Refusal, Target};
use crate::error::{EncodeError, EncodeErrorKind as Kind};
use crate::field::Content;
use crate::field_set::FieldSet;
use crate::layout::compose::{self, ComposeError, ComposeErrorKind};
use crate::mti::Mti;
use crate::output::Output;
use crate::plan::Prefix;
use crate::view::View;

/// What a built message usually is not longer than.
const LENGTH_EXPECTED: usize = 512;

/// Writes one message at the end of a buffer. After an error, or when it is dropped before [`Builder::finish`], the
/// buffer is as it was.
pub struct Builder<'d> {
    dialect: &'d Dialect,
    out: Output<'d>,
    mti: Mti,
    bitmaps: BitmapPlaces,
    fields: FieldSet,
    last: u8,
    failed: Option<EncodeError>,
    finished: bool,
}

impl<'d> Builder<'d> {
    /// Begins a message with the dialect's default header.
    #[must_use]
    pub fn new(dialect: &'d Dialect, out: &'d mut BytesMut, mti: Mti) -> Builder<'d> {
        Builder::begin(dialect, out, dialect.default_header(), mti)
    }

    /// Begins a message with this header, which must be as long as the dialect's headers are.
    ///
    /// # Errors
    /// If it is not.
    pub fn with_header(
        dialect: &'d Dialect,
        out: &'d mut BytesMut,
        header: &[u8],
        mti: Mti,
    ) -> Result<Builder<'d>, EncodeError> {
        check_header(dialect, header)?;
        Ok(Builder::begin(dialect, out, header, mti))
    }

    fn begin(
        dialect: &'d Dialect,
        buffer: &'d mut BytesMut,
        header: &[u8],
        mti: Mti,
    ) -> Builder<'d> {
        let mut out = Output::begin(buffer, LENGTH_EXPECTED);
        out.put(header);
        out.put_mti(dialect.mti, mti);
        let bitmaps = BitmapPlaces::first(dialect, &mut out);
        Builder {
            dialect,
            out,
            mti,
            bitmaps,
            fields: FieldSet::EMPTY,
            last: 1,
            failed: None,
            finished: false,
        }
    }

    /// Adds a field given as text: digits, characters, hex for `b` fields. Lengths are strict: nothing is padded or cut.
    ///
    /// # Errors
    /// If the value does not fit the field, or the field does not come after the one before.
    pub fn text(&mut self, number: u8, value: &str) -> Result<&mut Self, EncodeError> {
        self.add(number, |target, out| encode::put_text(target, value, out))
    }

    /// Adds a `b` field given as bytes.
    ///
    /// # Errors
    /// As for [`Builder::text`].
    pub fn bytes(&mut self, number: u8, value: &[u8]) -> Result<&mut Self, EncodeError> {
        self.add(number, |target, out| encode::put_bytes(target, value, out))
    }

    /// Adds an `n` field given as a number, with leading zeros up to the length of a fixed field.
    ///
    /// # Errors
    /// As for [`Builder::text`]; a number of more digits than the field has is an error.
    pub fn number(&mut self, number: u8, value: u64) -> Result<&mut Self, EncodeError> {
        self.add(number, |target, out| put_number(target, value, out))
    }

    /// Adds a field made of the values of its parts, by path (see [`mod@crate::layout`]); a part that only counts others may be
    /// left out.
    ///
    /// ```
    /// # use bytes::BytesMut;
    /// # use pointsman_iso8583::{Builder, Dialect};
    /// let dialect = Dialect::builtin("mastercard-like").expect("it is built in");
    /// let mut out = BytesMut::new();
    /// let mut builder = Builder::new(&dialect, &mut out, "0100".parse().expect("four digits"));
    /// builder
    ///     .parts(48, &[("1", "T"), ("42.01.1", "2"), ("42.01.2", "1"), ("42.01.3", "0"), ("71", "18C")])
    ///     .expect("all fits");
    /// let range = builder.finish().expect("all fits");
    /// let view = dialect.view(&out[range]).expect("what was written can be read");
    /// assert_eq!(view.to_text(48).as_deref(), Some("T42070103210710318C"));
    /// ```
    ///
    /// # Errors
    /// If a part is missing, does not fit, or is none of the field's layout in such a message; as for [`Builder::text`] besides.
    pub fn parts(&mut self, number: u8, parts: &[(&str, &str)]) -> Result<&mut Self, ComposeError> {
        let nodes = compose::tree(parts).map_err(|(path, kind)| ComposeError {
            field: number,
            path,
            kind,
        })?;
        self.nodes(number, &nodes)
    }

    pub(crate) fn nodes(
        &mut self,
        number: u8,
        nodes: &[compose::Node],
    ) -> Result<&mut Self, ComposeError> {
        let choices = self.dialect.layouts.choices(number);
        // Which layout it is may depend on the fields before: they are read back.
        let so_far = match choices.iter().any(|choice| !choice.when.is_empty()) {
            true => {
                self.bitmaps.write(self.fields, &mut self.out);
                let length = self.out.length();
                self.out.written(0, length).to_vec()
            }
            false => Vec::new(),
        };
        let view = self.dialect.partial(&so_far).0;
        let text = compose::compose(self.dialect, number, self.mti, nodes, view.view())?;
        self.text(number, &text).map_err(|error| ComposeError {
            field: number,
            path: String::new(),
            kind: ComposeErrorKind::Value {
                offset: error.offset,
                kind: error.kind,
            },
        })
    }

    /// Adds a field with the value it has in another message: the same bytes if its form is the same in both dialects,
    /// else converted.
    ///
    /// # Errors
    /// As for [`Builder::text`]; also if the other message does not hold the field.
    pub fn copy(&mut self, view: &View<'_>, number: u8) -> Result<&mut Self, EncodeError> {
        let dialect = self.dialect;
        self.add(number, |target, out| {
            convert::copy(view, dialect, number, target, out)
        })
    }

    /// Writes the bitmaps. Returns where the message stands in the output.
    ///
    /// # Errors
    /// The first error of any field before, or that the message is too long.
    pub fn finish(mut self) -> Result<Range<usize>, EncodeError> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        check_length(self.out.length())?;
        self.bitmaps.write(self.fields, &mut self.out);
        let length = self.out.length();
        self.dialect.complete_header(self.out.written(0, length));
        self.finished = true;
        Ok(self.out.keep())
    }

    #[inline]
    fn add(
        &mut self,
        number: u8,
        put: impl FnOnce(Target<'_>, &mut Output<'_>) -> Result<(), Refusal>,
    ) -> Result<&mut Self, EncodeError> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        let after = self.last;
        let result = match Target::of(self.dialect, number) {
            None => Err((0, Kind::UndefinedField)),
            Some(_) if number <= after => Err((0, Kind::OutOfOrder { after })),
            Some(target) => {
                if number > 64 && after <= 64 {
                    self.bitmaps.insert_second(&mut self.out);
                }
                if number > 128 && after <= 128 {
                    self.bitmaps.insert_third(&mut self.out);
                }
                put(target, &mut self.out)
            }
        };
        if let Err((offset, kind)) = result {
            let error = EncodeError {
                field: number,
                offset,
                kind,
            };
            self.failed = Some(error);
            return Err(error);
        }
        self.fields.insert(number);
        self.last = number;
        Ok(self)
    }
}

impl Drop for Builder<'_> {
    fn drop(&mut self) {
        if !self.finished {
            self.out.give_up();
        }
    }
}

impl fmt::Debug for Builder<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("dialect", &self.dialect.name())
            .field("fields", &self.fields)
            .finish()
    }
}

/// A header must be one that the dialect reads.
pub(crate) fn check_header(dialect: &Dialect, header: &[u8]) -> Result<(), EncodeError> {
    let (length, expected) = (header.len(), dialect.header_length());
    if dialect.header_fits(header) {
        return Ok(());
    }
    Err(EncodeError {
        field: 0,
        offset: 0,
        kind: match length == expected {
            true => Kind::NotHeader,
            false => Kind::LengthWrong { length, expected },
        },
    })
}

/// No message is longer than what can be read again.
pub(crate) fn check_length(length: usize) -> Result<(), EncodeError> {
    if length <= MESSAGE_BYTES_MAX {
        return Ok(());
    }
    Err(EncodeError {
        field: 0,
        offset: 0,
        kind: Kind::MessageTooLong {
            length,
            max: MESSAGE_BYTES_MAX,
        },
    })
}

/// Digits of the largest `u64`.
const NUMBER_DIGITS_MAX: usize = 20;

fn put_number(target: Target<'_>, value: u64, out: &mut Output<'_>) -> Result<(), Refusal> {
    if target.step.content != Content::N {
        return Err((0, Kind::NotNumeric));
    }
    let mut digits = [b'0'; NUMBER_DIGITS_MAX];
    let mut rest = value;
    let mut count = 0;
    for place in digits.iter_mut().rev() {
        if rest == 0 {
            break;
        }
        *place = b'0' + (rest % 10) as u8;
        rest /= 10;
        count += 1;
    }
    let wanted = match target.step.prefix {
        Prefix::None => usize::from(target.step.units),
        _ => count.max(1),
    };
    if count > wanted {
        return Err((0, Kind::NumberTooLarge { digits: wanted }));
    }
    let Some(start) = NUMBER_DIGITS_MAX.checked_sub(wanted) else {
        // More digits than any number has: leading zeros before all of them.
        let mut long = [b'0'; 1024];
        let length = long.len();
        if let Some(tail) = long.last_chunk_mut() {
            *tail = digits;
        }
        return put_digits(
            target,
            long.get(length.saturating_sub(wanted)..)
                .unwrap_or_default(),
            out,
        );
    };
    put_digits(target, digits.get(start..).unwrap_or_default(), out)
}

fn put_digits(target: Target<'_>, digits: &[u8], out: &mut Output<'_>) -> Result<(), Refusal> {
    encode::put_text(
        target,
        core::str::from_utf8(digits).unwrap_or_default(),
        out,
    )
}
