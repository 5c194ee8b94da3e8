//! `pointsman decode`, `encode` and `dialects`

use std::io::{BufRead, BufReader};

use expect_test::expect;
use serde_json::{Value, json};

use crate::*;

pub(crate) const DIALECTS: [&str; 5] = [
    "iso87-ascii",
    "iso87-mixed",
    "iso87-bcd",
    "iso87-ebcdic",
    "unionpay-pos",
];

/// A purchase in fields that every dialect has.
fn purchase() -> Value {
    json!({ "mti": "0200", "fields": {
        "2": "4111111111111111", "3": "000000", "4": "000000001000", "11": "000001", "14": "3012",
        "22": "051", "25": "00", "35": "4111111111111111D30122010000000000", "41": "TERM0001",
        "42": "MERCHANT0000001", "49": "978", "52": "0123456789ABCDEF",
    }})
}

pub(crate) fn encoded(dialect: &str) -> String {
    let text = purchase().to_string().replace(
        'D',
        if dialect.contains("bcd") || dialect.contains("pos") {
            "D"
        } else {
            "="
        },
    );
    // The separator is the only D of a track; field 52 is hex in any case.
    let text = text.replace("ABC=EF", "ABCDEF");
    run_with(&["encode", "--dialect", dialect], text.as_bytes())
        .ok()
        .trim_end()
        .to_owned()
}

#[test]
fn what_is_encoded_decodes_to_the_same_in_every_dialect() {
    for dialect in DIALECTS {
        let hex = encoded(dialect);
        let decode = |hex: &str| {
            let text = run(&["decode", "--dialect", dialect, "--json", "--unmask", hex]).ok();
            serde_json::from_str::<Value>(&text).unwrap()
        };
        let message = decode(&hex);
        assert_eq!(message["mti"], "0200");
        assert_eq!(
            message["fields"].as_object().unwrap().len(),
            12,
            "{message}"
        );
        assert_eq!(message["fields"]["2"], "4111111111111111");
        assert_eq!(message["fields"]["52"], "0123456789ABCDEF");
        assert_eq!(message.get("header").is_some(), dialect == "unionpay-pos");
        let again = run_with(&["encode", "-d", dialect], message.to_string().as_bytes()).ok();
        assert_eq!(again.trim_end(), hex, "{dialect}");
        assert_eq!(decode(&hex.to_lowercase()), message);
    }
}

#[test]
fn a_tree_has_places_and_masks() {
    for dialect in DIALECTS {
        let hex = encoded(dialect);
        let tree = run(&["decode", "--dialect", dialect, &hex]).ok();
        for part in ["411111******1111", "Processing code", "TERM0001"] {
            assert!(tree.contains(part), "{dialect} {part}: {tree}");
        }
        for secret in ["4111111111111111", "0123456789ABCDEF", "30122010000000000"] {
            assert!(!tree.contains(secret), "{dialect} {secret}: {tree}");
        }
        let tree = run(&["decode", "--dialect", dialect, "--unmask", &hex]).ok();
        for secret in ["4111111111111111", "0123456789ABCDEF", "30122010000000000"] {
            assert!(tree.contains(secret), "{dialect} {secret}: {tree}");
        }
    }
}

#[test]
fn json_is_masked_too() {
    let text = run(&["decode", "--json", &encoded("iso87-ascii")]).ok();
    let message: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(message["fields"]["2"], "411111******1111");
    assert!(
        !text.contains("4111111111111111") && !text.contains("0123456789ABCDEF"),
        "{text}"
    );
}

