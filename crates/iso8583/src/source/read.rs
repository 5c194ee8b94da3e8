//! Reads the sections of a dialect's TOML into [`Raw`], on top of what it extends.
//!
//! Which keys there are is said in [`keys`]; what comes here are those alone.

use toml::de::DeTable;

use super::raw::{At, Raw, RawField, Shape};
use super::reader::{FIELD_NUMBERS, Reader, Value, shown};
use super::words::{
    BINARY_WORDS, BITMAP_WORDS, COUNTS_WORDS, DIGIT_WORDS, ENCODING_WORDS, FILLER_WORDS,
    HEADER_WORDS, MTI_WORDS, PAD_WORDS, PREFIX_WORDS, SENSITIVE_WORDS, TERTIARY_WORDS, TEXT_WORDS,
};
use super::{keys, layouts, messages};
use crate::values::ResponseCode;

impl Raw {
    /// Takes up what a table says on top of what is inherited.
    pub(super) fn read(&mut self, reader: &mut Reader<'_>, entries: &[(&str, &Value<'_>)]) {
        for (key, value) in entries {
            match *key {
                "name" => {
                    self.is_named = true;
                    reader.short_text(value, "name").store(&mut self.name);
                }
                "description" => reader
                    .short_text(value, "description")
                    .store(&mut self.description),
                "echo" => reader.field_numbers(value, "echo").store(&mut self.echo),
                "message" => read_message(reader, value, self),
                "defaults" => read_defaults(reader, value, self),
                "response_codes" => read_response_codes(reader, value, self),
                "fields" => read_fields(reader, value, self),
                "messages" => messages::read(reader, value, self),
                "layouts" => layouts::read(reader, value, self),
                // What is extended was read before.
                _ => {}
            }
        }
    }
}

/// Stores a value that could be read; an error was noted where it could not.
pub(super) trait Store<T> {
    fn store(self, place: &mut Option<T>);
}

impl<T> Store<T> for Option<T> {
    fn store(self, place: &mut Option<T>) {
        if self.is_some() {
            *place = self;
        }
    }
}

fn read_message(reader: &mut Reader<'_>, value: &Value<'_>, raw: &mut Raw) {
    let Some(table) = reader.table(value, "[message]") else {
        return;
    };
    for (key, value) in reader.entries(table, &keys::MESSAGE) {
        match key {
            "header" => reader.header(value).store(&mut raw.header),
            "header_kind" => reader
                .word(value, "header_kind", &HEADER_WORDS)
                .store(&mut raw.header_kind),
            "mti" => reader.word(value, "mti", &MTI_WORDS).store(&mut raw.mti),
            "bitmap" => reader
                .word(value, "bitmap", &BITMAP_WORDS)
                .store(&mut raw.bitmap),
            "secondary_bitmap" => reader
                .boolean(value, "secondary_bitmap")
                .store(&mut raw.secondary_bitmap),
            "tertiary_bitmap" => reader
                .word(value, "tertiary_bitmap", &TERTIARY_WORDS)
                .store(&mut raw.tertiary_bitmap),
            _ => {}
        }
    }
}

fn read_defaults(reader: &mut Reader<'_>, value: &Value<'_>, raw: &mut Raw) {
    let Some(table) = reader.table(value, "[defaults]") else {
        return;
    };
    for (key, value) in reader.entries(table, &keys::DEFAULTS) {
        match key {
            "digits" => reader
                .word(value, "digits", &DIGIT_WORDS)
                .store(&mut raw.digits),
            "track" => reader
                .word(value, "track", &DIGIT_WORDS)
                .store(&mut raw.track),
            "text" => reader.word(value, "text", &TEXT_WORDS).store(&mut raw.text),
            "binary" => reader
                .word(value, "binary", &BINARY_WORDS)
                .store(&mut raw.binary),
            "prefix" => reader
                .word(value, "prefix", &PREFIX_WORDS)
                .store(&mut raw.prefix),
            "pad" => reader.word(value, "pad", &PAD_WORDS).store(&mut raw.pad),
            "filler" => reader
                .word(value, "filler", &FILLER_WORDS)
                .store(&mut raw.filler),
            "counts" => reader
                .word(value, "counts", &COUNTS_WORDS)
                .store(&mut raw.counts),
            _ => {}
        }
    }
}

fn read_response_codes(reader: &mut Reader<'_>, value: &Value<'_>, raw: &mut Raw) {
    let Some(table) = reader.table(value, "[response_codes]") else {
        return;
    };
    for (key, value) in reader.entries(table, &keys::RESPONSE_CODES) {
        let Some(code) = reader.string(value, "a response code") else {
            continue;
        };
        if ResponseCode::parse(code.value.as_bytes()).is_none() {
            reader.error(
                value.span(),
                "a response code is two to four letters or digits",
            );
            continue;
        }
        raw.response_codes.insert(key, code);
    }
}

