//! Reads the sections of a dialect's TOML into [`Raw`], on top of what it extends.

use toml::de::DeTable;

use super::layouts;
use super::messages;
use super::raw::{At, Raw, RawField, Shape};
use super::reader::{Reader, Value};
use super::words::{
    BINARY_WORDS, BITMAP_WORDS, COUNTS_WORDS, DIGIT_WORDS, ENCODING_WORDS, FILLER_WORDS,
    HEADER_WORDS, MTI_WORDS, PAD_WORDS, PREFIX_WORDS, SENSITIVE_WORDS, TEXT_WORDS, meant,
};
use crate::dialect::{Dialect, DialectError};
use crate::values::{Reason, ResponseCode};

impl Raw {
    /// What the source says, and what it extends.
    pub(super) fn read(toml: &str, errors: &mut Vec<DialectError>) -> Raw {
        Raw::read_extending(toml, &mut Vec::new(), errors)
    }

    /// `children`: the dialects that extend this one, the caller's own first; none of them may come again.
    fn read_extending(
        toml: &str,
        children: &mut Vec<String>,
        errors: &mut Vec<DialectError>,
    ) -> Raw {
        let own = children.is_empty();
        let (root, syntax) = DeTable::parse_recoverable(toml);
        errors.extend(
            syntax
                .iter()
                .map(|error| DialectError::new(error.span(), error.message())),
        );
        let mut reader = Reader { own, errors };
        let table = root.get_ref();

        let name = table
            .get("name")
            .and_then(|value| reader.short_text(value, "name"));
        children.push(
            name.as_ref()
                .map(|name| name.value.clone())
                .unwrap_or_default(),
        );
        let mut raw = match table.get("extends") {
            Some(parent) => inherit(&mut reader, parent, children),
            None => Raw::default(),
        };
        // A name belongs to one dialect, and the description goes with it.
        (raw.name, raw.description) = (name, None);
        for (key, value) in table {
            match key.get_ref().as_ref() {
                "name" | "extends" => {}
                "description" => reader
                    .short_text(value, "description")
                    .store(&mut raw.description),
                "echo" => reader.field_set(value).store(&mut raw.echo),
                "message" => read_message(&mut reader, value, &mut raw),
                "defaults" => read_defaults(&mut reader, value, &mut raw),
                "response_codes" => read_response_codes(&mut reader, value, &mut raw),
                "fields" => read_fields(&mut reader, value, &mut raw),
                "messages" => messages::read(&mut reader, value, &mut raw),
                "layouts" => layouts::read(&mut reader, value, &mut raw),
                _ => reader.unknown_key(
                    key,
                    &[
                        "name",
                        "description",
                        "extends",
                        "echo",
                        "message",
                        "defaults",
                        "response_codes",
                        "fields",
                        "messages",
                        "layouts",
                    ],
                ),
            }
        }
        raw
    }
}

fn inherit(reader: &mut Reader<'_>, parent: &Value<'_>, children: &mut Vec<String>) -> Raw {
    // Whatever is wrong with the parent, its absence must not be reported as everything it would have given.
    let orphan = Raw {
        orphaned: true,
        ..Raw::default()
    };
    let Some(name) = reader.string(parent, "extends") else {
        return orphan;
    };
    let name = name.value;
    if children.contains(&name) {
        let message = format!("'{name}' extends itself");
        reader.error_with_help(parent.span(), message, "give the dialect a name of its own");
        return orphan;
    }
    let Some(source) = Dialect::builtin_source(&name) else {
        let names = [Dialect::builtin_names(), Dialect::pack_names()].concat();
        let help = match meant(&name, names.iter().copied()) {
            Some(meant) => format!("did you mean {meant}?"),
            None => format!("built in are: {}", names.join(", ")),
        };
        reader.error_with_help(
            parent.span(),
            format!("'{name}' is not a built-in dialect"),
            help,
        );
        return orphan;
    };
    Raw::read_extending(source, children, reader.errors)
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
    for (key, value) in reader.table(value, "[message]").into_iter().flatten() {
        match key.get_ref().as_ref() {
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
            _ => reader.unknown_key(
                key,
                &["header", "header_kind", "mti", "bitmap", "secondary_bitmap"],
            ),
        }
    }
}

fn read_defaults(reader: &mut Reader<'_>, value: &Value<'_>, raw: &mut Raw) {
    for (key, value) in reader.table(value, "[defaults]").into_iter().flatten() {
        match key.get_ref().as_ref() {
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
            _ => reader.unknown_key(
                key,
                &[
                    "digits", "track", "text", "binary", "prefix", "counts", "pad", "filler",
                ],
            ),
        }
    }
}

fn read_response_codes(reader: &mut Reader<'_>, value: &Value<'_>, raw: &mut Raw) {
    for (key, value) in reader
        .table(value, "[response_codes]")
        .into_iter()
        .flatten()
    {
        let Some(reason) = Reason::ALL
            .iter()
            .find(|reason| reason.key() == key.get_ref().as_ref())
        else {
            reader.unknown_key(key, &Reason::ALL.map(Reason::key));
            continue;
        };
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
        raw.response_codes.insert(reason.key(), code);
    }
}

fn read_fields(reader: &mut Reader<'_>, value: &Value<'_>, raw: &mut Raw) {
    for (key, value) in reader.table(value, "[fields]").into_iter().flatten() {
        let text = key.get_ref().as_ref();
        let number = text
            .parse::<u8>()
            .ok()
            .filter(|number| (2..=128).contains(number));
        let Some(number) = number.filter(|_| !text.starts_with(['0', '+'])) else {
            let message = format!("'{text}' is not a field number, 2 to 128");
            reader.error_with_help(
                key.span(),
                message,
                "field 1 is the secondary bitmap and not defined here",
            );
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
            let help = "write 11 = { name = \"…\", type = \"n6\" }";
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
    for (key, value) in table {
        match key.get_ref().as_ref() {
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
            _ => reader.unknown_key(
                key,
                &[
                    "name",
                    "type",
                    "encoding",
                    "prefix",
                    "counts",
                    "pad",
                    "filler",
                    "fill",
                    "fill_side",
                    "strip",
                    "sensitive",
                    "layout",
                    "layouts",
                ],
            ),
        }
    }
}

fn read_shape(reader: &mut Reader<'_>, value: &Value<'_>) -> At<Option<Shape>> {
    let shape = reader.string(value, "type").and_then(|text| {
        let help = "for example n6, n..19, ans...999, x+n8, z..37, b8";
        Shape::parse(&text.value)
            .map_err(|message| reader.error_with_help(value.span(), message, help))
            .ok()
    });
    reader.at(shape, value.span())
}
