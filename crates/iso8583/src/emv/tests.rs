//! Field 55 as terminals, hosts and attackers send it.

use super::*;
use crate::dialect::Dialect;

fn hex(text: &str) -> Vec<u8> {
    let digits: String = text.split_whitespace().collect();
    crate::mask::bytes_of_hex(&digits).unwrap()
}

/// One line a fault.
fn said(text: &str) -> Vec<String> {
    let line = |fault: &Fault| format!("{}: {fault}", fault.offset);
    faults(&hex(text)).iter().map(line).collect()
}

#[test]
fn nothing_is_wrong_with_what_a_terminal_sends() {
    assert_eq!(
        said(pointsman_test_support::canonical::EMV),
        Vec::<String>::new()
    );
    // Several scripts of several commands.
    let scripts = "72 0B 9F18 04 00000001 86 00 86 00 72 02 86 00";
    assert_eq!(said(scripts), Vec::<String>::new());
    assert_eq!(said("DF10 00 DF11 03 AABBCC"), Vec::<String>::new());
    assert_eq!(said(""), Vec::<String>::new());
}

#[test]
fn each_fault_is_named_with_its_place() {
    let cases: &[(&str, &[&str])] = &[
        (
            "9F2701 80 9A02 2611",
            &["4: 9A (Transaction date): a length of 2 is not 3"],
        ),
        (
            "84 04 A0000000",
            &["0: 84 (Dedicated file name): a length of 4 is not between 5 and 16"],
        ),
        (
            "9F02 06 00000001234A",
            &["0: 9F02 (Amount, authorised): the value is not of format n"],
        ),
        (
            "8A 02 3000",
            &["0: 8A (Authorisation response code): the value is not of format an"],
        ),
        (
            "9C 01 00 5A 08 4111111111111111",
            &["3: 5A (Application PAN): card data that must not be sent in field 55"],
        ),
        (
            "9C 01 00 95 05 0000000000 9C 01 01",
            &["10: 9C (Transaction type): there already, at byte 0 of the data"],
        ),
        (
            "9C 01 00 9F",
            &["3: not BER-TLV: the element needs 2 bytes, 1 are left"],
        ),
        (
            "9A 84 FFFFFFFF",
            &["1: not BER-TLV: length byte 84 is none of 00-7F, 81 and 82"],
        ),
        (
            "57 02 12AB 57 01 12",
            &[
                "0: 57 (Track 2 equivalent data): card data that must not be sent in field 55",
                "4: 57 (Track 2 equivalent data): card data that must not be sent in field 55",
                "4: 57 (Track 2 equivalent data): there already, at byte 0 of the data",
            ],
        ),
    ];
    for (text, expected) in cases {
        assert_eq!(said(text), *expected, "{text}");
    }
}

/// The same tag in two templates is no duplicate, twice in one is.
#[test]
fn duplicates_are_of_one_template() {
    assert_eq!(
        said("77 03 9C 01 00 70 06 9C 01 00 9C 01 01"),
        ["10: 9C (Transaction type): there already, at byte 7 of the data"]
    );
    assert_eq!(said("9C 01 00 70 03 9C 01 00"), Vec::<String>::new());
}

#[test]
fn every_forbidden_tag_is_refused_and_masked() {
    for tag in FORBIDDEN {
        assert_ne!(
            crate::mask::tag_kind(tag),
            crate::field::Sensitive::No,
            "{tag}"
        );
        let mut element = hex(&tag.to_string());
        element.extend([1, 0x11]);
        let found = faults(&element);
        assert!(found.iter().any(|fault| fault.kind == FaultKind::Forbidden));
    }
}

/// As many elements as fit a field, all the same: the cost stays near linear, and each but the first is a duplicate.
#[test]
fn many_duplicates() {
    let bytes = [0x9C, 0x01, 0x00].repeat(20_000);
    assert_eq!(faults(&bytes).len(), 19_999);
}

#[test]
fn fields_that_differ_from_their_elements() {
    let dialect = Dialect::builtin("iso87-mixed").unwrap();
    let differing = |fields: &[(u8, &str)]| {
        let mut out = bytes::BytesMut::new();
        let mut builder = crate::Builder::new(&dialect, &mut out, Mti::literal(b"0200"));
        for (number, value) in fields {
            builder.text(*number, value).unwrap();
        }
        builder.finish().unwrap();
        let found = mismatches(&dialect.view(&out).unwrap());
        let line = |mismatch: &Mismatch| (mismatch.field, mismatch.tag.unwrap().to_string());
        found.iter().map(line).collect::<Vec<_>>()
    };
    let icc = "9F02060000000100009C01005F3401015F2A020840";
    let same = [
        (3, "003000"),
        (4, "000000010000"),
        (23, "001"),
        (49, "840"),
        (55, icc),
    ];
    assert_eq!(differing(&same), []);
    let other = [
        (3, "013000"),
        (4, "000000010001"),
        (23, "002"),
        (49, "978"),
        (55, icc),
    ];
    let expected = [(3, "9C"), (4, "9F02"), (23, "5F34"), (49, "5F2A")];
    assert_eq!(
        differing(&other),
        expected.map(|(field, tag)| (field, tag.to_owned()))
    );
    assert_eq!(
        differing(&[(49, "USD"), (55, icc)]),
        [],
        "letters are no number"
    );
    assert_eq!(differing(&[(4, "000000010001"), (55, "9C0100")]), []);
    assert_eq!(differing(&[(4, "000000010001")]), []);
}

