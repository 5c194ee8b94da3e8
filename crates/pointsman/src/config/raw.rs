//! The first stage: what the file says, key by key, nothing interpreted yet.
//!
//! A key that is absent is `None`, and so is one whose value has the wrong type; both have been reported where that is
//! an error, so the second stage skips what it does not find.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::diagnostics::{Diagnostic, Report};
use super::section::{At, Kind, List, Section, integer, text, wrong_type};

pub(crate) const ROOT: Kind = Kind {
    title: "the file",
    keys: &[
        "switch", "listener", "link", "route", "stand_in", "journal", "metrics",
    ],
};
pub(crate) const SWITCH: Kind = Kind {
    title: "[switch]",
    keys: &["threads", "drain_timeout"],
};
pub(crate) const LISTENER: Kind = Kind {
    title: "[[listener]]",
    keys: &[
        "name",
        "bind",
        "framing",
        "dialect",
        "in_flight",
        "connections",
        "presence",
    ],
};
pub(crate) const LINK: Kind = Kind {
    title: "[[link]]",
    keys: &[
        "name",
        "connect",
        "framing",
        "dialect",
        "match",
        "timeout",
        "sign_on",
        "echo",
        "in_flight",
        "presence",
        "saf_window",
        "saf_pause",
        "saf_pause_max",
        "saf_expire",
    ],
};
pub(crate) const STAND_IN: Kind = Kind {
    title: "[[stand_in]]",
    keys: &[
        "name",
        "link",
        "bin",
        "merchant",
        "mcc",
        "entry_mode",
        "currency",
        "amount_min",
        "amount_max",
        "card_count",
        "card_amount",
        "hot_cards",
    ],
};
pub(crate) const JOURNAL: Kind = Kind {
    title: "[journal]",
    keys: &[
        "directory",
        "engine",
        "durability",
        "key",
        "keep",
        "keep_max",
        "tables_days",
    ],
};
pub(crate) const ROUTE: Kind = Kind {
    title: "[[route]]",
    keys: &["bin", "link", "default"],
};
pub(crate) const METRICS: Kind = Kind {
    title: "[metrics]",
    keys: &["bind"],
};
pub(crate) const FRAMING: Kind = Kind {
    title: "`framing`",
    keys: &["kind", "tpdu", "max", "keep_alive"],
};

/// Where a misplaced key may belong.
const KINDS: &[&Kind] = &[
    &SWITCH, &LISTENER, &LINK, &ROUTE, &STAND_IN, &JOURNAL, &METRICS, &FRAMING,
];

#[derive(Debug, Default)]
pub(crate) struct RawConfig {
    pub(crate) switch: RawSwitch,
    pub(crate) listeners: Vec<RawListener>,
    pub(crate) links: Vec<RawLink>,
    pub(crate) routes: Vec<RawRoute>,
    pub(crate) stand_ins: Vec<RawStandIn>,
    pub(crate) journal: RawJournal,
    pub(crate) metrics: RawMetrics,
}

#[derive(Debug, Default)]
pub(crate) struct RawSwitch {
    pub(crate) threads: Option<At<u64>>,
    pub(crate) drain_timeout: Option<At<String>>,
}

#[derive(Debug)]
pub(crate) struct RawListener {
    pub(crate) name: Option<At<String>>,
    pub(crate) bind: Option<At<String>>,
    pub(crate) framing: Option<RawFraming>,
    pub(crate) dialect: Option<At<String>>,
    pub(crate) in_flight: Option<At<u64>>,
    pub(crate) connections: Option<At<u64>>,
    pub(crate) presence: Option<At<String>>,
}

#[derive(Debug)]
pub(crate) struct RawLink {
    pub(crate) name: Option<At<String>>,
    pub(crate) connect: Option<List<String>>,
    pub(crate) framing: Option<RawFraming>,
    pub(crate) dialect: Option<At<String>>,
    pub(crate) match_fields: Option<List<u64>>,
    pub(crate) timeout: Option<At<String>>,
    pub(crate) sign_on: Option<At<bool>>,
    pub(crate) echo: Option<At<String>>,
    pub(crate) in_flight: Option<At<u64>>,
    pub(crate) presence: Option<At<String>>,
    pub(crate) saf_window: Option<At<u64>>,
    pub(crate) saf_pause: Option<At<String>>,
    pub(crate) saf_pause_max: Option<At<String>>,
    pub(crate) saf_expire: Option<At<String>>,
}

#[derive(Debug)]
pub(crate) struct RawRoute {
    pub(crate) head: Range<usize>,
    pub(crate) bins: Option<List<String>>,
    pub(crate) link: Option<At<String>>,
    pub(crate) default: Option<At<bool>>,
}