fn read_fields(reader: &mut Reader<'_>, value: &Value<'_>, raw: &mut Raw) {
    for (key, value) in reader.table(value, "[fields]").into_iter().flatten() {
        let text = key.get_ref().as_ref();
        let number = text
            .parse::<u8>()
            .ok()
            .filter(|number| FIELD_NUMBERS.contains(number));
        let Some(number) = number.filter(|_| !text.starts_with(['0', '+'])) else {
            let (min, max) = (FIELD_NUMBERS.start(), FIELD_NUMBERS.end());
            let message = format!("'{}' is not a field number, {min} to {max}", shown(text));
            match text {
                "0" => reader.error_with_help(
                    key.span(),
                    message,
                    "[message] says how the message type is written",
                ),
                "1" => reader.error_with_help(
                    key.span(),
                    message,
                    "field 1 is the secondary bitmap: [message] secondary_bitmap",
                ),
                _ => reader.error(key.span(), message),
            }
            continue;
        };
        if number == 65 {
            reader.error(
                key.span(),
                "field 65 announces a third bitmap and cannot be defined",
            );
            continue;
        }
        if value.get_ref().as_bool() == Some(false) {
            if raw.fields.remove(&number).is_none() && !raw.orphaned {
                reader.error(
                    value.span(),
                    format!("field {number} is not inherited and cannot be taken out"),
                );
            }
            continue;
        }
        let Some(table) = value.get_ref().as_table() else {
            // A type alone is what many write first.
            let alone = value.get_ref().as_str();
            let kind = alone.filter(|text| Shape::parse(text).is_ok());
            let help = format!("write {number} = {{ type = \"{}\" }}", kind.unwrap_or("n6"));
            reader.error_with_help(
                value.span(),
                format!("field {number} must be a table or false"),
                help,
            );
            continue;
        };
        let mut field = raw.fields.remove(&number).unwrap_or_default();
        field.span = reader.own.then(|| key.span());
        read_field(reader, table, &mut field);
        // A field of one's own on top of a parent that could not be read may lack what the parent would have given.
        if field.shape.is_some() || !raw.orphaned {
            raw.fields.insert(number, field);
        }
    }
}

fn read_field(reader: &mut Reader<'_>, table: &DeTable<'_>, field: &mut RawField) {
    if table.contains_key("type") {
        // A value of another make has other parts.
        field.layouts = None;
    }
    if let (true, Some(layouts)) = (table.contains_key("layout"), table.get("layouts")) {
        reader.error_with_help(
            layouts.span(),
            "a field has layout or layouts, not both",
            "a choice without conditions, the last of layouts, is what it has otherwise",
        );
    }
    for (key, value) in reader.entries(table, &keys::FIELD) {
        match key {
            "name" => reader.short_text(value, "name").store(&mut field.name),
            "type" => field.shape = Some(read_shape(reader, value)),
            "encoding" => reader
                .word(value, "encoding", &ENCODING_WORDS)
                .store(&mut field.encoding),
            "prefix" => reader
                .word(value, "prefix", &PREFIX_WORDS)
                .store(&mut field.prefix),
            "pad" => reader.word(value, "pad", &PAD_WORDS).store(&mut field.pad),
            "filler" => reader
                .word(value, "filler", &FILLER_WORDS)
                .store(&mut field.filler),
            "counts" => reader
                .word(value, "counts", &COUNTS_WORDS)
                .store(&mut field.counts),
            "fill" => reader.character(value, "fill").store(&mut field.fill),
            "fill_side" => reader
                .word(value, "fill_side", &PAD_WORDS)
                .store(&mut field.fill_side),
            "strip" => reader.boolean(value, "strip").store(&mut field.strip),
            "sensitive" => reader
                .word(value, "sensitive", &SENSITIVE_WORDS)
                .store(&mut field.sensitive),
            "layout" => field.layouts = layouts::read_one(reader, value),
            "layouts" => field.layouts = layouts::read_choices(reader, value),
            _ => {}
        }
    }
}

fn read_shape(reader: &mut Reader<'_>, value: &Value<'_>) -> At<Option<Shape>> {
    let shape = reader.string(value, "type").and_then(|text| {
        let help = match meant_type(&text.value) {
            Some(meant) => format!("did you mean {meant}?"),
            None => "for example n6, n..19, ans...999, x+n8, z..37, b8".to_owned(),
        };
        Shape::parse(&text.value)
            .map_err(|message| reader.error_with_help(value.span(), message, help))
            .ok()
    });
    reader.at(shape, value.span())
}

/// The type that somebody probably meant who wrote it as manuals do: `N 6`, `alphanumeric 12`, `xn8`.
pub(super) fn meant_type(text: &str) -> Option<String> {
    const SPELLINGS: [(&str, &str); 7] = [
        ("alphanumeric", "an"),
        ("numeric", "n"),
        ("num", "n"),
        ("alpha", "a"),
        ("binary", "b"),
        ("bit", "b"),
        ("xn", "x+n"),
    ];
    // What is much longer than any type is none.
    let plain: String = text
        .chars()
        .filter(|c| !matches!(c, ' ' | '-' | '(' | ')'))
        .take(40)
        .collect();
    let plain = plain.to_lowercase();
    let letters = plain.find(|c: char| c == '.' || c.is_ascii_digit())?;
    let (content, length) = plain.split_at(letters);
    let spelling = SPELLINGS.iter().find(|(spelling, _)| *spelling == content);
    let content = spelling.map_or(content, |(_, content)| content);
    // As many dots as the length has digits, where there are too few.
    let digits = length.trim_start_matches('.');
    let (given, _) = length.split_at(length.len() - digits.len());
    let dots = ".".repeat(digits.len());
    let number = digits.trim_start_matches('0');
    let meant = [
        format!("{content}{length}"),
        format!("{content}{given}{number}"),
        format!("{content}{dots}{digits}"),
    ];
    let mut meant = meant.into_iter();
    meant.find(|meant| meant != text && Shape::parse(meant).is_ok())
}
