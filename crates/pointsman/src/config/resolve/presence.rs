//! `presence`: what is done about messages that break their dialect's rules.

use pointsman_engine::PresencePolicy;

use crate::config::diagnostics::{Diagnostic, Report};
use crate::config::section::{At, shown};
use crate::config::suggest;

/// `None`: the word is none, which was reported.
pub(super) fn resolve(raw: Option<&At<String>>, report: &mut Report) -> Option<PresencePolicy> {
    let Some(at) = raw else {
        return Some(PresencePolicy::default());
    };
    let known = PresencePolicy::ALL;
    let policy = known.into_iter().find(|policy| policy.label() == at.value);
    if policy.is_none() {
        let words = known.map(PresencePolicy::label);
        let help = match suggest::nearest(&at.value, words) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => format!("`presence` is {}", suggest::one_of(words)),
        };
        let message = format!("`{}` is nothing to do about a message", shown(&at.value));
        report.push(
            Diagnostic::error(at.span.clone(), message)
                .label("not a word for `presence`")
                .help(help),
        );
    }
    policy
}
