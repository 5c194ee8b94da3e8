//! A dialect's TOML: read, merged with what it extends, checked whole, compiled; and written back.
//!
//! Two stages, as with every configuration here: [`Raw`] is what the files say, each value with its place; [`resolve`]
//! makes the [`Dialect`] of it or a list of everything that is wrong.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::charset;
use crate::dialect::{Defaults, Dialect, DialectError, HEADER_BYTES_MAX};
use crate::field::{
    BitmapEncoding, Content, Encoding, Field, FieldSet, Length, PadSide, PrefixEncoding, Sensitive,
    TextEncoding,
};
use crate::plan::Step;
use crate::values::Reason;

/// The longest fixed field: no standard knows a longer one, and the text of any value stays below 2 KiB with it.
const FIXED_LENGTH_MAX: u16 = 999;
/// The most a two-digit length prefix can say.
const LL_MAX: u16 = 99;
/// The most a three-digit length prefix can say.
const LLL_MAX: u16 = 999;
/// The longest name or description of anything; keeps explanations readable.
const NAME_CHARACTERS_MAX: usize = 80;

/// Reads, merges, checks and compiles a dialect.
pub(crate) fn parse(toml: &str) -> Result<Dialect, Vec<DialectError>> {
    let mut errors = Vec::new();
    let raw = Raw::read(toml, true, &mut Vec::new(), &mut errors);
    let dialect = resolve(&raw, &mut errors);
    match dialect {
        Some(dialect) if errors.is_empty() => Ok(dialect),
        _ => {
            errors.sort_by_key(|error| error.span.as_ref().map_or(usize::MAX, |span| span.start));
            Err(errors)
        }
    }
}

/// A value and where it stands in the source; nowhere if it was inherited.
#[derive(Clone, Debug)]
struct At<T> {
    value: T,
    span: Option<Range<usize>>,
}

/// What the source says, with what it extends merged in.
#[derive(Debug, Default)]
struct Raw {
    /// What it extends could not be read: that much is missing is no news then.
    orphaned: bool,
    name: Option<At<String>>,
    description: Option<At<String>>,
    header: Option<At<Vec<u8>>>,
    tpdu: Option<At<bool>>,
    mti: Option<At<TextEncoding>>,
    bitmap: Option<At<BitmapEncoding>>,
    secondary_bitmap: Option<At<bool>>,
    digits: Option<At<Encoding>>,
    track: Option<At<Encoding>>,
    text: Option<At<Encoding>>,
    binary: Option<At<Encoding>>,
    prefix: Option<At<PrefixEncoding>>,
    pad: Option<At<PadSide>>,
    response_codes: BTreeMap<&'static str, String>,
    echo: Option<At<FieldSet>>,
    fields: BTreeMap<u8, RawField>,
}

/// What the source says about one field.
#[derive(Clone, Debug, Default)]
struct RawField {
    span: Option<Range<usize>>,
    name: Option<At<String>>,
    shape: Option<At<Shape>>,
    encoding: Option<At<Encoding>>,
    prefix: Option<At<PrefixEncoding>>,
    pad: Option<At<PadSide>>,
    sensitive: Option<At<Sensitive>>,
}

/// A type as the standard writes it: `n6`, `an..25`, `b...999`, `x+n8`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Shape {
    content: Content,
    /// 0: fixed; 2 or 3: digits of the length prefix.
    prefix_digits: u8,
    length: u16,
}

