//! Which fields a message must have, must not have and gives back: rules as data, and what breaks them.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "test code: a wrong fixture must stop the test"
)]

use std::cell::Cell;
use std::collections::BTreeMap;

use bytes::BytesMut;
use expect_test::{Expect, expect};
use pointsman_iso8583::{Builder, Dialect, DialectError, FieldSet, MessageRules, Mti};
use pointsman_test_support::canonical;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use proptest::test_runner::{Config, TestRunner};

/// A message of these fields.
fn message(dialect: &Dialect, mti: &str, fields: &[(u8, &str)]) -> BytesMut {
    let mut out = BytesMut::new();
    let mut builder = Builder::new(dialect, &mut out, mti.parse::<Mti>().unwrap());
    for (number, text) in fields {
        builder.text(*number, text).unwrap();
    }
    builder.finish().unwrap();
    out
}

/// What it breaks, one a line.
fn check(dialect: &Dialect, mti: &str, fields: &[(u8, &str)], expected: Expect) {
    let bytes = message(dialect, mti, fields);
    let view = dialect.view(&bytes).unwrap();
    let broken = view.check_presence();
    let lines = broken.map(|violation| format!("{}\n", violation.explain(dialect).message));
    expected.assert_eq(&lines.collect::<String>());
}

#[test]
fn the_canonical_messages_break_nothing() {
    for name in Dialect::builtin_names() {
        let dialect = Dialect::builtin(name).unwrap();
        for canonical in canonical::ALL {
            let Some(bytes) = canonical.encode(&dialect) else {
                continue;
            };
            let view = dialect.view(&bytes).unwrap();
            let fields: Vec<u8> = view.check_presence().map(|broken| broken.field).collect();
            match (*name, canonical.name) {
                // Terminals of UnionPay have more to say than others.
                ("unionpay-pos", "purchase") => assert_eq!(fields, [60, 26, 53]),
                // It is for dialects without field 70.
                ("unionpay-pos", "sign-in") => assert_eq!(fields, [60]),
                (_, "sign-in") => assert_eq!(fields, [70], "{name}"),
                _ => assert_eq!(fields, [0; 0], "{name} {}", canonical.name),
            }
        }
    }
}

#[test]
fn every_dialect_has_rules_for_its_answers() {
    for name in Dialect::builtin_names().iter().chain(Dialect::pack_names()) {
        let dialect = Dialect::builtin(name).unwrap();
        let version = match *name {
            "iso93-ascii" | "iso93-binary" => '1',
            "iso2003-cmf" => '2',
            _ => '0',
        };
        let mti: Mti = format!("{version}210").parse().unwrap();
        let rules = dialect.rules(mti).unwrap();
        assert!(rules.mandatory().contains(39), "{name}");
        assert!(rules.echoed().contains(11), "{name}");
    }
}

