//! Links: the banks and acquirers that the switch connects to.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::ops::Range;

use pointsman_engine::limits::{LINK_IN_FLIGHT_DEFAULT, RESPONSE_TIMEOUT_DEFAULT};
use pointsman_engine::{Backoff, StoreForwardProfile};
use pointsman_framing::HOST_FRAME_BYTES_MAX;
use pointsman_iso8583::{Dialect, FieldSet};
use pointsman_switch::LinkSettings;

use super::address::Binds;
use super::{Names, address, count, framing, needs, period, presence, too_many};
use crate::config::diagnostics::{Diagnostic, Report};
use crate::config::dialects::Dialects;
use crate::config::limits::{
    ADDRESSES_MAX, ECHO_MAX, LINK_IN_FLIGHT_MAX, LINK_TIMEOUT_MAX, LINKS_MAX, MATCH_FIELDS_MAX,
    SAF_EXPIRE_MAX, SAF_PAUSE_MAX, SAF_WINDOW_MAX,
};
use crate::config::raw::RawLink;
use crate::config::section::{List, shown};

/// Systems trace audit number: what the switch itself makes different in each request of a link.
const STAN: u8 = 11;
/// Card acceptor terminal identification.
const TERMINAL: u8 = 41;
/// What names a request if the file says nothing: our own STAN, and the terminal that it was for.
const MATCH_FIELDS: [u8; 2] = [STAN, TERMINAL];
/// The fields that an answer repeats from its request unchanged (ISO 8583-1:1987, table 5: mandatory echo) and that are
/// no card data: 3 processing code, 7 transmission date and time, 11 STAN, 12 and 13 local time and date, 24 network
/// international identifier, 32 and 33 acquirer and forwarder, 37 retrieval reference number, 41 terminal, 42 merchant.
/// An amount is not among them: a partial approval (response code 10) changes it.
const ECHOED_FIELDS: [u8; 11] = [3, 7, STAN, 12, 13, 24, 32, 33, 37, 41, 42];

pub(super) fn resolve(
    raw: &[RawLink],
    dialects: &mut Dialects<'_>,
    binds: &Binds,
    report: &mut Report,
) -> Vec<Option<LinkSettings>> {
    too_many("[[link]]", raw.len(), LINKS_MAX, report);
    let mut names = Names::new("link");
    // Two switches with the same file must not call a bank back at the same moments.
    let seeds = RandomState::new();
    raw.iter()
        .map(|raw| {
            let name = raw.name.as_ref().and_then(|name| names.add(name, report));
            let connect = raw
                .connect
                .as_ref()
                .and_then(|connect| addresses(connect, binds, report));
            let framing = raw
                .framing
                .as_ref()
                .and_then(|raw| framing::resolve(raw, HOST_FRAME_BYTES_MAX, report));
            let dialect = raw
                .dialect
                .as_ref()
                .and_then(|at| dialects.find(at, report));
            framing::warn_about_two_tpdus(raw.framing.as_ref(), dialect.as_deref(), report);
            if let Some(dialect) = &dialect {
                needs::link(raw, dialect, report);
            }
            let match_fields = match &raw.match_fields {
                Some(at) => match_fields(at, dialect.as_deref(), report),
                None => default_match_fields(raw, dialect.as_deref(), report),
            };
            let timeout = match &raw.timeout {
                Some(at) => period("timeout", at, LINK_TIMEOUT_MAX, report),
                None => Some(RESPONSE_TIMEOUT_DEFAULT),
            };
            let echo = match &raw.echo {
                Some(at) => period("echo", at, ECHO_MAX, report).map(Some),
                None => Some(None),
            };
            let in_flight_max = match &raw.in_flight {
                Some(at) => count("in_flight", at, LINK_IN_FLIGHT_MAX, report),
                None => Some(LINK_IN_FLIGHT_DEFAULT),
            };
            let presence = presence::resolve(raw.presence.as_ref(), report);
            let store_forward = store_forward(raw, report);
            let name = name?;
            Some(LinkSettings {
                seed: seeds.hash_one(&name),
                name,
                connect: connect?,
                framing: framing?,
                dialect: dialect?,
                match_fields: match_fields?,
                timeout: timeout?,
                sign_on: raw.sign_on.as_ref().is_none_or(|at| at.value),
                echo: echo?,
                in_flight_max: in_flight_max?,
                presence: presence?,
                store_forward: store_forward?,
                stand_in: Vec::new(),
                hot_cards: Vec::new(),
            })
        })
        .collect()
}

/// How the link tells its bank what has to arrive.
fn store_forward(raw: &RawLink, report: &mut Report) -> Option<StoreForwardProfile> {
    let usual = StoreForwardProfile::default();
    let window = match &raw.saf_window {
        Some(at) => count("saf_window", at, SAF_WINDOW_MAX, report),
        None => Some(usual.window),
    };
    let first = match &raw.saf_pause {
        Some(at) => period("saf_pause", at, SAF_PAUSE_MAX, report),
        None => Some(usual.backoff.first),
    };
    let max = match &raw.saf_pause_max {
        Some(at) => period("saf_pause_max", at, SAF_PAUSE_MAX, report),
        None => first.map(|first| usual.backoff.max.max(first)),
    };
    let expire = match &raw.saf_expire {
        Some(at) => period("saf_expire", at, SAF_EXPIRE_MAX, report),
        None => Some(usual.expire),
    };
    if let (Some(first), Some(max), Some(at)) = (first, max, &raw.saf_pause_max)
        && max < first
    {
        report.push(
            Diagnostic::error(
                at.span.clone(),
                "the longest pause is shorter than the first".to_owned(),
            )
            .label("`saf_pause` is longer")
            .help("pauses double from `saf_pause` up to `saf_pause_max`"),
        );
        return None;
    }
    Some(StoreForwardProfile {
        window: window?,
        backoff: Backoff {
            first: first?,
            max: max?,
        },
        expire: expire?,
        ..usual
    })
}

