//! What the bank is owed: reversals and advices until they are acknowledged.

use super::*;

/// Fields of a purchase of a terminal that numbers it.
fn numbered<'a>(terminal: &'a str, stan: &'a str, amount: &'a str) -> [(u8, &'a str); 6] {
    [
        (3, "000000"),
        (4, amount),
        (11, stan),
        (12, "201500"),
        (13, "1124"),
        (41, terminal),
    ]
}

fn signed_on() -> Dialogue {
    let mut dialogue = Dialogue::signed_on(profile());
    dialogue.quietly();
    dialogue
}

/// What a reversal of a terminal says of its original.
fn original(stan: &str) -> String {
    format!("0200{stan}{:0<32}", "")
}

impl Dialogue {
    fn acknowledges(&mut self, terminal: &str, stan: &str, code: &str) -> &mut Self {
        self.bank("0430", &[(11, stan), (39, code), (41, terminal)])
    }

    fn undoes(&mut self, undo: Undo, told: Option<Cause>) -> &mut Self {
        self.script += "the terminal cannot be told\n";
        let told = told.map(|cause| ("T0000001", Ticket::new(0, 0), cause));
        self.link.handle_undo(self.now, undo, told);
        self.note()
    }
}

#[test]
fn a_reversal_is_sent_until_it_is_acknowledged() {
    let mut dialogue = signed_on();
    dialogue
        .purchase("T0000001", "000000000100")
        .quietly()
        .wait(15)
        .check(expect![[r#"
            15000 ms
                (000002 timed out)
                record 2: reversal of T0 due: timeout, 0420 4=000000000100 11=000002 41=T0000001 90=020000000200000000000000000000000000000000
                tell T0000001 Timeout, after 2
                record 3: reversal of T0 goes as 000003, 1
                send 0420 4=000000000100 11=000003 41=T0000001 90=020000000200000000000000000000000000000000, after 3
        "#]]);
    // Nobody acknowledges: again, under the same number, as a repeat.
    dialogue.wait(20).check(expect![[r#"
        30000 ms
        31931 ms
            record 4: reversal of T0 goes as 000003, 2
            send 0421 4=000000000100 11=000003 41=T0000001 90=020000000200000000000000000000000000000000, after 3
    "#]]);
    // The bank cannot do it now.
    dialogue
        .acknowledges("T0000001", "000003", "91")
        .wait(10)
        .check(expect![[r#"
            bank says 0430 11=000003 39=91 41=T0000001
            37947 ms
                record 5: reversal of T0 goes as 000003, 3
                send 0421 4=000000000100 11=000003 41=T0000001 90=020000000200000000000000000000000000000000, after 3
        "#]]);
    dialogue
        .acknowledges("T0000001", "000003", "00")
        .check(expect![[r#"
            bank says 0430 11=000003 39=00 41=T0000001
                record 6: reversal of T0 is acknowledged
                (reversal of T0: acknowledged after 3)
        "#]]);
    assert_eq!(dialogue.link.occupancy().obligations, 0);
}

#[test]
fn nothing_to_undo_is_done() {
    for code in ["25", "00", "94"] {
        let mut dialogue = signed_on();
        dialogue
            .purchase("T0000001", "000000000100")
            .wait(15)
            .quietly();
        dialogue.acknowledges("T0000001", "000003", code);
        assert!(
            dialogue
                .script
                .contains("reversal of T0: acknowledged after 1"),
            "{}",
            dialogue.script
        );
    }
}

#[test]
fn an_acknowledgement_must_be_one() {
    let mut dialogue = signed_on();
    dialogue
        .purchase("T0000001", "000000000100")
        .wait(15)
        .quietly();
    dialogue
        .acknowledges("T0000009", "000003", "00")
        .acknowledges("T0000001", "000004", "00")
        .bank("0410", &[(11, "000003"), (39, "00"), (41, "T0000001")])
        .check(expect![[r#"
            bank says 0430 11=000003 39=00 41=T0000009
                (unmatched 0430 000003: already_answered)
            bank says 0430 11=000004 39=00 41=T0000001
                (unmatched 0430 000004: unknown)
            bank says 0410 11=000003 39=00 41=T0000001
                (unmatched 0410 000003: already_answered)
        "#]]);
    assert_eq!(dialogue.link.occupancy().obligations, 1);
}

#[test]
fn what_the_bank_refuses_holds_nobody_up() {
    let mut dialogue = signed_on();
    dialogue
        .purchase("T0000001", "000000000100")
        .purchase("T0000002", "000000000200")
        .wait(15)
        .quietly();
    dialogue
        .acknowledges("T0000001", "000004", "30")
        .acknowledges("T0000002", "000005", "00")
        .check(expect![[r#"
            bank says 0430 11=000004 39=30 41=T0000001
            bank says 0430 11=000005 39=00 41=T0000002
                record 7: reversal of T1 is acknowledged
                (reversal of T1: acknowledged after 1)
        "#]]);
    for _ in 1..limits::STORE_FORWARD_REFUSALS_MAX {
        dialogue.wait(10).acknowledges("T0000001", "000004", "30");
    }
    dialogue.check(expect![[r#"
        16931 ms
            record 8: reversal of T0 goes as 000004, 2
            send 0421 4=000000000100 11=000004 41=T0000001 90=020000000200000000000000000000000000000000, after 5
        bank says 0430 11=000004 39=30 41=T0000001
        27947 ms
            record 9: reversal of T0 goes as 000004, 3
            send 0421 4=000000000100 11=000004 41=T0000001 90=020000000200000000000000000000000000000000, after 5
        bank says 0430 11=000004 39=30 41=T0000001
            record 10: reversal of T0 is refused
            (reversal of T0: refused after 3)
    "#]]);
    let occupancy = dialogue.link.occupancy();
    assert_eq!((occupancy.obligations, occupancy.dead_letters), (0, 1));
    // A person looks at it, and wants it sent again; then gives it up.
    let transaction = TransactionIds::new(1, 0).take().unwrap();
    let kind = ObligationKind::Reversal;
    dialogue.script += "a person decides\n";
    assert!(dialogue.link.handle_retry(dialogue.now, transaction, kind));
    assert!(!dialogue.link.handle_retry(dialogue.now, transaction, kind));
    assert!(dialogue.link.handle_drop(dialogue.now, transaction, kind));
    assert!(!dialogue.link.handle_drop(dialogue.now, transaction, kind));
    dialogue.note().check(expect![[r#"
        a person decides
            record 11: reversal of T0 due: timeout, 0420 4=000000000100 11=000002 41=T0000001 90=020000000200000000000000000000000000000000
            record 12: reversal of T0 goes as 000004, 4
            send 0421 4=000000000100 11=000004 41=T0000001 90=020000000200000000000000000000000000000000, after 11
            record 13: reversal of T0 is dropped
            (reversal of T0: dropped after 4)
    "#]]);
    assert_eq!(dialogue.link.occupancy().dead_letters, 0);
}

#[test]
fn what_is_due_for_too_long_is_for_people() {
    let mut profile = profile();
    profile.store_forward.expire = Duration::from_secs(60);
    let mut dialogue = Dialogue::signed_on(profile);
    dialogue
        .purchase("T0000001", "000000000100")
        .wait(15)
        .quietly();
    dialogue.disconnected().quietly();
    dialogue.wait(61);
    assert!(
        dialogue.script.contains("reversal of T0 is expired"),
        "{}",
        dialogue.script
    );
    assert_eq!(dialogue.link.occupancy().dead_letters, 1);
}

#[test]
fn a_broken_connection_is_no_answer() {
    let mut dialogue = signed_on();
    dialogue
        .purchase("T0000001", "000000000100")
        .wait(15)
        .quietly();
    dialogue.disconnected().quietly();
    dialogue.wait(5).signs_on();
    assert!(dialogue.script.contains("send 0421"), "{}", dialogue.script);
}

/// The bank had not seen the original when it acknowledged the reversal.
#[test]
fn a_late_approval_is_reversed_again() {
    let mut dialogue = signed_on();
    dialogue
        .purchase("T0000001", "000000000100")
        .wait(15)
        .quietly();
    dialogue
        .acknowledges("T0000001", "000003", "25")
        .approves("T0000001", "000000000100", "000002")
        .check(expect![[r#"
            bank says 0430 11=000003 39=25 41=T0000001
                record 4: reversal of T0 is acknowledged
                (reversal of T0: acknowledged after 1)
            bank says 0210 4=000000000100 11=000002 39=00 41=T0000001
                (000002 answered 00, 0 ms late)
                record 5: reversal of T0 due: late_approval, 0420 4=000000000100 11=000002 41=T0000001 90=020000000200000000000000000000000000000000
                record 6: reversal of T0 goes as 000003, 2
                send 0421 4=000000000100 11=000003 41=T0000001 90=020000000200000000000000000000000000000000, after 5
        "#]]);
    dialogue.acknowledges("T0000001", "000003", "00").quietly();
    // A late decline changes nothing.
    dialogue
        .bank(
            "0210",
            &[
                (4, "000000000100"),
                (11, "000002"),
                (39, "05"),
                (41, "T0000001"),
            ],
        )
        .check(expect![[r#"
            bank says 0210 4=000000000100 11=000002 39=05 41=T0000001
                (000002 answered 05, 0 ms late)
        "#]]);
}

#[test]
fn an_approval_after_a_decline_is_reversed() {
    let mut dialogue = signed_on();
    dialogue
        .request(
            "T0000001",
            "0200",
            &numbered("T0000001", "000017", "000000000100"),
        )
        .quietly();
    let answer = |code| {
        [
            (4, "000000000100"),
            (11, "000002"),
            (39, code),
            (41, "T0000001"),
        ]
    };
    // The same again is a second copy.
    dialogue
        .bank("0210", &answer("51"))
        .bank("0210", &answer("51"))
        .check(expect![[r#"
            bank says 0210 4=000000000100 11=000002 39=51 41=T0000001
                record 2: T0 answered 51
                tell T0000001 0210 4=000000000100 11=000002 39=51 41=T0000001, after 2
            bank says 0210 4=000000000100 11=000002 39=51 41=T0000001
                (unmatched 0210 000002: already_answered)
        "#]]);
    assert_eq!(dialogue.link.occupancy().declined, 1);
    // The bank holds what the terminal was told it does not. A third answer changes nothing.
    dialogue
        .wait(9)
        .bank("0210", &answer("00"))
        .bank("0210", &answer("00"))
        .check(expect![[r#"
            bank says 0210 4=000000000100 11=000002 39=00 41=T0000001
                (000002 answered 00, 9000 ms late)
                record 3: reversal of T0 due: late_approval, 0420 4=000000000100 11=000002 12=201500 13=1124 41=T0000001 90=020000000200000000000000000000000000000000
                record 4: reversal of T0 goes as 000003, 1
                send 0420 4=000000000100 11=000003 12=201500 13=1124 41=T0000001 90=020000000200000000000000000000000000000000, after 4
            bank says 0210 4=000000000100 11=000002 39=00 41=T0000001
                (000002 answered 00, 9000 ms late)
        "#]]);
    assert_eq!(dialogue.link.occupancy().declined, 0);
    // The terminal gets what it was told, and has nothing to reverse.
    dialogue
        .request(
            "T0000001",
            "0200",
            &numbered("T0000001", "000017", "000000000100"),
        )
        .request(
            "T0000001",
            "0420",
            &[
                (4, "000000000100"),
                (11, "000018"),
                (41, "T0000001"),
                (90, &original("000017")),
            ],
        )
        .check(expect![[r#"
            T0000001 asks
                recall T0 for T0000001, after 4
            T0000001 asks
                tell T0000001 accepted, after 4
        "#]]);
}

#[test]
fn what_was_declined_is_remembered_while_its_number_rests() {
    let mut dialogue = signed_on();
    dialogue.purchase("T0000001", "000000000100").quietly();
    let answer = |code| {
        [
            (4, "000000000100"),
            (11, "000002"),
            (39, code),
            (41, "T0000001"),
        ]
    };
    dialogue.bank("0210", &answer("51")).wait(10).quietly();
    dialogue.bank("0210", &answer("00")).check(expect![[r#"
        bank says 0210 4=000000000100 11=000002 39=00 41=T0000001
            (unmatched 0210 000002: unknown)
    "#]]);
    let rest = dialogue.link.occupancy();
    assert_eq!((rest.declined, rest.stans, rest.obligations), (0, 0, 0));
    // Of two approvals the second is a copy, and an inquiry is never undone.
    dialogue
        .purchase("T0000001", "000000000100")
        .approves("T0000001", "000000000100", "000003")
        .request(
            "T0000001",
            "0100",
            &[(3, "310000"), (11, "000000"), (41, "T0000001")],
        )
        .bank("0110", &[(11, "000004"), (39, "51"), (41, "T0000001")])
        .quietly();
    dialogue
        .approves("T0000001", "000000000100", "000003")
        .bank("0110", &[(11, "000004"), (39, "00"), (41, "T0000001")])
        .check(expect![[r#"
            bank says 0210 4=000000000100 11=000003 39=00 41=T0000001
                (unmatched 0210 000003: already_answered)
            bank says 0110 11=000004 39=00 41=T0000001
                (unmatched 0110 000004: already_answered)
        "#]]);
}

#[test]
fn where_no_number_tells_them_apart_what_was_declined_makes_room() {
    let mut dialogue = Dialogue::signed_on(LinkProfile {
        match_fields: [41].into(),
        ..profile()
    });
    let answer = |code| [(4, "000000000100"), (39, code), (41, "T0000001")];
    dialogue
        .purchase("T0000001", "000000000100")
        .bank("0210", &answer("51"))
        .purchase("T0000001", "000000000100")
        .quietly();
    assert_eq!(dialogue.link.occupancy().declined, 0);
    dialogue
        .bank("0210", &answer("00"))
        .bank("0210", &answer("51"))
        .check(expect![[r#"
            bank says 0210 4=000000000100 39=00 41=T0000001
                record 4: T1 answered 00
                tell T0000001 0210 4=000000000100 39=00 41=T0000001, after 4
            bank says 0210 4=000000000100 39=51 41=T0000001
                (unmatched 0210 : unknown)
        "#]]);
    dialogue.wait(10).purchase("T0000001", "000000000100");
    let rest = dialogue.link.occupancy();
    assert_eq!((rest.in_flight, rest.stans), (1, 1));
}

#[test]
fn an_approval_that_cannot_be_told_is_reversed_once() {
    let mut dialogue = signed_on();
    dialogue
        .request(
            "T0000001",
            "0200",
            &numbered("T0000001", "000007", "000000000100"),
        )
        .approves("T0000001", "000000000100", "000002")
        .quietly();
    let undo = dialogue.undo.clone().unwrap();
    dialogue
        .undoes(undo.clone(), Some(Cause::AnswerMismatch))
        .undoes(undo, None)
        .check(expect![[r#"
            the terminal cannot be told
                record 3: reversal of T0 due: undeliverable, 0420 4=000000000100 11=000002 12=201500 13=1124 41=T0000001 90=020000000200000000000000000000000000000000
                tell T0000001 AnswerMismatch, after 3
                record 4: reversal of T0 goes as 000003, 1
                send 0420 4=000000000100 11=000003 12=201500 13=1124 41=T0000001 90=020000000200000000000000000000000000000000, after 4
            the terminal cannot be told
        "#]]);
    // Whoever asks again is told that it did not happen.
    dialogue
        .request(
            "again",
            "0201",
            &numbered("T0000001", "000007", "000000000100"),
        )
        .check(expect![[r#"
            again asks
                tell again Reversed, after 4
        "#]]);
}

#[test]
fn a_repeat_is_never_sent_twice() {
    let mut dialogue = signed_on();
    let fields = numbered("T0000001", "000007", "000000000100");
    dialogue
        .request("first", "0200", &fields)
        .request("second", "0200", &fields)
        .request("third", "0201", &fields)
        .approves("T0000001", "000000000100", "000002")
        .check(expect![[r#"
            first asks
                record 1: T0 is about to be sent as 0200 000002, undone by 0420 4=000000000100 11=000002 12=201500 13=1124 41=T0000001 90=020000000200000000000000000000000000000000
                send 0200 4=000000000100 11=000002 12=201500 13=1124 41=T0000001, after 1
            second asks
            third asks
            bank says 0210 4=000000000100 11=000002 39=00 41=T0000001
                record 2: T0 answered 00
                tell first 0210 4=000000000100 11=000002 39=00 41=T0000001, after 2
                tell second 0210 4=000000000100 11=000002 39=00 41=T0000001, after 2
                tell third 0210 4=000000000100 11=000002 39=00 41=T0000001, after 2
        "#]]);
    // One of three is told: nothing is undone. None is: it is.
    let undo = dialogue.undo.clone().unwrap();
    dialogue
        .undoes(undo.clone(), None)
        .undoes(undo.clone(), None)
        .check(expect![[r#"
            the terminal cannot be told
            the terminal cannot be told
        "#]]);
    dialogue.undoes(undo, None).check(expect![[r#"
        the terminal cannot be told
            record 3: reversal of T0 due: undeliverable, 0420 4=000000000100 11=000002 12=201500 13=1124 41=T0000001 90=020000000200000000000000000000000000000000
            record 4: reversal of T0 goes as 000003, 1
            send 0420 4=000000000100 11=000003 12=201500 13=1124 41=T0000001 90=020000000200000000000000000000000000000000, after 4
    "#]]);
}

/// It asked again before it was known that the first answer went nowhere, and has the approval: it stands.
#[test]
fn what_was_told_again_is_not_undone() {
    let mut dialogue = signed_on();
    let fields = numbered("T0000001", "000007", "000000000100");
    dialogue
        .request("first", "0200", &fields)
        .approves("T0000001", "000000000100", "000002")
        .request("second", "0201", &fields)
        .quietly();
    let undo = dialogue.undo.clone().unwrap();
    dialogue
        .undoes(undo.clone(), None)
        .undoes(undo, Some(Cause::AnswerMismatch))
        .check(expect![[r#"
            the terminal cannot be told
            the terminal cannot be told
                tell T0000001 Internal
        "#]]);
}

/// The terminal may ask again before it hears that the first was refused, and takes either answer for both.
#[test]
fn a_refusal_stands_for_its_repeat() {
    let mut dialogue = Dialogue::new(profile());
    let fields = numbered("T0000001", "000007", "000000000100");
    dialogue.request("first", "0200", &fields).signs_on();
    dialogue.quietly();
    dialogue
        .request("second", "0201", &fields)
        .check(expect![[r#"
            second asks
                tell second LinkDown
        "#]]);
    dialogue
        .wait(600)
        .request("third", "0201", &fields)
        .check(expect![[r#"
            third asks
                record 1: T0 is about to be sent as 0201 000002, undone by 0420 4=000000000100 11=000002 12=201500 13=1124 41=T0000001 90=020100000200000000000000000000000000000000
                send 0201 4=000000000100 11=000002 12=201500 13=1124 41=T0000001, after 1
        "#]]);
}

/// The first copy is lost with its connection before its number is on record: the second must not go out before.
#[test]
fn no_copy_leaves_before_its_number_is_on_record() {
    let mut dialogue = signed_on();
    dialogue
        .purchase("T0000001", "000000000100")
        .wait(15)
        .disconnected()
        .wait(1)
        .signs_on();
    let after: Vec<&str> = dialogue
        .script
        .lines()
        .filter(|line| line.contains("send 042"))
        .collect();
    assert_eq!(after.len(), 2, "{after:?}");
    assert!(
        after.iter().all(|line| line.ends_with(", after 3")),
        "{after:?}"
    );
}

/// The bank answered the reversal before it had the original: what it says to older copies does not count.
#[test]
fn an_acknowledgement_from_before_the_late_approval_is_none() {
    let mut dialogue = signed_on();
    let acknowledged = [(11, "000003"), (39, "25"), (41, "T0000001")];
    dialogue
        .purchase("T0000001", "000000000100")
        .wait(15)
        .approves("T0000001", "000000000100", "000002")
        .bank("0430", &acknowledged);
    assert_eq!(dialogue.link.occupancy().obligations, 1);
    dialogue.wait(5).bank("0430", &acknowledged);
    assert_eq!(dialogue.link.occupancy().obligations, 0);
    // Once more, and the second copy of an old answer comes first.
    dialogue
        .approves("T0000001", "000000000100", "000002")
        .bank("0430", &acknowledged);
    assert_eq!(dialogue.link.occupancy().obligations, 1);
}

/// A dead letter keeps its number: sent again, it has to be known for the same.
#[test]
fn a_dead_letter_keeps_its_number() {
    let mut profile = profile();
    profile.stan_range = 1..=4;
    profile.store_forward.expire = Duration::from_secs(20);
    let mut dialogue = Dialogue::signed_on(profile);
    dialogue
        .purchase("T0000001", "000000000100")
        .wait(15)
        .wait(300);
    assert_eq!(dialogue.link.occupancy().dead_letters, 1);
    for terminal in ["T0000002", "T0000003", "T0000004", "T0000005"] {
        dialogue.purchase(terminal, "000000000100");
    }
    let sent: Vec<u32> = dialogue
        .records
        .iter()
        .skip_while(|record| !matches!(record, Record::Settled { .. }))
        .filter_map(|record| match record {
            Record::Intent(intent) => Some(intent.stan.get()),
            _ => None,
        })
        .collect();
    let stored = dialogue.records.iter().find_map(|record| match record {
        Record::Attempt { stan, .. } => Some(stan.get()),
        _ => None,
    });
    assert_eq!(sent.len(), 3);
    assert!(!sent.contains(&stored.unwrap()), "{sent:?}, {stored:?}");
}

/// The answer to the first copy comes after the second was acknowledged: nobody else may have the number by then.
#[test]
fn the_number_of_what_was_sent_twice_rests_longer() {
    let mut profile = profile();
    profile.stan_range = 1..=2;
    let mut dialogue = Dialogue::signed_on(profile);
    dialogue
        .request(
            "advice",
            "0220",
            &numbered("T0000001", "000007", "000000000100"),
        )
        .wait(20)
        .bank("0230", &[(11, "000002"), (39, "00"), (41, "T0000001")]);
    assert_eq!(dialogue.link.occupancy().obligations, 0);
    // Longer than the number of what was answered.
    dialogue.wait(60);
    dialogue.purchase("T0000001", "000000000100");
    assert_eq!(dialogue.link.occupancy().stans, 2);
}

/// What the terminal takes back needs no person, and must not be sent after its reversal.
#[test]
fn an_advice_that_is_taken_back_is_no_dead_letter() {
    let mut profile = profile();
    profile.store_forward.expire = Duration::from_secs(20);
    let reversal = |stan| {
        let mut fields = numbered("T0000001", "000008", "000000000100").to_vec();
        fields.push((90, stan));
        fields
    };
    let original = "022000000711242015000000000000000000000000";
    for expires_first in [true, false] {
        let mut dialogue = Dialogue::signed_on(profile.clone());
        dialogue.request(
            "advice",
            "0220",
            &numbered("T0000001", "000007", "000000000100"),
        );
        let (before, after) = if expires_first { (25, 1) } else { (10, 12) };
        dialogue.wait(before);
        let dead = dialogue.link.occupancy().dead_letters;
        assert_eq!(dead, usize::from(expires_first));
        dialogue
            .request("back", "0400", &reversal(original))
            .wait(after);
        let occupancy = dialogue.link.occupancy();
        assert_eq!((occupancy.dead_letters, occupancy.obligations), (0, 1));
    }
}

/// A number that comes round again names another purchase.
#[test]
fn another_purchase_under_the_same_number_is_no_repeat() {
    let mut dialogue = signed_on();
    for (place, (field, value)) in [
        (4, "000000000999"),
        (12, "201501"),
        (13, "1125"),
        (3, "200000"),
    ]
    .into_iter()
    .enumerate()
    {
        let mut fields = numbered("T0000001", "000007", "000000000100");
        if place > 0 {
            for known in &mut fields {
                if known.0 == field {
                    known.1 = value;
                }
            }
        }
        dialogue.request("T0000001", "0200", &fields);
    }
    assert_eq!(
        dialogue.script.matches("send 0200").count(),
        4,
        "{}",
        dialogue.script
    );
}

#[test]
fn a_terminal_takes_back_what_is_open() {
    let mut dialogue = signed_on();
    let original = original("000007");
    dialogue
        .request(
            "buyer",
            "0200",
            &numbered("T0000001", "000007", "000000000100"),
        )
        .quietly();
    let mut reversal = numbered("T0000001", "000008", "000000000100").to_vec();
    reversal.push((90, &original));
    dialogue
        .request("buyer", "0400", &reversal)
        .approves("T0000001", "000000000100", "000002")
        .request("buyer", "0401", &reversal)
        .check(expect![[r#"
            buyer asks
                record 2: reversal of T0 due: terminal, 0420 4=000000000100 11=000002 12=201500 13=1124 41=T0000001 90=020000000200000000000000000000000000000000
                tell buyer Reversed, after 2
                tell buyer accepted, after 2
                record 3: reversal of T0 goes as 000003, 1
                send 0420 4=000000000100 11=000003 12=201500 13=1124 41=T0000001 90=020000000200000000000000000000000000000000, after 3
            bank says 0210 4=000000000100 11=000002 39=00 41=T0000001
                (000002 answered 00, 0 ms late)
            buyer asks
                tell buyer accepted, after 3
        "#]]);
}

#[test]
fn a_terminal_takes_back_what_was_answered() {
    for (code, sent) in [("00", 1), ("05", 0)] {
        let mut dialogue = signed_on();
        let original = original("000007");
        dialogue
            .request(
                "buyer",
                "0200",
                &numbered("T0000001", "000007", "000000000100"),
            )
            .bank(
                "0210",
                &[
                    (4, "000000000100"),
                    (11, "000002"),
                    (39, code),
                    (41, "T0000001"),
                ],
            )
            .quietly();
        let mut reversal = numbered("T0000001", "000008", "000000000100").to_vec();
        reversal.push((90, &original));
        dialogue
            .request("buyer", "0420", &reversal)
            .request("buyer", "0421", &reversal);
        assert_eq!(
            dialogue.script.matches("send 0420").count(),
            sent,
            "{}",
            dialogue.script
        );
        assert_eq!(
            dialogue.script.matches("accepted").count(),
            2,
            "{}",
            dialogue.script
        );
        if sent == 1 {
            // The bank knows it by the link's number.
            assert!(
                dialogue.script.contains("90=0200000002"),
                "{}",
                dialogue.script
            );
        }
    }
}

#[test]
fn a_terminal_takes_back_what_never_came() {
    let mut dialogue = signed_on();
    let original = original("000007");
    let mut reversal = numbered("T0000001", "000008", "000000000100").to_vec();
    reversal.push((90, &original));
    dialogue
        .request("buyer", "0400", &reversal)
        .request(
            "buyer",
            "0200",
            &numbered("T0000001", "000007", "000000000100"),
        )
        .check(expect![[r#"
            buyer asks
                (reversed before it came)
                record 1: what has not come is reversed
                tell buyer accepted, after 1
            buyer asks
                tell buyer Reversed, after 1
        "#]]);
    // Ten minutes later it is another purchase.
    dialogue.wait(600).request(
        "buyer",
        "0200",
        &numbered("T0000001", "000007", "000000000100"),
    );
    assert!(dialogue.script.contains("send 0200"), "{}", dialogue.script);
}

#[test]
fn an_advice_is_promised_and_kept() {
    let mut dialogue = Dialogue::new(profile());
    let fields = [
        (2, "4111111111111111"),
        (3, "000000"),
        (4, "000000000100"),
        (11, "000007"),
        (35, "4111111111111111=29121011234"),
        (38, "ABC123"),
        (41, "T0000001"),
    ];
    // The link is down: it is taken even so, and a copy of it is the same advice.
    dialogue
        .request("shop", "0220", &fields)
        .request("shop", "0221", &fields)
        .check(expect![[r#"
                connect to 0
                down → connecting
            shop asks
                record 1: completion of T0 due, 0220 2=4111111111111111 4=000000000100 11=000007 38=ABC123 41=T0000001
                tell shop accepted, after 1
            shop asks
                tell shop accepted, after 1
        "#]]);
    dialogue
        .signs_on()
        .bank("0230", &[(11, "000002"), (39, "00"), (41, "T0000001")])
        .check(expect![[r#"
            connected
                send 0800 7=1124141500 11=000002 70=001
                connecting → signing_on
            bank says 0810 11=000002 39=00 70=001
                signing_on → signed_on
                record 2: completion of T0 goes as 000001, 1
                send 0220 2=4111111111111111 4=000000000100 11=000001 38=ABC123 41=T0000001, after 2
            bank says 0230 11=000002 39=00 41=T0000001
                (unmatched 0230 000002: unknown)
        "#]]);
}

#[test]
fn reversals_go_first() {
    let mut profile = profile();
    profile.store_forward.window = 1;
    let mut dialogue = Dialogue::signed_on(profile);
    let advice = |stan| {
        [
            (3, "000000"),
            (4, "000000000100"),
            (11, stan),
            (41, "T0000002"),
        ]
    };
    dialogue
        .purchase("T0000001", "000000000100")
        .request("shop", "0220", &advice("000001"))
        .request("shop", "0120", &advice("000002"))
        .request("shop", "0220", &advice("000003"))
        .wait(14)
        .quietly();
    dialogue
        .bank("0230", &[(11, "000003"), (39, "00"), (41, "T0000002")])
        .quietly();
    dialogue
        .wait(1)
        .bank("0230", &[(11, "000005"), (39, "00"), (41, "T0000002")]);
    let sent: Vec<&str> = dialogue
        .script
        .lines()
        .filter_map(|line| line.trim().strip_prefix("send "))
        .map(|line| &line[..4])
        .collect();
    assert_eq!(sent, ["0420"], "{}", dialogue.script);
    dialogue
        .quietly()
        .bank("0430", &[(11, "000006"), (39, "00"), (41, "T0000001")]);
    assert!(dialogue.script.contains("send 0120"), "{}", dialogue.script);
}

#[test]
fn nothing_new_starts_that_could_not_be_put_on_record() {
    let mut dialogue = signed_on();
    dialogue.link.handle_recording(false);
    let advice = [
        (3, "000000"),
        (4, "000000000100"),
        (11, "000009"),
        (41, "T0000002"),
    ];
    dialogue
        .purchase("T0000001", "000000000100")
        .request("shop", "0220", &advice)
        .check(expect![[r#"
            T0000001 asks
                tell T0000001 JournalDown
            shop asks
                tell shop JournalDown
        "#]]);
    dialogue.link.handle_recording(true);
    dialogue.purchase("T0000001", "000000000100");
    assert!(dialogue.script.contains("send 0200"), "{}", dialogue.script);
}

#[test]
fn there_is_room_for_every_reversal() {
    let mut profile = profile();
    profile.store_forward.entries_max = 2;
    let mut dialogue = Dialogue::signed_on(profile);
    dialogue
        .purchase("T0000001", "000000000100")
        .purchase("T0000002", "000000000100")
        .quietly();
    dialogue
        .purchase("T0000003", "000000000100")
        .check(expect![[r#"
            T0000003 asks
                tell T0000003 StoreForwardFull
        "#]]);
    dialogue.wait(15).quietly();
    dialogue.purchase("T0000003", "000000000100");
    assert!(
        dialogue.script.contains("StoreForwardFull"),
        "{}",
        dialogue.script
    );
}

/// A number that came round again names the newer purchase: the reversal of the older one must not undo that.
#[test]
fn a_reversal_of_something_else_undoes_nothing() {
    for (why, change) in [
        ("another card", (2, "4012888888881881")),
        ("more than there was", (4, "000000000101")),
        ("sent at another time", (90, "02000000071124201459")),
        ("an authorization", (90, "01000000071124201500")),
    ] {
        let mut dialogue = signed_on();
        let mut purchase = numbered("T0000001", "000007", "000000000100").to_vec();
        purchase.extend([(2, "4111111111111111"), (7, "1124201500")]);
        purchase.sort_unstable();
        dialogue
            .request("buyer", "0200", &purchase)
            .approves("T0000001", "000000000100", "000002")
            .quietly();
        let data = |head: &str| format!("{head:0<42}");
        let (right, other) = (data("02000000071124201500"), data(change.1));
        let mut reversal = purchase.clone();
        reversal.retain(|(field, _)| *field != 11 && (*field != change.0 || change.0 == 90));
        reversal.push((11, "000008"));
        if change.0 == 90 {
            reversal.push((90, &other));
        } else {
            reversal.extend([(90, right.as_str()), change]);
        }
        reversal.sort_unstable();
        dialogue.request("buyer", "0420", &reversal);
        assert!(
            dialogue.script.contains("tell buyer FormatError"),
            "{why}: {}",
            dialogue.script
        );
        assert_eq!(dialogue.link.occupancy().obligations, 0, "{why}");
        // The right one does, also of a part.
        dialogue.quietly();
        let mut part = purchase.clone();
        part.retain(|(field, _)| ![4, 11].contains(field));
        part.extend([(4, "000000000040"), (11, "000009"), (90, right.as_str())]);
        part.sort_unstable();
        dialogue.request("buyer", "0420", &part);
        assert!(dialogue.script.contains("accepted"), "{}", dialogue.script);
        assert_eq!(dialogue.link.occupancy().obligations, 1);
    }
}
