//! Whose answer is it?

use alloc::vec::Vec;

use super::*;

#[test]
fn an_answer_never_reaches_another_terminal() {
    let mut dialogue = Dialogue::signed_on(profile());
    dialogue
        .purchase("T0000001", "000000000100")
        .purchase("T0000002", "000000000200")
        .quietly();
    dialogue
        // Of the other terminal, of no terminal, of no request, of none that anybody numbered.
        .approves("T0000002", "000000000100", "000002")
        .bank("0210", &[(4, "000000000100"), (11, "000002"), (39, "00")])
        .approves("T0000001", "000000000100", "000009")
        .bank("0210", &[(4, "000000000100"), (39, "00"), (41, "T0000001")])
        // Of another message type.
        .bank(
            "0110",
            &[
                (4, "000000000100"),
                (11, "000002"),
                (39, "00"),
                (41, "T0000001"),
            ],
        )
        .bank(
            "0230",
            &[
                (4, "000000000100"),
                (11, "000002"),
                (39, "00"),
                (41, "T0000001"),
            ],
        )
        // The right one, and a copy of it.
        .approves("T0000001", "000000000100", "000002")
        .approves("T0000001", "000000000100", "000002")
        .check(expect![[r#"
            bank says 0210 4=000000000100 11=000002 39=00 41=T0000002
                (unmatched 0210 000002: key_differs 41)
            bank says 0210 4=000000000100 11=000002 39=00
                (unmatched 0210 000002: key_differs 41)
            bank says 0210 4=000000000100 11=000009 39=00 41=T0000001
                (unmatched 0210 000009: unknown)
            bank says 0210 4=000000000100 39=00 41=T0000001
                (unmatched 0210 : key_missing 11)
            bank says 0110 4=000000000100 11=000002 39=00 41=T0000001
                (unmatched 0110 000002: mti_differs 0210)
            bank says 0230 4=000000000100 11=000002 39=00 41=T0000001
                (unmatched 0230 000002: mti_differs 0210)
            bank says 0210 4=000000000100 11=000002 39=00 41=T0000001
                record 3: T0 answered 00
                tell T0000001 0210 4=000000000100 11=000002 39=00 41=T0000001, after 3
            bank says 0210 4=000000000100 11=000002 39=00 41=T0000001
                (unmatched 0210 000002: already_answered)
        "#]]);
    assert_eq!(dialogue.link.in_flight(), 1);
}

#[test]
fn a_repeat_is_answered_like_the_original() {
    let mut dialogue = Dialogue::signed_on(profile());
    let fields = [(4, "000000000100"), (11, "000000"), (41, "T0000001")];
    dialogue.request("T0000001", "0201", &fields).quietly();
    dialogue
        .approves("T0000001", "000000000100", "000002")
        .check(expect![[r#"
            bank says 0210 4=000000000100 11=000002 39=00 41=T0000001
                record 2: T0 answered 00
                tell T0000001 0210 4=000000000100 11=000002 39=00 41=T0000001, after 2
        "#]]);
}

#[test]
fn a_request_without_terminal_is_matched_by_its_number() {
    let mut dialogue = Dialogue::signed_on(profile());
    dialogue
        .request("nobody", "0200", &[(4, "000000000100"), (11, "000000")])
        .quietly();
    dialogue
        .bank("0210", &[(11, "000002"), (39, "05"), (41, "HOSTSOWN")])
        .check(expect![[r#"
            bank says 0210 11=000002 39=05 41=HOSTSOWN
                record 2: T0 answered 05
                tell nobody 0210 11=000002 39=05 41=HOSTSOWN, after 2
        "#]]);
}

#[test]
fn an_approval_of_another_amount_is_no_approval() {
    for (code, amount, taken) in [
        ("00", "000000000100", true),
        ("00", "000000000099", false),
        ("00", "000000000101", false),
        ("10", "000000000099", true), // partial approval
        ("10", "000000000101", false),
        ("05", "000000000000", true), // a refusal is one whatever it says
    ] {
        let mut dialogue = Dialogue::signed_on(profile());
        dialogue.purchase("T0000001", "000000000100").quietly();
        dialogue.bank(
            "0210",
            &[(4, amount), (11, "000002"), (39, code), (41, "T0000001")],
        );
        let (told, declined) = (
            dialogue.script.contains("tell T0000001 0210"),
            dialogue.script.contains("tell T0000001 AnswerMismatch"),
        );
        assert_eq!(
            (told, declined),
            (taken, !taken),
            "{code} {amount}: {}",
            dialogue.script
        );
    }
    let mut dialogue = Dialogue::signed_on(profile());
    dialogue.purchase("T0000001", "000000000100").quietly();
    dialogue
        .approves("T0000001", "000000009900", "000002")
        .check(expect![[r#"
            bank says 0210 4=000000009900 11=000002 39=00 41=T0000001
                (000002 differs in field 4)
                record 2: reversal of T0 due: answer_mismatch, 0420 4=000000000100 11=000002 41=T0000001 90=020000000200000000000000000000000000000000
                tell T0000001 AnswerMismatch, after 2
                record 3: reversal of T0 goes as 000003, 1
                send 0420 4=000000000100 11=000003 41=T0000001 90=020000000200000000000000000000000000000000, after 3
        "#]]);
    // An answer without a response code says nothing.
    dialogue.purchase("T0000001", "000000000100").quietly();
    dialogue
        .bank(
            "0210",
            &[(4, "000000000100"), (11, "000003"), (41, "T0000001")],
        )
        .check(expect![[r#"
            bank says 0210 4=000000000100 11=000003 41=T0000001
                (unmatched 0210 000003: already_answered)
        "#]]);
    // An answer that leaves the amount out agrees to it.
    dialogue.purchase("T0000001", "000000000100").quietly();
    dialogue
        .bank("0210", &[(11, "000004"), (39, "00"), (41, "T0000001")])
        .check(expect![[r#"
            bank says 0210 11=000004 39=00 41=T0000001
                record 6: T1 answered 00
                tell T0000001 0210 11=000004 39=00 41=T0000001, after 6
        "#]]);
}

#[test]
fn a_partial_approval_says_which_part() {
    let mut dialogue = Dialogue::signed_on(profile());
    dialogue.purchase("T0000001", "000000000100").quietly();
    dialogue
        .bank("0210", &[(11, "000002"), (39, "10"), (41, "T0000001")])
        .check(expect![[r#"
            bank says 0210 11=000002 39=10 41=T0000001
                (000002 differs in field 4)
                record 2: reversal of T0 due: answer_mismatch, 0420 4=000000000100 11=000002 41=T0000001 90=020000000200000000000000000000000000000000
                tell T0000001 AnswerMismatch, after 2
                record 3: reversal of T0 goes as 000003, 1
                send 0420 4=000000000100 11=000003 41=T0000001 90=020000000200000000000000000000000000000000, after 3
        "#]]);
}

#[test]
fn an_approval_in_another_currency_is_no_approval() {
    for (asked, code, given, taken) in [
        (Some("978"), "00", Some("978"), true),
        (Some("978"), "00", Some("840"), false),
        (Some("978"), "10", Some("840"), false),
        (Some("978"), "05", Some("840"), true), // a refusal is one whatever it says
        (Some("978"), "00", None, true),
        (None, "00", Some("840"), true),
    ] {
        let mut dialogue = Dialogue::signed_on(profile());
        let amount = (4, "000000000100");
        let currency = |code: Option<&'static str>| code.map(|code| (49, code));
        let request = [amount, (11, "000000"), (41, "T0000001")];
        let request: Vec<_> = request.into_iter().chain(currency(asked)).collect();
        dialogue.request("T0000001", "0200", &request).quietly();
        let answer = [amount, (11, "000002"), (39, code), (41, "T0000001")];
        let answer: Vec<_> = answer.into_iter().chain(currency(given)).collect();
        dialogue.bank("0210", &answer);
        let (told, declined) = (
            dialogue.script.contains("tell T0000001 0210"),
            dialogue
                .script
                .contains("reversal of T0 due: answer_mismatch")
                && dialogue.script.contains("tell T0000001 AnswerMismatch"),
        );
        assert_eq!((told, declined), (taken, !taken), "{}", dialogue.script);
    }
}

#[test]
fn an_inquiry_may_be_answered_with_any_amount() {
    let mut dialogue = Dialogue::signed_on(profile());
    let fields = [(4, "000000000000"), (11, "000000"), (41, "T0000001")];
    dialogue.request("T0000001", "0100", &fields).quietly();
    let fields = [
        (4, "000000012300"),
        (11, "000002"),
        (39, "00"),
        (41, "T0000001"),
    ];
    dialogue.bank("0110", &fields);
    assert!(
        dialogue.script.contains("tell T0000001 0"),
        "{}",
        dialogue.script
    );
}

#[test]
fn a_broken_answer_is_declined_if_it_says_whose_it_is() {
    let mut dialogue = Dialogue::signed_on(profile());
    dialogue
        .purchase("T0000001", "000000000100")
        .purchase("T0000002", "000000000200")
        .quietly();
    let answer = |terminal, stan| {
        message(
            "0210",
            &[(4, "000000000100"), (11, stan), (39, "00"), (41, terminal)],
        )
    };
    // Cut in its last field, the terminal: the number alone is not enough.
    let whole = answer("T0000001", "000002");
    dialogue
        .bank_bytes(&whole[..whole.len() - 1])
        .check(expect![[r#"
            bank sends 47 bytes
                (unreadable, field 41, declined: false)
        "#]]);
    // Something after its end: everything that matters is there.
    let mut longer = answer("T0000001", "000002").to_vec();
    longer.push(b'!');
    dialogue.bank_bytes(&longer).check(expect![[r#"
        bank sends 49 bytes
            (unreadable, field 41, declined: true)
            record 3: reversal of T0 due: answer_undecodable, 0420 4=000000000100 11=000002 41=T0000001 90=020000000200000000000000000000000000000000
            tell T0000001 AnswerUndecodable, after 3
            record 4: reversal of T0 goes as 000004, 1
            send 0420 4=000000000100 11=000004 41=T0000001 90=020000000200000000000000000000000000000000, after 4
    "#]]);
    // The same for somebody who does not exist, and plain noise.
    let mut nobody = answer("T0000009", "000002").to_vec();
    nobody.push(b'!');
    dialogue
        .bank_bytes(&nobody)
        .bank_bytes(&[])
        .bank_bytes(&[0xFF; 100])
        .check(expect![[r#"
            bank sends 49 bytes
                (unreadable, field 41, declined: false)
            bank sends 0 bytes
                (unreadable, field 0, declined: false)
            bank sends 100 bytes
                (unreadable, field 0, declined: false)
        "#]]);
    assert_eq!(dialogue.link.in_flight(), 1);
}

#[test]
fn a_key_without_the_links_number() {
    let profile = LinkProfile {
        match_fields: [41, 37].into(),
        ..profile()
    };
    let mut dialogue = Dialogue::signed_on(profile);
    let fields = |reference| {
        [
            (4, "000000000100"),
            (11, "000000"),
            (37, reference),
            (41, "T0000001"),
        ]
    };
    dialogue
        .request("T0000001", "0200", &fields("000000000001"))
        .request("again", "0200", &fields("000000000001"))
        .request("other", "0200", &fields("000000000002"))
        .request(
            "none",
            "0200",
            &[(4, "000000000100"), (11, "000000"), (41, "T0000001")],
        )
        .check(expect![[r#"
            T0000001 asks
                record 1: T0 is about to be sent as 0200 000002, undone by 0420 4=000000000100 11=000002 37=000000000001 41=T0000001 90=020000000200000000000000000000000000000000
                send 0200 4=000000000100 11=000002 37=000000000001 41=T0000001, after 1
            again asks
                tell again KeyBusy
            other asks
                record 2: T1 is about to be sent as 0200 000003, undone by 0420 4=000000000100 11=000003 37=000000000002 41=T0000001 90=020000000300000000000000000000000000000000
                send 0200 4=000000000100 11=000003 37=000000000002 41=T0000001, after 2
            none asks
                tell none FormatError
        "#]]);
    // The host numbers as it likes; the reference decides.
    dialogue
        .bank(
            "0210",
            &[
                (11, "999999"),
                (37, "000000000002"),
                (39, "00"),
                (41, "T0000001"),
            ],
        )
        .bank(
            "0210",
            &[
                (11, "000002"),
                (37, "000000000003"),
                (39, "00"),
                (41, "T0000001"),
            ],
        )
        .bank("0210", &[(11, "000002"), (39, "00"), (41, "T0000001")])
        .check(expect![[r#"
            bank says 0210 11=999999 37=000000000002 39=00 41=T0000001
                record 3: T1 answered 00
                tell other 0210 11=999999 37=000000000002 39=00 41=T0000001, after 3
            bank says 0210 11=000002 37=000000000003 39=00 41=T0000001
                (unmatched 0210 000002: unknown)
            bank says 0210 11=000002 39=00 41=T0000001
                (unmatched 0210 000002: key_missing 37)
        "#]]);
    // While the first one is remembered its key stays taken.
    dialogue.wait(15).quietly();
    dialogue
        .request("again", "0200", &fields("000000000001"))
        .check(expect![[r#"
            again asks
                tell again KeyBusy
        "#]]);
    dialogue
        .bank(
            "0430",
            &[
                (11, "000004"),
                (37, "000000000001"),
                (39, "00"),
                (41, "T0000001"),
            ],
        )
        .quietly();
    dialogue
        .wait(120)
        .request("again", "0200", &fields("000000000001"))
        .check(expect![[r#"
            again asks
                record 7: T2 is about to be sent as 0200 000005, undone by 0420 4=000000000100 11=000005 37=000000000001 41=T0000001 90=020000000500000000000000000000000000000000
                send 0200 4=000000000100 11=000005 37=000000000001 41=T0000001, after 7
        "#]]);
}

#[test]
fn keys_of_any_length() {
    let profile = LinkProfile {
        match_fields: [41, 11, 48, 42, 41].into(),
        ..profile()
    };
    let mut dialogue = Dialogue::signed_on(profile);
    let (long, other) = ("x".repeat(300), "x".repeat(299) + "y");
    for private in ["", "short", &long] {
        let fields = [(11, "000000"), (41, "T0000001"), (48, private)];
        dialogue.request("T0000001", "0200", &fields);
    }
    dialogue.quietly();
    let answer = |stan, private| [(11, stan), (39, "00"), (41, "T0000001"), (48, private)];
    dialogue.bank("0210", &answer("000002", "short"));
    dialogue.bank("0210", &answer("000003", ""));
    dialogue.bank("0210", &answer("000004", &other));
    assert_eq!(
        dialogue.script.matches("key_differs 48").count(),
        3,
        "{}",
        dialogue.script
    );
    dialogue.bank("0210", &answer("000002", ""));
    dialogue.bank("0210", &answer("000003", "short"));
    dialogue.bank("0210", &answer("000004", &long));
    assert_eq!(dialogue.link.in_flight(), 0);
}

#[test]
fn many_in_flight_each_get_their_own() {
    let mut dialogue = Dialogue::signed_on(profile());
    let terminals: [&'static str; 4] = ["T0000001", "T0000002", "T0000003", "T0000004"];
    for round in 0..500 {
        dialogue.purchase(terminals[round % 4], "000000000100");
    }
    dialogue.quietly();
    // 499 and 500 have no common divisor, so this is every request once, in another order.
    for step in 0..500 {
        let round = step * 499 % 500;
        let terminal = terminals[round % 4];
        dialogue.approves(terminal, "000000000100", &format!("{:06}", round + 2));
        let script = core::mem::take(&mut dialogue.script);
        assert!(
            script.contains(&format!("tell {terminal} 0210")),
            "{script}"
        );
    }
    assert_eq!(dialogue.link.in_flight(), 0);
}

/// A person who reads about an answer that fits nothing is told what it may have been meant for.
#[test]
fn an_answer_that_fits_nothing_is_nearest_to_something() {
    let mut dialogue = Dialogue::signed_on(profile());
    let fields = [(4, "000000000100"), (11, "000007"), (41, "T0000001")];
    dialogue.request("T0000001", "0200", &fields).quietly();
    let nearest = |dialogue: &mut Dialogue, stan: &str, terminal: &str| {
        let answer = [(11, stan), (39, "00"), (41, terminal)];
        let frame = message("0210", &answer).freeze();
        dialogue.link.handle_frame(dialogue.now, frame);
        let mut nearest = None;
        while let Some(output) = dialogue.link.poll_output() {
            if let LinkOutput::Event(LinkEvent::Unmatched { nearest: found, .. }) = output {
                nearest = found;
            }
        }
        nearest.map(|trace| trace.to_string())
    };
    let trace = "terminal T0000001 stan 000007 link stan 000002";
    // Its number and another terminal, its terminal and another number, neither.
    assert_eq!(
        nearest(&mut dialogue, "000002", "T0000009").as_deref(),
        Some(trace)
    );
    assert_eq!(
        nearest(&mut dialogue, "000099", "T0000001").as_deref(),
        Some(trace)
    );
    assert_eq!(nearest(&mut dialogue, "000099", "T0000009"), None);
}
