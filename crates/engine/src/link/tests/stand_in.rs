//! What is approved when the bank cannot be asked.

use pointsman_iso8583::Pan;

use super::*;
use crate::{CardId, Identify, StandInProfile, StandInRule};

const CARD: &str = "4111111111111111";
const STOLEN: &str = "4012888888881881";

fn card(pan: &Pan) -> CardId {
    CardId(pan.expose().parse().unwrap())
}

fn standing_in() -> LinkProfile {
    let rule = StandInRule {
        name: "small".into(),
        bins: None,
        merchants: ["MERCHANT0000001".into()].into(),
        merchant_categories: [5411].into(),
        entry_modes: [*b"05", *b"07"].into(),
        currency: "978".into(),
        amount_min: 100,
        amount_max: 5_000,
        card_count_max: 2,
        card_amount_max: 6_000,
    };
    let stolen = Pan::parse(STOLEN.as_bytes()).unwrap();
    LinkProfile {
        stand_in: Some(Arc::new(StandInProfile {
            rules: [rule].into(),
            hot_cards: [card(&stolen)].into_iter().collect(),
            identify: Identify::new(card),
        })),
        ..profile()
    }
}

fn purchase<'a>(stan: &'a str, amount: &'a str) -> Vec<(u8, &'a str)> {
    [
        (2, CARD),
        (3, "000000"),
        (4, amount),
        (11, stan),
        (12, "201500"),
        (13, "1124"),
        (18, "5411"),
        (22, "051"),
        (41, "T0000001"),
        (42, "MERCHANT0000001"),
        (49, "978"),
    ]
    .into()
}

