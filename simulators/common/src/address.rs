//! Where to connect to.

use std::net::SocketAddr;

use crate::{Exit, Failure};

/// The first address of HOST:PORT.
///
/// # Errors
/// It is not of that form, or the name is unknown.
pub async fn resolve(text: &str) -> Result<SocketAddr, Failure> {
    if let Ok(address) = text.parse() {
        return Ok(address);
    }
    let failure = |reason: &dyn std::fmt::Display| {
        Failure::new(Exit::USAGE, format_args!("{text}: {reason}"))
            .hint("expected HOST:PORT, such as 127.0.0.1:8583")
    };
    let mut addresses = tokio::net::lookup_host(text)
        .await
        .map_err(|error| failure(&error))?;
    addresses.next().ok_or_else(|| failure(&"no address"))
}
