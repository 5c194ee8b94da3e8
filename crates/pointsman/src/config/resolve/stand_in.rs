//! `[[stand_in]]`: what may be approved when a bank cannot be asked.

use std::path::Path;

use pointsman_engine::StandInRule;
use pointsman_iso8583::Pan;
use pointsman_routing::{BinPattern, RoutingTable, Rule};
use pointsman_switch::LinkSettings;

use crate::config::diagnostics::{Diagnostic, Report};
use crate::config::file;
use crate::config::limits::{
    HOT_CARDS_BYTES_MAX, STAND_IN_AMOUNT_MAX, STAND_IN_COUNT_MAX, STAND_IN_VALUES_MAX,
    STAND_INS_MAX,
};
use crate::config::raw::RawStandIn;
use crate::config::section::{At, List, shown};

use super::{routes, too_many, within};

/// Gives each rule to its link.
pub(super) fn resolve(
    raw: &[RawStandIn],
    directory: &Path,
    links: &mut [Option<LinkSettings>],
    report: &mut Report,
) {
    too_many("[[stand_in]]", raw.len(), STAND_INS_MAX, report);
    for (number, raw) in raw.iter().enumerate() {
        let rule = rule(number, raw, report);
        let hot_cards = match &raw.hot_cards {
            Some(at) => hot_cards(at, directory, report),
            None => Some(Vec::new()),
        };
        let Some(name) = &raw.link else {
            continue;
        };
        let place = links
            .iter()
            .position(|link| link.as_ref().is_some_and(|link| *link.name == *name.value));
        match (place, links.iter().all(Option::is_some)) {
            (Some(place), _) => {
                if let Some(Some(link)) = links.get_mut(place) {
                    link.stand_in.extend(rule);
                    link.hot_cards.extend(hot_cards.unwrap_or_default());
                }
            }
            (None, true) => {
                let names = links.iter().flatten().map(|link| &*link.name);
                routes::unknown_link_among(name, names.collect(), report);
            }
            // A link that could not be read may be the one; that has been reported.
            (None, false) => {}
        }
    }
}

fn rule(number: usize, raw: &RawStandIn, report: &mut Report) -> Option<StandInRule> {
    let bins = bins(raw.bins.as_ref(), report);
    let merchants = values("merchant", raw.merchants.as_ref(), report, |text| {
        (1..=15)
            .contains(&text.len())
            .then(|| text.trim().to_owned())
    });
    let entry_modes = values("entry_mode", raw.entry_modes.as_ref(), report, |text| {
        let digits: [u8; 2] = text.as_bytes().try_into().ok()?;
        digits.iter().all(u8::is_ascii_digit).then_some(digits)
    });
    let merchant_categories = values("mcc", raw.mccs.as_ref(), report, |code: &u64| {
        u16::try_from(*code).ok().filter(|code| *code <= 9_999)
    });
    let currency = raw.currency.as_ref().and_then(|at| currency(at, report));
    let amount = |name, at: &Option<At<u64>>, report: &mut Report| {
        at.as_ref()
            .and_then(|at| within(name, at, 1..=STAND_IN_AMOUNT_MAX, report))
    };
    let amount_min = match &raw.amount_min {
        Some(at) => within("amount_min", at, 0..=STAND_IN_AMOUNT_MAX, report),
        None => Some(0),
    };
    let amount_max = amount("amount_max", &raw.amount_max, report);
    let card_amount_max = amount("card_amount", &raw.card_amount, report);
    let card_count_max = raw
        .card_count
        .as_ref()
        .and_then(|at| within("card_count", at, 1..=STAND_IN_COUNT_MAX, report));
    if let (Some(min), Some(max), Some(at)) = (amount_min, amount_max, &raw.amount_max)
        && min > max
    {
        report.push(
            Diagnostic::error(
                at.span.clone(),
                "`amount_max` is less than `amount_min`".to_owned(),
            )
            .label("no amount is between them"),
        );
        return None;
    }
    let name = raw.name.as_ref().map(|at| at.value.clone());
    Some(StandInRule {
        name: name
            .unwrap_or_else(|| format!("stand_in {}", number + 1))
            .into(),
        bins: bins?,
        merchants: merchants?,
        merchant_categories: merchant_categories?,
        entry_modes: entry_modes?,
        currency: currency?,
        amount_min: amount_min?,
        amount_max: amount_max?,
        card_count_max: u32::try_from(card_count_max?).unwrap_or(u32::MAX),
        card_amount_max: card_amount_max?,
    })
}

