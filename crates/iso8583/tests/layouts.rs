//! What stands inside of fields: each kind of layout read, byte by byte, and what is wrong told with its place.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "test code: a wrong fixture must stop the test"
)]

mod common;

use std::fmt::Write as _;
use std::sync::Arc;

use bytes::BytesMut;
use common::unhex;
use expect_test::{Expect, expect};
use pointsman_iso8583::{Builder, Dialect, Parts};

/// A dialect with a field 48, and what it says about layouts.
fn dialect(parent: &str, field: &str, layouts: &str) -> Arc<Dialect> {
    let toml = format!(
        "name = \"layouts\"\nextends = \"{parent}\"\n[fields]\n48 = {{ {field} }}\n{layouts}"
    );
    let dialect = Dialect::parse(&toml).unwrap_or_else(|errors| panic!("{toml}\n{errors:#?}"));
    assert_eq!(
        Dialect::parse(&dialect.to_toml()).as_ref(),
        Ok(&dialect),
        "{}",
        dialect.to_toml()
    );
    Arc::new(dialect)
}

fn message(dialect: &Dialect, number: u8, value: &str) -> Vec<u8> {
    let mut out = BytesMut::new();
    let mut builder = Builder::new(dialect, &mut out, "0200".parse().unwrap());
    builder.text(number, value).unwrap();
    builder.finish().unwrap();
    out.to_vec()
}

/// One line a part: where its value stands from the beginning of the field's, its tag, its name and its text.
fn shape(parts: Parts<'_>, start: usize, depth: usize, out: &mut String) {
    let indent = "  ".repeat(depth);
    for part in parts {
        match part {
            Ok(part) => {
                let range = part.range();
                let (from, to) = (range.start - start, range.end - start);
                let name = part.name().unwrap_or("-");
                let text = part.to_text();
                writeln!(out, "{indent}{from}..{to} {}: {name} = {text}", part.tag()).unwrap();
                if let Some(parts) = part.parts() {
                    shape(parts, start, depth + 1, out);
                }
            }
            Err(error) => {
                let part = error.part.map_or("-".to_owned(), |part| part.to_string());
                let offset = error.offset - start;
                writeln!(out, "{indent}{offset} {part}! {}", error.kind).unwrap();
            }
        }
    }
}

#[track_caller]
fn check(dialect: &Dialect, number: u8, value: &str, expected: Expect) {
    let bytes = message(dialect, number, value);
    let view = dialect.view(&bytes).unwrap();
    let mut out = String::new();
    match view.parts(number) {
        Some(parts) => shape(parts, view.wire_range(number).unwrap().start, 0, &mut out),
        None => out.push_str("no layout\n"),
    }
    expected.assert_eq(&out);
}

