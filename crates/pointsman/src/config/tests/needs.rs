//! Dialects that the switch cannot work with.

use super::*;

/// A dialect that differs from a built-in one in its fields, or in what stands before them.
fn dialect(name: &str, top: &str, fields: &str) -> DialectDirectory {
    DialectDirectory::new(
        name,
        &format!("name = \"mine\"\nextends = \"iso87-bcd\"\n{top}\n[fields]\n{fields}\n"),
    )
}

/// `GOOD` with `mine.toml` at its listener, or at its link.
fn at_listener() -> String {
    edited("iso87-bcd", "mine.toml")
}

fn at_link() -> String {
    edited("iso87-ascii", "mine.toml")
}

/// Only the messages.
fn errors(text: &str) -> Vec<&str> {
    text.lines()
        .filter_map(|line| line.strip_prefix("error: "))
        .collect()
}

#[test]
fn a_listener_that_cannot_say_what_became_of_a_request() {
    let mine = dialect("listener-39", "", "39 = false");
    expect![[r#"
        error: dialect `mine` does not have field 39
         --> pos.toml:6:11
          |
        6 | dialect = "mine.toml"
          |           ^^^^^^^^^^^ the switch tells a terminal in it what became of its request
          |
          = help: add `39 = { name = "Response code", type = "an2" }` in [fields] of the dialect
    "#]]
    .assert_eq(&mine.diagnosed(at_listener()));
}

#[test]
fn a_listener_without_trace_numbers() {
    let mine = dialect("listener-11", "", "11 = false");
    expect![[r#"
        error: dialect `mine` does not have field 11
         --> pos.toml:6:11
          |
        6 | dialect = "mine.toml"
          |           ^^^^^^^^^^^ the switch tells a terminal by it which request is answered
          |
          = help: add `11 = { name = "Systems trace audit number", type = "n6" }` in [fields] of the dialect
    "#]].assert_eq(&mine.diagnosed(at_listener()));
}

#[test]
fn a_listener_whose_own_answers_lack_the_trace_number() {
    let mine = dialect("listener-echo", "echo = [3, 4, 41]", "");
    expect![[r#"
        warning: `echo` of dialect `mine` has no field 11
         --> pos.toml:6:11
          |
        6 | dialect = "mine.toml"
          |           ^^^^^^^^^^^ an answer of the switch itself lacks the trace number
          |
          = help: add 11 to `echo` of the dialect, or terminals cannot tell which request was declined
    "#]].assert_eq(&mine.diagnosed(at_listener()));
}

#[test]
fn a_link_without_a_decision() {
    let mine = dialect("link-39", "", "39 = false");
    expect![[r#"
        error: dialect `mine` does not have field 39
          --> pos.toml:12:11
           |
        12 | dialect = "mine.toml"
           |           ^^^^^^^^^^^ the switch reads the bank's decision in it
           |
           = help: add `39 = { name = "Response code", type = "an2" }` in [fields] of the dialect

        warning: link `alpha` cannot carry field 39 of listener `pos`
          --> pos.toml:12:11
           |
         6 | dialect = "iso87-bcd"
           |           ----------- this one has them
        ...
        12 | dialect = "mine.toml"
           |           ^^^^^^^^^^^ this dialect lacks them or has another type for them
           |
           = help: a request with such a field is declined; a terminal that never sends one is not affected
    "#]].assert_eq(&mine.diagnosed(at_link()));
    let without = at_link()
        .replace("sign_on = true", "sign_on = false")
        .replace("echo = \"30s\"\n", "");
    assert_eq!(
        errors(&mine.diagnosed(without)),
        ["dialect `mine` does not have field 39"]
    );
}

#[test]
fn a_link_without_a_field_to_match_by() {
    let mine = dialect("link-41", "", "41 = false");
    let default = at_link().replace("match = [11, 41]\n", "");
    expect![[r#"
        error: dialect `mine` does not have field 41
          --> pos.toml:12:11
           |
        12 | dialect = "mine.toml"
           |           ^^^^^^^^^^^ without `match`, answers are matched by 11 and 41
           |
           = help: add the field to the dialect, or write `match = [11]` if answers need not name the terminal
    "#]].assert_eq(&mine.diagnosed(default.clone()));
    let by_stan = mine.diagnosed(default.replace("sign_on", "match = 11\nsign_on"));
    assert!(errors(&by_stan).is_empty(), "{by_stan}");

    let mine = dialect("link-11", "", "11 = false");
    for text in [default, at_link()] {
        assert_eq!(
            errors(&mine.diagnosed(text)),
            ["dialect `mine` does not have field 11"]
        );
    }
}

#[test]
fn a_link_that_cannot_sign_on() {
    let mine = dialect("link-70", "", "70 = false");
    expect![[r#"
        error: dialect `mine` does not have field 70
          --> pos.toml:12:11
           |
        12 | dialect = "mine.toml"
           |           ^^^^^^^^^^^ the switch says in it whether it signs on, signs off or sends an echo
           |
           = help: add `70 = { name = "Network management information code", type = "n3" }` in [fields] of the dialect, or write `sign_on = false` and leave `echo` out

        warning: link `alpha` cannot carry field 70 of listener `pos`
          --> pos.toml:12:11
           |
         6 | dialect = "iso87-bcd"
           |           ----------- this one has them
        ...
        12 | dialect = "mine.toml"
           |           ^^^^^^^^^^^ this dialect lacks them or has another type for them
           |
           = help: a request with such a field is declined; a terminal that never sends one is not affected
    "#]].assert_eq(&mine.diagnosed(at_link()));
    let only_echo = at_link().replace("sign_on = true", "sign_on = false");
    expect![[r#"
        error: dialect `mine` does not have field 70
          --> pos.toml:12:11
           |
        12 | dialect = "mine.toml"
           |           ^^^^^^^^^^^ the switch says in it whether it signs on, signs off or sends an echo
           |
           = help: add `70 = { name = "Network management information code", type = "n3" }` in [fields] of the dialect, or leave `echo` out

        warning: link `alpha` cannot carry field 70 of listener `pos`
          --> pos.toml:12:11
           |
         6 | dialect = "iso87-bcd"
           |           ----------- this one has them
        ...
        12 | dialect = "mine.toml"
           |           ^^^^^^^^^^^ this dialect lacks them or has another type for them
           |
           = help: a request with such a field is declined; a terminal that never sends one is not affected
    "#]].assert_eq(&mine.diagnosed(only_echo.clone()));
    let neither = mine.diagnosed(only_echo.replace("echo = \"30s\"\n", ""));
    assert!(errors(&neither).is_empty(), "{neither}");

    let mine = dialect("link-7", "", "7 = false");
    assert_eq!(
        errors(&mine.diagnosed(at_link())),
        ["dialect `mine` does not have field 7"]
    );
}

/// The built-in dialect of terminals has one bitmap, and so no field 70.
#[test]
fn a_bank_that_is_spoken_to_like_a_terminal() {
    let shown = diagnosed(&edited("iso87-ascii", "unionpay-pos"));
    assert_eq!(
        errors(&shown),
        ["dialect `unionpay-pos` does not have field 70"]
    );
    assert!(
        shown.contains("ends at field 64: write `sign_on = false` and leave `echo` out\n"),
        "{shown}"
    );
}

#[test]
fn fields_that_cannot_hold_what_they_are_for() {
    let mine = dialect(
        "misfits",
        "",
        "11 = { name = \"Trace\", type = \"n3\" }\n7 = { name = \"Date\", type = \"n6\" }\n70 = { name = \"Code\", type = \"n2\" }",
    );
    assert_eq!(
        errors(&mine.diagnosed(at_link())),
        [
            "field 11 of dialect `mine` cannot hold 999999",
            "field 7 of dialect `mine` cannot hold 1231235959",
            "field 70 of dialect `mine` cannot hold 301",
        ]
    );
}

#[test]
fn response_codes_that_do_not_fit() {
    let mine = dialect("codes", "", "39 = { name = \"Result\", type = \"an3\" }");
    expect![[r#"
        error: inherited response codes such as '96' do not fit field 39
         --> mine.toml:5:32
          |
        5 | 39 = { name = "Result", type = "an3" }
          |                                ^^^^^
          |
         ::: pos.toml:6:11
          |
        6 | dialect = "mine.toml"
          |           ----------- the dialect is used here
          |
          = help: give [response_codes] that do
    "#]]
    .assert_eq(
        &mine
            .diagnosed(at_listener())
            .replace(&format!("{}/", mine.0.display()), ""),
    );
}
