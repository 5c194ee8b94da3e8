//! Listeners: where terminals connect.

use pointsman_engine::limits::SESSION_IN_FLIGHT_DEFAULT;
use pointsman_framing::TERMINAL_FRAME_BYTES_MAX;
use pointsman_switch::ListenerSettings;

use super::address::Binds;
use super::{Names, count, framing, needs, presence, too_many};
use crate::config::diagnostics::Report;
use crate::config::dialects::Dialects;
use crate::config::limits::{
    LISTENER_CONNECTIONS, LISTENER_CONNECTIONS_MAX, LISTENER_IN_FLIGHT_MAX, LISTENERS_MAX,
};
use crate::config::raw::RawListener;

pub(super) fn resolve(
    raw: &[RawListener],
    dialects: &mut Dialects<'_>,
    binds: &mut Binds,
    report: &mut Report,
) -> Vec<Option<ListenerSettings>> {
    too_many("[[listener]]", raw.len(), LISTENERS_MAX, report);
    let mut names = Names::new("listener");
    raw.iter()
        .map(|raw| {
            // Everything is looked at before anything is missed.
            let name = raw.name.as_ref().and_then(|name| names.add(name, report));
            let bind = raw.bind.as_ref().and_then(|bind| {
                let owner = match &name {
                    Some(name) => format!("listener `{name}`"),
                    None => "a listener".to_owned(),
                };
                binds.add(bind, &owner, report)
            });
            let framing = raw
                .framing
                .as_ref()
                .and_then(|raw| framing::resolve(raw, TERMINAL_FRAME_BYTES_MAX, report));
            let dialect = raw
                .dialect
                .as_ref()
                .and_then(|at| dialects.find(at, report));
            framing::warn_about_two_tpdus(raw.framing.as_ref(), dialect.as_deref(), report);
            if let Some(dialect) = &dialect {
                needs::listener(raw, dialect, report);
            }
            let in_flight_max = match &raw.in_flight {
                Some(at) => count("in_flight", at, LISTENER_IN_FLIGHT_MAX, report),
                None => Some(SESSION_IN_FLIGHT_DEFAULT),
            };
            let connections_max = match &raw.connections {
                Some(at) => count("connections", at, LISTENER_CONNECTIONS_MAX, report),
                None => Some(LISTENER_CONNECTIONS),
            };
            let presence = presence::resolve(raw.presence.as_ref(), report);
            Some(ListenerSettings {
                name: name?,
                bind: bind?,
                framing: framing?,
                dialect: dialect?,
                in_flight_max: in_flight_max?,
                connections_max: connections_max?,
                presence: presence?,
            })
        })
        .collect()
}
