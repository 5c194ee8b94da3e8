//! Random tables: any dialect that somebody may write.
use std::sync::Arc;

use pointsman_iso8583::Dialect;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

const TEXT: [&str; 4] = ["ascii", "ebcdic", "ebcdic-037", "ebcdic-1047"];
const DIGITS: [&str; 5] = ["ascii", "ebcdic", "ebcdic-037", "ebcdic-1047", "bcd"];
const MTI: [&str; 3] = ["ascii", "ebcdic", "bcd"];
const PREFIX: [&str; 5] = ["ascii", "ebcdic", "bcd", "binary1", "binary2"];
const BINARY: [&str; 2] = ["hex", "raw"];
const PAD: [&str; 2] = ["left", "right"];

/// How a field is written, whatever it holds.
#[derive(Clone, Debug)]
struct Knobs {
    digits: &'static str,
    text: &'static str,
    binary: &'static str,
    prefix: &'static str,
    counts: &'static str,
    pad: &'static str,
    filler: &'static str,
    fill: Option<(usize, &'static str, bool)>,
}

fn knobs() -> impl Strategy<Value = Knobs> {
    let encodings = (
        select(DIGITS.to_vec()),
        select(TEXT.to_vec()),
        select(BINARY.to_vec()),
    );
    let lengths = (
        select(PREFIX.to_vec()),
        // Most lengths count what the value holds.
        select(vec!["value", "value", "bytes", "element"]),
    );
    let padding = (
        select(PAD.to_vec()),
        select(vec!["0", "0", "F"]),
        prop::option::weighted(0.3, (0..3_usize, select(PAD.to_vec()), any::<bool>())),
    );
    (encodings, lengths, padding).prop_map(
        |((digits, text, binary), (prefix, counts), (pad, filler, fill))| Knobs {
            digits,
            text,
            binary,
            prefix,
            counts,
            pad,
            filler,
            fill,
        },
    )
}

/// One field of the table: its line of TOML.
fn field(number: u8) -> impl Strategy<Value = String> {
    let kind = select(vec!["n", "z", "a", "an", "ans", "ns", "x+n", "b"]);
    // Dots and length; no dot is a fixed length.
    let length = prop_oneof![
        3 => (Just(0), 1..20_usize),
        1 => (Just(1), 1..=9_usize),
        3 => (Just(2), 1..=99_usize),
        3 => (Just(3), 1..=999_usize),
        1 => (Just(4), 1..=1500_usize),
        1 => (5..=6_usize, 1..=1500_usize),
    ];
    (kind, length, knobs()).prop_map(move |(kind, (dots, length), knobs)| {
        line(
            number,
            kind,
            if kind == "x+n" { 0 } else { dots },
            length,
            &knobs,
        )
    })
}

fn line(number: u8, kind: &str, dots: usize, length: usize, knobs: &Knobs) -> String {
    let encoding = match kind {
        "n" | "z" => knobs.digits,
        "b" => knobs.binary,
        _ => knobs.text,
    };
    let packed = encoding == "bcd";
    let mut length = length;
    let mut more = String::new();
    if dots == 0 {
        length = length.min(900);
    } else {
        let (prefix_bytes, longest) = match knobs.prefix {
            "binary1" => (1, 255),
            "binary2" => (2, 65_535),
            "bcd" => (dots.div_ceil(2), 10_usize.pow(dots as u32) - 1),
            _ => (dots, 10_usize.pow(dots as u32) - 1),
        };
        // The prefix must be able to say it, itself included; and if it counts bytes, all digits must be seen.
        length = length.min(longest - prefix_bytes);
        if packed && knobs.counts != "value" && knobs.filler == "0" {
            length = (length / 2 * 2).max(2);
        }
        more += &format!(
            ", prefix = \"{}\", counts = \"{}\"",
            knobs.prefix, knobs.counts
        );
    }
    if packed {
        more += &format!(", pad = \"{}\", filler = \"{}\"", knobs.pad, knobs.filler);
    }
    if let (0, Some((choice, side, strip))) = (dots, knobs.fill) {
        let characters = match kind {
            "n" => "000",
            "a" => "X X",
            "an" => "0 X",
            "ans" | "ns" => " 0*",
            _ => "",
        };
        if let Some(character) = characters.get(choice..choice + 1) {
            more += &format!(", fill = \"{character}\", fill_side = \"{side}\", strip = {strip}");
        }
    }
    let dots = ".".repeat(dots);
    format!(
        "{number} = {{ name = \"Field {number}\", type = \"{kind}{dots}{length}\", encoding = \"{encoding}\"{more} }}\n"
    )
}

/// A dialect with fields up to these numbers, in a message with one bitmap, in one with two and in one with three, the
/// third either way.
pub(crate) fn dialect(one: u8, two: u8, three: u8) -> impl Strategy<Value = Arc<Dialect>> {
    let bitmaps = prop_oneof![
        2 => Just((false, "none")),
        2 => Just((true, "none")),
        1 => Just((true, "field-65")),
        1 => Just((true, "contiguous")),
    ];
    let fields = bitmaps.prop_flat_map(move |(secondary, tertiary)| {
        let last = match (secondary, tertiary) {
            (false, _) => one,
            (true, "none") => two,
            _ => three,
        };
        let above_one = (2..=last).filter(move |number| {
            *number <= one || (66..=two).contains(number) || (129..=three).contains(number)
        });
        let fields = subsequence(above_one.collect::<Vec<u8>>(), 4..20)
            .prop_flat_map(|numbers| numbers.into_iter().map(field).collect::<Vec<_>>());
        (Just((secondary, tertiary)), fields)
    });
    let header = prop_oneof![
        2 => prop::collection::vec(any::<u8>(), 0..12).prop_map(|header| ("fixed", header)),
        1 => prop::collection::vec(any::<u8>(), 5..12).prop_map(|header| ("tpdu", header)),
        1 => "ISO[0-9]{9}".prop_map(|header| ("base24", header.into_bytes())),
        1 => prop::collection::vec(any::<u8>(), 22..30).prop_map(|mut header| {
            // Its own length, no other header behind it, and the message's length, which is written with it.
            header[0] = header.len() as u8;
            header[1] &= 0x7F;
            header[3..5].fill(0);
            ("visa", header)
        }),
    ];
    (fields, header, select(MTI.to_vec()), select(vec!["hex", "ebcdic-hex", "binary"])).prop_map(|(((secondary, tertiary), fields), (kind, header), mti, bitmap)| {
        let toml = format!(
            "name = \"random\"\ndescription = \"random\"\necho = []\n[message]\nheader = \"{}\"\nheader_kind = \"{kind}\"\nmti = \"{mti}\"\n\
             bitmap = \"{bitmap}\"\nsecondary_bitmap = {secondary}\ntertiary_bitmap = \"{tertiary}\"\n[defaults]\ndigits = \"ascii\"\ntrack = \"ascii\"\ntext = \"ascii\"\n\
             binary = \"hex\"\nprefix = \"ascii\"\npad = \"left\"\n[fields]\n{}",
            super::hex(&header),
            fields.concat()
        );
        let dialect = Dialect::parse(&toml).unwrap_or_else(|errors| panic!("{errors:?} in\n{toml}"));
        assert_eq!(Dialect::parse(&dialect.to_toml()).as_ref(), Ok(&dialect), "{toml}");
        Arc::new(dialect)
    })
}
