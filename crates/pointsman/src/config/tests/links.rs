//! Links.

use super::*;

#[test]
fn addresses() {
    for address in [
        "127.0.0.1",
        "bank",
        "bank:0",
        "bank:+1",
        "bank:99999",
        ":9101",
        "::1",
        "[::1]",
        "[bank]:1",
        "a b:1",
        "http://bank:1",
        "bank..example:1",
        "",
    ] {
        let shown = diagnosed(&edited("127.0.0.1:9101", address));
        assert!(
            shown.contains("is not an address to connect to"),
            "{address}: {shown}"
        );
    }
    for address in [
        "bank:1",
        "bank.example.com:65535",
        "[::1]:9101",
        "bank_1:9101",
    ] {
        assert_eq!(
            diagnosed(&edited("127.0.0.1:9101", address)),
            "valid\n",
            "{address}"
        );
    }
    check_edit(
        "127.0.0.1:9101",
        "bank.example.com",
        expect![[r#"
        error: `bank.example.com` is not an address to connect to
          --> pos.toml:10:12
           |
        10 | connect = ["bank.example.com"]
           |            ^^^^^^^^^^^^^^^^^^ the port is missing
           |
           = help: add it, as in `10.0.0.1:9101`
    "#]],
    );
    check_edit(
        "127.0.0.1:9101",
        "http://bank:9101",
        expect![[r#"
        error: `http://bank:9101` is not an address to connect to
          --> pos.toml:10:12
           |
        10 | connect = ["http://bank:9101"]
           |            ^^^^^^^^^^^^^^^^^^ not a host name or an IP address
           |
           = help: write it as `host:port`, as in `bank.example.com:9101` or `[::1]:9101`
    "#]],
    );
    check_edit(
        "127.0.0.1:9101",
        "::1",
        expect![[r#"
        error: `::1` is not an address to connect to
          --> pos.toml:10:12
           |
        10 | connect = ["::1"]
           |            ^^^^^ the port is missing
           |
           = help: an IPv6 address with a port is written `[::1]:9101`
    "#]],
    );
    check_edit(
        "[\"127.0.0.1:9101\"]",
        "[]",
        expect![[r#"
        error: `connect` must have from 1 to 16 addresses
          --> pos.toml:10:11
           |
        10 | connect = []
           |           ^^ there are 0
           |
           = help: they are tried in turn until one answers
    "#]],
    );
    check_edit(
        "[\"127.0.0.1:9101\"]",
        "[\"a:1\", \"b:1\", \"a:1\"]",
        expect![[r#"
            error: `a:1` is listed twice
              --> pos.toml:10:26
               |
            10 | connect = ["a:1", "b:1", "a:1"]
               |            -----         ^^^^^ the second time
               |            |
               |            the first time
               |
               = help: leave one of them out
        "#]],
    );
}

#[test]
fn the_switch_as_its_own_bank() {
    check_edit(
        "127.0.0.1:9101",
        "localhost:8583",
        expect![[r#"
        warning: this link connects the switch to itself
          --> pos.toml:10:12
           |
         4 | bind = "127.0.0.1:8583"
           |        ---------------- this is our own
        ...
        10 | connect = ["localhost:8583"]
           |            ^^^^^^^^^^^^^^^^ the bank's address belongs here
           |
           = help: a request that comes here would go round in a circle
    "#]],
    );
}

#[test]
fn match_fields() {
    check_edit(
        "match = [11, 41]",
        "match = [11, 41, 41]",
        expect![[r#"
        error: field 41 is listed twice
          --> pos.toml:13:18
           |
        13 | match = [11, 41, 41]
           |                  ^^ the second time
    "#]],
    );
    check_edit(
        "match = [11, 41]",
        "match = [41]",
        expect![[r#"
            warning: `match` has no field 11
              --> pos.toml:13:9
               |
            13 | match = [41]
               |         ^^^^ two requests may have the same values
               |
               = help: a second request with the values of an open one is declined; field 11 is different in each request of a link
        "#]],
    );
    check_edit(
        "match = [11, 41]",
        "match = []",
        expect![[r#"
            error: `match` is an empty list
              --> pos.toml:13:9
               |
            13 | match = []
               |         ^^ every answer would belong to every request
               |
               = help: leave `match` out to match by 11 and 41
        "#]],
    );
    check_edit(
        "match = [11, 41]",
        "match = [11, 39, 2]",
        expect![[r#"
            error: answers cannot be matched by field 39
              --> pos.toml:13:14
               |
            13 | match = [11, 39, 2]
               |              ^^ an answer need not repeat it, or it is card data
               |
               = help: the fields to choose from are 3, 7, 11, 12, 13, 24, 32, 33, 37, 41 and 42

            error: answers cannot be matched by field 2
              --> pos.toml:13:18
               |
            13 | match = [11, 39, 2]
               |                  ^ an answer need not repeat it, or it is card data
               |
               = help: the fields to choose from are 3, 7, 11, 12, 13, 24, 32, 33, 37, 41 and 42
        "#]],
    );
    check_edit(
        "match = [11, 41]",
        "match = [1, 193, 300]",
        expect![[r#"
        error: there is no field 1
          --> pos.toml:13:10
           |
        13 | match = [1, 193, 300]
           |          ^ fields have the numbers 2 to 192

        error: there is no field 193
          --> pos.toml:13:13
           |
        13 | match = [1, 193, 300]
           |             ^^^ fields have the numbers 2 to 192

        error: there is no field 300
          --> pos.toml:13:18
           |
        13 | match = [1, 193, 300]
           |                  ^^^ fields have the numbers 2 to 192
    "#]],
    );
    check_edit(
        "match = [11, 41]",
        "match = [3, 7, 11, 12, 13, 24, 32, 37, 41]",
        expect![[r#"
            error: `match` can have at most 8 fields
              --> pos.toml:13:9
               |
            13 | match = [3, 7, 11, 12, 13, 24, 32, 37, 41]
               |         ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ there are 9
        "#]],
    );
    assert!(
        !valid(&edited("sign_on = true", "sign_on = false"))
            .switch
            .links[0]
            .sign_on
    );
    assert_eq!(
        valid(&edited("match = [11, 41]", "match = 11"))
            .switch
            .links[0]
            .match_fields,
        [11]
    );
}

#[test]
fn a_match_field_that_the_dialect_does_not_have() {
    let mine = DialectDirectory::new(
        "no-24",
        "name = \"mine\"\nextends = \"iso87-ascii\"\n[fields]\n24 = false\n",
    );
    let text = edited("iso87-ascii", "mine.toml").replace("[11, 41]", "[11, 24]");
    expect![[r#"
        error: dialect `mine` does not have field 24
          --> pos.toml:13:14
           |
        13 | match = [11, 24]
           |              ^^ no answer can carry it
           |
           = help: leave it out of `match`
    "#]]
    .assert_eq(&mine.diagnosed(text.replace("iso87-bcd", "mine.toml")));
    // The default is the one that the manual names.
    let config = valid(&edited("match = [11, 41]\n", ""));
    assert_eq!(config.switch.links[0].match_fields, [11, 41]);
}

#[test]
fn durations() {
    check_edit(
        "timeout = \"15s\"",
        "timeout = \"15\"",
        expect![[r#"
        error: `15` is not a duration
          --> pos.toml:14:11
           |
        14 | timeout = "15"
           |           ^^^^ needs a whole number and a unit
           |
           = help: the units are `ms`, `s`, `m` and `h`, as in `"250ms"` or `"15s"`
    "#]],
    );
    check_edit(
        "timeout = \"15s\"",
        "timeout = \"0s\"",
        expect![[r#"
        error: `timeout` must be above zero and at most 10m
          --> pos.toml:14:11
           |
        14 | timeout = "0s"
           |           ^^^^ this is zero
    "#]],
    );
    check_edit(
        "timeout = \"15s\"",
        "timeout = \"11m\"",
        expect![[r#"
        error: `timeout` must be above zero and at most 10m
          --> pos.toml:14:11
           |
        14 | timeout = "11m"
           |           ^^^^^ this is more
    "#]],
    );
    check_edit(
        "echo = \"30s\"",
        "echo = \"0ms\"",
        expect![[r#"
        error: `echo` must be above zero and at most 24h
          --> pos.toml:16:8
           |
        16 | echo = "0ms"
           |        ^^^^^ this is zero
    "#]],
    );
}

#[test]
fn names() {
    let second = "\n[[link]]\nname = \"alpha\"\nconnect = \"b:1\"\nframing = \"bcd-2\"\ndialect = \"iso87-bcd\"\n";
    check(
        &(GOOD.to_owned() + second),
        expect![[r#"
            error: there are two links with the name `alpha`
              --> pos.toml:26:8
               |
             9 | name = "alpha"
               |        ------- the first one
            ...
            26 | name = "alpha"
               |        ^^^^^^^ the second one
               |
               = help: give one of them another name
        "#]],
    );
}

#[test]
fn a_link_that_nothing_leads_to() {
    let second = "\n[[link]]\nname = \"beta\"\nconnect = \"b:1\"\nframing = \"bcd-2\"\ndialect = \"iso87-bcd\"\n";
    check(
        &(GOOD.to_owned() + second),
        expect![[r#"
        warning: no route leads to link `beta`
          --> pos.toml:26:8
           |
        26 | name = "beta"
           |        ^^^^^^ it connects, but nothing is sent to it
           |
           = help: add a [[route]] with `link = "beta"`, or remove the link
    "#]],
    );
}

#[test]
fn fields_that_a_bank_cannot_take() {
    check_edit(
        "iso87-bcd",
        "unionpay-pos",
        expect![[r#"
            warning: link `alpha` cannot carry fields 43, 46, 47, 56, 59, 62 and 63 of listener `pos`
              --> pos.toml:12:11
               |
             6 | dialect = "unionpay-pos"
               |           -------------- this one has them
            ...
            12 | dialect = "iso87-ascii"
               |           ^^^^^^^^^^^^^ this dialect lacks them or has another type for them
               |
               = help: a request with such a field is declined; a terminal that never sends one is not affected
        "#]],
    );
}

#[test]
fn seeds_differ() {
    let (one, other) = (valid(GOOD), valid(GOOD));
    assert_ne!(one.switch.links[0].seed, other.switch.links[0].seed);
}