impl Shape {
    fn parse(text: &str) -> Result<Shape, String> {
        let letters = text
            .find(|c: char| c == '.' || c.is_ascii_digit())
            .unwrap_or(text.len());
        let (content, rest) = text.split_at(letters);
        let content = match content {
            "a" => Content::A,
            "n" => Content::N,
            "an" => Content::An,
            "ans" => Content::Ans,
            "ns" => Content::Ns,
            "x+n" => Content::SignedN,
            "z" => Content::Z,
            "b" => Content::B,
            _ => {
                return Err(format!(
                    "'{text}' is not a field type: '{content}' is not a content class"
                ));
            }
        };
        let digits = rest.trim_start_matches('.');
        let prefix_digits = match rest.len() - digits.len() {
            0 => 0,
            2 => 2,
            3 => 3,
            dots => {
                return Err(format!(
                    "'{text}' is not a field type: {dots} dots mean nothing, two or three do"
                ));
            }
        };
        if digits.is_empty()
            || digits.len() > 4
            || !digits.bytes().all(|byte| byte.is_ascii_digit())
        {
            return Err(format!(
                "'{text}' is not a field type: it must end in a length"
            ));
        }
        let length: u16 = digits
            .parse()
            .map_err(|_| format!("'{digits}' is not a length"))?;
        let max = match prefix_digits {
            2 => LL_MAX,
            3 => LLL_MAX,
            _ => FIXED_LENGTH_MAX,
        };
        if length == 0 || length > max {
            return Err(match prefix_digits {
                0 => format!("the length {length} of a fixed field is not in 1 to {max}"),
                digits => format!(
                    "a length prefix of {digits} digits cannot say {length}: it holds 1 to {max}"
                ),
            });
        }
        if content == Content::SignedN && (prefix_digits != 0 || length == FIXED_LENGTH_MAX) {
            return Err(format!(
                "'{text}': a signed amount has a fixed length below {FIXED_LENGTH_MAX}"
            ));
        }
        Ok(Shape {
            content,
            prefix_digits,
            length,
        })
    }
}

impl Raw {
    /// `own`: is it the source the caller gave, so that places in it mean something to them?
    fn read(
        toml: &str,
        own: bool,
        extended: &mut Vec<String>,
        errors: &mut Vec<DialectError>,
    ) -> Raw {
        let (root, syntax) = DeTable::parse_recoverable(toml);
        for error in syntax {
            errors.push(DialectError {
                span: error.span(),
                message: error.message().to_owned(),
                help: None,
            });
        }
        let mut reader = Reader { own, errors };
        let table = root.get_ref();

        let extends = table
            .get("extends")
            .and_then(|value| reader.string(value, "extends"));
        let mut raw = match extends {
            Some(parent) => reader.inherit(&parent, extended),
            None => Raw::default(),
        };
        for (key, value) in table {
            match key.get_ref().as_ref() {
                "extends" => {}
                "name" => reader.short_text(value, "name").store(&mut raw.name),
                "description" => reader.short_text(value, "description").store(&mut raw.description),
                "echo" => reader.field_set(value).store(&mut raw.echo),
                "message" => reader.message(value, &mut raw),
                "defaults" => reader.defaults(value, &mut raw),
                "response_codes" => reader.response_codes(value, &mut raw),
                "fields" => reader.fields(value, &mut raw),
                _ => reader.unknown_key(
                    key,
                    "name, description, extends, echo, [message], [defaults], [response_codes], [fields]",
                ),
            }
        }
        raw
    }
}

/// Stores a value that could be read; an error was noted where it could not.
trait Store<T> {
    fn store(self, place: &mut Option<T>);
}

impl<T> Store<T> for Option<T> {
    fn store(self, place: &mut Option<T>) {
        if self.is_some() {
            *place = self;
        }
    }
}

/// Reads values and notes what is wrong with them.
struct Reader<'e> {
    own: bool,
    errors: &'e mut Vec<DialectError>,
}