#[derive(Debug)]
pub(crate) struct RawStandIn {
    pub(crate) name: Option<At<String>>,
    pub(crate) link: Option<At<String>>,
    pub(crate) bins: Option<List<String>>,
    pub(crate) merchants: Option<List<String>>,
    pub(crate) mccs: Option<List<u64>>,
    pub(crate) entry_modes: Option<List<String>>,
    pub(crate) currency: Option<At<String>>,
    pub(crate) amount_min: Option<At<u64>>,
    pub(crate) amount_max: Option<At<u64>>,
    pub(crate) card_count: Option<At<u64>>,
    pub(crate) card_amount: Option<At<u64>>,
    pub(crate) hot_cards: Option<At<String>>,
}

#[derive(Debug, Default)]
pub(crate) struct RawJournal {
    pub(crate) head: Range<usize>,
    pub(crate) directory: Option<At<String>>,
    pub(crate) engine: Option<At<String>>,
    pub(crate) durability: Option<At<String>>,
    pub(crate) key: Option<At<String>>,
    pub(crate) keep: Option<At<String>>,
    pub(crate) keep_max: Option<At<String>>,
    pub(crate) tables_days: Option<At<u64>>,
}

#[derive(Debug, Default)]
pub(crate) struct RawMetrics {
    pub(crate) bind: Option<At<String>>,
}

/// `"binary-2"` or `{ kind = "binary-2", … }`.
#[derive(Debug)]
pub(crate) struct RawFraming {
    pub(crate) kind: Option<At<String>>,
    pub(crate) tpdu: Option<At<bool>>,
    pub(crate) max: Option<At<u64>>,
    pub(crate) keep_alive: Option<At<String>>,
}

impl RawConfig {
    pub(crate) fn read(root: &DeTable<'_>, report: &mut Report) -> Self {
        let root = Section::open(&ROOT, KINDS, root, 0..0, report);
        let raw = RawConfig {
            switch: table(&root, "switch", &SWITCH, report)
                .map(|section| RawSwitch {
                    threads: section.integer("threads", report),
                    drain_timeout: section.duration("drain_timeout", report),
                })
                .unwrap_or_default(),
            listeners: tables(&root, "listener", &LISTENER, report, listener),
            links: tables(&root, "link", &LINK, report, link),
            routes: tables(&root, "route", &ROUTE, report, route),
            stand_ins: tables(&root, "stand_in", &STAND_IN, report, stand_in),
            journal: table(&root, "journal", &JOURNAL, report)
                .map(|section| RawJournal {
                    directory: section.text("directory", report),
                    engine: section.text("engine", report),
                    durability: section.text("durability", report),
                    key: section.text("key", report),
                    keep: section.duration("keep", report),
                    keep_max: section.size("keep_max", report),
                    tables_days: section.integer("tables_days", report),
                    head: section.head,
                })
                .unwrap_or_default(),
            metrics: table(&root, "metrics", &METRICS, report)
                .map(|section| {
                    section.require(&[("bind", "\"127.0.0.1:9585\"")], report);
                    RawMetrics {
                        bind: section.text("bind", report),
                    }
                })
                .unwrap_or_default(),
        };
        if root.value("listener").is_none() {
            nothing(report, "[[listener]]", "no terminal could connect");
        }
        if root.value("link").is_none() {
            nothing(report, "[[link]]", "no request could go anywhere");
        }
        raw
    }
}

fn nothing(report: &mut Report, title: &str, consequence: &str) {
    report.push(
        Diagnostic::error(0..0, format!("there is no {title}"))
            .label(consequence)
            .help(format!(
                "add a {title} table; docs/configuration.md has a complete example"
            ))
            .absence(),
    );
}

fn listener(section: Section<'_, '_>, report: &mut Report) -> RawListener {
    section.require(
        &[
            ("name", "\"pos\""),
            ("bind", "\"127.0.0.1:8583\""),
            ("framing", "\"binary-2\""),
            ("dialect", "\"iso87-bcd\""),
        ],
        report,
    );
    RawListener {
        name: section.text("name", report),
        bind: section.text("bind", report),
        framing: framing(&section, report),
        dialect: section.text("dialect", report),
        in_flight: section.integer("in_flight", report),
        connections: section.integer("connections", report),
        presence: section.text("presence", report),
    }
}

