//! Listeners and the address of the metrics.

use super::*;
use pointsman_engine::PresencePolicy;

#[test]
fn addresses() {
    for bind in [
        "8583",
        ":8583",
        "127.0.0.1",
        "::1",
        "localhost:8583",
        "pos.example:8583",
        "127.0.0.1:99999",
        "127.0.0.1:x",
        "",
    ] {
        let shown = diagnosed(&edited("127.0.0.1:8583", bind));
        assert!(
            shown.contains("is not an address to listen on"),
            "{bind}: {shown}"
        );
    }
    check_edit(
        "127.0.0.1:8583",
        "8583",
        expect![[r#"
        error: `8583` is not an address to listen on
         --> pos.toml:4:8
          |
        4 | bind = "8583"
          |        ^^^^^^ the IP address is missing
          |
          = help: write `127.0.0.1:8583` for this machine only or `0.0.0.0:8583` for every interface
    "#]],
    );
    check_edit(
        "127.0.0.1:8583",
        "::1",
        expect![[r#"
        error: `::1` is not an address to listen on
         --> pos.toml:4:8
          |
        4 | bind = "::1"
          |        ^^^^^ the port is missing
          |
          = help: add it, as in `[::1]:8583`
    "#]],
    );
    check_edit(
        "127.0.0.1:8583",
        "localhost:8583",
        expect![[r#"
        error: `localhost:8583` is not an address to listen on
         --> pos.toml:4:8
          |
        4 | bind = "localhost:8583"
          |        ^^^^^^^^^^^^^^^^ needs an IP address, not a name
          |
          = help: write `127.0.0.1:8583`
    "#]],
    );
    check_edit(
        "127.0.0.1:8583",
        "pos.example:8583",
        expect![[r#"
        error: `pos.example:8583` is not an address to listen on
         --> pos.toml:4:8
          |
        4 | bind = "pos.example:8583"
          |        ^^^^^^^^^^^^^^^^^^ needs an IP address and a port
          |
          = help: write `127.0.0.1:8583` for this machine only, `0.0.0.0:8583` for every interface, `[::1]:8583` for IPv6
    "#]],
    );
    check_edit(
        "127.0.0.1:8583",
        "127.0.0.1:99999",
        expect![[r#"
            error: `127.0.0.1:99999` is not an address to listen on
             --> pos.toml:4:8
              |
            4 | bind = "127.0.0.1:99999"
              |        ^^^^^^^^^^^^^^^^^ the port is not a number from 0 to 65535
              |
              = help: write it as digits, as in `127.0.0.1:8583`
        "#]],
    );
    for bind in ["0.0.0.0:8583", "[::1]:8583", "127.0.0.1:0"] {
        assert_eq!(
            diagnosed(&edited("127.0.0.1:8583", bind)),
            "valid\n",
            "{bind}"
        );
    }
}

#[test]
fn an_address_twice() {
    check_edit(
        "127.0.0.1:9585",
        "127.0.0.1:8583",
        expect![[r#"
        error: [metrics] wants 127.0.0.1:8583, which is already taken
          --> pos.toml:23:8
           |
         4 | bind = "127.0.0.1:8583"
           |        ---------------- the first one
        ...
        23 | bind = "127.0.0.1:8583"
           |        ^^^^^^^^^^^^^^^^ the second one
           |
           = help: give one of them another port
    "#]],
    );
    // All interfaces contain the one.
    check_edit(
        "127.0.0.1:9585",
        "0.0.0.0:8583",
        expect![[r#"
        error: [metrics] wants 0.0.0.0:8583, which is already taken
          --> pos.toml:23:8
           |
         4 | bind = "127.0.0.1:8583"
           |        ---------------- the first one
        ...
        23 | bind = "0.0.0.0:8583"
           |        ^^^^^^^^^^^^^^ the second one
           |
           = help: give one of them another port
    "#]],
    );
    assert_eq!(
        diagnosed(&edited("127.0.0.1:9585", "127.0.0.2:8583")),
        "valid\n"
    );
}

#[test]
fn names() {
    let second = "\n[[listener]]\nname = \"pos\"\nbind = \"127.0.0.1:8584\"\nframing = \"bcd-2\"\ndialect = \"iso87-bcd\"\n";
    check(
        &(GOOD.to_owned() + second),
        expect![[r#"
        error: there are two listeners with the name `pos`
          --> pos.toml:26:8
           |
         3 | name = "pos"
           |        ----- the first one
        ...
        26 | name = "pos"
           |        ^^^^^ the second one
           |
           = help: give one of them another name
    "#]],
    );
    check_edit(
        "name = \"pos\"",
        "name = \"\"",
        expect![[r#"
        error: `` cannot be the name of a listener
         --> pos.toml:3:8
          |
        3 | name = ""
          |        ^^ not a name
          |
          = help: a name is 1 to 64 letters, digits, `-`, `_` and `.`: it becomes a label of the metrics
    "#]],
    );
    check_edit(
        "name = \"pos\"",
        "name = \"Kasse 1\"",
        expect![[r#"
        error: `Kasse 1` cannot be the name of a listener
         --> pos.toml:3:8
          |
        3 | name = "Kasse 1"
          |        ^^^^^^^^^ not a name
          |
          = help: a name is 1 to 64 letters, digits, `-`, `_` and `.`: it becomes a label of the metrics
    "#]],
    );
}

#[test]
fn framings() {
    check_edit(
        "framing = \"binary-2\"",
        "framing = \"binary2\"",
        expect![[r#"
            error: unknown framing `binary2`
             --> pos.toml:5:11
              |
            5 | framing = "binary2"
              |           ^^^^^^^^^ expected `binary-2`, `binary-2-inclusive`, `binary-4`, `ascii-4` or `bcd-2`
              |
              = help: did you mean `binary-2`?
        "#]],
    );
    check_edit(
        "framing = \"binary-2\"",
        "framing = \"nac\"",
        expect![[r#"
        error: unknown framing `nac`
         --> pos.toml:5:11
          |
        5 | framing = "nac"
          |           ^^^^^ expected `binary-2`, `binary-2-inclusive`, `binary-4`, `ascii-4` or `bcd-2`
          |
          = help: docs/configuration.md says how each looks on the wire
    "#]],
    );
    check_edit(
        "framing = \"binary-2\"",
        "framing = { kind = \"binary-2\", tpdu = 1, maximum = 100, keep_alive = \"ehco\" }",
        expect![[r#"
            error: `tpdu` must be `true` or `false`
             --> pos.toml:5:39
              |
            5 | framing = { kind = "binary-2", tpdu = 1, maximum = 100, keep_alive = "ehco" }
              |                                       ^ this is a number

            error: unknown key `maximum` in `framing`
             --> pos.toml:5:42
              |
            5 | framing = { kind = "binary-2", tpdu = 1, maximum = 100, keep_alive = "ehco" }
              |                                          ^^^^^^^ not a key of this table
              |
              = help: the keys are `kind`, `tpdu`, `max` and `keep_alive`

            error: unknown keep-alive policy `ehco`
             --> pos.toml:5:70
              |
            5 | framing = { kind = "binary-2", tpdu = 1, maximum = 100, keep_alive = "ehco" }
              |                                                                      ^^^^^^ expected `ignore`, `echo` or `error`
              |
              = help: did you mean `echo`?
        "#]],
    );
    check_edit(
        "framing = \"binary-2\"",
        "framing = { tpdu = true }",
        expect![[r#"
            error: `framing` has no `kind`
             --> pos.toml:5:11
              |
            5 | framing = { tpdu = true }
              |           ^^^^^^^^^^^^^^^ missing here
              |
              = help: add `kind = "binary-2"`
        "#]],
    );
    check_edit(
        "framing = \"binary-2\"",
        "framing = { kind = \"bcd-2\", max = 10000 }",
        expect![[r#"
            error: `max` must be from 64 to 9999 bytes
             --> pos.toml:5:35
              |
            5 | framing = { kind = "bcd-2", max = 10000 }
              |                                   ^^^^^ a `bcd-2` prefix cannot say more than 9999
        "#]],
    );
    check_edit(
        "framing = \"binary-2\"",
        "framing = { kind = \"binary-4\", max = 4294967295 }",
        expect![[r#"
            error: `max` must be from 64 to 65536 bytes
             --> pos.toml:5:38
              |
            5 | framing = { kind = "binary-4", max = 4294967295 }
              |                                      ^^^^^^^^^^ out of range
        "#]],
    );
    check_edit(
        "framing = \"binary-2\"",
        "framing = { kind = \"binary-2\", max = 0 }",
        expect![[r#"
            error: `max` must be from 64 to 65535 bytes
             --> pos.toml:5:38
              |
            5 | framing = { kind = "binary-2", max = 0 }
              |                                      ^ out of range
        "#]],
    );
}

#[test]
fn dialects() {
    check_edit(
        "iso87-bcd",
        "iso87-bdc",
        expect![[r#"
        error: unknown dialect `iso87-bdc`
         --> pos.toml:6:11
          |
        6 | dialect = "iso87-bdc"
          |           ^^^^^^^^^^^ not a built-in dialect, and there is no such file
          |
          = help: did you mean `iso87-bcd`?
    "#]],
    );
    check_edit(
        "iso87-bcd",
        "base24",
        expect![[r#"
            error: unknown dialect `base24`
             --> pos.toml:6:11
              |
            6 | dialect = "base24"
              |           ^^^^^^^^ not a built-in dialect, and there is no such file
              |
              = help: did you mean `base24-pos`?
        "#]],
    );
    check_edit(
        "iso87-bcd",
        "nowhere/base24.toml",
        expect![[r#"
        error: cannot read dialect `nowhere/base24.toml`
         --> pos.toml:6:11
          |
        6 | dialect = "nowhere/base24.toml"
          |           ^^^^^^^^^^^^^^^^^^^^^ there is no such file
          |
          = help: looked for nowhere/base24.toml
    "#]],
    );
}

#[test]
fn two_transport_headers() {
    let text = edited(
        "framing = \"binary-2\"",
        "framing = { kind = \"binary-2\", tpdu = true }",
    )
    .replace("iso87-bcd", "unionpay-pos")
    .replace("iso87-ascii", "unionpay-pos")
    .replace("sign_on = true\necho = \"30s\"", "sign_on = false");
    check(
        &text,
        expect![[r#"
        warning: dialect `unionpay-pos` reads a header of 11 bytes itself, and the framing takes off a TPDU before it
         --> pos.toml:5:39
          |
        5 | framing = { kind = "binary-2", tpdu = true }
          |                                       ^^^^ one TPDU too many, unless the peer sends two
          |
          = help: leave out `tpdu`: the dialect's header contains it
    "#]],
    );
}

#[test]
fn limits() {
    check_edit(
        "dialect = \"iso87-bcd\"",
        "dialect = \"iso87-bcd\"\nin_flight = 0\nconnections = 5000000",
        expect![[r#"
            error: `in_flight` must be from 1 to 100000
             --> pos.toml:7:13
              |
            7 | in_flight = 0
              |             ^ out of range

            error: `connections` must be from 1 to 1000000
             --> pos.toml:8:15
              |
            8 | connections = 5000000
              |               ^^^^^^^ out of range
        "#]],
    );
}

#[test]
fn what_is_done_about_messages_that_break_rules() {
    let loaded = |word: &str| {
        let config = valid(&edited(
            "dialect = \"iso87-bcd\"",
            &format!("dialect = \"iso87-bcd\"\npresence = \"{word}\""),
        ));
        config.switch.listeners[0].presence
    };
    for policy in PresencePolicy::ALL {
        assert_eq!(loaded(policy.label()), policy);
    }
    check_edit(
        "dialect = \"iso87-bcd\"",
        "dialect = \"iso87-bcd\"\npresence = \"refuze\"",
        expect![[r#"
            error: `refuze` is nothing to do about a message
             --> pos.toml:7:12
              |
            7 | presence = "refuze"
              |            ^^^^^^^^ not a word for `presence`
              |
              = help: did you mean `refuse`?
        "#]],
    );
}