#[test]
fn a_purchase_is_approved_and_the_bank_is_told() {
    let mut dialogue = Dialogue::new(standing_in());
    dialogue
        .quietly()
        .request("buyer", "0200", &purchase("000007", "000000002000"))
        .request("buyer", "0201", &purchase("000007", "000000002000"))
        .check(expect![[r#"
            buyer asks
                record 1: completion of T0 due, 0220 2=4111111111111111 4=000000002000 11=000001 12=201500 13=1124 18=5411 22=051 38=S00000 39=00 41=T0000001 42=MERCHANT0000001 49=978
                (stood in for 2000)
                tell buyer stood in S00000, after 1
            buyer asks
                tell buyer stood in S00000, after 1
        "#]]);
    dialogue
        .signs_on()
        .bank("0230", &[(11, "000001"), (39, "00"), (41, "T0000001")])
        .check(expect![[r#"
            connected
                send 0800 7=1124141500 11=000002 70=001
                connecting → signing_on
            bank says 0810 11=000002 39=00 70=001
                signing_on → signed_on
                record 2: completion of T0 goes as 000001, 1
                send 0220 2=4111111111111111 4=000000002000 11=000001 12=201500 13=1124 18=5411 22=051 38=S00000 39=00 41=T0000001 42=MERCHANT0000001 49=978, after 2
            bank says 0230 11=000001 39=00 41=T0000001
                record 3: completion of T0 is acknowledged
                (completion of T0: acknowledged after 1)
        "#]]);
    assert_eq!(dialogue.link.occupancy().obligations, 0);
}

#[test]
fn what_cannot_be_told_or_is_taken_back_is_reversed_after_its_advice() {
    let mut dialogue = Dialogue::new(standing_in());
    dialogue.request("buyer", "0200", &purchase("000007", "000000002000"));
    let undo = dialogue.undo.clone().unwrap();
    dialogue.link.handle_undo(dialogue.now, undo, None);
    dialogue.note().quietly();
    dialogue.signs_on().check(expect![[r#"
        connected
            send 0800 7=1124141500 11=000002 70=001
            connecting → signing_on
        bank says 0810 11=000002 39=00 70=001
            signing_on → signed_on
            record 3: completion of T0 goes as 000001, 1
            send 0220 2=4111111111111111 4=000000002000 11=000001 12=201500 13=1124 18=5411 22=051 38=S00000 39=00 41=T0000001 42=MERCHANT0000001 49=978, after 3
    "#]]);
    dialogue
        .bank("0230", &[(11, "000001"), (39, "00"), (41, "T0000001")])
        .check(expect![[r#"
            bank says 0230 11=000001 39=00 41=T0000001
                record 4: completion of T0 is acknowledged
                (completion of T0: acknowledged after 1)
                record 5: reversal of T0 goes as 000003, 1
                send 0420 2=4111111111111111 4=000000002000 11=000003 12=201500 13=1124 18=5411 22=051 38=S00000 41=T0000001 42=MERCHANT0000001 49=978 90=022000000100000000000000000000000000000000, after 5
        "#]]);
    dialogue
        .request("buyer", "0201", &purchase("000007", "000000002000"))
        .check(expect![[r#"
            buyer asks
                tell buyer Reversed, after 5
        "#]]);
}

/// What breaks a rule is declined as it would be without stand-in.
#[test]
fn no_more_than_is_allowed() {
    let change = |field, value| {
        let mut fields = purchase("000007", "000000002000");
        fields.retain(|(known, _)| *known != field);
        fields.extend(value);
        fields.sort_unstable();
        fields
    };
    for (why, fields) in [
        ("a PIN", change(52, Some((52, "0123456789ABCDEF")))),
        ("a stolen card", change(2, Some((2, STOLEN)))),
        ("no card", change(2, None)),
        ("cash", change(3, Some((3, "010000")))),
        ("too much", change(4, Some((4, "000000005001")))),
        ("too little", change(4, Some((4, "000000000099")))),
        ("no amount", change(4, None)),
        ("another trade", change(18, Some((18, "5812")))),
        ("typed in", change(22, Some((22, "012")))),
        (
            "another merchant",
            change(42, Some((42, "MERCHANT0000002"))),
        ),
        ("another currency", change(49, Some((49, "840")))),
    ] {
        let mut dialogue = Dialogue::new(standing_in());
        dialogue.request("buyer", "0200", &fields);
        assert!(
            dialogue.script.contains("tell buyer LinkDown"),
            "{why}: {}",
            dialogue.script
        );
    }
    // A bank that is there is asked, and one that is busy is not stood in for.
    let mut dialogue = Dialogue::signed_on(LinkProfile {
        in_flight_max: 1,
        ..standing_in()
    });
    dialogue
        .request("buyer", "0200", &purchase("000007", "000000002000"))
        .request("buyer", "0200", &purchase("000008", "000000002000"));
    assert!(
        dialogue.script.contains("send 0200") && dialogue.script.contains("tell buyer LinkBusy"),
        "{}",
        dialogue.script
    );
}

#[test]
fn a_card_gets_no_more_in_a_day_also_over_a_restart() {
    let mut dialogue = Dialogue::new(standing_in());
    let told = |dialogue: &mut Dialogue, stan: &str, amount: &str| {
        dialogue.quietly();
        dialogue.request("buyer", "0200", &purchase(stan, amount));
        dialogue.script.contains("tell buyer stood in")
    };
    assert!(told(&mut dialogue, "000001", "000000004000"));
    assert!(
        !told(&mut dialogue, "000002", "000000002001"),
        "too much in all"
    );
    assert!(told(&mut dialogue, "000003", "000000001000"));
    assert!(!told(&mut dialogue, "000004", "000000000100"), "too often");

    let mut recovered = Recovered::default();
    for record in &dialogue.records {
        recovered.apply(NOON, record.clone());
    }
    // A clock that was set back by a day brings no new limits either.
    let yesterday = NOON - 86_400;
    let profile = LinkProfile {
        wall_clock: WallClock::from_unix_seconds(yesterday),
        ..standing_in()
    };
    let mut back = Recovered::default();
    for record in &dialogue.records {
        back.apply(NOON, record.clone());
    }
    let mut earlier = Dialogue::new(profile.clone());
    earlier.link = Link::recover(Arc::new(profile), Instant::ZERO, yesterday, back);
    assert!(!told(&mut earlier, "000005", "000000000100"), "too often");

    let mut next = Dialogue::new(standing_in());
    next.link = Link::recover(Arc::new(standing_in()), Instant::ZERO, NOON, recovered);
    assert!(
        !told(&mut next, "000005", "000000000100"),
        "too often, still"
    );
    // The next day it is another matter.
    next.now = Instant::ZERO + Duration::from_secs(10 * 3_600);
    assert!(told(&mut next, "000006", "000000000100"));
}

/// The terminal of the first answer was gone, and asked again over another connection.
#[test]
fn what_was_given_again_is_not_undone() {
    let mut dialogue = Dialogue::new(standing_in());
    dialogue.request("buyer", "0200", &purchase("000007", "000000002000"));
    let undo = dialogue.undo.clone().unwrap();
    dialogue
        .quietly()
        .request("buyer", "0201", &purchase("000007", "000000002000"));
    assert!(
        dialogue.script.contains("tell buyer stood in S00000"),
        "{}",
        dialogue.script
    );
    dialogue.link.handle_undo(dialogue.now, undo, None);
    // The advice alone.
    assert_eq!(dialogue.link.occupancy().obligations, 1);
}