fn addresses(list: &List<String>, binds: &Binds, report: &mut Report) -> Option<Vec<String>> {
    let is_empty = list.elements.is_empty() && list.is_whole;
    if is_empty || list.elements.len() > ADDRESSES_MAX {
        report.push(
            Diagnostic::error(
                list.span.clone(),
                format!("`connect` must have from 1 to {ADDRESSES_MAX} addresses"),
            )
            .label(format!("there are {}", list.elements.len()))
            .help("they are tried in turn until one answers"),
        );
        return None;
    }
    let mut seen: Vec<(&str, &Range<usize>)> = Vec::new();
    let mut addresses = Some(Vec::new());
    for one in &list.elements {
        let Some(address) = address::connect(one, report) else {
            addresses = None;
            continue;
        };
        if let Some((_, first)) = seen.iter().find(|(other, _)| *other == address) {
            report.push(
                Diagnostic::error(one.span.clone(), format!("`{address}` is listed twice"))
                    .label("the second time")
                    .related((*first).clone(), "the first time")
                    .help("leave one of them out"),
            );
        }
        if let Some(own) = binds.own(&address) {
            report.push(
                Diagnostic::warning(
                    one.span.clone(),
                    "this link connects the switch to itself".to_owned(),
                )
                .label("the bank's address belongs here")
                .related(own, "this is our own")
                .help("a request that comes here would go round in a circle"),
            );
        }
        seen.push((&one.value, &one.span));
        if let Some(addresses) = &mut addresses {
            addresses.push(address);
        }
    }
    addresses
}

/// Without a dialect the fields can still be checked against the standard.
fn match_fields(
    list: &List<u64>,
    dialect: Option<&Dialect>,
    report: &mut Report,
) -> Option<Vec<u8>> {
    let before = report.errors();
    let mut fields: Vec<u8> = Vec::new();
    for one in &list.elements {
        let error = |message: String| Diagnostic::error(one.span.clone(), message);
        let Some(field) = u8::try_from(one.value)
            .ok()
            .filter(|field| (2..=FieldSet::NUMBER_MAX).contains(field))
        else {
            report.push(
                error(format!("there is no field {}", one.value))
                    .label("fields have the numbers 2 to 192"),
            );
            continue;
        };
        if fields.contains(&field) {
            report.push(error(format!("field {field} is listed twice")).label("the second time"));
            continue;
        }
        fields.push(field);
        if !ECHOED_FIELDS.contains(&field) {
            report.push(
                error(format!("answers cannot be matched by field {field}"))
                    .label("an answer need not repeat it, or it is card data")
                    .help(format!(
                        "the fields to choose from are {}",
                        numbers(&ECHOED_FIELDS)
                    )),
            );
        } else if let Some(dialect) =
            dialect.filter(|dialect| field != STAN && dialect.field(field).is_none())
        {
            // Without a STAN the dialect is of no use at all, which `needs` has said.
            report.push(
                error(format!(
                    "dialect `{}` does not have field {field}",
                    shown(dialect.name())
                ))
                .label("no answer can carry it")
                .help("leave it out of `match`"),
            );
        }
    }
    if list.elements.len() > MATCH_FIELDS_MAX {
        report.push(
            Diagnostic::error(
                list.span.clone(),
                format!("`match` can have at most {MATCH_FIELDS_MAX} fields"),
            )
            .label(format!("there are {}", list.elements.len())),
        );
    }
    if report.errors() == before && list.is_whole {
        if fields.is_empty() {
            report.push(
                Diagnostic::error(list.span.clone(), "`match` is an empty list")
                    .label("every answer would belong to every request")
                    .help(format!(
                        "leave `match` out to match by {}",
                        numbers(&MATCH_FIELDS)
                    )),
            );
        } else if !fields.contains(&STAN) {
            report.push(
                Diagnostic::warning(list.span.clone(), format!("`match` has no field {STAN}"))
                    .label("two requests may have the same values")
                    .help(format!(
                        "a second request with the values of an open one is declined; field {STAN} is different in each request of a link"
                    )),
            );
        }
    }
    (report.errors() == before).then_some(fields)
}

/// Nobody wrote it, so what is missing is said where the dialect is named. [`needs`] has said so of the STAN.
fn default_match_fields(
    raw: &RawLink,
    dialect: Option<&Dialect>,
    report: &mut Report,
) -> Option<Vec<u8>> {
    let dialect = dialect?;
    let has = |field: u8| dialect.field(field).is_some();
    if let Some(at) = raw.dialect.as_ref().filter(|_| !has(TERMINAL)) {
        report.push(
            Diagnostic::error(
                at.span.clone(),
                format!(
                    "dialect `{}` does not have field {TERMINAL}",
                    shown(dialect.name())
                ),
            )
            .label(format!(
                "without `match`, answers are matched by {}",
                numbers(&MATCH_FIELDS)
            ))
            .help(format!(
                "add the field to the dialect, or write `match = [{STAN}]` if answers need not name the terminal"
            )),
        );
    }
    MATCH_FIELDS
        .into_iter()
        .all(has)
        .then(|| MATCH_FIELDS.to_vec())
}

/// 3, 7 and 11.
fn numbers(fields: &[u8]) -> String {
    let texts: Vec<String> = fields.iter().map(u8::to_string).collect();
    match texts.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} and {last}", rest.join(", ")),
        _ => texts.concat(),
    }
}
