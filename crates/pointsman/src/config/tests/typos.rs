//! One slip of the finger in a key, at every place, and the key that was meant is named.

use super::super::raw::{FRAMING, LINK, LISTENER, METRICS, ROOT, ROUTE, SWITCH};
use super::super::section::Kind;
use super::*;

/// A table with one key, in a file of its own.
fn file(kind: &Kind, key: &str) -> String {
    match kind.title {
        "the file" => format!("[{key}]\n"),
        "`framing`" => format!("[[link]]\nframing = {{ {key} = 0 }}\n"),
        header => format!("{header}\n{key} = 0\n"),
    }
}

/// All that can happen to a word with one slip.
fn slips(word: &str) -> Vec<String> {
    let mut slips = Vec::new();
    for at in 0..word.len() {
        let (before, after) = word.split_at(at);
        slips.push(format!("{before}{}", &after[1..]));
        slips.push(format!("{before}x{}", &after[1..]));
        slips.push(format!("{before}x{after}"));
        slips.push(format!("{before}{}{after}", &after[..1]));
        slips.push(format!(
            "{before}{}{}",
            after[..1].to_uppercase(),
            &after[1..]
        ));
        if after.len() > 1 {
            slips.push(format!(
                "{before}{}{}{}",
                &after[1..2],
                &after[..1],
                &after[2..]
            ));
        }
    }
    slips.push(format!("{word}s"));
    slips.push(word.replace('_', "-"));
    slips.push(word.replace('_', ""));
    slips.retain(|slip| slip != word && !slip.is_empty());
    slips
}

#[test]
fn one_slip_is_understood() {
    for kind in [&ROOT, &SWITCH, &LISTENER, &LINK, &ROUTE, &METRICS, &FRAMING] {
        for key in kind.keys {
            for slip in slips(key)
                .iter()
                .filter(|slip| !kind.keys.contains(&slip.as_str()))
            {
                let shown = diagnosed(&file(kind, slip));
                let error = format!("unknown key `{slip}` in {}", kind.title);
                let (_, rest) = shown
                    .split_once(&error)
                    .unwrap_or_else(|| panic!("{slip}: {shown}"));
                let (_, rest) = rest.split_once("= help: ").unwrap();
                assert!(
                    rest.starts_with(&format!("did you mean `{key}`?\n")),
                    "{slip} in {}: {rest}",
                    kind.title
                );
            }
        }
    }
}

#[test]
fn one_slip_in_a_name_is_understood() {
    for name in pointsman_iso8583::Dialect::builtin_names() {
        for slip in slips(name) {
            let shown = diagnosed(&edited("iso87-bcd", &slip));
            assert!(
                shown.contains(&format!("did you mean `{name}`?")),
                "{slip}: {shown}"
            );
        }
    }
    let names = pointsman_framing::Kind::ALL.map(pointsman_framing::Kind::name);
    for name in names {
        for slip in slips(name) {
            // `binary-` is one slip away from two names: either is a fair guess.
            if names
                .iter()
                .filter(|name| slips(name).contains(&slip))
                .count()
                > 1
                || names.contains(&slip.as_str())
            {
                continue;
            }
            let shown = diagnosed(&edited(
                "framing = \"binary-2\"",
                &format!("framing = \"{slip}\""),
            ));
            assert!(
                shown.contains(&format!("did you mean `{name}`?")),
                "{slip}: {shown}"
            );
        }
    }
}
