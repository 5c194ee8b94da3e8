//! What `pointsman decode` takes: spellings of bytes, files, streams, and bytes of which nobody knows what they are.

use expect_test::expect;
use serde_json::Value;

use crate::codec::encoded;
use crate::*;

pub(crate) fn bytes_of(hex: &str) -> Vec<u8> {
    (0..hex.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap())
        .collect()
}

pub(crate) fn hex_of(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02X}")).collect()
}

/// The framings as somebody who never saw the code would write them.
pub(crate) fn framed(kind: &str, tpdu: bool, message: &[u8]) -> Vec<u8> {
    let tpdu: &[u8] = if tpdu { &[0x60, 0, 3, 0, 0] } else { &[] };
    let length = tpdu.len() + message.len();
    let prefix = match kind {
        "binary-2" => u16::try_from(length).unwrap().to_be_bytes().to_vec(),
        "binary-2-inclusive" => u16::try_from(length + 2).unwrap().to_be_bytes().to_vec(),
        "binary-4" => u32::try_from(length).unwrap().to_be_bytes().to_vec(),
        "ascii-4" => format!("{length:04}").into_bytes(),
        "bcd-2" => bytes_of(&format!("{length:04}")),
        _ => unreachable!("{kind}"),
    };
    [&prefix, tpdu, message].concat()
}

const KINDS: [&str; 5] = [
    "binary-2",
    "binary-2-inclusive",
    "binary-4",
    "ascii-4",
    "bcd-2",
];

/// Dialects that no message can be taken for another of.
const UNLIKE: [&str; 5] = [
    "iso87-ascii",
    "iso87-mixed",
    "iso87-bcd",
    "iso87-ebcdic",
    "unionpay-pos",
];

fn dump(bytes: &[u8]) -> String {
    let line = |(place, chunk): (usize, &[u8])| {
        let pairs: Vec<String> = chunk.iter().map(|byte| format!("{byte:02x}")).collect();
        let text: String = chunk
            .iter()
            .map(|byte| {
                if byte.is_ascii_graphic() {
                    char::from(*byte)
                } else {
                    '.'
                }
            })
            .collect();
        format!("{:08x}  {:<48} |{text}|\n", place * 16, pairs.join(" "))
    };
    bytes.chunks(16).enumerate().map(line).collect()
}

#[test]
fn every_framing_with_every_dialect_is_guessed() {
    for dialect in UNLIKE {
        let message = bytes_of(&encoded(dialect));
        for kind in KINDS {
            for tpdu in [false, true] {
                let frame = framed(kind, tpdu, &message);
                let stream = [&frame[..], &frame, &frame[..frame.len() - 3]].concat();
                let ran = run(&["decode", "--guess", "--json", &hex_of(&stream)]).failed(65);
                let lines: Vec<&str> = ran.stdout.lines().collect();
                assert_eq!(lines.len(), 4, "{}", ran.stdout);
                let guesses: Value = serde_json::from_str(lines[0]).unwrap();
                let best = &guesses["guess"][0];
                assert_eq!(best["dialect"], dialect, "{kind} {tpdu} {best}");
                assert_eq!(best["framing"], kind, "{dialect} {tpdu} {best}");
                assert_eq!(best["tpdu"], tpdu, "{dialect} {kind} {best}");
                assert_eq!(
                    (&best["messages"], &best["decoded"]),
                    (&3.into(), &2.into())
                );
                assert!(lines[1].starts_with("{\"mti\":\"0200\""), "{}", lines[1]);
                assert!(lines[3].contains("\"name\":\"stream\""), "{}", lines[3]);
            }
        }
    }
}

