//! A link that goes on where the last life of the switch ended.

use super::*;
use pointsman_iso8583::Stan;

use crate::link::stan::FORGOTTEN_MAX;
use crate::{TransactionId, TransactionIds};

/// All records of a dialogue, as a journal would give them back.
fn replayed(dialogue: &Dialogue) -> Recovered {
    let mut recovered = Recovered::default();
    for record in &dialogue.records {
        recovered.apply(1_000, record.clone());
    }
    recovered
}

/// The next life.
fn again(dialogue: &Dialogue, seconds_later: u64) -> Dialogue {
    let profile = LinkProfile {
        transactions: TransactionIds::new(2, 0),
        ..profile()
    };
    let mut next = Dialogue::new(profile.clone());
    next.link = Link::recover(
        Arc::new(profile),
        Instant::ZERO,
        1_000 + seconds_later,
        replayed(dialogue),
    );
    next.quietly();
    next.script += "again\n";
    next.note();
    next
}

fn numbered(stan: &str) -> [(u8, &str); 6] {
    [
        (3, "000000"),
        (4, "000000000100"),
        (11, stan),
        (12, "201500"),
        (13, "1124"),
        (41, "T0000001"),
    ]
}

/// Banks know a transaction by its number and its terminal: one that comes back soon would be taken for the old one.
#[test]
fn numbers_go_on_where_the_last_life_ended() {
    let mut dialogue = Dialogue::signed_on(profile());
    dialogue
        .request("T0000001", "0200", &numbered("000007"))
        .request("T0000001", "0200", &numbered("000008"));
    let stans = |dialogue: &Dialogue| -> Vec<u32> {
        let intents = dialogue.records.iter().filter_map(|record| match record {
            Record::Intent(intent) => Some(intent.stan.get()),
            _ => None,
        });
        intents.collect()
    };
    let given = stans(&dialogue);
    let recovered = replayed(&dialogue);
    let profile = LinkProfile {
        stan_seed: Some(8),
        transactions: TransactionIds::new(2, 0),
        ..profile()
    };
    let mut link: Link<&str> = Link::recover(Arc::new(profile), Instant::ZERO, 1_001, recovered);
    assert_eq!(
        given.last().map(|stan| stan + 1 + FORGOTTEN_MAX),
        link.stans.take().map(Stan::get)
    );
}

