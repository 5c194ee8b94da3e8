//! Dialects as TOML: everything wrong is said at once, each with the bytes it is about.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "test code: a wrong fixture must stop the test"
)]

use expect_test::{Expect, expect};
use pointsman_iso8583::{
    Content, DIALECT_BYTES_MAX, Dialect, DialectError, Encoding, Length, LoadError, PadSide,
    PrefixEncoding, Reason,
};

/// The errors of a source, one a line: the text each points at, the message, the help.
fn check(toml: &str, expected: Expect) {
    let errors = Dialect::parse(toml).err().unwrap_or_default();
    let lines = errors.iter().map(
        |DialectError {
             span,
             message,
             help,
             ..
         }| {
            let place = span
                .as_ref()
                .map_or("", |span| toml.get(span.clone()).unwrap());
            let help = help
                .as_ref()
                .map(|help| format!(" ({help})"))
                .unwrap_or_default();
            format!("{place:?}: {message}{help}\n")
        },
    );
    expected.assert_eq(&lines.collect::<String>());
}

#[test]
fn all_errors_at_once() {
    check(
        r#"
name = "mine"
extends = "iso87-bcd"
respose_codes = { no_route = "92" }
colour = "blue"
echo = [3, 1, 200, "x"]

[message]
header = "60000"
mti = "ebcdik"
bitmaps = "hex"

[defaults]
digits = "raw"
pad = 1

[response_codes]
no_route = "9"
no_rout = "92"
duplicate = "0913"

[fields]
1 = { type = "b8" }
65 = { type = "b8" }
129 = { type = "n3" }
0x2 = { type = "n3" }
3 = { type = "n" }
4 = { type = "n..100" }
5 = { type = "n...1000" }
6 = { type = "n0" }
7 = { type = "q10" }
8 = { type = "n.......8" }
9 = { type = "x+n..8" }
11 = { name = "", typ = "n6" }
12 = { encoding = "ascii", pad = "middle" }
41 = { encoding = "bcd" }
52 = { encoding = "ascii" }
3000 = false
55 = "b...255"
"#,
        expect![[r#"
            "respose_codes": unknown key 'respose_codes' (did you mean response_codes?)
            "colour": unknown key 'colour' (known here: name, description, extends, echo, message, defaults, response_codes, fields, messages, layouts)
            "1": a field number is 2 to 192
            "200": a field number is 2 to 192
            "\"x\"": a field number is 2 to 192
            "\"60000\"": header must be bytes in hex, two characters each
            "\"ebcdik\"": mti cannot be 'ebcdik' (did you mean ebcdic?)
            "bitmaps": unknown key 'bitmaps' (did you mean bitmap?)
            "\"raw\"": digits cannot be 'raw' (known here: ascii, ebcdic, ebcdic-037, ebcdic-1047, bcd)
            "1": pad must be a string, not integer (known here: left, right)
            "\"9\"": a response code is two to four letters or digits
            "no_rout": unknown key 'no_rout' (did you mean no_route?)
            "\"0913\"": '0913' does not fit field 39
            "1": '1' is not a field number, 2 to 192 (field 1 is the secondary bitmap: [message] secondary_bitmap)
            "65": field 65 announces a third bitmap and cannot be defined
            "129": field 129 cannot be announced: tertiary_bitmap is none
            "0x2": '0x2' is not a field number, 2 to 192
            "\"n\"": 'n' is not a field type: it must end in a length (for example n6, n..19, ans...999, x+n8, z..37, b8)
            "\"n..100\"": a length prefix of 2 digits cannot say 100: it holds 1 to 99 (did you mean n...100?)
            "\"n...1000\"": a length prefix of 3 digits cannot say 1000: it holds 1 to 999 (did you mean n....1000?)
            "\"n0\"": the length 0 of a fixed field is not in 1 to 999 (for example n6, n..19, ans...999, x+n8, z..37, b8)
            "\"q10\"": 'q10' is not a field type: 'q' is not a content class (for example n6, n..19, ans...999, x+n8, z..37, b8)
            "\"n.......8\"": 'n.......8' is not a field type: 7 dots mean nothing, one to six do (did you mean n.8?)
            "\"x+n..8\"": 'x+n..8': a signed amount has a fixed length below 999 (for example n6, n..19, ans...999, x+n8, z..37, b8)
            "\"\"": name must be one line of 1 to 80 characters
            "typ": unknown key 'typ' (did you mean type?)
            "\"middle\"": pad cannot be 'middle' (known here: left, right)
            "\"bcd\"": field 41: content ans cannot be written as bcd (text is ascii or ebcdic)
            "\"ascii\"": field 52: content b cannot be written as ascii (b fields are raw or hex)
            "3000": '3000' is not a field number, 2 to 192
            "\"b...255\"": field 55 must be a table or false (write 55 = { type = "b...255" })
        "#]],
    );
}

#[test]
fn what_is_missing() {
    check(
        "",
        expect![[r#"
        "": name is missing
        "": not given: [message] mti, [message] bitmap, [defaults] digits, [defaults] track, [defaults] text, [defaults] binary, [defaults] prefix, [fields] (give them, or extend a built-in dialect: extends = "iso87-ascii")
    "#]],
    );
    check(
        "name = \"mine\"\n[fields]\n2 = { name = \"PAN\" }\n",
        expect![[r#"
        "2": field 2 has no type (type = "n6", for example)
        "": not given: [message] mti, [message] bitmap, [defaults] digits, [defaults] track, [defaults] text, [defaults] binary, [defaults] prefix (give them, or extend a built-in dialect: extends = "iso87-ascii")
    "#]],
    );
}

/// One mistake is one error: nothing is missing just because the parent is unknown.
#[test]
fn an_unknown_parent() {
    check(
        "name = \"mine\"\nextends = \"iso87-asci\"\n",
        expect![[r#"
        "\"iso87-asci\"": 'iso87-asci' is not a built-in dialect (did you mean iso87-ascii?)
    "#]],
    );
    check(
        "name = \"mine\"\nextends = \"mine\"\n",
        expect![[r#"
        "\"mine\"": 'mine' extends itself (give the dialect a name of its own)
    "#]],
    );
    check(
        "name = \"mine\"\nextends = 87\n",
        expect![[r#"
            "87": extends must be a string, not integer (put it in quotes: "87")
        "#]],
    );
}

#[test]
fn what_is_not_toml() {
    check(
        "name = \"mine\nextends = \"iso87-ascii\"\n",
        expect![[r#"
        "": invalid basic string, expected `"`
    "#]],
    );
    check(
        "name = \"a\"\nname = \"b\"\nextends = \"iso87-ascii\"\n",
        expect![[r#"
        "name": duplicate key
    "#]],
    );
}

#[test]
fn fields_that_one_bitmap_cannot_announce() {
    check(
        "name = \"mine\"\nextends = \"iso87-ascii\"\n[message]\nsecondary_bitmap = false\n[fields]\n70 = { type = \"n3\" }\n",
        expect![[r#"
            "70": field 70 cannot be announced: secondary_bitmap is false
        "#]],
    );
    check(
        "name = \"mine\"\nextends = \"iso87-ascii\"\n[message]\nheader = \"6000\"\nheader_kind = \"tpdu\"\n[fields]\n65 = false\n",
        expect![[r#"
            "\"tpdu\"": a TPDU is the first five bytes of a header (header = "6000030000", for example)
            "65": field 65 announces a third bitmap and cannot be defined
        "#]],
    );
}

/// What a dialect says on top of the one it extends, and nothing else, is different.
#[test]
fn extending() {
    let dialect = Dialect::parse(
        r#"
name = "acme"
extends = "iso87-bcd"

[message]
header = "6000030000"
header_kind = "tpdu"

[response_codes]
no_route = "15"

[fields]
22 = { pad = "right" }
48 = { type = "b...255" }
60 = { name = "Batch", type = "n...6", prefix = "ascii" }
112 = false
70 = false
"#,
    )
    .unwrap();
    let base = Dialect::builtin("iso87-bcd").unwrap();
    assert_eq!(
        (
            dialect.name(),
            dialect.header_length(),
            dialect.description()
        ),
        ("acme", 5, "")
    );
    assert_eq!(dialect.response_code(Reason::NoRoute), "15");
    assert_eq!(dialect.response_code(Reason::LinkDown), "91");
    assert_eq!(
        dialect.echo().iter().collect::<Vec<_>>(),
        [3, 4, 7, 11, 12, 13, 24, 32, 37, 41, 42, 49],
        "70 is not there any more"
    );
    let field = dialect.field(22).unwrap();
    assert_eq!(
        (field.pad, field.content, &*field.name),
        (PadSide::Right, Content::N, "Point of service entry mode")
    );
    let field = dialect.field(48).unwrap();
    assert_eq!((field.content, field.encoding), (Content::B, Encoding::Raw));
    let field = dialect.field(60).unwrap();
    assert_eq!(
        field.length,
        Length::Variable {
            digits: 3,
            prefix: PrefixEncoding::Ascii,
            max: 6
        }
    );
    assert_eq!(
        (field.encoding, field.type_text().as_str()),
        (Encoding::Bcd, "n...6")
    );
    assert!(dialect.field(112).is_none());
    for field in base
        .fields()
        .filter(|field| ![22, 48, 60, 70, 112].contains(&field.number))
    {
        assert_eq!(dialect.field(field.number), Some(field));
    }
    assert_eq!(Dialect::parse(&dialect.to_toml()).unwrap(), dialect);
}

/// Fields 2 to 128 of the 1987 table are in each of its dialects (65 would be a third bitmap).
#[test]
fn the_1987_table_is_complete() {
    for name in ["iso87-ascii", "iso87-mixed", "iso87-bcd", "iso87-ebcdic"] {
        let dialect = Dialect::builtin(name).unwrap();
        let numbers: Vec<u8> = dialect.fields().map(|field| field.number).collect();
        assert_eq!(
            numbers,
            (2..=128).filter(|number| *number != 65).collect::<Vec<_>>()
        );
        for (number, text) in [
            (2, "n..19"),
            (28, "x+n8"),
            (35, "z..37"),
            (36, "z...104"),
            (52, "b8"),
            (55, "b...999"),
            (90, "n42"),
        ] {
            assert_eq!(dialect.field(number).unwrap().type_text(), text);
        }
    }
    let terminals = Dialect::builtin("unionpay-pos").unwrap();
    assert_eq!(terminals.fields().last().unwrap().number, 64);
}

/// Card data is hidden even if the dialect does not say so.
#[test]
fn card_data_is_sensitive_by_number() {
    use pointsman_iso8583::Sensitive;
    let mut toml = String::from(
        "name = \"bare\"\n[message]\nmti = \"ascii\"\nbitmap = \"hex\"\n[defaults]\ndigits = \"ascii\"\n\
         track = \"ascii\"\ntext = \"ascii\"\nbinary = \"hex\"\nprefix = \"ascii\"\n[fields]\n",
    );
    for number in [2, 35, 45, 52, 55, 62] {
        toml.push_str(&format!("{number} = {{ type = \"b...99\" }}\n"));
    }
    let dialect = Dialect::parse(&toml).unwrap();
    let sensitive: Vec<_> = dialect.fields().map(|field| field.sensitive).collect();
    use Sensitive::{FreeText, Icc, Pan, Pin, Track};
    assert_eq!(sensitive, [Pan, Track, Track, Pin, Icc, FreeText]);
    assert_eq!(&*dialect.field(2).unwrap().name, "Field 2");
    assert_eq!(Dialect::parse(&dialect.to_toml()).unwrap(), dialect);
}

#[test]
fn loading_by_name_or_path() {
    assert_eq!(Dialect::load("iso87-ascii").unwrap().name(), "iso87-ascii");
    assert!(matches!(
        Dialect::load("no/such/file.toml"),
        Err(LoadError::Unreadable { .. })
    ));
    assert!(matches!(
        Dialect::load("no-such-dialect"),
        Err(LoadError::Unknown { .. })
    ));
    let directory = std::env::temp_dir().join(format!("pointsman-dialects-{}", std::process::id()));
    std::fs::create_dir_all(&directory).unwrap();
    let path = directory.join("acme.toml");
    std::fs::write(&path, "name = \"acme\"\nextends = \"iso87-ascii\"\n").unwrap();
    assert_eq!(
        Dialect::load(path.to_str().unwrap()).unwrap().name(),
        "acme"
    );

    // Files extend files, beside the one that says so.
    std::fs::create_dir_all(directory.join("house")).unwrap();
    let house = directory.join("house/base.toml");
    std::fs::write(
        &house,
        "name = \"house\"\nextends = \"iso87-bcd\"\n[fields]\n48 = false\n",
    )
    .unwrap();
    std::fs::write(
        &path,
        "name = \"acme\"\nextends = \"house/base.toml\"\n[fields]\n47 = false\n",
    )
    .unwrap();
    let dialect = Dialect::load(path.to_str().unwrap()).unwrap();
    assert_eq!(
        (dialect.name(), dialect.has_secondary_bitmap()),
        ("acme", true)
    );
    assert!(
        dialect.field(48).is_none() && dialect.field(47).is_none() && dialect.field(46).is_some()
    );
    assert_eq!(Dialect::parse(&dialect.to_toml()).unwrap(), *dialect);

    // A circle is one by whatever way it goes.
    std::fs::write(
        &house,
        "name = \"house\"\nextends = \"../house/../acme.toml\"\n",
    )
    .unwrap();
    let Err(LoadError::Invalid { errors, .. }) = Dialect::load(path.to_str().unwrap()) else {
        panic!("a circle was loaded");
    };
    let [error] = errors.as_slice() else {
        panic!("{errors:?}");
    };
    let file = error.file.as_ref().unwrap();
    assert!(file.name.ends_with("house/base.toml"), "{}", file.name);
    assert_eq!(
        &file.toml[error.span.clone().unwrap()],
        "\"../house/../acme.toml\""
    );
    assert!(
        error.message.ends_with("acme.toml' extends itself"),
        "{}",
        error.message
    );

    std::fs::write(&house, vec![b'#'; DIALECT_BYTES_MAX + 1]).unwrap();
    let Err(LoadError::Invalid { errors, .. }) = Dialect::load(path.to_str().unwrap()) else {
        panic!("it is too long");
    };
    assert!(
        errors[0].message.contains("more than 262144 bytes"),
        "{}",
        errors[0].message
    );

    std::fs::write(&path, "name = \"acme\"\n").unwrap();
    let error = Dialect::load(path.to_str().unwrap()).unwrap_err();
    assert!(
        matches!(&error, LoadError::Invalid { errors, .. } if errors.len() == 1),
        "{error}"
    );

    // In one line the first error has its place.
    std::fs::write(
        &path,
        "name = \"acme\"\nextends = \"iso87-bcd\"\n[message]\nmti = \"bdc\"\nbitmap = 1\n",
    )
    .unwrap();
    let error = Dialect::load(path.to_str().unwrap())
        .unwrap_err()
        .to_string();
    let expected = "acme.toml:4:7: mti cannot be 'bdc' (did you mean bcd?)";
    assert!(
        error.contains("has 2 error(s)") && error.ends_with(expected),
        "{error}"
    );
    std::fs::remove_dir_all(&directory).unwrap();
}

/// What cannot work is said where it stands.
#[test]
fn lengths_and_fills_that_cannot_be() {
    check(
        r#"
name = "mine"
extends = "iso87-bcd"
[defaults]
filler = "1"
[fields]
11 = { fill = "  " }
33 = { type = "n..11", filler = "F", counts = "bytes" }
35 = { type = "z..37", counts = "bytes" }
41 = { fill_side = "left", strip = true }
42 = { type = "ans..15", fill = " " }
43 = { fill = "é" }
48 = { type = "ans...256", prefix = "binary1" }
52 = { fill = "0" }
55 = { type = "b.9", prefix = "ascii", counts = "element" }
"#,
        expect![[r#"
            "\"1\"": filler cannot be '1' (did you mean 0?)
            "\"  \"": fill must be one printable ASCII character
            "\"bytes\"": field 35: its length counts bytes, so that 37 digits and 38 look the same (give it an even length, or filler = "F")
            "\"left\"": field 41: fill_side means nothing without fill (fill = " ", for example)
            "true": field 41: strip means nothing without fill (fill = " ", for example)
            "\" \"": field 42: only a field of a fixed length can be filled
            "\"é\"": fill must be one printable ASCII character
            "\"binary1\"": field 48: a value of 256 is announced as 256, and its prefix says at most 255 (shorten the type, or let the prefix have more digits (one dot each) or be binary2)
            "\"0\"": field 52: content b cannot be filled with '0'
            "\"ascii\"": field 55: a value of 9 is announced as 10, and its prefix says at most 9 (shorten the type, or let the prefix have more digits (one dot each) or be binary2)
        "#]],
    );
}

/// A type that was inherited is cut to what the field's own prefix can say.
#[test]
fn an_inherited_length_is_cut_to_its_prefix() {
    let dialect = Dialect::parse(
        "name = \"mine\"\nextends = \"iso87-mixed\"\n[defaults]\ncounts = \"element\"\n[fields]\n\
         48 = { prefix = \"binary1\" }\n60 = { counts = \"value\" }\n",
    )
    .unwrap();
    let length = |number| dialect.field(number).unwrap().type_text();
    assert_eq!(
        [2, 47, 48, 60].map(length),
        ["n..19", "ans...996", "ans...254", "ans...999"]
    );
    assert_eq!(Dialect::parse(&dialect.to_toml()).unwrap(), dialect);
}