fn link(section: Section<'_, '_>, report: &mut Report) -> RawLink {
    section.require(
        &[
            ("name", "\"alpha\""),
            ("connect", "[\"127.0.0.1:9101\"]"),
            ("framing", "\"ascii-4\""),
            ("dialect", "\"iso87-ascii\""),
        ],
        report,
    );
    RawLink {
        name: section.text("name", report),
        connect: section.list("connect", text, report),
        framing: framing(&section, report),
        dialect: section.text("dialect", report),
        match_fields: section.list("match", integer, report),
        timeout: section.duration("timeout", report),
        sign_on: section.boolean("sign_on", report),
        echo: section.duration("echo", report),
        in_flight: section.integer("in_flight", report),
        presence: section.text("presence", report),
        saf_window: section.integer("saf_window", report),
        saf_pause: section.duration("saf_pause", report),
        saf_pause_max: section.duration("saf_pause_max", report),
        saf_expire: section.duration("saf_expire", report),
    }
}

fn stand_in(section: Section<'_, '_>, report: &mut Report) -> RawStandIn {
    section.require(
        &[
            ("link", "\"alpha\""),
            ("currency", "\"978\""),
            ("amount_max", "5000"),
            ("card_count", "2"),
            ("card_amount", "10000"),
        ],
        report,
    );
    RawStandIn {
        name: section.text("name", report),
        link: section.text("link", report),
        bins: section.list("bin", text, report),
        merchants: section.list("merchant", text, report),
        mccs: section.list("mcc", integer, report),
        entry_modes: section.list("entry_mode", text, report),
        currency: section.text("currency", report),
        amount_min: section.integer("amount_min", report),
        amount_max: section.integer("amount_max", report),
        card_count: section.integer("card_count", report),
        card_amount: section.integer("card_amount", report),
        hot_cards: section.text("hot_cards", report),
    }
}

fn route(section: Section<'_, '_>, report: &mut Report) -> RawRoute {
    section.require(&[("link", "\"alpha\"")], report);
    RawRoute {
        bins: section.list("bin", text, report),
        link: section.text("link", report),
        default: section.boolean("default", report),
        head: section.head,
    }
}

fn framing(section: &Section<'_, '_>, report: &mut Report) -> Option<RawFraming> {
    let value = section.value("framing")?;
    match value.get_ref() {
        DeValue::String(kind) => Some(RawFraming {
            kind: Some(At::new(kind.to_string(), value.span())),
            tpdu: None,
            max: None,
            keep_alive: None,
        }),
        DeValue::Table(table) => {
            let section = Section::open(&FRAMING, &[], table, value.span(), report);
            section.require(&[("kind", "\"binary-2\"")], report);
            Some(RawFraming {
                kind: section.text("kind", report),
                tpdu: section.boolean("tpdu", report),
                max: section.integer("max", report),
                keep_alive: section.text("keep_alive", report),
            })
        }
        _ => {
            wrong_type("framing", value, "a string or a table", report);
            None
        }
    }
}

/// A table that may occur once.
fn table<'t, 'i>(
    root: &Section<'t, 'i>,
    key: &'static str,
    kind: &'static Kind,
    report: &mut Report,
) -> Option<Section<'t, 'i>> {
    let value = root.value(key)?;
    match value.get_ref() {
        DeValue::Table(table) => Some(Section::open(kind, KINDS, table, value.span(), report)),
        DeValue::Array(_) => {
            report.push(
                Diagnostic::error(
                    value.span(),
                    format!("there can only be one {}", kind.title),
                )
                .label("this is a list of tables")
                .help(format!("write [{key}] instead of [[{key}]]")),
            );
            None
        }
        _ => {
            wrong_type(key, value, "a table", report);
            None
        }
    }
}

/// A table that may occur any number of times.
fn tables<'t, 'i, T>(
    root: &Section<'t, 'i>,
    key: &'static str,
    kind: &'static Kind,
    report: &mut Report,
    read: fn(Section<'t, 'i>, &mut Report) -> T,
) -> Vec<T> {
    let Some(value) = root.value(key) else {
        return Vec::new();
    };
    let one = |value: &'t Spanned<DeValue<'i>>, report: &mut Report| match value.get_ref() {
        DeValue::Table(table) => {
            let section = Section::open(kind, KINDS, table, value.span(), report);
            Some(read(section, report))
        }
        _ => {
            wrong_type(key, value, "a table", report);
            None
        }
    };
    match value.get_ref() {
        DeValue::Array(array) => array
            .iter()
            .filter_map(|value| one(value, report))
            .collect(),
        DeValue::Table(_) => {
            report.push(
                Diagnostic::error(
                    value.span(),
                    format!("there can be several of {}", kind.title),
                )
                .label("this is a single table")
                .help(format!("write [[{key}]] instead of [{key}]")),
            );
            one(value, report).into_iter().collect()
        }
        _ => {
            wrong_type(key, value, "a table", report);
            Vec::new()
        }
    }
}