#[test]
fn what_was_in_doubt_is_reversed() {
    let mut dialogue = Dialogue::signed_on(profile());
    dialogue
        .request("T0000001", "0200", &numbered("000007"))
        .request("T0000001", "0200", &numbered("000008"))
        .approves("T0000001", "000000000100", "000002");
    let mut next = again(&dialogue, 1);
    next.check(expect![[r#"
        again
            connect to 0
            down → connecting
            record 1: reversal of T1 due: restart, 0420 4=000000000100 11=000003 12=201500 13=1124 41=T0000001 90=020000000300000000000000000000000000000000
    "#]]);
    next.signs_on()
        .bank("0430", &[(11, "000004"), (39, "25"), (41, "T0000001")])
        .check(expect![[r#"
            connected
                send 0800 7=1124141500 11=000001 70=001
                connecting → signing_on
            bank says 0810 11=000001 39=00 70=001
                signing_on → signed_on
                record 2: reversal of T1 goes as 000004, 1
                send 0420 4=000000000100 11=000004 12=201500 13=1124 41=T0000001 90=020000000300000000000000000000000000000000, after 2
            bank says 0430 11=000004 39=25 41=T0000001
                record 3: reversal of T1 is acknowledged
                (reversal of T1: acknowledged after 1)
        "#]]);
    // What was approved is known, what was in doubt is told as reversed.
    next.request("first", "0201", &numbered("000007"))
        .request("second", "0201", &numbered("000008"))
        .check(expect![[r#"
            first asks
                recall T0 for first, after 3
            second asks
                tell second Reversed, after 3
        "#]]);
}

#[test]
fn what_was_owed_is_owed_under_its_number() {
    let mut dialogue = Dialogue::signed_on(profile());
    dialogue
        .purchase("T0000001", "000000000100")
        .purchase("T0000002", "000000000200")
        .wait(15)
        .bank("0430", &[(11, "000004"), (39, "00"), (41, "T0000001")]);
    let mut next = again(&dialogue, 1);
    next.signs_on().check(expect![[r#"
        again
            connect to 0
            down → connecting
        connected
            send 0800 7=1124141500 11=000001 70=001
            connecting → signing_on
        bank says 0810 11=000001 39=00 70=001
            signing_on → signed_on
            record 1: reversal of T1 goes as 000005, 2
            send 0421 4=000000000200 11=000005 41=T0000002 90=020000000300000000000000000000000000000000
    "#]]);
}

#[test]
fn dead_letters_stay_for_people() {
    let mut profile = profile();
    profile.store_forward.expire = Duration::from_secs(30);
    let mut dialogue = Dialogue::signed_on(profile);
    dialogue
        .purchase("T0000001", "000000000100")
        .wait(15)
        .disconnected()
        .wait(40);
    let next = again(&dialogue, 1);
    let occupancy = next.link.occupancy();
    assert_eq!((occupancy.obligations, occupancy.dead_letters), (0, 1));
}

#[test]
fn after_a_day_nobody_asks_again() {
    let mut dialogue = Dialogue::signed_on(profile());
    dialogue
        .request("T0000001", "0200", &numbered("000007"))
        .approves("T0000001", "000000000100", "000002");
    for (minutes, known) in [(23 * 60, 1), (24 * 60, 0)] {
        let mut recovered = replayed(&dialogue);
        let stan = Stan::new(9).unwrap();
        for minute in 1..=minutes {
            let transaction = TransactionId::from_raw(7);
            let record = Record::Withdrawn { transaction, stan };
            recovered.apply(1_000 + 60 * minute, record);
        }
        let clock = 1_000 + 60 * minutes;
        let link = Link::<&str>::recover(Arc::new(profile()), Instant::ZERO, clock, recovered);
        assert_eq!(link.occupancy().originals, known, "{minutes}");
    }
}

/// A clock that was set must not make a terminal's repeat a new purchase, and its reversal one of nothing.
#[test]
fn a_clock_that_is_set_changes_nothing() {
    let mut dialogue = Dialogue::signed_on(profile());
    dialogue
        .request("T0000001", "0200", &numbered("000007"))
        .approves("T0000001", "000000000100", "000002");
    for clock in [0, 1_000, 1_000 + 26 * 3_600] {
        let recovered = replayed(&dialogue);
        let link = Link::<&str>::recover(Arc::new(profile()), Instant::ZERO, clock, recovered);
        assert_eq!(link.occupancy().originals, 1, "{clock}");
    }
}

/// The bank took the request up after the reversal and after a restart: it is known for what it is.
#[test]
fn a_late_approval_after_a_restart_brings_the_reversal_back() {
    let mut dialogue = Dialogue::signed_on(profile());
    dialogue
        .request("T0000001", "0200", &numbered("000007"))
        .wait(15)
        .bank("0430", &[(11, "000003"), (39, "25"), (41, "T0000001")]);
    let mut next = again(&dialogue, 1);
    next.signs_on().quietly();
    next.approves("T0000001", "000000000100", "000002")
        .check(expect![[r#"
            bank says 0210 4=000000000100 11=000002 39=00 41=T0000001
                (000002 answered 00, 0 ms late)
                record 1: reversal of T0 due: late_approval, 0420 4=000000000100 11=000002 12=201500 13=1124 41=T0000001 90=020000000200000000000000000000000000000000
                record 2: reversal of T0 goes as 000003, 2
                send 0421 4=000000000100 11=000003 12=201500 13=1124 41=T0000001 90=020000000200000000000000000000000000000000, after 1
        "#]]);
    // A crash does not make the repeat a first copy.
    let mut both = Dialogue::new(profile());
    both.records = dialogue
        .records
        .iter()
        .chain(&next.records[..1])
        .cloned()
        .collect();
    let mut third = again(&both, 2);
    third.quietly();
    third.signs_on().check(expect![[r#"
        connected
            send 0800 7=1124141500 11=000001 70=001
            connecting → signing_on
        bank says 0810 11=000001 39=00 70=001
            signing_on → signed_on
            record 1: reversal of T0 goes as 000003, 2
            send 0421 4=000000000100 11=000003 12=201500 13=1124 41=T0000001 90=020000000200000000000000000000000000000000
    "#]]);
}

/// The numbers of what was answered a moment ago rest in the next life too.
#[test]
fn a_restart_uses_no_number_that_a_second_answer_could_come_to() {
    let mut dialogue = Dialogue::signed_on(profile());
    dialogue
        .request("T0000001", "0200", &numbered("000007"))
        .approves("T0000001", "000000000100", "000002");
    let mut next = again(&dialogue, 1);
    next.signs_on()
        .request("T0000001", "0200", &numbered("000009"));
    let sent = next.records.iter().find_map(|record| match record {
        Record::Intent(intent) => Some(intent.stan),
        _ => None,
    });
    assert_eq!(sent, Stan::new(3));
}

#[test]
fn a_bank_that_declined_before_a_restart_may_approve_after_it() {
    let mut dialogue = Dialogue::signed_on(profile());
    dialogue.request("T0000001", "0200", &numbered("000017"));
    let answer = |code| {
        [
            (4, "000000000100"),
            (11, "000002"),
            (39, code),
            (41, "T0000001"),
        ]
    };
    dialogue.bank("0210", &answer("51")).quietly();
    let mut after = again(&dialogue, 1);
    assert_eq!(after.link.occupancy().declined, 1);
    after.signs_on().quietly();
    after
        .bank("0210", &answer("00"))
        .request("T0000001", "0200", &numbered("000017"))
        .check(expect![[r#"
            bank says 0210 4=000000000100 11=000002 39=00 41=T0000001
                (000002 answered 00, 0 ms late)
                record 1: reversal of T0 due: late_approval, 0420 4=000000000100 11=000002 12=201500 13=1124 41=T0000001 90=020000000200000000000000000000000000000000
                record 2: reversal of T0 goes as 000003, 1
                send 0420 4=000000000100 11=000003 12=201500 13=1124 41=T0000001 90=020000000200000000000000000000000000000000, after 2
            T0000001 asks
                recall T0 for T0000001, after 2
        "#]]);
    // And once more: it is late now, and the terminal is still told what it was told.
    after.records.splice(0..0, dialogue.records.clone());
    let mut third = again(&after, 1);
    let occupancy = third.link.occupancy();
    assert_eq!((occupancy.declined, occupancy.late), (0, 1));
    third.signs_on().quietly();
    third
        .bank("0210", &answer("00"))
        .request("T0000001", "0200", &numbered("000017"))
        .check(expect![[r#"
            bank says 0210 4=000000000100 11=000002 39=00 41=T0000001
                (000002 answered 00, 0 ms late)
            T0000001 asks
                recall T0 for T0000001, after 1
        "#]]);
}

#[test]
fn a_second_crash_during_recovery_changes_nothing() {
    let mut dialogue = Dialogue::signed_on(profile());
    dialogue.request("T0000001", "0200", &numbered("000007"));
    let next = again(&dialogue, 1);
    // The records of both lives.
    let mut both = Dialogue::new(profile());
    both.records = dialogue
        .records
        .iter()
        .chain(&next.records)
        .cloned()
        .collect();
    let third = again(&both, 2);
    assert_eq!(third.link.occupancy().obligations, 1);
    assert!(third.records.is_empty());
}
