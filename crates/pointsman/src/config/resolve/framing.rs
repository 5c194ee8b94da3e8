//! Framing: one of the five kinds, with its options.

use pointsman_framing::{Framing, KeepAlive, Kind};
use pointsman_iso8583::Dialect;

use crate::config::diagnostics::{Diagnostic, Report};
use crate::config::limits::{FRAME_BYTES_MAX, FRAME_BYTES_MIN};
use crate::config::raw::RawFraming;
use crate::config::section::{At, shown};
use crate::config::suggest;

/// `frame_bytes_max` is the default, which a kind with a shorter prefix lowers.
pub(super) fn resolve(
    raw: &RawFraming,
    frame_bytes_max: usize,
    report: &mut Report,
) -> Option<Framing> {
    let kind = raw
        .kind
        .as_ref()
        .and_then(|at| named("framing", at, &Kind::ALL.map(Kind::name), report));
    let keep_alive = match &raw.keep_alive {
        Some(at) => named(
            "keep-alive policy",
            at,
            &KeepAlive::ALL.map(KeepAlive::name),
            report,
        ),
        None => Some(KeepAlive::default()),
    };
    // Without a kind the limit can still be checked against what every kind allows.
    let prefix_max = kind.map_or(usize::MAX, Kind::frame_bytes_max);
    let max = match &raw.max {
        Some(at) => limit(at, kind, prefix_max, report),
        None => Some(frame_bytes_max.min(prefix_max)),
    };
    let tpdu = raw.tpdu.as_ref().is_some_and(|at| at.value);
    Some(
        Framing::new(kind?)
            .with_tpdu(tpdu)
            .with_frame_bytes_max(max?)
            .with_keep_alive(keep_alive?),
    )
}

fn named<T: std::str::FromStr>(
    what: &str,
    at: &At<String>,
    names: &[&'static str],
    report: &mut Report,
) -> Option<T> {
    let parsed = at.value.parse().ok();
    if parsed.is_none() {
        report.push(
            Diagnostic::error(
                at.span.clone(),
                format!("unknown {what} `{}`", shown(&at.value)),
            )
            .label(format!(
                "expected {}",
                suggest::one_of(names.iter().copied())
            ))
            .help(match suggest::nearest(&at.value, names.iter().copied()) {
                Some(name) => format!("did you mean `{name}`?"),
                None => "docs/configuration.md says how each looks on the wire".to_owned(),
            }),
        );
    }
    parsed
}

fn limit(
    at: &At<u64>,
    kind: Option<Kind>,
    prefix_max: usize,
    report: &mut Report,
) -> Option<usize> {
    let prefix_max = u64::try_from(prefix_max).unwrap_or(u64::MAX);
    let max = prefix_max.min(FRAME_BYTES_MAX);
    if (FRAME_BYTES_MIN..=max).contains(&at.value) {
        return usize::try_from(at.value).ok();
    }
    let label = match kind {
        Some(kind) if (prefix_max + 1..=FRAME_BYTES_MAX).contains(&at.value) => {
            format!("a `{kind}` prefix cannot say more than {prefix_max}")
        }
        _ => "out of range".to_owned(),
    };
    report.push(
        Diagnostic::error(
            at.span.clone(),
            format!("`max` must be from {FRAME_BYTES_MIN} to {max} bytes"),
        )
        .label(label),
    );
    None
}

/// A dialect with a transport header of its own takes the TPDU for part of the message; with both there would have to be
/// two of them on the wire.
pub(super) fn warn_about_two_tpdus(
    raw: Option<&RawFraming>,
    dialect: Option<&Dialect>,
    report: &mut Report,
) {
    let Some(tpdu) = raw
        .and_then(|raw| raw.tpdu.as_ref())
        .filter(|tpdu| tpdu.value)
    else {
        return;
    };
    let Some(dialect) = dialect.filter(|dialect| dialect.header_length() > 0) else {
        return;
    };
    report.push(
        Diagnostic::warning(
            tpdu.span.clone(),
            format!(
                "dialect `{}` reads a header of {} bytes itself, and the framing takes off a TPDU before it",
                shown(dialect.name()),
                dialect.header_length()
            ),
        )
        .label("one TPDU too many, unless the peer sends two")
        .help("leave out `tpdu`: the dialect's header contains it"),
    );
}
