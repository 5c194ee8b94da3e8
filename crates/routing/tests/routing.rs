//! What a table decides, by example and against the slowest possible implementation.
#![expect(clippy::unwrap_used, reason = "helpers of tests may panic")]

use pointsman_routing::{BinPattern, BuildError, Reason, RoutingTable, Rule};
use proptest::collection::vec;
use proptest::prelude::*;

fn rule(link: char, bins: &[&str]) -> Rule<char> {
    Rule {
        bins: bins.iter().map(|bin| bin.parse().unwrap()).collect(),
        link,
    }
}

/// Asserts the route and that the explanation agrees, and returns the reason.
#[track_caller]
fn check(table: &RoutingTable<char>, pan: &str, link: Option<char>) -> Reason {
    assert_eq!(table.route(pan), link);
    let explanation = table.explain(pan);
    assert_eq!(explanation.link(), link);
    explanation.reason()
}

#[test]
fn more_digits_win_then_the_narrower_range_then_the_default() {
    let table = RoutingTable::build(
        &[
            rule('a', &["4", "510000-559999"]),
            rule('b', &["411111", "540000-549999"]),
            rule('c', &["41111111111"]),
        ],
        Some('d'),
    )
    .unwrap();
    assert_eq!(
        check(&table, "4000000000000002", Some('a')),
        Reason::OnlyMatch
    );
    assert_eq!(
        check(&table, "4111110000000000", Some('b')),
        Reason::MoreDigits
    );
    assert_eq!(
        check(&table, "4111111111111111", Some('c')),
        Reason::MoreDigits
    );
    assert_eq!(
        check(&table, "5555555555554444", Some('a')),
        Reason::OnlyMatch
    );
    assert_eq!(
        check(&table, "5454545454545454", Some('b')),
        Reason::NarrowerRange
    );
    assert_eq!(
        check(&table, "6011111111111117", Some('d')),
        Reason::Default
    );
    assert_eq!(check(&table, "", Some('d')), Reason::Default);
    assert_eq!(table.default_route(), Some('d'));
}

#[test]
fn without_a_default_an_unknown_bin_has_no_route() {
    let table = RoutingTable::build(&[rule('a', &["4"])], None).unwrap();
    assert_eq!(check(&table, "5555555555554444", None), Reason::NoRoute);
    let empty = RoutingTable::<char>::build(&[], None).unwrap();
    assert_eq!(check(&empty, "4111111111111111", None), Reason::NoRoute);
}

#[test]
fn a_short_card_number_is_not_filled_up_with_zeros() {
    let table = RoutingTable::build(&[rule('a', &["4"]), rule('b', &["41111000"])], None).unwrap();
    assert_eq!(check(&table, "41111", Some('a')), Reason::OnlyMatch);
    assert_eq!(check(&table, "41111000", Some('b')), Reason::MoreDigits);
}

#[test]
fn the_ends_of_the_number_line_belong_to_someone() {
    let table =
        RoutingTable::build(&[rule('a', &["0"]), rule('b', &["99999999999"])], None).unwrap();
    check(&table, "0000000000000000", Some('a'));
    check(&table, "9999999999999999", Some('b'));
    check(&table, "9999999999899999", None);
}

#[test]
fn a_tie_between_different_links_names_both_patterns() {
    let error = RoutingTable::build(
        &[
            rule('a', &["4", "510000-519999"]),
            rule('b', &["515000-524999", "4", "6"]),
            rule('a', &["4"]),
        ],
        None,
    )
    .unwrap_err();
    let BuildError::Conflicts(conflicts) = &error else {
        panic!("not about conflicts: {error}");
    };
    assert_eq!(
        conflicts
            .iter()
            .map(|conflict| (
                (conflict.first.rule, conflict.first.bin),
                (conflict.second.rule, conflict.second.bin)
            ))
            .collect::<Vec<_>>(),
        [((0, 1), (1, 0)), ((0, 0), (1, 1)), ((1, 1), (2, 0))]
    );
    assert_eq!(
        error.to_string(),
        "BINs 510000-519999 and 515000-524999 overlap, are equally wide and lead to different links; \
         BIN 4 leads to two different links; BIN 4 leads to two different links"
    );
}

#[test]
fn a_tie_for_the_same_link_is_harmless() {
    let table = RoutingTable::build(
        &[rule('a', &["4", "50-54", "53-57"]), rule('a', &["4"])],
        None,
    )
    .unwrap();
    assert_eq!(
        check(&table, "4111111111111111", Some('a')),
        Reason::SameLink
    );
    assert_eq!(
        check(&table, "5355555555555555", Some('a')),
        Reason::SameLink
    );
    assert_eq!(table.patterns(), 4);
}

/// Patterns over few digits, so that they nest and overlap all the time.
fn pattern() -> impl Strategy<Value = BinPattern> {
    prop_oneof![
        "[459]{1,11}".prop_map(|text| text.parse().unwrap()),
        (1usize..=11, "[0459]{11}", "[0459]{11}").prop_map(|(digits, a, b)| {
            let (a, b) = (&a[..digits], &b[..digits]);
            let (low, high) = if a <= b { (a, b) } else { (b, a) };
            format!("{low}-{high}").parse().unwrap()
        }),
    ]
}

