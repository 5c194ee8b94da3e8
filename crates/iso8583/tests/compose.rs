//! Fields made of their parts: the inverse of reading them, for every kind of layout and every dialect.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "test code: a wrong fixture must stop the test"
)]

mod common;

use std::fmt::Write as _;

use bytes::BytesMut;
use common::{config, dialect, hex};
use expect_test::expect;
use pointsman_iso8583::layout::{ComposeErrorKind, LayoutKind, PartDefinition, PartLength};
use pointsman_iso8583::mask::Unmask;
use pointsman_iso8583::{Builder, Content, Dialect, Encoding, Layout, Mti, Parts, json};
use proptest::prelude::*;

/// Fields of every form, and layouts of every kind, with what the built-in dialects have no use for.
const ALL_KINDS: &str = r#"
name = "all-kinds"
extends = "iso87-bcd"
[fields]
44 = { type = "ans...999", layout = "text" }
45 = { type = "ans...999", encoding = "ebcdic", layout = "text" }
46 = { type = "n...999", layout = "digits" }
47 = { type = "b...999", layout = "bytes" }
48 = { type = "b...998", encoding = "hex", layout = "bytes" }
56 = { type = "ans...999", layout = "tags" }
57 = { type = "b...999", layout = "tags" }
58 = { type = "b...999", layout = "binary-tags" }
59 = { type = "n...999", layout = "digit-tags" }
60 = { type = "ans...999", layout = "templates" }
61 = { type = "b...999", layout = "templates" }
62 = { type = "b...999", layout = "bits" }
63 = { type = "ans...999", layout = "bits" }
102 = { type = "ans...999", encoding = "ebcdic", layout = "tokens" }
103 = { type = "b...999", layout = "tokens" }
[layouts.text]
kind = "positional"
parts = [
  { type = "n2" },
  { layout = "record", repeat = 4, count = 1 },
  { type = "x+n3" },
  { type = "b..6", counts = "element" },
  { type = "ans..9", layout = "pairs" },
  { type = "an3", optional = true },
  { type = "ans", optional = true },
]
[layouts.record]
kind = "positional"
parts = [{ type = "a2" }, { type = "n..5" }]
[layouts.pairs]
kind = "tagged"
tag = "an1"
length = "n1"
[layouts.digits]
kind = "positional"
parts = [{ type = "n3" }, { type = "n..7" }, { type = "n3", repeat = 5 }]
[layouts.bytes]
kind = "positional"
parts = [
  { type = "n3" },
  { type = "n..9", prefix = "binary1", counts = "bytes", filler = "F", pad = "right" },
  { type = "ans..9", prefix = "ascii" },
  { type = "an3", encoding = "ebcdic-037" },
  { type = "n4", encoding = "ascii", layout = "halves" },
  { type = "b2", encoding = "hex" },
  { type = "n5", layout = "digits-of-bytes" },
  { type = "b..8", prefix = "binary2", layout = "templates" },
  { type = "b", optional = true },
]
[layouts.halves]
kind = "positional"
parts = [{ type = "n2" }, { type = "n2" }]
[layouts.digits-of-bytes]
kind = "positional"
parts = [{ type = "n2" }, { type = "n" }]
[layouts.tags]
kind = "tagged"
tag = "an3"
length = "n3"
counts = "element"
leading = [{ type = "an2" }, { type = "n1" }]
tags.A01 = { type = "n4" }
tags.A02 = { type = "ans..9" }
tags.A03 = { layout = "halves-of-text" }
[layouts.halves-of-text]
kind = "positional"
parts = [{ type = "an1" }, { type = "an" }]
[layouts.binary-tags]
kind = "tagged"
tag = "b2"
length = "b1"
counts = "bytes"
tags.0A01 = { type = "n3" }
tags.0A02 = { type = "ans..9" }
[layouts.digit-tags]
kind = "tagged"
tag = "n2"
length = "n2"
tags.07 = { type = "n4" }
[layouts.templates]
kind = "ber-tlv"
tags.DF01 = { type = "n4" }
tags.E1 = { name = "Template" }
[layouts.bits]
kind = "bitmapped"
bitmap_bytes = 2
parts.1 = { type = "n4" }
parts.9 = { type = "ans..9" }
parts.16 = { layout = "halves" }
[layouts.tokens]
kind = "base24-tokens"
count_includes_header = false
tags.Q1 = { type = "an..9" }
"#;

