//! Tables, keys and types.

use std::time::Duration;

use pointsman_journal::Durability;
use pointsman_switch::JournalEngine;

use super::*;
use pointsman_framing::{Framing, HOST_FRAME_BYTES_MAX, KeepAlive, Kind};
use pointsman_routing::RoutingTable;

#[test]
fn the_shape_of_the_manual_is_valid() {
    let config = valid(GOOD);
    let [listener] = config.switch.listeners.as_slice() else {
        panic!("one listener")
    };
    assert_eq!(&*listener.name, "pos");
    assert_eq!(listener.bind.to_string(), "127.0.0.1:8583");
    assert_eq!(listener.framing, Framing::new(Kind::Binary2));
    assert_eq!(listener.dialect.name(), "iso87-bcd");
    let [link] = config.switch.links.as_slice() else {
        panic!("one link")
    };
    assert_eq!(&*link.name, "alpha");
    assert_eq!(link.connect, ["127.0.0.1:9101"]);
    // Four digits cannot say more than 9,999.
    assert_eq!(
        link.framing,
        Framing::new(Kind::Ascii4).with_frame_bytes_max(9_999)
    );
    assert_eq!(link.dialect.name(), "iso87-ascii");
    assert_eq!(link.match_fields, [11, 41]);
    assert_eq!(link.timeout, Duration::from_secs(15));
    assert!(link.sign_on);
    assert_eq!(link.echo, Some(Duration::from_secs(30)));
    assert_eq!(route(&config.switch.routes, "5555555555554444"), Some(0));
    assert_eq!(route(&config.switch.routes, "6011111111111117"), None);
    assert_eq!(config.metrics.unwrap().to_string(), "127.0.0.1:9585");
}

fn route(table: &RoutingTable<pointsman_engine::LinkId>, pan: &str) -> Option<u16> {
    table.route(pan).map(|link| link.0)
}

#[test]
fn what_is_left_out_has_a_default() {
    let config = valid(
        r#"
        listener = [{ name = "pos", bind = "127.0.0.1:0", framing = "binary-2", dialect = "iso87-bcd" }]
        link = [{ name = "alpha", connect = "bank.example:9101", framing = { kind = "binary-2", tpdu = true, keep_alive = "echo" }, dialect = "iso87-ascii" }]
        route = [{ default = true, link = "alpha" }]
        "#,
    );
    assert_eq!(config.switch.drain_timeout, Duration::from_secs(30));
    let link = &config.switch.links[0];
    assert_eq!(link.connect, ["bank.example:9101"]);
    assert_eq!(
        link.framing,
        Framing::new(Kind::Binary2)
            .with_tpdu(true)
            .with_frame_bytes_max(HOST_FRAME_BYTES_MAX)
            .with_keep_alive(KeepAlive::Echo)
    );
    assert_eq!(link.match_fields, [11, 41]);
    assert_eq!(link.timeout, Duration::from_secs(15));
    assert!(link.sign_on);
    assert_eq!(link.echo, None);
    assert_eq!(route(&config.switch.routes, "6011111111111117"), Some(0));
    assert_eq!(config.metrics, None);
}

#[test]
fn every_limit_can_be_set() {
    let text = edited(
        "dialect = \"iso87-bcd\"",
        "dialect = \"iso87-bcd\"\nin_flight = 7\nconnections = 8",
    ) + "[switch]\nthreads = 3\ndrain_timeout = \"2m\"\n";
    let config = valid(&text.replace("echo = \"30s\"", "in_flight = 9"));
    assert_eq!(config.switch.threads.get(), 3);
    assert_eq!(config.switch.drain_timeout, Duration::from_secs(120));
    assert_eq!(config.switch.listeners[0].in_flight_max, 7);
    assert_eq!(config.switch.listeners[0].connections_max, 8);
    assert_eq!(config.switch.links[0].in_flight_max, 9);
}