#[test]
fn a_bad_message_has_its_error_in_its_place() {
    let good = encoded("iso87-bcd");
    let cut = &good[..good.len() - 2];
    let surplus = format!("{good}00");
    let spaced = format!("0x{} {}", &good[..8], &good[8..]);
    let input = format!("{good}\n\n{cut}\nnope\r\n{surplus}\n123\n  {spaced}  ");
    let ran = run_with(
        &["decode", "--dialect", "iso87-bcd", "--json"],
        input.as_bytes(),
    )
    .failed(65);
    let lines: Vec<Value> = ran
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let kinds: Vec<bool> = lines
        .iter()
        .map(|line| line.get("error").is_none())
        .collect();
    assert_eq!(
        kinds,
        [true, false, false, false, false, true],
        "{}",
        ran.stdout
    );
    for line in &lines[1..5] {
        let error = line["error"].as_object().unwrap();
        let keys: Vec<&str> = error.keys().map(String::as_str).collect();
        assert_eq!(
            keys,
            ["offset", "field", "name", "expected", "found", "message"]
        );
        assert!(error["offset"].is_u64() && error["field"].is_u64());
    }
    assert_eq!(lines[1]["error"]["field"], 52);
    assert_eq!(lines[1]["error"]["offset"], good.len() / 2 - 8);
    assert_eq!(lines[2]["error"]["found"], "'n'");
    assert_eq!(lines[3]["error"]["offset"], good.len() / 2);
    assert_eq!(lines[5], lines[0]);
    expect![[r#"
        error: 4 of 6 messages could not be decoded: lines 3, 4, 5, 6
        hint: each error says what `iso87-bcd` expects; --guess says what else the messages may be, and `pointsman dialects iso87-bcd` prints the fields
    "#]].assert_eq(&ran.stderr);
}

#[test]
fn a_tree_of_a_bad_message_ends_with_the_error() {
    let good = encoded("iso87-ascii");
    let ran = run(&["decode", &good[..60], "zz", &good]).failed(65);
    let trees: Vec<&str> = ran.stdout.split("\n\n").collect();
    assert!(trees[0].starts_with("iso87-ascii"), "{}", ran.stdout);
    assert!(ran.stdout.contains("\nerror at byte"), "{}", ran.stdout);
    assert!(
        ran.stdout
            .contains("\nerror: message 2, character 0: expected hex digits, found 'z'\n"),
        "{}",
        ran.stdout
    );
    assert!(trees.last().unwrap().contains("TERM0001"), "{}", ran.stdout);
}

/// What editors, other tools and habits put around hex.
#[test]
fn hex_in_more_spellings() {
    let hex = encoded("iso87-ascii");
    let plain = run(&["decode", &hex]).ok();
    let marked = format!("\u{feff}{hex}\n");
    assert_eq!(run_with(&["decode"], marked.as_bytes()).ok(), plain);
    assert_eq!(run_with(&["decode", "-"], hex.as_bytes()).ok(), plain);
    assert_eq!(run(&["decode", &format!("0X{hex}")]).ok(), plain);
    let object = format!("\u{feff}{}\n", purchase()).replace("11D", "11=");
    let again = run_with(&["encode"], object.as_bytes()).ok();
    assert_eq!(again.trim_end(), hex);
}

#[test]
fn a_tree_says_which_line_its_error_belongs_to() {
    let good = encoded("iso87-bcd");
    let input = format!("{good}\n\n{}\nnope\n", &good[..60]);
    let ran = run_with(&["decode", "-d", "iso87-bcd"], input.as_bytes()).failed(65);
    assert!(ran.stdout.contains("\n  line      3\n"), "{}", ran.stdout);
    assert!(
        ran.stdout.contains("error: line 4, character 0: expected"),
        "{}",
        ran.stdout
    );
    expect![[r#"
        error: 2 of 3 messages could not be decoded: lines 3, 4
        hint: each error says what `iso87-bcd` expects; --guess says what else the messages may be, and `pointsman dialects iso87-bcd` prints the fields
    "#]]
    .assert_eq(&ran.stderr);
    // No dialect helps with what is no hex.
    let ran = run(&["decode", "nope"]).failed(65);
    assert!(!ran.stderr.contains("--dialect"), "{}", ran.stderr);
}

#[test]
fn stars_that_somebody_wrote_are_written_again() {
    let object = "{\"mti\":\"0600\",\"fields\":{\"48\":\"CARD 411111******1111\"}}\n";
    let hex = run_with(&["encode"], object.as_bytes()).ok();
    let decoded = run(&["decode", "--json", hex.trim_end()]).ok();
    assert_eq!(decoded, object);
    for value in ["\"34\":\"**\"", "\"45\":\"***\"", "\"52\":\"**\""] {
        let object = format!("{{\"mti\":\"0200\",\"fields\":{{{value}}}}}");
        let ran = run_with(&["encode"], object.as_bytes()).failed(65);
        assert!(ran.stdout.contains("a masked one"), "{}", ran.stdout);
    }
}

#[test]
fn a_bad_object_has_its_error_in_its_place() {
    let good = purchase().to_string().replace("11D", "11=");
    let input = [
        good.as_bytes(),
        b"\n\n{\"mti\":\"0200\"\n{\"mti\":\"0200\",\"fields\":{\"3\":\"12\"}}\n\xff\xfe\n{\"error\":{\"offset\":1}}\n",
        good.as_bytes(),
    ]
    .concat();
    let ran = run_with(&["encode"], &input).failed(65);
    let lines: Vec<&str> = ran.stdout.lines().collect();
    assert_eq!(lines.len(), 6, "{}", ran.stdout);
    assert_eq!(lines[0], encoded("iso87-ascii"));
    assert_eq!(lines[5], lines[0]);
    let error = |line: usize| serde_json::from_str::<Value>(lines[line]).unwrap()["error"].clone();
    assert_eq!(error(2)["field"], 3);
    assert_eq!(error(2)["name"], "Processing code");
    assert_eq!(error(3)["expected"], "UTF-8 text");
    for line in 1..5 {
        assert!(error(line)["message"].is_string());
    }
}

#[test]
fn a_masked_message_is_not_encoded_by_mistake() {
    let masked = run(&["decode", "--json", &encoded("iso87-ascii")]).ok();
    let ran = run_with(&["encode"], masked.as_bytes()).failed(65);
    assert!(ran.stdout.starts_with("{\"error\":"), "{}", ran.stdout);
}

#[test]
fn a_line_without_an_end_is_bounded() {
    let good = encoded("iso87-ascii");
    let mut input = vec![b'3'; 4 << 20];
    input.push(b'\n');
    input.extend_from_slice(good.as_bytes());
    let ran = run_with(&["decode", "--json"], &input).failed(65);
    let lines: Vec<&str> = ran.stdout.lines().collect();
    assert!(lines[0].contains("characters a line"), "{}", lines[0]);
    assert!(lines[1].starts_with("{\"mti\":\"0200\""), "{}", lines[1]);
    let ran = run_with(&["encode"], &input).failed(65);
    assert!(ran.stdout.contains("bytes a line"), "{}", ran.stdout);
}

#[test]
fn nothing_in_nothing_out() {
    assert_eq!(run(&["decode"]).ok(), "");
    assert_eq!(run(&["encode"]).ok(), "");
    assert_eq!(run_with(&["decode"], b"\n \n\n").ok(), "");
}

#[test]
fn an_answer_comes_before_the_next_question() {
    let mut child = command(&["decode", "--json"]).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    let good = encoded("iso87-ascii");
    for _ in 0..3 {
        writeln!(stdin, "{good}").unwrap();
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        assert!(line.starts_with("{\"mti\":\"0200\""), "{line}");
    }
    drop(stdin);
    assert!(child.wait().unwrap().success());
}

#[test]
fn a_reader_that_leaves_early_is_no_failure() {
    let good = encoded("iso87-ascii") + "\n";
    let mut child = command(&["decode", "--json"]).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    stdin.write_all(good.as_bytes()).unwrap();
    let mut line = String::new();
    stdout.read_line(&mut line).unwrap();
    drop(stdout);
    let feeder = std::thread::spawn(move || while stdin.write_all(good.as_bytes()).is_ok() {});
    let output = child.wait_with_output().unwrap();
    feeder.join().unwrap();
    assert_eq!(
        (output.status.code(), output.stderr.as_slice()),
        (Some(0), &b""[..])
    );
}

#[test]
fn dialects_are_listed() {
    let list = run(&["dialects"]).ok();
    let names: Vec<&str> = list
        .lines()
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    let packs = [
        "iso93-ascii",
        "iso93-binary",
        "iso2003-cmf",
        "unionpay-host",
        "base24-pos",
        "visa-like",
        "mastercard-like",
        "postilion",
    ];
    assert_eq!(names, [&DIALECTS[..], &packs].concat());
    let json: Value = serde_json::from_str(&run(&["dialects", "--json"]).ok()).unwrap();
    assert_eq!(json[4]["name"], "unionpay-pos");
    assert_eq!(json[4]["header_bytes"], 11);
}

#[test]
fn a_dialect_can_be_printed_changed_and_used() {
    for dialect in DIALECTS {
        let printed = run(&["dialects", dialect]).ok();
        let file = TempFile::new(&format!("{dialect}.toml"), &printed);
        assert_eq!(run(&["dialects", file.path()]).ok(), printed);
        let hex = encoded(dialect);
        let by_name = run(&["decode", "-d", dialect, "--json", &hex]).ok();
        assert_eq!(
            run(&["decode", "-d", file.path(), "--json", &hex]).ok(),
            by_name
        );
    }
    let printed = run(&["dialects", "iso87-ascii"]).ok();
    assert_eq!(printed.matches("\"System trace audit number\"").count(), 1);
    let file = TempFile::new(
        "changed.toml",
        printed.replace("System trace audit number", "Folgenummer"),
    );
    let tree = run(&["decode", "-d", file.path(), &encoded("iso87-ascii")]).ok();
    assert!(tree.contains("Folgenummer"), "{tree}");
}

#[test]
fn a_dialect_that_is_none() {
    let ran = run(&["decode", "--dialect", "iso87-asci", "00"]).failed(64);
    assert!(
        ran.stderr.contains("did you mean `iso87-ascii`?"),
        "{}",
        ran.stderr
    );
    run(&["decode", "--dialect", "nowhere.toml", "00"]).failed(66);
    run(&["dialects", "base24"]).failed(64);
    let file = TempFile::new(
        "wrong-dialect.toml",
        "name = \"mine\"\nextends = \"iso87-ascii\"\n[fields]\n2 = { name = \"PAN\", type = \"q5\" }\n",
    );
    let ran = run(&["encode", "--dialect", file.path()]).failed(78);
    assert!(ran.stderr.contains("\n4 | 2 = {"), "{}", ran.stderr);
    assert!(ran.stderr.contains("has an error\n"), "{}", ran.stderr);
}

/// The script itself is tried in tshark by tests/wireshark/try.py.
#[test]
fn a_dialect_becomes_a_dissector() {
    let golden = |name: &str| {
        let path = root()
            .join("tests/golden/wireshark")
            .join(format!("{name}.lua"));
        expect_test::expect_file![path]
    };
    for name in ["iso87-bcd", "unionpay-pos"] {
        golden(name).assert_eq(&run(&["dialects", name, "--wireshark"]).ok());
    }
    let file = TempFile::new(
        "quoted.toml",
        "name = \"mine\"\nextends = \"iso87-ascii\"\n[fields]\n48 = { name = 'a \"b\\', type = \"ans...99\" }\n",
    );
    let lua = run(&["dialects", file.path(), "--wireshark"]).ok();
    assert!(lua.contains(r#"[48] = { name = "a \"b\\", type"#), "{lua}");
    assert_eq!(run(&["dialects", "--wireshark"]).code, 64);
}

/// A purchase without an amount is a message, but not one that its dialect's rules allow.
#[test]
fn a_message_that_breaks_the_rules_of_its_dialect() {
    let purchase = "{\"mti\":\"0200\",\"fields\":{\"3\":\"000000\",\"11\":\"000001\"}}\n";
    let missing =
        "field 4 (Amount, transaction) is missing: a purchase, cash or a refund has an amount";

    let encoded = run_with(&["encode"], purchase.as_bytes()).ok();
    let hex = encoded.trim_end();
    let strictly = run_with(&["encode", "--strict"], purchase.as_bytes());
    assert_eq!(strictly.code, 65, "{}", strictly.stderr);
    let error: Value = serde_json::from_str(&strictly.stdout).unwrap();
    assert_eq!(error["error"]["field"], 4);
    assert_eq!(error["error"]["message"], missing);

    let tree = run(&["decode", hex]);
    assert_eq!((tree.code, tree.stderr.as_str()), (0, ""));
    assert!(
        tree.stdout.ends_with(&format!("note: {missing}\n")),
        "{}",
        tree.stdout
    );
    let strictly = run(&["decode", "--strict", hex]);
    assert_eq!((strictly.code, &strictly.stdout), (65, &tree.stdout));
    expect![[r#"
        error: the message breaks the rules of its dialect
        hint: each note says what is wrong; the rules are [messages] and [layouts] in `pointsman dialects iso87-ascii`
    "#]]
    .assert_eq(&strictly.stderr);

    let json = run(&["decode", "--json", hex]).ok();
    let message: Value = serde_json::from_str(&json).unwrap();
    let expected = json!([{ "field": 4, "problem": "missing", "message": missing }]);
    assert_eq!(message["presence"], expected);
    // What was noted is no part of the message.
    let again = run_with(&["encode"], json.as_bytes());
    assert_eq!((again.code, again.stdout.trim_end()), (0, hex));

    // Which of several: two are in order.
    let right = "{\"mti\":\"0800\",\"fields\":{\"11\":\"000001\",\"70\":\"301\"}}\n";
    let right = run_with(&["encode", "--strict"], right.as_bytes()).ok();
    let lines = format!("{right}{hex}\n{right}");
    let several = run_with(&["decode", "--strict", "--json"], lines.as_bytes());
    assert_eq!(several.code, 65);
    assert!(
        several
            .stderr
            .starts_with("error: 1 of 3 messages break the rules"),
        "{}",
        several.stderr
    );
}

/// All that is wrong with a message at once, inside of its fields too.
#[test]
fn every_rule_that_a_message_breaks() {
    let line =
        r#"{"mti":"0200","fields":{"3":"000000","11":"000001","54":"0002840C00000000X234"}}"#;
    let hex = run_with(&["encode"], line.as_bytes()).ok();
    let hex = hex.trim_end();
    let json = run(&["decode", "--json", hex]).ok();
    let message: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(message["layouts"][0]["part"], "1");
    assert_eq!(message["layouts"][0]["field"], 54);

    let strictly = run_with(&["encode", "--strict"], line.as_bytes());
    assert_eq!(strictly.code, 65, "{}", strictly.stderr);
    let error: Value = serde_json::from_str(&strictly.stdout).unwrap();
    let more = error["more"].as_array().unwrap();
    let missing = message["presence"].as_array().unwrap();
    assert_eq!(error["error"]["message"], missing[0]["message"]);
    assert_eq!(more.len(), missing.len(), "{error}");
    assert_eq!(
        more[more.len() - 1]["message"],
        message["layouts"][0]["message"]
    );

    // A layout alone is enough.
    let complete = r#"{"mti":"0810","fields":{"7":"0102030405","11":"000001","39":"00","54":"0002840C00000000X234","70":"301"}}"#;
    let hex = run_with(&["encode"], complete.as_bytes()).ok();
    let strictly = run(&["decode", "--strict", "--json", hex.trim_end()]);
    assert_eq!(strictly.code, 65, "{}", strictly.stdout);
    assert!(!strictly.stdout.contains("presence"), "{}", strictly.stdout);
}

/// What stands inside of fields: printed on demand, and taken back.
#[test]
fn parts_of_fields_there_and_back() {
    let line = "{\"mti\":\"0100\",\"fields\":{\"48\":{\"1\":\"T\",\"42\":{\"01\":{\"1\":\"2\",\"2\":\"1\",\"3\":\"0\"}},\"92\":\"737\"}}}\n";
    let hex = run_with(&["encode", "-d", "mastercard-like"], line.as_bytes()).ok();
    let decoded = |arguments: &[&str]| {
        let arguments = [
            &["decode", "-d", "mastercard-like"],
            arguments,
            &[hex.trim_end()],
        ]
        .concat();
        run(&arguments).ok()
    };
    let json: Value = serde_json::from_str(&decoded(&["--json", "--parts"])).unwrap();
    assert_eq!(json["fields"]["48"], "T420701032109203***");
    assert_eq!(json["parts"]["48"]["42"]["01"]["2"], "1");
    assert_eq!(json["parts"]["48"]["92"], "***");
    assert!(!decoded(&["--json"]).contains("parts"));

    let whole = decoded(&["--json", "--parts", "--unmask"]);
    let again = run_with(&["encode", "-d", "mastercard-like"], whole.as_bytes()).ok();
    assert_eq!(again, hex);
    let masked = decoded(&["--json", "--parts"]);
    let refused = run_with(&["encode", "-d", "mastercard-like"], masked.as_bytes());
    assert_eq!(refused.code, 65, "{}", refused.stdout);

    let tree = decoded(&[]);
    assert!(tree.contains("92 Security code"), "{tree}");
    assert!(!tree.contains("737"), "{tree}");
    assert_eq!(run(&["decode", "--parts", hex.trim_end()]).code, 64);
}
