//! `pointsman convert`

use serde_json::Value;

use crate::codec::encoded;
use crate::*;

const ISO87: [&str; 4] = ["iso87-ascii", "iso87-mixed", "iso87-bcd", "iso87-ebcdic"];

#[test]
fn every_dialect_becomes_every_other() {
    for from in ISO87 {
        for to in ISO87 {
            let converted = run(&["convert", "--from", from, "--to", to, &encoded(from)]).ok();
            // The separator of a track is `=` or `D`, whatever it was made from: no other byte may differ.
            let same = run(&["diff", "-d", to, converted.trim_end(), &encoded(to)]);
            assert_eq!(same.ok(), "", "{from} to {to}");
        }
    }
}

#[test]
fn what_cannot_be_carried_is_named() {
    let object = r#"{"mti":"0200","fields":{"2":"4111111111111111","11":"000001","44":"x","48":"text","120":"y"}}"#;
    let hex = run_with(&["encode"], object.as_bytes()).ok();
    let input = format!("{}\n{hex}nope\n", encoded("iso87-ascii"));
    let args = ["convert", "--from", "iso87-ascii", "--to", "unionpay-pos"];
    let ran = run_with(&args, input.as_bytes()).failed(65);
    let lines: Vec<&str> = ran.stdout.lines().collect();
    assert_eq!(lines.len(), 3, "{}", ran.stdout);
    assert_eq!(lines[0], encoded("unionpay-pos"));
    let error: Value = serde_json::from_str(lines[1]).unwrap();
    assert_eq!(error["error"]["field"], 48);
    assert_eq!(
        error["error"]["found"],
        "field 48 is ans...999 here and n...322 there; field 120 is not defined there"
    );
    assert!(lines[2].contains("\"name\":\"line\""), "{}", lines[2]);
    assert!(
        ran.stderr.starts_with("error: 2 of 3 messages"),
        "{}",
        ran.stderr
    );

    let ran = run_with(&[&args[..], &["--drop"]].concat(), hex.as_bytes());
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(
        ran.stderr.starts_with("left out: field 48"),
        "{}",
        ran.stderr
    );
    let decoded = run(&[
        "decode",
        "-d",
        "unionpay-pos",
        "--json",
        ran.stdout.trim_end(),
    ])
    .ok();
    let decoded: Value = serde_json::from_str(&decoded).unwrap();
    let fields: Vec<&String> = decoded["fields"].as_object().unwrap().keys().collect();
    assert_eq!(fields, ["2", "11", "44"]);
}

#[test]
fn both_sides_must_be_named() {
    assert_eq!(run(&["convert", "--from", "iso87-bcd", "00"]).code, 64);
    run(&["convert", "--from", "iso87-bcd", "--to", "nope", "00"]).failed(64);
    assert_eq!(
        run(&["convert", "--from", "iso87-bcd", "--to", "iso87-ascii"]).ok(),
        ""
    );
}
