//! `pointsman redact`

use serde_json::Value;

use crate::codec::{DIALECTS, encoded};
use crate::*;

const KEY: &str = "00112233445566778899aabbccddeeff";
/// The middle of the card number, the rest of the track, the PIN block.
const SECRETS: [&str; 3] = ["4111111111111111", "30122010", "0123456789ABCDEF"];

fn fields(dialect: &str, hex: &str) -> Value {
    let text = run(&["decode", "-d", dialect, "--json", "--unmask", hex]).ok();
    serde_json::from_str::<Value>(&text).unwrap()["fields"].clone()
}

#[test]
fn a_message_still_decodes_in_every_dialect() {
    let key = TempFile::new("redact.key", format!("{KEY}\n"));
    let source = format!("file:{}", key.path());
    for dialect in DIALECTS {
        let original = encoded(dialect);
        for options in [
            &[][..],
            &["--key", &source],
            &["--keep", "none"],
            &["--key", &source, "--keep", "none"],
        ] {
            let args = [&["redact", "-d", dialect][..], options].concat();
            let redacted = run_with(&args, original.as_bytes()).ok();
            let redacted = redacted.trim_end();
            assert_eq!(redacted.len(), original.len(), "{dialect} {options:?}");
            let (before, after) = (fields(dialect, &original), fields(dialect, redacted));
            for (number, value) in before.as_object().unwrap() {
                let now = &after[number];
                assert_eq!(
                    now == value,
                    !["2", "35", "52"].contains(&number.as_str()),
                    "{number} {now}"
                );
                assert_eq!(now.as_str().unwrap().len(), value.as_str().unwrap().len());
            }
            let text = after.to_string();
            assert!(
                SECRETS.iter().all(|secret| !text.contains(secret)),
                "{text}"
            );
            let pan = after["2"].as_str().unwrap();
            if !options.contains(&"none") {
                assert!(pan.starts_with("411111") && pan.ends_with("1111"), "{pan}");
            }
            // The card number is the same one in the track.
            assert!(after["35"].as_str().unwrap().starts_with(pan), "{text}");
        }
    }
}

#[test]
fn a_pseudonym_is_the_same_everywhere() {
    let mut command = command(&["redact", "--key", "env:POINTSMAN_TEST_KEY"]);
    command.env("POINTSMAN_TEST_KEY", KEY);
    let json = r#"{"mti":"0200","fields":{"2":"4111111111111111","45":"B4111111111111111^DOE/JOHN^2912201"}}"#;
    let input = format!(
        "{}\n{json}\nat 12:00 card 4111111111111111 said no\n4111-1111-1111-1111\nframe {} sent\n",
        encoded("iso87-ascii"),
        encoded("iso87-ascii"),
    );
    let text = run_command(&mut command, input.as_bytes()).ok();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 5, "{text}");
    let pan = fields("iso87-ascii", lines[0])["2"].clone();
    let pan = pan.as_str().unwrap();
    assert_ne!(pan, "4111110000001111");
    let object: Value = serde_json::from_str(lines[1]).unwrap();
    assert_eq!(object["fields"]["2"], pan);
    assert_eq!(object["fields"]["45"], format!("X{pan}^XXX.XXXX^0000000"));
    assert_eq!(lines[2], format!("at 12:00 card {pan} said no"));
    assert_eq!(lines[3].replace('-', ""), pan);
    assert_eq!(lines[4], format!("frame {} sent", lines[0]));
}

