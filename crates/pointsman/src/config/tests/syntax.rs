//! Mistakes in TOML itself, together with those in what could be read.

use super::*;

#[test]
fn a_value_without_quotes_does_not_hide_other_mistakes() {
    let text = edited("timeout = \"15s\"", "timeout = 15s")
        .replace("echo = \"30s\"", "echo = \"30\"")
        .replace("\"127.0.0.1:8583\"", "\"127.0.0.1\"");
    check(
        &text,
        expect![[r#"
        error: `127.0.0.1` is not an address to listen on
         --> pos.toml:4:8
          |
        4 | bind = "127.0.0.1"
          |        ^^^^^^^^^^^ the port is missing
          |
          = help: add it, as in `127.0.0.1:8583`

        error: not valid TOML: string values must be quoted
          --> pos.toml:14:11
           |
        14 | timeout = 15s
           |           ^^^ needs quotes
           |
           = help: write "15s"

        error: `30` is not a duration
          --> pos.toml:16:8
           |
        16 | echo = "30"
           |        ^^^^ needs a whole number and a unit
           |
           = help: the units are `ms`, `s`, `m` and `h`, as in `"250ms"` or `"15s"`
    "#]],
    );
}

#[test]
fn an_unclosed_list_hides_what_follows_and_nothing_before() {
    let text = edited("match = [11, 41]", "match = [11, 41")
        .replace("\"127.0.0.1:8583\"", "\"127.0.0.1\"");
    check(
        &text,
        expect![[r#"
            error: `127.0.0.1` is not an address to listen on
             --> pos.toml:4:8
              |
            4 | bind = "127.0.0.1"
              |        ^^^^^^^^^^^ the port is missing
              |
              = help: add it, as in `127.0.0.1:8583`

            error: not valid TOML: missing comma between array elements
              --> pos.toml:14:1
               |
            14 | timeout = "15s"
               | ^ expected `,` or `]` before this
               |
               = help: separate the elements of a list with commas and close it with `]`
        "#]],
    );
}

#[test]
fn an_unclosed_string() {
    check_edit(
        "name = \"pos\"",
        "name = \"pos",
        expect![[r#"
        error: not valid TOML: invalid basic string
         --> pos.toml:3:12
          |
        3 | name = "pos
          |            ^ expected `"`
    "#]],
    );
}

#[test]
fn an_unclosed_header() {
    check_edit(
        "[[link]]",
        "[[link]",
        expect![[r#"
        error: not valid TOML: unclosed array table
         --> pos.toml:8:8
          |
        8 | [[link]
          |        ^ expected `]`
    "#]],
    );
}

#[test]
fn a_key_twice() {
    check_edit(
        "sign_on = true",
        "sign_on = true\nsign_on = false",
        expect![[r#"
            error: not valid TOML: duplicate key
              --> pos.toml:16:1
               |
            16 | sign_on = false
               | ^^^^^^^ this key is already there
               |
               = help: remove one of them; several listeners, links or routes are [[…]] tables with double brackets
        "#]],
    );
}

#[test]
fn a_value_that_is_missing() {
    check_edit(
        "timeout = \"15s\"",
        "timeout =",
        expect![[r#"
            error: not valid TOML: a key without a value
              --> pos.toml:14:10
               |
            14 | timeout =
               |          ^ the value is missing
               |
               = help: write a value after the `=`
        "#]],
    );
}

#[test]
fn a_yaml_file() {
    check(
        "listener:\n  - name: pos\n",
        expect![[r#"
        error: not valid TOML: invalid unquoted key
         --> pos.toml:1:9
          |
        1 | listener:
          |         ^ expected letters, numbers, `-`, `_`
    "#]],
    );
}

#[test]
fn bytes_that_are_no_text_do_not_reach_the_terminal() {
    let shown = diagnosed(&edited(
        "\"alpha\"\nconnect",
        "\"al\u{1b}[31mpha\"\nconnect",
    ));
    assert!(!shown.contains('\u{1b}'), "{shown:?}");
}

#[test]
fn nesting_has_a_limit() {
    let shown = diagnosed(&format!("listener = {}", "[".repeat(100_000)));
    assert!(shown.contains("recurs"), "{shown}");
}

/// Whatever the file holds, reading it ends, with an error or without.
#[test]
fn every_truncation_is_diagnosed() {
    let mut valid = 0;
    for end in (0..=GOOD.len()).filter(|end| GOOD.is_char_boundary(*end)) {
        match parse("pos.toml", GOOD[..end].to_owned(), Path::new("")) {
            Ok(_) => valid += 1,
            Err(report) => {
                assert!(report.errors() > 0);
                assert!(!report.render(&Renderer::plain()).is_empty());
            }
        }
    }
    assert!((1..GOOD.len() / 2).contains(&valid), "{valid}");
}

#[test]
fn every_changed_byte_is_diagnosed() {
    for at in 0..GOOD.len() {
        for byte in [b'"', b'[', b']', b'=', b'\n', b'{', b'#', b'x', 0] {
            let mut bytes = GOOD.as_bytes().to_vec();
            bytes[at] = byte;
            let text = String::from_utf8(bytes).unwrap();
            if let Err(report) = parse("pos.toml", text, Path::new("")) {
                assert!(report.errors() > 0, "byte {byte} at {at}");
                assert!(!report.render(&Renderer::plain()).is_empty());
            }
        }
    }
}

#[test]
fn an_error_in_one_table_does_not_hide_those_of_others() {
    let text = edited("name = \"pos\"", "name = \"pos")
        .replace("match = [11, 41]", "match = [11, 41")
        .replace("\"4\", ", "\"4x\", ")
        .replace("\"127.0.0.1:9585\"", "\"127.0.0.1\"");
    check(
        &text,
        expect![[r#"
        error: not valid TOML: invalid basic string
         --> pos.toml:3:12
          |
        3 | name = "pos
          |            ^ expected `"`

        error: not valid TOML: missing comma between array elements
          --> pos.toml:14:1
           |
        14 | timeout = "15s"
           | ^ expected `,` or `]` before this
           |
           = help: separate the elements of a list with commas and close it with `]`

        error: `4x` is not a BIN
          --> pos.toml:19:8
           |
        19 | bin = ["4x", "510000-559999"]
           |        ^^^^ a BIN is digits only, or two of them joined by `-`; found 'x'
           |
           = help: write a prefix such as "411111" or a range such as "510000-559999"

        error: `127.0.0.1` is not an address to listen on
          --> pos.toml:23:8
           |
        23 | bind = "127.0.0.1"
           |        ^^^^^^^^^^^ the port is missing
           |
           = help: add it, as in `127.0.0.1:8583`
    "#]],
    );
}