impl Reader<'_> {
    fn error(&mut self, span: Range<usize>, message: impl Into<String>, help: Option<&str>) {
        let span = self.own.then_some(span);
        self.errors.push(DialectError {
            span,
            message: message.into(),
            help: help.map(str::to_owned),
        });
    }

    fn unknown_key(&mut self, key: &Spanned<impl AsRef<str>>, known: &str) {
        let message = format!("unknown key '{}'", key.get_ref().as_ref());
        self.error(key.span(), message, Some(&format!("known here: {known}")));
    }

    fn at<T>(&self, value: T, span: Range<usize>) -> At<T> {
        At {
            value,
            span: self.own.then_some(span),
        }
    }

    fn inherit(&mut self, parent: &At<String>, extended: &mut Vec<String>) -> Raw {
        let name = &parent.value;
        let span = parent.span.clone().unwrap_or_default();
        if extended.contains(name) {
            self.error(span, format!("'{name}' extends itself"), None);
            return Raw {
                orphaned: true,
                ..Raw::default()
            };
        }
        let Some(source) = Dialect::builtin_source(name) else {
            let help = format!("built in are: {}", Dialect::builtin_names().join(", "));
            self.error(
                span,
                format!("'{name}' is not a built-in dialect"),
                Some(&help),
            );
            return Raw {
                orphaned: true,
                ..Raw::default()
            };
        };
        extended.push(name.clone());
        let raw = Raw::read(source, false, extended, self.errors);
        // A name belongs to one dialect; the description goes with it.
        Raw {
            name: None,
            description: None,
            ..raw
        }
    }

    fn table<'v, 'i>(
        &mut self,
        value: &'v Spanned<DeValue<'i>>,
        what: &str,
    ) -> Option<&'v DeTable<'i>> {
        let table = value.get_ref().as_table();
        if table.is_none() {
            self.error(
                value.span(),
                format!("{what} must be a table, not {}", value.get_ref().type_str()),
                None,
            );
        }
        table
    }

    fn string(&mut self, value: &Spanned<DeValue<'_>>, what: &str) -> Option<At<String>> {
        match value.get_ref().as_str() {
            Some(text) => Some(self.at(text.to_owned(), value.span())),
            None => {
                self.error(
                    value.span(),
                    format!(
                        "{what} must be a string, not {}",
                        value.get_ref().type_str()
                    ),
                    None,
                );
                None
            }
        }
    }

    fn short_text(&mut self, value: &Spanned<DeValue<'_>>, what: &str) -> Option<At<String>> {
        let text = self.string(value, what)?;
        let count = text.value.chars().count();
        if count == 0 || count > NAME_CHARACTERS_MAX || text.value.chars().any(char::is_control) {
            self.error(
                value.span(),
                format!("{what} must be one line of 1 to {NAME_CHARACTERS_MAX} characters"),
                None,
            );
            return None;
        }
        Some(text)
    }

    fn boolean(&mut self, value: &Spanned<DeValue<'_>>, what: &str) -> Option<At<bool>> {
        match value.get_ref().as_bool() {
            Some(flag) => Some(self.at(flag, value.span())),
            None => {
                self.error(value.span(), format!("{what} must be true or false"), None);
                None
            }
        }
    }

    /// One of a few words.
    fn word<T: Copy>(
        &mut self,
        value: &Spanned<DeValue<'_>>,
        what: &str,
        words: &[(&str, T)],
    ) -> Option<At<T>> {
        let text = self.string(value, what)?;
        if let Some((_, meaning)) = words.iter().find(|(word, _)| *word == text.value) {
            return Some(self.at(*meaning, value.span()));
        }
        let known = words
            .iter()
            .map(|(word, _)| *word)
            .collect::<Vec<_>>()
            .join(", ");
        self.error(
            value.span(),
            format!("{what} cannot be '{}'", text.value),
            Some(&format!("one of: {known}")),
        );
        None
    }

    fn field_set(&mut self, value: &Spanned<DeValue<'_>>) -> Option<At<FieldSet>> {
        let Some(list) = value.get_ref().as_array() else {
            self.error(value.span(), "echo must be a list of field numbers", None);
            return None;
        };
        let mut set = FieldSet::EMPTY;
        for item in list.iter() {
            let number = item
                .get_ref()
                .as_integer()
                .and_then(|integer| u8::from_str_radix(integer.as_str(), integer.radix()).ok())
                .filter(|number| (2..=128).contains(number));
            match number {
                Some(number) => set.insert(number),
                None => self.error(item.span(), "a field number is 2 to 128", None),
            }
        }
        Some(self.at(set, value.span()))
    }

    fn message(&mut self, value: &Spanned<DeValue<'_>>, raw: &mut Raw) {
        let Some(table) = self.table(value, "[message]") else {
            return;
        };
        for (key, value) in table {
            match key.get_ref().as_ref() {
                "header" => self.header(value).store(&mut raw.header),
                "tpdu" => self.boolean(value, "tpdu").store(&mut raw.tpdu),
                "mti" => self.word(value, "mti", &MTI_WORDS).store(&mut raw.mti),
                "bitmap" => self
                    .word(value, "bitmap", &BITMAP_WORDS)
                    .store(&mut raw.bitmap),
                "secondary_bitmap" => self
                    .boolean(value, "secondary_bitmap")
                    .store(&mut raw.secondary_bitmap),
                _ => self.unknown_key(key, "header, tpdu, mti, bitmap, secondary_bitmap"),
            }
        }
    }

    fn header(&mut self, value: &Spanned<DeValue<'_>>) -> Option<At<Vec<u8>>> {
        let text = self.string(value, "header")?;
        let nibbles: Option<Vec<u8>> = text.value.bytes().map(charset::hex_value).collect();
        let Some(nibbles) = nibbles.filter(|nibbles| nibbles.len() % 2 == 0) else {
            self.error(
                value.span(),
                "header must be bytes in hex, two characters each",
                None,
            );
            return None;
        };
        if nibbles.len() / 2 > HEADER_BYTES_MAX {
            self.error(
                value.span(),
                format!("a header has at most {HEADER_BYTES_MAX} bytes"),
                None,
            );
            return None;
        }
        let bytes = nibbles
            .chunks_exact(2)
            .map(|pair| pair.iter().fold(0, |byte, nibble| byte << 4 | nibble))
            .collect();
        Some(self.at(bytes, value.span()))
    }

    fn defaults(&mut self, value: &Spanned<DeValue<'_>>, raw: &mut Raw) {
        let Some(table) = self.table(value, "[defaults]") else {
            return;
        };
        for (key, value) in table {
            match key.get_ref().as_ref() {
                "digits" => self
                    .word(value, "digits", &DIGIT_WORDS)
                    .store(&mut raw.digits),
                "track" => self
                    .word(value, "track", &DIGIT_WORDS)
                    .store(&mut raw.track),
                "text" => self.word(value, "text", &TEXT_WORDS).store(&mut raw.text),
                "binary" => self
                    .word(value, "binary", &BINARY_WORDS)
                    .store(&mut raw.binary),
                "prefix" => self
                    .word(value, "prefix", &PREFIX_WORDS)
                    .store(&mut raw.prefix),
                "pad" => self.word(value, "pad", &PAD_WORDS).store(&mut raw.pad),
                _ => self.unknown_key(key, "digits, track, text, binary, prefix, pad"),
            }
        }
    }

    fn response_codes(&mut self, value: &Spanned<DeValue<'_>>, raw: &mut Raw) {
        let Some(table) = self.table(value, "[response_codes]") else {
            return;
        };
        for (key, value) in table {
            let Some(reason) = Reason::ALL
                .iter()
                .find(|reason| reason.key() == key.get_ref().as_ref())
            else {
                let known = Reason::ALL.map(Reason::key).join(", ");
                self.unknown_key(key, &known);
                continue;
            };
            let Some(code) = self.string(value, "a response code") else {
                continue;
            };
            if crate::values::ResponseCode::parse(code.value.as_bytes()).is_none() {
                self.error(
                    value.span(),
                    "a response code is two to four letters or digits",
                    None,
                );
                continue;
            }
            raw.response_codes.insert(reason.key(), code.value);
        }
    }

    fn fields(&mut self, value: &Spanned<DeValue<'_>>, raw: &mut Raw) {
        let Some(table) = self.table(value, "[fields]") else {
            return;
        };
        for (key, value) in table {
            let text = key.get_ref().as_ref();
            let number = text
                .parse::<u8>()
                .ok()
                .filter(|number| (2..=128).contains(number) && !text.starts_with(['0', '+']));
            let Some(number) = number else {
                let help = "field 1 is the secondary bitmap and not defined here";
                self.error(
                    key.span(),
                    format!("'{text}' is not a field number, 2 to 128"),
                    Some(help),
                );
                continue;
            };
            if number == 65 {
                self.error(
                    key.span(),
                    "field 65 announces a third bitmap and cannot be defined",
                    None,
                );
                continue;
            }
            if value.get_ref().as_bool() == Some(false) {
                if raw.fields.remove(&number).is_none() {
                    self.error(
                        value.span(),
                        format!("field {number} is not inherited and cannot be taken out"),
                        None,
                    );
                }
                continue;
            }
            let Some(table) = value.get_ref().as_table() else {
                let help = "write 11 = { name = \"…\", type = \"n6\" }";
                self.error(
                    value.span(),
                    format!("field {number} must be a table or false"),
                    Some(help),
                );
                continue;
            };
            let mut field = raw.fields.remove(&number).unwrap_or_default();
            field.span = self.own.then(|| key.span());
            for (key, value) in table {
                match key.get_ref().as_ref() {
                    "name" => self.short_text(value, "name").store(&mut field.name),
                    "type" => self.shape(value).store(&mut field.shape),
                    "encoding" => self
                        .word(value, "encoding", &ENCODING_WORDS)
                        .store(&mut field.encoding),
                    "prefix" => self
                        .word(value, "prefix", &PREFIX_WORDS)
                        .store(&mut field.prefix),
                    "pad" => self.word(value, "pad", &PAD_WORDS).store(&mut field.pad),
                    "sensitive" => self
                        .word(value, "sensitive", &SENSITIVE_WORDS)
                        .store(&mut field.sensitive),
                    _ => self.unknown_key(key, "name, type, encoding, prefix, pad, sensitive"),
                }
            }
            raw.fields.insert(number, field);
        }
    }

    fn shape(&mut self, value: &Spanned<DeValue<'_>>) -> Option<At<Shape>> {
        let text = self.string(value, "type")?;
        match Shape::parse(&text.value) {
            Ok(shape) => Some(self.at(shape, value.span())),
            Err(message) => {
                self.error(
                    value.span(),
                    message,
                    Some("for example n6, n..19, ans...999, x+n8, z..37, b8"),
                );
                // A wrong type is one error, not a second one for its absence.
                Some(At {
                    value: Shape {
                        content: Content::Ans,
                        prefix_digits: 3,
                        length: LLL_MAX,
                    },
                    span: None,
                })
            }
        }
    }
}