/// Made from one number, so that a failure is small.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        // xorshift64*
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let value = self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33;
        usize::try_from(value).unwrap() % limit.max(1)
    }

    fn text(&mut self, content: Content, units: usize) -> String {
        let alphabet = match content {
            Content::N => "0123456789",
            Content::Z => "0123456789",
            Content::A => "ABCxyz ",
            Content::An => "AB09 z",
            Content::B => "0123456789ABCDEF",
            Content::SignedN => {
                let sign = ["C", "D"][self.below(2)];
                return format!("{sign}{}", self.text(Content::N, units.saturating_sub(1)));
            }
            _ => "AB09 .!#",
        };
        let units = if content == Content::B {
            units * 2
        } else {
            units
        };
        (0..units)
            .map(|_| char::from(alphabet.as_bytes()[self.below(alphabet.len())]))
            .collect()
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Form {
    Text,
    Digits,
    Bytes,
}

/// Values by path for one value of this layout.
fn values(
    dialect: &Dialect,
    layout: &Layout,
    form: Form,
    lead: &str,
    random: &mut Random,
    out: &mut Vec<(String, String)>,
) {
    let untyped = match form {
        Form::Text => Content::Ans,
        Form::Digits => Content::N,
        Form::Bytes => Content::B,
    };
    let tagged = |tags: Vec<&str>,
                  definitions: &dyn Fn(&str) -> Option<PartDefinition>,
                  untyped: Content,
                  form: Form,
                  random: &mut Random,
                  out: &mut Vec<(String, String)>| {
        let mut seen = std::collections::BTreeMap::new();
        for _ in 0..random.below(5) {
            let tag = tags[random.below(tags.len())].to_owned();
            let times: &mut usize = seen.entry(tag.clone()).or_default();
            *times += 1;
            let path = match *times {
                1 => format!("{lead}{tag}"),
                times => format!("{lead}{tag}#{times}"),
            };
            match definitions(&tag) {
                Some(part) if part.content.is_some() || part.layout(dialect).is_some() => {
                    value(dialect, &part, form, &path, true, random, out);
                }
                _ => {
                    let units = random.below(7);
                    let units = if untyped == Content::N {
                        units / 2 * 2
                    } else {
                        units
                    };
                    out.push((path, random.text(untyped, units)));
                }
            }
        }
    };
    match &layout.kind {
        LayoutKind::Positional { parts } => sequence(dialect, parts, form, lead, random, out),
        LayoutKind::Tagged {
            leading, tag, tags, ..
        } => {
            sequence(dialect, leading, form, lead, random, out);
            let unknown = match (tag.content, usize::from(tag.units)) {
                (Content::B, units) => "7F".repeat(units),
                (_, units) => "9".repeat(units),
            };
            let mut names: Vec<&str> = tags.keys().map(AsRef::as_ref).collect();
            names.push(&unknown);
            tagged(
                names,
                &|tag| tags.get(tag).cloned(),
                untyped,
                form,
                random,
                out,
            );
        }
        LayoutKind::BerTlv { tags, .. } => {
            let mut names: Vec<&str> = tags.keys().map(AsRef::as_ref).collect();
            names.extend(["9F26", "5A", "DF8101"]);
            names.retain(|name| *name != "E1");
            tagged(
                names,
                &|tag| tags.get(tag).cloned(),
                Content::B,
                Form::Bytes,
                random,
                out,
            );
            if tags.contains_key("E1") && random.below(2) == 0 {
                out.push((format!("{lead}E1.5A"), random.text(Content::B, 3)));
                out.push((format!("{lead}E1.9F10"), random.text(Content::B, 130)));
            }
        }
        LayoutKind::Bitmapped { parts, .. } => {
            for (bit, part) in parts.iter() {
                if random.below(3) == 0 {
                    value(
                        dialect,
                        part,
                        form,
                        &format!("{lead}{bit}"),
                        false,
                        random,
                        out,
                    );
                }
            }
        }
        LayoutKind::Base24Tokens { tags, .. } => {
            let mut names: Vec<&str> = tags.keys().map(AsRef::as_ref).collect();
            names.push("ZZ");
            tagged(
                names,
                &|tag| tags.get(tag).cloned(),
                Content::Ans,
                Form::Text,
                random,
                out,
            );
        }
        _ => {}
    }
}

fn sequence(
    dialect: &Dialect,
    parts: &[PartDefinition],
    form: Form,
    lead: &str,
    random: &mut Random,
    out: &mut Vec<(String, String)>,
) {
    let repeats = |count: usize, parts: &[PartDefinition]| {
        let counted = |part: &&PartDefinition| {
            part.repeat
                .and_then(|repeat| repeat.count)
                .is_some_and(|other| usize::from(other) == count)
        };
        parts.iter().find(counted).and_then(|part| part.repeat)
    };
    let mut times = vec![1; parts.len()];
    for (place, part) in parts.iter().enumerate() {
        if part.optional && random.below(3) == 0 {
            return;
        }
        let path = format!("{lead}{}", place + 1);
        if let Some(repeat) = repeats(place + 1, parts) {
            let count = random.below(usize::from(repeat.max) + 1);
            let PartLength::Fixed(digits) = part.length else {
                panic!("a counter of another length");
            };
            let digits = usize::from(digits);
            out.push((path, format!("{count:0digits$}")));
            for (other, part) in parts.iter().enumerate() {
                let is_counted = part
                    .repeat
                    .is_some_and(|repeat| repeat.count.map(usize::from) == Some(place + 1));
                if is_counted {
                    times[other] = count;
                }
            }
            continue;
        }
        if let Some(repeat) = part.repeat.filter(|repeat| repeat.count.is_none()) {
            times[place] = random.below(usize::from(repeat.max) + 1);
        }
        for occurrence in 1..=times[place] {
            let path = match occurrence {
                1 => path.clone(),
                occurrence => format!("{path}#{occurrence}"),
            };
            value(dialect, part, form, &path, false, random, out);
        }
    }
}

fn value(
    dialect: &Dialect,
    part: &PartDefinition,
    form: Form,
    path: &str,
    is_announced: bool,
    random: &mut Random,
    out: &mut Vec<(String, String)>,
) {
    let inner_form = match (form, part.content) {
        (_, None) => form,
        (Form::Text, Some(Content::B)) => Form::Bytes,
        (Form::Bytes, Some(content)) => match (part.encoding, content) {
            (Some(Encoding::Bcd), _) => Form::Digits,
            (Some(Encoding::Raw | Encoding::HexText), _) | (None, Content::B) => Form::Bytes,
            (None, Content::N) if dialect.name() == "all-kinds" => Form::Digits,
            _ => Form::Text,
        },
        (form, Some(_)) => form,
    };
    if let Some(layout) = part.layout(dialect) {
        // The room of a part limits what can be in it.
        let room = match part.length {
            PartLength::Fixed(units) | PartLength::Variable { max: units, .. } => {
                usize::from(units)
            }
            PartLength::Rest => 9999,
        };
        for _ in 0..9 {
            let mut inner = Vec::new();
            let lead = format!("{path}.");
            values(dialect, layout, inner_form, &lead, random, &mut inner);
            let length: usize = inner.iter().map(|(_, value)| value.len() + 4).sum();
            let is_positional = matches!(layout.kind, LayoutKind::Positional { .. });
            if !inner.is_empty() && (is_positional || length <= room) {
                out.extend(inner);
                return;
            }
        }
        // Without parts it has no path but its own.
        out.push((path.to_owned(), String::new()));
        return;
    }
    let content = part.content.unwrap_or(match form {
        Form::Text => Content::Ans,
        Form::Digits => Content::N,
        Form::Bytes => Content::B,
    });
    let units = match part.length {
        PartLength::Fixed(units) => usize::from(units),
        // A prefix in characters counts those of hex.
        PartLength::Variable { max, .. }
            if content == Content::B && form == Form::Text && !is_announced =>
        {
            random.below(usize::from(max) / 2 + 1)
        }
        PartLength::Variable { max, .. } => random.below(usize::from(max).min(20) + 1),
        // One that may be left out is not there if it is empty.
        PartLength::Rest if part.optional => 1 + random.below(8),
        PartLength::Rest => random.below(9),
    };
    out.push((path.to_owned(), random.text(content, units)));
}

fn leaves(parts: Parts<'_>, lead: &str, out: &mut Vec<(String, String)>) {
    let mut seen = std::collections::BTreeMap::new();
    for part in parts {
        let part = part.unwrap_or_else(|error| panic!("{error}"));
        let tag = part.tag().to_string();
        let times: &mut usize = seen.entry(tag.clone()).or_default();
        *times += 1;
        let path = match *times {
            1 => format!("{lead}{tag}"),
            times => format!("{lead}{tag}#{times}"),
        };
        match part.parts() {
            Some(inner) => {
                let before = out.len();
                leaves(inner, &format!("{path}."), out);
                if out.len() == before {
                    out.push((path, part.to_text()));
                }
            }
            None => out.push((path, part.to_text())),
        }
    }
}

fn encoded(dialect: &Dialect, mti: Mti, number: u8, text: &str) -> Option<BytesMut> {
    let mut out = BytesMut::new();
    let mut builder = Builder::new(dialect, &mut out, mti);
    builder.text(number, text).ok()?;
    builder.finish().ok()?;
    Some(out)
}

/// Gives what can be read back; `None`: the field has no room for it, or it is of another layout.
fn round_trip(dialect: &Dialect, number: u8, layout: &Layout, seed: u64) -> Option<()> {
    const MTIS: [&str; 8] = [
        "0100", "0200", "0210", "0320", "0330", "0500", "0800", "0810",
    ];
    let field = dialect.field(number).unwrap();
    let form = match field.encoding {
        Encoding::Bcd => Form::Digits,
        Encoding::Raw | Encoding::HexText => Form::Bytes,
        _ => Form::Text,
    };
    let mut random = Random(seed | 1);
    let mut given = Vec::new();
    values(dialect, layout, form, "", &mut random, &mut given);
    let parts: Vec<(&str, &str)> = given
        .iter()
        .map(|(path, value)| (&**path, &**value))
        .collect();
    let mti: Mti = MTIS[random.below(MTIS.len())].parse().unwrap();
    let text = match dialect.compose(number, mti, &parts) {
        Ok(text) => text,
        Err(error) => {
            let is_limit = matches!(
                error.kind,
                ComposeErrorKind::OtherLayout
                    | ComposeErrorKind::NoLayout
                    | ComposeErrorKind::Value { .. }
                    | ComposeErrorKind::Missing
                    | ComposeErrorKind::UnknownPart
                    | ComposeErrorKind::TooLong { .. }
            );
            assert!(is_limit, "{} {number} {given:?}: {error}", dialect.name());
            return None;
        }
    };
    let bytes = encoded(dialect, mti, number, &text)?;
    let view = dialect.view(&bytes).unwrap();
    assert_eq!(view.layout(number).unwrap().name, layout.name, "{given:?}");
    let mut read = Vec::new();
    leaves(view.parts(number).unwrap(), "", &mut read);
    assert_eq!(read, given, "{} {number} {text}", dialect.name());

    // The same by JSON: from parts alone, and from both.
    let line = json::decode_parts_line(dialect, &bytes, Unmask::Yes).unwrap();
    let mut again = BytesMut::new();
    json::encode_line(dialect, &line, &mut again).unwrap_or_else(|error| panic!("{line}: {error}"));
    assert_eq!(hex(&again), hex(&bytes), "{line}");
    let start = line.find("\"fields\":{").unwrap() + 10;
    let end = start + line[start..].find('}').unwrap();
    let alone = format!("{}{}", &line[..start], &line[end..]);
    again.clear();
    json::encode_line(dialect, &alone, &mut again)
        .unwrap_or_else(|error| panic!("{alone}: {error}"));
    assert_eq!(hex(&again), hex(&bytes), "{alone}");
    Some(())
}

proptest! {
    #![proptest_config(config(400))]

    #[test]
    fn what_is_composed_is_read_back(seed in any::<u64>()) {
        let all_kinds = Dialect::parse(ALL_KINDS).unwrap();
        for (number, layout) in all_kinds.fields().flat_map(|field| {
            all_kinds.layouts_of(field.number).map(move |layout| (field.number, layout))
        }) {
            round_trip(&all_kinds, number, layout, seed);
        }
    }
}

/// For each field of each dialect some values can be made, whatever message they are for.
#[test]
fn every_layout_of_every_dialect_can_be_written() {
    let all_kinds = std::sync::Arc::new(Dialect::parse(ALL_KINDS).unwrap());
    let names = Dialect::builtin_names().iter().chain(Dialect::pack_names());
    let dialects = names.map(|name| dialect(name)).chain([all_kinds]);
    let mut never = String::new();
    for dialect in dialects {
        for field in dialect.fields() {
            for layout in dialect.layouts_of(field.number) {
                let made = (1..400_u64).filter(|seed| {
                    let seed = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15);
                    round_trip(&dialect, field.number, layout, seed).is_some()
                });
                if made.take(3).count() < 3 {
                    writeln!(never, "{} {} {}", dialect.name(), field.number, layout.name).unwrap();
                }
            }
        }
    }
    // How these begin is for their dialects to say: random values do not.
    expect![[r#"
        unionpay-pos 62 serial-number
        unionpay-pos 62 chip-upload
        unionpay-pos 62 chip-upload
    "#]]
    .assert_eq(&never);
}

#[test]
fn what_cannot_be_composed() {
    let all_kinds = Dialect::parse(ALL_KINDS).unwrap();
    let packed = dialect("unionpay-pos");
    let mut shown = String::new();
    let mut check = |dialect: &Dialect, number: u8, mti: &str, parts: &[(&str, &str)]| {
        let result = dialect.compose(number, mti.parse().unwrap(), parts);
        let error = result.expect_err("a refusal");
        writeln!(shown, "{}", error.explain(dialect).message).unwrap();
    };
    // Paths.
    check(&all_kinds, 46, "0200", &[("", "1")]);
    check(&all_kinds, 46, "0200", &[("1#2", "123")]);
    check(&all_kinds, 46, "0200", &[("1", "123"), ("1.1", "1")]);
    check(&all_kinds, 46, "0200", &[("1", "123"), ("4", "1")]);
    check(&all_kinds, 46, "0200", &[("1.1", "123")]);
    // Parts that are missing, too many, or counted otherwise.
    check(&all_kinds, 46, "0200", &[("1", "123")]);
    check(&all_kinds, 46, "0200", &[("1", "123"), ("1#2", "123")]);
    check(
        &all_kinds,
        44,
        "0200",
        &[("1", "03"), ("2.1", "AB"), ("2.2", "1")],
    );
    check(
        &all_kinds,
        44,
        "0200",
        &[("1", "01"), ("2.1", "AB"), ("2.2", "1"), ("2#2.1", "A1")],
    );
    // Values.
    check(&all_kinds, 46, "0200", &[("1", "12"), ("2", "1")]);
    check(&all_kinds, 46, "0200", &[("1", "12x"), ("2", "1")]);
    check(&all_kinds, 46, "0200", &[("1", "123"), ("2", "12345678")]);
    check(&all_kinds, 47, "0200", &[("1", "123"), ("2", "1234567890")]);
    check(&all_kinds, 58, "0200", &[("0A01", "12")]);
    check(&all_kinds, 58, "0200", &[("0A02", "1234567890")]);
    check(&all_kinds, 58, "0200", &[("7F7F", &"00".repeat(255))]);
    // Tags.
    check(
        &all_kinds,
        56,
        "0200",
        &[("1", "AB"), ("2", "1"), ("A1", "x")],
    );
    check(&all_kinds, 60, "0200", &[("9F", "00")]);
    check(&all_kinds, 60, "0200", &[("5a", "00")]);
    check(&all_kinds, 60, "0200", &[("5A", "0")]);
    check(&all_kinds, 60, "0200", &[("5A.5A", "00")]);
    check(&all_kinds, 62, "0200", &[("2", "1")]);
    check(&all_kinds, 62, "0200", &[("1", "1234"), ("1#2", "1234")]);
    check(&all_kinds, 102, "0200", &[("ABC", "1")]);
    // Which layout it is.
    check(&packed, 48, "0200", &[("1", "0001")]);
    check(&packed, 62, "0810", &[("1", "00")]);
    check(&packed, 59, "0200", &[("B1", "00")]);
    check(&packed, 2, "0200", &[("1", "00")]);
    expect![[r#"
        field 46 (Additional data, ISO), character 0: expected tags with dots between them, found something else
        field 46 (Additional data, ISO), part 1#2, character 0: expected tags with dots between them, found something else
        field 46 (Additional data, ISO), part 1.1, character 0: expected parts where it has parts, a value elsewhere, found the other
        field 46 (Additional data, ISO), part 4, character 0: expected a part of the layout, found another
        field 46 (Additional data, ISO), part 1, character 0: expected parts where it has parts, a value elsewhere, found the other
        field 46 (Additional data, ISO), part 2, character 0: expected the part, found none
        field 46 (Additional data, ISO), part 1, character 0: expected at most 1 of it, found more
        field 44 (Additional response data), part 1, character 0: expected 1, as there are, found 3
        field 44 (Additional response data), part 1, character 0: expected 2, as there are, found 1
        field 46 (Additional data, ISO), part 1, character 0: expected a length of exactly 3, found 2
        field 46 (Additional data, ISO), part 1, character 2: expected a digit, found 'x'
        field 46 (Additional data, ISO), part 2, character 0: expected a length of at most 7, found 8
        field 47 (Additional data, national), part 2, character 0: expected a length of at most 9, found 10
        field 58 (Reserved for national use), part 0A01, character 0: expected a length of exactly 3, found 2
        field 58 (Reserved for national use), part 0A02, character 0: expected a length of at most 9, found 10
        field 58 (Reserved for national use), part 7F7F, character 0: expected a length of at most 255, found 256
        field 56 (Reserved for ISO use), part A1, character 0: expected a tag of the layout's form, found another
        field 60 (Reserved for private use), part 9F, character 0: expected a tag of the layout's form, found another
        field 60 (Reserved for private use), part 5a, character 0: expected a tag of the layout's form, found another
        field 60 (Reserved for private use), part 5A, character 0: expected an even length, found 1
        field 60 (Reserved for private use), part 5A, character 0: expected parts where it has parts, a value elsewhere, found the other
        field 62 (Reserved for private use), part 2, character 0: expected a part of the layout, found another
        field 62 (Reserved for private use), part 1#2, character 0: expected at most 1 of it, found more
        field 102 (Account identification 1), part ABC, character 0: expected a tag of the layout's form, found another
        field 48 (Totals and batch upload), character 0: expected a field with a layout in such a message, found none
        field 62 (Working keys, parameters, serial number), part 1, character 0: expected a length of exactly 16, found 2
        field 59 (Private TLV data), character 0: expected parts of a layout that the value then has, found others
        field 2 (Primary account number), character 0: expected a field with a layout in such a message, found none
    "#]].assert_eq(&shown);
}

/// What counts others counts them by itself, and a layout that depends on other fields is found.
#[test]
fn composed_in_a_message() {
    let dialect = Dialect::parse(
        r#"
        name = "conditions"
        extends = "iso87-ascii"
        [fields]
        62 = { layouts = [
            { when = { field = 60, starts = ["7"] }, use = "sevens" },
            { mti = ["0210"], use = "others" },
        ] }
        [layouts]
        sevens = { kind = "positional", parts = [{ type = "n2" }, { type = "an2", repeat = 9, count = 1 }] }
        others = { kind = "positional", parts = [{ type = "an2" }] }
        "#,
    )
    .unwrap();
    let written = |mti: &str, sixty: &str, parts: &[(&str, &str)]| {
        let mut out = BytesMut::new();
        let mut builder = Builder::new(&dialect, &mut out, mti.parse().unwrap());
        builder.text(60, sixty).unwrap();
        builder.parts(62, parts).map_err(|error| error.kind)?;
        let range = builder.finish().unwrap();
        Ok(dialect.view(&out[range]).unwrap().to_text(62).unwrap())
    };
    let two = [("2", "AB"), ("2#2", "CD")];
    assert_eq!(written("0200", "7", &two).as_deref(), Ok("02ABCD"));
    assert_eq!(
        written("0200", "8", &two),
        Err(ComposeErrorKind::OtherLayout)
    );
    assert_eq!(written("0210", "8", &[("1", "XY")]).as_deref(), Ok("XY"));
    // It would be read as the first one.
    assert!(written("0210", "7", &[("1", "XY")]).is_err());
}
