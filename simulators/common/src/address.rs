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
    let is_port = |port: &str| port.parse::<u16>().is_ok();
    let Some((host, _)) = text
        .rsplit_once(':')
        .filter(|(host, port)| !host.is_empty() && is_port(port))
    else {
        return Err(
            Failure::new(Exit::USAGE, format_args!("`{text}` is no address"))
                .hint("expected HOST:PORT, such as 127.0.0.1:8583"),
        );
    };
    // EX_NOHOST (68) would fit too, but whoever scripts this wants one code for a peer that is not there.
    let unknown = |reason: &dyn std::fmt::Display| {
        Failure::new(Exit::UNAVAILABLE, format_args!("{host}: {reason}")).hint(format_args!(
            "`getent hosts {host}` shows whether this machine knows the name"
        ))
    };
    let mut addresses = tokio::net::lookup_host(text)
        .await
        .map_err(|error| unknown(&error))?;
    addresses
        .next()
        .ok_or_else(|| unknown(&"the name has no address"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_no_address_is_told_from_what_is_not_there() {
        for text in ["localhost", "localhost:", ":8583", "localhost:99999", "a:b"] {
            assert_eq!(resolve(text).await.unwrap_err().exit, Exit::USAGE, "{text}");
        }
        // RFC 6761 6.4: nobody has a name in `invalid`.
        let unknown = resolve("bank.invalid:8583").await.unwrap_err();
        assert_eq!(unknown.exit, Exit::UNAVAILABLE);
        assert!(unknown.message.starts_with("bank.invalid: "), "{unknown}");
        assert!(resolve("localhost:8583").await.is_ok());
        assert!(resolve("[::1]:8583").await.is_ok());
    }
}