/// Makes the dialect of what the source says.
fn resolve(raw: &Raw, errors: &mut Vec<DialectError>) -> Option<Dialect> {
    if raw.name.is_none() {
        errors.push(DialectError {
            span: None,
            message: "name is missing".into(),
            help: None,
        });
    }
    let mut required = |present: bool, what: &str| {
        if !present && !raw.orphaned {
            let help = Some("or extend a built-in dialect: extends = \"iso87-ascii\"".to_owned());
            errors.push(DialectError {
                span: None,
                message: format!("{what} is missing"),
                help,
            });
        }
    };
    required(raw.mti.is_some(), "[message] mti");
    required(raw.bitmap.is_some(), "[message] bitmap");
    required(raw.digits.is_some(), "[defaults] digits");
    required(raw.track.is_some(), "[defaults] track");
    required(raw.text.is_some(), "[defaults] text");
    required(raw.binary.is_some(), "[defaults] binary");
    required(raw.prefix.is_some(), "[defaults] prefix");
    required(!raw.fields.is_empty(), "[fields]");

    let header = raw
        .header
        .as_ref()
        .map(|header| header.value.clone())
        .unwrap_or_default();
    let tpdu = raw.tpdu.as_ref().is_some_and(|tpdu| tpdu.value);
    if tpdu && header.len() < 5 {
        let span = raw.tpdu.as_ref().and_then(|tpdu| tpdu.span.clone());
        let help = Some("header = \"6000030000\", for example".into());
        errors.push(DialectError {
            span,
            message: "a TPDU is the first five bytes of a header".into(),
            help,
        });
    }
    let secondary_bitmap = raw.secondary_bitmap.as_ref().is_none_or(|flag| flag.value);
    let defaults = Defaults {
        digits: raw.digits.as_ref()?.value,
        track: raw.track.as_ref()?.value,
        text: raw.text.as_ref()?.value,
        binary: raw.binary.as_ref()?.value,
        prefix: raw.prefix.as_ref()?.value,
        pad: raw.pad.as_ref().map_or(PadSide::Left, |pad| pad.value),
    };

    let mut fields: Vec<Option<Field>> = vec![None; 129];
    let mut defined = FieldSet::EMPTY;
    let mut steps = Box::new([Step::UNDEFINED; 129]);
    for (number, raw_field) in &raw.fields {
        if *number > 64 && !secondary_bitmap {
            // An inherited table is cut to what one bitmap can announce; a field of one's own there is a mistake.
            if raw_field.span.is_some() {
                let message =
                    format!("field {number} cannot be announced: secondary_bitmap is false");
                errors.push(DialectError {
                    span: raw_field.span.clone(),
                    message,
                    help: None,
                });
            }
            continue;
        }
        if let Some(field) = resolve_field(*number, raw_field, &defaults, errors)
            && let Some(place) = fields.get_mut(usize::from(*number))
            && let Some(step) = steps.get_mut(usize::from(*number))
        {
            *step = Step::of(&field);
            *place = Some(field);
            defined.insert(*number);
        }
    }

    let response_codes = Reason::ALL
        .map(|reason| {
            let code = raw
                .response_codes
                .get(reason.key())
                .map_or(reason.code_1987(), String::as_str);
            (reason.key(), Box::from(code))
        })
        .into_iter()
        .collect();
    Some(Dialect {
        name: raw.name.as_ref()?.value.as_str().into(),
        description: raw
            .description
            .as_ref()
            .map_or("", |text| text.value.as_str())
            .into(),
        header: header.into(),
        tpdu,
        mti: raw.mti.as_ref()?.value,
        bitmap: raw.bitmap.as_ref()?.value,
        secondary_bitmap,
        defaults,
        fields: fields.into(),
        defined,
        steps,
        response_codes,
        echo: raw
            .echo
            .as_ref()
            .map(|echo| echo.value)
            .unwrap_or_default()
            .intersection(defined),
    })
}