/// Three digits, as field 49 has them (ISO 4217).
fn currency(at: &At<String>, report: &mut Report) -> Option<String> {
    if at.value.len() == 3 && at.value.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(at.value.clone());
    }
    report.push(
        Diagnostic::error(
            at.span.clone(),
            format!("`{}` is no currency", shown(&at.value)),
        )
        .label("needs the three digits of ISO 4217")
        .help("978 is the euro, 840 the US dollar, 156 the yuan"),
    );
    None
}

/// None within: all cards.
#[expect(clippy::option_option, reason = "unreadable, all, or some")]
fn bins(raw: Option<&List<String>>, report: &mut Report) -> Option<Option<RoutingTable<()>>> {
    let Some(list) = raw else {
        return Some(None);
    };
    let patterns = values("bin", Some(list), report, |text| {
        text.parse::<BinPattern>().ok()
    })?;
    let rule = Rule {
        bins: patterns,
        link: (),
    };
    match RoutingTable::build(&[rule], None) {
        Ok(table) => Some(Some(table)),
        Err(error) => {
            report
                .push(Diagnostic::error(list.span.clone(), error.to_string()).label("these BINs"));
            None
        }
    }
}

fn values<T, U>(
    name: &str,
    list: Option<&List<T>>,
    report: &mut Report,
    read: impl Fn(&T) -> Option<U>,
) -> Option<Vec<U>>
where
    T: std::fmt::Display,
{
    let Some(list) = list else {
        return Some(Vec::new());
    };
    if list.elements.len() > STAND_IN_VALUES_MAX {
        report.push(
            Diagnostic::error(
                list.span.clone(),
                format!("`{name}` may have {STAND_IN_VALUES_MAX} values at most"),
            )
            .label(format!("there are {}", list.elements.len())),
        );
        return None;
    }
    let mut values = Some(Vec::new());
    for at in &list.elements {
        match read(&at.value) {
            Some(value) => {
                if let Some(values) = &mut values {
                    values.push(value);
                }
            }
            None => {
                report.push(
                    Diagnostic::error(
                        at.span.clone(),
                        format!("`{}` cannot be a `{name}`", shown(&at.value.to_string())),
                    )
                    .label(match name {
                        "bin" => "needs 1 to 11 digits, or a range of two",
                        "mcc" => "needs up to four digits, as field 18 has them",
                        "entry_mode" => "needs the first two digits of field 22, such as `\"05\"`",
                        _ => "needs 1 to 15 characters, as field 42 has them",
                    }),
                );
                values = None;
            }
        }
    }
    values
}

/// One card number a line; what begins with `#` is for people.
fn hot_cards(at: &At<String>, directory: &Path, report: &mut Report) -> Option<Vec<Pan>> {
    let path = directory.join(&at.value);
    let text = match file::read(&path, HOT_CARDS_BYTES_MAX) {
        Ok(text) => text,
        Err(error) => {
            report.push(
                Diagnostic::error(
                    at.span.clone(),
                    format!("cannot read the hot cards: {error}"),
                )
                .label("this file"),
            );
            return None;
        }
    };
    let lines = text.lines().enumerate();
    let lines = lines.filter(|(_, line)| !line.trim().is_empty() && !line.trim().starts_with('#'));
    let mut cards = Some(Vec::new());
    for (number, line) in lines {
        // What is wrong is a card number nearly: only its place is shown.
        match Pan::parse(line.trim().as_bytes()).filter(|pan| pan.expose().len() >= 12) {
            Some(pan) => {
                if let Some(cards) = &mut cards {
                    cards.push(pan);
                }
            }
            None => {
                report.push(
                    Diagnostic::error(
                        at.span.clone(),
                        format!("line {} of the hot cards is no card number", number + 1),
                    )
                    .label("in this file")
                    .help("one card number of 12 to 19 digits a line"),
                );
                return None;
            }
        }
    }
    cards
}
