//! JSON lines: what is refused, with which words; what is accepted although it looks odd.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "test code: a wrong fixture must stop the test"
)]

mod common;

use bytes::BytesMut;
use common::{dialect, hex};
use expect_test::{Expect, expect};
use pointsman_iso8583::json;
use pointsman_iso8583::mask::Unmask;

/// Encodes the lines in the dialect and gives hex or the error object for each.
fn check(name: &str, lines: &[&str], expected: Expect) {
    let dialect = dialect(name);
    let mut shown = String::new();
    for line in lines {
        let mut out = BytesMut::new();
        match json::encode_line(&dialect, line, &mut out) {
            Ok(()) => shown.push_str(&hex(&out)),
            Err(error) => {
                assert!(out.is_empty());
                shown.push_str(&json::error_line(&error.explain(&dialect)));
            }
        }
        shown.push('\n');
    }
    expected.assert_eq(&shown);
}

#[test]
fn fields_in_any_order() {
    check(
        "iso87-ascii",
        &[
            r#"{"mti":"0800","fields":{"7":"0731123456","11":"000042","70":"301"}}"#,
            r#" { "fields" : { "70":"301" , "11":"000042", "7":"0731123456" } , "mti" : "0800" } "#,
            r#"{"mti":"0800"}"#,
            r#"{"mti":"0800","fields":{}}"#,
        ],
        expect![[r#"
            30383030383232303030303030303030303030303034303030303030303030303030303030373331313233343536303030303432333031
            30383030383232303030303030303030303030303034303030303030303030303030303030373331313233343536303030303432333031
            3038303030303030303030303030303030303030
            3038303030303030303030303030303030303030
        "#]],
    );
}

#[test]
fn what_is_no_object() {
    check(
        "iso87-ascii",
        &[
            "",
            "null",
            "42",
            "\"0200\"",
            "[{}]",
            "{",
            "{}",
            "{} {}",
            "{\"mti\":\"0200\",}",
            "\u{0}",
            "{\"mti\":\"\\ud800\"}",
            &"[".repeat(5000),
            &"{\"a\":".repeat(5000),
        ],
        expect![[r#"
            {"error":{"offset":0,"field":0,"name":"JSON","expected":"a JSON object","found":"the end of the line","message":"line, character 0: expected a JSON object, found the end of the line"}}
            {"error":{"offset":0,"field":0,"name":"JSON","expected":"a JSON object","found":"null","message":"line, character 0: expected a JSON object, found null"}}
            {"error":{"offset":0,"field":0,"name":"JSON","expected":"a JSON object","found":"a number","message":"line, character 0: expected a JSON object, found a number"}}
            {"error":{"offset":0,"field":0,"name":"JSON","expected":"a JSON object","found":"a string","message":"line, character 0: expected a JSON object, found a string"}}
            {"error":{"offset":0,"field":0,"name":"JSON","expected":"a JSON object","found":"an array","message":"line, character 0: expected a JSON object, found an array"}}
            {"error":{"offset":1,"field":0,"name":"JSON","expected":"the rest of a JSON object","found":"the end of the line","message":"line, character 1: expected the rest of a JSON object, found the end of the line"}}
            {"error":{"offset":2,"field":0,"name":"Message type","expected":"the key mti","found":"none","message":"line, character 2: expected the key mti, found none"}}
            {"error":{"offset":3,"field":0,"name":"JSON","expected":"nothing behind the object","found":"'{'","message":"line, character 3: expected nothing behind the object, found '{'"}}
            {"error":{"offset":14,"field":0,"name":"JSON","expected":"a key between quotes","found":"'}'","message":"line, character 14: expected a key between quotes, found '}'"}}
            {"error":{"offset":0,"field":0,"name":"JSON","expected":"a JSON value","found":"'\\0'","message":"line, character 0: expected a JSON value, found '\\0'"}}
            {"error":{"offset":14,"field":0,"name":"JSON","expected":"JSON","found":"unexpected end of hex escape","message":"line, character 14: expected JSON, found unexpected end of hex escape"}}
            {"error":{"offset":5000,"field":0,"name":"JSON","expected":"the rest of a JSON object","found":"the end of the line","message":"line, character 5000: expected the rest of a JSON object, found the end of the line"}}
            {"error":{"offset":25000,"field":0,"name":"JSON","expected":"the rest of a JSON object","found":"the end of the line","message":"line, character 25000: expected the rest of a JSON object, found the end of the line"}}
        "#]],
    );
}

/// Offsets count characters, also behind those that take more than one byte.
#[test]
fn places_are_characters() {
    check(
        "iso87-ebcdic",
        &[
            "{\"mti\":\"0800\",\"é\":1}",
            "{\"mti\":\"0800\",\"fields\" : { \"43\" : \"é\" , \"11\" : 1 } }",
            "{\"mti\":\"0800\",\"fields\":{\"48\":\"éé\\u4e2d\"}}",
            "{\"mti\":\"é800\"}",
            "{\"mti\":\"08é0\"}",
            "{\"mti\":\"0800\",\"fields\":{\"35\":\"é***\"}}",
            "{\"mti\":\"0800\",\"a\":\"é\" x}",
        ],
        expect![[r#"
            {"error":{"offset":14,"field":0,"name":"JSON","expected":"the keys mti, header, fields and parts","found":"\"é\"","message":"line, character 14: expected the keys mti, header, fields and parts, found \"é\""}}
            {"error":{"offset":47,"field":11,"name":"System trace audit number","expected":"a string for \"11\"","found":"a number","message":"line, character 47: expected a string for \"11\", found a number"}}
            {"error":{"offset":2,"field":48,"name":"Additional data, private","expected":"a printable EBCDIC character","found":"'中'","message":"field 48 (Additional data, private), character 2: expected a printable EBCDIC character, found '中'"}}
            {"error":{"offset":0,"field":0,"name":"Message type","expected":"four digits for mti","found":"something else","message":"Message type, character 0: expected four digits for mti, found something else"}}
            {"error":{"offset":2,"field":0,"name":"Message type","expected":"four digits for mti","found":"something else","message":"Message type, character 2: expected four digits for mti, found something else"}}
            {"error":{"offset":1,"field":35,"name":"Track 2 data","expected":"the whole value, as decode gives it unmasked","found":"a masked one","message":"field 35 (Track 2 data), character 1: expected the whole value, as decode gives it unmasked, found a masked one"}}
            {"error":{"offset":22,"field":0,"name":"JSON","expected":"',' or '}'","found":"'x'","message":"line, character 22: expected ',' or '}', found 'x'"}}
        "#]],
    );
}

#[test]
fn keys_and_types() {
    check(
        "iso87-ascii",
        &[
            r#"{"mti":"0200","fileds":{}}"#,
            r#"{"error":{"offset":0}}"#,
            r#"{"mti":200}"#,
            r#"{"mti":"200"}"#,
            r#"{"mti":"02X0"}"#,
            r#"{"mti":"0200","mti":"0200"}"#,
            r#"{"mti":"0200","fields":["4111111111111111"]}"#,
            r#"{"mti":"0200","fields":null}"#,
            r#"{"mti":"0200","fields":{"11":42}}"#,
            r#"{"mti":"0200","fields":{"11":{"a":"b"}}}"#,
            r#"{"mti":"0200","fields":{"11":"000042","11":"000043"}}"#,
            r#"{"mti":"0200","fields":{"1":"0000000000000000"}}"#,
            r#"{"mti":"0200","fields":{"0":""}}"#,
            r#"{"mti":"0200","fields":{"02":""}}"#,
            r#"{"mti":"0200","fields":{"193":""}}"#,
            r#"{"mti":"0200","fields":{"65":""}}"#,
            r#"{"mti":"0200","fields":{"4111111111111111":""}}"#,
            r#"{"mti":"0200","header":"","fields":{}}"#,
            r#"{"mti":"0200","header":"6000030000","fields":{}}"#,
        ],
        expect![[r#"
            {"error":{"offset":14,"field":0,"name":"JSON","expected":"the keys mti, header, fields and parts","found":"\"fileds\"","message":"line, character 14: expected the keys mti, header, fields and parts, found \"fileds\""}}
            {"error":{"offset":1,"field":0,"name":"JSON","expected":"the keys mti, header, fields and parts","found":"\"error\"","message":"line, character 1: expected the keys mti, header, fields and parts, found \"error\""}}
            {"error":{"offset":7,"field":0,"name":"Message type","expected":"a string for \"mti\"","found":"a number","message":"line, character 7: expected a string for \"mti\", found a number"}}
            {"error":{"offset":3,"field":0,"name":"Message type","expected":"four digits for mti","found":"something else","message":"Message type, character 3: expected four digits for mti, found something else"}}
            {"error":{"offset":2,"field":0,"name":"Message type","expected":"four digits for mti","found":"something else","message":"Message type, character 2: expected four digits for mti, found something else"}}
            {"error":{"offset":14,"field":0,"name":"Message type","expected":"each key once","found":"\"mti\" again","message":"line, character 14: expected each key once, found \"mti\" again"}}
            {"error":{"offset":23,"field":0,"name":"JSON","expected":"an object for \"fields\"","found":"an array","message":"line, character 23: expected an object for \"fields\", found an array"}}
            {"error":{"offset":23,"field":0,"name":"JSON","expected":"an object for \"fields\"","found":"null","message":"line, character 23: expected an object for \"fields\", found null"}}
            {"error":{"offset":29,"field":11,"name":"System trace audit number","expected":"a string for \"11\"","found":"a number","message":"line, character 29: expected a string for \"11\", found a number"}}
            {"error":{"offset":0,"field":11,"name":"System trace audit number","expected":"a field with a layout in such a message","found":"none","message":"field 11 (System trace audit number), character 0: expected a field with a layout in such a message, found none"}}
            {"error":{"offset":38,"field":11,"name":"System trace audit number","expected":"each key once","found":"\"11\" again","message":"line, character 38: expected each key once, found \"11\" again"}}
            {"error":{"offset":24,"field":1,"name":"Bitmap","expected":"a field number from 2 to 192; the bitmaps are written by themselves","found":"1","message":"line, character 24: expected a field number from 2 to 192; the bitmaps are written by themselves, found 1"}}
            {"error":{"offset":24,"field":0,"name":"JSON","expected":"a field number from 2 to 192","found":"\"0\"","message":"line, character 24: expected a field number from 2 to 192, found \"0\""}}
            {"error":{"offset":24,"field":0,"name":"JSON","expected":"a field number from 2 to 192","found":"\"02\"","message":"line, character 24: expected a field number from 2 to 192, found \"02\""}}
            {"error":{"offset":24,"field":0,"name":"JSON","expected":"a field number from 2 to 192","found":"\"193\"","message":"line, character 24: expected a field number from 2 to 192, found \"193\""}}
            {"error":{"offset":0,"field":65,"name":"Bitmap, tertiary","expected":"a field that iso87-ascii defines","found":"field 65","message":"field 65 (Bitmap, tertiary), character 0: expected a field that iso87-ascii defines, found field 65"}}
            {"error":{"offset":24,"field":0,"name":"JSON","expected":"a field number from 2 to 192","found":"\"411111******1111\"","message":"line, character 24: expected a field number from 2 to 192, found \"411111******1111\""}}
            3032303030303030303030303030303030303030
            {"error":{"offset":0,"field":0,"name":"Header","expected":"no header, for iso87-ascii has none","found":"one","message":"Header, character 0: expected no header, for iso87-ascii has none, found one"}}
        "#]],
    );
}

#[test]
fn values_that_do_not_fit() {
    check(
        "iso87-ascii",
        &[
            r#"{"mti":"0200","fields":{"3":"00000"}}"#,
            r#"{"mti":"0200","fields":{"3":"00000A"}}"#,
            r#"{"mti":"0200","fields":{"2":"41111111111111111111"}}"#,
            r#"{"mti":"0200","fields":{"43":"Zürich                                  "}}"#,
            r#"{"mti":"0200","fields":{"52":"0123"}}"#,
            r#"{"mti":"0200","fields":{"52":"0123456789ABCDEG"}}"#,
            r#"{"mti":"0200","fields":{"55":"ABC"}}"#,
            r#"{"mti":"0200","fields":{"28":"X00000100"}}"#,
            r#"{"mti":"0200","fields":{"35":"4111111111111111 2912"}}"#,
        ],
        expect![[r#"
            {"error":{"offset":0,"field":3,"name":"Processing code","expected":"exactly 6 digits","found":"5","message":"field 3 (Processing code), character 0: expected exactly 6 digits, found 5"}}
            {"error":{"offset":5,"field":3,"name":"Processing code","expected":"a digit","found":"'A'","message":"field 3 (Processing code), character 5: expected a digit, found 'A'"}}
            {"error":{"offset":0,"field":2,"name":"Primary account number","expected":"a length of at most 19","found":"20","message":"field 2 (Primary account number), character 0: expected a length of at most 19, found 20"}}
            {"error":{"offset":1,"field":43,"name":"Card acceptor name and location","expected":"a printable ASCII character","found":"'ü'","message":"field 43 (Card acceptor name and location), character 1: expected a printable ASCII character, found 'ü'"}}
            {"error":{"offset":0,"field":52,"name":"Personal identification number data","expected":"exactly 16 hex characters","found":"4","message":"field 52 (Personal identification number data), character 0: expected exactly 16 hex characters, found 4"}}
            {"error":{"offset":15,"field":52,"name":"Personal identification number data","expected":"a hex character","found":"'G'","message":"field 52 (Personal identification number data), character 15: expected a hex character, found 'G'"}}
            {"error":{"offset":0,"field":55,"name":"Integrated circuit card data","expected":"an even count of hex characters","found":"3","message":"field 55 (Integrated circuit card data), character 0: expected an even count of hex characters, found 3"}}
            {"error":{"offset":0,"field":28,"name":"Amount, transaction fee","expected":"the sign C or D","found":"'X'","message":"field 28 (Amount, transaction fee), character 0: expected the sign C or D, found 'X'"}}
            {"error":{"offset":16,"field":35,"name":"Track 2 data","expected":"a digit or the track separator","found":"' '","message":"field 35 (Track 2 data), character 16: expected a digit or the track separator, found ' '"}}
        "#]],
    );
}

#[test]
fn masked_values() {
    check(
        "iso87-ascii",
        &[
            r#"{"mti":"0200","fields":{"2":"411111******1111"}}"#,
            r#"{"mti":"0200","fields":{"35":"411111******1111=*****"}}"#,
            r#"{"mti":"0200","fields":{"45":"*411111******1111^****"}}"#,
            r#"{"mti":"0200","fields":{"48":"CARD 411111******1111"}}"#,
            r#"{"mti":"0200","fields":{"52":"****************"}}"#,
            r#"{"mti":"0200","fields":{"34":"**"}}"#,
            r#"{"mti":"0200","fields":{"45":"***"}}"#,
            r#"{"mti":"0200","fields":{"48":"5 * 3 ** 2"}}"#,
        ],
        expect![[r#"
            {"error":{"offset":6,"field":2,"name":"Primary account number","expected":"the whole value, as decode gives it unmasked","found":"a masked one","message":"field 2 (Primary account number), character 6: expected the whole value, as decode gives it unmasked, found a masked one"}}
            {"error":{"offset":6,"field":35,"name":"Track 2 data","expected":"the whole value, as decode gives it unmasked","found":"a masked one","message":"field 35 (Track 2 data), character 6: expected the whole value, as decode gives it unmasked, found a masked one"}}
            {"error":{"offset":0,"field":45,"name":"Track 1 data","expected":"the whole value, as decode gives it unmasked","found":"a masked one","message":"field 45 (Track 1 data), character 0: expected the whole value, as decode gives it unmasked, found a masked one"}}
            303230303030303030303030303030313030303030323143415244203431313131312A2A2A2A2A2A31313131
            {"error":{"offset":0,"field":52,"name":"Personal identification number data","expected":"the whole value, as decode gives it unmasked","found":"a masked one","message":"field 52 (Personal identification number data), character 0: expected the whole value, as decode gives it unmasked, found a masked one"}}
            {"error":{"offset":0,"field":34,"name":"Primary account number, extended","expected":"the whole value, as decode gives it unmasked","found":"a masked one","message":"field 34 (Primary account number, extended), character 0: expected the whole value, as decode gives it unmasked, found a masked one"}}
            {"error":{"offset":0,"field":45,"name":"Track 1 data","expected":"the whole value, as decode gives it unmasked","found":"a masked one","message":"field 45 (Track 1 data), character 0: expected the whole value, as decode gives it unmasked, found a masked one"}}
            303230303030303030303030303030313030303030313035202A2033202A2A2032
        "#]],
    );
}

#[test]
fn a_header_where_the_dialect_has_one() {
    check(
        "unionpay-pos",
        &[
            r#"{"mti":"0820","fields":{"11":"000001"}}"#,
            r#"{"mti":"0820","header":"600525000060310031100a","fields":{"11":"000001"}}"#,
            r#"{"mti":"0820","header":"6005250000","fields":{"11":"000001"}}"#,
            r#"{"mti":"0820","header":"600525000060310031100x","fields":{"11":"000001"}}"#,
            r#"{"mti":"0820","fields":{"70":"301"}}"#,
        ],
        expect![[r#"
            600003000060310031010008200020000000000000000001
            600525000060310031100A08200020000000000000000001
            {"error":{"offset":0,"field":0,"name":"Header","expected":"22 hex characters for header","found":"10 characters","message":"Header, character 0: expected 22 hex characters for header, found 10 characters"}}
            {"error":{"offset":21,"field":0,"name":"Header","expected":"22 hex characters for header","found":"other characters","message":"Header, character 21: expected 22 hex characters for header, found other characters"}}
            {"error":{"offset":0,"field":70,"name":"Undefined field","expected":"a field that unionpay-pos defines","found":"field 70","message":"field 70 (Undefined field), character 0: expected a field that unionpay-pos defines, found field 70"}}
        "#]],
    );
}

#[test]
fn text_of_the_wider_character_set() {
    let dialect = dialect("iso87-ebcdic");
    let line = r#"{"mti":"0200","fields":{"43":"Café \"Zürich\"                           "}}"#;
    let mut out = BytesMut::new();
    json::encode_line(&dialect, line, &mut out).unwrap();
    assert_eq!(json::decode_line(&dialect, &out, Unmask::No).unwrap(), line);
}

#[test]
fn a_message_and_its_error() {
    let dialect = dialect("iso87-ascii");
    let mut out = BytesMut::new();
    json::encode_line(
        &dialect,
        r#"{"mti":"0200","fields":{"2":"4111111111111111","11":"000042"}}"#,
        &mut out,
    )
    .unwrap();
    expect![[r#"{"mti":"0200","fields":{"2":"411111******1111","11":"000042"}}"#]]
        .assert_eq(&json::decode_line(&dialect, &out, Unmask::No).unwrap());
    expect![[r#"{"mti":"0200","fields":{"2":"4111111111111111","11":"000042"}}"#]]
        .assert_eq(&json::decode_line(&dialect, &out, Unmask::Yes).unwrap());
    let error = json::decode_line(&dialect, &out[..40], Unmask::No).unwrap_err();
    expect![[r#"{"error":{"offset":38,"field":11,"name":"System trace audit number","expected":"6 bytes for the value","found":"2 bytes left","message":"field 11 (System trace audit number) at offset 38: expected 6 bytes for the value, found 2 bytes left"}}"#]].assert_eq(&json::error_line(&error.explain(&dialect)));
}

/// Fields of their parts: alone, or beside their value, of which they must be the parts.
#[test]
fn parts_of_fields() {
    check(
        "iso87-ascii",
        &[
            r#"{"mti":"0210","fields":{"54":{"1":{"1":"00","2":"02","3":"840","4":"C","5":"000000001234"}}}}"#,
            r#"{"mti":"0210","fields":{},"parts":{"3":{"1":"00","2":"10","3":"20"}}}"#,
            r#"{"mti":"0210","fields":{"3":"001020"},"parts":{"3":{"1":"00","2":"10","3":"20"}}}"#,
            r#"{"mti":"0210","fields":{"3":"001020"},"parts":{"3":{"1":"00","2":"10","3":"21"}}}"#,
            r#"{"mti":"0210","fields":{"11":"000042"},"parts":{"11":{"1":"00"}}}"#,
            r#"{"mti":"0210","fields":{"55":{"9F27":"80","71":{"86":"01"},"71#2":{"86":"02"}}}}"#,
            r#"{"mti":"0210","fields":{"55":{"71#2":{"86":"02"}}}}"#,
            r#"{"mti":"0210","fields":{"55":{"71":{},"71":{}}}}"#,
            r#"{"mti":"0210","fields":{"55":{"":"00"}}}"#,
            r#"{"mti":"0210","fields":{"55":{"9F27":80}}}"#,
            r#"{"mti":"0210","fields":{"55":{"9F27":"8"}}}"#,
            r#"{"mti":"0210","fields":{"3":{"1":"00","2":"1x","3":"20"}}}"#,
            r#"{"mti":"0210","fields":{"4":{"1":"00"}}}"#,
        ],
        expect![[r#"
            30323130303030303030303030303030303430303032303030303238343043303030303030303031323334
            3032313032303030303030303030303030303030303031303230
            3032313032303030303030303030303030303030303031303230
            {"error":{"offset":0,"field":3,"name":"Processing code","expected":"parts that make its value, or one of the two","found":"others","message":"field 3 (Processing code), character 0: expected parts that make its value, or one of the two, found others"}}
            {"error":{"offset":0,"field":11,"name":"System trace audit number","expected":"parts that make its value, or one of the two","found":"others","message":"field 11 (System trace audit number), character 0: expected parts that make its value, or one of the two, found others"}}
            303231303030303030303030303030303032303030323839463237303138303731303338363031303137313033383630313032
            {"error":{"offset":30,"field":55,"name":"Integrated circuit card data","expected":"the tag of a part, the second of its kind with #2","found":"\"71#2\"","message":"line, character 30: expected the tag of a part, the second of its kind with #2, found \"71#2\""}}
            {"error":{"offset":38,"field":55,"name":"Integrated circuit card data","expected":"each key once","found":"\"71\" again","message":"line, character 38: expected each key once, found \"71\" again"}}
            {"error":{"offset":30,"field":55,"name":"Integrated circuit card data","expected":"the tag of a part, the second of its kind with #2","found":"\"\"","message":"line, character 30: expected the tag of a part, the second of its kind with #2, found \"\""}}
            {"error":{"offset":37,"field":55,"name":"Integrated circuit card data","expected":"a string for \"9F27\"","found":"a number","message":"line, character 37: expected a string for \"9F27\", found a number"}}
            {"error":{"offset":0,"field":55,"name":"Integrated circuit card data","expected":"an even length","found":"1","message":"field 55 (Integrated circuit card data), part 9F27, character 0: expected an even length, found 1"}}
            {"error":{"offset":1,"field":3,"name":"Processing code","expected":"a digit","found":"'x'","message":"field 3 (Processing code), part 2, character 1: expected a digit, found 'x'"}}
            {"error":{"offset":0,"field":4,"name":"Amount, transaction","expected":"a field with a layout in such a message","found":"none","message":"field 4 (Amount, transaction), character 0: expected a field with a layout in such a message, found none"}}
        "#]],
    );
}

#[test]
fn parts_in_the_line() {
    let dialect = dialect("mastercard-like");
    let line = r#"{"mti":"0100","fields":{"3":"000000","48":{"1":"T","42":{"01":{"1":"2","2":"1","3":"0"}},"92":"737"},"54":"00"}}"#;
    let mut out = BytesMut::new();
    json::encode_line(&dialect, line, &mut out).unwrap();
    let shown = [Unmask::No, Unmask::Yes]
        .map(|unmask| json::decode_parts_line(&dialect, &out, unmask).unwrap());
    expect![[r#"
        {"mti":"0100","fields":{"3":"000000","48":"T420701032109203***","54":"00"},"presence":[{"field":11,"problem":"missing","message":"field 11 (System trace audit number) is missing: the rules for 0[124]xx demand it"},{"field":4,"problem":"missing","message":"field 4 (Amount, transaction) is missing: a purchase, cash or a refund has an amount"}],"layouts":[{"field":54,"part":"1","offset":45,"message":"field 54 (Additional amounts), part 2, at offset 45: expected a length of 2, found 0 left"}],"parts":{"3":{"1":"00","2":"00","3":"00"},"48":{"1":"T","42":{"01":{"1":"2","2":"1","3":"0"}},"92":"***"}}}
        {"mti":"0100","fields":{"3":"000000","48":"T420701032109203737","54":"00"},"presence":[{"field":11,"problem":"missing","message":"field 11 (System trace audit number) is missing: the rules for 0[124]xx demand it"},{"field":4,"problem":"missing","message":"field 4 (Amount, transaction) is missing: a purchase, cash or a refund has an amount"}],"layouts":[{"field":54,"part":"1","offset":45,"message":"field 54 (Additional amounts), part 2, at offset 45: expected a length of 2, found 0 left"}],"parts":{"3":{"1":"00","2":"00","3":"00"},"48":{"1":"T","42":{"01":{"1":"2","2":"1","3":"0"}},"92":"737"}}}
    "#]].assert_eq(&(shown.join("\n") + "\n"));
    // A line as it was shown makes the same message, unless something was hidden in it.
    let mut again = BytesMut::new();
    json::encode_line(&dialect, &shown[1], &mut again).unwrap();
    assert_eq!(again, out);
    let error = json::encode_line(&dialect, &shown[0], &mut again).unwrap_err();
    assert_eq!(error.field, 48);
}
