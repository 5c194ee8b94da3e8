//! Makes the dialect of what the sources say, and checks what only the whole can tell.

use super::raw::{At, Raw};
use super::{fields, messages};
use crate::dialect::{Defaults, Dialect, DialectError, FIELD_NUMBERS};
use crate::field::{
    BitmapEncoding, Content, Counts, Encoding, Field, Filler, Length, PadSide, PrefixEncoding,
    TertiaryBitmap, TextEncoding,
};
use crate::field_set::FieldSet;
use crate::header::{HeaderKind, TPDU_BYTES};
use crate::plan::Step;
use crate::values::Reason;

/// What could not be made is left out, and was noted in `errors`.
pub(super) fn resolve(raw: &Raw, errors: &mut Vec<DialectError>) -> Dialect {
    note_missing(raw, errors);
    let header = value_or(&raw.header, Vec::new());
    let header_kind = value_or(&raw.header_kind, HeaderKind::Fixed);
    let secondary_bitmap = value_or(&raw.secondary_bitmap, true);
    let tertiary_bitmap = resolve_tertiary(raw, secondary_bitmap, errors);
    // What is missing was noted; something stands in for it, so that the fields are checked all the same.
    let defaults = Defaults {
        digits: value_or(&raw.digits, Encoding::Ascii),
        track: value_or(&raw.track, Encoding::Ascii),
        text: value_or(&raw.text, Encoding::Ascii),
        binary: value_or(&raw.binary, Encoding::Raw),
        prefix: value_or(&raw.prefix, PrefixEncoding::Ascii),
        pad: value_or(&raw.pad, PadSide::Left),
        filler: value_or(&raw.filler, Filler::Zero),
        counts: value_or(&raw.counts, Counts::Value),
    };

    // Why no bitmap can announce a field.
    let unannounced = |number: u8| match number {
        0..=64 => None,
        _ if !secondary_bitmap => Some("secondary_bitmap is false"),
        129.. if tertiary_bitmap == TertiaryBitmap::None => Some("tertiary_bitmap is none"),
        _ => None,
    };
    let mut fields: Box<[Option<Field>]> = vec![None; FIELD_NUMBERS].into();
    let mut steps = Box::new([Step::UNDEFINED; FIELD_NUMBERS]);
    let mut defined = FieldSet::EMPTY;
    let mut scannable = FieldSet::EMPTY;
    for (number, raw_field) in &raw.fields {
        if let Some(why) = unannounced(*number) {
            // An inherited table is cut to what the bitmaps can announce; a field of one's own there is a mistake.
            if let Some(span) = &raw_field.span {
                let message = format!("field {number} cannot be announced: {why}");
                errors.push(DialectError::new(Some(span.clone()), message));
            }
            continue;
        }
        if let Some(field) = fields::resolve(*number, raw_field, &defaults, errors)
            && let (Some(place), Some(step)) = (
                fields.get_mut(usize::from(*number)),
                steps.get_mut(usize::from(*number)),
            )
        {
            *step = Step::of(&field);
            if step.is_scannable() {
                scannable.insert(*number);
            }
            *place = Some(field);
            defined.insert(*number);
        }
    }
    check_response_codes(raw, &fields, errors);
    let echo = raw.echo.iter().flatten();
    let echo = echo.filter(|number| is_there(raw, number, unannounced, errors));
    let echo: FieldSet = echo.map(|number| number.value).collect();
    let messages = messages::resolve(raw, &fields, unannounced, errors);
    let code = |reason: Reason| {
        raw.response_codes
            .get(reason.key())
            .map_or(reason.code_1987(), |code| code.value.as_str())
    };
    let dialect = Dialect {
        name: value_or(&raw.name, String::new()).into(),
        description: raw
            .description
            .as_ref()
            .map_or("", |text| text.value.as_str())
            .into(),
        header: header.into(),
        header_kind,
        mti: value_or(&raw.mti, TextEncoding::Ascii),
        bitmap: value_or(&raw.bitmap, BitmapEncoding::Binary),
        secondary_bitmap,
        tertiary_bitmap,
        defaults,
        fields,
        steps,
        defined,
        scannable,
        response_codes: Reason::ALL
            .map(|reason| (reason.key(), code(reason).into()))
            .into(),
        messages,
        echo: echo.intersection(defined),
        layouts: Default::default(),
    };
    check_header(&dialect, raw, errors);
    let layouts = super::layouts::resolve(raw, &dialect, errors);
    Dialect { layouts, ..dialect }
}

/// Own ones that do not fit are mistakes of theirs; inherited ones are one of field 39.
fn check_response_codes(raw: &Raw, fields: &[Option<Field>], errors: &mut Vec<DialectError>) {
    let codes = raw.response_codes.values();
    let wrong = codes.filter(|code| !fits_field_39(fields, &code.value));
    let (own, inherited): (Vec<_>, Vec<_>) = wrong.partition(|code| code.span.is_some());
    for code in own {
        let message = format!("'{}' does not fit field 39", code.value);
        errors.push(DialectError::new(code.span.clone(), message));
    }
    let Some(first) = inherited.first() else {
        return;
    };
    let field = raw.fields.get(&39);
    let shape = field.and_then(|field| field.shape.as_ref());
    let span = shape.and_then(|shape| shape.span.clone());
    let span = span.or(field.and_then(|field| field.span.clone()));
    let message = format!(
        "inherited response codes such as '{}' do not fit field 39",
        first.value
    );
    errors.push(DialectError::new(span, message).help("give [response_codes] that do"));
}

