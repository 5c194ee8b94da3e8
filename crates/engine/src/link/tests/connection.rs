//! Connecting, signing on, staying alive.

use super::*;

#[test]
fn signs_on_before_anything_else() {
    Dialogue::new(profile())
        .purchase("T0000001", "000000000100")
        .connected()
        .purchase("T0000001", "000000000100")
        .bank("0810", &[(11, "000001"), (39, "00"), (70, "001")])
        .purchase("T0000001", "000000000100")
        .check(expect![[r#"
                connect to 0
                down → connecting
            T0000001 asks
                tell T0000001 LinkDown
            connected
                send 0800 7=1124141500 11=000001 70=001
                connecting → signing_on
            T0000001 asks
                tell T0000001 LinkDown
            bank says 0810 11=000001 39=00 70=001
                signing_on → signed_on
            T0000001 asks
                record 1: T0 is about to be sent as 0200 000002, undone by 0420 4=000000000100 11=000002 41=T0000001 90=020000000200000000000000000000000000000000
                send 0200 4=000000000100 11=000002 41=T0000001, after 1
        "#]]);
}

#[test]
fn a_refused_sign_on_is_tried_again_elsewhere() {
    Dialogue::new(profile())
        .connected()
        .bank("0810", &[(11, "000001"), (39, "91"), (70, "001")])
        .wait(1)
        .connected()
        .bank("0810", &[(11, "000002")])
        .check(expect![[r#"
                connect to 0
                down → connecting
            connected
                send 0800 7=1124141500 11=000001 70=001
                connecting → signing_on
            bank says 0810 11=000001 39=91 70=001
                (SignOn refused with 91)
                disconnect
                (lost 0, again in 378 ms)
                signing_on → down
            378 ms
                connect to 1
                down → connecting
            connected
                send 0800 7=1124141501 11=000002 70=001
                connecting → signing_on
            bank says 0810 11=000002
                (SignOn refused with )
                disconnect
                (lost 0, again in 975 ms)
                signing_on → down
        "#]]);
}

#[test]
fn an_unanswered_sign_on_is_tried_again() {
    Dialogue::new(profile())
        .connected()
        .wait(16)
        .check(expect![[r#"
                connect to 0
                down → connecting
            connected
                send 0800 7=1124141500 11=000001 70=001
                connecting → signing_on
            15000 ms
                (SignOn unanswered)
                disconnect
                (lost 0, again in 378 ms)
                signing_on → down
            15378 ms
                connect to 1
                down → connecting
        "#]]);
}

#[test]
fn another_numbers_answer_is_no_sign_on() {
    let mut dialogue = Dialogue::new(profile());
    dialogue.connected().quietly();
    dialogue
        .bank("0810", &[(11, "000009"), (39, "00")])
        .bank("0810", &[(39, "00")])
        .bank("0830", &[(11, "000001"), (39, "00")])
        .check(expect![[r#"
            bank says 0810 11=000009 39=00
                (unmatched 0810 000009: unknown)
            bank says 0810 39=00
                (unmatched 0810 : unknown)
            bank says 0830 11=000001 39=00
                (unmatched 0830 000001: unknown)
        "#]]);
}

#[test]
fn a_link_without_sign_on_serves_at_once() {
    let profile = LinkProfile {
        sign_on: false,
        ..profile()
    };
    Dialogue::new(profile)
        .connected()
        .purchase("T0000001", "000000000100")
        .check(expect![[r#"
                connect to 0
                down → connecting
            connected
                connecting → connected
            T0000001 asks
                record 1: T0 is about to be sent as 0200 000001, undone by 0420 4=000000000100 11=000001 41=T0000001 90=020000000100000000000000000000000000000000
                send 0200 4=000000000100 11=000001 41=T0000001, after 1
        "#]]);
}

#[test]
fn connects_for_ever_with_growing_pauses_and_changing_addresses() {
    let mut dialogue = Dialogue::new(profile());
    dialogue
        .connect_failed()
        .wait(1)
        .connect_failed()
        .wait(1)
        .check(expect![[r#"
                connect to 0
                down → connecting
            connect failed
                (address 0 failed, again in 378 ms)
                connecting → down
            378 ms
                connect to 1
                down → connecting
            connect failed
                (address 1 failed, again in 975 ms)
                connecting → down
            1975 ms
                connect to 0
                down → connecting
        "#]]);
    let mut longest = Duration::ZERO;
    for _ in 0..200 {
        let before = dialogue.now;
        dialogue.connect_failed();
        let next = dialogue.link.next_timer().expect("it never gives up");
        longest = longest.max(next.since(before));
        dialogue.wait_ms(next.since(before).as_millis() as u64 + 1);
        assert_eq!(dialogue.link.state(), LinkState::Connecting);
    }
    let max = profile().backoff.max;
    assert!(longest <= max && longest > max / 2, "{longest:?}");
}

#[test]
fn after_a_success_the_pauses_begin_anew() {
    let mut dialogue = Dialogue::new(profile());
    for _ in 0..10 {
        dialogue.connect_failed();
        let next = dialogue.link.next_timer().expect("it never gives up");
        dialogue.wait_ms(next.since(dialogue.now).as_millis() as u64 + 1);
    }
    dialogue.connected();
    dialogue
        .bank("0810", &[(11, "000001"), (39, "00")])
        .quietly();
    dialogue.disconnected().wait(1).check(expect![[r#"
        disconnected
            (lost 0, again in 318 ms)
            signed_on → down
        109871 ms
            connect to 1
            down → connecting
    "#]]);
}

#[test]
fn an_attempt_takes_ten_seconds_at_most() {
    let mut dialogue = Dialogue::new(profile());
    dialogue.wait(10).check(expect![[r#"
            connect to 0
            down → connecting
        10000 ms
            disconnect
            (address 0 failed, again in 378 ms)
            connecting → down
    "#]]);
    // The driver's news came too late: nobody wants this connection any more.
    dialogue
        .connected()
        .connect_failed()
        .disconnected()
        .check(expect![[r#"
            connected
                disconnect
            connect failed
            disconnected
        "#]]);
}

#[test]
fn silence_is_broken_by_an_echo() {
    let profile = LinkProfile {
        echo: Some(Duration::from_secs(30)),
        ..profile()
    };
    let mut dialogue = Dialogue::signed_on(profile);
    dialogue
        .wait(30)
        .bank("0810", &[(11, "000002"), (39, "00"), (70, "301")])
        .wait(29)
        .purchase("T0000001", "000000000100")
        .approves("T0000001", "000000000100", "000003")
        .wait(29)
        .check(expect![[r#"
            30000 ms
                send 0800 7=1124141530 11=000002 70=301
            bank says 0810 11=000002 39=00 70=301
            T0000001 asks
                record 1: T0 is about to be sent as 0200 000003, undone by 0420 4=000000000100 11=000003 41=T0000001 90=020000000300000000000000000000000000000000
                send 0200 4=000000000100 11=000003 41=T0000001, after 1
            bank says 0210 4=000000000100 11=000003 39=00 41=T0000001
                record 2: T0 answered 00
                tell T0000001 0210 4=000000000100 11=000003 39=00 41=T0000001, after 2
        "#]]);
    dialogue.wait(1).check(expect![[r#"
        89000 ms
            send 0800 7=1124141629 11=000004 70=301
    "#]]);
}

#[test]
fn one_missed_echo_is_suspect_two_are_the_end() {
    let profile = LinkProfile {
        echo: Some(Duration::from_secs(30)),
        ..profile()
    };
    let mut dialogue = Dialogue::signed_on(profile);
    dialogue.wait(45).check(expect![[r#"
        30000 ms
            send 0800 7=1124141530 11=000002 70=301
        45000 ms
            (1 echoes missed)
            send 0800 7=1124141545 11=000003 70=301
            signed_on → suspect
    "#]]);
    dialogue
        .purchase("T0000001", "000000000100")
        .check(expect![[r#"
            T0000001 asks
                record 1: T0 is about to be sent as 0200 000004, undone by 0420 4=000000000100 11=000004 41=T0000001 90=020000000400000000000000000000000000000000
                send 0200 4=000000000100 11=000004 41=T0000001, after 1
        "#]]);
    dialogue.wait(15).check(expect![[r#"
        60000 ms
            (000004 timed out)
            record 2: reversal of T0 due: timeout, 0420 4=000000000100 11=000004 41=T0000001 90=020000000400000000000000000000000000000000
            tell T0000001 Timeout, after 2
            (2 echoes missed)
            disconnect
            (lost 0, again in 378 ms)
            suspect → down
    "#]]);
}

#[test]
fn a_suspect_host_that_says_something_is_trusted_again() {
    let profile = LinkProfile {
        echo: Some(Duration::from_secs(30)),
        ..profile()
    };
    let mut dialogue = Dialogue::signed_on(profile);
    dialogue.wait(45).quietly();
    // The answer to the first echo comes late. It is no longer waited for, but somebody is there.
    dialogue
        .wait(1)
        .bank("0810", &[(11, "000002"), (39, "00")])
        .wait(40)
        .check(expect![[r#"
            bank says 0810 11=000002 39=00
                suspect → signed_on
                (unmatched 0810 000002: unknown)
            60000 ms
            76000 ms
                send 0800 7=1124141616 11=000004 70=301
        "#]]);
}

#[test]
fn the_host_signs_us_off_and_on() {
    let mut dialogue = Dialogue::signed_on(profile());
    dialogue
        .purchase("T0000001", "000000000100")
        .bank("0800", &[(7, "1124141500"), (11, "777777"), (70, "002")])
        .purchase("T0000002", "000000000200")
        .approves("T0000001", "000000000100", "000002")
        .bank("0800", &[(7, "1124141501"), (11, "777778"), (70, "001")])
        .purchase("T0000002", "000000000200")
        .check(expect![[r#"
            T0000001 asks
                record 1: T0 is about to be sent as 0200 000002, undone by 0420 4=000000000100 11=000002 41=T0000001 90=020000000200000000000000000000000000000000
                send 0200 4=000000000100 11=000002 41=T0000001, after 1
            bank says 0800 7=1124141500 11=777777 70=002
                send 0810 7=1124141500 11=777777 39=00 70=002
                (host: 0800 Some(SignOff), accepted: true)
                signed_on → signed_off
            T0000002 asks
                tell T0000002 LinkSignedOff
            bank says 0210 4=000000000100 11=000002 39=00 41=T0000001
                record 2: T0 answered 00
                tell T0000001 0210 4=000000000100 11=000002 39=00 41=T0000001, after 2
            bank says 0800 7=1124141501 11=777778 70=001
                send 0810 7=1124141501 11=777778 39=00 70=001
                (host: 0800 Some(SignOn), accepted: true)
                signed_off → signed_on
            T0000002 asks
                record 3: T1 is about to be sent as 0200 000003, undone by 0420 4=000000000200 11=000003 41=T0000002 90=020000000300000000000000000000000000000000
                send 0200 4=000000000200 11=000003 41=T0000002, after 3
        "#]]);
}

#[test]
fn a_host_that_forgets_to_sign_us_on_hears_from_us() {
    let mut dialogue = Dialogue::signed_on(profile());
    dialogue
        .bank("0820", &[(11, "777777"), (70, "062")])
        .wait(30)
        .check(expect![[r#"
            bank says 0820 11=777777 70=062
                send 0830 11=777777 39=00 70=062
                (host: 0820 Some(SignOff), accepted: true)
                signed_on → signed_off
            30000 ms
                send 0800 7=1124141530 11=000002 70=001
                signed_off → signing_on
        "#]]);
    dialogue
        .bank("0810", &[(11, "000002"), (39, "00")])
        .check(expect![[r#"
            bank says 0810 11=000002 39=00
                signing_on → signed_on
        "#]]);

    let without_sign_on = LinkProfile {
        sign_on: false,
        ..profile()
    };
    let mut dialogue = Dialogue::new(without_sign_on);
    dialogue
        .connected()
        .bank("0800", &[(11, "777777"), (70, "002")])
        .quietly();
    dialogue.wait(30).check(expect![[r#"
        30000 ms
            disconnect
            (lost 0, again in 378 ms)
            signed_off → down
    "#]]);
}

#[test]
fn what_the_host_asks_for() {
    let mut dialogue = Dialogue::signed_on(profile());
    dialogue
        .bank("0800", &[(7, "1124141500"), (11, "777777"), (70, "301")])
        .bank("0800", &[(11, "777778"), (70, "201")])
        // We do not take keys: to say 00 would be a lie that every message after it pays for.
        .bank("0800", &[(11, "777779"), (70, "101")])
        .bank("0800", &[(11, "777780")])
        // No bank has business to pay through us. It is told; an advice cannot be declined, and is not taken either.
        .bank(
            "0200",
            &[(4, "000000000100"), (11, "777781"), (41, "T0000001")],
        )
        .bank("0100", &[(11, "777782")])
        .bank("0401", &[(11, "777783"), (41, "T0000001")])
        .bank("0420", &[(11, "777784"), (41, "T0000001")])
        .check(expect![[r#"
            bank says 0800 7=1124141500 11=777777 70=301
                send 0810 7=1124141500 11=777777 39=00 70=301
                (host: 0800 Some(Echo), accepted: true)
            bank says 0800 11=777778 70=201
                send 0810 11=777778 39=00 70=201
                (host: 0800 Some(CutOver), accepted: true)
            bank says 0800 11=777779 70=101
                send 0810 11=777779 39=40 70=101
                (host: 0800 None, accepted: false)
            bank says 0800 11=777780
                send 0810 11=777780 39=40
                (host: 0800 None, accepted: false)
            bank says 0200 4=000000000100 11=777781 41=T0000001
                send 0210 4=000000000100 11=777781 39=40 41=T0000001
                (unsupported 0200, answered: true)
            bank says 0100 11=777782
                send 0110 11=777782 39=40
                (unsupported 0100, answered: true)
            bank says 0401 11=777783 41=T0000001
                send 0410 11=777783 39=40 41=T0000001
                (unsupported 0401, answered: true)
            bank says 0420 11=777784 41=T0000001
                (unsupported 0420, answered: false)
        "#]]);
}

#[test]
fn a_dialect_without_field_11_cannot_sign_on() {
    let dialect =
        Dialect::parse("name = \"odd\"\nextends = \"iso87-ascii\"\n[fields]\n11 = false\n");
    let profile = LinkProfile {
        dialect: Arc::new(dialect.unwrap()),
        ..profile()
    };
    Dialogue::new(profile).connected().check(expect![[r#"
            connect to 0
            down → connecting
        connected
            (SignOn unwritable, field 11)
            disconnect
            (lost 0, again in 378 ms)
            connecting → down
    "#]]);
}

#[test]
fn frames_of_a_connection_that_is_gone_are_not_read() {
    let mut dialogue = Dialogue::signed_on(profile());
    dialogue
        .purchase("T0000001", "000000000100")
        .disconnected()
        .quietly();
    dialogue
        .approves("T0000001", "000000000100", "000002")
        .check(expect![[r#"
            bank says 0210 4=000000000100 11=000002 39=00 41=T0000001
        "#]]);
}
