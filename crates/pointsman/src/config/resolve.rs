//! The second stage: every value parsed, every name looked up, every rule between them checked.
//!
//! Nothing stops at the first mistake. A part that cannot be made is left out and has been reported; the whole is only
//! made if nothing was.

mod address;
mod framing;
mod journal;
mod links;
mod listeners;
mod needs;
mod presence;
mod routes;
mod stand_in;

use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::ops::{Range, RangeInclusive};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use pointsman_engine::limits::SIGN_OFF_TIMEOUT_MAX;
use pointsman_switch::{LinkSettings, SwitchSettings};

use super::Config;
use super::diagnostics::{Diagnostic, Report};
use super::dialects::Dialects;
use super::duration;
use super::limits::{DRAIN_TIMEOUT, DRAIN_TIMEOUT_MAX, NAME_BYTES_MAX, THREADS_MAX};
use super::raw::{RawConfig, RawSwitch};
use super::section::{At, shown};
use address::Binds;

/// `directory` is where relative file names start: the configuration file's own.
pub(crate) fn resolve(raw: &RawConfig, directory: &Path, report: &mut Report) -> Option<Config> {
    let mut dialects = Dialects::new(directory);
    let mut binds = Binds::default();
    let switch = switch(&raw.switch, report);
    let listeners = listeners::resolve(&raw.listeners, &mut dialects, &mut binds, report);
    let mut links = links::resolve(&raw.links, &mut dialects, &binds, report);
    stand_in::resolve(&raw.stand_ins, directory, &mut links, report);
    warn_about_short_drain(raw, switch.drain_timeout, &links, report);
    let metrics = raw
        .metrics
        .bind
        .as_ref()
        .map(|bind| binds.add(bind, "[metrics]", report));
    let journal = journal::resolve(&raw.journal, directory, report);
    let routes = routes::resolve(raw, report);
    routes::warn_about_fields(&listeners, &links, &routes.used, raw, report);

    Some(Config {
        switch: SwitchSettings {
            threads: switch.threads?,
            drain_timeout: switch.drain_timeout?,
            listeners: listeners.into_iter().collect::<Option<_>>()?,
            links: links.into_iter().collect::<Option<_>>()?,
            routes: Arc::new(routes.table?),
            journal: journal?,
        },
        // Three cases: no such table, a good address, a bad one.
        metrics: match metrics {
            None => None,
            Some(bind) => Some(bind?),
        },
    })
}

struct Switch {
    threads: Option<NonZeroUsize>,
    drain_timeout: Option<Duration>,
}

fn switch(raw: &RawSwitch, report: &mut Report) -> Switch {
    Switch {
        threads: match &raw.threads {
            Some(threads) => {
                count("threads", threads, THREADS_MAX, report).and_then(NonZeroUsize::new)
            }
            None => Some(std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN)),
        },
        drain_timeout: match &raw.drain_timeout {
            Some(text) => period("drain_timeout", text, DRAIN_TIMEOUT_MAX, report),
            None => Some(DRAIN_TIMEOUT),
        },
    }
}

/// A drain waits for the answers that are due, and for the sign-offs after them.
fn warn_about_short_drain(
    raw: &RawConfig,
    drain_timeout: Option<Duration>,
    links: &[Option<LinkSettings>],
    report: &mut Report,
) {
    let slowest = links
        .iter()
        .zip(&raw.links)
        .filter_map(|(link, raw)| Some((link.as_ref()?, raw)));
    let (Some(drain_timeout), Some((link, raw_link))) =
        (drain_timeout, slowest.max_by_key(|(link, _)| link.timeout))
    else {
        return;
    };
    let needed = link.timeout.saturating_add(SIGN_OFF_TIMEOUT_MAX);
    if drain_timeout >= needed {
        return;
    }
    let message = format!(
        "a drain may take {}, and link `{}` waits {} for an answer",
        duration::show(drain_timeout),
        link.name,
        duration::show(link.timeout)
    );
    let timeout = raw_link.timeout.as_ref().map(|at| at.span.clone());
    let drain = raw.switch.drain_timeout.as_ref().map(|at| at.span.clone());
    let at = drain.clone().or(timeout.clone()).unwrap_or(0..0);
    let mut warning = Diagnostic::warning(at, message)
        .label("requests in flight may be cut off")
        .help(format!(
            "set `drain_timeout` in [switch] to `\"{}\"` or more",
            duration::show(needed)
        ));
    if let (Some(_), Some(timeout)) = (drain, timeout) {
        warning = warning.related(timeout, "the longest deadline");
    }
    report.push(warning);
}