/// One word a meaning: byte, bits and the text.
fn meanings(tag: u32, value: &str) -> Vec<String> {
    let text = |meaning: &Meaning| {
        let (high, low) = meaning.bits;
        format!("{}.{high}-{low} {}", meaning.byte + 1, meaning.text)
    };
    bits(Tag(tag), &hex(value)).iter().map(text).collect()
}

#[test]
fn bits_in_words() {
    assert_eq!(
        meanings(0x95, "0880048000"),
        [
            "1.4-4 dynamic data authentication (DDA) failed",
            "2.8-8 card and terminal have different application versions",
            "3.3-3 online PIN entered",
            "4.8-8 transaction exceeds the floor limit",
        ]
    );
    assert_eq!(
        meanings(0x95, "0000000040"),
        ["5.7-7 issuer authentication failed"]
    );
    assert_eq!(meanings(0x95, "0100000000"), ["1.1-1 reserved"]);
    assert_eq!(
        meanings(0x9B, "E800"),
        [
            "1.8-8 offline data authentication was performed",
            "1.7-7 cardholder verification was performed",
            "1.6-6 card risk management was performed",
            "1.4-4 terminal risk management was performed",
        ]
    );
    assert_eq!(
        meanings(0x9F34, "420300"),
        [
            "1.7-7 if it fails, the next method is tried",
            "1.6-1 enciphered PIN verified online",
            "2.8-1 if the terminal supports the method",
            "3.8-1 unknown, as for a signature",
        ]
    );
    assert_eq!(
        meanings(0x9F34, "1F0302"),
        [
            "1.6-1 no CVM required",
            "2.8-1 if the terminal supports the method",
            "3.8-1 successful",
        ]
    );
    assert_eq!(
        meanings(0x82, "3900"),
        [
            "1.6-6 dynamic data authentication (DDA) supported",
            "1.5-5 cardholder verification supported",
            "1.4-4 terminal risk management to be performed",
            "1.1-1 combined data authentication (CDA) supported",
        ]
    );
    assert_eq!(
        meanings(0x9F27, "0A"),
        [
            "1.8-7 application authentication cryptogram (AAC), declined",
            "1.4-4 advice required",
            "1.3-1 PIN try limit exceeded",
        ]
    );
    assert_eq!(
        meanings(0x9F33, "E0F0C8"),
        [
            "1.8-8 manual key entry",
            "1.7-7 magnetic stripe",
            "1.6-6 chip with contacts",
            "2.8-8 plaintext PIN for verification by the card",
            "2.7-7 enciphered PIN for online verification",
            "2.6-6 signature on paper",
            "2.5-5 enciphered PIN for offline verification",
            "3.8-8 static data authentication (SDA)",
            "3.7-7 dynamic data authentication (DDA)",
            "3.4-4 combined data authentication (CDA)",
        ]
    );
    assert_eq!(
        meanings(0x9F40, "4000800001"),
        ["1.7-7 goods", "3.8-8 numeric keys", "5.1-1 code table 1"]
    );
    assert_eq!(
        meanings(0x95, "00"),
        Vec::<String>::new(),
        "of another length"
    );
    assert_eq!(meanings(0x9A, "261124"), Vec::<String>::new());
}

/// What the entry mode and the cryptogram say of a chip, in requests of the 1987 edition only.
#[test]
fn entry_mode_and_cryptogram_are_held_against_field_55() {
    let found = |mti: &[u8; 4], mode: &str, icc: Option<&str>| {
        let icc = icc.map(|icc| crate::mask::bytes_of_hex(icc).unwrap());
        let text = |number| (number == 22).then(|| mode.to_owned());
        let found = mismatches_of(Mti::literal(mti), icc.as_deref(), text);
        let lines = found.iter().map(ToString::to_string);
        lines.collect::<Vec<_>>()
    };
    const ARQC: Option<&str> = Some("9F270180");
    for mode in ["051", "071", "911", "951", "000"] {
        assert!(found(b"0200", mode, ARQC).is_empty(), "{mode}");
    }
    let missing = ["field 22 says that a chip was read, and there is no field 55"];
    let without = ["field 22 says that no chip was read, and there is a field 55"];
    for mti in [b"0100", b"0200", b"0201"] {
        assert_eq!(found(mti, "051", None), missing);
        assert_eq!(found(mti, "072", None), missing);
        assert_eq!(found(mti, "021", ARQC), without);
        assert!(found(mti, "021", None).is_empty() && found(mti, "951", None).is_empty());
    }
    for mti in [b"0210", b"0220", b"0400", b"0800"] {
        assert!(found(mti, "051", None).is_empty() && found(mti, "021", ARQC).is_empty());
        assert!(found(mti, "051", Some("9F270100")).is_empty());
    }
    // Twelve characters of 1993.
    assert!(found(b"1200", "510101511344", None).is_empty());

    let offline =
        ["a request goes online, and 9F27 (Cryptogram information data) in field 55 is no ARQC"];
    assert_eq!(found(b"0200", "051", Some("9F270100")), offline);
    assert_eq!(found(b"0100", "051", Some("9F270140")), offline);
    assert!(
        found(b"0200", "051", Some("9F2701A0")).is_empty(),
        "with a reason code"
    );
    assert!(found(b"0200", "051", Some("9A03261124")).is_empty());
    assert!(found(b"0200", "051", Some("9F2700")).is_empty());
}
