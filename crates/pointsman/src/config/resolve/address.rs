//! Addresses: where to listen, and whom to call.

use std::net::SocketAddr;
use std::ops::Range;

use crate::config::diagnostics::{Diagnostic, Report};
use crate::config::section::{At, shown};

/// The addresses that this process listens on.
#[derive(Default)]
pub(super) struct Binds {
    seen: Vec<(SocketAddr, Range<usize>)>,
}

impl Binds {
    /// `owner` is the table that wants the address.
    pub(super) fn add(
        &mut self,
        at: &At<String>,
        owner: &str,
        report: &mut Report,
    ) -> Option<SocketAddr> {
        let Ok(address) = at.value.parse::<SocketAddr>() else {
            let diagnostic = Diagnostic::error(
                at.span.clone(),
                format!("`{}` is not an address to listen on", shown(&at.value)),
            );
            report.push(match bind_help(&at.value) {
                Some((label, help)) => diagnostic.label(label).help(help),
                None => diagnostic
                    .label("needs an IP address and a port")
                    .help("write `127.0.0.1:8583` for this machine only, `0.0.0.0:8583` for every interface, `[::1]:8583` for IPv6"),
            });
            return None;
        };
        if let Some((_, first)) = self.seen.iter().find(|(other, _)| collide(*other, address)) {
            report.push(
                Diagnostic::error(
                    at.span.clone(),
                    format!("{owner} wants {address}, which is already taken"),
                )
                .label("the second one")
                .related(first.clone(), "the first one")
                .help("give one of them another port"),
            );
            return None;
        }
        self.seen.push((address, at.span.clone()));
        Some(address)
    }

    /// The place where we listen on an address that a link is to call, if we do.
    pub(super) fn own(&self, address: &str) -> Option<Range<usize>> {
        let address = match address.strip_prefix("localhost:") {
            Some(port) => format!("127.0.0.1:{port}").parse(),
            None => address.parse(),
        };
        let address: SocketAddr = address.ok()?;
        self.seen
            .iter()
            .find(|(own, _)| {
                own.port() == address.port()
                    && (own.ip() == address.ip()
                        || (own.ip().is_unspecified() && address.ip().is_loopback()))
            })
            .map(|(_, span)| span.clone())
    }
}

/// Port 0 is chosen by the system, each time another one. An unspecified address takes the port on all the others.
fn collide(a: SocketAddr, b: SocketAddr) -> bool {
    a.port() == b.port()
        && a.port() != 0
        && (a.ip() == b.ip() || a.ip().is_unspecified() || b.ip().is_unspecified())
}

/// What people write instead, and what they mean.
fn bind_help(text: &str) -> Option<(&'static str, String)> {
    let port = |text: &str| text.parse::<u16>().ok();
    let port_alone = port(text).or_else(|| port(text.strip_prefix(':')?));
    if let Some(port) = port_alone {
        return Some((
            "the IP address is missing",
            format!(
                "write `127.0.0.1:{port}` for this machine only or `0.0.0.0:{port}` for every interface"
            ),
        ));
    }
    if text.parse::<std::net::IpAddr>().is_ok() {
        let bracketed = if text.contains(':') {
            format!("[{text}]")
        } else {
            text.to_owned()
        };
        return Some((
            "the port is missing",
            format!("add it, as in `{bracketed}:8583`"),
        ));
    }
    let (host, port) = text
        .rsplit_once(':')
        .map(|(host, digits)| (host, port(digits)))?;
    match port {
        Some(port) if host == "localhost" => Some((
            "needs an IP address, not a name",
            format!("write `127.0.0.1:{port}`"),
        )),
        Some(_) => None,
        None => Some((
            "the port is not a number from 0 to 65535",
            "write it as digits, as in `127.0.0.1:8583`".to_owned(),
        )),
    }
}

/// `host:port` as the resolver takes it.
pub(super) fn connect(at: &At<String>, report: &mut Report) -> Option<String> {
    let text = at.value.as_str();
    let mut wrong = |label: &str, help: &str| {
        report.push(
            Diagnostic::error(
                at.span.clone(),
                format!("`{}` is not an address to connect to", shown(text)),
            )
            .label(label)
            .help(help),
        );
    };
    // An IPv6 address alone would pass for a host and a port.
    if text.parse::<std::net::Ipv6Addr>().is_ok() {
        wrong(
            "the port is missing",
            "an IPv6 address with a port is written `[::1]:9101`",
        );
        return None;
    }
    let Some((host, port)) = text.rsplit_once(':') else {
        wrong("the port is missing", "add it, as in `10.0.0.1:9101`");
        return None;
    };
    if !port
        .parse::<u16>()
        .is_ok_and(|number| number > 0 && port.bytes().all(|b| b.is_ascii_digit()))
    {
        wrong(
            "the port is not a number from 1 to 65535",
            "write the port as digits, as in `10.0.0.1:9101`",
        );
        return None;
    }
    let is_host = match host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
    {
        Some(inner) => inner.parse::<std::net::Ipv6Addr>().is_ok(),
        // RFC 1123 2.1, and the underscore that container networks use.
        None => {
            (1..=253).contains(&host.len())
                && host.split('.').all(|label| {
                    (1..=63).contains(&label.len())
                        && label
                            .bytes()
                            .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
                })
        }
    };
    if !is_host {
        wrong(
            "not a host name or an IP address",
            "write it as `host:port`, as in `bank.example.com:9101` or `[::1]:9101`",
        );
        return None;
    }
    Some(text.to_owned())
}