#[test]
fn a_guess_says_why() {
    let message = bytes_of(&encoded("iso87-bcd"));
    let framed = hex_of(&framed("binary-2", true, &message));
    let text = run(&["decode", "--guess", &framed, &encoded("iso87-ebcdic")]).ok();
    let guesses: Vec<&str> = text
        .lines()
        .filter(|line| line.starts_with("guess"))
        .collect();
    expect![[r#"
        guess: binary-2 with TPDU, then iso87-bcd: all 95 bytes fit, MTI 0200, 12 fields; as they should be: 2 3
        guess: iso87-ebcdic: all 133 bytes fit, MTI 0200, 12 fields; as they should be: 2 3"#]]
    .assert_eq(&guesses.join("\n"));
    assert!(!text.contains("4111111111111111"), "{text}");
}

#[test]
fn noise_is_not_guessed() {
    let ran = run(&["decode", "--guess", "--json", &"FF".repeat(60)]).failed(65);
    expect![[r#"
        {"guess":[]}
        {"error":{"offset":0,"field":0,"name":"message","expected":"a message of a known dialect, alone or in a known framing","found":"60 bytes that none of them reads","message":"expected a message of a known dialect, alone or in a known framing, found 60 bytes that none of them reads"}}
    "#]]
    .assert_eq(&ran.stdout);
    let args = ["decode", "--guess", "--framing", "binary-2", "00"];
    assert_eq!(run(&args).code, 64);
}

#[test]
fn one_message_in_every_spelling() {
    let hex = encoded("iso87-bcd");
    let bytes = bytes_of(&hex);
    let expected = run(&["decode", "-d", "iso87-bcd", "--json", &hex]).ok();
    let pairs: Vec<String> = bytes.iter().map(|byte| format!("0x{byte:02x}")).collect();
    let spellings = [
        pairs.join(", "),
        pairs.join(",\n"),
        dump(&bytes),
        hex.to_lowercase(),
    ];
    for spelling in &spellings {
        let by_argument = run(&["decode", "-d", "iso87-bcd", "--json", spelling]).ok();
        assert_eq!(by_argument, expected, "{spelling}");
    }
    let base64 = "AgBwIAAAAICAABZBEREREREREQAAAAAAAAAQAAAAAVRFUk0wMDAxOTc4";
    let from_hex =
        "020070200000008080001641111111111111110000000000000010000000015445524D30303031393738";
    assert_eq!(
        run(&["decode", "-d", "iso87-bcd", "--base64", base64]).ok(),
        run(&["decode", "-d", "iso87-bcd", from_hex]).ok()
    );
    let ran = run(&["decode", "--base64", "--json", "AgB!"]).failed(65);
    assert!(ran.stdout.contains(r#""found":"'!'""#), "{}", ran.stdout);

    let file = TempFile::new("message.bin", &bytes);
    assert_eq!(
        run(&["decode", "-d", "iso87-bcd", "--json", "--file", file.path()]).ok(),
        expected
    );
    let ran = run_with(
        &["decode", "-d", "iso87-bcd", "--json", "--file", "-"],
        &bytes,
    );
    assert_eq!(ran.ok(), expected);
    run(&["decode", "--file", "nowhere.bin"]).failed(66);
}

#[test]
fn dumps_and_lines_may_be_mixed() {
    let hex = encoded("iso87-bcd");
    let dump = dump(&bytes_of(&hex));
    let length = format!("{:08x}", hex.len() / 2);
    let input = format!("{dump}{length}\n{dump}\n{hex}\n{dump}");
    let text = run_with(&["decode", "-d", "iso87-bcd", "--json"], input.as_bytes()).ok();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 4, "{text}");
    assert!(lines.iter().all(|line| *line == lines[0]), "{text}");
}

#[test]
fn a_stream_is_told_apart() {
    let message = bytes_of(&encoded("iso87-mixed"));
    let expected = run(&[
        "decode",
        "-d",
        "iso87-mixed",
        "--json",
        &encoded("iso87-mixed"),
    ])
    .ok();
    for kind in KINDS {
        for tpdu in [false, true] {
            let frame = framed(kind, tpdu, &message);
            let file = TempFile::new("stream.bin", frame.repeat(2));
            let mut args = vec!["decode", "-d", "iso87-mixed", "--json", "--framing", kind];
            args.extend(tpdu.then_some("--tpdu"));
            args.extend(["--file", file.path()]);
            assert_eq!(run(&args).ok(), expected.repeat(2), "{kind} {tpdu}");
        }
    }
    let ran = run(&["decode", "--framing", "ascii-4", "--json", "30303046"]).failed(65);
    let error: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(error["error"]["expected"], "a frame of ascii-4");
}
