//! Routes: which BINs go to which link.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use pointsman_engine::LinkId;
use pointsman_iso8583::{Dialect, Transcoder};
use pointsman_routing::{BinPattern, BuildError, RoutingTable, Rule};
use pointsman_switch::{LinkSettings, ListenerSettings, RouteTable};

use crate::config::diagnostics::{Diagnostic, Report};
use crate::config::raw::{RawConfig, RawRoute};
use crate::config::section::{At, shown};
use crate::config::suggest;

/// Field numbers named in a warning; more are counted.
const FIELDS_NAMED_MAX: usize = 12;

pub(super) struct Routes {
    pub(super) table: Option<RouteTable>,
    /// Which links some route leads to, by index.
    pub(super) used: Vec<bool>,
}

pub(super) fn resolve(raw: &RawConfig, report: &mut Report) -> Routes {
    let before = report.errors();
    let mut links: HashMap<&str, usize> = HashMap::new();
    for (index, link) in raw.links.iter().enumerate() {
        if let Some(name) = &link.name {
            // The first one of two with the same name; that has been reported.
            links.entry(name.value.as_str()).or_insert(index);
        }
    }

    let mut used = vec![false; raw.links.len()];
    // A link whose name could not be read may be the one that a route means.
    let every_name_known = raw.links.iter().all(|link| link.name.is_some());
    let mut every_link_known = true;
    let mut bins = Bins::default();
    let mut default: Option<(LinkId, &Range<usize>)> = None;
    let mut rules: Vec<Rule<LinkId>> = Vec::new();
    let mut places: Vec<Vec<&Range<usize>>> = Vec::new();
    for route in &raw.routes {
        let index = route.link.as_ref().and_then(|name| {
            let index = links.get(name.value.as_str()).copied();
            if index.is_none() {
                every_link_known = false;
                if every_name_known {
                    unknown_link(name, &links, report);
                }
            }
            index
        });
        if let Some(used) = index.and_then(|index| used.get_mut(index)) {
            *used = true;
        }
        let link = index
            .and_then(|index| u16::try_from(index).ok())
            .map(LinkId);
        let patterns = bins.read(route, report);
        if let Some(at) = route.default.as_ref().filter(|at| at.value) {
            match (default, link) {
                (Some((_, first)), _) => report.push(
                    Diagnostic::error(at.span.clone(), "there can only be one default route")
                        .label("the second one")
                        .related(first.clone(), "the first one")
                        .help("leave `default` out of one of them"),
                ),
                (None, Some(link)) => default = Some((link, &at.span)),
                (None, None) => {}
            }
        } else if route.bins.is_none() {
            report.push(
                Diagnostic::error(route.head.clone(), "this [[route]] leads nothing to its link")
                    .label("neither `bin` nor `default = true`")
                    .help("add `bin = [\"4\", \"510000-559999\"]`, or `default = true` for all that no other route takes")
                    .absence(),
            );
        }
        if let Some(link) = link {
            let (patterns, spans) = patterns.into_iter().unzip();
            rules.push(Rule {
                bins: patterns,
                link,
            });
            places.push(spans);
        }
    }

    let span = |rule: usize, bin: usize| places.get(rule).and_then(|spans| spans.get(bin)).copied();
    let table = match RoutingTable::build(&rules, default.map(|(link, _)| link)) {
        Ok(table) => Some(table),
        Err(BuildError::Conflicts(conflicts)) => {
            for conflict in conflicts {
                let (first, second) = (conflict.first, conflict.second);
                let (Some(first_span), Some(second_span)) =
                    (span(first.rule, first.bin), span(second.rule, second.bin))
                else {
                    continue;
                };
                report.push(
                    Diagnostic::error(second_span.clone(), conflict.to_string())
                        .label("nothing decides between this one")
                        .related(first_span.clone(), "and this one")
                        .help("the one with more digits wins, then the narrower one: split the overlap off with a BIN of its own"),
                );
            }
            None
        }
        Err(error @ BuildError::TooManyPatterns { .. }) => {
            report.push(Diagnostic::error(0..0, error.to_string()).label("in this file"));
            None
        }
    };
    if every_link_known {
        warn_about_unused(raw, &links, &used, report);
    }
    Routes {
        table: table.filter(|_| report.errors() == before),
        used,
    }
}

fn unknown_link(name: &At<String>, links: &HashMap<&str, usize>, report: &mut Report) {
    unknown_link_among(name, links.keys().copied().collect(), report);
}

/// A table names a link that there is not.
pub(super) fn unknown_link_among(name: &At<String>, mut known: Vec<&str>, report: &mut Report) {
    known.sort_unstable();
    let help = match suggest::nearest(&name.value, known.iter().copied()) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None if known.is_empty() => "add a [[link]] table with this name".to_owned(),
        None => format!(
            "the links are {}",
            suggest::all_of(known.iter().take(20).copied())
        ),
    };
    report.push(
        Diagnostic::error(
            name.span.clone(),
            format!("there is no link `{}`", shown(&name.value)),
        )
        .label("no [[link]] has this name")
        .help(help)
        .absence(),
    );
}