#[test]
fn fields_of_1987() {
    for name in ["iso87-ascii", "iso87-ebcdic"] {
        let iso = Dialect::builtin(name).unwrap();
        check(
            &iso,
            3,
            "312030",
            expect![[r#"
                0..2 1: Transaction type = 31
                2..4 2: Account, from = 20
                4..6 3: Account, to = 30
            "#]],
        );
        check(
            &iso,
            54,
            "0002840C0000000012341001840D000000000050",
            expect![[r#"
                0..20 1: Additional amount = 0002840C000000001234
                  0..2 1: Account type = 00
                  2..4 2: Amount type = 02
                  4..7 3: Currency code = 840
                  7..8 4: Sign = C
                  8..20 5: Amount = 000000001234
                20..40 1: Additional amount = 1001840D000000000050
                  20..22 1: Account type = 10
                  22..24 2: Amount type = 01
                  24..27 3: Currency code = 840
                  27..28 4: Sign = D
                  28..40 5: Amount = 000000000050
            "#]],
        );
    }
    // Packed digits share bytes: the second digit of the byte is where a part may begin.
    let packed = Dialect::builtin("iso87-bcd").unwrap();
    check(
        &packed,
        22,
        "051",
        expect![[r#"
            0..2 1: PAN entry = 05
            1..2 2: PIN entry capability = 1
        "#]],
    );
    check(
        &packed,
        90,
        "020000004211200930151234567890100000000000",
        expect![[r#"
            0..2 1: Original message type = 0200
            2..5 2: Original trace number = 000042
            5..10 3: Original transmission time = 1120093015
            10..16 4: Original acquiring institution = 12345678901
            15..21 5: Original forwarding institution = 00000000000
        "#]],
    );
    check(
        &packed,
        55,
        "9F2701807103860102",
        expect![[r#"
            3..4 9F27: Cryptogram information data = 80
            6..9 71: Issuer script template 1 = 860102
              8..9 86: Issuer script command = 02
        "#]],
    );
    // As hex text, each byte has two characters.
    let hex = Dialect::builtin("iso87-ascii").unwrap();
    check(
        &hex,
        55,
        "9F2701807103860102",
        expect![[r#"
            6..8 9F27: Cryptogram information data = 80
            12..18 71: Issuer script template 1 = 860102
              16..18 86: Issuer script command = 02
        "#]],
    );
}

#[test]
fn positional() {
    let layouts = r#"
        [layouts.batch]
        kind = "positional"
        parts = [
            { name = "Records", type = "n2" },
            { name = "Record", layout = "record", repeat = 3, count = 1 },
            { name = "Host", type = "ans..9" },
            { name = "Note", type = "an4", optional = true },
            { name = "More", type = "ans", optional = true },
        ]
        [layouts.record]
        kind = "positional"
        parts = [{ name = "Sign and amount", type = "x+n2" }, { name = "Key", type = "b1" }]
    "#;
    let ascii = dialect("iso87-ascii", "layout = \"batch\"", layouts);
    check(
        &ascii,
        48,
        "02C12FFD34a003ABC",
        expect![[r#"
            0..2 1: Records = 02
            2..7 2: Record = C12FF
              2..5 1: Sign and amount = C12
              5..7 2: Key = FF
            7..12 2: Record = D34a0
              7..10 1: Sign and amount = D34
              10..12 2: Key = A0
            14..17 3: Host = ABC
        "#]],
    );
    check(
        &ascii,
        48,
        "0000NOTEand more",
        expect![[r#"
            0..2 1: Records = 00
            4..4 3: Host = 
            4..8 4: Note = NOTE
            8..16 5: More = and more
        "#]],
    );
    check(
        &ascii,
        48,
        "04C12FF",
        expect![[r#"
        0..2 1: Records = 04
        2 2! 4 are more than 3
    "#]],
    );
    check(
        &ascii,
        48,
        "01X12FF00",
        expect![[r#"
        0..2 1: Records = 01
        2..9 2: Record = X12FF00
          2 1! 0x58 is neither C nor D
        9 3! 2 bytes needed, 0 left
    "#]],
    );
    check(
        &ascii,
        48,
        "01C12GF",
        expect![[r#"
        0..2 1: Records = 01
        2..7 2: Record = C12GF
          2..5 1: Sign and amount = C12
          5 2! 0x47 is not a hex character
        7 3! 2 bytes needed, 0 left
    "#]],
    );
    check(
        &ascii,
        48,
        "00055",
        expect![[r#"
        0..2 1: Records = 00
        4 3! 5 bytes needed, 1 left
    "#]],
    );
    check(
        &ascii,
        48,
        "0000NO",
        expect![[r#"
        0..2 1: Records = 00
        4..4 3: Host = 
        4 4! 4 bytes needed, 2 left
    "#]],
    );
    let closed = dialect(
        "iso87-ascii",
        "layout = \"two\"",
        "[layouts.two]\nkind = \"positional\"\nparts = [{ type = \"n2\" }]",
    );
    check(
        &closed,
        48,
        "123",
        expect![[r#"
        0..2 1: Part 1 = 12
        2 -! 1 after the last part
    "#]],
    );
}

/// In bytes every part may be written in its own way.
#[test]
fn positional_in_bytes() {
    let layouts = r#"
        [layouts.keys]
        kind = "positional"
        parts = [
            { name = "Packed", type = "n3" },
            { name = "Packed behind", type = "n..5", pad = "right", filler = "F" },
            { name = "Text", type = "an2" },
            { name = "Text of others", type = "an2", encoding = "ebcdic" },
            { name = "Characters", type = "n2", encoding = "ascii" },
            { name = "Announced", type = "ans...99", prefix = "binary2", counts = "element" },
            { name = "Hex", type = "b1", encoding = "hex" },
            { name = "Key", type = "b" },
        ]
    "#;
    let bytes = dialect("iso87-bcd", "type = \"b...99\", layout = \"keys\"", layouts);
    let value = "0123 03 123F 4142 C1C2 3939 0003 41 4631 CAFE".replace(' ', "");
    check(
        &bytes,
        48,
        &value,
        expect![[r#"
        0..2 1: Packed = 123
        3..5 2: Packed behind = 123
        5..7 3: Text = AB
        7..9 4: Text of others = AB
        9..11 5: Characters = 99
        13..14 6: Announced = A
        14..16 7: Hex = F1
        16..18 8: Key = CAFE
    "#]],
    );
    // The same in a field that is hex text itself.
    let hex = dialect(
        "iso87-ascii",
        "type = \"b...99\", layout = \"keys\"",
        &layouts
            .replace("type = \"n3\"", "type = \"n3\", encoding = \"bcd\"")
            .replace(
                "type = \"n..5\"",
                "type = \"n..5\", encoding = \"bcd\", prefix = \"bcd\"",
            )
            .replace(
                "Hex\", type = \"b1\", encoding = \"hex\"",
                "Hex\", type = \"an2\"",
            ),
    );
    check(
        &hex,
        48,
        &value,
        expect![[r#"
            1..4 1: Packed = 123
            6..9 2: Packed behind = 123
            10..14 3: Text = AB
            14..18 4: Text of others = AB
            18..22 5: Characters = 99
            26..28 6: Announced = A
            28..32 7: Hex = F1
            32..36 8: Key = CAFE
        "#]],
    );
    check(
        &bytes,
        48,
        "1123",
        expect![[r#"
        0 1! the filler nibble in 0x11 is another
    "#]],
    );
    check(
        &bytes,
        48,
        "012306",
        expect![[r#"
        0..2 1: Packed = 123
        2 2! length 6 is more than 5
    "#]],
    );
    check(
        &bytes,
        48,
        "01230041424142C1",
        expect![[r#"
        0..2 1: Packed = 123
        3..3 2: Packed behind = 
        3..5 3: Text = AB
        5 4! 0x41 is not a character of the field's class
    "#]],
    );
}

#[test]
fn tagged() {
    let layouts = r#"
        [layouts.subelements]
        kind = "tagged"
        tag = "n2"
        length = "n2"
        leading = [{ name = "Transaction category", type = "a1" }]
        [layouts.subelements.tags]
        42 = { name = "Electronic commerce", type = "n7", layout = "levels" }
        43 = { name = "Token", type = "ans..5" }
        [layouts.levels]
        kind = "positional"
        parts = [{ name = "Protocol", type = "n1" }, { name = "Rest", type = "n" }]
    "#;
    for parent in ["iso87-ascii", "iso87-ebcdic"] {
        let text = dialect(parent, "layout = \"subelements\"", layouts);
        check(
            &text,
            48,
            "T420721000009203ABC4300",
            expect![[r#"
            0..1 1: Transaction category = T
            5..12 42: Electronic commerce = 2100000
              5..6 1: Protocol = 2
              6..12 2: Rest = 100000
            16..19 92: - = ABC
            23..23 43: Token = 
        "#]],
        );
        check(
            &text,
            48,
            "T42011",
            expect![[r#"
            0..1 1: Transaction category = T
            5 42! length 1 is not 7
        "#]],
        );
        check(
            &text,
            48,
            "T4306ABCDEF",
            expect![[r#"
            0..1 1: Transaction category = T
            5 43! length 6 is more than 5
        "#]],
        );
        check(
            &text,
            48,
            "T9904ABC",
            expect![[r#"
            0..1 1: Transaction category = T
            5 99! 4 bytes needed, 3 left
        "#]],
        );
        check(
            &text,
            48,
            "T9",
            expect![[r#"
            0..1 1: Transaction category = T
            1 -! 2 bytes needed, 1 left
        "#]],
        );
    }
    let digits = dialect(
        "iso87-bcd",
        "type = \"n...99\", layout = \"digits\"",
        "[layouts.digits]\nkind = \"tagged\"\ntag = \"n3\"\nlength = \"n1\"\ncounts = \"element\"",
    );
    check(
        &digits,
        48,
        "00151002599",
        expect![[r#"
            2..3 001: - = 1
            5..6 002: - = 9
            5 -! 3 bytes needed, 1 left
        "#]],
    );
    // A binary tag of one byte and a binary length of two.
    let binary = dialect(
        "iso87-bcd",
        "type = \"b...99\", layout = \"binary\"",
        "[layouts.binary]\nkind = \"tagged\"\ntag = \"b1\"\nlength = \"b2\"\ntags.0A = { type = \"n4\" }\ntags.0B = { type = \"n3\" }",
    );
    check(
        &binary,
        48,
        "0A000212340B000201230C0000",
        expect![[r#"
        3..5 0A: Part 0A = 1234
        8..10 0B: Part 0B = 123
        13..13 0C: - = 
    "#]],
    );
    let packed = dialect(
        "iso87-bcd",
        "type = \"b...99\", layout = \"pds\"",
        "[layouts.pds]\nkind = \"tagged\"\ntag = \"n4\"\nlength = \"n3\"",
    );
    check(
        &packed,
        48,
        "01480002ABCD",
        expect![[r#"
        4..6 0148: - = ABCD
    "#]],
    );
}

#[test]
fn ber_tlv() {
    let layouts = r#"
        [layouts.private]
        kind = "ber-tlv"
        [layouts.private.tags]
        A2 = { name = "Terminal" }
        DF32 = { name = "Serial", type = "an..50" }
        DF33 = { name = "Count", type = "n3" }
    "#;
    let bytes = dialect(
        "iso87-bcd",
        "type = \"b...999\", layout = \"private\"",
        layouts,
    );
    check(
        &bytes,
        48,
        "A209DF32024142DF330205".replace(' ', "").as_str(),
        expect![[r#"
            2..11 A2: Terminal = DF32024142DF330205
              5..7 DF32: Serial = AB
              7 -! the element needs 5 bytes, 4 are left
        "#]],
    );
    check(
        &bytes,
        48,
        "A20ADF32024142DF33020123 5F2000 9F268100 00 9F26820001FF"
            .replace(' ', "")
            .as_str(),
        expect![[r#"
            2..12 A2: Terminal = DF32024142DF33020123
              5..7 DF32: Serial = AB
              10..12 DF33: Count = 123
            15..15 5F20: - = 
            19..19 9F26: - = 
            25..26 9F26: - = FF
        "#]],
    );
}

#[test]
fn bitmapped() {
    let layouts = r#"
        [layouts.location]
        kind = "bitmapped"
        bitmap_bytes = 2
        [layouts.location.parts]
        2 = { name = "Name", type = "ans..50" }
        5 = { name = "State", type = "ans3" }
        16 = { name = "Rest", type = "ans" }
    "#;
    let bytes = dialect(
        "iso87-mixed",
        "type = \"b...999\", layout = \"location\"",
        layouts,
    );
    check(
        &bytes,
        48,
        "4801 3032 4142 4E5920 2E2E".replace(' ', "").as_str(),
        expect![[r#"
        4..6 2: Name = AB
        6..9 5: State = NY 
        9..11 16: Rest = ..
    "#]],
    );
    check(&bytes, 48, "0000", expect![""]);
    check(
        &bytes,
        48,
        "2000",
        expect![[r#"
        0 3! bit 3 has no part
    "#]],
    );
    check(
        &bytes,
        48,
        "40003032414200",
        expect![[r#"
        4..6 2: Name = AB
        6 -! 1 after the last part
    "#]],
    );
    check(
        &bytes,
        48,
        "40",
        expect![[r#"
        0 -! 2 bytes needed, 1 left
    "#]],
    );
    // In text a bitmap is hex.
    for parent in ["iso87-ascii", "iso87-ebcdic"] {
        let text = dialect(parent, "layout = \"location\"", layouts);
        check(
            &text,
            48,
            "480002ABNY ",
            expect![[r#"
            6..8 2: Name = AB
            8..11 5: State = NY 
        "#]],
        );
    }
    let text = dialect("iso87-ascii", "layout = \"location\"", layouts);
    check(
        &text,
        48,
        "48G002ABNY ",
        expect![[r#"
        2 -! 0x47 is not a hex character
    "#]],
    );
}

#[test]
fn base24_tokens() {
    let layouts = r#"
        [layouts.tokens]
        kind = "base24-tokens"
        [layouts.tokens.tags]
        Q2 = { name = "Acquirer", type = "n2" }
    "#;
    for parent in ["iso87-ascii", "iso87-ebcdic"] {
        let text = dialect(parent, "layout = \"tokens\"", layouts);
        check(
            &text,
            48,
            "& 0000300036! Q200002 03! B200002 A!",
            expect![[r#"
            22..24 Q2: Acquirer = 03
            34..36 B2: - = A!
        "#]],
        );
        check(
            &text,
            48,
            "& 0000200036! Q200002 03! B200002 A!",
            expect![[r#"
            22..24 Q2: Acquirer = 03
            34..36 B2: - = A!
            2 -! 2 announced, 3 found
        "#]],
        );
        check(
            &text,
            48,
            "& 0000300035! Q200002 03! B200002 A!",
            expect![[r#"
            7 -! 35 announced, 36 found
        "#]],
        );
    }
    let text = dialect("iso87-ascii", "layout = \"tokens\"", layouts);
    check(
        &text,
        48,
        "& 0000200024! Q200002x03",
        expect![[r#"
        21 -! 0x78 where a token begins with ' '
    "#]],
    );
    check(
        &text,
        48,
        "$ ",
        expect![[r#"
        0 -! 0x24 where a token begins with '&'
    "#]],
    );
    check(
        &text,
        48,
        "& 0000200024! Q200003 03",
        expect![[r#"
        22 Q2! 3 bytes needed, 2 left
    "#]],
    );
}

#[test]
fn one_of_several() {
    let toml = r#"
        name = "several"
        extends = "iso87-ascii"
        [fields]
        62 = { layouts = [
            { mti = ["08x0"], length = [4, 6], use = "a" },
            { starts = "Seq", use = "b" },
            { when = [{ field = 3, starts = ["31"] }, { field = 60, starts = ["00"] }], use = "c" },
        ] }
        [layouts]
        a = { kind = "positional", parts = [{ type = "ans" }] }
        b = { kind = "positional", parts = [{ type = "ans" }] }
        c = { kind = "positional", parts = [{ type = "ans" }] }
    "#;
    let dialect = Dialect::parse(toml).unwrap();
    assert_eq!(Dialect::parse(&dialect.to_toml()).unwrap(), dialect);
    let layout = |mti: &str, fields: &[(u8, &str)]| {
        let mut out = BytesMut::new();
        let mut builder = Builder::new(&dialect, &mut out, mti.parse().unwrap());
        for (number, value) in fields {
            builder.text(*number, value).unwrap();
        }
        builder.finish().unwrap();
        let view = dialect.view(&out).unwrap();
        view.layout(62)
            .map_or("none", |layout| &layout.name)
            .to_owned()
    };
    assert_eq!(layout("0800", &[(62, "1234")]), "a");
    assert_eq!(layout("0810", &[(62, "123456")]), "a");
    assert_eq!(layout("0810", &[(62, "12345")]), "none");
    assert_eq!(layout("0200", &[(62, "1234")]), "none");
    assert_eq!(layout("0800", &[(62, "Seq.1")]), "b");
    assert_eq!(
        layout("0200", &[(3, "310000"), (60, "001"), (62, "1")]),
        "c"
    );
    assert_eq!(
        layout("0200", &[(3, "310000"), (60, "01"), (62, "1")]),
        "none"
    );
    assert_eq!(layout("0200", &[(3, "310000"), (62, "1")]), "none");
    assert_eq!(layout("0800", &[(3, "310000")]), "none");
}

/// What is wrong with layouts is told at once, each with what it is about.
#[test]
fn errors_of_layouts() {
    let source = r#"
        name = "broken"
        extends = "iso87-bcd"
        [fields]
        3 = { layout = "processing-kode" }
        4 = { layout = "text" }
        22 = { layout = false }
        48 = { layouts = [{ mti = ["08"], use = "text" }, { length = 0 }, { when = { field = 60, is = ["1"] }, use = "text" }] }
        [layouts]
        kindless = {}
        text = { kind = "positional", parts = [{ type = "an3" }] }
        loop-a = { kind = "positional", parts = [{ type = "an9", layout = "loop-b" }] }
        loop-b = { kind = "positional", parts = [{ type = "an9", layout = "loop-a" }] }
        empty = { kind = "positional", parts = [] }
        rest = { kind = "positional", parts = [{ type = "ans" }, { type = "n2" }] }
        optional = { kind = "positional", parts = [{ type = "n1", optional = true }, { type = "n2" }] }
        counted = { kind = "positional", parts = [{ type = "an2" }, { type = "n1", repeat = 2, count = 1 }] }
        open = { kind = "positional", parts = [{ layout = "tags", repeat = 2 }, {}] }
        tags = { kind = "tagged", tag = "n2", length = "an2", bitmap = "hex", tags."A.B" = {} }
        bits = { kind = "bitmapped", bitmap_bytes = 2, parts.17 = { type = "n1", encoding = "raw" } }
        tokens = { kind = "base24-tokens", tags.Q1 = { repeat = 2, typ = "n1" } }
        "no name" = { kind = "ber-tlv" }
        replacement = false
        replacement-amounts = false
    "#;
    let errors = Dialect::parse(source).unwrap_err();
    let lines: Vec<String> = errors
        .iter()
        .map(|error| {
            let place = error.span.clone().map_or("", |span| &source[span]);
            let help = error
                .help
                .as_ref()
                .map_or(String::new(), |help| format!(" ({help})"));
            format!("{place}: {error}{help}")
        })
        .collect();
    expect![[r#"
        "processing-kode": there is no layout 'processing-kode' (did you mean processing-code?)
        "text": field 4 is packed digits, which layout 'text' cannot be laid over: some of its parts are not digits
        "08": not a message type ("0810", "08x0" with an x for any digit, "0[12]10" for some)
        { length = 0 }: use is missing: which layout it is ({ mti = ["0810"], use = "…" }, for example)
        0: length must be a number, 1 to 65535
        ["1"]: field 48: when can only ask for fields that stand before it, and 60 does not
        kindless: layout 'kindless': it has no kind (kind = "positional", "tagged", "ber-tlv", "bitmapped" or "base24-tokens")
        "loop-a": layout 'loop-a': it is inside of itself: loop-a > loop-b > loop-a
        []: layout 'empty': it has no parts (parts = [{ name = "…", type = "n2" }])
        { type = "n2" }: layout 'rest': nothing is left for part 2: the one before goes to the end
        { type = "n2" }: layout 'optional': part 2 follows an optional one and must be it, too
        1: layout 'counted': part 1 does not count what comes after it (count names a part before, n1 to n4)
        {}: layout 'open': nothing is left for part 2: the one before goes to the end
        "an2": length cannot be 'an2' (n1 to n5, or b1 to b3)
        "hex": layout 'tags': bitmap means nothing in a tagged layout
        "A.B": 'A.B' is not a tag (1 to 8 printable characters without . and #)
        17: layout 'bits': '17' is not a bit, 1 to 16
        2: layout 'tokens': repeat means nothing for a tag, which may come again
        typ: unknown key 'typ' (did you mean type?)
        "no name": 'no name' is not a name of a layout (letters, digits, - and _, 40 characters at most)
        false: layout 'replacement' is not inherited and cannot be taken out
    "#]].assert_eq(&(lines.join("\n") + "\n"));
}

/// A layout that is inherited can be left, and be changed tag by tag.
#[test]
fn inherited_layouts() {
    let parsed = |toml: &str| {
        Dialect::parse(&format!("name = \"x\"\nextends = \"iso87-ascii\"\n{toml}")).unwrap()
    };
    let names = |dialect: &Dialect, number| {
        let names = dialect
            .layouts_of(number)
            .map(|layout| layout.name.to_string());
        names.collect::<Vec<_>>()
    };
    assert_eq!(names(&parsed(""), 3), ["processing-code"]);
    assert_eq!(names(&parsed("fields.3.layout = false"), 3), [""; 0]);
    assert_eq!(
        names(&parsed("fields.3.name = \"Other\""), 3),
        ["processing-code"]
    );
    assert_eq!(
        names(&parsed("fields.3.type = \"n6\""), 3),
        [""; 0],
        "another type has other parts"
    );
    assert_eq!(
        names(
            &parsed("fields.3 = { type = \"n6\", layout = \"entry-mode\" }"),
            3
        ),
        ["entry-mode"]
    );
    let more = parsed("layouts.chip-data.tags.DF01 = { name = \"Ours\" }");
    let bytes = message(&more, 55, "DF01009F2600");
    let view = more.view(&bytes).unwrap();
    assert_eq!(view.part(55, "DF01").unwrap().name(), Some("Ours"));
    assert_eq!(
        view.part(55, "9F26").unwrap().name(),
        Some("Application cryptogram")
    );
}

#[test]
fn parts_by_path() {
    let iso = Dialect::builtin("iso87-bcd").unwrap();
    let bytes = message(&iso, 55, "9F2701807103860102710786010386020102");
    let view = iso.view(&bytes).unwrap();
    let text = |path: &str| view.part(55, path).map(|part| part.to_text());
    assert_eq!(text("9F27").as_deref(), Some("80"));
    assert_eq!(text("71.86").as_deref(), Some("02"));
    assert_eq!(text("71#2.86").as_deref(), Some("03"));
    assert_eq!(text("71#2.86#2").as_deref(), Some("0102"));
    for none in [
        "", ".", "9F26", "71#0", "71#3", "71#", "71#x", "71#2.", "71.86.1", "#1", "9f 27", "09F27",
    ] {
        assert_eq!(text(none), None, "{none}");
    }
    assert!(view.part(54, "1").is_none());
    let count = view.part(55, "71").unwrap();
    assert_eq!(
        (count.length(), count.number(), count.binary()),
        (3, None, Some(&unhex("860102")[..]))
    );
    assert!(!format!("{count:?} {:?}", view.parts(55)).contains("8601"));
}

/// However many ways lead through layouts that name each other, each is looked at once. By their ways, these would not be
/// read before the end of the day.
#[test]
fn many_ways_through_few_layouts() {
    let dialect = |layouts: &str| {
        Dialect::parse(&format!(
            "name = \"ways\"\nextends = \"iso87-ascii\"\n{layouts}"
        ))
    };
    let tagged = |name: &str, tags: String| {
        format!("[layouts.{name}]\nkind = \"tagged\"\ntag = \"n2\"\nlength = \"n2\"\n{tags}")
    };
    // Eight levels, each with forty tags that hold the next.
    let levels: String = (0..8)
        .map(|level| {
            let tags = (10..50).map(|tag| match level {
                7 => format!("tags.{tag} = {{ name = \"Tag {tag}\" }}\n"),
                _ => format!(
                    "tags.{tag} = {{ name = \"Tag {tag}\", layout = \"l{}\" }}\n",
                    level + 1
                ),
            });
            tagged(&format!("l{level}"), tags.collect())
        })
        .collect();
    let read = dialect(&levels).unwrap();
    assert_eq!(Dialect::parse(&read.to_toml()).as_ref(), Ok(&read));

    // Forty layouts, each of which names all.
    let circles: String = (10..50)
        .map(|name| {
            let tags = (10..50)
                .map(|tag| format!("tags.{tag} = {{ name = \"Tag\", layout = \"c{tag}\" }}\n"));
            tagged(&format!("c{name}"), tags.collect())
        })
        .collect();
    // No more than one error for each mention.
    let errors = dialect(&circles).unwrap_err().len();
    assert!((1..=40 * 40).contains(&errors), "{errors}");

    // Sixty in a row, each of which names all behind it: one of them is the first that is too deep.
    let row: String = (10..70)
        .map(|name| {
            let tags = (name + 1..70)
                .map(|tag| format!("tags.{tag} = {{ name = \"Tag\", layout = \"r{tag}\" }}\n"));
            tagged(&format!("r{name}"), tags.collect())
        })
        .collect();
    let errors = dialect(&row).unwrap_err();
    assert_eq!(errors.len(), 1, "{errors:?}");
}
