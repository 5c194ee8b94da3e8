//! What comes from a terminal: where it goes, or why it goes nowhere.

use super::*;

#[test]
fn a_purchase_goes_to_the_bank_of_the_card() {
    let mut dialogue = Dialogue::new();
    let mut mastercard = purchase("000002");
    mastercard[0] = (2, "5555555555554444");
    dialogue
        .purchase("000001")
        .terminal("0200", &mastercard)
        .check(expect![[r#"
            terminal says 0200 2=4111111111111111 3=000000 4=000000000100 11=000001 25=00 41=T0000001 42=MERCHANT0000001
                forward to 0 0200 2=4111111111111111 3=000000 4=000000000100 11=000001 25=00 41=T0000001 42=MERCHANT0000001, financial
            terminal says 0200 2=5555555555554444 3=000000 4=000000000100 11=000002 25=00 41=T0000001 42=MERCHANT0000001
                forward to 1 0200 2=5555555555554444 3=000000 4=000000000100 11=000002 25=00 41=T0000001 42=MERCHANT0000001, financial
        "#]]);
    assert_eq!(dialogue.session.in_flight(), 2);
    // The link writes its own number where the terminal's stood.
    let mut message = dialogue.forwarded[0].message.clone();
    let stan = Stan::new(654_321).unwrap();
    dialogue.forwarded[0]
        .stan
        .unwrap()
        .stamp(&mut message, stan);
    assert_eq!(
        dialogue.link_dialect.view(&message).unwrap().stan(),
        Some(stan)
    );
}

#[test]
fn the_card_may_be_on_the_track() {
    Dialogue::new()
        .terminal(
            "0200",
            &[(11, "000001"), (35, "5555555555554444D29122010000000000")],
        )
        .check(expect![[r#"
            terminal says 0200 11=000001 35=5555555555554444D29122010000000000
                forward to 1 0200 11=000001 35=5555555555554444=29122010000000000, financial
        "#]]);
}

#[test]
fn no_route_no_card_no_link() {
    let amex = [(2, "378282246310005"), (11, "000001"), (41, "T0000001")];
    let no_card = [(11, "000001"), (41, "T0000001")];
    // The table names a link that there is none of.
    let no_link = [(2, "9111111111111111"), (11, "000001"), (41, "T0000001")];
    let mut dialogue = Dialogue::new();
    dialogue
        .terminal("0200", &amex)
        .terminal("0400", &no_card)
        .terminal("0200", &no_link)
        .check(expect![[r#"
            terminal says 0200 2=378282246310005 11=000001 41=T0000001
                reply 0210 11=000001 39=92 41=T0000001
                (0200 answered 92 because of no_route after 0 ms)
            terminal says 0400 11=000001 41=T0000001
                reply 0410 11=000001 39=92 41=T0000001
                (0400 answered 92 because of no_route after 0 ms)
            terminal says 0200 2=9111111111111111 11=000001 41=T0000001
                reply 0210 11=000001 39=92 41=T0000001
                (0200 answered 92 because of no_route after 0 ms)
        "#]]);
    let with_default = ListenerProfile {
        routes: routes(Some(LinkId(1))),
        ..profile(&builtin("iso87-bcd"), &builtin("iso87-ascii"))
    };
    Dialogue::with(with_default)
        .terminal("0200", &amex)
        .terminal("0400", &no_card)
        .check(expect![[r#"
            terminal says 0200 2=378282246310005 11=000001 41=T0000001
                forward to 1 0200 2=378282246310005 11=000001 41=T0000001, financial
            terminal says 0400 11=000001 41=T0000001
                forward to 1 0400 11=000001 41=T0000001, reversal
        "#]]);
}

#[test]
fn which_requests_may_move_money() {
    use Nature::{Advice, Financial, Inquiry, Reversal};
    for (mti, code, nature) in [
        ("0100", "000000", Financial),
        ("0101", "000000", Financial),
        ("0200", "000000", Financial),
        ("0201", "200000", Financial),
        ("0200", "310000", Inquiry), // balance inquiry
        ("0100", "300000", Inquiry),
        ("0200", "400000", Financial), // transfer
        ("0120", "000000", Advice),    // an advice is repeated by whoever sent it
        ("0220", "000000", Advice),
        ("0400", "000000", Reversal),
        ("0420", "000000", Reversal),
        ("0421", "000000", Reversal),
    ] {
        let mut dialogue = Dialogue::new();
        dialogue.terminal(mti, &[(2, "4111111111111111"), (3, code), (11, "000001")]);
        assert_eq!(dialogue.forwarded.len(), 1, "{}", dialogue.script);
        assert_eq!(dialogue.forwarded[0].nature, nature, "{mti} {code}");
    }
}

#[test]
fn a_terminal_that_counts_nothing_gets_a_place_for_the_links_number() {
    let mut dialogue = Dialogue::new();
    dialogue
        .terminal("0200", &[(2, "4111111111111111"), (4, "000000000100")])
        .bank(
            0,
            "0210",
            &[(4, "000000000100"), (11, "123456"), (39, "00")],
        )
        .check(expect![[r#"
            terminal says 0200 2=4111111111111111 4=000000000100
                forward to 0 0200 2=4111111111111111 4=000000000100 11=000000, financial
            bank says 0210 4=000000000100 11=123456 39=00
                reply 0210 4=000000000100 39=00, undone if lost
                (0200 of 0 answered 00 after 0 ms)
        "#]]);
    assert!(dialogue.forwarded[0].stan.is_some());
}

#[test]
fn network_management_stays_here() {
    Dialogue::new()
        .terminal(
            "0800",
            &[
                (7, "1124141500"),
                (11, "000001"),
                (41, "T0000001"),
                (70, "301"),
            ],
        )
        .terminal("0800", &[(11, "000002"), (41, "T0000001"), (70, "001")])
        .terminal("0800", &[(11, "000003"), (41, "T0000001"), (70, "999")])
        .terminal("0820", &[(11, "000004"), (41, "T0000001")])
        // Keys are not ours to give.
        .terminal("0800", &[(11, "000006"), (41, "T0000001"), (70, "101")])
        .drain()
        .terminal("0800", &[(11, "000005"), (70, "301")])
        .check(expect![[r#"
            terminal says 0800 7=1124141500 11=000001 41=T0000001 70=301
                reply 0810 7=1124141500 11=000001 39=00 41=T0000001 70=301
                (0800 answered here, accepted: true)
            terminal says 0800 11=000002 41=T0000001 70=001
                reply 0810 11=000002 39=00 41=T0000001 70=001
                (0800 answered here, accepted: true)
            terminal says 0800 11=000003 41=T0000001 70=999
                reply 0810 11=000003 39=40 41=T0000001 70=999
                (0800 answered here, accepted: false)
            terminal says 0820 11=000004 41=T0000001
                reply 0830 11=000004 39=00 41=T0000001
                (0820 answered here, accepted: true)
            terminal says 0800 11=000006 41=T0000001 70=101
                reply 0810 11=000006 39=40 41=T0000001 70=101
                (0800 answered here, accepted: false)
            drain
            terminal says 0800 11=000005 70=301
                reply 0810 11=000005 39=00 70=301
                (0800 answered here, accepted: true)
        "#]]);
}

/// Field 60.3 says what it is about where there is no field 70.
#[test]
fn a_unionpay_terminal_is_told_00_for_what_it_can_have() {
    for (mti, field_60, code) in [
        ("0800", "00000001301", "00"),
        ("0820", "00000001301", "00"),
        ("0820", "00000001002", "00"),
        // Signing in is to fetch keys, 360 and others are to fetch parameters.
        ("0800", "00000001001", "40"),
        ("0800", "00000001003", "40"),
        ("0800", "00000001004", "40"),
        ("0800", "00000001360", "40"),
        ("0800", "0000000130", "40"),
    ] {
        let mut dialogue = Dialogue::between(&builtin("unionpay-pos"), &builtin("iso87-ascii"));
        dialogue.terminal(mti, &[(11, "000001"), (41, "T0000001"), (60, field_60)]);
        let told = dialogue.script.contains(&format!(" 39={code} "));
        assert!(told, "{}", dialogue.script);
    }
    let mut dialogue = Dialogue::between(&builtin("unionpay-pos"), &builtin("iso87-ascii"));
    dialogue.terminal("0800", &[(11, "000001"), (41, "T0000001")]);
    assert!(dialogue.script.contains(" 39=40 "), "{}", dialogue.script);
}

/// ISO 8583-1:1987, 4.1: an advice cannot be declined; whoever gets no answer repeats it.
#[test]
fn an_advice_that_was_not_delivered_is_not_answered() {
    for mti in ["0120", "0121", "0220", "0221", "0420", "0421"] {
        for cause in Cause::ALL
            .into_iter()
            .filter(|cause| *cause != Cause::Internal)
        {
            let mut dialogue = Dialogue::new();
            dialogue
                .terminal(mti, &purchase("000001"))
                .declined(0, cause);
            let answered = dialogue.script.contains("reply ");
            assert_eq!(answered, cause.is_final(), "{}", dialogue.script);
            let said = format!("{mti} of 0 unanswered because of {}", cause.label());
            assert_ne!(
                answered,
                dialogue.script.contains(&said),
                "{}",
                dialogue.script
            );
            assert_eq!(dialogue.session.in_flight(), 0);
        }
    }
    let mut dialogue = Dialogue::new();
    dialogue
        .terminal("0420", &purchase("000001"))
        .refused(0, Cause::ShellQueueFull)
        .terminal("0420", &[(2, "378282246310005"), (11, "000002")])
        .purchase("000003")
        .purchase("000004")
        .purchase("000005");
    dialogue.quietly();
    dialogue
        .terminal("0220", &purchase("000006"))
        .drain()
        .terminal("0221", &purchase("000007"))
        // What is wrong with itself is told.
        .terminal("0320", &[(11, "000008")])
        .terminal_bytes(None, b"\x04\x20")
        // A reversal request is a request.
        .terminal("0400", &purchase("000009"))
        .check(expect![[r#"
            terminal says 0220 2=4111111111111111 3=000000 4=000000000100 11=000006 25=00 41=T0000001 42=MERCHANT0000001
                (0220 unanswered because of session_busy, terminal T0000001 stan 000006)
            drain
            terminal says 0221 2=4111111111111111 3=000000 4=000000000100 11=000007 25=00 41=T0000001 42=MERCHANT0000001
                (0221 unanswered because of draining, terminal T0000001 stan 000007)
            terminal says 0320 11=000008
                reply 0330 11=000008 39=40
                (0320 answered 40 because of unsupported_mti after 0 ms)
            terminal sends 2 bytes
                reply 0430 39=30
                (unreadable, field 1, answered: true)
                (0420 answered 30 because of format_error after 0 ms)
            terminal says 0400 2=4111111111111111 3=000000 4=000000000100 11=000009 25=00 41=T0000001 42=MERCHANT0000001
                reply 0410 3=000000 4=000000000100 11=000009 39=91 41=T0000001 42=MERCHANT0000001
                (0400 answered 91 because of draining after 0 ms)
        "#]]);
}

#[test]
fn what_is_not_carried_is_said_so() {
    let fields = [(11, "000001"), (41, "T0000001")];
    let mut dialogue = Dialogue::new();
    for mti in [
        "0320", "0500", "0600", "0700", "0000", "1200", "2100", "9800",
    ] {
        dialogue.terminal(mti, &fields);
    }
    dialogue.check(expect![[r#"
        terminal says 0320 11=000001 41=T0000001
            reply 0330 11=000001 39=40 41=T0000001
            (0320 answered 40 because of unsupported_mti after 0 ms)
        terminal says 0500 11=000001 41=T0000001
            reply 0510 11=000001 39=40 41=T0000001
            (0500 answered 40 because of unsupported_mti after 0 ms)
        terminal says 0600 11=000001 41=T0000001
            reply 0610 11=000001 39=40 41=T0000001
            (0600 answered 40 because of unsupported_mti after 0 ms)
        terminal says 0700 11=000001 41=T0000001
            reply 0710 11=000001 39=40 41=T0000001
            (0700 answered 40 because of unsupported_mti after 0 ms)
        terminal says 0000 11=000001 41=T0000001
            reply 0010 11=000001 39=40 41=T0000001
            (0000 answered 40 because of unsupported_mti after 0 ms)
        terminal says 1200 11=000001 41=T0000001
            reply 1210 11=000001 39=40 41=T0000001
            (1200 answered 40 because of unsupported_mti after 0 ms)
        terminal says 2100 11=000001 41=T0000001
            reply 2110 11=000001 39=40 41=T0000001
            (2100 answered 40 because of unsupported_mti after 0 ms)
        terminal says 9800 11=000001 41=T0000001
            reply 9810 11=000001 39=40 41=T0000001
            (9800 answered 40 because of unsupported_mti after 0 ms)
    "#]]);
}

#[test]
fn a_response_has_no_answer() {
    for mti in ["0210", "0410", "0810", "0280"] {
        let mut dialogue = Dialogue::new();
        dialogue.terminal(mti, &[(11, "000001")]);
        assert!(
            dialogue.script.contains("close: unanswerable"),
            "{}",
            dialogue.script
        );
        dialogue.quietly().purchase("000002").check(expect![[r#"
            terminal says 0200 2=4111111111111111 3=000000 4=000000000100 11=000002 25=00 41=T0000001 42=MERCHANT0000001
        "#]]);
    }
}

#[test]
fn a_broken_request_is_answered_with_what_could_be_read() {
    let dialect = builtin("iso87-bcd");
    let whole = message(&dialect, "0200", &purchase("000001"));
    let mut dialogue = Dialogue::new();
    // Cut in field 42; something after the end; nothing but the message type; a bitmap that announces nonsense.
    let mut longer = whole.to_vec();
    longer.push(0);
    dialogue
        .terminal_bytes(Some(TPDU), &whole[..whole.len() - 1])
        .terminal_bytes(None, &longer)
        .terminal_bytes(None, &whole[..2])
        .terminal_bytes(
            None,
            &[
                0x02, 0x00, 0x80, 0, 0, 0, 0, 0, 0, 0, 0x80, 0, 0, 0, 0, 0, 0, 0,
            ],
        )
        .check(expect![[r#"
            terminal sends 54 bytes
                reply through the TPDU 0210 3=000000 4=000000000100 11=000001 39=30 41=T0000001
                (unreadable, field 42, answered: true)
                (0200 answered 30 because of format_error after 0 ms)
            terminal sends 56 bytes
                reply 0210 3=000000 4=000000000100 11=000001 39=30 41=T0000001 42=MERCHANT0000001
                (unreadable, field 42, answered: true)
                (0200 answered 30 because of format_error after 0 ms)
            terminal sends 2 bytes
                reply 0210 39=30
                (unreadable, field 1, answered: true)
                (0200 answered 30 because of format_error after 0 ms)
            terminal sends 18 bytes
                reply 0210 39=30
                (unreadable, field 65, answered: true)
                (0200 answered 30 because of format_error after 0 ms)
        "#]]);
    assert_eq!(dialogue.session.in_flight(), 0);
}

#[test]
fn what_has_no_message_type_closes_the_connection() {
    for noise in [
        &b""[..],
        b"\x02",
        b"GET / HTTP/1.1\r\n",
        &[0xFF; 40],
        b"\x02\x10\x00\x00",
    ] {
        let mut dialogue = Dialogue::new();
        dialogue.purchase("000001").quietly();
        dialogue.terminal_bytes(None, noise);
        assert!(
            dialogue.script.ends_with("    close: unreadable\n"),
            "{}",
            dialogue.script
        );
        // Nothing more is read, but what was asked before is still answered.
        dialogue
            .quietly()
            .purchase("000002")
            .terminal_bytes(None, noise)
            .declined(0, Cause::Timeout);
        assert!(
            dialogue
                .script
                .contains("reply 0210 3=000000 4=000000000100 11=000001 39=68"),
            "{}",
            dialogue.script
        );
        assert_eq!(
            dialogue.script.matches("close").count(),
            0,
            "{}",
            dialogue.script
        );
        assert_eq!(dialogue.session.in_flight(), 0);
    }
}

#[test]
fn every_single_byte_change_of_a_request_is_survived() {
    let dialect = builtin("iso87-bcd");
    let whole = message(&dialect, "0200", &purchase("000001"));
    let profile = Arc::new(profile(&dialect, &builtin("iso87-ascii")));
    for place in 0..whole.len() {
        for byte in 0..=255 {
            let mut frame = whole.clone();
            frame[place] = byte;
            let mut session = Session::new(Arc::clone(&profile));
            session.handle_frame(Instant::ZERO, None, frame.freeze());
            let mut said = 0;
            while let Some(output) = session.poll_output() {
                said += usize::from(!matches!(output, SessionOutput::Event(_)));
            }
            assert_eq!(
                said, 1,
                "forwarded, answered or closed, byte {place} = {byte}"
            );
        }
    }
}

#[test]
fn a_field_that_the_bank_cannot_read_stops_the_request() {
    let link = changed("iso87-ascii", "25 = false");
    Dialogue::between(&builtin("iso87-bcd"), &link)
        .purchase("000001")
        .check(expect![[r#"
            terminal says 0200 2=4111111111111111 3=000000 4=000000000100 11=000001 25=00 41=T0000001 42=MERCHANT0000001
                reply 0210 3=000000 4=000000000100 11=000001 39=40 41=T0000001 42=MERCHANT0000001
                (0 cannot say field 25)
                (0200 of 0 answered 40 because of not_carried after 0 ms)
        "#]]);
}

/// Sent it would be in doubt: the driver could not write it, and nothing would come back.
#[test]
fn what_is_too_long_for_the_links_framing_is_declined_at_once() {
    let (listener, link) = (builtin("iso87-bcd"), builtin("iso87-ascii"));
    let length = {
        let mut dialogue = Dialogue::new();
        dialogue.purchase("000001");
        dialogue.forwarded[0].message.len()
    };
    let limited = |message_bytes_max| {
        let leg = |name: &str| {
            LinkLeg::new(name.into(), &listener, &link).with_message_bytes_max(message_bytes_max)
        };
        Dialogue::with(ListenerProfile {
            links: [leg("alpha"), leg("beta")].into(),
            ..profile(&listener, &link)
        })
    };
    let mut dialogue = limited(length);
    dialogue.purchase("000001");
    assert_eq!(dialogue.forwarded.len(), 1);
    limited(length - 1)
        .purchase("000001")
        .check(expect![[r#"
            terminal says 0200 2=4111111111111111 3=000000 4=000000000100 11=000001 25=00 41=T0000001 42=MERCHANT0000001
                reply 0210 3=000000 4=000000000100 11=000001 39=40 41=T0000001 42=MERCHANT0000001
                (0 cannot say so much)
                (0200 of 0 answered 40 because of not_carried after 0 ms)
        "#]]);
}

#[test]
fn a_full_connection_refuses() {
    let mut dialogue = Dialogue::new();
    dialogue
        .purchase("000001")
        .purchase("000002")
        .purchase("000003")
        .quietly();
    dialogue
        .purchase("000004")
        .declined(1, Cause::Timeout)
        .quietly();
    assert_eq!(dialogue.session.in_flight(), 2);
    dialogue
        .purchase("000005")
        .purchase("000006")
        .check(expect![[r#"
            terminal says 0200 2=4111111111111111 3=000000 4=000000000100 11=000005 25=00 41=T0000001 42=MERCHANT0000001
                forward to 0 0200 2=4111111111111111 3=000000 4=000000000100 11=000005 25=00 41=T0000001 42=MERCHANT0000001, financial
            terminal says 0200 2=4111111111111111 3=000000 4=000000000100 11=000006 25=00 41=T0000001 42=MERCHANT0000001
                reply 0210 3=000000 4=000000000100 11=000006 39=91 41=T0000001 42=MERCHANT0000001
                (0200 answered 91 because of session_busy after 0 ms)
        "#]]);
}

#[test]
fn draining_declines_what_is_new_and_answers_what_is_open() {
    let mut dialogue = Dialogue::new();
    dialogue.purchase("000001").quietly();
    dialogue
        .drain()
        .purchase("000002")
        .bank(
            0,
            "0210",
            &[
                (4, "000000000100"),
                (11, "123456"),
                (39, "00"),
                (41, "T0000001"),
            ],
        )
        .check(expect![[r#"
            drain
            terminal says 0200 2=4111111111111111 3=000000 4=000000000100 11=000002 25=00 41=T0000001 42=MERCHANT0000001
                reply 0210 3=000000 4=000000000100 11=000002 39=91 41=T0000001 42=MERCHANT0000001
                (0200 answered 91 because of draining after 0 ms)
            bank says 0210 4=000000000100 11=123456 39=00 41=T0000001
                reply 0210 3=000000 4=000000000100 11=000001 25=00 39=00 41=T0000001 42=MERCHANT0000001, undone if lost
                (0200 of 0 answered 00 after 0 ms)
        "#]]);
}

#[test]
fn what_the_driver_cannot_hand_over_is_declined() {
    let mut dialogue = Dialogue::new();
    dialogue.purchase("000001").quietly();
    dialogue
        .refused(0, Cause::ShellQueueFull)
        .refused(0, Cause::ShellQueueFull)
        .declined(0, Cause::Timeout)
        .check(expect![[r#"
            driver says ShellQueueFull
                reply 0210 3=000000 4=000000000100 11=000001 39=91 41=T0000001 42=MERCHANT0000001
                (0200 of 0 answered 91 because of shell_queue_full after 0 ms)
            driver says ShellQueueFull
                (stale_answer)
            link says Timeout
                (stale_answer)
        "#]]);
    assert_eq!(dialogue.session.in_flight(), 0);
}

/// A no to a repeat would be taken for the answer to the first, which the bank may have approved.
#[test]
fn a_repeat_that_nobody_could_look_up_is_left_unanswered() {
    let mut dialogue = Dialogue::new();
    let again = purchase("000007");
    dialogue.purchase("000007").quietly();
    dialogue
        .terminal("0201", &again)
        .refused(1, Cause::ShellQueueFull)
        .check(expect![[r#"
            terminal says 0201 2=4111111111111111 3=000000 4=000000000100 11=000007 25=00 41=T0000001 42=MERCHANT0000001
                forward to 0 0201 2=4111111111111111 3=000000 4=000000000100 11=000007 25=00 41=T0000001 42=MERCHANT0000001, financial
            driver says ShellQueueFull
                (0201 of 0 unanswered because of shell_queue_full, terminal T0000001 stan 000007)
        "#]]);
}

/// What was refused stays refused for the repeat that is on its way already.
#[test]
fn a_refusal_stands_for_its_repeat() {
    let mut dialogue = Dialogue::new();
    let again = purchase("000007");
    dialogue
        .purchase("000007")
        .refused(0, Cause::ShellQueueFull)
        .quietly();
    dialogue.terminal("0201", &again).check(expect![[r#"
        terminal says 0201 2=4111111111111111 3=000000 4=000000000100 11=000007 25=00 41=T0000001 42=MERCHANT0000001
            reply 0210 3=000000 4=000000000100 11=000007 39=91 41=T0000001 42=MERCHANT0000001
            (0201 answered 91 because of shell_queue_full after 0 ms)
    "#]]);
    dialogue
        .wait_ms(600_000)
        .terminal("0201", &again)
        .check(expect![[r#"
            terminal says 0201 2=4111111111111111 3=000000 4=000000000100 11=000007 25=00 41=T0000001 42=MERCHANT0000001
                forward to 0 0201 2=4111111111111111 3=000000 4=000000000100 11=000007 25=00 41=T0000001 42=MERCHANT0000001, financial
        "#]]);
}
