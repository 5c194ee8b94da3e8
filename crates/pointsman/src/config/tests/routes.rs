//! Routes.

use super::*;

const BINS: &str = "\"4\", \"510000-559999\"";
const SECOND_LINK: &str = "\n[[link]]\nname = \"beta\"\nconnect = \"b:1\"\nframing = \"bcd-2\"\ndialect = \"iso87-bcd\"\n";

#[test]
fn bins() {
    for bin in [
        "",
        "4x",
        "4-5-6",
        "-",
        "412345678901",
        "51-5599",
        "56-51",
        "４",
        "*",
    ] {
        let shown = diagnosed(&edited(BINS, &format!("\"{bin}\"")));
        assert!(shown.contains("is not a BIN"), "{bin}: {shown}");
    }
    check_edit(
        BINS,
        "\"4x\"",
        expect![[r#"
        error: `4x` is not a BIN
          --> pos.toml:19:8
           |
        19 | bin = ["4x"]
           |        ^^^^ a BIN is digits only, or two of them joined by `-`; found 'x'
           |
           = help: write a prefix such as "411111" or a range such as "510000-559999"
    "#]],
    );
    check_edit(
        BINS,
        "\"51-5599\"",
        expect![[r#"
        error: `51-5599` is not a BIN
          --> pos.toml:19:8
           |
        19 | bin = ["51-5599"]
           |        ^^^^^^^^^ both ends of a range need the same number of digits: found 2 and 4
           |
           = help: write a prefix such as "411111" or a range such as "510000-559999"
    "#]],
    );
    check_edit(
        BINS,
        "\"559999-510000\"",
        expect![[r#"
        error: `559999-510000` is not a BIN
          --> pos.toml:19:8
           |
        19 | bin = ["559999-510000"]
           |        ^^^^^^^^^^^^^^^ a range goes from the lower to the higher end: 559999 is above 510000
           |
           = help: write a prefix such as "411111" or a range such as "510000-559999"
    "#]],
    );
    check_edit(
        BINS,
        "\"411111111111\"",
        expect![[r#"
        error: `411111111111` is not a BIN
          --> pos.toml:19:8
           |
        19 | bin = ["411111111111"]
           |        ^^^^^^^^^^^^^^ a BIN has at most 11 digits, this one has 12
           |
           = help: write a prefix such as "411111" or a range such as "510000-559999"
    "#]],
    );
    check_edit(
        BINS,
        "",
        expect![[r#"
        error: `bin` is an empty list
          --> pos.toml:19:7
           |
        19 | bin = []
           |       ^^ matches no card
           |
           = help: add prefixes such as "4" or ranges such as "510000-559999"
    "#]],
    );
    assert_eq!(
        diagnosed(&edited("[\"4\", \"510000-559999\"]", "\"4\"")),
        "valid\n"
    );
}

#[test]
fn unknown_links() {
    check_edit(
        "link = \"alpha\"",
        "link = \"alhpa\"",
        expect![[r#"
        error: there is no link `alhpa`
          --> pos.toml:20:8
           |
        20 | link = "alhpa"
           |        ^^^^^^^ no [[link]] has this name
           |
           = help: did you mean `alpha`?
    "#]],
    );
    check_edit(
        "link = \"alpha\"",
        "link = \"visa\"",
        expect![[r#"
        error: there is no link `visa`
          --> pos.toml:20:8
           |
        20 | link = "visa"
           |        ^^^^^^ no [[link]] has this name
           |
           = help: the links are `alpha`
    "#]],
    );
}

#[test]
fn a_bin_twice() {
    check_edit(
        BINS,
        "\"4\", \"411111\", \"4\"",
        expect![[r#"
        error: BIN 4 is listed twice
          --> pos.toml:19:23
           |
        19 | bin = ["4", "411111", "4"]
           |        ---            ^^^ the second time
           |        |
           |        the first time
           |
           = help: leave one of them out
    "#]],
    );
    let second = "\n[[route]]\nbin = \"510000-559999\"\nlink = \"beta\"\n";
    check(
        &(GOOD.to_owned() + SECOND_LINK + second),
        expect![[r#"
        error: BIN 510000-559999 is listed twice
          --> pos.toml:32:7
           |
        19 | bin = ["4", "510000-559999"]
           |             --------------- the first time
        ...
        32 | bin = "510000-559999"
           |       ^^^^^^^^^^^^^^^ the second time
           |
           = help: leave one of them out
    "#]],
    );
}

#[test]
fn bins_between_which_nothing_decides() {
    let second = "\n[[route]]\nbin = \"550000-599999\"\nlink = \"beta\"\n";
    check(
        &(GOOD.to_owned() + SECOND_LINK + second),
        expect![[r#"
        error: BINs 510000-559999 and 550000-599999 overlap, are equally wide and lead to different links
          --> pos.toml:32:7
           |
        19 | bin = ["4", "510000-559999"]
           |             --------------- and this one
        ...
        32 | bin = "550000-599999"
           |       ^^^^^^^^^^^^^^^ nothing decides between this one
           |
           = help: the one with more digits wins, then the narrower one: split the overlap off with a BIN of its own
    "#]],
    );
    // The same link twice is no question.
    let second = "\n[[route]]\nbin = \"550000-599999\"\nlink = \"alpha\"\n";
    assert_eq!(diagnosed(&(GOOD.to_owned() + second)), "valid\n");
}

#[test]
fn a_route_for_nothing() {
    check_edit(
        "bin = [\"4\", \"510000-559999\"]\n",
        "",
        expect![[r#"
        error: this [[route]] leads nothing to its link
          --> pos.toml:18:1
           |
        18 | [[route]]
           | ^^^^^^^^^ neither `bin` nor `default = true`
           |
           = help: add `bin = ["4", "510000-559999"]`, or `default = true` for all that no other route takes
    "#]],
    );
    check_edit(
        "bin = [\"4\", \"510000-559999\"]\n",
        "default = false\n",
        expect![[r#"
            error: this [[route]] leads nothing to its link
              --> pos.toml:18:1
               |
            18 | [[route]]
               | ^^^^^^^^^ neither `bin` nor `default = true`
               |
               = help: add `bin = ["4", "510000-559999"]`, or `default = true` for all that no other route takes
        "#]],
    );
}

#[test]
fn two_defaults() {
    let routes = "\n[[route]]\ndefault = true\nlink = \"alpha\"\n";
    check(
        &(GOOD.to_owned() + routes + routes),
        expect![[r#"
        error: there can only be one default route
          --> pos.toml:30:11
           |
        26 | default = true
           |           ---- the first one
        ...
        30 | default = true
           |           ^^^^ the second one
           |
           = help: leave `default` out of one of them
    "#]],
    );
}

#[test]
fn no_route_at_all() {
    let text = edited(
        "[[route]]\nbin = [\"4\", \"510000-559999\"]\nlink = \"alpha\"\n",
        "",
    );
    check(
        &text,
        expect![[r#"
        warning: no route leads to link `alpha`
         --> pos.toml:9:8
          |
        9 | name = "alpha"
          |        ^^^^^^^ it connects, but nothing is sent to it
          |
          = help: add a [[route]] with `link = "alpha"`, or remove the link
    "#]],
    );
}
