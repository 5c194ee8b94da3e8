//! What goes back to a terminal.

use alloc::vec;

use super::*;

/// All that a terminal may call its own.
const OWN: [(u8, &str); 14] = [
    (2, "4111111111111111"),
    (3, "001000"),
    (4, "000000000100"),
    (7, "1124141500"),
    (11, "000007"),
    (12, "151500"),
    (13, "1124"),
    (24, "003"),
    (25, "00"),
    (35, "4111111111111111D29122010000000000"),
    (37, "000000000042"),
    (41, "T0000001"),
    (42, "MERCHANT0000001"),
    (52, "0123456789ABCDEF"),
];

#[test]
fn the_terminal_gets_its_own_fields_back() {
    // A host that makes everything its own.
    let hosts = [
        (2, "4999999999999999"),
        (3, "000000"),
        (4, "000000000100"),
        (7, "0101010101"),
        (11, "654321"),
        (12, "010101"),
        (13, "0101"),
        (24, "999"),
        (25, "99"),
        (35, "4999999999999999=0000"),
        (37, "HOSTSREF0001"),
        (38, "APPR01"),
        (39, "00"),
        (41, "HOSTTERM"),
        (42, "HOSTS OWN ID   "),
        (52, "FFFFFFFFFFFFFFFF"),
        (55, "910A00112233445566778899"),
    ];
    let mut dialogue = Dialogue::new();
    dialogue.terminal("0200", &OWN).quietly();
    dialogue
        .wait_ms(250)
        .bank(0, "0210", &hosts)
        .check(expect![[r#"
            bank says 0210 2=4999999999999999 3=000000 4=000000000100 7=0101010101 11=654321 12=010101 13=0101 24=999 25=99 35=4999999999999999=0000 37=HOSTSREF0001 38=APPR01 39=00 41=HOSTTERM 42=HOSTS OWN ID    52=FFFFFFFFFFFFFFFF 55=910A00112233445566778899
                reply 0210 2=4111111111111111 3=001000 4=000000000100 7=1124141500 11=000007 12=151500 13=1124 24=003 25=00 37=HOSTSREF0001 38=APPR01 39=00 41=T0000001 42=MERCHANT0000001 55=910A00112233445566778899, undone if lost
                (0200 of 0 answered 00 after 250 ms)
        "#]]);
    // A host that says the least.
    dialogue.terminal("0201", &OWN).quietly();
    dialogue
        .bank(1, "0210", &[(11, "654321"), (39, "05")])
        .check(expect![[r#"
            bank says 0210 11=654321 39=05
                reply 0210 3=001000 4=000000000100 7=1124141500 11=000007 12=151500 13=1124 24=003 25=00 37=000000000042 39=05 41=T0000001 42=MERCHANT0000001
                (0201 of 0 answered 05 after 0 ms)
        "#]]);
}

/// Who says field 4: request, answer, and what the terminal hears.
#[test]
fn an_amount_is_what_was_asked_for_but_in_a_part_or_a_balance() {
    let asked = "000000000100";
    for (code, response, given, heard) in [
        ("000000", "00", None, Some(asked)),
        ("000000", "05", Some("000000000000"), Some(asked)),
        ("000000", "10", Some("000000000040"), Some("000000000040")),
        // A part that is not named is not taken for the whole; the link lets no such approval through.
        ("000000", "10", None, None),
        ("310000", "00", Some("000000777700"), Some("000000777700")),
        ("310000", "00", None, Some(asked)),
    ] {
        let mut dialogue = Dialogue::new();
        let mut request = purchase("000007");
        request[1] = (3, code);
        dialogue.terminal("0200", &request);
        let mut answer = vec![(11, "654321"), (39, response)];
        answer.splice(0..0, given.map(|amount| (4, amount)));
        dialogue.quietly().bank(0, "0210", &answer);
        let reply = dialogue.script.lines().nth(1).unwrap();
        let found = reply.split(" 4=").nth(1).map(|rest| &rest[..12]);
        assert_eq!(found, heard, "{}", dialogue.script);
    }
}

#[test]
fn a_reference_and_a_currency_are_the_banks_or_else_the_terminals() {
    let own = [
        (2, "4111111111111111"),
        (4, "000000000100"),
        (11, "000007"),
        (37, "000000000042"),
        (49, "978"),
    ];
    let mut dialogue = Dialogue::new();
    dialogue.terminal("0200", &own).terminal("0200", &own);
    dialogue.quietly();
    dialogue
        .bank(0, "0210", &[(11, "654321"), (39, "00")])
        .bank(
            1,
            "0210",
            &[
                (11, "654322"),
                (37, "HOSTSREF0001"),
                (39, "05"),
                (49, "840"),
            ],
        )
        .check(expect![[r#"
            bank says 0210 11=654321 39=00
                reply 0210 4=000000000100 11=000007 37=000000000042 39=00 49=978, undone if lost
                (0200 of 0 answered 00 after 0 ms)
            bank says 0210 11=654322 37=HOSTSREF0001 39=05 49=840
                reply 0210 4=000000000100 11=000007 37=HOSTSREF0001 39=05 49=840
                (0200 of 0 answered 05 after 0 ms)
        "#]]);
}

#[test]
fn what_the_terminal_did_not_send_is_the_hosts_to_say() {
    let mut dialogue = Dialogue::new();
    dialogue
        .terminal("0200", &[(11, "000007"), (35, "4111111111111111D2912")])
        .quietly();
    dialogue
        .bank(
            0,
            "0210",
            &[
                (2, "4111111111111111"),
                (11, "654321"),
                (12, "010101"),
                (39, "00"),
                (41, "HOSTTERM"),
            ],
        )
        .check(expect![[r#"
            bank says 0210 2=4111111111111111 11=654321 12=010101 39=00 41=HOSTTERM
                reply 0210 11=000007 12=010101 39=00 41=HOSTTERM, undone if lost
                (0200 of 0 answered 00 after 0 ms)
        "#]]);
}

#[test]
fn own_fields_come_back_bit_for_bit() {
    for listener in Dialect::builtin_names() {
        for link in ["iso87-ascii", "iso87-ebcdic", "iso87-bcd"] {
            let (listener, link) = (builtin(listener), builtin(link));
            let mut dialogue = Dialogue::between(&listener, &link);
            let own = OWN.map(|(field, value)| match (field, listener.name()) {
                (35, "iso87-ascii" | "iso87-mixed" | "iso87-ebcdic") => {
                    (field, "4111111111111111=29122010000000000")
                }
                _ => (field, value),
            });
            let request = message(&listener, "0200", &own).freeze();
            dialogue
                .session
                .handle_frame(Instant::ZERO, Some(TPDU), request.clone());
            dialogue.note();
            let answer = message(
                &link,
                "0210",
                &[(4, "000000000100"), (11, "654321"), (39, "00")],
            );
            let answer = dialogue.answer(0, Outcome::Response(answer.freeze()));
            dialogue.session.handle_answer(Instant::ZERO, answer);
            let Some(SessionOutput::Reply {
                transport, message, ..
            }) = dialogue.session.poll_output()
            else {
                panic!("no reply from {} over {}", listener.name(), link.name());
            };
            assert_eq!(transport, Some(TPDU));
            let (asked, told) = (
                listener.view(&request).unwrap(),
                listener.view(&message).unwrap(),
            );
            for field in [3, 4, 7, 11, 12, 13, 24, 25, 37, 41, 42] {
                assert_eq!(
                    told.wire(field),
                    asked.wire(field),
                    "field {field}, {}",
                    link.name()
                );
            }
            for field in [2, 35, 52] {
                assert!(!told.has(field), "field {field}, {}", link.name());
            }
        }
    }
}

#[test]
fn a_header_goes_back_with_its_addresses_swapped() {
    let mut dialogue = Dialogue::between(&builtin("unionpay-pos"), &builtin("iso87-ascii"));
    let mut request = message(&dialogue.dialect, "0200", &purchase("000007"));
    request[1..5].copy_from_slice(&[0x00, 0x01, 0x00, 0x02]);
    request[9] = 0x77;
    dialogue
        .session
        .handle_frame(Instant::ZERO, None, request.freeze());
    dialogue.note();
    let answer = message(
        &dialogue.link_dialect,
        "0210",
        &[(11, "654321"), (39, "00")],
    );
    let answer = dialogue.answer(0, Outcome::Response(answer.freeze()));
    dialogue.session.handle_answer(Instant::ZERO, answer);
    let Some(SessionOutput::Reply { message, .. }) = dialogue.session.poll_output() else {
        panic!("no reply");
    };
    assert_eq!(message[..5], [0x60, 0x00, 0x02, 0x00, 0x01]);
    assert_eq!(message[9], 0x77);
}

#[test]
fn a_field_that_the_terminal_cannot_read_is_left_out() {
    let listener = changed("iso87-bcd", "44 = false");
    let mut dialogue = Dialogue::between(&listener, &builtin("iso87-ascii"));
    dialogue.purchase("000007").quietly();
    dialogue
        .bank(
            0,
            "0210",
            &[(11, "654321"), (39, "00"), (44, "call us"), (102, "12-34")],
        )
        .check(expect![[r#"
            bank says 0210 11=654321 39=00 44=call us 102=12-34
                (dropped [44])
                reply 0210 3=000000 4=000000000100 11=000007 25=00 39=00 41=T0000001 42=MERCHANT0000001 102=12-34, undone if lost
                (0200 of 0 answered 00 after 0 ms)
        "#]]);
}

#[test]
fn each_cause_is_told_in_the_terminals_dialect() {
    let listener = changed("iso87-bcd", "");
    let mut dialogue = Dialogue::between(&listener, &builtin("iso87-ascii"));
    let told = Cause::ALL
        .into_iter()
        .filter(|cause| *cause != Cause::Internal);
    for (n, cause) in told.enumerate() {
        dialogue.purchase("000007").quietly();
        dialogue.declined(n, cause);
        let code = listener.response_code(cause.reason());
        let reply = format!(
            "reply 0210 3=000000 4=000000000100 11=000007 39={code} 41=T0000001 42=MERCHANT0000001\n"
        );
        assert!(dialogue.script.contains(&reply), "{}", dialogue.script);
        let event = format!("answered {code} because of {} after", cause.label());
        assert!(dialogue.script.contains(&event), "{}", dialogue.script);
    }
    let source = "name = \"house\"\nextends = \"iso87-bcd\"\n[response_codes]\ntimeout = \"98\"\n";
    let house = Arc::new(Dialect::parse(source).unwrap());
    let mut dialogue = Dialogue::between(&house, &builtin("iso87-ascii"));
    dialogue.purchase("000007").quietly();
    dialogue
        .wait_ms(15_000)
        .declined(0, Cause::Timeout)
        .check(expect![[r#"
            link says Timeout
                reply 0210 3=000000 4=000000000100 11=000007 39=98 41=T0000001 42=MERCHANT0000001
                (0200 of 0 answered 98 because of timeout after 15000 ms)
        "#]]);
}

#[test]
fn an_answer_that_does_not_decode_is_a_malfunction() {
    let mut dialogue = Dialogue::new();
    dialogue.purchase("000007").quietly();
    dialogue.script += "bank says nonsense\n";
    dialogue
        .outcome(0, Outcome::Response(Bytes::from_static(b"0210")))
        .check(expect![[r#"
            bank says nonsense
                (nothing of 0 undelivered, approved: true: unreadable, terminal T0000001 stan 000007)
                close: unknown
        "#]]);
}

#[test]
fn an_answer_that_cannot_be_written_is_undelivered_and_declined() {
    // The listener's dialect has no room for what the bank calls an amount.
    let link = changed("iso87-ascii", "4 = { type = \"n..13\" }");
    let listener = changed("iso87-bcd", "");
    let mut dialogue = Dialogue::between(&listener, &link);
    dialogue.purchase("000007").quietly();
    dialogue
        .bank(
            0,
            "0210",
            &[(4, "1000000000000"), (11, "654321"), (39, "10")],
        )
        .check(expect![[r#"
            bank says 0210 4=1000000000000 11=654321 39=10
                (10 of 0 undelivered, approved: true: unwritable, terminal T0000001 stan 000007 link stan 654321)
                undo 0, then tell AnswerMismatch
        "#]]);
}

#[test]
fn an_answer_that_is_too_long_for_the_listeners_framing_is_undelivered_and_declined() {
    let answer = |text| [(4, "000000000100"), (11, "654321"), (39, "00"), (44, text)];
    let limited = ListenerProfile {
        message_bytes_max: 70,
        ..profile(&builtin("iso87-bcd"), &builtin("iso87-ascii"))
    };
    let mut dialogue = Dialogue::with(limited);
    dialogue.purchase("000007").purchase("000008").quietly();
    dialogue
        .bank(0, "0210", &answer("0123456789"))
        .bank(1, "0210", &answer("0123456789012345678901234"))
        .check(expect![[r#"
            bank says 0210 4=000000000100 11=654321 39=00 44=0123456789
                reply 0210 3=000000 4=000000000100 11=000007 25=00 39=00 41=T0000001 42=MERCHANT0000001 44=0123456789, undone if lost
                (0200 of 0 answered 00 after 0 ms)
            bank says 0210 4=000000000100 11=654321 39=00 44=0123456789012345678901234
                (00 of 0 undelivered, approved: true: unwritable, terminal T0000001 stan 000008 link stan 654321)
                undo 1, then tell AnswerMismatch
        "#]]);
    assert_eq!(dialogue.session.in_flight(), 1);
    dialogue
        .reversal_recorded(Cause::AnswerMismatch)
        .check(expect![[r#"
            link says AnswerMismatch
                reply 0210 3=000000 4=000000000100 11=000008 39=96 41=T0000001 42=MERCHANT0000001
                (0200 of 0 answered 96 because of answer_mismatch after 0 ms)
        "#]]);
    assert_eq!(dialogue.session.in_flight(), 0);
}

#[test]
fn nobody_hears_an_answer_after_the_connection_closed() {
    let mut dialogue = Dialogue::new();
    dialogue
        .purchase("000001")
        .purchase("000002")
        .purchase("000003")
        .quietly();
    dialogue
        .closed()
        .bank(
            0,
            "0210",
            &[(4, "000000000100"), (11, "654321"), (39, "00")],
        )
        .bank(1, "0210", &[(11, "654322"), (39, "51")])
        .declined(2, Cause::Timeout)
        .check(expect![[r#"
            closed
            bank says 0210 4=000000000100 11=654321 39=00
                (00 of 0 undelivered, approved: true: terminal_gone, terminal T0000001 stan 000001 link stan 654321)
                undo 0
            bank says 0210 11=654322 39=51
                (51 of 0 undelivered, approved: false: terminal_gone, terminal T0000001 stan 000002 link stan 654322)
            link says Timeout
                (nothing of 0 undelivered, approved: false: terminal_gone, terminal T0000001 stan 000003)
        "#]]);
    assert_eq!(dialogue.session.in_flight(), 0);
}

#[test]
fn only_money_is_reversed() {
    for (mti, code, financial) in [
        ("0200", "000000", true),
        ("0200", "310000", false),
        ("0220", "000000", false),
        ("0400", "000000", false),
        ("0420", "000000", false),
    ] {
        let mut dialogue = Dialogue::new();
        let mut request = purchase("000001");
        request[1] = (3, code);
        dialogue.terminal(mti, &request).closed().quietly();
        let answer = mti.parse::<pointsman_iso8583::Mti>().unwrap().response();
        let answer = answer.unwrap().to_string();
        dialogue.bank(0, &answer, &[(11, "654321"), (39, "00")]);
        let said = format!("undelivered, approved: {financial}");
        assert!(dialogue.script.contains(&said), "{}", dialogue.script);
    }
}

#[test]
fn a_link_that_fails_may_have_been_told_yes() {
    let mut dialogue = Dialogue::new();
    dialogue
        .purchase("000001")
        .purchase("000002")
        .terminal("0420", &purchase("000003"))
        .quietly();
    dialogue
        .declined(0, Cause::Internal)
        .closed()
        .declined(1, Cause::Internal)
        .declined(2, Cause::Internal)
        .check(expect![[r#"
            link says Internal
                (nothing of 0 undelivered, approved: true: link_failed, terminal T0000001 stan 000001)
                close: unknown
            closed
            link says Internal
                (nothing of 0 undelivered, approved: true: link_failed, terminal T0000001 stan 000002)
            link says Internal
                (nothing of 0 undelivered, approved: false: link_failed, terminal T0000001 stan 000003)
        "#]]);
    // What the link never had is in nobody's hands.
    let mut dialogue = Dialogue::new();
    dialogue.purchase("000001").quietly();
    dialogue.refused(0, Cause::Internal).check(expect![[r#"
        driver says Internal
            reply 0210 3=000000 4=000000000100 11=000001 39=96 41=T0000001 42=MERCHANT0000001
            (0200 of 0 answered 96 because of internal after 0 ms)
    "#]]);
}

#[test]
fn an_answer_is_given_once() {
    let mut dialogue = Dialogue::new();
    dialogue.purchase("000001").quietly();
    dialogue
        .bank(0, "0210", &[(11, "654321"), (39, "00")])
        .bank(0, "0210", &[(11, "654321"), (39, "00")])
        .check(expect![[r#"
            bank says 0210 11=654321 39=00
                reply 0210 3=000000 4=000000000100 11=000001 25=00 39=00 41=T0000001 42=MERCHANT0000001, undone if lost
                (0200 of 0 answered 00 after 0 ms)
            bank says 0210 11=654321 39=00
                (stale_answer)
        "#]]);
    // The next request sits in the same slot, under another ticket.
    dialogue.purchase("000002").quietly();
    dialogue
        .bank(0, "0210", &[(11, "654321"), (39, "00")])
        .check(expect![[r#"
            bank says 0210 11=654321 39=00
                (stale_answer)
        "#]]);
    assert_eq!(dialogue.session.in_flight(), 1);
}