#[test]
fn the_journal_and_what_the_bank_is_told() {
    let text = edited(
        "echo = \"30s\"",
        "saf_window = 3\nsaf_pause = \"1s\"\nsaf_pause_max = \"9s\"\nsaf_expire = \"48h\"",
    ) + "[journal]\ndirectory = \"books\"\nengine = \"sqlite\"\ndurability = \"relaxed\"\nkey = \"env:KEY\"\nkeep = \"48h\"\nkeep_max = \"256MiB\"\ntables_days = 30\n";
    let config = valid(&text);
    let journal = &config.switch.journal;
    assert!(journal.directory.ends_with("books"));
    assert_eq!(journal.engine, JournalEngine::Sqlite);
    assert_eq!(journal.durability, Durability::Relaxed);
    assert!(journal.key.is_some());
    assert_eq!(journal.keep, Duration::from_secs(48 * 3_600));
    assert_eq!(journal.keep_bytes_max, 256 * 1024 * 1024);
    assert_eq!(journal.retention.days, 30);
    let told = config.switch.links[0].store_forward;
    assert_eq!(told.window, 3);
    assert_eq!(told.backoff.first, Duration::from_secs(1));
    assert_eq!(told.backoff.max, Duration::from_secs(9));
    assert_eq!(told.expire, Duration::from_secs(48 * 3_600));
}

