//! Makes a field of what the sources say about it, and checks that its lengths can be said and its values written.

use std::ops::Range;

use super::raw::{RawField, Shape};
use super::resolve::value_or;
use super::sensitive_by_number;
use crate::charset::Charset;
use crate::dialect::{Defaults, Dialect, DialectError};
use crate::field::{Content, Counts, Encoding, Field, Fill, Length, PadSide};

/// `None` if it cannot be made, which was noted.
pub(super) fn resolve(
    number: u8,
    raw: &RawField,
    defaults: &Defaults,
    errors: &mut Vec<DialectError>,
) -> Option<Field> {
    let Some(shape) = &raw.shape else {
        let error = DialectError::new(raw.span.clone(), format!("field {number} has no type"));
        errors.push(error.help("type = \"n6\", for example"));
        return None;
    };
    // A type that could not be read was noted where it stands.
    let Shape {
        content,
        prefix_digits,
        length,
    } = shape.value?;
    let encoding = value_or(&raw.encoding, Dialect::default_encoding(defaults, content));
    let (fits, help) = match content {
        Content::B => (
            matches!(encoding, Encoding::Raw | Encoding::HexText),
            "b fields are raw or hex",
        ),
        Content::N | Content::Z => (
            matches!(
                encoding,
                Encoding::Ascii | Encoding::Ebcdic(_) | Encoding::Bcd
            ),
            "n and z fields are ascii, ebcdic or bcd",
        ),
        _ => (
            matches!(encoding, Encoding::Ascii | Encoding::Ebcdic(_)),
            "text is ascii or ebcdic",
        ),
    };
    if !fits {
        let span = raw
            .encoding
            .as_ref()
            .and_then(|encoding| encoding.span.clone());
        let span = span.or(shape.span.clone()).or(raw.span.clone());
        let message = format!("field {number}: content {content} cannot be written as {encoding}");
        errors.push(DialectError::new(span, message).help(help));
        return None;
    }
    let length = match prefix_digits {
        // x+n8 is a sign and eight digits.
        0 if content == Content::SignedN => Length::Fixed(length + 1),
        0 => Length::Fixed(length),
        digits => Length::Variable {
            digits,
            prefix: value_or(&raw.prefix, defaults.prefix),
            max: length,
        },
    };
    let is_fixed = matches!(length, Length::Fixed(_));
    let own_prefix = raw.prefix.as_ref().and_then(|prefix| prefix.span.clone());
    let own_counts = raw.counts.as_ref().and_then(|counts| counts.span.clone());
    for (key, span) in [("prefix", own_prefix), ("counts", own_counts)] {
        if let (true, Some(span)) = (is_fixed, span) {
            let message = format!("field {number}: {key} means nothing for a fixed length");
            let help = "a type with dots, such as n..19, has a length prefix";
            errors.push(DialectError::new(Some(span), message).help(help));
        }
    }
    let mut field = Field {
        number,
        name: value_or(&raw.name, format!("Field {number}")).into(),
        content,
        encoding,
        length,
        pad: value_or(&raw.pad, defaults.pad),
        filler: value_or(&raw.filler, defaults.filler),
        counts: match is_fixed {
            true => Counts::Value,
            false => value_or(&raw.counts, defaults.counts),
        },
        fill: raw.fill.as_ref().map(|fill| Fill {
            with: fill.value,
            // Numbers are filled on the left, text on the right.
            side: value_or(
                &raw.fill_side,
                match content {
                    Content::N => PadSide::Left,
                    _ => PadSide::Right,
                },
            ),
            strip: value_or(&raw.strip, false),
        }),
        sensitive: value_or(&raw.sensitive, sensitive_by_number(number)),
    };
    check_length(&mut field, raw, errors)?;
    check_fill(&field, raw, errors)?;
    Some(field)
}

/// Can the prefix say every length that the field allows?
fn check_length(field: &mut Field, raw: &RawField, errors: &mut Vec<DialectError>) -> Option<()> {
    let Length::Variable {
        digits,
        prefix,
        max,
    } = field.length
    else {
        return Some(());
    };
    let span = |of_prefix: Option<Option<Range<usize>>>| {
        let shape = raw.shape.as_ref().and_then(|shape| shape.span.clone());
        of_prefix.flatten().or(shape).or(raw.span.clone())
    };
    let number = field.number;
    let announced = field.announced_length(usize::from(max));
    let longest = prefix.length_max(digits);
    let inherited = raw.shape.as_ref().is_some_and(|shape| shape.span.is_none());
    if announced > longest && inherited {
        // A type that was inherited is cut to what the prefix can say; one of one's own is a mistake.
        let bytes = longest
            - if field.counts == Counts::Element {
                field.prefix_length()
            } else {
                0
            };
        let units = match (field.encoding, field.counts) {
            (_, Counts::Value) => longest,
            (Encoding::Bcd, _) => bytes * 2,
            _ => bytes,
        };
        let max = u16::try_from(units).unwrap_or(max);
        field.length = Length::Variable {
            digits,
            prefix,
            max,
        };
    } else if announced > longest {
        let message = format!(
            "field {number}: a value of {max} is announced as {announced}, and its prefix says at most {longest}"
        );
        let span = span(raw.prefix.as_ref().map(|prefix| prefix.span.clone()));
        errors.push(DialectError::new(span, message).help(
            "shorten the type, or let the prefix have more digits (one dot each) or be binary2",
        ));
        return None;
    }
    if field.needs_even_digits() && max % 2 == 1 && announced <= longest {
        let message = format!(
            "field {number}: its length counts bytes, so that {max} digits and {} look the same",
            max + 1
        );
        let span = span(raw.counts.as_ref().map(|counts| counts.span.clone()));
        errors.push(
            DialectError::new(span, message).help("give it an even length, or filler = \"F\""),
        );
        return None;
    }
    Some(())
}

/// Can a value be filled so?
fn check_fill(field: &Field, raw: &RawField, errors: &mut Vec<DialectError>) -> Option<()> {
    let number = field.number;
    let Some(fill) = field.fill else {
        let without = [
            (
                "fill_side",
                raw.fill_side.as_ref().map(|at| at.span.clone()),
            ),
            ("strip", raw.strip.as_ref().map(|at| at.span.clone())),
        ];
        for (key, span) in without {
            if let Some(span) = span {
                let message = format!("field {number}: {key} means nothing without fill");
                errors.push(DialectError::new(span, message).help("fill = \" \", for example"));
            }
        }
        return Some(());
    };
    let span = raw.fill.as_ref().and_then(|fill| fill.span.clone());
    let mut refuse = |message: String| {
        errors.push(DialectError::new(
            span.clone().or(raw.span.clone()),
            message,
        ));
        None
    };
    if !matches!(field.length, Length::Fixed(_)) {
        return refuse(format!(
            "field {number}: only a field of a fixed length can be filled"
        ));
    }
    if matches!(field.content, Content::B | Content::Z | Content::SignedN)
        || !Charset::Ascii.allows(field.content, fill.with)
    {
        return refuse(format!(
            "field {number}: content {} cannot be filled with '{}'",
            field.content,
            char::from(fill.with)
        ));
    }
    Some(())
}
