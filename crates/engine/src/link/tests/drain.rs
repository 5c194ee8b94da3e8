//! The end of a link.

use super::*;

#[test]
fn draining_finishes_what_is_open_and_signs_off() {
    let mut dialogue = Dialogue::signed_on(profile());
    dialogue
        .purchase("T0000001", "000000000100")
        .drain()
        .purchase("T0000002", "000000000200")
        .approves("T0000001", "000000000100", "000002")
        .bank("0810", &[(11, "000003"), (39, "00"), (70, "002")])
        .purchase("T0000002", "000000000200")
        .wait(1_000)
        .check(expect![[r#"
            T0000001 asks
                record 1: T0 is about to be sent as 0200 000002, undone by 0420 4=000000000100 11=000002 41=T0000001 90=020000000200000000000000000000000000000000
                send 0200 4=000000000100 11=000002 41=T0000001, after 1
            drain
            T0000002 asks
                tell T0000002 Draining
            bank says 0210 4=000000000100 11=000002 39=00 41=T0000001
                record 2: T0 answered 00
                tell T0000001 0210 4=000000000100 11=000002 39=00 41=T0000001, after 2
                send 0800 7=1124141500 11=000003 70=002
                signed_on → signing_off
            bank says 0810 11=000003 39=00 70=002
                disconnect
                signing_off → drained
                drained
            T0000002 asks
                tell T0000002 Draining
        "#]]);
    assert_eq!(dialogue.link.occupancy(), Occupancy::default());
}

#[test]
fn a_sign_off_is_not_waited_for_long() {
    let mut dialogue = Dialogue::signed_on(profile());
    dialogue.drain().wait(3).check(expect![[r#"
        drain
            send 0800 7=1124141500 11=000002 70=002
            signed_on → signing_off
        3000 ms
            (SignOff unanswered)
            disconnect
            signing_off → drained
            drained
    "#]]);
}

#[test]
fn draining_ends_with_the_last_deadline_at_the_latest() {
    let mut dialogue = Dialogue::signed_on(profile());
    dialogue
        .purchase("T0000001", "000000000100")
        .drain()
        .wait(18)
        .check(expect![[r#"
            T0000001 asks
                record 1: T0 is about to be sent as 0200 000002, undone by 0420 4=000000000100 11=000002 41=T0000001 90=020000000200000000000000000000000000000000
                send 0200 4=000000000100 11=000002 41=T0000001, after 1
            drain
            15000 ms
                (000002 timed out)
                record 2: reversal of T0 due: timeout, 0420 4=000000000100 11=000002 41=T0000001 90=020000000200000000000000000000000000000000
                tell T0000001 Timeout, after 2
                send 0800 7=1124141515 11=000003 70=002
                signed_on → signing_off
            18000 ms
                (SignOff unanswered)
                disconnect
                signing_off → drained
                drained
        "#]]);
}

#[test]
fn draining_a_link_whose_connection_breaks() {
    let mut dialogue = Dialogue::signed_on(profile());
    dialogue
        .purchase("T0000001", "000000000100")
        .drain()
        .disconnected()
        .check(expect![[r#"
            T0000001 asks
                record 1: T0 is about to be sent as 0200 000002, undone by 0420 4=000000000100 11=000002 41=T0000001 90=020000000200000000000000000000000000000000
                send 0200 4=000000000100 11=000002 41=T0000001, after 1
            drain
            disconnected
                (in doubt: terminal T0000001 stan 000000 link stan 000002)
                record 2: reversal of T0 due: disconnected, 0420 4=000000000100 11=000002 41=T0000001 90=020000000200000000000000000000000000000000
                tell T0000001 Disconnected, after 2
                (lost 1, again in 378 ms)
                signed_on → down
                down → drained
                drained
        "#]]);
    let mut dialogue = Dialogue::signed_on(profile());
    dialogue.drain().disconnected().check(expect![[r#"
        drain
            send 0800 7=1124141500 11=000002 70=002
            signed_on → signing_off
        disconnected
            (lost 0, again in 378 ms)
            signing_off → down
            down → drained
            drained
    "#]]);
}

#[test]
fn draining_a_link_that_is_not_up() {
    Dialogue::new(profile())
        .drain()
        .connected()
        .check(expect![[r#"
                connect to 0
                down → connecting
            drain
                disconnect
                connecting → drained
                drained
            connected
                disconnect
        "#]]);
    Dialogue::new(profile())
        .connect_failed()
        .drain()
        .wait(60)
        .check(expect![[r#"
                connect to 0
                down → connecting
            connect failed
                (address 0 failed, again in 378 ms)
                connecting → down
            drain
                down → drained
                drained
        "#]]);
    Dialogue::new(profile())
        .connected()
        .drain()
        .check(expect![[r#"
                connect to 0
                down → connecting
            connected
                send 0800 7=1124141500 11=000001 70=001
                connecting → signing_on
            drain
                disconnect
                signing_on → drained
                drained
        "#]]);
    let without_sign_on = LinkProfile {
        sign_on: false,
        ..profile()
    };
    Dialogue::new(without_sign_on)
        .connected()
        .drain()
        .check(expect![[r#"
                connect to 0
                down → connecting
            connected
                connecting → connected
            drain
                disconnect
                connected → drained
                drained
        "#]]);
    let mut signed_off = Dialogue::signed_on(profile());
    signed_off
        .bank("0800", &[(11, "777777"), (70, "002")])
        .drain()
        .check(expect![[r#"
            bank says 0800 11=777777 70=002
                send 0810 11=777777 39=00 70=002
                (host: 0800 Some(SignOff), accepted: true)
                signed_on → signed_off
            drain
                disconnect
                signed_off → drained
                drained
        "#]]);
}

#[test]
fn a_second_drain_changes_nothing() {
    let mut dialogue = Dialogue::signed_on(profile());
    dialogue.drain().quietly();
    dialogue.drain().check(expect![[r#"
        drain
    "#]]);
    dialogue
        .bank("0810", &[(11, "000002"), (39, "00"), (70, "002")])
        .drain()
        .check(expect![[r#"
            bank says 0810 11=000002 39=00 70=002
                disconnect
                signing_off → drained
                drained
            drain
        "#]]);
}