/// All the patterns of a file, each only once.
#[derive(Default)]
struct Bins<'a> {
    seen: HashMap<BinPattern, &'a Range<usize>>,
}

impl<'a> Bins<'a> {
    fn read(
        &mut self,
        route: &'a RawRoute,
        report: &mut Report,
    ) -> Vec<(BinPattern, &'a Range<usize>)> {
        let Some(bins) = &route.bins else {
            return Vec::new();
        };
        if bins.elements.is_empty() && bins.is_whole {
            report.push(
                Diagnostic::error(bins.span.clone(), "`bin` is an empty list")
                    .label("matches no card")
                    .help("add prefixes such as \"4\" or ranges such as \"510000-559999\""),
            );
        }
        let mut patterns = Vec::new();
        for bin in &bins.elements {
            let pattern: BinPattern = match bin.value.parse() {
                Ok(pattern) => pattern,
                Err(error) => {
                    report.push(
                        Diagnostic::error(
                            bin.span.clone(),
                            format!("`{}` is not a BIN", shown(&bin.value)),
                        )
                        .label(error.to_string())
                        .help("write a prefix such as \"411111\" or a range such as \"510000-559999\""),
                    );
                    continue;
                }
            };
            if let Some(first) = self.seen.insert(pattern, &bin.span) {
                report.push(
                    Diagnostic::error(bin.span.clone(), format!("BIN {pattern} is listed twice"))
                        .label("the second time")
                        .related(first.clone(), "the first time")
                        .help("leave one of them out"),
                );
                continue;
            }
            patterns.push((pattern, &bin.span));
        }
        patterns
    }
}

fn warn_about_unused(
    raw: &RawConfig,
    links: &HashMap<&str, usize>,
    used: &[bool],
    report: &mut Report,
) {
    for (index, link) in raw.links.iter().enumerate() {
        let Some(name) = &link.name else { continue };
        // The second one of two with the same name cannot be meant by any route.
        let is_first = links.get(name.value.as_str()) == Some(&index);
        if !is_first || used.get(index) == Some(&true) {
            continue;
        }
        report.push(
            Diagnostic::warning(
                name.span.clone(),
                format!("no route leads to link `{}`", shown(&name.value)),
            )
            .label("it connects, but nothing is sent to it")
            .help(format!(
                "add a [[route]] with `link = \"{}\"`, or remove the link",
                shown(&name.value)
            ))
            .absence(),
        );
    }
}

/// A request is forwarded whole or declined: fields that a terminal may send and a bank's dialect cannot take are worth
/// knowing before the first terminal does.
pub(super) fn warn_about_fields(
    listeners: &[Option<ListenerSettings>],
    links: &[Option<LinkSettings>],
    used: &[bool],
    raw: &RawConfig,
    report: &mut Report,
) {
    // Comparing two dialects is cheap, but not for each of many listeners with each of many links.
    let mut compared: HashMap<(*const Dialect, *const Dialect), Vec<u8>> = HashMap::new();
    for (link, raw_link) in links
        .iter()
        .zip(&raw.links)
        .zip(used)
        .filter(|(_, used)| **used)
        .map(|(pair, _)| pair)
    {
        for (listener, raw_listener) in listeners.iter().zip(&raw.listeners) {
            let (Some(link), Some(listener)) = (link, listener) else {
                continue;
            };
            let key = (Arc::as_ptr(&listener.dialect), Arc::as_ptr(&link.dialect));
            let mut first_time = false;
            let fields = compared.entry(key).or_insert_with(|| {
                first_time = true;
                Transcoder::new(&listener.dialect, &link.dialect)
                    .not_carried()
                    .iter()
                    .collect()
            });
            let (Some(at), Some(from)) = (&raw_link.dialect, &raw_listener.dialect) else {
                continue;
            };
            if fields.is_empty() || !first_time {
                continue;
            }
            report.push(
                Diagnostic::warning(
                    at.span.clone(),
                    format!(
                        "link `{}` cannot carry {} of listener `{}`",
                        link.name,
                        counted(fields),
                        listener.name
                    ),
                )
                .label("this dialect lacks them or has another type for them")
                .related(from.span.clone(), "this one has them")
                .help("a request with such a field is declined; a terminal that never sends one is not affected"),
            );
        }
    }
}

/// `field 48`, `fields 48, 60 and 62`, `fields 2, 3, … and 20 more`.
fn counted(fields: &[u8]) -> String {
    let texts: Vec<String> = fields.iter().map(u8::to_string).collect();
    match texts.as_slice() {
        [only] => format!("field {only}"),
        [rest @ .., last] if texts.len() <= FIELDS_NAMED_MAX => {
            format!("fields {} and {last}", rest.join(", "))
        }
        _ => {
            let named: Vec<&str> = texts
                .iter()
                .take(FIELDS_NAMED_MAX)
                .map(String::as_str)
                .collect();
            format!(
                "fields {} and {} more",
                named.join(", "),
                texts.len() - named.len()
            )
        }
    }
}