fn resolve_field(
    number: u8,
    raw: &RawField,
    defaults: &Defaults,
    errors: &mut Vec<DialectError>,
) -> Option<Field> {
    let Some(shape) = &raw.shape else {
        let help = Some("type = \"n6\", for example".into());
        errors.push(DialectError {
            span: raw.span.clone(),
            message: format!("field {number} has no type"),
            help,
        });
        return None;
    };
    let Shape {
        content,
        prefix_digits,
        length,
    } = shape.value;
    let encoding = raw
        .encoding
        .as_ref()
        .map_or(Dialect::default_encoding(defaults, content), |encoding| {
            encoding.value
        });
    let fits = match content {
        Content::B => matches!(encoding, Encoding::Raw | Encoding::HexText),
        Content::N | Content::Z => matches!(
            encoding,
            Encoding::Ascii | Encoding::Ebcdic500 | Encoding::Bcd
        ),
        _ => matches!(encoding, Encoding::Ascii | Encoding::Ebcdic500),
    };
    if !fits {
        let span = raw
            .encoding
            .as_ref()
            .and_then(|encoding| encoding.span.clone());
        let span = span.or(shape.span.clone()).or(raw.span.clone());
        let message = format!("field {number}: content {content} cannot be written as {encoding}");
        let help = Some(match content {
            Content::B => "b fields are raw or hex".to_owned(),
            Content::N | Content::Z => "n and z fields are ascii, ebcdic or bcd".to_owned(),
            _ => "text is ascii or ebcdic".to_owned(),
        });
        errors.push(DialectError {
            span,
            message,
            help,
        });
        return None;
    }
    let length = match prefix_digits {
        // x+n8 is a sign and eight digits.
        0 if content == Content::SignedN => Length::Fixed(length + 1),
        0 => Length::Fixed(length),
        digits => Length::Variable {
            digits,
            prefix: raw
                .prefix
                .as_ref()
                .map_or(defaults.prefix, |prefix| prefix.value),
            max: length,
        },
    };
    Some(Field {
        number,
        name: raw
            .name
            .as_ref()
            .map_or_else(|| format!("Field {number}"), |name| name.value.clone())
            .into(),
        content,
        encoding,
        length,
        pad: raw.pad.as_ref().map_or(defaults.pad, |pad| pad.value),
        sensitive: raw
            .sensitive
            .as_ref()
            .map_or_else(|| sensitive_by_number(number), |sensitive| sensitive.value),
    })
}

