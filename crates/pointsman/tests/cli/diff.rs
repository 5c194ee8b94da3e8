//! `pointsman diff`

use expect_test::expect;
use serde_json::Value;

use crate::codec::encoded;
use crate::*;

fn encode(dialect: &str, object: &str) -> String {
    let text = run_with(&["encode", "-d", dialect], object.as_bytes()).ok();
    text.trim_end().to_owned()
}

const REQUEST: &str = r#"{"mti":"0200","fields":{"2":"4111111111111111","3":"000000","11":"000001","41":"TERM0001","52":"0123456789ABCDEF"}}"#;
const ANSWER: &str = r#"{"mti":"0210","fields":{"2":"4111112222221111","3":"000000","11":"000001","39":"00","41":"TERM0001","52":"0123456789ABCDE0"}}"#;

#[test]
fn only_what_differs_and_nothing_of_what_is_hidden() {
    let (a, b) = (encode("iso87-bcd", REQUEST), encode("iso87-bcd", ANSWER));
    let ran = run(&["diff", "-d", "iso87-bcd", &a, &b]);
    assert_eq!((ran.code, ran.stderr.as_str()), (1, ""));
    expect![[r#"
        field  name                                 A                 B
            0  Message type                         0200              0210
            2  Primary account number               411111******1111  411111******1111  (they differ where it is hidden)
           39  Response code                        -                 00
           52  Personal identification number data  ****************  ****************  (they differ where it is hidden)
    "#]].assert_eq(&ran.stdout);
    for secret in ["4111111111111111", "222222", "0123456789ABCDE"] {
        assert!(!ran.stdout.contains(secret), "{secret}: {}", ran.stdout);
    }
    let unmasked = run(&["diff", "-d", "iso87-bcd", "--unmask", "--all", &a, &b]);
    expect![[r#"
        field  name                                   A                 B
            0  Message type                           0200              0210
            2  Primary account number                 4111111111111111  4111112222221111
            3  Processing code                        000000            000000
           11  System trace audit number              000001            000001
           39  Response code                          -                 00
           41  Card acceptor terminal identification  TERM0001          TERM0001
           52  Personal identification number data    0123456789ABCDEF  0123456789ABCDE0
    "#]]
    .assert_eq(&unmasked.stdout);
}

#[test]
fn the_same_in_two_dialects_is_the_same() {
    for other in ["iso87-bcd", "iso87-ebcdic", "iso87-mixed"] {
        let (a, b) = (encoded("iso87-ascii"), encoded(other));
        let args = ["diff", "-d", "iso87-ascii", "--other", other, &a, &b];
        assert_eq!(run(&args).ok(), "", "{other}");
    }
}

#[test]
fn as_json_from_files_and_standard_input() {
    let (a, b) = (
        encode("iso87-ascii", REQUEST),
        encode("iso87-ascii", ANSWER),
    );
    let file = TempFile::new("a.hex", format!("{a}\n"));
    let ran = run_with(&["diff", "--json", file.path(), "-"], b.as_bytes());
    assert_eq!(ran.code, 1, "{}", ran.stderr);
    let object: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(
        (&object["equal"], &object["differences"]),
        (&false.into(), &4.into())
    );
    let numbers: Vec<&Value> = object["fields"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| &row["field"])
        .collect();
    assert_eq!(numbers, [0, 2, 39, 52]);
    assert_eq!(object["fields"][1]["hidden"], true);
    assert_eq!(object["fields"][2]["a"], Value::Null);
    assert!(!ran.stdout.contains("4111111111111111"), "{}", ran.stdout);

    let bytes: Vec<u8> = (0..a.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&a[at..at + 2], 16).unwrap())
        .collect();
    let binary = TempFile::new("a.bin", bytes);
    assert_eq!(run(&["diff", "--binary", binary.path(), &a]).ok(), "");
}

#[test]
fn chip_data_is_compared_element_by_element() {
    let message = |chip: &str| {
        let object = format!(r#"{{"mti":"0200","fields":{{"11":"000001","55":"{chip}"}}}}"#);
        encode("iso87-bcd", &object)
    };
    let a = message("9F2701809F360200015A084111111111111111");
    let b = message("9F2701405A0841111122222211119F3602000195050000000000");
    let ran = run(&["diff", "-d", "iso87-bcd", &a, &b]);
    expect![[r#"
        field  name                                A                 B
           55  Integrated circuit card data        19 bytes          26 bytes
                 5A Application PAN                411111******1111  411111******1111  (they differ where it is hidden)
                 95 Terminal verification results  -                 0000000000
                 9F27 Cryptogram information data  80                40
    "#]].assert_eq(&ran.stdout);
    let ran = run(&["diff", "-d", "iso87-bcd", "--json", &a, &b]);
    let object: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(object["differences"], 1);
    assert_eq!(object["fields"][1]["tag"], "5A");
    assert!(!ran.stdout.contains("222222"), "{}", ran.stdout);
    // What is no TLV is compared as a whole.
    let ran = run(&["diff", "-d", "iso87-bcd", &a, &message("9F27")]);
    assert_eq!(ran.stdout.lines().count(), 3, "{}", ran.stdout);
}

#[test]
fn what_cannot_be_compared() {
    let good = encode("iso87-ascii", REQUEST);
    let ran = run(&["diff", &good, &good[..40]]).failed(65);
    assert!(ran.stderr.contains("the second message"), "{}", ran.stderr);
    assert_eq!(ran.stdout, "");
    run(&["diff", "nope", &good]).failed(65);
    run(&["diff", "--other", "nope", &good, &good]).failed(64);
    assert_eq!(run(&["diff", &good]).code, 64);
}

/// Which subelement differs, and nothing of one that hides.
#[test]
fn part_by_part() {
    let message = |parts: &str| {
        let object = format!("{{\"mti\":\"0100\",\"fields\":{{\"48\":{parts}}}}}");
        encode("mastercard-like", &object)
    };
    let a = message(r#"{"1":"T","42":{"01":{"1":"2","2":"1","3":"0"}},"92":"737"}"#);
    let b = message(r#"{"1":"T","42":{"01":{"1":"2","2":"1","3":"2"}},"71":"18C","92":"738"}"#);
    let ran = run(&["diff", "-d", "mastercard-like", &a, &b]);
    expect![[r#"
        field  name                                      A                    B
           48  Additional data: subelements              T420701032109203***  T42070103212710318C9203***
                 42.01.3 Authentication data collection  0                    2
                 92 Security code                        ***                  ***  (they differ where it is hidden)
                 71 On-behalf services                   -                    18C
    "#]].assert_eq(&ran.stdout);
    assert!(!ran.stdout.contains("737") && !ran.stdout.contains("738"));
    let ran = run(&["diff", "-d", "mastercard-like", "--json", &a, &b]);
    let json: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(json["differences"], 1);
    assert_eq!(json["fields"][1]["part"], "42.01.3");
}

/// Elements of one tag are told apart by how often it came, however often that is.
#[test]
fn thousands_of_the_same_element() {
    let dialect = TempFile::new(
        "chip.toml",
        "name = \"chip\"\nextends = \"iso87-bcd\"\n[fields]\n55 = { type = \"b......65000\" }\n",
    );
    let message = |last: &str| {
        let elements = "9A00".repeat(16_000);
        let object = format!("{{\"mti\":\"0100\",\"fields\":{{\"55\":\"{elements}{last}\"}}}}\n");
        let hex = run_with(&["encode", "-d", dialect.path()], object.as_bytes()).ok();
        TempFile::new(&format!("{last}.hex"), hex)
    };
    let (a, b) = (message("9A0101"), message("9A0102"));
    let ran = run(&["diff", "--unmask", "-d", dialect.path(), a.path(), b.path()]);
    assert!(
        ran.stdout
            .ends_with("9A Transaction date         01           02\n"),
        "{}{}",
        ran.stdout,
        ran.stderr
    );
}