#[test]
fn what_a_journal_cannot_be() {
    check(
        &(edited(
            "echo = \"30s\"",
            "saf_pause = \"9s\"\nsaf_pause_max = \"1s\"",
        ) + "[journal]\ndirectory = \"\"\nengine = \"logs\"\ndurability = \"never\"\nkey = \"0123456789abcdef\"\nkeep = 1\nkeep_max = \"1MiB\"\n"),
        expect![[r#"
            error: the longest pause is shorter than the first
              --> pos.toml:17:17
               |
            17 | saf_pause_max = "1s"
               |                 ^^^^ `saf_pause` is longer
               |
               = help: pauses double from `saf_pause` up to `saf_pause_max`

            error: the journal's key is named as file:PATH or env:NAME, never given itself: put it into a file that only the switch can read
              --> pos.toml:25:1
               |
            25 | [journal]
               | ^^^^^^^^^ its `key` names no key
               |
               = help: `"file:/etc/pointsman/journal.key"` or `"env:POINTSMAN_JOURNAL_KEY"`

            error: `directory` is empty
              --> pos.toml:26:13
               |
            26 | directory = ""
               |             ^^ names no directory
               |
               = help: the journal needs a directory of its own, such as `"journal"`

            error: `logs` is no `engine` of a journal
              --> pos.toml:27:10
               |
            27 | engine = "logs"
               |          ^^^^^^ not a word for `engine`
               |
               = help: did you mean `log`?

            error: `never` is no `durability` of a journal
              --> pos.toml:28:14
               |
            28 | durability = "never"
               |              ^^^^^^^ not a word for `durability`
               |
               = help: `durability` is `commit` or `relaxed`

            error: `keep` needs a unit
              --> pos.toml:30:8
               |
            30 | keep = 1
               |        ^ this is a number
               |
               = help: write "1s" for seconds or "1ms" for milliseconds

            error: `keep_max` must be from 128MiB to 1TiB
              --> pos.toml:31:12
               |
            31 | keep_max = "1MiB"
               |            ^^^^^^ out of range
        "#]],
    );
}

#[test]
fn stand_in() {
    let rule = "[[stand_in]]\nlink = \"alpha\"\nbin = [\"4\"]\nmcc = [5411]\nentry_mode = [\"05\"]\ncurrency = \"978\"\namount_max = 5000\ncard_count = 2\ncard_amount = 9000\n";
    let config = valid(&(GOOD.to_owned() + rule));
    assert_eq!(config.switch.links[0].stand_in[0].amount_max, 5_000);
    check(
        &(GOOD.to_owned()
            + "[[stand_in]]\nlink = \"alhpa\"\nbin = [\"x\"]\nmcc = [54111]\nentry_mode = [\"5\"]\ncurrency = \"EUR\"\namount_min = 9\namount_max = 5\ncard_count = 0\nhot_cards = \"none.txt\"\n"),
        expect![[r#"
            error: [[stand_in]] has no `card_amount`
              --> pos.toml:24:1
               |
            24 | [[stand_in]]
               | ^^^^^^^^^^^^ missing here
               |
               = help: add `card_amount = 10000`

            error: there is no link `alhpa`
              --> pos.toml:25:8
               |
            25 | link = "alhpa"
               |        ^^^^^^^ no [[link]] has this name
               |
               = help: did you mean `alpha`?

            error: `x` cannot be a `bin`
              --> pos.toml:26:8
               |
            26 | bin = ["x"]
               |        ^^^ needs 1 to 11 digits, or a range of two

            error: `54111` cannot be a `mcc`
              --> pos.toml:27:8
               |
            27 | mcc = [54111]
               |        ^^^^^ needs up to four digits, as field 18 has them

            error: `5` cannot be a `entry_mode`
              --> pos.toml:28:15
               |
            28 | entry_mode = ["5"]
               |               ^^^ needs the first two digits of field 22, such as `"05"`

            error: `EUR` is no currency
              --> pos.toml:29:12
               |
            29 | currency = "EUR"
               |            ^^^^^ needs the three digits of ISO 4217
               |
               = help: 978 is the euro, 840 the US dollar, 156 the yuan

            error: `amount_max` is less than `amount_min`
              --> pos.toml:31:14
               |
            31 | amount_max = 5
               |              ^ no amount is between them

            error: `card_count` must be from 1 to 1000
              --> pos.toml:32:14
               |
            32 | card_count = 0
               |              ^ out of range

            error: cannot read the hot cards: there is no such file
              --> pos.toml:33:13
               |
            33 | hot_cards = "none.txt"
               |             ^^^^^^^^^^ this file
        "#]],
    );
}

#[test]
fn an_empty_file() {
    check(
        "",
        expect![[r#"
        error: there is no [[listener]]
         --> pos.toml:1:1
          |
        1 |
          | ^ no terminal could connect
          |
          = help: add a [[listener]] table; docs/configuration.md has a complete example

        error: there is no [[link]]
         --> pos.toml:1:1
          |
        1 |
          | ^ no request could go anywhere
          |
          = help: add a [[link]] table; docs/configuration.md has a complete example
    "#]],
    );
}

#[test]
fn a_table_without_its_keys() {
    check(
        "[[listener]]\n[[link]]\n[[route]]\n[metrics]\n",
        expect![[r#"
            error: [[listener]] has no `name`, `bind`, `framing` or `dialect`
             --> pos.toml:1:1
              |
            1 | [[listener]]
              | ^^^^^^^^^^^^ missing here
              |
              = help: add `name = "pos"`, `bind = "127.0.0.1:8583"`, `framing = "binary-2"` and `dialect = "iso87-bcd"`

            error: [[link]] has no `name`, `connect`, `framing` or `dialect`
             --> pos.toml:2:1
              |
            2 | [[link]]
              | ^^^^^^^^ missing here
              |
              = help: add `name = "alpha"`, `connect = ["127.0.0.1:9101"]`, `framing = "ascii-4"` and `dialect = "iso87-ascii"`

            error: [[route]] has no `link`
             --> pos.toml:3:1
              |
            3 | [[route]]
              | ^^^^^^^^^ missing here
              |
              = help: add `link = "alpha"`

            error: this [[route]] leads nothing to its link
             --> pos.toml:3:1
              |
            3 | [[route]]
              | ^^^^^^^^^ neither `bin` nor `default = true`
              |
              = help: add `bin = ["4", "510000-559999"]`, or `default = true` for all that no other route takes

            error: [metrics] has no `bind`
             --> pos.toml:4:1
              |
            4 | [metrics]
              | ^^^^^^^^^ missing here
              |
              = help: add `bind = "127.0.0.1:9585"`
        "#]],
    );
}

#[test]
fn a_misspelt_key_is_taken_for_what_was_meant() {
    // One error, not a second one about a missing key; and the value is checked under the right name.
    check_edit(
        "timeout = \"15s\"",
        "time_out = \"15\"",
        expect![[r#"
        error: unknown key `time_out` in [[link]]
          --> pos.toml:14:1
           |
        14 | time_out = "15"
           | ^^^^^^^^ not a key of this table
           |
           = help: did you mean `timeout`?

        error: `15` is not a duration
          --> pos.toml:14:12
           |
        14 | time_out = "15"
           |            ^^^^ needs a whole number and a unit
           |
           = help: the units are `ms`, `s`, `m` and `h`, as in `"250ms"` or `"15s"`
    "#]],
    );
}

#[test]
fn a_key_twice_once_misspelt() {
    check_edit(
        "timeout = \"15s\"",
        "timeout = \"15s\"\ntimeuot = \"1s\"",
        expect![[r#"
            error: unknown key `timeuot` in [[link]]
              --> pos.toml:15:1
               |
            15 | timeuot = "1s"
               | ^^^^^^^ not a key of this table
               |
               = help: did you mean `timeout`?
        "#]],
    );
}

#[test]
fn a_key_of_another_table() {
    check_edit(
        "bind = \"127.0.0.1:8583\"",
        "bind = \"127.0.0.1:8583\"\necho = \"3s\"",
        expect![[r#"
            error: unknown key `echo` in [[listener]]
             --> pos.toml:5:1
              |
            5 | echo = "3s"
              | ^^^^ not a key of this table
              |
              = help: `echo` belongs to [[link]]
        "#]],
    );
}

#[test]
fn a_key_that_resembles_none() {
    check_edit(
        "sign_on = true",
        "priority = 1",
        expect![[r#"
            error: unknown key `priority` in [[link]]
              --> pos.toml:15:1
               |
            15 | priority = 1
               | ^^^^^^^^ not a key of this table
               |
               = help: the keys are `name`, `connect`, `framing`, `dialect`, `match`, `timeout`, `sign_on`, `echo`, `in_flight`, `presence`, `saf_window`, `saf_pause`, `saf_pause_max` and `saf_expire`
        "#]],
    );
}

#[test]
fn an_unknown_table() {
    check(
        &(GOOD.to_owned() + "[metrisc]\n[logging]\nlevel = \"info\"\n"),
        expect![[r#"
            error: unknown key `metrisc` in the file
              --> pos.toml:24:2
               |
            24 | [metrisc]
               |  ^^^^^^^ not a key of this table
               |
               = help: did you mean `metrics`?

            error: unknown key `logging` in the file
              --> pos.toml:25:2
               |
            25 | [logging]
               |  ^^^^^^^ not a key of this table
               |
               = help: the keys are `switch`, `listener`, `link`, `route`, `stand_in`, `journal` and `metrics`
        "#]],
    );
}

#[test]
fn wrong_types() {
    check_edit(
        "sign_on = true",
        "sign_on = \"yes\"",
        expect![[r#"
        error: `sign_on` must be `true` or `false`
          --> pos.toml:15:11
           |
        15 | sign_on = "yes"
           |           ^^^^^ this is a string
    "#]],
    );
    check_edit(
        "timeout = \"15s\"",
        "timeout = 15",
        expect![[r#"
        error: `timeout` needs a unit
          --> pos.toml:14:11
           |
        14 | timeout = 15
           |           ^^ this is a number
           |
           = help: write "15s" for seconds or "15ms" for milliseconds
    "#]],
    );
    check_edit(
        "timeout = \"15s\"",
        "timeout = 1.5",
        expect![[r#"
        error: `timeout` must be a duration such as `"15s"`
          --> pos.toml:14:11
           |
        14 | timeout = 1.5
           |           ^^^ this is a number with a fraction
    "#]],
    );
    check_edit(
        "match = [11, 41]",
        "match = [\"11\", -41]",
        expect![[r#"
            error: `match` must be a whole number, not negative
              --> pos.toml:13:10
               |
            13 | match = ["11", -41]
               |          ^^^^ this is a string

            error: `match` must be a whole number, not negative
              --> pos.toml:13:16
               |
            13 | match = ["11", -41]
               |                ^^^ this is a negative number
        "#]],
    );
    check_edit(
        "framing = \"ascii-4\"",
        "framing = 4",
        expect![[r#"
            error: `framing` must be a string or a table
              --> pos.toml:11:11
               |
            11 | framing = 4
               |           ^ this is a number
        "#]],
    );
    check_edit(
        "bin = [\"4\", \"510000-559999\"]",
        "bin = [4]",
        expect![[r#"
            error: `bin` must be a string
              --> pos.toml:19:8
               |
            19 | bin = [4]
               |        ^ this is a number
               |
               = help: put it in quotes: "4"
        "#]],
    );
    check_edit(
        "name = \"alpha\"",
        "name = [\"alpha\"]",
        expect![[r#"
            error: `name` must be a string
             --> pos.toml:9:8
              |
            9 | name = ["alpha"]
              |        ^^^^^^^^^ this is a list
        "#]],
    );
}

#[test]
fn numbers() {
    for number in ["1_000", "0x3E8", "+1000"] {
        let text = edited("echo = \"30s\"", &format!("in_flight = {number}"));
        assert_eq!(valid(&text).switch.links[0].in_flight_max, 1000, "{number}");
    }
    check_edit(
        "echo = \"30s\"",
        "in_flight = 99999999999999999999",
        expect![[r#"
            error: `in_flight` must be a whole number, not negative
              --> pos.toml:16:13
               |
            16 | in_flight = 99999999999999999999
               |             ^^^^^^^^^^^^^^^^^^^^ this is a number that is too large
        "#]],
    );
    check_edit(
        "echo = \"30s\"",
        "in_flight = 1e3",
        expect![[r#"
        error: `in_flight` must be a whole number, not negative
          --> pos.toml:16:13
           |
        16 | in_flight = 1e3
           |             ^^^ this is a number with a fraction
    "#]],
    );
}

#[test]
fn single_and_double_brackets() {
    check_edit(
        "[[listener]]",
        "[listener]",
        expect![[r#"
        error: there can be several of [[listener]]
         --> pos.toml:2:1
          |
        2 | [listener]
          | ^^^^^^^^^^ this is a single table
          |
          = help: write [[listener]] instead of [listener]
    "#]],
    );
    check_edit(
        "[metrics]",
        "[[metrics]]",
        expect![[r#"
        error: there can only be one [metrics]
          --> pos.toml:22:1
           |
        22 | [[metrics]]
           | ^^^^^^^^^^^ this is a list of tables
           |
           = help: write [metrics] instead of [[metrics]]
    "#]],
    );
    check(
        "listener = 1\nlink = \"x\"\nmetrics = 5\n",
        expect![[r#"
        error: `listener` must be a table
         --> pos.toml:1:12
          |
        1 | listener = 1
          |            ^ this is a number

        error: `link` must be a table
         --> pos.toml:2:8
          |
        2 | link = "x"
          |        ^^^ this is a string

        error: `metrics` must be a table
         --> pos.toml:3:11
          |
        3 | metrics = 5
          |           ^ this is a number
    "#]],
    );
}

#[test]
fn many_mistakes_are_cut_off_but_counted() {
    let bins: Vec<String> = (0..150).map(|n| format!("\"x{n}\"")).collect();
    let text = edited("\"4\", \"510000-559999\"", &bins.join(", "));
    let shown = diagnosed(&text);
    assert_eq!(shown.matches("is not a BIN").count(), 100);
    assert!(shown.ends_with("\n\n… and 50 more\n"), "{shown}");
}

#[test]
fn switch_settings_have_ranges() {
    check(
        &(GOOD.to_owned() + "[switch]\nthreads = 0\ndrain_timeout = \"2h\"\n"),
        expect![[r#"
            error: `threads` must be from 1 to 1024
              --> pos.toml:25:11
               |
            25 | threads = 0
               |           ^ out of range

            error: `drain_timeout` must be above zero and at most 1h
              --> pos.toml:26:17
               |
            26 | drain_timeout = "2h"
               |                 ^^^^ this is more
        "#]],
    );
}

#[test]
fn a_drain_shorter_than_a_deadline() {
    check(
        &edited("timeout = \"15s\"", "timeout = \"60s\""),
        expect![[r#"
            warning: a drain may take 30s, and link `alpha` waits 1m for an answer
              --> pos.toml:14:11
               |
            14 | timeout = "60s"
               |           ^^^^^ requests in flight may be cut off
               |
               = help: set `drain_timeout` in [switch] to `"63s"` or more
        "#]],
    );
    check(
        &(GOOD.to_owned() + "[switch]\ndrain_timeout = \"10s\"\n"),
        expect![[r#"
            warning: a drain may take 10s, and link `alpha` waits 15s for an answer
              --> pos.toml:25:17
               |
            14 | timeout = "15s"
               |           ----- the longest deadline
            ...
            25 | drain_timeout = "10s"
               |                 ^^^^^ requests in flight may be cut off
               |
               = help: set `drain_timeout` in [switch] to `"18s"` or more
        "#]],
    );
}