/// A number from 1 to `max`.
fn count(key: &str, at: &At<u64>, max: u64, report: &mut Report) -> Option<usize> {
    if (1..=max).contains(&at.value) {
        return usize::try_from(at.value).ok();
    }
    report.push(
        Diagnostic::error(at.span.clone(), format!("`{key}` must be from 1 to {max}"))
            .label("out of range"),
    );
    None
}

/// A number within a range.
fn within(
    name: &str,
    at: &At<u64>,
    range: RangeInclusive<u64>,
    report: &mut Report,
) -> Option<u64> {
    if range.contains(&at.value) {
        return Some(at.value);
    }
    report.push(
        Diagnostic::error(
            at.span.clone(),
            format!("`{name}` must be from {} to {}", range.start(), range.end()),
        )
        .label("out of range"),
    );
    None
}

/// A duration above zero, up to `max`.
fn period(key: &str, at: &At<String>, max: Duration, report: &mut Report) -> Option<Duration> {
    let Some(duration) = duration::parse(&at.value) else {
        report.push(
            Diagnostic::error(
                at.span.clone(),
                format!("`{}` is not a duration", shown(&at.value)),
            )
            .label("needs a whole number and a unit")
            .help("the units are `ms`, `s`, `m` and `h`, as in `\"250ms\"` or `\"15s\"`"),
        );
        return None;
    };
    if duration.is_zero() || duration > max {
        report.push(
            Diagnostic::error(
                at.span.clone(),
                format!(
                    "`{key}` must be above zero and at most {}",
                    duration::show(max)
                ),
            )
            .label(if duration.is_zero() {
                "this is zero"
            } else {
                "this is more"
            }),
        );
        return None;
    }
    Some(duration)
}

/// The names of one kind of thing, each only once.
struct Names {
    /// `link` or `listener`.
    what: &'static str,
    seen: HashMap<String, Range<usize>>,
}

impl Names {
    fn new(what: &'static str) -> Self {
        Names {
            what,
            seen: HashMap::new(),
        }
    }

    fn add(&mut self, at: &At<String>, report: &mut Report) -> Option<Arc<str>> {
        let name = at.value.as_str();
        let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        if name.is_empty() || name.len() > NAME_BYTES_MAX || !name.chars().all(is_plain) {
            report.push(
                Diagnostic::error(
                    at.span.clone(),
                    format!("`{}` cannot be the name of a {}", shown(name), self.what),
                )
                .label("not a name")
                .help(format!(
                    "a name is 1 to {NAME_BYTES_MAX} letters, digits, `-`, `_` and `.`: it becomes a label of the metrics"
                )),
            );
            return None;
        }
        if let Some(first) = self.seen.get(name) {
            report.push(
                Diagnostic::error(
                    at.span.clone(),
                    format!("there are two {}s with the name `{name}`", self.what),
                )
                .label("the second one")
                .related(first.clone(), "the first one")
                .help("give one of them another name"),
            );
            return None;
        }
        self.seen.insert(name.to_owned(), at.span.clone());
        Some(name.into())
    }
}

fn too_many(title: &str, count: usize, max: usize, report: &mut Report) {
    if count > max {
        report.push(
            Diagnostic::error(
                0..0,
                format!("there are {count} {title} tables, at most {max} are possible"),
            )
            .label("in this file"),
        );
    }
}