/// What a field hides if its definition does not say: a new dialect must not show card data because somebody forgot a
/// word. What the 1987 standard leaves to national or private use is free text.
fn sensitive_by_number(number: u8) -> Sensitive {
    match number {
        2 | 34 => Sensitive::Pan,
        35 | 36 | 45 => Sensitive::Track,
        52 => Sensitive::Pin,
        55 => Sensitive::Icc,
        96 => Sensitive::Secret,
        44 | 46..=48 | 54 | 56..=63 | 101..=127 => Sensitive::FreeText,
        _ => Sensitive::No,
    }
}

/// Writes a dialect as TOML that needs no `extends`.
pub(crate) fn write(dialect: &Dialect) -> String {
    let mut out = String::new();
    // Writing to a String cannot fail.
    let _ = write_into(dialect, &mut out);
    out
}

fn write_into(dialect: &Dialect, out: &mut String) -> std::fmt::Result {
    writeln!(out, "name = {}", quoted(&dialect.name))?;
    if !dialect.description.is_empty() {
        writeln!(out, "description = {}", quoted(&dialect.description))?;
    }
    let echo = dialect
        .echo
        .iter()
        .map(|number| number.to_string())
        .collect::<Vec<_>>()
        .join(", ");
    writeln!(out, "echo = [{echo}]\n\n[message]")?;
    let header = dialect
        .header
        .iter()
        .fold(String::new(), |hex, byte| format!("{hex}{byte:02X}"));
    writeln!(out, "header = \"{header}\"\ntpdu = {}", dialect.tpdu)?;
    writeln!(out, "mti = \"{}\"", word_of(&MTI_WORDS, dialect.mti))?;
    writeln!(
        out,
        "bitmap = \"{}\"",
        word_of(&BITMAP_WORDS, dialect.bitmap)
    )?;
    writeln!(
        out,
        "secondary_bitmap = {}\n\n[defaults]",
        dialect.secondary_bitmap
    )?;
    let defaults = &dialect.defaults;
    writeln!(
        out,
        "digits = \"{}\"\ntrack = \"{}\"",
        defaults.digits, defaults.track
    )?;
    writeln!(
        out,
        "text = \"{}\"\nbinary = \"{}\"",
        defaults.text, defaults.binary
    )?;
    writeln!(out, "prefix = \"{}\"", defaults.prefix)?;
    writeln!(
        out,
        "pad = \"{}\"\n\n[response_codes]",
        word_of(&PAD_WORDS, defaults.pad)
    )?;
    for reason in Reason::ALL {
        writeln!(
            out,
            "{} = \"{}\"",
            reason.key(),
            dialect.response_code(reason)
        )?;
    }
    writeln!(out, "\n[fields]")?;
    for field in dialect.fields() {
        write!(
            out,
            "{} = {{ name = {}, type = \"{}\"",
            field.number,
            quoted(&field.name),
            field.type_text()
        )?;
        if field.encoding != Dialect::default_encoding(defaults, field.content) {
            write!(out, ", encoding = \"{}\"", field.encoding)?;
        }
        if let Length::Variable { prefix, .. } = field.length
            && prefix != defaults.prefix
        {
            write!(out, ", prefix = \"{prefix}\"")?;
        }
        if field.pad != defaults.pad {
            write!(out, ", pad = \"{}\"", word_of(&PAD_WORDS, field.pad))?;
        }
        if field.sensitive != sensitive_by_number(field.number) {
            write!(
                out,
                ", sensitive = \"{}\"",
                word_of(&SENSITIVE_WORDS, field.sensitive)
            )?;
        }
        writeln!(out, " }}")?;
    }
    Ok(())
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

fn word_of<T: PartialEq>(words: &[(&'static str, T)], meaning: T) -> &'static str {
    words
        .iter()
        .find(|(_, known)| *known == meaning)
        .map_or("", |(word, _)| word)
}

const MTI_WORDS: [(&str, TextEncoding); 3] = [
    ("ascii", TextEncoding::Ascii),
    ("ebcdic", TextEncoding::Ebcdic500),
    ("bcd", TextEncoding::Bcd),
];
const BITMAP_WORDS: [(&str, BitmapEncoding); 2] = [
    ("hex", BitmapEncoding::HexText),
    ("binary", BitmapEncoding::Binary),
];
const DIGIT_WORDS: [(&str, Encoding); 3] = [
    ("ascii", Encoding::Ascii),
    ("ebcdic", Encoding::Ebcdic500),
    ("bcd", Encoding::Bcd),
];
const TEXT_WORDS: [(&str, Encoding); 2] =
    [("ascii", Encoding::Ascii), ("ebcdic", Encoding::Ebcdic500)];
const BINARY_WORDS: [(&str, Encoding); 2] = [("hex", Encoding::HexText), ("raw", Encoding::Raw)];
const ENCODING_WORDS: [(&str, Encoding); 5] = [
    ("ascii", Encoding::Ascii),
    ("ebcdic", Encoding::Ebcdic500),
    ("bcd", Encoding::Bcd),
    ("raw", Encoding::Raw),
    ("hex", Encoding::HexText),
];
const PREFIX_WORDS: [(&str, PrefixEncoding); 3] = [
    ("ascii", PrefixEncoding::Ascii),
    ("ebcdic", PrefixEncoding::Ebcdic500),
    ("bcd", PrefixEncoding::Bcd),
];
const PAD_WORDS: [(&str, PadSide); 2] = [("left", PadSide::Left), ("right", PadSide::Right)];
const SENSITIVE_WORDS: [(&str, Sensitive); 7] = [
    ("no", Sensitive::No),
    ("pan", Sensitive::Pan),
    ("track", Sensitive::Track),
    ("pin", Sensitive::Pin),
    ("secret", Sensitive::Secret),
    ("icc", Sensitive::Icc),
    ("free-text", Sensitive::FreeText),
];
