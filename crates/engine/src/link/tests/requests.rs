//! A request's way: sent, answered, given up on, refused.

use alloc::vec::Vec;

use super::*;

#[test]
fn answers_come_in_any_order() {
    let mut dialogue = Dialogue::signed_on(profile());
    dialogue
        .purchase("T0000001", "000000000100")
        .purchase("T0000002", "000000000200")
        .approves("T0000002", "000000000200", "000003")
        .approves("T0000001", "000000000100", "000002")
        .check(expect![[r#"
            T0000001 asks
                record 1: T0 is about to be sent as 0200 000002, undone by 0420 4=000000000100 11=000002 41=T0000001 90=020000000200000000000000000000000000000000
                send 0200 4=000000000100 11=000002 41=T0000001, after 1
            T0000002 asks
                record 2: T1 is about to be sent as 0200 000003, undone by 0420 4=000000000200 11=000003 41=T0000002 90=020000000300000000000000000000000000000000
                send 0200 4=000000000200 11=000003 41=T0000002, after 2
            bank says 0210 4=000000000200 11=000003 39=00 41=T0000002
                record 3: T1 answered 00
                tell T0000002 0210 4=000000000200 11=000003 39=00 41=T0000002, after 3
            bank says 0210 4=000000000100 11=000002 39=00 41=T0000001
                record 4: T0 answered 00
                tell T0000001 0210 4=000000000100 11=000002 39=00 41=T0000001, after 4
        "#]]);
    assert_eq!(dialogue.link.in_flight(), 0);
}

#[test]
fn what_moves_no_money_is_not_recorded() {
    let mut dialogue = Dialogue::signed_on(profile());
    dialogue
        .request(
            "T0000001",
            "0100",
            &[(4, "000000000100"), (11, "000000"), (41, "T0000001")],
        )
        .wait(15)
        .check(expect![[r#"
            T0000001 asks
                send 0100 4=000000000100 11=000002 41=T0000001
            15000 ms
                (000002 timed out)
                tell T0000001 Timeout
        "#]]);
}

#[test]
fn nobody_waits_longer_than_the_timeout() {
    let mut dialogue = Dialogue::signed_on(profile());
    dialogue
        .purchase("T0000001", "000000000100")
        .wait_ms(14_999)
        .quietly();
    assert_eq!(dialogue.link.in_flight(), 1);
    dialogue.wait_ms(1).check(expect![[r#"
        15000 ms
            (000002 timed out)
            record 2: reversal of T0 due: timeout, 0420 4=000000000100 11=000002 41=T0000001 90=020000000200000000000000000000000000000000
            tell T0000001 Timeout, after 2
            record 3: reversal of T0 goes as 000003, 1
            send 0420 4=000000000100 11=000003 41=T0000001 90=020000000200000000000000000000000000000000, after 3
    "#]]);
    dialogue
        .wait_ms(500)
        .approves("T0000001", "000000000100", "000002")
        .check(expect![[r#"
            bank says 0210 4=000000000100 11=000002 39=00 41=T0000001
                (000002 answered 00, 500 ms late)
        "#]]);
}

#[test]
fn an_answer_in_the_last_moment_counts_and_one_after_it_does_not() {
    // The driver hands the frame in before it calls the timer: the clock decides, not the order.
    for (ms, delivered) in [(14_999, true), (15_000, false), (15_001, false)] {
        let mut dialogue = Dialogue::signed_on(profile());
        dialogue.purchase("T0000001", "000000000100").quietly();
        dialogue.now = dialogue.now + Duration::from_millis(ms);
        dialogue.approves("T0000001", "000000000100", "000002");
        assert_eq!(
            dialogue.script.contains("tell T0000001 0210"),
            delivered,
            "{}",
            dialogue.script
        );
        assert_eq!(
            dialogue.script.contains("tell T0000001 Timeout"),
            !delivered
        );
    }
}

#[test]
fn a_request_that_waited_too_long_is_not_sent() {
    let mut dialogue = Dialogue::signed_on(profile());
    let accepted = dialogue.now;
    dialogue.wait(15);
    let fields = [(4, "000000000100"), (11, "000000"), (41, "T0000001")];
    dialogue
        .request_of("T0000001", "0200", &fields, Nature::Financial, accepted)
        .check(expect![[r#"
            T0000001 asks
                tell T0000001 Timeout
        "#]]);
}

#[test]
fn a_broken_connection_leaves_sent_requests_in_doubt() {
    let mut dialogue = Dialogue::signed_on(profile());
    dialogue
        .purchase("T0000001", "000000000100")
        .request(
            "T0000002",
            "0100",
            &[(4, "000000000100"), (11, "000000"), (41, "T0000002")],
        )
        .disconnected()
        .purchase("T0000003", "000000000300")
        .check(expect![[r#"
            T0000001 asks
                record 1: T0 is about to be sent as 0200 000002, undone by 0420 4=000000000100 11=000002 41=T0000001 90=020000000200000000000000000000000000000000
                send 0200 4=000000000100 11=000002 41=T0000001, after 1
            T0000002 asks
                send 0100 4=000000000100 11=000003 41=T0000002
            disconnected
                (in doubt: terminal T0000001 stan 000000 link stan 000002)
                record 2: reversal of T0 due: disconnected, 0420 4=000000000100 11=000002 41=T0000001 90=020000000200000000000000000000000000000000
                tell T0000001 Disconnected, after 2
                (in doubt: terminal T0000002 stan 000000 link stan 000003)
                tell T0000002 Disconnected
                (lost 2, again in 378 ms)
                signed_on → down
            T0000003 asks
                tell T0000003 LinkDown
        "#]]);
    // After the reconnect the host remembers. Nobody here waits for it any more.
    dialogue
        .wait(1)
        .connected()
        .bank("0810", &[(11, "000004"), (39, "00")])
        .quietly();
    dialogue
        .approves("T0000001", "000000000100", "000002")
        .check(expect![[r#"
            bank says 0210 4=000000000100 11=000002 39=00 41=T0000001
                (000002 answered 00, 1000 ms late)
        "#]]);
}

#[test]
fn what_went_wrong_can_be_found() {
    let mut dialogue = Dialogue::signed_on(profile());
    let fields = |stan| {
        [
            (2, "4111111111111111"),
            (4, "000000000100"),
            (11, stan),
            (37, "612345678901"),
            (41, "TERM0001"),
        ]
    };
    let answer = |stan| {
        [
            (4, "000000000999"),
            (11, stan),
            (39, "00"),
            (41, "TERM0001"),
        ]
    };
    let mut traces = Vec::new();
    let mut look = |dialogue: &mut Dialogue| {
        while let Some(output) = dialogue.link.poll_output() {
            match output {
                LinkOutput::Journal { number, .. } => dialogue.link.handle_durable(number),
                LinkOutput::Event(
                    event @ (LinkEvent::TimedOut { trace, .. }
                    | LinkEvent::Late { trace, .. }
                    | LinkEvent::Mismatched { trace, .. }
                    | LinkEvent::Lost { trace, .. }),
                ) => traces.push(format!("{}: {trace}", event.label())),
                _ => {}
            }
        }
    };
    dialogue.request("it times out", "0200", &fields("000017"));
    dialogue.now = dialogue.now + Duration::from_secs(15);
    dialogue.link.handle_timer(dialogue.now);
    look(&mut dialogue);
    let late = message("0210", &answer("000002")).freeze();
    dialogue.link.handle_frame(dialogue.now, late);
    look(&mut dialogue);
    dialogue.request("another amount", "0200", &fields("000018"));
    let another = message("0210", &answer("000003")).freeze();
    dialogue.link.handle_frame(dialogue.now, another);
    look(&mut dialogue);
    dialogue.request("it is lost", "0200", &fields("000019"));
    dialogue.link.handle_disconnected(dialogue.now);
    look(&mut dialogue);
    expect![[r#"
        timed_out: terminal TERM0001 stan 000017 rrn 612345678901 link stan 000002
        late: terminal TERM0001 stan 000017 rrn 612345678901 link stan 000002
        lost: terminal TERM0001 stan 000018 rrn 612345678901 link stan 000004
        lost: terminal TERM0001 stan 000019 rrn 612345678901 link stan 000005
    "#]]
    .assert_eq(&(traces.join("\n") + "\n"));
}

#[test]
fn what_was_held_back_was_not_sent() {
    let mut dialogue = Dialogue::signed_on(profile());
    dialogue.purchase("T0000001", "000000000100");
    dialogue.durable = false;
    dialogue.purchase("T0000002", "000000000200").quietly();
    dialogue.disconnected().check(expect![[r#"
        disconnected
            (in doubt: terminal T0000001 stan 000000 link stan 000002)
            record 3: reversal of T0 due: disconnected, 0420 4=000000000100 11=000002 41=T0000001 90=020000000200000000000000000000000000000000
            tell T0000001 Disconnected, after 3
            record 4: T1 was not sent
            tell T0000002 LinkDown
            (lost 2, again in 378 ms)
            signed_on → down
    "#]]);
}

#[test]
fn a_full_link_refuses() {
    let profile = LinkProfile {
        in_flight_max: 1,
        ..profile()
    };
    let mut dialogue = Dialogue::signed_on(profile);
    dialogue
        .purchase("T0000001", "000000000100")
        .purchase("T0000002", "000000000200")
        .approves("T0000001", "000000000100", "000002")
        .purchase("T0000002", "000000000200")
        .check(expect![[r#"
            T0000001 asks
                record 1: T0 is about to be sent as 0200 000002, undone by 0420 4=000000000100 11=000002 41=T0000001 90=020000000200000000000000000000000000000000
                send 0200 4=000000000100 11=000002 41=T0000001, after 1
            T0000002 asks
                tell T0000002 LinkBusy
            bank says 0210 4=000000000100 11=000002 39=00 41=T0000001
                record 2: T0 answered 00
                tell T0000001 0210 4=000000000100 11=000002 39=00 41=T0000001, after 2
            T0000002 asks
                record 3: T1 is about to be sent as 0200 000003, undone by 0420 4=000000000200 11=000003 41=T0000002 90=020000000300000000000000000000000000000000
                send 0200 4=000000000200 11=000003 41=T0000002, after 3
        "#]]);
}

#[test]
fn numbers_rest_before_they_are_used_again() {
    let profile = LinkProfile {
        sign_on: false,
        stan_range: 1..=2,
        cooling: Cooling {
            answered: Duration::from_secs(10),
            unanswered: Duration::from_secs(120),
        },
        ..profile()
    };
    let mut dialogue = Dialogue::new(profile);
    dialogue.connected().quietly();
    dialogue
        .purchase("T0000001", "000000000100")
        .purchase("T0000002", "000000000200")
        .approves("T0000002", "000000000200", "000002")
        .purchase("T0000003", "000000000300")
        .check(expect![[r#"
            T0000001 asks
                record 1: T0 is about to be sent as 0200 000001, undone by 0420 4=000000000100 11=000001 41=T0000001 90=020000000100000000000000000000000000000000
                send 0200 4=000000000100 11=000001 41=T0000001, after 1
            T0000002 asks
                record 2: T1 is about to be sent as 0200 000002, undone by 0420 4=000000000200 11=000002 41=T0000002 90=020000000200000000000000000000000000000000
                send 0200 4=000000000200 11=000002 41=T0000002, after 2
            bank says 0210 4=000000000200 11=000002 39=00 41=T0000002
                record 3: T1 answered 00
                tell T0000002 0210 4=000000000200 11=000002 39=00 41=T0000002, after 3
            T0000003 asks
                tell T0000003 StanExhausted
        "#]]);
    // Number 2 was answered and is free after 10 s; number 1 timed out at 15 s and rests until 135 s.
    dialogue
        .wait_ms(9_999)
        .purchase("T0000003", "000000000300")
        .check(expect![[r#"
            T0000003 asks
                tell T0000003 StanExhausted
        "#]]);
    dialogue
        .wait_ms(1)
        .purchase("T0000003", "000000000300")
        .check(expect![[r#"
            T0000003 asks
                record 4: T2 is about to be sent as 0200 000002, undone by 0420 4=000000000300 11=000002 41=T0000003 90=020000000200000000000000000000000000000000
                send 0200 4=000000000300 11=000002 41=T0000003, after 4
        "#]]);
    dialogue
        .approves("T0000003", "000000000300", "000002")
        .quietly();
    // The reversal of the first has to wait for a number, too.
    dialogue
        .wait(11)
        .bank("0430", &[(11, "000002"), (39, "00"), (41, "T0000001")])
        .check(expect![[r#"
            15000 ms
                (000001 timed out)
                record 6: reversal of T0 due: timeout, 0420 4=000000000100 11=000001 41=T0000001 90=020000000100000000000000000000000000000000
                tell T0000001 Timeout, after 6
            16000 ms
            17000 ms
            18000 ms
            19000 ms
            20000 ms
                record 7: reversal of T0 goes as 000002, 1
                send 0420 4=000000000100 11=000002 41=T0000001 90=020000000100000000000000000000000000000000, after 7
            bank says 0430 11=000002 39=00 41=T0000001
                record 8: reversal of T0 is acknowledged
                (reversal of T0: acknowledged after 1)
        "#]]);
    // Its own number rests as long as a late approval could bring it back.
    dialogue
        .wait(113)
        .purchase("T0000004", "000000000400")
        .quietly();
    assert_eq!(dialogue.link.in_flight(), 0);
    dialogue
        .wait(1)
        .purchase("T0000005", "000000000500")
        .check(expect![[r#"
            T0000005 asks
                record 9: T3 is about to be sent as 0200 000001, undone by 0420 4=000000000500 11=000001 41=T0000005 90=020000000100000000000000000000000000000000
                send 0200 4=000000000500 11=000001 41=T0000005, after 9
        "#]]);
}

#[test]
fn tables_are_empty_at_rest() {
    let mut dialogue = Dialogue::signed_on(profile());
    for _ in 0..100 {
        dialogue
            .purchase("T0000001", "000000000100")
            .purchase("T0000002", "000000000200");
    }
    for stan in 2..60 {
        dialogue.approves("T0000001", "000000000100", &format!("{stan:06}"));
    }
    dialogue.wait(20).disconnected();
    let busy = dialogue.link.occupancy();
    assert_eq!((busy.in_flight, busy.late, busy.outputs), (0, 200 - 29, 0));
    // Housekeeping wakes nobody: it happens with whatever comes next.
    dialogue.wait(121);
    // What is left is owed to the bank, and nothing is in its way.
    let owed = dialogue.link.occupancy();
    let rest = Occupancy {
        obligations: 200 - 29,
        stans: owed.stans,
        ..Occupancy::default()
    };
    assert_eq!(owed, rest);
    assert!(owed.stans <= limits::STORE_FORWARD_WINDOW_DEFAULT);
}

#[test]
fn a_request_must_be_one() {
    let mut dialogue = Dialogue::signed_on(profile());
    dialogue
        .request("T0000001", "0210", &[(11, "000000"), (41, "T0000001")])
        .request("T0000001", "0200", &[(4, "000000000100"), (41, "T0000001")])
        .check(expect![[r#"
            T0000001 asks
                tell T0000001 UnsupportedMti
            T0000001 asks
                tell T0000001 FormatError
        "#]]);
    let broken = Request {
        reply_to: "T0000001",
        ticket: Ticket::new(0, 0),
        accepted: dialogue.now,
        message: BytesMut::from(&b"0200 and nonsense"[..]),
        stan: None,
        nature: Nature::Financial,
    };
    dialogue.script += "T0000001 asks nonsense\n";
    dialogue.link.handle_request(dialogue.now, broken);
    dialogue.note().check(expect![[r#"
        T0000001 asks nonsense
            tell T0000001 FormatError
    "#]]);
    assert_eq!(dialogue.link.occupancy().stans, 0);
}

#[test]
fn time_does_not_go_back() {
    let mut dialogue = Dialogue::signed_on(profile());
    dialogue
        .wait(100)
        .purchase("T0000001", "000000000100")
        .quietly();
    let accepted = dialogue.now;
    dialogue.now = Instant::ZERO;
    let fields = [(4, "000000000200"), (11, "000000"), (41, "T0000002")];
    dialogue.request_of("T0000002", "0200", &fields, Nature::Financial, accepted);
    assert_eq!(
        dialogue.link.next_timer(),
        Some(Instant::ZERO + Duration::from_secs(115))
    );
    dialogue.quietly().wait(114).check(expect![[r#""#]]);
    dialogue.wait(1);
    assert_eq!(dialogue.script.matches("Timeout").count(), 2);
}