/// The oracle: reads the rule of precedence off the module's first lines. `Err` if it leaves a tie.
fn naive(rules: &[Rule<char>], default: Option<char>, pan: &str) -> Result<Option<char>, ()> {
    let mut best: Option<(usize, u64, char)> = None;
    for rule in rules {
        for bin in &rule.bins {
            let text = bin.to_string();
            let (low, high) = text.split_once('-').unwrap_or((&text, &text));
            let Some(head) = pan.get(..low.len()) else {
                continue;
            };
            // Texts of equal length compare as their numbers do.
            if head < low || head > high {
                continue;
            }
            let width = high.parse::<u64>().unwrap() - low.parse::<u64>().unwrap();
            match best {
                Some((digits, best_width, link)) if (digits, best_width) == (low.len(), width) => {
                    if link != rule.link {
                        return Err(());
                    }
                }
                Some((digits, best_width, _))
                    if digits > low.len() || (digits == low.len() && best_width < width) => {}
                _ => best = Some((low.len(), width, rule.link)),
            }
        }
    }
    Ok(best.map(|(_, _, link)| link).or(default))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn agrees_with_a_linear_scan(
        rules in vec((vec(pattern(), 0..6), prop::char::range('a', 'd')), 0..6),
        default in prop::option::of(Just('z')),
        pans in vec("[0459]{1,19}", 1..20),
    ) {
        let rules: Vec<Rule<char>> = rules.into_iter().map(|(bins, link)| Rule { bins, link }).collect();
        // Besides random numbers the ones around each bound, where mistakes live.
        let bounds = rules.iter().flat_map(|rule| &rule.bins).flat_map(|bin| {
            let text = bin.to_string();
            let (low, high) = text.split_once('-').unwrap_or((&text, &text));
            let (digits, low, high) = (low.len(), low.parse::<u64>().unwrap(), high.parse::<u64>().unwrap());
            [low.saturating_sub(1), low, high, high + 1]
                .into_iter()
                .flat_map(move |value| ["", "0", "00000000000", "99999999999"].map(|tail| format!("{value:0digits$}{tail}")))
        });
        let pans: Vec<String> = pans.into_iter().chain(bounds).collect();
        match RoutingTable::build(&rules, default) {
            Ok(table) => for pan in &pans {
                let expected = naive(&rules, default, pan);
                prop_assert_eq!(Ok(table.route(pan)), expected, "{}", pan);
                prop_assert_eq!(Ok(table.explain(pan).link()), expected, "{}", pan);
            },
            Err(BuildError::Conflicts(conflicts)) => {
                // The tie is a real one: both patterns match some number, equally well, for different links.
                for conflict in conflicts {
                    let (first, second) = (conflict.first, conflict.second);
                    prop_assert_ne!(rules[first.rule].link, rules[second.rule].link);
                    prop_assert_eq!(first.pattern.digits(), second.pattern.digits());
                    prop_assert_eq!(first.pattern.width(), second.pattern.width());
                    let text = second.pattern.to_string();
                    let low = text.split('-').next().unwrap();
                    prop_assert!(first.pattern.matches(low) && second.pattern.matches(low));
                }
            }
            Err(other) => prop_assert!(false, "{other}"),
        }
    }
}

#[test]
fn some_first_digits_are_enough_and_others_are_not() {
    let table = RoutingTable::build(
        &[
            rule('a', &["4", "510000-559999", "60", "6011"]),
            rule('b', &["411111", "41111111111"]),
            rule('c', &["20-29"]),
        ],
        None,
    )
    .unwrap();
    for (digits, decided) in [
        ("42", Some(Some('a'))),
        ("4", None),
        ("4111", None),
        // More digits may match another pattern, of the same link.
        ("411111", Some(Some('b'))),
        ("60", Some(Some('a'))),
        // No pattern matches so few, and every card that begins so goes there.
        ("2", Some(Some('c'))),
        ("5", None),
        ("53", Some(Some('a'))),
        ("9", Some(None)),
        ("", None),
        ("4111111111111111", Some(Some('b'))),
    ] {
        assert_eq!(table.route_of_prefix(digits), decided, "{digits}");
    }
    let longer = |digits: &str| -> Vec<String> {
        let patterns = table.longer_patterns(digits);
        patterns
            .iter()
            .map(|one| one.place.pattern.to_string())
            .collect()
    };
    assert_eq!(longer("4"), ["41111111111", "411111"]);
    assert_eq!(longer("411111"), ["41111111111"]);
    assert_eq!(longer("5"), ["510000-559999"]);
    assert_eq!(longer("510000"), [""; 0]);
    assert_eq!(longer("56"), [""; 0]);
}

proptest! {
    /// Of eight digits or more all thousand ways to go on can be tried.
    #[test]
    fn first_digits_decide_if_all_that_follow_agree(
        rules in vec((vec(pattern(), 0..6), prop::char::range('a', 'd')), 0..6),
        default in prop::option::of(Just('z')),
        digits in "[0459]{8,11}",
    ) {
        let rules: Vec<Rule<char>> = rules.into_iter().map(|(bins, link)| Rule { bins, link }).collect();
        let Ok(table) = RoutingTable::build(&rules, default) else {
            return Ok(());
        };
        let missing = 11 - digits.len();
        let mut routes = (0..10u32.pow(u32::try_from(missing).unwrap()))
            .map(|tail| match missing {
                0 => table.route(&digits),
                _ => table.route(&format!("{digits}{tail:0missing$}")),
            });
        let first = routes.next().unwrap();
        let expected = routes.all(|route| route == first).then_some(first);
        prop_assert_eq!(table.route_of_prefix(&digits), expected);
    }
}