/// A third bitmap needs a second one to announce it; an inherited one goes with the second.
fn resolve_tertiary(
    raw: &Raw,
    secondary_bitmap: bool,
    errors: &mut Vec<DialectError>,
) -> TertiaryBitmap {
    let tertiary = value_or(&raw.tertiary_bitmap, TertiaryBitmap::None);
    if secondary_bitmap || tertiary == TertiaryBitmap::None {
        return tertiary;
    }
    if let Some(span) = raw.tertiary_bitmap.as_ref().and_then(|at| at.span.clone()) {
        let message = "a third bitmap is announced by the second, and secondary_bitmap is false";
        errors.push(DialectError::new(Some(span), message));
    }
    TertiaryBitmap::None
}

/// Is the default header one of its kind?
fn check_header(dialect: &Dialect, raw: &Raw, errors: &mut Vec<DialectError>) {
    let header = dialect.default_header();
    let (message, example) = match dialect.header_kind {
        HeaderKind::Tpdu if header.len() < TPDU_BYTES => (
            "a TPDU is the first five bytes of a header",
            "header = \"6000030000\", for example",
        ),
        HeaderKind::Base24 if !dialect.header_fits(header) => (
            "a BASE24 header is ISO and nine digits",
            "header = \"49534F303236303030303730\" is ISO026000070",
        ),
        HeaderKind::Visa if !dialect.header_fits(header) => (
            "a BASE I header says its length in its first byte, at least 22",
            "header = \"16010200000000000000000000000000000000000000\", for example",
        ),
        _ => return,
    };
    let kind = raw.header_kind.as_ref().and_then(|at| at.span.clone());
    let span = kind.or(raw.header.as_ref().and_then(|at| at.span.clone()));
    errors.push(DialectError::new(span, message).help(example));
}

/// Can field 39 hold this response code? A dialect without field 39 has no use for codes; any will do.
pub(super) fn fits_field_39(fields: &[Option<Field>], code: &str) -> bool {
    let Some(Some(field)) = fields.get(39) else {
        return true;
    };
    let length_fits = match field.length {
        Length::Fixed(units) => usize::from(units) == code.len(),
        Length::Variable { max, .. } => usize::from(max) >= code.len(),
    };
    let content_fits = match field.content {
        Content::N | Content::Z => code.bytes().all(|byte| byte.is_ascii_digit()),
        Content::A => code.bytes().all(|byte| byte.is_ascii_alphabetic()),
        Content::An | Content::Ans | Content::Ns => true,
        Content::SignedN | Content::B => false,
    };
    length_fits && content_fits
}

/// Is the field defined that something names? An own mention of one that is not is a mistake, an inherited one is cut away.
pub(super) fn is_there(
    raw: &Raw,
    At { value, span }: &At<u8>,
    unannounced: impl Fn(u8) -> Option<&'static str>,
    errors: &mut Vec<DialectError>,
) -> bool {
    let is_defined = raw.fields.contains_key(value);
    let why = unannounced(*value);
    if is_defined && why.is_none() {
        return true;
    }
    // Nothing is defined at all: that was noted.
    if let (Some(span), false, false) = (span, raw.orphaned, raw.fields.is_empty()) {
        let message = match why.filter(|_| is_defined) {
            Some(why) => format!("field {value} cannot be announced: {why}"),
            None => format!("field {value} is not defined"),
        };
        errors.push(DialectError::new(Some(span.clone()), message));
    }
    false
}

pub(super) fn value_or<T: Clone>(value: &Option<At<T>>, missing: T) -> T {
    value.as_ref().map_or(missing, |value| value.value.clone())
}

fn note_missing(raw: &Raw, errors: &mut Vec<DialectError>) {
    if !raw.is_named && !raw.is_cut {
        errors.push(DialectError::new(None, "name is missing"));
    }
    if raw.orphaned {
        return;
    }
    let missing: Vec<&str> = [
        (raw.mti.is_some(), "[message] mti"),
        (raw.bitmap.is_some(), "[message] bitmap"),
        (raw.digits.is_some(), "[defaults] digits"),
        (raw.track.is_some(), "[defaults] track"),
        (raw.text.is_some(), "[defaults] text"),
        (raw.binary.is_some(), "[defaults] binary"),
        (raw.prefix.is_some(), "[defaults] prefix"),
        (!raw.fields.is_empty(), "[fields]"),
    ]
    .iter()
    .filter_map(|(present, what)| (!present).then_some(*what))
    .collect();
    if !missing.is_empty() {
        let error = DialectError::new(None, format!("not given: {}", missing.join(", ")));
        errors
            .push(error.help("give them, or extend a built-in dialect: extends = \"iso87-ascii\""));
    }
}
