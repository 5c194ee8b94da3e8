//! `pointsman route`

use expect_test::{Expect, expect};

use crate::*;

#[track_caller]
fn check(config: &str, pan: &str, expected: Expect) {
    let config = TempFile::new("route.toml", config);
    let ran = run(&["route", "--config", config.path(), "--pan", pan]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    expected.assert_eq(&ran.stdout);
}

#[test]
fn says_why() {
    check(
        CONFIG,
        "test:visa",
        expect![[r#"
        card 411111******1111 goes to link `beta`
          because 411111 has more digits than 4
          matching patterns, the best first:
            411111 -> beta
            4      -> alpha
    "#]],
    );
    check(
        CONFIG,
        "4012888888881881",
        expect![[r#"
        card 401288******1881 goes to link `alpha`
          because 4 is the only pattern that matches
          matching patterns, the best first:
            4 -> alpha
    "#]],
    );
    check(
        CONFIG,
        "5454 5454 5454 5454",
        expect![[r#"
        card 545454******5454 goes to link `beta`
          because 540000-549999 is narrower than 510000-559999
          matching patterns, the best first:
            540000-549999 -> beta
            510000-559999 -> alpha
    "#]],
    );
    check(
        CONFIG,
        "555555",
        expect![[r#"
        card 555555 goes to link `alpha`
          because 510000-559999 is the only pattern that matches
          matching patterns, the best first:
            510000-559999 -> alpha
    "#]],
    );
}

#[test]
fn a_default_takes_the_rest() {
    let config = CONFIG.to_owned() + "\n[[route]]\ndefault = true\nlink = \"beta\"\n";
    check(
        &config,
        "test:amex",
        expect![[r#"
        card 378282*****0005 goes to link `beta`
          because no pattern matches; this is the default route
          default route -> beta
    "#]],
    );
    check(
        &config,
        "test:mastercard",
        expect![[r#"
        card 555555******4444 goes to link `alpha`
          because 510000-559999 is the only pattern that matches
          matching patterns, the best first:
            510000-559999 -> alpha
          default route -> beta
    "#]],
    );
}

#[test]
fn a_pattern_with_many_digits_and_the_last_four_are_not_shown_together() {
    let config = CONFIG.replace("\"411111\"", "\"41111111111\"");
    check(
        &config,
        "test:visa",
        expect![[r#"
        card 411111********** goes to link `beta`
          because 41111111111 has more digits than 4
          matching patterns, the best first:
            41111111111 -> beta
            4           -> alpha
    "#]],
    );
}

#[test]
fn no_route() {
    let config = TempFile::new("no-route.toml", CONFIG);
    let ran = run(&["route", "-c", config.path(), "--pan", "test:amex"]).failed(65);
    expect![[r#"
        card 378282*****0005 has no route and is declined
          because no pattern matches, and there is no default route
    "#]]
    .assert_eq(&ran.stdout);
    assert!(
        ran.stderr
            .starts_with("error: no route takes card 378282*****0005\n"),
        "{}",
        ran.stderr
    );
}

#[test]
fn as_json_from_standard_input() {
    let config = TempFile::new("route-json.toml", CONFIG);
    let args = ["route", "--config", config.path(), "--pan", "-", "--json"];
    let text = run_with(&args, b"4111111111111111\n").ok();
    expect![[r#"
        {"pan":"411111******1111","link":"beta","reason":"more-digits","because":"411111 has more digits than 4","matches":[{"bin":"411111","link":"beta"},{"bin":"4","link":"alpha"}],"longer":[],"default":null}
    "#]].assert_eq(&text);
    assert!(!text.contains("4111111111111111"));
}

#[test]
fn what_is_not_a_card_number_is_not_repeated() {
    let config = TempFile::new("route-typo.toml", CONFIG);
    for pan in ["411111111111111x", "41111111111111111111", "", "test:viza"] {
        let ran = run(&["route", "--config", config.path(), "--pan", pan]).failed(65);
        assert_eq!(ran.stdout, "");
        assert!(!ran.stderr.contains("41111111"), "{}", ran.stderr);
    }
    run_with(&["route", "--config", config.path(), "--pan", "-"], b"").failed(65);
    run_with(
        &["route", "--config", config.path(), "--pan", "-"],
        &[b'4'; 100_000],
    )
    .failed(65);
}

#[test]
fn a_wrong_configuration_is_shown() {
    let config = TempFile::new("route-bad.toml", CONFIG.replace("[[route]]", "[[rout]]"));
    let ran = run(&["route", "--config", config.path(), "--pan", "test:visa"]).failed(78);
    assert!(
        ran.stderr.contains("did you mean `route`?"),
        "{}",
        ran.stderr
    );
    run(&["route", "--config", "/nowhere.toml", "--pan", "test:visa"]).failed(66);
}

#[test]
fn first_digits_that_do_not_decide() {
    let config = TempFile::new("route-first.toml", CONFIG);
    let route = |pan: &str| run(&["route", "-c", config.path(), "--pan", pan]);
    let ran = route("5").failed(65);
    expect![[r#"
        card 5… goes to one link or another: more digits decide
          because patterns with more digits lead elsewhere
          patterns that more digits may match, the best first:
            540000-549999 -> beta
            510000-559999 -> alpha
          what matches none of them has no route and is declined
    "#]]
    .assert_eq(&ran.stdout);
    expect![[r#"
        error: the digits 5 do not decide where a card goes
        hint: give the first 6 digits, or the whole number
    "#]]
    .assert_eq(&ran.stderr);
    assert!(route("4111").failed(65).stdout.contains("411111 -> beta"));
    // Nothing else begins so, and more digits change nothing.
    assert!(
        route("42")
            .ok()
            .starts_with("card 42 goes to link `alpha`\n")
    );
    assert!(route("54").ok().contains("every card that begins so"));

    let eleven = CONFIG.replace("\"540000-549999\"", "\"540000-549999\", \"41111122222\"");
    let config = TempFile::new(
        "route-eleven.toml",
        eleven.replace("[\"4\",", "[\"4\", \"41111133333\","),
    );
    let args = ["route", "-c", config.path(), "--pan", "411111", "--json"];
    let ran = run(&args).failed(65);
    let json: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(json["reason"], "more-digits-decide");
    assert!(json["link"].is_null());
    assert_eq!(json["longer"].as_array().unwrap().len(), 2);
}

#[test]
fn an_object_also_for_what_fails() {
    let good = TempFile::new("route-good.toml", CONFIG);
    let bad = TempFile::new("route-bad-json.toml", "[[rout]]\n");
    for (config, pan, code) in [
        ("/nowhere.toml", "test:visa", 66),
        (bad.path(), "test:visa", 78),
        (good.path(), "411111111111111x", 65),
    ] {
        let ran = run(&["route", "-c", config, "--pan", pan, "--json"]).failed(code);
        let json: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
        assert!(json["error"]["message"].is_string(), "{json}");
        assert_eq!(json["error"]["diagnostics"].is_array(), code == 78);
    }
}