/// A message in JSON loses what it loses in hex: also what only a layout says is secret, in order or not.
#[test]
fn json_hides_what_hex_hides() {
    for (dialect, field, value) in [
        ("mastercard-like", "48", "T420701032109203123"),
        ("mastercard-like", "48", "T4207010321092X3123"),
        ("postilion", "127", "0040000000000000313233"),
        ("postilion", "127", "0040000000000000313258"),
        ("iso87-ascii", "2", "4111111111111111"),
        ("iso87-ascii", "4", "000000001000"),
    ] {
        let line = format!(
            r#"{{"mti":"0200","fields":{{"3":"000000","11":"000001","{field}":"{value}"}}}}"#
        );
        let hex = run_with(&["encode", "-d", dialect], line.as_bytes()).ok();
        let redacted = run_with(&["redact", "-d", dialect], hex.as_bytes()).ok();
        let of_hex = fields(dialect, redacted.trim_end());
        let of_json = run_with(&["redact", "-d", dialect], line.as_bytes()).ok();
        let object: Value = serde_json::from_str(&of_json).unwrap();
        assert_eq!(object["fields"], of_hex, "{dialect} {line}");
        assert_eq!(of_hex[field] == value, field == "4", "{of_hex}");
        assert_eq!(of_json.trim_end().len(), line.len(), "{of_json}");

        // What cannot be encoded loses no less.
        let broken = line.replace(r#""mti":"0200""#, r#""mti":"x""#);
        let of_broken = run_with(&["redact", "-d", dialect], broken.as_bytes()).ok();
        assert_eq!(of_broken.contains(value), field == "4", "{of_broken}");

        // With its parts, and what is wrong with them.
        let decoded = run(&[
            "decode",
            "-d",
            dialect,
            "--json",
            "--unmask",
            hex.trim_end(),
        ])
        .ok();
        let of_parts = run_with(&["redact", "-d", dialect], decoded.as_bytes()).ok();
        let object: Value = serde_json::from_str(&of_parts).unwrap();
        assert_eq!(object["fields"], of_hex, "{of_parts}");
        assert!(!of_parts.contains(r#":"123""#), "{of_parts}");
    }
}

/// Wherever in a line a message in JSON stands, its fields are known by their numbers, or the line is not repeated.
#[test]
fn json_anywhere_in_a_line() {
    let message = r#"{"mti":"0200","fields":{"3":"000000","52":"9D3E7C51A2B4F608"}}"#;
    let expected = r#"{"mti":"0200","fields":{"3":"000000","52":"0000000000000000"}}"#;
    let quoted = message.replace('"', "\\\"");
    for (line, expected) in [
        (
            format!("[{message}, {message}]"),
            format!("[{expected}, {expected}]"),
        ),
        (
            format!("{{x}} 12:00 msg={message} end"),
            format!("{{x}} 12:00 msg={expected} end"),
        ),
        (
            format!(r#"{{"at":1,"cvv":"123","more":[{message}]}}"#),
            format!(r#"{{"at":1,"cvv":"000","more":[{expected}]}}"#),
        ),
        (
            message.replace("{\"mti", "{\"cvv\":987,\"mti"),
            expected.replace("{\"mti", "{\"cvv\":\"000\",\"mti"),
        ),
        (
            format!(r#"{{"text":"{quoted}"}}"#),
            format!(r#"{{"text":"{}"}}"#, expected.replace('"', "\\\"")),
        ),
        // Spaced, and with a card number for a name.
        (
            message.replace(':', ": ").replace(',', " ,\t"),
            expected.replace(':', ": ").replace(',', " ,\t"),
        ),
        (
            message.replace("{\"mti", "{ \"4111111111111111\" : 1, \"mti"),
            expected.replace("{\"mti", "{ \"4111110000001111\" : 1, \"mti"),
        ),
        // Of no type, with a field by another name, and with a number.
        (
            r#"{"fields":{"note":"AB","52":9,"3":"000000"}}"#.into(),
            r#"{"fields":{"note":"XX","52":"0","3":"000000"}}"#.into(),
        ),
        (
            r#"{"level":"INFO","fields":{"message":"no secret"}}"#.into(),
            r#"{"level":"INFO","fields":{"message":"no secret"}}"#.into(),
        ),
    ] {
        let redacted = run_with(&["redact"], line.as_bytes()).ok();
        assert_eq!(redacted.trim_end(), expected, "{line}");
    }
    for line in [
        &message[..message.len() - 3],
        &quoted,
        "{'mti': '0200', 'fields': {'52': '9D3E7C51A2B4F608'}}",
    ] {
        let ran = run_with(&["redact"], line.as_bytes()).failed(65);
        assert!(ran.stdout.starts_with("{\"error\":"), "{}", ran.stdout);
        assert!(!ran.stdout.contains("9D3E"), "{}", ran.stdout);
    }
}

#[test]
fn blanks_around_a_line_stay() {
    let hex = encoded("iso87-ascii");
    let input = format!("  at 1 cvv=123\t\r\n   \n\n {hex} \n\t4111111111111111");
    let text = run_with(&["redact"], input.as_bytes()).ok();
    let redacted = run_with(&["redact"], hex.as_bytes()).ok();
    let redacted = redacted.trim_end();
    assert_eq!(
        text,
        format!("  at 1 cvv=000\t\r\n   \n\n {redacted} \n\t4111110000001111\n")
    );
}

#[test]
fn hex_that_is_no_message_is_not_repeated() {
    let broken = &encoded("iso87-ascii")[..100];
    let input = format!("{broken}\nplain text\n");
    let ran = run_with(&["redact"], input.as_bytes()).failed(65);
    let lines: Vec<&str> = ran.stdout.lines().collect();
    assert!(lines[0].starts_with("{\"error\":"), "{}", ran.stdout);
    assert_eq!(lines[1], "plain text");
    assert!(
        ran.stderr.starts_with("error: 1 of 2 lines"),
        "{}",
        ran.stderr
    );
    let as_text = run_with(&["redact", "--text"], input.as_bytes()).ok();
    assert_eq!(as_text.lines().next().unwrap().len(), broken.len());
    let pan = format!("34{}", "31".repeat(15));
    assert!(
        broken.contains(&pan) && !as_text.contains(&pan),
        "{as_text}"
    );
}

#[test]
fn a_key_must_be_one() {
    let short = TempFile::new("short.key", "secret");
    let ran = run(&["redact", "--key", &format!("file:{}", short.path())]).failed(65);
    assert!(!ran.stderr.contains("secret"), "{}", ran.stderr);
    let ran = run(&["redact", "--key", KEY]).failed(64);
    assert!(!ran.stderr.contains(KEY), "{}", ran.stderr);
    run(&["redact", "--key", "file:nowhere.key"]).failed(66);
    run(&["redact", "--key", "env:POINTSMAN_NO_SUCH_KEY"]).failed(66);
}
