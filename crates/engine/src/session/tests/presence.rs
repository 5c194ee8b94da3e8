//! Messages that break the rules of their dialect.

use super::*;

/// Terminals and banks whose rules ask for what the purchase of these tests lacks: 7 of the terminal, 22 of the bank.
fn strict(listener: PresencePolicy, link: PresencePolicy) -> Dialogue {
    let dialect = |name: &str, field: u8| {
        let source = format!(
            "name = \"strict\"\nextends = \"{name}\"\n[messages]\n\"0[24]xx\" = {{ mandatory = [{field}] }}\n"
        );
        Arc::new(Dialect::parse(&source).unwrap())
    };
    let (terminals, bank) = (dialect("iso87-bcd", 7), dialect("iso87-ascii", 22));
    let leg = |name: &str| LinkLeg::new(name.into(), &terminals, &bank).with_presence(link);
    Dialogue::with(ListenerProfile {
        links: [leg("alpha"), leg("beta")].into(),
        presence: listener,
        ..profile(&terminals, &bank)
    })
}

#[test]
fn nobody_looks_unless_somebody_asks() {
    strict(PresencePolicy::Ignore, PresencePolicy::Ignore)
        .purchase("000001")
        .bank(0, "0210", &[(11, "654321"), (39, "00")])
        .check(expect![[r#"
            terminal says 0200 2=4111111111111111 3=000000 4=000000000100 11=000001 25=00 41=T0000001 42=MERCHANT0000001
                forward to 0 0200 2=4111111111111111 3=000000 4=000000000100 11=000001 25=00 41=T0000001 42=MERCHANT0000001, financial
            bank says 0210 11=654321 39=00
                reply 0210 3=000000 4=000000000100 11=000001 25=00 39=00 41=T0000001 42=MERCHANT0000001, undone if lost
                (0200 of 0 answered 00 after 0 ms)
        "#]]);
}

#[test]
fn what_is_counted_goes_on() {
    strict(PresencePolicy::Count, PresencePolicy::Count)
        .purchase("000001")
        .bank(
            0,
            "0210",
            &[(4, "000000000100"), (11, "654321"), (39, "00")],
        )
        .check(expect![[r#"
            terminal says 0200 2=4111111111111111 3=000000 4=000000000100 11=000001 25=00 41=T0000001 42=MERCHANT0000001
                (0200 breaks a rule: field 7 is missing, terminal T0000001 stan 000001)
                (0200 of 0 breaks a rule: field 22 is missing, terminal T0000001 stan 000001)
                forward to 0 0200 2=4111111111111111 3=000000 4=000000000100 11=000001 25=00 41=T0000001 42=MERCHANT0000001, financial
            bank says 0210 4=000000000100 11=654321 39=00
                (0210 of 0 breaks a rule: field 22 is missing, stan 654321)
                reply 0210 3=000000 4=000000000100 11=000001 25=00 39=00 41=T0000001 42=MERCHANT0000001, undone if lost
                (0200 of 0 answered 00 after 0 ms)
        "#]]);
}

#[test]
fn what_is_refused_is_answered_in_the_terminals_dialect() {
    strict(PresencePolicy::Refuse, PresencePolicy::Refuse)
        .purchase("000001")
        .check(expect![[r#"
            terminal says 0200 2=4111111111111111 3=000000 4=000000000100 11=000001 25=00 41=T0000001 42=MERCHANT0000001
                (0200 breaks a rule: field 7 is missing, refused, terminal T0000001 stan 000001)
                reply 0210 3=000000 4=000000000100 11=000001 39=30 41=T0000001 42=MERCHANT0000001
                (0200 answered 30 because of format_error after 0 ms)
        "#]]);
    // An advice, too: the same message will be refused whenever it comes.
    strict(PresencePolicy::Refuse, PresencePolicy::Ignore)
        .terminal("0220", &purchase("000002"))
        .check(expect![[r#"
            terminal says 0220 2=4111111111111111 3=000000 4=000000000100 11=000002 25=00 41=T0000001 42=MERCHANT0000001
                (0220 breaks a rule: field 7 is missing, refused, terminal T0000001 stan 000002)
                reply 0230 3=000000 4=000000000100 11=000002 39=30 41=T0000001 42=MERCHANT0000001
                (0220 answered 30 because of format_error after 0 ms)
        "#]]);
}

#[test]
fn a_link_is_not_sent_what_its_bank_refuses() {
    let mut dialogue = strict(PresencePolicy::Ignore, PresencePolicy::Refuse);
    dialogue.purchase("000001").check(expect![[r#"
        terminal says 0200 2=4111111111111111 3=000000 4=000000000100 11=000001 25=00 41=T0000001 42=MERCHANT0000001
            reply 0210 3=000000 4=000000000100 11=000001 39=30 41=T0000001 42=MERCHANT0000001
            (0200 of 0 breaks a rule: field 22 is missing, refused, terminal T0000001 stan 000001)
            (0200 of 0 answered 30 because of format_error after 0 ms)
    "#]]);
    // An answer that breaks a rule is given to the terminal all the same.
    let complete = [
        (2, "4111111111111111"),
        (3, "000000"),
        (4, "000000000100"),
        (11, "000002"),
        (22, "051"),
        (41, "T0000001"),
    ];
    dialogue
        .terminal("0200", &complete)
        .bank(
            0,
            "0210",
            &[(4, "000000000100"), (11, "654321"), (39, "00")],
        )
        .check(expect![[r#"
            terminal says 0200 2=4111111111111111 3=000000 4=000000000100 11=000002 22=051 41=T0000001
                forward to 0 0200 2=4111111111111111 3=000000 4=000000000100 11=000002 22=051 41=T0000001, financial
            bank says 0210 4=000000000100 11=654321 39=00
                (0210 of 0 breaks a rule: field 22 is missing, stan 654321)
                reply 0210 3=000000 4=000000000100 11=000002 39=00 41=T0000001, undone if lost
                (0200 of 0 answered 00 after 0 ms)
        "#]]);
}

/// Network management is answered here, and has rules as well.
#[test]
fn an_echo_that_breaks_a_rule() {
    let mut dialogue = strict(PresencePolicy::Refuse, PresencePolicy::Ignore);
    dialogue
        .terminal("0800", &[(70, "301")])
        .terminal("0800", &[(11, "000003"), (70, "301")])
        .check(expect![[r#"
            terminal says 0800 70=301
                (0800 breaks a rule: field 11 is missing, refused, -)
                reply 0810 39=30 70=301
                (0800 answered 30 because of format_error after 0 ms)
            terminal says 0800 11=000003 70=301
                reply 0810 11=000003 39=00 70=301
                (0800 answered here, accepted: true)
        "#]]);
}

/// Whatever it lacks, it may undo what was done.
#[test]
fn a_reversal_is_never_refused() {
    strict(PresencePolicy::Refuse, PresencePolicy::Refuse)
        .terminal("0420", &purchase("000004"))
        .check(expect![[r#"
            terminal says 0420 2=4111111111111111 3=000000 4=000000000100 11=000004 25=00 41=T0000001 42=MERCHANT0000001
                (0420 breaks a rule: field 7 is missing, terminal T0000001 stan 000004)
                (0420 of 0 breaks a rule: field 22 is missing, terminal T0000001 stan 000004)
                forward to 0 0420 2=4111111111111111 3=000000 4=000000000100 11=000004 25=00 41=T0000001 42=MERCHANT0000001, reversal
        "#]]);
}