#[test]
fn a_purchase_that_lacks_things() {
    let dialect = Dialect::builtin("unionpay-pos").unwrap();
    check(
        &dialect,
        "0200",
        &[
            (2, "4111111111111111"),
            (3, "000000"),
            (22, "021"),
            (52, "0123456789ABCDEF"),
        ],
        expect![[r#"
            field 11 (POS trace number) is missing: the rules for 0[124]xx demand it
            field 25 (Point of service condition code) is missing: the rules for 0[12]0[01] demand it
            field 41 (Card acceptor terminal identification) is missing: the rules for 0[12]0[01] demand it
            field 42 (Card acceptor identification code) is missing: the rules for 0[12]0[01] demand it
            field 60 (Transaction type, batch, network code) is missing: the rules for 0[12]0[01] demand it
            field 4 (Amount, transaction) is missing: all but a balance has an amount
            field 35 (Track 2 data) is missing: the magnetic stripe was read
            field 26 (PIN capture code) is missing: they say how the PIN is encrypted
            field 53 (Security control information) is missing: they say how the PIN is encrypted
        "#]],
    );
    check(
        &Dialect::builtin("iso87-ascii").unwrap(),
        "0210",
        &[
            (3, "000000"),
            (11, "000001"),
            (64, "0011223344556677"),
            (128, "0011223344556677"),
        ],
        expect![[r#"
            field 39 (Response code) is missing: the rules for 0x[13]0 demand it
            field 64 (Message authentication code) must not be there: the code of a message with a second bitmap is field 128
        "#]],
    );
}

/// A dialect in which each kind of condition has a field of its own.
#[test]
fn every_kind_of_condition() {
    let dialect = Dialect::parse(
        r#"
        name = "conditions"
        extends = "iso87-ascii"
        [messages]
        "0[124]xx" = false
        "0[124][02]x" = false
        "0[12]0[01]" = false
        [messages."0200"]
        forbidden = [39]
        why = "manual, 4.2"
        conditional = [
            { fields = [12, 13], when = { present = [7] }, why = "present" },
            { fields = [14], when = { absent = [35, 45] }, why = "absent" },
            { fields = [23], when = { field = 22, is = ["051"] }, why = "is" },
            { fields = [24], when = { field = 22, is_not = ["051", "071"] }, why = "is not" },
            { fields = [25], when = { field = 22, starts = ["01", "02"] }, why = "starts" },
            { fields = [26], when = { field = 22, starts_not = ["05"] }, why = "starts not" },
            { fields = [49], demand = "forbidden", when = [{ absent = [4] }, { field = 3, starts = ["3"] }], why = "both" },
        ]
        "#,
    )
    .unwrap();
    assert_eq!(Dialect::parse(&dialect.to_toml()).unwrap(), dialect);
    // A field that is not there has no value, so that nothing is said about it.
    check(
        &dialect,
        "0200",
        &[(7, "1124141500"), (12, "141500"), (39, "00"), (49, "978")],
        expect![[r#"
            field 39 (Response code) must not be there: manual, 4.2
            field 13 (Date, local transaction) is missing: present
            field 14 (Date, expiration) is missing: absent
        "#]],
    );
    check(
        &dialect,
        "0200",
        &[
            (3, "310000"),
            (22, "051"),
            (35, "4111111111111111=2912"),
            (49, "978"),
        ],
        expect![[r#"
            field 23 (Card sequence number) is missing: is
            field 49 (Currency code, transaction) must not be there: both
        "#]],
    );
    check(
        &dialect,
        "0200",
        &[(22, "021"), (45, "B4111111111111111^")],
        expect![[r#"
            field 24 (Network international identifier) is missing: is not
            field 25 (Point of service condition code) is missing: starts
            field 26 (Point of service PIN capture code) is missing: starts not
        "#]],
    );
    // What nobody says anything about is as it may be.
    check(&dialect, "0100", &[], expect![""]);
}

#[test]
fn what_an_answer_gives_back() {
    let dialect = Dialect::builtin("unionpay-pos").unwrap();
    let request = message(
        &dialect,
        "0200",
        &[
            (4, "000000001000"),
            (11, "000001"),
            (41, "TERM0001"),
            (42, "MERCHANT0000001"),
        ],
    );
    let request = dialect.view(&request).unwrap();
    let broken = |fields: &[(u8, &str)]| {
        let answer = message(&dialect, "0210", fields);
        let answer = dialect.view(&answer).unwrap();
        let broken = answer.check_echo(&request);
        let lines = broken.map(|violation| violation.explain(&dialect).message);
        lines.collect::<Vec<_>>()
    };
    let same = [
        (4, "000000001000"),
        (11, "000001"),
        (39, "00"),
        (41, "TERM0001"),
        (42, "MERCHANT0000001"),
    ];
    assert_eq!(broken(&same), [""; 0]);
    assert_eq!(
        broken(&[(4, "000000001001"), (11, "000001"), (41, "TERM0001")]),
        [
            "field 4 (Amount, transaction) is not what the request said",
            "field 42 (Card acceptor identification code) of the request is missing in the answer",
        ]
    );
}

/// The lists of the same key are replaced one by one; what a rule says of a field counts against what it inherits.
#[test]
fn rules_are_inherited() {
    let own = Dialect::parse(
        r#"
        name = "own"
        extends = "iso87-ascii"
        [fields]
        70 = false
        [messages]
        "0x[13]0" = { forbidden = [44] }
        "0110" = { optional = [39] }
        "0[124][13]0" = { echoed = [] }
        "#,
    )
    .unwrap();
    let rules = |mti: &str| own.rules(mti.parse().unwrap()).unwrap();
    assert!(rules("0210").mandatory().contains(39) && rules("0210").forbidden().contains(44));
    assert!(!rules("0110").mandatory().contains(39));
    assert!(rules("0210").echoed().is_empty());
    assert!(
        !rules("0800").mandatory().contains(70),
        "it is not defined any more"
    );
    assert_eq!(Dialect::parse(&own.to_toml()).unwrap(), own);
}

/// A field that has another form now cannot hold what an inherited rule asks for: that is cut away, not a mistake.
#[test]
fn inherited_rules_of_a_field_of_another_form() {
    for parent in Dialect::builtin_names().iter().chain(Dialect::pack_names()) {
        for (number, kind) in [(3, "a6"), (3, "n2"), (22, "a1"), (39, "b9"), (60, "ans..2")] {
            let toml = format!(
                "name = \"own\"\nextends = \"{parent}\"\n[fields]\n{number} = {{ type = \"{kind}\", encoding = \"{}\" }}\n",
                if kind.starts_with('b') {
                    "raw"
                } else {
                    "ascii"
                }
            );
            // Response codes may not fit field 39 any more, nor an inherited fill field 22: other mistakes.
            if let Ok(own) = Dialect::parse(&toml) {
                assert_eq!(Dialect::parse(&own.to_toml()).as_ref(), Ok(&own), "{toml}");
            } else {
                assert!([22, 39].contains(&number), "{toml}");
            }
        }
    }
}

/// One key of `[messages]`, as the naive reading knows it: the digits of each place, and what is said.
#[derive(Clone, Debug)]
struct Said {
    /// Digits that each place allows; several patterns.
    patterns: Vec<[Vec<u8>; 4]>,
    /// Field and list: `mandatory`, `forbidden` or `optional`.
    fields: BTreeMap<u8, &'static str>,
    echoed: Option<Vec<u8>>,
}

/// A pattern of few digits, so that many overlap.
fn pattern() -> impl Strategy<Value = [Vec<u8>; 4]> {
    let place = || {
        prop_oneof![
            3 => select(vec![vec![0], vec![1], vec![2]]),
            1 => select(vec![vec![0, 1], vec![1, 2], vec![0, 2]]),
            2 => Just((0..10).collect::<Vec<u8>>()),
        ]
    };
    [place(), place(), place(), place()]
}

fn said() -> impl Strategy<Value = Said> {
    let numbers = || subsequence(vec![3_u8, 4, 11, 39, 41], 0..4);
    let list = select(vec!["mandatory", "mandatory", "forbidden", "optional"]);
    let fields = numbers().prop_flat_map(move |numbers| {
        let each = numbers.iter().map(|_| list.clone()).collect::<Vec<_>>();
        each.prop_map(move |lists| numbers.iter().copied().zip(lists).collect())
    });
    let echoed = prop::option::weighted(0.3, numbers());
    (prop::collection::vec(pattern(), 1..3), fields, echoed).prop_map(
        |(patterns, fields, echoed)| Said {
            patterns,
            fields,
            echoed,
        },
    )
}

impl Said {
    fn key(&self) -> String {
        let place = |digits: &Vec<u8>| match digits.len() {
            1 => digits[0].to_string(),
            10 => "x".to_owned(),
            _ => format!("[{}]", digits.iter().map(u8::to_string).collect::<String>()),
        };
        let patterns = self.patterns.iter();
        let patterns = patterns.map(|places| places.iter().map(place).collect::<String>());
        patterns.collect::<Vec<_>>().join(", ")
    }

    fn toml(&self) -> String {
        let list = |wanted: &str| {
            let fields = self.fields.iter().filter(|(_, list)| **list == wanted);
            let numbers: Vec<u8> = fields.map(|(number, _)| *number).collect();
            format!("{wanted} = {numbers:?}")
        };
        let lists = ["mandatory", "forbidden", "optional"].map(list);
        let echoed = self
            .echoed
            .as_ref()
            .map(|fields| format!(", echoed = {fields:?}"));
        format!(
            "\"{}\" = {{ {}{} }}",
            self.key(),
            lists.join(", "),
            echoed.unwrap_or_default()
        )
    }

    /// How many types its narrowest pattern has that matches this one.
    fn width(&self, mti: [u8; 4]) -> Option<usize> {
        let matching = self.patterns.iter().filter(|places| {
            let mut pairs = places.iter().zip(mti);
            pairs.all(|(digits, digit)| digits.contains(&digit))
        });
        matching
            .map(|places| places.iter().map(Vec::len).product())
            .min()
    }
}

/// What all that is said comes to for one type; `None` if it contradicts itself there.
fn naive(all: &[Said], mti: [u8; 4]) -> Option<(FieldSet, FieldSet, FieldSet)> {
    let matching: Vec<(usize, &Said)> = all
        .iter()
        .filter_map(|said| Some((said.width(mti)?, said)))
        .collect();
    let (mut mandatory, mut forbidden) = (FieldSet::EMPTY, FieldSet::EMPTY);
    for field in [3, 4, 11, 39, 41] {
        let about = matching
            .iter()
            .filter_map(|(width, said)| Some((*width, said.fields.get(&field)?)));
        let about: Vec<(usize, &&str)> = about.collect();
        let Some(closest) = about.iter().map(|(width, _)| *width).min() else {
            continue;
        };
        let mut lists = about
            .iter()
            .filter(|(width, _)| *width == closest)
            .map(|(_, list)| **list);
        let list = lists.next()?;
        if lists.any(|other| other != list) {
            return None;
        }
        match list {
            "mandatory" => mandatory.insert(field),
            "forbidden" => forbidden.insert(field),
            _ => {}
        }
    }
    let echoed = matching
        .iter()
        .filter_map(|(width, said)| Some((*width, said.echoed.as_ref()?)));
    let echoed: Vec<(usize, &Vec<u8>)> = echoed.collect();
    let closest = echoed.iter().map(|(width, _)| *width).min();
    let mut sets = echoed
        .iter()
        .filter(|(width, _)| Some(*width) == closest)
        .map(|(_, set)| *set);
    let first = sets.next();
    if sets.any(|other| Some(other) != first) {
        return None;
    }
    let echoed = first.map_or(FieldSet::EMPTY, |set| set.iter().copied().collect());
    Some((mandatory, forbidden, echoed))
}

/// A dialect without rules.
const BARE: &str = r#"
name = "bare"
[message]
mti = "ascii"
bitmap = "hex"
[defaults]
digits = "ascii"
track = "ascii"
text = "ascii"
binary = "hex"
prefix = "ascii"
[fields]
3 = { type = "n6" }
4 = { type = "n12" }
11 = { type = "n6" }
39 = { type = "an2" }
41 = { type = "ans8" }
"#;

/// Random rules over types of few digits come to what a naive reading makes of them, type by type; and where that
/// contradicts itself, the dialect is refused.
#[test]
fn rules_come_to_what_a_naive_reading_makes_of_them() {
    let types: Vec<[u8; 4]> = (0..256)
        .map(|n: usize| [n / 64, n / 16 % 4, n / 4 % 4, n % 4].map(|digit| digit as u8))
        .collect();
    let (accepted, refused) = (Cell::new(0), Cell::new(0));
    let mut runner = TestRunner::new(Config {
        cases: 512,
        failure_persistence: None,
        ..Config::default()
    });
    let outcome = runner.run(&prop::collection::vec(said(), 1..6), |all| {
        let mut keys: Vec<Vec<_>> = all.iter().map(|said| said.patterns.clone()).collect();
        keys.iter_mut().for_each(|patterns| patterns.sort());
        keys.iter_mut().for_each(Vec::dedup);
        keys.sort();
        keys.dedup();
        // One key is written once, and nothing is given back by what only asks.
        let only_asks = |said: &Said| {
            said.patterns
                .iter()
                .all(|places| places[2].iter().all(|digit| digit % 2 == 0))
        };
        let asks = all
            .iter()
            .any(|said| only_asks(said) && said.echoed.as_ref().is_some_and(|set| !set.is_empty()));
        prop_assume!(keys.len() == all.len() && !asks);
        let rules: Vec<String> = all.iter().map(Said::toml).collect();
        let toml = format!("{BARE}[messages]\n{}\n", rules.join("\n"));
        let expected: Vec<_> = types.iter().map(|mti| naive(&all, *mti)).collect();
        match Dialect::parse(&toml) {
            Err(errors) => {
                refused.set(refused.get() + 1);
                let is_conflict =
                    |error: &DialectError| error.message.contains("contradict each other");
                prop_assert!(errors.iter().all(is_conflict), "{toml}\n{errors:?}");
                prop_assert!(expected.contains(&None), "{toml}\n{errors:?}");
            }
            Ok(dialect) => {
                accepted.set(accepted.get() + 1);
                prop_assert_eq!(&Dialect::parse(&dialect.to_toml()).unwrap(), &dialect);
                for (mti, expected) in types.iter().zip(&expected) {
                    let digits = mti.map(|digit| b'0' + digit);
                    let rules = dialect.rules(Mti::parse_digits(&digits).unwrap());
                    let found = rules.map(|rules: &MessageRules| {
                        (rules.mandatory(), rules.forbidden(), rules.echoed())
                    });
                    let found = Some(found.unwrap_or_default());
                    prop_assert_eq!(&found, expected, "{:?}\n{}", mti, toml);
                }
            }
        }
        Ok(())
    });
    outcome.unwrap();
    let (accepted, refused) = (accepted.get(), refused.get());
    assert!(
        accepted > 100 && refused > 20,
        "{accepted} accepted, {refused} refused"
    );
}
